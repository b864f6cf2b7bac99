"""Orders whose executions stop: when their time is over, and that nothing is called timed out before it is proven."""

from decimal import Decimal

import pytest

from actors.domain.timeouts import FillTimeoutPolicy
from messages.commands import CancelOrder, CancelVenueOrder, LookUpOrder, PlaceOrder
from messages.control import (
    FillTimeoutDue,
    FillTimerDropped,
    FillTimerWanted,
    ReportFillTimers,
    VerificationRequested,
)
from messages.events import Severity
from messages.queries import CancelDone
from messages.reports import (
    CancelNotProcessed,
    CancelRefused,
    OrderNotFound,
    OrdersSearched,
    PlaceAmbiguous,
    PlaceNotProcessed,
)
from messages.types import (
    CompletionReason,
    InitiatedBy,
    OrderState,
    OrderType,
    PublicStatus,
    Trigger,
    VenueOrder,
)
from tests.actors.account_kit import HEAD, Account, executed, shown
from tests.factories import make

D = Decimal
LIMIT_MS = 120_000
"""The timeout of limit orders unless the settings say otherwise."""
FROM_SUBMIT = FillTimeoutPolicy(from_submit=True)
ALERT_ONLY = FillTimeoutPolicy(cancel=False)


def due(account: Account, place: PlaceOrder) -> None:
    """The supervisor says that the moment has come that was wanted."""
    account.do(FillTimeoutDue(account_id="1", order_id=place.order_id, due_ms=account.now_ms))


def wanted(account: Account) -> list[int]:
    """In how many ms from now each timer is wanted."""
    return [timer.due_ms - account.now_ms for timer in account.told(FillTimerWanted)]


def cancels(account: Account) -> int:
    return len(account.to_venue(CancelVenueOrder))


def ended(place: PlaceOrder, filled: str, status: PublicStatus = PublicStatus.CANCELLED) -> VenueOrder:
    return shown(place, status=status, filled_size=D(filled))


def begun(policy: FillTimeoutPolicy | None = None, **terms: object) -> tuple[Account, PlaceOrder]:
    """A partly filled order, its timer wanted."""
    account = Account(fill_timeouts=policy or FillTimeoutPolicy())
    place = account.working(**terms)
    account.hear_fill(executed(place, "0.004"))
    return account, place


def struck(policy: FillTimeoutPolicy | None = None) -> tuple[Account, PlaceOrder]:
    """A partly filled order whose time is over."""
    account, place = begun(policy)
    account.pass_ms(LIMIT_MS)
    account.sent.clear()
    account.events.clear()
    due(account, place)
    return account, place


# ----- which timer


def test_timer_is_wanted_with_the_first_fill_and_not_before() -> None:
    account = Account()
    place = account.working()
    assert account.fill_timers() == []
    account.hear_fill(executed(place, "0.004"))
    assert wanted(account) == [LIMIT_MS]


def test_timer_from_the_submit_on_is_wanted_with_the_intent() -> None:
    account = Account(fill_timeouts=FROM_SUBMIT)
    account.placed()
    assert wanted(account) == [LIMIT_MS]


@pytest.mark.parametrize(
    ("terms", "policy", "expected_ms"),
    [
        ({"fill_timeout_ms": 7000}, FillTimeoutPolicy(), [7000]),
        ({"fill_timeout_ms": 0}, FillTimeoutPolicy(), []),
        ({"type": OrderType.MARKET, "price": None}, FillTimeoutPolicy(), [30_000]),
        ({}, FillTimeoutPolicy(by_order_type={}, by_asset_type={"crypto": 9000}), [9000]),
        ({}, FillTimeoutPolicy(by_order_type={}, by_asset_type={}, default_ms=8000), [8000]),
        ({}, FillTimeoutPolicy(enabled=False), []),
    ],
    ids=["own", "own zero", "order type", "asset type", "default", "off"],
)
def test_timer_is_the_most_specific_that_is_set(
    terms: dict[str, object], policy: FillTimeoutPolicy, expected_ms: list[int]
) -> None:
    account, _ = begun(policy, **terms)
    assert wanted(account) == expected_ms


