"""Coinbase's words for the engine's values: orders of queries and stream, fills, products. It changes nothing."""

from decimal import Decimal
from typing import Any

from exchanges.paper.dialects.coinbase import configurations, ids
from exchanges.paper.dialects.coinbase.phases import (
    CANCEL_QUEUED,
    EDIT_QUEUED,
    PENDING,
    Edit,
    Phases,
    is_settling,
)
from exchanges.paper.dialects.coinbase.values import NO_TIME, average, number, timestamp
from exchanges.paper.engine import Engine
from exchanges.paper.model import EndReason, Execution, PaperInstrument, PaperOrder, PaperStatus
from messages.types import ZERO, OrderType, Side, TimeInForce

TIMES_IN_FORCE = {
    TimeInForce.GTC: "GOOD_UNTIL_CANCELLED",
    TimeInForce.GTT: "GOOD_UNTIL_DATE_TIME",
    TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
    TimeInForce.FOK: "FILL_OR_KILL",
}
ORDER_TYPES = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP_LIMIT: "STOP_LIMIT",
    OrderType.STOP_MARKET: "STOP",
}
SOURCE = "RETAIL_ADVANCED"
_CANCEL_WORDS = {
    EndReason.USER: "User requested cancel",
    EndReason.VENUE: "Cancelled by the venue",
    EndReason.IOC_REMAINDER: "Unfilled remainder of an IOC order",
    EndReason.FOK_UNFILLABLE: "FOK order could not be filled completely",
    EndReason.NO_LIQUIDITY: "Insufficient liquidity",
    EndReason.SELF_TRADE: "Self-trade prevention",
    EndReason.AMENDED_BELOW_FILLED: "Edited to its filled size",
}
_STOPS = (OrderType.STOP_LIMIT, OrderType.STOP_MARKET)
_ENDED_BADLY = (EndReason.TRIGGER_REFUSED,)
_HUNDRED = Decimal(100)
_PERCENT_UNIT = Decimal("0.01")


class Renderer:
    """Renders orders with what the engine and the venue know of them."""

    def __init__(self, engine: Engine, phases: Phases) -> None:
        self._engine = engine
        self._phases = phases
        self._symbol_indexes = {symbol: index for index, symbol in enumerate(engine.instruments)}

    def order(self, order: PaperOrder, now_ms: int) -> dict[str, Any]:
        """Return an order as queries show it now."""
        shown = self._phases.shown(order, now_ms)
        quote_size = self._phases.quote_size(order)
        status = self._phases.status(order, now_ms)
        return {
            "order_id": ids.order_uuid(order.order_id),
            "product_id": self._venue_symbol(order),
            "user_id": ids.user_uuid(order),
            "order_configuration": configurations.write(shown, quote_size),
            "side": order.side.value,
            "client_order_id": order.client_order_id,
            "status": status,
            "time_in_force": time_in_force(order),
            "created_time": timestamp(order.created_ms),
            "last_update_time": timestamp(order.updated_ms),
            **self._executed(order, shown, now_ms),
            "fee": "",
            "size_in_quote": quote_size is not None,
            "size_inclusive_of_fees": quote_size is not None,
            "pending_cancel": status == CANCEL_QUEUED,
            "settled": order.status is PaperStatus.FILLED and not is_settling(order, now_ms),
            "trigger_status": _trigger_status(order),
            "order_type": ORDER_TYPES[order.type],
            "reject_reason": "HOLD_FAILURE" if _is_rejected(order) else "REJECT_REASON_UNSPECIFIED",
            "reject_message": "Rejected by the venue" if _is_rejected(order) else "",
            "cancel_message": _CANCEL_WORDS.get(order.end_reason, ""),
            "product_type": "SPOT",
            "order_placement_source": SOURCE,
            "outstanding_hold_amount": number(order.reserved if order.is_open else ZERO),
            "is_liquidation": False,
            "edit_history": [_edited(edit, full=True) for edit in self._phases.finished_edits(order, now_ms)],
            "current_pending_replace": _pending_replace(self._phases.queued_edit(order, now_ms)),
            "retail_portfolio_id": ids.portfolio_uuid(order.account),
            "leverage": "",
            "margin_type": "",
        }

    def stream_order(self, order: PaperOrder, status: str) -> dict[str, Any]:
        """Return an order as the stream tells of it: cumulative, under names of its own, flags as texts."""
        quote_size = self._phases.quote_size(order)
        count, fees, _ = self._totals(order)
        over = not order.is_open and status not in (CANCEL_QUEUED, EDIT_QUEUED, PENDING)
        left = order.remaining if quote_size is None else quote_size - order.filled_value
        return {
            "order_id": ids.order_uuid(order.order_id),
            "client_order_id": order.client_order_id,
            "product_id": self._venue_symbol(order),
            "product_type": "SPOT",
            "order_side": order.side.value,
            "order_type": ORDER_TYPES[order.type].replace("_", " ").title(),
            "status": status,
            "cumulative_quantity": number(order.filled_size),
            "leaves_quantity": number(ZERO if over else left),
            "avg_price": number(average(order.filled_value, order.filled_size)),
            "filled_value": number(order.filled_value),
            "number_of_fills": str(count),
            "completion_percentage": f"{_completion(order):.2f}",
            "total_fees": number(fees),
            "total_value_after_fees": number(_after_fees(order, fees)),
            "limit_price": number(order.price),
            "stop_price": number(order.stop_price),
            "post_only": "true" if order.post_only else "false",
            "time_in_force": time_in_force(order),
            "trigger_status": _trigger_status(order),
            "cancel_reason": "" if status == CANCEL_QUEUED else _CANCEL_WORDS.get(order.end_reason, ""),
            "reject_reason": "Rejected by the venue" if _is_rejected(order) else "",
            "outstanding_hold_amount": number(order.reserved if order.is_open else ZERO),
            "creation_time": timestamp(order.created_ms),
            "start_time": NO_TIME,
            "end_time": timestamp(order.expires_at_ms) or NO_TIME,
            "retail_portfolio_id": ids.portfolio_uuid(order.account),
            "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE",
            "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE",
        }

    def fill(self, execution: Execution) -> dict[str, Any]:
        """Return one row of the fills. Orders sized in the quote currency have their fills sized so, too."""
        order = self._engine.order(execution.order_id)
        in_quote = order is not None and self._phases.quote_size(order) is not None
        fee = number(execution.fee)
        return {
            "entry_id": ids.entry_uuid(execution),
            "trade_id": self.trade_id(execution),
            "order_id": ids.order_uuid(execution.order_id),
            "trade_time": timestamp(execution.at_ms),
            "trade_type": "FILL",
            "price": number(execution.price),
            "size": number(execution.value if in_quote else execution.size),
            "commission": fee,
            "product_id": self._engine.instruments[execution.symbol].venue_symbol,
            "sequence_timestamp": timestamp(execution.at_ms),
            "liquidity_indicator": execution.liquidity.value.upper(),
            "size_in_quote": in_quote,
            "side": execution.side.value,
            "user_id": ids.derived_uuid("user", execution.account),
            "retail_portfolio_id": ids.portfolio_uuid(execution.account),
            "commission_detail_total": {"total_commission": fee},
        }

    def trade_id(self, execution: Execution) -> str:
        """Return the id of the trade that an execution is a side of."""
        return ids.trade_uuid(execution.trade_id, self._symbol_indexes[execution.symbol])

    def _executed(self, order: PaperOrder, shown: PaperOrder, now_ms: int) -> dict[str, str]:
        count, fees, last_ms = self._totals(order)
        settling = is_settling(order, now_ms)
        return {
            "completion_percentage": number(_completion(shown)),
            "filled_size": "0" if settling else number(order.filled_size),
            "average_filled_price": "0" if settling else number(average(order.filled_value, order.filled_size)),
            "filled_value": "" if settling else number(order.filled_value),
            "number_of_fills": str(count),
            "total_fees": number(fees),
            "total_value_after_fees": number(_after_fees(shown, fees)),
            "last_fill_time": timestamp(last_ms),
        }

    def _totals(self, order: PaperOrder) -> tuple[int, Decimal, int | None]:
        """Return count, fees and time of the last of the executions that an order has in this state."""
        count, fees, filled, last_ms = 0, ZERO, ZERO, None
        for execution in self._engine.truth.executions_of_order(order.order_id):
            if filled >= order.filled_size:
                break
            count, fees, filled = count + 1, fees + execution.fee, filled + execution.size
            last_ms = execution.at_ms
        return count, fees, last_ms

    def _venue_symbol(self, order: PaperOrder) -> str:
        return self._engine.instruments[order.symbol].venue_symbol


