"""`vairosms bulk --wait`, in this process."""

import functools
import json
from pathlib import Path

import pytest

from tests.cli.helpers import add_settling_packet, write_ids
from tests.cli.results import OUTS, OutRow, check_complete, query_store, read_out
from tests.platforms import posix
from vairosms_async import VairoSMSClient
from vairosms_async.cli import settings
from vairosms_async.cli.lookups import Lookups
from vairosms_async.sandbox import Fault


@pytest.fixture(autouse=True)
def poll_quickly(monkeypatch):
    """Poll first after 0.1 s, not after 2 s."""
    quick_client = functools.partial(VairoSMSClient, poll_interval=0.1)
    monkeypatch.setattr(settings, "VairoSMSClient", quick_client)


@pytest.mark.parametrize("out", OUTS)
def test_wait_polls_until_all_are_final(vairosms, panel, out):
    add_settling_packet(panel, 701, 0.3)
    add_settling_packet(panel, 702, 0.3, durum=-1)
    ids = [52, 701, 702, 701, 61, 701]
    write_ids(ids)
    ran = vairosms("bulk", "ids", "-o", out, "--wait")
    assert ran.code == 0
    rows = check_complete(out, ids)
    assert [row.durum for row in rows] == [1, 1, -1, 1, -1, 1]
    assert panel.requests_by_id[52] == panel.requests_by_id[61] == 1
    assert "SONLANDI 2  50.0%" in ran.err


def test_packets_in_progress_after_a_timeout_are_no_errors(vairosms, panel):
    add_settling_packet(panel, 703, 3600)
    write_ids([52, 703])
    ran = vairosms("bulk", "ids", "-o", "out.csv", "--wait", "--wait-timeout", 2.5)
    assert ran.code == 0
    assert check_complete("out.csv", [52, 703])[1] == OutRow("703", 0, None)
    assert panel.requests_by_id[703] > 1


def test_a_wait_continues_with_the_same_command(vairosms, panel):
    add_settling_packet(panel, 704, 3600)
    write_ids([52, 704])
    command = ("bulk", "ids", "-o", "out.csv", "--wait", "--wait-timeout", 1)
    assert vairosms(*command).code == 0
    add_settling_packet(panel, 704, 0)
    panel.reset_counters()
    assert vairosms(*command).code == 0
    assert panel.requests_by_id == {704: 1}
    assert check_complete("out.csv", [52, 704])[1].durum == 1


def test_a_poll_that_fails_at_the_end_keeps_the_record_and_adds_the_error(
    vairosms, panel, monkeypatch
):
    add_settling_packet(panel, 705, 3600)
    write_ids([705])
    wait = Lookups.wait

    async def fail_and_wait(*args):
        panel.fail(Fault("html", 503), times=None)
        await wait(*args)

    monkeypatch.setattr(Lookups, "wait", fail_and_wait)
    ran = vairosms("bulk", "ids", "-o", "out.csv", "--wait", "--wait-timeout", 0.5)
    assert ran.code == 1
    assert read_out("out.csv") == [OutRow("705", 0, "VairoSMSServerError")]


def test_a_lasting_error_ends_the_wait_of_its_packet(vairosms, panel):
    for gonderim_id in (706, 707):
        add_settling_packet(panel, gonderim_id, 0.3)
    write_ids([706, 707])
    vairosms("bulk", "ids", "-o", "out.csv")
    panel.fail(Fault("status", 400), times=None, id=706)
    assert vairosms("bulk", "ids", "-o", "out.csv", "--wait").code == 1
    assert read_out("out.csv") == [
        OutRow("706", 0, "VairoSMSAPIError"), OutRow("707", 1, None)
    ]  # fmt: skip


@posix
def test_an_interrupted_wait_has_saved_the_states_so_far(vairosms, panel):
    add_settling_packet(panel, 708, 3600)
    add_settling_packet(panel, 709, 0.1)
    write_ids([52, 708, 709])

    def only_one_is_polled():
        return panel.requests_by_id[708] > panel.requests_by_id[709] + 1

    command = ("bulk", "ids", "-o", "out.csv", "--wait")
    ran = vairosms(*command, terminate_when=only_one_is_polled)
    assert ran.code == 143
    assert "2 of 3 packets are done.\n" in ran.err
    rows = query_store("out.csv.db", "SELECT id, paket_durum FROM gonderim ORDER BY id")
    assert rows == [(52, 1), (708, 0), (709, 1)]
    assert not Path("out.csv").exists()


def test_a_stream_waits_for_the_final_state(vairosms, panel):
    add_settling_packet(panel, 710, 0.3)
    add_settling_packet(panel, 711, 3600)
    write_ids([710, 52, 711, 9999, 710])
    ran = vairosms("bulk", "ids", "-o", "-", "--wait", "--wait-timeout", 2.5)
    assert ran.code == 1
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert {row["line"]: row["gonderim"] and row["gonderim"]["paket_durum"] for row in rows} == {
        1: 1, 2: 1, 3: 0, 4: None, 5: 1
    }  # fmt: skip
    assert len(rows) == 5
    assert rows[-1]["line"] == 3


def test_a_stream_does_not_print_an_error_before_a_later_poll_succeeds(vairosms, panel):
    add_settling_packet(panel, 712, 3600)
    write_ids([712])
    assert vairosms("bulk", "ids", "-o", "out.csv", "--store", "store").code == 0
    add_settling_packet(panel, 712, 0)
    panel.fail(Fault("html", 200), id=712)
    ran = vairosms("bulk", "ids", "-o", "-", "--wait", "--store", "store")
    assert ran.code == 0
    [row] = map(json.loads, ran.out.splitlines())
    assert (row["gonderim"]["paket_durum"], row["error"]) == (1, None)
