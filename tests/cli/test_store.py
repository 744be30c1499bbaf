"""The store, and the records in it."""

import errno
import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.known_samples import DRIFTED, FAILED_PACKET, FINISHED, IN_PROGRESS, ONLY_STATE
from tests.cli.results import query_store
from vairosms_async import (
    GonderimResult,
    PaketDurum,
    VairoSMSNotFoundError,
    VairoSMSServerError,
    gonderim_from_dict,
    gonderim_to_dict,
)
from vairosms_async.cli import store as store_module
from vairosms_async.cli.known import Known, now, read_moment, record_columns
from vairosms_async.cli.store import Kind, Store
from vairosms_async.cli.store_errors import StoreError

PANEL = "https://panel.example/api"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


def found(gonderim_id, gonderim=FINISHED):
    return GonderimResult(gonderim_id, attrs.evolve(gonderim, id=gonderim_id))


def failed(gonderim_id, error=None):
    return GonderimResult(gonderim_id, error=error or VairoSMSServerError("HTTP 503", status=503))


def save(store, *results):
    for result in results:
        store.take(result)
    store.start_save()()


RECORDS = {
    "finished": FINISHED,
    "failed packet": FAILED_PACKET,
    "only id and state": ONLY_STATE,
    "drifted": DRIFTED,
    "unknown state": attrs.evolve(FINISHED, paket_durum=PaketDurum(7)),
    "numbers of 65 bits": attrs.evolve(
        FINISHED, paket_durum=PaketDurum(2**64), numara_toplam=2**64, kredi_toplam=-(2**70)
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_comes_back_as_it_was(path, name):
    before = now()
    with Store(path, PANEL) as store:
        save(store, GonderimResult(RECORDS[name].id, RECORDS[name]))
    with Store(path, PANEL) as store:
        [known] = store.known([RECORDS[name].id]).values()
    assert known.gonderim == RECORDS[name]
    assert known.to_dict() == gonderim_to_dict(RECORDS[name])
    assert list(known.to_dict())[:10] == list(gonderim_to_dict(FINISHED))
    assert (known.error, known.error_message) == (None, None)
    assert before <= datetime.fromisoformat(known.checked_at) <= now()


_VALUES = st.none() | st.integers() | st.text() | st.lists(st.integers(), max_size=2)
_OFFSETS = st.sampled_from(["", "Z", "+03:00", "-05:30"])
_TIMES = st.builds("{}{}".format, st.datetimes(), _OFFSETS)
_PERIODS = st.builds(
    "{}{:02}:{:02}:{:02}".format,
    st.sampled_from(["", "-"]), st.integers(0, 838), st.integers(0, 59), st.integers(0, 59),
)  # fmt: skip


@given(
    st.fixed_dictionaries(
        {"id": st.integers(1, 2**63 - 1), "paket_durum": st.integers()},
        optional={
            "sms_baslik": _VALUES,
            "numara_toplam": _VALUES,
            "kredi_toplam": _VALUES,
            "created_at": _VALUES | _TIMES,
            "ileri_tarih": _VALUES | _TIMES,
            "sonlanma_zamani": _VALUES | _TIMES,
            "gecerlilik_suresi": _VALUES | _PERIODS,
            "log": st.none() | st.dictionaries(st.sampled_from(["mesaj", "tip", "x"]), _VALUES),
            "yeni": _VALUES,
        },
    )
)
def test_any_record_of_the_panel_comes_back_as_it_was(packet):
    gonderim = gonderim_from_dict(packet)
    with closing(sqlite3.connect(":memory:")) as db:
        row = (*record_columns(gonderim), now().isoformat(), None, None)
        columns = ", ".join(f"c{number}" for number in range(len(row)))
        db.execute(f"CREATE TABLE one ({columns})")
        db.execute(f"INSERT INTO one VALUES ({', '.join('?' * len(row))})", row)
        [stored] = db.execute("SELECT * FROM one")
    known = Known(*stored)
    assert known.gonderim == gonderim
    assert known == row
    assert known.to_dict() == gonderim_to_dict(gonderim)
    assert known.gonderim.extra == gonderim.extra
    assert known.gonderim.unreadable == gonderim.unreadable


def test_any_sqlite_tool_can_read_the_store(path):
    with Store(path, PANEL) as store:
        save(store, found(52), found(61, FAILED_PACKET), failed(70))
    rows = query_store(
        path,
        "SELECT id, paket_durum, sms_baslik, created_at, ileri_tarih, gecerlilik_suresi, "
        "json_extract(log, '$.id'), extra, unreadable, error, error_message "
        "FROM gonderim ORDER BY id",
    )
    times = ("2016-07-21 14:40:16", None, "24:00:00")
    assert rows[0] == (52, 1, "08505326480", *times, None, None, None, None, None)
    assert rows[1][:3] == (61, -1, "BAŞLIK")
    assert rows[1][6] == 1221
    assert rows[2] == (70, *[None] * 8, "VairoSMSServerError", "HTTP 503")


def test_an_error_keeps_the_earlier_record_and_its_time(path):
    with Store(path, PANEL) as store:
        save(store, found(52, IN_PROGRESS))
        before = store.known([52])[52]
        save(store, failed(52))
        after = store.known([52])[52]
        assert after == before._replace(error="VairoSMSServerError", error_message="HTTP 503")
        save(store, found(52))
        assert store.known([52])[52].error is None


def test_the_last_of_several_answers_counts(path):
    with Store(path, PANEL) as store:
        save(store, found(52, IN_PROGRESS), failed(52), found(61), found(52), failed(61))
        known = store.known([52, 61])
    assert (known[52].gonderim, known[52].error) == (FINISHED, None)
    assert (known[61].gonderim.id, known[61].error) == (61, "VairoSMSServerError")


def test_knows_only_what_was_answered(path):
    with Store(path, PANEL) as store:
        assert store.known([52]) == {}
        store.take(found(52))
        assert store.known([52]) == {}
        store.start_save()()
        store.start_save()()
        assert store.known([52, 61]).keys() == {52}
        assert store.known([]) == {}


@pytest.mark.parametrize("is_temporary", [False, True], ids=["file", "temporary"])
def test_lists_wanted_ids_by_what_is_known(path, is_temporary):
    with Store(None if is_temporary else path) as store:
        store.want([5, 4, 3, 2, 1, 3, 2**63 - 1])
        store.want([6])
        unknown_state = attrs.evolve(FINISHED, paket_durum=PaketDurum(7))
        huge_state = attrs.evolve(FINISHED, paket_durum=PaketDurum(2**64))
        save(store, found(1), found(2, IN_PROGRESS), failed(3), found(99, IN_PROGRESS))
        save(store, found(4, FAILED_PACKET), found(5, unknown_state), found(6, huge_state))
        assert list(store.wanted()) == [1, 2, 3, 4, 5, 6, 2**63 - 1]
        assert list(store.unsettled()) == [2, 3, 5, 6, 2**63 - 1]
        assert list(store.in_progress()) == [2, 5, 6]
        save(store, failed(1))
        assert 1 in store.unsettled()
        assert 1 not in store.in_progress()


def test_wanted_ids_are_forgotten_when_the_store_is_closed(path):
    with Store(path, PANEL) as store:
        store.want([52])
    with Store(path, PANEL) as store:
        assert not store.wanted()


def test_summary_counts_the_wanted_packets(path):
    with Store(path, PANEL) as store:
        store.want(range(1, 101))
        save(store, *map(found, range(1, 81)))
        save(store, *(found(n, IN_PROGRESS) for n in range(81, 90)), found(999))
        save(store, *(found(n, FAILED_PACKET) for n in (90, 91)), found(92, ONLY_STATE))
        save(store, failed(94), failed(93), failed(95, VairoSMSNotFoundError("404", status=404)))
        save(store, failed(89))
        summary = store.summary()
    assert summary.packets == 100
    assert summary.states == {
        PaketDurum.SONLANDI: 80, PaketDurum.DEVAM_EDIYOR: 8, PaketDurum.HATALI: 3
    }  # fmt: skip
    assert summary.reasons == {
        "INVALID_SOURCE_ADDRESS": Kind(2, 90), "no reason given": Kind(1, 92)
    }  # fmt: skip
    assert summary.errors == {
        "VairoSMSServerError": Kind(3, 89), "VairoSMSNotFoundError": Kind(1, 95)
    }  # fmt: skip
    assert summary.unknown == 5
    assert summary.kredi_toplam == 2 * 80 + 2 * 9


def test_a_failed_packet_costs_nothing_even_if_it_has_credits(path):
    with Store(path, PANEL) as store:
        store.want([52, 61, 62])
        save(store, found(52), found(61, attrs.evolve(FAILED_PACKET, kredi_toplam=9)))
        save(store, found(62, attrs.evolve(FINISHED, paket_durum=PaketDurum(7), kredi_toplam=4)))
        assert store.summary().kredi_toplam == 2 + 4


@pytest.mark.parametrize(
    ("mesaj", "reason"),
    [
        pytest.param("Bilinmeyen hata", "other reason", id="no code"),
        pytest.param("\ud800", "other reason", id="half of a surrogate pair"),
        pytest.param("", "no reason given", id="empty"),
        pytest.param(None, "no reason given", id="none"),
    ],
)
def test_summary_tells_other_reasons_from_none(path, mesaj, reason):
    log = attrs.evolve(FAILED_PACKET.log, mesaj=mesaj)
    with Store(path, PANEL) as store:
        store.want([61])
        save(store, found(61, attrs.evolve(FAILED_PACKET, log=log)))
        assert store.summary().reasons == {reason: Kind(1, 61)}


def test_the_sum_of_the_credits_has_no_limit(path):
    with Store(path, PANEL) as store:
        store.want([1, 2])
        rich = attrs.evolve(FINISHED, kredi_toplam=2**62)
        save(store, found(1, rich), found(2, rich))
        assert store.summary().kredi_toplam == 2**63


def test_a_store_can_have_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "file:x?mode=memory", "%s.db"):
        for _ in range(2):
            with Store(Path(name), PANEL) as store:
                known = store.known([52])
                save(store, found(52))
        assert known.keys() == {52}


def test_a_temporary_store_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store(None) as store:
        save(store, found(52))
        assert store.known([52])[52].gonderim == FINISHED
    assert not list(tmp_path.iterdir())


def test_a_second_run_is_refused_and_the_lock_ends_with_the_first(path):
    with Store(path, PANEL) as store:
        with pytest.raises(StoreError, match="another run or program is using it") as caught:
            Store(path, PANEL)
        assert "\n" not in str(caught.value)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            query_store(path, "SELECT * FROM gonderim")
        save(store, found(52))
    with Store(path, PANEL) as store:
        assert store.known([52])


def test_a_store_belongs_to_one_panel(path):
    with Store(path) as store:
        save(store, found(52))
    with Store(path, PANEL), pytest.raises(StoreError):
        Store(path, PANEL)
    with pytest.raises(StoreError, match=f"the store of another panel, {PANEL}: check VAIROSMS"):
        Store(path, "https://other.example")
    with Store(path) as store:
        assert store.known([52])


def test_a_newer_store_is_refused(path):
    Store(path, PANEL).__exit__()
    query_store(path, "PRAGMA user_version = 2")
    with pytest.raises(StoreError, match="a newer vairosms has written this store"):
        Store(path, PANEL)


def test_an_older_store_is_migrated(path, monkeypatch):
    with Store(path, PANEL) as store:
        save(store, found(52))
    versions = store_module._VERSIONS  # noqa: SLF001 (there is one version only, as yet)
    newer = (*versions, ("ALTER TABLE gonderim ADD COLUMN yeni TEXT",))
    monkeypatch.setattr(store_module, "_VERSIONS", newer)
    for _ in range(2):
        with Store(path, PANEL) as store:
            assert store.known([52])[52].gonderim == FINISHED
            save(store, found(61))
    assert query_store(path, "SELECT yeni FROM gonderim") == [(None,), (None,)]
    assert query_store(path, "PRAGMA user_version") == [(2,)]


@pytest.mark.parametrize("is_text", [True, False], ids=["text", "another database"])
def test_a_file_that_is_not_a_store_is_refused_and_stays_as_it_is(path, is_text):
    if is_text:
        path.write_text("paket_id\n52\n" * 100)
    else:
        query_store(path, "CREATE TABLE customer (id)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a store of vairosms: name another --store"):
        Store(path, PANEL)
    assert path.read_bytes() == before


def test_a_damaged_store_is_an_error(path):
    with Store(path, PANEL) as store:
        save(store, *map(found, range(1, 1000)))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"x" * 50_000)
    with pytest.raises(StoreError, match="the file is damaged"), Store(path, PANEL) as store:
        store.known(range(1, 500))


