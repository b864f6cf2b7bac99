"""What the paper venue does for every dialect, over real sockets, with a dialect that has every habit at once.

It refuses connections by token, speaks first, counts its frames, sends binary, beats, closes, and issues tokens.
"""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from random import Random

import pytest
import requests
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from exchanges.paper.catalogue import spot_instruments
from exchanges.paper.control import Control
from exchanges.paper.dialects.binance.dialect import BinanceDialect
from exchanges.paper.engine import Engine
from exchanges.paper.faults import Fault, FaultPlan, FaultRule, RequestKind
from exchanges.paper.model import ClientIdPolicy, NewOrder, OrderAccepted
from exchanges.paper.server import PaperVenue
from exchanges.paper.venue import Venue
from exchanges.paper.wire import Frame, Subject, WireAnswer, WireMessage
from messages.types import OrderType, Side

DEADLINE_S = 10
ACCOUNT = "a"


class CountingSession:
    """Numbers its frames, echoes in kind, beats once it was asked to, and closes when told."""

    def __init__(self, channels):
        self.count = 0
        self.channels = channels
        self.beats = False

    def opened(self, now_ms):
        return (WireMessage(payload=b"welcome"), WireMessage(payload=b"\x00hello", binary=True))

    def receive(self, message, now_ms):
        match message:
            case b"close":
                return (WireMessage(payload=b"bye", closes=True), WireMessage(payload=b"never sent"))
            case b"close silently":
                return (WireMessage(payload=b"", closes=True),)
            case b"beat":
                self.beats = True
                return ()
            case _:
                echo = WireMessage(payload=b"got " + message, binary=b"\xff" in message)
                return (echo, WireMessage(payload=b"twice"))

    def tick(self, now_ms):
        return (WireMessage(payload=b"beat"),) if self.beats else ()

    def accounts(self):
        return (ACCOUNT,)

    def wants(self, frame):
        return frame.channel in self.channels

    def wrap(self, frame, now_ms):
        self.count += 1
        return WireMessage(payload=b"%d %s" % (self.count, frame.payload))

    def terminate(self, account, now_ms):
        return (WireMessage(payload=b"expired"), WireMessage(payload=b"log in again"))

    def shutdown_notice(self, now_ms):
        return ()


class CountingDialect(BinanceDialect):
    """Binance's answers for whatever does not matter here, and the habits of all the others."""

    stream_path = "/feed"
    client_ids = ClientIdPolicy.ANY

    def __init__(self, engine, random):
        super().__init__(engine, random)
        self.engine = engine
        self.expired = 0
        self.opened_with = None

    @staticmethod
    def instruments():
        return spot_instruments(lambda base, quote: f"{base}/{quote}")

    def venue_order_id(self, order_id):
        return f"O-{order_id}"

    def fill_id(self, execution):
        return f"T-{execution.symbol}-{execution.trade_id}"

    def expire_tokens(self):
        self.expired += 1

    def subject(self, request):
        kind = RequestKind.PLACE if request.path == "/place" else RequestKind.ORDER
        return Subject(kind=kind)

    def answer(self, request, now_ms, lens):
        events = self.engine.place(limit("wire"), now_ms) if request.path == "/place" else ()
        return WireAnswer(status=200, body=b"%d" % self.expired, events=events)

    def frames(self, events, now_ms):
        accepted = [event for event in events if isinstance(event, OrderAccepted)]
        return tuple(
            Frame(account=event.account, payload=event.order.client_order_id.encode(), channel=channel)
            for event in accepted
            for channel in ("orders", "executions")
        )

    def open_session(self, query: bytes, headers: Mapping[str, str], now_ms: int):
        self.opened_with = (query, headers.get("x-token"))
        return CountingSession(query.decode().split(",")) if headers.get("x-token") == "good" else 401


def limit(client_order_id):
    return NewOrder(
        account=ACCOUNT,
        client_order_id=client_order_id,
        symbol="BTC-USDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        size=Decimal(1),
        price=Decimal(50_000),
    )


