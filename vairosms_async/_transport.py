"""One HTTP exchange with the panel, and the key's safety in it.

A URL is a secret (see `endpoint`). It lives in aiohttp's frames while the exchange lasts, and none
of those frames leave with an exception.
"""

import traceback
from datetime import tzinfo

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from ._deadlines import Deadlines
from ._endpoint import Endpoint
from ._errors import VairoSMSError, VairoSMSResponseError
from ._failures import explain
from ._models import Gonderim
from ._version import __version__
from ._wire import read_answer

MAX_BODY = 1024 * 1024
"""Bytes of a body after decompression that are read at most. A record has a few hundred."""

HEADERS = {
    "Accept": "application/json",
    "User-Agent": f"vairosms-async/{__version__} aiohttp/{aiohttp.__version__}",
}

# One deadline covers the exchange (`Deadlines`), so that aiohttp's are all off, those
# of a caller's session included.
_NO_TIMEOUT = aiohttp.ClientTimeout()


def open_session(max_connections: int) -> aiohttp.ClientSession:
    """Open a session of the library's own, which keeps no cookies."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=max_connections),
        headers=HEADERS,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def _one_request(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        # aiohttp sends a GET a second time, at once and unasked, when its connection breaks.
        # Attempts are the RetryPolicy's to count and to space, or a panel that is down gets twice
        # as many.
        plain: aiohttp.ClientError = aiohttp.ClientConnectionError("connection lost")
    except (aiohttp.ClientResponseError, aiohttp.ConnectionTimeoutError) as exc:
        plain = _without_url(exc)
    # Not from where it was caught, or the other would be in its context. The hooks of tracers
    # (OpenTelemetry's, say) see aiohttp's exceptions before `explain` does and write down their
    # text: these print the URL, or what a server that hung up had sent until then.
    raise plain


def _without_url(
    exc: aiohttp.ClientResponseError | aiohttp.ConnectionTimeoutError,
) -> aiohttp.ClientError:
    if isinstance(exc, aiohttp.ConnectionTimeoutError):
        return aiohttp.ConnectionTimeoutError("no connection in time")
    is_proxys = isinstance(exc, aiohttp.ClientHttpProxyError)
    cls = aiohttp.ClientHttpProxyError if is_proxys else aiohttp.ClientResponseError
    # The message is the server's text, and may echo the key.
    info = aiohttp.RequestInfo(URL(), "GET", CIMultiDictProxy(CIMultiDict[str]()), URL())
    return cls(info, (), status=exc.status, message="the answer is not the panel's")


def _keep_read_buffers_in_the_heap() -> None:
    # asyncio reads a socket into a new buffer of 256 KiB. glibc maps memory for a block of that
    # size and unmaps it afterwards, three system calls a lookup (a tenth of its cost), until a
    # block at least as large has been freed once: then such sizes come out of the heap.
    block = bytes(1024 * 1024)
    del block


class Transport:
    """Asks one endpoint through one session."""

    def __init__(
        self,
        endpoint: Endpoint,
        session: aiohttp.ClientSession,
        deadlines: Deadlines,
    ) -> None:
        self.session = session
        self._deadlines = deadlines
        self._endpoint = endpoint
        # What the caller's session says of itself goes out as it is.
        missing = {k: v for k, v in HEADERS.items() if k not in session.headers}
        self._headers = missing or None
        # A request's middlewares stand in for its session's, so those are given along. They have
        # no public name; should they have another one day, the session is left as it is.
        sessions = getattr(session, "_middlewares", None)
        self._middlewares = None if sessions is None else (_one_request, *sessions)
        _keep_read_buffers_in_the_heap()

    async def exchange(
        self, gonderim_id: int, *, timeout: float | None, tz: tzinfo | None
    ) -> Gonderim | VairoSMSError:
        """Ask once what became of a packet.

        Args:
            gonderim_id: The packet.
            timeout: Seconds until the answer's last byte; None for no limit.
            tz: The zone of the panel's times.

        Returns:
            The record, or the error, not raised. Only what is not the exchange's own failure is
            raised (a cancellation, an exception of the session's hooks), without aiohttp's frames.
        """
        try:
            return await self._exchange(gonderim_id, timeout, tz)
        except BaseException as exc:  # noqa: BLE001 (raised again below)
            escaping = exc
        # Outside the `except`, or Python would chain it to itself; a new traceback starts here.
        try:
            raise _without_frames(escaping)
        finally:
            del escaping  # it refers to this frame: no cycle to wait for the collector

    async def _exchange(
        self, gonderim_id: int, timeout: float | None, tz: tzinfo | None
    ) -> Gonderim | VairoSMSError:
        within = self._deadlines.start(timeout)
        try:
            async with within:
                response = await self.session.get(
                    self._endpoint.url(gonderim_id),
                    headers=self._headers,
                    allow_redirects=False,
                    raise_for_status=False,
                    auto_decompress=True,
                    timeout=_NO_TIMEOUT,
                    middlewares=self._middlewares,
                )
                body = await _read(response)
        except (aiohttp.ClientError, OSError) as exc:
            return explain(exc, gonderim_id, self._endpoint.base_url, timeout)
        finally:
            self._deadlines.finish(within)
        status, headers = response.status, response.headers
        if body is None:
            return VairoSMSResponseError(
                f"gonderim {gonderim_id}: HTTP {status}, but not the panel's answer: "
                f"more than {MAX_BODY} bytes",
                gonderim_id=gonderim_id,
                status=status,
            )
        return read_answer(gonderim_id, status, headers, self._endpoint.scrub(body), tz=tz)


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """Read the body, or None if it is longer than `MAX_BODY`.

    A body that is read to its end gives its connection back by itself. Any other one is closed, so
    that no more of it comes; a 101's too, which aiohttp leaves to whoever switches protocols.
    """
    chunks: list[bytes] = []
    size = 0
    try:
        while not response.content.at_eof():
            chunk = await response.content.readany()
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY:
                return None
    finally:
        if response.connection is not None:
            response.close()
    return b"".join(chunks)


def _without_frames(exc: BaseException) -> BaseException:
    """Take from an exception the frames and the chain that lead into aiohttp and the URL."""
    if isinstance(exc, Exception):
        origin = traceback.extract_tb(exc.__traceback__)[-1]
        exc.add_note(
            f"raised at {origin.filename}:{origin.lineno} in {origin.name}; vairosms_async left "
            "out the frames in between, since their locals hold the URL and so the API key"
        )
    exc.__cause__ = exc.__context__ = None
    return exc.with_traceback(None)
