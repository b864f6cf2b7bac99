"""Coinbase's pages of open orders, read in one go where every order has the form that open orders have.

Pure. It never decides what a record means otherwise than `translate`, which reads every page that has a record of any
other form.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

from exchanges.coinbase.symbols import EXCHANGE
from exchanges.coinbase.times import optional_time, time_or_none
from exchanges.coinbase.translate import SIDES, STATUSES, our_client_id, read_order
from exchanges.fields import UnreadableError, all_plain_amounts
from exchanges.records import venue_order
from exchanges.symbols import SymbolBook
from exchanges.wire_json import Row, parse_json, rows_parser
from messages.types import ZERO, OrderType, TimeInForce, VenueOrder

# Reading a member of an enumeration by its class costs more than reading a field.
_LIMIT, _GTC, _GTT = OrderType.LIMIT, TimeInForce.GTC, TimeInForce.GTT


class _Limit(Row):
    base_size: str
    limit_price: str
    post_only: bool
    quote_size: None = None


class _Configuration(Row, forbid_unknown_fields=True):
    # One of them.
    limit_limit_gtc: _Limit | None = None
    limit_limit_gtd: _Limit | None = None


class OrderRow(Row):
    """An order of a page, by the venue's names and, since that is quicker, in its order."""

    order_id: str
    product_id: str
    side: Literal["BUY", "SELL"]
    client_order_id: str
    order_configuration: _Configuration
    status: Literal["PENDING", "OPEN", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED"]
    created_time: str
    filled_size: str
    filled_value: str
    last_update_time: str | None = None
    # What an order was before it was edited is read by the other way.
    edit_history: tuple[()] | None = None


class _Page(Row):
    orders: list[OrderRow]
    has_next: bool
    cursor: str
    proof_token_required: bool = False


_page = rows_parser(_Page)


def parse_orders(body: bytes) -> Any:
    """Parse a page of orders: with rows, where all of them are as open orders are, or whole; raises
    `UnreadableError`.
    """
    page = _page(body)
    if page is None:
        return parse_json(body)
    amounts = [
        f"{found[0].base_size} {found[0].limit_price} {row.filled_size} {row.filled_value} "
        for row in page.orders
        if row.order_id and row.product_id and (found := _terms(row.order_configuration)) is not None
    ]
    if len(amounts) < len(page.orders) or not all_plain_amounts(amounts, 4):
        return parse_json(body)
    return {name: getattr(page, name) for name in _Page.__struct_fields__}


def order_reader(symbols: SymbolBook) -> Callable[[Any], VenueOrder]:
    """Make a reader of orders that `parse_orders` has parsed, in either way."""
    names = symbols.to_canonical.get

    def read(item: Any) -> VenueOrder:
        if type(item) is not OrderRow:
            return read_order(item, symbols)
        symbol = item.product_id
        return _order(item, names(symbol) or symbols.canonical(symbol))

    return read


def _terms(configuration: _Configuration) -> tuple[_Limit, TimeInForce] | None:
    # None: there are none, or two.
    until_cancelled, until_a_time = configuration.limit_limit_gtc, configuration.limit_limit_gtd
    if until_cancelled is None:
        return None if until_a_time is None else (until_a_time, _GTT)
    return (until_cancelled, _GTC) if until_a_time is None else None


def _order(row: OrderRow, symbol: str) -> VenueOrder:
    found = _terms(row.order_configuration)
    if found is None:
        raise UnreadableError("order_configuration is unknown")
    terms, lasting = found
    created, updated, status, client_id = row.created_time, row.last_update_time, row.status, row.client_order_id
    created_ms = time_or_none(created)
    size, price = Decimal(terms.base_size), Decimal(terms.limit_price)
    if created_ms is None or not (size and price):
        raise UnreadableError("a time or an amount of the order is none")
    # Most open orders have nothing executed. What was executed is worth something: the value follows.
    filled = ZERO if row.filled_size == "0" else Decimal(row.filled_size) or ZERO
    value = ZERO if row.filled_value == "0" else Decimal(row.filled_value)
    return venue_order(
        EXCHANGE,
        symbol,
        row.order_id,
        our_client_id(client_id) if client_id else None,
        SIDES[row.side],
        _LIMIT,
        lasting,
        STATUSES[status],
        status,
        size,
        filled,
        None if filled and not value else value,
        price,
        None,
        None,
        terms.post_only,
        created_ms,
        # Most open orders were never updated.
        created_ms if updated == created else optional_time({"": updated}, ""),
        "",
    )
