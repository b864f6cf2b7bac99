"""The Binance dialect over a real socket: amending and replacing, prices, and what can go wrong with them."""

from decimal import Decimal

import pytest
import requests

from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages.types import Side

AMEND, REPLACE = RequestKind.AMEND, RequestKind.REPLACE


def once(fault, kind, **more):
    return FaultRule(fault=fault, kind=kind, count_max=1, **more)


def error(response, status=400):
    assert response.status_code == status, response.text
    body = response.json()
    return body["code"], body["msg"]


def amend(user, order_id, quantity="0.008", **more):
    return user.call(
        "PUT", "order/amend/keepPriority", **({"symbol": "BTCUSDT", "orderId": order_id, "newQty": quantity} | more)
    )


def replace(user, order_id, **more):
    terms = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "50001.00",
        "newClientOrderId": "new",
        "cancelReplaceMode": "STOP_ON_FAILURE",
        "cancelOrderId": order_id,
    }
    return user.call("POST", "order/cancelReplace", **(terms | more))


def halves(answer):
    body = answer.json()
    data = body.get("data", body)
    responses = (data["cancelResponse"], data["newOrderResponse"])
    codes = tuple(None if response is None else response.get("code") for response in responses)
    return data["cancelResult"], data["newOrderResult"], *codes


@pytest.fixture
def order_id(user):
    return user.limit("old").json()["orderId"]


@pytest.fixture
def open_ids(user, control):
    """Client order ids of the user's open orders."""

    def ids():
        return [order["clientOrderId"] for order in control.orders(account=user.credentials["account"], open=True)]

    return ids


# ----- amending


def test_amend_below_what_has_executed_ends_the_order(user, control, order_id):
    control.execute(order_id, size=Decimal("0.004"))
    amended = amend(user, order_id, "0.004").json()["amendedOrder"]
    assert (amended["status"], amended["executedQty"]) == ("EXPIRED", "0.00400000")
    assert user.query("old").json()["status"] == "EXPIRED"


def test_amend_that_ends_the_order_costs_no_weight_and_any_other_costs_four(user, control):
    def used(answer):
        return int(answer.headers["x-mbx-used-weight-1m"])

    order_id = user.limit("weighed").json()["orderId"]
    before = used(user.limit("free"))
    control.execute(order_id, size=Decimal("0.004"))
    working = used(amend(user, order_id, "0.008"))
    ended = used(amend(user, order_id, "0.003"))
    # The minute may have ended in between.
    assert working - before in (4, 4 - before)
    assert ended - working in (0, -working)


def test_amend_is_shown_by_look_up_and_list_with_its_time(user, order_id):
    body = amend(user, order_id, newClientOrderId="old").json()
    listed = user.call("GET", "openOrders", symbol="BTCUSDT").json()
    for shown in (user.query("old").json(), *listed):
        assert (shown["origQty"], shown["clientOrderId"], shown["orderId"]) == ("0.00800000", "old", order_id)
        assert shown["time"] <= body["transactTime"] == shown["updateTime"]


@pytest.mark.parametrize("given", [{"newClientOrderId": "old"}, {}])
def test_amend_is_told_to_the_stream_with_new_size_and_client_id(user, stream, order_id, given):
    assert stream.event()["x"] == "NEW"
    body = amend(user, order_id, **given).json()
    event = stream.event()
    assert (event["x"], event["X"], event["i"], event["q"]) == ("REPLACED", "NEW", order_id, "0.00800000")
    assert (event["c"], event["C"]) == (body["amendedOrder"]["clientOrderId"], "")
    assert (event["T"], event["I"]) == (body["transactTime"], body["executionId"])
    assert (event["t"], event["l"]) == (-1, "0.00000000")


def test_amend_of_a_stop_order_shows_its_stop_price(user):
    terms = {"symbol": "BTCUSDT", "side": "BUY", "type": "STOP_LOSS", "quantity": "0.01", "stopPrice": "500000"}
    order_id = user.call("POST", "order", **terms).json()["orderId"]
    amended = amend(user, order_id).json()["amendedOrder"]
    assert (amended["stopPrice"], amended["type"], amended["qty"]) == ("500000.00000000", "STOP_LOSS", "0.00800000")


def test_amend_keeps_the_place_in_the_queue_and_a_replacement_loses_it(user, new_user, control, maker):
    first = user.limit("first", price="51234.00").json()["orderId"]
    other = new_user()
    second = other.limit("second", price="51234.00").json()["orderId"]
    amend(user, first, newClientOrderId="first")
    control.place(maker, "hit-1", symbol="BTC-USDT", side=Side.SELL, size=Decimal("0.001"), price=Decimal(51234))
    assert [one["orderId"] for one in control.executions(account=user.credentials["account"])] == [first]
    replace(other, second, price="51234.00")
    amended_again = amend(user, first, "0.005", newClientOrderId="first")
    assert amended_again.status_code == 200
    control.place(maker, "hit-2", symbol="BTC-USDT", side=Side.SELL, size=Decimal("0.004"), price=Decimal(51234))
    assert control.executions(account=other.credentials["account"]) == []


