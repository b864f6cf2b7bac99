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

BANNED = Outcome(OutcomeClass.NOT_PROCESSED, "banned")
_CLOCK = Outcome(OutcomeClass.NOT_PROCESSED, "clock")
# The venue's firewall, before any of its services.
_FORBIDDEN = Outcome(OutcomeClass.NOT_PROCESSED, "forbidden", retry_after_ms=5000)

_CREDENTIALS = frozenset({400, 401, 403, 602, 10072, 700001, 700002, 700006, 700007, 700013, 730706})
_REFUSALS = frozenset(
    {
        *(-1128, -1121, 26),
        *(10007, *range(10095, 10099), 10101),
        *(30000, 30001, 30002, 30003, 30004, 30005, 30010, 30014, 30016, 30018, 30019, 30020, 30021, 30025),
        *(30027, 30028, 30029, 30032, 30041, 30051, 30087),
        *(33333, 44444, 60005, 70011, 700004, 700005, 700008, 730002),
    }
)
_DEFINITE = _REFUSALS | _CREDENTIALS
_SERVER_ERRORS = frozenset({500, 503, 504, 20002, 730000})


def classify_place(status: int, code: int | None, *, in_time: bool) -> Outcome:
    """Sort an answer to a place call that is no acknowledgement: HTTP status and code of its body.

    `in_time`: it came while the placement was valid. A refused time proves nothing when it came later: it may answer a
    second delivery of the request, which came too late, while the first one was accepted.
    """
    outcome = _classify(status, code, _DEFINITE)
    return outcome if in_time or outcome is not _CLOCK else UNKNOWN


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
