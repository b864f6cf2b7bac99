import json
from decimal import Decimal
from typing import Any

import loopback
import pytest
from binance_samples import ACKNOWLEDGED, CLIENT_ID, INFO, ORDER, TRADE, Venue, client, error, look_up, search, told
from loopback import Behaviour, Received, answer

from exchanges.http import SystemClock
from messages import FetchBalances, FetchFills, FetchInstruments, FetchOpenOrders, FetchServerTime
from messages.reports import (
    BalancesFetched,
    FetchFailed,
    FillsFetched,
    InstrumentsFetched,
    LookUpFailed,
    OpenOrdersFetched,
    OrderFound,
    OrderNotFound,
    OrdersSearched,
    ServerTimeFetched,
)

ABOUT: dict[str, Any] = {"account_id": "1", "exchange": "binance"}
ABSENT = error(-2013, "Order does not exist.")
DAY_MS = 86_400_000


def paged(records: list[dict[str, Any]], key: str, page_parameter: str) -> Behaviour:
    """A venue's list: by period, or onwards from an id, at most `limit` records."""

    def meet(server: object, connection: Any, request: Received) -> bool:
        params = request.params
        found = [
            record
            for record in records
            if record[key] >= int(params.get(page_parameter, 0))
            and record["time"] >= int(params.get("startTime", 0))
            and record["time"] <= int(params.get("endTime", 1 << 60))
        ]
        assert int(params.get("endTime", 0)) - int(params.get("startTime", 0)) <= DAY_MS
        return answer(json.dumps(found[: int(params["limit"])]))(server, connection, request)

    return meet


def test_look_up_by_client_id_finds_the_order_with_all_its_fills():
    with Venue(get_order=[told(ORDER)], get_myTrades=[told([TRADE])]) as venue:
        before_ms = SystemClock().now_ms()
        report = client(venue).execute(look_up())
    assert isinstance(report, OrderFound)
    assert (report.order.venue_order_id, report.fills_complete) == ("28457", True)
    assert [fill.size for fill in report.fills] == [Decimal("0.004")]
    assert before_ms - 1000 <= report.asked_venue_ms <= SystemClock().now_ms()
    assert venue.called("order")[0].params["origClientOrderId"] == CLIENT_ID
    assert venue.called("myTrades")[0].params["orderId"] == "28457"


def test_look_up_by_venue_id_uses_only_that():
    with Venue(get_order=[told({**ORDER, "executedQty": "0.0"})]) as venue:
        report = client(venue).execute(look_up(venue_order_id="28457"))
    assert isinstance(report, OrderFound)
    assert report.fills_complete
    params = venue.called("order")[0].params
    assert params["orderId"] == "28457"
    assert "origClientOrderId" not in params


@pytest.mark.parametrize(
    "trades", [told([]), told([{**TRADE, "qty": "0.001"}]), told([{"id": 1}]), answer(b"", status=500), told({})]
)
def test_look_up_without_all_executions_says_so(trades):
    with Venue(get_order=[told(ORDER)], get_myTrades=[trades]) as venue:
        report = client(venue).execute(look_up())
    assert isinstance(report, OrderFound)
    assert not report.fills_complete


def test_look_up_reads_every_page_of_executions():
    trades = [{**TRADE, "id": number, "qty": "0.00001"} for number in range(1, 2301)]
    order = {**ORDER, "executedQty": "0.023"}
    with Venue(get_order=[told(order)], get_myTrades=[paged(trades, "id", "fromId")]) as venue:
        report = client(venue).execute(look_up())
    assert isinstance(report, OrderFound)
    assert (len(report.fills), report.fills_complete) == (2300, True)
    assert len(venue.called("myTrades")) == 3


def test_look_up_absent_is_said_by_the_venue_itself():
    with Venue(get_order=[ABSENT]) as venue:
        report = client(venue).execute(look_up(retries=2))
    assert isinstance(report, OrderNotFound)
    assert report.asked_venue_ms <= SystemClock().now_ms()
    assert report.evidence.body_sha256
    assert len(venue.called("order")) == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        loopback.hang,
        loopback.break_off,
        loopback.break_mid_body,
        answer(b"", status=500),
        answer(b"<html>", status=404),
        error(-2013, "Order does not exist.", status=503),
        error(-2026, "Order was canceled or expired with no executed qty over 90 days ago and has been archived."),
        error(-2015, "Invalid API-key, IP, or permissions for action.", status=401),
        error(-1003, "Too much.", status=429),
        told({}),
        told(ACKNOWLEDGED),
    ],
)
def test_look_up_without_an_answer_never_says_absent(behaviour):
    with Venue(get_order=[behaviour]) as venue:
        report = client(venue, call_timeout_ms=300).execute(look_up(budget_ms=600))
    assert isinstance(report, LookUpFailed)


