"""What an answer of Kraken to an order call proves: the error table, and nothing else.

Pure. Whatever is not listed here as a proof is ambiguous; a new error of the venue can therefore never turn an order
that exists into one that does not. Errors come as texts, compared as far as they are listed: some carry more behind.

How the venue words that a client id is in use is not documented, so anything that may say so is taken for it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from exchanges.outcomes import (
    DUPLICATE,
    HTTP_OK,
    HTTP_SERVER_ERROR,
    RATE_LIMITED,
    REJECTED,
    SERVER_ERROR,
    UNKNOWN,
    UNREADABLE,
    Outcome,
    OutcomeClass,
)

LOCKOUT_MS = 15 * 60_000
"""How long a temporary lockout lasts."""
ENGINE_PAUSE_MS = 1000
"""After the engine's counter of a pair was full: at least a unit of it has worn off."""

INVALID_NONCE = "EAPI:Invalid nonce"
CALLS_EXHAUSTED = "EAPI:Rate limit exceeded"
ENGINE_EXHAUSTED = ("EOrder:Rate limit exceeded", "EOrder:Domain rate limit exceeded")
LOCKED_OUT = "EGeneral:Temporary lockout"
THROTTLED = "EService: Throttled"
INVALID_ORDER = "EOrder:Invalid order"
UNKNOWN_ORDER = "EOrder:Unknown order"
TOO_MANY_REQUESTS = ("EGeneral:Too many requests", "EAuth:Rate limit exceeded", "EAuth:Too many requests")

_NONCE_SEEN = Outcome(OutcomeClass.AMBIGUOUS, "nonce_seen")
"""The second delivery of a request is answered so, too: the first may have done everything."""

DOUBTED = Outcome(OutcomeClass.AMBIGUOUS, "rejected_or_duplicate")
"""Refused by what an order that an earlier attempt placed can be the cause of."""

# All but the letters of a text is gone. Our ids are well-formed: an argument error about one says that it is in use.
_NAMES_CLIENT_ID = re.compile(r"egeneralinvalidargument.*cl(?:ient)?ord(?:er)?id").match
_NAMES_DUPLICATE = re.compile(r"duplicat|unique|already|(?<!not)(?<!nt)(?<!non)exist").search
_NOT_LETTERS = re.compile(r"[^a-z]+")

_ENGINE_LIMITED = Outcome(OutcomeClass.NOT_PROCESSED, "rate_limited", retry_after_ms=ENGINE_PAUSE_MS)
_MODE = Outcome(OutcomeClass.NOT_PROCESSED, "market_mode", retry_after_ms=5000)
# The first text that fits decides, so a longer one stands before what it begins with.
_TABLE: tuple[tuple[str, Outcome], ...] = (
    (INVALID_NONCE, _NONCE_SEEN),
    ("EService:Deadline elapsed", Outcome(OutcomeClass.NOT_PROCESSED, "validity_passed")),
    (CALLS_EXHAUSTED, _ENGINE_LIMITED),
    (THROTTLED, RATE_LIMITED),
    ("EService:Throttled", RATE_LIMITED),
    *((each, _ENGINE_LIMITED) for each in ENGINE_EXHAUSTED),
    *((each, RATE_LIMITED) for each in TOO_MANY_REQUESTS),
    (LOCKED_OUT, Outcome(OutcomeClass.NOT_PROCESSED, "banned", retry_after_ms=LOCKOUT_MS)),
    ("EService:Market in cancel_only mode", _MODE),
    ("EService:Market in post_only mode", _MODE),
    ("EService:Market in limit_only mode", _MODE),
    ("EGeneral:Internal error", SERVER_ERROR),
    ("EDatabase:Internal error", SERVER_ERROR),
    ("EService:Unavailable", SERVER_ERROR),
    ("EService:Busy", SERVER_ERROR),
    ("EService:Timeout", SERVER_ERROR),
    ("EOrder:Insufficient funds", REJECTED),
    ("EOrder:Order minimum not met", REJECTED),
    ("EOrder:Cost minimum not met", REJECTED),
    ("EOrder:Tick size check failed", REJECTED),
    ("EOrder:Invalid price", REJECTED),
    ("EOrder:Orders limit exceeded", REJECTED),
    ("EOrder:Post only order", REJECTED),
    ("EOrder:Cannot open position", REJECTED),
    ("EOrder:Cannot open opposing position", REJECTED),
    ("EOrder:Margin", REJECTED),
    ("EOrder:Positions limit exceeded", REJECTED),
    ("EOrder:Reduce only", REJECTED),
    ("EOrder:Scheduled orders limit exceeded", REJECTED),
    ("EOrder:Trading agreement required", REJECTED),
    ("EGeneral:Invalid arguments", REJECTED),
    ("EGeneral:Permission denied", REJECTED),
    ("EAPI:Invalid key", REJECTED),
    ("EAPI:Invalid signature", REJECTED),
    ("EQuery:Unknown asset pair", REJECTED),
    ("EQuery:Invalid asset pair", REJECTED),
    ("EBM:limit exceeded:CAL", REJECTED),
    ("EAccount:Invalid permissions", REJECTED),
    ("EAuth:Account", REJECTED),
    ("ETrade:User Locked", REJECTED),
)
# An order that an earlier attempt placed holds funds, counts in limits and has moved its market. So these, unlike a
# refusal by what the request is, do not say that no attempt made one. Without details, an argument error says nothing.
_BY_STATE = (
    "EOrder:Insufficient funds",
    "EOrder:Orders limit exceeded",
    "EOrder:Post only order",
    "EOrder:Cannot open position",
    "EOrder:Cannot open opposing position",
    "EOrder:Margin",
    "EOrder:Positions limit exceeded",
    "EOrder:Reduce only",
    "EOrder:Scheduled orders limit exceeded",
    "EBM:limit exceeded:CAL",
)
_WITHOUT_DETAILS = re.compile(r"egeneralinvalidarguments?").fullmatch

