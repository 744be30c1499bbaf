"""The ``vairosms`` command: its options, and the commands ``get`` and ``wait``."""

import asyncio
import io
import platform
import sys
from contextlib import aclosing

import aiohttp
import click

from vairosms_async import GonderimResult, RetryPolicy, VairoSMSClient, __version__

from . import display
from .bulk import Bulk
from .demo import demo, sandbox
from .inputs import Row
from .known import known_from
from .outputs import JsonLines
from .progress import trouble_reported
from .settings import (
    ABOUT_THE_KEY,
    SECONDS,
    Option,
    api_key_file_option,
    check_settings,
    open_client,
)
from .signals import ALL_FOUND, SOME_FAILED, STOPPED, CommandError, Signals, say
from .streams import ReaderLeftError, StdoutError

_packet_ids: Option = click.argument("ids", metavar="ID...", nargs=-1, required=True)
_json_option: Option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON Lines instead of a table."
)


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
            say("Interrupted.")
            return signals.exit_code
        except ReaderLeftError:
            return ALL_FOUND
        except StdoutError as exc:
            say(f"Error: stdout: {exc}")
            return STOPPED
        except CommandError as exc:
            say(f"Error: {exc.message}")
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
    epilog="Exit codes: 0 all found, 1 some failed, 2 not started (usage, files, settings), 3 key "
    "refused, 4 stopped early (disk, pipe, panel down), 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP.",
)
@click.version_option(
    __version__,
    message=f"%(prog)s %(version)s (aiohttp {aiohttp.__version__}, "
    f"Python {platform.python_version()})",
)
def cli() -> None:
    """Look up the status of SMS packets, with VairoSMS' Gönderim Bilgisi API.

    Try it without a key: vairosms demo
    """


@cli.command(
    short_help="Look up the packets of a file.",
    epilog=f"""\b
Examples:
  vairosms bulk ids.txt -o results.csv
  vairosms bulk list.xlsx --column "Gönderim No" -o results.xlsx
  vairosms bulk list.csv --column 3 -o results.jsonl --wait --wait-timeout 3600
  cut -f2 ids.tsv | vairosms bulk - -o - | jq .gonderim.paket_durum

{ABOUT_THE_KEY}

Exit codes: 0 all found, 1 some failed, 2 not started, 3 key refused, 4 stopped early (disk, pipe,
panel down), 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP. After each but 0, 2 and 3, run the same command
again. If OUT is - and its reader leaves, as with | head, the run ends with 0.""",
)
@click.argument("file", metavar="FILE", type=click.Path(allow_dash=True))
@click.option(
    "-o", "--output", "out", metavar="OUT", required=True, type=click.Path(),
    help="Where to write the rows of FILE with their results: a .csv, .xlsx or .jsonl file, or - "
    "for JSON Lines on stdout.",
)  # fmt: skip
@click.option(
    "--column", metavar="NAME",
    help="The column of the ids in a CSV file or a workbook: its name, or its number from 1. "
    "Required if there are several.",
)  # fmt: skip
@click.option(
    "--skip-rows", metavar="NUMBER", type=click.IntRange(min=0), default=0, show_default=True,
    help="Number of rows above the header, such as a title. In text and CSV, rows are lines.",
)  # fmt: skip
@click.option("--sheet", metavar="NAME", help="The sheet of a workbook. Default: the first.")
@click.option(
    "--encoding", metavar="NAME",
    help="The encoding of text and CSV. Default: UTF-8, or UTF-16 if FILE looks like it; bytes "
    "that are not UTF-8 are read as windows-1254.",
)  # fmt: skip
@click.option(
    "--store", metavar="PATH", type=click.Path(),
    help="The SQLite database that remembers the answers of one panel and account. Several lists "
    "can share it. Default: OUT.db, or none if OUT is stdout or a pipe.",
)  # fmt: skip
@click.option(
    "--overwrite",
    is_flag=True,
    help="Replace OUT, even if it was edited or another program has written it.",
)
@click.option("--fresh", is_flag=True, help="Ask for packets known to be final, too.")
@click.option("--offline", is_flag=True, help="Write OUT from the store, without a request.")
@click.option("--wait", is_flag=True, help="Poll packets in progress until they are final.")
@click.option(
    "--wait-timeout", type=SECONDS, metavar="SECONDS",
    help="With --wait: maximum time to wait for each packet. Default: no limit.",
)  # fmt: skip
@click.option(
    "--max-concurrency", type=click.IntRange(min=1), default=16, show_default=True,
    help="Maximum number of lookups in flight.",
)  # fmt: skip
@click.option(
    "--rate", type=SECONDS, metavar="NUMBER",
    help="Maximum number of requests per second. Default: no limit. Not with --scheduler.",
)  # fmt: skip
@click.option(
    "--timeout", type=SECONDS, default=30.0, show_default=True, metavar="SECONDS",
    help="Maximum time for one request.",
)  # fmt: skip
@click.option(
    "--max-failures", type=click.IntRange(min=0), default=100, show_default=True,
    help="Stop if this many lookups in a row fail without a record between them. Answers about a "
    'packet, such as "not found", do not count. 0: never stop.',
)  # fmt: skip
@click.option(
    "--scheduler", metavar="ADDRESS",
    help='Look up the packets on a Dask cluster: the address of its scheduler (tls://..., '
    'tcp://...), or "local" for one process per core.',
)  # fmt: skip
@api_key_file_option
@click.option("--quiet", "-q", is_flag=True, help="Print no progress and no summary.")
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
    """Look up the packets of FILE, and write its rows with their results to OUT.

    FILE is text with one id per line, CSV, a workbook (.xlsx, .xls, .ods), or - for stdin. OUT has
    FILE's rows and columns, unchanged and in order, and the panel's columns after them.

    The same command again continues after an interruption, asks again for packets that failed or
    were in progress, and follows changes of FILE. It does not ask again for packets that are final.
    """
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


