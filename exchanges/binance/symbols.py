"""Binance's symbols and trading rules, from exchangeInfo: names in both directions, instruments, rate limits.

Pure. Names are made of the assets that the venue lists, never of a symbol taken apart.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from exchanges.fields import (
    Record,
    UnreadableError,
    amount,
    as_list,
    as_record,
    flag,
    integer,
    text,
)
from exchanges.symbols import Listing, SymbolBook
from exchanges.throttle import Budget
from messages.types import Instrument, OrderType

EXCHANGE = "binance"

ORDER_TYPES: dict[str, OrderType] = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "STOP_LOSS": OrderType.STOP_MARKET,
    "TAKE_PROFIT": OrderType.STOP_MARKET,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
    "TAKE_PROFIT_LIMIT": OrderType.STOP_LIMIT,
}

_INTERVALS_MS = {"SECOND": 1000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000}
# RAW_REQUESTS is left out: no answer says how much of it is used.
_LIMIT_UNITS = {"REQUEST_WEIGHT": "weight", "ORDERS": "orders"}


_NOTHING_KNOWN = SymbolBook()


def read_exchange_info(
    payload: Any, aliases: Mapping[str, str], as_of_ms: int, known: SymbolBook = _NOTHING_KNOWN
) -> Listing:
    """Translate an exchangeInfo answer; `aliases` maps canonical names to venue symbols.

    The names that are `known` stay as they are, and new ones are added to them. Raises `UnreadableError` when it is no
    such answer at all; single bad symbols are skipped and counted, but keep their names.
    """
    record = as_record(payload)
    listed = as_list(record.get("symbols"))
    symbols = known.with_names(_names(listed), aliases)
    instruments: list[Instrument] = []
    unreadable = 0
    for item in listed:
        try:
            instruments.append(_instrument(as_record(item), symbols, aliases, as_of_ms))
        except UnreadableError:
            unreadable += 1
    return Listing(
        instruments=tuple(instruments), unreadable=unreadable, symbols=symbols, budgets=_budgets(record)
    )


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
    status = text(record, "status")
    types = as_list(record.get("orderTypes"))
    price = _filter(record, "PRICE_FILTER")
    lot = _filter(record, "LOT_SIZE")
    market = _filter(record, "MARKET_LOT_SIZE")
    return Instrument(
        exchange=EXCHANGE,
        symbol=name,
        venue_symbol=venue_symbol,
        base=base,
        quote=quote,
        trading=status == "TRADING" and flag(record, "isSpotTradingAllowed"),
        cancel_only=status == "CANCEL_ONLY",
        tick_size=_part(price, "tickSize"),
        min_price=_part(price, "minPrice"),
        max_price=_part(price, "maxPrice"),
        step_size=_part(lot, "stepSize"),
        min_size=_part(lot, "minQty"),
        max_size=_part(lot, "maxQty"),
        market_step_size=_part(market, "stepSize"),
        market_min_size=_part(market, "minQty"),
        market_max_size=_part(market, "maxQty"),
        order_types=frozenset(ORDER_TYPES[name] for name in types if isinstance(name, str) and name in ORDER_TYPES),
        post_only_allowed="LIMIT_MAKER" in types,
        quote_size_allowed=flag(record, "quoteOrderQtyMarketAllowed"),
        as_of_ms=as_of_ms,
        **_notional(record),
    )


def _notional(record: Record) -> dict[str, Any]:
    found = _filter(record, "NOTIONAL")
    if found is not None:
        return {
            "min_notional": _part(found, "minNotional"),
            "min_notional_on_market": flag(found, "applyMinToMarket"),
            "max_notional": _part(found, "maxNotional"),
        }
    found = _filter(record, "MIN_NOTIONAL")
    if found is not None:
        return {
            "min_notional": _part(found, "minNotional"),
            "min_notional_on_market": flag(found, "applyToMarket"),
        }
    return {}


def _filter(record: Record, kind: str) -> Record | None:
    for item in as_list(record.get("filters")):
        if isinstance(item, dict) and item.get("filterType") == kind:
            return item
    return None


def _part(record: Record | None, name: str) -> Decimal | None:
    # Zero disables a part of a filter.
    return None if record is None else amount(record, name) or None


def _budgets(record: Record) -> tuple[Budget, ...]:
    # A limit of a kind we do not know cannot be counted by us; the venue's 429 still applies.
    budgets = []
    for item in as_list(record.get("rateLimits", [])):
        try:
            limit = as_record(item)
            unit = _LIMIT_UNITS.get(text(limit, "rateLimitType"))
            interval_ms = _INTERVALS_MS.get(text(limit, "interval"), 0) * integer(limit, "intervalNum")
            allowed = integer(limit, "limit")
        except UnreadableError:
            continue
        if unit and interval_ms > 0 and allowed > 0:
            budgets.append(Budget(name=f"{unit}-{interval_ms}", unit=unit, limit=allowed, window_ms=interval_ms))
    return tuple(budgets)
