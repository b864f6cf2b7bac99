"""The MEXC dialect: placing, acknowledgements, refusals, client order ids, cancels."""

import json
from decimal import Decimal

import pytest
from test_paper_mexc_support import CLIENT_ID, LIMIT, Bench, refusal

from exchanges.paper.faults import RequestKind
from exchanges.paper.model import OrderAccepted, PaperStatus
from exchanges.paper.wire import WireRequest


@pytest.fixture
def bench() -> Bench:
    return Bench()


def subject_of(bench, method, path, **parameters):
    headers = {"x-mexc-apikey": bench.keys["apiKey"]}
    query = bench.query(**parameters).encode()
    request = WireRequest(method=method, path=f"/api/v3/{path}", query=query, body=b"", headers=headers)
    return bench.dialect.subject(request)


# ----- placing


def test_placement_when_accepted_answers_without_status_fills_or_client_id(bench):
    bench.rest("SELL", "1", "50000")
    body = bench.ask("POST", "order", **LIMIT, newClientOrderId=CLIENT_ID)
    order_id = body.pop("orderId")
    assert order_id.startswith("C02__")
    assert body == {
        "symbol": "BTCUSDT",
        "orderListId": -1,
        "price": "50000",
        "origQty": "0.01",
        "type": "LIMIT",
        "side": "BUY",
        "transactTime": bench.now_ms,
    }
    assert bench.order(order_id)["status"] == "FILLED"


def test_order_ids_of_different_orders_differ_and_are_no_numbers(bench):
    first, second = bench.place("a"), bench.place("b")
    assert first != second
    assert bench.paper(first).client_order_id == "a"
    assert int(first.removeprefix("C02__")) > 2**64


@pytest.mark.parametrize(
    ("terms", "book", "status", "executed"),
    [
        ({"type": "LIMIT_MAKER"}, None, "NEW", "0"),
        ({"type": "LIMIT_MAKER"}, "1", "CANCELED", "0"),
        ({"type": "IMMEDIATE_OR_CANCEL"}, None, "CANCELED", "0"),
        ({"type": "IMMEDIATE_OR_CANCEL"}, "0.004", "PARTIALLY_CANCELED", "0.004"),
        ({"type": "FILL_OR_KILL"}, "0.004", "CANCELED", "0"),
        ({"type": "FILL_OR_KILL"}, "1", "FILLED", "0.01"),
        ({"type": "MARKET", "price": None}, "0.004", "PARTIALLY_CANCELED", "0.004"),
        ({"type": "MARKET", "price": None}, "1", "FILLED", "0.01"),
        ({"type": "MARKET", "price": None, "quantity": None, "quoteOrderQty": "500"}, "1", "FILLED", "0.01"),
        ({"type": "LIMIT"}, "0.004", "PARTIALLY_FILLED", "0.004"),
    ],
)
def test_order_of_each_type_ends_as_the_venue_ends_it(bench, terms, book, status, executed):
    if book is not None:
        bench.rest("SELL", book, "50000")
    order = bench.order(bench.place(**terms))
    assert (order["status"], order["executedQty"], order["type"]) == (status, executed, terms["type"])
    assert order["cummulativeQuoteQty"] == {"0": "0", "0.004": "200", "0.01": "500"}[executed]


def test_time_in_force_and_unknown_parameters_are_ignored(bench):
    order_id = bench.place(timeInForce="FOK", somethingElse="1")
    assert bench.order(order_id)["status"] == "NEW"


def test_client_order_id_placed_again_makes_a_second_order(bench):
    first, second = bench.place(), bench.place()
    assert first != second
    assert [one["orderId"] for one in bench.ask("GET", "openOrders", symbol="BTCUSDT")] == [first, second]
    assert bench.ask("GET", "order", symbol="BTCUSDT", origClientOrderId=CLIENT_ID)["orderId"] == second


