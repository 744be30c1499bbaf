"""A web service in front of the panel, with FastAPI, and a page for people.

    pip install 'fastapi >= 0.118' uvicorn
    python examples/fastapi_service.py                       # packets of an embedded sandbox panel
    VAIROSMS_API_KEY=... python examples/fastapi_service.py  # the real panel

(``uvicorn fastapi_service:app`` serves it too; but then a shutdown waits for running bulks, or cuts
them off after ``--timeout-graceful-shutdown`` seconds.)

    GET  /                 the page
    GET  /gonderim/{id}    one packet
    POST /gonderimler      {"ids": [52, 61]}: JSON Lines, each packet as its answer comes
    POST /olaylar          the same as server-sent events

It asks nobody who they are: put it behind what does before others can reach it.
"""

import asyncio
import json
import math
import os
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from pydantic import BaseModel, Field, StrictInt, StrictStr

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

PAGE = Path(__file__).with_name("fastapi_page.html")
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


class Bulk(BaseModel):
    """The body of a request for many packets."""

    ids: Annotated[list[StrictInt | StrictStr], Field(min_length=1, max_length=10_000)]


@asynccontextmanager
async def connect() -> AsyncGenerator[VairoSMSClient]:
    """Open a client for the real panel if there is a key, else for a sandbox panel."""
    if os.environ.get("VAIROSMS_API_KEY"):
        async with VairoSMSClient() as client:
            yield client
    else:
        print("No VAIROSMS_API_KEY: made-up packets of a sandbox panel.", file=sys.stderr)
        async with (
            SandboxPanel(latency=(0.02, 0.2)) as panel,
            VairoSMSClient(panel.api_key, base_url=panel.base_url) as client,
        ):
            yield client


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[dict[str, VairoSMSClient]]:
    """Keep one client for all requests, from the start of the service to its end."""
    app.state.stopping = asyncio.Event()
    async with connect() as client:
        yield {"vairosms": client}


app = FastAPI(title="Gönderim Bilgisi", lifespan=lifespan)


def vairosms(request: Request) -> VairoSMSClient:
    """Give the service's client to a handler."""
    client: VairoSMSClient = request.state.vairosms
    return client


Client = Annotated[VairoSMSClient, Depends(vairosms)]


@app.exception_handler(VairoSMSError)
async def explain(_: Request, error: VairoSMSError) -> JSONResponse:
    """Turn what went wrong into the HTTP answer that says so."""
    status = next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)
    headers = {}
    if isinstance(error, VairoSMSAPIError) and error.retry_after is not None:
        status, headers = 503, {"Retry-After": str(math.ceil(error.retry_after))}
    return JSONResponse(tell(error), status, headers)


@app.exception_handler(RequestValidationError)
async def refuse(_: Request, error: RequestValidationError) -> JSONResponse:
    """Say what is wrong with a request, but not, as FastAPI does, all that was in it."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    return JSONResponse({"type": "invalid request", "message": f"{where}: {problem['msg']}"}, 422)


@app.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """Give the page."""
    return FileResponse(PAGE)


@app.get("/gonderim/{gonderim_id}")
async def one(gonderim_id: str, client: Client, request: Request) -> dict[str, Any]:
    """Tell what became of one packet; a caller who hangs up ends the lookup."""
    lookup = asyncio.create_task(client.get_gonderim(gonderim_id))
    gone = asyncio.create_task(hang_up(request))
    try:
        await asyncio.wait([lookup, gone], return_when=asyncio.FIRST_COMPLETED)
        if not lookup.done():
            return {}  # nobody reads it
        return gonderim_to_dict(lookup.result())
    finally:
        lookup.cancel()
        gone.cancel()
        await asyncio.wait([lookup, gone])


async def hang_up(request: Request) -> None:
    """Wait until the caller has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def look_up(
    bulk: Bulk, client: Client, request: Request
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """Give the lines of a bulk to a handler; end it when its answer ends, or is hung up on."""

    def ids() -> Iterator[int | str]:
        for gonderim_id in bulk.ids:
            if request.app.state.stopping.is_set():
                return
            yield gonderim_id

    async def lines() -> AsyncGenerator[dict[str, Any]]:
        answered, trouble = 0, None
        try:
            async for result in results:
                answered += 1
                yield {
                    "id": result.id,
                    "gonderim": result.gonderim and gonderim_to_dict(result.gonderim),
                    "error": result.error and tell(result.error),
                }
        except VairoSMSAuthError as error:  # its status was sent long ago, so the last line says it
            trouble = tell(error)
        yield {"complete": answered == len(bulk.ids), "answered": answered, "error": trouble}

    results = client.iter_gonderimler(ids(), max_concurrency=BULK_CONCURRENCY)
    async with aclosing(results), aclosing(lines()) as told:
        yield told


Lines = Annotated[AsyncIterator[dict[str, Any]], Depends(look_up)]


def tell(error: VairoSMSError) -> dict[str, str]:
    """Write an error out."""
    return {"type": type(error).__name__, "message": str(error)}


@app.post("/gonderimler")
async def many(lines: Lines) -> StreamingResponse:
    """Tell what became of many packets, a line of JSON each."""
    text = (f"{json.dumps(line)}\n" async for line in lines)
    return StreamingResponse(text, media_type="application/jsonl")


@app.post("/olaylar")
async def events(lines: Lines) -> StreamingResponse:
    """Tell what became of many packets, an event each, and ``son`` at the end."""
    text = (
        f"event: {'gonderim' if 'id' in line else 'son'}\ndata: {json.dumps(line)}\n\n"
        async for line in lines
    )
    # Or a proxy in front, such as nginx, keeps them back until they fill its buffer.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(text, media_type="text/event-stream", headers=headers)


class Server(uvicorn.Server):
    """uvicorn, which waits for running answers when it stops; this one has bulks end early."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ask no more ids, so that answers end with those that were asked."""
        app.state.stopping.set()
        await super().shutdown(sockets)


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "8000"))
    with suppress(KeyboardInterrupt):
        Server(uvicorn.Config(app, port=port, timeout_graceful_shutdown=30)).run()
