"""Coinbase's products: names in both directions, trading rules, and what reading an execution needs of a product.

Pure. Names are made of the assets that the venue lists, never of a symbol taken apart.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from exchanges.fields import Record, UnreadableError, amount, as_list, as_record, flag, positive_amount, text
from exchanges.symbols import Listing, SymbolBook
from messages.types import Instrument, OrderType

EXCHANGE = "coinbase"

_ORDER_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LIMIT})
_LIMIT_TYPES = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_BLOCKING = ("is_disabled", "trading_disabled", "cancel_only", "post_only", "auction_mode", "view_only")
_NOTHING_KNOWN = SymbolBook()


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What reading its executions and finding its orders needs."""

    quote: str
    """In which commissions are charged."""
    step: Decimal
    """Sizes are multiples of this."""
    same_book: tuple[str, ...] = ()
    """The other products that share its book, by venue symbol."""


def read_products(
    payload: Any, aliases: Mapping[str, str], as_of_ms: int, known: SymbolBook = _NOTHING_KNOWN
) -> tuple[Listing, dict[str, Product]]:
    """Translate a list of products; `aliases` maps canonical names to venue symbols. Products come by venue symbol.

    The names that are `known` stay as they are, and new ones are added to them. Raises `UnreadableError` when it is no
    such answer at all; single bad products are skipped and counted, but keep their names.
    """
    listed = as_list(as_record(payload).get("products"))
    symbols = known.with_names(_names(listed), aliases)
    instruments: list[Instrument] = []
    products: dict[str, Product] = {}
    unreadable = 0
    for item in listed:
        try:
            record = as_record(item)
            each = _instrument(record, symbols, aliases, as_of_ms)
            instruments.append(each)
            products[each.venue_symbol] = Product(
                quote=each.quote, step=positive_amount(record, "base_increment"), same_book=_same_book(record)
            )
        except UnreadableError:
            unreadable += 1
    return Listing(instruments=tuple(instruments), unreadable=unreadable, symbols=symbols), products


def _names(listed: list[Any]) -> Iterator[tuple[str, str]]:
    for item in listed:
        try:
            record = as_record(item)
            base, quote = text(record, "base_currency_id"), text(record, "quote_currency_id")
            yield text(record, "product_id"), f"{base}-{quote}"
        except UnreadableError:
            continue


def _same_book(record: Record) -> tuple[str, ...]:
    # What is not told, or not in the form that was seen, names nothing: it only makes a search wider.
    told = record.get("alias_to")
    named = [record.get("alias"), *(told if isinstance(told, list) else ())]
    return tuple(dict.fromkeys(each for each in named if type(each) is str and each))


def _instrument(record: Record, symbols: SymbolBook, aliases: Mapping[str, str], as_of_ms: int) -> Instrument:
    venue_symbol = text(record, "product_id")
    base, quote = text(record, "base_currency_id"), text(record, "quote_currency_id")
    name = symbols.to_canonical.get(venue_symbol)
    if name is None or name not in (f"{base}-{quote}", *aliases):
        raise UnreadableError("symbol has no name of its own, or its assets are not what they were")
    online = text(record, "status") == "online"
    # Read one by one, so that a flag that cannot be read never passes for one that is not set.
    blocked = [flag(record, each) for each in _BLOCKING]
    limit_only = flag(record, "limit_only")
    return Instrument(
        exchange=EXCHANGE,
        symbol=name,
        venue_symbol=venue_symbol,
        base=base,
        quote=quote,
        trading=online and not any(blocked),
        cancel_only=flag(record, "cancel_only"),
        tick_size=positive_amount(record, "price_increment"),
        step_size=positive_amount(record, "base_increment"),
        min_size=amount(record, "base_min_size") or None,
        max_size=amount(record, "base_max_size") or None,
        min_notional=amount(record, "quote_min_size") or None,
        min_notional_on_market=True,
        max_notional=amount(record, "quote_max_size") or None,
        order_types=_LIMIT_TYPES if limit_only else _ORDER_TYPES,
        quote_size_allowed=not limit_only,
        as_of_ms=as_of_ms,
    )
