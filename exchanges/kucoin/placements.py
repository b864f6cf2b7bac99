"""Answers of KuCoin to placements and cancels, sorted into what they prove.

Pure: a request and how its HTTP call ended, in; one report, out. Only a listed answer refuses, and only a success about
the very order confirms; everything else is ambiguous. A cancel that was accepted is not yet done: the order, read back,
decides.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from exchanges.answers import VenueError, answer_evidence
from exchanges.failures import cancel_unknown, place_unknown
from exchanges.fields import Record, UnreadableError, amount, amount_or_none, as_list, as_record, integer, text
from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from exchanges.kucoin.answers import read_error, silence_ms, success
from exchanges.kucoin.outcomes import classify_cancel, classify_place
from exchanges.kucoin.symbols import EXCHANGE
from exchanges.kucoin.translate import ended_as, ended_by_funds, working_size
from exchanges.outcomes import Outcome
from exchanges.refusals import cancel_failed, cancel_refused, place_failed, place_refused
from messages.commands import CancelVenueOrder, PlaceOrder
from messages.reports import CancelConfirmed, CancelReport, PlaceAccepted, PlaceReport
from messages.types import ENDED_STATUSES, ZERO, EvidenceSource, PublicStatus, VenueOrder

PLACE_PATH = "/api/v1/hf/orders/sync"
STOP_PATH = "/api/v1/stop-order"

ACCEPTED = "accepted"
"""The reason of an outcome that is unknown although the venue has accepted the request."""

_PLACED, _CANCELLED = EvidenceSource.PLACE_ANSWER, EvidenceSource.CANCEL_ANSWER


def place_report(request: PlaceOrder, result: HttpResult, path: str) -> PlaceReport:
    """Sort how a place call ended into exactly one report."""
    endpoint = f"POST {path}"
    if isinstance(result, HttpFailure):
        return place_failed(request, result, endpoint)
    envelope = success(result)
    if envelope is None:
        error = read_error(result.body)
        outcome = _with_wait(classify_place(result.status, error.code, error.words), result, error)
        return place_refused(request, outcome, error, result, endpoint)
    return _placed(request, envelope.get("data"), result, endpoint)


def _placed(request: PlaceOrder, data: Any, answer: HttpAnswer, endpoint: str) -> PlaceReport:
    venue_order_id: str | None = None
    try:
        record = as_record(data)
        venue_order_id = _id_of_own(request, record)
        order = None if "status" not in record else _order_of(request, record, venue_order_id)
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
        evidence=answer_evidence(
            _PLACED,
            endpoint,
            answer,
            venue_time_ms=None if order is None else order.updated_venue_ms,
            detail="" if order is None else order.venue_status,
        ),
    )


def _id_of_own(request: PlaceOrder, record: Record) -> str:
    # The answer to a stop order names no client id.
    if record.get("clientOid") not in (None, request.client_order_id):
        raise UnreadableError("the answer is about another order")
    return text(record, "orderId")


def _order_of(request: PlaceOrder, record: Record, venue_order_id: str) -> VenueOrder:
    # What the engine says of it, and for what the answer leaves out, what was asked for.
    status = text(record, "status")
    filled = amount(record, "dealSize")
    size = ZERO if request.size is None else amount(record, "originSize")
    gone = amount_or_none(record, "canceledSize") or ZERO
    shown = _status(request, record, status, filled)
    if status != "done":
        size, shown = working_size(size, filled, gone, shown)
    return VenueOrder(
        exchange=EXCHANGE,
        symbol=request.symbol,
        venue_order_id=venue_order_id,
        client_order_id=request.client_order_id,
        side=request.side,
        type=request.type,
        time_in_force=request.time_in_force,
        status=shown,
        venue_status=status,
        size=size,
        filled_size=filled,
        filled_value=None if filled else ZERO,
        price=request.price,
        quote_size=request.quote_size,
        post_only=request.post_only,
        created_venue_ms=integer(record, "orderTime"),
        updated_venue_ms=integer(record, "matchTime"),
    )


def _status(request: PlaceOrder, record: Record, status: str, filled: Decimal) -> PublicStatus | None:
    if status != "done":
        return PublicStatus.OPEN if status == "open" else None
    if request.size is None:
        gone = amount_or_none(record, "canceledFunds") or ZERO
        return ended_by_funds(request.quote_size, filled, gone, cancelled=True)
    return ended_as(amount(record, "originSize"), filled, amount_or_none(record, "canceledSize") or ZERO)


def cancel_report(request: CancelVenueOrder, result: HttpResult, endpoint: str) -> CancelReport | HttpAnswer:
    """Sort how a cancel call ended; the answer itself: it was accepted, and the order has to be read back."""
    if isinstance(result, HttpFailure):
        return cancel_failed(request, result, endpoint)
    if success(result) is not None:
        return result
    error = read_error(result.body)
    outcome = _with_wait(classify_cancel(result.status, error.code), result, error)
    return cancel_refused(request, outcome, error, result, endpoint)


def cancelled(
    request: CancelVenueOrder, answer: HttpAnswer, order: VenueOrder | None, endpoint: str
) -> CancelReport:
    """Report an accepted cancel by the order as it was read afterwards; None: it could not be read.

    Where the answer and what was read differ in what has executed, one of them is behind, and nothing is proven.
    """
    shown = "not read back" if order is None else f"read back as {order.venue_status}"
    agreed = order is not None and _agrees(answer, order)
    if order is not None and not agreed:
        shown += ", with other sizes than the answer's"
    evidence = answer_evidence(_CANCELLED, endpoint, answer, detail=f"accepted, {shown}")
    if order is None or not agreed or order.status not in ENDED_STATUSES:
        return cancel_unknown(request, ACCEPTED, evidence)
    return CancelConfirmed(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        order=order,
        evidence=evidence,
    )


def _agrees(answer: HttpAnswer, order: VenueOrder) -> bool:
    envelope = success(answer)
    try:
        record = as_record(None if envelope is None else envelope.get("data"))
        # The answer for a stop order has no sizes.
        return "dealSize" not in record or amount(record, "dealSize") == order.filled_size
    except UnreadableError:
        return False


def _with_wait(outcome: Outcome, answer: HttpAnswer, error: VenueError) -> Outcome:
    return replace(outcome, retry_after_ms=silence_ms(answer, error.code))


def names_cancelled(answer: HttpAnswer, stop_id: str) -> bool:
    """Whether an accepted cancel of a stop order names that very order as cancelled."""
    envelope = success(answer)
    try:
        return envelope is not None and stop_id in as_list(as_record(envelope.get("data")).get("cancelledOrderIds"))
    except UnreadableError:
        return False
