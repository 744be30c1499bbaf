"""Counts of results: by state, by reason, by error."""

from collections import Counter

from attrs import define, field

from vairosms_async import PaketDurum

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
            self._count(self.errors, entry.kind, entry)
            return
        self.states[entry.durum or 0] += 1
        if entry.durum == PaketDurum.HATALI:
            self._count(self.reasons, entry.hata_kodu or "no reason given", entry)

    def _count(self, counts: Counter[str], kind: str, entry: Entry) -> None:
        counts[kind] += 1
        self.examples.setdefault(kind, str(entry.id) if entry.id else f"line {entry.line}")

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
