"""Calls to a client for the tests that end them early, and the check that nothing is left."""

import asyncio
from pathlib import Path

from tests.helpers import library_tasks

MAX_CONCURRENCY = 3
IDS = range(1, 13)

# Modules of asyncio and aiohttp in which the server's tasks run.
_SERVER_MODULES = {"web_protocol", "web_app", "selector_events", "helpers"}


async def async_ids(delay=0.0):
    """Yield IDS from an async source."""
    for gonderim_id in IDS:
        await asyncio.sleep(delay)
        yield gonderim_id


async def get(client):
    return await client.get_gonderim(52)


async def gather(client):
    return await client.gather_gonderimler(IDS)


async def gather_with_exceptions(client):
    return await client.gather_gonderimler(IDS, return_exceptions=True)


async def iterate(client):
    return [result async for result in client.iter_gonderimler(IDS)]


async def iterate_over_async_ids(client):
    return [result async for result in client.iter_gonderimler(async_ids())]


async def wait_for_one(client):
    return await client.wait_gonderim(1, poll_interval=0.2)


async def wait_for_many(client):
    return [result async for result in client.wait_gonderimler(IDS, poll_interval=0.2)]


async def wait_for_async_ids(client):
    ids = async_ids(delay=0.01)
    return [result async for result in client.wait_gonderimler(ids, poll_interval=0.2)]


def client_tasks():
    """List the running tasks that are neither the test's nor the server's."""
    return [
        task
        for task in asyncio.all_tasks()
        if task is not asyncio.current_task()
        and Path(task.get_coro().cr_code.co_filename).stem not in _SERVER_MODULES
    ]


def assert_nothing_left(client):
    """Assert that the client runs no task and holds no slot."""
    assert not library_tasks()
    assert client_tasks() == []
    assert client.stats().in_flight == 0


async def run_loop_steps(count):
    """Let the event loop run `count` times."""
    for _ in range(count):
        await asyncio.sleep(0)
