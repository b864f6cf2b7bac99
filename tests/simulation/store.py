"""The store in a simulated run: answers by delayed messages, loses answers, fails, repeats, is away for a while.

`AuditedStore` is the server; it outlives the process and shows every commit to the auditor. `SimulatedStoreRim` is one
process's way to it, with the contract of `actors.runtime.store_rim`: every call is answered by exactly one message.
"""

from collections.abc import Callable
from random import Random

from actors.errors import AccountOwnedElsewhere
from actors.runtime.simulated import SimulatedSystem
from actors.runtime.store_rim import COMMITTER, AccountLoaded, AccountNotLoaded
from actors.store.memory import MemoryStore
from actors.store.port import Lease, Section
from messages.base import Message
from messages.control import BatchAnswered, BatchUnanswered, KeptAlive, Verdict

from .faults import Fault, Faults

OWNER_TTL_MS = 3000
_TIMEOUT_MS = 400
_SLOW_MS = 900


class AuditedStore(MemoryStore):
    """A memory store that tells an auditor of every section it was asked to write, with its verdict."""

    def __init__(
        self,
        now_ms: Callable[[], int],
        on_section: Callable[[Section, Verdict], None],
        on_lease: Callable[[str, int], None],
    ) -> None:
        super().__init__(now_ms)
        self._on_section = on_section
        self._on_lease = on_lease

    def acquire(self, account_id: str, owner: str) -> Lease:
        """Take an account, and show it."""
        lease = super().acquire(account_id, owner)
        self._on_lease(account_id, lease.epoch)
        return lease

    def commit(self, sections: list[Section]) -> list[Verdict]:
        """Commit, and show it."""
        verdicts = super().commit(sections)
        for section, verdict in zip(sections, verdicts, strict=True):
            self._on_section(section, verdict)
        return verdicts

    def is_known(self, account_id: str) -> bool:
        """Whether anybody ever took the account."""
        return account_id in self._accounts

    def take_over(self, account_id: str) -> None:
        """Another process takes the account, as when this one seemed dead for longer than its sign of life lasts."""
        self._accounts[account_id].owner = None
        self.acquire(account_id, "intruder")


class SimulatedStoreRim:
    """Implements `StoreWriter` and `AccountLoader` for one process."""

    def __init__(
        self,
        system: SimulatedSystem,
        store: AuditedStore,
        faults: Faults,
        random: Random,
        *,
        owner: str,
        crash: Callable[[], None],
    ) -> None:
        self._system = system
        self._store = store
        self._faults = faults
        self._random = random
        self._owner = owner
        self._crash = crash
        self._tell = system.of_this_incarnation(system.tell)
        self.down_until_ms = 0
        store.keep_alive(owner, OWNER_TTL_MS)

    # ----- what the committer asks

    def write(self, sections: list[Section]) -> None:
        """Write a group; answered by `BatchAnswered` or `BatchUnanswered`."""
        if self._away():
            self._say(COMMITTER, BatchUnanswered(reason="connection refused"), self._random.randint(1, 20))
        elif self._faults.strikes(Fault.STORE_NOT_WRITTEN):
            self._say(COMMITTER, BatchUnanswered(reason="connection reset"), self._random.randint(1, _TIMEOUT_MS))
        elif self._faults.strikes(Fault.STORE_LATE_WRITE):
            self._say(COMMITTER, BatchUnanswered(reason="timeout"), _TIMEOUT_MS)
            self._system.schedule(self._random.randint(1, 8000), lambda: self._arrive_late(sections))
        else:
            slow = self._faults.strikes(Fault.STORE_SLOW)
            delay = self._random.randint(0, _SLOW_MS if slow else 4)
            self._system.schedule(delay, lambda: self._arrive(sections))

    def keep_alive(self) -> None:
        """Renew the sign of life; answered by `KeptAlive`."""
        if self._away():
            self._say(COMMITTER, KeptAlive(reason="connection refused"), self._random.randint(1, 20))
            return
        self._store.keep_alive(self._owner, OWNER_TTL_MS)
        self._say(COMMITTER, KeptAlive(), self._random.randint(1, 10))

    # ----- what accounts ask

    def load(self, account_id: str, reply_to: str) -> None:
        """Take and load an account; answered by `AccountLoaded` or `AccountNotLoaded`."""
        delay = self._random.randint(1, 30)
        load = self._system.of_this_incarnation(self._load)
        self._system.schedule(delay, lambda: load(account_id, reply_to))

    def release(self, lease: Lease) -> None:
        """Give an account up."""
        self._store.release(lease)

    # ----- parts

    def _arrive(self, sections: list[Section]) -> None:
        verdicts = self._commit(sections)
        if self._faults.strikes(Fault.STORE_TWICE):
            verdicts = self._commit(sections)
        if self._faults.strikes(Fault.CRASH_AFTER_WRITE):
            self._crash()
        if self._faults.strikes(Fault.STORE_ANSWER_LOST):
            self._say(COMMITTER, BatchUnanswered(reason="timeout"), _TIMEOUT_MS)
        else:
            self._say(COMMITTER, BatchAnswered(verdicts=tuple(verdicts)), self._random.randint(0, 4))

    def _arrive_late(self, sections: list[Section]) -> None:
        self._commit(sections)

    def _commit(self, sections: list[Section]) -> list[Verdict]:
        return self._store.commit(sections)

    def _load(self, account_id: str, reply_to: str) -> None:
        failed = self._away() or self._faults.strikes(Fault.LOAD_FAILS)
        if failed and self._random.random() < 0.5:
            self._not_loaded(account_id, reply_to, "connection reset before the lease was taken")
            return
        try:
            lease = self._store.acquire(account_id, self._owner)
        except AccountOwnedElsewhere as error:
            self._not_loaded(account_id, reply_to, str(error), owned_elsewhere=True)
            return
        if failed:
            self._not_loaded(account_id, reply_to, "connection reset after the lease was taken")
            return
        records = self._store.load(account_id)
        self._say(reply_to, AccountLoaded(lease=lease, records=records), self._random.randint(0, 20))

    def _not_loaded(self, account_id: str, reply_to: str, reason: str, *, owned_elsewhere: bool = False) -> None:
        self._say(reply_to, AccountNotLoaded(account_id=account_id, reason=reason, owned_elsewhere=owned_elsewhere), 1)

    def _away(self) -> bool:
        return self._system.clock.monotonic_ms() < self.down_until_ms

    def _say(self, address: str, message: Message, delay_ms: int) -> None:
        self._system.schedule(delay_ms, lambda: self._tell(address, message))
