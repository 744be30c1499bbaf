"""The check before a release: the tag, the version and the changelog must agree."""

import subprocess
import sys

import pytest

from tests.project.github import GITHUB

CHANGELOG = """\
# Changelog

## [Unreleased]

## [0.2.0] - 2026-11-24

### Added

- Gönderim şimdi.

## [0.1.0] - 2026-11-01

- The first.

[0.2.0]: https://example.com/0.2.0
"""

PYPROJECT = '[project]\nurls = { Source = "https://example.com" }\n'


@pytest.fixture
def release_check(tmp_path):
    """Run the check in a project of three files. Return its exit code, stdout and stderr."""

    def run(
        tag, *args, changelog=CHANGELOG, version='__version__ = "0.2.0"\n', pyproject=PYPROJECT
    ):
        (tmp_path / "vairosms_async").mkdir()
        (tmp_path / "vairosms_async" / "_version.py").write_text(version, "utf-8")
        (tmp_path / "CHANGELOG.md").write_text(changelog, "utf-8")
        (tmp_path / "pyproject.toml").write_text(pyproject, "utf-8")
        script = GITHUB / "release_check.py"
        done = subprocess.run(
            [sys.executable, script, tag, "--root", tmp_path, *args],
            capture_output=True,
            check=False,
            encoding="utf-8",
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_accepts_a_tag_that_agrees_with_version_and_changelog(release_check):
    assert release_check("v0.2.0") == (0, "Tag, version and changelog agree on v0.2.0.\n", "")


def test_notes_are_the_section_of_the_version(release_check):
    assert release_check("v0.2.0", "--notes") == (0, "### Added\n\n- Gönderim şimdi.\n", "")


def test_notes_of_the_last_section_omit_link_definitions(release_check):
    changelog = "## [0.2.0] - 2026-11-24\n\n- x\n\n[0.2.0]: https://example.com/0.2.0\n"
    assert release_check("v0.2.0", "--notes", changelog=changelog) == (0, "- x\n", "")


def test_rejects_a_project_without_an_address(release_check):
    code, _, problems = release_check("v0.2.0", pyproject="[project]\n")
    assert code == 1
    assert "project.urls.Source" in problems


@pytest.mark.parametrize("tag", ["v0.2.1", "0.2.0", "v0.2.0.", "v0.2", "v0.1.0"])
def test_rejects_a_tag_of_another_version(release_check, tag):
    why = f"the tag is {tag}, but _version.py says 0.2.0: the tag should be v0.2.0"
    assert release_check(tag, "--notes") == (1, "", f"Cannot release: {why}.\n")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        pytest.param(
            "## [0.2.0] - 2026-11-24",
            "",
            "[Unreleased] in CHANGELOG.md still has entries",
            id="entries still under Unreleased, no section of the version",
        ),
        pytest.param(
            "## [0.2.0] - 2026-11-24",
            "",
            "CHANGELOG.md has no section [0.2.0]",
            id="no section of the version",
        ),
        pytest.param(
            "## [0.2.0]",
            "## [0.2.00]",
            "CHANGELOG.md has no section [0.2.0]",
            id="section of a similar version",
        ),
        pytest.param(
            "## [0.1.0]", "## [0.2.0]", "CHANGELOG.md has 2 sections [0.2.0]", id="two sections"
        ),
        pytest.param(
            "- Gönderim şimdi.\n",
            "",
            "the section [0.2.0] of CHANGELOG.md is empty",
            id="section with only a heading",
        ),
        pytest.param(
            "### Added\n\n- Gönderim şimdi.\n",
            "",
            "the section [0.2.0] of CHANGELOG.md is empty",
            id="empty section",
        ),
        pytest.param(
            "## [Unreleased]\n",
            "## [Unreleased]\n\n- y\n",
            "[Unreleased] in CHANGELOG.md still",
            id="entries still under Unreleased",
        ),
        pytest.param(
            "## [Unreleased]\n",
            "## [0.3.0] - 2026-11-25\n\n- y\n",
            "[0.3.0] is above [0.2.0]",
            id="a newer version above",
        ),
        pytest.param(" - 2026-11-24", "", "CHANGELOG.md has no date for [0.2.0]", id="no date"),
        pytest.param(
            "2026-11-24",
            "24.11.2026",
            "CHANGELOG.md has no date for [0.2.0]",
            id="date in another format",
        ),
        pytest.param(
            "2026-11-24",
            "2026-11-31",
            "CHANGELOG.md has no date for [0.2.0]",
            id="date that does not exist",
        ),
    ],
)
def test_rejects_a_changelog_that_disagrees(release_check, old, new, why):
    assert old in CHANGELOG
    code, out, err = release_check("v0.2.0", "--notes", changelog=CHANGELOG.replace(old, new, 1))
    assert (code, out) == (1, "")
    assert why in err
    assert "Traceback" not in err


def test_rejects_a_version_file_without_a_version(release_check):
    code, _, err = release_check("v0.2.0", version="")
    assert (code, err) == (1, "Cannot release: _version.py has no __version__.\n")


def test_reports_all_problems_at_once(release_check):
    code, _, err = release_check("v0.3.0", changelog="## [Unreleased]\n\n- y\n")
    assert (code, err.count("Cannot release: ")) == (1, 3)
