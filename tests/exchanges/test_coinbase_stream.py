import json
from random import Random

import pytest
from coinbase_samples import BOOK, CLIENT_ID, UPDATE, VENUE_ID, signer
from fuzzing import JSON, damaged
from hypothesis import given
from hypothesis import strategies as st
from stream_server import Reports, StreamServer, wait_for
from test_coinbase_sign import part

from exchanges.coinbase.capabilities import STREAM_FAILOVER_URL, STREAM_URL
from exchanges.coinbase.stream import RULES, CoinbaseStream, UserChannel
from exchanges.http import SystemClock
from exchanges.stream import Reading, StreamRefusedError, WebSocketStream
from exchanges.symbols import SymbolBook
from messages.reports import FrameUnreadable, OrderReported, StreamConnected, StreamGap, StreamLost
from messages.types import EvidenceSource, PublicStatus

NOW_MS = 1795255200000
SENT = "2026-11-21T10:00:07.609931463Z"


class Session:
    """The part of the client that the stream uses."""

    def __init__(self, *, now_ms: int | None = NOW_MS, book: SymbolBook | None = BOOK) -> None:
        self.now_ms = now_ms
        self.book = book
        self.distrusted = 0
        self.tokens = 0

    def venue_now_ms(self) -> int | None:
        return self.now_ms

    def distrust_clock(self) -> None:
        self.distrusted += 1

    def symbols(self) -> SymbolBook | None:
        return self.book

    def token(self, venue_now_ms: int, request: str | None = None) -> str:
        self.tokens += 1
        return signer().token(now_s=venue_now_ms // 1000, nonce=f"{self.tokens:032x}", request=request)


def frame(channel: str, number: int, *events: object, **changes: object) -> bytes:
    message = {"channel": channel, "client_id": "", "timestamp": SENT, "sequence_num": number, "events": list(events)}
    return json.dumps({**message, **changes}, default=str).encode()


def subscribed(number: int, *channels: str) -> bytes:
    return frame("subscriptions", number, {"subscriptions": {each: [each] for each in channels}})


def heartbeat(number: int, counter: object = "3049") -> bytes:
    return frame("heartbeats", number, {"current_time": SENT, "heartbeat_counter": counter})


def orders(number: int, *items: object, kind: str = "update") -> bytes:
    return frame("user", number, {"type": kind, "orders": list(items), "positions": {}})


class Connection:
    """A connection of its own for each test, read frame by frame."""

    def __init__(self, session: Session | None = None) -> None:
        self.session = session or Session()
        self.protocol = CoinbaseStream(account_id="1", session=self.session)
        reader = self.protocol.open().reader
        assert isinstance(reader, UserChannel)
        self.reader = reader

    def read(self, *frames: bytes) -> Reading:
        for each in frames:
            last = self.reader.read(each, NOW_MS)
        return last


# ----- opening


def test_opening_subscribes_to_both_channels_with_a_token_each():
    opening = CoinbaseStream(account_id="1", session=Session()).open()
    sent = [json.loads(each) for each in opening.frames]
    assert [(each["type"], each["channel"], len(each)) for each in sent] == [
        ("subscribe", "heartbeats", 3), ("subscribe", "user", 3),
    ]  # fmt: skip
    tokens = [each["jwt"] for each in sent]
    assert tokens[0] != tokens[1]
    assert all("uri" not in json.loads(part(token, 1)) for token in tokens)
    assert json.loads(part(tokens[0], 1))["nbf"] == NOW_MS // 1000
    assert opening.url == STREAM_URL
    assert tokens[0] not in repr(opening)


@pytest.mark.parametrize(
    ("session", "reason"), [(Session(now_ms=None), "clock"), (Session(book=None), "instruments_unavailable")]
)
def test_opening_without_clock_or_symbols_is_refused(session, reason):
    with pytest.raises(StreamRefusedError, match=reason):
        CoinbaseStream(account_id="1", session=session).open()


def test_openings_in_vain_go_to_the_other_host_until_one_works():
    protocol = CoinbaseStream(account_id="1", session=Session())
    openings = [protocol.open() for _ in range(5)]
    assert [each.url for each in openings] == [STREAM_URL] * 2 + [STREAM_FAILOVER_URL] * 2 + [STREAM_URL]
    openings[-1].reader.read(subscribed(0, "heartbeats", "user"), NOW_MS)
    assert [protocol.open().url for _ in range(2)] == [STREAM_URL] * 2


def test_opening_to_a_configured_host_goes_nowhere_else():
    protocol = CoinbaseStream(account_id="1", session=Session(), url="ws://here")
    assert {protocol.open().url for _ in range(5)} == {"ws://here"}


@pytest.mark.parametrize(
    "frames",
    [
        [subscribed(0, "heartbeats"), subscribed(1, "heartbeats", "user")],
        [subscribed(0, "user", "heartbeats")],
        [subscribed(0, "heartbeats"), orders(1, UPDATE, kind="snapshot")],
        [heartbeat(0), subscribed(1, "user")],
    ],
)
def test_stream_is_ready_once_when_both_subscriptions_are_confirmed(frames):
    connection = Connection()
    readings = [connection.read(each) for each in [*frames, heartbeat(len(frames))]]
    assert [reading.ready for reading in readings] == [False] * (len(frames) - 1) + [True, False]


@pytest.mark.parametrize(
    "frames", [[subscribed(0, "heartbeats"), heartbeat(1)], [subscribed(0, "user")], [heartbeat(0)]]
)
def test_stream_is_not_ready_by_one_subscription_alone(frames):
    assert not Connection().read(*frames).ready


def test_refused_subscription_is_lost_and_the_clock_doubted():
    connection = Connection()
    reading = connection.read(json.dumps({"type": "error", "message": "authentication failure"}).encode())
    assert reading == Reading(lost="refused: authentication failure")
    assert connection.session.distrusted == 1


def test_error_after_the_subscription_says_nothing_of_the_clock():
    connection = Connection()
    reading = connection.read(subscribed(0, "heartbeats", "user"), b'{"type":"error","message":""}')
    assert (reading.lost, connection.session.distrusted) == ("refused", 0)


# ----- events


def test_update_is_reported_without_an_execution():
    reading = Connection().read(orders(0, UPDATE))
    (report,) = reading.reports
    assert isinstance(report, OrderReported)
    assert (report.order.client_order_id, report.order.status, report.fill) == (CLIENT_ID, PublicStatus.OPEN, None)
    assert report.evidence.source is EvidenceSource.STREAM
    assert (report.evidence.venue_time_ms, report.evidence.detail) == (1795255207609, "update OPEN")
    assert report.evidence.body_sha256


def test_snapshot_is_reported_order_by_order_over_its_messages():
    rows = [{**UPDATE, "order_id": str(number), "status": "FILLED"} for number in range(70)]
    connection = Connection()
    first = connection.read(orders(0, *rows[:50], kind="snapshot"))
    second = connection.read(orders(1, *rows[50:]))
    told = [report.order.venue_order_id for report in (*first.reports, *second.reports)]
    assert told == [str(number) for number in range(70)]


def test_empty_snapshot_reports_nothing():
    assert Connection().read(orders(0, kind="snapshot")) == Reading()


def test_order_that_cannot_be_read_is_told_beside_the_others():
    bad = {**UPDATE, "order_side": "Bracket"}
    reports = Connection().read(orders(0, UPDATE, bad, {**UPDATE, "order_id": "2"})).reports
    assert [type(report) for report in reports] == [OrderReported, FrameUnreadable, OrderReported]
    assert "order_side" in reports[1].reason


def test_order_of_another_market_is_left_out():
    assert Connection().read(orders(0, {**UPDATE, "product_type": "FUTURE"})) == Reading()


@pytest.mark.parametrize(
    "content",
    [
        heartbeat(0),
        heartbeat(0, 3049),
        frame("futures_balance_summary", 0, {}),
        frame("a_new_channel", 0),
        b'{"type":"a_new_type"}',
    ],
)
def test_heartbeats_and_new_kinds_of_messages_report_nothing(content):
    assert Connection().read(content) == Reading()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        frame("user", 0, {"type": "update"}),
        frame("user", 0, {"orders": [UPDATE]}),
        frame("user", 0, {"type": "a_new_type", "orders": [UPDATE]}),
        frame("user", 0, events=None),
        frame("user", 0, "event"),
        frame("user", "0", {"type": "update", "orders": [UPDATE]}),
        frame("user", None, {"type": "update", "orders": [UPDATE]}),
        frame("subscriptions", 0, {"subscriptions": ["user"]}),
        frame(5, 0),
        b'{"type":"error"}',
    ],
)
def test_frame_that_is_not_as_documented_is_unreadable(content):
    (report,) = Connection().read(content).reports
    assert isinstance(report, FrameUnreadable)
    assert len(report.body_sha256) == 64


