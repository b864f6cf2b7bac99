"""The HTTP rim: sends one prepared request and says exactly how far it got.

Owns connections, their age, time limits, size limits and the one distinction everything else rests on: whether a
byte of the request may have left. It never retries, follows a redirect, keeps a cookie, reads proxy settings from
the environment, or lets an exception of a library through; and it never puts a URL, a header or a body into a reason.
"""

import hashlib
import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

IDLE_MAX_S = 4.0
"""A pooled connection idle for longer is replaced. Below the five seconds after which the most impatient common
servers close theirs, so that a request is not written into a connection that is being closed at that moment."""
BODY_MAX_BYTES = 64 * 1024 * 1024
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
_CHUNK_BYTES = 64 * 1024
_NO_HEADERS: Mapping[str, str] = {}


class Clock(Protocol):
    """Where time comes from; the runtime's clock fits."""

    def now_ms(self) -> int:
        """Wall time."""
        ...

    def monotonic_ms(self) -> int:
        """Never goes back."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Wall time."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Never goes back."""
        return time.monotonic_ns() // 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """A complete answer, of whatever status."""

    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes
    sent_ms: int
    """Our clock, before the first byte could leave."""
    received_ms: int
    """Our clock, after the last byte arrived."""
    elapsed_ms: int

    @property
    def body_sha256(self) -> str:
        """Hash of the raw body, for evidence."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFailure:
    """No complete answer."""

    nothing_sent: bool
    """True is proof that no byte of the request left; False means that nobody knows what the server did."""
    reason: str
    """`connection_refused`, `dns`, `tls`, `connect_timeout`, `unreachable`, `timeout`, `connection_lost`,
    `incomplete_body`, `body_too_large`, or why a caller held the request back."""
    sent_ms: int
    received_ms: int
    """When the failure was known."""
    retry_after_ms: int = 0


HttpResult: TypeAlias = HttpAnswer | HttpFailure


class _ConnectError(NewConnectionError):
    """The connection was not established. Whatever the cause, no byte of a request has left."""

    def __init__(self, connection: HTTPConnection, cause: BaseException) -> None:
        super().__init__(connection, "not connected")
        self.cause = cause


class _Connection(HTTPConnection):
    # Marks failures before the request apart from failures during it, and does not outlive its idle time.

    last_used_s = 0.0

    def connect(self) -> None:
        try:
            super().connect()
        except (HTTPError, OSError, ValueError, http.client.HTTPException) as error:
            self.close()
            raise _ConnectError(self, error) from error

    def getresponse(self) -> Any:
        response = super().getresponse()
        head: Any = getattr(response._original_response, "msg", None)  # noqa: SLF001 - nothing public tells a cut head
        if head is None or head.defects:
            # The library takes a head that was cut off for a short one.
            raise http.client.HTTPException("the answer's head is damaged")
        self.last_used_s = time.monotonic()
        return response

    @property
    def is_connected(self) -> bool:
        return time.monotonic() - self.last_used_s <= IDLE_MAX_S and super().is_connected


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:  # noqa: FBT001, FBT002
        super().init_poolmanager(connections, maxsize, block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class HttpClient:
    """Calls to one server. Thread-safe; certificates are always verified."""

    def __init__(
        self,
        *,
        base_url: str,
        clock: Clock,
        headers: Mapping[str, str],
        connect_timeout_ms: int = 1000,
        pool_size: int = 16,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._headers = dict(headers)
        self._connect_timeout_s = connect_timeout_ms / 1000
        self._adapter = _Adapter(pool_connections=2, pool_maxsize=pool_size, max_retries=0)

    def __repr__(self) -> str:
        return f"HttpClient({self._base_url!r})"

    def call(
        self,
        method: str,
        target: str,
        *,
        timeout_ms: int,
        body: bytes | None = None,
        content_type: str = FORM,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> HttpResult:
        """Send one request and wait for its whole answer.

        `target` is path and query, already encoded; `headers` come on top of the client's own. `timeout_ms` bounds the
        wait for the answer, after at most the connect timeout. Never raises for anything that a network or a server
        can do.
        """
        prepared = self._prepare(method, target, body, content_type)
        prepared.headers.update(headers)
        deadline_ms = self._clock.monotonic_ms() + timeout_ms
        timeout_s = max(timeout_ms, 1) / 1000
        sent_ms = self._clock.now_ms()
        started_ms = self._clock.monotonic_ms()
        try:
            response = self._adapter.send(
                prepared, stream=True, timeout=(min(self._connect_timeout_s, timeout_s), timeout_s), verify=True
            )
            content = self._read(response, deadline_ms)
        except (requests.RequestException, HTTPError, OSError, ValueError, http.client.HTTPException) as error:
            return self._failure(error, sent_ms)
        if isinstance(content, str):
            return HttpFailure(
                nothing_sent=False, reason=content, sent_ms=sent_ms, received_ms=self._clock.now_ms()
            )
        return HttpAnswer(
            status=response.status_code,
            headers=response.headers,
            body=content,
            sent_ms=sent_ms,
            received_ms=self._clock.now_ms(),
            elapsed_ms=self._clock.monotonic_ms() - started_ms,
        )

    def close(self) -> None:
        """Close idle connections."""
        self._adapter.close()

    def _prepare(
        self, method: str, target: str, body: bytes | None, content_type: str
    ) -> requests.PreparedRequest:
        # Filled in directly: `Request.prepare` would parse and encode again what is already exact, and a signature
        # covers exactly these bytes.
        prepared = requests.PreparedRequest()
        prepared.method = method
        prepared.url = self._base_url + target
        headers = CaseInsensitiveDict(self._headers)
        if body is not None:
            headers["Content-Type"] = content_type
            headers["Content-Length"] = str(len(body))
        prepared.headers = headers
        prepared.body = body
        return prepared

    def _read(self, response: requests.Response, deadline_ms: int) -> bytes | str:
        # The body, or the reason why it was given up. Read piece by piece: a server that drips bytes resets the
        # socket's own time limit with each of them.
        chunks: list[bytes] = []
        size = 0
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            size += len(chunk)
            chunks.append(chunk)
            if size > BODY_MAX_BYTES:
                response.raw.close()
                return "body_too_large"
            if self._clock.monotonic_ms() > deadline_ms:
                response.raw.close()
                return "timeout"
        return b"".join(chunks)

    def _failure(self, error: BaseException, sent_ms: int) -> HttpFailure:
        cause = _connect_cause(error)
        reason = _lost_reason(error) if cause is None else _connect_reason(cause)
        return HttpFailure(
            nothing_sent=cause is not None, reason=reason, sent_ms=sent_ms, received_ms=self._clock.now_ms()
        )


def _chain(error: BaseException) -> list[BaseException]:
    # The libraries wrap errors in arguments, in `reason` and in causes; this is all of them, outermost first.
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        item = waiting.pop()
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            inner = item.reason if isinstance(item, MaxRetryError) else None
            waiting += [item.__cause__, inner, *item.args]
    return found


def _connect_cause(error: BaseException) -> BaseException | None:
    # What kept the connection from being established; None when it was, or when that is not proven.
    for item in _chain(error):
        if isinstance(item, _ConnectError):
            return item.cause
    return None


def _connect_reason(cause: BaseException) -> str:
    for item in _chain(cause):
        if isinstance(item, NameResolutionError | socket.gaierror):
            return "dns"
        if isinstance(item, SSLError | ssl.SSLError | ssl.CertificateError):
            return "tls"
        if isinstance(item, ConnectionRefusedError):
            return "connection_refused"
        if isinstance(item, TimeoutError):
            return "connect_timeout"
    return "unreachable"


def _lost_reason(error: BaseException) -> str:
    for item in _chain(error):
        if isinstance(item, requests.ReadTimeout | ReadTimeoutError | TimeoutError):
            return "timeout"
        if isinstance(item, http.client.IncompleteRead):
            return "incomplete_body"
    return "connection_lost"
