import json
import threading
from decimal import Decimal
from random import Random

import pytest
from binance_samples import API_KEY, API_SECRET, BOOK, CLIENT_ID, EXECUTION, TRADED
from hypothesis import given
from hypothesis import strategies as st
from stream_server import Reports, StreamServer, wait_for
from test_binance_translate import JSON, damaged

from exchanges.binance.sign import HmacSigner, websocket_signature
from exchanges.binance.stream import BinanceStream
from exchanges.http import SystemClock
from exchanges.stream import Reading, StreamRefusedError, WebSocketStream
from exchanges.symbols import SymbolBook
from messages.reports import BalanceReported, FrameUnreadable, OrderReported, StreamConnected, StreamLost
from messages.types import EvidenceSource, PublicStatus

NOW_MS = 1795255200000
SUBSCRIBED = json.dumps({"id": "subscribe", "status": 200, "result": {"subscriptionId": 0}, "rateLimits": []})


class Session:
    """The part of the client that the stream uses."""

    def __init__(self, *, now_ms: int | None = NOW_MS, book: SymbolBook | None = BOOK) -> None:
        self.now_ms = now_ms
        self.book = book
        self.distrusted = 0

    def venue_now_ms(self) -> int | None:
        return self.now_ms

    def distrust_clock(self) -> None:
        self.distrusted += 1

    def symbols(self) -> SymbolBook | None:
        return self.book


def protocol(session: Session | None = None, url: str = "ws://unused") -> BinanceStream:
    return BinanceStream(
        account_id="1", api_key=API_KEY, signer=HmacSigner(API_SECRET), session=session or Session(), url=url
    )


def event(content: object) -> bytes:
    return json.dumps({"subscriptionId": 0, "event": content}).encode()


def read(frame: bytes, session: Session | None = None) -> Reading:
    return protocol(session).read(frame, NOW_MS)


def test_opening_subscribes_with_a_signature_over_the_sorted_parameters():
    opening = protocol().open()
    (frame,) = [json.loads(item) for item in opening.frames]
    signature = frame["params"].pop("signature")
    assert frame["method"] == "userDataStream.subscribe.signature"
    assert frame["params"] == {"apiKey": API_KEY, "recvWindow": 5000, "timestamp": NOW_MS}
    assert signature == websocket_signature(frame["params"], HmacSigner(API_SECRET))


@pytest.mark.parametrize(
    ("session", "reason"), [(Session(now_ms=None), "clock"), (Session(book=None), "instruments_unavailable")]
)
def test_opening_without_clock_or_symbols_is_refused(session, reason):
    with pytest.raises(StreamRefusedError, match=reason):
        protocol(session).open()


def test_confirmed_subscription_is_ready():
    assert read(SUBSCRIBED.encode()) == Reading(ready=True)


def test_refused_subscription_is_lost_and_waits_as_told():
    body = {"code": -1003, "msg": "Too much", "data": {"retryAfter": NOW_MS + 9000}}
    reading = read(json.dumps({"id": "subscribe", "status": 429, "error": body}).encode())
    assert (reading.ready, reading.lost, reading.retry_after_ms) == (False, "refused: -1003", 9000)


def test_refused_time_makes_the_clock_be_read_again():
    session = Session()
    refusal = {"id": "subscribe", "status": 400, "error": {"code": -1021, "msg": "x"}}
    reading = read(json.dumps(refusal).encode(), session)
    assert (reading.lost, session.distrusted) == ("refused: -1021", 1)


def test_trade_event_is_an_order_report_with_its_fill():
    (report,) = read(event(TRADED)).reports
    assert isinstance(report, OrderReported)
    assert (report.account_id, report.exchange) == ("1", "binance")
    assert (report.order.status, report.order.filled_size) == (PublicStatus.OPEN, Decimal("0.004"))
    assert report.fill is not None
    assert report.fill.fill_id == "5601"
    assert (report.evidence.source, report.evidence.venue_time_ms) == (EvidenceSource.STREAM, 1795255200155)


