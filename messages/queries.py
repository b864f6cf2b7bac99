"""Queries and replies. Reads need no turn: they are served from the views an account published at its last commit."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from messages.base import Message, fast_init
from messages.fills import Fill, Position, PositionClose
from messages.types import OrderState, OrderView, StateTransition


class RefusalCode(StrEnum):
    """Why *we* refused. The venue's refusals keep the venue's words and the code `venue_rejected`."""

    INVALID_ORDER = "invalid_order"
    """The terms contradict each other or miss something; the text says which and what would be right."""
    INSTRUMENT_RULE = "instrument_rule"
    """Off tick, off lot, below minimum size or notional, symbol not trading; the text names the nearest valid value."""
    INSTRUMENT_UNKNOWN = "instrument_unknown"
    """The venue does not list the symbol, or its rules were never loaded."""
    NOT_SUPPORTED = "not_supported"
    """The venue has no such order type, time in force or operation."""
    UNKNOWN_EXCHANGE = "unknown_exchange"
    """The account has no such exchange in its configuration."""
    UNKNOWN_ACCOUNT = "unknown_account"
    """No such account in this process."""
    UNKNOWN_ORDER = "unknown_order"
    """The account knows no order by that id."""
    DUPLICATE_REQUEST = "duplicate_request"
    """The same request was made before, and `returnCachedResult` is off; the view names the first one's order."""
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    """The same request id was used for a different order; the text names the fields that differ."""
    RETRY_NOT_ALLOWED = "retry_not_allowed"
    """The same request failed before and the configuration does not allow to try it again."""
    QUEUE_FULL = "queue_full"
    """Too many commands wait for this account."""
    QUEUE_TIMEOUT = "queue_timeout"
    """The command waited longer than the queue timeout; it was not executed."""
    STORE_UNAVAILABLE = "store_unavailable"
    """The store is away: no intent can be made durable, so no new order is accepted."""
    GATE_CLOSED = "gate_closed"
    """The account is not reconciled with the venue yet, or its stream has a gap."""
    ACCOUNT_STOPPED = "account_stopped"
    """The account failed and is not back yet, is stopping, or is owned by another process."""
    WRONG_STATE = "wrong_state"
    """The order's state does not allow the operation."""
    VENUE_REJECTED = "venue_rejected"
    """The venue refused the order; the text is the venue's."""
    NO_POSITION = "no_position"
    """There is nothing to close, or less than asked."""
    CLOSE_IN_PROGRESS = "close_in_progress"
    """A close of the same position runs; the text names it."""
    NOT_PLACED = "not_placed"
    """Proven not to be at the venue, and no further attempt is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Message):
    """An answer to a command; `correlation_id` names it."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAdmitted(Reply):
    """The intent is durable; what the venue says comes as events."""

    view: OrderView
    duplicate: bool = False
    original_request_id: str | None = None


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(Reply):
    """The venue has the order (it may have ended since: see the view)."""

    view: OrderView
    duplicate: bool = False
    """The request was a repetition; this is the first one's result."""
    original_request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUnresolved(Reply):
    """It is not known yet what became of the command. Never a failure: the order named here is being looked up.

    `view` is None when not even the intent was confirmed durable before the caller's timeout.
    """

    view: OrderView | None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelDone(Reply):
    """The order no longer works at its venue; the view says whether it was cancelled or had ended otherwise."""

    view: OrderView


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftDone(Reply):
    """A draft was created or discarded."""

    view: OrderView


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseDone(Reply):
    """The closing of a position has ended; `close` says how much it closed, and whether its time ran out."""

    close: PositionClose


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewResolved(Reply):
    """The operator's decision was carried out."""

    view: OrderView


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Reply):
    """Nothing was done, for a reason of ours or the venue's. The facade raises it as `OrderRefused`."""

    code: RefusalCode
    text: str
    rule: str = ""
    limit: str = ""
    actual: str = ""
    fields: tuple[str, ...] = ()
    view: OrderView | None = None


CommandReply: TypeAlias = (
    OrderAdmitted | OrderPlaced | OrderUnresolved | CancelDone | DraftDone | ReviewResolved | Refused
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Message):
    """A question about one account, answered from its published views."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOrder(Query):
    """One order by any of its ids. Answered by `OrderSnapshot`."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOrders(Query):
    """Orders, of some states or all. Answered by `OrdersSnapshot`."""

    states: frozenset[OrderState] = frozenset()
    exchange: str | None = None
    open_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GetHistory(Query):
    """An order's transitions in order, and the time spent in each state. Answered by `HistorySnapshot`."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFills(Query):
    """An order's fills in venue-time order. Answered by `FillsSnapshot`."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFillsBetween(Query):
    """Fills of a symbol with a venue time in `[from_venue_ms, to_venue_ms)`, in venue-time order. Answered by
    `FillsSnapshot`.
    """

    exchange: str
    symbol: str
    from_venue_ms: int = 0
    to_venue_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPosition(Query):
    """One position. Answered by `PositionsSnapshot`, empty when there never was a fill."""

    exchange: str
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPositions(Query):
    """Positions, those that are flat again included. Answered by `PositionsSnapshot`."""

    exchange: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStuckOrders(Query):
    """Orders longer in a non-terminal state than its threshold. Answered by `OrdersSnapshot`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSnapshot(Reply):
    """One order, or None."""

    view: OrderView | None
    as_of_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersSnapshot(Reply):
    """Orders, oldest first."""

    views: tuple[OrderView, ...]
    as_of_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySnapshot(Reply):
    """The life of one order."""

    transitions: tuple[StateTransition, ...]
    time_in_state_ms: tuple[tuple[OrderState, int], ...]
    """Re-entries summed, the present state counted up to now."""
    as_of_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FillView:
    """A fill and how far its order had come with it, in venue-time order."""

    fill: Fill
    cumulative: Decimal
    """Executed size of the order up to and with this fill."""
    remaining: Decimal | None
    """Size left of the order after it; None while the size of a quote-sized order is not known."""
    deviation_percent: Decimal | None
    """By how much the price is worse than the order's limit; below 0: better; None without a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillsSnapshot(Reply):
    """Booked executions, of one order or of a symbol."""

    fills: tuple[FillView, ...]
    weighted_average_price: Decimal | None
    """Computed afresh from these fills, exact to 50 digits."""
    shown_average_price: Decimal | None = None
    """The same, rounded half up to the places that the asset type is shown with."""
    completion_percent: Decimal | None = None
    """Of one order: executed size in percent of its size, 0 to 100 (more when overfilled)."""
    as_of_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionView:
    """A position as hosts see it."""

    position: Position
    average_entry_price: Decimal | None
    """Exact to 50 digits; None while flat."""
    shown_average_entry_price: Decimal | None = None
    """The same, rounded half up to the places that the asset type is shown with; None where the exchange is no longer
    configured.
    """
    realised_pnl: Decimal
    """Quote units, before fees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsSnapshot(Reply):
    """Positions, by exchange and symbol."""

    positions: tuple[PositionView, ...]
    as_of_ms: int


AccountQuery: TypeAlias = (
    GetOrder | GetOrders | GetHistory | GetFills | GetFillsBetween | GetPosition | GetPositions | GetStuckOrders
)
QueryReply: TypeAlias = OrderSnapshot | OrdersSnapshot | HistorySnapshot | FillsSnapshot | PositionsSnapshot
