"""The lines of OUT, out and in again: JSON Lines, and CSV for Excel in Turkish."""

import csv
import io
import json
from datetime import datetime
from typing import Any, Final, Protocol

from attrs import frozen

from vairosms_async import (
    MAX_ID,
    Gonderim,
    GonderimResult,
    PaketDurum,
    VairoSMSError,
    VairoSMSResponseError,
    VairoSMSTimeoutError,
    gonderim_from_dict,
    gonderim_to_dict,
)


@frozen
class Entry:
    """What a line of OUT says, as far as the command counts it.

    Attributes:
        line: The input's line, from 1.
        id: The packet; 0 where that line has no id.
        durum: Its state, or None where no record came.
        kredi: Credits charged.
        hata_kodu: Why the packet failed, if it did and the panel said so.
        error: What kind of error stands there, or None.
    """

    line: int
    id: int
    durum: int | None
    kredi: int
    hata_kodu: str | None
    error: str | None

    def __attrs_post_init__(self) -> None:
        if self.durum is None and self.error is None:
            raise ValueError("neither a record nor an error")

    @property
    def kind(self) -> str:
        """The error, so that those of one kind count together."""
        seen = "" if self.durum is None else f", last seen {PaketDurum(self.durum).name}"
        return f"{self.error}{seen}"


def valid_id(value: object) -> int:
    """Return an id as the panel could have one; 0 for what is none."""
    return value if type(value) is int and 0 < value <= MAX_ID else 0


def entry_of(line: int, result: GonderimResult) -> Entry:
    """Say what the line of a result will say."""
    gonderim, error = record_of(result), result.error
    durum, kredi, hata_kodu = None, 0, None
    if gonderim is not None:
        durum, kredi = gonderim.paket_durum, gonderim.kredi_toplam or 0
        hata_kodu = None if gonderim.log is None else gonderim.log.hata_kodu
    kind = None if error is None else _kind(*_facts(error))
    return Entry(line, valid_id(result.id), durum, kredi, hata_kodu, kind)


def record_of(result: GonderimResult) -> Gonderim | None:
    """Return the record; of a wait that took too long, the last that was seen."""
    if isinstance(result.error, VairoSMSTimeoutError):
        return result.error.last
    return result.gonderim


class Format(Protocol):
    """How results stand in a file, one a line; a line has one newline, at its end."""

    name: str
    header: bytes

    def write(self, line: int, result: GonderimResult, checked_at: datetime) -> bytes:
        """Write a line."""
        ...

    def read(self, line: bytes) -> Entry:
        """Read a line; ValueError if it is none of this format's."""
        ...

    def could_be(self, torn: bytes) -> bool:
        """Tell whether something may be the beginning of a line."""
        ...


class JsonLines:
    """One JSON object a line."""

    name: str = "jsonl"
    header: bytes = b""

    def write(self, line: int, result: GonderimResult, checked_at: datetime) -> bytes:
        """Write a line."""
        gonderim, error = record_of(result), result.error
        fields = {
            "line": line,
            "id": result.id,
            "gonderim": gonderim and gonderim_to_dict(gonderim),
            "error": error and dict(zip(_ERROR, _facts(error), strict=True)),
            "checked_at": checked_at.isoformat(timespec="seconds"),
        }
        # What cannot be UTF-8 (an argument that is not text) is written as JSON escapes it.
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        return text.encode(errors="backslashreplace") + b"\n"

    def read(self, line: bytes) -> Entry:
        """Read a line; ValueError if it is none of ours."""
        try:
            fields = json.loads(line)
        except ValueError:
            raise ValueError("not a line of ours: not JSON") from None
        try:
            # Not by hand: values that could not be read are there too, as the panel sent them.
            gonderim = gonderim_from_dict(fields["gonderim"]) if fields["gonderim"] else None
            error: dict[str, Any] | None = fields["error"]
            return Entry(
                _whole(fields["line"]),
                valid_id(fields["id"]),
                None if gonderim is None else int(gonderim.paket_durum),
                0 if gonderim is None else gonderim.kredi_toplam or 0,
                None if gonderim is None or gonderim.log is None else gonderim.log.hata_kodu,
                None if error is None else _kind(*(error[name] for name in _ERROR)),
            )
        except (KeyError, TypeError, VairoSMSResponseError) as exc:
            raise ValueError(f"not a line of ours: {exc}") from None

    def could_be(self, torn: bytes) -> bool:
        """Tell whether something may be the beginning of a line."""
        begin = b'{"line":'
        return torn[: len(begin)] == begin[: len(torn)]


