import json
from decimal import Decimal
from random import Random
from urllib.parse import parse_qs, urlsplit

import pytest
from fuzzing import JSON, damaged
from hypothesis import given
from hypothesis import strategies as st
from projectx_samples import (
    ACCOUNT,
    BOOK,
    CLIENT_ID,
    CONTRACT,
    CREATED_MS,
    HUB_ACCOUNT,
    HUB_ORDER,
    HUB_POSITION,
    HUB_TRADE,
    TOKEN,
    plain,
)
from stream_server import Reports, StreamServer, wait_for

from exchanges.answers import Untold
from exchanges.http import SystemClock
from exchanges.projectx.stream import TOKEN_AGE_MS, ProjectXStream
from exchanges.stream import StreamRefusedError, WebSocketStream
from exchanges.symbols import SymbolBook
from messages.fills import FillSource
from messages.reports import (
    BalanceReported,
    FillReceived,
    FillVoided,
    FrameUnreadable,
    OrderReported,
    StreamConnected,
    StreamGap,
    StreamLost,
)
from messages.types import EvidenceSource, PublicStatus

NOW_MS = 1795255200000
END = "\x1e"
OPENED = "{}" + END


class Session:
    """The part of the client that the stream uses."""

    def __init__(self, *, token=TOKEN, account=ACCOUNT, book=BOOK):
        self.told, self.number, self.book = token, account, book
        self.forgotten = []
        self.ages = []
        self.permissions = []

    def token(self, kind=None, *, max_age_ms=0):
        self.ages.append(max_age_ms)
        return self.told

    def forget_token(self, refused):
        self.forgotten.append(refused)

    def account(self):
        return self.number

    def trading_account(self):
        self.permissions.append("asked")
        return self.number

    def account_told(self, *, may_trade):
        self.permissions.append(may_trade)

    def symbols(self):
        return self.book


def protocol(session=None, url="ws://unused/hubs/user", **options):
    return ProjectXStream(account_id="1", session=session or Session(), url=url, **options)


def completed(number, **more):
    return json.dumps({"type": 3, "invocationId": str(number)} | more) + END


CONFIRMED = "".join(completed(number) for number in (1, 2, 3, 4))


def live(session=None, **options):
    """A reader whose subscriptions are confirmed."""
    reader = protocol(session, **options).open().reader
    reader.read((OPENED + CONFIRMED).encode(), NOW_MS)
    return reader


def read(*records, reader=None):
    frame = "".join(each + END for each in records).encode()
    return (reader or live()).read(frame, NOW_MS)


def event(target, *arguments):
    return json.dumps({"type": 1, "target": target, "arguments": plain(arguments)})


def content(record):
    item = json.loads(record)["arguments"][0]
    return item.get("data", item)


ORDER, TRADE, POSITION = content(HUB_ORDER), content(HUB_TRADE), content(HUB_POSITION)
OWN = content(HUB_ACCOUNT)


# ----- opening


def test_opening_carries_the_token_in_the_address_and_begins_with_the_handshake():
    session = Session(token="a+b")
    opening = protocol(session).open()
    assert parse_qs(urlsplit(opening.url).query) == {"access_token": ["a+b"]}
    assert opening.frames == ('{"protocol":"json","version":1}' + END,)
    assert session.ages == [TOKEN_AGE_MS]
    assert "a+b" not in repr(opening)


@pytest.mark.parametrize(
    ("session", "reason"),
    [
        (Session(token=Untold(reason="auth")), "auth"),
        (Session(account=Untold(reason="2 accounts")), "2 accounts"),
        (Session(book=None), "instruments_unavailable"),
    ],
)
def test_opening_without_what_it_needs_is_refused(session, reason):
    with pytest.raises(StreamRefusedError, match=reason):
        protocol(session).open()


@pytest.mark.parametrize(("status", "forgotten"), [(401, [TOKEN]), (500, [])])
def test_refused_connection_lets_the_token_be_forgotten_where_it_was_the_cause(status, forgotten):
    session = Session()
    stream = protocol(session)
    stream.open()
    stream.refused(status)
    assert session.forgotten == forgotten


def test_accepted_handshake_is_followed_by_every_subscription():
    reading = protocol().open().reader.read(OPENED.encode(), NOW_MS)
    assert not reading.ready
    assert [json.loads(reply.rstrip(END)) for reply in reading.replies] == [
        {"type": 1, "invocationId": str(number), "target": target, "arguments": arguments}
        for number, (target, arguments) in enumerate(
            [
                ("SubscribeOrders", [ACCOUNT]),
                ("SubscribeTrades", [ACCOUNT]),
                ("SubscribePositions", [ACCOUNT]),
                ("SubscribeAccounts", []),
            ],
            1,
        )
    ]


