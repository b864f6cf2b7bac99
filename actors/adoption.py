"""Orders that a venue shows and our records do not know: taken in, never invented and never ignored.

An order whose client id carries this deployment's tag is ours (a store that lost its last second has forgotten it);
any other is external: visible, counted, untouched by automatic rules.
"""

from collections.abc import Sequence
from functools import reduce

from actors.absorbing import absorb_claim
from actors.desk import Desk
from actors.domain.arithmetic import EXACT
from actors.domain.claims import Absorbed
from actors.domain.fills import book
from actors.domain.idempotency import is_ours
from actors.domain.lifecycle import evolve
from actors.domain.positions import booking_order
from actors.turn import Turn
from messages.events import Severity
from messages.fills import FillSource, VenueFill
from messages.types import (
    ZERO,
    Attempt,
    AttemptOutcome,
    Evidence,
    InitiatedBy,
    Order,
    OrderState,
    PublicStatus,
    Trigger,
    VenueOrder,
)


def take_in(
    turn: Turn,
    desk: Desk,
    account_id: str,
    claim: VenueOrder,
    fills: Sequence[VenueFill],
    evidence: Evidence,
    trigger: Trigger = Trigger.RECONCILIATION,
    source: FillSource | None = None,
) -> Absorbed:
    """Merge a venue's claim into the order it is about, adopting that order first where we do not know it.

    A second venue order under a client id we know becomes an order of its own.
    """
    known = turn.memory.match(claim)
    order = turn.order(known.order_id) if known is not None else None
    if order is None:
        order = _with_booked(turn, desk, _adopt(turn, desk, account_id, claim, twin=False))
    elif order.venue_order_id not in (None, claim.venue_order_id):
        absorb_claim(turn, desk, order, claim, (), evidence, trigger)
        order = _adopt(turn, desk, account_id, claim, twin=True)
    own = [fill for fill in fills if fill.venue_order_id == claim.venue_order_id]
    if turn.order(order.order_id) is None:
        # Recorded whatever the claim says of it: a status nobody knows must not make the order invisible.
        turn.save(order)
    return absorb_claim(turn, desk, order, claim, own, evidence, trigger, source)


def is_forgotten(turn: Turn, claim: VenueOrder) -> bool:
    """Whether a claim is about an order that has ended and of which, by the privacy settings, only the executions are
    kept, and says nothing that is not known: it must not be taken in again.
    """
    memory = turn.memory
    if memory.match(claim) is not None:
        return False
    place = claim.exchange, claim.symbol, claim.venue_order_id
    order_id = memory.forgotten.get(place, claim.client_order_id or "")
    if place not in memory.forgotten and order_id not in memory.forgotten_ids:
        return False
    ended = claim.status not in (None, PublicStatus.PENDING, PublicStatus.OPEN)
    booked = reduce(EXACT.add, (fill.size for fill in memory.fills.get(order_id, {}).values()), ZERO)
    return ended and booked >= claim.filled_size


def _with_booked(turn: Turn, desk: Desk, order: Order) -> Order:
    # Its record may be gone while its executions are kept: what is booked of it stays booked.
    for fill in sorted(turn.memory.fills.get(order.order_id, {}).values(), key=booking_order):
        order = book(order, fill, tolerance=desk.policy.fill_tolerance).order
    return evolve(order, state=OrderState.PARTIALLY_FILLED) if order.fill_count else order


def _adopt(turn: Turn, desk: Desk, account_id: str, claim: VenueOrder, *, twin: bool) -> Order:
    ours = claim.client_order_id is not None and is_ours(claim.client_order_id, desk.policy.tag)
    own_id = f"{claim.exchange}:{claim.symbol}:{claim.venue_order_id}"
    order_id = claim.client_order_id if ours and not twin and claim.client_order_id else own_id
    client_id = claim.client_order_id or claim.venue_order_id
    attempt = Attempt(
        number=1,
        client_order_id=client_id,
        recorded_ms=turn.now_ms,
        valid_until_venue_ms=claim.created_venue_ms or 0,
        outcome=AttemptOutcome.ACCEPTED,
    )
    if ours and not twin:
        turn.alert("OrderTakenBack", Severity.WARNING, "an order of ours that the store had lost", order_id=order_id)
    return Order(
        order_id=order_id,
        account_id=account_id,
        exchange=claim.exchange,
        symbol=claim.symbol,
        side=claim.side,
        type=claim.type,
        time_in_force=claim.time_in_force,
        size=claim.size,
        quote_size=claim.quote_size,
        price=claim.price,
        stop_price=claim.stop_price,
        post_only=claim.post_only,
        reduce_only=claim.reduce_only,
        client_order_id=client_id,
        venue_order_id=claim.venue_order_id,
        state=OrderState.SUBMITTED,
        attempts=(attempt,),
        max_sends=1,
        created_at_ms=turn.now_ms,
        updated_at_ms=turn.now_ms,
        state_since_ms=turn.now_ms,
        initiated_by=InitiatedBy.VENUE if not ours else InitiatedBy.USER,
        external=not ours,
    )
