"""How the control port writes orders and executions as JSON objects, and reads what its commands are given.

Amounts are strings, so that nothing is rounded on the way. Orders and executions carry the engine's numbers, by which
the control port's commands name them, and the ids by which the venue's clients know them. No sockets, no state.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from exchanges.paper.faults import Fault, FaultRule, RequestKind
from exchanges.paper.model import Execution, PaperOrder, ScriptedFill
from exchanges.paper.wire import Dialect


def read_rule(body: dict[str, Any]) -> FaultRule:
    """Read a fault rule. Raises KeyError or ValueError for what is none."""
    kind = body.get("kind")
    return FaultRule(
        fault=Fault(body["fault"]),
        kind=None if kind is None else RequestKind(kind),
        probability=float(body.get("probability", 1)),
        count_max=body.get("countMax"),
        skip=body.get("skip", 0),
        client_order_id=body.get("clientOrderId"),
        amount_ms=body.get("amountMs"),
    )


def read_fills(order_id: int, fills: Iterable[Iterable[str]]) -> list[ScriptedFill]:
    """Read the pairs of price and size that one order is to be filled with. Raises ValueError for what are none."""
    read = [ScriptedFill(order_id, Decimal(price), Decimal(size)) for price, size in fills]
    if not all(fill.price.is_finite() and fill.size.is_finite() for fill in read):
        msg = "prices and sizes must be numbers"
        raise ValueError(msg)
    return read


def write_fill(fill: ScriptedFill) -> dict[str, Any]:
    """Write a fill that was asked for."""
    return {"orderId": fill.order_id, "price": str(fill.price), "size": str(fill.size)}


def write_order(order: PaperOrder, dialect: Dialect) -> dict[str, Any]:
    """Write an order in its present state."""
    return {
        "orderId": order.order_id,
        "venueOrderId": dialect.venue_order_id(order.order_id),
        "clientOrderId": order.client_order_id,
        "firstClientOrderId": order.first_client_order_id,
        "account": order.account,
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "timeInForce": order.time_in_force,
        "size": str(order.size),
        "price": None if order.price is None else str(order.price),
        "stopPrice": None if order.stop_price is None else str(order.stop_price),
        "quoteSize": None if order.quote_size is None else str(order.quote_size),
        "postOnly": order.post_only,
        "expiresMs": order.expires_at_ms,
        "status": order.status,
        "endReason": order.end_reason,
        "filledSize": str(order.filled_size),
        "filledValue": str(order.filled_value),
        "createdMs": order.created_ms,
        "updatedMs": order.updated_ms,
    }


def write_execution(execution: Execution, dialect: Dialect) -> dict[str, Any]:
    """Write one side of a trade."""
    return {
        "tradeId": execution.trade_id,
        "fillId": dialect.fill_id(execution),
        "orderId": execution.order_id,
        "venueOrderId": dialect.venue_order_id(execution.order_id),
        "clientOrderId": execution.client_order_id,
        "account": execution.account,
        "symbol": execution.symbol,
        "side": execution.side,
        "price": str(execution.price),
        "size": str(execution.size),
        "fee": str(execution.fee),
        "feeCurrency": execution.fee_currency,
        "liquidity": execution.liquidity,
        "atMs": execution.at_ms,
    }
