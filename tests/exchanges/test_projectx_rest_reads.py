from dataclasses import replace
from decimal import Decimal

import pytest
from loopback import answer, break_off
from projectx_samples import (
    ACCOUNT,
    BOOK,
    CONTRACT,
    CREATED_MS,
    FOR,
    LIMIT,
    LISTED,
    ORDER,
    OTHER,
    POSITION,
    TRADE,
    Venue,
    ask,
    client,
    look_up,
    refused,
    rows,
    search,
    searching,
    told,
)

from exchanges.http import SystemClock
from exchanges.projectx.capabilities import CAPABILITIES
from exchanges.projectx.client import ProjectXClient
from exchanges.projectx.forms import iso
from exchanges.projectx.settling import ENDS_MAX, Ends
from exchanges.projectx.sign import Login
from exchanges.projectx.translate import read_order
from messages.commands import FetchBalances, FetchFills, FetchInstruments, FetchOpenOrders, FetchPrice
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
)
from messages.types import PublicStatus

# ----- one order


def test_look_up_finds_the_order_and_its_executions():
    trades = [TRADE, TRADE | {"id": 8605, "orderId": 5}, TRADE | {"id": 8606, "voided": True}]
    report, venue = ask(look_up(), searchById=[told(order=ORDER)], search=[told(trades=trades)])
    assert isinstance(report, OrderFound)
    assert (report.order.status, report.fills_complete) == (PublicStatus.FILLED, True)
    assert [fill.fill_id for fill in report.fills] == ["8604"]
    assert abs(report.asked_venue_ms - report.evidence.sent_ms) < 3000
    assert venue.bodies("searchById") == [{"accountId": ACCOUNT, "orderId": 36598}]
    assert venue.bodies("search") == [{"accountId": ACCOUNT, "startTimestamp": "2025-07-18T21:00:00.268+00:00"}]
    assert venue.called("search")[0].path == "/api/Trade/search"


def test_look_up_of_an_order_that_has_not_executed_asks_for_no_executions():
    report, venue = ask(look_up(), searchById=[told(order=LIMIT)])
    assert isinstance(report, OrderFound)
    assert (report.fills, report.fills_complete) == ((), True)
    assert venue.called("search") == []


@pytest.mark.parametrize(
    "trades",
    [told(trades=[]), told(trades=None), told(), told(trades=[TRADE | {"size": None}]), answer("", status=500)],
)
def test_look_up_without_all_executions_says_that_they_are_incomplete(trades):
    report, _ = ask(look_up(), searchById=[told(order=ORDER)], search=[trades])
    assert isinstance(report, OrderFound)
    assert not report.fills_complete


def test_look_up_of_an_order_that_does_not_say_its_volume_adds_up_the_executions():
    shown = LIMIT | {"status": 3, "fillVolume": None}
    report, _ = ask(look_up(with_fills=False), searchById=[told(order=shown)], search=[told(trades=[TRADE])])
    assert isinstance(report, OrderFound)
    assert (report.order.status, report.order.filled_size) == (PublicStatus.CANCELLED, 1)
    assert report.fills_complete


def ended(updated_ms, **changes):
    updated = None if updated_ms is None else iso(updated_ms)
    return told(order=LIMIT | {"status": 3, "fillVolume": None, "updateTimestamp": updated} | changes)


@pytest.mark.parametrize(
    ("trades", "settled", "status"),
    [
        ([], False, None),
        ([TRADE], False, None),
        ([TRADE | {"size": 3}], False, PublicStatus.CANCELLED),
        ([], True, PublicStatus.CANCELLED),
        ([TRADE], True, PublicStatus.CANCELLED),
    ],
)
def test_look_up_of_an_end_without_its_volume_is_open_until_its_executions_are_listed(trades, settled, status):
    ago_ms = CAPABILITIES.settle_ms + (5000 if settled else -5000)
    report, _ = ask(
        look_up(), searchById=[ended(SystemClock().now_ms() - ago_ms)], search=[told(trades=trades)]
    )
    assert isinstance(report, OrderFound)
    assert (report.order.status, report.fills_complete) == (status, status is not None)
    assert report.order.filled_size == sum(trade["size"] for trade in trades)
    assert len(report.fills) == len(trades)


