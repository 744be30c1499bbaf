"""The ``vairosms`` command: its subcommands, and the options of ``bulk``."""

import asyncio
import io
import platform
import sys
from gettext import gettext as _

import aiohttp
import click

from vairosms_async import __version__

from .bulk import Bulk
from .demo import demo, sandbox
from .packets import get, wait
from .settings import ABOUT_THE_KEY, SECONDS, WholeNumber, api_key_file_option
from .signals import ALL_FOUND, STOPPED, CommandError, Signals, say
from .streams import ReaderLeftError, StdoutError


def run() -> int:
    """Run the command line, and return the exit code."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:  # the encoding of a terminal may lack letters
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
            say(_("Interrupted."))
            return signals.exit_code
        except ReaderLeftError:
            return ALL_FOUND
        except StdoutError as exc:
            say(_("Error: {message}").format(message=f"stdout: {exc}"))
            return STOPPED
        except CommandError as exc:
            say(_("Error: {message}").format(message=exc.message))
            return exc.exit_code
        except click.ClickException as exc:
            message = io.StringIO()
            exc.show(message)
            for line in message.getvalue().splitlines():
                say(line)
            return exc.exit_code
        return outcome if isinstance(outcome, int) else ALL_FOUND


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help=_(
        "Look up the status of SMS packets, with VairoSMS' Gönderim Bilgisi API.\n\n"
        "Try it without a key: vairosms demo\n\n"
        "Guide: docs/guides/command.md in the clone"
    ),
    epilog=_(
        "Exit codes: 0 all found, 1 some failed, 2 not started (usage, files, settings), 3 key "
        "refused, 4 stopped early (disk, pipe, panel down), 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP."
    ),
)
@click.version_option(
    __version__,
    message=f"%(prog)s %(version)s (aiohttp {aiohttp.__version__}, "
    f"Python {platform.python_version()})",
)
def cli() -> None:
    """Hold the commands."""


@click.command(
    short_help=_("Look up the packets of a file."),
    help=_(
        "Look up the packets of FILE, and write its rows with their results to OUT.\n\n"
        "FILE is text with one id per line, CSV, a workbook (.xlsx, .xls, .ods), or - for stdin. "
        "OUT has FILE's rows and columns, unchanged and in order, and the panel's columns after "
        "them.\n\n"
        "You can run the same command again at any time. It continues after an interruption, and "
        "uses the current rows of FILE. It looks up a packet again if its lookup failed, or if the "
        "packet was in progress. It does not look up a final packet again."
    ),
    epilog="\b\n"
    + _("Examples:")
    + """
  vairosms bulk ids.txt -o results.csv
  vairosms bulk list.xlsx --column "Gönderim No" -o results.xlsx
  vairosms bulk list.csv --column 3 -o results.jsonl --wait --wait-timeout 3600
  cut -f2 ids.tsv | vairosms bulk - -o - | jq .gonderim.paket_durum

