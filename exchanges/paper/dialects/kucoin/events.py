"""Renders engine events as the messages of KuCoin's private topics.

An order is `received`, then matches what it meets, then is `open` if it rests; the engine has no event for that, so
it is said before the first thing that happens to the order at rest, or at the end. No sockets, no clock.
"""

from decimal import Decimal
from typing import Any

import orjson

from exchanges.paper.dialects.kucoin import ids, render
from exchanges.paper.dialects.kucoin.notes import Notes
from exchanges.paper.dialects.kucoin.users import balance_id, user_id
from exchanges.paper.engine import Engine
from exchanges.paper.model import (
    BalanceChanged,
    EndReason,
    Events,
    FundsTransferred,
    OrderAccepted,
    OrderAmended,
    OrderEvent,
    OrderExpired,
    OrderTraded,
    OrderTriggered,
    PaperOrder,
    PaperStatus,
)
from exchanges.paper.wire import Frame
from messages.fills import Liquidity
from messages.types import ZERO

ORDERS = "/spotMarket/tradeOrdersV2"
STOPS = "/spotMarket/advancedOrders"
BALANCES = "/account/balance"
TOPICS = (ORDERS, STOPS, BALANCES)


class EventWriter:
    """Renders events for the streams."""

    def __init__(self, engine: Engine, notes: Notes) -> None:
        self._engine = engine
        self._notes = notes
        self._balances: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
        self._before: dict[int, tuple[Decimal, Decimal]] = {}

    def begin(self, account: str) -> None:
        """Take note of the balances that an account begins with, if it is open already."""
        if self._engine.ledger.get(account) is not None:
            for asset, balance in self._engine.balances(account).items():
                self._balances[account, asset] = balance

    def observe(self, events: Events) -> None:
        """Remember what events did to balances: messages tell the change. To be called before `frames`."""
        self._before.clear()
        for event in events:
            if isinstance(event, BalanceChanged):
                key = (event.account, event.asset)
                self._before[event.sequence] = self._balances.get(key, (ZERO, ZERO))
                self._balances[key] = (event.free, event.locked)

    def frames(self, events: Events) -> tuple[Frame, ...]:
        """Return the messages about audited accounts."""
        events = tuple(event for event in events if self._has_stream(event.account))
        batch = _Batch(self._engine, self._notes, events)
        frames: list[Frame] = []
        for event in events:
            if isinstance(event, OrderEvent):
                frames += batch.order_frames(event)
        frames += batch.resting_frames()
        causes = {event.account: event for event in events if isinstance(event, OrderEvent | FundsTransferred)}
        for event in events:
            if isinstance(event, BalanceChanged):
                frames.append(self._balance(event, causes.get(event.account)))
        return tuple(frames)

    def _has_stream(self, account: str) -> bool:
        found = self._engine.ledger.get(account)
        return found is not None and found.audited

    def _balance(self, event: BalanceChanged, cause: OrderEvent | FundsTransferred | None) -> Frame:
        free, locked = self._before[event.sequence]
        data = {
            "accountId": balance_id(event.account, event.asset),
            "currency": event.asset,
            "total": ids.number(event.free + event.locked),
            "available": ids.number(event.free),
            "hold": ids.number(event.locked),
            "availableChange": ids.number(event.free - free),
            "holdChange": ids.number(event.locked - locked),
            "relationEvent": _relation(cause),
            "relationEventId": str(ids.nanoseconds(event.at_ms, event.sequence)),
            "relationContext": self._context(cause),
            "time": str(event.at_ms),
        }
        return _frame(event.account, BALANCES, "account.balance", data)

    def _context(self, cause: OrderEvent | FundsTransferred | None) -> dict[str, str] | None:
        if not isinstance(cause, OrderEvent):
            return None
        symbol = self._engine.instruments[cause.order.symbol].venue_symbol
        context = {"symbol": symbol, "orderId": ids.order_id(cause.order.order_id)}
        if isinstance(cause, OrderTraded):
            context["tradeId"] = str(ids.trade_id(cause.execution))
        return context