class Clock(SystemClock):
    """A clock that a test can move."""

    ahead_ms = 0

    def now_ms(self):
        return super().now_ms() + self.ahead_ms

    def monotonic_ms(self):
        return super().monotonic_ms() + self.ahead_ms


def test_look_up_of_an_end_without_volume_and_time_is_open_for_as_long_since_it_was_first_seen():
    clock = Clock()
    with Venue(searchById=[ended(None)], search=[told(trades=[])]) as venue:
        used = ProjectXClient(
            login=Login(user_name="u", api_key="k"), account=ACCOUNT, clock=clock, rest_url=venue.url
        )
        seen = []
        for ahead_ms in (0, CAPABILITIES.settle_ms - 5000, CAPABILITIES.settle_ms + 5000):
            clock.ahead_ms = ahead_ms
            report = used.execute(look_up())
            assert isinstance(report, OrderFound)
            seen.append((report.order.status, report.fills_complete))
    assert seen == [(None, False), (None, False), (PublicStatus.CANCELLED, True)]


def test_ends_that_were_first_seen_are_forgotten_rather_than_too_many():
    ends = Ends()
    row = read_order(LIMIT | {"updateTimestamp": None}, BOOK, ACCOUNT)
    for number in range(ENDS_MAX + 1):
        assert not ends.settled(replace(row, venue_order_id=str(number)), CREATED_MS, CREATED_MS)
    late_ms = CREATED_MS + CAPABILITIES.settle_ms
    assert ends.settled(replace(row, venue_order_id=str(ENDS_MAX)), late_ms, late_ms)
    assert not ends.settled(replace(row, venue_order_id="0"), late_ms, late_ms)


def nobodys(**changes):
    return TRADE | {"id": 1, "orderId": None} | changes


@pytest.mark.parametrize(
    ("volume", "strange", "complete"),
    [
        (1, nobodys(), True),
        (2, nobodys(), False),
        (2, nobodys(contractId=None), False),
        (2, 5, False),
        (0, nobodys(), True),
    ],
)
def test_execution_of_nobodys_order_spoils_a_look_up_only_where_it_may_be_the_missing_one(volume, strange, complete):
    shown = LIMIT | {"status": 3, "fillVolume": volume}
    report, _ = ask(look_up(), searchById=[told(order=shown)], search=[told(trades=[TRADE, strange])])
    assert isinstance(report, OrderFound)
    assert report.fills_complete is complete


@pytest.mark.parametrize("strange", [nobodys(contractId=OTHER), TRADE | {"id": 1, "orderId": 5, "contractId": None}])
def test_execution_of_another_contract_or_order_spoils_no_look_up(strange):
    shown = LIMIT | {"fillVolume": None, "status": 3}
    report, _ = ask(look_up(), searchById=[told(order=shown)], search=[told(trades=[TRADE, strange])])
    assert isinstance(report, OrderFound)
    assert (report.order.status, report.fills_complete) == (PublicStatus.CANCELLED, True)


def test_look_up_of_an_order_that_says_its_volume_nowhere_leaves_its_status_open():
    shown = LIMIT | {"status": 3, "fillVolume": None}
    report, _ = ask(look_up(), searchById=[told(order=shown)], search=[answer("", status=500)])
    assert isinstance(report, OrderFound)
    assert (report.order.status, report.fills_complete) == (None, False)


def test_look_up_that_the_venue_answers_with_no_is_not_found():
    report, _ = ask(look_up(), searchById=[refused(1, None)])
    assert isinstance(report, OrderNotFound)
    assert report.asked_venue_ms > 0


