"""A web service in front of the panel, with aiohttp.web.

    python3 examples/aiohttp_service.py                       # packets of an embedded sandbox panel
    VAIROSMS_API_KEY=... python3 examples/aiohttp_service.py  # the real panel

    GET  /gonderim/{id}    the record of one packet
    POST /gonderimler      {"ids": [52, 61]}: JSON Lines, one line per packet in order of completion

The service has no authentication. Put it behind a proxy that authenticates callers.
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
BULK_CONCURRENCY = 8  # half of the client's 16, so that single lookups do not wait for a bulk

# An error without an entry uses the entry of its nearest base class.
STATUS: dict[type, int] = {
    VairoSMSInvalidIdError: 422,
    VairoSMSNotFoundError: 404,
    VairoSMSAuthError: 500,  # the API key of this service is wrong, not the caller's request
    VairoSMSRateLimitError: 503,  # this service sends too many requests, not the caller
    VairoSMSTimeoutError: 504,
    VairoSMSError: 502,
}


async def connect(app: web.Application) -> AsyncIterator[None]:
    """Open one session and one client for all requests. Close them when the service stops."""
    async with AsyncExitStack() as stack:
        # The service can use this session for other requests too: the client does not close it.
        session = await stack.enter_async_context(aiohttp.ClientSession())
        if os.environ.get("VAIROSMS_API_KEY"):
            client = VairoSMSClient(session=session)
        else:
            print("VAIROSMS_API_KEY is not set: using a sandbox panel.", file=sys.stderr)
            panel = await stack.enter_async_context(SandboxPanel(latency=(0.02, 0.2)))
            client = VairoSMSClient(panel.api_key, base_url=panel.base_url, session=session)
        app[CLIENT] = await stack.enter_async_context(client)
        yield


@web.middleware
async def errors_to_responses(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a failed lookup with the HTTP status that fits, and ``Retry-After`` if known."""
    try:
        return await handler(request)
    except VairoSMSError as error:
        status = next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)
        headers = {}
        if isinstance(error, VairoSMSAPIError) and error.retry_after is not None:
            status, headers = 503, {"Retry-After": str(math.ceil(error.retry_after))}
        return web.json_response(error_to_dict(error), status=status, headers=headers)


async def get_gonderim(request: web.Request) -> web.Response:
    """Answer with the record of one packet."""
    gonderim = await request.app[CLIENT].get_gonderim(request.match_info["id"])
    return web.json_response(gonderim_to_dict(gonderim))


async def stream_gonderimler(request: web.Request) -> web.StreamResponse:
    """Answer with one JSON line per packet, then a line that says whether the bulk is complete."""
    ids = await read_ids(request)

    def ids_until_shutdown() -> Iterator[int | str]:
        for gonderim_id in ids:
            if request.app[STOPPING].is_set():
                return
            yield gonderim_id

    response = web.StreamResponse()
    response.content_type = "application/jsonl"
    await response.prepare(request)
    answered, failure = 0, None
    results = request.app[CLIENT].iter_gonderimler(
        ids_until_shutdown(), max_concurrency=BULK_CONCURRENCY
    )
    try:
        async with aclosing(results):
            async for result in results:
                gonderim = result.gonderim and gonderim_to_dict(result.gonderim)
                error = result.error and error_to_dict(result.error)
                line = {"id": result.id, "gonderim": gonderim, "error": error}
                await response.write(json.dumps(line).encode() + b"\n")
                answered += 1
    except VairoSMSAuthError as error:
        failure = error_to_dict(error)  # in the last line, because the HTTP status is already sent
    except ConnectionResetError:
        return response  # the caller has disconnected
    last = {"complete": answered == len(ids), "answered": answered, "error": failure}
    await response.write(json.dumps(last).encode() + b"\n")
    return response


async def read_ids(request: web.Request) -> list[int | str]:
    """Return the ids in the body. They may be invalid: their results then carry an error."""
    try:
        ids: list[int | str] = (await request.json())["ids"]
    except (ValueError, TypeError, KeyError):
        ids = []
    if type(ids) is not list or not 1 <= len(ids) <= MAX_IDS:
        raise web.HTTPUnprocessableEntity(text=f'expected {{"ids": […]}} with 1 to {MAX_IDS} ids')
    return ids


def error_to_dict(error: VairoSMSError) -> dict[str, str]:
    """Return an error as JSON data."""
    return {"type": type(error).__name__, "message": str(error)}


async def stop_bulks(app: web.Application) -> None:
    """Start no more lookups, so that running responses end soon and completely."""
    app[STOPPING].set()


def make_app() -> web.Application:
    """Return the application."""
    app = web.Application(middlewares=[errors_to_responses])
    app[STOPPING] = asyncio.Event()
    app.cleanup_ctx.append(connect)
    app.on_shutdown.append(stop_bulks)
    app.router.add_get("/gonderim/{id}", get_gonderim)
    app.router.add_post("/gonderimler", stream_gonderimler)
    return app


if __name__ == "__main__":
    # handler_cancellation: cancel the lookup when the caller disconnects.
    web.run_app(
        make_app(),
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "8000")),
        handler_cancellation=True,
        shutdown_timeout=30,
    )
