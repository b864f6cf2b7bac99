"""When readers learn of an account's gates, and of what is missing in its records.

What makes answers less believable shows at once: a gate that closes, something that is known to be missing. What makes
them more believable, a gate that opens or a gap that is filled, shows together with the records that it rests on, when
the turn that did it is committed. Must never: let a reader believe records that he cannot see yet.
"""

from dataclasses import dataclass, field
from itertools import count

from actors.views import PublishedViews


@dataclass(slots=True)
class Standing:
    """How things stand after a turn; the last of its records, filled in when the others are remembered."""

    doubts: frozenset[str] = frozenset()
    openings: dict[str, int] = field(default_factory=dict)
    """Gates that are open and that readers still see closed, each with the number of its opening."""


class Showing:
    """Of one account, by exchange."""

    def __init__(self, views: PublishedViews, gates: dict[str, str]) -> None:
        self._views = views
        self._gates = gates
        self._openings: dict[str, int] = {}
        self._number = count(1)

    def close(self, exchange: str, why: str) -> None:
        """Close a gate, for everybody at once."""
        self._gates[exchange] = self._views.gates[exchange] = why
        self._openings.pop(exchange, None)

    def open(self, exchange: str) -> None:
        """Open a gate; readers see it when the turn under way is durable."""
        self._gates[exchange] = ""
        self._openings[exchange] = next(self._number)

    def note(self, standing: Standing, doubts: frozenset[str]) -> None:
        """Keep how things stand after a turn, until that turn is durable."""
        standing.doubts, standing.openings = doubts, dict(self._openings)

    def release(self, standing: Standing | None, doubts: frozenset[str]) -> None:
        """A turn is shown to readers, and so is everything before it; `doubts` are those of this moment.

        None: it is shown although turns before it are not durable yet, so nothing gets more believable by it.
        """
        views = self._views
        if standing is None:
            views.doubts |= doubts
            return
        views.doubts = standing.doubts | doubts
        for exchange, number in standing.openings.items():
            if self._openings.get(exchange) == number:
                del self._openings[exchange]
                views.gates[exchange] = ""
