"""What a venue says, merged: money first, ends believed last, nothing backwards, nothing hidden."""

from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.claims import absorb
from actors.domain.lifecycle import evolve
from messages import (
    Attempt,
    AttemptOutcome,
    CompletionReason,
    Evidence,
    Fill,
    InitiatedBy,
    Order,
    OrderState,
    PublicStatus,
    TimeInForce,
    Trigger,
    VenueOrder,
)
from tests.factories import NOW_MS, VENUE_ORDER_ID, make

TOLERANCE = Decimal("0.00000001")
SIZE = Decimal(10)
EVIDENCE = make(Evidence)


def order(state: OrderState = OrderState.SUBMITTED, **changes: object) -> Order:
    return make(Order, state=state, size=SIZE, price=Decimal(100), **changes)


def claim(status: PublicStatus | None, filled: int = 0, **changes: object) -> VenueOrder:
    return make(
        VenueOrder, status=status, size=SIZE, filled_size=Decimal(filled), venue_order_id=VENUE_ORDER_ID, **changes
    )


def fill(number: int, size: int) -> Fill:
    terms = {"size": Decimal(size), "price": Decimal(100), "venue_order_id": VENUE_ORDER_ID}
    return make(Fill, fill_id=str(number), sequence=number, **terms)


def merge(subject: Order, said: VenueOrder | None, *fills: Fill, trigger: Trigger = Trigger.API_ACKNOWLEDGED):
    return absorb(subject, said, fills, at_ms=NOW_MS, evidence=EVIDENCE, tolerance=TOLERANCE, trigger=trigger)


def test_open_claim_acknowledges_a_submitted_order_and_settles_its_attempt():
    attempt = make(Attempt, outcome=AttemptOutcome.AMBIGUOUS)
    merged = merge(order(attempts=(attempt,)), claim(PublicStatus.OPEN))
    assert merged.order.state is OrderState.ACKNOWLEDGED
    assert merged.order.venue_order_id == VENUE_ORDER_ID
    assert merged.order.attempts[-1].outcome is AttemptOutcome.ACCEPTED
    assert [step.trigger for step in merged.transitions] == [Trigger.API_ACKNOWLEDGED]


def test_fill_before_the_acknowledgement_fills_at_once():
    merged = merge(order(), claim(PublicStatus.FILLED, 10), fill(1, 10))
    assert merged.order.state is OrderState.FILLED
    assert merged.order.completion is CompletionReason.FULLY_FILLED
    assert merged.missing == 0
    late = merge(merged.order, claim(PublicStatus.OPEN))
    assert late.order is merged.order
    assert late.stale


@pytest.mark.parametrize("status", [PublicStatus.CANCELLED, PublicStatus.EXPIRED, PublicStatus.FILLED])
def test_end_with_missing_executions_is_not_believed_yet(status):
    merged = merge(order(OrderState.ACKNOWLEDGED), claim(status, 4))
    assert merged.order.state is OrderState.ACKNOWLEDGED
    assert merged.missing == 4


def test_end_is_believed_once_the_executions_are_booked():
    merged = merge(order(OrderState.ACKNOWLEDGED), claim(PublicStatus.CANCELLED, 4), fill(1, 3), fill(2, 1))
    assert merged.order.state is OrderState.CANCELLED
    assert merged.order.filled_size == 4
    assert merged.order.cancelled_by is InitiatedBy.VENUE
    assert merged.transitions[-1].evidence is EVIDENCE


@pytest.mark.parametrize("sizes", [(10,), (4, 6), (1, 2, 7)])
@pytest.mark.parametrize("cancel_first", [True, False])
def test_fill_and_cancel_crossing_end_the_same_in_any_order(sizes, cancel_first):
    fills = [fill(number, size) for number, size in enumerate(sizes, start=1)]
    for arrival in permutations(fills):
        subject = order(OrderState.ACKNOWLEDGED, cancel_pending=True, cancelled_by=InitiatedBy.USER)
        said = claim(PublicStatus.FILLED, 10)
        if cancel_first:
            subject = merge(subject, claim(PublicStatus.CANCELLED, 10)).order
            assert subject.state is OrderState.ACKNOWLEDGED
        for each in arrival:
            subject = merge(subject, None, each).order
        subject = merge(subject, said).order
        assert subject.state is OrderState.FILLED
        assert subject.filled_size == SIZE
        assert not subject.cancel_pending


