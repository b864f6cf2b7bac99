"""Binance's request interface for one credential: time, signature, rate budget, call, report.

Owns the clock offset, the rate budgets and the symbol names of one credential. It never sends a placement at or after
its validity, never repeats one, and sends nothing during a ban.
"""

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, assert_never

from exchanges.binance import reads
from exchanges.binance.answers import (
    HTTP_BANNED,
    HTTP_OK,
    HTTP_TOO_MANY,
    ORDER_PATH,
    Told,
    Untold,
    cancel_report,
    place_report,
    read_answer,
    read_error,
    refused_here,
    retry_after_ms,
    usage,
)
from exchanges.binance.capabilities import CAPABILITIES, REST_URL
from exchanges.binance.fields import UnreadableError, as_record, integer, parse_json
from exchanges.binance.orders import NotSupportedError, Params, cancel_params, place_params
from exchanges.binance.outcomes import TIMESTAMP_OUTSIDE_WINDOW, TOO_MANY_ORDERS
from exchanges.binance.sign import Signer, encode, signed_query
from exchanges.binance.symbols import ExchangeInfo, SymbolBook, read_exchange_info
from exchanges.failures import not_processed, unanswered
from exchanges.http import Clock, HttpAnswer, HttpClient, HttpFailure, HttpResult
from exchanges.throttle import CallKind, Throttle
from messages.commands import (
    CancelVenueOrder,
    FetchBalances,
    FetchFills,
    FetchInstruments,
    FetchOpenOrders,
    FetchServerTime,
    LookUpOrder,
    PlaceOrder,
    SearchOrder,
    VenueRequest,
)
from messages.reports import CallReport, InstrumentsFetched, ServerTimeFetched
from messages.types import Evidence, EvidenceSource

RECV_WINDOW_MS = 5000
RECV_WINDOW_MAX_MS = 60_000
CLOCK_MAX_AGE_MS = 600_000
"""An offset older than this is read again, by the next question; placements and cancels never wait for that."""
FETCH_BUDGET_MS = 30_000
"""Time for a list with all its pages."""
INFO_TIMEOUT_MS = 15_000
"""The trading rules of all symbols are several megabytes."""
LIMITED_MS = 60_000
"""How long to be silent after a 429 that does not say."""
BANNED_MS = 120_000
"""How long to be silent after a 418 that does not say: the shortest ban."""

_PLACE_COST = {"weight": 1, "orders": 1}
_CANCEL_COST = {"weight": 1}


