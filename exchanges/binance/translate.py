"""Binance payloads to our messages: orders, executions and stream events.

Pure. It never guesses: an unknown status stays unknown, and a record with an unknown type, side or time in force, or
with a field missing or of the wrong kind, is unreadable as a whole (`UnreadableError`).
"""

from collections.abc import Callable, Iterable
from decimal import Context, Decimal
from functools import partial
from typing import Any, TypeVar

import orjson

from exchanges.binance.fields import (
    Reader,
    Record,
    UnreadableError,
    amount,
    amount_or_none,
    as_list,
    as_record,
    fault,
    flag,
    identifier,
    integer,
    optional_integer,
    optional_text,
    positive_amount,
    signed_amount,
    signed_or_none,
    text,
    text_or_empty,
    unsigned_or_none,
    word,
)
from exchanges.binance.symbols import EXCHANGE, ORDER_TYPES, SymbolBook
from messages.fills import FillSource, Liquidity, VenueFill
from messages.types import ZERO, PublicStatus, Side, TimeInForce, VenueOrder

CANCEL_ID_PREFIX = "cxl-"
"""Our cancels carry this and the order's client id: it may be shown in place of the order's own afterwards, and the
order must still be recognised."""

_STATUSES = {
    "PENDING_NEW": PublicStatus.PENDING,
    "NEW": PublicStatus.OPEN,
    "PARTIALLY_FILLED": PublicStatus.OPEN,
    "PENDING_CANCEL": PublicStatus.OPEN,
    "FILLED": PublicStatus.FILLED,
    "CANCELED": PublicStatus.CANCELLED,
    "REJECTED": PublicStatus.FAILED,
    "EXPIRED": PublicStatus.EXPIRED,
    "EXPIRED_IN_MATCH": PublicStatus.EXPIRED,
}
ENDED = frozenset({PublicStatus.FILLED, PublicStatus.CANCELLED, PublicStatus.EXPIRED, PublicStatus.FAILED})
"""Statuses of an order that works no more."""

