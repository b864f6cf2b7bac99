"""What a comparison with a venue is made of: a question asked now, orders and what a venue says of them."""

from decimal import Decimal
from typing import Any

from factories import NOW_MS, make

from actors.domain.parity import Compared, Finding, Question
from messages import Order, OrderState, VenueOrder

SETTLE_MS = 10_000
OFFSET_MS = 500
"""The venue's clock is ahead of ours."""
LONG_AGO = NOW_MS - 60_000
JUST_NOW = NOW_MS - 5_000


def question(**changes: Any) -> Question:
    asked = {
        "exchange": "binance", "asked_venue_ms": NOW_MS + OFFSET_MS, "heard_venue_ms": NOW_MS + OFFSET_MS + 200,
        "offset_ms": OFFSET_MS, "settle_ms": SETTLE_MS,
    }  # fmt: skip
    return Question(**asked | changes)


def order(number: str = "28", **changes: Any) -> Order:
    terms = {
        "order_id": f"ours-{number}", "client_order_id": f"c-{number}", "venue_order_id": number,
        "state": OrderState.ACKNOWLEDGED, "updated_at_ms": LONG_AGO, "size": Decimal(1), "price": Decimal(100),
    }  # fmt: skip
    return make(Order, **terms | changes)


def claim(number: str = "28", **changes: Any) -> VenueOrder:
    terms = {
        "venue_order_id": number, "client_order_id": f"c-{number}", "size": Decimal(1), "price": Decimal(100),
        "created_venue_ms": LONG_AGO, "updated_venue_ms": LONG_AGO,
    }  # fmt: skip
    return make(VenueOrder, **terms | changes)


def kinds(compared: Compared) -> list[str]:
    return [finding.difference.kind.value for finding in compared.findings]


def only(compared: Compared) -> Finding:
    (finding,) = compared.findings
    return finding
