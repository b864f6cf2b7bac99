"""MEXC's list of open orders, read in one go where every order has the form that open orders have.

Pure. It never decides what a record means otherwise than `translate`, which reads every list that has a record of any
other form.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

from exchanges.fields import UnreadableError, all_plain_amounts
from exchanges.mexc.translate import EXCHANGE, TERMS, read_order, status_told
from exchanges.records import venue_order
from exchanges.symbols import SymbolBook
from exchanges.wire_json import Count, Row, parse_exact, rows_parser
from messages.types import ZERO, VenueOrder


class OrderRow(Row):
    """An order of a list, by the venue's names and, since that is quicker, in its order.

    Orders of these types have no other price, and no size in quote units.
    """

    symbol: str
    orderId: str  # noqa: N815 - the venue's name
    clientOrderId: str  # noqa: N815
    price: str
    origQty: str  # noqa: N815
    executedQty: str  # noqa: N815
    cummulativeQuoteQty: str  # noqa: N815
    status: str
    type: Literal["LIMIT", "LIMIT_MAKER", "IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"]
    side: Literal["BUY", "SELL"]
    time: Count
    updateTime: Count | None = None  # noqa: N815


_rows = rows_parser(list[OrderRow])


def parse_orders(body: bytes) -> Any:
    """Parse a list of orders: as rows, where all of them are as open orders are, or whole; raises `UnreadableError`."""
    rows = _rows(body)
    if rows is None:
        return parse_exact(body)
    amounts = [
        f"{row.origQty} {row.executedQty} {row.cummulativeQuoteQty} {row.price} "
        for row in rows
        if row.symbol and row.orderId and row.status
    ]
    return rows if len(amounts) == len(rows) and all_plain_amounts(amounts, 4) else parse_exact(body)


def order_reader(symbols: SymbolBook) -> Callable[[Any], VenueOrder]:
    """Make a reader of orders that `parse_orders` has parsed, in either way."""
    names = symbols.to_canonical.get

    def read(item: Any) -> VenueOrder:
        if type(item) is not OrderRow:
            return read_order(item, symbols)
        symbol = item.symbol
        return _order(item, names(symbol) or symbols.canonical(symbol))

    return read


def _order(row: OrderRow, symbol: str) -> VenueOrder:
    side, kind, lasting, post_only = TERMS[row.side, row.type]
    size, price, status = Decimal(row.origQty), Decimal(row.price), row.status
    # Most open orders have nothing filled.
    filled = ZERO if row.executedQty == "0" else Decimal(row.executedQty)
    worth = ZERO if row.cummulativeQuoteQty == "0" else Decimal(row.cummulativeQuoteQty)
    if not size or not price:
        raise UnreadableError("a limit order has a price and a size")
    return venue_order(
        EXCHANGE,
        symbol,
        row.orderId,
        row.clientOrderId or None,
        side,
        kind,
        lasting,
        status_told(status, filled, worth),
        status,
        size,
        filled,
        # What has executed has a value: none is told.
        None if filled and not worth else worth,
        price,
        None,
        None,
        post_only,
        row.time,
        row.updateTime,
        "",
    )
