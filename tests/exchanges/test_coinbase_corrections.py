"""Executions that Coinbase takes back, and orders that it shows under another product of the same book."""

import pytest
from coinbase_samples import (
    CLIENT_ID,
    FILL,
    ORDER,
    PLACED,
    PRODUCT,
    SENT_ID,
    VENUE_ID,
    Venue,
    client,
    fills_page,
    look_up,
    orders_page,
    place,
    search,
    told,
)
from loopback import answer
from test_coinbase_rest_reads import ASKED, query

from messages import FetchFills
from messages.reports import FillsFetched, OrderFound, OrdersSearched, PlaceAmbiguous

TWIN = "BTC-USDC"
BACK = {**FILL, "entry_id": "back", "trade_type": "REVERSAL"}
OTHER = {**FILL, "entry_id": "2", "trade_id": "t2", "size": "0.001"}


def voided(report):
    return [fill.fill_id for fill in report.voided]


def test_list_with_a_row_that_takes_back_an_execution_is_complete_and_tells_it():
    with Venue(get_fills=[fills_page([OTHER, FILL], "c1"), fills_page([BACK])]) as venue:
        report = client(venue).execute(FetchFills(**ASKED, symbol="BTC-USD", since_venue_ms=1795255200000))
        calls = len(venue.called("fills"))
    assert isinstance(report, FillsFetched)
    assert ([fill.fill_id for fill in report.fills], report.unreadable) == (["2"], 0)
    assert (voided(report), calls) == ([FILL["entry_id"]], 2)


@pytest.mark.parametrize("since_ms", [1795255200000, None])
def test_execution_taken_back_that_is_older_than_the_list_is_read_with_its_order(since_ms):
    with Venue(get_fills=[fills_page([OTHER, BACK]), fills_page([FILL, OTHER, BACK])]) as venue:
        report = client(venue).execute(FetchFills(**ASKED, symbol="BTC-USD", since_venue_ms=since_ms))
        asked = query(venue.called("fills")[1])
    assert isinstance(report, FillsFetched)
    assert ([fill.fill_id for fill in report.fills], report.unreadable) == (["2"], 0)
    assert (voided(report), asked) == ([FILL["entry_id"]], [("order_ids", VENUE_ID)])


@pytest.mark.parametrize("venue_order_id", [VENUE_ID, None])
def test_row_that_takes_back_an_execution_that_no_list_has_is_unreadable(venue_order_id):
    with Venue(get_fills=[fills_page([OTHER, BACK])]) as venue:
        report = client(venue).execute(FetchFills(**ASKED, symbol="BTC-USD", venue_order_id=venue_order_id))
    assert isinstance(report, FillsFetched)
    assert (len(report.fills), report.unreadable, voided(report)) == (1, 1, [])


def test_look_up_is_complete_by_what_the_executions_that_count_add_up_to():
    whole = {**FILL, "entry_id": "3", "trade_id": "t3"}
    order = {**ORDER, "number_of_fills": "4"}
    with Venue(get_order=[told({"order": order})], get_fills=[fills_page([FILL, whole, BACK])]) as venue:
        report = client(venue).execute(look_up())
    assert isinstance(report, OrderFound)
    assert ([fill.fill_id for fill in report.fills], report.fills_complete) == (["3"], True)


def test_search_reads_the_executions_that_count_and_misses_nothing():
    with Venue(get_batch=[orders_page([ORDER])], get_fills=[fills_page([FILL, OTHER, BACK])]) as venue:
        report = client(venue).execute(search())
    assert isinstance(report, OrdersSearched)
    assert ([fill.fill_id for fill in report.fills], report.unreadable) == (["2"], 0)
    assert voided(report) == [FILL["entry_id"]]


def test_search_is_not_spoiled_by_an_execution_from_before_its_period_that_was_taken_back():
    earlier = {**FILL, "trade_time": "2026-11-20T10:00:07.5Z"}
    with Venue(get_batch=[orders_page([])], get_fills=[fills_page([BACK]), fills_page([earlier, BACK])]) as venue:
        report = client(venue).execute(search())
    assert isinstance(report, OrdersSearched)
    assert (report.fills, report.unreadable, voided(report)) == ((), 0, [FILL["entry_id"]])


def test_search_tells_an_execution_that_was_taken_back_of_an_order_that_no_list_shows():
    with Venue(get_batch=[orders_page([])], get_fills=[fills_page([FILL, BACK])]) as venue:
        report = client(venue).execute(search())
    assert isinstance(report, OrdersSearched)
    assert (report.fills, report.unreadable) == ((), 0)
    assert [(fill.venue_order_id, fill.fill_id) for fill in report.voided] == [(VENUE_ID, FILL["entry_id"])]


@pytest.mark.parametrize(("orders", "unreadable"), [([], 1), ([ORDER], 0)])
def test_search_proves_no_absence_by_what_was_taken_back_under_another_product_of_the_book(orders, unreadable):
    of_twin = [{**each, "product_id": TWIN} for each in (FILL, BACK)]
    listed = [{**each, "product_id": TWIN} for each in orders]
    with Venue(get_batch=[orders_page(listed)], get_fills=[fills_page(of_twin)]) as venue:
        twins(venue)
        report = client(venue).execute(search())
    assert isinstance(report, OrdersSearched)
    assert (report.fills, report.unreadable) == ((), unreadable)


