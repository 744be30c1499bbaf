"""The command as a process: killed, interrupted, out of disk and of readers; its exit codes."""

import json
import os
import random
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from tests.cli.helpers import (
    VAIROSMS,
    Panel,
    check_complete,
    finish,
    rows_of,
    run,
    start,
    until,
    whole_lines,
)
from tests.helpers import KEY, KEY_FORMS, assert_no_key
from tests.platforms import linux
from vairosms_async.sandbox import Fault

pytestmark = [pytest.mark.slow, linux]

OUTS = ["out.jsonl", "out.csv"]


@pytest.fixture(scope="module")
def slow_panel():
    with Panel(packets=3000, settle_time=0.0, latency=(0.005, 0.015)) as panel:
        yield panel


@pytest.fixture
def panel(slow_panel):
    return slow_panel.fresh()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_ids(count, path="ids"):
    Path(path).write_text("".join(f"{i}\n" for i in range(1, count + 1)))


# ---- killed and resumed ------------------------------------------------------------------------


def finished_in(out):
    """Give the ids whose whole line is in OUT."""
    return {int(row["id"]) for row in rows_of(out)}


def has_come(panel, instant, before, child):
    """Whether this run has come to an instant, and has begun at all."""
    begun = panel.requests > before
    return (begun and len(panel.times) >= instant) or child.poll() is not None


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize(
    ("number", "count"), [(signal.SIGKILL, 3000), (signal.SIGINT, 1000), (signal.SIGTERM, 1000)]
)
def test_killed_at_random_instants_and_resumed(panel, folder, out, number, count):
    write_ids(count)
    rng = random.Random(f"{out}{number}{time.time()}")
    kills = 5 if number == signal.SIGKILL else 2
    instants = sorted(rng.sample(range(20, count - 200), kills))
    excused = set()
    for instant in instants:
        child = start("bulk", "ids", "-o", out, "--resume", "-q", panel=panel)
        until(partial(has_come, panel, instant, panel.requests, child))
        time.sleep(rng.uniform(0, 0.05))
        child.send_signal(number)
        began = time.monotonic()
        ran = finish(child)
        assert time.monotonic() - began < 2
        killed_at = time.time()
        until(lambda: not panel.in_flight)
        in_out = finished_in(out)
        assert len(whole_lines(out).splitlines()) - (out == "out.csv") == len(in_out)
        if number == signal.SIGKILL:
            assert ran.code == -signal.SIGKILL
        else:
            # Nothing that had been answered is lost, but what was in flight.
            assert ran.code == 128 + number
            assert len(panel.times) - len(in_out) - len(excused - in_out) <= 16
            assert f"  vairosms bulk ids -o {out} -q --resume" in ran.err
        missing = set(panel.times) - in_out
        # A second is the promise; the rest of this margin is the machine's.
        assert all(killed_at - panel.times[i][-1] < 1.5 for i in missing - excused)
        excused |= missing
    assert run("bulk", "ids", "-o", out, "--resume", panel=panel).code == 0
    check_complete(out, range(1, count + 1))
    asked_twice = {i for i, times in panel.times.items() if len(times) > 1}
    assert asked_twice <= excused
    assert set(panel.times) == set(range(1, count + 1))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_while_the_panel_is_silent(panel, folder, number):
    panel.fail(Fault("hang"), times=None)
    write_ids(100)
    child = start("bulk", "ids", "-o", "out", panel=panel)
    until(lambda: panel.in_flight == 16)
    began = time.monotonic()
    child.send_signal(number)
    ran = finish(child)
    assert time.monotonic() - began < 2
    assert ran.code == 128 + number
    assert "out has the results of 0 of 100 lines.\nTo go on:\n" in ran.err
    assert ran.err.endswith("  vairosms bulk ids -o out --resume\n")


