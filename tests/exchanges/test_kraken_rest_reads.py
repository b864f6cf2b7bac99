from decimal import Decimal

import loopback
import pytest
from kraken_samples import (
    ASSETS,
    BOOK,
    CANCELLED,
    CLIENT_ID,
    DASHED_ID,
    DESCRIPTION,
    ORDER,
    ORDER_ID,
    TRADE,
    TRADE_ID,
    UNTOUCHED,
    Venue,
    client,
    look_up,
    now_ms,
    refused,
    search,
    told,
)
from loopback import answer

from exchanges.answers import Untold
from messages.commands import (
    FetchBalances,
    FetchFills,
    FetchInstruments,
    FetchOpenOrders,
    FetchPrice,
    FetchServerTime,
)
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
from messages.types import PublicStatus

OTHER_ID = "OAAAAA-KLAF2-FWUDD7"
OF_SOL = {**ORDER, "descr": {**DESCRIPTION, "pair": "SOLUSD"}}


def ask(request, **scripts):
    with Venue(**scripts) as venue:
        report = client(venue).execute(request)
    return report, venue


def about(kind, **fields):
    return kind(account_id="1", exchange="kraken", **fields)


def rows(count, sample, start=0, **changes):
    return {f"T{number:05d}-AAAAA-AAAAAA": {**sample, **changes} for number in range(start, start + count)}


# ----- look-ups


def test_list_with_an_order_of_a_type_we_do_not_place_shows_every_order():
    trailing = {**ORDER, "descr": {**DESCRIPTION, "ordertype": "trailing-stop", "price": "+5.0%"}}
    report, _ = ask(
        FetchOpenOrders(account_id="1", exchange="kraken"),
        OpenOrders=[told({"open": {ORDER_ID: ORDER, "OTHER1-KSTLS-7DZZO5": trailing}})],
    )
    assert isinstance(report, OpenOrdersFetched)
    assert (len(report.orders), report.unreadable) == (2, 0)


def test_look_up_by_the_venues_id_finds_order_and_executions():
    report, venue = ask(
        look_up(), QueryOrders=[told({ORDER_ID: ORDER})], QueryTrades=[told({TRADE_ID: TRADE})]
    )
    assert isinstance(report, OrderFound)
    assert (report.order.venue_order_id, report.fills_complete) == (ORDER_ID, True)
    assert [fill.fill_id for fill in report.fills] == [TRADE_ID]
    assert venue.params("QueryTrades")[0]["txid"] == TRADE_ID
    assert 0 < report.asked_venue_ms <= now_ms()


def test_look_up_of_an_order_without_executions_asks_once():
    report, venue = ask(look_up(), QueryOrders=[told({ORDER_ID: {**ORDER, **UNTOUCHED}})])
    assert isinstance(report, OrderFound)
    assert (report.fills, report.fills_complete) == ((), True)
    assert venue.called("QueryTrades") == []


@pytest.mark.parametrize("told_of", [{"cost": "10312.50000"}, {"trades": [TRADE_ID]}, {"misc": "partial"}])
def test_look_up_of_an_end_that_contradicts_itself_proves_no_end_and_no_executions(told_of):
    shown = {**CANCELLED, **UNTOUCHED, **told_of}
    report, _ = ask(look_up(), QueryOrders=[told({ORDER_ID: shown})])
    assert isinstance(report, OrderFound)
    assert (report.order.status, report.fills, report.fills_complete) == (None, (), False)


@pytest.mark.parametrize(
    "trades",
    [
        told({}),
        told({TRADE_ID: {**TRADE, "vol": "0.1"}}),
        told({TRADE_ID: {**TRADE, "vol": "0.5"}}),
        told({TRADE_ID: {**TRADE, "maker": None}}),
        told({TRADE_ID: {**TRADE, "ordertxid": OTHER_ID}}),
        told([]),
        refused("EService:Unavailable"),
    ],
)
def test_look_up_with_executions_that_do_not_add_up_is_not_complete(trades):
    report, _ = ask(look_up(), QueryOrders=[told({ORDER_ID: ORDER})], QueryTrades=[trades])
    assert isinstance(report, OrderFound)
    assert not report.fills_complete


def test_look_up_before_the_list_of_executions_is_written_is_not_complete():
    record = {name: value for name, value in ORDER.items() if name != "trades"}
    report, _ = ask(look_up(), QueryOrders=[told({ORDER_ID: record})])
    assert (report.fills, report.fills_complete) == ((), False)


def test_look_up_of_many_executions_asks_for_twenty_at_a_time():
    trades = rows(45, TRADE, vol="0.01")
    record = {**ORDER, "trades": list(trades), "vol_exec": "0.45000000"}
    pages = [told(dict(list(trades.items())[start : start + 20])) for start in (0, 20, 40)]
    report, venue = ask(look_up(), QueryOrders=[told({ORDER_ID: record})], QueryTrades=pages)
    assert (len(report.fills), report.fills_complete) == (45, True)
    assert [len(each["txid"].split(",")) for each in venue.params("QueryTrades")] == [20, 20, 5]


