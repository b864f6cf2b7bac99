"""A venue in this process that answers everything at once: what is measured with it is ours alone."""

from collections.abc import Callable
from decimal import Decimal
from itertools import count

from exchanges.binance.capabilities import CAPABILITIES
from messages import (
    CancelConfirmed,
    CancelVenueOrder,
    Evidence,
    EvidenceSource,
    FetchFailed,
    FetchInstruments,
    FetchOpenOrders,
    FetchServerTime,
    Instrument,
    InstrumentsFetched,
    LookUpFailed,
    OpenOrdersFetched,
    OrdersSearched,
    OrderType,
    PlaceAccepted,
    PlaceOrder,
    PublicStatus,
    SearchOrder,
    ServerTimeFetched,
    StreamConnected,
    VenueOrder,
)
from messages.commands import VenueRequest
from messages.reports import CallReport, StreamReport

_IDS = count(1)


class InstantGateway:
    """A `VenueGateway` that accepts every order and leaves it resting."""

    capabilities = CAPABILITIES

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms

    def submit(self, request: VenueRequest, deliver: Callable[[CallReport], object]) -> None:
        deliver(self._answer(request))

    def venue_offset_ms(self) -> int:
        return 0

    def open_stream(self, deliver: Callable[[StreamReport], object]) -> None:
        self._stream = deliver

    def connect(self, account_id: str) -> None:
        self._stream(
            StreamConnected(account_id=account_id, exchange="binance", connection=1, received_ms=self._now_ms())
        )

    def close_stream(self) -> None:
        return

    def _answer(self, request: VenueRequest) -> CallReport:
        now_ms = self._now_ms()
        head = {"account_id": request.account_id, "exchange": "binance", "order_id": request.order_id}
        evidence = Evidence(
            source=EvidenceSource.PLACE_ANSWER, endpoint="POST /order", sent_ms=now_ms, received_ms=now_ms,
            venue_time_ms=now_ms, body_sha256="0" * 64,
        )  # fmt: skip
        match request:
            case PlaceOrder():
                venue_id = str(next(_IDS))
                order = _order(request, venue_id, now_ms)
                return PlaceAccepted(
                    **head, attempt=request.attempt, venue_order_id=venue_id, order=order, evidence=evidence
                )
            case CancelVenueOrder():
                raise NotImplementedError(CancelConfirmed)
            case FetchServerTime():
                return ServerTimeFetched(**head, offset_ms=0, error_ms=0, received_ms=now_ms)
            case FetchInstruments():
                return InstrumentsFetched(**head, instruments=(instrument(now_ms),))
            case FetchOpenOrders():
                return OpenOrdersFetched(**head, orders=(), asked_venue_ms=0, evidence=evidence)
            case SearchOrder():
                return OrdersSearched(
                    **head,
                    symbol=request.symbol,
                    orders=(),
                    sources=CAPABILITIES.search_sources,
                    asked_venue_ms=0,
                    evidence=evidence,
                )
            case _:
                return LookUpFailed(**head, reason="not offered") if request.order_id else FetchFailed(
                    **head, request=type(request).__name__, reason="not offered"
                )


def instrument(now_ms: int) -> Instrument:
    return Instrument(
        exchange="binance", symbol="BTC-USDT", venue_symbol="BTCUSDT", base="BTC", quote="USDT", trading=True,
        tick_size=Decimal("0.01"), min_price=Decimal("0.01"), max_price=Decimal(1000000),
        step_size=Decimal("0.00001"), min_size=Decimal("0.00001"), max_size=Decimal(9000), min_notional=Decimal(5),
        order_types=frozenset(OrderType), as_of_ms=now_ms,
    )  # fmt: skip


def _order(request: PlaceOrder, venue_id: str, now_ms: int) -> VenueOrder:
    return VenueOrder(
        exchange="binance", symbol=request.symbol, venue_order_id=venue_id, client_order_id=request.client_order_id,
        side=request.side, type=request.type, time_in_force=request.time_in_force, status=PublicStatus.OPEN,
        venue_status="NEW", size=request.size or Decimal(0), filled_size=Decimal(0), filled_value=Decimal(0),
        price=request.price, created_venue_ms=now_ms, updated_venue_ms=now_ms,
    )  # fmt: skip
