"""Limits that an account's orders are held to. Pure.

Every check answers None or one `RefusalReason` that names the rule, the limit and the actual figure. Must never: let an
order pass because something that a limit needs is not known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """What an account may do at most. None: no limit.

    Notional limits hold for each quote currency by itself: nothing is converted.
    """

    max_order_notional: Decimal | None = None
    max_open_orders_per_symbol: int | None = None
    max_open_orders_per_account: int | None = None
    max_open_notional_per_symbol: Decimal | None = None
    max_open_notional_per_exchange: Decimal | None = None
    max_open_notional_per_account: Decimal | None = None
    max_position: Mapping[str, Decimal] = field(default_factory=dict)
    """By symbol: base units, long or short, over all exchanges, if every open order of one side executed."""
    max_orders_per_minute: int | None = None
    price_collar_percent: Decimal | None = None
    """By how much a price may differ from the market's."""
    allowed_symbols: frozenset[str] | None = None
    kill_switch: bool = False
    """True: held on by the configuration."""
