"""``vairosms demo`` and ``vairosms sandbox``: the command without the real panel."""

import asyncio
import os
import sys
from gettext import gettext as _

import click

from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import SandboxPanel

from .display import console, counted
from .language import reason_of
from .lookups import Lookups
from .progress import Progress
from .settings import Number, WholeNumber
from .signals import ALL_FOUND, NOT_STARTED, SOME_FAILED, CommandError, Signals, say
from .store import Store
from .summary import show_summary


@click.command(
    short_help=_("Try the command: no key, no network."),
    help=_("Look up packets of an embedded sandbox panel. This needs no key and no network."),
    epilog="\b\n" + _("Example:") + "\n  vairosms demo --packets 5000",
)
@click.option(
    "--packets", metavar=_("NUMBER"), type=WholeNumber(min=1), default=1000, show_default=True,
    help=_("Number of packets."),
)  # fmt: skip
@click.option("--quiet", "-q", is_flag=True, help=_("Print no progress."))
@click.pass_obj
def demo(signals: Signals, packets: int, quiet: bool) -> int:
    """Look up packets of a sandbox panel in this process."""
    return signals.run(_demo(packets, quiet=quiet))


async def _demo(packets: int, *, quiet: bool) -> int:
    ids = range(1, packets + 1)
    progress = Progress(console(stderr=True), packets, quiet=quiet)
    with Store(None) as store:
        store.want(ids)
        async with (
            # Slow enough to watch, with temporary faults.
            SandboxPanel(packets=packets, latency=(0.001, 0.03), fault_rate=0.01) as panel,
            VairoSMSClient(panel.api_key, base_url=panel.base_url) as client,
        ):
            progress.stats = client.stats
            lookups = Lookups([store], progress.update)
            with progress.shown():
                await lookups.ask(client.iter_gonderimler, ids)
        summary = store.summary()
    show_summary(
        console(stderr=False),
        counted(
            packets,
            "Checked {number} packet (of the sandbox panel) in {pace}",
            "Checked {number} packets (of the sandbox panel) in {pace}",
            pace=progress.pace(packets),
        ),
        summary,
        [_("Next: {commands}").format(commands="vairosms sandbox, vairosms bulk --help")],
    )
    return SOME_FAILED if summary.errors else ALL_FOUND


def _span(_context: click.Context, param: click.Parameter, value: str) -> tuple[float, float]:
    """Parse a number of seconds, or the least and the most with a dash between them."""
    low, dash, high = value.partition("-")
    try:
        span = float(low), float(high if dash else low)
    except ValueError:
        span = -1.0, -1.0
    if not 0 <= span[0] <= span[1] < float("inf"):
        raise click.BadParameter(
            _("{value!r} is not like 0.2 or 0.05-0.3").format(value=value), param=param
        )
    return span


@click.command(
    short_help=_("Serve a panel for tests."),
    help=_(
        "Serve a sandbox panel on this machine, for tests in any language.\n\n"
        "About 80 % of its packets are finished, 5 % have failed and 15 % are in progress. A third "
        "of the last never become final: wait for them with a timeout."
    ),
    epilog="\b\n" + _("Example:") + "\n  vairosms sandbox --latency 0.05-0.3 --faults 0.02",
)
@click.option(
    "--port", metavar=_("NUMBER"), type=WholeNumber(0, 65535), default=8052, show_default=True,
    help=_("The port on loopback; 0: any free port."),
)  # fmt: skip
@click.option(
    "--packets", metavar=_("NUMBER"), type=WholeNumber(min=0), default=1000, show_default=True,
    help=_(
        "Number of generated packets, with ids from 1, beside the provider's examples 52 and 61."
    ),
)  # fmt: skip
@click.option(
    "--latency", metavar=_("SECONDS"), callback=_span, default="0", show_default=True,
    help=_("Seconds before each answer, such as 0.2 or 0.05-0.3."),
)  # fmt: skip
@click.option(
    "--faults", metavar=_("NUMBER"), type=Number(0, 1), default=0.0, show_default=True,
    help=_("Share of requests that fail with a temporary fault (5xx, 429, reset, truncated)."),
)  # fmt: skip
@click.option(
    "--rate-limit", metavar=_("NUMBER"), type=WholeNumber(min=1),
    help=_(
        "Maximum number of requests per second; more get 429 with Retry-After. Default: no limit."
    ),
)  # fmt: skip
@click.option(
    "--settle-time", metavar=_("SECONDS"), type=Number(min=0), default=60.0, show_default=True,
    help=_("Seconds after the start until the last change of a packet."),
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
    """Serve a sandbox panel until a signal arrives."""
    panel = SandboxPanel(
        port=port,
        packets=packets,
        latency=latency,
        fault_rate=faults,
        rate_limit=None if rate_limit is None else (rate_limit, 1.0),
        settle_time=settle_time,
    )
    return signals.run(_serve(panel))


async def _serve(panel: SandboxPanel) -> int:
    try:
        await panel.start()
    except OSError as exc:
        raise CommandError(
            _("{reason}: give another --port, or 0 for a free one").format(reason=reason_of(exc)),
            NOT_STARTED,
        ) from None
    try:
        url, key = panel.base_url, panel.api_key
        set_variable = '$env:{} = "{}"' if os.name == "nt" else "export {}={}"
        click.echo(set_variable.format("VAIROSMS_BASE_URL", url))
        click.echo(set_variable.format("VAIROSMS_API_KEY", key))
        click.echo("vairosms get 52")
        curl = "curl.exe" if os.name == "nt" else "curl"  # PowerShell's curl is another program
        click.echo(f"{curl} '{url}/GonderimBilgisi/52?api_key={key}'")
        sys.stdout.flush()
        say(_("Paste these lines into another terminal. Ctrl-C stops the panel."))
        only_a_signal_ends_it: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        return await only_a_signal_ends_it
    finally:
        await panel.stop()
