"""Queries and replies. Reads need no turn: they are served from the views an account published at its last commit."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from messages.base import Message, fast_init
from messages.fills import Fill, Position, PositionClose
from messages.risk import Difference, KillSwitch, ReservedFunds, SymbolExposure
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
    WITHDRAWN = "withdrawn"
    """Not executed: everything on its symbol was cancelled before its turn came. Says nothing of an earlier request."""
    DUPLICATE_ORDER = "duplicate_order"
    """An order of the same kind works at the same price level already; the text names it."""
    SELF_TRADE = "self_trade"
    """It would execute against an order of the same account; the text names it."""
    RISK_LIMIT = "risk_limit"
    """A limit of the configuration, or the kill switch; rule, limit and actual say which and by how much."""
    SYNC_FAILED = "sync_failed"
    """The open orders, or a price that a limit needs, could not be read from the venue in time; nothing was done."""
    CONCURRENT_MODIFICATION = "concurrent_modification"
    """The order was changed since the caller saw it, or is being changed; the view shows it as it is."""
    NOT_MODIFIED = "not_modified"
    """The modification did not take effect; the view shows what became of the order."""


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
class CancelsDone(Reply):
    """What became of every order that several cancels were asked for."""

    ended: tuple[OrderView, ...]
    """No longer working: cancelled, or ended otherwise (see the view)."""
    unresolved: tuple[OrderView, ...] = ()
    """Nobody knows yet; being looked up, or in manual review."""
    unknown: tuple[str, ...] = ()
    """Ids that name no order of the account."""
    complete: bool = True
    """False: not every order there may be was found, because a venue's open orders could not be read; see `error`."""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyDone(Reply):
    """The order works as asked (it may have executed since: see the view)."""

    view: OrderView
    """The order as it works now: the replacement, where it was replaced."""
    native: bool
    """The venue changed it in place; False: it was cancelled and placed anew."""
    kept_order_id: bool
    kept_priority: bool
    """Whether it kept its place in the venue's queue; False where the venue does not promise it."""
    merged: bool = False
    """The order had changed since the caller saw it, in other respects than those asked for."""
    duplicate: bool = False
    """The same command had been carried out before; this is its result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderClaimed(Reply):
    """The order is treated as one of ours."""

    view: OrderView


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchSet(Reply):
    """The kill switch is as asked."""

    kill_switch: KillSwitch
    cancelling: tuple[str, ...] = ()
    """Our ids of the orders that are being cancelled; what becomes of them comes as events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutDone(Reply):
    """The account's last user has left."""

    cleared: bool
    """Whether the cached orders were removed (`clearOnLogout`)."""
    live_orders: int
    """Orders that live on."""


class AnswerSource(StrEnum):
    """What an answer rests on."""

    STREAM = "stream"
    """Our records, kept up by a stream that lives and has no gap."""
    CACHE = "cache"
    """Our records as they were when they last agreed with the venue."""
    VENUE = "venue"
    """Read from the venue for this answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeOrders:
    """The open orders of one exchange, and how far they can be believed."""

    exchange: str
    orders: tuple[OrderView, ...]
    as_of_ms: int
    """The moment that the orders are known for, our clock; 0: they were never compared with the venue."""
    age_ms: int | None
    """How long ago that was; None: never."""
    source: AnswerSource
    stale: bool
    """A newer state was asked for and could not be read; `error` says why."""
    gap: bool
    """Events may be missing since `as_of_ms`."""
    complete: bool = True
    """False: some of the venue's records could not be read."""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrdersSynced(Reply):
    """Open orders, by exchange."""

    exchanges: tuple[ExchangeOrders, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityReport(Reply):
    """Our orders, executions and balances compared with the venues'."""

    differences: tuple[Difference, ...]
    compared: tuple[tuple[str, str, int], ...]
    """What was compared: exchange, `orders`, `fills` or `balances`, and how many."""
    not_compared: tuple[tuple[str, str, str], ...] = ()
    """What could not be compared: exchange, what, why. While it is not empty, no differences do not mean parity."""
    as_of_ms: int


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
    OrderAdmitted
    | OrderPlaced
    | OrderUnresolved
    | CancelDone
    | CancelsDone
    | ModifyDone
    | OrderClaimed
    | KillSwitchSet
    | LogoutDone
    | OpenOrdersSynced
    | ParityReport
    | DraftDone
    | CloseDone
    | ReviewResolved
    | Refused
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
class GetExposure(Query):
    """What the account has at stake. Answered by `ExposureSnapshot`."""

    exchange: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(Reply):
    """An answer to a query, and how far it can be believed."""

    as_of_ms: int
    """The moment that the answer is known for, our clock: of several exchanges the earliest; 0: never compared."""
    source: AnswerSource
    gap: bool
    """Something may have happened since `as_of_ms` that is not in the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSnapshot(Snapshot):
    """One order, or None."""

    view: OrderView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersSnapshot(Snapshot):
    """Orders, oldest first."""

    views: tuple[OrderView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySnapshot(Snapshot):
    """The life of one order."""

    transitions: tuple[StateTransition, ...]
    time_in_state_ms: tuple[tuple[OrderState, int], ...]
    """Re-entries summed, the present state counted up to now."""


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
class FillsSnapshot(Snapshot):
    """Booked executions, of one order or of a symbol."""

    fills: tuple[FillView, ...]
    weighted_average_price: Decimal | None
    """Computed afresh from these fills, exact to 50 digits."""
    shown_average_price: Decimal | None = None
    """The same, rounded half up to the places that the asset type is shown with."""
    completion_percent: Decimal | None = None
    """Of one order: executed size in percent of its size, 0 to 100 (more when overfilled)."""


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
    realised_pnl: Decimal | None
    """Quote units, before fees; None while the multiplier of the instrument is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsSnapshot(Snapshot):
    """Positions, by exchange and symbol."""

    positions: tuple[PositionView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureSnapshot(Snapshot):
    """Orders, intents and positions as what they may come to."""

    symbols: tuple[SymbolExposure, ...]
    """By exchange and symbol; only those with an order or a position."""
    reserved: tuple[ReservedFunds, ...]
    kill_switch: KillSwitch | None
    """None: it was never set."""


AccountQuery: TypeAlias = (
    GetOrder | GetOrders | GetHistory | GetFills | GetFillsBetween | GetPosition | GetPositions | GetStuckOrders
    | GetExposure
)
QueryReply: TypeAlias = (
    OrderSnapshot | OrdersSnapshot | HistorySnapshot | FillsSnapshot | PositionsSnapshot | ExposureSnapshot
)
