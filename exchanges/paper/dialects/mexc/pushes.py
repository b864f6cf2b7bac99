"""MEXC's private pushes: engine events as binary messages, one wrapper around each. Pure but for remembered balances.

Orders, deals and balances are separate channels without an order among each other, and nothing numbers them.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from random import Random

from exchanges.paper.dialects.mexc import protobuf as wire
from exchanges.paper.dialects.mexc.ids import client_id_text, fill_id_text, order_id_text
from exchanges.paper.dialects.mexc.render import amount, ordered_value, status
from exchanges.paper.engine import Engine
from exchanges.paper.model import (
    EXACT,
    BalanceChanged,
    Events,
    Execution,
    FundsTransferred,
    OrderCancelled,
    OrderEvent,
    OrderExpired,
    OrderTraded,
    PaperOrder,
)
from exchanges.paper.wire import Frame
from messages.fills import Liquidity
from messages.types import ZERO, Side

ORDERS = "spot@private.orders.v3.api.pb"
DEALS = "spot@private.deals.v3.api.pb"
BALANCES = "spot@private.account.v3.api.pb"
_BODIES = {ORDERS: 304, DEALS: 306, BALANCES: 307}
_STATUSES = {"NEW": 1, "FILLED": 2, "PARTIALLY_FILLED": 3, "CANCELED": 4, "PARTIALLY_CANCELED": 5}
_TYPES = {"LIMIT": 1, "LIMIT_MAKER": 2, "IMMEDIATE_OR_CANCEL": 3, "FILL_OR_KILL": 4, "MARKET": 5}
_SIDES = {Side.BUY: 1, Side.SELL: 2}
_PROTECTION = {Side.BUY: Decimal("1.05"), Side.SELL: Decimal("0.95")}
"""How far from the last price a market order may execute: the venue shows that limit as its price."""
_AVERAGE_UNIT = Decimal("0.00000001")
_COIN_ID_LENGTH = 32


@dataclass(frozen=True, slots=True)
class _Change:
    """What a balance moved by with the last request."""

    free: Decimal = ZERO
    locked: Decimal = ZERO


class PushWriter:
    """Renders engine events for the streams."""

    def __init__(self, engine: Engine, random: Random) -> None:
        self._engine = engine
        self._random = random
        self._known: dict[tuple[str, str], tuple[Decimal, Decimal]] = defaultdict(lambda: (ZERO, ZERO))
        self._changes: dict[tuple[str, str], _Change] = {}

    def begin(self, account: str) -> None:
        """Remember the balances that an account has before anything happens to it."""
        for asset, balance in self._engine.balances(account).items():
            self._known[account, asset] = balance

    def observe(self, events: Events) -> None:
        """Take note of what the balances moved by; needed for the pushes of these events."""
        for event in events:
            if isinstance(event, BalanceChanged) and self._has_stream(event.account):
                key = (event.account, event.asset)
                free, locked = self._known[key]
                self._changes[key] = _Change(event.free - free, event.locked - locked)
                self._known[key] = (event.free, event.locked)

    def frames(self, events: Events, now_ms: int) -> tuple[Frame, ...]:
        """Return the events of audited accounts as frames, sent now; a deal comes before or after its order's push."""
        causes = _causes(events)
        frames: list[Frame] = []
        for event in events:
            if not self._has_stream(event.account):
                continue
            if isinstance(event, OrderTraded):
                pair = [self._order_frame(event, now_ms), self._deal_frame(event, now_ms)]
                frames += pair if self._random.randrange(2) else reversed(pair)
            elif isinstance(event, OrderEvent):
                frames.append(self._order_frame(event, now_ms))
            elif isinstance(event, BalanceChanged):
                frames.append(self._balance_frame(event, causes[event.account], now_ms))
        return tuple(frames)

    def _order_frame(self, event: OrderEvent, now_ms: int) -> Frame:
        order = event.order
        execution = event.execution if isinstance(event, OrderTraded) else None
        body = order_body(order, self._shown_price(order), execution)
        return self._frame(event.account, ORDERS, order.symbol, body, now_ms)

    def _deal_frame(self, event: OrderTraded, now_ms: int) -> Frame:
        return self._frame(event.account, DEALS, event.order.symbol, deal_body(event.execution), now_ms)

    def _balance_frame(self, event: BalanceChanged, cause: str, now_ms: int) -> Frame:
        change = self._changes.get((event.account, event.asset), _Change())
        payload = wrapped(BALANCES, None, now_ms, balance_body(event, change.free, change.locked, cause))
        return Frame(account=event.account, payload=payload, channel=BALANCES)

    def _frame(self, account: str, channel: str, symbol: str, body: bytes, now_ms: int) -> Frame:
        venue_symbol = self._engine.instruments[symbol].venue_symbol
        return Frame(account=account, payload=wrapped(channel, venue_symbol, now_ms, body), channel=channel)

    def _shown_price(self, order: PaperOrder) -> Decimal:
        if order.price is not None:
            return order.price
        furthest = EXACT.multiply(self._engine.last_price(order.symbol), _PROTECTION[order.side])
        return furthest.quantize(self._engine.instruments[order.symbol].tick_size, ROUND_DOWN, EXACT)

    def _has_stream(self, account: str) -> bool:
        found = self._engine.ledger.get(account)
        return found is not None and found.audited


