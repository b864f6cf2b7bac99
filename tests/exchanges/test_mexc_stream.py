import json
import threading
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mexc_samples import BOOK, DEAL_FRAME, ORDER_FRAME, Venue, client, error, told
from stream_server import RefusingServer, Reports, StreamServer, wait_for

from exchanges.answers import Untold
from exchanges.http import SystemClock
from exchanges.mexc.stream import CHANNELS, MexcStream
from exchanges.stream import FrameReader, Reading, StreamRefusedError, WebSocketStream
from exchanges.symbols import SymbolBook
from messages.fills import FillSource, Liquidity
from messages.reports import (
    BalanceReported,
    FillReceived,
    FrameUnreadable,
    OrderReported,
    StreamConnected,
    StreamLost,
)
from messages.types import EvidenceSource, OrderType, PublicStatus, Side, TimeInForce

NOW_MS = 1736417034290
PONG = b'{"id":0,"code":0,"msg":"PONG"}'
REFUSAL = '{"id":0,"code":0,"msg":"Not Subscribed successfully! [spot@private.deals.v3.api.pb].  Reason\uff1a Blocked! "}'


def ack(channel: str, number: int = 1) -> bytes:
    return json.dumps({"id": number, "code": 0, "msg": channel}).encode()


# ----- an encoder of its own, so that the frames do not come from the code that reads them


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def encoded(fields: dict[int, Any]) -> bytes:
    parts = []
    for number, value in fields.items():
        if isinstance(value, int):
            parts.append(varint(number << 3) + varint(value))
        else:
            content = value if isinstance(value, bytes) else value.encode()
            parts.append(varint(number << 3 | 2) + varint(len(content)) + content)
    return b"".join(parts)


def pushed(body: int, fields: dict[int, Any], **wrapper: Any) -> bytes:
    around = {"symbol": "MXUSDT", "sent": 1736417034281, "channel": "spot@private"} | wrapper
    return encoded({1: around["channel"], 3: around["symbol"], 6: around["sent"], body: encoded(fields)})


ORDER = {
    1: "C02__505979017439002624115",
    2: "oms-1",
    3: "3.5121",
    4: "2",
    5: "7.0242",
    6: "3.6962",
    7: 1,
    8: 2,
    10: "3.3280",
    11: "1",
    12: "1",
    13: "1",
    14: "3.6962",
    15: 3,
    16: 1736417034259,
}
DEAL = {
    1: "3.6962",
    2: "1",
    3: "3.6962",
    4: 2,
    7: "505979017439002624X1",
    8: "oms-1",
    9: "C02__505979017439002624115",
    10: "0.0003998377369698171",
    11: "MX",
    12: 1736417034280,
}
BALANCE = {1: "USDT", 2: "128f589271cb4951b03e71e6", 3: "21.94", 4: "-1", 5: "0.5", 6: "0.5", 7: "ENTRUST", 8: 5}


class Session:
    """The part of the client that the stream uses."""

    def __init__(self, *keys: str | Untold, book: SymbolBook | None = BOOK) -> None:
        self.keys = list(keys) or ["key-1"]
        self.book = book
        self.prolonged: list[str] = []
        self.dead: set[str] = set()

    def symbols(self) -> SymbolBook | None:
        return self.book

    def create_listen_key(self) -> str | Untold:
        return self.keys.pop(0)

    def prolong_listen_key(self, listen_key: str) -> bool:
        self.prolonged.append(listen_key)
        return listen_key not in self.dead


def protocol(session: Session | None = None) -> MexcStream:
    return MexcStream(account_id="1", session=session or Session(), url="ws://venue/ws")


def reader(session: Session | None = None) -> FrameReader:
    return protocol(session).open().reader


def one(frame: bytes) -> Any:
    (report,) = reader().read_binary(frame, NOW_MS).reports
    return report


def confirm(opened: FrameReader) -> Reading:
    readings = [opened.read(ack(channel, number), NOW_MS) for number, channel in enumerate(CHANNELS, 1)]
    assert [reading.ready for reading in readings[:-1]] == [False, False]
    return readings[-1]


