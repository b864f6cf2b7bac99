"""Coinbase's orders, as look-ups and lists describe them, to ours; and client ids, in both directions.

Pure. It never guesses: an unknown status stays unknown, and a record with an unknown side, or with a field missing or
of the wrong kind, is unreadable as a whole (`UnreadableError`). An order of a kind that we do not place, which the
account's owner may have made elsewhere, is read as one of the type that its prices make it most like.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from operator import itemgetter
from typing import Any

from exchanges.coinbase.symbols import EXCHANGE
from exchanges.coinbase.times import optional_time, time, time_or_none
from exchanges.fields import (
    Reader,
    Record,
    UnreadableError,
    amount,
    as_list,
    as_record,
    fault,
    flag,
    integer,
    optional_text,
    plain_amounts,
    positive_amount,
    several,
    text,
    text_or_empty,
    unsigned_or_none,
    word,
)
from exchanges.records import venue_order
from exchanges.symbols import SymbolBook
from messages.types import ENDED_STATUSES, OrderType, PublicStatus, Side, TimeInForce, VenueOrder

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
_EDITED_AT = "replace_accept_timestamp"

_is_bare = re.compile("[0-9a-f]{32}").fullmatch
# Turns every digit of ours into a zero, and with that every UUID into the same text, which costs less than to match it.
_ZEROED = bytes.maketrans(b"123456789abcdef", b"0" * 15)
_UUID = b"00000000-0000-0000-0000-000000000000"
_is_count = re.compile("[0-9]{1,15}", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class _Form:
    # What a key of `order_configuration` means.
    type: OrderType
    time_in_force: TimeInForce
    priced: bool = False
    stops: bool = False
    rests: bool = False
    """Whether it says if it is post-only."""


_FORMS: Mapping[str, _Form] = {
    "market_market_ioc": _Form(OrderType.MARKET, TimeInForce.IOC),
    "market_market_fok": _Form(OrderType.MARKET, TimeInForce.FOK),
    "limit_limit_gtc": _Form(OrderType.LIMIT, TimeInForce.GTC, priced=True, rests=True),
    "limit_limit_gtd": _Form(OrderType.LIMIT, TimeInForce.GTT, priced=True, rests=True),
    "sor_limit_ioc": _Form(OrderType.LIMIT, TimeInForce.IOC, priced=True),
    "limit_limit_fok": _Form(OrderType.LIMIT, TimeInForce.FOK, priced=True),
    "stop_limit_stop_limit_gtc": _Form(OrderType.STOP_LIMIT, TimeInForce.GTC, priced=True, stops=True),
    "stop_limit_stop_limit_gtd": _Form(OrderType.STOP_LIMIT, TimeInForce.GTT, priced=True, stops=True),
}


def nearest_type(price: Decimal | None, stop_price: Decimal | None) -> OrderType:
    """Give the type that has the same prices as an order of a kind that we do not place."""
    if stop_price:
        return OrderType.STOP_LIMIT if price else OrderType.STOP_MARKET
    return OrderType.LIMIT if price else OrderType.MARKET


def _foreign(kind: str, terms: dict[str, Any]) -> tuple[_Form, dict[str, Any]]:
    # A bracket calls its trigger by another name; sized in both units, the base unit counts.
    known = {**terms, "stop_price": terms.get("stop_price") or terms.get("stop_trigger_price")}
    if known.get("base_size"):
        known.pop("quote_size", None)
    price, stop_price = unsigned_or_none(known.get("limit_price")), unsigned_or_none(known["stop_price"])
    lasting = TimeInForce.GTT if kind.endswith("_gtd") else TimeInForce.GTC
    return _Form(nearest_type(price, stop_price), lasting, priced=bool(price), stops=bool(stop_price)), known


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
    our_side, form, created_ms = SIDES.get(side), _FORMS.get(kind), time_or_none(created)
    if our_side is None or created_ms is None or type(terms) is not dict:
        return None
    if form is None:
        form, terms = _foreign(kind, terms)
    amounts, post_only = _amounts(form, terms, filled, value), terms.get("post_only") if form.rests else False
    if amounts is None or type(post_only) is not bool:
        return None
    size, quote_size, price, stop_price, filled, value = amounts
    if edits and size is not None:
        size, price = _edited(edits, size, price)
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


def _amounts(form: _Form, terms: dict[str, Any], filled: Any, value: Any) -> _Amounts | None:
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
    sized, told = _sized(form, terms), _executed(filled, value)
    return None if sized is None or told is None else (*sized, *told)


def _sized(
    form: _Form, terms: dict[str, Any]
) -> tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None] | None:
    # The venue leaves out, or empty, what an order does not have.
    get = terms.get
    size, quote_size = get("base_size"), get("quote_size")
    in_quote = size is None or size == ""
    if in_quote is (quote_size is None or quote_size == "") or (in_quote and (form.rests or form.stops)):
        return None
    asked = unsigned_or_none(quote_size if in_quote else size)
    price = unsigned_or_none(get("limit_price")) if form.priced else None
    stop_price = unsigned_or_none(get("stop_price")) if form.stops else None
    if not asked or (form.priced and not price) or (form.stops and not stop_price):
        return None
    return (None, asked, price, None) if in_quote else (asked, None, price, stop_price)


def _executed(filled: Any, value: Any) -> tuple[Decimal | None, Decimal | None] | None:
    size = None if filled == "" else unsigned_or_none(filled)
    worth = None if value == "" else unsigned_or_none(value)
    if (size is None and filled != "") or (worth is None and value != ""):
        return None
    if size:
        # What was executed is worth something: the value follows.
        return size, worth or None
    return size, _NOTHING if worth is None else worth


def _edited(edits: Any, size: Decimal, price: Decimal | None) -> tuple[Decimal, Decimal | None]:
    """Give an order's terms after its edits.

    Whether the configuration follows edits is not documented: the latest edit says what holds either way. Where edits
    have no times, the configuration must be one of them.
    """
    found = [as_record(edit) for edit in as_list(edits)]
    terms = [(positive_amount(edit, "size"), positive_amount(edit, "price")) for edit in found]
    if len(terms) == 1:
        return terms[0]
    if all(edit.get(_EDITED_AT) for edit in found):
        return max(zip([time(edit, _EDITED_AT) for edit in found], terms, strict=True), key=itemgetter(0))[1]
    if (size, price) in terms:
        return size, price
    raise UnreadableError("edit_history has no order")


def _reason(record: Record, status: str) -> str:
    if status != "FAILED":
        return words_told(record, "cancel_message")
    reason = words_told(record, "reject_reason")
    return words_told(record, "reject_message") or ("" if reason == _NO_REJECTION else reason)


def _configuration(record: Record, name: str) -> object:
    # Of `fault`: says which part is not as documented.
    configuration = as_record(record.get(name))
    if len(configuration) != 1 or not _FORMS.keys() >= configuration.keys():
        raise UnreadableError(f"{name} is unknown")
    ((kind, terms),) = configuration.items()
    form, fields = _FORMS[kind], as_record(terms)
    if form.priced:
        positive_amount(fields, "limit_price")
    if form.stops:
        positive_amount(fields, "stop_price")
    if form.rests:
        flag(fields, "post_only")
    return positive_amount(fields, "quote_size" if fields.get("base_size") in (None, "") else "base_size")


def _amount_or_empty(record: Record, name: str) -> object:
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
    **dict.fromkeys(("filled_size", "filled_value"), _amount_or_empty),
    "created_time": time,
    "order_configuration": _configuration,
}