"""
    + ABOUT_THE_KEY
    + "\n\n"
    + _(
        "Exit codes: 0 all found, 1 some failed, 2 not started, 3 key refused, 4 stopped early "
        "(disk, pipe, panel down), 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP. After each but 0, 2 and 3, "
        "run the same command again. If OUT is - and its reader leaves, as with | head, the run "
        "ends with 0."
    ),
)
@click.argument("file", metavar=_("FILE"), type=click.Path(allow_dash=True))
@click.option(
    "-o", "--output", "out", metavar=_("OUT"), required=True, type=click.Path(),
    help=_(
        "Where to write the rows of FILE with their results: a .csv, .xlsx or .jsonl file, or - "
        "for JSON Lines on stdout."
    ),
)  # fmt: skip
@click.option(
    "--column", metavar=_("NAME"),
    help=_(
        "The column of the ids in a CSV file or a workbook: its name, or its number from 1. "
        "Required if there are several."
    ),
)  # fmt: skip
@click.option(
    "--skip-rows", metavar=_("NUMBER"), type=WholeNumber(min=0), default=0, show_default=True,
    help=_("Number of rows above the header, such as a title. In text and CSV, rows are lines."),
)  # fmt: skip
@click.option(
    "--sheet",
    metavar=_("NAME"),
    help=_("The sheet of a workbook. Default: the first visible one with rows."),
)
@click.option(
    "--encoding", metavar=_("NAME"),
    help=_(
        "The encoding of text and CSV. Default: UTF-8, or UTF-16 if FILE looks like it; bytes that "
        "are not UTF-8 are read as windows-1254."
    ),
)  # fmt: skip
@click.option(
    "--store", metavar=_("PATH"), type=click.Path(),
    help=_(
        "The SQLite database that keeps the answers of one panel and account. Several lists "
        "can share it. Default: OUT.db, or none if OUT is stdout or a pipe."
    ),
)  # fmt: skip
@click.option(
    "--overwrite",
    is_flag=True,
    help=_("Replace OUT, even if you have changed it or another program has written it."),
)
@click.option("--fresh", is_flag=True, help=_("Look up final packets again, too."))
@click.option("--offline", is_flag=True, help=_("Write OUT from the store, without a request."))
@click.option("--wait", is_flag=True, help=_("Poll packets in progress until they are final."))
@click.option(
    "--wait-timeout", type=SECONDS, metavar=_("SECONDS"),
    help=_(
        "With --wait: maximum time to wait for each packet. Default: no limit. A packet that is "
        "still in progress then is no failure."
    ),
)  # fmt: skip
@click.option(
    "--max-concurrency", metavar=_("NUMBER"), type=WholeNumber(min=1), default=16,
    show_default=True,
    help=_("Maximum number of lookups in flight."),
)  # fmt: skip
@click.option(
    "--rate", type=SECONDS, metavar=_("NUMBER"),
    help=_("Maximum number of requests per second. Default: no limit. Not with --scheduler."),
)  # fmt: skip
@click.option(
    "--timeout", type=SECONDS, default=30.0, show_default=True, metavar=_("SECONDS"),
    help=_("Maximum time for one request."),
)  # fmt: skip
@click.option(
    "--max-failures", metavar=_("NUMBER"), type=WholeNumber(min=0), default=100,
    show_default=True,
    help=_(
        'Stop if this many lookups in a row fail without a record between them. Answers about a '
        'packet, such as "not found", do not count. 0: never stop.'
    ),
)  # fmt: skip
@click.option(
    "--scheduler", metavar=_("ADDRESS"),
    help=_(
        'Look up the packets on a Dask cluster: the address of its scheduler (tls://..., '
        'tcp://...), or "local" for one process per core.'
    ),
)  # fmt: skip
@api_key_file_option
@click.option(
    "--quiet", "-q", is_flag=True,
    help=_("Print no progress and no summary, but one line on stderr if some failed."),
)  # fmt: skip
@click.pass_obj
def bulk(
    signals: Signals,
    /,
    *,
    file: str,
    out: str,
    column: str | None,
    skip_rows: int,
    sheet: str | None,
    encoding: str | None,
    store: str | None,
    overwrite: bool,
    fresh: bool,
    offline: bool,
    wait: bool,
    wait_timeout: float | None,
    max_concurrency: int,
    rate: float | None,
    timeout: float,
    max_failures: int,
    scheduler: str | None,
    api_key_file: str | None,
    quiet: bool,
) -> int:
    """Look up the packets of FILE, and write its rows with their results to OUT."""
    return Bulk(
        signals=signals,
        file=file,
        out=out,
        column=column,
        skip_rows=skip_rows,
        sheet=sheet,
        encoding=encoding,
        store=store,
        overwrite=overwrite,
        fresh=fresh,
        offline=offline,
        wait=wait,
        wait_timeout=wait_timeout,
        max_concurrency=max_concurrency,
        rate=rate,
        timeout=timeout,
        max_failures=max_failures,
        scheduler=scheduler,
        api_key_file=api_key_file,
        quiet=quiet,
    ).run()


cli.subcommand_metavar = _("COMMAND [ARGS]...")
cli.options_metavar = _("[OPTIONS]")
for _command in (bulk, get, wait, demo, sandbox):
    _command.options_metavar = cli.options_metavar
    cli.add_command(_command)
