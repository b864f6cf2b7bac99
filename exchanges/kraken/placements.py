"""Answers of Kraken to placements, cancels and amends, sorted into what they prove.

Pure: a request and how its HTTP call ended, in; a report, out. Only a listed answer refuses; everything else that is no
success is ambiguous. A success says that the venue has taken a request, and no more: what became of the order is read.
"""

from typing import Any

from exchanges.answers import VenueError, answer_evidence
from exchanges.failures import cancel_unknown, place_unknown, unknown
from exchanges.fields import UnreadableError, as_list, as_record, integer, text
from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from exchanges.kraken.answers import named, read_envelope, read_errors
from exchanges.kraken.outcomes import classify_change, classify_place, without_details
from exchanges.outcomes import HTTP_OK
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
from messages.reports import AmendRefused, CallReport, CancelReport, PlaceAccepted, PlaceReport
from messages.types import EvidenceSource

PLACE_PATH = "/0/private/AddOrder"
CANCEL_PATH = "/0/private/CancelOrder"
AMEND_PATH = "/0/private/AmendOrder"
PLACE = f"POST {PLACE_PATH}"
CANCEL = f"POST {CANCEL_PATH}"
AMEND = f"POST {AMEND_PATH}"

_PLACED = EvidenceSource.PLACE_ANSWER
_CANCELLED = EvidenceSource.CANCEL_ANSWER


def place_report(request: PlaceOrder, result: HttpResult) -> PlaceReport:
    """Sort how a place call ended into exactly one report."""
    if isinstance(result, HttpFailure):
        return place_failed(request, result, PLACE)
    errors = _errors(result)
    if errors == ():
        return _placed(request, result)
    outcome = classify_place(result.status, errors, attempt=request.attempt)
    return place_refused(request, outcome, _named(errors), result, PLACE)


def _placed(request: PlaceOrder, answer: HttpAnswer) -> PlaceReport:
    try:
        venue_order_id = _only_id(as_list(as_record(read_envelope(answer.body).result).get("txid")))
    except UnreadableError as error:
        return place_unknown(request, "unreadable", answer_evidence(_PLACED, PLACE, answer, detail=str(error)))
    return PlaceAccepted(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        attempt=request.attempt,
        venue_order_id=venue_order_id,
        evidence=answer_evidence(_PLACED, PLACE, answer),
    )


def _only_id(listed: list[Any]) -> str:
    if len(listed) != 1:
        raise UnreadableError("txid does not name one order")
    return text({"txid": listed[0]}, "txid")


def cancel_refusal(request: CancelVenueOrder, result: HttpResult) -> CancelReport | None:
    """Sort how a cancel call ended; None: the venue has taken it, and the order must be read."""
    if isinstance(result, HttpFailure):
        return cancel_failed(request, result, CANCEL)
    errors = _errors(result)
    if errors != ():
        return cancel_refused(request, classify_change(result.status, errors), _named(errors), result, CANCEL)
    try:
        count = integer(as_record(read_envelope(result.body).result), "count")
    except UnreadableError as error:
        return cancel_unknown(request, "unreadable", answer_evidence(_CANCELLED, CANCEL, result, detail=str(error)))
    if count < 1:
        evidence = answer_evidence(_CANCELLED, CANCEL, result, detail="count 0")
        return cancel_unknown(request, "status_unknown", evidence)
    return None


def amend_refusal(request: AmendVenueOrder, result: HttpResult) -> CallReport | None:
    """Sort how an amend call ended; None: the venue has taken it, and the order must be read."""
    if isinstance(result, HttpFailure):
        return amend_failed(request, result, AMEND)
    errors = _errors(result)
    if errors != ():
        return amend_refused(request, classify_change(result.status, errors), _named(errors), result, AMEND)
    try:
        text(as_record(read_envelope(result.body).result), "amend_id")
    except UnreadableError as error:
        return unknown(request, "unreadable", answer_evidence(AMENDED, AMEND, result, detail=str(error)))
    return None


def names_no_fault(refusal: AmendRefused) -> bool:
    """Tell whether a refusal is of the arguments and does not say of which."""
    return without_details(f"{refusal.code}:{refusal.text}")


def _errors(answer: HttpAnswer) -> tuple[str, ...] | None:
    # Empty: a success. None: no telling.
    return read_errors(answer.body) if answer.status == HTTP_OK else None


def _named(errors: tuple[str, ...] | None) -> VenueError:
    return named(errors or ())