@pytest.mark.parametrize(
    "meet",
    [
        refused(2, None),
        told(),
        told(order=None),
        told(order=[]),
        told(order=LIMIT | {"id": 5}),
        told(order=LIMIT | {"size": None}),
        answer("", status=404),
        answer('{"errorCode":1}', status=400),
        answer("", status=500),
        answer("<html>"),
        break_off,
    ],
)
def test_look_up_without_a_proper_answer_says_nothing(meet):
    report, _ = ask(look_up(), searchById=[meet])
    assert isinstance(report, LookUpFailed)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"venue_order_id": None}, "no_lookup_by_client_id"),
        ({"venue_order_id": "abc"}, "ids of this venue are numbers"),
    ],
)
def test_look_up_by_what_the_venue_does_not_know_asks_nothing(changes, reason):
    report, venue = ask(look_up(**changes))
    assert isinstance(report, LookUpFailed)
    assert report.reason == reason
    assert venue.called("searchById") == []


def test_look_up_is_asked_again_after_a_server_error_while_tries_are_left():
    meets = [answer("", status=500), told(order=LIMIT)]
    assert isinstance(ask(look_up(retries=1), searchById=list(meets))[0], OrderFound)
    assert isinstance(ask(look_up(), searchById=list(meets))[0], LookUpFailed)


# ----- executions, positions, prices, contracts


def test_fills_since_a_time_are_those_of_the_contract():
    trades = [TRADE, TRADE | {"id": 2, "contractId": OTHER}, TRADE | {"id": 3, "voided": True}]
    report, venue = ask(
        FetchFills(**FOR, symbol=CONTRACT, since_venue_ms=CREATED_MS), search=[told(trades=trades)]
    )
    assert isinstance(report, FillsFetched)
    assert ([fill.fill_id for fill in report.fills], report.unreadable) == (["8604"], 0)
    assert venue.bodies("search") == [{"accountId": ACCOUNT, "startTimestamp": "2025-07-18T21:00:01.268+00:00"}]


def test_fills_of_one_order_are_asked_for_from_its_creation():
    trades = [TRADE, TRADE | {"id": 2, "orderId": 5}, TRADE | {"id": 3, "orderId": None}]
    report, venue = ask(
        FetchFills(**FOR, symbol=CONTRACT, venue_order_id="36598"),
        searchById=[told(order=ORDER)],
        search=[told(trades=trades)],
    )
    assert isinstance(report, FillsFetched)
    assert ([fill.fill_id for fill in report.fills], report.unreadable) == (["8604"], 1)
    assert venue.bodies("search")[0]["startTimestamp"] == "2025-07-18T21:00:00.268+00:00"


NAMELESS = {name: value for name, value in TRADE.items() if name != "orderId"} | {"id": 3}


@pytest.mark.parametrize("nameless", [NAMELESS, NAMELESS | {"orderId": None}])
def test_fills_of_a_list_that_name_no_order_are_told_apart_and_leave_it_readable(nameless):
    trades = [TRADE, nameless, NAMELESS | {"id": 4, "contractId": OTHER}, NAMELESS | {"id": 5, "voided": True}]
    report, _ = ask(FetchFills(**FOR, symbol=CONTRACT, since_venue_ms=CREATED_MS), search=[told(trades=trades)])
    assert isinstance(report, FillsFetched)
    assert ([fill.fill_id for fill in report.fills], report.unreadable) == (["8604"], 0)
    (found,) = report.unattributed
    assert (found.fill_id, found.venue_order_id, found.size, found.price) == ("3", "", 1, Decimal("6335.25"))


@pytest.mark.parametrize("strange", [{"size": None}, {"side": 7}, {"accountId": 1}])
def test_fill_of_no_order_that_cannot_be_read_otherwise_leaves_the_list_unreadable(strange):
    trades = [TRADE, NAMELESS | strange]
    report, _ = ask(FetchFills(**FOR, symbol=CONTRACT, since_venue_ms=CREATED_MS), search=[told(trades=trades)])
    assert isinstance(report, FillsFetched)
    assert (report.unattributed, report.unreadable) == ((), 1)


