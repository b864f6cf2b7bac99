import threading
from random import Random
from typing import Self

import loopback
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_server import RawServer, RefusingServer, Reports, StreamServer, wait_for

from exchanges.http import SystemClock
from exchanges.stream import STOP_TIMEOUT_S, Opening, Reading, StreamRefusedError, WebSocketStream
from exchanges.succession import StreamRules, Succession
from messages.reports import BalanceReported, FrameUnreadable, StreamConnected, StreamLost

QUICK = {
    "ping_every_ms": 5000,
    "silence_ms": 20000,
    "max_age_ms": 3600000,
    "backoff_first_ms": 10,
    "backoff_max_ms": 40,
}


class PlainProtocol:
    """Frames of one word: `ready`, `replace`, `end`, `bug`, `ask` (which is replied to), or a number: a report."""

    def __init__(self, url: str, **rules: int) -> None:
        self.rules = StreamRules(**{**QUICK, **rules})
        self.url = url
        self.refuse = 0
        self.refusals: list[int] = []
        self.renewals = 0
        self.renewable = True
        self.ping_text: str | None = None

    def open(self) -> Opening:
        if self.refuse:
            self.refuse -= 1
            raise StreamRefusedError("not now")
        return Opening(url=self.url, frames=("hello",), reader=self)

    def refused(self, status: int) -> None:
        self.refusals.append(status)

    def renew(self) -> bool:
        self.renewals += 1
        return self.renewable

    def ping(self) -> str | None:
        return self.ping_text

    def read_binary(self, frame: bytes, received_ms: int) -> Reading:
        return self.read(b"binary:" + frame, received_ms)

    def read(self, frame: bytes, received_ms: int) -> Reading:
        word = frame.decode()
        if word == "bug":
            raise KeyError(word)
        if word.isdigit():
            report = BalanceReported(account_id="1", exchange="x", balances=(), received_ms=int(word))
            return Reading(reports=(report,))
        if word == "ask":
            return Reading(replies=("answer", "another"))
        return Reading(ready=word == "ready", replace=word == "replace", lost="ended" if word == "end" else "")


def stream(protocol: PlainProtocol) -> WebSocketStream:
    return WebSocketStream(account_id="1", exchange="x", protocol=protocol, clock=SystemClock(), random=Random(1))


class Running:
    """A started stream and what it delivered."""

    def __init__(self, protocol: PlainProtocol) -> None:
        self.reports = Reports()
        self.stream = stream(protocol)

    def __enter__(self) -> Self:
        self.stream.start(self.reports.append)
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.stop()

    def connected(self) -> list[int]:
        return [report.connection for report in self.reports.of(StreamConnected)]

    def lost(self) -> list[tuple[int, str]]:
        return [(report.connection, report.reason) for report in self.reports.of(StreamLost)]

    def numbers(self) -> list[int]:
        return [report.received_ms for report in self.reports.of(BalanceReported)]


def ready(_number: int) -> list[str]:
    return ["ready"]


def test_stream_says_hello_and_is_connected_when_the_venue_confirms():
    with StreamServer(ready) as server, Running(PlainProtocol(server.url)) as running:
        wait_for(running.connected)
        for number in range(50):
            server.connections[0].send(str(number))
        wait_for(lambda: len(running.numbers()) == 50)
    assert server.received == ["hello"]
    assert running.numbers() == list(range(50))
    assert isinstance(running.reports[0], StreamConnected)


def test_stream_not_confirmed_in_time_is_lost_and_never_connected():
    with (
        StreamServer(lambda _: []) as server,
        Running(PlainProtocol(server.url, ready_timeout_ms=50)) as running,
    ):
        wait_for(lambda: len(running.lost()) >= 2)
    assert running.connected() == []
    assert {reason for _, reason in running.lost()} == {"not_subscribed"}


def test_stream_cut_by_the_venue_is_lost_and_connects_again_with_a_higher_number():
    with StreamServer(ready) as server, Running(PlainProtocol(server.url)) as running:
        wait_for(running.connected)
        server.connections[0].close_socket()
        wait_for(lambda: len(running.connected()) == 2)
    kinds = [type(report) for report in running.reports]
    assert kinds[:3] == [StreamConnected, StreamLost, StreamConnected]
    assert running.connected() == [1, 2]
    assert running.lost() == [(1, "connection_lost")]


def test_stream_closed_by_the_venue_is_lost():
    with StreamServer(ready) as server, Running(PlainProtocol(server.url)) as running:
        wait_for(running.connected)
        server.connections[0].close()
        wait_for(lambda: len(running.connected()) == 2)
    assert running.lost() == [(1, "closed_by_venue")]


def test_stream_that_answers_no_pings_is_lost_as_silent():
    with RawServer(answer_pings=False) as server:
        with Running(PlainProtocol(server.url, ping_every_ms=50, silence_ms=300)) as running:
            wait_for(lambda: len(running.connected()) == 2)
        assert running.lost()[0] == (1, "silent")
        assert server.pings >= 1


