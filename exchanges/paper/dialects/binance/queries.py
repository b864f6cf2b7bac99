"""Binance's queries: orders, open orders, history, trades, balances, rules. They see what the lens shows."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any

import orjson

from exchanges.paper.dialects.binance import render
from exchanges.paper.dialects.binance.errors import (
    BAD_COMBINATION,
    ID_MISMATCH,
    INVALID_SYMBOL,
    MORE_THAN_A_DAY,
    NO_SUCH_ORDER,
    BinanceError,
    illegal,
    no_order_named,
)
from exchanges.paper.dialects.binance.limits import ORDERS_PER_10_S, ORDERS_PER_DAY, WEIGHT_PER_MINUTE, Limits
from exchanges.paper.dialects.binance.params import Parameters
from exchanges.paper.dialects.binance.trading import Call, Result
from exchanges.paper.engine import Engine
from exchanges.paper.model import Execution, PaperInstrument, PaperOrder
from messages.types import ZERO

_DAY_MS = 86_400_000
_RATE_LIMITS: tuple[dict[str, Any], ...] = (
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": WEIGHT_PER_MINUTE},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": ORDERS_PER_10_S},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": ORDERS_PER_DAY},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
)
_TRADE_FILTERS = frozenset(
    {
        frozenset[str](),
        frozenset({"orderId"}),
        frozenset({"startTime"}),
        frozenset({"endTime"}),
        frozenset({"fromId"}),
        frozenset({"startTime", "endTime"}),
        frozenset({"orderId", "fromId"}),
    }
)


class Queries:
    """The endpoints that change nothing."""

    def __init__(self, engine: Engine, symbols: Mapping[str, PaperInstrument], limits: Limits) -> None:
        self._engine = engine
        self._symbols = symbols
        self._limits = limits

    def order(self, call: Call) -> Result:
        """Handle `GET /api/v3/order`."""
        instrument = self._instrument(call)
        order_id = call.parameters.integer("orderId")
        client_order_id = call.parameters.optional_text("origClientOrderId")
        if order_id is None and client_order_id is None:
            raise BinanceError(no_order_named("orderId", "origClientOrderId"))
        if order_id is None:
            order = self._engine.find(call.account, instrument.symbol, client_order_id or "")
        else:
            order = self._engine.order(order_id)
        if order is None or not self._may_see(call, order, instrument):
            raise BinanceError(NO_SUCH_ORDER)
        if client_order_id not in (None, order.client_order_id, order.first_client_order_id):
            raise BinanceError(ID_MISMATCH)
        return Result(body=render.described(order, instrument.venue_symbol))

    def open_orders(self, call: Call) -> Result:
        """Handle `GET /api/v3/openOrders`."""
        symbol = self._instrument(call).symbol if "symbol" in call.parameters else None
        orders = call.lens.open_orders(call.account, symbol)
        return Result(body=[render.described(order, self._venue_symbol(order)) for order in orders])

    def orders(self, call: Call) -> Result:
        """Handle `GET /api/v3/allOrders`."""
        instrument = self._instrument(call)
        limit = call.parameters.limit()
        from_id = call.parameters.integer("orderId")
        start_ms, end_ms = _period(call.parameters)
        seen = [
            order
            for order in self._engine.orders_of(call.account, instrument.symbol)
            if call.lens.shows(order.order_id)
            and (from_id is None or order.order_id >= from_id)
            and start_ms <= order.created_ms <= end_ms
        ]
        oldest_first = from_id is not None or start_ms > 0
        page = seen[:limit] if oldest_first else seen[-limit:]
        return Result(body=[render.described(order, instrument.venue_symbol) for order in page])

    def trades(self, call: Call) -> Result:
        """Handle `GET /api/v3/myTrades`."""
        instrument = self._instrument(call)
        limit = call.parameters.limit()
        names = frozenset(call.parameters.values) & {"orderId", "startTime", "endTime", "fromId"}
        if names not in _TRADE_FILTERS:
            raise BinanceError(BAD_COMBINATION)
        from_id = call.parameters.integer("fromId")
        start_ms, end_ms = _period(call.parameters)
        executions = self._executions(call, instrument)
        # Trade ids rise, also within a millisecond, so that a page begins without a look at those before it.
        first = 0 if from_id is None else bisect_left(executions, from_id, key=attrgetter("trade_id"))
        oldest_first = from_id is not None or start_ms > 0
        walked = islice(executions, first, None) if oldest_first else reversed(executions)
        seen = (one for one in walked if start_ms <= one.at_ms <= end_ms and call.lens.shows_trade(one))
        page = list(islice(seen, limit))
        page = page if oldest_first else page[::-1]
        return Result(body=[render.trade(execution, instrument.venue_symbol) for execution in page])

    def account(self, call: Call) -> Result:
        """Handle `GET /api/v3/account`."""
        omit_zero = call.parameters.values.get("omitZeroBalances") == "true"
        balances = [
            {"asset": asset, "free": render.amount(free), "locked": render.amount(locked)}
            for asset, (free, locked) in self._engine.balances(call.account).items()
            if free or locked or not omit_zero
        ]
        body = {
            "makerCommission": 10,
            "takerCommission": 10,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {
                "maker": render.amount(self._engine.fees.maker),
                "taker": render.amount(self._engine.fees.taker),
                "buyer": render.amount(ZERO),
                "seller": render.amount(ZERO),
            },
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": False,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": call.now_ms,
            "accountType": "SPOT",
            "balances": balances,
            "permissions": ["SPOT"],
            "uid": self._engine.ledger.names().index(call.account) + 1,
        }
        return Result(body=body)

    def exchange_info(self, call: Call) -> Result:
        """Handle `GET /api/v3/exchangeInfo`. Limits that are not enforced are not announced: clients obey them."""
        names = _symbol_names(call.parameters)
        if any(name not in self._symbols for name in names):
            raise BinanceError(INVALID_SYMBOL)
        wanted = [self._symbols[name] for name in names or self._symbols]
        body = {
            "timezone": "UTC",
            "serverTime": call.now_ms,
            "rateLimits": list(_RATE_LIMITS) if self._limits.enabled else [],
            "exchangeFilters": [],
            "symbols": [render.instrument(rules) for rules in wanted],
        }
        return Result(body=body)

    def price(self, call: Call) -> Result:
        """Handle `GET /api/v3/ticker/price`: the last trade, of one symbol or of all."""
        if "symbol" in call.parameters:
            return Result(body=self._price(self._instrument(call)))
        return Result(body=[self._price(instrument) for instrument in self._symbols.values()])

    def _price(self, instrument: PaperInstrument) -> dict[str, str]:
        last = self._engine.last_price(instrument.symbol)
        return {"symbol": instrument.venue_symbol, "price": render.amount(last)}

    def time(self, call: Call) -> Result:
        """Handle `GET /api/v3/time`."""
        return Result(body={"serverTime": call.now_ms})

    def ping(self, call: Call) -> Result:
        """Handle `GET /api/v3/ping`."""
        del call
        return Result(body={})

    def order_limits(self, call: Call) -> Result:
        """Handle `GET /api/v3/rateLimit/order`."""
        counts = self._limits.order_counts(call.account, call.now_ms)
        rules = (rule for rule in _RATE_LIMITS if rule["rateLimitType"] == "ORDERS")
        return Result(body=[rule | {"count": count} for rule, count in zip(rules, counts, strict=True)])

    def _instrument(self, call: Call) -> PaperInstrument:
        found = self._symbols.get(call.parameters.text("symbol"))
        if found is None:
            raise BinanceError(INVALID_SYMBOL)
        return found

    def _venue_symbol(self, order: PaperOrder) -> str:
        return self._engine.instruments[order.symbol].venue_symbol

    def _may_see(self, call: Call, order: PaperOrder, instrument: PaperInstrument) -> bool:
        own = order.account == call.account and order.symbol == instrument.symbol
        return own and call.lens.shows(order.order_id)

    def _executions(self, call: Call, instrument: PaperInstrument) -> Sequence[Execution]:
        order_id = call.parameters.integer("orderId")
        if order_id is None:
            return self._engine.executions_of(call.account, instrument.symbol)
        order = self._engine.order(order_id)
        if order is None or (order.account, order.symbol) != (call.account, instrument.symbol):
            return ()
        return self._engine.truth.executions_of_order(order_id)


def _period(parameters: Parameters) -> tuple[int, int]:
    start_ms, end_ms = parameters.integer("startTime"), parameters.integer("endTime")
    if start_ms is None:
        return 0, 2**63 if end_ms is None else end_ms
    if end_ms is None:
        return start_ms, start_ms + _DAY_MS
    if end_ms - start_ms > _DAY_MS:
        raise BinanceError(MORE_THAN_A_DAY)
    return start_ms, end_ms


def _symbol_names(parameters: Parameters) -> list[str]:
    if "symbol" in parameters and "symbols" in parameters:
        raise BinanceError(BAD_COMBINATION)
    if "symbol" in parameters:
        return [parameters.text("symbol")]
    if "symbols" not in parameters:
        return []
    legal = r'^\["[A-Z0-9]+"(,"[A-Z0-9]+")*\]$'
    try:
        names = orjson.loads(parameters.text("symbols"))
    except orjson.JSONDecodeError as error:
        raise BinanceError(illegal("symbols", legal)) from error
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise BinanceError(illegal("symbols", legal))
    return names
