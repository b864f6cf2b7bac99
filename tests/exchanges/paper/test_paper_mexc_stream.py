"""The MEXC dialect: listen keys, subscriptions, keep-alive, and the binary pushes."""

import json
from decimal import Decimal

import pytest
from test_paper_mexc_support import ACCOUNT, CLIENT_ID, DEALS, ORDERS, START_MS, Bench, decode, text

from exchanges.paper.dialects.mexc.protobuf import delimited, integer, optional_integer
from exchanges.paper.dialects.mexc.pushes import deal_body, order_body, wrapped
from exchanges.paper.model import EndReason, Execution, PaperOrder, PaperStatus
from messages.fills import Liquidity
from messages.types import OrderType, Side, TimeInForce

MINUTE_MS = 60_000
ORDER_VECTOR = (
    "0a1d73706f7440707269766174652e6f72646572732e76332e6170692e70621a064d585553445430a98095d4c43282135b0a1a43"
    "30325f5f35303539373930313734333930303236323431313512056f6d732d311a06332e353132312201312a01303206332e3639"
    "363238054002520130"
    "5a01306201316a01317206332e3639363278028001938095d4c432"
)
DEAL_VECTOR = (
    "0a1c73706f7440707269766174652e6465616c732e76332e6170692e70621a064d585553445430dc8095d4c4329213700a06332e3639"
    "36321201311a06332e3639363220023a14353035393739303137343339303032363234583142056f6d732d314a1a4330325f5f353035"
    "3937393031373433393030323632343131355215302e303030333939383337373336393639383137315a024d5860a88095d4c432"
)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def send(session, now_ms, **request):
    replies = session.receive(json.dumps(request).encode(), now_ms)
    assert not any(reply.binary or reply.closes for reply in replies)
    return [json.loads(reply.payload) for reply in replies]


def is_end(messages):
    (message,) = messages
    assert message.payload in (b"Invalid listen key", b"")
    assert not message.binary
    return message.closes


# ----- listen keys


def test_listen_key_when_asked_for_is_new_and_listed(bench):
    keys = [bench.listen_key(), bench.listen_key()]
    assert len(set(keys)) == 2
    assert bench.ask("GET", "userDataStream") == {"listenKey": keys}


def test_listen_key_when_extended_lives_for_sixty_minutes_more(bench):
    key = bench.listen_key()
    bench.now_ms += 59 * MINUTE_MS
    assert bench.ask("PUT", "userDataStream", listenKey=key) == {"listenKey": key}
    bench.now_ms += 60 * MINUTE_MS - 1
    assert bench.ask("GET", "userDataStream") == {"listenKey": [key]}
    bench.now_ms += 1
    assert bench.ask("GET", "userDataStream") == {"listenKey": []}
    assert bench.code("PUT", "userDataStream", listenKey=key) == 730002


def test_listen_key_when_closed_ends_its_streams(bench):
    key = bench.listen_key()
    session = bench.connect(key)
    assert session.tick(bench.now_ms) == ()
    assert bench.ask("DELETE", "userDataStream", listenKey=key) == {"listenKey": key}
    assert is_end(session.tick(bench.now_ms))
    assert bench.code("DELETE", "userDataStream", listenKey=key) == 730002


def test_listen_key_of_somebody_else_is_not_extended(bench):
    key = bench.listen_key()
    bench.keys = bench.dialect.add_keys("bob", 7)
    assert bench.code("PUT", "userDataStream", listenKey=key) == 730002
    assert bench.code("PUT", "userDataStream") == 700004


def test_listen_keys_of_an_account_are_sixty_at_most(bench):
    keys = [bench.listen_key() for _ in range(60)]
    assert bench.code("POST", "userDataStream") == 30028
    bench.ask("DELETE", "userDataStream", listenKey=keys[0])
    assert bench.listen_key() not in keys


def test_listen_key_request_without_a_signature_is_refused(bench):
    assert json.loads(bench.send("POST", "userDataStream").body)["code"] == 700004


def test_connection_with_an_invalid_key_is_told_so_or_just_closed(bench):
    ends = [bench.connect("nonsense").opened(bench.now_ms) for _ in range(40)]
    assert all(is_end(end) for end in ends)
    assert {end[0].payload for end in ends} == {b"Invalid listen key", b""}


def test_connection_when_its_key_expires_ends(bench):
    session = bench.subscribed(ORDERS)
    for _ in range(59):
        bench.now_ms += MINUTE_MS
        send(session, bench.now_ms - 1_000, method="PING")
    assert session.tick(bench.now_ms) == ()
    bench.now_ms += MINUTE_MS
    send(session, bench.now_ms - 1_000, method="PING")
    assert is_end(session.tick(bench.now_ms))
    assert session.accounts() == ()


