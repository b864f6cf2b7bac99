"""Whether what a list of executions lacks may still come: for ended orders whose record does not say what executed.

Pure. Owns the memory of when such orders were first seen to have ended. It forgets rather than grows, which only means
that the question is asked again.
"""

from exchanges.projectx.capabilities import CAPABILITIES
from messages.types import VenueOrder

ENDS_MAX = 1000


class Ends:
    """Ended orders of one session that were looked up."""

    def __init__(self) -> None:
        self._seen_ms: dict[str, int] = {}
        """Venue time at which an order was first seen to have ended, of those whose record does not date its end."""

    def settled(self, order: VenueOrder, asked_venue_ms: int, now_venue_ms: int) -> bool:
        """Tell whether lists asked for at a time, in venue time, showed all executions of an order that has ended.

        `asked_venue_ms` is 0 when it is not known.
        """
        ended_ms = order.updated_venue_ms
        if ended_ms is None:
            ended_ms = self._first_seen_ms(order.venue_order_id, now_venue_ms)
        return asked_venue_ms >= ended_ms + CAPABILITIES.settle_ms

    def _first_seen_ms(self, venue_order_id: str, now_venue_ms: int) -> int:
        if len(self._seen_ms) >= ENDS_MAX and venue_order_id not in self._seen_ms:
            self._seen_ms.clear()
        return self._seen_ms.setdefault(venue_order_id, now_venue_ms)
