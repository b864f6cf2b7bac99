"""What a venue says of an order's size and prices: newer word counts, an older one never, an amend is proven."""

from dataclasses import replace
from decimal import Decimal
from itertools import permutations

import pytest

from actors.domain.claims import Absorbed, absorb
from actors.domain.lifecycle import evolve
from messages import (
    Evidence,
    EvidenceSource,
    Fill,
    InitiatedBy,
    Modification,
    ModificationKind,
    Order,
    OrderState,
    PublicStatus,
    Trigger,
    VenueOrder,
)
from tests.factories import NOW_MS, VENUE_ORDER_ID, make

TOLERANCE = Decimal("0.00000001")
STREAM = make(Evidence, source=EvidenceSource.STREAM, sent_ms=None)
CHANGE = Modification(
    modify_id="m", kind=ModificationKind.AMEND, size=Decimal(8), price=Decimal(100), asked_ms=NOW_MS,
    initiated_by=InitiatedBy.USER, valid_until_venue_ms=NOW_MS + 5000,
)  # fmt: skip


def order(state: OrderState = OrderState.ACKNOWLEDGED, change: Modification | None = None, **changes: object) -> Order:
    pending = {"modification": change, "replace_pending": change is not None}
    terms = {"size": Decimal(10), "price": Decimal(100), "venue_order_id": VENUE_ORDER_ID}
    return make(Order, state=state, **terms | pending | changes)


def claim(at_ms: int | None, size: int = 10, price: int | None = 100, **changes: object) -> VenueOrder:
    shown = make(VenueOrder, size=Decimal(size), price=None if price is None else Decimal(price))
    return replace(shown, updated_venue_ms=at_ms, **changes)


def fill(number: int, size: int) -> Fill:
    terms = {"size": Decimal(size), "price": Decimal(100), "venue_order_id": VENUE_ORDER_ID}
    return make(Fill, fill_id=str(number), sequence=number, **terms)


def merge(subject: Order, said: VenueOrder | None, *fills: Fill, amended: bool = False) -> Absorbed:
    return absorb(subject, said, fills, at_ms=NOW_MS, evidence=STREAM, tolerance=TOLERANCE, amended=amended)


def test_changes_at_the_venue_told_in_any_order_end_with_the_latest_and_are_each_a_step() -> None:
    told = [claim(NOW_MS + 1, 9), claim(NOW_MS + 2, 9, 99), claim(NOW_MS + 3, 7, 99), claim(NOW_MS + 4, 7, 98)]
    for sequence in permutations([*told, told[1]]):
        subject, latest = order(), 0
        for said in sequence:
            before = subject
            merged = merge(subject, said)
            subject = merged.order
            newer = (said.updated_venue_ms or 0) > latest
            assert newer or (subject.size, subject.price) == (before.size, before.price)
            assert bool(merged.changed_elsewhere) == (subject.version > before.version)
            if merged.changed_elsewhere:
                latest = said.updated_venue_ms or 0
                assert subject.terms_venue_ms == latest
        assert (subject.size, subject.price) == (Decimal(7), Decimal(98))


def test_change_at_the_venue_is_recorded_as_a_step_by_the_venue() -> None:
    merged = merge(order(), claim(NOW_MS, 9, 99))
    (step,) = merged.transitions
    assert (step.trigger, step.from_state, step.to_state) == (
        Trigger.USER_MODIFY_ORDER, OrderState.ACKNOWLEDGED, OrderState.ACKNOWLEDGED,
    )  # fmt: skip
    assert step.metadata == (("size", "10 -> 9"), ("price", "100 -> 99"), ("by", "venue"))
    assert merged.order.modified_by is InitiatedBy.VENUE


def test_claim_of_an_order_that_ended_changes_no_terms() -> None:
    merged = merge(order(OrderState.CANCELLED), claim(NOW_MS, 9, status=PublicStatus.CANCELLED))
    assert (merged.order.size, merged.transitions) == (Decimal(10), [])


def test_amend_shown_by_an_event_settles_the_overlay_and_is_no_change_of_others() -> None:
    merged = merge(order(change=CHANGE), claim(NOW_MS, 8))
    after = merged.order
    assert (after.size, after.modification, after.replace_pending, after.terms_venue_ms) == (8, None, False, NOW_MS)
    assert (after.modified_by, merged.changed_elsewhere) == (InitiatedBy.USER, ())


def test_change_of_others_while_an_amend_is_pending_leaves_it_pending() -> None:
    merged = merge(order(change=CHANGE), claim(NOW_MS, 10, 99))
    assert merged.order.modification is CHANGE
    assert merged.changed_elsewhere == ("price",)


def test_amend_confirmed_takes_what_the_venue_shows_and_for_the_rest_what_was_asked() -> None:
    merged = merge(order(change=replace(CHANGE, price=Decimal(99))), claim(None, 8, None), amended=True)
    assert (merged.order.size, merged.order.price) == (Decimal(8), Decimal(99))
    odd = merge(order(change=CHANGE), claim(None, 7), amended=True)
    assert odd.order.size == Decimal(7)


def test_amend_confirmed_with_the_old_terms_stays_pending() -> None:
    merged = merge(order(change=CHANGE), claim(NOW_MS), amended=True)
    assert merged.order.modification is CHANGE
    assert merged.transitions == []


def test_amend_to_less_that_was_executed_completes_the_order() -> None:
    filled = claim(NOW_MS, 8, status=PublicStatus.FILLED, filled_size=Decimal(8))
    merged = merge(order(change=CHANGE), filled, fill(1, 8))
    assert (merged.order.state, merged.order.size, merged.order.overfilled) == (OrderState.FILLED, Decimal(8), False)


@pytest.mark.parametrize(
    ("sizes", "state", "size", "settled"),
    [
        ((10,), OrderState.PARTIALLY_FILLED, 10, False),
        ((9,), OrderState.PARTIALLY_FILLED, 10, False),
        ((10, 5), OrderState.PARTIALLY_FILLED, 20, True),
        ((10, 10), OrderState.FILLED, 20, True),
        ((20,), OrderState.FILLED, 20, True),
    ],
)
def test_executions_while_an_order_may_be_larger_complete_only_the_larger(
    *, sizes: tuple[int, ...], state: OrderState, size: int, settled: bool
) -> None:
    larger = order(change=replace(CHANGE, size=Decimal(20)))
    merged = merge(larger, None, *(fill(number, each) for number, each in enumerate(sizes)))
    after = merged.order
    assert (after.state, after.size, after.modification is None, after.overfilled) == (state, size, settled, False)


def test_end_of_an_order_settles_its_overlay() -> None:
    pending = order(change=CHANGE)
    merged = merge(pending, claim(NOW_MS, status=PublicStatus.CANCELLED))
    assert (merged.order.state, merged.order.modification) == (OrderState.CANCELLED, None)
    assert evolve(merged.order, modification=CHANGE).modification is CHANGE
