"""Reports: what a venue claims, sorted at the rim. Not yet ours: the account decides what becomes of them.

Every answer to a place call is exactly one of accepted, rejected (proof that no order exists), not processed (proof
that the request was not acted on) or ambiguous (nobody knows). When in doubt: ambiguous.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from messages.base import Message, fast_init
from messages.fills import VenueFill
from messages.types import Evidence, Instrument, VenueOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueReportBase(Message):
    """Anything a venue said, or failed to say, to one account."""

    account_id: str
    exchange: str
    order_id: str = ""
    """Our order id, copied from the request."""


# ----- answers to PlaceOrder


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceAccepted(VenueReportBase):
    """The venue has the order."""

    attempt: int
    venue_order_id: str
    order: VenueOrder | None = None
    """None when the answer was a bare acknowledgement."""
    fills: tuple[VenueFill, ...] = ()
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRejected(VenueReportBase):
    """The venue refused: proof that this attempt made no order."""

    attempt: int
    code: str
    """The venue's code as text."""
    text: str
    """The venue's words, verbatim."""
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceNotProcessed(VenueReportBase):
    """Proof that the request was not acted on: nothing was sent, or the venue says so. May be sent again later."""

    attempt: int
    reason: str
    """`connection_refused`, `rate_limited`, `banned`, `validity_passed`, `clock`, `overloaded`, `auth`, …"""
    retry_after_ms: int = 0
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceAmbiguous(VenueReportBase):
    """Nobody knows whether there is an order."""

    attempt: int
    reason: str
    """`timeout`, `connection_lost`, `server_error`, `unreadable`, `status_unknown`, `duplicate`, …"""
    known_to_exist: bool = False
    """The venue refused a duplicate client id: an order with our id exists, its state is not known."""
    venue_order_id: str | None = None
    """A partial answer that carried an id."""
    evidence: Evidence


# ----- answers to CancelVenueOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelConfirmed(VenueReportBase):
    """The venue says that the order no longer works."""

    order: VenueOrder
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRefused(VenueReportBase):
    """The venue did not cancel (gone, unknown, too late). Says nothing about the order: it is read next."""

    code: str
    text: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelNotProcessed(VenueReportBase):
    """Proof that the cancel was not acted on; it is sent again."""

    reason: str
    retry_after_ms: int = 0
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAmbiguous(VenueReportBase):
    """Nobody knows whether the cancel was carried out; the order is looked up."""

    reason: str
    evidence: Evidence


# ----- answers to AmendVenueOrder and ReplaceVenueOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendConfirmed(VenueReportBase):
    """The venue has changed the order; it may have ended by it: the claim says."""

    order: VenueOrder
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendRefused(VenueReportBase):
    """The venue did not change the order. Says nothing about the order: it is read next."""

    code: str
    text: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendNotProcessed(VenueReportBase):
    """Proof that the amend was not acted on."""

    reason: str
    retry_after_ms: int = 0
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendAmbiguous(VenueReportBase):
    """Nobody knows whether the amend was carried out; the order is looked up."""

    reason: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceAnswered(VenueReportBase):
    """What is known of both halves of a replace, each by itself: one may have succeeded without the other.

    A place half that was `not_attempted`, because there was nothing to cancel, may answer the second delivery of a
    request whose first one did everything.
    """

    cancel: CancelConfirmed | CancelRefused | CancelNotProcessed | CancelAmbiguous
    place: PlaceAccepted | PlaceRejected | PlaceNotProcessed | PlaceAmbiguous