class _Batch:
    """The order messages of events that happened together."""

    def __init__(self, engine: Engine, notes: Notes, events: Events) -> None:
        self._engine = engine
        self._notes = notes
        self._arriving: dict[int, OrderEvent] = {}
        self._unpaid = {
            event.order.order_id
            for event in events
            if isinstance(event, OrderExpired) and event.order.end_reason is EndReason.TRIGGER_REFUSED
        }

    def order_frames(self, event: OrderEvent) -> list[Frame]:
        """Return the messages that an event of an order leads to."""
        order = event.order
        if order.end_reason is EndReason.TRIGGER_REFUSED:
            return []
        if isinstance(event, OrderTriggered):
            if order.order_id in self._unpaid:
                failed = {"triggerSuccess": False, "error": "Balance insufficient!"}
                return [self._stop(event, "triggered", failed)]
            return [self._stop(event, "triggered", {"triggerSuccess": True}), self._received(event)]
        if not order.working:
            return [self._stop(event, "open" if isinstance(event, OrderAccepted) else "cancel", {})]
        if isinstance(event, OrderAccepted):
            return [self._received(event)]
        if isinstance(event, OrderTraded):
            return self._traded(event)
        resting = [] if render.cancels_at_once(order) else self._resting(order.order_id)
        self._arriving.pop(order.order_id, None)
        return [*resting, self._amended(event) if isinstance(event, OrderAmended) else self._ended(event)]

    def resting_frames(self) -> list[Frame]:
        """Return the messages about the orders that came in and rest now."""
        return [frame for order_id in tuple(self._arriving) for frame in self._resting(order_id)]

    def _received(self, event: OrderEvent) -> Frame:
        self._arriving[event.order.order_id] = event
        return self._order(event, "received", "new", self._head(event.order))

    def _traded(self, event: OrderTraded) -> list[Frame]:
        order, execution = event.order, event.execution
        taker = execution.liquidity is Liquidity.TAKER
        frames = [] if taker else self._resting(order.order_id)
        if order.order_id in self._arriving:
            self._arriving[order.order_id] = event
        trade = {
            "liquidity": execution.liquidity.value.lower(),
            "feeType": "takerFee" if taker else "makerFee",
            "matchPrice": ids.number(execution.price),
            "matchSize": ids.number(execution.size),
            "tradeId": str(ids.trade_id(execution)),
        }
        frames.append(self._order(event, "match", "match" if taker else "open", self._progress(order) | trade))
        if order.status is PaperStatus.FILLED:
            self._arriving.pop(order.order_id, None)
            frames.append(self._order(event, "filled", "done", self._progress(order)))
        return frames

    def _resting(self, order_id: int) -> list[Frame]:
        event = self._arriving.pop(order_id, None)
        if event is None or not event.order.is_open or event.order.price is None:
            return []
        return [self._order(event, "open", "open", self._progress(event.order))]

    def _amended(self, event: OrderAmended) -> Frame:
        before = {"oldSize": ids.number(self._notes.size_before(event.order))}
        return self._order(event, "update", "open", self._progress(event.order) | before)

    def _ended(self, event: OrderEvent) -> Frame:
        order = event.order
        # What self-trade prevention takes out of a partly executed order is told as an update that ends it.
        prevented = order.end_reason is EndReason.SELF_TRADE and order.filled_size > ZERO
        return self._order(event, "update" if prevented else "canceled", "done", self._progress(order))

    def _head(self, order: PaperOrder) -> dict[str, Any]:
        head: dict[str, Any] = {
            "clientOid": order.client_order_id,
            "orderId": ids.order_id(order.order_id),
            "orderTime": render.began_ms(order),
            "orderType": render.order_type(order),
            "side": render.side(order.side),
            "symbol": self._engine.instruments[order.symbol].venue_symbol,
        }
        if order.price is not None:
            head["price"] = ids.number(order.price)
        if order.quote_size is None:
            return head | {"originSize": ids.number(self._notes.origin_size(order))}
        return head | {"originFunds": ids.number(order.quote_size)}

    def _progress(self, order: PaperOrder) -> dict[str, Any]:
        fields = self._head(order) | {"filledSize": ids.number(order.filled_size)}
        if order.quote_size is not None:
            return fields | render.funds_result(order, self._notes)
        return fields | {
            "size": ids.number(order.size),
            "remainSize": ids.number(render.remaining_size(order)),
            "canceledSize": ids.number(render.cancelled_size(order, self._notes)),
        }

    def _order(self, event: OrderEvent, kind: str, status: str, fields: dict[str, Any]) -> Frame:
        told = {"type": kind, "status": status, "ts": ids.nanoseconds(event.at_ms, event.sequence)}
        return _frame(event.account, ORDERS, "orderChange", fields | told)

    def _stop(self, event: OrderEvent, kind: str, more: dict[str, Any]) -> Frame:
        order = event.order
        data = {
            "type": kind,
            "orderId": ids.stop_id(order.order_id),
            "orderType": "stop",
            "stop": render.stop_kind(order),
            "stopPrice": ids.number(order.stop_price),
            "side": render.side(order.side),
            "size": ids.number(order.size),
            "symbol": self._engine.instruments[order.symbol].venue_symbol,
            "tradeType": "TRADE",
            "createdAt": order.created_ms,
            "ts": ids.nanoseconds(event.at_ms, event.sequence),
        }
        priced = {} if order.price is None else {"orderPrice": ids.number(order.price)}
        return _frame(event.account, STOPS, "stopOrder", data | priced | more)


def _relation(cause: OrderEvent | FundsTransferred | None) -> str:
    if isinstance(cause, OrderTraded):
        return "trade.setted"
    return "trade.hold" if isinstance(cause, OrderEvent) else "main.transfer"


def _frame(account: str, topic: str, subject: str, data: dict[str, Any]) -> Frame:
    message = {
        "topic": topic,
        "type": "message",
        "subject": subject,
        "userId": user_id(account),
        "channelType": "private",
        "data": data,
    }
    return Frame(account=account, payload=orjson.dumps(message), channel=topic)
