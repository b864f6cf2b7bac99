"""KuCoin's private socket: the tokens that open it, and the protocol of one connection. No sockets, no clock."""

from base64 import b64encode
from random import Random
from typing import Any

import orjson

from exchanges.paper.dialects.kucoin.events import TOPICS
from exchanges.paper.wire import Frame, WireMessage

PING_INTERVAL_MS = 18_000
PING_TIMEOUT_MS = 10_000
_TOKEN_MS = 24 * 3_600_000
_TOKEN_BYTES = 48
_BAD_REQUEST = 400
_UNAUTHORIZED = 401
_NO_SUCH_TOPIC = 404


class Tokens:
    """Tokens for private connections. Each opens one connection."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._issued: dict[str, tuple[str, int]] = {}

    def issue(self, account: str, now_ms: int) -> str:
        """Return a new token of an account. It has characters that a URL must encode."""
        token = "2" + b64encode(self._random.randbytes(_TOKEN_BYTES) + b"\xfb\xff").decode()
        self._issued[token] = (account, now_ms + _TOKEN_MS)
        return token

    def redeem(self, token: str, now_ms: int) -> str | None:
        """Return the account of a token and use the token up, or None for one that opens nothing."""
        account, until_ms = self._issued.pop(token, ("", 0))
        return account if now_ms < until_ms else None

    def expire(self) -> None:
        """Let every token that was issued open nothing any more."""
        self._issued.clear()


class KucoinSession:
    """One private connection."""

    def __init__(self, account: str, connect_id: str, now_ms: int) -> None:
        self._account = account
        self._connect_id = connect_id
        self._topics: set[str] = set()
        self._heard_ms = now_ms

    def opened(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Return the welcome."""
        del now_ms
        return (_message({"id": self._connect_id, "type": "welcome"}),)

    def receive(self, message: bytes, now_ms: int) -> tuple[WireMessage, ...]:
        """Take a ping or a subscription, and return pong, acknowledgement or error."""
        self._heard_ms = now_ms
        try:
            request = orjson.loads(message)
        except orjson.JSONDecodeError:
            return (_error("", _BAD_REQUEST, "the message is not JSON"),)
        if not isinstance(request, dict):
            return (_error("", _BAD_REQUEST, "the message is not an object"),)
        request_id = request.get("id", "")
        if request.get("type") == "ping":
            return (_message({"id": request_id, "type": "pong"}),)
        refusal = self._change_topics(request)
        if refusal is not None:
            return (_error(request_id, *refusal),)
        return (_message({"id": request_id, "type": "ack"}),) if request.get("response") is True else ()

    def tick(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Close the connection of a client that has not been heard for too long."""
        silent = now_ms - self._heard_ms >= PING_INTERVAL_MS + PING_TIMEOUT_MS
        return (WireMessage(payload=b"", closes=True),) if silent else ()

    def accounts(self) -> tuple[str, ...]:
        """Return the account, once it is subscribed to anything."""
        return (self._account,) if self._topics else ()

    def wants(self, frame: Frame) -> bool:
        """Whether the frame's topic is subscribed."""
        return frame.account == self._account and frame.channel in self._topics

    def wrap(self, frame: Frame, now_ms: int) -> WireMessage:
        """Return the frame as it is: nothing in it belongs to a connection."""
        del now_ms
        return WireMessage(payload=frame.payload)

    def terminate(self, account: str, now_ms: int) -> tuple[WireMessage, ...]:
        """End the connection, which lives by its token."""
        del account, now_ms
        self._topics.clear()
        notice = orjson.dumps(_error_fields(self._connect_id, _UNAUTHORIZED, "token is expired"))
        return (WireMessage(payload=notice, closes=True),)

    def shutdown_notice(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Return nothing: the venue goes without a word."""
        del now_ms
        return ()

    def _change_topics(self, request: dict[str, Any]) -> tuple[int, str] | None:
        topic = request.get("topic")
        if request.get("type") not in ("subscribe", "unsubscribe"):
            return _BAD_REQUEST, f"type {request.get('type')} is not supported"
        if topic not in TOPICS:
            return _NO_SUCH_TOPIC, f"topic {topic} is not found"
        if request.get("privateChannel") is not True:
            return _UNAUTHORIZED, f"topic {topic} needs privateChannel"
        if request["type"] == "subscribe":
            self._topics.add(topic)
        else:
            self._topics.discard(topic)
        return None


def _error(request_id: Any, code: int, text: str) -> WireMessage:
    return _message(_error_fields(request_id, code, text))


def _error_fields(request_id: Any, code: int, text: str) -> dict[str, Any]:
    return {"id": request_id, "type": "error", "code": code, "data": text}


def _message(fields: dict[str, Any]) -> WireMessage:
    return WireMessage(payload=orjson.dumps(fields))
