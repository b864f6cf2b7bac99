"""Every way to change an order, with everything that may happen to the order meanwhile, every fate of the answer, and a
restart at each step: there is never more at the venue than was asked for, and nobody is told what is not so.
"""

from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from exchanges.gateway import AmendScope
from messages.commands import AmendVenueOrder, CancelVenueOrder, ModifyOrder, PlaceOrder, ReplaceVenueOrder
from messages.queries import ModifyDone, OrderUnresolved, RefusalCode, Refused
from messages.types import OrderState, PublicStatus
from tests.actors.modify_kit import LESS, MORE, OTHER, PRICE, SIZE, ModifyAccount, Venue, working_order

WAYS = {
    "shrink": (AmendScope.SIZE_DOWN, True, {"size": LESS}, AmendVenueOrder),
    "grow": (AmendScope.NATIVE, True, {"size": MORE}, AmendVenueOrder),
    "reprice": (AmendScope.NATIVE, True, {"price": OTHER}, AmendVenueOrder),
    "venue_replace": (AmendScope.NONE, True, {"price": OTHER, "size": LESS}, ReplaceVenueOrder),
    "venue_replace_larger": (AmendScope.NONE, True, {"size": MORE}, ReplaceVenueOrder),
    "cancel_then_place": (AmendScope.NONE, False, {"price": OTHER, "size": LESS}, CancelVenueOrder),
    "cancel_then_place_larger": (AmendScope.NONE, False, {"size": MORE}, CancelVenueOrder),
}
KEEPING = [way for way in WAYS if not way.startswith("cancel_then_place")]
"""Ways that leave the order as it was where they fail."""
MEANWHILE = ("nothing", "filled", "partly", "cancelled", "expired", "host_cancels")
FATES = ("told", "told_twice", "lost", "lost_in_effect", "never_answered", "never_answered_in_effect", "not_processed",
         "place_rejected", "late")  # fmt: skip
RESTARTS = ("none", "after_asking", "after_effect", "after_answer")
TOLD = (True, False)


@dataclass
class Case:
    """One run."""

    way: str
    meanwhile: str
    fate: str
    restart: str
    told: bool

    def __post_init__(self) -> None:
        amend, cancel_replace, self.changes, self.request = WAYS[self.way]
        self.account = ModifyAccount(amend=amend, cancel_replace=cancel_replace)
        self.venue = Venue(self.account)
        self.place = working_order(self.account, self.venue)
        self.old_id = self.place.order_id

    def run(self) -> None:
        self.account.pass_ms(10)
        self.account.modify(self.old_id, **self.changes)
        request = self.venue.take(self.request)
        self._restart("after_asking")
        self._meanwhile()
        answer = self._effect(request)
        self._restart("after_effect")
        if answer is not None:
            self.account.do(answer)
            if self.fate == "told_twice":
                self.account.do(answer)
        self._restart("after_answer")
        self.venue.settle(120)
        if self.fate == "late":
            self.account.do(self.late)
            self.venue.settle(30)

    def _restart(self, when: str) -> None:
        if self.restart == when:
            self.account = self.account.restarted()
            self.venue.attach(self.account)
            self.venue.serve()

    def _meanwhile(self) -> None:
        match self.meanwhile:
            case "filled":
                self.venue.fill(self.old_id, SIZE, tell=self.told)
            case "partly":
                self.venue.fill(self.old_id, Decimal("0.004"), tell=self.told)
            case "cancelled":
                self.venue.end(self.old_id, PublicStatus.CANCELLED, tell=self.told)
            case "expired":
                self.venue.end(self.old_id, PublicStatus.EXPIRED, tell=self.told)
            case "host_cancels":
                self.account.cancel_by_id(self.old_id)

    def _effect(self, request: Any) -> Any:
        match self.fate:
            case "lost":
                return self.venue.ambiguous(request)
            case "lost_in_effect":
                self.venue.carry_out(request)
                return self.venue.ambiguous(request)
            case "never_answered":
                return None
            case "never_answered_in_effect":
                self.venue.carry_out(request)
                return None
            case "not_processed":
                return self.venue.not_processed(request, retry_after_ms=60_000)
            case "place_rejected" if isinstance(request, ReplaceVenueOrder):
                return self.venue.replace(request, place=False)
            case "late":
                self.late = self.venue.carry_out(request)
                return self.venue.ambiguous(request)
            case _:
                return self.venue.carry_out(request)


