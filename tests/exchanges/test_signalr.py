import json
from itertools import pairwise

import pytest
from fuzzing import JSON
from hypothesis import given
from hypothesis import strategies as st

from exchanges.signalr import (
    HANDSHAKE,
    PING,
    RECORD_MAX_BYTES,
    Closed,
    Completed,
    Garbled,
    HubConnection,
    Invoked,
    Opened,
)

END = b"\x1e"


def record(**content):
    return json.dumps(content).encode() + END


def opened():
    hub = HubConnection()
    assert hub.take(b"{}" + END) == [Opened()]
    return hub


def test_handshake_and_ping_are_written_as_specified():
    assert HANDSHAKE == '{"protocol":"json","version":1}\x1e'
    assert PING == '{"type":6}\x1e'


def test_call_has_an_id_of_its_own_and_waits_for_its_completion():
    hub = opened()
    assert hub.call("SubscribeOrders", [123]) == (
        '{"type":1,"invocationId":"1","target":"SubscribeOrders","arguments":[123]}\x1e'
    )
    assert '"invocationId":"2"' in hub.call("SubscribeTrades", [123])
    assert hub.take(record(type=3, invocationId="2", result=None)) == [Completed("SubscribeTrades", refused=False)]
    assert hub.waiting
    assert hub.take(record(type=3, invocationId="1", error="no")) == [Completed("SubscribeOrders", refused=True)]
    assert not hub.waiting


def test_handshake_that_is_refused_closes_the_hub():
    assert HubConnection().take(record(error="The protocol is not supported")) == [Closed("handshake_refused")]


def test_event_in_the_frame_of_the_handshake_is_heard():
    frame = b"{}" + END + record(type=1, target="T", arguments=[1])
    assert HubConnection().take(frame) == [Opened(), Invoked("T", [1])]


def test_event_in_place_of_the_handshake_is_garbled():
    (message,) = HubConnection().take(record(type=6))
    assert isinstance(message, Garbled)


EVENTS = [b"{}" + END, *(record(type=1, target=f"T{n}", arguments=[n, "ü€😀"]) for n in range(4)), record(type=6)]
MEANT = [Opened(), *(Invoked(f"T{n}", [n, "ü€😀"]) for n in range(4))]


@given(st.lists(st.integers(0, len(b"".join(EVENTS)))))
def test_records_in_whatever_pieces_mean_the_same(cuts):
    whole = b"".join(EVENTS)
    edges = [0, *sorted(cuts), len(whole)]
    hub = HubConnection()
    found = [message for a, b in pairwise(edges) for message in hub.take(whole[a:b])]
    assert found == MEANT


@pytest.mark.parametrize("kind", [2, 4, 5, 6, 8, 9, 77])
def test_records_of_other_kinds_are_passed_over(kind):
    assert opened().take(record(type=kind)) == []


def test_close_ends_the_hub_whatever_it_says():
    assert opened().take(record(type=7, error="secret words", allowReconnect=True)) == [Closed("closed_by_hub")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"type":"1"}',
        b'{"type":1,"target":"T"}',
        b'{"type":1,"arguments":[]}',
        b'{"type":1,"target":"T","arguments":{}}',
        b'{"type":3}',
        b'{"type":3,"invocationId":"9"}',
        b'{"type":3,"invocationId":1}',
        b"\xff",
    ],
)
def test_record_that_is_not_understood_is_garbled_and_the_next_is_heard(content):
    garbled, heard = opened().take(content + END + record(type=1, target="T", arguments=[]))
    assert isinstance(garbled, Garbled)
    assert garbled.record == content
    assert heard == Invoked("T", [])


def test_completion_heard_twice_is_garbled():
    hub = opened()
    hub.call("A", [])
    hub.take(record(type=3, invocationId="1"))
    assert isinstance(hub.take(record(type=3, invocationId="1"))[0], Garbled)


def test_record_without_an_end_closes_the_hub():
    hub = opened()
    assert hub.take(b"x" * RECORD_MAX_BYTES) == []
    assert hub.take(b"x") == [Closed("a record without an end")]


@given(st.dictionaries(st.sampled_from(["type", "target", "arguments", "invocationId", "error"]), JSON))
def test_any_record_at_all_is_understood_or_garbled(content):
    frame = json.dumps(content, default=str).encode() + END
    for message in opened().take(frame):
        assert isinstance(message, Invoked | Completed | Closed | Garbled)
