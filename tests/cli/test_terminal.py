"""The command on real terminals."""

import io
import re
import shlex
import subprocess
import sys

import pexpect
import pytest

from tests.cli.helpers import VAIROSMS, Panel, environment, run_vairosms, write_ids
from tests.cli.results import check_complete
from tests.helpers import assert_no_key
from tests.platforms import posix
from vairosms_async.sandbox import Fault

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def module_panel():
    with Panel(packets=1000, settle_time=0.0, latency=0.02) as panel:
        yield panel


def run_on_terminal(panel, *args, size=(24, 80), **settings):
    if sys.platform == "win32":
        pytest.skip("pexpect has no terminals on Windows")
    write_ids(range(1, 801))
    env = environment(panel, **{"TERM": "xterm-256color"} | settings)
    child = pexpect.spawn(VAIROSMS[0], [*VAIROSMS[1:], *args], env=env, dimensions=size, timeout=30)
    child.expect(pexpect.EOF)
    child.close()
    text = child.before.decode()
    assert_no_key(text)
    return child.exitstatus, text


@pytest.mark.parametrize("size", [(24, 80), (24, 40)], ids=["80 columns", "40 columns"])
def test_bulk_shows_a_bar(panel, folder, size):
    panel.fail(Fault("status", 429, retry_after=1), times=1, id=400)
    code, text = run_on_terminal(panel, "bulk", "ids", "-o", "out.csv", size=size)
    assert code == 0
    assert "━" in text  # rich's bar
    assert "1 warning; the last: the panel answered" in text
    assert "\x1b[32m" in text  # SONLANDI in green
    assert "\x1b[?25l" in text  # hides the cursor, and shows it again
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert "800 rows, 800 packets: 800 lookups in" in text
    assert "Results: out.csv" in text


def test_no_bar_if_results_go_to_the_terminal(panel, folder):
    code, text = run_on_terminal(panel, "bulk", "ids", "-o", "-")
    assert code == 0
    assert text.count('"checked_at"') == 800
    assert "━" not in text
    assert "800 rows, 800 packets" in text


def test_no_color_disables_colours(panel, folder):
    code, text = run_on_terminal(panel, "bulk", "ids", "-o", "out.csv", NO_COLOR="1")
    assert code == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", text)


def test_dumb_terminal_gets_no_escape_sequences(panel, folder):
    code, text = run_on_terminal(panel, "get", "52", "61", TERM="dumb")
    assert code == 0
    assert "\x1b" not in text
    code, text = run_on_terminal(panel, "bulk", "ids", "-o", "out.csv", TERM="dumb")
    assert code == 0
    assert "\x1b" not in text
    assert "━" not in text


@pytest.mark.parametrize("encoding", ["ascii", "cp1254", "latin-1"])
def test_output_fits_the_encoding_of_stdout(panel, encoding):
    ran = subprocess.run(
        [*VAIROSMS, "get", "61", "52"],
        env=environment(panel, PYTHONIOENCODING=encoding),
        capture_output=True,
        check=True,
    )
    text = ran.stdout.decode(encoding)
    assert ("BAŞLIK" in text) == (encoding == "cp1254")
    assert "INVALID_SOURCE_ADDRESS" in text


@posix
def test_ctrl_c_says_how_to_continue(panel, folder):
    write_ids(range(1, 801))
    child = pexpect.spawn(
        VAIROSMS[0], [*VAIROSMS[1:], "bulk", "ids", "-o", "out.csv", "--rate", "100"],
        env=environment(panel, TERM="xterm"), timeout=30,
    )  # fmt: skip
    child.expect("/800")
    child.sendintr()
    child.expect("Interrupted.")
    child.expect("of 800 packets are done.")
    child.expect("Run the same command again to continue.")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


@posix
def test_ctrl_z_shows_the_cursor_and_fg_continues(panel, folder):
    """In a shell, because a process without one cannot be stopped."""
    write_ids(range(1, 801))
    env = environment(panel, TERM="xterm", PS1="$ ")
    shell = pexpect.spawn("bash", ["--norc", "-i"], env=env, timeout=30, encoding="utf-8")
    shell.logfile_read = io.StringIO()
    command = [*VAIROSMS, "bulk", "ids", "-o", "out.csv", "--rate", "200"]
    shell.sendline(shlex.join(command))
    shell.expect("/800")
    shell.sendcontrol("z")
    shell.expect("Stopped")
    seen = shell.logfile_read.getvalue()
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")
    shell.sendline("fg")
    shell.expect_exact("\x1b[?25l")
    shell.expect("Results: out.csv")
    shell.sendline("exit")
    shell.expect(pexpect.EOF)
    shell.close()
    check_complete("out.csv", range(1, 801))


@posix
def test_force_color_draws_no_bar_into_a_pipe(panel, folder):
    write_ids(range(1, 801))
    ran = run_vairosms("bulk", "ids", "-o", "out.csv", panel=panel, settings={"FORCE_COLOR": "1"})
    assert ran.code == 0
    assert "\x1b[32m" in ran.err
    assert "\x1b[?25l" not in ran.err
    assert "━" not in ran.err


@pytest.mark.parametrize("name", ["COLUMNS", "LINES"])
def test_a_size_of_0_is_the_usual_size(panel, folder, name):
    code, text = run_on_terminal(panel, "get", "52", "61", **{name: "0"})
    assert code == 0
    assert "Created, ends" in text
    assert "08505326480" in text
    code, text = run_on_terminal(panel, "bulk", "ids", "-o", "out.csv", **{name: "0"})
    assert code == 0
    assert "/800" in text


@pytest.mark.parametrize("columns", [40, 80])
def test_a_message_is_wrapped_between_words(panel, folder, columns):
    code, text = run_on_terminal(
        panel, "get", "52", size=(24, columns), VAIROSMS_API_KEY="wrong-key"
    )
    assert code == 3
    lines = text.splitlines()
    assert len(lines) > 1
    assert all(len(line) <= columns for line in lines)
    assert " ".join(lines).startswith(
        "Error: the panel refused the API key. Check VAIROSMS_API_KEY or the file of "
        "--api-key-file. The panel's answer: "
    )