def test_fills_that_were_taken_back_are_listed_apart():
    trades = [TRADE, TRADE | {"id": 3, "voided": True}]
    report, _ = ask(FetchFills(**FOR, symbol=CONTRACT, since_venue_ms=CREATED_MS), search=[told(trades=trades)])
    assert isinstance(report, FillsFetched)
    assert [fill.fill_id for fill in report.fills] == ["8604"]
    assert [(fill.fill_id, fill.venue_order_id) for fill in report.voided] == [("3", "36598")]


def test_latest_fills_are_those_of_a_day():
    report, venue = ask(FetchFills(**FOR, symbol=CONTRACT), search=[told(trades=[TRADE])])
    assert isinstance(report, FillsFetched)
    assert len(report.fills) == 1
    assert venue.bodies("search")[0]["startTimestamp"].endswith("+00:00")


@pytest.mark.parametrize("shown", [ORDER | {"id": 5}, ORDER | {"id": None}, {}, None, LIMIT | {"contractId": None}])
def test_fills_of_an_order_in_whose_place_another_is_told_are_not_told(shown):
    report, _ = ask(
        FetchFills(**FOR, symbol=CONTRACT, venue_order_id="36598"),
        searchById=[told(order=shown)],
        search=[told(trades=[TRADE])],
    )
    assert isinstance(report, FetchFailed)
    assert report.reason.startswith("unreadable")


@pytest.mark.parametrize("request_of", [{"venue_order_id": "36598"}, {"since_venue_ms": 1}, {}])
def test_fills_that_are_not_told_are_not_none(request_of):
    scripts = {"searchById": [told(order=ORDER)], "search": [told(trades=None)]}
    report, _ = ask(FetchFills(**FOR, symbol=CONTRACT, **request_of), **scripts)
    assert isinstance(report, FetchFailed)


def test_positions_are_signed_and_added_up_by_contract():
    held = [POSITION, POSITION | {"id": 2, "type": 2, "size": 5}, POSITION | {"contractId": OTHER, "type": 2}]
    report, venue = ask(FetchBalances(**FOR), searchOpen=[told(positions=held)])
    assert isinstance(report, BalancesFetched)
    assert report.balances == (
        (CONTRACT, Decimal(-3), Decimal(-3)),
        (OTHER, Decimal(-2), Decimal(-2)),
    )
    assert venue.called("searchOpen")[0].path == "/api/Position/searchOpen"


def test_positions_of_aliased_and_unlisted_contracts_are_told_under_their_canonical_names():
    held = [POSITION, POSITION | {"id": 2, "contractId": OTHER, "type": 2}]
    with Venue(searchOpen=[told(positions=held)], contract=[refused(1)]) as venue:
        report = client(venue, aliases={"ES-USD": CONTRACT}).execute(FetchBalances(**FOR))
    assert isinstance(report, BalancesFetched)
    assert report.balances == (("ES-USD", Decimal(2), Decimal(2)), (OTHER, Decimal(-2), Decimal(-2)))


def test_positions_with_one_in_what_is_no_contract_are_not_told():
    report, _ = ask(FetchBalances(**FOR), searchOpen=[told(positions=[POSITION | {"contractId": "NQ"}])])
    assert isinstance(report, FetchFailed)


@pytest.mark.parametrize("meet", [told(positions=None), told(), told(positions=[POSITION, {}]), refused(1)])
def test_positions_that_are_not_all_readable_are_not_told(meet):
    report, _ = ask(FetchBalances(**FOR), searchOpen=[meet])
    assert isinstance(report, FetchFailed)


def bar(at, close):
    return {"t": at, "o": 1, "h": 1, "l": 1, "c": close, "v": 1}


