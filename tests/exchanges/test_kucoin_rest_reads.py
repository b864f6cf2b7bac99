from decimal import Decimal

import pytest
from kucoin_samples import (
    ACCOUNT,
    ACCOUNTS,
    ACTIVE,
    ACTIVE_SYMBOLS,
    BY_ID,
    CHILD,
    CHILD_ID,
    DONE,
    ENDED,
    FILL,
    FILLS,
    ORDER,
    ORDER_ID,
    PRICE,
    STOP,
    STOP_BY_ID,
    STOP_ID,
    STOPS,
    SYMBOL,
    SYMBOLS,
    TIME,
    TRIGGERED,
    WORKING,
    Venue,
    chain,
    client,
    error,
    look_up,
    page,
    search,
    signer,
    told,
)
from loopback import break_off

from exchanges.http import SystemClock
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
from messages.types import EvidenceSource, PublicStatus

WHO = {"account_id": "1", "exchange": "kucoin"}
DAY_MS = 86_400_000


def answered(scripts, request):
    with Venue(scripts) as venue:
        return client(venue).execute(request), venue


def numbered(sample, count, start=0):
    return [sample | {"id": f"{sample['id']}-{number}"} for number in range(start, start + count)]


# ----- one order


def test_look_up_by_venue_id_asks_one_book_and_reads_the_executions():
    report, venue = answered({BY_ID: [told(ORDER)], FILLS: [told(chain([FILL]))]}, look_up(venue_order_id=ORDER_ID))
    assert isinstance(report, OrderFound)
    assert (report.order.status, report.fills_complete) == (PublicStatus.FILLED, True)
    assert [fill.fill_id for fill in report.fills] == ["11029373945659392"]
    assert (report.evidence.source, report.evidence.venue_time_ms) == (EvidenceSource.LOOKUP, 1729577515481)
    (request,) = venue.called(BY_ID)
    assert request.target == f"/api/v1/hf/orders/{ORDER_ID}?symbol=BTC-USDT"
    payload = f"{request.headers['kc-api-timestamp']}GET{request.target}"
    assert request.headers["kc-api-sign"] == signer().sign(payload.encode())
    (request,) = venue.called(FILLS)
    assert request.params == {"symbol": "BTC-USDT", "orderId": ORDER_ID, "limit": "100"}
    assert venue.called(STOP_BY_ID) == []


@pytest.mark.parametrize(
    ("fills", "count"),
    [
        (told(chain([])), 0),
        (told(chain([FILL | {"size": "0.000004"}])), 1),
        (told(chain([FILL, FILL | {"side": None}])), 1),
        (told(chain([FILL | {"orderId": "another"}])), 0),
        (error("500000"), 0),
        (told(None), 0),
    ],
)
def test_look_up_without_all_executions_says_so(fills, count):
    report, _ = answered({BY_ID: [told(ORDER)], FILLS: [fills]}, look_up(venue_order_id=ORDER_ID))
    assert isinstance(report, OrderFound)
    assert (len(report.fills), report.fills_complete) == (count, False)


def test_look_up_that_wants_no_executions_does_not_ask_for_them():
    report, venue = answered({BY_ID: [told(ORDER)]}, look_up(venue_order_id=ORDER_ID, with_fills=False))
    assert isinstance(report, OrderFound)
    assert (report.fills_complete, venue.called(FILLS)) == (False, [])


@pytest.mark.parametrize("absent", [error("102436", "no"), told(None)])
def test_look_up_of_an_order_the_venue_does_not_know_is_not_found(absent):
    before_ms = SystemClock().now_ms()
    report, _ = answered({BY_ID: [absent]}, look_up(venue_order_id=ORDER_ID))
    assert isinstance(report, OrderNotFound)
    assert before_ms - 1000 <= report.asked_venue_ms <= SystemClock().now_ms()


@pytest.mark.parametrize(
    "meet",
    [
        error("500000"), error("102436", status=500), error("400004"), error("429000", status=429), error("777777"),
        break_off, told(ORDER | {"type": "?"}), told([]), told({}),
    ],
)  # fmt: skip
def test_look_up_not_answered_fails_and_says_nothing(meet):
    report, _ = answered({BY_ID: [meet]}, look_up(venue_order_id=ORDER_ID))
    assert isinstance(report, LookUpFailed)