# ----- opening and the key


def test_opening_connects_with_a_key_and_subscribes_each_channel_with_an_id():
    opening = protocol(Session("the/key")).open()
    assert opening.url == "ws://venue/ws?listenKey=the%2Fkey"
    assert [json.loads(frame) for frame in opening.frames] == [
        {"id": number, "method": "SUBSCRIPTION", "params": [channel]} for number, channel in enumerate(CHANNELS, 1)
    ]


def test_opening_in_a_repr_shows_no_key():
    stream = protocol(Session("the-key"))
    opening = stream.open()
    assert "the-key" not in repr(stream) + repr(opening) + repr(opening.reader)


@pytest.mark.parametrize(
    ("session", "reason"),
    [
        (Session(book=None), "instruments_unavailable"),
        (Session(Untold(reason="rate_limited")), "listen_key: rate_limited"),
    ],
)
def test_opening_without_symbols_or_key_is_refused(session, reason):
    with pytest.raises(StreamRefusedError, match=reason):
        protocol(session).open()


def test_key_of_a_subscribed_connection_is_used_again():
    session = Session("key-1", "key-2")
    stream = protocol(session)
    confirm(stream.open().reader)
    assert stream.open().url.endswith("=key-1")


def test_key_that_led_to_no_subscription_is_replaced():
    session = Session("key-1", "key-2")
    stream = protocol(session)
    stream.open()
    assert stream.open().url.endswith("=key-2")


@pytest.mark.parametrize("doubt", ["refused", "invalid", "not prolonged", "not subscribed"])
def test_key_in_doubt_is_replaced(doubt):
    session = Session("key-1", "key-2")
    stream = protocol(session)
    opened = stream.open().reader
    confirm(opened)
    match doubt:
        case "refused":
            stream.refused(403)
        case "invalid":
            assert opened.read(b"Invalid listen key", NOW_MS).lost == "listen_key_expired"
        case "not prolonged":
            session.dead.add("key-1")
            assert not stream.renew()
        case _:
            assert opened.read(REFUSAL.encode(), NOW_MS).lost == "subscription_refused"
    assert stream.open().url.endswith("=key-2")


def test_old_connection_in_trouble_leaves_the_new_key_alone():
    session = Session("key-1", "key-2")
    stream = protocol(session)
    old = stream.open().reader
    new = stream.open().reader
    confirm(new)
    old.read(b"Invalid listen key", NOW_MS)
    assert stream.open().url.endswith("=key-2")


def test_renewal_prolongs_the_key_in_use():
    session = Session("key-1")
    stream = protocol(session)
    assert stream.renew()
    stream.open()
    assert stream.renew()
    assert session.prolonged == ["key-1"]


def test_rules_keep_a_key_of_an_hour_and_a_connection_of_a_day_alive():
    rules = protocol().rules
    assert 0 < rules.renew_every_ms <= 30 * 60_000
    assert rules.max_age_ms < 24 * 3_600_000
    assert rules.ping_every_ms < rules.silence_ms < 60_000
    assert reader().ping() == '{"method":"PING"}'


# ----- answers


def test_stream_is_ready_when_every_channel_is_confirmed():
    assert confirm(reader()) == Reading(ready=True)


@pytest.mark.parametrize(
    "frame",
    [REFUSAL.encode(), ack("spot@private.other.v3.api.pb"), b'{"id":1,"code":1,"msg":"spot@private.orders.v3.api.pb"}'],
)
def test_refused_subscription_with_the_code_of_a_success_is_lost(frame):
    reading = reader().read(frame, NOW_MS)
    assert (reading.ready, reading.lost) == (False, "subscription_refused")


def test_pong_means_nothing():
    opened = reader()
    assert opened.read(PONG, NOW_MS) == Reading()
    confirm(opened)
    assert opened.read(PONG, NOW_MS) == Reading()


@pytest.mark.parametrize(
    "frame", [b"", b"not json", b"[]", b"{}", b'{"id":1,"code":0}', b'{"id":1,"msg":"PONG"}', b"\xff"]
)
def test_text_that_cannot_be_understood_is_reported(frame):
    reading = reader().read(frame, NOW_MS)
    (report,) = reading.reports
    assert isinstance(report, FrameUnreadable)
    assert (reading.ready, reading.lost) == (False, "")


