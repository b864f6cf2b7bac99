"""KuCoin's records of orders and stop orders to our messages.

Pure. It never guesses: a record with an unknown side, type or time in force, or with a field missing or of the wrong
kind, is unreadable as a whole (`UnreadableError`); where its parts contradict each other, its status is unknown.
"""

from decimal import Context, Decimal
from functools import partial
from typing import Any

from exchanges.fields import (
    Reader,
    Record,
    UnreadableError,
    amount,
    amount_or_none,
    as_record,
    fault,
    flag,
    integer,
    optional_integer,
    optional_text,
    plain_amounts,
    positive_amount,
    several,
    text,
    word,
)
from exchanges.kucoin.symbols import EXCHANGE
from exchanges.kucoin.times import time_ms
from exchanges.records import venue_order
from exchanges.symbols import SymbolBook
from messages.types import ZERO, OrderType, PublicStatus, Side, TimeInForce, VenueOrder

TRIGGERED = "TRIGGERED"
"""Of a stop order: an ordinary order, under an id of its own, has taken its place."""

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
ORDER_TYPES = {"market": OrderType.MARKET, "limit": OrderType.LIMIT}
_STOP_TYPES = {"market": OrderType.STOP_MARKET, "limit": OrderType.STOP_LIMIT}
_TIMES_IN_FORCE = {
    "GTC": TimeInForce.GTC, "GTT": TimeInForce.GTT, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK,
}  # fmt: skip
# What side, type and time in force mean together; on a market order the last one is shown and means nothing.
_TERMS = {
    (side, kind, lasting): (
        SIDES[side],
        ORDER_TYPES[kind],
        TimeInForce.IOC if kind == "market" else _TIMES_IN_FORCE[lasting],
        kind == "market",
    )
    for side in SIDES
    for kind in ORDER_TYPES
    for lasting in _TIMES_IN_FORCE
}
# Reading a member of an enumeration by its class costs more than reading a field, so those of every record stand here.
_OPEN, _PENDING = PublicStatus.OPEN, PublicStatus.PENDING
_FILLED, _CANCELLED, _EXPIRED = PublicStatus.FILLED, PublicStatus.CANCELLED, PublicStatus.EXPIRED
# Sums of amounts with up to forty digits stay exact.
_EXACT = Context(prec=100)

# The fields that are read in one go, and what each of them has to be.
_ORDER_FIELDS: dict[str, Reader] = {
    **dict.fromkeys(("id", "symbol"), text),
    "clientOid": optional_text,
    "side": partial(word, known=SIDES),
    "type": partial(word, known=ORDER_TYPES),
    "timeInForce": partial(word, known=_TIMES_IN_FORCE),
    **dict.fromkeys(("size", "dealSize", "dealFunds"), amount),
    **dict.fromkeys(("price", "funds"), amount_or_none),
    **dict.fromkeys(("active", "inOrderBook", "cancelExist", "postOnly"), flag),
    **dict.fromkeys(("cancelledSize", "cancelledFunds"), amount),
    **dict.fromkeys(("createdAt", "lastUpdatedAt"), integer),
    "cancelAfter": optional_integer,
}
_order_values = several(
    (
        *("symbol", "id", "clientOid", "side", "type", "timeInForce", "price", "size", "dealSize", "dealFunds"),
        *("active", "inOrderBook", "cancelExist", "postOnly", "createdAt", "lastUpdatedAt", "cancelledSize"),
    )
)
def read_order(value: Any, symbols: SymbolBook) -> VenueOrder:
    """Translate an ordinary order of a query or a list.

    In one go, because this runs for every order of every list.
    """
    record = as_record(value)
    (
        symbol, order_id, client_id, side, kind, lasting, price, size, filled, filled_value,
        active, in_book, cancelled, post_only, created_ms, updated_ms, gone,
    ) = _order_values(record)  # fmt: skip
    try:
        terms = _TERMS.get((side, kind, lasting))
    except TypeError:
        # An array or an object in the place of a word.
        terms = None
    if (
        terms is None
        or not type(symbol) is type(order_id) is str
        or not (symbol and order_id)
        or (type(client_id) is not str and client_id is not None)
        or not type(active) is type(in_book) is type(cancelled) is type(post_only) is bool
        or not type(created_ms) is type(updated_ms) is int
    ):
        raise fault(record, _ORDER_FIELDS, "timeInForce")
    our_side, our_type, our_time, is_market = terms
    if plain_amounts((price, size, filled, filled_value)):
        # Most open orders have executed nothing.
        price, size = Decimal(price) or None, Decimal(size)
        filled = ZERO if filled == "0" else Decimal(filled)
        filled_value = ZERO if filled_value == "0" else Decimal(filled_value)
    else:
        price = amount_or_none(record, "price")
        size, filled, filled_value = (amount(record, name) for name in ("size", "dealSize", "dealFunds"))
    quote = None if size else _funds(record, is_market=is_market)
    if price is None and not is_market:
        raise UnreadableError("price is missing")
    gone = ZERO if gone == "0" else amount(record, "cancelledSize")
    if active:
        size, status = working_size(size, filled, gone, _OPEN if in_book or filled else _PENDING)
    else:
        status = _end_of(record, size, quote, filled, gone, contradicted=(not filled) is not (not filled_value))
    return venue_order(
        EXCHANGE,
        symbols.canonical(symbol),
        order_id,
        client_id or None,
        our_side,
        our_type,
        our_time,
        status,
        # These records have flags; the words are those of the venue's answers and events for the same.
        ("open" if in_book else "new") if active else "done",
        size,
        filled,
        # What has executed has a value: none is told.
        None if filled and not filled_value else filled_value,
        price,
        None,
        quote,
        post_only,
        created_ms,
        updated_ms,
        "",
    )


