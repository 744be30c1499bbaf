"""README.md and README.tr.md say the same, and their links work."""

import re

import pytest

from tests.helpers import ROOT
from tests.project.documents import README, TURKISH, blocks


def without_code(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def headings(text):
    """Return the level (``"##"``) and the title of each heading."""
    return re.findall(r"^(#+) (.+)$", without_code(text), re.MULTILINE)


def lines_without_comments(block):
    """Return the lines of a code block without comments, which are translated."""
    return [re.sub(r"(^|\s+)#.*", "", line) for line in block.splitlines()]


def link_targets(text):
    """Return the targets of links and pictures, without links to the text's own headings."""
    targets = re.findall(r"\]\(([^)]+)\)", text)
    return sorted(target for target in targets if not target.startswith("#"))


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
    assert list(map(lines_without_comments, english)) == list(map(lines_without_comments, turkish))
    assert len(english) >= 20


@pytest.mark.parametrize(
    "pattern", [r"^\|", r"^- ", r"^!\["], ids=["table rows", "list items", "pictures"]
)
def test_both_have_equally_many(pattern):
    english, turkish = (len(re.findall(pattern, t, re.MULTILINE)) for t in (README, TURKISH))
    assert english == turkish > 0


def test_both_name_the_same_things():
    assert quoted_names(README) == quoted_names(TURKISH)


def test_both_link_to_the_same_targets():
    english, turkish = (
        [target.replace("README.tr.md", "README.md") for target in link_targets(text)]
        for text in (README, TURKISH)
    )
    assert english == turkish


@pytest.mark.parametrize("text", [README, TURKISH], ids=["English", "Turkish"])
def test_links_within_the_project_have_a_target(text):
    anchors = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for _, title in headings(text)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif not target.startswith("https://"):
            assert (ROOT / target.partition("#")[0]).exists(), target
