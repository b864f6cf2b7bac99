"""KuCoin's placements: HF orders, asynchronous and not, their test, stop orders, and the alteration of an order.

They read fields, call the engine and render its answer. Who may call was settled before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from exchanges.paper.dialects.kucoin import ids, render
from exchanges.paper.dialects.kucoin.calls import Call, Desk, Result
from exchanges.paper.dialects.kucoin.errors import (
    CLASSIC_TOO_MANY_ORDERS,
    INVALID_PARAMETER,
    TOO_LATE,
    TOO_MANY_ORDERS,
    UNKNOWN_ORDER,
    WRONG_INCREMENT,
    KucoinError,
    invalid,
    refused,
)
from exchanges.paper.dialects.kucoin.fields import Fields
from exchanges.paper.dialects.kucoin.limits import Limits
from exchanges.paper.dialects.kucoin.notes import OrderNote
from exchanges.paper.model import NewOrder, OrderAccepted, PaperInstrument, PaperOrder, PaperStatus, RequestRefused
from messages.types import OrderType, Side, TimeInForce

_TIMES_IN_FORCE = ("GTC", "GTT", "IOC", "FOK")
_AT_ONCE = ("IOC", "FOK")
_STP = ("DC", "CO", "CN", "CB")
_ACTIVE_MAX = 2_000
_ACTIVE_PER_SYMBOL_MAX = 200
_STOPS_PER_SYMBOL_MAX = 20
_VISIBLE_SHARE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A placement as it was read."""

    order: NewOrder
    note: OrderNote


class Placing:
    """The endpoints that place orders."""

    def __init__(self, desk: Desk, new_id: Callable[[], str], limits: Limits) -> None:
        self._desk = desk
        self._new_id = new_id
        self._limits = limits

    def place(self, call: Call) -> Result:
        """Handle `POST /api/v1/hf/orders`: the answer says only that the order was taken."""
        result, order = self._place(call)
        return Result(data=_acknowledged(order), events=result.events)

    def place_sync(self, call: Call) -> Result:
        """Handle `POST /api/v1/hf/orders/sync`: the answer says what the engine made of the order."""
        result, order = self._place(call)
        times = {"orderTime": order.created_ms, "matchTime": call.now_ms}
        data = _acknowledged(order) | times | render.result(self._desk.now(order), self._desk.notes)
        return Result(data=data, events=result.events)

    def test(self, call: Call) -> Result:
        """Handle `POST /api/v1/hf/orders/test`: read the order, place nothing."""
        read = self._read(call, stop=False)
        reason = self._desk.engine.broken_rule(read.order)
        if reason is not None:
            raise KucoinError(refused(reason))
        return Result(data={"orderId": ids.order_id(0), "clientOid": read.order.client_order_id})

    def place_stop(self, call: Call) -> Result:
        """Handle `POST /api/v1/stop-order`."""
        read = self._read(call, stop=True)
        waiting = self._desk.stops(call.account, read.order.symbol)
        if self._limits.enabled and len(waiting) >= _STOPS_PER_SYMBOL_MAX:
            raise KucoinError(CLASSIC_TOO_MANY_ORDERS)
        result, order = self._submit(call, read, classic=True)
        return Result(data={"orderId": ids.stop_id(order.order_id)}, events=result.events)

    def alter(self, call: Call) -> Result:
        """Handle `POST /api/v1/hf/orders/alter`: cancel, and place anew under the same client id."""
        instrument = self._desk.instrument(call.fields)
        order = self._desk.named(call, instrument.symbol)
        price, size = call.fields.optional_amount("newPrice"), call.fields.optional_amount("newSize")
        if price is None and size is None:
            raise invalid("newPrice or newSize is required")
        if order is None or not order.is_open or order.price is None:
            raise KucoinError(UNKNOWN_ORDER)
        total = order.size if size is None else size
        if total <= order.filled_size:
            events = self._desk.engine.cancel(call.account, order.order_id, call.now_ms)
            return Result(data={"newOrderId": None, "clientOid": order.client_order_id}, events=events)
        return self._replace(call, order, order.price if price is None else price, total - order.filled_size)

    def _replace(self, call: Call, order: PaperOrder, price: Decimal, size: Decimal) -> Result:
        request = NewOrder(
            account=order.account,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            type=OrderType.LIMIT,
            time_in_force=order.time_in_force,
            size=size,
            price=price,
            post_only=order.post_only,
            taking_ends_as=PaperStatus.CANCELLED,
            expires_at_ms=order.expires_at_ms,
            venue_type=order.venue_type,
        )
        broken = self._desk.engine.broken_rule(request)
        if broken is not None:
            raise KucoinError(refused(broken))
        cancelled = self._desk.engine.cancel(call.account, order.order_id, call.now_ms)
        events = self._desk.engine.place(request, call.now_ms)
        first = events[0]
        if not isinstance(first, OrderAccepted):
            reason = first.reason if isinstance(first, RequestRefused) else None
            refusal = INVALID_PARAMETER if reason is None else refused(reason)
            return Result(data=None, events=(*cancelled, *events), refusal=refusal)
        self._desk.notes.write(first.order.order_id, self._desk.notes.of(order))
        data = {"newOrderId": ids.order_id(first.order.order_id), "clientOid": order.client_order_id}
        return Result(data=data, events=(*cancelled, *events))

    # ----- placing

    def _place(self, call: Call) -> tuple[Result, PaperOrder]:
        read = self._read(call, stop=False)
        if self._limits.enabled:
            active = self._desk.rests(call.account, None)
            here = [order for order in active if order.symbol == read.order.symbol]
            if len(active) >= _ACTIVE_MAX or len(here) >= _ACTIVE_PER_SYMBOL_MAX:
                raise KucoinError(TOO_MANY_ORDERS)
        return self._submit(call, read, classic=False)

    def _submit(self, call: Call, read: _Read, *, classic: bool) -> tuple[Result, PaperOrder]:
        events = self._desk.engine.place(read.order, call.now_ms)
        first = events[0]
        if isinstance(first, RequestRefused):
            raise KucoinError(refused(first.reason, classic=classic))
        if not isinstance(first, OrderAccepted):
            msg = f"a placement began with {type(first).__name__}"
            raise TypeError(msg)
        self._desk.notes.write(first.order.order_id, read.note)
        return Result(data=None, events=events), first.order

    # ----- reading

    def _read(self, call: Call, *, stop: bool) -> _Read:
        fields = call.fields
        instrument = self._desk.instrument(fields)
        venue_type = fields.choice("type", ("limit", "market"))
        at_market = venue_type == "market"
        side = Side(fields.choice("side", ("buy", "sell")).upper())
        client_oid = fields.client_oid()
        note = _read_note(fields, at_market=at_market)
        amounts = _read_amounts(fields, instrument, at_market=at_market)
        _check_visible(note, amounts["size"])
        expires_at_ms = _expires_at_ms(note, call.now_ms)
        _check_window(call)
        order = NewOrder(
            account=call.account,
            client_order_id=client_oid or self._new_id(),
            symbol=instrument.symbol,
            side=side,
            type=_order_type(at_market=at_market, stop=stop),
            time_in_force=_time_in_force(note, expires_at_ms, at_market=at_market),
            size=amounts["size"],
            quote_size=amounts["funds"],
            price=amounts["price"],
            stop_price=fields.amount("stopPrice") if stop else None,
            trigger_above=_triggers_above(fields) if stop else None,
            post_only=_post_only(fields, note),
            taking_ends_as=PaperStatus.CANCELLED,
            reserve_on_trigger=stop,
            expires_at_ms=None if at_market else expires_at_ms,
            venue_type=venue_type,
        )
        return _Read(order=order, note=note)


