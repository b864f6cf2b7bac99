import json
from hashlib import sha256

import pytest
from loopback import answer
from projectx_samples import (
    ACCOUNT,
    CLIENT_ID,
    CONTRACT,
    CREATED_MS,
    FOR,
    LIMIT,
    LISTED,
    OTHER,
    TRADE,
    ask,
    plain,
    refused,
    rows,
    search,
    searching,
    told,
)

from exchanges.answers import IncompleteError, Told
from exchanges.projectx.forms import iso
from exchanges.projectx.pages import working_rows, working_rows_since
from messages.commands import FetchFills, FetchOpenOrders
from messages.reports import (
    FetchFailed,
    FillsFetched,
    LookUpFailed,
    OpenOrdersFetched,
    OrdersSearched,
)
from messages.types import PublicStatus

# ----- search


def test_search_joins_all_sources_and_leaves_other_contracts_out():
    recent = told(orders=[LIMIT | {"status": 3}, LIMIT | {"id": 7, "contractId": OTHER}])
    working = rows(LIMIT | {"id": 9, "status": 8}, LIMIT, LIMIT | {"id": 40000, "contractId": OTHER})
    trades = told(trades=[TRADE, TRADE | {"id": 1, "contractId": OTHER}])
    report, venue = ask(search(), **searching(recent, working, trades))
    assert isinstance(report, OrdersSearched)
    assert {(each.venue_order_id, each.status) for each in report.orders} == {
        ("36598", PublicStatus.CANCELLED),
        ("9", PublicStatus.PENDING),
    }
    assert [fill.fill_id for fill in report.fills] == ["8604"]
    assert (report.unreadable, report.sources) == (0, ("Order/search", "Order/v2/query", "Trade/search"))
    assert report.orders[0].client_order_id == CLIENT_ID
    windows = [(item.path, json.loads(item.body)) for item in venue.called("search")]
    since = {"accountId": ACCOUNT, "startTimestamp": "2025-07-18T20:58:01.268+00:00"}
    assert windows == [("/api/Order/search", since), ("/api/Trade/search", since)]
    assert venue.bodies("query") == [
        {
            "filter": {
                "accountId": ACCOUNT,
                "statuses": [1, 6, 7, 8],
                "createdAfter": "2025-07-18T20:58:01.268+00:00",
            },
            "sortBy": 0,
            "sortDirection": 1,
            "pageSize": 100,
            "pageOffset": 0,
            "includeTotalCount": True,
        }
    ]


@pytest.mark.parametrize("broken", [0, 1, 2])
@pytest.mark.parametrize("meet", [answer("", status=500), told(orders=None, trades=None, totalCount=0), refused(1)])
def test_search_with_a_source_that_does_not_answer_is_unanswered(broken, meet):
    sources = [told(orders=[]), rows(), told(trades=[])]
    sources[broken] = meet
    report, _ = ask(search(), **searching(*sources))
    assert isinstance(report, LookUpFailed)


def test_search_tells_fills_that_were_taken_back_or_name_no_order_apart():
    trades = told(trades=[TRADE, TRADE | {"id": 2, "orderId": None}, TRADE | {"id": 3, "voided": True}])
    report, _ = ask(search(), **searching(told(orders=[LIMIT]), rows(), trades))
    assert isinstance(report, OrdersSearched)
    named = [[fill.fill_id for fill in each] for each in (report.fills, report.unattributed, report.voided)]
    assert (named, report.unreadable) == ([["8604"], ["2"], ["3"]], 0)


def test_fills_of_an_order_tell_what_was_taken_back():
    trades = told(trades=[TRADE, TRADE | {"id": 3, "voided": True}, TRADE | {"id": 4, "orderId": 7, "voided": True}])
    wanted = FetchFills(**FOR, order_id="x", symbol=CONTRACT, venue_order_id="36598")
    report, _ = ask(wanted, searchById=[told(order=LIMIT)], search=[trades])
    assert isinstance(report, FillsFetched)
    named = [[fill.fill_id for fill in each] for each in (report.fills, report.unattributed, report.voided)]
    assert (named, report.unreadable) == ([["8604"], [], ["3"]], 0)


def test_search_counts_what_it_cannot_read():
    recent = told(orders=[LIMIT | {"size": None}, 5, LIMIT | {"contractId": None}])
    trades = told(trades=[TRADE | {"fees": None}, "x"])
    report, _ = ask(search(), **searching(recent, rows(), trades))
    assert isinstance(report, OrdersSearched)
    assert (report.orders, report.fills, report.unreadable) == ((), (), 5)


