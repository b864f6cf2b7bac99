"""Queries of the Coinbase dialect: orders, history, fills, wallets, products, limits."""

from dataclasses import replace
from decimal import Decimal

import pytest
from test_paper_coinbase_support import BASE, START_MS, Bench

from exchanges.paper.dialects.coinbase import ids
from exchanges.paper.dialects.coinbase.limits import CONNECTIONS_PER_S, PRIVATE_PER_S, PUBLIC_PER_S

BATCH = "orders/historical/batch"
FILLS = "orders/historical/fills"
LIVE = ["PENDING", "OPEN", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED"]


def names(answer):
    return [order["client_order_id"] for order in answer["orders"]]


def listed(bench, **query):
    return names(bench.ok("GET", BATCH, **query))


def paged(bench, limit, **query):
    pages = [bench.ok("GET", BATCH, limit=limit, **query)]
    while pages[-1]["has_next"]:
        pages.append(bench.ok("GET", BATCH, limit=limit, cursor=pages[-1]["cursor"], **query))
    return pages


# ----- ids


@pytest.mark.parametrize("number", [1, 2, 1_795_255_200_000, 1_795_255_200_001, 2**50])
def test_order_id_as_the_venue_writes_it_is_a_random_looking_uuid_that_can_be_read_back(number):
    text = ids.order_uuid(number)

    assert ids.order_number(text) == number
    assert ids.order_number(ids.trade_uuid(number, 0)) is None
    assert [len(part) for part in text.split("-")] == [8, 4, 4, 4, 12]
    assert text[14] == "4"
    assert text[19] in "89ab"


@pytest.mark.parametrize("text", [None, 5, "", "1", "0f5d5b0e-1f52-4a57-9a4f-6c1a3a1f0001", ids.order_uuid(1).upper()])
def test_order_id_that_the_venue_never_gave_names_no_order(text):
    assert ids.order_number(text) is None


# ----- one order


def test_order_when_partly_filled_is_shown_in_the_form_of_the_sheet():
    bench = Bench()
    order_id = bench.limit("c1", size="0.01", price="60000")
    bench.later(7_000)
    bench.execute(order_id, "60000", "0.001")
    bench.later(500)
    bench.execute(order_id, "60000", "0.003")
    bench.later()
    order = bench.order(order_id)

    assert {name: order[name] for name in ("order_id", "product_id", "side", "client_order_id", "status")} == {
        "order_id": order_id,
        "product_id": "BTC-USDT",
        "side": "BUY",
        "client_order_id": "c1",
        "status": "OPEN",
    }
    assert (order["time_in_force"], order["order_type"]) == ("GOOD_UNTIL_CANCELLED", "LIMIT")
    assert (order["completion_percentage"], order["filled_size"], order["number_of_fills"]) == ("40", "0.004", "2")
    assert (order["average_filled_price"], order["filled_value"], order["total_fees"]) == ("60000", "240", "0.24")
    assert order["total_value_after_fees"] == "600.24"
    assert order["created_time"] == "2026-11-21T10:00:00.123Z"
    assert order["last_update_time"] == order["last_fill_time"] == "2026-11-21T10:00:07.623Z"
    assert (order["outstanding_hold_amount"], order["product_type"]) == ("360", "SPOT")
    assert (order["trigger_status"], order["settled"]) == ("INVALID_ORDER_TYPE", False)
    assert order["order_placement_source"] == "RETAIL_ADVANCED"
    assert (order["edit_history"], order["current_pending_replace"], order["leverage"]) == ([], None, "")


def test_order_that_was_just_placed_is_pending_for_a_moment():
    bench = Bench()
    order_id = bench.limit()
    assert bench.order(order_id)["status"] == "PENDING"
    assert listed(bench, order_status="OPEN") == []
    traded = bench.limit("traded")
    bench.later(1)
    bench.execute(traded, "50000", "0.001")
    assert bench.order(traded)["status"] == "OPEN"
    bench.cancel(traded)
    bench.later(19)

    assert bench.order(order_id)["status"] == "OPEN"
    assert listed(bench, order_status="OPEN") == ["c1"]


def test_order_that_does_not_exist_or_is_hidden_or_somebody_elses_is_not_found():
    bench = Bench()
    order_id = bench.limit()
    bench.visibility.hide(bench.engine_order(order_id).order_id, bench.now_ms + 500)
    words = "order with this orderID was not found"
    expected = (404, {"error": "unknown", "error_details": words, "message": words})

    assert bench.send("GET", f"orders/historical/{order_id}") == expected
    assert listed(bench) == listed(bench, order_status=LIVE) == []
    bench.later()
    assert bench.order(order_id)["client_order_id"] == "c1"
    assert bench.send("GET", f"orders/historical/{order_id}", client=bench.bob) == expected
    assert bench.send("GET", f"orders/historical/{ids.order_uuid(77)}") == expected


# ----- many orders


def test_list_of_many_open_orders_when_paged_shows_each_once_although_orders_come_and_go():
    bench = Bench()
    order_ids = [bench.limit(f"c{number}", price="1000") for number in range(2_500)]
    bench.later()
    first = bench.ok("GET", BATCH, order_status=LIVE)
    assert (len(first["orders"]), first["has_next"]) == (1_000, True)
    bench.cancel(order_ids[0], order_ids[-1])
    bench.limit("new", price="1000")
    second = bench.ok("GET", BATCH, order_status=LIVE, cursor=first["cursor"])
    third = bench.ok("GET", BATCH, order_status=LIVE, cursor=second["cursor"])

    seen = names(first) + names(second) + names(third)
    assert seen == [f"c{number}" for number in reversed(range(2_500))]
    assert (third["has_next"], third["cursor"]) == (False, "")


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7])
def test_list_of_all_orders_when_paged_is_the_same_for_every_page_size(limit):
    bench = Bench()
    for number in range(6):
        bench.limit(f"c{number}", product_id=("BTC-USDT", "ETH-USDT")[number % 2], price="1000")
    pages = paged(bench, limit)

    assert [name for page in pages for name in names(page)] == ["c5", "c4", "c3", "c2", "c1", "c0"]
    assert all(len(page["orders"]) == limit for page in pages[:-1])
    assert pages[-1]["orders"]


