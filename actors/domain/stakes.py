"""What one order may still come to: how much of it may execute, what that is worth, and what it holds funds of.

An order that may execute counts with all that is left of it, also while it is on its way, while nobody knows what
became of it, and while it is being cancelled. Must never: guess a price, an instrument or a size, or count an order for
less because it will probably not execute.
"""

from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from actors.domain.arithmetic import EXACT, MAGNITUDE_MAX
from actors.domain.assets import Assets, worth
from actors.domain.lifecycle import TERMINAL
from messages.base import fast_init
from messages.types import ONE, ZERO, ModificationKind, Order, OrderState, OrderType, Side

_NOTHING_AT_STAKE = TERMINAL | {OrderState.DRAFT}
_FINEST = Decimal(1).scaleb(-MAGNITUDE_MAX)


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Stake:
    """What one order may still come to."""

    exchange: str
    symbol: str
    quote: str
    """Empty while the instrument is not known."""
    side: Side
    size: Decimal | None
    """Base units that it may still execute; None: not known."""
    notional: Decimal | None
    """The value of that in the quote currency; None: not known."""
    currency: str
    """What it holds funds of; empty while the instrument is not known, and where orders hold none."""
    reserved: Decimal | None
    """How much of that currency, before fees; None: not known."""


def stake_of(order: Order, assets: Assets | None) -> Stake | None:
    """Tell what an order may still come to; None for a draft and for an order that has ended.

    `assets` are those of its symbol, None while the instrument is not known. What a price times a size is worth is not
    known then.
    """
    return None if order.state in _NOTHING_AT_STAKE else stake_if_placed(order, assets)


def stake_if_placed(order: Order, assets: Assets | None) -> Stake:
    """Tell what an order may come to once it works, whatever its state is."""
    size, notional = _left(order, ONE if assets is None else assets.multiplier)
    if assets is None:
        notional = None
    currency, reserved = _held_back(order, assets, size, notional)
    return Stake(
        exchange=order.exchange,
        symbol=order.symbol,
        quote="" if assets is None else assets.quote,
        side=order.side,
        size=size,
        notional=notional,
        currency=currency,
        reserved=reserved,
    )


def _held_back(
    order: Order, assets: Assets | None, size: Decimal | None, notional: Decimal | None
) -> tuple[str, Decimal | None]:
    # Of which currency an order holds funds, and how much.
    if assets is None:
        return "", None
    if assets.margin:
        return "", ZERO
    return (assets.quote, notional) if order.side is Side.BUY else (assets.base, size)


def is_worth_more(order: Order) -> bool:
    """Tell whether an order may execute for more than its own terms say: at the market's price, or a better one."""
    if order.type is OrderType.MARKET:
        return order.quote_size is None
    return order.type is OrderType.LIMIT and order.side is Side.SELL


def valued_at(order: Order) -> Decimal | None:
    """Name the price that an order is valued at: its own, its stop price, or the market's when it was placed; of a sell
    order that executes at its limit or better, the higher one.
    """
    return _valued(order, order.price, order.stop_price)


def _valued(order: Order, *own: Decimal | None) -> Decimal | None:
    price = _first_price(*own, order.reference_price)
    if price is None or order.reference_price is None or not is_worth_more(order):
        return price
    return max(price, order.reference_price)


def _first_price(*prices: Decimal | None) -> Decimal | None:
    # Some venues show a price of 0 where an order has none; it must not make the order worth nothing.
    return next((price for price in prices if price is not None and price > ZERO), None)


def _left(order: Order, multiplier: Decimal) -> tuple[Decimal | None, Decimal | None]:
    # Size and value of what may still execute.
    if order.quote_size is not None:
        left = max(ZERO, EXACT.subtract(order.quote_size, EXACT.multiply(order.filled_value, multiplier)))
        return _size_for(left, order.reference_price, multiplier), left
    size, notional = _left_of(order, order.size, valued_at(order), multiplier)
    change = order.modification
    if change is None or change.kind is not ModificationKind.AMEND:
        return size, notional
    # The venue may execute by the old terms until it has taken the new ones, and nobody knows when it does.
    price = _valued(order, change.price, order.price, change.stop_price, order.stop_price)
    changed_size, changed_notional = _left_of(order, change.size, price, multiplier)
    return _larger(size, changed_size), _larger(notional, changed_notional)


def _left_of(
    order: Order, size: Decimal, price: Decimal | None, multiplier: Decimal
) -> tuple[Decimal | None, Decimal | None]:
    if size <= ZERO:
        # Nobody orders nothing: it was placed by hand for a quantity of quote currency that its venue does not show.
        return None, None
    left = max(ZERO, EXACT.subtract(size, order.filled_size))
    return left, None if price is None else worth(price, left, multiplier)


def _size_for(value: Decimal, price: Decimal | None, multiplier: Decimal) -> Decimal | None:
    # Rounded up to as many places as an order's size can have: more would not fit into exact sums.
    if price is None or price <= ZERO:
        return None if value else ZERO
    return EXACT.divide(value, EXACT.multiply(price, multiplier)).quantize(_FINEST, rounding=ROUND_UP, context=EXACT)


def _larger(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else max(one, other)