@pytest.mark.parametrize("column", ["log", "extra", "created_at", "paket_durum"])
def test_a_row_that_another_program_has_changed_is_an_error(path, column):
    with Store(path, PANEL) as store:
        save(store, found(52))
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"UPDATE gonderim SET {column} = '['")
        db.commit()
    with Store(path, PANEL) as store, pytest.raises(StoreError, match="in the store is damaged"):
        assert store.known([52])[52].gonderim


@pytest.mark.parametrize("text", ["[", 52], ids=["text", "number"])
def test_a_time_of_a_lookup_that_another_program_has_changed_is_an_error(text):
    with pytest.raises(StoreError, match="in the store is damaged"):
        read_moment(text)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("folder", os.strerror(errno.EISDIR), id="folder"),
        pytest.param("missing/store.db", os.strerror(errno.ENOENT), id="missing folder"),
        pytest.param("loop", os.strerror(errno.ELOOP), id="loop of links"),
    ],
)
def test_a_path_that_cannot_be_opened_is_an_error(tmp_path, name, why):
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(StoreError, match=why):
        Store(tmp_path / name, PANEL)


@pytest.mark.parametrize("code", ["EPERM", "EINVAL", "ENOTSUP", "ENOSYS"])
def test_a_mount_without_fsync_is_no_error(path, monkeypatch, code):
    def refuse(_):
        raise OSError(getattr(errno, code), code)

    class Recorder(sqlite3.Connection):
        def execute(self, sql, *args):
            executed.append(sql)
            return super().execute(sql, *args)

    executed, connect = [], sqlite3.connect
    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Recorder))
    with Store(path, PANEL) as store:
        save(store, found(52))
        assert store.known([52])
    # SQLite's own fsync would fail, too.
    assert executed.index("PRAGMA synchronous = OFF") < executed.index("BEGIN EXCLUSIVE")


