"""`vairosms bulk`: FILE as people have it, in whole runs."""

from pathlib import Path

import pytest

from tests.cli.helpers import write_ids
from tests.cli.results import OUTS, read_out
from tests.helpers import KEY


def test_a_table_without_a_named_column_is_not_run(vairosms, panel):
    Path("list.csv").write_text("paket_id;ad\n52;x\n61;y\n")
    ran = vairosms("bulk", "list.csv", "-o", "out.csv")
    assert (ran.code, panel.requests) == (2, 0)
    assert ran.err == (
        "Error: Cannot read list.csv: name the column of the ids with --column. "
        "Columns: 1: paket_id (52, 61); 2: ad (x, y)\n"
    )


@pytest.mark.parametrize("options", [[], ["--column", "x"]], ids=["no column", "missing column"])
def test_a_message_quotes_no_part_of_a_key_in_file(vairosms, options):
    for table in (f"{KEY} {'x' * 99};ad\n52;x\n", f"{'x' * 20}{KEY};ad\n52;x\n"):
        Path("list.csv").write_text(table, "utf-8")
        ran = vairosms("bulk", "list.csv", "-o", "out.csv", *options)
        assert ran.code == 2
        assert ran.err == ("Error: Cannot read list.csv: it contains the API key. Remove the key\n")


def test_a_table_without_rows_is_not_run(vairosms, panel):
    Path("list.csv").touch()
    ran = vairosms("bulk", "list.csv", "-o", "out.csv", "--column", "id")
    assert (ran.code, panel.requests) == (2, 0)
    assert ran.err == ("Error: Cannot read list.csv: it has no rows, and so no column 'id'\n")
    assert not Path("out.csv").exists()


def test_an_unclosed_quote_hides_no_other_row(vairosms, panel):
    Path("list.csv").write_text('id;ad\n9998;"abc\n61;x\n70;y\n9997;"def\n52;z\n')
    ran = vairosms("bulk", "list.csv", "-o", "out.jsonl", "--column", "id")
    assert ran.code == 1
    assert set(panel.requests_by_id) == {61, 70, 52}
    assert [row.error for row in read_out("out.jsonl")] == [
        "VairoSMSInvalidIdError",
        None,
        None,
        "VairoSMSInvalidIdError",
        None,
    ]


def test_the_only_column_is_taken(vairosms):
    Path("list.csv").write_text("paket_id\n52\n61\n")
    assert vairosms("bulk", "list.csv", "-o", "out.csv").code == 0
    assert Path("out.csv").read_text("utf-8-sig").startswith("paket_id;paket_durum;")


def test_skips_the_rows_that_it_has_suggested_to_skip(vairosms, panel):
    Path("list.csv").write_text("Paket raporu\npaket_id,ad\n52,x\n")
    ran = vairosms("bulk", "list.csv", "-o", "out.csv", "--column", "paket_id")
    assert (ran.code, panel.requests) == (2, 0)
    assert ran.err.endswith("but row 2 has. Add --skip-rows 1\n")
    ran = vairosms("bulk", "list.csv", "-o", "out.csv", "--column", "paket_id", "--skip-rows", 1)
    assert ran.code == 0
    assert Path("out.csv").read_text("utf-8-sig").startswith("paket_id;ad;paket_durum;")


def test_rejects_a_negative_number_of_rows_to_skip(vairosms):
    write_ids([52])
    ran = vairosms("bulk", "ids", "-o", "out.csv", "--skip-rows", "-1")
    assert ran.code == 2
    assert "--skip-rows" in ran.err


def test_shows_a_row_if_no_row_has_an_id(vairosms):
    write_ids(["abc", "def"])
    ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert ran.code == 1
    assert (
        "No row has a packet id. For example, row 1 has 'abc': not a packet id: an id is a whole "
        "number above 0, written in digits\n"
    ) in ran.err


def test_shows_an_error_if_no_packet_was_found(vairosms):
    write_ids([9998, "abc"])
    ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert ran.code == 1
    assert "No lookup succeeded. For example: 9998: Packet not found (" in ran.err


def test_shows_no_example_if_a_packet_was_found(vairosms):
    write_ids([52, 9998, "abc"])
    ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert ran.code == 1
    assert "For example" not in ran.err


@pytest.mark.parametrize("out", OUTS)
def test_ids_in_other_forms_are_looked_up(vairosms, panel, out):
    Path("ids").write_text('52,0\n="61"\n\u200b70\u00a0\n1.234.567\n', "utf-8")
    assert vairosms("bulk", "ids", "-o", out).code == 1
    assert set(panel.requests_by_id) == {52, 61, 70}
    assert [row.error for row in read_out(out)][3] == "VairoSMSInvalidIdError"
