"""Fill timeouts: the remainder is cancelled at the venue first, and only what the venue then says ends the order."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from fill_world import SIZE, Desk, FillVenue, differences, tracking, until, venue_id

from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages.types import CompletionReason, InitiatedBy, Order, OrderState

TIMEOUT_MS = 600
STRUCK_WITHIN_MS = 1000
"""The design's figure: detected so long after expiry at the latest."""
THIRD = Decimal("0.00333")
ACCOUNTS = ("silence", "late-fill", "lost-answer", "lost-all", "own-none", "type-timeout")


@pytest.fixture(scope="module")
def desk(fill_venue: FillVenue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An order manager that cancels limit orders whose fills have stopped for a moment."""
    for account in ACCOUNTS:
        fill_venue.open_account(account)
    folder = Path(tmp_path_factory.mktemp("timeouts"))
    with fill_venue.trading(folder, *ACCOUNTS, **tracking(timeoutByOrderType={"LIMIT": TIMEOUT_MS})) as running:
        yield running


def filled_in_part(desk: Desk, account: str, **terms: object) -> Order:
    """Place an order and have a third of it filled."""
    order = desk.place(account, **terms)
    desk.control.execute(venue_id(order), size=THIRD)
    return desk.filled(order, THIRD)


def struck_in_time(order: Order, timeout_ms: int = TIMEOUT_MS) -> bool:
    """Whether the timeout struck at the deadline that the records name, or within a second of it."""
    assert order.timed_out_ms is not None
    started_ms = order.submitted_at_ms if order.last_fill_ms is None else order.last_fill_ms
    assert started_ms is not None
    return 0 <= order.timed_out_ms - (started_ms + timeout_ms) < STRUCK_WITHIN_MS


def test_remainder_of_an_order_that_fills_no_further_is_cancelled_at_the_venue(desk: Desk) -> None:
    order = filled_in_part(desk, "silence")

    ended = desk.settled(order, OrderState.PARTIAL_FILL_TIMEOUT)

    step = desk.oms.views("silence").transitions[order.order_id][-1]
    assert dict(step.metadata)["unfilled_quantity"] == str((SIZE - THIRD).normalize())
    assert (ended.completion, ended.cancelled_by) == (CompletionReason.TIMEOUT, InitiatedBy.SYSTEM)
    assert struck_in_time(ended)
    assert differences(desk, "silence") == []
    assert len(until(lambda: desk.alerts("silence", "FillTimeout"), "the alert")) == 1


def test_timeout_whose_cancel_finds_the_order_filled_ends_as_filled(desk: Desk) -> None:
    order = desk.place("late-fill")
    desk.control.add_fault(
        FaultRule(fault=Fault.FILL_DURING_CANCEL, kind=RequestKind.CANCEL, client_order_id=order.client_order_id)
    )
    desk.control.execute(venue_id(order), size=THIRD)

    ended = desk.settled(order, OrderState.FILLED)

    assert ended.completion is CompletionReason.FULLY_FILLED
    assert ended.first_fill_ms is not None
    assert struck_in_time(replace(ended, last_fill_ms=ended.first_fill_ms))
    assert differences(desk, "late-fill") == []


@pytest.mark.parametrize("account", ["lost-answer", "lost-all"])
def test_timeout_whose_cancel_is_not_answered_settles_all_the_same(desk: Desk, account: str) -> None:
    order = desk.place(account)
    lost = FaultRule(fault=Fault.BREAK_AFTER, kind=RequestKind.CANCEL, client_order_id=order.client_order_id)
    desk.control.add_fault(lost)
    desk.control.execute(venue_id(order), size=THIRD)
    desk.filled(order, THIRD)
    if account == "lost-all":
        desk.control.silence_streams(60_000, account)

    ended = desk.settled(order, OrderState.PARTIAL_FILL_TIMEOUT)

    assert struck_in_time(ended)
    assert differences(desk, account) == []


def test_order_with_a_timeout_of_its_own_of_none_works_on(desk: Desk) -> None:
    patient = filled_in_part(desk, "own-none", fill_timeout_ms=0)
    impatient = filled_in_part(desk, "type-timeout", fill_timeout_ms=2 * TIMEOUT_MS)

    ended = desk.settled(impatient, OrderState.PARTIAL_FILL_TIMEOUT)

    assert struck_in_time(ended, 2 * TIMEOUT_MS)
    waiting = desk.order("own-none", patient.order_id)
    assert (waiting.state, waiting.timed_out_ms) == (OrderState.PARTIALLY_FILLED, None)
    assert differences(desk, "own-none") == []


def test_timeout_that_only_alerts_leaves_the_order_working(fill_venue: FillVenue, tmp_path: Path) -> None:
    fill_venue.open_account("alert-only")
    settings = tracking(timeoutByOrderType={"LIMIT": TIMEOUT_MS}, action="alert_only")
    with fill_venue.trading(tmp_path, "alert-only", **settings) as desk:
        order = filled_in_part(desk, "alert-only")

        (alert,) = until(lambda: desk.alerts("alert-only", "FillTimeout"), "the alert")

        struck = desk.order("alert-only", order.order_id)
        assert (struck.state, struck.cancel_pending) == (OrderState.PARTIALLY_FILLED, False)
        assert struck_in_time(struck)
        assert dict(alert.details)["order_id"] == order.order_id
        assert desk.control.orders(account="alert-only")[0]["status"] == "OPEN"
        desk.control.execute(venue_id(order))
        desk.settled(order, OrderState.FILLED)
        assert differences(desk, "alert-only") == []
        assert len(desk.alerts("alert-only", "FillTimeout")) == 1


def test_order_without_any_fill_is_read_and_then_cancelled(fill_venue: FillVenue, tmp_path: Path) -> None:
    accounts = ("unfilled", "silently-filled")
    for account in accounts:
        fill_venue.open_account(account)
    settings = tracking(timeoutByOrderType={"LIMIT": TIMEOUT_MS}, startTimerAfter="order_submit")
    with fill_venue.trading(tmp_path, *accounts, **settings) as desk:
        unfilled, filled = (desk.place(account) for account in accounts)
        desk.control.silence_streams(60_000, "silently-filled")
        desk.control.execute(venue_id(filled))

        ended = desk.settled(unfilled, OrderState.CANCELLED)
        found = desk.settled(filled, OrderState.FILLED)

        assert (ended.reason, ended.completion) == ("unfilled_timeout", CompletionReason.UNFILLED_TIMEOUT)
        assert struck_in_time(ended)
        assert found.completion is CompletionReason.FULLY_FILLED
        assert [differences(desk, account) for account in accounts] == [[], []]
        # What was found filled was never cancelled.
        cancels = [row for row in desk.control.last_requests(1000) if row["kind"] == RequestKind.CANCEL]
        named = {client_order_id for row in cancels for client_order_id in row["client_order_ids"]}
        assert unfilled.client_order_id in named
        assert filled.client_order_id not in named


def test_deadline_of_an_order_outlives_the_process(fill_venue: FillVenue, tmp_path: Path) -> None:
    long_ms, short_ms = 4000, 1500
    fill_venue.open_account("outlived")
    with fill_venue.trading(tmp_path, "outlived") as desk:
        order = filled_in_part(desk, "outlived", fill_timeout_ms=long_ms)
        # A shorter timeout tells when a good part of the longer one is over.
        passing = filled_in_part(desk, "outlived", fill_timeout_ms=short_ms)
        desk.settled(passing, OrderState.PARTIAL_FILL_TIMEOUT)
        before = desk.order("outlived", order.order_id)
    assert before.timed_out_ms is None

    with fill_venue.trading(tmp_path, "outlived") as desk:
        ready_ms = desk.oms.runtime.now_ms()
        ended = desk.settled(order, OrderState.PARTIAL_FILL_TIMEOUT)

        assert ended.last_fill_ms == before.last_fill_ms
        assert ended.last_fill_ms is not None
        assert ended.timed_out_ms is not None
        deadline_ms = ended.last_fill_ms + long_ms
        # Where the start took longer than was left, it strikes at once.
        assert deadline_ms <= ended.timed_out_ms < max(deadline_ms, ready_ms) + STRUCK_WITHIN_MS
        assert differences(desk, "outlived") == []
