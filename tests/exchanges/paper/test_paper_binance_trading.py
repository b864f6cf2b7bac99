"""The Binance dialect over a real socket: placing, cancelling, amending, replacing."""

import time
from decimal import Decimal

import pytest

from messages.types import Side


def error(response, status=400):
    assert response.status_code == status, response.text
    body = response.json()
    return body["code"], body["msg"]


# ----- placing


def test_limit_order_answers_in_full_with_the_documented_fields(user):
    body = user.limit("full-1").json()
    assert set(body) == {
        "symbol",
        "orderId",
        "orderListId",
        "clientOrderId",
        "transactTime",
        "price",
        "origQty",
        "executedQty",
        "origQuoteOrderQty",
        "cummulativeQuoteQty",
        "status",
        "timeInForce",
        "type",
        "side",
        "workingTime",
        "selfTradePreventionMode",
        "fills",
    }
    assert (body["price"], body["origQty"], body["status"], body["fills"]) == (
        "50000.00000000",
        "0.01000000",
        "NEW",
        [],
    )


def test_order_that_trades_answers_with_its_fills(user, control, maker):
    control.place(maker, "m", symbol="BTC-USDT", side=Side.SELL, size=Decimal("0.004"), price=Decimal(55000))
    body = user.limit("taker", price="55000").json()
    assert (body["status"], body["executedQty"], body["cummulativeQuoteQty"]) == (
        "PARTIALLY_FILLED",
        "0.00400000",
        "220.00000000",
    )
    (fill,) = body["fills"]
    assert fill.pop("tradeId") > 0
    assert fill == {
        "price": "55000.00000000",
        "qty": "0.00400000",
        "commission": "0.00000400",
        "commissionAsset": "BTC",
    }


@pytest.mark.parametrize(
    ("kind", "terms", "fields"),
    [
        ("LIMIT_MAKER", {"quantity": "0.01", "price": "50000"}, 5),
        ("STOP_LOSS", {"quantity": "0.01", "stopPrice": "500000"}, 5),
        ("STOP_LOSS_LIMIT", {"quantity": "0.01", "price": "500000", "stopPrice": "500000", "timeInForce": "GTC"}, 5),
        ("TAKE_PROFIT", {"quantity": "0.01", "stopPrice": "500"}, 5),
    ],
)
def test_order_types_other_than_limit_and_market_acknowledge_only(user, kind, terms, fields):
    answer = user.call("POST", "order", symbol="BTCUSDT", side="BUY", type=kind, **terms)
    assert len(answer.json()) == fields, answer.text
    assert user.call("DELETE", "openOrders", symbol="BTCUSDT").json()[0]["type"] == kind


def test_response_type_asked_for_is_given(user):
    assert "status" not in user.limit("r1", newOrderRespType="ACK").json()
    result = user.limit("r2", newOrderRespType="RESULT").json()
    assert (result["status"], "fills" in result) == ("NEW", False)


def test_market_order_by_quote_reports_what_it_could_spend(user, control, maker):
    control.place(maker, "m", symbol="ETH-USDT", side=Side.SELL, size=Decimal(1), price=Decimal(2000))
    body = user.call("POST", "order", symbol="ETHUSDT", side="BUY", type="MARKET", quoteOrderQty="100.1").json()
    assert (body["status"], body["price"], body["executedQty"]) == ("FILLED", "0.00000000", "0.05000000")
    assert body["origQuoteOrderQty"] == "100.10000000"
    control.cancel(control.orders(account=maker)[0]["orderId"])


def test_market_order_on_an_empty_book_expires(user):
    body = user.call("POST", "order", symbol="BTCUSD", side="SELL", type="MARKET", quantity="0.1").json()
    assert (body["status"], body["expiryReason"]) == ("EXPIRED", "INSUFFICIENT_LIQUIDITY")


