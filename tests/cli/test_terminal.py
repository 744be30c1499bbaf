"""The command on real terminals."""

import re
import subprocess
import sys

import pexpect
import pytest

from tests.cli.helpers import VAIROSMS, Panel, environment, write_ids
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
    assert "Checked 800 rows in 0:0" in text
    assert "Results: out.csv" in text


def test_no_bar_if_results_go_to_the_terminal(panel, folder):
    code, text = run_on_terminal(panel, "bulk", "ids", "-o", "-")
    assert code == 0
    assert text.count('"checked_at"') == 800
    assert "━" not in text
    assert "Checked 800 rows" in text


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
    child.expect("of 800 packets are looked up.")
    child.expect("Run the same command again to continue.")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