def test_subscription_is_ready_when_all_parts_of_it_are_confirmed():
    reader = protocol().open().reader
    reader.read(OPENED.encode(), NOW_MS)
    ready = [reader.read(completed(number).encode(), NOW_MS).ready for number in (3, 1, 4, 2)]
    assert ready == [False, False, False, True]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_subscription_of_which_a_part_is_refused_is_lost(number):
    reader = protocol().open().reader
    reader.read(OPENED.encode(), NOW_MS)
    reading = reader.read(completed(number, error="Unauthorized").encode(), NOW_MS)
    assert reading.lost.startswith("refused: Subscribe")
    assert not reading.ready


def test_hub_that_closes_is_lost_and_what_came_before_is_told():
    reading = read(HUB_TRADE, '{"type":7,"allowReconnect":true}', HUB_TRADE)
    assert reading.lost == "closed_by_hub"
    assert len(reading.reports) == 1


def test_hub_that_refuses_the_handshake_is_lost():
    reading = protocol().open().reader.read(('{"error":"x"}' + END).encode(), NOW_MS)
    assert reading.lost == "handshake_refused"


def test_logout_ends_the_connection_and_its_token():
    session = Session()
    reading = read(event("GatewayLogout", {}), reader=live(session))
    assert (reading.lost, session.forgotten) == ("logged_out", [TOKEN])


def test_keep_alive_is_the_hubs_own_ping():
    assert live().ping() == '{"type":6}' + END


# ----- events


def test_wrapped_order_event_is_an_order_report():
    (report,) = read(HUB_ORDER).reports
    assert isinstance(report, OrderReported)
    assert (report.account_id, report.exchange, report.fill) == ("1", "projectx", None)
    assert (report.order.venue_order_id, report.order.client_order_id) == ("789", CLIENT_ID)
    assert (report.order.status, report.order.filled_size) == (PublicStatus.OPEN, 0)
    assert report.order.updated_venue_ms == CREATED_MS + 32
    assert (report.evidence.source, report.evidence.endpoint) == (EvidenceSource.STREAM, "GatewayUserOrder")
    assert (report.evidence.venue_time_ms, report.evidence.received_ms) == (CREATED_MS + 32, NOW_MS)


def test_event_in_each_of_its_shapes_is_the_same():
    def reported(*arguments):
        (report,) = read(event("GatewayUserOrder", *arguments)).reports
        return report.order

    shapes = [[ORDER], [{"action": 0, "data": ORDER}], [[ORDER]], [[{"action": 1, "data": ORDER}]]]
    assert len({reported(*shape) for shape in shapes}) == 1


def test_event_with_a_list_is_as_many_reports():
    reports = read(event("GatewayUserTrade", [TRADE, {"action": 0, "data": TRADE | {"id": 2}}, {}])).reports
    assert [type(report) for report in reports] == [FillReceived, FillReceived, FrameUnreadable]


@pytest.mark.parametrize("target", ["gatewayusertrade", "GATEWAYUSERTRADE", "GatewayUserTrade"])
def test_target_in_whatever_case_is_understood(target):
    (report,) = read(event(target, TRADE)).reports
    assert isinstance(report, FillReceived)


def test_trade_event_is_an_execution_without_its_order():
    (report,) = read(HUB_TRADE).reports
    assert isinstance(report, FillReceived)
    fill = report.fill
    assert (fill.fill_id, fill.venue_order_id, fill.symbol) == ("101112", "789", CONTRACT)
    assert (fill.price, fill.size, fill.fee, fill.fee_currency) == (Decimal("6335.25"), 1, Decimal("1.4"), "USD")
    assert (fill.source, fill.venue_time_ms) == (FillSource.STREAM, CREATED_MS + 855)


@pytest.mark.parametrize("item", [TRADE | {"voided": True}, {"action": 2, "data": TRADE | {"voided": True}}])
def test_execution_that_was_taken_back_is_told_with_its_order(item):
    (report,) = read(event("GatewayUserTrade", item)).reports
    assert isinstance(report, FillVoided)
    assert (report.symbol, report.venue_order_id, report.fill_id) == (CONTRACT, "789", "101112")
    assert (report.account_id, report.exchange, report.received_ms) == ("1", "projectx", NOW_MS)


def test_execution_that_was_removed_without_a_reason_is_a_gap_and_never_a_fill():
    (report,) = read(event("GatewayUserTrade", {"action": 2, "data": TRADE})).reports
    assert isinstance(report, StreamGap)


def test_event_with_several_arguments_is_as_many_reports():
    reports = read(event("GatewayUserTrade", TRADE, [TRADE | {"id": 2}, None], TRADE | {"id": 3})).reports
    assert [type(report) for report in reports] == [FillReceived, FillReceived, FrameUnreadable, FillReceived]
    assert [report.fill.fill_id for report in reports if isinstance(report, FillReceived)] == ["101112", "2", "3"]


