"""One credential's connection to KuCoin's REST interface: time, signature, rate budgets, call.

Owns what is KuCoin's own about it; the session machinery is every venue's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from exchanges.answers import Told, Untold
from exchanges.asking import Asking
from exchanges.fields import UnreadableError, as_list, as_record, text
from exchanges.http import JSON, Clock, HttpAnswer, HttpClient, HttpResult
from exchanges.kucoin.answers import is_block, number_in, read_answer, read_error, silence_ms
from exchanges.kucoin.outcomes import TIMESTAMP_REFUSED
from exchanges.kucoin.sign import Signer
from exchanges.kucoin.stops import StopMemory
from exchanges.kucoin.symbols import read_symbols
from exchanges.neighbours import Neighbours
from exchanges.outcomes import HTTP_OK, HTTP_TOO_MANY
from exchanges.session import Cost, Heed, Prepared, TimeTold, VenueSession
from exchanges.symbols import Listing, SymbolBook
from exchanges.throttle import Budget, CallKind
from exchanges.wire_json import write_json

Params = list[tuple[str, str]]
Body = Mapping[str, str | int | bool]

WINDOW_MS = 30_000
SPOT_LIMIT = 4000
"""Of the lowest fee level; answers tell ours."""
_SHARED_LIMIT = 2000
_SPOT = f"spot-{WINDOW_MS}"


def budgets(spot_limit: int) -> tuple[Budget, ...]:
    """Name the venue's pools; only that of orders depends on the fee level."""
    return (
        Budget(name=_SPOT, unit="spot", limit=spot_limit, window_ms=WINDOW_MS),
        Budget(name=f"management-{WINDOW_MS}", unit="management", limit=_SHARED_LIMIT, window_ms=WINDOW_MS),
        Budget(name=f"public-{WINDOW_MS}", unit="public", limit=_SHARED_LIMIT, window_ms=WINDOW_MS),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where one connection to the stream is let in."""

    endpoint: str
    token: str = field(repr=False)


class RestSession(VenueSession):
    """Signed and unsigned calls under one credential. Thread-safe; shows no secret in its repr, results or errors."""

    def __init__(
        self,
        *,
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
            budgets=budgets(SPOT_LIMIT),
        )
        self.stops = StopMemory()
        """What is known of stop orders, for all that use this credential."""
        self._signer = signer
        self._spot_limit = SPOT_LIMIT

    # ----- the session's questions

    def read_time(self) -> TimeTold | Untold:
        """Ask for the venue's clock, once."""
        told = self.public("/api/v1/timestamp", {"public": 3}, self.call_timeout_ms)
        if isinstance(told, Untold):
            return told
        if type(told.payload) is not int:
            return Untold(reason="unreadable: no time")
        return TimeTold(server_ms=told.payload, answer=told.answer)

    def read_listing(self, known: SymbolBook, timeout_ms: int) -> Listing | Untold:
        """Ask for the trading rules of all symbols, once."""
        told = self.public("/api/v2/symbols", {"public": 4}, timeout_ms)
        if isinstance(told, Untold):
            return told
        try:
            return read_symbols(told.payload, self.aliases, told.answer.received_ms, known)
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")

    def read_answer(self, result: HttpResult) -> Told | Untold:
        """Sort how a question ended."""
        return read_answer(result)

    def usage(self, answer: HttpAnswer) -> Mapping[str, int] | None:
        """Read how much of the pool of orders is used; None: of another pool, which we count ourselves.

        A refusal for haste says until when the pool is used up, in a window of its own: the silence after it is all.
        """
        if answer.status == HTTP_TOO_MANY:
            return {}
        limit = number_in(answer.headers, "gw-ratelimit-limit")
        remaining = number_in(answer.headers, "gw-ratelimit-remaining")
        if limit is None or remaining is None or limit <= _SHARED_LIMIT:
            return None
        if limit != self._spot_limit:
            self._spot_limit = limit
            with self._throttle_lock:
                self._throttle.learn(budgets(limit))
        return {_SPOT: max(0, limit - remaining)}

    def heed(self, answer: HttpAnswer) -> Heed | None:
        """Read what concerns the next calls: how long to be silent, and a time that was refused."""
        if answer.status == HTTP_OK and b'"200000"' in answer.body:
            # A success, as far as can be seen without parsing a long list twice.
            return None
        error = read_error(answer.body)
        blocked = is_block(answer, error.code)
        return Heed(
            silent_ms=silence_ms(answer, error.code),
            banned=blocked,
            by_address=blocked,
            distrust_clock=error.code == TIMESTAMP_REFUSED,
        )

    # ----- calls

    def order_call(
        self,
        kind: CallKind,
        weight: int,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Body | None = None,
        valid_until_ms: int | None = None,
        bounded: bool = False,
    ) -> HttpResult:
        """Send one signed call that changes something, once, or hold it back.

        `valid_until_ms` is venue time: not sent at or after it. `bounded`: the venue is told not to accept it later.
        """

        def prepare(venue_now_ms: int) -> Prepared:
            timed = dict(body) if body is not None else None
            if timed is not None and bounded and valid_until_ms is not None:
                timed |= {"clientTimestamp": venue_now_ms, "allowMaxTimeWindow": valid_until_ms - venue_now_ms}
            return self._prepared(method, path, params or [], timed, venue_now_ms)

        return self.send(
            kind, {"spot": weight}, prepare, timeout_ms=self.call_timeout_ms, valid_until_ms=valid_until_ms
        )

    def question(
        self, asking: Asking, path: str, params: Params, cost: Cost, parse: Callable[[bytes], Any]
    ) -> Told | Untold:
        """Ask one signed question, again while that may help. `parse` parses the answer."""
        return asking.ask(
            cost,
            lambda venue_now_ms: self._prepared("GET", path, params, None, venue_now_ms),
            read=lambda result: read_answer(result, parse),
        )

    def door(self) -> Door | Untold:
        """Ask where the stream is and for a token that opens it, once: each connection needs its own."""
        path = "/api/v1/bullet-private"
        result, _ = self.ask(
            {"spot": 10}, lambda now_ms: self._prepared("POST", path, [], None, now_ms), self.call_timeout_ms
        )
        told = self.read_answer(result)
        if isinstance(told, Untold):
            return told
        try:
            record = as_record(told.payload)
            servers = as_list(record.get("instanceServers"))
            endpoint = text(as_record(servers[0] if servers else None), "endpoint")
            return Door(endpoint=_checked(endpoint), token=text(record, "token"))
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")

    def _prepared(
        self, method: str, path: str, params: Params, body: Body | None, venue_now_ms: int
    ) -> Prepared:
        content = None if body is None else write_json(body)
        # What is signed is path and query as they read, what is sent is percent-encoded.
        query = "&".join([f"{name}={value}" for name, value in params])
        target = f"{path}?{query}" if params else path
        return Prepared(
            method=method,
            target=quote(target, safe="/?=&"),
            body=content,
            content_type=JSON,
            headers=self._signer.headers(
                time_ms=venue_now_ms,
                method=method,
                path=target,
                body=content or b"",
            ),
        )


def _checked(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("wss", "ws") or not parts.hostname or parts.query:
        raise UnreadableError("endpoint is no address of a stream")
    return endpoint
