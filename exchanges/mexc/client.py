"""MEXC's request interface: which call each request is. The dispatch around it is every venue's."""

from collections.abc import Mapping

from exchanges.asking import Asking
from exchanges.client import AdapterClient
from exchanges.http import Clock, HttpAnswer
from exchanges.mexc import reads
from exchanges.mexc.capabilities import CAPABILITIES, REST_URL
from exchanges.mexc.orders import named_params, place_params
from exchanges.mexc.placements import ORDER_PATH, cancel_report, cancelled, place_report
from exchanges.mexc.rest import RestSession, cost_of
from exchanges.mexc.sign import Signer
from exchanges.neighbours import Neighbours
from exchanges.symbols import SymbolBook
from exchanges.throttle import CallKind
from messages.commands import (
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

_PLACE_COST = cost_of(1, orders=1)
_CANCEL_COST = cost_of(1)


class MexcClient(AdapterClient):
    """A `VenueClient` for one credential. Thread-safe; shows no secret in its repr, reports or errors."""

    order_endpoint = ORDER_PATH

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
        super().__init__(self.session, CAPABILITIES)

    def place(self, request: PlaceOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Place an order, once."""
        params = place_params(request, venue_symbol)
        result = self.session.signed(
            CallKind.PLACE, _PLACE_COST, "POST", ORDER_PATH, params, valid_until_ms=request.valid_until_venue_ms
        )
        return place_report(request, result, symbols)

    def cancel(self, request: CancelVenueOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Cancel an order, once, and read it back."""
        params = named_params(request, venue_symbol)
        result = self.session.signed(CallKind.CANCEL, _CANCEL_COST, "DELETE", ORDER_PATH, params)
        report = cancel_report(request, result)
        if not isinstance(report, HttpAnswer):
            return report
        asking = Asking(self.session, symbols, budget_ms=self.session.call_timeout_ms, retries=0)
        return cancelled(request, report, reads.read_back(reads.Questions(self.session, asking), request, venue_symbol))

    def look_up(self, asking: Asking, request: LookUpOrder, venue_symbol: str) -> CallReport:
        """Ask for one order, and for its executions when it has any."""
        return reads.look_up(reads.Questions(self.session, asking), request, venue_symbol)

    def search(self, asking: Asking, request: SearchOrder, venue_symbol: str) -> CallReport:
        """List open orders, all orders and executions of a symbol around a time."""
        return reads.search(reads.Questions(self.session, asking), request, venue_symbol)

    def open_orders(self, asking: Asking, request: FetchOpenOrders, venue_symbol: str | None) -> CallReport:
        """List open orders, of one symbol or of all."""
        return reads.open_orders(reads.Questions(self.session, asking), request, venue_symbol)

    def fills(self, asking: Asking, request: FetchFills, venue_symbol: str) -> CallReport:
        """List executions."""
        return reads.fills(reads.Questions(self.session, asking), request, venue_symbol)

    def balances(self, asking: Asking, request: FetchBalances) -> CallReport:
        """Read balances."""
        return reads.balances(reads.Questions(self.session, asking), request)

    def price(self, request: FetchPrice, venue_symbol: str) -> CallReport:
        """Read the latest price."""
        return reads.price(self.session, request, venue_symbol)
