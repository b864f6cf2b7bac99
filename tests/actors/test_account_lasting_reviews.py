"""Reviews that only a person ends: what becomes of them as the venue tells more of their orders."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from messages.commands import PlaceOrder, ResolveReview
from messages.events import ManualReviewRequired, OrderMerged, OrderStateChanged
from messages.queries import ReviewResolved
from messages.reports import LookUpFailed, OrderFound
from messages.types import EvidenceSource, OrderState, PublicStatus, VenueOrder
from tests.actors.account_kit import HEAD, executed, shown
from tests.actors.awareness_kit import Aware, aware
from tests.actors.test_account_united import LEARNED, LESS, STRAY, ambiguous, nameless, overtaken, overtaken_by_fill
from tests.factories import make

VOIDED = "the venue has taken back an execution that is booked"


def void(account: Aware, place: PlaceOrder) -> None:
    """A list shows the order's first execution as taken back."""
    account.list_fills(voided=(executed(place, str(LESS), client_order_id=None),))


def voided() -> tuple[Aware, PlaceOrder]:
    """An order of ours that works, is filled in part, and has lost that execution."""
    account = aware()
    place = account.working()
    account.hear(shown(place, filled_size=LESS), executed(place, str(LESS)))
    void(account, place)
    assert account.order(place).review_reason == VOIDED
    return account, place


def resolution(place: PlaceOrder, **decided: Any) -> ResolveReview:
    """What a person decides."""
    return ResolveReview(account_id="1", correlation_id="r1", order_id=place.order_id, operator="ann", **decided)


# ----- over the union of two records


@pytest.mark.parametrize("learn", LEARNED.values(), ids=LEARNED.keys())
def test_review_of_an_order_that_proves_ours_is_ours(
    learn: Callable[[Aware, PlaceOrder, VenueOrder], None],
) -> None:
    account, place = overtaken_by_fill()
    void(account, place)
    account.events.clear()
    learn(account, place, shown(place, filled_size=LESS))
    void(account, place)
    account.look_up(place.order_id)
    account.found(place, shown(place, filled_size=LESS))
    order = account.only_order()
    assert (order.order_id, order.needs_review, order.review_reason) == (place.order_id, True, VOIDED)
    (asked,) = account.happened(ManualReviewRequired)
    assert (asked.view.local_id, asked.reason) == (place.order_id, VOIDED)
    assert account.restarted().only_order().review_reason == VOIDED


def silent(account: Aware, order_id: str) -> None:
    """No question about the order is answered, until a person is asked."""
    for _ in range(5):
        account.look_up(order_id)
        for _ in ("the look-up", "the search"):
            account.do(make(LookUpFailed, **HEAD | {"order_id": order_id}, reason="timeout"))
        account.pass_ms(10_000)
    assert account.views.orders[order_id].needs_review


def test_review_that_the_venue_can_answer_does_not_move_to_the_order_that_proves_ours() -> None:
    account, place = overtaken_by_fill()
    account.hear(nameless(place, filled_size=LESS, status=None, venue_status="ODD"))
    silent(account, STRAY)
    account.accept(place, None)
    assert (account.only_order().order_id, account.only_order().needs_review) == (place.order_id, False)


def test_execution_taken_back_while_it_is_unknown_what_became_of_its_order_leaves_it_to_a_person() -> None:
    account, place = overtaken_by_fill()
    ambiguous(account, place, "28")
    assert account.only_order().verification is not None
    void(account, place)
    account.hear(shown(place, filled_size=LESS))
    order = account.only_order()
    assert (order.verification, order.needs_review, order.review_reason) == (None, True, VOIDED)


def test_execution_taken_back_leaves_its_order_to_a_person_over_an_execution_that_shows_the_order() -> None:
    account, place = overtaken_by_fill()
    ambiguous(account, place)
    void(account, place)
    account.hear_fill(executed(place, "0.002", "57"))
    order = account.only_order()
    assert (order.verification, order.fill_count, order.needs_review, order.review_reason) == (None, 2, True, VOIDED)


def test_review_of_an_end_that_was_none_outlasts_the_late_answer_to_the_placement() -> None:
    account, place = overtaken()
    account.hear(nameless(place, status=PublicStatus.CANCELLED, venue_status="CANCELED"))
    account.pass_ms(7000)
    evidence = replace(account.evidence(), source=EvidenceSource.LOOKUP)
    account.do(make(OrderFound, **HEAD | {"order_id": STRAY}, order=nameless(place), fills=(), evidence=evidence))
    reason = account.views.orders[STRAY].review_reason
    assert reason == "the venue shows it working after its end"
    ambiguous(account, place, "28")
    assert account.only_order().state is OrderState.SUBMITTED
    account.accept(place, None)
    order = account.only_order()
    assert (order.state, order.needs_review, order.review_reason) == (OrderState.ACKNOWLEDGED, True, reason)


def test_subscribers_are_told_which_order_the_one_taken_in_was_after_they_are_shown_it() -> None:
    account, place = overtaken_by_fill()
    account.events.clear()
    account.accept(place, None)
    (merged,) = account.happened(OrderMerged)
    assert (merged.order_id, merged.into) == (STRAY, place.order_id)
    steps = [index for index, event in enumerate(account.events) if isinstance(event, OrderStateChanged)]
    assert max(steps) < account.events.index(merged)


def test_executions_of_orders_that_became_one_are_shown_in_their_order() -> None:
    account, place = overtaken_by_fill()
    account.hear_fill(executed(place, "0.002", "57"))
    fills = account.views.fills[place.order_id]
    assert [(fill.sequence, fill.fill_id) for fill in fills] == [(1, "56"), (2, "57")]


# ----- over the end of the order


@pytest.mark.parametrize("status", [PublicStatus.FILLED, PublicStatus.CANCELLED])
def test_execution_taken_back_leaves_its_order_to_a_person_over_its_end(status: PublicStatus) -> None:
    account, place = voided()
    if status is PublicStatus.FILLED:
        account.hear(shown(place, filled_size=place.size, status=status), executed(place, "0.006", "57"))
    else:
        account.hear(shown(place, filled_size=LESS, status=status))
    order = account.order(place)
    assert (order.state, order.needs_review, order.review_reason) == (OrderState(status), True, VOIDED)


def test_person_ends_the_review_of_an_execution_that_was_taken_back() -> None:
    account, place = voided()
    account.do(resolution(place, attach_venue_order_id="28"))
    assert account.reply_to("r1", ReviewResolved).view.needs_review is False
    void(account, place)
    account.hear(shown(place, filled_size=place.size, status=PublicStatus.FILLED), executed(place, "0.006", "57"))
    order = account.order(place)
    assert (order.state, order.needs_review, order.review_reason) == (OrderState.FILLED, False, "")


def test_person_who_declares_the_remainder_absent_ends_the_review_of_an_execution_that_was_taken_back() -> None:
    account, place = voided()
    account.do(resolution(place, declare_absent=True))
    view = account.reply_to("r1", ReviewResolved).view
    assert (view.state, view.needs_review) == (OrderState.FAILED, False)


def test_execution_taken_back_of_an_order_that_its_venue_does_not_answer_for_outlasts_the_answer() -> None:
    account = aware()
    place = account.working()
    account.hear(shown(place, filled_size=LESS), executed(place, str(LESS)))
    account.hear(shown(place, filled_size=LESS, status=None, venue_status="ODD"))
    silent(account, place.order_id)
    void(account, place)
    account.look_up(place.order_id)
    account.found(place, shown(place, filled_size=LESS))
    assert (account.order(place).needs_review, account.order(place).review_reason) == (True, VOIDED)