def test_list_of_open_orders_holds_what_is_under_way_only_when_asked_for():
    bench = Bench()
    bench.limit("open")
    edited, cancelled, filled = bench.limit("edited"), bench.limit("cancelled"), bench.limit("filled")
    bench.later()
    bench.execute(filled, "50000", "0.01")
    bench.edit(edited, "49000", "0.01")
    bench.cancel(cancelled)
    bench.limit("pending")

    assert listed(bench, order_status="OPEN") == ["open"]
    assert listed(bench, order_status=LIVE) == ["pending", "cancelled", "edited", "open"]
    assert listed(bench, order_status=LIVE, client=bench.bob) == []
    assert listed(bench, order_status="CANCEL_QUEUED") == ["cancelled"]
    assert listed(bench, order_status=["FILLED", "EDIT_QUEUED"]) == ["filled", "edited"]
    bench.later()
    assert listed(bench, order_status=LIVE) == ["pending", "edited", "open"]
    assert listed(bench, order_status="CANCELLED") == ["cancelled"]
    assert listed(bench) == ["pending", "filled", "cancelled", "edited", "open"]


def test_list_of_open_orders_that_is_stale_shows_them_as_they_were():
    bench = Bench()
    gone = bench.limit("gone")
    bench.later()
    bench.cancel(gone)
    bench.later(500)
    bench.limit("new")
    bench.stale_ms = 600

    assert listed(bench, order_status=LIVE) == ["gone"]
    assert listed(bench) == ["new", "gone"]


def test_list_of_orders_is_filtered_by_everything_that_the_sheet_names():
    bench = Bench()
    first = bench.limit("first")
    bench.later()
    bench.place({"market_market_ioc": {"base_size": "0.01"}}, "second", "SELL")
    bench.later()
    bench.limit("third", product_id="ETH-USDT", price="1000")

    assert listed(bench, product_ids="ETH-USDT") == ["third"]
    assert listed(bench, product_ids=["ETH-USDT", "BTC-USDT"]) == ["third", "second", "first"]
    assert listed(bench, order_ids=[first, "nothing"]) == ["first"]
    assert listed(bench, order_ids="nothing") == []
    assert listed(bench, order_side="SELL") == ["second"]
    assert listed(bench, order_types="MARKET") == ["second"]
    assert listed(bench, time_in_forces="IMMEDIATE_OR_CANCEL") == ["second"]
    assert listed(bench, asset_filters="ETH") == ["third"]
    assert listed(bench, product_type="SPOT") == ["third", "second", "first"]
    assert listed(bench, product_type="FUTURE") == []
    assert listed(bench, order_placement_source="RETAIL_SIMPLE") == []
    start, end = "2026-11-21T10:00:01.123Z", "2026-11-21T10:00:02.123Z"
    assert listed(bench, start_date=start, end_date=end) == ["second"]
    assert listed(bench, start_date="2026-11-21T10:00:01.123000001Z") == ["third"]
    assert listed(bench, end_date="2026-11-21T12:00:01.123+02:00") == ["first"]
    assert listed(bench, end_date="2026-11-21T10:00:01.5Z") == ["second", "first"]


