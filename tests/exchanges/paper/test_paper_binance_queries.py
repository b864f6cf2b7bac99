"""The Binance dialect over a real socket: queries, rules, limits."""

from decimal import Decimal

import requests


def error(response, status=400):
    assert response.status_code == status, response.text
    body = response.json()
    return body["code"], body["msg"]


# ----- queries


def test_query_shows_the_documented_fields(user):
    user.limit("seen")
    body = user.query("seen").json()
    documented = {
        *("symbol", "orderId", "orderListId", "clientOrderId", "price", "origQty", "executedQty"),
        *("cummulativeQuoteQty", "status", "timeInForce", "type", "side", "stopPrice", "icebergQty", "time"),
        *("updateTime", "isWorking", "workingTime", "origQuoteOrderQty", "selfTradePreventionMode"),
    }
    assert set(body) == documented


def test_query_of_an_unknown_order_or_a_mismatch_is_refused(user):
    assert error(user.query("never"))[0] == -2013
    order_id = user.limit("seen").json()["orderId"]
    answer = user.call("GET", "order", symbol="BTCUSDT", orderId=order_id, origClientOrderId="other")
    assert error(answer)[0] == -2039


def test_open_orders_lists_only_what_is_open_of_the_symbol_or_of_all(user):
    user.limit("a")
    user.limit("b", symbol="ETHUSDT", price="2000", quantity="1")
    closed = user.limit("c").json()["orderId"]
    user.call("DELETE", "order", symbol="BTCUSDT", orderId=closed)
    assert [o["clientOrderId"] for o in user.call("GET", "openOrders", symbol="BTCUSDT").json()] == ["a"]
    assert [o["clientOrderId"] for o in user.call("GET", "openOrders").json()] == ["a", "b"]


def test_all_orders_pages_by_id_and_by_time(user):
    ids = [user.limit(f"p{n}").json()["orderId"] for n in range(3)]
    created = user.query("p1").json()["time"]
    everything = user.call("GET", "allOrders", symbol="BTCUSDT").json()
    assert [o["orderId"] for o in everything] == ids
    assert [o["orderId"] for o in user.call("GET", "allOrders", symbol="BTCUSDT", limit=2).json()] == ids[1:]
    assert [o["orderId"] for o in user.call("GET", "allOrders", symbol="BTCUSDT", orderId=ids[1], limit=1).json()] == [
        ids[1]
    ]
    since = user.call("GET", "allOrders", symbol="BTCUSDT", startTime=created, endTime=created + 1000).json()
    assert {o["orderId"] for o in since} >= set(ids[1:2])
    assert user.call("GET", "allOrders", symbol="BTCUSDT", endTime=created - 60_000).json() == []


def test_history_over_more_than_a_day_is_refused(user):
    answer = user.call("GET", "allOrders", symbol="BTCUSDT", startTime=1, endTime=86_400_002)
    assert error(answer)[0] == -1127


def test_trades_are_listed_by_order_by_id_and_by_time(user, control):
    order_id = user.limit("traded").json()["orderId"]
    for _ in range(3):
        control.execute(order_id, size=Decimal("0.002"))
    trades = user.call("GET", "myTrades", symbol="BTCUSDT", orderId=order_id).json()
    assert [trade["qty"] for trade in trades] == ["0.00200000"] * 3
    assert (trades[0]["isBuyer"], trades[0]["isMaker"], trades[0]["quoteQty"]) == (True, True, "100.00000000")
    later = user.call("GET", "myTrades", symbol="BTCUSDT", fromId=trades[1]["id"]).json()
    assert [trade["id"] for trade in later] == [trade["id"] for trade in trades[1:]]
    assert user.call("GET", "myTrades", symbol="BTCUSDT", limit=1).json() == trades[-1:]
    assert error(user.call("GET", "myTrades", symbol="BTCUSDT", fromId=1, startTime=1))[0] == -1128


def test_account_shows_free_and_locked_as_text(user):
    user.limit("locks")
    balances = {one["asset"]: one for one in user.call("GET", "account", omitZeroBalances="true").json()["balances"]}
    assert balances["USDT"] == {"asset": "USDT", "free": "999500.00000000", "locked": "500.00000000"}


def test_exchange_info_announces_limits_only_while_they_are_enforced(user, control):
    url = f"{user.rest_url}/api/v3/exchangeInfo"
    assert user.session.get(url, timeout=10).json()["rateLimits"] == []
    control.enforce_limits(enabled=True)
    announced = user.session.get(url, timeout=10).json()["rateLimits"]
    assert {one["rateLimitType"] for one in announced} == {"REQUEST_WEIGHT", "ORDERS", "RAW_REQUESTS"}


def test_exchange_info_without_a_key_shows_the_rules(user):
    body = requests.get(f"{user.rest_url}/api/v3/exchangeInfo", timeout=10).json()
    symbols = {one["symbol"]: one for one in body["symbols"]}
    assert set(symbols) == {"BTCUSDT", "ETHUSDT", "BTCUSD"}
    filters = {one["filterType"]: one for one in symbols["BTCUSDT"]["filters"]}
    assert (filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]) == ("0.01000000", "0.00001000")
    assert (symbols["BTCUSDT"]["baseAsset"], symbols["BTCUSDT"]["quoteAsset"]) == ("BTC", "USDT")
    listed = requests.get(f"{user.rest_url}/api/v3/exchangeInfo", params={"symbols": '["ETHUSDT"]'}, timeout=10).json()
    assert [one["symbol"] for one in listed["symbols"]] == ["ETHUSDT"]
    assert error(requests.get(f"{user.rest_url}/api/v3/exchangeInfo?symbol=NOPE", timeout=10))[0] == -1121


def test_retired_listen_key_endpoint_answers_gone_in_html(user):
    answer = user.session.post(f"{user.rest_url}/api/v3/userDataStream", timeout=10)
    assert (answer.status_code, answer.headers["content-type"]) == (410, "text/html")


def test_unknown_path_answers_not_found(user):
    assert user.send("GET", "/api/v3/nowhere", "").status_code == 404


# ----- limits


def test_headers_count_weight_and_orders(user):
    first = user.limit("w1").headers
    second = user.limit("w2").headers
    assert int(second["X-MBX-ORDER-COUNT-1D"]) == int(first["X-MBX-ORDER-COUNT-1D"]) + 1
    assert int(second["X-MBX-ORDER-COUNT-10S"]) >= 1
    assert int(user.call("GET", "openOrders").headers["X-MBX-USED-WEIGHT-1M"]) >= 80


def test_order_limit_when_enforced_refuses_the_order_beyond_it(user, control):
    control.enforce_limits(enabled=True)
    refused = None
    for number in range(250):
        answer = user.limit(f"n{number}")
        if answer.status_code != 200:
            refused = answer
            break
    assert refused is not None
    assert error(refused, 429)[0] == -1015
    user.call("DELETE", "openOrders", symbol="BTCUSDT")
