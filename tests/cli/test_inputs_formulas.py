"""Formulas of a workbook that have no saved result, which are read as empty cells."""

import io
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from tests.cli.helpers import Ran
from tests.cli.results import check_complete
from tests.helpers import FIXTURES
from vairosms_async.cli.inputs import read_input

WARNING = (
    "warning: FILE has formulas without a saved result, such as in B2. Their cells are read as "
    "empty. Open FILE in Excel and save it\n"
)
SAVED = '<c r="B2"><f>A2*2</f><v>104</v></c>'


def write_formulas(path, cell, change=lambda parts: None):
    """Write a workbook with a list on its second sheet. The first sheet is empty.

    Args:
        path: The file.
        cell: The XML of the cell B2.
        change: Changes the workbook's parts, a dictionary of bytes by name.
    """
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as workbook:
        workbook.add_worksheet("Boş")
        sheet = workbook.add_worksheet("Liste & <2>")
        sheet.write_row(0, 0, ["id", "iki katı"])
        sheet.write(1, 0, 52)
        sheet.write_formula(1, 1, "=A2*2", None, 104)
    with zipfile.ZipFile(data) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert SAVED.encode() in parts["xl/worksheets/sheet2.xml"]
    parts["xl/worksheets/sheet2.xml"] = parts["xl/worksheets/sheet2.xml"].replace(
        SAVED.encode(), cell.encode()
    )
    change(parts)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def formula_of(path):
    with read_input(str(path), column="id") as input_:
        return input_.formula


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param('<c r="B2"><f>A2*2</f><v /></c>', id="openpyxl"),
        pytest.param('<c r="B2"><f>A2*2</f><v></v></c>', id="empty result"),
        pytest.param('<c r="B2" s="1"><f>A2*2</f></c>', id="no result"),
        pytest.param('<c r="B2"><f t="shared" si="0"/></c>', id="shared formula"),
        pytest.param('<c r="B2">\n <f t="array" ref="B2">A2*2</f>\n <v/>\n</c>', id="indented"),
        pytest.param('<c r="B2"><f>IF(A2&gt;1,"a","b")</f><v/></c>', id="escaped"),
    ],
)
def test_finds_a_formula_without_a_result(tmp_path, cell):
    write_formulas(tmp_path / "x.xlsx", cell)
    assert formula_of(tmp_path / "x.xlsx") == "B2"


def test_finds_a_formula_in_xml_with_a_prefix(tmp_path):
    def add_prefix(parts):
        sheet = parts["xl/worksheets/sheet2.xml"]
        sheet = sheet.replace(b"</", b"</x:").replace(b"<", b"<x:").replace(b"<x:/x:", b"</x:")
        sheet = sheet.replace(b"<x:?xml", b"<?xml").replace(b" xmlns=", b" xmlns:x=")
        parts["xl/worksheets/sheet2.xml"] = sheet

    write_formulas(tmp_path / "x.xlsx", '<c r="B2"><f>A2*2</f><v/></c>', add_prefix)
    assert formula_of(tmp_path / "x.xlsx") == "B2"


def test_finds_a_formula_if_the_path_of_the_sheet_is_absolute(tmp_path):
    def name_from_the_root(parts):
        name = "xl/_rels/workbook.xml.rels"
        parts[name] = parts[name].replace(b'Target="worksheets', b'Target="/xl/worksheets')

    write_formulas(tmp_path / "x.xlsx", '<c r="B2"><f>A2*2</f><v/></c>', name_from_the_root)
    assert formula_of(tmp_path / "x.xlsx") == "B2"


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(SAVED, id="number"),
        pytest.param('<c r="B2" t="str"><f>""</f><v></v></c>', id="empty text"),
        pytest.param('<c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c>', id="Excel error"),
        pytest.param('<c r="B2"/><c r="C2"><v>1</v></c>', id="no formula"),
    ],
)
def test_a_formula_with_a_result_is_no_problem(tmp_path, cell):
    write_formulas(tmp_path / "x.xlsx", cell)
    assert formula_of(tmp_path / "x.xlsx") is None


def test_formulas_of_another_sheet_do_not_matter(tmp_path):
    write_formulas(tmp_path / "x.xlsx", '<c r="B2"><f>A2*2</f><v/></c>')
    with read_input(str(tmp_path / "x.xlsx"), sheet="Liste & <2>", column="id") as input_:
        assert input_.formula == "B2"

    def fill_the_first_sheet(parts):
        parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(
            b"<sheetData/>",
            b'<sheetData><row r="1"><c r="A1" t="str"><v>id</v></c></row>'
            b'<row r="2"><c r="A2"><v>52</v></c></row></sheetData>',
        )

    write_formulas(tmp_path / "x.xlsx", '<c r="B2"><f>A2*2</f><v/></c>', fill_the_first_sheet)
    assert formula_of(tmp_path / "x.xlsx") is None


def test_other_kinds_of_workbooks_are_not_searched():
    with read_input(str(FIXTURES / "list.xls"), column="Gönderim No") as input_:
        assert input_.formula is None


@pytest.mark.parametrize("quiet", [(), ("--quiet",)], ids=["", "quiet"])
def test_bulk_warns_about_formulas_without_a_result(vairosms, quiet):
    write_formulas("list.xlsx", '<c r="B2"><f>A2*2</f><v/></c>')
    ran = vairosms("bulk", "list.xlsx", "--column", "id", "-o", "out.csv", *quiet)
    assert (ran.code, ran.err.startswith(WARNING)) == (0, True)
    check_complete("out.csv", [52])
    assert "52;;1;SONLANDI;" in Path("out.csv").read_text("utf-8-sig")


def test_bulk_does_not_warn_about_formulas_with_results(vairosms):
    write_formulas("list.xlsx", SAVED)
    ran = vairosms("bulk", "list.xlsx", "--column", "id", "-o", "out.csv", "--quiet")
    assert ran == Ran(0, "", "")
    assert "52;104;1;SONLANDI;" in Path("out.csv").read_text("utf-8-sig")
