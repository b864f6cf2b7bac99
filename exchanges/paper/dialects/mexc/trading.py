"""MEXC's trading endpoints: place, test, cancel one, cancel by symbols, cancel everything.

They read parameters, call the engine and render its answer. There are no stop orders and there is no amendment.
"""

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from exchanges.paper.dialects.mexc import render
from exchanges.paper.dialects.mexc.calls import Call, Directory, Result
from exchanges.paper.dialects.mexc.errors import (
    ABOVE_MAXIMUM,
    BAD_COMBINATION,
    BELOW_MINIMUM,
    INVALID_SCALE,
    NOT_BY_API,
    TOO_MANY_OPEN,
    UNKNOWN_ORDER,
    MexcError,
    Refusal,
    invalid,
    missing,
    refused,
)
from exchanges.paper.dialects.mexc.ids import unnamed
from exchanges.paper.dialects.mexc.limits import OPEN_ORDERS, Limits
from exchanges.paper.dialects.mexc.params import Parameters
from exchanges.paper.engine import Engine
from exchanges.paper.model import (
    NewOrder,
    OrderAccepted,
    PaperInstrument,
    PaperOrder,
    PaperStatus,
    RefusalReason,
    RequestRefused,
)
from messages.types import ZERO, OrderType, Side, TimeInForce

SYMBOLS_MAX = 5
"""Symbols that one request may name."""
_BY_SIZE = frozenset({RefusalReason.LOT_SIZE, RefusalReason.NOTIONAL, RefusalReason.MALFORMED})


@dataclass(frozen=True, slots=True)
class _Form:
    """What an order type of the venue means to the engine."""

    type: OrderType
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False


_FORMS = {
    "LIMIT": _Form(OrderType.LIMIT),
    "LIMIT_MAKER": _Form(OrderType.LIMIT, post_only=True),
    "IMMEDIATE_OR_CANCEL": _Form(OrderType.LIMIT, TimeInForce.IOC),
    "FILL_OR_KILL": _Form(OrderType.LIMIT, TimeInForce.FOK),
    "MARKET": _Form(OrderType.MARKET, TimeInForce.IOC),
}


