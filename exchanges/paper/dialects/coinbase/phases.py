"""Where an order stands in Coinbase's words, with the phases between request and result that the engine does not have.

The engine carries out cancels and edits at once. The venue's queries show them under way for a moment: `PENDING` after
the acceptance, `CANCEL_QUEUED`, `EDIT_QUEUED` with the values from before. No clock: the moment is handed in.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from exchanges.paper.model import EndReason, PaperOrder, PaperStatus

PENDING_MS = 20
CANCEL_MS = 50
EDIT_MS = 50
SETTLING_MS = 20
"""How long a filled order shows no amounts yet."""
_HISTORY_MAX = 5
_OVER = {EndReason.TIME: "EXPIRED", EndReason.VENUE: "EXPIRED", EndReason.TRIGGER_REFUSED: "FAILED"}

PENDING, OPEN, CANCEL_QUEUED, EDIT_QUEUED = "PENDING", "OPEN", "CANCEL_QUEUED", "EDIT_QUEUED"
LIVE = frozenset({PENDING, OPEN, "QUEUED", CANCEL_QUEUED, EDIT_QUEUED})
"""The statuses of orders that may still execute."""
STATUSES = LIVE | {"FILLED", "CANCELLED", "EXPIRED", "FAILED", "UNKNOWN_ORDER_STATUS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One accepted edit of one order."""

    before: PaperOrder
    price: Decimal | None
    size: Decimal
    accepted_ms: int

    def is_queued(self, order: PaperOrder, now_ms: int) -> bool:
        """Whether the order is still shown as it was before."""
        untouched = order.is_open and order.filled_size == self.before.filled_size
        return untouched and _within(self.accepted_ms, EDIT_MS, now_ms)


class Phases:
    """What the venue knows of its orders beyond the engine."""

    def __init__(self) -> None:
        self._quote_sizes: dict[int, Decimal] = {}
        self._edits: dict[int, deque[Edit]] = {}
        self._cancels: deque[tuple[int, int]] = deque()

    def note_quote_size(self, order_id: int, quote_size: Decimal) -> None:
        """Keep the quote amount that an order was placed with; the engine has it without the fees."""
        self._quote_sizes[order_id] = quote_size

    def quote_size(self, order: PaperOrder) -> Decimal | None:
        """Return the quote amount that an order was placed with, or None when it was sized in the base currency."""
        return self._quote_sizes.get(order.order_id, order.quote_size)

    def note_cancel(self, order_id: int, now_ms: int) -> None:
        """Take note of a cancel that was carried out for a client."""
        self._cancels.append((now_ms, order_id))

    def cancels_under_way(self, now_ms: int) -> Iterable[int]:
        """Return the orders whose cancel is shown as under way, in the order of the cancels."""
        while self._cancels and not _within(self._cancels[0][0], CANCEL_MS, now_ms):
            self._cancels.popleft()
        return [order_id for at_ms, order_id in self._cancels if _within(at_ms, CANCEL_MS, now_ms)]

    def note_edit(self, edit: Edit) -> None:
        """Take note of an edit that was carried out."""
        self._edits.setdefault(edit.before.order_id, deque(maxlen=_HISTORY_MAX)).append(edit)

    def queued_edit(self, order: PaperOrder, now_ms: int) -> Edit | None:
        """Return the edit that is shown as under way, or None."""
        edits = self._edits.get(order.order_id)
        return edits[-1] if edits and edits[-1].is_queued(order, now_ms) else None

    def edit_by(self, order: PaperOrder, at_ms: int) -> Edit | None:
        """Return the edit that brought an order to this state at this time, or None."""
        edits = self._edits.get(order.order_id, ())
        wanted = (at_ms, order.price, order.size)
        return next((edit for edit in edits if (edit.accepted_ms, edit.price, edit.size) == wanted), None)

    def finished_edits(self, order: PaperOrder, now_ms: int) -> list[Edit]:
        """Return an order's latest edits, without the one under way, oldest first."""
        queued = self.queued_edit(order, now_ms)
        return [edit for edit in self._edits.get(order.order_id, ()) if edit is not queued]

    def shown(self, order: PaperOrder, now_ms: int) -> PaperOrder:
        """Return an order as queries show it: with the values from before while an edit is under way."""
        edit = self.queued_edit(order, now_ms)
        if edit is None:
            return order
        before = edit.before
        return order.evolve(price=before.price, size=before.size, stop_price=before.stop_price)

    def status(self, order: PaperOrder, now_ms: int) -> str:
        """Return the status that queries show."""
        if not order.is_open:
            by_user = order.end_reason is EndReason.USER
            return CANCEL_QUEUED if by_user and _within(order.updated_ms, CANCEL_MS, now_ms) else final_status(order)
        if self.queued_edit(order, now_ms) is not None:
            return EDIT_QUEUED
        fresh = order.updated_ms == order.created_ms and _within(order.created_ms, PENDING_MS, now_ms)
        return PENDING if fresh else OPEN


def final_status(order: PaperOrder) -> str:
    """Return the status of an order when nothing is under way any more."""
    match order.status:
        case PaperStatus.OPEN | PaperStatus.FILLED | PaperStatus.CANCELLED:
            return order.status.value
        case PaperStatus.REJECTED:
            return "FAILED"
        case _:
            return _OVER.get(order.end_reason, "CANCELLED")


def is_settling(order: PaperOrder, now_ms: int) -> bool:
    """Whether an order has filled so recently that its amounts are not shown yet."""
    return order.status is PaperStatus.FILLED and _within(order.updated_ms, SETTLING_MS, now_ms)


def _within(begin_ms: int, duration_ms: int, now_ms: int) -> bool:
    # What one request was told by a clock that is ahead is over for those who come with the right one.
    return 0 <= now_ms - begin_ms < duration_ms
