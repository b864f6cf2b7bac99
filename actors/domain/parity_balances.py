"""Whether a venue has locked what our open orders reserve, and holds what our executions say. Pure.

Must never: judge an amount that an order under way may have changed, or guess what an order reserves.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from decimal import Decimal
from typing import Final, TypeAlias

from actors.domain.arithmetic import EXACT, QUANTITY_TOLERANCE, apart_by, plain
from actors.domain.assets import Assets
from actors.domain.lifecycle import TERMINAL, UNSENT
from actors.domain.parity import YOUNG, Compared, Finding, Question, Tally
from actors.domain.parity_records import since_ms, unsettled
from messages.base import copied
from messages.fills import Position
from messages.risk import Difference, DifferenceKind
from messages.types import ZERO, Order, OrderType, Side

_UNCOMPARED: Final = "with a holding that was not compared with our executions"

AssetsOf: TypeAlias = Callable[[str], Assets | None]
"""What a symbol trades; None while that is not known."""


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
        why = reserves.why_not(order, unresolved)
        if order.state in UNSENT or (order.state in TERMINAL and not why):
            continue
        assets = assets_of(order.symbol)
        if assets is None:
            return Compared(unjudged=(f"what is locked: the currencies of {order.symbol} are not known",))
        reserves.add(order, assets.quote if order.side is Side.BUY else assets.base, why)
    return reserves.compared(balances)


def compare_holdings(
    positions: Iterable[Position], question: Question, *, assets_of: AssetsOf, uncompared: Collection[str] = ()
) -> Compared:
    """Report every position of which the comparisons of holdings have found that the venue holds more or less.

    Those comparisons keep their own distance in time, so what they found is sure. `uncompared`: symbols that the last
    of them could not compare.
    """
    tally, findings = Tally(question), []
    for position in positions:
        if position.size and (position.unexplained is None or position.symbol in uncompared):
            opened_ms = None if position.opened_ms is None else position.opened_ms + question.offset_ms
            tally.leave_out(position.symbol, _UNCOMPARED, opened_ms)
            continue
        if position.unexplained is None:
            continue
        tally.count += 1
        if position.drift:
            findings.append(Finding(_drift(position, assets_of(position.symbol)), sure=True))
    return copied(tally.result(), findings=tuple(findings))


def _drift(position: Position, assets: Assets | None) -> Difference:
    return Difference(
        exchange=position.exchange,
        kind=DifferenceKind.HOLDING_DRIFT,
        subject=position.symbol,
        name="holding" if assets is None else f"holding of {assets.base}",
        ours="no change but by our executions",
        venues=f"changed by {plain(position.drift)} beyond them",
    )


class _Reserves:
    """What open orders reserve, by currency, as far as it is known."""

    def __init__(self, question: Question) -> None:
        self._tally = Tally(question)
        self._amounts: dict[str, list[Decimal]] = {}
        self._left_out: dict[str, str] = {}
        """Why currencies are not compared."""
        self._of_others: Counter[tuple[str, str]] = Counter()
        """Orders that this deployment never placed, by symbol and currency."""

    def why_not(self, order: Order, unresolved: Collection[str]) -> str:
        """Why what an order reserves cannot be compared; empty when it can."""
        question = self._tally.question
        # What was asked about an order that has ended is no matter any more; that it is read again still is.
        ended = order.state in TERMINAL
        why = unsettled(order, unresolved) if not ended or order.order_id in unresolved else ""
        return question.why_not(why, (since_ms(order) if why else order.updated_at_ms) + question.offset_ms)

    def add(self, order: Order, currency: str, why: str) -> None:
        """Count an order that pays with this currency; `why` it is not compared."""
        place = order.symbol, currency
        self._of_others[place] += order.external
        amount = _reserve(order)
        if why == YOUNG:
            self._left_out.setdefault(currency, why)
        elif why:
            self._left_out[currency] = f"of an order {why}"
        elif amount is None or self._of_others[place] > 1:
            self._left_out[currency] = "what an order reserves of it is not known"
        else:
            self._amounts.setdefault(currency, []).append(amount)

    def compared(self, balances: Iterable[tuple[str, Decimal, Decimal]]) -> Compared:
        """Compare with what is locked."""
        locked = {asset: EXACT.subtract(total, available) for asset, total, available in balances}
        spoken_of = {*self._amounts, *(asset for asset, amount in locked.items() if amount)}
        for currency in sorted(spoken_of.difference(self._left_out)):
            self._compare(currency, locked.get(currency, ZERO))
        young = sorted(currency for currency, why in self._left_out.items() if why == YOUNG)
        unjudged = [f"locked {currency}: {why}" for currency, why in self._left_out.items() if why != YOUNG]
        left_out = [f"locked {', '.join(young)}: orders are under way or have just changed"] if young else []
        return copied(self._tally.result(), left_out=tuple(left_out), unjudged=tuple(sorted(unjudged)))

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