def test_price_is_the_close_of_the_latest_bar():
    bars = [bar("2025-07-18T21:00:01+00:00", 6335.25), bar("2025-07-18T21:00:00+00:00", 6330)]
    report, venue = ask(FetchPrice(**FOR, symbol=CONTRACT), retrieveBars=[told(bars=bars)])
    assert isinstance(report, PriceFetched)
    assert (report.symbol, report.price) == (CONTRACT, Decimal("6335.25"))
    (body,) = venue.bodies("retrieveBars")
    assert (body["contractId"], body["live"], body["unit"], body["limit"]) == (CONTRACT, False, 1, 1)
    assert (body["unitNumber"], body["includePartialBar"]) == (1, True)


@pytest.mark.parametrize(
    "meet",
    [
        told(bars=[]),
        told(bars=None),
        told(bars=[bar("2025-07-18T21:00:01+00:00", 0)]),
        told(bars=[bar("", 1)]),
        refused(3),
    ],
)
def test_price_that_is_not_told_is_none(meet):
    report, _ = ask(FetchPrice(**FOR, symbol=CONTRACT), retrieveBars=[meet])
    assert isinstance(report, FetchFailed)


def test_instruments_are_the_listed_contracts():
    report, _ = ask(FetchInstruments(**FOR), available=[told(contracts=[LISTED, {}])])
    assert isinstance(report, InstrumentsFetched)
    assert ([each.symbol for each in report.instruments], report.unreadable) == ([CONTRACT], 1)


ROLLED = LISTED | {"id": OTHER}


def test_instruments_include_contracts_that_are_held_and_listed_no_more():
    held = told(positions=[POSITION, POSITION | {"id": 2, "contractId": OTHER}])
    report, venue = ask(FetchInstruments(**FOR), searchOpen=[held], contract=[told(contract=ROLLED)])
    assert isinstance(report, InstrumentsFetched)
    assert [each.symbol for each in report.instruments] == [CONTRACT, OTHER]
    assert venue.bodies("contract") == [{"contractId": OTHER}]


@pytest.mark.parametrize(
    "request_of_it", [FetchOpenOrders(**FOR), FetchOpenOrders(**FOR, symbol=OTHER), search(symbol=OTHER)]
)
def test_instruments_include_contracts_that_records_or_requests_have_named(request_of_it):
    row = LIMIT | {"contractId": OTHER}
    sources = searching(told(orders=[row]), rows(row), told(trades=[]))
    with Venue(**sources, contract=[told(contract=ROLLED)]) as venue:
        used = client(venue)
        report = used.execute(request_of_it)
        listing = used.execute(FetchInstruments(**FOR))
    assert isinstance(report, OpenOrdersFetched | OrdersSearched)
    assert ([each.symbol for each in report.orders], report.unreadable) == ([OTHER], 0)
    assert isinstance(listing, InstrumentsFetched)
    assert [each.symbol for each in listing.instruments] == [CONTRACT, OTHER]


@pytest.mark.parametrize("meet", [refused(1), told(contract=None), told(), told(contract=LISTED)])
def test_contract_that_the_venue_does_not_have_is_asked_for_once_and_no_instrument(meet):
    row = rows(LIMIT | {"contractId": OTHER})
    with Venue(query=[row], contract=[meet]) as venue:
        used = client(venue)
        reports = [used.execute(FetchOpenOrders(**FOR)) for _ in range(3)]
        assert len(venue.called("contract")) == 1
        listing = used.execute(FetchInstruments(**FOR))
    assert isinstance(listing, InstrumentsFetched)
    assert [each.symbol for each in listing.instruments] == [CONTRACT]
    for report in reports:
        assert isinstance(report, OpenOrdersFetched)
        assert [each.symbol for each in report.orders] == [OTHER]


@pytest.mark.parametrize("meet", [told(contracts=None), answer("", status=500), refused(1)])
def test_instruments_that_are_not_told_leave_questions_unanswered(meet):
    assert isinstance(ask(FetchInstruments(**FOR), available=[meet])[0], FetchFailed)
    assert isinstance(ask(FetchBalances(**FOR), available=[meet])[0], FetchFailed)


def test_order_of_the_samples_is_readable_as_it_stands():
    assert read_order(LIMIT, BOOK, ACCOUNT).price == Decimal("6335.25")
