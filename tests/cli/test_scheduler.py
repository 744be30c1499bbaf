"""`vairosms bulk --scheduler`, on a cluster in this process and on one of processes."""

import json
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
    add_settling_packet,
    start_vairosms,
    wait_for_exit,
    wait_until,
    write_ids,
)
from tests.cli.results import OUTS, check_complete, final_ids
from vairosms_async.cli import cluster as cluster_module
from vairosms_async.sandbox import Fault

IDS = [*range(1, 151), 52, 52, 9999, "abc", 0]


@pytest.fixture(scope="module")
def cluster():
    """The address of a scheduler in this process, with two workers."""
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
def module_panel():
    with Panel(packets=3000, settle_time=0.0) as panel:
        yield panel


@pytest.fixture
def vairosms(vairosms):
    """Run the command in this process, in a folder with a file of ids."""
    write_ids(IDS)
    return vairosms


@pytest.mark.parametrize("out", OUTS)
def test_out_has_the_rows_of_file(vairosms, panel, cluster, out):
    ran = vairosms("bulk", "ids", "-o", out, "--scheduler", cluster, "--max-concurrency", 5)
    assert ran.code == 1
    check_complete(out, IDS)
    assert panel.requests == 151
    assert panel.peak_in_flight <= 5
    assert "155 rows, 151 packets: 151 lookups in " in ran.err


def test_the_same_command_again_asks_only_for_what_is_missing(vairosms, panel, cluster):
    write_ids(range(1, 121))
    vairosms("bulk", "ids", "-o", "out.jsonl", "-q", "--scheduler", cluster)
    final = final_ids("out.jsonl.db")
    write_ids(IDS)
    panel.reset_counters()
    assert vairosms("bulk", "ids", "-o", "out.jsonl", "--scheduler", cluster).code == 1
    rows = check_complete("out.jsonl", IDS)
    assert sum(row.durum is not None for row in rows) == 152
    assert panel.requests_by_id == dict.fromkeys({*range(1, 151), 9999} - final, 1)


def test_a_stream_has_each_row(vairosms, panel, cluster):
    ran = vairosms("bulk", "ids", "-o", "-", "--scheduler", cluster)
    assert ran.code == 1
    rows = sorted(map(json.loads, ran.out.splitlines()), key=lambda row: row["line"])
    assert [row["id"] for row in rows] == [*IDS[:-1], "0"]
    assert panel.requests == 151


def test_wait_polls_from_this_process(vairosms, panel, cluster):
    add_settling_packet(panel, 4000, 0.2)
    write_ids([52, 4000])
    ran = vairosms("bulk", "ids", "-o", "out.jsonl", "--wait", "--scheduler", cluster)
    assert ran.code == 0
    assert check_complete("out.jsonl", [52, 4000])[1].durum == 1


def test_a_refused_key_ends_the_run(vairosms, panel, cluster):
    panel.fail(Fault("status", 401), id=77)
    ran = vairosms("bulk", "ids", "-o", "out.jsonl", "--scheduler", cluster)
    assert ran.code == 3
    assert "Check VAIROSMS_API_KEY" in ran.err
    assert vairosms("bulk", "ids", "-o", "out.jsonl", "--scheduler", cluster).code == 1
    check_complete("out.jsonl", IDS)


def test_an_unreachable_scheduler_is_an_error(vairosms):
    with dask.config.set({"distributed.comm.timeouts.connect": "100ms"}):
        ran = vairosms("bulk", "ids", "-o", "out.jsonl", "--scheduler", "tcp://127.0.0.1:1")
    assert ran.code == 2
    assert "Error: --scheduler tcp://127.0.0.1:1: the Dask scheduler cannot be reached" in ran.err
    assert not Path("out.jsonl").exists()


def test_rejects_an_unknown_address_scheme(vairosms):
    ran = vairosms("bulk", "ids", "-o", "out.jsonl", "--scheduler", "foo://x")
    assert ran.code == 2
    assert "unknown address scheme 'foo'" in ran.err