def test_look_up_repeats_a_question_that_broke_while_retries_are_left():
    with Venue(get_order=[loopback.break_off, answer(b"", status=502), ABSENT]) as venue:
        report = client(venue).execute(look_up(retries=2))
    assert isinstance(report, OrderNotFound)
    assert len(venue.called("order")) == 3


def test_look_up_stops_repeating_when_its_retries_are_spent():
    with Venue(get_order=[loopback.break_off]) as venue:
        report = client(venue).execute(look_up(retries=1))
    assert isinstance(report, LookUpFailed)
    assert len(venue.called("order")) == 2


def test_look_up_gives_up_when_its_budget_is_spent():
    with Venue(get_order=[loopback.hang]) as venue:
        report = client(venue).execute(look_up(budget_ms=300, retries=100))
    assert isinstance(report, LookUpFailed)
    assert report.reason == "timeout"
    assert len(venue.called("order")) == 1


def test_look_up_with_a_refused_time_is_asked_again_with_a_new_one():
    refused = error(-1021, "Timestamp for this request is outside of the recvWindow.")
    with Venue(get_order=[refused, ABSENT]) as venue:
        report = client(venue).execute(look_up(retries=1))
    assert isinstance(report, OrderNotFound)
    assert len(venue.called("time")) == 2


def test_look_up_of_an_unlisted_symbol_is_not_an_absence():
    with Venue() as venue:
        report = client(venue).execute(look_up(symbol="DOGE-USDT"))
    assert isinstance(report, LookUpFailed)
    assert report.reason == "unknown_symbol"


def searchable(**changes: list[Behaviour]) -> Venue:
    scripts = {"get_openOrders": [told([])], "get_allOrders": [told([])], "get_myTrades": [told([])]}
    return Venue(**{**scripts, **changes})


def test_search_reads_every_source_and_bounds_the_time_it_asked():
    with searchable() as venue:
        before_ms = SystemClock().now_ms()
        report = client(venue).execute(search())
    assert isinstance(report, OrdersSearched)
    assert report.sources == ("openOrders", "allOrders", "myTrades")
    assert (report.orders, report.fills, report.unreadable) == ((), (), 0)
    assert before_ms - 1000 <= report.asked_venue_ms
    (listed,) = venue.called("allOrders")
    assert (listed.params["startTime"], listed.params["endTime"]) == ("1795255140000", "1795255260000")


@pytest.mark.parametrize("source", ["get_openOrders", "get_allOrders", "get_myTrades"])
@pytest.mark.parametrize(
    "behaviour",
    [loopback.break_off, answer(b"", status=500), told({}), answer(b"nonsense"), error(-1003, "Too much.", status=429)],
)
def test_search_with_one_source_missing_is_no_answer(source, behaviour):
    with searchable(**{source: [behaviour]}) as venue:
        report = client(venue).execute(search())
    assert isinstance(report, LookUpFailed)


@pytest.mark.parametrize("source", ["get_openOrders", "get_allOrders", "get_myTrades"])
def test_search_counts_records_it_cannot_read(source):
    with searchable(**{source: [told([{"orderId": 1}])]}) as venue:
        report = client(venue).execute(search())
    assert isinstance(report, OrdersSearched)
    assert report.unreadable == 1


def test_search_joins_the_sources_and_believes_the_most_advanced():
    filled = {**ORDER, "status": "FILLED", "executedQty": "0.01", "cummulativeQuoteQty": "600"}
    sources = {"get_openOrders": [told([ORDER])], "get_allOrders": [told([filled])], "get_myTrades": [told([TRADE])]}
    with searchable(**sources) as venue:
        report = client(venue).execute(search())
    assert isinstance(report, OrdersSearched)
    assert [(order.venue_order_id, order.venue_status) for order in report.orders] == [("28457", "FILLED")]
    assert [fill.fill_id for fill in report.fills] == ["5601"]


def test_search_reads_every_page():
    start_ms = 1795255140000
    orders = [{**ORDER, "orderId": n, "clientOrderId": f"id-{n}", "time": start_ms + n} for n in range(1, 2501)]
    trades = [{**TRADE, "id": n, "orderId": n, "time": start_ms + n} for n in range(1, 1201)]
    with searchable(
        get_allOrders=[paged(orders, "orderId", "orderId")], get_myTrades=[paged(trades, "id", "fromId")]
    ) as venue:
        report = client(venue).execute(search())
    assert isinstance(report, OrdersSearched)
    assert {order.venue_order_id for order in report.orders} == {str(n) for n in range(1, 2501)}
    assert len(report.fills) == 1200


def test_search_stops_turning_pages_after_its_period():
    start_ms = 1795255140000
    orders = [{**ORDER, "orderId": n, "clientOrderId": f"id-{n}", "time": start_ms + n * 60} for n in range(1, 9001)]
    with searchable(get_allOrders=[paged(orders, "orderId", "orderId")]) as venue:
        report = client(venue).execute(search())
    assert isinstance(report, OrdersSearched)
    assert len(venue.called("allOrders")) == 3


