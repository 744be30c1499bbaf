"""OUT as a file: checked before the run, replaced at its end, and left alone on errors."""

import errno
import gc
import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from tests.cli.known_samples import KNOWN, write_out
from tests.platforms import linux, posix
from vairosms_async.cli.inputs import read_input
from vairosms_async.cli.outputs import FORMATS, OutputError, check_output, write_output
from vairosms_async.cli.outputs.xlsx import MAX_ROWS

each_format = pytest.mark.parametrize("name", [f"out.{format_}" for format_ in FORMATS])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that is the current one. OUT is the only file that a test may leave in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(path, text="52\n", format_="csv", column=None):
    """Check that OUT can be written for a FILE."""
    Path("FILE").write_text(text, "utf-8")
    with read_input("FILE", column=column) as input_:
        check_output(str(path), format_, input_)


def write(path):
    """Write OUT for a FILE with one id."""
    write_out(Path(), path, KNOWN["found"])


def left_behind():
    """Return the names in the current folder, without FILE."""
    return {path.name for path in Path().iterdir()} - {"FILE"}


@each_format
def test_out_replaces_an_earlier_one(folder, name):
    Path(name).write_text("earlier")
    write(name)
    assert Path(name).read_bytes() != b"earlier"
    assert left_behind() == {name}


@each_format
def test_an_error_while_rows_are_written_leaves_out_untouched(folder, name):
    def fail(ids):
        raise RuntimeError("the store")

    Path(name).write_text("earlier")
    Path("FILE").write_text("52\n")
    with read_input("FILE") as input_, pytest.raises(RuntimeError, match="the store"):
        write_output(name, name.removeprefix("out."), input_, fail)
    assert Path(name).read_text() == "earlier"
    assert left_behind() == {name}


@linux
@pytest.mark.parametrize(
    ("name", "rows", "limit"),
    [
        pytest.param("out.jsonl", 2000, 16_384, id="jsonl"),
        pytest.param("out.csv", 2000, 16_384, id="csv"),
        pytest.param("out.xlsx", 2000, 16_384, id="xlsx, while rows are written"),
        pytest.param("out.xlsx", 1, 1024, id="xlsx, while it is closed"),
        pytest.param("out.csv", 1, 10, id="csv, while it is closed"),
    ],
)
def test_a_full_disk_leaves_out_untouched(folder, monkeypatch, name, rows, limit):
    """A limit on the size of files is a full disk that a test can have."""
    import resource

    Path("temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", "temporary")
    Path(name).write_text("earlier")
    Path("FILE").write_text("52\n" * rows)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with read_input("FILE") as input_:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            with pytest.raises(OutputError) as caught:
                write_output(
                    name, name.removeprefix("out."), input_, lambda ids: {52: KNOWN["found"]}
                )
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(caught.value) == f"Cannot write {name}: File too large"
    del caught
    gc.collect()  # an exception in a destructor would be a warning
    assert Path(name).read_text() == "earlier"
    assert left_behind() == {name, "temporary"}
    assert list(Path("temporary").iterdir()) == []


def temporary_while_writing(store="out.csv.db"):
    """Return the name of the temporary file while OUT is written."""
    names = []

    def remember(temporary):
        names.append(temporary.name)

    Path("FILE").write_text("52\n")
    with read_input("FILE") as input_:
        write_output("out.csv", "csv", input_, lambda ids: {}, remember, store=Path(store))
    return names[0]


def test_what_a_killed_run_has_left_is_replaced(folder):
    Path(temporary_while_writing()).write_text("half")
    temporary_while_writing()
    assert left_behind() == {"out.csv"}


def test_a_check_leaves_the_file_that_another_run_is_writing(folder):
    temporary = Path(temporary_while_writing())
    temporary.write_text("half")
    check("out.csv")
    assert temporary.read_text() == "half"


def test_runs_with_different_stores_do_not_share_a_temporary_file(folder):
    other = Path(temporary_while_writing("other.db"))
    other.write_text("half")
    temporary_while_writing()
    assert other.read_text() == "half"


@posix
def test_a_name_can_be_as_long_as_the_file_system_allows(folder):
    name = f"{'x' * 251}.csv"
    write(name)
    assert left_behind() == {name}


@posix
def test_a_link_in_place_of_the_temporary_file_is_not_followed(folder):
    Path("precious").write_text("precious")
    Path(temporary_while_writing()).symlink_to("precious")
    temporary_while_writing()
    assert Path("precious").read_text() == "precious"
    assert not Path("out.csv").is_symlink()


@posix
def test_a_link_stays_and_its_file_is_replaced(folder):
    Path("sub").mkdir()
    Path("sub/real.csv").write_text("earlier")
    Path("out.csv").symlink_to("sub/real.csv")
    write("out.csv")
    assert Path("out.csv").is_symlink()
    assert Path("sub/real.csv").read_bytes().startswith(b"\xef\xbb\xbfid;")
    assert [path.name for path in Path("sub").iterdir()] == ["real.csv"]