def test_order_without_client_order_id_shows_none(bench):
    ids = [bench.ask("POST", "order", **LIMIT)["orderId"] for _ in range(2)]
    assert [bench.order(order_id)["clientOrderId"] for order_id in ids] == [None, None]
    assert bench.engine.truth.duplicates() == {}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": None}, 700004),
        ({"symbol": "NOPE"}, -1121),
        ({"side": None}, 700004),
        ({"side": "HOLD"}, 33333),
        ({"type": None}, 700004),
        ({"type": "STOP_LOSS_LIMIT"}, 33333),
        ({"quantity": None}, 700004),
        ({"price": None}, 700004),
        ({"price": "cheap"}, 700008),
        ({"price": "-1"}, 700008),
        ({"price": "50000.001"}, 30087),
        ({"price": "2000000"}, 30087),
        ({"quantity": "0.0000001"}, 30002),
        ({"quantity": "0"}, 30002),
        ({"quantity": "0.010001"}, 33333),
        ({"quantity": "9001"}, 30003),
        ({"quantity": "0.00001"}, 30002),
        ({"quantity": "500"}, 30003),
        ({"quantity": "100"}, 30004),
        ({"side": "SELL", "quantity": "101"}, 30005),
        ({"type": "MARKET", "quantity": "501", "price": None}, 30032),
        ({"type": "MARKET", "quantity": None}, 700004),
        ({"type": "MARKET", "quoteOrderQty": "500"}, -1128),
        ({"type": "MARKET", "quantity": None, "quoteOrderQty": "1"}, 30002),
        ({"newClientOrderId": "x" * 33}, 700008),
        ({"newClientOrderId": "a#b"}, 700008),
    ],
)
def test_placement_that_breaks_a_rule_is_refused_with_its_code(bench, changes, code):
    terms = {name: value for name, value in (LIMIT | changes).items() if value is not None}
    assert bench.code("POST", "order", **terms) == code
    assert bench.engine.truth.accepted_count == 0


def test_placement_while_the_market_is_closed_is_refused(bench):
    bench.engine.close_market(closed=True)
    assert bench.code("POST", "order", **LIMIT) == 30016


def test_placement_of_a_test_order_checks_and_places_nothing(bench):
    assert bench.ask("POST", "order/test", **LIMIT) == {}
    assert bench.code("POST", "order/test", **(LIMIT | {"quantity": "0.00001"})) == 30002
    assert bench.engine.truth.accepted_count == 0


def test_fee_of_a_taker_is_charged_in_the_quote_currency(bench):
    bench.rest("SELL", "1", "50000")
    order_id = bench.place()
    (trade,) = bench.ask("GET", "myTrades", symbol="BTCUSDT", orderId=order_id)
    assert (trade["commission"], trade["commissionAsset"], trade["isMaker"]) == ("0.25", "USDT", False)


# ----- cancelling


def test_cancel_by_either_id_ends_the_order(bench):
    by_id, by_client_id = bench.place("a"), bench.place("b")
    bench.ask("DELETE", "order", symbol="BTCUSDT", orderId=by_id)
    bench.ask("DELETE", "order", symbol="BTCUSDT", origClientOrderId="b")
    assert [bench.order(one)["status"] for one in (by_id, by_client_id)] == ["CANCELED", "CANCELED"]


def test_cancel_answers_in_each_of_the_ways_that_were_seen(bench):
    seen = []
    for number in range(40):
        order_id = bench.place(f"c{number}")
        bench.execute(order_id, "0.004")
        answer = bench.ask("DELETE", "order", symbol="BTCUSDT", orderId=order_id, newClientOrderId="x")
        assert answer["orderId"] == order_id
        assert bench.order(order_id)["status"] == "PARTIALLY_CANCELED"
        seen.append(answer)
    short = next(one for one in seen if "status" not in one)
    assert set(short) == {"symbol", "orderId", "price", "origQty", "type", "side"}
    full = next(one for one in seen if one.get("status") == "PARTIALLY_CANCELED")
    assert full == {
        "symbol": "BTCUSDT",
        "origClientOrderId": full["origClientOrderId"],
        "orderId": full["orderId"],
        "clientOrderId": "x",
        "price": "50000",
        "origQty": "0.01",
        "executedQty": "0.004",
        "cummulativeQuoteQty": "200",
        "status": "PARTIALLY_CANCELED",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
    }
    assert {one.get("status") for one in seen} == {None, "PARTIALLY_FILLED", "PARTIALLY_CANCELED"}


def test_cancel_of_an_untouched_order_may_answer_with_its_state_before(bench):
    statuses = set()
    for number in range(40):
        bench.place(f"c{number}")
        answer = bench.ask("DELETE", "order", symbol="BTCUSDT", origClientOrderId=f"c{number}")
        statuses.add(answer.get("status"))
    assert statuses == {None, "NEW", "CANCELED"}


def test_cancel_of_an_unknown_or_finished_order_is_refused(bench):
    order_id = bench.place()
    bench.execute(order_id, "0.01")
    answer = bench.call("DELETE", "order", symbol="BTCUSDT", orderId=order_id)
    assert json.loads(answer.body) == {"code": -2011, "msg": "Unknown order sent.", "_extend": None}
    assert bench.code("DELETE", "order", symbol="BTCUSDT", origClientOrderId="never") == -2011
    assert bench.code("DELETE", "order", symbol="BTCUSDT", orderId="C02__1") == -2011
    assert bench.code("DELETE", "order", symbol="BTCUSDT") == 700004
    assert bench.code("DELETE", "order", orderId=order_id) == 700004


