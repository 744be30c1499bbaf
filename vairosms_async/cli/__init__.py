"""The ``vairosms`` command: packet checks for people who do not write Python.

The packages in `EXTRA` are the extra ``cli``.
"""

import sys
from gettext import gettext as _

from .language import use_language
from .streams import guard_streams

EXTRA = frozenset(("aiolimiter", "click", "python_calamine", "rich", "xlsxwriter"))


def main() -> int:
    """Run the command and return its exit code. Without the extra, print how to install it."""
    try:
        guard_streams()
        use_language()
        return _run()
    except KeyboardInterrupt:  # before `run` handles signals
        print(_("Interrupted."), file=sys.stderr)  # noqa: T201 (click is not loaded)
        return 130


def _run() -> int:
    try:
        from .app import run  # noqa: PLC0415 (the extra may be missing)
    except ModuleNotFoundError as exc:
        if exc.name not in EXTRA:
            raise
        advice = _("the command needs {package}: {advice}").format(
            package=exc.name, advice="pip install '/path/to/the/clone[cli]'"
        )
        print(f"vairosms: {advice}", file=sys.stderr)  # noqa: T201 (click may be missing)
        return 2
    return run()