def test_look_up_is_repeated_while_retries_are_left():
    script = [error("500000"), break_off, told(WORKING)]
    report, venue = answered({BY_ID: script}, look_up(venue_order_id=ORDER_ID, retries=2))
    assert isinstance(report, OrderFound)
    assert len(venue.called(BY_ID)) == 3


# ----- searching


def everything(**changes):
    scripts = {
        STOPS: [told(page([]))], ACTIVE: [told(page([]))], DONE: [told(chain([]))], FILLS: [told(chain([]))],
    }  # fmt: skip
    return scripts | changes


def test_search_reads_every_source_and_joins_them():
    scripts = {
        STOPS: [told(page([STOP | {"clientOid": "other"}]))],
        ACTIVE: [told(page([WORKING, WORKING | {"id": "second"}]))],
        DONE: [told(chain([ORDER]))],
        FILLS: [told(chain([FILL]))],
    }
    asked = search()
    report, venue = answered(scripts, asked)
    assert isinstance(report, OrdersSearched)
    found = {order.venue_order_id: order.status for order in report.orders}
    assert found == {STOP_ID: PublicStatus.OPEN, ORDER_ID: PublicStatus.FILLED, "second": PublicStatus.OPEN}
    assert ([fill.fill_id for fill in report.fills], report.unreadable) == (["11029373945659392"], 0)
    assert report.sources == ("active", "done", "fills", "stop-order")
    params = venue.called(DONE)[0].params
    assert (params["symbol"], params["startAt"], params["limit"]) == ("BTC-USDT", str(asked.from_venue_ms), "100")
    assert int(params["endAt"]) >= asked.to_venue_ms
    first = [f"{request.method} {request.path}" for request in venue.requests if request.path not in (TIME, SYMBOLS)]
    assert first.index(STOPS) < first.index(ACTIVE) < first.index(DONE)


@pytest.mark.parametrize("source", [STOPS, ACTIVE, DONE, FILLS])
@pytest.mark.parametrize(
    "meet", [error("500000"), error("429000", status=429), told(None), told([]), told({"items": 5})]
)
def test_search_with_a_source_unread_fails(source, meet):
    report, _ = answered(everything(**{source: [meet]}), search())
    assert isinstance(report, LookUpFailed)


@pytest.mark.parametrize(
    ("source", "bad"),
    [
        (STOPS, told(page([STOP | {"side": "?"}]))),
        (ACTIVE, told(page([WORKING | {"type": "?"}]))),
        (DONE, told(chain([ENDED | {"dealSize": None}]))),
        (FILLS, told(chain([FILL | {"price": "x"}]))),
    ],
)
def test_search_counts_what_it_cannot_read(source, bad):
    report, _ = answered(everything(**{source: [bad]}), search())
    assert isinstance(report, OrdersSearched)
    assert (report.unreadable, report.orders, report.fills) == (1, (), ())


def test_search_shows_a_triggered_stop_once_as_the_order_in_its_place():
    scripts = everything(**{STOPS: [told(page([TRIGGERED]))], ACTIVE: [told(page([CHILD]))]})
    report, _ = answered(scripts, search())
    assert [order.venue_order_id for order in report.orders] == [CHILD_ID]


def test_search_shows_a_triggered_stop_that_nothing_follows_with_unknown_status():
    report, _ = answered(everything(**{STOPS: [told(page([TRIGGERED]))]}), search())
    assert [(order.venue_order_id, order.status) for order in report.orders] == [(STOP_ID, None)]


@pytest.mark.parametrize(
    ("days", "sources"),
    [
        (1, ("active", "done", "fills", "stop-order")),
        (3, ("active", "fills", "stop-order")),
        (8, ("active", "stop-order")),
    ],
)
def test_search_farther_back_than_the_venue_lists_does_not_claim_to_have_read_it(days, sources):
    from_ms = SystemClock().now_ms() - days * DAY_MS
    report, venue = answered(everything(), search(from_venue_ms=from_ms, to_venue_ms=from_ms + 1000))
    assert report.sources == sources
    for name, kept_days in ((DONE, 2), (FILLS, 7)):
        params = venue.called(name)[0].params
        period_ms = int(params["endAt"]) - int(params["startAt"])
        assert period_ms == kept_days * DAY_MS or (days < kept_days and int(params["startAt"]) == from_ms)


# ----- pages


