"""Answers of Coinbase to placements, sorted into what they prove.

Pure: a request and how its HTTP call ended, in; one report, out. A 200 may carry a refusal. Only a listed reason
refuses, and only an answer about the very order accepts; everything else is ambiguous.
"""

from dataclasses import replace

from exchanges.answers import VenueError, answer_evidence
from exchanges.coinbase.answers import read_error
from exchanges.coinbase.outcomes import classify_http, classify_place, usable
from exchanges.coinbase.rest import BASE_PATH
from exchanges.coinbase.translate import our_client_id, words_told
from exchanges.failures import place_unknown
from exchanges.fields import Record, UnreadableError, as_record, flag, optional_text, text
from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from exchanges.outcomes import HTTP_OK
from exchanges.refusals import place_failed, place_refused
from exchanges.wire_json import parse_json
from messages.commands import PlaceOrder
from messages.reports import PlaceAccepted, PlaceAmbiguous, PlaceReport
from messages.types import Evidence, EvidenceSource, VenueOrder

ORDERS_PATH = f"{BASE_PATH}/orders"

_PLACE = f"POST {ORDERS_PATH}"
_PLACED = EvidenceSource.PLACE_ANSWER
_ANOTHER = "another_order"


def place_report(request: PlaceOrder, result: HttpResult, venue_symbol: str, *, key_works: bool) -> PlaceReport:
    """Sort how a place call ended into exactly one report."""
    if isinstance(result, HttpFailure):
        return place_failed(request, result, _PLACE)
    if result.status != HTTP_OK:
        error = read_error(result.body)
        outcome = classify_http(result.status, error.code, key_works=key_works)
        return place_refused(request, outcome, error, result, _PLACE)
    try:
        record = as_record(parse_json(result.body))
        if flag(record, "success"):
            return _accepted(request, record, result, venue_symbol)
        return _refused(request, record, result)
    except UnreadableError as error:
        return place_unknown(request, "unreadable", answer_evidence(_PLACED, _PLACE, result, detail=str(error)))


def unconfirmed(request: PlaceOrder, accepted: PlaceAccepted, detail: str) -> PlaceReport:
    """Report a placement whose answer names an order that could not be read: whether it is ours is not known yet."""
    return place_unknown(
        request, "unconfirmed", _with_detail(accepted, detail), venue_order_id=accepted.venue_order_id
    )


def confirmed(request: PlaceOrder, accepted: PlaceAccepted, order: VenueOrder) -> PlaceReport:
    """Report a placement whose answer names an order that was read: it is accepted if it is what was asked for.

    A client id that was used before is answered with the older order's id, whatever was asked for this time.
    """
    differing = _differing(request, order)
    if differing:
        detail = f"the order that was answered has another {', '.join(differing)}"
        return place_unknown(request, _ANOTHER, _with_detail(accepted, detail))
    return accepted


def read_by_id(request: PlaceOrder, report: PlaceAmbiguous, order: VenueOrder | None) -> PlaceReport:
    """Report a placement whose answer gives an id without saying surely whose it is; None: that one could not be read.

    The id is passed on unless it is known to be, or was said to be, of an order with another client id.
    """
    shown = None if order is None else order.client_order_id
    venue_order_id = report.venue_order_id
    if shown == request.client_order_id:
        return place_unknown(
            request, report.reason, report.evidence, known_to_exist=True, venue_order_id=venue_order_id
        )
    if shown is not None or report.reason == _ANOTHER:
        return place_unknown(request, _ANOTHER, report.evidence)
    return report


def _accepted(request: PlaceOrder, record: Record, answer: HttpAnswer, venue_symbol: str) -> PlaceReport:
    response = as_record(record.get("success_response"))
    venue_order_id = text(response, "order_id")
    named = optional_text(response, "client_order_id")
    owned = named is not None and our_client_id(named.lower()) == request.client_order_id
    about = response.get("product_id"), response.get("side")
    if not owned or about != (venue_symbol, request.side.value):
        # Books of two products may be one, and then either may be named. The id is not thrown away: it tells more.
        evidence = answer_evidence(_PLACED, _PLACE, answer, detail="the answer is not as documented")
        reason = "unconfirmed" if owned or named is None else _ANOTHER
        return place_unknown(request, reason, evidence, known_to_exist=owned, venue_order_id=venue_order_id)
    if any(usable(reason) for reason in _reasons(record)):
        evidence = answer_evidence(_PLACED, _PLACE, answer, detail="accepted and refused")
        return place_unknown(request, "status_unknown", evidence, venue_order_id=venue_order_id)
    return PlaceAccepted(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        attempt=request.attempt,
        venue_order_id=venue_order_id,
        evidence=answer_evidence(_PLACED, _PLACE, answer),
    )


def _refused(request: PlaceOrder, record: Record, answer: HttpAnswer) -> PlaceReport:
    response = record.get("success_response")
    venue_order_id = optional_text(response, "order_id") if isinstance(response, dict) else None
    if venue_order_id is not None:
        evidence = answer_evidence(_PLACED, _PLACE, answer, detail="accepted and refused")
        return place_unknown(request, "status_unknown", evidence, venue_order_id=venue_order_id)
    error = as_record(record.get("error_response"))
    order_reason, preview_reason = _reasons(record)
    words = words_told(error, "message") or words_told(error, "error_details")
    code = order_reason if usable(order_reason) else preview_reason or order_reason
    outcome = classify_place(order_reason, preview_reason, attempt=request.attempt)
    return place_refused(request, outcome, VenueError(code=code, words=words), answer, _PLACE)


def _reasons(answer: Record) -> tuple[str, str]:
    # Of the order and of its preview; the field `error` beside them is deprecated, and proves nothing.
    error = answer.get("error_response")
    if error is None:
        return "", ""
    record = as_record(error)
    return words_told(record, "new_order_failure_reason"), words_told(record, "preview_failure_reason")


def _differing(request: PlaceOrder, order: VenueOrder) -> list[str]:
    shown = {
        "client order id": (order.client_order_id, request.client_order_id),
        "symbol": (order.symbol, request.symbol),
        "side": (order.side, request.side),
        "type": (order.type, request.type),
        "quote size": (order.quote_size, request.quote_size),
        "size": (order.size, order.size if request.size is None else request.size),
        "price": (order.price, request.price),
        "stop price": (order.stop_price, request.stop_price),
    }
    return [name for name, (ours, theirs) in shown.items() if ours != theirs]


def _with_detail(accepted: PlaceAccepted, detail: str) -> Evidence:
    return replace(accepted.evidence, detail=detail)
