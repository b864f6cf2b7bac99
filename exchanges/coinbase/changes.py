"""Answers of Coinbase to cancels and edits, sorted into what they prove.

Pure: a request and how its HTTP call ended, in; one report, out, or word that the venue has accepted the request.
Accepted is not done: what became of the order is read afterwards. Only a listed reason refuses, and only the order
itself confirms; everything else is ambiguous.
"""

from dataclasses import dataclass
from typing import Any

from exchanges.answers import Told, VenueError, answer_evidence
from exchanges.coinbase.answers import read_error
from exchanges.coinbase.outcomes import (
    CANCEL_UNDER_WAY,
    EditRefusal,
    classify_cancel,
    classify_edit,
    classify_http,
    usable,
)
from exchanges.coinbase.placements import ORDERS_PATH
from exchanges.coinbase.translate import edit_under_way, words_told
from exchanges.failures import cancel_unknown, unknown
from exchanges.fields import Record, UnreadableError, as_list, as_record, flag, optional_text, text
from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from exchanges.outcomes import HTTP_OK, REJECTED, UNKNOWN
from exchanges.refusals import AMENDED, amend_failed, amend_refused, cancel_failed, cancel_refused
from exchanges.wire_json import parse_json
from messages.commands import AmendVenueOrder, CancelVenueOrder
from messages.reports import AmendConfirmed, CallReport, CancelConfirmed, CancelReport
from messages.types import ENDED_STATUSES, Evidence, EvidenceSource, VenueOrder

CANCEL_PATH = f"{ORDERS_PATH}/batch_cancel"
EDIT_PATH = f"{ORDERS_PATH}/edit"
ORDER_PATH = f"{ORDERS_PATH}/historical"

_CANCEL = f"POST {CANCEL_PATH}"
_EDIT = f"POST {EDIT_PATH}"
_ORDER = f"GET {ORDER_PATH}"
_CANCELLED = EvidenceSource.CANCEL_ANSWER


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue will do what was asked for, or may have done it: the order has to be read."""

    answer: HttpAnswer
    refusal: VenueError | None = None
    """An edit was refused with this, in words that the second delivery of an edit gets, too."""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """The order as it was read after a change was accepted."""

    order: VenueOrder
    edit_under_way: bool
    answer: HttpAnswer

    @property
    def evidence(self) -> Evidence:
        """What proves what the order is now."""
        return answer_evidence(
            EvidenceSource.LOOKUP,
            _ORDER,
            self.answer,
            venue_time_ms=self.order.updated_venue_ms,
            detail=self.order.venue_status,
        )


def read_back(told: Told, order: VenueOrder) -> ReadBack:
    """Put together what a look-up told of an order."""
    shown = as_record(told.payload).get("order")
    return ReadBack(order=order, edit_under_way=edit_under_way(shown), answer=told.answer)


# ----- cancel


def cancel_accepted(
    request: CancelVenueOrder, venue_order_id: str, result: HttpResult, *, key_works: bool
) -> CancelReport | Accepted:
    """Sort how a cancel call ended."""
    if isinstance(result, HttpFailure):
        return cancel_failed(request, result, _CANCEL)
    if result.status != HTTP_OK:
        error = read_error(result.body)
        outcome = classify_http(result.status, error.code, key_works=key_works)
        return cancel_refused(request, outcome, error, result, _CANCEL)
    try:
        entry = _entry_of(venue_order_id, parse_json(result.body))
        accepted, reason = flag(entry, "success"), words_told(entry, "failure_reason")
    except UnreadableError as error:
        return cancel_unknown(request, "unreadable", answer_evidence(_CANCELLED, _CANCEL, result, detail=str(error)))
    if accepted or reason == CANCEL_UNDER_WAY:
        return Accepted(result)
    return cancel_refused(request, classify_cancel(reason), VenueError(code=reason), result, _CANCEL)


def cancel_done(request: CancelVenueOrder, accepted: Accepted, found: ReadBack | None) -> CancelReport:
    """Report a cancel that was accepted, by the order as it is now; None: it could not be read."""
    if found is None or found.order.status not in ENDED_STATUSES:
        detail = "" if found is None else found.order.venue_status
        return cancel_unknown(
            request, "accepted", answer_evidence(_CANCELLED, _CANCEL, accepted.answer, detail=detail)
        )
    return CancelConfirmed(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        order=found.order,
        evidence=found.evidence,
    )


def _entry_of(venue_order_id: str, payload: Any) -> Record:
    entries = [as_record(each) for each in as_list(as_record(payload).get("results"))]
    own = [each for each in entries if text(each, "order_id") == venue_order_id]
    if len(own) != 1:
        raise UnreadableError("the answer is not about the order")
    return own[0]


# ----- edit


def edit_accepted(request: AmendVenueOrder, result: HttpResult, *, key_works: bool) -> CallReport | Accepted:
    """Sort how an edit call ended."""
    if isinstance(result, HttpFailure):
        return amend_failed(request, result, _EDIT)
    if result.status != HTTP_OK:
        error = read_error(result.body)
        outcome = classify_http(result.status, error.code, key_works=key_works)
        return amend_refused(request, outcome, error, result, _EDIT)
    try:
        record = as_record(parse_json(result.body))
        accepted, reasons = _success(request, record), _edit_reasons(record)
    except UnreadableError as error:
        return unknown(request, "unreadable", answer_evidence(AMENDED, _EDIT, result, detail=str(error)))
    said = next((reason for reason in reasons if usable(reason)), "")
    if accepted and not said:
        return Accepted(result)
    refusal = VenueError(code=said or reasons[0])
    kind = EditRefusal.UNKNOWN if accepted else classify_edit(*reasons)
    if kind is EditRefusal.PERHAPS_DONE:
        return Accepted(result, refusal)
    outcome = REJECTED if kind is EditRefusal.REFUSED else UNKNOWN
    return amend_refused(request, outcome, refusal, result, _EDIT)


def edit_done(request: AmendVenueOrder, accepted: Accepted, found: ReadBack | None) -> CallReport:
    """Report an edit that was accepted, by the order as it is now; None: it could not be read.

    Only the new terms, with no edit under way, are a proof of them.
    """
    if found is not None and _shows(request, found):
        return AmendConfirmed(
            account_id=request.account_id,
            exchange=request.exchange,
            order_id=request.order_id,
            order=found.order,
            evidence=found.evidence,
        )
    ended = found is not None and found.order.status in ENDED_STATUSES
    if accepted.refusal is not None and ended:
        return amend_refused(request, REJECTED, accepted.refusal, accepted.answer, _EDIT)
    detail = "" if found is None else found.order.venue_status
    return unknown(request, "accepted", answer_evidence(AMENDED, _EDIT, accepted.answer, detail=detail))


def _success(request: AmendVenueOrder, record: Record) -> bool:
    response = record.get("success_response")
    named = None if response is None else optional_text(as_record(response), "order_id")
    if named not in (None, request.venue_order_id):
        raise UnreadableError("the answer is about another order")
    return flag(record, "success")


def _edit_reasons(record: Record) -> tuple[str, str]:
    # Of the edit and of its preview: in a list, in an object, or in an object of another name.
    for name in ("errors", "error_response"):
        told = record.get(name)
        entry = told[0] if isinstance(told, list) and told else told
        if entry:
            error = as_record(entry)
            return words_told(error, "edit_failure_reason"), words_told(error, "preview_failure_reason")
    return "", ""


def _shows(request: AmendVenueOrder, found: ReadBack) -> bool:
    order = found.order
    return not found.edit_under_way and (order.size, order.price) == (request.size, request.price)
