"""The lookups of a run: saving, errors and cancellation, with virtual sinks."""

import asyncio
import threading
import time
from contextlib import suppress

import attrs
import pytest

from tests.cli.known_samples import FINISHED, IN_PROGRESS
from vairosms_async import (
    GonderimResult,
    PaketDurum,
    VairoSMSServerError,
    VairoSMSTimeoutError,
)
from vairosms_async.cli import lookups as lookups_module
from vairosms_async.cli.lookups import Lookups, in_thread

SERVER_ERROR = VairoSMSServerError("HTTP 503", status=503)
NO_ANSWER = VairoSMSTimeoutError("not final")


class ListSink:
    """Keeps the answers that it takes, and moves them to `saved`.

    Args:
        before_save: Called before each save with its answers, in its thread.
    """

    def __init__(self, before_save=lambda _: None):
        self.taken, self.saved = [], []
        self.before_save = before_save

    def take(self, result):
        self.taken.append(result)

    def start_save(self):
        taken, self.taken = self.taken, []

        def save():
            self.before_save(taken)
            self.saved += taken

        return save


def fail(_):
    raise OSError("no disk")


def result(gonderim_id, gonderim=FINISHED):
    return GonderimResult(gonderim_id, attrs.evolve(gonderim, id=gonderim_id))


def answers(results, then=None):
    """Return a function that looks up packets: it yields results, then awaits something."""

    async def look_up(ids):
        for one in results:
            yield one
        if then is not None:
            await then()

    return look_up


def make_lookups(*sinks, show=lambda _: None):
    return Lookups(sinks, show)


async def test_every_answer_is_counted_and_saved_in_each_sink():
    sinks = ListSink(), ListSink()
    lookups = make_lookups(*sinks)
    results = [*map(result, range(1, 2500)), result(2500, IN_PROGRESS)]
    failed = GonderimResult(2501, error=VairoSMSServerError("HTTP 503"))
    await lookups.ask(answers([*results, failed]), [])
    assert sinks[0].saved == sinks[1].saved == [*results, failed]
    assert (lookups.answered, lookups.saved_final, lookups.failed) == (2501, 2499, 1)
    assert lookups.states == {PaketDurum.SONLANDI: 2499, PaketDurum.DEVAM_EDIYOR: 1}


async def test_answers_are_saved_and_shown_while_others_are_awaited(monkeypatch):
    monkeypatch.setattr(lookups_module, "TICK", 0.01)
    sink, shown = ListSink(), asyncio.Event()
    lookups = make_lookups(sink, show=lambda shown_lookups: shown.set())
    asking = asyncio.create_task(lookups.ask(answers([result(1)], asyncio.Event().wait), []))
    await asyncio.wait_for(shown.wait(), 10)
    assert sink.saved == [result(1)]
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_cancelled_run_saves_what_it_has():
    sink = ListSink()
    asked = asyncio.Event()

    async def signal_and_hang():
        asked.set()
        await asyncio.Event().wait()

    asking = asyncio.create_task(
        make_lookups(sink).ask(answers([result(1), result(2)], signal_and_hang), [])
    )
    await asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert sink.saved == [result(1), result(2)]


async def test_memory_is_bounded_while_a_sink_is_slow():
    """A save that takes long stops the lookups, after a thousand answers."""
    may_save = threading.Event()
    sink = ListSink(lambda _: may_save.wait(10))
    lookups = make_lookups(sink)
    asking = asyncio.create_task(lookups.ask(answers(map(result, range(1, 5000))), []))
    await asyncio.sleep(0.2)
    assert len(sink.taken) == 0
    assert lookups.answered == 1000
    may_save.set()
    await asking
    assert len(sink.saved) == 4999


async def test_a_second_sink_finds_all_its_answers_in_the_first(monkeypatch):
    """A stream writes what the store knows, while more answers arrive."""
    monkeypatch.setattr(lookups_module, "TICK", 0.01)
    missing = []
    first = ListSink(lambda _: time.sleep(0.02))
    second = ListSink(lambda taken: missing.extend(one for one in taken if one not in first.saved))

    async def look_up(ids):
        for gonderim_id in range(1, 200):
            yield result(gonderim_id)
            await asyncio.sleep(0.001)

    await make_lookups(first, second).ask(look_up, [])
    assert first.saved == second.saved == [*map(result, range(1, 200))]
    assert not missing


