"""The records: `Gonderim`, `GonderimLog` and `PaketDurum`."""

import copy
import pickle
from collections.abc import Mapping
from datetime import timedelta

import attrs
import pytest

from tests.helpers import example_packet
from vairosms_async import GonderimLog, PaketDurum, gonderim_from_dict


def test_paket_durum_has_the_three_documented_states():
    assert {durum.name: durum.value for durum in PaketDurum} == {
        "HATALI": -1,
        "DEVAM_EDIYOR": 0,
        "SONLANDI": 1,
    }
    assert [durum for durum in PaketDurum if durum.is_final] == [
        PaketDurum.HATALI,
        PaketDurum.SONLANDI,
    ]


def test_paket_durum_accepts_an_undocumented_state():
    unknown = PaketDurum(7)
    assert isinstance(unknown, PaketDurum)
    assert unknown == 7
    assert unknown == PaketDurum(7)
    assert hash(unknown) == hash(7)
    assert unknown.name == "BILINMEYEN_7"
    assert not unknown.is_final
    assert list(PaketDurum) == [-1, 0, 1]


def test_an_undocumented_state_survives_copy_and_pickle():
    unknown = PaketDurum(7)
    pickled = [pickle.loads(pickle.dumps(unknown, protocol)) for protocol in range(6)]
    for duplicate in (copy.deepcopy(unknown), *pickled):
        assert (duplicate, duplicate.name, type(duplicate)) == (7, "BILINMEYEN_7", PaketDurum)


@pytest.mark.parametrize("value", ["7", 7.5, None, "SONLANDI"], ids=repr)
def test_paket_durum_rejects_values_that_are_not_integers(value):
    with pytest.raises(ValueError):
        PaketDurum(value)


def test_unpickling_a_documented_state_returns_the_same_object():
    for durum in PaketDurum:
        assert pickle.loads(pickle.dumps(durum)) is durum


@pytest.mark.parametrize(
    ("mesaj", "kod"),
    [
        pytest.param(
            "Gönderim #61 sırasında hata oluşu: INVALID_SOURCE_ADDRESS",
            "INVALID_SOURCE_ADDRESS",
            id="at the end",
        ),
        pytest.param(
            "INVALID_DESTINATION_ADDRESS (numara 3)",
            "INVALID_DESTINATION_ADDRESS",
            id="at the start",
        ),
        pytest.param("hata: ŞIFRE_HATALI", None, id="not ASCII"),
        pytest.param("Bilinmeyen bir HATA oluştu", None, id="one word without underscore"),
        pytest.param("", None, id="empty"),
    ],
)
def test_hata_kodu_returns_the_error_code_in_mesaj(mesaj, kod):
    assert GonderimLog(id=1, mesaj=mesaj).hata_kodu == kod


@pytest.mark.parametrize("gonderim_id", [52, 61])
def test_records_are_frozen_slotted_hashable_and_picklable(gonderim_id):
    gonderim = gonderim_from_dict(example_packet(gonderim_id))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        gonderim.id = 1
    assert not hasattr(gonderim, "__dict__")
    assert pickle.loads(pickle.dumps(gonderim)) == gonderim
    assert len({gonderim, copy.copy(gonderim)}) == 1


def test_a_record_is_final_if_its_state_is():
    gonderim = gonderim_from_dict(example_packet(61))
    assert gonderim.is_final
    assert not attrs.evolve(gonderim, paket_durum=PaketDurum.DEVAM_EDIYOR).is_final


def test_gecerlilik_suresi_is_a_timedelta():
    assert gonderim_from_dict(example_packet(61)).gecerlilik_suresi == timedelta(hours=24)


def drifted_record():
    return gonderim_from_dict(example_packet(61) | {"operator": ["x"], "kredi_toplam": "çok"})


@pytest.mark.parametrize("name", ["extra", "unreadable"])
def test_raw_fields_are_read_only_mappings(name):
    raw = getattr(drifted_record(), name)
    assert isinstance(raw, Mapping)
    assert dict(raw) == raw
    assert repr(raw) == repr(dict(raw))
    with pytest.raises(TypeError):
        raw["id"] = 1
    with pytest.raises(TypeError):
        del raw["operator"]
    assert not hasattr(raw, "__dict__")


@pytest.mark.parametrize("name", ["extra", "unreadable"])
def test_raw_fields_do_not_change_with_the_mapping_that_they_came_from(name):
    given = {"a": 1}
    record = attrs.evolve(drifted_record(), **{name: given})
    given["b"] = 2
    assert getattr(record, name) == {"a": 1}


@pytest.mark.parametrize("name", ["extra", "unreadable"])
def test_raw_fields_count_for_equality_but_not_for_the_hash(name):
    record, same = drifted_record(), drifted_record()
    other = attrs.evolve(record, **{name: {"operator": ["y"]}})
    assert record == same
    assert record != other
    assert hash(record) == hash(same) == hash(other)
    assert len({record, same, other}) == 2

    log, other_log = GonderimLog(id=1), GonderimLog(id=1, **{name: {"a": [1]}})
    assert log != other_log
    assert hash(log) == hash(other_log)


DUPLICATES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda value, protocol=protocol: pickle.loads(
            pickle.dumps(value, protocol)
        )
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.mark.parametrize("duplicate", DUPLICATES.values(), ids=DUPLICATES)
def test_raw_fields_survive_copy_and_pickle(duplicate):
    record = duplicate(drifted_record())
    assert record == drifted_record()
    assert (record.extra, record.unreadable) == ({"operator": ["x"]}, {"kredi_toplam": "çok"})
    with pytest.raises(TypeError):
        record.extra["a"] = 1


def test_a_deep_copy_shares_no_value_of_extra():
    record = drifted_record()
    assert copy.deepcopy(record).extra["operator"] is not record.extra["operator"]


@pytest.mark.parametrize("duplicate", DUPLICATES.values(), ids=DUPLICATES)
def test_all_empty_raw_fields_are_one_object(duplicate):
    record = gonderim_from_dict(example_packet(61))
    records = [record, duplicate(record), gonderim_from_dict({"id": 1, "paket_durum": 0})]
    records += [record.log, duplicate(record.log), GonderimLog(), GonderimLog(extra={})]
    assert len({id(raw) for one in records for raw in (one.extra, one.unreadable)}) == 1
