"""KuCoin's stream events to our messages: orders, stop orders, balances.

It keeps nothing. Any field may be absent: without one that tells how far an order has executed, its status is unknown
and it is read; without one that names it, the event is unreadable (`UnreadableError`). So it is without the client id:
such an event may overtake the answer to the placement, and would make the order look like somebody else's.
"""

from decimal import Decimal
from functools import partial
from typing import Any

from exchanges.fields import (
    Reader,
    Record,
    UnreadableError,
    amount,
    amount_or_none,
    fault,
    optional_integer,
    optional_text,
    positive_amount,
    several,
    text,
    unsigned_or_none,
    word,
)
from exchanges.kucoin.stops import StopMemory
from exchanges.kucoin.symbols import EXCHANGE
from exchanges.kucoin.times import NS_PER_MS, time_ms
from exchanges.kucoin.translate import (
    ORDER_TYPES,
    SIDES,
    ended_as,
    ended_by_funds,
    working_size,
)
from exchanges.records import venue_order
from exchanges.symbols import SymbolBook
from messages.types import ZERO, OrderType, PublicStatus, TimeInForce, VenueOrder

# What side and type mean together. Events do not tell the time in force.
_TERMS = {
    (side, kind): (
        SIDES[side],
        ORDER_TYPES[kind],
        TimeInForce.IOC if kind == "market" else TimeInForce.GTC,
    )
    for side in SIDES
    for kind in ORDER_TYPES
}
_WORKING = {"new": PublicStatus.PENDING, "open": PublicStatus.OPEN, "match": PublicStatus.OPEN}
_DONE = "done"
_UNTOUCHED = frozenset({"received", "open"})
"""Events that come before anything has executed."""
_MARKET = OrderType.MARKET

_EVENT_FIELDS: dict[str, Reader] = {
    **dict.fromkeys(("symbol", "orderId", "clientOid", "status", "type"), text),
    "side": partial(word, known=SIDES),
    "orderType": partial(word, known=ORDER_TYPES),
    **dict.fromkeys(("ts", "orderTime"), optional_integer),
}
_event_values = several(
    (
        *("symbol", "orderId", "clientOid", "side", "orderType", "status", "type"),
        *("originSize", "filledSize", "canceledSize", "price", "orderTime", "ts"),
    )
)
_STOP_STATUSES = {"cancel": PublicStatus.CANCELLED}


def read_order_event(event: Record, symbols: SymbolBook) -> VenueOrder:
    """Translate an orderChange event. It never tells an execution whole: the fee is missing."""
    (
        symbol, order_id, client_id, side, kind, status, happened, size, filled, gone, price, created, ts,
    ) = _event_values(event)  # fmt: skip
    try:
        terms = _TERMS.get((side, kind))
    except TypeError:
        # An array or an object in the place of a word.
        terms = None
    if (
        terms is None
        or not type(symbol) is type(order_id) is type(client_id) is type(status) is type(happened) is str
        or not (symbol and order_id and client_id and status and happened)
        or (type(created) is not int and created is not None)
        or (type(ts) is not int and ts is not None)
    ):
        raise fault(event, _EVENT_FIELDS, "side")
    our_side, our_type, our_time = terms
    our_size = unsigned_or_none(size)
    quote = None if our_size else _funds(event, our_type)
    our_filled = _executed(event, filled, happened)
    our_gone = ZERO if gone is None or gone == "0" else amount(event, "canceledSize")
    if status == _DONE:
        our_status = _end(event, our_size, quote, our_filled or ZERO, our_gone)
    else:
        our_size, our_status = working_size(our_size or ZERO, our_filled or ZERO, our_gone, _WORKING.get(status))
    return venue_order(
        EXCHANGE,
        symbols.canonical(symbol),
        order_id,
        client_id,
        our_side,
        our_type,
        our_time,
        None if our_filled is None else our_status,
        status,
        our_size or ZERO,
        our_filled or ZERO,
        None if our_filled is None or our_filled else ZERO,
        unsigned_or_none(price) or _price(event, our_type),
        None,
        quote,
        False,
        time_ms(created),
        None if ts is None else ts // NS_PER_MS,
        "",
    )


def _funds(event: Record, our_type: OrderType) -> Decimal:
    # Of an order that is sized in quote units, as only market orders are.
    if our_type is not _MARKET:
        raise fault(event, {"originSize": positive_amount}, "originSize")
    amount_or_none(event, "originSize")
    return positive_amount(event, "originFunds")


def _price(event: Record, our_type: OrderType) -> Decimal | None:
    # Absent or zero, as a market order's is.
    return amount_or_none(event, "price") if our_type is _MARKET else positive_amount(event, "price")


def _executed(event: Record, filled: Any, happened: str) -> Decimal | None:
    if filled is not None:
        return amount(event, "filledSize")
    return ZERO if happened in _UNTOUCHED else None


def _end(
    event: Record, size: Decimal | None, funds: Decimal | None, filled: Decimal, gone: Decimal
) -> PublicStatus | None:
    # Whatever kind of event it is: how the order ended shows in how much of it executed.
    if size:
        return ended_as(size, filled, gone)
    return ended_by_funds(funds, filled, amount_or_none(event, "canceledFunds") or ZERO, cancelled=True)


def read_stop_event(event: Record, symbols: SymbolBook, stops: StopMemory) -> VenueOrder | None:
    """Translate an event about a stop order; None when it says nothing that the account needs.

    These events name no client id, so that one about a stop order of which nothing else was heard is unreadable. That a
    stop order waits is known without them, and after a trigger the order that follows tells itself.
    """
    happened = text(event, "type")
    failed = event.get("triggerSuccess") is False
    if not failed and happened in ("open", "triggered"):
        return None
    stop_id = text(event, "orderId")
    if stop_id not in stops:
        raise UnreadableError("orderId is of no stop order that is known, and clientOid is not told")
    price = amount_or_none(event, "orderPrice")
    size = amount_or_none(event, "size") or ZERO
    stop_type = OrderType.STOP_MARKET if price is None else OrderType.STOP_LIMIT
    return venue_order(
        EXCHANGE,
        symbols.canonical(text(event, "symbol")),
        stop_id,
        stops.client_id(stop_id),
        word(event, "side", SIDES),
        stop_type,
        TimeInForce.GTC,
        PublicStatus.FAILED if failed else _STOP_STATUSES.get(happened),
        happened,
        size,
        ZERO,
        ZERO,
        price,
        positive_amount(event, "stopPrice"),
        None if size else amount_or_none(event, "funds"),
        False,
        time_ms(optional_integer(event, "createdAt")),
        time_ms(optional_integer(event, "ts")),
        optional_text(event, "error") or "",
    )


def read_balance_event(event: Record) -> tuple[str, Decimal, Decimal] | None:
    """Translate a balance event: asset, total, of which available; None when it is about another account than that
    which trades.
    """
    account, _, _ = text(event, "relationEvent").partition(".")
    if account != "trade":
        return None
    return text(event, "currency"), amount(event, "total"), amount(event, "available")
