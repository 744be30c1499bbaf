"""`vairosms bulk` while the panel is down: `--max-failures`."""

from tests.cli.helpers import write_ids
from tests.cli.results import check_complete, read_rows
from vairosms_async.sandbox import Fault


def test_failures_in_a_row_end_the_run(vairosms, panel):
    panel.fail(Fault("html", 503), times=None)
    write_ids(range(1, 1000))
    ran = vairosms("bulk", "ids", "-o", "out", "--max-failures", 40)
    assert ran.code == 4
    assert "stopped: 40 lookups in a row failed and none found its packet" in ran.err
    assert "the retry budget is spent" in ran.err
    assert 40 <= len(read_rows("out")) < 80
    panel.clear_faults()
    write_ids(range(1, 301))
    assert vairosms("bulk", "ids", "-o", "out", "--resume").code == 0
    check_complete("out", range(1, 301))


def test_invalid_lines_do_not_count_as_failures(vairosms):
    write_ids([0] * 50)
    assert vairosms("bulk", "ids", "-o", "out", "--max-failures", 10).code == 1
    check_complete("out", [0] * 50)


def test_an_unreachable_panel_ends_the_run(vairosms, monkeypatch):
    monkeypatch.setenv("VAIROSMS_BASE_URL", "http://127.0.0.1:1")
    write_ids(range(1, 400))
    ran = vairosms("bulk", "ids", "-o", "out")
    assert ran.code == 4
    assert "stopped: 100 lookups in a row failed" in ran.err
    assert "no connection to 127.0.0.1:1" in ran.err


def test_max_failures_0_never_ends_the_run(vairosms, panel):
    panel.fail(Fault("html", 503), times=None)
    write_ids(range(1, 201))
    ran = vairosms("bulk", "ids", "-o", "out", "--max-failures", 0)
    assert ran.code == 1
    assert "VairoSMSServerError 503" in ran.err
    check_complete("out", range(1, 201))


def test_a_record_resets_the_count_of_failures(vairosms, panel):
    for gonderim_id in range(1, 31):
        if gonderim_id % 10:
            panel.fail(Fault("html", 404 if gonderim_id < 4 else 400), times=None, id=gonderim_id)
    write_ids([*range(1, 31), *range(1000, 1100)])
    ran = vairosms("bulk", "ids", "-o", "out", "--max-failures", 12, "--max-concurrency", 1)
    assert ran.code == 1
    check_complete("out", [*range(1, 31), *range(1000, 1100)])
