"""The log records of lookups, on the logger ``vairosms_async``."""

import logging

import pytest

from tests.helpers import answer_body
from vairosms_async import RetryPolicy, VairoSMSAuthError, VairoSMSClient

URL = "https://vairosms.com/Panel/api/v1/GonderimBilgisi/52?api_key=test-key"


@pytest.fixture
async def client():
    async with VairoSMSClient("test-key", retry=RetryPolicy(initial_delay=0)) as client:
        yield client


async def test_each_attempt_is_logged_at_debug(mocked, client, caplog):
    caplog.set_level(logging.DEBUG, "vairosms_async")
    mocked.get(URL, status=503)
    mocked.get(URL, timeout=True)
    mocked.get(URL, body=answer_body())
    await client.get_gonderim(52)
    lines = [record.getMessage() for record in caplog.records]
    assert [line.partition(" in ")[0] for line in lines] == [
        "GET gonderim 52, attempt 1: 503",
        "GET gonderim 52, attempt 2: VairoSMSTimeoutError",
        "GET gonderim 52, attempt 3: 200",
    ]
    assert all(line.endswith(" ms") for line in lines)
    assert {record.name for record in caplog.records} == {"vairosms_async"}


async def test_a_refused_key_is_logged_once_per_client(mocked, client, caplog):
    mocked.get(URL, status=401, repeat=True)
    for _ in range(3):
        with pytest.raises(VairoSMSAuthError):
            await client.get_gonderim(52)
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert "API key" in record.getMessage()
    assert "401" in record.getMessage()


def test_the_logger_has_only_a_null_handler():
    handlers = logging.getLogger("vairosms_async").handlers
    assert [type(handler) for handler in handlers] == [logging.NullHandler]
