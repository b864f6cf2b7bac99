"""Positions beside the venue's balances: money moved by hand is an alert with both numbers, trading never is."""

from decimal import Decimal
from pathlib import Path

from fill_world import FEE, SIZE, SYMBOL, FillVenue, differences, until, venue_id

from messages.types import ZERO, OrderState

MOVED = Decimal("2.5")


def test_money_moved_by_hand_is_one_alert_with_both_numbers(fill_venue: FillVenue, tmp_path: Path) -> None:
    fill_venue.open_account("moved")
    with fill_venue.trading(tmp_path, "moved") as desk:
        order = desk.place("moved")
        desk.control.execute(venue_id(order))
        desk.settled(order, OrderState.FILLED)
        compared = until(lambda: (p := desk.position("moved")) and p.unexplained is not None and p, "a comparison")
        assert compared.drift == ZERO

        balance = desk.control.deposit("moved", "BTC", -MOVED)
        (alert,) = until(lambda: desk.alerts("moved", "PositionDrift"), "the alert")

        said = dict(alert.details)
        at_venue = Decimal(balance["free"]) + Decimal(balance["locked"])
        assert (said["symbol"], said["asset"]) == (SYMBOL, "BTC")
        assert (Decimal(said["at_venue"]), Decimal(said["expected"])) == (at_venue, at_venue + MOVED)
        shown = desk.position("moved")
        assert shown is not None
        assert shown.drift == -MOVED
        # It is no execution: what was traded stays as it was.
        # Less the fee of 0.1 % that the venue takes out of what it delivers.
        assert (shown.size, shown.fill_count) == (SIZE * (1 - FEE), 1)
        assert differences(desk, "moved") == []

        desk.control.deposit("moved", "BTC", MOVED)
        until(lambda: (p := desk.position("moved")) and p.drift == ZERO, "the drift to be gone")
        assert len(desk.alerts("moved", "PositionDrift")) == 1
