"""Keep a PostgreSQL table of packets up to date: a nightly job. Needs asyncpg.

    VAIROSMS_API_KEY=... PGDATABASE=... python3 examples/nightly_postgresql.py [ID ...]

The job adds the IDs to the table, then looks up each packet that is not final, and commits each
answer when it arrives. Stop it at any time. Like psql, it reads PGHOST, PGUSER and PGPASSWORD.

Exit codes: 0 all found, 1 some lookups failed, 2 invalid argument or setting, 3 key refused,
4 PostgreSQL error.
"""

import argparse
import asyncio
import json
import sys
from contextlib import aclosing

import asyncpg

from vairosms_async import GonderimResult, VairoSMSAuthError, VairoSMSClient, gonderim_to_dict

BATCH = 1000  # ids in memory

CREATE = """
CREATE TABLE IF NOT EXISTS packets (
    id bigint PRIMARY KEY CHECK (id > 0),
    state text,                               -- SONLANDI, DEVAM_EDIYOR or HATALI
    is_final boolean NOT NULL DEFAULT false,  -- no later run asks for a final packet
    hata_kodu text,                           -- why the packet failed
    record json,                              -- all fields of the panel
    error text,                               -- why the last lookup failed
    checked_at timestamptz
);
CREATE INDEX IF NOT EXISTS packets_not_final ON packets (id) WHERE NOT is_final;
"""

ADD = "INSERT INTO packets (id) SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING"
NOT_FINAL = "SELECT id FROM packets WHERE NOT is_final AND id > $1 ORDER BY id LIMIT $2"

# A failed lookup keeps the last record. A final row never changes, even if two jobs run at once.
SAVE = """
INSERT INTO packets AS old (id, state, is_final, hata_kodu, record, error, checked_at)
VALUES ($1, $2, $3, $4, $5, $6, now())
ON CONFLICT (id) DO UPDATE SET
    state = coalesce(excluded.state, old.state),
    is_final = excluded.is_final,
    hata_kodu = excluded.hata_kodu,
    record = coalesce(excluded.record, old.record),
    error = excluded.error,
    checked_at = excluded.checked_at
WHERE NOT old.is_final
"""


async def save(database: asyncpg.Connection, result: GonderimResult) -> None:
    """Write the outcome of one lookup. It is committed when this returns."""
    state = hata_kodu = record = None
    if g := result.gonderim:
        state, hata_kodu = g.paket_durum.name, g.log and g.log.hata_kodu
        record = json.dumps(gonderim_to_dict(g), ensure_ascii=False)
    error = str(result.error) if result.error else None
    is_final = bool(g and g.is_final)
    await database.execute(SAVE, result.id, state, is_final, hata_kodu, record, error)


async def update(database: asyncpg.Connection, client: VairoSMSClient) -> tuple[int, int]:
    """Look up each packet that is not final, once. Return the numbers of lookups and failures."""
    lookups = failures = last_id = 0
    while rows := await database.fetch(NOT_FINAL, last_id, BATCH):
        ids = [row["id"] for row in rows]
        async with aclosing(client.iter_gonderimler(ids)) as results:
            async for result in results:
                await save(database, result)
                lookups += 1
                failures += not result.ok
        last_id = ids[-1]
    return lookups, failures


async def run(new_ids: list[int]) -> tuple[int, int]:
    """Add ids, then update the table. Return the numbers of lookups and failures."""
    async with VairoSMSClient() as client:
        database = await asyncpg.connect()
        try:
            await database.execute(CREATE)
            await database.execute(ADD, new_ids)
            return await update(database, client)
        finally:
            await database.close()


def main() -> int:
    """Run the job and print a summary. Return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("ids", metavar="ID", nargs="*", type=int)
    try:
        lookups, failures = asyncio.run(run(parser.parse_args().ids))
    except VairoSMSAuthError as error:
        print(f"The panel refused the API key: {error}", file=sys.stderr)
        return 3
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        print(f"PostgreSQL: {error}", file=sys.stderr)
        return 4
    except ValueError as error:  # VAIROSMS_API_KEY or VAIROSMS_BASE_URL is missing or invalid
        print(f"Cannot start: {error}", file=sys.stderr)
        return 2
    print(f"Looked up {lookups:,} packets, {failures:,} failed.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
