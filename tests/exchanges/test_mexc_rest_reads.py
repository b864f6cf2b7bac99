import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from loopback import Behaviour, Loopback, Received, answer
from mexc_samples import (
    ACCOUNT,
    CLIENT_ID,
    INFO,
    OPEN,
    ORDER,
    PARTIAL,
    SYMBOL,
    TRADE,
    VENUE_ID,
    Venue,
    client,
    error,
    look_up,
    search,
    told,
)

from exchanges.http import SystemClock
from messages.commands import FetchBalances, FetchFills, FetchInstruments, FetchOpenOrders, FetchPrice, FetchServerTime
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
    PriceFetched,
    ServerTimeFetched,
)
from messages.types import EvidenceSource, PublicStatus

WHERE = {"account_id": "1", "exchange": "mexc"}
DAY_MS = 86_400_000
OWN_TRADE = TRADE | {"symbol": "BTCUSDT", "orderId": VENUE_ID, "qty": "0.0001"}


def trades_at(times: list[int]) -> list[dict[str, Any]]:
    return [OWN_TRADE | {"id": f"{number}X1", "time": at_ms} for number, at_ms in enumerate(times)]


def listing(rows: list[dict[str, Any]], order: Callable[[list[Any]], list[Any]], keep: str) -> Behaviour:
    """A venue's list: rows of a period, at most `limit` of them, the newest or the oldest."""

    def meet(server: Loopback, connection: Any, request: Received) -> bool:
        params, limit = request.params, int(request.params["limit"])
        start_ms, end_ms = int(params["startTime"]), int(params["endTime"])
        found = sorted((row for row in rows if start_ms <= row["time"] <= end_ms), key=lambda row: row["time"])
        found = found[-limit:] if keep == "newest" else found[:limit]
        return told(order(found))(server, connection, request)

    return meet


# ----- look-ups


@pytest.mark.parametrize(
    ("venue_order_id", "named"), [(VENUE_ID, f"orderId={VENUE_ID}"), (None, f"origClientOrderId={CLIENT_ID}")]
)
def test_look_up_by_each_id_finds_the_order(venue_order_id, named):
    with Venue(get_order=[told(ORDER)]) as venue:
        report = client(venue).execute(look_up(venue_order_id=venue_order_id))
    assert isinstance(report, OrderFound)
    assert (report.order.client_order_id, report.order.status) == (CLIENT_ID, PublicStatus.CANCELLED)
    assert (report.fills, report.fills_complete) == ((), True)
    assert report.evidence.source is EvidenceSource.LOOKUP
    assert 0 < report.asked_venue_ms <= SystemClock().now_ms()
    (request,) = venue.called("order")
    assert request.target.startswith(f"/api/v3/order?symbol=BTCUSDT&{named}&recvWindow=5000&timestamp=")


def test_look_up_of_an_executed_order_reads_its_executions():
    now_ms = SystemClock().now_ms()
    rows = [*trades_at([now_ms]), OWN_TRADE | {"id": "other", "orderId": "C02__9", "time": now_ms}]
    with Venue(get_order=[told(PARTIAL | {"time": now_ms})], get_myTrades=[told(rows)]) as venue:
        report = client(venue).execute(look_up())
    assert isinstance(report, OrderFound)
    assert [fill.fill_id for fill in report.fills] == ["0X1"]
    assert report.fills_complete
    (request,) = venue.called("myTrades")
    assert (request.params["orderId"], request.params["limit"]) == (VENUE_ID, "100")
    assert int(request.params["startTime"]) == now_ms


@pytest.mark.parametrize("trades", [told([]), told([OWN_TRADE, {}]), error(500, status=500), told({})])
def test_look_up_without_all_executions_says_so(trades):
    order = PARTIAL | {"time": SystemClock().now_ms()}
    with Venue(get_order=[told(order)], get_myTrades=[trades]) as venue:
        report = client(venue).execute(look_up())
    assert isinstance(report, OrderFound)
    assert not report.fills_complete


