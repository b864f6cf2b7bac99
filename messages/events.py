"""Events: what has happened and is durable. Hosts subscribe to them; a slow subscriber delays nothing."""

from dataclasses import dataclass
from enum import StrEnum

from messages.base import Message, fast_init
from messages.fills import Fill, Position, PositionClose
from messages.risk import KillSwitch
from messages.types import OrderState, OrderView, Trigger


class Severity(StrEnum):
    """How urgently somebody should look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Message):
    """Anything that happened to an account, in the account's commit order."""

    account_id: str
    event_id: str = ""
    """`<seq>-<index>` within the account's stream; a listener resumes after one. Empty for events not stored."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStateChanged(Event):
    """An order made a recorded step of its life; `from_state` equals `to_state` where it stayed in place."""

    view: OrderView
    from_state: OrderState
    to_state: OrderState
    trigger: Trigger
    at_ms: int


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUpdated(Event):
    """Something about an order changed that is not its state: overlay, venue id, review flag."""

    view: OrderView


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMerged(Event):
    """A record that was kept of an order under its venue order id alone is gone: it was about another order of ours,
    which has its executions now.
    """

    order_id: str
    """Our id of the record that is gone."""
    into: str
    """Our id of the order that it was about."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class FillRecorded(Event):
    """An execution was booked, exactly once. Order and position are shown as they are after the whole turn."""

    fill: Fill
    view: OrderView
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionOpened(Event):
    """A position left zero, or was turned round by the fill that closed it."""

    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClosed(Event):
    """A position came to zero, or was turned round; the position is shown as it is afterwards."""

    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionCloseEnded(Event):
    """The closing of a position has ended, whatever it closed. One per close."""

    close: PositionClose


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRuleTriggered(Event):
    """A limit refused an order, or a rule acted."""

    rule: str
    limit: str
    actual: str
    action: str
    """`reject`, `cancel`, `modify` or `close`."""
    order_id: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchChanged(Event):
    """New orders are refused whatever they are, or accepted again."""

    kill_switch: KillSwitch


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualReviewRequired(Event):
    """The system cannot find out by itself what became of an order; it keeps watching."""

    view: OrderView
    reason: str
    candidates: tuple[str, ...] = ()
    """Venue order ids among which it does not guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert(Event):
    """Something an operator should know. `account_id` is empty where no account is concerned."""

    name: str
    """Stable name, for example `TerminalCorrection`."""
    severity: Severity
    text: str
    details: tuple[tuple[str, str], ...] = ()
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GateChanged(Event):
    """New orders are accepted (open) or not (closed) on one exchange of an account."""

    exchange: str
    open: bool
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHealthChanged(Event):
    """The user stream of one exchange went up or down."""

    exchange: str
    connected: bool
    reason: str
    at_ms: int