def test_unknown_words_after_the_subscription_are_reported():
    opened = reader()
    confirm(opened)
    (report,) = opened.read(ack("something new"), NOW_MS).reports
    assert isinstance(report, FrameUnreadable)


# ----- pushes


def test_published_order_frame_is_read_whole():
    report = one(ORDER_FRAME)
    assert isinstance(report, OrderReported)
    order = report.order
    assert (report.account_id, report.fill) == ("1", None)
    assert (order.exchange, order.symbol, order.venue_order_id) == ("mexc", "MX-USDT", "C02__505979017439002624115")
    assert (order.client_order_id, order.side, order.type) == ("oms-1", Side.SELL, OrderType.MARKET)
    assert (order.size, order.price, order.quote_size) == (Decimal(1), None, None)
    assert (order.filled_size, order.filled_value) == (Decimal(1), Decimal("3.6962"))
    assert (order.status, order.venue_status) == (PublicStatus.FILLED, "2")
    assert (order.created_venue_ms, order.updated_venue_ms) == (1736417034259, 1736417034281)
    evidence = report.evidence
    assert (evidence.source, evidence.endpoint) == (EvidenceSource.STREAM, "spot@private.orders.v3.api.pb")
    assert (evidence.venue_time_ms, evidence.received_ms) == (1736417034281, NOW_MS)


def test_published_deal_frame_is_read_whole():
    report = one(DEAL_FRAME)
    assert isinstance(report, FillReceived)
    fill = report.fill
    assert (fill.symbol, fill.fill_id) == ("MX-USDT", "505979017439002624X1")
    assert (fill.venue_order_id, fill.client_order_id) == ("C02__505979017439002624115", "oms-1")
    assert (fill.side, fill.price, fill.size) == (Side.SELL, Decimal("3.6962"), Decimal(1))
    assert (fill.fee, fill.fee_currency) == (Decimal("0.0003998377369698171"), "MX")
    assert (fill.liquidity, fill.source, fill.venue_time_ms) == (Liquidity.TAKER, FillSource.STREAM, 1736417034280)


@pytest.mark.parametrize(
    ("status", "ours", "executed"),
    [
        (0, PublicStatus.PENDING, ""),
        (1, PublicStatus.OPEN, "0"),
        (2, PublicStatus.FILLED, "2"),
        (3, PublicStatus.OPEN, "1"),
        (4, PublicStatus.CANCELLED, "0"),
        (5, PublicStatus.CANCELLED, "1"),
        (6, None, "1"),
        (-1, None, "1"),
    ],
)
def test_order_push_in_any_status_keeps_the_venues_number(status, ours, executed):
    order = one(pushed(304, ORDER | {15: status, 13: executed, 14: executed})).order
    assert (order.status, order.venue_status) == (ours, str(status))
    assert order.filled_size == Decimal(executed or 0)


@pytest.mark.parametrize(
    ("kind", "ours"),
    [
        (1, (OrderType.LIMIT, TimeInForce.GTC, False)),
        (2, (OrderType.LIMIT, TimeInForce.GTC, True)),
        (3, (OrderType.LIMIT, TimeInForce.IOC, False)),
        (4, (OrderType.LIMIT, TimeInForce.FOK, False)),
        (100, (OrderType.STOP_LIMIT, TimeInForce.GTC, False)),
        (101, (OrderType.STOP_LIMIT, TimeInForce.GTC, False)),
        (102, (OrderType.LIMIT, TimeInForce.GTC, False)),
    ],
)
def test_order_push_of_any_type_is_what_the_venue_means(kind, ours):
    order = one(pushed(304, ORDER | {7: kind, 19: "3.1"})).order
    assert (order.type, order.time_in_force, order.post_only) == ours
    assert order.stop_price == (Decimal("3.1") if ours[0] is OrderType.STOP_LIMIT else None)
    assert (order.price, order.quote_size) == (Decimal("3.5121"), None)


