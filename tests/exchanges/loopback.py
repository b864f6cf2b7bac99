"""A scripted HTTP server on a real loopback socket: every request is logged, then met with the next behaviour."""

import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

WAIT_S = 10.0


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: str
    connection: int

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def params(self) -> dict[str, str]:
        text = self.body or self.target.partition("?")[2]
        return dict(part.split("=", 1) for part in text.split("&") if part)


Behaviour = Callable[["Loopback", socket.socket, Received], bool]
"""Meets one request; true keeps the connection open."""


def answer(body: bytes | str = b"{}", *, status: int = 200, headers: dict[str, str] | None = None) -> Behaviour:
    content = body.encode() if isinstance(body, str) else body

    def meet(_server: "Loopback", connection: socket.socket, _request: Received) -> bool:
        connection.sendall(head(status, len(content), headers) + content)
        return True

    return meet


def answer_then_close(body: bytes | str = b"{}") -> Behaviour:
    """Promise keep-alive, and close all the same, as servers do with idle connections."""

    def meet(server: "Loopback", connection: socket.socket, request: Received) -> bool:
        answer(body)(server, connection, request)
        return False

    return meet


def hang(server: "Loopback", _connection: socket.socket, _request: Received) -> bool:
    server.released.wait(WAIT_S)
    return False


def break_off(_server: "Loopback", connection: socket.socket, _request: Received) -> bool:
    """Reset the connection after the whole request was read."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def break_mid_body(_server: "Loopback", connection: socket.socket, _request: Received) -> bool:
    connection.sendall(head(200, 1000, None) + b'{"orderId":')
    return False


def break_mid_head(_server: "Loopback", connection: socket.socket, _request: Received) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
    return False


def talk_nonsense(_server: "Loopback", connection: socket.socket, _request: Received) -> bool:
    connection.sendall(b"\x00\x01\x02 not http at all\r\n\r\n")
    return False


def drip(server: "Loopback", connection: socket.socket, _request: Received) -> bool:
    """Send a body so slowly that every single read succeeds."""
    connection.sendall(head(200, 1000, None))
    for _ in range(1000):
        if server.released.wait(0.05):
            break
        connection.sendall(b" ")
    return False


def head(status: int, length: int, headers: dict[str, str] | None) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {length}", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass
class Loopback:
    """Use as a context manager. `script` is consumed in order; then `otherwise` meets every request."""

    script: list[Behaviour] = field(default_factory=list)
    otherwise: Behaviour = field(default_factory=answer)
    requests: list[Received] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    closed: list[threading.Event] = field(default_factory=list)
    """One per connection, set when the server has closed it."""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._listener.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sent(self, path: str) -> list[Received]:
        return [request for request in self.requests if request.path == path]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.closed.append(threading.Event())
            threading.Thread(target=self._serve, args=(connection, len(self.closed) - 1), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection:
            stream = connection.makefile("rb")
            while (request := _read(stream, number)) is not None:
                with self._lock:
                    self.requests.append(request)
                    behaviour = self.script.pop(0) if self.script else self.otherwise
                if not behaviour(self, connection, request):
                    break
            stream.close()
        self.closed[number].set()


def _read(stream: object, number: int) -> Received | None:
    try:
        line = stream.readline().decode()
        headers = {}
        while (header := stream.readline().decode().strip()) != "":
            name, _, value = header.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", "0"))).decode()
    except (OSError, UnicodeDecodeError):
        return None
    if line.count(" ") < 2:
        return None
    method, target, _ = line.split(" ", 2)
    return Received(method, target, headers, body, number)


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
