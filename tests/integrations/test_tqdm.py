"""A tqdm progress bar around iter_gonderimler."""

import io
from contextlib import aclosing

import pytest
from tqdm.asyncio import tqdm

from tests.helpers import library_tasks


@pytest.fixture
def bar_file(monkeypatch):
    """Return a file to draw a bar into, without tqdm's monitor thread."""
    monkeypatch.setattr(tqdm, "monitor_interval", 0)
    return io.StringIO()


async def test_the_bar_counts_results(client, bar_file):
    ids = range(1, 101)
    async with aclosing(client.iter_gonderimler(ids)) as results:
        bar = tqdm(results, total=len(ids), file=bar_file, unit="paket")
        ids_seen = [result.id async for result in bar]
    assert sorted(ids_seen) == list(ids)
    assert (bar.n, bar.total) == (100, 100)
    assert "100/100" in bar_file.getvalue()


async def test_aclosing_ends_all_lookups_if_the_loop_breaks(panel, client, bar_file):
    async with aclosing(client.iter_gonderimler(range(1, 1001))) as results:
        async for _ in (bar := tqdm(results, total=1000, file=bar_file)):
            if bar.n == 10:
                break
    assert not library_tasks()
    assert panel.in_flight == 0
    assert panel.requests <= 10 + 2 * 8
    bar.close()


async def test_tqdm_alone_does_not_close_the_iterator_if_the_loop_breaks(client, bar_file):
    """This is why README wraps the iterator in aclosing."""
    results = client.iter_gonderimler(range(1, 1001))
    bar = tqdm(results, total=1000, file=bar_file)
    async for _ in bar:
        break
    bar.close()
    assert library_tasks()
    await results.aclose()
    assert not library_tasks()
