"""The packets that tests add to the sandbox panel."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, SupportsIndex, TypedDict, Unpack

from vairosms_async._models import Gonderim
from vairosms_async._validate import check_seconds

from ._packets import TimedPacket, checked_id, complete_packet, failure_log, packet_id


class OtherFields(TypedDict, total=False):
    """The fields of a packet except id and state, in the panel's JSON shape."""

    sms_baslik: Any
    numara_toplam: Any
    kredi_toplam: Any
    sonlanma_zamani: Any
    ileri_tarih: Any
    gecerlilik_suresi: Any
    created_at: Any
    log: Any


class Fields(OtherFields, total=False):
    """The fields of a packet, in the panel's JSON shape."""

    id: Any
    paket_durum: Any


class AddedPackets(ABC):
    """Base class of a panel to which tests add packets."""

    _added: dict[int, tuple[TimedPacket, float]]
    """Each packet, and when it was added, in seconds after the panel's start."""

    @abstractmethod
    def _now(self) -> float:
        """Return the seconds since the start, or 0 before it."""

    def add_gonderim(
        self,
        gonderim: Gonderim | Mapping[str, Any] | SupportsIndex | str,
        *,
        then: Gonderim | Mapping[str, Any] | None = None,
        after: float = 0.0,
        omit: Collection[str] = (),
        **fields: Unpack[Fields],
    ) -> None:
        """Add a packet, or replace the packet with the same id.

        ::

            panel.add_gonderim(7000)
            panel.add_gonderim(7001, sms_baslik="BAŞLIK", kredi_toplam=12)
            panel.add_gonderim(7002, paket_durum=0, then={"paket_durum": -1}, after=0.5)

        A field that you do not give has the value of the provider's example packet 52, which is
        finished. A failed packet (``paket_durum`` -1) has ``kredi_toplam`` 0 and a ``log``.

        Args:
            gonderim: The id, the fields as a mapping in the panel's JSON shape, or a record. A
                mapping may have fields that the library does not know, and values that it cannot
                read.
            then: What the packet becomes: the fields that change, or a record. None (default): it
                does not change.
            after: Seconds from now until it does (default 0.0).
            omit: Names of fields that the panel leaves out of its answer (default: none).
            fields: Fields in the panel's JSON shape. They replace those of ``gonderim``.

        Raises:
            ValueError: The id or the state is missing or invalid, a value is not JSON, ``omit`` has
                the name of no field, or ``after`` is not a number of seconds, 0 or more.
            TypeError: A keyword argument is not a field.
        """
        check_seconds("after", after, allow_zero=True)
        packet = complete_packet(gonderim, {**fields}, omit=omit)
        last = None if then is None else complete_packet(then, {}, base=packet)
        self._added[packet_id(packet)] = TimedPacket(packet, last, after), self._now()

    def add_failed(
        self,
        id: SupportsIndex | str,
        kod: str = "INVALID_SOURCE_ADDRESS",
        **fields: Unpack[OtherFields],
    ) -> None:
        """Add a failed packet (state -1), or replace the packet with the same id.

        Args:
            id: The packet's id.
            kod: The error code in the ``log``, such as ``"MESSAGE_TOO_LONG"``. Default:
                ``"INVALID_SOURCE_ADDRESS"``.
            fields: Other fields, as for `add_gonderim`.

        Raises:
            ValueError: As for `add_gonderim`.
            TypeError: A keyword argument is not a field, or is ``paket_durum``.
        """
        others: OtherFields = {"log": failure_log(checked_id(id), kod), **fields}
        self.add_gonderim(id, paket_durum=-1, **others)

    def add_pending(
        self,
        id: SupportsIndex | str,
        *,
        final_after: float | None = None,
        **fields: Unpack[OtherFields],
    ) -> None:
        """Add a packet in progress (state 0), or replace the packet with the same id.

        Args:
            id: The packet's id.
            final_after: Seconds from now until the packet is finished (state 1). None (default):
                never.
            fields: Other fields, as for `add_gonderim`.

        Raises:
            ValueError: As for `add_gonderim`, or ``final_after`` is not a number of seconds, 0 or
                more.
            TypeError: A keyword argument is not a field, or is ``paket_durum``.
        """
        if final_after is None:
            self.add_gonderim(id, paket_durum=0, **fields)
        else:
            check_seconds("final_after", final_after, allow_zero=True)
            then = {"paket_durum": 1}
            self.add_gonderim(id, paket_durum=0, then=then, after=final_after, **fields)
