"""Kraken's REST records to our messages: orders, executions, balances.

Pure. It never guesses: an unknown status stays unknown, and a record with an unknown side, or with a field missing or
of the wrong kind, is unreadable as a whole (`UnreadableError`). An order of a type that we do not place, which the
account's owner may have made elsewhere, is read as one of the type that its prices make it most like. Records do not
tell a time in force: an order with an end of life is GTT, a market order IOC, and any other GTC, as every one is that
rests.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Context, Decimal
from functools import partial
from typing import Any

from exchanges.fields import (
    Reader,
    UnreadableError,
    amount,
    as_record,
    fault,
    flag,
    optional_text,
    plain_amounts,
    positive_amount,
    several,
    signed_amount,
    signed_or_none,
    text,
    text_or_empty,
    unsigned_or_none,
    word,
)
from exchanges.kraken.symbols import EXCHANGE, Names
from exchanges.kraken.times import optional_seconds, seconds, seconds_or_none
from exchanges.records import venue_fill, venue_order
from exchanges.symbols import SymbolBook
from messages.fills import FillSource, Liquidity, VenueFill
from messages.types import ENDED_STATUSES, ZERO, OrderType, PublicStatus, Side, TimeInForce, VenueOrder

ORDER_TYPES: dict[str, tuple[OrderType, bool, bool]] = {
    "market": (OrderType.MARKET, False, False),
    "limit": (OrderType.LIMIT, True, False),
    "stop-loss": (OrderType.STOP_MARKET, False, True),
    "take-profit": (OrderType.STOP_MARKET, False, True),
    "stop-loss-limit": (OrderType.STOP_LIMIT, True, True),
    "take-profit-limit": (OrderType.STOP_LIMIT, True, True),
}
"""What the venue's types are to us, whether they have a limit, and whether they have a trigger."""
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
TERMS = {
    (side, kind): (SIDES[side], *ORDER_TYPES[kind]) for side in SIDES for kind in ORDER_TYPES
}
"""What side and type mean together: ours, and whether there is a limit and a trigger."""

_STATUSES = {
    "pending": PublicStatus.PENDING,
    "open": PublicStatus.OPEN,
    "closed": PublicStatus.FILLED,
    "canceled": PublicStatus.CANCELLED,
    "expired": PublicStatus.EXPIRED,
}
# Reading a member of an enumeration by its class costs more than reading a field, so those of every record stand here.
_OPEN, _FILLED = PublicStatus.OPEN, PublicStatus.FILLED
_CANCELLED, _FAILED = PublicStatus.CANCELLED, PublicStatus.FAILED
_GTC, _GTT, _IOC = TimeInForce.GTC, TimeInForce.GTT, TimeInForce.IOC
_MARKET = OrderType.MARKET
_MAKER, _TAKER = Liquidity.MAKER, Liquidity.TAKER
_REST = FillSource.REST
# Zeros as the venue writes most of them.
_NOTHING_FILLED, _NOTHING_PAID = Decimal("0.00000000"), Decimal("0.00000")
# What reasons of a rejection after the entry speak of. They are no fixed texts.
_REFUSALS = ("post only", "post-only", "insufficient", "self trade", "self-trade", "stp", "reject")

# Turns every hexadecimal digit into a zero, and with that every UUID into one of two texts, which costs less than to
# match it. Bytes that are no such digits stay as they are.
_ZEROED = bytes.maketrans(b"123456789abcdefABCDEF", b"0" * 21)
_UUIDS = frozenset({b"0" * 32, b"00000000-0000-0000-0000-000000000000"})
# Sums and differences of amounts with up to forty digits stay exact.
_EXACT = Context(prec=100)

# The fields that are read in one go, and what each of them has to be.
_ORDER_FIELDS: dict[str, Reader] = {
    "status": text,
    **dict.fromkeys(("vol", "vol_exec", "cost"), amount),
    "opentm": seconds,
    **dict.fromkeys(("closetm", "expiretm"), optional_seconds),
    "oflags": text_or_empty,
    **dict.fromkeys(("cl_ord_id", "reason"), optional_text),
}
_DESCRIPTION_FIELDS: dict[str, Reader] = {
    "pair": text,
    "type": partial(word, known=SIDES),
    "ordertype": text,
}
_order_values = several(("status", "vol", "vol_exec", "cost", "opentm", "oflags"))
_description_values = several(("pair", "type", "ordertype", "price", "price2"))


