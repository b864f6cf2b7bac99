"""What a parity check cannot judge, and what was repaired while it looked: never called agreement."""

from dataclasses import replace
from decimal import Decimal

import pytest
from account_kit import HEAD, Account, executed, shown
from awareness_kit import gone
from factories import make
from parity_kit import LOCKED, SETTLE_MS, Checked, listed, symbols, working

from actors.parity import ANSWER_WITHIN_MS
from actors.parity_look import SYMBOLS_PER_LOOK, symbols_of
from messages import (
    BalancesFetched,
    DifferenceKind,
    EvidenceSource,
    FetchFills,
    Instrument,
    OrderFound,
    OrderType,
    PlaceOrder,
    PublicStatus,
    Side,
    VenueFill,
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
    known = symbols_of(checked.account.actor._memory, "binance", checked.account.now_ms - 60_000)
    assert known == (("BTC-USDT",), ()), "it is not among those that are read only if there is room"
    checked.ask()

    checked.answer_all(fills=[missed])

    assert checked.kinds() == ["fill_missing_here"]


def test_check_reads_the_executions_of_a_symbol_in_which_one_waits_for_its_order(checked: Checked) -> None:
    stray = make(VenueFill, symbol="ETH-USDT", venue_order_id="77", client_order_id=None)
    checked.account.hear_fill(stray)

    checked.ask()

    assert symbols(checked) == ["ETH-USDT"]


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


def test_check_of_an_order_that_was_filled_unseen_reports_it_by_the_time_of_its_execution(checked: Checked) -> None:
    """Its executions are not compared: the venue does not list them in time."""
    place = working(checked)
    fill = executed(place, "0.01", venue_time_ms=checked.account.now_ms)
    checked.account.pass_ms(3_600_000)
    checked.ask()
    for wait_ms in (ANSWER_WITHIN_MS + SETTLE_MS, ANSWER_WITHIN_MS):
        for question in checked.asked:
            if not isinstance(question, FetchFills):
                checked.answer(checked.told(question, balances=[FREE]))
        checked.account.find(place.order_id, shown(place, filled_size=place.size, status="FILLED"), fill)
        checked.account.pass_ms(wait_ms)

    assert checked.kinds() == ["missing_at_venue"]


def test_check_that_finds_something_in_its_second_look_only_is_incomplete(checked: Checked) -> None:
    place = working(checked)
    checked.ask()

    checked.answer_all(orders=[listed(checked, place)], balances=[FREE])
    checked.account.pass_ms(SETTLE_MS)
    checked.answer_all(orders=[listed(checked, place, side=Side.SELL)], balances=[LOCKED])

    assert checked.report.differences == ()
    assert ("binance", "orders", "1 seen in the second look only") in checked.report.not_compared
    assert checked.checks("incomplete") == 1


def test_check_of_a_position_that_audits_cannot_compare_any_more_is_incomplete(checked: Checked) -> None:
    place = working(checked)
    fill = executed(place, "0.01")
    checked.account.hear(shown(place, filled_size=Decimal("0.01"), status="FILLED"), fill)
    checked.audited(fill)
    checked.settle()
    checked.account.actor._memory.remember(make(Instrument, symbol="ETH-USDT", base="ETH"))
    del checked.account.actor._memory.instruments["binance", "BTC-USDT"]
    checked.account.do(make(BalancesFetched, **HEAD, balances=(FREE,), received_ms=checked.account.now_ms))
    checked.ask()

    checked.answer_all(fills=[fill])

    assert any("1 with a holding that was not compared" in why for _, _, why in checked.report.not_compared)


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
