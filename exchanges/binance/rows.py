"""Binance's lists of orders, read in one go where every order has the form that open orders have.

Pure. It never decides what a record means otherwise than `translate`, which reads every list that has a record of any
other form.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

from exchanges.binance.symbols import EXCHANGE
from exchanges.binance.translate import CANCEL_ID_PREFIX, STATUSES, TERMS, read_order
from exchanges.fields import UnreadableError, all_plain_amounts
from exchanges.records import venue_order
from exchanges.symbols import SymbolBook
from exchanges.wire_json import Count, Row, parse_json, rows_parser
from messages.types import VenueOrder

# How the venue writes most zeros.
_ZERO_AS_WRITTEN = "0.00000000"
_NOTHING = Decimal(_ZERO_AS_WRITTEN)


class OrderRow(Row):
    """An order of a list, by the venue's names and, since that is quicker, in its order."""

    symbol: str
    orderId: Count  # noqa: N815 - the venue's name
    clientOrderId: str  # noqa: N815
    price: str
    origQty: str  # noqa: N815
    executedQty: str  # noqa: N815
    origQuoteOrderQty: str  # noqa: N815
    cummulativeQuoteQty: str  # noqa: N815
    status: str
    timeInForce: Literal["GTC", "IOC", "FOK"]  # noqa: N815
    type: Literal["LIMIT", "LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"]
    side: Literal["BUY", "SELL"]
    stopPrice: str  # noqa: N815
    time: Count
    updateTime: Count  # noqa: N815
    # Only answers to changes, and orders that have ended, have one of these.
    origClientOrderId: None = None  # noqa: N815
    transactTime: None = None  # noqa: N815
    expiryReason: None = None  # noqa: N815


_rows = rows_parser(list[OrderRow])


def parse_orders(body: bytes) -> Any:
    """Parse a list of orders: as rows, where all of them are as open orders are, or whole; raises `UnreadableError`."""
    rows = _rows(body)
    if rows is None:
        return parse_json(body)
    amounts = [
        f"{row.origQty} {row.executedQty} {row.cummulativeQuoteQty} {row.price} "
        f"{row.stopPrice} {row.origQuoteOrderQty} "
        for row in rows
        if row.symbol and row.clientOrderId and row.status
    ]
    return rows if len(amounts) == len(rows) and all_plain_amounts(amounts, 6) else parse_json(body)


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
    side, kind, lasting, post_only, with_stop = TERMS[row.side, row.type, row.timeInForce]
    filled, value, stop, quote = row.executedQty, row.cummulativeQuoteQty, row.stopPrice, row.origQuoteOrderQty
    stop_price = None if stop == _ZERO_AS_WRITTEN else Decimal(stop) or None
    if with_stop and stop_price is None:
        raise UnreadableError("stopPrice is missing")
    status = row.status
    return venue_order(
        EXCHANGE,
        symbol,
        str(row.orderId),
        row.clientOrderId.removeprefix(CANCEL_ID_PREFIX),
        side,
        kind,
        lasting,
        STATUSES.get(status),
        status,
        Decimal(row.origQty),
        # Most open orders have nothing filled.
        _NOTHING if filled == _ZERO_AS_WRITTEN else Decimal(filled),
        _NOTHING if value == _ZERO_AS_WRITTEN else Decimal(value),
        Decimal(row.price) or None,
        stop_price,
        None if quote == _ZERO_AS_WRITTEN else Decimal(quote) or None,
        post_only,
        row.time,
        row.updateTime,
        "",
    )
