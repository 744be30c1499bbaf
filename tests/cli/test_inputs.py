"""FILE: files, stdin and the copy of their rows."""

import errno
import io
import os
import tempfile
from pathlib import Path

import pytest

from tests.cli.reading import read_file
from tests.helpers import FIXTURES
from tests.platforms import linux, posix
from vairosms_async.cli.inputs import InputError, Row, read_input

EXCEL_FLOATS = "paket_id\n52.0\n61\n1.234.567\n"
OWN_COLUMNS = "Sıra;Müşteri;Gönderim No\r\n1;Ayşe;61\r\n2;Öner;52\r\n3;Işık;70\r\n"
TORN_LAST_LINE = "52\n61\n123"


@pytest.fixture
def give_stdin():
    """Return a function that makes some bytes the process's stdin."""
    saved = os.dup(0)

    def give(data):
        reading, writing = os.pipe()
        os.write(writing, data)
        os.close(writing)
        os.dup2(reading, 0)
        os.close(reading)

    yield give
    os.dup2(saved, 0)
    os.close(saved)


def test_ids_that_excel_wrote_as_floats_are_read(tmp_path):
    (tmp_path / "x.csv").write_text(EXCEL_FLOATS, "utf-8")
    columns, rows = read_file(tmp_path / "x.csv", column="paket_id")
    assert columns == ("paket_id",)
    assert [row.cells for row in rows] == [("52.0",), ("61",), ("1.234.567",)]
    assert [row.id for row in rows] == [52, 61, None]
    assert rows[2].problem.startswith("Excel has changed this number: format the column as text")


def test_columns_of_their_own_and_their_order_are_kept(tmp_path):
    (tmp_path / "x.csv").write_bytes(OWN_COLUMNS.encode())
    columns, rows = read_file(tmp_path / "x.csv", column="Gönderim No")
    assert columns == ("Sıra", "Müşteri", "Gönderim No")
    assert rows == [
        Row(2, ("1", "Ayşe", "61"), 61, "61", None),
        Row(3, ("2", "Öner", "52"), 52, "52", None),
        Row(4, ("3", "Işık", "70"), 70, "70", None),
    ]


