"""Binance's request interface: which call each request is. The dispatch around it is every venue's."""

from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import urlencode

from exchanges.answers import IncompleteError, Untold
from exchanges.asking import Asking
from exchanges.binance import reads
from exchanges.binance.answers import ORDER_PATH
from exchanges.binance.capabilities import CAPABILITIES, REST_URL
from exchanges.binance.changes import AMEND_PATH, REPLACE_PATH, amend_report, replace_report
from exchanges.binance.orders import amend_params, cancel_params, place_params, replace_params
from exchanges.binance.placements import cancel_report, place_report
from exchanges.binance.prices import PRICE_PATH, PRICE_WEIGHT, price_report
from exchanges.binance.rest import RestSession
from exchanges.binance.sign import Signer
from exchanges.client import AdapterClient
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
    ReplaceVenueOrder,
    SearchOrder,
)
from messages.reports import CallReport, PriceFetched
from messages.types import OrderType

_PLACE_COST = {"weight": 1, "orders": 1}
_CANCEL_COST = {"weight": 1}
_AMEND_COST = {"weight": 4}
_REPLACE_COST = {"weight": 1, "orders": 1}

_STOPS = frozenset({OrderType.STOP_MARKET, OrderType.STOP_LIMIT})


class BinanceClient(AdapterClient):
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
        params = place_params(request, venue_symbol, self._last_price(request))
        result = self.session.signed(
            CallKind.PLACE, _PLACE_COST, "POST", ORDER_PATH, params, valid_until_ms=request.valid_until_venue_ms
        )
        return place_report(request, result, symbols)

    def cancel(self, request: CancelVenueOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Cancel an order, once."""
        params = cancel_params(request, venue_symbol)
        return cancel_report(
            request, self.session.signed(CallKind.CANCEL, _CANCEL_COST, "DELETE", ORDER_PATH, params), symbols
        )

    def amend(self, request: AmendVenueOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Make an order smaller in place, once."""
        params = amend_params(request, venue_symbol)
        result = self.session.signed(
            CallKind.AMEND, _AMEND_COST, "PUT", AMEND_PATH, params, valid_until_ms=request.valid_until_venue_ms
        )
        return amend_report(request, result, symbols)

    def replace(self, request: ReplaceVenueOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Cancel an order and place another one, once."""
        params = replace_params(request, venue_symbol, self._last_price(request.place))
        result = self.session.signed(
            CallKind.PLACE,
            _REPLACE_COST,
            "POST",
            REPLACE_PATH,
            params,
            valid_until_ms=request.place.valid_until_venue_ms,
        )
        return replace_report(request, result, symbols)

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
        target = f"{PRICE_PATH}?{urlencode({'symbol': venue_symbol})}"
        told = self.session.public(target, {"weight": PRICE_WEIGHT}, self.session.call_timeout_ms)
        if isinstance(told, Untold):
            raise IncompleteError(told)
        return price_report(request, told, venue_symbol)

    def _last_price(self, request: PlaceOrder) -> Decimal | None:
        # On which side of the market a stop is triggered decides what the venue calls it.
        if request.type not in _STOPS:
            return None
        asked = FetchPrice(account_id=request.account_id, exchange=request.exchange, symbol=request.symbol)
        told = self.execute(asked)
        return told.price if isinstance(told, PriceFetched) else None
