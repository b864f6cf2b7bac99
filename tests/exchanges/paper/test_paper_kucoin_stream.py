"""KuCoin's private socket at the dialect: token, welcome, ack, ping and pong, and the order of the messages."""

import json
from urllib.parse import quote, urlencode

import pytest
import requests
import websocket

from exchanges.paper.client import PaperProcess
from exchanges.paper.model import PaperStatus
from messages.fills import Liquidity
from tests.exchanges.paper.paper_kucoin_kit import HF, START_MS, Bench, D, kinds

ORDERS = "/spotMarket/tradeOrdersV2"
STOPS = "/spotMarket/advancedOrders"
BALANCES = "/account/balance"
NANOSECONDS = 1_000_000


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def session(bench):
    return bench.connect()


def say(session, now_ms=START_MS, **fields):
    replies = session.receive(json.dumps(fields).encode(), now_ms)
    assert not any(one.closes for one in replies)
    return [json.loads(one.payload) for one in replies]


def subscribe(session, topic=ORDERS, **changes):
    fields = {"id": "1", "type": "subscribe", "topic": topic, "privateChannel": True, "response": True}
    return say(session, **(fields | changes))


def told(bench, session):
    """What a connection gets of all frames so far."""
    wanted = [frame for frame in bench.frames if session.wants(frame)]
    return [json.loads(session.wrap(frame, START_MS).payload) for frame in wanted]


# ----- connecting


def test_token_is_issued_with_the_server_to_connect_to(bench):
    data = bench.token()
    (server,) = data["instanceServers"]
    assert server["endpoint"] == "ws://127.0.0.1:9999/"
    assert (server["pingInterval"], server["pingTimeout"], server["protocol"]) == (18_000, 10_000, "websocket")
    assert quote(data["token"], safe="") != data["token"]


def test_token_needs_a_signed_request(bench):
    assert bench.send(bench.request("POST", "/api/v1/bullet-private", kc_api_sign="x"))["code"] == "400005"


def test_connection_is_welcomed_under_its_own_id(bench):
    (welcome,) = bench.connect("my-connection").opened(START_MS)
    assert json.loads(welcome.payload) == {"id": "my-connection", "type": "welcome"}


def opens(bench, token, now_ms=START_MS):
    return bench.dialect.open_session(urlencode({"token": token}).encode(), {}, now_ms) != 401


def test_token_opens_one_connection_only(bench):
    token = bench.token()["token"]
    assert opens(bench, token)
    assert not opens(bench, token)


def test_token_that_is_unknown_expired_or_not_encoded_opens_nothing(bench):
    day_ms = 86_400_000
    assert not opens(bench, "made-up")
    assert bench.dialect.open_session(b"", {}, START_MS) == 401
    assert opens(bench, bench.token()["token"], START_MS + day_ms - 1)
    assert not opens(bench, bench.token()["token"], START_MS + day_ms)
    raw = b"token=" + bench.token()["token"].encode()
    assert bench.dialect.open_session(raw, {}, START_MS) == 401


def test_tokens_that_are_let_expire_open_nothing_but_leave_connections(bench, session):
    token = bench.token()["token"]
    bench.dialect.expire_tokens()
    assert not opens(bench, token)
    assert subscribe(session) == [{"id": "1", "type": "ack"}]
    assert opens(bench, bench.token()["token"])


# ----- speaking


@pytest.mark.parametrize("topic", [ORDERS, STOPS, BALANCES])
def test_subscription_is_acknowledged_and_leads_to_its_topic_alone(bench, session, topic):
    assert session.accounts() == ()
    assert subscribe(session, topic, id="77") == [{"id": "77", "type": "ack"}]
    assert session.accounts() == ("alice",)
    bench.rest()
    bench.stop()
    bench.delete(f"{HF}/cancelAll")
    assert {one["topic"] for one in told(bench, session)} == {topic}


def test_subscription_without_response_is_not_acknowledged(session):
    assert subscribe(session, response=False) == []
    assert session.accounts() == ("alice",)


@pytest.mark.parametrize(
    "changes",
    [{"topic": "/spotMarket/nothing"}, {"topic": None}, {"privateChannel": False}, {"type": "openTunnel"}],
)
def test_subscription_that_cannot_be_is_answered_with_an_error(session, changes):
    (reply,) = subscribe(session, **changes)
    assert (reply["id"], reply["type"]) == ("1", "error")
    assert reply["code"]
    assert reply["data"]
    assert session.accounts() == ()


