"""`SandboxPanel`: the documented panel as an aiohttp.web server on loopback."""

import asyncio
import hmac
import json
import logging
import math
import random
import ssl
import time
from collections import Counter, deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from attrs import frozen

from vairosms_async._endpoint import is_loopback, redact_url
from vairosms_async._models import Gonderim
from vairosms_async._validate import parse_digits
from vairosms_async._wire import API_KEY_HATALI

from ._faults import Fault, Faults, commit
from ._packets import EXAMPLES, Packet, Script, as_packet, seeded
from ._thread import InThread

_ROOT = "/Panel/api/v1"
_LOGGED_REQUESTS = 10_000


def _without_key(record: logging.LogRecord) -> bool:
    # aiohttp logs a request that it cannot read as it came, in its message and its exception.
    text = record.getMessage()
    if record.exc_info:
        text += "\n" + logging.Formatter().formatException(record.exc_info)
    record.msg, record.args, record.exc_info = redact_url(text), (), None
    return True


_logger = logging.getLogger("vairosms_async.sandbox")
_logger.addFilter(_without_key)


@frozen
class SandboxRequest:
    """A request that the panel has answered, as `SandboxPanel.request_log` holds it.

    Attributes:
        method: The HTTP method, ``"GET"``.
        path: The URL's path, without the query and so without the key.
        time: When the request arrived, in seconds since the panel started.
        status: The HTTP status of the answer; None if the panel sent no complete answer (a fault
            such as ``"reset"``, or the client closed the connection).
    """

    method: str
    path: str
    time: float
    status: int | None


