"""Kraken's counter of calls: what is asked when, and what leaves room to what."""

import threading

import loopback
import pytest
from kraken_samples import (
    CANCELLED,
    ORDER,
    ORDER_ID,
    TRADE,
    TRADE_ID,
    UNTOUCHED,
    Venue,
    cancel,
    client,
    look_up,
    search,
    told,
)

from exchanges.http import HttpFailure
from exchanges.throttle import Budget
from messages.commands import FetchBalances, FetchFills, FetchOpenOrders
from messages.reports import (
    CancelAmbiguous,
    FetchFailed,
    FillsFetched,
    LookUpFailed,
    OpenOrdersFetched,
    OrderFound,
    OrderNotFound,
    OrdersSearched,
)


def about(kind, **fields):
    return kind(account_id="1", exchange="kraken", **fields)


def rows(count, sample, start=0):
    return {f"T{number:05d}-AAAAA-AAAAAA": sample for number in range(start, start + count)}


def counted(venue, *, limit, decay_milli_per_s):
    """A client whose names are read, and whose counter of calls is this."""
    made = client(venue)
    assert made.session.symbols() is not None
    made.session._throttle.learn(
        [Budget(name="calls", unit="calls", limit=limit, decay_milli_per_s=decay_milli_per_s)]
    )
    return made


def fill(made, calls):
    """Let a client's counter be so full."""
    made.session.spent({"calls": calls}, HttpFailure(nothing_sent=False, reason="", sent_ms=0, received_ms=0))


@pytest.mark.parametrize(
    ("request_of_several_calls", "room"),
    [
        (search(budget_ms=1000), 5),
        (search(budget_ms=1000, client_order_id=""), 7),
        (look_up(venue_order_id=None, budget_ms=1000), 7),
        (look_up(budget_ms=1000), 1),
        (about(FetchFills, symbol="BTC-USD"), 11),
        (about(FetchFills, symbol="BTC-USD", since_venue_ms=1), 11),
        (about(FetchFills, symbol="BTC-USD", venue_order_id=ORDER_ID), 1),
        (about(FetchBalances), 8),
        # In somebody's name, which are waited for.
        (about(FetchFills, symbol="BTC-USD", since_venue_ms=1, order_id="a host's"), 3),
        (about(FetchBalances, order_id="a host's"), 0),
        (about(FetchOpenOrders), 6),
        (about(FetchOpenOrders, order_id="a host's"), 5),
    ],
)
def test_question_is_asked_to_its_end_or_spends_nothing(request_of_several_calls, room):
    scripts = {
        "BalanceEx": [told({})],
        "QueryOrders": [told({ORDER_ID: ORDER})],
        "QueryTrades": [told({TRADE_ID: TRADE})],
    }
    with Venue(**scripts) as venue:
        made = counted(venue, limit=20, decay_milli_per_s=1)
        fill(made, 16 - room)
        asked_before = len(venue.requests)
        held = made.execute(request_of_several_calls)
        asked = venue.requests[asked_before:]
        made.session._throttle.learn([])
        made.session._throttle.learn([Budget(name="calls", unit="calls", limit=20, decay_milli_per_s=1)])
        fill(made, 16 - room - 1)
        answered = made.execute(request_of_several_calls)
    assert isinstance(held, (LookUpFailed, FetchFailed))
    assert held.retry_after_ms > 0
    assert [each.path for each in asked if "private" in each.path] == []
    assert not isinstance(answered, (LookUpFailed, FetchFailed))


def test_search_has_its_room_after_as_many_look_ups_as_find_some():
    with Venue() as venue:
        made = counted(venue, limit=20, decay_milli_per_s=1)
        looked_up = [made.execute(look_up(venue_order_id=None, budget_ms=1000)) for _ in range(9)]
        searched = made.execute(search(budget_ms=1000))
    assert {type(each) for each in looked_up} == {OrderNotFound, LookUpFailed}
    assert isinstance(searched, OrdersSearched)


def test_room_that_a_question_did_not_need_is_there_for_the_next():
    with Venue(QueryOrders=[told({ORDER_ID: {**ORDER, **UNTOUCHED}})] * 16) as venue:
        made = counted(venue, limit=20, decay_milli_per_s=1)
        reports = [made.execute(look_up(budget_ms=1000)) for _ in range(15)]
    assert {type(each) for each in reports} == {OrderFound}


def test_stream_token_has_room_when_questions_have_used_up_theirs():
    with Venue() as venue:
        made = counted(venue, limit=20, decay_milli_per_s=1)
        fill(made, 16)
        assert isinstance(made.execute(look_up(with_fills=False, budget_ms=1000)), LookUpFailed)
        assert made.session.stream_token() == "the-token"


def test_search_has_its_room_after_open_orders_were_asked_for_as_often_as_they_can_be():
    with Venue() as venue:
        made = counted(venue, limit=20, decay_milli_per_s=1)
        listed = [made.execute(about(FetchOpenOrders)) for _ in range(12)]
        searched = made.execute(search(budget_ms=1000))
    assert {type(each) for each in listed} == {OpenOrdersFetched, FetchFailed}
    assert isinstance(searched, OrdersSearched)


def test_list_that_waits_for_room_gives_up_when_the_client_is_closed():
    with Venue() as venue:
        made = counted(venue, limit=20, decay_milli_per_s=500)
        fill(made, 16)
        reports = []
        asking = threading.Thread(target=lambda: reports.append(made.execute(about(FetchOpenOrders))))
        asking.start()
        made.close()
        asking.join(loopback.WAIT_S)
    assert [type(each) for each in reports] == [FetchFailed]


def test_pages_wait_for_the_counter_of_calls():
    pages = [told({"trades": rows(50, TRADE, start=50 * number), "count": 200}) for number in range(4)]
    with Venue(TradesHistory=[*pages, pages[0]]) as venue:
        # Two calls fill what reads may use of it.
        report = counted(venue, limit=10, decay_milli_per_s=200_000).execute(
            about(FetchFills, symbol="BTC-USD", since_venue_ms=1)
        )
    assert isinstance(report, FillsFetched)
    assert len(report.fills) == 200


def test_search_that_would_have_to_wait_for_longer_than_it_has_is_not_answered():
    with Venue() as venue:
        report = counted(venue, limit=3, decay_milli_per_s=1).execute(search(budget_ms=200))
    assert isinstance(report, LookUpFailed)
    assert report.retry_after_ms > 1000
    assert venue.called("TradesHistory") == []


def test_cancel_accepted_does_not_wait_to_read_the_order():
    with Venue(QueryOrders=[told({ORDER_ID: CANCELLED})] * 9) as venue:
        made = counted(venue, limit=2, decay_milli_per_s=1000)
        made.execute(look_up(with_fills=False))
        report = made.execute(cancel())
    assert isinstance(report, CancelAmbiguous)
    assert report.reason == "accepted"
    assert len(venue.called("QueryOrders")) == 1