def wrapped(channel: str, venue_symbol: str | None, send_ms: int, body: bytes) -> bytes:
    """Write a `PushDataV3ApiWrapper` around a body of the channel's kind."""
    return (
        wire.text(1, channel)
        + wire.text(3, venue_symbol)
        + wire.optional_integer(6, send_ms)
        + wire.delimited(_BODIES[channel], body)
    )


def order_body(order: PaperOrder, shown_price: Decimal, execution: Execution | None) -> bytes:
    """Write a `PrivateOrdersV3Api`; `execution` is the one that the push tells of."""
    filled = order.filled_size
    average = EXACT.divide(order.filled_value, filled).quantize(_AVERAGE_UNIT, context=EXACT) if filled else ZERO
    return b"".join(
        (
            wire.text(1, order_id_text(order.order_id)),
            wire.text(2, client_id_text(order.first_client_order_id)),
            wire.text(3, amount(shown_price)),
            wire.text(4, amount(order.size)),
            wire.text(5, amount(ordered_value(order))),
            wire.text(6, amount(average)),
            wire.integer(7, _TYPES[order.venue_type]),
            wire.integer(8, _SIDES[order.side]),
            wire.boolean(9, value=execution is not None and execution.liquidity is Liquidity.MAKER),
            wire.text(10, amount(_value_left(order))),
            wire.text(11, amount(order.remaining)),
            wire.text(12, None if execution is None else amount(execution.size)),
            wire.text(13, amount(filled)),
            wire.text(14, amount(order.filled_value)),
            wire.integer(15, _STATUSES[status(order)]),
            wire.integer(16, order.created_ms),
        )
    )


def deal_body(execution: Execution) -> bytes:
    """Write a `PrivateDealsV3Api`."""
    return b"".join(
        (
            wire.text(1, amount(execution.price)),
            wire.text(2, amount(execution.size)),
            wire.text(3, amount(execution.value)),
            wire.integer(4, _SIDES[execution.side]),
            wire.boolean(5, value=execution.liquidity is Liquidity.MAKER),
            wire.text(7, fill_id_text(execution.trade_id)),
            wire.text(8, client_id_text(execution.client_order_id)),
            wire.text(9, order_id_text(execution.order_id)),
            wire.text(10, amount(execution.fee)),
            wire.text(11, execution.fee_currency),
            wire.integer(12, execution.at_ms),
        )
    )


def balance_body(event: BalanceChanged, free_change: Decimal, locked_change: Decimal, cause: str) -> bytes:
    """Write a `PrivateAccountV3Api`."""
    return b"".join(
        (
            wire.text(1, event.asset),
            wire.text(2, hashlib.sha256(event.asset.encode()).hexdigest()[:_COIN_ID_LENGTH]),
            wire.text(3, amount(event.free)),
            wire.text(4, amount(free_change)),
            wire.text(5, amount(event.locked)),
            wire.text(6, amount(locked_change)),
            wire.text(7, cause),
            wire.integer(8, event.at_ms),
        )
    )


def _value_left(order: PaperOrder) -> Decimal:
    if order.quote_size is not None:
        return order.quote_size - order.filled_value
    return EXACT.multiply(order.price or ZERO, order.remaining)


def _causes(events: Events) -> dict[str, str]:
    """Return by account what moved its balances: a trade, a cancel, a transfer or else a placement."""
    causes: dict[str, str] = defaultdict(lambda: "ENTRUST_PLACE")
    for event in events:
        if isinstance(event, OrderTraded):
            causes[event.account] = "ENTRUST"
        elif isinstance(event, OrderCancelled | OrderExpired):
            causes.setdefault(event.account, "ENTRUST_CANCEL")
        elif isinstance(event, FundsTransferred):
            causes[event.account] = "DEPOSIT" if event.amount > ZERO else "WITHDRAW"
    return causes
