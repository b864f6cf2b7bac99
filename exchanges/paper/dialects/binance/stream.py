"""The Binance WebSocket API as far as the user data stream needs it, and the events on it.

`BinanceSession` is the protocol state of one connection; the functions render engine events. No sockets here.
"""

from collections.abc import Callable
from typing import Any

import orjson

from exchanges.paper.dialects.binance import render
from exchanges.paper.dialects.binance.auth import Gatekeeper, check_signature, check_time, stream_payload
from exchanges.paper.dialects.binance.errors import (
    ALREADY_SUBSCRIBED,
    BAD_SIGNATURE,
    INVALID_JSON,
    NOT_SUBSCRIBED,
    UNKNOWN_KEY,
    UNSUPPORTED,
    BinanceError,
    missing,
)
from exchanges.paper.dialects.binance.limits import WEIGHT_PER_MINUTE, Limits
from exchanges.paper.engine import Engine
from exchanges.paper.model import (
    EXACT,
    BalanceChanged,
    Events,
    FundsTransferred,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderEvent,
    OrderExpired,
    OrderTraded,
    OrderTriggered,
    OrderVoided,
    PaperOrder,
    PreventedMatch,
)
from exchanges.paper.wire import Frame, WireMessage
from messages.fills import Liquidity
from messages.types import ZERO


