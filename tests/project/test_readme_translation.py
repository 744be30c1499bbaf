"""README.md and README.tr.md say the same, and their badges are true."""

import re
import tomllib

import pytest

from tests.helpers import ROOT
from tests.project.documents import README, TURKISH, blocks, headings, link_targets, without_code


def lines_to_compare(block):
    """Return the lines of a code block without what is translated: comments and output."""
    lines = [re.sub(r"(^|\s+)#.*", "", line) for line in block.splitlines()]
    return [line for line in lines if line.startswith("$")] if block.startswith("$") else lines


def quoted_names(text):
    """Return what stands between backquotes: names, options and values."""
    return set(re.findall(r"(?<!`)`([^`\n]+)`(?!`)", without_code(text)))


def test_each_readme_begins_with_a_link_to_the_other():
    assert README.startswith("[Türkçe](README.tr.md)\n")
    assert TURKISH.startswith("[English](README.md)\n")


def test_both_have_the_same_sections():
    english, turkish = headings(README), headings(TURKISH)
    assert [level for level, _ in english] == [level for level, _ in turkish]
    # Only the name of the package and the like may be the same in both.
    assert sum(a == b for a, b in zip(english, turkish, strict=True)) <= 2


def test_both_have_the_same_code():
    english, turkish = blocks(README), blocks(TURKISH)
    assert list(map(lines_to_compare, english)) == list(map(lines_to_compare, turkish))
    assert len(english) >= 8


@pytest.mark.parametrize(
    "pattern", [r"^\|", r"^- ", r"^!\["], ids=["table rows", "list items", "pictures"]
)
def test_both_have_equally_many(pattern):
    english, turkish = (len(re.findall(pattern, t, re.MULTILINE)) for t in (README, TURKISH))
    assert english == turkish > 0


def test_both_name_the_same_things():
    assert quoted_names(README) == quoted_names(TURKISH)


def test_both_link_to_the_same_targets():
    def outside(text):
        """Return the targets without anchors of the same page, which are translated."""
        return sorted(target for target in link_targets(text) if not target.startswith("#"))

    translations = {
        "README.md": "README.tr.md",
        "docs/tr/hizli-baslangic.md": "docs/guides/quickstart.md",
        "docs/tr/komut.md": "docs/guides/command.md",
        "docs/tr/hatalar.md": "docs/guides/errors-and-retries.md",
    }
    turkish = [translations.get(target, target) for target in outside(TURKISH)]
    assert sorted(turkish) == outside(README)


def test_both_are_short():
    english, turkish = (text.count("\n") for text in (README, TURKISH))
    assert turkish <= english <= 180


@pytest.mark.parametrize("text", [README, TURKISH], ids=["English", "Turkish"])
def test_badges_are_true(text):
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    classifiers = "\n".join(pyproject["project"]["classifiers"])
    pythons = re.findall(r"Python :: (3\.\d+)$", classifiers, re.MULTILINE)
    badges = re.findall(r"badge/(.+)-\w+\)$", text, re.MULTILINE)
    assert badges == [
        f"python-{'_%7C_'.join(pythons)}",
        "types-mypy_and_pyright,_strict",
        "coverage-100_%25",
        f"licence-{pyproject['project']['license']}",
    ]
    assert pyproject["tool"]["mypy"]["strict"] is True
    assert pyproject["tool"]["pyright"]["typeCheckingMode"] == "strict"
    assert pyproject["tool"]["coverage"]["report"]["fail_under"] == 100
