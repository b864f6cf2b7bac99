"""What is claimed of orders and executions, against the record of the paper venue."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from exchanges.gateway import Capabilities
from messages.fills import VenueFill
from messages.types import ENDED_STATUSES, OrderType, PublicStatus, TimeInForce, VenueOrder

ENDS = {
    "OPEN": {PublicStatus.OPEN},
    "FILLED": {PublicStatus.FILLED},
    "CANCELLED": {PublicStatus.CANCELLED},
    # Venues differ in what they call the end of an order that nobody cancelled.
    "EXPIRED": {PublicStatus.EXPIRED, PublicStatus.CANCELLED},
    "REJECTED": {PublicStatus.FAILED, PublicStatus.CANCELLED},
}
REFUSALS = ("would_take", "self_trade", "fok_unfillable")
"""Ends right after the acceptance, which some venues call a cancel and count as a refusal."""
TRIGGERED = {OrderType.STOP_MARKET: OrderType.MARKET, OrderType.STOP_LIMIT: OrderType.LIMIT}
UUIDS = {"coinbase"}
"""Venues whose client order ids have dashes."""
UNTOLD = {"kraken": {TimeInForce.IOC, TimeInForce.FOK}}
"""Times in force that a venue's records of orders do not have."""


def not_ahead(order: VenueOrder, row: dict[str, Any]) -> None:
    """A claim may lag behind the record, and never says what did not happen."""
    assert order.filled_size <= Decimal(row["filledSize"]), (order, row)
    if row["status"] == "OPEN":
        assert order.status not in ENDED_STATUSES, (order, row)


def is_settled(order: VenueOrder, row: dict[str, Any]) -> bool:
    """Whether a claim has come as far as the record: status, executions, terms."""
    terms = {"price": order.price, "size": order.size} if row["type"] == OrderType.LIMIT else {}
    return (
        order.status in ends(row)
        and order.filled_size == Decimal(row["filledSize"])
        and all(value == Decimal(row[name]) for name, value in terms.items())
    )


def ends(row: dict[str, Any]) -> set[PublicStatus]:
    """How the status of the record may be called."""
    return ENDS[row["status"]] | ({PublicStatus.FAILED} if row["endReason"] in REFUSALS else set())



def check_order(can: Capabilities, order: VenueOrder, row: dict[str, Any]) -> None:
    """A claim about an order says what the venue's record says."""
    assert order.exchange == can.venue
    assert order.venue_order_id == row["venueOrderId"]
    if can.client_id_in_lists:
        assert order.client_order_id == row["clientOrderId"]
    assert (order.symbol, order.side) == (row["symbol"], row["side"]), order
    assert order.status in ends(row), (order, row)
    assert order.filled_size == Decimal(row["filledSize"])
    assert order.filled_value in (None, Decimal(row["filledValue"])), (order, row)
    assert order.post_only == row["postOnly"], (order, row)
    if Decimal(row["filledSize"]) and order.type is TRIGGERED.get(row["type"]):
        # What a trigger made of a stop is an order of its own at some venues.
        row = row | {"type": order.type, "stopPrice": None}
    assert order.type == row["type"], (order, row)
    assert _text(order.price) == _text(row["price"]), (order, row)
    assert _text(order.stop_price) == _text(row["stopPrice"]), (order, row)
    if row["type"] != OrderType.MARKET:
        assert order.size == Decimal(row["size"])
        told = order.time_in_force == row["timeInForce"]
        assert told or row["timeInForce"] in UNTOLD.get(can.venue, ()), (order, row)


def check_fills(fills: Iterable[VenueFill], executions: list[dict[str, Any]]) -> None:
    """Executions are exactly those of the venue's record: ids, amounts, fees and their currencies."""
    told = sorted((fill_facts(fill) for fill in fills), key=str)
    assert told == sorted((execution_facts(execution) for execution in executions), key=str)


def fill_facts(fill: VenueFill) -> tuple[object, ...]:
    """What identifies and describes an execution."""
    money = (fill.price, fill.size, fill.fee, fill.fee_currency if fill.fee else None)
    return (fill.symbol, fill.venue_order_id, fill.fill_id, fill.side.value, *money, fill.venue_time_ms)


def execution_facts(execution: dict[str, Any]) -> tuple[object, ...]:
    """The same of the venue's record."""
    fee = Decimal(execution["fee"])
    money = (Decimal(execution["price"]), Decimal(execution["size"]), fee, execution["feeCurrency"] if fee else None)
    return (
        execution["symbol"],
        execution["venueOrderId"],
        execution["fillId"],
        execution["side"],
        *money,
        execution["atMs"],
    )


def _text(amount: Decimal | str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)
