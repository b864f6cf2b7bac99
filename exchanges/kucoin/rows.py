"""KuCoin's pages of working orders, read in one go where every order has the form that working orders have.

Pure. It never decides what a record means otherwise than `translate`, which reads every page that has a record of any
other form.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

from exchanges.fields import UnreadableError, all_plain_amounts
from exchanges.kucoin.symbols import EXCHANGE
from exchanges.kucoin.translate import SIDES, read_order, working_size
from exchanges.records import venue_order
from exchanges.symbols import SymbolBook
from exchanges.wire_json import Count, Row, parse_json, rows_parser
from messages.types import ZERO, OrderType, PublicStatus, TimeInForce, VenueOrder

# Reading a member of an enumeration by its class costs more than reading a field.
_LIMIT = OrderType.LIMIT
_OPEN, _PENDING = PublicStatus.OPEN, PublicStatus.PENDING
_TIMES_IN_FORCE = {each.value: each for each in TimeInForce}


class OrderRow(Row):
    """An order of a page, by the venue's names and, since that is quicker, in its order."""

    id: str
    symbol: str
    type: Literal["limit"]
    side: Literal["buy", "sell"]
    price: str
    size: str
    dealSize: str  # noqa: N815 - the venue's name
    dealFunds: str  # noqa: N815
    cancelledSize: str  # noqa: N815
    timeInForce: Literal["GTC", "GTT", "IOC", "FOK"]  # noqa: N815
    postOnly: bool  # noqa: N815
    cancelExist: bool  # noqa: N815
    inOrderBook: bool  # noqa: N815
    active: bool
    createdAt: Count  # noqa: N815
    lastUpdatedAt: Count  # noqa: N815
    clientOid: str | None = None  # noqa: N815


class _Page(Row):
    items: list[OrderRow]
    totalNum: Count  # noqa: N815
    totalPage: Count  # noqa: N815


class _Answer(Row):
    code: str
    data: _Page


_answer = rows_parser(_Answer)


def parse_working(body: bytes) -> Any:
    """Parse a page of working orders: with rows, where all of them are as working orders are, or whole; raises
    `UnreadableError`.
    """
    answer = _answer(body)
    if answer is None:
        return parse_json(body)
    page = answer.data
    amounts = [
        f"{row.price} {row.size} {row.dealSize} {row.dealFunds} {row.cancelledSize} "
        for row in page.items
        if row.active and row.id and row.symbol
    ]
    if len(amounts) < len(page.items) or not all_plain_amounts(amounts, 5):
        return parse_json(body)
    told = {"items": page.items, "totalNum": page.totalNum, "totalPage": page.totalPage}
    return {"code": answer.code, "data": told}


def listed_id(item: Any) -> Any:
    """Give the id of an order that `parse_working` has parsed, in either way; whatever stands in its place."""
    if type(item) is OrderRow:
        return item.id
    return item.get("id") if isinstance(item, dict) else None


def order_reader(symbols: SymbolBook) -> Callable[[Any], VenueOrder]:
    """Make a reader of orders that `parse_working` has parsed, in either way."""
    names = symbols.to_canonical.get

    def read(item: Any) -> VenueOrder:
        if type(item) is not OrderRow:
            return read_order(item, symbols)
        symbol = item.symbol
        return _order(item, names(symbol) or symbols.canonical(symbol))

    return read


def _order(row: OrderRow, symbol: str) -> VenueOrder:
    size, price, in_book = Decimal(row.size), Decimal(row.price), row.inOrderBook
    if not (size and price):
        raise UnreadableError("a limit order has a price and a size")
    # Most open orders have executed nothing.
    filled = ZERO if row.dealSize == "0" else Decimal(row.dealSize)
    value = ZERO if row.dealFunds == "0" else Decimal(row.dealFunds)
    status: PublicStatus | None = _OPEN if in_book or filled else _PENDING
    if row.cancelledSize != "0":
        size, status = working_size(size, filled, Decimal(row.cancelledSize), status)
    return venue_order(
        EXCHANGE,
        symbol,
        row.id,
        row.clientOid or None,
        SIDES[row.side],
        _LIMIT,
        _TIMES_IN_FORCE[row.timeInForce],
        status,
        "open" if in_book else "new",
        size,
        filled,
        # What has executed has a value: none is told.
        None if filled and not value else value,
        price,
        None,
        None,
        row.postOnly,
        row.createdAt,
        row.lastUpdatedAt,
        "",
    )
