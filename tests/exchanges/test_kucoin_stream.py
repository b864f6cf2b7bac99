import json
from decimal import Decimal
from random import Random
from urllib.parse import parse_qs, urlsplit

import pytest
from fuzzing import damaged
from hypothesis import given
from hypothesis import strategies as st
from kucoin_samples import (
    ACTIVE,
    BALANCE,
    BOOK,
    BY_CLIENT_ID,
    CANCELED,
    CLIENT_ID,
    DOOR,
    FILLED,
    MATCHED,
    OPENED,
    PLACE_STOP,
    PRICE,
    RECEIVED,
    STOP,
    STOP_BY_CLIENT_ID,
    STOP_BY_ID,
    STOP_EVENT,
    STOP_ID,
    TOKEN,
    UPDATED,
    Venue,
    client,
    error,
    look_up,
    page,
    place_stop,
    told,
)
from kucoin_samples import STOPS as STOPS_LIST
from stream_server import Reports, StreamServer, wait_for

from exchanges.answers import Untold
from exchanges.http import SystemClock
from exchanges.kucoin.rest import Door
from exchanges.kucoin.stops import STOPS_MAX, StopMemory
from exchanges.kucoin.stream import BALANCES, ORDERS, STOPS, KucoinFrames, KucoinStream
from exchanges.stream import Reading, StreamRefusedError, WebSocketStream
from messages.commands import FetchOpenOrders
from messages.reports import BalanceReported, FrameUnreadable, OrderReported, StreamConnected, StreamLost
from messages.types import EvidenceSource, OrderType, PublicStatus, Side, TimeInForce

NOW_MS = 1730211035000


class Session:
    """The part of the client that the stream uses."""

    def __init__(self, *, book=BOOK, door=None) -> None:
        self.book = book
        self.stops = StopMemory()
        self.stops.learn(STOP_ID, CLIENT_ID)
        self.at = door or Door(endpoint="wss://stream/", token="a+/=token")

    def door(self):
        return self.at

    def symbols(self):
        return self.book


def frames() -> KucoinFrames:
    return KucoinFrames("1", Session(), "connect-1")


def message(topic: str, data: object) -> bytes:
    return json.dumps({"topic": topic, "type": "message", "subject": "x", "data": data}).encode()


def read(topic: str, data: object) -> Reading:
    return frames().read(message(topic, data), NOW_MS)


def order_of(data: object, topic: str = ORDERS):
    (report,) = read(topic, data).reports
    assert isinstance(report, OrderReported), report
    assert report.fill is None
    return report.order


# ----- connecting


def test_opening_puts_token_and_id_into_the_address_the_venue_names():
    opening = KucoinStream(account_id="1", session=Session()).open()
    address = urlsplit(opening.url)
    assert (address.scheme, address.netloc, address.path) == ("wss", "stream", "/")
    query = parse_qs(address.query)
    assert query["token"] == ["a+/=token"]
    assert len(query["connectId"][0]) == 32
    assert (opening.frames, "token" in repr(opening)) == ((), False)


def test_openings_have_ids_and_readers_of_their_own():
    stream = KucoinStream(account_id="1", session=Session())
    first, second = stream.open(), stream.open()
    assert first.url != second.url
    assert first.reader is not second.reader


@pytest.mark.parametrize(
    ("session", "reason"),
    [(Session(book=None), "instruments_unavailable"), (Session(door=Untold(reason="timeout")), "timeout")],
)
def test_opening_without_symbols_or_token_is_refused(session, reason):
    with pytest.raises(StreamRefusedError, match=reason):
        KucoinStream(account_id="1", session=session).open()


def test_token_is_asked_for_by_a_signed_call_without_a_body():
    with Venue({TOKEN: [told(DOOR)]}) as venue:
        door = client(venue).session.door()
    assert (door.endpoint, door.token) == ("wss://ws-api-spot.kucoin.com/", DOOR["token"])
    (request,) = venue.called(TOKEN)
    assert (request.body, "kc-api-sign" in request.headers) == ("", True)
    assert DOOR["token"] not in repr(door)


@pytest.mark.parametrize(
    "meet",
    [
        error("400004"),
        told(None),
        told(DOOR | {"token": ""}),
        told(DOOR | {"token": None}),
        told(DOOR | {"instanceServers": []}),
        told(DOOR | {"instanceServers": None}),
        told(DOOR | {"instanceServers": [{"endpoint": "https://elsewhere/"}]}),
        told(DOOR | {"instanceServers": [{"endpoint": "wss://"}]}),
    ],
)
def test_token_that_cannot_be_had_is_untold(meet):
    with Venue({TOKEN: [meet]}) as venue:
        assert isinstance(client(venue).session.door(), Untold)


