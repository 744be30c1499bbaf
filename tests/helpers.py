"""Helpers that several test modules share."""

import asyncio
import gc
import json
import pickle
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import looptime

from vairosms_async import Gonderim, RetryPolicy, VairoSMSClient, VairoSMSError
from vairosms_async._wire import read_answer

# Each character is one that URLs, JSON or HTML may encode.
KEY = "gizli/Anahtar+52&=ş"
"""The API key of the tests."""

KEY_FORMS = (
    "gizli/Anahtar+52&=ş",
    "gizli%2FAnahtar%2B52%26%3D%C5%9F",
    "gizli%2fAnahtar%2b52%26%3d%c5%9f",
    "gizli/Anahtar%2B52%26%3D%C5%9F",
    "gizli/Anahtar+52%26=%C5%9F",
    r"gizli\/Anahtar+52&=\u015f",
    "gizli/Anahtar+52&amp;=ş",
)
"""`KEY` in the encodings in which a server or a log may show it."""

NO_RETRIES = RetryPolicy(attempts=1)

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
FIXTURES = ROOT / "tests" / "fixtures"


def example_packet(gonderim_id: int) -> dict[str, Any]:
    """Return packet 52 or 61 of the panel's documentation, as parsed JSON."""
    answer = json.loads((FIXTURES / f"gonderim_{gonderim_id}.json").read_text("utf-8"))
    packet: dict[str, Any] = answer["aciklama"]
    return packet


def answer_body(changes: Mapping[str, Any] | None = None, without: str = "", **top: Any) -> bytes:
    """Return the body of the panel's answer for packet 52.

    Args:
        changes: Fields of the packet to add or replace.
        without: A field of the packet to remove.
        **top: Top-level fields to add or replace, beside ``durum`` and ``aciklama``.
    """
    packet = example_packet(52) | dict(changes or {})
    packet.pop(without, None)
    return json.dumps({"durum": True, "aciklama": packet} | top).encode()


