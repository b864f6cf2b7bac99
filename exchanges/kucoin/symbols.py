"""KuCoin's symbols and trading rules: names in both directions, instruments.

Pure. A symbol is base and quote around its single dash; the display name that may change is not looked at.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from exchanges.fields import UnreadableError, amount_or_none, as_list, as_record, flag, positive_amount, text
from exchanges.kucoin.capabilities import CAPABILITIES
from exchanges.symbols import Listing, SymbolBook
from messages.types import Instrument

EXCHANGE = CAPABILITIES.venue

_NOTHING_KNOWN = SymbolBook()


def read_symbols(
    payload: Any, aliases: Mapping[str, str], as_of_ms: int, known: SymbolBook = _NOTHING_KNOWN
) -> Listing:
    """Translate the list of all symbols; `aliases` maps canonical names to venue symbols.

    The names that are `known` stay as they are, and new ones are added to them. Raises `UnreadableError` when it is no
    list at all; single bad symbols are skipped and counted, but keep their names.
    """
    listed = as_list(payload)
    symbols = known.with_names(_names(listed), aliases)
    instruments: list[Instrument] = []
    unreadable = 0
    for item in listed:
        try:
            instruments.append(_instrument(item, symbols, as_of_ms))
        except UnreadableError:
            unreadable += 1
    return Listing(instruments=tuple(instruments), unreadable=unreadable, symbols=symbols)


def _names(listed: list[Any]) -> Iterator[tuple[str, str]]:
    for item in listed:
        try:
            symbol = text(as_record(item), "symbol")
            _assets(symbol)
        except UnreadableError:
            continue
        yield symbol, symbol


def _assets(symbol: str) -> tuple[str, str]:
    base, _, quote = symbol.partition("-")
    if not base or not quote or "-" in quote:
        raise UnreadableError("symbol is not two assets around a dash")
    return base, quote


def _instrument(item: Any, symbols: SymbolBook, as_of_ms: int) -> Instrument:
    record = as_record(item)
    venue_symbol = text(record, "symbol")
    base, quote = _assets(venue_symbol)
    name = symbols.to_canonical.get(venue_symbol)
    if name is None:
        raise UnreadableError("symbol has no name of its own")
    return Instrument(
        exchange=EXCHANGE,
        symbol=name,
        venue_symbol=venue_symbol,
        base=base,
        quote=quote,
        trading=flag(record, "enableTrading"),
        tick_size=positive_amount(record, "priceIncrement"),
        step_size=positive_amount(record, "baseIncrement"),
        min_size=amount_or_none(record, "baseMinSize"),
        max_size=amount_or_none(record, "baseMaxSize"),
        min_notional=amount_or_none(record, "minFunds"),
        order_types=CAPABILITIES.order_types,
        as_of_ms=as_of_ms,
    )