class BinanceSession:
    """One WebSocket API connection."""

    def __init__(self, gatekeeper: Gatekeeper, limits: Limits) -> None:
        self._gatekeeper = gatekeeper
        self._limits = limits
        self._subscriptions: dict[str, int] = {}
        self._next_subscription = 0
        self._logged_on: str | None = None

    def opened(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Say nothing unasked."""
        del now_ms
        return ()

    def receive(self, message: bytes, now_ms: int) -> tuple[WireMessage, ...]:
        """Take one request and return its reply."""
        request_id: Any = None
        try:
            request = _object(_loads(message))
            request_id = request.get("id")
            parameters = _object(request.get("params", {}))
            reply = {"id": request_id, "status": 200, "result": self._call(request.get("method"), parameters, now_ms)}
        except BinanceError as error:
            reply = {"id": request_id, "status": error.refusal.status, "error": error.body()}
        return (_message(reply | {"rateLimits": [self._weight(now_ms)]}),)

    def tick(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Say nothing by itself: what keeps the connection alive are WebSocket pings."""
        del now_ms
        return ()

    def accounts(self) -> tuple[str, ...]:
        """Return the accounts subscribed on this connection."""
        return tuple(self._subscriptions)

    def wants(self, frame: Frame) -> bool:
        """Whether the event's account is subscribed."""
        return frame.account in self._subscriptions

    def wrap(self, frame: Frame, now_ms: int) -> WireMessage:
        """Put the subscription id around an event."""
        del now_ms
        number = self._subscriptions.get(frame.account, -1)
        return WireMessage(payload=b'{"subscriptionId":%d,"event":%s}' % (number, frame.payload))

    def terminate(self, account: str, now_ms: int) -> tuple[WireMessage, ...]:
        """End an account's subscription."""
        number = self._subscriptions.pop(account, -1)
        return (_message({"subscriptionId": number, "event": {"e": "eventStreamTerminated", "E": now_ms}}),)

    def shutdown_notice(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Announce that the server goes away."""
        return (_message({"event": {"e": "serverShutdown", "E": now_ms}}),)

    def _call(self, method: Any, parameters: dict[str, Any], now_ms: int) -> Any:
        match method:
            case "ping":
                return {}
            case "time":
                return {"serverTime": now_ms}
            case "session.logon":
                return self._log_on(parameters, now_ms)
            case "userDataStream.subscribe":
                return self._subscribe(self._logged_on_account())
            case "userDataStream.subscribe.signature":
                return self._subscribe(self._authenticate(parameters, now_ms, key_pair_only=False))
            case "userDataStream.unsubscribe":
                return self._unsubscribe(parameters)
            case "session.subscriptions":
                return [{"subscriptionId": number} for number in self._subscriptions.values()]
            case _:
                raise BinanceError(UNSUPPORTED)

    def _authenticate(self, parameters: dict[str, Any], now_ms: int, *, key_pair_only: bool) -> str:
        credential = self._gatekeeper.credential(parameters.get("apiKey"))
        if not isinstance(parameters.get("signature"), str):
            raise BinanceError(missing("signature"))
        if key_pair_only and credential.public_key is None:
            raise BinanceError(BAD_SIGNATURE)
        check_signature(credential, stream_payload(parameters), parameters["signature"])
        check_time({name: str(value) for name, value in parameters.items()}, now_ms)
        return credential.account

    def _log_on(self, parameters: dict[str, Any], now_ms: int) -> dict[str, Any]:
        self._logged_on = self._authenticate(parameters, now_ms, key_pair_only=True)
        return {
            "apiKey": parameters["apiKey"],
            "authorizedSince": now_ms,
            "connectedSince": now_ms,
            "returnRateLimits": True,
            "serverTime": now_ms,
        }

    def _logged_on_account(self) -> str:
        if self._logged_on is None:
            raise BinanceError(UNKNOWN_KEY)
        return self._logged_on

    def _subscribe(self, account: str) -> dict[str, int]:
        if account in self._subscriptions:
            raise BinanceError(ALREADY_SUBSCRIBED)
        number = self._subscriptions[account] = self._next_subscription
        self._next_subscription += 1
        return {"subscriptionId": number}

    def _unsubscribe(self, parameters: dict[str, Any]) -> dict[str, Any]:
        wanted = parameters.get("subscriptionId")
        ended = [account for account, number in self._subscriptions.items() if wanted in (None, number)]
        if not ended:
            raise BinanceError(NOT_SUBSCRIBED)
        for account in ended:
            del self._subscriptions[account]
        return {}

    def _weight(self, now_ms: int) -> dict[str, Any]:
        return {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": WEIGHT_PER_MINUTE,
            "count": self._limits.weight_used(now_ms),
        }


def _message(content: dict[str, Any]) -> WireMessage:
    return WireMessage(payload=orjson.dumps(content))


def _loads(message: bytes) -> Any:
    try:
        return orjson.loads(message)
    except orjson.JSONDecodeError as error:
        raise BinanceError(INVALID_JSON) from error


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BinanceError(INVALID_JSON)
    return value


class EventWriter:
    """Renders engine events for the stream."""

    def __init__(self, engine: Engine, new_id: Callable[[], str]) -> None:
        self._engine = engine
        self._new_id = new_id

    def frames(self, events: Events, now_ms: int) -> tuple[Frame, ...]:
        """Return the events of audited accounts as frames; balances that moved together share one."""
        frames: list[Frame] = []
        balances: dict[str, list[BalanceChanged]] = {}
        for event in events:
            if not self._has_stream(event.account):
                continue
            if isinstance(event, BalanceChanged):
                balances.setdefault(event.account, []).append(event)
            elif isinstance(event, OrderEvent):
                frames.append(Frame(account=event.account, payload=orjson.dumps(self._execution_report(event, now_ms))))
            elif isinstance(event, FundsTransferred):
                frames.append(Frame(account=event.account, payload=orjson.dumps(_balance_update(event, now_ms))))
        for account, moved in balances.items():
            frames.append(Frame(account=account, payload=orjson.dumps(_account_position(moved, now_ms))))
        return tuple(frames)

    def _has_stream(self, account: str) -> bool:
        found = self._engine.ledger.get(account)
        return found is not None and found.audited

    def _execution_report(self, event: OrderEvent, now_ms: int) -> dict[str, Any]:
        order = event.order
        symbol = self._engine.instruments[order.symbol].venue_symbol
        report = _report(order, symbol) | {"E": now_ms, "I": event.sequence, "T": event.at_ms, "x": _kind(event)}
        match event:
            case OrderTraded():
                return report | _trade_fields(event)
            case OrderCancelled():
                # The cancel's own id takes the order's place; the order's id moves to C.
                return report | {"c": event.cancel_id or self._new_id(), "C": order.client_order_id}
            case OrderExpired():
                return report | self._expiry_fields(event)
            case _:
                return report

    def _expiry_fields(self, event: OrderExpired) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        reason = render.expiry_reason(event.order)
        if reason is not None:
            fields["eR"] = reason
        if event.prevented is not None:
            symbol = self._engine.instruments[event.order.symbol].venue_symbol
            fields |= _prevented_fields(event.prevented, symbol)
        return fields


def _kind(event: OrderEvent) -> str:
    match event:
        case OrderAccepted() | OrderTriggered():
            return "NEW"
        case OrderTraded():
            return "TRADE"
        case OrderAmended():
            return "REPLACED"
        case OrderCancelled():
            return "CANCELED"
        case OrderVoided():
            return "REJECTED"
        case OrderExpired(prevented=None):
            return "EXPIRED"
        case _:
            return "TRADE_PREVENTION"


def _report(order: PaperOrder, symbol: str) -> dict[str, Any]:
    zero = render.amount(ZERO)
    fields = {
        "e": "executionReport",
        "E": 0,
        "s": symbol,
        "c": order.client_order_id,
        "S": order.side.value,
        "o": order.venue_type,
        "f": order.time_in_force.value,
        "q": render.amount(order.size),
        "p": render.amount(order.price),
        "P": render.amount(order.stop_price),
        "F": zero,
        "g": -1,
        "C": "",
        "x": "",
        "X": render.status(order),
        "r": "NONE",
        "i": order.order_id,
        "l": zero,
        "z": render.amount(order.filled_size),
        "L": zero,
        "n": "0",
        "N": None,
        "T": 0,
        "t": -1,
        "I": 0,
        "w": order.working and order.is_open,
        "m": False,
        "M": False,
        "O": order.created_ms,
        "Z": render.amount(order.filled_value),
        "Y": zero,
        "Q": render.amount(order.quote_size),
        "V": render.STP_MODE,
    }
    return fields if order.working_ms is None else fields | {"W": order.working_ms}


def _trade_fields(event: OrderTraded) -> dict[str, Any]:
    execution = event.execution
    return {
        "l": render.amount(execution.size),
        "L": render.amount(execution.price),
        "Y": render.amount(execution.value),
        "n": render.amount(execution.fee),
        "N": execution.fee_currency,
        "t": execution.trade_id,
        "m": execution.liquidity is Liquidity.MAKER,
    }


def _prevented_fields(match: PreventedMatch, symbol: str) -> dict[str, Any]:
    return {
        "v": match.match_id,
        "A": render.amount(match.size),
        "B": render.amount(match.size),
        "u": match.match_id,
        "U": match.taker_order_id,
        "Cs": symbol,
        "pl": render.amount(match.size),
        "pL": render.amount(match.price),
        "pY": render.amount(EXACT.multiply(match.price, match.size)),
    }


def _balance_update(event: FundsTransferred, now_ms: int) -> dict[str, Any]:
    return {
        "e": "balanceUpdate",
        "E": now_ms,
        "a": event.asset,
        "d": render.amount(event.amount),
        "T": event.at_ms,
    }


def _account_position(moved: list[BalanceChanged], now_ms: int) -> dict[str, Any]:
    balances = [{"a": one.asset, "f": render.amount(one.free), "l": render.amount(one.locked)} for one in moved]
    return {"e": "outboundAccountPosition", "E": now_ms, "u": moved[-1].at_ms, "B": balances}
