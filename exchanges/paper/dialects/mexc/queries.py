"""MEXC's queries: orders, open orders, history, trades, balances, rules, prices. They see what the lens shows."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

import orjson

from exchanges.paper.dialects.mexc import render
from exchanges.paper.dialects.mexc.calls import Call, Directory, Result
from exchanges.paper.dialects.mexc.errors import BAD_COMBINATION, NO_SUCH_ORDER, MexcError, invalid
from exchanges.paper.dialects.mexc.ids import read_order_id
from exchanges.paper.dialects.mexc.trading import SYMBOLS_MAX
from exchanges.paper.engine import Engine
from exchanges.paper.model import Execution, PaperInstrument

_DAY_MS = 86_400_000
_ORDERS_BACK_MS = 7 * _DAY_MS
_TRADES_BACK_MS = 30 * _DAY_MS
_ORDERS_DEFAULT, _ORDERS_MAX = 500, 1_000
_TRADES_MAX = 100


class Queries:
    """The endpoints that change nothing."""

    def __init__(self, engine: Engine, directory: Directory) -> None:
        self._engine = engine
        self._directory = directory

    # ----- of an account

    def order(self, call: Call) -> Result:
        """Handle `GET /api/v3/order`."""
        order = self._directory.order(call)
        if order is None or not call.lens.shows(order.order_id):
            raise MexcError(NO_SUCH_ORDER)
        return Result(body=render.described(order, call.parameters.text("symbol")))

    def open_orders(self, call: Call) -> Result:
        """Handle `GET /api/v3/openOrders`: of up to five symbols or of all, in one answer."""
        given = call.parameters.optional("symbol")
        names = [] if given is None else given.split(",")
        if len(names) > SYMBOLS_MAX:
            raise invalid("symbol")
        symbols: list[str | None] = [self._directory.named(name).symbol for name in names]
        orders = [order for symbol in symbols or [None] for order in call.lens.open_orders(call.account, symbol)]
        return Result(body=[render.described(one, self._directory.venue_symbol(one.symbol)) for one in orders])

    def orders(self, call: Call) -> Result:
        """Handle `GET /api/v3/allOrders`: the latest of the window, newest first."""
        instrument = self._directory.instrument(call)
        limit = call.parameters.limit(default=_ORDERS_DEFAULT, most=_ORDERS_MAX)
        start_ms, end_ms = _window(call, default_ms=_DAY_MS, back_ms=_ORDERS_BACK_MS)
        seen = (
            order
            for order in reversed(self._engine.orders_of(call.account, instrument.symbol))
            if start_ms <= order.created_ms <= end_ms and call.lens.shows(order.order_id)
        )
        return Result(body=[render.described(order, instrument.venue_symbol) for order in islice(seen, limit)])

    def trades(self, call: Call) -> Result:
        """Handle `GET /api/v3/myTrades`: the latest of the window, newest first."""
        instrument = self._directory.instrument(call)
        limit = call.parameters.limit(default=_TRADES_MAX, most=_TRADES_MAX)
        start_ms, end_ms = _window(call, default_ms=_TRADES_BACK_MS, back_ms=_TRADES_BACK_MS)
        seen = (
            one
            for one in reversed(self._executions(call, instrument))
            if start_ms <= one.at_ms <= end_ms and call.lens.shows_trade(one)
        )
        return Result(body=[render.trade(one, instrument.venue_symbol) for one in islice(seen, limit)])

    def account(self, call: Call) -> Result:
        """Handle `GET /api/v3/account`. Assets at zero are left out."""
        balances = [
            {"asset": asset, "free": render.amount(free), "locked": render.amount(locked)}
            for asset, (free, locked) in self._engine.balances(call.account).items()
            if free or locked
        ]
        body = {
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "updateTime": None,
            "accountType": "SPOT",
            "balances": balances,
            "permissions": ["SPOT"],
        }
        return Result(body=body)

    def own_symbols(self, call: Call) -> Result:
        """Handle `GET /api/v3/selfSymbols`: what the key may trade."""
        return self.default_symbols(call)

    def trade_fee(self, call: Call) -> Result:
        """Handle `GET /api/v3/tradeFee`, whose rates are JSON numbers."""
        self._directory.instrument(call)
        fees = self._engine.fees
        rates = {"makerCommission": _number(fees.maker), "takerCommission": _number(fees.taker)}
        return Result(body={"data": rates, "code": 0, "msg": "success", "timestamp": call.now_ms})

    # ----- of everybody

    def exchange_info(self, call: Call) -> Result:
        """Handle `GET /api/v3/exchangeInfo`."""
        wanted = [self._directory.named(name) for name in _symbol_names(call)] or self._directory.instruments()
        body = {
            "timezone": "CST",
            "serverTime": call.now_ms,
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [render.instrument(rules, self._engine.fees) for rules in wanted],
        }
        return Result(body=body)

    def default_symbols(self, call: Call) -> Result:
        """Handle `GET /api/v3/defaultSymbols`."""
        del call
        names = [rules.venue_symbol for rules in self._directory.instruments() if rules.trading]
        return Result(body={"code": 200, "data": names, "msg": None})

    def price(self, call: Call) -> Result:
        """Handle `GET /api/v3/ticker/price`: the last trade, of one symbol or of all."""
        if call.parameters.optional("symbol") is not None:
            return Result(body=self._price(self._directory.instrument(call)))
        return Result(body=[self._price(rules) for rules in self._directory.instruments()])

    def time(self, call: Call) -> Result:
        """Handle `GET /api/v3/time`."""
        return Result(body={"serverTime": call.now_ms})

    def ping(self, call: Call) -> Result:
        """Handle `GET /api/v3/ping`."""
        del call
        return Result(body={})

    def _price(self, rules: PaperInstrument) -> dict[str, Any]:
        return {"symbol": rules.venue_symbol, "price": render.amount(self._engine.last_price(rules.symbol))}

    def _executions(self, call: Call, instrument: PaperInstrument) -> Sequence[Execution]:
        given = call.parameters.optional("orderId")
        if given is None:
            return self._engine.executions_of(call.account, instrument.symbol)
        order = self._engine.order(read_order_id(given) or 0)
        if order is None or (order.account, order.symbol) != (call.account, instrument.symbol):
            return ()
        return self._engine.truth.executions_of_order(order.order_id)


def _window(call: Call, *, default_ms: int, back_ms: int) -> tuple[int, int]:
    """Return first and last moment of a list: `default_ms` long unless told, and never from before `back_ms` ago."""
    start_ms, end_ms = call.parameters.integer("startTime"), call.parameters.integer("endTime")
    end_ms = call.now_ms if end_ms is None else end_ms
    start_ms = end_ms - default_ms if start_ms is None else start_ms
    if start_ms > end_ms:
        raise MexcError(BAD_COMBINATION)
    return max(start_ms, call.now_ms - back_ms), end_ms


def _number(value: Decimal) -> orjson.Fragment:
    """Write a number that is no text, digit for digit."""
    return orjson.Fragment(render.amount(value).encode())


def _symbol_names(call: Call) -> Iterable[str]:
    one, several = call.parameters.optional("symbol"), call.parameters.optional("symbols")
    if one is not None and several is not None:
        raise MexcError(BAD_COMBINATION)
    given = one or several
    return [] if given is None else given.split(",")
