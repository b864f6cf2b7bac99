"""ProjectX as a paper venue: the SignalR user hub, its protocol and its events."""

import json
from decimal import Decimal
from urllib.parse import quote

import pytest
from test_paper_projectx_auth import DAY_MS, ES, START_MS, TAG, Rig

END = b"\x1e"
HANDSHAKE = b'{"protocol":"json","version":1}' + END


def records(messages):
    return [json.loads(one) for message in messages for one in message.payload.split(END) if one]


def connect(rig, *, greet=True):
    session = rig.dialect.open_session(f"access_token={quote(rig.token)}".encode(), {}, rig.now_ms)
    if greet:
        assert session.receive(HANDSHAKE, rig.now_ms)
    return session


def invoke(rig, session, target, *arguments, call_id="1"):
    value = {"type": 1, "invocationId": call_id, "target": target, "arguments": list(arguments)}
    (reply,) = records(session.receive(json.dumps(value).encode() + END, rig.now_ms))
    return reply


def subscribe(rig, session):
    for target in ("SubscribeOrders", "SubscribeTrades", "SubscribePositions"):
        assert invoke(rig, session, target, rig.account) == {"type": 3, "invocationId": "1", "result": None}
    assert "error" not in invoke(rig, session, "SubscribeAccounts")


def heard(rig, session):
    """Return, and forget, the records of the frames that the session wants."""
    frames, rig.frames = rig.frames, []
    return records(session.wrap(frame, rig.now_ms) for frame in frames if session.wants(frame))


def targets(heard_records):
    return [one["target"].removeprefix("GatewayUser") for one in heard_records]


@pytest.fixture
def rig():
    rig = Rig()
    rig.dialect.writer.wrapped = True
    return rig


@pytest.fixture
def session(rig):
    session = connect(rig)
    subscribe(rig, session)
    return session


# ----- protocol


def test_handshake_is_answered_together_with_the_first_ping(rig):
    session = connect(rig, greet=False)
    assert session.opened(rig.now_ms) == ()
    (message,) = session.receive(HANDSHAKE, rig.now_ms)
    assert (message.payload, message.binary, message.closes) == (b'{}\x1e{"type":6}\x1e', False, False)


@pytest.mark.parametrize(
    "text", [b'{"protocol":"json","version":0}', b'{"protocol":"messagepack","version":1}', b"hello", b"[]"]
)
def test_handshake_that_is_none_is_refused_and_the_connection_closed(rig, text):
    (message,) = connect(rig, greet=False).receive(text + END, rig.now_ms)
    assert message.closes
    assert set(records([message])[0]) == {"error"}


def test_handshake_that_never_comes_closes_the_connection(rig):
    session = connect(rig, greet=False)
    assert session.tick(rig.now_ms + 14_999) == ()
    (message,) = session.tick(rig.now_ms + 15_000)
    assert message.closes
    assert session.tick(rig.now_ms + 60_000) == ()


def test_records_split_over_messages_and_several_in_one_are_understood(rig):
    session = connect(rig, greet=False)
    assert session.receive(HANDSHAKE[:10], rig.now_ms) == ()
    call = json.dumps({"type": 1, "invocationId": "7", "target": "SubscribeAccounts", "arguments": []}).encode() + END
    (message,) = session.receive(HANDSHAKE[10:] + call, rig.now_ms)
    assert records([message]) == [{}, {"type": 6}, {"type": 3, "invocationId": "7", "result": None}]


