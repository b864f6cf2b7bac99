"""MEXC's private stream: the listen key it lives on, what to send, and what each frame means.

Owns the key, the subscriptions and the translation of pushes. The connection itself belongs to the stream rim. It never
swallows a frame that it does not understand, and never takes a refused subscription, which has the code of a success,
for a confirmed one.

The channel of executions is not subscribed: that its ids are those of the lists is not documented, and an execution
known under two ids would count twice. What has executed shows in the order, and the executions are read.
"""

import threading
from hashlib import sha256
from typing import Protocol
from urllib.parse import quote

from exchanges.answers import Untold
from exchanges.fields import Record, UnreadableError, as_record, integer, text
from exchanges.mexc.capabilities import STREAM_URL
from exchanges.mexc.pb.frames import read_wrapper
from exchanges.mexc.pb.private_pb2 import PushDataV3ApiWrapper
from exchanges.mexc.pushes import read_account_push, read_order_push
from exchanges.mexc.translate import EXCHANGE
from exchanges.records import event_evidence, order_reported
from exchanges.stream import Opening, Reading, StreamRefusedError
from exchanges.succession import StreamRules
from exchanges.symbols import SymbolBook
from exchanges.wire_json import parse_exact, write_json
from messages.reports import BalanceReported, FrameUnreadable, StreamReport
from messages.types import Evidence, EvidenceSource

RULES = StreamRules(
    # The venue closes what it has heard nothing of for a minute.
    ping_every_ms=20_000,
    silence_ms=35_000,
    # The venue cuts connections at 24 h.
    max_age_ms=(23 * 60 + 50) * 60_000,
    # A key lives for an hour.
    renew_every_ms=25 * 60_000,
)
CHANNELS = (
    "spot@private.orders.v3.api.pb",
    "spot@private.account.v3.api.pb",
)

_PING = '{"method":"PING"}'
_KEY_DEAD = b"Invalid listen key"
_REFUSED = "Not Subscribed successfully"
# Reading a member of an enumeration by its class costs more than reading a field.
_STREAM = EvidenceSource.STREAM
_NO_SYMBOLS = SymbolBook()


class VenueSession(Protocol):
    """What the stream needs of the credential's client."""

    def symbols(self) -> SymbolBook | None:
        """Give the symbol names; None when they cannot be known."""
        ...

    def create_listen_key(self) -> str | Untold:
        """Ask for a key."""
        ...

    def prolong_listen_key(self, listen_key: str) -> bool:
        """Prolong a key. False: it may be dead."""
        ...


class MexcStream:
    """A `StreamProtocol`: the private stream of one account. Thread-safe; shows no key in its repr."""

    rules = RULES

    def __init__(self, *, account_id: str, session: VenueSession, url: str = STREAM_URL) -> None:
        self._account_id = account_id
        self._session = session
        self._url = url
        self._lock = threading.Lock()
        self._key: str | None = None
        self._proven = False
        """Whether the latest connection with this key was subscribed: when it was not, the key may be why."""

    def __repr__(self) -> str:
        return f"MexcStream({self._account_id!r}, {self._url!r})"

    def open(self) -> Opening:
        """Say how to connect, with the key we have unless there is a doubt about it.

        Raises `StreamRefusedError` while the symbols are not known or there is no key.
        """
        if self._session.symbols() is None:
            # Pushes would come under the venue's names, and match nothing.
            raise StreamRefusedError("instruments_unavailable")
        with self._lock:
            key = self._key if self._proven else None
        if key is None:
            made = self._session.create_listen_key()
            if isinstance(made, Untold):
                raise StreamRefusedError(f"listen_key: {made.reason}")
            key = made
        with self._lock:
            self._key, self._proven = key, False
        frames = tuple(
            write_json({"id": number, "method": "SUBSCRIPTION", "params": [channel]}).decode()
            for number, channel in enumerate(CHANNELS, 1)
        )
        return Opening(
            url=f"{self._url}?listenKey={quote(key, safe='')}",
            frames=frames,
            reader=PushReader(self, key, self._account_id, self._session),
        )

    def refused(self, status: int) -> None:
        """Ask for a new key: the one that the connection was refused with may be dead."""
        del status
        with self._lock:
            self._key = None

    def renew(self) -> bool:
        """Prolong the key; whatever prevents it, a new key and a new connection are the safe way on."""
        with self._lock:
            key = self._key
        if key is None:
            return True
        if self._session.prolong_listen_key(key):
            return True
        self.forget(key)
        return False

    def prove(self, key: str) -> None:
        """Take note that a connection with this key was subscribed; for its reader."""
        with self._lock:
            self._proven = self._proven or key == self._key

    def forget(self, key: str) -> None:
        """Take note that this key may be dead; for the readers."""
        with self._lock:
            if key == self._key:
                self._key = None