@pytest.mark.parametrize("out", ["out.jsonl", "-"])
def test_a_run_with_nothing_to_ask_starts_no_cluster(vairosms, panel, out):
    write_ids([52, 61, "x"])
    assert vairosms("bulk", "ids", "-o", "out.jsonl", "-q", "--store", "all.db").code == 1
    given = ("--store", "all.db", "--scheduler", "tcp://127.0.0.1:1")
    assert vairosms("bulk", "ids", "-o", out, *given).code == 1
    assert panel.requests == 2


LOCAL = ("bulk", "ids", "-o", "out.jsonl", "--scheduler", "local")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        pytest.param(["--rate", "5"], "--rate cannot be combined with --scheduler", id="rate"),
        pytest.param(
            ["--scheduler", "lokal"],
            'Error: --scheduler must be "local" or an address',
            id="address",
        ),
    ],
)
def test_rejects_invalid_options(vairosms, panel, options, why):
    ran = vairosms(*LOCAL, *options)
    assert ran.code == 2
    assert why in ran.err
    assert not Path("out.jsonl").exists()
    assert panel.requests == 0


def test_rejects_a_proxy(vairosms, panel, monkeypatch):
    monkeypatch.setattr(cluster_module, "proxy_for", lambda url: "http://proxy")
    ran = vairosms(*LOCAL)
    assert ran.code == 2
    assert "cannot be combined with HTTPS_PROXY" in ran.err
    assert not Path("out.jsonl").exists()
    assert panel.requests == 0


def test_a_missing_extra_says_how_to_install_it(vairosms, panel, monkeypatch):
    for name in ("cluster", "cluster._driver", "cluster._worker"):
        monkeypatch.delitem(sys.modules, f"vairosms_async.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    ran = vairosms(*LOCAL)
    assert ran.code == 2
    assert "--scheduler cannot be used: vairosms_async.cluster needs distributed" in ran.err
    assert "pip install '/path/to/the/clone[dask]'" in ran.err
    assert not Path("out.jsonl").exists()
    assert panel.requests == 0


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.8, 1.3])
def test_ctrl_c_ends_a_run_while_its_cluster_starts(folder, seconds):
    write_ids(range(1, 3001))
    with Panel(packets=3000, settle_time=0.0, latency=0.2) as panel:
        child = start_vairosms(*LOCAL, panel=panel, start_new_session=True)
        wait_until(lambda: Path("out.jsonl.db").exists())
        time.sleep(seconds)
        os.killpg(child.pid, signal.SIGINT)
        ran = wait_for_exit(child)
    assert ran.code == 130
    # Dask and its processes print nothing.
    assert ran.err.endswith("Run the same command again to continue.\n")
    assert "Nanny" not in ran.err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["SIGINT", "SIGKILL"])
def test_the_same_command_again_completes_a_run_on_processes(folder, number):
    write_ids(range(1, 6_001))
    with Panel(packets=6_000, settle_time=0.0, latency=0.01) as panel:
        child = start_vairosms(*LOCAL, panel=panel, start_new_session=True)
        wait_until(lambda: panel.requests > 1500)
        time.sleep(1)
        if number == signal.SIGINT:  # a terminal sends it to all processes of the command
            os.killpg(child.pid, number)
        else:
            child.send_signal(number)
        ran = wait_for_exit(child)
        assert ran.code == (130 if number == signal.SIGINT else -9)
        wait_until(lambda: not panel.in_flight)
        final = final_ids("out.jsonl.db")
        assert 0 < len(final) < 5_000
        asked = panel.requests_by_id.copy()
        assert wait_for_exit(start_vairosms(*LOCAL, panel=panel)).code == 0
        check_complete("out.jsonl", range(1, 6_001))
        assert all(panel.requests_by_id[gonderim_id] == asked[gonderim_id] for gonderim_id in final)
