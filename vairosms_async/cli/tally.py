"""Counts of results: by state, by reason, by error."""

from collections import Counter

from attrs import define, field

from .formats import Entry


@define
class Tally:
    """What the results came to so far.

    Attributes:
        states: By state of the packet, as the panel's number.
        reasons: Of failed packets, by the panel's code.
        errors: Of lookups that failed, by kind.
        examples: The first id, or line, for each reason and kind of error.
        kredi: Credits charged.
    """

    states: Counter[int] = field(factory=Counter[int])
    reasons: Counter[str] = field(factory=Counter[str])
    errors: Counter[str] = field(factory=Counter[str])
    examples: dict[str, str] = field(factory=dict[str, str])
    kredi: int = 0

    def add(self, entry: Entry) -> None:
        """Count a result."""
        self.kredi += entry.kredi
        if entry.error is not None:
            self.errors[entry.error] += 1
            self.examples.setdefault(entry.error, _example(entry))
        elif entry.durum is not None:
            self.states[entry.durum] += 1
            if entry.durum == -1:
                reason = entry.hata_kodu or "no reason given"
                self.reasons[reason] += 1
                self.examples.setdefault(reason, _example(entry))

    def clear(self) -> None:
        """Count from zero again."""
        for counts in (self.states, self.reasons, self.errors, self.examples):
            counts.clear()
        self.kredi = 0

    @property
    def found(self) -> int:
        """Results with a record."""
        return self.states.total()

    @property
    def failed(self) -> int:
        """Results with an error."""
        return self.errors.total()

    @property
    def total(self) -> int:
        """All results."""
        return self.found + self.failed


def _example(entry: Entry) -> str:
    return str(entry.id) if entry.id else f"line {entry.line}"
