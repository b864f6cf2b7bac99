"""What an answer of Kraken to an order call proves: the error table, and nothing else.

Pure. Whatever is not listed here as a proof is ambiguous; a new error of the venue can therefore never turn an order
that exists into one that does not. Errors come as texts, compared as far as they are listed: some carry more behind.
"""

from collections.abc import Iterable, Sequence

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
LOCKED_OUT = "EGeneral:Temporary lockout"
THROTTLED = "EService: Throttled"
INVALID_ORDER = "EOrder:Invalid order"
UNKNOWN_ORDER = "EOrder:Unknown order"
TOO_MANY_REQUESTS = ("EGeneral:Too many requests", "EAuth:Rate limit exceeded", "EAuth:Too many requests")

_NONCE_SEEN = Outcome(OutcomeClass.AMBIGUOUS, "nonce_seen")
"""The second delivery of a request is answered so, too: the first may have done everything."""
_NOT_UNIQUE = "EGeneral:Invalid arguments:cl_ord_id not unique"

_ENGINE_LIMITED = Outcome(OutcomeClass.NOT_PROCESSED, "rate_limited", retry_after_ms=ENGINE_PAUSE_MS)
_MODE = Outcome(OutcomeClass.NOT_PROCESSED, "market_mode", retry_after_ms=5000)
# The first text that fits decides, so a longer one stands before what it begins with.
_TABLE: tuple[tuple[str, Outcome], ...] = (
    (_NOT_UNIQUE, DUPLICATE),
    (INVALID_NONCE, _NONCE_SEEN),
    ("EService:Deadline elapsed", Outcome(OutcomeClass.NOT_PROCESSED, "validity_passed")),
    (CALLS_EXHAUSTED, _ENGINE_LIMITED),
    (THROTTLED, RATE_LIMITED),
    ("EService:Throttled", RATE_LIMITED),
    ("EOrder:Rate limit exceeded", _ENGINE_LIMITED),
    ("EOrder:Domain rate limit exceeded", _ENGINE_LIMITED),
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


def classify_place(status: int, errors: Sequence[str] | None) -> Outcome:
    """Sort an answer to a place call that is not a readable success: HTTP status and the errors of its body, None when
    the body cannot be read.
    """
    return _classify(status, errors, _TABLE)


def classify_change(status: int, errors: Sequence[str] | None) -> Outcome:
    """Sort an answer to a cancel or an amend call in the same way."""
    return _classify(status, errors, (*_OF_AN_ORDER, *_TABLE))


def classify_read(status: int, errors: Sequence[str] | None) -> Outcome:
    """Sort an answer to a question in the same way; definite means that the venue did answer it."""
    return _classify(status, errors, (*_OF_AN_ORDER, *_TABLE))


def begins(error: str, listed: str) -> bool:
    """Whether an error is the listed one, with or without details behind."""
    return error.startswith(listed) and (len(error) == len(listed) or error[len(listed)] in _BEHIND)


def _classify(status: int, errors: Sequence[str] | None, table: Iterable[tuple[str, Outcome]]) -> Outcome:
    if status != HTTP_OK:
        # The venue answers everything with 200: this is somebody in between.
        return SERVER_ERROR if status >= HTTP_SERVER_ERROR else UNKNOWN
    if not errors:
        return UNREADABLE
    rows = tuple(table)
    return min((_one(error, rows) for error in errors), key=lambda outcome: _RANK[outcome.kind])


def _one(error: str, rows: Iterable[tuple[str, Outcome]]) -> Outcome:
    for listed, outcome in rows:
        if begins(error, listed):
            return outcome
    return UNKNOWN