class World:
    """A venue that runs in this loop."""

    def __init__(self):
        self.engine = Engine(CountingDialect.instruments(), client_ids=CountingDialect.client_ids)
        self.engine.add_account(ACCOUNT, {"USDT": Decimal(10_000_000)})
        self.dialect = CountingDialect(self.engine, Random(1))
        self.venue = Venue(self.engine, self.dialect, FaultPlan(1))
        self.server = PaperVenue(self.venue, 1)
        self.control = Control(self.server)
        self.placed = 0

    def place(self, count=1):
        for _ in range(count):
            self.placed += 1
            self.server.publish(self.engine.place(limit(f"c{self.placed}"), self.server.now_ms()))

    def stream(self, channels="orders", token="good"):
        return connect(f"{self.server.stream_url}?{channels}", additional_headers={"X-Token": token})

    async def ask(self, path):
        return await asyncio.to_thread(lambda: requests.get(f"{self.server.rest_url}{path}", timeout=DEADLINE_S).text)


def in_world(scenario):
    async def run():
        world = World()
        await world.server.start()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await scenario(world)
        finally:
            await world.server.stop()

    asyncio.run(run())


async def welcomed(stream):
    assert [await stream.recv(), await stream.recv()] == ["welcome", b"\x00hello"]


async def heard(stream, count):
    return [await stream.recv() for _ in range(count)]


def test_connection_with_a_wrong_token_is_refused_by_status_before_the_upgrade():
    async def scenario(world):
        with pytest.raises(InvalidStatus) as refused:
            async with world.stream(channels="a,b", token="bad"):
                pass
        assert refused.value.response.status_code == 401
        assert world.dialect.opened_with == (b"a,b", "bad")
        assert world.server.streams.of(None) == ()

    in_world(scenario)


def test_session_speaks_first_and_answers_text_and_binary_in_kind():
    async def scenario(world):
        async with world.stream() as stream:
            await welcomed(stream)
            await stream.send("text")
            assert await heard(stream, 2) == ["got text", "twice"]
            await stream.send(b"\xff\x00")
            assert await heard(stream, 2) == [b"got \xff\x00", "twice"]

    in_world(scenario)


@pytest.mark.parametrize(("asked", "last"), [("close", ["bye"]), ("close silently", [])])
def test_message_that_closes_ends_the_connection_in_order_after_what_was_sent_before(asked, last):
    async def scenario(world):
        async with world.stream() as stream:
            await welcomed(stream)
            world.place()
            await stream.send(asked)
            # Iterating ends with a proper close, and only with that.
            assert [message async for message in stream] == ["1 c1", *last]
            assert stream.close_code == 1000

    in_world(scenario)


def test_session_is_asked_again_and_again_what_is_due():
    async def scenario(world):
        async with world.stream() as stream:
            await welcomed(stream)
            await stream.send("beat")
            assert await heard(stream, 3) == ["beat"] * 3

    in_world(scenario)


def test_frames_reach_only_sessions_that_want_their_channel():
    async def scenario(world):
        async with world.stream("executions") as one, world.stream("orders,executions") as both:
            await welcomed(one)
            await welcomed(both)
            world.place(2)
            assert await heard(one, 2) == ["1 c1", "2 c2"]
            assert await heard(both, 4) == ["1 c1", "2 c1", "3 c2", "4 c2"]

    in_world(scenario)


def test_dropped_frame_leaves_a_gap_in_the_count():
    async def scenario(world):
        async with world.stream() as stream:
            await welcomed(stream)
            world.venue.plan.add(FaultRule(fault=Fault.FRAME_DROP, skip=1, count_max=1))
            world.place(3)
            assert await heard(stream, 2) == ["1 c1", "3 c3"]

    in_world(scenario)


