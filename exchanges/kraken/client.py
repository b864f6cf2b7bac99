"""Kraken's request interface: which call each request is. The dispatch around it is every venue's."""

from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import urlencode

from exchanges.answers import IncompleteError, Untold, answer_evidence
from exchanges.asking import Asking
from exchanges.client import AdapterClient
from exchanges.failures import cancel_unknown, not_processed, unknown
from exchanges.http import Clock
from exchanges.kraken import lookups, reads
from exchanges.kraken.capabilities import CAPABILITIES, REST_URL
from exchanges.kraken.lookups import Found
from exchanges.kraken.orders import STOPS, amend_params, cancel_params, place_params, shows_terms
from exchanges.kraken.penalties import PLACE_COST
from exchanges.kraken.placements import (
    AMEND,
    AMEND_PATH,
    CANCEL,
    CANCEL_PATH,
    PLACE_PATH,
    amend_refusal,
    cancel_refusal,
    names_no_fault,
    place_report,
)
from exchanges.kraken.questions import Questions
from exchanges.kraken.rest import RestSession
from exchanges.kraken.sign import Signer
from exchanges.kraken.symbols import engine_unit
from exchanges.kraken.translate import read_price
from exchanges.neighbours import Neighbours
from exchanges.nonces import NonceSource
from exchanges.refusals import AMENDED
from exchanges.symbols import SymbolBook
from exchanges.throttle import CallKind
from messages.commands import (
    AmendVenueOrder,
    CancelVenueOrder,
    FetchBalances,
    FetchFills,
    FetchOpenOrders,
    FetchPrice,
    LookUpOrder,
    PlaceOrder,
    SearchOrder,
)
from messages.reports import AmendConfirmed, AmendRefused, CallReport, CancelConfirmed, PriceFetched
from messages.types import ENDED_STATUSES, EvidenceSource

_ACCEPTED = "accepted"
"""Why the fate of a request is unknown that the venue has taken: the order does not show it yet."""
_AS_SHOWN = "refused_as_shown"
"""Why the fate of a change is unknown that was refused for an order that is shown with its terms."""
_UNREAD = "refused_unread"
"""The same, where the order could not be read after the refusal."""
_UNEXPLAINED = "refused_unexplained"
"""The same, where the refusal does not say what was wrong, and may mean that there was nothing left to change."""


