"""Native amendments: size, limit price and trigger price of an open order change in place, in both directions.

It decides what becomes of an order under its new terms and carries it out on the floor; matching is the desk's. An
order that is refused its amendment stays exactly as it was. No clock, no I/O.
"""

from dataclasses import dataclass
from decimal import Decimal

from exchanges.paper.desk import Desk
from exchanges.paper.floor import Floor
from exchanges.paper.model import EndReason, NewOrder, OrderAmended, PaperOrder, RefusalReason
from messages.types import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to become of an open order; None: as it is."""

    size: Decimal | None = None
    """Total, executed part included."""
    price: Decimal | None = None
    stop_price: Decimal | None = None
    client_order_id: str | None = None
    post_only: bool | None = None


class Modifier:
    """Amendments over one desk and its floor."""

    def __init__(self, floor: Floor, desk: Desk) -> None:
        self._floor = floor
        self._desk = desk

    def modify(self, order: PaperOrder, change: Change) -> None:
        """Give an open order its new terms, or refuse."""
        wanted = _under(change, order)
        reason = self._refusal(order, wanted, change)
        if reason is not None:
            self._floor.refuse(order.account, reason)
        elif wanted.size <= order.filled_size:
            self._floor.cancel(order, EndReason.AMENDED_BELOW_FILLED, "")
        else:
            self._apply(order, wanted)

    def _refusal(self, order: PaperOrder, wanted: PaperOrder, change: Change) -> RefusalReason | None:
        if not _fits(order, change):
            return RefusalReason.MALFORMED
        if wanted == order:
            return RefusalReason.AMEND_NO_CHANGE
        if wanted.size <= ZERO:
            return RefusalReason.LOT_SIZE
        if wanted.size <= order.filled_size:
            return None
        request = _request(wanted)
        broken = self._desk.broken_rule(request)
        if broken is not None:
            return broken
        if wanted.client_order_id != order.client_order_id and self._desk.is_duplicate(request):
            return RefusalReason.DUPLICATE_CLIENT_ID
        if not order.working and self._desk.would_trigger(request):
            return RefusalReason.WOULD_TRIGGER
        if wanted.post_only and self._desk.would_take(request):
            return RefusalReason.WOULD_TAKE
        cost = self._cost(wanted)
        can_pay = cost <= order.reserved or self._floor.can_pay(wanted, cost, locked=order.reserved)
        return None if can_pay else RefusalReason.INSUFFICIENT_FUNDS

    def _cost(self, order: PaperOrder) -> Decimal:
        if order.reserve_on_trigger and not order.working:
            return ZERO
        return order.remaining * self._floor.unit_cost(order)

    def _apply(self, order: PaperOrder, wanted: PaperOrder) -> None:
        loses_place = wanted.price != order.price or wanted.size > order.size
        if loses_place:
            self._floor.unrest(order)
        amended = self._floor.update(
            self._floor.reserve(order, self._cost(wanted)),
            size=wanted.size,
            price=wanted.price,
            stop_price=wanted.stop_price,
            client_order_id=wanted.client_order_id,
            post_only=wanted.post_only,
            amendments=order.amendments + 1,
        )
        self._floor.emit(OrderAmended, order.account, order=amended, previous_client_order_id=order.client_order_id)
        if wanted.stop_price != order.stop_price:
            self._desk.arm(amended)
        if loses_place and amended.working:
            self._desk.rework(amended)


def _under(change: Change, order: PaperOrder) -> PaperOrder:
    return order.evolve(
        size=order.size if change.size is None else change.size,
        price=order.price if change.price is None else change.price,
        stop_price=order.stop_price if change.stop_price is None else change.stop_price,
        client_order_id=order.client_order_id if change.client_order_id is None else change.client_order_id,
        post_only=order.post_only if change.post_only is None else change.post_only,
    )


def _fits(order: PaperOrder, change: Change) -> bool:
    # Only what the order has can change, and a trigger only until it was reached.
    has_trigger = order.stop_price is not None and not order.working
    return (change.price is None or order.price is not None) and (change.stop_price is None or has_trigger)


def _request(order: PaperOrder) -> NewOrder:
    return NewOrder(
        account=order.account,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        size=order.size,
        price=order.price,
        stop_price=order.stop_price,
        trigger_above=order.trigger_above,
        post_only=order.post_only,
        expires_at_ms=order.expires_at_ms,
    )
