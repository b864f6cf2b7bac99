"""One credential's connection to Binance's REST interface: time, signature, rate budget, call.

Owns what is Binance's own about it; the session machinery is every venue's.
"""

from collections.abc import Callable, Mapping
from typing import Any

from exchanges.answers import Told, Untold, retry_after_ms
from exchanges.asking import Asking
from exchanges.binance.answers import read_answer, read_error, usage
from exchanges.binance.orders import Params
from exchanges.binance.outcomes import (
    HTTP_BANNED,
    REPLACE_FAILED,
    REPLACE_PARTLY_FAILED,
    TIMESTAMP_OUTSIDE_WINDOW,
    TOO_MANY_ORDERS,
)
from exchanges.binance.sign import Signer, signed_query
from exchanges.binance.symbols import read_exchange_info
from exchanges.fields import UnreadableError, as_record, integer
from exchanges.http import Clock, HttpAnswer, HttpClient, HttpResult
from exchanges.neighbours import Neighbours
from exchanges.outcomes import HTTP_OK, HTTP_TOO_MANY
from exchanges.session import Cost, Heed, Prepared, TimeTold, VenueSession
from exchanges.symbols import Listing, SymbolBook
from exchanges.throttle import CallKind

RECV_WINDOW_MS = 5000
RECV_WINDOW_MAX_MS = 60_000
LIMITED_MS = 60_000
"""How long to be silent after a 429 that does not say."""
BANNED_MS = 120_000
"""How long to be silent after a 418 that does not say: the shortest ban."""

# Codes that come with a 429 because of the count of orders; a cancel-replace hides it behind codes of its own.
_ORDERS_LIMITED = frozenset({TOO_MANY_ORDERS, REPLACE_PARTLY_FAILED, REPLACE_FAILED})


class RestSession(VenueSession):
    """Signed and unsigned calls under one credential. Thread-safe; shows no secret in its repr, results or errors."""

    def __init__(
        self,
        *,
        api_key: str,
        signer: Signer,
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
            headers={"X-MBX-APIKEY": api_key, "User-Agent": "livermore-orders", "Accept-Encoding": "gzip"},
            connect_timeout_ms=connect_timeout_ms,
            pool_size=pool_size,
        )
        super().__init__(
            http=http, clock=clock, call_timeout_ms=call_timeout_ms, neighbours=neighbours, aliases=aliases
        )
        self._signer = signer

    def read_time(self) -> TimeTold | Untold:
        """Ask for the venue's clock, once."""
        told = self.public("/api/v3/time", {"weight": 1}, self.call_timeout_ms)
        if isinstance(told, Untold):
            return told
        try:
            return TimeTold(server_ms=integer(as_record(told.payload), "serverTime"), answer=told.answer)
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")

    def read_listing(self, known: SymbolBook, timeout_ms: int) -> Listing | Untold:
        """Ask for the trading rules of all symbols and the venue's rate limits, once."""
        told = self.public("/api/v3/exchangeInfo", {"weight": 20}, timeout_ms)
        if isinstance(told, Untold):
            return told
        try:
            return read_exchange_info(told.payload, self.aliases, told.answer.received_ms, known)
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")

    def read_answer(self, result: HttpResult) -> Told | Untold:
        """Sort how a question ended."""
        return read_answer(result)

    def usage(self, answer: HttpAnswer) -> Mapping[str, int]:
        """Read what the answer says of used budgets; what it does not mention was not counted."""
        return usage(answer.headers)

    def heed(self, answer: HttpAnswer) -> Heed | None:
        """Read refusals that concern what comes next: the clock, and how long to be silent."""
        if answer.status == HTTP_OK:
            return None
        code = read_error(answer.body).code
        if answer.status not in (HTTP_TOO_MANY, HTTP_BANNED):
            return Heed(distrust_clock=True) if code == TIMESTAMP_OUTSIDE_WINDOW else None
        banned = answer.status == HTTP_BANNED
        silent_ms = retry_after_ms(answer.headers) or (BANNED_MS if banned else LIMITED_MS)
        # Too many orders closes the lane for orders; everything else closes all of them.
        if code in _ORDERS_LIMITED and not banned:
            return Heed(silent_ms=silent_ms, kinds=(CallKind.PLACE,), by_address=False)
        return Heed(silent_ms=silent_ms, banned=banned, distrust_clock=code == TIMESTAMP_OUTSIDE_WINDOW)

    def signed(
        self,
        kind: CallKind,
        cost: Cost,
        method: str,
        path: str,
        params: Params,
        *,
        valid_until_ms: int | None = None,
    ) -> HttpResult:
        """Send one signed call, once, or hold it back.

        `valid_until_ms` is venue time: not sent at or after it, and the venue is told not to accept it any later.
        """

        def prepare(venue_now_ms: int) -> Prepared:
            return self._prepared(method, path, params, venue_now_ms, valid_until_ms)

        return self.send(kind, cost, prepare, timeout_ms=self.call_timeout_ms, valid_until_ms=valid_until_ms)

    def question(
        self, asking: Asking, path: str, params: Params, weight: int, parse: Callable[[bytes], Any]
    ) -> Told | Untold:
        """Ask one signed question, again while that may help. `parse` parses the answer."""
        return asking.ask(
            {"weight": weight},
            lambda venue_now_ms: self._prepared("GET", path, params, venue_now_ms, None),
            read=lambda result: read_answer(result, parse),
        )

    def _prepared(
        self, method: str, path: str, params: Params, venue_now_ms: int, valid_until_ms: int | None
    ) -> Prepared:
        window_ms = RECV_WINDOW_MS
        if valid_until_ms is not None:
            window_ms = min(RECV_WINDOW_MAX_MS, valid_until_ms - venue_now_ms)
        timed = [*params, ("recvWindow", str(window_ms)), ("timestamp", str(venue_now_ms))]
        query = signed_query(timed, self._signer)
        if method in ("POST", "PUT"):
            # In the body, because URLs end up in logs.
            return Prepared(method=method, target=path, body=query.encode("ascii"))
        return Prepared(method=method, target=f"{path}?{query}")