def test_fill_after_a_cancel_corrects_it_when_complete():
    cancelled = merge(order(OrderState.ACKNOWLEDGED), claim(PublicStatus.CANCELLED)).order
    part = merge(cancelled, None, fill(1, 4))
    assert part.order.state is OrderState.CANCELLED
    assert part.order.filled_size == 4
    assert part.corrections == 1
    whole = merge(part.order, None, fill(2, 6))
    assert whole.order.state is OrderState.FILLED
    assert whole.transitions[-1].trigger is Trigger.VENUE_CORRECTION


@pytest.mark.parametrize("dead", [OrderState.FAILED, OrderState.REJECTED])
def test_working_claim_reopens_an_order_held_for_dead(dead):
    merged = merge(order(dead), claim(PublicStatus.OPEN))
    assert merged.order.state is OrderState.ACKNOWLEDGED
    assert merged.reopened
    assert merged.order.completion is None


def test_order_held_for_dead_that_somebody_wants_cancelled_is_reopened_to_be_cancelled():
    merged = merge(order(OrderState.FAILED, cancel_pending=True), claim(PublicStatus.OPEN))
    assert merged.order.cancel_pending


@pytest.mark.parametrize("ended", [OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED])
def test_working_claim_never_reopens_an_order_that_ended_at_the_venue(ended):
    subject = order(ended)
    merged = merge(subject, claim(PublicStatus.OPEN))
    assert merged.order.state is ended
    assert merged.stale


def test_second_venue_order_under_one_client_id_is_never_merged():
    subject = order(OrderState.ACKNOWLEDGED, venue_order_id="another")
    merged = merge(subject, claim(PublicStatus.FILLED, 10), fill(1, 10))
    assert merged.twin
    assert merged.order is subject
    assert merged.fills == []


def test_unknown_status_changes_nothing_and_says_so():
    merged = merge(order(OrderState.ACKNOWLEDGED), claim(None))
    assert merged.order.state is OrderState.ACKNOWLEDGED
    assert merged.unknown_status


def test_end_claimed_for_an_order_proven_absent_is_a_contradiction():
    merged = merge(order(OrderState.FAILED), claim(PublicStatus.EXPIRED))
    assert merged.contradiction
    assert merged.order.state is OrderState.FAILED


def test_cancel_by_our_own_timer_is_an_expiry():
    subject = order(
        OrderState.ACKNOWLEDGED,
        time_in_force=TimeInForce.GTT,
        expires_at_ms=NOW_MS - 1,
        cancel_pending=True,
        cancelled_by=InitiatedBy.SYSTEM,
    )
    merged = merge(subject, claim(PublicStatus.CANCELLED))
    assert merged.order.state is OrderState.EXPIRED


def test_quote_sized_order_takes_its_size_from_the_venue_and_fills():
    subject = evolve(order(quote_size=Decimal(1000)), size=Decimal(0))
    merged = merge(subject, claim(PublicStatus.FILLED, 10), fill(1, 10))
    assert merged.order.state is OrderState.FILLED
    assert merged.order.size == SIZE


@pytest.mark.parametrize("unsent", [OrderState.DRAFT, OrderState.PENDING])
def test_claim_for_an_order_held_for_unsent_walks_it_to_where_the_venue_has_it(unsent):
    working = merge(order(unsent), claim(PublicStatus.OPEN))
    assert working.unsent
    assert working.order.state is OrderState.ACKNOWLEDGED
    filled = merge(order(unsent), claim(PublicStatus.FILLED, 10), fill(1, 10))
    assert filled.order.state is OrderState.FILLED
    assert filled.order.attempts[-1].outcome is AttemptOutcome.ACCEPTED


def test_order_cancelled_on_the_proof_of_absence_that_works_is_reopened_to_be_cancelled():
    attempt = make(Attempt, outcome=AttemptOutcome.ABSENT)
    cancelled = order(OrderState.CANCELLED, attempts=(attempt,), cancelled_by=InitiatedBy.USER)
    merged = merge(cancelled, claim(PublicStatus.OPEN))
    assert merged.reopened
    assert merged.order.state is OrderState.ACKNOWLEDGED
    assert merged.order.cancel_pending


def test_record_that_calls_itself_filled_and_shows_less_than_its_size_is_read_again():
    merged = merge(order(OrderState.ACKNOWLEDGED), claim(PublicStatus.FILLED, 4), fill(1, 4))
    assert merged.order.state is OrderState.PARTIALLY_FILLED
    assert merged.unknown_status