def test_an_error_of_the_disk_is_an_error(path, monkeypatch):
    def fail(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError, match=r"store\.db: Input/output error"):
        Store(path, PANEL)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (sqlite3.SQLITE_IOERR_LOCK, "SQLite cannot lock files there: put --store on a local disk"),
        (sqlite3.SQLITE_PERM, "SQLite cannot lock files there: put --store on a local disk"),
        (sqlite3.SQLITE_IOERR_WRITE, "the disk cannot be read or written"),
        (sqlite3.SQLITE_FULL, "No space left on device"),
        (sqlite3.SQLITE_MISMATCH, "SQLite's own words"),
    ],
    ids=["lock", "permission to lock", "write", "full", "other"],
)
def test_an_error_of_sqlite_is_one_line_that_says_what_to_do(path, monkeypatch, code, why):
    class FailingConnection(sqlite3.Connection):
        def execute(self, sql, *args):
            if sql.startswith("BEGIN EXCLUSIVE"):
                error = sqlite3.OperationalError("SQLite's own words")
                error.sqlite_errorcode = code
                raise error
            return super().execute(sql, *args)

    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=FailingConnection)
    )
    with pytest.raises(StoreError) as caught:
        Store(path, PANEL)
    assert str(caught.value).startswith(f"{path}: {why}")
    assert "\n" not in str(caught.value)


