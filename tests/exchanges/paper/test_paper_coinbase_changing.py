"""Cancelling and editing at the Coinbase dialect: accepted first, under way for a moment, then done."""

from decimal import Decimal

import pytest
from test_paper_coinbase_support import Bench

LIMIT = {"base_size": "0.01000000", "limit_price": "50000.00"}
END = "2026-11-21T11:00:00Z"
UP, DOWN = "STOP_DIRECTION_STOP_UP", "STOP_DIRECTION_STOP_DOWN"


def stop(direction: str, stop_price: str, limit_price: str, **more: str) -> dict[str, str]:
    fields = {"base_size": "0.01", "limit_price": limit_price, "stop_price": stop_price, "stop_direction": direction}
    return fields | more


# ----- cancelling


def test_cancel_is_accepted_first_and_shown_as_queued_before_it_is_done():
    bench = Bench()
    order_id = bench.limit()
    bench.later()

    assert bench.cancel(order_id) == [(True, "UNKNOWN_CANCEL_FAILURE_REASON")]
    shown = bench.order(order_id)
    assert (shown["status"], shown["pending_cancel"]) == ("CANCEL_QUEUED", True)
    assert bench.cancel(order_id) == [(False, "DUPLICATE_CANCEL_REQUEST")]
    bench.later()
    shown = bench.order(order_id)
    assert (shown["status"], shown["pending_cancel"]) == ("CANCELLED", False)
    assert shown["cancel_message"] == "User requested cancel"


def test_cancel_judged_by_a_clock_that_is_ahead_is_over_for_those_with_the_right_one():
    bench = Bench()
    order_id = bench.limit()
    bench.later(60_000)
    bench.cancel(order_id)
    bench.later(-59_000)

    assert bench.order(order_id)["status"] == "CANCELLED"


def test_cancel_of_many_answers_for_each_in_order():
    bench = Bench()
    done, gone, live = (bench.limit(f"c{number}") for number in range(3))
    bench.later()
    bench.execute(done, "50000", "0.01")
    bench.cancel(gone)
    bench.later()

    assert bench.cancel(live, "deadbeef", done, gone, live) == [
        (True, "UNKNOWN_CANCEL_FAILURE_REASON"),
        (False, "UNKNOWN_CANCEL_ORDER"),
        (False, "ORDER_IS_FULLY_FILLED"),
        (False, "UNKNOWN_CANCEL_ORDER"),
        (False, "DUPLICATE_CANCEL_REQUEST"),
    ]
    assert bench.engine.open_orders("alice") == ()


def test_cancel_of_another_accounts_order_is_unknown_and_changes_nothing():
    bench = Bench()
    order_id = bench.limit()
    answer = bench.ok("POST", "orders/batch_cancel", {"order_ids": [order_id]}, client=bench.bob)

    assert answer["results"][0]["failure_reason"] == "UNKNOWN_CANCEL_ORDER"
    assert bench.engine_order(order_id).is_open


@pytest.mark.parametrize("order_ids", [None, [], "x", [1], ["x"] * 101])
def test_cancel_that_cannot_be_read_is_an_invalid_argument(order_ids):
    status, answer = Bench().send("POST", "orders/batch_cancel", {"order_ids": order_ids})

    assert (status, answer["error"]) == (400, "INVALID_ARGUMENT")


def test_cancel_of_a_hundred_orders_is_carried_out():
    bench = Bench()
    order_ids = [bench.limit(f"c{number}") for number in range(100)]

    assert {success for success, _ in bench.cancel(*order_ids)} == {True}
    assert bench.engine.open_orders("alice") == ()


# ----- editing


def test_edit_is_queued_first_and_then_shows_new_values_and_its_history():
    bench = Bench()
    order_id = bench.limit(size="0.01", price="50000")
    bench.later()

    assert bench.edit(order_id, "51000", "0.02") == {"success": True, "errors": []}
    queued = bench.order(order_id)
    assert queued["status"] == "EDIT_QUEUED"
    assert queued["current_pending_replace"] == {"price": "51000", "size": "0.02"}
    assert queued["order_configuration"]["limit_limit_gtc"]["limit_price"] == "50000"
    assert bench.edit_reason(order_id, "52000", "0.02") == "ORDER_IS_ALREADY_BEING_REPLACED"
    assert bench.cancel(order_id) == [(False, "ORDER_IS_BEING_REPLACED")]
    bench.later()
    done = bench.order(order_id)
    assert (done["status"], done["current_pending_replace"]) == ("OPEN", None)
    changed = {"base_size": "0.02", "limit_price": "51000", "post_only": False}
    assert done["order_configuration"] == {"limit_limit_gtc": changed}
    assert [(edit["price"], edit["size"]) for edit in done["edit_history"]] == [("51000", "0.02")]
    assert (done["order_id"], done["client_order_id"]) == (order_id, "c1")


def test_edit_whose_order_trades_at_once_shows_the_new_values_with_the_fill():
    bench = Bench()
    order_id = bench.limit(size="0.01", price="50000")
    bench.outside("SELL", "0.015", "55000")
    bench.later()
    bench.edit(order_id, "55000", "0.02")
    shown = bench.order(order_id)

    assert (shown["status"], shown["filled_size"]) == ("OPEN", "0.015")
    assert shown["order_configuration"]["limit_limit_gtc"]["base_size"] == "0.02"


