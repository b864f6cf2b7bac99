"""ProjectX payloads to our messages: orders, in look-ups, lists and events of the hub.

Pure. It never guesses: an unknown status stays unknown, and a record with an unknown type or side, or with a field
missing or of the wrong kind, is unreadable as a whole (`UnreadableError`). Fields that the venue shows as optional may
be absent or null.
"""

from decimal import Decimal
from functools import partial
from typing import Any

from exchanges.fields import (
    Reader,
    Record,
    UnreadableError,
    as_record,
    fault,
    identifier,
    integer,
    several,
    signed_number,
    text,
)
from exchanges.projectx import forms
from exchanges.projectx.forms import coded, price_of
from exchanges.projectx.symbols import EXCHANGE
from exchanges.records import venue_order
from exchanges.symbols import SymbolBook
from exchanges.times import zoned_or_none
from messages.types import ENDED_STATUSES, ZERO, OrderType, PublicStatus, Side, TimeInForce, VenueOrder

SUSPENDED = 8
WORKING_STATUSES = (1, 6, 7, SUSPENDED)
"""Open, pending, cancel pending, and held until an entry fills."""

_STATUSES = {
    0: ("None", PublicStatus.PENDING),
    1: ("Open", PublicStatus.OPEN),
    2: ("Filled", PublicStatus.FILLED),
    3: ("Cancelled", PublicStatus.CANCELLED),
    4: ("Expired", PublicStatus.EXPIRED),
    5: ("Rejected", PublicStatus.FAILED),
    6: ("Pending", PublicStatus.PENDING),
    # It was asked to be cancelled and can still fill.
    7: ("PendingCancellation", PublicStatus.OPEN),
    SUSPENDED: ("Suspended", PublicStatus.PENDING),
}
_TYPES = {
    1: ("Limit", OrderType.LIMIT),
    2: ("Market", OrderType.MARKET),
    3: ("StopLimit", OrderType.STOP_LIMIT),
    4: ("Stop", OrderType.STOP_MARKET),
    # What others place and we do not: a stop whose price the venue moves, and limits whose price it chose.
    5: ("TrailingStop", OrderType.STOP_MARKET),
    6: ("JoinBid", OrderType.LIMIT),
    7: ("JoinAsk", OrderType.LIMIT),
}
SIDES = {0: ("Bid", Side.BUY), 1: ("Ask", Side.SELL)}

_LIMITS, _STOPS = frozenset({1, 3}), frozenset({3, 4})
"""Codes of types that have a limit, or a stop, of their own."""
_STATUS_CODES, _TYPE_CODES = coded(_STATUSES), coded(_TYPES)
SIDE_CODES = coded(SIDES)
_FILLED = 2
_EXECUTED_IN_NOTHING = frozenset({0, 6, SUSPENDED})
"""Statuses of orders that have not come so far as to execute."""

_GTC, _IOC = TimeInForce.GTC, TimeInForce.IOC
_TAG_LENGTH = 32
_HEX = frozenset("0123456789abcdef")

_ORDER_FIELDS: dict[str, Reader] = {
    "id": identifier,
    "accountId": integer,
    "contractId": text,
    "creationTimestamp": forms.time,
    "updateTimestamp": forms.optional_time,
    "status": forms.status,
    "type": partial(forms.code, known=_TYPE_CODES),
    "side": partial(forms.code, known=SIDE_CODES),
    "size": forms.size,
    "fillVolume": forms.optional_volume,
    "limitPrice": forms.optional_price,
    "stopPrice": forms.optional_price,
    "customTag": forms.optional_tag,
}
_order_values = several(tuple(_ORDER_FIELDS))
_TERMS = {
    (kind, side): (_TYPES[kind_code][1], SIDES[side_code][1], kind_code in _LIMITS, kind_code in _STOPS)
    for kind, kind_code in _TYPE_CODES.items()
    for side, side_code in SIDE_CODES.items()
}
_CODED = frozenset({int, str})
_SIZES = {number: Decimal(number) for number in range(1, 1001)}
"""Most sizes; making a `Decimal` costs more than finding one."""


