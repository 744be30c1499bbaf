"""Faults that the sandbox panel can answer with."""

import asyncio
import random
import socket
import struct
from collections.abc import Sequence
from typing import Literal, cast

from aiohttp import web
from attrs import define, frozen

from vairosms_async._validate import parse_count

_KINDS = ("status", "html", "reset", "hang", "cut")
_HTML = "<!DOCTYPE html><html lang='tr'><title>Bakım</title><h1>Sistem bakımda</h1></html>"


@frozen
class Fault:
    """One way for a request to the sandbox panel to fail.

    Attributes:
        kind: ``"status"`` (default): a JSON error with ``durum: false`` and `status`.
            ``"html"``: an HTML page with `status`, as proxies and maintenance pages send.
            ``"reset"``: the panel resets the connection instead of answering. ``"hang"``: the
            panel does not answer until it stops. ``"cut"``: the panel closes the connection in
            the middle of the body.
        status: The HTTP status of ``"status"`` and ``"html"`` (default 503).
        retry_after: The ``Retry-After`` header of ``"status"`` and ``"html"``, in seconds, or a
            str to send unchanged. None (default): no header.
        aciklama: The error text of ``"status"``.

    Raises:
        ValueError: ``kind`` is not one of these.
    """

    kind: Literal["status", "html", "reset", "hang", "cut"] = "status"
    status: int = 503
    retry_after: float | str | None = None
    aciklama: str = "Sistem geçici olarak hizmet veremiyor."

    def __attrs_post_init__(self) -> None:
        kind: object = self.kind
        if kind not in _KINDS:
            hint = f" For an HTTP status, use Fault(status={kind})." if type(kind) is int else ""
            raise ValueError(f"{kind!r} is not a kind of fault. Kinds: {', '.join(_KINDS)}.{hint}")


TEMPORARY_FAULTS = (
    Fault("status", 500),
    Fault("status", 502),
    Fault("html", 503),
    Fault("status", 429, retry_after=0),
    Fault("reset"),
    Fault("cut"),
)
"""Faults that a retry gets past. `fault_rate` picks from them."""


@define
class _QueuedFault:
    fault: Fault
    times: int | None
    id: int | None


class FaultQueue:
    """Decides which fault, if any, the next request gets."""

    def __init__(self, rate: float, seed: int) -> None:
        self._rate = rate
        self._rng = random.Random(seed)  # noqa: S311 (not for security)
        self._queue: list[_QueuedFault] = []

    def add(self, faults: Sequence[Fault], times: int | None, gonderim_id: int | None) -> None:
        """Queue faults for the next requests; see `SandboxPanel.fail`."""
        if times is not None:
            times = parse_count("times", times)
        if not all(isinstance(fault, Fault) for fault in faults):
            raise TypeError(f"faults must be Fault objects such as Fault('reset'), not {faults!r}")
        self._queue.extend(_QueuedFault(fault, times, gonderim_id) for fault in faults)

    def clear(self) -> None:
        """Drop all queued faults."""
        self._queue = []  # a new list, as `take` may be using the old one in another thread

    def take(self, gonderim_id: int | None) -> Fault | None:
        """Return the fault for a request for this packet, or None."""
        queue = self._queue
        for queued in queue:
            if queued.id is None or queued.id == gonderim_id:
                if queued.times is not None:
                    queued.times -= 1
                    if not queued.times:
                        queue.remove(queued)
                return queued.fault
        return self._rng.choice(TEMPORARY_FAULTS) if self._rng.random() < self._rate else None


async def respond_with_fault(
    fault: Fault, request: web.Request, answer: web.Response, stopping: asyncio.Event
) -> web.StreamResponse:
    """Answer a request with a fault; `answer` is what ``"cut"`` truncates."""
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after}"}
    if fault.kind == "status":
        body = {"durum": False, "aciklama": fault.aciklama}
        return web.json_response(body, status=fault.status, headers=headers)
    if fault.kind == "html":
        return web.Response(
            text=_HTML, content_type="text/html", status=fault.status, headers=headers
        )
    # aiohttp cancels the handler when the connection is lost, so there is a transport here.
    transport = cast(asyncio.Transport, request.transport)
    if fault.kind == "cut":
        whole = cast(bytes, answer.body)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = len(whole)
        await response.prepare(request)
        await response.write(whole[: len(whole) // 2])
        transport.close()
        return response
    if fault.kind == "hang":
        await stopping.wait()
    # With a linger time of zero the kernel sends RST instead of FIN.
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    return web.Response()  # aiohttp needs a response; the connection is closed
