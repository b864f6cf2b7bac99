"""Kraken's list of open orders, read in one go where every order has the form that open orders have.

Pure. It never decides what a record means otherwise than `translate`, which reads every list that has a record of any
other form.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

from exchanges.fields import UnreadableError, all_plain_amounts
from exchanges.kraken.symbols import EXCHANGE
from exchanges.kraken.times import seconds_or_none
from exchanges.kraken.translate import TERMS, client_id, read_order
from exchanges.records import venue_order
from exchanges.symbols import SymbolBook
from exchanges.wire_json import Row, parse_exact, rows_parser
from messages.types import PublicStatus, TimeInForce, VenueOrder

# Reading a member of an enumeration by its class costs more than reading a field.
_GTC, _GTT = TimeInForce.GTC, TimeInForce.GTT
_STATUSES = {"open": PublicStatus.OPEN, "pending": PublicStatus.PENDING}
# Zeros as the venue writes most of them.
_NOTHING_FILLED, _NOTHING_PAID = Decimal("0.00000000"), Decimal("0.00000")


class DescriptionRow(Row):
    """What an order is for. The first price is the trigger where there is one."""

    pair: str
    type: Literal["buy", "sell"]
    ordertype: Literal["limit", "stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit"]
    price: str
    price2: str


class OrderRow(Row):
    """An order of a list, by the venue's names and, since that is quicker, in its order."""

    status: Literal["open", "pending"]
    opentm: Any
    descr: DescriptionRow
    vol: str
    vol_exec: str
    cost: str
    oflags: str
    cl_ord_id: str | None = None
    expiretm: Any = None
    # Only orders that have ended have these.
    closetm: None = None
    reason: None = None


class _Opened(Row):
    open: dict[str, OrderRow]


class _Answer(Row):
    error: tuple[()]
    result: _Opened


_answer = rows_parser(_Answer)


def parse_open(body: bytes) -> Any:
    """Parse an answer with open orders: with rows, where all of them are as open orders are, or whole; raises
    `UnreadableError`.
    """
    answer = _answer(body)
    if answer is None:
        return parse_exact(body)
    rows = answer.result.open
    amounts = [
        f"{row.vol} {row.vol_exec} {row.cost} {row.descr.price} {row.descr.price2} "
        for order_id, row in rows.items()
        # Of an order by quote, the volume is in quote units.
        if order_id and row.descr.pair and "viqc" not in row.oflags
    ]
    if len(amounts) < len(rows) or not all_plain_amounts(amounts, 5):
        return parse_exact(body)
    return {"error": [], "result": {"open": rows}}


def order_reader(symbols: SymbolBook) -> Callable[[str, Any], VenueOrder]:
    """Make a reader of orders that `parse_open` has parsed, in either way."""
    names = symbols.to_canonical.get

    def read(venue_order_id: str, item: Any) -> VenueOrder:
        if type(item) is not OrderRow:
            return read_order(venue_order_id, item, symbols)
        symbol = item.descr.pair
        return _order(venue_order_id, item, names(symbol) or symbols.canonical(symbol))

    return read


def _order(venue_order_id: str, row: OrderRow, symbol: str) -> VenueOrder:
    terms, named, status, flags = row.descr, row.cl_ord_id, row.status, row.oflags
    side, kind, with_limit, with_trigger = TERMS[terms.type, terms.ordertype]
    price = Decimal(terms.price)
    trigger = price if with_trigger else None
    limit = (Decimal(terms.price2) if with_trigger else price) if with_limit else None
    # Absent and zero both mean that there is none.
    created_ms, expires_ms = seconds_or_none(row.opentm), 0 if row.expiretm is None else seconds_or_none(row.expiretm)
    if created_ms is None or expires_ms is None or (with_limit and not limit) or (with_trigger and not trigger):
        raise UnreadableError("a time or a price of the order is none")
    return venue_order(
        EXCHANGE,
        symbol,
        venue_order_id,
        client_id(named) if named else None,
        side,
        kind,
        _GTT if expires_ms else _GTC,
        _STATUSES[status],
        status,
        Decimal(row.vol),
        # Most open orders have nothing filled.
        _NOTHING_FILLED if row.vol_exec == "0.00000000" else Decimal(row.vol_exec),
        _NOTHING_PAID if row.cost == "0.00000" else Decimal(row.cost),
        limit,
        trigger,
        None,
        "post" in flags and "post" in flags.split(","),
        created_ms,
        None,
        "",
    )
