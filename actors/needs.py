"""What must be known before a placement can be decided. Data, nothing else."""

from dataclasses import dataclass
from enum import StrEnum


class Need(StrEnum):
    """What a placement waits for, as its refusal says it."""

    HISTORY = "its recent history is not merged yet"
    OPEN_ORDERS = "its open orders are being read"
    PRICE = "its price is being read"
    ENDS = "an order of ours that it would execute against is being cancelled"


@dataclass(frozen=True, slots=True)
class Awaited:
    """What must be known before a placement on a symbol can be decided."""

    need: Need
    exchange: str
    symbol: str
    order_ids: tuple[str, ...] = ()
    """The orders whose end it waits for."""