def _funds(record: Record, *, is_market: bool) -> Decimal:
    # Of an order that is sized in quote units, as only market orders are.
    if not is_market:
        raise UnreadableError("size is zero")
    return positive_amount(record, "funds")


def working_size(
    size: Decimal, filled: Decimal, gone: Decimal, status: PublicStatus | None
) -> tuple[Decimal, PublicStatus | None]:
    """Give the size of an order that works and of which a part was cancelled, and its status; None: nothing would be
    left of it, so that it cannot work.

    `size` zero: sized in quote units.
    """
    if not size or not gone:
        return size, status
    left = _EXACT.subtract(size, gone)
    return (left, status) if left > filled else (size, None)


def ended_as(size: Decimal, filled: Decimal, gone: Decimal) -> PublicStatus | None:
    """Say how an order ended that works no longer; None when what was executed and what was cancelled are not all of
    it: some of that may not be written yet, and what is hidden so may have executed.
    """
    if _EXACT.add(filled, gone) != size:
        return None
    return _CANCELLED if gone else _FILLED


def ended_by_funds(
    funds: Decimal | None, filled: Decimal, gone: Decimal, *, cancelled: bool
) -> PublicStatus | None:
    """Say the same of an order that is sized in quote units, of which `gone` were cancelled; zero: that is not told.

    A rest that buys nothing is always cancelled, so that an order is filled by whatever it has executed.
    """
    if filled:
        return _FILLED
    return _CANCELLED if cancelled and gone in (ZERO, funds) else None


def _end_of(
    record: Record, size: Decimal, funds: Decimal | None, filled: Decimal, gone: Decimal, *, contradicted: bool
) -> PublicStatus | None:
    # `contradicted`: something has executed and has no value, or the other way round.
    if contradicted:
        return None
    if not size:
        funds_gone = amount(record, "cancelledFunds")
        cancelled = flag(record, "cancelExist") or funds_gone > ZERO
        return ended_by_funds(funds, filled, funds_gone, cancelled=cancelled)
    status = ended_as(size, filled, gone)
    return _EXPIRED if status is _CANCELLED and _lived_out(record) else status


def _lived_out(record: Record) -> bool:
    if record["timeInForce"] != "GTT" or record["type"] == "market":
        # On a market order it is shown and means nothing.
        return False
    lifetime_s = optional_integer(record, "cancelAfter")
    lived_ms = integer(record, "lastUpdatedAt") - integer(record, "createdAt")
    return lifetime_s is not None and 0 < lifetime_s * 1000 <= lived_ms


def read_stop(value: Any, symbols: SymbolBook) -> VenueOrder:
    """Translate a stop order: one that has not been triggered works; what became of any other is not told here."""
    record = as_record(value)
    stop_type = word(record, "type", _STOP_TYPES)
    is_market = stop_type is OrderType.STOP_MARKET
    size = amount_or_none(record, "size") or ZERO
    status = text(record, "status")
    created_ms = integer(record, "createdAt")
    triggered_ms = time_ms(optional_integer(record, "stopTriggerTime"))
    return venue_order(
        EXCHANGE,
        symbols.canonical(text(record, "symbol")),
        text(record, "id"),
        optional_text(record, "clientOid"),
        word(record, "side", SIDES),
        stop_type,
        TimeInForce.GTC if is_market else word(record, "timeInForce", _TIMES_IN_FORCE),
        _OPEN if status == "NEW" else None,
        status,
        size,
        ZERO,
        ZERO if status == "NEW" else None,
        None if is_market else positive_amount(record, "price"),
        positive_amount(record, "stopPrice"),
        None if size else _funds(record, is_market=is_market),
        flag(record, "postOnly"),
        created_ms,
        triggered_ms or created_ms,
        "",
    )
