"""One HTTP exchange with the panel.

The URL contains the key, and aiohttp's frames contain the URL. No exception leaves this module with
one of these frames in its traceback.
"""

import traceback
from datetime import tzinfo
from typing import Any

import aiohttp
from aiohttp import hdrs, http_parser
from aiohttp.connector import Connection
from aiohttp.http_exceptions import ContentEncodingError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from ._deadlines import Deadlines
from ._endpoint import Endpoint
from ._errors import VairoSMSError, VairoSMSResponseError
from ._failures import is_connection_failure, is_encoding_failure, to_library_error
from ._models import Gonderim
from ._version import __version__
from ._wire import read_answer

MAX_BODY = 1024 * 1024
"""Maximum size of a body in bytes, after decompression. A record has a few hundred."""

HEADERS = {
    hdrs.ACCEPT: "application/json",
    # aiohttp also offers br and zstd, for which it may find a library that is too old.
    hdrs.ACCEPT_ENCODING: "gzip, deflate",
    hdrs.USER_AGENT: f"vairosms-async/{__version__} aiohttp/{aiohttp.__version__}",
}

# `Deadlines` limits the whole exchange. This turns off aiohttp's own timeouts, also those of the
# caller's session.
_NO_TIMEOUT = aiohttp.ClientTimeout()


def open_session(max_connections: int) -> aiohttp.ClientSession:
    """Open the client's own session, which stores no cookies."""
    parser_in_python = http_parser.HttpResponseParser is http_parser.HttpResponseParserPy
    return aiohttp.ClientSession(
        response_class=_PythonParserResponse if parser_in_python else aiohttp.ClientResponse,
        connector=aiohttp.TCPConnector(limit=max_connections),
        headers=HEADERS,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=_NO_TIMEOUT,
        middlewares=(_plain_request,),
    )


class _PythonParserResponse(aiohttp.ClientResponse):
    """Reports an answer that is not HTTP, if aiohttp's parser is the one in Python.

    The parser in C rejects the first wrong byte. The parser in Python waits for the end of the
    headers. If the connection ends first, it reports only that.
    """

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        # Private: only the parser keeps the bytes of incomplete headers. If aiohttp renames the
        # attributes, the answer is a lost connection.
        parser = getattr(connection.protocol, "_parser", None)
        try:
            return await super().start(connection)
        except aiohttp.ServerDisconnectedError:
            lines: list[bytes] = getattr(parser, "_lines", [])
            if not lines or b"HTTP/".startswith(lines[0][:5]):
                raise
        raise aiohttp.ClientResponseError(self.request_info, self.history)


