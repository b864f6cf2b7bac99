"""How KuCoin writes orders, fills, stop orders, symbols and balances. Pure functions of the engine's values."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from exchanges.paper.dialects.kucoin import ids
from exchanges.paper.dialects.kucoin.notes import Notes
from exchanges.paper.model import EXACT, EndReason, Execution, PaperInstrument, PaperOrder, PaperStatus
from messages.types import ZERO, Side

_FEE_RATE = Decimal("0.001")


def order_type(order: PaperOrder) -> str:
    """Return `limit` or `market`."""
    return "market" if order.price is None else "limit"


def side(value: Side) -> str:
    """Return `buy` or `sell`."""
    return value.value.lower()


def stop_kind(order: PaperOrder) -> str:
    """Return what makes a stop fire: `entry` above its stop price, `loss` below; empty for other orders."""
    if order.stop_price is None:
        return ""
    return "entry" if order.trigger_above else "loss"


def began_ms(order: PaperOrder) -> int:
    """Return when the ordinary order came into being: a stop's child does so with the trigger."""
    return order.created_ms if order.working_ms is None else order.working_ms


def is_ordinary(order: PaperOrder) -> bool:
    """Whether the HF endpoints know an order: any but a stop that was not triggered, or could not be paid then."""
    return order.working and order.end_reason is not EndReason.TRIGGER_REFUSED


def cancelled_size(order: PaperOrder, notes: Notes) -> Decimal:
    """Return what was taken out of an order, base units; zero for one that was placed by its funds."""
    if order.quote_size is not None:
        return ZERO
    kept = order.size if order.is_open else order.filled_size
    return notes.origin_size(order) - kept


def cancelled_funds(order: PaperOrder, notes: Notes) -> Decimal:
    """Return what was taken out of an order, quote units."""
    if order.quote_size is not None:
        return ZERO if order.is_open else order.quote_size - order.filled_value
    return EXACT.multiply(order.price or ZERO, cancelled_size(order, notes))


def remaining_size(order: PaperOrder) -> Decimal:
    """Return what may still execute, base units; zero for an order that was placed by its funds."""
    return order.remaining if order.is_open and order.quote_size is None else ZERO


def _funds(order: PaperOrder, notes: Notes) -> Decimal:
    if order.quote_size is not None:
        return order.quote_size
    return EXACT.multiply(order.price or ZERO, notes.origin_size(order))


def described(
    order: PaperOrder, instrument: PaperInstrument, notes: Notes, executions: Iterable[Execution]
) -> dict[str, Any]:
    """Return an order as the HF queries describe it."""
    note = notes.of(order)
    funds, gone = _funds(order, notes), cancelled_funds(order, notes)
    by_funds = order.quote_size is not None
    return {
        "id": ids.order_id(order.order_id),
        "clientOid": order.client_order_id,
        "symbol": instrument.venue_symbol,
        "opType": "DEAL",
        "type": order_type(order),
        "side": side(order.side),
        "price": ids.number(order.price),
        "size": "0" if by_funds else ids.number(notes.origin_size(order)),
        "funds": ids.number(funds),
        "dealSize": ids.number(order.filled_size),
        "dealFunds": ids.number(order.filled_value),
        "remainSize": ids.number(remaining_size(order)),
        "remainFunds": ids.number(max(funds - order.filled_value - gone, ZERO)),
        "cancelledSize": ids.number(cancelled_size(order, notes)),
        "cancelledFunds": ids.number(gone),
        "fee": ids.number(sum((one.fee for one in executions), ZERO)),
        "feeCurrency": instrument.quote,
        "stp": note.stp,
        "timeInForce": note.time_in_force,
        "postOnly": order.post_only,
        "hidden": note.hidden,
        "iceberg": note.iceberg,
        "visibleSize": ids.number(note.visible_size),
        "cancelAfter": note.cancel_after,
        "channel": "API",
        "remark": note.remark,
        "tags": note.tags,
        "cancelExist": cancelled_size(order, notes) > ZERO or (by_funds and gone > ZERO),
        "tradeType": "TRADE",
        "inOrderBook": order.is_open,
        "active": order.is_open,
        "tax": "0",
        "createdAt": began_ms(order),
        "lastUpdatedAt": order.updated_ms,
    }


def result(order: PaperOrder, notes: Notes) -> dict[str, Any]:
    """Return what the synchronous endpoints tell of an order's state."""
    by_funds = order.quote_size is not None
    fields = {
        "orderId": ids.order_id(order.order_id),
        "originSize": "0" if by_funds else ids.number(notes.origin_size(order)),
        "dealSize": ids.number(order.filled_size),
        "remainSize": ids.number(remaining_size(order)),
        "canceledSize": ids.number(cancelled_size(order, notes)),
        "status": "open" if order.is_open else "done",
    }
    return fields | funds_result(order, notes) if by_funds else fields


