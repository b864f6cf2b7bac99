"""Kraken's error texts, as far as the paper venue uses them. It decides nothing about who gets which."""

from exchanges.paper.model import RefusalReason

INVALID_KEY = "EAPI:Invalid key"
INVALID_SIGNATURE = "EAPI:Invalid signature"
INVALID_NONCE = "EAPI:Invalid nonce"
RATE_LIMIT = "EAPI:Rate limit exceeded"
LOCKOUT = "EGeneral:Temporary lockout"
PERMISSION_DENIED = "EGeneral:Permission denied"
INVALID_ARGUMENTS = "EGeneral:Invalid arguments"
UNKNOWN_METHOD = "EGeneral:Unknown method"
INTERNAL_ERROR = "EGeneral:Internal error"
DEADLINE_ELAPSED = "EService:Deadline elapsed"
UNKNOWN_PAIR = "EQuery:Unknown asset pair"
UNKNOWN_ASSET = "EQuery:Unknown asset"
UNKNOWN_ORDER = "EOrder:Unknown order"
"""The order is no longer open: filled and cancelled look alike."""
INVALID_ORDER = "EOrder:Invalid order"
"""There never was such an order."""
ORDER_RATE_LIMIT = "EOrder:Rate limit exceeded"
ORDERS_LIMIT = "EOrder:Orders limit exceeded"
INVALID_PRICE = "EOrder:Invalid price"
INSUFFICIENT_FUNDS = "EOrder:Insufficient funds"
POST_ONLY = "EOrder:Post only order"
NOT_UNIQUE = f"{INVALID_ARGUMENTS}:cl_ord_id not unique"
VOLUME_MINIMUM = f"{INVALID_ARGUMENTS}:volume minimum not met"

_REFUSALS = {
    RefusalReason.UNKNOWN_ACCOUNT: PERMISSION_DENIED,
    RefusalReason.UNKNOWN_SYMBOL: UNKNOWN_PAIR,
    RefusalReason.NOT_TRADING: "EService:Market in cancel_only mode",
    RefusalReason.PRICE_FILTER: "EOrder:Tick size check failed",
    RefusalReason.LOT_SIZE: VOLUME_MINIMUM,
    RefusalReason.MARKET_LOT_SIZE: f"{INVALID_ARGUMENTS}:volume",
    RefusalReason.NOTIONAL: "EOrder:Cost minimum not met",
    RefusalReason.DUPLICATE_CLIENT_ID: NOT_UNIQUE,
    RefusalReason.INSUFFICIENT_FUNDS: INSUFFICIENT_FUNDS,
    RefusalReason.WOULD_TAKE: POST_ONLY,
    RefusalReason.WOULD_TRIGGER: INVALID_PRICE,
    RefusalReason.UNKNOWN_ORDER: UNKNOWN_ORDER,
}


class KrakenError(Exception):
    """A request that Kraken refuses; `text` goes into the `error` list of the answer."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def invalid(name: str) -> KrakenError:
    """Return the refusal of one argument."""
    return KrakenError(f"{INVALID_ARGUMENTS}:{name}")


def refused(reason: RefusalReason) -> KrakenError:
    """Return the refusal of what the engine did not accept."""
    return KrakenError(_REFUSALS.get(reason, INVALID_ARGUMENTS))