@pytest.mark.parametrize(
    "query",
    [
        {"client_order_id": "c1"},
        {"order_status": "NEW"},
        {"order_status": "OPEN,PENDING"},
        {"product_ids": "BTC-EUR"},
        {"start_date": "1795255200"},
        {"start_date": "2026-13-21T10:00:00Z"},
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": ["1", "2"]},
        {"cursor": "x"},
        {"cursor": "9" * 5_000},
        {"limit": "9" * 5_000},
    ],
)
def test_list_of_orders_with_a_wrong_parameter_is_an_invalid_argument(query):
    status, answer = Bench().send("GET", BATCH, **query)

    assert (status, answer["error"]) == (400, "INVALID_ARGUMENT")


# ----- fills


def test_fill_is_shown_in_the_form_of_the_sheet():
    bench = Bench()
    order_id = bench.limit(size="0.01", price="60000")
    bench.later(7_377)
    bench.execute(order_id, "60000", "0.004")
    (fill,) = bench.ok("GET", FILLS, order_ids=order_id)["fills"]
    (execution,) = bench.engine.executions_of("alice", "BTC-USDT")

    assert fill.pop("entry_id") == bench.dialect.fill_id(execution)
    assert fill.pop("trade_id") != bench.dialect.fill_id(execution)
    del fill["user_id"], fill["retail_portfolio_id"]
    assert fill == {
        "order_id": order_id,
        "trade_time": "2026-11-21T10:00:07.5Z",
        "trade_type": "FILL",
        "price": "60000",
        "size": "0.004",
        "commission": "0.24",
        "product_id": "BTC-USDT",
        "sequence_timestamp": "2026-11-21T10:00:07.5Z",
        "liquidity_indicator": "MAKER",
        "size_in_quote": False,
        "side": "BUY",
        "commission_detail_total": {"total_commission": "0.24"},
    }


def test_fill_of_an_order_by_quote_is_sized_in_quote_and_charged_in_quote():
    bench = Bench()
    bench.outside("SELL", "1", "50000")
    bench.place({"market_market_ioc": {"quote_size": "1000"}})
    (fill,) = bench.ok("GET", FILLS)["fills"]
    (execution,) = bench.engine.executions_of("alice", "BTC-USDT")

    assert (fill["size_in_quote"], fill["liquidity_indicator"]) == (True, "TAKER")
    assert Decimal(fill["size"]) / Decimal(fill["price"]) == execution.size
    assert (execution.fee_currency, Decimal(fill["commission"])) == ("USDT", execution.fee)


def test_fills_of_both_sides_of_a_trade_have_one_trade_id_and_two_entry_ids():
    bench = Bench()
    bench.outside("SELL", "1", "50000")
    bench.limit(price="50000")
    (mine,) = bench.ok("GET", FILLS)["fills"]
    (theirs,) = bench.ok("GET", FILLS, client=bench.bob)["fills"]

    assert mine["trade_id"] == theirs["trade_id"]
    assert mine["entry_id"] != theirs["entry_id"]


def test_trades_with_the_same_number_of_two_products_have_different_ids():
    bench = Bench()
    for symbol, price in (("BTC-USDT", "50000"), ("ETH-USDT", "2000")):
        bench.outside("SELL", "1", price, symbol)
        bench.limit(symbol, product_id=symbol, price=price)
    fills = bench.ok("GET", FILLS)["fills"]

    assert len({fill["trade_id"] for fill in fills}) == len({fill["entry_id"] for fill in fills}) == 2


