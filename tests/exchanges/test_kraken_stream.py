import json
from decimal import Decimal
from random import Random

import pytest
from kraken_samples import (
    BOOK,
    FILLED,
    NEW,
    PENDING_NEW,
    TRADED,
    Venue,
    client,
    to_json,
)
from stream_server import Reports, StreamServer, wait_for

from exchanges.answers import Untold
from exchanges.http import SystemClock
from exchanges.kraken.stream import ExecutionsReader, KrakenStream
from exchanges.stream import StreamRefusedError, WebSocketStream
from exchanges.symbols import SymbolBook
from messages.reports import (
    FillReceived,
    FrameUnreadable,
    OrderReported,
    StreamConnected,
    StreamGap,
    StreamLost,
)

NOW_MS = 1795255200000
SUBSCRIBED = {
    "method": "subscribe",
    "req_id": 1,
    "result": {"channel": "executions", "snap_orders": True, "snap_trades": False},
    "success": True,
    "time_in": "2026-11-21T10:00:00.000000Z",
    "time_out": "2026-11-21T10:00:00.000100Z",
}
STATUS = {
    "channel": "status",
    "type": "update",
    "data": [{"api_version": "v2", "connection_id": 13834774380200032777, "system": "online", "version": "2.0.0"}],
}
OPEN = {**PENDING_NEW, "exec_type": "new", "order_status": "new", "cum_qty": Decimal(0)}
STOP = {
    **OPEN,
    "order_type": "stop-loss",
    "triggers": {"reference": "last", "price": Decimal(26000), "price_type": "static", "status": "untriggered"},
}


class Session:
    """The part of the client that the stream uses."""

    def __init__(self, *, token: str | Untold = "the-token", book: SymbolBook | None = BOOK) -> None:
        self.token = token
        self.book = book

    def stream_token(self) -> str | Untold:
        return self.token

    def symbols(self) -> SymbolBook | None:
        return self.book


def reader() -> ExecutionsReader:
    return ExecutionsReader(account_id="1", session=Session())


def frame(kind, sequence, *entries) -> bytes:
    return to_json({"channel": "executions", "type": kind, "sequence": sequence, "data": list(entries)}).encode()


def read_all(*frames):
    made = reader()
    return [made.read(each, NOW_MS) for each in frames]


def reports_of(*frames):
    return [report for reading in read_all(*frames) for report in reading.reports]


def snapshot(*entries) -> bytes:
    return frame("snapshot", 1, *entries)


# ----- connecting


def test_opening_subscribes_with_a_token():
    opening = KrakenStream(account_id="1", session=Session(), url="ws://x").open()
    (sent,) = [json.loads(item) for item in opening.frames]
    assert sent == {
        "method": "subscribe",
        "params": {"channel": "executions", "token": "the-token", "snap_orders": True, "snap_trades": False},
        "req_id": 1,
    }
    assert opening.url == "ws://x"
    assert "the-token" not in repr(opening)


@pytest.mark.parametrize(
    ("session", "reason"),
    [
        (Session(token=Untold(reason="rate_limited")), "token: rate_limited"),
        (Session(book=None), "instruments_unavailable"),
    ],
)
def test_opening_without_what_it_needs_is_refused(session, reason):
    with pytest.raises(StreamRefusedError, match=reason):
        KrakenStream(account_id="1", session=session).open()


def test_every_connection_has_a_reader_of_its_own():
    protocol = KrakenStream(account_id="1", session=Session())
    assert protocol.open().reader is not protocol.open().reader


def test_subscription_confirmed_makes_ready():
    (reading,) = read_all(to_json(SUBSCRIBED).encode())
    assert (reading.ready, reading.reports, reading.lost) == (True, (), "")


def test_subscription_refused_is_lost():
    (reading,) = read_all(
        b'{"method":"subscribe","req_id":1,"success":false,"error":"EGeneral:Permission denied","time_in":"x"}'
    )
    assert (reading.ready, reading.lost) == (False, "refused: EGeneral:Permission denied")