def test_a_truncated_last_line_is_read_and_can_be_completed_later(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text(TORN_LAST_LINE)
    columns, rows = read_file(path)
    assert columns == ("id",)
    assert [row.id for row in rows] == [52, 61, 123]
    path.write_text(f"{TORN_LAST_LINE}45\n")
    assert [row.id for row in read_file(path)[1]] == [52, 61, 12345]


def test_rows_can_be_read_again_and_by_several_readers(tmp_path):
    path = tmp_path / "ids"
    ids = [*range(1, 1002), 52]
    path.write_text("".join(f"{n}\n" for n in ids))
    with read_input(str(path)) as input_:
        path.unlink()
        assert input_.total == 1002
        assert list(input_.ids) == ids
        for first, second in zip(input_.rows(), input_.rows(), strict=True):
            assert first == second
        assert [row.id for row in input_.rows()] == ids


def test_rows_without_an_id_count_but_give_no_id(tmp_path):
    (tmp_path / "x.csv").write_text("id;ad\n52;x\n;\n;y\nyok;z\n")
    with read_input(str(tmp_path / "x.csv"), column="id") as input_:
        assert input_.total == 4
        assert list(input_.ids) == [52]


def test_the_header_is_as_wide_as_the_widest_row(tmp_path):
    (tmp_path / "x.csv").write_text("id;ad\n52\n61;y;z;w\n")
    assert read_file(tmp_path / "x.csv", column="id")[0] == ("id", "ad", "", "")


def test_cells_of_text_and_csv_have_no_type_of_their_own(tmp_path):
    (tmp_path / "x").write_text("52\n")
    with read_input(str(tmp_path / "x")) as input_:
        assert not input_.is_typed


def test_the_copy_of_the_rows_is_deleted(tmp_path, monkeypatch):
    (tmp_path / "x").write_text("52\n")
    copies = []

    def temporary_file():
        copies.append(io.BytesIO())
        return copies[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", temporary_file)
    with read_input(str(tmp_path / "x")):
        assert not copies[0].closed
    assert copies[0].closed


@linux
def test_a_full_disk_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "x").write_text("52\n")
    full = Path("/dev/full").open("r+b", 0)  # noqa: SIM115 (`read_input` closes it)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: full)
    with pytest.raises(InputError) as caught:
        read_input(str(tmp_path / "x"))
    assert str(caught.value) == (
        f"Cannot read {tmp_path}/x: no room for its rows in {tempfile.gettempdir()}: "
        "No space left on device. Set TMPDIR to another folder"
    )
    assert full.closed


@posix
@pytest.mark.parametrize("data", [b"52\n61\n", b"\xef\xbb\xbf52\r\n61"], ids=["LF", "Windows"])
def test_reads_stdin(give_stdin, data):
    give_stdin(data)
    assert [row.id for row in read_file("-")[1]] == [52, 61]


@posix
def test_reads_a_column_of_stdin(give_stdin):
    give_stdin(OWN_COLUMNS.encode())
    assert [row.id for row in read_file("-", column="3")[1]] == [61, 52, 70]


@posix
def test_reads_a_workbook_from_stdin(give_stdin):
    give_stdin((FIXTURES / "list.xls").read_bytes())
    assert [row.id for row in read_file("-", column="Gönderim No")[1]] == [61, 52]


@posix
def test_an_error_names_stdin(give_stdin):
    give_stdin(b"id\n52\n")
    with pytest.raises(InputError) as caught:
        read_input("-", column="x")
    assert str(caught.value) == "Cannot read stdin: no column 'x'. Columns: id"


@posix
def test_a_closed_stdin_is_an_error(give_stdin):
    os.close(0)
    with pytest.raises(InputError, match="Cannot read stdin: Bad file descriptor"):
        read_input("-")


@posix
@pytest.mark.parametrize(
    ("name", "why"),
    [("missing", errno.ENOENT), (".", errno.EISDIR), ("x/y", errno.ENOTDIR)],
    ids=["missing", "folder", "below a file"],
)
def test_a_file_that_cannot_be_read_is_an_error(tmp_path, monkeypatch, name, why):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_text("52\n")
    with pytest.raises(InputError) as caught:
        read_input(name)
    assert str(caught.value) == f"Cannot read {name}: {os.strerror(why)}"


@posix
def test_a_name_cannot_steer_the_terminal(tmp_path):
    with pytest.raises(InputError, match="Cannot read �\\[2Jx�y: No such file or directory"):
        read_input("\x1b[2Jx\ny")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        pytest.param({"encoding": "x"}, "no such encoding: x", id="unknown encoding"),
        pytest.param({"encoding": "idna"}, "it is not in idna", id="strict encoding"),
        pytest.param(
            {"sheet": "x"},
            "it is not a workbook, so it has no sheets. Leave out --sheet",
            id="sheet",
        ),
    ],
)
def test_rejects_options_that_do_not_fit(tmp_path, options, why):
    (tmp_path / "x").write_bytes("şube\n".encode())
    with pytest.raises(InputError) as caught:
        read_input(str(tmp_path / "x"), **options)
    assert str(caught.value) == f"Cannot read {tmp_path}/x: {why}"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "ascii"])
@pytest.mark.parametrize(
    "text",
    ["52\nş\n", "52\n" + "61\n" * 50_000 + "ş"],
    ids=["at the start", "below many rows"],
)
def test_rejects_bytes_outside_the_named_encoding(tmp_path, text, encoding):
    (tmp_path / "x").write_bytes(text.encode("windows-1254"))
    with pytest.raises(InputError) as caught:
        read_input(str(tmp_path / "x"), encoding=encoding)
    assert str(caught.value) == f"Cannot read {tmp_path}/x: it is not in {encoding}"


def test_a_secret_that_no_cell_contains_is_none(tmp_path):
    (tmp_path / "x.csv").write_text("id;ad\n52;a\n")
    several_cells = 10  # bytes: only the copy of a row has as many
    with read_input(
        str(tmp_path / "x.csv"), column="id", has_secret=lambda data: len(data) > several_cells
    ) as rows:
        assert list(rows.ids) == [52]
