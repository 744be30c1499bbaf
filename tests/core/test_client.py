"""`VairoSMSClient` itself: its options, its siblings, its repr, and the package's public names."""

import copy
import inspect
import pickle
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

import vairosms_async
from tests.helpers import KEY, answer_body, assert_no_key
from vairosms_async import RetryPolicy, VairoSMSClient

URL = "https://vairosms.com/Panel/api/v1/GonderimBilgisi/52?api_key=test-key"
ISTANBUL = ZoneInfo("Europe/Istanbul")


class CountingLimiter:
    """Counts the requests that enter it."""

    def __init__(self):
        self.requests = 0

    async def __aenter__(self):
        self.requests += 1

    async def __aexit__(self, *exc):
        pass


async def test_tz_makes_the_times_of_a_record_aware(mocked):
    mocked.get(URL, body=answer_body(), repeat=True)
    async with VairoSMSClient("test-key", tz=ISTANBUL) as client:
        aware = await client.get_gonderim(52)
        naive = await client.with_options(tz=None).get_gonderim(52)
    assert aware.created_at.utcoffset() == timedelta(hours=3)
    assert naive.created_at == aware.created_at.replace(tzinfo=None)


async def test_with_options_without_arguments_keeps_every_option(mocked):
    limiter = CountingLimiter()
    mocked.get(URL, status=500)
    mocked.get(URL, body=answer_body())
    policy = RetryPolicy(attempts=2, initial_delay=0)
    async with VairoSMSClient(
        "test-key", timeout=7, retry=policy, rate_limiter=limiter, tz=ISTANBUL
    ) as client:
        sibling = client.with_options()
        assert type(sibling) is VairoSMSClient
        assert repr(sibling) == repr(client)
        gonderim = await sibling.get_gonderim(52)  # after one retry
        assert limiter.requests == 2
        assert gonderim.created_at.tzinfo is ISTANBUL
        assert sibling.stats() == client.stats()


async def test_with_options_changes_only_the_options_given(mocked):
    limiter = CountingLimiter()
    mocked.get(URL, body=answer_body(), repeat=True)
    policy = RetryPolicy(attempts=2, initial_delay=0)
    async with VairoSMSClient(
        "test-key", timeout=7, retry=policy, rate_limiter=limiter, tz=ISTANBUL
    ) as client:
        sibling = client.with_options(timeout=None, rate_limiter=None)
        assert "timeout=None attempts=2" in repr(sibling)
        assert "timeout=7 attempts=2" in repr(client)
        assert (await sibling.get_gonderim(52)).created_at.tzinfo is ISTANBUL
        assert limiter.requests == 0
        await client.get_gonderim(52)
        assert limiter.requests == 1
        grandchild = sibling.with_options(retry=RetryPolicy(attempts=5))
        assert "timeout=None attempts=5" in repr(grandchild)


async def test_closing_a_sibling_closes_nothing(mocked):
    mocked.get(URL, body=answer_body(), repeat=True)
    client = VairoSMSClient("test-key")
    async with client.with_options() as sibling:
        await sibling.get_gonderim(52)
    await sibling.close()
    await sibling.get_gonderim(52)
    await client.get_gonderim(52)
    await client.close()
    with pytest.raises(RuntimeError, match="closed"):
        await sibling.get_gonderim(52)


def test_signatures_show_readable_defaults():
    signature = str(inspect.signature(VairoSMSClient.with_options))
    assert "= <unchanged>" in signature
    assert "api_key: str | None = None" in str(inspect.signature(VairoSMSClient))


async def test_repr_and_vars_show_the_limits_and_not_the_key(panel):
    async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
        await client.get_gonderim(52)
        sibling = client.with_options(timeout=5)
        for shown in (client, sibling):
            assert panel.base_url in repr(shown)
            assert "max_concurrency=16" in repr(shown)
            assert_no_key(repr(shown) + repr(vars(shown)))
        assert "timeout=5" in repr(sibling)
        assert "closed" not in repr(sibling)
    assert "closed" in repr(client)


def test_repr_shows_the_number_of_attempts():
    assert "attempts=2" in repr(VairoSMSClient(KEY, retry=RetryPolicy(attempts=2)))


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_client_cannot_be_copied_or_pickled(duplicate):
    with pytest.raises(TypeError, match="copied or pickled"):
        duplicate(VairoSMSClient(KEY))


def test_public_names_exist_and_are_listed_once():
    assert sorted(vairosms_async.__all__) == sorted(set(vairosms_async.__all__))
    for name in vairosms_async.__all__:
        assert getattr(vairosms_async, name) is not None


def test_adaptive_must_be_a_bool():
    with pytest.raises(TypeError, match="adaptive must be True or False, not 'no'"):
        VairoSMSClient(KEY, adaptive="no")