class Timed(Venue):
    """A venue that lists the executions of the period that it is asked for."""

    rows = ()

    def _behaviour(self, request):
        if not request.path.endswith("/fills"):
            return super()._behaviour(request)
        asked = dict(query(request))
        start, end = asked["start_sequence_timestamp"], asked["end_sequence_timestamp"]
        return fills_page([row for row in self.rows if start <= row["sequence_timestamp"] <= end])


def test_search_does_not_count_an_execution_that_was_taken_back_after_its_period():
    with Timed(get_batch=[orders_page([ORDER])]) as venue:
        venue.rows = (FILL, {**BACK, "sequence_timestamp": "2026-11-21T10:05:00Z"})
        report = client(venue).execute(search())
    assert isinstance(report, OrdersSearched)
    assert (report.fills, voided(report)) == ((), [FILL["entry_id"]])


def bought_by_value(count):
    terms = {"quote_size": "300"}
    return {
        **ORDER, "order_type": "MARKET", "order_configuration": {"market_market_ioc": terms}, "status": "FILLED",
        "filled_size": "300", "size_in_quote": True, "number_of_fills": count,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "complete"), [([FILL, OTHER, BACK], True), ([OTHER], False), ([FILL, BACK], False)]
)
def test_look_up_of_a_buy_by_value_is_complete_with_the_executions_that_were_taken_back(rows, complete):
    with Venue(get_order=[told({"order": bought_by_value("2")})], get_fills=[fills_page(rows)]) as venue:
        report = client(venue).execute(look_up())
    assert isinstance(report, OrderFound)
    assert report.fills_complete is complete


def test_look_up_of_a_buy_by_value_of_which_all_was_taken_back_is_not_complete():
    with Venue(get_order=[told({"order": bought_by_value("1")})], get_fills=[fills_page([FILL, BACK])]) as venue:
        report = client(venue).execute(look_up())
    assert isinstance(report, OrderFound)
    assert (report.fills, report.fills_complete) == ((), False)


# ----- another product of the same book


def twins(venue):
    twin = {**PRODUCT, "product_id": TWIN, "quote_currency_id": "USDC", "alias_to": []}
    venue.products = {"products": [PRODUCT, twin]}


def test_search_for_an_order_finds_it_under_another_product_of_its_book():
    listed = {**ORDER, "product_id": TWIN}
    with Venue(get_batch=[orders_page([listed])], get_fills=[fills_page([{**FILL, "product_id": TWIN}])]) as venue:
        twins(venue)
        report = client(venue).execute(search())
        asked = [query(venue.called(name)[0]) for name in ("batch", "fills")]
    assert isinstance(report, OrdersSearched)
    assert [(order.venue_order_id, order.client_order_id) for order in report.orders] == [(VENUE_ID, CLIENT_ID)]
    assert (len(report.fills), report.unreadable) == (1, 0)
    for names in asked:
        assert [value for name, value in names if name == "product_ids"] == ["BTC-USD", TWIN]


@pytest.mark.parametrize("changes", [{"order_id": ""}, {"symbol": f"{TWIN[:3]}-USDC"}])
def test_search_for_no_order_or_in_a_book_of_its_own_asks_for_its_product_alone(changes):
    with Venue(get_batch=[orders_page([])], get_fills=[fills_page([])]) as venue:
        twins(venue)
        client(venue).execute(search(**changes))
        asked = query(venue.called("batch")[0])
    assert len([value for name, value in asked if name == "product_ids"]) == 1


def answered_with(**response):
    return told({**PLACED, "success_response": {**PLACED["success_response"], **response}})


@pytest.mark.parametrize(
    "response", [{"product_id": TWIN}, {"side": "buy"}, {"client_order_id": SENT_ID.upper(), "side": "?"}]
)
def test_answer_under_another_product_passes_the_id_on(response):
    with Venue(post_orders=[answered_with(**response)]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert (report.venue_order_id, report.known_to_exist) == (VENUE_ID, True)


@pytest.mark.parametrize("client_id", [None, "", "another"])
def test_answer_that_does_not_name_our_client_id_is_read_and_its_id_passed_on(client_id):
    with Venue(post_orders=[answered_with(client_order_id=client_id)], get_order=[told({"order": ORDER})]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert (report.venue_order_id, report.known_to_exist) == (VENUE_ID, True)


@pytest.mark.parametrize("client_id", [None, "another"])
def test_answer_that_names_another_client_ids_order_gives_no_id(client_id):
    other = {**ORDER, "client_order_id": "another"}
    with Venue(post_orders=[answered_with(client_order_id=client_id)], get_order=[told({"order": other})]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert (report.reason, report.venue_order_id, report.known_to_exist) == ("another_order", None, False)


@pytest.mark.parametrize(("client_id", "venue_order_id"), [(None, VENUE_ID), ("another", None)])
def test_answer_whose_order_cannot_be_read_gives_its_id_unless_it_names_another(client_id, venue_order_id):
    with Venue(post_orders=[answered_with(client_order_id=client_id)], get_order=[answer("", status=500)]) as venue:
        report = client(venue).execute(place())
    assert isinstance(report, PlaceAmbiguous)
    assert (report.venue_order_id, report.known_to_exist) == (venue_order_id, False)
