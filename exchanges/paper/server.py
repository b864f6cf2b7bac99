"""A paper venue on loopback sockets: carries out what the venue decides about each request on the real connection.

Everything runs in one asyncio loop, which owns the engine; nothing here is shared with another thread. Requests go
through plain ASGI, without a framework, because this is the path that load tests measure.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from random import Random
from typing import Any

from exchanges.paper.faults import Fault
from exchanges.paper.listener import Connection, Listener
from exchanges.paper.market import RandomMarket
from exchanges.paper.model import Events, PaperStatus, ScriptedFill
from exchanges.paper.streams import Streams, read_headers
from exchanges.paper.venue import Arrival, Processed, Venue, VenueEnd
from exchanges.paper.wire import Frame, WireAnswer, WireRequest

_Send = Callable[[dict[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[dict[str, Any]]]
_TICK_S = 0.05
_DRAIN_S = 0.5
_PATIENCE_S = 1.0
"""How long a script waits for a stream that is behind; then it waits no more, and the stream may be cut."""
_BATCH = 50
"""Scripted fills, or frames, between two looks at what else there is to do."""


class PaperVenue:
    """One venue's public side. `start` and `stop` it inside a running loop."""

    def __init__(self, venue: Venue, seed: int) -> None:
        self.venue = venue
        self.seed = seed
        self.skew_ms = 0
        """How far the venue's clock is ahead of the machine's."""
        self.streams = Streams(venue, self.now_ms)
        self.listener = Listener(self._serve, venue.refuses_connection)
        self.market_running = False
        self._market: RandomMarket | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._reopening: asyncio.TimerHandle | None = None

    @property
    def rest_url(self) -> str:
        """Where requests go."""
        return f"http://127.0.0.1:{self.listener.port}"

    @property
    def stream_url(self) -> str:
        """Where streams connect."""
        return f"ws://127.0.0.1:{self.listener.port}{self.venue.dialect.stream_path}"

    def now_ms(self) -> int:
        """Return the venue's time."""
        return time.time_ns() // 1_000_000 + self.skew_ms

    async def start(self) -> None:
        """Open the port."""
        await self.listener.open()
        self._spawn(self._tick())

    async def stop(self) -> None:
        """Close the port and end everything under way."""
        if self._reopening is not None:
            self._reopening.cancel()
        for task in tuple(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.listener.stop()

    # ----- acts, from faults and from the control port

    def publish(self, events: Events) -> None:
        """Take note of events and send them to the streams."""
        self.streams.publish(self._frames(events))

    def execute(self, order_id: int, price: Decimal, size: Decimal) -> None:
        """Fill an order from outside. Raises ValueError when that is impossible."""
        self.publish(self.venue.engine.execute(order_id, price, size, self.now_ms()))

    async def execute_many(
        self, fills: Sequence[ScriptedFill], *, at_once: bool, preload: bool, rate_per_s: float | None
    ) -> tuple[ScriptedFill, ...]:
        """Fill orders from outside, one fill after another; returns those that were impossible.

        At once: in one instant, before anything else can happen. Otherwise others are heard in between, at a rate or as
        fast as the streams take the frames. Preloaded: all executes at once, and only then the frames leave that way.
        """
        impossible: list[ScriptedFill] = []

        def execute(first: int, end: int) -> Events:
            events, failed = self.venue.engine.execute_many(fills[first:end], self.now_ms())
            impossible.extend(failed)
            return events

        if preload:
            frames = self._frames(execute(0, len(fills)))
            await self._paced(len(frames), rate_per_s, lambda first, end: self.streams.publish(frames[first:end]))
        elif at_once:
            self.publish(execute(0, len(fills)))
        else:
            await self._paced(len(fills), rate_per_s, lambda first, end: self.publish(execute(first, end)))
        return tuple(impossible)

    def deposit(self, account: str, asset: str, amount: Decimal) -> None:
        """Move money into an account, or with a negative amount out of it. Raises ValueError when it cannot."""
        self.publish(self.venue.engine.deposit(account, asset, amount, self.now_ms()))

    def end(self, order_id: int, status: PaperStatus) -> None:
        """Let the venue end an order."""
        self.publish(self.venue.engine.end(order_id, status, self.now_ms()))

    def step_market(self, steps: int) -> None:
        """Let the random market act; it joins the venue with its first step."""
        if self._market is None:
            symbols = tuple(self.venue.engine.instruments)
            random = Random(f"{self.seed}/market")
            self._market = RandomMarket(self.venue.engine, random, symbols)
        for _ in range(steps):
            self.publish(self._market.step(self.now_ms()))

    def begin_outage(self, duration_ms: int | None) -> None:
        """Close the port and break all connections; None: until `end_outage`."""
        if self._reopening is not None:
            self._reopening.cancel()
        self.listener.close()
        if duration_ms is not None:
            loop = asyncio.get_running_loop()
            self._reopening = loop.call_later(duration_ms / 1000, lambda: self._spawn(self.end_outage()))

    async def end_outage(self) -> None:
        """Open the port again."""
        if self._reopening is not None:
            self._reopening.cancel()
        await self.listener.open()

    async def restart(self, down_ms: int, *, announced: bool) -> None:
        """Restart: connections and subscriptions are lost, the books stay. Announced: the streams are told before."""
        if announced:
            streams = self.streams.of(None)
            for stream in streams:
                stream.put(*stream.session.shutdown_notice(self.now_ms()))
            await asyncio.gather(*(stream.drain(_DRAIN_S) for stream in streams))
        self.begin_outage(down_ms)

    # ----- requests

    async def _serve(self, scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
        connection = self.listener.connection(scope)
        if connection is None:
            return
        if scope["type"] == "websocket":
            try:
                await self.streams.serve(scope, connection, receive, send)
            finally:
                self.listener.forget(scope)
            return
        body = await _body(receive)
        if body is not None:
            await _Exchange(self, connection, receive, send).run(_request(scope, body))

    def spawn_venue_ends(self, ends: tuple[VenueEnd, ...]) -> None:
        """Let the venue end orders later."""
        loop = asyncio.get_running_loop()
        for end in ends:
            loop.call_later(end.delay_ms / 1000, self.end, end.order_id, end.status)

    def _frames(self, events: Events) -> tuple[Frame, ...]:
        self.venue.observe(events)
        heard = self.streams.accounts()
        events = tuple(event for event in events if event.account in heard)
        return self.venue.dialect.frames(events, self.now_ms()) if events else ()

    async def _paced(self, count: int, rate_per_s: float | None, act: Callable[[int, int], None]) -> None:
        # A pause takes a millisecond or more, so what has become due meanwhile is done together.
        loop = asyncio.get_running_loop()
        begun_s, done, patient = loop.time(), 0, True
        while done < count:
            due = done + _BATCH if rate_per_s is None else int((loop.time() - begun_s) * rate_per_s) + 1
            due = min(due, count)
            act(done, due)
            done = due
            if rate_per_s is None:
                await asyncio.sleep(0)
                patient = patient and await self.streams.catch_up(_PATIENCE_S)
            else:
                await asyncio.sleep(max(begun_s + done / rate_per_s - loop.time(), 0))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self.publish(self.venue.engine.step(self.now_ms()))
            self.streams.tick()
            if self.market_running:
                self.step_market(1)

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


class _Exchange:
    """One request and its answer, or what the faults leave of them."""

    def __init__(self, server: PaperVenue, connection: Connection, receive: _Receive, send: _Send) -> None:
        self._server = server
        self._venue = server.venue
        self._connection = connection
        self._receive = receive
        self._send = send

    async def run(self, request: WireRequest) -> None:
        arrival = self._venue.receive(request, self._server.now_ms())
        fault = arrival.draw.transport
        if arrival.banned_ms:
            await self._answer(arrival, self._venue.dialect.banned(self._server.now_ms(), arrival.banned_ms))
        elif fault is None:
            await self._process(request, arrival)
        else:
            self._venue.note(arrival, fault)
            await self._fail(request, arrival, fault)

    async def _fail(self, request: WireRequest, arrival: Arrival, fault: Fault) -> None:
        amount_ms = arrival.draw.amount_ms(fault)
        now_ms = self._server.now_ms()
        match fault:
            case Fault.OUTAGE:
                self._server.begin_outage(amount_ms)
                await self._gone()
            case Fault.BAN:
                self._venue.ban(now_ms, amount_ms)
                await self._answer(arrival, self._venue.dialect.banned(now_ms, amount_ms))
            case Fault.RATE_LIMIT:
                await self._answer(arrival, self._venue.dialect.rate_limited(now_ms, amount_ms))
            case Fault.HANG:
                await self._hang(amount_ms)
            case Fault.BREAK_BEFORE:
                await self._break()
            case Fault.ERROR_BEFORE:
                await self._answer(arrival, self._venue.dialect.server_error())
            case Fault.PROCESS_LATE:
                await asyncio.sleep(amount_ms / 1000)
                await self._process(request, arrival)
            case _:
                await self._fail_answer(arrival, fault, self._carry_out(request, arrival))

    async def _fail_answer(self, arrival: Arrival, fault: Fault, processed: Processed) -> None:
        amount_ms = arrival.draw.amount_ms(fault)
        match fault:
            case Fault.RESTART:
                await self._server.restart(amount_ms, announced=False)
                await self._gone()
            case Fault.BREAK_AFTER:
                await self._break()
            case Fault.BREAK_MID_BODY:
                await self._break_mid_body(processed.answer)
            case Fault.ERROR_AFTER:
                await self._answer(arrival, self._venue.dialect.server_error())
            case Fault.UNKNOWN_OUTCOME:
                await self._answer(arrival, self._venue.dialect.unknown_outcome())
            case Fault.MALFORMED_BODY:
                half = processed.answer.body[: len(processed.answer.body) // 2]
                answer = WireAnswer(status=200, body=half, headers=processed.answer.headers)
                await self._answer(arrival, answer)
            case _:
                await asyncio.sleep(amount_ms / 1000)
                await self._answer(arrival, processed.answer)

    async def _process(self, request: WireRequest, arrival: Arrival) -> None:
        processed = self._carry_out(request, arrival)
        if processed.hold_ms:
            await asyncio.sleep(processed.hold_ms / 1000)
        await self._answer(arrival, processed.answer)

    def _carry_out(self, request: WireRequest, arrival: Arrival) -> Processed:
        processed = self._venue.process(request, arrival, self._server.now_ms())
        self._server.publish(processed.events)
        self._server.spawn_venue_ends(processed.venue_ends)
        return processed

    async def _answer(self, arrival: Arrival, answer: WireAnswer) -> None:
        self._venue.log.answer(arrival.entry, answer.status)
        await self._send(_start(answer))
        self._connection.idle = True
        await self._send({"type": "http.response.body", "body": answer.body})

    async def _break_mid_body(self, answer: WireAnswer) -> None:
        await self._send(_start(answer))
        half = answer.body[: len(answer.body) // 2]
        await self._send({"type": "http.response.body", "body": half, "more_body": True})
        await self._break()

    async def _hang(self, duration_ms: int) -> None:
        try:
            await asyncio.wait_for(self._gone(), duration_ms / 1000)
        except TimeoutError:
            await self._break()

    async def _break(self) -> None:
        self._connection.abort()
        await self._gone()

    async def _gone(self) -> None:
        # The application must not return before uvicorn knows that nobody waits for an answer.
        while (await self._receive())["type"] != "http.disconnect":
            continue


def _start(answer: WireAnswer) -> dict[str, Any]:
    headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    return {"type": "http.response.start", "status": answer.status, "headers": headers}


def _request(scope: dict[str, Any], body: bytes) -> WireRequest:
    return WireRequest(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"],
        body=body,
        headers=read_headers(scope),
    )


async def _body(receive: _Receive) -> bytes | None:
    """Read the whole body; None when the client went away meanwhile."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