def test_binary_frame_is_unreadable():
    (report,) = Connection().reader.read_binary(b"x", NOW_MS).reports
    assert isinstance(report, FrameUnreadable)


# ----- the sequence


def test_sequence_runs_over_all_channels_and_begins_anywhere():
    connection = Connection()
    frames = [subscribed(5, "heartbeats", "user"), heartbeat(6), orders(7, UPDATE), frame("new", 8), heartbeat(9)]
    assert [connection.read(each).lost for each in frames] == [""] * 5


@pytest.mark.parametrize("number", [2, 9, 0, 1])
def test_gap_is_reported_with_what_came_after_it_and_ends_the_connection(number):
    reading = Connection().read(heartbeat(0), heartbeat(1), orders(number, UPDATE))
    if number == 2:
        assert [type(report) for report in reading.reports] == [OrderReported]
        assert reading.lost == ""
        return
    gap, report = reading.reports
    assert isinstance(gap, StreamGap)
    assert (gap.expected, gap.received) == (2, number)
    assert isinstance(report, OrderReported)
    assert reading.lost == "sequence_gap"


UNREADABLE = [
    frame("user", 7, {"type": "a_new_type", "orders": [UPDATE]}),
    frame("user", 7, events=None),
    frame("user", 7, "event"),
    frame("subscriptions", 7, {"subscriptions": ["user"]}, "event"),
]


