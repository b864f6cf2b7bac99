"""Placing orders at Coinbase: reads the request, answers a used client order id, calls the engine, words its refusals.

Who may call was settled before.
"""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from typing import Any

from exchanges.paper.dialects.coinbase import ids
from exchanges.paper.dialects.coinbase.calls import Call, Result
from exchanges.paper.dialects.coinbase.configurations import Shape, read
from exchanges.paper.dialects.coinbase.errors import (
    DUPLICATE,
    INSUFFICIENT_FUND,
    CoinbaseError,
    PlacementRefused,
    Refusal,
    invalid_argument,
    placement_error,
)
from exchanges.paper.dialects.coinbase.phases import Phases
from exchanges.paper.dialects.coinbase.values import read_body, read_text
from exchanges.paper.engine import Engine
from exchanges.paper.model import (
    EXACT,
    NewOrder,
    OrderAccepted,
    PaperInstrument,
    PaperOrder,
    RefusalReason,
    RequestRefused,
)
from messages.types import OrderType, Side

_FIELDS = frozenset({"client_order_id", "product_id", "side", "order_configuration", "retail_portfolio_id"})
_CLIENT_ID_MAX = 128
_ONE = Decimal(1)
_REFUSALS = {
    RefusalReason.NOT_TRADING: Refusal("PRODUCT_TRADING_HALTED", "Trading is halted for this product"),
    RefusalReason.MALFORMED: Refusal("INVALID_REQUEST", "The order is not valid"),
    RefusalReason.PRICE_FILTER: Refusal("INVALID_PRICE_PRECISION", "Too many decimals in order price"),
    RefusalReason.DUPLICATE_CLIENT_ID: DUPLICATE,
    RefusalReason.INSUFFICIENT_FUNDS: INSUFFICIENT_FUND,
    RefusalReason.WOULD_TAKE: Refusal("INVALID_LIMIT_PRICE_POST_ONLY", "Post only limit price would match at once"),
}