# ----- subscribing


def test_welcome_is_answered_by_the_subscriptions():
    reading = frames().read(b'{"id":"connect-1","type":"welcome"}', NOW_MS)
    assert not reading.ready
    assert [json.loads(reply) for reply in reading.replies] == [
        {"id": number, "type": "subscribe", "topic": topic, "privateChannel": True, "response": True}
        for number, topic in (("1", ORDERS), ("2", STOPS), ("3", BALANCES))
    ]


@pytest.mark.parametrize("order", ["123", "321", "1233"])
def test_stream_is_ready_when_the_last_subscription_is_confirmed(order):
    reader = frames()
    readings = [reader.read(json.dumps({"id": number, "type": "ack"}).encode(), NOW_MS) for number in order]
    assert [reading.ready for reading in readings][:2] == [False, False]
    assert readings[2].ready


def test_stream_with_a_subscription_confirmed_twice_is_not_ready():
    reader = frames()
    assert not any(reader.read(b'{"id":"1","type":"ack"}', NOW_MS).ready for _ in range(3))


def test_refused_subscription_is_lost():
    reading = frames().read(b'{"id":"2","type":"error","code":404,"data":"topic is not found"}', NOW_MS)
    assert (reading.lost, reading.ready) == ("refused: 404", False)


def test_pings_are_the_venues_own_and_numbered():
    reader = frames()
    pings = [json.loads(reader.ping()) for _ in range(2)]
    assert [ping["type"] for ping in pings] == ["ping", "ping"]
    assert pings[0]["id"] != pings[1]["id"]
    assert reader.read(json.dumps({"id": pings[0]["id"], "type": "pong"}).encode(), NOW_MS) == Reading()


# ----- orders


@pytest.mark.parametrize(
    ("event", "status", "word", "filled", "at_ms"),
    [
        (RECEIVED, PublicStatus.PENDING, "new", "0", 1730206271616),
        (OPENED, PublicStatus.OPEN, "open", "0", 1730211033335),
        (MATCHED, PublicStatus.OPEN, "match", "0.04", 1730211034038),
        (MATCHED | {"status": "open", "liquidity": "maker"}, PublicStatus.OPEN, "open", "0.04", 1730211034038),
        (FILLED, PublicStatus.FILLED, "done", "0.1", 1730211034038),
        (CANCELED, PublicStatus.CANCELLED, "done", "0.04", 1730211035893),
        (UPDATED | {"status": "done", "filledSize": "0.06"}, PublicStatus.CANCELLED, "done", "0.06", 1730211034916),
        # Ends that their own sizes contradict.
        (CANCELED | {"filledSize": "0.1"}, None, "done", "0.1", 1730211035893),
        (FILLED | {"filledSize": "0.06"}, None, "done", "0.06", 1730211034038),
        (CANCELED | {"filledSize": "0", "canceledSize": "0.06"}, None, "done", "0", 1730211035893),
        (CANCELED | {"canceledSize": None}, None, "done", "0.04", 1730211035893),
        (OPENED | {"status": "paused"}, None, "paused", "0", 1730211033335),
    ],
)
def test_order_event_of_each_kind_is_reported(event, status, word, filled, at_ms):
    order = order_of(event)
    assert (order.status, order.venue_status, order.filled_size) == (status, word, Decimal(filled))
    assert (order.symbol, order.client_order_id, order.size) == ("KCS-USDT", CLIENT_ID, Decimal("0.1"))
    assert (order.created_venue_ms, order.updated_venue_ms) == (1730211033305, at_ms)


@pytest.mark.parametrize(
    ("changes", "size", "status"),
    [
        ({}, "0.06", PublicStatus.OPEN),
        ({"filledSize": "0.05"}, "0.06", PublicStatus.OPEN),
        ({"canceledSize": None}, "0.1", PublicStatus.OPEN),
        ({"filledSize": None}, "0.06", None),
        ({"filledSize": "0.06"}, "0.1", None),
        ({"canceledSize": "0.1"}, "0.1", None),
    ],
)
def test_order_event_of_a_part_that_was_cancelled_tells_the_size_that_is_left(changes, size, status):
    order = order_of(UPDATED | changes)
    assert (order.status, order.size) == (status, Decimal(size))


