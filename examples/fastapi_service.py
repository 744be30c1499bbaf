"""A web service in front of the panel, with FastAPI, and a web page that uses it.

    pip install 'fastapi >= 0.118' uvicorn
    python3 examples/fastapi_service.py                       # packets of an embedded sandbox panel
    VAIROSMS_API_KEY=... python3 examples/fastapi_service.py  # the real panel

    GET  /                 the page
    GET  /gonderim/{id}    the record of one packet
    POST /gonderimler      {"ids": [52, 61]}: JSON Lines, one line per packet in order of completion
    POST /olaylar          the same as server-sent events

``uvicorn fastapi_service:app`` works too, but then a shutdown waits for running bulks, or cuts them
off after ``--timeout-graceful-shutdown`` seconds.

The service has no authentication. Put it behind a proxy that authenticates callers.
"""

import asyncio
import json
import math
import os
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from vairosms_async import (
    Gonderim,
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSClient,
    VairoSMSError,
    VairoSMSInvalidIdError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSTimeoutError,
)
from vairosms_async.sandbox import SandboxPanel

PAGE = Path(__file__).with_name("fastapi_page.html")
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


class BulkRequest(BaseModel):
    """The body of a request for many packets."""

    ids: Annotated[list[StrictInt | StrictStr], Field(min_length=1, max_length=10_000)]


class LogOut(BaseModel):
    """Why a packet failed: the fields of a `GonderimLog` that this service shows."""

    model_config = ConfigDict(from_attributes=True)

    mesaj: str | None
    hata_kodu: str | None
    created_at: datetime | None


class GonderimOut(BaseModel):
    """The fields of a `Gonderim` that this service shows. They are in its OpenAPI schema.

    Only ``id`` and ``paket_durum`` always have a value. An int for ``paket_durum`` also accepts
    states that the panel may add.
    """

    model_config = ConfigDict(from_attributes=True)

    id: int
    paket_durum: int
    is_final: bool
    sms_baslik: str | None
    numara_toplam: int | None
    kredi_toplam: int | None
    created_at: datetime | None
    ileri_tarih: datetime | None
    sonlanma_zamani: datetime | None
    log: LogOut | None


@asynccontextmanager
async def connect() -> AsyncGenerator[VairoSMSClient]:
    """Open a client for the real panel if there is an API key, otherwise for a sandbox panel."""
    if os.environ.get("VAIROSMS_API_KEY"):
        async with VairoSMSClient() as client:
            yield client
    else:
        print("VAIROSMS_API_KEY is not set: using a sandbox panel.", file=sys.stderr)
        async with (
            SandboxPanel(latency=(0.02, 0.2)) as panel,
            VairoSMSClient(panel.api_key, base_url=panel.base_url) as client,
        ):
            yield client


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[dict[str, VairoSMSClient]]:
    """Open one client for all requests. Close it when the service stops."""
    app.state.stopping = asyncio.Event()
    async with connect() as client:
        yield {"vairosms": client}


app = FastAPI(title="Gönderim Bilgisi", lifespan=lifespan)


def get_client(request: Request) -> VairoSMSClient:
    """Return the client of the service."""
    client: VairoSMSClient = request.state.vairosms
    return client


Client = Annotated[VairoSMSClient, Depends(get_client)]


@app.exception_handler(VairoSMSError)
async def answer_failed_lookup(_: Request, error: VairoSMSError) -> JSONResponse:
    """Answer a failed lookup with the HTTP status that fits, and ``Retry-After`` if known."""
    status = next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)
    headers = {}
    if isinstance(error, VairoSMSAPIError) and error.retry_after is not None:
        status, headers = 503, {"Retry-After": str(math.ceil(error.retry_after))}
    return JSONResponse(error_to_dict(error), status, headers)


@app.exception_handler(RequestValidationError)
async def answer_invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
    """Answer with the first problem only. FastAPI's default answer repeats the whole body."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    return JSONResponse({"type": "invalid request", "message": f"{where}: {problem['msg']}"}, 422)


@app.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """Return the page."""
    return FileResponse(PAGE)


@app.get("/gonderim/{gonderim_id}", response_model=GonderimOut)
async def get_gonderim(gonderim_id: str, client: Client, request: Request) -> Gonderim | Response:
    """Return the record of one packet. Cancel the lookup if the caller disconnects."""
    lookup = asyncio.create_task(client.get_gonderim(gonderim_id))
    disconnect = asyncio.create_task(wait_for_disconnect(request))
    try:
        await asyncio.wait([lookup, disconnect], return_when=asyncio.FIRST_COMPLETED)
        if not lookup.done():
            return Response()  # nobody reads it
        return lookup.result()
    finally:
        lookup.cancel()
        disconnect.cancel()
        await asyncio.wait([lookup, disconnect])


async def wait_for_disconnect(request: Request) -> None:
    """Return when the caller has disconnected."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def bulk_lines(
    bulk: BulkRequest, client: Client, request: Request
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """Give a handler one line per packet, then a line that says whether the bulk is complete.

    FastAPI closes this dependency when the response ends or the caller disconnects. That cancels
    the remaining lookups.
    """

    def ids_until_shutdown() -> Iterator[int | str]:
        for gonderim_id in bulk.ids:
            if request.app.state.stopping.is_set():
                return
            yield gonderim_id

    async def lines() -> AsyncGenerator[dict[str, Any]]:
        answered, failure = 0, None
        try:
            async for result in results:
                answered += 1
                record = result.gonderim and GonderimOut.model_validate(result.gonderim)
                yield {
                    "id": result.id,
                    "gonderim": record and record.model_dump(mode="json"),
                    "error": result.error and error_to_dict(result.error),
                }
        except VairoSMSAuthError as error:
            failure = error_to_dict(error)  # the HTTP status is already sent
        yield {"complete": answered == len(bulk.ids), "answered": answered, "error": failure}

    results = client.iter_gonderimler(ids_until_shutdown(), max_concurrency=BULK_CONCURRENCY)
    async with aclosing(results), aclosing(lines()) as lines_to_send:
        yield lines_to_send


Lines = Annotated[AsyncIterator[dict[str, Any]], Depends(bulk_lines)]


def error_to_dict(error: VairoSMSError) -> dict[str, str]:
    """Return an error as JSON data."""
    return {"type": type(error).__name__, "message": str(error)}


@app.post("/gonderimler")
async def stream_json_lines(lines: Lines) -> StreamingResponse:
    """Return many packets as JSON Lines."""
    text = (f"{json.dumps(line)}\n" async for line in lines)
    return StreamingResponse(text, media_type="application/jsonl")


@app.post("/olaylar")
async def stream_events(lines: Lines) -> StreamingResponse:
    """Return many packets as server-sent events: ``gonderim`` per packet, ``son`` at the end."""
    text = (
        f"event: {'gonderim' if 'id' in line else 'son'}\ndata: {json.dumps(line)}\n\n"
        async for line in lines
    )
    # X-Accel-Buffering: nginx would otherwise hold events back until they fill its buffer.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(text, media_type="text/event-stream", headers=headers)


class Server(uvicorn.Server):
    """A uvicorn server that ends running bulks early when it stops."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Start no more lookups, so that running responses end soon and completely."""
        app.state.stopping.set()
        await super().shutdown(sockets)


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "8000"))
    with suppress(KeyboardInterrupt):
        Server(uvicorn.Config(app, port=port, timeout_graceful_shutdown=30)).run()
