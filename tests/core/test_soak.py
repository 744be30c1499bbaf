"""The soak, shortened."""

import sys

import pytest

from tests.core.soak import soak


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
async def test_soak():
    told = await soak(5000)
    assert told["each once"]
    assert told["failed"] == 0
    assert 5000 * 1.02 < told["requests"] < 5000 * 1.09
    first, *_, last = told["usages"]
    # Connections that a fault ended come and go; the cap bounds them on both sides.
    assert last["files"] <= first["files"] + 2 * 16
    assert last["tasks"] <= first["tasks"] + 2 * 16
    assert last["MiB"] <= first["MiB"] + 8