def test_fill_puts_the_moment_off_without_a_word_to_the_supervisor() -> None:
    account, place = begun()
    account.pass_ms(LIMIT_MS - 10)
    account.sent.clear()
    account.hear_fill(executed(place, "0.001", "57"))
    assert account.fill_timers() == []
    account.pass_ms(10)
    due(account, place)
    assert (wanted(account), cancels(account)) == ([LIMIT_MS - 10], 0)


def test_fill_puts_nothing_off_where_only_the_first_one_counts() -> None:
    account, place = begun(FillTimeoutPolicy(reset_on_fill=False))
    account.pass_ms(LIMIT_MS - 10)
    account.hear_fill(executed(place, "0.001", "57"))
    account.pass_ms(10)
    due(account, place)
    assert cancels(account) == 1


@pytest.mark.parametrize("filled", ["0.004", "0.01"])
def test_timer_is_dropped_when_the_order_ends(filled: str) -> None:
    account, place = begun()
    account.sent.clear()
    if filled == "0.01":
        account.hear_fill(executed(place, "0.006", "57"))
    else:
        account.hear(ended(place, filled))
    assert [type(message) for message in account.fill_timers()] == [FillTimerDropped]
    due(account, place)
    assert (cancels(account), account.alerts()) == (0, [])


def test_order_that_is_not_ours_has_no_timer() -> None:
    account = Account(fill_timeouts=FROM_SUBMIT)
    foreign = make(VenueOrder, client_order_id="manual-1", size=D(1), filled_size=D(0))
    account.hear(foreign)
    account.hear_fill(executed(account_place(foreign), "0.5", client_order_id=None))
    assert account.only_order().fill_count == 1
    assert account.fill_timers() == []


def account_place(claim: VenueOrder) -> PlaceOrder:
    return make(PlaceOrder, size=claim.size, price=claim.price)


# ----- the time is over


def test_remainder_is_cancelled_first_and_the_order_goes_on_until_that_is_confirmed() -> None:
    account, place = struck()
    order = account.order(place)
    assert (order.state, order.cancel_pending, order.cancelled_by) == (
        OrderState.PARTIALLY_FILLED, True, InitiatedBy.SYSTEM,
    )  # fmt: skip
    assert (cancels(account), account.told(VerificationRequested)) == (1, [])
    assert account.alert("FillTimeout").severity is Severity.WARNING
    account.confirm_cancel(place, ended(place, "0.004"))
    order = account.order(place)
    assert (order.state, order.completion, order.filled_size) == (
        OrderState.PARTIAL_FILL_TIMEOUT, CompletionReason.TIMEOUT, D("0.004"),
    )  # fmt: skip
    step = account.views.transitions[place.order_id][-1]
    assert (step.trigger, step.metadata) == (Trigger.PARTIAL_FILL_TIMEOUT, (("unfilled_quantity", "0.006"),))


def test_moment_that_comes_too_early_cancels_nothing() -> None:
    account, place = begun()
    account.pass_ms(LIMIT_MS - 1)
    account.sent.clear()
    due(account, place)
    assert (wanted(account), cancels(account), account.alerts()) == ([1], 0, [])


def test_cancel_that_finds_the_order_filled_leaves_it_filled() -> None:
    account, place = struck()
    account.confirm_cancel(place, ended(place, "0.01", PublicStatus.FILLED))
    assert account.order(place).state is OrderState.PARTIALLY_FILLED
    account.hear_fill(executed(place, "0.006", "57"))
    order = account.order(place)
    assert (order.state, order.completion) == (OrderState.FILLED, CompletionReason.FULLY_FILLED)


def test_cancel_that_crosses_a_fill_times_out_with_what_was_filled() -> None:
    account, place = struck()
    account.hear_fill(executed(place, "0.001", "57"))
    account.confirm_cancel(place, ended(place, "0.005"))
    order = account.order(place)
    assert (order.state, order.filled_size) == (OrderState.PARTIAL_FILL_TIMEOUT, D("0.005"))


