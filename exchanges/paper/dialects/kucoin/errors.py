"""How KuCoin says no: codes, words and HTTP statuses, and which refusal of the engine is worded how.

Most refusals come with HTTP 200; only the `code` of the envelope tells them from success. Constants only.
"""

from dataclasses import dataclass

from exchanges.paper.model import RefusalReason

SUCCESS = "200000"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way of saying no."""

    code: str
    text: str
    status: int = 200


class KucoinError(Exception):
    """A request was refused and changed nothing."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code, refusal.text)
        self.refusal = refusal


MISSING_HEADERS = Refusal(
    "400001", "Please check the header of your request for KC-API-KEY, KC-API-SIGN and others", 401
)
INVALID_TIMESTAMP = Refusal("400002", "Invalid KC-API-TIMESTAMP", 401)
UNKNOWN_KEY = Refusal("400003", "KC-API-KEY not exists", 401)
INVALID_PASSPHRASE = Refusal("400004", "Invalid KC-API-PASSPHRASE", 401)
INVALID_SIGNATURE = Refusal("400005", "Invalid KC-API-SIGN", 401)
INVALID_BODY = Refusal("400100", "The request body is not a JSON object", 400)
UNSUPPORTED_MEDIA_TYPE = Refusal("415000", "Unsupported Media Type", 415)
NOT_FOUND = Refusal("404000", "Url Not Found", 404)
TOO_MANY_REQUESTS = Refusal("429000", "Too many requests. System-level rate limit exceeded.", 429)
INTERNAL_ERROR = Refusal("500000", "Internal Server Error")
TOO_LATE = Refusal("126041", "clientTimestamp is invalid or outside of allowMaxTimeWindow")
UNKNOWN_SYMBOL = Refusal("900001", "Symbol does not exist")
UNKNOWN_ORDER = Refusal("102436", "The order does not exist")
TOO_MANY_ORDERS = Refusal("102427", "Too many active orders")
WRONG_INCREMENT = Refusal("600100", "The size, funds or price increment is invalid")
INVALID_PARAMETER = Refusal("102411", "Order parameter error")
CLASSIC_UNKNOWN_ORDER = Refusal("400100", "order_not_exist_or_not_allow_to_cancel")
CLASSIC_TOO_MANY_ORDERS = Refusal("200003", "Too many untriggered stop orders")

_COMMON = {
    RefusalReason.UNKNOWN_SYMBOL: UNKNOWN_SYMBOL,
    RefusalReason.NOT_TRADING: Refusal("600203", "Symbol is not tradable"),
    RefusalReason.PRICE_FILTER: WRONG_INCREMENT,
    RefusalReason.LOT_SIZE: WRONG_INCREMENT,
    RefusalReason.MARKET_LOT_SIZE: Refusal("102435", "The order size exceeds the maximum"),
    RefusalReason.NOTIONAL: Refusal("600101", "The order funds should more then the minimum funds."),
    RefusalReason.WOULD_TRIGGER: Refusal("400100", "The stop price is on the wrong side of the last price"),
}
_HF = _COMMON | {
    RefusalReason.DUPLICATE_CLIENT_ID: Refusal("102426", "clientOid duplicate"),
    RefusalReason.INSUFFICIENT_FUNDS: Refusal("102421", "Balance insufficient!"),
    RefusalReason.UNKNOWN_ORDER: UNKNOWN_ORDER,
}
_CLASSIC = _COMMON | {
    RefusalReason.DUPLICATE_CLIENT_ID: Refusal("400100", "validation.createOrder.clientOidDuplicated"),
    RefusalReason.INSUFFICIENT_FUNDS: Refusal("200004", "Balance insufficient!"),
    RefusalReason.UNKNOWN_ORDER: CLASSIC_UNKNOWN_ORDER,
}


def refused(reason: RefusalReason, *, classic: bool = False) -> Refusal:
    """Return how the HF endpoints, or the classic ones of stop orders, word a refusal of the engine."""
    return (_CLASSIC if classic else _HF).get(reason, INVALID_PARAMETER)


def invalid(text: str) -> KucoinError:
    """Return the refusal of a parameter: 400100."""
    return KucoinError(Refusal("400100", text, 400))
