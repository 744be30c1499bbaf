"""The Turkish catalogue: complete, well-formed and compiled."""

import re
from string import Formatter

import pytest

from tests.project import catalogue
from tests.project.documents import page
from vairosms_async.cli.display import ERRORS

SOURCE, COMPILED = catalogue.read_source(), catalogue.read_compiled()
TEXTS = [message for message in SOURCE if message.id]


def forms(message):
    """Return the texts of a message: one, or the singular and the plural."""
    return message.id if message.pluralizable else (message.id,)


def translations(message):
    return tuple(message.string) if message.pluralizable else (message.string,)


def key(message):
    # The plurals of one text differ among click's versions.
    return message.context, forms(message)[0]


def by_key(texts):
    return {key(message): message for message in texts if message.id}


def named(message):
    return forms(message)[0][:60]


def test_catalogue_has_each_text_of_the_source_and_no_other():
    """If this fails, run `nox -s translations`, and translate the new texts."""
    used, known = by_key(catalogue.extract()), by_key(TEXTS)
    assert not used.keys() - known.keys()
    unused = [text for text in known.keys() - used.keys() if not catalogue.is_of_click(known[text])]
    assert not unused


@pytest.mark.parametrize("message", TEXTS, ids=named)
def test_text_is_compiled(message):
    """If this fails, run `nox -s translations`."""
    texts = forms(message)
    if message.context:
        compiled = COMPILED.pgettext(message.context, *texts)
    elif message.pluralizable:
        compiled = COMPILED.ngettext(*texts, 1)
    else:
        compiled = COMPILED.gettext(*texts)
    assert (compiled,) == translations(message)


def test_catalogue_is_for_turkish():
    assert (str(SOURCE.locale), SOURCE.num_plurals, SOURCE.plural_expr) == ("tr", 1, "0")


@pytest.mark.parametrize("message", TEXTS, ids=named)
def test_text_is_translated(message):
    assert not message.fuzzy
    assert len(translations(message)) == 1
    assert all(text and text == text.strip() for text in translations(message))


def placeholders(text):
    """Return the fields of `str.format` in any order, and those of ``%`` in their order."""
    fields = {field[1:] for field in Formatter().parse(text) if field[1] is not None}
    return fields, re.findall(r"%(?:\(\w+\))?[.0-9]*[sdrf]", text)


@pytest.mark.parametrize("message", TEXTS, ids=named)
def test_translation_has_the_placeholders_of_the_text(message):
    for text in translations(message):
        assert placeholders(text) == placeholders(forms(message)[-1])  # the plural can have more


def technical_words(text):
    """Return the words that are the same in each language: options, variables, file endings."""
    return set(re.findall(r"--[a-z][-a-z]*|\b[A-Z]+(?:_[A-Z]+)+\b|(?<!\w)\.[a-z]{3,5}\b", text))


@pytest.mark.parametrize("message", TEXTS, ids=named)
def test_translation_names_the_options_of_the_text(message):
    for text in translations(message):
        assert technical_words(text) == technical_words(forms(message)[-1])


@pytest.mark.parametrize("message", [m for m in TEXTS if not m.context], ids=named)
def test_translation_has_the_shape_of_the_text(message):
    original = forms(message)[-1]
    for text in translations(message):
        assert text.count("\n") == original.count("\n")
        assert text.endswith((".", "...")) == original.endswith((".", "..."))
        assert text.endswith(":") == original.endswith(":")


@pytest.mark.parametrize("name", ERRORS)
def test_the_turkish_page_about_errors_has_the_words_of_the_summary(name):
    words = ERRORS | {"VairoSMSInvalidIdError": "rows without a packet id"}
    assert f"| `{name}` | {COMPILED.gettext(words[name])} |" in page("tr/hatalar.md")
