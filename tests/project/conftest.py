"""Fixtures of the tests of README and the examples."""

import pytest

from tests.helpers import KEY
from vairosms_async.sandbox import SandboxPanel


@pytest.fixture
def panel_in_environment(monkeypatch):
    """Run a panel in a thread, with its key and URL in the environment, as a user has them."""
    with SandboxPanel(KEY, settle_time=0.1) as panel:
        monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
        monkeypatch.setenv("VAIROSMS_BASE_URL", panel.base_url)
        yield panel
