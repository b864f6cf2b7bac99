"""Queries at the KuCoin dialect: one order, open orders by page, history and fills by cursor, balances, rules."""

import pytest

from exchanges.paper.dialects.kucoin.dialect import KucoinDialect
from tests.exchanges.paper.paper_kucoin_kit import HF, START_MS, Bench, D

DAY_MS = 86_400_000
FILLS = "/api/v1/hf/fills"


@pytest.fixture
def bench():
    return Bench()


def paged(bench, path, **query):
    """Follow `lastId` until a page is empty; return all items and the sizes of the pages."""
    items, sizes, last_id = [], [], None
    while not sizes or sizes[-1]:
        more = {} if last_id is None else {"lastId": last_id}
        data = bench.data(bench.get(path, symbol="BTC-USDT", **query, **more))
        items += data["items"]
        sizes.append(len(data["items"]))
        last_id = data["lastId"]
    return items, sizes


def test_filled_order_is_described_with_every_field_of_the_sheet(bench):
    order_id = bench.rest(clientOid="mine", size="0.00041", price="70000", remark="r")
    assert bench.order(order_id)["inOrderBook"] is True
    bench.now_ms += 37
    bench.bob("SELL", "1", "67717.6")
    described = bench.order(order_id)
    assert described == {
        "id": order_id,
        "clientOid": "mine",
        "symbol": "BTC-USDT",
        "opType": "DEAL",
        "type": "limit",
        "side": "buy",
        "price": "70000",
        "size": "0.00041",
        "funds": "28.7",
        "dealSize": "0.00041",
        "dealFunds": "28.7",
        "remainSize": "0",
        "remainFunds": "0",
        "cancelledSize": "0",
        "cancelledFunds": "0",
        "fee": "0.0287",
        "feeCurrency": "USDT",
        "stp": None,
        "timeInForce": "GTC",
        "postOnly": False,
        "hidden": False,
        "iceberg": False,
        "visibleSize": "0",
        "cancelAfter": 0,
        "channel": "API",
        "remark": "r",
        "tags": None,
        "cancelExist": False,
        "tradeType": "TRADE",
        "inOrderBook": False,
        "active": False,
        "tax": "0",
        "createdAt": START_MS,
        "lastUpdatedAt": START_MS + 37,
    }


def test_order_filled_at_a_better_price_shows_the_funds_that_it_saved(bench):
    bench.bob("SELL", "1", "49000")
    described = bench.order(bench.rest())
    assert (described["funds"], described["dealFunds"], described["remainFunds"]) == ("500", "490", "10")


def test_cancelled_order_shows_what_was_taken_out(bench):
    order_id = bench.rest()
    bench.bob("SELL", "0.004", "50000")
    bench.delete(f"{HF}/{order_id}", symbol="BTC-USDT")
    described = bench.order(order_id)
    amounts = ("dealSize", "dealFunds", "cancelledSize", "cancelledFunds", "remainSize", "remainFunds")
    assert [described[name] for name in amounts] == ["0.004", "200", "0.006", "300", "0", "0"]


@pytest.mark.parametrize("end", ["open", "filled", "cancelled"])
def test_order_is_found_by_its_client_oid_open_or_ended(bench, end):
    order_id = bench.rest(clientOid="mine")
    if end == "filled":
        bench.bob("SELL", "1", "50000")
    elif end == "cancelled":
        bench.delete(f"{HF}/{order_id}", symbol="BTC-USDT")
    described = bench.data(bench.get(f"{HF}/client-order/mine", symbol="BTC-USDT"))
    assert (described["id"], described["active"]) == (order_id, end == "open")


@pytest.mark.parametrize("path", ["client-order/never", "670fd33bf9406e0007ab3945", "nonsense"])
def test_order_that_does_not_exist_is_unknown(bench, path):
    assert bench.get(f"{HF}/{path}", symbol="BTC-USDT")["code"] == "102436"


def test_order_of_another_symbol_is_unknown(bench):
    order_id = bench.rest(clientOid="mine")
    for path in (order_id, "client-order/mine"):
        assert bench.get(f"{HF}/{path}", symbol="ETH-USDT")["code"] == "102436"
        assert bench.get(f"{HF}/{path}")["code"] == "400100"


