"""How long an order may wait for its next execution before somebody must act.

Owns the choice of the timeout and the moment at which it strikes. Must never: read a clock, or decide what follows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from actors.domain.lifecycle import TERMINAL
from messages.types import Order, OrderState, OrderType

_BY_ASSET_TYPE = MappingProxyType({"stocks": 60_000, "forex": 30_000, "crypto": 120_000, "futures": 60_000})
_BY_ORDER_TYPE = MappingProxyType(
    {
        OrderType.MARKET: 30_000,
        OrderType.LIMIT: 120_000,
        OrderType.STOP_MARKET: 60_000,
        OrderType.STOP_LIMIT: 120_000,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FillTimeoutPolicy:
    """The settings of fill timeouts, milliseconds. A timeout of 0 is none."""

    enabled: bool = True
    default_ms: int = 60_000
    by_asset_type: Mapping[str, int] = field(default_factory=lambda: _BY_ASSET_TYPE)
    by_order_type: Mapping[OrderType, int] = field(default_factory=lambda: _BY_ORDER_TYPE)
    from_submit: bool = False
    """Wait from the submit on, so that an order without any fill can time out too; else from the first fill on."""
    reset_on_fill: bool = True
    """Every fill begins the wait anew; else only the first one does."""
    cancel: bool = True
    """Cancel what is left of the order; False: raise the alert only and let it work."""


def timeout_ms(order: Order, asset_type: str, policy: FillTimeoutPolicy) -> int | None:
    """Choose an order's timeout: its own, else that of its type, else that of its asset type, else the default.

    None: there is none. So it is for orders that no automatic rule may touch (external, overfilled) and for drafts.
    """
    if not policy.enabled or order.external or order.overfilled or order.state is OrderState.DRAFT:
        return None
    chosen = order.fill_timeout_ms
    if chosen is None:
        chosen = policy.by_order_type.get(order.type)
    if chosen is None:
        chosen = policy.by_asset_type.get(asset_type, policy.default_ms)
    return chosen if chosen > 0 else None


def deadline_ms(order: Order, asset_type: str, policy: FillTimeoutPolicy) -> int | None:
    """Tell when an order's timeout strikes, our clock; in the past when it is overdue.

    None when it has no timeout, has ended, when nothing has started its wait yet, or when its timeout has struck and
    no fill came since.
    """
    if order.state in TERMINAL:
        return None
    timeout = timeout_ms(order, asset_type, policy)
    started_ms = _started_ms(order, policy)
    return None if timeout is None or started_ms is None else started_ms + timeout


def _started_ms(order: Order, policy: FillTimeoutPolicy) -> int | None:
    last_ms = order.last_fill_ms
    if order.timed_out_ms is not None:
        # A fill of the same millisecond may have come after it: to look once more does no harm.
        return last_ms if last_ms is not None and last_ms >= order.timed_out_ms else None
    if last_ms is not None:
        return last_ms if policy.reset_on_fill else order.first_fill_ms
    return order.submitted_at_ms if policy.from_submit else None
