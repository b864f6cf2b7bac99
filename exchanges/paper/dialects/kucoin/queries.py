"""KuCoin's queries: orders, open orders, history, fills, balances, rules, price, time. They see what the lens shows."""

from collections.abc import Sequence

from exchanges.paper.dialects.kucoin import ids, render
from exchanges.paper.dialects.kucoin.calls import Call, Desk, Result, page_of
from exchanges.paper.dialects.kucoin.errors import UNKNOWN_ORDER, KucoinError
from exchanges.paper.dialects.kucoin.users import balance_id
from exchanges.paper.model import Execution, PaperInstrument, PaperOrder, PaperStatus
from messages.types import Side

_DAY_MS = 86_400_000
_CANCELLED_KEPT_MS = 2 * _DAY_MS
_FILLED_KEPT_MS = 7 * _DAY_MS
_LIMIT_DEFAULT = 20
_LIMIT_MAX = 100
_LAST = 2**63
_CURSOR_STEP = 1_000_000
"""Orders that can be told apart among those that ended in the same millisecond."""


class Queries:
    """The endpoints that change nothing, but for those of stops."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def order(self, call: Call) -> Result:
        """Handle `GET /api/v1/hf/orders/{orderId}` and `.../client-order/{clientOid}`, of open and ended orders."""
        order = self._desk.named(call, self._desk.instrument(call.fields).symbol)
        if order is None or not call.lens.shows(order.order_id):
            raise KucoinError(UNKNOWN_ORDER)
        return Result(data=self._desk.described(order))

    def active(self, call: Call) -> Result:
        """Handle `GET /api/v1/hf/orders/active`: all open orders of a symbol, newest first."""
        return Result(data=[self._desk.described(order) for order in self._active(call)])

    def active_page(self, call: Call) -> Result:
        """Handle `GET /api/v1/hf/orders/active/page`."""
        number = call.fields.bounded("pageNum", 1, _LAST)
        page = page_of(self._active(call), number, call.fields.bounded("pageSize", _LIMIT_DEFAULT, _LIMIT_MAX))
        return Result(data=page | {"items": [self._desk.described(order) for order in page["items"]]})

    def active_symbols(self, call: Call) -> Result:
        """Handle `GET /api/v1/hf/orders/active/symbols`."""
        orders = (order for order in call.lens.open_orders(call.account, None) if order.working)
        symbols = {self._desk.engine.instruments[order.symbol].venue_symbol for order in orders}
        return Result(data={"symbols": sorted(symbols)})

    def done(self, call: Call) -> Result:
        """Handle `GET /api/v1/hf/orders/done`: ended orders, the latest first; older than kept is silently left out."""
        instrument = self._desk.instrument(call.fields)
        start_ms, end_ms = _period(call)
        before = call.fields.integer("lastId") or _LAST
        venue_type = call.fields.optional_choice("type", ("limit", "market"))
        side = _side(call)
        seen = [
            order
            for order in self._desk.engine.orders_of(call.account, instrument.symbol)
            if not order.is_open
            and render.is_ordinary(order)
            and call.lens.shows(order.order_id)
            and max(start_ms, call.now_ms - _kept_ms(order)) <= order.updated_ms <= end_ms
            and _done_cursor(order) < before
            and side in (None, order.side)
            and venue_type in (None, render.order_type(order))
        ]
        seen.sort(key=_done_cursor, reverse=True)
        page = seen[: call.fields.bounded("limit", _LIMIT_DEFAULT, _LIMIT_MAX)]
        last_id = _done_cursor(page[-1]) if page else 0
        return Result(data={"lastId": last_id, "items": [self._desk.described(order) for order in page]})

    def fills(self, call: Call) -> Result:
        """Handle `GET /api/v1/hf/fills`, the latest first; with `orderId` the other filters do not count."""
        instrument = self._desk.instrument(call.fields)
        before = call.fields.integer("lastId") or _LAST
        seen = [
            execution
            for execution in self._executions(call, instrument)
            if call.lens.shows_trade(execution) and ids.fill_cursor(execution) < before
        ]
        page = seen[::-1][: call.fields.bounded("limit", _LIMIT_DEFAULT, _LIMIT_MAX)]
        items = [render.fill(one, self._desk.engine.truth.orders[one.order_id], instrument) for one in page]
        return Result(data={"items": items, "lastId": items[-1]["id"] if items else 0})

    def accounts(self, call: Call) -> Result:
        """Handle `GET /api/v1/accounts`; everything is in the trade accounts, the others are empty."""
        wanted = call.fields.optional_text("currency")
        has_any = call.fields.optional_text("type") in (None, "trade")
        balances = self._desk.engine.balances(call.account) if has_any else {}
        data = [
            {
                "id": balance_id(call.account, asset),
                "currency": asset,
                "type": "trade",
                "balance": ids.number(free + locked),
                "available": ids.number(free),
                "holds": ids.number(locked),
            }
            for asset, (free, locked) in balances.items()
            if wanted in (None, asset)
        ]
        return Result(data=data)

    def opened(self, call: Call) -> Result:
        """Handle `GET /api/v1/hf/accounts/opened`."""
        del call
        return Result(data=True)

    def symbols(self, call: Call) -> Result:
        """Handle `GET /api/v2/symbols`."""
        market = call.fields.optional_text("market")
        rules = (one for one in self._desk.symbols.values() if market in (None, one.quote))
        return Result(data=[render.symbol(one) for one in rules])

    def symbol(self, call: Call) -> Result:
        """Handle `GET /api/v2/symbols/{symbol}`."""
        return Result(data=render.symbol(self._desk.instrument(call.fields)))

    def ticker(self, call: Call) -> Result:
        """Handle `GET /api/v1/market/orderbook/level1`."""
        instrument = self._desk.instrument(call.fields)
        engine = self._desk.engine
        data = {
            "time": call.now_ms,
            "sequence": str(call.now_ms),
            "price": ids.number(engine.last_price(instrument.symbol)),
            "bestBid": ids.number(engine.best(instrument.symbol, Side.BUY)),
            "bestAsk": ids.number(engine.best(instrument.symbol, Side.SELL)),
        }
        return Result(data=data)

    def time(self, call: Call) -> Result:
        """Handle `GET /api/v1/timestamp`, in milliseconds."""
        return Result(data=call.now_ms)

    def status(self, call: Call) -> Result:
        """Handle `GET /api/v1/status`."""
        del call
        return Result(data={"status": "open", "msg": ""})

    def _active(self, call: Call) -> list[PaperOrder]:
        symbol = self._desk.instrument(call.fields).symbol
        orders = [order for order in call.lens.open_orders(call.account, symbol) if order.working]
        return orders[::-1]

    def _executions(self, call: Call, instrument: PaperInstrument) -> Sequence[Execution]:
        order_id = call.fields.optional_text("orderId")
        if order_id is not None:
            order = self._desk.by_id(call.account, instrument.symbol, order_id)
            return () if order is None else self._desk.engine.truth.executions_of_order(order.order_id)
        start_ms, end_ms = _period(call)
        side = _side(call)
        venue_type = call.fields.optional_choice("type", ("limit", "market"))
        return [
            execution
            for execution in self._desk.engine.executions_of(call.account, instrument.symbol)
            if start_ms <= execution.at_ms <= end_ms
            and side in (None, execution.side)
            and venue_type in (None, render.order_type(self._desk.engine.truth.orders[execution.order_id]))
        ]


def _period(call: Call) -> tuple[int, int]:
    end_ms = call.fields.integer("endAt")
    return call.fields.integer("startAt") or 0, _LAST if end_ms is None else end_ms


def _side(call: Call) -> Side | None:
    name = call.fields.optional_choice("side", ("buy", "sell"))
    return None if name is None else Side(name.upper())


def _kept_ms(order: PaperOrder) -> int:
    return _FILLED_KEPT_MS if order.status is PaperStatus.FILLED else _CANCELLED_KEPT_MS


def _done_cursor(order: PaperOrder) -> int:
    return order.updated_ms * _CURSOR_STEP + order.order_id % _CURSOR_STEP