def test_cancel_of_somebody_elses_order_is_refused(bench):
    theirs = bench.rest("BUY", "0.01", "40000")
    order_id = bench.dialect.venue_order_id(theirs.order_id)
    assert bench.code("DELETE", "order", symbol="BTCUSDT", orderId=order_id) == -2011
    assert bench.code("GET", "order", symbol="BTCUSDT", orderId=order_id) == -2013


def test_cancel_with_the_wrong_symbol_is_refused(bench):
    order_id = bench.place()
    assert bench.code("DELETE", "order", symbol="ETHUSDT", orderId=order_id) == -2011
    assert bench.order(order_id)["status"] == "NEW"


def test_cancel_by_symbols_ends_all_their_orders_and_no_other(bench):
    bitcoin = [bench.place("a"), bench.place("b")]
    ether = bench.place("c", symbol="ETHUSDT", quantity="1", price="2000")
    assert {one["orderId"] for one in bench.ask("DELETE", "openOrders", symbol="BTCUSDT,BTCUSD")} == set(bitcoin)
    assert [one["orderId"] for one in bench.ask("GET", "openOrders")] == [ether]
    assert bench.ask("DELETE", "openOrders", symbol="BTCUSDT") == []
    assert bench.code("DELETE", "openOrders", symbol=",".join(["BTCUSDT"] * 6)) == 33333
    assert bench.code("DELETE", "openOrders") == 700004


def test_cancel_of_everything_answers_200_in_its_body(bench):
    bench.place("a")
    bench.place("c", symbol="ETHUSDT", quantity="1", price="2000")
    assert bench.ask("DELETE", "order/all") == {"code": 200, "msg": "success", "timestamp": bench.now_ms}
    assert len(bench.events) > 2
    assert bench.ask("GET", "openOrders") == []


def test_amendment_at_any_address_does_not_exist(bench):
    assert bench.call("PUT", "order", symbol="BTCUSDT", origClientOrderId=CLIENT_ID).status == 404


@pytest.mark.parametrize("end", [PaperStatus.CANCELLED, PaperStatus.EXPIRED, PaperStatus.REJECTED])
def test_order_ended_by_the_venue_shows_as_canceled(bench, end):
    order_id = bench.place()
    bench.note(bench.engine.end(bench.paper(order_id).order_id, end, bench.now_ms + 5))
    assert bench.orders_pushed()[-1][15] == 4
    found = bench.order(order_id)
    assert (found["status"], found["updateTime"]) == ("CANCELED", bench.now_ms + 5)


# ----- what requests are about


def test_subject_of_a_placement_names_what_it_would_place(bench):
    subject = subject_of(bench, "POST", "order", **LIMIT, newClientOrderId=CLIENT_ID)
    assert (subject.kind, subject.places, subject.client_order_ids) == (RequestKind.PLACE, CLIENT_ID, (CLIENT_ID,))


def test_subject_of_a_cancel_names_its_target_by_either_id(bench):
    order_id = bench.place()
    for named in ({"orderId": order_id}, {"origClientOrderId": CLIENT_ID}):
        subject = subject_of(bench, "DELETE", "order", symbol="BTCUSDT", **named)
        assert subject.kind is RequestKind.CANCEL
        assert subject.target == bench.paper(order_id)
        assert subject.client_order_ids == (CLIENT_ID,)
        assert subject.places is None


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "order/test", RequestKind.OTHER),
        ("DELETE", "openOrders", RequestKind.CANCEL_ALL),
        ("DELETE", "order/all", RequestKind.CANCEL_ALL),
        ("GET", "order", RequestKind.ORDER),
        ("GET", "openOrders", RequestKind.OPEN_ORDERS),
        ("GET", "allOrders", RequestKind.ORDERS),
        ("GET", "myTrades", RequestKind.TRADES),
        ("GET", "account", RequestKind.BALANCES),
        ("GET", "exchangeInfo", RequestKind.INSTRUMENTS),
        ("GET", "ticker/price", RequestKind.PRICE),
        ("GET", "time", RequestKind.TIME),
        ("POST", "userDataStream", RequestKind.OTHER),
        ("GET", "nowhere", RequestKind.OTHER),
    ],
)
def test_subject_of_each_endpoint_has_its_kind(bench, method, path, kind):
    assert subject_of(bench, method, path, symbol="BTCUSDT").kind is kind


