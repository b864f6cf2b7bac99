"""Commands: what somebody wants done. To an account from a host, and to a venue from an account."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal, TypeAlias

from messages.base import Message, fast_init
from messages.types import InitiatedBy, OrderType, Side, TimeInForce

# ----- to an account


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCommand(Message):
    """A command to one account."""

    places_an_order: ClassVar[bool] = False
    """Whether not hearing of its outcome must be taken for 'perhaps placed'."""
    account_id: str
    offered_ms: int = 0
    """When the command was offered (our clock); filled by the facade. A command that waited longer than the queue
    timeout is refused and never executed. 0: not checked."""
    offered_no: int = 0
    """Number of the offer, rising in the order in which a process made them; filled by the facade. Cancels overtake
    placements, and take those that were offered before them along. 0: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTerms(AccountCommand):
    """What an order is to be: the part that placements and drafts share."""

    exchange: str
    symbol: str
    """Canonical `BASE-QUOTE`, for example `BTC-USDT`."""
    side: Side
    type: OrderType
    size: Decimal | None = None
    """Base units. Exactly one of `size` and `quote_size` is given."""
    quote_size: Decimal | None = None
    """Market orders: quote units to spend or receive."""
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    """None: IOC for market orders, GTC otherwise."""
    expires_at_ms: int | None = None
    """GTT only: end of life, our clock."""
    post_only: bool = False
    reduce_only: bool = False
    request_id: str | None = None
    """The caller's own identity of this intent. Given, it alone decides what a duplicate is."""
    allow_duplicate: bool = False
    """Place although an equal order exists at the same price level. Without a request id also although an equal request
    was made before, as the next generation of the same key. The same request id never places twice."""
    valid_for_ms: int | None = None
    """How long one sending may still be accepted by the venue; None: the exchange's `validForMs`."""
    reference_price: Decimal | None = None
    """The market's price as the caller knows it, for the price collar and for what a market order would meet of ours;
    None: read from the venue where one is needed. What an order is worth is never taken from it alone."""
    max_sends: int | None = None
    """Upper bound of sendings under one client order id; None: `maxPlacementAttempts`."""
    fill_timeout_ms: int | None = None
    """Overrides the configured fill timeout; 0: none."""
    initiated_by: InitiatedBy = InitiatedBy.USER


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitOrder(OrderTerms):
    """Place an order, at most once."""

    urgent: ClassVar[bool] = False
    places_an_order: ClassVar[bool] = True
    reply_when: Literal["resolved", "committed"] = "resolved"
    """`resolved`: reply when the venue's outcome is known. `committed`: reply when the intent is durable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateDraft(OrderTerms):
    """Keep an order as a draft: stored, visible, not sent."""

    urgent: ClassVar[bool] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitDraft(AccountCommand):
    """Place a draft."""

    urgent: ClassVar[bool] = False
    places_an_order: ClassVar[bool] = True
    order_id: str
    allow_duplicate: bool = False
    """Place although an equal order exists at the same price level."""
    reply_when: Literal["resolved", "committed"] = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardDraft(AccountCommand):
    """Cancel a draft; nothing is sent."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder(AccountCommand):
    """Cancel an order. Named by any of its ids: ours, the client order id or the venue's.

    Answered by `CancelDone` once it works no longer. One that is in manual review may take a person's time to be known:
    its cancel is sent, and answered at once by `OrderUnresolved`.
    """

    order_id: str
    initiated_by: InitiatedBy = InitiatedBy.USER
    reply_when: Literal["resolved", "committed"] = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrders(AccountCommand):
    """Cancel several orders, each named by any of its ids. Answered by one `CancelsDone`."""

    order_ids: tuple[str, ...]
    initiated_by: InitiatedBy = InitiatedBy.USER


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAll(AccountCommand):
    """Cancel every order of ours that has not ended, of an exchange, a symbol, or all. Answered by `CancelsDone`."""

    exchange: str | None = None
    symbol: str | None = None
    everything: bool = False
    """Also orders that this deployment never placed; the open orders are read from the venue for it."""
    initiated_by: InitiatedBy = InitiatedBy.USER


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyOrder(AccountCommand):
    """Change size or prices of an order; what is None stays. Answered by `ModifyDone`.

    Its `message_id` is its identity: the same command again is answered with the first one's result. An order that was
    replaced is modified as its latest replacement, whichever of its ids is named.
    """

    urgent: ClassVar[bool] = False
    places_an_order: ClassVar[bool] = True
    order_id: str
    size: Decimal | None = None
    """New total size of the intent in base units: what the order, and every order that it has replaced, have executed
    included. It must be more than that. The reply's view shows the order that works now, whose own size leaves out what
    the others executed.
    """
    price: Decimal | None = None
    stop_price: Decimal | None = None
    expected_version: int | None = None
    """The version the caller saw. Given, changes since then are looked at; None: whatever the order is now."""
    initiated_by: InitiatedBy = InitiatedBy.USER


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimOrder(AccountCommand):
    """Treat an order that this deployment never placed as one of ours from now on; where it has executed in part, the
    wait for the next execution begins now. Answered by `OrderClaimed`.
    """

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOpenOrders(AccountCommand):
    """The open orders of one exchange or all, read from the venue when what we have is too old. Answered by
    `OpenOrdersSynced`.
    """

    exchange: str | None = None
    force: bool = False
    """Read them whatever the age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKillSwitch(AccountCommand):
    """Refuse every new order and cancel the open ones, or accept orders again. Kept across restarts. Answered by
    `KillSwitchSet`.
    """

    on: bool
    reason: str = ""
    cancel_orders: bool = True
    """When switched on: cancel what works, as `CancelAll` does."""
    everything: bool = False
    """When cancelling: also orders that this deployment never placed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logout(AccountCommand):
    """The account's last user has left: what is cached of its orders for other programs goes, where `clearOnLogout`
    is set. Orders live on. Answered by `LoggedOut`.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckParity(AccountCommand):
    """Compare our orders, executions and balances with the venue's. Answered by `ParityReport`."""

    exchange: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePosition(AccountCommand):
    """Close a position, or a part of it, by one market order. One close of a position runs at a time."""

    urgent: ClassVar[bool] = False
    places_an_order: ClassVar[bool] = True
    exchange: str
    symbol: str
    quantity: Decimal | None = None
    """Base units, above 0 for long and short positions alike; None: all of it."""
    initiated_by: InitiatedBy = InitiatedBy.USER


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveReview(AccountCommand):
    """An operator's decision on an order in manual review: exactly one of the two is given."""

    order_id: str
    attach_venue_order_id: str | None = None
    """This venue order is ours: read it and follow it."""
    declare_absent: bool = False
    """The operator has checked that the order is not at the venue and never will be."""
    operator: str
    """Who decided; part of the evidence."""


