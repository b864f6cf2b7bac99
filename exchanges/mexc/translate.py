"""MEXC's REST records to our messages: orders, executions and balances.

Pure. It never guesses: an unknown status stays unknown, as does one that the amounts beside it contradict; a record
with an unknown side, or with a field missing or of the wrong kind, is unreadable as a whole (`UnreadableError`). A type
that is not documented, as orders made on the venue's pages have, is told by the prices of the order. Amounts and times
come as numbers or as texts of numbers.
"""

import re
from decimal import Context, Decimal
from typing import Any

from exchanges.fields import (
    Record,
    UnreadableError,
    as_record,
    flag,
    number,
    number_or_none,
    optional_text,
    plain_amounts,
    positive_number,
    several,
    signed_number,
    text,
    word,
)
from exchanges.records import venue_fill, venue_order
from exchanges.symbols import SymbolBook
from messages.fills import FillSource, Liquidity, VenueFill
from messages.types import ZERO, OrderType, PublicStatus, Side, TimeInForce, VenueOrder

EXCHANGE = "mexc"

_STATUSES = {
    "NEW": PublicStatus.OPEN,
    "PARTIALLY_FILLED": PublicStatus.OPEN,
    "FILLED": PublicStatus.FILLED,
    "CANCELED": PublicStatus.CANCELLED,
    "PARTIALLY_CANCELED": PublicStatus.CANCELLED,
    # These are not documented for this version of the interface.
    "PENDING_CANCEL": PublicStatus.OPEN,
    "REJECTED": PublicStatus.FAILED,
    "EXPIRED": PublicStatus.EXPIRED,
}
_EXECUTED = frozenset({"FILLED", "PARTIALLY_FILLED", "PARTIALLY_CANCELED"})
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
Terms = tuple[OrderType, TimeInForce, bool]
"""What a type of the venue means: ours, the time in force, and whether it is post-only."""
RESTING: Terms = (OrderType.LIMIT, TimeInForce.GTC, False)
POST_ONLY: Terms = (OrderType.LIMIT, TimeInForce.GTC, True)
IMMEDIATE: Terms = (OrderType.LIMIT, TimeInForce.IOC, False)
ALL_OR_NOTHING: Terms = (OrderType.LIMIT, TimeInForce.FOK, False)
MARKET: Terms = (OrderType.MARKET, TimeInForce.IOC, False)
STOP_LIMIT: Terms = (OrderType.STOP_LIMIT, TimeInForce.GTC, False)
STOP_MARKET: Terms = (OrderType.STOP_MARKET, TimeInForce.GTC, False)
_KINDS = {
    "LIMIT": RESTING,
    "LIMIT_MAKER": POST_ONLY,
    "IMMEDIATE_OR_CANCEL": IMMEDIATE,
    "FILL_OR_KILL": ALL_OR_NOTHING,
    "MARKET": MARKET,
}
TERMS = {(side, kind): (_SIDES[side], *_KINDS[kind]) for side in _SIDES for kind in _KINDS}
"""What side and type mean together: our side, and the terms of the type."""
# Reading a member of an enumeration by its class costs more than reading a field, so those of every record stand here.
_MARKETS = frozenset({OrderType.MARKET, OrderType.STOP_MARKET})
_LIMIT, _MARKET = OrderType.LIMIT, OrderType.MARKET
_MAKER, _TAKER = Liquidity.MAKER, Liquidity.TAKER
_REST = FillSource.REST
# Sums of amounts with up to forty digits stay exact.
_EXACT = Context(prec=100)

_is_integer = re.compile(r"[0-9]{1,19}").fullmatch
_order_values = several(
    (
        *("symbol", "side", "type", "status", "orderId", "clientOrderId", "time", "updateTime"),
        *("origQty", "executedQty", "cummulativeQuoteQty", "price"),
    )
)


def integer_number(record: Record, name: str) -> int:
    """Require an integer of zero or more, as a number or as the text of one."""
    value = record.get(name)
    if type(value) is str and _is_integer(value):
        return int(value)
    if type(value) is not int or value < 0:
        raise UnreadableError(f"{name} is not an integer")
    return value


def optional_integer_number(record: Record, name: str) -> int | None:
    """Read such an integer that may be absent or null."""
    return None if record.get(name) is None else integer_number(record, name)


def identifier_of(record: Record, name: str) -> str:
    """Require an id: a text, or, in old records, a number."""
    value = record.get(name)
    return str(value) if type(value) is int and value >= 0 else text(record, name)