def test_order_event_carries_its_terms_and_evidence():
    (report,) = read(ORDERS, MATCHED).reports
    order, evidence = report.order, report.evidence
    assert (order.side, order.type, order.time_in_force, order.price) == (
        Side.SELL, OrderType.LIMIT, TimeInForce.GTC, Decimal("0.937"),
    )  # fmt: skip
    assert order.filled_value is None
    assert (evidence.source, evidence.endpoint, evidence.detail) == (EvidenceSource.STREAM, ORDERS, "match match")
    assert (evidence.venue_time_ms, evidence.received_ms) == (1730211034038, NOW_MS)


def test_order_time_in_nanoseconds_is_milliseconds():
    assert order_of(OPENED | {"orderTime": 1730211033305000123}).created_venue_ms == 1730211033305


@pytest.mark.parametrize("name", ["orderTime", "ts"])
def test_order_event_without_what_it_can_do_without_is_reported(name):
    order = order_of({key: value for key, value in OPENED.items() if key != name})
    assert order.status is PublicStatus.OPEN


BY_FUNDS = {
    **{name: value for name, value in MATCHED.items() if name not in ("originSize", "filledSize", "price", "size")},
    "orderType": "market", "originFunds": "25", "remainFunds": "10", "canceledFunds": "0",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "status", "filled"),
    [
        ({"filledSize": "0.04"}, PublicStatus.OPEN, "0.04"),
        ({"filledSize": "0.04", "status": "done", "type": "canceled"}, PublicStatus.FILLED, "0.04"),
        ({"filledSize": "0", "status": "done", "type": "canceled"}, PublicStatus.CANCELLED, "0"),
        ({"filledSize": "0", "status": "done", "type": "canceled", "canceledFunds": "25"}, PublicStatus.CANCELLED, "0"),
        ({"filledSize": "0", "status": "done", "type": "canceled", "canceledFunds": "10"}, None, "0"),
        ({"type": "received", "status": "new"}, PublicStatus.PENDING, "0"),
        ({}, None, "0"),
        ({"status": "done", "type": "filled"}, None, "0"),
    ],
)
def test_order_event_sized_by_funds_tells_no_end_without_what_it_executed(changes, status, filled):
    order = order_of(BY_FUNDS | changes)
    assert (order.status, order.filled_size, order.size) == (status, Decimal(filled), 0)
    assert (order.quote_size, order.type, order.price) == (Decimal(25), OrderType.MARKET, None)


@pytest.mark.parametrize("event", [MATCHED, FILLED, CANCELED, UPDATED])
def test_order_event_without_its_executed_quantity_leaves_the_status_unknown(event):
    order = order_of({name: value for name, value in event.items() if name != "filledSize"})
    assert (order.status, order.filled_value) == (None, None)


# ----- stop orders


def test_stop_event_that_adds_nothing_is_passed_over():
    assert read(STOPS, STOP_EVENT) == Reading()
    assert read(STOPS, STOP_EVENT | {"type": "triggered", "triggerSuccess": True}) == Reading()


@pytest.mark.parametrize("changes", [{"type": "cancel"}, {"triggerSuccess": False}, {"type": "fail"}])
def test_stop_event_of_an_order_that_was_not_heard_of_is_unreadable(changes):
    (report,) = read(STOPS, STOP_EVENT | {"orderId": "vs1"} | changes).reports
    assert isinstance(report, FrameUnreadable)


def test_stop_events_are_of_whom_the_placement_or_a_list_was():
    scripts = {
        PRICE: [told({"price": "60000"})], PLACE_STOP: [told({"orderId": "vs1"})],
        STOP_BY_CLIENT_ID: [told([STOP | {"id": "vs2"}])], STOP_BY_ID: [told(STOP)],
        STOPS_LIST: [told(page([STOP | {"id": "vs3"}, STOP | {"id": "vs4", "clientOid": None}]))],
        ACTIVE: [told(page([]))], BY_CLIENT_ID: [error("102436")],
    }  # fmt: skip
    with Venue(scripts) as venue:
        made = client(venue)
        reader = KucoinFrames("1", made.session, "connect-1")
        made.execute(place_stop())
        made.execute(look_up())
        made.execute(look_up(venue_order_id=STOP_ID))
        made.execute(FetchOpenOrders(account_id="1", exchange="kucoin", symbol="BTC-USDT"))
        told_of = {}
        for stop_id in ("vs1", "vs2", "vs3", "vs4", STOP_ID):
            (report,) = reader.read(message(STOPS, STOP_EVENT | {"type": "cancel", "orderId": stop_id}), NOW_MS).reports
            told_of[stop_id] = report.order.client_order_id
    assert told_of == {"vs1": CLIENT_ID, "vs2": CLIENT_ID, "vs3": CLIENT_ID, "vs4": None, STOP_ID: CLIENT_ID}


