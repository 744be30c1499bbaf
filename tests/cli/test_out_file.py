"""OUT as a file: its lock, and what a resumed run reads back."""

import os
import tracemalloc

import pytest

from tests.cli.result_samples import CHECKED_AT, CSV, JSONL, RESULTS
from tests.platforms import posix
from vairosms_async.cli.formats import FORMATS, Entry
from vairosms_async.cli.ids import Line
from vairosms_async.cli.ledger import Ledger
from vairosms_async.cli.out import OutFile
from vairosms_async.cli.tally import Tally
from vairosms_async.cli.trouble import Trouble


def test_one_run_locks_the_file(tmp_path):
    file, other = (OutFile(str(tmp_path / "out"), JSONL) for _ in range(2))
    with file.locked():
        with pytest.raises(Trouble, match="another run is writing it") as caught:
            with other.locked():
                pass
        assert caught.value.exit_code == 2
    with other.locked():
        pass
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(Trouble, match="no such folder"):
        with OutFile(str(tmp_path / "none" / "out"), JSONL).locked():
            pass
    assert not list(tmp_path.iterdir())


@posix
def test_a_lock_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / ".out.lock").mkdir()
    with pytest.raises(Trouble, match="Is a directory"):
        with OutFile(str(tmp_path / "out"), JSONL).locked():
            pass


def test_create_overwrites_only_on_request(tmp_path):
    file = OutFile(str(tmp_path / "out"), CSV)
    os.close(file.create(overwrite=False))
    assert file.path.read_bytes() == CSV.header
    file.path.write_bytes(b"precious")
    with pytest.raises(Trouble, match=r"exists\. Complete it with --resume, or begin anew"):
        file.create(overwrite=False)
    assert file.path.read_bytes() == b"precious"
    os.close(file.create(overwrite=True))
    assert file.path.read_bytes() == CSV.header
    with pytest.raises(Trouble, match="No such file or directory"):
        OutFile(str(tmp_path / "none" / "out"), CSV).create(overwrite=False)


def ledger_expecting(ids):
    """Return a ledger of an input with these ids, one per line."""
    ledger = Ledger(lambda entry: entry.error is None, Tally())
    for number, gonderim_id in enumerate(ids, 1):
        ledger.expect(Line(number, str(gonderim_id)))
    return ledger


@pytest.mark.parametrize("format_", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("name", ["failed packet", "unknown id", "invalid id"])
def test_a_file_truncated_at_any_byte_is_repaired(tmp_path, format_, name):
    """Complete lines stay, and the rest is removed."""
    last = RESULTS[name]
    lines = [format_.write(1, RESULTS["found"], CHECKED_AT), format_.write(2, last, CHECKED_AT)]
    data = format_.header + b"".join(lines)
    file = OutFile(str(tmp_path / "out"), format_)
    for cut in range(len(data)):
        file.path.write_bytes(data[:cut])
        ledger = ledger_expecting([52, last.id])
        os.close(file.reopen(ledger))
        found = cut >= len(format_.header) + len(lines[0])
        assert file.path.read_bytes() == format_.header + lines[0] * found, cut
        assert ledger.is_finished(1) == found
        assert not ledger.is_finished(2)


def test_the_ledger_needs_at_most_30_bytes_per_line():
    ledger = ledger_expecting([])
    tracemalloc.start()
    try:
        for number in range(1, 100_001):
            ledger.expect(Line(number, str(number + 2**40)))
        for number in range(1, 100_001):
            ledger.read_back(Entry(number, number + 2**40, 1, 1, None, None))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ledger.finished == 100_000
    assert size < 30 * 100_000