def test_interrupted_while_a_name_is_looked_up(folder):
    """The resolver's thread cannot be ended; the command does not wait for it."""
    Path("sitecustomize.py").write_text(
        "import socket, time\n"
        "def getaddrinfo(*_, **__):\n"
        "    open('asked', 'w').close()\n"
        "    time.sleep(60)\n"
        "socket.getaddrinfo = getaddrinfo\n"
    )
    write_ids(10)
    settings = {"VAIROSMS_BASE_URL": "https://panel.example", "PYTHONPATH": str(folder)}
    child = start("bulk", "ids", "-o", "out", settings=settings)
    until(Path("asked").exists)
    began = time.monotonic()
    child.send_signal(signal.SIGTERM)
    ran = finish(child)
    assert time.monotonic() - began < 2
    assert ran.code == 143
    assert ran.err.count("To go on:\n  vairosms bulk ids -o out --resume\n") == 1


def test_a_second_signal_ends_at_once(panel, folder):
    panel.fail(Fault("hang"), times=None)
    write_ids(100)
    child = start("bulk", "ids", "-o", "fifo.out", panel=panel)
    until(lambda: panel.in_flight == 16)
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGINT)
    assert finish(child).code == 130


def test_interrupted_though_nobody_reads_what_it_writes(panel, folder):
    """A full pipe blocks for ever; the command ends all the same."""
    write_ids(3000)
    reading, writing = os.pipe()
    child = start("bulk", "ids", "-o", "-", "-q", panel=panel, stdout=writing)
    os.close(writing)
    until(lambda: len(panel.times) > 400)
    time.sleep(0.5)
    began = time.monotonic()
    child.send_signal(signal.SIGTERM)
    assert finish(child).code == 143
    assert time.monotonic() - began < 2
    os.close(reading)


def test_a_pipe_that_is_not_read_for_a_while_costs_no_lookup(panel, folder):
    """Lookups have half a second; the reader sleeps for longer than that."""
    write_ids(1000)
    child = start("bulk", "ids", "-o", "-", "-q", "--timeout", "0.5", panel=panel)
    until(lambda: len(panel.times) > 200)
    time.sleep(1)
    ran = finish(child)
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 1000
    assert panel.requests == 1000


def test_interrupted_before_anything_is_asked(panel, folder):
    """While the input is read for the first time, which comes through a pipe and does not end."""
    os.mkfifo("ids")
    child = start("bulk", "ids", "-o", "out", "--resume", panel=panel)
    writing = os.open("ids", os.O_WRONLY)
    os.write(writing, b"52\n")
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    ran = finish(child)
    os.close(writing)
    assert ran.code == 130
    assert ran.err.endswith("Interrupted.\nTo go on:\n  vairosms bulk ids -o out --resume\n")
    assert not Path("out").exists()


# ---- stdin -------------------------------------------------------------------------------------


def test_results_come_while_stdin_goes_on(panel, folder):
    child = start("bulk", "-", "-o", "-", "-q", panel=panel, stdin=subprocess.PIPE, bufsize=0)
    for gonderim_id in (52, 61):
        began = time.monotonic()
        child.stdin.write(f"{gonderim_id}\n".encode())
        row = json.loads(child.stdout.readline())
        assert row["id"] == gonderim_id
        assert time.monotonic() - began < 3
    child.stdin.close()
    child.stdin = None
    assert finish(child).code == 0


def test_interrupted_while_stdin_is_silent(panel, folder):
    child = start("bulk", "-", "-o", "out", panel=panel, stdin=subprocess.PIPE, bufsize=0)
    child.stdin.write(b"52\n")
    until(lambda: whole_lines("out"))
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    child.wait(5)
    assert time.monotonic() - began < 2
    ran = finish(child)
    assert ran.code == 130
    assert "  ... | vairosms bulk - -o out --resume\n" in ran.err
    ran = run("bulk", "-", "-o", "out", "--resume", panel=panel, given=b"52\n61\n")
    assert ran.code == 0
    check_complete("out", [52, 61])


def test_a_wrong_column_of_stdin_leaves_nothing(panel, folder):
    ran = run("bulk", "-", "-o", "out", "--column", "x", panel=panel, given=b"id\n52\n")
    assert ran.code == 2
    assert "there is no column 'x'" in ran.err
    assert not list(folder.iterdir())


# ---- disks and pipes ---------------------------------------------------------------------------


