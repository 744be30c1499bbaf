"""Every exception the library raises for a lookup.

::

    VairoSMSError
    ├─ VairoSMSInvalidIdError     refused before any request
    ├─ VairoSMSConnectionError    no answer
    │  └─ VairoSMSTimeoutError
    ├─ VairoSMSResponseError      an answer that is not the panel's
    └─ VairoSMSAPIError           the panel said no
       ├─ VairoSMSAuthError
       ├─ VairoSMSNotFoundError
       ├─ VairoSMSRateLimitError
       └─ VairoSMSServerError

All of them pickle and copy without loss, and none of them carries the API key.
"""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ._models import Gonderim  # which imports this module

ConnectionReason = Literal["dns", "connect", "tls", "proxy", "cut", "timeout", "other"]


class VairoSMSError(Exception):
    """Base of everything that can go wrong with a lookup.

    Attributes:
        gonderim_id: The packet that was asked for, or None where there was none to speak of.
    """

    # Everything but the message is keyword-only with a default, so that the inherited
    # `__reduce__` (class, args, __dict__) restores every attribute and every note.
    def __init__(self, message: str = "", *, gonderim_id: int | None = None) -> None:
        super().__init__(message)
        self.gonderim_id = gonderim_id


class VairoSMSInvalidIdError(VairoSMSError, ValueError):
    """What was given is not a packet id; it was refused before any request.

    An id is what `operator.index` takes (an int, a `numpy.int64`), but not a bool, or a str of
    ASCII digits; from 1 to 2**64 - 1. `gonderim_id` is None: there is none.
    """


class VairoSMSConnectionError(VairoSMSError, ConnectionError):
    """No answer came: DNS, refused, reset, TLS, cut off in the middle.

    Attributes:
        reason: ``"dns"`` (the host's name was not found), ``"connect"`` (no connection to it),
            ``"tls"`` (certificate or handshake), ``"proxy"``, ``"cut"`` (the connection ended
            before the answer did), ``"timeout"`` or ``"other"``.
    """

    def __init__(
        self,
        message: str = "",
        *,
        gonderim_id: int | None = None,
        reason: ConnectionReason = "other",
    ) -> None:
        super().__init__(message, gonderim_id=gonderim_id)
        self.reason: ConnectionReason = reason


class VairoSMSTimeoutError(VairoSMSConnectionError, TimeoutError):
    """The whole answer did not come in time, or the packet was not final in time.

    Attributes:
        last: From `wait_gonderim` and `wait_gonderimler`: the last record seen before their
            ``timeout``, or None. From a lookup: None.
    """

    def __init__(
        self,
        message: str = "",
        *,
        gonderim_id: int | None = None,
        reason: ConnectionReason = "timeout",
        last: "Gonderim | None" = None,
    ) -> None:
        super().__init__(message, gonderim_id=gonderim_id, reason=reason)
        self.last = last


class VairoSMSResponseError(VairoSMSError):
    """An answer came, but not one the panel gives.

    An HTML page, a redirect, a cut or foreign JSON document, a record that lacks a field, a field
    that cannot be what it should, or the record of another packet. It is not retried.

    Attributes:
        status: The HTTP status, or None where the answer was not even HTTP.
        excerpt: The answer's first characters (at most 200), without the API key; ``""`` where
            none were kept.
    """

    def __init__(
        self,
        message: str = "",
        *,
        gonderim_id: int | None = None,
        status: int | None = None,
        excerpt: str = "",
    ) -> None:
        super().__init__(message, gonderim_id=gonderim_id)
        self.status = status
        self.excerpt = excerpt


class VairoSMSAPIError(VairoSMSError):
    """The panel said no.

    Attributes:
        status: The HTTP status. It can be 200: the panel may answer ``durum: false`` under it.
        aciklama: The panel's own explanation (at most 500 characters, without the API key), or
            None where the answer had none, as a web server's error page has none.
        kod: `aciklama` where it is one of the codes of the provider's page "Hata Mesajları"
            (``INVALID_SOURCE_ADDRESS``, ``MISSING_MESSAGE``, ``MESSAGE_TOO_LONG``,
            ``MISSING_DESTINATION_ADDRESS``, ``INVALID_DESTINATION_ADDRESS``), else None.
        retry_after: Seconds the answer asked to wait (``Retry-After``), or None.
    """

    def __init__(
        self,
        message: str = "",
        *,
        gonderim_id: int | None = None,
        status: int = 0,
        aciklama: str | None = None,
        kod: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, gonderim_id=gonderim_id)
        self.status = status
        self.aciklama = aciklama
        self.kod = kod
        self.retry_after = retry_after


class VairoSMSAuthError(VairoSMSAPIError):
    """The API key was refused: HTTP 401, a 403 of the panel's own, or the panel's words for it.

    In bulk work it ends the whole work: no other id would fare better.
    """


class VairoSMSNotFoundError(VairoSMSAPIError):
    """HTTP 404: no such packet (or a wrong ``base_url``, where every id gets it)."""


class VairoSMSRateLimitError(VairoSMSAPIError):
    """HTTP 429: too many requests. ``retry_after`` says how long to wait, if the panel said so."""


class VairoSMSServerError(VairoSMSAPIError):
    """HTTP 5xx: the panel, or a server in front of it, failed."""


# The public name is what tracebacks and pickles carry, so that a module may move.
for _error in (
    VairoSMSError,
    VairoSMSInvalidIdError,
    VairoSMSConnectionError,
    VairoSMSTimeoutError,
    VairoSMSResponseError,
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSServerError,
):
    _error.__module__ = "vairosms_async"
del _error