def test_tokens_when_expired_by_the_venue_leave_connected_streams(bench):
    key = bench.listen_key()
    session = bench.connect(key)
    bench.dialect.expire_tokens()
    assert session.tick(bench.now_ms) == ()
    assert is_end(bench.connect(key).opened(bench.now_ms))
    assert bench.code("PUT", "userDataStream", listenKey=key) == 730002


def test_subscription_when_terminated_closes_the_stream(bench):
    session = bench.subscribed(ORDERS)
    assert session.accounts() == ("alice",)
    assert is_end(session.terminate("alice", bench.now_ms))
    assert session.accounts() == ()


# ----- control messages


def test_subscription_of_each_channel_is_acknowledged_by_its_name(bench):
    session = bench.connect()
    assert session.opened(bench.now_ms) == ()
    assert session.accounts() == ()
    for number, channel in enumerate((ORDERS, DEALS, ACCOUNT), 5):
        reply = send(session, bench.now_ms, id=number, method="SUBSCRIPTION", params=[channel])
        assert reply == [{"id": number, "code": 0, "msg": channel}]
    assert session.accounts() == ("alice",)


def test_subscription_when_refused_has_code_zero_too(bench):
    wrong = "spot@private.orders.v3.api"
    refusal = {"id": 0, "code": 0, "msg": f"Not Subscribed successfully! [{wrong}].  Reason： Blocked! "}  # noqa: RUF001
    session = bench.connect()
    assert send(session, bench.now_ms, id=3, method="SUBSCRIPTION", params=[wrong]) == [refusal]
    assert session.accounts() == ()
    public = bench.dialect.open_session(b"", {}, bench.now_ms)
    (reply,) = send(public, bench.now_ms, id=3, method="SUBSCRIPTION", params=[ORDERS])
    assert (reply["code"], reply["msg"] == ORDERS) == (0, False)
    assert public.accounts() == ()


def test_subscription_without_an_id_is_dropped(bench):
    session = bench.connect()
    assert send(session, bench.now_ms, method="SUBSCRIPTION", params=[ORDERS]) == []
    assert session.accounts() == ()


def test_unsubscription_of_a_channel_ends_its_pushes(bench):
    session = bench.subscribed(ORDERS, DEALS)
    bench.place()
    (frame, *_) = bench.dialect.frames(bench.events, bench.now_ms)
    assert session.wants(frame)
    reply = send(session, bench.now_ms, id=9, method="UNSUBSCRIPTION", params=[ORDERS])
    assert reply == [{"id": 9, "code": 0, "msg": ORDERS}]
    assert not session.wants(frame)
    assert session.accounts() == ("alice",)


def test_ping_gets_a_pong_and_nonsense_gets_nothing(bench):
    session = bench.connect()
    assert send(session, bench.now_ms, method="PING") == [{"id": 0, "code": 0, "msg": "PONG"}]
    for message in (b"", b"{", b"[]", b"\xff\xfe", b'{"id":1,"method":"OTHER","params":[]}'):
        assert session.receive(message, bench.now_ms) == ()


def test_connection_without_a_subscription_is_closed_after_thirty_seconds(bench):
    session = bench.connect()
    for second in range(30):
        send(session, bench.now_ms + second * 1_000, method="PING")
        assert session.tick(bench.now_ms + second * 1_000) == ()
    (end,) = session.tick(bench.now_ms + 30_000)
    assert (end.payload, end.closes) == (b"", True)


def test_connection_without_traffic_is_closed_after_sixty_seconds(bench):
    session = bench.subscribed(ORDERS)
    assert session.tick(bench.now_ms + 59_999) == ()
    assert session.tick(bench.now_ms + 60_000)[0].closes


@pytest.mark.parametrize("traffic", ["ping", "push"])
def test_connection_with_traffic_of_either_side_stays(bench, traffic):
    session = bench.subscribed(ORDERS)
    bench.place()
    frame = bench.dialect.frames(bench.events, bench.now_ms)[0]
    if traffic == "ping":
        send(session, bench.now_ms + 50_000, method="PING")
    else:
        session.wrap(frame, bench.now_ms + 50_000)
    assert session.tick(bench.now_ms + 109_999) == ()
    assert session.tick(bench.now_ms + 110_000)[0].closes


