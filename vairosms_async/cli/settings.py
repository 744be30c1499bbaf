"""The settings of the panel: API key, base URL, proxy and rate limit."""

import math
import os
import stat
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from gettext import gettext as _
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

import aiohttp
import click
from aiolimiter import AsyncLimiter
from yarl import URL

from vairosms_async import VairoSMSClient

from .language import reason_of, to_translate
from .signals import NOT_STARTED, CommandError, warn

Option = Callable[[Callable[..., int]], Callable[..., int]]
"""What adds a parameter to a command."""

MAX_KEY_FILE = 10_000

_QUOTES: Final = tuple("\"'`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}")

NO_KEY = _("no API key: set VAIROSMS_API_KEY, or name a file that holds it with --api-key-file")

LIBRARY_PROBLEMS: Final = (
    to_translate("contains whitespace or an invisible character"),
    to_translate("is not a valid URL, or has a query or a fragment"),
    to_translate("must be a URL like https://vairosms.com/Panel/api/v1"),
    to_translate("must not contain a user or a password"),
    to_translate("is an http:// URL of a host that is not loopback: the key would be unencrypted"),
)
"""What the library says about a setting, after the setting's name."""

_MIN_SEARCHED_KEY = 8


ABOUT_THE_KEY: Final = _(
    "The API key comes from the environment variable VAIROSMS_API_KEY or from --api-key-file, "
    "never from an argument, which other users could see. VAIROSMS_BASE_URL names another panel, "
    "such as that of vairosms sandbox. HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE work as in curl."
)


class WholeNumber(click.IntRange):
    """A whole number in a range."""

    name: str = _("whole number")


class Number(click.FloatRange):
    """A finite number in a range. Python reads nan and inf as floats, too."""

    name: str = _("number")

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Convert an argument."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(_("{value} is not a finite number.").format(value=value), param, ctx)
        return number


SECONDS: Final = Number(min=0, min_open=True)

api_key_file_option: Option = click.option(
    "--api-key-file",
    metavar=_("PATH"),
    type=click.Path(dir_okay=False),
    help=_("A file that contains the API key. Default: the environment variable VAIROSMS_API_KEY."),
)


def check_settings(api_key_file: str | None) -> None:
    """Check the settings, and warn about a key file that others can read.

    The key of a file is kept in ``VAIROSMS_API_KEY``, because a pipe such as bash's
    ``<(pass show key)`` can be read only once. Other users see only the environment that this
    process started with.

    Raises:
        CommandError: A setting is missing or invalid.
    """
    use_key_file(api_key_file)
    if not os.environ.get("VAIROSMS_API_KEY"):
        raise CommandError(
            _("{file} holds no API key").format(file=api_key_file) if api_key_file else NO_KEY,
            NOT_STARTED,
        )
    _check_spelling_of_key(api_key_file or "VAIROSMS_API_KEY")
    _client(api_key_file)
    proxy_for(base_url())
    _check_certificate_file()
    if api_key_file is None:
        return
    mode = Path(api_key_file).stat().st_mode
    if os.name == "posix" and stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
        warn(
            _("others on this machine can read the API key in {file}: chmod 600 it").format(
                file=api_key_file
            )
        )


def use_key_file(api_key_file: str | None) -> None:
    """Keep the key of a file in ``VAIROSMS_API_KEY``, if there is a file.

    Raises:
        CommandError: The file cannot be read.
    """
    if api_key_file is not None:
        os.environ["VAIROSMS_API_KEY"] = _read_key(api_key_file)


def contains_key(data: bytes) -> bool:
    """Whether some bytes contain the API key. A key of few characters can be a common word."""
    key = os.environ.get("VAIROSMS_API_KEY", "").encode(errors="surrogateescape")
    return len(key) >= _MIN_SEARCHED_KEY and key in data


def _check_spelling_of_key(source: str) -> None:
    """Warn about a key as a shell or an .env file writes it. The warning does not contain it."""
    key = os.environ["VAIROSMS_API_KEY"].strip()
    if "VAIROSMS_API_KEY=" in key:
        warn(
            _(
                "the API key in {source} contains VAIROSMS_API_KEY=. Keep only the key itself"
            ).format(source=source)
        )
    if key.startswith(_QUOTES) or key.endswith(_QUOTES):
        warn(
            _("the API key in {source} is in quotes. Keep only the key itself").format(
                source=source
            )
        )


def _check_certificate_file() -> None:
    """Warn about a file in ``SSL_CERT_FILE`` that Python would ignore."""
    path = os.environ.get("SSL_CERT_FILE")
    if path and base_url().startswith("https:"):
        try:
            Path(path).open("rb").close()
        except OSError as exc:
            warn(
                _("SSL_CERT_FILE names {file}, which cannot be read: {reason}").format(
                    file=path, reason=reason_of(exc)
                )
            )


def _read_key(path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            return file.read(MAX_KEY_FILE).strip()
    except OSError as exc:
        raise CommandError(f"{path}: {reason_of(exc)}", NOT_STARTED) from None
    except UnicodeDecodeError:
        raise CommandError(
            _("{file} holds no API key: it is not UTF-8 text. Save it as UTF-8").format(file=path),
            NOT_STARTED,
        ) from None


@asynccontextmanager
async def open_client(
    *,
    max_concurrency: int = 16,
    timeout: float = 30.0,
    rate: float | None = None,
) -> AsyncGenerator[VairoSMSClient]:
    """Open a client for the panel, through the proxy that the environment names.

    Args:
        max_concurrency: As for `VairoSMSClient`.
        timeout: As for `VairoSMSClient`, in seconds.
        rate: Maximum number of requests per second. None: no limit.

    Raises:
        CommandError: A setting is missing or invalid.
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
            rate_limiter=rate_limiter(rate),
        )
        yield await stack.enter_async_context(client)


def rate_limiter(rate: float | None) -> AsyncLimiter | None:
    """Return a limiter to a number of requests per second, spread evenly. None: no limit."""
    if rate is None:
        return None
    at_once = max(1.0, rate / 20)  # the requests of 1/20 s
    return AsyncLimiter(at_once, at_once / rate)


def proxy_for(url: str) -> str | None:
    """Return the proxy for a URL, by ``HTTPS_PROXY`` and ``NO_PROXY`` as curl reads them.

    Plain http has no proxy: such a panel is on this machine.

    Raises:
        CommandError: ``HTTPS_PROXY`` cannot be used.
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
        # The message does not contain it, because it may contain a password.
        raise CommandError(
            _("HTTPS_PROXY must be like {example}").format(example="http://proxy.example:3128"),
            NOT_STARTED,
        )
    return proxy


def _goes_direct(host: str, port: int) -> bool:
    """Whether ``NO_PROXY`` contains a host, a domain above it, or its network."""
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
        name = {"api_key": "VAIROSMS_API_KEY", "base_url": "VAIROSMS_BASE_URL"}
        if api_key_file is not None:
            name["api_key"] = _("the API key in {file}").format(file=api_key_file)
        setting, problem = getattr(exc, "setting", ""), getattr(exc, "problem", f"{exc}")
    raise CommandError(f"{name.get(setting, '')} {_(problem)}".strip(), NOT_STARTED)


def base_url() -> str:
    """Return the API root that the client uses."""
    return _client().base_url