def read_order(
    value: Any, symbols: SymbolBook, account: int, *, executed: Decimal | None = None, settled: bool = True
) -> VenueOrder:
    """Translate an order of a look-up, a list or an event; it must be of the account.

    `executed` is what its executions come to, for an order whose own record does not say; not `settled`: more of them
    may not be listed yet. While it is not known how much an order that may have executed has executed, its status is
    unknown: its executions have to be read.
    """
    record = as_record(value)
    order = _order(symbols, account, (executed, settled), _order_values(record))
    if order is None:
        raise fault(record, _ORDER_FIELDS, "a price, or the account,")
    return order


def says_volume(record: Record) -> bool:
    """Tell whether an order's record says how much of it has executed."""
    return record.get("fillVolume") is not None


def _order(
    symbols: SymbolBook, account: int, executed: tuple[Decimal | None, bool], values: tuple[Any, ...]
) -> VenueOrder | None:
    """Make an order of what its record says, absent fields as None; None when any of it is not as documented.

    In one go, because this runs for every order of every list and for every event.
    """
    order_id, owner, contract, created, updated, status, kind, side, size, volume, limit, stop, tag = values
    # A decimal or a flag equals the number that it is, and is none.
    terms = _TERMS.get((kind, side)) if type(kind) in _CODED and type(side) in _CODED else None
    created_ms = zoned_or_none(created)
    updated_ms = None if updated is None else zoned_or_none(updated)
    if (
        terms is None
        or created_ms is None
        or (updated_ms is None and updated is not None)
        or type(order_id) is not int
        or order_id < 0
        or type(owner) is not int
        or owner != account
        or type(contract) is not str
        or not contract
        or type(size) is not int
        or size <= 0
        or type(status) not in _CODED
        or status == ""
        or (volume is not None and (type(volume) is not int or volume < 0))
        or (tag is not None and type(tag) is not str)
    ):
        return None
    our_type, our_side, has_limit, has_stop = terms
    price, stop_price = _price(limit, wanted=has_limit), _price(stop, wanted=has_stop)
    if price is _UNREADABLE or stop_price is _UNREADABLE:
        return None
    whole = _SIZES.get(size) or Decimal(size)
    told, our_status = _STATUSES.get(_STATUS_CODES.get(status, -1), (str(status), None))
    filled = ZERO
    if volume:
        filled = _SIZES.get(volume) or Decimal(volume)
    elif volume is None:
        filled, our_status = _unsaid(status, whole, our_status, *executed)
    return venue_order(
        EXCHANGE,
        symbols.canonical(contract),
        str(order_id),
        tag if not tag or len(tag) != _TAG_LENGTH else _plain_tag(tag),
        our_side,
        our_type,
        # A market order never rests; the venue has no times in force to show.
        _IOC if our_type is OrderType.MARKET else _GTC,
        our_status,
        told,
        whole,
        filled,
        # `filledPrice` does not say whether it is an average; the executions do.
        ZERO if volume == 0 else None,
        price,
        stop_price,
        None,
        False,
        created_ms,
        updated_ms,
        "",
    )


_UNREADABLE = Decimal("NaN")


def _price(value: Any, *, wanted: bool) -> Decimal | None:
    # Futures may trade below zero, so any number is a price.
    if value is None:
        return _UNREADABLE if wanted else None
    try:
        return price_of(value) or signed_number({"": value}, "")
    except UnreadableError:
        return _UNREADABLE


def _unsaid(
    status: int | str, size: Decimal, our_status: PublicStatus | None, executed: Decimal | None, settled: bool  # noqa: FBT001
) -> tuple[Decimal, PublicStatus | None]:
    # What an order has executed whose record does not say.
    status_code = _STATUS_CODES.get(status)
    if status_code == _FILLED:
        return size, our_status
    if status_code in _EXECUTED_IN_NOTHING:
        return ZERO, our_status
    if executed is None:
        return ZERO, None
    # An end with less executed than was ordered counts once no execution can be on its way to the list any more.
    known = settled or executed >= size or our_status not in ENDED_STATUSES
    return executed, our_status if known else None


def _plain_tag(tag: str) -> str:
    # Whether the venue keeps the case of tags is not documented; ours are lower-case hex.
    lowered = tag.lower()
    return lowered if _HEX.issuperset(lowered) else tag
