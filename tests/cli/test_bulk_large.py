"""`vairosms bulk` with millions of rows, as a process."""

import random
import sys
from pathlib import Path

import pytest

from tests.cli.helpers import Panel, start_vairosms, wait_for_exit
from tests.platforms import linux

pytestmark = [pytest.mark.slow, linux]

PACKETS = 2999


@pytest.fixture(scope="module")
def module_panel():
    with Panel(packets=PACKETS, settle_time=0.0) as panel:
        yield panel


MEASURE_MEMORY = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""
"""Runs a command from a small process: a child starts with the memory of its parent."""


def test_two_million_rows_come_back_in_order(panel, folder):
    """The ids are repeated and in random order, and 1 % of them are invalid."""
    rng = random.Random(52)
    ids = [str(n % PACKETS + 1) if n % 100 else f"x{n}" for n in range(2_000_000)]
    rng.shuffle(ids)
    Path("in.csv").write_text("paket;sıra\n" + "".join(f"{i};{n}\n" for n, i in enumerate(ids)))
    options = ("--column", "paket", "-o", "out.csv")
    before = (sys.executable, "-c", MEASURE_MEMORY)
    ran = wait_for_exit(
        start_vairosms("bulk", "in.csv", *options, panel=panel, before=before), seconds=600
    )
    code, megabytes = map(int, ran.out.split())
    assert code == 1, ran.err
    assert megabytes < 150
    assert panel.requests == PACKETS
    with Path("out.csv").open(encoding="utf-8-sig") as out:
        assert next(out).startswith("paket;sıra;paket_durum;")
        for n, (gonderim_id, line) in enumerate(zip(ids, out, strict=True)):
            own_id, number, durum, *_, error, _, _ = line.split(";")
            assert (own_id, number) == (gonderim_id, str(n))
            assert (durum == "") == (error == "VairoSMSInvalidIdError") == (own_id[0] == "x")
