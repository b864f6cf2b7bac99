"""Builds that are broken where orders are changed and replaced. See `mutants`."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from actors import amending, replacing
from actors.desk import Desk
from actors.domain import claims
from actors.domain.claims import amend_of
from actors.domain.lifecycle import TERMINAL, evolve
from actors.domain.modification import agree, shown_terms, terms_of
from actors.turn import Turn
from messages.reports import (
    AmendAmbiguous,
    AmendConfirmed,
    AmendReport,
    CancelConfirmed,
    PlaceAccepted,
    PlaceRejected,
    ReplaceAnswered,
)
from messages.types import Order, OrderState, PublicStatus, VenueOrder

Replacements = list[tuple[object, str, Callable[..., Any]]]


def _replacement_sent_before_cancel_proof() -> Replacements:
    due: Callable[..., None] = replacing._place_if_due

    def at_once(turn: Turn, desk: Desk, now: Any, judge: Any, old: Order | None, new: Order) -> None:
        if old is not None and old.state not in TERMINAL and new.order_id in turn.memory.orders:
            replacing._place(turn, desk, new)
            return
        due(turn, desk, now, judge, old, new)

    return [(replacing, "_place_if_due", at_once)]


def _replacement_at_full_size() -> Replacements:
    def all_but_size(order: Order, **changes: Any) -> Order:
        changes.pop("size", None)
        return evolve(order, **changes)

    return [(replacing, "evolve", all_but_size)]


def _half_success_ignored() -> Replacements:
    answered = replacing.on_replace_answered

    def whole(turn: Turn, desk: Desk, report: ReplaceAnswered) -> None:
        if isinstance(report.cancel, CancelConfirmed) and isinstance(report.place, PlaceRejected):
            place = PlaceAccepted(
                account_id=report.account_id,
                exchange=report.exchange,
                order_id=report.place.order_id,
                attempt=report.place.attempt,
                venue_order_id="999999999",
                evidence=report.place.evidence,
            )
            report = replace(report, place=place)
        answered(turn, desk, report)

    return [(replacing, "on_replace_answered", whole)]


def _lost_amend_is_done() -> Replacements:
    settle = amending.on_amend_report

    def trusting(turn: Turn, desk: Desk, report: AmendReport) -> None:
        order = turn.order(report.order_id)
        change = amend_of(order) if order is not None else None
        if isinstance(report, AmendAmbiguous) and order is not None and change is not None:
            report = AmendConfirmed(
                account_id=report.account_id,
                exchange=report.exchange,
                order_id=report.order_id,
                order=_as_asked(order),
                evidence=report.evidence,
            )
        settle(turn, desk, report)

    return [(amending, "on_amend_report", trusting)]


def _as_asked(order: Order) -> VenueOrder:
    change = order.modification
    assert change is not None
    return VenueOrder(
        exchange=order.exchange,
        symbol=order.symbol,
        venue_order_id=order.venue_order_id or "",
        client_order_id=order.client_order_id,
        side=order.side,
        type=order.type,
        status=PublicStatus.OPEN,
        venue_status="assumed",
        size=change.size,
        filled_size=order.filled_size,
        price=change.price,
        stop_price=change.stop_price,
        updated_venue_ms=change.valid_until_venue_ms,
    )


def _stale_list_regresses_terms() -> Replacements:
    def any_other(order: Order, claim: VenueOrder, tolerance: Any) -> bool:
        working = order.state in (OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED)
        return working and not agree(terms_of(order), shown_terms(order, claim), tolerance)

    return [(claims, "says_other_terms", any_other)]


MODIFY_MUTANTS: dict[str, Callable[[], Replacements]] = {
    "replacement_sent_before_cancel_proof": _replacement_sent_before_cancel_proof,
    "replacement_at_full_size": _replacement_at_full_size,
    "half_success_ignored": _half_success_ignored,
    "lost_amend_is_done": _lost_amend_is_done,
    "stale_list_regresses_terms": _stale_list_regresses_terms,
}