def test_fills_when_paged_show_each_once_although_more_come():
    bench = Bench()
    order_id = bench.limit(size="1", price="50000")
    for _ in range(250):
        bench.execute(order_id, "50000", "0.001")
        bench.later(1)
    pages = [bench.ok("GET", FILLS)]
    assert len(pages[0]["fills"]) == 100
    bench.execute(order_id, "50000", "0.001")
    while pages[-1]["cursor"]:
        pages.append(bench.ok("GET", FILLS, cursor=pages[-1]["cursor"]))

    assert [len(page["fills"]) for page in pages] == [100, 100, 50]
    times = [fill["trade_time"] for page in pages for fill in page["fills"]]
    assert len({fill["entry_id"] for page in pages for fill in page["fills"]}) == 250
    assert len(set(times)) == 250
    assert bench.ok("GET", FILLS, limit=251)["cursor"] == ""


def test_fills_of_a_full_last_page_end_with_an_empty_cursor():
    bench = Bench()
    order_id = bench.limit(size="1", price="50000")
    for _ in range(4):
        bench.execute(order_id, "50000", "0.001")
    page = bench.ok("GET", FILLS, limit=2)
    last = bench.ok("GET", FILLS, limit=2, cursor=page["cursor"])

    assert (len(last["fills"]), last["cursor"]) == (2, "")


def test_fills_are_filtered_by_order_trade_product_and_time_and_order_ids_stand_alone():
    bench = Bench()
    first, second = bench.limit("c1"), bench.limit("c2", product_id="ETH-USDT", price="2000")
    bench.execute(first, "50000", "0.01")
    bench.later()
    bench.execute(second, "2000", "0.01")
    all_fills = bench.ok("GET", FILLS)["fills"]

    def orders(**query):
        return [fill["order_id"] for fill in bench.ok("GET", FILLS, **query)["fills"]]

    assert orders() == [second, first]
    assert orders(order_ids=[first, second, "nothing"]) == [second, first]
    assert orders(order_ids="nothing") == []
    assert orders(order_ids=first, client=bench.bob) == []
    assert orders(trade_ids=all_fills[1]["trade_id"]) == [first]
    assert orders(product_ids="ETH-USDT") == [second]
    assert orders(start_sequence_timestamp="2026-11-21T10:00:01.123Z") == [second]
    assert orders(end_sequence_timestamp="2026-11-21T10:00:01.123Z") == [first]
    status, answer = bench.send("GET", FILLS, order_ids=first, product_ids="BTC-USDT")
    assert (status, answer["error"]) == (400, "INVALID_ARGUMENT")
    assert bench.send("GET", FILLS, cursor="7")[0] == 400


def test_fills_that_are_stale_lag_behind_the_order():
    bench = Bench()
    order_id = bench.limit()
    bench.execute(order_id, "50000", "0.004")
    bench.trades_stale_ms = 300

    assert bench.order(order_id)["number_of_fills"] == "1"
    assert bench.ok("GET", FILLS, order_ids=order_id)["fills"] == []
    bench.later(300)
    assert len(bench.ok("GET", FILLS, order_ids=order_id)["fills"]) == 1


# ----- wallets


def test_accounts_show_available_and_hold_of_every_asset():
    bench = Bench()
    bench.limit(size="1", price="50000")
    answer = bench.ok("GET", "accounts", limit=250)
    found = {one["currency"]: (one["available_balance"]["value"], one["hold"]["value"]) for one in answer["accounts"]}

    assert found == {"USDT": ("9950000", "50000"), "BTC": ("1000", "0"), "ETH": ("1000", "0")}
    assert (answer["has_next"], answer["cursor"], answer["size"]) == (False, "", 3)


def test_accounts_beyond_the_default_page_come_with_the_cursor():
    bench = Bench()
    for number in range(60):
        bench.engine.deposit("alice", f"A{number}", Decimal(1), bench.now_ms)
    first = bench.ok("GET", "accounts")
    second = bench.ok("GET", "accounts", cursor=first["cursor"])

    assert (len(first["accounts"]), first["has_next"]) == (49, True)
    assert (len(second["accounts"]), second["has_next"], second["cursor"]) == (14, False, "")
    assert len({one["uuid"] for one in first["accounts"] + second["accounts"]}) == 63
    assert bench.send("GET", "accounts", limit=251)[0] == 400


# ----- products and the rest


