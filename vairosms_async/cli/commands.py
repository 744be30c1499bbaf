"""The commands, but for `bulk`, which has a module of its own."""

import asyncio
import os
import platform
import sys
from contextlib import aclosing
from datetime import datetime

import aiohttp
import click

from vairosms_async import GonderimResult, VairoSMSClient, __version__
from vairosms_async.sandbox import SandboxPanel

from . import display
from .bulk import Bulk, refuse
from .bulk_command import bulk
from .common import ABOUT_THE_KEY, SECONDS, Option, complete, key_file
from .formats import FORMATS
from .ids import Line
from .ledger import read_number
from .out import Output
from .progress import Progress
from .settings import Throttle, check_settings, open_client
from .source import Numbers
from .streams import StdoutError
from .tally import Tally
from .trouble import ALL_FOUND, NOT_STARTED, SOME_FAILED, STOPPED, Signals, Trouble, say

packet_ids: Option = click.argument("ids", metavar="ID...", nargs=-1, required=True)
as_json: Option = click.option(
    "--json", "as_json", is_flag=True, help="JSON Lines instead of a table."
)


def run() -> int:
    """Run the command line, and return the exit code."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:  # not every terminal has all letters
        reconfigure(errors="backslashreplace")
    with Signals() as signals:
        try:
            outcome = cli.main(
                prog_name="vairosms",
                complete_var="_VAIROSMS_COMPLETE",
                standalone_mode=False,
                obj=signals,
            )
            sys.stdout.flush()
        except (click.Abort, KeyboardInterrupt, asyncio.CancelledError):
            say("Interrupted.")
            return signals.exit_code
        except StdoutError as exc:
            say(f"Error: stdout: {exc}")
            return STOPPED
        except Trouble as exc:
            say(f"Error: {exc.message}")
            return exc.exit_code
        except click.ClickException as exc:
            exc.show()
            return exc.exit_code
        return outcome if isinstance(outcome, int) else ALL_FOUND


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 all found, 1 some failed, 2 not started (usage, files, settings), 3 key "
    "refused, 4 stopped early (disk, pipe, panel down), 130 Ctrl-C, 143 SIGTERM.",
)
@click.version_option(
    __version__,
    message=f"%(prog)s %(version)s (aiohttp {aiohttp.__version__}, "
    f"Python {platform.python_version()})",
)
def cli() -> None:
    """What became of SMS packets: VairoSMS' Gönderim Bilgisi API.

    Try it without a key: vairosms demo
    """


@cli.command(
    short_help="Try it: no key, no network.",
    epilog="\b\nExample:\n  vairosms demo --packets 5000",
)
@click.option(
    "--packets", type=click.IntRange(min=1), default=1000, show_default=True, help="How many."
)
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
@click.pass_obj
def demo(signals: Signals, packets: int, quiet: bool) -> int:
    """Check packets of an embedded sandbox panel: no key and no network needed."""
    return complete(signals, _demo(packets, quiet=quiet))


async def _demo(packets: int, *, quiet: bool) -> int:
    tally, throttle = Tally(), Throttle()
    progress = Progress(display.console(stderr=True), tally, packets, quiet=quiet)
    fd = os.open(os.devnull, os.O_WRONLY)
    async with (
        # Slow enough to watch, and as unreliable as the world is.
        SandboxPanel(packets=packets, latency=(0.001, 0.03), fault_rate=0.01) as panel,
        VairoSMSClient(panel.api_key, base_url=panel.base_url, rate_limiter=throttle) as client,
    ):
        out, format_ = Output(fd, os.devnull), FORMATS["jsonl"]
        with progress.shown():
            look_up, numbers = client.iter_gonderimler, Numbers(packets)
            await Bulk(client, look_up, throttle, numbers, out, format_, tally, progress).run()
    os.close(fd)
    display.show_summary(
        display.console(stderr=False),
        f"Checked {packets:,} packets (of the sandbox panel){progress.pace()}",
        tally,
        ["Next: vairosms sandbox, and vairosms bulk --help"],
    )
    return SOME_FAILED if tally.failed else ALL_FOUND


@cli.command(
    short_help="Show packets as a table.",
    epilog=f"\b\nExample:\n  vairosms get 52 61\n\n{ABOUT_THE_KEY}",
)
@packet_ids
@as_json
@key_file
@click.pass_obj
def get(signals: Signals, ids: tuple[str, ...], as_json: bool, api_key_file: str | None) -> int:
    """Show what became of packets."""
    check_settings(api_key_file)
    return complete(signals, _get(ids, as_json=as_json))


async def _get(ids: tuple[str, ...], *, as_json: bool) -> int:
    lines = _lines(ids)
    async with open_client() as client:
        numbers = {n for line in lines if (n := read_number(line)) is not None}
        async with aclosing(client.iter_gonderimler(numbers)) as answers:
            found = {result.id: result async for result in answers}
        results = [
            await refuse(client, line) if (n := read_number(line)) is None else found[n]
            for line in lines
        ]
    if as_json:
        for line, result in zip(lines, results, strict=True):
            _print_json(line.number, result)
    else:
        display.show_packets(display.console(stderr=False), results)
    return ALL_FOUND if all(result.ok for result in results) else SOME_FAILED


def _lines(ids: tuple[str, ...]) -> list[Line]:
    return [Line(n, text.strip()) for n, text in enumerate(ids, 1)]


def _print_json(line: int, result: GonderimResult) -> None:
    click.echo(FORMATS["jsonl"].write(line, result, datetime.now().astimezone()), nl=False)


@cli.command(
    short_help="Poll packets until they are final.",
    epilog=f"\b\nExample:\n  vairosms wait 52 61 --timeout 3600\n\n{ABOUT_THE_KEY}",
)
@packet_ids
@as_json
@click.option(
    "--timeout", type=SECONDS, help="Seconds to wait for each packet. Default: as long as it takes."
)
@key_file
@click.pass_obj
def wait(
    signals: Signals,
    ids: tuple[str, ...],
    as_json: bool,
    timeout: float | None,
    api_key_file: str | None,
) -> int:
    """Poll packets until they are final, and show each change of state as it comes."""
    check_settings(api_key_file)
    return complete(signals, _wait(ids, timeout, as_json=as_json))


async def _wait(ids: tuple[str, ...], timeout: float | None, *, as_json: bool) -> int:
    out, failed = display.console(stderr=False), False

    def show(line: int, result: GonderimResult) -> None:
        nonlocal failed
        failed = failed or not result.ok
        if as_json:
            _print_json(line, result)
        else:
            display.show_change(out, result)

    numbers: dict[int, int] = {}
    async with open_client() as client:
        for line in _lines(ids):
            if (number := read_number(line)) is None:
                show(line.number, await refuse(client, line))
            else:
                numbers.setdefault(number, line.number)
        waits = client.wait_gonderimler(numbers, timeout=timeout, changes=True)
        async with aclosing(waits) as results:
            async for result in results:
                show(numbers[int(result.id)], result)
    return SOME_FAILED if failed else ALL_FOUND


def _span(_: click.Context, param: click.Parameter, value: str) -> tuple[float, float]:
    """Read a number of seconds, or two with a dash between: at least, and at most."""
    low, dash, high = value.partition("-")
    try:
        span = float(low), float(high if dash else low)
    except ValueError:
        span = -1.0, -1.0
    if not 0 <= span[0] <= span[1] < float("inf"):
        raise click.BadParameter(f"{value!r} is not like 0.2 or 0.05-0.3", param=param)
    return span


@cli.command(
    short_help="Serve a panel to test against.",
    epilog="\b\nExample:\n  vairosms sandbox --latency 0.05-0.3 --faults 0.02",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8052, show_default=True,
    help="The port on loopback; 0 takes a free one.",
)  # fmt: skip
@click.option(
    "--packets", type=click.IntRange(min=0), default=1000, show_default=True,
    help="Made-up packets, with ids from 1. The provider's examples 52 and 61 are there too.",
)  # fmt: skip
@click.option(
    "--latency", metavar="SECONDS", callback=_span, default="0", show_default=True,
    help="Seconds before each answer, such as 0.2 or 0.05-0.3.",
)  # fmt: skip
@click.option(
    "--faults", type=click.FloatRange(0, 1), default=0.0, show_default=True,
    help="Share of requests that fail in a way that passes (5xx, 429, reset, cut off).",
)  # fmt: skip
@click.option(
    "--rate-limit", type=click.IntRange(min=1),
    help="Requests a second; more get 429 with Retry-After. Default: no limit.",
)  # fmt: skip
@click.option(
    "--settle-time", type=click.FloatRange(min=0), default=60.0, show_default=True,
    help="Seconds after the start by which packets that turn final have done so.",
)  # fmt: skip
@click.pass_obj
def sandbox(
    signals: Signals,
    /,
    *,
    port: int,
    packets: int,
    latency: tuple[float, float],
    faults: float,
    rate_limit: int | None,
    settle_time: float,
) -> int:
    """Serve a sandbox panel on this machine, to test against in any language.

    Of a hundred of its packets some 80 are finished, 5 failed and 15 in progress; of those, 5 stay
    so for ever (give --wait-timeout, or --timeout, where you wait for them).
    """
    panel = SandboxPanel(
        port=port,
        packets=packets,
        latency=latency,
        fault_rate=faults,
        rate_limit=None if rate_limit is None else (rate_limit, 1.0),
        settle_time=settle_time,
    )
    return complete(signals, _serve(panel))


async def _serve(panel: SandboxPanel) -> int:
    try:
        await panel.start()
    except OSError as exc:
        why = os.strerror(exc.errno) if exc.errno else str(exc)
        raise Trouble(f"{why}: give another --port, or 0 for a free one", NOT_STARTED) from None
    try:
        url, key = panel.base_url, panel.api_key
        click.echo(f"Base URL  {url}")
        click.echo(f"Key       {key}")
        click.echo(f"Try it    VAIROSMS_BASE_URL={url} VAIROSMS_API_KEY={key} vairosms get 52")
        click.echo(f"Or        curl '{url}/GonderimBilgisi/52?api_key={key}'")
        click.echo("Ctrl-C ends it.", err=True)
        sys.stdout.flush()
        only_a_signal_ends_it: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        return await only_a_signal_ends_it
    finally:
        await panel.stop()


cli.add_command(bulk)