def test_topic_that_is_unsubscribed_leads_to_nothing(bench, session):
    subscribe(session)
    assert subscribe(session, type="unsubscribe") == [{"id": "1", "type": "ack"}]
    bench.rest()
    assert told(bench, session) == []
    assert session.accounts() == ()


@pytest.mark.parametrize("message", [b"{", b"[]", b"\xff\x00"])
def test_message_that_is_no_object_is_answered_with_an_error(session, message):
    (reply,) = session.receive(message, START_MS)
    assert json.loads(reply.payload)["type"] == "error"


def test_ping_is_answered_with_its_id(session):
    assert say(session, id="42", type="ping") == [{"id": "42", "type": "pong"}]


def test_connection_that_sends_no_ping_is_closed(session):
    subscribe(session)
    assert session.tick(START_MS + 27_999) == ()
    say(session, START_MS + 18_000, id="2", type="ping")
    assert session.tick(START_MS + 28_000) == ()
    (end,) = session.tick(START_MS + 46_000)
    assert (end.closes, end.payload) == (True, b"")


def test_connection_whose_token_ends_is_told_and_closed(session):
    subscribe(session)
    (notice,) = session.terminate("alice", START_MS)
    assert notice.closes
    assert json.loads(notice.payload)["type"] == "error"
    assert session.accounts() == ()


def test_server_that_goes_away_says_nothing(session):
    assert session.shutdown_notice(START_MS) == ()


# ----- orders


def test_order_that_rests_is_received_and_then_open(bench):
    order_id = bench.rest(clientOid="mine")
    received, opened = bench.messages()
    sequence = received["ts"] - START_MS * NANOSECONDS
    assert 0 <= sequence < NANOSECONDS
    assert received == {
        "clientOid": "mine",
        "orderId": order_id,
        "orderTime": START_MS,
        "orderType": "limit",
        "originSize": "0.01",
        "price": "50000",
        "side": "buy",
        "status": "new",
        "symbol": "BTC-USDT",
        "ts": received["ts"],
        "type": "received",
    }
    more = {"type": "open", "status": "open", "size": "0.01", "filledSize": "0", "remainSize": "0.01"}
    assert opened == received | more | {"canceledSize": "0", "ts": opened["ts"]}


def test_message_of_an_order_has_the_envelope_of_a_private_topic(bench, session):
    subscribe(session)
    bench.rest()
    first = told(bench, session)[0]
    assert (first["topic"], first["type"], first["subject"], first["channelType"]) == (
        ORDERS,
        "message",
        "orderChange",
        "private",
    )
    assert first["userId"]


def test_taker_matches_before_it_is_open_and_is_told_its_cost_without_a_fee(bench):
    bench.bob("SELL", "0.004", "49000")
    bench.rest(clientOid="mine")
    messages = bench.messages()
    assert kinds(messages) == [("received", "new"), ("match", "match"), ("open", "open")]
    match, opened = messages[1:]
    (execution,) = bench.engine.executions_of("alice", "BTC-USDT")
    wanted = {
        "liquidity": "taker",
        "feeType": "takerFee",
        "matchPrice": "49000",
        "matchSize": "0.004",
        "tradeId": bench.dialect.fill_id(execution),
        "filledSize": "0.004",
        "remainSize": "0.006",
        "originSize": "0.01",
        "size": "0.01",
        "canceledSize": "0",
        "clientOid": "mine",
    }
    assert {name: match[name] for name in wanted} == wanted
    assert "fee" not in match
    assert (opened["filledSize"], opened["remainSize"]) == ("0.004", "0.006")


def test_maker_is_matched_at_rest_and_filled(bench):
    bench.rest()
    bench.messages()
    bench.bob("SELL", "0.004", "50000")
    bench.bob("SELL", "0.006", "50000")
    messages = bench.messages()
    assert kinds(messages) == [("match", "open"), ("match", "open"), ("filled", "done")]
    assert [one["feeType"] for one in messages[:2]] == ["makerFee", "makerFee"]
    filled = messages[-1]
    assert (filled["filledSize"], filled["remainSize"], filled["canceledSize"]) == ("0.01", "0", "0")
    assert "matchPrice" not in filled


