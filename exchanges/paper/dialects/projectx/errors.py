"""The ProjectX Gateway's refusals: error codes in an envelope of HTTP 200, model binding errors, missing permission.

The same number means different things at different endpoints; the names here say whose it is. Nothing here decides.
"""

from typing import Any

from exchanges.paper.dialects.projectx.codec import BindingError
from exchanges.paper.model import Events, RefusalReason

LOGIN_USER_NOT_FOUND = 1
LOGIN_INVALID_CREDENTIALS = 3
ACCOUNT_NOT_FOUND = 1
"""Everywhere but at login and at look-ups."""
LOOKUP_NOT_FOUND = 1
"""Order, contract or bars."""

PLACE_REJECTED = 2
PLACE_INSUFFICIENT_FUNDS = 3
PLACE_VIOLATION = 4
PLACE_OUTSIDE_HOURS = 5
PLACE_PENDING = 6
PLACE_UNKNOWN_ERROR = 7
PLACE_CONTRACT_NOT_FOUND = 8
PLACE_CONTRACT_NOT_ACTIVE = 9

CHANGE_ORDER_NOT_FOUND = 2
"""Cancel and modify."""
CHANGE_REJECTED = 3
CHANGE_PENDING = 4
CHANGE_UNKNOWN_ERROR = 5

CLOSE_POSITION_NOT_FOUND = 2
CLOSE_CONTRACT_NOT_FOUND = 3
CLOSE_CONTRACT_NOT_ACTIVE = 4
CLOSE_REJECTED = 5
CLOSE_PENDING = 6
CLOSE_UNKNOWN_ERROR = 7
PARTIAL_INVALID_SIZE = 5
PARTIAL_REJECTED = 6
PARTIAL_PENDING = 7
PARTIAL_UNKNOWN_ERROR = 8

BARS_UNIT_INVALID = 2
BARS_UNIT_NUMBER_INVALID = 3
BARS_LIMIT_INVALID = 4

TAG_IN_USE = "Order rejected: custom tag already in use."

_PLACE_CODES = {
    RefusalReason.UNKNOWN_ACCOUNT: ACCOUNT_NOT_FOUND,
    RefusalReason.UNKNOWN_SYMBOL: PLACE_CONTRACT_NOT_FOUND,
    RefusalReason.NOT_TRADING: PLACE_OUTSIDE_HOURS,
    RefusalReason.INSUFFICIENT_FUNDS: PLACE_INSUFFICIENT_FUNDS,
}


class Refusal(Exception):
    """A request that is refused in the envelope of its endpoint, with HTTP 200."""

    def __init__(
        self, code: int, message: str | None = None, *, fields: dict[str, Any] | None = None, events: Events = ()
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        """Usually None; the text is all that tells a used tag from another rejection."""
        self.fields = fields or {}
        """What the answer says besides, in place of what its endpoint says when it refuses."""
        self.events = events
        """What the request did all the same."""


class Unauthorized(Exception):
    """No token, or none that is good: HTTP 401 without a body."""


def place_code(reason: RefusalReason) -> int:
    """Return the code with which a placement is refused."""
    return _PLACE_CODES.get(reason, PLACE_REJECTED)


def problem(error: BindingError, trace: int) -> dict[str, Any]:
    """Return the body of a 400."""
    return {
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
        "title": "One or more validation errors occurred.",
        "status": 400,
        "errors": {error.field: [error.reason]},
        "traceId": f"00-{trace:032x}-{trace % 2**64:016x}-00",
    }
