"""The ids that MEXC gives orders and executions, made of the engine's numbers and read back. Pure."""

from re import fullmatch

_ORDER_PREFIX = "C02__"
# As long as the venue's own: too long for 64 bits, so that nobody takes them for numbers.
_ORDER_BASE = 505_979_017_439_000_000_000
_FILL_BASE = 505_979_017_000_000_000
_FILL_SUFFIX = "X1"
_UNNAMED = "#"
"""What the engine's id of an order without client order id begins with: no client can send it."""


def order_id_text(order_id: int) -> str:
    """Write the id of an order."""
    return f"{_ORDER_PREFIX}{_ORDER_BASE + order_id}"


def read_order_id(text: str) -> int | None:
    """Return the engine's number of an order id, or None when it is none of ours."""
    if fullmatch(rf"{_ORDER_PREFIX}[0-9]{{21,30}}", text) is None:
        return None
    return int(text.removeprefix(_ORDER_PREFIX)) - _ORDER_BASE


def fill_id_text(trade_id: int) -> str:
    """Write the id of an execution, unique within its symbol."""
    return f"{_FILL_BASE + trade_id}{_FILL_SUFFIX}"


def unnamed(number: int) -> str:
    """Return what stands in the engine for the client order id of an order that was given none."""
    return f"{_UNNAMED}{number}"


def client_id_text(client_order_id: str) -> str | None:
    """Return the client order id as the venue shows it; None when the order was given none."""
    return None if client_order_id.startswith(_UNNAMED) else client_order_id
