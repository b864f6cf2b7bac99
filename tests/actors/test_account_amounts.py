"""Amounts at the edge: orders by quote size, which grow as they execute, and lots as fine as the tolerance."""

from dataclasses import replace
from decimal import Decimal

from messages.commands import PlaceOrder
from messages.control import FillTimeoutDue
from messages.reports import InstrumentsFetched
from messages.types import CompletionReason, OrderState, OrderType, PublicStatus, VenueOrder
from tests.actors.account_kit import HEAD, INSTRUMENT, Account, executed, shown
from tests.factories import make

D = Decimal
LOT = D("0.00000001")


def quote_sized(account: Account) -> tuple[PlaceOrder, VenueOrder]:
    place = account.placed(
        type=OrderType.MARKET, size=None, price=None, quote_size=D(100_000), time_in_force=None
    )
    claim = shown(place, size=D("0.1"), quote_size=D(100_000), price=None, filled_size=D("0.1"))
    account.accept(place, claim, executed(place, "0.1", "56"))
    return place, claim


def test_quote_sized_order_that_executes_further_is_not_overfilled() -> None:
    account = Account()
    place, claim = quote_sized(account)
    account.list_fills(executed(place, "0.1", "56"), executed(place, "0.1", "57"))
    assert (account.order(place).state, account.order(place).filled_size) == (OrderState.PARTIALLY_FILLED, D("0.2"))
    account.hear(replace(claim, size=D("0.2"), filled_size=D("0.2"), status=PublicStatus.FILLED))
    assert (account.order(place).state, account.order(place).overfilled) == (OrderState.FILLED, False)
    assert account.alerts() == []


def test_quote_sized_order_that_executes_after_the_venue_called_it_filled_is_overfilled() -> None:
    account = Account()
    place, claim = quote_sized(account)
    executed_so_far = account.order(place).filled_size
    account.hear(replace(claim, status=PublicStatus.FILLED, filled_size=executed_so_far))
    account.list_fills(executed(place, "0.1", "57"))
    assert account.order(place).overfilled
    assert "Overfill" in account.alerts()


def test_quote_sized_order_that_timed_out_names_the_quote_amount_that_is_left() -> None:
    account = Account()
    place, claim = quote_sized(account)
    account.pass_ms(30_000)
    account.do(make(FillTimeoutDue, account_id="1", order_id=place.order_id))
    account.confirm_cancel(place, replace(claim, status=PublicStatus.CANCELLED))
    assert account.order(place).completion is CompletionReason.TIMEOUT
    (left,) = [step.metadata for step in account.views.transitions[place.order_id] if step.metadata]
    assert left == (("unfilled_quote_quantity", "95750"),)


def with_fine_lots() -> Account:
    account = Account()
    fine = replace(INSTRUMENT, step_size=LOT, min_size=LOT)
    account.do(make(InstrumentsFetched, **HEAD, instruments=(fine,)))
    return account


def test_cancelled_order_that_lacks_one_lot_is_not_ended_before_it_is_booked() -> None:
    account = with_fine_lots()
    place = account.working(size=D(1))
    account.confirm_cancel(place, shown(place, filled_size=LOT, status=PublicStatus.CANCELLED))
    assert account.order(place).state is OrderState.ACKNOWLEDGED
    account.hear_fill(executed(place, "0.00000001"))
    assert (account.order(place).state, account.order(place).filled_size) == (OrderState.CANCELLED, LOT)


def test_order_that_lacks_one_lot_works_on() -> None:
    account = with_fine_lots()
    place = account.working(size=D("0.00000003"))
    account.hear(shown(place, filled_size=2 * LOT), executed(place, "0.00000002"))
    assert account.order(place).state is OrderState.PARTIALLY_FILLED
    account.hear_fill(executed(place, "0.00000001", "57"))
    assert account.order(place).state is OrderState.FILLED


def test_order_that_executes_one_lot_too_much_is_overfilled() -> None:
    account = with_fine_lots()
    place = account.working(size=D("0.00000003"))
    account.hear_fill(executed(place, "0.00000004"))
    assert (account.order(place).state, account.order(place).overfilled) == (OrderState.FILLED, True)
