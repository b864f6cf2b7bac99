"""What an answer of MEXC to an order call proves: the error table, and nothing else.

Pure. Whatever is not listed here as a proof is ambiguous; a new code of the venue can therefore never turn an order
that exists into one that does not.
"""

from exchanges.outcomes import (
    HTTP_FORBIDDEN,
    HTTP_SERVER_ERROR,
    HTTP_TOO_MANY,
    RATE_LIMITED,
    REJECTED,
    SERVER_ERROR,
    UNKNOWN,
    UNREADABLE,
    Outcome,
    OutcomeClass,
)

HTTP_BANNED = 418

UNKNOWN_ORDER_CODES = frozenset({-2011, -2013, 22222, 30026})
"""No such order, or none that can be cancelled."""
CLOCK_CODES = frozenset({700003, 10073})
"""Our time is outside the window, by the venue's clock."""
LIMIT_CODES = frozenset({429, 510})

DOUBTED = Outcome(OutcomeClass.AMBIGUOUS, "rejected_or_duplicate")
"""Refused, by what an earlier delivery of the request can be the cause of."""
BANNED = Outcome(OutcomeClass.NOT_PROCESSED, "banned")
_CLOCK = Outcome(OutcomeClass.NOT_PROCESSED, "clock")
# The venue's firewall, before any of its services.
_FORBIDDEN = Outcome(OutcomeClass.NOT_PROCESSED, "forbidden", retry_after_ms=5000)

_CREDENTIALS = frozenset({400, 401, 403, 602, 10072, 700001, 700002, 700006, 700007, 700013, 730706})
_MALFORMED = frozenset(
    {-1128, 33333, 44444, 700004, 700005, 700008, 730002, 10095, 10096, 10097, 10098, 30002}
)
"""Parameters, their precision, amounts below the minimum."""
_NOT_HERE = frozenset({-1121, 26, 10007, 30000, 30001, 30014, 30016, 30018, 30019, 30020, 30021, 30051, 60005, 70011})
"""No such symbol, not traded or not so, not by this credential: whatever orders there are."""
_IN_THE_WAY = frozenset({10101, 30003, 30004, 30005, 30010, 30025, 30027, 30028, 30029, 30032, 30041, 30087})
"""Funds, maxima, limits, risk control, what the book offers: the order itself, once placed, can be what is in its
way."""
_PLACE_REFUSED = _CREDENTIALS | _MALFORMED | _NOT_HERE
_DEFINITE = _PLACE_REFUSED | _IN_THE_WAY
_SERVER_ERRORS = frozenset({500, 503, 504, 20002, 730000})


def classify_place(status: int, code: int | None) -> Outcome:
    """Sort an answer to a place call that is no acknowledgement: HTTP status and code of its body.

    The venue takes a client id twice, and a network may deliver a request twice and answer with the second delivery. So
    no answer proves that nothing was placed but one that the first delivery must have got as well.
    """
    outcome = _classify(status, code, _DEFINITE)
    if outcome.kind is OutcomeClass.NOT_PROCESSED:
        return Outcome(OutcomeClass.AMBIGUOUS, outcome.reason)
    return DOUBTED if outcome is REJECTED and code not in _PLACE_REFUSED else outcome


def classify_cancel(status: int, code: int | None) -> Outcome:
    """Sort an answer to a cancel call in the same way."""
    return _classify(status, code, _DEFINITE | UNKNOWN_ORDER_CODES)


def classify_read(status: int, code: int | None) -> Outcome:
    """Sort an answer to a question in the same way; definite means that the venue did answer it."""
    return _classify(status, code, _DEFINITE | UNKNOWN_ORDER_CODES)


def _classify(status: int, code: int | None, definite: frozenset[int]) -> Outcome:
    if status == HTTP_BANNED:
        return BANNED
    if status == HTTP_TOO_MANY:
        return RATE_LIMITED
    if status >= HTTP_SERVER_ERROR or code in _SERVER_ERRORS:
        # The order may have been placed all the same, whatever the body says.
        return SERVER_ERROR
    if code is None:
        return _FORBIDDEN if status == HTTP_FORBIDDEN else UNREADABLE
    if code in LIMIT_CODES:
        return RATE_LIMITED
    if code in CLOCK_CODES:
        return _CLOCK
    return REJECTED if code in definite else UNKNOWN
