"""The ``vairosms`` command: packet checks for people who do not write Python.

Its own needs (click, rich, aiolimiter, filelock) are the extra ``cli``.
"""

import sys

from .streams import guard_streams

EXTRA = frozenset(("aiolimiter", "click", "filelock", "rich"))


def main() -> int:
    """Run the command and return its exit code; without the extra, say how to install it."""
    guard_streams()
    try:
        from .commands import run  # noqa: PLC0415 (the extra may not be there)
    except KeyboardInterrupt:  # from when it runs, it has its own way with signals
        return 130
    except ModuleNotFoundError as exc:
        if exc.name not in EXTRA:
            raise
        advice = "pip install 'vairosms-async[cli]'"
        print(f"vairosms: the command needs {exc.name}: {advice}", file=sys.stderr)  # noqa: T201
        return 2
    return run()
