"""``vairosms bulk``: its options."""

from typing import Any

import click

from .common import ABOUT_THE_KEY, SECONDS, key_file
from .formats import FORMATS
from .job import Job
from .trouble import Signals

_EPILOG = f"""\b
Examples:
  vairosms bulk ids.txt -o results.jsonl
  vairosms bulk export.csv --column paket_id -o results.csv --rate 50
  vairosms bulk ids.txt -o results.jsonl --resume
  cut -f2 ids.tsv | vairosms bulk - -o - | jq .gonderim.paket_durum

{ABOUT_THE_KEY}

Exit codes: 0 all found, 1 some failed, 2 not started, 3 key refused, 4 stopped early (disk, pipe,
panel down), 130 Ctrl-C, 143 SIGTERM. After any of them, --resume goes on where it ended."""


@click.command(short_help="Check a file of packet ids.", epilog=_EPILOG)
@click.argument("file", metavar="FILE", type=click.Path(allow_dash=True))
@click.option(
    "-o", "--output", "out", metavar="OUT", required=True, type=click.Path(),
    help="Where results go, one line for each line of FILE; - is stdout.",
)  # fmt: skip
@click.option(
    "--format", "format_name", type=click.Choice(sorted(FORMATS)),
    help="JSON Lines, or CSV that Excel opens. Default: csv if OUT ends in .csv, else jsonl.",
)  # fmt: skip
@click.option("--column", help="FILE is CSV, with the ids in this column: its name, or its number.")
@click.option(
    "--encoding",
    help="FILE's encoding. Default: UTF-8 or UTF-16 by its mark, else UTF-8, and windows-1254 for "
    "what is not UTF-8.",
)
@click.option(
    "--resume", is_flag=True,
    help="Complete OUT: ask for what failed or is missing (with --wait: or is not final).",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Begin anew, even if OUT exists.")
@click.option(
    "--wait", is_flag=True, help="Then poll packets that are in progress until they are final."
)
@click.option(
    "--wait-timeout", type=SECONDS,
    help="With --wait: seconds for each packet. Default: as long as it takes.",
)  # fmt: skip
@click.option(
    "--max-concurrency", type=click.IntRange(min=1), default=16, show_default=True,
    help="Lookups in flight at most.",
)  # fmt: skip
@click.option("--rate", type=SECONDS, help="Requests a second at most. Default: no limit.")
@click.option(
    "--scheduler", metavar="ADDRESS",
    help='Share the work out over a Dask cluster: the address of its scheduler (tls://..., '
    'tcp://...), or "local" for a process a core. The cap holds over all of it. Not with --rate.',
)  # fmt: skip
@click.option(
    "--timeout", type=SECONDS, default=30.0, show_default=True, help="Seconds for one request."
)
@click.option(
    "--max-failures", type=click.IntRange(min=0), default=100, show_default=True,
    help="Stop when so many lookups in a row have failed, with no record between them (an answer "
    'about a packet, such as "not found", does not count, nor do polls of --wait); 0: never.',
)  # fmt: skip
@key_file
@click.option("--quiet", "-q", is_flag=True, help="No progress and no summary.")
@click.pass_obj
def bulk(signals: Signals, /, **options: Any) -> int:
    """Check all packet ids of FILE; - is stdin.

    FILE has one id a line, or is CSV with --column (comma, semicolon or tab). Blank lines and lines
    that start with # are skipped; a line that is no id gets a result with its error.
    """
    return Job(signals, **options).run()
