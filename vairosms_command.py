"""The script ``vairosms``.

It is not in the package, so that it can handle Ctrl-C while Python imports the package.
"""

import sys


def main() -> int:
    """Run the command and return its exit code."""
    try:
        from vairosms_async import cli  # noqa: PLC0415 (the import takes a fifth of a second)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)  # noqa: T201 (click is not loaded)
        return 130
    return cli.main()
