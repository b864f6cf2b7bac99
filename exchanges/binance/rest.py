"""One credential's connection to Binance's REST interface: time, signature, rate budget, call.

Owns the clock offset, the rate budgets, the symbol names and the HTTP client of one credential. It never sends a
placement at or after its validity, never repeats a call by itself, and sends nothing during a ban.
"""

import threading
from collections.abc import Iterable, Mapping

from exchanges.binance.answers import (
    HTTP_BANNED,
    HTTP_OK,
    HTTP_TOO_MANY,
    Told,
    Untold,
    read_answer,
    read_error,
    retry_after_ms,
    usage,
)
from exchanges.binance.fields import UnreadableError, as_record, integer
from exchanges.binance.orders import Params
from exchanges.binance.outcomes import (
    REPLACE_FAILED,
    REPLACE_PARTLY_FAILED,
    TIMESTAMP_OUTSIDE_WINDOW,
    TOO_MANY_ORDERS,
)
from exchanges.binance.sign import Signer, signed_query
from exchanges.binance.symbols import ExchangeInfo, SymbolBook, read_exchange_info
from exchanges.http import Clock, HttpAnswer, HttpClient, HttpFailure, HttpResult
from exchanges.neighbours import Neighbours
from exchanges.throttle import CallKind, Throttle

RECV_WINDOW_MS = 5000
RECV_WINDOW_MAX_MS = 60_000
CLOCK_MAX_AGE_MS = 600_000
"""An offset older than this is read again, by the next question; placements and cancels never wait for that."""
INFO_TIMEOUT_MS = 15_000
"""The trading rules of all symbols are several megabytes."""
INFO_AGAIN_MS = 30_000
"""They are read again because of an unlisted symbol at most this often."""
LIMITED_MS = 60_000
"""How long to be silent after a 429 that does not say."""
BANNED_MS = 120_000
"""How long to be silent after a 418 that does not say: the shortest ban."""

# Codes that come with a 429 because of the count of orders; a cancel-replace hides it behind codes of its own.
_ORDERS_LIMITED = frozenset({TOO_MANY_ORDERS, REPLACE_PARTLY_FAILED, REPLACE_FAILED})


