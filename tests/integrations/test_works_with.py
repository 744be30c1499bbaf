"""The library with what services have beside it: uvloop, aiolimiter, tqdm, pandas."""

import asyncio
import io
import sys
from contextlib import aclosing

import attrs
import pandas as pd
import pytest
from aiolimiter import AsyncLimiter
from tqdm.asyncio import tqdm

from tests.helpers import KEY, assert_keyless, library_tasks
from vairosms_async import (
    RetryPolicy,
    VairoSMSClient,
    VairoSMSError,
    VairoSMSInvalidIdError,
    VairoSMSTimeoutError,
    gonderim_to_dict,
)
from vairosms_async.sandbox import Fault, SandboxPanel

ONCE = RetryPolicy(attempts=1)


# ---- uvloop ------------------------------------------------------------------------------------


def run_on_uvloop(main):
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert isinstance(runner.get_loop(), uvloop.Loop)
        return runner.run(main())


on_uvloop = pytest.mark.skipif(sys.platform == "win32", reason="uvloop does not run on Windows")


@on_uvloop
def test_a_bulk_on_uvloop():
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


@on_uvloop
@pytest.mark.parametrize(
    ("fault", "reason"),
    [("reset", "cut"), ("cut", "cut"), ("hang", "timeout"), (None, "connect"), ("caller", None)],
)
def test_failures_on_uvloop_say_the_same_and_have_no_key(fault, reason):
    async def main():
        panel = SandboxPanel(KEY)
        async with panel:
            base_url = panel.base_url
            if fault is not None:
                panel.fail(Fault("hang" if fault == "caller" else fault), times=None)
            else:
                await panel.stop()
            async with VairoSMSClient(
                KEY, base_url=base_url, retry=ONCE, timeout=0.05 if fault == "hang" else 20
            ) as client:
                lookup = asyncio.ensure_future(client.get_gonderim(52))
                if fault == "caller":
                    while not panel.in_flight:
                        await asyncio.sleep(0.001)
                    lookup.cancel("yeter")
                with pytest.raises((VairoSMSError, asyncio.CancelledError)) as caught:
                    await lookup
        return caught.value

    outcome = run_on_uvloop(main)
    assert_keyless(outcome)
    assert getattr(outcome, "reason", None) == reason
    assert isinstance(outcome, VairoSMSTimeoutError) == (fault == "hang")
    assert isinstance(outcome, asyncio.CancelledError) == (fault == "caller")


# ---- aiolimiter --------------------------------------------------------------------------------


class Panel(SandboxPanel):
    """A sandbox panel that keeps when it was asked."""

    def __init__(self, **options):
        super().__init__(KEY, **options)
        self.times = []

    async def _answer(self, request, gonderim_id):
        self.times.append(asyncio.get_running_loop().time())
        return await super()._answer(request, gonderim_id)


@pytest.mark.looptime
async def test_aiolimiter_holds_the_rate_of_requests_retries_too():
    """A burst of 8, then 8 a second: never more than 16 in a second, which the panel allows.

    Times are looptime's. An eighth of a second is a float without a rest: with another rate,
    aiolimiter would wait for the last of it on a clock that stands still meanwhile.
    """
    async with Panel(rate_limit=(17, 1)) as panel:
        panel.fail(Fault(), id=7, times=3)
        policy = RetryPolicy(initial_delay=0)
        async with VairoSMSClient(
            KEY, base_url=panel.base_url, rate_limiter=AsyncLimiter(8, 1), retry=policy
        ) as client:
            records = await client.gather_gonderimler(range(1, 101))
    assert len(records) == 100
    assert len(panel.times) == 103  # no 429 among them
    for began in panel.times:
        assert sum(began <= at < began + 1 for at in panel.times) <= 16
    assert panel.times[-1] - panel.times[0] >= (103 - 8) / 8 - 0.1


@pytest.mark.looptime
async def test_without_a_limiter_that_panel_says_429():
    async with Panel(rate_limit=(17, 1)) as panel:
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            await client.gather_gonderimler(range(1, 101))
    assert len(panel.times) > 100


# ---- tqdm --------------------------------------------------------------------------------------


@pytest.fixture
def bar(monkeypatch):
    """Give where a bar is to be drawn; tqdm's thread, which looks after slow ones, stays off."""
    monkeypatch.setattr(tqdm, "monitor_interval", 0)
    return io.StringIO()


