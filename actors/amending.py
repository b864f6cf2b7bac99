"""Answers to changes that a venue was asked to make in place.

Whether an order was changed is the venue's to show: its answer, an event, a look-up. Must never: take a change that
nobody has confirmed for made, or for not made.
"""

from actors import in_hand, modify_askers, overlays
from actors.absorbing import absorb_claim
from actors.adoption import take_in
from actors.desk import Desk, reread
from actors.domain.claims import amend_of
from actors.reminders import resend_timer
from actors.turn import Turn
from messages.reports import AmendAmbiguous, AmendConfirmed, AmendNotProcessed, AmendRefused, AmendReport
from messages.types import Order, Trigger

_AGAIN_MS = 500


def on_amend_report(turn: Turn, desk: Desk, report: AmendReport) -> None:
    """Settle a change, or find out what came of it."""
    order = turn.order(report.order_id)
    if order is None:
        return
    if isinstance(report, AmendConfirmed):
        _confirmed(turn, desk, order, report)
    elif amend_of(order) is not None and not _is_former(order, report):
        match report:
            case AmendRefused():
                _refused(turn, desk, order, report)
            case AmendNotProcessed():
                _not_processed(turn, desk, order, report)
            case AmendAmbiguous() if report.reason == in_hand.ACCEPTED:
                in_hand.begin(turn, desk, order)
                overlays.watch(turn, desk, order)
            case AmendAmbiguous():
                reread(turn, desk, order, delay_ms=0)
                overlays.watch(turn, desk, order)


def _is_former(order: Order, report: AmendReport) -> bool:
    # The answer to a change that was given up long ago says nothing about the one that was asked for since.
    sent_ms, change = report.evidence.sent_ms, order.modification
    return change is not None and sent_ms is not None and sent_ms < change.asked_ms


def _confirmed(turn: Turn, desk: Desk, order: Order, report: AmendConfirmed) -> None:
    claim = report.order
    if order.venue_order_id not in (None, claim.venue_order_id):
        take_in(turn, desk, order.account_id, claim, (), report.evidence, Trigger.RECONCILIATION)
    else:
        # An answer to a former change tells what the order was then, and nothing of the present one.
        asked = amend_of(order) is not None and not _is_former(order, report)
        absorb_claim(turn, desk, order, claim, (), report.evidence, Trigger.RECONCILIATION, amended=asked)
    after = turn.order(order.order_id) or order
    if amend_of(after) is not None:
        # Confirmed, and shown as it was: what it is now is read from the venue.
        reread(turn, desk, after, delay_ms=0)
        overlays.watch(turn, desk, after)


def _refused(turn: Turn, desk: Desk, order: Order, report: AmendRefused) -> None:
    modify_askers.said(turn, modify_askers.amend_of(order.order_id), report.text or report.code)
    order = overlays.refused(turn, desk, order)
    reread(turn, desk, order, delay_ms=0)
    overlays.watch(turn, desk, order)


def _not_processed(turn: Turn, desk: Desk, order: Order, report: AmendNotProcessed) -> None:
    change = order.modification
    delay_ms = max(report.retry_after_ms, _AGAIN_MS)
    venue_then_ms = turn.now_ms + delay_ms + desk.offsets_ms.get(order.exchange, 0)
    if change is not None and venue_then_ms < change.valid_until_venue_ms:
        turn.effect(resend_timer(order.order_id, delay_ms))
        return
    modify_askers.said(turn, modify_askers.amend_of(order.order_id), f"not acted on in time ({report.reason})")
    overlays.give_up(turn, desk, order)
