"""Placements at the KuCoin dialect: every type and time in force, both answers, refusals, client ids, the window."""

import pytest

from tests.exchanges.paper.paper_kucoin_kit import HF, START_MS, Bench, D

CLIENT_OID = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def bench():
    return Bench()


def test_limit_order_placed_asynchronously_is_answered_with_its_ids_alone(bench):
    data = bench.data(bench.limit(clientOid=CLIENT_OID))
    assert set(data) == {"orderId", "clientOid"}
    assert data["clientOid"] == CLIENT_OID
    assert len(data["orderId"]) == 24
    (order,) = bench.engine.open_orders("alice")
    assert bench.dialect.venue_order_id(order.order_id) == data["orderId"]


def test_limit_order_placed_synchronously_is_answered_with_what_it_has_done(bench):
    bench.bob("SELL", "0.004", "50000")
    data = bench.data(bench.limit(f"{HF}/sync", clientOid=CLIENT_OID))
    assert {name: value for name, value in data.items() if name != "orderId"} == {
        "clientOid": CLIENT_OID,
        "orderTime": START_MS,
        "originSize": "0.01",
        "dealSize": "0.004",
        "remainSize": "0.006",
        "canceledSize": "0",
        "status": "open",
        "matchTime": START_MS,
    }


@pytest.mark.parametrize(
    ("time_in_force", "offered", "deal", "cancelled", "status"),
    [
        ("GTC", "0.004", "0.004", "0", "open"),
        ("IOC", "0.004", "0.004", "0.006", "done"),
        ("IOC", None, "0", "0.01", "done"),
        ("FOK", "0.004", "0", "0.01", "done"),
        ("FOK", "0.01", "0.01", "0", "done"),
    ],
)
def test_limit_order_of_each_time_in_force_meets_the_book_as_it_should(
    bench, time_in_force, offered, deal, cancelled, status
):
    if offered:
        bench.bob("SELL", offered, "50000")
    data = bench.data(bench.limit(f"{HF}/sync", timeInForce=time_in_force))
    assert (data["dealSize"], data["canceledSize"], data["status"]) == (deal, cancelled, status)
    described = bench.order(data["orderId"])
    assert described["timeInForce"] == time_in_force
    assert described["active"] is (status == "open")
    assert described["cancelExist"] is (cancelled != "0")


def test_good_till_time_order_ends_when_its_seconds_have_passed(bench):
    order_id = bench.rest(timeInForce="GTT", cancelAfter=10)
    bench.now_ms += 9_999
    bench.happened(bench.engine.step(bench.now_ms))
    assert bench.order(order_id)["active"] is True
    bench.now_ms += 1
    bench.happened(bench.engine.step(bench.now_ms))
    ended = bench.order(order_id)
    assert (ended["active"], ended["cancelExist"], ended["timeInForce"], ended["cancelAfter"]) == (
        False,
        True,
        "GTT",
        10,
    )


def test_good_till_time_order_without_an_end_stays(bench):
    order_id = bench.rest(timeInForce="GTT", cancelAfter=-1)
    bench.now_ms += 10**9
    bench.happened(bench.engine.step(bench.now_ms))
    assert bench.order(order_id)["active"] is True


def test_market_order_by_size_takes_the_book_and_loses_the_rest(bench):
    bench.bob("SELL", "0.004", "60000")
    data = bench.data(bench.limit(f"{HF}/sync", type="market", price=None))
    assert (data["originSize"], data["dealSize"], data["canceledSize"], data["status"]) == (
        "0.01",
        "0.004",
        "0.006",
        "done",
    )


def test_market_order_by_funds_is_filled_although_a_crumb_of_funds_is_cancelled(bench):
    bench.bob("SELL", "1", "60000")
    data = bench.data(bench.limit(f"{HF}/sync", type="market", price=None, size=None, funds="100"))
    assert (data["originSize"], data["originFunds"], data["dealSize"], data["status"]) == (
        "0",
        "100",
        "0.00166",
        "done",
    )
    described = bench.order(data["orderId"])
    assert (described["size"], described["funds"], described["dealFunds"]) == ("0", "100", "99.6")
    assert (described["cancelledSize"], described["cancelledFunds"]) == ("0", "0.4")
    assert (described["active"], described["cancelExist"]) == (False, True)


@pytest.mark.parametrize("amounts", [{"size": "0.01", "funds": "100"}, {"size": None}])
def test_market_order_needs_exactly_one_amount(bench, amounts):
    assert bench.limit(type="market", price=None, **amounts)["code"] == "400100"


def test_resting_post_only_order_is_open(bench):
    assert bench.order(bench.rest(postOnly=True))["postOnly"] is True