def read_order(value: Any, symbols: SymbolBook) -> VenueOrder:
    """Translate an order object of a query or a list.

    Most are as documented now, and are read in one go; all other forms are read field by field.
    """
    record = as_record(value)
    values = _order_values(record)
    symbol, side, kind, status, order_id, client_id, created_ms, updated_ms, size, filled, worth, price = values
    terms = TERMS.get((side, kind)) if type(side) is type(kind) is str else None
    if (
        terms is None
        or not type(symbol) is type(status) is type(order_id) is type(client_id) is str
        or not (symbol and status and order_id)
        or type(created_ms) is not int
        or (type(updated_ms) is not int and updated_ms is not None)
        or not plain_amounts((size, filled, worth, price))
    ):
        terms, values = _carefully(record)
        symbol, status, order_id, client_id, created_ms, updated_ms, size, filled, worth, price = values
    our_side, our_type, lasting, post_only = terms
    size, price = Decimal(size), Decimal(price)
    filled = ZERO if filled == "0" else Decimal(filled)
    worth = ZERO if worth == "0" else Decimal(worth)
    if our_type in _MARKETS:
        price, quote_size = None, number_or_none(record, "origQuoteOrderQty")
    else:
        # Of these, `origQuoteOrderQty` is no more than price times size.
        quote_size = None
        if not size or not price:
            raise UnreadableError("a limit order has a price and a size")
    return venue_order(
        EXCHANGE,
        symbols.canonical(symbol),
        order_id,
        client_id or None,
        our_side,
        our_type,
        lasting,
        status_told(status, filled, worth),
        status,
        size,
        filled,
        # What has executed has a value: none is told.
        None if filled and not worth else worth,
        price,
        # Of the documented types none has one.
        None if our_type is _LIMIT or our_type is _MARKET else number_or_none(record, "stopPrice"),
        quote_size,
        post_only,
        created_ms,
        updated_ms,
        "",
    )


def status_told(status: str, filled: Decimal, worth: Decimal) -> PublicStatus | None:
    """Map a status; None when it has no place in our vocabulary, or when the amounts beside it contradict it."""
    # What has executed has a value, and some words say that something has, or has not: what contradicts itself may not
    # be written whole yet.
    contradicted = (
        (not filled) is not (not worth)
        or (status in _EXECUTED and not filled)
        or (status == "REJECTED" and filled > ZERO)
    )
    return None if contradicted else _STATUSES.get(status)


def _carefully(record: Record) -> tuple[tuple[Side, OrderType, TimeInForce, bool], tuple[Any, ...]]:
    # Of `read_order`, in any form that is documented, and of any type.
    terms = (word(record, "side", _SIDES), *_kind(record))
    return terms, (
        text(record, "symbol"),
        text(record, "status"),
        identifier_of(record, "orderId"),
        optional_text(record, "clientOrderId"),
        optional_integer_number(record, "time"),
        optional_integer_number(record, "updateTime"),
        *_amounts(record, market=terms[1] in _MARKETS),
    )


def _kind(record: Record) -> Terms:
    known = _KINDS.get(text(record, "type"))
    if known is not None:
        return known
    stopped = number_or_none(record, "stopPrice") is not None
    if number_or_none(record, "price") is not None:
        return STOP_LIMIT if stopped else RESTING
    if all(number_or_none(record, name) is None for name in ("origQty", "Qty", "origQuoteOrderQty")):
        raise UnreadableError("an order has a size")
    return STOP_MARKET if stopped else MARKET


def _amounts(record: Record, *, market: bool) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    # One page of the documentation calls the size `Qty`. Of a market order, size and price may be empty.
    sized = "Qty" if "origQty" not in record and "Qty" in record else "origQty"
    if market:
        size, price = number_or_none(record, sized) or ZERO, number_or_none(record, "price") or ZERO
    else:
        size, price = positive_number(record, sized), positive_number(record, "price")
    return size, number(record, "executedQty"), number(record, "cummulativeQuoteQty"), price


def read_trade(value: Any, symbols: SymbolBook) -> VenueFill:
    """Translate one entry of myTrades. It may lack the client id of an order that has one."""
    record = as_record(value)
    return venue_fill(
        EXCHANGE,
        symbols.canonical(text(record, "symbol")),
        identifier_of(record, "id"),
        identifier_of(record, "orderId"),
        optional_text(record, "clientOrderId"),
        Side.BUY if flag(record, "isBuyer") else Side.SELL,
        positive_number(record, "price"),
        positive_number(record, "qty"),
        signed_number(record, "commission"),
        optional_text(record, "commissionAsset"),
        _MAKER if flag(record, "isMaker") else _TAKER,
        integer_number(record, "time"),
        _REST,
    )


def read_balance(value: Any) -> tuple[str, Decimal, Decimal]:
    """Translate one balance: asset, total, of which available."""
    record = as_record(value)
    available = number(record, "free")
    return text(record, "asset"), total(available, number(record, "locked")), available


def total(available: Decimal, locked: Decimal) -> Decimal:
    """Add the parts of a balance, exactly."""
    return _EXACT.add(available, locked)