def test_taker_that_fills_at_once_is_never_open(bench):
    bench.bob("SELL", "0.004", "49000")
    bench.bob("SELL", "0.006", "50000")
    bench.rest()
    assert kinds(bench.messages()) == [("received", "new"), ("match", "match"), ("match", "match"), ("filled", "done")]


def test_order_that_rests_and_is_matched_in_one_instant_is_open_in_between(bench):
    bench.bob("SELL", "0.001", "50000")
    events = list(bench.dialect.answer(*_placing(bench)).events)
    (order,) = bench.engine.open_orders("alice")
    events += bench.engine.execute(order.order_id, D(50000), order.remaining, bench.now_ms, liquidity=Liquidity.MAKER)
    bench.happened(tuple(events))
    assert kinds(bench.messages()) == [
        ("received", "new"),
        ("match", "match"),
        ("open", "open"),
        ("match", "open"),
        ("filled", "done"),
    ]


def _placing(bench):
    return bench.request("POST", HF, bench.terms()), bench.now_ms, bench.visibility.lens(bench.now_ms)


@pytest.mark.parametrize("time_in_force", ["IOC", "FOK"])
def test_order_that_finds_nothing_at_once_is_cancelled_without_being_open(bench, time_in_force):
    bench.rest(timeInForce=time_in_force)
    messages = bench.messages()
    assert kinds(messages) == [("received", "new"), ("canceled", "done")]
    assert (messages[-1]["canceledSize"], messages[-1]["remainSize"]) == ("0.01", "0")


def test_crossing_post_only_order_is_received_and_cancelled(bench):
    bench.bob("SELL", "1", "50000")
    bench.rest(postOnly=True)
    assert kinds(bench.messages()) == [("received", "new"), ("canceled", "done")]


def test_cancelled_order_tells_what_was_filled_and_what_was_taken_out(bench):
    order_id = bench.rest()
    bench.bob("SELL", "0.004", "50000")
    bench.messages()
    bench.delete(f"{HF}/{order_id}", symbol="BTC-USDT")
    (ended,) = bench.messages()
    amounts = ("type", "status", "filledSize", "remainSize", "canceledSize", "originSize", "size")
    assert [ended[name] for name in amounts] == ["canceled", "done", "0.004", "0", "0.006", "0.01", "0.01"]


def test_partial_cancel_is_an_update_with_the_old_size(bench):
    order_id = bench.rest(size="0.1")
    bench.messages()
    bench.delete(f"{HF}/cancel/{order_id}", symbol="BTC-USDT", cancelSize="0.04")
    (update,) = bench.messages()
    wanted = {
        "type": "update",
        "status": "open",
        "oldSize": "0.1",
        "size": "0.06",
        "remainSize": "0.06",
        "filledSize": "0",
        "canceledSize": "0.04",
        "originSize": "0.1",
    }
    assert {name: update[name] for name in wanted} == wanted
    bench.delete(f"{HF}/cancel/{order_id}", symbol="BTC-USDT", cancelSize="0.01")
    (update,) = bench.messages()
    assert (update["oldSize"], update["size"], update["canceledSize"]) == ("0.06", "0.05", "0.05")


@pytest.mark.parametrize(("filled", "kind"), [(True, "update"), (False, "canceled")])
def test_maker_that_would_meet_its_own_account_ends(bench, filled, kind):
    bench.rest()
    if filled:
        bench.bob("SELL", "0.004", "50000")
    bench.messages()
    bench.rest(side="sell", price="50000", timeInForce="IOC")
    ended = next(one for one in bench.messages() if one["side"] == "buy")
    assert (ended["type"], ended["status"]) == (kind, "done")


def test_altered_order_ends_and_another_begins_under_the_same_client_oid(bench):
    order_id = bench.rest(clientOid="mine")
    bench.messages()
    new_id = bench.data(bench.post(f"{HF}/alter", symbol="BTC-USDT", orderId=order_id, newPrice="49000"))["newOrderId"]
    messages = bench.messages()
    assert kinds(messages) == [("canceled", "done"), ("received", "new"), ("open", "open")]
    assert [one["orderId"] for one in messages] == [order_id, new_id, new_id]
    assert {one["clientOid"] for one in messages} == {"mine"}


