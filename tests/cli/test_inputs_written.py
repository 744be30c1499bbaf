"""FILE as other programs write it: the same ids come back, or a row has a reason."""

import csv
import io

import pytest
import xlsxwriter
from hypothesis import example, given
from hypothesis import strategies as st

from tests.cli.reading import read_bytes, read_file
from vairosms_async.cli.inputs import InputError
from vairosms_async.cli.inputs.ids import MAX_ID

IDS = st.integers(1, MAX_ID)
FORMS = ("{}", "{}.0", "{},0", '="{}"', "'{}", '"{}"', " {}\u00a0", "0{}", "\t{}")
"""How programs write an id."""

HEADERS = ("Gönderim No", "GÖNDERİM NO", " Gönderim\nNo ", "Gönderim, No;", 'Gönderim "No"')
# Each letter is in windows-1254, too.
WORDS = st.text("ab1250 ,.;|\t'\"\n\rŞığİ€=#-", max_size=6)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "windows-1254")


@st.composite
def written_ids(draw):
    """Draw an id and a text for it."""
    gonderim_id = draw(IDS)
    return gonderim_id, draw(st.sampled_from(FORMS)).format(gonderim_id)


@st.composite
def tables(draw):
    """Draw ids, the index of their column, and rows with a header that have them as texts."""
    # With one row, a header such as "No;|Ad" can be divided in two ways.
    ids = draw(st.lists(written_ids(), min_size=2, max_size=6))
    width = draw(st.integers(2, 4))
    index = draw(st.integers(0, width - 1))
    header = [f"Sütun {number}" for number in range(width)]
    header[index] = draw(st.sampled_from(HEADERS))
    rows = [header]
    for _, text in ids:
        row = [draw(WORDS) for _ in range(width)]
        row[index] = text
        rows.append(row)
    return [gonderim_id for gonderim_id, _ in ids], index, rows


def written_row(row, **dialect):
    """Write a row without its end. A cell with any line break is in quotes."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n", **dialect).writerow(row)
    return text.getvalue().removesuffix("\r\n")


LINE_BREAKS = [["Gönderim No", "Ad"], ["1", ""], ["1,0", "\r1\r"]]


@example(([1, 1], 0, LINE_BREAKS), "\t", csv.QUOTE_MINIMAL, "\r\n", "utf-8", "", True)
@given(
    tables(),
    st.sampled_from("\t;|,"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\r\n", "\n", "\r"]),
    st.sampled_from(ENCODINGS),
    st.sampled_from(["", "\x1a"]),
    st.booleans(),
)
def test_reads_the_ids_and_the_cells_that_csv_writes(
    table, delimiter, quoting, line_end, encoding, end, is_by_number
):
    ids, index, rows = table
    lines = [written_row(row, delimiter=delimiter, quoting=quoting) + line_end for row in rows]
    data = ("".join(lines) + end).encode(encoding)
    column = str(index + 1) if is_by_number else rows[0][index].strip()
    assert [row[2] for row in read_bytes(data, column)] == ids
    # Few letters of windows-1254 can look like UTF-8, so the encoding is given.
    cells = [row[1] for row in read_bytes(data, column, encoding)]
    assert cells == [tuple(row) for row in rows[1:]]


DIALECTS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from("\t;|,"),
        "quotechar": st.sampled_from("\"'"),
        "doublequote": st.booleans(),
        "escapechar": st.sampled_from(["\\", "^"]),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_NONE]),
    }
)


ESCAPED_HEADER = [["Ad", "Soyad", "No;"], ["", "", "1"], [";", "2", "1"], ["", "", "1"]]
ESCAPING = {"delimiter": ";", "quoting": csv.QUOTE_NONE, "escapechar": "\\"}


@example(([1, 1, 1], 2, ESCAPED_HEADER), ESCAPING, "utf-8")
@example(([1, 1, 1], 2, ESCAPED_HEADER), ESCAPING | {"escapechar": "^"}, "utf-8")
@given(tables(), DIALECTS, st.sampled_from([*ENCODINGS, "cp857", "utf-32", "mac-turkish"]))
def test_never_misreads_a_dialect_of_csv(table, dialect, encoding):
    ids, index, rows = table
    text = io.StringIO()
    # Without the quotes that Excel writes, two delimiters can divide the same rows.
    others = dict.fromkeys(set("\t;|") - {dialect["delimiter"]}, "") | {"\n": " ", "\r": " "}
    one_line_cells = [[cell.translate(str.maketrans(others)) for cell in row] for row in rows]
    csv.writer(text, **dialect).writerows(one_line_cells)
    data = text.getvalue().encode(encoding, "replace")
    for column in (str(index + 1), rows[0][index].strip()):
        try:
            found = read_bytes(data, column)
        except InputError:
            continue
        assert {row[2] for row in found if row[4] is None} <= {*ids, None}


@given(st.lists(written_ids(), min_size=1), st.sampled_from(ENCODINGS), st.booleans())
def test_reads_a_list_of_written_ids(ids, encoding, has_header):
    lines = ["Gönderim No"] * has_header + [text for _, text in ids]
    data = "\r\n".join(lines).encode(encoding)
    assert [row[2] for row in read_bytes(data)] == [gonderim_id for gonderim_id, _ in ids]


@pytest.mark.parametrize("by", ["name", "number"])
@given(table=tables(), left=st.integers(0, 2), top=st.integers(0, 2))
def test_reads_the_ids_that_xlsxwriter_writes(tmp_path_factory, table, left, top, by):
    ids, index, rows = table
    path = tmp_path_factory.mktemp("table") / "x.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        for number, row in enumerate(rows, top):
            for position, text in enumerate(row, left):
                sheet.write_string(number, position, text)
    column = str(left + index + 1) if by == "number" else rows[0][index].strip()
    assert [row.id for row in read_file(path, column=column)[1]] == ids