# ----- to a venue, from an account by way of its exchange actor


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueCommand(Message):
    """A request to a venue. Every one of them is answered by exactly one report."""

    account_id: str
    exchange: str
    order_id: str = ""
    """Our order id; commands of one order keep their order on the wire. Empty: not about one order."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder(VenueCommand):
    """Send one attempt of an order. Answered by a `Place…` report."""

    attempt: int
    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    size: Decimal | None
    quote_size: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    post_only: bool = False
    reduce_only: bool = False
    expires_at_ms: int | None = None
    valid_until_venue_ms: int
    """Venue clock. Never sent at or after it; the venue's own validity parameter is derived from what is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelVenueOrder(VenueCommand):
    """Ask the venue to cancel. Answered by a `Cancel…` report. Travels in the cancel lane."""

    symbol: str
    client_order_id: str
    venue_order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendVenueOrder(VenueCommand):
    """Ask the venue to change an order in place. Answered by an `Amend…` report. Asking for the same again is harmless.

    The terms are complete: what should stay is repeated.
    """

    symbol: str
    client_order_id: str
    venue_order_id: str
    size: Decimal
    """New total size, executed parts included."""
    price: Decimal | None = None
    stop_price: Decimal | None = None
    post_only: bool = False
    """What the order is: not every venue keeps it through a change by itself."""
    valid_until_venue_ms: int
    """Venue clock. Never sent at or after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceVenueOrder(VenueCommand):
    """Ask the venue to cancel `order_id`, if nothing of it has executed, and to place another order only if that
    succeeded. Answered by `ReplaceAnswered`.
    """

    symbol: str
    client_order_id: str
    venue_order_id: str
    place: PlaceOrder
    """The order that takes its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpOrder(VenueCommand):
    """Ask for one order directly, by venue id where known, else by client id. Answered by `OrderFound`,
    `OrderNotFound` or `LookUpFailed`.
    """

    symbol: str
    client_order_id: str
    venue_order_id: str | None = None
    with_fills: bool = True
    """Fetch the order's executions too when it has any."""
    budget_ms: int
    """Time for all tries together."""
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOrder(VenueCommand):
    """List open and recent orders and executions of a symbol around a time. Answered by `OrdersSearched` or
    `LookUpFailed`.
    """

    symbol: str
    client_order_id: str
    from_venue_ms: int
    to_venue_ms: int
    budget_ms: int
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOpenOrders(VenueCommand):
    """List all open orders, every page. Answered by `OpenOrdersFetched` or `FetchFailed`."""

    symbol: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFills(VenueCommand):
    """List executions of a symbol since a venue time, or of one order. Answered by `FillsFetched` or `FetchFailed`."""

    symbol: str
    venue_order_id: str | None = None
    since_venue_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchBalances(VenueCommand):
    """Read balances. Answered by `BalancesFetched` or `FetchFailed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchInstruments(VenueCommand):
    """Read the trading rules of all symbols. Answered by `InstrumentsFetched` or `FetchFailed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPrice(VenueCommand):
    """Read the latest price of a symbol. Answered by `PriceFetched` or `FetchFailed`."""

    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchServerTime(VenueCommand):
    """Read the venue's clock. Answered by `ServerTimeFetched` or `FetchFailed`."""


VenueRequest: TypeAlias = (
    PlaceOrder
    | CancelVenueOrder
    | AmendVenueOrder
    | ReplaceVenueOrder
    | LookUpOrder
    | SearchOrder
    | FetchOpenOrders
    | FetchFills
    | FetchBalances
    | FetchInstruments
    | FetchPrice
    | FetchServerTime
)
