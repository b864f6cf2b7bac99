"""MEXC's symbols and trading rules, from exchangeInfo: names in both directions, and instruments.

Pure. Names are made of the assets that the venue lists, never of a symbol taken apart.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from exchanges.fields import (
    Record,
    UnreadableError,
    as_list,
    as_record,
    flag,
    number_or_none,
    text,
)
from exchanges.mexc.translate import EXCHANGE, integer_number, optional_integer_number
from exchanges.symbols import Listing, SymbolBook
from messages.types import Instrument, OrderType

ORDER_TYPES = {
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "IMMEDIATE_OR_CANCEL": OrderType.LIMIT,
    "FILL_OR_KILL": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
}

# The second is how it was written until 2024.
_ONLINE = frozenset({"1", "ENABLED"})
_ALL_SIDES_CLOSED = 4
_DECIMALS_MAX = 40

_NOTHING_KNOWN = SymbolBook()


def read_exchange_info(
    payload: Any, aliases: Mapping[str, str], as_of_ms: int, known: SymbolBook = _NOTHING_KNOWN
) -> Listing:
    """Translate an exchangeInfo answer; `aliases` maps canonical names to venue symbols.

    The names that are `known` stay as they are, and new ones are added to them. Raises `UnreadableError` when it is no
    such answer at all; single bad symbols are skipped and counted, but keep their names.
    """
    listed = as_list(as_record(payload).get("symbols"))
    symbols = known.with_names(_names(listed), aliases)
    instruments: list[Instrument] = []
    unreadable = 0
    for item in listed:
        try:
            instruments.append(_instrument(as_record(item), symbols, aliases, as_of_ms))
        except UnreadableError:
            unreadable += 1
    return Listing(instruments=tuple(instruments), unreadable=unreadable, symbols=symbols)


def _names(listed: list[Any]) -> Iterator[tuple[str, str]]:
    for item in listed:
        try:
            record = as_record(item)
            yield text(record, "symbol"), f"{text(record, 'baseAsset')}-{text(record, 'quoteAsset')}"
        except UnreadableError:
            continue


def _instrument(record: Record, symbols: SymbolBook, aliases: Mapping[str, str], as_of_ms: int) -> Instrument:
    venue_symbol = text(record, "symbol")
    base, quote = text(record, "baseAsset"), text(record, "quoteAsset")
    name = symbols.to_canonical.get(venue_symbol)
    if name is None or name not in (f"{base}-{quote}", *aliases):
        raise UnreadableError("symbol has no name of its own, or its assets are not what they were")
    types = as_list(record.get("orderTypes"))
    price_decimals = "quoteAssetPrecision" if record.get("quotePrecision") is None else "quotePrecision"
    # Two of the names mislead: `baseSizePrecision` is the least quantity, `quoteAmountPrecision` the least value.
    least, least_market = (
        number_or_none(record, field) for field in ("quoteAmountPrecision", "quoteAmountPrecisionMarket")
    )
    return Instrument(
        exchange=EXCHANGE,
        symbol=name,
        venue_symbol=venue_symbol,
        base=base,
        quote=quote,
        trading=_trading(record),
        tick_size=_step(record, price_decimals),
        step_size=_step(record, "baseAssetPrecision"),
        min_size=number_or_none(record, "baseSizePrecision"),
        min_notional=least,
        # Where market orders may be smaller than others, the venue judges them.
        min_notional_on_market=least is not None and least_market is not None and least_market >= least,
        max_notional=number_or_none(record, "maxQuoteAmount"),
        order_types=frozenset(ORDER_TYPES[kind] for kind in types if isinstance(kind, str) and kind in ORDER_TYPES),
        post_only_allowed="LIMIT_MAKER" in types,
        quote_size_allowed="MARKET" in types,
        as_of_ms=as_of_ms,
    )


def _trading(record: Record) -> bool:
    # A symbol that is open to one side only is open: the venue refuses the other one with proof.
    open_to_somebody = optional_integer_number(record, "tradeSideType") != _ALL_SIDES_CLOSED
    return _status(record) in _ONLINE and flag(record, "isSpotTradingAllowed") and open_to_somebody


def _status(record: Record) -> str:
    value = record.get("status")
    return str(value) if type(value) is int else text(record, "status")


def _step(record: Record, name: str) -> Decimal:
    decimals = integer_number(record, name)
    if not 0 <= decimals <= _DECIMALS_MAX:
        raise UnreadableError(f"{name} is no number of decimals")
    return Decimal(1).scaleb(-decimals)
