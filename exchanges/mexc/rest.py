"""One credential's connection to MEXC's REST interface: time, signature, rate budgets, calls, listen keys.

Owns what is MEXC's own about it; the session machinery is every venue's.
"""

from collections.abc import Callable, Mapping
from typing import Any

from exchanges.answers import Told, Untold, retry_after_ms
from exchanges.asking import Asking
from exchanges.fields import UnreadableError, as_record, text
from exchanges.http import JSON, Clock, HttpAnswer, HttpClient, HttpResult
from exchanges.mexc.answers import error_of, read_answer
from exchanges.mexc.orders import Params
from exchanges.mexc.outcomes import CLOCK_CODES, HTTP_BANNED, LIMIT_CODES
from exchanges.mexc.sign import Signer, signed_query
from exchanges.mexc.symbols import read_exchange_info
from exchanges.mexc.translate import integer_number
from exchanges.neighbours import Neighbours
from exchanges.outcomes import HTTP_OK, HTTP_TOO_MANY
from exchanges.session import Cost, Heed, Prepared, TimeTold, VenueSession
from exchanges.symbols import Listing, SymbolBook
from exchanges.throttle import Budget, CallKind

RECV_WINDOW_MS = 5000
RECV_WINDOW_MAX_MS = 60_000
LIMITED_MS = 10_000
"""How long to be silent after a refusal for too many calls that does not say: one of the venue's windows."""
BANNED_MS = 120_000
"""How long to be silent after a ban that does not say: the shortest one."""

# What the venue states disagrees, and its answers do not tell what is left: these are the lowest figures told.
BUDGETS = (
    Budget(name="requests-1000", unit="requests", limit=18, window_ms=1000),
    Budget(name="weight-10000", unit="weight", limit=250, window_ms=10_000),
    Budget(name="orders-1000", unit="orders", limit=10, window_ms=1000),
    Budget(name="account-1000", unit="account", limit=2, window_ms=1000),
)

# Answers with status 200 and more bytes than this carry what was asked for, and are not read for a refusal.
_REFUSAL_BYTES_MAX = 2000

LISTEN_KEY_PATH = "/api/v3/userDataStream"


def cost_of(weight: int, **more: int) -> Cost:
    """Give the cost of one request."""
    return {"requests": 1, "weight": weight, **more}


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
            headers={"X-MEXC-APIKEY": api_key, "User-Agent": "livermore-orders", "Accept-Encoding": "gzip"},
            connect_timeout_ms=connect_timeout_ms,
            pool_size=pool_size,
        )
        super().__init__(
            http=http,
            clock=clock,
            call_timeout_ms=call_timeout_ms,
            neighbours=neighbours,
            aliases=aliases,
            budgets=BUDGETS,
        )
        self._signer = signer

    def read_time(self) -> TimeTold | Untold:
        """Ask for the venue's clock, once."""
        told = self.public("/api/v3/time", cost_of(1), self.call_timeout_ms)
        if isinstance(told, Untold):
            return told
        try:
            return TimeTold(server_ms=integer_number(as_record(told.payload), "serverTime"), answer=told.answer)
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")

    def read_listing(self, known: SymbolBook, timeout_ms: int) -> Listing | Untold:
        """Ask for the trading rules of all symbols, once."""
        told = self.public("/api/v3/exchangeInfo", cost_of(10), timeout_ms)
        if isinstance(told, Untold):
            return told
        try:
            return read_exchange_info(told.payload, self.aliases, told.answer.received_ms, known)
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")

    def read_answer(self, result: HttpResult) -> Told | Untold:
        """Sort how a question ended."""
        return read_answer(result)

    def heed(self, answer: HttpAnswer) -> Heed | None:
        """Read refusals that concern what comes next: the clock, and how long to be silent."""
        if answer.status == HTTP_OK and len(answer.body) > _REFUSAL_BYTES_MAX:
            return None
        code, _ = error_of(answer)
        banned = answer.status == HTTP_BANNED
        if banned or answer.status == HTTP_TOO_MANY or code in LIMIT_CODES:
            silent_ms = retry_after_ms(answer.headers) or (BANNED_MS if banned else LIMITED_MS)
            return Heed(silent_ms=silent_ms, banned=banned)
        return Heed(distrust_clock=True) if code in CLOCK_CODES else None

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
        self, asking: Asking, path: str, params: Params, cost: Cost, parse: Callable[[bytes], Any]
    ) -> Told | Untold:
        """Ask one signed question on behalf of a request, again while that may help. `parse` parses the answer."""
        return asking.ask(
            cost,
            lambda venue_now_ms: self._prepared("GET", path, params, venue_now_ms, None),
            read=lambda result: read_answer(result, parse),
        )

    # ----- what the user stream lives on

    def create_listen_key(self) -> str | Untold:
        """Ask for the key of a user stream, once. It is a credential."""
        told = self._listen_key_call("POST", [])
        if isinstance(told, Untold):
            return told
        try:
            return text(as_record(told.payload), "listenKey")
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")

    def prolong_listen_key(self, listen_key: str) -> bool:
        """Prolong a key by an hour, once. False: it may be dead."""
        return isinstance(self._listen_key_call("PUT", [("listenKey", listen_key)]), Told)

    def _listen_key_call(self, method: str, params: Params) -> Told | Untold:
        return self.read_answer(self.signed(CallKind.READ, cost_of(1), method, LISTEN_KEY_PATH, params))

    def _prepared(
        self, method: str, path: str, params: Params, venue_now_ms: int, valid_until_ms: int | None
    ) -> Prepared:
        window_ms = RECV_WINDOW_MS
        if valid_until_ms is not None:
            window_ms = min(RECV_WINDOW_MAX_MS, valid_until_ms - venue_now_ms)
        timed = [*params, ("recvWindow", str(window_ms)), ("timestamp", str(venue_now_ms))]
        target = f"{path}?{signed_query(timed, self._signer)}"
        if method == "GET":
            return Prepared(method=method, target=target)
        # Everything is in the query, and the body is empty; the venue wants its type named all the same.
        return Prepared(method=method, target=target, body=b"", content_type=JSON)