def test_ended_orders_are_read_to_the_last_page():
    pages = [chain(numbered(ENDED, 100), 55), chain(numbered(ENDED, 100, 100), 33), chain(numbered(ENDED, 7, 200), 1)]
    report, venue = answered(everything(**{DONE: [told(each) for each in pages]}), search())
    assert len(report.orders) == 207
    assert [request.params.get("lastId") for request in venue.called(DONE)] == [None, "55", "33"]


@pytest.mark.parametrize("last", [None, "55", 1.5])
def test_full_page_that_leads_nowhere_is_no_list(last):
    report, _ = answered(everything(**{DONE: [told(chain(numbered(ENDED, 100), last))]}), search())
    assert isinstance(report, LookUpFailed)


def test_pages_that_repeat_themselves_are_no_list():
    report, _ = answered(everything(**{FILLS: [told(chain([FILL] * 100, 55))]}), search())
    assert isinstance(report, LookUpFailed)
    assert "lastId" in report.reason


def test_open_orders_of_all_symbols_are_read_symbol_by_symbol_and_page_by_page():
    other = [order | {"symbol": "KCS-USDT", "id": f"k{order['id']}"} for order in numbered(WORKING, 3)]
    scripts = {
        STOPS: [told(page([STOP, TRIGGERED | {"id": "vs-gone"}]))],
        ACTIVE_SYMBOLS: [told({"symbols": ["BTC-USDT", "KCS-USDT"]})],
        ACTIVE: [
            told(page(numbered(WORKING, 100), total=130, pages=2)),
            told(page(numbered(WORKING, 30, 100), total=130, pages=2, number=2)),
            told(page(other)),
        ],
    }
    report, venue = answered(scripts, FetchOpenOrders(**WHO))
    assert isinstance(report, OpenOrdersFetched)
    assert (len(report.orders), report.symbol, report.unreadable) == (134, None, 0)
    assert {order.symbol for order in report.orders} == {"BTC-USDT", "KCS-USDT"}
    asked = [request.params for request in venue.called(ACTIVE)]
    assert asked == [
        {"symbol": "BTC-USDT", "pageNum": "1", "pageSize": "100"},
        {"symbol": "BTC-USDT", "pageNum": "2", "pageSize": "100"},
        {"symbol": "KCS-USDT", "pageNum": "1", "pageSize": "100"},
    ]
    assert venue.called(STOPS)[0].params == {"currentPage": "1", "pageSize": "100"}


def test_open_orders_of_one_symbol_ask_for_nothing_else():
    scripts = {STOPS: [told(page([STOP]))], ACTIVE: [told(page([WORKING, WORKING | {"id": "", "side": "?"}]))]}
    report, venue = answered(scripts, FetchOpenOrders(**WHO, symbol="BTC-USDT"))
    assert isinstance(report, OpenOrdersFetched)
    assert (len(report.orders), report.unreadable) == (2, 1)
    assert venue.called(ACTIVE_SYMBOLS) == []
    assert venue.called(STOPS)[0].params["symbol"] == "BTC-USDT"


def test_open_orders_that_moved_between_pages_are_read_anew():
    # One of the first page ended in between: the first of the second page moved up, and nobody saw it.
    moved = [
        told(page(numbered(WORKING, 100), total=130, pages=2)),
        told(page(numbered(WORKING, 29, 101), total=130, pages=2)),
    ]
    still = [
        told(page(numbered(WORKING, 100, 1), total=129, pages=2)),
        told(page(numbered(WORKING, 29, 101), total=129, pages=2)),
    ]
    scripts = {STOPS: [told(page([]))], ACTIVE: moved + still}
    report, _ = answered(scripts, FetchOpenOrders(**WHO, symbol="BTC-USDT"))
    assert isinstance(report, OpenOrdersFetched)
    assert len(report.orders) == 129


def test_open_orders_of_which_the_last_moved_to_a_page_read_before_are_read_anew():
    # One of the first page ended: there is no second page any more, and what it held nobody saw.
    moved = [
        told(page(numbered(WORKING, 100), total=101, pages=2)),
        told(page([], total=100, pages=1, number=2)),
    ]
    scripts = {STOPS: [told(page([]))], ACTIVE: [*moved, told(page(numbered(WORKING, 100, 1)))]}
    report, _ = answered(scripts, FetchOpenOrders(**WHO, symbol="BTC-USDT"))
    assert isinstance(report, OpenOrdersFetched)
    assert {each.venue_order_id for each in report.orders} == {f"{ORDER_ID}-{number}" for number in range(1, 101)}