async def test_tqdm_shows_how_far_a_bulk_is(client, bar):
    ids = range(1, 101)
    async with aclosing(client.iter_gonderimler(ids)) as results:
        progress = tqdm(results, total=len(ids), file=bar, unit="paket")
        seen = [result.id async for result in progress]
    assert sorted(seen) == list(ids)
    assert (progress.n, progress.total) == (100, 100)
    assert "100/100" in bar.getvalue()


async def test_tqdm_left_early_leaves_nothing_running_with_aclosing(panel, client, bar):
    async with aclosing(client.iter_gonderimler(range(1, 1001))) as results:
        async for _ in (progress := tqdm(results, total=1000, file=bar)):
            if progress.n == 10:
                break
    assert not library_tasks()
    assert panel.in_flight == 0
    assert panel.requests <= 10 + 2 * 8
    progress.close()


async def test_tqdm_left_early_does_not_close_the_iterator_itself(client, bar):
    results = client.iter_gonderimler(range(1, 1001))
    progress = tqdm(results, total=1000, file=bar)
    async for _ in progress:
        break
    progress.close()
    assert library_tasks()
    await results.aclose()
    assert not library_tasks()


# ---- pandas ------------------------------------------------------------------------------------

PANEL_TIME = "%Y-%m-%d %H:%M:%S"
COLUMNS = {
    "int64": pd.Series([52, 61]),
    "uint32": pd.Series([52, 61], dtype="uint32"),
    "Int64 with a gap": pd.Series([52, None, 61], dtype="Int64"),
    "string": pd.Series(["52", None, "61"], dtype="string"),
    "text": pd.Series(["52", "61"]),
    "objects": pd.Series([52, None, "61"], dtype="object"),
    "category": pd.Series(["52", "61"], dtype="category"),
}


@pytest.mark.parametrize("name", COLUMNS)
async def test_ids_from_a_column_of_pandas(client, name):
    ids = COLUMNS[name].dropna()
    records = await client.gather_gonderimler(ids)
    assert [record.id for record in records] == [52, 61]
    results = [result async for result in client.iter_gonderimler(ids)]
    assert {result.id for result in results} == {52, 61}


async def test_a_float_column_of_pandas_is_refused_and_says_why(panel, client):
    """A column of ints with a gap in a CSV becomes one, and large ids lose digits in it."""
    ids = pd.read_csv(io.StringIO("paket_id,ad\n52,a\n,b\n61,c\n"))["paket_id"].dropna()
    with pytest.raises(VairoSMSInvalidIdError, match="a float may have lost digits"):
        await client.gather_gonderimler(ids)
    assert panel.requests == 0
    assert len(await client.gather_gonderimler(ids.astype("Int64"))) == 2


async def test_records_as_a_data_frame(client):
    frame = pd.DataFrame({"paket_id": [61, 52, 61], "ad": ["x", "y", "z"]}, index=[7, 8, 9])
    records = await client.gather_gonderimler(frame["paket_id"])
    answers = pd.DataFrame([attrs.asdict(record) for record in records], index=frame.index)
    joined = frame.join(answers)
    assert list(joined["id"]) == list(joined["paket_id"])
    assert list(joined["ad"]) == ["x", "y", "z"]
    kinds = answers.dtypes.map(lambda dtype: dtype.kind)
    assert list(kinds[["id", "kredi_toplam", "paket_durum"]]) == ["i"] * 3
    assert list(kinds[["created_at", "sonlanma_zamani", "gecerlilik_suresi"]]) == ["M", "M", "m"]
    assert str(answers["created_at"].max()) == "2016-07-22 17:13:11"
    assert answers["gecerlilik_suresi"].sum() >= pd.Timedelta(hours=72)


async def test_the_panels_own_shape_as_a_data_frame(client):
    records = await client.gather_gonderimler([52, 61])
    frame = pd.DataFrame(map(gonderim_to_dict, records))
    for column in ("created_at", "sonlanma_zamani", "ileri_tarih"):
        frame[column] = pd.to_datetime(frame[column], format=PANEL_TIME, errors="coerce")
        assert frame[column].dtype.kind == "M"
    assert frame["created_at"].to_list() == [record.created_at for record in records]
    assert frame["ileri_tarih"].isna().all()  # "0000-00-00 00:00:00"
