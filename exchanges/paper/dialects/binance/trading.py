"""Binance's trading endpoints: place, test, cancel and cancel all.

They read parameters, call the engine and render its answer. Who may call was settled before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from exchanges.paper.dialects.binance import render
from exchanges.paper.dialects.binance.errors import (
    INVALID_RESTRICTION,
    INVALID_SIDE,
    INVALID_SYMBOL,
    INVALID_TIME_IN_FORCE,
    INVALID_TYPE,
    RESTRICTED_CANCEL,
    UNKNOWN_ORDER,
    BinanceError,
    illegal,
    no_order_named,
    not_required,
    refused,
)
from exchanges.paper.dialects.binance.limits import Limits
from exchanges.paper.dialects.binance.params import Parameters
from exchanges.paper.engine import Engine
from exchanges.paper.model import (
    Events,
    NewOrder,
    OrderAccepted,
    OrderTraded,
    PaperInstrument,
    PaperOrder,
    RequestRefused,
)
from exchanges.paper.visibility import Lens
from messages.types import OrderType, Side, TimeInForce


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated request."""

    account: str
    parameters: Parameters
    now_ms: int
    lens: Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a request came to."""

    body: Any
    status: int = 200
    events: Events = ()
    free: bool = False
    """It costs no request weight, whatever the endpoint costs otherwise."""


@dataclass(frozen=True, slots=True)
class _Form:
    """Which parameters an order type takes."""

    type: OrderType
    needs: tuple[str, ...]
    post_only: bool = False
    full_answer: bool = False


_FORMS = {
    "LIMIT": _Form(OrderType.LIMIT, ("timeInForce", "quantity", "price"), full_answer=True),
    "LIMIT_MAKER": _Form(OrderType.LIMIT, ("quantity", "price"), post_only=True),
    "MARKET": _Form(OrderType.MARKET, (), full_answer=True),
    "STOP_LOSS": _Form(OrderType.STOP_MARKET, ("quantity", "stopPrice")),
    "TAKE_PROFIT": _Form(OrderType.STOP_MARKET, ("quantity", "stopPrice")),
    "STOP_LOSS_LIMIT": _Form(OrderType.STOP_LIMIT, ("timeInForce", "quantity", "price", "stopPrice")),
    "TAKE_PROFIT_LIMIT": _Form(OrderType.STOP_LIMIT, ("timeInForce", "quantity", "price", "stopPrice")),
}
_SHAPING = ("timeInForce", "quantity", "quoteOrderQty", "price", "stopPrice")
_TIMES_IN_FORCE = ("GTC", "IOC", "FOK")
_RESTRICTIONS = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}
_RESPONSE_TYPES = ("ACK", "RESULT", "FULL")


class Trading:
    """The endpoints that change something."""

    def __init__(
        self, engine: Engine, symbols: Mapping[str, PaperInstrument], new_id: Callable[[], str], limits: Limits
    ) -> None:
        self._engine = engine
        self._symbols = symbols
        self._new_id = new_id
        self._limits = limits

    def place(self, call: Call) -> Result:
        """Handle `POST /api/v3/order`."""
        request = self.read_order(call)
        self._limits.check_orders(call.account, call.now_ms)
        result = self.place_order(call, request)
        self._limits.count_order(call.account, 1, call.now_ms)
        return result

    def test(self, call: Call) -> Result:
        """Handle `POST /api/v3/order/test`: read the order, place nothing."""
        self.read_order(call)
        return Result(body={})

    def cancel(self, call: Call) -> Result:
        """Handle `DELETE /api/v3/order`."""
        instrument = self.instrument(call)
        order = self.named(call, instrument, "orderId", "origClientOrderId")
        return self.cancel_order(call, order, self.cancel_id(call, "newClientOrderId"))

    def cancel_all(self, call: Call) -> Result:
        """Handle `DELETE /api/v3/openOrders`."""
        instrument = self.instrument(call)
        orders = self._engine.open_orders(call.account, instrument.symbol)
        if not orders:
            raise BinanceError(UNKNOWN_ORDER)
        cancel_id = self._new_id()
        results = [self.cancel_order(call, order, cancel_id) for order in orders]
        events = tuple(event for result in results for event in result.events)
        return Result(body=[result.body for result in results], events=events)

    def instrument(self, call: Call) -> PaperInstrument:
        """Return the instrument of the mandatory `symbol`. Raises BinanceError -1102 or -1121."""
        found = self._symbols.get(call.parameters.text("symbol"))
        if found is None:
            raise BinanceError(INVALID_SYMBOL)
        return found

    # ----- placing

    def place_order(self, call: Call, request: NewOrder) -> Result:
        """Place an order that was read. Raises BinanceError when it is refused."""
        events = self._engine.place(request, call.now_ms)
        first = events[0]
        if isinstance(first, RequestRefused):
            raise BinanceError(refused(first.reason))
        if not isinstance(first, OrderAccepted):
            msg = f"a placement began with {type(first).__name__}"
            raise TypeError(msg)
        return Result(body=self._placed_body(call, first.order, events), events=events)

    def _placed_body(self, call: Call, accepted: PaperOrder, events: Events) -> dict[str, Any]:
        default = "FULL" if _FORMS[accepted.venue_type].full_answer else "ACK"
        wanted = call.parameters.optional_text("newOrderRespType") or default
        symbol = call.parameters.text("symbol")
        order = self._engine.order(accepted.order_id) or accepted
        if wanted == "ACK":
            return render.acknowledgement(order, symbol, call.now_ms)
        body = render.placed(order, symbol, call.now_ms)
        if wanted == "RESULT":
            return body
        own = [event for event in events if isinstance(event, OrderTraded) and event.order.order_id == order.order_id]
        return body | {"fills": [render.fill(event.execution) for event in own]}

    def read_order(self, call: Call) -> NewOrder:
        """Read the parameters of a new order. Raises BinanceError."""
        parameters = call.parameters
        instrument = self.instrument(call)
        side_name = parameters.text("side")
        if side_name not in Side.__members__:
            raise BinanceError(INVALID_SIDE)
        side = Side(side_name)
        venue_type = parameters.text("type")
        form = _FORMS.get(venue_type)
        if form is None:
            raise BinanceError(INVALID_TYPE)
        amounts = self._read_shape(parameters, form)
        if "newOrderRespType" in parameters:
            self.choice(call, "newOrderRespType", _RESPONSE_TYPES)
        if parameters.values.get("selfTradePreventionMode", render.STP_MODE) != render.STP_MODE:
            raise BinanceError(illegal("selfTradePreventionMode", f"^{render.STP_MODE}$"))
        return NewOrder(
            account=call.account,
            client_order_id=parameters.client_id("newClientOrderId") or self._new_id(),
            symbol=instrument.symbol,
            side=side,
            type=form.type,
            time_in_force=self._time_in_force(parameters),
            size=amounts.get("quantity"),
            quote_size=amounts.get("quoteOrderQty"),
            price=amounts.get("price"),
            stop_price=amounts.get("stopPrice"),
            trigger_above=_triggers_above(venue_type, side),
            post_only=form.post_only,
            venue_type=venue_type,
        )

    def _read_shape(self, parameters: Parameters, form: _Form) -> dict[str, Decimal]:
        needs = form.needs
        if form.type is OrderType.MARKET:
            needs = ("quoteOrderQty",) if "quoteOrderQty" in parameters else ("quantity",)
        for name in _SHAPING:
            if name in parameters and name not in needs:
                raise BinanceError(not_required(name))
        if "timeInForce" in needs:
            parameters.text("timeInForce")
        return {name: parameters.amount(name) for name in needs if name != "timeInForce"}

    def _time_in_force(self, parameters: Parameters) -> TimeInForce:
        name = parameters.values.get("timeInForce", "GTC")
        if name not in _TIMES_IN_FORCE:
            raise BinanceError(INVALID_TIME_IN_FORCE)
        return TimeInForce(name)

    # ----- cancelling

    def restriction(self, call: Call) -> str | None:
        """Return the status that `cancelRestrictions` demands, or None. Raises BinanceError -1145."""
        name = call.parameters.optional_text("cancelRestrictions")
        if name is not None and name not in _RESTRICTIONS:
            raise BinanceError(INVALID_RESTRICTION)
        return None if name is None else _RESTRICTIONS[name]

    def cancel_order(self, call: Call, order: PaperOrder | None, cancel_id: str) -> Result:
        """Cancel an order that was named. Raises BinanceError when it is refused."""
        demanded = self.restriction(call)
        if order is None or not order.is_open:
            raise BinanceError(UNKNOWN_ORDER)
        if demanded is not None and render.status(order) != demanded:
            raise BinanceError(RESTRICTED_CANCEL)
        events = self._engine.cancel(call.account, order.order_id, call.now_ms, cancel_id=cancel_id)
        after = self._engine.order(order.order_id) or order
        symbol = call.parameters.text("symbol")
        return Result(body=render.cancelled(after, symbol, call.now_ms, cancel_id), events=events)

    def named(self, call: Call, instrument: PaperInstrument, by_id: str, by_client_id: str) -> PaperOrder | None:
        """Return the account's order that two parameters name, or None. Raises BinanceError when both are missing."""
        order_id = call.parameters.integer(by_id)
        client_order_id = call.parameters.optional_text(by_client_id)
        if order_id is None and client_order_id is None:
            raise BinanceError(no_order_named(by_id, by_client_id))
        if order_id is None:
            return self._engine.find(call.account, instrument.symbol, client_order_id or "")
        order = self._engine.order(order_id)
        if order is None or (order.account, order.symbol) != (call.account, instrument.symbol):
            return None
        return order if client_order_id in (None, order.client_order_id) else None

    def cancel_id(self, call: Call, name: str) -> str:
        """Return the id that a parameter gives, or a new one."""
        return call.parameters.client_id(name) or self._new_id()

    def choice(self, call: Call, name: str, choices: tuple[str, ...]) -> str:
        """Return a mandatory parameter that has to be one of these words. Raises BinanceError -1100."""
        value = call.parameters.text(name)
        if value not in choices:
            raise BinanceError(illegal(name, "|".join(choices)))
        return value


def _triggers_above(venue_type: str, side: Side) -> bool | None:
    if venue_type.startswith("STOP_LOSS"):
        return side is Side.BUY
    return side is Side.SELL if venue_type.startswith("TAKE_PROFIT") else None
