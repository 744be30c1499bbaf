"""Fixtures for the tests of the client."""

import aiohttp
import pytest


@pytest.fixture
def opened_sessions(monkeypatch):
    """List the aiohttp sessions opened during the test."""
    sessions = []
    original_init = aiohttp.ClientSession.__init__

    def recording_init(session, *args, **kwargs):
        original_init(session, *args, **kwargs)
        sessions.append(session)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", recording_init)
    return sessions
