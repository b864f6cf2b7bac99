"""How Binance writes orders, trades and instruments in JSON. Values in, dictionaries of strings and numbers out."""

from decimal import Decimal
from functools import lru_cache
from typing import Any

from exchanges.paper.model import EndReason, Execution, PaperInstrument, PaperOrder, PaperStatus
from messages.fills import Liquidity
from messages.types import ZERO, Side

STP_MODE = "EXPIRE_MAKER"
_PLACES = 8
_TYPES = (
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)
_EXPIRY_REASONS = {
    EndReason.IOC_REMAINDER: "UNFILLED_IOC_QUANTITY_EXPIRED",
    EndReason.FOK_UNFILLABLE: "UNFILLED_FOK_ORDER_EXPIRED",
    EndReason.NO_LIQUIDITY: "INSUFFICIENT_LIQUIDITY",
    EndReason.VENUE: "EXCHANGE_CANCELED",
    EndReason.TRIGGER_REFUSED: "REJECTED",
}


# The same few prices and sizes are written over and over.
@lru_cache(maxsize=65_536)
def amount(value: Decimal | None) -> str:
    """Write a number plainly with eight decimals, or more where it has more; None is zero."""
    text = f"{value or ZERO:f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(_PLACES, '0')}"


def status(order: PaperOrder) -> str:
    """Return Binance's word for where an order stands."""
    match order.status:
        case PaperStatus.OPEN:
            return "PARTIALLY_FILLED" if order.filled_size else "NEW"
        case PaperStatus.CANCELLED:
            return "CANCELED"
        case PaperStatus.EXPIRED if order.end_reason is EndReason.SELF_TRADE:
            return "EXPIRED_IN_MATCH"
        case _:
            return order.status.value


def expiry_reason(order: PaperOrder) -> str | None:
    """Return why an order expired, where Binance has a word for it."""
    return _EXPIRY_REASONS.get(order.end_reason) if order.status is PaperStatus.EXPIRED else None


def acknowledgement(order: PaperOrder, symbol: str, at_ms: int) -> dict[str, Any]:
    """Render the shortest answer to a placement."""
    return {
        "symbol": symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "transactTime": at_ms,
    }


def placed(order: PaperOrder, symbol: str, at_ms: int) -> dict[str, Any]:
    """Render the answer to a placement without its fills."""
    return acknowledgement(order, symbol, at_ms) | _progress(order) | _conditional(order)


def fill(execution: Execution) -> dict[str, Any]:
    """Render one entry of `fills`."""
    return {
        "price": amount(execution.price),
        "qty": amount(execution.size),
        "commission": amount(execution.fee),
        "commissionAsset": execution.fee_currency,
        "tradeId": execution.trade_id,
    }


def cancelled(order: PaperOrder, symbol: str, at_ms: int, cancel_id: str) -> dict[str, Any]:
    """Render the answer to a cancel: `clientOrderId` is the cancel's own id."""
    head = {"symbol": symbol, "origClientOrderId": order.client_order_id}
    body = head | acknowledgement(order, symbol, at_ms) | {"clientOrderId": cancel_id} | _progress(order)
    del body["workingTime"]
    return body | _conditional(order)


def amended(order: PaperOrder, symbol: str, previous_id: str) -> dict[str, Any]:
    """Render the order inside the answer to an amendment, whose field names differ from everywhere else."""
    return {
        "symbol": symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "origClientOrderId": previous_id,
        "clientOrderId": order.client_order_id,
        "price": amount(order.price),
        "qty": amount(order.size),
        "executedQty": amount(order.filled_size),
        "preventedQty": amount(order.prevented_size),
        "quoteOrderQty": amount(order.quote_size),
        "cumulativeQuoteQty": amount(order.filled_value),
        "status": status(order),
        "timeInForce": order.time_in_force.value,
        "type": order.venue_type,
        "side": order.side.value,
        "workingTime": working_time(order),
        "selfTradePreventionMode": STP_MODE,
        **_conditional(order),
    }


def described(order: PaperOrder, symbol: str) -> dict[str, Any]:
    """Render an order as queries and lists show it."""
    return {
        "symbol": symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        **_progress(order),
        "stopPrice": amount(order.stop_price),
        "icebergQty": amount(ZERO),
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": order.working,
        **_conditional(order),
    }


def trade(execution: Execution, symbol: str) -> dict[str, Any]:
    """Render one of the account's trades."""
    return {
        "symbol": symbol,
        "id": execution.trade_id,
        "orderId": execution.order_id,
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
    }


def instrument(rules: PaperInstrument) -> dict[str, Any]:
    """Render one symbol of exchangeInfo."""
    return {
        "symbol": rules.venue_symbol,
        "status": "TRADING" if rules.trading else "HALT",
        "baseAsset": rules.base,
        "baseAssetPrecision": _PLACES,
        "quoteAsset": rules.quote,
        "quotePrecision": _PLACES,
        "quoteAssetPrecision": _PLACES,
        "baseCommissionPrecision": _PLACES,
        "quoteCommissionPrecision": _PLACES,
        "orderTypes": list(_TYPES),
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(rules),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": STP_MODE,
        "allowedSelfTradePreventionModes": [STP_MODE],
    }


def working_time(order: PaperOrder) -> int:
    """Return since when an order has been on the book; -1 before."""
    return -1 if order.working_ms is None else order.working_ms


def _progress(order: PaperOrder) -> dict[str, Any]:
    return {
        "price": amount(order.price),
        "origQty": amount(order.size),
        "executedQty": amount(order.filled_size),
        "origQuoteOrderQty": amount(order.quote_size),
        "cummulativeQuoteQty": amount(order.filled_value),
        "status": status(order),
        "timeInForce": order.time_in_force.value,
        "type": order.venue_type,
        "side": order.side.value,
        "workingTime": working_time(order),
        "selfTradePreventionMode": STP_MODE,
    }


def _conditional(order: PaperOrder) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if order.stop_price is not None:
        fields["stopPrice"] = amount(order.stop_price)
    if order.prevented_size:
        fields["preventedQuantity"] = amount(order.prevented_size)
    reason = expiry_reason(order)
    return fields if reason is None else fields | {"expiryReason": reason}


def _filters(rules: PaperInstrument) -> list[dict[str, Any]]:
    step_size = amount(rules.step_size)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": amount(rules.min_price),
            "maxPrice": amount(rules.max_price),
            "tickSize": amount(rules.tick_size),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": amount(rules.min_size),
            "maxQty": amount(rules.max_size),
            "stepSize": step_size,
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": amount(ZERO),
            "maxQty": amount(rules.market_max_size),
            "stepSize": amount(ZERO),
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": amount(rules.min_notional),
            "applyMinToMarket": True,
            "maxNotional": amount(rules.max_notional),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": rules.max_amendments},
    ]
