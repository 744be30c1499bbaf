"""The panel's answer to a lookup: a record, or an error if it is not the panel's answer."""

import json
from datetime import datetime, timedelta

import pytest

from tests.helpers import FIXTURES, answer_body, error_from, example_packet, record_from
from vairosms_async import (
    Gonderim,
    GonderimLog,
    PaketDurum,
    VairoSMSAPIError,
    VairoSMSResponseError,
)
from vairosms_async._wire import read_answer

HTML = b"<!DOCTYPE html><html><body><h1>Bak\xc4\xb1m</h1></body></html>"
REFUSAL = '{"durum": false, "aciklama": "başka yerde"}'.encode()


def changed_body(old: bytes, new: bytes) -> bytes:
    """Return the panel's answer for packet 52 with some bytes replaced."""
    body = answer_body()
    assert old in body
    return body.replace(old, new)


def test_parses_the_documented_answer_for_packet_52():
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


def test_parses_the_documented_answer_for_packet_61():
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


@pytest.mark.parametrize("durum", [True, 1, "1", "true"], ids=repr)
def test_accepts_durum_true_as_php_may_write_it(durum):
    assert record_from(answer_body(durum=durum)).id == 52


@pytest.mark.parametrize("durum", [False, 0, "0", "false"], ids=repr)
def test_accepts_durum_false_as_php_may_write_it(durum):
    assert type(error_from(answer_body(durum=durum, aciklama="yok"))) is VairoSMSAPIError


NOISE = {
    "BOM": b"\xef\xbb\xbf",
    "whitespace": b"\n\t ",
    "BOM and whitespace": b"\xef\xbb\xbf \r\n",
    "NUL": b"\0",
    "HTML comment": b"<!-- served by panel-3 in 0.012 s {ok} -->",
    "PHP warning": b"<br />\n<b>Warning</b>:  Undefined {$x} in <b>/a/b.php</b> on line 3<br />\n",
    "PHP notice": b"\nNotice: durum in line 12\n",
    "windows-1254": "uyarı: ş".encode("cp1254"),
    "HTML page": HTML,
    "script": b'<script>f({a: 1}, {"b": [2]});</script>',
}


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
@pytest.mark.parametrize("top", [{}, {"kod": 200}], ids=["documented", "with another field"])
def test_skips_noise_around_the_json(noise, top):
    body = json.dumps(top).encode()[:-1] + (b", " if top else b"") + answer_body()[1:]
    assert record_from(noise + body).id == 52
    assert record_from(body + noise).id == 52
    assert record_from(noise + body + noise) == record_from(answer_body())


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_skips_noise_around_a_refusal(noise):
    assert error_from(noise + REFUSAL + noise, 400).aciklama == "başka yerde"


def test_skips_the_parentheses_of_jsonp():
    assert record_from(b"callback(" + answer_body() + b");").id == 52


def test_accepts_the_same_answer_twice():
    assert record_from(answer_body() + b"\n" + answer_body()) == record_from(answer_body())


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("id", changed_body(b'"id": 52', b'"id": 61, "id": 52')),
        ("durum", changed_body(b'"durum": true', b'"durum": false, "durum": true')),
        (
            "kredi_toplam",
            changed_body(b'"kredi_toplam": 2', b'"kredi_toplam": 9, "kredi_toplam": 2'),
        ),
    ],
)
def test_the_last_of_two_equal_keys_counts(key, body):
    assert record_from(body) == record_from(answer_body())


def test_reads_a_record_that_is_alone_in_a_list():
    assert record_from(answer_body(aciklama=[example_packet(52)])) == record_from(answer_body())


def test_decodes_bytes_that_are_not_utf_8_as_windows_1254():
    title = "Şube ışık ğüş İ".encode("cp1254") + "ığş€".encode() + b"\x81\x9e\xed\xa0\x80"
    record = record_from(changed_body(b"08505326480", title))
    assert record.sms_baslik == "Şube ışık ğüş İ" + "ığş€" + "\ufffd\ufffdí\xa0€"


@pytest.mark.parametrize(
    ("number", "text"),
    [("NaN", "NaN"), ("-Infinity", "-Infinity"), ("1e999", "1e999"), ("7" * 5000, "7" * 5000)],
    ids=["NaN", "-Infinity", "1e999", "5000 digits"],
)
def test_a_number_that_python_cannot_hold_hides_no_other_field(number, text):
    record = record_from(changed_body(b'"kredi_toplam": 2', b'"kredi_toplam": ' + number.encode()))
    assert record.unreadable == {"kredi_toplam": text}
    assert record.paket_durum is PaketDurum.SONLANDI


@pytest.mark.parametrize("other_id", [61, 520, 5, -52])
def test_rejects_the_record_of_another_packet(other_id):
    error = error_from(answer_body({"id": other_id}))
    assert type(error) is VairoSMSResponseError
    assert "aciklama.id: " in str(error)
    assert f"packet {other_id}" in str(error)


