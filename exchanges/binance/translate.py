"""Binance payloads to our messages: orders, executions and stream events.

Pure. It never guesses: an unknown status stays unknown, and a record with an unknown type, side or time in force, or
with a field missing or of the wrong kind, is unreadable as a whole (`UnreadableError`).
"""

from decimal import Context, Decimal
from functools import partial
from typing import Any, TypeVar

from exchanges.binance.symbols import EXCHANGE, ORDER_TYPES
from exchanges.fields import (
    Reader,
    Record,
    amount,
    amount_or_none,
    as_record,
    fault,
    flag,
    identifier,
    integer,
    optional_integer,
    optional_text,
    plain_amounts,
    positive_amount,
    read_list,
    several,
    signed_amount,
    signed_or_none,
    text,
    text_or_empty,
    unsigned_or_none,
    word,
)
from exchanges.records import venue_fill, venue_order
from exchanges.symbols import SymbolBook
from messages.fills import FillSource, Liquidity, VenueFill
from messages.types import ZERO, PublicStatus, Side, TimeInForce, VenueOrder

CANCEL_ID_PREFIX = "cxl-"
"""Our cancels carry this and the order's client id: it may be shown in place of the order's own afterwards, and the
order must still be recognised."""

STATUSES = {
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
"""What statuses mean that came without a reason; `order_status` knows the others too."""

_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_TIMES_IN_FORCE = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_STOP_TYPES = frozenset({"STOP_LOSS", "TAKE_PROFIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})
TERMS = {
    (side, kind, lasting): (
        _SIDES[side],
        ORDER_TYPES[kind],
        # The venue writes GTC on market orders, which never rest.
        TimeInForce.IOC if kind == "MARKET" else _TIMES_IN_FORCE[lasting],
        kind == "LIMIT_MAKER",
        kind in _STOP_TYPES,
    )
    for side in _SIDES
    for kind in ORDER_TYPES
    for lasting in _TIMES_IN_FORCE
}
"""What side, type and time in force mean together: ours, whether it is post-only, and whether it has a stop price."""
# How the venue writes most zeros.
_ZERO_AS_WRITTEN = "0.00000000"
_NOTHING = Decimal(_ZERO_AS_WRITTEN)
# Whether it is an execution.
_EXECUTION_TYPES = {
    **dict.fromkeys(("NEW", "CANCELED", "REPLACED", "REJECTED", "EXPIRED", "TRADE_PREVENTION"), False),
    "TRADE": True,
}
# Reading a member of an enumeration by its class costs more than reading a field, so those of every record stand here.
_BUY, _SELL = Side.BUY, Side.SELL
_MAKER, _TAKER = Liquidity.MAKER, Liquidity.TAKER
_REST, _STREAM = FillSource.REST, FillSource.STREAM

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
    **dict.fromkeys(("time", "updateTime"), optional_integer),
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
_EXECUTION_FIELDS: dict[str, Reader] = {
    "t": identifier,
    **dict.fromkeys(("L", "l"), positive_amount),
    "n": signed_amount,
    "N": optional_text,
    "m": flag,
}
_execution_values = several(("t", "L", "l", "n", "N", "m"))
# What an order says in a list and in an event, in the order in which `_order` takes it.
_order_values = several(
    (
        *("symbol", "side", "type", "timeInForce", "status", "orderId", "time"),
        *("origQty", "executedQty", "cummulativeQuoteQty", "price", "stopPrice", "origQuoteOrderQty"),
    )
)
_report_values = several(("s", "S", "o", "f", "X", "i", "O", "q", "z", "Z", "p", "P", "Q"))

T = TypeVar("T")


def order_status(venue_status: str, reason: str | None) -> PublicStatus | None:
    """Map a status; None when it has no place in our vocabulary.

    A triggered stop that the engine then refused is shown as expired, for the reason `REJECTED`.
    """
    if venue_status == "EXPIRED" and reason == "REJECTED":
        return PublicStatus.FAILED
    return STATUSES.get(venue_status)


def read_order(value: Any, symbols: SymbolBook) -> VenueOrder:
    """Translate an order object of a query, a list, a full place answer or a cancel answer.

    In a cancel answer, `clientOrderId` is the cancel's id and `origClientOrderId` the order's.
    """
    record = as_record(value)
    get = record.get
    named = get("origClientOrderId")
    client_order_id = get("clientOrderId") if named is None or named == "" else named
    updated_ms = get("updateTime") if get("transactTime") is None else _later(record, "updateTime", "transactTime")
    reason = "" if get("expiryReason") is None else _told(record, "expiryReason")
    order = _order(symbols, _order_values(record), client_order_id, updated_ms, reason)
    if order is None:
        raise fault(record, _ORDER_FIELDS, "stopPrice")
    return order


def _order(
    symbols: SymbolBook, values: tuple[Any, ...], client_order_id: Any, updated_ms: Any, reason: str
) -> VenueOrder | None:
    """Make an order of what its record says, absent fields as None; None when any of it is not as documented.

    In one go, because this runs for every order of every list and for every event.
    """
    symbol, side, kind, lasting, status, order_id, created_ms, size, filled, value, price, stop, quote = values
    try:
        terms = TERMS.get((side, kind, lasting))
    except TypeError:
        # An array or an object in the place of a word.
        return None
    if (
        terms is None
        or not type(symbol) is type(client_order_id) is type(status) is str
        or not (symbol and client_order_id and status)
        or type(order_id) is not int
        or order_id < 0
        or (type(created_ms) is not int and created_ms is not None)
        or (type(updated_ms) is not int and updated_ms is not None)
    ):
        return None
    if stop == _ZERO_AS_WRITTEN and quote == _ZERO_AS_WRITTEN and plain_amounts((size, filled, value, price)):
        # As most open orders are, and most of those have nothing filled.
        size, price, stop, quote = Decimal(size), Decimal(price) or None, None, None
        filled = _NOTHING if filled == _ZERO_AS_WRITTEN else Decimal(filled)
        value = _NOTHING if value == _ZERO_AS_WRITTEN else Decimal(value)
    else:
        amounts = _amounts(size, filled, value, price, stop, quote)
        if amounts is None:
            return None
        size, filled, value, price, stop, quote = amounts
    our_side, our_type, our_time, post_only, with_stop = terms
    if with_stop and stop is None:
        # Other orders show no stop price, or zero; a stop order without one is not as documented.
        return None
    return venue_order(
        EXCHANGE,
        symbols.canonical(symbol),
        str(order_id),
        original_client_id(client_order_id),
        our_side,
        our_type,
        our_time,
        order_status(status, reason) if reason else STATUSES.get(status),
        status,
        size,
        filled,
        value,
        price,
        stop,
        quote,
        post_only,
        created_ms,
        updated_ms,
        reason,
    )


def _amounts(
    size: Any, filled: Any, value: Any, price: Any, stop: Any, quote: Any
) -> tuple[Decimal, Decimal, Decimal | None, Decimal | None, Decimal | None, Decimal | None] | None:
    # Of `_order`, in any form that is documented.
    size, filled, price = unsigned_or_none(size), unsigned_or_none(filled), unsigned_or_none(price)
    value = signed_or_none(value)
    stop = ZERO if stop is None else unsigned_or_none(stop)
    quote = ZERO if quote is None else unsigned_or_none(quote)
    if size is None or filled is None or value is None or price is None or stop is None or quote is None:
        return None
    # A negative value means that the venue does not know it, for some old orders.
    return size, filled, None if value < ZERO else value, price or None, stop or None, quote or None


def read_placed_fills(record: Record, order: VenueOrder) -> tuple[tuple[VenueFill, ...], int]:
    """Translate the executions inside a full place answer; the number of unreadable ones comes second."""

    def fill(item: Any) -> VenueFill:
        entry = as_record(item)
        return venue_fill(
            EXCHANGE,
            order.symbol,
            identifier(entry, "tradeId"),
            order.venue_order_id,
            order.client_order_id,
            order.side,
            positive_amount(entry, "price"),
            positive_amount(entry, "qty"),
            signed_amount(entry, "commission"),
            optional_text(entry, "commissionAsset"),
            # An order that executes while it is being placed takes.
            _TAKER,
            integer(record, "transactTime"),
            _REST,
        )

    return read_list(record.get("fills", []), fill)


def read_trade(value: Any, symbols: SymbolBook) -> VenueFill:
    """Translate one entry of myTrades. Trades carry no client id."""
    record = as_record(value)
    return venue_fill(
        EXCHANGE,
        symbols.canonical(text(record, "symbol")),
        identifier(record, "id"),
        identifier(record, "orderId"),
        None,
        _BUY if flag(record, "isBuyer") else _SELL,
        positive_amount(record, "price"),
        positive_amount(record, "qty"),
        signed_amount(record, "commission"),
        optional_text(record, "commissionAsset"),
        _MAKER if flag(record, "isMaker") else _TAKER,
        integer(record, "time"),
        _REST,
    )


def read_execution_report(event: Record, symbols: SymbolBook) -> tuple[VenueOrder, VenueFill | None]:
    """Translate an executionReport event; with the execution when it is one."""
    get = event.get
    # A cancel puts its own id into `c` and moves the order's to `C`.
    moved = get("C")
    client_order_id = get("c") if moved == "" else moved
    at_ms = integer(event, "T")
    reason = _told(event, "eR") or _told(event, "r")
    order = _order(symbols, _report_values(event), client_order_id, at_ms, reason)
    if order is None or order.filled_value is None:
        raise fault(event, _REPORT_FIELDS, "P")
    return order, _execution(event, order, at_ms) if word(event, "x", _EXECUTION_TYPES) else None


def _execution(event: Record, order: VenueOrder, at_ms: int) -> VenueFill:
    number, price, size, fee, currency, maker = _execution_values(event)
    price, size, fee = unsigned_or_none(price), unsigned_or_none(size), signed_or_none(fee)
    if (
        not (price and size)
        or fee is None
        or type(number) is not int
        or number < 0
        or type(maker) is not bool
        or (type(currency) is not str and currency is not None)
    ):
        raise fault(event, _EXECUTION_FIELDS, "l")
    return venue_fill(
        EXCHANGE,
        order.symbol,
        str(number),
        order.venue_order_id,
        order.client_order_id,
        order.side,
        price,
        size,
        fee,
        currency or None,
        _MAKER if maker else _TAKER,
        at_ms,
        _STREAM,
    )


def read_balance(value: Any, *, asset: str, free: str, locked: str) -> tuple[str, Decimal, Decimal]:
    """Translate one balance under the given field names: asset, total, of which available."""
    record = as_record(value)
    available = amount(record, free)
    return text(record, asset), _EXACT.add(available, amount(record, locked)), available


def original_client_id(client_order_id: str) -> str:
    """Give the order's client id where the venue shows the id of our cancel in its place."""
    return client_order_id.removeprefix(CANCEL_ID_PREFIX)


def _later(record: Record, updated: str, transacted: str) -> int:
    updated_ms, transacted_ms = optional_integer(record, updated), integer(record, transacted)
    return transacted_ms if updated_ms is None else max(updated_ms, transacted_ms)


def _told(record: Record, name: str) -> str:
    reason = record.get(name)
    if reason is None or reason == "NONE":
        return ""
    return text_or_empty(record, name)
