"""``vairosms get`` and ``vairosms wait``: the status of a few packets."""

from contextlib import aclosing
from gettext import gettext as _

import click

from vairosms_async import GonderimResult, RetryPolicy, VairoSMSClient

from . import display
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
from .signals import ALL_FOUND, SOME_FAILED, Signals

_packet_ids: Option = click.argument("ids", metavar=_("ID..."), nargs=-1, required=True)
_json_option: Option = click.option(
    "--json", "as_json", is_flag=True, help=_("Print JSON Lines instead of a table.")
)


@click.command(
    short_help=_("Show packets as a table."),
    help=_("Show the status of packets."),
    epilog="\b\n" + _("Example:") + "\n  vairosms get 52 61\n\n" + ABOUT_THE_KEY,
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


@click.command(
    short_help=_("Poll packets until they are final."),
    help=_("Poll packets until they are final, and show each change of state."),
    epilog="\b\n"
    + _("Example:")
    + "\n  vairosms wait 52 61 --timeout 3600\n\n"
    + ABOUT_THE_KEY
    + "\n\n"
    + _(
        "Exit codes: 0 all final, 1 some failed or were not final after --timeout, 2 not started "
        "(usage, files, settings), 3 key refused, 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP."
    ),
)
@_packet_ids
@_json_option
@click.option(
    "--timeout", type=SECONDS, metavar=_("SECONDS"),
    help=_("Maximum time to wait for each packet. Default: no limit."),
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
    text = text.strip()
    digits = text.lstrip("0") or text[:1]
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
