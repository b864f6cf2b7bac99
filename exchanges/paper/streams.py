"""The stream connections of a paper venue: delivers frames to subscribers, with the faults that hit frames.

Frames of one connection go out in the order in which they were offered, unless a fault says otherwise.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from exchanges.paper.faults import Fault
from exchanges.paper.listener import Connection
from exchanges.paper.venue import Venue
from exchanges.paper.wire import Frame, StreamSession, WireMessage

_QUEUE_MAX = 200_000
"""Frames that wait for a slow client before its connection is cut. A script may make very many of them at once."""
_BEHIND = 5_000
"""Frames that wait when a stream counts as being behind."""
_WRITE_BYTES = 65_536
"""What is written in one go, about."""
_BEHIND_CHECK_S = 0.005
_FORBIDDEN = 403
_Send = Callable[[dict[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[dict[str, Any]]]


class StreamConnection:
    """One client's stream."""

    def __init__(self, venue: Venue, session: StreamSession, connection: Connection, send: _Send) -> None:
        self.session = session
        self._venue = venue
        self._connection = connection
        self._send = send
        self._loop = asyncio.get_running_loop()
        # Messages are sent; a number is a pause in seconds for everything behind it.
        self._queue: deque[WireMessage | float] = deque()
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._silent_until = 0.0
        self._held: list[WireMessage] = []
        self._shuffled: list[WireMessage] = []
        self._windows = 0

    @property
    def is_behind(self) -> bool:
        """Whether many frames wait for the client."""
        return len(self._queue) > _BEHIND

    async def run(self, receive: _Receive, now_ms: Callable[[], int]) -> None:
        """Serve the connection until it ends."""
        writer = asyncio.create_task(self._write())
        try:
            self.put(*self.session.opened(now_ms()))
            while (message := await receive())["type"] == "websocket.receive":
                text = message.get("text")
                content = (message.get("bytes") or b"") if text is None else text.encode()
                self.put(*self.session.receive(content, now_ms()))
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    def offer(self, frame: Frame, now_ms: int) -> None:
        """Send a frame, unless a fault strikes it."""
        # What is lost was sent as far as the venue knows: it has its place in the session's count.
        message = self.session.wrap(frame, now_ms)
        if self._loop.time() < self._silent_until:
            return
        draw = self._venue.draw_frame()
        for fault in draw.hits:
            self._venue.plan.count(fault)
        if not draw.hits:
            self._put_in_order([message], None)
        elif Fault.STREAM_CLOSE in draw:
            self.abort()
        elif Fault.TOKEN_EXPIRED in draw:
            self.terminate(frame.account, now_ms)
        elif Fault.STREAM_SILENT in draw:
            self.silence(draw.amount_ms(Fault.STREAM_SILENT))
        elif Fault.FRAME_DROP not in draw:
            if Fault.FRAME_DELAY in draw:
                self._enqueue(draw.amount_ms(Fault.FRAME_DELAY) / 1000)
            copies = [message] * (2 if Fault.FRAME_DUPLICATE in draw else 1)
            if Fault.FRAME_SHUFFLE in draw:
                self._hold_to_shuffle(copies, draw.amount_ms(Fault.FRAME_SHUFFLE))
            else:
                self._put_in_order(copies, draw.hits.get(Fault.FRAME_REORDER))

    def put(self, *messages: WireMessage) -> None:
        """Send messages behind those that wait; cut a client that reads too slowly."""
        if len(self._queue) >= _QUEUE_MAX:
            self.abort()
        for message in messages:
            self._enqueue(message)

    def silence(self, duration_ms: int) -> None:
        """Lose all frames for a while, held ones too; the connection and its pings stay."""
        self._silent_until = self._loop.time() + duration_ms / 1000
        self._held, self._shuffled = [], []

    def terminate(self, account: str, now_ms: int) -> None:
        """End the account's subscription with the venue's notice."""
        self.put(*self.session.terminate(account, now_ms))

    def abort(self) -> None:
        """Break the connection."""
        self._connection.abort()

    async def drain(self, timeout_s: float) -> None:
        """Wait until everything that was put has been sent, at most for the timeout."""
        try:
            await asyncio.wait_for(self._emptied.wait(), timeout_s)
        except TimeoutError:
            self.abort()

    def _enqueue(self, item: WireMessage | float) -> None:
        self._queue.append(item)
        self._filled.set()
        self._emptied.clear()

    def _hold_to_shuffle(self, copies: list[WireMessage], hold_ms: int) -> None:
        if not self._shuffled:
            self._loop.call_later(hold_ms / 1000, self._release_shuffled)
        self._shuffled += copies

    def _release_shuffled(self) -> None:
        frames, self._shuffled = self._shuffled, []
        self._windows += 1
        self._venue.plan.shuffle(f"{','.join(self.session.accounts())}/{self._windows}", frames)
        self.put(*frames)

    def _put_in_order(self, copies: list[WireMessage], hold_ms: int | None) -> None:
        if hold_ms is not None and not self._held:
            self._held = copies
            self._loop.call_later(hold_ms / 1000, self._release)
            return
        self.put(*copies)
        self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        self.put(*held)

    async def _write(self) -> None:
        while True:
            await self._filled.wait()
            while self._queue:
                item = self._queue.popleft()
                if isinstance(item, float):
                    await asyncio.sleep(item)
                    continue
                batch = self._batch(item)
                self._connection.write_messages([message for message in batch if message.payload])
                await self._connection.drain()
                if batch[-1].closes:
                    await self._close()
            self._filled.clear()
            self._emptied.set()

    def _batch(self, first: WireMessage) -> list[WireMessage]:
        batch, size = [first], len(first.payload)
        while size < _WRITE_BYTES and self._queue and not batch[-1].closes:
            message = self._queue[0]
            if isinstance(message, float):
                break
            batch.append(message)
            size += len(message.payload)
            self._queue.popleft()
        return batch

    async def _close(self) -> None:
        # The client may close, or be gone, in the same moment.
        with suppress(RuntimeError, OSError):
            await self._send({"type": "websocket.close"})


