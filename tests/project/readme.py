"""The text of README.md and README.tr.md, and the code blocks in it."""

import re

from tests.helpers import ROOT

README, TURKISH = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.tr.md"))


def blocks(text, language=r"\w+"):
    """Return the fenced code blocks of a text, by default of all languages."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def snippet_with(word):
    """Return the only Python snippet in README.md that contains a word."""
    [code] = [code for code in blocks(README, "python") if word in code]
    return code
