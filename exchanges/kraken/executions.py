"""The events of Kraken's `executions` channel to our messages, for one connection.

Updates tell only what has changed, so the last full state of every live order is kept here and merged. Pure. An event
that cannot be completed is said to be so (`Event.complete`) and never filled in; what it told for certain, an
execution, is told on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from exchanges.fields import (
    Reader,
    Record,
    UnreadableError,
    fault,
    number,
    number_or_none,
    number_told,
    optional_text,
    positive_number,
    several,
    signed_number,
    text,
    word,
)
from exchanges.kraken.symbols import EXCHANGE
from exchanges.kraken.times import instant
from exchanges.kraken.translate import ORDER_TYPES, TERMS, client_id, ended_status, nearest_type
from exchanges.records import venue_fill, venue_order
from exchanges.symbols import SymbolBook
from messages.base import fast_init
from messages.fills import FillSource, Liquidity, VenueFill
from messages.types import ENDED_STATUSES, ZERO, OrderType, PublicStatus, Side, TimeInForce, VenueOrder

TRADE = "trade"
_CREATED = "pending_new"
_KINDS = {
    each: each
    for each in (
        *(_CREATED, "new", TRADE, "filled", "iceberg_refill", "canceled", "expired"),
        *("amended", "restated", "status"),
    )
}
_STATUSES = {
    "pending_new": PublicStatus.PENDING,
    "new": PublicStatus.OPEN,
    "partially_filled": PublicStatus.OPEN,
    "filled": PublicStatus.FILLED,
    "canceled": PublicStatus.CANCELLED,
    "expired": PublicStatus.EXPIRED,
}
_UNTOUCHED = frozenset({"pending_new", "new"})
"""Statuses of orders of which nothing has executed."""
_TIMES_IN_FORCE = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "GTD": TimeInForce.GTT,
}
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_LIQUIDITY = {"m": Liquidity.MAKER, "t": Liquidity.TAKER}
_NEEDED = frozenset({"symbol", "side", "order_type", "order_status"})
_EXECUTION_FIELDS: dict[str, Reader] = {
    **dict.fromkeys(("exec_id", "symbol"), text),
    "side": partial(word, known=_SIDES),
    **dict.fromkeys(("last_price", "last_qty"), positive_number),
}
_execution_values = several(tuple(_EXECUTION_FIELDS))
_STATIC = "static"
_MAY_BE_RELATIVE = frozenset({"limit_price_type", "triggers"})
"""Of orders of types that we do not place, these say how their prices follow the market, and no prices."""
_STREAM = FillSource.STREAM
_UNKNOWN = Liquidity.UNKNOWN
_STOP_MARKET = OrderType.STOP_MARKET
# Of a live order, most events have the same one.
_known_client_id = lru_cache(maxsize=4096)(client_id)
_FILLED = PublicStatus.FILLED


def _client_id(record: Record, name: str) -> str | None:
    named = optional_text(record, name)
    return None if named is None else _known_client_id(named)


def _static(record: Record, name: str) -> None:
    if record.get(name) not in (None, _STATIC):
        raise UnreadableError(f"{name} is not static, so the price is relative")


def _trigger(record: Record, name: str) -> Decimal | None:
    triggers = record.get(name)
    if triggers is None:
        return None
    if not isinstance(triggers, dict):
        raise UnreadableError(f"{name} is not an object")
    _static(triggers, "price_type")
    return positive_number(triggers, "price")


def _lasting(record: Record, name: str) -> TimeInForce | None:
    return None if record.get(name) is None else word(record, name, _TIMES_IN_FORCE)


def _flag(record: Record, name: str) -> bool:
    value = record.get(name)
    if type(value) is not bool and value is not None:
        raise UnreadableError(f"{name} is not true or false")
    return bool(value)


# What an order is, as far as events tell it, and how that is read; the rest of an event is about itself.
_LASTING: dict[str, Reader] = {
    "cl_ord_id": _client_id,
    **dict.fromkeys(("symbol", "side", "order_type", "order_status"), text),
    **dict.fromkeys(("order_qty", "cash_order_qty", "limit_price", "stop_price"), number_or_none),
    "limit_price_type": _static,
    "triggers": _trigger,
    "time_in_force": _lasting,
    "post_only": _flag,
    **dict.fromkeys(("cum_qty", "cum_cost"), number),
}


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What one entry of a frame told."""

    order: VenueOrder | None = None
    fill: VenueFill | None = None
    complete: bool = True
    """False: something of an order was told that only the venue can complete."""
    at_ms: int
    """Venue time."""
    kind: str


