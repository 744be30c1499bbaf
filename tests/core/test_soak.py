"""A short version of the soak test."""

import sys

import pytest

from tests.core.soak import soak


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_looks_up_5000_ids_under_faults_without_leaks():
    report = await soak(5000)
    assert report.each_id_once
    assert report.failed == 0
    assert 5000 * 1.02 < report.requests < 5000 * 1.09
    first, *_, last = report.usages
    # A fault may close a connection at any time; the cap bounds them on both sides.
    assert last.open_files <= first.open_files + 2 * 16
    assert last.tasks <= first.tasks + 2 * 16
    assert last.memory_mib <= first.memory_mib + 8