def test_order_that_is_not_visible_yet_is_shown_by_no_query(bench):
    order_id = bench.rest(clientOid="mine")
    (order,) = bench.engine.open_orders("alice")
    bench.visibility.hide(order.order_id, bench.now_ms + 100)
    assert bench.get(f"{HF}/{order_id}", symbol="BTC-USDT")["code"] == "102436"
    assert bench.get(f"{HF}/client-order/mine", symbol="BTC-USDT")["code"] == "102436"
    assert bench.data(bench.get(f"{HF}/active", symbol="BTC-USDT")) == []
    assert bench.data(bench.get(f"{HF}/active/symbols")) == {"symbols": []}
    bench.bob("SELL", "1", "50000")
    assert bench.data(bench.get(f"{HF}/done", symbol="BTC-USDT"))["items"] == []
    assert bench.data(bench.get(FILLS, symbol="BTC-USDT"))["items"] == []
    bench.now_ms += 100
    assert bench.order(order_id)["clientOid"] == "mine"


def test_list_that_is_stale_shows_an_order_that_has_ended(bench):
    order_id = bench.rest()
    bench.now_ms += 1_000
    bench.delete(f"{HF}/{order_id}", symbol="BTC-USDT")
    assert bench.data(bench.get(f"{HF}/active", symbol="BTC-USDT")) == []
    bench.stale_ms = 500
    assert [one["id"] for one in bench.data(bench.get(f"{HF}/active", symbol="BTC-USDT"))] == [order_id]


def test_open_orders_are_listed_by_symbol_and_by_page(bench):
    placed = [bench.rest(size="0.001") for _ in range(245)]
    other = bench.rest(symbol="ETH-USDT", price="2000", size="0.1")
    bench.data(bench.stop())
    assert bench.data(bench.get(f"{HF}/active/symbols")) == {"symbols": ["BTC-USDT", "ETH-USDT"]}
    assert [one["id"] for one in bench.data(bench.get(f"{HF}/active", symbol="BTC-USDT"))] == placed[::-1]
    assert [one["id"] for one in bench.data(bench.get(f"{HF}/active", symbol="ETH-USDT"))] == [other]
    seen = []
    for number in (1, 2, 3, 4):
        page = bench.data(bench.get(f"{HF}/active/page", symbol="BTC-USDT", pageNum=number, pageSize=100))
        assert (page["currentPage"], page["pageSize"], page["totalNum"], page["totalPage"]) == (number, 100, 245, 3)
        seen += [one["id"] for one in page["items"]]
    assert seen == placed[::-1]


def test_page_is_never_larger_than_the_venue_allows(bench):
    for _ in range(101):
        bench.rest(size="0.001")
    default = bench.data(bench.get(f"{HF}/active/page", symbol="BTC-USDT"))
    wide = bench.data(bench.get(f"{HF}/active/page", symbol="BTC-USDT", pageSize=500))
    assert (len(default["items"]), default["totalPage"]) == (20, 6)
    assert (len(wide["items"]), wide["pageSize"], wide["totalPage"]) == (100, 100, 2)


@pytest.mark.parametrize("query", [{"pageNum": 0}, {"pageSize": 0}, {"pageNum": "two"}])
def test_page_that_cannot_be_is_refused(bench, query):
    assert bench.get(f"{HF}/active/page", symbol="BTC-USDT", **query)["code"] == "400100"


def test_history_is_paged_by_cursor_newest_first_without_gap_or_repeat(bench):
    ended = []
    for number in range(45):
        ended.append(bench.rest(size="0.001"))
        bench.delete(f"{HF}/{ended[-1]}", symbol="BTC-USDT")
        bench.now_ms += number % 3 == 0
    bench.rest()
    items, sizes = paged(bench, f"{HF}/done")
    assert [one["id"] for one in items] == ended[::-1]
    assert sizes == [20, 20, 5, 0]
    assert paged(bench, f"{HF}/done", limit=500)[1] == [45, 0]


def test_history_is_ordered_by_the_last_update(bench):
    first, second = bench.rest(), bench.rest()
    for order_id in (second, first):
        bench.now_ms += 1
        bench.delete(f"{HF}/{order_id}", symbol="BTC-USDT")
    assert [one["id"] for one in bench.data(bench.get(f"{HF}/done", symbol="BTC-USDT"))["items"]] == [first, second]


