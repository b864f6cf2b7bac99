"""KuCoin's cancels of ordinary orders: by either id, in part, of a symbol, of everything; synchronous or not.

They never touch stops that wait for their trigger.
"""

from collections.abc import Iterable

from exchanges.paper.dialects.kucoin import ids, render
from exchanges.paper.dialects.kucoin.calls import Call, Desk, Result
from exchanges.paper.dialects.kucoin.errors import INVALID_PARAMETER, UNKNOWN_ORDER, KucoinError, refused
from exchanges.paper.model import Events, PaperOrder, RequestRefused
from messages.types import ZERO


class Cancelling:
    """The endpoints that cancel ordinary orders."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def cancel(self, call: Call) -> Result:
        """Handle `DELETE /api/v1/hf/orders/{orderId}`: the answer says only that the request was taken."""
        order, events = self._cancel(call)
        return Result(data={"orderId": ids.order_id(order.order_id)}, events=events)

    def cancel_by_client_oid(self, call: Call) -> Result:
        """Handle `DELETE /api/v1/hf/orders/client-order/{clientOid}`."""
        order, events = self._cancel(call)
        return Result(data={"clientOid": order.client_order_id}, events=events)

    def cancel_sync(self, call: Call) -> Result:
        """Handle `DELETE /api/v1/hf/orders/sync/...`: the answer says what has become of the order."""
        order, events = self._cancel(call)
        return Result(data=render.result(self._desk.now(order), self._desk.notes), events=events)

    def cancel_part(self, call: Call) -> Result:
        """Handle `DELETE /api/v1/hf/orders/cancel/{orderId}`: reduce an order, which keeps its place."""
        order = self._working(call)
        cut = call.fields.amount("cancelSize")
        if not ZERO < cut <= order.remaining:
            raise KucoinError(INVALID_PARAMETER)
        if cut == order.remaining:
            events = self._desk.engine.cancel(call.account, order.order_id, call.now_ms)
        else:
            self._desk.notes.note_size(order)
            events = self._desk.engine.amend(call.account, order.order_id, order.size - cut, call.now_ms)
        first = events[0]
        if isinstance(first, RequestRefused):
            raise KucoinError(refused(first.reason))
        data = {"orderId": ids.order_id(order.order_id), "cancelSize": ids.number(cut)}
        return Result(data=data, events=events)

    def cancel_symbol(self, call: Call) -> Result:
        """Handle `DELETE /api/v1/hf/orders`."""
        instrument = self._desk.instrument(call.fields)
        orders = self._desk.rests(call.account, instrument.symbol)
        return Result(data="success", events=self._cancel_each(call, orders))

    def cancel_all(self, call: Call) -> Result:
        """Handle `DELETE /api/v1/hf/orders/cancelAll`."""
        orders = self._desk.rests(call.account, None)
        symbols = sorted({self._desk.engine.instruments[order.symbol].venue_symbol for order in orders})
        data = {"succeedSymbols": symbols, "failedSymbols": []}
        return Result(data=data, events=self._cancel_each(call, orders))

    def _cancel(self, call: Call) -> tuple[PaperOrder, Events]:
        order = self._working(call)
        return order, self._desk.engine.cancel(call.account, order.order_id, call.now_ms)

    def _working(self, call: Call) -> PaperOrder:
        order = self._desk.named(call, self._desk.instrument(call.fields).symbol)
        if order is None or not order.is_open:
            raise KucoinError(UNKNOWN_ORDER)
        return order

    def _cancel_each(self, call: Call, orders: Iterable[PaperOrder]) -> Events:
        engine = self._desk.engine
        return tuple(event for one in orders for event in engine.cancel(call.account, one.order_id, call.now_ms))
