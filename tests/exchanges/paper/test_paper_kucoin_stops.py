"""Stops at the KuCoin dialect: their own endpoints and ids, and the ordinary order that a trigger makes of them."""

import pytest

from tests.exchanges.paper.paper_kucoin_kit import HF, START_MS, STOP, Bench, D, kinds

STOPS = "/spotMarket/advancedOrders"


@pytest.fixture
def bench():
    return Bench()


def trade_at(bench, price):
    """Let a trade of others set the last price."""
    bench.bob("SELL", "0.001", price)
    bench.happened(bench.engine.execute(max(bench.engine.truth.orders), D(price), D("0.001"), bench.now_ms))


def child_of(stop_id):
    return stop_id.replace("vs93gptv", "67112258")


def test_stop_waits_under_its_own_id_in_its_own_list(bench):
    stop_id = bench.data(bench.stop(clientOid="mine"))["orderId"]
    assert stop_id.startswith("vs")
    assert bench.data(bench.get(f"{HF}/active", symbol="BTC-USDT")) == []
    assert bench.get(f"{HF}/client-order/mine", symbol="BTC-USDT")["code"] == "102436"
    assert bench.get(f"{HF}/{child_of(stop_id)}", symbol="BTC-USDT")["code"] == "102436"
    assert bench.get(f"{HF}/{stop_id}", symbol="BTC-USDT")["code"] == "102436"
    (order,) = bench.engine.open_orders("alice")
    assert bench.dialect.venue_order_id(order.order_id) == stop_id
    described = bench.data(bench.get(f"{STOP}/{stop_id}"))
    assert described == bench.data(bench.get(STOP, symbol="BTC-USDT"))["items"][0]
    assert [described] == bench.data(bench.get(f"{STOP}/queryOrderByClientOid", clientOid="mine"))


def test_stop_is_described_with_twenty_decimals_and_nanoseconds(bench):
    stop_id = bench.data(bench.stop(clientOid="mine"))["orderId"]
    described = bench.data(bench.get(f"{STOP}/{stop_id}"))
    wanted = {
        "id": stop_id,
        "symbol": "BTC-USDT",
        "status": "NEW",
        "type": "limit",
        "side": "sell",
        "price": "54000.00000000000000000000",
        "size": "0.01000000000000000000",
        "funds": None,
        "timeInForce": "GTC",
        "cancelAfter": -1,
        "clientOid": "mine",
        "createdAt": START_MS,
        "stop": "loss",
        "stopTriggerTime": None,
        "stopPrice": "55000.00000000000000000000",
        "tradeType": "TRADE",
    }
    assert {name: described[name] for name in wanted} == wanted
    assert described["orderTime"] // 10**6 == START_MS


def test_stop_reserves_nothing_until_its_trigger(bench):
    bench.data(bench.stop())
    assert bench.engine.balances("alice")["BTC"] == (D(100), D(0))


@pytest.mark.parametrize(
    ("side", "stop", "stop_price", "price", "other", "fires"),
    [
        ("sell", "loss", "55000", "54000", "55000.01", "55000"),
        ("buy", "entry", "65000", "66000", "64999.99", "65000"),
        ("sell", "entry", "65000", "64000", "64999.99", "65000"),
        ("buy", "loss", "55000", "56000", "55000.01", "55000"),
    ],
)
def test_stop_of_either_kind_fires_on_its_side_of_the_price(bench, side, stop, stop_price, price, other, fires):
    stop_id = bench.data(bench.stop(side=side, stop=stop, stopPrice=stop_price, price=price))["orderId"]
    trade_at(bench, other)
    assert bench.data(bench.get(f"{STOP}/{stop_id}"))["status"] == "NEW"
    trade_at(bench, fires)
    assert bench.data(bench.get(f"{STOP}/{stop_id}"))["status"] == "TRIGGERED"


def test_stop_without_a_kind_is_a_loss(bench):
    stop_id = bench.data(bench.stop(stop=None))["orderId"]
    assert bench.data(bench.get(f"{STOP}/{stop_id}"))["stop"] == "loss"


def test_triggered_stop_is_an_ordinary_order_with_a_new_id_and_the_same_client_oid(bench):
    stop_id = bench.data(bench.stop(clientOid="mine", price="56000", stopPrice="55000"))["orderId"]
    bench.now_ms += 5_000
    trade_at(bench, "55000")
    assert bench.data(bench.get(STOP, symbol="BTC-USDT"))["items"] == []
    assert bench.data(bench.get(f"{STOP}/{stop_id}"))["stopTriggerTime"] == START_MS + 5_000
    child = bench.data(bench.get(f"{HF}/client-order/mine", symbol="BTC-USDT"))
    assert child["id"] == child_of(stop_id) != stop_id
    assert (child["active"], child["createdAt"]) == (True, START_MS + 5_000)
    (order,) = bench.engine.open_orders("alice")
    assert bench.dialect.venue_order_id(order.order_id) == child["id"]
    assert bench.delete(f"{STOP}/{stop_id}")["code"] == "400100"
    bench.data(bench.delete(f"{HF}/{child['id']}", symbol="BTC-USDT"))
    assert bench.order(child["id"])["cancelExist"] is True


