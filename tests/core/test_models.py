import copy
import pickle
from datetime import timedelta

import attrs
import pytest

from tests.helpers import example_packet
from vairosms_async import (
    GonderimLog,
    GonderimResult,
    PaketDurum,
    VairoSMSNotFoundError,
    gonderim_from_dict,
)


def test_the_three_states_are_the_providers():
    assert {durum.name: durum.value for durum in PaketDurum} == {
        "HATALI": -1,
        "DEVAM_EDIYOR": 0,
        "SONLANDI": 1,
    }
    assert [durum for durum in PaketDurum if durum.is_final] == [
        PaketDurum.HATALI,
        PaketDurum.SONLANDI,
    ]


def test_a_state_the_panel_adds_one_day_is_kept():
    yeni = PaketDurum(7)
    assert isinstance(yeni, PaketDurum)
    assert yeni == 7
    assert yeni == PaketDurum(7)
    assert hash(yeni) == hash(7)
    assert yeni.name == "BILINMEYEN_7"
    assert not yeni.is_final
    assert list(PaketDurum) == [-1, 0, 1]
    for again in (copy.deepcopy(yeni), *(pickle.loads(pickle.dumps(yeni, p)) for p in range(6))):
        assert (again, again.name, type(again)) == (7, "BILINMEYEN_7", PaketDurum)


@pytest.mark.parametrize("value", ["7", 7.5, None, "SONLANDI"])
def test_what_is_no_number_is_no_state(value):
    with pytest.raises(ValueError):
        PaketDurum(value)


def test_known_states_keep_their_identity_in_a_pickle():
    for durum in PaketDurum:
        assert pickle.loads(pickle.dumps(durum)) is durum


@pytest.mark.parametrize(
    ("mesaj", "kod"),
    [
        ("Gönderim #61 sırasında hata oluşu: INVALID_SOURCE_ADDRESS", "INVALID_SOURCE_ADDRESS"),
        ("INVALID_DESTINATION_ADDRESS (numara 3)", "INVALID_DESTINATION_ADDRESS"),
        ("hata: ŞIFRE_HATALI", None),
        ("Bilinmeyen bir HATA oluştu", None),
        ("", None),
    ],
)
def test_hata_kodu_is_the_code_inside_mesaj(mesaj, kod):
    assert GonderimLog(id=1, mesaj=mesaj).hata_kodu == kod


def test_records_are_frozen_slotted_hashable_and_pickle():
    for gonderim_id in (52, 61):
        gonderim = gonderim_from_dict(example_packet(gonderim_id))
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            gonderim.id = 1
        assert not hasattr(gonderim, "__dict__")
        assert pickle.loads(pickle.dumps(gonderim)) == gonderim
        assert len({gonderim, copy.copy(gonderim)}) == 1
    assert gonderim.is_final
    assert gonderim.gecerlilik_suresi == timedelta(hours=24)
    assert not attrs.evolve(gonderim, paket_durum=PaketDurum.DEVAM_EDIYOR).is_final


def test_a_result_is_a_record_or_an_error():
    gonderim = gonderim_from_dict(example_packet(52))
    found = GonderimResult(52, gonderim)
    assert found.ok
    assert found.unwrap() is gonderim

    error = VairoSMSNotFoundError("yok", gonderim_id=53, status=404)
    missing = GonderimResult(53, error=error)
    assert not missing.ok
    with pytest.raises(VairoSMSNotFoundError) as caught:
        missing.unwrap()
    assert caught.value is error

    with pytest.raises(ValueError, match="neither"):
        GonderimResult(1).unwrap()
