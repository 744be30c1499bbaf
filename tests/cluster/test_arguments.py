"""The arguments of `bulk_check`, which raises for invalid ones before it starts anything."""

import gzip
import importlib
import os
import re
import sys
import types

import pytest

from tests.helpers import KEY, assert_keyless
from tests.platforms import posix
from vairosms_async.cluster import bulk_check


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        pytest.param({"api_key": ""}, ValueError, "api_key is missing", id="no-key"),
        pytest.param(
            {"base_url": "http://panel.example"}, ValueError, "unencrypted", id="insecure-http"
        ),
        pytest.param({"base_url": ""}, ValueError, "base_url must be", id="empty-base_url"),
        pytest.param(
            {"max_concurrency": 0}, ValueError, "max_concurrency must be", id="max_concurrency-0"
        ),
        pytest.param(
            {"partition_size": 0}, ValueError, "partition_size must be", id="partition_size-0"
        ),
        pytest.param({"workers": 0}, ValueError, "workers must be", id="workers-0"),
        pytest.param(
            {"workers": 2, "scheduler": "tls://127.0.0.1:1"},
            ValueError,
            "workers can only be set",
            id="workers-with-an-address",
        ),
        pytest.param({"timeout": -1}, ValueError, "timeout", id="negative-timeout"),
        pytest.param({"retry": 3}, TypeError, "retry", id="retry-int"),
        pytest.param({"ids": "52"}, TypeError, "ids must be", id="ids-str"),
        pytest.param({"ids": 52}, TypeError, "ids must be", id="ids-int"),
        pytest.param({"scheduler": 8786}, TypeError, "scheduler must be", id="scheduler-int"),
    ],
)
def test_rejects_an_invalid_argument(options, error, message):
    with pytest.raises(error, match=message) as caught:
        bulk_check(**{"ids": [52], "api_key": KEY} | options)
    assert_keyless(caught.value)


def test_rejects_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        bulk_check(tmp_path / "ids.txt", api_key=KEY)


def test_rejects_a_folder(tmp_path):
    with pytest.raises(OSError, match=re.escape(str(tmp_path))):
        bulk_check(tmp_path, api_key=KEY)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"PK\x03\x04\x14\0\6\0", id="workbook"),
        pytest.param(gzip.compress(b"52\n"), id="gzip"),
        pytest.param("52\n".encode("utf-16"), id="UTF-16"),
        pytest.param("52\n".encode("utf-16-le"), id="UTF-16 without BOM"),
        pytest.param("gönderim\n52\n".encode("windows-1254"), id="windows-1254"),
        pytest.param(b"\n id;ad\n52;x\n", id="semicolons"),
        pytest.param(b"id,ad\n52,x\n", id="commas"),
        pytest.param(b"id\tad\n52\tx\n", id="tabs"),
        pytest.param(b"id|ad\n52|x\n", id="pipes"),
        pytest.param(b"52, 61, 70", id="one line"),
    ],
)
def test_rejects_a_file_that_is_no_list_of_ids(tmp_path, data):
    path = tmp_path / "ids"
    path.write_bytes(data)
    with pytest.raises(ValueError) as caught:
        bulk_check(path, api_key=KEY)
    assert str(caught.value) == (
        f"{path} is not a UTF-8 text file with one id per line. Read the ids from it yourself, for "
        "example with csv.DictReader, and pass them as ids"
    )


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xef\xbb\xbf\r\n52\r\n61", id="BOM"),
        pytest.param("ş".encode() * 1000, id="a letter across the first bytes"),
    ],
)
def test_accepts_text(tmp_path, data):
    (tmp_path / "ids").write_bytes(b"5" + data)
    bulk_check(tmp_path / "ids", api_key=KEY)
    (tmp_path / "ids").write_bytes(data)
    bulk_check(tmp_path / "ids", api_key=KEY)


@posix
def test_leaves_the_bytes_of_a_pipe_unread(tmp_path):
    os.mkfifo(tmp_path / "ids")
    bulk_check(tmp_path / "ids", api_key=KEY)  # opening it would block


def test_reads_the_key_from_the_environment(monkeypatch):
    with pytest.raises(ValueError, match="VAIROSMS_API_KEY"):
        bulk_check([52])
    monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
    bulk_check([52])


def test_names_the_extra_if_dask_is_missing(monkeypatch):
    for name in ("cluster", "cluster._driver", "cluster._worker"):
        monkeypatch.delitem(sys.modules, f"vairosms_async.{name}")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"'/path/to/the/clone\[dask\]'") as caught:
        importlib.import_module("vairosms_async.cluster")
    assert str(caught.value).startswith("vairosms_async.cluster needs distributed: ")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        pytest.param("distributed", "cannot import name 'Client'", id="shadowed"),
        pytest.param("tornado", r"^(?!vairosms_async).*tornado", id="incomplete"),
    ],
)
def test_reports_a_broken_dask_by_its_own_error(monkeypatch, broken, reason):
    for name in [n for n in sys.modules if n.split(".")[0] in {"distributed", broken}]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("cluster", "cluster._driver", "cluster._worker"):
        monkeypatch.delitem(sys.modules, f"vairosms_async.{name}", raising=False)
    module = types.ModuleType(broken) if broken == "distributed" else None
    monkeypatch.setitem(sys.modules, broken, module)
    with pytest.raises(ImportError, match=reason):
        importlib.import_module("vairosms_async.cluster")
