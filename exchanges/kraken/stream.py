"""Kraken's private event stream, WebSocket v2: what to send, and what each frame means.

Owns the subscription, its sequence numbers and the order states that its updates are merged into. The connection itself
belongs to the stream rim. It never swallows a frame that it does not understand: those are reported as unreadable. The
channel of balances is not subscribed to, because it does not tell how much of them is available.
"""

from hashlib import sha256
from typing import Any, Protocol

from exchanges.answers import Untold
from exchanges.fields import Record, UnreadableError, as_list, as_record, flag, integer, text
from exchanges.kraken.capabilities import STREAM_URL
from exchanges.kraken.executions import Event, LiveOrders
from exchanges.kraken.symbols import EXCHANGE
from exchanges.records import event_evidence, order_reported
from exchanges.stream import Opening, Reading, StreamRefusedError
from exchanges.succession import StreamRules
from exchanges.symbols import SymbolBook
from exchanges.wire_json import parse_exact, write_json
from messages.reports import FillReceived, FrameUnreadable, StreamGap, StreamReport
from messages.types import EvidenceSource

RULES = StreamRules(
    # The venue closes what says nothing for a minute, and sends a heartbeat each second.
    ping_every_ms=5_000,
    silence_ms=15_000,
    # It documents no age at which it would cut a connection.
    max_age_ms=24 * 3_600_000,
)

# Reading a member of an enumeration by its class costs more than reading a field.
_STREAM = EvidenceSource.STREAM
_NO_SYMBOLS = SymbolBook()
_CHANNEL = "executions"
_SUBSCRIBE_ID = 1
_PING_ID = 2
_WORDS_MAX = 200
# These say that the venue and the connection live, and change no order.
_WITHOUT_REPORT = frozenset({"heartbeat", "status"})


class VenueSession(Protocol):
    """What the stream needs of the credential's client."""

    def stream_token(self) -> str | Untold:
        """Ask for a token that opens a private stream."""
        ...

    def symbols(self) -> SymbolBook | None:
        """Give the symbol names; None when they cannot be known."""
        ...


class KrakenStream:
    """A `StreamProtocol`: the executions of one account."""

    rules = RULES

    def __init__(self, *, account_id: str, session: VenueSession, url: str = STREAM_URL) -> None:
        self._account_id = account_id
        self._session = session
        self._url = url

    def __repr__(self) -> str:
        return f"KrakenStream({self._account_id!r}, {self._url!r})"

    def open(self) -> Opening:
        """Ask for a token and make a subscription with it. Raises `StreamRefusedError` while there is none, or while
        the symbols are not known.
        """
        if self._session.symbols() is None:
            # Events would come under the venue's names, and match nothing.
            raise StreamRefusedError("instruments_unavailable")
        token = self._session.stream_token()
        if isinstance(token, Untold):
            raise StreamRefusedError(f"token: {token.reason}")
        # Executions from before are read by request: here they come without what makes their orders whole.
        params = {"channel": _CHANNEL, "token": token, "snap_orders": True, "snap_trades": False}
        request = {"method": "subscribe", "params": params, "req_id": _SUBSCRIBE_ID}
        return Opening(
            url=self._url,
            frames=(write_json(request).decode(),),
            reader=ExecutionsReader(account_id=self._account_id, session=self._session),
        )

    def refused(self, status: int) -> None:
        """Nothing of ours is dead when a connection is refused: each has a token of its own."""

    def renew(self) -> bool:
        """Nothing has to be prolonged: a token lives as long as its subscription."""
        return True


