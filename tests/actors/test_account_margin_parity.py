"""The parity check of an account of positions: contracts are compared, cash is not, and the report says so."""

from decimal import Decimal

import pytest
from margin_kit import CONTRACT, MarginAccount
from parity_kit import Checked

from messages import DifferenceKind, PlaceOrder, Side
from messages.base import copied
from tests.actors.account_kit import executed, shown
from tests.actors.margin_kit import FEES

D = Decimal
CASH = ("binance", "balances", "cash: in a margin account it is not what executions come to")
FLAT_BUT_FOR_CASH = (("USD", D(50_000), D(20_000)),)


@pytest.fixture
def checked() -> Checked:
    return Checked(MarginAccount(lookback_ms=3_600_000, audit_interval_ms=10**9, reconcile_ms=10**9))


def sold(checked: Checked) -> tuple[PlaceOrder, object]:
    """Two of three contracts of an order that works on were sold."""
    account = checked.account
    place = account.working("1", symbol=CONTRACT, side=Side.SELL, size=D(3), price=D(6000))
    fill = executed(place, "2", "1", venue_order_id="1", venue_time_ms=account.now_ms, **FEES)
    account.hear(shown(place, venue_order_id="1", filled_size=D(2)), fill)
    return place, fill


def look(checked: Checked, place: PlaceOrder, fill: object, net: str) -> None:
    checked.account.sent.clear()
    checked.settle()
    checked.ask()
    ago_ms = checked.account.now_ms - 60_000
    claim = shown(place, venue_order_id="1", filled_size=D(2), created_venue_ms=ago_ms, updated_venue_ms=ago_ms)
    rows = ((CONTRACT, D(net), D(net)), *FLAT_BUT_FOR_CASH)
    checked.answer_all(orders=(claim,), fills=(copied(fill),), balances=rows)


def test_check_of_equal_records_agrees_and_says_that_cash_is_not_compared(checked: Checked) -> None:
    place, fill = sold(checked)
    for _ in range(2):
        checked.account.hold(net="-2")
    look(checked, place, fill, "-2")
    assert checked.report.differences == ()
    assert {what: count for _, what, count in checked.report.compared} == {"orders": 1, "fills": 1, "balances": 1}
    assert checked.report.not_compared == (CASH,)
    assert checked.checks("agreed") == 1


def test_check_of_an_account_without_any_record_agrees(checked: Checked) -> None:
    checked.ask()
    checked.answer_all(balances=FLAT_BUT_FOR_CASH)
    assert (checked.report.differences, checked.report.not_compared) == ((), (CASH,))
    assert checked.checks("agreed") == 1


def test_check_reports_a_net_position_that_drifted_as_one_of_the_contract(checked: Checked) -> None:
    place, fill = sold(checked)
    for net in ("-2", "-2", "-1", "-1"):
        checked.account.hold(net=net)
    look(checked, place, fill, "-1")
    (found,) = checked.report.differences
    assert (found.kind, found.subject, found.name) == (DifferenceKind.HOLDING_DRIFT, CONTRACT, f"holding of {CONTRACT}")
    assert found.venues == "changed by 1 beyond them"


def test_check_before_holdings_were_compared_is_incomplete_and_names_the_contract(checked: Checked) -> None:
    place, fill = sold(checked)
    look(checked, place, fill, "-2")
    (named, cash) = checked.report.not_compared
    assert CONTRACT in named[2]
    assert cash == CASH
    assert checked.checks("incomplete") == 1