def test_stop_orders_that_were_heard_of_long_ago_are_forgotten():
    memory = StopMemory()
    for number in range(STOPS_MAX + 1):
        memory.learn(f"vs{number}", CLIENT_ID)
    assert ("vs0" in memory, "vs1" in memory, f"vs{STOPS_MAX}" in memory) == (False, True, True)


def test_stop_order_keeps_the_client_id_that_was_told_once():
    memory = StopMemory()
    for told_id in (None, CLIENT_ID, None):
        memory.learn(STOP_ID, told_id)
    assert memory.client_id(STOP_ID) == CLIENT_ID


def test_stop_event_of_a_cancel_is_reported_under_the_id_of_the_stop():
    order = order_of(STOP_EVENT | {"type": "cancel"}, STOPS)
    assert (order.venue_order_id, order.client_order_id) == (STOP_ID, CLIENT_ID)
    assert (order.status, order.type, order.filled_size) == (PublicStatus.CANCELLED, OrderType.STOP_LIMIT, 0)
    assert (order.price, order.stop_price, order.size) == (70000, 71000, Decimal("0.00007142"))
    assert (order.created_venue_ms, order.updated_venue_ms) == (1742305928064, 1742305928091)


@pytest.mark.parametrize("happened", ["triggered", "fail", "open"])
def test_stop_event_of_a_failed_trigger_says_why(happened):
    event = STOP_EVENT | {"type": happened, "triggerSuccess": False, "error": "Balance insufficient!"}
    order = order_of(event, STOPS)
    assert (order.status, order.reason) == (PublicStatus.FAILED, "Balance insufficient!")


def test_stop_event_of_an_unknown_kind_has_an_unknown_status():
    assert order_of(STOP_EVENT | {"type": "fail"}, STOPS).status is None


def test_stop_event_without_a_price_is_of_a_market_stop():
    event = {name: value for name, value in STOP_EVENT.items() if name != "orderPrice"} | {"type": "cancel"}
    assert order_of(event, STOPS).type is OrderType.STOP_MARKET


# ----- balances and what cannot be understood


def test_balance_event_of_the_trading_account_is_total_and_available():
    (report,) = read(BALANCES, BALANCE).reports
    assert isinstance(report, BalanceReported)
    assert report.balances == (("USDT", Decimal("21.13"), Decimal("20.13")),)


@pytest.mark.parametrize("event", ["main.deposit", "margin.hold", "isolated.transfer", "trade_margin"])
def test_balance_event_of_another_account_is_passed_over(event):
    assert read(BALANCES, BALANCE | {"relationEvent": event}) == Reading()


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"type":"notice"}',
        b'{"type":5}',
        b'{"type":"welcome","id":"another"}',
        b'{"type":"welcome"}',
        b'{"type":"ack","id":"9"}',
        b'{"type":"ack"}',
        b'{"type":"message"}',
        message("/spotMarket/other", {}),
        message(ORDERS, None),
        message(ORDERS, OPENED | {"symbol": "DOGE-USDT"}),
        *(message(ORDERS, OPENED | {"clientOid": client_id}) for client_id in (None, "", 5)),
        message(ORDERS, OPENED | {"canceledSize": "-1"}),
        message(ORDERS, OPENED | {"originSize": "0"}),
        message(ORDERS, OPENED | {"originSize": None}),
        message(ORDERS, OPENED | {"side": []}),
        message(ORDERS, OPENED | {"price": None}),
        message(ORDERS, OPENED | {"filledSize": 0.5}),
        message(ORDERS, OPENED | {"status": ""}),
        message(ORDERS, OPENED | {"ts": "1730211033335000000"}),
        message(ORDERS, BY_FUNDS | {"originFunds": "0"}),
        message(ORDERS, BY_FUNDS | {"originSize": 5}),
        message(STOPS, {}),
        message(STOPS, STOP_EVENT | {"type": "cancel", "stopPrice": None}),
        message(BALANCES, BALANCE | {"relationEvent": None}),
        message(BALANCES, BALANCE | {"total": 21.13}),
    ],
)
def test_frame_that_cannot_be_understood_is_reported(frame):
    (report,) = frames().read(frame, NOW_MS).reports
    assert isinstance(report, FrameUnreadable)
    assert report.received_ms == NOW_MS