_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_TIMES_IN_FORCE = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_STOP_TYPES = frozenset({"STOP_LOSS", "TAKE_PROFIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})
# Whether it is an execution.
_EXECUTION_TYPES = {
    **dict.fromkeys(("NEW", "CANCELED", "REPLACED", "REJECTED", "EXPIRED", "TRADE_PREVENTION"), False),
    "TRADE": True,
}
# Reading a member of an enumeration by its class costs more than reading a field, so those of every record stand here.
_BUY, _SELL = Side.BUY, Side.SELL
_MAKER, _TAKER = Liquidity.MAKER, Liquidity.TAKER
_REST, _STREAM = FillSource.REST, FillSource.STREAM
_IMMEDIATE = TimeInForce.IOC

# Sums and products of amounts with up to forty digits stay exact.
_EXACT = Context(prec=100)

# The fields that are read in one go, and what each of them has to be.
_ORDER_FIELDS: dict[str, Reader] = {
    **dict.fromkeys(("symbol", "status"), text),
    "orderId": identifier,
    "side": partial(word, known=_SIDES),
    "type": partial(word, known=ORDER_TYPES),
    "timeInForce": partial(word, known=_TIMES_IN_FORCE),
    **dict.fromkeys(("origQty", "executedQty", "price"), amount),
    "cummulativeQuoteQty": signed_amount,
    **dict.fromkeys(("stopPrice", "origQuoteOrderQty"), amount_or_none),
    "time": optional_integer,
    "origClientOrderId": optional_text,
    "clientOrderId": text,
}
_REPORT_FIELDS: dict[str, Reader] = {
    **dict.fromkeys(("s", "X"), text),
    "i": identifier,
    "S": partial(word, known=_SIDES),
    "o": partial(word, known=ORDER_TYPES),
    "f": partial(word, known=_TIMES_IN_FORCE),
    **dict.fromkeys(("q", "z", "Z", "p"), amount),
    **dict.fromkeys(("P", "Q"), amount_or_none),
    "O": optional_integer,
    "C": text_or_empty,
    "c": text,
}

T = TypeVar("T")


def parse_json(body: bytes) -> Any:
    """Parse a body; raises `UnreadableError`. Amounts are strings on this venue, so no digit passes through a float."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UnreadableError("not JSON") from None


def order_status(venue_status: str, reason: str | None) -> PublicStatus | None:
    """Map a status; None when it has no place in our vocabulary.

    A triggered stop that the engine then refused is shown as expired, for the reason `REJECTED`.
    """
    if venue_status == "EXPIRED" and reason == "REJECTED":
        return PublicStatus.FAILED
    return _STATUSES.get(venue_status)


def read_order(value: Any, symbols: SymbolBook) -> VenueOrder:
    """Translate an order object of a query, a list, a full place answer or a cancel answer.

    In a cancel answer, `clientOrderId` is the cancel's id and `origClientOrderId` the order's.
    """
    record = as_record(value)
    get = record.get
    named = get("origClientOrderId")
    client_order_id = get("clientOrderId") if named is None or named == "" else named
    updated_ms, transacted_ms = optional_integer(record, "updateTime"), optional_integer(record, "transactTime")
    if updated_ms is None or (transacted_ms is not None and transacted_ms > updated_ms):
        updated_ms = transacted_ms
    order = _order(
        symbols,
        (get("symbol"), client_order_id, get("side"), get("type"), get("timeInForce"), get("status")),
        (get("orderId"), get("time"), updated_ms),
        (get("origQty"), get("executedQty"), get("cummulativeQuoteQty")),
        (get("price"), get("stopPrice"), get("origQuoteOrderQty")),
        _told(record, "expiryReason"),
    )
    if order is None:
        raise fault(record, _ORDER_FIELDS, "stopPrice")
    return order


def _order(
    symbols: SymbolBook,
    texts: tuple[Any, Any, Any, Any, Any, Any],
    numbers: tuple[Any, Any, int | None],
    sizes: tuple[Any, Any, Any],
    prices: tuple[Any, Any, Any],
    reason: str,
) -> VenueOrder | None:
    """Make an order of what its record says, absent fields as None; None when any of it is not as documented.

    In one go, because this runs for every order of every list and for every event.
    """
    symbol, client_order_id, side, kind, lasting, status = texts
    order_id, created_ms, updated_ms = numbers
    if (
        not type(symbol) is type(client_order_id) is type(side) is type(kind) is type(lasting) is type(status) is str
        or not (symbol and client_order_id and status)
        or type(order_id) is not int
        or order_id < 0
        or (type(created_ms) is not int and created_ms is not None)
    ):
        return None
    our_side, our_type, our_time = _SIDES.get(side), ORDER_TYPES.get(kind), _TIMES_IN_FORCE.get(lasting)
    amounts = _amounts(sizes, prices)
    if our_side is None or our_type is None or our_time is None or amounts is None:
        return None
    size, filled_size, filled_value, price, stop_price, quote_size = amounts
    if not stop_price and kind in _STOP_TYPES:
        # Other orders show no stop price, or zero; a stop order without one is not as documented.
        return None
    return VenueOrder(
        exchange=EXCHANGE,
        symbol=symbols.canonical(symbol),
        venue_order_id=str(order_id),
        client_order_id=original_client_id(client_order_id),
        side=our_side,
        type=our_type,
        # The venue writes GTC on market orders, which never rest.
        time_in_force=_IMMEDIATE if kind == "MARKET" else our_time,
        status=order_status(status, reason),
        venue_status=status,
        size=size,
        filled_size=filled_size,
        # Negative means that the venue does not know, for some old orders.
        filled_value=None if filled_value < ZERO else filled_value,
        price=price or None,
        stop_price=stop_price or None,
        quote_size=quote_size or None,
        post_only=kind == "LIMIT_MAKER",
        created_venue_ms=created_ms,
        updated_venue_ms=updated_ms,
        reason=reason,
    )


def _amounts(
    sizes: tuple[Any, Any, Any], prices: tuple[Any, Any, Any]
) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal, Decimal] | None:
    # Of `_order`, in the order given; no stop price and no quote size are zero.
    (size, filled_size, filled_value), (price, stop_price, quote_size) = sizes, prices
    try:
        size, filled_size = unsigned_or_none(size), unsigned_or_none(filled_size)
        filled_value, price = signed_or_none(filled_value), unsigned_or_none(price)
        stop_price = ZERO if stop_price is None else unsigned_or_none(stop_price)
        quote_size = ZERO if quote_size is None else unsigned_or_none(quote_size)
    except TypeError:
        # An array or an object in the place of an amount.
        return None
    if (size is None or filled_size is None or filled_value is None) or (
        price is None or stop_price is None or quote_size is None
    ):
        return None
    return size, filled_size, filled_value, price, stop_price, quote_size


def read_placed_fills(record: Record, order: VenueOrder) -> tuple[tuple[VenueFill, ...], int]:
    """Translate the executions inside a full place answer; the number of unreadable ones comes second."""

    def fill(item: Any) -> VenueFill:
        entry = as_record(item)
        return VenueFill(
            exchange=EXCHANGE,
            symbol=order.symbol,
            fill_id=identifier(entry, "tradeId"),
            venue_order_id=order.venue_order_id,
            client_order_id=order.client_order_id,
            side=order.side,
            price=positive_amount(entry, "price"),
            size=positive_amount(entry, "qty"),
            fee=signed_amount(entry, "commission"),
            fee_currency=optional_text(entry, "commissionAsset"),
            # An order that executes while it is being placed takes.
            liquidity=_TAKER,
            venue_time_ms=integer(record, "transactTime"),
            source=_REST,
        )

    return read_list(record.get("fills", []), fill)


def read_trade(value: Any, symbols: SymbolBook) -> VenueFill:
    """Translate one entry of myTrades. Trades carry no client id."""
    record = as_record(value)
    return VenueFill(
        exchange=EXCHANGE,
        symbol=symbols.canonical(text(record, "symbol")),
        fill_id=identifier(record, "id"),
        venue_order_id=identifier(record, "orderId"),
        side=_BUY if flag(record, "isBuyer") else _SELL,
        price=positive_amount(record, "price"),
        size=positive_amount(record, "qty"),
        fee=signed_amount(record, "commission"),
        fee_currency=optional_text(record, "commissionAsset"),
        liquidity=_MAKER if flag(record, "isMaker") else _TAKER,
        venue_time_ms=integer(record, "time"),
        source=_REST,
    )


def read_execution_report(event: Record, symbols: SymbolBook) -> tuple[VenueOrder, VenueFill | None]:
    """Translate an executionReport event; with the execution when it is one."""
    get = event.get
    # A cancel puts its own id into `c` and moves the order's to `C`.
    moved = get("C")
    client_order_id = get("c") if moved == "" else moved
    order = _order(
        symbols,
        (get("s"), client_order_id, get("S"), get("o"), get("f"), get("X")),
        (get("i"), get("O"), integer(event, "T")),
        (get("q"), get("z"), get("Z")),
        (get("p"), get("P"), get("Q")),
        _told(event, "eR") or _told(event, "r"),
    )
    if order is None or order.filled_value is None:
        raise fault(event, _REPORT_FIELDS, "P")
    return order, _execution(event, order) if word(event, "x", _EXECUTION_TYPES) else None


def _execution(event: Record, order: VenueOrder) -> VenueFill:
    return VenueFill(
        exchange=EXCHANGE,
        symbol=order.symbol,
        fill_id=identifier(event, "t"),
        venue_order_id=order.venue_order_id,
        client_order_id=order.client_order_id,
        side=order.side,
        price=positive_amount(event, "L"),
        size=positive_amount(event, "l"),
        fee=signed_amount(event, "n"),
        fee_currency=optional_text(event, "N"),
        liquidity=_MAKER if flag(event, "m") else _TAKER,
        venue_time_ms=integer(event, "T"),
        source=_STREAM,
    )


def read_balance(value: Any, *, asset: str, free: str, locked: str) -> tuple[str, Decimal, Decimal]:
    """Translate one balance under the given field names: asset, total, of which available."""
    record = as_record(value)
    available = amount(record, free)
    return text(record, asset), _EXACT.add(available, amount(record, locked)), available


def read_list(value: Any, read: Callable[[Any], T]) -> tuple[tuple[T, ...], int]:
    """Translate a list; a bad record is skipped alone, and the number of those comes second."""
    found: list[T] = []
    unreadable = 0
    for item in as_list(value):
        try:
            found.append(read(item))
        except UnreadableError:
            unreadable += 1
    return tuple(found), unreadable


def exact_sum(values: Iterable[Decimal]) -> Decimal:
    """Add amounts without rounding."""
    total = ZERO
    for value in values:
        total = _EXACT.add(total, value)
    return total


def original_client_id(client_order_id: str) -> str:
    """Give the order's client id where the venue shows the id of our cancel in its place."""
    return client_order_id.removeprefix(CANCEL_ID_PREFIX)


def _told(record: Record, name: str) -> str:
    reason = record.get(name)
    if reason is None or reason == "NONE":
        return ""
    return text_or_empty(record, name)