def test_connection_after_a_day_is_cut_although_its_key_lives(bench):
    key = bench.listen_key()
    session = bench.connect(key)
    send(session, bench.now_ms, id=1, method="SUBSCRIPTION", params=[ORDERS])
    for _ in range(24 * 60 * 2 - 1):
        bench.now_ms += 30_000
        send(session, bench.now_ms, method="PING")
        bench.ask("PUT", "userDataStream", listenKey=key)
        assert session.tick(bench.now_ms) == ()
    assert session.tick(START_MS + 86_400_000 - 1) == ()
    assert session.tick(START_MS + 86_400_000)[0].closes
    assert session.shutdown_notice(bench.now_ms) == ()


# ----- pushes


def vector_order() -> PaperOrder:
    return PaperOrder(
        order_id=2_624_115,
        client_order_id="oms-1",
        first_client_order_id="oms-1",
        account="alice",
        symbol="MX-USDT",
        side=Side.SELL,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        size=Decimal("1.0"),
        quote_size=None,
        price=None,
        stop_price=None,
        trigger_above=False,
        post_only=False,
        expires_at_ms=None,
        venue_type="MARKET",
        status=PaperStatus.FILLED,
        end_reason=EndReason.FILLED,
        filled_size=Decimal(1),
        filled_value=Decimal("3.6962"),
        working=True,
        created_ms=1736417034259,
        updated_ms=1736417034280,
        working_ms=1736417034259,
    )


def vector_execution() -> Execution:
    return Execution(
        trade_id=439_002_624,
        order_id=2_624_115,
        client_order_id="oms-1",
        account="alice",
        symbol="MX-USDT",
        side=Side.SELL,
        price=Decimal("3.6962"),
        size=Decimal(1),
        fee=Decimal("0.0003998377369698171"),
        fee_currency="MX",
        liquidity=Liquidity.TAKER,
        at_ms=1736417034280,
    )


def test_order_push_of_the_published_values_is_the_published_frame():
    body = order_body(vector_order(), Decimal("3.5121"), vector_execution())
    assert wrapped(ORDERS, "MXUSDT", 1736417034281, body).hex() == ORDER_VECTOR


def test_deal_push_of_the_published_values_is_the_published_frame():
    body = deal_body(vector_execution())
    assert wrapped(DEALS, "MXUSDT", 1736417034332, body).hex() == DEAL_VECTOR


@pytest.mark.parametrize("value", [1, 127, 128, 300, 2**31 - 1, 2**63 - 1])
def test_integer_of_any_size_is_written_as_it_is_read(value):
    assert decode(integer(304, value)) == {304: value}


def test_integer_below_zero_is_written_as_its_complement():
    assert decode(integer(1, -1)) == {1: 2**64 - 1}


def test_field_with_its_default_is_left_out_unless_it_is_optional():
    assert integer(1, 0) == b""
    assert decode(optional_integer(6, 0)) == {6: 0}
    assert optional_integer(6, None) == b""
    assert decode(delimited(307, b"")) == {307: b""}


def test_push_of_an_accepted_order_says_new_with_everything_left(bench):
    order_id = bench.place()
    bench.now_ms += 3
    ((channel, wrapper), *_) = bench.pushes()
    assert (channel, text(wrapper, 1), text(wrapper, 3), wrapper[6]) == (ORDERS, ORDERS, "BTCUSDT", bench.now_ms)
    (order,) = bench.orders_pushed()
    assert (text(order, 1), text(order, 2)) == (order_id, CLIENT_ID)
    assert [text(order, number) for number in (3, 4, 5, 6)] == ["50000", "0.01", "500", "0"]
    assert [text(order, number) for number in (10, 11, 13, 14)] == ["500", "0.01", "0", "0"]
    assert (order[7], order[8], order[15], order[16]) == (1, 1, 1, bench.now_ms - 3)
    assert not {9, 12} & set(order)


def test_push_of_a_partial_fill_and_a_cancel_have_their_statuses(bench):
    order_id = bench.place(type="LIMIT_MAKER")
    bench.now_ms += 10
    bench.execute(order_id, "0.004")
    (order,) = bench.orders_pushed()
    assert (order[15], text(order, 12), text(order, 13), text(order, 14)) == (3, "0.004", "0.004", "200")
    assert (order[9], order[7], text(order, 6), text(order, 11)) == (1, 2, "50000", "0.006")
    assert order[16] == bench.now_ms - 10
    bench.ask("DELETE", "order", symbol="BTCUSDT", orderId=order_id)
    (order,) = bench.orders_pushed()
    assert (order[15], text(order, 13), text(order, 11)) == (5, "0.004", "0.006")
    assert 12 not in order


