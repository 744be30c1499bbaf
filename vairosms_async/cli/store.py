"""The store: a SQLite database with one row per packet, which remembers what the panel answered.

Any SQLite tool can read it between runs. It never contains the API key.
"""

import errno
import hashlib
import json
import os
import sqlite3
from array import array
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from gettext import gettext as _
from itertools import groupby, islice
from pathlib import Path
from typing import Final, Self

from attrs import frozen

from vairosms_async import GonderimResult, PaketDurum

from .known import (
    COLUMNS,
    Known,
    error_row,
    hata_kodu,
    now,
    record_columns,
)
from .language import reason_of
from .store_errors import NOT_A_STORE, StoreError, reason_of_sqlite

_APPLICATION_ID = 0x7661_6972
_VERSIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE gonderim (
            id INTEGER PRIMARY KEY, paket_durum INTEGER, sms_baslik TEXT,
            numara_toplam INTEGER, kredi_toplam INTEGER,
            created_at TEXT, ileri_tarih TEXT, sonlanma_zamani TEXT, gecerlilik_suresi TEXT,
            log TEXT, extra TEXT, unreadable TEXT,
            checked_at TEXT, error TEXT, error_message TEXT
        )
        """,
        "CREATE TABLE panel (base_url TEXT NOT NULL)",
        "CREATE TABLE written (path TEXT, sha256 TEXT, PRIMARY KEY (path, sha256))",
    ),
)
"""For each version, the statements that migrate a store of the version before it."""

_COLUMNS = ", ".join(COLUMNS)
_VALUES = ", ".join("?" * len(COLUMNS))
_SAVE_RECORD = f"INSERT OR REPLACE INTO gonderim ({_COLUMNS}) VALUES ({_VALUES})"  # noqa: S608 (they are constants)
# One JSON text per batch takes half the time of one parameter per id.
_BATCH = 1000
_WANT = "INSERT OR IGNORE INTO wanted SELECT value FROM json_each(?)"
_KNOWN = f"SELECT {_COLUMNS} FROM gonderim WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608 (they are constants)
_SAVE_ERROR = """
    INSERT INTO gonderim (id, error, error_message) VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET error = excluded.error, error_message = excluded.error_message