@cli.command(
    short_help="Show packets as a table.",
    epilog=f"\b\nExample:\n  vairosms get 52 61\n\n{ABOUT_THE_KEY}",
)
@_packet_ids
@_json_option
@api_key_file_option
@click.pass_obj
def get(signals: Signals, ids: tuple[str, ...], as_json: bool, api_key_file: str | None) -> int:
    """Show the status of packets."""
    check_settings(api_key_file)
    return signals.run(_get(ids, as_json=as_json))


async def _get(ids: tuple[str, ...], *, as_json: bool) -> int:
    async with open_client() as client, trouble_reported(client):
        numbers = {number for text in ids if (number := _number(text)) is not None}
        async with aclosing(client.iter_gonderimler(numbers)) as answers:
            found = {result.id: result async for result in answers}
        results = [
            found[number] if (number := _number(text)) is not None else await _refuse(client, text)
            for text in ids
        ]
    if as_json:
        for line, (text, result) in enumerate(zip(ids, results, strict=True), 1):
            _print_json(line, text, result)
    else:
        display.show_packets(display.console(stderr=False), results)
    return ALL_FOUND if all(result.ok for result in results) else SOME_FAILED


@cli.command(
    short_help="Poll packets until they are final.",
    epilog=f"\b\nExample:\n  vairosms wait 52 61 --timeout 3600\n\n{ABOUT_THE_KEY}",
)
@_packet_ids
@_json_option
@click.option(
    "--timeout", type=SECONDS, metavar="SECONDS",
    help="Maximum time to wait for each packet. Default: no limit.",
)  # fmt: skip
@api_key_file_option
@click.pass_obj
def wait(
    signals: Signals,
    ids: tuple[str, ...],
    as_json: bool,
    timeout: float | None,
    api_key_file: str | None,
) -> int:
    """Poll packets until they are final, and show each change of state."""
    check_settings(api_key_file)
    return signals.run(_wait(ids, timeout, as_json=as_json))


async def _wait(ids: tuple[str, ...], timeout: float | None, *, as_json: bool) -> int:
    out = display.console(stderr=False)
    has_failures = False

    def show(line: int, text: str, result: GonderimResult) -> None:
        nonlocal has_failures
        has_failures = has_failures or not result.ok
        if as_json:
            _print_json(line, text, result)
        else:
            display.show_change(out, result)

    given: dict[int, tuple[int, str]] = {}
    async with open_client() as client, trouble_reported(client):
        for line, text in enumerate(ids, 1):
            if (number := _number(text)) is None:
                show(line, text, await _refuse(client, text))
            else:
                given.setdefault(number, (line, text))
        # The next poll is a retry, too. With fewer retries, a failure is reported within seconds.
        patient = client.with_options(retry=RetryPolicy(attempts=2))
        waits = patient.wait_gonderimler(given, timeout=timeout, changes=True)
        async with aclosing(waits) as results:
            async for result in results:
                show(*given[int(result.id)], result)
    return SOME_FAILED if has_failures else ALL_FOUND


def _number(text: str) -> int | None:
    """Return the number that a text contains, or None. It may be no valid id."""
    digits = text.strip().lstrip("0") or "0"
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 20 else None


async def _refuse(client: VairoSMSClient, text: str) -> GonderimResult:
    """Return the client's error for a text that is no number. The client sends no request."""
    async with aclosing(client.iter_gonderimler([text.strip()])) as results:
        return await anext(results)


def _print_json(line: int, text: str, result: GonderimResult) -> None:
    number = result.id if isinstance(result.id, int) else None
    problem = None if isinstance(result.id, int) else str(result.error)
    row = Row(line, (text,), number, str(result.id), problem)
    known = None if number is None else known_from(result)
    click.echo(JsonLines(("id",)).line(row, known), nl=False)


cli.add_command(demo)
cli.add_command(sandbox)
