"""The command in Turkish: which language it speaks, and what it says."""

import json
import os
import re
from gettext import gettext
from pathlib import Path

import pytest

from tests.cli.helpers import Panel, run_vairosms, start_vairosms, write_ids
from tests.cli.screens import printed, screen
from tests.helpers import ROOT
from vairosms_async.cli.app import cli
from vairosms_async.cli.display import grouped
from vairosms_async.cli.language import find_language, reason_of, use_language
from vairosms_async.cli.settings import LIBRARY_PROBLEMS
from vairosms_async.cli.summary import show_summary
from vairosms_async.sandbox import Fault

COMMANDS = [[], ["demo"], ["get"], ["bulk"], ["wait"], ["sandbox"]]
ENGLISH_WORDS = (
    r"(?<!-)\b(?:the|of|and|or|with|default|required|Options|Commands|Error|Usage|packets?)\b"
)


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        pytest.param({}, "en", id="nothing set"),
        pytest.param({"LANG": "tr_TR.UTF-8"}, "tr", id="LANG"),
        pytest.param({"LC_MESSAGES": "tr_TR", "LANG": "en_US"}, "tr", id="LC_MESSAGES"),
        pytest.param({"LC_ALL": "tr_TR", "LC_MESSAGES": "en_US"}, "tr", id="LC_ALL"),
        pytest.param({"LANGUAGE": "tr", "LC_ALL": "en_US"}, "tr", id="LANGUAGE"),
        pytest.param({"VAIROSMS_LANG": "tr", "LANGUAGE": "en"}, "tr", id="VAIROSMS_LANG"),
        pytest.param({"VAIROSMS_LANG": "en", "LANG": "tr_TR.UTF-8"}, "en", id="English wanted"),
        pytest.param({"VAIROSMS_LANG": "", "LANG": "tr_TR.UTF-8"}, "tr", id="empty"),
        pytest.param({"VAIROSMS_LANG": "TR"}, "tr", id="capitals"),
        pytest.param({"LANG": "tr_CY@euro"}, "tr", id="Cyprus"),
        pytest.param({"LANG": "tr-TR"}, "tr", id="as on Windows"),
        pytest.param({"LANG": "trv_TW"}, "en", id="another language"),
        pytest.param({"LANGUAGE": "de:tr:en"}, "tr", id="a list"),
        pytest.param({"LANGUAGE": "de:en:tr"}, "en", id="a list with English first"),
        pytest.param({"LANGUAGE": "de:fr"}, "en", id="a list of others"),
        pytest.param({"LANG": "C.UTF-8", "LANGUAGE": "tr"}, "tr", id="LANG=C in a container"),
        pytest.param({"LC_ALL": "C", "LANGUAGE": "tr"}, "en", id="LC_ALL=C of a script"),
        pytest.param({"LC_ALL": "C.UTF-8", "LANGUAGE": "tr"}, "en", id="LC_ALL=C.UTF-8"),
        pytest.param({"LC_ALL": "POSIX", "LANGUAGE": "tr"}, "en", id="LC_ALL=POSIX"),
        pytest.param({"LC_ALL": "C", "VAIROSMS_LANG": "tr"}, "tr", id="wanted in spite of C"),
    ],
)
def test_finds_the_language(environ, language):
    assert find_language(environ) == language


def test_language_of_the_user_interface_counts_if_no_variable_is_set():
    assert find_language({}, "tr_TR") == "tr"
    assert find_language({"LANG": "en_US"}, "tr_TR") == "en"


@pytest.fixture
def turkish(monkeypatch):
    """Translate what is said from now on in this process. Help and constants stay English."""
    monkeypatch.setenv("VAIROSMS_LANG", "tr")
    use_language()


@pytest.fixture
def vairosms_in_turkish(panel, folder):
    """Run the command as a child process, in an empty folder."""

    def run(*args, **settings):
        return run_vairosms(*args, panel=panel, settings={"VAIROSMS_LANG": "tr"} | settings)

    return run


@pytest.fixture(scope="module")
def module_panel():
    with Panel(packets=70, settle_time=0.0) as panel:
        yield panel


def options(text):
    """Return the options that a help names."""
    return set(re.findall(r"(?<!\S)--?[a-z][-a-z]*", text))


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command) or "vairosms")
def test_help_is_turkish(vairosms, vairosms_in_turkish, command):
    ran = vairosms_in_turkish(*command, "--help")
    assert ran.code == 0
    assert ran.out.startswith(" ".join(["Kullanım: vairosms", *command, "[SEÇENEKLER]"]))
    text, _, examples = ran.out.partition("Örnek")
    assert not re.search(ENGLISH_WORDS, text)
    assert ("vairosms" in examples) == bool(command)
    assert all(len(line) <= 100 for line in ran.out.splitlines())
    assert options(ran.out) == options(vairosms(*command, "--help").out) != set()


