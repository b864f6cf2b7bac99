"""Binance's symbols and trading rules, from exchangeInfo: names in both directions, instruments, rate limits.

Pure. A venue symbol has exactly one canonical name: `BASE-QUOTE`, or the alias that the configuration gives it. It
never splits a concatenated symbol by guessing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from exchanges.binance.fields import (
    Record,
    UnreadableError,
    amount,
    as_list,
    as_record,
    flag,
    integer,
    text,
)
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


@dataclass(frozen=True, slots=True)
class SymbolBook:
    """Names of symbols in both directions, as last loaded."""

    to_canonical: Mapping[str, str] = field(default_factory=dict)
    to_venue: Mapping[str, str] = field(default_factory=dict)

    def canonical(self, venue_symbol: str) -> str:
        """Name a venue symbol canonically; one that is not listed keeps the venue's form."""
        return self.to_canonical.get(venue_symbol, venue_symbol)

    def venue(self, symbol: str) -> str | None:
        """Name a canonical symbol as the venue does.

        A name without a dash is one that `canonical` passed through unchanged, and goes back the same way. None:
        not listed.
        """
        listed = self.to_venue.get(symbol)
        return symbol if listed is None and "-" not in symbol else listed


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeInfo:
    """What one exchangeInfo answer says."""

    instruments: tuple[Instrument, ...]
    unreadable: int
    symbols: SymbolBook
    budgets: tuple[Budget, ...]


def read_exchange_info(payload: Any, aliases: Mapping[str, str], as_of_ms: int) -> ExchangeInfo:
    """Translate an exchangeInfo answer; `aliases` maps canonical names to venue symbols.

    Raises `UnreadableError` when it is no such answer at all; single bad symbols are skipped and counted.
    """
    record = as_record(payload)
    names = {venue: canonical for canonical, venue in aliases.items()}
    instruments: list[Instrument] = []
    unreadable = 0
    for item in as_list(record.get("symbols")):
        try:
            instruments.append(_instrument(as_record(item), names, as_of_ms))
        except UnreadableError:
            unreadable += 1
    return ExchangeInfo(
        instruments=tuple(instruments),
        unreadable=unreadable,
        symbols=SymbolBook(
            to_canonical={item.venue_symbol: item.symbol for item in instruments},
            to_venue={item.symbol: item.venue_symbol for item in instruments},
        ),
        budgets=_budgets(record),
    )


def _instrument(record: Record, names: Mapping[str, str], as_of_ms: int) -> Instrument:
    venue_symbol = text(record, "symbol")
    base, quote = text(record, "baseAsset"), text(record, "quoteAsset")
    status = text(record, "status")
    types = as_list(record.get("orderTypes"))
    price = _filter(record, "PRICE_FILTER")
    lot = _filter(record, "LOT_SIZE")
    market = _filter(record, "MARKET_LOT_SIZE")
    return Instrument(
        exchange=EXCHANGE,
        symbol=_canonical(venue_symbol, f"{base}-{quote}", names),
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


def _canonical(venue_symbol: str, listed: str, names: Mapping[str, str]) -> str:
    alias = names.get(venue_symbol)
    if alias is None and listed in names.values():
        # An alias gave this name to another symbol. One name must never mean two.
        raise UnreadableError("symbol is hidden by an alias")
    return alias or listed


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