def test_cancel_that_is_refused_proves_nothing() -> None:
    account, place = struck()
    account.do(make(CancelRefused, **HEAD | {"order_id": place.order_id}, evidence=account.evidence()))
    assert account.order(place).state is OrderState.PARTIALLY_FILLED
    account.look_up(place.order_id)
    account.find(place.order_id, ended(place, "0.004"))
    assert account.order(place).state is OrderState.PARTIAL_FILL_TIMEOUT


def test_cancel_that_was_not_processed_is_sent_again() -> None:
    account, place = struck()
    account.do(make(CancelNotProcessed, **HEAD | {"order_id": place.order_id}, evidence=account.evidence()))
    account.pass_ms(1000)
    assert cancels(account) == 2


def test_order_that_somebody_else_is_cancelling_stays_his() -> None:
    account, place = begun()
    account.cancel(place)
    account.pass_ms(LIMIT_MS)
    account.sent.clear()
    due(account, place)
    assert (cancels(account), account.alerts()) == (0, [])
    account.confirm_cancel(place, ended(place, "0.004"))
    order = account.order(place)
    assert (order.state, order.completion, order.cancelled_by) == (
        OrderState.CANCELLED, CompletionReason.CANCELLED, InitiatedBy.USER,
    )  # fmt: skip


def test_host_that_cancels_a_timed_out_order_is_answered_when_it_has_ended() -> None:
    account, place = struck()
    account.cancel(place)
    account.confirm_cancel(place, ended(place, "0.004"))
    done = account.replies[-1]
    assert isinstance(done, CancelDone)
    assert done.view.completion is CompletionReason.TIMEOUT


def test_timer_of_an_unknown_order_does_nothing() -> None:
    account = Account()
    account.do(FillTimeoutDue(account_id="1", order_id="gone", due_ms=0))
    assert account.sent == []


def test_overfilled_order_is_left_alone() -> None:
    """A quote-sized order that executes on when its amount is spent is for somebody to look at."""
    account = Account(fill_timeouts=FROM_SUBMIT)
    place = account.placed(type=OrderType.MARKET, price=None, size=None, quote_size=D(425))
    account.hear(shown(place, size=D("0.01"), quote_size=D(425)))
    account.hear_fill(executed(place, "0.01", price=D(42500)))
    assert not account.order(place).overfilled
    account.hear_fill(executed(place, "0.001", "57", price=D(42500)))
    order = account.order(place)
    assert (order.state, order.overfilled) == (OrderState.PARTIALLY_FILLED, True)
    account.pass_ms(600_000)
    account.sent.clear()
    due(account, place)
    account.do(ReportFillTimers())
    assert account.sent == []


# ----- alert only


def test_order_whose_timeout_only_alerts_goes_on_working() -> None:
    account, place = struck(ALERT_ONLY)
    assert (cancels(account), account.order(place).cancel_pending) == (0, False)
    assert account.alert("FillTimeout").severity is Severity.WARNING
    due(account, place)
    assert account.alerts() == ["FillTimeout"]


def test_fill_after_an_alert_begins_the_wait_anew() -> None:
    account, place = struck(ALERT_ONLY)
    account.pass_ms(5)
    account.sent.clear()
    account.hear_fill(executed(place, "0.001", "57"))
    assert wanted(account) == [LIMIT_MS]
    account.pass_ms(LIMIT_MS)
    due(account, place)
    assert account.alerts() == ["FillTimeout", "FillTimeout"]


def test_cancel_by_a_host_after_an_alert_is_no_timeout() -> None:
    account, place = struck(ALERT_ONLY)
    account.do(CancelOrder(account_id="1", order_id=place.order_id, initiated_by=InitiatedBy.SYSTEM))
    account.confirm_cancel(place, ended(place, "0.004"))
    order = account.order(place)
    assert (order.state, order.completion) == (OrderState.CANCELLED, CompletionReason.CANCELLED)


# ----- without any fill


def unfilled() -> tuple[Account, PlaceOrder]:
    account = Account(fill_timeouts=FROM_SUBMIT)
    place = account.working()
    account.pass_ms(LIMIT_MS)
    account.sent.clear()
    account.events.clear()
    due(account, place)
    return account, place


