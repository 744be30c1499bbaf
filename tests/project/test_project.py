"""What makes this a public project: its workflows, its forms and the check before a release."""

import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from tests.helpers import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.y*ml"))
CONFIG = GITHUB / "ISSUE_TEMPLATE" / "config.yml"
FORMS = sorted(path for path in CONFIG.parent.glob("*.y*ml") if path != CONFIG)


def named(path):
    return path.name


def read(path):
    return yaml.safe_load(path.read_text("utf-8"))


def steps(path):
    return [step for job in read(path)["jobs"].values() for step in job.get("steps", ())]


def uses(path):
    """Give the lines of a workflow that use an action or another workflow."""
    return re.findall(r"(?m)^[ -]*uses: *(.*)$", path.read_text("utf-8"))


# ---- the check before a release ----------------------------------------------------------------

AGREED = """\
# Changelog

## [Unreleased]

## [0.2.0] - 2026-11-24

### Added

- Gönderim şimdi.

## [0.1.0] - 2026-11-01

- The first.

[0.2.0]: https://example.com/0.2.0
"""


@pytest.fixture
def check(tmp_path):
    """Run the check on a changelog and a version; give its exit code, stdout and stderr."""

    def run(tag, *args, changelog=AGREED, version='__version__ = "0.2.0"\n'):
        (tmp_path / "vairosms_async").mkdir()
        (tmp_path / "vairosms_async" / "_version.py").write_text(version, "utf-8")
        (tmp_path / "CHANGELOG.md").write_text(changelog, "utf-8")
        script = GITHUB / "release_check.py"
        ran = subprocess.run(
            [sys.executable, script, tag, "--root", tmp_path, *args],
            capture_output=True,
            check=False,
            encoding="utf-8",
        )
        return ran.returncode, ran.stdout, ran.stderr

    return run


def test_a_release_on_which_all_agree(check):
    assert check("v0.2.0") == (0, "Tag, version and changelog agree on v0.2.0.\n", "")


def test_the_notes_of_a_release_are_its_section(check):
    assert check("v0.2.0", "--notes") == (0, "### Added\n\n- Gönderim şimdi.\n", "")


def test_the_notes_of_the_last_section_have_no_link_definitions(check):
    changelog = "## [0.2.0] - 2026-11-24\n\n- x\n\n[0.2.0]: https://example.com/0.2.0\n"
    assert check("v0.2.0", "--notes", changelog=changelog) == (0, "- x\n", "")


@pytest.mark.parametrize("tag", ["v0.2.1", "0.2.0", "v0.2.0.", "v0.2", "v0.1.0"])
def test_a_wrong_tag_is_no_release(check, tag):
    why = f"the tag is {tag}, but _version.py says 0.2.0: the tag should be v0.2.0"
    assert check(tag, "--notes") == (1, "", f"No release: {why}.\n")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("## [0.2.0] - 2026-11-24", "", "[Unreleased] in CHANGELOG.md still has entries"),
        ("## [0.2.0] - 2026-11-24", "", "CHANGELOG.md has no section [0.2.0]"),
        ("## [0.2.0]", "## [0.2.00]", "CHANGELOG.md has no section [0.2.0]"),
        ("## [0.1.0]", "## [0.2.0]", "CHANGELOG.md has 2 sections [0.2.0]"),
        ("- Gönderim şimdi.\n", "", "the section [0.2.0] of CHANGELOG.md is empty"),
        ("### Added\n\n- Gönderim şimdi.\n", "", "the section [0.2.0] of CHANGELOG.md is empty"),
        ("## [Unreleased]\n", "## [Unreleased]\n\n- y\n", "[Unreleased] in CHANGELOG.md still"),
        ("## [Unreleased]\n", "## [0.3.0] - 2026-11-25\n\n- y\n", "[0.3.0] stands above [0.2.0]"),
        (" - 2026-11-24", "", "CHANGELOG.md has no date for it"),
        ("2026-11-24", "24.11.2026", "CHANGELOG.md has no date for it"),
        ("2026-11-24", "2026-11-31", "CHANGELOG.md has no date for it"),
    ],
)
def test_a_changelog_that_disagrees_is_no_release(check, old, new, why):
    assert old in AGREED
    code, out, err = check("v0.2.0", "--notes", changelog=AGREED.replace(old, new, 1))
    assert (code, out) == (1, "")
    assert why in err
    assert "Traceback" not in err


