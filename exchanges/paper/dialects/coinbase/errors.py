"""Coinbase's refusals: bodies of HTTP errors, and the reasons of answers that refuse with status 200."""

from dataclasses import dataclass, field
from typing import Any

UNAUTHORIZED_TEXT = b"Unauthorized"
UNKNOWN_ORDER_REASON = "UNKNOWN_FAILURE_REASON"
UNKNOWN_PREVIEW_REASON = "UNKNOWN_PREVIEW_FAILURE_REASON"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRefusal:
    """A refusal by HTTP status. A body of None is the plain text of a 401."""

    status: int
    body: dict[str, Any] | None = field(default=None)


class CoinbaseError(Exception):
    """Ends the handling of a request with an HTTP error."""

    def __init__(self, refusal: HttpRefusal) -> None:
        """Take the refusal."""
        super().__init__(str(refusal.status))
        self.refusal = refusal


UNAUTHORIZED = HttpRefusal(status=401)
NOWHERE = HttpRefusal(status=404, body={"error": "Not Found", "code": 5, "message": "Not Found", "details": []})
TOO_MANY_REQUESTS: dict[str, Any] = {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]}


def invalid_argument(details: str) -> HttpRefusal:
    """Return the error of a request that cannot be read."""
    return HttpRefusal(status=400, body={"error": "INVALID_ARGUMENT", "error_details": details, "message": details})


def not_found(details: str, *, error: str = "unknown") -> HttpRefusal:
    """Return the error of a request for something that does not exist."""
    return HttpRefusal(status=404, body={"error": error, "error_details": details, "message": details})


ORDER_NOT_FOUND = not_found("order with this orderID was not found")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a placement or an edit is refused: a reason of its own, or one of its preview."""

    reason: str
    message: str

    @property
    def is_preview(self) -> bool:
        """Whether the preview refused it."""
        return self.reason.startswith("PREVIEW_")


class PlacementRefused(Exception):
    """Ends the handling of a placement with an answer of status 200."""

    def __init__(self, refusal: Refusal) -> None:
        """Take the reason."""
        super().__init__(refusal.reason)
        self.refusal = refusal


class EditRefused(Exception):
    """Ends the handling of an edit with an answer of status 200."""

    def __init__(self, reason: str) -> None:
        """Take the reason, of the edit or of its preview."""
        super().__init__(reason)
        self.reason = reason


def placement_error(refusal: Refusal) -> dict[str, Any]:
    """Return the `error_response` of a placement."""
    return {
        "error": UNKNOWN_ORDER_REASON if refusal.is_preview else refusal.reason,
        "message": refusal.message,
        "error_details": "",
        "preview_failure_reason": _preview(refusal),
        "new_order_failure_reason": UNKNOWN_ORDER_REASON if refusal.is_preview else refusal.reason,
    }


def edit_error(reason: str) -> dict[str, Any]:
    """Return one entry of an edit's `errors`."""
    is_preview = reason.startswith("PREVIEW_")
    return {
        "edit_failure_reason": "UNKNOWN_EDIT_ORDER_FAILURE_REASON" if is_preview else reason,
        "preview_failure_reason": reason if is_preview else UNKNOWN_PREVIEW_REASON,
    }


def _preview(refusal: Refusal) -> str:
    if refusal.is_preview:
        return refusal.reason
    return "PREVIEW_INSUFFICIENT_FUND" if refusal.reason == "INSUFFICIENT_FUND" else UNKNOWN_PREVIEW_REASON


INSUFFICIENT_FUND = Refusal("INSUFFICIENT_FUND", "Insufficient balance in source account")
DUPLICATE = Refusal("DUPLICATE_CLIENT_ORDER_ID", "Client order id has been used")
