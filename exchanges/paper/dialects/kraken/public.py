"""Kraken's public endpoints, and the token that a stream needs."""

from exchanges.paper.dialects.kraken import render
from exchanges.paper.dialects.kraken.auth import TOKEN_LIFE_S, Tokens
from exchanges.paper.dialects.kraken.calls import Call, Result
from exchanges.paper.dialects.kraken.errors import UNKNOWN_ASSET, KrakenError
from exchanges.paper.dialects.kraken.names import Pair, Pairs, asset_altname, asset_id
from exchanges.paper.dialects.kraken.numbers import COST_PLACES, VOLUME_PLACES, amount, rfc1123, rfc3339
from exchanges.paper.engine import Engine
from messages.types import ZERO, Side

_MANY = 1_000


class Public:
    """What anybody may ask."""

    def __init__(self, engine: Engine, pairs: Pairs, tokens: Tokens) -> None:
        self._engine = engine
        self._pairs = pairs
        self._tokens = tokens

    def time(self, call: Call) -> Result:
        """Handle Time: whole seconds."""
        return Result(body={"unixtime": call.now_ms // 1000, "rfc1123": rfc1123(call.now_ms)})

    def system_status(self, call: Call) -> Result:
        """Handle SystemStatus."""
        return Result(body={"status": "online", "timestamp": rfc3339(call.now_ms)})

    def pairs(self, call: Call) -> Result:
        """Handle AssetPairs: those named, or all; under their ids, whatever name was asked for."""
        return Result(body={pair.pair_id: render.instrument(pair, self._engine.fees) for pair in self._named(call)})

    def assets(self, call: Call) -> Result:
        """Handle Assets."""
        names = call.parameters.texts("asset", _MANY)
        known = self._pairs.assets()
        found = {name: asset for asset in known for name in (asset_altname(asset), asset_id(asset))}
        if any(name not in found for name in names):
            raise KrakenError(UNKNOWN_ASSET)
        wanted = [found[name] for name in names] or known
        return Result(body={asset_id(asset): render.asset(asset) for asset in wanted})

    def ticker(self, call: Call) -> Result:
        """Handle Ticker: the last trade and the best prices; the day's figures are those of the last trade."""
        return Result(body={pair.pair_id: self._ticker(pair) for pair in self._named(call)})

    def token(self, call: Call) -> Result:
        """Handle GetWebSocketsToken, the one endpoint here that is signed."""
        return Result(body={"token": self._tokens.issue(call.account, call.now_ms), "expires": TOKEN_LIFE_S})

    def _named(self, call: Call) -> tuple[Pair, ...]:
        names = call.parameters.texts("pair", _MANY)
        return tuple(self._pairs.described(name) for name in names) or self._pairs.all()

    def _ticker(self, pair: Pair) -> dict[str, object]:
        symbol = pair.instrument.symbol
        last = amount(self._engine.last_price(symbol), COST_PLACES)
        best = {side: self._engine.best(symbol, side) for side in Side}
        ask, bid = (last if best[side] is None else amount(best[side], COST_PLACES) for side in (Side.SELL, Side.BUY))
        zero = amount(ZERO, VOLUME_PLACES)
        return {
            "a": [ask, "1", "1.000"],
            "b": [bid, "1", "1.000"],
            "c": [last, zero],
            "v": [zero, zero],
            "p": [last, last],
            "t": [0, 0],
            "l": [last, last],
            "h": [last, last],
            "o": last,
        }
