"""Deliberately broken builds: each must be caught within a hundred seeds, or the simulator is blind to that mistake.

A mutant replaces functions of the product for the time of a run; the product itself has no hooks for this.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from actors import absorbing, admission, commanding, settlement, verifying
from actors.desk import Desk
from actors.domain.idempotency import Decision, Fresh
from actors.runtime.committing import CommittingActor
from actors.runtime.outcome import Outcome
from actors.store import memory
from actors.store.port import Section
from actors.turn import Turn
from messages.control import Verdict
from messages.reports import CancelAmbiguous, CancelReport, PlaceAmbiguous, PlaceNotProcessed, PlaceRejected
from messages.types import Attempt, Order, PublicStatus, Trigger, VenueOrder

from .awareness_mutants import AWARENESS_MUTANTS
from .fill_mutants import FILL_MUTANTS, Replacements
from .modify_mutants import MODIFY_MUTANTS


def _effects_before_commit() -> Replacements:
    carry_out = CommittingActor.carry_out

    def hasty(self: CommittingActor[Any], outcome: Outcome) -> None:
        outcome.at_once, outcome.effects = [*outcome.at_once, *outcome.effects], []
        carry_out(self, outcome)

    return [(CommittingActor, "carry_out", hasty)]


def _dedupe_off() -> Replacements:
    def never_seen(*_: object, **__: object) -> Decision:
        return Fresh(0)

    return [(admission, "decide", never_seen)]


def _resend_without_lookup() -> Replacements:
    def resend(turn: Turn, desk: Desk, report: PlaceAmbiguous) -> None:
        settlement.on_place_not_processed(turn, desk, _as_not_processed(report))

    return [(settlement, "on_place_ambiguous", resend)]


def _not_found_is_proof() -> Replacements:
    return [(verifying, "proves_absence", lambda **_: True)]


def _server_error_is_rejection() -> Replacements:
    ambiguous = settlement.on_place_ambiguous

    def reject(turn: Turn, desk: Desk, report: PlaceAmbiguous) -> None:
        if report.reason == "server_error":
            settlement.on_place_rejected(turn, desk, _as_rejected(report))
        else:
            ambiguous(turn, desk, report)

    return [(settlement, "on_place_ambiguous", reject)]


def _new_client_id_per_attempt() -> Replacements:
    next_attempt = admission.next_attempt

    def renamed(order: Order, *rest: Any) -> Attempt:
        attempt = next_attempt(order, *rest)
        return replace(attempt, client_order_id=f"{attempt.client_order_id[:-2]}{attempt.number:02d}")

    return [(settlement, "next_attempt", renamed)]


def _batch_written_twice() -> Replacements:
    judge = memory._judge

    def generous(account: Any, section: Section) -> Verdict:
        verdict = judge(account, section)
        return Verdict.OK if verdict is Verdict.ALREADY else verdict

    return [(memory, "_judge", generous)]


def _stale_owner_accepted() -> Replacements:
    judge = memory._judge

    def generous(account: Any, section: Section) -> Verdict:
        return judge(account, replace(section, epoch=account.epoch))

    return [(memory, "_judge", generous)]


def _lost_cancel_is_cancel() -> Replacements:
    settle = settlement.on_cancel_report

    def trusting(turn: Turn, desk: Desk, report: CancelReport) -> None:
        order = turn.order(report.order_id)
        if not isinstance(report, CancelAmbiguous) or order is None or order.venue_order_id is None:
            settle(turn, desk, report)
            return
        claim = _cancelled(order)
        absorbing.absorb_claim(turn, desk, order, claim, (), report.evidence, Trigger.RECONCILIATION)

    return [(settlement, "on_cancel_report", trusting)]


def _fills_not_deduplicated() -> Replacements:
    return [(Turn, "booked", lambda *_: None)]


def _no_second_look() -> Replacements:
    def look_away(*_: object, **__: object) -> None:
        """Never read an order again of which too little is known."""

    return [(settlement, "reread", look_away), (absorbing, "reread", look_away), (verifying, "_round_over", look_away)]


def _cancel_before_proof() -> Replacements:
    return [(commanding, "never_sent", lambda order: order.venue_order_id is None)]


MUTANTS: dict[str, Callable[[], Replacements]] = {
    "effects_before_commit": _effects_before_commit,
    "dedupe_off": _dedupe_off,
    "resend_without_lookup": _resend_without_lookup,
    "not_found_is_proof": _not_found_is_proof,
    "server_error_is_rejection": _server_error_is_rejection,
    "new_client_id_per_attempt": _new_client_id_per_attempt,
    "batch_written_twice": _batch_written_twice,
    "stale_owner_accepted": _stale_owner_accepted,
    "lost_cancel_is_cancel": _lost_cancel_is_cancel,
    "fills_not_deduplicated": _fills_not_deduplicated,
    "no_second_look": _no_second_look,
    "cancel_before_proof": _cancel_before_proof,
    **FILL_MUTANTS,
    **AWARENESS_MUTANTS,
    **MODIFY_MUTANTS,
}


@contextmanager
def mutated(name: str | None) -> Iterator[None]:
    """Break the product in one way while the context lasts; None: leave it whole."""
    with ExitStack() as stack:
        for owner, attribute, replacement in MUTANTS[name]() if name is not None else []:
            stack.enter_context(patch.object(owner, attribute, replacement))
        yield


def _as_not_processed(report: PlaceAmbiguous) -> PlaceNotProcessed:
    return PlaceNotProcessed(
        account_id=report.account_id,
        exchange=report.exchange,
        order_id=report.order_id,
        attempt=report.attempt,
        reason=report.reason,
        evidence=report.evidence,
    )


def _as_rejected(report: PlaceAmbiguous) -> PlaceRejected:
    return PlaceRejected(
        account_id=report.account_id,
        exchange=report.exchange,
        order_id=report.order_id,
        attempt=report.attempt,
        code="503",
        text=report.reason,
        evidence=report.evidence,
    )


def _cancelled(order: Order) -> VenueOrder:
    return VenueOrder(
        exchange=order.exchange,
        symbol=order.symbol,
        venue_order_id=order.venue_order_id or "",
        client_order_id=order.client_order_id,
        side=order.side,
        type=order.type,
        status=PublicStatus.CANCELLED,
        venue_status="assumed",
        size=order.size,
        filled_size=order.filled_size,
    )