class LiveOrders:
    """The live orders of one connection, as the events so far have told them. Not thread-safe."""

    def __init__(self, symbols: Callable[[], SymbolBook]) -> None:
        self._symbols = symbols
        self._live: dict[str, dict[str, Any]] = {}

    def forget(self) -> None:
        """Forget everything: events are missing, and what is known may be wrong."""
        self._live.clear()

    def doubt(self, entry: Any) -> None:
        """Forget the order of an entry that could not be read; all, when it does not even say which that is."""
        order_id = entry.get("order_id") if isinstance(entry, dict) else None
        if isinstance(order_id, str):
            self._live.pop(order_id, None)
        else:
            self.forget()

    def take(self, entry: Record, *, snapshot: bool) -> Event:
        """Understand one entry; raises `UnreadableError`."""
        order_id, kind = text(entry, "order_id"), word(entry, "exec_type", _KINDS)
        at_ms = instant(entry, "timestamp")
        fill = self._fill(entry, order_id, at_ms) if kind == TRADE else None
        if kind == TRADE and (snapshot or "cum_qty" not in entry):
            # An execution by itself. What the order is after it, it does not tell.
            if not snapshot:
                self._live.pop(order_id, None)
            return Event(fill=fill, complete=fill is not None, at_ms=at_ms, kind=kind)
        state = dict(self._live.get(order_id, {}))
        for name, read in _LASTING.items():
            if name not in entry:
                continue
            value = entry[name]
            if type(value) is str and value == state.get(name):
                # As most words are, again and again; what a state has of a text has been read.
                continue
            if not (name in _MAY_BE_RELATIVE and state.get("order_type") not in ORDER_TYPES):
                state[name] = read(entry, name)
        if not _is_whole(state):
            return Event(fill=fill, complete=fill is not None, at_ms=at_ms, kind=kind)
        order = self._order(order_id, state, entry, at_ms)
        if order.status in ENDED_STATUSES:
            self._live.pop(order_id, None)
        else:
            self._live[order_id] = state
        return Event(order=order, fill=fill, at_ms=at_ms, kind=kind)

    def _order(self, order_id: str, state: dict[str, Any], entry: Record, at_ms: int) -> VenueOrder:
        get = state.get
        terms = TERMS.get((state["side"], state["order_type"])) or _nearest_terms(state)
        side, kind, with_limit, with_trigger = terms
        status, filled = state["order_status"], get("cum_qty", ZERO)
        size, quote_size = get("order_qty"), get("cash_order_qty")
        if size is None and quote_size is None:
            raise UnreadableError("order_qty is not a number above zero")
        size = filled if size is None else size
        limit = get("limit_price") if with_limit else None
        trigger = (get("triggers") or get("stop_price")) if with_trigger else None
        if (with_limit and limit is None) or (with_trigger and trigger is None):
            raise UnreadableError("the order has no price above zero")
        reason = optional_text(entry, "reason") or optional_text(entry, "cancel_reason") or ""
        return venue_order(
            EXCHANGE,
            self._symbols().canonical(state["symbol"]),
            order_id,
            get("cl_ord_id"),
            side,
            kind,
            _time_in_force(get("time_in_force"), state["order_type"], kind),
            _status(status, size, filled, get("cum_cost"), reason, by_quote=quote_size is not None),
            status,
            size,
            filled,
            get("cum_cost", None if filled else ZERO),
            limit,
            trigger,
            quote_size,
            get("post_only", False),
            at_ms if entry["exec_type"] == _CREATED else None,
            at_ms,
            reason,
        )

    def _fill(self, entry: Record, order_id: str, at_ms: int) -> VenueFill | None:
        """Read an execution; None where any of it is not told: it is then read from the venue."""
        fees, values = entry.get("fees"), _execution_values(entry)
        if None in values or type(fees) is not list or len(fees) != 1:
            return None
        fee = fees[0]
        if not isinstance(fee, dict):
            raise UnreadableError("fees is not a list of objects")
        liquidity = _UNKNOWN
        if entry.get("liquidity_ind") is not None:
            liquidity = word(entry, "liquidity_ind", _LIQUIDITY)
        exec_id, symbol, side, price, size = values
        price, size = number_told(price), number_told(size)
        if (
            not type(exec_id) is type(symbol) is type(side) is str
            or not (exec_id and symbol and price and size)
            or side not in _SIDES
            or price < ZERO
            or size < ZERO
        ):
            raise fault(entry, _EXECUTION_FIELDS, "last_price")
        return venue_fill(
            EXCHANGE,
            self._symbols().canonical(symbol),
            exec_id,
            order_id,
            _client_id(entry, "cl_ord_id"),
            _SIDES[side],
            price,
            size,
            signed_number(fee, "qty"),
            text(fee, "asset"),
            liquidity,
            at_ms,
            _STREAM,
        )


def _is_whole(state: Record) -> bool:
    # Whether everything that makes an order has been told, of whatever kind it is.
    if not state.keys() >= _NEEDED or not ("order_qty" in state or "cash_order_qty" in state):
        return False
    return "cum_qty" in state or state["order_status"] in _UNTOUCHED


def _nearest_terms(state: Record) -> tuple[Side, OrderType, bool, bool]:
    """Give the terms that an order of a type that we do not place is most like, by its prices."""
    with_limit = state.get("limit_price") is not None
    with_trigger = state.get("stop_price") is not None
    kind = nearest_type(with_limit=with_limit, with_trigger=with_trigger)
    terms = TERMS.get((state["side"], kind))
    if terms is None:
        raise UnreadableError("side is unknown")
    return terms


def _status(
    status: str, size: Decimal, filled: Decimal, value: Decimal | None, reason: str, *, by_quote: bool
) -> PublicStatus | None:
    found = _STATUSES.get(status)
    if found is None or (value and not filled and found in ENDED_STATUSES):
        # What was paid or got for says that something has executed, so the end is not told completely.
        return None
    if found is _FILLED:
        # An order that says it is done and has executed less than it should has not told everything.
        return found if filled and (by_quote or filled >= size) else None
    return ended_status(found, filled, reason)


def _time_in_force(told: TimeInForce | None, order_type: str, kind: OrderType) -> TimeInForce:
    if order_type == "market":
        return TimeInForce.IOC
    if told is not None:
        return told
    if kind is _STOP_MARKET or order_type not in ORDER_TYPES:
        # It rests until it is triggered.
        return TimeInForce.GTC
    raise UnreadableError("time_in_force is not told")
