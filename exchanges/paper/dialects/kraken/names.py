"""Kraken's names: three for each pair, a fourth on the stream, and old codes for old assets."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from exchanges.paper.dialects.kraken.errors import UNKNOWN_PAIR, KrakenError
from exchanges.paper.model import PaperInstrument

_OLD_ASSETS = {"BTC": "XXBT", "ETH": "XETH", "USD": "ZUSD"}
"""Assets that were listed when crypto had an X and money a Z before its code."""
_OTHER_ALTNAMES = {"BTC": "XBT"}


@dataclass(frozen=True, slots=True)
class Pair:
    """One instrument under all its names."""

    instrument: PaperInstrument
    altname: str
    wsname: str
    stream_symbol: str

    @property
    def pair_id(self) -> str:
        """The key of the pair in REST answers."""
        return self.instrument.venue_symbol

    @property
    def price_places(self) -> int:
        """Decimals of a price."""
        return _places(self.instrument.tick_size)

    @property
    def lot_places(self) -> int:
        """Decimals of a size."""
        return _places(self.instrument.step_size)


class Pairs:
    """All pairs of a venue."""

    def __init__(self, instruments: Iterable[PaperInstrument]) -> None:
        self._by_symbol = {instrument.symbol: _pair(instrument) for instrument in instruments}
        self._by_name = {name: pair for pair in self.all() for name in (pair.altname, pair.pair_id)}

    def all(self) -> tuple[Pair, ...]:
        """Return every pair."""
        return tuple(self._by_symbol.values())

    def of(self, symbol: str) -> Pair:
        """Return the pair of a canonical symbol."""
        return self._by_symbol[symbol]

    def named(self, name: str) -> Pair:
        """Return the pair with this id or altname. Raises KrakenError."""
        found = self._by_name.get(name)
        if found is None:
            raise KrakenError(UNKNOWN_PAIR)
        return found

    def described(self, name: str) -> Pair:
        """Return the pair with this name of any kind, as the public endpoints take it. Raises KrakenError."""
        found = (pair for pair in self.all() if name in (pair.wsname, pair.stream_symbol))
        return next(found, None) or self.named(name)

    def assets(self) -> tuple[str, ...]:
        """Return the canonical names of everything that is traded, each once."""
        both = (asset for pair in self.all() for asset in (pair.instrument.base, pair.instrument.quote))
        return tuple(dict.fromkeys(both))


def asset_id(asset: str) -> str:
    """Return the code under which balances and pairs name an asset."""
    return _OLD_ASSETS.get(asset, asset)


def asset_altname(asset: str) -> str:
    """Return an asset's short name."""
    return _OTHER_ALTNAMES.get(asset, asset)


def pair_id(base: str, quote: str) -> str:
    """Return the id of a pair: of old codes where both assets are old, else of the short names."""
    if base in _OLD_ASSETS and quote in _OLD_ASSETS:
        return asset_id(base) + asset_id(quote)
    return asset_altname(base) + asset_altname(quote)


def _pair(instrument: PaperInstrument) -> Pair:
    base, quote = asset_altname(instrument.base), asset_altname(instrument.quote)
    return Pair(instrument, base + quote, f"{base}/{quote}", f"{instrument.base}/{instrument.quote}")


def _places(step: Decimal) -> int:
    return len(f"{step:f}".partition(".")[2].rstrip("0"))
