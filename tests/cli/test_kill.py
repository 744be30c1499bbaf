"""`vairosms bulk` as a process that is killed or interrupted, and then started again."""

import os
import random
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from tests.cli.helpers import (
    OFFLINE_ADVICE,
    Panel,
    run_vairosms,
    start_vairosms,
    wait_for_exit,
    wait_until,
    write_ids,
)
from tests.cli.results import OUTS, check_complete, final_ids
from tests.platforms import linux
from vairosms_async.sandbox import Fault

pytestmark = [pytest.mark.slow, linux]

CONTINUE = "Run the same command again to continue.\n"


@pytest.fixture(scope="module")
def module_panel():
    with Panel(packets=3000, settle_time=0.0, latency=(0.005, 0.015)) as panel:
        for gonderim_id in range(1, 3001):
            panel.add_gonderim(gonderim_id)  # all are final
        yield panel


def has_reached(panel, packets, before, child):
    """Whether this run has begun and enough packets were asked for, or the child has ended."""
    begun = panel.requests > before
    return (begun and len(panel.requests_by_id) >= packets) or child.poll() is not None


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize(
    ("number", "count"),
    [(signal.SIGKILL, 3000), (signal.SIGINT, 1000), (signal.SIGTERM, 1000)],
    ids=["SIGKILL", "SIGINT", "SIGTERM"],
)
def test_the_same_command_again_completes_a_run_that_was_killed_at_random_times(
    panel, folder, out, number, count
):
    ids = list(range(count, 0, -1))
    write_ids(ids)
    rng = random.Random(f"{out}{number}{time.time()}")
    kills = 5 if number == signal.SIGKILL else 2
    excused = set()
    for packets in sorted(rng.sample(range(20, count - 200), kills)):
        child = start_vairosms("bulk", "ids", "-o", out, panel=panel)
        wait_until(partial(has_reached, panel, packets, panel.requests, child))
        time.sleep(rng.uniform(0, 0.05))
        child.send_signal(number)
        began = time.monotonic()
        ran = wait_for_exit(child)
        assert time.monotonic() - began < 20
        killed_at = time.monotonic()
        wait_until(lambda: len(panel.request_log) == panel.requests)  # none is in flight
        assert not Path(out).exists()
        answered, saved = panel.answer_times(), final_ids(f"{out}.db")
        missing = answered.keys() - saved
        if number == signal.SIGKILL:
            assert ran.code == -signal.SIGKILL
        else:
            # At most the 16 lookups in flight are lost.
            assert ran.code == 128 + number
            assert len(missing - excused) <= 16
            assert ran.err.endswith(CONTINUE)
        # The command promises to lose at most one second; two more are for a slow machine.
        assert all(killed_at - answered[i][-1] < 3 for i in missing - excused)
        excused |= missing
    assert run_vairosms("bulk", "ids", "-o", out, panel=panel).code == 0
    check_complete(out, ids)
    answered = panel.answer_times()
    asked_twice = {i for i, times in answered.items() if len(times) > 1}
    assert asked_twice <= excused
    assert answered.keys() == set(ids)


@pytest.mark.parametrize("out", OUTS)
def test_a_kill_while_out_is_written_leaves_the_earlier_out(panel, folder, out):
    write_ids(range(1, 1001))
    assert run_vairosms("bulk", "ids", "-o", out, panel=panel).code == 0
    before = Path(out).read_bytes()
    write_ids([n % 3000 + 1 for n in range(40_000)])
    assert run_vairosms("bulk", "ids", "-o", "-", "--store", f"{out}.db", panel=panel).code == 0

    def is_writing():
        return any(path.stat().st_size for path in Path().glob(".vairosms-*.partial"))

    for _ in range(3):
        child = start_vairosms("bulk", "ids", "-o", out, panel=panel)
        wait_until(is_writing)
        child.kill()
        assert wait_for_exit(child).code == -signal.SIGKILL
        assert Path(out).read_bytes() == before
        assert len(list(Path().glob(".vairosms-*"))) == 1
    assert run_vairosms("bulk", "ids", "-o", out, "--offline", panel=panel).code == 0
    assert list(Path().glob(".vairosms-*")) == []
    check_complete(out, [n % 3000 + 1 for n in range(40_000)])


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name
)
def test_a_signal_ends_a_run_while_the_panel_is_silent(panel, folder, number):
    panel.fail(Fault("hang"), times=None)
    write_ids(range(1, 101))
    # If the tests run under nohup, they ignore SIGHUP, and so would the command.
    before = ("env", "--default-signal=HUP")
    child = start_vairosms("bulk", "ids", "-o", "out.csv", panel=panel, before=before)
    wait_until(lambda: panel.in_flight == 16)
    began = time.monotonic()
    child.send_signal(number)
    ran = wait_for_exit(child)
    assert time.monotonic() - began < 20
    assert ran.code == 128 + number
    assert ran.err == f"Interrupted.\n0 of 100 packets are done.\n{OFFLINE_ADVICE}{CONTINUE}"


def test_a_signal_ends_a_run_during_name_resolution(folder):
    """A thread of the resolver cannot be cancelled. The command exits without waiting for it."""
    Path("sitecustomize.py").write_text(
        "import socket, time\n"
        "def getaddrinfo(*_, **__):\n"
        "    open('asked', 'w').close()\n"
        "    time.sleep(60)\n"
        "socket.getaddrinfo = getaddrinfo\n"
    )
    write_ids(range(1, 11))
    settings = {"VAIROSMS_BASE_URL": "https://panel.example", "PYTHONPATH": str(folder)}
    child = start_vairosms("bulk", "ids", "-o", "out.csv", settings=settings)
    wait_until(Path("asked").exists)
    began = time.monotonic()
    child.send_signal(signal.SIGTERM)
    ran = wait_for_exit(child)
    assert time.monotonic() - began < 20
    assert ran.code == 143
    assert ran.err.count(CONTINUE) == 1


def test_a_second_signal_ends_the_run_at_once(panel, folder):
    """A full pipe blocks the shutdown that the first signal starts, for more than a second."""
    write_ids(range(1, 3001))
    reading, writing = os.pipe()
    child = start_vairosms("bulk", "ids", "-o", "-", "-q", panel=panel, stdout=writing)
    os.close(writing)
    wait_until(lambda: panel.requests > 400)
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    time.sleep(0.2)  # two pending signals can arrive in any order
    child.send_signal(signal.SIGTERM)
    ran = wait_for_exit(child)
    assert ran.code == 143  # of the second signal; the first one alone gives 130
    os.close(reading)


def test_the_store_is_locked_only_while_its_run_lives(panel, folder):
    panel.fail(Fault("hang"), times=None)
    write_ids(range(1, 101))
    child = start_vairosms("bulk", "ids", "-o", "out.csv", panel=panel)
    wait_until(lambda: panel.in_flight)
    for out in ("out.csv", "other.csv"):
        options = ("-o", out, "--store", "out.csv.db", "--overwrite")
        ran = run_vairosms("bulk", "ids", *options, panel=panel)
        assert ran.code == 2
        assert ran.err.startswith("Error: out.csv.db: another run or program is using it")
    child.kill()
    wait_for_exit(child)
    panel.clear_faults()
    assert run_vairosms("bulk", "ids", "-o", "out.csv", panel=panel).code == 0
    check_complete("out.csv", range(1, 101))
