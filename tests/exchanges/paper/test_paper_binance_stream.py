"""The Binance user data stream over a real WebSocket: subscriptions, reports, balances."""

from decimal import Decimal

import pytest

from messages.types import Side


def code(reply):
    assert reply["status"] >= 400, reply
    return reply["error"]["code"]


def refused_subscription(user, **changes):
    stream = user.stream()
    parameters = stream.signed(user.credentials["apiKey"], user.hmac)
    reply = stream.ask("userDataStream.subscribe.signature", parameters | changes)
    stream.close()
    return code(reply)


# ----- connecting


def test_subscription_is_numbered_and_a_second_one_refused(user, stream):
    assert code(stream.subscribe()) == -2035
    listed = stream.ask("session.subscriptions")["result"]
    assert [one["subscriptionId"] for one in listed] == [0]


def test_subscription_with_a_wrong_signature_is_refused(user):
    assert refused_subscription(user, signature="0" * 64) == -1022


def test_subscription_with_an_unknown_key_is_refused(user):
    assert refused_subscription(user, apiKey="x" * 64) == -2015


def test_subscription_with_an_old_timestamp_is_refused(user):
    stream = user.stream()
    parameters = stream.signed(user.credentials["apiKey"], user.hmac, timestamp=1)
    assert code(stream.ask("userDataStream.subscribe.signature", parameters)) == -1021
    stream.close()


def test_logged_on_session_subscribes_without_a_signature(user, control):
    stream = user.stream()
    assert code(stream.ask("userDataStream.subscribe")) == -2015
    parameters = stream.signed(user.credentials["ed25519ApiKey"], user.ed25519)
    assert stream.ask("session.logon", parameters)["status"] == 200
    assert stream.ask("userDataStream.subscribe")["result"] == {"subscriptionId": 0}
    user.limit("heard")
    assert stream.event()["c"] == "heard"
    stream.close()


def test_log_on_with_a_shared_secret_is_refused(user):
    stream = user.stream()
    parameters = stream.signed(user.credentials["apiKey"], user.hmac)
    assert code(stream.ask("session.logon", parameters)) == -1022
    stream.close()


def test_unsubscribed_connection_hears_nothing_more(user, stream):
    assert stream.ask("userDataStream.unsubscribe")["status"] == 200
    assert code(stream.ask("userDataStream.unsubscribe")) == -2036
    user.limit("unheard")
    stream.subscribe()
    user.limit("heard")
    assert stream.event()["c"] == "heard"


@pytest.mark.parametrize("text", ["not json", "[]", '{"id":"1","method":"ping","params":[]}'])
def test_unreadable_request_is_refused_and_the_connection_stays(stream, text):
    stream.socket.send(text)
    assert code(stream.message()) == -1135
    assert stream.ask("ping")["result"] == {}


def test_retired_method_is_refused(stream):
    assert code(stream.ask("userDataStream.start", {"apiKey": "x"})) == -1020


def test_time_of_the_stream_is_the_venues(stream, control):
    control.set_clock_skew(-120_000)
    server_time = stream.ask("time")["result"]["serverTime"]
    assert abs(server_time - control.now_ms()) < 60_000


def test_connection_to_another_path_is_refused(user):
    with pytest.raises(Exception, match="403"):
        user.stream(path="/ws")


def test_ping_of_a_client_is_answered_with_its_payload(stream):
    stream.socket.ping("are you there")
    frame = stream.socket.recv_frame()
    assert frame.data == b"are you there"


# ----- reports


def test_new_order_report_has_the_documented_fields(user, stream):
    order_id = user.limit("new").json()["orderId"]
    report = stream.event()
    documented = {
        *("e", "E", "s", "c", "S", "o", "f", "q", "p", "P", "F", "g", "C", "x", "X", "r", "i", "l", "z", "L", "n"),
        *("N", "T", "t", "I", "w", "m", "M", "O", "Z", "Y", "Q", "W", "V"),
    }
    assert set(report) == documented
    assert (report["x"], report["X"], report["i"], report["C"], report["t"], report["w"]) == (
        "NEW",
        "NEW",
        order_id,
        "",
        -1,
        True,
    )
    assert (report["q"], report["p"], report["n"], report["N"]) == ("0.01000000", "50000.00000000", "0", None)


def test_fills_are_reported_one_by_one_with_running_sums(user, stream, control):
    order_id = user.limit("filling").json()["orderId"]
    control.execute(order_id, size=Decimal("0.004"))
    control.execute(order_id, size=Decimal("0.006"))
    _, first, second = stream.reports_until(lambda report: report["X"] == "FILLED")
    assert (first["x"], first["X"], first["l"], first["z"], first["Z"]) == (
        "TRADE",
        "PARTIALLY_FILLED",
        "0.00400000",
        "0.00400000",
        "200.00000000",
    )
    assert (first["n"], first["N"], first["m"]) == ("0.00000400", "BTC", True)
    assert (second["l"], second["z"], second["Z"], second["w"]) == (
        "0.00600000",
        "0.01000000",
        "500.00000000",
        False,
    )
    trades = user.call("GET", "myTrades", symbol="BTCUSDT", orderId=order_id).json()
    assert [trade["id"] for trade in trades] == [first["t"], second["t"]]


