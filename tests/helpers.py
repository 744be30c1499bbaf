"""What several test modules use."""

import asyncio
import json
import pickle
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from vairosms_async import Gonderim, VairoSMSError
from vairosms_async._wire import read_answer

# One of every sort that an encoding may change on its way into a URL, JSON or HTML, and back.
KEY = "gizli/Anahtar+52&=ş"
KEY_FORMS = (
    "gizli/Anahtar+52&=ş",
    "gizli%2FAnahtar%2B52%26%3D%C5%9F",
    "gizli%2fAnahtar%2b52%26%3d%c5%9f",
    "gizli/Anahtar%2B52%26%3D%C5%9F",
    "gizli/Anahtar+52%26=%C5%9F",
    r"gizli\/Anahtar+52&=\u015f",
    "gizli/Anahtar+52&amp;=ş",
)

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
FIXTURES = ROOT / "tests" / "fixtures"


def example_packet(gonderim_id: int) -> dict[str, Any]:
    """Give one of the provider's two packets as JSON has it."""
    answer = json.loads((FIXTURES / f"gonderim_{gonderim_id}.json").read_text("utf-8"))
    packet: dict[str, Any] = answer["aciklama"]
    return packet


def answer_body(changes: Mapping[str, Any] | None = None, without: str = "", **top: Any) -> bytes:
    """Make the panel's answer about packet 52, changed."""
    packet = example_packet(52) | dict(changes or {})
    packet.pop(without, None)
    return json.dumps({"durum": True, "aciklama": packet} | top).encode()


def read_body(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Any:
    """Read an answer to a question about packet 52."""
    return read_answer(52, status, headers or {}, body)


def record_from(body: bytes) -> Gonderim:
    read_ = read_body(body)
    assert isinstance(read_, Gonderim), read_
    return read_


def error_from(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Any:
    read_ = read_body(body, status, headers)
    assert isinstance(read_, VairoSMSError), read_
    return read_


def without_slow_callbacks(text: str) -> str:
    """Drop what asyncio's debug mode says of callbacks that a busy machine held up."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("Executing <"))


def library_tasks() -> list[asyncio.Task[Any]]:
    """List the library's own tasks that still run."""
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("vairosms")]


# ---- a server without HTTP manners -------------------------------------------------------------

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(serve: Serve, **kwargs: Any) -> Any:
    """Serve connections on loopback with a coroutine of the test's, and give the base URL."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has had enough, or the test has
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, **kwargs)
    host, port = server.sockets[0].getsockname()
    scheme = "https" if kwargs.get("ssl") else "http"
    try:
        yield f"{scheme}://{host}:{port}"
    finally:
        server.close()
        for task in asyncio.all_tasks():
            if task.get_coro().__qualname__ == handle.__qualname__:
                task.cancel()
        await server.wait_closed()


async def read_request_head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def requested_id(head: bytes) -> int:
    """Read which packet a request asks for; the base URL has no path."""
    return int(head.split(b"/")[2].split(b"?")[0])


def http_response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Write a whole HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def serve_bytes(data: bytes, *, then_close: bool = True) -> Serve:
    """Serve each request with these bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request_head(reader)
            writer.write(data)
            await writer.drain()
            if then_close:
                writer.close()
                await writer.wait_closed()
                return

    return serve


# ---- where a key could hide --------------------------------------------------------------------


def exception_chain(exc: BaseException) -> Iterator[BaseException]:
    """Walk an exception's causes and contexts, suppressed ones too, and a group's members."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [exc]
    while todo:
        if (one := todo.pop()) is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            todo += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def reachable_texts(value: Any, depth: int = 5) -> Iterator[str]:
    """Write out a value and what hangs on it: attributes, slots, items."""
    yield repr(value)
    if isinstance(value, str | bytes):
        yield str(value)
    elif depth:
        inside: list[Any] = []
        if isinstance(value, Mapping):
            inside += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            inside += value
        if not isinstance(value, type) and not callable(value):
            inside += getattr(value, "__dict__", {}).values()
            for cls in type(value).__mro__:
                slots = getattr(cls, "__slots__", ())
                names = (slots,) if isinstance(slots, str) else slots
                inside += [getattr(value, name) for name in names if hasattr(value, name)]
        for one in inside:
            yield from reachable_texts(one, depth - 1)


def assert_no_key(text: str) -> None:
    for form in KEY_FORMS:
        assert form not in text, text
    assert "gizli" not in text, text


def assert_keyless(exc: BaseException) -> None:
    """Look for the key wherever an exception could have it, locals of its frames included."""
    for one in exception_chain(exc):
        assert_no_key("".join(reachable_texts([str(one), one.args, vars(one)])))
        frames = [frame for frame, _ in traceback.walk_tb(one.__traceback__)]
        for frame in frames:
            folders = Path(frame.f_code.co_filename).parts
            if "tests" not in folders:
                assert_no_key("\n".join(reachable_texts(dict(frame.f_locals))))
                assert "aiohttp" not in folders
    printed = traceback.TracebackException.from_exception(exc, capture_locals=True)
    assert_no_key("".join(line for line in printed.format()))
    if isinstance(exc, VairoSMSError):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            assert_no_key(pickle.dumps(exc, protocol).decode("latin-1"))
