"""`vairosms bulk`: invalid options, files and keys."""

import errno
from pathlib import Path

import pytest

from tests.cli.helpers import Ran, write_ids
from tests.cli.results import OUTS, check_complete
from tests.helpers import KEY
from tests.platforms import posix
from vairosms_async.cli.formats import FORMATS
from vairosms_async.cli.out import OutFile


@pytest.mark.parametrize(
    ("options", "why"),
    [
        pytest.param("ids", "Missing option '-o'", id="missing OUT"),
        pytest.param("missing -o out", "missing: No such file or directory", id="missing FILE"),
        pytest.param("missing -o exists --resume", "missing: No such file", id="resume"),
        pytest.param("folder -o out", "Error: folder: Is a directory", id="FILE is a folder"),
        pytest.param("ids -o folder", "folder: Is a directory", id="OUT is a folder"),
        pytest.param("ids -o ./ids", "OUT is FILE", id="OUT is FILE"),
        pytest.param("ids -o out.xlsx", "cannot be an Excel workbook", id="OUT is a workbook"),
        pytest.param("ids -o no/out", "no such folder", id="OUT in a missing folder"),
        pytest.param(
            "ids -o exists", "exists exists. Complete it with --resume, or begin", id="OUT exists"
        ),
        pytest.param("ids -o out --resume --overwrite", "give one", id="resume and overwrite"),
        pytest.param("ids -o - --resume", "are for an OUT that is a file", id="resume of stdout"),
        pytest.param("ids -o out --column x", "there is no column 'x'", id="missing column"),
        pytest.param("ids -o out --encoding x", "no such encoding: x", id="unknown encoding"),
        pytest.param("ids -o out --wait-timeout 5", "is for --wait", id="wait timeout alone"),
        pytest.param("ids -o out --timeout 0", "0.0 is not in the range x>0", id="timeout of 0"),
        pytest.param(
            "ids -o out --api-key-file x", "x: No such file or directory", id="missing key file"
        ),
        pytest.param("ids -o out --api-key-file empty", "holds no API key", id="empty key file"),
        pytest.param("ids -o out --api-key-file bytes", "not UTF-8 text", id="binary key file"),
        pytest.param(
            "ids -o out --api-key-file words", "words contains whitespace", id="key of words"
        ),
    ],
)
def test_rejects_before_any_request(vairosms, panel, options, why):
    write_ids([52])
    Path("folder").mkdir()
    Path("exists").write_text("precious")
    Path("empty").write_text("\n")
    Path("bytes").write_bytes(b"\xff\xfe")
    Path("words").write_text("gizli anahtar\n")
    for file in ("empty", "bytes", "words"):
        Path(file).chmod(0o600)
    ran = vairosms("bulk", *options.split())
    assert ran.code == 2
    assert why in ran.err
    assert ran.err.strip().splitlines()[-1].startswith("Error: ")
    assert panel.requests == 0
    assert Path("exists").read_text() == "precious"
    assert Path("ids").read_text() == "52\n"


def test_rejects_a_missing_key(vairosms, monkeypatch):
    monkeypatch.delenv("VAIROSMS_API_KEY")
    write_ids([52])
    ran = vairosms("bulk", "ids", "-o", "out")
    assert ran.code == 2
    assert ran.err == (
        "Error: no API key: set VAIROSMS_API_KEY, or name a file that holds it with "
        "--api-key-file\n"
    )


@posix
@pytest.mark.parametrize(
    ("mode", "warned"),
    [(0o600, False), (0o640, True), (0o604, True)],
    ids=["owner", "group", "others"],
)
def test_warns_of_a_key_file_that_others_can_read(vairosms, monkeypatch, mode, warned):
    monkeypatch.setenv("VAIROSMS_API_KEY", "another-key")
    Path("key").write_text(f"\ufeff{KEY}\r\n", "utf-8")
    Path("key").chmod(mode)
    write_ids([52])
    ran = vairosms("bulk", "ids", "-o", "out", "--api-key-file", "key")
    assert ran.code == 0
    assert ("others on this machine can read the API key in key" in ran.err) == warned


@pytest.mark.parametrize("out", OUTS)
def test_a_refused_key_ends_the_run(vairosms, monkeypatch, panel, out):
    monkeypatch.setenv("VAIROSMS_API_KEY", "gecersiz-anahtar")
    write_ids(range(1, 201))
    ran = vairosms("bulk", "ids", "-o", out)
    assert ran.code == 3
    assert ran.err.startswith("Error: the panel refused the API key: gonderim ")
    assert f"  vairosms bulk ids -o {out} --resume" in ran.err
    assert "gecersiz" not in ran.err
    assert panel.requests <= 16
    monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
    assert vairosms("bulk", "ids", "-o", out, "--resume").code == 0
    check_complete(out, range(1, 201))


def test_an_invalid_option_leaves_out_untouched(vairosms):
    write_ids([52])
    vairosms("bulk", "ids", "-o", "out")
    before = Path("out").read_bytes()
    for value in ("nan", "inf"):
        assert vairosms("bulk", "ids", "-o", "out", "--resume", "--timeout", value).code == 2
    assert Path("out").read_bytes() == before


def test_a_folder_without_permission_is_an_error(vairosms, monkeypatch):
    def raise_permission_error(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    write_ids([52])
    monkeypatch.setattr(Path, "exists", raise_permission_error)
    ran = vairosms("bulk", "ids", "-o", "secret/out")
    assert (ran.code, ran.err) == (2, "Error: secret/out: Permission denied\n")


def test_rejects_an_out_that_another_run_writes(vairosms):
    write_ids([52])
    with OutFile("out", FORMATS["jsonl"]).locked():
        ran = vairosms("bulk", "ids", "-o", "out")
    assert ran == Ran(2, "", "Error: out: another run is writing it\n")
    assert not Path("out").exists()
