"""Which whole numbers a spreadsheet shows as they are."""

import re
from typing import Final

MAX_EXACT: Final = 10**15 - 1
"""Excel keeps 15 digits of a number and writes zeros in place of the others."""

PLAIN_NUMBER: Final = r"(?:0|-?[1-9][0-9]{0,14})"
"""The pattern of `is_plain_number`."""

_PLAIN_NUMBER = re.compile(PLAIN_NUMBER)


def is_plain_number(text: str) -> bool:
    """Whether a text is a whole number of at most 15 digits, without a leading zero."""
    return _PLAIN_NUMBER.fullmatch(text) is not None
