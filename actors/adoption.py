"""Orders that a venue shows and our records do not know: taken in, never invented and never ignored.

An order whose client id carries this deployment's tag is ours (a store that lost its last second has forgotten it);
any other is external: visible, counted, untouched by automatic rules.
"""

from collections.abc import Sequence
from functools import reduce

from actors import uniting
from actors.absorbing import absorb_claim, goes_on, is_old_word
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

    A second venue order under a client id we know becomes an order of its own. One of which nothing but executions
    was kept is back as the order it was.
    """
    order = uniting.about(turn, desk, claim)
    if order is not None and is_old_word(desk, order, claim):
        return Absorbed(order=order, stale=True)
    if order is None:
        order = _adopt(turn, desk, account_id, claim, twin=False)
    elif order.venue_order_id not in (None, claim.venue_order_id) and not goes_on(desk, order, claim):
        absorb_claim(turn, desk, order, claim, (), evidence, trigger)
        order = _adopt(turn, desk, account_id, claim, twin=True)
    own = [fill for fill in fills if fill.venue_order_id == claim.venue_order_id]
    recorded = turn.order(order.order_id)
    if recorded is None:
        # Recorded whatever the claim says of it: a status nobody knows must not make the order invisible.
        turn.save(order)
    elif recorded.venue_order_id == claim.venue_order_id:
        # Told twice in one report.
        order = recorded
    return absorb_claim(turn, desk, order, claim, own, evidence, trigger, source)


def is_forgotten(turn: Turn, claim: VenueOrder) -> bool:
    """Whether a claim is about an order that has ended and of which, by the privacy settings, only the executions are
    kept, and says nothing that is not known: it must not be taken in again.
    """
    order_id = forgotten_id(turn, claim)
    if order_id is None or claim.status in (None, PublicStatus.PENDING, PublicStatus.OPEN):
        return False
    fills = turn.memory.fills.get(order_id, {}).values()
    own = (fill.size for fill in fills if fill.venue_order_id == claim.venue_order_id)
    return reduce(EXACT.add, own, ZERO) >= claim.filled_size


def forgotten_id(turn: Turn, claim: VenueOrder) -> str | None:
    """Our id of the order that a claim is about, where only its executions are kept of it, or nothing; else None."""
    memory, place = turn.memory, _place(claim)
    if place in memory.by_venue_id:
        return None
    client_id = claim.client_order_id or ""
    by_client_id = client_id in memory.forgotten_ids and memory.match(claim) is None
    return memory.forgotten.get(place) or (client_id if by_client_id else None)


def _place(claim: VenueOrder) -> tuple[str, str, str]:
    return claim.exchange, claim.symbol, claim.venue_order_id


def _with_booked(turn: Turn, desk: Desk, order: Order) -> Order:
    # Its record may be gone while its executions are kept: what is booked of it stays booked.
    for fill in sorted(turn.memory.fills.get(order.order_id, {}).values(), key=booking_order):
        order = book(order, fill, tolerance=desk.policy.fill_tolerance).order
    return evolve(order, state=OrderState.PARTIALLY_FILLED) if order.fill_count else order


def _name(turn: Turn, desk: Desk, claim: VenueOrder, *, twin: bool) -> str:
    """The id of an order that is taken in: the one it had before, or its client id where that is ours."""
    before = turn.memory.forgotten.get(_place(claim))
    if before is not None and not _is_another(turn, before, claim):
        # Whatever client id it is shown under now: its executions are booked under that name.
        return before
    own_id = f"{claim.exchange}:{claim.symbol}:{claim.venue_order_id}"
    client_id = claim.client_order_id
    if client_id is None or twin or not is_ours(client_id, desk.policy.tag):
        return own_id
    elsewhere = client_id in turn.memory.forgotten_ids and client_id in turn.memory.forgotten.values()
    if elsewhere or _is_another(turn, client_id, claim):
        turn.alert(
            "SecondVenueOrder", Severity.CRITICAL, "the venue has two orders under one client order id",
            order_id=client_id, second=claim.venue_order_id,
        )  # fmt: skip
        return own_id
    return client_id


def _is_another(turn: Turn, order_id: str, claim: VenueOrder) -> bool:
    order = turn.order(order_id)
    return order is not None and order.venue_order_id != claim.venue_order_id


def _adopt(turn: Turn, desk: Desk, account_id: str, claim: VenueOrder, *, twin: bool) -> Order:
    tag = desk.policy.tag
    order_id = _name(turn, desk, claim, twin=twin)
    ours = is_ours(claim.client_order_id, tag) or is_ours(order_id, tag)
    client_id = order_id if is_ours(order_id, tag) else claim.client_order_id or claim.venue_order_id
    attempt = Attempt(
        number=1,
        client_order_id=client_id,
        recorded_ms=turn.now_ms,
        valid_until_venue_ms=claim.created_venue_ms or 0,
        outcome=AttemptOutcome.ACCEPTED,
    )
    if ours and not twin:
        turn.alert("OrderTakenBack", Severity.WARNING, "an order of ours that the store had lost", order_id=order_id)
    order = Order(
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
        # What is told of it later, and was written before this, says nothing new of its terms.
        terms_venue_ms=claim.updated_venue_ms or 0,
    )
    return _with_booked(turn, desk, order)
