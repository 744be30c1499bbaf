"""``python -m vairosms_async``: the ``vairosms`` command."""

import sys

from .cli import main

sys.exit(main())
