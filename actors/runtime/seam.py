"""The execution seam: everything an actor may reach, as one interface with a pooled and a simulated implementation."""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from messages.base import Message
from messages.events import Event
from messages.queries import Reply

if TYPE_CHECKING:
    from actors.runtime.base import OmsActor
    from actors.runtime.metrics import Metrics

ActorT = TypeVar("ActorT", bound="OmsActor[Any]")


class Clock(Protocol):
    """The only source of time."""

    def now_ms(self) -> int:
        """Wall time, to stamp records with."""
        ...

    def monotonic_ms(self) -> int:
        """Never goes back; to wait and to measure with."""
        ...


class Ids(Protocol):
    """The only source of message ids."""

    def next(self) -> str:
        """A short id, unique within this system."""
        ...


class System(Protocol):
    """One runtime: actors by address, timers, time, randomness. Several can live in one process."""

    clock: Clock
    ids: Ids
    random: Random
    metrics: "Metrics"

    def tell(self, address: str, message: Message) -> bool:
        """Put a message into an actor's inbox. False (and counted) when nobody lives there."""
        ...

    def after(self, delay_ms: int, address: str, message: Message) -> int:
        """Tell later; the answer identifies the timer."""
        ...

    def cancel(self, timer: int) -> None:
        """Forget a timer, also when its message waits in an inbox already; unknown or fired ones are fine."""
        ...

    def concrete(self, kind: type[ActorT]) -> type[ActorT]:
        """The class that an actor of this kind has in this system; `OmsActor` asks when one is made."""
        ...

    def start(self, address: str, build: Callable[["System", str], "OmsActor[Any]"], parent: str = "") -> None:
        """Build and start an actor under an address; `parent` is told when it fails.

        One that lives there is stopped first, and its last turn is over before the new one begins.
        """
        ...

    def stop(self, address: str) -> None:
        """Stop an actor and its children; their waiting messages are dropped."""
        ...

    def child_failed(self, address: str, error: BaseException, handling: str) -> None:
        """An actor's handler raised: tell its parent, once."""
        ...

    def depth(self, address: str) -> int:
        """Messages waiting in the normal lane of an inbox."""
        ...

    def publish(self, event: Event) -> None:
        """Hand an event to whoever listens; never blocks."""
        ...

    def respond(self, reply: Reply) -> None:
        """Resolve the host's future that waits for `reply.correlation_id`; unknown ones are dropped."""
        ...