def test_crossing_post_only_order_is_accepted_and_then_cancelled(bench):
    bench.bob("SELL", "1", "50000")
    described = bench.order(bench.rest(postOnly=True))
    assert (described["active"], described["cancelExist"], described["dealSize"]) == (False, True, "0")
    assert bench.engine.executions_of("alice", "BTC-USDT") == ()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": None}, "400100"),
        ({"symbol": "DOGE-USDT"}, "900001"),
        ({"side": "BUY"}, "400100"),
        ({"side": None}, "400100"),
        ({"type": "stop"}, "400100"),
        ({"price": None}, "400100"),
        ({"size": None}, "400100"),
        ({"size": 0.01}, "400100"),
        ({"price": "5e4"}, "400100"),
        ({"price": "50000.001"}, "600100"),
        ({"size": "0.010000001"}, "600100"),
        ({"type": "market", "price": None, "size": None, "funds": "100.001"}, "600100"),
        ({"size": "0.00001"}, "600101"),
        ({"size": "100"}, "102421"),
        ({"timeInForce": "DAY"}, "400100"),
        ({"timeInForce": "IOC", "postOnly": True}, "400100"),
        ({"timeInForce": "GTC", "cancelAfter": 5}, "400100"),
        ({"type": "market", "price": None, "stp": "DC"}, "400100"),
        ({"stp": "XX"}, "400100"),
        ({"postOnly": "true"}, "400100"),
        ({"remark": "x" * 21}, "400100"),
        ({"tags": "ü"}, "400100"),
        ({"iceberg": True, "visibleSize": "0.0004"}, "102411"),
        ({"clientOid": "x" * 41}, "400100"),
        ({"clientOid": "has space"}, "400100"),
    ],
)
def test_placement_that_breaks_a_rule_is_refused_with_its_code(bench, changes, code):
    assert bench.limit(**changes)["code"] == code
    assert bench.engine.truth.accepted_count == 0


def test_refusal_of_the_engine_comes_with_http_200(bench):
    assert bench.limit(size="100")["code"] == "102421"
    assert bench.answered.status == 200


@pytest.mark.parametrize("path", [HF, f"{HF}/sync"])
def test_client_oid_of_an_order_that_stands_is_refused_as_duplicate(bench, path):
    bench.rest(clientOid=CLIENT_OID)
    assert bench.limit(path, clientOid=CLIENT_OID)["code"] == "102426"
    assert len(bench.engine.open_orders("alice")) == 1


@pytest.mark.parametrize("client_oid", ["x" * 40, "A-z_9"])
def test_client_oid_in_any_legal_form_is_kept(bench, client_oid):
    assert bench.order(bench.rest(clientOid=client_oid))["clientOid"] == client_oid


def test_order_without_client_oid_gets_one(bench):
    assert bench.data(bench.limit(clientOid=None))["clientOid"]


def test_labels_and_modes_come_back_in_the_order(bench):
    order_id = bench.rest(
        remark="r1", tags="t1", stp="CO", hidden=True, iceberg=True, visibleSize="0.001", timeInForce="GTC"
    )
    described = bench.order(order_id)
    wanted = {"remark": "r1", "tags": "t1", "stp": "CO", "hidden": True, "iceberg": True, "visibleSize": "0.001"}
    assert {name: described[name] for name in wanted} == wanted


def test_stp_of_a_fill_or_kill_order_is_forced_to_cn(bench):
    assert bench.order(bench.rest(timeInForce="FOK", stp="CO"))["stp"] == "CN"


@pytest.mark.parametrize(("late_ms", "taken"), [(2_000, True), (2_001, False)])
def test_placement_that_arrives_after_its_window_is_refused(bench, late_ms, taken):
    sent_ms = bench.now_ms
    request = bench.request("POST", HF, bench.terms(clientTimestamp=sent_ms, allowMaxTimeWindow=2_000))
    bench.now_ms += late_ms
    answer = bench.send(request)
    assert (answer["code"] == "200000") is taken
    assert (answer["code"] == "126041") is not taken
    assert len(bench.engine.open_orders("alice")) == taken


def test_window_whose_timestamp_is_not_the_headers_is_refused(bench):
    answer = bench.limit(clientTimestamp=bench.now_ms - 1, allowMaxTimeWindow=2_000)
    assert answer["code"] == "126041"
    assert bench.limit(allowMaxTimeWindow=2_000)["code"] == "400100"