class Reuse(StrEnum):
    """What becomes of a placement whose client order id has been used."""

    RETURN_EXISTING = "return_existing"
    """It succeeds with the old order's id, and creates nothing."""
    DUPLICATE_ERROR = "duplicate_error"
    """It is refused as DUPLICATE_CLIENT_ORDER_ID."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientIds:
    """How the venue treats client order ids."""

    reuse: Reuse = Reuse.RETURN_EXISTING
    forgets_after_ms: int | None = None
    """How long a used id is remembered; None: for ever. Needs an engine that takes ids again."""


class Placing:
    """The endpoint `POST /orders`."""

    def __init__(self, engine: Engine, phases: Phases, client_ids: ClientIds) -> None:
        self._engine = engine
        self._phases = phases
        self._client_ids = client_ids
        self._products = {rules.venue_symbol: rules for rules in engine.instruments.values()}

    def place(self, call: Call) -> Result:
        """Handle `POST /orders`."""
        body = read_body(call.body, _FIELDS)
        client_order_id = read_text(body.get("client_order_id"), "client_order_id")
        if len(client_order_id) > _CLIENT_ID_MAX:
            raise CoinbaseError(invalid_argument("client_order_id is too long"))
        read_text(body.get("product_id"), "product_id")
        read_text(body.get("side"), "side")
        configuration = body.get("order_configuration")
        try:
            return self._place(call, client_order_id, body)
        except PlacementRefused as refused:
            error = placement_error(refused.refusal)
            return Result(body={"success": False, "error_response": error, "order_configuration": configuration})

    def find(self, account: str, client_order_id: str) -> PaperOrder | None:
        """Return the account's latest order with this client order id, whatever its product."""
        found = [self._engine.find(account, symbol, client_order_id) for symbol in self._engine.instruments]
        return max((order for order in found if order is not None), key=lambda order: order.order_id, default=None)

    def _place(self, call: Call, client_order_id: str, body: dict[str, Any]) -> Result:
        shape = read(body.get("order_configuration"))
        used = self._used(call, client_order_id)
        if used is not None:
            if self._client_ids.reuse is Reuse.DUPLICATE_ERROR:
                raise PlacementRefused(DUPLICATE)
            return _accepted(used, body)
        rules = self._products.get(body["product_id"])
        if rules is None:
            raise PlacementRefused(Refusal("INVALID_PRODUCT_ID", "Unknown product"))
        if body["side"] not in Side.__members__:
            raise PlacementRefused(Refusal("INVALID_SIDE", "Unknown side"))
        side = Side(body["side"])
        self._check(shape, side, rules, call.now_ms)
        request = self._request(call.account, client_order_id, rules, side, shape)
        events = self._engine.place(request, call.now_ms)
        first = events[0]
        if isinstance(first, RequestRefused):
            raise PlacementRefused(self._worded(first.reason, request, rules))
        if not isinstance(first, OrderAccepted):
            msg = f"a placement began with {type(first).__name__}"
            raise TypeError(msg)
        if shape.type is OrderType.MARKET and shape.quote_size is not None:
            self._phases.note_quote_size(first.order.order_id, shape.quote_size)
        return Result(body=_accepted(first.order, body).body, events=events)

    def _used(self, call: Call, client_order_id: str) -> PaperOrder | None:
        order = self.find(call.account, client_order_id)
        memory_ms = self._client_ids.forgets_after_ms
        if order is None or (memory_ms is not None and order.created_ms + memory_ms <= call.now_ms):
            return None
        return order

    def _check(self, shape: Shape, side: Side, rules: PaperInstrument, now_ms: int) -> None:
        """Raise PlacementRefused for what only this venue refuses."""
        if shape.expires_at_ms is not None and shape.expires_at_ms <= now_ms:
            raise PlacementRefused(Refusal("END_TIME_IS_IN_THE_PAST", "end_time is in the past"))
        if shape.quote_size is not None:
            self._check_quote_size(shape.quote_size, side, shape, rules)
        if shape.stop_price is not None and shape.price is not None:
            # A triggered stop whose limit lies behind its trigger could not execute where it is wanted.
            if side is Side.BUY and shape.trigger_above and shape.stop_price > shape.price:
                raise PlacementRefused(_preview("STOP_PRICE_ABOVE_LIMIT_PRICE"))
            if side is Side.SELL and not shape.trigger_above and shape.stop_price < shape.price:
                raise PlacementRefused(_preview("STOP_PRICE_BELOW_LIMIT_PRICE"))

    def _check_quote_size(self, quote_size: Decimal, side: Side, shape: Shape, rules: PaperInstrument) -> None:
        if shape.type is OrderType.MARKET and side is Side.SELL:
            words = "Market sells are sized in the base currency"
            raise PlacementRefused(Refusal("UNSUPPORTED_ORDER_CONFIGURATION", words))
        if quote_size % rules.tick_size:
            raise PlacementRefused(Refusal("INVALID_SIZE_PRECISION", "Too many decimals in order amount"))
        if quote_size < rules.min_notional:
            raise PlacementRefused(_preview("INVALID_QUOTE_SIZE_TOO_SMALL"))
        if quote_size > rules.max_notional:
            raise PlacementRefused(_preview("INVALID_QUOTE_SIZE_TOO_LARGE"))

    def _request(
        self, account: str, client_order_id: str, rules: PaperInstrument, side: Side, shape: Shape
    ) -> NewOrder:
        size, quote_size = shape.size, shape.quote_size
        if quote_size is not None and shape.price is not None:
            size, quote_size = _steps(EXACT.divide(quote_size, shape.price), rules.step_size), None
        elif quote_size is not None:
            # The fee is taken out of the amount that was given, so less than that can be bought with it.
            spent = EXACT.divide(quote_size, _ONE + self._engine.fees.taker)
            quote_size = max(_steps(spent, rules.tick_size), rules.min_notional)
        return NewOrder(
            account=account,
            client_order_id=client_order_id,
            symbol=rules.symbol,
            side=side,
            type=shape.type,
            time_in_force=shape.time_in_force,
            size=size,
            quote_size=quote_size,
            price=shape.price,
            stop_price=shape.stop_price,
            trigger_above=shape.trigger_above,
            post_only=shape.post_only,
            expires_at_ms=shape.expires_at_ms,
            venue_type=shape.key,
        )

    def _worded(self, reason: RefusalReason, request: NewOrder, rules: PaperInstrument) -> Refusal:
        match reason:
            case RefusalReason.WOULD_TRIGGER:
                where = "BELOW" if request.trigger_above else "ABOVE"
                return _preview(f"STOP_PRICE_{where}_LAST_TRADE_PRICE")
            case RefusalReason.LOT_SIZE | RefusalReason.MARKET_LOT_SIZE | RefusalReason.MALFORMED:
                return _size_refusal(request, rules)
            case RefusalReason.NOTIONAL:
                price = request.price or self._engine.last_price(request.symbol)
                too_large = EXACT.multiply(request.size or _ONE, price) > rules.max_notional
                return _preview(f"INVALID_QUOTE_SIZE_TOO_{'LARGE' if too_large else 'SMALL'}")
            case _:
                return _REFUSALS[reason]


def _accepted(order: PaperOrder, body: dict[str, Any]) -> Result:
    """Answer with the id of an order and, for the rest, with what was just asked for."""
    return Result(
        body={
            "success": True,
            "success_response": {
                "order_id": ids.order_uuid(order.order_id),
                "product_id": body["product_id"],
                "side": body["side"],
                "client_order_id": order.client_order_id,
                "attached_order_id": "",
            },
            "order_configuration": body["order_configuration"],
        }
    )


def _size_refusal(request: NewOrder, rules: PaperInstrument) -> Refusal:
    size = request.size
    if size is None:
        return _REFUSALS[RefusalReason.MALFORMED]
    if size < rules.min_size:
        return _preview("INVALID_BASE_SIZE_TOO_SMALL")
    at_market = request.type is OrderType.MARKET
    if size > (rules.market_max_size if at_market else rules.max_size):
        return _preview("INVALID_BASE_SIZE_TOO_LARGE")
    if size % rules.step_size:
        return Refusal("INVALID_SIZE_PRECISION", "Too many decimals in order amount")
    return _REFUSALS[RefusalReason.MALFORMED]


def _preview(name: str) -> Refusal:
    return Refusal(f"PREVIEW_{name}", name.replace("_", " ").capitalize())


def _steps(amount: Decimal, step: Decimal) -> Decimal:
    return EXACT.multiply(EXACT.divide(amount, step).to_integral_value(ROUND_DOWN), step)