@pytest.mark.parametrize(
    "message",
    [STATUS, {"channel": "heartbeat"}, {"method": "pong", "req_id": 2, "time_in": "x", "time_out": "y"}],
)
def test_messages_that_only_show_life_are_ignored(message):
    (reading,) = read_all(to_json(message).encode())
    assert (reading.reports, reading.ready, reading.lost, reading.replace) == ((), False, "", False)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"no json",
        b"[]",
        b"{}",
        b'{"Error":"Exceeded msg rate"}',
        b'{"channel":"balances","type":"update","data":[]}',
        b'{"method":"add_order","success":true}',
        b'{"method":"subscribe","success":"yes"}',
        b'{"method":"subscribe","success":true,"result":{"channel":"balances"}}',
        b'{"channel":"executions"}',
        b'{"channel":"executions","type":"other","sequence":1,"data":[]}',
        b'{"channel":"executions","type":"update","sequence":"1","data":[]}',
        b'{"channel":"executions","type":"update","sequence":1,"data":{}}',
    ],
)
def test_messages_not_documented_are_reported_as_unreadable(message):
    (reading,) = read_all(message)
    assert [type(each) for each in reading.reports] == [FrameUnreadable]
    assert not reading.ready


def test_binary_frame_is_reported_as_unreadable():
    assert isinstance(reader().read_binary(b"x", NOW_MS).reports[0], FrameUnreadable)


def test_ping_is_the_venues_own():
    assert json.loads(reader().ping()) == {"method": "ping", "req_id": 2}


# ----- sequence


def test_gap_in_the_sequence_is_reported_and_the_connection_replaced():
    (_, reading) = read_all(snapshot(OPEN), frame("update", 3, NEW))
    (gap,) = reading.reports
    assert (gap.expected, gap.received) == (2, 3)
    assert reading.replace


def test_gap_does_not_swallow_an_execution():
    (_, reading) = read_all(snapshot(OPEN), frame("update", 3, TRADED))
    assert [type(each) for each in reading.reports] == [FillReceived, StreamGap]


def test_order_after_a_gap_is_not_filled_in_from_before_it():
    reports = reports_of(snapshot(OPEN), frame("update", 3), frame("update", 4, NEW))
    assert [type(each) for each in reports] == [OrderReported, StreamGap, StreamGap]


def test_unreadable_frame_is_a_gap_to_the_next():
    readings = read_all(snapshot(OPEN), b'{"channel":"executions","type":"upd', frame("update", 3, NEW))
    assert isinstance(readings[2].reports[0], StreamGap)
    assert readings[2].replace


@pytest.mark.parametrize("sequence", [1, 0, -5])
def test_sequence_that_goes_back_is_a_gap(sequence):
    (_, reading) = read_all(snapshot(OPEN), frame("update", sequence, NEW))
    assert reading.replace
    assert isinstance(reading.reports[-1], StreamGap)


def test_several_entries_of_one_frame_are_all_told():
    reports = reports_of(frame("snapshot", 7, OPEN), frame("update", 8, TRADED, FILLED))
    assert [type(each) for each in reports] == [OrderReported] * 3


# ----- over a socket


def test_stream_over_a_socket_connects_reports_and_is_replaced_after_a_gap():
    update = [snapshot(OPEN).decode(), frame("update", 2, TRADED).decode()]

    def greeting(number):
        return [to_json(STATUS), to_json(SUBSCRIBED), *(update if number == 1 else [snapshot().decode()])]

    reports = Reports()
    with Venue() as venue, StreamServer(greeting) as server:
        session = client(venue).session
        stream = WebSocketStream(
            account_id="1",
            exchange="kraken",
            protocol=KrakenStream(account_id="1", session=session, url=server.url),
            clock=SystemClock(),
            random=Random(1),
        )
        stream.start(reports.append)
        try:
            wait_for(lambda: len(reports.of(OrderReported)) == 2)
            assert reports.of(OrderReported)[1].fill.fill_id == TRADED["exec_id"]
            server.connections[0].send(frame("update", 9, NEW).decode())
            wait_for(lambda: len(reports.of(StreamConnected)) == 2)
        finally:
            stream.stop()
    assert json.loads(server.received[0])["params"]["token"] == "the-token"
    assert [(each.expected, each.received) for each in reports.of(StreamGap)] == [(3, 9)]
    assert reports.of(StreamLost) == []
    # A token of its own for each connection.
    assert len(venue.called("GetWebSocketsToken")) == 2


def test_stream_refused_by_the_venue_is_never_connected():
    refusal = '{"method":"subscribe","req_id":1,"success":false,"error":"EGeneral:Permission denied"}'
    reports = Reports()
    with StreamServer(lambda _: [refusal]) as server:
        protocol = KrakenStream(account_id="1", session=Session(), url=server.url)
        stream = WebSocketStream(
            account_id="1", exchange="kraken", protocol=protocol, clock=SystemClock(), random=Random(1)
        )
        stream.start(reports.append)
        try:
            wait_for(lambda: len(reports.of(StreamLost)) >= 1)
        finally:
            stream.stop()
    assert reports.of(StreamConnected) == []
    assert "refused" in reports.of(StreamLost)[0].reason
