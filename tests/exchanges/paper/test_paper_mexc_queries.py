"""The MEXC dialect: orders, lists and their windows, trades, balances, rules."""

import json
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest
from test_paper_mexc_support import CLIENT_ID, START_MS, Bench

from exchanges.paper.dialects.mexc.dialect import MexcDialect
from exchanges.paper.engine import Engine
from exchanges.paper.visibility import Visibility

DAY_MS = 86_400_000


@pytest.fixture
def bench() -> Bench:
    return Bench()


def ids(orders):
    return [one["orderId"] for one in orders]


# ----- one order


def test_order_shows_the_documented_fields(bench):
    order_id = bench.place()
    placed_ms = bench.now_ms
    assert bench.order(order_id)["updateTime"] is None
    bench.now_ms += 10
    bench.execute(order_id, "0.004")
    assert bench.order(order_id) == {
        "symbol": "BTCUSDT",
        "orderId": order_id,
        "orderListId": -1,
        "clientOrderId": CLIENT_ID,
        "price": "50000",
        "origQty": "0.01",
        "executedQty": "0.004",
        "cummulativeQuoteQty": "200",
        "status": "PARTIALLY_FILLED",
        "timeInForce": None,
        "type": "LIMIT",
        "side": "BUY",
        "stopPrice": None,
        "icebergQty": None,
        "time": placed_ms,
        "updateTime": placed_ms + 10,
        "isWorking": True,
        "origQuoteOrderQty": "500",
    }


def test_order_by_client_order_id_is_the_same_order(bench):
    order_id = bench.place()
    assert bench.ask("GET", "order", symbol="BTCUSDT", origClientOrderId=CLIENT_ID) == bench.order(order_id)


def test_order_that_is_unknown_or_not_named_is_refused(bench):
    answer = bench.call("GET", "order", symbol="BTCUSDT", origClientOrderId="never")
    assert json.loads(answer.body) == {"code": -2013, "msg": "Order does not exist.", "_extend": None}
    assert bench.code("GET", "order", symbol="BTCUSDT", orderId="342252993005723644225") == -2013
    assert bench.code("GET", "order", symbol="BTCUSDT") == 700004


def test_order_while_hidden_is_in_no_query(bench):
    order_id = bench.place()
    bench.execute(order_id, "0.004")
    bench.visibility.hide(bench.paper(order_id).order_id, bench.now_ms + 500)
    assert bench.code("GET", "order", symbol="BTCUSDT", orderId=order_id) == -2013
    assert bench.code("GET", "order", symbol="BTCUSDT", origClientOrderId=CLIENT_ID) == -2013
    for path in ("openOrders", "allOrders", "myTrades"):
        assert bench.ask("GET", path, symbol="BTCUSDT") == []
    bench.now_ms += 500
    assert bench.order(order_id)
    for path in ("openOrders", "allOrders", "myTrades"):
        assert ids(bench.ask("GET", path, symbol="BTCUSDT")) == [order_id]


# ----- lists of orders


def test_open_orders_of_symbols_or_of_all_come_in_one_answer(bench):
    bitcoin = [bench.place(f"b{number}", price="1000") for number in range(2_500)]
    ether = bench.place("e", symbol="ETHUSDT", quantity="1", price="2000")
    assert ids(bench.ask("GET", "openOrders", symbol="BTCUSDT")) == bitcoin
    assert ids(bench.ask("GET", "openOrders", symbol="ETHUSDT")) == [ether]
    assert set(ids(bench.ask("GET", "openOrders"))) == {*bitcoin, ether}
    assert set(ids(bench.ask("GET", "openOrders", symbol="ETHUSDT,BTCUSDT"))) == {*bitcoin, ether}


def test_open_orders_of_too_many_or_unknown_symbols_are_refused(bench):
    assert bench.code("GET", "openOrders", symbol=",".join(["BTCUSDT"] * 6)) == 33333
    assert bench.code("GET", "openOrders", symbol="BTCUSDT,NOPE") == -1121


def test_open_orders_when_stale_are_those_of_the_past(bench):
    first = bench.place("a")
    bench.now_ms += 1_000
    bench.place("b")
    bench.ask("DELETE", "order", symbol="BTCUSDT", orderId=first)
    bench.now_ms += 500
    bench.stale_ms = 1_000
    assert ids(bench.ask("GET", "openOrders", symbol="BTCUSDT")) == [first]


def test_history_without_times_is_that_of_the_last_day(bench):
    bench.place("old")
    bench.now_ms += DAY_MS + 1
    recent = bench.place("recent")
    assert ids(bench.ask("GET", "allOrders", symbol="BTCUSDT")) == [recent]


def test_history_further_back_than_seven_days_is_not_there(bench):
    bench.place("old")
    bench.now_ms += 7 * DAY_MS
    times = {"startTime": START_MS, "endTime": bench.now_ms}
    assert len(bench.ask("GET", "allOrders", symbol="BTCUSDT", **times)) == 1
    bench.now_ms += 1
    assert bench.ask("GET", "allOrders", symbol="BTCUSDT", **times) == []


