"""What an account tells itself later. Deadlines live in the records; these only say when to look."""

from dataclasses import dataclass
from typing import TypeAlias

from actors.runtime.outcome import SetTimer
from messages.base import Message
from messages.types import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendDue(Message):
    """An order proven not to be at the venue may be sent again now."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAgainDue(Message):
    """A cancel that is not settled is sent again."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryDue(Message):
    """The end of a GTT order whose venue has no GTT."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepDue(Message):
    """Look for sendings nobody answered, expired idempotency entries and stuck orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadDue(Message):
    """Try again to take and load the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileDue(Message):
    """Compare with the venue again."""

    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RespawnDue(Message):
    """Start a failed exchange actor again."""

    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryDue(Message):
    """A symbol's recent history is searched again, unless it was merged meanwhile."""

    exchange: str
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDue(Message):
    """Placements that wait for something about their symbol may have waited long enough."""

    exchange: str
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditDue(Message):
    """Cross-check the working orders and the executions of an exchange with its lists."""

    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedDue(Message):
    """Ask the venue what order a parked execution belongs to."""

    exchange: str
    symbol: str
    venue_order_id: str
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncDue(Message):
    """A list of open orders was asked for long ago and did not come."""

    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceDue(Message):
    """A price was asked for long ago and did not come."""

    exchange: str
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityDue(Message):
    """A look has all its answers or has waited for them long enough, or it is time for the second look."""

    exchange: str
    step: int
    """Of the check; a reminder of an earlier one is late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyDue(Message):
    """A change that waits until another one of its order is settled has waited long enough."""

    order_id: str


Reminder: TypeAlias = (
    ResendDue
    | CancelAgainDue
    | ExpiryDue
    | SweepDue
    | ReloadDue
    | ReconcileDue
    | RespawnDue
    | HistoryDue
    | HeldDue
    | AuditDue
    | ParkedDue
    | SyncDue
    | PriceDue
    | ParityDue
    | ModifyDue
)


def expiry_timer(order: Order, now_ms: int) -> SetTimer:
    """The timer that ends a GTT order at its `expires_at_ms`."""
    due_ms = order.expires_at_ms if order.expires_at_ms is not None else now_ms
    return SetTimer(f"expiry:{order.order_id}", max(0, due_ms - now_ms), ExpiryDue(order_id=order.order_id))


def resend_timer(order_id: str, delay_ms: int) -> SetTimer:
    """The timer of the next sending."""
    return SetTimer(f"resend:{order_id}", delay_ms, ResendDue(order_id=order_id))


def cancel_again_timer(order_id: str, delay_ms: int) -> SetTimer:
    """The timer of the next sending of a cancel."""
    return SetTimer(f"cancel:{order_id}", delay_ms, CancelAgainDue(order_id=order_id))


def modify_timer(order_id: str, delay_ms: int) -> SetTimer:
    """The timer of the changes that wait for an order's present one."""
    return SetTimer(f"modify:{order_id}", delay_ms, ModifyDue(order_id=order_id))
