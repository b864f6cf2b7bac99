"""Orders of one intent, each in the place of the one before: which stands for it now, and what became of it as a whole.

An order that was replaced names its follower (`replaced_by`), and every order of a chain but the first names the one
before it (`replaces`). Pure: the orders are found by a function that is handed in. Must never: hold an intent for not
placed while any order of it is, or may be, at its venue.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TypeAlias

from actors.domain.arithmetic import EXACT
from actors.domain.lifecycle import AT_VENUE, TERMINAL
from messages.types import ZERO, Order, OrderState

Find: TypeAlias = Callable[[str], Order | None]
"""Finds an order by our id."""


def was_placed(order: Order) -> bool:
    """Whether a venue has, or has had, an order, by all we know."""
    if order.state in (OrderState.REJECTED, OrderState.FAILED):
        return order.filled_size > ZERO
    return order.state in AT_VENUE or (order.state in TERMINAL and order.venue_order_id is not None)


def never_came(order: Order) -> bool:
    """Whether an order has ended without ever having been at its venue."""
    return order.state in TERMINAL and not was_placed(order)


def latest(order: Order, find: Find) -> Order:
    """The order that stands in an order's place now: itself, or what it was replaced by."""
    # A chain that a damaged store has bent into a ring ends where it began.
    seen = {order.order_id}
    while order.replaced_by is not None and order.replaced_by not in seen:
        follower = find(order.replaced_by)
        if follower is None:
            break
        order = follower
        seen.add(order.order_id)
    return order


def former(order: Order, find: Find) -> Iterator[Order]:
    """The orders whose place an order has taken, one after the other, the newest first."""
    seen = {order.order_id}
    while order.replaces is not None and order.replaces not in seen:
        before = find(order.replaces)
        if before is None:
            return
        order = before
        seen.add(order.order_id)
        yield order


def first(order: Order, find: Find) -> Order:
    """The order by which an intent began, as far as it is known: the one that its request is remembered by."""
    return [order, *former(order, find)][-1]


def executed_before(order: Order, find: Find) -> Decimal:
    """What the former orders of an order's intent have executed; base units."""
    done = ZERO
    for each in former(order, find):
        done = EXACT.add(done, each.filled_size)
    return done


def answering(order: Order, find: Find) -> Order:
    """The order that shows what became of the request that made an order: the one that stands in its place, or, where
    that never came to its venue, the last former one that did or may have.
    """
    last = latest(order, find)
    return next((each for each in (last, *former(last, find)) if not never_came(each)), last)


def working(order: Order, find: Find) -> list[Order]:
    """The orders of an intent that may work, the newest first. While one takes another's place these are two."""
    last = latest(order, find)
    return [each for each in (last, *former(last, find)) if each.state not in TERMINAL]


def never_placed(order: Order, find: Find) -> bool:
    """Whether an order's whole intent is proven not to be, and not to have been, at its venue."""
    last = latest(order, find)
    return never_came(last) and all(never_came(each) for each in former(last, find))