def test_the_error_truncates_a_long_id_of_another_packet():
    assert len(str(error_from(answer_body({"id": int("5" * 4000)})))) < 400


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b" \n", "empty", id="whitespace"),
        pytest.param(HTML, "HTML", id="HTML"),
        pytest.param(b"OK", "not JSON", id="plain text"),
        pytest.param(b"[]", "not JSON", id="list"),
        pytest.param(b"null", "not JSON", id="null"),
        pytest.param(b"\xef\xbb\xbf", "empty", id="BOM alone"),
        pytest.param(b"{}", "durum: missing", id="no durum"),
        pytest.param(b'{"durum": null}', "durum: None is not true or false", id="durum null"),
        pytest.param(b'{"durum": "evet"}', "durum: 'evet' is not", id="durum a word"),
        pytest.param(b'{"durum": 2}', "durum: 2 is not", id="durum 2"),
        pytest.param(b'{"durum": 1.0}', "durum: 1.0 is not", id="durum a float"),
        pytest.param(b'{"durum": [true]}', "durum: ", id="durum a list"),
        pytest.param(b'{"durum": "TRUE"}', "durum: 'TRUE' is not", id="durum in capitals"),
        pytest.param(b'{"durum": true}', "aciklama: None is not one record", id="no aciklama"),
        *(
            pytest.param(
                answer_body(aciklama=aciklama),
                f"aciklama: {aciklama} is not one record",
                id=f"aciklama {aciklama}",
            )
            for aciklama in ([], 52, True, [52], [[]])
        ),
        pytest.param(answer_body(aciklama="52"), "aciklama: '52' is not", id="aciklama a text"),
        pytest.param(
            answer_body(aciklama=[example_packet(52)] * 2), "is not one record", id="two records"
        ),
        pytest.param(answer_body()[:-5], "line 1 column", id="truncated JSON"),
        pytest.param(answer_body() + answer_body()[:-5], "line 1 column", id="truncated copy"),
        *(
            pytest.param(body, "two different answers", id=name)
            for name, body in {
                "another packet after it": answer_body() + answer_body({"id": 61}),
                "another packet before it": answer_body({"id": 61}) + answer_body(),
                "another state after it": answer_body() + HTML + answer_body({"paket_durum": 0}),
                "another field first": answer_body() + b'{"kod": 1, "durum": true}',
                "a refusal after it": answer_body() + REFUSAL,
            }.items()
        ),
        pytest.param(
            b'{"durum": true, "aciklama": {"id": 52, "id": 61, "paket_durum": 1}}',
            "packet 61",
            id="another id last",
        ),
        pytest.param(
            changed_body(b'"id": 52', b'"id": ' + b"5" * 5000),
            "is not a whole number",
            id="5000 digits",
        ),
        pytest.param(
            b'{"durum": true, "aciklama": ' + b"[" * 100_000,
            "nested too deeply",
            id="100,000 nested lists",
        ),
        pytest.param(b'{"a":' * 100_000, "nested too deeply", id="100,000 nested objects"),
    ],
)
def test_a_200_that_is_not_the_panels_answer_is_a_response_error_that_says_why(body, why):
    error = error_from(body)
    assert type(error) is VairoSMSResponseError
    assert why in str(error)
    assert "gonderim 52: HTTP 200" in str(error)


def test_the_excerpt_is_one_short_printable_line():
    error = error_from(b"<h1>\n Bak\xc4\xb1m\x07\x1b[31m</h1>\r\n" + b"x" * 10_000)
    assert error.excerpt.startswith("<h1> Bakım [31m</h1> xxx")
    assert len(error.excerpt) == 200
    assert error.excerpt.endswith("…")


@pytest.mark.parametrize(
    ("body", "excerpt"),
    [
        pytest.param(b"k\xc4\xb1sa", "kısa", id="short"),
        pytest.param(b"<h1>Bak\xfdm</h1>", "<h1>Bakım</h1>", id="windows-1254"),
        # The key in UTF-16 would not be recognised and scrubbed.
        pytest.param("<h1>UTF-16</h1>".encode("utf-16"), "", id="UTF-16"),
    ],
)
def test_the_excerpt_decodes_utf_8_and_windows_1254_and_omits_utf_16(body, excerpt):
    assert error_from(body).excerpt == excerpt


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize(
    "body", [b"", answer_body(), REFUSAL], ids=["empty", "durum true", "durum false"]
)
def test_a_redirect_is_a_response_error(status, body):
    error = error_from(body, status, {"Location": "https://example.com/"})
    assert type(error) is VairoSMSResponseError
    assert error.status == status
    assert "redirect" in str(error)


@pytest.mark.parametrize("body", [b"", HTML, answer_body()], ids=["empty", "HTML", "record"])
@pytest.mark.parametrize("status", [201, 204, 206, 400, 403, 409, 418, 419, 600, 999])
def test_other_statuses_without_a_refusal_are_response_errors(status, body):
    error = error_from(body, status)
    assert type(error) is VairoSMSResponseError
    assert error.status == status
