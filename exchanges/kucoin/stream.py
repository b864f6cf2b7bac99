"""KuCoin's private stream: where to connect, what to subscribe to, and what each frame means.

Owns the subscriptions and the translation of their events. The connection itself belongs to the stream rim. It never
swallows a frame that it does not understand: those are reported as unreadable. It never shows a token, which is part of
the address. The stream numbers nothing, so that a gap cannot show: what was missed is read after every connect.
"""

import uuid
from hashlib import sha256
from typing import Protocol
from urllib.parse import quote

import orjson

from exchanges.answers import Untold
from exchanges.fields import Record, UnreadableError, as_record, text
from exchanges.kucoin.events import read_balance_event, read_order_event, read_stop_event
from exchanges.kucoin.rest import Door
from exchanges.kucoin.stops import StopMemory
from exchanges.kucoin.symbols import EXCHANGE
from exchanges.records import event_evidence, order_reported
from exchanges.stream import Opening, Reading, StreamRefusedError
from exchanges.succession import StreamRules
from exchanges.symbols import SymbolBook
from exchanges.wire_json import parse_json
from messages.reports import BalanceReported, FrameUnreadable, StreamReport
from messages.types import EvidenceSource, VenueOrder

ORDERS = "/spotMarket/tradeOrdersV2"
STOPS = "/spotMarket/advancedOrders"
BALANCES = "/account/balance"

RULES = StreamRules(
    # The venue asks for a ping every 18 s and answers within 10 s; twice as often, a dead connection shows sooner.
    ping_every_ms=9_000,
    silence_ms=20_000,
    # A token lives 24 hours, by what is said of it.
    max_age_ms=(23 * 60 + 50) * 60_000,
)

# Reading a member of an enumeration by its class costs more than reading a field.
_STREAM = EvidenceSource.STREAM
_NO_SYMBOLS = SymbolBook()
_SUBSCRIPTIONS = {"1": ORDERS, "2": STOPS, "3": BALANCES}


class Session(Protocol):
    """What the stream needs of the credential's client."""

    stops: StopMemory
    """What the client knows of stop orders."""

    def door(self) -> Door | Untold:
        """Ask where to connect, and for the token of one connection."""
        ...

    def symbols(self) -> SymbolBook | None:
        """Give the symbol names; None when they cannot be known."""
        ...


class KucoinStream:
    """A `StreamProtocol`: the orders, stop orders and balances of one account."""

    rules = RULES

    def __init__(self, *, account_id: str, session: Session, url: str | None = None) -> None:
        """`url` None: wherever the venue says, anew for every connection."""
        self._account_id = account_id
        self._session = session
        self._url = url

    def __repr__(self) -> str:
        return f"KucoinStream({self._account_id!r}, {self._url!r})"

    def open(self) -> Opening:
        """Ask for an address and a token. Raises `StreamRefusedError` while these or the symbols cannot be known."""
        if self._session.symbols() is None:
            # Events would come under names that nothing is booked under.
            raise StreamRefusedError("instruments_unavailable")
        door = self._session.door()
        if isinstance(door, Untold):
            raise StreamRefusedError(door.reason)
        connect_id = uuid.uuid4().hex
        url = f"{self._url or door.endpoint}?token={quote(door.token, safe='')}&connectId={connect_id}"
        return Opening(url=url, reader=KucoinFrames(self._account_id, self._session, connect_id))

    def refused(self, status: int) -> None:
        """Nothing of ours is dead when a connection is refused: each has a token of its own."""

    def renew(self) -> bool:
        """Nothing has to be prolonged."""
        return True


class KucoinFrames:
    """The `FrameReader` of one connection."""

    def __init__(self, account_id: str, session: Session, connect_id: str) -> None:
        self._account_id = account_id
        self._session = session
        self._connect_id = connect_id
        self._unconfirmed = set(_SUBSCRIPTIONS)
        self._pings = 0

    def ping(self) -> str:
        """Give the venue's own kind of ping: it closes what sends none."""
        self._pings += 1
        return _written({"id": f"ping-{self._pings}", "type": "ping"})

    def read(self, frame: bytes, received_ms: int) -> Reading:
        """Understand one frame."""
        try:
            return self._understood(as_record(parse_json(frame)), frame, received_ms)
        except UnreadableError as error:
            return Reading(reports=(self._unreadable(frame, str(error), received_ms),))

    def read_binary(self, frame: bytes, received_ms: int) -> Reading:
        """Report a frame that the venue never sends."""
        return Reading(reports=(self._unreadable(frame, "a binary frame", received_ms),))

    def _understood(self, record: Record, frame: bytes, received_ms: int) -> Reading:
        match text(record, "type"):
            case "message":
                return self._message(record, frame, received_ms)
            case "pong":
                return Reading()
            case "ack":
                return self._confirmed(text(record, "id"))
            case "welcome":
                return self._welcomed(text(record, "id"))
            case "error":
                return Reading(lost=f"refused: {_code(record)}")
            case _:
                raise UnreadableError("type is unknown")

    def _welcomed(self, connect_id: str) -> Reading:
        if connect_id != self._connect_id:
            raise UnreadableError("id is not this connection's")
        return Reading(
            replies=tuple(
                _written(
                    {"id": number, "type": "subscribe", "topic": topic, "privateChannel": True, "response": True}
                )
                for number, topic in _SUBSCRIPTIONS.items()
            )
        )

    def _confirmed(self, number: str) -> Reading:
        if number not in _SUBSCRIPTIONS:
            raise UnreadableError("id is no request's")
        self._unconfirmed.discard(number)
        return Reading(ready=not self._unconfirmed)

    def _message(self, record: Record, frame: bytes, received_ms: int) -> Reading:
        topic, event = text(record, "topic"), as_record(record.get("data"))
        symbols = self._session.symbols() or _NO_SYMBOLS
        if topic == ORDERS:
            return self._order(topic, event, read_order_event(event, symbols), frame, received_ms)
        if topic == STOPS:
            stop = read_stop_event(event, symbols, self._session.stops)
            return Reading() if stop is None else self._order(topic, event, stop, frame, received_ms)
        if topic == BALANCES:
            return self._balance(event, received_ms)
        raise UnreadableError("topic is unknown")

    def _order(self, topic: str, event: Record, order: VenueOrder, frame: bytes, received_ms: int) -> Reading:
        evidence = event_evidence(
            _STREAM,
            topic,
            received_ms,
            order.updated_venue_ms,
            sha256(frame).hexdigest(),
            f"{event['type']} {order.venue_status}",
        )
        return Reading(reports=(order_reported(self._account_id, EXCHANGE, order, None, evidence),))

    def _balance(self, event: Record, received_ms: int) -> Reading:
        balance = read_balance_event(event)
        if balance is None:
            return Reading()
        report = BalanceReported(
            account_id=self._account_id, exchange=EXCHANGE, balances=(balance,), received_ms=received_ms
        )
        return Reading(reports=(report,))

    def _unreadable(self, frame: bytes, reason: str, received_ms: int) -> StreamReport:
        return FrameUnreadable(
            account_id=self._account_id,
            exchange=EXCHANGE,
            reason=reason,
            body_sha256=sha256(frame).hexdigest(),
            received_ms=received_ms,
        )


def _code(record: Record) -> str:
    code = record.get("code")
    return str(code) if type(code) in (int, str) else "without a code"


def _written(message: dict[str, str | bool]) -> str:
    return orjson.dumps(message).decode("ascii")