@pytest.mark.parametrize("shown", [told({}), refused("EOrder:Invalid order"), refused("EOrder:Unknown order")])
def test_look_up_of_an_id_the_venue_does_not_know_is_not_found(shown):
    report, _ = ask(look_up(), QueryOrders=[shown])
    assert isinstance(report, OrderNotFound)
    assert report.asked_venue_ms > 0


@pytest.mark.parametrize(
    "shown",
    [
        refused("EService:Unavailable"),
        refused("EAPI:Invalid nonce"),
        refused("EAPI:Invalid key"),
        refused("EGeneral:Invalid arguments"),
        told({OTHER_ID: ORDER}),
        told({ORDER_ID: {**ORDER, "vol": None}}),
        told([]),
        answer(b"{}"),
        answer(b"<html>", status=502),
        loopback.break_off,
    ],
)
def test_look_up_that_is_not_answered_says_nothing(shown):
    report, _ = ask(look_up(), QueryOrders=[shown])
    assert isinstance(report, LookUpFailed)


def test_look_up_by_client_id_finds_an_open_order():
    unfilled = {**ORDER, "vol_exec": "0.00000000"}
    report, venue = ask(look_up(venue_order_id=None), OpenOrders=[told({"open": {ORDER_ID: unfilled}})])
    assert isinstance(report, OrderFound)
    assert report.order.client_order_id == CLIENT_ID
    assert venue.params("OpenOrders")[0]["cl_ord_id"] == CLIENT_ID
    assert venue.called("ClosedOrders") == []


def test_look_up_by_client_id_reads_executions_by_the_venues_id():
    report, venue = ask(
        look_up(venue_order_id=None),
        OpenOrders=[told({"open": {ORDER_ID: ORDER}})],
        QueryOrders=[told({ORDER_ID: ORDER})],
        QueryTrades=[told({TRADE_ID: TRADE})],
    )
    assert (len(report.fills), report.fills_complete) == (1, True)
    assert venue.params("QueryOrders")[0]["consolidate_taker"] == "false"


def test_look_up_by_client_id_finds_a_closed_order():
    closed = {**CANCELLED, **UNTOUCHED, "cl_ord_id": DASHED_ID.upper()}
    report, _ = ask(look_up(venue_order_id=None), ClosedOrders=[told({"closed": {ORDER_ID: closed}, "count": 1})])
    assert isinstance(report, OrderFound)
    assert report.order.status is PublicStatus.CANCELLED


def test_look_up_by_client_id_in_neither_list_is_not_found():
    report, venue = ask(look_up(venue_order_id=None))
    assert isinstance(report, OrderNotFound)
    assert len(venue.called("OpenOrders")) == len(venue.called("ClosedOrders")) == 1


def test_look_up_by_client_id_believes_no_order_of_another_id():
    other = {**ORDER, "cl_ord_id": "00000000-7d0b-4c64-9a57-0d6c6a0b1d11"}
    nameless = {**ORDER, "cl_ord_id": None}
    report, _ = ask(look_up(venue_order_id=None), OpenOrders=[told({"open": {ORDER_ID: other, OTHER_ID: nameless}})])
    assert isinstance(report, OrderNotFound)


@pytest.mark.parametrize(
    "scripts",
    [
        {"ClosedOrders": [told({"closed": {ORDER_ID: CANCELLED, OTHER_ID: CANCELLED}, "count": 2})]},
        {"OpenOrders": [refused("EService:Unavailable")]},
        {"ClosedOrders": [refused("EService:Unavailable")]},
        {"OpenOrders": [told({})]},
        {"OpenOrders": [told({"open": {ORDER_ID: {**ORDER, "cl_ord_id": 5}}})]},
        {"OpenOrders": [told({"open": {ORDER_ID: {**ORDER, "vol": None}}})]},
        {"ClosedOrders": [told({"closed": {}})]},
        {"ClosedOrders": [told({"closed": {}, "count": 3})]},
    ],
)
def test_look_up_by_client_id_without_a_certain_answer_says_nothing(scripts):
    report, _ = ask(look_up(venue_order_id=None), **scripts)
    assert isinstance(report, LookUpFailed)


def test_look_up_without_any_id_says_nothing_and_asks_nothing():
    report, venue = ask(look_up(venue_order_id=None, client_order_id=""))
    assert isinstance(report, LookUpFailed)
    assert venue.called("OpenOrders") == []


# ----- searches


