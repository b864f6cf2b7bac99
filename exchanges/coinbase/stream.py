"""Coinbase's user channel: what to send, and what each frame means.

Owns the subscriptions, the sequence of one connection's frames and the translation of its events. The connection itself
belongs to the stream rim. It never swallows a frame of its channels that it does not understand, and never holds an
order for gone because a snapshot does not show it.
"""

from hashlib import sha256
from typing import Any, Protocol

from exchanges.coinbase.capabilities import STREAM_FAILOVER_URL, STREAM_URL
from exchanges.coinbase.symbols import EXCHANGE
from exchanges.coinbase.times import time_or_none
from exchanges.coinbase.updates import is_spot, read_update
from exchanges.fields import Record, UnreadableError, as_list, as_record, integer, text, text_or_empty
from exchanges.records import event_evidence, order_reported
from exchanges.stream import Opening, Reading, StreamRefusedError
from exchanges.succession import StreamRules
from exchanges.symbols import SymbolBook
from exchanges.wire_json import parse_json, write_json
from messages.reports import FrameUnreadable, OrderReported, StreamGap, StreamReport
from messages.types import EvidenceSource

RULES = StreamRules(
    # A heartbeat comes every second. Our own pings must not hide that none comes, so they are rarer than the silence.
    ping_every_ms=15_000,
    silence_ms=5000,
    # The venue documents no age at which it cuts connections, and takes one connection per user only: a successor of
    # one that works would be in its way.
    max_age_ms=10 * 365 * 86_400_000,
)
OPENINGS_PER_HOST = 2
"""So many openings in a row that nothing came of make us try the other host."""

_CHANNELS = ("heartbeats", "user")
_EVENTS = frozenset({"snapshot", "update"})
_WORDS_MAX = 200
# Reading a member of an enumeration by its class costs more than reading a field.
_STREAM = EvidenceSource.STREAM
_NO_SYMBOLS = SymbolBook()


class VenueSession(Protocol):
    """What the stream needs of the credential's client."""

    def venue_now_ms(self) -> int | None:
        """Tell the venue's time; None when it cannot be known."""
        ...

    def distrust_clock(self) -> None:
        """Read the venue's clock again before it is used."""
        ...

    def symbols(self) -> SymbolBook | None:
        """Give the symbol names; None when they cannot be known."""
        ...

    def token(self, venue_now_ms: int, request: str | None = None) -> str:
        """Make a token for a subscription."""
        ...


