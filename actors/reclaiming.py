"""Orders of ours that a store had lost: claimed by the request that placed them when it is made again, and tied to the
order in whose place they were put.

Such an order came back from the venue's lists with nothing but its client order id. That id is a pure function of the
request, so the request that would get it is the one that placed it: it is a repetition, never the next generation.
The orders that took one another's place for one request have ids of the same request. Must never: take a request for
new while an order that it has led to is known.
"""

from itertools import pairwise
from typing import Final

from actors import overlays
from actors.desk import Desk
from actors.domain.chains import never_came
from actors.domain.idempotency import Keys, client_order_ids, fixed
from actors.domain.lifecycle import TERMINAL, evolve
from actors.domain.modification import LEGS_MAX, later_leg_ids
from actors.policy import AccountPolicy
from actors.turn import Turn
from messages.base import copied
from messages.types import IdempotencyEntry, IdempotencyStatus, Order

_VOID_MAX: Final = 1
"""Generations of a request that may have left no trace between two that did: their orders were refused."""
_LEGS_LOST: Final = 3
"""How many orders, one in the place of the other, a failover may have lost of one intent."""


def claim_lost(turn: Turn, keys: Keys, policy: AccountPolicy) -> dict[str, IdempotencyEntry]:
    """Give the lost orders that these keys placed their entries back; the answer has them by key."""
    claimed = {}
    legs_max = LEGS_MAX if _may_be_legs(turn, keys, policy) else 1
    for key in (keys.current, keys.previous):
        found = _latest(turn, policy.tag, key, legs_max) if key is not None else None
        if key is None or found is None:
            continue
        legs, generation = found
        claimed[key] = _claim(turn, legs, keys, key=key, generation=generation, policy=policy)
    return claimed


def _may_be_legs(turn: Turn, keys: Keys, policy: AccountPolicy) -> bool:
    # To look for a thousand legs takes a millisecond; where nothing lost can be any of this request, it is spared.
    since_ms = turn.now_ms - policy.idempotency_ttl_ms
    said = dict(keys.details)
    place = said["exchange"], said["symbol"], said["side"]
    for order_id in turn.memory.unclaimed:
        order = turn.memory.orders[order_id]
        like = keys.request_id is not None or (order.exchange, order.symbol.upper(), str(order.side)) == place
        if like and (order.state not in TERMINAL or order.updated_at_ms >= since_ms):
            return True
    return False


def _latest(turn: Turn, tag: str, key: str, legs_max: int) -> tuple[dict[int, Order], int] | None:
    """The orders of the newest generation placed under a key, by leg, and that generation, if they were lost."""
    known = turn.memory.entries.get(key)
    generation = 0 if known is None else known.generation + 1
    found, void = None, 0
    while void <= _VOID_MAX:
        legs = _legs(turn, tag, key, generation, legs_max)
        if legs:
            found, void = (legs, generation), 0
        else:
            void += 1
        generation += 1
    return found


def _legs(turn: Turn, tag: str, key: str, generation: int, legs_max: int) -> dict[int, Order]:
    # The first may be out of the lists' sight, and the one that works may be the last of a thousand.
    unclaimed, orders = turn.memory.unclaimed, turn.memory.orders
    ids = enumerate(client_order_ids(tag, key, generation, range(legs_max)))
    return {leg: orders[order_id] for leg, order_id in ids if order_id in unclaimed}


def _claim(
    turn: Turn, legs: dict[int, Order], keys: Keys, *, key: str, generation: int, policy: AccountPolicy
) -> IdempotencyEntry:
    numbers = sorted(legs)
    for leg in numbers:
        turn.save(evolve(legs[leg], idempotency_key=key, request_id=keys.request_id, generation=generation))
    ids = [legs[leg].order_id for leg in numbers]
    for before, after in pairwise(ids):
        _put_behind(turn, before, after)
    orders = [order for order_id in ids if (order := turn.order(order_id)) is not None]
    entry = _entry(orders, keys, key=key, generation=generation, now_ms=turn.now_ms, policy=policy)
    if numbers[0]:
        # What is left was changed since it was asked for, and says nothing of what the first one was.
        same = ("exchange", "symbol", "side", "type")
        entry = copied(entry, details=tuple(each for each in entry.details if each[0] in same))
    turn.save_entry(entry)
    return entry


def _put_behind(turn: Turn, before: str, after: str) -> None:
    old, new = turn.order(before), turn.order(after)
    if old is None or new is None or new.replaces is not None:
        return
    new = evolve(new, replaces=before)
    turn.save(new)
    if old.replaced_by is None:
        overlays.tie(turn, old, new)


def tie_lost(turn: Turn, desk: Desk) -> None:
    """Put orders that this turn has taken back in the place of those that they were to replace, where it is known."""
    lost = {order.order_id: order for before, order in turn.changed_orders() if before is None and _is_lost(order)}
    if not lost:
        return
    places = {(order.exchange, order.symbol, order.side) for order in lost.values()}
    since_ms = turn.now_ms - desk.policy.lookback_ms
    for known in list(turn.memory.orders.values()):
        recent = known.state not in TERMINAL or known.updated_at_ms >= since_ms
        if known.external or not recent or (known.exchange, known.symbol, known.side) not in places:
            continue
        before = known.order_id
        for leg_id in later_leg_ids(desk.policy.tag, known, _LEGS_LOST):
            if leg_id in lost:
                key = known.idempotency_key or known.order_id
                order = turn.order(leg_id) or lost[leg_id]
                turn.save(
                    evolve(order, idempotency_key=key, request_id=known.request_id, generation=known.generation)
                )
                _put_behind(turn, before, leg_id)
                before = leg_id


def _is_lost(order: Order) -> bool:
    return not order.external and order.idempotency_key is None and order.replaces is None


def _entry(
    legs: list[Order], keys: Keys, *, key: str, generation: int, now_ms: int, policy: AccountPolicy
) -> IdempotencyEntry:
    order, dead = legs[0], all(never_came(leg) for leg in legs)
    # An order that was taken in bears the venue's time of its creation in place of a validity.
    created_ms = order.attempts[0].valid_until_venue_ms or now_ms
    return IdempotencyEntry(
        key=key,
        order_id=order.order_id,
        details=_details(order),
        bucketless_key=keys.bucketless,
        request_id=keys.request_id,
        created_ms=created_ms,
        expires_ms=now_ms + policy.idempotency_ttl_ms,
        last_accessed_ms=now_ms,
        status=IdempotencyStatus.FAILED if dead else IdempotencyStatus.COMPLETED,
        generation=generation,
    )


def _details(order: Order) -> tuple[tuple[str, str], ...]:
    # Only what a venue repeats as it was sent; what is not named here is taken for equal.
    details = [("exchange", order.exchange), ("symbol", order.symbol), ("side", str(order.side))]
    details.append(("type", str(order.type)))
    if order.quote_size is None:
        details.append(("size", fixed(order.size)))
    for name, level in (("price", order.price), ("stop_price", order.stop_price)):
        if level:
            details.append((name, fixed(level)))
    return tuple(details)
