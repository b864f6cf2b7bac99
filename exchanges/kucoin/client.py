"""KuCoin's request interface: which call each request is. The dispatch around it is every venue's."""

from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import quote

from exchanges.answers import IncompleteError, Untold
from exchanges.asking import Asking
from exchanges.client import AdapterClient
from exchanges.failures import not_processed, place_unknown
from exchanges.fields import UnreadableError
from exchanges.http import Clock
from exchanges.kucoin import reads
from exchanges.kucoin.cancelling import Canceller
from exchanges.kucoin.capabilities import CAPABILITIES, REST_URL
from exchanges.kucoin.orders import STOPS, place_body, stop_body
from exchanges.kucoin.outcomes import DOUBTED
from exchanges.kucoin.placements import PLACE_PATH, STOP_PATH, place_report
from exchanges.kucoin.questions import Questions
from exchanges.kucoin.rest import RestSession
from exchanges.kucoin.sign import Signer
from exchanges.kucoin.translate import TRIGGERED
from exchanges.neighbours import Neighbours
from exchanges.outcomes import DUPLICATE
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
from messages.reports import CallReport, PlaceAccepted, PlaceAmbiguous, PlaceReport, PriceFetched
from messages.types import VenueOrder

UNPRICED_MS = 1000
"""When to try a stop order again for which the market's price could not be read."""


class KucoinClient(AdapterClient):
    """A `VenueClient` for one credential. Thread-safe; shows no secret in its repr, reports or errors."""

    order_endpoint = PLACE_PATH

    def __init__(
        self,
        *,
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

    # ----- changes

    def place(self, request: PlaceOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Place an order, once."""
        if request.type in STOPS:
            last_price = self._last_price(request)
            if last_price is None:
                reason, evidence = "price_unknown", self._local("the side of the market it triggers on is not known")
                return not_processed(request, reason, evidence, retry_after_ms=UNPRICED_MS)
            path, body = STOP_PATH, stop_body(
                request, venue_symbol, now_ms=self._clock.now_ms(), last_price=last_price
            )
        else:
            path, body = PLACE_PATH, place_body(request, venue_symbol, now_ms=self._clock.now_ms())
        result = self.session.order_call(
            CallKind.PLACE,
            1,
            "POST",
            path,
            body=body,
            valid_until_ms=request.valid_until_venue_ms,
            bounded=path == PLACE_PATH,
        )
        report = place_report(request, result, path)
        if isinstance(report, PlaceAccepted) and path == STOP_PATH:
            # Before anybody hears of it: its events may come at once, and name nobody.
            self.session.stops.learn(report.venue_order_id, request.client_order_id)
        return self._doubted(request, report, venue_symbol, symbols)

    def _doubted(
        self, request: PlaceOrder, report: PlaceReport, venue_symbol: str, symbols: SymbolBook
    ) -> PlaceReport:
        # What refuses it can be the order that its first delivery made. Found, that is known at once; not found, it may
        # just not be shown yet.
        if not isinstance(report, PlaceAmbiguous) or report.reason != DOUBTED.reason:
            return report
        asking = Questions(
            self.session, Asking(self.session, symbols, budget_ms=self.session.call_timeout_ms, retries=0)
        )
        try:
            found = _order_of(asking, request, venue_symbol)
        except (IncompleteError, UnreadableError):
            return report
        if found is None:
            return report
        return place_unknown(
            request, DUPLICATE.reason, report.evidence, known_to_exist=True, venue_order_id=found.venue_order_id
        )

    def cancel(self, request: CancelVenueOrder, venue_symbol: str, symbols: SymbolBook) -> CallReport:
        """Cancel an order, once, and read it back."""
        return Canceller(self.session, request, venue_symbol, symbols).cancel()

    # ----- questions

    def look_up(self, asking: Asking, request: LookUpOrder, venue_symbol: str) -> CallReport:
        """Ask for one order, and for its executions when it has any."""
        return reads.look_up(Questions(self.session, asking), request, venue_symbol)

    def search(self, asking: Asking, request: SearchOrder, venue_symbol: str) -> CallReport:
        """List stop orders, working and ended orders, and executions of a symbol around a time."""
        return reads.search(Questions(self.session, asking), request, venue_symbol)

    def open_orders(self, asking: Asking, request: FetchOpenOrders, venue_symbol: str | None) -> CallReport:
        """List working orders, of one symbol or of all."""
        return reads.open_orders(Questions(self.session, asking), request, venue_symbol)

    def fills(self, asking: Asking, request: FetchFills, venue_symbol: str) -> CallReport:
        """List executions."""
        return reads.fills(Questions(self.session, asking), request, venue_symbol)

    def balances(self, asking: Asking, request: FetchBalances) -> CallReport:
        """Read balances."""
        return reads.balances(Questions(self.session, asking), request)

    def price(self, request: FetchPrice, venue_symbol: str) -> CallReport:
        """Read the latest price."""
        target = f"{reads.PRICE_PATH}?symbol={quote(venue_symbol, safe='')}"
        told = self.session.public(target, {"public": 2}, self.session.call_timeout_ms)
        if isinstance(told, Untold):
            raise IncompleteError(told)
        return reads.price_report(request, told)

    def _last_price(self, request: PlaceOrder) -> Decimal | None:
        asked = FetchPrice(account_id=request.account_id, exchange=request.exchange, symbol=request.symbol)
        told = self.execute(asked)
        return told.price if isinstance(told, PriceFetched) else None


def _order_of(asking: Questions, request: PlaceOrder, venue_symbol: str) -> VenueOrder | None:
    # A stop order that was triggered at once goes on as an ordinary one, so that both books are asked, in this order.
    stop = asking.stop_by_client_id(venue_symbol, request.client_order_id)[0] if request.type in STOPS else None
    if stop is not None and stop.venue_status != TRIGGERED:
        return stop
    return asking.order_by_client_id(venue_symbol, request.client_order_id)[0] or stop
