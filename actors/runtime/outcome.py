"""What handling one message leads to: values, not acts. The base actor carries them out, always in the same order."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from actors.store.port import Write
from messages.base import Message, fast_init
from messages.codec import Encoding
from messages.events import Event
from messages.queries import Reply

if TYPE_CHECKING:
    from actors.runtime.base import OmsActor
    from actors.runtime.seam import System


@fast_init
@dataclass(frozen=True, slots=True)
class Send:
    """Tell an actor something."""

    address: str
    message: Message


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Send `message` to oneself after `delay_ms`; a timer under the same key is replaced."""

    key: str
    delay_ms: int
    message: Message


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Forget a timer; unknown keys are fine."""

    key: str


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start a child under an address; an actor there is replaced."""

    address: str
    build: Callable[["System", str], "OmsActor[Any]"]


@dataclass(frozen=True, slots=True)
class StopChild:
    """Stop a child."""

    address: str


@dataclass(frozen=True, slots=True)
class Publish:
    """Hand an event to subscribers that is not part of a commit (health, alerts)."""

    event: Event


@fast_init
@dataclass(frozen=True, slots=True)
class Respond:
    """Answer a host's command; `reply.correlation_id` names it."""

    reply: Reply


@fast_init
@dataclass(frozen=True, slots=True)
class Act:
    """Call a method of a rim the actor was built with (gateway, store); must return at once."""

    run: Callable[[], None]


Effect: TypeAlias = Send | SetTimer | CancelTimer | Spawn | StopChild | Publish | Respond | Act


@dataclass(slots=True)
class Outcome:
    """The whole result of a turn."""

    apply: list[object] = field(default_factory=list)
    """New records for the actor's own memory; what they are is the actor's business."""
    writes: list[Write] = field(default_factory=list)
    """The same records for the store. Empty: nothing to commit, effects are released at once."""
    events: list[Event] = field(default_factory=list)
    """Committed with the writes, published after the commit."""
    private: bool = False
    """The events are published and not stored."""
    encoding: Encoding = field(default_factory=Encoding)
    """What of the records has been encoded, and is shown by events too."""
    effects: list[Effect] = field(default_factory=list)
    """Carried out after the commit, in order."""
    at_once: list[Effect] = field(default_factory=list)
    """Carried out without waiting for the commit: only what neither the venue nor a host can see, or what promises
    nothing while the store is away."""


def parted(effects: list[Effect], chosen: Callable[[Effect], bool]) -> tuple[list[Effect], list[Effect]]:
    """The chosen effects and the others, each in order."""
    picked: list[Effect] = []
    others: list[Effect] = []
    for effect in effects:
        (picked if chosen(effect) else others).append(effect)
    return picked, others