def test_open_orders_of_all_symbols_are_listed_with_the_unreadable_counted():
    with Venue(get_openOrders=[told([ORDER, {"orderId": 2}, {**ORDER, "orderId": 3}])]) as venue:
        report = client(venue).execute(FetchOpenOrders(**ABOUT))
    assert isinstance(report, OpenOrdersFetched)
    assert [order.symbol for order in report.orders] == ["BTC-USDT", "BTC-USDT"]
    assert (report.unreadable, report.symbol) == (1, None)
    assert "symbol" not in venue.called("openOrders")[0].params


@pytest.mark.parametrize("behaviour", [loopback.break_off, answer(b"", status=500), told({"orders": []})])
def test_open_orders_without_an_answer_are_not_an_empty_list(behaviour):
    with Venue(get_openOrders=[behaviour]) as venue:
        report = client(venue).execute(FetchOpenOrders(symbol="BTC-USDT", **ABOUT))
    assert isinstance(report, FetchFailed)
    assert report.request == "FetchOpenOrders"


def test_fills_since_a_time_cross_days_and_pages():
    now_ms = SystemClock().now_ms()
    since_ms = now_ms - 3 * DAY_MS
    old = [{**TRADE, "id": n, "time": since_ms + n} for n in range(1, 4)]
    new = [{**TRADE, "id": n, "time": now_ms - 5000 + n % 100} for n in range(10, 1510)]
    with Venue(get_myTrades=[paged(old + new, "id", "fromId")]) as venue:
        report = client(venue).execute(FetchFills(symbol="BTC-USDT", since_venue_ms=since_ms, **ABOUT))
    assert isinstance(report, FillsFetched)
    assert len(report.fills) == 1503
    assert len({fill.fill_id for fill in report.fills}) == 1503


def test_fills_of_one_order_are_asked_by_its_id():
    with Venue(get_myTrades=[told([TRADE, {"id": 1}])]) as venue:
        report = client(venue).execute(FetchFills(symbol="BTC-USDT", venue_order_id="28457", **ABOUT))
    assert isinstance(report, FillsFetched)
    assert (len(report.fills), report.unreadable) == (1, 1)
    assert venue.called("myTrades")[0].params["orderId"] == "28457"


def test_latest_fills_are_asked_without_a_period():
    with Venue(get_myTrades=[told([TRADE])]) as venue:
        report = client(venue).execute(FetchFills(symbol="BTC-USDT", **ABOUT))
    assert isinstance(report, FillsFetched)
    assert "startTime" not in venue.called("myTrades")[0].params


def test_balances_are_total_and_available():
    payload = {"balances": [{"asset": "BTC", "free": "1.0", "locked": "0.1"}]}
    with Venue(get_account=[told(payload)]) as venue:
        report = client(venue).execute(FetchBalances(**ABOUT))
    assert isinstance(report, BalancesFetched)
    assert report.balances == (("BTC", Decimal("1.1"), Decimal("1.0")),)


@pytest.mark.parametrize(
    "payload", [{}, {"balances": None}, {"balances": [{"asset": "BTC", "free": 1.0, "locked": "0"}]}]
)
def test_balances_with_one_unreadable_are_no_answer(payload):
    with Venue(get_account=[told(payload)]) as venue:
        report = client(venue).execute(FetchBalances(**ABOUT))
    assert isinstance(report, FetchFailed)


def test_instruments_are_listed():
    with Venue() as venue:
        report = client(venue).execute(FetchInstruments(**ABOUT))
    assert isinstance(report, InstrumentsFetched)
    assert [item.symbol for item in report.instruments] == ["BTC-USDT"]


@pytest.mark.parametrize("info", [[], {"symbols": {}}, {"symbols": None}])
def test_instruments_without_a_list_are_no_answer(info):
    with Venue() as venue:
        venue.info = info
        report = client(venue).execute(FetchInstruments(**ABOUT))
    assert isinstance(report, FetchFailed)
    assert INFO["symbols"]


def test_server_time_is_aimed_low():
    with Venue() as venue:
        venue.skew_ms = 1500
        made = client(venue)
        report = made.execute(FetchServerTime(**ABOUT))
    assert isinstance(report, ServerTimeFetched)
    assert report.offset_ms <= 1500
    assert report.offset_ms >= 1500 - 2 * report.error_ms - 2
    # Two clocks are read for it, each in whole milliseconds.
    assert abs(made.venue_offset_ms() - report.offset_ms) <= 1


@pytest.mark.parametrize("body", [b"{}", b'{"serverTime":"1"}', b'{"serverTime":1.5}', b'{"serverTime":true}', b""])
def test_server_time_that_cannot_be_read_is_not_adopted(body):
    with Venue(get_time=[answer(body)]) as venue:
        made = client(venue)
        report = made.execute(FetchServerTime(**ABOUT))
    assert isinstance(report, FetchFailed)
    assert made.venue_offset_ms() == 0
