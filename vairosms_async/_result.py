"""`GonderimResult`: the outcome of one lookup."""

from attrs import frozen

from ._errors import VairoSMSError
from ._models import Gonderim


@frozen
class GonderimResult:
    """The outcome of one lookup: a record or an error, never both.

    Attributes:
        id: The id that was looked up, as an int. An invalid id: the value itself if it is an int or
            a str, otherwise its truncated repr. ``***`` replaces the API key.
        gonderim: The record, or None.
        error: The error, or None.
    """

    id: int | str
    gonderim: Gonderim | None = None
    error: VairoSMSError | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a record."""
        return self.gonderim is not None

    def unwrap(self) -> Gonderim:
        """Return the record.

        Raises:
            VairoSMSError: The error of the lookup, if it failed.
            ValueError: The result has neither a record nor an error.
        """
        if self.gonderim is not None:
            return self.gonderim
        if self.error is not None:
            raise self.error
        raise ValueError("this GonderimResult has neither a record nor an error")
