"""The settings of a run, drawn from its seed: what the venue can do and what the account may do.

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
from messages.types import OrderType, TimeInForce

from .reads import SEARCH_SOURCES
from .venue import SETTLE_MS
from .wire import EXCHANGE

TAG: Final = "0badc0de"
CAPABILITIES: Final = Capabilities(
    venue=EXCHANGE,
    order_types=frozenset(OrderType),
    times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
    post_only=True,
    quote_size_market=True,
    reduce_only=False,
    amend=AmendScope.SIZE_DOWN,
    shrink_keeps_priority=True,
    cancel_replace=True,
    lookup_by_client_id=True,
    client_id_in_lists=True,
    duplicate_client_id="refused while the first is open, accepted again afterwards",
    validity_parameter="recvWindow",
    settle_ms=SETTLE_MS,
    search_sources=SEARCH_SOURCES,
    max_in_flight=16,
)
_SHARE_PLAIN = 0.15
_RARELY_MS = 60_000
_VENUES = (
    (AmendScope.SIZE_DOWN, True), (AmendScope.SIZE_DOWN, True), (AmendScope.NONE, False), (AmendScope.NONE, False),
    (AmendScope.NATIVE, False), (AmendScope.NONE, True),
)  # fmt: skip
"""How a venue changes orders: in place, and whether it has a replace of its own."""
_LIMITS: dict[str, tuple[Any, ...]] = {
    "max_order_notional": (Decimal(450), Decimal(900)),
    "max_open_orders_per_symbol": (1, 3, 6),
    "max_open_orders_per_account": (2, 4, 8),
    "max_open_notional_per_symbol": (Decimal(1500), Decimal(4000)),
    "max_open_notional_per_exchange": (Decimal(2000), Decimal(5000)),
    "max_open_notional_per_account": (Decimal(2000), Decimal(5000)),
    "max_position": (
        {"BTC-USDT": Decimal("0.03"), "ETH-USDT": Decimal("0.3")},
        {"BTC-USDT": Decimal("0.1"), "ETH-USDT": Decimal(1)},
    ),
    "max_orders_per_minute": (8, 20),
    "price_collar_percent": (Decimal(1), Decimal(8)),
    "allowed_symbols": (frozenset({"BTC-USDT"}), frozenset({"BTC-USDT", "ETH-USDT"})),
}
"""Limits that bite often, with orders of the size that hosts place here."""
_DUPLICATE_TICKS = (None, None, 0, 1, 20_000)


@dataclass(frozen=True, slots=True)
class Regime:
    """The settings of one run."""

    plain: bool
    policy: AccountPolicy

    @property
    def capabilities(self) -> Capabilities:
        """What the venue can do."""
        return self.policy.exchanges[EXCHANGE].capabilities

    @property
    def keeps_everything(self) -> bool:
        """Whether nothing of an order that has ended is ever dropped."""
        return self.policy.privacy.cache_orders and self.policy.privacy.retain_history


def draw_regime(base: Random, more: Random, *, silent: bool, plain: bool | None) -> Regime:
    """Draw the settings: those of a plain run from `base`, and what a run of everything has beside them from `more`.

    `plain`: None: drawn too.
    """
    policy = _plain_policy(base, silent=silent)
    drawn = more.random() < _SHARE_PLAIN
    if silent or drawn if plain is None else plain:
        return Regime(plain=True, policy=policy)
    amend, cancel_replace = more.choice(_VENUES)
    capabilities = replace(CAPABILITIES, amend=amend, cancel_replace=cancel_replace)
    exchange = replace(policy.exchanges[EXCHANGE], capabilities=capabilities)
    policy = replace(
        policy,
        exchanges={EXCHANGE: exchange},
        pre_trade=_pre_trade(more),
        risk=_limits(more),
        privacy=_privacy(more),
        stale_after_ms=more.choice((3000, 10_000, 30_000)),
    )
    return Regime(plain=False, policy=policy)


def _plain_policy(draw: Random, *, silent: bool) -> AccountPolicy:
    # The defaults, with the shorter times of a short run, so that whatever must happen happens before its end.
    timeouts = FillTimeoutPolicy(
        by_order_type=dict.fromkeys(OrderType, 0)
        | {OrderType.LIMIT: draw.choice((0, 0, 6000, 12_000)), OrderType.MARKET: draw.choice((0, 4000))},
        from_submit=draw.random() < 0.3,
        reset_on_fill=draw.random() < 0.8,
        cancel=draw.random() < 0.8,
    )
    exchange = ExchangePolicy(
        name=EXCHANGE, public_id=1, capabilities=CAPABILITIES, valid_for_ms=5000, settle_ms=SETTLE_MS
    )
    return AccountPolicy(
        tag=TAG,
        exchanges={EXCHANGE: exchange},
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


def _limits(draw: Random) -> RiskLimits:
    share = draw.choice((0.0, 0.0, 0.2, 0.5))
    chosen = {name: draw.choice(values) for name, values in _LIMITS.items() if draw.random() < share}
    return RiskLimits(**chosen)


def _privacy(draw: Random) -> PrivacyPolicy:
    kind = draw.random()
    return PrivacyPolicy(
        cache_orders=not kind < 0.12, retain_history=not 0.06 < kind < 0.2, clear_on_logout=draw.random() < 0.5
    )