def test_look_up_of_an_order_older_than_its_executions_are_kept_is_not_complete():
    with Venue(get_order=[told(PARTIAL)], get_myTrades=[told([OWN_TRADE])]) as venue:
        report = client(venue).execute(look_up())
    assert isinstance(report, OrderFound)
    assert (report.fills, report.fills_complete, venue.called("myTrades")) == ((), False, [])


def test_look_up_of_an_unknown_order_is_not_found():
    with Venue(get_order=[error(-2013, "Order does not exist.")]) as venue:
        report = client(venue).execute(look_up())
    assert isinstance(report, OrderNotFound)
    assert report.evidence.detail == "-2013"
    assert report.asked_venue_ms > 0


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (error(-2013, status=500), "server_error"),
        (error(987654), "status_unknown"),
        (error(700002), "refused: 700002"),
        (error(10007, status=200), "refused: 10007"),
        (answer(b"<html>"), "unreadable"),
        (told({}), "unreadable: side is unknown"),
        (told(ORDER | {"clientOrderId": "somebody-elses"}), "unreadable: the answer is about another order"),
    ],
)
def test_look_up_without_an_answer_says_nothing_about_the_order(behaviour, reason):
    with Venue(get_order=[behaviour]) as venue:
        report = client(venue).execute(look_up())
    assert isinstance(report, LookUpFailed)
    assert report.reason == reason


def test_look_up_answered_with_trouble_is_asked_again():
    with Venue(get_order=[error(500, status=500), told(ORDER)]) as venue:
        report = client(venue).execute(look_up(retries=1))
    assert isinstance(report, OrderFound)


# ----- searches


def test_search_reads_every_source_and_keeps_the_most_advanced_claim():
    now_ms = SystemClock().now_ms()
    rows = [told([PARTIAL | {"time": now_ms}])]
    with Venue(get_openOrders=[told([OPEN])], get_allOrders=rows, get_myTrades=[told(trades_at([now_ms]))]) as venue:
        report = client(venue).execute(search())
    assert isinstance(report, OrdersSearched)
    assert [order.filled_size for order in report.orders] == [Decimal("0.0001")]
    assert [fill.fill_id for fill in report.fills] == ["0X1"]
    assert (report.sources, report.unreadable) == (("openOrders", "allOrders", "myTrades"), 0)
    assert venue.called("allOrders")[0].params["limit"] == "1000"


@pytest.mark.parametrize("silent", ["get_openOrders", "get_allOrders", "get_myTrades"])
@pytest.mark.parametrize("instead", [error(500, status=500), told({})])
def test_search_without_one_of_its_sources_proves_nothing(silent, instead):
    scripts = {name: [told([])] for name in ("get_openOrders", "get_allOrders", "get_myTrades")} | {silent: [instead]}
    with Venue(**scripts) as venue:
        report = client(venue).execute(search())
    assert isinstance(report, LookUpFailed)


def test_search_counts_what_it_cannot_read():
    broken = [told([{}, OPEN | {"side": "BOTH"}])]
    with Venue(get_openOrders=broken, get_allOrders=[told([None])], get_myTrades=[told([7])]) as venue:
        report = client(venue).execute(search())
    assert isinstance(report, OrdersSearched)
    assert report.unreadable == 4


def test_search_before_what_the_venue_keeps_proves_nothing():
    now_ms = SystemClock().now_ms()
    with Venue(get_openOrders=[told([])], get_allOrders=[told([])], get_myTrades=[told([])]) as venue:
        report = client(venue).execute(search(from_venue_ms=now_ms - 8 * DAY_MS, to_venue_ms=now_ms - 7 * DAY_MS))
    assert isinstance(report, LookUpFailed)
    assert report.reason == "history_not_kept"


# ----- pages


