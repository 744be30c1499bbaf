"""The client on uvloop's event loop."""

import asyncio
import sys

import pytest

from tests.helpers import KEY, NO_RETRIES, assert_keyless, library_tasks, wait_until
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSError, VairoSMSTimeoutError
from vairosms_async.sandbox import Fault, SandboxPanel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uvloop does not run on Windows")


def run_on_uvloop(main):
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert isinstance(runner.get_loop(), uvloop.Loop)
        return runner.run(main())


def test_iter_gonderimler_finds_all_packets():
    async def main():
        async with SandboxPanel(KEY, latency=(0.001, 0.003), fault_rate=0.05) as panel:
            policy = RetryPolicy(initial_delay=0.001)
            async with VairoSMSClient(
                KEY, base_url=panel.base_url, max_concurrency=8, retry=policy
            ) as client:
                results = [result async for result in client.iter_gonderimler(range(1, 301))]
                assert not library_tasks()
            assert 1 < panel.peak_in_flight <= 8
        return results

    results = run_on_uvloop(main)
    assert sorted(result.id for result in results) == list(range(1, 301))
    assert all(result.ok for result in results)


@pytest.mark.parametrize(
    ("fault", "reason"), [("reset", "cut"), ("cut", "cut"), ("hang", "timeout")]
)
def test_the_error_of_a_failed_lookup_has_a_reason_and_no_key(fault, reason):
    async def main():
        async with SandboxPanel(KEY) as panel:
            panel.fail(Fault(fault), times=None)
            timeout = 0.05 if fault == "hang" else 20
            async with VairoSMSClient(
                KEY, base_url=panel.base_url, retry=NO_RETRIES, timeout=timeout
            ) as client:
                with pytest.raises(VairoSMSError) as caught:
                    await client.get_gonderim(52)
        return caught.value

    error = run_on_uvloop(main)
    assert_keyless(error)
    assert error.reason == reason
    assert isinstance(error, VairoSMSTimeoutError) == (fault == "hang")


def test_the_error_of_a_refused_connection_has_a_reason_and_no_key():
    async def main():
        async with SandboxPanel(KEY) as panel:
            base_url = panel.base_url
        async with VairoSMSClient(KEY, base_url=base_url, retry=NO_RETRIES, timeout=20) as client:
            with pytest.raises(VairoSMSError) as caught:
                await client.get_gonderim(52)
        return caught.value

    error = run_on_uvloop(main)
    assert_keyless(error)
    assert error.reason == "connect"
    assert not isinstance(error, VairoSMSTimeoutError)


def test_a_cancelled_lookup_raises_cancelled_error_without_the_key():
    async def main():
        async with SandboxPanel(KEY) as panel:
            panel.fail(Fault("hang"), times=None)
            async with VairoSMSClient(
                KEY, base_url=panel.base_url, retry=NO_RETRIES, timeout=20
            ) as client:
                lookup = asyncio.ensure_future(client.get_gonderim(52))
                await wait_until(lambda: panel.in_flight)
                lookup.cancel("message")
                with pytest.raises(asyncio.CancelledError) as caught:
                    await lookup
        return caught.value

    assert_keyless(run_on_uvloop(main))
