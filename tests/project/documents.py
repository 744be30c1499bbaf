"""README and the pages of docs/: their text, headings, links and code blocks."""

import re
from pathlib import Path

from attrs import frozen

from tests.helpers import ROOT

DOCS = ROOT / "docs"
README, TURKISH = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.tr.md"))

# A code block, perhaps below a mark; or a comment with code, which readers do not see.
_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+) -->\n+)?```(?P<language>[\w-]+)\n(?P<code>.*?)^```$"
    r"|^<!-- (?P<hidden_language>python|sh)\n(?P<hidden_code>.*?)^-->$",
    re.MULTILINE | re.DOTALL,
)


@frozen
class Block:
    """A code block of a document.

    Attributes:
        language: What follows the backquotes, such as ``"python"``.
        code: The text between the fences.
        line: The number of the code's first line.
        not_run: Why the tests cannot run it, from the mark ``<!-- not run: … -->``, or None.
        hidden: Whether it stands in a comment: preparations and checks that readers do not see.
    """

    language: str
    code: str
    line: int
    not_run: str | None
    hidden: bool


def documents() -> list[Path]:
    """Return README, README.tr.md and the pages of docs/."""
    return [ROOT / "README.md", ROOT / "README.tr.md", *sorted(DOCS.rglob("*.md"))]


def document_name(path: Path) -> str:
    """Return the path of a document in the repository, such as ``docs/tr/komut.md``."""
    return path.relative_to(ROOT).as_posix()


def page(name: str) -> str:
    """Return the text of a page of docs/, such as ``"guides/testing.md"``."""
    return (DOCS / name).read_text("utf-8")


def code_blocks(text: str) -> list[Block]:
    """Return the code blocks of a document in order, the hidden ones too."""
    found = []
    for match in _BLOCK.finditer(text):
        hidden = match["code"] is None
        found.append(
            Block(
                match["hidden_language" if hidden else "language"],
                match["hidden_code" if hidden else "code"],
                text[: match.start("hidden_code" if hidden else "code")].count("\n") + 1,
                match["why"],
                hidden,
            )
        )
    return found


def blocks(text: str, *languages: str) -> list[str]:
    """Return the code that readers see, by default of all languages."""
    return [
        block.code
        for block in code_blocks(text)
        if not block.hidden and (not languages or block.language in languages)
    ]


def block_with(text: str, word: str) -> str:
    """Return the only Python block of a document that contains a word."""
    [code] = [code for code in blocks(text, "python") if word in code]
    return code


def without_code(text: str) -> str:
    """Return a document without its code blocks and comments."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def headings(text: str) -> list[tuple[str, str]]:
    """Return the level (``"##"``) and the title of each heading."""
    return re.findall(r"^(#+) (.+)$", without_code(text), re.MULTILINE)


def link_targets(text: str) -> list[str]:
    """Return the targets of a document's links and pictures."""
    return re.findall(r"\]\(([^)\s]+)\)", without_code(text))
