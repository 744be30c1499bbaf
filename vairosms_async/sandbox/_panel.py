"""`SandboxPanel`: the documented panel, served on loopback by aiohttp.web."""

import asyncio
import hmac
import json
import logging
import random
import ssl
import threading
from collections import Counter, deque
from typing import Any, Self

from aiohttp import web
from aiohttp.typedefs import Handler
from attrs import frozen

from vairosms_async._endpoint import is_loopback, redact_url
from vairosms_async._validate import parse_digits
from vairosms_async._wire import API_KEY_HATALI

from ._added import AddedPackets
from ._faults import Fault, FaultQueue, respond_with_fault
from ._packets import EXAMPLES, Packet, TimedPacket, generate_packet
from ._speed import Capacity, RateLimit, Slots, check_capacity, latency_range, rate_limiter
from ._thread import ThreadedServer

_ROOT = "/Panel/api/v1"
_MAX_LOGGED_REQUESTS = 10_000


def _redact_key(record: logging.LogRecord) -> bool:
    # aiohttp logs an invalid request unchanged, in its message and its exception.
    text = record.getMessage()
    if record.exc_info:
        text += "\n" + logging.Formatter().formatException(record.exc_info)
    record.msg, record.args, record.exc_info = redact_url(text), (), None
    return True


_logger = logging.getLogger("vairosms_async.sandbox")
_logger.addFilter(_redact_key)


@frozen
class SandboxRequest:
    """A request in `SandboxPanel.request_log`.

    Attributes:
        method: The HTTP method, such as ``"GET"``.
        path: The path of the URL. The query is left out, as it contains the API key.
        time: When the request arrived, in seconds after the panel's start.
        status: The HTTP status of the answer. None if the connection closed before its end.
    """

    method: str
    path: str
    time: float
    status: int | None