@pytest.mark.parametrize("status", [PaperStatus.CANCELLED, PaperStatus.EXPIRED, PaperStatus.REJECTED])
def test_order_that_the_venue_ends_is_cancelled(bench, status):
    bench.rest()
    bench.messages()
    (order,) = bench.engine.open_orders("alice")
    bench.happened(bench.engine.end(order.order_id, status, bench.now_ms))
    assert kinds(bench.messages()) == [("canceled", "done")]


def test_market_order_by_funds_tells_funds_in_place_of_sizes(bench):
    bench.bob("SELL", "1", "60000")
    bench.rest(type="market", price=None, size=None, funds="100")
    received, match, filled = bench.messages()
    assert (received["originFunds"], match["matchSize"], filled["status"]) == ("100", "0.00166", "done")
    assert (filled["canceledFunds"], filled["remainFunds"], filled["filledSize"]) == ("0.4", "0", "0.00166")
    assert not {"price", "originSize", "size", "remainSize", "canceledSize"} & filled.keys()


def test_messages_of_one_millisecond_have_times_that_rise(bench):
    bench.bob("SELL", "0.004", "50000")
    bench.rest()
    stamps = [one["ts"] for one in bench.messages()[:2]]
    assert stamps[0] < stamps[1]
    assert {stamp // NANOSECONDS for stamp in stamps} == {START_MS}


# ----- balances


def test_balance_tells_what_is_held_and_by_how_much_it_changed(bench):
    bench.rest()
    (balance,) = bench.messages(BALANCES)
    wanted = {
        "currency": "USDT",
        "total": "1000000",
        "available": "999500",
        "hold": "500",
        "availableChange": "-500",
        "holdChange": "500",
        "relationEvent": "trade.hold",
        "time": str(START_MS),
    }
    assert {name: balance[name] for name in wanted} == wanted
    assert balance["relationContext"]["symbol"] == "BTC-USDT"
    (account,) = (one for one in bench.data(bench.get("/api/v1/accounts")) if one["currency"] == "USDT")
    assert balance["accountId"] == account["id"]


def test_balances_after_a_trade_name_it(bench):
    order_id = bench.rest()
    bench.messages()
    bench.bob("SELL", "0.01", "50000")
    balances = {one["currency"]: one for one in bench.messages(BALANCES)}
    assert set(balances) == {"BTC", "USDT"}
    (execution,) = bench.engine.executions_of("alice", "BTC-USDT")
    assert balances["BTC"]["availableChange"] == "0.01"
    assert balances["USDT"]["holdChange"] == "-500"
    assert balances["BTC"]["relationContext"] == {
        "symbol": "BTC-USDT",
        "orderId": order_id,
        "tradeId": bench.dialect.fill_id(execution),
    }


def test_deposit_is_told_as_a_balance(bench):
    bench.happened(bench.engine.deposit("alice", "ETH", D(5), bench.now_ms))
    (balance,) = bench.messages(BALANCES)
    assert (balance["currency"], balance["availableChange"], balance["relationContext"]) == ("ETH", "5", None)


# ----- over sockets


def test_private_stream_over_a_real_socket_is_found_by_the_endpoint_that_is_told():
    with PaperProcess(seed=3, venues=("kucoin",)) as process:
        venue = process.venues["kucoin"]
        bench = Bench()
        secrets = venue["credentials"]
        now_ms = requests.get(f"{venue['restUrl']}/api/v1/timestamp", timeout=10).json()["data"]
        bench.now_ms = now_ms
        headers = bench.request("POST", "/api/v1/bullet-private", keys=secrets).headers
        sent = {name: value for name, value in headers.items() if name != "host"}
        answer = requests.post(f"{venue['restUrl']}/api/v1/bullet-private", headers=sent, timeout=10).json()
        server = answer["data"]["instanceServers"][0]
        url = f"{server['endpoint']}?{urlencode({'token': answer['data']['token'], 'connectId': 'c9'})}"
        socket = websocket.create_connection(url, timeout=10)
        assert json.loads(socket.recv()) == {"id": "c9", "type": "welcome"}
        socket.close()
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            websocket.create_connection(url, timeout=10)
        assert refused.value.status_code == 401