def test_amend_more_often_than_the_filter_allows_is_refused(user, order_id):
    info = user.send("GET", "/api/v3/exchangeInfo", "symbol=BTCUSDT").json()["symbols"][0]
    (limit,) = [one for one in info["filters"] if one["filterType"] == "MAX_NUM_ORDER_AMENDS"]
    for count in range(limit["maxNumOrderAmends"]):
        assert amend(user, order_id, f"0.00{99 - count}").status_code == 200
    assert error(amend(user, order_id, "0.001")) == (-2038, "Filter failure: MAX_NUM_ORDER_AMENDS")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"newQty": "0"}, -1013),
        ({"newQty": "0.000001"}, -1013),
        ({"newQty": "x"}, -1100),
        ({"newQty": ""}, -1105),
        ({"newClientOrderId": "with.dot"}, -1100),
        ({"newClientOrderId": "taken"}, -2010),
        ({"price": "50000"}, -1104),
        ({"orderId": 987654321}, -2038),
    ],
)
def test_amend_with_a_wrong_parameter_is_refused_and_changes_nothing(user, order_id, changes, code):
    user.limit("taken", price="40000.00")
    assert error(amend(user, order_id, **changes))[0] == code
    shown = user.query("old").json()
    assert (shown["origQty"], shown["clientOrderId"]) == ("0.01000000", "old")


# ----- replacing


def test_replace_answers_each_half_as_a_call_of_its_own_would(user, order_id):
    body = replace(user, order_id, cancelNewClientOrderId="the-cancel", newOrderRespType="FULL").json()
    cancelled, placed = body["cancelResponse"], body["newOrderResponse"]
    assert (cancelled["origClientOrderId"], cancelled["clientOrderId"], cancelled["status"]) == (
        "old",
        "the-cancel",
        "CANCELED",
    )
    assert (placed["clientOrderId"], placed["status"], placed["fills"]) == ("new", "NEW", [])
    assert placed["orderId"] > order_id == cancelled["orderId"]


def test_replace_restricted_to_new_orders_leaves_a_partly_executed_one(user, control, order_id, open_ids):
    control.execute(order_id, size=Decimal("0.004"))
    answer = replace(user, order_id, cancelRestrictions="ONLY_NEW")
    assert error(answer)[0] == -2022
    assert halves(answer) == ("FAILURE", "NOT_ATTEMPTED", -2011, None)
    assert "cancel restrictions" in answer.json()["data"]["cancelResponse"]["msg"]
    assert open_ids() == ["old"]
    assert replace(user, order_id, cancelRestrictions="ONLY_PARTIALLY_FILLED").status_code == 200
    assert open_ids() == ["new"]


def test_replace_restricted_to_partly_executed_orders_leaves_a_new_one(user, order_id, open_ids):
    assert halves(replace(user, order_id, cancelRestrictions="ONLY_PARTIALLY_FILLED"))[0] == "FAILURE"
    assert open_ids() == ["old"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"cancelRestrictions": "ONLY_OLD"}, -1145),
        ({"cancelReplaceMode": "MAYBE"}, -1100),
        ({"cancelReplaceMode": ""}, -1105),
        ({"orderRateLimitExceededMode": "MAYBE"}, -1100),
        ({"quantity": "0.000001"}, -1013),
        ({"price": "50000.001"}, -1013),
        ({"newClientOrderId": "with.dot"}, -1100),
        ({"timeInForce": "GTT"}, -1115),
    ],
)
def test_replace_with_a_wrong_parameter_is_refused_as_a_whole(user, order_id, open_ids, changes, code):
    answer = replace(user, order_id, **changes)
    assert error(answer)[0] == code
    assert "data" not in answer.json()
    assert open_ids() == ["old"]


def test_replace_that_names_no_order_is_refused(user):
    code, text = error(replace(user, "", cancelOrigClientOrderId=""))
    assert code == -1105
    terms = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
    code, text = error(user.call("POST", "order/cancelReplace", cancelReplaceMode="STOP_ON_FAILURE", **terms))
    assert (code, "cancelOrderId" in text) == (-1102, True)


def test_replace_allowing_failure_of_which_both_halves_fail_did_nothing(user, open_ids):
    answer = replace(user, 987654321, cancelReplaceMode="ALLOW_FAILURE", quantity="150")
    assert error(answer)[0] == -2022
    assert halves(answer) == ("FAILURE", "FAILURE", -2011, -2010)
    assert open_ids() == []


