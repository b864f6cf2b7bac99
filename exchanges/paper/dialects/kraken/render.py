"""How Kraken's REST answers write orders, trades, pairs and assets. Values in, dictionaries out."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from exchanges.paper.dialects.kraken import words
from exchanges.paper.dialects.kraken.archive import Amendment, Trade
from exchanges.paper.dialects.kraken.ids import venue_id
from exchanges.paper.dialects.kraken.names import Pair, asset_altname, asset_id
from exchanges.paper.dialects.kraken.numbers import (
    COST_PLACES,
    VOLUME_PLACES,
    amount,
    ratio,
    seconds,
)
from exchanges.paper.model import EXACT, FeeRules, NewOrder, PaperOrder
from messages.types import ZERO, Side

_TYPE_WORDS = {
    "stop-loss": "stop loss {0}",
    "take-profit": "take profit {0}",
    "stop-loss-limit": "stop loss {0} -> limit {1}",
    "take-profit-limit": "take profit {0} -> limit {1}",
    "limit": "limit {0}",
    "market": "market",
}
_PERCENT = Decimal(100)
_POSITION = 1 << 78
"""Above every number that executions use."""


def sentence(order: NewOrder | PaperOrder, pair: Pair, ordertype: str) -> str:
    """Return the order in a line, as `descr.order` has it."""
    volume = amount(order.quote_size if order.size is None else _volume(order), VOLUME_PLACES)
    return f"{order.side.value.lower()} {volume} {pair.altname} @ {_terms(order, pair, ordertype)}"


def order(order: PaperOrder, pair: Pair, trades: Sequence[Trade], user_reference: int | None) -> dict[str, Any]:
    """Render an order without the ids of its trades. `price` is the average of its executions."""
    fee = sum((trade.fee for trade in trades), ZERO)
    body = {
        "refid": None,
        "userref": user_reference,
        "cl_ord_id": words.client_id(order),
        "status": words.status(order),
        "opentm": seconds(order.created_ms),
        "starttm": 0,
        "expiretm": 0 if order.expires_at_ms is None else seconds(order.expires_at_ms),
        "descr": _description(order, pair),
        "vol": amount(_volume(order), VOLUME_PLACES),
        "vol_exec": amount(order.filled_size, VOLUME_PLACES),
        "cost": amount(order.filled_value, COST_PLACES),
        "fee": amount(fee, COST_PLACES),
        "price": amount(ratio(order.filled_value, order.filled_size), pair.price_places),
        "stopprice": amount(order.stop_price if order.stop_price is not None and order.working else ZERO, COST_PLACES),
        "limitprice": amount(ZERO, COST_PLACES),
        "misc": _remarks(order),
        "oflags": _flags(order),
        "trigger": "last",
    }
    if order.stop_price is None:
        del body["trigger"]
    return body if order.is_open else body | {"closetm": seconds(order.updated_ms), "reason": words.reason(order)}


def trade(one: Trade, pair: Pair, ordertype: str) -> dict[str, Any]:
    """Render one of the account's trades."""
    execution = one.first
    return {
        "ordertxid": venue_id("O", execution.order_id),
        "postxid": venue_id("T", _POSITION | execution.order_id),
        "pair": pair.pair_id,
        "aclass": "forex",
        "time": seconds(execution.at_ms),
        "type": execution.side.value.lower(),
        "ordertype": ordertype,
        "price": amount(ratio(one.value, one.size), COST_PLACES),
        "cost": amount(one.value, COST_PLACES),
        "fee": amount(one.fee, COST_PLACES),
        "vol": amount(one.size, VOLUME_PLACES),
        "margin": amount(ZERO, COST_PLACES),
        "leverage": "0",
        "misc": "",
        "trade_id": execution.trade_id,
        "maker": one.is_maker,
    }


def amendment(one: Amendment, pair: Pair) -> dict[str, Any]:
    """Render one entry of an order's amendments."""
    body = {
        "amend_id": one.amend_id,
        "amend_type": one.kind,
        "order_qty": amount(one.order.size, VOLUME_PLACES),
        "display_qty": amount(ZERO, VOLUME_PLACES),
        "remaining_qty": amount(one.order.remaining, VOLUME_PLACES),
        "limit_price": amount(one.order.price, pair.price_places),
        "reason": "",
        "post_only": one.order.post_only,
        "timestamp": one.at_ms,
    }
    stop_price = one.order.stop_price
    return body if stop_price is None else body | {"trigger_price": amount(stop_price, pair.price_places)}


def instrument(pair: Pair, fees: FeeRules) -> dict[str, Any]:
    """Render one entry of AssetPairs."""
    rules = pair.instrument
    return {
        "altname": pair.altname,
        "wsname": pair.wsname,
        "aclass_base": "currency",
        "base": asset_id(rules.base),
        "aclass_quote": "currency",
        "quote": asset_id(rules.quote),
        "lot": "unit",
        "cost_decimals": COST_PLACES,
        "pair_decimals": pair.price_places,
        "lot_decimals": pair.lot_places,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, _percent(fees.taker)]],
        "fees_maker": [[0, _percent(fees.maker)]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": f"{rules.min_size:f}",
        "costmin": f"{rules.min_notional:f}",
        "tick_size": f"{rules.tick_size:f}",
        "status": "online" if rules.trading else "cancel_only",
        "execution_venue": "international",
    }


def asset(name: str) -> dict[str, Any]:
    """Render one entry of Assets."""
    return {
        "aclass": "currency",
        "altname": asset_altname(name),
        "decimals": 10,
        "display_decimals": 5,
        "status": "enabled",
    }


def _description(order: PaperOrder, pair: Pair) -> dict[str, Any]:
    prices = _prices(order, pair)
    return {
        "pair": pair.altname,
        "aclass": "forex",
        "type": order.side.value.lower(),
        "ordertype": words.order_type(order),
        "price": prices[0],
        "price2": prices[1],
        "leverage": "none",
        "order": sentence(order, pair, words.order_type(order)),
        "close": "",
    }


def _prices(order: NewOrder | PaperOrder, pair: Pair) -> tuple[str, str]:
    found = [amount(price, pair.price_places) for price in (order.stop_price, order.price) if price is not None]
    first, second, *_ = [*found, "0", "0"]
    return first, second


def _terms(order: NewOrder | PaperOrder, pair: Pair, ordertype: str) -> str:
    return _TYPE_WORDS[ordertype].format(*_prices(order, pair))


def _volume(order: NewOrder | PaperOrder) -> Decimal | None:
    return order.size if order.quote_size is None else order.quote_size


def _remarks(order: PaperOrder) -> str:
    remarks = {
        "stopped": order.stop_price is not None and order.working,
        "partial": order.is_open and order.filled_size > ZERO,
        "amended": order.amendments > 0,
    }
    return ",".join(remark for remark, applies in remarks.items() if applies)


def _flags(order: PaperOrder) -> str:
    flags = {
        words.FEE_FLAG: True,
        "post": order.post_only,
        "viqc": order.quote_size is not None and order.side is Side.BUY,
    }
    return ",".join(flag for flag, applies in flags.items() if applies)


def _percent(share: Decimal) -> Decimal:
    return EXACT.multiply(share, _PERCENT)
