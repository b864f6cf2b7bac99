"""Binance's user data stream over the WebSocket API: what to send, and what each frame means.

Owns the subscription and the translation of its events. The connection itself belongs to the stream rim. It never
swallows a frame that it does not understand: those are reported as unreadable.
"""

from hashlib import sha256
from typing import Any, Protocol

import orjson

from exchanges.binance.capabilities import STREAM_URL
from exchanges.binance.outcomes import TIMESTAMP_OUTSIDE_WINDOW
from exchanges.binance.sign import Signer, websocket_signature
from exchanges.binance.symbols import EXCHANGE
from exchanges.binance.translate import read_balance, read_execution_report
from exchanges.fields import (
    Record,
    UnreadableError,
    as_list,
    as_record,
    integer,
    optional_integer,
    text,
)
from exchanges.records import event_evidence, order_reported
from exchanges.stream import Opening, Reading, StreamRefusedError
from exchanges.succession import StreamRules
from exchanges.symbols import SymbolBook
from exchanges.wire_json import parse_json
from messages.reports import BalanceReported, FrameUnreadable, OrderReported, StreamReport
from messages.types import EvidenceSource

RULES = StreamRules(
    # The venue pings every 20 s; with our own pings a dead connection shows sooner.
    ping_every_ms=10_000,
    silence_ms=25_000,
    # The venue cuts connections at 24 h.
    max_age_ms=(23 * 60 + 50) * 60_000,
)
RECV_WINDOW_MS = 5000

# Reading a member of an enumeration by its class costs more than reading a field.
_STREAM = EvidenceSource.STREAM
_NO_SYMBOLS = SymbolBook()
_SUBSCRIBE_ID = "subscribe"
_HTTP_OK = 200
# These change no order and state no balance that `outboundAccountPosition` does not state too.
_WITHOUT_REPORT = frozenset({"balanceUpdate", "listStatus", "externalLockUpdate"})


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


class BinanceStream:
    """A `StreamProtocol` and the `FrameReader` of all its connections: the user data of one account."""

    rules = RULES

    def __init__(
        self, *, account_id: str, api_key: str, signer: Signer, session: VenueSession, url: str = STREAM_URL
    ) -> None:
        self._account_id = account_id
        self._api_key = api_key
        self._signer = signer
        self._session = session
        self._url = url

    def __repr__(self) -> str:
        return f"BinanceStream({self._account_id!r}, {self._url!r})"

    def open(self) -> Opening:
        """Sign a subscription. Raises `StreamRefusedError` while clock or symbols are not known."""
        venue_now_ms = self._session.venue_now_ms()
        if venue_now_ms is None:
            raise StreamRefusedError("clock")
        if self._session.symbols() is None:
            # Events would come under the venue's names, and match nothing.
            raise StreamRefusedError("instruments_unavailable")
        params: dict[str, str | int] = {
            "apiKey": self._api_key,
            "recvWindow": RECV_WINDOW_MS,
            "timestamp": venue_now_ms,
        }
        params["signature"] = websocket_signature(params, self._signer)
        request = {"id": _SUBSCRIBE_ID, "method": "userDataStream.subscribe.signature", "params": params}
        return Opening(url=self._url, frames=(orjson.dumps(request).decode(),), reader=self)

    def refused(self, status: int) -> None:
        """Nothing of ours is dead when a connection is refused: each subscription is signed anew."""

    def renew(self) -> bool:
        """Nothing has to be prolonged."""
        return True

    def ping(self) -> None:
        """A ping of the WebSocket protocol does."""
        return

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
        if "event" in record:
            return self._event(as_record(record["event"]), frame, received_ms)
        if record.get("id") == _SUBSCRIBE_ID:
            return self._subscribed(record, received_ms)
        raise UnreadableError("neither an event nor an answer")

    def _subscribed(self, record: Record, received_ms: int) -> Reading:
        if integer(record, "status") == _HTTP_OK:
            return Reading(ready=True)
        error = as_record(record.get("error"))
        code = integer(error, "code")
        if code == TIMESTAMP_OUTSIDE_WINDOW:
            self._session.distrust_clock()
        return Reading(lost=f"refused: {code}", retry_after_ms=_retry_after_ms(error, received_ms))

    def _event(self, event: Record, frame: bytes, received_ms: int) -> Reading:
        kind = text(event, "e")
        if kind == "executionReport":
            return Reading(reports=(self._order(event, frame, received_ms),))
        if kind == "outboundAccountPosition":
            return Reading(reports=(self._balances(event, received_ms),))
        if kind == "eventStreamTerminated":
            return Reading(lost="subscription_ended")
        if kind == "serverShutdown":
            return Reading(replace=True)
        if kind in _WITHOUT_REPORT:
            return Reading()
        raise UnreadableError("e is unknown")

    def _order(self, event: Record, frame: bytes, received_ms: int) -> OrderReported:
        order, fill = read_execution_report(event, self._session.symbols() or _NO_SYMBOLS)
        evidence = event_evidence(
            _STREAM,
            "executionReport",
            received_ms,
            optional_integer(event, "E"),
            sha256(frame).hexdigest(),
            f"{event['x']} {order.venue_status}",
        )
        return order_reported(self._account_id, EXCHANGE, order, fill, evidence)

    def _balances(self, event: Record, received_ms: int) -> BalanceReported:
        return BalanceReported(
            account_id=self._account_id,
            exchange=EXCHANGE,
            balances=tuple(read_balance(item, asset="a", free="f", locked="l") for item in as_list(event.get("B"))),
            received_ms=received_ms,
        )

    def _unreadable(self, frame: bytes, reason: str, received_ms: int) -> StreamReport:
        return FrameUnreadable(
            account_id=self._account_id,
            exchange=EXCHANGE,
            reason=reason,
            body_sha256=sha256(frame).hexdigest(),
            received_ms=received_ms,
        )


def _retry_after_ms(error: Record, received_ms: int) -> int:
    # Here the venue names an instant, not a duration.
    details: Any = error.get("data")
    instant_ms = details.get("retryAfter") if isinstance(details, dict) else None
    return max(0, instant_ms - received_ms) if isinstance(instant_ms, int) else 0
