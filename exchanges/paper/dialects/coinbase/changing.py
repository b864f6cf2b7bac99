"""Cancelling and editing orders at Coinbase. Both are answered as accepted only; queries show them under way for a
moment, see `phases`.

Who may call was settled before.
"""

from decimal import Decimal
from typing import Any

from exchanges.paper.dialects.coinbase import configurations, ids
from exchanges.paper.dialects.coinbase.calls import Call, Result
from exchanges.paper.dialects.coinbase.errors import CoinbaseError, EditRefused, edit_error, invalid_argument
from exchanges.paper.dialects.coinbase.phases import CANCEL_QUEUED, Edit, Phases
from exchanges.paper.dialects.coinbase.values import read_body, read_number, read_text
from exchanges.paper.engine import Engine
from exchanges.paper.model import EXACT, AnyEvent, Events, PaperOrder, PaperStatus, RefusalReason, RequestRefused
from messages.types import OrderType

_CANCELS_MAX = 100
_EDIT_FIELDS = frozenset({"order_id", "price", "size", "stop_price"})
_EDIT_REFUSALS = {
    RefusalReason.MALFORMED: "INVALID_EDITED_SIZE",
    RefusalReason.LOT_SIZE: "INVALID_EDITED_SIZE",
    RefusalReason.PRICE_FILTER: "INVALID_EDITED_PRICE",
    RefusalReason.INSUFFICIENT_FUNDS: "PREVIEW_INSUFFICIENT_FUND",
    RefusalReason.WOULD_TAKE: "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY",
    RefusalReason.AMEND_NO_CHANGE: "EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST",
    RefusalReason.UNKNOWN_ORDER: "ONLY_OPEN_ORDERS_CAN_BE_EDITED",
}
_REJECTED = "COMMANDER_REJECTED_EDIT_ORDER"


