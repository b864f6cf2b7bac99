"""What an answer of ProjectX to an order call proves: the error tables, and nothing else.

Pure. Codes are per endpoint: the same number means different things. Whatever is not listed here as a proof is
ambiguous; a new code of the venue can therefore never turn an order that exists into one that does not.
"""

import re

from exchanges.outcomes import (
    DUPLICATE,
    HTTP_BAD_REQUEST,
    HTTP_OK,
    HTTP_SERVER_ERROR,
    HTTP_TOO_MANY,
    HTTP_UNAUTHORIZED,
    REJECTED,
    SERVER_ERROR,
    UNKNOWN,
    UNREADABLE,
    Outcome,
    OutcomeClass,
)

ORDER_REJECTED = 2
"""Of a placement: anything from a margin rule to a client id that was used before. Its words are free text, and all
that tells them apart."""
ORDER_NOT_FOUND = 1
"""Of a look-up by id."""

# Words of refusals, in any spelling: a client id that is refused in words that are not recognised must not pass for an
# order that is refused.
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_ABOUT_THE_TAG = frozenset({"tag", "tags", "customtag", "customtags", "custom", "id", "ids", "cid", "ref", "reference"})
_ABOUT_ANOTHER = frozenset(
    {"already", "conflict", "conflicts", "duplicate", "duplicated", "duplicates", "exist", "existing", "exists"}
    | {"reused", "taken", "twice", "unique", "use", "used"}
)
_ABOUT_THE_ORDER = frozenset(
    {"insufficient", "margin", "funds", "balance", "risk", "loss", "maximum", "exceeds", "exceeded", "allowed"}
    | {"price", "tick", "ticks", "size", "quantity", "closed", "hours", "halted", "bracket", "brackets"}
)

_PLACE_REFUSED = frozenset({1, 3, 4, 5, 8, 9, 10})
_CHANGE_REFUSED = frozenset({1, 2, 3, 6, 7})
"""Of cancels and modifications. 2, no such order, says as little about the order as the others."""
_PENDING = {6: Outcome(OutcomeClass.AMBIGUOUS, "pending"), 7: UNKNOWN}
_CHANGE_PENDING = {4: Outcome(OutcomeClass.AMBIGUOUS, "pending"), 5: UNKNOWN}

# The venue may have acted before it refused to answer; 429 is normally a refusal, and nothing proves it.
_BY_STATUS = {
    HTTP_BAD_REQUEST: REJECTED,
    HTTP_UNAUTHORIZED: Outcome(OutcomeClass.AMBIGUOUS, "auth"),
    HTTP_TOO_MANY: Outcome(OutcomeClass.AMBIGUOUS, "rate_limited"),
}


def classify_place(status: int, code: int | None, words: str, *, attempt: int) -> Outcome:
    """Sort an answer to a placement that is no success: HTTP status, code and text of its body.

    `attempt` is the number of this sending: an earlier one may be why the client id is refused.
    """
    if status != HTTP_OK:
        return _by_status(status)
    if code == ORDER_REJECTED:
        return _rejected_order(words, attempt)
    if code in _PLACE_REFUSED:
        return REJECTED
    return UNREADABLE if code is None else _PENDING.get(code, UNKNOWN)


def classify_change(status: int, code: int | None) -> Outcome:
    """Sort an answer to a cancel or a modification in the same way."""
    if status != HTTP_OK:
        return _by_status(status)
    if code in _CHANGE_REFUSED:
        return REJECTED
    return UNREADABLE if code is None else _CHANGE_PENDING.get(code, UNKNOWN)


def _rejected_order(words: str, attempt: int) -> Outcome:
    said = {word.lower() for word in _WORDS.findall(words)}
    if said & _ABOUT_THE_TAG:
        return DUPLICATE
    told = not said.isdisjoint(_ABOUT_THE_ORDER)
    if said & _ABOUT_ANOTHER and not told:
        return DUPLICATE
    if told and attempt == 1 and said.isdisjoint(_ABOUT_ANOTHER):
        return REJECTED
    # It may be the client id as well as anything else, and the text of a repetition is no proof.
    return Outcome(OutcomeClass.AMBIGUOUS, "rejected_or_duplicate")


def _by_status(status: int) -> Outcome:
    if status >= HTTP_SERVER_ERROR:
        return SERVER_ERROR
    return _BY_STATUS.get(status, UNREADABLE)
