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


DRIFTED = answer_body(
    {"kredi_toplam": "gizli", "created_at": 7, "log": {"mesaj": ["gizli"], "ip": 1, "x": 0}}
)


async def test_each_unreadable_field_is_logged_once_per_client_without_its_value(
    mocked, client, caplog
):
    mocked.get(URL, body=DRIFTED, repeat=True)
    await client.get_gonderim(52)
    await client.with_options(timeout=5).get_gonderim(52)
    await client.gather_gonderimler([52])
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", f"cannot read the field {field} of gonderim 52: its value is in `unreadable`")
        for field in ("created_at (int)", "kredi_toplam (str)", "log.mesaj (list)")
    ]


async def test_a_field_that_becomes_unreadable_later_is_logged(mocked, client, caplog):
    mocked.get(URL, body=answer_body())
    mocked.get(URL, body=answer_body({"log": "hata"}))
    mocked.get(URL, body=answer_body({"log": ["hata"], "kredi_toplam": {"a": 1}}))
    for _ in range(3):
        await client.get_gonderim(52)
    fields = [record.getMessage().split(" of ")[0] for record in caplog.records]
    assert fields == [
        "cannot read the field log (str)",
        "cannot read the field kredi_toplam (dict)",
    ]


async def test_another_client_logs_the_same_field_again(mocked, client, caplog):
    mocked.get(URL, body=answer_body({"log": "hata"}), repeat=True)
    await client.get_gonderim(52)
    async with VairoSMSClient("test-key") as other:
        await other.get_gonderim(52)
    assert len(caplog.records) == 2


async def test_unknown_and_missing_fields_are_not_logged(mocked, client, caplog):
    mocked.get(URL, body=answer_body({"operator": "x", "sms_baslik": None}, without="created_at"))
    await client.get_gonderim(52)
    assert not caplog.records


def test_the_logger_has_only_a_null_handler():
    handlers = logging.getLogger("vairosms_async").handlers
    assert [type(handler) for handler in handlers] == [logging.NullHandler]
