"""The exchange actor: talks to one venue on behalf of one account.

Keeps the commands of one order in order on the wire, lets everything else run side by side, keeps the
clock and the instruments fresh, opens the user stream for its account, and passes every report on to it. It knows
nothing of what an order has become; that is the account's business.
"""

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, TypeAlias, assert_never, get_args

from actors.domain.backoff import backoff_ms
from actors.runtime.base import OmsActor
from actors.runtime.outcome import Act, Effect, Outcome, Send, SetTimer
from actors.runtime.seam import System
from exchanges.gateway import VenueGateway
from messages.base import Message
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
from messages.control import Ping, Pong
from messages.inboxes import ExchangeInbox
from messages.reports import (
    AmendAmbiguous,
    AmendConfirmed,
    AmendNotProcessed,
    AmendRefused,
    AmendReport,
    BalancesFetched,
    CallReport,
    CancelAmbiguous,
    CancelConfirmed,
    CancelNotProcessed,
    CancelRefused,
    CancelReport,
    FetchFailed,
    FillsFetched,
    InstrumentsFetched,
    LookUpFailed,
    OpenOrdersFetched,
    OrderFound,
    OrderNotFound,
    OrdersSearched,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceRejected,
    PlaceReport,
    PriceFetched,
    ReplaceAnswered,
    ServerTimeFetched,
    StreamReport,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _FetchDue(Message):
    """It is time to fetch something again."""

    what: str


_Inbox: TypeAlias = ExchangeInbox | _FetchDue
_Ordered: TypeAlias = PlaceOrder | CancelVenueOrder | AmendVenueOrder | ReplaceVenueOrder
"""Commands that of one order go out one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRhythm:
    """How often what is fetched is fetched again, milliseconds."""

    clock_ms: int = 60_000
    instruments_ms: int = 3_600_000
    retry_base_ms: int = 250
    retry_max_ms: int = 10_000


class ExchangeActor(OmsActor[_Inbox]):
    """Child of an account, one per exchange. See the module."""

    accepts: ClassVar = frozenset(get_args(VenueRequest) + get_args(CallReport) + (Ping, _FetchDue))

    def __init__(
        self,
        system: System,
        address: str,
        *,
        account_id: str,
        account: str,
        gateway: VenueGateway,
        rhythm: ExchangeRhythm,
    ) -> None:
        super().__init__(system, address)
        self._account_id = account_id
        self._account = account
        self._gateway = gateway
        self._exchange = gateway.capabilities.venue
        self._rhythm = rhythm
        self._busy: dict[str, deque[_Ordered]] = {}
        """Orders with a command under way, and what waits behind it."""
        self._clock_known = False
        self._instruments_known = False
        self._failures: dict[str, int] = {}

    def first_turn(self) -> Outcome:
        """Learn the venue's clock; the instruments follow it, and the stream follows them."""
        return Outcome(effects=[self._fetch("FetchServerTime")])

    def on_stop(self) -> None:
        """Nobody listens any more: whoever serves the account next opens a stream of its own."""
        self._gateway.close_stream()

    def receive(self, message: _Inbox) -> Outcome:
        """Handle one message."""
        match message:
            case PlaceOrder() | CancelVenueOrder() | AmendVenueOrder() | ReplaceVenueOrder():
                return self._on_ordered(message)
            case (
                LookUpOrder() | SearchOrder() | FetchOpenOrders() | FetchFills() | FetchBalances() | FetchInstruments()
                | FetchPrice() | FetchServerTime()
            ):  # fmt: skip
                return Outcome(effects=[Act(partial(self._call, message))])
            case (
                PlaceAccepted() | PlaceRejected() | PlaceNotProcessed() | PlaceAmbiguous()
                | CancelConfirmed() | CancelRefused() | CancelNotProcessed() | CancelAmbiguous()
                | AmendConfirmed() | AmendRefused() | AmendNotProcessed() | AmendAmbiguous() | ReplaceAnswered()
            ):  # fmt: skip
                return self._on_ordered_answer(message)
            case ServerTimeFetched():
                return self._on_server_time(message)
            case InstrumentsFetched():
                return self._on_instruments(message)
            case FetchFailed():
                return self._on_fetch_failed(message)
            case (
                OrderFound() | OrderNotFound() | OrdersSearched() | LookUpFailed() | OpenOrdersFetched()
                | FillsFetched() | BalancesFetched() | PriceFetched()
            ):  # fmt: skip
                self._failures.pop("FetchOpenOrders" if isinstance(message, OpenOrdersFetched) else "", None)
                return Outcome(effects=[Send(self._account, message)])
            case _FetchDue():
                return Outcome(effects=[self._fetch(message.what)])
            case Ping():
                return Outcome(effects=[Send(message.reply_to, Pong(address=self.address))])
            case _:
                assert_never(message)

    def _on_ordered(self, request: _Ordered) -> Outcome:
        waiting = self._busy.get(request.order_id)
        if waiting is not None:
            waiting.append(request)
            return Outcome()
        return Outcome(effects=[self._begin(request)])

    def _begin(self, request: _Ordered) -> Act:
        self._busy.setdefault(request.order_id, deque())
        if isinstance(request, ReplaceVenueOrder):
            # Whatever is asked of the order it places waits until that one's outcome is known, too.
            self._busy.setdefault(request.place.order_id, deque())
        return Act(partial(self._call, request))

    def _on_ordered_answer(self, report: PlaceReport | CancelReport | AmendReport | ReplaceAnswered) -> Outcome:
        effects: list[Effect] = [Send(self._account, report)]
        freed = [report.order_id]
        if isinstance(report, ReplaceAnswered):
            freed.append(report.place.order_id)
        for order_id in freed:
            waiting = self._busy.get(order_id)
            if waiting:
                effects.append(self._begin(waiting.popleft()))
            else:
                self._busy.pop(order_id, None)
        return Outcome(effects=effects)

    def _on_server_time(self, report: ServerTimeFetched) -> Outcome:
        self._failures.pop("FetchServerTime", None)
        effects: list[Effect] = [Send(self._account, report)]
        if not self._clock_known:
            self._clock_known = True
            effects.append(self._fetch("FetchInstruments"))
        effects.append(SetTimer("FetchServerTime", self._rhythm.clock_ms, _FetchDue(what="FetchServerTime")))
        return Outcome(effects=effects)

    def _on_instruments(self, report: InstrumentsFetched) -> Outcome:
        self._failures.pop("FetchInstruments", None)
        effects: list[Effect] = [Send(self._account, report)]
        if not self._instruments_known:
            self._instruments_known = True
            # Nothing of the stream concerns this actor, so its events save themselves a hop.
            effects.append(Act(partial(self._gateway.open_stream, self._deliver_to_account)))
        effects.append(SetTimer("FetchInstruments", self._rhythm.instruments_ms, _FetchDue(what="FetchInstruments")))
        return Outcome(effects=effects)

    def _on_fetch_failed(self, report: FetchFailed) -> Outcome:
        failures = self._failures.get(report.request, 0) + 1
        self._failures[report.request] = failures
        effects: list[Effect] = [Send(self._account, report)]
        if report.request in _KEPT_FRESH:
            delay = backoff_ms(
                failures,
                base_ms=self._rhythm.retry_base_ms,
                max_ms=self._rhythm.retry_max_ms,
                random=self.system.random,
                min_ms=report.retry_after_ms,
            )
            effects.append(SetTimer(report.request, delay, _FetchDue(what=report.request)))
        return Outcome(effects=effects)

    def _fetch(self, what: str) -> Act:
        request = _KEPT_FRESH[what](account_id=self._account_id, exchange=self._exchange)
        return Act(partial(self._call, request))

    def _call(self, request: VenueRequest) -> None:
        self._gateway.submit(request, self._deliver)

    def _deliver(self, report: CallReport) -> None:
        # Called on the rim's threads, and by address: whoever lives here when the answer comes gets it.
        self.system.tell(self.address, report)

    def _deliver_to_account(self, report: StreamReport) -> None:
        self.system.tell(self._account, report)


_KEPT_FRESH: dict[str, type[FetchServerTime | FetchInstruments | FetchOpenOrders]] = {
    "FetchServerTime": FetchServerTime,
    "FetchInstruments": FetchInstruments,
    "FetchOpenOrders": FetchOpenOrders,
}
"""What is fetched until it succeeds."""