def test_invocation_without_an_id_is_carried_out_unanswered(rig):
    session = connect(rig)
    call = json.dumps({"type": 1, "target": "SubscribeOrders", "arguments": [rig.account]}).encode() + END
    assert session.receive(call, rig.now_ms) == ()
    assert session.accounts() == ("alice",)


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("subscribeOrders", ["own"]),
        ("SubscribeEverything", ["own"]),
        ("Orders", ["own"]),
        ("SubscribeOrders", []),
        ("SubscribeOrders", [1]),
        ("SubscribeOrders", ["text"]),
        ("SubscribeOrders", [True]),
        ("SubscribeOrders", ["own", "own"]),
        ("SubscribeAccounts", ["own"]),
    ],
)
def test_invocation_that_fails_is_completed_with_an_error(rig, target, arguments):
    session = connect(rig)
    given = [rig.account if one == "own" else one for one in arguments]
    reply = invoke(rig, session, target, *given, call_id="9")
    assert (reply["type"], reply["invocationId"]) == (3, "9")
    assert reply["error"].startswith(f"Failed to invoke '{target}'")
    assert session.accounts() == ()


def test_unknown_record_types_are_ignored_and_rubbish_closes(rig):
    session = connect(rig)
    assert session.receive(b'{"type":99}\x1e{"type":6}\x1e{"type":3}\x1e', rig.now_ms) == ()
    (message,) = session.receive(b"rubbish" + END, rig.now_ms)
    assert (records([message])[0]["type"], message.closes) == (7, True)


def test_close_of_the_client_closes_the_connection(rig):
    (message,) = connect(rig).receive(b'{"type":7}' + END, rig.now_ms)
    assert (message.payload, message.closes) == (b"", True)


def test_server_pings_every_fifteen_seconds(rig):
    session = connect(rig)
    assert session.tick(rig.now_ms + 14_999) == ()
    assert records(session.tick(rig.now_ms + 15_000)) == [{"type": 6}]
    session.receive(b'{"type":6}' + END, rig.now_ms + 20_000)
    assert session.tick(rig.now_ms + 29_999) == ()
    assert records(session.tick(rig.now_ms + 30_000)) == [{"type": 6}]


def test_client_that_is_silent_for_thirty_seconds_is_closed(rig, session):
    session.receive(b'{"type":6}' + END, rig.now_ms + 10_000)
    session.tick(rig.now_ms + 15_000)
    session.tick(rig.now_ms + 30_000)
    assert session.tick(rig.now_ms + 39_999) == ()
    (message,) = session.tick(rig.now_ms + 40_000)
    (close,) = records([message])
    assert (close["type"], close["allowReconnect"], message.closes) == (7, True, True)
    assert session.accounts() == ()


def test_connection_ends_with_its_token(rig, session):
    end_ms = START_MS + DAY_MS
    session.receive(b'{"type":6}' + END, end_ms - 1)
    session.tick(end_ms - 1)
    (message,) = session.tick(end_ms)
    logout, close = records([message])
    assert (logout["target"], close["type"], message.closes) == ("GatewayLogout", 7, True)


def test_expired_tokens_leave_the_connection(rig, session):
    rig.dialect.expire_tokens()
    assert session.tick(rig.now_ms + 1000) == ()
    rig.publish(rig.engine.deposit("alice", "USD", Decimal(5), rig.now_ms))
    assert targets(heard(rig, session)) == ["Account"]


def test_terminated_user_is_told_and_the_token_is_worth_nothing(rig, session):
    (message,) = session.terminate("alice", rig.now_ms)
    assert [one["type"] for one in records([message])] == [1, 7]
    assert message.closes
    assert session.accounts() == ()
    assert rig.send("/api/Account/search", {}).status == 401


def test_shutdown_is_announced_as_a_close_that_allows_to_come_back(rig, session):
    (message,) = session.shutdown_notice(rig.now_ms)
    assert records([message])[0]["allowReconnect"] is True


# ----- subscriptions