class SandboxPanel(AddedPackets, ThreadedServer):
    """A fake panel on loopback, for demonstrations and for the tests of your own services.

    It has the provider's two example packets (52 and 61) and ``packets`` generated ones, some of
    which become final while you poll. A wrong key gets 401 and an unknown id 404. POST gets the
    same answer as GET, because the provider's PHP sample sends POST. Other paths get 404 and other
    methods 405, in plain text and without latency, faults or limits.

    ``async with`` runs the panel on your event loop. ``with`` runs it in a thread, for tests that
    have no event loop or block it. You can use everything but `start` and `stop` from any thread.
    While requests arrive, iterate over a copy of ``requests_by_id`` or ``request_log``.

    A request takes a slot after its ``latency``. If its client then goes away, the request keeps
    its slot or its turn in line, because PHP behind nginx works on such requests too. Requests with
    a fault or a wrong key take no slot and do not count for the rate limit.

    Args:
        api_key: The only key that the panel accepts (default ``"sandbox-api-key"``). Also an
            attribute.
        packets: The number of generated packets (default 1000). Their ids start at 1.
        seed: The seed of the generated packets (default 52): the same seed gives the same packets.
        settle_time: Seconds after the start until the last change of a generated packet (default
            5.0). About 5 % of the packets stay in progress.
        latency: Seconds before each answer (default 0.0): a number, or a (lowest, highest) pair.
        rate_limit: (requests, seconds): the maximum number of requests in a window of that many
            seconds. Further ones get 429 with ``Retry-After``. Or a `NginxRateLimit`, which sends
            no ``Retry-After``. None (default): no limit.
        capacity: (slots, seconds): each request takes one of the slots for that many seconds, then
            it is answered. If no slot is free, it gets the bare 503 of nginx's ``limit_conn`` at
            once: HTML without ``Retry-After``. None (default): no limit.
        queue: Whether requests wait in line for a free slot, in the order of their arrival, instead
            of getting 503 (default False).
        fault_rate: The share of requests that fail with a random temporary fault: 0 (default) to 1.
        host: The loopback address to listen on (default ``"127.0.0.1"``).
        port: The port to listen on. 0 (default): any free port.
        ssl_context: A server-side context for https. None (default): the panel serves http.

    Raises:
        ValueError: ``host`` is not a loopback address, or ``latency``, ``rate_limit`` or
            ``capacity`` is invalid.
        TypeError: ``queue`` is not a bool.

    Attributes:
        requests: The number of lookups received.
        requests_by_id: The number of lookups per packet id.
        in_flight: The number of lookups being answered now, also those in line. A lookup whose
            client goes away no longer counts.
        peak_in_flight: The largest value of ``in_flight`` so far.
        request_log: The latest 10,000 requests, each a `SandboxRequest`. The panel appends a
            request when it has answered it or the connection is lost.
    """

    def __init__(
        self,
        api_key: str = "sandbox-api-key",
        *,
        packets: int = 1000,
        seed: int = 52,
        settle_time: float = 5.0,
        latency: float | tuple[float, float] = 0.0,
        rate_limit: RateLimit | None = None,
        capacity: Capacity | None = None,
        queue: bool = False,
        fault_rate: float = 0.0,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if not is_loopback(host):
            raise ValueError(f"host must be a loopback address such as 127.0.0.1, not {host!r}")
        self.api_key = api_key
        self._packets, self._seed, self._settle_time = packets, seed, settle_time
        self.latency = latency
        self.rate_limit = rate_limit
        check_capacity(capacity)
        if not isinstance(queue, bool):
            raise TypeError(f"queue must be True or False, not {queue!r}")
        self._slots = Slots(capacity, queue=queue)
        self._host, self._port, self._ssl_context = host, port, ssl_context
        self._faults = FaultQueue(fault_rate, seed)
        self._rng = random.Random(seed)  # noqa: S311 (not for security)
        self._added = {i: (TimedPacket(packet), 0.0) for i, packet in EXAMPLES.items()}
        self._stopping = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._lock = threading.Lock()  # for the counters
        self.in_flight: int = 0
        self.reset_counters()

    def __repr__(self) -> str:
        where = self.base_url if self._runner else "not running"
        return f"<{type(self).__name__} {where}>"

    @property
    def latency(self) -> float | tuple[float, float]:
        """Seconds before each answer, as in the constructor. You can set it at any time."""
        return self._latency

    @latency.setter
    def latency(self, latency: float | tuple[float, float]) -> None:
        self._latency_range = latency_range(latency)
        self._latency = latency

    @property
    def rate_limit(self) -> RateLimit | None:
        """The rate limit, as in the constructor. You can set it at any time.

        The panel then forgets the requests that it has counted.
        """
        return self._rate_limit

    @rate_limit.setter
    def rate_limit(self, rate_limit: RateLimit | None) -> None:
        self._rate_limiter = rate_limiter(rate_limit)
        self._rate_limit = rate_limit

    @property
    def capacity(self) -> Capacity | None:
        """The slots and the seconds, as in the constructor. You can set them at any time.

        A request that has a slot keeps it for the seconds that were set when it took the slot.
        """
        return self._slots.capacity

    @capacity.setter
    def capacity(self, capacity: Capacity | None) -> None:
        check_capacity(capacity)
        self._slots.capacity = capacity

    def reset_counters(self) -> None:
        """Set the counters to 0 and start an empty `request_log`.

        Requests in flight still count in `in_flight` and `peak_in_flight`, but are not logged.
        """
        with self._lock:
            self.requests: int = 0
            self.requests_by_id: Counter[int] = Counter()
            self.peak_in_flight: int = self.in_flight
            self.request_log: deque[SandboxRequest] = deque(maxlen=_MAX_LOGGED_REQUESTS)
            self._peers: set[Any] = set()

    @property
    def connections(self) -> int:
        """The number of connections that requests arrived on."""
        return len(self._peers)

    @property
    def base_url(self) -> str:
        """The client's ``base_url``. Raises ``RuntimeError`` if the panel is not running."""
        if self._runner is None:
            raise RuntimeError("the SandboxPanel is not running: start it using async with or with")
        host, port = self._runner.addresses[0][:2]
        scheme = "http" if self._ssl_context is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{_ROOT}"

    def fail(self, *faults: Fault, times: int | None = 1, id: int | None = None) -> None:
        """Make the next requests fail.

        Args:
            faults: The faults, which are used one after the other.
            times: How many requests get each fault (default 1). None: all, until `clear_faults`.
            id: The id of the packet whose requests fail. None (default): any request.

        Raises:
            ValueError: ``times`` is below 1.
            TypeError: An argument is not a `Fault`.
        """
        self._faults.add(faults, times, id)

    def clear_faults(self) -> None:
        """Drop the faults that `fail` added."""
        self._faults.clear()

    async def start(self) -> None:
        """Start listening.

        Raises:
            RuntimeError: The panel is already running.
            OSError: The port is in use.
        """
        if self._runner is not None:
            raise RuntimeError("this SandboxPanel is already running")
        self._clock, self._stopping = asyncio.get_running_loop().time, asyncio.Event()
        self._started = self._clock()
        self._rate_limiter = rate_limiter(self._rate_limit)
        self._slots = Slots(self._slots.capacity, queue=self._slots.queue)  # all free
        app = web.Application(middlewares=[self._record])
        app.router.add_get(_ROOT + "/GonderimBilgisi/{id}", self._handle)
        app.router.add_post(_ROOT + "/GonderimBilgisi/{id}", self._handle)
        # No access log: request lines contain the key.
        runner = web.AppRunner(
            app, access_log=None, logger=_logger, handler_cancellation=True, shutdown_timeout=0.5
        )
        await runner.setup()
        site = web.TCPSite(
            runner, self._host, self._port, ssl_context=self._ssl_context, backlog=4096
        )
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner

    async def stop(self) -> None:
        """Stop listening and close all connections."""
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    @web.middleware
    async def _record(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Log each request, on unknown paths too."""
        request_log, arrived, status = self.request_log, self._now(), None
        try:
            response = await handler(request)
        except Exception as exc:
            status = exc.status if isinstance(exc, web.HTTPException) else 500
            raise
        else:
            if request.transport is not None and not request.transport.is_closing():
                status = response.status  # no fault has closed the connection
            return response
        finally:
            request_log.append(SandboxRequest(request.method, request.path, arrived, status))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        gonderim_id = parse_digits(request.match_info["id"])
        with self._lock:
            self.requests += 1
            if gonderim_id is not None:
                self.requests_by_id[gonderim_id] += 1
            self._peers.add(request.get_extra_info("peername"))
            self.in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        try:
            if any(self._latency_range):
                await asyncio.sleep(self._rng.uniform(*self._latency_range))
            return await self._answer(request, gonderim_id)
        finally:
            with self._lock:
                self.in_flight -= 1

    async def _answer(self, request: web.Request, gonderim_id: int | None) -> web.StreamResponse:
        fault = self._faults.take(gonderim_id)
        if fault is not None:
            answer = self._answer_now(gonderim_id)
            return await respond_with_fault(fault, request, answer, self._stopping)
        key = request.query.get("api_key", "")
        if not hmac.compare_digest(key.encode(), self.api_key.encode()):
            return _json_answer(API_KEY_HATALI, 401)
        refusal = self._rate_limiter.refusal(self._now())
        if refusal is None:
            refusal = await self._slots.take_turn()
        return self._answer_now(gonderim_id) if refusal is None else refusal

    def _answer_now(self, gonderim_id: int | None) -> web.Response:
        packet = self._packet_now(gonderim_id)
        return _json_answer(packet or "Gönderim bulunamadı.", 200 if packet else 404)

    def _packet_now(self, gonderim_id: int | None) -> Packet | None:
        if gonderim_id in self._added:
            packet, since = self._added[gonderim_id]
            return packet.at(self._now() - since)
        if gonderim_id is None or not 1 <= gonderim_id <= self._packets:
            return None
        return generate_packet(self._seed, gonderim_id, self._settle_time).at(self._now())

    def _now(self) -> float:
        return self._clock() - self._started if self._runner else 0.0


def _json_answer(aciklama: Packet | str, status: int) -> web.Response:
    text = json.dumps({"durum": status == 200, "aciklama": aciklama}, ensure_ascii=False)
    body = text.encode(errors="backslashreplace")  # of a lone surrogate: JSON's escape, too
    return web.json_response(body=body, status=status)
