"""Debug logs of asyncio, aiohttp and every other library: no record has the key."""

import asyncio
import logging

import pytest

from tests.helpers import assert_no_key, reachable_texts
from tests.integrations.scenarios import SCENARIOS, SESSIONS, cancel_two_lookups, run_scenario


class RecordingHandler(logging.Handler):
    """Keeps each record as a formatter writes it, and all its attributes as text."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.texts = []

    def emit(self, record):
        self.texts += [self.format(record), *reachable_texts(vars(record), depth=2)]


@pytest.fixture
def handler(monkeypatch):
    """Return a handler that gets the DEBUG records of every logger, whatever its settings."""
    handler = RecordingHandler()
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
    for logger in loggers:
        monkeypatch.setattr(logger, "level", logging.DEBUG)
        monkeypatch.setattr(logger, "disabled", False)
        monkeypatch.setattr(logger, "handlers", [handler])
        monkeypatch.setattr(logger, "propagate", False)
        logger._cache.clear()  # noqa: SLF001 (the cached levels)
    yield handler
    for logger in loggers:
        logger._cache.clear()  # noqa: SLF001 (the cached levels)


async def test_no_log_record_of_any_library_has_the_key(handler):
    """asyncio's debug mode is on, so that asyncio logs each handle and task that it runs."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    for scenario in SCENARIOS.values():
        await run_scenario(scenario)
    await run_scenario(SCENARIOS["200"], SESSIONS["given session with tiny timeouts"])
    await cancel_two_lookups()
    loop.set_debug(False)
    text = "\n".join(handler.texts)
    assert "Executing <Task " in text
    assert "Executing <Handle " in text
    assert "GET gonderim 52, attempt 1: 200" in text
    assert "the panel refused the API key" in text
    assert "Get address info yok.invalid:443" in text  # asyncio's record of a DNS lookup
    assert_no_key(text)