_ERROR = ("type", "message", "status", "kod")
_COLUMNS = (
    "line", "id", "paket_durum", "durum", "sms_baslik", "numara_toplam", "kredi_toplam",
    "created_at", "ileri_tarih", "sonlanma_zamani", "gecerlilik_suresi", "hata_kodu", "log_mesaj",
    "error_type", "error_message", "error_status", "error_kod", "checked_at",
)  # fmt: skip


class ExcelCsv:
    """CSV as Excel opens it on a Turkish machine: UTF-8 with its mark, semicolons, CRLF.

    Excel makes numbers, dates and formulas of what looks like them, quoted or not. So a text that
    begins with a digit has a tab before it, which does not show: ``08505326480`` keeps its zero.
    One that begins with ``=``, ``+``, ``-`` or ``@`` has an apostrophe, as OWASP advises.
    """

    name: str = "csv"
    header: bytes = b"\xef\xbb\xbf" + ";".join(_COLUMNS).encode() + b"\r\n"

    def write(self, line: int, result: GonderimResult, checked_at: datetime) -> bytes:
        """Write a line."""
        gonderim = record_of(result)
        buffer = io.StringIO(newline="")
        csv.writer(buffer, delimiter=";", lineterminator="\r\n").writerow(
            (
                line,
                # Beyond 15 digits, Excel's numbers are rounded.
                result.id if valid_id(result.id) and len(str(result.id)) <= 15
                else _text(str(result.id)),
                *(_EMPTY if gonderim is None else _cells(gonderim)),
                *(("",) * 4 if result.error is None else map(_text, _facts(result.error))),
                checked_at.strftime("%Y-%m-%d %H:%M:%S"),
            )
        )  # fmt: skip
        return buffer.getvalue().encode(errors="backslashreplace")

    def read(self, line: bytes) -> Entry:
        """Read a line; ValueError if it is none of ours."""
        try:
            rows = list(csv.reader([line.decode()], delimiter=";"))
        except csv.Error as exc:
            raise ValueError(f"not a line of ours: {exc}") from None
        if len(rows) != 1 or len(rows[0]) != len(_COLUMNS):
            raise ValueError("not a line of ours")
        cells = dict(zip(_COLUMNS, rows[0], strict=True))
        gonderim_id = cells["id"].removeprefix("\t")
        durum, error = cells["paket_durum"], cells["error_type"]
        is_id = gonderim_id.isascii() and gonderim_id.isdigit()
        return Entry(
            int(cells["line"]),
            valid_id(int(gonderim_id)) if is_id else 0,
            int(durum) if durum else None,
            int(cells["kredi_toplam"] or 0),
            cells["hata_kodu"].removeprefix("\t") or None,
            _kind(error, "", int(cells["error_status"] or 0), cells["error_kod"])
            if error
            else None,
        )

    def could_be(self, torn: bytes) -> bool:
        """Tell whether something may be the beginning of a line."""
        return not torn or torn.split(b";")[0].isdigit()


FORMATS: Final[dict[str, Format]] = {"jsonl": JsonLines(), "csv": ExcelCsv()}


def _facts(error: VairoSMSError) -> tuple[str, str, int | None, str | None]:
    return (
        type(error).__name__,
        str(error),
        getattr(error, "status", None),
        getattr(error, "kod", None),
    )


def _kind(name: str, _: object, status: int | None, kod: str | None) -> str:
    """Name an error so that those of one kind count together."""
    return f"{name} {kod or status or ''}".rstrip()


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is not a whole number")
    return value


_EMPTY = ("",) * 11
_MAX_CELL = 32_000  # Excel's own limit is 32,767


def _cells(gonderim: Gonderim) -> tuple[object, ...]:
    period: Any = gonderim_to_dict(gonderim)["gecerlilik_suresi"]
    log = gonderim.log
    return (
        int(gonderim.paket_durum),
        gonderim.paket_durum.name,
        _text(gonderim.sms_baslik),
        _text(gonderim.numara_toplam),
        _text(gonderim.kredi_toplam),
        gonderim.created_at or "",
        gonderim.ileri_tarih or "",
        gonderim.sonlanma_zamani or "",
        "" if gonderim.gecerlilik_suresi is None else _text(period, is_number=True),
        _text(None if log is None else log.hata_kodu),
        _text(None if log is None else log.mesaj),
    )


def _text(value: str | int | None, *, is_number: bool = False) -> str | int:
    """Write a text as a cell of one line that Excel leaves as it is."""
    if not isinstance(value, str):
        return "" if value is None else value
    value = " ".join(value.splitlines())[:_MAX_CELL]
    first = value.lstrip()[:1]
    if first and (first in "=+-@" or value[0] == "\t"):
        return f"'{value}"
    return f"\t{value}" if first.isdigit() and not is_number else value
