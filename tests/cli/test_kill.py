"""`vairosms bulk` as a process that is killed or interrupted, and then resumed."""

import os
import random
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from tests.cli.helpers import (
    Panel,
    run_vairosms,
    start_vairosms,
    wait_for_exit,
    wait_until,
    write_ids,
)
from tests.cli.results import OUTS, check_complete, complete_lines, ids_in
from tests.platforms import linux
from vairosms_async.sandbox import Fault

pytestmark = [pytest.mark.slow, linux]


@pytest.fixture(scope="module")
def module_panel():
    with Panel(packets=3000, settle_time=0.0, latency=(0.005, 0.015)) as panel:
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
def test_resume_completes_a_run_that_was_killed_at_random_times(panel, folder, out, number, count):
    write_ids(range(1, count + 1))
    rng = random.Random(f"{out}{number}{time.time()}")
    kills = 5 if number == signal.SIGKILL else 2
    kill_points = sorted(rng.sample(range(20, count - 200), kills))
    excused = set()
    for packets in kill_points:
        child = start_vairosms("bulk", "ids", "-o", out, "--resume", "-q", panel=panel)
        wait_until(partial(has_reached, panel, packets, panel.requests, child))
        time.sleep(rng.uniform(0, 0.05))
        child.send_signal(number)
        began = time.monotonic()
        ran = wait_for_exit(child)
        assert time.monotonic() - began < 2
        killed_at = time.monotonic()
        wait_until(lambda: len(panel.request_log) == panel.requests)  # none is in flight
        answered = panel.answer_times()
        in_out = ids_in(out)
        assert len(complete_lines(out).splitlines()) - (out == "out.csv") == len(in_out)
        if number == signal.SIGKILL:
            assert ran.code == -signal.SIGKILL
        else:
            # At most the 16 lookups in flight are lost.
            assert ran.code == 128 + number
            assert len(answered) - len(in_out) - len(excused - in_out) <= 16
            assert f"  vairosms bulk ids -o {out} -q --resume" in ran.err
        missing = answered.keys() - in_out
        # The command promises to lose at most one second; half a second is for a slow machine.
        assert all(killed_at - answered[i][-1] < 1.5 for i in missing - excused)
        excused |= missing
    assert run_vairosms("bulk", "ids", "-o", out, "--resume", panel=panel).code == 0
    check_complete(out, range(1, count + 1))
    answered = panel.answer_times()
    asked_twice = {i for i, times in answered.items() if len(times) > 1}
    assert asked_twice <= excused
    assert answered.keys() == set(range(1, count + 1))


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name
)
def test_a_signal_ends_a_run_while_the_panel_is_silent(panel, folder, number):
    panel.fail(Fault("hang"), times=None)
    write_ids(range(1, 101))
    child = start_vairosms("bulk", "ids", "-o", "out", panel=panel)
    wait_until(lambda: panel.in_flight == 16)
    began = time.monotonic()
    child.send_signal(number)
    ran = wait_for_exit(child)
    assert time.monotonic() - began < 2
    assert ran.code == 128 + number
    assert "out has the results of 0 of 100 lines.\nTo go on:\n" in ran.err
    assert ran.err.endswith("  vairosms bulk ids -o out --resume\n")


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
    child = start_vairosms("bulk", "ids", "-o", "out", settings=settings)
    wait_until(Path("asked").exists)
    began = time.monotonic()
    child.send_signal(signal.SIGTERM)
    ran = wait_for_exit(child)
    assert time.monotonic() - began < 2
    assert ran.code == 143
    assert ran.err.count("To go on:\n  vairosms bulk ids -o out --resume\n") == 1


def test_a_second_signal_ends_the_run_at_once(panel, folder):
    """A full pipe blocks the shutdown that the first signal starts, for more than a second."""
    write_ids(range(1, 3001))
    reading, writing = os.pipe()
    child = start_vairosms("bulk", "ids", "-o", "-", "-q", panel=panel, stdout=writing)
    os.close(writing)
    wait_until(lambda: panel.requests > 400)
    time.sleep(0.5)
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGTERM)
    ran = wait_for_exit(child)
    assert time.monotonic() - began < 1
    assert ran.code == 143  # of the second signal; the first one alone gives 130
    os.close(reading)


def test_a_signal_ends_a_run_that_still_reads_its_input(panel, folder):
    """Before its first request, `--resume` reads all of the input: here, a pipe that stays open."""
    os.mkfifo("ids")
    child = start_vairosms("bulk", "ids", "-o", "out", "--resume", panel=panel)
    writing = os.open("ids", os.O_WRONLY)
    os.write(writing, b"52\n")
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    ran = wait_for_exit(child)
    os.close(writing)
    assert ran.code == 130
    assert ran.err.endswith("Interrupted.\nTo go on:\n  vairosms bulk ids -o out --resume\n")
    assert not Path("out").exists()


def test_out_is_locked_only_while_its_run_lives(panel, folder):
    panel.fail(Fault("hang"), times=None)
    write_ids(range(1, 101))
    child = start_vairosms("bulk", "ids", "-o", "out", panel=panel)
    wait_until(lambda: panel.in_flight)
    for option in ("--resume", "--overwrite"):
        ran = run_vairosms("bulk", "ids", "-o", "out", option, panel=panel)
        assert (ran.code, ran.err) == (2, "Error: out: another run is writing it\n")
    child.kill()
    wait_for_exit(child)
    panel.clear_faults()
    assert run_vairosms("bulk", "ids", "-o", "out", "--resume", panel=panel).code == 0
    check_complete("out", range(1, 101))
