"""What the command shows: progress, summaries, tables; on terminals wide, narrow, dumb and none."""

import io
import logging
import os
import re
import subprocess
import sys
import time
from contextlib import suppress

import attrs
import pexpect
import pytest
from rich.console import Console

from tests.cli.helpers import VAIROSMS, Panel, environment
from tests.helpers import assert_no_key, example_packet
from tests.platforms import posix
from vairosms_async import (
    GonderimResult,
    PaketDurum,
    VairoSMSNotFoundError,
    gonderim_from_dict,
)
from vairosms_async.cli.display import console, show_change, show_packets, show_summary
from vairosms_async.cli.formats import Entry
from vairosms_async.cli.progress import Progress
from vairosms_async.cli.tally import Tally
from vairosms_async.sandbox import Fault

G52, G61 = (gonderim_from_dict(example_packet(n)) for n in (52, 61))
UNKNOWN = attrs.evolve(G52, paket_durum=PaketDurum(7))
NOT_FOUND = GonderimResult(9999, error=VairoSMSNotFoundError("gonderim 9999: HTTP 404"))


def screen(width=80, **options):
    options = {"force_terminal": False, "no_color": True} | options
    options |= {"highlight": False, "legacy_windows": False}
    return Console(file=io.StringIO(), width=width, **options)


def shown(out):
    return out.file.getvalue()


def entry(n, durum=1, *, error=None, kod=None):
    return Entry(n, n, None if error else durum, 0 if error else 2, kod, error)


@pytest.fixture
def tally():
    tally = Tally()
    for n in range(1, 81):
        tally.add(entry(n))
    for n in range(81, 96):
        tally.add(entry(n, 0))
    for n in range(96, 99):
        tally.add(entry(n, -1, kod="INVALID_SOURCE_ADDRESS"))
    tally.add(entry(99, -1))
    tally.add(entry(100, error="VairoSMSNotFoundError 404"))
    return tally


# ---- the summary -------------------------------------------------------------------------------


def test_the_tally(tally):
    assert (tally.found, tally.failed, tally.total, tally.kredi) == (99, 1, 100, 198)
    assert tally.examples["INVALID_SOURCE_ADDRESS"] == "96"
    tally.clear()
    assert tally == Tally()


def test_a_summary(tally):
    out = screen()
    show_summary(out, "Checked 100 lines", tally, ["Results: out"])
    assert shown(out) == (
        "Checked 100 lines\n"
        "  SONLANDI     80  80.0% ████████████████████████\n"
        "  DEVAM_EDIYOR 15  15.0% ████\n"
        "  HATALI        4   4.0% █\n"
        "HATALI, by reason\n"
        "  INVALID_SOURCE_ADDRESS 3   3.0% █ e.g. 96\n"
        "  no reason given        1   1.0% █ e.g. 99\n"
        "Errors\n"
        "  VairoSMSNotFoundError 404 1   1.0% █ e.g. 100\n"
        "Credits charged: 198\n"
        "Results: out\n"
    )


def test_a_summary_of_nothing():
    out = screen()
    show_summary(out, "Checked 0 lines", Tally(), [])
    assert shown(out) == "Checked 0 lines\nCredits charged: 0\n"


def test_a_summary_of_many_kinds():
    tally = Tally()
    for n in range(8):
        tally.add(entry(n + 1, error=f"Kind {n}"))
    out = screen()
    show_summary(out, "Checked 8 lines", tally, [])
    assert "Kind 4" in shown(out)
    assert "Kind 5" not in shown(out)
    assert "  and 3 more kinds\n" in shown(out)


def test_a_narrow_summary(tally):
    out = screen(width=40)
    show_summary(out, "Checked 100 lines", tally, [])
    text = shown(out)
    assert all(len(line) <= 40 for line in text.splitlines())
    assert "  SONLANDI     80  80.0% ███████████\n" in text
    assert "  VairoSMSNotFoundError 404 1   1.0%\n    e.g. 100\n" in text
    out = screen(width=46)
    show_summary(out, "Checked 100 lines", tally, [])
    assert "  VairoSMSNotFoundError 404 1   1.0% e.g. 100\n" in shown(out)


def test_a_terminal_without_blocks(tally):
    out = Console(file=io.TextIOWrapper(io.BytesIO(), "ascii"), width=80)
    show_summary(out, "Checked", tally, [])
    out.file.flush()
    assert b"80.0% ####" in out.file.buffer.getvalue()


# ---- packets -----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 120])
def test_a_table(width):
    out = screen(width)
    show_packets(out, [GonderimResult(52, G52), GonderimResult(61, G61), NOT_FOUND])
    text = shown(out)
    assert re.search(r"52 +08505326480 +SONLANDI +2 numbers +2016-07-21 14:40:16", text)
    assert re.search(r"sent and finished +2 credits +2016-07-22 14:40:16", text)
    assert re.search(r"failed, nothing charged +0 credits", text)
    assert "BAŞLIK" in text
    assert re.search(r"^ +INVALID_SOURCE_ADDRESS", text, re.MULTILINE)
    assert text.endswith("\ngonderim 9999: HTTP 404\n")
    assert all(len(line) <= width for line in text.splitlines())


