"""What an answer proves about a request, in the four classes that every venue's table sorts into.

Pure, and the same for every venue; the tables are the venues' own. Whatever a table does not list as a proof is
ambiguous: a new code of a venue can never turn an order that exists into one that does not.
"""

from dataclasses import dataclass
from enum import StrEnum

HTTP_OK = 200
HTTP_BAD_REQUEST = 400
HTTP_UNAUTHORIZED = 401
HTTP_FORBIDDEN = 403
HTTP_NOT_FOUND = 404
HTTP_TOO_MANY = 429
HTTP_SERVER_ERROR = 500


class OutcomeClass(StrEnum):
    """What is proven about the request."""

    DEFINITE = "definite"
    """Refused: no order was made, nothing was cancelled or changed. Of a question: the venue did answer it."""
    NOT_PROCESSED = "not_processed"
    """Not acted on; may be sent again."""
    EXISTS = "exists"
    """An order already has this client id."""
    AMBIGUOUS = "ambiguous"
    """Nobody knows."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The class of an error answer, with the reason that reports carry."""

    kind: OutcomeClass
    reason: str
    retry_after_ms: int = 0


UNKNOWN = Outcome(OutcomeClass.AMBIGUOUS, "status_unknown")
SERVER_ERROR = Outcome(OutcomeClass.AMBIGUOUS, "server_error")
UNREADABLE = Outcome(OutcomeClass.AMBIGUOUS, "unreadable")
REJECTED = Outcome(OutcomeClass.DEFINITE, "rejected")
RATE_LIMITED = Outcome(OutcomeClass.NOT_PROCESSED, "rate_limited")
DUPLICATE = Outcome(OutcomeClass.EXISTS, "duplicate")
"""Proof that an order with this client id exists or existed; never a refusal."""
