"""Cancels at the KuCoin dialect: by both ids, synchronous and not, in part, by symbol, of everything."""

import pytest

from tests.exchanges.paper.paper_kucoin_kit import HF, Bench

SYNC = f"{HF}/sync"


@pytest.fixture
def bench():
    return Bench()


def test_order_cancelled_asynchronously_by_either_id_is_answered_with_that_id_alone(bench):
    first, second = bench.rest(clientOid="a"), bench.rest(clientOid="b")
    assert bench.data(bench.delete(f"{HF}/{first}", symbol="BTC-USDT")) == {"orderId": first}
    assert bench.data(bench.delete(f"{HF}/client-order/b", symbol="BTC-USDT")) == {"clientOid": "b"}
    assert [bench.order(one)["cancelExist"] for one in (first, second)] == [True, True]


def test_order_cancelled_synchronously_by_either_id_is_answered_with_what_it_had_done(bench):
    first = bench.rest(clientOid="a")
    bench.bob("SELL", "0.004", "50000")
    assert bench.data(bench.delete(f"{SYNC}/{first}", symbol="BTC-USDT")) == {
        "orderId": first,
        "originSize": "0.01",
        "dealSize": "0.004",
        "remainSize": "0",
        "canceledSize": "0.006",
        "status": "done",
    }
    second = bench.rest(clientOid="b")
    data = bench.data(bench.delete(f"{SYNC}/client-order/b", symbol="BTC-USDT"))
    assert (data["orderId"], data["canceledSize"]) == (second, "0.01")


@pytest.mark.parametrize("end", ["cancelled", "filled", "never there", "another symbol"])
@pytest.mark.parametrize("path", [HF, SYNC])
def test_cancel_of_what_is_not_open_looks_the_same_whatever_happened_before(bench, end, path):
    order_id = bench.rest()
    symbol = "ETH-USDT" if end == "another symbol" else "BTC-USDT"
    if end == "cancelled":
        bench.delete(f"{HF}/{order_id}", symbol="BTC-USDT")
    elif end == "filled":
        bench.bob("SELL", "1", "50000")
    elif end == "never there":
        order_id = "670fd33bf9406e0007ab3945"
    assert bench.delete(f"{path}/{order_id}", symbol=symbol)["code"] == "102436"
    assert bench.answered.events == ()


def test_cancel_without_symbol_is_refused(bench):
    order_id = bench.rest(clientOid="a")
    for path in (f"{HF}/{order_id}", f"{HF}/client-order/a", f"{SYNC}/{order_id}", f"{HF}/cancel/{order_id}", HF):
        assert bench.delete(path, cancelSize="0.001")["code"] == "400100"
    assert bench.order(order_id)["active"] is True


def test_order_of_somebody_else_cannot_be_cancelled_or_seen(bench):
    order_id = bench.dialect.venue_order_id(bench.bob("BUY", "1", "50000").order_id)
    assert bench.delete(f"{HF}/{order_id}", symbol="BTC-USDT")["code"] == "102436"
    assert bench.get(f"{HF}/{order_id}", symbol="BTC-USDT")["code"] == "102436"


def test_order_cancelled_in_part_keeps_its_id_and_its_place(bench):
    order_id = bench.rest()
    behind = bench.rest()
    data = bench.data(bench.delete(f"{HF}/cancel/{order_id}", symbol="BTC-USDT", cancelSize="0.004"))
    assert data == {"orderId": order_id, "cancelSize": "0.004"}
    bench.bob("SELL", "0.006", "50000")
    reduced = bench.order(order_id)
    assert (reduced["size"], reduced["dealSize"], reduced["cancelledSize"]) == ("0.01", "0.006", "0.004")
    assert (reduced["active"], reduced["cancelExist"]) == (False, True)
    assert bench.order(behind)["dealSize"] == "0"


def test_open_order_cancelled_in_part_shows_what_remains(bench):
    order_id = bench.rest()
    for _ in range(12):
        bench.data(bench.delete(f"{HF}/cancel/{order_id}", symbol="BTC-USDT", cancelSize="0.0005"))
    reduced = bench.order(order_id)
    assert (reduced["size"], reduced["remainSize"], reduced["cancelledSize"], reduced["active"]) == (
        "0.01",
        "0.004",
        "0.006",
        True,
    )


def test_partial_cancel_of_all_that_remains_ends_the_order(bench):
    order_id = bench.rest()
    bench.data(bench.delete(f"{HF}/cancel/{order_id}", symbol="BTC-USDT", cancelSize="0.01"))
    assert bench.order(order_id)["active"] is False


@pytest.mark.parametrize(("size", "code"), [("0", "102411"), ("0.02", "102411"), ("0.000000001", "600100")])
def test_partial_cancel_of_an_impossible_size_changes_nothing(bench, size, code):
    order_id = bench.rest()
    assert bench.delete(f"{HF}/cancel/{order_id}", symbol="BTC-USDT", cancelSize=size)["code"] == code
    assert bench.order(order_id)["cancelledSize"] == "0"


def test_cancel_of_a_symbol_leaves_other_symbols_and_waiting_stops(bench):
    bench.rest()
    bench.rest()
    other = bench.rest(symbol="ETH-USDT", price="2000", size="0.1")
    bench.data(bench.stop())
    assert bench.data(bench.delete(HF, symbol="BTC-USDT")) == "success"
    assert [order.working for order in bench.engine.open_orders("alice", "BTC-USDT")] == [False]
    assert bench.order(other, "ETH-USDT")["active"] is True


def test_cancel_of_everything_names_the_symbols_and_leaves_waiting_stops(bench):
    bench.rest()
    bench.rest(symbol="ETH-USDT", price="2000", size="0.1")
    bench.data(bench.stop())
    data = bench.data(bench.delete(f"{HF}/cancelAll"))
    assert data == {"succeedSymbols": ["BTC-USDT", "ETH-USDT"], "failedSymbols": []}
    assert [order.working for order in bench.engine.open_orders("alice")] == [False]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("{id}", "cancel"), ("client-order/mine", "cancel"), ("sync/{id}", "cancel"), ("cancel/{id}", "amend")],
)
def test_cancel_names_its_target_for_the_fault_plan(bench, path, kind):
    order_id = bench.rest(clientOid="mine")
    request = bench.request("DELETE", f"{HF}/{path.format(id=order_id)}", query={"symbol": "BTC-USDT"})
    subject = bench.dialect.subject(request)
    assert (subject.kind, subject.client_order_ids) == (kind, ("mine",))
    assert bench.dialect.venue_order_id(subject.target.order_id) == order_id
