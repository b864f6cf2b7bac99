"""The settings of a run, drawn from its seed: what the account may do, and what the venue can do where it is none that
exists.

A plain run is one without anything of awareness and risk: the default settings, and no host that asks for more than
placements, cancels and closes. Seeds that broke earlier builds keep their meaning in plain runs.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Any, Final

from actors.domain.risk import RiskLimits
from actors.domain.timeouts import FillTimeoutPolicy
from actors.policy import AccountPolicy, ExchangePolicy, Freshness, PreTradePolicy, PrivacyPolicy
from exchanges.gateway import AmendScope, Capabilities
from messages.types import OrderType

from .venue_traits import DRAWN, VenueTraits

TAG: Final = "0badc0de"
CAPABILITIES: Final = DRAWN.capabilities
"""Of the drawn venue, before its ways to change orders are drawn."""
_SHARE_PLAIN = 0.15
_RARELY_MS = 60_000
_VENUES = (
    (AmendScope.SIZE_DOWN, True), (AmendScope.SIZE_DOWN, True), (AmendScope.NONE, False), (AmendScope.NONE, False),
    (AmendScope.NATIVE, False), (AmendScope.NONE, True),
)  # fmt: skip
"""How a venue changes orders: in place, and whether it has a replace of its own."""
_ORDER_VALUE: Final = Decimal(600)
"""What an order of the drawn venue is worth, about."""
_COUNTS: Final[dict[str, tuple[Any, ...]]] = {
    "max_open_orders_per_symbol": (1, 3, 6),
    "max_open_orders_per_account": (2, 4, 8),
    "max_orders_per_minute": (8, 20),
}
_DUPLICATE_TICKS = (None, None, 0, 1, 20_000)


@dataclass(frozen=True, slots=True)
class Regime:
    """The settings of one run."""

    plain: bool
    policy: AccountPolicy
    capabilities: Capabilities
    """What the venue can do."""

    @property
    def keeps_everything(self) -> bool:
        """Whether nothing of an order that has ended is ever dropped."""
        return self.policy.privacy.cache_orders and self.policy.privacy.retain_history


def draw_regime(
    base: Random, more: Random, *, silent: bool, plain: bool | None, traits: VenueTraits = DRAWN
) -> Regime:
    """Draw the settings: those of a plain run from `base`, and what a run of everything has beside them from `more`.

    `plain`: None: drawn too. `traits`: the venue; what a venue can do that exists is not drawn.
    """
    policy = _plain_policy(base, traits, silent=silent)
    capabilities = traits.capabilities
    drawn = more.random() < _SHARE_PLAIN
    if silent or drawn if plain is None else plain:
        return Regime(plain=True, policy=policy, capabilities=capabilities)
    amend, cancel_replace = more.choice(_VENUES)
    if traits is DRAWN:
        capabilities = replace(capabilities, amend=amend, cancel_replace=cancel_replace)
    exchange = replace(policy.exchanges[traits.exchange], capabilities=capabilities)
    policy = replace(
        policy,
        exchanges={traits.exchange: exchange},
        pre_trade=_pre_trade(more),
        risk=_limits(more, traits),
        privacy=_privacy(more),
        stale_after_ms=more.choice((3000, 10_000, 30_000)),
    )
    return Regime(plain=False, policy=policy, capabilities=capabilities)


def _plain_policy(draw: Random, traits: VenueTraits, *, silent: bool) -> AccountPolicy:
    # The defaults, with the shorter times of a short run, so that whatever must happen happens before its end.
    timeouts = FillTimeoutPolicy(
        by_order_type=dict.fromkeys(OrderType, 0)
        | {OrderType.LIMIT: draw.choice((0, 0, 6000, 12_000)), OrderType.MARKET: draw.choice((0, 4000))},
        from_submit=draw.random() < 0.3,
        reset_on_fill=draw.random() < 0.8,
        cancel=draw.random() < 0.8,
    )
    exchange = ExchangePolicy(
        name=traits.exchange,
        public_id=1,
        capabilities=traits.capabilities,
        valid_for_ms=5000,
        settle_ms=traits.capabilities.settle_ms,
        asset_type="futures" if traits.capabilities.margin else "crypto",
    )
    return AccountPolicy(
        tag=TAG,
        exchanges={traits.exchange: exchange},
        reconcile_ms=_RARELY_MS if silent else 20_000,
        call_overdue_ms=5000,
        fill_timeouts=timeouts,
        audit_interval_ms=draw.choice((4000, 6000, 10_000)),
        close_timeout_ms=draw.choice((1000, 4000, 15_000)),
    )


def _pre_trade(draw: Random) -> PreTradePolicy:
    return PreTradePolicy(
        freshness=draw.choice((Freshness.STREAM, Freshness.STREAM, Freshness.ALWAYS_FETCH, Freshness.MAX_AGE)),
        max_age_ms=draw.choice((500, 2000)),
        duplicate_ticks=draw.choice(_DUPLICATE_TICKS),
        cancel_resting=draw.random() < 0.5,
    )


def _limits(draw: Random, traits: VenueTraits) -> RiskLimits:
    # Limits that bite often, with orders of the size that hosts place here.
    share = draw.choice((0.0, 0.0, 0.2, 0.5))
    chosen = {name: draw.choice(values) for name, values in _choices(traits).items() if draw.random() < share}
    return RiskLimits(**chosen)


def _choices(traits: VenueTraits) -> dict[str, tuple[Any, ...]]:
    first = traits.markets[0]
    scale = first.rules.reference_price * first.unit * first.multiplier / _ORDER_VALUE
    units = {market.symbol: market.unit for market in traits.markets}
    return {
        "max_order_notional": (450 * scale, 900 * scale),
        **{name: _COUNTS[name] for name in ("max_open_orders_per_symbol", "max_open_orders_per_account")},
        "max_open_notional_per_symbol": (1500 * scale, 4000 * scale),
        "max_open_notional_per_exchange": (2000 * scale, 5000 * scale),
        "max_open_notional_per_account": (2000 * scale, 5000 * scale),
        "max_position": tuple({symbol: unit * times for symbol, unit in units.items()} for times in (3, 10)),
        "max_orders_per_minute": _COUNTS["max_orders_per_minute"],
        "price_collar_percent": (Decimal(1), Decimal(8)),
        "allowed_symbols": (frozenset(traits.symbols[:1]), frozenset(traits.symbols)),
    }


def _privacy(draw: Random) -> PrivacyPolicy:
    kind = draw.random()
    return PrivacyPolicy(
        cache_orders=not kind < 0.12, retain_history=not 0.06 < kind < 0.2, clear_on_logout=draw.random() < 0.5
    )
