"""Formulas of an ``.xlsx`` workbook that have no saved result. calamine reads them as empty cells.

Excel saves the result of each formula. Other programs, such as openpyxl, may save only the formula.
"""

import io
import posixpath
import re
import zipfile
import zlib
from typing import Final
from xml.etree import ElementTree as ET

_SEARCHED: Final = 16 << 20
"""Bytes of the sheet that are searched, for a bounded time. Formulas usually fill a column."""

_ID_OF_PART = re.compile(r"\{.*/relationships\}id")
_FORMULA_WITHOUT_RESULT = re.compile(
    rb"<(?:\w+:)?c\b([^>]*)>\s*"
    rb"<(?:\w+:)?f\b[^>]*(?:/>|>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></|</)"
)
_NAME_OF_CELL = re.compile(rb'\br="([A-Z]{1,3}[0-9]{1,7})"')
_EMPTY_TEXT = b't="str"'
"""An attribute of a formula whose result is a text, which may be empty."""

_OTHER_FORM = (
    zipfile.BadZipFile,
    zlib.error,
    ET.ParseError,
    LookupError,
    EOFError,
    RuntimeError,
    ValueError,
)
"""What zipfile and the XML parser raise for a file that is not as Excel writes it."""


def find_formula_without_result(workbook: bytes, sheet: int) -> str | None:
    """Return the first cell of a sheet that has a formula and no saved result, such as ``F2``.

    Args:
        workbook: The file.
        sheet: The sheet's position, from 0.

    Returns:
        None: there is no such cell in the first 16 MiB of the sheet, or this is not ``.xlsx``.
    """
    try:
        with (
            zipfile.ZipFile(io.BytesIO(workbook)) as archive,
            archive.open(_part_of_sheet(archive, sheet)) as part,
        ):
            data = part.read(_SEARCHED)
    except _OTHER_FORM:
        return None
    for match in _FORMULA_WITHOUT_RESULT.finditer(data):
        name = _NAME_OF_CELL.search(match[1])
        if name is not None and _EMPTY_TEXT not in match[1]:
            return name[1].decode()
    return None


def _part_of_sheet(archive: zipfile.ZipFile, sheet: int) -> str:
    """Return the name of the file in a workbook's archive that has a sheet's cells."""
    element = _read_xml(archive, "xl/workbook.xml").findall("{*}sheets/{*}sheet")[sheet]
    [id] = (value for name, value in element.items() if _ID_OF_PART.fullmatch(name))
    targets = {
        relation.get("Id"): relation.get("Target", "")
        for relation in _read_xml(archive, "xl/_rels/workbook.xml.rels")
    }
    return posixpath.join("/xl", targets[id]).lstrip("/")


def _read_xml(archive: zipfile.ZipFile, name: str) -> ET.Element:
    return ET.fromstring(archive.read(name))  # noqa: S314 (expat limits the expansion of entities)
