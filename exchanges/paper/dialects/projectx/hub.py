"""One connection to the ProjectX user hub: the server's side of SignalR's JSON protocol. No sockets, no clock."""

from typing import Any

import orjson

from exchanges.paper.dialects.projectx.events import (
    ACCOUNTS,
    ORDERS,
    POSITIONS,
    SEPARATOR,
    TRADES,
    invocation,
    record,
)
from exchanges.paper.dialects.projectx.tokens import Token, Tokens
from exchanges.paper.dialects.projectx.users import User
from exchanges.paper.wire import Frame, WireMessage

PING_MS = 15_000
SILENCE_MS = 30_000
HANDSHAKE_MS = 15_000
_INVOCATION, _COMPLETION, _STREAM_INVOCATION, _PING, _CLOSE = 1, 3, 4, 6, 7
_PER_ACCOUNT = (ORDERS, POSITIONS, TRADES)
_VERSION = 1


class _HubError(Exception):
    """An invocation that fails; its text is the completion's error."""


class HubSession:
    """The protocol state of one connection. Implements `StreamSession`."""

    def __init__(self, tokens: Tokens, token: Token, user: User, now_ms: int) -> None:
        """Take the token that the connection was opened with, and its user."""
        self._tokens = tokens
        self._token = token
        self._user = user
        self._subscribed: set[tuple[str, str]] = set()
        self._carry = b""
        self._greeted = False
        self._ended = False
        self._opened_ms = now_ms
        self._heard_ms = now_ms
        self._pinged_ms = now_ms

    def opened(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Say nothing: the client speaks first."""
        del now_ms
        return ()

    def receive(self, message: bytes, now_ms: int) -> tuple[WireMessage, ...]:
        """Take the records that are complete, and answer them in one message."""
        if self._ended:
            return ()
        self._heard_ms = now_ms
        *records, self._carry = (self._carry + message).split(SEPARATOR)
        replies = b""
        for text in records:
            replies += self._take(text, now_ms)
            if self._is_over():
                return (WireMessage(payload=replies, closes=True),)
        return (WireMessage(payload=replies),) if replies else ()

    def tick(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Ping, and close what is silent, never greeted, or came with a token that is over."""
        if self._ended:
            return ()
        if not self._greeted:
            late = now_ms - self._opened_ms >= HANDSHAKE_MS
            return self._refuse_handshake("Handshake was canceled.") if late else ()
        if now_ms >= self._token.expires_ms:
            return self._log_out()
        if now_ms - self._heard_ms >= SILENCE_MS:
            return self._close("The client has been silent for too long.")
        if now_ms - self._pinged_ms >= PING_MS:
            self._pinged_ms = now_ms
            return (WireMessage(payload=record({"type": _PING})),)
        return ()

    def accounts(self) -> tuple[str, ...]:
        """Return the accounts that anything is subscribed of."""
        return tuple(sorted({account for _, account in self._subscribed}))

    def wants(self, frame: Frame) -> bool:
        """Whether the frame's kind is subscribed for its account."""
        return (frame.channel, frame.account) in self._subscribed

    def wrap(self, frame: Frame, now_ms: int) -> WireMessage:
        """Return the frame as it is: the hub numbers nothing."""
        del now_ms
        return WireMessage(payload=frame.payload)

    def terminate(self, account: str, now_ms: int) -> tuple[WireMessage, ...]:
        """Log the user out, as when the token ends: it is good for nothing from now on, and the connection closes."""
        del account, now_ms
        self._tokens.revoke(self._token)
        return self._log_out()

    def shutdown_notice(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Close with the wish that the client comes back."""
        del now_ms
        return self._close("Server is shutting down.")

    # ----- records

    def _take(self, text: bytes, now_ms: int) -> bytes:
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            return self._end("Error reading a message of the JSON protocol.")
        if not self._greeted:
            return self._greet(value, now_ms)
        match value.get("type"):
            case 1:
                return self._invoke(value)
            case 4:
                return self._completion(value, error=_failure(value.get("target"), "Method does not exist."))
            case 7:
                self._ended = True
                return b""
            case _:
                return b""

    def _greet(self, value: dict[str, Any], now_ms: int) -> bytes:
        protocol, version = value.get("protocol"), value.get("version")
        if protocol != "json":
            self._ended = True
            return record({"error": f"The protocol '{protocol}' is not supported."})
        if version != _VERSION:
            self._ended = True
            return record({"error": f"The server does not support version {version} of the 'json' protocol."})
        self._greeted = True
        self._pinged_ms = now_ms
        # The first ping comes along with the answer: one message may hold several records.
        return record({}) + record({"type": _PING})

    def _invoke(self, value: dict[str, Any]) -> bytes:
        target, arguments = value.get("target"), value.get("arguments")
        try:
            self._call(str(target), arguments if isinstance(arguments, list) else [])
        except _HubError as error:
            return self._completion(value, error=_failure(target, str(error)))
        return self._completion(value)

    def _call(self, target: str, arguments: list[Any]) -> None:
        wanted = not target.startswith("Un")
        channel = target.removeprefix("Subscribe" if wanted else "Unsubscribe")
        if channel == target or channel not in (*_PER_ACCOUNT, ACCOUNTS):
            raise _HubError("Method does not exist.")
        keys = {(channel, account) for account in self._named(channel, arguments)}
        if wanted:
            self._subscribed |= keys
        else:
            self._subscribed -= keys

    def _named(self, channel: str, arguments: list[Any]) -> list[str]:
        if channel == ACCOUNTS:
            if arguments:
                raise _HubError(f"Invocation provides {len(arguments)} argument(s) but target expects 0.")
            return [account.name for account in self._user.accounts]
        if len(arguments) != 1:
            raise _HubError(f"Invocation provides {len(arguments)} argument(s) but target expects 1.")
        number = arguments[0]
        account = self._user.account(number) if type(number) is int else None
        if account is None:
            raise _HubError("Account not found.")
        return [account.name]

    def _completion(self, value: dict[str, Any], *, error: str | None = None) -> bytes:
        # Who gives no id hears nothing, not even of a refusal.
        invocation_id = value.get("invocationId")
        if invocation_id is None:
            return b""
        outcome = {"result": None} if error is None else {"error": error}
        return record({"type": _COMPLETION, "invocationId": invocation_id, **outcome})

    # ----- ends

    def _is_over(self) -> bool:
        return self._ended

    def _end(self, error: str) -> bytes:
        self._ended = True
        self._subscribed.clear()
        return record({"type": _CLOSE, "error": error, "allowReconnect": True} if self._greeted else {"error": error})

    def _close(self, error: str) -> tuple[WireMessage, ...]:
        return (WireMessage(payload=self._end(error), closes=True),)

    def _refuse_handshake(self, error: str) -> tuple[WireMessage, ...]:
        self._ended = True
        return (WireMessage(payload=record({"error": error}), closes=True),)

    def _log_out(self) -> tuple[WireMessage, ...]:
        notice = invocation("GatewayLogout", {"userName": self._user.name})
        return (WireMessage(payload=notice + self._end("The session has ended."), closes=True),)


def _failure(target: object, reason: str) -> str:
    return f"Failed to invoke '{target}' due to an error on the server. HubException: {reason}"
