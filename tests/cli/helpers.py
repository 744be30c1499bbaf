"""What the tests of the command share: a panel in a thread, and ways to run the command."""

import csv
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from attrs import frozen

from tests.helpers import KEY, assert_no_key
from vairosms_async.cli import main
from vairosms_async.sandbox import SandboxPanel

VAIROSMS = (sys.executable, "-m", "vairosms_async")


class Panel(SandboxPanel):
    """A sandbox panel that keeps when each packet was asked for."""

    def __init__(self, **options):
        super().__init__(KEY, **options)
        self.times = defaultdict(list)

    async def _answer(self, request, gonderim_id):
        response = await super()._answer(request, gonderim_id)
        self.times[gonderim_id].append(time.time())
        return response

    def fresh(self):
        """Forget what was counted and asked for; give the panel."""
        self.reset_counters()
        self.clear_faults()
        self.times.clear()
        return self


def until(condition, seconds=20):
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.002)


def environment(panel=None, **settings):
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    env |= {"PYTHONIOENCODING": "utf-8", "VAIROSMS_API_KEY": KEY}
    if panel is not None:
        env["VAIROSMS_BASE_URL"] = panel.base_url
    env |= settings
    return {k: v for k, v in env.items() if v is not None}


@frozen
class Ran:
    """What a run of the command came to."""

    code: int
    out: str
    err: str


def start(*args, panel=None, before=(), **options):
    """Start the command as a child process."""
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


def finish(child, seconds=60, given=None):
    """Wait for a child's end."""
    out, err = child.communicate(given, timeout=seconds)
    ran = Ran(child.returncode, (out or b"").decode(), (err or b"").decode())
    assert_no_key(ran.out + ran.err)
    assert "Traceback" not in ran.err, ran.err
    return ran


def run(*args, panel=None, given=None, **options):
    """Run the command as a child process."""
    if given is not None:
        options["stdin"] = subprocess.PIPE
    return finish(start(*args, panel=panel, **options), given=given)


def runner_here(monkeypatch, capfd, panel):
    """Give what runs the command in this process."""
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
    monkeypatch.setenv("VAIROSMS_BASE_URL", panel.base_url)

    def call(*args):
        monkeypatch.setattr(sys, "argv", ["vairosms", *map(str, args)])
        code = main()
        out, err = capfd.readouterr()
        assert_no_key(out + err)
        return Ran(code, out, err)

    return call


# ---- OUT ---------------------------------------------------------------------------------------


def whole_lines(path):
    data = Path(path).read_bytes() if Path(path).exists() else b""
    return data[: data.rfind(b"\n") + 1]


def rows_of(path):
    """Read the whole lines of OUT, as dicts of strings if it is CSV."""
    data = whole_lines(path)
    assert_no_key(data.decode())
    if Path(path).suffix == ".csv":
        assert data.startswith(b"\xef\xbb\xbf") or not data
        assert data.count(b"\n") == data.count(b"\r\n")
        text = data.decode("utf-8-sig")
        return list(csv.DictReader(text.splitlines(keepends=True), delimiter=";"))
    return [json.loads(line) for line in data.splitlines()]


def check_complete(path, ids):
    """Check that OUT has each line of the input once, with its id, and nothing else."""
    data = Path(path).read_bytes()
    assert data.endswith(b"\n")
    rows = {int(row["line"]): row for row in rows_of(path)}
    assert len(rows) == len(rows_of(path)), "a line is there twice"
    assert {n: str(row["id"]).strip() for n, row in rows.items()} == {
        n: str(i) for n, i in enumerate(ids, 1)
    }
    assert not list(Path(path).parent.glob(f".{Path(path).name}.*")), "something is left behind"
    return rows