class Changing:
    """The endpoints `POST /orders/batch_cancel` and `POST /orders/edit`."""

    def __init__(self, engine: Engine, phases: Phases) -> None:
        self._engine = engine
        self._phases = phases

    def cancel(self, call: Call) -> Result:
        """Handle `POST /orders/batch_cancel`: one result for each id, in the order of the request."""
        listed = read_body(call.body, frozenset({"order_ids"})).get("order_ids")
        if not isinstance(listed, list) or not listed or not all(isinstance(one, str) for one in listed):
            raise CoinbaseError(invalid_argument("order_ids is not a list of ids"))
        if len(listed) > _CANCELS_MAX:
            raise CoinbaseError(invalid_argument(f"order_ids has more than {_CANCELS_MAX} ids"))
        results: list[dict[str, Any]] = []
        events: list[AnyEvent] = []
        for text in listed:
            reason, happened = self._cancel(call, text)
            events += happened
            results.append({"success": not reason, "failure_reason": reason or "UNKNOWN_CANCEL_FAILURE_REASON"})
            results[-1]["order_id"] = text
        return Result(body={"results": results}, events=tuple(events))

    def edit(self, call: Call) -> Result:
        """Handle `POST /orders/edit`."""
        body = read_body(call.body, _EDIT_FIELDS)
        order_id = read_text(body.get("order_id"), "order_id")
        amounts = {name: read_number(value, name) for name, value in body.items() if name != "order_id"}
        try:
            events = self._edit(call, self._editable(call, order_id), amounts)
        except EditRefused as refused:
            return Result(body={"success": False, "errors": [edit_error(refused.reason)]})
        return Result(body={"success": True, "errors": []}, events=events)

    def target(self, account: str | None, text: object) -> PaperOrder | None:
        """Return the account's order that a venue id names, or None."""
        number = ids.order_number(text)
        order = None if number is None else self._engine.order(number)
        return order if order is not None and order.account == account else None

    # ----- cancelling

    def _cancel(self, call: Call, text: str) -> tuple[str, Events]:
        """Cancel one order; return why not, or an empty string, and what happened."""
        order = self.target(call.account, text)
        if order is None:
            return "UNKNOWN_CANCEL_ORDER", ()
        if order.status is PaperStatus.FILLED:
            return "ORDER_IS_FULLY_FILLED", ()
        if self._phases.status(order, call.now_ms) == CANCEL_QUEUED:
            return "DUPLICATE_CANCEL_REQUEST", ()
        if not order.is_open:
            return "UNKNOWN_CANCEL_ORDER", ()
        if self._phases.queued_edit(order, call.now_ms) is not None:
            return "ORDER_IS_BEING_REPLACED", ()
        events = self._engine.cancel(call.account, order.order_id, call.now_ms)
        self._phases.note_cancel(order.order_id, call.now_ms)
        return "", events

    # ----- editing

    def _editable(self, call: Call, text: str) -> PaperOrder:
        """Return the order that may be edited. Raises EditRefused."""
        number = ids.order_number(text)
        order = None if number is None else self._engine.order(number)
        if order is None:
            raise EditRefused("ORDER_NOT_FOUND")
        if order.account != call.account:
            raise EditRefused("CALLER_ID_MISMATCH")
        if self._phases.status(order, call.now_ms) == CANCEL_QUEUED:
            raise EditRefused("CANNOT_EDIT_ORDER_PENDING_CANCEL")
        if not order.is_open:
            raise EditRefused("ONLY_OPEN_ORDERS_CAN_BE_EDITED")
        if self._phases.quote_size(order) is not None:
            raise EditRefused("SIZE_IN_QUOTE_EDITS_NOT_ALLOWED")
        if configurations.key_of(order) not in configurations.EDITABLE:
            raise EditRefused("ONLY_LIMIT_ORDER_EDITS_SUPPORTED")
        if order.type is OrderType.STOP_LIMIT and order.working:
            raise EditRefused("CANNOT_EDIT_TRIGGERED_ORDER")
        if self._phases.queued_edit(order, call.now_ms) is not None:
            raise EditRefused("ORDER_IS_ALREADY_BEING_REPLACED")
        return order

    def _edit(self, call: Call, order: PaperOrder, amounts: dict[str, Decimal]) -> Events:
        """Edit an order that may be edited. Raises EditRefused."""
        price, size, stop_price = (amounts.get(name) for name in ("price", "size", "stop_price"))
        if price is None:
            raise EditRefused("INVALID_EDITED_PRICE")
        if size is None:
            raise EditRefused("INVALID_EDITED_SIZE")
        if stop_price is not None and order.type is not OrderType.STOP_LIMIT:
            raise EditRefused("ONLY_LIMIT_ORDER_EDITS_SUPPORTED")
        if (price, size, stop_price or order.stop_price) == (order.price, order.size, order.stop_price):
            raise EditRefused("EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST")
        if size <= order.filled_size:
            raise EditRefused("CANNOT_EDIT_TO_BELOW_FILLED_SIZE")
        events = self._engine.modify(
            call.account, order.order_id, call.now_ms, size=size, price=price, stop_price=stop_price
        )
        if isinstance(events[0], RequestRefused):
            raise EditRefused(self._worded(events[0].reason, order, EXACT.multiply(price, size)))
        self._phases.note_edit(Edit(before=order, price=price, size=size, accepted_ms=call.now_ms))
        return events

    def _worded(self, reason: RefusalReason, order: PaperOrder, value: Decimal) -> str:
        match reason:
            case RefusalReason.NOTIONAL:
                too_large = value > self._engine.instruments[order.symbol].max_notional
                return f"PREVIEW_INVALID_QUOTE_SIZE_TOO_{'LARGE' if too_large else 'SMALL'}"
            case RefusalReason.WOULD_TRIGGER:
                return f"PREVIEW_STOP_PRICE_{'BELOW' if order.trigger_above else 'ABOVE'}_LAST_TRADE_PRICE"
            case _:
                return _EDIT_REFUSALS.get(reason, _REJECTED)
