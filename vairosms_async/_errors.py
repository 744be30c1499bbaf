"""The exceptions of failed lookups. A closed client raises RuntimeError instead.

::

    VairoSMSError
    ├─ VairoSMSInvalidIdError     rejected before any request
    ├─ VairoSMSConnectionError    no complete answer
    │  └─ VairoSMSTimeoutError
    ├─ VairoSMSResponseError      not a valid answer of the panel
    └─ VairoSMSAPIError           the panel refused the request
       ├─ VairoSMSAuthError
       ├─ VairoSMSNotFoundError
       ├─ VairoSMSRateLimitError
       └─ VairoSMSServerError

All of them pickle and copy without loss, and none of them contains the API key.
"""

from typing import Literal, TypeVar

from ._models import Gonderim

ConnectionReason = Literal["dns", "connect", "tls", "proxy", "cut", "timeout", "other"]


class VairoSMSError(Exception):
    """Base class of all errors of a lookup.

    Attributes:
        gonderim_id: The id of the packet that was looked up, or None if there was no valid id.
        retryable: Whether the same lookup is worth another try later. True: connection errors
            except TLS, timeouts, HTTP 408, 429 and 5xx, and answers that contain no record, such as
            a maintenance page. False: an invalid id, a TLS failure, any other refusal, a record of
            another packet or without a readable state. This differs from what the client retries
            within a call: it does not retry answers without a record. See `RetryPolicy`.
    """

    # Every argument but the message is keyword-only with a default, so that the inherited
    # `__reduce__` (class, args, __dict__) restores every attribute and every note.
    def __init__(
        self, message: str = "", *, gonderim_id: int | None = None, retryable: bool = False
    ) -> None:
        super().__init__(message)
        self.gonderim_id = gonderim_id
        self.retryable = retryable


class VairoSMSInvalidIdError(VairoSMSError, ValueError):
    """The value is not a packet id. It was rejected before any request.

    An id is a str of ASCII digits, or a value that `operator.index` accepts (an int, a
    `numpy.int64`) and that is not a bool. It is between 1 and 2**64 - 1. `gonderim_id` is None.
    """


class VairoSMSConnectionError(VairoSMSError, ConnectionError):
    """No complete answer arrived: DNS, connection refused or reset, TLS, truncated answer.

    Attributes:
        reason: ``"dns"`` (the host name cannot be resolved), ``"connect"`` (no connection to the
            host), ``"tls"`` (certificate or handshake), ``"proxy"``, ``"cut"`` (the connection was
            closed before the end of the answer), ``"timeout"`` or ``"other"``.
    """

    def __init__(
        self,
        message: str = "",
        *,
        gonderim_id: int | None = None,
        reason: ConnectionReason = "other",
    ) -> None:
        super().__init__(message, gonderim_id=gonderim_id, retryable=reason != "tls")
        self.reason: ConnectionReason = reason


class VairoSMSTimeoutError(VairoSMSConnectionError, TimeoutError):
    """The answer was not complete in time, or the packet was not final in time.

    Attributes:
        last: From `wait_gonderim` and `wait_gonderimler`: the last record before the timeout, or
            None. From a lookup: None.
        last_error: From `wait_gonderim` and `wait_gonderimler`: the error of the last poll, or None
            if it succeeded. From a lookup: None.
    """

    def __init__(
        self,
        message: str = "",
        *,
        gonderim_id: int | None = None,
        reason: ConnectionReason = "timeout",
        last: Gonderim | None = None,
        last_error: VairoSMSError | None = None,
    ) -> None:
        super().__init__(message, gonderim_id=gonderim_id, reason=reason)
        self.last = last
        self.last_error = last_error


class VairoSMSResponseError(VairoSMSError):
    """The answer is not a valid answer of the panel.

    Examples: an HTML page, a redirect, truncated or unexpected JSON, a record without a readable
    id or state, the record of another packet. A lookup does not retry it. `wait_gonderim` and
    `wait_gonderimler` continue to poll if it is `retryable`.

    Attributes:
        status: The HTTP status. None if the answer is not HTTP or cannot be decompressed, and from
            `gonderim_from_dict`.
        excerpt: The first characters of the answer (at most 200) without the API key, or ``""``.
    """

    def __init__(
        self,
        message: str = "",
        *,
        gonderim_id: int | None = None,
        status: int | None = None,
        excerpt: str = "",
        retryable: bool = False,
    ) -> None:
        super().__init__(message, gonderim_id=gonderim_id, retryable=retryable)
        self.status = status
        self.excerpt = excerpt


class VairoSMSAPIError(VairoSMSError):
    """The panel refused the request.

    Attributes:
        status: The HTTP status. It can be 200: the panel may answer ``durum: false`` under 200.
        aciklama: The panel's own explanation (at most 500 characters, without the API key), or
            None if the answer has none, for example because it is a web server's error page.
        kod: `aciklama` if it is one of the codes of the provider's page "Hata Mesajları"
            (``INVALID_SOURCE_ADDRESS``, ``MISSING_MESSAGE``, ``MESSAGE_TOO_LONG``,
            ``MISSING_DESTINATION_ADDRESS``, ``INVALID_DESTINATION_ADDRESS``), otherwise None.
        retry_after: The ``Retry-After`` of the answer in seconds, or None.
        from_panel: Whether the answer is the panel's JSON. False for the page of a web server or a
            proxy.
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
        from_panel: bool = True,
    ) -> None:
        is_temporary = status in (408, 429) or status // 100 == 5
        # The panel's message for a wrong key counts under any status.
        retryable = is_temporary and not isinstance(self, VairoSMSAuthError)
        super().__init__(message, gonderim_id=gonderim_id, retryable=retryable)
        self.status = status
        self.aciklama = aciklama
        self.kod = kod
        self.retry_after = retry_after
        self.from_panel = from_panel


class VairoSMSAuthError(VairoSMSAPIError):
    """The panel refused the API key.

    This is HTTP 401, ``durum: false`` under HTTP 403, or the panel's message for a wrong key. It
    ends a bulk lookup, since no other lookup can succeed.
    """


class VairoSMSNotFoundError(VairoSMSAPIError):
    """HTTP 404: the panel has no such packet.

    If `from_panel` is False, ``base_url`` may be wrong. The message then says so.
    """


class VairoSMSRateLimitError(VairoSMSAPIError):
    """HTTP 429: too many requests. ``retry_after`` is the wait that the panel asks for, if any."""


class VairoSMSServerError(VairoSMSAPIError):
    """HTTP 5xx: the panel, or a server in front of it, failed."""


def truncate(text: str, length: int) -> str:
    """Truncate a text to at most `length` characters. A truncated text ends with an ellipsis."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


Error = TypeVar("Error", bound=VairoSMSError)


def copy_for(error: Error, gonderim_id: int, message: str) -> Error:
    """Return a copy of an error for another packet, without its notes and traceback."""
    # Not `copy.copy`: with tblib, which Dask uses, both would share their attributes.
    duplicate = type(error)(message)
    attributes = {name: value for name, value in vars(error).items() if name != "__notes__"}
    vars(duplicate).update(attributes, gonderim_id=gonderim_id)
    return duplicate
