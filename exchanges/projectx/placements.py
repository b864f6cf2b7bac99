"""Answers of ProjectX to placements, cancels and modifications, sorted into what they prove.

Pure: a request and how its HTTP call ended, in; one report, out. Only a listed answer refuses. A cancel or a
modification that was accepted is not yet done: the order, read back, decides; until it shows what was asked for, the
outcome is unknown.
"""

from dataclasses import replace

from exchanges.answers import answer_evidence
from exchanges.failures import cancel_unknown, place_unknown, unknown
from exchanges.fields import UnreadableError
from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from exchanges.outcomes import HTTP_OK
from exchanges.projectx.answers import Envelope, error_of, read_envelope
from exchanges.projectx.outcomes import ORDER_REJECTED, classify_change, classify_place
from exchanges.refusals import (
    AMENDED,
    amend_failed,
    amend_refused,
    cancel_failed,
    cancel_refused,
    place_failed,
    place_refused,
)
from messages.commands import AmendVenueOrder, CancelVenueOrder, PlaceOrder
from messages.reports import (
    AmendConfirmed,
    CallReport,
    CancelConfirmed,
    CancelReport,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceReport,
)
from messages.types import ENDED_STATUSES, EvidenceSource, VenueOrder

PLACE_PATH = "/api/Order/place"
CANCEL_PATH = "/api/Order/cancel"
AMEND_PATH = "/api/Order/modify"

ACCEPTED = "accepted"
"""The reason of an outcome that is unknown although the venue has accepted the request."""

_PLACE, _CANCEL, _AMEND = f"POST {PLACE_PATH}", f"POST {CANCEL_PATH}", f"POST {AMEND_PATH}"
_PLACED, _CANCELLED = EvidenceSource.PLACE_ANSWER, EvidenceSource.CANCEL_ANSWER


def place_report(request: PlaceOrder, result: HttpResult) -> PlaceReport:
    """Sort how a place call ended into exactly one report."""
    if isinstance(result, HttpFailure):
        return place_failed(request, result, _PLACE)
    envelope = _success(result)
    if envelope is None:
        code, error = error_of(result)
        outcome = classify_place(result.status, code, error.words, attempt=request.attempt)
        return _with_number(place_refused(request, outcome, error, result, _PLACE), result)
    order_number = _number(envelope)
    if order_number is None:
        evidence = answer_evidence(_PLACED, _PLACE, result, detail="accepted without an order id")
        return place_unknown(request, "unreadable", evidence)
    return PlaceAccepted(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        attempt=request.attempt,
        venue_order_id=order_number,
        evidence=answer_evidence(_PLACED, _PLACE, result),
    )


def _with_number(report: PlaceReport, answer: HttpAnswer) -> PlaceReport:
    # An unknown outcome with the number of the order, which can then be looked up. Not of an order that was rejected:
    # its number may be that of a row that says so, while an earlier sending of the same order works.
    if not isinstance(report, PlaceAmbiguous) or answer.status != HTTP_OK:
        return report
    try:
        envelope = read_envelope(answer.body)
    except UnreadableError:
        return report
    if envelope.code == ORDER_REJECTED:
        return report
    return replace(report, venue_order_id=_number(envelope))


def _number(envelope: Envelope) -> str | None:
    number = envelope.record.get("orderId")
    return str(number) if type(number) is int and number > 0 else None


def cancel_report(request: CancelVenueOrder, result: HttpResult) -> CancelReport | HttpAnswer:
    """Sort how a cancel call ended; the answer itself: it was accepted, and the order has to be read back."""
    if isinstance(result, HttpFailure):
        return cancel_failed(request, result, _CANCEL)
    if _success(result) is not None:
        return result
    code, error = error_of(result)
    return cancel_refused(request, classify_change(result.status, code), error, result, _CANCEL)


def cancelled(request: CancelVenueOrder, answer: HttpAnswer, order: VenueOrder | None) -> CancelReport:
    """Report an accepted cancel by the order as it was read afterwards; None: it could not be read."""
    evidence = answer_evidence(_CANCELLED, _CANCEL, answer, detail=_shown(order))
    if order is None or order.status not in ENDED_STATUSES:
        return cancel_unknown(request, ACCEPTED, evidence)
    return CancelConfirmed(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        order=order,
        evidence=evidence,
    )


def amend_report(request: AmendVenueOrder, result: HttpResult) -> CallReport | HttpAnswer:
    """Sort how a modify call ended; the answer itself: it was accepted, and the order has to be read back."""
    if isinstance(result, HttpFailure):
        return amend_failed(request, result, _AMEND)
    if _success(result) is not None:
        return result
    code, error = error_of(result)
    return amend_refused(request, classify_change(result.status, code), error, result, _AMEND)


def amended(request: AmendVenueOrder, answer: HttpAnswer, order: VenueOrder | None) -> CallReport:
    """Report an accepted modification by the order as it was read afterwards; None: it could not be read."""
    evidence = answer_evidence(AMENDED, _AMEND, answer, detail=_shown(order))
    if order is None or not _shows_new_terms(request, order):
        return unknown(request, ACCEPTED, evidence)
    return AmendConfirmed(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        order=order,
        evidence=evidence,
    )


def _shows_new_terms(request: AmendVenueOrder, order: VenueOrder) -> bool:
    return order.size == request.size and (order.price, order.stop_price) == (request.price, request.stop_price)


def _shown(order: VenueOrder | None) -> str:
    return "accepted, not read back" if order is None else f"accepted, read back as {order.venue_status}"


def _success(answer: HttpAnswer) -> Envelope | None:
    # None: it is an error, or cannot be read; which of them is sorted where errors are.
    if answer.status != HTTP_OK:
        return None
    try:
        envelope = read_envelope(answer.body)
    except UnreadableError:
        return None
    return envelope if envelope.succeeded else None
