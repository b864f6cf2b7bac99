"""KuCoin's stop-order endpoints: look-ups, list and cancels of stops, which have a book, ids and a list of their own.

A stop is in the list until its trigger; afterwards a look-up shows it as triggered, and what became of it is told by
the ordinary order that it turned into. A cancelled stop is gone from here.
"""

from collections.abc import Iterable
from typing import Any

from exchanges.paper.dialects.kucoin import ids, render
from exchanges.paper.dialects.kucoin.calls import Call, Desk, Result, is_stop, page_of
from exchanges.paper.dialects.kucoin.errors import CLASSIC_UNKNOWN_ORDER, KucoinError
from exchanges.paper.dialects.kucoin.users import user_id
from exchanges.paper.model import Events, PaperOrder

_PAGE_DEFAULT = 50
_PAGE_MAX = 500
_LAST_MS = 2**63


class Stops:
    """The endpoints of stops, but for their placement."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def get(self, call: Call) -> Result:
        """Handle `GET /api/v1/stop-order/{orderId}`; no data where there is no such stop."""
        order = self._desk.stop_by_id(call.account, call.fields.text("orderId"))
        if order is None or not call.lens.shows(order.order_id):
            return Result(data=None)
        return Result(data=self._described(order))

    def get_by_client_oid(self, call: Call) -> Result:
        """Handle `GET /api/v1/stop-order/queryOrderByClientOid`, which answers a list."""
        found = self._named(call)
        return Result(data=[self._described(order) for order in found if call.lens.shows(order.order_id)])

    def listed(self, call: Call) -> Result:
        """Handle `GET /api/v1/stop-order`, newest first."""
        instrument = self._desk.optional_instrument(call.fields)
        symbol = None if instrument is None else instrument.symbol
        waiting = [order for order in call.lens.open_orders(call.account, symbol) if not order.working]
        items = [self._described(order) for order in self._chosen(call, waiting)]
        number = call.fields.bounded("currentPage", 1, _LAST_MS)
        return Result(data=page_of(items[::-1], number, call.fields.bounded("pageSize", _PAGE_DEFAULT, _PAGE_MAX)))

    def cancel(self, call: Call) -> Result:
        """Handle `DELETE /api/v1/stop-order/{orderId}`."""
        order = self._desk.stop_by_id(call.account, call.fields.text("orderId"))
        if order is None or order.working:
            raise KucoinError(CLASSIC_UNKNOWN_ORDER)
        return self._cancelled(call, [order])

    def cancel_by_client_oid(self, call: Call) -> Result:
        """Handle `DELETE /api/v1/stop-order/cancelOrderByClientOid`."""
        order = next((order for order in self._named(call) if not order.working), None)
        if order is None:
            raise KucoinError(CLASSIC_UNKNOWN_ORDER)
        data = {"cancelledOrderId": ids.stop_id(order.order_id), "clientOid": order.client_order_id}
        return Result(data=data, events=self._cancel_each(call, [order]))

    def cancel_many(self, call: Call) -> Result:
        """Handle `DELETE /api/v1/stop-order/cancel`."""
        instrument = self._desk.optional_instrument(call.fields)
        waiting = self._desk.stops(call.account, None if instrument is None else instrument.symbol)
        return self._cancelled(call, self._chosen(call, waiting))

    def _named(self, call: Call) -> list[PaperOrder]:
        client_oid = call.fields.text("clientOid")
        instrument = self._desk.optional_instrument(call.fields)
        wanted = self._desk.symbols.values() if instrument is None else (instrument,)
        found = (self._desk.engine.find(call.account, one.symbol, client_oid) for one in wanted)
        return [order for order in found if order is not None and is_stop(order)]

    def _chosen(self, call: Call, orders: Iterable[PaperOrder]) -> list[PaperOrder]:
        fields = call.fields
        named = fields.optional_text("orderIds")
        numbers = None if named is None else {ids.stop_number(text) for text in named.split(",")}
        fields.optional_choice("tradeType", ("TRADE",))
        side = fields.optional_choice("side", ("buy", "sell"))
        venue_type = fields.optional_choice("type", ("limit", "market"))
        kind = fields.optional_choice("stop", ("loss", "entry"))
        start_ms, end_ms = fields.integer("startAt") or 0, fields.integer("endAt") or _LAST_MS
        return [
            order
            for order in orders
            if (numbers is None or order.order_id in numbers)
            and side in (None, render.side(order.side))
            and venue_type in (None, render.order_type(order))
            and kind in (None, render.stop_kind(order))
            and start_ms <= order.created_ms <= end_ms
        ]

    def _cancelled(self, call: Call, orders: Iterable[PaperOrder]) -> Result:
        chosen = list(orders)
        data = {"cancelledOrderIds": [ids.stop_id(order.order_id) for order in chosen]}
        return Result(data=data, events=self._cancel_each(call, chosen))

    def _cancel_each(self, call: Call, orders: Iterable[PaperOrder]) -> Events:
        engine = self._desk.engine
        return tuple(event for one in orders for event in engine.cancel(call.account, one.order_id, call.now_ms))

    def _described(self, order: PaperOrder) -> dict[str, Any]:
        instrument = self._desk.engine.instruments[order.symbol]
        return render.stop_order(order, instrument, self._desk.notes, user_id(order.account))
