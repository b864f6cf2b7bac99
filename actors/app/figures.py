"""How figures are written for people. Must never: be continued from; what is computed stays exact."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from actors.domain.fills import rounded
from actors.settings import Settings

_MONEY_PLACES: Final = 2
_PLACES: Final = 8
"""Of the average prices of an exchange that is not configured."""


def price_places(settings: Settings) -> dict[str, int]:
    """Tell, by exchange, with how many decimal places average prices are shown there."""
    by_asset_type = settings.order_management.partial_fill_tracking.pricing.precision_by_asset_type
    return {
        name: getattr(by_asset_type, exchange.asset_type) for name, exchange in settings.exchanges.by_name().items()
    }


def money(amount: Decimal) -> str:
    """Write an amount of quote currency: two decimals, groups of three, and a plain 0 for nothing."""
    shown = rounded(amount, _MONEY_PLACES)
    return format(shown, ",f") if shown else "0"


def price(average: Decimal, exchange: str, places: Mapping[str, int]) -> str:
    """Write an average price with the places of its exchange, and groups of three."""
    return format(rounded(average, places.get(exchange, _PLACES)), ",f")


def counted(count: int, what: str) -> str:
    """Write a number of things, one thing without the plural's s."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
