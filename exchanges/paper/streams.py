"""The stream connections of a paper venue: delivers frames to subscribers, with the faults that hit frames.

Frames of one connection go out in the order in which they were offered, unless a fault says otherwise.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from exchanges.paper.faults import Fault
from exchanges.paper.listener import Connection
from exchanges.paper.venue import Venue
from exchanges.paper.wire import Frame, StreamSession

_QUEUE_MAX = 200_000
"""Frames that wait for a slow client before its connection is cut. A script may make very many of them at once."""
_BEHIND = 5_000
"""Frames that wait when a stream counts as being behind."""
_WRITE_BYTES = 65_536
"""What is written in one go, about."""
_BEHIND_CHECK_S = 0.005
_Send = Callable[[dict[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[dict[str, Any]]]


class StreamConnection:
    """One client's stream."""

    def __init__(self, venue: Venue, session: StreamSession, connection: Connection, now_ms: Callable[[], int]) -> None:
        self.session = session
        self._venue = venue
        self._connection = connection
        self._now_ms = now_ms
        self._loop = asyncio.get_running_loop()
        # Bytes are sent; a number is a pause in seconds for everything behind it.
        self._queue: deque[bytes | float] = deque()
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._silent_until = 0.0
        self._held: list[bytes] = []
        self._shuffled: list[bytes] = []
        self._windows = 0

    @property
    def is_behind(self) -> bool:
        """Whether many frames wait for the client."""
        return len(self._queue) > _BEHIND

    async def run(self, receive: _Receive) -> None:
        """Serve the connection until it ends."""
        writer = asyncio.create_task(self._write())
        try:
            while (message := await receive())["type"] == "websocket.receive":
                text = message.get("text") or ""
                self.put(self.session.receive(text, self._now_ms()))
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    def offer(self, frame: Frame) -> None:
        """Send a frame, unless a fault strikes it."""
        if self._loop.time() < self._silent_until:
            return
        draw = self._venue.draw_frame()
        for fault in draw.hits:
            self._venue.plan.count(fault)
        if not draw.hits:
            self._put_in_order([self.session.wrap(frame)], None)
        elif Fault.STREAM_CLOSE in draw:
            self.abort()
        elif Fault.TOKEN_EXPIRED in draw:
            self.terminate(frame.account)
        elif Fault.STREAM_SILENT in draw:
            self.silence(draw.amount_ms(Fault.STREAM_SILENT))
        elif Fault.FRAME_DROP not in draw:
            if Fault.FRAME_DELAY in draw:
                self._enqueue(draw.amount_ms(Fault.FRAME_DELAY) / 1000)
            copies = [self.session.wrap(frame)] * (2 if Fault.FRAME_DUPLICATE in draw else 1)
            if Fault.FRAME_SHUFFLE in draw:
                self._hold_to_shuffle(copies, draw.amount_ms(Fault.FRAME_SHUFFLE))
            else:
                self._put_in_order(copies, draw.hits.get(Fault.FRAME_REORDER))

    def put(self, payload: bytes) -> None:
        """Send bytes as one message, behind those that wait; cut a client that reads too slowly."""
        if len(self._queue) >= _QUEUE_MAX:
            self.abort()
        self._enqueue(payload)

    def silence(self, duration_ms: int) -> None:
        """Lose all frames for a while, held ones too; the connection and its pings stay."""
        self._silent_until = self._loop.time() + duration_ms / 1000
        self._held, self._shuffled = [], []

    def terminate(self, account: str) -> None:
        """End the account's subscription with the venue's notice."""
        self.put(self.session.terminate(account, self._now_ms()))

    def abort(self) -> None:
        """Break the connection."""
        self._connection.abort()

    async def drain(self, timeout_s: float) -> None:
        """Wait until everything that was put has been sent, at most for the timeout."""
        try:
            await asyncio.wait_for(self._emptied.wait(), timeout_s)
        except TimeoutError:
            self.abort()

    def _enqueue(self, item: bytes | float) -> None:
        self._queue.append(item)
        self._filled.set()
        self._emptied.clear()

    def _hold_to_shuffle(self, copies: list[bytes], hold_ms: int) -> None:
        if not self._shuffled:
            self._loop.call_later(hold_ms / 1000, self._release_shuffled)
        self._shuffled += copies

    def _release_shuffled(self) -> None:
        frames, self._shuffled = self._shuffled, []
        self._windows += 1
        self._venue.plan.shuffle(f"{','.join(self.session.accounts())}/{self._windows}", frames)
        for payload in frames:
            self.put(payload)

    def _put_in_order(self, copies: list[bytes], hold_ms: int | None) -> None:
        if hold_ms is not None and not self._held:
            self._held = copies
            self._loop.call_later(hold_ms / 1000, self._release)
            return
        for payload in copies:
            self.put(payload)
        self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for payload in held:
            self.put(payload)

    async def _write(self) -> None:
        while True:
            await self._filled.wait()
            while self._queue:
                item = self._queue.popleft()
                if isinstance(item, float):
                    await asyncio.sleep(item)
                else:
                    self._connection.write_messages(self._batch(item))
                    await self._connection.drain()
            self._filled.clear()
            self._emptied.set()

    def _batch(self, first: bytes) -> list[bytes]:
        batch, size = [first], len(first)
        while size < _WRITE_BYTES and self._queue and isinstance(self._queue[0], bytes):
            payload = self._queue[0]
            batch.append(payload)
            size += len(payload)
            self._queue.popleft()
        return batch


class Streams:
    """All stream connections of a venue."""

    def __init__(self, venue: Venue, now_ms: Callable[[], int]) -> None:
        self._venue = venue
        self._now_ms = now_ms
        self._connections: dict[StreamConnection, None] = {}

    async def serve(self, path: str, connection: Connection, receive: _Receive, send: _Send) -> None:
        """Serve one WebSocket connection from handshake to end."""
        await receive()
        if path != self._venue.dialect.stream_path:
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        session = self._venue.dialect.open_session(self._now_ms())
        stream = StreamConnection(self._venue, session, connection, self._now_ms)
        self._connections[stream] = None
        try:
            await stream.run(receive)
        finally:
            del self._connections[stream]

    def publish(self, frames: Iterable[Frame]) -> None:
        """Offer frames to the connections subscribed to their accounts."""
        streams = tuple(self._connections)
        for frame in frames:
            for stream in streams:
                # Asked for each frame: the one before may have ended the subscription.
                if frame.account in stream.session.accounts():
                    stream.offer(frame)

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
