"""What a client has learned of stop orders that the venue does not tell again: whose they are, and which it cancelled.

Events about stop orders name no client id, and a cancelled one is in no list. Kept in memory only, the latest ones.
It must never end an order on less than the venue's own word for that very order, and both books read empty long enough
after it.
"""

from collections import OrderedDict
from dataclasses import dataclass

from exchanges.kucoin.capabilities import CAPABILITIES
from messages.base import copied
from messages.types import PublicStatus, VenueOrder

STOPS_MAX = 10_000
"""How many are remembered."""


@dataclass(frozen=True, slots=True)
class _Cancelled:
    stop: VenueOrder
    at_venue_ms: int


class StopMemory:
    """The stop orders of one credential. Thread-safe: each change is one step of a dictionary."""

    def __init__(self) -> None:
        self._client_ids: OrderedDict[str, str | None] = OrderedDict()
        self._cancelled: OrderedDict[str, _Cancelled] = OrderedDict()

    def learn(self, stop_id: str, client_id: str | None) -> None:
        """Take note whose a stop order is; None: somebody's who gave it no client id, unless one was told before."""
        if client_id is None:
            self._client_ids.setdefault(stop_id, None)
        else:
            self._client_ids[stop_id] = client_id
        if len(self._client_ids) > STOPS_MAX:
            self._client_ids.popitem(last=False)

    def __contains__(self, stop_id: object) -> bool:
        """Whether it is known whose a stop order is."""
        return stop_id in self._client_ids

    def client_id(self, stop_id: str) -> str | None:
        """Tell the client id of a stop order that is known; None: it has none."""
        return self._client_ids.get(stop_id)

    def cancelled(self, stop: VenueOrder, at_venue_ms: int) -> None:
        """Take note that the venue has named a stop order, read before, as cancelled, by this time of its clock."""
        self._cancelled[stop.venue_order_id] = _Cancelled(stop, at_venue_ms)
        if len(self._cancelled) > STOPS_MAX:
            self._cancelled.popitem(last=False)

    def end_of(self, stop_id: str, asked_venue_ms: int) -> VenueOrder | None:
        """Give the end of a stop order that is in neither book, of which the first was asked at this venue time.

        None: nothing is proven. The venue may have named it as cancelled when it had just been triggered, and an order
        that took its place may not be shown before the settle time is over.
        """
        known = self._cancelled.get(stop_id)
        if known is None or asked_venue_ms < known.at_venue_ms + CAPABILITIES.settle_ms:
            return None
        return copied(known.stop, status=PublicStatus.CANCELLED, venue_status="cancelled")