@pytest.mark.parametrize(
    ("order", "keep"),
    [(list, "newest"), (lambda rows: rows[::-1], "newest"), (list, "oldest")],
    ids=["ascending-newest", "descending-newest", "ascending-oldest"],
)
def test_fills_of_several_pages_are_all_read_whichever_part_comes_first(order, keep):
    now_ms = SystemClock().now_ms()
    rows = trades_at([now_ms - 5000 * (number // 3) for number in range(250)])
    with Venue(get_myTrades=[listing(rows, order, keep)]) as venue:
        report = client(venue).execute(FetchFills(**WHERE, symbol="BTC-USDT", since_venue_ms=now_ms - DAY_MS))
    assert isinstance(report, FillsFetched)
    assert sorted(fill.fill_id for fill in report.fills) == sorted(row["id"] for row in rows)
    assert len(report.fills) == 250


def test_fills_at_one_moment_that_fill_a_page_are_no_answer():
    now_ms = SystemClock().now_ms()
    rows = trades_at([now_ms] * 101)
    with Venue(get_myTrades=[listing(rows, list, "newest")]) as venue:
        report = client(venue).execute(FetchFills(**WHERE, symbol="BTC-USDT", since_venue_ms=now_ms - DAY_MS))
    assert isinstance(report, FetchFailed)
    assert report.reason == "too_many_rows_at_once"


def test_fills_of_a_venue_that_ignores_the_period_are_no_answer():
    now_ms = SystemClock().now_ms()
    rows = trades_at([now_ms - 5 * DAY_MS - number for number in range(100)])
    with Venue(get_myTrades=[told(rows)]) as venue:
        report = client(venue).execute(FetchFills(**WHERE, symbol="BTC-USDT", since_venue_ms=now_ms - DAY_MS))
    assert isinstance(report, FetchFailed)
    assert report.reason == "unreadable: a page of another period"


def test_fills_with_an_unreadable_time_in_a_full_page_are_no_answer():
    rows = [*trades_at([SystemClock().now_ms() - number for number in range(99)]), {"id": "1"}]
    with Venue(get_myTrades=[told(rows)]) as venue:
        report = client(venue).execute(FetchFills(**WHERE, symbol="BTC-USDT", since_venue_ms=rows[0]["time"] - DAY_MS))
    assert isinstance(report, FetchFailed)
    assert report.reason == "unreadable: time is not an integer"


def test_fills_that_cannot_be_read_are_counted():
    now_ms = SystemClock().now_ms()
    rows = [*trades_at([now_ms]), OWN_TRADE | {"id": None}, OWN_TRADE | {"price": None}]
    with Venue(get_myTrades=[told(rows)]) as venue:
        report = client(venue).execute(FetchFills(**WHERE, symbol="BTC-USDT", since_venue_ms=now_ms - DAY_MS))
    assert isinstance(report, FillsFetched)
    assert (len(report.fills), report.unreadable) == (1, 2)


def test_fills_of_one_order_are_asked_for_as_far_back_as_they_are_kept():
    with Venue(get_myTrades=[told([OWN_TRADE, OWN_TRADE | {"id": "2", "orderId": "C02__9"}])]) as venue:
        report = client(venue).execute(FetchFills(**WHERE, symbol="BTC-USDT", venue_order_id=VENUE_ID))
    assert isinstance(report, FillsFetched)
    assert [fill.fill_id for fill in report.fills] == [OWN_TRADE["id"]]
    (request,) = venue.called("myTrades")
    assert request.params["orderId"] == VENUE_ID
    period_ms = int(request.params["endTime"]) - int(request.params["startTime"])
    assert period_ms == 30 * DAY_MS


def test_latest_fills_of_a_symbol_are_one_page():
    with Venue(get_myTrades=[told([OWN_TRADE])]) as venue:
        report = client(venue).execute(FetchFills(**WHERE, symbol="BTC-USDT"))
    assert isinstance(report, FillsFetched)
    (request,) = venue.called("myTrades")
    assert request.target.startswith("/api/v3/myTrades?symbol=BTCUSDT&limit=100&recvWindow=")


# ----- lists without pages


@pytest.mark.parametrize(("symbol", "query"), [("BTC-USDT", "symbol=BTCUSDT&"), (None, "")])
def test_open_orders_of_one_symbol_or_all_are_listed(symbol, query):
    rows = [OPEN | {"orderId": f"C02__{number}"} for number in range(2500)] + [{}]
    with Venue(get_openOrders=[told(rows)]) as venue:
        report = client(venue).execute(FetchOpenOrders(**WHERE, symbol=symbol))
    assert isinstance(report, OpenOrdersFetched)
    assert (len(report.orders), report.unreadable, report.symbol) == (2500, 1, symbol)
    assert venue.called("openOrders")[0].target.startswith(f"/api/v3/openOrders?{query}recvWindow=5000&timestamp=")


@pytest.mark.parametrize("behaviour", [told({}), error(700007), answer(b"<html>"), error(500, status=500)])
def test_open_orders_without_a_list_are_no_answer(behaviour):
    with Venue(get_openOrders=[behaviour]) as venue:
        report = client(venue).execute(FetchOpenOrders(**WHERE))
    assert isinstance(report, FetchFailed)


def test_open_orders_of_a_symbol_listed_since_are_read_after_all():
    with Venue(get_openOrders=[told([OPEN | {"symbol": "NEWUSDT"}])]) as venue:
        made = client(venue)
        made.execute(FetchInstruments(**WHERE))
        venue.info = {"symbols": [*INFO["symbols"], SYMBOL | {"symbol": "NEWUSDT", "baseAsset": "NEW"}]}
        report = made.execute(FetchOpenOrders(**WHERE))
    assert isinstance(report, OpenOrdersFetched)
    assert ([order.symbol for order in report.orders], report.unreadable) == (["NEW-USDT"], 0)


def test_balances_are_totals_and_what_is_available():
    with Venue(get_account=[told(ACCOUNT)]) as venue:
        report = client(venue).execute(FetchBalances(**WHERE))
    assert isinstance(report, BalancesFetched)
    assert report.balances == (("USDT", Decimal(1033), Decimal(1000)),)


@pytest.mark.parametrize("payload", [{}, [], {"balances": [{}]}, {"balances": [{"asset": "A", "free": None}]}])
def test_balances_of_which_one_cannot_be_read_are_no_answer(payload):
    with Venue(get_account=[told(payload)]) as venue:
        report = client(venue).execute(FetchBalances(**WHERE))
    assert isinstance(report, FetchFailed)


def test_price_is_the_latest_of_the_very_symbol():
    with Venue(get_price=[answer(b'{"symbol":"BTCUSDT","price":30000.10}')]) as venue:
        report = client(venue).execute(FetchPrice(**WHERE, symbol="BTC-USDT"))
    assert isinstance(report, PriceFetched)
    assert str(report.price) == "30000.10"
    assert venue.called("price")[0].target == "/api/v3/ticker/price?symbol=BTCUSDT"


@pytest.mark.parametrize("payload", [{"symbol": "MXUSDT", "price": "1"}, {"symbol": "BTCUSDT", "price": "0"}, []])
def test_price_of_another_symbol_or_none_is_no_answer(payload):
    with Venue(get_price=[told(payload)]) as venue:
        report = client(venue).execute(FetchPrice(**WHERE, symbol="BTC-USDT"))
    assert isinstance(report, FetchFailed)


def test_instruments_and_clock_are_read():
    with Venue() as venue:
        venue.skew_ms = 5000
        made = client(venue)
        listed, clock = made.execute(FetchInstruments(**WHERE)), made.execute(FetchServerTime(**WHERE))
    assert isinstance(listed, InstrumentsFetched)
    assert [each.symbol for each in listed.instruments] == ["BTC-USDT", "MX-USDT"]
    assert isinstance(clock, ServerTimeFetched)
    assert clock.offset_ms <= 5000


@pytest.mark.parametrize("body", [b"{}", b'{"serverTime":"soon"}', json.dumps({"serverTime": 1.5}).encode()])
def test_clock_that_cannot_be_read_is_no_answer(body):
    with Venue(get_time=[answer(body)]) as venue:
        report = client(venue).execute(FetchServerTime(**WHERE))
    assert isinstance(report, FetchFailed)
