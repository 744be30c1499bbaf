import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import attrs
import pytest
from multidict import CIMultiDict

from tests.helpers import FIXTURES, answer_body, error_from, example_packet, read_body, record_from
from vairosms_async import (
    Gonderim,
    GonderimLog,
    PaketDurum,
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSResponseError,
    VairoSMSServerError,
    gonderim_from_dict,
    gonderim_to_dict,
)
from vairosms_async._wire import API_KEY_HATALI, KODLAR, read_answer

HTML = b"<!DOCTYPE html><html><body><h1>Bak\xc4\xb1m</h1></body></html>"
ISTANBUL = ZoneInfo("Europe/Istanbul")


def no(aciklama: object) -> bytes:
    return json.dumps({"durum": False, "aciklama": aciklama}).encode()


# ---- the page's examples -----------------------------------------------------------------------


def test_example_52():
    assert read_answer(52, 200, {}, (FIXTURES / "gonderim_52.json").read_bytes()) == Gonderim(
        id=52,
        sms_baslik="08505326480",
        numara_toplam=2,
        kredi_toplam=2,
        sonlanma_zamani=datetime(2016, 7, 22, 14, 40, 16),
        ileri_tarih=None,
        gecerlilik_suresi=timedelta(hours=24),
        paket_durum=PaketDurum.SONLANDI,
        created_at=datetime(2016, 7, 21, 14, 40, 16),
        log=None,
    )


def test_example_61():
    gonderim = read_answer(61, 200, {}, (FIXTURES / "gonderim_61.json").read_bytes())
    assert gonderim == Gonderim(
        id=61,
        sms_baslik="BAŞLIK",
        numara_toplam=2,
        kredi_toplam=0,
        sonlanma_zamani=datetime(2016, 7, 23, 17, 13, 11),
        ileri_tarih=None,
        gecerlilik_suresi=timedelta(hours=24),
        paket_durum=PaketDurum.HATALI,
        created_at=datetime(2016, 7, 22, 17, 13, 11),
        log=GonderimLog(
            id=1221,
            user_id=1,
            mesaj="Gönderim #61 sırasında hata oluşu: INVALID_SOURCE_ADDRESS",
            tip="error",
            bolum="sms",
            api="",
            rota="https://vairosms.com/Panel/api/v1/SmsGonder",
            ip="78.163.252.167",
            context="",
            created_at=datetime(2016, 7, 22, 17, 13, 11),
            updated_at=datetime(2016, 7, 22, 17, 13, 11),
        ),
    )
    assert isinstance(gonderim, Gonderim)
    assert gonderim.log is not None
    assert gonderim.log.hata_kodu == "INVALID_SOURCE_ADDRESS"


@pytest.mark.parametrize("gonderim_id", [52, 61])
def test_the_examples_come_out_as_they_went_in(gonderim_id):
    packet = example_packet(gonderim_id)
    assert gonderim_to_dict(gonderim_from_dict(packet)) == {"log": None} | packet


# ---- habits of such panels: form ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"id": "52"}, "id", 52),
        ({"numara_toplam": "0010"}, "numara_toplam", 10),
        ({"kredi_toplam": "-3"}, "kredi_toplam", -3),
        ({"paket_durum": "-1"}, "paket_durum", PaketDurum.HATALI),
        ({"paket_durum": 9}, "paket_durum", PaketDurum(9)),
        ({"created_at": None}, "created_at", None),
        ({"created_at": "0000-00-00 00:00:00"}, "created_at", None),
        ({"ileri_tarih": "2026-02-28 09:30:00"}, "ileri_tarih", datetime(2026, 2, 28, 9, 30)),
        ({"gecerlilik_suresi": None}, "gecerlilik_suresi", None),
        ({"gecerlilik_suresi": "00:00:00"}, "gecerlilik_suresi", timedelta(0)),
        ({"gecerlilik_suresi": "72:30:01"}, "gecerlilik_suresi", timedelta(2, 88201)),
        (
            {"gecerlilik_suresi": "838:59:59"},
            "gecerlilik_suresi",
            timedelta(hours=838, minutes=59, seconds=59),
        ),
        ({"gecerlilik_suresi": "-01:30:00"}, "gecerlilik_suresi", -timedelta(hours=1, minutes=30)),
        ({"log": None}, "log", None),
        ({"log": []}, "log", None),
        ({"log": {}}, "log", None),
        ({"yeni_alan": {"x": [1]}}, "id", 52),
        ({"sms_baslik": ""}, "sms_baslik", ""),
    ],
)
def test_a_form_that_is_read(changes, field, value):
    read_ = getattr(record_from(answer_body(changes)), field)
    assert read_ == value
    assert type(read_) is type(value)