def test_stream_that_is_only_quiet_is_kept_by_pings():
    with RawServer(answer_pings=True) as server:
        with Running(PlainProtocol(server.url, ping_every_ms=50, silence_ms=1500)) as running:
            # A ping leaves at most every tenth of a second, so this takes longer than the silence that is allowed.
            wait_for(lambda: server.pings >= 20)
            lost = running.lost()
        assert lost == []


def test_stream_ended_by_an_event_is_lost_and_subscribes_again():
    with StreamServer(ready) as server, Running(PlainProtocol(server.url)) as running:
        wait_for(running.connected)
        server.connections[0].send("end")
        wait_for(lambda: len(running.connected()) == 2)
    assert running.lost() == [(1, "ended")]
    assert server.received == ["hello", "hello"]


def test_stream_asked_to_move_overlaps_and_loses_nothing():
    def greeting(number: int) -> list[str]:
        # What the venue sends on the old connection before the new one is confirmed.
        if number == 2:
            for value in range(100):
                server.connections[0].send(str(value))
        return ["ready"]

    with StreamServer(greeting) as server, Running(PlainProtocol(server.url)) as running:
        wait_for(running.connected)
        server.connections[0].send("replace")
        wait_for(lambda: 1 in server.ended)
        server.connections[1].send("100")
        wait_for(lambda: 100 in running.numbers())
    assert running.connected() == [1, 2]
    assert running.lost() == []
    assert running.numbers() == list(range(101))


def test_stream_is_renewed_before_its_age_ends_without_being_lost():
    with StreamServer(ready) as server, Running(PlainProtocol(server.url, max_age_ms=100)) as running:
        wait_for(lambda: len(running.connected()) >= 4)
    assert running.lost() == []
    assert running.connected() == sorted(running.connected())


def test_stream_that_cannot_be_renewed_keeps_serving():
    protocol = PlainProtocol("", max_age_ms=50)
    with StreamServer(ready) as server:
        protocol.url = server.url
        with Running(protocol) as running:
            wait_for(running.connected)
            protocol.refuse = 5
            wait_for(lambda: protocol.refuse == 0)
            server.connections[-1].send("7")
            wait_for(lambda: 7 in running.numbers())
    assert running.lost() == []


def test_stream_reports_a_frame_that_its_protocol_stumbles_over_and_goes_on():
    with StreamServer(ready) as server, Running(PlainProtocol(server.url)) as running:
        wait_for(running.connected)
        server.connections[0].send("bug")
        server.connections[0].send("7")
        wait_for(running.numbers)
    (unreadable,) = running.reports.of(FrameUnreadable)
    assert unreadable.reason == "internal_error: KeyError"
    assert running.lost() == []


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_stream_to_a_closed_port_is_lost_again_and_again(scheme):
    with Running(PlainProtocol(f"{scheme}://127.0.0.1:{loopback.unused_port()}")) as running:
        wait_for(lambda: len(running.lost()) >= 3)
    assert {reason for _, reason in running.lost()} == {"connection_refused"}
    assert [number for number, _ in running.lost()] == sorted(number for number, _ in running.lost())


def test_stream_refused_by_the_handshake_says_so():
    with (
        loopback.Loopback(otherwise=loopback.answer(status=429)) as server,
        Running(PlainProtocol(server.url.replace("http", "ws"))) as running,
    ):
        wait_for(running.lost)
    assert running.lost()[0] == (1, "handshake_refused: 429")


