"""A web service in front of the panel, with FastAPI, and a page for people.

    pip install 'fastapi >= 0.135' uvicorn
    python examples/fastapi_service.py                       # packets of an embedded sandbox panel
    VAIROSMS_API_KEY=... python examples/fastapi_service.py  # the real panel
    uvicorn --app-dir examples fastapi_service:app --timeout-graceful-shutdown 30  # the same

    GET  /                 the page
    GET  /gonderim/{id}    one packet
    POST /gonderimler      {"ids": [52, 61]}: JSON Lines, each packet as its answer comes
    POST /olaylar          the same as server-sent events

It asks nobody who they are: put it behind what does before others can reach it.
"""

import asyncio
import math
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from vairosms_async import (
    GonderimResult,
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

    ids: Annotated[list[int | str], Field(min_length=1, max_length=10_000)]


@asynccontextmanager
async def connect() -> AsyncGenerator[VairoSMSClient]:
    """Open a client for the real panel if there is a key, else for a sandbox panel."""
    if os.environ.get("VAIROSMS_API_KEY"):
        async with VairoSMSClient() as client:
            yield client
    else:
        async with (
            SandboxPanel(latency=(0.02, 0.2)) as panel,
            VairoSMSClient(panel.api_key, base_url=panel.base_url) as client,
        ):
            yield client


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[dict[str, VairoSMSClient]]:
    """Keep one client for all requests, from the start of the service to its end."""
    async with connect() as client:
        yield {"vairosms": client}


app = FastAPI(title="Gönderim Bilgisi", lifespan=lifespan)
stopping = asyncio.Event()


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


async def look_up(bulk: Bulk, client: Client) -> AsyncIterator[AsyncIterator[GonderimResult]]:
    """Give the results of a bulk to a handler; end it when its answer ends, or is hung up on."""

    def ids() -> Iterator[int | str]:
        for gonderim_id in bulk.ids:
            if stopping.is_set():
                return
            yield gonderim_id

    results = client.iter_gonderimler(ids(), max_concurrency=BULK_CONCURRENCY)
    async with aclosing(results):
        yield results


Results = Annotated[AsyncIterator[GonderimResult], Depends(look_up)]


async def lines(results: AsyncIterator[GonderimResult]) -> AsyncGenerator[dict[str, Any]]:
    """Write each result out, and at last how many there were and what ended them early."""
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
    yield {"answered": answered, "error": trouble}


def tell(error: VairoSMSError) -> dict[str, str]:
    """Write an error out."""
    return {"type": type(error).__name__, "message": str(error)}


@app.post("/gonderimler")
async def many(results: Results) -> AsyncIterator[dict[str, Any]]:
    """Tell what became of many packets, a line of JSON each."""
    async for line in lines(results):
        yield line


@app.post("/olaylar", response_class=EventSourceResponse)
async def events(results: Results) -> AsyncIterator[ServerSentEvent]:
    """Tell what became of many packets, an event each."""
    async for line in lines(results):
        yield ServerSentEvent(data=line, event="gonderim" if "id" in line else "son")


class Server(uvicorn.Server):
    """uvicorn, which waits for running answers when it stops; this one has bulks end early."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ask no more ids, so that answers end with those that were asked."""
        stopping.set()
        await super().shutdown(sockets)


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "8000"))
    Server(uvicorn.Config(app, port=port, timeout_graceful_shutdown=30)).run()
