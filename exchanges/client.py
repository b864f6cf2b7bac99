"""A venue's request interface as the port has it: every request ends as exactly one report.

Owns the dispatch, the names of symbols around a call, and what is refused before anything is sent; the calls are the
venue's. It never turns an unknown outcome into a known one, and never repeats what changes anything.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, TypeAlias, assert_never

from exchanges.answers import IncompleteError, Untold
from exchanges.asking import Asking
from exchanges.failures import not_processed, unanswered
from exchanges.fields import UnreadableError
from exchanges.gateway import Capabilities
from exchanges.refusals import refused_here
from exchanges.session import LISTING_TIMEOUT_MS, VenueSession
from exchanges.symbols import SymbolBook, alias_problems
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
from messages.reports import CallReport, FetchFailed, InstrumentsFetched, ServerTimeFetched
from messages.types import Evidence, EvidenceSource

FETCH_BUDGET_MS = 30_000
"""Time for a list with all its pages."""
_UNLISTED = "the venue lists no such symbol"

Change: TypeAlias = PlaceOrder | CancelVenueOrder | AmendVenueOrder | ReplaceVenueOrder
Question: TypeAlias = LookUpOrder | SearchOrder | FetchOpenOrders | FetchFills | FetchBalances


class NotSupportedError(Exception):
    """The venue cannot do what was asked; nothing was sent. The text names it."""


class AdapterClient(ABC):
    """A `VenueClient` for one credential. Thread-safe; shows no secret in its repr, reports or errors."""

    capabilities: Capabilities
    order_endpoint: ClassVar[str]
    """Where evidence that we made ourselves says that a request was going."""

    def __init__(self, session: VenueSession, capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self._session = session
        self._clock = session.clock

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._session!r})"

    # ----- what is the venue's own; changes may raise NotSupportedError, questions IncompleteError and UnreadableError

    @abstractmethod
    def place(self, request: PlaceOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Place an order, once."""

    @abstractmethod
    def cancel(self, request: CancelVenueOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Cancel an order, once."""

    def amend(self, request: AmendVenueOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Change an order in place, once."""
        del request, venue_symbol, symbols
        raise NotSupportedError("this venue changes no order in place")

    def replace(self, request: ReplaceVenueOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Put an order in another one's place by the venue's own call, once."""
        del request, venue_symbol, symbols
        raise NotSupportedError("this venue has no call that replaces an order")

    @abstractmethod
    def look_up(self, asking: Asking, request: LookUpOrder, venue_symbol: str) -> CallReport:
        """Ask for one order, and for its executions when it has any."""

    @abstractmethod
    def search(self, asking: Asking, request: SearchOrder, venue_symbol: str) -> CallReport:
        """List open orders, recent orders and executions of a symbol around a time: every source, or no answer."""

    @abstractmethod
    def open_orders(self, asking: Asking, request: FetchOpenOrders, venue_symbol: str | None) -> CallReport:
        """List open orders, of one symbol or of all."""

    @abstractmethod
    def fills(self, asking: Asking, request: FetchFills, venue_symbol: str) -> CallReport:
        """List executions of one order, or of a symbol since a time, or the latest of a symbol."""

    @abstractmethod
    def balances(self, asking: Asking, request: FetchBalances) -> CallReport:
        """Read balances. One that cannot be read makes the answer unreadable: left out, it would look like zero."""

    @abstractmethod
    def price(self, request: FetchPrice, venue_symbol: str) -> CallReport:
        """Read the latest price; an answer about another symbol, or without a price above zero, is none."""

    # ----- the port

    def execute(self, request: VenueRequest) -> CallReport:
        """Carry out one request; every outcome is exactly one report."""
        begun_ms = self._clock.now_ms()
        report = self._carry_out(request)
        return replace(report, sent_ms=begun_ms) if isinstance(report, FetchFailed) else report

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()

    def venue_offset_ms(self) -> int:
        """Tell venue time minus our time, aimed low; 0 while unknown."""
        return self._session.venue_offset_ms()

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
                return self._latest_price(request)
            case FetchServerTime():
                return self._server_time(request)
            case _:
                assert_never(request)

    # ----- changes

    def _change(self, request: Change) -> CallReport:
        symbols = self._session.loaded_symbols(self._session.call_timeout_ms)
        if isinstance(symbols, Untold):
            return not_processed(
                request, "instruments_unavailable", self._local(symbols.reason), retry_after_ms=symbols.retry_after_ms
            )
        # What is placed must be listed; what is there already may be known under the venue's own name.
        places = isinstance(request, PlaceOrder | ReplaceVenueOrder)
        venue_symbol = symbols.to_venue.get(request.symbol) if places else symbols.venue(request.symbol)
        if venue_symbol is None:
            return self._refused_here(request, "unknown_symbol", _UNLISTED)
        try:
            return self._changed(request, venue_symbol, symbols)
        except NotSupportedError as error:
            return self._refused_here(request, "not_supported", str(error))

    def _changed(self, request: Change, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        match request:
            case PlaceOrder():
                return self.place(request, venue_symbol, symbols)
            case CancelVenueOrder():
                return self.cancel(request, venue_symbol, symbols)
            case AmendVenueOrder():
                return self.amend(request, venue_symbol, symbols)
            case ReplaceVenueOrder():
                if request.place.symbol != request.symbol:
                    raise NotSupportedError("an order can only be replaced by one of the same symbol")
                return self.replace(request, venue_symbol, symbols)

    def _refused_here(self, request: Change, code: str, words: str) -> CallReport:
        return refused_here(request, code, words, endpoint=self.order_endpoint, now_ms=self._clock.now_ms())

    def _local(self, detail: str) -> Evidence:
        return Evidence(
            source=EvidenceSource.LOCAL,
            endpoint=self.order_endpoint,
            received_ms=self._clock.now_ms(),
            detail=detail,
        )

    # ----- questions

    def _question(self, request: Question, *, budget_ms: int, retries: int) -> CallReport:
        symbols = self._session.current_symbols(budget_ms)
        if isinstance(symbols, Untold):
            return unanswered(request, "instruments_unavailable", retry_after_ms=symbols.retry_after_ms)
        report = self._answered(request, Asking(self._session, symbols, budget_ms=budget_ms, retries=retries))
        current = self._session.current_symbols(budget_ms)
        if isinstance(current, Untold) or current is symbols:
            return report
        # A record named a symbol that was not listed when the names were read: now it may be readable.
        return self._answered(request, Asking(self._session, current, budget_ms=budget_ms, retries=retries))

    def _answered(self, request: Question, asking: Asking) -> CallReport:
        ask = self._ask_for(request, asking)
        if ask is None:
            return unanswered(request, "unknown_symbol")
        try:
            return ask(asking)
        except IncompleteError as error:
            return unanswered(request, error.untold.reason, retry_after_ms=error.untold.retry_after_ms)
        except UnreadableError as error:
            return unanswered(request, f"unreadable: {error}")
        finally:
            asking.release()

    def _ask_for(self, request: Question, asking: Asking) -> Callable[[Asking], CallReport] | None:
        # None: it is about a symbol that the venue does not list.
        if isinstance(request, FetchBalances):
            return lambda each: self.balances(each, request)
        if isinstance(request, FetchOpenOrders) and request.symbol is None:
            return lambda each: self.open_orders(each, request, None)
        named = asking.symbols.venue(request.symbol or "")
        if not named:
            return None
        match request:
            case LookUpOrder():
                return lambda each: self.look_up(each, request, named)
            case SearchOrder():
                return lambda each: self.search(each, request, named)
            case FetchOpenOrders():
                return lambda each: self.open_orders(each, request, named)
            case FetchFills():
                return lambda each: self.fills(each, request, named)

    def _instruments(self, request: FetchInstruments) -> CallReport:
        listing = self._session.load_listing(LISTING_TIMEOUT_MS)
        if isinstance(listing, Untold):
            return unanswered(request, listing.reason, retry_after_ms=listing.retry_after_ms)
        return InstrumentsFetched(
            account_id=request.account_id,
            exchange=request.exchange,
            order_id=request.order_id,
            instruments=listing.instruments,
            unreadable=listing.unreadable,
            alias_problems=alias_problems(listing, self._session.aliases),
        )

    def _latest_price(self, request: FetchPrice) -> CallReport:
        symbols = self._session.current_symbols(self._session.call_timeout_ms)
        if isinstance(symbols, Untold):
            return unanswered(request, "instruments_unavailable", retry_after_ms=symbols.retry_after_ms)
        venue_symbol = symbols.venue(request.symbol)
        if venue_symbol is None:
            return unanswered(request, "unknown_symbol")
        try:
            return self.price(request, venue_symbol)
        except IncompleteError as error:
            return unanswered(request, error.untold.reason, retry_after_ms=error.untold.retry_after_ms)
        except UnreadableError as error:
            return unanswered(request, f"unreadable: {error}")

    def _server_time(self, request: FetchServerTime) -> CallReport:
        told = self._session.read_clock()
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
