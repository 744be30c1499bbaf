"""The small commands: demo, get, wait, sandbox; help, version, shell completion; settings."""

import ast
import asyncio
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from contextlib import suppress
from pathlib import Path

import click
import pytest

from tests.cli.helpers import Panel, Ran, finish, run, runner_here, start
from tests.helpers import example_packet
from tests.platforms import posix
from vairosms_async import __version__
from vairosms_async import cli as the_cli
from vairosms_async.cli.offloop import off_loop
from vairosms_async.cli.settings import Throttle, proxy_for
from vairosms_async.cli.trouble import Signals, Trouble, say
from vairosms_async.sandbox import Fault

COMMANDS = ["demo", "get", "bulk", "wait", "sandbox"]


@pytest.fixture(scope="module")
def the_panel():
    with Panel(packets=100, settle_time=0.0) as panel:
        yield panel


@pytest.fixture
def panel(the_panel):
    return the_panel.fresh()


def test_only_public_names_are_used():
    """The command is a user of the library like any other."""
    public = {"vairosms_async", "vairosms_async.cluster", "vairosms_async.sandbox"}
    for path in Path(the_cli.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                module = node.module or ""
                assert node.level <= 1, path
                assert node.level or not module.startswith("vairosms") or module in public, path
            elif isinstance(node, ast.Import):
                assert not any(name.name.startswith("vairosms") for name in node.names), path


@pytest.mark.slow
def test_the_core_needs_nothing_of_the_extra():
    code = (
        "import sys, vairosms_async, vairosms_async.sandbox, vairosms_async.cli as c;"
        "sys.exit(bool(c.EXTRA & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- help --------------------------------------------------------------------------------------


def test_summaries_of_commands_are_whole(here):
    assert "..." not in here("--help")[1].split("Commands:")[1]


def test_help(here):
    ran = Ran(*here("--help"))
    assert ran.code == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", ran.out, re.MULTILINE)
    assert "Exit codes: 0 all found, 1 some failed" in ran.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_stands_alone(here, command):
    ran = Ran(*here(command, "--help"))
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: vairosms {command} ")
    assert re.search(rf"Examples?:\n  +vairosms {command}", ran.out)
    assert all(len(line) <= 100 for line in ran.out.splitlines())
    if command not in {"demo", "sandbox"}:
        assert "VAIROSMS_API_KEY" in ran.out
        assert "--api-key-file" in ran.out


@pytest.mark.slow
def test_version():
    ran = run("--version")
    assert ran.out.startswith(f"vairosms {__version__} (aiohttp ")


@pytest.mark.slow
def test_the_script_is_the_module():
    script = shutil.which("vairosms", path=Path(sys.executable).parent)
    out = subprocess.run([script, "--version"], capture_output=True, check=True).stdout.decode()
    assert out == run("--version").out


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion(shell):
    ran = run(settings={"_VAIROSMS_COMPLETE": f"{shell}_source"})
    assert ran.code == 0
    assert "_VAIROSMS_COMPLETE" in ran.out
    settings = {"_VAIROSMS_COMPLETE": "bash_complete", "COMP_WORDS": "vairosms bulk --re"}
    ran = run(settings=settings | {"COMP_CWORD": "2"})
    assert ran.out == "plain,--resume\n"


# ---- demo --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_demo():
    ran = run("demo", settings={"VAIROSMS_API_KEY": None, "HTTPS_PROXY": "http://127.0.0.1:1"})
    assert ran.code == 0
    assert "Checked 1,000 packets (of the sandbox panel) in 0:0" in ran.out
    counts = re.findall(r"^  ([A-Z_]+) +([\d,]+) +[\d.]+%", ran.out, re.MULTILINE)[:3]
    assert [name for name, _ in counts] == ["SONLANDI", "DEVAM_EDIYOR", "HATALI"]
    assert sum(int(count.replace(",", "")) for _, count in counts) == 1000
    assert run("demo", "--packets", "60", "-q").err == ""


# ---- get ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_get(panel):
    ran = run("get", "52", "61", "52", panel=panel)
    assert ran.code == 0
    assert re.search(r"52 +08505326480 +SONLANDI", ran.out)
    assert "INVALID_SOURCE_ADDRESS" in ran.out
    assert panel.requests_by_id == {52: 1, 61: 1}


@pytest.mark.slow
def test_get_in_trouble(panel):
    ran = run("get", "52", "9999", "5x", "0", panel=panel)
    assert ran.code == 1
    assert re.search(r"^gonderim 9999: HTTP 404", ran.out, re.MULTILINE)
    assert re.search(r"^not a packet id: '5x'", ran.out, re.MULTILINE)
    assert re.search(r"^not a packet id: 0 ", ran.out, re.MULTILINE)


@pytest.mark.slow
def test_get_as_json(panel):
    ran = run("get", "--json", "61", " 0052", "x", "61", panel=panel)
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert [(row["line"], row["id"]) for row in rows] == [(1, 61), (2, 52), (3, "x"), (4, 61)]
    assert rows[0]["gonderim"] == example_packet(61)
    assert rows[2]["error"]["type"] == "VairoSMSInvalidIdError"


# ---- wait --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_wait_shows_each_change(panel):
    packet = example_packet(52) | {"id": 777, "paket_durum": 0}
    panel.add_gonderim(packet)
    child = start("wait", "777", "52", "x", panel=panel, bufsize=0)
    lines = [child.stdout.readline().decode() for _ in range(3)]
    assert "  not a packet id: 'x'" in lines[0]
    assert any("  52  SONLANDI: sent and finished" in line for line in lines)
    assert any("  777  DEVAM_EDIYOR: in progress" in line for line in lines)
    panel.add_gonderim(packet | {"paket_durum": 1})
    line = child.stdout.readline().decode()
    assert re.fullmatch(r"\d\d:\d\d:\d\d  777  SONLANDI: sent and finished\n", line)
    assert finish(child).code == 1
    assert panel.requests_by_id[777] == 2


@pytest.mark.slow
def test_wait_as_json_and_its_end(panel):
    panel.add_gonderim(example_packet(52) | {"id": 778, "paket_durum": 0})
    ran = run("wait", "778", "--json", "--timeout", "0.3", panel=panel)
    assert ran.code == 1
    first, last = (json.loads(line) for line in ran.out.splitlines())
    assert (first["gonderim"]["paket_durum"], first["error"]) == (0, None)
    assert last["error"]["type"] == "VairoSMSTimeoutError"


# ---- sandbox -----------------------------------------------------------------------------------


@posix
@pytest.mark.slow
def test_the_sandbox_says_how_to_try_it():
    child = start("sandbox", "--port", "0", "--packets", "3", "--latency", "0.01-0.02", bufsize=0)
    lines = [child.stdout.readline().decode() for _ in range(4)]
    url = re.fullmatch(r"Base URL  (http://127\.0\.0\.1:\d+/Panel/api/v1)\n", lines[0])[1]
    key = re.fullmatch(r"Key       (\S+)\n", lines[1])[1]
    try_it = re.fullmatch(r"Try it    (.* vairosms get 52)\n", lines[2])[1]
    curl = re.fullmatch(r"Or        curl '(.*)'\n", lines[3])[1]
    assert (url in try_it, key in try_it) == (True, True)
    environ = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    out = subprocess.run(["sh", "-c", try_it], capture_output=True, check=True, env=environ).stdout
    assert "08505326480" in out.decode()
    with urllib.request.urlopen(curl) as answer:
        assert json.load(answer)["aciklama"] == example_packet(52)
    taken = run("sandbox", "--port", url.split(":")[2].split("/")[0])
    assert taken.code == 2
    assert "Address already in use: give another --port" in taken.err
    child.send_signal(signal.SIGTERM)
    assert finish(child).code == 143


@pytest.mark.slow
def test_the_sandbox_keeps_to_its_options():
    child = start("sandbox", "--port", "0", "--rate-limit", "1", "--faults", "0", bufsize=0)
    settings = {"VAIROSMS_BASE_URL": child.stdout.readline().decode().split()[2]}
    settings |= {"VAIROSMS_API_KEY": "sandbox-api-key"}
    ran = run("bulk", "-", "-o", "-", given=b"52\n61\n1\n", settings=settings)
    assert ran.code == 0
    assert "the panel asks to wait (HTTP 429)" in ran.err
    child.terminate()
    finish(child)


@pytest.mark.parametrize("latency", ["x", "1-", "2-1", "-1", "inf", "nan"])
def test_no_latency(here, latency):
    code, _, err = here("sandbox", f"--latency={latency}")
    assert code == 2
    assert "is not like 0.2 or 0.05-0.3" in err


@posix
@pytest.mark.parametrize("latency", ["0.5", "0-0.25"])
def test_served_in_this_process(here, latency):
    args = ("sandbox", "--port", "0", "--latency", latency)
    code, out, err = here(*args, kill_after=0.3)
    assert code == 143
    assert re.fullmatch(r"Base URL  http://127\.0\.0\.1:\d+/Panel/api/v1", out.splitlines()[0])
    assert err.endswith("Interrupted.\n")


# ---- settings ----------------------------------------------------------------------------------


async def test_the_throttle_counts_and_limits():
    throttle = Throttle()
    for _ in range(3):
        async with throttle:
            pass
    assert throttle.requests == 3
    loop = asyncio.get_running_loop()
    for rate, requests, least in ((20.0, 5, 0.19), (100.0, 25, 0.19), (0.5, 1, 0.0)):
        throttle, began = Throttle(rate), loop.time()
        for _ in range(requests):
            async with throttle:
                pass
        assert loop.time() - began >= least


PROXIES = {
    "none": ("https://vairosms.com", {}, None),
    "for https": ("https://vairosms.com", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
    "in small letters": ("https://vairosms.com", {"https_proxy": "http://p:1"}, "http://p:1"),
    "without a scheme": ("https://vairosms.com", {"HTTPS_PROXY": "p:1"}, "http://p:1"),
    "an https proxy": ("https://vairosms.com", {"HTTPS_PROXY": "https://p:1"}, "https://p:1"),
    "not for http": ("http://127.0.0.1:1", {"HTTPS_PROXY": "http://p:1"}, None),
    "one for http": ("http://127.0.0.1:1", {"http_proxy": "http://p:1"}, None),
    "an empty one": ("https://vairosms.com", {"HTTPS_PROXY": ""}, None),
    "not for this host": (
        "https://vairosms.com/Panel",
        {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "x.example, vairosms.com"},
        None,
    ),
    "not below this host": (
        "https://api.vairosms.com",
        {"HTTPS_PROXY": "http://p:1", "no_proxy": ".vairosms.com"},
        None,
    ),
    "not for this port": (
        "https://vairosms.com:8443",
        {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "vairosms.com:8443"},
        None,
    ),
    "for another port": (
        "https://vairosms.com",
        {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "vairosms.com:8443"},
        "http://p:1",
    ),
    "not for this network": (
        "https://10.1.2.3",
        {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "x.example 10.0.0.0/8"},
        None,
    ),
    "not for this address": (
        "https://[fd00::1]",
        {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "fd00::1"},
        None,
    ),
    "for another name": (
        "https://notvairosms.com",
        {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".,vairosms.com"},
        "http://p:1",
    ),
    "for none": ("https://vairosms.com", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
}


@pytest.mark.parametrize("name", PROXIES)
def test_proxies(monkeypatch, name):
    url, environ, proxy = PROXIES[name]
    for variable in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(variable)
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    assert proxy_for(url) == proxy


@pytest.mark.parametrize(
    "proxy", ["socks5://p:1", "http://", "http://[x", "ftp://u:gizli@p", "http://u:%C5%9Fgizli@p:1"]
)
def test_no_proxy_that_can_be_used(monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(Trouble, match="HTTPS_PROXY must be like http") as caught:
        proxy_for("https://vairosms.com")
    assert "gizli" not in str(caught.value)


# ---- in this process, where coverage sees it ---------------------------------------------------


@pytest.fixture
def here(monkeypatch, capfd, panel):
    """Run the command here; give its exit code, stdout and stderr."""
    vairosms = runner_here(monkeypatch, capfd, panel)

    def call(*args, kill_after=None):
        if kill_after is not None:
            timer = threading.Timer(kill_after, os.kill, (os.getpid(), signal.SIGTERM))
            timer.start()
        ran = vairosms(*args)
        if kill_after is not None:
            timer.join()
        return ran.code, ran.out, ran.err

    return call


def test_all_commands_here(here, monkeypatch, panel):
    assert here("demo", "--packets", "30", "-q")[0] == 0
    assert here("get", "52", "x")[0] == 1
    assert here("get", "--json", "52")[0] == 0
    assert here("wait", "52", "x")[0] == 1
    assert here("wait", "--json", "52")[0] == 0
    assert here("sandbox", "--port", str(panel.base_url.split(":")[2].split("/")[0]))[0] == 2
    assert here("--help")[0] == 0
    assert here()[0] == 2
    monkeypatch.setenv("VAIROSMS_API_KEY", "wrong-key")
    code, _, err = here("get", "52")
    assert (code, "the panel refused the API key" in err) == (3, True)


def test_a_proxy_that_is_not_there(here, monkeypatch):
    monkeypatch.setenv("VAIROSMS_BASE_URL", "https://panel.example")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    code, out, _ = here("get", "52")
    assert (code, "no connection to the proxy" in out) == (1, True)


@posix
@pytest.mark.parametrize("args", [["get", "52"], ["wait", "52"]])
def test_interrupted_here(here, panel, args):
    panel.fail(Fault("hang"), times=None)
    assert here(*args, kill_after=0.3) == (143, "", "Interrupted.\n")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_the_module_here(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["vairosms", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("vairosms_async", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"vairosms {__version__} ")


@posix
def test_a_reader_who_leaves(here, monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        code, _, err = here("wait", "52")
        monkeypatch.undo()
    assert (code, err) == (4, "Error: stdout: nobody reads it any more\n")


def test_without_the_extra_in_this_process(monkeypatch, capsys):
    def forget():
        for name in [n for n in sys.modules if n.startswith("vairosms_async.cli.")]:
            monkeypatch.delitem(sys.modules, name)

    forget()
    monkeypatch.setitem(sys.modules, "rich", None)
    assert the_cli.main() == 2
    assert capsys.readouterr().err == (
        "vairosms: the command needs rich: pip install 'vairosms-async[cli]'\n"
    )
    monkeypatch.undo()
    forget()
    monkeypatch.setitem(sys.modules, "csv", None)
    with pytest.raises(ModuleNotFoundError, match="csv"):
        the_cli.main()


def test_interrupted_before_it_runs(monkeypatch):
    class Interrupting:
        def find_spec(self, name, path, target=None):
            if name == "vairosms_async.cli.commands":
                raise KeyboardInterrupt

    for name in [n for n in sys.modules if n.startswith("vairosms_async.cli.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    assert the_cli.main() == 130


# ---- calls that block --------------------------------------------------------------------------


async def test_a_blocking_call():
    assert await off_loop(lambda: 52) == 52
    with pytest.raises(ZeroDivisionError):
        await off_loop(lambda: 1 / 0)


async def test_a_blocking_call_that_is_cancelled():
    held, loop = threading.Event(), asyncio.get_running_loop()
    calling = asyncio.create_task(off_loop(lambda: held.wait(10)))
    await asyncio.sleep(0.01)
    calling.cancel()
    await asyncio.wait([calling])
    assert calling.cancelled()
    held.set()
    thread_ended = loop.run_in_executor(None, lambda: [t.join() for t in blocking()])
    await asyncio.wait_for(thread_ended, 10)
    await asyncio.sleep(0)


def blocking():
    return [t for t in threading.enumerate() if t.name == "vairosms blocking call"]


def test_a_blocking_call_that_outlives_its_loop():
    held = threading.Event()

    async def leave():
        with suppress(TimeoutError):
            await asyncio.wait_for(off_loop(lambda: held.wait(10)), 0.01)

    asyncio.run(leave())
    [thread] = blocking()
    held.set()
    thread.join(10)
    assert not thread.is_alive()


# ---- signals -----------------------------------------------------------------------------------


@posix
def test_nohup_is_heard():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        with pytest.raises(KeyboardInterrupt), Signals() as signals:
            os.kill(os.getpid(), signal.SIGTERM)
        assert signals.exit_code == 143
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_last_resort_shows_the_cursor_again(monkeypatch):
    written = []
    monkeypatch.setattr(os, "isatty", lambda fd: fd == 2)
    monkeypatch.setattr(os, "write", lambda fd, data: written.append((fd, data)))
    monkeypatch.setattr(os, "_exit", written.append)
    signals = Signals()
    signals.received = signal.SIGINT
    signals.last_words = lambda: written.append("words")
    signals._give_up()
    assert written == ["words", (2, b"\x1b[?25h"), 130]


def test_words_that_nobody_can_hear(monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    moved = []
    with monkeypatch.context() as patched:  # pytest itself needs dup2
        patched.setattr(click, "echo", fail)
        patched.setattr(os, "dup2", lambda fd, to: moved.append((os.close(fd), to)))
        say("x")
    assert moved == [(None, 2)]


@posix
def test_a_second_signal_in_this_process(monkeypatch):
    class Left(BaseException):
        pass

    def leave(code):
        assert code == 143
        raise Left

    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(Left), Signals():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
