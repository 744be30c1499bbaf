"""Check that a tag, the version and the changelog agree, and that the project has an address.

    python .github/release_check.py v0.2.0 [--notes]

If they disagree, print each problem and exit with 1. With --notes, print the version's section of
the changelog.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

HEADING = re.compile(r"## \[?(?P<name>[^\]\s]+)\]?(?: - (?P<day>.*))?")
LINK = re.compile(r"\[[^\]]+\]: ")  # a heading's link definition, below the last section


def sections(changelog: str) -> list[tuple[str, str, str]]:
    """Return the name, date and text of each section, in order."""
    found: list[tuple[str, str, list[str]]] = []
    for line in changelog.splitlines():
        if heading := HEADING.fullmatch(line.rstrip()):
            found.append((heading["name"], heading["day"] or "", []))
        elif found and not LINK.match(line):
            found[-1][2].append(line)
    return [(name, day, "\n".join(lines).strip()) for name, day, lines in found]


def has_entries(text: str) -> bool:
    """Whether the section has text besides headings."""
    return any(line.strip() and not line.startswith("#") for line in text.splitlines())


def is_date(text: str) -> bool:
    """Whether the text is a date such as 2026-11-24."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def find_problems(
    tag: str, version_file: str, changelog: str, project: dict[str, Any]
) -> Iterator[str]:
    """Yield each reason why the release cannot be made."""
    if "Source" not in project.get("urls", {}):
        yield "pyproject.toml has no project.urls.Source, so README's links would not work on PyPI"
    found = re.search(r'^__version__ = "(.+)"$', version_file, re.MULTILINE)
    if not found:
        yield "_version.py has no __version__"
        return
    version = found[1]
    if tag != f"v{version}":
        yield f"the tag is {tag}, but _version.py says {version}: the tag should be v{version}"
    parts = sections(changelog)
    for name, _, text in parts:
        if name.lower() == "unreleased" and has_entries(text):
            yield f"[Unreleased] in CHANGELOG.md still has entries: move them to [{version}]"
    released = [part for part in parts if part[0].lower() != "unreleased"]
    ours = [part for part in released if part[0] == version]
    if len(ours) != 1:
        many = f"{len(ours)} sections" if ours else "no section"
        yield f"CHANGELOG.md has {many} [{version}]"
        return
    if released[0] != ours[0]:
        yield f"in CHANGELOG.md, [{released[0][0]}] is above [{version}]"
    [(_, day, text)] = ours
    if not is_date(day):
        yield f"CHANGELOG.md has no date for [{version}]. Write: ## [{version}] - {date.today()}"  # noqa: DTZ011 (the local date)
    if not has_entries(text):
        yield f"the section [{version}] of CHANGELOG.md is empty"


def main() -> int:
    """Run the check and return the exit code."""
    parser = argparse.ArgumentParser(description="Check that tag, version and changelog agree.")
    parser.add_argument("tag", help="such as v0.2.0")
    parser.add_argument("--notes", action="store_true", help="print the changelog's section")
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent)
    args = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8")
    changelog = (args.root / "CHANGELOG.md").read_text("utf-8")
    version_file = (args.root / "vairosms_async" / "_version.py").read_text("utf-8")
    project = tomllib.loads((args.root / "pyproject.toml").read_text("utf-8"))["project"]
    problems = list(find_problems(args.tag, version_file, changelog, project))
    for problem in problems:
        print(f"Cannot release: {problem}.", file=sys.stderr)
    if problems:
        return 1
    [notes] = [text for name, _, text in sections(changelog) if f"v{name}" == args.tag]
    print(notes if args.notes else f"Tag, version and changelog agree on {args.tag}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
