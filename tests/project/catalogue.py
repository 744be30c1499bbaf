"""The Turkish catalogue: ``nox -s translations`` adds new texts to it, and compiles it."""

from gettext import GNUTranslations
from pathlib import Path

import click
from babel.messages import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tests.helpers import ROOT

PACKAGE = ROOT / "vairosms_async"
PO = PACKAGE / "cli" / "locale" / "tr" / "LC_MESSAGES" / "vairosms.po"
MO = PO.with_suffix(".mo")

# The command's functions that take texts. It shows the library's warnings, too.
_KEYWORDS = DEFAULT_KEYWORDS | {
    "counted": (2, 3),
    "to_translate": None,
    "warning": None,
    "_warn": (2,),
}
_CLICK = "click"


def extract():
    """Return a catalogue of the package's texts and those of the installed click."""
    found = Catalog()
    for folder in (PACKAGE, Path(click.__file__).parent):
        for name, _, texts, _, context in extract_from_dir(folder, keywords=_KEYWORDS):
            path = _CLICK if folder != PACKAGE else (PACKAGE / name).relative_to(ROOT).as_posix()
            found.add(texts, locations=[(path, None)], context=context)
    return found


def is_of_click(message: Message):
    """Whether only click has a text. The catalogue keeps those of all its versions."""
    return {path for path, _ in message.locations} == {_CLICK}


def read_source():
    """Return the catalogue that translators edit."""
    with PO.open("rb") as file:
        return read_po(file, locale="tr")


def read_compiled():
    """Return the catalogue that the command reads."""
    with MO.open("rb") as file:
        return GNUTranslations(file)


def update():
    """Add new texts to the catalogue, remove unused ones, and compile it."""
    source, template = read_source(), extract()
    for message in source:
        if message.id and is_of_click(message) and message.id not in template:
            template.add(message.id, locations=message.locations, context=message.context)
    source.update(template, no_fuzzy_matching=True, update_creation_date=False)
    with PO.open("wb") as file:
        write_po(
            file, source, width=100, sort_by_file=True, ignore_obsolete=True, include_lineno=False
        )
    with MO.open("wb") as file:
        write_mo(file, source)


if __name__ == "__main__":
    update()
