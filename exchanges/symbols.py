"""A venue's symbols and our names for them, in both directions.

Pure. A venue symbol has exactly one canonical name, which the adapter makes of base and quote, or the alias that the
configuration gives it. A name once known stays: executions are booked under it. It never splits a concatenated symbol
by guessing, and never takes another name in the place of one that it does not know.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from exchanges.fields import UnreadableError
from exchanges.throttle import Budget
from messages.types import Instrument


@dataclass(frozen=True, slots=True)
class SymbolBook:
    """Names of symbols in both directions, of all that were ever listed since we started."""

    to_canonical: Mapping[str, str] = field(default_factory=dict)
    """By every name that the venue has for a symbol."""
    to_venue: Mapping[str, str] = field(default_factory=dict)
    """The name that its requests take."""
    hidden: Mapping[str, str] = field(default_factory=dict)
    """By canonical name: the venue symbol that would have it, if an alias had not given it to another one."""
    on_unlisted: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)
    """Called when a record names a symbol that is not listed."""

    def canonical(self, venue_symbol: str) -> str:
        """Name a venue symbol canonically.

        Raises:
            UnreadableError: it is not listed, and nothing may be booked under a name that is not for good.
        """
        name = self.to_canonical.get(venue_symbol)
        if name is None:
            self.on_unlisted()
            raise UnreadableError("symbol is not listed")
        return name

    def venue(self, symbol: str) -> str | None:
        """Name a canonical symbol as the venue does; None: not listed.

        A name without a dash is the venue's own: stored records may have it.
        """
        listed = self.to_venue.get(symbol)
        return symbol if listed is None and "-" not in symbol else listed

    def with_names(self, listed: Iterable[tuple[str, str]], aliases: Mapping[str, str]) -> "SymbolBook":
        """Add (venue symbol, canonical name) pairs; names that are known stay as they are.

        `aliases` maps canonical names of the configuration to venue symbols.
        """
        aliased = {venue: canonical for canonical, venue in aliases.items()}
        to_canonical, to_venue, hidden = dict(self.to_canonical), dict(self.to_venue), dict(self.hidden)
        for venue_symbol, plain in listed:
            name = aliased.get(venue_symbol) or plain
            if name in aliases and aliases[name] != venue_symbol:
                # An alias gave this name to another symbol. What is at the venue under it must be named all the same.
                hidden[name] = venue_symbol
                name = venue_symbol
            if venue_symbol not in to_canonical and name not in to_venue:
                to_canonical[venue_symbol], to_venue[name] = name, venue_symbol
        return replace(self, to_canonical=to_canonical, to_venue=to_venue, hidden=hidden)

    def also_called(self, others: Iterable[tuple[str, str]]) -> "SymbolBook":
        """Add (other name, venue symbol) pairs: further names that the venue's records have for listed symbols."""
        to_canonical = dict(self.to_canonical)
        for other, venue_symbol in others:
            name = to_canonical.get(venue_symbol)
            if name is not None:
                to_canonical.setdefault(other, name)
        return replace(self, to_canonical=to_canonical)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a venue says of its instruments."""

    instruments: tuple[Instrument, ...]
    unreadable: int
    symbols: SymbolBook
    budgets: tuple[Budget, ...] | None = None
    """The venue's rate limits, where it tells them."""


def alias_problems(listing: Listing, aliases: Mapping[str, str]) -> tuple[str, ...]:
    """Say which aliases name nothing that the venue lists, and which hide a symbol of its own.

    `aliases` maps canonical names of the configuration to venue symbols.
    """
    listed = {instrument.symbol for instrument in listing.instruments}
    problems = []
    for name, venue_symbol in aliases.items():
        if name not in listed:
            problems.append(f"{name} is to be {venue_symbol}, which the venue does not list for trading")
        elif name in listing.symbols.hidden:
            own = listing.symbols.hidden[name]
            problems.append(f"{name} is {venue_symbol} here, so that the venue's own {name} ({own}) cannot be traded")
    return tuple(problems)