@pytest.mark.parametrize(
    ("terms", "statuses", "kind"),
    [
        ({"type": "MARKET", "price": None}, [1, 2], 5),
        ({"type": "IMMEDIATE_OR_CANCEL", "quantity": "3"}, [1, 3, 5], 3),
        ({"type": "FILL_OR_KILL", "quantity": "3"}, [1, 4], 4),
    ],
)
def test_pushes_of_an_order_that_ends_at_once_come_in_order(bench, terms, statuses, kind):
    bench.rest("SELL", "1", "50000")
    bench.place(**terms)
    pushed = bench.orders_pushed()
    assert [order[15] for order in pushed] == statuses
    assert {order[7] for order in pushed} == {kind}


def test_push_of_a_market_order_shows_how_far_it_may_go_as_its_price(bench):
    bench.rest("BUY", "1", "50000")
    bench.place(side="SELL", type="MARKET", price=None)
    (_, filled) = bench.orders_pushed()
    assert (text(filled, 3), text(filled, 5), text(filled, 6), filled[8]) == ("47500", "0", "50000", 2)


def test_push_of_an_order_without_client_id_lacks_the_field(bench):
    bench.ask("POST", "order", symbol="BTCUSDT", side="BUY", type="LIMIT", quantity="0.01", price="50000")
    (order,) = bench.orders_pushed()
    assert 2 not in order


def test_push_of_a_deal_tells_of_the_execution(bench):
    bench.rest("SELL", "1", "50000")
    order_id = bench.place()
    (deal,) = [decode(wrapper[306]) for channel, wrapper in bench.pushes() if channel == DEALS]
    execution = bench.engine.executions_of("alice", "BTC-USDT")[-1]
    assert [text(deal, number) for number in (1, 2, 3)] == ["50000", "0.01", "500"]
    assert (text(deal, 7), text(deal, 8), text(deal, 9)) == (bench.dialect.fill_id(execution), CLIENT_ID, order_id)
    assert (text(deal, 10), text(deal, 11), deal[4], deal[12]) == ("0.25", "USDT", 1, bench.now_ms)
    assert not {5, 6} & set(deal)


def test_push_of_a_deal_comes_before_or_after_its_orders(bench):
    orders = set()
    for number in range(40):
        order_id = bench.place(f"d{number}")
        bench.execute(order_id, "0.01")
        orders.add(tuple(channel for channel, _ in bench.pushes() if channel != ACCOUNT))
    assert orders == {(ORDERS, DEALS), (DEALS, ORDERS)}


def balances(bench):
    return [decode(wrapper[307]) for channel, wrapper in bench.pushes() if channel == ACCOUNT]


def test_push_of_a_balance_tells_amounts_and_what_they_moved_by(bench):
    order_id = bench.place()
    (placed,) = balances(bench)
    assert [text(placed, number) for number in (1, 3, 4, 5, 6, 7)] == [
        *("USDT", "999500", "-500", "500", "500", "ENTRUST_PLACE")
    ]
    assert placed[8] == bench.now_ms
    bench.execute(order_id, "0.004")
    moved = {text(one, 1): one for one in balances(bench)}
    assert [text(moved["BTC"], number) for number in (3, 4, 5, 6, 7)] == ["100.004", "0.004", "0", "0", "ENTRUST"]
    assert [text(moved["USDT"], number) for number in (3, 4, 5, 6)] == ["999500", "0", "300", "-200"]
    bench.ask("DELETE", "order", symbol="BTCUSDT", orderId=order_id)
    (freed,) = balances(bench)
    assert [text(freed, number) for number in (3, 4, 5, 6, 7)] == ["999800", "300", "0", "-300", "ENTRUST_CANCEL"]


def test_push_of_a_deposit_names_it(bench):
    bench.note(bench.engine.deposit("alice", "USDT", Decimal("12.50"), bench.now_ms))
    (only,) = balances(bench)
    assert [text(only, number) for number in (4, 7)] == ["12.5", "DEPOSIT"]


def test_frames_of_one_account_are_wanted_by_its_own_subscribers_only(bench):
    session = bench.subscribed(ORDERS, ACCOUNT)
    bench.rest("SELL", "1", "50000")
    bench.place()
    frames = bench.dialect.frames(bench.events, bench.now_ms)
    assert {frame.account for frame in frames} == {"alice", "bob"}
    wanted = [frame for frame in frames if session.wants(frame)]
    assert {(frame.account, frame.channel) for frame in wanted} == {("alice", ORDERS), ("alice", ACCOUNT)}
    message = session.wrap(wanted[0], bench.now_ms)
    assert (message.payload, message.binary, message.closes) == (wanted[0].payload, True, False)
