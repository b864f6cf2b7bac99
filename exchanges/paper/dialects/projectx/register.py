"""All orders of the venue as its clients know them: those of the engine, and those that the engine never sees.

The engine never sees orders that were refused but exist, and bracket children that still wait for their entry
(suspended). They are kept here, as orders with a negative id; a child that becomes active stands for its engine's order
from then on. Nothing here decides about an order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from exchanges.paper.engine import Engine
from exchanges.paper.model import PaperOrder, PaperStatus
from exchanges.paper.visibility import Lens
from messages.types import ZERO, OrderType, Side, TimeInForce


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What the venue keeps of an order beyond what the engine knows."""

    tag: str | None
    parent_id: int | None = None
    """The entry whose bracket child it is; ids are the register's own, see `Register`."""
    linked_id: int | None = None
    """The bracket's other child."""
    ticks: int | None = None
    """Bracket children: signed distance from the entry's price."""
    trail_ticks: int | None = None
    """Trailing stops: distance from the last price."""
    created_ms: int | None = None
    """When it was accepted, where that was before the engine accepted it."""


class Register:
    """Ids, details and lists of orders. An id of the register is positive for the engine's orders and else negative."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._details: dict[int, Details] = {}
        self._unseen: dict[int, PaperOrder] = {}
        self._unseen_of: dict[str, list[int]] = {}
        self._children: dict[int, list[int]] = {}
        self._active: dict[int, int] = {}
        self._stands_for: dict[int, int] = {}
        self._rejected_tags: set[tuple[str, str]] = set()
        self._latest_number = 0

    # ----- ids

    def new_id(self, now_ms: int) -> int:
        """Return an id for an order that the engine does not see. Times make it unique beyond the life of this run."""
        self._latest_number = max(self._latest_number + 1, now_ms)
        return -self._latest_number

    def wire_id(self, order_id: int) -> int:
        """Return the venue's id of an order: even ones are the engine's own, odd ones began here."""
        known = self._stands_for.get(order_id, order_id)
        return 2 * known if known > 0 else -2 * known + 1

    def order(self, wire_id: int) -> PaperOrder | None:
        """Return an order by the venue's id, in its present state, or None."""
        if wire_id <= 0:
            return None
        found = self.current(-(wire_id // 2) if wire_id % 2 else wire_id // 2)
        # The engine's own number of what began as a child is no id of the venue.
        return found if found is not None and self.wire_id(found.order_id) == wire_id else None

    def current(self, order_id: int) -> PaperOrder | None:
        """Return an order by the register's id, in its present state, or None."""
        active = self._active.get(order_id, order_id)
        return self._unseen.get(active) if active < 0 else self._engine.order(active)

    # ----- what is known

    def details(self, order: PaperOrder) -> Details:
        """Return what is kept of an order; one that came in by hand has its client order id for a tag."""
        return self._details.get(order.order_id) or Details(tag=order.client_order_id)

    def created_ms(self, order: PaperOrder) -> int:
        """Return when the venue first had an order."""
        created_ms = self.details(order).created_ms
        return order.created_ms if created_ms is None else created_ms

    def is_tag_used(self, account: str, tag: str) -> bool:
        """Whether any order of an account, refused ones included, has carried a tag."""
        found = (self._engine.find(account, symbol, tag) for symbol in self._engine.instruments)
        return (account, tag) in self._rejected_tags or any(order is not None for order in found)

    def is_active_child(self, order_id: int) -> bool:
        """Whether an engine's order began as a suspended child."""
        return order_id in self._stands_for

    def suspended_children(self, parent_id: int) -> tuple[PaperOrder, ...]:
        """Return the children of an entry that still wait for it."""
        children = (self._unseen.get(child) for child in self._children.get(parent_id, ()))
        return tuple(child for child in children if child is not None and child.is_open)

    # ----- changes

    def keep(self, order_id: int, details: Details) -> None:
        """Remember what belongs to an order."""
        self._details[order_id] = details

    def put(self, order: PaperOrder, details: Details) -> None:
        """Record an order that the engine does not see, or its new state."""
        if order.order_id not in self._unseen:
            self._unseen_of.setdefault(order.account, []).append(order.order_id)
            if details.parent_id is not None:
                self._children.setdefault(details.parent_id, []).append(order.order_id)
        self._unseen[order.order_id] = order
        self._details[order.order_id] = details
        if order.status is PaperStatus.REJECTED and details.tag is not None:
            self._rejected_tags.add((order.account, details.tag))

    def activate(self, child_id: int, engine_id: int) -> None:
        """Let an engine's order stand for a suspended child from now on."""
        child = self._unseen.pop(child_id)
        self._unseen_of[child.account].remove(child_id)
        self._active[child_id] = engine_id
        self._stands_for[engine_id] = child_id
        self._details[engine_id] = self._details.pop(child_id)

    # ----- lists

    def shows(self, order: PaperOrder, lens: Lens) -> bool:
        """Whether a query can see an order; children are seen with their entry."""
        parent_id = self.details(order).parent_id
        return lens.shows(order.order_id) and (parent_id is None or lens.shows(parent_id))

    def open_orders(self, account: str, lens: Lens) -> Iterator[PaperOrder]:
        """Yield what works or waits, as a query sees it."""
        yield from (order for order in lens.open_orders(account, None) if self.shows(order, lens))
        yield from (order for order in self._unseen_orders(account, lens) if order.is_open)

    def orders(self, account: str, lens: Lens, since_ms: int = 0) -> Iterator[PaperOrder]:
        """Yield every order created since a time, as a query sees it."""
        listed = {order.order_id: order for order in lens.open_orders(account, None)}
        for symbol in self._engine.instruments:
            for order in reversed(self._engine.orders_of(account, symbol)):
                # A child was created before its engine's order was, so nothing that is wanted comes after this.
                if order.created_ms < since_ms:
                    break
                shown = listed.get(order.order_id) or (None if order.is_open else order)
                if shown is not None and self.created_ms(order) >= since_ms and self.shows(order, lens):
                    yield shown
        yield from (order for order in self._unseen_orders(account, lens) if order.created_ms >= since_ms)

    def _unseen_orders(self, account: str, lens: Lens) -> Iterator[PaperOrder]:
        orders = (self._unseen[order_id] for order_id in self._unseen_of.get(account, ()))
        return (order for order in orders if self.shows(order, lens))


def unseen_order(
    order_id: int,
    account: str,
    symbol: str,
    side: Side,
    size: Decimal,
    *,
    venue_type: int,
    now_ms: int,
    price: Decimal | None = None,
    stop_price: Decimal | None = None,
    status: PaperStatus = PaperStatus.OPEN,
) -> PaperOrder:
    """Return an order that the engine does not see; it never works."""
    return PaperOrder(
        order_id=order_id,
        client_order_id="",
        account=account,
        symbol=symbol,
        side=side,
        type=OrderType.STOP_MARKET if price is None else OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        size=size,
        quote_size=None,
        price=price,
        stop_price=stop_price,
        trigger_above=False,
        post_only=False,
        expires_at_ms=None,
        venue_type=str(venue_type),
        status=status,
        filled_value=ZERO,
        working=False,
        created_ms=now_ms,
        updated_ms=now_ms,
        working_ms=None,
        first_client_order_id="",
    )