@posix
def test_a_new_out_has_the_mode_of_any_new_file(folder):
    before = os.umask(0o027)
    try:
        write("out.csv")
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path("out.csv").stat().st_mode) == 0o640


@posix
def test_out_keeps_its_mode(folder):
    Path("out.csv").touch()
    Path("out.csv").chmod(0o606)
    write("out.csv")
    assert stat.S_IMODE(Path("out.csv").stat().st_mode) == 0o606


@posix
@pytest.mark.parametrize("code", ["EPERM", "EINVAL", "ENOTSUP", "ENOSYS"])
def test_a_mount_without_chmod_and_fsync_is_no_error(folder, monkeypatch, code):
    """What CIFS, FUSE and NFS answer."""

    def refuse(*args, **kwargs):
        raise OSError(getattr(errno, code), "refused")

    Path("out.csv").write_text("earlier")
    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr(shutil, "copymode", refuse)
    write("out.csv")
    assert Path("out.csv").read_bytes() != b"earlier"


@posix
def test_an_error_of_the_disk_at_the_end_leaves_out_untouched(folder, monkeypatch):
    def fail(fd):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    Path("out.csv").write_text("earlier")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match=r"^Cannot write out\.csv: Input/output error$"):
        write("out.csv")
    assert Path("out.csv").read_text() == "earlier"
    assert left_behind() == {"out.csv"}


def test_an_out_that_excel_holds_open_is_an_error(folder, monkeypatch):
    """Windows answers "Permission denied"."""

    def refuse(self, target):
        raise PermissionError(errno.EACCES, "Permission denied")

    Path("out.xlsx").write_text("earlier")
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OutputError) as caught:
        write("out.xlsx")
    assert str(caught.value) == (
        "Cannot write out.xlsx: Permission denied. If Excel has it open, close it"
    )
    assert Path("out.xlsx").read_text() == "earlier"
    assert left_behind() == {"out.xlsx"}


@pytest.mark.parametrize("path", ["out.csv", "new.csv"], ids=["existing", "new"])
def test_a_check_changes_nothing(folder, path):
    Path("out.csv").write_text("earlier")
    check(path)
    assert Path("out.csv").read_text() == "earlier"
    assert left_behind() == {"out.csv"}


@posix
@pytest.mark.parametrize(
    ("path", "why"),
    [
        pytest.param("sub", "Is a directory", id="folder"),
        pytest.param("missing/out.csv", "No such file or directory", id="missing folder"),
        pytest.param("file/out.csv", "Not a directory", id="below a file"),
        pytest.param("loop", "Too many levels of symbolic links", id="loop of links"),
        pytest.param("/dev/null", "it is not a file", id="device"),
        pytest.param("x" * 300, "File name too long", id="long name"),
    ],
)
def test_rejects_an_out_that_cannot_be_written(folder, path, why):
    Path("sub").mkdir()
    Path("file").touch()
    Path("loop").symlink_to("pool")
    Path("pool").symlink_to("loop")
    with pytest.raises(OutputError) as caught:
        check(path)
    assert str(caught.value) == f"Cannot write {path}: {why}"


@pytest.mark.parametrize(
    ("owner", "function"),
    [
        pytest.param(Path, "open", id="file"),
        pytest.param(tempfile, "TemporaryFile", id="folder"),
    ],
)
def test_rejects_an_out_that_is_read_only(folder, monkeypatch, owner, function):
    """Simulated, because root may write everywhere."""

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    Path("out.csv").write_text("earlier")
    Path("FILE").write_text("52\n")
    with read_input("FILE") as input_:
        monkeypatch.setattr(owner, function, refuse)
        with pytest.raises(OutputError, match=r"^Cannot write out\.csv: Permission denied"):
            check_output("out.csv", "csv", input_)


def test_a_name_cannot_steer_the_terminal(folder):
    with pytest.raises(OutputError) as caught:
        check("no\x1b[2J/x.csv")
    assert str(caught.value) == "Cannot write no�[2J/x.csv: No such file or directory"


def test_a_sheet_holds_so_many_rows_and_no_more(folder):
    Path("FILE").write_text("52\n")
    with read_input("FILE") as input_:
        input_.total = MAX_ROWS
        check_output("out.xlsx", "xlsx", input_)
        input_.total = MAX_ROWS + 1
        check_output("out.csv", "csv", input_)
        with pytest.raises(OutputError) as caught:
            check_output("out.xlsx", "xlsx", input_)
    assert str(caught.value) == (
        "Cannot write out.xlsx: a sheet has at most 1,048,575 rows and 16,384 columns, not "
        "1,048,576 and 15. Name a .csv file"
    )


def test_a_sheet_holds_so_many_columns_and_no_more(folder):
    header = ";".join(["id"] + ["x"] * (16_384 - 15))
    check("out.xlsx", f"{header}\n52\n", "xlsx", "id")
    with pytest.raises(OutputError, match="a sheet has at most"):
        check("out.xlsx", f"{header};x\n52\n", "xlsx", "id")
