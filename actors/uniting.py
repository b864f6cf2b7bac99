"""One venue order of which we have two records: ours, and one that was taken in before anybody could tell whose it was.

A word on an order that does not name our client id may overtake the one that ties its venue order id to our order: the
answer to the placement, or what shows that a stop has triggered. What it tells is taken in under the venue's id alone.
As soon as our order is known to have that id, the two become one: ours, with the executions of both. Must never: count
an execution twice, or take an order that carries anybody's client id for ours.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from actors.desk import FILL_TIMEOUTS, Desk
from actors.domain.lifecycle import TERMINAL, evolve
from actors.domain.matching import equals
from actors.domain.modification import terms_of
from actors.domain.positions import booking_order
from actors.domain.succession import goes_on_as
from actors.turn import Turn
from messages.base import copied
from messages.control import FillTimerDropped
from messages.events import OrderMerged, Severity
from messages.fills import Fill, VenueFill
from messages.types import Order, VenueOrder


@dataclass(frozen=True, slots=True)
class United:
    """An order that has taken another record's place."""

    order: Order
    fills: tuple[Fill, ...]
    """Executions that are booked as its own now, and that it has yet to be moved by."""
    told_more: bool
    """The other record knew what does not come with its executions: the order has to be read."""


def about(turn: Turn, desk: Desk, record: VenueOrder | VenueFill) -> Order | None:
    """The order that a venue's record is about, as this turn has it.

    That is the one with its venue id, unless this is kept under that id alone and the record's client id tells now
    whose it is.
    """
    known = turn.memory.match(record)
    known_id = turn.owner(record.exchange, record.symbol, record.venue_order_id) if known is None else known.order_id
    order = None if known_id is None else turn.order(known_id)
    if order is None or not record.client_order_id or not _is_nameless(order):
        return order
    own_id = turn.memory.by_client_id.get((record.exchange, record.client_order_id), order.order_id)
    own = turn.order(own_id)
    return own if own is not None and _is_the_one(desk, own, record) else order


def named_first(orders: Iterable[VenueOrder]) -> list[VenueOrder]:
    """The records of one report, those first that say whose they are: then the others are known to be of the same."""
    return sorted(orders, key=lambda each: not each.client_order_id)


def meant(turn: Turn, desk: Desk, order: Order, claim: VenueOrder) -> Order:
    """The order that an answer to a question about `order` is about: that one, or the one that it proves to be."""
    return order if not _is_nameless(order) else about(turn, desk, claim) or order


def other_record(turn: Turn, order: Order, venue_order_id: str | None) -> Order | None:
    """The record, if there is one, that was made of an order under its venue id alone, and that can go."""
    place = order.exchange, order.symbol, venue_order_id or ""
    owner = turn.memory.by_venue_id.get(place)
    if owner == order.order_id:
        owner = turn.memory.displaced.get(place)
    other = None if owner is None else turn.memory.orders.get(owner)
    if other is None or turn.order(other.order_id) is not other or not _may_be(order, other):
        return None
    is_changed = other.modification is not None or other.replaces is not None or other.replaced_by is not None
    return None if is_changed else other


def look_alikes(turn: Turn, order: Order) -> tuple[str, ...]:
    """Venue ids of orders that may be an order which its venue does not show: nobody knows whose they are, they were
    told since it was sent, and are like it in everything.

    However complete a list looks that lacks them, they were at the venue.
    """
    known = (turn.order(order_id) for order_id in turn.memory.orders)
    alike = (other for other in known if other is not None and _may_be(order, other) and equals(order, other))
    return tuple(other.venue_order_id for other in alike if other.venue_order_id is not None)


def unite(turn: Turn, order: Order, other: Order) -> United:
    """Let the other record of an order go. What somebody wanted of it, he wants of the order."""
    venue_order_id = other.venue_order_id
    booked = sorted(turn.memory.fills.get(other.order_id, {}).values(), key=booking_order)
    fills = tuple(
        copied(fill, order_id=order.order_id, sequence=number)
        for number, fill in enumerate(booked, start=order.fill_count + 1)
    )
    told_more = (
        other.state in TERMINAL
        or other.needs_review
        or terms_of(other) != terms_of(order)
        or other.order_id in turn.memory.held
        or other.order_id in turn.memory.watched
    )
    if other.cancel_pending and not order.cancel_pending:
        order = evolve(order, cancel_pending=True, cancelled_by=other.cancelled_by, updated_at_ms=turn.now_ms)
    turn.unite(other, order, fills)
    turn.event(OrderMerged(account_id=turn.account_id, order_id=other.order_id, into=order.order_id))
    turn.send(FILL_TIMEOUTS, FillTimerDropped(account_id=turn.account_id, order_id=other.order_id))
    text = "an order that was taken in as placed elsewhere is one of ours: its executions are this one's"
    turn.alert(
        "OrderWasOurs", Severity.WARNING, text,
        order_id=order.order_id, taken_in_as=other.order_id, venue_order_id=venue_order_id or "", moved=str(len(fills)),
    )  # fmt: skip
    return United(order, fills, told_more)


def _is_nameless(order: Order) -> bool:
    # As adoption names an order of which nothing but the venue's id is known.
    return order.venue_order_id is not None and order.client_order_id == order.venue_order_id


def _may_be(order: Order, other: Order) -> bool:
    # What had come before the order was sent is another one, whose number the venue gives a second time.
    since_ms = order.submitted_at_ms or order.created_at_ms
    is_later = other.exchange == order.exchange and other.created_at_ms >= since_ms
    return is_later and other.symbol == order.symbol and other.side is order.side and _is_nameless(other)


def _is_the_one(desk: Desk, own: Order, record: VenueOrder | VenueFill) -> bool:
    if own.symbol != record.symbol or own.venue_order_id in (None, record.venue_order_id):
        return own.symbol == record.symbol
    prefix = desk.exchange(own).capabilities.untriggered_prefix
    return isinstance(record, VenueOrder) and goes_on_as(own, record, prefix)
