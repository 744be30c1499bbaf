"""A sandbox panel in a thread, and ways to run the command."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from tests.helpers import KEY, assert_no_key, example_packet
from vairosms_async.cli import main
from vairosms_async.cli.signals import Signals
from vairosms_async.sandbox import SandboxPanel

VAIROSMS = (sys.executable, "-m", "vairosms_async")

OFFLINE_ADVICE = (
    "out.csv is written at the end. To write it from the answers so far, run the same command with "
    "--offline.\n"
)

# A plain machine has no PYTHONUNBUFFERED and the like; the rest is what a process needs to start.
INHERITED_VARIABLES = ("HOME", "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "USERPROFILE")


class Panel(SandboxPanel):
    """A sandbox panel that accepts the tests' key and knows when it answered for which packet."""

    def __init__(self, **options):
        super().__init__(KEY, **options)

    async def start(self):
        self.started_at = time.monotonic()
        await super().start()

    def answer_times(self):
        """Return the times of each packet's answered requests, by `time.monotonic`."""
        times = defaultdict(list)
        for request in self.request_log.copy():
            if request.status is not None:
                times[int(request.path.rpartition("/")[2])].append(self.started_at + request.time)
        return times

    def reset_panel(self):
        """Reset the counters, clear the faults, and return the panel."""
        self.reset_counters()
        self.clear_faults()
        return self


def wait_until(condition, seconds=60):
    """Wait until a condition is true. Fail after some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"the condition was still false after {seconds} s"
        time.sleep(0.002)


def write_ids(ids, path="ids"):
    """Write a file with one id per line."""
    Path(path).write_text("".join(f"{gonderim_id}\n" for gonderim_id in ids), "utf-8")


def add_settling_packet(panel, gonderim_id, after, durum=1):
    """Add a packet that is in progress and gets its final state `after` seconds from now."""
    packet = example_packet(52) | {"id": gonderim_id, "paket_durum": 0}
    panel.add_gonderim(packet, then=packet | {"paket_durum": durum}, after=after)


def environment(panel=None, **settings):
    """Build the environment of a child process, as on a plain machine, with the API key.

    Args:
        panel: The panel that the command asks.
        settings: Further variables. None removes a variable.
    """
    env = {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ}
    # Children write UTF-8, which the tests decode. Only Windows needs a setting of Python for that.
    env |= {"PYTHONUTF8": "1"} if sys.platform == "win32" else {"LANG": "C.UTF-8"}
    env["VAIROSMS_API_KEY"] = KEY
    if panel is not None:
        env["VAIROSMS_BASE_URL"] = panel.base_url
    env |= settings
    return {name: value for name, value in env.items() if value is not None}


def open_unread_pipe():
    """Open a pipe for writing that nobody reads. Return its descriptor."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def open_full_pipe():
    """Open a pipe that is full, and that nobody reads. Return both descriptors."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(1 << 16))
    os.set_blocking(writing, True)
    return reading, writing


def open_full_device():
    """Open a device for writing that has no space. Return its descriptor."""
    return os.open("/dev/full", os.O_WRONLY)


@frozen
class Ran:
    """The exit code and the output of a run."""

    code: int
    out: str
    err: str


def start_vairosms(*args, panel=None, before=(), **options):
    """Start the command as a child process.

    Args:
        args: The command's arguments.
        panel: The panel that the command asks.
        before: A command that runs ours, such as a shell with its own arguments.
        options: Options of `subprocess.Popen`, and `settings` for `environment`.
    """
    settings = options.pop("settings", {})
    command = [*before, *VAIROSMS, *map(str, args)]
    assert_no_key("\n".join(command))
    return subprocess.Popen(
        command,
        stdin=options.pop("stdin", subprocess.DEVNULL),
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=options.pop("stderr", subprocess.PIPE),
        env=environment(panel, **settings),
        **options,
    )


def wait_for_exit(child, seconds=60, given=None):
    """Wait for a child process to end.

    Args:
        child: The process.
        seconds: How long to wait.
        given: Bytes for its stdin.
    """
    out, err = child.communicate(given, timeout=seconds)
    ran = Ran(child.returncode, (out or b"").decode(), (err or b"").decode())
    assert_no_key(ran.out + ran.err)
    assert "Traceback" not in ran.err, ran.err
    return ran


def run_vairosms(*args, panel=None, given=None, **options):
    """Run the command as a child process.

    `start_vairosms` and `wait_for_exit` describe the arguments.
    """
    if given is not None:
        options["stdin"] = subprocess.PIPE
    return wait_for_exit(start_vairosms(*args, panel=panel, **options), given=given)


def in_process_runner(monkeypatch, capfd, panel):
    """Return a function that runs the command in this process, where coverage sees it."""
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
    monkeypatch.setenv("VAIROSMS_BASE_URL", panel.base_url)

    # A busy machine may need more than 1.5 s to stop, and then the watchdog would end pytest.
    monkeypatch.setattr(Signals, "GRACE", 60)

    def run_in_process(*args, terminate_when=None):
        """Run the command.

        Args:
            args: Its arguments.
            terminate_when: A condition. As soon as it is true, this process gets a SIGTERM.
        """
        monkeypatch.setattr(sys, "argv", ["vairosms", *map(str, args)])
        ended = threading.Event()

        def terminate():
            try:
                wait_until(lambda: ended.is_set() or terminate_when())
            finally:
                if not ended.is_set():
                    os.kill(os.getpid(), signal.SIGTERM)

        terminating = threading.Thread(target=terminate)
        if terminate_when is not None:
            terminating.start()
        try:
            code = main()
        finally:
            ended.set()
            if terminate_when is not None:
                terminating.join()
        out, err = capfd.readouterr()
        assert_no_key(out + err)
        return Ran(code, out, err)

    return run_in_process
