"""`vairosms bulk`: invalid options, files and keys."""

import errno
import os
from pathlib import Path

import pytest

from tests.cli.helpers import write_ids
from tests.cli.results import OUTS, check_complete
from tests.helpers import KEY
from tests.platforms import posix
from vairosms_async.cli.store import Store


@pytest.mark.parametrize(
    ("options", "why"),
    [
        pytest.param("ids", "Missing option '-o'", id="missing OUT"),
        pytest.param("missing -o out.csv", "missing: No such file or directory", id="missing FILE"),
        pytest.param("folder -o out.csv", "folder: Is a directory", id="FILE is a folder"),
        pytest.param("ids -o folder.csv", "folder.csv: Is a directory", id="OUT is a folder"),
        pytest.param("ids.csv -o ./ids.csv", "OUT is FILE", id="OUT is FILE"),
        pytest.param("ids.csv -o link.csv", "OUT is FILE", id="OUT is a link to FILE"),
        pytest.param(
            "ids -o out.txt", "out.txt must end in .jsonl, .csv or .xlsx", id="OUT is text"
        ),
        pytest.param("ids -o out.xls", "out.xls must end in .jsonl", id="OUT is an old workbook"),
        pytest.param(
            "ids -o no/out.csv", "No such file or directory", id="OUT in a missing folder"
        ),
        pytest.param(
            "ids -o loop.csv", "loop.csv: Too many levels of symbolic links", id="OUT is a loop"
        ),
        pytest.param("ids -o exists.csv", "or replace it with --overwrite", id="OUT exists"),
        pytest.param("ids -o out.csv --store out.csv", "is FILE or OUT", id="OUT is the store"),
        pytest.param("ids -o out.csv --store ids", "is FILE or OUT", id="FILE is the store"),
        pytest.param("ids -o out.csv --store words", "not a store", id="the store is text"),
        pytest.param("ids -o out.csv --store folder", "Is a directory", id="the store is a folder"),
        pytest.param("ids -o out.csv --column x", "no column 'x'", id="missing column"),
        pytest.param("ids -o out.csv --sheet x", "--sheet", id="sheet of a text"),
        pytest.param("ids -o out.csv --encoding x", "encoding: x", id="unknown encoding"),
        pytest.param("ids -o out.csv --wait-timeout 5", "needs --wait", id="wait timeout alone"),
        pytest.param(
            "ids -o out.csv --timeout 0", "0.0 is not in the range x>0", id="timeout of 0"
        ),
        pytest.param("ids -o out.csv --timeout nan", "not a finite number", id="timeout of nan"),
        pytest.param("ids -o out.csv --offline", "no store out.csv.db", id="offline without store"),
        pytest.param("ids -o - --offline", "--offline needs --store", id="offline to stdout"),
        pytest.param(
            "ids -o out.csv --offline --wait", "--offline cannot be combined", id="offline and wait"
        ),
        pytest.param(
            "ids -o out.csv --offline --fresh", "--offline cannot be combined", id="and fresh"
        ),
        pytest.param(
            "ids -o out.csv --api-key-file x", "x: No such file or directory", id="missing key file"
        ),
        pytest.param(
            "ids -o out.csv --api-key-file empty", "holds no API key", id="empty key file"
        ),
        pytest.param(
            "ids -o out.csv --api-key-file bytes",
            "not UTF-8 text. Save it as UTF-8",
            id="binary key file",
        ),
        pytest.param(
            "ids -o out.csv --api-key-file words",
            "the API key in words contains whitespace",
            id="key of words",
        ),
    ],
)
def test_rejects_before_any_request(vairosms, panel, options, why):
    write_ids([52])
    write_ids([52], "ids.csv")
    Path("folder").mkdir()
    Path("folder.csv").mkdir()
    Path("link.csv").symlink_to("ids.csv")
    Path("loop.csv").symlink_to("loop.csv")
    Path("exists.csv").write_text("precious")
    Path("empty").write_text("\n")
    Path("bytes").write_bytes(b"\xff\xfe")
    Path("words").write_text("gizli anahtar\n")
    for file in ("empty", "bytes", "words"):
        Path(file).chmod(0o600)
    before = {path: path.is_file() and path.read_bytes() for path in Path().iterdir()
              if path.name != "loop.csv"}  # fmt: skip
    ran = vairosms("bulk", *options.split())
    assert ran.code == 2
    assert why in ran.err
    assert ran.err.strip().splitlines()[-1].startswith("Error: ")
    assert panel.requests == 0
    after = {path: path.is_file() and path.read_bytes() for path in Path().iterdir()
             if path.name != "loop.csv"}  # fmt: skip
    assert after == before


def test_rejects_a_missing_key(vairosms, monkeypatch):
    monkeypatch.delenv("VAIROSMS_API_KEY")
    write_ids([52])
    ran = vairosms("bulk", "ids", "-o", "out.csv")
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
    ran = vairosms("bulk", "ids", "-o", "out.csv", "--api-key-file", "key")
    assert ran.code == 0
    assert ("others on this machine can read the API key in key" in ran.err) == warned


