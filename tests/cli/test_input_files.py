"""Input: whole files, missing files and folders."""

import pytest

from tests.platforms import posix
from vairosms_async.cli.source import Input
from vairosms_async.cli.trouble import Trouble


async def lines_from(source):
    return [(line.number, line.text) async for line in source.lines()]


async def test_reads_a_file_twice(tmp_path):
    path = tmp_path / "ids"
    path.write_text("".join(f"{n}\n" for n in range(1, 40_001)))
    source = Input(str(path), None, None)
    assert source.is_regular()
    expected = [(n, str(n)) for n in range(1, 40_001)]
    assert [(line.number, line.text) for line in source.scan()] == expected
    assert await lines_from(source) == expected


@posix
async def test_a_missing_file_is_an_error(tmp_path):
    source = Input(str(tmp_path / "missing"), None, None)
    assert not source.is_regular()
    with pytest.raises(Trouble, match="No such file") as caught:
        await lines_from(source)
    assert caught.value.exit_code == 2


@posix
def test_a_folder_is_an_error(tmp_path):
    folder = Input(str(tmp_path), None, None)
    with pytest.raises(Trouble, match="Is a directory") as caught:
        list(folder.scan())
    assert caught.value.exit_code == 4