class KrakenClient(AdapterClient):
    """A `VenueClient` for one credential. Thread-safe; shows no secret in its repr, reports or errors."""

    order_endpoint = PLACE_PATH

    def __init__(
        self,
        *,
        api_key: str,
        signer: Signer,
        nonces: NonceSource,
        clock: Clock,
        rest_url: str = REST_URL,
        aliases: Mapping[str, str] | None = None,
        call_timeout_ms: int = 3000,
        connect_timeout_ms: int = 1000,
        pool_size: int = 16,
        neighbours: Neighbours | None = None,
    ) -> None:
        """`aliases` maps canonical names to altnames; `neighbours` are the clients a ban of this one concerns."""
        self.session = RestSession(
            api_key=api_key,
            signer=signer,
            nonces=nonces,
            clock=clock,
            rest_url=rest_url,
            aliases=aliases or {},
            call_timeout_ms=call_timeout_ms,
            connect_timeout_ms=connect_timeout_ms,
            pool_size=pool_size,
            neighbours=neighbours or Neighbours(),
        )
        super().__init__(self.session, CAPABILITIES)

    # ----- changes

    def place(self, request: PlaceOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Place an order, once."""
        del symbols
        last_price: Decimal | None = None
        if request.type in STOPS and request.stop_price is not None:
            last_price = self._last_price(request)
            if last_price is None:
                # A stop on the wrong side of the market would be triggered at once, so nothing is sent on a guess.
                return not_processed(request, "price_unavailable", self._local("the latest price is not known"))
        venue_now_ms = self.session.venue_now_ms()
        if venue_now_ms is None:
            return not_processed(request, "clock", self._local("the venue's time is not known"))
        params = place_params(
            request,
            venue_symbol,
            last_price=last_price,
            venue_now_ms=venue_now_ms,
            offset_ms=self.session.venue_offset_ms(),
        )
        self.session.touch(request.client_order_id)
        result = self.session.signed(
            CallKind.PLACE,
            {engine_unit(venue_symbol): PLACE_COST},
            PLACE_PATH,
            params,
            valid_until_ms=request.valid_until_venue_ms,
        )
        return place_report(request, result)

    def cancel(self, request: CancelVenueOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Cancel an order, once, and read what became of it."""
        cost = {engine_unit(venue_symbol): self.session.cancel_cost(request.client_order_id)}
        result = self.session.signed(CallKind.CANCEL, cost, CANCEL_PATH, cancel_params(request))
        refusal = cancel_refusal(request, result)
        if refusal is not None:
            return refusal
        found = lookups.read_back(self._at_once(symbols), request)
        if found is None or found.order.status not in ENDED_STATUSES:
            return cancel_unknown(request, _ACCEPTED, answer_evidence(EvidenceSource.CANCEL_ANSWER, CANCEL, result))
        return CancelConfirmed(
            account_id=request.account_id,
            exchange=request.exchange,
            order_id=request.order_id,
            order=found.order,
            evidence=answer_evidence(
                EvidenceSource.CANCEL_ANSWER,
                found.endpoint,
                found.told.answer,
                venue_time_ms=found.order.updated_venue_ms,
                detail=found.order.venue_status,
            ),
        )

    def amend(self, request: AmendVenueOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Change an order in place, once, and read what became of it."""
        reached: Decimal | None = None
        post_only = request.post_only
        if request.stop_price is not None:
            # Whether it was triggered, only the venue knows.
            before = lookups.read_back(self._at_once(symbols), request)
            if before is None:
                return not_processed(request, "order_unread", self._local("the order could not be read before"))
            reached = before.order.stop_price if before.triggered else None
            post_only = post_only or before.order.post_only
        params = amend_params(request, reached=reached, post_only=post_only)
        cost = {engine_unit(venue_symbol): self.session.amend_cost(request.client_order_id)}
        result = self.session.signed(
            CallKind.AMEND, cost, AMEND_PATH, params, valid_until_ms=request.valid_until_venue_ms
        )
        self.session.touch(request.client_order_id)
        refusal = amend_refusal(request, result)
        if refusal is not None and not isinstance(refusal, AmendRefused):
            return refusal
        found = lookups.read_back(self._at_once(symbols), request)
        if refusal is not None:
            return _refused(request, refusal, found)
        if found is None or not shows_terms(request, found.order):
            return unknown(request, _ACCEPTED, answer_evidence(AMENDED, AMEND, result))
        return _amended(request, found)

    # ----- questions

    def look_up(self, asking: Asking, request: LookUpOrder, venue_symbol: str) -> CallReport:
        """Ask for one order, and for its executions when it has any."""
        del venue_symbol
        return lookups.look_up(Questions(self.session, asking), request)

    def search(self, asking: Asking, request: SearchOrder, venue_symbol: str) -> CallReport:
        """List open orders, closed orders and executions of a symbol around a time."""
        del venue_symbol
        return reads.search(Questions(self.session, asking), request)

    def open_orders(self, asking: Asking, request: FetchOpenOrders, venue_symbol: str | None) -> CallReport:
        """List open orders, of one symbol or of all."""
        del venue_symbol
        return reads.open_orders(Questions(self.session, asking), request)

    def fills(self, asking: Asking, request: FetchFills, venue_symbol: str) -> CallReport:
        """List executions."""
        del venue_symbol
        return reads.fills(Questions(self.session, asking), request)

    def balances(self, asking: Asking, request: FetchBalances) -> CallReport:
        """Read balances."""
        return reads.balances(Questions(self.session, asking), request)

    def price(self, request: FetchPrice, venue_symbol: str) -> CallReport:
        """Read the latest price."""
        target = f"/0/public/Ticker?{urlencode({'pair': venue_symbol})}"
        told = self.session.public(target, {}, self.session.call_timeout_ms)
        if isinstance(told, Untold):
            raise IncompleteError(told)
        symbols = self.session.symbols() or SymbolBook()
        return PriceFetched(
            account_id=request.account_id,
            exchange=request.exchange,
            order_id=request.order_id,
            symbol=request.symbol,
            price=read_price(told.payload, symbols, request.symbol),
            received_ms=told.answer.received_ms,
        )

    def _last_price(self, request: PlaceOrder) -> Decimal | None:
        asked = FetchPrice(account_id=request.account_id, exchange=request.exchange, symbol=request.symbol)
        told = self.execute(asked)
        return told.price if isinstance(told, PriceFetched) else None

    def _at_once(self, symbols: SymbolBook) -> Questions:
        # A question whose answer is worth nothing later: not repeated, and not waited for.
        asking = Asking(self.session, symbols, budget_ms=self.session.call_timeout_ms, retries=0)
        return Questions(self.session, asking, patient=False)


def _refused(request: AmendVenueOrder, refusal: AmendRefused, found: Found | None) -> CallReport:
    # An earlier delivery may have done it, so that there was nothing left to change; what is shown may be older than
    # that. Of an order that has ended, that does not matter.
    if found is None:
        return unknown(request, _UNREAD, refusal.evidence)
    if found.order.status in ENDED_STATUSES:
        return refusal
    if shows_terms(request, found.order):
        return unknown(request, _AS_SHOWN, refusal.evidence)
    return unknown(request, _UNEXPLAINED, refusal.evidence) if names_no_fault(refusal) else refusal


def _amended(request: AmendVenueOrder, found: Found) -> AmendConfirmed:
    return AmendConfirmed(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        order=found.order,
        # An order that is open is told without a time of its last change, so nothing dates what is shown.
        evidence=answer_evidence(
            AMENDED,
            found.endpoint,
            found.told.answer,
            venue_time_ms=found.order.updated_venue_ms,
            detail=found.order.venue_status,
        ),
    )
