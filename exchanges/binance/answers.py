"""Answers of Binance to order calls, and to any question, sorted into what they prove.

Pure: a request and how its HTTP call ended, in; one report or one reading, out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exchanges.binance.fields import Record, UnreadableError, as_record, identifier, integer, text
from exchanges.binance.outcomes import Outcome, OutcomeClass, classify_cancel, classify_place, classify_read
from exchanges.binance.symbols import SymbolBook
from exchanges.binance.translate import ENDED, original_client_id, parse_json, read_order, read_placed_fills
from exchanges.failures import not_processed, unknown
from exchanges.http import HttpAnswer, HttpFailure, HttpResult
from messages.commands import CancelVenueOrder, PlaceOrder
from messages.fills import VenueFill
from messages.reports import CallReport, CancelConfirmed, CancelRefused, PlaceAccepted, PlaceRejected
from messages.types import Evidence, EvidenceSource, VenueOrder

ORDER_PATH = "/api/v3/order"
HTTP_OK = 200
HTTP_BANNED = 418
HTTP_TOO_MANY = 429

_PLACE = f"POST {ORDER_PATH}"
_CANCEL = f"DELETE {ORDER_PATH}"
_USAGE = re.compile(r"x-mbx-(used-weight|order-count)-([0-9]{1,9})([smhd])", re.ASCII)
_USAGE_UNITS = {"used-weight": "weight", "order-count": "orders"}
_INTERVALS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_WORDS_MAX = 500


@dataclass(frozen=True, slots=True)
class VenueError:
    """An error body: its code, None when there is none, and its words."""

    code: int | None
    words: str


def read_error(body: bytes) -> VenueError:
    """Read `{"code":…,"msg":…}`; anything else has no code and no words."""
    try:
        record = as_record(parse_json(body))
        code = integer(record, "code")
    except UnreadableError:
        return VenueError(None, "")
    words = record.get("msg")
    return VenueError(code, words[:_WORDS_MAX] if isinstance(words, str) else "")


def usage(headers: Mapping[str, str]) -> dict[str, int]:
    """Read what the answer says of used budgets, by budget name."""
    found = {}
    for name, value in headers.items():
        match = _USAGE.fullmatch(name.lower())
        if match is not None and value.isascii() and value.isdigit():
            interval_ms = int(match[2]) * _INTERVALS_MS[match[3]]
            found[f"{_USAGE_UNITS[match[1]]}-{interval_ms}"] = int(value)
    return found


def retry_after_ms(headers: Mapping[str, str]) -> int:
    """Read Retry-After, which is in seconds; 0 when there is none."""
    value = headers.get("Retry-After", "")
    return int(value) * 1000 if value.isascii() and value.isdigit() else 0


def answer_evidence(
    source: EvidenceSource, endpoint: str, result: HttpResult, *, venue_time_ms: int | None = None, detail: str = ""
) -> Evidence:
    """Say what proves a claim: when it was asked and answered, and the hash of the answer."""
    if isinstance(result, HttpFailure) and result.nothing_sent:
        source = EvidenceSource.LOCAL
    return Evidence(
        source=source,
        endpoint=endpoint,
        sent_ms=result.sent_ms,
        received_ms=result.received_ms,
        venue_time_ms=venue_time_ms,
        body_sha256=result.body_sha256 if isinstance(result, HttpAnswer) else None,
        detail=detail,
    )


def place_report(request: PlaceOrder, result: HttpResult, symbols: SymbolBook) -> CallReport:
    """Sort how a place call ended into exactly one report."""
    if isinstance(result, HttpFailure):
        return _failed(request, result, EvidenceSource.PLACE_ANSWER, _PLACE)
    if result.status == HTTP_OK:
        return _placed(request, result, symbols)
    error = read_error(result.body)
    outcome = classify_place(result.status, error.code, error.words)
    detail = _detail(result, error)
    evidence = answer_evidence(EvidenceSource.PLACE_ANSWER, _PLACE, result, detail=detail)
    if outcome.kind is OutcomeClass.DEFINITE:
        return PlaceRejected(
            account_id=request.account_id,
            exchange=request.exchange,
            order_id=request.order_id,
            attempt=request.attempt,
            code=str(error.code),
            text=error.words,
            evidence=evidence,
        )
    return _unsettled(request, outcome, result, evidence)


def cancel_report(request: CancelVenueOrder, result: HttpResult, symbols: SymbolBook) -> CallReport:
    """Sort how a cancel call ended into exactly one report."""
    if isinstance(result, HttpFailure):
        return _failed(request, result, EvidenceSource.CANCEL_ANSWER, _CANCEL)
    if result.status == HTTP_OK:
        return _cancelled(request, result, symbols)
    error = read_error(result.body)
    outcome = classify_cancel(result.status, error.code)
    evidence = answer_evidence(EvidenceSource.CANCEL_ANSWER, _CANCEL, result, detail=_detail(result, error))
    if outcome.kind is OutcomeClass.DEFINITE:
        return CancelRefused(
            account_id=request.account_id,
            exchange=request.exchange,
            order_id=request.order_id,
            code=str(error.code),
            text=error.words,
            evidence=evidence,
        )
    return _unsettled(request, outcome, result, evidence)


def refused_here(request: PlaceOrder, code: str, words: str, now_ms: int) -> PlaceRejected:
    """Refuse a placement that this venue cannot do; nothing was sent."""
    return PlaceRejected(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        attempt=request.attempt,
        code=code,
        text=words,
        evidence=Evidence(source=EvidenceSource.LOCAL, endpoint=_PLACE, received_ms=now_ms, detail=words),
    )


def _failed(
    request: PlaceOrder | CancelVenueOrder, failure: HttpFailure, source: EvidenceSource, endpoint: str
) -> CallReport:
    evidence = answer_evidence(source, endpoint, failure, detail=failure.reason)
    if failure.nothing_sent:
        return not_processed(request, failure.reason, evidence, retry_after_ms=failure.retry_after_ms)
    return unknown(request, failure.reason, evidence)


def _unsettled(
    request: PlaceOrder | CancelVenueOrder, outcome: Outcome, answer: HttpAnswer, evidence: Evidence
) -> CallReport:
    if outcome.kind is OutcomeClass.NOT_PROCESSED:
        reason = "banned" if answer.status == HTTP_BANNED else outcome.reason
        wait_ms = max(outcome.retry_after_ms, retry_after_ms(answer.headers))
        return not_processed(request, reason, evidence, retry_after_ms=wait_ms)
    return unknown(request, outcome.reason, evidence, known_to_exist=outcome.kind is OutcomeClass.EXISTS)


def _placed(request: PlaceOrder, answer: HttpAnswer, symbols: SymbolBook) -> CallReport:
    venue_order_id: str | None = None
    try:
        record = as_record(parse_json(answer.body))
        venue_order_id = _id_of_own(request, record, symbols)
        venue_time_ms = integer(record, "transactTime")
        order, fills, unreadable = _full(record, symbols)
    except UnreadableError as error:
        evidence = answer_evidence(EvidenceSource.PLACE_ANSWER, _PLACE, answer, detail=str(error))
        return unknown(request, "unreadable", evidence, venue_order_id=venue_order_id)
    return PlaceAccepted(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        attempt=request.attempt,
        venue_order_id=venue_order_id,
        order=order,
        fills=fills,
        evidence=answer_evidence(
            EvidenceSource.PLACE_ANSWER,
            _PLACE,
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


def _cancelled(request: CancelVenueOrder, answer: HttpAnswer, symbols: SymbolBook) -> CallReport:
    try:
        record = as_record(parse_json(answer.body))
        order = read_order(record, symbols)
        ended_as = order.status
        same = _is_same(request, record, order)
    except UnreadableError as error:
        evidence = answer_evidence(EvidenceSource.CANCEL_ANSWER, _CANCEL, answer, detail=str(error))
        return unknown(request, "unreadable", evidence)
    evidence = answer_evidence(
        EvidenceSource.CANCEL_ANSWER, _CANCEL, answer, venue_time_ms=order.updated_venue_ms, detail=order.venue_status
    )
    if not same:
        return unknown(request, "unreadable", evidence)
    if ended_as not in ENDED:
        return unknown(request, "status_unknown", evidence)
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


def _detail(answer: HttpAnswer, error: VenueError) -> str:
    return f"HTTP {answer.status}" if error.code is None else f"HTTP {answer.status} {error.code} {error.words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A question was answered."""

    payload: Any
    answer: HttpAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """A question was not answered as hoped."""

    reason: str
    retry_after_ms: int = 0
    code: int | None = None
    """The venue's error code, when it answered the question with it; never one that came with a server error."""
    answer: HttpAnswer | None = None
    worth_repeating: bool = False
    """Whether the same question may be answered a moment later."""


def read_answer(result: HttpResult) -> Told | Untold:
    """Sort how a question ended."""
    if isinstance(result, HttpFailure):
        held_back = result.nothing_sent and result.retry_after_ms > 0
        return Untold(reason=result.reason, retry_after_ms=result.retry_after_ms, worth_repeating=not held_back)
    if result.status == HTTP_OK:
        try:
            return Told(payload=parse_json(result.body), answer=result)
        except UnreadableError:
            return Untold(reason="unreadable", worth_repeating=True)
    error = read_error(result.body)
    outcome = classify_read(result.status, error.code)
    if outcome.kind is OutcomeClass.DEFINITE:
        return Untold(reason=f"refused: {error.code}", code=error.code, answer=result)
    return Untold(
        reason="banned" if result.status == HTTP_BANNED else outcome.reason,
        retry_after_ms=max(outcome.retry_after_ms, retry_after_ms(result.headers)),
        worth_repeating=result.status not in (HTTP_BANNED, HTTP_TOO_MANY),
    )