def test_history_gives_the_latest_of_its_window_newest_first(bench):
    placed = []
    for number in range(7):
        bench.now_ms += 1_000
        placed.append(bench.place(f"h{number}"))
    bench.ask("DELETE", "order", symbol="BTCUSDT", orderId=placed[2])
    times = {"startTime": START_MS + 2_000, "endTime": START_MS + 6_000}
    assert ids(bench.ask("GET", "allOrders", symbol="BTCUSDT", **times)) == placed[5:0:-1]
    assert ids(bench.ask("GET", "allOrders", symbol="BTCUSDT", **times, limit=2)) == placed[5:3:-1]
    assert ids(bench.ask("GET", "allOrders", symbol="BTCUSDT", endTime=START_MS + 1_000)) == placed[:1]


def test_history_read_by_shrinking_its_end_is_complete(bench):
    placed = set()
    for number in range(2_300):
        bench.now_ms += number % 2
        placed.add(bench.place(f"h{number}", price="1000"))
    found, end_ms = {}, bench.now_ms
    for _ in range(4):
        page = bench.ask("GET", "allOrders", symbol="BTCUSDT", startTime=START_MS, endTime=end_ms, limit=1000)
        assert len(page) <= 1_000
        found |= {one["orderId"]: one for one in page}
        end_ms = min(one["time"] for one in page)
    assert set(found) == placed


@pytest.mark.parametrize(
    ("path", "parameters", "code"),
    [
        ("allOrders", {"limit": 1001}, 33333),
        ("allOrders", {"limit": 0}, 33333),
        ("allOrders", {"limit": "many"}, 700008),
        ("allOrders", {"startTime": 2, "endTime": 1}, -1128),
        ("myTrades", {"limit": 101}, 33333),
        ("myTrades", {"symbol": "NOPE"}, -1121),
    ],
)
def test_history_asked_for_wrongly_is_refused(bench, path, parameters, code):
    assert bench.code("GET", path, **({"symbol": "BTCUSDT"} | parameters)) == code


def test_history_without_a_symbol_is_refused(bench):
    assert bench.code("GET", "allOrders") == 700004
    assert bench.code("GET", "myTrades") == 700004


def test_history_without_a_limit_has_five_hundred_orders(bench):
    for number in range(501):
        bench.place(f"h{number}", price="1000")
    assert len(bench.ask("GET", "allOrders", symbol="BTCUSDT")) == 500


# ----- trades


def test_trade_shows_the_documented_fields_without_the_client_order_id(bench):
    order_id = bench.place()
    bench.execute(order_id, "0.004")
    (trade,) = bench.ask("GET", "myTrades", symbol="BTCUSDT")
    (execution,) = bench.engine.truth.executions
    assert trade == {
        "symbol": "BTCUSDT",
        "id": bench.dialect.fill_id(execution),
        "orderId": order_id,
        "orderListId": -1,
        "price": "50000",
        "qty": "0.004",
        "quoteQty": "200",
        "commission": "0",
        "commissionAsset": "USDT",
        "time": bench.now_ms,
        "isBuyer": True,
        "isMaker": True,
        "isBestMatch": True,
        "isSelfTrade": False,
        "clientOrderId": None,
    }
    assert trade["id"].endswith("X1")


def test_trades_of_one_order_leave_out_those_of_others(bench):
    one, other = bench.place("a"), bench.place("b")
    for order_id in (one, other, one):
        bench.execute(order_id, "0.001")
    trades = bench.ask("GET", "myTrades", symbol="BTCUSDT", orderId=one)
    assert ids(trades) == [one, one]
    assert len({trade["id"] for trade in trades}) == 2
    assert bench.ask("GET", "myTrades", symbol="BTCUSDT", orderId="C02__1") == []
    assert bench.ask("GET", "myTrades", symbol="ETHUSDT", orderId=one) == []


def test_trades_come_a_hundred_at_most_the_latest_of_the_window_first(bench):
    order_id = bench.place(quantity="1")
    times = []
    for _ in range(130):
        bench.now_ms += 1
        bench.execute(order_id, "0.001")
        times.append(bench.now_ms)
    page = bench.ask("GET", "myTrades", symbol="BTCUSDT")
    assert [one["time"] for one in page] == times[:-101:-1]
    before = bench.ask("GET", "myTrades", symbol="BTCUSDT", endTime=page[-1]["time"] - 1)
    assert [one["time"] for one in before] == times[29::-1]


def test_trades_older_than_a_month_are_not_there(bench):
    order_id = bench.place()
    bench.execute(order_id, "0.001")
    bench.now_ms += 30 * DAY_MS + 1
    assert bench.ask("GET", "myTrades", symbol="BTCUSDT", startTime=START_MS) == []


def test_trades_when_stale_lack_the_latest(bench):
    order_id = bench.place()
    bench.execute(order_id, "0.001")
    bench.trades_stale_ms = 1_000
    assert bench.ask("GET", "myTrades", symbol="BTCUSDT") == []
    assert bench.order(order_id)["executedQty"] == "0.001"
    bench.now_ms += 1_000
    assert len(bench.ask("GET", "myTrades", symbol="BTCUSDT")) == 1