@pytest.mark.parametrize("status", [PublicStatus.CANCELLED, PublicStatus.EXPIRED, PublicStatus.FAILED])
def test_last_word_that_knows_less_than_is_booked_marks_the_order_overfilled(status):
    merged = merge(order(OrderState.ACKNOWLEDGED), claim(status, 3), fill(1, 4))
    assert merged.order.overfilled
    assert merged.order.filled_size == 4
    assert merge(order(OrderState.ACKNOWLEDGED), claim(PublicStatus.OPEN, 3), fill(1, 4)).order.overfilled is False


def test_more_than_the_size_is_booked_marked_and_fills_the_order():
    merged = merge(order(OrderState.ACKNOWLEDGED), None, fill(1, 8), fill(2, 3))
    assert (merged.order.state, merged.order.filled_size, merged.order.overfilled) == (OrderState.FILLED, 11, True)


def test_fill_alone_tells_the_venue_id_and_settles_the_attempt():
    attempt = make(Attempt, outcome=AttemptOutcome.AMBIGUOUS)
    merged = merge(order(attempts=(attempt,)), None, fill(1, 4))
    assert merged.order.venue_order_id == VENUE_ORDER_ID
    assert merged.order.attempts[-1].outcome is AttemptOutcome.ACCEPTED
    assert merged.order.state is OrderState.PARTIALLY_FILLED


def test_quote_sized_order_is_filled_only_by_the_word_of_the_venue():
    subject = evolve(order(quote_size=Decimal(1000)), size=SIZE)
    merged = merge(subject, None, fill(1, 10))
    assert merged.order.state is OrderState.PARTIALLY_FILLED
    assert merge(merged.order, claim(PublicStatus.FILLED, 10)).order.state is OrderState.FILLED


@pytest.mark.parametrize(
    ("filled", "state", "completion", "reason"),
    [
        (4, OrderState.PARTIAL_FILL_TIMEOUT, CompletionReason.TIMEOUT, "fill_timeout"),
        (0, OrderState.CANCELLED, CompletionReason.UNFILLED_TIMEOUT, "unfilled_timeout"),
    ],
)
def test_cancel_of_the_fill_timeout_that_is_confirmed_is_a_timeout(filled, state, completion, reason):
    subject = order(
        OrderState.ACKNOWLEDGED, cancel_pending=True, cancelled_by=InitiatedBy.SYSTEM, timed_out_ms=NOW_MS - 5
    )
    fills = (fill(1, filled),) if filled else ()
    merged = merge(subject, claim(PublicStatus.CANCELLED, filled), *fills)
    assert (merged.order.state, merged.order.completion, merged.order.reason) == (state, completion, reason)
    assert merged.transitions[-1].metadata == (("unfilled_quantity", str(10 - filled)),)


def test_cancel_of_the_fill_timeout_that_finds_the_order_filled_is_no_timeout():
    subject = order(
        OrderState.ACKNOWLEDGED, cancel_pending=True, cancelled_by=InitiatedBy.SYSTEM, timed_out_ms=NOW_MS - 5
    )
    merged = merge(subject, claim(PublicStatus.FILLED, 10), fill(1, 10))
    assert (merged.order.state, merged.order.completion) == (OrderState.FILLED, CompletionReason.FULLY_FILLED)


@given(data=st.data())
def test_claims_and_fills_in_any_order_end_with_the_same_totals_and_never_lose_one(data):
    """Claims as of every moment of an order's life, its fills, and its end, shuffled, some of them doubled."""
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4).filter(lambda drawn: sum(drawn) <= 10))
    total = sum(sizes)
    last = PublicStatus.FILLED if total == 10 else PublicStatus.CANCELLED
    news = [fill(number, size) for number, size in enumerate(sizes, start=1)]
    news += [claim(PublicStatus.OPEN, sum(sizes[:number])) for number in range(len(sizes))]
    news.append(claim(last, total))
    subject = order()
    ended = {OrderState.FILLED, OrderState.CANCELLED}
    booked = set()
    for each in data.draw(st.permutations(news + data.draw(st.lists(st.sampled_from(news), max_size=4)))):
        before = subject
        if isinstance(each, Fill):
            subject = subject if each.fill_id in booked else merge(subject, None, each).order
            booked.add(each.fill_id)
        else:
            subject = merge(subject, each).order
        assert subject.filled_size == sum(sizes[int(number) - 1] for number in booked)
        assert not (before.state in ended and subject.state not in ended)
        if subject.state in ended:
            assert subject.filled_size == total
    subject = merge(subject, claim(last, total)).order
    assert subject.state is (OrderState.FILLED if total == 10 else OrderState.CANCELLED)
    assert subject.filled_value == 100 * total
    assert not subject.overfilled
