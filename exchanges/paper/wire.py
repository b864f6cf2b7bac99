"""What a dialect and the venue around it say to each other: requests as read, answers to be sent, frames for streams.

No wire format here and no sockets; a dialect implements the two protocols, the server moves the bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from exchanges.paper.faults import RequestKind
from exchanges.paper.model import ClientIdPolicy, Events, Execution, FeeRules, PaperInstrument, PaperOrder
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
    channel: str = ""
    """What it belongs to, where a client subscribes to several things of one account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireMessage:
    """One WebSocket message to a client, exactly as it is sent."""

    payload: bytes
    binary: bool = False
    closes: bool = False
    """The connection is closed when it has been sent; an empty payload is not sent."""


class StreamSession(Protocol):
    """The protocol state of one stream connection."""

    def opened(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Return what the venue says first, unasked."""
        ...

    def receive(self, message: bytes, now_ms: int) -> tuple[WireMessage, ...]:
        """Take a client's message, text or binary, and return the replies."""
        ...

    def tick(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Return what is due by time: heartbeats, pings, the end of a connection that was idle for too long. Asked
        about every 50 ms.
        """
        ...

    def accounts(self) -> tuple[str, ...]:
        """Return the accounts that this connection is subscribed to, in whatever way."""
        ...

    def wants(self, frame: Frame) -> bool:
        """Whether this connection is subscribed to what a frame belongs to."""
        ...

    def wrap(self, frame: Frame, now_ms: int) -> WireMessage:
        """Return the frame as this connection sends it. Called once for every frame, in order, also for those that
        are lost on the way: sequence numbers advance.
        """
        ...

    def terminate(self, account: str, now_ms: int) -> tuple[WireMessage, ...]:
        """End the subscription of an account as the venue does when its token expires, and return the notice."""
        ...

    def shutdown_notice(self, now_ms: int) -> tuple[WireMessage, ...]:
        """Return the announcement that the server is about to go, where the venue makes one."""
        ...


class Dialect(Protocol):
    """A venue's wire protocol over the engine. Pure but for the engine that it drives."""

    venue: ClassVar[str]
    """Lower-case venue name."""
    stream_path: ClassVar[str]
    """Path of the stream's WebSocket endpoint."""
    client_ids: ClassVar[ClientIdPolicy]
    """When the venue takes a client order id again. With ANY, a request that is delivered twice places two orders; the
    fault plan then never delivers a placement twice."""
    fees: ClassVar[FeeRules]
    """What the venue charges for executions, and in what."""
    margin: ClassVar[bool]
    """Whether accounts trade on margin: they hold positions, of either sign, and are never short of what they sell."""

    @staticmethod
    def instruments() -> tuple[PaperInstrument, ...]:
        """Return what the venue offers, under its own names."""
        ...

    def venue_order_id(self, order_id: int) -> str:
        """Return the id that the venue gives an order of the engine."""
        ...

    def fill_id(self, execution: Execution) -> str:
        """Return the id by which the venue's clients know an execution: what makes it unique at the venue."""
        ...

    def expire_tokens(self) -> None:
        """Let every token that was issued for requests or streams be expired from now on; nothing, where there are
        none. Streams that are connected stay.
        """
        ...

    def add_keys(self, account: str, seed: int, given: Mapping[str, str] | None = None) -> dict[str, str]:
        """Accept API keys for an account, those given or else keys derived from the seed, and return them: what
        the venue's clients configure, as `apiKey` with `apiSecret`, `passphrase`, or `userName` and `accountNumber`.

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

    def open_session(self, query: bytes, headers: Mapping[str, str], now_ms: int) -> StreamSession | int:
        """Begin the protocol of a new stream connection, or refuse it with an HTTP status.

        `query` is what stood after the question mark of its URL; header names are in lower case.
        """
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
