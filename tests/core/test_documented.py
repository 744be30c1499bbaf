"""The fast reader of documented answers reads them as the general reader does, or not at all."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.helpers import FIXTURES, answer_body, example_packet
from vairosms_async import Gonderim
from vairosms_async._documented import read_documented
from vairosms_async._wire import read_answer

BOM = b"\xef\xbb\xbf"

# JSON texts that two parsers could read differently, and texts that are not JSON.
NUMBERS = [
    *(
        "52",
        "-1",
        "0",
        "-0",
        "7",
        "52.0",
        "5.2e1",
        "1e17",
        "1E400",
        "1e-400",
        "01",
        "+1",
        "1.",
        ".5",
    ),
    *("9223372036854775808", "18446744073709551616", "-9223372036854775809", "9" * 40, "9" * 5000),
    *("NaN", "Infinity", "-Infinity", "0x10", "1_0", "true", "false", "null"),
]
TEXTS = [
    *('""', '"52"', '"a\nb"', '"\x00"', '"\x7f"', '"\\u0000"', '"\\/"', '"\\x41"', "'a'", '"'),
    *('"\\ud800"', '"\\ud83d\\ude00"', '"\\ud83d\\u0041"', '"\\ude00\\ud83d"', '"\\u00 4"'),
    *('"BAŞLIK"', '"\x85\u2028"', '"\ufeff"', '"2016-07-21 14:40:16"', '"0000-00-00 00:00:00"'),
    *('"2016-07-21 24:00:00"', '"2016-W29-4 14:40:16"', '"2016-07-21x14:40:16"', '"20160721"'),
    *('"2016-07-21 14:40+03"', '"2016-02-30 14:40:16"', '"2016-07-21 14:40:16Z"'),
    *('"２０１６-07-21 14:40:16"', '"24:00:00"', '"-838:59:59"', '"839:00:00"', '"24:00"'),
]
OTHERS = ["[]", "{}", "[52]", '{"id": 1}', '{"id": null, "mesaj": ""}', '{"mesaj": "a"}', "", "]"]
numbers = st.sampled_from(NUMBERS).map(str.encode) | st.integers().map(b"%d".__mod__)
texts = st.sampled_from(TEXTS).flatmap(
    lambda text: st.sampled_from([text.encode(), text.encode("cp1254", "replace")])
) | st.sampled_from([b'"\xff"', b'"\xed\xa0\x80"', b'"\xc3"'])
others = numbers | texts | st.sampled_from(OTHERS).map(str.encode)
blanks = st.sampled_from([b"", b" ", b"\r\n\t"])
noise = st.sampled_from([b"\f", b"\0", b"<!-- x -->", b"{}", b"}", BOM, b"\xa0"])
around = st.sampled_from([blanks, blanks, blanks, noise]).flatmap(lambda each: each)


@st.composite
def unusual_objects(draw, packet, nested=others):
    """Draw the JSON text of an object with some unusual, missing, unknown or repeated fields."""
    fields = [(json.dumps(name), json.dumps(value).encode()) for name, value in packet.items()]
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from([*packet, *packet, *packet, "log", "yeni"]))
        likely = numbers if type(packet.get(name)) is int else texts
        value = draw(nested if name == "log" else draw(st.sampled_from([likely, likely, others])))
        escaped = f'"\\u{ord(name[0]):04x}{name[1:]}"'
        key = draw(st.sampled_from([json.dumps(name), escaped]))
        place = draw(st.integers(0, len(fields)))
        fields[place : place + draw(st.integers(0, 1))] = [(key, value)]
    return b"{" + b",".join(b"%b:%b" % (key.encode(), value) for key, value in fields) + b"}"


logs = unusual_objects(example_packet(61)["log"])
packets = st.sampled_from([52, 61]).flatmap(
    lambda gonderim_id: unusual_objects(example_packet(gonderim_id), logs)
)
tops = st.sampled_from([b"", b'"durum":false,', b'"durum":1,', b'"aciklama":{},', b'"kod":1,'])
answers = st.tuples(blanks | tops, packets).map(
    lambda parts: b'{%b"durum":true,"aciklama":%b}' % parts
)


def assert_read_as_the_general_reader_does(body):
    record = read_documented(body)
    if record is not None:
        # The fast reader refuses a byte order mark.
        general = read_answer(record.id, 200, {}, BOM + body)
        assert general == record
        assert repr(general) == repr(record)  # 1 == True, but their reprs differ


@given(around, answers, around)
@example(b"", answer_body({"kredi_toplam": 2**64}), b"")
def test_an_unusual_answer_gives_the_same_record(before, answer, after):
    assert_read_as_the_general_reader_does(before + answer + after)


@given(st.data())
def test_a_damaged_answer_gives_the_same_record(data):
    body = bytearray(
        (FIXTURES / f"gonderim_{data.draw(st.sampled_from([52, 61]))}.json").read_bytes()
    )
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(body)))
        body[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    assert_read_as_the_general_reader_does(bytes(body))


@given(st.binary())
def test_any_bytes_give_the_same_record(body):
    assert_read_as_the_general_reader_does(body)


@pytest.mark.parametrize("gonderim_id", [52, 61])
@pytest.mark.parametrize(
    "style", [{"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}]
)
def test_reads_the_documented_answers(gonderim_id, style):
    answer = {"durum": True, "aciklama": example_packet(gonderim_id)}
    record = read_documented(json.dumps(answer, **style).encode())
    assert isinstance(record, Gonderim)
    assert record.id == gonderim_id


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"paket_durum": 7}, id="unknown state"),
        pytest.param({"log": None}, id="no log"),
        pytest.param({"sonlanma_zamani": None, "sms_baslik": None}, id="null"),
        pytest.param({"created_at": "2016-07-21T14:40:16Z"}, id="ISO 8601"),
        pytest.param({"id": 2**70}, id="large id"),
    ],
)
def test_reads_values_that_the_panel_may_write_in_the_documented_types(changes):
    assert read_documented(answer_body(changes)) is not None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(BOM + answer_body(), id="BOM"),
        pytest.param(answer_body() + b"x", id="trailing text"),
        pytest.param(answer_body(durum=False), id="durum false"),
        pytest.param(answer_body(durum=1), id="durum 1"),
        pytest.param(answer_body({"id": "52"}), id="id a text"),
        pytest.param(answer_body({"id": 52.0}), id="id a float"),
        pytest.param(answer_body({"yeni": 1}), id="unknown field"),
        pytest.param(answer_body({"created_at": "dün"}), id="unreadable time"),
        pytest.param(answer_body({"log": {}}), id="empty log"),
        pytest.param(answer_body({"sms_baslik": "\ud800"}), id="lone surrogate"),
        pytest.param(b'{"durum": true, "aciklama": ' + b"[" * 100_000, id="deep"),
    ],
)
def test_leaves_other_answers_to_the_general_reader(body):
    assert read_documented(body) is None
