"""`vairosms bulk` while the panel is down, or is not the panel: `--max-failures`."""

from pathlib import Path

import pytest

from tests.cli.helpers import write_ids
from tests.cli.results import check_complete, query_store
from vairosms_async.sandbox import Fault


def test_failures_in_a_row_end_the_run(vairosms, panel):
    panel.fail(Fault("html", 503), times=None)
    write_ids(range(1, 1000))
    ran = vairosms("bulk", "ids", "-o", "out.jsonl", "--max-failures", 40)
    assert ran.code == 4
    assert "stopped: 40 lookups in a row failed and none found its packet" in ran.err
    assert "the retry budget is spent" in ran.err
    assert "\n0 of 999 packets are done.\n" in ran.err
    assert not Path("out.jsonl").exists()
    [[failed]] = query_store("out.jsonl.db", "SELECT count(*) FROM gonderim WHERE error NOT NULL")
    assert 40 <= failed < 80
    panel.clear_faults()
    write_ids(range(1, 301))
    assert vairosms("bulk", "ids", "-o", "out.jsonl").code == 0
    check_complete("out.jsonl", range(1, 301))


def test_invalid_lines_do_not_count_as_failures(vairosms):
    write_ids([0] * 50)
    assert vairosms("bulk", "ids", "-o", "out.jsonl", "--max-failures", 10).code == 1
    check_complete("out.jsonl", [0] * 50)


def test_an_unreachable_panel_ends_the_run(vairosms, monkeypatch):
    monkeypatch.setenv("VAIROSMS_BASE_URL", "http://127.0.0.1:1")
    write_ids(range(1, 400))
    ran = vairosms("bulk", "ids", "-o", "out.jsonl")
    assert ran.code == 4
    assert "stopped: 100 lookups in a row failed" in ran.err
    assert "no connection to 127.0.0.1:1" in ran.err


def test_max_failures_0_never_ends_the_run(vairosms, panel):
    panel.fail(Fault("html", 503), times=None)
    write_ids(range(1, 201))
    ran = vairosms("bulk", "ids", "-o", "out.jsonl", "--max-failures", 0)
    assert ran.code == 1
    assert "Panel out of order 200 100.0%" in ran.err
    check_complete("out.jsonl", range(1, 201))


def test_answers_about_a_packet_do_not_end_the_run(vairosms, panel):
    for gonderim_id in range(1, 31):
        if gonderim_id % 10:
            panel.fail(Fault("html", 400), times=None, id=gonderim_id)
    ids = [*range(1, 31), *range(1000, 1100)]
    write_ids(ids)
    ran = vairosms("bulk", "ids", "-o", "out.jsonl", "--max-failures", 12, "--max-concurrency", 1)
    assert ran.code == 1
    check_complete("out.jsonl", ids)


def test_a_record_resets_the_count_of_failures(vairosms, panel):
    for gonderim_id in range(1, 41):
        if gonderim_id % 10:
            panel.fail(Fault("html", 200), times=None, id=gonderim_id)
    write_ids(range(1, 41))
    options = ("--max-failures", 10, "--max-concurrency", 1)
    assert vairosms("bulk", "ids", "-o", "out.jsonl", *options).code == 1
    check_complete("out.jsonl", range(1, 41))


@pytest.mark.parametrize("status", [404, 200])
def test_a_server_that_is_not_the_panel_ends_the_run(vairosms, panel, status):
    panel.fail(Fault("html", status), times=None)
    write_ids(range(1, 301))
    ran = vairosms("bulk", "ids", "-o", "out.jsonl")
    assert ran.code == 4
    assert "stopped: 100 lookups in a row failed" in ran.err
    assert "Check VAIROSMS_BASE_URL." in ran.err
    assert panel.requests < 150
