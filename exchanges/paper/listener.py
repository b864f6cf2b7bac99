"""A loopback port that can be taken away and given back, and the raw connections on it.

uvicorn speaks HTTP and WebSocket; this owns the sockets, so that connections can be refused unread or broken at any
time, and the port closed and opened again under the same number. It knows no venue.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, TypeAlias, cast

from uvicorn import Config
from uvicorn.server import ServerState

from exchanges.paper.wire import WireMessage

Application: TypeAlias = Callable[..., Any]
_HOST = "127.0.0.1"
_BACKLOG = 2048
_KEEP_ALIVE_S = 75
_PING_INTERVAL_S = 20
_PING_TIMEOUT_S = 60
_UNSENT_BYTES = 65_536
"""What waits for a client when it counts as too slow."""
_UNSENT_CHECK_S = 0.002
_TEXT = 0x81
_BINARY = 0x82
_LENGTH_16 = 126
_LENGTH_64 = 127
_HEAD_16 = Struct("!BBH")
_HEAD_64 = Struct("!BBQ")


class Connection:
    """One accepted connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.idle = True
        """Whether the next byte begins a new request."""

    def abort(self) -> None:
        """Break the connection at once; nothing more is sent or read."""
        self._transport.abort()

    def write_messages(self, messages: Sequence[WireMessage]) -> None:
        """Write messages of an open WebSocket in one go, where uvicorn would write each by itself."""
        if not self._transport.is_closing():
            self._transport.write(b"".join([part for one in messages for part in (_head(one), one.payload)]))

    async def drain(self) -> None:
        """Wait for a client that reads too slowly; returns at once when it keeps up or is gone."""
        transport = self._transport
        # The transport tells uvicorn's protocol only, so this has to look for itself.
        while not transport.is_closing() and transport.get_write_buffer_size() > _UNSENT_BYTES:  # noqa: ASYNC110
            await asyncio.sleep(_UNSENT_CHECK_S)


class Listener:
    """A port of the loopback interface that serves an ASGI application."""

    def __init__(self, application: Application, refuses: Callable[[], bool] = lambda: False) -> None:
        """`refuses` is asked when a connection begins to send a request; true closes it unread."""
        self._refuses = refuses
        self._connections: dict[tuple[str, int], Connection] = {}
        self._server: asyncio.Server | None = None
        self._state = ServerState()
        self._config = Config(
            app=application,
            interface="asgi3",
            lifespan="off",
            http="auto",
            ws="auto",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            ws_ping_interval=_PING_INTERVAL_S,
            ws_ping_timeout=_PING_TIMEOUT_S,
            ws_per_message_deflate=False,
        )
        self._config.load()
        # Bound but never listening, it keeps the port ours while the listener is away.
        self._reservation = _bound(0)
        self.port: int = self._reservation.getsockname()[1]

    @property
    def is_open(self) -> bool:
        """Whether connections are accepted."""
        return self._server is not None

    async def open(self) -> None:
        """Accept connections; does nothing when they are accepted already."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._new_protocol, sock=_bound(self.port), backlog=_BACKLOG)

    def close(self) -> None:
        """Refuse new connections and break all present ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in tuple(self._connections.values()):
            connection.abort()

    async def stop(self) -> None:
        """Close for good, end the requests under way and give the port back."""
        self.close()
        self._reservation.close()
        tasks = tuple(self._state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def connection(self, scope: dict[str, Any]) -> Connection | None:
        """Return the connection that a request came by; None when it is gone."""
        return self._connections.get(_address(scope["client"]))

    def forget(self, scope: dict[str, Any]) -> None:
        """Drop a WebSocket connection that has ended; plain ones are dropped by themselves."""
        self._connections.pop(_address(scope["client"]), None)

    def _new_protocol(self) -> asyncio.Protocol:
        create = cast("Callable[..., asyncio.Protocol]", self._config.http_protocol_class)
        inner = create(config=self._config, server_state=self._state, app_state={})
        return _Guard(inner, self._connections, self._refuses)


class _Guard(asyncio.Protocol):
    """Stands before uvicorn's protocol: knows the connection and may close it before anything is read.

    After an upgrade to WebSocket uvicorn puts another protocol in its place, and the connection stays registered.
    """

    def __init__(
        self, inner: asyncio.Protocol, connections: dict[tuple[str, int], Connection], refuses: Callable[[], bool]
    ) -> None:
        self._inner = inner
        self._connections = connections
        self._refuses = refuses
        self._address = ("", 0)
        self._connection: Connection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection."""
        self._connection = Connection(cast("asyncio.Transport", transport))
        self._address = _address(transport.get_extra_info("peername"))
        self._connections[self._address] = self._connection
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass the bytes on, unless the connection is to be closed unread."""
        if self._connection is not None and self._connection.idle:
            self._connection.idle = False
            if self._refuses():
                self._connection.abort()
                return
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Pass it on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._connections.pop(self._address, None)
        self._inner.connection_lost(exc)


def _address(client: tuple[str, int]) -> tuple[str, int]:
    return client[0], client[1]


def _head(message: WireMessage) -> bytes:
    # RFC 6455: a final, unmasked frame, and its length in the shortest of three forms.
    kind, length = _BINARY if message.binary else _TEXT, len(message.payload)
    if length < _LENGTH_16:
        return bytes((kind, length))
    if length < 1 << 16:
        return _HEAD_16.pack(kind, _LENGTH_16, length)
    return _HEAD_64.pack(kind, _LENGTH_64, length)


def _bound(port: int) -> socket.socket:
    # With the protocol named, asyncio switches Nagle's algorithm off; answers of two writes would wait 40 ms otherwise.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((_HOST, port))
    sock.setblocking(False)
    return sock
