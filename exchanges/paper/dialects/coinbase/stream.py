"""Coinbase's user stream: the protocol of one connection, and the orders on it.

`CoinbaseSession` is the state of a connection; `EventWriter` renders engine events. No sockets here.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from exchanges.paper.dialects.coinbase import ids
from exchanges.paper.dialects.coinbase.errors import CoinbaseError
from exchanges.paper.dialects.coinbase.phases import CANCEL_QUEUED, EDIT_QUEUED, OPEN, PENDING, Phases, final_status
from exchanges.paper.dialects.coinbase.render import Renderer
from exchanges.paper.dialects.coinbase.tokens import Gatekeeper
from exchanges.paper.dialects.coinbase.values import nanosecond_timestamp
from exchanges.paper.engine import Engine
from exchanges.paper.model import (
    EndReason,
    Events,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderEvent,
    PaperOrder,
)
from exchanges.paper.wire import Frame, WireMessage
from messages.types import OrderType, TimeInForce

SUBSCRIBE_MS = 5_000
"""How long a connection may be without any subscription."""
QUIET_MS = 75_000
"""How long nothing may be sent on a connection before it is closed."""
HEARTBEAT_MS = 1_000
_BATCH = 50
_USER, _HEARTBEATS = "user", "heartbeats"
_FIELDS = frozenset({"type", "channel", "product_ids", "jwt"})
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


class SubscriptionRefused(Exception):
    """Ends the handling of a client's message with an error message."""

    def __init__(self, text: str, *, closes: bool = False) -> None:
        """Take the venue's words, and whether the connection is closed after them."""
        super().__init__(text)
        self.text = text
        self.closes = closes


