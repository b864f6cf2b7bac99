"""The rim between actors and the store: blocking calls on threads of its own, answered by message.

One thread writes groups and signs of life, so that a load never delays a commit; a second one takes leases and loads
accounts. Must never: retry a write (the committer decides that), or let a store error become an answer.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from actors.errors import AccountOwnedElsewhere, StoreError
from actors.runtime.seam import System
from actors.store.port import Lease, Section, StateStore, Table
from messages.base import Message
from messages.control import BatchAnswered, BatchUnanswered, KeptAlive

COMMITTER: Final = "committer"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLoaded(Message):
    """The lease is ours and these are the account's records."""

    lease: Lease
    records: dict[Table, dict[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountNotLoaded(Message):
    """The account could not be taken or read."""

    account_id: str
    reason: str
    owned_elsewhere: bool
    """Another living process owns it: asking again is useless until that one dies."""


class StoreRim:
    """Threads around one `StateStore`. Implements the committer's `StoreWriter`."""

    def __init__(
        self,
        system: System,
        store: StateStore,
        *,
        owner: str,
        owner_ttl_ms: int,
        revive: Callable[[], None] | None = None,
    ) -> None:
        """`revive` is called before a store that did not answer is tried again: it may start a server that died."""
        self._system = system
        self._store = store
        self._owner = owner
        self._owner_ttl_ms = owner_ttl_ms
        self._revive = revive
        self._suspect = False
        self._writes: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._loads: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=_drain, args=(self._writes,), name="store-write", daemon=True),
            threading.Thread(target=_drain, args=(self._loads,), name="store-load", daemon=True),
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float) -> None:
        """Finish what is queued and end the threads."""
        self._writes.put(None)
        self._loads.put(None)
        for thread in self._threads:
            thread.join(timeout_s)

    def write(self, sections: list[Section]) -> None:
        """Queue a group; answered by `BatchAnswered` or `BatchUnanswered`."""
        self._writes.put(lambda: self._write(sections))

    def keep_alive(self) -> None:
        """Queue a sign of life; answered by `KeptAlive`."""
        self._writes.put(self._keep_alive)

    def load(self, account_id: str, reply_to: str) -> None:
        """Queue taking and loading an account; answered by `AccountLoaded` or `AccountNotLoaded`."""
        self._loads.put(lambda: self._load(account_id, reply_to))

    def release(self, lease: Lease) -> None:
        """Queue giving an account up; not answered."""
        self._loads.put(lambda: self._release(lease))

    def _write(self, sections: list[Section]) -> None:
        try:
            self._trust_again()
            verdicts = self._store.commit(sections)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the committer must hear that nothing is known
            self._system.tell(COMMITTER, BatchUnanswered(reason=self._failed(error)))
        else:
            self._system.tell(COMMITTER, BatchAnswered(verdicts=tuple(verdicts)))

    def _keep_alive(self) -> None:
        try:
            self._trust_again()
            self._store.keep_alive(self._owner, self._owner_ttl_ms)
        except Exception as error:  # noqa: BLE001 - a dead thread here would silence the whole store
            self._system.tell(COMMITTER, KeptAlive(reason=self._failed(error)))
        else:
            self._system.tell(COMMITTER, KeptAlive())

    def _failed(self, error: Exception) -> str:
        self._suspect = True
        self._system.metrics.store_error(type(error).__name__)
        return f"{type(error).__name__}: {error}"

    def _trust_again(self) -> None:
        # A server that went away may come back with another configuration: what it promises is read again before
        # anything is entrusted to it.
        if self._suspect:
            if self._revive is not None:
                self._revive()
            self._store.facts()
            self._suspect = False

    def _load(self, account_id: str, reply_to: str) -> None:
        try:
            lease = self._store.acquire(account_id, self._owner)
            records = self._store.load(account_id)
        except Exception as error:  # noqa: BLE001 - the account decides; it must be told in any case
            elsewhere = isinstance(error, AccountOwnedElsewhere)
            reason = f"{type(error).__name__}: {error}"
            refused = AccountNotLoaded(account_id=account_id, reason=reason, owned_elsewhere=elsewhere)
            self._system.tell(reply_to, refused)
        else:
            self._system.tell(reply_to, AccountLoaded(lease=lease, records=records))

    def _release(self, lease: Lease) -> None:
        try:
            self._store.release(lease)
        except StoreError as error:
            self._system.metrics.store_error(type(error).__name__)


def _drain(jobs: "queue.SimpleQueue[Callable[[], None] | None]") -> None:
    while (job := jobs.get()) is not None:
        job()