def allowed_total(case: Case) -> Decimal:
    return max(SIZE, case.changes.get("size", SIZE))


def check(case: Case) -> None:
    venue, account = case.venue, case.account
    records = account.views.orders
    assert len(venue.working()) <= 1, "two live orders from one change"
    may_execute = sum((each.claim.size - each.claim.filled_size for each in venue.working()), Decimal(0))
    assert venue.executed() + may_execute <= allowed_total(case)
    assert len(set(venue.placements)) == len(venue.placements)
    for order in records.values():
        at_venue = venue.orders.get(order.client_order_id)
        assert order.state not in (OrderState.PENDING, OrderState.SUBMITTED), order
        assert (order.modification, order.replace_pending, order.cancel_pending) == (None, False, False), order
        works = order.state in (OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED)
        assert works == (at_venue is not None and at_venue.works), order
        if at_venue is not None:
            shown = at_venue.claim
            assert order.filled_size == shown.filled_size
            assert (order.size, order.price) == (shown.size, shown.price)
    assert not any(alert in account.alerts() for alert in ("SecondVenueOrder", "Overfill", "TerminalCorrection"))
    assert not account.actor._memory.waiters


def check_answer(case: Case) -> None:
    answers = case.account.answers()
    if case.restart != "none":
        assert len(answers) <= 1
        return
    assert len(answers) == 1, answers
    answer = answers[0]
    if isinstance(answer, OrderUnresolved):
        # Only where the venue left a request unanswered and a person was asked to look.
        assert case.fate.startswith("never_answered")
        assert answer.view is not None
        assert answer.view.needs_review
        return
    new = [each for name, each in case.venue.orders.items() if name != case.old_id]
    if isinstance(answer, ModifyDone):
        changed = new[0] if new else case.venue.orders[case.old_id]
        assert answer.native is not bool(new)
        wanted = {"size": SIZE, "price": PRICE} | case.changes
        executed_before = case.venue.orders[case.old_id].claim.filled_size if new else 0
        assert changed.claim.price == wanted["price"]
        assert changed.claim.size == wanted["size"] - executed_before
    else:
        assert isinstance(answer, Refused)
        assert answer.code is RefusalCode.NOT_MODIFIED
        assert not new
        old = case.venue.orders[case.old_id].claim
        assert (old.size, old.price) == (SIZE, PRICE)
        if case.meanwhile in ("nothing", "partly") and case.way in KEEPING and case.fate != "place_rejected":
            assert old.status is PublicStatus.OPEN, "a change that failed cancelled the order"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("restart", RESTARTS)
def test_change_under_every_interleaving_leaves_one_order_and_the_truth(way: str, restart: str) -> None:
    for meanwhile, fate, told in product(MEANWHILE, FATES, TOLD):
        case = Case(way, meanwhile, fate, restart, told)
        try:
            case.run()
            check(case)
            check_answer(case)
        except AssertionError as error:
            raise AssertionError(f"{way} / {meanwhile} / {fate} / {restart} / told={told}: {error}") from error


@pytest.mark.parametrize("way", WAYS)
def test_same_change_asked_again_after_its_end_changes_nothing_more(way: str) -> None:
    case = Case(way, "nothing", "told", "none", told=True)
    case.run()
    before = (list(case.venue.placements), len(case.account.to_venue(case.request)))
    command = ModifyOrder(
        account_id="1", correlation_id="m2", message_id="mod-1", order_id=case.old_id, **case.changes
    )
    case.account.do(command)
    case.venue.settle(10)
    answer = case.account.answer("m2")
    assert isinstance(answer, ModifyDone)
    assert answer.duplicate
    assert (list(case.venue.placements), len(case.account.to_venue(case.request))) == before
    assert len(case.account.to_venue(PlaceOrder)) <= 2
