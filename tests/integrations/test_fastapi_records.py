"""Records as responses of FastAPI: their JSON, and the fields in the OpenAPI schema."""

import json

import pytest
from fastapi.testclient import TestClient

from tests.helpers import KEY
from tests.integrations.services import import_example
from vairosms_async.sandbox import SandboxPanel


@pytest.fixture
def panel():
    with SandboxPanel(KEY) as panel:
        yield panel


@pytest.fixture
def http(panel, monkeypatch):
    """Give a client of the FastAPI example."""
    monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
    monkeypatch.setenv("VAIROSMS_BASE_URL", panel.base_url)
    with TestClient(import_example("fastapi_service").app) as http:
        yield http


def test_a_record_is_the_response(http):
    assert http.get("/gonderim/52").json() == {
        "id": 52,
        "paket_durum": 1,
        "is_final": True,
        "sms_baslik": "08505326480",
        "numara_toplam": 2,
        "kredi_toplam": 2,
        "created_at": "2016-07-21T14:40:16",
        "ileri_tarih": None,
        "sonlanma_zamani": "2016-07-22T14:40:16",
        "log": None,
    }
    assert http.get("/gonderim/61").json()["log"] == {
        "mesaj": "Gönderim #61 sırasında hata oluşu: INVALID_SOURCE_ADDRESS",
        "hata_kodu": "INVALID_SOURCE_ADDRESS",
        "created_at": "2016-07-22T17:13:11",
    }


def test_fields_that_the_panel_leaves_out_or_changes_are_null(http, panel):
    panel.add_gonderim(
        {"id": 7000, "paket_durum": "7", "kredi_toplam": [], "numara_toplam": "çok", "yeni": 1},
        created_at="2016-07-21T14:40:16.000000Z",
        log={"mesaj": 5, "created_at": "dün"},
        omit=["sms_baslik", "sonlanma_zamani"],
    )
    response = http.get("/gonderim/7000")
    assert response.status_code == 200
    assert response.json() == {
        "id": 7000,
        "paket_durum": 7,
        "is_final": False,
        "sms_baslik": None,
        "numara_toplam": None,
        "kredi_toplam": None,
        "created_at": "2016-07-21T14:40:16Z",
        "ileri_tarih": None,
        "sonlanma_zamani": None,
        "log": {"mesaj": "5", "hata_kodu": None, "created_at": None},
    }


def test_a_bulk_has_the_same_records(http):
    lines = http.post("/gonderimler", json={"ids": [52, 61]}).text.splitlines()
    *results, _ = map(json.loads, lines)
    records = {result["id"]: result["gonderim"] for result in results}
    assert records == {id_: http.get(f"/gonderim/{id_}").json() for id_ in (52, 61)}


def test_the_openapi_schema_names_the_fields_and_their_types(http):
    api = http.get("/openapi.json").json()
    answers = api["paths"]["/gonderim/{gonderim_id}"]["get"]["responses"]
    assert answers["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/GonderimOut"
    }
    schema = api["components"]["schemas"]["GonderimOut"]
    fields = {
        name: [type_.get("format") or type_.get("type") for type_ in field.get("anyOf", [field])]
        for name, field in schema["properties"].items()
    }
    assert fields == {
        "id": ["integer"],
        "paket_durum": ["integer"],
        "is_final": ["boolean"],
        "sms_baslik": ["string", "null"],
        "numara_toplam": ["integer", "null"],
        "kredi_toplam": ["integer", "null"],
        "created_at": ["date-time", "null"],
        "ileri_tarih": ["date-time", "null"],
        "sonlanma_zamani": ["date-time", "null"],
        "log": [None, "null"],
    }
    assert schema["required"] == list(fields)
    assert list(api["components"]["schemas"]["LogOut"]["properties"]) == [
        "mesaj",
        "hata_kodu",
        "created_at",
    ]
