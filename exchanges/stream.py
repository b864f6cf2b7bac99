"""The stream rim: keeps one private event stream of a venue alive, whatever venue it is.

Owns connecting, silence, reconnecting with backoff, replacing a connection before the venue cuts it, and stopping.
What frames mean is the venue's `StreamProtocol`. It never drops a frame, never delivers after it was stopped, and
never calls a stream connected before the venue has confirmed the subscription.
"""

import socket
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from queue import Empty, SimpleQueue
from random import Random
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

from websocket import ABNF, WebSocket, WebSocketBadStatusException, WebSocketException, WebSocketTimeoutException

from exchanges.credentials import told_in_words
from exchanges.http import Clock
from exchanges.succession import StreamRules, Succession
from messages.base import fast_init
from messages.reports import FrameUnreadable, StreamConnected, StreamLost, StreamReport

POLL_S = 0.1
"""How often a quiet connection looks whether it should stop or ping. Only its own thread touches a socket: a TLS
connection is not safe in the hands of two."""
STOP_TIMEOUT_S = 2.0
CLOSE_TIMEOUT_S = 0.5
RETIRE_MS = 5000
"""A replaced connection reads on until it is quiet, at most this long."""


class StreamRefusedError(Exception):
    """A protocol cannot open a connection now. The text is a reason without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How to open a connection: where, what to send first, and who reads it. It may carry credentials."""

    url: str = field(repr=False)
    frames: tuple[str, ...] = field(default=(), repr=False)
    reader: "FrameReader"
    """Of this connection alone."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a frame meant."""

    reports: tuple[StreamReport, ...] = ()
    replies: tuple[str, ...] = field(default=(), repr=False)
    """Messages to send. They may carry credentials, and are not shown."""
    ready: bool = False
    """The venue confirmed the subscription."""
    replace: bool = False
    """This connection will end soon; open its successor now."""
    lost: str = ""
    """Not empty: nothing more comes from this connection, and why."""
    retry_after_ms: int = 0
    """With `lost`: no new connection before."""


class FrameReader(Protocol):
    """What the frames of one connection mean, and what keeps it alive: pure."""

    def read(self, frame: bytes, received_ms: int) -> Reading:
        """Understand one text frame. Never raises for anything a venue can send."""
        ...

    def read_binary(self, frame: bytes, received_ms: int) -> Reading:
        """Understand one binary frame, in the same way."""
        ...

    def ping(self) -> str | None:
        """Give the message that keeps the connection alive; None: a ping of the WebSocket protocol does."""
        ...


