"""Orders of ours that a store had lost, claimed by the request that placed them when it is made again.

Such an order came back from the venue's lists with nothing but its client order id. That id is a pure function of the
request, so the request that would get it is the one that placed it: it is a repetition, never the next generation.
"""

from actors.domain.idempotency import Keys, client_order_id, fixed
from actors.domain.lifecycle import evolve
from actors.policy import AccountPolicy
from actors.turn import Turn
from messages.types import IdempotencyEntry, IdempotencyStatus, Order, OrderState

_DEAD = frozenset({OrderState.REJECTED, OrderState.FAILED})


def claim_lost(turn: Turn, keys: Keys, policy: AccountPolicy) -> dict[str, IdempotencyEntry]:
    """Give the lost orders that these keys placed their entries back; the answer has them by key."""
    claimed = {}
    for key in (keys.current, keys.previous):
        found = _latest(turn, policy.tag, key) if key is not None else None
        if key is None or found is None:
            continue
        order, generation = found
        entry = _entry(order, keys, key=key, generation=generation, now_ms=turn.now_ms, policy=policy)
        turn.save(evolve(order, idempotency_key=key, request_id=keys.request_id, generation=generation))
        turn.save_entry(entry)
        claimed[key] = entry
    return claimed


def _latest(turn: Turn, tag: str, key: str) -> tuple[Order, int] | None:
    """The newest order placed under a key, and its generation, if it is one that was lost."""
    memory = turn.memory
    known = memory.entries.get(key)
    generation = 0 if known is None else known.generation + 1
    found = None
    while (order := memory.orders.get(client_order_id(tag, key, generation, 0))) is not None:
        found = order, generation
        generation += 1
    return found if found is not None and found[0].order_id in memory.unclaimed else None


def _entry(
    order: Order, keys: Keys, *, key: str, generation: int, now_ms: int, policy: AccountPolicy
) -> IdempotencyEntry:
    dead = order.state in _DEAD and not order.filled_size
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
