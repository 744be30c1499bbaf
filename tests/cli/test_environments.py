"""The command where people run it: cron, systemd, Docker, nohup, CI, other locales, Windows."""

import os
import re
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.helpers import (
    VAIROSMS,
    Panel,
    environment,
    run_vairosms,
    start_vairosms,
    wait_for_exit,
    wait_until,
    write_ids,
)
from tests.cli.results import check_complete
from tests.platforms import linux
from vairosms_async.sandbox import Fault

pytestmark = [pytest.mark.slow, linux]

NOTHING = dict.fromkeys(("HOME", "LANG", "TMPDIR", "TEMP", "TMP"))


@pytest.fixture(scope="module")
def module_panel():
    with Panel(packets=1000, settle_time=0.0) as panel:
        yield panel


def test_cron_has_another_folder_and_few_variables(panel, folder):
    write_ids([52, 61])
    settings = NOTHING | {"PATH": "/usr/bin:/bin"}
    options = ("-o", folder / "out.csv")
    ran = run_vairosms("bulk", folder / "ids", *options, panel=panel, settings=settings, cwd="/")
    assert ran.code == 0
    assert "SONLANDI 1  50.0% █" in ran.err
    check_complete(folder / "out.csv", [52, 61])


def test_systemd_has_sockets_and_sends_sigterm(panel, folder):
    """It connects stdout and stderr to the journal, and sets no HOME."""
    panel.fail(Fault("hang"), times=None, id=61)
    write_ids([52, 61])
    journal, stream = socket.socketpair()
    with journal, stream:
        options = {"panel": panel, "settings": NOTHING, "stdout": stream, "stderr": stream}
        child = start_vairosms("bulk", "ids", "-o", "out.csv", **options)
        wait_until(lambda: panel.requests_by_id[61])
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 143
        stream.close()
        text = journal.makefile().read()
    assert "Interrupted.\n" in text
    assert "of 2 packets are done.\n" in text
    assert "\x1b" not in text


def process_1_below(pid):
    """Return the id, in our namespace, of the process that `unshare --fork` runs as process 1."""
    parents = {str(pid)}
    for status in sorted(Path("/proc").glob("[0-9]*/status"), key=lambda path: int(path.parts[2])):
        with suppress(OSError):  # the process has ended
            fields = dict(re.findall(r"^(\w+):\t(.*)", status.read_text(), re.MULTILINE))
            if fields["PPid"] in parents:
                parents.add(fields["Pid"])
                if fields["NSpid"].split()[1:] == ["1"]:
                    return fields["Pid"]
    raise AssertionError("there is no process 1")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_a_signal_ends_process_1_of_a_container(panel, folder, number):
    """`docker stop` sends SIGTERM. The kernel ignores signals to process 1 without a handler."""
    panel.fail(Fault("hang"), times=None)
    write_ids(range(1, 101))
    sudo = () if os.geteuid() == 0 else ("sudo", "--non-interactive", "--preserve-env")
    before = (*sudo, "unshare", "--pid", "--fork")
    child = start_vairosms("bulk", "ids", "-o", "out.csv", panel=panel, before=before)
    wait_until(lambda: panel.in_flight)
    subprocess.run([*sudo, "kill", f"-{number}", process_1_below(child.pid)], check=True)
    ran = wait_for_exit(child)
    assert ran.code == 128 + number
    assert "Run the same command again to continue." in ran.err


def test_nohup_survives_the_terminal(panel, folder):
    write_ids(range(1, 301))
    child = start_vairosms(
        "bulk", "ids", "-o", "out.csv", "--rate", "200", panel=panel, before=("nohup",)
    )
    wait_until(lambda: panel.requests > 20)
    child.send_signal(signal.SIGHUP)
    assert wait_for_exit(child).code == 0
    check_complete("out.csv", range(1, 301))