def test_market_order_push_by_value_has_a_quote_size():
    order = one(pushed(304, ORDER | {7: 5, 3: "", 4: "", 5: "7"})).order
    assert (order.size, order.price, order.quote_size) == (Decimal(0), None, Decimal(7))


def test_order_push_under_the_other_name_of_its_id_is_the_same_order():
    fields = {number: value for number, value in ORDER.items() if number != 1}
    order = one(pushed(304, fields | {2: "C02__505979017439002624115"})).order
    assert (order.venue_order_id, order.client_order_id) == ("C02__505979017439002624115", None)


def test_order_push_of_which_executed_has_no_value_has_an_unknown_one():
    assert one(pushed(304, ORDER | {14: ""})).order.filled_value is None


def test_push_with_fields_of_a_later_version_is_read_all_the_same():
    order = one(pushed(304, ORDER | {99: "new", 98: 7}) + encoded({77: "later"})).order
    assert order.venue_order_id == ORDER[1]


def test_maker_deal_without_a_fee_is_read():
    fields = {number: value for number, value in DEAL.items() if number not in (8, 10, 11)} | {5: 1}
    fill = one(pushed(306, fields)).fill
    assert (fill.liquidity, fill.fee, fill.fee_currency) == (Liquidity.MAKER, Decimal(0), None)
    assert fill.client_order_id is None


def test_account_push_is_total_and_available():
    report = one(pushed(307, BALANCE))
    assert isinstance(report, BalanceReported)
    assert report.balances == (("USDT", Decimal("22.44"), Decimal("21.94")),)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x00",
        b"text",
        ORDER_FRAME[:-3],
        pushed(301, {1: "public"}),
        pushed(304, ORDER, symbol="ETHUSDT"),
        pushed(304, ORDER, symbol=""),
        *(pushed(304, ORDER | {number: ""}) for number in (1, 3, 4)),
        *(pushed(304, ORDER | {number: "x"}) for number in (3, 4, 13, 14)),
        *(pushed(304, ORDER | {15: status, 13: "0"}) for status in (2, 3, 5)),
        pushed(304, ORDER | {7: 6}),
        pushed(304, ORDER | {8: 0}),
        pushed(304, ORDER | {3: "0"}),
        pushed(304, ORDER | {7: 5, 5: "x"}),
        pushed(304, ORDER | {7: 100, 19: "x"}),
        *(pushed(306, DEAL | {number: ""}) for number in (1, 2, 7, 9, 10)),
        pushed(306, DEAL | {4: 3}),
        pushed(306, DEAL | {12: 0}),
        pushed(306, DEAL | {1: "0"}),
        *(pushed(307, BALANCE | {number: ""}) for number in (1, 3, 5)),
        pushed(307, BALANCE | {3: "-1"}),
    ],
)
def test_push_that_cannot_be_understood_is_reported(frame):
    reading = reader().read_binary(frame, NOW_MS)
    (report,) = reading.reports
    assert isinstance(report, FrameUnreadable)
    assert (reading.ready, reading.lost) == (False, "")


TEXTS = st.sampled_from(["", "0", "-1", "1.5", "NaN", "1e3", " 1", "\uff12", "C02__7"]) | st.text(max_size=4)


@given(st.sampled_from([(304, ORDER), (306, DEAL), (307, BALANCE)]), st.data())
def test_damaged_push_is_reported_as_unreadable_or_as_what_it_says(sample, data):
    body, fields = sample
    record = dict(fields)
    for number in data.draw(st.lists(st.sampled_from(sorted(fields)), min_size=1, max_size=3, unique=True)):
        value = record.pop(number)
        match data.draw(st.sampled_from(["missing", "renamed", "replaced", "wrong type"])):
            case "renamed":
                record[number + 50] = value
            case "replaced":
                record[number] = data.draw(st.integers(-(2**31), 2**31 - 1) if isinstance(value, int) else TEXTS)
            case "wrong type":
                record[number] = "7" if isinstance(value, int) else 7
            case _:
                continue
    report = one(pushed(body, record))
    match report:
        case OrderReported():
            assert report.order.venue_status == str(told_number(record, 15))
            assert report.order.filled_size == Decimal(told_text(record, 13) or 0)
            assert report.order.venue_order_id == (told_text(record, 1) or told_text(record, 2))
        case FillReceived():
            assert (report.fill.size, report.fill.price) == (Decimal(record[2]), Decimal(record[1]))
            assert (report.fill.fill_id, report.fill.venue_order_id) == (record[7], record[9])
        case BalanceReported():
            assert report.balances[0][2] == Decimal(record[3])
        case _:
            assert isinstance(report, FrameUnreadable)


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_reported(frame):
    assert isinstance(one(frame), FrameUnreadable | OrderReported | FillReceived | BalanceReported)