@pytest.mark.parametrize(
    ("target", "wanted"), [("Orders", "Order"), ("Trades", "Trade"), ("Positions", "Position"), ("Accounts", "Account")]
)
def test_subscription_brings_its_kind_alone_until_it_is_taken_back(rig, target, wanted):
    session = connect(rig)
    arguments = [] if target == "Accounts" else [rig.account]
    invoke(rig, session, f"Subscribe{target}", *arguments)
    rig.fill(rig.placed(), "5990")
    assert set(targets(heard(rig, session))) == {wanted}
    invoke(rig, session, f"Unsubscribe{target}", *arguments)
    rig.fill(rig.placed(), "5990")
    assert heard(rig, session) == []


def test_events_of_another_account_are_not_heard(rig, session):
    rig.dialect.add_keys("maker", 7)
    rig.rest("BUY", 1, "5990")
    assert rig.frames
    assert heard(rig, session) == []


# ----- events


def test_accepted_order_is_pending_then_open_in_one_message(rig, session):
    order_id = rig.placed(customTag=TAG, limitPrice=5990.25)
    assert len([frame for frame in rig.frames if frame.channel == "Orders"]) == 1
    pending, opened = (one["arguments"][0] for one in heard(rig, session) if one["target"] == "GatewayUserOrder")
    assert (pending["action"], pending["data"]["status"]) == (0, 6)
    assert (opened["action"], opened["data"]["status"]) == (1, 1)
    data = opened["data"]
    assert (data["id"], data["customTag"], data["limitPrice"], data["fillVolume"]) == (order_id, TAG, 5990.25, 0)


def test_hub_shows_prices_without_the_zeros_of_the_tables(rig, session):
    rig.placed(limitPrice=5990.25)
    payload = b"".join(frame.payload for frame in rig.frames)
    assert b'"limitPrice":5990.25,' in payload


def test_fill_is_told_as_order_then_trade_then_position(rig, session):
    order_id = rig.placed(size=2)
    heard(rig, session)
    rig.fill(order_id, "5990", 1)
    told = heard(rig, session)
    assert targets(told) == ["Order", "Trade", "Position", "Account"]
    order, trade, position = (one["arguments"][0] for one in told[:3])
    assert (order["data"]["status"], order["data"]["fillVolume"], order["data"]["filledPrice"]) == (1, 1, 5990)
    assert (trade["orderId"], trade["price"], trade["size"], trade["profitAndLoss"]) == (order_id, 5990, 1, None)
    assert (position["contractId"], position["type"], position["size"], position["averagePrice"]) == (ES, 1, 1, 5990)
    rig.fill(order_id, "5990", 1)
    assert heard(rig, session)[0]["arguments"][0]["data"]["status"] == 2


def test_trades_of_the_hub_have_the_ids_of_the_look_up(rig, session):
    rig.fill(rig.placed(), "5990")
    told = [one["arguments"][0]["id"] for one in heard(rig, session) if one["target"] == "GatewayUserTrade"]
    listed = [trade["id"] for trade in rig.call("Trade/search", accountId=rig.account)["trades"]]
    assert told == listed


def test_positions_follow_each_fill_of_one_moment_and_end_flat(rig, session):
    rig.rest("SELL", 1, "6000")
    rig.rest("SELL", 1, "6001")
    rig.placed(type=2, size=2)
    sizes = [one["arguments"][0]["size"] for one in heard(rig, session) if one["target"] == "GatewayUserPosition"]
    assert sizes == [1, 2]
    rig.rest("BUY", 2, "6002")
    rig.call("Position/closeContract", accountId=rig.account, contractId=ES)
    told = heard(rig, session)
    flat = next(one["arguments"][0] for one in told if one["target"] == "GatewayUserPosition")
    assert (flat["size"], flat["type"]) == (0, 0)
    trade = next(one["arguments"][0] for one in told if one["target"] == "GatewayUserTrade")
    assert trade["profitAndLoss"] == 150


def test_cancelled_order_is_pending_cancellation_then_cancelled(rig, session):
    order_id = rig.placed()
    heard(rig, session)
    rig.cancel(order_id)
    assert [one["status"] for one in _orders(heard(rig, session))] == [7, 3]


