"""GitHub's issue forms: valid, in two languages, and with a warning about API keys."""

import pytest

from tests.project.github import GITHUB, file_name, load_yaml

CONFIG = GITHUB / "ISSUE_TEMPLATE" / "config.yml"
FORMS = sorted(path for path in CONFIG.parent.glob("*.y*ml") if path != CONFIG)


def test_every_issue_needs_a_form():
    assert [path.name for path in FORMS] == ["bug_report.yml", "feature_request.yml"]
    assert load_yaml(CONFIG)["blank_issues_enabled"] is False


@pytest.mark.parametrize("path", FORMS, ids=file_name)
def test_form_is_valid_and_warns_about_the_key_in_both_languages(path):
    form = load_yaml(path)
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
