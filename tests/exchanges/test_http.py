import gzip
import hashlib
import socket
import threading

import loopback
import pytest
from loopback import Loopback, answer, answer_then_close

import exchanges.http as rim
from exchanges.http import HttpAnswer, HttpClient, HttpFailure, HttpResult, SystemClock


def client(url: str, **options: int) -> HttpClient:
    return HttpClient(base_url=url, clock=SystemClock(), headers={"X-Key": "k"}, **options)


def post(http: HttpClient, timeout_ms: int = 5000) -> HttpResult:
    return http.call("POST", "/order", body=b"a=1", timeout_ms=timeout_ms)


def test_call_answered_is_complete_with_times_and_hash():
    with Loopback(otherwise=answer(b'{"x":1}', status=400, headers={"Retry-After": "3"})) as server:
        result = post(client(server.url))
    assert isinstance(result, HttpAnswer)
    assert (result.status, result.body, result.headers["retry-after"]) == (400, b'{"x":1}', "3")
    assert result.sent_ms <= result.received_ms
    assert result.body_sha256 == hashlib.sha256(b'{"x":1}').hexdigest()
    request = server.requests[0]
    assert (request.method, request.body, request.headers["x-key"]) == ("POST", "a=1", "k")


def test_call_to_closed_port_sent_nothing():
    result = post(client(f"http://127.0.0.1:{loopback.unused_port()}"))
    assert isinstance(result, HttpFailure)
    assert (result.nothing_sent, result.reason) == (True, "connection_refused")


def test_call_to_unknown_host_sent_nothing():
    result = post(client("http://nowhere.invalid"))
    assert isinstance(result, HttpFailure)
    assert (result.nothing_sent, result.reason) == (True, "dns")


def test_call_with_failing_tls_sent_nothing():
    with Loopback() as server:
        result = post(client(server.url.replace("http:", "https:")))
    assert isinstance(result, HttpFailure)
    assert result.nothing_sent
    assert server.sent("/order") == []


def test_call_to_full_listener_sent_nothing():
    # A listener whose queue is full answers no handshake: the connection itself times out.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            waiting.append(filler)
        result = post(client(f"http://127.0.0.1:{listener.getsockname()[1]}", connect_timeout_ms=200))
        for filler in waiting:
            filler.close()
    assert isinstance(result, HttpFailure)
    assert (result.nothing_sent, result.reason) == (True, "connect_timeout")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (loopback.hang, "timeout"),
        (loopback.break_off, "connection_lost"),
        (loopback.break_mid_head, "connection_lost"),
        (loopback.talk_nonsense, "connection_lost"),
        (loopback.break_mid_body, "incomplete_body"),
        (loopback.drip, "timeout"),
    ],
)
def test_call_that_breaks_after_sending_is_unknown(behaviour, reason):
    with Loopback(otherwise=behaviour) as server:
        result = post(client(server.url), timeout_ms=300)
    assert isinstance(result, HttpFailure)
    assert (result.nothing_sent, result.reason) == (False, reason)
    assert len(server.sent("/order")) == 1


def test_call_broken_on_a_reused_connection_is_unknown_and_sent_once():
    with Loopback(script=[answer(), loopback.break_off]) as server:
        http = client(server.url)
        post(http)
        result = post(http)
    assert isinstance(result, HttpFailure)
    assert not result.nothing_sent
    assert [request.connection for request in server.requests] == [0, 0]


def test_idle_connection_closed_by_server_is_replaced_and_request_sent_once():
    with Loopback(script=[answer_then_close()], otherwise=answer(b"second")) as server:
        http = client(server.url)
        post(http)
        assert server.closed[0].wait(loopback.WAIT_S)
        result = post(http)
    assert isinstance(result, HttpAnswer)
    assert result.body == b"second"
    assert [request.connection for request in server.requests] == [0, 1]


def test_connection_idle_for_too_long_is_replaced(monkeypatch):
    with Loopback() as server:
        http = client(server.url)
        post(http)
        monkeypatch.setattr(rim, "IDLE_MAX_S", -1.0)
        post(http)
    assert [request.connection for request in server.requests] == [0, 1]


def test_connection_in_use_is_kept():
    with Loopback() as server:
        http = client(server.url)
        for _ in range(3):
            post(http)
    assert {request.connection for request in server.requests} == {0}


def test_redirect_is_an_answer_and_not_followed():
    with Loopback(script=[answer(status=307, headers={"Location": "/elsewhere"})]) as server:
        result = post(client(server.url))
    assert isinstance(result, HttpAnswer)
    assert result.status == 307
    assert server.sent("/elsewhere") == []


def test_cookie_is_not_kept():
    with Loopback(script=[answer(headers={"Set-Cookie": "a=b"})]) as server:
        http = client(server.url)
        post(http)
        post(http)
    assert "cookie" not in server.requests[1].headers


def test_proxy_in_environment_is_ignored(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{loopback.unused_port()}")
    with Loopback() as server:
        assert isinstance(post(client(server.url)), HttpAnswer)


def test_body_over_the_limit_is_given_up(monkeypatch):
    monkeypatch.setattr(rim, "BODY_MAX_BYTES", 10)
    with Loopback(otherwise=answer(b"x" * 1000)) as server:
        result = post(client(server.url))
    assert isinstance(result, HttpFailure)
    assert (result.nothing_sent, result.reason) == (False, "body_too_large")


def test_compressed_body_is_unpacked():
    packed = gzip.compress(b"x" * 200_000)
    with Loopback(otherwise=answer(packed, headers={"Content-Encoding": "gzip"})) as server:
        result = post(client(server.url))
    assert isinstance(result, HttpAnswer)
    assert result.body == b"x" * 200_000


def test_compressed_body_that_is_damaged_is_unknown():
    packed = gzip.compress(b"x" * 200)
    with Loopback(otherwise=answer(packed[:10] + b"?" * 20, headers={"Content-Encoding": "gzip"})) as server:
        result = post(client(server.url))
    assert isinstance(result, HttpFailure)
    assert not result.nothing_sent


@pytest.mark.parametrize(("tail", "complete"), [(b"0\r\n\r\n", True), (b"5\r\nab", False), (b"", False)])
def test_chunked_body_counts_only_when_it_is_whole(tail, complete):
    def meet(_server, connection, _request):
        connection.sendall(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" + tail)
        return False

    with Loopback(otherwise=meet) as server:
        result = post(client(server.url))
    assert isinstance(result, HttpAnswer) == complete
    assert complete or not result.nothing_sent


def test_calls_from_several_threads_are_all_answered():
    results: list[HttpResult] = []
    with Loopback() as server:
        http = client(server.url)
        threads = [threading.Thread(target=lambda: results.append(post(http))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(loopback.WAIT_S)
    assert len(results) == 8
    assert all(isinstance(result, HttpAnswer) for result in results)


def test_failure_names_no_url_or_header():
    result = post(client(f"http://127.0.0.1:{loopback.unused_port()}"))
    assert "X-Key" not in repr(result)
    assert "127.0.0.1" not in repr(result)