@pytest.mark.parametrize("has_answers", [True, False], ids=["answers", "no answer"])
async def test_an_error_of_a_sink_ends_the_run(monkeypatch, has_answers):
    monkeypatch.setattr(lookups_module, "TICK", 0.01)
    results = [result(1)] if has_answers else []
    with pytest.raises(OSError, match="no disk"):
        await make_lookups(ListSink(fail)).ask(answers(results, asyncio.Event().wait), [])


async def test_an_error_of_a_save_that_was_cancelled_is_raised():
    may_fail = threading.Event()

    def wait_and_fail(taken):
        may_fail.wait(10)
        fail(taken)

    sink = ListSink(wait_and_fail)
    asking = asyncio.create_task(make_lookups(sink).ask(answers(map(result, range(1, 2000))), []))
    await asyncio.sleep(0.1)
    asking.cancel()
    await asyncio.sleep(0.1)
    may_fail.set()
    with pytest.raises(OSError, match="no disk"):
        await asking


async def test_an_error_of_the_display_ends_the_run(monkeypatch):
    monkeypatch.setattr(lookups_module, "TICK", 0.01)

    def show(_):
        raise KeyError("a bug")

    sink = ListSink()
    with pytest.raises(KeyError, match="a bug"):
        await make_lookups(sink, show=show).ask(answers([result(1)], asyncio.Event().wait), [])
    assert sink.saved == [result(1)]


@pytest.mark.parametrize(
    ("error", "taken"),
    [
        pytest.param(
            VairoSMSTimeoutError("not final", last=IN_PROGRESS),
            GonderimResult(52, IN_PROGRESS),
            id="in progress",
        ),
        pytest.param(
            VairoSMSTimeoutError("not final", last=IN_PROGRESS, last_error=SERVER_ERROR),
            GonderimResult(52, error=SERVER_ERROR),
            id="the last poll failed",
        ),
        pytest.param(NO_ANSWER, GonderimResult(52, error=NO_ANSWER), id="no poll has ended"),
        pytest.param(SERVER_ERROR, GonderimResult(52, error=SERVER_ERROR), id="another error"),
    ],
)
async def test_the_last_answer_counts_when_a_wait_ends(error, taken):
    class Client:
        async def wait_gonderimler(self, ids, *, timeout):
            assert (ids, timeout) == ([52], 5)
            yield GonderimResult(52, error=error)

    sink = ListSink()
    lookups = make_lookups(sink)
    await lookups.wait(Client(), [52], 5)
    assert sink.saved == [taken]
    assert lookups.waiting == 0


def blocking_threads():
    return [t for t in threading.enumerate() if t.name == "vairosms blocking call"]


async def test_a_thread_raises_the_error_of_its_call():
    called = []
    await in_thread(lambda: called.append(1))
    assert called == [1]
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 / 0)


async def test_cancellation_does_not_wait_for_the_thread():
    may_return, loop = threading.Event(), asyncio.get_running_loop()
    calling = asyncio.create_task(in_thread(lambda: may_return.wait(10)))
    await asyncio.sleep(0.01)
    calling.cancel()
    await asyncio.wait([calling])
    assert calling.cancelled()
    may_return.set()
    thread_ended = loop.run_in_executor(None, lambda: [t.join() for t in blocking_threads()])
    await asyncio.wait_for(thread_ended, 10)
    await asyncio.sleep(0)


def test_the_thread_may_outlive_its_event_loop():
    may_return = threading.Event()

    async def call_and_time_out():
        with suppress(TimeoutError):
            await asyncio.wait_for(in_thread(lambda: may_return.wait(10)), 0.01)

    asyncio.run(call_and_time_out())
    [thread] = blocking_threads()
    may_return.set()
    thread.join(10)
    assert not thread.is_alive()
