"""What orders do to each other at the ProjectX Gateway: brackets around an entry, one cancelling the other, trailing.

The engine knows none of it. `follow` looks at what happened and does what the venue would do next; what it does with
orders that the engine does not see, it tells in events of its own, so that streams show them like any other.
"""

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from exchanges.paper.dialects.projectx.register import Details, Register, unseen_order
from exchanges.paper.dialects.projectx.render import LIMIT, TRAILING_STOP
from exchanges.paper.engine import Engine
from exchanges.paper.model import (
    AnyEvent,
    EndReason,
    Events,
    NewOrder,
    OrderAccepted,
    OrderCancelled,
    OrderEvent,
    OrderTraded,
    OrderVoided,
    PaperOrder,
    PaperStatus,
)
from messages.types import OrderType, Side

_Event = TypeVar("_Event", bound=OrderEvent)


@dataclass(frozen=True, slots=True)
class Bracket:
    """One child that is wanted for an entry."""

    ticks: int
    """Signed distance from the entry's price."""
    venue_type: int


class Contingent:
    """Brackets and trailing stops of all accounts."""

    def __init__(self, engine: Engine, register: Register) -> None:
        self._engine = engine
        self._register = register
        self._trailing: dict[str, dict[int, None]] = {}

    def suspend(self, entry: PaperOrder, brackets: tuple[Bracket, ...], now_ms: int) -> None:
        """Make the suspended children of an entry; two of them cancel each other."""
        ids = [self._register.new_id(now_ms) for _ in brackets]
        for child_id, bracket in zip(ids, brackets, strict=True):
            details = Details(
                tag=None,
                parent_id=entry.order_id,
                linked_id=next((other for other in ids if other != child_id), None),
                ticks=bracket.ticks,
                trail_ticks=abs(bracket.ticks) if bracket.venue_type == TRAILING_STOP else None,
                created_ms=now_ms,
            )
            child = unseen_order(
                child_id,
                entry.account,
                entry.symbol,
                Side.SELL if entry.side is Side.BUY else Side.BUY,
                entry.size,
                venue_type=bracket.venue_type,
                now_ms=now_ms,
                **self._prices(entry, entry.price, bracket.ticks, bracket.venue_type),
            )
            self._register.put(child, details)

    def trail(self, order: PaperOrder) -> None:
        """Let a stop of the engine follow the price from now on."""
        self._trailing.setdefault(order.symbol, {})[order.order_id] = None

    def cancel_suspended(self, child: PaperOrder, now_ms: int) -> Events:
        """Cancel a suspended child and, with it, its peer."""
        ended = self._end(child, PaperStatus.CANCELLED, EndReason.USER, now_ms)
        return (_told(OrderCancelled, ended, 0, now_ms, cancel_id=""), *self._cancel_peer(child, 0, now_ms))

    def follow(self, events: Events) -> Events:
        """Do what follows from events, and from what follows from them; return all of that."""
        done: list[AnyEvent] = []
        ahead = deque(events)
        while ahead:
            event = ahead.popleft()
            more = self._react(event) if isinstance(event, OrderEvent) else ()
            done += more
            ahead += more
        return tuple(done)

    def _react(self, event: OrderEvent) -> Events:
        order, at_ms = event.order, event.at_ms
        children = self._register.suspended_children(order.order_id)
        match event:
            case OrderAccepted():
                return tuple(_told(OrderAccepted, child, event.sequence, at_ms) for child in children)
            case OrderTraded():
                trailed = self._follow_price(order.symbol, at_ms)
                if order.status is not PaperStatus.FILLED:
                    return trailed
                activated = tuple(one for child in children for one in self._activate(child, order, event))
                return (*trailed, *activated, *self._cancel_peer(order, event.sequence, at_ms))
            case _ if not order.is_open:
                removed = tuple(self._remove(child, event) for child in children)
                # A leg that was refused has protected nothing, so the other one is still needed.
                rejected = order.status is PaperStatus.REJECTED
                return removed if rejected else (*removed, *self._cancel_peer(order, event.sequence, at_ms))
            case _:
                return ()

    def _activate(self, child: PaperOrder, entry: PaperOrder, event: OrderEvent) -> Events:
        details = self._register.details(child)
        average = entry.filled_value / entry.filled_size
        venue_type = int(child.venue_type)
        prices = self._prices(entry, average, details.ticks or 0, venue_type)
        request = NewOrder(
            account=child.account,
            client_order_id=f"bracket {self._register.wire_id(child.order_id)}",
            symbol=child.symbol,
            side=child.side,
            type=OrderType.LIMIT if venue_type == LIMIT else OrderType.STOP_MARKET,
            size=child.size,
            trigger_above=None if venue_type == LIMIT else child.side is Side.BUY,
            venue_type=child.venue_type,
            **prices,
        )
        events = self._engine.place(request, event.at_ms)
        accepted = events[0]
        if not isinstance(accepted, OrderAccepted):
            ended = self._end(child, PaperStatus.REJECTED, EndReason.VENUE, event.at_ms)
            return (_told(OrderVoided, ended, event.sequence, event.at_ms),)
        self._register.activate(child.order_id, accepted.order.order_id)
        if venue_type == TRAILING_STOP:
            self.trail(accepted.order)
        return events

    def _prices(self, entry: PaperOrder, from_price: Decimal | None, ticks: int, venue_type: int) -> dict[str, Any]:
        # Before a market order has filled, nobody knows where its children will be.
        if from_price is None:
            return {}
        tick_size = self._engine.instruments[entry.symbol].tick_size
        level = (from_price / tick_size).quantize(Decimal(1)) * tick_size + ticks * tick_size
        return {"price" if venue_type == LIMIT else "stop_price": level}

    def _remove(self, child: PaperOrder, event: OrderEvent) -> AnyEvent:
        ended = self._end(child, PaperStatus.CANCELLED, EndReason.VENUE, event.at_ms)
        return _told(OrderCancelled, ended, event.sequence, event.at_ms, cancel_id="")

    def _cancel_peer(self, order: PaperOrder, sequence: int, now_ms: int) -> Events:
        linked_id = self._register.details(order).linked_id
        peer = None if linked_id is None else self._register.current(linked_id)
        if peer is None or not peer.is_open:
            return ()
        if peer.order_id > 0:
            return self._engine.cancel(peer.account, peer.order_id, now_ms)
        ended = self._end(peer, PaperStatus.CANCELLED, EndReason.VENUE, now_ms)
        return (_told(OrderCancelled, ended, sequence, now_ms, cancel_id=""),)

    def _end(self, child: PaperOrder, status: PaperStatus, reason: EndReason, now_ms: int) -> PaperOrder:
        ended = child.evolve(status=status, end_reason=reason, updated_ms=now_ms)
        self._register.put(ended, self._register.details(child))
        return ended

    def _follow_price(self, symbol: str, now_ms: int) -> Events:
        events: list[AnyEvent] = []
        last = self._engine.last_price(symbol)
        for order_id in tuple(self._trailing.get(symbol, ())):
            order = self._engine.order(order_id)
            if order is None or not order.is_open or order.working or order.stop_price is None:
                del self._trailing[symbol][order_id]
                continue
            level = self.trail_level(order, last)
            nearer = level > order.stop_price if order.side is Side.SELL else level < order.stop_price
            if nearer:
                events += self._engine.modify(order.account, order_id, now_ms, stop_price=level)
        return tuple(events)

    def trail_level(self, order: PaperOrder, last: Decimal) -> Decimal:
        """Return where a trailing stop stands when the last price is this."""
        distance = (self._register.details(order).trail_ticks or 0) * self._engine.instruments[order.symbol].tick_size
        return last - distance if order.side is Side.SELL else last + distance


def _told(kind: type[_Event], order: PaperOrder, sequence: int, at_ms: int, **fields: Any) -> _Event:
    """Return an event about an order that the engine does not see; it has the number of what caused it."""
    return kind(sequence=sequence, at_ms=at_ms, account=order.account, order=order, **fields)
