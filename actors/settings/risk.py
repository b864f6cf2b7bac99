"""The settings under `orderManagement.preTrade` and `orderManagement.risk`: what is looked at before an order leaves.

An account's own `risk` takes the place of the general one key by key. Must never: take anything that is written wrongly
for 'no limit'.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator

from actors.settings.values import (
    Flag,
    Section,
    decimal,
    limit,
    limits_by_symbol,
    refuse,
    symbol,
    whole,
)

_NONE = "null is no limit, killSwitch refuses every order"
_ORDERS_MAX = 1_000_000


def _not_zero(text: str) -> BeforeValidator:
    """Refuse 0; `text` says what somebody who wrote it may have meant."""

    def read(raw: Any) -> Any:
        if type(raw) is int and raw == 0:
            refuse(text)
        return raw

    return BeforeValidator(read)


def _some(raw: Any) -> Any:
    if isinstance(raw, (list, tuple)) and not raw:
        refuse(f"must name at least one symbol; {_NONE}")
    return raw


def _no_limits(*keys: str) -> BeforeValidator:
    """Read null in the place of a mapping of limits: null for each of them."""
    return BeforeValidator(lambda raw: dict.fromkeys(keys) if raw is None else raw)


Notional = Annotated[Decimal, limit(_NONE)] | None
Count = Annotated[int, whole("orders", 1, _ORDERS_MAX), _not_zero(f"must be at least 1 order; {_NONE}")] | None
Age = Annotated[
    int,
    whole("milliseconds", 100, 600_000),
    _not_zero("must be at least 100 milliseconds; freshness always_fetch reads the open orders for every placement"),
]


class PreTradeSettings(Section):
    """What is looked at before an order is placed."""

    freshness: Literal["stream", "always_fetch", "max_age_ms"] = "stream"
    """What keeps the open orders fresh enough: a stream without a gap, a list asked for at each placement, or one that
    is not older than `max_age_ms`.
    """
    max_age_ms: Age = 2_000
    """Also how old a price may be that a limit is judged by."""
    duplicate_tolerance_ticks: Annotated[int, whole("ticks", 0, 10_000)] | None = 1
    """Orders of one kind whose prices differ by no more are duplicates. None: not looked at."""
    self_trade: Literal["refuse", "cancel_resting"] = "refuse"
    """What becomes of an order that would execute against one of the same account."""


class _Limits(Section):
    """Limits that another section of their kind may override, key by key."""

    def overridden_by(self, other: Self) -> Self:
        """Take what is written in `other`, null included, and the rest from here."""
        changes: dict[str, Any] = {}
        for name in other.model_fields_set:
            value, written = getattr(self, name), getattr(other, name)
            changes[name] = value.overridden_by(written) if isinstance(value, _Limits) else written
        return self.model_copy(update=changes)


class OpenOrdersSettings(_Limits):
    """How many orders may be open. The narrowest of several limits decides."""

    per_symbol: Count = None
    """Of one symbol on one exchange."""
    per_account: Count = None


class OpenNotionalSettings(_Limits):
    """How much open orders may be worth, in each quote currency by itself. The narrowest of several limits decides."""

    per_symbol: Notional = None
    """Of one symbol on one exchange."""
    per_exchange: Notional = None
    per_account: Notional = None


class RiskSettings(_Limits):
    """What an account may do at most. None: no limit."""

    max_order_notional: Notional = None
    """Quote units."""
    max_open_orders: Annotated[OpenOrdersSettings, _no_limits("perSymbol", "perAccount")] = OpenOrdersSettings()
    max_open_notional: Annotated[OpenNotionalSettings, _no_limits("perSymbol", "perExchange", "perAccount")] = (
        OpenNotionalSettings()
    )
    max_position: Annotated[tuple[tuple[str, Decimal], ...], limits_by_symbol()] = ()
    """As (symbol, base units long or short over all exchanges): a written mapping replaces the whole one."""
    max_orders_per_minute: Count = None
    price_collar_percent: Annotated[Decimal, decimal("0.0001", "1000")] | None = None
    """By how much a price may differ from the market's."""
    allowed_symbols: Annotated[tuple[Annotated[str, symbol()], ...], BeforeValidator(_some)] | None = None
    kill_switch: Flag = False
    """True: every new order is refused until the configuration says otherwise."""
