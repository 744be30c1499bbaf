"""The records: `Gonderim`, `GonderimLog` and `PaketDurum`."""

import copy
import pickle
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