@pytest.mark.parametrize("out", OUTS)
def test_a_refused_key_ends_the_run(vairosms, monkeypatch, panel, out):
    monkeypatch.setenv("VAIROSMS_API_KEY", "gecersiz-anahtar")
    write_ids(range(1, 201))
    ran = vairosms("bulk", "ids", "-o", out)
    assert ran.code == 3
    assert ran.err.startswith("Error: the panel refused the API key. Check VAIROSMS_API_KEY or ")
    assert "again" not in ran.err
    assert "gecersiz" not in ran.err
    assert panel.requests <= 16
    monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
    assert vairosms("bulk", "ids", "-o", out).code == 0
    check_complete(out, range(1, 201))


def test_more_rows_than_a_sheet_has_are_rejected_before_any_request(vairosms, panel):
    Path("ids").write_text("52\n" * 1_048_576)
    ran = vairosms("bulk", "ids", "-o", "out.xlsx")
    assert ran.code == 2
    assert "a sheet has at most 1,048,575 rows" in ran.err
    assert panel.requests == 0


def test_a_folder_without_permission_is_an_error(vairosms, panel, monkeypatch):
    """The tests may run as root, whom no permission stops."""

    def refuse(path, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    write_ids([52])
    monkeypatch.setattr(Path, "stat", refuse)
    ran = vairosms("bulk", "ids", "-o", "secret/out.csv")
    assert (ran.code, ran.err) == (2, "Error: secret/out.csv: Permission denied\n")
    assert panel.requests == 0


def test_a_read_only_folder_is_an_error(vairosms, panel, monkeypatch):
    def refuse(path, *_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    write_ids([52])
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "Read-only file system" in ran.err
    assert panel.requests == 0


def test_rejects_a_store_that_another_run_uses(vairosms, panel):
    write_ids([52])
    with Store(Path("out.csv.db")):
        ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert ran.code == 2
    assert ran.err.startswith("Error: out.csv.db: another run or program is using it")
    assert panel.requests == 0


def test_rejects_the_store_of_another_panel(vairosms, panel, monkeypatch):
    write_ids([52])
    vairosms("bulk", "ids", "-o", "out.csv")
    monkeypatch.setenv("VAIROSMS_BASE_URL", "https://other.example/api")
    ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert ran.code == 2
    assert ran.err == (
        f"Error: out.csv.db: the store of another panel, {panel.base_url}: check "
        "VAIROSMS_BASE_URL, or name another OUT or --store. If OUT and this store were only a "
        "test, delete both\n"
    )


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param(f"id;url\n52;x\n61;?api_key={KEY}\n", "row 3", id="cell"),
        pytest.param(f"id;url\n{KEY};x\n", "row 2", id="id"),
        pytest.param(f"id;{KEY}\n52;x\n", "its header", id="header"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--offline",)], ids=["online", "offline"])
@pytest.mark.parametrize("key_file", [False, True], ids=["environment", "key file"])
def test_a_file_that_contains_the_api_key_is_refused(
    vairosms, panel, monkeypatch, text, where, options, key_file
):
    Path("in.csv").write_text("id;url\n52;x\n", "utf-8")
    assert vairosms("bulk", "in.csv", "--column", "id", "-o", "out.csv").code == 0
    before = Path("out.csv").read_bytes()
    panel.reset_counters()
    Path("in.csv").write_text(text, "utf-8")
    if key_file:
        monkeypatch.delenv("VAIROSMS_API_KEY")
        Path("key").write_text(KEY)
        Path("key").chmod(0o600)
        options += ("--api-key-file", "key")
    ran = vairosms("bulk", "in.csv", "--column", "id", "-o", "out.csv", *options)
    assert ran.code == 2
    assert f"Cannot read in.csv: {where} contains the API key. Remove the key" in ran.err
    assert panel.requests == 0
    assert Path("out.csv").read_bytes() == before


def test_the_key_in_file_reaches_no_other_file_and_no_terminal(vairosms, folder):
    """The runner checks the terminal."""
    Path("ids").write_text(f"52\n{KEY}\n", "utf-8")
    ran = vairosms("bulk", "ids", "-o", "out.jsonl")
    assert (ran.code, ran.out) == (2, "")
    assert [path.name for path in folder.iterdir()] == ["ids"]


def test_a_key_of_few_characters_may_stand_in_file(vairosms, monkeypatch):
    """It is that of a test panel, and can be a word of the sheet."""
    monkeypatch.setenv("VAIROSMS_API_KEY", "test")
    Path("in.csv").write_text("id;note\n52;test\n", "utf-8")
    assert vairosms("bulk", "in.csv", "--column", "id", "-o", "out.csv").code == 3