def test_help_names_the_turkish_guide(turkish):
    [guide] = re.findall(r"docs/\S+\.md", gettext(cli.help))
    assert ROOT.joinpath(guide).read_text("utf-8").startswith("# Komut\n")


def test_get_is_turkish(vairosms_in_turkish):
    ran = vairosms_in_turkish("get", 52, 61, 9999, "x", COLUMNS="120")
    assert ran.code == 1
    for text in (
        "Adet",
        "Oluşturma, sonlanma",
        " numara ",
        " kredi ",
        "gönderildi ve sonlandı",
        "gönderilemedi, kredi düşülmedi",
        "(SMS başlığı kabul edilmedi)",
        "9999: Paket bulunamadı (",
        "x: Paket numarası değil (1 ya da daha büyük bir tam sayı olmalı)\n",
    ):
        assert text in ran.out
    assert "VairoSMS" not in ran.out + ran.err
    assert not re.search(ENGLISH_WORDS, re.sub(r"\(.*\)", "", ran.out))


def test_json_keeps_class_names_and_english_errors(vairosms_in_turkish, vairosms):
    in_turkish, in_english = (
        [json.loads(line) for line in run("get", 9999, "x", "--json").out.splitlines()]
        for run in (vairosms_in_turkish, vairosms)
    )
    for line in (*in_turkish, *in_english):
        del line["checked_at"]
    assert in_turkish == in_english
    assert in_turkish[0]["error"]["type"] == "VairoSMSNotFoundError"


def test_wait_is_turkish(vairosms_in_turkish):
    ran = vairosms_in_turkish("wait", 61, 9999)
    assert ran.code == 1
    assert (
        "61  HATALI: gönderilemedi, kredi düşülmedi, INVALID_SOURCE_ADDRESS (SMS başlığı" in ran.out
    )
    assert "9999: Paket bulunamadı (" in ran.out


def test_summary_of_bulk_is_turkish(vairosms_in_turkish):
    write_ids([52, 61, 9999, "x"])
    ran = vairosms_in_turkish("bulk", "ids", "-o", "out.csv")
    assert ran.code == 1
    assert re.match(r"4 satır, 3 paket: 3 sorgu \(0:0\d, \d+/sn\)\n", ran.err)
    for text in (
        "  SONLANDI 1  %25,0 ",
        "HATALI, nedenlerine göre\n",
        "Hatalar\n",
        "  Paket bulunamadı             1  %25,0 ",
        "  paket numarası olmayan satırlar 1  %25,0 ",
        "örn. 4. satır\n",
        "Düşülen kredi: ",
    ):
        assert text.replace(" ", "") in ran.err.replace(" ", "")
    assert ran.err.endswith("\nSonuç: out.csv\n")
    assert "VairoSMS" not in ran.err
    ran = vairosms_in_turkish("bulk", "ids", "-o", "out.csv", "--offline")
    assert ran.err.startswith("4 satır, 3 paket: sorgu yapılmadı (--offline)\n")


@pytest.mark.parametrize("out", ["out.csv", "out.jsonl"])
def test_out_is_the_same_in_each_language(vairosms, vairosms_in_turkish, out):
    Path("list.csv").write_text("no;ad\n52;Ayşe\n61;Burak\n9999;Cem\n1,23E+11;Can\n;Efe\n\n52\n")
    results = []
    for run in (vairosms, vairosms_in_turkish):
        Path(out).unlink(missing_ok=True)
        ran = run("bulk", "list.csv", "-o", out, "--column", "no", "--store", "packets.db")
        assert ran.code == 1
        results.append(Path(out).read_text("utf-8"))
    assert "Excel has changed this number" in results[0]
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param(["get"], "Hata: Eksik parametre 'NUMARA...'.", id="argument"),
        pytest.param(["bulk", "ids"], "Hata: Eksik seçenek '-o' / '--output'.", id="option"),
        pytest.param(
            ["gett"],
            "Hata: 'gett' diye bir komut yok. Bunu mu demek istediniz: 'get'?",
            id="command",
        ),
        pytest.param(
            ["wait", "52", "--timeout", "x"],
            "Hata: '--timeout' için geçersiz değer: 'x' geçerli bir sayı değil.",
            id="number",
        ),
        pytest.param(
            ["demo", "--packets", "0"],
            "Hata: '--packets' için geçersiz değer: 0 şu aralıkta değil: x>=1.",
            id="range",
        ),
        pytest.param(
            ["bulk", "ids", "-o", "out.csv", "--wait-timeout", "9"],
            "Hata: --wait-timeout için --wait gerekir",
            id="combination",
        ),
        pytest.param(
            ["bulk", "yok", "-o", "out.csv"],
            "Hata: yok okunamadı: Böyle bir dosya ya da klasör yok",
            id="missing file",
        ),
        pytest.param(
            ["bulk", "ids", "-o", "yok/out.csv"],
            "Hata: yok/out.csv yazılamadı: Böyle bir dosya ya da klasör yok",
            id="missing folder",
        ),
        pytest.param(
            ["bulk", "list.csv", "-o", "out.csv", "--column", "x"],
            "Hata: list.csv okunamadı: 'x' sütunu yok. Sütunlar: no, ad",
            id="column",
        ),
        pytest.param(
            ["bulk", "ids", "-o", "out.csv", "--store", "list.csv"],
            "Hata: list.csv: vairosms komutunun yanıt dosyası değil: başka bir --store verin",
            id="store",
        ),
        pytest.param(
            ["get", "52", "--api-key-file", "yok"],
            "Hata: yok: Böyle bir dosya ya da klasör yok",
            id="key file",
        ),
    ],
)
@pytest.mark.slow
def test_errors_are_turkish(vairosms_in_turkish, args, message):
    write_ids([52])
    Path("list.csv").write_text("no;ad\n52;x\n")
    ran = vairosms_in_turkish(*args)
    assert (ran.code, ran.err.splitlines()[-1]) == (2, message)


