"""Coinbase's executions and balances, as its lists describe them, to ours.

Pure, and as strict as reading orders: a record with a field missing or of the wrong kind is unreadable as a whole
(`UnreadableError`). A row that takes back an execution is none, and is never booked for one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from exchanges.coinbase.symbols import EXCHANGE, Product
from exchanges.coinbase.times import time
from exchanges.coinbase.translate import SIDES
from exchanges.fields import (
    Record,
    UnreadableError,
    as_record,
    flag,
    optional_text,
    positive_amount,
    signed_amount,
    text,
    text_or_empty,
    word,
)
from exchanges.records import venue_fill
from exchanges.symbols import SymbolBook
from messages.fills import FillSource, Liquidity, VenueFill

_LIQUIDITY = {"MAKER": Liquidity.MAKER, "TAKER": Liquidity.TAKER}
_REST = FillSource.REST
# Rows that say that an execution does not count as it was told. A correction may tell what counts instead; how is not
# documented, so that is left to a person.
_TAKING_BACK = frozenset({"REVERSAL", "CORRECTION"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FillsListed:
    """What a list of executions tells."""

    fills: tuple[VenueFill, ...]
    """Those that count."""
    voided: tuple[VenueFill, ...] = ()
    """Those of the list that other rows of it take back."""
    orphans: frozenset[str] = frozenset()
    """Venue ids of orders of which an execution is taken back that the list does not show."""
    unreadable: int = 0


def read_fills(rows: Iterable[Any], symbols: SymbolBook, products: Mapping[str, Product]) -> FillsListed:
    """Translate the rows of a list; each entry counts once, and a bad row is skipped alone."""
    told: dict[str, tuple[tuple[str, str | None], VenueFill]] = {}
    taken_back: set[tuple[str, str | None]] = set()
    unreadable = 0
    for row in rows:
        try:
            record = as_record(row)
            if text(record, "trade_type") in _TAKING_BACK:
                # It has an entry of its own, and shares the number of the trade with the execution.
                taken_back.add((text(record, "order_id"), text(record, "trade_id")))
            else:
                fill = read_fill(record, symbols, products)
                told[fill.fill_id] = (fill.venue_order_id, optional_text(record, "trade_id")), fill
        except UnreadableError:
            unreadable += 1
    shown = {trade for trade, _ in told.values()}
    return FillsListed(
        fills=tuple(fill for trade, fill in told.values() if trade not in taken_back),
        voided=tuple(fill for trade, fill in told.values() if trade in taken_back),
        orphans=frozenset(order_id for order_id, _ in taken_back - shown),
        unreadable=unreadable,
    )
# Sums and products of amounts with up to forty digits stay exact.
_EXACT = Context(prec=100)


def read_fill(value: Any, symbols: SymbolBook, products: Mapping[str, Product]) -> VenueFill:
    """Translate one row of the list of executions, by its `entry_id`. They carry no client id.

    Rows that correct others, or whose kind is new, are no executions, and unreadable as such.
    """
    record = as_record(value)
    if text(record, "trade_type") != "FILL":
        raise UnreadableError("trade_type is not FILL")
    symbol = text(record, "product_id")
    name, product = symbols.canonical(symbol), products.get(symbol)
    if product is None:
        raise UnreadableError("the trading rules of the symbol are not known")
    price, size = positive_amount(record, "price"), positive_amount(record, "size")
    return venue_fill(
        EXCHANGE,
        name,
        text(record, "entry_id"),
        text(record, "order_id"),
        None,
        word(record, "side", SIDES),
        price,
        _in_base(size, price, product.step) if flag(record, "size_in_quote") else size,
        signed_amount(record, "commission"),
        product.quote,
        # A word for liquidity that is new is no reason to disown an execution.
        _LIQUIDITY.get(text_or_empty(record, "liquidity_indicator"), Liquidity.UNKNOWN),
        time(record, "trade_time"),
        _REST,
    )


def _in_base(quote: Decimal, price: Decimal, step: Decimal) -> Decimal:
    # What was executed is a whole number of steps; the quotient misses it by what the quote size was rounded by.
    steps = _EXACT.to_integral_value(_EXACT.divide(quote, _EXACT.multiply(price, step)))
    if not steps:
        raise UnreadableError("size is less than a step")
    return _EXACT.multiply(steps, step)


# ----- balances


def read_balance(value: Any) -> tuple[str, Decimal, Decimal]:
    """Translate one account: asset, total, of which available."""
    record = as_record(value)
    asset = text(record, "currency")
    available, held = (_balance_part(record, name, asset) for name in ("available_balance", "hold"))
    return asset, _EXACT.add(available, held), available


def _balance_part(record: Record, name: str, asset: str) -> Decimal:
    part = as_record(record.get(name))
    if text(part, "currency") != asset:
        raise UnreadableError(f"{name} is of another asset")
    return signed_amount(part, "value")
