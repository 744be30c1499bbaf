"""Why the store cannot be used, in words."""

import sqlite3
from collections.abc import Mapping
from gettext import gettext as _
from typing import Final

NOT_A_STORE: Final = _("not a store of vairosms: name another --store")

_NO_LOCKS: Final = _("SQLite cannot lock files there: put --store on a local disk")
_REASONS: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_BUSY: _(
        "another run or program is using it. If not, SQLite cannot lock files there: put --store "
        "on a local disk"
    ),
    sqlite3.SQLITE_NOTADB: NOT_A_STORE,
    sqlite3.SQLITE_CORRUPT: _(
        "the file is damaged: restore it, or delete it to look up all packets again"
    ),
    sqlite3.SQLITE_FULL: _("No space left on device"),
    sqlite3.SQLITE_IOERR: _("the disk cannot be read or written: is it full, or disconnected?"),
    sqlite3.SQLITE_PERM: _NO_LOCKS,
    sqlite3.SQLITE_IOERR_LOCK: _NO_LOCKS,
    sqlite3.SQLITE_IOERR_RDLOCK: _NO_LOCKS,
    sqlite3.SQLITE_IOERR_UNLOCK: _NO_LOCKS,
    sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK: _NO_LOCKS,
}


class StoreError(Exception):
    """The store cannot be used. The message is one line that says why and what to do."""


def reason_of_sqlite(error: sqlite3.Error) -> str:
    """Return why the store cannot be used and what to do, by SQLite's error code."""
    code = getattr(error, "sqlite_errorcode", 0)
    return _REASONS.get(code) or _REASONS.get(code & 0xFF) or str(error)
