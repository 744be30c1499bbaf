"""What the commands have in common."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any, Final

import click

from vairosms_async import VairoSMSAuthError

from .trouble import KEY_REFUSED, STOPPED, Signals, Trouble

ABOUT_THE_KEY: Final = (
    "The API key comes from the environment's VAIROSMS_API_KEY or from --api-key-file, never from "
    "an argument, where other users see it. VAIROSMS_BASE_URL names another panel, such as that "
    "of vairosms sandbox. HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE count as they do for curl."
)
Option = Callable[[Callable[..., int]], Callable[..., int]]
"""What adds a parameter to a command."""


class _Seconds(click.FloatRange):
    """A number above 0 that is one: Python reads nan and inf as floats too."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


SECONDS: Final = _Seconds(min=0, min_open=True)

key_file: Option = click.option(
    "--api-key-file",
    type=click.Path(dir_okay=False),
    help="A file that holds the API key. Default: the environment's VAIROSMS_API_KEY.",
)


def complete(signals: Signals, work: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine to its end, or to a signal's."""

    async def run_to_the_end() -> int:
        signals.cancel_on_signal()
        try:
            return await work
        finally:
            signals.interrupt_on_signal()

    try:
        return asyncio.run(run_to_the_end())
    except VairoSMSAuthError as exc:
        raise Trouble(f"the panel refused the API key: {exc}", KEY_REFUSED) from None
    except OSError as exc:
        raise Trouble(exc.strerror or str(exc), STOPPED) from None