def test_a_version_that_cannot_be_read_is_no_release(check):
    code, _, err = check("v0.2.0", version="")
    assert (code, err) == (1, "No release: _version.py has no __version__.\n")


def test_all_disagreements_are_told_at_once(check):
    code, _, err = check("v0.3.0", changelog="## [Unreleased]\n\n- y\n")
    assert (code, err.count("No release: ")) == (1, 3)


# ---- workflows ---------------------------------------------------------------------------------


def test_the_workflows_are_there():
    assert {"ci.yml", "release.yml"} <= {path.name for path in WORKFLOWS}


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_each_action_is_pinned_by_its_commit_with_the_version_beside(path):
    lines = uses(path)
    assert len(lines) == sum("uses" in step for step in steps(path)) > 0
    for line in lines:
        assert re.fullmatch(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_each_action_has_one_commit_and_one_version():
    pins = {line for path in WORKFLOWS for line in uses(path)}
    assert len(pins) == len({line.split("@")[0] for line in pins})


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_a_workflow_has_no_permissions_but_what_a_job_asks_for(path):
    workflow = read(path)
    assert workflow["permissions"] == {}
    assert all("permissions" in job for job in workflow["jobs"].values())


def test_writing_is_for_the_jobs_that_publish():
    writing = [
        (path.name, name, job["permissions"])
        for path in WORKFLOWS
        for name, job in read(path)["jobs"].items()
        if job["permissions"] not in ({}, {"contents": "read"})
    ]
    assert writing == [
        ("release.yml", "pypi", {"id-token": "write"}),
        ("release.yml", "github", {"contents": "write"}),
    ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_a_checkout_leaves_no_token_behind(path):
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_scripts_get_what_they_need_by_environment(path):
    assert not [step["run"] for step in steps(path) if "${{" in step.get("run", "")]
    assert "secrets." not in path.read_text("utf-8")


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_each_job_has_an_end(path):
    assert all(job["timeout-minutes"] <= 30 for job in read(path)["jobs"].values())


def test_ci_runs_on_each_python_that_we_promise():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    promised = set(re.findall(r"Python :: (3\.\d+)\b", "\n".join(project["classifiers"])))
    [floor] = re.findall(r">= *(3\.\d+)", project["requires-python"])
    assert floor in promised
    matrix = read(GITHUB / "workflows/ci.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert promised <= set(matrix["python"])
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}


def test_one_check_stands_for_all_jobs():
    jobs = read(GITHUB / "workflows/ci.yml")["jobs"]
    gate = jobs.pop("all-green")
    assert set(gate["needs"]) == set(jobs)
    assert gate["if"] == "${{ always() }}"  # or it is skipped, which counts as passed
    [step] = gate["steps"]
    assert f'test "$RESULTS" = "{" ".join(["success"] * len(jobs))}"' in step["run"]


# ---- forms -------------------------------------------------------------------------------------


def test_the_forms_are_there():
    assert [path.name for path in FORMS] == ["bug_report.yml", "feature_request.yml"]
    assert read(CONFIG)["blank_issues_enabled"] is False


@pytest.mark.parametrize("path", FORMS, ids=named)
def test_a_form_is_one_and_warns_of_the_key_in_both_languages(path):
    form = read(path)
    assert form["name"]
    assert form["description"]
    first, *fields = form["body"]
    assert first["type"] == "markdown"
    assert "Never paste your API key" in first["attributes"]["value"]
    assert "API anahtarınızı asla yapıştırmayın" in first["attributes"]["value"]
    assert fields
    assert {field["type"] for field in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)


def test_dependabot_looks_after_actions_and_python_and_waits():
    updates = read(GITHUB / "dependabot.yml")["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"github-actions", "pip"}
    for update in updates:
        assert update["schedule"]["interval"] == "weekly"
        assert update["cooldown"]["default-days"] >= 7
        assert update["groups"]
