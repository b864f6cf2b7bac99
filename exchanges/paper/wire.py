"""What a dialect and the venue around it say to each other: requests as read, answers to be sent, frames for streams.

No wire format here and no sockets; a dialect implements the two protocols, the server moves the bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from exchanges.paper.faults import RequestKind
from exchanges.paper.model import Events, PaperOrder
from exchanges.paper.visibility import Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """One HTTP request, complete and unparsed."""

    method: str
    path: str
    query: bytes
    """Exactly the bytes after the question mark."""
    body: bytes
    headers: Mapping[str, str]
    """Names in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireAnswer:
    """One HTTP answer, and what the request did to the engine."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    events: Events = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a request is about, read before it is judged: faults are drawn by it."""

    kind: RequestKind
    client_order_ids: tuple[str, ...] = ()
    target: PaperOrder | None = None
    """The order that a cancel or an amendment names, or that is to be replaced."""
    places: str | None = None
    """Client order id of the order that it would place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One event for the streams of one account, rendered but not yet wrapped for a subscription."""

    account: str
    payload: bytes


class StreamSession(Protocol):
    """The protocol state of one stream connection."""

    def receive(self, text: str, now_ms: int) -> bytes:
        """Take a client's message and return the reply."""
        ...

    def accounts(self) -> tuple[str, ...]:
        """Return the accounts whose events this connection is to get."""
        ...

    def wrap(self, frame: Frame) -> bytes:
        """Return the frame as this connection sends it."""
        ...

    def terminate(self, account: str, now_ms: int) -> bytes:
        """End the subscription of an account and return the notice."""
        ...

    def shutdown_notice(self, now_ms: int) -> bytes:
        """Return the announcement that the server is about to go."""
        ...


class Dialect(Protocol):
    """A venue's wire protocol over the engine. Pure but for the engine that it drives."""

    venue: str
    """Lower-case venue name."""
    stream_path: str
    """Path of the stream's WebSocket endpoint."""

    def add_keys(self, account: str, seed: int, given: Mapping[str, str] | None = None) -> dict[str, str]:
        """Accept API keys for an account, those given or else keys derived from the seed, and return them.

        Raises ValueError when what is given is no usable key.
        """
        ...

    def enforce_limits(self, *, enabled: bool) -> None:
        """Refuse what exceeds the venue's rate limits, or only count."""
        ...

    def subject(self, request: WireRequest) -> Subject:
        """Say what a request is about. Never fails; what cannot be read is about nothing."""
        ...

    def answer(self, request: WireRequest, now_ms: int, lens: Lens) -> WireAnswer:
        """Carry out a request; queries see what the lens shows."""
        ...

    def observe(self, events: Events) -> None:
        """Take note of what happened in the engine, whoever caused it."""
        ...

    def frames(self, events: Events, now_ms: int) -> tuple[Frame, ...]:
        """Render events for the streams."""
        ...

    def open_session(self, now_ms: int) -> StreamSession:
        """Begin the protocol of a new stream connection."""
        ...

    def server_error(self) -> WireAnswer:
        """Return an error that leaves the outcome open."""
        ...

    def unknown_outcome(self) -> WireAnswer:
        """Return the venue's own words for an outcome that it does not know."""
        ...

    def rate_limited(self, now_ms: int, retry_after_ms: int) -> WireAnswer:
        """Return the refusal of a request that came too fast."""
        ...

    def banned(self, now_ms: int, retry_after_ms: int) -> WireAnswer:
        """Return the refusal of a client that is banned for so long."""
        ...

    def with_unknown_status(self, answer: WireAnswer) -> WireAnswer | None:
        """Return the answer with an order status that nobody knows, or None when it names no status."""
        ...
