"""How fast the sandbox panel answers: its latency, its rate limit and its slots."""

import asyncio
import math
from collections import deque
from typing import Any, Literal

from aiohttp import web
from attrs import frozen

from vairosms_async._validate import check_seconds, parse_count

Capacity = tuple[int, float]
"""(slots, seconds per request)."""

_NGINX_REASONS = {429: "Too Many Requests", 503: "Service Temporarily Unavailable"}
_NGINX_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


@frozen
class NginxRateLimit:
    """A rate limit as nginx's ``limit_req`` with ``nodelay``, which sends no ``Retry-After``.

    A request above the limit gets nginx's HTML page at once. ``NginxRateLimit(50, burst=10)``
    accepts 11 requests at once, then one per 20 ms. After a pause it accepts up to 11 at once
    again.

    Attributes:
        rate: Requests per second.
        burst: How many requests may arrive earlier than at that rate (default 0, as in nginx).
        status: The HTTP status of the page: 503 (default, as in nginx) or 429.

    Raises:
        ValueError: A value is invalid.
    """

    rate: float
    burst: int = 0
    status: Literal[429, 503] = 503

    def __attrs_post_init__(self) -> None:
        rate: Any = self.rate
        if not _is_number(rate, int | float) or not 0 < rate < math.inf:
            raise ValueError(f"rate must be a number of requests per second, above 0, not {rate!r}")
        burst: Any = self.burst
        if not _is_number(burst, int) or burst < 0:
            raise ValueError(f"burst must be a whole number, 0 or more, not {burst!r}")
        status: object = self.status
        if status not in (429, 503):
            raise ValueError(f"status must be 429 or 503, not {status!r}")


RateLimit = tuple[int, float] | NginxRateLimit
"""(requests, seconds) of a window, or nginx's limit."""


class WindowLimiter:
    """Limits the requests in each window of some seconds. Refusals have ``Retry-After``."""

    def __init__(self, requests: float, seconds: float) -> None:
        self._requests, self._seconds = requests, seconds
        self._began, self._count = -math.inf, 0

    def refusal(self, now: float) -> web.Response | None:
        """Count a request. Return the answer to a request above the limit, or None."""
        if now >= self._began + self._seconds:
            self._began, self._count = now, 0
        self._count += 1
        if self._count <= self._requests:
            return None
        retry_after = math.ceil(self._began + self._seconds - now)
        body = {"durum": False, "aciklama": "Çok fazla istek gönderildi."}
        return web.json_response(body, status=429, headers={"Retry-After": f"{retry_after}"})


class NginxLimiter:
    """Limits requests as ``limit_req`` does: it counts how many came earlier than at the rate."""

    def __init__(self, limit: NginxRateLimit) -> None:
        self._limit = limit
        self._excess, self._counted = 0.0, -math.inf

    def refusal(self, now: float) -> web.Response | None:
        """Count a request. Return the answer to a request above the limit, or None."""
        excess = max(0.0, self._excess - (now - self._counted) * self._limit.rate + 1)
        # nginx counts in thousandths of a request, too.
        if excess > self._limit.burst + 0.001:
            return nginx_page(self._limit.status)
        self._excess, self._counted = excess, now
        return None


def rate_limiter(limit: RateLimit | None) -> WindowLimiter | NginxLimiter:
    """Return a new limiter that has counted no request. Raise ValueError for an invalid limit."""
    if limit is None:
        return WindowLimiter(math.inf, 0.0)
    if isinstance(limit, NginxRateLimit):
        return NginxLimiter(limit)
    _check_pair("rate_limit", limit, "(requests, seconds), a NginxRateLimit or None")
    return WindowLimiter(*limit)


class Slots:
    """The panel's slots. Each works on one request at a time; others are refused or wait in line.

    Timers of the event loop end the work, not the tasks that wait for it. So a request whose client
    has gone, and whose task is cancelled, still takes its turn.
    """

    def __init__(self, capacity: Capacity | None, *, queue: bool) -> None:
        self.capacity = capacity
        self.queue = queue
        self._busy = 0
        self._line: deque[asyncio.Future[None]] = deque()

    async def take_turn(self) -> web.Response | None:
        """Wait until a slot has done a request's work. Return the answer to a refused request."""
        capacity = self.capacity
        if capacity is None:
            return None
        if self._busy >= capacity[0] and not self.queue:
            return nginx_page(503)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._line.append(done)
        self._fill(loop.time())
        await done
        return None

    def _fill(self, now: float) -> None:
        slots, seconds = self.capacity or (math.inf, 0.0)
        loop, end = asyncio.get_running_loop(), now + seconds
        while self._line and self._busy < slots:
            self._busy += 1
            loop.call_at(end, self._end_work, end, self._line.popleft())

    def _end_work(self, end: float, done: asyncio.Future[None]) -> None:
        self._busy -= 1
        if not done.done():  # it is cancelled if the client has gone
            done.set_result(None)
        self._fill(end)  # a late timer must not delay the next request


def latency_range(latency: float | tuple[float, float]) -> tuple[float, float]:
    """Return (lowest, highest). Raise ValueError for an invalid latency."""
    pair: tuple[Any, ...] = latency if isinstance(latency, tuple) else (latency, latency)
    if len(pair) != 2:
        raise ValueError(f"latency must be a number or a (lowest, highest) pair, not {latency!r}")
    lowest, highest = pair
    for seconds in pair:
        check_seconds("latency", seconds, allow_zero=True)
    if lowest > highest:
        raise ValueError(f"latency must be a (lowest, highest) pair, not {latency!r}")
    return lowest, highest


def check_capacity(capacity: Capacity | None) -> None:
    """Raise ValueError if a value is neither (slots, seconds) nor None (no limit)."""
    if capacity is not None:
        _check_pair("capacity", capacity, "(slots, seconds) or None")


def nginx_page(status: int) -> web.Response:
    """Return nginx's own error page: HTML, without ``Retry-After``."""
    reason = _NGINX_REASONS[status]
    body = _NGINX_PAGE.format(f"{status} {reason}").encode()
    return web.Response(body=body, content_type="text/html", status=status, reason=reason)


def _check_pair(name: str, value: tuple[Any, ...] | float, expected: str) -> None:
    if not isinstance(value, tuple) or len(value) != 2:
        raise ValueError(f"{name} must be {expected}, not {value!r}")
    parse_count(f"{name}[0]", value[0])
    check_seconds(f"{name}[1]", value[1])


def _is_number(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