def test_search_reads_every_source():
    report, venue = ask(
        search(),
        OpenOrders=[told({"open": {ORDER_ID: ORDER, "SOL": OF_SOL}})],
        ClosedOrders=[told({"closed": {OTHER_ID: CANCELLED, "SOL": OF_SOL}, "count": 2})],
        TradesHistory=[told({"trades": {TRADE_ID: TRADE, "TSOL": {**TRADE, "pair": "SOLUSD"}}, "count": 2})],
    )
    assert isinstance(report, OrdersSearched)
    assert {each.venue_order_id for each in report.orders} == {ORDER_ID, OTHER_ID}
    assert [each.fill_id for each in report.fills] == [TRADE_ID]
    assert (report.unreadable, report.sources) == (0, ("OpenOrders", "ClosedOrders", "TradesHistory"))
    for method in ("ClosedOrders", "TradesHistory"):
        (params,) = venue.params(method)
        # The start is left out by the venue, the end is not.
        assert (params["start"], params["end"]) == ("1795255199", "1795255321")
        assert (params["ofs"], params["consolidate_taker"]) == ("0", "false")
    assert venue.params("ClosedOrders")[0]["closetime"] == "both"


def test_search_of_one_order_in_two_lists_keeps_the_most_advanced():
    report, _ = ask(
        search(),
        OpenOrders=[told({"open": {ORDER_ID: ORDER}})],
        ClosedOrders=[told({"closed": {ORDER_ID: CANCELLED}, "count": 1})],
    )
    assert [each.status for each in report.orders] == [PublicStatus.CANCELLED]


@pytest.mark.parametrize(
    ("scripts", "unreadable"),
    [
        ({"OpenOrders": [told({"open": {ORDER_ID: {**ORDER, "vol": None}}})]}, 1),
        ({"ClosedOrders": [told({"closed": {ORDER_ID: None, OTHER_ID: {}}, "count": 2})]}, 2),
        # It names a symbol that is not listed, so the names are read, and everything is asked, once more.
        ({"TradesHistory": [told({"trades": {TRADE_ID: {**TRADE, "pair": "NEWUSD"}}, "count": 1})] * 2}, 1),
        # Of another symbol: nothing that this search could miss.
        ({"OpenOrders": [told({"open": {ORDER_ID: {**OF_SOL, "vol": None}}})]}, 0),
    ],
)
def test_search_counts_what_it_cannot_read(scripts, unreadable):
    report, _ = ask(search(), **scripts)
    assert isinstance(report, OrdersSearched)
    assert report.unreadable == unreadable


@pytest.mark.parametrize("method", ["OpenOrders", "ClosedOrders", "TradesHistory"])
@pytest.mark.parametrize("shown", [refused("EService:Busy"), told({}), told([]), answer(b"", status=520)])
def test_search_with_a_source_unanswered_is_not_answered(method, shown):
    report, _ = ask(search(), **{method: [shown]})
    assert isinstance(report, LookUpFailed)


# ----- pages


def test_pages_are_all_read_and_the_first_again():
    early, late = rows(50, TRADE), rows(20, TRADE, start=50)
    report, venue = ask(
        about(FetchFills, symbol="BTC-USD", since_venue_ms=1795255200000),
        TradesHistory=[
            told({"trades": early, "count": 70}),
            told({"trades": late, "count": 70}),
            told({"trades": {**early, TRADE_ID: TRADE}, "count": 71}),
        ],
    )
    assert isinstance(report, FillsFetched)
    assert len(report.fills) == 71
    params = venue.params("TradesHistory")
    assert [each["ofs"] for each in params] == ["0", "50", "0"]
    assert len({(each["start"], each["end"]) for each in params}) == 1
    assert params[0]["start"] == "1795255199"


def test_pages_that_shift_meanwhile_lose_nothing():
    first, shifted = rows(50, TRADE), rows(11, TRADE, start=49)
    report, _ = ask(
        about(FetchFills, symbol="BTC-USD", since_venue_ms=1),
        TradesHistory=[
            told({"trades": first, "count": 60}),
            told({"trades": shifted, "count": 61}),
            told({"trades": {**rows(49, TRADE), TRADE_ID: TRADE}, "count": 61}),
        ],
    )
    assert len({each.fill_id for each in report.fills}) == 61


@pytest.mark.parametrize(
    "second",
    [told({"trades": {}, "count": 70}), refused("EService:Busy"), told({"trades": {}}), loopback.break_off],
)
def test_pages_with_one_missing_are_no_answer(second):
    report, _ = ask(
        about(FetchFills, symbol="BTC-USD", since_venue_ms=1),
        TradesHistory=[told({"trades": rows(50, TRADE), "count": 70}), second, second],
    )
    assert isinstance(report, FetchFailed)


# ----- lists


