import json
import threading
from random import Random

import pytest
from mexc_frames import NOW_MS, Session, protocol, reader
from mexc_samples import ORDER_FRAME, Venue, client, error, told
from stream_server import RefusingServer, Reports, StreamServer, wait_for

from exchanges.answers import Untold
from exchanges.http import SystemClock
from exchanges.mexc.stream import CHANNELS, MexcStream
from exchanges.stream import FrameReader, Reading, StreamRefusedError, WebSocketStream
from messages.reports import (
    FrameUnreadable,
    OrderReported,
    StreamConnected,
    StreamLost,
)

PONG = b'{"id":0,"code":0,"msg":"PONG"}'
WORDS = "Not Subscribed successfully! [spot@private.orders.v3.api.pb].  Reason\uff1a Blocked! "
REFUSAL = '{"id":0,"code":0,"msg":"' + WORDS + '"}'


def ack(channel: str, number: int = 1) -> bytes:
    return json.dumps({"id": number, "code": 0, "msg": channel}).encode()


def confirm(opened: FrameReader) -> Reading:
    readings = [opened.read(ack(channel, number), NOW_MS) for number, channel in enumerate(CHANNELS, 1)]
    assert not any(reading.ready for reading in readings[:-1])
    return readings[-1]


# ----- opening and the key


def test_opening_connects_with_a_key_and_subscribes_each_channel_with_an_id():
    opening = protocol(Session("the/key")).open()
    assert opening.url == "ws://venue/ws?listenKey=the%2Fkey"
    assert [json.loads(frame) for frame in opening.frames] == [
        {"id": number, "method": "SUBSCRIPTION", "params": [channel]} for number, channel in enumerate(CHANNELS, 1)
    ]


def test_opening_in_a_repr_shows_no_key():
    stream = protocol(Session("the-key"))
    opening = stream.open()
    assert "the-key" not in repr(stream) + repr(opening) + repr(opening.reader)


def test_executions_are_not_subscribed_because_their_ids_may_not_be_those_of_the_lists():
    assert CHANNELS == ("spot@private.orders.v3.api.pb", "spot@private.account.v3.api.pb")


@pytest.mark.parametrize(
    ("session", "reason"),
    [
        (Session(book=None), "instruments_unavailable"),
        (Session(Untold(reason="rate_limited")), "listen_key: rate_limited"),
    ],
)
def test_opening_without_symbols_or_key_is_refused(session, reason):
    with pytest.raises(StreamRefusedError, match=reason):
        protocol(session).open()


def test_key_of_a_subscribed_connection_is_used_again():
    session = Session("key-1", "key-2")
    stream = protocol(session)
    confirm(stream.open().reader)
    assert stream.open().url.endswith("=key-1")


def test_key_that_led_to_no_subscription_is_replaced():
    session = Session("key-1", "key-2")
    stream = protocol(session)
    stream.open()
    assert stream.open().url.endswith("=key-2")


@pytest.mark.parametrize("doubt", ["refused", "invalid", "not prolonged", "not subscribed"])
def test_key_in_doubt_is_replaced(doubt):
    session = Session("key-1", "key-2")
    stream = protocol(session)
    opened = stream.open().reader
    confirm(opened)
    match doubt:
        case "refused":
            stream.refused(403)
        case "invalid":
            assert opened.read(b"Invalid listen key", NOW_MS).lost == "listen_key_expired"
        case "not prolonged":
            session.dead.add("key-1")
            assert not stream.renew()
        case _:
            assert opened.read(REFUSAL.encode(), NOW_MS).lost == "subscription_refused"
    assert stream.open().url.endswith("=key-2")


def test_old_connection_in_trouble_leaves_the_new_key_alone():
    session = Session("key-1", "key-2")
    stream = protocol(session)
    old = stream.open().reader
    new = stream.open().reader
    confirm(new)
    old.read(b"Invalid listen key", NOW_MS)
    assert stream.open().url.endswith("=key-2")


def test_renewal_prolongs_the_key_in_use():
    session = Session("key-1")
    stream = protocol(session)
    assert stream.renew()
    stream.open()
    assert stream.renew()
    assert session.prolonged == ["key-1"]


def test_rules_keep_a_key_of_an_hour_and_a_connection_of_a_day_alive():
    rules = protocol().rules
    assert 0 < rules.renew_every_ms <= 30 * 60_000
    assert rules.max_age_ms < 24 * 3_600_000
    assert rules.ping_every_ms < rules.silence_ms < 60_000
    assert reader().ping() == '{"method":"PING"}'


