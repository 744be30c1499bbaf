"""Pickles name only the public package, so that they survive when a private module moves."""

import io
import pickle

import pytest

import vairosms_async
from tests.helpers import example_packet
from vairosms_async import GonderimResult, PaketDurum, VairoSMSError, gonderim_from_dict

FAILED_PACKET = gonderim_from_dict(example_packet(61))
ERROR_CLASSES = [
    value
    for value in vars(vairosms_async).values()
    if isinstance(value, type) and issubclass(value, VairoSMSError)
]
VALUES = {
    "Gonderim": FAILED_PACKET,
    "GonderimLog": FAILED_PACKET.log,
    "PaketDurum": PaketDurum.SONLANDI,
    "PaketDurum that is unknown": PaketDurum(7),
    "GonderimResult with a record": GonderimResult(61, FAILED_PACKET),
    "GonderimResult with an error": GonderimResult(52, None, VairoSMSError("message")),
    **{cls.__name__: cls("message", gonderim_id=52) for cls in ERROR_CLASSES},
}


class RecordingUnpickler(pickle.Unpickler):
    """Unpickles a value and keeps the names of the modules that the pickle refers to."""

    def __init__(self, data):
        super().__init__(io.BytesIO(data))
        self.modules = set()

    def find_class(self, module, name):
        self.modules.add(module)
        return super().find_class(module, name)


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_pickles_name_no_private_module(value):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        unpickler = RecordingUnpickler(pickle.dumps(value, protocol))
        unpickler.load()
        ours = {name for name in unpickler.modules if name.partition(".")[0] == "vairosms_async"}
        assert ours == {"vairosms_async"}
