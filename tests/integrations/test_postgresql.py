"""examples/nightly_postgresql.py, with a real PostgreSQL."""

import asyncio
import json
import os
import subprocess
import sys

import asyncpg
import pytest

from examples.nightly_postgresql import ADD, BATCH, CREATE, SAVE
from tests.helpers import EXAMPLES, KEY, assert_no_key
from tests.integrations.postgresql import PROGRAMS, run_postgresql
from tests.project.documents import block_with, page
from vairosms_async import gonderim_from_dict
from vairosms_async.sandbox import Fault

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAMS is None, reason="PostgreSQL is not installed"),
]

END_BLOCKED_CONNECTIONS = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted"


@pytest.fixture(scope="module")
def server():
    with run_postgresql() as settings:
        yield settings


@pytest.fixture
async def database(server):
    """Connect to the database, without a table."""
    database = await asyncpg.connect(
        host=server["PGHOST"], user=server["PGUSER"], database=server["PGDATABASE"]
    )
    try:
        await database.execute("DROP TABLE IF EXISTS packets")
        yield database
    finally:
        await database.close()


@pytest.fixture
def start(server, panel):
    """Return a function that starts the job."""

    async def start(*args, **settings):
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error"),
            *(EXAMPLES / "nightly_postgresql.py", *map(str, args)),
            env=os.environ
            | server
            | {"VAIROSMS_API_KEY": KEY, "VAIROSMS_BASE_URL": panel.base_url}
            | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start


@pytest.fixture
def run(start):
    """Return a function that runs the job. It returns the exit code, stdout and stderr."""

    async def run(*args, **settings):
        child = await start(*args, **settings)
        async with asyncio.timeout(60):
            out, err = (stream.decode() for stream in await child.communicate())
        assert_no_key(out + err)
        assert "Traceback" not in err
        return child.returncode, out, err

    return run


async def states(database):
    rows = await database.fetch("SELECT id, state, is_final FROM packets ORDER BY id")
    return [tuple(row) for row in rows]


async def test_a_packet_is_looked_up_each_night_until_it_is_final(run, panel, database):
    panel.add_pending(700)
    assert await run(52, 700) == (0, "Looked up 2 packets, 0 failed.\n", "")
    assert await states(database) == [(52, "SONLANDI", True), (700, "DEVAM_EDIYOR", False)]
    panel.add_failed(700, "MESSAGE_TOO_LONG")
    assert await run(52) == (0, "Looked up 1 packets, 0 failed.\n", "")
    assert await states(database) == [(52, "SONLANDI", True), (700, "HATALI", True)]
    assert await run() == (0, "Looked up 0 packets, 0 failed.\n", "")
    assert panel.requests_by_id == {52: 1, 700: 2}


async def test_the_record_has_all_fields(run, panel, client, database):
    await run(61)
    [record, hata_kodu] = await database.fetchrow("SELECT record, hata_kodu FROM packets")
    assert gonderim_from_dict(json.loads(record)) == await client.get_gonderim(61)
    assert hata_kodu == "INVALID_SOURCE_ADDRESS"
    assert "BAŞLIK" in record


async def test_the_statement_of_the_guide_adds_ids_of_another_table(database):
    names = {}
    exec(block_with(page("guides/database.md"), "FROM messages"), names)
    await database.execute(CREATE)
    await database.execute(ADD, [52])
    await database.execute("CREATE TEMPORARY TABLE messages (gonderim_no bigint)")
    await database.execute("INSERT INTO messages VALUES (52), (700), (NULL), (700)")
    await database.execute(names["ADD_FROM_MESSAGES"])
    assert await states(database) == [(52, None, False), (700, None, False)]


