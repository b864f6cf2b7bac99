"""One credential's connection to Kraken's REST interface: nonce, signature, counters, call.

Owns what is Kraken's own about it; the session machinery is every venue's.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from exchanges.answers import Told, Untold
from exchanges.asking import Asking
from exchanges.fields import UnreadableError, as_record, integer, text
from exchanges.http import Clock, HttpAnswer, HttpClient, HttpResult
from exchanges.kraken.answers import read_answer, read_errors
from exchanges.kraken.orders import CLOCK_GRAIN_MS, Params
from exchanges.kraken.outcomes import (
    CALLS_EXHAUSTED,
    ENGINE_EXHAUSTED,
    ENGINE_PAUSE_MS,
    LOCKED_OUT,
    LOCKOUT_MS,
    THROTTLED,
    TOO_MANY_REQUESTS,
    begins,
)
from exchanges.kraken.penalties import OrderAges
from exchanges.kraken.sign import Signer, encode
from exchanges.kraken.symbols import CALLS, NO_NAMES, Names, read_assets, read_pairs
from exchanges.kraken.times import written_instant
from exchanges.neighbours import Neighbours
from exchanges.nonces import NonceSource
from exchanges.outcomes import HTTP_OK
from exchanges.session import Cost, Heed, HeldBackError, Prepared, TimeTold, VenueSession
from exchanges.symbols import Listing, SymbolBook
from exchanges.throttle import NO_COST, CallKind

DEADLINE_MIN_MS = 2_000
DEADLINE_MAX_MS = 60_000
"""How far ahead the venue takes a deadline."""
LIMITED_MS = 5_000
"""How long to be silent after a refusal for too many calls, which does not say."""
THROTTLED_MAX_MS = 60_000
"""A throttle that names a later end is looked at again after this long."""

_TOKEN_PATH = "/0/private/GetWebSocketsToken"
# How most answers begin; long ones are not parsed once more to find that they refuse nothing.
_NO_ERROR = b'{"error":[]'
_COUNTED = (CallKind.READ, CallKind.STREAM)
_ENGINE_COUNTED = (CallKind.PLACE, CallKind.AMEND)
_NOT_CANCELS = (*_ENGINE_COUNTED, *_COUNTED)


class RestSession(VenueSession):
    """Signed and unsigned calls under one credential. Thread-safe; shows no secret in its repr, results or errors."""

    # What orders a nonce by is no time of the venue.
    untimed = frozenset({CallKind.CANCEL})

    def __init__(
        self,
        *,
        api_key: str,
        signer: Signer,
        nonces: NonceSource,
        clock: Clock,
        rest_url: str,
        aliases: Mapping[str, str],
        call_timeout_ms: int,
        connect_timeout_ms: int,
        pool_size: int,
        neighbours: Neighbours,
    ) -> None:
        http = HttpClient(
            base_url=rest_url,
            clock=clock,
            headers={"User-Agent": "livermore-orders", "Accept-Encoding": "gzip"},
            connect_timeout_ms=connect_timeout_ms,
            pool_size=pool_size,
        )
        super().__init__(
            http=http,
            clock=clock,
            call_timeout_ms=call_timeout_ms,
            neighbours=neighbours,
            aliases=aliases,
            one_at_a_time=True,
        )
        self._api_key = api_key
        self._signer = signer
        self._nonces = nonces
        self._ages = OrderAges()
        self._ages_lock = threading.Lock()
        self.names: Names = NO_NAMES

    # ----- what every venue has, in this one's way

    def read_time(self) -> TimeTold | Untold:
        """Ask for the venue's clock, once. It tells whole seconds, and so is never ahead."""
        told = self.public("/0/public/Time", NO_COST, self.call_timeout_ms)
        if isinstance(told, Untold):
            return told
        try:
            return TimeTold(server_ms=integer(as_record(told.payload), "unixtime") * 1000, answer=told.answer)
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")

    def read_listing(self, known: SymbolBook, timeout_ms: int) -> Listing | Untold:
        """Ask for the names of assets and the trading rules of all pairs, once."""
        assets = self.public("/0/public/Assets", NO_COST, timeout_ms)
        if isinstance(assets, Untold):
            return assets
        pairs = self.public("/0/public/AssetPairs", NO_COST, timeout_ms)
        if isinstance(pairs, Untold):
            return pairs
        try:
            # Names once known stay, of assets too.
            named = Names(assets={**read_assets(assets.payload), **self.names.assets}, quotes=self.names.quotes)
            listing, names = read_pairs(pairs.payload, named, self.aliases, pairs.answer.received_ms, known)
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")
        self.names = names
        return listing

    def read_answer(self, result: HttpResult) -> Told | Untold:
        """Sort how a question ended."""
        return read_answer(result)

    def heed(self, answer: HttpAnswer) -> Heed | None:
        """Read refusals that concern what comes next: the counters are the key's, and so is the silence."""
        if answer.status != HTTP_OK or answer.body.startswith(_NO_ERROR):
            return None
        for error in read_errors(answer.body) or ():
            if begins(error, LOCKED_OUT):
                return Heed(silent_ms=LOCKOUT_MS, banned=True, by_address=False)
            if begins(error, THROTTLED):
                return Heed(silent_ms=self._throttled_ms(error), by_address=False)
            if begins(error, CALLS_EXHAUSTED):
                # Placements and cancels are not counted there.
                return Heed(silent_ms=LIMITED_MS, kinds=_COUNTED, by_address=False)
            if any(begins(error, each) for each in TOO_MANY_REQUESTS):
                return Heed(silent_ms=LIMITED_MS, kinds=_NOT_CANCELS, by_address=False)
        return None

    def _throttled_ms(self, error: str) -> int:
        until = error.rpartition(":")[2].strip()
        if not (until.isascii() and until.isdigit()):
            return LIMITED_MS
        left_ms = int(until[:20]) * 1000 - self.clock.now_ms() - self.venue_offset_ms()
        return min(max(left_ms, 1), THROTTLED_MAX_MS)

    # ----- calls

    def signed(
        self, kind: CallKind, cost: Cost, path: str, params: Params, *, valid_until_ms: int | None = None
    ) -> HttpResult:
        """Send one signed call, once, or hold it back.

        `valid_until_ms` is venue time: not sent at or after it, nor so late that the venue would not take it as a
        deadline, and the venue is told not to accept it any later.
        """

        def prepare(venue_now_ms: int) -> Prepared:
            if valid_until_ms is None:
                return self._prepared(path, params)
            # Our idea of the venue's time may be late by a whole second of its clock.
            if valid_until_ms - venue_now_ms < DEADLINE_MIN_MS + CLOCK_GRAIN_MS:
                raise HeldBackError("validity_passed")
            deadline_ms = min(valid_until_ms, venue_now_ms + DEADLINE_MAX_MS)
            return self._prepared(path, [*params, ("deadline", written_instant(deadline_ms))])

        result = self.send(kind, cost, prepare, timeout_ms=self.call_timeout_ms, valid_until_ms=valid_until_ms)
        if kind in _ENGINE_COUNTED and isinstance(result, HttpAnswer) and _hastened(result):
            # Whatever became of this one: the next one would be refused, too.
            self.be_silent(ENGINE_PAUSE_MS, kinds=_ENGINE_COUNTED, banned=False)
        return result

    def question(
        self,
        asking: Asking,
        path: str,
        params: Params,
        calls: int,
        *,
        patient: bool,
        parse: Callable[[bytes], Any],
    ) -> Told | Untold:
        """Ask one signed question, as `Asking.ask` does. `parse` parses the answer."""
        return asking.ask(
            {CALLS: calls},
            lambda _: self._prepared(path, params),
            patient=patient,
            read=lambda result: read_answer(result, parse),
        )

    def stream_token(self) -> str | Untold:
        """Ask for a token that opens a private stream. It is a secret."""
        result, _ = self.ask(
            {CALLS: 1}, lambda _: self._prepared(_TOKEN_PATH, []), self.call_timeout_ms, CallKind.STREAM
        )
        told = read_answer(result)
        if isinstance(told, Untold):
            return told
        try:
            return text(as_record(told.payload), "token")
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")

    def _prepared(self, path: str, params: Params) -> Prepared:
        nonce = str(self._nonces.next())
        body = encode([("nonce", nonce), *params])
        headers = {"API-Key": self._api_key, "API-Sign": self._signer.sign(path, nonce, body)}
        return Prepared(method="POST", target=path, body=body, headers=headers)

    # ----- what the matching engine charges

    def touch(self, client_order_id: str) -> None:
        """Take note that an order is being placed or amended."""
        with self._ages_lock:
            self._ages.touched(client_order_id, self.clock.monotonic_ms())

    def amend_cost(self, client_order_id: str) -> int:
        """Tell what amending an order costs now."""
        with self._ages_lock:
            return self._ages.amend_cost(client_order_id, self.clock.monotonic_ms())

    def cancel_cost(self, client_order_id: str) -> int:
        """Tell what cancelling an order costs now."""
        with self._ages_lock:
            return self._ages.cancel_cost(client_order_id, self.clock.monotonic_ms())


def _hastened(answer: HttpAnswer) -> bool:
    # Whether an order call was refused because there were too many.
    if answer.body.startswith(_NO_ERROR):
        return False
    limits = (CALLS_EXHAUSTED, *ENGINE_EXHAUSTED)
    return any(begins(error, each) for error in read_errors(answer.body) or () for each in limits)