def test_history_window_and_filters_choose_the_orders(bench):
    bench.bob("SELL", "1", "60000")
    bought = bench.rest(type="market", price=None, size="0.001")
    bench.now_ms += 10
    resting = bench.rest(side="sell", price="70000")
    bench.delete(f"{HF}/{resting}", symbol="BTC-USDT")

    def done(**query):
        return [one["id"] for one in bench.data(bench.get(f"{HF}/done", symbol="BTC-USDT", **query))["items"]]

    assert done() == [resting, bought]
    assert done(startAt=START_MS + 10) == [resting]
    assert done(endAt=START_MS) == [bought]
    assert done(side="buy") == done(type="market") == [bought]
    assert done(side="sell") == done(type="limit") == [resting]


def test_history_forgets_cancelled_orders_after_two_days_and_filled_ones_after_seven(bench):
    filled, cancelled = bench.rest(), bench.rest(price="40000")
    bench.bob("SELL", "0.01", "50000")
    bench.delete(f"{HF}/{cancelled}", symbol="BTC-USDT")
    for days, kept in ((2, {filled, cancelled}), (7, {filled})):
        bench.now_ms = START_MS + days * DAY_MS
        answer = bench.data(bench.get(f"{HF}/done", symbol="BTC-USDT", startAt=START_MS - DAY_MS))
        assert {one["id"] for one in answer["items"]} == kept
        bench.now_ms += 1
    assert bench.data(bench.get(f"{HF}/done", symbol="BTC-USDT", startAt=START_MS))["items"] == []


def test_fill_is_described_with_every_field_of_the_sheet(bench):
    bench.bob("SELL", "1", "50000")
    order_id = bench.rest()
    (fill,) = bench.data(bench.get(FILLS, symbol="BTC-USDT"))["items"]
    (execution,) = bench.engine.executions_of("alice", "BTC-USDT")
    assert fill == {
        "id": fill["id"],
        "orderId": order_id,
        "counterOrderId": fill["counterOrderId"],
        "tradeId": int(bench.dialect.fill_id(execution)),
        "symbol": "BTC-USDT",
        "side": "buy",
        "liquidity": "taker",
        "type": "limit",
        "forceTaker": False,
        "price": "50000",
        "size": "0.01",
        "funds": "500",
        "fee": "0.5",
        "feeRate": "0.001",
        "feeCurrency": "USDT",
        "stop": "",
        "tradeType": "TRADE",
        "taxRate": "0",
        "tax": "0",
        "createdAt": START_MS,
    }
    assert fill["tradeId"] > 2**53


def test_fills_are_paged_by_cursor_newest_first_without_gap_or_repeat(bench):
    order_id = bench.rest(size="0.09")
    for _ in range(45):
        bench.bob("SELL", "0.002", "50000")
    items, sizes = paged(bench, FILLS)
    assert sizes == [20, 20, 5, 0]
    wanted = [int(bench.dialect.fill_id(one)) for one in bench.engine.executions_of("alice", "BTC-USDT")]
    assert [one["tradeId"] for one in items] == wanted[::-1]
    assert {one["orderId"] for one in items} == {order_id}
    assert paged(bench, FILLS, limit=1_000)[1] == [45, 0]


def test_fills_of_one_order_ignore_the_other_filters(bench):
    first, second = bench.rest(), bench.rest()
    bench.bob("SELL", "0.02", "50000")

    def fills(**query):
        return [one["orderId"] for one in bench.data(bench.get(FILLS, symbol="BTC-USDT", **query))["items"]]

    assert fills() == [second, first]
    assert fills(orderId=first, side="sell", startAt=START_MS + 5) == [first]
    assert fills(side="sell") == fills(startAt=START_MS + 1) == fills(endAt=START_MS - 1) == fills(type="market") == []
    assert fills(orderId="670fd33bf9406e0007ab3945") == []
    assert bench.get(FILLS)["code"] == "400100"


def test_fills_that_are_not_listed_yet_come_later(bench):
    order_id = bench.rest()
    bench.bob("SELL", "0.01", "50000")
    bench.stale_ms = 300
    assert bench.data(bench.get(FILLS, symbol="BTC-USDT"))["items"] == []
    assert bench.order(order_id)["dealSize"] == "0.01"
    bench.now_ms += 300
    assert len(bench.data(bench.get(FILLS, symbol="BTC-USDT"))["items"]) == 1


