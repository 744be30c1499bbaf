"""Ids from pandas columns, and records as data frames."""

import io

import attrs
import pandas as pd
import pytest

from vairosms_async import VairoSMSInvalidIdError, gonderim_to_dict

PANEL_TIME = "%Y-%m-%d %H:%M:%S"
ID_COLUMNS = {
    "int64": pd.Series([52, 61]),
    "uint32": pd.Series([52, 61], dtype="uint32"),
    "Int64 with a gap": pd.Series([52, None, 61], dtype="Int64"),
    "string with a gap": pd.Series(["52", None, "61"], dtype="string"),
    "str": pd.Series(["52", "61"]),
    "object with a gap": pd.Series([52, None, "61"], dtype="object"),
    "category": pd.Series(["52", "61"], dtype="category"),
}


@pytest.mark.parametrize("column", ID_COLUMNS.values(), ids=ID_COLUMNS)
async def test_a_column_without_gaps_can_be_passed_as_ids(client, column):
    ids = column.dropna()
    records = await client.gather_gonderimler(ids)
    assert [record.id for record in records] == [52, 61]
    results = [result async for result in client.iter_gonderimler(ids)]
    assert {result.id for result in results} == {52, 61}


async def test_rejects_a_float_column_and_says_why(panel, client):
    """pandas reads integers with a gap from CSV as floats, and large ids lose digits in them."""
    ids = pd.read_csv(io.StringIO("paket_id,ad\n52,a\n,b\n61,c\n"))["paket_id"].dropna()
    with pytest.raises(VairoSMSInvalidIdError, match="A float may have lost digits"):
        await client.gather_gonderimler(ids)
    assert panel.requests == 0
    assert len(await client.gather_gonderimler(ids.astype("Int64"))) == 2


async def test_records_make_a_data_frame_with_typed_columns_in_the_order_of_the_ids(client):
    frame = pd.DataFrame({"paket_id": [61, 52, 61], "ad": ["x", "y", "z"]}, index=[7, 8, 9])
    records = await client.gather_gonderimler(frame["paket_id"])
    answers = pd.DataFrame([attrs.asdict(record) for record in records], index=frame.index)
    joined = frame.join(answers)
    assert list(joined["id"]) == list(joined["paket_id"])
    assert list(joined["ad"]) == ["x", "y", "z"]
    kinds = answers.dtypes.map(lambda dtype: dtype.kind)
    assert list(kinds[["id", "kredi_toplam", "paket_durum"]]) == ["i"] * 3
    assert list(kinds[["created_at", "sonlanma_zamani", "gecerlilik_suresi"]]) == ["M", "M", "m"]
    assert str(answers["created_at"].max()) == "2016-07-22 17:13:11"
    assert answers["gecerlilik_suresi"].sum() >= pd.Timedelta(hours=72)


async def test_times_of_gonderim_to_dict_can_be_parsed_by_pandas(client):
    records = await client.gather_gonderimler([52, 61])
    frame = pd.DataFrame(map(gonderim_to_dict, records))
    for column in ("created_at", "sonlanma_zamani", "ileri_tarih"):
        frame[column] = pd.to_datetime(frame[column], format=PANEL_TIME, errors="coerce")
        assert frame[column].dtype.kind == "M"
    assert frame["created_at"].to_list() == [record.created_at for record in records]
    assert frame["ileri_tarih"].isna().all()  # "0000-00-00 00:00:00"