class PushReader:
    """The `FrameReader` of one connection."""

    def __init__(self, stream: MexcStream, key: str, account_id: str, session: VenueSession) -> None:
        self._stream = stream
        self._key = key
        self._account_id = account_id
        self._session = session
        self._awaited = set(CHANNELS)

    def __repr__(self) -> str:
        return f"PushReader({self._account_id!r})"

    def ping(self) -> str:
        """Give the venue's own ping."""
        return _PING

    # ----- answers, which are texts

    def read(self, frame: bytes, received_ms: int) -> Reading:
        """Understand one text frame."""
        if frame.strip().startswith(_KEY_DEAD):
            self._stream.forget(self._key)
            return Reading(lost="listen_key_expired")
        try:
            return self._answered(as_record(parse_exact(frame)))
        except UnreadableError as error:
            return self._unreadable(frame, str(error), received_ms)

    def _answered(self, record: Record) -> Reading:
        code, words = integer(record, "code"), text(record, "msg")
        if code == 0 and words == "PONG":
            return Reading()
        if code == 0 and words in CHANNELS:
            return self._subscribed(words)
        if code or words.startswith(_REFUSED) or self._awaited:
            self._stream.forget(self._key)
            return Reading(lost="subscription_refused")
        raise UnreadableError("msg is unknown")

    def _subscribed(self, channel: str) -> Reading:
        self._awaited.discard(channel)
        if self._awaited:
            return Reading()
        self._stream.prove(self._key)
        return Reading(ready=True)

    # ----- pushes, which are binary

    def read_binary(self, frame: bytes, received_ms: int) -> Reading:
        """Understand one binary frame."""
        try:
            return Reading(reports=(self._pushed(read_wrapper(frame), frame, received_ms),))
        except UnreadableError as error:
            return self._unreadable(frame, str(error), received_ms)

    def _pushed(self, push: PushDataV3ApiWrapper, frame: bytes, received_ms: int) -> StreamReport:
        symbols = self._session.symbols() or _NO_SYMBOLS
        match push.WhichOneof("body"):
            case "privateOrders":
                order = read_order_push(push.privateOrders, push.symbol, push.sendTime, symbols)
                evidence = _evidence(push, frame, received_ms, order.venue_status)
                return order_reported(self._account_id, EXCHANGE, order, None, evidence)
            case "privateAccount":
                return BalanceReported(
                    account_id=self._account_id,
                    exchange=EXCHANGE,
                    balances=(read_account_push(push.privateAccount),),
                    received_ms=received_ms,
                )
            case _:
                raise UnreadableError("no body that was subscribed to")

    def _unreadable(self, frame: bytes, reason: str, received_ms: int) -> Reading:
        report = FrameUnreadable(
            account_id=self._account_id,
            exchange=EXCHANGE,
            reason=reason,
            body_sha256=sha256(frame).hexdigest(),
            received_ms=received_ms,
        )
        return Reading(reports=(report,))


def _evidence(push: PushDataV3ApiWrapper, frame: bytes, received_ms: int, detail: str) -> Evidence:
    return event_evidence(
        _STREAM, push.channel, received_ms, push.sendTime or None, sha256(frame).hexdigest(), detail
    )