# ----- answers


def test_stream_is_ready_when_every_channel_is_confirmed():
    assert confirm(reader()) == Reading(ready=True)


@pytest.mark.parametrize(
    "frame",
    [REFUSAL.encode(), ack("spot@private.other.v3.api.pb"), b'{"id":1,"code":1,"msg":"spot@private.orders.v3.api.pb"}'],
)
def test_refused_subscription_with_the_code_of_a_success_is_lost(frame):
    reading = reader().read(frame, NOW_MS)
    assert (reading.ready, reading.lost) == (False, "subscription_refused")


def test_pong_means_nothing():
    opened = reader()
    assert opened.read(PONG, NOW_MS) == Reading()
    confirm(opened)
    assert opened.read(PONG, NOW_MS) == Reading()


@pytest.mark.parametrize(
    "frame", [b"", b"not json", b"[]", b"{}", b'{"id":1,"code":0}', b'{"id":1,"msg":"PONG"}', b"\xff"]
)
def test_text_that_cannot_be_understood_is_reported(frame):
    reading = reader().read(frame, NOW_MS)
    (report,) = reading.reports
    assert isinstance(report, FrameUnreadable)
    assert (reading.ready, reading.lost) == (False, "")


def test_unknown_words_after_the_subscription_are_reported():
    opened = reader()
    confirm(opened)
    (report,) = opened.read(ack("something new"), NOW_MS).reports
    assert isinstance(report, FrameUnreadable)


# ----- listen keys over a real socket


def test_listen_key_is_asked_for_and_prolonged_with_signed_calls():
    given_key = [told({"listenKey": "pqia91"})]
    with Venue(post_userDataStream=given_key, put_userDataStream=given_key) as venue:
        session = client(venue).session
        assert session.create_listen_key() == "pqia91"
        assert session.prolong_listen_key("pqia91")
    (made,), (kept,) = venue.called("userDataStream", "POST"), venue.called("userDataStream", "PUT")
    assert made.target.startswith("/api/v3/userDataStream?recvWindow=5000&timestamp=")
    assert kept.target.startswith("/api/v3/userDataStream?listenKey=pqia91&recvWindow=5000&timestamp=")
    assert "&signature=" in made.target
    assert (made.body, made.headers["content-type"]) == ("", "application/json")


@pytest.mark.parametrize("answered", [error(700007), told({}), told({"listenKey": ""}), error(500, status=500)])
def test_listen_key_that_is_not_given_is_none(answered):
    with Venue(post_userDataStream=[answered], put_userDataStream=[error(730706)]) as venue:
        session = client(venue).session
        assert isinstance(session.create_listen_key(), Untold)
        assert not session.prolong_listen_key("old")


# ----- over a real socket


def acks(_number: int) -> list[str]:
    return [ack(channel).decode() for channel in CHANNELS]


def test_stream_over_a_real_socket_reports_pushes_until_stopped():
    reports = Reports()
    session = Session("key-1", "key-2")
    with StreamServer(acks) as server:
        stream = WebSocketStream(
            account_id="1",
            exchange="mexc",
            protocol=MexcStream(account_id="1", session=session, url=server.url),
            clock=SystemClock(),
            random=Random(1),
        )
        stream.start(reports.append)
        wait_for(lambda: reports.of(StreamConnected))
        server.connections[0].send(ORDER_FRAME)
        wait_for(lambda: reports.of(OrderReported))
        server.connections[0].send("Invalid listen key")
        wait_for(lambda: len(reports.of(StreamConnected)) == 2)
        stream.stop()
    assert len(reports.of(OrderReported)) == 1
    assert [report.reason for report in reports.of(StreamLost)] == ["listen_key_expired"]
    assert [connection.request.path for connection in server.connections] == ["/?listenKey=key-1", "/?listenKey=key-2"]
    assert [thread.name for thread in threading.enumerate() if thread.name == "mexc-stream"] == []


def test_stream_refused_at_the_door_asks_for_a_new_key():
    session = Session("key-1", "key-2", *["key-3"] * 20)
    with RefusingServer(403) as server:
        stream = WebSocketStream(
            account_id="1",
            exchange="mexc",
            protocol=MexcStream(account_id="1", session=session, url=server.url),
            clock=SystemClock(),
            random=Random(1),
        )
        stream.start(lambda _: None)
        wait_for(lambda: len(session.keys) < 20)
        stream.stop()
