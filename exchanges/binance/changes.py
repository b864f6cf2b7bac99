"""Answers of Binance to amends and cancel-replaces, sorted into what they prove.

Pure: a request and how its HTTP call ended, in; one report, out. A cancel-replace is two requests in one call, not
atomic: each half is sorted by itself, by what the answer says of it and never by the HTTP status alone.
"""

from dataclasses import dataclass
from typing import Any

from exchanges.answers import answer_evidence
from exchanges.binance.answers import ORDER_PATH, CodedError, error_of, read_error
from exchanges.binance.outcomes import REPLACE_FAILED, REPLACE_PARTLY_FAILED, classify_amend
from exchanges.binance.placements import cancel_error, cancelled, place_error, placed
from exchanges.binance.translate import read_order
from exchanges.failures import (
    cancel_half,
    cancel_unknown,
    place_not_processed,
    place_unknown,
    replace_answered,
    unknown,
)
from exchanges.fields import Record, UnreadableError, as_record, integer
from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from exchanges.outcomes import HTTP_OK, HTTP_SERVER_ERROR, HTTP_TOO_MANY
from exchanges.refusals import AMENDED, amend_failed, amend_refused, cancel_failed, place_failed
from exchanges.symbols import SymbolBook
from exchanges.wire_json import parse_json
from messages.commands import AmendVenueOrder, ReplaceVenueOrder
from messages.reports import AmendConfirmed, CallReport, CancelReport, PlaceReport
from messages.types import ENDED_STATUSES, Evidence, EvidenceSource, VenueOrder

AMEND_PATH = f"{ORDER_PATH}/amend/keepPriority"
REPLACE_PATH = f"{ORDER_PATH}/cancelReplace"

_AMEND = f"PUT {AMEND_PATH}"
_REPLACE = f"POST {REPLACE_PATH}"
_SUCCESS = "SUCCESS"
_FAILURE = "FAILURE"
_NOT_ATTEMPTED = "NOT_ATTEMPTED"


# ----- amend


def amend_report(request: AmendVenueOrder, result: HttpResult, symbols: SymbolBook) -> CallReport:
    """Sort how an amend call ended into exactly one report."""
    if isinstance(result, HttpFailure):
        return amend_failed(request, result, _AMEND)
    if result.status == HTTP_OK:
        return _amended(request, result, symbols)
    error = read_error(result.body)
    return amend_refused(request, classify_amend(result.status, error.code), error.named, result, _AMEND)


def _amended(request: AmendVenueOrder, answer: HttpAnswer, symbols: SymbolBook) -> CallReport:
    try:
        order = _amended_order(as_record(parse_json(answer.body)), symbols)
    except UnreadableError as error:
        return unknown(request, "unreadable", answer_evidence(AMENDED, _AMEND, answer, detail=str(error)))
    evidence = answer_evidence(
        AMENDED, _AMEND, answer, venue_time_ms=order.updated_venue_ms, detail=order.venue_status
    )
    same = (order.symbol, order.venue_order_id) == (request.symbol, request.venue_order_id)
    # An order that works on with another size than was asked for has not been amended as asked, whatever it was.
    if not same or (order.status not in ENDED_STATUSES and order.size != request.size):
        return unknown(request, "unreadable", evidence)
    return AmendConfirmed(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        order=order,
        evidence=evidence,
    )


def _amended_order(record: Record, symbols: SymbolBook) -> VenueOrder:
    # Three fields have other names here than everywhere else, and the time stands outside. The id that the order had
    # before is left out: where it differs, the other one is the order's now.
    order = dict(as_record(record.get("amendedOrder")))
    order.pop("origClientOrderId", None)
    told = {
        "origQty": order.get("qty"),
        "cummulativeQuoteQty": order.get("cumulativeQuoteQty"),
        "origQuoteOrderQty": order.get("quoteOrderQty"),
        "transactTime": integer(record, "transactTime"),
    }
    return read_order(order | told, symbols)


# ----- replace


@dataclass(frozen=True, slots=True)
class _Results:
    """What a body says of both halves, unread."""

    cancel: Any
    """SUCCESS, FAILURE, or anything else."""
    place: Any
    """SUCCESS, FAILURE, NOT_ATTEMPTED, or anything else."""
    cancel_answer: Any
    place_answer: Any