def client_id(value: str) -> str:
    """Give a client id as we write ours: the venue compares UUIDs as numbers and may show them in another form."""
    is_uuid = value.encode("utf-8", "replace").translate(_ZEROED) in _UUIDS
    return value.replace("-", "").lower() if is_uuid else value


def ended_status(status: PublicStatus, filled: Decimal, reason: str) -> PublicStatus:
    """Tell a rejection after the entry, which the venue calls cancelled, from a cancel."""
    if status is not _CANCELLED or filled or not reason:
        return status
    said = reason.lower()
    return _FAILED if any(each in said for each in _REFUSALS) else status


def read_order(venue_order_id: str, value: Any, symbols: SymbolBook) -> VenueOrder:
    """Translate an order of QueryOrders, OpenOrders or ClosedOrders, which stands there under its id."""
    record = as_record(value)
    description = as_record(record.get("descr"))
    get = record.get
    # These are left out of many orders.
    sometimes = (get("expiretm"), get("closetm"), get("cl_ord_id"), get("reason"))
    values, terms = _order_values(record) + sometimes, _description_values(description)
    order = _order(venue_order_id, values, terms, symbols)
    if order is None and _is_foreign(terms):
        order = _order(venue_order_id, values, _as_known(*terms), symbols)
    if order is not None:
        believed = order.filled_size or order.status not in ENDED_STATUSES or not tells_executions(record)
        return order if believed else replace(order, status=None)
    for name, read in _DESCRIPTION_FIELDS.items():
        read(description, name)
    raise fault(record, _ORDER_FIELDS, "descr")


_Values = tuple[Any, ...]


def _order(venue_order_id: str, values: _Values, description: _Values, symbols: SymbolBook) -> VenueOrder | None:
    """Make an order of what its record says, absent fields as None; None when any of it is not as documented.

    In one go, because this runs for every order of every list.
    """
    status, size, filled, value, opened, flags, expires, closed, named, reason = values
    pair, side, kind, price, price2 = description
    try:
        terms = TERMS.get((side, kind))
    except TypeError:
        # An array or an object in the place of a word.
        return None
    if terms is None:
        return None
    our_side, our_type, with_limit, with_trigger = terms
    # The first price is the trigger where there is one. Of what has no limit, nothing is read as one.
    limit = "0" if not with_limit else price2 if with_trigger else price
    trigger = unsigned_or_none(price) if with_trigger else None
    created_ms = seconds_or_none(opened)
    # Absent and zero both mean that there is none.
    ended_ms = 0 if closed is None else seconds_or_none(closed)
    expires_ms = 0 if expires is None else seconds_or_none(expires)
    if (
        not type(pair) is type(status) is type(flags) is str
        or not (venue_order_id and pair and status)
        or (type(named) is not str and named is not None)
        or (type(reason) is not str and reason is not None)
        or created_ms is None
        or ended_ms is None
        or expires_ms is None
        or not plain_amounts((size, filled, value, limit))
    ):
        return None
    size, limit = Decimal(size), Decimal(limit) or None
    # Most open orders have nothing filled.
    filled = _NOTHING_FILLED if filled == "0.00000000" else Decimal(filled)
    value = _NOTHING_PAID if value == "0.00000" else Decimal(value)
    if (with_limit and not limit) or (with_trigger and not trigger):
        return None
    set_flags = flags.split(",")
    by_quote = "viqc" in set_flags
    return venue_order(
        EXCHANGE,
        symbols.canonical(pair),
        venue_order_id,
        client_id(named) if named else None,
        our_side,
        our_type,
        _IOC if our_type is _MARKET else (_GTT if expires_ms else _GTC),
        _status(status, size, filled, reason or "", by_quote=by_quote),
        status,
        # Of an order by quote, the volume is in quote units; in base units only what has executed is known.
        filled if by_quote else size,
        filled,
        value,
        limit,
        trigger,
        size if by_quote and size != filled else None,
        "post" in set_flags,
        created_ms,
        ended_ms or None,
        reason or "",
    )


