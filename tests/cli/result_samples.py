"""Results of all kinds, for tests of OUT."""

import datetime as dt

import attrs

from tests.helpers import example_packet
from vairosms_async import (
    GonderimResult,
    PaketDurum,
    VairoSMSAPIError,
    VairoSMSConnectionError,
    VairoSMSInvalidIdError,
    VairoSMSNotFoundError,
    VairoSMSServerError,
    VairoSMSTimeoutError,
    gonderim_from_dict,
)
from vairosms_async.cli.formats import FORMATS

CHECKED_AT = dt.datetime(2026, 11, 24, 9, 30, 5, 123456, tzinfo=dt.timezone(dt.timedelta(hours=3)))
JSONL, CSV = FORMATS["jsonl"], FORMATS["csv"]
FINISHED, FAILED_PACKET = (gonderim_from_dict(example_packet(n)) for n in (52, 61))
ONLY_STATE = gonderim_from_dict({"id": 7, "paket_durum": -1, "log": {"id": 1}})
DRIFTED = gonderim_from_dict(
    example_packet(61)
    | {"kredi_toplam": "çok", "created_at": "2016-07-21T14:40:16.5Z", "operator": ["x"]}
    | {"gecerlilik_suresi": "=1+1", "sms_baslik": "\ud83d", "yeni": "\ud83d"}
)


RESULTS = {
    "found": GonderimResult(52, FINISHED),
    "failed packet": GonderimResult(61, FAILED_PACKET),
    "only id and state": GonderimResult(7, ONLY_STATE),
    "drifted": GonderimResult(61, DRIFTED),
    "unknown id": GonderimResult(
        9999, error=VairoSMSNotFoundError("HTTP 404", status=404, aciklama="yok")
    ),
    "error with a code": GonderimResult(
        5, error=VairoSMSAPIError("no", status=400, kod="MESSAGE_TOO_LONG")
    ),
    "no connection": GonderimResult(5, error=VairoSMSConnectionError("no connection\nat all")),
    "server error": GonderimResult(5, error=VairoSMSServerError("HTTP 503", status=503)),
    "invalid id": GonderimResult("5;2\n=x", error=VairoSMSInvalidIdError("not an id: '5;2\\n'")),
    "id of 0": GonderimResult(0, error=VairoSMSInvalidIdError("not an id: 0")),
    "longest id": GonderimResult(2**64 - 1, attrs.evolve(FINISHED, id=2**64 - 1)),
    "wait timeout": GonderimResult(
        52,
        error=VairoSMSTimeoutError(
            "not final", last=attrs.evolve(FINISHED, paket_durum=PaketDurum.DEVAM_EDIYOR)
        ),
    ),
    "unpaired surrogate": GonderimResult(
        "\udcff", error=VairoSMSInvalidIdError("not an id: '\udcff'")
    ),
}