def test_open_orders_of_all_symbols_come_in_one_answer():
    report, venue = ask(
        about(FetchOpenOrders), OpenOrders=[told({"open": {ORDER_ID: ORDER, OTHER_ID: OF_SOL, "BAD": {}}})]
    )
    assert isinstance(report, OpenOrdersFetched)
    assert {each.symbol for each in report.orders} == {"BTC-USD", "SOL-USD"}
    assert report.unreadable == 1
    assert "cl_ord_id" not in venue.params("OpenOrders")[0]


def test_open_orders_of_one_symbol_leave_out_the_others():
    report, _ = ask(
        about(FetchOpenOrders, symbol="BTC-USD"), OpenOrders=[told({"open": {ORDER_ID: ORDER, OTHER_ID: OF_SOL}})]
    )
    assert [each.venue_order_id for each in report.orders] == [ORDER_ID]


def test_fills_of_one_order_are_those_it_names():
    report, _ = ask(
        about(FetchFills, symbol="BTC-USD", venue_order_id=ORDER_ID),
        QueryOrders=[told({ORDER_ID: ORDER})],
        QueryTrades=[told({TRADE_ID: TRADE})],
    )
    assert [each.size for each in report.fills] == [Decimal("0.375")]


@pytest.mark.parametrize(
    "scripts",
    [
        {"QueryOrders": [told({})]},
        {"QueryOrders": [told({ORDER_ID: ORDER})]},
        {"QueryOrders": [told({ORDER_ID: {**ORDER, **UNTOUCHED, "cost": "10312.50000"}})]},
        {"QueryOrders": [told({ORDER_ID: ORDER})], "QueryTrades": [told({TRADE_ID: {**TRADE, "vol": "0.1"}})]},
    ],
)
def test_fills_of_one_order_that_do_not_add_up_are_no_answer(scripts):
    report, _ = ask(about(FetchFills, symbol="BTC-USD", venue_order_id=ORDER_ID), **scripts)
    assert isinstance(report, FetchFailed)


def test_balances_are_fetched_whole():
    held = {"XXBT": {"balance": "1.2435", "hold_trade": "0.8423"}}
    report, _ = ask(about(FetchBalances), BalanceEx=[told(held)])
    assert isinstance(report, BalancesFetched)
    assert report.balances == (("BTC", Decimal("1.2435"), Decimal("0.4012")),)


def test_balances_with_a_bad_one_are_no_answer():
    report, _ = ask(about(FetchBalances), BalanceEx=[told({"XXBT": {"balance": "1"}})])
    assert isinstance(report, FetchFailed)


def test_price_is_fetched():
    report, venue = ask(about(FetchPrice, symbol="BTC-USD"))
    assert isinstance(report, PriceFetched)
    assert report.price == Decimal(27500)
    assert venue.called("Ticker")[0].target == "/0/public/Ticker?pair=XBTUSD"


def test_price_of_another_symbol_is_none():
    report, _ = ask(about(FetchPrice, symbol="SOL-USD"))
    assert isinstance(report, FetchFailed)


def test_instruments_are_fetched_from_pairs_and_assets():
    report, _ = ask(about(FetchInstruments))
    assert isinstance(report, InstrumentsFetched)
    assert {each.symbol for each in report.instruments} == {"BTC-USD", "DOGE-USD", "SOL-USD"}


@pytest.mark.parametrize("method", ["Assets", "AssetPairs"])
def test_instruments_without_one_of_the_lists_are_no_answer(method):
    report, _ = ask(about(FetchInstruments), **{method: [answer(b"", status=502)]})
    assert isinstance(report, FetchFailed)


def test_server_time_is_never_ahead_of_the_venue():
    with Venue() as venue:
        venue.skew_s = 100
        made = client(venue)
        report = made.execute(about(FetchServerTime))
    assert isinstance(report, ServerTimeFetched)
    assert 98_000 <= report.offset_ms <= 100_000


def test_stream_token_is_asked_for_signed():
    with Venue() as venue:
        token = client(venue).session.stream_token()
    assert token == "the-token"
    (request,) = venue.called("GetWebSocketsToken")
    assert request.headers["api-sign"]


@pytest.mark.parametrize("shown", [told({"token": ""}), told([]), refused("EGeneral:Permission denied")])
def test_stream_token_that_is_none_is_not_told(shown):
    with Venue(GetWebSocketsToken=[shown]) as venue:
        assert isinstance(client(venue).session.stream_token(), Untold)


def test_names_once_known_stay_when_assets_are_renamed():
    renamed = {**ASSETS, "XXBT": {**ASSETS["XXBT"], "altname": "OTHER"}}
    with Venue(Assets=[told(ASSETS), told(renamed)]) as venue:
        made = client(venue)
        made.execute(about(FetchInstruments))
        made.execute(about(FetchInstruments))
        assert made.session.names.asset("XXBT") == "BTC"
        assert made.session.symbols().canonical("XBTUSD") == BOOK.canonical("XBTUSD")