def test_fill_event_of_a_configured_name_is_understood():
    reader = live(fill_event="FirmUserFill")
    (report,) = read(event("FirmUserFill", TRADE), reader=reader).reports
    assert isinstance(report, FillReceived)
    assert isinstance(read(event("FirmUserFill", TRADE)).reports[0], FrameUnreadable)


SPEC = {
    "orderId": "789",
    "accountId": "704",
    "symbol": CONTRACT,
    "side": "BUY",
    "fillId": "FILL-789012",
    "fillPrice": 6335.25,
    "fillVolume": 1.0,
    "totalFillVolume": 2.0,
    "remainingVolume": 1.0,
    "timestamp": CREATED_MS + 500,
    "orderStatus": "PARTIALLY_FILLED",
}


def after_order(*records):
    return read(*records, reader=_told_of_the_order())


def _told_of_the_order():
    reader = live()
    read(event("GatewayUserOrder", ORDER | {"size": 3}), reader=reader)
    return reader


@pytest.mark.parametrize("target", ["order_fill", "GatewayUserTrade"])
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, PublicStatus.OPEN),
        ({"orderStatus": "FILLED", "totalFillVolume": 3}, PublicStatus.FILLED),
        ({"orderStatus": "HALF"}, None),
    ],
)
def test_order_fill_event_says_how_much_its_order_has_executed(target, changes, status):
    told = SPEC | changes
    (report,) = after_order(event(target, told)).reports
    assert isinstance(report, OrderReported)
    assert report.fill is None
    assert (report.order.venue_order_id, report.order.client_order_id) == ("789", CLIENT_ID)
    assert (report.order.filled_size, report.order.status) == (Decimal(told["totalFillVolume"]), status)
    assert (report.order.filled_value, report.order.updated_venue_ms) == (None, CREATED_MS + 500)


def test_order_fill_event_that_comes_late_takes_nothing_back():
    reader = _told_of_the_order()
    read(event("GatewayUserOrder", ORDER | {"size": 5, "fillVolume": 4}), reader=reader)
    (report,) = read(event("order_fill", SPEC | {"orderId": 789}), reader=reader).reports
    assert isinstance(report, OrderReported)
    assert report.order.filled_size == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"orderId": "790"},
        {"orderId": None},
        {"totalFillVolume": None},
        {"totalFillVolume": 0},
        {"timestamp": "2025-07-18T21:00:01Z"},
        {"orderStatus": None},
    ],
)
def test_order_fill_event_that_does_not_say_what_it_should_is_unreadable(changes):
    (report,) = after_order(event("order_fill", SPEC | changes)).reports
    assert isinstance(report, FrameUnreadable)


def test_order_fill_event_of_an_order_that_has_ended_is_unreadable():
    ended = event("GatewayUserOrder", ORDER | {"status": 3})
    _, report = after_order(ended, event("order_fill", SPEC)).reports
    assert isinstance(report, FrameUnreadable)


def test_order_that_was_taken_away_while_open_is_asked_for():
    (report,) = read(event("GatewayUserOrder", {"action": 2, "data": ORDER})).reports
    assert (report.order.status, report.order.venue_status) == (None, "Open")
    (report,) = read(event("GatewayUserOrder", {"action": 2, "data": ORDER | {"status": 3}})).reports
    assert report.order.status is PublicStatus.CANCELLED


def test_order_that_does_not_say_its_volume_is_asked_for():
    (report,) = read(event("GatewayUserOrder", ORDER | {"fillVolume": None})).reports
    assert report.order.status is None


@pytest.mark.parametrize(
    ("changes", "net"), [({}, 2), ({"type": 2}, -2), ({"size": 0, "type": 0}, 0), ({"size": 0}, 0)]
)
def test_position_event_is_the_contracts_balance(changes, net):
    (report,) = read(event("GatewayUserPosition", POSITION | changes)).reports
    assert isinstance(report, BalanceReported)
    assert report.balances == ((CONTRACT, Decimal(net), Decimal(net)),)


def test_position_that_was_taken_away_with_a_size_states_nothing():
    (report,) = read(event("GatewayUserPosition", {"action": 2, "data": POSITION})).reports
    assert isinstance(report, FrameUnreadable)
    (report,) = read(event("GatewayUserPosition", {"action": 2, "data": POSITION | {"size": 0}})).reports
    assert isinstance(report, BalanceReported)


