"""`vairosms bulk --scheduler`: on a cluster in this process, and on one of processes."""

import os
import signal
import sys
import time
from pathlib import Path

import dask
import pytest
from distributed import LocalCluster

from tests.cli.helpers import (
    Panel,
    check_complete,
    finish,
    rows_of,
    runner_here,
    start,
    until,
    whole_lines,
)
from vairosms_async.sandbox import Fault

IDS = [*range(1, 151), 52, 52, 9999, "abc", 0]


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def the_panel():
    with Panel(packets=3000, settle_time=0.0) as panel:
        yield panel


@pytest.fixture
def panel(the_panel):
    return the_panel.fresh()


@pytest.fixture
def vairosms(panel, monkeypatch, capfd, tmp_path):
    monkeypatch.chdir(tmp_path)
    write_ids(IDS)
    return runner_here(monkeypatch, capfd, panel)


def write_ids(ids):
    Path("ids").write_text("".join(f"{i}\n" for i in ids), "utf-8")


@pytest.mark.parametrize("out", ["out.jsonl", "out.csv"])
def test_each_line_has_its_result(vairosms, panel, cluster, out):
    ran = vairosms("bulk", "ids", "-o", out, "--scheduler", cluster, "--max-concurrency", 5)
    assert ran.code == 1
    check_complete(out, IDS)
    assert panel.requests == 153
    assert panel.peak_in_flight <= 5
    assert "Checked 155 lines" in ran.err


def test_resumed_it_asks_for_what_is_missing_only(vairosms, panel, cluster):
    assert vairosms("bulk", "ids", "-o", "out.jsonl", "-q", "--scheduler", cluster).code == 1
    lines = Path("out.jsonl").read_bytes().splitlines(keepends=True)
    # Forty lines lost, one torn.
    Path("out.jsonl").write_bytes(b"".join(lines[:114]) + lines[114][:20])
    panel.reset_counters()
    ran = vairosms("bulk", "ids", "-o", "out.jsonl", "--resume", "--scheduler", cluster)
    assert ran.code == 1
    rows = check_complete("out.jsonl", IDS)
    assert sum(row["gonderim"] is not None for row in rows.values()) == 152
    assert panel.requests <= 41 + 1  # those, and the one that is not there


def test_packets_in_progress_are_waited_for_from_here(vairosms, panel, cluster):
    ran = vairosms(
        "bulk", "ids", "-o", "out.jsonl", "--wait", "--wait-timeout", "0.1", "--scheduler", cluster
    )
    assert ran.code == 1
    check_complete("out.jsonl", IDS)
    assert any((row["error"] or {}).get("type") == "VairoSMSTimeoutError" for row in
               rows_of("out.jsonl"))  # fmt: skip


def test_a_refused_key_ends_it(vairosms, panel, cluster):
    panel.fail(Fault("status", 401), id=77)
    ran = vairosms("bulk", "ids", "-o", "out.jsonl", "--scheduler", cluster)
    assert ran.code == 3
    assert "--resume" in ran.err
    assert vairosms("bulk", "ids", "-o", "out.jsonl", "--scheduler", cluster, "--resume").code == 1
    check_complete("out.jsonl", IDS)


def test_no_scheduler_there(vairosms):
    with dask.config.set({"distributed.comm.timeouts.connect": "100ms"}):
        ran = vairosms("bulk", "ids", "-o", "out.jsonl", "--scheduler", "tcp://127.0.0.1:1")
    assert ran.code == 2
    assert "Error: --scheduler tcp://127.0.0.1:1: the Dask scheduler cannot be reached" in ran.err
    assert not Path("out.jsonl").exists()


def test_an_address_that_is_none(vairosms):
    ran = vairosms("bulk", "ids", "-o", "out.jsonl", "--scheduler", "foo://x")
    assert ran.code == 2
    assert "unknown address scheme 'foo'" in ran.err


def test_nothing_left_to_ask_starts_no_cluster(vairosms, panel, cluster):
    write_ids(range(1, 21))
    assert vairosms("bulk", "ids", "-o", "out.jsonl", "-q", "--scheduler", cluster).code == 0
    given = ("--resume", "--scheduler", "tcp://127.0.0.1:1")
    assert vairosms("bulk", "ids", "-o", "out.jsonl", *given).code == 0
    assert panel.requests == 20


def test_what_does_not_go_with_it(vairosms, panel, monkeypatch):
    given = ("bulk", "ids", "-o", "out.jsonl", "--scheduler", "local")
    ran = vairosms(*given, "--rate", "5")
    assert ran.code == 2
    assert "--rate is for one machine" in ran.err
    ran = vairosms("bulk", "ids", "-o", "out.jsonl", "--scheduler", "lokal")
    assert ran.code == 2
    assert 'Error: --scheduler is "local", or an address' in ran.err
    monkeypatch.setattr("vairosms_async.cli.cluster.proxy_for", lambda url: "http://proxy")
    ran = vairosms(*given)
    assert ran.code == 2
    assert "not through HTTPS_PROXY" in ran.err
    monkeypatch.setitem(sys.modules, "vairosms_async.cluster", None)
    ran = vairosms(*given)
    assert ran.code == 2
    assert "pip install 'vairosms-async[dask]'" in ran.err
    assert not Path("out.jsonl").exists()
    assert panel.requests == 0


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.8, 1.3])
def test_interrupted_while_the_cluster_starts(tmp_path, monkeypatch, after):
    monkeypatch.chdir(tmp_path)
    write_ids(range(1, 3001))
    with Panel(packets=3000, settle_time=0.0, latency=0.2) as panel:
        child = start("bulk", "ids", "-o", "out", "--scheduler", "local", panel=panel,
                      start_new_session=True)  # fmt: skip
        until(lambda: Path("out").exists())
        time.sleep(after)
        os.killpg(child.pid, signal.SIGINT)
        ran = finish(child)
    assert ran.code == 130
    # No word of Dask's or of its processes, after ours or before.
    assert ran.err.rstrip().endswith("--resume")
    assert "Nanny" not in ran.err


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_ended_and_resumed_on_processes_of_its_own(tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)
    write_ids(range(1, 6_001))
    given = ("bulk", "ids", "-o", "out.jsonl", "--scheduler", "local")
    with Panel(packets=6_000, settle_time=0.0, latency=0.01) as panel:
        child = start(*given, panel=panel, start_new_session=True)
        until(lambda: whole_lines("out.jsonl").count(b"\n") > 600)
        if how == signal.SIGINT:  # from a terminal it is sent to every process of the command
            os.killpg(child.pid, how)
        else:
            child.send_signal(how)
        ran = finish(child)
        assert ran.code == {signal.SIGINT: 130, signal.SIGTERM: 143}.get(how, -9)
        until(lambda: not panel.in_flight)
        sent, done = panel.requests, len(rows_of("out.jsonl"))
        assert done < 6_000
        ran = finish(start(*given, "--resume", panel=panel))
        assert ran.code == 0
        check_complete("out.jsonl", range(1, 6_001))
        # What was in OUT is not asked for again.
        assert panel.requests - sent == 6_000 - done
