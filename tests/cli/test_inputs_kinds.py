"""FILE that holds no list: each other kind of file is an error of one line."""

import bz2
import gzip
import lzma

import pytest

from vairosms_async.cli.inputs import InputError, read_input

COMPRESSED = "it is a compressed file. Unpack it first"
IMAGE = "it is an image. Enter the ids in a text file, one per line"
PDF = "it is a PDF. Export the list as text, CSV or .xlsx"
RICH_TEXT = "it is a document with rich text. Save it as plain text"
SQLITE = "it is a SQLite database, such as a store. Give the list of ids"
WEB_PAGE = "it is a web page or XML. Open it in Excel and save it as .xlsx"


@pytest.mark.parametrize("column", [None, "id"], ids=["no column", "column"])
@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(gzip.compress(b"52\n"), COMPRESSED, id="gzip"),
        pytest.param(bz2.compress(b"52\n"), COMPRESSED, id="bzip2"),
        pytest.param(lzma.compress(b"52\n"), COMPRESSED, id="xz"),
        pytest.param(b"7z\xbc\xaf\x27\x1c\0\4", COMPRESSED, id="7-Zip"),
        pytest.param(b"Rar!\x1a\x07\x01\0", COMPRESSED, id="RAR"),
        pytest.param(b"\x28\xb5\x2f\xfd\4\0", COMPRESSED, id="Zstandard"),
        pytest.param(b"%PDF-1.7\n%\xe2\xe3\n", PDF, id="PDF"),
        pytest.param(b"\x89PNG\r\n\x1a\n", IMAGE, id="PNG"),
        pytest.param(b"\xff\xd8\xff\xe0\0\x10JFIF", IMAGE, id="JPEG"),
        pytest.param(b"GIF89a", IMAGE, id="GIF"),
        pytest.param(b"II*\0\x08\0", IMAGE, id="TIFF"),
        pytest.param(b"MM\0*\0\x08", IMAGE, id="TIFF, big-endian"),
        pytest.param(b"RIFF\x24\0\0\0WEBPVP8 ", IMAGE, id="WebP"),
        pytest.param(b"\0\0\0\x18ftypheic", IMAGE, id="HEIC"),
        pytest.param(b"SQLite format 3\0\x10\0", SQLITE, id="SQLite"),
        pytest.param(b"{\\rtf1\\ansi 52", RICH_TEXT, id="RTF"),
        pytest.param(b"<!DOCTYPE html><html>", WEB_PAGE, id="HTML"),
        pytest.param(b"\xef\xbb\xbf\r\n <TABLE><tr><td>52", WEB_PAGE, id="HTML table"),
        pytest.param(b'<?xml version="1.0"?>', WEB_PAGE, id="XML"),
    ],
)
def test_rejects_another_kind_of_file(tmp_path, data, why, column):
    (tmp_path / "list.xls").write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_input(str(tmp_path / "list.xls"), column=column)
    assert str(caught.value) == f"Cannot read {tmp_path}/list.xls: {why}"