def test_subject_of_what_cannot_be_read_is_about_nothing(bench):
    request = WireRequest(method="DELETE", path="/api/v3/order", query=b"\xff%&==&orderId", body=b"\x00", headers={})
    subject = bench.dialect.subject(request)
    assert (subject.kind, subject.target, subject.client_order_ids) == (RequestKind.CANCEL, None, ())


# ----- trouble


def test_limits_when_not_enforced_let_everything_pass(bench):
    for number in range(60):
        bench.place(f"n{number}")


def test_limits_when_enforced_stop_placements_of_a_second_with_a_time_to_wait(bench):
    bench.dialect.enforce_limits(enabled=True)
    for number in range(12):
        bench.place(f"n{number}")
    answer = bench.call("POST", "order", **LIMIT)
    assert (answer.status, answer.headers["retry-after"]) == (429, "1")
    assert json.loads(answer.body)["code"] == 429
    assert bench.engine.truth.accepted_count == 12
    assert bench.order(bench.dialect.venue_order_id(1))
    bench.now_ms += 1_000
    bench.place("later")


def test_limits_when_enforced_stop_heavy_requests_until_ten_seconds_are_over(bench):
    bench.dialect.enforce_limits(enabled=True)
    bench.now_ms -= bench.now_ms % 10_000
    for _ in range(15):
        bench.ask("GET", "tradeFee", symbol="BTCUSDT")
    bench.now_ms += 2_500
    answer = bench.call("GET", "time")
    assert (answer.status, answer.headers["retry-after"]) == (429, "8")
    bench.now_ms += 7_500
    assert bench.ask("GET", "time")


def test_limits_when_ignored_for_long_lead_to_bans_that_grow(bench):
    bench.dialect.enforce_limits(enabled=True)
    waits = []
    for _ in range(2):
        answers = [bench.call("GET", "time") for _ in range(42)]
        assert [one.status for one in answers[:20]] == [200] * 20
        assert answers[20].status == 429
        assert answers[-1].status == 418
        waits.append(int(answers[-1].headers["retry-after"]))
        bench.now_ms += waits[-1] * 1_000
    assert waits == [120, 240]


def test_limits_when_enforced_stop_balances_at_two_a_second(bench):
    bench.dialect.enforce_limits(enabled=True)
    assert [bench.call("GET", "account").status for _ in range(3)] == [200, 200, 429]


def test_limits_when_enforced_cap_the_open_orders_of_an_account(bench):
    for number in range(500):
        bench.place(f"n{number}", price="1000")
    bench.dialect.enforce_limits(enabled=True)
    assert bench.code("POST", "order", **LIMIT) == 30027
    bench.ask("DELETE", "order", symbol="BTCUSDT", origClientOrderId="n0")
    bench.place("fits")


def test_answers_of_a_venue_in_trouble_are_those_of_the_venue(bench):
    dialect = bench.dialect
    assert dialect.server_error().status == 503
    with pytest.raises(json.JSONDecodeError):
        json.loads(dialect.server_error().body)
    unknown = dialect.unknown_outcome()
    assert (unknown.status, json.loads(unknown.body)["code"]) == (503, 503)
    limited, banned = dialect.rate_limited(0, 1_500), dialect.banned(0, 5_000)
    assert (limited.status, limited.headers["retry-after"]) == (429, "2")
    assert (banned.status, banned.headers["retry-after"]) == (418, "5")


def test_unknown_status_is_put_only_where_there_is_a_status(bench):
    placed = bench.call("POST", "order", **LIMIT, newClientOrderId=CLIENT_ID)
    assert bench.dialect.with_unknown_status(placed) is None
    assert bench.dialect.with_unknown_status(bench.call("GET", "exchangeInfo")) is None
    found = bench.call("GET", "order", symbol="BTCUSDT", origClientOrderId=CLIENT_ID)
    garbled = bench.dialect.with_unknown_status(found)
    assert garbled is not None
    assert json.loads(garbled.body)["status"] not in {"NEW", "CANCELED", "FILLED", "PARTIALLY_FILLED"}


def test_refused_placement_when_answered_is_http_400(bench):
    answer = bench.call("POST", "order", **(LIMIT | {"quantity": "100"}))
    assert refusal(answer) == 30004
    assert not any(isinstance(event, OrderAccepted) for event in answer.events)
    assert bench.engine.balances("alice")["USDT"] == (Decimal(1_000_000), Decimal(0))
