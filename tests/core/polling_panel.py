"""A sandbox panel for tests that wait for packets, and the time on the event loop."""

import asyncio
import itertools
from collections import defaultdict

from tests.helpers import KEY, example_packet
from vairosms_async.sandbox import SandboxPanel


def now():
    """Return the event loop's time, in seconds."""
    return asyncio.get_running_loop().time()


class PollingPanel(SandboxPanel):
    """A sandbox panel that knows packets 52 and 61, and those that a test adds."""

    def __init__(self):
        super().__init__(KEY, packets=0)

    def add_packet(self, gonderim_id, *, final_after, paket_durum=1):
        """Add a pending packet that is final `final_after` seconds from now; None: never."""
        packet = example_packet(52) | {"id": gonderim_id, "paket_durum": 0}
        then = None if final_after is None else packet | {"paket_durum": paket_durum}
        # A moment earlier, so that a poll after exactly this time finds it despite rounding.
        self.add_gonderim(packet, then=then, after=max(0.0, (final_after or 0) - 0.001))

    def all_request_times(self):
        """Map each packet's id to the times of its requests, in seconds since the panel started."""
        times = defaultdict(list)
        for request in sorted(self.request_log, key=lambda request: request.time):
            times[int(request.path.rpartition("/")[2])].append(request.time)
        return times

    def request_times(self, gonderim_id):
        """List when the requests for a packet arrived."""
        return self.all_request_times()[gonderim_id]

    def intervals(self, gonderim_id):
        """List the seconds between the requests for a packet."""
        return [b - a for a, b in itertools.pairwise(self.request_times(gonderim_id))]