def test_market_stop_that_fires_sells_at_once_and_its_fill_names_the_child(bench):
    stop_id = bench.data(bench.stop(type="market", price=None))["orderId"]
    bench.bob("BUY", "1", "54500")
    trade_at(bench, "55000")
    assert bench.order(child_of(stop_id))["dealSize"] == "0.01"
    (fill,) = bench.data(bench.get("/api/v1/hf/fills", symbol="BTC-USDT"))["items"]
    assert (fill["orderId"], fill["stop"], fill["type"]) == (child_of(stop_id), "loss", "market")


def test_stop_that_cannot_be_paid_when_it_fires_leaves_no_child(bench):
    stop_id = bench.data(bench.stop(side="buy", stop="entry", stopPrice="65000", price="65000", size="20"))["orderId"]
    bench.messages()
    trade_at(bench, "65000")
    frames = list(bench.frames)
    (told,) = bench.messages(STOPS)
    assert (told["type"], told["triggerSuccess"], told["error"]) == ("triggered", False, "Balance insufficient!")
    bench.frames = frames
    assert bench.messages() == []
    assert bench.get(f"{HF}/{child_of(stop_id)}", symbol="BTC-USDT")["code"] == "102436"
    assert bench.data(bench.get(f"{HF}/done", symbol="BTC-USDT"))["items"] == []
    (order,) = bench.engine.orders_of("alice", "BTC-USDT")
    assert bench.dialect.venue_order_id(order.order_id) == stop_id


def test_cancelled_stop_is_gone_from_everywhere(bench):
    stop_id = bench.data(bench.stop(clientOid="mine"))["orderId"]
    assert bench.data(bench.delete(f"{STOP}/{stop_id}")) == {"cancelledOrderIds": [stop_id]}
    assert bench.data(bench.get(f"{STOP}/{stop_id}")) is None
    assert bench.data(bench.get(f"{STOP}/queryOrderByClientOid", clientOid="mine")) == []
    assert bench.data(bench.get(f"{HF}/done", symbol="BTC-USDT"))["items"] == []
    assert bench.delete(f"{STOP}/{stop_id}")["msg"] == "order_not_exist_or_not_allow_to_cancel"


def test_stop_is_cancelled_by_its_client_oid(bench):
    stop_id = bench.data(bench.stop(clientOid="mine"))["orderId"]
    path = f"{STOP}/cancelOrderByClientOid"
    data = bench.data(bench.delete(path, clientOid="mine", symbol="BTC-USDT"))
    assert data == {"cancelledOrderId": stop_id, "clientOid": "mine"}
    assert bench.delete(path, clientOid="mine", symbol="BTC-USDT")["code"] == "400100"


def test_ordinary_order_is_no_stop(bench):
    order_id = bench.rest(clientOid="mine")
    assert bench.data(bench.get(f"{STOP}/{order_id}")) is None
    assert bench.delete(f"{STOP}/{order_id.replace('67112258', 'vs93gptv')}")["code"] == "400100"
    assert bench.delete(f"{STOP}/cancelOrderByClientOid", clientOid="mine")["code"] == "400100"
    assert bench.order(order_id)["active"] is True


def test_many_stops_are_cancelled_by_symbol_or_by_ids(bench):
    first, second, third = (bench.data(bench.stop())["orderId"] for _ in range(3))
    other = bench.data(bench.stop(symbol="ETH-USDT", stopPrice="2500", price="2400", size="0.1"))["orderId"]
    bench.rest()
    data = bench.data(bench.delete(f"{STOP}/cancel", symbol="BTC-USDT", tradeType="TRADE", orderIds=f"{first},{third}"))
    assert data == {"cancelledOrderIds": [first, third]}
    assert bench.data(bench.delete(f"{STOP}/cancel", symbol="BTC-USDT")) == {"cancelledOrderIds": [second]}
    assert bench.data(bench.delete(f"{STOP}/cancel")) == {"cancelledOrderIds": [other]}
    assert len(bench.engine.open_orders("alice")) == 1


