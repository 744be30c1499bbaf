"""What is known of each line of an input: the id it asks for, and where its result stands in OUT.

Arrays, and not dicts: some twenty bytes a line.
"""

from array import array
from collections.abc import Callable

from vairosms_async import MAX_ID

from .formats import Entry, valid_id
from .ids import Line
from .tally import Tally

_NO_ID, _TO_ASK, _NOT_FINAL, _FINISHED = range(4)


class Ledger:
    """The lines of one input and of one OUT.

    Args:
        is_finished: Whether an entry of OUT needs no new lookup.
        tally: Counts the finished entries that are read back.
    """

    def __init__(self, is_finished: Callable[[Entry], bool], tally: Tally) -> None:
        self._is_finished = is_finished
        self._tally = tally
        self._ids = array("Q")
        self._states = bytearray()
        self._latest = array("Q")  # by line of the input: where it stands in OUT, from 1
        self._superseded = bytearray()  # by line of OUT
        self.finished: int = 0
        self.superseded: int = 0

    def expect(self, line: Line) -> None:
        """Note a line of the input, before OUT is read back."""
        missing = line.number + 1 - len(self._ids)
        self._ids.frombytes(bytes(missing * self._ids.itemsize))
        self._states.extend(bytes(missing))
        self._ids[line.number] = valid_id(read_number(line))
        self._states[line.number] = _TO_ASK

    def read_back(self, entry: Entry) -> None:
        """Take in a line of OUT.

        Raises:
            ValueError: The input has no such line, or another id there.
        """
        number = entry.line
        if not 0 < number < len(self._states) or self._states[number] == _NO_ID:
            raise ValueError(f"the input has no id in line {number}")
        if self._ids[number] != entry.id:
            raise ValueError(f"another id than in line {number} of the input")
        self.written(number)
        if self._is_finished(entry):
            if self._states[number] != _FINISHED:
                self.finished += 1
            self._states[number] = _FINISHED
            self._tally.add(entry)
        else:
            self.finished -= self._states[number] == _FINISHED
            self._states[number] = _TO_ASK if entry.error is not None else _NOT_FINAL

    def written(self, number: int) -> None:
        """Note that the next line of OUT is the result of this line of the input."""
        missing = number + 1 - len(self._latest)
        if missing > 0:
            self._latest.frombytes(bytes(missing * self._latest.itemsize))
        if before := self._latest[number]:
            self._superseded[before - 1] = True
            self.superseded += 1
        self._superseded.append(False)
        self._latest[number] = len(self._superseded)

    def is_superseded(self, n: int) -> bool:
        """Tell whether a later line of OUT has the result of the same line of the input."""
        return bool(self._superseded[n])

    def is_finished(self, number: int) -> bool:
        """Tell whether a line of the input needs no lookup."""
        return self._state(number) == _FINISHED

    def has_record(self, number: int) -> bool:
        """Tell whether OUT has a record for a line of the input, if not a final one."""
        return self._state(number) == _NOT_FINAL

    def _state(self, number: int) -> int:
        # A file that grows meanwhile has lines that nobody expected.
        return self._states[number] if number < len(self._states) else _TO_ASK

    def forget_output(self) -> None:
        """Begin again with OUT; the input stays known."""
        for state in (_NOT_FINAL, _FINISHED):
            self._states = self._states.replace(bytes([state]), bytes([_TO_ASK]))
        self._latest, self._superseded = array("Q"), bytearray()
        self._tally.clear()
        self.finished = self.superseded = 0


def read_number(line: Line) -> int | None:
    """Return the number that a line holds, if it is written as an id is."""
    text = line.text
    if line.problem is None and text.isascii() and text.isdigit():
        digits = text.lstrip("0") or "0"
        return int(digits) if len(digits) <= len(str(MAX_ID)) else None
    return None