def test_cancel_report_moves_the_orders_id_to_the_other_field(user, stream):
    order_id = user.limit("the-order").json()["orderId"]
    user.call("DELETE", "order", symbol="BTCUSDT", orderId=order_id, newClientOrderId="the-cancel")
    report = stream.reports_until(lambda one: one["x"] == "CANCELED")[-1]
    assert (report["c"], report["C"], report["i"], report["X"]) == ("the-cancel", "the-order", order_id, "CANCELED")


def test_market_order_report_sequence_ends_expired_when_the_book_ran_out(user, stream, control, maker):
    control.place(maker, "m", symbol="ETH-USDT", side=Side.BUY, size=Decimal("0.5"), price=Decimal(1000))
    control.execute(user.limit("gives", symbol="ETHUSDT", quantity="1", price="1000").json()["orderId"])
    user.call("POST", "order", symbol="ETHUSDT", side="SELL", type="MARKET", quantity="0.8", newClientOrderId="mkt")
    reports = [r for r in stream.reports_until(lambda one: one["X"] == "EXPIRED") if r["c"] == "mkt"]
    assert [report["x"] for report in reports] == ["NEW", "TRADE", "EXPIRED"]
    assert (reports[-1]["z"], reports[-1]["eR"]) == ("0.50000000", "INSUFFICIENT_LIQUIDITY")


def test_self_trade_prevention_is_reported_on_the_resting_order(user, stream):
    user.limit("resting", side="SELL", price="70000")
    user.limit("taking", price="70000")
    report = stream.reports_until(lambda one: one["x"] == "TRADE_PREVENTION")[-1]
    assert (report["c"], report["X"], report["A"], report["pL"]) == (
        "resting",
        "EXPIRED_IN_MATCH",
        "0.01000000",
        "70000.00000000",
    )
    assert {"v", "B", "u", "U", "Cs", "pl", "pY"} <= set(report)
    assert user.query("resting").json()["status"] == "EXPIRED_IN_MATCH"


def test_amendment_is_reported_as_replaced_with_the_new_quantity(user, stream):
    order_id = user.limit("amended").json()["orderId"]
    user.call(
        "PUT",
        "order/amend/keepPriority",
        symbol="BTCUSDT",
        orderId=order_id,
        newQty="0.008",
        newClientOrderId="amended",
    )
    report = stream.reports_until(lambda one: one["x"] == "REPLACED")[-1]
    assert (report["q"], report["c"], report["C"], report["X"]) == ("0.00800000", "amended", "", "NEW")


def test_stop_order_is_reported_waiting_then_working(user, stream, control):
    user.call(
        *("POST", "order"),
        symbol="BTCUSDT",
        side="BUY",
        type="STOP_LOSS_LIMIT",
        quantity="0.01",
        price="80000",
        stopPrice="80000",
        timeInForce="GTC",
        newClientOrderId="stop",
    )
    waiting = stream.event()
    assert (waiting["w"], "W" in waiting, waiting["P"]) == (False, False, "80000.00000000")
    probe = user.limit("probe", price="80000", quantity="0.02").json()["orderId"]
    control.execute(probe)
    working = stream.reports_until(lambda one: one["c"] == "stop" and one["w"])[-1]
    assert (working["x"], "W" in working) == ("NEW", True)
    settle = user.limit("settle", price="60000", quantity="0.01").json()["orderId"]
    control.execute(settle)


def test_balances_follow_every_change_as_absolute_values(user, stream, control):
    order_id = user.limit("locks").json()["orderId"]
    locked = stream.event("outboundAccountPosition")
    assert locked["B"] == [{"a": "USDT", "f": "999500.00000000", "l": "500.00000000"}]
    control.execute(order_id)
    filled = {one["a"]: one for one in stream.event("outboundAccountPosition")["B"]}
    assert filled["USDT"]["l"] == "0.00000000"
    assert filled["BTC"]["f"] == "1000.00999000"


def test_stream_of_one_account_never_carries_anothers_events(user, stream, new_user):
    other = new_user()
    other.limit("theirs")
    user.limit("ours")
    assert stream.event()["c"] == "ours"


def test_every_connection_of_an_account_gets_every_event(user, stream):
    second = user.subscribe()
    user.limit("both")
    assert stream.event()["c"] == second.event()["c"] == "both"
    second.close()


def test_refused_placement_appears_on_no_stream(user, stream):
    user.limit("refused", quantity="150")
    user.limit("accepted")
    assert stream.event()["c"] == "accepted"
