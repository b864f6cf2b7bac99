"""What a parity check cannot judge, and what was repaired while it looked: never called agreement."""

from dataclasses import replace
from decimal import Decimal

import pytest
from account_kit import HEAD, Account, executed
from awareness_kit import gone
from factories import make
from parity_kit import LOCKED, SETTLE_MS, Checked, listed, symbols, working

from actors.parity_look import SYMBOLS_PER_LOOK
from messages import (
    DifferenceKind,
    EvidenceSource,
    OrderFound,
    OrderType,
    PlaceOrder,
    PublicStatus,
    VenueOrder,
)

FREE = ("USDT", Decimal(1000), Decimal(1000))
"""Nothing is locked."""


@pytest.fixture
def checked() -> Checked:
    return Checked()


def cancelled_unseen(checked: Checked, place: PlaceOrder, ended_venue_ms: int | None) -> None:
    """The look-up finds that an order was cancelled, and when by the venue's clock."""
    proof = replace(checked.account.evidence(), source=EvidenceSource.LOOKUP, venue_time_ms=ended_venue_ms)
    found = {"order_id": place.order_id, "order": gone(place, updated_venue_ms=ended_venue_ms), "evidence": proof}
    checked.account.do(make(OrderFound, **HEAD | found))


def test_check_of_an_order_whose_cancel_was_swallowed_reports_it_although_the_first_look_repaired_it(
    checked: Checked,
) -> None:
    place = working(checked)
    ended_ms = checked.account.now_ms
    checked.account.pass_ms(3_600_000)
    checked.ask()

    checked.answer_all(balances=[FREE])
    cancelled_unseen(checked, place, ended_ms)
    checked.account.pass_ms(SETTLE_MS)
    checked.answer_all(balances=[FREE])

    (found,) = checked.report.differences
    assert (found.kind, found.name) == (DifferenceKind.MISSING_AT_VENUE, place.order_id)
    assert found.venues == f"not listed; ended at {ended_ms}"
    assert (checked.checks("differs"), checked.counted("missing_at_venue")) == (1, 1)
    assert "ParityDrift" in checked.account.alerts()


def test_check_of_an_order_that_was_cancelled_around_the_question_reports_nothing(checked: Checked) -> None:
    place = working(checked)
    checked.account.pass_ms(3_600_000)
    checked.ask()

    checked.answer_all(balances=[FREE])
    cancelled_unseen(checked, place, checked.account.now_ms - SETTLE_MS + 1)
    checked.account.pass_ms(2 * SETTLE_MS)
    checked.answer_all(balances=[FREE])

    assert (checked.report.differences, checked.report.not_compared) == ((), ())


def test_check_of_an_order_that_ended_nobody_knows_when_is_incomplete(checked: Checked) -> None:
    place = working(checked)
    checked.account.pass_ms(3_600_000)
    checked.ask()

    checked.answer_all(balances=[FREE])
    cancelled_unseen(checked, place, None)
    checked.account.pass_ms(SETTLE_MS)
    checked.answer_all(balances=[FREE])

    assert checked.report.differences == ()
    assert "ended since at a time that nobody knows" in checked.report.not_compared[0][2]
    assert checked.checks("incomplete") == 1


def test_check_of_an_order_whose_look_up_is_never_answered_is_incomplete_and_names_it(checked: Checked) -> None:
    place = working(checked)
    checked.account.pass_ms(3_600_000)
    checked.ask()

    checked.answer_all(balances=[FREE])
    checked.account.pass_ms(SETTLE_MS)
    checked.answer_all(balances=[FREE])
    checked.account.replies.clear()
    checked.ask()
    checked.answer_all(balances=[FREE])

    assert checked.report.not_compared == (
        ("binance", "orders", f"1 being read again: {place.order_id}"),
        ("binance", "balances", "locked USDT: of an order being read again"),
    )
    assert (checked.checks("agreed"), checked.checks("incomplete")) == (0, 2)


def test_check_of_an_order_of_unknown_outcome_is_incomplete_and_names_it(checked: Checked) -> None:
    place = checked.account.placed()
    checked.account.pass_ms(3_600_000)
    checked.ask()

    checked.answer_all()

    assert ("binance", "orders", f"1 of unknown outcome: {place.order_id}") in checked.report.not_compared
    assert (checked.checks("agreed"), checked.checks("incomplete")) == (0, 1)


def test_check_reads_the_executions_of_an_order_that_ended_unfilled_by_our_records(checked: Checked) -> None:
    place = working(checked)
    missed = executed(place, "0.004", venue_time_ms=checked.account.now_ms)
    checked.account.confirm_cancel(place, gone(place))
    checked.settle()
    checked.ask()
    assert symbols(checked) == ["BTC-USDT"]

    checked.answer_all(fills=[missed])

    assert checked.kinds() == ["fill_missing_here"]


def test_check_with_more_quiet_symbols_than_there_is_room_for_names_those_it_does_not_read() -> None:
    checked = Checked(Account(lookback_ms=10_000, audit_interval_ms=10**9, reconcile_ms=10**9))
    for number in range(SYMBOLS_PER_LOOK + 1):
        ended = make(
            VenueOrder, symbol=f"A{number}-USDT", venue_order_id=str(number), client_order_id=f"by hand {number}",
            status=PublicStatus.CANCELLED,
        )  # fmt: skip
        checked.account.hear(ended)
    checked.account.pass_ms(10_001)
    checked.ask()
    assert len(symbols(checked)) == SYMBOLS_PER_LOOK

    checked.answer_all()

    why = f"of A{SYMBOLS_PER_LOOK}-USDT: no order and no execution lately"
    assert checked.report.not_compared == (("binance", "fills", why),)
    assert checked.checks("agreed") == 1


def test_check_after_our_clock_was_set_back_compares_nothing_and_is_incomplete(checked: Checked) -> None:
    place = working(checked)
    checked.account.system._virtual.step_wall(-3_600_000)
    checked.ask()

    checked.answer_all(balances=[FREE])

    why = f"1 dated later than now: a clock was set back: {place.order_id}"
    assert ("binance", "orders", why) in checked.report.not_compared
    assert (checked.report.differences, checked.checks("agreed"), checked.checks("incomplete")) == ((), 0, 1)


def test_check_of_an_order_of_another_type_reports_it(checked: Checked) -> None:
    place = working(checked)
    other = listed(checked, place, type=OrderType.STOP_LIMIT, stop_price=Decimal(41000))
    checked.ask()

    checked.answer_all(orders=[other], balances=[LOCKED])
    checked.account.pass_ms(SETTLE_MS)
    checked.answer_all(orders=[other], balances=[LOCKED])

    (found,) = checked.report.differences
    assert (found.ours, found.venues) == ("type LIMIT", "type STOP_LIMIT")


def test_check_that_differed_and_is_incomplete_afterwards_shows_no_difference_any_more(checked: Checked) -> None:
    """What is in doubt is none that was found; what the venue leaves unanswered says nothing at all."""
    long_ago = checked.account.now_ms - 60_000
    checked.ask()
    checked.answer_all(orders=[make(VenueOrder, client_order_id="by hand", created_venue_ms=long_ago)])
    assert checked.counted("missing_here") == 1
    checked.account.replies.clear()
    checked.account.placed()
    checked.account.pass_ms(3_600_000)
    checked.ask()

    checked.answer_all(orders=[make(VenueOrder, client_order_id="by hand", created_venue_ms=long_ago)])

    assert checked.checks("incomplete") == 1
    assert checked.counted("missing_here") == 0
