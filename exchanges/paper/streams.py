"""The stream connections of a paper venue: delivers frames to subscribers, with the faults that hit frames.

Frames of one connection go out in the order in which they were offered, unless a fault says otherwise.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from exchanges.paper.faults import Fault
from exchanges.paper.listener import Connection
from exchanges.paper.venue import Venue
from exchanges.paper.wire import Frame, StreamSession

_QUEUE_MAX = 20_000
"""Frames that wait for a slow client before its connection is cut."""
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
        self._queue: asyncio.Queue[bytes | float] = asyncio.Queue()
        self._silent_until = 0.0
        self._held: list[bytes] = []

    async def run(self, receive: _Receive, send: _Send) -> None:
        """Serve the connection until it ends."""
        writer = asyncio.create_task(self._write(send))
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
        if Fault.STREAM_CLOSE in draw:
            self.abort()
        elif Fault.TOKEN_EXPIRED in draw:
            self.terminate(frame.account)
        elif Fault.STREAM_SILENT in draw:
            self.silence(draw.amount_ms(Fault.STREAM_SILENT))
        elif Fault.FRAME_DROP not in draw:
            if Fault.FRAME_DELAY in draw:
                self._queue.put_nowait(draw.amount_ms(Fault.FRAME_DELAY) / 1000)
            copies = [self.session.wrap(frame)] * (2 if Fault.FRAME_DUPLICATE in draw else 1)
            self._put_in_order(copies, draw.hits.get(Fault.FRAME_REORDER))

    def put(self, payload: bytes) -> None:
        """Send bytes as one message, behind those that wait; cut a client that reads too slowly."""
        if self._queue.qsize() >= _QUEUE_MAX:
            self.abort()
        self._queue.put_nowait(payload)

    def silence(self, duration_ms: int) -> None:
        """Lose all frames for a while; the connection and its pings stay."""
        self._silent_until = self._loop.time() + duration_ms / 1000

    def terminate(self, account: str) -> None:
        """End the account's subscription with the venue's notice."""
        self.put(self.session.terminate(account, self._now_ms()))

    def abort(self) -> None:
        """Break the connection."""
        self._connection.abort()

    async def drain(self, timeout_s: float) -> None:
        """Wait until everything that was put has been sent, at most for the timeout."""
        try:
            await asyncio.wait_for(self._queue.join(), timeout_s)
        except TimeoutError:
            self.abort()

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

    async def _write(self, send: _Send) -> None:
        while True:
            item = await self._queue.get()
            if isinstance(item, float):
                await asyncio.sleep(item)
            else:
                await send({"type": "websocket.send", "text": item.decode()})
            self._queue.task_done()


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
            await stream.run(receive, send)
        finally:
            del self._connections[stream]

    def publish(self, frames: tuple[Frame, ...]) -> None:
        """Offer frames to the connections subscribed to their accounts."""
        for frame in frames:
            for stream in tuple(self._connections):
                if frame.account in stream.session.accounts():
                    stream.offer(frame)

    def has(self, account: str) -> bool:
        """Whether anybody is subscribed to an account."""
        return any(account in stream.session.accounts() for stream in self._connections)

    def of(self, account: str | None) -> tuple[StreamConnection, ...]:
        """Return the connections subscribed to an account; None: all of them."""
        return tuple(one for one in self._connections if account is None or account in one.session.accounts())