def test_open_orders_of_which_some_came_and_others_went_between_pages_are_read_anew():
    # As many as the venue counts, because those that came stand in for the one that moved up.
    moved = [
        told(page(numbered(WORKING, 100), total=150, pages=2)),
        told(page(numbered(WORKING, 51, 101), total=151, pages=2, number=2)),
    ]
    still = [
        told(page(numbered(WORKING, 100, 1), total=151, pages=2)),
        told(page(numbered(WORKING, 51, 101), total=151, pages=2, number=2)),
    ]
    report, _ = answered({STOPS: [told(page([]))], ACTIVE: moved + still}, FetchOpenOrders(**WHO, symbol="BTC-USDT"))
    assert isinstance(report, OpenOrdersFetched)
    assert f"{ORDER_ID}-100" in {each.venue_order_id for each in report.orders}


@pytest.mark.parametrize(
    ("script", "calls"),
    [
        ([told(page([WORKING], total=2))], 3),
        ([told(page(numbered(WORKING, 100), total=count, pages=count - 99)) for count in (101, 100) * 3], 6),
    ],
)
def test_open_orders_that_never_add_up_are_no_list(script, calls):
    report, venue = answered({STOPS: [told(page([]))], ACTIVE: script}, FetchOpenOrders(**WHO, symbol="BTC-USDT"))
    assert isinstance(report, FetchFailed)
    assert (report.reason, len(venue.called(ACTIVE))) == ("list_changes", calls)


def test_search_shows_a_triggered_stop_without_a_client_id_beside_orders_without_one():
    nameless = {"clientOid": None}
    scripts = everything(**{STOPS: [told(page([TRIGGERED | nameless]))], ACTIVE: [told(page([WORKING | nameless]))]})
    report, _ = answered(scripts, search())
    assert {order.venue_order_id for order in report.orders} == {STOP_ID, ORDER_ID}


@pytest.mark.parametrize(
    "scripts",
    [
        {STOPS: [error("500000")]},
        {ACTIVE: [error("500000")]},
        {ACTIVE: [told(page([WORKING], total=130, pages=2)), error("500000")]},
        {ACTIVE: [told(page([]) | {"totalNum": None})]},
        {ACTIVE: [told(page([]) | {"totalPage": "1"})]},
        {ACTIVE_SYMBOLS: [error("500000")]},
        {ACTIVE_SYMBOLS: [told({"symbols": None})]},
        {ACTIVE_SYMBOLS: [told({"symbols": [5]})]},
        {ACTIVE_SYMBOLS: [told([])]},
    ],
)
def test_open_orders_with_a_page_unread_are_no_list(scripts):
    whole = {STOPS: [told(page([]))], ACTIVE: [told(page([]))], ACTIVE_SYMBOLS: [told({"symbols": ["BTC-USDT"]})]}
    report, _ = answered(whole | scripts, FetchOpenOrders(**WHO))
    assert isinstance(report, FetchFailed)
    assert report.request == "FetchOpenOrders"


# ----- executions, balances and the rest


def test_fills_of_an_order_are_read_page_by_page():
    fills = [FILL | {"tradeId": 100 + number} for number in range(130)]
    scripts = {FILLS: [told(chain(fills[:100], 9)), told(chain(fills[100:], 3))]}
    report, venue = answered(scripts, FetchFills(**WHO, symbol="BTC-USDT", venue_order_id=ORDER_ID))
    assert isinstance(report, FillsFetched)
    assert len({fill.fill_id for fill in report.fills}) == 130
    assert venue.called(FILLS)[1].params == {
        "symbol": "BTC-USDT", "orderId": ORDER_ID, "lastId": "9", "limit": "100",
    }  # fmt: skip


def test_fills_since_a_time_are_asked_for_until_now():
    now_ms = SystemClock().now_ms()
    request = FetchFills(**WHO, symbol="BTC-USDT", since_venue_ms=now_ms - 1000)
    report, venue = answered({FILLS: [told(chain([FILL, FILL | {"side": "?"}]))]}, request)
    assert (len(report.fills), report.unreadable) == (1, 1)
    params = venue.called(FILLS)[0].params
    assert int(params["startAt"]) == now_ms - 1000
    assert int(params["endAt"]) > now_ms