def product(rules: PaperInstrument, last_price: Decimal) -> dict[str, Any]:
    """Return a product."""
    return {
        "product_id": rules.venue_symbol,
        "price": number(last_price),
        "base_increment": number(rules.step_size),
        "quote_increment": number(rules.tick_size),
        "price_increment": number(rules.tick_size),
        "base_min_size": number(rules.min_size),
        "base_max_size": number(rules.max_size),
        "quote_min_size": number(rules.min_notional),
        "quote_max_size": number(rules.max_notional),
        "base_currency_id": rules.base,
        "quote_currency_id": rules.quote,
        "base_name": rules.base,
        "quote_name": rules.quote,
        "status": "online" if rules.trading else "offline",
        "is_disabled": False,
        "new": False,
        "trading_disabled": not rules.trading,
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "auction_mode": False,
        "view_only": False,
        "product_type": "SPOT",
        "alias": "",
        "alias_to": [],
    }


def time_in_force(order: PaperOrder) -> str:
    """Return an order's time in force; market orders are immediate."""
    at_market = order.type is OrderType.MARKET
    return TIMES_IN_FORCE[TimeInForce.IOC if at_market else order.time_in_force]


def _trigger_status(order: PaperOrder) -> str:
    if order.type not in _STOPS:
        return "INVALID_ORDER_TYPE"
    return "STOP_TRIGGERED" if order.working else "STOP_PENDING"


def _is_rejected(order: PaperOrder) -> bool:
    return order.status is PaperStatus.REJECTED or order.end_reason in _ENDED_BADLY


def _completion(order: PaperOrder) -> Decimal:
    if order.status is PaperStatus.FILLED or not order.size:
        return _HUNDRED if order.status is PaperStatus.FILLED else ZERO
    return (order.filled_size * _HUNDRED / order.size).quantize(_PERCENT_UNIT)


def _after_fees(order: PaperOrder, fees: Decimal) -> Decimal:
    value = order.filled_value
    if order.is_open:
        value += order.remaining * (order.price or ZERO)
    return value + fees if order.side is Side.BUY else value - fees


def _edited(edit: Edit, *, full: bool) -> dict[str, Any]:
    values = {"price": number(edit.price), "size": number(edit.size)}
    return values | {"replace_accept_timestamp": timestamp(edit.accepted_ms)} if full else values


def _pending_replace(edit: Edit | None) -> dict[str, Any] | None:
    return None if edit is None else _edited(edit, full=False)
