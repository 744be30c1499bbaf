"""Sentry, with all that it does by itself: no envelope has the key if it is set up as README says.

Sentry changes aiohttp, logging and more for good, so each of these runs in a process of its own.
"""

import asyncio
import json
import logging
import os
import subprocess
import sys
from functools import partial
from urllib.parse import quote

import pytest

from tests.helpers import KEY, KEY_FORMS, assert_no_key
from tests.project.readme import snippet_with
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSError
from vairosms_async.sandbox import Fault, SandboxPanel

pytestmark = pytest.mark.slow


WITHOUT_RECIPE = """
import sentry_sdk

sentry_sdk.init(dsn="https://public@o0.ingest.sentry.io/0")
"""


@pytest.fixture
def recipe():
    return snippet_with("sentry_sdk")


# ---- what the child does -----------------------------------------------------------------------


def a_service_with(code):
    """Run a service in which `code` sets Sentry up, and print the envelopes it would send."""
    import sentry_sdk

    envelopes = []

    class Transport(sentry_sdk.transport.Transport):
        def capture_envelope(self, envelope):
            envelopes.append(envelope)

    sentry_sdk.init = partial(
        sentry_sdk.init,
        transport=Transport,
        include_local_variables=True,
        send_default_pii=True,
        traces_sample_rate=1.0,
        max_breadcrumbs=100,
    )
    exec(code, {})
    asyncio.run(serve_customers())
    sentry_sdk.flush()
    json.dump([envelope.serialize().decode() for envelope in envelopes], sys.stdout)


async def serve_customers():
    import sentry_sdk

    with sentry_sdk.start_transaction(name="gece işi"):
        async with SandboxPanel(KEY) as panel:
            panel.fail(Fault("html", 503), id=52, times=None)
            panel.fail(Fault("reset"), id=61, times=None)
            policy = RetryPolicy(attempts=2, initial_delay=0)
            async with VairoSMSClient(base_url=panel.base_url, retry=policy) as client:
                await client.get_gonderim(7)
                for gonderim_id in (52, 61):
                    await report(client, gonderim_id, panel.base_url)
                await client.gather_gonderimler([1, 2, 3, 52], return_exceptions=True)


async def report(client, gonderim_id, base_url):
    """Have locals with the key in several forms; it is Sentry that reads them."""
    import sentry_sdk

    anahtar = os.environ["VAIROSMS_API_KEY"]
    musteriler = {anahtar: "by its key"}
    settings = {"panel": {"anahtar": [anahtar], "adres": f"{base_url}?api_key={quote(anahtar)}"}}
    encoded = (quote(anahtar, safe=""), "sıradan")
    try:
        await client.get_gonderim(gonderim_id)
    except VairoSMSError as exc:
        sentry_sdk.capture_exception(exc)
        logging.getLogger("gece").exception("%s: %s sorulamadı", settings, gonderim_id)
        assert musteriler
        logging.getLogger("gece").warning("%s", encoded, extra={"url": f"x?api_key={encoded[0]}"})
        sentry_sdk.capture_message(f"{len(anahtar)} {encoded}")


# ---- the tests ---------------------------------------------------------------------------------


def envelopes_with(code):
    """Give what Sentry would send, and the same with JSON's escapes undone."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.test_sentry"],
        input=code.encode(),
        capture_output=True,
        timeout=60,
        check=False,
        # As from a file: the client takes the newline off, and so must the recipe.
        env=os.environ | {"VAIROSMS_API_KEY": f"{KEY}\n", "PYTHONIOENCODING": "utf-8"},
    )
    assert ran.returncode == 0, ran.stderr.decode()
    envelopes = json.loads(ran.stdout)
    items = [json.loads(line) for envelope in envelopes for line in envelope.splitlines()]
    return items, "\n".join([*envelopes, json.dumps(items, ensure_ascii=False)])


def parts(items):
    """Tell which parts of the events there are that could have the key."""
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


PARTS = {
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


def test_no_envelope_has_the_key(recipe):
    items, text = envelopes_with(recipe)
    assert set(parts(items)) >= PARTS
    assert "<VairoSMSClient base_url=" in text
    assert "api_key=***" in text
    assert "sıradan" in text
    assert_no_key(text)


def test_nor_have_its_logs(recipe):
    options = "enable_logs=True, before_send_log=without_key, before_send="
    assert "    before_send=" in recipe
    items, text = envelopes_with(recipe.replace("before_send=", options))
    bodies = [log["body"] for item in items for log in item.get("items", ()) if "body" in log]
    assert any("sorulamadı" in body for body in bodies)
    assert_no_key(text)


def test_a_key_that_a_repr_escapes(recipe, monkeypatch):
    """And none at all: then nothing is replaced."""
    monkeypatch.setattr("sentry_sdk.init", lambda **options: None)
    for key in ("GIZLI\\ANAHTAR'52", ""):
        monkeypatch.setenv("VAIROSMS_API_KEY", key)
        names = {}
        exec(recipe, names)
        told = str(names["without_key"]({"locals": [repr({"name": key}), "sıradan"]}))
        assert "GIZLI" not in told
        assert "sıradan" in told


def test_without_the_recipe_the_key_is_in_envelopes():
    items, text = envelopes_with(WITHOUT_RECIPE)
    assert set(parts(items)) >= PARTS
    assert sum(form in text for form in KEY_FORMS) > 1


if __name__ == "__main__":
    a_service_with(sys.stdin.read())
