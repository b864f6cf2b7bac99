"""Kraken's private queries: orders, lists with their pages, trades, balances. They see what the lens shows."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice
from operator import attrgetter
from typing import Any

from exchanges.paper.dialects.kraken import render
from exchanges.paper.dialects.kraken.archive import Archive, Trade, trades
from exchanges.paper.dialects.kraken.calls import Call, Result
from exchanges.paper.dialects.kraken.errors import INVALID_ORDER, KrakenError, invalid
from exchanges.paper.dialects.kraken.ids import number_of, venue_id
from exchanges.paper.dialects.kraken.names import Pairs, asset_id
from exchanges.paper.dialects.kraken.numbers import amount
from exchanges.paper.dialects.kraken.params import Parameters, client_id_key
from exchanges.paper.dialects.kraken.words import order_type
from exchanges.paper.engine import Engine
from exchanges.paper.model import PaperOrder

_PAGE = 50
_FOREVER_MS = 1 << 63
_ORDERS_MAX = 50
_TRADES_MAX = 20
_BALANCE_PLACES = 10
_CLOSE_TIMES = ("open", "close", "both")
_TRADE_TYPES = ("all", "any position", "closed position", "closing position", "no position")


class Queries:
    """The private endpoints that change nothing."""

    def __init__(self, engine: Engine, pairs: Pairs, archive: Archive) -> None:
        self._engine = engine
        self._pairs = pairs
        self._archive = archive

    # ----- orders

    def orders(self, call: Call) -> Result:
        """Handle QueryOrders. Orders that cannot be found are missing from the answer."""
        ids = call.parameters.texts("txid", _ORDERS_MAX)
        if not ids:
            raise invalid("txid")
        if any(number_of("O", one) is None for one in ids):
            raise KrakenError(INVALID_ORDER)
        named = (self._archive.order(call.account, one) for one in ids)
        found = [order for order in named if order is not None and call.lens.shows(order.order_id)]
        return Result(body=self._described(call, self._filtered(call.parameters, found)))

    def open_orders(self, call: Call) -> Result:
        """Handle OpenOrders: everything in one answer."""
        found = call.lens.open_orders(call.account, None)
        return Result(body={"open": self._described(call, self._filtered(call.parameters, found[::-1]))})

    def closed_orders(self, call: Call) -> Result:
        """Handle ClosedOrders: a page of those that ended, newest first."""
        after, until = _period(call.parameters)
        by = call.parameters.choice("closetime", _CLOSE_TIMES, "both")
        every = (order for order in self._archive.orders(call.account) if not order.is_open)
        shown = [
            order
            for order in every
            if call.lens.shows(order.order_id) and any(after < one <= until for one in _times(order, by))
        ]
        found = self._filtered(call.parameters, shown)
        found.sort(key=lambda order: (_times(order, by)[-1], order.order_id), reverse=True)
        page = self._described(call, _page(call.parameters, found))
        return Result(body={"closed": page} | _count(call.parameters, len(found)))

    def amendments(self, call: Call) -> Result:
        """Handle OrderAmends."""
        order = self._archive.order(call.account, call.parameters.text("order_id"))
        if order is None or not call.lens.shows(order.order_id):
            raise KrakenError(INVALID_ORDER)
        history = self._archive.amendments.get(order.order_id, [])
        pair = self._pairs.of(order.symbol)
        return Result(body={"amends": [render.amendment(one, pair) for one in history], "count": len(history)})

    def _filtered(self, parameters: Parameters, orders: Sequence[PaperOrder]) -> list[PaperOrder]:
        client_id = parameters.optional_text("cl_ord_id")
        user_reference = parameters.user_reference()
        if client_id is not None:
            key = client_id_key(client_id)
            orders = [order for order in orders if order.client_order_id == key]
        if user_reference is not None:
            known = self._archive.user_references
            orders = [order for order in orders if known.get(order.order_id) == user_reference]
        return list(orders)

    def _described(self, call: Call, orders: Sequence[PaperOrder]) -> dict[str, Any]:
        with_trades = call.parameters.flag("trades")
        consolidated = call.parameters.flag("consolidate_taker", default=True)
        return {
            venue_id("O", order.order_id): self._order(call, order, with_trades=with_trades, consolidated=consolidated)
            for order in orders
        }

    def _order(self, call: Call, order: PaperOrder, *, with_trades: bool, consolidated: bool) -> dict[str, Any]:
        executions = self._archive.executions_of(order)
        reference = self._archive.user_references.get(order.order_id)
        body = render.order(order, self._pairs.of(order.symbol), trades(executions, consolidated=False), reference)
        shown = [one for one in executions if with_trades and call.lens.shows_trade(one)]
        if not shown:
            return body
        return body | {"trades": [self._archive.fill_id(one.first) for one in trades(shown, consolidated=consolidated)]}

    # ----- trades

    def trades_history(self, call: Call) -> Result:
        """Handle TradesHistory: a page of the account's trades, newest first."""
        call.parameters.choice("type", _TRADE_TYPES, "all")
        after, until = _period(call.parameters)
        every = self._archive.executions(call.account)
        first, end = (bisect_right(every, moment, key=attrgetter("at_ms")) for moment in (after, until))
        seen = [one for one in every[first:end] if call.lens.shows_trade(one)]
        found = trades(seen, consolidated=call.parameters.flag("consolidate_taker", default=True))[::-1]
        page = {self._archive.fill_id(one.first): self._trade(one) for one in _page(call.parameters, found)}
        return Result(body={"trades": page} | _count(call.parameters, len(found)))

    def trades(self, call: Call) -> Result:
        """Handle QueryTrades. Trades are never consolidated here."""
        ids = call.parameters.texts("txid", _TRADES_MAX)
        if not ids or any(number_of("T", one) is None for one in ids):
            raise invalid("txid")
        named = (self._archive.trade(call.account, one) for one in ids)
        shown = [one for one in named if one is not None and call.lens.shows_trade(one)]
        body = {self._archive.fill_id(one.first): self._trade(one) for one in trades(shown, consolidated=False)}
        return Result(body=body)

    def _trade(self, one: Trade) -> dict[str, Any]:
        order = self._engine.order(one.first.order_id)
        ordertype = "limit" if order is None else order_type(order)
        return render.trade(one, self._pairs.of(one.first.symbol), ordertype)

    # ----- balances

    def balance(self, call: Call) -> Result:
        """Handle Balance: totals."""
        held = self._engine.balances(call.account).items()
        return Result(body={asset_id(asset): amount(free + locked, _BALANCE_PLACES) for asset, (free, locked) in held})

    def balance_with_holds(self, call: Call) -> Result:
        """Handle BalanceEx: totals, and what open orders hold of them."""
        body = {
            asset_id(asset): {
                "balance": amount(free + locked, _BALANCE_PLACES),
                "hold_trade": amount(locked, _BALANCE_PLACES),
            }
            for asset, (free, locked) in self._engine.balances(call.account).items()
        }
        return Result(body=body)


def _period(parameters: Parameters) -> tuple[int, int]:
    # The start is outside, the end inside: cut to whole milliseconds, both keep their meaning.
    start, end = parameters.optional_amount("start"), parameters.optional_amount("end")
    return -1 if start is None else int(start * 1000), _FOREVER_MS if end is None else int(end * 1000)


def _times(order: PaperOrder, by: str) -> tuple[int, ...]:
    match by:
        case "open":
            return (order.created_ms,)
        case "close":
            return (order.updated_ms,)
        case _:
            return order.created_ms, order.updated_ms


def _page(parameters: Parameters, found: list[Any]) -> list[Any]:
    first = parameters.integer("ofs")
    return list(islice(found, first, first + _PAGE))


def _count(parameters: Parameters, count: int) -> dict[str, int]:
    return {} if parameters.flag("without_count") else {"count": count}