def test_search_with_very_many_working_orders_reads_no_further_than_it_has_to():
    old = [LIMIT | {"id": n, "creationTimestamp": iso(CREATED_MS - 86_400_000 - n)} for n in range(2500)]
    ours = [LIMIT | {"id": 10_000 - n, "creationTimestamp": iso(CREATED_MS - n)} for n in range(150)]
    book = Book(ours + old)
    report, _ = ask(search(), **searching(told(orders=[]), book, told(trades=[])))
    assert isinstance(report, OrdersSearched)
    assert {each.venue_order_id for each in report.orders} >= {str(10_000 - n) for n in range(150)}
    assert len(book.asked) == 2


def test_search_of_an_empty_account_finds_nothing_in_every_source():
    report, _ = ask(search(), **searching(told(orders=[]), rows(), told(trades=[])))
    assert isinstance(report, OrdersSearched)
    assert (report.orders, report.fills, report.unreadable) == ((), (), 0)


# ----- open orders, page by page


def orders_of(count):
    return [LIMIT | {"id": number} for number in range(1, count + 1)]


class Book:
    """A venue's list, counted in rows and capped, that may change between pages."""

    def __init__(self, orders, *, after_page=None):
        self.orders = list(orders)
        self.after_page = after_page
        self.asked = []
        self.bodies = []

    def __call__(self, server, connection, request):
        content = {"success": True, "errorCode": 0, "errorMessage": None} | self.page(json.loads(request.body))
        self.bodies.append(json.dumps(content, default=float).encode())
        return answer(self.bodies[-1])(server, connection, request)

    def page(self, body):
        self.asked.append(body)
        offset = body["pageOffset"]
        found = self.orders[offset : offset + min(100, body["pageSize"])]
        answered = {"orders": found, "totalCount": len(self.orders)}
        if self.after_page is not None:
            self.after_page(self, len(self.asked))
        return answered

    def must(self, _path, body):
        return Told(payload=plain(self.page(body)), answer=None)


def test_open_orders_are_read_with_every_page():
    book = Book(orders_of(250))
    report, _ = ask(FetchOpenOrders(**FOR), query=[book])
    assert isinstance(report, OpenOrdersFetched)
    assert [each.venue_order_id for each in report.orders] == [str(number) for number in range(1, 251)]
    assert (report.symbol, report.unreadable) == (None, 0)
    assert [each["pageOffset"] for each in book.asked] == [0, 99, 198]
    assert report.evidence.body_sha256 == sha256(book.bodies[0]).hexdigest()
    assert book.asked[0] == {
        "filter": {"accountId": ACCOUNT, "statuses": [1, 6, 7, 8]},
        "pageSize": 100,
        "pageOffset": 0,
        "sortBy": 1,
        "sortDirection": 0,
        "includeTotalCount": True,
    }


def test_open_orders_of_one_contract_leave_others_out():
    working = rows(LIMIT, LIMIT | {"id": 40000, "contractId": OTHER}, LIMIT | {"id": 40001, "contractId": None})
    report, _ = ask(FetchOpenOrders(**FOR, symbol=CONTRACT), query=[working])
    assert isinstance(report, OpenOrdersFetched)
    assert ([each.venue_order_id for each in report.orders], report.unreadable) == (["36598"], 1)


def test_open_orders_of_an_unlisted_contract_are_named_by_its_full_id():
    report, venue = ask(
        FetchOpenOrders(**FOR),
        query=[rows(LIMIT | {"contractId": OTHER}, LIMIT | {"id": 40000, "contractId": "NQ"})],
        contract=[refused(1)],
    )
    assert isinstance(report, OpenOrdersFetched)
    assert ([each.symbol for each in report.orders], report.unreadable) == ([OTHER], 1)
    assert venue.bodies("contract") == [{"contractId": OTHER}]


def test_open_orders_of_a_newly_listed_contract_are_read_with_the_names_read_again():
    listing = [told(contracts=[LISTED]), told(contracts=[LISTED | {"id": OTHER}])]
    report, _ = ask(FetchOpenOrders(**FOR), query=[rows(LIMIT | {"contractId": OTHER})], available=listing)
    assert isinstance(report, OpenOrdersFetched)
    assert [each.symbol for each in report.orders] == [OTHER]