def test_replace_may_take_the_client_id_of_the_order_that_it_cancels(user, order_id, open_ids):
    assert replace(user, order_id, newClientOrderId="old").status_code == 200
    assert open_ids() == ["old"]


def order_count(user):
    (counted, _) = user.call("GET", "rateLimit/order").json()
    return counted["count"]


@pytest.fixture
def full_window(user, control):
    """Use up the orders of a window of ten seconds which has just begun; returns the parameters that requests need."""
    control.set_clock_skew(10_000 - control.now_ms() % 10_000)
    late = {"recvWindow": 60_000}
    order_id = user.limit("old", **late).json()["orderId"]
    for number in range(99):
        assert user.limit(f"many-{number}", price="20000.00", **late).status_code == 200
    control.enforce_limits(enabled=True)
    assert error(user.limit("one-more", **late), 429)[0] == -1015
    return order_id, late


def test_replace_counts_as_an_order_whether_or_not_the_new_one_is_tried(user, control):
    control.set_clock_skew(10_000 - control.now_ms() % 10_000)
    late = {"recvWindow": 60_000}
    order_id = user.limit("old", **late).json()["orderId"]
    counts = [
        replace(user, cancelled, newClientOrderId=new, **late).headers["x-mbx-order-count-10s"]
        for cancelled, new in ((order_id, "new-1"), (order_id, "new-2"))
    ]
    assert counts == ["2", "3"]
    assert amend(user, order_id, **late).headers.get("x-mbx-order-count-10s") is None


@pytest.mark.parametrize("mode", ["STOP_ON_FAILURE", "ALLOW_FAILURE"])
def test_replace_over_the_order_limit_does_nothing_by_default(user, full_window, open_ids, mode):
    order_id, late = full_window
    answer = replace(user, order_id, cancelReplaceMode=mode, **late)
    assert error(answer, 429)[0] == -1015
    assert "data" not in answer.json()
    assert "old" in open_ids()


def test_replace_over_the_order_limit_cancels_when_told_so(user, full_window, open_ids):
    order_id, late = full_window
    only = {"orderRateLimitExceededMode": "CANCEL_ONLY"} | late
    answer = replace(user, order_id, **only)
    assert error(answer, 429)[0] == -2021
    assert halves(answer) == ("SUCCESS", "FAILURE", None, -1015)
    again = replace(user, order_id, **only)
    assert error(again, 429)[0] == -2022
    assert halves(again) == ("FAILURE", "NOT_ATTEMPTED", -2011, None)
    allowed = {"cancelReplaceMode": "ALLOW_FAILURE"} | only
    assert error(replace(user, order_id, **allowed))[0] == -2022
    assert error(replace(user, order_id + 1, **allowed), 409)[0] == -2021
    assert not {"old", "new", "many-0"} & set(open_ids())


# ----- the price


def test_price_is_that_of_the_last_trade(user, control, maker):
    control.place(maker, "ask", symbol="ETH-USDT", side=Side.SELL, size=Decimal(1), price=Decimal("2901.5"))
    assert user.limit("taker", symbol="ETHUSDT", quantity="0.5", price="2901.50").json()["status"] == "FILLED"
    shown = user.send("GET", "/api/v3/ticker/price", "symbol=ETHUSDT").json()
    assert shown == {"symbol": "ETHUSDT", "price": "2901.50000000"}
    every = user.send("GET", "/api/v3/ticker/price", "").json()
    assert shown in every
    assert len(every) == len(user.send("GET", "/api/v3/exchangeInfo", "").json()["symbols"])


def test_price_of_one_symbol_weighs_less_than_those_of_all(user):
    def used(query):
        return int(user.send("GET", "/api/v3/ticker/price", query).headers["x-mbx-used-weight-1m"])

    first, one, every = used("symbol=BTCUSDT"), used("symbol=BTCUSDT"), used("")
    # The minute may have ended in between.
    assert one - first in (2, 2 - first)
    assert every - one in (4, 4 - one)


def test_price_of_a_symbol_that_is_not_listed_is_refused(user):
    assert error(user.send("GET", "/api/v3/ticker/price", "symbol=NOPE")) == (-1121, "Invalid symbol.")


# ----- faults


def change(user, kind, order_id, **more):
    return amend(user, order_id, newClientOrderId="old", **more) if kind is AMEND else replace(user, order_id, **more)


def changed(user, kind):
    answer = user.query("old" if kind is AMEND else "new").json()
    return answer.get("origQty") == ("0.00800000" if kind is AMEND else "0.01000000")