@pytest.mark.parametrize("width", [34, 40, 79])
def test_lists_on_a_narrow_terminal(width):
    out = screen(width)
    show_packets(out, [GonderimResult(52, G52), GonderimResult(61, G61), NOT_FOUND])
    text = shown(out)
    assert re.search(r"Başlık +08505326480", text)
    assert re.search(r"Created +2016-07-21 14:40:16", text)
    assert "INVALID_SOURCE_ADDRESS" in text
    assert all(len(line) <= width for line in text.splitlines())


def test_only_failures_have_no_table():
    out = screen()
    show_packets(out, [NOT_FOUND])
    assert shown(out) == "gonderim 9999: HTTP 404\n"


def test_what_would_steer_the_terminal_is_not_shown():
    evil = attrs.evolve(G52, sms_baslik="\x1b[2J\x07x[red]")
    for width in (40, 100):
        out = screen(width, markup=False)
        show_packets(out, [GonderimResult(52, evil)])
        assert "\x1b" not in shown(out)
        assert "\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}x[red]" in shown(out)


def test_changes():
    out = screen()
    soon = attrs.evolve(G52, paket_durum=PaketDurum.DEVAM_EDIYOR, ileri_tarih=G52.created_at)
    for result in (GonderimResult(52, soon), GonderimResult(61, G61), GonderimResult(52, UNKNOWN)):
        show_change(out, result)
    show_change(out, NOT_FOUND)
    lines = [re.sub(r"^\d\d:\d\d:\d\d  ", "", line) for line in shown(out).splitlines()]
    assert lines == [
        "52  DEVAM_EDIYOR: in progress, scheduled for 2016-07-21 14:40:16",
        "61  HATALI: failed, nothing charged, INVALID_SOURCE_ADDRESS",
        "52  BILINMEYEN_7: a state that this version does not know",
        "gonderim 9999: HTTP 404",
    ]


def test_a_failure_without_a_code_shows_its_message():
    out = screen()
    log = attrs.evolve(G61.log, mesaj="Bilinmeyen hata")
    show_change(out, GonderimResult(61, attrs.evolve(G61, log=log)))
    assert shown(out).endswith("HATALI: failed, nothing charged, Bilinmeyen hata\n")


# ---- progress ----------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_lines_every_few_seconds(clock):
    out, tally = screen(), Tally()
    progress = Progress(out, tally, 1000, quiet=False)
    with progress.shown():
        for second in range(21):
            clock[0] = 1000.0 + second
            tally.add(entry(second + 1, 0 if second % 2 else 1))
            progress.retries = second
            progress.update()
    lines = shown(out).splitlines()
    assert lines[0] == ("6/1,000, 1/s, 13:48 left; SONLANDI 3, DEVAM_EDIYOR 3, errors 0, retries 5")
    assert len(lines) == 4
    assert progress.pace() == " in 0:20, 1/s"


def test_no_total_and_long_times(clock):
    out, tally = screen(), Tally()
    progress = Progress(out, tally, None, quiet=False)
    clock[0] += 6
    progress.update()
    assert shown(out) == "0, 0/s; errors 0\n"
    progress = Progress(out, tally, 100_000, quiet=False)
    clock[0] += 6
    tally.add(entry(1))
    progress.update()
    assert "1/100,000, 0/s, 166:39:54 left" in shown(out)


def test_waiting(clock):
    out, tally = screen(), Tally()
    progress = Progress(out, tally, 3, quiet=False)
    tally.add(entry(1))
    progress.waiting = 2
    clock[0] += 6
    progress.update()
    assert shown(out) == "3/3, 2 not final yet; SONLANDI 1, not final 2, errors 0\n"


def test_what_the_library_warns_of_is_shown():
    out = screen()
    progress = Progress(out, Tally(), 3, quiet=False)
    logger = logging.getLogger("vairosms_async")
    handlers = list(logger.handlers)
    with progress.shown():
        logger.warning("the panel asks to wait (HTTP %d)", 429)
        logger.warning("the panel refused the API key (HTTP 401)")
        logger.info("no")
    logger.warning("later")
    assert shown(out) == "the panel asks to wait (HTTP 429)\n"
    assert progress.notes() == ["1 warning; the last: the panel asks to wait (HTTP 429)"]
    assert logger.handlers == handlers


def test_what_comes_again_and_again_does_not_fill_the_screen(clock):
    out = screen()
    progress = Progress(out, Tally(), 3, quiet=False)
    for n in range(100):
        clock[0] += 0.1
        progress.note(f"pause {n}")
    assert shown(out) == "pause 0\npause 50\n"
    assert progress.notes() == ["100 warnings; the last: pause 99"]


def test_a_terminal_that_is_gone_at_the_end(monkeypatch):
    out = screen(force_terminal=True)
    progress = Progress(out, Tally(), 3, quiet=False)
    with progress.shown():
        progress.update()
        monkeypatch.setattr(out.file, "write", Gone().write)
        progress.update()
        progress.note("x")