def test_a_full_disk_loses_only_what_was_not_saved(path):
    with Store(path, PANEL) as store:
        save(store, found(1))
        [[pages]] = store._db.execute("PRAGMA page_count")  # noqa: SLF001 (a disk of this size)
        store._db.execute(f"PRAGMA max_page_count = {pages}")  # noqa: SLF001 (as above)
        with pytest.raises(StoreError, match="No space left on device"):
            save(store, *map(found, range(2, 2000)))
        assert store.known([1, 2]).keys() == {1}
    with Store(path, PANEL) as store:
        assert store.known([1, 2]).keys() == {1}


def test_remembers_the_files_that_were_written_from_it(tmp_path, path):
    out, other = tmp_path / "out.csv", tmp_path / "other.csv"
    for file in (out, other):
        file.write_text("ours")
    with Store(path, PANEL) as store:
        assert not store.has_written(out)
        store.remember_written(out, out)
        assert store.has_written(out)
        assert not store.has_written(other)
        out.write_text("edited")
        assert not store.has_written(out)


def test_knows_its_files_in_a_folder_that_was_moved(tmp_path):
    folder = tmp_path / "before"
    folder.mkdir()
    (folder / "out.csv").write_text("ours")
    with Store(folder / "out.csv.db", PANEL) as store:
        store.remember_written(folder / "out.csv", folder / "out.csv")
    folder = folder.rename(tmp_path / "after")
    with Store(folder / "out.csv.db", PANEL) as store:
        assert store.has_written(folder / "out.csv")


def test_a_file_on_another_drive_has_its_whole_path(path, monkeypatch):
    def refuse(*_):
        raise ValueError("path is on mount 'C:', start on mount 'D:'")

    monkeypatch.setattr(os.path, "relpath", refuse)
    with Store(path, PANEL) as store:
        store.remember_written(path.parent / "out.csv", path)
    assert query_store(path, "SELECT path FROM written") == [(str(Path(path.parent / "out.csv")),)]
