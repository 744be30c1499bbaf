"""The files in .github that tests read."""

import yaml

from tests.helpers import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.y*ml"))


def load_yaml(path):
    return yaml.safe_load(path.read_text("utf-8"))


def file_name(path):
    return path.name


def workflow_steps(path):
    return [step for job in load_yaml(path)["jobs"].values() for step in job.get("steps", ())]