@pytest.mark.parametrize("kind", [AMEND, REPLACE])
@pytest.mark.parametrize(
    ("fault", "done"),
    [
        (Fault.BREAK_BEFORE, False),
        (Fault.BREAK_AFTER, True),
        (Fault.BREAK_MID_BODY, True),
    ],
)
def test_change_whose_connection_breaks_was_made_or_not(user, control, order_id, kind, fault, done):
    control.set_faults(once(fault, kind))
    with pytest.raises(requests.RequestException):
        change(user, kind, order_id)
    assert changed(user, kind) is done
    assert control.summary()["faults"] == {fault.value: 1}


@pytest.mark.parametrize("kind", [AMEND, REPLACE])
@pytest.mark.parametrize(
    ("fault", "status", "done"),
    [
        (Fault.ERROR_BEFORE, 503, False),
        (Fault.ERROR_AFTER, 503, True),
        (Fault.UNKNOWN_OUTCOME, 503, True),
        (Fault.MALFORMED_BODY, 200, True),
        (Fault.RATE_LIMIT, 429, False),
        (Fault.ANSWER_LATE, 200, True),
        (Fault.PROCESS_LATE, 200, True),
        (Fault.WRONG_CLOCK, 400, False),
    ],
)
def test_change_answered_wrongly_was_made_or_not(user, control, order_id, kind, fault, status, done):
    late = fault in (Fault.ANSWER_LATE, Fault.PROCESS_LATE)
    control.set_faults(once(fault, kind, amount_ms=20 if late else None))
    assert change(user, kind, order_id).status_code == status
    assert changed(user, kind) is done


def test_amend_delivered_twice_changes_nothing_the_second_time(user, control, order_id):
    control.set_faults(once(Fault.DELIVER_TWICE, AMEND))
    assert error(amend(user, order_id)) == (-2038, "The requested action would change no state; rejecting")
    request = control.last_requests(1)[0]
    assert (request["kind"], set(request["client_order_ids"])) == ("amend", {"old"})
    assert (request["processed"], request["faults"], request["status"]) == (2, ["deliver_twice"], 400)


def test_replace_delivered_twice_places_once(user, control, order_id, open_ids):
    control.set_faults(once(Fault.DELIVER_TWICE, REPLACE))
    answer = replace(user, order_id)
    assert error(answer)[0] == -2022
    assert halves(answer) == ("FAILURE", "NOT_ATTEMPTED", -2011, None)
    assert open_ids() == ["new"]
    (request,) = control.placement_requests("new")[-1:]
    assert (request["kind"], request["processed"]) == ("replace", 2)


def test_replace_is_logged_as_a_placement_of_the_new_order_only(user, control):
    order_id = user.limit("logged-old").json()["orderId"]
    replace(user, order_id, newClientOrderId="logged-new")
    assert len(control.placement_requests("logged-old")) == 1
    assert [one["kind"] for one in control.placement_requests("logged-new")] == ["replace"]
    assert "logged-old" not in control.summary()["repeatedPlacements"]


def test_new_half_that_fails_leaves_no_order_and_the_market_open(user, control, order_id, open_ids):
    control.set_faults(once(Fault.NEW_HALF_FAILS, REPLACE))
    answer = replace(user, order_id)
    assert error(answer, 409)[0] == -2021
    assert halves(answer) == ("SUCCESS", "FAILURE", None, -2010)
    assert open_ids() == []
    assert control.summary()["faults"] == {"new_half_fails": 1}
    assert user.limit("after").status_code == 200


def test_new_half_of_a_replace_whose_cancel_fails_is_not_counted_as_failed(user, control):
    control.set_faults(once(Fault.NEW_HALF_FAILS, REPLACE))
    assert error(replace(user, 987654321))[0] == -2022
    assert control.summary()["faults"] == {}


@pytest.mark.parametrize("kind", [AMEND, REPLACE])
def test_order_that_executes_just_before_its_change_is_gone(user, control, order_id, kind):
    control.set_faults(once(Fault.FILL_DURING_CANCEL, kind))
    assert error(change(user, kind, order_id))[0] == (-2038 if kind is AMEND else -2022)
    assert user.query("old").json()["status"] == "FILLED"


@pytest.mark.parametrize("kind", [AMEND, REPLACE])
def test_order_that_executes_in_part_just_before_its_change_is_changed_as_it_is(user, control, order_id, kind):
    control.set_faults(once(Fault.PARTIAL_FILL_DURING_CANCEL, kind))
    answer = change(user, kind, order_id)
    body = answer.json()["amendedOrder" if kind is AMEND else "cancelResponse"]
    assert (answer.status_code, body["executedQty"]) == (200, "0.00500000")