# ----- balances, rules, time


def test_account_shows_free_and_locked_and_nothing_at_zero(bench):
    bench.place()
    bench.note(bench.engine.deposit("alice", "BTC", Decimal(-100), bench.now_ms))
    body = bench.ask("GET", "account")
    assert body["balances"] == [{"asset": "USDT", "free": "999500", "locked": "500"}]
    assert (body["accountType"], body["permissions"], body["updateTime"]) == ("SPOT", ["SPOT"], None)


def test_exchange_info_without_a_key_shows_the_rules(bench):
    body = json.loads(bench.send("GET", "exchangeInfo", headers={}).body)
    assert body["serverTime"] == bench.now_ms
    symbols = {one["symbol"]: one for one in body["symbols"]}
    assert set(symbols) == {"BTCUSDT", "ETHUSDT", "BTCUSD"}
    bitcoin = symbols["BTCUSDT"]
    assert (bitcoin["baseAsset"], bitcoin["quoteAsset"], bitcoin["status"]) == ("BTC", "USDT", "1")
    assert (bitcoin["quotePrecision"], bitcoin["baseAssetPrecision"]) == (2, 5)
    assert (bitcoin["baseSizePrecision"], bitcoin["quoteAmountPrecision"]) == ("0.00001", "5")
    assert (bitcoin["isSpotTradingAllowed"], bitcoin["tradeSideType"], bitcoin["filters"]) == (True, 1, [])
    assert bitcoin["maxQuoteAmount"] == "9000000"
    assert (bitcoin["makerCommission"], bitcoin["takerCommission"]) == ("0", "0.0005")
    assert sorted(bitcoin["orderTypes"]) == ["FILL_OR_KILL", "IMMEDIATE_OR_CANCEL", "LIMIT", "LIMIT_MAKER", "MARKET"]


def test_exchange_info_of_named_symbols_shows_those(bench):
    def names(query):
        return [one["symbol"] for one in json.loads(bench.send("GET", "exchangeInfo", query).body)["symbols"]]

    assert names("symbol=ETHUSDT") == ["ETHUSDT"]
    assert names("symbols=ETHUSDT,BTCUSD") == ["ETHUSDT", "BTCUSD"]
    assert bench.code("GET", "exchangeInfo", symbol="NOPE") == -1121
    assert bench.code("GET", "exchangeInfo", symbol="BTCUSDT", symbols="BTCUSDT") == -1128


def test_symbol_that_is_not_traded_by_api_says_so_everywhere(bench):
    rules = tuple(replace(one, trading=one.symbol != "BTC-USDT") for one in MexcDialect.instruments())
    bench.engine = Engine(rules, client_ids=MexcDialect.client_ids, fees=MexcDialect.fees)
    bench.engine.add_account("alice", {"USDT": Decimal(1_000_000)})
    bench.visibility = Visibility(bench.engine)
    bench.dialect = MexcDialect(bench.engine, Random(1))
    bench.keys = bench.dialect.add_keys("alice", 7)
    terms = {"side": "BUY", "type": "LIMIT", "quantity": "1", "price": "2000"}
    assert bench.code("POST", "order", symbol="BTCUSDT", **terms) == 10007
    assert bench.ask("POST", "order", symbol="ETHUSDT", **terms)
    assert bench.ask("GET", "selfSymbols")["data"] == ["ETHUSDT", "BTCUSD"]
    (shown,) = bench.ask("GET", "exchangeInfo", symbol="BTCUSDT")["symbols"]
    assert (shown["status"], shown["isSpotTradingAllowed"]) == ("2", False)


def test_symbol_lists_name_what_is_traded(bench):
    for path in ("selfSymbols", "defaultSymbols"):
        assert bench.ask("GET", path)["data"] == ["BTCUSDT", "ETHUSDT", "BTCUSD"]


def test_trade_fee_is_given_as_numbers_inside_data(bench):
    answer = bench.call("GET", "tradeFee", symbol="BTCUSDT")
    body = json.loads(answer.body, parse_float=Decimal)
    assert body["data"] == {"makerCommission": 0, "takerCommission": Decimal("0.0005")}
    assert (body["code"], body["msg"], body["timestamp"]) == (0, "success", bench.now_ms)


def test_price_is_that_of_the_last_trade(bench):
    order_id = bench.place(price="50000.5")
    assert bench.ask("GET", "ticker/price", symbol="BTCUSDT") == {"symbol": "BTCUSDT", "price": "60000"}
    bench.execute(order_id, "0.001", "50000.5")
    assert bench.ask("GET", "ticker/price", symbol="BTCUSDT")["price"] == "50000.5"
    assert [one["symbol"] for one in bench.ask("GET", "ticker/price")] == ["BTCUSDT", "ETHUSDT", "BTCUSD"]


def test_time_and_ping_need_no_key(bench):
    assert json.loads(bench.send("GET", "time", headers={}).body) == {"serverTime": bench.now_ms}
    assert json.loads(bench.send("GET", "ping", headers={}).body) == {}