def test_test_placement_answers_like_a_real_one_and_places_nothing(bench):
    data = bench.data(bench.limit(f"{HF}/test", clientOid=CLIENT_OID))
    assert data["clientOid"] == CLIENT_OID
    assert bench.limit(f"{HF}/test", price="50000.001")["code"] == "600100"
    assert bench.get(f"{HF}/{data['orderId']}", symbol="BTC-USDT")["code"] == "102436"
    assert bench.engine.truth.accepted_count == 0


def test_body_that_is_no_json_object_is_refused(bench):
    assert bench.send(bench.request("POST", HF, [1]))["code"] == "400100"


# ----- alter


def test_altered_order_gets_a_new_id_under_its_client_oid(bench):
    order_id = bench.rest(clientOid=CLIENT_OID, remark="mine")
    data = bench.data(bench.post(f"{HF}/alter", symbol="BTC-USDT", orderId=order_id, newPrice="49000", newSize="0.02"))
    assert data["clientOid"] == CLIENT_OID
    assert data["newOrderId"] != order_id
    old, new = bench.order(order_id), bench.order(data["newOrderId"])
    assert (old["active"], old["cancelExist"], old["clientOid"]) == (False, True, CLIENT_OID)
    assert (new["active"], new["price"], new["size"], new["clientOid"], new["remark"]) == (
        True,
        "49000",
        "0.02",
        CLIENT_OID,
        "mine",
    )


def test_altered_size_counts_what_was_filled_before(bench):
    order_id = bench.rest(clientOid=CLIENT_OID)
    bench.bob("SELL", "0.004", "50000")
    data = bench.data(bench.post(f"{HF}/alter", symbol="BTC-USDT", clientOid=CLIENT_OID, newSize="0.015"))
    assert (bench.order(order_id)["dealSize"], bench.order(order_id)["cancelledSize"]) == ("0.004", "0.006")
    assert bench.order(data["newOrderId"])["size"] == "0.011"


def test_order_altered_to_what_it_has_filled_ends_without_another(bench):
    order_id = bench.rest()
    bench.bob("SELL", "0.004", "50000")
    data = bench.data(bench.post(f"{HF}/alter", symbol="BTC-USDT", orderId=order_id, newSize="0.004"))
    assert data["newOrderId"] is None
    assert bench.order(order_id)["active"] is False
    assert bench.engine.open_orders("alice") == ()


def test_alteration_against_the_rules_changes_nothing(bench):
    order_id = bench.rest()
    for terms in ({"newPrice": "49000.001"}, {"newSize": "0.0000001"}, {}):
        answer = bench.post(f"{HF}/alter", symbol="BTC-USDT", orderId=order_id, **terms)
        assert answer["code"] in {"600100", "600101", "400100"}
    assert bench.order(order_id)["active"] is True


def test_alteration_that_cannot_be_paid_leaves_the_order_cancelled(bench):
    order_id = bench.rest()
    answer = bench.post(f"{HF}/alter", symbol="BTC-USDT", orderId=order_id, newSize="100")
    assert answer["code"] == "102421"
    assert next(type(event).__name__ for event in bench.answered.events) == "OrderCancelled"
    assert bench.order(order_id)["active"] is False


def test_alteration_of_an_ended_or_unknown_order_is_refused(bench):
    order_id = bench.rest()
    bench.delete(f"{HF}/{order_id}", symbol="BTC-USDT")
    for named in ({"orderId": order_id}, {"clientOid": "never"}):
        assert bench.post(f"{HF}/alter", symbol="BTC-USDT", newPrice="49000", **named)["code"] == "102436"


def test_alteration_names_its_target_for_the_fault_plan(bench):
    order_id = bench.rest(clientOid=CLIENT_OID)
    for named in ({"orderId": order_id}, {"clientOid": CLIENT_OID}):
        request = bench.request("POST", f"{HF}/alter", {"symbol": "BTC-USDT", "newPrice": "49000", **named})
        subject = bench.dialect.subject(request)
        assert (subject.kind, subject.client_order_ids, subject.places) == ("replace", (CLIENT_OID,), None)
        assert subject.target.client_order_id == CLIENT_OID


def test_placement_says_to_the_fault_plan_what_it_places(bench):
    for path in (HF, f"{HF}/sync", "/api/v1/stop-order"):
        subject = bench.dialect.subject(bench.request("POST", path, bench.terms(clientOid=CLIENT_OID)))
        assert (subject.kind, subject.places, subject.target) == ("place", CLIENT_OID, None)


def test_fee_of_a_buy_is_charged_in_the_quote_currency(bench):
    bench.bob("SELL", "0.01", "50000")
    described = bench.order(bench.rest())
    assert (described["fee"], described["feeCurrency"]) == ("0.5", "USDT")
    assert bench.engine.balances("alice")["BTC"][0] == D("100.01")
