"""Packets whose fields differ from the documentation, from the sandbox panel to the client."""

import json

from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import KEY, NO_RETRIES, example_packet
from vairosms_async import VairoSMSClient, gonderim_from_dict
from vairosms_async.sandbox import SandboxPanel

FIELDS = sorted(example_packet(61).keys() - {"id", "paket_durum"})
STATES = {-1: [-1, "-1", -1.0], 0: [0, "0", "0.00"], 1: [1, "1", 1.0, "1.0"], 7: [7, "7"]}

texts = st.text(st.characters(exclude_categories=()))  # with lone surrogates
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
forms_of_an_id = st.sampled_from([int, str, float, "{}.00".format])


@frozen
class Drift:
    """How a packet differs from packet 52, and its state as the panel writes it."""

    form_of_id: object
    state: int
    written_state: object
    changes: dict
    omit: list

    def packet(self, gonderim_id):
        own = {"id": self.form_of_id(gonderim_id), "paket_durum": self.written_state, "log": None}
        return example_packet(52) | self.changes | own | {"log": self.changes.get("log")}


drifts = st.sampled_from(list(STATES)).flatmap(
    lambda state: st.builds(
        Drift,
        form_of_id=forms_of_an_id,
        state=st.just(state),
        written_state=st.sampled_from(STATES[state]),
        changes=st.dictionaries(st.sampled_from(FIELDS) | texts, json_values, max_size=5),
        omit=st.lists(st.sampled_from(FIELDS), max_size=3, unique=True),
    )
)


@given(drifted=st.lists(drifts, min_size=1, max_size=6))
@settings(max_examples=60)
async def test_id_and_state_are_right_whatever_the_other_fields_are(drifted):
    by_id = dict(enumerate(drifted, start=7000))
    expected = {}
    async with (
        SandboxPanel(KEY) as panel,
        VairoSMSClient(
            KEY, base_url=panel.base_url, retry=NO_RETRIES, poll_interval=0.001
        ) as client,
    ):
        for gonderim_id, drift in by_id.items():
            packet = drift.packet(gonderim_id)
            panel.add_gonderim(packet, omit=drift.omit)
            sent = {name: packet[name] for name in packet if name not in drift.omit}
            expected[gonderim_id] = gonderim_from_dict(json.loads(json.dumps(sent)))
        assert {id_: g.id for id_, g in expected.items()} == {id_: id_ for id_ in by_id}
        assert {id_: g.paket_durum for id_, g in expected.items()} == {
            id_: drift.state for id_, drift in by_id.items()
        }
        assert [await client.get_gonderim(id_) for id_ in by_id] == list(expected.values())
        assert await client.gather_gonderimler(by_id) == list(expected.values())
        results = {result.id: result.unwrap() async for result in client.iter_gonderimler(by_id)}
        assert results == expected
        for gonderim_id, drift in by_id.items():
            panel.add_gonderim(
                drift.packet(gonderim_id) | {"paket_durum": 0},
                then={"paket_durum": drift.written_state if drift.state in (-1, 1) else "1"},
                after=0.002,
                omit=drift.omit,
            )
        waited = [result.unwrap() async for result in client.wait_gonderimler(by_id, timeout=30)]
        assert {g.id for g in waited} == by_id.keys()
        assert all(g.is_final for g in waited)
