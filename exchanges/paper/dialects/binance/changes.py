"""Binance's endpoints that change an order which rests: amend and cancel-replace.

They read parameters, call the engine and render its answer. Who may call was settled before.
"""

from collections.abc import Callable
from typing import Any

from exchanges.paper.dialects.binance import render
from exchanges.paper.dialects.binance.errors import (
    AMENDS,
    BAD_REQUEST,
    CONFLICT,
    DUPLICATE_ORDER,
    TOO_MANY_ORDERS,
    TOO_MANY_REQUESTS,
    BinanceError,
    Refusal,
    refused,
)
from exchanges.paper.dialects.binance.limits import Limits
from exchanges.paper.dialects.binance.trading import Call, Result, Trading
from exchanges.paper.engine import Engine
from exchanges.paper.model import OrderAmended, RefusalReason, RequestRefused

_MODES = ("STOP_ON_FAILURE", "ALLOW_FAILURE")
_LIMIT_MODES = ("DO_NOTHING", "CANCEL_ONLY")


class Changes:
    """Amend and cancel-replace, over the endpoints that place and cancel."""

    def __init__(self, engine: Engine, trading: Trading, new_id: Callable[[], str], limits: Limits) -> None:
        self._engine = engine
        self._trading = trading
        self._new_id = new_id
        self._limits = limits

    def amend(self, call: Call) -> Result:
        """Handle `PUT /api/v3/order/amend/keepPriority`."""
        instrument = self._trading.instrument(call)
        order = self._trading.named(call, instrument, "orderId", "origClientOrderId")
        new_size = call.parameters.amount("newQty")
        new_id = call.parameters.client_id("newClientOrderId") or self._new_id()
        if order is None:
            raise BinanceError(AMENDS[RefusalReason.UNKNOWN_ORDER])
        taken = self._engine.truth.has_open(call.account, instrument.symbol, new_id)
        if taken and new_id != order.client_order_id:
            raise BinanceError(DUPLICATE_ORDER)
        events = self._engine.amend(call.account, order.order_id, new_size, call.now_ms, client_order_id=new_id)
        if isinstance(events[0], RequestRefused):
            raise BinanceError(AMENDS[events[0].reason])
        after = self._engine.order(order.order_id) or order
        previous = next(
            (event.previous_client_order_id for event in events if isinstance(event, OrderAmended)),
            order.client_order_id,
        )
        body = {
            "transactTime": call.now_ms,
            "executionId": events[0].sequence,
            "amendedOrder": render.amended(after, instrument.venue_symbol, previous),
        }
        return Result(body=body, events=events, free=not after.is_open)

    def replace(self, call: Call) -> Result:
        """Handle `POST /api/v3/order/cancelReplace`. Not atomic: each half succeeds or fails on its own.

        Parameters, filters and the count of orders are judged before anything is done; the new order counts whether
        or not it is tried.
        """
        trading = self._trading
        request = trading.read_order(call)
        strict = trading.choice(call, "cancelReplaceMode", _MODES) == "STOP_ON_FAILURE"
        trading.restriction(call)
        old = trading.named(call, trading.instrument(call), "cancelOrderId", "cancelOrigClientOrderId")
        cancel_id = trading.cancel_id(call, "cancelNewClientOrderId")
        broken = self._engine.broken_rule(request)
        if broken is not None:
            raise BinanceError(refused(broken))
        limited = self._is_limited(call)
        cancel = _attempt(lambda: trading.cancel_order(call, old, cancel_id))
        if limited:
            return _replaced(cancel, _over_limit(cancel, strict=strict), TOO_MANY_REQUESTS if strict else None)
        self._limits.count_order(call.account, 1, call.now_ms)
        if isinstance(cancel, Refusal) and strict:
            return _replaced(cancel, None)
        return _replaced(cancel, _attempt(lambda: trading.place_order(call, request)))

    def _is_limited(self, call: Call) -> bool:
        # Whether only the cancel may be carried out, because there are too many orders already.
        mode = "DO_NOTHING"
        if "orderRateLimitExceededMode" in call.parameters:
            mode = self._trading.choice(call, "orderRateLimitExceededMode", _LIMIT_MODES)
        try:
            self._limits.check_orders(call.account, call.now_ms)
        except BinanceError:
            if mode == "DO_NOTHING":
                raise
            return True
        return False


def _attempt(act: Callable[[], Result]) -> Result | Refusal:
    try:
        return act()
    except BinanceError as error:
        return error.refusal


def _over_limit(cancel: Result | Refusal, *, strict: bool) -> Refusal | None:
    return None if strict and isinstance(cancel, Refusal) else TOO_MANY_ORDERS


def _replaced(cancel: Result | Refusal, new: Result | Refusal | None, status: int | None = None) -> Result:
    # Both halves in one answer; `status` is the HTTP status of a failure, where it is not the usual one.
    detail = {
        "cancelResult": _outcome(cancel),
        "newOrderResult": _outcome(new),
        "cancelResponse": _response(cancel),
        "newOrderResponse": _response(new),
    }
    events = tuple(event for half in (cancel, new) if isinstance(half, Result) for event in half.events)
    match cancel, new:
        case Result(), Result():
            return Result(body=detail, events=events)
        case Refusal(), Refusal() | None:
            failed = Refusal(-2022, "Order cancel-replace failed.", status or BAD_REQUEST)
        case _:
            failed = Refusal(-2021, "Order cancel-replace partially failed.", status or CONFLICT)
    return Result(body=failed.body() | {"data": detail}, status=failed.status, events=events)


def _outcome(half: Result | Refusal | None) -> str:
    if half is None:
        return "NOT_ATTEMPTED"
    return "SUCCESS" if isinstance(half, Result) else "FAILURE"


def _response(half: Result | Refusal | None) -> Any:
    if half is None:
        return None
    return half.body if isinstance(half, Result) else half.body()