class StreamProtocol(Protocol):
    """One venue's stream: pure, except that `open`, `refused` and `renew` may ask the venue for what they need."""

    rules: StreamRules

    def open(self) -> Opening:
        """Say how to connect now. Called in the connection's thread; raises `StreamRefusedError`."""
        ...

    def refused(self, status: int) -> None:
        """Take note that the venue refused to open a connection, with an HTTP status: a token may be dead."""
        ...

    def renew(self) -> bool:
        """Prolong what the connections live on, every `rules.renew_every_ms`; False: it is dead, and the connection is
        replaced now.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Ready:
    connection: int


@dataclass(frozen=True, slots=True)
class _ReplaceAsked:
    connection: int


@dataclass(frozen=True, slots=True)
class _Ended:
    connection: int
    reason: str
    retry_after_ms: int


class _StopAsked:
    """The stream is to end."""


_Signal: TypeAlias = _Ready | _ReplaceAsked | _Ended | _StopAsked


class WebSocketStream:
    """A `UserStream` over WebSocket connections that follow one another, for one account."""

    def __init__(
        self,
        *,
        account_id: str,
        exchange: str,
        protocol: StreamProtocol,
        clock: Clock,
        random: Random,
    ) -> None:
        self._account_id = account_id
        self._exchange = exchange
        self._protocol = protocol
        self._clock = clock
        self._random = random
        self._signals: SimpleQueue[_Signal] = SimpleQueue()
        self._delivering = threading.Lock()
        self._deliver: Callable[[StreamReport], None] | None = None
        self._connected = 0
        self._thread: threading.Thread | None = None

    def start(self, deliver: Callable[[StreamReport], None]) -> None:
        """Begin to connect; reports arrive in the order received until `stop`."""
        self._deliver = deliver
        self._thread = threading.Thread(target=self._supervise, name=f"{self._exchange}-stream", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Disconnect and join the thread, within two seconds. Nothing is delivered afterwards."""
        self._signals.put(_StopAsked())
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT_S)
        with self._delivering:
            self._deliver = None

    def deliver(self, report: StreamReport) -> None:
        """Hand over one report; for the connections."""
        with self._delivering:
            self._hand_over(report)

    def _hand_over(self, report: StreamReport) -> None:
        if self._deliver is None:
            return
        try:
            self._deliver(report)
        except Exception:  # noqa: BLE001 - the receiver's bug must not end the stream; the host's hook hears of it
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def _supervise(self) -> None:
        succession = Succession(self._protocol.rules, self._random, now_ms=self._clock.monotonic_ms())
        connections: dict[int, _Connection] = {}
        renew_every_ms = self._protocol.rules.renew_every_ms
        renewed_ms = self._clock.monotonic_ms()
        while True:
            now_ms = self._clock.monotonic_ms()
            number = succession.due(now_ms)
            if number is not None:
                connections[number] = self._connect(number)
            wait_ms = succession.wait_ms(now_ms)
            if renew_every_ms:
                wait_ms = min(wait_ms, max(1, renewed_ms + renew_every_ms - now_ms))
            try:
                signal = self._signals.get(timeout=wait_ms / 1000)
            except Empty:
                if renew_every_ms and self._clock.monotonic_ms() - renewed_ms >= renew_every_ms:
                    renewed_ms = self._clock.monotonic_ms()
                    if not self._protocol.renew():
                        succession.replace_serving(renewed_ms)
                continue
            if isinstance(signal, _StopAsked):
                break
            self._apply(signal, succession, connections)
        for connection in connections.values():
            connection.end()
        for connection in connections.values():
            connection.thread.join(CLOSE_TIMEOUT_S)

    def _apply(
        self, signal: _Ready | _ReplaceAsked | _Ended, succession: Succession, connections: "dict[int, _Connection]"
    ) -> None:
        now_ms = self._clock.monotonic_ms()
        match signal:
            case _Ready():
                replaced = succession.ready(signal.connection, now_ms)
                if replaced is not None:
                    connections[replaced].retire()
            case _ReplaceAsked():
                succession.replace(signal.connection, now_ms)
            case _Ended():
                connections.pop(signal.connection, None)
                if succession.ended(signal.connection, signal.retry_after_ms, now_ms):
                    self._lost(signal)

    def _connect(self, number: int) -> "_Connection":
        connection = _Connection(number, self._protocol, self._clock, self)
        connection.thread.start()
        return connection

    def signal(self, signal: "_Signal") -> None:
        """Tell the supervising thread; for the connections."""
        self._signals.put(signal)

    def connected(self, number: int, received_ms: int) -> None:
        """Report a confirmed subscription; for the connections."""
        with self._delivering:
            self._connected = number
            self._hand_over(
                StreamConnected(
                    account_id=self._account_id, exchange=self._exchange, connection=number, received_ms=received_ms
                )
            )

    def _lost(self, ended: _Ended) -> None:
        with self._delivering:
            if ended.connection < self._connected:
                # Its successor reported itself meanwhile, and whoever heard that is fetching what is missing.
                return
            self._hand_over(
                StreamLost(
                    account_id=self._account_id,
                    exchange=self._exchange,
                    connection=ended.connection,
                    reason=told_in_words(self._exchange, ended.reason),
                    received_ms=self._clock.now_ms(),
                )
            )

    def unreadable(self, frame: bytes, reason: str, received_ms: int) -> None:
        """Report a frame that the protocol stumbled over; for the connections."""
        self.deliver(
            FrameUnreadable(
                account_id=self._account_id,
                exchange=self._exchange,
                reason=reason,
                body_sha256=sha256(frame).hexdigest(),
                received_ms=received_ms,
            )
        )


