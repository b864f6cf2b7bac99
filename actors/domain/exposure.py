"""What an account has at stake: its open orders added up, by symbol, exchange and currency, and what they come to with
its positions.

Both legs of a replace count. What has no known price is counted apart as a number of orders and is in no sum, so that
nobody takes a sum for the whole. Sums are exact and by quote currency: nothing is converted. Must never: leave out an
order, or drift from what adding everything up afresh gives.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias, TypeVar

from actors.domain.arithmetic import EXACT
from actors.domain.assets import Assets
from actors.domain.stakes import Stake, stake_if_placed, stake_of
from messages.base import fast_init
from messages.fills import Position
from messages.risk import ReservedFunds, SymbolExposure
from messages.types import ZERO, Order, Side

AssetsOf: TypeAlias = Callable[[str, str], Assets | None]
"""Names the assets of (exchange, symbol); None while the instrument is not known."""
Positions: TypeAlias = Mapping[tuple[str, str], Position]
"""By exchange and symbol."""
KeyT = TypeVar("KeyT")


@dataclass(slots=True)
class SymbolTotals:
    """The open orders of one symbol of one exchange, added up. Belongs to its book: to be read, and not kept."""

    assets: Assets | None = None
    open_orders: int = 0
    buy_size: Decimal = ZERO
    sell_size: Decimal = ZERO
    buy_notional: Decimal = ZERO
    sell_notional: Decimal = ZERO
    unpriced: int = 0
    """Orders whose value is not known: in no notional value."""
    unsized_buys: int = 0
    """Buy orders of which nobody knows how many base units they may execute: not in the size."""
    unsized_sells: int = 0
    unclear: int = 0
    """Orders of which the value or the size is not known."""


@dataclass(slots=True)
class MoneyTotals:
    """The value of open orders in one quote currency. Belongs to its book: to be read, and not kept."""

    open_orders: int = 0
    notional: Decimal = ZERO
    unpriced: int = 0
    """Orders that may be in this currency and whose value is not known."""


@fast_init
@dataclass(frozen=True, slots=True)
class _Held:
    order: Order
    stake: Stake


@fast_init
@dataclass(frozen=True, slots=True)
class Reach:
    """What the position in a symbol may come to, over all exchanges of the account, in base units."""

    highest: Decimal
    """If every open buy order executed and no sell order did."""
    lowest: Decimal
    """If every open sell order executed and no buy order did."""
    unsized_buys: int
    """Buy orders that the highest position leaves out, because their size is not known."""
    unsized_sells: int


class ExposureBook:
    """Everything that is at stake in an account's orders, kept up with each change of an order.

    One account owns and changes it. A change costs the same however many orders there are; sums are exact, so they are
    what adding everything up afresh gives.
    """

    __slots__ = ("_by_exchange", "_by_quote", "_held", "_members", "_symbols")

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._symbols: dict[str, dict[str, SymbolTotals]] = {}
        """By symbol, then by exchange."""
        self._members: dict[tuple[str, str], dict[str, None]] = {}
        """By exchange and symbol: our ids of the open orders."""
        self._by_exchange: dict[tuple[str, str], MoneyTotals] = {}
        """By exchange and quote currency; the empty currency holds what has no known instrument."""
        self._by_quote: dict[str, MoneyTotals] = {}

    def __len__(self) -> int:
        """Open orders of the account."""
        return len(self._held)

    # ----- changing

    def put(self, order: Order, assets: Assets | None) -> None:
        """Count an order as it is now in place of what was counted of it; one that has ended counts no more.

        `assets` are those of its symbol as far as they are known now. If they differ from what was told of the symbol
        before, all its orders are valued anew.
        """
        held = self._held.get(order.order_id)
        stake = stake_of(order, assets)
        if held is not None and held.stake == stake:
            # Most steps of an order's life change nothing of what it may come to.
            self._held[order.order_id] = _Held(order, held.stake)
        else:
            if held is not None:
                self._drop(order.order_id, held.stake)
            if stake is not None:
                self._add(order, stake, assets)
        if stake is not None:
            self.retell(order.exchange, order.symbol, assets)

    def remove(self, order_id: str) -> None:
        """Count an order no more; nothing happens if it is not counted."""
        held = self._held.get(order_id)
        if held is not None:
            self._drop(order_id, held.stake)

    def retell(self, exchange: str, symbol: str, assets: Assets | None) -> None:
        """Value the open orders of a symbol by what is known of its instrument now. Does nothing if that is not new."""
        totals = self._symbols.get(symbol, {}).get(exchange)
        if totals is None or totals.assets == assets:
            return
        orders = [self._held[order_id] for order_id in self._members[exchange, symbol]]
        for held in orders:
            self._drop(held.order.order_id, held.stake)
        for held in orders:
            self._add(held.order, stake_if_placed(held.order, assets), assets)

    # ----- reading

    def stake(self, order_id: str) -> Stake | None:
        """What is counted of an order; None when nothing is."""
        held = self._held.get(order_id)
        return None if held is None else held.stake

    def symbol(self, exchange: str, symbol: str) -> SymbolTotals:
        """The open orders of a symbol of one exchange."""
        return self._symbols.get(symbol, {}).get(exchange) or SymbolTotals()

    def reach(self, symbol: str, positions: Positions) -> Reach:
        """What the position in a symbol may come to, over all exchanges."""
        high = low = ZERO
        for (_, name), position in positions.items():
            if name == symbol:
                high = low = EXACT.add(high, position.size)
        unsized_buys = unsized_sells = 0
        for totals in self._symbols.get(symbol, {}).values():
            high, low = EXACT.add(high, totals.buy_size), EXACT.subtract(low, totals.sell_size)
            unsized_buys += totals.unsized_buys
            unsized_sells += totals.unsized_sells
        return Reach(high, low, unsized_buys, unsized_sells)

    def symbols(self) -> list[tuple[str, str]]:
        """Every exchange and symbol with open orders, sorted."""
        return sorted(self._members)

    def in_symbol(self, exchange: str, symbol: str) -> MoneyTotals:
        """The value of the open orders of a symbol of one exchange."""
        totals = self.symbol(exchange, symbol)
        notional = EXACT.add(totals.buy_notional, totals.sell_notional)
        return MoneyTotals(totals.open_orders, notional, totals.unpriced)

    def on_exchange(self, exchange: str, quote: str) -> MoneyTotals:
        """The value of an exchange's open orders in one quote currency.

        An order without a known instrument may be in any currency, so it is among the unpriced ones of each.
        """
        return _with_nameless(self._by_exchange.get((exchange, quote)), self._by_exchange.get((exchange, "")))

    def in_currency(self, quote: str) -> MoneyTotals:
        """The same of all exchanges of the account."""
        return _with_nameless(self._by_quote.get(quote), self._by_quote.get(""))

    def currencies(self) -> list[tuple[str, str]]:
        """Every exchange and quote currency with open orders, sorted; without those of no known instrument."""
        return sorted(key for key in self._by_exchange if key[1])

    def _add(self, order: Order, stake: Stake, assets: Assets | None) -> None:
        place = (stake.exchange, stake.symbol)
        self._held[order.order_id] = _Held(order, stake)
        self._members.setdefault(place, {})[order.order_id] = None
        totals = self._symbols.setdefault(stake.symbol, {}).get(stake.exchange)
        if totals is None:
            totals = self._symbols[stake.symbol][stake.exchange] = SymbolTotals(assets)
        _count(totals, stake, 1)
        _count_money(self._by_exchange.setdefault((stake.exchange, stake.quote), MoneyTotals()), stake, 1)
        _count_money(self._by_quote.setdefault(stake.quote, MoneyTotals()), stake, 1)

    def _drop(self, order_id: str, stake: Stake) -> None:
        place = (stake.exchange, stake.symbol)
        del self._held[order_id]
        del self._members[place][order_id]
        exchanges = self._symbols[stake.symbol]
        _count(exchanges[stake.exchange], stake, -1)
        # What is empty goes: symbols and currencies come and go for as long as the account lives.
        if not self._members[place]:
            del self._members[place], exchanges[stake.exchange]
            if not exchanges:
                del self._symbols[stake.symbol]
        _uncount_money(self._by_exchange, (stake.exchange, stake.quote), stake)
        _uncount_money(self._by_quote, stake.quote, stake)


def exposures(orders: Iterable[Order], positions: Positions, assets_of: AssetsOf) -> tuple[SymbolExposure, ...]:
    """Add up afresh what is at stake, by exchange and symbol: those with an open order or a position.

    While `unpriced` is not 0, the figures are what is known of it, and at least that.
    """
    book = ExposureBook()
    for order in orders:
        book.put(order, assets_of(order.exchange, order.symbol))
    held = {place: position.size for place, position in positions.items() if position.size}
    places = sorted({*book.symbols(), *held})
    return tuple(_exposure(place, book.symbol(*place), held.get(place, ZERO), assets_of(*place)) for place in places)


def reserved(orders: Iterable[Order], assets_of: AssetsOf) -> tuple[ReservedFunds, ...]:
    """Add up afresh what open orders hold of each currency, by exchange and currency; without what is not known."""
    sums: dict[tuple[str, str], Decimal] = {}
    for order in orders:
        stake = stake_of(order, assets_of(order.exchange, order.symbol))
        if stake is not None and stake.reserved:
            key = (stake.exchange, stake.currency)
            sums[key] = EXACT.add(sums.get(key, ZERO), stake.reserved)
    return tuple(
        ReservedFunds(exchange=exchange, currency=currency, amount=amount)
        for (exchange, currency), amount in sorted(sums.items())
    )


def _exposure(place: tuple[str, str], totals: SymbolTotals, position: Decimal, assets: Assets | None) -> SymbolExposure:
    exchange, symbol = place
    return SymbolExposure(
        exchange=exchange,
        symbol=symbol,
        quote=assets.quote if assets is not None else "",
        open_orders=totals.open_orders,
        buy_size=totals.buy_size,
        sell_size=totals.sell_size,
        buy_notional=totals.buy_notional,
        sell_notional=totals.sell_notional,
        unpriced=totals.unclear,
        position=position,
        highest_position=EXACT.add(position, totals.buy_size),
        lowest_position=EXACT.subtract(position, totals.sell_size),
    )


def _count(totals: SymbolTotals, stake: Stake, sign: int) -> None:
    change = EXACT.add if sign > 0 else EXACT.subtract
    size, notional = stake.size, stake.notional
    totals.open_orders += sign
    if size is None or notional is None:
        totals.unclear += sign
        totals.unpriced += sign if notional is None else 0
        size = ZERO if size is None else size
        notional = ZERO if notional is None else notional
    unsized = sign if stake.size is None else 0
    if stake.side is Side.BUY:
        totals.buy_size = change(totals.buy_size, size)
        totals.buy_notional = change(totals.buy_notional, notional)
        totals.unsized_buys += unsized
    else:
        totals.sell_size = change(totals.sell_size, size)
        totals.sell_notional = change(totals.sell_notional, notional)
        totals.unsized_sells += unsized


def _count_money(totals: MoneyTotals, stake: Stake, sign: int) -> None:
    totals.open_orders += sign
    if stake.notional is None:
        totals.unpriced += sign
    else:
        totals.notional = (EXACT.add if sign > 0 else EXACT.subtract)(totals.notional, stake.notional)


def _uncount_money(totals: dict[KeyT, MoneyTotals], key: KeyT, stake: Stake) -> None:
    found = totals[key]
    _count_money(found, stake, -1)
    if not found.open_orders:
        del totals[key]


def _with_nameless(known: MoneyTotals | None, nameless: MoneyTotals | None) -> MoneyTotals:
    known = known or MoneyTotals()
    if nameless is None:
        return known
    return MoneyTotals(known.open_orders, known.notional, known.unpriced + nameless.unpriced)
