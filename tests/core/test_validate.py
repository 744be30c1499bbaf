"""Arguments that callers pass: ids, counts, timeouts, and options of the wrong type."""

import numpy as np
import pytest

from tests.helpers import KEY, assert_no_key, example_packet
from vairosms_async import VairoSMSClient, VairoSMSInvalidIdError

LARGEST_ID = 2**64 - 1


class IndexableId:
    def __index__(self):
        return 52


class FailingIndex:
    def __index__(self):
        raise ZeroDivisionError


class FailingRepr:
    def __repr__(self):
        raise ZeroDivisionError


VALID_IDS = {
    "int": 52,
    "str": "52",
    "str with a leading zero": "052",
    "str with 5000 leading zeros": "0" * 5000 + "52",
    "numpy.int64": np.int64(52),
    "numpy.uint8": np.uint8(52),
    "object with __index__": IndexableId(),
}
INVALID_IDS = {
    "bool": True,
    "numpy.bool": np.bool_(True),
    "float": 52.0,
    "numpy.float64": np.float64(52),
    "zero": 0,
    "negative": -1,
    "above the largest": LARGEST_ID + 1,
    "zero as str": "0",
    "empty str": "",
    "leading blank": " 52",
    "trailing newline": "52\n",
    "plus sign": "+52",
    "minus sign": "-52",
    "underscore": "5_2",
    "hexadecimal": "0x34",
    "path": "52/../61",
    "query": "52?x=1",
    "percent-encoded": "52%2e",
    "full-width digits": "５２",
    "Arabic digits": "٥٢",
    "superscript": "²",
    "21 digits": "1" * 21,
    "5000 digits": "9" * 5000,
    "above the largest as str": str(LARGEST_ID + 1),
    "bytes": b"52",
    "None": None,
    "list": [52],
    "lone surrogate": "\ud800",
    "int too long to print": 10**5000,
    "__index__ that fails": FailingIndex(),
    "__repr__ that fails": FailingRepr(),
}


@pytest.mark.parametrize("given", VALID_IDS.values(), ids=VALID_IDS)
async def test_accepts_ints_and_strings_of_ascii_digits_as_ids(client, given):
    assert (await client.get_gonderim(given)).id == 52
    assert [g.id for g in await client.gather_gonderimler([given, 61])] == [52, 61]
    results = [result async for result in client.iter_gonderimler([given])]
    assert [(result.id, type(result.id)) for result in results] == [(52, int)]


@pytest.mark.parametrize("given", [LARGEST_ID, str(LARGEST_ID)], ids=["int", "str"])
async def test_accepts_the_largest_id(client, panel, given):
    panel.add_gonderim(example_packet(52) | {"id": LARGEST_ID})
    assert (await client.get_gonderim(given)).id == LARGEST_ID


@pytest.mark.parametrize("given", INVALID_IDS.values(), ids=INVALID_IDS)
async def test_rejects_an_invalid_id_before_any_request(client, panel, given):
    with pytest.raises(VairoSMSInvalidIdError, match="packet id") as caught:
        await client.get_gonderim(given)
    assert caught.value.gonderim_id is None
    assert len(str(caught.value)) < 200
    with pytest.raises(VairoSMSInvalidIdError):
        await client.gather_gonderimler([52, 61, given])
    assert panel.requests == 0


@pytest.mark.parametrize("given", INVALID_IDS.values(), ids=INVALID_IDS)
async def test_an_invalid_id_does_not_affect_the_other_ids(client, panel, given):
    found, rejected = await client.gather_gonderimler([52, given], return_exceptions=True)
    assert found.id == 52
    assert isinstance(rejected, VairoSMSInvalidIdError)
    results = [result async for result in client.iter_gonderimler([given, 52])]
    assert sorted(result.ok for result in results) == [False, True]
    [failed_id] = [result.id for result in results if not result.ok]
    assert failed_id is given if isinstance(given, int | str) else isinstance(failed_id, str)
    assert panel.requests == 2


@pytest.mark.parametrize(
    "given",
    [KEY, KEY.encode(), [KEY], "x" * 30 + KEY],
    ids=["str", "bytes", "list", "end of a long str"],
)
async def test_an_api_key_passed_as_an_id_is_not_shown(client, given):
    with pytest.raises(VairoSMSInvalidIdError) as caught:
        await client.get_gonderim(given)
    assert_no_key(str(caught.value))
    [result] = [result async for result in client.iter_gonderimler([given])]
    assert_no_key(repr(result))


async def test_the_error_for_a_float_id_says_to_pass_an_int(client):
    with pytest.raises(VairoSMSInvalidIdError, match=r"(?i)A float may have lost digits"):
        await client.get_gonderim(np.float64(52))


@pytest.mark.parametrize("ids", ["5261", b"52", 52, None, VairoSMSClient], ids=repr)
async def test_rejects_ids_that_are_not_an_iterable_of_ids(client, panel, ids):
    with pytest.raises(TypeError, match="iterable of ids"):
        await client.gather_gonderimler(ids)
    with pytest.raises(TypeError, match="iterable of ids"):
        client.iter_gonderimler(ids)
    assert panel.requests == 0


async def test_gather_rejects_an_async_iterable(client):
    async def ids():
        yield 52

    with pytest.raises(TypeError, match="iter_gonderimler"):
        await client.gather_gonderimler(ids())


INVALID_COUNTS = [0, -1, 1.5, "8", True]


@pytest.mark.parametrize("max_concurrency", [*INVALID_COUNTS, None], ids=repr)
def test_the_client_rejects_an_invalid_max_concurrency(max_concurrency):
    with pytest.raises(ValueError, match="max_concurrency must be"):
        VairoSMSClient(KEY, max_concurrency=max_concurrency)


@pytest.mark.parametrize("max_concurrency", INVALID_COUNTS, ids=repr)
async def test_bulk_lookups_reject_an_invalid_max_concurrency(client, max_concurrency):
    with pytest.raises(ValueError, match="max_concurrency"):
        await client.gather_gonderimler([52], max_concurrency=max_concurrency)
    with pytest.raises(ValueError, match="max_concurrency"):
        client.iter_gonderimler([52], max_concurrency=max_concurrency)


@pytest.mark.parametrize(
    "timeout",
    [0, -1, float("inf"), float("nan"), "30", True, pytest.param(10**400, id="10**400")],
    ids=repr,
)
def test_rejects_an_invalid_timeout(timeout):
    with pytest.raises(ValueError, match="timeout must be"):
        VairoSMSClient(KEY, timeout=timeout)
    with pytest.raises(ValueError, match="timeout must be"):
        VairoSMSClient(KEY).with_options(timeout=timeout)


@pytest.mark.parametrize(
    ("option", "advice"),
    [
        pytest.param({"retry": None}, "attempts=1", id="retry None"),
        pytest.param({"retry": 3}, "RetryPolicy .*, not 3", id="retry int"),
        pytest.param({"tz": "Europe/Istanbul"}, "ZoneInfo", id="tz str"),
        pytest.param({"rate_limiter": 50}, "async context manager, not 50", id="rate_limiter int"),
    ],
)
def test_rejects_options_of_the_wrong_type(option, advice):
    with pytest.raises(TypeError, match=advice):
        VairoSMSClient(KEY, **option)
    with pytest.raises(TypeError, match=advice):
        VairoSMSClient(KEY).with_options(**option)


def test_rejects_a_session_of_the_wrong_type():
    with pytest.raises(TypeError, match="must be an aiohttp"):
        VairoSMSClient(KEY, session="x")