class CoinbaseStream:
    """A `StreamProtocol`: the user channel of one account."""

    rules = RULES

    def __init__(self, *, account_id: str, session: VenueSession, url: str | None = None) -> None:
        """`url`: None: the venue's own, of which there are two."""
        self.account_id = account_id
        self.session = session
        self._urls = (STREAM_URL, STREAM_FAILOVER_URL) if url is None else (url,)
        self._in_vain = 0

    def __repr__(self) -> str:
        return f"CoinbaseStream({self.account_id!r}, {self._urls!r})"

    def open(self) -> Opening:
        """Make the subscriptions, each with a token of its own. Raises `StreamRefusedError` while clock or symbols are
        not known.
        """
        venue_now_ms = self.session.venue_now_ms()
        if venue_now_ms is None:
            raise StreamRefusedError("clock")
        if self.session.symbols() is None:
            # Events would come under names that mean nothing yet.
            raise StreamRefusedError("instruments_unavailable")
        url = self._urls[self._in_vain // OPENINGS_PER_HOST % len(self._urls)]
        self._in_vain += 1
        frames = tuple(
            write_json({"type": "subscribe", "channel": each, "jwt": self.session.token(venue_now_ms)}).decode()
            for each in _CHANNELS
        )
        return Opening(url=url, frames=frames, reader=UserChannel(self))

    def opened(self) -> None:
        """Take note that a connection works."""
        self._in_vain = 0

    def refused(self, status: int) -> None:
        """Nothing of ours is dead when a connection is refused: each subscription has a new token."""

    def renew(self) -> bool:
        """Nothing has to be prolonged: a subscription outlives its token."""
        return True


class UserChannel:
    """The `FrameReader` of one connection."""

    def __init__(self, stream: CoinbaseStream) -> None:
        self._stream = stream
        self._account_id = stream.account_id
        self._awaited = set(_CHANNELS)
        self._sequence: int | None = None

    def ping(self) -> None:
        """A ping of the WebSocket protocol does."""
        return

    def read(self, frame: bytes, received_ms: int) -> Reading:
        """Understand one frame."""
        gap: StreamGap | None = None
        try:
            record = as_record(parse_json(frame))
            if "channel" not in record:
                return self._without_channel(record)
            gap = self._gap(record, received_ms)
            reports, ready = self._understood(record, frame, received_ms)
        except UnreadableError as error:
            reports, ready = (self._unreadable(frame, str(error), received_ms),), False
        if gap is None:
            return Reading(reports=reports, ready=ready)
        # Nothing of the past is repeated on this connection: a new one begins with a snapshot.
        return Reading(reports=(gap, *reports), lost="sequence_gap")

    def read_binary(self, frame: bytes, received_ms: int) -> Reading:
        """Report a frame that the venue never sends."""
        return Reading(reports=(self._unreadable(frame, "a binary frame", received_ms),))

    def _without_channel(self, record: Record) -> Reading:
        if text(record, "type") != "error":
            # New kinds of messages may appear.
            return Reading()
        if self._awaited:
            # A token may have been made with a wrong time.
            self._stream.session.distrust_clock()
        return Reading(lost=f"refused: {text_or_empty(record, 'message')[:_WORDS_MAX]}".rstrip(": "))

    def _gap(self, record: Record, received_ms: int) -> StreamGap | None:
        received = integer(record, "sequence_num")
        expected = received if self._sequence is None else self._sequence + 1
        self._sequence = received
        if received == expected:
            return None
        return StreamGap(
            account_id=self._account_id,
            exchange=EXCHANGE,
            expected=expected,
            received=received,
            received_ms=received_ms,
        )

    def _understood(self, record: Record, frame: bytes, received_ms: int) -> tuple[tuple[StreamReport, ...], bool]:
        # What a frame tells, and whether it completes the subscriptions.
        match text(record, "channel"):
            case "user":
                reports = tuple(self._orders(record, frame, received_ms))
                return reports, self._confirmed("user")
            case "heartbeats":
                return (), self._confirmed("heartbeats")
            case "subscriptions":
                return (), self._confirmed(*_subscribed(record))
            case _:
                # New kinds of messages may appear.
                return (), False

    def _confirmed(self, *channels: str) -> bool:
        # A message of a channel confirms its subscription as well as an acknowledgement does.
        if not self._awaited:
            return False
        self._awaited.difference_update(channels)
        if self._awaited:
            return False
        self._stream.opened()
        return True

    def _orders(self, record: Record, frame: bytes, received_ms: int) -> list[StreamReport]:
        symbols = self._stream.session.symbols() or _NO_SYMBOLS
        at_ms = time_or_none(record.get("timestamp"))
        digest = sha256(frame).hexdigest()
        reports: list[StreamReport] = []
        for event in as_list(record.get("events")):
            kind = text(as_record(event), "type")
            if kind not in _EVENTS:
                raise UnreadableError("type is unknown")
            for item in as_list(event.get("orders")):
                try:
                    if is_spot(item):
                        reports.append(self._order(item, symbols, (kind, at_ms, digest), received_ms))
                except UnreadableError as error:
                    # One that cannot be read says nothing against the others.
                    reports.append(self._unreadable(frame, str(error), received_ms))
        return reports

    def _order(
        self, item: Any, symbols: SymbolBook, message: tuple[str, int | None, str], received_ms: int
    ) -> OrderReported:
        order = read_update(item, symbols)
        kind, at_ms, digest = message
        evidence = event_evidence(_STREAM, "user", received_ms, at_ms, digest, f"{kind} {order.venue_status}")
        return order_reported(self._account_id, EXCHANGE, order, None, evidence)

    def _unreadable(self, frame: bytes, reason: str, received_ms: int) -> FrameUnreadable:
        return FrameUnreadable(
            account_id=self._account_id,
            exchange=EXCHANGE,
            reason=reason,
            body_sha256=sha256(frame).hexdigest(),
            received_ms=received_ms,
        )


def _subscribed(record: Record) -> list[str]:
    events = [as_record(event) for event in as_list(record.get("events"))]
    return [channel for event in events for channel in as_record(event.get("subscriptions"))]
