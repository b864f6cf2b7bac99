"""KuCoin's executions and balances, as its lists describe them, to ours.

Pure, and as strict as reading orders: a record with a field missing or of the wrong kind is unreadable as a whole
(`UnreadableError`).
"""

from decimal import Decimal
from functools import partial
from typing import Any

from exchanges.fields import (
    Reader,
    UnreadableError,
    amount,
    as_record,
    fault,
    integer,
    optional_text,
    positive_amount,
    several,
    signed_amount,
    signed_or_none,
    text,
    unsigned_or_none,
    word,
)
from exchanges.kucoin.symbols import EXCHANGE
from exchanges.kucoin.translate import SIDES
from exchanges.records import venue_fill
from exchanges.symbols import SymbolBook
from messages.fills import FillSource, Liquidity, VenueFill

_REST = FillSource.REST
_LIQUIDITY = {"taker": Liquidity.TAKER, "maker": Liquidity.MAKER}
_FILL_FIELDS: dict[str, Reader] = {
    **dict.fromkeys(("symbol", "orderId"), text),
    "side": partial(word, known=SIDES),
    "liquidity": partial(word, known=_LIQUIDITY),
    **dict.fromkeys(("price", "size"), positive_amount),
    "fee": signed_amount,
    "feeCurrency": optional_text,
    "createdAt": integer,
}
_fill_values = several(
    ("symbol", "orderId", "tradeId", "side", "liquidity", "price", "size", "fee", "feeCurrency", "createdAt")
)


def read_fill(value: Any, symbols: SymbolBook) -> VenueFill:
    """Translate an execution. Executions carry no client id, and their numbers rise by symbol."""
    record = as_record(value)
    symbol, order_id, number, side, liquidity, price, size, fee, currency, at_ms = _fill_values(record)
    price, size, fee = unsigned_or_none(price), unsigned_or_none(size), signed_or_none(fee)
    if (
        not (price and size)
        or fee is None
        or not type(symbol) is type(order_id) is type(side) is type(liquidity) is str
        or not (symbol and order_id)
        or side not in SIDES
        or liquidity not in _LIQUIDITY
        or (type(currency) is not str and currency is not None)
        or type(at_ms) is not int
    ):
        raise fault(record, _FILL_FIELDS, "side")
    return venue_fill(
        EXCHANGE,
        symbols.canonical(symbol),
        _trade_id(number),
        order_id,
        None,
        SIDES[side],
        price,
        size,
        fee,
        currency or None,
        _LIQUIDITY[liquidity],
        at_ms,
        _REST,
    )


def _trade_id(number: Any) -> str:
    # A number here, a text elsewhere; the same text names the same execution.
    named = str(number) if type(number) is int else number
    if type(named) is not str or not (named.isascii() and named.isdigit()):
        raise UnreadableError("tradeId names nothing")
    return named


def read_account(value: Any) -> tuple[str, Decimal, Decimal]:
    """Translate one account of a list: asset, total, of which available."""
    record = as_record(value)
    return text(record, "currency"), amount(record, "balance"), amount(record, "available")
