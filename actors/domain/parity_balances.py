"""Whether a venue has locked what our open orders reserve, and holds what our executions say. Pure.

Must never: judge an amount that an order under way may have changed, or guess what an order reserves.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from decimal import Decimal
from typing import TypeAlias

from actors.domain.arithmetic import EXACT, QUANTITY_TOLERANCE, apart_by, plain
from actors.domain.lifecycle import TERMINAL, UNSENT
from actors.domain.parity import Compared, Finding, Question, Tally, is_busy
from messages.fills import Position
from messages.risk import Difference, DifferenceKind
from messages.types import ZERO, Order, OrderType, Side

AssetsOf: TypeAlias = Callable[[str], tuple[str, str] | None]
"""Base and quote of a symbol; None while they are not known."""


def compare_locked(
    ours: Iterable[Order],
    balances: Iterable[tuple[str, Decimal, Decimal]],
    question: Question,
    *,
    assets_of: AssetsOf,
    unresolved: Collection[str] = (),
) -> Compared:
    """Compare, by currency, what our open orders of an exchange reserve with what it has locked.

    A resting buy order locks its remaining size times its price in quote currency, a resting sell order its remaining
    size in base currency, a stop order like its limit order. Fees are not locked: they are taken from what is received.
    A currency is left out while an order that pays with it is under way or has just changed, and where nobody knows
    what one locks: a buy order without a price, and several orders of others in one symbol, which may be an order list
    whose legs share one reserve. `balances`: asset, total, of which available.
    """
    reserves = _Reserves(question)
    for order in ours:
        changing = order.order_id in unresolved or not question.covers_ours(order.updated_at_ms)
        if order.state in UNSENT or (order.state in TERMINAL and not changing):
            continue
        assets = assets_of(order.symbol)
        if assets is None:
            return Compared(left_out=(f"what is locked: the currencies of {order.symbol} are not known",))
        reserves.add(order, assets[1] if order.side is Side.BUY else assets[0], changing=changing)
    return reserves.compared(balances)


def compare_holdings(positions: Iterable[Position], *, assets_of: AssetsOf) -> Compared:
    """Report every position of which the comparisons of holdings have found that the venue holds more or less.

    Those comparisons keep their own distance in time, so what they found is sure.
    """
    findings, count, never = [], 0, []
    for position in positions:
        if position.unexplained is None:
            never += [position.symbol] if position.size else []
            continue
        count += 1
        if position.drift:
            assets = assets_of(position.symbol)
            difference = Difference(
                exchange=position.exchange,
                kind=DifferenceKind.HOLDING_DRIFT,
                subject=position.symbol,
                name="holding" if assets is None else f"holding of {assets[0]}",
                ours="no change but by our executions",
                venues=f"changed by {plain(position.drift)} beyond them",
            )
            findings.append(Finding(difference, sure=True))
    left_out = (f"holdings of {', '.join(never)}: not compared with our executions yet",) if never else ()
    return Compared(tuple(findings), count, left_out)


class _Reserves:
    """What open orders reserve, by currency, as far as it is known."""

    def __init__(self, question: Question) -> None:
        self._tally = Tally(question)
        self._amounts: dict[str, list[Decimal]] = {}
        self._unsettled: set[str] = set()
        self._unknown: set[str] = set()
        self._of_others: Counter[tuple[str, str]] = Counter()
        """Orders that this deployment never placed, by symbol and currency."""

    def add(self, order: Order, currency: str, *, changing: bool) -> None:
        """Count an order that pays with this currency."""
        amount = _reserve(order)
        if changing or is_busy(order):
            self._unsettled.add(currency)
        elif amount is None:
            self._unknown.add(currency)
        else:
            self._amounts.setdefault(currency, []).append(amount)
        self._of_others[order.symbol, currency] += order.external
        if self._of_others[order.symbol, currency] > 1:
            self._unknown.add(currency)

    def compared(self, balances: Iterable[tuple[str, Decimal, Decimal]]) -> Compared:
        """Compare with what is locked."""
        locked = {asset: EXACT.subtract(total, available) for asset, total, available in balances}
        spoken_of = {*self._amounts, *(asset for asset, amount in locked.items() if amount)}
        for currency in sorted(spoken_of - self._unsettled - self._unknown):
            self._compare(currency, locked.get(currency, ZERO))
        whys = []
        if self._unsettled:
            whys.append(f"locked {', '.join(sorted(self._unsettled))}: orders are under way or have just changed")
        unknown = self._unknown - self._unsettled
        if unknown:
            whys.append(f"locked {', '.join(sorted(unknown))}: what an order reserves of it is not known")
        return self._tally.result(*whys)

    def _compare(self, currency: str, locked: Decimal) -> None:
        amounts, total = self._amounts.get(currency, []), ZERO
        for amount in amounts:
            total = EXACT.add(total, amount)
        # A venue keeps so many places of each order's reserve and drops the rest.
        tolerance = EXACT.multiply(QUANTITY_TOLERANCE, Decimal(len(amounts) + 1))
        if apart_by(total, locked, tolerance):
            kind = DifferenceKind.LOCKED_DIFFERS
            self._tally.add(kind, currency, "locked", plain(total), plain(locked), sure=False)
        else:
            self._tally.count += 1


def _reserve(order: Order) -> Decimal | None:
    """What an order that works reserves of the currency it pays with; None: nobody knows."""
    if order.quote_size is not None or order.type is OrderType.MARKET:
        return None
    remaining = EXACT.subtract(order.size, order.filled_size)
    if order.side is Side.SELL:
        return remaining
    return None if order.price is None else EXACT.multiply(remaining, order.price)
