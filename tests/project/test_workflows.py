"""GitHub's workflows and Dependabot: pinned, with few permissions, on each promised system."""

import re
import tomllib

import pytest

from tests.helpers import ROOT
from tests.project.github import GITHUB, WORKFLOWS, file_name, load_yaml, workflow_steps


def action_lines(path):
    """Return a workflow's lines that use an action or another workflow."""
    return re.findall(r"(?m)^[ -]*uses: *(.*)$", path.read_text("utf-8"))


def test_workflows_for_ci_and_release_exist():
    assert {"ci.yml", "release.yml"} <= {path.name for path in WORKFLOWS}


@pytest.mark.parametrize("path", WORKFLOWS, ids=file_name)
def test_each_action_is_pinned_by_commit_with_its_version_in_a_comment(path):
    lines = action_lines(path)
    assert len(lines) == sum("uses" in step for step in workflow_steps(path)) > 0
    for line in lines:
        assert re.fullmatch(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_each_action_has_one_commit_and_one_version():
    pins = {line for path in WORKFLOWS for line in action_lines(path)}
    assert len(pins) == len({line.split("@")[0] for line in pins})


@pytest.mark.parametrize("path", WORKFLOWS, ids=file_name)
def test_only_jobs_have_permissions(path):
    workflow = load_yaml(path)
    assert workflow["permissions"] == {}
    assert all("permissions" in job for job in workflow["jobs"].values())


def test_only_the_jobs_that_publish_can_write():
    writing = [
        (path.name, name, job["permissions"])
        for path in WORKFLOWS
        for name, job in load_yaml(path)["jobs"].items()
        if job["permissions"] not in ({}, {"contents": "read"})
    ]
    assert writing == [
        ("release.yml", "pypi", {"id-token": "write"}),
        ("release.yml", "github", {"contents": "write"}),
    ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=file_name)
def test_checkout_does_not_store_the_token(path):
    for step in workflow_steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=file_name)
def test_scripts_take_values_from_the_environment_only(path):
    assert not [step["run"] for step in workflow_steps(path) if "${{" in step.get("run", "")]
    assert "secrets." not in path.read_text("utf-8")


@pytest.mark.parametrize("path", WORKFLOWS, ids=file_name)
def test_each_job_has_a_timeout(path):
    assert all(job["timeout-minutes"] <= 30 for job in load_yaml(path)["jobs"].values())


def test_ci_runs_on_each_supported_python_and_system():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    promised = set(re.findall(r"Python :: (3\.\d+)\b", "\n".join(project["classifiers"])))
    [minimum] = re.findall(r">= *(3\.\d+)", project["requires-python"])
    assert minimum in promised
    matrix = load_yaml(GITHUB / "workflows/ci.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert promised <= set(matrix["python"])
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}


def test_all_green_needs_every_other_job():
    jobs = load_yaml(GITHUB / "workflows/ci.yml")["jobs"]
    all_green = jobs.pop("all-green")
    assert set(all_green["needs"]) == set(jobs)
    assert all_green["if"] == "${{ always() }}"  # a skipped check counts as passed
    [step] = all_green["steps"]
    assert f'test "$RESULTS" = "{" ".join(["success"] * len(jobs))}"' in step["run"]


def test_dependabot_updates_actions_and_python_packages_after_a_cooldown():
    updates = load_yaml(GITHUB / "dependabot.yml")["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"github-actions", "pip"}
    for update in updates:
        assert update["schedule"]["interval"] == "weekly"
        assert update["cooldown"]["default-days"] >= 7
        assert update["groups"]
