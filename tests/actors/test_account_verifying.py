"""Rounds of look-ups as the account counts them: what the venue leaves unanswered, and what leads to manual review."""

from dataclasses import replace

import pytest

from actors.domain.verification import VerificationPolicy
from actors.policy import PrivacyPolicy
from messages.commands import LookUpOrder, PlaceOrder, SearchOrder
from messages.control import VerificationDue, VerificationRequested
from messages.events import ManualReviewRequired
from messages.queries import OrderUnresolved
from messages.reports import LookUpFailed, OrderNotFound, OrdersSearched, PlaceAmbiguous
from messages.types import OrderState, PublicStatus, VenueOrder, VerificationPhase
from tests.actors.account_kit import Account, executed, shown, submit
from tests.factories import make
from tests.simulation.regime import CAPABILITIES

HEAD = {"account_id": "1", "exchange": "binance"}
POLICY = VerificationPolicy()
LATE_MS = 10**15
"""A venue time after every fence."""
FORGOTTEN_MS = 400_000
"""After this nothing is kept of an order that has ended but its executions, where no history is kept."""


class Question:
    """An account with one order of which nobody knows what became of it."""

    def __init__(self, account: Account | None = None) -> None:
        self.account = account or Account()
        self.account.do(submit(max_sends=1))
        self.place: PlaceOrder = self.account.to_venue(PlaceOrder)[-1]
        self.about = {**HEAD, "order_id": self.place.order_id}
        self.account.do(make(PlaceAmbiguous, **self.about, reason="timeout"))

    def begin(self) -> None:
        """The supervisor begins a round."""
        phase = VerificationPhase.DIRECT_LOOKUP
        self.account.do(VerificationDue(account_id="1", order_id=self.place.order_id, phase=phase))

    def fail(self, **changes: object) -> None:
        """The venue does not answer what was asked last."""
        self.account.do(make(LookUpFailed, **self.about, reason="timeout", **changes))

    def deny(self, asked_venue_ms: int = 0) -> None:
        """The venue does not know the order; asked before the fence, which proves nothing, unless said otherwise."""
        self.account.do(make(OrderNotFound, **self.about, asked_venue_ms=asked_venue_ms))

    def list_nothing(self, asked_venue_ms: int = 0) -> None:
        """No source of the venue lists the order."""
        listed = {"symbol": self.place.symbol, "sources": CAPABILITIES.search_sources, "orders": (), "fills": ()}
        self.account.do(make(OrdersSearched, **self.about, **listed, asked_venue_ms=asked_venue_ms))

    def list_like(self, asked_venue_ms: int = 0, **changes: object) -> None:
        """The venue lists an order that was cancelled and equals ours in everything but its client id."""
        record = {"client_order_id": "a-cancel", "created_venue_ms": self.account.now_ms, **changes}
        like = shown(self.place, status=PublicStatus.CANCELLED, venue_status="CANCELED", **record)
        listed = {"symbol": self.place.symbol, "sources": CAPABILITIES.search_sources, "orders": (like,), "fills": ()}
        self.account.do(make(OrdersSearched, **self.about, **listed, asked_venue_ms=asked_venue_ms))

    def wait(self) -> int:
        """Let the time until the next round pass, and tell how long that was."""
        due_in_ms = self.account.told(VerificationRequested)[-1].due_in_ms
        self.account.pass_ms(due_in_ms)
        return due_in_ms

    def reviews(self) -> list[str]:
        return [event.reason for event in self.account.happened(ManualReviewRequired)]


def test_rounds_answered_without_telling_lead_to_review_after_their_number() -> None:
    question = Question()
    for _ in range(POLICY.max_rounds):
        question.begin()
        question.deny()
        question.list_nothing()
        assert question.reviews() == []
    question.begin()
    question.deny()
    question.list_nothing()
    assert question.reviews() == ["the venue does not tell what became of the order"]
    assert isinstance(question.account.replies[-1], OrderUnresolved)


def test_rounds_that_nobody_answers_lead_to_no_review_before_the_time_is_up() -> None:
    question = Question()
    for _ in range(5 * POLICY.max_rounds):
        question.begin()
        question.fail()
        question.fail()
    assert question.reviews() == []


def test_rounds_with_one_answer_of_two_use_up_none() -> None:
    question = Question()
    for _ in range(5 * POLICY.max_rounds):
        question.begin()
        question.fail()
        question.list_nothing()
        question.begin()
        question.deny()
        question.fail()
    assert question.reviews() == []


