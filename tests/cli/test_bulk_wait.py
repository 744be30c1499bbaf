"""`vairosms bulk --wait`, in this process."""

import errno
import os
from pathlib import Path

from tests.cli.helpers import add_settling_packet, write_ids
from tests.cli.results import check_complete
from vairosms_async.cli.out import OutFile
from vairosms_async.sandbox import Fault


def test_wait_polls_until_all_are_final(vairosms, panel):
    out = "out.csv"
    add_settling_packet(panel, 701, 0.3)
    add_settling_packet(panel, 702, 0.3, durum=-1)
    write_ids([52, 701, 702, 701, 61, 701])
    ran = vairosms("bulk", "ids", "-o", out, "--wait")
    assert ran.code == 0
    rows = check_complete(out, [52, 701, 702, 701, 61, 701])
    states = [row["paket_durum"] for _, row in sorted(rows.items())]
    assert states == ["1", "1", "-1", "1", "-1", "1"]
    assert "SONLANDI 4  66.7%" in ran.err
    assert "Credits charged: 10" in ran.err


def test_wait_timeout_gives_an_error_result(vairosms, panel):
    add_settling_packet(panel, 703, 3600)
    write_ids([52, 703])
    ran = vairosms("bulk", "ids", "-o", "out", "--wait", "--wait-timeout", 0.2)
    assert ran.code == 1
    rows = check_complete("out", [52, 703])
    assert rows[2]["error"]["type"] == "VairoSMSTimeoutError"
    assert rows[2]["gonderim"]["paket_durum"] == 0
    assert "VairoSMSTimeoutError, last seen DEVAM_EDIYOR 1  50.0%" in ran.err
    ran = vairosms("bulk", "ids", "-o", "-", "--wait", "--wait-timeout", 0.2)
    assert len(ran.out.splitlines()) == 2


def test_resume_asks_for_unfinished_packets_only_with_wait(vairosms, panel):
    add_settling_packet(panel, 704, 3600)
    write_ids([52, 704])
    assert vairosms("bulk", "ids", "-o", "out").code == 0
    panel.reset_counters()
    assert vairosms("bulk", "ids", "-o", "out", "--resume").code == 0
    assert panel.requests == 0
    add_settling_packet(panel, 704, 0)
    assert vairosms("bulk", "ids", "-o", "out", "--resume", "--wait").code == 0
    assert panel.requests_by_id == {704: 1}
    rows = check_complete("out", [52, 704])
    assert rows[2]["gonderim"]["paket_durum"] == 1


def test_a_failure_does_not_replace_a_record(vairosms, panel):
    add_settling_packet(panel, 706, 3600)
    write_ids([52, 706])
    vairosms("bulk", "ids", "-o", "out")
    before = Path("out").read_bytes()
    panel.fail(Fault("html", 503), times=None)
    assert vairosms("bulk", "ids", "-o", "out", "--resume", "--wait").code == 1
    assert Path("out").read_bytes() == before


def test_a_full_disk_ends_a_wait(vairosms, panel, monkeypatch):
    add_settling_packet(panel, 707, 3600)
    write_ids([707])

    def raise_disk_full(fd, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    create = OutFile.create

    def create_and_fill_the_disk(self, **options):
        fd = create(self, **options)
        monkeypatch.setattr(os, "write", raise_disk_full)
        return fd

    monkeypatch.setattr(OutFile, "create", create_and_fill_the_disk)
    ran = vairosms("bulk", "ids", "-o", "out", "--wait", "-q")
    assert ran.code == 4
    assert "No space left" in ran.err
