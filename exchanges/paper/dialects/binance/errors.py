"""Binance's error codes and texts, and which of them each refusal of the engine becomes."""

from dataclasses import dataclass
from typing import Any

from exchanges.paper.model import RefusalReason

BAD_REQUEST = 400
UNAUTHORIZED = 401
CONFLICT = 409
BANNED = 418
TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal as Binance words it."""

    code: int
    text: str
    status: int = BAD_REQUEST

    def body(self) -> dict[str, Any]:
        """Return the JSON body."""
        return {"code": self.code, "msg": self.text}


class BinanceError(Exception):
    """Ends the handling of a request with a refusal."""

    def __init__(self, refusal: Refusal, data: dict[str, Any] | None = None) -> None:
        """Take the refusal and, for cancel-replace, its details."""
        super().__init__(refusal.text)
        self.refusal = refusal
        self.data = data

    def body(self) -> dict[str, Any]:
        """Return the JSON body."""
        return self.refusal.body() if self.data is None else self.refusal.body() | {"data": self.data}


def refused(reason: RefusalReason) -> Refusal:
    """Return the error for a placement or cancel that the engine refused."""
    return _REFUSALS[reason]


def missing(name: str) -> Refusal:
    """Return the error for a mandatory parameter that is missing or unreadable."""
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def no_order_named(by_id: str, by_client_id: str) -> Refusal:
    """Return the error for a request that names no order by either parameter."""
    return Refusal(-1102, f"Param '{by_client_id}' or '{by_id}' must be sent, but both were empty/null!")


def not_required(name: str) -> Refusal:
    """Return the error for a parameter that this request does not take."""
    return Refusal(-1106, f"Parameter '{name}' sent when not required.")


def illegal(name: str, legal: str) -> Refusal:
    """Return the error for a value outside its legal pattern."""
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def too_precise(name: str) -> Refusal:
    """Return the error for a number with too many decimals."""
    return Refusal(-1111, f"Parameter '{name}' has too much precision.")


INVALID_SYMBOL = Refusal(-1121, "Invalid symbol.")
INVALID_TYPE = Refusal(-1116, "Invalid orderType.")
INVALID_SIDE = Refusal(-1117, "Invalid side.")
INVALID_TIME_IN_FORCE = Refusal(-1115, "Invalid timeInForce.")
INVALID_RESTRICTION = Refusal(-1145, "Invalid cancelRestrictions.")
INVALID_RECV_WINDOW = Refusal(-1131, "recvWindow must be less than 60000.")
DUPLICATE_PARAMETER = Refusal(-1101, "Duplicate values for a parameter detected.")
BAD_COMBINATION = Refusal(-1128, "Combination of optional parameters invalid.")
MORE_THAN_A_DAY = Refusal(-1127, "More than 24 hours between startTime and endTime.")
BAD_KEY_FORMAT = Refusal(-2014, "API-key format invalid.", UNAUTHORIZED)
UNKNOWN_KEY = Refusal(-2015, "Invalid API-key, IP, or permissions for action.", UNAUTHORIZED)
BAD_SIGNATURE = Refusal(-1022, "Signature for this request is not valid.")
TOO_EARLY = Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
TOO_LATE = Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")
NO_SUCH_ORDER = Refusal(-2013, "Order does not exist.")
ID_MISMATCH = Refusal(-2039, "Client order ID is not correct for this order ID.")
UNKNOWN_ORDER = Refusal(-2011, "Unknown order sent.")
RESTRICTED_CANCEL = Refusal(-2011, "Order was not canceled due to cancel restrictions.")
DUPLICATE_ORDER = Refusal(-2010, "Duplicate order sent.")
UNSUPPORTED = Refusal(-1020, "This operation is not supported.")
INVALID_JSON = Refusal(-1135, "Invalid JSON Request.")
ALREADY_SUBSCRIBED = Refusal(-2035, "User Data Stream subscription is already active.")
NOT_SUBSCRIBED = Refusal(-2036, "User Data Stream subscription is not active.")
TOO_MANY_ORDERS = Refusal(
    -1015, "Too many new orders; current limit is 100 orders per 10 SECOND.", TOO_MANY_REQUESTS
)
OUTCOME_UNKNOWN = Refusal(
    -1007, "Timeout waiting for response from backend server. Send status unknown; execution status unknown.", 503
)

AMENDS = {
    RefusalReason.AMEND_INCREASE: Refusal(-2038, "Order amend (quantity increase) is not supported."),
    RefusalReason.AMEND_NO_CHANGE: Refusal(-2038, "The requested action would change no state; rejecting"),
    RefusalReason.UNKNOWN_ORDER: Refusal(-2038, "Unknown order sent."),
    RefusalReason.LOT_SIZE: Refusal(-1013, "Filter failure: LOT_SIZE"),
    RefusalReason.AMENDED_TOO_OFTEN: Refusal(-2038, "Filter failure: MAX_NUM_ORDER_AMENDS"),
}
"""The errors of the amend call, which words unknown orders in its own way."""

_REFUSALS = {
    RefusalReason.UNKNOWN_ACCOUNT: UNKNOWN_KEY,
    RefusalReason.UNKNOWN_SYMBOL: INVALID_SYMBOL,
    RefusalReason.NOT_TRADING: Refusal(-2010, "Market is closed."),
    RefusalReason.MALFORMED: Refusal(-1013, "Invalid quantity."),
    RefusalReason.PRICE_FILTER: Refusal(-1013, "Filter failure: PRICE_FILTER"),
    RefusalReason.LOT_SIZE: Refusal(-1013, "Filter failure: LOT_SIZE"),
    RefusalReason.MARKET_LOT_SIZE: Refusal(-1013, "Filter failure: MARKET_LOT_SIZE"),
    RefusalReason.NOTIONAL: Refusal(-1013, "Filter failure: NOTIONAL"),
    RefusalReason.DUPLICATE_CLIENT_ID: DUPLICATE_ORDER,
    RefusalReason.INSUFFICIENT_FUNDS: Refusal(-2010, "Account has insufficient balance for requested action."),
    RefusalReason.WOULD_TAKE: Refusal(-2010, "Order would immediately match and take."),
    RefusalReason.WOULD_TRIGGER: Refusal(-2010, "Order would trigger immediately."),
    RefusalReason.UNKNOWN_ORDER: UNKNOWN_ORDER,
}
