"""A small real WebSocket server for stream tests, a collector of reports, and waiting on conditions."""

import base64
import hashlib
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Self

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.sync.server import ServerConnection, serve

from messages.reports import StreamReport

WAIT_S = 10.0
PING = 9


class StreamServer:
    """Keeps its connections; answers each first frame with `greeting(number)`, and sends what a test tells it to."""

    def __init__(self, greeting: Callable[[int], list[str]]) -> None:
        self.greeting = greeting
        self.connections: list[ServerConnection] = []
        self.received: list[str] = []
        self.ended: list[int] = []

    def __enter__(self) -> Self:
        self._server = serve(self._meet, "127.0.0.1", 0, ping_interval=None)
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self.connections:
            connection.close_socket()
        self._server.shutdown()
        self._thread.join(WAIT_S)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def _meet(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        number = len(self.connections)
        with suppress(ConnectionClosed):
            for frame in connection:
                self.received.append(str(frame))
                for reply in self.greeting(number):
                    connection.send(reply)
        self.ended.append(number)


class RefusingServer:
    """Refuses every upgrade with an HTTP status."""

    def __init__(self, status: int) -> None:
        self._status = status

    def __enter__(self) -> Self:
        def refuse(connection: ServerConnection, _request: object) -> Response:
            return connection.respond(HTTPStatus(self._status), "no")

        self._server = serve(lambda _: None, "127.0.0.1", 0, process_request=refuse)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(WAIT_S)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"


class RawServer:
    """Upgrades, says `ready`, and then only counts pings, answering them or not: what a dead peer cannot be made of."""

    def __init__(self, *, answer_pings: bool) -> None:
        self.answer_pings = answer_pings
        self.pings = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        with connection, stream, suppress(OSError):
            key = ""
            while line := stream.readline().decode().strip():
                name, _, value = line.partition(":")
                key = value.strip() if name.lower() == "sec-websocket-key" else key
            digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
            accept = base64.b64encode(digest).decode()
            head = f"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}"
            connection.sendall(f"{head}\r\n\r\n".encode() + b"\x81\x05ready")
            while frame := stream.read(2):
                stream.read(4 + (frame[1] & 0x7F))
                if frame[0] & 0x0F == PING:
                    self.pings += 1
                    if self.answer_pings:
                        connection.sendall(b"\x8a\x00")


class Reports(list[StreamReport]):
    """Collects what a stream delivers."""

    def of(self, kind: type) -> list[StreamReport]:
        return [report for report in list(self) if isinstance(report, kind)]


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until a condition holds; fails after a deadline."""
    deadline = time.monotonic() + WAIT_S
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "the awaited did not happen"
        pause.wait(0.005)