async def test_a_failed_lookup_keeps_the_record_and_is_repeated_the_next_night(
    run, panel, database
):
    panel.add_pending(700)
    await run(700)
    panel.fail(Fault("html", 404), id=700, times=None)
    assert await run() == (1, "Looked up 1 packets, 1 failed.\n", "")
    row = await database.fetchrow("SELECT * FROM packets")
    assert "404" in row["error"]
    assert row["state"] == "DEVAM_EDIYOR"
    assert json.loads(row["record"])["id"] == 700
    panel.clear_faults()
    panel.add_gonderim(700)
    assert (await run())[0] == 0
    assert await database.fetchrow("SELECT state, error FROM packets") == ("SONLANDI", None)


async def test_a_killed_job_keeps_its_answers_and_the_next_one_continues(
    start, run, panel, database
):
    ids = range(1, 101)
    panel.fail(Fault("hang"), id=100, times=None)
    await database.execute(CREATE)
    child = await start(*ids)
    try:
        async with asyncio.timeout(60):
            await until_saved(database, 99)
    finally:
        child.kill()
        await child.communicate()
    panel.clear_faults()
    saved = {id for id, state, _ in await states(database) if state}
    assert saved == set(ids) - {100}
    is_pending = {id for id, _, is_final in await states(database) if id != 100 and not is_final}
    panel.reset_counters()
    code, out, _ = await run()
    assert (code, out) == (0, f"Looked up {len(is_pending) + 1} packets, 0 failed.\n")
    assert panel.requests_by_id == dict.fromkeys(is_pending | {100}, 1)


async def until_saved(database, count):
    """Wait until so many rows have a state."""
    while await database.fetchval("SELECT count(state) FROM packets") < count:
        await asyncio.sleep(0.05)


async def test_a_job_takes_more_packets_than_one_batch(run, panel, database):
    assert 2 * BATCH < 2001
    await database.execute(CREATE)
    await database.execute(ADD, list(range(1, 2002)))
    code, out, _ = await run()  # the panel has the packets 1 to 1000
    assert (code, out) == (1, "Looked up 2,001 packets, 1,001 failed.\n")
    assert panel.requests_by_id == dict.fromkeys(range(1, 2002), 1)


async def test_a_late_answer_does_not_change_a_final_row(run, database):
    await run(52)
    await database.execute(SAVE, 52, "DEVAM_EDIYOR", False, None, None, "late")
    row = await database.fetchrow("SELECT state, is_final, error FROM packets")
    assert row == ("SONLANDI", True, None)


async def test_a_refused_key_ends_the_job_and_changes_no_row(run, database):
    code, out, err = await run(52, VAIROSMS_API_KEY="wrong-key")
    assert (code, out) == (3, "")
    assert "refused the API key" in err
    assert await states(database) == [(52, None, False)]


@pytest.mark.parametrize(
    ("args", "settings", "code", "message"),
    [
        pytest.param(["--api-key-file", "key"], {}, 2, "invalid int value: 'key'", id="argument"),
        pytest.param([], {"VAIROSMS_API_KEY": ""}, 2, "api_key is missing", id="no key"),
        pytest.param([0], {}, 4, "violates check constraint", id="invalid id"),
        pytest.param(
            [], {"PGHOST": "127.0.0.1", "PGPORT": "1"}, 4, "Connect call failed", id="no server"
        ),
        pytest.param([], {"PGUSER": "nobody"}, 4, 'role "nobody" does not exist', id="no user"),
    ],
)
async def test_an_error_is_a_message_and_an_exit_code(run, database, args, settings, code, message):
    exit_code, out, err = await run(*args, **settings)
    assert (exit_code, out) == (code, "")
    assert message in err


async def test_a_lost_connection_ends_the_job_with_a_message(start, database):
    await database.execute(CREATE)
    async with asyncio.timeout(60), database.transaction():
        await database.execute("LOCK TABLE packets")
        child = await start(52)
        while not await database.fetchval(END_BLOCKED_CONNECTIONS):
            await asyncio.sleep(0.05)
    out, err = (stream.decode() for stream in await child.communicate())
    assert (child.returncode, out) == (4, "")
    assert err.startswith("PostgreSQL: ")
    assert "Traceback" not in err