@pytest.mark.parametrize(
    ("item", "heard"),
    [
        (OWN, [True]),
        (OWN | {"canTrade": False}, [False]),
        ({"action": 1, "data": OWN | {"canTrade": False}}, [False]),
        ({"action": 2, "data": OWN}, [None]),
        (OWN | {"id": 705, "canTrade": False}, []),
    ],
)
def test_account_event_says_whether_the_account_may_trade(item, heard):
    session = Session()
    reading = read(event("GatewayUserAccount", item), reader=live(session))
    assert (reading.reports, session.permissions) == ((), ["asked", *heard])


def test_pings_are_passed_over():
    assert read('{"type":6}', '{"type":8}').reports == ()


def test_position_event_of_an_aliased_contract_is_told_under_its_alias():
    book = SymbolBook(to_canonical={CONTRACT: "ES-USD"}, to_venue={"ES-USD": CONTRACT})
    (report,) = read(HUB_POSITION, reader=live(Session(book=book))).reports
    assert report.balances == (("ES-USD", Decimal(2), Decimal(2)),)


def test_position_event_of_an_unlisted_contract_is_unreadable():
    (report,) = read(HUB_POSITION, reader=live(Session(book=SymbolBook()))).reports
    assert isinstance(report, FrameUnreadable)


@pytest.mark.parametrize(
    "record",
    [
        event("GatewayUserNews", {}),
        event("GatewayUserOrder"),
        event("GatewayUserOrder", None),
        event("GatewayUserOrder", {"action": 1, "data": []}),
        event("GatewayUserOrder", ORDER | {"accountId": 1}),
        event("GatewayUserTrade", TRADE | {"fees": None}),
        event("GatewayUserPosition", {}),
        event("GatewayUserAccount", {}),
        event("GatewayUserAccount", OWN | {"canTrade": None}),
        event("GatewayUserAccount", OWN | {"id": None}),
        event("GatewayUserOrder", {"action": [], "data": {}}),
        '{"type":1}',
        "nonsense",
    ],
)
def test_event_that_is_not_understood_is_reported(record):
    (report,) = read(record).reports
    assert isinstance(report, FrameUnreadable)
    assert len(report.body_sha256) == 64


def test_binary_frame_is_reported():
    (report,) = live().read_binary(b"\x80", NOW_MS).reports
    assert isinstance(report, FrameUnreadable)


def test_event_cut_in_two_frames_is_heard_with_the_second():
    reader = live()
    whole = (HUB_TRADE + END).encode()
    assert reader.read(whole[:40], NOW_MS).reports == ()
    assert isinstance(reader.read(whole[40:], NOW_MS).reports[0], FillReceived)


UNDERSTOOD = OrderReported | FillReceived | FillVoided | BalanceReported | StreamGap
TARGETS = st.sampled_from(["GatewayUserOrder", "GatewayUserTrade", "GatewayUserPosition", "order_fill", "Other"])


@given(TARGETS, JSON | damaged(ORDER) | damaged(TRADE) | damaged(POSITION) | damaged(SPEC), st.booleans())
def test_any_event_at_all_is_understood_or_reported(target, item, wrapped):
    argument = {"action": 1, "data": item} if wrapped else item
    frame = json.dumps({"type": 1, "target": target, "arguments": [argument]}, default=str) + END
    reading = live().read(frame.encode(), NOW_MS)
    assert not reading.lost
    if isinstance(item, dict):
        (report,) = reading.reports
        assert isinstance(report, UNDERSTOOD | FrameUnreadable)
        if isinstance(report, OrderReported):
            assert report.order.venue_order_id == str(item["id"])


# ----- over a socket


def test_stream_over_a_socket_connects_tells_and_comes_back():
    def greeting(number):
        # The first frame of a connection is answered by the handshake, the subscriptions by their completions.
        told = sum(frame.startswith('{"protocol"') for frame in server.received)
        subscribed = sum('"target":"Subscribe' in frame for frame in server.received)
        if subscribed == 0 or (subscribed % 4 == 0 and told * 4 > subscribed):
            return [OPENED]
        return [completed((subscribed - 1) % 4 + 1)]

    reports = Reports()
    with StreamServer(greeting) as server:
        stream = WebSocketStream(
            account_id="1",
            exchange="projectx",
            protocol=protocol(url=server.url + "/hubs/user"),
            clock=SystemClock(),
            random=Random(1),
        )
        stream.start(reports.append)
        wait_for(lambda: reports.of(StreamConnected))
        server.connections[0].send(HUB_ORDER + END + HUB_TRADE + END)
        wait_for(lambda: reports.of(FillReceived))
        server.connections[0].send('{"type":7}' + END)
        wait_for(lambda: len(reports.of(StreamConnected)) == 2)
        stream.stop()
    assert [type(report) for report in reports][:4] == [StreamConnected, OrderReported, FillReceived, StreamLost]
    assert urlsplit(server.connections[0].request.path).query == f"access_token={TOKEN}"
