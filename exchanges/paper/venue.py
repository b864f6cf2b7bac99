"""A paper venue without its sockets: engine, dialect, faults and record, put together.

It decides what becomes of each request and each frame; the server carries that out on real connections. Time is handed
in, so a simulation may drive it as well. No I/O, no clock.
"""

from dataclasses import dataclass
from decimal import Decimal

from exchanges.paper.engine import Engine
from exchanges.paper.faults import Draw, Fault, FaultPlan, RequestKind
from exchanges.paper.model import (
    ClientIdPolicy,
    Events,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    PaperOrder,
    PaperStatus,
)
from exchanges.paper.requestlog import RequestEntry, RequestLog
from exchanges.paper.visibility import Visibility
from exchanges.paper.wire import Dialect, Subject, WireAnswer, WireRequest
from messages.types import ZERO

_VENUE_ENDS = {
    Fault.VENUE_CANCEL: PaperStatus.CANCELLED,
    Fault.VENUE_EXPIRE: PaperStatus.EXPIRED,
    Fault.VENUE_REJECT: PaperStatus.REJECTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request that has been read, and what is to go wrong with it."""

    subject: Subject
    draw: Draw
    entry: RequestEntry
    banned_ms: int
    """How long the client is still banned; 0: it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueEnd:
    """The venue will end an order by itself."""

    order_id: int
    status: PaperStatus
    delay_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Processed:
    """What processing a request came to."""

    answer: WireAnswer
    events: Events
    """Everything that happened, in order; to be published before the answer is sent."""
    hold_ms: int = 0
    """How long the answer waits although the streams go on."""
    venue_ends: tuple[VenueEnd, ...] = ()


class Venue:
    """One venue's state."""

    def __init__(self, engine: Engine, dialect: Dialect, plan: FaultPlan) -> None:
        self.engine = engine
        self.dialect = dialect
        self.plan = plan
        """Replaced at run time."""
        self.log = RequestLog()
        self._visibility = Visibility(engine)
        self._banned_until_ms = 0

    def observe(self, events: Events) -> None:
        """Take note of what happened in the engine; to be called with all events, once."""
        self._visibility.observe(events)
        self.dialect.observe(events)

    def receive(self, request: WireRequest, now_ms: int) -> Arrival:
        """Log a request and draw its faults."""
        subject = self.dialect.subject(request)
        banned_ms = max(self._banned_until_ms - now_ms, 0)
        entry = self.log.receive(subject, now_ms, banned=banned_ms > 0)
        draw = self.plan.draw(subject.kind, subject.client_order_ids)
        return Arrival(subject=subject, draw=draw, entry=entry, banned_ms=banned_ms)

    def note(self, arrival: Arrival, fault: Fault) -> None:
        """Record that a fault has really happened to a request."""
        self.plan.count(fault)
        arrival.entry.faults = (*arrival.entry.faults, fault.value)

    def draw_frame(self) -> Draw:
        """Draw the faults of one stream frame."""
        return self.plan.draw(RequestKind.FRAME)

    def refuses_connection(self) -> bool:
        """Draw whether the connection that begins to speak is closed unread."""
        struck = Fault.REFUSE in self.plan.draw(RequestKind.CONNECTION)
        if struck:
            self.plan.count(Fault.REFUSE)
        return struck

    def ban(self, now_ms: int, duration_ms: int) -> None:
        """Ban the client for a while."""
        self._banned_until_ms = now_ms + duration_ms

    def lift_ban(self) -> None:
        """End a ban at once."""
        self._banned_until_ms = 0

    def process(self, request: WireRequest, arrival: Arrival, now_ms: int) -> Processed:
        """Carry out a request with the faults that change what the venue does or shows."""
        draw = arrival.draw
        if Fault.TOKEN_EXPIRED in draw:
            self.dialect.expire_tokens()
            self.note(arrival, Fault.TOKEN_EXPIRED)
        before = self._fill_ahead_of_cancel(arrival, now_ms)
        judged_ms = now_ms
        if Fault.WRONG_CLOCK in draw:
            judged_ms += draw.amount_ms(Fault.WRONG_CLOCK)
            self.note(arrival, Fault.WRONG_CLOCK)
        answer = self._answer(request, arrival, now_ms, judged_ms)
        events = (*before, *answer.events)
        placed = _placed(answer.events)
        second = self._second_delivery(request, arrival, answer.events, now_ms)
        if second is not None:
            answer, events = second, (*events, *second.events)
        if placed is None:
            return Processed(answer=self._garbled(answer, arrival), events=events)
        fill, hold_ms = self._fill_ahead_of_answer(arrival, placed, now_ms)
        self._hide(arrival, placed, now_ms)
        return Processed(
            answer=self._garbled(answer, arrival),
            events=(*events, *fill),
            hold_ms=hold_ms,
            venue_ends=self._venue_ends(arrival, placed),
        )

    def _answer(self, request: WireRequest, arrival: Arrival, now_ms: int, judged_ms: int) -> WireAnswer:
        stale_ms = {Fault.STALE_OPEN_ORDERS: 0, Fault.STALE_TRADES: 0}
        for fault in stale_ms:
            if fault in arrival.draw:
                stale_ms[fault] = arrival.draw.amount_ms(fault) + judged_ms - now_ms
                self.note(arrival, fault)
        lens = self._visibility.lens(judged_ms, stale_ms[Fault.STALE_OPEN_ORDERS], stale_ms[Fault.STALE_TRADES])
        arrival.entry.processed += 1
        if Fault.NEW_HALF_FAILS not in arrival.draw:
            return self.dialect.answer(request, judged_ms, lens)
        self.engine.close_market(closed=True)
        try:
            answer = self.dialect.answer(request, judged_ms, lens)
        finally:
            self.engine.close_market(closed=False)
        if any(isinstance(event, OrderCancelled) for event in answer.events):
            self.note(arrival, Fault.NEW_HALF_FAILS)
        return answer

    def _fill_ahead_of_cancel(self, arrival: Arrival, now_ms: int) -> Events:
        order = arrival.subject.target
        partly = Fault.PARTIAL_FILL_DURING_CANCEL in arrival.draw
        fault = Fault.PARTIAL_FILL_DURING_CANCEL if partly else Fault.FILL_DURING_CANCEL
        if order is None or fault not in arrival.draw or not _can_execute(order):
            return ()
        size = order.remaining
        if partly:
            step_size = self.engine.instruments[order.symbol].step_size
            size = size / 2 // step_size * step_size
        if size == ZERO:
            return ()
        self.note(arrival, fault)
        return self.engine.execute(order.order_id, self._fill_price(order), size, now_ms)

    def _fill_ahead_of_answer(self, arrival: Arrival, placed: PaperOrder, now_ms: int) -> tuple[Events, int]:
        order = self.engine.order(placed.order_id)
        if Fault.FILL_BEFORE_ACK not in arrival.draw or order is None or not _can_execute(order):
            return (), 0
        self.note(arrival, Fault.FILL_BEFORE_ACK)
        events = self.engine.execute(order.order_id, self._fill_price(order), order.remaining, now_ms)
        return events, arrival.draw.amount_ms(Fault.FILL_BEFORE_ACK)

    def _second_delivery(
        self, request: WireRequest, arrival: Arrival, first: Events, now_ms: int
    ) -> WireAnswer | None:
        if self.dialect.client_ids is ClientIdPolicy.ANY and _placed(first) is not None:
            return None
        touched = (event.order.order_id for event in first if isinstance(event, OrderAccepted | OrderAmended))
        order = self.engine.order(next(touched, 0))
        if Fault.DELIVER_TWICE not in arrival.draw or order is None or not order.is_open:
            return None
        self.note(arrival, Fault.DELIVER_TWICE)
        return self._answer(request, arrival, now_ms, now_ms)

    def _hide(self, arrival: Arrival, placed: PaperOrder, now_ms: int) -> None:
        if Fault.DELAYED_VISIBILITY in arrival.draw:
            self.note(arrival, Fault.DELAYED_VISIBILITY)
            self._visibility.hide(placed.order_id, now_ms + arrival.draw.amount_ms(Fault.DELAYED_VISIBILITY))

    def _venue_ends(self, arrival: Arrival, placed: PaperOrder) -> tuple[VenueEnd, ...]:
        order = self.engine.order(placed.order_id)
        if order is None or not order.is_open:
            return ()
        drawn = [fault for fault in _VENUE_ENDS if fault in arrival.draw]
        for fault in drawn:
            self.note(arrival, fault)
        return tuple(
            VenueEnd(order_id=order.order_id, status=_VENUE_ENDS[fault], delay_ms=arrival.draw.amount_ms(fault))
            for fault in drawn
        )

    def _garbled(self, answer: WireAnswer, arrival: Arrival) -> WireAnswer:
        garbled = self.dialect.with_unknown_status(answer) if Fault.UNKNOWN_STATUS in arrival.draw else None
        if garbled is None:
            return answer
        self.note(arrival, Fault.UNKNOWN_STATUS)
        return garbled

    def _fill_price(self, order: PaperOrder) -> Decimal:
        return self.engine.last_price(order.symbol) if order.price is None else order.price


def _placed(events: Events) -> PaperOrder | None:
    return next((event.order for event in events if isinstance(event, OrderAccepted)), None)


def _can_execute(order: PaperOrder) -> bool:
    return order.is_open and order.working
