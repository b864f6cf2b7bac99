"""Placing, cancelling and editing at the Coinbase dialect, with hand-written requests."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_paper_coinbase_support import Bench

from exchanges.paper.dialects.coinbase.placing import ClientIds, Reuse
from exchanges.paper.faults import RequestKind
from exchanges.paper.model import ClientIdPolicy, PaperStatus
from messages.types import OrderType, TimeInForce

LIMIT = {"base_size": "0.01000000", "limit_price": "50000.00"}
END = "2026-11-21T11:00:00Z"
UP, DOWN = "STOP_DIRECTION_STOP_UP", "STOP_DIRECTION_STOP_DOWN"


def stop(direction: str, stop_price: str, limit_price: str, **more: str) -> dict[str, str]:
    fields = {"base_size": "0.01", "limit_price": limit_price, "stop_price": stop_price, "stop_direction": direction}
    return fields | more


# ----- placing


def test_placement_that_is_accepted_answers_with_id_and_the_request():
    bench = Bench()
    configuration = {"limit_limit_gtc": LIMIT | {"post_only": True}}
    answer = bench.place(configuration, "6f2c1f0e7d0b4c649a570d6c6a0b1d11")
    (order,) = bench.engine.open_orders("alice")

    assert answer == {
        "success": True,
        "success_response": {
            "order_id": bench.dialect.venue_order_id(order.order_id),
            "product_id": "BTC-USDT",
            "side": "BUY",
            "client_order_id": "6f2c1f0e7d0b4c649a570d6c6a0b1d11",
            "attached_order_id": "",
        },
        "order_configuration": configuration,
    }
    assert (order.size, order.price, order.post_only) == (Decimal("0.01"), Decimal(50000), True)


@pytest.mark.parametrize(
    ("key", "fields", "side", "kind", "time_in_force"),
    [
        ("limit_limit_gtc", LIMIT, "BUY", OrderType.LIMIT, TimeInForce.GTC),
        ("limit_limit_gtd", LIMIT | {"end_time": END}, "BUY", OrderType.LIMIT, TimeInForce.GTT),
        ("sor_limit_ioc", LIMIT, "SELL", OrderType.LIMIT, TimeInForce.IOC),
        ("limit_limit_fok", LIMIT, "BUY", OrderType.LIMIT, TimeInForce.FOK),
        ("stop_limit_stop_limit_gtc", stop(UP, "61000", "61100"), "BUY", OrderType.STOP_LIMIT, TimeInForce.GTC),
        (
            "stop_limit_stop_limit_gtd",
            stop(DOWN, "59000", "58900", end_time=END),
            "SELL",
            OrderType.STOP_LIMIT,
            TimeInForce.GTT,
        ),
        ("market_market_ioc", {"base_size": "0.01"}, "SELL", OrderType.MARKET, TimeInForce.IOC),
        ("market_market_ioc", {"quote_size": "100.00"}, "BUY", OrderType.MARKET, TimeInForce.IOC),
    ],
)
def test_every_configuration_when_placed_is_the_order_it_says_and_is_shown_again(
    key, fields, side, kind, time_in_force
):
    bench = Bench()
    answer = bench.place({key: fields}, side=side)
    shown = bench.order(answer["success_response"]["order_id"])
    order = bench.engine_order(shown["order_id"])
    ((shown_key, shown_fields),) = shown["order_configuration"].items()

    assert (order.type, order.time_in_force, order.side) == (kind, time_in_force, side)
    assert shown_key == key
    for name, value in fields.items():
        same = shown_fields[name] == value
        assert same or Decimal(shown_fields[name]) == Decimal(value), name
    assert shown["size_in_quote"] is ("quote_size" in fields)
    if "end_time" in fields:
        assert order.expires_at_ms == 1_795_258_800_000
    if "stop_direction" in fields:
        assert order.trigger_above is (fields["stop_direction"] == UP)
        assert shown["trigger_status"] == "STOP_PENDING"


def test_market_buy_by_quote_when_filled_spends_the_amount_with_its_fee_inside():
    bench = Bench()
    bench.outside("SELL", "1", "50000")
    before = bench.engine.balances("alice")["USDT"][0]
    order_id = bench.place({"market_market_ioc": {"quote_size": "1000"}})["success_response"]["order_id"]
    bench.later()
    shown = bench.order(order_id)
    spent = before - bench.engine.balances("alice")["USDT"][0]

    assert Decimal(999) < spent <= Decimal(1000)
    assert spent == Decimal(shown["filled_value"]) + Decimal(shown["total_fees"])
    assert shown["order_configuration"] == {"market_market_ioc": {"quote_size": "1000"}}
    assert (shown["status"], shown["size_inclusive_of_fees"]) == ("FILLED", True)


def test_limit_ioc_by_quote_when_placed_has_the_size_that_its_limit_gives():
    bench = Bench()
    bench.place({"sor_limit_ioc": {"quote_size": "100", "limit_price": "30000"}})
    (order,) = bench.engine.orders_of("alice", "BTC-USDT")

    assert order.size == Decimal("0.00333")


@pytest.mark.parametrize(
    ("configuration", "side", "reason"),
    [
        ({"limit_limit_gtc": LIMIT | {"base_size": "0.010000001"}}, "BUY", "INVALID_SIZE_PRECISION"),
        ({"limit_limit_gtc": LIMIT | {"base_size": "0"}}, "BUY", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
        ({"limit_limit_gtc": LIMIT | {"base_size": "9001"}}, "BUY", "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"),
        ({"market_market_ioc": {"base_size": "501"}}, "SELL", "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"),
        ({"limit_limit_gtc": LIMIT | {"limit_price": "50000.001"}}, "BUY", "INVALID_PRICE_PRECISION"),
        ({"limit_limit_gtc": LIMIT | {"limit_price": "1"}}, "BUY", "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
        ({"limit_limit_gtc": LIMIT | {"base_size": "9000"}}, "BUY", "PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE"),
        ({"limit_limit_gtc": LIMIT | {"base_size": "2", "limit_price": "59000"}}, "SELL", ""),
        ({"limit_limit_gtc": {"base_size": "170", "limit_price": "52000", "post_only": False}}, "BUY", ""),
        (
            {"limit_limit_gtc": LIMIT | {"limit_price": "70000", "post_only": True}},
            "BUY",
            "INVALID_LIMIT_PRICE_POST_ONLY",
        ),
        ({"market_market_ioc": {"quote_size": "100"}}, "SELL", "UNSUPPORTED_ORDER_CONFIGURATION"),
        ({"market_market_ioc": {"quote_size": "100.001"}}, "BUY", "INVALID_SIZE_PRECISION"),
        ({"market_market_ioc": {"quote_size": "4"}}, "BUY", "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
        ({"market_market_ioc": {"quote_size": "9000001"}}, "BUY", "PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE"),
        ({"market_market_fok": {"base_size": "1"}}, "BUY", "UNSUPPORTED_ORDER_CONFIGURATION"),
        ({"trigger_bracket_gtc": {"base_size": "1"}}, "SELL", "UNSUPPORTED_ORDER_CONFIGURATION"),
        ({"limit_limit_gtd": LIMIT}, "BUY", "GTD_ORDERS_MUST_HAVE_END_TIME"),
        ({"limit_limit_gtd": LIMIT | {"end_time": "2026-11-21T10:00:00Z"}}, "BUY", "END_TIME_IS_IN_THE_PAST"),
        ({"stop_limit_stop_limit_gtc": stop(UP, "59000", "61000")}, "BUY", "PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE"),
        (
            {"stop_limit_stop_limit_gtc": stop(DOWN, "61000", "58000")},
            "SELL",
            "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE",
        ),
        ({"stop_limit_stop_limit_gtc": stop(UP, "61000", "60900")}, "BUY", "PREVIEW_STOP_PRICE_ABOVE_LIMIT_PRICE"),
        ({"stop_limit_stop_limit_gtc": stop(DOWN, "59000", "59100")}, "SELL", "PREVIEW_STOP_PRICE_BELOW_LIMIT_PRICE"),
        ({"limit_limit_gtc": LIMIT}, "HOLD", "INVALID_SIDE"),
    ],
)
def test_placement_against_a_rule_is_refused_with_status_200_and_its_reason(configuration, side, reason):
    bench = Bench()
    bench.outside("SELL", "1", "60000")
    before = bench.engine.truth.accepted_count
    answer = bench.place(configuration, side=side)

    if not reason:
        assert answer["success"] is True
        return
    assert bench.reason(answer) == reason
    assert answer["order_configuration"] == configuration
    assert bench.engine.truth.accepted_count == before


def test_placement_without_funds_is_refused_in_the_words_of_the_sheet():
    bench = Bench()
    configuration = {"limit_limit_gtc": {"base_size": "149", "limit_price": "60000", "post_only": True}}
    for number in range(2):
        answer = bench.place(configuration, f"c{number}")

    assert answer == {
        "success": False,
        "error_response": {
            "error": "INSUFFICIENT_FUND",
            "message": "Insufficient balance in source account",
            "error_details": "",
            "preview_failure_reason": "PREVIEW_INSUFFICIENT_FUND",
            "new_order_failure_reason": "INSUFFICIENT_FUND",
        },
        "order_configuration": configuration,
    }


def test_placement_of_unknown_product_or_in_a_closed_market_is_refused():
    bench = Bench()

    assert bench.reason(bench.place({"limit_limit_gtc": LIMIT}, product_id="BTC-EUR")) == "INVALID_PRODUCT_ID"
    bench.engine.close_market(closed=True)
    assert bench.reason(bench.place({"limit_limit_gtc": LIMIT})) == "PRODUCT_TRADING_HALTED"


@pytest.mark.parametrize(
    "change",
    [
        {"client_order_id": ""},
        {"client_order_id": 5},
        {"client_order_id": "x" * 129},
        {"product_id": None},
        {"side": None},
        {"order_configuration": None},
        {"order_configuration": {}},
        {"order_configuration": {"limit_limit_gtc": LIMIT, "limit_limit_fok": LIMIT}},
        {"order_configuration": {"limit_limit_day": LIMIT}},
        {"order_configuration": {"limit_limit_gtc": LIMIT | {"base_size": 0.01}}},
        {"order_configuration": {"limit_limit_gtc": LIMIT | {"base_size": "-1"}}},
        {"order_configuration": {"limit_limit_gtc": {"base_size": "1"}}},
        {"order_configuration": {"limit_limit_gtc": LIMIT | {"post_only": "true"}}},
        {"order_configuration": {"limit_limit_gtc": LIMIT | {"postOnly": True}}},
        {"order_configuration": {"limit_limit_fok": LIMIT | {"post_only": True}}},
        {"order_configuration": {"limit_limit_gtd": LIMIT | {"end_time": "tomorrow"}}},
        {"order_configuration": {"stop_limit_stop_limit_gtc": stop("UP", "61000", "61100")}},
        {"order_configuration": {"market_market_ioc": {"base_size": "1", "quote_size": "10"}}},
        {"clientOrderId": "c1"},
    ],
)
def test_placement_that_cannot_be_read_is_an_invalid_argument(change):
    bench = Bench()
    body = {"client_order_id": "c1", "product_id": "BTC-USDT", "side": "BUY"}
    status, answer = bench.send("POST", "orders", body | {"order_configuration": {"limit_limit_gtc": LIMIT}} | change)

    assert (status, answer["error"]) == (400, "INVALID_ARGUMENT")
    assert answer["message"]
    assert bench.engine.truth.accepted_count == 0


def test_body_that_is_no_json_is_an_invalid_argument():
    for body in (b"", b"{", b"[]"):
        status, answer = Bench().send("POST", "orders", body)
        assert (status, answer["error"]) == (400, "INVALID_ARGUMENT")


# ----- client order ids


def test_client_id_used_again_for_another_order_returns_the_old_one_and_echoes_the_new():
    bench = Bench()
    first = bench.limit("c1")
    other = {"limit_limit_fok": {"base_size": "2", "limit_price": "1.00"}}
    answer = bench.place(other, "c1", "SELL", product_id="ETH-USDT")

    assert answer["success"] is True
    assert answer["success_response"]["order_id"] == first
    assert (answer["success_response"]["side"], answer["order_configuration"]) == ("SELL", other)
    assert bench.engine.truth.accepted_count == 1


def test_client_id_used_again_after_the_end_and_without_funds_still_returns_the_old_order():
    bench = Bench()
    first = bench.limit("c1", size="190", price="45000")
    bench.cancel(first)
    bench.later(3_600_000)
    bench.limit("c2", size="190", price="45000")

    assert bench.limit("c1", size="190", price="45000") == first
    assert bench.engine.truth.accepted_count == 2


def test_client_id_of_another_account_is_free():
    bench = Bench()
    first = bench.limit("c1")
    body = {"client_order_id": "c1", "product_id": "BTC-USDT", "side": "BUY"}
    answer = bench.ok("POST", "orders", body | {"order_configuration": {"limit_limit_gtc": LIMIT}}, client=bench.bob)

    assert answer["success_response"]["order_id"] != first


def test_client_id_used_again_where_the_venue_refuses_it_is_a_duplicate_error():
    bench = Bench(client_ids=ClientIds(reuse=Reuse.DUPLICATE_ERROR))
    bench.limit("c1")

    assert bench.reason(bench.place({"limit_limit_gtc": LIMIT}, "c1")) == "DUPLICATE_CLIENT_ORDER_ID"


def test_client_id_that_the_venue_has_forgotten_makes_a_second_order():
    bench = Bench(engine_ids=ClientIdPolicy.ANY, client_ids=ClientIds(forgets_after_ms=60_000))
    first = bench.limit("c1")
    bench.later(59_999)
    assert bench.limit("c1") == first
    bench.later(1)

    assert bench.limit("c1") != first
    assert bench.engine.truth.accepted_count == 2


# ----- what a request is about


def test_subject_of_each_request_names_kind_ids_and_target():
    bench = Bench()
    order_id, other = bench.limit("c1"), bench.limit("c2")
    order = bench.engine_order(order_id)
    placing = bench.dialect.subject(bench.request("POST", "orders", {"client_order_id": "c9"}))
    assert (placing.kind, placing.places, placing.client_order_ids) == (RequestKind.PLACE, "c9", ("c9",))

    for method, path, body, kind in (
        ("POST", "orders/batch_cancel", {"order_ids": [order_id]}, RequestKind.CANCEL),
        ("POST", "orders/edit", {"order_id": order_id}, RequestKind.AMEND),
        ("GET", f"orders/historical/{order_id}", None, RequestKind.ORDER),
    ):
        subject = bench.dialect.subject(bench.request(method, path, body))
        assert (subject.kind, subject.target, subject.client_order_ids) == (kind, order, ("c1",))
    many = bench.dialect.subject(bench.request("POST", "orders/batch_cancel", {"order_ids": [order_id, other]}))
    assert (many.kind, many.target, many.client_order_ids) == (RequestKind.CANCEL_ALL, None, ("c1", "c2"))
    strange = bench.request("POST", "orders/edit", {"order_id": order_id}, client=bench.bob)
    assert bench.dialect.subject(strange).target is None


@pytest.mark.parametrize(
    ("method", "path", "query", "kind"),
    [
        ("GET", "orders/historical/batch", {}, RequestKind.ORDERS),
        ("GET", "orders/historical/batch", {"order_status": ["OPEN", "FILLED"]}, RequestKind.ORDERS),
        ("GET", "orders/historical/batch", {"order_status": ["OPEN", "CANCEL_QUEUED"]}, RequestKind.OPEN_ORDERS),
        ("GET", "orders/historical/fills", {}, RequestKind.TRADES),
        ("GET", "accounts", {}, RequestKind.BALANCES),
        ("GET", "market/products", {}, RequestKind.INSTRUMENTS),
        ("GET", "market/products/BTC-USDT", {}, RequestKind.PRICE),
        ("GET", "time", {}, RequestKind.TIME),
        ("GET", "key_permissions", {}, RequestKind.OTHER),
        ("GET", "nowhere", {}, RequestKind.OTHER),
        ("POST", "orders", {}, RequestKind.PLACE),
    ],
)
def test_subject_of_a_query_is_of_its_kind(method, path, query, kind):
    bench = Bench()

    assert bench.dialect.subject(bench.request(method, path, **query)).kind is kind


def test_subject_of_garbage_is_read_without_failing():
    bench = Bench()
    for body in (b"", b"{", b"[1]", b'{"order_ids":5,"order_id":7,"client_order_id":8}'):
        for path in ("orders", "orders/batch_cancel", "orders/edit"):
            request = bench.request("POST", path, body)
            assert bench.dialect.subject(replace(request, headers={"authorization": "Bearer x"})).target is None


# ----- how orders end


@pytest.mark.parametrize(
    ("status", "shown"),
    [(PaperStatus.CANCELLED, "CANCELLED"), (PaperStatus.EXPIRED, "EXPIRED"), (PaperStatus.REJECTED, "FAILED")],
)
def test_order_that_the_venue_ends_shows_its_own_status_at_once(status, shown):
    bench = Bench()
    order_id = bench.limit()
    bench.observe(bench.engine.end(bench.engine_order(order_id).order_id, status, bench.now_ms))
    order = bench.order(order_id)

    assert order["status"] == shown
    assert (order["reject_reason"] != "REJECT_REASON_UNSPECIFIED") is (shown == "FAILED")


def test_orders_that_cannot_rest_end_as_cancelled_and_those_out_of_time_as_expired():
    bench = Bench()
    bench.outside("SELL", "0.005", "60000")
    ioc = bench.place({"sor_limit_ioc": LIMIT | {"limit_price": "60000"}}, "ioc")["success_response"]["order_id"]
    fok = bench.place({"limit_limit_fok": LIMIT}, "fok")["success_response"]["order_id"]
    gtd = bench.place({"limit_limit_gtd": LIMIT | {"end_time": END}}, "gtd")["success_response"]["order_id"]
    bench.later(3_600_000)
    bench.observe(bench.engine.step(bench.now_ms))

    assert [bench.order(one)["status"] for one in (ioc, fok, gtd)] == ["CANCELLED", "CANCELLED", "EXPIRED"]
    assert bench.order(ioc)["filled_size"] == "0.005"


def test_order_that_has_just_filled_shows_its_amounts_only_a_moment_later():
    bench = Bench()
    order_id = bench.limit()
    bench.later()
    bench.execute(order_id, "50000", "0.01")
    fresh = bench.order(order_id)
    bench.later()
    settled = bench.order(order_id)

    assert (fresh["status"], fresh["filled_size"], fresh["filled_value"]) == ("FILLED", "0", "")
    assert (fresh["number_of_fills"], fresh["settled"]) == ("1", False)
    assert (settled["filled_size"], settled["average_filled_price"]) == ("0.01", "50000")
    assert (settled["filled_value"], settled["total_fees"], settled["settled"]) == ("500", "0.5", True)


def test_answers_of_a_venue_in_trouble_leave_open_what_happened():
    bench = Bench()
    unknown = bench.dialect.unknown_outcome()
    error = json.loads(unknown.body)["error_response"]
    limited, banned = bench.dialect.rate_limited(0, 1500), bench.dialect.banned(0, 1500)

    assert bench.dialect.server_error().status == 503
    assert unknown.status == 200
    assert error["new_order_failure_reason"] == "UNKNOWN_FAILURE_REASON"
    assert error["preview_failure_reason"] == "UNKNOWN_PREVIEW_FAILURE_REASON"
    assert json.loads(limited.body)["errors"][0]["id"] == "rate_limit_exceeded"
    assert (limited.status, banned.status) == (429, 429)
    assert (limited.headers["retry-after"], banned.headers["retry-after"]) == ("2", "2")


def test_unknown_status_is_put_into_orders_and_nowhere_else():
    bench = Bench()
    order_id = bench.limit()
    shown = bench.answer(bench.request("GET", f"orders/historical/{order_id}"))
    garbled = bench.dialect.with_unknown_status(shown)

    assert garbled is not None
    assert json.loads(garbled.body)["order"]["status"] == "HELD_FOR_REVIEW"
    for path in ("market/products", "accounts"):
        assert bench.dialect.with_unknown_status(bench.answer(bench.request("GET", path))) is None


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=8)
    | st.decimals(0, 9, places=3).map(str),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["limit_limit_gtc", "base_size", "limit_price", "quote_size", "x"]), inner)
    ),
    max_leaves=6,
)
_NAMES = st.sampled_from(
    ["client_order_id", "product_id", "side", "order_configuration", "order_id", "order_ids", "price", "size"]
)


@settings(max_examples=150, deadline=None)
@given(body=st.dictionaries(_NAMES, _JSON), path=st.sampled_from(["orders", "orders/batch_cancel", "orders/edit"]))
def test_body_of_any_shape_is_answered_and_never_places_or_breaks(body, path):
    bench = _SHARED
    request = bench.request("POST", path, body)
    bench.dialect.subject(request)

    assert bench.answer(request).status in (200, 400)
    assert bench.engine.truth.accepted_count == 0


_SHARED = Bench()
