"""The header that every message carries, and the two things a sender may say about it."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Base of everything that travels between actors.

    Immutable: a receiver may keep it. The runtime fills the three ids of the header when a message is first sent;
    whoever builds one may leave them out. `message_id` is the deduplication key of a command.
    """

    message_id: str = ""
    correlation_id: str = ""
    """The workflow this belongs to: the id of the command that started it."""
    causation_id: str = ""
    """The message whose handling sent this one."""

    urgent: ClassVar[bool] = True
    """Whether it goes through the urgent lane of an inbox. Only what adds new work (placements, drafts) does not."""
    schema: ClassVar[int] = 1
    """Raised when a field changes meaning; the codec writes it and refuses what it cannot read."""
