"""Check that a tag, the version and the changelog agree, and give the notes of a release.

    python .github/release_check.py v0.2.0 [--notes]

It prints what disagrees and exits with 1. With --notes, stdout has the version's section of the
changelog.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

HEADING = re.compile(r"## \[?(?P<name>[^\]\s]+)\]?(?: - (?P<day>.*))?")
LINK = re.compile(r"\[[^\]]+\]: ")  # of a heading, below the last section


def sections(changelog: str) -> list[tuple[str, str, str]]:
    """Give each section's name, day and text, in their order."""
    found: list[tuple[str, str, list[str]]] = []
    for line in changelog.splitlines():
        if heading := HEADING.fullmatch(line.rstrip()):
            found.append((heading["name"], heading["day"] or "", []))
        elif found and not LINK.match(line):
            found[-1][2].append(line)
    return [(name, day, "\n".join(lines).strip()) for name, day, lines in found]


def has_entries(text: str) -> bool:
    """Tell whether there is more than headings."""
    return any(line.strip() and not line.startswith("#") for line in text.splitlines())


def is_date(text: str) -> bool:
    """Tell whether it is a day as in 2026-11-24."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def disagreements(tag: str, version_file: str, changelog: str) -> Iterator[str]:
    """Give what stands against a release."""
    stated = re.search(r'^__version__ = "(.+)"$', version_file, re.MULTILINE)
    if not stated:
        yield "_version.py has no __version__"
        return
    version = stated[1]
    if tag != f"v{version}":
        yield f"the tag is {tag}, but _version.py says {version}: the tag should be v{version}"
    parts = sections(changelog)
    for name, _, text in parts:
        if name.lower() == "unreleased" and has_entries(text):
            yield f"[Unreleased] in CHANGELOG.md still has entries: they belong under [{version}]"
    released = [part for part in parts if part[0].lower() != "unreleased"]
    ours = [part for part in released if part[0] == version]
    if len(ours) != 1:
        many = f"{len(ours)} sections" if ours else "no section"
        yield f"CHANGELOG.md has {many} [{version}]"
        return
    if released[0] != ours[0]:
        yield f"in CHANGELOG.md, [{released[0][0]}] stands above [{version}]"
    [(_, day, text)] = ours
    if not is_date(day):
        yield f"CHANGELOG.md has no date for it, as in: ## [{version}] - {date.today()}"  # noqa: DTZ011 (whose day it is)
    if not has_entries(text):
        yield f"the section [{version}] of CHANGELOG.md is empty"


def main() -> int:
    """Run the check."""
    parser = argparse.ArgumentParser(description="Check that tag, version and changelog agree.")
    parser.add_argument("tag", help="as in v0.2.0")
    parser.add_argument("--notes", action="store_true", help="print the changelog's section")
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent)
    args = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8")
    changelog = (args.root / "CHANGELOG.md").read_text("utf-8")
    version_file = (args.root / "vairosms_async" / "_version.py").read_text("utf-8")
    found = list(disagreements(args.tag, version_file, changelog))
    for disagreement in found:
        print(f"No release: {disagreement}.", file=sys.stderr)
    if found:
        return 1
    [notes] = [text for name, _, text in sections(changelog) if f"v{name}" == args.tag]
    print(notes if args.notes else f"Tag, version and changelog agree on {args.tag}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