class CoinbaseSession:
    """One connection to the user stream."""

    def __init__(
        self, engine: Engine, gatekeeper: Gatekeeper, renderer: Renderer, *, products: frozenset[str], now_ms: int
    ) -> None:
        self._engine = engine
        self._gatekeeper = gatekeeper
        self._renderer = renderer
        self._all_products = products
        self._account = ""
        self._products: frozenset[str] = frozenset()
        self._next_heartbeat_ms: int | None = None
        self._heartbeats = 0
        self._next_sequence = 0
        self._idle_since_ms = now_ms

    def opened(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Say nothing: the client speaks first."""
        del now_ms
        return ()

    def receive(self, message: bytes, now_ms: int) -> tuple[WireMessage, ...]:
        """Take a subscription or its end."""
        try:
            request = _read(message)
            if request["type"] == "unsubscribe":
                return self._unsubscribe(request, now_ms)
            return self._subscribe(request, now_ms)
        except SubscriptionRefused as refused:
            return (_error(refused.text, closes=refused.closes),)
        except CoinbaseError:
            return (_error("authentication failure", closes=True),)

    def tick(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Return a heartbeat that is due, or close what was quiet or without subscription for too long."""
        if self._next_heartbeat_ms is not None and now_ms >= self._next_heartbeat_ms:
            self._next_heartbeat_ms += HEARTBEAT_MS * ((now_ms - self._next_heartbeat_ms) // HEARTBEAT_MS + 1)
            return (self._heartbeat(now_ms),)
        patience_ms = QUIET_MS if self._account else SUBSCRIBE_MS
        is_over = self._next_heartbeat_ms is None and now_ms - self._idle_since_ms >= patience_ms
        return (WireMessage(payload=b"", closes=True),) if is_over else ()

    def accounts(self) -> tuple[str, ...]:
        """Return the account whose orders this connection follows."""
        return (self._account,) if self._account else ()

    def wants(self, frame: Frame) -> bool:
        """Whether the subscription covers the frame's product."""
        return frame.account == self._account and frame.channel in self._products

    def wrap(self, frame: Frame, now_ms: int) -> WireMessage:
        """Return an update of one order with the connection's next sequence number."""
        return self._orders_message("update", [orjson.Fragment(frame.payload)], now_ms)

    def terminate(self, account: str, now_ms: int) -> tuple[WireMessage, ...]:
        """Refuse the subscription from now on, and close."""
        del account, now_ms
        self._account = ""
        return (_error("authentication failure", closes=True),)

    def shutdown_notice(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Announce nothing: this venue just goes."""
        del now_ms
        return ()

    # ----- subscriptions

    def _subscribe(self, request: dict[str, Any], now_ms: int) -> tuple[WireMessage, ...]:
        if request["channel"] == _HEARTBEATS:
            if "jwt" in request:
                self._gatekeeper.authenticate_stream(request["jwt"], now_ms)
            if self._next_heartbeat_ms is None:
                self._next_heartbeat_ms = now_ms + HEARTBEAT_MS
            return (self._acknowledgement(now_ms),)
        account = self._gatekeeper.authenticate_stream(request.get("jwt"), now_ms)
        if self._account:
            raise SubscriptionRefused("already subscribed to user; open a new connection to change products")
        products = frozenset(request.get("product_ids") or self._all_products)
        if products - self._all_products:
            raise SubscriptionRefused(f"{min(products - self._all_products)} is not a valid product")
        self._account, self._products = account, products
        return (self._acknowledgement(now_ms), *self._snapshot(now_ms))

    def _unsubscribe(self, request: dict[str, Any], now_ms: int) -> tuple[WireMessage, ...]:
        self._gatekeeper.authenticate_stream(request.get("jwt"), now_ms)
        if request["channel"] == _HEARTBEATS:
            self._next_heartbeat_ms = None
        else:
            self._account = ""
        self._idle_since_ms = now_ms
        return (self._acknowledgement(now_ms),)

    # ----- messages

    def _acknowledgement(self, now_ms: int) -> WireMessage:
        subscriptions: dict[str, list[str]] = {}
        if self._next_heartbeat_ms is not None:
            subscriptions[_HEARTBEATS] = [_HEARTBEATS]
        if self._account:
            subscriptions[_USER] = [ids.portfolio_uuid(self._account)]
        return self._message("subscriptions", [{"subscriptions": subscriptions}], now_ms)

    def _snapshot(self, now_ms: int) -> Iterable[WireMessage]:
        """Return all open orders, fifty at a time; a batch with fewer, perhaps none, is the last."""
        orders = [
            orjson.Fragment(orjson.dumps(self._renderer.stream_order(order, OPEN)))
            for order in self._engine.open_orders(self._account)
            if self._engine.instruments[order.symbol].venue_symbol in self._products
        ]
        for first in range(0, len(orders) + 1, _BATCH):
            kind = "update" if first else "snapshot"
            yield self._orders_message(kind, orders[first : first + _BATCH], now_ms)

    def _heartbeat(self, now_ms: int) -> WireMessage:
        self._heartbeats += 1
        # Clients have met the counter as a number and as a text.
        counter = self._heartbeats if self._heartbeats % 2 else str(self._heartbeats)
        event = {"current_time": nanosecond_timestamp(now_ms), "heartbeat_counter": counter}
        return self._message(_HEARTBEATS, [event], now_ms)

    def _orders_message(self, kind: str, orders: Sequence[orjson.Fragment], now_ms: int) -> WireMessage:
        return self._message(_USER, [{"type": kind, "orders": orders, "positions": {}}], now_ms)

    def _message(self, channel: str, events: Sequence[dict[str, Any]], now_ms: int) -> WireMessage:
        body = {
            "channel": channel,
            "client_id": "",
            "timestamp": nanosecond_timestamp(now_ms),
            "sequence_num": self._next_sequence,
            "events": events,
        }
        self._next_sequence += 1
        self._idle_since_ms = now_ms
        return WireMessage(payload=orjson.dumps(body))


class EventWriter:
    """Renders engine events for the stream."""

    def __init__(self, engine: Engine, phases: Phases, renderer: Renderer) -> None:
        self._engine = engine
        self._phases = phases
        self._renderer = renderer

    def frames(self, events: Events) -> tuple[Frame, ...]:
        """Return the order events of audited accounts, each as the states that the venue tells of."""
        return tuple(
            Frame(
                account=event.account,
                payload=orjson.dumps(self._renderer.stream_order(order, status)),
                channel=self._engine.instruments[order.symbol].venue_symbol,
            )
            for event in events
            if isinstance(event, OrderEvent) and self._has_stream(event.account)
            for order, status in self._told(event)
        )

    def _has_stream(self, account: str) -> bool:
        found = self._engine.ledger.get(account)
        return found is not None and found.audited

    def _told(self, event: OrderEvent) -> Iterable[tuple[PaperOrder, str]]:
        order = event.order
        match event:
            case OrderAccepted():
                yield order, PENDING
                if _may_rest(order):
                    yield order, OPEN
            case OrderAmended():
                edit = self._phases.edit_by(order, event.at_ms)
                if edit is not None:
                    yield edit.before, EDIT_QUEUED
                yield order, final_status(order)
            case OrderCancelled() if order.end_reason is EndReason.USER:
                yield order, CANCEL_QUEUED
                yield order, final_status(order)
            case _:
                yield order, final_status(order)


def _may_rest(order: PaperOrder) -> bool:
    return order.type is not OrderType.MARKET and order.time_in_force not in _AT_ONCE


def _read(message: bytes) -> dict[str, Any]:
    """Read a client's message. Raises SubscriptionRefused."""
    try:
        request = orjson.loads(message)
    except orjson.JSONDecodeError as error:
        raise SubscriptionRefused("failure to parse message") from error
    if not isinstance(request, dict) or request.keys() - _FIELDS:
        raise SubscriptionRefused("failure to parse message")
    if request.get("type") not in ("subscribe", "unsubscribe"):
        raise SubscriptionRefused("type must be subscribe or unsubscribe")
    if request.get("channel") not in (_USER, _HEARTBEATS):
        raise SubscriptionRefused(f"{request.get('channel')} is not a valid channel")
    products = request.get("product_ids", [])
    if not isinstance(products, list) or not all(isinstance(product, str) for product in products):
        raise SubscriptionRefused("product_ids must be a list of products")
    return request


def _error(text: str, *, closes: bool = False) -> WireMessage:
    return WireMessage(payload=orjson.dumps({"type": "error", "message": text}), closes=closes)