def test_a_log_of_ci_has_whole_lines_and_no_escape_sequences(panel, folder):
    write_ids(range(1, 1001))
    settings = {"CI": "true", "GITHUB_ACTIONS": "true", "TERM": None}
    options = ("-o", "out.csv", "--rate", "150")
    ran = run_vairosms("bulk", "ids", *options, panel=panel, settings=settings)
    assert ran.code == 0
    first = ran.err.splitlines()[0]
    assert re.fullmatch(r"\d+/1,000, \d+/s, 0:\d\d left; .*, errors 0, limit \d+", first)
    assert not {"\r", "\x1b"} & set(ran.err)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"LANG": "C"}, id="LANG=C"),
        pytest.param({"LANG": None, "LC_ALL": "C"}, id="LC_ALL=C"),
        pytest.param({"LANG": "de_DE.ISO-8859-1"}, id="a locale that is not installed"),
    ],
)
def test_a_locale_without_utf_8_changes_nothing(panel, folder, settings):
    write_ids([52, 61], "müşteri.txt")
    options = ("-o", "sonuç.csv")
    ran = run_vairosms("bulk", "müşteri.txt", *options, panel=panel, settings=settings)
    assert ran.code == 0
    assert "SONLANDI 1  50.0% █" in ran.err
    assert ran.err.endswith("Results: sonuç.csv\n")
    check_complete("sonuç.csv", [52, 61])
    assert "BAŞLIK" in run_vairosms("get", "61", panel=panel, settings=settings).out


@pytest.mark.parametrize("encoding", ["cp1254", "ascii"])
def test_output_fits_the_encoding_of_a_redirected_windows_console(panel, folder, encoding):
    write_ids([52, 61, 9999])
    command = [*VAIROSMS, "bulk", "ids", "-o", "sonuç.csv"]
    env = environment(panel, PYTHONIOENCODING=encoding)
    ran = subprocess.run(command, env=env, capture_output=True, check=False)
    text = ran.stderr.decode(encoding)
    assert ran.returncode == 1
    assert "33.3% ##########" in text
    assert "Packet not found" in text
    name = "sonuç.csv" if encoding == "cp1254" else "sonu\\xe7.csv"
    assert text.endswith(f"Results: {name}\n")


def test_a_system_without_the_signals_of_posix(panel, folder):
    """Windows has no SIGHUP and no SIGTSTP, and cannot open a folder."""
    Path("sitecustomize.py").write_text(
        "import os, signal\n"
        "del signal.SIGHUP, signal.SIGTSTP\n"
        "real_open = os.open\n"
        "def open_file(path, *args, **options):\n"
        "    if os.path.isdir(path):\n"
        "        raise PermissionError(13, 'Permission denied')\n"
        "    return real_open(path, *args, **options)\n"
        "os.open = open_file\n"
    )
    write_ids([52, 61])
    settings = {"PYTHONPATH": str(folder)}
    ran = run_vairosms("bulk", "ids", "-o", "out.csv", panel=panel, settings=settings)
    assert (ran.code, "Results: out.csv" in ran.err) == (0, True)
    check_complete("out.csv", [52, 61])


def test_names_of_files_need_not_be_utf_8(panel, folder):
    ids, out = b"m\xfc\xfeteri", b"sonu\xe7.csv"
    Path(os.fsdecode(ids)).write_text("52\n61\n")
    command = [*VAIROSMS, "bulk", ids, "-o", out]
    for _ in range(2):  # the second run knows that OUT is its own
        ran = subprocess.run(command, env=environment(panel), capture_output=True, check=False)
        assert (ran.returncode, b"Results: sonu" in ran.stderr) == (0, True)
    check_complete(os.fsdecode(out), [52, 61])


def test_a_closed_stdin_is_an_error_of_one_line(panel, folder):
    before = ("sh", "-c", 'exec "$@" <&-', "sh")
    ran = run_vairosms("bulk", "-", "-o", "out.csv", panel=panel, before=before)
    assert (ran.code, ran.err) == (2, "Error: Cannot read stdin: Bad file descriptor\n")
