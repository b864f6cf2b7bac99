"""What readers are told about exposure: computed afresh from the published orders and positions at every question.

So it can be checked against the sums that the account keeps up. Must never: show less than what the orders may come to
without saying that something is not known.
"""

from actors.domain.exposure import exposures, reserved
from actors.views import PublishedViews
from messages.risk import ReservedFunds, SymbolExposure


def at_stake(
    views: PublishedViews, exchange: str | None
) -> tuple[tuple[SymbolExposure, ...], tuple[ReservedFunds, ...]]:
    """Add up what is at stake on one exchange, or on all (None), and what open orders hold of each currency."""
    orders = [order for order in list(views.orders.values()) if exchange in (None, order.exchange)]
    positions = {place: held for place, held in views.positions.copy().items() if exchange in (None, place[0])}
    return exposures(orders, positions, views.assets_of), reserved(orders, views.assets_of)
