"""`vairosms bulk -o -`: JSON Lines to stdout, pipes and devices, in this process."""

import json
import os
import socket
import threading
from pathlib import Path

import pytest

from tests.cli.helpers import add_settling_packet, open_unread_pipe, write_ids
from tests.cli.results import final_ids
from tests.platforms import linux, posix


def parse(text):
    """Parse the lines of a stream, and return them in FILE's order."""
    return sorted(map(json.loads, text.splitlines()), key=lambda row: row["line"])


def test_writes_one_line_per_row_and_needs_no_store(vairosms, panel, folder):
    write_ids([52, "x", 61, 52, 9999])
    ran = vairosms("bulk", "ids", "-o", "-")
    assert ran.code == 1
    rows = parse(ran.out)
    assert [(row["line"], row["id"]) for row in rows] == [
        (1, 52), (2, "x"), (3, 61), (4, 52), (5, 9999)
    ]  # fmt: skip
    assert [row["error"] and row["error"]["type"] for row in rows] == [
        None, "VairoSMSInvalidIdError", None, None, "VairoSMSNotFoundError"
    ]  # fmt: skip
    assert rows[0]["gonderim"] == rows[3]["gonderim"]
    assert "5 rows, 3 packets: 3 lookups in 0:0" in ran.err
    assert "Results:" not in ran.err
    assert [path.name for path in folder.iterdir()] == ["ids"]


def test_a_row_has_the_cells_of_file(vairosms):
    Path("in.csv").write_text("ad;paket\nAyşe;61\n", "utf-8")
    [row] = parse(vairosms("bulk", "in.csv", "--column", "paket", "-o", "-").out)
    assert row["input"] == {"ad": "Ayşe", "paket": "61"}
    assert row["hata_kodu"] == "INVALID_SOURCE_ADDRESS"


def test_a_store_remembers_the_answers_of_a_stream(vairosms, panel):
    add_settling_packet(panel, 821, 3600)
    write_ids([52, 61, 821, "x"])
    command = ("bulk", "ids", "-o", "-", "--store", "all.db")
    first = parse(vairosms(*command).out)
    assert final_ids("all.db") == {52, 61}
    second = parse(vairosms(*command).out)
    assert second[:2] == first[:2]
    assert len(second) == 4
    assert panel.requests_by_id == {52: 1, 61: 1, 821: 2}
    offline = parse(vairosms(*command, "--offline").out)
    assert offline == second
    assert len(parse(vairosms(*command, "--fresh").out)) == 4
    assert panel.requests_by_id == {52: 2, 61: 2, 821: 3}


def test_rows_with_the_same_id_share_one_lookup(vairosms, panel):
    """More rows than are kept in memory."""
    ids = [n % 40 + 1 if n % 50 else "1x" for n in range(4000)]
    write_ids(ids)
    ran = vairosms("bulk", "ids", "-o", "-", "-q")
    assert [row["id"] for row in parse(ran.out)] == ids
    assert set(panel.requests_by_id.values()) == {1}


@posix
def test_a_redirected_file_is_appended_to(vairosms, capfd):
    """`>> log` and `-o /dev/stdout`: opening the file again would truncate it."""
    write_ids([52])
    saved = os.dup(1)
    with Path("log").open("w") as log:
        log.write("before\n")
        log.flush()
        os.dup2(log.fileno(), 1)
        try:
            for out in ("-", "/dev/stdout", "/dev/fd/1"):
                assert vairosms("bulk", "ids", "-o", out).code == 0
        finally:
            os.dup2(saved, 1)
            os.close(saved)
    lines = Path("log").read_text().splitlines()
    assert lines[0] == "before"
    assert [json.loads(line)["id"] for line in lines[1:]] == [52, 52, 52]


@posix
def test_writes_to_a_fifo(vairosms):
    write_ids([52, 61])
    os.mkfifo("fifo")
    read = []
    reader = threading.Thread(target=lambda: read.append(Path("fifo").read_text()))
    reader.start()
    assert vairosms("bulk", "ids", "-o", "fifo").code == 0
    reader.join(10)
    assert [row["id"] for row in parse(read[0])] == [52, 61]


@linux
def test_a_full_device_ends_the_run(vairosms):
    write_ids([52, "x"])
    ran = vairosms("bulk", "ids", "-o", "/dev/full", "-q")
    assert (ran.code, ran.err) == (4, "Error: /dev/full: No space left on device\n")


@linux
def test_a_socket_as_out_is_an_error(vairosms):
    write_ids([52])
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("out")
        ran = vairosms("bulk", "ids", "-o", "out")
    assert (ran.code, ran.err) == (4, "Error: out: No such device or address\n")


@posix
@pytest.mark.parametrize("store", [False, True], ids=["no store", "--store"])
def test_an_unread_pipe_ends_the_run(vairosms, store):
    write_ids(range(1, 101))
    os.mkfifo("fifo")

    def open_and_close():
        os.close(os.open("fifo", os.O_RDONLY))

    reader = threading.Thread(target=open_and_close)
    reader.start()
    ran = vairosms("bulk", "ids", "-o", "fifo", "-q", *(("--store", "all.db") if store else ()))
    reader.join(10)
    assert ran.code == 4
    assert ran.err.startswith("Error: fifo: nobody reads it any more\n")
    assert ("Run the same command again to continue." in ran.err) == store
    assert bool(store and final_ids("all.db")) == store


@posix
@pytest.mark.parametrize("store", [False, True], ids=["no store", "--store"])
def test_a_reader_of_stdout_that_leaves_is_no_error(vairosms, capfd, store):
    """As with `| head`."""
    write_ids(range(1, 101))
    saved, unread = os.dup(1), open_unread_pipe()
    os.dup2(unread, 1)
    try:
        ran = vairosms("bulk", "ids", "-o", "-", "-q", *(("--store", "all.db") if store else ()))
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(unread)
    assert (ran.code, ran.err) == (0, "")
