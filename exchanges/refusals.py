"""The report for an order request that was answered by an error, or that we refuse ourselves.

Pure and the same for every venue: the venue's table has said what the answer proves, this says it to the account. It
must never report more than the outcome's class proves.
"""

from exchanges.answers import BAN_MAX_MS, SILENCE_MAX_MS, VenueError, answer_evidence, retry_after_ms
from exchanges.failures import (
    cancel_half,
    cancel_not_processed,
    cancel_unknown,
    not_processed,
    place_not_processed,
    place_unknown,
    replace_answered,
    unknown,
)
from exchanges.http import HttpAnswer, HttpFailure
from exchanges.outcomes import Outcome, OutcomeClass
from messages.commands import AmendVenueOrder, CancelVenueOrder, PlaceOrder, ReplaceVenueOrder
from messages.reports import (
    AmendRefused,
    AmendReport,
    CallReport,
    CancelRefused,
    CancelReport,
    PlaceRejected,
    PlaceReport,
)
from messages.types import Evidence, EvidenceSource

_PLACED = EvidenceSource.PLACE_ANSWER
_CANCELLED = EvidenceSource.CANCEL_ANSWER
_BANNED = "banned"
AMENDED = EvidenceSource.PLACE_ANSWER
"""An amend is, as far as evidence goes, a placement of other terms."""


# ----- calls without an answer


def place_failed(request: PlaceOrder, failure: HttpFailure, endpoint: str) -> PlaceReport:
    """Report a placement whose call got no answer."""
    evidence = answer_evidence(_PLACED, endpoint, failure, detail=failure.reason)
    if failure.nothing_sent:
        return place_not_processed(request, failure.reason, evidence, retry_after_ms=failure.retry_after_ms)
    return place_unknown(request, failure.reason, evidence)


def cancel_failed(request: CancelVenueOrder, failure: HttpFailure, endpoint: str) -> CancelReport:
    """Report a cancel whose call got no answer."""
    evidence = answer_evidence(_CANCELLED, endpoint, failure, detail=failure.reason)
    if failure.nothing_sent:
        return cancel_not_processed(request, failure.reason, evidence, retry_after_ms=failure.retry_after_ms)
    return cancel_unknown(request, failure.reason, evidence)


def amend_failed(request: AmendVenueOrder, failure: HttpFailure, endpoint: str) -> CallReport:
    """Report an amend whose call got no answer."""
    evidence = answer_evidence(AMENDED, endpoint, failure, detail=failure.reason)
    if failure.nothing_sent:
        return not_processed(request, failure.reason, evidence, retry_after_ms=failure.retry_after_ms)
    return unknown(request, failure.reason, evidence)


# ----- answers that are errors


def place_refused(
    request: PlaceOrder, outcome: Outcome, error: VenueError, answer: HttpAnswer, endpoint: str
) -> PlaceReport:
    """Report a placement that was answered by an error."""
    evidence = answer_evidence(_PLACED, endpoint, answer, detail=error.said(answer.status))
    match outcome.kind:
        case OutcomeClass.DEFINITE:
            return _rejected(request, error.code or "", error.words, evidence)
        case OutcomeClass.NOT_PROCESSED:
            wait_ms = _wait_ms(outcome, answer)
            return place_not_processed(request, outcome.reason, evidence, retry_after_ms=wait_ms)
        case _:
            exists = outcome.kind is OutcomeClass.EXISTS
            return place_unknown(request, outcome.reason, evidence, known_to_exist=exists)


def cancel_refused(
    request: CancelVenueOrder, outcome: Outcome, error: VenueError, answer: HttpAnswer, endpoint: str
) -> CancelReport:
    """Report a cancel that was answered by an error."""
    evidence = answer_evidence(_CANCELLED, endpoint, answer, detail=error.said(answer.status))
    match outcome.kind:
        case OutcomeClass.DEFINITE:
            return CancelRefused(
                account_id=request.account_id,
                exchange=request.exchange,
                order_id=request.order_id,
                code=error.code or "",
                text=error.words,
                evidence=evidence,
            )
        case OutcomeClass.NOT_PROCESSED:
            wait_ms = _wait_ms(outcome, answer)
            return cancel_not_processed(request, outcome.reason, evidence, retry_after_ms=wait_ms)
        case _:
            return cancel_unknown(request, outcome.reason, evidence)


def amend_refused(
    request: AmendVenueOrder, outcome: Outcome, error: VenueError, answer: HttpAnswer, endpoint: str
) -> CallReport:
    """Report an amend that was answered by an error."""
    evidence = answer_evidence(AMENDED, endpoint, answer, detail=error.said(answer.status))
    match outcome.kind:
        case OutcomeClass.DEFINITE:
            return _amend_refused(request, error.code or "", error.words, evidence)
        case OutcomeClass.NOT_PROCESSED:
            return not_processed(
                request, outcome.reason, evidence, retry_after_ms=_wait_ms(outcome, answer)
            )
        case _:
            return unknown(request, outcome.reason, evidence)


# ----- what is refused before anything is sent


def refused_here(
    request: PlaceOrder | CancelVenueOrder | AmendVenueOrder | ReplaceVenueOrder,
    code: str,
    words: str,
    *,
    endpoint: str,
    now_ms: int,
) -> CallReport:
    """Refuse what this venue cannot do; nothing was sent."""
    evidence = Evidence(source=EvidenceSource.LOCAL, endpoint=endpoint, received_ms=now_ms, detail=words)
    match request:
        case PlaceOrder():
            return _rejected(request, code, words, evidence)
        case AmendVenueOrder():
            return _amend_refused(request, code, words, evidence)
        case CancelVenueOrder():
            return not_processed(request, code, evidence)
        case ReplaceVenueOrder():
            # Nothing was cancelled either.
            cancel = cancel_not_processed(cancel_half(request), code, evidence)
            return replace_answered(request, cancel, _rejected(request.place, code, words, evidence))


def _rejected(request: PlaceOrder, code: str, words: str, evidence: Evidence) -> PlaceRejected:
    return PlaceRejected(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        attempt=request.attempt,
        code=code,
        text=words,
        evidence=evidence,
    )


def _amend_refused(request: AmendVenueOrder, code: str, words: str, evidence: Evidence) -> AmendReport:
    return AmendRefused(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        code=code,
        text=words,
        evidence=evidence,
    )


def _wait_ms(outcome: Outcome, answer: HttpAnswer) -> int:
    # For no longer than the session is silent because of such an answer.
    most_ms = BAN_MAX_MS if outcome.reason == _BANNED else SILENCE_MAX_MS
    return min(max(outcome.retry_after_ms, retry_after_ms(answer.headers)), most_ms)