def test_edit_history_keeps_the_latest_five():
    bench = Bench()
    order_id = bench.limit(price="50000")
    for number in range(7):
        bench.later()
        assert bench.edit(order_id, f"5000{number + 1}", "0.01")["success"]
    bench.later()

    prices = [edit["price"] for edit in bench.order(order_id)["edit_history"]]
    assert prices == ["50003", "50004", "50005", "50006", "50007"]


def test_edit_of_a_waiting_stop_may_move_its_trigger():
    bench = Bench()
    placed = bench.place({"stop_limit_stop_limit_gtc": stop(UP, "61000", "61100")})
    order_id = placed["success_response"]["order_id"]
    assert bench.edit(order_id, "62100", "0.01", stop_price="62000")["success"]

    order = bench.engine_order(order_id)
    assert (order.price, order.stop_price) == (Decimal(62100), Decimal(62000))


def test_edit_of_what_cannot_be_edited_says_why():
    bench = Bench()
    bench.outside("SELL", "1", "58000")
    gtd = bench.place({"limit_limit_gtd": LIMIT | {"end_time": END}}, "gtd")["success_response"]["order_id"]
    post = bench.place({"limit_limit_gtc": LIMIT | {"post_only": True}}, "post")["success_response"]["order_id"]
    partly, filled, gone = bench.limit("partly", size="0.02"), bench.limit("filled"), bench.limit("gone")
    bench.later()
    bench.execute(partly, "50000", "0.01")
    bench.execute(filled, "50000", "0.01")
    bench.cancel(gone)

    assert bench.edit_reason("nothing", "1", "1") == "ORDER_NOT_FOUND"
    assert bench.edit_reason(gtd, "50001", "0.01") == "ONLY_LIMIT_ORDER_EDITS_SUPPORTED"
    assert bench.edit_reason(filled, "50001", "0.01") == "ONLY_OPEN_ORDERS_CAN_BE_EDITED"
    assert bench.edit_reason(gone, "50001", "0.01") == "CANNOT_EDIT_ORDER_PENDING_CANCEL"
    assert bench.edit_reason(partly, "50000", "0.009") == "CANNOT_EDIT_TO_BELOW_FILLED_SIZE"
    assert bench.edit_reason(partly, "50000", "0.02") == "EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST"
    assert bench.edit_reason(partly, "50000", "0.020000001") == "INVALID_EDITED_SIZE"
    assert bench.edit_reason(partly, "50000.001", "0.02") == "INVALID_EDITED_PRICE"
    assert bench.edit_reason(post, "1", "0.01") == "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"
    assert bench.edit_reason(partly, "50000", "1000") == "PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE"
    assert bench.edit_reason(post, "58000", "0.01") == "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY"
    assert bench.edit_reason(partly, "50000", "0.03", stop_price="1") == "ONLY_LIMIT_ORDER_EDITS_SUPPORTED"
    stranger = bench.ok("POST", "orders/edit", {"order_id": post, "price": "1", "size": "1"}, client=bench.bob)
    assert stranger["errors"][0]["edit_failure_reason"] == "CALLER_ID_MISMATCH"
    assert bench.ok("POST", "orders/edit", {"order_id": post, "price": "1"})["success"] is False
    assert bench.engine_order(partly).size == Decimal("0.02")
    assert bench.engine_order(post).price == Decimal(50000)


def test_edit_that_the_account_cannot_pay_for_is_refused_and_changes_nothing():
    bench = Bench()
    order_id = bench.limit(size="100", price="50000")
    bench.limit("c2", size="99", price="50000")
    bench.later()

    assert bench.edit_reason(order_id, "51000", "110") == "PREVIEW_INSUFFICIENT_FUND"
    assert bench.engine_order(order_id).size == Decimal(100)


def test_edit_of_a_stop_beyond_the_market_says_on_which_side():
    bench = Bench()
    up = bench.place({"stop_limit_stop_limit_gtc": stop(UP, "61000", "61100")}, "up")["success_response"]["order_id"]
    sell = bench.place({"stop_limit_stop_limit_gtc": stop(DOWN, "59000", "58900")}, "down", "SELL")
    down = sell["success_response"]["order_id"]

    assert bench.edit_reason(up, "61100", "0.01", stop_price="59000") == "PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE"
    assert bench.edit_reason(down, "58900", "0.01", stop_price="61000") == "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE"


def test_edit_of_a_triggered_stop_is_refused():
    bench = Bench()
    placed = bench.place({"stop_limit_stop_limit_gtc": stop(DOWN, "59000", "58900")}, side="SELL")
    order_id = placed["success_response"]["order_id"]
    bought = bench.limit("c2", price="59000")
    bench.execute(bought, "59000", "0.01")
    bench.later()

    assert bench.order(order_id)["trigger_status"] == "STOP_TRIGGERED"
    assert bench.edit_reason(order_id, "58800", "0.01") == "CANNOT_EDIT_TRIGGERED_ORDER"
