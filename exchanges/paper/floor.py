"""The trading floor: the state of the paper venue and the single steps that change it.

Each step keeps book, balances, record and events in agreement. It decides nothing about requests: the engine does, and
calls these steps in the right order. No clock, no I/O.
"""

from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal
from heapq import heappop, heappush
from typing import Any

from exchanges.paper.accounts import OUTSIDE, Ledger
from exchanges.paper.book import Book
from exchanges.paper.matching import Match
from exchanges.paper.model import (
    EXACT,
    AnyEvent,
    BalanceChanged,
    EndReason,
    Events,
    Execution,
    FeeRules,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderTraded,
    OrderVoided,
    PaperInstrument,
    PaperOrder,
    PaperStatus,
    PreventedMatch,
    RefusalReason,
    RequestRefused,
)
from exchanges.paper.truth import Truth
from messages.fills import Liquidity
from messages.types import ZERO, Side

_FEE_UNIT = Decimal("0.00000001")
_ONE = Decimal(1)


class Floor:
    """Books, balances, record and the events of the request at hand."""

    def __init__(
        self, instruments: tuple[PaperInstrument, ...], *, fees: FeeRules, margin: bool, first_id: int
    ) -> None:
        self.instruments = {instrument.symbol: instrument for instrument in instruments}
        self.ledger = Ledger()
        self.truth = Truth()
        self.now_ms = 0
        self.last_prices = {instrument.symbol: instrument.reference_price for instrument in instruments}
        self._fees = fees
        self._margin = margin
        self._books = {instrument.symbol: Book() for instrument in instruments}
        self._in_book: set[int] = set()
        self._expiries: list[tuple[int, int]] = []
        self._trade_ids = dict.fromkeys(self.instruments, first_id - 1)
        self._next_order_id = first_id
        self._next_prevented_id = 1
        self._sequence = 0
        self._events: list[AnyEvent] = []

    @property
    def assets(self) -> tuple[str, ...]:
        """Everything that the instruments trade, each once."""
        return tuple(dict.fromkeys(asset for one in self.instruments.values() for asset in (one.base, one.quote)))

    # ----- the request at hand

    def take_events(self) -> Events:
        """Add the balances that moved, then return and clear what has happened."""
        for account, asset in self.ledger.take_changes():
            free, locked = self.ledger.balance(account, asset)
            self.emit(BalanceChanged, account, asset=asset, free=free, locked=locked)
        events = tuple(self._events)
        self._events.clear()
        return events

    def emit(self, kind: type[AnyEvent], account: str, **fields: Any) -> None:
        """Append an event with the next sequence number."""
        self._sequence += 1
        self._events.append(kind(sequence=self._sequence, at_ms=self.now_ms, account=account, **fields))

    def refuse(self, account: str, reason: RefusalReason) -> None:
        """Say no; nothing has changed."""
        self.emit(RequestRefused, account, reason=reason)

    # ----- orders

    def next_order_id(self) -> int:
        """Take the next order id."""
        self._next_order_id += 1
        return self._next_order_id - 1

    def accept(self, order: PaperOrder) -> None:
        """Record a new order and lock what it may cost."""
        self.truth.accept(order)
        if order.reserved:
            self.ledger.lock(order.account, self.asset_paid(order), order.reserved)
        if order.expires_at_ms is not None:
            heappush(self._expiries, (order.expires_at_ms, order.order_id))
        self.emit(OrderAccepted, order.account, order=order)

    def update(self, order: PaperOrder, **changes: Any) -> PaperOrder:
        """Record a change of an order and return its new state."""
        changed = order.evolve(updated_ms=self.now_ms, **changes)
        self.truth.update(changed)
        return changed

    def reserve(self, order: PaperOrder, amount: Decimal) -> PaperOrder:
        """Lock exactly this much for an order from now on."""
        self.ledger.lock(order.account, self.asset_paid(order), amount - order.reserved)
        return self.update(order, reserved=amount)

    def rest(self, order: PaperOrder) -> None:
        """Put the order into the book, unless its account is scripted: those execute from outside only."""
        account = self.ledger.get(order.account)
        if order.price is None or account is None or account.scripted:
            return
        self.book(order.symbol).side(order.side).add(order.order_id, order.price)
        self._in_book.add(order.order_id)

    def unrest(self, order: PaperOrder) -> None:
        """Take an order out of the book, if it is there; it stays open."""
        if order.order_id in self._in_book and order.price is not None:
            self.book(order.symbol).side(order.side).remove(order.order_id, order.price)
            self._in_book.discard(order.order_id)

    def cancel(self, order: PaperOrder, reason: EndReason, cancel_id: str) -> None:
        """End an order as cancelled."""
        ended = self._end(order, PaperStatus.CANCELLED, reason)
        self.emit(OrderCancelled, order.account, order=ended, cancel_id=cancel_id)

    def expire(self, order: PaperOrder, reason: EndReason) -> None:
        """End an order as expired."""
        ended = self._end(order, PaperStatus.EXPIRED, reason)
        self.emit(OrderExpired, order.account, order=ended)

    def void(self, order: PaperOrder) -> None:
        """End an order as rejected by the venue after all."""
        ended = self._end(order, PaperStatus.REJECTED, EndReason.VENUE)
        self.emit(OrderVoided, order.account, order=ended)

    def prevent(self, maker: PaperOrder, taker_id: int) -> None:
        """Expire a resting order that the taker, of the same account, would have traded with."""
        match_id = self._next_prevented_id
        self._next_prevented_id += 1
        prevented = PreventedMatch(
            match_id=match_id, taker_order_id=taker_id, price=maker.price or ZERO, size=maker.remaining
        )
        ended = self._end(maker, PaperStatus.EXPIRED, EndReason.SELF_TRADE, prevented_size=maker.remaining)
        self.emit(OrderExpired, maker.account, order=ended, prevented=prevented)

    def due(self) -> Iterator[PaperOrder]:
        """Take out and yield the open orders whose time has come."""
        while self._expiries and self._expiries[0][0] <= self.now_ms:
            order = self.truth.orders.get(heappop(self._expiries)[1])
            if order is not None and order.is_open:
                yield order

    def triggered(self, symbol: str) -> PaperOrder | None:
        """Take out the next open stop that the last price triggers, or return None."""
        last = self.last_prices[symbol]
        while (order_id := self.book(symbol).pop_triggered(last)) is not None:
            order = self.truth.orders.get(order_id)
            # An amended stop is armed once for every trigger price that it ever had.
            if order is not None and order.is_open and not order.working and _is_reached(order, last):
                return order
        return None

    # ----- trades

    def trade(self, taker: PaperOrder, match: Match) -> PaperOrder:
        """Execute one planned match at the resting price; returns the taker's new state."""
        price = match.maker.price or ZERO
        trade_id = self._next_trade(taker.symbol, price)
        maker = self.truth.orders[match.maker.order_id]
        after = self.fill(taker, price, match.size, Liquidity.TAKER, trade_id)
        self.fill(maker, price, match.size, Liquidity.MAKER, trade_id)
        return after

    def trade_outside(self, order: PaperOrder, price: Decimal, size: Decimal, liquidity: Liquidity) -> None:
        """Execute an order against the outside world."""
        base_amount, quote_amount = size, price * size
        sign = 1 if order.side is Side.BUY else -1
        instrument = self.instruments[order.symbol]
        self.ledger.deposit(OUTSIDE, instrument.base, -sign * base_amount)
        self.ledger.deposit(OUTSIDE, instrument.quote, sign * quote_amount)
        self.fill(order, price, size, liquidity, self._next_trade(order.symbol, price))

    def fill(
        self, order: PaperOrder, price: Decimal, size: Decimal, liquidity: Liquidity, trade_id: int
    ) -> PaperOrder:
        """Book one side of a trade: money, order, record, event."""
        fee = self._fee(order, price, size, liquidity)
        reserved = self._settle(order, price, size, fee)
        filled = order.filled_size + size
        changed = self.update(
            order, filled_size=filled, filled_value=order.filled_value + price * size, reserved=reserved
        )
        if filled == order.size:
            changed = self._end(changed, PaperStatus.FILLED, EndReason.FILLED)
        execution = Execution(
            trade_id=trade_id,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            price=price,
            size=size,
            fee=fee,
            fee_currency=self._fee_asset(order),
            liquidity=liquidity,
            at_ms=self.now_ms,
        )
        if self._is_audited(order):
            self.truth.execute(execution)
        self.emit(OrderTraded, order.account, order=changed, execution=execution)
        return changed

    # ----- look-ups

    def book(self, symbol: str) -> Book:
        """Return the book of a symbol."""
        return self._books[symbol]

    def makers(self, symbol: str, side: Side) -> Iterator[PaperOrder]:
        """Yield the resting orders that an order of this side would meet, in the order of priority."""
        for order_id, _ in self.book(symbol).opposite(side).walk():
            yield self.truth.orders[order_id]

    def asset_paid(self, order: PaperOrder) -> str:
        """Return what the order gives away."""
        instrument = self.instruments[order.symbol]
        return instrument.quote if order.side is Side.BUY else instrument.base

    def can_pay(self, order: PaperOrder, cost: Decimal, *, locked: Decimal = ZERO) -> bool:
        """Whether `cost` can be locked for what remains of an order, with `locked` of it locked already, and the fee
        be paid where that comes on top.
        """
        fee = ZERO
        if self._fees.in_quote and order.side is Side.BUY:
            fee = cost * max(self._fees.maker, self._fees.taker) + order.remaining * self._fees.per_unit
        needed = cost - locked + fee
        # On margin there may be less than nothing of what is sold, and nothing is needed.
        return needed <= ZERO or self.ledger.can_pay(order.account, self.asset_paid(order), needed)

    def unit_cost(self, order: PaperOrder) -> Decimal:
        """Return what is locked for each base unit of an order with a price: quote units for a buy, base units for a
        sell, nothing for a sell on margin.
        """
        if order.side is Side.BUY:
            return order.price or order.stop_price or ZERO
        return ZERO if self._margin else _ONE

    def _asset_received(self, order: PaperOrder) -> str:
        instrument = self.instruments[order.symbol]
        return instrument.base if order.side is Side.BUY else instrument.quote

    def _fee_asset(self, order: PaperOrder) -> str:
        return self.instruments[order.symbol].quote if self._fees.in_quote else self._asset_received(order)

    def _fee(self, order: PaperOrder, price: Decimal, size: Decimal, liquidity: Liquidity) -> Decimal:
        share = self._fees.maker if liquidity is Liquidity.MAKER else self._fees.taker
        in_base = order.side is Side.BUY and not self._fees.in_quote
        fee = size * share if in_base else price * size * share + size * self._fees.per_unit
        return fee.quantize(_FEE_UNIT, ROUND_DOWN, EXACT)

    def _settle(self, order: PaperOrder, price: Decimal, size: Decimal, fee: Decimal) -> Decimal:
        buys = order.side is Side.BUY
        paid, received = (price * size, size) if buys else (size, price * size)
        # A limit order locked its limit price; what a better price saves becomes free again.
        unlocked = (order.price or price) * size if buys else size * self.unit_cost(order)
        asset = self.asset_paid(order)
        self.ledger.lock(order.account, asset, paid - unlocked)
        self.ledger.pay_locked(order.account, asset, paid)
        self.ledger.receive(order.account, self._asset_received(order), received)
        self.ledger.charge(order.account, self._fee_asset(order), fee)
        return order.reserved - unlocked

    def _end(self, order: PaperOrder, status: PaperStatus, reason: EndReason, **changes: Any) -> PaperOrder:
        self.unrest(order)
        if order.reserved:
            self.ledger.lock(order.account, self.asset_paid(order), -order.reserved)
        ended = self.update(order, status=status, end_reason=reason, reserved=ZERO, **changes)
        if not self._is_audited(order):
            self.truth.forget(ended)
        return ended

    def _next_trade(self, symbol: str, price: Decimal) -> int:
        self.last_prices[symbol] = price
        self._trade_ids[symbol] += 1
        return self._trade_ids[symbol]

    def _is_audited(self, order: PaperOrder) -> bool:
        account = self.ledger.get(order.account)
        return account is not None and account.audited


def _is_reached(stop: PaperOrder, last_price: Decimal) -> bool:
    trigger = stop.stop_price or ZERO
    return trigger <= last_price if stop.trigger_above else trigger >= last_price
