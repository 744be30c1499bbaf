"""A web service in front of the panel, with aiohttp.web.

    python examples/aiohttp_service.py                       # packets of an embedded sandbox panel
    VAIROSMS_API_KEY=... python examples/aiohttp_service.py  # the real panel

    GET  /gonderim/{id}    one packet
    POST /gonderimler      {"ids": [52, 61]}: JSON Lines, each packet as its answer comes

It asks nobody who they are: put it behind what does before others can reach it.
"""

import asyncio
import json
import math
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from vairosms_async import (
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSClient,
    VairoSMSError,
    VairoSMSInvalidIdError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSTimeoutError,
    gonderim_to_dict,
)
from vairosms_async.sandbox import SandboxPanel

CLIENT = web.AppKey("CLIENT", VairoSMSClient)
STOPPING = web.AppKey("STOPPING", asyncio.Event)
MAX_IDS = 10_000
BULK_CONCURRENCY = 8  # of the client's 16: a bulk leaves room for single lookups

# The nearest class counts. Whatever else is wrong, it is so behind this service: 502.
STATUS: dict[type, int] = {
    VairoSMSInvalidIdError: 422,
    VairoSMSNotFoundError: 404,
    VairoSMSAuthError: 500,  # the key is this service's, and none of the caller's business
    VairoSMSRateLimitError: 503,  # nor is it the caller who asks too often
    VairoSMSTimeoutError: 504,
    VairoSMSError: 502,
}


async def connect(app: web.Application) -> AsyncIterator[None]:
    """Keep one session and one client for all requests, from the service's start to its end."""
    async with AsyncExitStack() as stack:
        # The session is this service's own, for its other calls too: the client leaves it open.
        session = await stack.enter_async_context(aiohttp.ClientSession())
        if os.environ.get("VAIROSMS_API_KEY"):
            client = VairoSMSClient(session=session)
        else:
            print("No VAIROSMS_API_KEY: made-up packets of a sandbox panel.", file=sys.stderr)
            panel = await stack.enter_async_context(SandboxPanel(latency=(0.02, 0.2)))
            client = VairoSMSClient(panel.api_key, base_url=panel.base_url, session=session)
        app[CLIENT] = await stack.enter_async_context(client)
        yield


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what went wrong into the HTTP answer that says so."""
    try:
        return await handler(request)
    except VairoSMSError as error:
        status = next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)
        headers = {}
        if isinstance(error, VairoSMSAPIError) and error.retry_after is not None:
            status, headers = 503, {"Retry-After": str(math.ceil(error.retry_after))}
        return web.json_response(tell(error), status=status, headers=headers)


async def one(request: web.Request) -> web.Response:
    """Tell what became of one packet."""
    gonderim = await request.app[CLIENT].get_gonderim(request.match_info["id"])
    return web.json_response(gonderim_to_dict(gonderim))


async def many(request: web.Request) -> web.StreamResponse:
    """Tell what became of many packets, a line of JSON each, as their answers come."""
    given = await ids_of(request)

    def ids() -> Iterator[int | str]:
        for gonderim_id in given:
            if request.app[STOPPING].is_set():
                return
            yield gonderim_id

    response = web.StreamResponse()
    response.content_type = "application/jsonl"
    await response.prepare(request)
    answered, trouble = 0, None
    results = request.app[CLIENT].iter_gonderimler(ids(), max_concurrency=BULK_CONCURRENCY)
    try:
        async with aclosing(results):
            async for result in results:
                gonderim = result.gonderim and gonderim_to_dict(result.gonderim)
                error = result.error and tell(result.error)
                line = {"id": result.id, "gonderim": gonderim, "error": error}
                await response.write(json.dumps(line).encode() + b"\n")
                answered += 1
    except VairoSMSAuthError as error:  # its status was sent long ago, so the last line says it
        trouble = tell(error)
    except ConnectionResetError:
        return response  # the caller has hung up
    last = {"complete": answered == len(given), "answered": answered, "error": trouble}
    await response.write(json.dumps(last).encode() + b"\n")
    return response


async def ids_of(request: web.Request) -> list[int | str]:
    """Read the ids asked for. What is no id gets a line that says so."""
    try:
        ids: list[int | str] = (await request.json())["ids"]
    except (ValueError, TypeError, KeyError):
        ids = []
    if type(ids) is not list or not 1 <= len(ids) <= MAX_IDS:
        raise web.HTTPUnprocessableEntity(text=f'give {{"ids": […]}}, 1 to {MAX_IDS} of them')
    return ids


def tell(error: VairoSMSError) -> dict[str, str]:
    """Write an error out."""
    return {"type": type(error).__name__, "message": str(error)}


async def stop(app: web.Application) -> None:
    """Ask no more ids, so that answers end with those that were asked."""
    app[STOPPING].set()


def make_app() -> web.Application:
    """Make the service."""
    app = web.Application(middlewares=[explain])
    app[STOPPING] = asyncio.Event()
    app.cleanup_ctx.append(connect)
    app.on_shutdown.append(stop)
    app.router.add_get("/gonderim/{id}", one)
    app.router.add_post("/gonderimler", many)
    return app


if __name__ == "__main__":
    # handler_cancellation: a caller who hangs up ends the lookup.
    web.run_app(
        make_app(),
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "8000")),
        handler_cancellation=True,
        shutdown_timeout=30,
    )
