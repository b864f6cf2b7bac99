"""The protocol state of one connection to Kraken's private WebSocket v2: requests, subscriptions, sequence, heartbeats.

It sends nothing itself. Orders are not placed here: only the stream is spoken.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from exchanges.paper.dialects.kraken.auth import Tokens
from exchanges.paper.dialects.kraken.errors import INVALID_ARGUMENTS, PERMISSION_DENIED, KrakenError, invalid
from exchanges.paper.dialects.kraken.limits import ENGINE_MAX
from exchanges.paper.dialects.kraken.numbers import dumps, rfc3339
from exchanges.paper.dialects.kraken.reports import BALANCES, EXECUTIONS, Reports
from exchanges.paper.wire import Frame, WireMessage

_HEARTBEAT = b'{"channel":"heartbeat"}'
_HEARTBEAT_MS = 1_000
_IDLE_MS = 60_000
_SWITCHES = {
    EXECUTIONS: {"snap_orders": True, "snap_trades": False, "order_status": True, "ratecounter": False},
    BALANCES: {"snapshot": True},
}
"""What a subscription may switch, with the defaults. Anything else is refused."""


@dataclass(slots=True)
class _Subscription:
    token: str
    sequence: int = 0

    def advance(self) -> int:
        self.sequence += 1
        return self.sequence


class KrakenSession:
    """One WebSocket v2 connection."""

    def __init__(self, tokens: Tokens, reports: Reports, connection_id: int, now_ms: int) -> None:
        self._tokens = tokens
        self._reports = reports
        self._connection_id = connection_id
        self._subscriptions: dict[tuple[str, str], _Subscription] = {}
        self._heard_ms = now_ms
        self._sent_ms = now_ms

    def opened(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Tell the state of the engine."""
        return (self._status("online", now_ms),)

    def receive(self, message: bytes, now_ms: int) -> tuple[WireMessage, ...]:
        """Take one request; return its reply, and the snapshot that follows it."""
        self._heard_ms = self._sent_ms = now_ms
        try:
            request = _read(message)
        except KrakenError as error:
            return (_reply({}, {"success": False, "error": error.text}, now_ms),)
        if request.get("method") == "ping":
            return (_reply(request, {}, now_ms),)
        try:
            return self._call(request, now_ms)
        except KrakenError as error:
            return (_reply(request, {"success": False, "error": error.text}, now_ms),)

    def tick(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Close a connection that nobody uses; else send a heartbeat when nothing was sent for a second."""
        if not self._subscriptions and now_ms - self._heard_ms >= _IDLE_MS:
            return (WireMessage(payload=b"", closes=True),)
        if now_ms - self._sent_ms < _HEARTBEAT_MS:
            return ()
        self._sent_ms = now_ms
        return (WireMessage(payload=_HEARTBEAT),)

    def accounts(self) -> tuple[str, ...]:
        """Return the accounts subscribed on this connection, on whatever channel."""
        return tuple(dict.fromkeys(account for _, account in self._subscriptions))

    def wants(self, frame: Frame) -> bool:
        """Whether this connection is subscribed to the frame's channel of its account."""
        return (frame.channel, frame.account) in self._subscriptions

    def wrap(self, frame: Frame, now_ms: int) -> WireMessage:
        """Put channel and sequence number around an update."""
        self._sent_ms = now_ms
        return self._data("update", (frame.channel, frame.account), frame.payload)

    def terminate(self, account: str, now_ms: int) -> tuple[WireMessage, ...]:
        """Close the connection: Kraken ends no subscription of a connection that stays, its token lives as long."""
        del now_ms
        for key in [key for key in self._subscriptions if key[1] == account]:
            del self._subscriptions[key]
        return (WireMessage(payload=b"", closes=True),)

    def shutdown_notice(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Tell that the engine goes into maintenance."""
        return (self._status("maintenance", now_ms),)

    # ----- requests

    def _call(self, request: dict[str, Any], now_ms: int) -> tuple[WireMessage, ...]:
        parameters = request.get("params", {})
        if not isinstance(parameters, dict):
            raise KrakenError(INVALID_ARGUMENTS)
        channel = parameters.get("channel")
        if request.get("method") not in ("subscribe", "unsubscribe"):
            raise invalid("method")
        if not isinstance(channel, str) or channel not in _SWITCHES:
            raise invalid("channel")
        account = self._account(parameters.get("token"), now_ms)
        if account is None:
            raise KrakenError(PERMISSION_DENIED)
        if request["method"] == "subscribe":
            return self._subscribe(request, channel, account, now_ms)
        if self._subscriptions.pop((channel, account), None) is None:
            raise invalid("not subscribed")
        return (_reply(request, {"result": {"channel": channel}, "success": True}, now_ms),)

    def _account(self, token: Any, now_ms: int) -> str | None:
        # A token that holds a subscription of this connection stays valid, whatever its age.
        held = (account for (_, account), one in self._subscriptions.items() if one.token == token)
        return next(held, None) or self._tokens.account(token, now_ms)

    def _subscribe(self, request: dict[str, Any], channel: str, account: str, now_ms: int) -> tuple[WireMessage, ...]:
        switches = _switches(request["params"], channel)
        if (channel, account) in self._subscriptions:
            raise invalid("already subscribed")
        self._subscriptions[channel, account] = _Subscription(request["params"]["token"])
        result: dict[str, Any] = {"channel": channel}
        if channel == EXECUTIONS:
            orders, fills = switches["snap_orders"], switches["snap_trades"]
            result |= {"snap_orders": orders, "snap_trades": fills}
            result |= {"maxratecount": ENGINE_MAX} if switches["ratecounter"] else {}
            wanted, snapshot = True, self._reports.executions(account, orders=orders, fills=fills)
        else:
            result["snapshot"] = wanted = switches["snapshot"]
            snapshot = self._reports.balances(account)
        reply = _reply(request, {"result": result, "success": True}, now_ms)
        return (reply, self._data("snapshot", (channel, account), dumps(snapshot))) if wanted else (reply,)

    def _data(self, kind: str, key: tuple[str, str], items: bytes) -> WireMessage:
        head = f'{{"channel":"{key[0]}","type":"{kind}","sequence":{self._subscriptions[key].advance()},"data":'
        return WireMessage(payload=head.encode() + items + b"}")

    def _status(self, system: str, now_ms: int) -> WireMessage:
        self._sent_ms = now_ms
        state = {"api_version": "v2", "connection_id": self._connection_id, "system": system, "version": "2.0.0"}
        return WireMessage(payload=dumps({"channel": "status", "type": "update", "data": [state]}))


def _read(message: bytes) -> dict[str, Any]:
    try:
        request = json.loads(message, parse_float=Decimal)
    except ValueError as error:
        raise KrakenError("Malformed request") from error
    if not isinstance(request, dict):
        raise KrakenError("Malformed request")
    return request


def _switches(parameters: dict[str, Any], channel: str) -> dict[str, bool]:
    known = _SWITCHES[channel]
    for name in parameters:
        if name not in (*known, "channel", "token"):
            raise invalid(name)
    switches = {name: parameters.get(name, default) for name, default in known.items()}
    wrong = next((name for name, value in switches.items() if not isinstance(value, bool)), None)
    # Only the complete reports are offered.
    if wrong is not None or not switches.get("order_status", True):
        raise invalid(wrong or "order_status")
    return switches


def _reply(request: dict[str, Any], outcome: dict[str, Any], now_ms: int) -> WireMessage:
    at = rfc3339(now_ms)
    method = request.get("method")
    head = {"method": "pong" if method == "ping" else method}
    if "req_id" in request:
        head["req_id"] = request["req_id"]
    return WireMessage(payload=dumps(head | outcome | {"time_in": at, "time_out": at}))
