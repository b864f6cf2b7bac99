"""An order's own symbol is the authority: whatever a record calls it, an execution is booked once, and under that."""

from dataclasses import replace
from decimal import Decimal

import pytest

from messages.fills import VenueFill
from messages.types import PublicStatus, Side, VenueOrder
from tests.actors.account_kit import Account, executed, shown
from tests.factories import make

D = Decimal
OTHER = "BTC-USD"
"""What the same symbol is called by a record that was read with other names."""


def only_once(account: Account) -> None:
    assert [(fill.symbol, fill.size) for fills in account.views.fills.values() for fill in fills] == [
        ("BTC-USDT", D(1))
    ]
    assert [(each.symbol, each.size) for each in account.views.positions.values()] == [("BTC-USDT", D(1))]


@pytest.mark.parametrize("renamed_first", [True, False])
def test_execution_told_under_two_names_is_booked_once_under_the_orders(renamed_first: bool) -> None:  # noqa: FBT001
    account = Account()
    place = account.working(size=D(2))
    claim, fill = shown(place, filled_size=D(1)), executed(place, "1")
    told = [(claim, fill), (replace(claim, symbol=OTHER), replace(fill, symbol=OTHER))]
    for order, execution in reversed(told) if renamed_first else told:
        account.hear(order, execution)
    account.list_fills(replace(fill, client_order_id=None))
    assert account.order(place).filled_size == D(1)
    only_once(account)
    only_once(account.restarted())


def test_execution_found_by_a_search_under_another_name_is_booked_once() -> None:
    account = Account()
    place = account.working(size=D(2))
    account.hear(shown(place, filled_size=D(1)), executed(place, "1"))
    later = account.restarted()
    claim = replace(shown(place, filled_size=D(1)), symbol=OTHER)
    fill = replace(executed(place, "1"), symbol=OTHER, client_order_id=None)
    later.merge_history(claim, symbol=OTHER, fills=(fill,))
    only_once(later)


def test_execution_parked_under_another_name_is_booked_once_when_its_order_explains_it() -> None:
    account = Account()
    claim = make(
        VenueOrder, symbol="BTC-USDT", venue_order_id="123", client_order_id="web_1", side=Side.BUY, size=D(2),
        filled_size=D(1), status=PublicStatus.OPEN,
    )  # fmt: skip
    fill = make(VenueFill, symbol="BTC-USDT", venue_order_id="123", fill_id="9", side=Side.BUY, size=D(1))
    account.hear(claim, fill)
    account.list_fills(replace(fill, symbol=OTHER), symbol=OTHER)
    assert account.actor._memory.parked
    account.find("parked:123", replace(claim, symbol=OTHER), replace(fill, symbol=OTHER))
    assert not account.actor._memory.parked
    only_once(account)
