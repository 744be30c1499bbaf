"""What the command takes from its surroundings: the key, the panel, the way there."""

import os
import stat
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

import aiohttp
import click
from aiolimiter import AsyncLimiter
from yarl import URL

from vairosms_async import VairoSMSClient

from .trouble import NOT_STARTED, Trouble

MAX_KEY_FILE = 10_000

NO_KEY = "no API key: set VAIROSMS_API_KEY, or name a file that holds it with --api-key-file"


class Throttle(AbstractAsyncContextManager[None]):
    """The client's rate limiter. It counts the requests too, since each one passes it.

    Args:
        rate: Requests a second at most; None for no limit.
    """

    def __init__(self, rate: float | None = None) -> None:
        self.requests: int = 0
        # Spread evenly: no more at once than a twentieth of a second's, but at least one.
        at_once = max(1.0, (rate or 0.0) / 20)
        self._limiter = AsyncLimiter(at_once, at_once / rate) if rate else None

    async def __aenter__(self) -> None:
        if self._limiter is not None:
            await self._limiter.acquire()
        self.requests += 1

    async def __aexit__(self, *_: object) -> None:
        return None


def check_settings(api_key_file: str | None) -> None:
    """Raise Trouble for settings that no client can be made of; warn of a key that is no secret.

    A key from a file goes where one from the environment is, and clients look for it: it can be
    read once only from a pipe, such as bash's ``<(pass show key)``. What others see of this
    process's environment is how it was at the start.
    """
    if api_key_file is not None:
        os.environ["VAIROSMS_API_KEY"] = _read_key(api_key_file)
    if not os.environ.get("VAIROSMS_API_KEY"):
        raise Trouble(f"{api_key_file} holds no API key" if api_key_file else NO_KEY, NOT_STARTED)
    _client(api_key_file)
    proxy_for(base_url())
    if api_key_file is None:
        return
    mode = Path(api_key_file).stat().st_mode
    if os.name == "posix" and stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
        click.echo(
            f"warning: others on this machine can read the API key in {api_key_file}: chmod 600 it",
            err=True,
        )


def _read_key(path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            return file.read(MAX_KEY_FILE).strip()
    except OSError as exc:
        raise Trouble(f"{path}: {exc.strerror}", NOT_STARTED) from None
    except UnicodeDecodeError:
        raise Trouble(f"{path} holds no API key: it is not UTF-8 text", NOT_STARTED) from None


@asynccontextmanager
async def open_client(
    *,
    max_concurrency: int = 16,
    timeout: float = 30.0,
    throttle: Throttle | None = None,
) -> AsyncGenerator[VairoSMSClient]:
    """Open a client for the panel, through the proxy that the environment names.

    Args:
        max_concurrency: As for `VairoSMSClient`.
        timeout: As for `VairoSMSClient`, in seconds.
        throttle: Its rate limiter.

    Raises:
        Trouble: There is no key, or the settings are none.
    """
    async with AsyncExitStack() as stack:
        session = None
        if proxy := proxy_for(base_url()):
            session = await stack.enter_async_context(
                aiohttp.ClientSession(
                    proxy=proxy,
                    connector=aiohttp.TCPConnector(limit=max_concurrency),
                    cookie_jar=aiohttp.DummyCookieJar(),
                )
            )
        client = _client(
            session=session,
            max_concurrency=max_concurrency,
            timeout=timeout,
            rate_limiter=throttle,
        )
        yield await stack.enter_async_context(client)


def proxy_for(url: str) -> str | None:
    """Return the proxy for a URL, by ``HTTPS_PROXY`` and ``NO_PROXY`` as curl reads them.

    Plain http goes to a panel on this machine only, and no proxy need see its key.

    Raises:
        Trouble: ``HTTPS_PROXY`` is none that can be used.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or _goes_direct(parts.hostname or "", parts.port or 443):
        return None
    proxy = getproxies_environment().get("https")
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        way = URL(proxy)
        usable = way.scheme in ("http", "https") and bool(way.host)
        f"{way.user}{way.password}".encode("latin-1")  # as aiohttp will send them
    except ValueError:
        usable = False
    if not usable:
        # It is not shown: it may hold a password.
        raise Trouble("HTTPS_PROXY must be like http://proxy.example:3128", NOT_STARTED)
    return proxy


def _goes_direct(host: str, port: int) -> bool:
    """Tell whether ``NO_PROXY`` names a host: as it is, a domain above it, or a network."""
    no_proxy = getproxies_environment().get("no", "")
    for entry in no_proxy.replace(",", " ").lower().split():
        with suppress(ValueError):
            if ip_address(host) in ip_network(entry.strip("[]"), strict=False):
                return True
        name = entry.removesuffix(f":{port}").strip("[]").lstrip(".")
        if entry == "*" or (name and (host == name or host.endswith(f".{name}"))):
            return True
    return False


def _client(api_key_file: str | None = None, **options: Any) -> VairoSMSClient:
    try:
        return VairoSMSClient(**options)
    except ValueError as exc:
        # The setting comes from a file or from the environment, and not from an argument.
        name = {"api_key": api_key_file or "VAIROSMS_API_KEY", "base_url": "VAIROSMS_BASE_URL"}
        setting, problem = getattr(exc, "setting", ""), getattr(exc, "problem", f"{exc}")
    raise Trouble(f"{name.get(setting, '')} {problem}".strip(), NOT_STARTED)


def base_url() -> str:
    """Return the API root that the client uses."""
    return _client().base_url