class Trading:
    """The endpoints that change something."""

    def __init__(self, engine: Engine, directory: Directory, limits: Limits, random: Random) -> None:
        self._engine = engine
        self._directory = directory
        self._limits = limits
        self._random = random
        self._unnamed = 0

    def place(self, call: Call) -> Result:
        """Handle `POST /api/v3/order`. The same client order id again makes another order."""
        request, instrument = self._read_order(call)
        if self._limits.enabled and len(self._engine.open_orders(call.account)) >= OPEN_ORDERS:
            raise MexcError(TOO_MANY_OPEN)
        events = self._engine.place(request, call.now_ms)
        first = events[0]
        if isinstance(first, RequestRefused):
            raise MexcError(_refusal(first.reason, request, instrument))
        if not isinstance(first, OrderAccepted):
            msg = f"a placement began with {type(first).__name__}"
            raise TypeError(msg)
        return Result(body=render.acknowledged(first.order, instrument.venue_symbol), events=events)

    def test(self, call: Call) -> Result:
        """Handle `POST /api/v3/order/test`: check the order, place nothing."""
        request, instrument = self._read_order(call)
        reason = self._engine.broken_rule(request)
        if reason is not None:
            raise MexcError(_refusal(reason, request, instrument))
        return Result(body={})

    def cancel(self, call: Call) -> Result:
        """Handle `DELETE /api/v3/order`."""
        order = self._directory.order(call)
        cancel_id = call.parameters.client_id("newClientOrderId") or ""
        if order is None or not order.is_open:
            raise MexcError(UNKNOWN_ORDER)
        return self._cancel_order(call, order, cancel_id)

    def cancel_symbols(self, call: Call) -> Result:
        """Handle `DELETE /api/v3/openOrders`: all orders of up to five symbols."""
        names = call.parameters.text("symbol").split(",")
        if len(names) > SYMBOLS_MAX:
            raise invalid("symbol")
        symbols = [self._directory.named(name).symbol for name in names]
        orders = [order for symbol in symbols for order in self._engine.open_orders(call.account, symbol)]
        results = [self._cancel_order(call, order, "") for order in orders]
        events = tuple(event for result in results for event in result.events)
        return Result(body=[result.body for result in results], events=events)

    def cancel_everything(self, call: Call) -> Result:
        """Handle `DELETE /api/v3/order/all`. Success is code 200 here."""
        orders = self._engine.open_orders(call.account)
        results = [self._cancel_order(call, order, "") for order in orders]
        events = tuple(event for result in results for event in result.events)
        return Result(body={"code": 200, "msg": "success", "timestamp": call.now_ms}, events=events)

    def _cancel_order(self, call: Call, before: PaperOrder, cancel_id: str) -> Result:
        events = self._engine.cancel(call.account, before.order_id, call.now_ms, cancel_id=cancel_id)
        after = self._engine.order(before.order_id) or before
        return Result(body=self._cancel_body(before, after, cancel_id), events=events)

    def _cancel_body(self, before: PaperOrder, after: PaperOrder, cancel_id: str) -> dict[str, Any]:
        # The venue has been seen to answer in each of these ways; none of them says for sure how the order ended.
        symbol = self._directory.venue_symbol(after.symbol)
        match self._random.randrange(3):
            case 0:
                return render.cancelled(before, symbol, cancel_id)
            case 1:
                return render.cancelled_in_short(after, symbol)
            case _:
                return render.cancelled(after, symbol, cancel_id)

    # ----- reading a new order

    def _read_order(self, call: Call) -> tuple[NewOrder, PaperInstrument]:
        parameters = call.parameters
        instrument = self._directory.instrument(call)
        side, form = parameters.text("side"), _FORMS.get(parameters.text("type"))
        if side not in Side.__members__:
            raise invalid("side")
        if form is None:
            raise invalid("type")
        if not instrument.trading:
            raise MexcError(NOT_BY_API)
        amounts = _read_amounts(parameters, form)
        request = NewOrder(
            account=call.account,
            client_order_id=parameters.client_id("newClientOrderId") or self._next_unnamed(),
            symbol=instrument.symbol,
            side=Side(side),
            type=form.type,
            time_in_force=form.time_in_force,
            size=amounts.get("quantity"),
            quote_size=amounts.get("quoteOrderQty"),
            price=amounts.get("price"),
            post_only=form.post_only,
            taking_ends_as=PaperStatus.CANCELLED if form.post_only else None,
            venue_type=parameters.text("type"),
        )
        return request, instrument

    def _next_unnamed(self) -> str:
        self._unnamed += 1
        return unnamed(self._unnamed)


def _read_amounts(parameters: Parameters, form: _Form) -> dict[str, Decimal]:
    if form.type is OrderType.LIMIT:
        return {name: parameters.amount(name) for name in ("quantity", "price")}
    sent = [name for name in ("quantity", "quoteOrderQty") if parameters.optional(name) is not None]
    if not sent:
        raise missing("quantity", "quoteOrderQty")
    if len(sent) > 1:
        raise MexcError(BAD_COMBINATION)
    return {sent[0]: parameters.amount(sent[0])}


def _refusal(reason: RefusalReason, request: NewOrder, instrument: PaperInstrument) -> Refusal:
    if reason not in _BY_SIZE:
        return refused(reason, request.side)
    size = request.size if request.size is not None else request.quote_size or ZERO
    if reason is RefusalReason.NOTIONAL:
        value = size * request.price if request.price is not None else ZERO
        return ABOVE_MAXIMUM if value > instrument.max_notional else BELOW_MINIMUM
    if size < instrument.min_size or size == ZERO:
        return BELOW_MINIMUM
    return ABOVE_MAXIMUM if size > instrument.max_size else INVALID_SCALE