def test_balances_are_what_is_free_and_what_is_held(bench):
    bench.rest()
    rows = {one["currency"]: one for one in bench.data(bench.get("/api/v1/accounts", type="trade"))}
    usdt = rows["USDT"]
    assert (usdt["balance"], usdt["available"], usdt["holds"]) == ("1000000", "999500", "500")
    assert usdt["type"] == "trade"
    assert rows["BTC"]["balance"] == "100"
    assert [one["currency"] for one in bench.data(bench.get("/api/v1/accounts", currency="BTC"))] == ["BTC"]
    assert bench.data(bench.get("/api/v1/accounts", type="main")) == []


def test_symbols_tell_the_rules_under_the_venues_names(bench):
    rules = {one["symbol"]: one for one in bench.data(bench.get("/api/v2/symbols"))}
    assert set(rules) == {"BTC-USDT", "ETH-USDT", "BTC-USD"}
    wanted = {
        "baseCurrency": "BTC",
        "quoteCurrency": "USDT",
        "baseIncrement": "0.00001",
        "priceIncrement": "0.01",
        "quoteIncrement": "0.01",
        "baseMinSize": "0.00001",
        "baseMaxSize": "9000",
        "minFunds": "5",
        "feeCurrency": "USDT",
        "enableTrading": True,
    }
    assert {name: rules["BTC-USDT"][name] for name in wanted} == wanted
    assert bench.data(bench.get("/api/v2/symbols/BTC-USDT")) == rules["BTC-USDT"]
    assert bench.get("/api/v2/symbols/XRP-USDT")["code"] == "900001"


def test_ticker_follows_the_last_trade(bench):
    ticker = "/api/v1/market/orderbook/level1"
    assert bench.data(bench.get(ticker, symbol="BTC-USDT"))["price"] == "60000"
    bench.bob("SELL", "1", "50000.5")
    bench.rest(price="50000.5")
    assert bench.data(bench.get(ticker, symbol="BTC-USDT"))["price"] == "50000.5"


def test_start_up_questions_are_answered(bench):
    assert bench.data(bench.get("/api/v1/hf/accounts/opened")) is True
    assert bench.data(bench.get("/api/v1/status"))["status"] == "open"


@pytest.mark.parametrize("path", ["/api/v1/orders", f"{HF}/multi/nothing/here", "/"])
def test_path_that_the_venue_does_not_have_is_refused(bench, path):
    assert bench.get(path)["code"] == "404000"
    assert bench.answered.status == 404


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", f"{HF}/active", "open_orders"),
        ("GET", f"{HF}/active/page", "open_orders"),
        ("GET", f"{HF}/client-order/mine", "order"),
        ("GET", f"{HF}/done", "orders"),
        ("GET", FILLS, "trades"),
        ("GET", "/api/v1/accounts", "balances"),
        ("GET", "/api/v2/symbols", "instruments"),
        ("GET", "/api/v1/timestamp", "time"),
        ("GET", "/api/v1/market/orderbook/level1", "price"),
        ("DELETE", HF, "cancel_all"),
        ("DELETE", f"{HF}/cancelAll", "cancel_all"),
        ("POST", f"{HF}/test", "other"),
        ("POST", "/nowhere", "other"),
    ],
)
def test_request_is_told_by_its_kind_to_the_fault_plan(bench, method, path, kind):
    assert bench.dialect.subject(bench.request(method, path)).kind == kind


def test_query_by_client_oid_is_about_that_order_to_the_fault_plan(bench):
    subject = bench.dialect.subject(bench.request("GET", f"{HF}/client-order/mine", query={"symbol": "BTC-USDT"}))
    assert subject.client_order_ids == ("mine",)


def test_ids_are_made_of_the_engines_numbers_and_differ(bench):
    made = [bench.dialect.venue_order_id(number) for number in (1, 2, 10**15)]
    assert len(set(made)) == 3
    assert all(len(one) == 24 and set(one) <= set("0123456789abcdef") for one in made)
    assert all(one.venue_symbol == one.symbol for one in KucoinDialect.instruments())
    assert KucoinDialect.instruments()[0].tick_size == D("0.01")
