"""Sentry, set up with the guide's recipe: no envelope has the key."""

import json
import os
import subprocess
import sys

import pytest

from tests.helpers import KEY, KEY_FORMS, ROOT, assert_no_key
from tests.project.documents import block_with, page

pytestmark = pytest.mark.slow

WITHOUT_RECIPE = """
import sentry_sdk

sentry_sdk.init(dsn="https://public@o0.ingest.sentry.io/0")
"""

# What Sentry collects here that may hold the key.
EXPECTED_PARTS = {
    "transaction",
    "event",
    "span http.client",
    "breadcrumb httplib",
    "breadcrumb gece",
    "query string",
    "VairoSMSServerError",
    "VairoSMSConnectionError",
    "local client",
    "local anahtar",
    "local settings",
    "local musteriler",
}


@pytest.fixture
def recipe():
    """Return the guide's code that sets up Sentry."""
    return block_with(page("guides/observability.md"), "sentry_sdk")


def envelopes_of_a_service(setup):
    """Run a service with this Sentry setup.

    Returns:
        The items of its envelopes, and all envelopes as one text, with and without JSON's escapes.
    """
    ran = subprocess.run(
        [sys.executable, "-m", "tests.integrations.sentry_service"],
        input=setup.encode(),
        capture_output=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        # With the newline of a file: the client strips it, and so must the recipe.
        env=os.environ | {"VAIROSMS_API_KEY": f"{KEY}\n", "PYTHONIOENCODING": "utf-8"},
    )
    assert ran.returncode == 0, ran.stderr.decode()
    envelopes = json.loads(ran.stdout)
    items = [json.loads(line) for envelope in envelopes for line in envelope.splitlines()]
    return items, "\n".join([*envelopes, json.dumps(items, ensure_ascii=False)])


def collected_parts(items):
    """Yield the names of the parts of the events that may hold the key."""
    events = [item for item in items if "event_id" in item and "platform" in item]
    for event in events:
        for span in event.get("spans", ()):
            yield f"span {span['op']}"
        for breadcrumb in event.get("breadcrumbs", {}).get("values", ()):
            yield f"breadcrumb {breadcrumb.get('category')}"
        for exception in event.get("exception", {}).get("values", ()):
            yield exception["type"]
            for frame in exception["stacktrace"]["frames"]:
                yield from (f"local {name}" for name in frame.get("vars", ()))
        if "query_string" in event.get("request", {}):
            yield "query string"
        yield event.get("type", "event")


def test_no_envelope_has_the_key(recipe):
    items, text = envelopes_of_a_service(recipe)
    assert set(collected_parts(items)) >= EXPECTED_PARTS
    assert "<VairoSMSClient base_url=" in text
    assert "api_key=***" in text
    assert "sıradan" in text
    assert_no_key(text)


def test_sentrys_logs_have_no_key(recipe):
    assert "    before_send=" in recipe
    logs_on = "enable_logs=True, before_send_log=without_key, before_send="
    items, text = envelopes_of_a_service(recipe.replace("before_send=", logs_on))
    bodies = [log["body"] for item in items for log in item.get("items", ()) if "body" in log]
    assert any("sorulamadı" in body for body in bodies)
    assert_no_key(text)


def without_key_of(recipe, monkeypatch, key):
    """Run the recipe with this key. Return its function `without_key`."""
    monkeypatch.setattr("sentry_sdk.init", lambda **options: None)
    monkeypatch.setenv("VAIROSMS_API_KEY", key)
    names = {}
    exec(recipe, names)
    return names["without_key"]


def test_removes_a_key_that_repr_escapes(recipe, monkeypatch):
    key = "GIZLI\\ANAHTAR'52"
    event = {"locals": [repr({"name": key}), "sıradan"]}
    text = str(without_key_of(recipe, monkeypatch, key)(event))
    assert "GIZLI" not in text
    assert "sıradan" in text


def test_changes_nothing_without_a_key_in_the_environment(recipe, monkeypatch):
    event = {"locals": [repr({"name": ""}), "sıradan"]}
    assert without_key_of(recipe, monkeypatch, "")(event) == event


def test_envelopes_have_the_key_without_the_recipe():
    """This shows that the tests above look in the right places."""
    items, text = envelopes_of_a_service(WITHOUT_RECIPE)
    assert set(collected_parts(items)) >= EXPECTED_PARTS
    assert sum(form in text for form in KEY_FORMS) > 1
