"""How MEXC writes orders, trades and instruments in JSON. Values in, dictionaries out.

It has six statuses only: whatever ends an order before it is filled is CANCELED, PARTIALLY_CANCELED once it executed.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Any

from exchanges.paper.dialects.mexc.ids import client_id_text, fill_id_text, order_id_text
from exchanges.paper.model import EXACT, Execution, FeeRules, PaperInstrument, PaperOrder, PaperStatus
from messages.fills import Liquidity
from messages.types import ZERO, Side

ORDER_TYPES = ("LIMIT", "LIMIT_MAKER", "IMMEDIATE_OR_CANCEL", "FILL_OR_KILL", "MARKET")
_ONLINE, _PAUSED = "1", "2"
_ALL_SIDES = 1


# The same few prices and sizes are written over and over.
@lru_cache(maxsize=65_536)
def amount(value: Decimal | None) -> str:
    """Write a number plainly, without zeros at its end; None is zero."""
    return f"{(value or ZERO).normalize(EXACT):f}"


def status(order: PaperOrder) -> str:
    """Return MEXC's word for where an order stands."""
    match order.status:
        case PaperStatus.OPEN:
            return "PARTIALLY_FILLED" if order.filled_size else "NEW"
        case PaperStatus.FILLED:
            return "FILLED"
        case _:
            return "PARTIALLY_CANCELED" if order.filled_size else "CANCELED"


def ordered_value(order: PaperOrder) -> Decimal:
    """Return what the order was to trade at most, quote units; zero for a market order over a size."""
    if order.quote_size is not None:
        return order.quote_size
    return EXACT.multiply(order.price or ZERO, order.size)


def acknowledged(order: PaperOrder, symbol: str) -> dict[str, Any]:
    """Render the answer to a placement: neither status nor executions nor the client order id."""
    return {
        "symbol": symbol,
        "orderId": order_id_text(order.order_id),
        "orderListId": -1,
        "price": amount(order.price),
        "origQty": amount(order.size),
        "type": order.venue_type,
        "side": order.side.value,
        "transactTime": order.created_ms,
    }


def cancelled(order: PaperOrder, symbol: str, cancel_id: str) -> dict[str, Any]:
    """Render the documented answer to a cancel."""
    return {
        "symbol": symbol,
        "origClientOrderId": client_id_text(order.first_client_order_id),
        "orderId": order_id_text(order.order_id),
        "clientOrderId": cancel_id,
        "price": amount(order.price),
        "origQty": amount(order.size),
        "executedQty": amount(order.filled_size),
        "cummulativeQuoteQty": amount(order.filled_value),
        "status": status(order),
        "timeInForce": "GTC",
        "type": order.venue_type,
        "side": order.side.value,
    }


def cancelled_in_short(order: PaperOrder, symbol: str) -> dict[str, Any]:
    """Render the answer to a cancel that names no status."""
    return {
        "symbol": symbol,
        "orderId": order_id_text(order.order_id),
        "price": amount(order.price),
        "origQty": amount(order.size),
        "type": order.venue_type,
        "side": order.side.value,
    }


def described(order: PaperOrder, symbol: str) -> dict[str, Any]:
    """Render an order as queries and lists show it; one that never changed has no time of change."""
    return {
        "symbol": symbol,
        "orderId": order_id_text(order.order_id),
        "orderListId": -1,
        "clientOrderId": client_id_text(order.first_client_order_id),
        "price": amount(order.price),
        "origQty": amount(order.size),
        "executedQty": amount(order.filled_size),
        "cummulativeQuoteQty": amount(order.filled_value),
        "status": status(order),
        "timeInForce": None,
        "type": order.venue_type,
        "side": order.side.value,
        "stopPrice": None,
        "icebergQty": None,
        "time": order.created_ms,
        "updateTime": None if order.updated_ms == order.created_ms else order.updated_ms,
        "isWorking": True,
        "origQuoteOrderQty": amount(ordered_value(order)),
    }


def trade(execution: Execution, symbol: str) -> dict[str, Any]:
    """Render one of the account's trades. The client order id is not among what the list knows."""
    return {
        "symbol": symbol,
        "id": fill_id_text(execution.trade_id),
        "orderId": order_id_text(execution.order_id),
        "orderListId": -1,
        "price": amount(execution.price),
        "qty": amount(execution.size),
        "quoteQty": amount(execution.value),
        "commission": amount(execution.fee),
        "commissionAsset": execution.fee_currency,
        "time": execution.at_ms,
        "isBuyer": execution.side is Side.BUY,
        "isMaker": execution.liquidity is Liquidity.MAKER,
        "isBestMatch": True,
        "isSelfTrade": False,
        "clientOrderId": None,
    }


def instrument(rules: PaperInstrument, fees: FeeRules) -> dict[str, Any]:
    """Render one symbol of exchangeInfo. The two fields called `...Precision` that are texts are minima."""
    return {
        "symbol": rules.venue_symbol,
        "status": _ONLINE if rules.trading else _PAUSED,
        "baseAsset": rules.base,
        "baseAssetPrecision": _decimals(rules.step_size),
        "quoteAsset": rules.quote,
        "quotePrecision": _decimals(rules.tick_size),
        "quoteAssetPrecision": _decimals(rules.tick_size),
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(ORDER_TYPES),
        "isSpotTradingAllowed": rules.trading,
        "isMarginTradingAllowed": False,
        "quoteAmountPrecision": amount(rules.min_notional),
        "baseSizePrecision": amount(rules.min_size),
        "permissions": ["SPOT"],
        "filters": [],
        "maxQuoteAmount": amount(rules.max_notional),
        "makerCommission": amount(fees.maker),
        "takerCommission": amount(fees.taker),
        "quoteAmountPrecisionMarket": amount(rules.min_notional),
        "maxQuoteAmountMarket": amount(rules.max_notional),
        "fullName": rules.base,
        "tradeSideType": _ALL_SIDES,
    }


def _decimals(step: Decimal) -> int:
    exponent = step.normalize(EXACT).as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
