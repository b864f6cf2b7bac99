"""What reached the venue over the wire: counts for auditors, the last requests for people. It never holds a secret."""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass

from exchanges.paper.faults import RequestKind
from exchanges.paper.wire import Subject

_ENTRIES_MAX = 20_000


@dataclass(slots=True, kw_only=True)
class RequestEntry:
    """One request that was read, and what became of it."""

    number: int
    """1-based, in the order of arrival."""
    at_ms: int
    kind: RequestKind
    client_order_ids: tuple[str, ...]
    during_ban: bool
    faults: tuple[str, ...] = ()
    processed: int = 0
    """How many times it went through the engine."""
    status: int = 0
    """HTTP status of the answer; 0: none was sent."""


class RequestLog:
    """All requests, counted; the last ones in full."""

    def __init__(self) -> None:
        self.received: Counter[str] = Counter()
        """Requests read, by kind."""
        self.statuses: Counter[str] = Counter()
        """Answers sent, by HTTP status."""
        self.during_ban = 0
        """Requests read while the client was banned."""
        self._placements: defaultdict[str, list[RequestEntry]] = defaultdict(list)
        self._entries: deque[RequestEntry] = deque(maxlen=_ENTRIES_MAX)
        self._count = 0

    def receive(self, subject: Subject, now_ms: int, *, banned: bool) -> RequestEntry:
        """Log a request that was read."""
        self._count += 1
        entry = RequestEntry(
            number=self._count,
            at_ms=now_ms,
            kind=subject.kind,
            client_order_ids=subject.client_order_ids,
            during_ban=banned,
        )
        self.received[subject.kind] += 1
        self.during_ban += banned
        self._entries.append(entry)
        if subject.places is not None:
            self._placements[subject.places].append(entry)
        return entry

    def answer(self, entry: RequestEntry, status: int) -> None:
        """Log that an answer was sent."""
        entry.status = status
        self.statuses[str(status)] += 1

    def placements(self, client_order_id: str) -> tuple[RequestEntry, ...]:
        """Return every request that would have placed an order under this client order id."""
        return tuple(self._placements.get(client_order_id, ()))

    def repeated_placements(self) -> dict[str, int]:
        """Return, by client order id, how many placement requests were read where there was more than one."""
        return {client_id: len(entries) for client_id, entries in self._placements.items() if len(entries) > 1}

    def last(self, count: int) -> tuple[RequestEntry, ...]:
        """Return the last requests, oldest first."""
        return tuple(self._entries)[-count:]