def test_order_ended_by_the_venue_is_told_at_once(rig, session):
    rig.placed()
    heard(rig, session)
    number = next(iter(rig.engine.truth.orders))
    rig.publish(rig.engine.end(number, "EXPIRED", rig.now_ms))
    assert [one["status"] for one in _orders(heard(rig, session))] == [4]


def test_changed_order_is_told_with_its_new_terms(rig, session):
    order_id = rig.placed()
    heard(rig, session)
    rig.modify(order_id, size=4, limitPrice=5980)
    (order,) = _orders(heard(rig, session))
    assert (order["id"], order["status"], order["size"], order["limitPrice"]) == (order_id, 1, 4, 5980)


def test_bracket_is_told_from_suspension_to_the_end_of_its_peer(rig, session):
    entry = rig.placed(stopLossBracket={"ticks": -20, "type": 4}, takeProfitBracket={"ticks": 40, "type": 1})
    assert [(one["status"], one["parentOrderId"]) for one in _orders(heard(rig, session))] == [
        *((6, None), (1, None), (8, entry), (8, entry))
    ]
    rig.fill(entry, "5990")
    assert [(one["status"], one["type"]) for one in _orders(heard(rig, session))] == [(2, 1), (1, 4), (1, 1)]
    rig.rest("BUY", 1, "6000")
    assert [(one["status"], one["type"]) for one in _orders(heard(rig, session))] == [(2, 1), (7, 4), (3, 4)]


def test_removed_children_are_told_with_their_action(rig, session):
    entry = rig.placed(stopLossBracket={"ticks": -20, "type": 4})
    heard(rig, session)
    rig.cancel(entry)
    told = [one["arguments"][0] for one in heard(rig, session) if one["target"] == "GatewayUserOrder"]
    assert [(one["action"], one["data"]["status"]) for one in told] == [(1, 7), (1, 3), (2, 3)]


def test_money_that_moves_is_told_to_who_asked_for_accounts(rig, session):
    rig.publish(rig.engine.deposit("alice", "USD", Decimal(500), rig.now_ms))
    (event,) = heard(rig, session)
    assert event["arguments"][0]["balance"] == 10_000_500
    assert (event["target"], event["arguments"][0]["id"]) == ("GatewayUserAccount", rig.account)


@pytest.mark.parametrize("wrapped", [True, False])
def test_orders_come_wrapped_or_flat_as_told_and_the_rest_flat(rig, session, wrapped):
    rig.dialect.writer.wrapped = wrapped
    rig.fill(rig.placed(), "5990")
    told = heard(rig, session)
    orders = [one["arguments"][0] for one in told if one["target"] == "GatewayUserOrder"]
    assert {"data" in one for one in orders} == {wrapped}
    assert {"data" in one["arguments"][0] for one in told if one["target"] != "GatewayUserOrder"} == {False}


def test_orders_come_wrapped_at_times_when_nothing_is_told(rig, session):
    rig.dialect.writer.wrapped = None
    for _ in range(20):
        rig.placed()
    orders = [one["arguments"][0] for one in heard(rig, session) if one["target"] == "GatewayUserOrder"]
    assert {"data" in one for one in orders} == {True, False}


def test_what_happened_unheard_is_not_told_later(rig):
    events = rig.engine.deposit("alice", "USD", Decimal(500), rig.now_ms)
    entry = rig.placed(stopLossBracket={"ticks": -20, "type": 4})
    known = rig.engine.execute(entry // 2, Decimal(5990), Decimal(1), rig.now_ms)
    rig.dialect.observe(known)
    # Nobody is connected, so nobody asks for frames; later ones begin afresh.
    rig.dialect.observe(events)
    assert [frame.channel for frame in rig.dialect.frames(events, rig.now_ms)] == ["Accounts"]


def _orders(told):
    return [one["arguments"][0]["data"] for one in told if one["target"] == "GatewayUserOrder"]