def test_cancel_event_names_the_order():
    (report,) = read(event({**EXECUTION, "x": "CANCELED", "X": "CANCELED", "c": "a-cancel", "C": CLIENT_ID})).reports
    assert isinstance(report, OrderReported)
    assert (report.order.client_order_id, report.order.status) == (CLIENT_ID, PublicStatus.CANCELLED)


def test_unknown_status_keeps_the_venues_word():
    (report,) = read(event({**EXECUTION, "X": "HALF_DONE"})).reports
    assert isinstance(report, OrderReported)
    assert (report.order.status, report.order.venue_status) == (None, "HALF_DONE")


def test_balance_event_is_total_and_available():
    (report,) = read(event({"e": "outboundAccountPosition", "B": [{"a": "BTC", "f": "1.5", "l": "0.5"}]})).reports
    assert isinstance(report, BalanceReported)
    assert report.balances == (("BTC", Decimal("2.0"), Decimal("1.5")),)


@pytest.mark.parametrize("kind", ["balanceUpdate", "listStatus", "externalLockUpdate"])
def test_event_without_consequence_is_passed_over(kind):
    assert read(event({"e": kind})) == Reading()


def test_terminated_subscription_is_lost():
    assert read(event({"e": "eventStreamTerminated", "E": 1})).lost == "subscription_ended"


def test_server_shutdown_asks_for_another_connection_and_keeps_this_one():
    reading = read(json.dumps({"event": {"e": "serverShutdown", "E": 1}}).encode())
    assert (reading.replace, reading.lost) == (True, "")


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"id":"other","status":200}',
        b'{"id":"subscribe"}',
        b'{"id":"subscribe","status":400}',
        b'{"event":null}',
        b'{"event":{}}',
        event({"e": "newKind"}),
        event({**TRADED, "t": -1}),
        event({"e": "outboundAccountPosition", "B": [{"a": "BTC", "f": 1.5, "l": "0"}]}),
    ],
)
def test_frame_that_cannot_be_understood_is_reported(frame):
    reading = read(frame)
    (report,) = reading.reports
    assert isinstance(report, FrameUnreadable)
    assert (reading.ready, reading.replace, reading.lost) == (False, False, "")


@given(damaged(TRADED))
def test_damaged_event_is_reported_as_unreadable_or_as_what_it_says(record):
    reading = read(event(record))
    for report in reading.reports:
        assert isinstance(report, OrderReported | FrameUnreadable)
        if isinstance(report, OrderReported):
            assert report.order.venue_status == record["X"]
    assert reading.reports or record.get("e") != "executionReport"


@given(st.dictionaries(st.sampled_from(["id", "status", "event", "result", "error"]), JSON))
def test_frame_of_any_content_never_confirms_by_accident(content):
    reading = read(json.dumps(content).encode())
    assert not reading.ready or (content["id"] == "subscribe" and content["status"] == 200)


def test_repr_shows_no_secret():
    assert API_KEY not in repr(protocol())
    assert API_SECRET not in repr(protocol())


def test_stream_over_a_real_socket_reports_events_until_stopped():
    reports = Reports()
    with StreamServer(lambda _number: [SUBSCRIBED]) as server:
        stream = WebSocketStream(
            account_id="1",
            exchange="binance",
            protocol=protocol(url=server.url),
            clock=SystemClock(),
            random=Random(1),
        )
        stream.start(reports.append)
        wait_for(lambda: reports.of(StreamConnected))
        server.connections[0].send(event(TRADED).decode())
        wait_for(lambda: reports.of(OrderReported))
        server.connections[0].send(event({"e": "eventStreamTerminated", "E": 1}).decode())
        wait_for(lambda: len(reports.of(StreamConnected)) == 2)
        stream.stop()
    assert [report.reason for report in reports.of(StreamLost)] == ["subscription_ended"]
    assert [json.loads(frame)["method"] for frame in server.received] == ["userDataStream.subscribe.signature"] * 2
    assert [thread.name for thread in threading.enumerate() if thread.name == "binance-stream"] == []