def test_duplicate_open_client_id_is_refused_and_free_again_after_the_end(user, control):
    assert user.limit("twice").status_code == 200
    assert error(user.limit("twice")) == (-2010, "Duplicate order sent.")
    user.call("DELETE", "order", symbol="BTCUSDT", origClientOrderId="twice")
    assert user.limit("twice").status_code == 200
    duplicates = [one for one in control.summary()["duplicates"] if one["account"] == user.credentials["account"]]
    assert [one["clientOrderId"] for one in duplicates] == ["twice"]


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"type": "WISH"}, -1116, "Invalid orderType."),
        ({"timeInForce": "GTT"}, -1115, "Invalid timeInForce."),
        ({"quantity": "1E-2"}, -1100, "quantity"),
        ({"quantity": "0.000000001"}, -1111, "too much precision"),
        ({"quantity": "0.000001"}, -1013, "LOT_SIZE"),
        ({"price": "50000.001"}, -1013, "PRICE_FILTER"),
        ({"quantity": "0.00001"}, -1013, "NOTIONAL"),
        ({"quantity": "150"}, -2010, "Account has insufficient balance for requested action."),
        ({"quantity": ""}, -1105, "quantity"),
        ({"newClientOrderId": "with.dot"}, -1100, "newClientOrderId"),
        ({"newClientOrderId": "x" * 37}, -1100, "newClientOrderId"),
        ({"stopPrice": "1"}, -1106, "stopPrice"),
        ({"goodTillDate": "1"}, -1104, "was sent"),
        ({"newOrderRespType": "ALL"}, -1100, "newOrderRespType"),
    ],
)
def test_wrong_parameter_is_refused_with_its_code_and_places_nothing(user, control, changes, code, words):
    got, text = error(user.limit("wrong", **changes))
    assert got == code
    assert words in text
    assert control.orders(account=user.credentials["account"]) == []


@pytest.mark.parametrize("name", ["symbol", "side", "type", "timeInForce", "quantity", "price"])
def test_mandatory_parameter_missing_is_refused(user, name):
    shape = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    terms = shape | {"quantity": "1", "price": "50000"}
    del terms[name]
    code, text = error(user.call("POST", "order", **terms))
    assert code == -1102
    assert name in text


def test_parameter_sent_twice_is_refused(user):
    query = f"symbol=BTCUSDT&symbol=BTCUSDT&timestamp={int(time.time() * 1000)}"
    assert error(user.send("GET", "/api/v3/openOrders", f"{query}&signature={user.hmac(query)}"))[0] == -1101


def test_post_only_order_that_would_take_is_refused(user, control, maker):
    ask = control.place(maker, "m", symbol="BTC-USDT", side=Side.SELL, size=Decimal(1), price=Decimal(54000))
    terms = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.01", "price": "54000"}
    answer = user.call("POST", "order", **terms)
    assert error(answer) == (-2010, "Order would immediately match and take.")
    control.cancel(ask["orderId"])


def test_stop_on_the_wrong_side_is_refused(user):
    terms = {"symbol": "BTCUSDT", "side": "BUY", "type": "STOP_LOSS", "quantity": "0.01", "stopPrice": "500"}
    answer = user.call("POST", "order", **terms)
    assert error(answer) == (-2010, "Order would trigger immediately.")