class RestSession:
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
        self.clock = clock
        self.call_timeout_ms = call_timeout_ms
        self._signer = signer
        self._clock = clock
        self._aliases = dict(aliases)
        self._http = HttpClient(
            base_url=rest_url,
            clock=clock,
            headers={"X-MBX-APIKEY": api_key, "User-Agent": "livermore-orders", "Accept-Encoding": "gzip"},
            connect_timeout_ms=connect_timeout_ms,
            pool_size=pool_size,
        )
        self._throttle = Throttle()
        self._neighbours = neighbours
        neighbours.join(self)
        self._throttle_lock = threading.Lock()
        self._offset_ms = 0
        self._offset_trusted = False
        self._offset_read_ms = 0
        self._clock_lock = threading.Lock()
        self._symbols: SymbolBook | None = None
        self._info_lock = threading.Lock()
        self._naming_lock = threading.Lock()
        self._symbols_doubted = False
        self._reloaded_ms: int | None = None

    def __repr__(self) -> str:
        return f"RestSession({self._http!r})"

    def close(self) -> None:
        """Close idle connections."""
        self._neighbours.leave(self)
        self._http.close()

    def venue_offset_ms(self) -> int:
        """Tell venue time minus our time, aimed low; 0 while unknown."""
        return self._offset_ms

    def venue_now_ms(self) -> int | None:
        """Tell the venue's time, read when it is not known; None when it cannot be."""
        offset_ms = self._known_offset()
        return None if offset_ms is None else self._clock.now_ms() + offset_ms

    def distrust_clock(self) -> None:
        """Read the offset again before it is used: the venue has refused a time made with it."""
        self._offset_trusted = False

    def _known_offset(self) -> int | None:
        if not self._offset_trusted:
            with self._clock_lock:
                if not self._offset_trusted:
                    self.read_clock()
        return self._offset_ms if self._offset_trusted else None

    def _refresh_old_clock(self) -> None:
        # What is known stays when this fails.
        if self._clock.monotonic_ms() - self._offset_read_ms > CLOCK_MAX_AGE_MS and self._clock_lock.acquire(
            blocking=False
        ):
            try:
                self.read_clock()
            finally:
                self._clock_lock.release()

    def read_clock(self) -> Told | Untold:
        """Read the venue's clock and adopt it."""
        told = self.public("/api/v3/time", 1, self.call_timeout_ms)
        if isinstance(told, Untold):
            return told
        try:
            server_ms = integer(as_record(told.payload), "serverTime")
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")
        # The venue read its clock before we received it, so this is never ahead of the venue.
        self._offset_ms = server_ms - told.answer.received_ms
        self._offset_read_ms = self._clock.monotonic_ms()
        self._offset_trusted = True
        with self._throttle_lock:
            self._throttle.align(server_ms - self._offset_read_ms)
        return told

    def loaded_symbols(self, timeout_ms: int) -> SymbolBook | Untold:
        """Give the symbol names, read when they are not known yet."""
        known = self._symbols
        if known is not None:
            return known
        if not self._info_lock.acquire(timeout=timeout_ms / 1000):
            return Untold(reason="instruments_unavailable")
        try:
            known = self._symbols
            if known is not None:
                return known
            info = self.load_info(timeout_ms)
        finally:
            self._info_lock.release()
        return info if isinstance(info, Untold) else info.symbols

    def current_symbols(self, timeout_ms: int) -> SymbolBook | Untold:
        """Give the symbol names, read again when a record has named a symbol that is not among them.

        The same object as before: they were not read again. What is known stays when that fails.
        """
        if self._symbols is not None and self._symbols_doubted and self._info_lock.acquire(timeout=timeout_ms / 1000):
            try:
                now_ms = self._clock.monotonic_ms()
                old_enough = self._reloaded_ms is None or now_ms - self._reloaded_ms >= INFO_AGAIN_MS
                if self._symbols_doubted and old_enough:
                    self._reloaded_ms = now_ms
                    self.load_info(INFO_TIMEOUT_MS)
            finally:
                self._info_lock.release()
        return self.loaded_symbols(timeout_ms)

    def _doubt_symbols(self) -> None:
        self._symbols_doubted = True

    def load_info(self, timeout_ms: int) -> ExchangeInfo | Untold:
        """Read the trading rules of all symbols and the venue's rate limits, and adopt them."""
        told = self.public("/api/v3/exchangeInfo", 20, timeout_ms)
        if isinstance(told, Untold):
            return told
        # One after the other, because each adds to the names before it.
        with self._naming_lock:
            known = self._symbols or SymbolBook(on_unlisted=self._doubt_symbols)
            try:
                info = read_exchange_info(told.payload, self._aliases, told.answer.received_ms, known)
            except UnreadableError as error:
                return Untold(reason=f"unreadable: {error}")
            self._symbols = info.symbols
            self._symbols_doubted = False
        with self._throttle_lock:
            self._throttle.learn(info.budgets)
        return info

    def symbols(self) -> SymbolBook | None:
        """Give the symbol names, read when they are not known; None when they cannot be."""
        book = self.loaded_symbols(INFO_TIMEOUT_MS)
        return None if isinstance(book, Untold) else book

    def public(self, path: str, weight: int, timeout_ms: int) -> Told | Untold:
        """Ask one question that needs no signature, once. `path` comes with its query, already encoded."""
        cost = {"weight": weight}
        held = self._admit(CallKind.READ, cost)
        if held is not None:
            return read_answer(held)
        return read_answer(self._settled(cost, self._http.call("GET", path, timeout_ms=timeout_ms)))

    def read(self, path: str, params: Params, weight: int, timeout_ms: int) -> tuple[HttpResult, int]:
        """Ask one signed question once; the venue time it was asked at, at least, comes second."""
        self._refresh_old_clock()
        offset_ms = self._known_offset() or 0
        timeout_ms = min(timeout_ms, self.call_timeout_ms)
        result = self.signed(CallKind.READ, {"weight": weight}, "GET", path, params, timeout_ms=timeout_ms)
        # Another worker may have corrected the offset meanwhile; the smaller one is the safe bound.
        return result, result.sent_ms + min(offset_ms, self.venue_offset_ms())

    def signed(
        self,
        kind: CallKind,
        cost: Mapping[str, int],
        method: str,
        path: str,
        params: Params,
        *,
        timeout_ms: int,
        valid_until_ms: int | None = None,
    ) -> HttpResult:
        """Send one signed call, once, or hold it back.

        `valid_until_ms` is venue time: not sent at or after it, and the venue is told not to accept it any later.
        """
        offset_ms = self._known_offset()
        if offset_ms is None:
            return self._held("clock")
        held = self._admit(kind, cost)
        if held is not None:
            return held
        timestamp_ms = self._clock.now_ms() + offset_ms
        window_ms = RECV_WINDOW_MS
        if valid_until_ms is not None:
            window_ms = min(RECV_WINDOW_MAX_MS, valid_until_ms - timestamp_ms)
        if window_ms <= 0:
            return self._settled(cost, self._held("validity_passed"))
        timed = [*params, ("recvWindow", str(window_ms)), ("timestamp", str(timestamp_ms))]
        query = signed_query(timed, self._signer)
        if method in ("POST", "PUT"):
            # In the body, because URLs end up in logs.
            result = self._http.call(method, path, body=query.encode("ascii"), timeout_ms=timeout_ms)
        else:
            result = self._http.call(method, f"{path}?{query}", timeout_ms=timeout_ms)
        return self._settled(cost, result)

    def _admit(self, kind: CallKind, cost: Mapping[str, int]) -> HttpFailure | None:
        now_ms = self._clock.monotonic_ms()
        with self._throttle_lock:
            wait_ms = self._throttle.admit(kind, now_ms, cost)
            reason = self._throttle.reason(now_ms) if wait_ms else ""
        return self._held(reason, wait_ms) if wait_ms else None

    def _settled(self, cost: Mapping[str, int], result: HttpResult) -> HttpResult:
        reported: dict[str, int] | None = None
        elapsed_ms = result.received_ms - result.sent_ms
        if isinstance(result, HttpAnswer):
            reported = usage(result.headers)
            elapsed_ms = result.elapsed_ms
            if result.status != HTTP_OK:
                self._heed(result)
        elif result.nothing_sent:
            reported = {}
        now_ms = self._clock.monotonic_ms()
        with self._throttle_lock:
            self._throttle.settle(cost, sent_ms=now_ms - elapsed_ms, now_ms=now_ms, reported=reported)
        return result

    def _heed(self, answer: HttpAnswer) -> None:
        # Refusals that concern what comes next: the clock, and how long to be silent.
        code = read_error(answer.body).code
        if code == TIMESTAMP_OUTSIDE_WINDOW:
            self.distrust_clock()
        if answer.status not in (HTTP_TOO_MANY, HTTP_BANNED):
            return
        banned = answer.status == HTTP_BANNED
        wait_ms = retry_after_ms(answer.headers) or (BANNED_MS if banned else LIMITED_MS)
        # Too many orders closes the lane for orders; everything else closes all of them.
        if code in _ORDERS_LIMITED and not banned:
            self.be_silent(wait_ms, kinds=[CallKind.PLACE], banned=False)
        else:
            # The venue counts calls by address: what it says to one session holds for all of this process.
            self._neighbours.be_silent(wait_ms, kinds=tuple(CallKind), banned=banned)

    def be_silent(self, wait_ms: int, *, kinds: Iterable[CallKind] = tuple(CallKind), banned: bool) -> None:
        """Send nothing of these kinds for a time, because the venue said so."""
        until_ms = self._clock.monotonic_ms() + wait_ms
        with self._throttle_lock:
            self._throttle.block(kinds, until_ms, ban=banned)

    def _held(self, reason: str, wait_ms: int = 0) -> HttpFailure:
        now_ms = self._clock.now_ms()
        return HttpFailure(
            nothing_sent=True, reason=reason, sent_ms=now_ms, received_ms=now_ms, retry_after_ms=wait_ms
        )
