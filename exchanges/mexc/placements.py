"""Answers of MEXC to placements and cancels, sorted into what they prove.

Pure: a request and how its HTTP call ended, in; one report, out. Only a listed answer refuses. An acknowledged
placement says no more than that the order is there, and an accepted cancel not even that it was carried out: the
order, read back, decides; until it shows its end, the outcome is unknown.
"""

from exchanges.answers import VenueError, answer_evidence
from exchanges.failures import cancel_unknown, place_unknown
from exchanges.fields import Record, UnreadableError, as_record, text
from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from exchanges.mexc.answers import error_code, error_of
from exchanges.mexc.outcomes import classify_cancel, classify_place
from exchanges.mexc.translate import identifier_of, integer_number
from exchanges.outcomes import HTTP_OK
from exchanges.refusals import cancel_failed, cancel_refused, place_failed, place_refused
from exchanges.symbols import SymbolBook
from exchanges.wire_json import parse_exact
from messages.commands import CancelVenueOrder, PlaceOrder
from messages.reports import CancelConfirmed, CancelReport, PlaceAccepted, PlaceReport
from messages.types import ENDED_STATUSES, EvidenceSource, VenueOrder

ORDER_PATH = "/api/v3/order"

ACCEPTED = "accepted"
"""The reason of an outcome that is unknown although the venue has accepted the request."""

_PLACE, _CANCEL = f"POST {ORDER_PATH}", f"DELETE {ORDER_PATH}"
_PLACED, _CANCELLED = EvidenceSource.PLACE_ANSWER, EvidenceSource.CANCEL_ANSWER


def place_report(request: PlaceOrder, result: HttpResult, symbols: SymbolBook) -> PlaceReport:
    """Sort how a place call ended into exactly one report."""
    if isinstance(result, HttpFailure):
        return place_failed(request, result, _PLACE)
    code, error, record = _read(result)
    if result.status == HTTP_OK and record is not None and record.get("orderId") is not None:
        return _acknowledged(request, record, result, symbols)
    outcome = classify_place(result.status, code)
    return place_refused(request, outcome, error, result, _PLACE)


def _acknowledged(
    request: PlaceOrder, record: Record, answer: HttpAnswer, symbols: SymbolBook
) -> PlaceReport:
    venue_order_id: str | None = None
    try:
        venue_order_id = _id_of_own(request, record, symbols)
        venue_time_ms = integer_number(record, "transactTime")
    except UnreadableError as error:
        evidence = answer_evidence(_PLACED, _PLACE, answer, detail=str(error))
        return place_unknown(request, "unreadable", evidence, venue_order_id=venue_order_id)
    return PlaceAccepted(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        attempt=request.attempt,
        venue_order_id=venue_order_id,
        evidence=answer_evidence(_PLACED, _PLACE, answer, venue_time_ms=venue_time_ms),
    )


def _id_of_own(request: PlaceOrder, record: Record, symbols: SymbolBook) -> str:
    # The client id is not echoed: that it is about the very order shows in the symbol and the side alone.
    own = symbols.canonical(text(record, "symbol")) == request.symbol and text(record, "side") == request.side.value
    if not own or error_code(record) is not None:
        raise UnreadableError("the answer is about another order, or an error too")
    return identifier_of(record, "orderId")


def cancel_report(request: CancelVenueOrder, result: HttpResult) -> CancelReport | HttpAnswer:
    """Sort how a cancel call ended; the answer itself: it was accepted, and the order has to be read back.

    An acceptance comes in several forms, of which none says what became of the order.
    """
    if isinstance(result, HttpFailure):
        return cancel_failed(request, result, _CANCEL)
    code, error, record = _read(result)
    if result.status == HTTP_OK and record is not None and code is None:
        named = record.get("orderId")
        if named is None or request.venue_order_id in (None, str(named)):
            return result
        evidence = answer_evidence(_CANCELLED, _CANCEL, result, detail="the answer is about another order")
        return cancel_unknown(request, "unreadable", evidence)
    return cancel_refused(request, classify_cancel(result.status, code), error, result, _CANCEL)


def cancelled(request: CancelVenueOrder, answer: HttpAnswer, order: VenueOrder | None) -> CancelReport:
    """Report an accepted cancel by the order as it was read afterwards; None: it could not be read."""
    shown = "accepted, not read back" if order is None else f"accepted, read back as {order.venue_status}"
    evidence = answer_evidence(_CANCELLED, _CANCEL, answer, detail=shown)
    if order is None or order.status not in ENDED_STATUSES:
        return cancel_unknown(request, ACCEPTED, evidence)
    return CancelConfirmed(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        order=order,
        evidence=evidence,
    )


def _read(answer: HttpAnswer) -> tuple[int | None, VenueError, Record | None]:
    code, error = error_of(answer)
    try:
        return code, error, as_record(parse_exact(answer.body))
    except UnreadableError:
        return code, error, None
