"""`VairoSMSClient`: the session, the slots and the lookups."""

import logging
from collections.abc import AsyncGenerator, AsyncIterable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import tzinfo
from enum import Enum
from types import TracebackType
from typing import Any, Final, Literal, NoReturn, Self, SupportsIndex, overload

import aiohttp

from . import _bulk as bulk
from ._endpoint import given_or_set, make_endpoint
from ._errors import VairoSMSError
from ._lookup import Options, look_up
from ._models import Gonderim, GonderimResult
from ._polling import Intervals, check_intervals, wait
from ._retry import RetryPolicy
from ._shared import ClientStats, Shared
from ._validate import check_cap, check_ids, check_timeout, read_id

logging.getLogger("vairosms_async").addHandler(logging.NullHandler())


class _Unset(Enum):
    """For arguments of which None is a value."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "<unchanged>"


_UNSET: Final = _Unset.UNSET


class VairoSMSClient:
    """Asks the VairoSMS panel what became of SMS packets.

    ::

        async with VairoSMSClient("key") as client:
            gonderim = await client.get_gonderim(52)

    One client serves any number of tasks of one event loop; keep it as long as the program runs,
    since its connections are kept too. It works without ``async with`` if `close` is awaited.

    Args:
        api_key: The panel's key; one trailing newline is taken off. Default: the environment's
            ``VAIROSMS_API_KEY``.
        base_url: The API root. Default: the environment's ``VAIROSMS_BASE_URL``, else the
            panel's, ``https://vairosms.com/Panel/api/v1``.
        session: An `aiohttp.ClientSession` of yours to use; its proxy, TLS set-up, headers and
            cookies apply, and it is never closed here. Default: a session of the client's own,
            opened at the first lookup and closed by `close`.
        max_concurrency: Lookups in flight at most (default 16), whoever started them.
        timeout: Seconds for one attempt, all told: connecting, sending and the whole answer
            (default 30). None: no limit.
        retry: How failed attempts are repeated (default ``RetryPolicy()``: 4 attempts).
        rate_limiter: An async context manager entered once per request, such as
            ``aiolimiter.AsyncLimiter(50, 1)``. Default: none.
        tz: The zone of the panel's times. None (default) gives naive datetimes, just what the
            panel wrote; ``ZoneInfo("Europe/Istanbul")`` gives aware ones.
        allow_insecure_http: Accept an ``http://`` ``base_url`` to a host that is not loopback. The
            key then travels in clear text.

    Raises:
        ValueError: There is no key, or a value is out of its range. The key is not shown.
        TypeError: A value is of another type.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        session: aiohttp.ClientSession | None = None,
        max_concurrency: int = 16,
        timeout: float | None = 30.0,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 (it is frozen)
        rate_limiter: AbstractAsyncContextManager[Any] | None = None,
        tz: tzinfo | None = None,
        allow_insecure_http: bool = False,
    ) -> None:
        api_key, base_url = given_or_set(api_key, base_url)
        endpoint = make_endpoint(api_key, base_url, allow_insecure_http=allow_insecure_http)
        # A traceback with locals, of this constructor's own errors too, is not to show them.
        del api_key, base_url
        if isinstance(endpoint, str):
            raise ValueError(endpoint)  # noqa: TRY004 (it says what is wrong with their values)
        if session is not None and not isinstance(session, aiohttp.ClientSession):
            raise TypeError(f"session must be an aiohttp.ClientSession, not {session!r}")
        self._owner = True
        self._options = Options(check_timeout(timeout), retry, rate_limiter, tz)
        # The last, for `__repr__`: with it, all the rest is there.
        self._shared = Shared(endpoint, session, check_cap(max_concurrency))

    def with_options(
        self,
        *,
        timeout: float | Literal[_Unset.UNSET] | None = _UNSET,
        retry: RetryPolicy | Literal[_Unset.UNSET] = _UNSET,
        tz: tzinfo | Literal[_Unset.UNSET] | None = _UNSET,
        rate_limiter: AbstractAsyncContextManager[Any] | Literal[_Unset.UNSET] | None = _UNSET,
    ) -> Self:
        """Make a sibling with other options, for some of the calls.

        It shares this client's session, connections and slots; closing it closes nothing. What is
        not given stays as it is here.

        Args:
            timeout: Seconds for one attempt, all told; None for no limit.
            retry: How failed attempts are repeated.
            tz: The zone of the panel's times; None for naive datetimes.
            rate_limiter: An async context manager entered once per request; None for none.

        Raises:
            ValueError: ``timeout`` is not above 0.
            TypeError: A value is of another type.
        """
        options = self._options
        sibling = object.__new__(type(self))
        sibling._shared = self._shared
        sibling._owner = False
        sibling._options = Options(
            timeout=options.timeout if timeout is _UNSET else check_timeout(timeout),
            retry=options.retry if retry is _UNSET else retry,
            rate_limiter=options.rate_limiter if rate_limiter is _UNSET else rate_limiter,
            tz=options.tz if tz is _UNSET else tz,
        )
        return sibling

    async def get_gonderim(self, id: SupportsIndex | str) -> Gonderim:
        """Ask what became of one packet.

        Args:
            id: The packet's id: what `operator.index` takes (not a bool), or a str of ASCII
                digits; from 1 to 2**64 - 1.

        Returns:
            The packet's record.

        Raises:
            VairoSMSInvalidIdError: ``id`` is not an id. No request was sent.
            VairoSMSConnectionError: No answer came, after all attempts.
            VairoSMSTimeoutError: The last attempt took longer than ``timeout``.
            VairoSMSResponseError: An answer came that is not the panel's, or not this packet's.
            VairoSMSAuthError: The panel refused the key.
            VairoSMSNotFoundError: HTTP 404: the panel knows no such packet.
            VairoSMSRateLimitError: HTTP 429, after all attempts.
            VairoSMSServerError: HTTP 5xx, after all attempts.
            VairoSMSAPIError: The panel said no for another reason.
            RuntimeError: The client is closed, or belongs to another event loop.
        """
        return (await self._lookup(id)).unwrap()

    @overload
    async def gather_gonderimler(
        self,
        ids: Iterable[SupportsIndex | str],
        *,
        return_exceptions: Literal[False] = False,
        max_concurrency: int | None = None,
    ) -> list[Gonderim]: ...
    @overload
    async def gather_gonderimler(
        self,
        ids: Iterable[SupportsIndex | str],
        *,
        return_exceptions: bool,
        max_concurrency: int | None = None,
    ) -> list[Gonderim | VairoSMSError]: ...
    async def gather_gonderimler(
        self,
        ids: Iterable[SupportsIndex | str],
        *,
        return_exceptions: bool = False,
        max_concurrency: int | None = None,
    ) -> list[Gonderim] | list[Gonderim | VairoSMSError]:
        """Ask what became of many packets, as `asyncio.gather` would.

        Args:
            ids: The packets, each as `get_gonderim` takes it. One given twice is asked once.
            return_exceptions: False (default): the first error cancels the rest and is raised
                as it is. True: errors stand in their places. A refused key stops the work either
                way; then every id not yet answered gets that error.
            max_concurrency: Lookups in flight at most for this call, if that is less than the
                client's cap.

        Returns:
            One entry per id, in the order of ``ids``. When it returns, raises or is cancelled,
            every lookup it started has ended.

        Raises:
            VairoSMSError: As for `get_gonderim`. Ids that are none are refused before any request.
            ValueError: ``max_concurrency`` is below 1.
            TypeError: ``ids`` is no iterable of ids.
            RuntimeError: The client is closed, or belongs to another event loop.
        """
        limit = self._limit(max_concurrency)
        check_ids(ids)
        if isinstance(ids, AsyncIterable):
            raise TypeError("ids is an async iterable: iter_gonderimler takes those")
        scrub = self._shared.endpoint.scrub
        return await bulk.gather(
            self._host(),
            [read_id(given, scrub) for given in ids],
            limit,
            return_exceptions=return_exceptions,
        )

    def iter_gonderimler(
        self,
        ids: Iterable[SupportsIndex | str] | AsyncIterable[SupportsIndex | str],
        *,
        max_concurrency: int | None = None,
    ) -> AsyncGenerator[GonderimResult]:
        """Ask what became of any number of packets, and give each result as it comes.

        No more than ``max_concurrency`` ids are read ahead of the loop that consumes the results,
        so memory does not grow with their number. To leave the loop early and be sure that
        nothing is left running at the next line, use `contextlib.aclosing`; otherwise it ends
        when the iterator is collected. Closing the client ends it too, with RuntimeError.

        Args:
            ids: The packets, as an iterable or async iterable of any length. It is not closed
                here. An error that it raises reaches you after the results of the lookups in
                flight.
            max_concurrency: As for `gather_gonderimler`.

        Yields:
            One result per id, in the order they complete. A failed lookup, or an id that is none,
            is a result with an ``error``.

        Raises:
            VairoSMSAuthError: The panel refused the key; the rest is not asked for.
            ValueError: ``max_concurrency`` is below 1.
            TypeError: ``ids`` is no iterable of ids.
            RuntimeError: The client is closed, or belongs to another event loop.
        """
        limit = self._limit(max_concurrency)
        check_ids(ids)
        return bulk.stream(self._host(), ids, limit)

    async def wait_gonderim(
        self,
        id: SupportsIndex | str,
        *,
        timeout: float | None = None,
        poll_interval: float = 2.0,
        max_poll_interval: float = 60.0,
    ) -> Gonderim:
        """Poll one packet until its state is final (-1 or 1).

        Args:
            id: As for `get_gonderim`.
            timeout: Seconds to wait at most; None (default) waits as long as it takes.
            poll_interval: Seconds from the first poll to the second, at least (default 2). Each
                further interval is longer by a quarter to three quarters.
            max_poll_interval: Seconds between two polls at most (default 60).

        Raises:
            VairoSMSTimeoutError: It was not final in time; ``last`` is the last record seen.
            VairoSMSError: A lasting error, as `get_gonderim` raises it: a refused key, an unknown
                id, a failure of TLS. Passing ones (no connection, 5xx, a maintenance page) do not
                end the wait, once their retries are used up.
            ValueError: A time is not above 0, or ``poll_interval`` is above ``max_poll_interval``.
            RuntimeError: The client is closed, or belongs to another event loop.
        """
        intervals = check_intervals(timeout, poll_interval, max_poll_interval)
        async with aclosing(self._wait([id], 1, intervals)) as results:
            return (await anext(results)).unwrap()

    def wait_gonderimler(
        self,
        ids: Iterable[SupportsIndex | str] | AsyncIterable[SupportsIndex | str],
        *,
        timeout: float | None = None,
        poll_interval: float = 2.0,
        max_poll_interval: float = 60.0,
        changes: bool = False,
    ) -> AsyncGenerator[GonderimResult]:
        """Poll many packets until they are final, and give each as it is.

        One schedule serves all of them, so that waiting ids cost memory and requests, not tasks;
        the client's cap holds. New ids and due polls take turns. Leave the loop early as with
        `iter_gonderimler`.

        Args:
            ids: The packets, as an iterable or async iterable of any length. An id that waits
                already is polled once and comes once.
            timeout: Seconds to wait for each packet at most, from when it is first asked for.
            poll_interval: As for `wait_gonderim`.
            max_poll_interval: As for `wait_gonderim`; longer, where more polls are due than the
                client's cap lets through.
            changes: True: give each packet also when it is first seen, and whenever its state has
                changed, final or not. False (default): only when its wait ends.

        Yields:
            One result per packet: its final record, or the error that ended its wait, as
            `wait_gonderim` raises it. With ``changes``, its earlier records before that.

        Raises:
            VairoSMSAuthError: The panel refused the key; nothing more is asked.
            ValueError: As for `wait_gonderim`.
            TypeError: ``ids`` is no iterable of ids.
            RuntimeError: The client is closed, or belongs to another event loop.
        """
        check_ids(ids)
        intervals = check_intervals(timeout, poll_interval, max_poll_interval)
        return self._wait(ids, self._shared.max_concurrency, intervals, changes=changes)

    def _wait(
        self,
        ids: Iterable[SupportsIndex | str] | AsyncIterable[SupportsIndex | str],
        limit: int,
        intervals: Intervals,
        *,
        changes: bool = False,
    ) -> AsyncGenerator[GonderimResult]:
        scrub = self._shared.endpoint.scrub
        return wait(
            self._host(),
            ids,
            limit,
            read_id=lambda given: read_id(given, scrub),
            intervals=intervals,
            changes=changes,
        )

    def stats(self) -> ClientStats:
        """Return figures of this client and its siblings at this moment."""
        return self._shared.stats()

    async def close(self) -> None:
        """Close the client: bulks end, and the session is closed if it is the client's own.

        Closing twice is no error; closing a sibling made by `with_options` does nothing.

        Raises:
            RuntimeError: The client belongs to another event loop.
        """
        if self._owner:
            await self._shared.close()

    async def __aenter__(self) -> Self:
        self._shared.check_usable()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        if "_shared" not in vars(self):  # refused, and shown by a traceback with locals
            return "<VairoSMSClient>"
        shared, options = self._shared, self._options
        return (
            f"<VairoSMSClient base_url={shared.endpoint.base_url!r} "
            f"max_concurrency={shared.max_concurrency} timeout={options.timeout} "
            f"attempts={options.retry.attempts}{' closed' if shared.closing.is_set() else ''}>"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError("a VairoSMSClient cannot be copied or pickled: it holds a key and sockets")

    def _lookup(self, given: SupportsIndex | str) -> Coroutine[Any, Any, GonderimResult]:
        return look_up(self._shared, self._options, given)

    def _host(self) -> bulk.Host[SupportsIndex | str, GonderimResult]:
        return bulk.Host(self._lookup, self._shared.bulk_tasks, self._shared.check_usable)

    def _limit(self, max_concurrency: int | None) -> int:
        cap = self._shared.max_concurrency
        return cap if max_concurrency is None else min(cap, check_cap(max_concurrency))
