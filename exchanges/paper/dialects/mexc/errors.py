"""MEXC's error codes and texts, and which of them each refusal of the engine becomes. It decides nothing."""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from exchanges.paper.model import RefusalReason
from messages.types import Side

BAD_REQUEST = 400
TOO_MANY_REQUESTS = 429
BANNED = 418
UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal as MEXC words it. Clients are to go by the code: texts change."""

    code: int
    text: str
    extra: MappingProxyType[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Further fields of the body."""

    def body(self) -> dict[str, Any]:
        """Return the JSON body."""
        return {"code": self.code, "msg": self.text, **self.extra}


class MexcError(Exception):
    """Ends the handling of a request with a refusal, always HTTP 400."""

    def __init__(self, refusal: Refusal) -> None:
        """Take the refusal."""
        super().__init__(refusal.text)
        self.refusal = refusal


def missing(*names: str) -> MexcError:
    """Return the error for mandatory parameters of which none was sent."""
    if len(names) == 1:
        return MexcError(
            Refusal(700004, f"Mandatory parameter '{names[0]}' was not sent, was empty/null, or malformed.")
        )
    named = " or ".join(f"'{name}'" for name in names)
    return MexcError(Refusal(700004, f"Param {named} must be sent, but both were empty/null!"))


def illegal(name: str) -> MexcError:
    """Return the error for illegal characters in a parameter."""
    return MexcError(Refusal(700008, f"Illegal characters found in parameter '{name}'."))


def invalid(name: str) -> MexcError:
    """Return the error for a readable value that the endpoint does not take."""
    return MexcError(Refusal(33333, f"param error: {name}"))


_NO_EXTENSION = MappingProxyType({"_extend": None})

NO_KEY = Refusal(400, "api key required")
BAD_KEY_FORMAT = Refusal(700001, "API-key format invalid.")
UNKNOWN_KEY = Refusal(10072, "Api key info invalid")
BAD_SIGNATURE = Refusal(700002, "Signature for this request is not valid.")
OUTSIDE_WINDOW = Refusal(700003, "Timestamp for this request is outside of the recvWindow.")
INVALID_WINDOW = Refusal(700005, "recvWindow must less than 60000")
BAD_CONTENT_TYPE = Refusal(700013, "Invalid content Type.")
BAD_COMBINATION = Refusal(-1128, "Combination of optional parameters invalid.")
INVALID_SYMBOL = Refusal(-1121, "Invalid symbol.")
NOT_BY_API = Refusal(10007, "symbol not support api")
SUSPENDED = Refusal(30016, "Trading disabled")
BELOW_MINIMUM = Refusal(30002, "The minimum transaction volume cannot be less than the minimum of the symbol")
ABOVE_MAXIMUM = Refusal(30003, "The maximum transaction volume cannot be greater than the maximum of the symbol")
ABOVE_MARKET_MAXIMUM = Refusal(30032, "Cannot exceed the maximum position")
INVALID_SCALE = Refusal(33333, "param error: quantity scale is invalid")
BAD_PRICE = Refusal(30087, "Order price exceeds allowed range")
TOO_MANY_OPEN = Refusal(30027, "The number of open orders has reached the upper limit")
TOO_MANY_KEYS = Refusal(30028, "The number of listen keys has reached the upper limit")
UNKNOWN_LISTEN_KEY = Refusal(730002, "Parameter error: listenKey")
NO_SUCH_ORDER = Refusal(-2013, "Order does not exist.", _NO_EXTENSION)
UNKNOWN_ORDER = Refusal(-2011, "Unknown order sent.", _NO_EXTENSION)
SLOW_DOWN = Refusal(429, "Too Many Requests")
OUTCOME_UNKNOWN = Refusal(503, "Unknown error, please check your request or try again later.")

_SHORT_OF = {
    Side.BUY: Refusal(30004, "Insufficient position"),
    Side.SELL: Refusal(30005, "Oversold"),
}
_REFUSALS = {
    RefusalReason.UNKNOWN_ACCOUNT: UNKNOWN_KEY,
    RefusalReason.UNKNOWN_SYMBOL: INVALID_SYMBOL,
    RefusalReason.NOT_TRADING: SUSPENDED,
    RefusalReason.PRICE_FILTER: BAD_PRICE,
    RefusalReason.MARKET_LOT_SIZE: ABOVE_MARKET_MAXIMUM,
}


def refused(reason: RefusalReason, side: Side) -> Refusal:
    """Return the error for a placement that the engine refused, where the reason alone tells which."""
    if reason is RefusalReason.INSUFFICIENT_FUNDS:
        return _SHORT_OF[side]
    return _REFUSALS.get(reason, Refusal(730002, "Parameter error"))
