"""Read what `vairosms bulk` wrote, and check it."""

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from attrs import frozen
from python_calamine import CalamineWorkbook

from tests.helpers import assert_no_key

OUTS = ["out.jsonl", "out.csv", "out.xlsx"]


@frozen
class OutRow:
    """A row of OUT, in any format: the id's cell as text, the state, the class of the error."""

    id: str
    durum: int | None
    error: str | None


def read_out(path):
    """Return the rows of OUT, whose FILE has the ids in a column ``id``."""
    path = Path(path)
    if path.suffix == ".jsonl":
        return [
            OutRow(
                str(row["input"]["id"]),
                row["gonderim"] and row["gonderim"]["paket_durum"],
                row["error"] and row["error"]["type"],
            )
            for row in map(json.loads, path.read_bytes().splitlines())
        ]
    if path.suffix == ".csv":
        data = path.read_bytes()
        assert data.startswith(b"\xef\xbb\xbf")
        assert data.count(b"\n") == data.count(b"\r\n")
        rows = list(csv.reader(data.decode("utf-8-sig").splitlines(keepends=True), delimiter=";"))
    else:
        rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    fields = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    return [
        OutRow(_as_text(row["id"]), _as_int(row["paket_durum"]), row["error"] or None)
        for row in fields
    ]


def _as_text(cell):
    return str(int(cell) if isinstance(cell, float) else cell).lstrip("\t'")


def _as_int(cell):
    return None if cell == "" else int(cell)


def check_complete(path, ids):
    """Check that OUT has the rows of FILE in order, and that no temporary file is left.

    Args:
        path: OUT.
        ids: The texts or numbers of FILE's rows.

    Returns:
        The rows.
    """
    path = Path(path)
    assert_no_key(path.read_bytes().decode(errors="replace"))
    rows = read_out(path)
    assert [row.id for row in rows] == [str(gonderim_id) for gonderim_id in ids]
    assert not list(path.parent.glob(f".{path.name}.*")), "a temporary file is left"
    assert not list(path.parent.glob("*-journal")), "a journal is left"
    return rows


def query_store(path, query):
    """Run a query on a store, as any SQLite tool can between runs."""
    with closing(sqlite3.connect(path, timeout=0)) as db:
        return db.execute(query).fetchall()


def final_ids(path):
    """Return the ids whose final state a store has."""
    if not query_store(path, "SELECT * FROM sqlite_master WHERE name = 'gonderim'"):
        return set()  # the run was killed before its first commit
    rows = query_store(path, "SELECT id FROM gonderim WHERE paket_durum IN (-1, 1)")
    return {gonderim_id for (gonderim_id,) in rows}
