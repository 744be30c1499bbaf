"""README's text, and what stands in it."""

import re

from tests.helpers import ROOT

README, TURKISH = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.tr.md"))


def blocks(text, kind=r"\w+"):
    """Give the fenced blocks of a text, of one language or of all."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def snippet_with(word):
    """Give README's one Python snippet that has a word in it."""
    [code] = [code for code in blocks(README, "python") if word in code]
    return code