def read_body(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Any:
    """Parse an answer to a lookup of packet 52 into a record or an error."""
    return read_answer(52, status, headers or {}, body)


def record_from(body: bytes) -> Gonderim:
    """Parse an answer to a lookup of packet 52 that must be a record."""
    outcome = read_body(body)
    assert isinstance(outcome, Gonderim), outcome
    return outcome


def error_from(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Any:
    """Parse an answer to a lookup of packet 52 that must be an error."""
    outcome = read_body(body, status, headers)
    assert isinstance(outcome, VairoSMSError), outcome
    return outcome


def without_slow_callbacks(text: str) -> str:
    """Remove the lines in which asyncio's debug mode reports slow callbacks."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("Executing <"))


def library_tasks() -> list[asyncio.Task[Any]]:
    """Return the running tasks that the library started."""
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("vairosms")]


async def wait_until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Wait until a condition is true. Raise `TimeoutError` after some seconds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(serve: Serve, **kwargs: Any) -> Any:
    """Serve each connection on loopback with the test's coroutine; yield the base URL.

    Args:
        serve: Serves one connection. The server aborts the connection when it returns.
        **kwargs: For `asyncio.start_server`.
    """

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client or the test has ended the connection
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
    """Read the request line and the headers of the next request."""
    return await reader.readuntil(b"\r\n\r\n")


def requested_id(head: bytes) -> int:
    """Return the packet id in a request's path. The base URL must have no path."""
    return int(head.split(b"/")[2].split(b"?")[0])


def http_response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Return a complete HTTP response with a Content-Length header."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@asynccontextmanager
async def key_refusing_server() -> AsyncIterator[tuple[str, list[int]]]:
    """Refuse the key of every request; yield the base URL and the ids that were requested."""
    requested_ids: list[int] = []

    async def refuse_the_key(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            requested_ids.append(requested_id(await read_request_head(reader)))
            writer.write(http_response(b'{"durum": false, "aciklama": "x"}', "401 Unauthorized"))

    async with raw_server(refuse_the_key) as base_url:
        yield base_url, requested_ids


def serve_bytes(data: bytes, *, then_close: bool = True) -> Serve:
    """Answer each request with the given bytes.

    Args:
        data: The bytes to send, headers included.
        then_close: Close the connection after the first answer.
    """

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


def exception_chain(exc: BaseException) -> Iterator[BaseException]:
    """Yield an exception, its causes and contexts (suppressed ones too), and a group's members."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [exc]
    while todo:
        if (current := todo.pop()) is not None and id(current) not in seen:
            seen.add(id(current))
            yield current
            todo += [
                current.__cause__,
                current.__context__,
                *getattr(current, "exceptions", ()),
            ]


def reachable_texts(value: Any, depth: int = 5) -> Iterator[str]:
    """Yield the repr of a value and of everything that it refers to: attributes, slots, items."""
    yield repr(value)
    if isinstance(value, str | bytes):
        yield str(value)
    elif depth:
        children: list[Any] = []
        if isinstance(value, Mapping):
            children += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            children += value
        if not isinstance(value, type) and not callable(value):
            children += getattr(value, "__dict__", {}).values()
            for cls in type(value).__mro__:
                slots = getattr(cls, "__slots__", ())
                names = (slots,) if isinstance(slots, str) else slots
                children += [getattr(value, name) for name in names if hasattr(value, name)]
        for child in children:
            yield from reachable_texts(child, depth - 1)


def assert_no_key(text: str) -> None:
    """Assert that a text holds the key in none of its forms, nor its first part."""
    for form in KEY_FORMS:
        assert form not in text, text
    assert "gizli" not in text, text


def assert_keyless(exc: BaseException) -> None:
    """Assert that the key is nowhere in an exception.

    The check covers its chain, messages, attributes, notes, pickles, and the local variables of
    its traceback. No frame of aiohttp may be left in the traceback.
    """
    for link in exception_chain(exc):
        assert_no_key("".join(reachable_texts([str(link), link.args, vars(link)])))
        frames = [frame for frame, _ in traceback.walk_tb(link.__traceback__)]
        for frame in frames:
            folders = Path(frame.f_code.co_filename).parts
            if "tests" not in folders:
                assert_no_key("\n".join(reachable_texts(dict(frame.f_locals))))
                assert "aiohttp" not in folders
    printed = traceback.TracebackException.from_exception(exc, capture_locals=True)
    assert_no_key("".join(printed.format()))
    if isinstance(exc, VairoSMSError):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            assert_no_key(pickle.dumps(exc, protocol).decode("latin-1"))


def reset_on_close(writer: asyncio.StreamWriter) -> None:
    """Make closing this connection send RST instead of FIN."""
    linger_zero_seconds = b"\1\0\0\0\0\0\0\0"
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero_seconds)


class FatalError(BaseException):
    """An exception that is not an `Exception`, such as those of ``pytest.fail``."""


class SlowExitLimiter:
    """A rate limiter that sleeps several times when a lookup leaves it.

    Attributes:
        leaving: Number of lookups that are leaving it now.
    """

    def __init__(self, steps: int = 20, delay: float = 0.0) -> None:
        self.steps = steps
        self.delay = delay
        self.leaving = 0

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *exc_info: object) -> None:
        self.leaving += 1
        for _ in range(self.steps):
            await asyncio.sleep(self.delay)
        self.leaving -= 1


@contextmanager
def full_listener() -> Iterator[str]:
    """Listen with a full backlog, so that connecting hangs; yield the base URL."""
    fillers = [socket.socket() for _ in range(4)]
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        host, port = listener.getsockname()
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex((host, port))
        try:
            yield f"http://{host}:{port}"
        finally:
            for filler in fillers:
                filler.close()


async def lookup_once(base_url: str, **options: Any) -> Gonderim | VairoSMSError:
    """Look up packet 52 with one attempt; return the record or the error."""
    async with VairoSMSClient(KEY, base_url=base_url, retry=NO_RETRIES, **options) as client:
        [outcome] = await client.gather_gonderimler([52], return_exceptions=True)
        return outcome


def library_tasks_in_memory() -> list[asyncio.Task[Any]]:
    """List the library's own tasks of this event loop that exist, finished ones too."""
    gc.collect()
    loop = asyncio.get_running_loop()
    # Not isinstance(): it runs code of proxies that claim to be of another class.
    tasks = [one for one in gc.get_objects() if issubclass(type(one), asyncio.Task)]
    return [
        task for task in tasks if task.get_loop() is loop and task.get_name().startswith("vairosms")
    ]


def run_in_simulated_time(coroutine):
    """Run a coroutine on a new event loop that skips the time it would sleep."""
    loop = looptime.patch_event_loop(asyncio.new_event_loop())
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(coroutine)