def test_test_order_places_nothing(user, control):
    answer = user.call("POST", "order/test", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
    assert answer.json() == {}
    assert control.orders(account=user.credentials["account"]) == []


# ----- cancelling, amending, replacing


def test_cancel_swaps_the_ids_and_is_final(user):
    order_id = user.limit("to-cancel").json()["orderId"]
    body = user.call(
        "DELETE", "order", symbol="BTCUSDT", origClientOrderId="to-cancel", newClientOrderId="the-cancel"
    ).json()
    assert (body["origClientOrderId"], body["clientOrderId"], body["orderId"], body["status"]) == (
        "to-cancel",
        "the-cancel",
        order_id,
        "CANCELED",
    )
    assert user.query("to-cancel").json()["status"] == "CANCELED"
    again = user.call("DELETE", "order", symbol="BTCUSDT", orderId=order_id)
    assert error(again) == (-2011, "Unknown order sent.")


def test_cancel_of_an_order_that_never_existed_looks_like_one_that_is_gone(user):
    answer = user.call("DELETE", "order", symbol="BTCUSDT", origClientOrderId="never")
    assert error(answer) == (-2011, "Unknown order sent.")


def test_cancel_without_any_id_is_refused(user):
    assert error(user.call("DELETE", "order", symbol="BTCUSDT"))[0] == -1102


def test_cancel_restricted_to_new_orders_leaves_a_partly_filled_one(user, control):
    order_id = user.limit("partly").json()["orderId"]
    control.execute(order_id, size=Decimal("0.004"))
    restricted = {"symbol": "BTCUSDT", "orderId": order_id}
    answer = user.call("DELETE", "order", **restricted, cancelRestrictions="ONLY_NEW")
    assert error(answer)[0] == -2011
    assert user.query("partly").json()["status"] == "PARTIALLY_FILLED"
    assert user.call("DELETE", "order", **restricted, cancelRestrictions="ONLY_PARTIALLY_FILLED").status_code == 200


def test_request_of_one_user_does_not_reach_anothers_order(user, new_user):
    order_id = user.limit("mine").json()["orderId"]
    other = new_user()
    assert error(other.call("DELETE", "order", symbol="BTCUSDT", orderId=order_id))[0] == -2011
    assert error(other.call("GET", "order", symbol="BTCUSDT", orderId=order_id))[0] == -2013


def test_cancel_all_ends_every_order_of_the_symbol_under_one_cancel_id(user):
    user.limit("a")
    user.limit("b")
    body = user.call("DELETE", "openOrders", symbol="BTCUSDT").json()
    assert [one["origClientOrderId"] for one in body] == ["a", "b"]
    assert len({one["clientOrderId"] for one in body}) == 1
    assert error(user.call("DELETE", "openOrders", symbol="BTCUSDT"))[0] == -2011


def test_amend_down_keeps_the_order_and_renames_it_unless_told(user):
    order_id = user.limit("amend-me").json()["orderId"]
    body = user.call("PUT", "order/amend/keepPriority", symbol="BTCUSDT", orderId=order_id, newQty="0.008").json()
    amended = body["amendedOrder"]
    assert (amended["qty"], amended["origClientOrderId"], amended["orderId"]) == ("0.00800000", "amend-me", order_id)
    assert amended["clientOrderId"] != "amend-me"
    kept = user.call(
        "PUT",
        "order/amend/keepPriority",
        symbol="BTCUSDT",
        orderId=order_id,
        newQty="0.007",
        newClientOrderId=amended["clientOrderId"],
    ).json()["amendedOrder"]
    assert kept["clientOrderId"] == amended["clientOrderId"]


@pytest.mark.parametrize(
    ("quantity", "words"), [("0.02", "quantity increase"), ("0.01", "change no state"), ("0.005", "Unknown order")]
)
def test_amend_that_cannot_be_done_is_refused(user, quantity, words):
    order_id = user.limit("amend-me").json()["orderId"]
    if quantity == "0.005":
        user.call("DELETE", "order", symbol="BTCUSDT", orderId=order_id)
    code, text = error(
        user.call("PUT", "order/amend/keepPriority", symbol="BTCUSDT", orderId=order_id, newQty=quantity)
    )
    assert code == -2038
    assert words in text


def replace_order(user, mode, quantity="0.01", **more):
    return user.call(
        "POST",
        "order/cancelReplace",
        symbol="BTCUSDT",
        side="BUY",
        type="LIMIT",
        timeInForce="GTC",
        quantity=quantity,
        price="50000",
        cancelReplaceMode=mode,
        newClientOrderId="new",
        **more,
    )


def test_replace_that_works_does_both_halves(user, control):
    user.limit("old")
    body = replace_order(user, "STOP_ON_FAILURE", cancelOrigClientOrderId="old").json()
    assert (body["cancelResult"], body["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert [o["clientOrderId"] for o in control.orders(account=user.credentials["account"], open=True)] == ["new"]


def test_replace_whose_cancel_fails_strictly_does_nothing(user, control):
    answer = replace_order(user, "STOP_ON_FAILURE", cancelOrigClientOrderId="gone")
    assert error(answer)[0] == -2022
    data = answer.json()["data"]
    assert (data["cancelResult"], data["newOrderResult"]) == ("FAILURE", "NOT_ATTEMPTED")
    assert data["newOrderResponse"] is None
    assert data["cancelResponse"]["code"] == -2011
    assert control.orders(account=user.credentials["account"]) == []


def test_replace_whose_new_order_fails_leaves_no_order(user, control):
    user.limit("old")
    answer = replace_order(user, "STOP_ON_FAILURE", "150", cancelOrigClientOrderId="old")
    assert error(answer, 409)[0] == -2021
    data = answer.json()["data"]
    assert (data["cancelResult"], data["newOrderResult"]) == ("SUCCESS", "FAILURE")
    assert data["newOrderResponse"]["code"] == -2010
    assert control.orders(account=user.credentials["account"], open=True) == []


def test_replace_allowing_failure_may_leave_two_orders(user, control):
    user.limit("old")
    answer = replace_order(user, "ALLOW_FAILURE", cancelOrigClientOrderId="gone")
    assert error(answer, 409)[0] == -2021
    data = answer.json()["data"]
    assert (data["cancelResult"], data["newOrderResult"]) == ("FAILURE", "SUCCESS")
    assert len(control.orders(account=user.credentials["account"], open=True)) == 2
