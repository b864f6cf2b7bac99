"""The port between the actors and the venues.

An adapter implements `VenueClient` (blocking, one per credential) and `UserStream`. It owns translation, signing,
throttling, the clock offset and the outcome classes; it knows nothing of accounts' state or of actors. Calls never
raise: whatever happens becomes exactly one report, and what is not certain becomes an ambiguous one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from messages.commands import VenueRequest
from messages.reports import CallReport, StreamReport
from messages.types import OrderType, TimeInForce


class AmendScope(StrEnum):
    """What of an order its venue can change in place."""

    NONE = "none"
    SIZE_DOWN = "quantity down only"
    NATIVE = "native"
    """Size and prices, in both directions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a venue can do, as tested data; the README's table is generated from it."""

    venue: str
    """Lower-case name, the `exchange` of every message."""
    order_types: frozenset[OrderType]
    times_in_force: frozenset[TimeInForce]
    """What the venue itself can do. GTT missing here is emulated by our own timer and a cancel."""
    post_only: bool
    quote_size_market: bool
    reduce_only: bool
    amend: AmendScope
    """What the venue changes in place; anything else is cancelled and placed anew."""
    amend_types: frozenset[OrderType] = frozenset(OrderType)
    """Order types that the venue changes in place, where it changes any."""
    amend_times_in_force: frozenset[TimeInForce] = frozenset(TimeInForce)
    """Times in force of the orders that it changes in place, where it changes any."""
    shrink_keeps_priority: bool
    """Whether an amend to a smaller size, and nothing else, keeps the order's place in the queue."""
    cancel_replace: bool
    """Whether the venue has a call of its own that places the new order only if the cancel succeeded, and can be told
    not to cancel what has executed in part. False: we cancel, wait for the proof, and place."""
    lookup_by_client_id: bool
    """Whether a look-up finds an order by the client id alone; decides between phase 1 and phase 2."""
    client_id_in_lists: bool
    """Whether lists of orders echo the client id; where they do not, matching is by characteristics."""
    duplicate_client_id: str
    """What the venue does with a client id that was used before, in words, for the table."""
    validity_parameter: str | None
    """Name of the venue's own bound on acceptance (`recvWindow`), or None."""
    settle_ms: int
    """After the validity window (or the last byte), how long the venue may still take to show an accepted order in
    every source. 'Not found' asked before that proves nothing."""
    search_sources: tuple[str, ...]
    """The sources a search must have read to prove absence."""
    max_in_flight: int
    """Default of concurrent calls per credential."""
    untriggered_prefix: str = ""
    """How ids of stop orders begin where a stop that triggers goes on as another order, under an id without this prefix
    and the same client id. Empty: an order keeps its id."""
    fill_ids_agree: bool = True
    """Whether it is certain that an execution has the same id in the stream and in lists. Where it is not, one that is
    like a booked one is booked only if the venue's sum has room for both.
    """
    margin: bool = False
    """Whether accounts hold positions of either sign instead of assets: balances then name contracts, with what is held
    of each, below zero for a short position; nothing is held back for open orders."""


class VenueClient(Protocol):
    """A venue's request interface for one credential. Thread-safe: several workers call `execute` at once."""

    capabilities: Capabilities

    def execute(self, request: VenueRequest) -> CallReport:
        """Carry out one request and say what is known of it afterwards. Blocks up to the request's budget or the
        configured timeout; never raises for anything that a venue or a network can do.
        """
        ...

    def close(self) -> None:
        """Close idle connections; calls under way end as ambiguous or failed."""
        ...


class UserStream(Protocol):
    """A venue's private event stream for one credential and account."""

    def start(self, deliver: Callable[[StreamReport], None]) -> None:
        """Begin to connect, in a thread of its own; reports are delivered in the order received."""
        ...

    def stop(self) -> None:
        """Disconnect and join the thread, within two seconds."""
        ...


class VenueGateway(Protocol):
    """What an exchange actor sees: calls that return at once, whose reports arrive later as messages."""

    capabilities: Capabilities

    def submit(self, request: VenueRequest, deliver: Callable[[CallReport], None]) -> None:
        """Queue a call. Cancels have workers of their own and never wait behind placements."""
        ...

    def venue_offset_ms(self) -> int:
        """Best estimate of venue time minus our time, aimed low."""
        ...

    def open_stream(self, deliver: Callable[[StreamReport], None]) -> None:
        """Start the user stream; reports arrive until `close_stream`."""
        ...

    def close_stream(self) -> None:
        """Stop the user stream."""
        ...
