"""Executions through the one door: booked once whatever brings them, late, early, doubled or too many."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import permutations

import pytest

from actors.store.port import Table
from messages.codec import decode_record
from messages.commands import PlaceOrder
from messages.control import Verdict, VerificationRequested
from messages.events import FillRecorded, ManualReviewRequired, OrderStateChanged, Severity
from messages.fills import Fill, FillSource, Position, VenueFill
from messages.queries import OrderPlaced
from messages.reports import PlaceRejected, ServerTimeFetched
from messages.types import (
    CompletionReason,
    IdempotencyEntry,
    IdempotencyStatus,
    OrderState,
    OrderType,
    PublicStatus,
    Side,
    Trigger,
    VenueOrder,
)
from tests.actors.account_kit import HEAD, Account, executed, shown, written
from tests.factories import make

D = Decimal
NOTHING = D(0)


def partly(place: PlaceOrder, filled: str, **changes: object) -> VenueOrder:
    return shown(place, filled_size=D(filled), **changes)


# ----- one commit


def test_fill_when_booked_is_one_section_with_order_position_and_events() -> None:
    account = Account()
    place = account.working()
    account.take(account.of_fill(executed(place, "0.004")))
    (section,) = account.staged
    (fill,), (position,), (order,) = (written(section, table) for table in (Table.FILLS, Table.POSITIONS, Table.ORDERS))
    assert (fill.field, order.field, position.field) == ("binance|BTC-USDT|28|56", place.order_id, "binance|BTC-USDT")
    assert decode_record(Fill, fill.value or b"").size == D("0.004")
    assert decode_record(Position, position.value or b"").size == D("0.004")
    kinds = [event.split(b'"')[3] for event in section.events]
    assert kinds == [b"FillRecorded", b"OrderStateChanged", b"PositionOpened"]


def test_fill_before_its_commit_is_seen_by_nobody() -> None:
    account = Account()
    place = account.working()
    account.events.clear()
    account.take(account.of_fill(executed(place, "0.004")))
    assert (account.events, account.fills(place), account.views.positions) == ([], [], {})
    assert account.order(place).filled_size == NOTHING
    account.commit()
    (recorded,) = account.happened(FillRecorded)
    assert (recorded.fill.size, recorded.view.order.filled_size, recorded.position.size) == (D("0.004"),) * 3
    assert [fill.size for fill in account.fills(place)] == [D("0.004")]


def test_fill_whose_commit_is_refused_is_never_seen() -> None:
    account = Account()
    place = account.working()
    account.take(account.of_fill(executed(place, "0.004")))
    account.commit(Verdict.STALE)
    assert account.happened(FillRecorded) == []
    assert (account.fills(place), account.views.positions) == ([], {})


# ----- once, whatever brings it

Transport = Callable[[Account, PlaceOrder, VenueFill], None]


def _by_search(account: Account, place: PlaceOrder, fill: VenueFill) -> None:
    account.merge_history(partly(place, "0.004"), fills=(fill,))


TRANSPORTS: dict[str, Transport] = {
    "order event": lambda account, place, fill: account.hear(partly(place, "0.004"), fill),
    "fill event": lambda account, _, fill: account.hear_fill(fill),
    "place answer": lambda account, place, fill: account.accept(place, partly(place, "0.004"), fill),
    "look-up": lambda account, place, fill: account.find(place.order_id, partly(place, "0.004"), fill),
    "list of fills": lambda account, _, fill: account.list_fills(fill),
    "search": _by_search,
}
each_transport = pytest.mark.parametrize("bring", TRANSPORTS.values(), ids=TRANSPORTS.keys())


@pytest.mark.parametrize("again", TRANSPORTS.values(), ids=TRANSPORTS.keys())
@each_transport
def test_fill_brought_twice_is_booked_once(bring: Transport, again: Transport) -> None:
    account = Account()
    place = account.working()
    fill = executed(place, "0.004", fee=D("0.000004"), fee_currency="BTC")
    bring(account, place, fill)
    assert account.order(place).filled_size == D("0.004")
    account.events.clear()
    again(account, place, replace(fill, source=FillSource.REST))
    order = account.order(place)
    assert (order.state, order.filled_size, order.fill_count) == (OrderState.PARTIALLY_FILLED, D("0.004"), 1)
    assert (order.fees, account.position().fill_count) == ((("BTC", D("0.000004")),), 1)
    assert len(account.fills(place)) == 1
    assert account.happened(FillRecorded) == []


@each_transport
def test_fill_booked_before_a_restart_is_not_booked_again(bring: Transport) -> None:
    before = Account()
    place = before.working()
    before.hear_fill(executed(place, "0.004"))
    account = before.restarted()
    bring(account, place, executed(place, "0.004"))
    assert (account.order(place).filled_size, account.position().size) == (D("0.004"), D("0.004"))
    assert account.happened(FillRecorded) == []


def test_fill_that_comes_twice_in_one_list_is_booked_once() -> None:
    account = Account()
    place = account.working()
    fill = executed(place, "0.004")
    account.list_fills(fill, fill, executed(place, "0.001", "57"), fill)
    assert (account.order(place).filled_size, account.order(place).fill_count) == (D("0.005"), 2)


def test_fills_of_one_number_on_both_sides_of_a_trade_with_oneself_are_two() -> None:
    account = Account()
    bought = account.working(request_id="b")
    sold = account.working("29", request_id="s", side=Side.SELL, price=D("42501"))
    account.hear_fill(executed(bought, "0.004", "56"))
    account.hear_fill(executed(sold, "0.004", "56", venue_order_id="29"))
    assert [account.order(place).filled_size for place in (bought, sold)] == [D("0.004"), D("0.004")]
    assert (account.position().size, account.position().fill_count) == (NOTHING, 2)


def test_fill_of_another_venue_order_in_an_answer_is_not_booked_to_this_one() -> None:
    account = Account()
    place = account.working()
    other = executed(place, "0.003", "57", venue_order_id="29")
    account.find(place.order_id, partly(place, "0.004"), executed(place, "0.004"), other)
    assert (account.order(place).filled_size, account.position().size) == (D("0.004"), D("0.004"))


def test_fills_of_equal_time_price_and_size_are_all_booked() -> None:
    account = Account()
    place = account.working()
    for number in ("56", "57", "58"):
        account.hear_fill(executed(place, "0.002", number))
    assert (account.order(place).filled_size, account.order(place).fill_count) == (D("0.006"), 3)
    assert [fill.sequence for fill in account.fills(place)] == [1, 2, 3]


def test_list_with_unreadable_fills_books_the_others_and_says_so() -> None:
    account = Account()
    place = account.working()
    account.list_fills(executed(place, "0.004"), unreadable=1)
    assert account.order(place).filled_size == D("0.004")
    assert account.alert("SyncIncomplete").severity is Severity.WARNING


# ----- early, late, in any order


@pytest.mark.parametrize(("size", "state"), [("0.004", OrderState.PARTIALLY_FILLED), ("0.01", OrderState.FILLED)])
def test_fill_before_the_acknowledgement_counts_at_once_and_answers_the_host(size: str, state: OrderState) -> None:
    account = Account()
    place = account.placed()
    account.hear_fill(executed(place, size))
    order = account.order(place)
    assert (order.state, order.filled_size, order.venue_order_id) == (state, D(size), "28")
    assert isinstance(account.replies[-1], OrderPlaced)
    account.accept(place, shown(place))
    assert (account.order(place).state, account.order(place).filled_size) == (state, D(size))
    assert account.alerts() == []


def test_fills_in_every_order_of_arrival_add_up_to_the_same() -> None:
    parts = (("0.003", "56", "42400"), ("0.005", "57", "42450"), ("0.002", "58", "42500"))
    seen = set()
    for arrival in permutations(range(3)):
        account = Account()
        place = account.working()
        for number in arrival:
            size, fill_id, price = parts[number]
            account.hear_fill(executed(place, size, fill_id, price=D(price), venue_time_ms=1000 + number))
        order, position = account.order(place), account.position()
        assert (order.state, order.completion) == (OrderState.FILLED, CompletionReason.FULLY_FILLED)
        assert position == replace(position, size=order.filled_size, cash=-order.filled_value)
        seen.add((order.filled_size, order.filled_value, position.entry_value))
    assert seen == {(D("0.010"), D("424.450"), D("424.450"))}


def test_fill_that_completes_an_order_while_its_cancel_is_under_way_fills_it() -> None:
    account = Account()
    place = account.working()
    account.cancel(place)
    account.hear_fill(executed(place, "0.01"))
    account.confirm_cancel(place, partly(place, "0.01", status=PublicStatus.FILLED))
    order = account.order(place)
    assert (order.state, order.completion, order.cancel_pending) == (
        OrderState.FILLED, CompletionReason.FULLY_FILLED, False,
    )  # fmt: skip
    assert account.alerts() == []


# ----- after the end

ENDED = {
    PublicStatus.CANCELLED: OrderState.CANCELLED,
    PublicStatus.EXPIRED: OrderState.EXPIRED,
    PublicStatus.FAILED: OrderState.REJECTED,
}


@pytest.mark.parametrize(("status", "state"), ENDED.items())
def test_fill_after_the_end_corrects_the_order_and_is_told(status: PublicStatus, state: OrderState) -> None:
    account = Account()
    place = account.working()
    account.hear(shown(place, status=status))
    assert account.order(place).state is state
    account.hear_fill(executed(place, "0.004"))
    order = account.order(place)
    assert (order.state, order.filled_size, account.position().size) == (state, D("0.004"), D("0.004"))
    assert account.alert("TerminalCorrection").severity is Severity.WARNING
    account.hear_fill(executed(place, "0.006", "57"))
    order = account.order(place)
    assert (order.state, order.completion) == (OrderState.FILLED, CompletionReason.FULLY_FILLED)
    assert account.views.transitions[place.order_id][-1].trigger is Trigger.VENUE_CORRECTION


def test_end_by_rejection_after_a_fill_keeps_the_fill_and_is_told() -> None:
    account = Account()
    place = account.working()
    account.hear_fill(executed(place, "0.004"))
    account.hear(partly(place, "0.004", status=PublicStatus.FAILED))
    order = account.order(place)
    assert (order.state, order.completion, order.filled_size) == (
        OrderState.REJECTED, CompletionReason.REJECTED, D("0.004"),
    )  # fmt: skip
    assert account.alert("RejectedAfterFill").severity is Severity.WARNING


def refused(account: Account, place: PlaceOrder) -> None:
    account.do(make(PlaceRejected, **HEAD | {"order_id": place.order_id}, evidence=account.evidence()))
    assert account.order(place).state is OrderState.REJECTED


def test_fill_of_an_order_held_for_dead_has_it_read_from_the_venue() -> None:
    """It may well work on: nothing but the venue can say."""
    account = Account()
    place = account.placed()
    refused(account, place)
    account.sent.clear()
    account.hear_fill(executed(place, "0.004"))
    assert [request.order_id for request in account.told(VerificationRequested)] == [place.order_id]
    account.look_up(place.order_id)
    account.find(place.order_id, partly(place, "0.004"))
    assert account.order(place).state is OrderState.ACKNOWLEDGED
    assert account.order(place).filled_size == D("0.004")


def test_fill_of_a_cancelled_order_asks_the_venue_nothing() -> None:
    account = Account()
    place = account.working()
    account.hear(shown(place, status=PublicStatus.CANCELLED))
    account.sent.clear()
    account.hear_fill(executed(place, "0.004"))
    assert account.sent == []


def test_fill_of_a_rejected_order_makes_its_request_a_duplicate_again() -> None:
    account = Account()
    place = account.placed(request_id="pay-once")
    refused(account, place)
    account.hear_fill(executed(place, "0.01"))
    (entry,) = account.stored[Table.IDEMPOTENCY].values()
    assert decode_record(IdempotencyEntry, entry).status is IdempotencyStatus.COMPLETED
    account.sent.clear()
    assert account.try_to_place(request_id="pay-once") == []


# ----- too much


def test_overfill_by_sum_is_booked_told_and_given_to_review_once() -> None:
    account = Account()
    place = account.working()
    account.hear_fill(executed(place, "0.008"))
    account.hear_fill(executed(place, "0.003", "57"))
    order = account.order(place)
    assert (order.state, order.filled_size, order.overfilled) == (OrderState.FILLED, D("0.011"), True)
    assert account.position().size == D("0.011")
    assert account.alert("Overfill").severity is Severity.CRITICAL
    (review,) = account.happened(ManualReviewRequired)
    assert (review.reason, review.view.order.filled_size) == ("overfilled", D("0.011"))
    account.hear_fill(executed(place, "0.001", "58"))
    assert account.order(place).filled_size == D("0.012")
    assert account.alerts().count("Overfill") == 1


def test_fill_within_the_tolerance_above_the_size_is_no_overfill() -> None:
    account = Account()
    place = account.working()
    account.hear_fill(executed(place, "0.010000009"))
    assert (account.order(place).state, account.order(place).overfilled) == (OrderState.FILLED, False)
    assert account.alerts() == []


@pytest.mark.parametrize("status", [PublicStatus.CANCELLED, PublicStatus.EXPIRED])
def test_overfill_by_the_last_word_of_the_venue_is_told(status: PublicStatus) -> None:
    account = Account()
    place = account.working()
    account.hear_fill(executed(place, "0.004"))
    account.hear(partly(place, "0.003", status=status))
    order = account.order(place)
    assert (order.overfilled, order.filled_size) == (True, D("0.004"))
    assert account.alert("Overfill").severity is Severity.CRITICAL


def test_claim_of_a_working_order_that_knows_fewer_fills_is_only_older() -> None:
    account = Account()
    place = account.working()
    account.hear_fill(executed(place, "0.004"))
    account.hear(partly(place, "0.003"))
    assert (account.order(place).overfilled, account.alerts()) == (False, [])


# ----- what is kept of a fill


def test_fees_are_summed_per_currency_and_one_without_a_name_stays_apart() -> None:
    account = Account()
    place = account.working()
    fees = (("0.001", "BNB"), ("0.000002", "BTC"), ("0.002", "BNB"), ("0.5", None), ("0.25", None))
    for number, (fee, currency) in enumerate(fees):
        account.hear_fill(executed(place, "0.001", str(number), fee=D(fee), fee_currency=currency))
    expected = (("", D("0.75")), ("BNB", D("0.003")), ("BTC", D("0.000002")))
    assert account.order(place).fees == expected
    assert account.position().fees == expected


@pytest.mark.parametrize(
    ("terms", "reference"),
    [
        ({}, "42500.00"),
        ({"type": OrderType.STOP_MARKET, "price": None, "stop_price": D(43000)}, "43000"),
        ({"type": OrderType.MARKET, "price": None}, None),
    ],
    ids=["limit", "stop", "market"],
)
def test_fill_keeps_the_price_that_it_is_measured_against(terms: dict[str, object], reference: str | None) -> None:
    account = Account()
    place = account.working(**terms)
    account.hear_fill(executed(place, "0.004", price=D("42500")))
    (fill,) = account.fills(place)
    assert fill.reference_price == (None if reference is None else D(reference))


def test_fill_latency_is_corrected_by_the_difference_of_the_clocks() -> None:
    account = Account()
    place = account.working()
    account.do(make(ServerTimeFetched, **HEAD, offset_ms=-300))
    account.hear_fill(executed(place, "0.004", venue_time_ms=account.now_ms - 320))
    (fill,) = account.fills(place)
    assert (fill.latency_ms, fill.received_ms) == (20, account.now_ms)


@pytest.mark.parametrize(
    ("bring", "source"),
    [
        (TRANSPORTS["fill event"], FillSource.STREAM),
        (TRANSPORTS["list of fills"], FillSource.RECONCILE),
        (TRANSPORTS["search"], FillSource.RECONCILE),
    ],
    ids=["fill event", "list of fills", "search"],
)
def test_fill_keeps_the_transport_that_brought_it_first(bring: Transport, source: FillSource) -> None:
    account = Account()
    place = account.working()
    bring(account, place, executed(place, "0.004"))
    assert [fill.source for fill in account.fills(place)] == [source]


@pytest.mark.parametrize(
    ("side", "price", "told"),
    [
        (Side.BUY, "44625.01", True),
        (Side.BUY, "44625.00", False),
        (Side.BUY, "30000", False),
        (Side.SELL, "40374.99", True),
        (Side.SELL, "40375.00", False),
        (Side.SELL, "60000", False),
    ],
)
def test_price_that_is_more_than_five_percent_worse_is_told_and_booked(side: Side, price: str, told: bool) -> None:  # noqa: FBT001
    account = Account()
    place = account.working(side=side)
    account.hear_fill(executed(place, "0.004", price=D(price)))
    assert account.order(place).filled_value == D(price) * D("0.004")
    assert ("UnreasonablePrice" in account.alerts()) is told


def test_order_event_with_a_fill_makes_one_recorded_step() -> None:
    account = Account()
    place = account.working()
    account.events.clear()
    account.hear(partly(place, "0.01", status=PublicStatus.FILLED), executed(place, "0.01"))
    (step,) = account.happened(OrderStateChanged)
    assert (step.from_state, step.to_state) == (OrderState.ACKNOWLEDGED, OrderState.FILLED)