def test_settings_errors_are_turkish(vairosms_in_turkish):
    ran = vairosms_in_turkish("get", 52, VAIROSMS_API_KEY="a b")
    assert (ran.code, ran.err) == (
        2,
        "Hata: VAIROSMS_API_KEY boşluk ya da görünmeyen bir karakter içeriyor\n",
    )
    ran = vairosms_in_turkish("get", 52, VAIROSMS_API_KEY=None)
    assert ran.code == 2
    assert ran.err.startswith("Hata: API anahtarı yok: VAIROSMS_API_KEY değişkenine yazın ya da")


def test_a_refused_key_is_told_in_turkish(vairosms_in_turkish):
    ran = vairosms_in_turkish("get", 52, VAIROSMS_API_KEY="baska-bir-anahtar")
    assert ran.code == 3
    assert ran.err.startswith("Hata: panel API anahtarını kabul etmedi. VAIROSMS_API_KEY değerini")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VAIROSMS_API_KEY", "a b"),
        ("VAIROSMS_BASE_URL", "https://x/?a"),
        ("VAIROSMS_BASE_URL", "x"),
        ("VAIROSMS_BASE_URL", "https://a:b@x"),
        ("VAIROSMS_BASE_URL", "http://example.com"),
    ],
)
def test_catalogue_has_what_the_library_says_about_settings(vairosms, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    ran = vairosms("get", 52)
    assert ran.code == 2
    assert ran.err.removeprefix(f"Error: {variable} ").rstrip() in LIBRARY_PROBLEMS


def test_warnings_of_the_library_are_turkish(panel, vairosms_in_turkish):
    panel.fail(Fault("status", status=429, retry_after=1), times=1)
    ran = vairosms_in_turkish("get", 52)
    assert ran.code == 0
    assert ran.err == "Uyarı: panel HTTP 429 yanıtını verdi: 1.00 saniye bekleniyor\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"LANG": "tr_TR.UTF-8"}, id="UTF-8"),
        pytest.param({"LANG": "tr_TR.ISO-8859-9"}, id="a locale that is not installed"),
        pytest.param({"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_CTYPE": "C"}, id="C"),
        pytest.param({"PYTHONIOENCODING": "cp1254"}, id="a redirected Windows console"),
        pytest.param({"PYTHONIOENCODING": "ascii"}, id="ASCII"),
    ],
)
def test_no_encoding_fails(panel, folder, settings):
    settings = {"LANG": "tr_TR.UTF-8", "VAIROSMS_API_KEY": "abc"} | settings
    encoding = "cp1254" if "cp1254" in settings.values() else "utf-8"
    for args, code, word in (
        (["bulk", "yok", "-o", "out.csv"], 2, "Hata: yok okunamad"),
        (["demo", "--packets", "20", "--quiet"], 0, "20 paket sorguland"),
        (["--help"], 0, "Kullan"),
    ):
        child = start_vairosms(*args, panel=panel, settings=settings)
        texts = [text.decode(encoding) for text in child.communicate(timeout=60)]
        assert (child.returncode, word in "".join(texts)) == (code, True)
        assert "Traceback" not in texts[1]


def test_numbers_and_counts_are_turkish(turkish, summary):
    assert grouped(1234567) == "1.234.567"
    out = screen(80)
    show_summary(out, "", summary, [])
    assert " %80,0 " in printed(out)


def test_reasons_of_the_system_are_turkish(turkish):
    for path, reason in ((".", "Bu bir klasör"), ("yok", "Böyle bir dosya ya da klasör yok")):
        with pytest.raises(OSError) as caught:
            Path(path).read_bytes()
        assert reason_of(caught.value) == reason


def test_reasons_of_the_system_are_those_of_python():
    with pytest.raises(FileNotFoundError) as caught:
        Path("yok").read_bytes()
    assert reason_of(caught.value) == os.strerror(caught.value.errno)
    assert reason_of(OSError("no number")) == "no number"


def test_other_programs_texts_stay_as_they_are(turkish):
    assert gettext("a text that is in no catalogue") == "a text that is in no catalogue"
