"""Changes that somebody has made at a venue whose records carry no time of change.

A stream tells such a change when it is made. One that was made while the stream was away is shown by records that were
asked for, and a single one of them may be older than it looks. So its terms are believed when two records show them,
asked for a settle time apart, the first of them a settle time after the latest change that we know of. Must never:
believe a record that may be older than what we know.
"""

from decimal import Decimal

from actors.desk import Desk, reread
from actors.domain.lifecycle import AT_VENUE
from actors.domain.modification import agree, asked_ms, shown_terms, terms_of
from actors.notes import OtherTerms, OtherTermsGone
from actors.turn import Turn
from messages.types import Evidence, Order, PublicStatus, VenueOrder


def believed_ms(turn: Turn, desk: Desk, order: Order, claim: VenueOrder, evidence: Evidence) -> int | None:
    """Until when, venue time, an undated record tells the terms of a working order at least; None: it is not to be
    believed, or not yet.
    """
    shown, seen = shown_terms(order, claim), turn.memory.other_terms.get(order.order_id)
    if seen is not None and _denies(seen, order, claim, desk.policy.fill_tolerance):
        # Whatever word it is, with a time or without: one that came later shows the terms as we know them.
        turn.note(OtherTermsGone(order.order_id))
        return None
    asked = None if claim.updated_venue_ms is not None else asked_ms(evidence)
    if asked is None or not _shows_at_rest(order, claim) or agree(terms_of(order), shown, desk.policy.fill_tolerance):
        return None
    if shown.get("size", order.filled_size) < order.filled_size:
        return None
    settle_ms = desk.exchange(order).settle_ms
    known_since = max(order.modified_at_ms or 0, order.submitted_at_ms or order.created_at_ms)
    from_ms = known_since + settle_ms
    if not from_ms <= asked <= turn.now_ms:
        return None
    if seen is None or dict(seen.terms) != shown or not from_ms <= seen.asked_ms <= asked:
        turn.note(OtherTerms(order.order_id, tuple(shown.items()), asked))
        reread(turn, desk, order, delay_ms=settle_ms)
        return None
    if asked < seen.asked_ms + settle_ms:
        return None
    turn.note(OtherTermsGone(order.order_id))
    return seen.asked_ms + desk.offsets_ms.get(order.exchange, 0)


def _denies(seen: OtherTerms, order: Order, claim: VenueOrder, tolerance: Decimal) -> bool:
    ours, shown = terms_of(order), shown_terms(order, claim)
    in_both = {name: value for name, value in seen.terms if name in shown}
    same_order = order.venue_order_id == claim.venue_order_id
    return same_order and agree(ours, shown, tolerance) and not agree(ours, in_both, tolerance)


def _shows_at_rest(order: Order, claim: VenueOrder) -> bool:
    # While a change of ours is on its way, what is shown is judged by that.
    works = order.state in AT_VENUE and order.modification is None and claim.status is PublicStatus.OPEN
    return works and order.venue_order_id == claim.venue_order_id