# ----- answers to look-ups and lists


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFound(VenueReportBase):
    """The venue shows the order."""

    order: VenueOrder
    fills: tuple[VenueFill, ...] = ()
    fills_complete: bool = False
    """Whether `fills` is everything the order has executed so far."""
    asked_venue_ms: int
    """Lower bound of the venue time at which the question was asked."""
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNotFound(VenueReportBase):
    """The venue itself said that it does not know the order. Proof of absence only together with a passed fence and
    an empty search.
    """

    asked_venue_ms: int
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersSearched(VenueReportBase):
    """Everything the venue lists for a symbol around a time, from every source it offers."""

    symbol: str = ""
    orders: tuple[VenueOrder, ...]
    fills: tuple[VenueFill, ...] = ()
    unreadable: int = 0
    """Records that could not be parsed: above 0 the search cannot prove absence."""
    voided: tuple[VenueFill, ...] = ()
    """Executions that the venue has taken back."""
    unattributed: tuple[VenueFill, ...] = ()
    """Executions that the venue names no order of, and that may be any order's; their `venue_order_id` is empty."""
    sources: tuple[str, ...]
    """For example `openOrders`, `allOrders`, `myTrades`."""
    asked_venue_ms: int
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpFailed(VenueReportBase):
    """The question was not answered. Says nothing about the order."""

    symbol: str = ""
    reason: str
    retry_after_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrdersFetched(VenueReportBase):
    """All open orders, as of one moment."""

    symbol: str | None = None
    orders: tuple[VenueOrder, ...]
    unreadable: int = 0
    asked_venue_ms: int
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class FillsFetched(VenueReportBase):
    """Executions of a symbol or of one order."""

    symbol: str
    fills: tuple[VenueFill, ...]
    unreadable: int = 0
    voided: tuple[VenueFill, ...] = ()
    """Executions that the venue has taken back."""
    unattributed: tuple[VenueFill, ...] = ()
    """Executions that the venue names no order of, and that may be any order's; their `venue_order_id` is empty."""
    asked_venue_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancesFetched(VenueReportBase):
    """Balances per asset: total, of which available."""

    balances: tuple[tuple[str, Decimal, Decimal], ...]
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentsFetched(VenueReportBase):
    """Trading rules of all symbols."""

    instruments: tuple[Instrument, ...]
    unreadable: int = 0
    alias_problems: tuple[str, ...] = ()
    """What somebody should know of the names that the configuration gives to symbols here, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTimeFetched(VenueReportBase):
    """The venue's clock against ours."""

    offset_ms: int
    """Venue time minus our time; aimed low: never ahead of the venue."""
    error_ms: int
    """Half of the round trip: the offset may be wrong by this much."""
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFetched(VenueReportBase):
    """The latest price of a symbol."""

    symbol: str
    price: Decimal
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFailed(VenueReportBase):
    """A list, balance, instrument or clock request was not answered."""

    request: str
    """Class name of the request."""
    symbol: str = ""
    """Of the request, where it was about one."""
    sent_ms: int = 0
    """When it was asked at the latest, our clock."""
    reason: str
    retry_after_ms: int = 0


# ----- from the user stream


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamConnected(VenueReportBase):
    """The stream is authenticated and subscribed; everything after this arrives, what came before must be fetched."""

    connection: int
    """Number of this connection, rising."""
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLost(VenueReportBase):
    """The stream is down or silent; from here on events may be missing."""

    connection: int
    reason: str
    received_ms: int


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReported(VenueReportBase):
    """The stream described an order, and an execution when the event carried one."""

    order: VenueOrder
    fill: VenueFill | None = None
    evidence: Evidence


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class FillReceived(VenueReportBase):
    """The stream told an execution by itself, without the order it belongs to."""

    fill: VenueFill
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class FillVoided(VenueReportBase):
    """The venue has taken back an execution that it told before: it never counted."""

    symbol: str
    venue_order_id: str
    fill_id: str
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamGap(VenueReportBase):
    """The stream's own sequence shows that events are missing: what they said is read from the venue."""

    expected: int
    """The sequence number that should have come."""
    received: int
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceReported(VenueReportBase):
    """The stream described balances: asset, total, of which available."""

    balances: tuple[tuple[str, Decimal, Decimal], ...]
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameUnreadable(VenueReportBase):
    """A stream frame could not be understood: counted, kept for diagnosis, and the account re-reads what it watches."""

    reason: str
    body_sha256: str
    received_ms: int


PlaceReport: TypeAlias = PlaceAccepted | PlaceRejected | PlaceNotProcessed | PlaceAmbiguous
CancelReport: TypeAlias = CancelConfirmed | CancelRefused | CancelNotProcessed | CancelAmbiguous
AmendReport: TypeAlias = AmendConfirmed | AmendRefused | AmendNotProcessed | AmendAmbiguous
LookUpReport: TypeAlias = OrderFound | OrderNotFound | OrdersSearched | LookUpFailed
FetchReport: TypeAlias = (
    OpenOrdersFetched | FillsFetched | BalancesFetched | InstrumentsFetched | PriceFetched | ServerTimeFetched
    | FetchFailed
)
StreamReport: TypeAlias = (
    StreamConnected | StreamLost | StreamGap | OrderReported | FillReceived | FillVoided | BalanceReported
    | FrameUnreadable
)
CallReport: TypeAlias = PlaceReport | CancelReport | AmendReport | ReplaceAnswered | LookUpReport | FetchReport
VenueReport: TypeAlias = CallReport | StreamReport
