"""One account's way to the venue in a simulated run: a `VenueGateway` whose calls take time, get lost, come twice.

It keeps the promises of a real adapter and no more: exactly one report per request, nothing sent at or after its
validity, an offset aimed low, and what is not certain reported as ambiguous. Every request that leaves is shown to a
witness first.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import assert_never

from actors.runtime.simulated import SimulatedSystem
from exchanges.failures import not_processed, unanswered, unknown
from exchanges.gateway import Capabilities
from exchanges.refusals import refused_here
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
from messages.reports import (
    CallReport,
    InstrumentsFetched,
    OpenOrdersFetched,
    PlaceAccepted,
    PriceFetched,
    ServerTimeFetched,
    StreamReport,
)
from messages.types import Evidence, EvidenceSource, Side

from .changes import Trading, head
from .faults import Fault, Faults
from .reads import balances_told, fills_listed, listed, looked_up, searched
from .stream import SimulatedStream
from .venue import Venue
from .venue_traits import DRAWN, Validity
from .wire import evidence, instruments

_READ = EvidenceSource.LOOKUP
_CALL_TIMEOUT_MS = 3000
_READ_WINDOW_MS = 5000
_UNNAMED_MS = 1000
"""When to ask again for the cancel of an order whose number the venue has not told yet."""

Deliver = Callable[[CallReport], None]


class _Call:
    """One request under way: whoever reports first ends it."""

    def __init__(self, gateway: "SimulatedGateway", request: VenueRequest, deliver: Deliver) -> None:
        self.request = request
        self.sent_ms = gateway.clock_ms()
        self._deliver = deliver
        self._process_lives = gateway.process_lives
        self._done = False

    def end(self, report: CallReport) -> None:
        """Report, unless it was reported before or the process that asked is gone."""
        if not self._done and self._process_lives():
            self._done = True
            self._deliver(report)


class SimulatedGateway:
    """Implements `exchanges.gateway.VenueGateway` for one process and account."""

    def __init__(
        self,
        system: SimulatedSystem,
        venue: Venue,
        faults: Faults,
        random: Random,
        *,
        account_id: str,
        witness: Callable[[VenueRequest], None],
        on_list: Callable[[OpenOrdersFetched], None],
        capabilities: Capabilities,
    ) -> None:
        self.capabilities = capabilities
        self._system = system
        self._venue = venue
        self._traits = venue.traits
        self._faults = faults
        self._random = random
        self._account_id = account_id
        self._witness = witness
        self._on_list = on_list
        self._trading = Trading(venue, faults, random, capabilities.amend)
        self._born = system.incarnation
        self._offset_ms: int | None = None
        """The venue's time less our own, aimed low; None: it must be read."""
        self._steady = self._traits is not DRAWN
        """Our time is the monotonic clock. Elsewhere it is the wall clock, which is set now and then."""
        self._stream: SimulatedStream | None = None
        self.fail_next = False
        """The next call raises, as a bug in the exchange actor's own code would."""

    # ----- the port

    def submit(self, request: VenueRequest, deliver: Deliver) -> None:
        """Begin a call."""
        if self.fail_next:
            self.fail_next = False
            raise RuntimeError("injected failure")
        call = _Call(self, request, deliver)
        match request:
            case PlaceOrder() | AmendVenueOrder() | ReplaceVenueOrder():
                self._act(call, request)
            case CancelVenueOrder():
                self._cancel(call, request)
            case LookUpOrder():
                look = partial(looked_up, self._venue, request)
                self._ask(call, request.budget_ms, lambda sent: look(sent, self._proof(call, _READ, "order")))
            case SearchOrder():
                search = partial(searched, self._venue, request)
                self._ask(call, request.budget_ms, lambda sent: search(sent, self._proof(call, _READ, "search")))
            case FetchOpenOrders():
                self._ask(call, _CALL_TIMEOUT_MS, lambda sent: self._told_open_orders(call, request, sent))
            case FetchServerTime():
                self._ask(call, _CALL_TIMEOUT_MS, lambda _: self._told_time(request), signed=False)
            case FetchInstruments():
                self._ask(call, _CALL_TIMEOUT_MS, lambda _: self._told_rules(request), signed=False)
            case FetchFills():
                self._ask(call, _CALL_TIMEOUT_MS, partial(fills_listed, self._venue, request))
            case FetchPrice():
                self._ask(call, _CALL_TIMEOUT_MS, lambda _: self._told_price(request), signed=False)
            case FetchBalances():
                self._ask(call, _CALL_TIMEOUT_MS, lambda _: balances_told(self._venue, request, self.clock_ms()))
            case _:
                assert_never(request)

    def venue_offset_ms(self) -> int:
        """Venue time less our wall clock, by the last reading, aimed low."""
        return 0 if self._offset_ms is None else self._venue_ms() - self.clock_ms()

    def open_stream(self, deliver: Callable[[StreamReport], None]) -> None:
        """Start the stream; one that runs is stopped first."""
        self.close_stream()
        self._stream = SimulatedStream(
            self._system, self._venue, self._faults, self._random, account_id=self._account_id, deliver=deliver
        )

    def close_stream(self) -> None:
        """Stop the stream."""
        if self._stream is not None:
            self._stream.stop()
            self._stream = None

    def process_lives(self) -> bool:
        """Whether the process that this gateway belongs to has not crashed."""
        return self._system.incarnation == self._born

    def clock_ms(self) -> int:
        """Our wall clock."""
        return self._system.clock.now_ms()

    # ----- requests that change something

    def _act(self, call: _Call, request: PlaceOrder | AmendVenueOrder | ReplaceVenueOrder) -> None:
        stamp_ms = self._stamp_ms()
        valid_until_ms = (request.place if isinstance(request, ReplaceVenueOrder) else request).valid_until_venue_ms
        source = EvidenceSource.LOCAL
        if stamp_ms >= valid_until_ms:
            self._soon(call, lambda: not_processed(request, "validity_passed", self._proof(call, source, "never sent")))
            return
        if self._traits.quote_buys_only and _sells_by_quote(request):
            now_ms, why = self.clock_ms(), "only buys are sized so"
            self._soon(call, lambda: refused_here(request, "unsupported", why, endpoint="order", now_ms=now_ms))
            return
        self._witness(request)
        if self._venue.is_down() or self._faults.strikes(Fault.REFUSED):
            self._soon(call, lambda: not_processed(request, "connection_refused", self._proof(call, source, "refused")))
        elif self._faults.strikes(Fault.RATE_LIMITED):
            wait_ms = self._random.choice((0, 1000, 4000))
            proof = EvidenceSource.PLACE_ANSWER
            self._soon(
                call,
                lambda: not_processed(request, "rate_limited", self._proof(call, proof, "429"), retry_after_ms=wait_ms),
            )
        elif self._faults.strikes(Fault.LOST_BEFORE):
            self._soon(call, lambda: self._unknown(call, "connection_lost"))
        elif self._faults.strikes(Fault.ERROR_BEFORE):
            self._soon(call, lambda: self._unknown(call, "server_error"))
        else:
            self._send(call, request, stamp_ms, valid_until_ms)

    def _send(
        self, call: _Call, request: PlaceOrder | AmendVenueOrder | ReplaceVenueOrder, stamp_ms: int, until_ms: int
    ) -> None:
        in_time = self._in_time(request, stamp_ms, until_ms)
        late = self._faults.strikes(Fault.LATE_REQUEST)
        latest_ms = max(until_ms - stamp_ms, _CALL_TIMEOUT_MS) + 2500
        if not self._is_bounded(request):
            latest_ms = self._venue.late_max_ms
        earliest_ms = min(_CALL_TIMEOUT_MS, latest_ms)
        travel_ms = self._random.randint(earliest_ms, latest_ms) if late else self._random.randint(1, 60)
        if in_time(self._venue.now_ms() + travel_ms):
            self._venue.under_way[_placed_by(request)] += 1

        def arrive() -> None:
            if in_time(self._venue.now_ms()):
                self._arrived(call, request)
            else:
                self._offset_ms = None
                proof = self._proof(call, EvidenceSource.PLACE_ANSWER, "-1021")
                self._soon(call, lambda: not_processed(request, "clock", proof))

        self._system.schedule(travel_ms, arrive)
        self._time_out(call)

    def _arrived(self, call: _Call, request: PlaceOrder | AmendVenueOrder | ReplaceVenueOrder) -> None:
        prove = partial(self._proof, call)
        match request:
            case PlaceOrder():
                self._venue.under_way[_placed_by(request)] -= 1
                self._answer(call, self._trading.place(request, prove, self.venue_offset_ms()))
            case AmendVenueOrder():
                self._answer(call, self._trading.amend(request, prove))
            case ReplaceVenueOrder():
                second_half = self._trading.replace(request, prove, self.venue_offset_ms())
                slow = self._faults.strikes(Fault.REPLACE_SLOW)

                def finish() -> None:
                    self._venue.under_way[_placed_by(request)] -= 1
                    self._answer(call, second_half())

                self._system.schedule(self._random.randint(1, 40) if slow else 0, finish)

    def _is_bounded(self, request: PlaceOrder | AmendVenueOrder | ReplaceVenueOrder) -> bool:
        if isinstance(request, PlaceOrder):
            return self._traits.is_bounded(request.type)
        return self._traits.validity is not Validity.UNBOUNDED

    def _in_time(
        self, request: PlaceOrder | AmendVenueOrder | ReplaceVenueOrder, stamp_ms: int, until_ms: int
    ) -> Callable[[int], bool]:
        # Whether the venue acts on a request that arrives at a time of its clock.
        if not self._is_bounded(request):
            return lambda _: True
        if self._traits.validity is Validity.DEADLINE:
            return lambda at_ms: at_ms <= until_ms
        return lambda at_ms: self._accepts(stamp_ms, until_ms - stamp_ms, at_ms=at_ms)

    def _cancel(self, call: _Call, request: CancelVenueOrder) -> None:
        local = EvidenceSource.LOCAL
        if request.venue_order_id is None and not self._traits.cancels_unnamed:
            why = self._proof(call, local, "its number is not known")
            self._soon(
                call, lambda: not_processed(request, "order_number_unknown", why, retry_after_ms=_UNNAMED_MS)
            )
            return
        self._witness(request)
        if self._venue.is_down() or self._faults.strikes(Fault.REFUSED):
            self._soon(call, lambda: not_processed(request, "connection_refused", self._proof(call, local, "refused")))
        elif self._faults.strikes(Fault.RATE_LIMITED):
            proof = EvidenceSource.CANCEL_ANSWER
            self._soon(call, lambda: not_processed(request, "rate_limited", self._proof(call, proof, "429")))
        elif self._faults.strikes(Fault.LOST_BEFORE):
            self._soon(call, lambda: self._unknown(call, "connection_lost"))
        else:
            stamp_ms = self._stamp_ms()
            late = self._faults.strikes(Fault.LATE_REQUEST)
            latest_ms = max(7000, self._venue.late_max_ms)
            travel_ms = self._random.randint(_CALL_TIMEOUT_MS, latest_ms) if late else self._random.randint(1, 60)
            self._system.schedule(travel_ms, lambda: self._cancel_arrived(call, request, stamp_ms))
            self._time_out(call)

    def _cancel_arrived(self, call: _Call, request: CancelVenueOrder, stamp_ms: int) -> None:
        if not self._accepts(stamp_ms, _READ_WINDOW_MS, at_ms=self._venue.now_ms()):
            self._offset_ms = None
            proof = self._proof(call, EvidenceSource.CANCEL_ANSWER, "-1021")
            self._soon(call, lambda: not_processed(request, "clock", proof))
            return
        self._answer(call, self._trading.cancel(request, partial(self._proof, call)))

    # ----- questions

    def _ask(self, call: _Call, budget_ms: int, answer: Callable[[int], CallReport], *, signed: bool = True) -> None:
        request = call.request
        assert not isinstance(request, PlaceOrder | CancelVenueOrder | AmendVenueOrder | ReplaceVenueOrder)
        stamp_ms = self._stamp_ms() if signed else 0
        if self._venue.is_down():
            self._soon(call, lambda: unanswered(request, "connection_refused", sent_ms=call.sent_ms))
            return
        if self._faults.strikes(Fault.READ_FAILS):
            reason, wait_ms = self._random.choice((("timeout", 0), ("server_error", 0), ("rate_limited", 1000)))
            delay_ms = budget_ms if reason == "timeout" else self._random.randint(1, budget_ms)
            failed = unanswered(request, reason, retry_after_ms=wait_ms, sent_ms=call.sent_ms)
            self._system.schedule(delay_ms, lambda: call.end(failed))
            return

        def arrive() -> None:
            if signed and not self._accepts(stamp_ms, _READ_WINDOW_MS, at_ms=self._venue.now_ms()):
                self._offset_ms = None
                report: CallReport = unanswered(request, "clock", sent_ms=call.sent_ms)
            else:
                report = answer(stamp_ms)
            self._soon(call, lambda: report)

        self._system.schedule(self._random.randint(1, 60), arrive)

    def _told_open_orders(self, call: _Call, request: FetchOpenOrders, sent_venue_ms: int) -> CallReport:
        told = listed(self._venue, request, sent_venue_ms, self._proof(call, _READ, "openOrders"))
        self._on_list(told)
        return told

    def _told_time(self, request: FetchServerTime) -> CallReport:
        # As a real client reads it: the venue's clock, then some way back, so that it is never ahead.
        self._read_clock()
        offset_ms = self.venue_offset_ms()
        return ServerTimeFetched(**head(request), offset_ms=offset_ms, error_ms=30, received_ms=self.clock_ms())

    def _told_price(self, request: FetchPrice) -> CallReport:
        price = self._venue.engine.last_price(request.symbol)
        return PriceFetched(**head(request), symbol=request.symbol, price=price, received_ms=self.clock_ms())

    def _told_rules(self, request: FetchInstruments) -> CallReport:
        rules = instruments(self._traits, self.clock_ms())
        return InstrumentsFetched(**head(request), instruments=rules)

    # ----- parts

    def _stamp_ms(self) -> int:
        if self._offset_ms is None:
            self._read_clock()
        return self._venue_ms()

    def _read_clock(self) -> None:
        self._offset_ms = self._venue.now_ms() - self._random.randint(0, 60) - self._our_ms()

    def _venue_ms(self) -> int:
        return self._our_ms() + (self._offset_ms or 0)

    def _our_ms(self) -> int:
        return self._system.clock.monotonic_ms() if self._steady else self.clock_ms()

    def _accepts(self, stamp_ms: int, window_ms: int, *, at_ms: int) -> bool:
        ahead_ms = self._traits.clock_ahead_ms
        return ahead_ms is None or (stamp_ms < at_ms + ahead_ms and at_ms - stamp_ms <= window_ms)

    def _answer(self, call: _Call, report: CallReport) -> None:
        if self._faults.strikes(Fault.LOST_AFTER):
            self._soon(call, lambda: self._unknown(call, "connection_lost"))
        elif self._faults.strikes(Fault.ERROR_AFTER):
            self._soon(call, lambda: self._unknown(call, self._random.choice(("server_error", "status_unknown"))))
        elif self._faults.strikes(Fault.UNREADABLE):
            named = isinstance(report, PlaceAccepted) and self._random.random() < 0.5
            venue_order_id = report.venue_order_id if named and isinstance(report, PlaceAccepted) else None
            self._soon(call, lambda: self._unknown(call, "unreadable", venue_order_id=venue_order_id))
        else:
            late = self._faults.strikes(Fault.LATE_ANSWER)
            self._soon(call, lambda: report, _CALL_TIMEOUT_MS + 500 if late else self._random.randint(1, 60))

    def _unknown(self, call: _Call, reason: str, *, venue_order_id: str | None = None) -> CallReport:
        proof = self._proof(call, EvidenceSource.PLACE_ANSWER, reason)
        return unknown(call.request, reason, proof, venue_order_id=venue_order_id)

    def _time_out(self, call: _Call) -> None:
        self._system.schedule(_CALL_TIMEOUT_MS, lambda: call.end(self._unknown(call, "timeout")))

    def _soon(self, call: _Call, report: Callable[[], CallReport], delay_ms: int | None = None) -> None:
        delay = self._random.randint(1, 60) if delay_ms is None else delay_ms
        self._system.schedule(delay, lambda: call.end(report()))

    def _proof(self, call: _Call, source: EvidenceSource, detail: str) -> Evidence:
        return evidence(source, "order", sent_ms=call.sent_ms, received_ms=self.clock_ms(), detail=detail)


def _sells_by_quote(request: PlaceOrder | AmendVenueOrder | ReplaceVenueOrder) -> bool:
    return isinstance(request, PlaceOrder) and request.quote_size is not None and request.side is Side.SELL


def _placed_by(request: PlaceOrder | AmendVenueOrder | ReplaceVenueOrder) -> tuple[str, str]:
    """Account and client order id of the order that a request places; an amend places none."""
    match request:
        case PlaceOrder():
            return request.account_id, request.client_order_id
        case ReplaceVenueOrder():
            return request.account_id, request.place.client_order_id
        case AmendVenueOrder():
            return request.account_id, ""