def test_order_without_any_fill_is_read_first_and_then_cancelled() -> None:
    account, place = unfilled()
    assert ([request.due_in_ms for request in account.told(VerificationRequested)], cancels(account)) == ([0], 0)
    (delay_ms,) = wanted(account)
    account.look_up(place.order_id)
    assert len(account.to_venue(LookUpOrder)) == 1
    account.find(place.order_id, shown(place))
    account.pass_ms(delay_ms)
    due(account, place)
    assert cancels(account) == 1
    account.confirm_cancel(place, ended(place, "0"))
    order = account.order(place)
    assert (order.state, order.completion, order.reason) == (
        OrderState.CANCELLED, CompletionReason.UNFILLED_TIMEOUT, "unfilled_timeout",
    )  # fmt: skip


def test_order_whose_fill_is_found_by_the_reading_is_not_cancelled_and_waits_anew() -> None:
    account, place = unfilled()
    account.look_up(place.order_id)
    account.sent.clear()
    account.find(place.order_id, shown(place, filled_size=D("0.004")), executed(place, "0.004"))
    assert wanted(account) == [LIMIT_MS]
    account.pass_ms(1000)
    due(account, place)
    assert (cancels(account), account.order(place).state) == (0, OrderState.PARTIALLY_FILLED)


def test_order_without_any_fill_that_cannot_be_read_is_cancelled_all_the_same() -> None:
    account, place = unfilled()
    account.pass_ms(1000)
    due(account, place)
    assert cancels(account) == 1


def test_order_that_was_never_filled_and_ends_by_the_venue_meanwhile_is_no_timeout() -> None:
    account, place = unfilled()
    account.hear(ended(place, "0"))
    order = account.order(place)
    assert (order.state, order.completion, order.cancelled_by) == (
        OrderState.CANCELLED, CompletionReason.CANCELLED, InitiatedBy.VENUE,
    )  # fmt: skip
    account.pass_ms(1000)
    due(account, place)
    assert cancels(account) == 0


# ----- after a stop


def test_timer_is_wanted_for_what_is_left_of_it_after_a_restart() -> None:
    before, _ = begun()
    before.pass_ms(50_000)
    account = before.restarted(open_gate=False)
    assert wanted(account) == [LIMIT_MS - 50_000]


def test_timer_that_ran_out_while_nobody_was_there_is_due_at_once() -> None:
    before, place = begun()
    before.pass_ms(LIMIT_MS + 5000)
    account = before.restarted(open_gate=False)
    assert wanted(account) == [-5000]
    due(account, place)
    assert cancels(account) == 1


def test_timer_of_an_order_that_was_being_read_is_due_at_once_after_a_restart() -> None:
    before, place = unfilled()
    account = before.restarted(open_gate=False)
    assert wanted(account) == [0]
    due(account, place)
    assert cancels(account) == 1


def test_cancel_that_was_asked_for_before_a_restart_is_sent_again_and_still_is_a_timeout() -> None:
    before, place = struck()
    account = before.restarted(open_gate=False)
    account.pass_ms(0)
    assert cancels(account) == 1
    account.confirm_cancel(place, ended(place, "0.004"))
    assert account.order(place).state is OrderState.PARTIAL_FILL_TIMEOUT


def test_timer_is_wanted_anew_of_a_supervisor_that_started_again() -> None:
    account, place = begun()
    account.working("29", request_id="r2")
    account.pass_ms(20_000)
    account.sent.clear()
    account.do(ReportFillTimers())
    assert [(timer.order_id, timer.due_ms - account.now_ms) for timer in account.told(FillTimerWanted)] == [
        (place.order_id, LIMIT_MS - 20_000)
    ]


# ----- our clock is set back


def test_timer_that_has_run_strikes_although_the_clock_was_set_back() -> None:
    account, place = begun()
    moment = account.told(FillTimerWanted)[-1].due_ms
    account.pass_ms(LIMIT_MS)
    account.system._virtual.step_wall(-3_600_000)
    account.do(FillTimeoutDue(account_id="1", order_id=place.order_id, due_ms=moment))
    assert cancels(account) == 1


