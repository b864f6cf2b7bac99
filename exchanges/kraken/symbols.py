"""Kraken's symbols, assets and trading rules, from AssetPairs and Assets: names in both directions, instruments.

Pure. A pair has four names (id, altname, wsname and the stream's), all of which are kept; ours is made of the assets
that the venue lists, never of letters taken off.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from exchanges.fields import Record, UnreadableError, as_record, integer, optional_text, positive_amount, text
from exchanges.symbols import Listing, SymbolBook
from exchanges.throttle import Budget
from messages.types import Instrument, OrderType

EXCHANGE = "kraken"

CALLS = "calls"
"""Unit of the counter of calls that a key has."""

# The venue's limits depend on the account's tier, which no answer tells; these are of the middle one. On a lower tier
# the venue refuses sooner than we do, which it says with proof that nothing was done.
_CALLS_BUDGET = Budget(name=CALLS, unit=CALLS, limit=20, decay_milli_per_s=500)
_ENGINE_LIMIT = 125
_ENGINE_DECAY_MILLI_PER_S = 2340

# What the venue calls otherwise than everybody else, and itself does not on its stream.
_RENAMED = {"XBT": "BTC", "XDG": "DOGE"}
_VENUE = "international"
_DECIMALS_MAX = 30
_ALL_TYPES = frozenset(OrderType)
_LIMIT_ONLY = frozenset({OrderType.LIMIT})
# Whether orders are taken in a status, and which.
_TRADING = {"online": _ALL_TYPES, "limit_only": _LIMIT_ONLY, "post_only": _LIMIT_ONLY}

_NOTHING_KNOWN = SymbolBook()


def engine_unit(venue_symbol: str) -> str:
    """Name the matching engine's counter of a pair."""
    return f"engine {venue_symbol}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What else than symbols has names."""

    assets: Mapping[str, str]
    """Ours of an asset, by the venue's."""
    quotes: Mapping[str, str]
    """The quote currency of a canonical symbol: that of the fees in trade records."""

    def asset(self, venue_asset: str) -> str:
        """Name an asset. One that is not listed keeps the venue's name, as holdings of a special kind have them."""
        return self.assets.get(venue_asset, venue_asset)


NO_NAMES = Names(assets={}, quotes={})


def read_assets(payload: Any) -> dict[str, str]:
    """Read the names of assets. Raises `UnreadableError` when it is no such answer; single bad ones are left out, and
    so make the pairs unreadable that are made of them.
    """
    names: dict[str, str] = {}
    for asset, item in as_record(payload).items():
        try:
            name = text(as_record(item), "altname")
        except UnreadableError:
            continue
        names[asset] = _RENAMED.get(name, name)
    return names


def read_pairs(
    payload: Any,
    names: Names,
    aliases: Mapping[str, str],
    as_of_ms: int,
    known: SymbolBook = _NOTHING_KNOWN,
) -> tuple[Listing, Names]:
    """Translate an AssetPairs answer; `aliases` maps canonical names to altnames.

    The names that are `known` stay as they are, and new ones are added to them. Raises `UnreadableError` when it is no
    such answer at all; single bad pairs are skipped and counted, but keep their names.
    """
    pairs = {pair: item for pair, item in as_record(payload).items() if not _elsewhere(item)}
    called = list(_names(pairs, names))
    plain = ((altname, f"{base}-{quote}") for altname, base, quote, _ in called)
    symbols = known.with_names(plain, aliases)
    symbols = symbols.also_called((other, altname) for altname, _, _, others in called for other in others)
    ours = symbols.to_canonical
    quotes = {ours[altname]: quote for altname, _, quote, _ in called if altname in ours}
    instruments: list[Instrument] = []
    unreadable = 0
    for item in pairs.values():
        try:
            instruments.append(_instrument(as_record(item), names, symbols, aliases, as_of_ms))
        except UnreadableError:
            unreadable += 1
    listing = Listing(
        instruments=tuple(instruments), unreadable=unreadable, symbols=symbols, budgets=tuple(_budgets(instruments))
    )
    return listing, Names(assets=names.assets, quotes={**names.quotes, **quotes})


def _elsewhere(item: Any) -> bool:
    # Pairs that are traded at another venue have the names of ours.
    return isinstance(item, dict) and item.get("execution_venue", _VENUE) != _VENUE


def _names(pairs: Mapping[str, Any], names: Names) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    # The altname, base, quote, and the other names of each.
    for pair, item in pairs.items():
        try:
            record = as_record(item)
            altname, wsname = text(record, "altname"), optional_text(record, "wsname")
            base, quote = _asset(record, "base", names), _asset(record, "quote", names)
        except UnreadableError:
            continue
        others = (pair, f"{base}/{quote}")
        yield altname, base, quote, others if wsname is None else (*others, wsname)


def _asset(record: Record, name: str, names: Names) -> str:
    found = names.assets.get(text(record, name))
    if found is None:
        raise UnreadableError(f"{name} is no listed asset")
    return found


def _instrument(
    record: Record, names: Names, symbols: SymbolBook, aliases: Mapping[str, str], as_of_ms: int
) -> Instrument:
    venue_symbol = text(record, "altname")
    base, quote = _asset(record, "base", names), _asset(record, "quote", names)
    name = symbols.to_canonical.get(venue_symbol)
    if name is None or name not in (f"{base}-{quote}", *aliases):
        raise UnreadableError("pair has no name of its own, or its assets are not what they were")
    status = text(record, "status")
    return Instrument(
        exchange=EXCHANGE,
        symbol=name,
        venue_symbol=venue_symbol,
        base=base,
        quote=quote,
        trading=status in _TRADING,
        cancel_only=status == "cancel_only",
        tick_size=positive_amount(record, "tick_size"),
        step_size=_step(record),
        min_size=positive_amount(record, "ordermin"),
        min_notional=positive_amount(record, "costmin"),
        order_types=_TRADING.get(status, _ALL_TYPES),
        as_of_ms=as_of_ms,
    )


def _step(record: Record) -> Decimal:
    places = integer(record, "lot_decimals")
    if not 0 <= places <= _DECIMALS_MAX:
        raise UnreadableError("lot_decimals is no number of decimals")
    return Decimal(1).scaleb(-places)


def _budgets(instruments: list[Instrument]) -> Iterator[Budget]:
    # The matching engine counts for each pair by itself.
    yield _CALLS_BUDGET
    for each in instruments:
        unit = engine_unit(each.venue_symbol)
        yield Budget(name=unit, unit=unit, limit=_ENGINE_LIMIT, decay_milli_per_s=_ENGINE_DECAY_MILLI_PER_S)
