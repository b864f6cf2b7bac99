"""KuCoin in trouble: rate limits and order limits with their headers, blocks, errors that leave the outcome open."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.paper.faults import Fault, FaultPlan, FaultRule, RequestKind
from exchanges.paper.venue import Venue
from tests.exchanges.paper.paper_kucoin_kit import HF, STOP, Bench

LIMIT_HEADERS = ("gw-ratelimit-limit", "gw-ratelimit-remaining", "gw-ratelimit-reset")


@pytest.fixture
def bench():
    return Bench()


def announced(bench):
    return [bench.answered.headers.get(name) for name in LIMIT_HEADERS]


def test_limits_that_are_not_enforced_are_not_announced(bench):
    bench.rest()
    assert announced(bench) == [None, None, None]


def test_limits_are_announced_by_pool_with_the_weight_of_each_request(bench):
    bench.dialect.enforce_limits(enabled=True)
    bench.rest()
    assert announced(bench) == ["4000", "3999", "30000"]
    bench.now_ms += 1_000
    bench.get(STOP)
    assert announced(bench) == ["4000", "3991", "29000"]
    bench.get("/api/v1/accounts")
    assert announced(bench) == ["2000", "1995", "30000"]
    bench.get("/api/v2/symbols")
    assert announced(bench) == ["2000", "1996", "30000"]
    bench.now_ms += 29_000
    bench.get(f"{HF}/active/symbols")
    assert announced(bench) == ["4000", "3998", "30000"]


def test_request_beyond_the_quota_is_refused_until_the_window_ends(bench):
    bench.dialect.enforce_limits(enabled=True)
    for _ in range(133):
        bench.delete(f"{HF}/cancelAll")
    bench.now_ms += 10_000
    answer = bench.delete(f"{HF}/cancelAll")
    assert (answer["code"], bench.answered.status) == ("429000", 429)
    assert announced(bench) == ["4000", "10", "20000"]
    assert bench.limit()["code"] == "200000"
    assert bench.get("/api/v1/accounts")["code"] == "200000"
    bench.now_ms += 20_000
    assert bench.delete(f"{HF}/cancelAll")["code"] == "200000"


def test_refused_answer_announces_the_limits_too(bench):
    bench.dialect.enforce_limits(enabled=True)
    assert bench.limit(symbol="NO-SUCH")["code"] == "900001"
    assert announced(bench)[1] == "3999"


def test_more_open_orders_than_a_pair_may_have_are_refused(bench):
    for _ in range(200):
        bench.rest(size="0.001")
    bench.dialect.enforce_limits(enabled=True)
    assert bench.limit()["code"] == "102427"
    assert bench.limit(symbol="ETH-USDT", price="2000", size="0.1")["code"] == "200000"
    bench.dialect.enforce_limits(enabled=False)
    assert bench.limit()["code"] == "200000"


def test_more_waiting_stops_than_a_symbol_may_have_are_refused(bench):
    for _ in range(20):
        bench.data(bench.stop())
    assert bench.stop()["code"] == "200000"
    bench.dialect.enforce_limits(enabled=True)
    assert bench.stop()["code"] == "200003"


def test_rate_limited_answer_says_in_milliseconds_how_long_to_wait(bench):
    answer = bench.dialect.rate_limited(bench.now_ms, 1_234)
    assert (answer.status, json.loads(answer.body)["code"]) == (429, "429000")
    assert [answer.headers[name] for name in LIMIT_HEADERS] == ["4000", "0", "1234"]


def test_blocked_address_is_answered_by_the_front_without_an_envelope(bench):
    answer = bench.dialect.banned(bench.now_ms, 29_001)
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (429, b"error code: 1015", "30")


def test_server_error_has_no_envelope(bench):
    answer = bench.dialect.server_error()
    assert answer.status == 503
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.body)


def test_unknown_outcome_is_told_with_http_200(bench):
    answer = bench.dialect.unknown_outcome()
    assert (answer.status, json.loads(answer.body)["code"]) == (200, "500000")


def test_answer_that_names_a_status_can_be_given_one_that_nobody_knows(bench):
    order_id = bench.data(bench.limit(f"{HF}/sync"))["orderId"]
    assert json.loads(bench.dialect.with_unknown_status(bench.answered).body)["data"]["status"] == "held_for_review"
    bench.order(order_id)
    assert json.loads(bench.dialect.with_unknown_status(bench.answered).body)["data"]["active"] == "held_for_review"
    stop_id = bench.data(bench.stop())["orderId"]
    bench.get(f"{STOP}/{stop_id}")
    assert json.loads(bench.dialect.with_unknown_status(bench.answered).body)["data"]["status"] == "held_for_review"


def test_answer_that_names_no_status_stays_as_it_is(bench):
    bench.rest()
    assert bench.dialect.with_unknown_status(bench.answered) is None


# ----- faults of the venue, on this dialect's requests


def process(bench, fault, kind, request):
    venue = Venue(bench.engine, bench.dialect, FaultPlan(1, rules=[FaultRule(fault=fault, kind=kind)]))
    processed = venue.process(request, venue.receive(request, bench.now_ms), bench.now_ms)
    assert venue.plan.hits[fault] == 1
    return json.loads(processed.answer.body)


@pytest.mark.parametrize("path", [HF, f"{HF}/sync"])
def test_placement_delivered_twice_is_one_order_and_a_duplicate(bench, path):
    request = bench.request("POST", path, bench.terms(clientOid="mine"))
    assert process(bench, Fault.DELIVER_TWICE, RequestKind.PLACE, request)["code"] == "102426"
    assert len(bench.engine.open_orders("alice")) == 1


def test_stop_delivered_twice_is_one_stop_and_a_duplicate(bench):
    terms = bench.terms(clientOid="mine", side="sell", stop="loss", stopPrice="55000")
    answer = process(bench, Fault.DELIVER_TWICE, RequestKind.PLACE, bench.request("POST", STOP, terms))
    assert answer["msg"] == "validation.createOrder.clientOidDuplicated"
    assert len(bench.engine.open_orders("alice")) == 1


@pytest.mark.parametrize("path", ["{id}", "client-order/mine", "sync/{id}", "sync/client-order/mine"])
def test_cancel_that_loses_the_race_to_a_fill_is_refused_and_the_order_is_filled(bench, path):
    order_id = bench.rest(clientOid="mine")
    request = bench.request("DELETE", f"{HF}/{path.format(id=order_id)}", query={"symbol": "BTC-USDT"})
    assert process(bench, Fault.FILL_DURING_CANCEL, RequestKind.CANCEL, request)["code"] == "102436"
    assert (bench.order(order_id)["dealSize"], bench.order(order_id)["cancelExist"]) == ("0.01", False)


def test_alteration_whose_new_half_fails_leaves_the_order_cancelled(bench):
    order_id = bench.rest(clientOid="mine")
    body = {"symbol": "BTC-USDT", "orderId": order_id, "newPrice": "49000"}
    request = bench.request("POST", f"{HF}/alter", body)
    assert process(bench, Fault.NEW_HALF_FAILS, RequestKind.REPLACE, request)["code"] == "600203"
    assert bench.order(order_id)["cancelExist"] is True
    assert bench.engine.open_orders("alice") == ()


# ----- anything at all

_VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.lists(st.integers(), max_size=2)
_NAMES = ("price", "size", "funds", "stopPrice", "stop", "timeInForce", "cancelAfter", "stp", "visibleSize", "iceberg")
_MORE_NAMES = ("clientOid", "symbol", "type", "side", "allowMaxTimeWindow", "clientTimestamp", "newPrice", "newSize")


@settings(max_examples=200, deadline=None)
@given(
    path=st.sampled_from([HF, f"{HF}/sync", f"{HF}/test", f"{HF}/alter", STOP]),
    changes=st.dictionaries(st.sampled_from([*_NAMES, *_MORE_NAMES, "orderId"]), _VALUES, max_size=4),
)
def test_body_of_any_content_is_answered_in_an_envelope_and_never_breaks_the_venue(path, changes):
    bench = Bench()
    request = bench.request("POST", path, bench.terms(stopPrice="55000", side="sell") | changes)
    bench.dialect.subject(request)
    answer = bench.send(request)
    assert ("data" in answer) is (answer["code"] == "200000")
    assert ("msg" in answer) is (answer["code"] != "200000")


@settings(max_examples=200, deadline=None)
@given(
    path=st.sampled_from(["active/page", "done", "cancel/x", "client-order/y"]),
    query=st.dictionaries(
        st.sampled_from(["pageNum", "pageSize", "limit", "lastId", "startAt", "endAt", "side", "type", "cancelSize"]),
        st.integers().map(str) | st.text("abc01-.%&=", max_size=8),
        max_size=3,
    ),
)
def test_query_of_any_content_is_answered_in_an_envelope_and_never_breaks_the_venue(path, query):
    bench = Bench()
    for method in ("GET", "DELETE"):
        request = bench.request(method, f"{HF}/{path}", query={"symbol": "BTC-USDT"} | query)
        bench.dialect.subject(request)
        assert "code" in bench.send(request)
