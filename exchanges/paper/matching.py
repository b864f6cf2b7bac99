"""Who would trade with whom: plans a match against the book without changing anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from exchanges.paper.model import NewOrder, PaperOrder
from messages.types import ZERO, Side


@dataclass(frozen=True, slots=True)
class Match:
    """One step of a plan: trade with this resting order, or expire it because it is the taker's own."""

    maker: PaperOrder
    size: Decimal
    self_trade: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What an incoming order would do to the book, in order."""

    matches: tuple[Match, ...]
    size: Decimal
    """Base units that would trade."""
    value: Decimal
    """Quote units that would trade."""
    complete: bool
    """False: the book, within the limit, has less than was asked for."""


NOTHING = Plan((), ZERO, ZERO, complete=False)


def plan_match(order: NewOrder | PaperOrder, makers: Iterator[PaperOrder], step_size: Decimal) -> Plan:
    """Plan an order against the resting orders of the other side, given in the order of priority.

    Self-trade prevention is EXPIRE_MAKER: own resting orders in the way are marked for expiry and give no liquidity.
    """
    matches: list[Match] = []
    size = value = ZERO
    for maker in makers:
        price = _price(maker)
        wanted = _wanted(order, price, size, value, step_size)
        if wanted <= ZERO:
            return Plan(tuple(matches), size, value, complete=True)
        if not crosses(order.side, order.price, price):
            break
        own = maker.account == order.account
        traded = maker.remaining if own else min(wanted, maker.remaining)
        matches.append(Match(maker, traded, own))
        if not own:
            size += traded
            value += traded * price
    return Plan(tuple(matches), size, value, complete=_is_satisfied(order, size, value))


def crosses(side: Side, limit: Decimal | None, price: Decimal) -> bool:
    """Whether an order of this side and limit (None: any price) trades at a resting price."""
    if limit is None:
        return True
    return price <= limit if side is Side.BUY else price >= limit


def _wanted(
    order: NewOrder | PaperOrder, price: Decimal, size: Decimal, value: Decimal, step_size: Decimal
) -> Decimal:
    if order.quote_size is not None:
        steps = (order.quote_size - value) / price // step_size
        return steps * step_size
    return _total(order) - size


def _is_satisfied(order: NewOrder | PaperOrder, size: Decimal, value: Decimal) -> bool:
    if order.quote_size is not None:
        return value >= order.quote_size
    return size >= _total(order)


def _total(order: NewOrder | PaperOrder) -> Decimal:
    return order.remaining if isinstance(order, PaperOrder) else order.size or ZERO


def _price(maker: PaperOrder) -> Decimal:
    if maker.price is None:
        msg = f"order {maker.order_id} rests without a price"
        raise ValueError(msg)
    return maker.price