def funds_result(order: PaperOrder, notes: Notes) -> dict[str, str]:
    """Return the amounts of an order that was placed by its funds."""
    gone = cancelled_funds(order, notes)
    funds = _funds(order, notes)
    return {
        "originFunds": ids.number(funds),
        "canceledFunds": ids.number(gone),
        "remainFunds": ids.number(funds - order.filled_value - gone),
    }


def stop_order(order: PaperOrder, instrument: PaperInstrument, notes: Notes, user_id: str) -> dict[str, Any]:
    """Return a stop as the stop-order endpoints describe it; `orderTime` is in nanoseconds, all else in ms."""
    note = notes.of(order)
    return {
        "id": ids.stop_id(order.order_id),
        "symbol": instrument.venue_symbol,
        "userId": user_id,
        "status": "TRIGGERED" if order.working else "NEW",
        "type": order_type(order),
        "side": side(order.side),
        "price": ids.long_number(order.price),
        "size": ids.long_number(notes.origin_size(order)),
        "funds": None,
        "stp": note.stp,
        "timeInForce": note.time_in_force,
        "cancelAfter": note.cancel_after or -1,
        "postOnly": order.post_only,
        "hidden": note.hidden,
        "iceberg": note.iceberg,
        "visibleSize": ids.long_number(note.visible_size),
        "channel": "API",
        "clientOid": order.client_order_id,
        "remark": note.remark,
        "tags": note.tags,
        "orderTime": ids.nanoseconds(order.created_ms, order.order_id),
        "domainId": "kucoin",
        "tradeSource": "USER",
        "tradeType": "TRADE",
        "feeCurrency": instrument.quote,
        "takerFeeRate": ids.long_number(_FEE_RATE),
        "makerFeeRate": ids.long_number(_FEE_RATE),
        "createdAt": order.created_ms,
        "stop": stop_kind(order),
        "stopTriggerTime": order.working_ms,
        "stopPrice": ids.long_number(order.stop_price),
    }


def fill(execution: Execution, order: PaperOrder, instrument: PaperInstrument) -> dict[str, Any]:
    """Return one execution as the list of fills has it; `tradeId` is a number here."""
    return {
        "id": ids.fill_cursor(execution),
        "orderId": ids.order_id(execution.order_id),
        "counterOrderId": ids.order_id(0),
        "tradeId": ids.trade_id(execution),
        "symbol": instrument.venue_symbol,
        "side": side(execution.side),
        "liquidity": execution.liquidity.value.lower(),
        "type": order_type(order),
        "forceTaker": False,
        "price": ids.number(execution.price),
        "size": ids.number(execution.size),
        "funds": ids.number(execution.value),
        "fee": ids.number(execution.fee),
        "feeRate": ids.number(_FEE_RATE),
        "feeCurrency": execution.fee_currency,
        "stop": stop_kind(order),
        "tradeType": "TRADE",
        "taxRate": "0",
        "tax": "0",
        "createdAt": execution.at_ms,
    }


def symbol(instrument: PaperInstrument) -> dict[str, Any]:
    """Return an instrument's rules."""
    return {
        "symbol": instrument.venue_symbol,
        "name": instrument.venue_symbol,
        "baseCurrency": instrument.base,
        "quoteCurrency": instrument.quote,
        "feeCurrency": instrument.quote,
        "market": instrument.quote,
        "baseMinSize": ids.number(instrument.min_size),
        "quoteMinSize": ids.number(instrument.tick_size),
        "baseMaxSize": ids.number(instrument.max_size),
        "quoteMaxSize": ids.number(instrument.max_notional),
        "baseIncrement": ids.number(instrument.step_size),
        "quoteIncrement": ids.number(instrument.tick_size),
        "priceIncrement": ids.number(instrument.tick_size),
        "priceLimitRate": "0.1",
        "minFunds": ids.number(instrument.min_notional),
        "isMarginEnabled": False,
        "enableTrading": instrument.trading,
        "callauctionIsEnabled": False,
    }


def cancels_at_once(order: PaperOrder) -> bool:
    """Whether an ended order never rested: what was left of it was cancelled when it came in."""
    at_once = (EndReason.IOC_REMAINDER, EndReason.FOK_UNFILLABLE, EndReason.NO_LIQUIDITY, EndReason.WOULD_TAKE)
    return order.status is not PaperStatus.FILLED and order.end_reason in at_once