def test_binary_frame_is_reported():
    (report,) = frames().read_binary(b"\x00", NOW_MS).reports
    assert isinstance(report, FrameUnreadable)


@given(st.one_of(*(damaged(event) for event in (RECEIVED, OPENED, MATCHED, UPDATED, FILLED, CANCELED, BY_FUNDS))))
def test_damaged_order_event_is_unreadable_or_still_true(event):
    try:
        frame = message(ORDERS, json.loads(json.dumps(event, default=str)))
    except ValueError:
        return
    record = json.loads(frame)["data"]
    (report,) = frames().read(frame, NOW_MS).reports
    if isinstance(report, FrameUnreadable):
        return
    order = report.order
    assert (order.symbol, order.venue_order_id) == (record["symbol"], record["orderId"])
    assert (order.client_order_id or "") == (record.get("clientOid") or "")
    assert order.side.value.lower() == record["side"]
    assert order.type.value.lower() == record["orderType"]
    gone, whole = (Decimal(record.get(name) or 0) for name in ("canceledSize", "originSize"))
    assert whole in (order.size, order.size + gone)
    assert order.quote_size is None or order.quote_size == Decimal(record["originFunds"])
    assert order.status is None or order.filled_size == Decimal(record.get("filledSize") or 0)
    ended = order.status in (PublicStatus.FILLED, PublicStatus.CANCELLED)
    assert not ended or (record["status"] == "done" and record["filledSize"] is not None)
    assert not ended or order.filled_size + gone == order.size > 0 or order.quote_size


@given(damaged(STOP_EVENT | {"type": "cancel"}), damaged(BALANCE))
def test_damaged_stop_or_balance_event_is_unreadable_or_still_true(stop, balance):
    for topic, event in ((STOPS, stop), (BALANCES, balance)):
        frame = message(topic, json.loads(json.dumps(event, default=str)))
        record = json.loads(frame)["data"]
        for report in frames().read(frame, NOW_MS).reports:
            if isinstance(report, OrderReported):
                assert report.order.venue_order_id == record["orderId"]
                assert report.order.stop_price == Decimal(record["stopPrice"])
                cancelled = report.order.status is PublicStatus.CANCELLED
                assert not cancelled or record["type"] == "cancel"
            elif isinstance(report, BalanceReported):
                assert report.balances == (
                    (record["currency"], Decimal(record["total"]), Decimal(record["available"])),
                )


# ----- over a real socket


def test_stream_over_a_socket_connects_subscribes_reports_and_comes_back():
    sent: dict[int, int] = {}

    def greet(number: int) -> list[str]:
        # The rim sends one subscription per frame; each is acknowledged, and the last one by an event, too.
        sent[number] = sent.get(number, 0) + 1
        replies = [json.dumps({"id": str(sent[number]), "type": "ack"})]
        return [*replies, message(ORDERS, MATCHED).decode()] if sent[number] == 3 else replies

    reports = Reports()
    with Venue() as venue, StreamServer(greet) as server:
        door = DOOR | {"instanceServers": [{"endpoint": f"{server.url}/"}]}
        venue.scripts[TOKEN] = [told(door)]
        protocol = KucoinStream(account_id="1", session=client(venue).session)
        stream = WebSocketStream(
            account_id="1", exchange="kucoin", protocol=protocol, clock=SystemClock(), random=Random(1)
        )
        stream.start(reports.append)
        for number in (1, 2):
            wait_for(lambda number=number: len(server.connections) == number)
            connection = server.connections[-1]
            (connect_id,) = parse_qs(urlsplit(connection.request.path).query)["connectId"]
            connection.send(json.dumps({"id": connect_id, "type": "welcome"}))
            wait_for(lambda number=number: len(reports.of(OrderReported)) == number)
            if number == 1:
                connection.close_socket()
                wait_for(lambda: reports.of(StreamLost))
        stream.stop()
    assert [report.connection for report in reports.of(StreamConnected)] == [1, 2]
    assert len(venue.called(TOKEN)) == 2
    topics = [json.loads(frame)["topic"] for frame in server.received]
    assert topics == [ORDERS, STOPS, BALANCES] * 2
