"""What the store can know of a packet, for tests of OUT."""

import datetime as dt

import attrs

from tests.helpers import example_packet
from vairosms_async import PaketDurum, gonderim_from_dict
from vairosms_async.cli.inputs import read_input
from vairosms_async.cli.known import Known, record_columns
from vairosms_async.cli.outputs import write_output

CHECKED_AT = dt.datetime(2026, 11, 24, 9, 30, 5, tzinfo=dt.timezone(dt.timedelta(hours=3)))
FINISHED, FAILED_PACKET = (gonderim_from_dict(example_packet(n)) for n in (52, 61))
IN_PROGRESS = attrs.evolve(FINISHED, paket_durum=PaketDurum.DEVAM_EDIYOR)
ONLY_STATE = gonderim_from_dict({"id": 52, "paket_durum": -1, "log": {"id": 1}})
DRIFTED = gonderim_from_dict(
    example_packet(61)
    | {"kredi_toplam": "çok", "created_at": "2016-07-21T14:40:16.5Z", "operator": ["x"]}
    | {"gecerlilik_suresi": "=1+1", "sms_baslik": "\ud83d", "yeni": "\ud83d"}
)


def known_of(gonderim, error=None, message=None):
    """Return what the store knows after a lookup of packet 52."""
    if gonderim is None:
        return Known(52, error=error, error_message=message)
    return Known(*record_columns(gonderim), CHECKED_AT.isoformat(), error, message)


KNOWN = {
    "found": known_of(FINISHED),
    "failed packet": known_of(FAILED_PACKET),
    "in progress": known_of(IN_PROGRESS),
    "only id and state": known_of(ONLY_STATE),
    "drifted": known_of(DRIFTED),
    "unknown id": known_of(None, "VairoSMSNotFoundError", "HTTP 404: yok"),
    "failed refresh": known_of(IN_PROGRESS, "VairoSMSServerError", "HTTP 503"),
}


def titled(sms_baslik):
    """Return what the store knows of a packet with this title."""
    return known_of(attrs.evolve(FINISHED, sms_baslik=sms_baslik))


def write_out(folder, name, known, text="52\n", column=None):
    """Write OUT.

    Args:
        folder: The folder of FILE and OUT.
        name: OUT's name, which ends with its format.
        known: What the store knows of each packet, by id; or of packet 52.
        text: FILE.
        column: The column of the ids, if FILE is CSV.
    """
    found = {52: known} if isinstance(known, Known) else known
    (folder / "FILE").write_text(text, "utf-8", errors="surrogatepass", newline="")
    with read_input(str(folder / "FILE"), column=column) as input_:
        write_output(
            str(folder / name),
            name.rpartition(".")[2],
            input_,
            lambda ids: {gonderim_id: found[gonderim_id] for gonderim_id in ids & found.keys()},
        )
    return folder / name