class BinanceClient:
    """A `VenueClient` for one credential. Thread-safe; shows no secret in its repr, reports or errors."""

    capabilities = CAPABILITIES

    def __init__(
        self,
        *,
        api_key: str,
        signer: Signer,
        clock: Clock,
        rest_url: str = REST_URL,
        aliases: Mapping[str, str] | None = None,
        call_timeout_ms: int = 3000,
        connect_timeout_ms: int = 1000,
        pool_size: int = 16,
        last_price: Callable[[str], Decimal | None] = lambda _symbol: None,
    ) -> None:
        """`aliases` maps canonical names to venue symbols; `last_price` answers by canonical symbol, where known."""
        self._signer = signer
        self._clock = clock
        self._aliases = dict(aliases or {})
        self._call_timeout_ms = call_timeout_ms
        self._last_price = last_price
        self._http = HttpClient(
            base_url=rest_url,
            clock=clock,
            headers={"X-MBX-APIKEY": api_key, "User-Agent": "livermore-orders", "Accept-Encoding": "gzip"},
            connect_timeout_ms=connect_timeout_ms,
            pool_size=pool_size,
        )
        self._throttle = Throttle()
        self._throttle_lock = threading.Lock()
        self._offset_ms: int | None = None
        self._offset_read_ms = 0
        self._clock_lock = threading.Lock()
        self._symbols: SymbolBook | None = None
        self._info_lock = threading.Lock()

    def __repr__(self) -> str:
        return f"BinanceClient({self._http!r})"

    def execute(self, request: VenueRequest) -> CallReport:
        """Carry out one request; every outcome is exactly one report."""
        match request:
            case PlaceOrder():
                return self._place(request)
            case CancelVenueOrder():
                return self._cancel(request)
            case LookUpOrder() | SearchOrder():
                asking = _Asking(self, budget_ms=request.budget_ms, retries=request.retries)
                return self._question(request, asking)
            case FetchOpenOrders() | FetchFills() | FetchBalances():
                return self._question(request, _Asking(self, budget_ms=FETCH_BUDGET_MS, retries=1))
            case FetchInstruments():
                return self._instruments(request)
            case FetchServerTime():
                return self._server_time(request)
            case _:
                assert_never(request)

    def close(self) -> None:
        """Close idle connections."""
        self._http.close()

    def venue_offset_ms(self) -> int:
        """Venue time minus our time, aimed low; 0 while unknown."""
        return self._offset_ms or 0

    def venue_now_ms(self) -> int | None:
        """The venue's time, read when it is not known; None when it cannot be."""
        offset_ms = self._known_offset()
        return None if offset_ms is None else self._clock.now_ms() + offset_ms

    def distrust_clock(self) -> None:
        """Forget the offset: the venue has refused a time made with it."""
        self._offset_ms = None

    def symbols(self) -> SymbolBook | None:
        """The symbol names, read when they are not known; None when they cannot be."""
        book = self._loaded_symbols()
        return None if isinstance(book, Untold) else book

    # Orders

    def _place(self, request: PlaceOrder) -> CallReport:
        symbols = self._loaded_symbols()
        if isinstance(symbols, Untold):
            return not_processed(
                request, "instruments_unavailable", self._local(symbols.reason), retry_after_ms=symbols.retry_after_ms
            )
        venue_symbol = symbols.to_venue.get(request.symbol)
        if venue_symbol is None:
            return refused_here(request, "unknown_symbol", "the venue lists no such symbol", self._clock.now_ms())
        try:
            params = place_params(request, venue_symbol, self._last_price(request.symbol))
        except NotSupportedError as error:
            return refused_here(request, "not_supported", str(error), self._clock.now_ms())
        result = self._signed(
            CallKind.PLACE,
            _PLACE_COST,
            "POST",
            ORDER_PATH,
            params,
            timeout_ms=self._call_timeout_ms,
            valid_until_ms=request.valid_until_venue_ms,
        )
        return place_report(request, result, symbols)

    def _cancel(self, request: CancelVenueOrder) -> CallReport:
        symbols = self._loaded_symbols()
        if isinstance(symbols, Untold):
            return not_processed(
                request, "instruments_unavailable", self._local(symbols.reason), retry_after_ms=symbols.retry_after_ms
            )
        venue_symbol = symbols.venue(request.symbol)
        if venue_symbol is None:
            return not_processed(request, "unknown_symbol", self._local("the venue lists no such symbol"))
        params = cancel_params(request, venue_symbol)
        result = self._signed(
            CallKind.CANCEL, _CANCEL_COST, "DELETE", ORDER_PATH, params, timeout_ms=self._call_timeout_ms
        )
        return cancel_report(request, result, symbols)

    # Questions

    def _question(
        self,
        request: LookUpOrder | SearchOrder | FetchOpenOrders | FetchFills | FetchBalances,
        asking: "_Asking",
    ) -> CallReport:
        symbols = self._loaded_symbols()
        if isinstance(symbols, Untold):
            return unanswered(request, "instruments_unavailable", retry_after_ms=symbols.retry_after_ms)
        asking.symbols = symbols
        if isinstance(request, FetchBalances):
            return reads.balances(asking, request)
        if isinstance(request, FetchOpenOrders) and request.symbol is None:
            return reads.open_orders(asking, request, None)
        venue_symbol = symbols.venue(request.symbol or "")
        if not venue_symbol:
            return unanswered(request, "unknown_symbol")
        match request:
            case LookUpOrder():
                return reads.look_up(asking, request, venue_symbol)
            case SearchOrder():
                return reads.search(asking, request, venue_symbol)
            case FetchOpenOrders():
                return reads.open_orders(asking, request, venue_symbol)
            case FetchFills():
                return reads.fills(asking, request, venue_symbol)
            case _:
                assert_never(request)

    def _instruments(self, request: FetchInstruments) -> CallReport:
        info = self._load_info()
        if isinstance(info, Untold):
            return unanswered(request, info.reason, retry_after_ms=info.retry_after_ms)
        return InstrumentsFetched(
            account_id=request.account_id,
            exchange=request.exchange,
            order_id=request.order_id,
            instruments=info.instruments,
            unreadable=info.unreadable,
        )

    def _server_time(self, request: FetchServerTime) -> CallReport:
        told = self._read_clock()
        if isinstance(told, Untold):
            return unanswered(request, told.reason, retry_after_ms=told.retry_after_ms)
        return ServerTimeFetched(
            account_id=request.account_id,
            exchange=request.exchange,
            order_id=request.order_id,
            offset_ms=self.venue_offset_ms(),
            error_ms=(told.answer.elapsed_ms + 1) // 2,
            received_ms=told.answer.received_ms,
        )

    def _loaded_symbols(self) -> SymbolBook | Untold:
        if self._symbols is not None:
            return self._symbols
        with self._info_lock:
            if self._symbols is not None:
                return self._symbols
            info = self._load_info()
            return info if isinstance(info, Untold) else info.symbols

    def _load_info(self) -> ExchangeInfo | Untold:
        told = self._public("/api/v3/exchangeInfo", 20, INFO_TIMEOUT_MS)
        if isinstance(told, Untold):
            return told
        try:
            info = read_exchange_info(told.payload, self._aliases, told.answer.received_ms)
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")
        with self._throttle_lock:
            self._throttle.learn(info.budgets)
        self._symbols = info.symbols
        return info

    # Time

    def _known_offset(self) -> int | None:
        if self._offset_ms is None:
            with self._clock_lock:
                if self._offset_ms is None:
                    self._read_clock()
        return self._offset_ms

    def refresh_old_clock(self) -> None:
        """Read the venue's clock again when the offset has become old; what is known stays when that fails."""
        if self._clock.monotonic_ms() - self._offset_read_ms > CLOCK_MAX_AGE_MS and self._clock_lock.acquire(
            blocking=False
        ):
            try:
                self._read_clock()
            finally:
                self._clock_lock.release()

    def _read_clock(self) -> Told | Untold:
        told = self._public("/api/v3/time", 1, self._call_timeout_ms)
        if isinstance(told, Untold):
            return told
        try:
            server_ms = integer(as_record(told.payload), "serverTime")
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")
        # The venue read its clock before we received it, so this is never ahead of the venue.
        self._offset_ms = server_ms - told.answer.received_ms
        self._offset_read_ms = self._clock.monotonic_ms()
        return told

    # Calls

    def _public(self, path: str, weight: int, timeout_ms: int) -> Told | Untold:
        cost = {"weight": weight}
        held = self._admit(CallKind.READ, cost)
        if held is not None:
            return read_answer(held)
        return read_answer(self._settled(CallKind.READ, cost, self._http.call("GET", path, timeout_ms=timeout_ms)))

    def signed_read(self, path: str, params: Params, weight: int, timeout_ms: int) -> tuple[HttpResult, int]:
        """Ask one signed question once; the answer comes with the clock offset it was asked with."""
        self.refresh_old_clock()
        result = self._signed(CallKind.READ, {"weight": weight}, "GET", path, params, timeout_ms=timeout_ms)
        return result, self.venue_offset_ms()

    def _signed(
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
            return self._settled(kind, cost, self._held("validity_passed"))
        timed = [*params, ("recvWindow", str(window_ms)), ("timestamp", str(timestamp_ms))]
        query = signed_query(timed, self._signer)
        if method == "POST":
            # In the body, because URLs end up in logs.
            result = self._http.call(method, path, body=query.encode("ascii"), timeout_ms=timeout_ms)
        else:
            result = self._http.call(method, f"{path}?{query}", timeout_ms=timeout_ms)
        return self._settled(kind, cost, result)

    def _admit(self, kind: CallKind, cost: Mapping[str, int]) -> HttpFailure | None:
        now_ms = self._clock.now_ms() + self.venue_offset_ms()
        with self._throttle_lock:
            wait_ms = self._throttle.admit(kind, now_ms, cost)
            reason = self._throttle.reason(now_ms) if wait_ms else ""
        return self._held(reason, wait_ms) if wait_ms else None

    def _settled(self, kind: CallKind, cost: Mapping[str, int], result: HttpResult) -> HttpResult:
        reported: dict[str, int] | None = None
        if isinstance(result, HttpAnswer):
            reported = usage(result.headers)
            if result.status != HTTP_OK:
                self._heed(result)
        elif result.nothing_sent:
            reported = {}
        offset_ms = self.venue_offset_ms()
        with self._throttle_lock:
            self._throttle.settle(
                cost, sent_ms=result.sent_ms + offset_ms, now_ms=result.received_ms + offset_ms, reported=reported
            )
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
        kinds = [CallKind.PLACE] if code == TOO_MANY_ORDERS and not banned else list(CallKind)
        self.be_silent(kinds, answer.received_ms + wait_ms, banned=banned)

    def be_silent(self, kinds: list[CallKind], until_ms: int, *, banned: bool) -> None:
        """Send nothing of these kinds before a moment of our clock, because the venue said so."""
        with self._throttle_lock:
            self._throttle.block(kinds, until_ms + self.venue_offset_ms(), ban=banned)

    def _held(self, reason: str, wait_ms: int = 0) -> HttpFailure:
        now_ms = self._clock.now_ms()
        return HttpFailure(
            nothing_sent=True, reason=reason, sent_ms=now_ms, received_ms=now_ms, retry_after_ms=wait_ms
        )

    def _local(self, detail: str) -> Evidence:
        return Evidence(
            source=EvidenceSource.LOCAL, endpoint=ORDER_PATH, received_ms=self._clock.now_ms(), detail=detail
        )
