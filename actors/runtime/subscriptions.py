"""Event subscribers of a host: each with a bounded buffer and a thread of its own, so that none can slow an account.

A subscriber that falls behind loses the oldest events it has not seen, is told so by a `SubscriberLagged` alert in
their place, and can read what it missed from the account's stored stream.
"""

import threading
from collections import deque
from collections.abc import Callable

from actors.runtime.log import subscriber_failed
from messages.events import Alert, Event, Severity

BUFFER_MAX = 10_000


class Subscription:
    """One subscriber; `close` ends it."""

    def __init__(
        self, handler: Callable[[Event], object], types: tuple[type[Event], ...], account_id: str | None
    ) -> None:
        self._handler = handler
        self._types = types
        self._account_id = account_id
        self._buffer: deque[Event] = deque()
        self._lost = 0
        self._closed = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="oms-subscriber", daemon=True)
        self._thread.start()

    def offer(self, event: Event) -> None:
        """Take an event into the buffer; never blocks for longer than the buffer's lock is held."""
        if self._types and not isinstance(event, self._types):
            return
        if self._account_id is not None and event.account_id not in ("", self._account_id):
            return
        with self._news:
            if len(self._buffer) >= BUFFER_MAX:
                self._buffer.popleft()
                self._lost += 1
            self._buffer.append(event)
            self._news.notify()

    def close(self, timeout_s: float = 1.0) -> None:
        """Deliver what is buffered and end the thread, within the timeout."""
        with self._news:
            self._closed = True
            self._news.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            for event in batch:
                try:
                    self._handler(event)
                except Exception as error:  # noqa: BLE001 - a host's handler may raise anything; the next event comes anyway
                    subscriber_failed(type(event).__name__, error)

    def _next(self) -> list[Event] | None:
        with self._news:
            while not self._buffer and not self._closed:
                self._news.wait()
            if not self._buffer:
                return None
            batch = list(self._buffer)
            self._buffer.clear()
            lost, self._lost = self._lost, 0
        if lost:
            batch.insert(0, _lagged(lost, batch[0]))
        return batch


def _lagged(lost: int, following: Event) -> Alert:
    return Alert(
        account_id=following.account_id,
        name="SubscriberLagged",
        severity=Severity.WARNING,
        text=f"{lost} events were not delivered; read them from the stored stream before {following.event_id or 'now'}",
        details=(("lost", str(lost)),),
        at_ms=0,
    )