def test_order_that_nobody_answers_for_is_raised_to_review_once_and_asked_for_slowly() -> None:
    question = Question()
    waited = 0
    while not question.reviews():
        question.begin()
        question.fail()
        question.fail()
        assert question.reviews() == [] or waited >= POLICY.total_ms
        waited += question.wait()
        assert waited < 3 * POLICY.total_ms + POLICY.slow_interval_ms
    assert question.account.only_order().needs_review
    assert isinstance(question.account.replies[-1], OrderUnresolved)
    for _ in range(3):
        question.begin()
        question.fail()
        question.fail()
        assert question.wait() == POLICY.slow_interval_ms
    assert question.reviews() == ["the venue leaves the questions about the order unanswered"]
    assert question.account.only_order().state is OrderState.SUBMITTED


def test_order_whose_rounds_get_lost_is_raised_to_review_too() -> None:
    # Nothing comes back at all: the supervisor begins the round again and again.
    question = Question()
    question.begin()
    question.account.pass_ms(POLICY.total_ms - 1)
    question.begin()
    assert question.reviews() == []
    question.account.pass_ms(1)
    question.begin()
    assert question.reviews() == ["the venue leaves the questions about the order unanswered"]
    assert len(question.account.to_venue(LookUpOrder)) == 3


def test_ban_is_waited_out_within_the_time_and_told_beyond_it() -> None:
    question = Question()
    question.begin()
    question.fail(retry_after_ms=20_000)
    assert question.wait() == 20_000
    assert question.reviews() == []
    question.begin()
    question.fail(retry_after_ms=20_000)
    assert len(question.reviews()) == 1
    assert question.wait() == POLICY.slow_interval_ms


@pytest.mark.parametrize(("answered", "state"), [(True, OrderState.FAILED), (False, OrderState.SUBMITTED)])
def test_search_after_an_unanswered_look_up_proves_nothing(answered: bool, state: OrderState) -> None:  # noqa: FBT001
    question = Question()
    question.begin()
    question.deny(LATE_MS) if answered else question.fail()
    assert len(question.account.to_venue(SearchOrder)) == 1
    question.list_nothing(LATE_MS)
    assert question.account.only_order().state is state


# ----- an order that could be ours under another client id


def test_order_like_ours_under_another_client_id_keeps_absence_from_being_proven() -> None:
    """The venue may show a cancelled order under the id of its cancel: sent again, the intent would execute twice."""
    question = Question()
    question.begin()
    question.deny(LATE_MS)
    question.list_like(LATE_MS)
    order = question.account.order(question.place)
    assert (order.state, order.needs_review) == (OrderState.SUBMITTED, True)
    (review,) = question.account.happened(ManualReviewRequired)
    assert review.candidates == ("28",)
    assert len(question.account.to_venue(PlaceOrder)) == 1


@pytest.mark.parametrize("external", [True, False])
def test_order_like_ours_that_was_taken_in_before_is_suspected_unless_it_is_another_of_ours(external: bool) -> None:  # noqa: FBT001
    question = Question()
    account = question.account
    other = None if external else account.working("28", request_id="other")
    taken = shown(other or question.place, client_order_id="a-cancel", venue_order_id="28")
    like: VenueOrder = replace(taken, status=PublicStatus.CANCELLED, created_venue_ms=account.now_ms)
    account.hear(like)
    question.begin()
    question.deny(LATE_MS)
    question.list_like(LATE_MS)
    state = OrderState.SUBMITTED if external else OrderState.FAILED
    assert account.order(question.place).state is state


def test_order_like_ours_that_was_another_of_ours_of_which_nothing_is_kept_is_no_suspect() -> None:
    account = Account(privacy=PrivacyPolicy(retain_history=False))
    other = account.working(request_id="other")
    account.hear_fill(executed(other, str(other.size)))
    account.pass_ms(FORGOTTEN_MS)
    assert account.views.orders == {}
    question = Question(account)
    question.begin()
    question.deny(LATE_MS)
    question.list_like(LATE_MS)
    assert account.order(question.place).state is OrderState.FAILED


def test_order_like_ours_before_the_fence_raises_no_review_and_ours_may_still_turn_up() -> None:
    question = Question()
    question.begin()
    question.deny()
    question.list_like()
    assert question.reviews() == []
    question.wait()
    question.begin()
    question.account.find(question.place.order_id, shown(question.place, venue_order_id="29"))
    assert question.account.order(question.place).state is OrderState.ACKNOWLEDGED


def test_order_like_ours_that_was_made_before_our_sending_is_no_suspect() -> None:
    question = Question()
    question.begin()
    question.deny(LATE_MS)
    question.list_like(LATE_MS, created_venue_ms=question.account.now_ms - 5000)
    assert question.account.order(question.place).state is OrderState.FAILED