class _Connection:
    # One WebSocket connection and the thread that alone touches it.

    def __init__(self, number: int, protocol: StreamProtocol, clock: Clock, stream: WebSocketStream) -> None:
        self._number = number
        self._protocol = protocol
        self._rules = protocol.rules
        self._clock = clock
        self._stream = stream
        self._ending = threading.Event()
        self._retire_by_ms: int | None = None
        self._ready = False
        self._sent_ms = 0
        self._reader: FrameReader
        self.thread = threading.Thread(target=self._run, name=f"stream-connection-{number}", daemon=True)

    def end(self) -> None:
        """Disconnect soon."""
        self._ending.set()

    def retire(self) -> None:
        """Disconnect when what is on its way has been read: it was sent before the successor was subscribed."""
        self._retire_by_ms = self._clock.monotonic_ms() + RETIRE_MS

    def _run(self) -> None:
        reading = Reading(lost="internal_error")
        try:
            reading = self._serve()
        except StreamRefusedError as error:
            reading = Reading(lost=str(error))
        except WebSocketBadStatusException as error:
            self._protocol.refused(error.status_code)
            reading = Reading(lost=_lost_reason(error))
        except (WebSocketException, OSError, ValueError) as error:
            reading = Reading(lost=_lost_reason(error))
        finally:
            self._stream.signal(_Ended(self._number, reading.lost, reading.retry_after_ms))

    def _serve(self) -> Reading:
        opening = self._protocol.open()
        self._reader = opening.reader
        web_socket = _connected(opening.url, self._rules.connect_timeout_ms / 1000)
        try:
            self._send(web_socket, opening.frames)
            return self._receive(web_socket)
        finally:
            web_socket.shutdown()  # type: ignore[no-untyped-call]

    def _receive(self, web_socket: WebSocket) -> Reading:
        web_socket.settimeout(POLL_S)
        opened_ms = heard_ms = self._sent_ms = self._clock.monotonic_ms()
        while not self._ending.is_set():
            try:
                opcode, frame = web_socket.recv_data_frame(control_frame=True)
            except WebSocketTimeoutException:
                now_ms = self._clock.monotonic_ms()
                if self._retire_by_ms is not None:
                    break
                if reason := self._overdue(now_ms - heard_ms, now_ms - opened_ms):
                    return Reading(lost=reason)
                self._keep_alive(web_socket, now_ms)
                continue
            heard_ms = self._clock.monotonic_ms()
            reading = self._take(opcode, bytes(frame.data))
            if reading.lost:
                return reading
            self._send(web_socket, reading.replies)
            self._keep_alive(web_socket, heard_ms)
            if reason := self._overdue(0, heard_ms - opened_ms):
                return Reading(lost=reason)
            if self._retire_by_ms is not None and heard_ms >= self._retire_by_ms:
                break
        web_socket.close(timeout=CLOSE_TIMEOUT_S)
        return Reading(lost="stopped")

    def _send(self, web_socket: WebSocket, messages: tuple[str, ...]) -> None:
        for message in messages:
            web_socket.send(message)
            self._sent_ms = self._clock.monotonic_ms()

    def _keep_alive(self, web_socket: WebSocket, now_ms: int) -> None:
        # Also while much is heard: some venues close what says nothing, however much they have told it.
        if now_ms - self._sent_ms < self._rules.ping_every_ms:
            return
        message = self._reader.ping()
        if message is None:
            web_socket.ping()
        else:
            web_socket.send(message)
        self._sent_ms = now_ms

    def _overdue(self, quiet_ms: int, age_ms: int) -> str:
        if quiet_ms >= self._rules.silence_ms:
            return "silent"
        return "not_subscribed" if not self._ready and age_ms >= self._rules.ready_timeout_ms else ""

    def _take(self, opcode: int, frame: bytes) -> Reading:
        if opcode == ABNF.OPCODE_CLOSE:
            return Reading(lost="closed_by_venue")
        if opcode not in (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY):
            return Reading()
        received_ms = self._clock.now_ms()
        read = self._reader.read if opcode == ABNF.OPCODE_TEXT else self._reader.read_binary
        try:
            reading = read(frame, received_ms)
        except Exception as error:  # noqa: BLE001 - a bug in reading one frame must not end the stream or hide the frame
            self._stream.unreadable(frame, f"internal_error: {type(error).__name__}", received_ms)
            return Reading()
        if reading.ready and not self._ready:
            self._ready = True
            self._stream.connected(self._number, received_ms)
            self._stream.signal(_Ready(self._number))
        for report in reading.reports:
            self._stream.deliver(report)
        if reading.replace:
            self._stream.signal(_ReplaceAsked(self._number))
        return reading


def _connected(url: str, timeout_s: float) -> WebSocket:
    # The socket is made here, because the library would otherwise read proxy settings from the environment.
    parts = urlsplit(url)
    host = parts.hostname or ""
    secure = parts.scheme == "wss"
    raw = socket.create_connection((host, parts.port or (443 if secure else 80)), timeout=timeout_s)
    try:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if secure:
            raw = ssl.create_default_context().wrap_socket(raw, server_hostname=host)
        web_socket = WebSocket(skip_utf8_validation=True)
        web_socket.settimeout(timeout_s)
        web_socket.connect(url, socket=raw, redirect_limit=0, suppress_origin=True)  # type: ignore[no-untyped-call]
    except BaseException:
        raw.close()
        raise
    return web_socket


def _lost_reason(error: Exception) -> str:
    match error:
        case ConnectionRefusedError():
            return "connection_refused"
        case socket.gaierror():
            return "dns"
        case ssl.SSLError():
            return "tls"
        case TimeoutError() | WebSocketTimeoutException():
            return "timeout"
        case WebSocketBadStatusException():
            return f"handshake_refused: {error.status_code}"
        case _:
            return "connection_lost"
