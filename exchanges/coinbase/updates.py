"""Orders as Coinbase's user channel describes them: the same orders under other names, as totals.

Pure, and as strict as reading the lists. An event tells no executions and not always a size: what it leaves out is not
made up.
"""

from collections.abc import Mapping
from decimal import Context, Decimal
from functools import partial
from typing import Any, TypeVar

from exchanges.coinbase.symbols import EXCHANGE
from exchanges.coinbase.terms import nearest_type
from exchanges.coinbase.times import time, time_or_none
from exchanges.coinbase.translate import (
    SIDES,
    STATUSES,
    WORKING,
    amount_or_empty,
    our_client_id,
    status_told,
    words_told,
)
from exchanges.fields import (
    Reader,
    Record,
    UnreadableError,
    as_record,
    fault,
    optional_text,
    plain_amounts,
    several,
    text,
    text_or_empty,
    unsigned_or_none,
    word,
)
from exchanges.records import venue_order
from exchanges.symbols import SymbolBook
from messages.types import OrderType, Side, TimeInForce, VenueOrder

_TYPES = {"MARKET": OrderType.MARKET, "LIMIT": OrderType.LIMIT, "STOP_LIMIT": OrderType.STOP_LIMIT}
_TIMES_IN_FORCE = {
    "GOOD_UNTIL_CANCELLED": TimeInForce.GTC,
    "GOOD_UNTIL_DATE_TIME": TimeInForce.GTT,
    "IMMEDIATE_OR_CANCEL": TimeInForce.IOC,
    "FILL_OR_KILL": TimeInForce.FOK,
}
# Booleans arrive as texts; what an order cannot be may be empty.
_FLAGS = {"true": True, "false": False, "": False, True: True, False: False}
_FLAG_TYPES = (str, bool)
_WORKING = frozenset(WORKING)
_MARKET, _STOP_LIMIT, _IOC, _BUY = OrderType.MARKET, OrderType.STOP_LIMIT, TimeInForce.IOC, Side.BUY
_GTC = TimeInForce.GTC
_NOTHING = Decimal(0)
_EXACT = Context(prec=100)

T = TypeVar("T")

_values = several(
    (
        *("product_id", "order_side", "order_type", "time_in_force", "status", "order_id", "client_order_id"),
        *("cumulative_quantity", "leaves_quantity", "filled_value", "limit_price", "stop_price"),
        *("post_only", "creation_time"),
    )
)


def is_spot(value: Any) -> bool:
    """Tell whether an order object of the channel is of the spot market; the channel tells of all markets."""
    kind = text(as_record(value), "product_type")
    if kind.startswith("UNKNOWN"):
        raise UnreadableError("product_type is unknown")
    return kind == "SPOT"


def read_update(value: Any, symbols: SymbolBook) -> VenueOrder:
    """Translate an order object of the channel.

    It comes without a time of its own: the message's says when it was sent, not as of when it is true.
    """
    record = as_record(value)
    order = _order(record, symbols)
    if order is None:
        raise fault(record, _FIELDS, "order_type")
    return order


def _order(record: Record, symbols: SymbolBook) -> VenueOrder | None:
    """Make an order of its record; None when any of it is not as documented.

    In one go, because this runs for every event.
    """
    (
        symbol, side, kind, lasting, status, order_id, client_id,
        filled, left, value, price, stop_price, rests_only, created,
    ) = _values(record)  # fmt: skip
    if (
        not type(symbol) is type(side) is type(kind) is type(lasting) is type(status) is type(order_id) is str
        or not (symbol and order_id and kind)
        or (type(client_id) is not str and client_id is not None)
        or type(rests_only) not in _FLAG_TYPES
    ):
        return None
    our_side, our_type = SIDES.get(side), _word(_TYPES, kind)
    # A market order never rests, whatever the venue calls that.
    our_time = _IOC if our_type is _MARKET else _word(_TIMES_IN_FORCE, lasting)
    created_ms, post_only = time_or_none(created), _FLAGS.get(rests_only)
    amounts = _amounts(filled, left, value, price, stop_price)
    if our_side is None or created_ms is None or post_only is None or amounts is None:
        return None
    filled, left, value, price, stop_price = amounts
    if our_type is None:
        # Of a kind that we do not place: made by the account's owner elsewhere, and it rests.
        our_type, our_time = nearest_type(price, stop_price), our_time or _GTC
    elif (our_type is not _MARKET and not price) or (our_type is _STOP_LIMIT and not stop_price):
        return None
    if our_time is None:
        return None
    works = status in _WORKING
    return venue_order(
        EXCHANGE,
        symbols.canonical(symbol),
        order_id,
        our_client_id(client_id) if client_id else None,
        our_side,
        our_type,
        our_time,
        STATUSES[status] if works else status_told(record, status, filled, value),
        status,
        _size(status, filled, None if our_type is _MARKET and our_side is _BUY else left),
        filled or _NOTHING,
        (value or None) if filled else (value or _NOTHING),
        price or None,
        stop_price or None,
        None,
        post_only,
        created_ms,
        None,
        "" if works else _reason(record, status),
    )


def _size(status: str, filled: Decimal | None, left: Decimal | None) -> Decimal:
    """Give the size that an event shows, zero where it shows none.

    Orders that have ended are shown with nothing left, whatever they were for. What is left of a market buy may be in
    quote units; None stands for that.
    """
    if status == "FILLED" or (status in _WORKING and left is None):
        return filled or _NOTHING
    return _EXACT.add(filled or _NOTHING, left) if left is not None and status in _WORKING else _NOTHING


def _amounts(filled: Any, left: Any, value: Any, price: Any, stop_price: Any) -> list[Decimal | None] | None:
    # An empty text says nothing; None alone: one of them is not an amount.
    if stop_price == "" and plain_amounts((filled, left, value, price)):
        # As most orders are.
        return [Decimal(filled), Decimal(left), Decimal(value), Decimal(price), None]
    found: list[Decimal | None] = []
    for each in (filled, left, value, price, stop_price):
        told = None if each == "" else unsigned_or_none(each)
        if told is None and each != "":
            return None
        found.append(told)
    return found


def _word(known: Mapping[str, T], written: str) -> T | None:
    # The channel writes `Stop Limit` where lists have STOP_LIMIT.
    return known.get(written) or known.get(written.upper().replace(" ", "_"))


def _reason(record: Record, status: str) -> str:
    if status != "FAILED":
        return words_told(record, "cancel_reason")
    # The documentation has both spellings.
    return words_told(record, "reject_reason") or words_told(record, "reject_Reason")


def _known_word(record: Record, name: str, known: Mapping[str, object]) -> object:
    found = _word(known, text(record, name))
    if found is None:
        raise UnreadableError(f"{name} is unknown")
    return found


def _flag(record: Record, name: str) -> object:
    if type(record.get(name)) not in _FLAG_TYPES or record[name] not in _FLAGS:
        raise UnreadableError(f"{name} is not true or false")
    return record[name]


_FIELDS: dict[str, Reader] = {
    **dict.fromkeys(("product_id", "order_id"), text),
    "order_side": partial(word, known=SIDES),
    "order_type": text,
    "status": text_or_empty,
    "client_order_id": optional_text,
    "post_only": _flag,
    "creation_time": time,
    **dict.fromkeys(
        ("cumulative_quantity", "leaves_quantity", "filled_value", "limit_price", "stop_price"), amount_or_empty
    ),
    "time_in_force": partial(_known_word, known=_TIMES_IN_FORCE),
}