@pytest.mark.parametrize("durum", [True, 1, "1"], ids=repr)
def test_durum_true_in_the_forms_of_php(durum):
    assert record_from(answer_body(durum=durum)).id == 52


@pytest.mark.parametrize("durum", [False, 0, "0"], ids=repr)
def test_durum_false_in_the_forms_of_php(durum):
    assert type(error_from(answer_body(durum=durum, aciklama="yok"))) is VairoSMSAPIError


@pytest.mark.parametrize(
    "before",
    [
        b"\xef\xbb\xbf",
        b"\n\t ",
        b"\xef\xbb\xbf \r\n",
        b"<br />\n<b>Warning</b>:  Undefined variable {$x} in <b>/a/b.php</b> on line 3<br />\n",
        b"Notice: durum in line 12\n",
    ],
    ids=["BOM", "blanks", "BOM and blanks", "PHP warning", "PHP notice"],
)
def test_what_may_stand_before_the_json(before):
    assert record_from(before + answer_body()).id == 52


def test_a_log_may_lack_all_but_id_and_mesaj():
    log = {"id": "7", "mesaj": "hata", "api": None, "context": [], "user_id": None}
    assert record_from(answer_body({"log": log})).log == GonderimLog(id=7, mesaj="hata")


# ---- meaning -----------------------------------------------------------------------------------


@pytest.mark.parametrize("field", [name for name in example_packet(52) if name != "log"])
def test_a_missing_field_is_named(field):
    problem = error_from(answer_body(without=field))
    assert type(problem) is VairoSMSResponseError
    assert f"aciklama.{field}: missing" in str(problem)
    assert (problem.gonderim_id, problem.status) == (52, 200)


WRONG = {
    "id": [None, True, 52.0, 5.2, "52 ", "+52", "5e1", "", [], "５２", "9" * 21],
    "numara_toplam": [None, False, 2.9, "2.9", {}],
    "kredi_toplam": ["iki", 1e300],
    "sms_baslik": [None, 850, True, [], "\ud83d yarım"],
    "paket_durum": [None, True, "", "bitti", 0.0, [0]],
    "created_at": [
        "",
        0,
        True,
        "2016-07-22",
        "2016-7-22 14:40:16",
        "2016-07-22T14:40:16",
        "2016-07-22 14:40:16Z",
        "2016-07-22 14:40:16.5",
        "2016-02-30 14:40:16",
        "2016-07-22 24:00:00",
        "2016-W29-5 14:40:16",
        "0000-00-00",
    ],
    "gecerlilik_suresi": [
        "",
        24,
        True,
        "24:00",
        "839:00:00",
        "1:00:00",
        "024:00:00",
        "24:60:00",
        "+24:00:00",
    ],
    "log": ["", "hata", 0, False, [1], {"id": 1}, {"id": 1, "mesaj": None}],
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in WRONG.items() for value in values],
    ids=ascii,
)
def test_a_value_that_cannot_be_what_its_field_says_is_named(field, value):
    problem = error_from(answer_body({field: value}))
    assert type(problem) is VairoSMSResponseError
    assert f"aciklama.{field}" in str(problem)


def test_every_wrong_field_is_named_at_once_and_inside_the_log_too():
    log = {"id": "x", "mesaj": "m", "created_at": "dün"}
    message = str(error_from(answer_body({"log": log, "kredi_toplam": 2.5}, without="created_at")))
    for field in ("kredi_toplam", "created_at", "log.id", "log.created_at"):
        assert f"aciklama.{field}: " in message