def test_frames_of_a_silence_leave_a_gap_in_the_count_while_replies_go_on():
    async def scenario(world):
        async with world.stream() as stream:
            await welcomed(stream)
            (connection,) = world.server.streams.of(ACCOUNT)
            connection.silence(3_600_000)
            world.place(2)
            await stream.send("there?")
            assert await heard(stream, 2) == ["got there?", "twice"]
            connection.silence(0)
            world.place()
            assert await stream.recv() == "3 c3"

    in_world(scenario)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.FRAME_DUPLICATE, ["1 c1", "1 c1", "2 c2"]),
        (Fault.FRAME_REORDER, ["2 c2", "1 c1"]),
        (Fault.TOKEN_EXPIRED, ["expired", "log in again", "2 c2"]),
    ],
)
def test_frame_that_goes_wrong_keeps_the_number_of_its_turn(fault, said):
    async def scenario(world):
        async with world.stream() as stream:
            await welcomed(stream)
            world.venue.plan.add(FaultRule(fault=fault, kind=RequestKind.FRAME, count_max=1, amount_ms=3_600_000))
            world.place(2)
            assert await heard(stream, len(said)) == said

    in_world(scenario)


def test_shutdown_of_a_venue_that_announces_none_just_breaks_the_streams():
    async def scenario(world):
        async with world.stream() as stream:
            await welcomed(stream)
            await world.server.restart(0, announced=True)
            with pytest.raises(ConnectionClosed):
                await stream.recv()

    in_world(scenario)


# ----- tokens and second deliveries


def test_expired_tokens_by_fault_are_expired_before_the_request_is_judged():
    async def scenario(world):
        rule = FaultRule(fault=Fault.TOKEN_EXPIRED, kind=RequestKind.ORDER, skip=1, count_max=1)
        world.venue.plan.add(rule)
        assert [await world.ask("/order") for _ in range(3)] == ["0", "1", "1"]
        assert world.venue.plan.hits[Fault.TOKEN_EXPIRED] == 1
        assert world.venue.log.last(2)[0].faults == ("token_expired",)

    in_world(scenario)


def test_expired_tokens_by_probability_hit_requests_too():
    async def scenario(world):
        world.venue.plan = FaultPlan(1, {Fault.TOKEN_EXPIRED: 1.0})
        assert await world.ask("/order") == "1"

    in_world(scenario)


def test_expired_tokens_by_hand_reach_the_dialect():
    async def scenario(world):
        await world.control.expire_tokens({})
        assert world.dialect.expired == 1

    in_world(scenario)


def test_placement_at_a_venue_that_takes_any_id_is_never_delivered_twice():
    async def scenario(world):
        world.venue.plan.add(FaultRule(fault=Fault.DELIVER_TWICE))
        await world.ask("/place")
        assert [order.client_order_id for order in world.engine.open_orders(ACCOUNT)] == ["wire"]
        assert world.venue.plan.hits[Fault.DELIVER_TWICE] == 0
        # Where the venue would refuse the second one, it is delivered.
        world.dialect.client_ids = ClientIdPolicy.EVER
        await world.ask("/place")
        assert world.venue.plan.hits[Fault.DELIVER_TWICE] == 1

    in_world(scenario)


# ----- the record


def test_record_names_orders_and_executions_as_the_venues_clients_know_them():
    async def scenario(world):
        body = {"account": ACCOUNT, "clientOrderId": "x", "symbol": "BTC-USDT", "side": "BUY", "size": "1"}
        placed = (await world.control.place(body | {"type": "LIMIT", "price": "50000"}))["order"]
        number = placed["orderId"]
        row = (await world.control.execute({"orderId": number, "size": "0.5"}))["order"]
        (execution,) = (await world.control.executions({"orderId": number}))["executions"]
        assert [one["venueOrderId"] for one in (placed, row, execution)] == [f"O-{number}"] * 3
        assert (execution["fillId"], execution["tradeId"]) == ("T-BTC-USDT-1", 1)

    in_world(scenario)