def tells_executions(record: Mapping[str, Any]) -> bool:
    """Tell whether an order's record speaks of executions by anything but the volume executed, which may lag behind."""
    misc = record.get("misc")
    partly = misc is not None and (type(misc) is not str or "partial" in misc)
    return partly or bool(record.get("trades")) or bool(amount(record, "cost"))


def nearest_type(*, with_limit: bool, with_trigger: bool) -> str:
    """Give the type that has the same prices as an order of a type that we do not place."""
    if with_trigger:
        return "stop-loss-limit" if with_limit else "stop-loss"
    return "limit" if with_limit else "market"


def _is_foreign(description: _Values) -> bool:
    kind = description[2]
    return type(kind) is str and bool(kind) and kind not in ORDER_TYPES


def _as_known(pair: Any, side: Any, kind: str, price: Any, price2: Any) -> _Values:
    # A price that moves with the market is told as a distance, which is none.
    first, second = bool(unsigned_or_none(price)), bool(unsigned_or_none(price2))
    with_trigger = first and (second or "stop" in kind or "profit" in kind)
    known = nearest_type(with_limit=second if with_trigger else first, with_trigger=with_trigger)
    return pair, side, known, price, price2


def _status(status: str, size: Decimal, filled: Decimal, reason: str, *, by_quote: bool) -> PublicStatus | None:
    found = _STATUSES.get(status)
    if found is _OPEN or found is None:
        return found
    if found is _FILLED:
        # An order that says it is done and has executed less than it should has not told everything.
        return found if filled and (by_quote or filled >= size) else None
    return ended_status(found, filled, reason)


def read_trade(trade_id: str, value: Any, symbols: SymbolBook, names: Names) -> VenueFill:
    """Translate an entry of TradesHistory or QueryTrades, which stands there under its id. It has no client id.

    The fee is told in quote units, also where the account paid it in the base asset.
    """
    record = as_record(value)
    if not trade_id:
        raise UnreadableError("the execution has no id")
    symbol = symbols.canonical(text(record, "pair"))
    return venue_fill(
        EXCHANGE,
        symbol,
        trade_id,
        text(record, "ordertxid"),
        None,
        word(record, "type", SIDES),
        positive_amount(record, "price"),
        positive_amount(record, "vol"),
        signed_amount(record, "fee"),
        names.quotes.get(symbol),
        _MAKER if flag(record, "maker") else _TAKER,
        seconds(record, "time"),
        _REST,
    )


def read_balances(value: Any, names: Names) -> tuple[tuple[str, Decimal, Decimal], ...]:
    """Translate BalanceEx: asset, total, of which available. A bad one makes the answer unreadable, and so do two that
    would have the same name.
    """
    found: dict[str, tuple[str, Decimal, Decimal]] = {}
    for asset, item in as_record(value).items():
        record = as_record(item)
        name = names.asset(asset)
        if name in found:
            raise UnreadableError("two balances have one name")
        total = signed_amount(record, "balance")
        credit = _EXACT.subtract(_optional_amount(record, "credit"), _optional_amount(record, "credit_used"))
        available = _EXACT.subtract(_EXACT.add(total, credit), amount(record, "hold_trade"))
        found[name] = (name, total, available)
    return tuple(found.values())


def read_price(value: Any, symbols: SymbolBook, symbol: str) -> Decimal:
    """Read the latest price from a Ticker answer about one pair; raises `UnreadableError` when it tells none above
    zero, or is about another one.
    """
    record = as_record(value)
    if len(record) != 1:
        raise UnreadableError("the answer is not about one symbol")
    ((pair, item),) = record.items()
    if symbols.to_canonical.get(pair) != symbol:
        raise UnreadableError("the answer is about another symbol")
    last = as_record(item).get("c")
    price = signed_or_none(last[0]) if isinstance(last, list) and last else None
    if price is None or price <= ZERO:
        raise UnreadableError("c is no price above zero")
    return price


def _optional_amount(record: Mapping[str, Any], name: str) -> Decimal:
    return ZERO if record.get(name) is None else amount(record, name)
