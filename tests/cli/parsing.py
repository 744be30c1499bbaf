"""Parse bytes into ids, chunk by chunk."""

from vairosms_async.cli.ids import IdReader


def parse_lines(data, column=None, encoding=None, size=None):
    """Parse bytes into a list of (line, text, problem).

    Args:
        data: The bytes.
        column: The column, if the bytes are CSV.
        encoding: The encoding; None detects it.
        size: The number of bytes per chunk; None for a single chunk.
    """
    reader, found = IdReader(column, encoding), []
    for i in range(0, len(data), size or len(data) or 1):
        found += reader.feed(data[i : i + (size or len(data))])
    found += reader.feed(b"", final=True)
    return [(line.number, line.text, line.problem) for line in found]


def parse_ids(*args, **kwargs):
    """Parse bytes into a list of (line, text). Fail if a line has a problem."""
    lines = parse_lines(*args, **kwargs)
    assert all(problem is None for _, _, problem in lines), lines
    return [(number, text) for number, text, _ in lines]
