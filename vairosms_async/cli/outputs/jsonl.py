"""OUT as JSON Lines."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, time, timedelta
from typing import BinaryIO

from vairosms_async.cli.inputs import Input, Row
from vairosms_async.cli.known import Known

from .columns import find_error, write_period


class JsonLines:
    """Writes results as JSON Lines.

    Args:
        columns: FILE's columns, the keys of ``input``. An empty name becomes the column's number,
            and a name that FILE has twice gets the number at its end.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._keys = _unique(columns)

    def line(self, row: Row, known: Known | None) -> bytes:
        """Write the line of a row, with its newline."""
        error = find_error(row, known)
        missing = (None,) * (len(self._keys) - len(row.cells))
        fields = {
            "line": row.line,
            "id": row.text or None if row.id is None else row.id,
            "input": dict(zip(self._keys, row.cells + missing, strict=True)),
            "gonderim": None if known is None else known.to_dict(),
            "hata_kodu": None if known is None else known.log_entry.hata_kodu,
            "error": None if error is None else {"type": error[0], "message": error[1]},
            "checked_at": None if known is None else known.checked_at,
        }
        text = _encode(fields)
        if not text.isprintable():  # line separators, halves of surrogate pairs, terminal controls
            text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
        return text.encode() + b"\n"


def write_jsonl(file: BinaryIO, input_: Input, results: Iterable[tuple[Row, Known | None]]) -> None:
    """Write all rows."""
    lines = JsonLines(input_.columns)
    file.writelines(lines.line(row, known) for row, known in results)


def _unique(columns: Sequence[str]) -> list[str]:
    keys: dict[str, None] = {}
    for number, name in enumerate(columns, 1):
        key = name or str(number)
        while key in keys:
            key = f"{key}_{number}"
        keys[key] = None
    return list(keys)


def _write_cell(value: object) -> str:
    if isinstance(value, timedelta):
        return write_period(value)
    if isinstance(value, date | time):
        return value.isoformat()
    raise AssertionError(value)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_write_cell).encode
