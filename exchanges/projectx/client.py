"""ProjectX's request interface: which call each request is. The dispatch around it is every venue's."""

from collections.abc import Mapping

from exchanges.answers import IncompleteError, Untold
from exchanges.asking import Asking
from exchanges.client import AdapterClient
from exchanges.failures import not_processed
from exchanges.http import Clock, HttpAnswer
from exchanges.neighbours import Neighbours
from exchanges.projectx import lookups, reads
from exchanges.projectx.capabilities import CAPABILITIES, REST_URL
from exchanges.projectx.orders import amend_body, only_changes, order_body, place_body
from exchanges.projectx.placements import (
    AMEND_PATH,
    CANCEL_PATH,
    PLACE_PATH,
    amend_report,
    amended,
    cancel_report,
    cancelled,
    place_report,
)
from exchanges.projectx.prices import price_report
from exchanges.projectx.questions import Questions
from exchanges.projectx.rest import Logins, RestSession
from exchanges.projectx.sign import Login
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
from messages.reports import CallReport
from messages.types import VenueOrder

UNNAMED_MS = 1000
"""When to ask again for the cancel of an order whose number the venue has not told yet."""


class ProjectXClient(AdapterClient):
    """A `VenueClient` for one credential and account. Thread-safe; shows no secret in its repr, reports or errors."""

    order_endpoint = PLACE_PATH

    def __init__(
        self,
        *,
        login: Login,
        account: int | None,
        clock: Clock,
        rest_url: str = REST_URL,
        aliases: Mapping[str, str] | None = None,
        call_timeout_ms: int = 3000,
        connect_timeout_ms: int = 1000,
        pool_size: int = 16,
        neighbours: Neighbours | None = None,
        logins: Logins | None = None,
    ) -> None:
        """`account` is the venue's number of it, None: the only one that the credential opens; `aliases` maps canonical
        names to contract ids; `neighbours` are the clients a ban of this one concerns, `logins` is what clients of one
        user share.
        """
        self.session = RestSession(
            login=login,
            account=account,
            clock=clock,
            rest_url=rest_url,
            aliases=aliases or {},
            call_timeout_ms=call_timeout_ms,
            connect_timeout_ms=connect_timeout_ms,
            pool_size=pool_size,
            neighbours=neighbours or Neighbours(),
            logins=logins or Logins(),
        )
        super().__init__(self.session, CAPABILITIES)

    # ----- changes

    def place(self, request: PlaceOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Place an order, once."""
        del symbols
        account = self.session.trading_account()
        if isinstance(account, Untold):
            return self._unsent(request, account)
        body = place_body(request, venue_symbol, account)
        result = self.session.call(CallKind.PLACE, PLACE_PATH, body, valid_until_ms=request.valid_until_venue_ms)
        return place_report(request, result)

    def cancel(self, request: CancelVenueOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Cancel an order, once, and read it back."""
        del venue_symbol
        account = self.session.account()
        if isinstance(account, Untold):
            return self._unsent(request, account)
        if request.venue_order_id is None:
            # Nothing is cancelled by client id: the number comes with the placement's answer, or from a list.
            return self._unsent(request, Untold(reason="order_number_unknown", retry_after_ms=UNNAMED_MS))
        body = order_body(request.venue_order_id, account)
        report = cancel_report(request, self.session.call(CallKind.CANCEL, CANCEL_PATH, body))
        if isinstance(report, HttpAnswer):
            return cancelled(request, report, self._read_back(request.venue_order_id, symbols, account))
        return report

    def amend(self, request: AmendVenueOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Change an order in place, once: read what it is, send what differs, and read it back."""
        del venue_symbol
        account = self.session.account()
        if isinstance(account, Untold):
            return self._unsent(request, account)
        whole = amend_body(request, account)
        shown = lookups.shown(self.session, symbols, account, request.venue_order_id)
        if isinstance(shown, Untold):
            return self._unsent(request, shown)
        body = only_changes(whole, request, shown)
        result = self.session.call(CallKind.AMEND, AMEND_PATH, body, valid_until_ms=request.valid_until_venue_ms)
        report = amend_report(request, result)
        if isinstance(report, HttpAnswer):
            return amended(request, report, self._read_back(request.venue_order_id, symbols, account))
        return report

    def _unsent(self, request: PlaceOrder | CancelVenueOrder | AmendVenueOrder, untold: Untold) -> CallReport:
        return not_processed(
            request, untold.reason, self._local(untold.reason), retry_after_ms=untold.retry_after_ms
        )

    def _read_back(self, venue_order_id: str, symbols: SymbolBook, account: int) -> VenueOrder | None:
        asking = Asking(self.session, symbols, budget_ms=self.session.call_timeout_ms, retries=0)
        return lookups.read_back(Questions(self.session, asking, account), venue_order_id)

    # ----- questions

    def look_up(self, asking: Asking, request: LookUpOrder, venue_symbol: str) -> CallReport:
        """Ask for one order, and for its executions when it has any."""
        del venue_symbol
        return lookups.look_up(self._questions(asking), request)

    def search(self, asking: Asking, request: SearchOrder, venue_symbol: str) -> CallReport:
        """List working orders, all orders and executions of a contract around a time."""
        return reads.search(self._questions(asking), request, venue_symbol)

    def open_orders(self, asking: Asking, request: FetchOpenOrders, venue_symbol: str | None) -> CallReport:
        """List working orders, of one contract or of all."""
        return reads.open_orders(self._questions(asking), request, venue_symbol)

    def fills(self, asking: Asking, request: FetchFills, venue_symbol: str) -> CallReport:
        """List executions."""
        return reads.fills(self._questions(asking), request, venue_symbol)

    def balances(self, asking: Asking, request: FetchBalances) -> CallReport:
        """Read positions."""
        return reads.balances(self._questions(asking), request)

    def price(self, request: FetchPrice, venue_symbol: str) -> CallReport:
        """Read the latest price."""
        asking = Asking(self.session, SymbolBook(), budget_ms=self.session.call_timeout_ms, retries=0)
        return price_report(asking, request, venue_symbol)

    def _questions(self, asking: Asking) -> Questions:
        account = self.session.account()
        if isinstance(account, Untold):
            raise IncompleteError(account)
        return Questions(self.session, asking, account)
