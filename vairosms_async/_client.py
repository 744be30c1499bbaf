"""`VairoSMSClient`: signatures and docstrings. Other modules do the work."""

import logging
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import tzinfo
from enum import Enum
from functools import partial
from typing import Any, Final, Literal, NoReturn, Self, SupportsIndex, overload

import aiohttp
from attrs import evolve

from ._bulk import gather, stream
from ._endpoint import make_endpoint, read_settings
from ._errors import VairoSMSError
from ._lookup import Options, look_up
from ._models import Gonderim
from ._polling import Intervals, LookUp, wait
from ._result import GonderimResult
from ._retry import RetryPolicy
from ._shared import ClientStats, Shared
from ._validate import check_ids, parse_count, parse_id

logging.getLogger("vairosms_async").addHandler(logging.NullHandler())


class _Unset(Enum):
    """The default of arguments for which None is a value."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "<unchanged>"


_UNSET: Final = _Unset.UNSET


def _without_unset(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not _UNSET}


class VairoSMSClient:
    """Looks up the status of SMS packets in the VairoSMS panel.

    ::

        async with VairoSMSClient("key") as client:
            gonderim = await client.get_gonderim(52)

    One client serves any number of tasks of one event loop. Keep it for the lifetime of the
    program, since it keeps its connections. Without ``async with``, await `close` at the end.

    Args:
        api_key: The panel's API key. One trailing newline is removed. Default: the environment
            variable ``VAIROSMS_API_KEY``.
        base_url: The API root. Default: the environment variable ``VAIROSMS_BASE_URL``, then
            ``https://vairosms.com/Panel/api/v1``.
        session: Your `aiohttp.ClientSession`. The client uses its proxy, TLS settings, headers and
            cookies, but not its timeout, and never closes it. Default: the client opens its own
            session at the first lookup and closes it in `close`.
        max_concurrency: Maximum number of lookups in flight, from all tasks (default 16).
        adaptive: True (default): the number in flight follows what the panel can take. It starts
            with at most 16, falls when the panel refuses lookups (HTTP 429 or 503 without
            ``Retry-After``), lets them time out or answers more slowly under load, and rises while
            all slots are in use. If one lookup at a time is too much, the client waits between
            requests. False: always up to ``max_concurrency``; refused lookups count as attempts.
        timeout: Seconds for one attempt, from connecting to the end of the answer (default 30).
            None means no limit.
        retry: When and how often to retry (default ``RetryPolicy()``: 4 attempts).
        rate_limiter: An async context manager that the client enters before each request, such as
            ``aiolimiter.AsyncLimiter(50, 1)``. Default: None. While it makes lookups wait, the
            adaptive limit does not rise.
        tz: The zone of the panel's times. With None (default), datetimes are naive unless the panel
            writes an offset. With ``ZoneInfo("Europe/Istanbul")``, they are aware.
        poll_interval: The default of `wait_gonderim` and `wait_gonderimler`, in seconds (2).
        max_poll_interval: The same for their maximum interval (60).
        allow_insecure_http: Accept an ``http://`` ``base_url`` of a host that is not loopback
            (default False). The key then travels unencrypted.

    Raises:
        ValueError: The key is missing or invalid, ``base_url`` is invalid, a number is out of range
            or not a number, or ``poll_interval`` is above ``max_poll_interval``. The message does
            not contain the key. If the key or ``base_url`` is the cause, the error's attribute
            ``setting`` is ``"api_key"`` or ``"base_url"``.
        TypeError: ``session``, ``adaptive``, ``retry``, ``rate_limiter`` or ``tz`` has the wrong
            type.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        session: aiohttp.ClientSession | None = None,
        max_concurrency: int = 16,
        adaptive: bool = True,
        timeout: float | None = 30.0,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 (it is frozen)
        rate_limiter: AbstractAsyncContextManager[Any] | None = None,
        tz: tzinfo | None = None,
        poll_interval: float = 2.0,
        max_poll_interval: float = 60.0,
        allow_insecure_http: bool = False,
    ) -> None:
        settings = read_settings(api_key, base_url)
        del api_key, base_url  # a traceback with local variables must not show them
        endpoint = make_endpoint(settings, allow_insecure_http=allow_insecure_http)
        if session is not None and not isinstance(session, aiohttp.ClientSession):
            raise TypeError(f"session must be an aiohttp.ClientSession, not {session!r}")
        if not isinstance(adaptive, bool):
            raise TypeError(f"adaptive must be True or False, not {adaptive!r}")
        self._is_owner = True
        self._options = Options(timeout, retry, rate_limiter, tz)
        self._intervals = Intervals(poll_interval, max_poll_interval)
        # Set last: `__repr__` takes it as the sign that the constructor has succeeded.
        slots = parse_count("max_concurrency", max_concurrency)
        self._shared = Shared(endpoint, session, slots, adaptive=adaptive)

    @property
    def base_url(self) -> str:
        """The API root that the client uses, without a trailing slash."""
        return self._shared.endpoint.base_url

    def with_options(
        self,
        *,
        timeout: float | Literal[_Unset.UNSET] | None = _UNSET,
        retry: RetryPolicy | Literal[_Unset.UNSET] = _UNSET,
        tz: tzinfo | Literal[_Unset.UNSET] | None = _UNSET,
        rate_limiter: AbstractAsyncContextManager[Any] | Literal[_Unset.UNSET] | None = _UNSET,
        poll_interval: float | Literal[_Unset.UNSET] = _UNSET,
        max_poll_interval: float | Literal[_Unset.UNSET] = _UNSET,
    ) -> Self:
        """Return a sibling of this client with other options, for some of the calls.

        The sibling uses the same session and connections, and shares the ``max_concurrency`` limit,
        the adaptive limit, the pauses and the retry budget. A timeout that is shorter than the
        answers of other siblings take does not lower the adaptive limit. Closing the sibling does
        nothing. Options that are not passed keep their values.

        Args:
            timeout: Seconds for one attempt; None for no limit.
            retry: When and how often to retry.
            tz: The zone of the panel's times; None for naive datetimes.
            rate_limiter: An async context manager that the client enters before each request; None
                for no rate limiter.
            poll_interval: The default of `wait_gonderim` and `wait_gonderimler`, in seconds.
            max_poll_interval: The same for their maximum interval.

        Raises:
            ValueError: A time is not a number above 0, or ``poll_interval`` is above
                ``max_poll_interval``.
            TypeError: ``retry``, ``rate_limiter`` or ``tz`` has the wrong type.
        """
        options: dict[str, Any] = {
            "timeout": timeout,
            "retry": retry,
            "tz": tz,
            "rate_limiter": rate_limiter,
        }
        intervals = {"poll_interval": poll_interval, "max_poll_interval": max_poll_interval}
        sibling = object.__new__(type(self))
        sibling._is_owner = False
        sibling._options = evolve(self._options, **_without_unset(options))
        sibling._intervals = evolve(self._intervals, **_without_unset(intervals))
        sibling._shared = self._shared
        return sibling

    async def get_gonderim(self, id: SupportsIndex | str) -> Gonderim:
        """Return the record of one packet.

        Args:
            id: The packet's id: a value that `operator.index` accepts (but not a bool), or a str of
                ASCII digits, from 1 to 2**64 - 1.

        Raises:
            VairoSMSInvalidIdError: ``id`` is not a valid packet id. The client sent no request.
            VairoSMSConnectionError: No complete answer arrived in the last attempt. TLS failures
                are not retried.
            VairoSMSTimeoutError: The last attempt took longer than ``timeout``.
            VairoSMSResponseError: The answer is not a valid answer of the panel, or is the record
                of another packet.
            VairoSMSAuthError: The panel refused the key.
            VairoSMSNotFoundError: HTTP 404: the panel has no such packet.
            VairoSMSRateLimitError: HTTP 429 in the last attempt.
            VairoSMSServerError: HTTP 5xx in the last attempt.
            VairoSMSAPIError: The panel refused the request for another reason.
            RuntimeError: The client or your session is closed, or the client was used in another
                event loop.
        """
        return (await self._look_up(id)).unwrap()

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
        """Look up many packets concurrently, and return their records in the order of the ids.

        When it returns, raises or is cancelled, every lookup that it started has ended.

        Args:
            ids: The ids, each as for `get_gonderim`. A repeated id is looked up once.
            return_exceptions: False (default): the first error cancels the other lookups and is
                raised. True: the list contains the error of a failed lookup instead of its record.
                A refused key stops the work in both cases; with True, each id without a result gets
                its own `VairoSMSAuthError`.
            max_concurrency: Maximum number of lookups in flight for this call, if it is lower than
                the client's. Default: the client's. The adaptive limit applies in addition.

        Returns:
            One entry per id, in the order of ``ids``.

        Raises:
            VairoSMSError: As for `get_gonderim`. Invalid ids are rejected before any request.
            ValueError: ``max_concurrency`` is below 1.
            TypeError: ``ids`` is not an iterable of ids.
            RuntimeError: The client or your session is closed, or the client was used in another
                event loop.
        """
        limit = self._limit(max_concurrency)
        check_ids(ids)
        if isinstance(ids, AsyncIterable):
            raise TypeError("ids is an async iterable: pass it to iter_gonderimler")
        scrub = self._shared.endpoint.scrub
        parsed = [parse_id(id_, scrub) for id_ in ids]
        return await gather(
            self._shared, parsed, self._look_up, limit, return_exceptions=return_exceptions
        )

    def iter_gonderimler(
        self,
        ids: Iterable[SupportsIndex | str] | AsyncIterable[SupportsIndex | str],
        *,
        max_concurrency: int | None = None,
    ) -> AsyncGenerator[GonderimResult]:
        """Look up any number of packets, and yield each result as it completes.

        The client reads at most ``max_concurrency`` ids ahead of your loop, so memory does not grow
        with the number of ids. If you leave the loop early, use `contextlib.aclosing`, which ends
        all lookups at the end of its block. Otherwise the lookups end when Python garbage-collects
        the iterator.

        Args:
            ids: The ids, as an iterable or async iterable of any length. The client does not close
                it.
            max_concurrency: As for `gather_gonderimler`.

        Yields:
            One result per id, in completion order. A failed lookup or an invalid id is a result
            with an ``error``.

        Raises:
            VairoSMSAuthError: The panel refused the key. No further id is looked up.
            Exception: ``ids`` raised it. The results of the lookups in flight are yielded first.
            ValueError: ``max_concurrency`` is below 1.
            TypeError: ``ids`` is not an iterable of ids.
            RuntimeError: The client or your session is closed (before or during the loop), or the
                client was used in another event loop.
        """
        limit = self._limit(max_concurrency)
        check_ids(ids)
        return stream(self._shared, ids, self._look_up, limit)

    async def wait_gonderim(
        self,
        id: SupportsIndex | str,
        *,
        timeout: float | None = None,
        poll_interval: float | None = None,
        max_poll_interval: float | None = None,
    ) -> Gonderim:
        """Poll one packet until its state is final (-1 or 1), and return its record.

        Args:
            id: As for `get_gonderim`.
            timeout: Maximum time to wait in seconds. Default: None, no limit.
            poll_interval: Seconds from the first poll to the second, plus up to 25 % jitter. Each
                further interval is 1.25 to 1.75 times as long as the one before, up to
                ``max_poll_interval``. Default: the client's.
            max_poll_interval: Maximum interval in seconds. Default: the client's.

        Raises:
            VairoSMSTimeoutError: The packet was not final in time. ``last`` is its last record,
                ``last_error`` the error of the last poll if it failed.
            VairoSMSError: An error that is not ``retryable``, as for `get_gonderim`: an invalid or
                unknown id, a refused key, a TLS failure, a record without a readable state. Polling
                continues after other errors, and the client logs a warning.
            ValueError: A time is not above 0, or ``poll_interval`` is above ``max_poll_interval``.
            RuntimeError: The client or your session is closed, or the client was used in another
                event loop.
        """
        intervals = self._intervals.replace(timeout, poll_interval, max_poll_interval)
        results = wait(self._shared, [id], self._look_up, 1, intervals=intervals)
        async with aclosing(results):
            return (await anext(results)).unwrap()

    def wait_gonderimler(
        self,
        ids: Iterable[SupportsIndex | str] | AsyncIterable[SupportsIndex | str],
        *,
        timeout: float | None = None,
        poll_interval: float | None = None,
        max_poll_interval: float | None = None,
        changes: bool = False,
    ) -> AsyncGenerator[GonderimResult]:
        """Poll many packets until they are final, and yield each result when its wait ends.

        All of them share one schedule: a waiting id is not a task and does not count for
        ``max_concurrency``. New ids and due polls take turns. If you leave the loop early, use
        `contextlib.aclosing`, as with `iter_gonderimler`.

        Args:
            ids: The ids, as an iterable or async iterable of any length. The client skips an id
                that is already waiting.
            timeout: Maximum time to wait for each packet in seconds, from its first poll. Default:
                None, no limit.
            poll_interval: As for `wait_gonderim`.
            max_poll_interval: As for `wait_gonderim`. Intervals are longer if more polls are due
                than the client's ``max_concurrency`` allows.
            changes: True: also yield the first record of each packet, and its record after each
                change of state. False (default): yield a packet's result when its wait ends.

        Yields:
            The final record of each packet, or the error that ended its wait (see `wait_gonderim`).
            With ``changes``, also its first record and its record after each change of state.

        Raises:
            VairoSMSAuthError: The panel refused the key. No further request is sent.
            Exception: ``ids`` raised it. The lookups in flight complete first. Ids that still wait
                get no result.
            ValueError: As for `wait_gonderim`.
            TypeError: ``ids`` is not an iterable of ids.
            RuntimeError: The client or your session is closed (before or during the loop), or the
                client was used in another event loop.
        """
        check_ids(ids)
        intervals = self._intervals.replace(timeout, poll_interval, max_poll_interval)
        limit = self._shared.max_concurrency
        return wait(self._shared, ids, self._look_up, limit, intervals=intervals, changes=changes)

    def stats(self) -> ClientStats:
        """Return the current figures of this client and its siblings."""
        return self._shared.stats()

    async def close(self) -> None:
        """Cancel bulk lookups, interrupt others, and close the session if the client opened it.

        An interrupted lookup raises RuntimeError. A request that `get_gonderim` has in flight in
        your session is not interrupted. Closing twice is allowed. Closing a sibling from
        `with_options` does nothing.

        Raises:
            RuntimeError: The client was used in another event loop.
        """
        if self._is_owner:
            await self._shared.close()

    async def __aenter__(self) -> Self:
        self._shared.ensure_usable()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        if "_shared" not in vars(self):  # for tracebacks that show `self` of a failed constructor
            return "<VairoSMSClient>"
        shared, options = self._shared, self._options
        return (
            f"<VairoSMSClient base_url={self.base_url!r} "
            f"max_concurrency={shared.max_concurrency} timeout={options.timeout} "
            f"attempts={options.retry.attempts}{' closed' if shared.closing.is_set() else ''}>"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError("a VairoSMSClient cannot be copied or pickled: create another client")

    @property
    def _look_up(self) -> LookUp:
        return partial(look_up, self._shared, self._options)

    def _limit(self, max_concurrency: int | None) -> int:
        cap = self._shared.max_concurrency
        if max_concurrency is None:
            return cap
        return min(cap, parse_count("max_concurrency", max_concurrency))
