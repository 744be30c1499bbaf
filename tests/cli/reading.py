"""Read bytes as FILE."""

import io

from vairosms_async.cli.inputs import read_input
from vairosms_async.cli.inputs.csv import read_text
from vairosms_async.cli.inputs.ids import read_rows
from vairosms_async.cli.inputs.text import decode_lines


class SmallChunks(io.BytesIO):
    """A stream whose reads return few bytes, as those of a pipe can."""

    def __init__(self, data, size):
        super().__init__(data)
        self._size = size

    def read(self, size=-1):
        return super().read(self._size)


def read_bytes(data, column=None, encoding=None, size=None, skip_rows=0):
    """Parse bytes of text or CSV into a list of (line, cells, id, text, problem).

    Args:
        data: The bytes.
        column: The column of the ids; None for the only one.
        encoding: The encoding; None detects it.
        size: Number of bytes per read after the first eight; None for all.
        skip_rows: Number of lines above the header.
    """
    head = data if size is None else data[:8]
    lines = decode_lines(head, SmallChunks(data[len(head) :], size or -1), encoding)
    return list(read_rows(read_text(lines, column, skip_rows)))


def ids_and_problems(*args, **kwargs):
    """Parse bytes into a list of (line, id) or, if there is no id, (line, text, problem)."""
    return [
        (line, id) if problem is None else (line, text, problem)
        for line, _, id, text, problem in read_bytes(*args, **kwargs)
    ]


def read_file(path, **options):
    """Read FILE. Return its columns and its rows."""
    with read_input(str(path), **options) as input_:
        rows = list(input_.rows())
        assert len(rows) == input_.total
        return input_.columns, rows