@pytest.mark.parametrize("out", OUTS)
def test_a_file_that_may_not_grow(panel, folder, out):
    """The kernel's own limit: a write beyond it is cut short, and the next one fails."""
    write_ids(1000)
    blocks = 100 if out == "out.jsonl" else 40  # of 512 bytes, or of 1024
    before = ("sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh")
    ran = run("bulk", "ids", "-o", out, panel=panel, before=before)
    assert ran.code == 4
    assert f"Error: {out}: File too large" in ran.err
    assert f"  vairosms bulk ids -o {out} --resume" in ran.err
    assert f"{out} has the results of {len(rows_of(out))} of 1,000 lines" in ran.err
    data = Path(out).read_bytes()
    assert data.endswith(b"\n")
    assert len(data) > blocks * 512 - 1500
    asked = dict(panel.requests_by_id)
    finished = finished_in(out)
    ran = run("bulk", "ids", "-o", out, "--resume", panel=panel)
    assert ran.code == 0
    check_complete(out, range(1, 1001))
    assert all(panel.requests_by_id[i] == asked[i] for i in finished)


def test_a_device_that_is_full(panel, folder):
    write_ids(50)
    ran = run("bulk", "ids", "-o", "/dev/full", "-q", panel=panel)
    assert (ran.code, ran.err) == (4, "Error: /dev/full: No space left on device\n")


@pytest.mark.parametrize("args", [["bulk", "ids", "-o", "-", "-q"], ["get", "--json", "52", "61"]])
def test_a_closed_pipe(panel, folder, args):
    write_ids(1000)
    reading, writing = os.pipe()
    child = start(*args, panel=panel, stdout=writing)
    os.close(writing)
    os.close(reading)
    ran = finish(child)
    assert (ran.code, ran.err) == (4, "Error: stdout: nobody reads it any more\n")


def test_no_stderr_any_more(panel, folder):
    """Who watches may leave; the work goes on."""
    write_ids(1000)
    reading, writing = os.pipe()
    child = start("bulk", "ids", "-o", "out", panel=panel, stdout=None, stderr=writing)
    os.close(writing)
    os.close(reading)
    assert child.wait(60) == 0
    check_complete("out", range(1, 1001))


def test_a_second_run_is_refused_and_a_killed_one_is_in_nobodys_way(panel, folder):
    panel.fail(Fault("hang"), times=None)
    write_ids(100)
    child = start("bulk", "ids", "-o", "out", panel=panel)
    until(lambda: panel.in_flight)
    for option in ("--resume", "--overwrite"):
        ran = run("bulk", "ids", "-o", "out", option, panel=panel)
        assert (ran.code, ran.err) == (2, "Error: out: another run is writing it\n")
    child.kill()
    finish(child)
    panel.clear_faults()
    assert run("bulk", "ids", "-o", "out", "--resume", panel=panel).code == 0
    check_complete("out", range(1, 101))


# ---- exit codes, one by one --------------------------------------------------------------------

CODES = {
    "all found": (0, ["get", "52", "61"], {}),
    "some failed": (1, ["get", "52", "9999"], {}),
    "no id": (1, ["get", "52a"], {}),
    "no such option": (2, ["get", "--nope"], {}),
    "no command": (2, [], {}),
    "no key": (2, ["get", "52"], {"VAIROSMS_API_KEY": None}),
    "an http panel": (2, ["get", "52"], {"VAIROSMS_BASE_URL": "http://vairosms.com"}),
    "a proxy that is none": (
        2,
        ["get", "52"],
        {"VAIROSMS_BASE_URL": "https://panel.example", "HTTPS_PROXY": "socks5://x:1"},
    ),
    "a refused key": (3, ["get", "52"], {"VAIROSMS_API_KEY": "wrong-key"}),
    "a refused key in a wait": (3, ["wait", "52"], {"VAIROSMS_API_KEY": "wrong-key"}),
    "no connection": (1, ["get", "52"], {"VAIROSMS_BASE_URL": "http://127.0.0.1:1"}),
}


@pytest.mark.parametrize("name", CODES)
def test_exit_codes(panel, folder, name):
    """Of `bulk`: 0, 1, 2, 3, 4, 130 and 143 are in the tests above and in `test_cli_bulk`."""
    code, args, settings = CODES[name]
    ran = run(*args, panel=panel, settings=settings)
    assert ran.code == code, ran.err