"""
NOT_SUPPORTED: Final = frozenset((errno.EPERM, errno.EINVAL, errno.ENOTSUP, errno.ENOSYS))
"""What network and FUSE mounts answer to an operation that they do not have."""


@frozen
class Kind:
    """How many packets have one state, reason or error, and which is one of them."""

    count: int
    example: int | str | None = None


@frozen
class Summary:
    """Counts of the wanted packets.

    Attributes:
        packets: All of them.
        states: By state, without those whose last lookup failed.
        reasons: By the panel's error code, those that failed while sending.
        errors: By class name, those whose last lookup failed.
        unknown: Those that were never looked up.
        kredi_toplam: Credits charged. The panel charges nothing for packets that failed.
    """

    packets: int
    states: Mapping[PaketDurum, int]
    reasons: Mapping[str, Kind]
    errors: Mapping[str, Kind]
    unknown: int
    kredi_toplam: int


class Store:
    """An open store. It holds SQLite's exclusive lock until it is closed.

    A save may run in a thread while `take` is called. The other methods need it to have ended.

    Args:
        path: The file, which is created if it is missing. None: a temporary store.
        base_url: The panel of the packets. None: any panel.

    Raises:
        StoreError: The file is in use, is not a store, is one of another panel or of a newer
            version, or cannot be read and written.
    """

    def __init__(self, path: Path | None, base_url: str | None = None) -> None:
        self.path = path
        self._taken: list[GonderimResult] = []
        try:
            can_sync = path is not None and _can_sync(path)
        except OSError as exc:
            raise StoreError(f"{path}: {reason_of(exc)}") from None
        with self._errors():
            self._db = sqlite3.connect(
                "" if path is None else path.absolute(),  # not the name :memory:
                timeout=0,
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            with self._errors():
                self._open(base_url, "FULL" if can_sync else "OFF")
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._db.close()

    def want(self, ids: Iterable[int]) -> None:
        """Add ids to the wanted packets, which `unsettled`, `in_progress` and `summary` are about.

        The wanted packets are kept in a temporary file, and only until the store is closed.
        """
        numbers = iter(ids)
        with self._transaction():
            while batch := list(islice(numbers, _BATCH)):
                self._db.execute(_WANT, (json.dumps(batch),))

    def count(self) -> int:
        """Return the number of wanted packets."""
        return self._ids("SELECT count(*) FROM wanted")[0]

    def wanted(self) -> "array[int]":
        """Return the wanted ids, sorted."""
        return self._ids("SELECT id FROM wanted ORDER BY id")

    def unsettled(self) -> "array[int]":
        """Return the wanted ids that have no final record, or whose last lookup failed, sorted."""
        return self._ids(
            "SELECT wanted.id FROM wanted LEFT JOIN gonderim USING (id) "
            "WHERE error IS NOT NULL OR (paket_durum IN (-1, 1)) IS NOT TRUE ORDER BY wanted.id"
        )

    def in_progress(self) -> "array[int]":
        """Return the wanted ids with a record that is not final, sorted."""
        return self._ids(
            "SELECT id FROM wanted_gonderim "
            "WHERE checked_at IS NOT NULL AND (paket_durum IN (-1, 1)) IS NOT TRUE ORDER BY id"
        )

    def take(self, result: GonderimResult) -> None:
        """Take the answer of a lookup, for the next `start_save`."""
        self._taken.append(result)

    def start_save(self) -> Callable[[], None]:
        """Return a function that commits the answers taken so far. An error keeps the record."""
        taken, self._taken = self._taken, []
        return partial(self._save, taken)

    def _save(self, taken: list[GonderimResult]) -> None:
        if not taken:
            return
        checked_at = now().isoformat()
        with self._transaction():
            for has_record, group in groupby(taken, lambda result: result.ok):
                if has_record:
                    rows = (
                        (*record_columns(result.unwrap()), checked_at, None, None)
                        for result in group
                    )
                    self._db.executemany(_SAVE_RECORD, rows)
                else:
                    self._db.executemany(_SAVE_ERROR, map(error_row, group))

    def known(self, ids: Iterable[int]) -> dict[int, Known]:
        """Return the answers for some packets, by id."""
        with self._errors():
            rows = self._db.execute(_KNOWN, (json.dumps(list(ids)),))
            return {known.id: known for known in map(Known._make, rows)}

    def summary(self) -> Summary:
        """Count the wanted packets."""
        with self._errors():
            # Not sum(), which fails above 2**63.
            [[known, kredi]] = self._db.execute(
                "SELECT count(*), total(CASE WHEN paket_durum IS NOT -1 THEN kredi_toplam END) "
                "FROM wanted_gonderim"
            )
            states = self._db.execute(
                "SELECT paket_durum, count(*) FROM wanted_gonderim "
                "WHERE error IS NULL AND paket_durum IS NOT NULL GROUP BY 1 ORDER BY 2 DESC"
            )
            reasons = self._db.execute(
                "SELECT hata_kodu(log), count(*), min(id) "
                "FROM wanted_gonderim WHERE error IS NULL AND paket_durum = -1 "
                "GROUP BY 1 ORDER BY 2 DESC"
            )
            errors = self._db.execute(
                "SELECT error, count(*), min(id) FROM wanted_gonderim "
                "WHERE error IS NOT NULL GROUP BY 1 ORDER BY 2 DESC"
            )
            packets = self.count()
            return Summary(
                packets=packets,
                states={PaketDurum(durum): count for durum, count in states},
                reasons={reason: Kind(count, id) for reason, count, id in reasons},
                errors={error: Kind(count, id) for error, count, id in errors},
                unknown=packets - known,
                kredi_toplam=int(kredi),
            )

    def has_written(self, path: Path) -> bool:
        """Whether a file has a content that `remember_written` knows.

        Raises:
            OSError: The file cannot be read.
        """
        with self._errors():
            rows = self._db.execute(
                "SELECT 1 FROM written WHERE path = ? AND sha256 = ?",
                (self._relative(path), _sha256(path)),
            )
            return rows.fetchone() is not None

    def remember_written(self, path: Path, content: Path) -> None:
        """Remember that `path` will get the content of the file `content`."""
        with self._errors():
            self._db.execute(
                "INSERT OR IGNORE INTO written VALUES (?, ?)",
                (self._relative(path), _sha256(content)),
            )

    def _open(self, base_url: str | None, synchronous: str) -> None:
        self._db.create_function("hata_kodu", 1, hata_kodu, deterministic=True)
        self._db.execute(f"PRAGMA synchronous = {synchronous}")
        # No WAL, which needs shared memory. The lock stays when the first transaction ends.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("BEGIN EXCLUSIVE")
        [[application_id]] = self._db.execute("PRAGMA application_id")
        [[version]] = self._db.execute("PRAGMA user_version")
        [[tables]] = self._db.execute("SELECT count(*) FROM sqlite_master")
        if application_id != _APPLICATION_ID and (application_id or version or tables):
            raise StoreError(f"{self.path}: {NOT_A_STORE}")
        if version > len(_VERSIONS):
            advice = _("a newer vairosms has written this store: update vairosms-async")
            raise StoreError(f"{self.path}: {advice}")
        for statements in _VERSIONS[version:]:
            for statement in statements:
                self._db.execute(statement)
        self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        self._db.execute(f"PRAGMA user_version = {len(_VERSIONS)}")
        row = self._db.execute("SELECT base_url FROM panel").fetchone()
        if row is None and base_url is not None:
            self._db.execute("INSERT INTO panel VALUES (?)", (base_url,))
        elif row is not None and base_url not in (None, row[0]):
            advice = _(
                "the store of another panel, {url}: check VAIROSMS_BASE_URL, or name another OUT "
                "or --store. If OUT and this store were only a test, delete both"
            ).format(url=row[0])
            raise StoreError(f"{self.path}: {advice}")
        self._db.execute("COMMIT")
        self._db.execute("PRAGMA journal_mode = DELETE")
        self._db.execute("CREATE TEMP TABLE wanted (id INTEGER PRIMARY KEY)")
        self._db.execute(
            "CREATE TEMP VIEW wanted_gonderim AS "
            "SELECT gonderim.* FROM wanted JOIN gonderim USING (id)"
        )

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise StoreError(f"{self.path}: {reason_of_sqlite(exc)}") from None

    @contextmanager
    def _transaction(self) -> Generator[None]:
        with self._errors():
            self._db.execute("BEGIN")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite has rolled back, if the disk is full
                    self._db.execute("ROLLBACK")
                raise

    def _ids(self, query: str) -> "array[int]":
        with self._errors():
            return array("q", (row[0] for row in self._db.execute(query)))

    def _relative(self, path: Path) -> str:
        """Return the path from the store's folder, so that a folder with both can be moved."""
        try:
            relative = os.path.relpath(path, self.path and self.path.parent)
        except ValueError:  # on another drive of Windows
            relative = str(path)
        return relative.encode(errors="backslashreplace").decode()  # it may not be UTF-8


def _can_sync(path: Path) -> bool:
    """Create the file if it is missing, and return whether the file system has fsync."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        os.fsync(fd)
    except OSError as exc:
        if exc.errno not in NOT_SUPPORTED:
            raise
        return False
    finally:
        os.close(fd)
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
