"""Binance's request interface as the port has it: every request ends as exactly one report.

Owns the dispatch. It never turns an unknown outcome into a known one, and never repeats what changes anything.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import assert_never
from urllib.parse import urlencode

from exchanges.binance import reads
from exchanges.binance.answers import ORDER_PATH, Untold
from exchanges.binance.capabilities import CAPABILITIES, REST_URL
from exchanges.binance.changes import (
    AMEND_PATH,
    REPLACE_PATH,
    amend_refused_here,
    amend_report,
    replace_refused_here,
    replace_report,
)
from exchanges.binance.orders import NotSupportedError, amend_params, cancel_params, place_params, replace_params
from exchanges.binance.placements import cancel_report, place_report, refused_here
from exchanges.binance.prices import PRICE_PATH, PRICE_WEIGHT, price_report
from exchanges.binance.rest import INFO_TIMEOUT_MS, RestSession
from exchanges.binance.sign import Signer
from exchanges.binance.symbols import SymbolBook
from exchanges.failures import not_processed, unanswered
from exchanges.http import Clock
from exchanges.neighbours import Neighbours
from exchanges.throttle import CallKind
from messages.commands import (
    AmendVenueOrder,
    CancelVenueOrder,
    FetchBalances,
    FetchFills,
    FetchInstruments,
    FetchOpenOrders,
    FetchPrice,
    FetchServerTime,
    LookUpOrder,
    PlaceOrder,
    ReplaceVenueOrder,
    SearchOrder,
    VenueRequest,
)
from messages.reports import CallReport, FetchFailed, InstrumentsFetched, PriceFetched, ServerTimeFetched
from messages.types import Evidence, EvidenceSource, OrderType

FETCH_BUDGET_MS = 30_000
"""Time for a list with all its pages."""

_PLACE_COST = {"weight": 1, "orders": 1}
_CANCEL_COST = {"weight": 1}
_AMEND_COST = {"weight": 4}
_REPLACE_COST = {"weight": 1, "orders": 1}
_UNLISTED = "the venue lists no such symbol"

_STOPS = frozenset({OrderType.STOP_MARKET, OrderType.STOP_LIMIT})
_Changing = PlaceOrder | CancelVenueOrder | AmendVenueOrder | ReplaceVenueOrder


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
        neighbours: Neighbours | None = None,
    ) -> None:
        """`aliases` maps canonical names to venue symbols; `neighbours` are the clients a ban of this one concerns."""
        self.session = RestSession(
            api_key=api_key,
            signer=signer,
            clock=clock,
            rest_url=rest_url,
            aliases=aliases or {},
            call_timeout_ms=call_timeout_ms,
            connect_timeout_ms=connect_timeout_ms,
            pool_size=pool_size,
            neighbours=neighbours or Neighbours(),
        )
        self._clock = clock

    def __repr__(self) -> str:
        return f"BinanceClient({self.session!r})"

    def execute(self, request: VenueRequest) -> CallReport:
        """Carry out one request; every outcome is exactly one report."""
        begun_ms = self._clock.now_ms()
        report = self._carry_out(request)
        return replace(report, sent_ms=begun_ms) if isinstance(report, FetchFailed) else report

    def _carry_out(self, request: VenueRequest) -> CallReport:
        match request:
            case PlaceOrder() | CancelVenueOrder() | AmendVenueOrder() | ReplaceVenueOrder():
                return self._change(request)
            case LookUpOrder() | SearchOrder():
                return self._question(request, budget_ms=request.budget_ms, retries=request.retries)
            case FetchOpenOrders() | FetchFills() | FetchBalances():
                return self._question(request, budget_ms=FETCH_BUDGET_MS, retries=1)
            case FetchInstruments():
                return self._instruments(request)
            case FetchPrice():
                return self._price(request)
            case FetchServerTime():
                return self._server_time(request)
            case _:
                assert_never(request)

    def close(self) -> None:
        """Close idle connections."""
        self.session.close()

    def venue_offset_ms(self) -> int:
        """Tell venue time minus our time, aimed low; 0 while unknown."""
        return self.session.venue_offset_ms()

    def _change(self, request: _Changing) -> CallReport:
        symbols = self.session.loaded_symbols(self.session.call_timeout_ms)
        if isinstance(symbols, Untold):
            return not_processed(
                request, "instruments_unavailable", self._local(symbols.reason), retry_after_ms=symbols.retry_after_ms
            )
        try:
            match request:
                case PlaceOrder():
                    return self._place(request, symbols)
                case CancelVenueOrder():
                    return self._cancel(request, symbols)
                case AmendVenueOrder():
                    return self._amend(request, symbols)
                case ReplaceVenueOrder():
                    return self._replace(request, symbols)
        except NotSupportedError as error:
            return self._refused_here(request, "not_supported", str(error))

    def _place(self, request: PlaceOrder, symbols: SymbolBook) -> CallReport:
        venue_symbol = symbols.to_venue.get(request.symbol)
        if venue_symbol is None:
            return self._refused_here(request, "unknown_symbol", _UNLISTED)
        result = self.session.signed(
            CallKind.PLACE,
            _PLACE_COST,
            "POST",
            ORDER_PATH,
            place_params(request, venue_symbol, self._last_price(request)),
            timeout_ms=self.session.call_timeout_ms,
            valid_until_ms=request.valid_until_venue_ms,
        )
        return place_report(request, result, symbols)

    def _cancel(self, request: CancelVenueOrder, symbols: SymbolBook) -> CallReport:
        venue_symbol = symbols.venue(request.symbol)
        if venue_symbol is None:
            return self._refused_here(request, "unknown_symbol", _UNLISTED)
        params = cancel_params(request, venue_symbol)
        result = self.session.signed(
            CallKind.CANCEL, _CANCEL_COST, "DELETE", ORDER_PATH, params, timeout_ms=self.session.call_timeout_ms
        )
        return cancel_report(request, result, symbols)

    def _amend(self, request: AmendVenueOrder, symbols: SymbolBook) -> CallReport:
        venue_symbol = symbols.venue(request.symbol)
        if venue_symbol is None:
            return self._refused_here(request, "unknown_symbol", _UNLISTED)
        result = self.session.signed(
            CallKind.AMEND,
            _AMEND_COST,
            "PUT",
            AMEND_PATH,
            amend_params(request, venue_symbol),
            timeout_ms=self.session.call_timeout_ms,
            valid_until_ms=request.valid_until_venue_ms,
        )
        return amend_report(request, result, symbols)

    def _replace(self, request: ReplaceVenueOrder, symbols: SymbolBook) -> CallReport:
        venue_symbol = symbols.to_venue.get(request.symbol)
        if venue_symbol is None:
            return self._refused_here(request, "unknown_symbol", _UNLISTED)
        result = self.session.signed(
            CallKind.PLACE,
            _REPLACE_COST,
            "POST",
            REPLACE_PATH,
            replace_params(request, venue_symbol, self._last_price(request.place)),
            timeout_ms=self.session.call_timeout_ms,
            valid_until_ms=request.place.valid_until_venue_ms,
        )
        return replace_report(request, result, symbols)

    def _last_price(self, request: PlaceOrder) -> Decimal | None:
        # On which side of the market a stop is triggered decides what the venue calls it.
        if request.type not in _STOPS:
            return None
        asked = FetchPrice(account_id=request.account_id, exchange=request.exchange, symbol=request.symbol)
        told = self._price(asked)
        return told.price if isinstance(told, PriceFetched) else None

    def _refused_here(self, request: _Changing, code: str, words: str) -> CallReport:
        now_ms = self._clock.now_ms()
        match request:
            case PlaceOrder():
                return refused_here(request, code, words, now_ms)
            case AmendVenueOrder():
                return amend_refused_here(request, code, words, now_ms)
            case ReplaceVenueOrder():
                return replace_refused_here(request, code, words, now_ms)
            case CancelVenueOrder():
                return not_processed(request, code, self._local(words))

    def _question(
        self,
        request: LookUpOrder | SearchOrder | FetchOpenOrders | FetchFills | FetchBalances,
        *,
        budget_ms: int,
        retries: int,
    ) -> CallReport:
        symbols = self.session.current_symbols(budget_ms)
        if isinstance(symbols, Untold):
            return unanswered(request, "instruments_unavailable", retry_after_ms=symbols.retry_after_ms)
        report = _answered(request, reads.Asking(self.session, budget_ms=budget_ms, retries=retries), symbols)
        current = self.session.current_symbols(budget_ms)
        if isinstance(current, Untold) or current is symbols:
            return report
        # A record named a symbol that was not listed when the names were read: now it may be readable.
        return _answered(request, reads.Asking(self.session, budget_ms=budget_ms, retries=retries), current)

    def _instruments(self, request: FetchInstruments) -> CallReport:
        info = self.session.load_info(INFO_TIMEOUT_MS)
        if isinstance(info, Untold):
            return unanswered(request, info.reason, retry_after_ms=info.retry_after_ms)
        return InstrumentsFetched(
            account_id=request.account_id,
            exchange=request.exchange,
            order_id=request.order_id,
            instruments=info.instruments,
            unreadable=info.unreadable,
        )

    def _price(self, request: FetchPrice) -> CallReport:
        symbols = self.session.current_symbols(self.session.call_timeout_ms)
        if isinstance(symbols, Untold):
            return unanswered(request, "instruments_unavailable", retry_after_ms=symbols.retry_after_ms)
        venue_symbol = symbols.venue(request.symbol)
        if venue_symbol is None:
            return unanswered(request, "unknown_symbol")
        path = f"{PRICE_PATH}?{urlencode({'symbol': venue_symbol})}"
        told = self.session.public(path, PRICE_WEIGHT, self.session.call_timeout_ms)
        if isinstance(told, Untold):
            return unanswered(request, told.reason, retry_after_ms=told.retry_after_ms)
        return price_report(request, told, venue_symbol)

    def _server_time(self, request: FetchServerTime) -> CallReport:
        told = self.session.read_clock()
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

    def _local(self, detail: str) -> Evidence:
        return Evidence(
            source=EvidenceSource.LOCAL, endpoint=ORDER_PATH, received_ms=self._clock.now_ms(), detail=detail
        )


def _answered(
    request: LookUpOrder | SearchOrder | FetchOpenOrders | FetchFills | FetchBalances,
    asking: reads.Asking,
    symbols: SymbolBook,
) -> CallReport:
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