async def _plain_request(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        # aiohttp immediately retries a GET after these exceptions, but not after others. Nothing
        # except RetryPolicy may cause a retry.
        plain: aiohttp.ClientError = aiohttp.ClientConnectionError("connection lost")
    except (aiohttp.ClientResponseError, aiohttp.ConnectionTimeoutError) as exc:
        plain = _without_url(exc)
    # Outside `except`, so that the original is not its context. Tracers record the text of
    # aiohttp's exceptions, and the original contains the URL or text of the server.
    raise plain


def _without_url(
    exc: aiohttp.ClientResponseError | aiohttp.ConnectionTimeoutError,
) -> aiohttp.ClientError:
    if isinstance(exc, aiohttp.ConnectionTimeoutError):
        return aiohttp.ConnectionTimeoutError("no connection in time")
    from_proxy = isinstance(exc, aiohttp.ClientHttpProxyError)
    cls = aiohttp.ClientHttpProxyError if from_proxy else aiohttp.ClientResponseError
    # The original message is the server's text and may contain the key.
    info = aiohttp.RequestInfo(URL(), "GET", CIMultiDictProxy(CIMultiDict[str]()), URL())
    plain = cls(info, (), status=exc.status, message="the answer is not the panel's")
    if is_encoding_failure(exc):
        plain.__cause__ = ContentEncodingError("no decoder")
    return plain


def _keep_read_buffers_in_the_heap() -> None:
    # asyncio reads into a new buffer of 256 KiB. glibc maps and unmaps such blocks (a tenth of a
    # lookup's cost) until a block at least as large was freed once. Then it uses the heap.
    block = bytes(1024 * 1024)
    del block


def _request_options(session: aiohttp.ClientSession) -> dict[str, Any]:
    """Return the options of each request, without those that the session already has."""
    options: dict[str, Any] = {"allow_redirects": False}
    settings = {"raise_for_status": False, "auto_decompress": True, "timeout": _NO_TIMEOUT}
    options |= {k: v for k, v in settings.items() if getattr(session, k) != v}
    # Headers of the caller's session have priority.
    if missing := {k: v for k, v in HEADERS.items() if k not in session.headers}:
        options["headers"] = missing
    # The middlewares of a request replace those of its session, so pass both. The attribute is
    # private. If aiohttp renames it, `_plain_request` is not used in the caller's session.
    middlewares = getattr(session, "_middlewares", None)
    if middlewares is not None and _plain_request not in middlewares:
        options["middlewares"] = (_plain_request, *middlewares)
    return options


class Transport:
    """Sends requests to one endpoint through one session."""

    def __init__(
        self,
        endpoint: Endpoint,
        session: aiohttp.ClientSession,
        deadlines: Deadlines,
    ) -> None:
        self.session = session
        self._deadlines = deadlines
        self._endpoint = endpoint
        self._options = _request_options(session)
        _keep_read_buffers_in_the_heap()

    async def exchange(
        self, gonderim_id: int, *, timeout: float | None, tz: tzinfo | None
    ) -> Gonderim | VairoSMSError:
        """Request the status of a packet once, and return the record or the error.

        Args:
            gonderim_id: The id of the packet.
            timeout: Seconds until the last byte of the answer; None for no limit.
            tz: The zone of the panel's times.

        Raises:
            RuntimeError: The caller's session is closed.
            BaseException: A cancellation, or an exception of the session's hooks. Its traceback has
                no frames of aiohttp.
        """
        try:
            with self._deadlines.limit(timeout):
                return await self._request(gonderim_id, tz)
        except BaseException as exc:  # noqa: BLE001 (raised again)
            if isinstance(exc, RuntimeError) and self.session.closed:
                raise RuntimeError(_CLOSED) from None
            if isinstance(exc, Exception) and is_connection_failure(exc, self.session.connector):
                return to_library_error(exc, gonderim_id, self._endpoint.base_url, timeout)
            raise _without_frames(exc)  # noqa: B904 (it is the same exception)

    async def _request(self, gonderim_id: int, tz: tzinfo | None) -> Gonderim | VairoSMSError:
        response = await self.session.get(self._endpoint.url(gonderim_id), **self._options)
        body = await _read(response)
        status, headers = response.status, response.headers
        if isinstance(body, bytes):
            return read_answer(gonderim_id, status, headers, self._endpoint.scrub(body), tz=tz)
        return VairoSMSResponseError(
            f"gonderim {gonderim_id}: HTTP {status}, {body}",
            gonderim_id=gonderim_id,
            status=status,
            retryable=body is _TOO_LONG,
        )


_CLOSED = "your aiohttp session is closed: close it after the last lookup"
_TOO_LONG = f"not a valid answer of the panel: more than {MAX_BODY} bytes"
_STREAMED = (
    "but a middleware, trace hook or response_class of the session has streamed the body. "
    "Call its read(), text() or json() there instead, which keep the body"
)


async def _read(response: aiohttp.ClientResponse) -> bytes | str:
    """Return the body, or a text that says why not: it is longer than `MAX_BODY`, or gone.

    aiohttp releases the connection at the end of the body. This function closes it after an error,
    after a long body, and after HTTP 101, for which aiohttp keeps the connection.
    """
    content = response.content
    chunks: list[bytes] = []
    size = 0
    try:
        # Private: the public read() fails if a middleware has also released the response.
        if (already_read := getattr(response, "_body", None)) is not None:
            return already_read if len(already_read) <= MAX_BODY else _TOO_LONG
        while not content.at_eof():
            # A short body usually arrives together with the headers.
            chunk = content.read_nowait() if content.is_eof() else await content.readany()
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY:
                return _TOO_LONG
    finally:
        if response.connection is not None:
            response.close()
    return b"".join(chunks) if size == content.total_bytes else _STREAMED


def _without_frames(exc: BaseException) -> BaseException:
    """Remove the traceback and the chained exceptions, whose frames contain the URL."""
    if isinstance(exc, Exception):
        origin = traceback.extract_tb(exc.__traceback__)[-1]
        exc.add_note(
            f"raised at {origin.filename}:{origin.lineno} in {origin.name}; vairosms_async removed "
            "the frames in between, because their local variables contain the API key"
        )
    exc.__cause__ = exc.__context__ = None
    return exc.with_traceback(None)