class ExecutionsReader:
    """The `FrameReader` of one connection."""

    def __init__(self, *, account_id: str, session: VenueSession) -> None:
        self._account_id = account_id
        self._orders = LiveOrders(lambda: session.symbols() or _NO_SYMBOLS)
        self._sequence: int | None = None

    def ping(self) -> str:
        """Give the venue's own ping; its heartbeats do not keep us alive."""
        return write_json({"method": "ping", "req_id": _PING_ID}).decode()

    def read(self, frame: bytes, received_ms: int) -> Reading:
        """Understand one frame."""
        try:
            record = as_record(parse_exact(frame))
            if record.get("channel") == _CHANNEL:
                return self._executions(record, frame, received_ms)
            return self._other(record)
        except UnreadableError as error:
            return Reading(reports=(self._unreadable(frame, str(error), received_ms),))

    def read_binary(self, frame: bytes, received_ms: int) -> Reading:
        """Report a frame that the venue never sends."""
        return Reading(reports=(self._unreadable(frame, "a binary frame", received_ms),))

    def _other(self, record: Record) -> Reading:
        if "channel" in record:
            if text(record, "channel") in _WITHOUT_REPORT:
                return Reading()
            raise UnreadableError("channel is unknown")
        method = text(record, "method")
        if method == "pong":
            return Reading()
        if method != "subscribe":
            raise UnreadableError("method is unknown")
        if not flag(record, "success"):
            return Reading(lost=f"refused: {text(record, 'error')[:_WORDS_MAX]}")
        if text(as_record(record.get("result")), "channel") != _CHANNEL:
            raise UnreadableError("the answer is about another channel")
        return Reading(ready=True)

    def _executions(self, record: Record, frame: bytes, received_ms: int) -> Reading:
        kind, sequence = text(record, "type"), integer(record, "sequence")
        entries = as_list(record.get("data"))
        if kind not in ("snapshot", "update"):
            raise UnreadableError("type is unknown")
        expected = sequence if self._sequence is None else self._sequence + 1
        self._sequence = sequence
        in_sequence = sequence == expected
        if kind == "snapshot" or not in_sequence:
            # What is known is told anew, or events that changed it are missing.
            self._orders.forget()
        digest = sha256(frame).hexdigest()
        reports: list[StreamReport] = []
        complete = in_sequence
        for entry in entries:
            told, whole = self._told(entry, digest, received_ms, snapshot=kind == "snapshot")
            reports += told
            complete = complete and whole
        if not complete:
            reports.append(self._gap(expected, sequence, received_ms))
        # A new connection begins with a snapshot, which is what a new subscription is needed for after a gap.
        return Reading(reports=tuple(reports), replace=not in_sequence)

    def _told(
        self, entry: Any, digest: str, received_ms: int, *, snapshot: bool
    ) -> tuple[tuple[StreamReport, ...], bool]:
        try:
            event = self._orders.take(as_record(entry), snapshot=snapshot)
        except UnreadableError as error:
            self._orders.doubt(entry)
            return (self._unreadable_entry(digest, str(error), received_ms),), True
        return self._reports(event, digest, received_ms), event.complete

    def _reports(self, event: Event, digest: str, received_ms: int) -> tuple[StreamReport, ...]:
        if event.order is None and event.fill is None:
            return ()
        status = "" if event.order is None else f" {event.order.venue_status}"
        evidence = event_evidence(
            _STREAM, _CHANNEL, received_ms, event.at_ms, digest, f"{event.kind}{status}"
        )
        if event.order is not None:
            return (order_reported(self._account_id, EXCHANGE, event.order, event.fill, evidence),)
        if event.fill is None:
            return ()
        return (
            FillReceived(account_id=self._account_id, exchange=EXCHANGE, fill=event.fill, evidence=evidence),
        )

    def _gap(self, expected: int, received: int, received_ms: int) -> StreamGap:
        return StreamGap(
            account_id=self._account_id,
            exchange=EXCHANGE,
            expected=expected,
            received=received,
            received_ms=received_ms,
        )

    def _unreadable(self, frame: bytes, reason: str, received_ms: int) -> FrameUnreadable:
        # If there were events in it, the next frame's sequence number shows that they are missing.
        return self._unreadable_entry(sha256(frame).hexdigest(), reason, received_ms)

    def _unreadable_entry(self, digest: str, reason: str, received_ms: int) -> FrameUnreadable:
        return FrameUnreadable(
            account_id=self._account_id,
            exchange=EXCHANGE,
            reason=reason,
            body_sha256=digest,
            received_ms=received_ms,
        )