def test_all_fields_are_named_however_many_they_are():
    wrong = {field: "\x00 yanlış" * 20 for field in example_packet(52) if field != "sms_baslik"}
    message = str(error_from(answer_body(wrong, without="sms_baslik")))
    assert all(f"aciklama.{field}: " in message for field in example_packet(52))
    assert message.isprintable()


def test_a_value_quoted_in_an_error_is_cut_short():
    assert len(str(error_from(answer_body({"created_at": "x" * 10_000})))) < 400


@pytest.mark.parametrize("other", [61, 520, 5, -52])
def test_the_record_of_another_packet_is_refused(other):
    problem = error_from(answer_body({"id": other}))
    assert type(problem) is VairoSMSResponseError
    assert f"aciklama.id: it is the record of packet {other}" in str(problem)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("kredi_toplam", 2.5, "2.5 is not a whole number"),
        ("paket_durum", "bitti", "'bitti' is not a whole number"),
        ("sms_baslik", 850, "850 is not a string"),
        ("created_at", "dün", "'dün' is not a time like 2016-07-22 14:40:16"),
        ("created_at", 7, "7 is not a time like 2016-07-22 14:40:16"),
        ("gecerlilik_suresi", 24, "24 is not a period like 24:00:00"),
        ("log", "hata", "'hata' is not an object or null"),
        ("log", {"id": 1}, "missing"),
    ],
)
def test_what_a_field_should_be_is_said(field, value, expected):
    name = f"{field}.mesaj" if isinstance(value, dict) else field
    assert str(error_from(answer_body({field: value}))).endswith(f": aciklama.{name}: {expected}")


def test_periods_are_written_as_the_panel_writes_them():
    for period in ("00:00:00", "-00:00:01", "00:59:59", "100:00:01", "-838:59:59", "838:59:59"):
        packet = example_packet(52) | {"gecerlilik_suresi": period}
        assert gonderim_to_dict(gonderim_from_dict(packet))["gecerlilik_suresi"] == period


