"""A fixture for the tests of the sandbox panel."""

import json

import aiohttp
import pytest

from tests.helpers import KEY


@pytest.fixture
async def fetch_answer(panel):
    """Give a function that looks up a packet with aiohttp and returns (status, JSON, headers)."""
    async with aiohttp.ClientSession() as session:

        async def fetch_answer(gonderim_id, key=KEY):
            params = {} if key is None else {"api_key": key}
            url = f"{panel.base_url}/GonderimBilgisi/{gonderim_id}"
            async with session.get(url, params=params) as response:
                return response.status, json.loads(await response.read()), response.headers

        yield fetch_answer