class SandboxPanel(InThread):
    """A panel on loopback, for demonstrations and for the tests of your own services.

    It knows the provider's two examples (packets 52 and 61) and ``packets`` made-up ones in all
    three states, some of which turn final while you poll. A wrong key gets 401, an unknown id 404;
    faults, latency and a rate limit can be asked for; counters tell what reached it.

    ``async with`` runs it on the event loop, ``with`` in a thread of its own, for tests that have
    no event loop or block it. All its methods but `start` and `stop` may be called from any thread;
    copy ``requests_by_id`` before you loop over it while requests come.

    Args:
        api_key: The key it accepts.
        packets: How many made-up packets there are, with ids from 1 to this number.
        seed: Which ones: the same number gives the same packets.
        settle_time: Seconds after the start by which packets that turn final have done so.
        latency: Seconds before each answer: a number, or a (lowest, highest) pair.
        rate_limit: (requests, seconds): more requests than that in a window of that length get
            429 with ``Retry-After``. None: no limit.
        fault_rate: Share of requests, 0 to 1, that meet a random fault which passes on retry.
        host: The loopback address to listen on.
        port: The port; 0 takes a free one.
        ssl_context: A server context; the panel then speaks https.

    Raises:
        ValueError: ``host`` is not loopback.

    Attributes:
        api_key: The key it accepts.
        latency: As given; it may be changed while the panel runs.
        request_log: The latest 10,000 requests, in the order of their answers, each a
            `SandboxRequest`.
        requests: Requests received.
        requests_by_id: The same by packet id.
        in_flight: Requests being answered now.
        peak_in_flight: The most there were at the same time.
    """

    def __init__(
        self,
        api_key: str = "sandbox-api-key",
        *,
        packets: int = 1000,
        seed: int = 52,
        settle_time: float = 5.0,
        latency: float | tuple[float, float] = 0.0,
        rate_limit: tuple[int, float] | None = None,
        fault_rate: float = 0.0,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if not is_loopback(host):
            raise ValueError("a SandboxPanel listens on loopback only")
        self.api_key = api_key
        self._packets = packets
        self._seed = seed
        self._settle_time = settle_time
        self.latency: float | tuple[float, float] = latency
        if rate_limit is not None:
            _, _ = rate_limit  # now, and not in the middle of a test
        self._rate_limit = rate_limit
        self._host, self._port, self._ssl_context = host, port, ssl_context
        self._faults = Faults(fault_rate, seed)
        self._rng = random.Random(seed)  # noqa: S311 (latencies to play with)
        self._scripts = {i: (Script(packet), 0.0) for i, packet in EXAMPLES.items()}
        self._clock = time.monotonic
        self._started = 0.0
        self._window = (-math.inf, 0)
        self._stopping = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.in_flight: int = 0
        self.reset_counters()

    def __repr__(self) -> str:
        where = self.base_url if self._runner else "not running"
        return f"<{type(self).__name__} {where}>"

    def reset_counters(self) -> None:
        """Count from zero again."""
        self.requests: int = 0
        self.requests_by_id: Counter[int] = Counter()
        self.peak_in_flight: int = self.in_flight
        self.request_log: deque[SandboxRequest] = deque(maxlen=_LOGGED_REQUESTS)
        self._peers: set[Any] = set()

    @property
    def connections(self) -> int:
        """How many different connections requests came over."""
        return len(self._peers)

    @property
    def base_url(self) -> str:
        """The API root, for a client's ``base_url``. There is one once the panel has started."""
        if self._runner is None:
            raise RuntimeError("the SandboxPanel is not running")
        host, port = self._runner.addresses[0][:2]
        scheme = "http" if self._ssl_context is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{_ROOT}"

    def add_gonderim(
        self,
        gonderim: Gonderim | Mapping[str, Any],
        *,
        then: Gonderim | Mapping[str, Any] | None = None,
        after: float = 0.0,
    ) -> None:
        """Add a packet, or replace the one with its id.

        Args:
            gonderim: The packet, as a record or in the panel's JSON shape.
            then: What it turns into.
            after: Seconds from now until it does.

        Raises:
            ValueError: It is no packet; the message names the fields.
        """
        packet, last = as_packet(gonderim), None if then is None else as_packet(then)
        self._scripts[packet["id"]] = Script(packet, last, after), self._now()

    def fail(self, *faults: Fault, times: int | None = 1, id: int | None = None) -> None:
        """Let requests meet faults, in the order given.

        Args:
            faults: What they meet.
            times: How many requests meet each; None for all, until `clear_faults`.
            id: Only requests for this packet; None (default) for any.

        Raises:
            ValueError: ``times`` is below 1.
            TypeError: One of them is no `Fault`.
        """
        self._faults.order(faults, times, id)

    def clear_faults(self) -> None:
        """Take back what `fail` asked for."""
        self._faults.clear()

    async def start(self) -> None:
        """Start to listen.

        Raises:
            RuntimeError: It is running already.
            OSError: The port is taken.
        """
        if self._runner is not None:
            raise RuntimeError("the SandboxPanel is running already")
        self._clock, self._stopping = asyncio.get_running_loop().time, asyncio.Event()
        self._started = self._clock()
        app = web.Application()
        app.router.add_get(_ROOT + "/GonderimBilgisi/{id}", self._handle)
        # No access log: the request line has the key in it, be it a sandbox's.
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=_logger,
            handler_cancellation=True,
            shutdown_timeout=0.5,
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
        """Stop to listen and end all connections."""
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = request.match_info["id"]
        gonderim_id = parse_digits(asked)
        self.requests += 1
        if gonderim_id is not None:
            self.requests_by_id[gonderim_id] += 1
        self._peers.add(request.get_extra_info("peername"))
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        arrived, status = self._now(), None
        try:
            latency = self.latency if isinstance(self.latency, tuple) else (self.latency,) * 2
            if any(latency):
                await asyncio.sleep(self._rng.uniform(*latency))
            response = await self._answer(request, gonderim_id)
            if request.transport is not None and not request.transport.is_closing():
                status = response.status  # otherwise a fault has closed the connection
            return response
        finally:
            self.in_flight -= 1
            self.request_log.append(SandboxRequest(request.method, request.path, arrived, status))

    async def _answer(self, request: web.Request, gonderim_id: int | None) -> web.StreamResponse:
        fault = self._faults.next(gonderim_id)
        if fault is not None:
            body = _json({"durum": True, "aciklama": self._find(gonderim_id)})
            return await commit(fault, request, body, self._stopping)
        key = request.query.get("api_key", "")
        if not hmac.compare_digest(key.encode(), self.api_key.encode()):
            return _refuse(401, API_KEY_HATALI)
        wait = self._over_limit()
        if wait is not None:
            return _refuse(429, "Çok fazla istek gönderildi.", {"Retry-After": f"{wait}"})
        packet = self._find(gonderim_id)
        if packet is None:
            return _refuse(404, "Gönderim bulunamadı.")
        return web.Response(
            body=_json({"durum": True, "aciklama": packet}), content_type="application/json"
        )

    def _find(self, gonderim_id: int | None) -> Packet | None:
        if gonderim_id in self._scripts:
            script, since = self._scripts[gonderim_id]
            return script.at(self._now() - since)
        if gonderim_id is None or not 1 <= gonderim_id <= self._packets:
            return None
        return seeded(self._seed, gonderim_id, self._settle_time).at(self._now())

    def _now(self) -> float:
        """Seconds since the start; 0 before it."""
        return self._clock() - self._started if self._runner else 0.0

    def _over_limit(self) -> int | None:
        """Count a request; say after how many whole seconds to come back if it is one too many."""
        if self._rate_limit is None:
            return None
        allowed, seconds = self._rate_limit
        began, count = self._window
        now = self._now()
        if now >= began + seconds:
            began, count = now, 0
        self._window = began, count + 1
        return None if count < allowed else math.ceil(began + seconds - now)


def _json(answer: Any) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode()


def _refuse(
    status: int, aciklama: str, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    return web.Response(
        body=_json({"durum": False, "aciklama": aciklama}),
        content_type="application/json",
        status=status,
        headers=headers,
    )
