"""Coinbase's orders, as look-ups and lists describe them, to ours; and client ids, in both directions.

Pure. It never guesses: an unknown status stays unknown, and a record with an unknown side, or with a field missing or
of the wrong kind, is unreadable as a whole (`UnreadableError`). An order of a kind that we do not place, which the
account's owner may have made elsewhere, is read as one of the type that its prices make it most like.
"""

import re
from decimal import Decimal
from functools import partial
from typing import Any

from exchanges.coinbase.symbols import EXCHANGE
from exchanges.coinbase.terms import FORMS, Form, after_edits, amounts_asked, configuration, foreign_form
from exchanges.coinbase.times import optional_time, time, time_or_none
from exchanges.fields import (
    Reader,
    Record,
    amount,
    as_record,
    fault,
    integer,
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
from messages.types import ENDED_STATUSES, PublicStatus, Side, VenueOrder

STATUSES = {
    "PENDING": PublicStatus.PENDING,
    "QUEUED": PublicStatus.PENDING,
    "OPEN": PublicStatus.OPEN,
    "CANCEL_QUEUED": PublicStatus.OPEN,
    "EDIT_QUEUED": PublicStatus.OPEN,
    "FILLED": PublicStatus.FILLED,
    "CANCELLED": PublicStatus.CANCELLED,
    "EXPIRED": PublicStatus.EXPIRED,
    "FAILED": PublicStatus.FAILED,
}
WORKING = ("PENDING", "OPEN", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED")
"""Statuses of orders that have not ended."""
_WORKING = frozenset(WORKING)
EDITING = "EDIT_QUEUED"
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}

_SHARE = "completion_percentage"
_NO_REJECTION = "REJECT_REASON_UNSPECIFIED"
_NOTHING = Decimal(0)

_is_bare = re.compile("[0-9a-f]{32}").fullmatch
# Turns every digit of ours into a zero, and with that every UUID into the same text, which costs less than to match it.
_ZEROED = bytes.maketrans(b"123456789abcdef", b"0" * 15)
_UUID = b"00000000-0000-0000-0000-000000000000"
_is_count = re.compile("[0-9]{1,15}", re.ASCII).fullmatch


# ----- client ids


def venue_client_id(client_order_id: str) -> str:
    """Write a client id for the venue: our 32 hexadecimal digits as a UUID, anything else as it is."""
    if not _is_bare(client_order_id):
        return client_order_id
    named = client_order_id
    return f"{named[:8]}-{named[8:12]}-{named[12:16]}-{named[16:20]}-{named[20:]}"


def our_client_id(shown: str) -> str:
    """Read a client id back: a UUID loses its dashes, anything else stays as it is."""
    return shown.replace("-", "") if shown.encode("utf-8", "replace").translate(_ZEROED) == _UUID else shown


# ----- orders


def read_order(value: Any, symbols: SymbolBook) -> VenueOrder:
    """Translate an order object of a query or a list."""
    record = as_record(value)
    order = _order(record, symbols)
    if order is None:
        raise fault(record, _ORDER_FIELDS, "order_configuration")
    return order


def edit_under_way(value: Any) -> bool:
    """Tell whether an order object shows an edit that the venue has not carried out yet."""
    record = as_record(value)
    return record.get("status") == EDITING or bool(record.get("current_pending_replace"))


def executions_told(value: Any) -> int | None:
    """Read how many executions an order object speaks of; None when it does not say."""
    return count_or_none(as_record(value), "number_of_fills")


def status_told(record: Record, status: str, filled: Decimal | None, value: Decimal | None) -> PublicStatus | None:
    """Map a status; None when it has no place in our vocabulary, or when its record is not finished being written.

    The venue may, for a moment, show an ended order without what it has executed; its number of executions, their
    value or the share of the order that they are may then say that there is something.
    """
    found = STATUSES.get(status)
    executions = count_or_none(record, "number_of_fills")
    if filled or found not in ENDED_STATUSES:
        return found
    silent = filled is None and executions is None
    told = executions or value or not _is_nothing(record.get(_SHARE))
    return None if found is PublicStatus.FILLED or told or silent else found


def tells_executions(value: Any) -> bool:
    """Tell whether an order object speaks of executions by its value or its share, which may be ahead of the others."""
    record = as_record(value)
    return not (_is_nothing(record.get("filled_value")) and _is_nothing(record.get(_SHARE)))


def _is_nothing(told: Any) -> bool:
    return told in (None, "", 0) or unsigned_or_none(told) == _NOTHING


def count_or_none(record: Record, name: str) -> int | None:
    """Read a count, written as a text or a number; absent, null and empty mean that it is not told."""
    value = record.get(name)
    if value is None or value == "":
        return None
    if type(value) is str and _is_count(value):
        return int(value)
    return integer(record, name)


def words_told(record: Record, name: str) -> str:
    """Read words that may be absent or null."""
    return "" if record.get(name) is None else text_or_empty(record, name)


def _order(record: Record, symbols: SymbolBook) -> VenueOrder | None:
    """Make an order of its record; None when any of it is not as documented.

    In one go, because this runs for every order of every list.
    """
    (
        symbol, side, status, order_id, client_id, configuration,
        filled, value, created, updated, edits,
    ) = _order_values(record)  # fmt: skip
    if (
        not type(symbol) is type(side) is type(status) is type(order_id) is str
        or not (symbol and order_id)
        or (type(client_id) is not str and client_id is not None)
        or type(configuration) is not dict
        or len(configuration) != 1
    ):
        return None
    ((kind, terms),) = configuration.items()
    our_side, form, created_ms = SIDES.get(side), FORMS.get(kind), time_or_none(created)
    if our_side is None or created_ms is None or type(terms) is not dict:
        return None
    if form is None:
        form, terms = foreign_form(kind, terms)
    amounts, post_only = _amounts(form, terms, filled, value), terms.get("post_only") if form.rests else False
    if amounts is None or type(post_only) is not bool:
        return None
    size, quote_size, price, stop_price, filled, value = amounts
    if edits and size is not None:
        size, price = after_edits(edits, size, price)
    ended = status not in _WORKING
    return venue_order(
        EXCHANGE,
        symbols.canonical(symbol),
        order_id,
        our_client_id(client_id) if client_id else None,
        our_side,
        form.type,
        form.time_in_force,
        status_told(record, status, filled, value) if ended else STATUSES[status],
        status,
        # Sized in quote units, it has no other size than what became of it.
        (filled or _NOTHING) if size is None else size,
        filled or _NOTHING,
        value,
        price,
        stop_price,
        quote_size,
        post_only,
        created_ms,
        # Most open orders were never updated.
        created_ms if updated == created else optional_time(record, "last_update_time"),
        _reason(record, status) if ended else "",
    )


_Amounts = tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None, Decimal | None, Decimal | None]


