"""The arguments of `bulk_check`, which raises for invalid ones before it starts anything."""

import importlib
import sys

import pytest

from tests.helpers import KEY, assert_keyless
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


def test_reads_the_key_from_the_environment(monkeypatch):
    with pytest.raises(ValueError, match="VAIROSMS_API_KEY"):
        bulk_check([52])
    monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
    bulk_check([52])


def test_names_the_extra_if_dask_is_missing(monkeypatch):
    for name in ("cluster", "cluster._driver", "cluster._worker"):
        monkeypatch.delitem(sys.modules, f"vairosms_async.{name}")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"pip install 'vairosms-async\[dask\]'"):
        importlib.import_module("vairosms_async.cluster")