def told_number(record: dict[int, Any], number: int) -> int:
    # What comes in another wire type is skipped by decoders, as if it were absent.
    value = record.get(number, 0)
    return value if isinstance(value, int) else 0


def told_text(record: dict[int, Any], number: int) -> str:
    value = record.get(number, "")
    return value if isinstance(value, str) else ""


# ----- listen keys over a real socket


def test_listen_key_is_asked_for_and_prolonged_with_signed_calls():
    given_key = [told({"listenKey": "pqia91"})]
    with Venue(post_userDataStream=given_key, put_userDataStream=given_key) as venue:
        session = client(venue).session
        assert session.create_listen_key() == "pqia91"
        assert session.prolong_listen_key("pqia91")
    (made,), (kept,) = venue.called("userDataStream", "POST"), venue.called("userDataStream", "PUT")
    assert made.target.startswith("/api/v3/userDataStream?recvWindow=5000&timestamp=")
    assert kept.target.startswith("/api/v3/userDataStream?listenKey=pqia91&recvWindow=5000&timestamp=")
    assert "&signature=" in made.target
    assert (made.body, made.headers["content-type"]) == ("", "application/json")


@pytest.mark.parametrize("answered", [error(700007), told({}), told({"listenKey": ""}), error(500, status=500)])
def test_listen_key_that_is_not_given_is_none(answered):
    with Venue(post_userDataStream=[answered], put_userDataStream=[error(730706)]) as venue:
        session = client(venue).session
        assert isinstance(session.create_listen_key(), Untold)
        assert not session.prolong_listen_key("old")


# ----- over a real socket


def acks(_number: int) -> list[str]:
    return [ack(channel).decode() for channel in CHANNELS]


def test_stream_over_a_real_socket_reports_pushes_until_stopped():
    reports = Reports()
    session = Session("key-1", "key-2")
    with StreamServer(acks) as server:
        stream = WebSocketStream(
            account_id="1",
            exchange="mexc",
            protocol=MexcStream(account_id="1", session=session, url=server.url),
            clock=SystemClock(),
            random=Random(1),
        )
        stream.start(reports.append)
        wait_for(lambda: reports.of(StreamConnected))
        server.connections[0].send(ORDER_FRAME)
        server.connections[0].send(DEAL_FRAME)
        wait_for(lambda: reports.of(FillReceived))
        server.connections[0].send("Invalid listen key")
        wait_for(lambda: len(reports.of(StreamConnected)) == 2)
        stream.stop()
    assert len(reports.of(OrderReported)) == 1
    assert [report.reason for report in reports.of(StreamLost)] == ["listen_key_expired"]
    assert [connection.request.path for connection in server.connections] == ["/?listenKey=key-1", "/?listenKey=key-2"]
    assert [thread.name for thread in threading.enumerate() if thread.name == "mexc-stream"] == []


def test_stream_refused_at_the_door_asks_for_a_new_key():
    session = Session("key-1", "key-2", *["key-3"] * 20)
    with RefusingServer(403) as server:
        stream = WebSocketStream(
            account_id="1",
            exchange="mexc",
            protocol=MexcStream(account_id="1", session=session, url=server.url),
            clock=SystemClock(),
            random=Random(1),
        )
        stream.start(lambda _: None)
        wait_for(lambda: len(session.keys) < 20)
        stream.stop()