def replace_report(request: ReplaceVenueOrder, result: HttpResult, symbols: SymbolBook) -> CallReport:
    """Sort how a cancel-replace call ended into one report for each half."""
    cancel, place = cancel_half(request), request.place
    if isinstance(result, HttpFailure):
        cancel_answer = cancel_failed(cancel, result, _REPLACE)
        return replace_answered(request, cancel_answer, place_failed(place, result, _REPLACE))
    results = _results(result)
    if results is not None:
        cancel_answer = _cancel_half(request, results, result, symbols)
        return replace_answered(request, cancel_answer, _place_half(request, results, result, symbols))
    if result.status == HTTP_OK:
        return unknown(request, "unreadable", answer_evidence(EvidenceSource.PLACE_ANSWER, _REPLACE, result))
    # An error without halves was made before either of them: it says the same of both.
    error = read_error(result.body)
    cancel_answer = cancel_error(cancel, error, result, _REPLACE)
    return replace_answered(request, cancel_answer, place_error(place, error, result, _REPLACE))


def _results(answer: HttpAnswer) -> _Results | None:
    # None: the body speaks of no halves.
    if answer.status >= HTTP_SERVER_ERROR:
        return None
    try:
        record = as_record(parse_json(answer.body))
        code = None if answer.status == HTTP_OK else integer(record, "code")
        told = record if code is None else as_record(record.get("data"))
    except UnreadableError:
        return None
    if code not in (None, REPLACE_FAILED, REPLACE_PARTLY_FAILED):
        return None
    results = _Results(
        told.get("cancelResult"), told.get("newOrderResult"), told.get("cancelResponse"), told.get("newOrderResponse")
    )
    nothing_done = _SUCCESS not in (results.cancel, results.place)
    if code == REPLACE_PARTLY_FAILED and nothing_done and answer.status != HTTP_TOO_MANY:
        # The code says that one half was done, the halves that none was. Which one lies is not known.
        return _Results(None, None, None, None)
    return results


def _cancel_half(
    request: ReplaceVenueOrder, results: _Results, answer: HttpAnswer, symbols: SymbolBook
) -> CancelReport:
    cancel = cancel_half(request)
    if results.cancel == _SUCCESS:
        return cancelled(cancel, results.cancel_answer, answer, symbols, _REPLACE)
    # Without its cancel the new order is not even tried, so a failure beside its success contradicts itself.
    if results.cancel == _FAILURE and results.place != _SUCCESS:
        return cancel_error(cancel, _error(results.cancel_answer), answer, _REPLACE)
    return cancel_unknown(cancel, "status_unknown", _unproven(answer, EvidenceSource.CANCEL_ANSWER, results))


def _place_half(request: ReplaceVenueOrder, results: _Results, answer: HttpAnswer, symbols: SymbolBook) -> PlaceReport:
    evidence = _unproven(answer, EvidenceSource.PLACE_ANSWER, results)
    if results.place == _SUCCESS:
        return placed(request.place, results.place_answer, answer, symbols, _REPLACE)
    if results.place == _FAILURE:
        return place_error(request.place, _error(results.place_answer), answer, _REPLACE)
    if (results.cancel, results.place, results.place_answer) == (_FAILURE, _NOT_ATTEMPTED, None):
        return place_not_processed(request.place, "not_attempted", evidence)
    return place_unknown(request.place, "status_unknown", evidence)


def _error(value: Any) -> CodedError:
    # What names an order is no error, whatever else it says.
    return CodedError(None, "") if isinstance(value, dict) and "orderId" in value else error_of(value)


def _unproven(answer: HttpAnswer, source: EvidenceSource, results: _Results) -> Evidence:
    known = {_SUCCESS, _FAILURE, _NOT_ATTEMPTED}
    told = (word if isinstance(word, str) and word in known else "?" for word in (results.cancel, results.place))
    return answer_evidence(source, _REPLACE, answer, detail=f"HTTP {answer.status}, {'/'.join(told)}")