@pytest.mark.parametrize("ended", [[1], [100], [99, 100], range(1, 101), range(40, 200), [101]])
def test_pages_that_move_while_they_are_read_leave_no_order_out(ended):
    def end(book, page):
        if page == 1:
            book.orders = [order for order in book.orders if order["id"] not in ended]

    book = Book(orders_of(350), after_page=end)
    found = {row["id"] for row in working_rows(book.must, "", ACCOUNT)}
    assert found >= {order["id"] for order in book.orders}


DAY_MS = 86_400_000


def aged(count, *, step_ms=1000):
    """The latest first."""
    return [LIMIT | {"id": n, "creationTimestamp": iso(CREATED_MS - n * step_ms)} for n in range(1, count + 1)]


@pytest.mark.parametrize("ended", [[1], [100], [99, 100], range(1, 101), range(40, 200), [101]])
def test_pages_of_latest_orders_that_move_while_they_are_read_leave_none_out(ended):
    def end(book, page):
        if page == 1:
            book.orders = [order for order in book.orders if order["id"] not in ended]

    book = Book(aged(350), after_page=end)
    found = {row["id"] for row in working_rows_since(book.must, "", ACCOUNT, CREATED_MS - DAY_MS)}
    assert found >= {order["id"] for order in book.orders}


def test_pages_of_latest_orders_of_one_moment_leave_none_out():
    def end(book, page):
        if page == 1:
            book.orders = book.orders[3:]

    book = Book(aged(350, step_ms=0), after_page=end)
    found = {row["id"] for row in working_rows_since(book.must, "", ACCOUNT, CREATED_MS - DAY_MS)}
    assert found == set(range(1, 351))


def test_pages_of_latest_orders_end_with_the_first_older_one():
    book = Book(aged(350))
    found = {row["id"] for row in working_rows_since(book.must, "", ACCOUNT, CREATED_MS - 120_000)}
    assert found >= set(range(1, 121))
    assert len(book.asked) == 2


def test_latest_orders_of_a_venue_that_does_not_sort_are_all_orders():
    class Unsorted(Book):
        def page(self, body):
            self.orders.sort(key=lambda row: row["id"] if body["sortBy"] else row["id"] * 7 % 11)
            return super().page(body)

    book = Unsorted(aged(150))
    found = {row["id"] for row in working_rows_since(book.must, "", ACCOUNT, CREATED_MS)}
    assert found == set(range(1, 151))


@pytest.mark.parametrize("created", [None, "soon"])
def test_latest_orders_with_one_of_unknown_age_are_not_told(created):
    with pytest.raises(IncompleteError, match="creationTimestamp"):
        working_rows_since(Book([LIMIT | {"creationTimestamp": created}]).must, "", ACCOUNT, CREATED_MS)


def test_pages_of_a_list_that_grows_hold_what_was_there_before():
    def begin(book, page):
        book.orders.append(LIMIT | {"id": 1000 + page})

    book = Book(orders_of(250), after_page=begin)
    assert {row["id"] for row in working_rows(book.must, "", ACCOUNT)} >= set(range(1, 251))


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"orders": None, "totalCount": 0},
        {"orders": []},
        {"orders": [], "totalCount": None},
        {"orders": [], "totalCount": 1},
        {"orders": [5], "totalCount": 1},
        {"orders": [{"id": None}], "totalCount": 1},
        {"orders": [{"id": 2}, {"id": 1}], "totalCount": 2},
        {"orders": [{"id": 1}], "totalCount": 200},
    ],
)
def test_page_that_proves_no_whole_list_leaves_the_list_unread(page):
    with pytest.raises(IncompleteError):
        working_rows(lambda _path, _body: Told(payload=page, answer=None), "", ACCOUNT)


def test_pages_without_an_end_are_given_up():
    def page(_path, body):
        first = body["pageOffset"]
        return Told(payload={"orders": [{"id": first + n} for n in range(100)], "totalCount": 10**9}, answer=None)

    with pytest.raises(IncompleteError, match="too_many_pages"):
        working_rows(page, "", ACCOUNT)


def test_open_orders_with_a_page_that_fails_are_not_told():
    book = Book(orders_of(150))
    report, _ = ask(FetchOpenOrders(**FOR), query=[book, answer("", status=400)])
    assert isinstance(report, FetchFailed)
    assert report.reason == "refused: HTTP 400"
