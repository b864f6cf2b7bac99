"""A SignalR hub as its client sees it: the JSON protocol over a WebSocket that was opened without negotiation.

Owns framing and state: the handshake, records that come together or in pieces, our calls and their completions, pings
and the close. Pure: text in, what it meant out. It never drops a record that it does not understand, except of the
kinds that the protocol may add, and it knows nothing of what a hub's calls and events mean.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from exchanges.fields import Record, UnreadableError, as_list, as_record, integer, text
from exchanges.wire_json import parse_exact, write_json

SEPARATOR = "\x1e"
"""Ends every record."""
HANDSHAKE = '{"protocol":"json","version":1}' + SEPARATOR
PING = '{"type":6}' + SEPARATOR
RECORD_MAX_BYTES = 16 * 1024 * 1024

_SEPARATOR = SEPARATOR.encode()
_INVOCATION, _COMPLETION, _PING, _CLOSE = 1, 3, 6, 7


class Opened(NamedTuple):
    """The hub has accepted the handshake."""


class Invoked(NamedTuple):
    """The hub tells something."""

    target: str
    arguments: list[Any]


class Completed(NamedTuple):
    """A call of ours was carried out, or refused."""

    target: str
    """What was called."""
    refused: bool


class Closed(NamedTuple):
    """The hub ends the connection, or never began one."""

    reason: str


class Garbled(NamedTuple):
    """A record could not be understood."""

    reason: str
    record: bytes


HubMessage: TypeAlias = Opened | Invoked | Completed | Closed | Garbled


class HubConnection:
    """The state of one connection to a hub."""

    def __init__(self) -> None:
        self._opened = False
        self._rest = b""
        self._calls: dict[str, str] = {}
        self._called = 0

    @property
    def waiting(self) -> bool:
        """Whether a call of ours is not completed."""
        return bool(self._calls)

    def call(self, target: str, arguments: Sequence[Any]) -> str:
        """Write a call that is to be completed: one without an id would be refused in silence."""
        self._called += 1
        number = str(self._called)
        self._calls[number] = target
        content = {"type": _INVOCATION, "invocationId": number, "target": target, "arguments": arguments}
        return write_json(content).decode() + SEPARATOR

    def take(self, frame: bytes) -> list[HubMessage]:
        """Understand one message of the WebSocket: the records that it completes, in order."""
        *records, self._rest = (self._rest + frame).split(_SEPARATOR)
        found = [message for record in records if (message := self._understood(record)) is not None]
        if len(self._rest) > RECORD_MAX_BYTES:
            self._rest = b""
            found.append(Closed("a record without an end"))
        return found

    def _understood(self, record: bytes) -> HubMessage | None:
        try:
            content = as_record(parse_exact(record))
            return self._meant(content) if self._opened else self._handshake(content)
        except UnreadableError as error:
            return Garbled(str(error), record)

    def _handshake(self, content: Record) -> HubMessage:
        if content.get("error") is not None:
            return Closed("handshake_refused")
        if content:
            raise UnreadableError("not the answer to the handshake")
        self._opened = True
        return Opened()

    def _meant(self, content: Record) -> HubMessage | None:
        kind = integer(content, "type")
        if kind == _INVOCATION:
            return Invoked(text(content, "target"), as_list(content.get("arguments")))
        if kind == _COMPLETION:
            return self._completed(content)
        if kind == _CLOSE:
            return Closed("closed_by_hub")
        # Pings, streams that were never asked for, and what later versions add.
        return None

    def _completed(self, content: Record) -> Completed:
        target = self._calls.pop(text(content, "invocationId"), None)
        if target is None:
            raise UnreadableError("invocationId names no call")
        return Completed(target, content.get("error") is not None)
