"""Kraken's words for an order: type, status, time in force, and why it ended. Shared by REST and the stream."""

from re import fullmatch

from exchanges.paper.model import EndReason, PaperOrder, PaperStatus
from messages.types import OrderType, TimeInForce

STOP_TYPES = ("stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit")
FEE_FLAG = "fciq"
"""Fees are charged in the quote currency."""
_TYPES = {
    OrderType.MARKET: "market",
    OrderType.LIMIT: "limit",
    OrderType.STOP_MARKET: "stop-loss",
    OrderType.STOP_LIMIT: "stop-loss-limit",
}
_BY_VENUE = "Canceled by the exchange"
_REASONS = {
    EndReason.USER: "User requested",
    EndReason.AMENDED_BELOW_FILLED: "User requested",
    EndReason.VENUE: _BY_VENUE,
    EndReason.IOC_REMAINDER: "Immediate or cancel",
    EndReason.FOK_UNFILLABLE: "Fill or kill",
    EndReason.NO_LIQUIDITY: "No liquidity",
    EndReason.SELF_TRADE: "Self trade prevention",
    EndReason.WOULD_TAKE: "Post only order",
    EndReason.TIME: "Order expired",
    EndReason.TRIGGER_REFUSED: "Insufficient funds",
}
_GENERATED = "~"
_FREE_TEXT_MAX = 18


def order_type(order: PaperOrder) -> str:
    """Return the order's type as it was placed; orders from elsewhere are named by what they are."""
    return order.venue_type if order.venue_type in STOP_TYPES else _TYPES[order.type]


def status(order: PaperOrder) -> str:
    """Return where the order stands, in REST's word. None is ever 'rejected': such orders are cancelled."""
    if order.status is PaperStatus.OPEN:
        return "open"
    if order.status is PaperStatus.FILLED:
        return "closed"
    by_clock_or_venue = order.end_reason in (EndReason.TIME, EndReason.VENUE)
    return "expired" if order.status is PaperStatus.EXPIRED and by_clock_or_venue else "canceled"


def stream_status(order: PaperOrder) -> str:
    """Return where the order stands, in the stream's word."""
    match status(order):
        case "open":
            return "partially_filled" if order.filled_size else "new"
        case "closed":
            return "filled"
        case ended:
            return ended


def reason(order: PaperOrder) -> str | None:
    """Return why the order ended; None when it is open or filled."""
    if order.status is PaperStatus.REJECTED:
        return "Insufficient funds"
    return _REASONS.get(order.end_reason)


def time_in_force(order: PaperOrder) -> str:
    """Return the order's time in force."""
    return "GTD" if order.time_in_force is TimeInForce.GTT else order.time_in_force.value


def hidden_client_id(number: int) -> str:
    """Return what the engine calls an order that has no client order id. Longer than any free text may be."""
    return f"{_GENERATED}{number:0{_FREE_TEXT_MAX}}"


def client_id(order: PaperOrder) -> str | None:
    """Return the client order id as Kraken tells it, UUIDs with their dashes; None when the order has none."""
    text = order.client_order_id
    if len(text) == len(_GENERATED) + _FREE_TEXT_MAX and text.startswith(_GENERATED):
        return None
    if fullmatch(r"[0-9a-f]{32}", text) is None:
        return text
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