@pytest.mark.parametrize(
    ("given", "settings", "args", "code"),
    [
        (b"52\n61\n", {}, [], 0),
        (b"52\n9999\n", {}, [], 1),
        (b"", {}, ["--column"], 2),
        (b"52\n", {"VAIROSMS_API_KEY": "wrong-key"}, [], 3),
        (b"1\n2\n3\n4\n", {"VAIROSMS_BASE_URL": "http://127.0.0.1:1"}, ["--max-failures", "3"], 4),
    ],
)
def test_exit_codes_of_bulk(panel, folder, given, settings, args, code):
    Path("ids").write_bytes(given)
    ran = run("bulk", "ids", "-o", "out", *args, panel=panel, settings=settings)
    assert ran.code == code, ran.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("args", [["get", "52"], ["wait", "52"], ["sandbox", "--port", "0"]])
def test_exit_codes_of_signals(panel, folder, args, number):
    panel.fail(Fault("hang"), times=None)
    child = start(*args, panel=panel)
    if args[0] == "sandbox":
        assert child.stdout.readline().startswith(b"Base URL  http://127.0.0.1:")
    else:
        until(lambda: panel.in_flight)
    child.send_signal(number)
    ran = finish(child)
    assert ran.code == 128 + number
    assert ran.err.endswith("Interrupted.\n")


# ---- the key -----------------------------------------------------------------------------------


def test_the_key_shows_nowhere(panel, folder):
    """Output, files, and what other users see of the process."""
    panel.fail(Fault("hang"), times=1, id=9)
    Path("key").write_text(KEY)
    write_ids(100)
    with Path("ids").open("a") as ids:
        ids.write(f"{KEY}\nx{KEY}y\n")
    child = start(
        "bulk", "ids", "-o", "out", "--api-key-file", "key", "--timeout", "3",
        panel=panel, settings={"VAIROSMS_API_KEY": None, "PYTHONASYNCIODEBUG": "1"},
    )  # fmt: skip
    until(lambda: panel.requests > 50)
    for file in ("cmdline", "comm", "status", "maps"):
        assert_no_key(Path(f"/proc/{child.pid}/{file}").read_text(errors="replace"))
    environ = Path(f"/proc/{child.pid}/environ").read_text(errors="replace")
    assert KEY not in environ
    child.send_signal(signal.SIGINT)
    ran = finish(child)
    assert ran.code in {1, 130}
    assert "others on this machine can read the API key in key" in ran.err
    for path in folder.iterdir():
        if path.name not in {"key", "ids"}:
            data = path.read_bytes()
            assert not any(form.encode() in data for form in KEY_FORMS)


def test_a_traceback_of_a_mistake_of_ours_has_no_key(panel, folder):
    """Of an exception that nobody foresaw, with local variables shown."""
    Path("sitecustomize.py").write_text(
        "import sys, traceback\n"
        "def hook(kind, exc, tb):\n"
        "    shown = traceback.TracebackException(kind, exc, tb, capture_locals=True)\n"
        "    print(''.join(shown.format()).replace('Traceback', 'Trace'), file=sys.stderr)\n"
        "sys.excepthook = hook\n"
        "import vairosms_async.cli.bulk as bulk\n"
        "def broken(*_): raise KeyError('a mistake')\n"
        "bulk.entry_of = broken\n"
    )
    write_ids(10)
    ran = run("bulk", "ids", "-o", "out", panel=panel, settings={"PYTHONPATH": str(folder)})
    assert ran.code == 1
    assert "KeyError: 'a mistake'" in ran.err
    assert "gonderim_id = " in ran.err  # locals are shown indeed


def test_without_the_extra(folder):
    """As `pip install vairosms-async` alone leaves it."""
    Path("sitecustomize.py").write_text("import sys\nsys.modules['rich'] = None\n")
    child = subprocess.run(
        [*VAIROSMS, "demo"],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(folder)},
        check=False,
    )
    assert child.returncode == 2
    assert child.stderr.decode() == (
        "vairosms: the command needs rich: pip install 'vairosms-async[cli]'\n"
    )
