"""What an answer of Binance to an order call proves: the error table, and nothing else.

Pure. Whatever is not listed here as a proof is ambiguous; a new code of the venue can therefore never turn an order
that exists into one that does not.
"""

from dataclasses import replace

from exchanges.outcomes import (
    DUPLICATE,
    HTTP_FORBIDDEN,
    HTTP_SERVER_ERROR,
    REJECTED,
    UNREADABLE,
    Outcome,
    OutcomeClass,
)

HTTP_BANNED = 418

NEW_ORDER_REJECTED = -2010
CANCEL_REJECTED = -2011
NO_SUCH_ORDER = -2013
REPLACE_PARTLY_FAILED = -2021
REPLACE_FAILED = -2022
AMEND_REJECTED = -2038
TIMESTAMP_OUTSIDE_WINDOW = -1021
TOO_MANY_ORDERS = -1015

_NOT_PROCESSED = {
    -1003: Outcome(OutcomeClass.NOT_PROCESSED, "rate_limited"),
    TOO_MANY_ORDERS: Outcome(OutcomeClass.NOT_PROCESSED, "rate_limited"),
    -1008: Outcome(OutcomeClass.NOT_PROCESSED, "overloaded", retry_after_ms=1000),
    -1016: Outcome(OutcomeClass.NOT_PROCESSED, "shutting_down", retry_after_ms=5000),
    TIMESTAMP_OUTSIDE_WINDOW: Outcome(OutcomeClass.NOT_PROCESSED, "clock"),
    -1034: Outcome(OutcomeClass.NOT_PROCESSED, "overloaded", retry_after_ms=1000),
}
_DEFINITE = frozenset({-1002, -1013, -1014, -1020, -1022, -1145, -1220, -2014, -2015, *range(-1135, -1099)})
# No such order; archived; the two ids name different orders.
_ANSWERS = frozenset({NO_SUCH_ORDER, -2026, -2039})
_AMBIGUOUS = {-1000: "server_error", -1001: "server_error", -1006: "status_unknown", -1007: "status_unknown"}


def classify_place(status: int, code: int | None, words: str) -> Outcome:
    """Sort an answer to a place call that is not a readable 200: HTTP status, code and text of its body."""
    if code == NEW_ORDER_REJECTED and status < HTTP_SERVER_ERROR:
        return _rejected_order(words)
    return _classify(status, code, _DEFINITE)


def classify_cancel(status: int, code: int | None) -> Outcome:
    """Sort an answer to a cancel call in the same way."""
    return _classify(status, code, _DEFINITE | {CANCEL_REJECTED})


def classify_amend(status: int, code: int | None) -> Outcome:
    """Sort an answer to an amend call in the same way."""
    return _classify(status, code, _DEFINITE | _ANSWERS | {AMEND_REJECTED, CANCEL_REJECTED})


def classify_read(status: int, code: int | None) -> Outcome:
    """Sort an answer to a question in the same way; definite means that the venue did answer it."""
    return _classify(status, code, _DEFINITE | _ANSWERS)


def _rejected_order(words: str) -> Outcome:
    if not words:
        # The text alone tells a refusal from a duplicate.
        return Outcome(OutcomeClass.AMBIGUOUS, "status_unknown")
    if "duplicate" in words.lower():
        return DUPLICATE
    return REJECTED


def _classify(status: int, code: int | None, definite: frozenset[int]) -> Outcome:
    if code in _NOT_PROCESSED:
        found = _NOT_PROCESSED[code]
        return replace(found, reason="banned") if status == HTTP_BANNED else found
    if status >= HTTP_SERVER_ERROR:
        return Outcome(OutcomeClass.AMBIGUOUS, _AMBIGUOUS.get(code or 0, "server_error"))
    if code in definite:
        return REJECTED
    if code is None and status == HTTP_FORBIDDEN:
        return Outcome(OutcomeClass.NOT_PROCESSED, "forbidden", retry_after_ms=5000)
    if code is None:
        return UNREADABLE
    return Outcome(OutcomeClass.AMBIGUOUS, _AMBIGUOUS.get(code, "status_unknown"))
