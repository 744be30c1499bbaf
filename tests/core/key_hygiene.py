"""A helper for the key hygiene tests: look up in every way, and search the errors for the key."""

import asyncio

from tests.helpers import KEY, assert_keyless, assert_no_key, reachable_texts
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSError


async def errors_of_every_method(client):
    """Look up with each method of the client; yield the errors."""
    try:
        await client.get_gonderim(52)
    except VairoSMSError as exc:
        yield exc
    try:
        await client.gather_gonderimler([52, 61])
    except VairoSMSError as exc:
        yield exc
    try:
        for outcome in await client.gather_gonderimler([52, 61], return_exceptions=True):
            assert isinstance(outcome, VairoSMSError)
            yield outcome
        async for result in client.iter_gonderimler([52]):
            assert_no_key("".join(reachable_texts(result)))
            result.unwrap()
    except VairoSMSError as exc:
        yield exc


async def assert_errors_are_keyless(base_url, **options):
    """Look up with each method, in asyncio's debug mode; assert that no error has the key.

    Every lookup must fail. Return the error of `get_gonderim`.
    """
    asyncio.get_running_loop().set_debug(True)
    options = {"retry": RetryPolicy(attempts=2, initial_delay=0.001), "timeout": 0.5} | options
    async with VairoSMSClient(KEY, base_url=base_url, **options) as client:
        errors = [error async for error in errors_of_every_method(client)]
    assert len(errors) == 5
    for error in errors:
        assert_keyless(error)
    return errors[0]
