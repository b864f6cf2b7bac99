from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import loopback
import pytest
from coinbase_samples import (
    ACCOUNT,
    FILL,
    FRESH,
    NOT_FOUND,
    ORDER,
    PRODUCT,
    VENUE_ID,
    Venue,
    client,
    fills_page,
    look_up,
    order_with,
    orders_page,
    search,
    told,
)
from loopback import answer

from exchanges.asking import PAGES_MAX
from exchanges.coinbase.times import written_time
from exchanges.http import SystemClock
from messages import FetchBalances, FetchFills, FetchInstruments, FetchOpenOrders, FetchPrice, FetchServerTime
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

D = Decimal
ASKED = {"account_id": "1", "exchange": "coinbase"}
FILLS = [FILL, {**FILL, "entry_id": "2", "size": "0.001"}]
LESS = {**FILL, "size": "0.003"}
FIVE = ["PENDING", "OPEN", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED"]


def query(request):
    return parse_qsl(urlsplit(request.target).query)


# ----- one order


def test_look_up_finds_the_order_with_all_its_executions():
    two = [{**FILL, "size": "0.003"}, {**FILL, "entry_id": "2", "size": "0.001"}]
    with Venue(get_order=[told({"order": ORDER})], get_fills=[fills_page(two)]) as venue:
        venue.skew_ms = -3_600_000
        report = client(venue).execute(look_up())
        asked = SystemClock().now_ms() + venue.skew_ms
    assert isinstance(report, OrderFound)
    assert (report.order.status, report.fills_complete) == (PublicStatus.OPEN, True)
    assert [fill.fill_id for fill in report.fills] == [FILL["entry_id"], "2"]
    assert asked - 10_000 <= report.asked_venue_ms <= asked


@pytest.mark.parametrize(
    "fills",
    [
        fills_page([]),
        fills_page([LESS]),
        fills_page([LESS, LESS]),
        fills_page([LESS, {**FILL, "entry_id": "2", "order_id": "another"}]),
        fills_page([FILL, {**FILL, "entry_id": "2", "trade_type": "REVERSAL"}]),
        fills_page([FILL, {**FILL, "entry_id": "2", "trade_type": "SYNTHETIC"}]),
        fills_page([FILL, {}]),
        fills_page([{**FILL, "size": "0.001"}, {**FILL, "entry_id": "2", "size": "0.001"}]),
        answer("", status=500),
        told({"fills": FILLS}),
        loopback.break_off,
    ],
)
def test_look_up_without_all_the_executions_that_the_order_speaks_of_says_so(fills):
    with Venue(get_order=[told({"order": ORDER})], get_fills=[fills]) as venue:
        report = client(venue).execute(look_up())
    assert isinstance(report, OrderFound)
    assert not report.fills_complete


def test_look_up_of_an_order_without_executions_asks_for_none():
    with Venue(get_order=[told({"order": FRESH})]) as venue:
        report = client(venue).execute(look_up())
        assert (report.fills, report.fills_complete, venue.called("fills")) == ((), True, [])


@pytest.mark.parametrize("told_of", [{"filled_value": "240"}, {"completion_percentage": "40"}])
def test_look_up_of_an_end_that_contradicts_itself_proves_no_end_and_no_executions(told_of):
    nothing = {"filled_size": "0", "filled_value": "0", "number_of_fills": "0", "completion_percentage": "0"}
    ended = {**ORDER, "status": "CANCELLED", **nothing, **told_of}
    with Venue(get_order=[told({"order": ended})], get_fills=[fills_page([])]) as venue:
        report = client(venue).execute(look_up())
    assert (report.order.status, report.fills, report.fills_complete) == (None, (), False)


def test_look_up_of_a_filled_order_that_does_not_say_what_it_filled_reads_its_executions():
    filled = {**FRESH, "status": "FILLED", "number_of_fills": "2"}
    with Venue(get_order=[told({"order": filled})], get_fills=[fills_page(FILLS)]) as venue:
        report = client(venue).execute(look_up())
    assert (report.order.status, len(report.fills)) == (None, 2)


def test_look_up_of_an_order_sized_in_quote_units_counts_its_executions():
    terms = {"quote_size": "300"}
    bought = order_with("market_market_ioc", terms, status="FILLED", filled_size="300", size_in_quote=True)
    with Venue(get_order=[told({"order": bought})], get_fills=[fills_page(FILLS)]) as venue:
        report = client(venue).execute(look_up())
    assert (report.order.filled_size, report.order.size, report.fills_complete) == (D("0.005"), D("0.005"), True)
    assert report.order.quote_size == 300


@pytest.mark.parametrize("rows", [[], FILLS[:1]])
def test_look_up_of_an_order_sized_in_quote_units_wants_every_row(rows):
    # Of a cheap asset the base units are more than the quote units that the order speaks of.
    cheap = [{**row, "price": "0.5", "size": "400"} for row in rows]
    terms = {"quote_size": "300"}
    bought = order_with("market_market_ioc", terms, status="FILLED", filled_size="300", size_in_quote=True)
    with Venue(get_order=[told({"order": bought})], get_fills=[fills_page(cheap)]) as venue:
        report = client(venue).execute(look_up())
    assert (len(report.fills), report.fills_complete) == (len(rows), False)


def test_look_up_that_the_rate_holds_back_is_asked_when_there_is_room():
    spent = {"x-ratelimit-remaining": "0"}
    with Venue(get_order=[told({"order": FRESH}, headers=spent), told({"order": FRESH})]) as venue:
        made = client(venue)
        reports = [made.execute(look_up()) for _ in range(2)]
    assert [type(report) for report in reports] == [OrderFound] * 2


@pytest.mark.parametrize("status", [404, 400])
def test_look_up_of_an_order_that_the_venue_does_not_know_is_not_found(status):
    with Venue(get_order=[told(NOT_FOUND, status=status)]) as venue:
        report = client(venue).execute(look_up())
    assert isinstance(report, OrderNotFound)
    assert report.asked_venue_ms > 0


@pytest.mark.parametrize(
    "behaviour",
    [
        answer("<html>not found</html>", status=404),
        told({"error": "NOT_FOUND", "message": "no route"}, status=404),
        told(NOT_FOUND, status=500),
        told(NOT_FOUND),
        told({"order": None}),
        told({"order": {**ORDER, "order_id": "another"}}),
        told({"order": {**ORDER, "side": "NONE"}}),
        told({}, status=401),
        told({}, status=403),
        answer("x"),
        loopback.break_off,
    ],
)
def test_look_up_answered_in_another_way_has_failed(behaviour):
    with Venue(get_order=[behaviour]) as venue:
        assert isinstance(client(venue).execute(look_up()), LookUpFailed)


def test_look_up_by_client_id_alone_has_failed_without_a_question():
    with Venue(get_order=[told(NOT_FOUND, status=404)]) as venue:
        report = client(venue).execute(look_up(venue_order_id=None))
        assert isinstance(report, LookUpFailed)
        assert [request.path for request in venue.requests if "orders" in request.path] == []


# ----- lists


def test_search_reads_every_page_of_orders_and_executions():
    second = {**ORDER, "order_id": "second", "status": "CANCELLED"}
    with Venue(
        get_batch=[orders_page([ORDER, {}], "next page"), orders_page([second])],
        get_fills=[fills_page([FILL], "c1"), fills_page([{**FILL, "entry_id": "2"}, {}])],
    ) as venue:
        report = client(venue).execute(search())
        batch, fills = venue.called("batch"), venue.called("fills")
    assert isinstance(report, OrdersSearched)
    assert [order.venue_order_id for order in report.orders] == [VENUE_ID, "second"]
    assert [fill.fill_id for fill in report.fills] == [FILL["entry_id"], "2"]
    assert (report.unreadable, report.sources) == (2, ("historical/batch", "fills"))
    asked = [
        ("product_type", "SPOT"),
        ("product_ids", "BTC-USD"),
        ("start_date", "2026-11-21T09:59:00.000Z"),
        ("end_date", "2026-11-21T10:01:00.001Z"),
        ("limit", "250"),
    ]
    assert [query(request) for request in batch] == [asked, [*asked, ("cursor", "next page")]]
    (end,) = (value for name, value in query(fills[0]) if name == "end_sequence_timestamp")
    # Until now, whatever the period's end.
    assert end > written_time(SystemClock().now_ms())
    asked = [
        ("product_ids", "BTC-USD"),
        ("start_sequence_timestamp", "2026-11-21T09:58:59.999Z"),
        ("end_sequence_timestamp", end),
        ("limit", "100"),
    ]
    assert [query(request) for request in fills] == [asked, [*asked, ("cursor", "c1")]]


PAGE = {"orders": [ORDER], "has_next": False, "cursor": ""}
INCOMPLETE = [
    told({**PAGE, "proof_token_required": True}),
    told({**PAGE, "has_next": None}),
    told({**PAGE, "has_next": "true"}),
    told({**PAGE, "has_next": True}),
    told({**PAGE, "orders": None}),
    told({"has_next": False, "cursor": ""}),
    told([]),
    answer("", status=500),
    answer("", status=403),
    loopback.break_off,
]


@pytest.mark.parametrize("behaviour", INCOMPLETE)
@pytest.mark.parametrize("page", [1, 2])
def test_list_with_a_page_missing_is_no_answer(behaviour, page):
    pages = [behaviour] if page == 1 else [orders_page([ORDER], "c1"), behaviour]
    with Venue(get_batch=pages, get_fills=[fills_page([])]) as venue:
        made = client(venue)
        assert isinstance(made.execute(FetchOpenOrders(**ASKED)), FetchFailed)
        venue.scripts["get_batch"] = list(pages) if page == 1 else [orders_page([ORDER], "c1"), behaviour]
        assert isinstance(made.execute(search()), LookUpFailed)


def test_list_withheld_for_a_second_factor_is_told_as_such():
    with Venue(get_batch=[told({**PAGE, "orders": [], "proof_token_required": True})]) as venue:
        report = client(venue).execute(FetchOpenOrders(**ASKED))
    assert report.reason == "proof_token_required"


def test_search_with_executions_missing_is_no_answer():
    with Venue(get_batch=[orders_page([])], get_fills=[told({"fills": []})]) as venue:
        assert isinstance(client(venue).execute(search()), LookUpFailed)


def test_list_whose_cursor_does_not_move_is_no_answer():
    with Venue(get_batch=[orders_page([ORDER], "c1")]) as venue:
        report = client(venue).execute(FetchOpenOrders(**ASKED))
        assert isinstance(report, FetchFailed)
        assert len(venue.called("batch")) == 2


def test_list_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr("exchanges.coinbase.questions.PAGES_MAX", 3)
    assert PAGES_MAX > 3
    pages = [orders_page([], f"c{number}") for number in range(9)]
    with Venue(get_batch=pages) as venue:
        report = client(venue).execute(FetchOpenOrders(**ASKED))
        assert (report.reason, len(venue.called("batch"))) == ("too_many_pages", 3)


@pytest.mark.parametrize(("symbol", "about"), [(None, []), ("BTC-USD", [("product_ids", "BTC-USD")])])
def test_open_orders_are_asked_for_in_every_status_that_is_no_end(symbol, about):
    statuses = [{**FRESH, "order_id": status, "status": status} for status in [*FIVE, "NEW", "FILLED"]]
    filled = {**statuses.pop(), "filled_size": "0.01"}
    with Venue(get_batch=[orders_page([*statuses, filled, {}])]) as venue:
        report = client(venue).execute(FetchOpenOrders(**ASKED, symbol=symbol))
        (request,) = venue.called("batch")
    assert isinstance(report, OpenOrdersFetched)
    assert [order.venue_order_id for order in report.orders] == [*FIVE, "NEW"]
    assert (report.unreadable, report.symbol) == (1, symbol)
    assert query(request) == [
        ("product_type", "SPOT"), *about, *(("order_status", status) for status in FIVE), ("limit", "250"),
    ]  # fmt: skip


def test_open_orders_of_many_pages_are_read_to_the_end():
    rows = [{**FRESH, "order_id": str(number)} for number in range(1000)]
    pages = [orders_page(rows[at : at + 250], f"c{at}" if at < 750 else "") for at in range(0, 1000, 250)]
    with Venue(get_batch=pages) as venue:
        report = client(venue).execute(FetchOpenOrders(**ASKED))
        assert len(venue.called("batch")) == 4
    assert [order.venue_order_id for order in report.orders] == [str(number) for number in range(1000)]


def test_open_orders_of_more_pages_than_a_second_allows_are_read_when_there_is_room():
    pages = [orders_page([{**FRESH, "order_id": str(at)}], f"c{at}" if at < 16 else "") for at in range(17)]
    with Venue(get_batch=pages) as venue:
        report = client(venue).execute(FetchOpenOrders(**ASKED))
    assert isinstance(report, OpenOrdersFetched)
    assert len(report.orders) == 17


def test_fills_of_an_order_are_asked_for_with_no_other_filter():
    with Venue(get_fills=[fills_page(FILLS, "c1"), fills_page([])]) as venue:
        report = client(venue).execute(FetchFills(**ASKED, symbol="BTC-USD", venue_order_id=VENUE_ID))
        asked = [query(request) for request in venue.called("fills")]
    assert isinstance(report, FillsFetched)
    assert asked == [[("order_ids", VENUE_ID)], [("order_ids", VENUE_ID), ("cursor", "c1")]]
    assert len(report.fills) == 2


def test_fills_since_a_time_are_read_to_the_end():
    with Venue(get_fills=[fills_page([FILL], "c1"), fills_page([FILLS[1], {}])]) as venue:
        report = client(venue).execute(FetchFills(**ASKED, symbol="BTC-USD", since_venue_ms=1795255200000))
        first = dict(query(venue.called("fills")[0]))
    assert (len(report.fills), report.unreadable) == (2, 1)
    assert first["start_sequence_timestamp"] == "2026-11-21T09:59:59.999Z"


def test_latest_fills_are_one_page():
    with Venue(get_fills=[fills_page(FILLS, "c1")]) as venue:
        report = client(venue).execute(FetchFills(**ASKED, symbol="BTC-USD"))
        assert (len(report.fills), len(venue.called("fills"))) == (2, 1)


def accounts(entries, cursor=""):
    return told({"accounts": entries, "has_next": bool(cursor), "cursor": cursor, "size": len(entries)})


def test_balances_are_read_to_the_end_and_added_up_by_asset():
    usd = {**ACCOUNT, "currency": "USD", "available_balance": {"value": "5", "currency": "USD"}, "type": "FIAT"}
    usd["hold"] = {"value": "0", "currency": "USD"}
    with Venue(get_accounts=[accounts([ACCOUNT], "c1"), accounts([usd, ACCOUNT])]) as venue:
        report = client(venue).execute(FetchBalances(**ASKED))
        assert query(venue.called("accounts")[0]) == [("limit", "250")]
    assert isinstance(report, BalancesFetched)
    assert report.balances == (("BTC", D("2.6"), D("2.4")), ("USD", D(5), D(5)))


@pytest.mark.parametrize("behaviour", [accounts([ACCOUNT, {}]), told({"accounts": [ACCOUNT]}), answer("", status=500)])
def test_balances_that_cannot_all_be_read_are_no_answer(behaviour):
    with Venue(get_accounts=[behaviour]) as venue:
        assert isinstance(client(venue).execute(FetchBalances(**ASKED)), FetchFailed)


def test_price_is_read_from_the_public_product():
    with Venue(**{"get_BTC-USD": [told(PRODUCT)]}) as venue:
        report = client(venue).execute(FetchPrice(**ASKED, symbol="BTC-USD"))
        assert venue.called("BTC-USD")[0].target == "/api/v3/brokerage/market/products/BTC-USD"
    assert isinstance(report, PriceFetched)
    assert report.price == D("60010.5")


@pytest.mark.parametrize("changes", [{"price": ""}, {"price": "0"}, {"price": None}, {"product_id": "ETH-USD"}])
def test_price_that_is_none_is_no_answer(changes):
    with Venue(**{"get_BTC-USD": [told({**PRODUCT, **changes})]}) as venue:
        assert isinstance(client(venue).execute(FetchPrice(**ASKED, symbol="BTC-USD")), FetchFailed)


def test_instruments_and_clock_are_fetched():
    with Venue() as venue:
        venue.skew_ms = 5000
        made = client(venue)
        listed = made.execute(FetchInstruments(**ASKED))
        clock = made.execute(FetchServerTime(**ASKED))
    assert isinstance(listed, InstrumentsFetched)
    assert [each.symbol for each in listed.instruments] == ["BTC-USD"]
    assert isinstance(clock, ServerTimeFetched)
    assert 4000 <= clock.offset_ms <= 5000


def test_execution_of_a_product_that_is_no_longer_listed_is_read():
    with Venue(get_order=[told({"order": ORDER})], get_fills=[fills_page(FILLS)]) as venue:
        made = client(venue)
        made.execute(FetchInstruments(**ASKED))
        venue.products = {"products": []}
        made.execute(FetchInstruments(**ASKED))
        report = made.execute(look_up())
    assert len(report.fills) == 2


def test_order_of_a_new_symbol_is_read_after_the_symbols_were_read_again():
    listed = {**ORDER, "product_id": "ETH-USD"}
    eth = {**PRODUCT, "product_id": "ETH-USD", "base_currency_id": "ETH"}
    with Venue(get_order=[told({"order": listed})], get_fills=[fills_page([])]) as venue:
        made = client(venue)
        assert isinstance(made.execute(look_up()), LookUpFailed)
        venue.products = {"products": [PRODUCT, eth]}
        made.execute(FetchInstruments(**ASKED))
        report = made.execute(look_up())
    assert isinstance(report, OrderFound)
    assert report.order.symbol == "ETH-USD"
