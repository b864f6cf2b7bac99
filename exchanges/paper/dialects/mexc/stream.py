"""The protocol state of one MEXC stream connection: listen key, subscriptions, keep-alive, idle closes. No sockets.

Control messages are JSON texts, data are binary. A refused subscription carries the same code as an accepted one.
"""

from random import Random
from typing import Any

import orjson

from exchanges.paper.dialects.mexc.listenkeys import ListenKey
from exchanges.paper.dialects.mexc.pushes import BALANCES, DEALS, ORDERS
from exchanges.paper.wire import Frame, WireMessage

UNSUBSCRIBED_MS_MAX = 30_000
SILENT_MS_MAX = 60_000
CONNECTED_MS_MAX = 86_400_000
_PRIVATE = (ORDERS, DEALS, BALANCES)
_INVALID_KEY = b"Invalid listen key"
_CLOSE = WireMessage(payload=b"", closes=True)


class MexcSession:
    """One connection. Implements `StreamSession`."""

    def __init__(self, key: ListenKey | None, random: Random, now_ms: int, *, refused: bool) -> None:
        """Take the valid listen key that it was opened with, if any. `refused`: with one that is not valid."""
        self._key = key
        self._random = random
        self._refused = refused
        self._channels: dict[str, None] = {}
        self._opened_ms = now_ms
        self._subscribed_ms = now_ms
        self._heard_ms = now_ms

    def opened(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Say nothing, or that the listen key is not valid."""
        del now_ms
        return self._end() if self._refused else ()

    def receive(self, message: bytes, now_ms: int) -> tuple[WireMessage, ...]:
        """Take one request and return its replies; what cannot be read is dropped."""
        self._heard_ms = now_ms
        try:
            request = orjson.loads(message)
        except orjson.JSONDecodeError:
            return ()
        if not isinstance(request, dict):
            return ()
        if request.get("method") == "PING":
            return (_reply(0, "PONG"),)
        # A subscription without an id gets no answer and has no effect.
        channels = request.get("params")
        if not isinstance(request.get("id"), int) or not isinstance(channels, list):
            return ()
        match request.get("method"):
            case "SUBSCRIPTION":
                return tuple(self._subscribe(channel, request["id"], now_ms) for channel in channels)
            case "UNSUBSCRIPTION":
                return tuple(self._unsubscribe(channel, request["id"], now_ms) for channel in channels)
            case _:
                return ()

    def tick(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Close when the key's time is over, after a day, without traffic, or without a subscription."""
        if self._key is not None and not self._key.is_valid(now_ms):
            return self._end()
        too_old = now_ms - self._opened_ms >= CONNECTED_MS_MAX
        silent = now_ms - self._heard_ms >= SILENT_MS_MAX
        useless = not self._channels and now_ms - self._subscribed_ms >= UNSUBSCRIBED_MS_MAX
        return (_CLOSE,) if too_old or silent or useless else ()

    def accounts(self) -> tuple[str, ...]:
        """Return the account of the listen key once something is subscribed."""
        return (self._key.account,) if self._key is not None and self._channels else ()

    def wants(self, frame: Frame) -> bool:
        """Whether the frame's channel is subscribed."""
        return frame.account in self.accounts() and frame.channel in self._channels

    def wrap(self, frame: Frame, now_ms: int) -> WireMessage:
        """Return the frame as it is; data count as traffic."""
        self._heard_ms = now_ms
        return WireMessage(payload=frame.payload, binary=True)

    def terminate(self, account: str, now_ms: int) -> tuple[WireMessage, ...]:
        """End the stream as when the key's time is over."""
        del now_ms
        return self._end() if account in self.accounts() else ()

    def shutdown_notice(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Return nothing: the venue goes without a word."""
        del now_ms
        return ()

    def _end(self) -> tuple[WireMessage, ...]:
        # The venue has been seen to say so and to hang up without a word.
        self._key = None
        self._channels.clear()
        says_so = self._random.randrange(2)
        return (WireMessage(payload=_INVALID_KEY, closes=True),) if says_so else (_CLOSE,)

    def _subscribe(self, channel: Any, request_id: int, now_ms: int) -> WireMessage:
        if self._key is None or channel not in _PRIVATE:
            return _reply(0, f"Not Subscribed successfully! [{channel}].  Reason： Blocked! ")  # noqa: RUF001
        self._channels[channel] = None
        self._subscribed_ms = now_ms
        return _reply(request_id, channel)

    def _unsubscribe(self, channel: Any, request_id: int, now_ms: int) -> WireMessage:
        if channel in self._channels:
            del self._channels[channel]
            self._subscribed_ms = now_ms
        return _reply(request_id, str(channel))


def _reply(request_id: int, text: str) -> WireMessage:
    return WireMessage(payload=orjson.dumps({"id": request_id, "code": 0, "msg": text}))