def _acknowledged(order: PaperOrder) -> dict[str, Any]:
    return {"orderId": ids.order_id(order.order_id), "clientOid": order.client_order_id}


def _read_note(fields: Fields, *, at_market: bool) -> OrderNote:
    time_in_force = fields.optional_choice("timeInForce", _TIMES_IN_FORCE) or "GTC"
    stp = fields.optional_choice("stp", _STP)
    if at_market and stp == "DC":
        raise invalid("stp DC is not possible for market orders")
    cancel_after = fields.integer("cancelAfter") or 0
    if cancel_after > 0 and time_in_force != "GTT":
        raise invalid("cancelAfter needs timeInForce GTT")
    if cancel_after < -1:
        raise invalid("cancelAfter must be a number of seconds, or -1")
    return OrderNote(
        time_in_force="GTC" if at_market else time_in_force,
        cancel_after=cancel_after,
        stp="CN" if stp is not None and time_in_force == "FOK" else stp,
        hidden=fields.flag("hidden"),
        iceberg=fields.flag("iceberg"),
        visible_size=fields.optional_amount("visibleSize"),
        remark=fields.label("remark"),
        tags=fields.label("tags"),
    )


def _read_amounts(fields: Fields, instrument: PaperInstrument, *, at_market: bool) -> dict[str, Decimal | None]:
    if not at_market:
        return {"price": fields.amount("price"), "size": fields.amount("size"), "funds": None}
    size, funds = fields.optional_amount("size"), fields.optional_amount("funds")
    if (size is None) is (funds is None):
        raise invalid("a market order needs either size or funds")
    if funds is not None and funds % instrument.tick_size != 0:
        raise KucoinError(WRONG_INCREMENT)
    return {"price": None, "size": size, "funds": funds}


def _check_visible(note: OrderNote, size: Decimal | None) -> None:
    if note.iceberg and (note.visible_size is None or note.visible_size * _VISIBLE_SHARE < (size or 0)):
        raise KucoinError(INVALID_PARAMETER)


def _check_window(call: Call) -> None:
    """Refuse what the client no longer wants, and times that contradict each other. Raises KucoinError 126041."""
    window_ms, stamp_ms = call.fields.integer("allowMaxTimeWindow"), call.fields.integer("clientTimestamp")
    if window_ms is None and stamp_ms is None:
        return
    if window_ms is None or stamp_ms is None:
        raise invalid("allowMaxTimeWindow and clientTimestamp belong together")
    if stamp_ms != call.stamp_ms or stamp_ms + window_ms < call.now_ms:
        raise KucoinError(TOO_LATE)


def _expires_at_ms(note: OrderNote, now_ms: int) -> int | None:
    if note.time_in_force != "GTT" or note.cancel_after < 1:
        return None
    return now_ms + note.cancel_after * 1_000


def _time_in_force(note: OrderNote, expires_at_ms: int | None, *, at_market: bool) -> TimeInForce:
    # Good-till-time without a time is good till cancelled.
    endless = at_market or (note.time_in_force == "GTT" and expires_at_ms is None)
    return TimeInForce.GTC if endless else TimeInForce(note.time_in_force)


def _order_type(*, at_market: bool, stop: bool) -> OrderType:
    if stop:
        return OrderType.STOP_MARKET if at_market else OrderType.STOP_LIMIT
    return OrderType.MARKET if at_market else OrderType.LIMIT


def _post_only(fields: Fields, note: OrderNote) -> bool:
    post_only = fields.flag("postOnly")
    if post_only and note.time_in_force in _AT_ONCE:
        raise invalid("postOnly is not possible with IOC and FOK")
    return post_only


def _triggers_above(fields: Fields) -> bool:
    fields.optional_choice("tradeType", ("TRADE",))
    return fields.optional_choice("stop", ("loss", "entry")) == "entry"
