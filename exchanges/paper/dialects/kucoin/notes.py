"""What KuCoin keeps of an order beyond what the engine keeps: labels, modes, and the size it was placed with."""

from dataclasses import dataclass
from decimal import Decimal

from exchanges.paper.model import PaperOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNote:
    """The fields of one placement that come back in answers and mean nothing to the engine."""

    time_in_force: str = "GTC"
    cancel_after: int = 0
    """Seconds; 0 or -1: none."""
    stp: str | None = None
    hidden: bool = False
    iceberg: bool = False
    visible_size: Decimal | None = None
    remark: str | None = None
    tags: str | None = None


_NOTHING_NOTED = OrderNote()


class Notes:
    """The notes of all orders, by the engine's ids. Orders that were not placed by the wire have empty ones."""

    def __init__(self) -> None:
        self._notes: dict[int, OrderNote] = {}
        self._sizes: dict[int, list[Decimal]] = {}

    def write(self, order_id: int, note: OrderNote) -> None:
        """Keep the note of an order."""
        self._notes[order_id] = note

    def of(self, order: PaperOrder) -> OrderNote:
        """Return the note of an order."""
        return self._notes.get(order.order_id, _NOTHING_NOTED)

    def note_size(self, order: PaperOrder) -> None:
        """Remember the size that an order has before it is reduced."""
        self._sizes.setdefault(order.order_id, []).append(order.size)

    def origin_size(self, order: PaperOrder) -> Decimal:
        """Return the size that an order was placed with, base units."""
        sizes = self._sizes.get(order.order_id)
        return sizes[0] if sizes else order.size

    def size_before(self, order: PaperOrder) -> Decimal:
        """Return the size that an order had before its last reduction, base units."""
        larger = [size for size in self._sizes.get(order.order_id, ()) if size > order.size]
        return larger[-1] if larger else order.size