def test_stops_are_listed_by_page_newest_first(bench):
    placed = [bench.data(bench.stop())["orderId"] for _ in range(55)]
    seen = []
    for number in (1, 2, 3):
        page = bench.data(bench.get(STOP, symbol="BTC-USDT", currentPage=number, pageSize=25))
        assert (page["currentPage"], page["pageSize"], page["totalNum"], page["totalPage"]) == (number, 25, 55, 3)
        seen += [one["id"] for one in page["items"]]
    assert seen == placed[::-1]
    assert len(bench.data(bench.get(STOP))["items"]) == 50


def test_stops_are_chosen_by_filters(bench):
    sell = bench.data(bench.stop())["orderId"]
    bench.now_ms += 10
    buy = bench.data(bench.stop(side="buy", stop="entry", stopPrice="65000", type="market", price=None))["orderId"]

    def listed(**query):
        return [one["id"] for one in bench.data(bench.get(STOP, **query))["items"]]

    assert listed() == [buy, sell]
    assert listed(side="sell") == listed(type="limit") == listed(stop="loss") == listed(endAt=START_MS) == [sell]
    assert listed(side="buy") == listed(stop="entry") == listed(startAt=START_MS + 10) == listed(orderIds=buy) == [buy]
    assert listed(symbol="ETH-USDT") == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"stopPrice": None}, "400100"),
        ({"stopPrice": "55000.001"}, "600100"),
        ({"stop": "up"}, "400100"),
        ({"tradeType": "MARGIN_TRADE"}, "400100"),
        ({"price": None}, "400100"),
        ({"stopPrice": "61000"}, "400100"),
    ],
)
def test_stop_that_breaks_a_rule_is_refused_with_its_code(bench, changes, code):
    assert bench.stop(**changes)["code"] == code
    assert bench.engine.truth.accepted_count == 0


def test_client_oid_of_a_stop_that_waits_is_refused_in_the_classic_words(bench):
    bench.data(bench.stop(clientOid="mine"))
    answer = bench.stop(clientOid="mine")
    assert (answer["code"], answer["msg"]) == ("400100", "validation.createOrder.clientOidDuplicated")


def test_late_stop_is_refused(bench):
    request = bench.request(
        "POST",
        STOP,
        bench.terms(side="sell", stop="loss", stopPrice="55000", clientTimestamp=START_MS, allowMaxTimeWindow=1_000),
    )
    bench.now_ms += 1_001
    assert bench.send(request)["code"] == "126041"


def test_cancel_of_a_stop_names_its_target_for_the_fault_plan(bench):
    stop_id = bench.data(bench.stop(clientOid="mine"))["orderId"]
    by_id = bench.dialect.subject(bench.request("DELETE", f"{STOP}/{stop_id}"))
    query = {"clientOid": "mine", "symbol": "BTC-USDT"}
    by_client = bench.dialect.subject(bench.request("DELETE", f"{STOP}/cancelOrderByClientOid", query=query))
    for subject in (by_id, by_client):
        assert (subject.kind, subject.client_order_ids) == ("cancel", ("mine",))
        assert subject.target.client_order_id == "mine"


def test_stream_tells_of_a_stop_from_placement_over_trigger_to_the_childs_fill(bench):
    stop_id = bench.data(bench.stop(clientOid="mine"))["orderId"]
    (opened,) = bench.messages(STOPS)
    wanted = {
        "type": "open",
        "orderId": stop_id,
        "orderType": "stop",
        "orderPrice": "54000",
        "stop": "loss",
        "stopPrice": "55000",
        "side": "sell",
        "size": "0.01",
        "symbol": "BTC-USDT",
        "tradeType": "TRADE",
        "createdAt": START_MS,
    }
    assert {name: opened[name] for name in wanted} == wanted
    assert "clientOid" not in opened
    bench.bob("BUY", "0.004", "54500")
    trade_at(bench, "55000")
    frames = list(bench.frames)
    (triggered,) = bench.messages(STOPS)
    assert (triggered["type"], triggered["orderId"], triggered["triggerSuccess"]) == ("triggered", stop_id, True)
    bench.frames = frames
    told = bench.messages()
    assert kinds(told) == [("received", "new"), ("match", "match"), ("open", "open")]
    assert {one["orderId"] for one in told} == {child_of(stop_id)}
    assert {one["clientOid"] for one in told} == {"mine"}


def test_stream_tells_of_a_cancelled_stop_under_its_own_id(bench):
    stop_id = bench.data(bench.stop())["orderId"]
    bench.messages()
    bench.delete(f"{STOP}/{stop_id}")
    frames = list(bench.frames)
    (told,) = bench.messages(STOPS)
    assert (told["type"], told["orderId"]) == ("cancel", stop_id)
    bench.frames = frames
    assert bench.messages() == []