def test_timer_is_never_wanted_for_later_than_its_timeout_from_now() -> None:
    account, place = begun()
    first = account.told(FillTimerWanted)[-1]
    account.pass_ms(60_000)
    account.hear_fill(executed(place, "0.001", "57"))
    account.pass_ms(60_000)
    account.system._virtual.step_wall(-3_600_000)
    account.sent.clear()
    account.do(FillTimeoutDue(account_id="1", order_id=place.order_id, due_ms=first.due_ms))
    (again,) = account.told(FillTimerWanted)
    assert (cancels(account), again.due_ms, again.within_ms) == (0, first.due_ms + 60_000, LIMIT_MS)
    account.do(FillTimeoutDue(account_id="1", order_id=place.order_id, due_ms=again.due_ms))
    assert cancels(account) == 1


# ----- an order that was never placed


def never_placed(account: Account) -> PlaceOrder:
    """The answer to the placement was lost."""
    place = account.placed()
    head = HEAD | {"order_id": place.order_id}
    account.do(make(PlaceAmbiguous, **head, attempt=1, reason="timeout", evidence=account.evidence()))
    return place


def prove_absent(account: Account, place: PlaceOrder) -> None:
    """Every source of the venue is asked after the fence, and has no such order."""
    head = HEAD | {"order_id": place.order_id}
    account.pass_ms(60_000)
    account.look_up(place.order_id)
    now = {"asked_venue_ms": account.now_ms, "evidence": account.evidence()}
    account.do(make(OrderNotFound, **head, **now))
    account.do(make(OrdersSearched, **head, symbol="BTC-USDT", orders=(), fills=(), **now))


def last_step(account: Account, place: PlaceOrder) -> tuple[OrderState, Trigger, str]:
    step = account.views.transitions[place.order_id][-1]
    return step.to_state, step.trigger, step.reason


def test_timed_out_order_that_is_proven_never_placed_is_an_unfilled_timeout() -> None:
    account = Account(fill_timeouts=FROM_SUBMIT)
    place = never_placed(account)
    account.pass_ms(LIMIT_MS)
    due(account, place)
    account.pass_ms(1000)
    due(account, place)
    prove_absent(account, place)
    assert last_step(account, place) == (OrderState.CANCELLED, Trigger.PARTIAL_FILL_TIMEOUT, "unfilled_timeout")
    order = account.order(place)
    assert (order.completion, order.cancelled_by) == (CompletionReason.UNFILLED_TIMEOUT, InitiatedBy.SYSTEM)


@pytest.mark.parametrize(
    ("by", "trigger"),
    [
        (InitiatedBy.USER, Trigger.USER_CANCEL_ORDER),
        (InitiatedBy.RISK_RULE, Trigger.RISK_RULE_CANCEL),
        (InitiatedBy.SYSTEM, Trigger.RECONCILIATION),
    ],
)
def test_cancelled_order_that_is_proven_never_placed_names_whose_wish_it_was(by: InitiatedBy, trigger: Trigger) -> None:
    account = Account()
    place = never_placed(account)
    account.do(CancelOrder(account_id="1", correlation_id="x1", order_id=place.order_id, initiated_by=by))
    prove_absent(account, place)
    assert last_step(account, place) == (OrderState.CANCELLED, trigger, "cancelled_before_placement")
    assert account.order(place).completion is CompletionReason.CANCELLED


@pytest.mark.parametrize(
    ("by", "trigger"),
    [(InitiatedBy.USER, Trigger.USER_CANCEL_ORDER), (InitiatedBy.SYSTEM, Trigger.RECONCILIATION)],
)
def test_order_withdrawn_between_two_sendings_names_whose_wish_it_was(by: InitiatedBy, trigger: Trigger) -> None:
    account = Account()
    place = account.placed()
    head = HEAD | {"order_id": place.order_id}
    account.do(make(PlaceNotProcessed, **head, attempt=1, retry_after_ms=20_000, evidence=account.evidence()))
    account.do(CancelOrder(account_id="1", correlation_id="x1", order_id=place.order_id, initiated_by=by))
    assert last_step(account, place)[:2] == (OrderState.CANCELLED, trigger)