@pytest.mark.parametrize("content", UNREADABLE)
def test_gap_found_by_a_frame_that_cannot_be_read_is_reported_and_ends_the_connection(content):
    reading = Connection().read(heartbeat(0), heartbeat(1), content)
    gap, unreadable = reading.reports
    assert isinstance(gap, StreamGap)
    assert (gap.expected, gap.received) == (2, 7)
    assert isinstance(unreadable, FrameUnreadable)
    assert (reading.lost, reading.ready) == ("sequence_gap", False)


@pytest.mark.parametrize("content", [b"not json", frame("user", None, {"type": "update", "orders": [UPDATE]})])
def test_frame_without_a_readable_number_is_missing_to_the_next_one(content):
    connection = Connection()
    assert connection.read(heartbeat(0), content).lost == ""
    assert connection.read(heartbeat(2)).lost == "sequence_gap"


def test_sequence_begins_anew_with_every_connection():
    protocol = CoinbaseStream(account_id="1", session=Session())
    first, second = protocol.open().reader, protocol.open().reader
    first.read(heartbeat(7), NOW_MS)
    assert second.read(heartbeat(0), NOW_MS) == Reading()


@given(
    (damaged(UPDATE).map(lambda item: json.loads(orders(0, item))) | JSON | damaged(json.loads(orders(0, UPDATE)))).map(
        lambda item: json.dumps(item, default=str).encode()
    )
    | st.binary(max_size=40)
)
def test_any_frame_is_understood_unreadable_or_ignored(content):
    for report in Connection().read(content).reports:
        assert isinstance(report, OrderReported | FrameUnreadable)
        if isinstance(report, OrderReported):
            assert report.order.venue_order_id in content.decode()


def test_silence_of_the_heartbeats_ends_a_connection_before_a_ping_could_hide_it():
    assert RULES.silence_ms == 5000
    assert RULES.ping_every_ms > RULES.silence_ms


# ----- over a socket


def test_stream_over_a_socket_connects_reports_and_comes_back_after_a_gap():
    greetings = {1: iter([subscribed(0, "heartbeats"), subscribed(1, "heartbeats", "user")])}

    def greeting(number: int) -> list[str]:
        frames = greetings.setdefault(number, iter([subscribed(0, "heartbeats", "user"), heartbeat(1)]))
        return [next(frames).decode()]

    with StreamServer(greeting) as server:
        protocol = CoinbaseStream(account_id="1", session=Session(), url=server.url)
        stream = WebSocketStream(
            account_id="1", exchange="coinbase", protocol=protocol, clock=SystemClock(), random=Random(1)
        )
        reports = Reports()
        stream.start(reports.append)
        wait_for(lambda: reports.of(StreamConnected))
        server.connections[0].send(orders(2, UPDATE).decode())
        wait_for(lambda: reports.of(OrderReported))
        server.connections[0].send(orders(9, {**UPDATE, "order_id": "2"}).decode())
        wait_for(lambda: len(reports.of(StreamConnected)) > 1)
        stream.stop()
    kinds = [type(report) for report in reports]
    assert kinds == [StreamConnected, OrderReported, StreamGap, OrderReported, StreamLost, StreamConnected]
    assert reports.of(OrderReported)[0].order.venue_order_id == VENUE_ID
    assert [json.loads(each)["channel"] for each in server.received] == ["heartbeats", "user"] * 2