def test_product_shows_its_rules_and_the_last_price():
    bench = Bench()
    product = bench.ok("GET", "market/products/BTC-USDT")

    assert (product["product_id"], product["price"], product["status"]) == ("BTC-USDT", "60000", "online")
    assert (product["base_currency_id"], product["quote_currency_id"]) == ("BTC", "USDT")
    assert (product["base_increment"], product["price_increment"]) == ("0.00001", "0.01")
    assert (product["quote_min_size"], product["base_min_size"], product["base_max_size"]) == ("5", "0.00001", "9000")
    flags = ("is_disabled", "trading_disabled", "cancel_only", "limit_only", "post_only", "auction_mode", "view_only")
    assert not any(product[flag] for flag in flags)
    bench.execute(bench.limit(), "50000", "0.01")
    assert bench.ok("GET", "products/BTC-USDT")["price"] == "50000"


def test_products_are_listed_and_an_unknown_one_is_not_found():
    bench = Bench()

    listed_ids = [one["product_id"] for one in bench.ok("GET", "market/products", product_type="SPOT")["products"]]
    assert listed_ids == ["BTC-USDT", "ETH-USDT", "BTC-USD"]
    assert bench.ok("GET", "products", product_type="FUTURE") == {"products": [], "num_products": 0}
    assert bench.send("GET", "market/products/BTC-EUR")[0] == 404


def test_time_is_told_in_texts():
    assert Bench().ok("GET", "time") == {
        "iso": "2026-11-21T10:00:00Z",
        "epochSeconds": "1795255200",
        "epochMillis": str(START_MS),
    }


def test_key_permissions_and_fees_are_told():
    bench = Bench()

    assert bench.ok("GET", "key_permissions")["can_trade"] is True
    assert bench.ok("GET", "key_permissions")["can_transfer"] is False
    assert bench.ok("GET", "transaction_summary")["fee_tier"]["taker_fee_rate"] == "0.001"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "nothing"), ("DELETE", "orders"), ("POST", "time"), ("GET", "orders")]
)
def test_path_that_does_not_exist_is_not_found(method, path):
    status, answer = Bench().send(method, path)

    assert (status, answer["code"]) == (404, 5)


# ----- limits


def test_limits_when_enforced_refuse_the_request_too_many_and_are_announced():
    bench = Bench()
    bench.dialect.enforce_limits(enabled=True)
    answers = [bench.answer(bench.request("GET", "key_permissions")) for _ in range(PRIVATE_PER_S + 1)]
    last = answers[-1]

    assert [answer.status for answer in answers[:-1]] == [200] * PRIVATE_PER_S
    assert (last.status, last.headers["retry-after"]) == (429, "1")
    assert answers[0].headers["x-ratelimit-limit"] == str(PRIVATE_PER_S)
    assert [answers[0].headers["x-ratelimit-remaining"], last.headers["x-ratelimit-remaining"]] == ["29", "0"]
    assert b"rate_limit_exceeded" in last.body
    assert bench.answer(bench.request("GET", "key_permissions", client=bench.bob)).status == 200
    bench.later()
    assert bench.answer(bench.request("GET", "key_permissions")).status == 200


def test_limits_of_public_endpoints_and_connections_are_of_the_address():
    bench = Bench()
    bench.dialect.enforce_limits(enabled=True)
    bare = replace(bench.request("GET", "time"), headers={})
    taken = [bench.answer(bare).status for _ in range(PUBLIC_PER_S + 1)]
    sessions = [bench.dialect.open_session(b"", {}, bench.now_ms) for _ in range(CONNECTIONS_PER_S + 1)]

    assert taken == [200] * PUBLIC_PER_S + [429]
    assert [session == 429 for session in sessions] == [False] * CONNECTIONS_PER_S + [True]


def test_limits_that_are_not_enforced_refuse_nothing_and_are_not_announced():
    bench = Bench()
    answers = [bench.answer(bench.request("GET", "time")) for _ in range(PUBLIC_PER_S * 5)]

    assert {answer.status for answer in answers} == {200}
    assert not any(name.startswith("x-ratelimit") for answer in answers for name in answer.headers)


def test_request_over_the_limit_is_not_carried_out():
    bench = Bench()
    bench.dialect.enforce_limits(enabled=True)
    for _ in range(PRIVATE_PER_S):
        bench.answer(bench.request("GET", "key_permissions"))
    body = {"client_order_id": "c1", "product_id": "BTC-USDT", "side": "BUY"}
    configuration = {"order_configuration": {"limit_limit_gtc": {"base_size": "1", "limit_price": "1000"}}}
    answer = bench.answer(bench.request("POST", f"{BASE}/orders", body | configuration))

    assert answer.status == 429
    assert bench.engine.truth.accepted_count == 0
