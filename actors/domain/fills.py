"""What executions add up to: totals of an order, averages, what is missing, what is too far from the price.

All sums are exact. Must never: round a running total, decide a state, or know whether a fill was booked before; the
caller asks its ledger under `fill_key` first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from actors.domain.arithmetic import EXACT, QUANTITY_TOLERANCE, RATIO, apart_by
from actors.domain.lifecycle import evolve
from actors.errors import check
from messages.fills import Fill
from messages.types import ZERO, Order, OrderState, Side

_PERCENT = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedFill:
    """An order after one more execution."""

    order: Order
    """Totals changed; the state is the caller's next decision."""
    overfilled: bool
    """More was executed than was ordered: booked all the same, since the money moved, and to be looked at."""
    complete: bool
    """The ordered quantity is reached. Never true of a quote-sized order: only the venue can say so."""


def fill_key(exchange: str, symbol: str, venue_order_id: str, fill_id: str) -> str:
    """Name a fill for good: venues number fills per symbol, and one number can stand for both sides of a self-trade."""
    return f"{exchange}|{symbol}|{venue_order_id}|{fill_id}"


def book(order: Order, fill: Fill, *, tolerance: Decimal = QUANTITY_TOLERANCE) -> BookedFill:
    """Add one execution to an order's totals. Call it once per fill.

    Fill times in the order are ours (when the fill was received). A fee whose currency the venue did not name is kept
    under the empty currency rather than guessed.

    Raises:
        InvariantViolated: the fill is another order's.
    """
    check(fill.order_id == order.order_id, f"fill {fill.fill_id} of {fill.order_id} booked to {order.order_id}")
    filled = EXACT.add(order.filled_size, fill.size)
    sized = order.size > ZERO
    beyond = apart_by(filled, order.size, tolerance)
    overfilled = sized and beyond > ZERO
    if order.quote_size is not None:
        # What such an order shows as its size is what has executed so far, until the venue calls it filled. The last
        # lot may spend a little too much; what executes when all is spent already was not ordered.
        spent = apart_by(order.filled_value, order.quote_size, tolerance) >= ZERO
        overfilled = spent or (overfilled and order.state is OrderState.FILLED)
    first, last = order.first_fill_ms, order.last_fill_ms
    booked = evolve(
        order,
        filled_size=filled,
        filled_value=EXACT.add(order.filled_value, EXACT.multiply(fill.price, fill.size)),
        fees=with_fee(order.fees, fill),
        fill_count=order.fill_count + 1,
        first_fill_ms=fill.received_ms if first is None else min(first, fill.received_ms),
        last_fill_ms=fill.received_ms if last is None else max(last, fill.received_ms),
        overfilled=order.overfilled or overfilled,
    )
    complete = sized and beyond >= ZERO and order.quote_size is None
    return BookedFill(order=booked, overfilled=overfilled, complete=complete)


def with_fee(fees: tuple[tuple[str, Decimal], ...], fill: Fill) -> tuple[tuple[str, Decimal], ...]:
    """Add an execution's fee to the totals per currency, sorted by currency."""
    if not fill.fee:
        return fees
    currency = fill.fee_currency or ""
    if len(fees) == 1 and fees[0][0] == currency:
        return ((currency, EXACT.add(fees[0][1], fill.fee)),)
    totals = dict(fees)
    totals[currency] = EXACT.add(totals.get(currency, ZERO), fill.fee)
    return tuple(sorted(totals.items()))


def average_price(order: Order) -> Decimal | None:
    """Divide an order's executed value by its executed size; None while nothing executed."""
    return RATIO.divide(order.filled_value, order.filled_size) if order.filled_size > ZERO else None


def weighted_average(fills: Iterable[Fill]) -> Decimal | None:
    """Compute the average price afresh from the history; equals the order's own. None without any quantity."""
    size = value = ZERO
    for fill in fills:
        size = EXACT.add(size, fill.size)
        value = EXACT.add(value, EXACT.multiply(fill.price, fill.size))
    return RATIO.divide(value, size) if size > ZERO else None


def rounded(price: Decimal, places: int) -> Decimal:
    """Round half up to a number of decimal places. Only for showing; never continue from the result."""
    return price.quantize(Decimal(1).scaleb(-places, EXACT), rounding=ROUND_HALF_UP, context=EXACT)


def price_deviation_percent(side: Side, price: Decimal, reference: Decimal) -> Decimal | None:
    """Tell by how many percent an execution is worse than a limit or reference price; negative when it is better.

    None where the reference is not above 0 and no percentage makes sense.
    """
    if reference <= ZERO:
        return None
    worse_by = EXACT.subtract(price, reference) if side is Side.BUY else EXACT.subtract(reference, price)
    return RATIO.divide(EXACT.multiply(worse_by, _PERCENT), reference)


def missing_quantity(order: Order, venue_cumulative: Decimal, tolerance: Decimal = QUANTITY_TOLERANCE) -> Decimal:
    """Compare the venue's cumulative quantity with our sum, in base units.

    Positive: so much was executed that we have no fills for; fetch the order's trades. Negative: we booked more than
    the venue reports. 0: nearer than the tolerance.
    """
    return apart_by(venue_cumulative, order.filled_size, tolerance)
