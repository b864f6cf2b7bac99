"""Coinbase's request interface: which call each request is. The dispatch around it is every venue's."""

from collections.abc import Mapping
from urllib.parse import quote

from exchanges.answers import IncompleteError, Untold
from exchanges.asking import Asking
from exchanges.client import AdapterClient
from exchanges.coinbase import reads
from exchanges.coinbase.capabilities import CAPABILITIES, REST_URL
from exchanges.coinbase.changes import (
    CANCEL_PATH,
    EDIT_PATH,
    Accepted,
    ReadBack,
    cancel_accepted,
    cancel_done,
    edit_accepted,
    edit_done,
    read_back,
)
from exchanges.coinbase.orders import amend_body, cancel_body, place_body
from exchanges.coinbase.placements import ORDERS_PATH, confirmed, place_report, read_by_id, unconfirmed
from exchanges.coinbase.questions import Questions
from exchanges.coinbase.rest import PRODUCTS_PATH, PUBLIC_COST, RestSession
from exchanges.coinbase.sign import TokenSigner
from exchanges.failures import cancel_not_processed, unanswered
from exchanges.fields import UnreadableError, as_record, positive_amount, text
from exchanges.findings import price_fetched
from exchanges.http import Clock
from exchanges.neighbours import Neighbours
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
from messages.reports import CallReport, PlaceAccepted, PlaceAmbiguous

_NAMELESS_RETRY_MS = 500


class CoinbaseClient(AdapterClient):
    """A `VenueClient` for one credential. Thread-safe; shows no secret in its repr, reports or errors."""

    order_endpoint = ORDERS_PATH

    def __init__(
        self,
        *,
        signer: TokenSigner,
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
            signer=signer,
            clock=clock,
            rest_url=rest_url,
            aliases=aliases or {},
            call_timeout_ms=call_timeout_ms,
            connect_timeout_ms=connect_timeout_ms,
            pool_size=pool_size,
            neighbours=neighbours or Neighbours(),
        )
        super().__init__(self.session, CAPABILITIES)

    def place(self, request: PlaceOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Place an order, once."""
        body = place_body(request, venue_symbol)
        key_works = self.session.key_works
        result = self.session.post(CallKind.PLACE, ORDERS_PATH, body, valid_until_ms=request.valid_until_venue_ms)
        report = place_report(request, result, venue_symbol, key_works=key_works)
        if isinstance(report, PlaceAmbiguous) and report.venue_order_id is not None and not report.known_to_exist:
            found = self._read_back(report.venue_order_id, symbols)
            return read_by_id(request, report, found.order if isinstance(found, ReadBack) else None)
        if not isinstance(report, PlaceAccepted) or request.attempt == 1:
            return report
        # The id was sent before, so the answer may name an order that was made for an earlier request.
        found = self._read_back(report.venue_order_id, symbols)
        if isinstance(found, ReadBack):
            return confirmed(request, report, found.order)
        return unconfirmed(request, report, found)

    def cancel(self, request: CancelVenueOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Cancel an order, once, and read what became of it. The venue cancels none by its client id."""
        del venue_symbol
        if request.venue_order_id is None:
            words = "the order's id at the venue is not known yet"
            return cancel_not_processed(
                request, "venue_order_id_unknown", self._local(words), retry_after_ms=_NAMELESS_RETRY_MS
            )
        key_works = self.session.key_works
        result = self.session.post(CallKind.CANCEL, CANCEL_PATH, cancel_body(request.venue_order_id))
        report = cancel_accepted(request, request.venue_order_id, result, key_works=key_works)
        if not isinstance(report, Accepted):
            return report
        found = self._read_back(request.venue_order_id, symbols)
        return cancel_done(request, report, found if isinstance(found, ReadBack) else None)

    def amend(self, request: AmendVenueOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Change a limit order in place, once, and read what became of it."""
        del venue_symbol
        body = amend_body(request)
        key_works = self.session.key_works
        result = self.session.post(CallKind.AMEND, EDIT_PATH, body, valid_until_ms=request.valid_until_venue_ms)
        report = edit_accepted(request, result, key_works=key_works)
        if not isinstance(report, Accepted):
            return report
        found = self._read_back(request.venue_order_id, symbols)
        return edit_done(request, report, found if isinstance(found, ReadBack) else None)

    def look_up(self, asking: Asking, request: LookUpOrder, venue_symbol: str) -> CallReport:
        """Ask for one order, and for its executions when it has any."""
        del venue_symbol
        return reads.look_up(self._questions(asking), request)

    def search(self, asking: Asking, request: SearchOrder, venue_symbol: str) -> CallReport:
        """List orders and executions of a symbol around a time."""
        return reads.search(self._questions(asking), request, venue_symbol)

    def open_orders(self, asking: Asking, request: FetchOpenOrders, venue_symbol: str | None) -> CallReport:
        """List open orders, of one symbol or of all."""
        return reads.open_orders(self._questions(asking), request, venue_symbol)

    def fills(self, asking: Asking, request: FetchFills, venue_symbol: str) -> CallReport:
        """List executions."""
        return reads.fills(self._questions(asking), request, venue_symbol)

    def balances(self, asking: Asking, request: FetchBalances) -> CallReport:
        """Read balances."""
        return reads.balances(self._questions(asking), request)

    def price(self, request: FetchPrice, venue_symbol: str) -> CallReport:
        """Read the latest price."""
        target = f"{PRODUCTS_PATH}/{quote(venue_symbol, safe='')}"
        told = self.session.public(target, PUBLIC_COST, self.session.call_timeout_ms)
        if isinstance(told, Untold):
            raise IncompleteError(told)
        record = as_record(told.payload)
        named, price = text(record, "product_id"), positive_amount(record, "price")
        if named != venue_symbol:
            return unanswered(request, "unreadable: the answer is about another symbol")
        return price_fetched(request, price, told.answer)

    def _questions(self, asking: Asking, *, patient: bool = True) -> Questions:
        return Questions(self.session, asking, patient=patient)

    def _read_back(self, venue_order_id: str, symbols: SymbolBook) -> ReadBack | str:
        # Once, and without waiting for room: who asks again later finds more, and no placement or cancel is held up.
        # A text says why it was not read.
        asking = Asking(self.session, symbols, budget_ms=self.session.call_timeout_ms, retries=0)
        questions = self._questions(asking, patient=False)
        told = questions.ask_order(venue_order_id)
        if isinstance(told, Untold):
            return told.reason
        try:
            order = questions.read_order(as_record(told.payload).get("order"))
            if order.venue_order_id != venue_order_id:
                return "unreadable: the answer is about another order"
            return read_back(told, order)
        except UnreadableError as error:
            return f"unreadable: {error}"