def test_stream_ignores_proxies_of_the_environment(monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{loopback.unused_port()}")
    with StreamServer(ready) as server, Running(PlainProtocol(server.url)) as running:
        wait_for(running.connected)
    assert running.lost() == []


def test_stream_refused_by_its_own_protocol_tries_again():
    with StreamServer(ready) as server:
        protocol = PlainProtocol(server.url)
        protocol.refuse = 2
        with Running(protocol) as running:
            wait_for(running.connected)
    assert running.lost() == [(1, "not now"), (2, "not now")]
    assert running.connected() == [3]


def test_stream_stopped_closes_its_connection_and_its_threads_and_delivers_nothing_more():
    before = set(threading.enumerate())
    with StreamServer(ready) as server:
        running = Running(PlainProtocol(server.url))
        with running:
            wait_for(running.connected)
        delivered = len(running.reports)
        running.stream.deliver(StreamLost(account_id="1", exchange="x", connection=1, reason="late", received_ms=0))
        wait_for(lambda: server.ended == [1])
        assert len(running.reports) == delivered
    left = {thread for thread in set(threading.enumerate()) - before if "stream" in thread.name}
    assert left == set()


def test_stream_stopped_while_it_cannot_connect_ends_within_its_bound():
    running = Running(PlainProtocol("ws://127.0.0.1:1", backoff_first_ms=30000, backoff_max_ms=30000))
    with running:
        wait_for(running.lost)
    thread = running.stream._thread
    assert thread is not None
    thread.join(STOP_TIMEOUT_S)
    assert not thread.is_alive()


def test_receiver_that_raises_does_not_end_the_stream(monkeypatch):
    heard = []
    monkeypatch.setattr(threading, "excepthook", lambda args: heard.append(args.exc_type))
    seen = Reports()

    def deliver(report):
        seen.append(report)
        if len(seen) == 1:
            raise ValueError

    with StreamServer(ready) as server:
        made = stream(PlainProtocol(server.url))
        made.start(deliver)
        wait_for(lambda: seen.of(StreamConnected))
        server.connections[0].send("7")
        wait_for(lambda: seen.of(BalanceReported))
        made.stop()
    assert heard == [ValueError]


RULES = StreamRules(ping_every_ms=1000, silence_ms=3000, max_age_ms=100000, backoff_first_ms=100, backoff_max_ms=1000)


def test_succession_backs_off_further_with_each_failure_up_to_its_bound():
    succession = Succession(RULES, Random(3), now_ms=0)
    now_ms, waits = 0, []
    for _ in range(12):
        number = succession.due(now_ms)
        assert number is not None
        succession.ended(number, 0, now_ms)
        waits.append(succession.wait_ms(now_ms))
        now_ms += waits[-1]
    assert all(50 <= wait <= 100 for wait in waits[:1])
    assert all(500 <= wait <= 1000 for wait in waits[5:])


def test_succession_waits_as_long_as_the_venue_says():
    succession = Succession(RULES, Random(3), now_ms=0)
    succession.ended(succession.due(0), 60000, 0)
    assert succession.due(59999) is None
    assert succession.due(60000) == 2


def test_succession_connects_at_once_after_a_long_service():
    succession = Succession(RULES, Random(3), now_ms=0)
    succession.ready(succession.due(0), 0)
    assert succession.ended(1, 0, 50000)
    assert succession.due(50000) == 2


STEP = st.sampled_from(["ready", "end_opening", "end_serving", "replace", "wait"])
STEPS = st.lists(st.tuples(STEP, st.integers(0, 5000)))


@given(STEPS)
def test_succession_never_opens_two_and_never_drops_a_serving_one_early(steps):
    succession = Succession(RULES, Random(5), now_ms=0)
    now_ms, opening, serving, last = 0, None, None, 0
    for step, pause_ms in steps:
        now_ms += pause_ms
        number = succession.due(now_ms)
        if number is not None:
            assert opening is None
            assert number == last + 1
            opening = last = number
        if step == "ready" and opening is not None:
            assert succession.ready(opening, now_ms) == serving
            serving, opening = opening, None
        elif step == "end_opening" and opening is not None:
            assert succession.ended(opening, 0, now_ms) == (serving is None)
            opening = None
        elif step == "end_serving" and serving is not None:
            assert succession.ended(serving, 0, now_ms)
            serving = None
        elif step == "replace" and serving is not None:
            succession.replace(serving, now_ms)
        assert succession.wait_ms(now_ms) > 0
        if serving is None and opening is None:
            assert succession.due(now_ms + RULES.backoff_max_ms) is not None
            opening = last = last + 1


# ----- what venues want said


def test_stream_replies_to_a_frame_at_once_and_in_order():
    with StreamServer(ready) as server, Running(PlainProtocol(server.url)) as running:
        wait_for(lambda: running.reports.of(StreamConnected))
        server.connections[0].send("ask")
        wait_for(lambda: server.received == ["hello", "answer", "another"])


def test_stream_pings_in_the_words_of_the_venue_also_while_much_is_heard():
    with StreamServer(ready) as server:
        protocol = PlainProtocol(server.url, ping_every_ms=50)
        protocol.ping_text = "PING"
        with Running(protocol) as running:
            wait_for(lambda: running.reports.of(StreamConnected))

            def pinged_twice() -> bool:
                server.connections[0].send("1")
                return server.received.count("PING") > 1

            wait_for(pinged_twice)


def test_stream_reads_binary_frames_as_such():
    with StreamServer(ready) as server, Running(PlainProtocol(server.url)) as running:
        wait_for(lambda: running.reports.of(StreamConnected))
        server.connections[0].send(b"end")
        server.connections[0].send("7")
        wait_for(lambda: running.reports.of(BalanceReported))
        assert not running.reports.of(StreamLost)


def test_stream_tells_its_protocol_that_the_venue_refused_the_connection():
    with RefusingServer(401) as server:
        protocol = PlainProtocol(server.url)
        with Running(protocol):
            wait_for(lambda: protocol.refusals[:2] == [401, 401])


def test_stream_prolongs_what_it_lives_on_and_is_replaced_when_that_is_dead():
    with StreamServer(ready) as server:
        protocol = PlainProtocol(server.url, renew_every_ms=30)
        with Running(protocol) as running:
            wait_for(lambda: protocol.renewals > 1)
            assert len(server.connections) == 1
            protocol.renewable = False
            wait_for(lambda: len(running.reports.of(StreamConnected)) > 1)
            assert not running.reports.of(StreamLost)