def test_fills_since_longer_ago_than_they_are_kept_are_asked_for_so_far_and_are_not_all():
    now_ms = SystemClock().now_ms()
    request = FetchFills(**WHO, symbol="BTC-USDT", since_venue_ms=now_ms - 30 * DAY_MS)
    report, venue = answered({FILLS: [told(chain([FILL]))]}, request)
    assert isinstance(report, FillsFetched)
    assert (len(report.fills), report.unreadable) == (1, 1)
    params = venue.called(FILLS)[0].params
    assert int(params["endAt"]) - int(params["startAt"]) == 7 * DAY_MS
    assert int(params["endAt"]) > now_ms


def test_latest_fills_are_one_page():
    report, venue = answered({FILLS: [told(chain([FILL] * 100, 9))]}, FetchFills(**WHO, symbol="BTC-USDT"))
    assert isinstance(report, FillsFetched)
    assert (len(report.fills), len(venue.called(FILLS))) == (100, 1)


def test_stop_executes_nothing_under_its_own_id():
    report, venue = answered({}, FetchFills(**WHO, symbol="BTC-USDT", venue_order_id=STOP_ID))
    assert isinstance(report, FillsFetched)
    assert (report.fills, venue.called(FILLS)) == ((), [])


def test_balances_are_total_and_available():
    report, venue = answered({ACCOUNTS: [told([ACCOUNT])]}, FetchBalances(**WHO))
    assert isinstance(report, BalancesFetched)
    assert report.balances == (("USDT", Decimal("26.66"), Decimal(20)),)
    assert venue.called(ACCOUNTS)[0].params == {"type": "trade"}


def test_balances_one_of_which_cannot_be_read_are_none():
    report, _ = answered({ACCOUNTS: [told([ACCOUNT, ACCOUNT | {"balance": None}])]}, FetchBalances(**WHO))
    assert isinstance(report, FetchFailed)


def test_instruments_carry_the_trading_rules():
    listed = [SYMBOL, SYMBOL | {"symbol": "KCS-USDT", "enableTrading": False}, SYMBOL | {"symbol": "A-B-C"}]
    listed.append(SYMBOL | {"symbol": "ETH-USDT", "priceIncrement": "0"})
    report, _ = answered({SYMBOLS: [told(listed)]}, FetchInstruments(**WHO))
    assert isinstance(report, InstrumentsFetched)
    first, second = report.instruments
    assert (first.symbol, first.venue_symbol, first.base, first.quote) == ("BTC-USDT", "BTC-USDT", "BTC", "USDT")
    assert (first.tick_size, first.step_size) == (Decimal("0.1"), Decimal("0.00000001"))
    assert (first.min_size, first.max_size, first.min_notional) == (
        Decimal("0.00001"), Decimal(10000000000), Decimal("0.1"),
    )  # fmt: skip
    assert (first.trading, second.trading, report.unreadable) == (True, False, 2)


def test_alias_gives_a_symbol_its_canonical_name():
    with Venue({BY_ID: [told(WORKING)]}) as venue:
        made = client(venue, aliases={"XBT-USD": "BTC-USDT"})
        report = made.execute(look_up(symbol="XBT-USD", venue_order_id=ORDER_ID))
    assert isinstance(report, OrderFound)
    assert report.order.symbol == "XBT-USD"
    assert venue.called(BY_ID)[0].params == {"symbol": "BTC-USDT"}


def test_price_is_the_latest():
    report, venue = answered({PRICE: [told({"price": "60000.1"})]}, FetchPrice(**WHO, symbol="BTC-USDT"))
    assert isinstance(report, PriceFetched)
    assert (report.price, venue.called(PRICE)[0].params) == (Decimal("60000.1"), {"symbol": "BTC-USDT"})


@pytest.mark.parametrize("meet", [error("500000"), told(None), told({"price": "0"}), told({"price": 5.5})])
def test_price_that_is_none_fails(meet):
    report, _ = answered({PRICE: [meet]}, FetchPrice(**WHO, symbol="BTC-USDT"))
    assert isinstance(report, FetchFailed)


def test_server_time_tells_the_offset_and_never_runs_ahead():
    with Venue() as venue:
        venue.skew_ms = 60_000
        report = client(venue).execute(FetchServerTime(**WHO))
    assert isinstance(report, ServerTimeFetched)
    assert 59_000 < report.offset_ms <= 60_000


@pytest.mark.parametrize("meet", [error("500000"), told(None), told("1729100692873"), told({"time": 1})])
def test_server_time_that_is_none_fails(meet):
    report, _ = answered({TIME: [meet]}, FetchServerTime(**WHO))
    assert isinstance(report, FetchFailed)