class Streams:
    """All stream connections of a venue."""

    def __init__(self, venue: Venue, now_ms: Callable[[], int]) -> None:
        self._venue = venue
        self._now_ms = now_ms
        self._connections: dict[StreamConnection, None] = {}

    async def serve(self, scope: Mapping[str, Any], connection: Connection, receive: _Receive, send: _Send) -> None:
        """Serve one WebSocket connection from handshake to end."""
        await receive()
        if scope["path"] != self._venue.dialect.stream_path:
            await _refuse(send, _FORBIDDEN)
            return
        opened = self._venue.dialect.open_session(scope["query_string"], read_headers(scope), self._now_ms())
        if isinstance(opened, int):
            await _refuse(send, opened)
            return
        await send({"type": "websocket.accept"})
        stream = StreamConnection(self._venue, opened, connection, send)
        self._connections[stream] = None
        try:
            await stream.run(receive, self._now_ms)
        finally:
            del self._connections[stream]

    def publish(self, frames: Iterable[Frame]) -> None:
        """Offer frames to the connections subscribed to what they belong to."""
        streams, now_ms = tuple(self._connections), self._now_ms()
        for frame in frames:
            for stream in streams:
                # Asked for each frame: the one before may have ended the subscription.
                if stream.session.wants(frame):
                    stream.offer(frame, now_ms)

    def tick(self) -> None:
        """Let every connection say what is due by time."""
        now_ms = self._now_ms()
        for stream in tuple(self._connections):
            stream.put(*stream.session.tick(now_ms))

    def terminate(self, account: str | None) -> int:
        """End the subscriptions of an account, or with None all, with the venue's notice; returns on how many
        connections.
        """
        concerned = self.of(account)
        for stream in concerned:
            for subscribed in stream.session.accounts():
                stream.terminate(subscribed, self._now_ms())
        return len(concerned)

    def accounts(self) -> frozenset[str]:
        """Return the accounts that anybody is subscribed to."""
        return frozenset(account for stream in self._connections for account in stream.session.accounts())

    async def catch_up(self, timeout_s: float) -> bool:
        """Wait until no stream is behind, at most for the timeout; whether that came true."""
        end_s = asyncio.get_running_loop().time() + timeout_s
        while any(stream.is_behind for stream in self._connections):
            if asyncio.get_running_loop().time() >= end_s:
                return False
            await asyncio.sleep(_BEHIND_CHECK_S)
        return True

    def of(self, account: str | None) -> tuple[StreamConnection, ...]:
        """Return the connections subscribed to an account; None: all of them."""
        return tuple(one for one in self._connections if account is None or account in one.session.accounts())


def read_headers(scope: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of a request; names are in lower case."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _refuse(send: _Send, status: int) -> None:
    await send({"type": "websocket.http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "websocket.http.response.body", "body": b""})