def test_quiet(clock):
    out = screen()
    progress = Progress(out, Tally(), 3, quiet=True)
    with progress.shown():
        progress.note("x")
        clock[0] += 10
        progress.update()
    assert shown(out) == ""


class Gone(io.StringIO):
    def write(self, _):
        raise OSError(5, "Input/output error")


def test_a_terminal_that_is_gone(clock):
    progress = Progress(Console(file=Gone(), width=80), Tally(), 3, quiet=False)
    for _ in range(2):
        clock[0] += 10
        progress.update()
    progress.note("x")


@posix
def test_readers_that_leave(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as pipe:
        for stderr in (False, True):
            monkeypatch.setattr(sys, "stderr" if stderr else "stdout", pipe)
        console(stderr=True).print("x")
        with pytest.raises(BrokenPipeError):
            console(stderr=False).print("x")
        monkeypatch.undo()
        with suppress(BrokenPipeError):
            pipe.close()


def test_a_bar_without_a_total(clock):
    out = screen(force_terminal=True)
    progress = Progress(out, Tally(), None, quiet=False)
    with progress.shown():
        progress.update()
    assert "━" not in shown(out)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_bar_fits(clock, tally, width):
    out = screen(width, force_terminal=True)
    progress = Progress(out, tally, 1_000_000, quiet=False)
    with progress.shown():
        clock[0] += 1
        progress.update()
    text = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", shown(out))
    assert "100/1,000,000" in text
    assert all(len(line) <= width for line in re.split(r"[\r\n]+", text))


# ---- real terminals ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def panel():
    with Panel(packets=1000, settle_time=0.0, latency=0.02) as panel:
        panel.fail(Fault("status", 429, retry_after=1), times=1, id=400)
        yield panel


def on_a_terminal(panel, tmp_path, *args, size=(24, 80), **settings):
    if sys.platform == "win32":
        pytest.skip("pexpect has no terminals on Windows")
    (tmp_path / "ids").write_text("".join(f"{i}\n" for i in range(1, 801)))
    settings = {"TERM": "xterm-256color", "NO_COLOR": None, "COLUMNS": None} | settings
    env = environment(panel, **settings)
    child = pexpect.spawn(
        VAIROSMS[0], [*VAIROSMS[1:], *args], env=env, cwd=tmp_path, dimensions=size, timeout=30
    )
    child.expect(pexpect.EOF)
    child.close()
    text = child.before.decode()
    assert_no_key(text)
    return child.exitstatus, text


@pytest.mark.slow
@pytest.mark.parametrize("size", [(24, 80), (24, 40)])
def test_a_bar_on_a_terminal(panel, tmp_path, size):
    panel.fail(Fault("status", 429, retry_after=1), times=1, id=400)
    code, text = on_a_terminal(panel, tmp_path, "bulk", "ids", "-o", "out", size=size)
    assert code == 0
    assert "━" in text  # rich's bar
    assert "1 warning; the last: the panel asks to" in text
    assert "\x1b[32m" in text  # SONLANDI in green
    assert "\x1b[?25l" in text  # the cursor is hidden, and shown again
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert "Checked 800 lines in 0:0" in text
    assert "Results: out" in text


@pytest.mark.slow
def test_results_on_the_terminal_itself(panel, tmp_path):
    code, text = on_a_terminal(panel, tmp_path, "bulk", "ids", "-o", "-")
    assert code == 0
    assert text.count('"checked_at"') == 800
    assert "━" not in text
    assert "Checked 800 lines" in text


@pytest.mark.slow
def test_no_colour(panel, tmp_path):
    code, text = on_a_terminal(panel, tmp_path, "bulk", "ids", "-o", "out", NO_COLOR="1")
    assert code == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", text)


@pytest.mark.slow
def test_a_dumb_terminal(panel, tmp_path):
    code, text = on_a_terminal(panel, tmp_path, "get", "52", "61", TERM="dumb")
    assert code == 0
    assert "\x1b" not in text
    code, text = on_a_terminal(panel, tmp_path, "bulk", "ids", "-o", "out", TERM="dumb")
    assert code == 0
    assert "\x1b" not in text
    assert "━" not in text


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1254", "latin-1"])
def test_another_encoding(panel, encoding):
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
@pytest.mark.slow
def test_ctrl_c_on_a_terminal(panel, tmp_path):
    (tmp_path / "ids").write_text("".join(f"{i}\n" for i in range(1, 801)))
    child = pexpect.spawn(
        VAIROSMS[0], [*VAIROSMS[1:], "bulk", "ids", "-o", "out", "--rate", "100"],
        env=environment(panel, TERM="xterm"), cwd=tmp_path, timeout=30,
    )  # fmt: skip
    child.expect("/800")
    child.sendintr()
    child.expect("To go on:")
    child.expect("vairosms bulk ids -o out --rate 100 --resume")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
