"""Answers of Binance to placements and cancels, sorted into what they prove.

Pure: a request and how its HTTP call ended, in; one report, out. Both may be a call of their own or a half of a
cancel-replace: what an answer says of one order is read in the same way. Only a listed answer refuses, and only a
record of the very order confirms; everything else is ambiguous.
"""

from typing import Any

from exchanges.answers import answer_evidence
from exchanges.binance.answers import ORDER_PATH, CodedError, read_error
from exchanges.binance.outcomes import classify_cancel, classify_place
from exchanges.binance.translate import original_client_id, read_order, read_placed_fills
from exchanges.failures import cancel_unknown, place_unknown
from exchanges.fields import Record, UnreadableError, as_record, identifier, integer, text
from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from exchanges.outcomes import HTTP_OK
from exchanges.refusals import cancel_failed, cancel_refused, place_failed, place_refused
from exchanges.symbols import SymbolBook
from exchanges.wire_json import parse_json
from messages.commands import CancelVenueOrder, PlaceOrder
from messages.fills import VenueFill
from messages.reports import CancelConfirmed, CancelReport, PlaceAccepted, PlaceReport
from messages.types import ENDED_STATUSES, EvidenceSource, VenueOrder

PLACE = f"POST {ORDER_PATH}"
CANCEL = f"DELETE {ORDER_PATH}"

_PLACED = EvidenceSource.PLACE_ANSWER
_CANCELLED = EvidenceSource.CANCEL_ANSWER


def place_report(request: PlaceOrder, result: HttpResult, symbols: SymbolBook) -> PlaceReport:
    """Sort how a place call ended into exactly one report."""
    if isinstance(result, HttpFailure):
        return place_failed(request, result, PLACE)
    if result.status == HTTP_OK:
        return placed(request, _parsed(result), result, symbols, PLACE)
    return place_error(request, read_error(result.body), result, PLACE)


def cancel_report(request: CancelVenueOrder, result: HttpResult, symbols: SymbolBook) -> CancelReport:
    """Sort how a cancel call ended into exactly one report."""
    if isinstance(result, HttpFailure):
        return cancel_failed(request, result, CANCEL)
    if result.status == HTTP_OK:
        return cancelled(request, _parsed(result), result, symbols, CANCEL)
    return cancel_error(request, read_error(result.body), result, CANCEL)


def place_error(request: PlaceOrder, error: CodedError, answer: HttpAnswer, endpoint: str) -> PlaceReport:
    """Report a placement, by whatever call it was asked for, that was answered by an error."""
    outcome = classify_place(answer.status, error.code, error.words)
    return place_refused(request, outcome, error.named, answer, endpoint)


def placed(request: PlaceOrder, value: Any, answer: HttpAnswer, symbols: SymbolBook, endpoint: str) -> PlaceReport:
    """Report a placement that was answered by an order, as far as that can be read."""
    venue_order_id: str | None = None
    try:
        record = as_record(value)
        venue_order_id = _id_of_own(request, record, symbols)
        venue_time_ms = integer(record, "transactTime")
        order, fills, unreadable = _full(record, symbols)
    except UnreadableError as error:
        evidence = answer_evidence(_PLACED, endpoint, answer, detail=str(error))
        return place_unknown(request, "unreadable", evidence, venue_order_id=venue_order_id)
    return PlaceAccepted(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        attempt=request.attempt,
        venue_order_id=venue_order_id,
        order=order,
        fills=fills,
        evidence=answer_evidence(
            _PLACED,
            endpoint,
            answer,
            venue_time_ms=venue_time_ms,
            detail=f"{unreadable} executions unreadable" if unreadable else "",
        ),
    )


def _full(record: Record, symbols: SymbolBook) -> tuple[VenueOrder | None, tuple[VenueFill, ...], int]:
    if "status" not in record:
        # A bare acknowledgement: the order is there, its state is not told.
        return None, (), 0
    order = read_order(record, symbols)
    fills, unreadable = read_placed_fills(record, order)
    return order, fills, unreadable


def _id_of_own(request: PlaceOrder, record: Record, symbols: SymbolBook) -> str:
    own = text(record, "clientOrderId") == request.client_order_id
    if not own or symbols.canonical(text(record, "symbol")) != request.symbol:
        raise UnreadableError("the answer is about another order")
    return identifier(record, "orderId")


# ----- of a cancel, by whatever call it was asked for


def cancel_error(request: CancelVenueOrder, error: CodedError, answer: HttpAnswer, endpoint: str) -> CancelReport:
    """Report a cancel that was answered by an error."""
    return cancel_refused(request, classify_cancel(answer.status, error.code), error.named, answer, endpoint)


def cancelled(
    request: CancelVenueOrder, value: Any, answer: HttpAnswer, symbols: SymbolBook, endpoint: str
) -> CancelReport:
    """Report a cancel that was answered by an order, as far as that can be read."""
    try:
        record = as_record(value)
        order = read_order(record, symbols)
        same = _is_same(request, record, order)
    except UnreadableError as error:
        return cancel_unknown(request, "unreadable", answer_evidence(_CANCELLED, endpoint, answer, detail=str(error)))
    evidence = answer_evidence(
        _CANCELLED, endpoint, answer, venue_time_ms=order.updated_venue_ms, detail=order.venue_status
    )
    if not same:
        return cancel_unknown(request, "unreadable", evidence)
    if order.status not in ENDED_STATUSES:
        return cancel_unknown(request, "status_unknown", evidence)
    return CancelConfirmed(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        order=order,
        evidence=evidence,
    )


def _is_same(request: CancelVenueOrder, record: Record, order: VenueOrder) -> bool:
    named = original_client_id(text(record, "origClientOrderId"))
    if order.symbol != request.symbol:
        return False
    if request.venue_order_id is not None:
        return order.venue_order_id == request.venue_order_id
    return named == request.client_order_id


def _parsed(answer: HttpAnswer) -> Any:
    # What is no JSON is no record either, and is found unreadable as one.
    try:
        return parse_json(answer.body)
    except UnreadableError:
        return None
