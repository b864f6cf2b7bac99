"""What an answer of KuCoin to an order call proves: the error table, and nothing else.

Pure. Whatever is not listed here as a proof is ambiguous; a new code of the venue can therefore never turn an order
that exists into one that does not. Codes decide; a text only ever tells more, where one code stands for many things.

A network may deliver a placement twice and answer with the second delivery. So a refusal that the first one can have
caused, by the client id, the funds or the place in a limit that its order takes, proves nothing. Neither does an answer
that the venue did not act on this one: for how long it refuses the client id of an order that has ended, nobody says.
"""

import re

from exchanges.outcomes import (
    DUPLICATE,
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

SUCCESS = "200000"
UNKNOWN_ORDER = "102436"
TIMESTAMP_REFUSED = "400002"
BLOCKED = "1015"
"""The protection in front of the venue has blocked our address."""

DOUBTED = Outcome(OutcomeClass.AMBIGUOUS, "rejected_or_duplicate")
"""Refused, by what an order of the same request can be the cause of."""

_INVALID = "400100"
# How it may say that a client id was used before, once all but the letters is gone.
_NAMES_USED_ID = re.compile(r"client(?:order)?o?id|duplicat|alreadyused|beenused|alreadyexist|reuse|repeat").search
_NO_LETTER = re.compile(r"[^a-z]+")
_DUPLICATES = frozenset({"102426", "126044", "126033"})
_NOT_PROCESSED = {
    "429000": RATE_LIMITED,
    BLOCKED: Outcome(OutcomeClass.NOT_PROCESSED, "banned"),
    TIMESTAMP_REFUSED: Outcome(OutcomeClass.NOT_PROCESSED, "clock"),
}
_TROUBLE = frozenset({"500000", "230005", "408000", "126038", "126039"})
# Of any call: what is asked is not well-formed, or not for this credential or address.
_CALL_REFUSED = frozenset(
    {
        *("102411", "200009", "300000", "400001", "400003", "400004", "400005", "400006", "400007", "400200"),
        *("400500", "401000", "404000", "411100", "415000", "900001"),
    }
)
# Balance, number of orders, limits to what is held, prices beside a market that it has moved: the order itself, once
# placed, can be what is in its way.
_IN_THE_WAY = frozenset(
    {"102421", "200004", "230003", "102427", "200003", "102429", "400330", "400350", "400370", "400760"}
)
_ORDER_REFUSED = frozenset({"102434", "102435", "400600", "200001", "600100", "600101", "600203"})
_NOT_CANCELLABLE = frozenset({UNKNOWN_ORDER, "102428", "200002"})


def classify_place(status: int, code: str | None, words: str) -> Outcome:
    """Sort an answer to a place call that is not a success: HTTP status, code and text of its body."""
    if code in _DUPLICATES:
        return DUPLICATE
    outcome = _classify(status, code, _CALL_REFUSED | _ORDER_REFUSED | _IN_THE_WAY | {_INVALID})
    if outcome.kind is OutcomeClass.NOT_PROCESSED:
        return Outcome(OutcomeClass.AMBIGUOUS, outcome.reason)
    if outcome is not REJECTED or code in _CALL_REFUSED | _ORDER_REFUSED:
        return outcome
    said = _NO_LETTER.sub("", words.lower())
    return DUPLICATE if code == _INVALID and _NAMES_USED_ID(said) else DOUBTED


def classify_cancel(status: int, code: str | None) -> Outcome:
    """Sort an answer to a cancel call in the same way; definite says nothing about the order."""
    return _classify(status, code, _CALL_REFUSED | _NOT_CANCELLABLE | {_INVALID})


def classify_read(status: int, code: str | None) -> Outcome:
    """Sort an answer to a question in the same way; definite means that the venue did answer it."""
    return _classify(status, code, _CALL_REFUSED | {UNKNOWN_ORDER, _INVALID})


def concerns_order(code: str) -> bool:
    """Whether the refusal of a cancel is about its order, rather than about our call or credential."""
    return code in _NOT_CANCELLABLE or code == _INVALID


def _classify(status: int, code: str | None, definite: frozenset[str]) -> Outcome:
    if status >= HTTP_SERVER_ERROR:
        return SERVER_ERROR
    if code in _NOT_PROCESSED:
        return _NOT_PROCESSED[code]
    if status == HTTP_TOO_MANY:
        return _NOT_PROCESSED[BLOCKED] if code is None else RATE_LIMITED
    if code is None:
        return UNREADABLE
    if code in definite:
        return REJECTED
    return SERVER_ERROR if code in _TROUBLE else UNKNOWN