# What more may stand behind a text, so that another text that merely begins alike is not taken for it.
_BEHIND = (":", " ", "(", ",")

# An answer about an order that is there or not: it refuses a cancel or an amend, and proves nothing about a placement.
_OF_AN_ORDER = ((UNKNOWN_ORDER, REJECTED), (INVALID_ORDER, REJECTED))

# Of several errors the least certain decides, but that an order exists is proven whatever else is said.
_RANK = {
    OutcomeClass.EXISTS: 0,
    OutcomeClass.AMBIGUOUS: 1,
    OutcomeClass.NOT_PROCESSED: 2,
    OutcomeClass.DEFINITE: 3,
}


def classify_place(status: int, errors: Sequence[str] | None, *, attempt: int) -> Outcome:
    """Sort an answer to a place call that is not a readable success: HTTP status and the errors of its body, None when
    the body cannot be read. `attempt`: which sending of the request it answers, from 1.

    A network may deliver a request twice and answer with the second delivery, and the venue takes a client id again as
    soon as the order of the first one has ended. So that the venue did not act on this one proves nothing.
    """
    outcome = _classify(status, errors, partial(_one_of_placement, attempt=attempt))
    if outcome.kind is OutcomeClass.NOT_PROCESSED:
        return Outcome(OutcomeClass.AMBIGUOUS, outcome.reason)
    return outcome


def classify_change(status: int, errors: Sequence[str] | None) -> Outcome:
    """Sort an answer to a cancel or an amend call in the same way."""
    return _classify(status, errors, _one_of_order)


def classify_read(status: int, errors: Sequence[str] | None) -> Outcome:
    """Sort an answer to a question in the same way; definite means that the venue did answer it."""
    return _classify(status, errors, _one_of_order)


def begins(error: str, listed: str) -> bool:
    """Whether an error is the listed one, with or without details behind."""
    return error.startswith(listed) and (len(error) == len(listed) or error[len(listed)] in _BEHIND)


def without_details(error: str) -> bool:
    """Whether an error is one of the arguments and does not say of which."""
    return _WITHOUT_DETAILS(_letters(error)) is not None


def _letters(error: str) -> str:
    return _NOT_LETTERS.sub("", error.lower())


def _classify(status: int, errors: Sequence[str] | None, one: Callable[[str], Outcome]) -> Outcome:
    if status != HTTP_OK:
        # The venue answers everything with 200: this is somebody in between.
        return SERVER_ERROR if status >= HTTP_SERVER_ERROR else UNKNOWN
    if not errors:
        return UNREADABLE
    return min(map(one, errors), key=lambda outcome: _RANK[outcome.kind])


def _one_of_placement(error: str, attempt: int) -> Outcome:
    said = _letters(error)
    if _NAMES_CLIENT_ID(said) or _NAMES_DUPLICATE(said):
        return DUPLICATE
    by_state = any(begins(error, each) for each in _BY_STATE) or _WITHOUT_DETAILS(said)
    return DOUBTED if attempt > 1 and by_state else _listed(error, _TABLE)


def _one_of_order(error: str) -> Outcome:
    return _listed(error, (*_OF_AN_ORDER, *_TABLE))


def _listed(error: str, rows: Iterable[tuple[str, Outcome]]) -> Outcome:
    return next((outcome for listed, outcome in rows if begins(error, listed)), UNKNOWN)
