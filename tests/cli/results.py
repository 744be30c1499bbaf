"""Read the results that `vairosms bulk` wrote, and check them."""

import csv
import json
from pathlib import Path

from tests.helpers import assert_no_key

OUTS = ["out.jsonl", "out.csv"]


def error_in(row):
    """Return the error of a row of JSON Lines or CSV, or a false value."""
    return row["error"] if "error" in row else row["error_type"]


def complete_lines(path):
    """Return the bytes of OUT up to its last newline."""
    data = Path(path).read_bytes() if Path(path).exists() else b""
    return data[: data.rfind(b"\n") + 1]


def read_rows(path):
    """Parse the complete lines of OUT. Each row is a dict; CSV gives strings only."""
    data = complete_lines(path)
    assert_no_key(data.decode())
    if Path(path).suffix == ".csv":
        assert data.startswith(b"\xef\xbb\xbf") or not data
        assert data.count(b"\n") == data.count(b"\r\n")
        text = data.decode("utf-8-sig")
        return list(csv.DictReader(text.splitlines(keepends=True), delimiter=";"))
    return [json.loads(line) for line in data.splitlines()]


def ids_in(path):
    """Return the ids that have a complete line in OUT."""
    return {int(row["id"]) for row in read_rows(path)}


def check_complete(path, ids):
    """Check that OUT has each line of the input exactly once, with its id. Return rows by line."""
    data = Path(path).read_bytes()
    assert data.endswith(b"\n")
    rows = {int(row["line"]): row for row in read_rows(path)}
    assert len(rows) == len(read_rows(path)), "a line is there twice"
    assert {n: str(row["id"]).strip() for n, row in rows.items()} == {
        n: str(i) for n, i in enumerate(ids, 1)
    }
    leftovers = list(Path(path).parent.glob(f".{Path(path).name}.*"))
    assert not leftovers, "a lock or a temporary file is left behind"
    return rows
