"""Orders that stay long in one state: old while their venue confirms them, stuck when nothing is heard of them."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from messages.commands import PlaceOrder
from messages.control import VerificationRequested
from messages.reports import OpenOrdersFetched
from tests.actors.account_kit import HEAD, Account, executed, shown
from tests.factories import make

D = Decimal
HOUR_MS = 3_600_000
STUCK_AFTER = {"stuck_default_ms": HOUR_MS, "audit_interval_ms": 10 * HOUR_MS, "reconcile_ms": 10 * HOUR_MS}


def listed(account: Account, place: PlaceOrder) -> None:
    account.do(make(OpenOrdersFetched, **HEAD, orders=(shown(place),), evidence=account.evidence()))


def looked_up(account: Account, place: PlaceOrder) -> None:
    account.look_up(place.order_id)
    account.find(place.order_id, shown(place))


def streamed(account: Account, place: PlaceOrder) -> None:
    account.hear(shown(place))


def executing(account: Account, place: PlaceOrder) -> None:
    account.hear_fill(executed(place, "0.00001", str(account.now_ms)))


@pytest.mark.parametrize("confirm", [listed, looked_up, streamed, executing])
def test_resting_order_that_its_venue_confirms_is_never_called_stuck(
    confirm: Callable[[Account, PlaceOrder], None],
) -> None:
    account = Account(**STUCK_AFTER)
    place = account.working(size=D(1))
    for _ in range(4):
        account.pass_ms(HOUR_MS - 60_000)
        confirm(account, place)
    assert "StuckOrdersDetected" not in account.alerts()


def test_order_of_which_nothing_is_heard_is_called_stuck_once_and_read_again() -> None:
    account = Account(**STUCK_AFTER)
    place = account.working(size=D(1))
    account.pass_ms(HOUR_MS + 60_000)
    assert account.alerts() == ["StuckOrdersDetected"]
    assert [asked.order_id for asked in account.told(VerificationRequested)] == [place.order_id]
    looked_up(account, place)
    account.pass_ms(HOUR_MS - 60_000)
    assert account.alerts() == ["StuckOrdersDetected"]
    account.pass_ms(120_000)
    assert account.alerts() == ["StuckOrdersDetected"] * 2