# ---- answers that are not the panel's ----------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (HTML, "an HTML page"),
        (b"OK", "not JSON"),
        (b"[]", "not JSON"),
        (b"null", "not JSON"),
        (b"\xef\xbb\xbf", "not JSON"),
        (b"{}", "durum: missing"),
        (b'{"durum": null}', "durum: None is not true or false"),
        (b'{"durum": "evet"}', "durum: 'evet' is not true or false"),
        (b'{"durum": 2}', "durum: 2 is not"),
        (b'{"durum": 1.0}', "durum: 1.0 is not"),
        (b'{"durum": [true]}', "durum: "),
        (b'{"durum": true}', "aciklama.None is not an object"),
        (b'{"durum": true, "aciklama": []}', "is not an object"),
        (b'{"durum": true, "aciklama": "52"}', "is not an object"),
        (answer_body()[:-5], "line 1 column"),
        (answer_body() + answer_body(), "Extra data"),
        (answer_body({"id": 61}) + answer_body(), "Extra data"),
        (b"uyar\xfd " + answer_body(), "not UTF-8"),
        (answer_body().replace(b"0850", b"\xff\xfe"), "not UTF-8"),
        (b'{"durum": true, "aciklama": {"id": 61, "id": 52}}', "same key twice"),
        (b'{"durum": true, "durum": true}', "same key twice"),
        (answer_body().replace(b'"kredi_toplam": 2', b'"kredi_toplam": NaN'), "JSON with NaN"),
        (answer_body().replace(b'"kredi_toplam": 2', b'"kredi_toplam": -Infinity'), "-Infinity"),
        (answer_body().replace(b'"id": 52', b'"id": ' + b"5" * 5000), "4300 digits"),
        (
            answer_body().replace(b'"kredi_toplam": 2', b'"kredi_toplam": 1e999'),
            "kredi_toplam: inf is",
        ),
        (b'{"durum": true, "aciklama": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_under_200_it_is_a_response_error_that_says_why(body, why):
    problem = error_from(body)
    assert type(problem) is VairoSMSResponseError
    assert why in str(problem)
    assert "gonderim 52: HTTP 200" in str(problem)


def test_an_excerpt_is_one_short_printable_line():
    problem = error_from(b"<h1>\n Bak\xc4\xb1m\x07\x1b[31m</h1>\r\n" + b"x" * 10_000)
    assert problem.excerpt.startswith("<h1> Bakım [31m</h1> xxx")
    assert len(problem.excerpt) == 200
    assert problem.excerpt.endswith("…")
    assert error_from(b"k\xc4\xb1sa").excerpt == "kısa"
    assert error_from(b"\xff").excerpt == "\ufffd"
    assert error_from("<h1>UTF-16</h1>".encode("utf-16")).excerpt == ""


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize(
    "body", [b"", answer_body(), no("başka yerde")], ids=["empty", "yes", "no"]
)
def test_a_redirect_is_no_answer_of_the_panels(status, body):
    problem = error_from(body, status, {"Location": "https://example.com/"})
    assert type(problem) is VairoSMSResponseError
    assert problem.status == status
    assert "redirect" in str(problem)


@pytest.mark.parametrize("status", [201, 204, 206, 400, 403, 409, 418, 419, 600, 999])
def test_foreign_bodies_and_misplaced_records_under_other_statuses(status):
    for body in (b"", HTML, answer_body()):
        problem = error_from(body, status)
        assert type(problem) is VairoSMSResponseError, body
        assert problem.status == status


# ---- the panel says no -------------------------------------------------------------------------


@pytest.mark.parametrize("kod", sorted(KODLAR))
def test_documented_codes(kod):
    problem = error_from(no(kod), 400)
    assert type(problem) is VairoSMSAPIError
    assert (problem.status, problem.aciklama, problem.kod) == (400, kod, kod)
    assert str(problem) == f"gonderim 52: HTTP 400: {kod}"


def test_other_words_are_aciklama_without_a_code():
    problem = error_from(no("Bakiye\nyetersiz"), 200)
    assert type(problem) is VairoSMSAPIError
    assert (problem.status, problem.aciklama, problem.kod) == (200, "Bakiye\nyetersiz", None)
    assert str(problem) == "gonderim 52: HTTP 200: Bakiye yetersiz"


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_no_words_at_all(nothing):
    problem = error_from(no(nothing), 400)
    assert problem.aciklama in (None, "")
    assert str(problem) == "gonderim 52: HTTP 400: the panel gives no reason"


def test_why_there_are_no_words():
    reason = "gonderim 52: HTTP 503: the panel gives no reason"
    assert str(error_from(HTML, 503)) == f"{reason} (an HTML page)"
    assert str(error_from(b"", 503)) == f"{reason} (the body is empty)"
    assert str(error_from(answer_body(), 503)) == reason


def test_words_that_are_an_object_are_kept_as_json():
    assert error_from(no({"id": ["geçersiz"]}), 422).aciklama == '{"id": ["geçersiz"]}'


def test_words_that_nobody_could_print_are_mended():
    assert error_from(b'{"durum": false, "aciklama": "yar\\ud83dm"}').aciklama == "yar?m"


def test_another_packets_id_is_cut_short_too():
    assert len(str(error_from(answer_body({"id": int("5" * 4000)})))) < 400


@pytest.mark.parametrize(
    "changes",
    [
        {"created_at": datetime(2026, 1, 1, microsecond=1)},
        {"gecerlilik_suresi": timedelta(microseconds=1)},
        {"gecerlilik_suresi": timedelta(hours=839)},
        {"gecerlilik_suresi": -timedelta(hours=839)},
    ],
    ids=range(4),
)
def test_what_the_panel_could_not_write_is_not_written(changes):
    with pytest.raises(ValueError, match="whole seconds"):
        gonderim_to_dict(attrs.evolve(record_from(answer_body()), **changes))


def test_long_words_are_cut():
    problem = error_from(no("uzun " * 1000), 400)
    assert len(problem.aciklama) == 500
    assert len(str(problem)) < 250


BODIES = {"panel": no("olmaz"), "html": HTML, "empty": b"", "record": answer_body()}


@pytest.mark.parametrize(
    ("status", "cls", "bodies"),
    [
        (401, VairoSMSAuthError, BODIES),
        (403, VairoSMSAuthError, ["panel"]),
        (404, VairoSMSNotFoundError, BODIES),
        (408, VairoSMSAPIError, BODIES),
        (422, VairoSMSAPIError, ["panel"]),
        (429, VairoSMSRateLimitError, BODIES),
        *((status, VairoSMSServerError, BODIES) for status in (500, 501, 502, 503, 504, 520, 599)),
    ],
)
def test_status_to_class(status, cls, bodies):
    for name in bodies:
        problem = error_from(BODIES[name], status)
        assert type(problem) is cls, name
        assert problem.status == status
        assert problem.gonderim_id == 52
        assert problem.aciklama == ("olmaz" if name == "panel" else None)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
def test_the_panels_words_for_a_wrong_key_refuse_it_under_any_status(status):
    problem = error_from(no(API_KEY_HATALI), status)
    assert type(problem) is VairoSMSAuthError
    assert problem.aciklama == API_KEY_HATALI


# ---- Retry-After -------------------------------------------------------------------------------

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 120 ", 120),
        ("1.5", 1.5),
        ("99999999999", 99999999999),
        (http_date(NOON + timedelta(seconds=90)), 90),
        (http_date(NOON - timedelta(seconds=90)), 0),
        ("Tue, 24 Nov 2026 12:00:30 -0000", 30),
        ("Tue, 24 Nov 2026 15:00:30 +0300", 30),
        ("", None),
        ("-5", None),
        ("1e3", None),
        ("soon", None),
        ("9" * 30, None),
        ("Tue, 99 Nov 2026 12:00:30 GMT", None),
        ("Tue, 24 Nov 999999999999 12:00:30 GMT", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(status, value, seconds):
    headers = CIMultiDict({"retry-after": value, "date": http_date(NOON)})
    assert error_from(b"", status, headers).retry_after == seconds
    headers = {"Retry-After": value, "Date": http_date(NOON)}
    assert error_from(b"", status, headers).retry_after == seconds


def test_retry_after_as_a_date_without_a_date_to_measure_from():
    later = http_date(datetime.now(UTC) + timedelta(seconds=60))
    assert 55 < error_from(b"", 429, {"Retry-After": later}).retry_after <= 60


def test_no_retry_after():
    assert error_from(b"", 429).retry_after is None


# ---- zones and dicts ---------------------------------------------------------------------------


def test_a_zone_makes_every_time_aware_and_is_no_part_of_the_wire():
    for gonderim_id in (52, 61):
        naive, aware = (
            gonderim_from_dict(example_packet(gonderim_id), tz) for tz in (None, ISTANBUL)
        )
        assert aware.created_at == naive.created_at.replace(tzinfo=ISTANBUL)
        assert aware.sonlanma_zamani.tzinfo is ISTANBUL
        assert aware.ileri_tarih is None
        assert gonderim_to_dict(aware) == gonderim_to_dict(naive)
        assert gonderim_from_dict(gonderim_to_dict(aware), ISTANBUL) == aware
    assert aware.log.created_at.tzinfo is aware.log.updated_at.tzinfo is ISTANBUL
    scheduled = gonderim_from_dict(
        example_packet(52) | {"ileri_tarih": "2026-01-01 09:00:00"}, ISTANBUL
    )
    assert scheduled.ileri_tarih == datetime(2026, 1, 1, 9, tzinfo=ISTANBUL)
    assert read_answer(52, 200, {}, answer_body(), tz=ISTANBUL).created_at.tzinfo is ISTANBUL


@pytest.mark.parametrize("d", [None, [], "52", {}, {"id": 1}])
def test_from_dict_refuses_what_is_no_packet(d):
    with pytest.raises(VairoSMSResponseError, match="not a gonderim"):
        gonderim_from_dict(d)


def test_read_does_not_depend_on_the_case_of_headers():
    assert read_body(b"", 429, CIMultiDict({"RETRY-AFTER": "3"})).retry_after == 3
