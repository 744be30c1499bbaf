"""What can go wrong on request: faults that the sandbox panel commits on the wire."""

import asyncio
import random
import socket
import struct
from collections.abc import Sequence
from typing import Literal, cast

from aiohttp import web
from attrs import define, field, frozen, validators

_HTML = (
    "<!DOCTYPE html><html lang='tr'><head><title>Bakım</title></head>"
    "<body><h1>Sistem bakımda</h1><p>Lütfen daha sonra tekrar deneyin.</p></body></html>"
)


@frozen
class Fault:
    """One way for an answer to fail.

    Attributes:
        kind: ``"status"``: a JSON answer ``durum: false`` with `status`. ``"html"``: an HTML
            page with `status`, as a maintenance page or a proxy has it. ``"reset"``: the
            connection is reset before an answer. ``"hang"``: no answer at all. ``"cut"``: the
            connection ends in the middle of the body.
        status: The HTTP status of ``"status"`` and ``"html"`` (default 503).
        retry_after: The answer's ``Retry-After`` (a number of seconds, or a str to send as it
            is); None (default) for none.
        aciklama: The words of ``"status"``.
    """

    kind: Literal["status", "html", "reset", "hang", "cut"] = field(
        default="status", validator=validators.in_(("status", "html", "reset", "hang", "cut"))
    )
    status: int = 503
    retry_after: float | str | None = None
    aciklama: str = "Sistem geçici olarak hizmet veremiyor."


PASSING = (
    Fault("status", 500),
    Fault("status", 502),
    Fault("html", 503),
    Fault("status", 429, retry_after=0),
    Fault("reset"),
    Fault("cut"),
)
"""Faults that come and go, for a `fault_rate`."""


@define
class _Ordered:
    fault: Fault
    times: int | None
    id: int | None


class Faults:
    """Which fault, if any, the next request meets."""

    def __init__(self, rate: float, seed: int) -> None:
        self._rate = rate
        self._rng = random.Random(seed)  # noqa: S311 (faults to play with)
        self._ordered: list[_Ordered] = []

    def order(self, faults: Sequence[Fault], times: int | None, gonderim_id: int | None) -> None:
        """Have requests, of one packet or of any, meet these faults in turn."""
        if times is not None and times < 1:
            raise ValueError(f"times must be 1 or more, or None for ever, not {times!r}")
        if not all(isinstance(fault, Fault) for fault in faults):
            raise TypeError(f"faults must be like Fault('reset'), not {faults!r}")
        self._ordered += [_Ordered(fault, times, gonderim_id) for fault in faults]

    def clear(self) -> None:
        """Take back all that was ordered."""
        self._ordered.clear()

    def next(self, gonderim_id: int | None) -> Fault | None:
        """Take the fault that a request for this packet meets."""
        for order in self._ordered:
            if order.id is None or order.id == gonderim_id:
                if order.times is not None:
                    order.times -= 1
                    if not order.times:
                        self._ordered.remove(order)
                return order.fault
        return self._rng.choice(PASSING) if self._rng.random() < self._rate else None


async def commit(
    fault: Fault, request: web.Request, answer: bytes, stopping: asyncio.Event
) -> web.StreamResponse:
    """Answer a request as the fault has it; `answer` is what it would have got."""
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after}"}
    if fault.kind == "status":
        body = {"durum": False, "aciklama": fault.aciklama}
        return web.json_response(body, status=fault.status, headers=headers)
    if fault.kind == "html":
        return web.Response(
            text=_HTML, content_type="text/html", status=fault.status, headers=headers
        )
    # A handler is cancelled when its connection is lost, so here there is one.
    transport = cast(asyncio.Transport, request.transport)
    if fault.kind == "cut":
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = len(answer)
        await response.prepare(request)
        await response.write(answer[: len(answer) // 2])
        transport.close()
        return response
    if fault.kind == "hang":
        await stopping.wait()
    # With a linger time of zero the kernel sends RST, not FIN.
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    return web.Response()  # to nobody