def _amounts(form: Form, terms: dict[str, Any], filled: Any, value: Any) -> _Amounts | None:
    """Read size, quote size, price and stop price, None where the order has none, and size and value executed, None
    where the venue does not say. None alone: one of them is not as documented.
    """
    size: Any = terms.get("base_size")
    price: Any = terms.get("limit_price")
    if form.rests and "quote_size" not in terms and plain_amounts((size, price, filled, value)):
        # As most open orders are, and most of those have nothing executed.
        size, price = Decimal(size), Decimal(price)
        if not (size and price):
            return None
        if filled == "0":
            return size, None, price, None, _NOTHING, _NOTHING if value == "0" else Decimal(value)
        executed, worth = Decimal(filled), Decimal(value)
        return size, None, price, None, executed, worth or None if executed else worth
    asked, told = amounts_asked(form, terms), _executed(filled, value)
    return None if asked is None or told is None else (*asked, *told)


def _executed(filled: Any, value: Any) -> tuple[Decimal | None, Decimal | None] | None:
    size = None if filled == "" else unsigned_or_none(filled)
    worth = None if value == "" else unsigned_or_none(value)
    if (size is None and filled != "") or (worth is None and value != ""):
        return None
    if size:
        # What was executed is worth something: the value follows.
        return size, worth or None
    return size, _NOTHING if worth is None else worth


def _reason(record: Record, status: str) -> str:
    if status != "FAILED":
        return words_told(record, "cancel_message")
    reason = words_told(record, "reject_reason")
    return words_told(record, "reject_message") or ("" if reason == _NO_REJECTION else reason)


def amount_or_empty(record: Record, name: str) -> object:
    """Read an amount of zero or more; an empty text says that there is none to tell."""
    return None if record.get(name) == "" else amount(record, name)


_order_values = several(
    (
        *("product_id", "side", "status", "order_id", "client_order_id", "order_configuration"),
        *("filled_size", "filled_value", "created_time", "last_update_time", "edit_history"),
    )
)
_ORDER_FIELDS: dict[str, Reader] = {
    **dict.fromkeys(("product_id", "order_id"), text),
    "side": partial(word, known=SIDES),
    "status": text_or_empty,
    "client_order_id": optional_text,
    **dict.fromkeys(("filled_size", "filled_value"), amount_or_empty),
    "created_time": time,
    "order_configuration": configuration,
}
