"""The store as the actors see it: leases with fencing epochs, whole records, one grouped commit.

Every implementation (`memory.py`, `redis.py`) passes the same tests in `tests/contracts`. Calls block and may raise
`StoreUnavailable`, after which nobody knows whether the call took effect; `commit` is therefore safe to repeat
unchanged.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from messages.base import fast_init
from messages.control import Verdict


class Table(StrEnum):
    """Kinds of records; each is one hash per account (and scope)."""

    ORDERS = "orders"
    """Field: our order id."""
    TRANSITIONS = "transitions"
    """Field: `<order id>:<version>`."""
    FILLS = "fills"
    """Field: exchange, symbol, venue order id and fill id, joined by `|`. Written once and never again."""
    IDEMPOTENCY = "idempotency"
    """Field: the idempotency key."""
    PARKED = "parked"
    """Executions of orders that are not known yet. Field: as `FILLS`; removed in the section that books it."""
    POSITIONS = "positions"
    """Field: exchange and symbol, joined by `|`."""
    CLOSES = "closes"
    """Closings of positions. Field: the close's id."""
    CONTROLS = "controls"
    """What holds for the whole account: kill switch, logged out. Field: the record's class."""
    OPEN = "open"
    """The public open-orders hash; scope: the numeric exchange id, field: the order id other programs see."""
    LAST_SYNC = "last_sync"
    """The public time of the last synchronisation; scope: the numeric exchange id, field empty."""


EVERY_FIELD = "*"
"""As the field of a removal from `Table.OPEN`: the whole hash of that scope, to be written anew in the same section."""


class Write(NamedTuple):
    """One record, written whole, or removed when `value` is None."""

    table: Table
    field: str
    value: bytes | None
    scope: str = ""


@fast_init
@dataclass(frozen=True, slots=True)
class Section:
    """Everything one turn of one account changes, applied together or not at all."""

    account_id: str
    epoch: int
    seq: int
    """The account's own counter, one more than the section before it."""
    writes: tuple[Write, ...]
    events: tuple[bytes, ...] = ()
    """Encoded events for the account's stream; kept under ids `<seq>-<index>`."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one account, until somebody raises the epoch."""

    account_id: str
    owner: str
    epoch: int
    seq: int
    """Number of the last section committed so far."""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What the server is really configured to do."""

    product: str
    """For example `valkey 9.1.2` or `memory`."""
    durability: str
    """`fsync`, `everysec` or `none`."""
    eviction: str
    """The server's maxmemory-policy."""


class StateStore(Protocol):
    """Leases, records and events of accounts. Thread-safe."""

    def open(self) -> StoreFacts:
        """Connect, check schema version, eviction policy and durability.

        Raises:
            StoreUnavailable: nobody answers.
            StoreUnfit: the server would lose or evict records, or holds a schema this code does not know.
        """
        ...

    def facts(self) -> StoreFacts:
        """Read the server's configuration again, as after a reconnect. Raises as `open`."""
        ...

    def keep_alive(self, owner: str, ttl_ms: int) -> None:
        """Say that `owner` lives; without renewal its leases may be taken over after `ttl_ms`."""
        ...

    def acquire(self, account_id: str, owner: str) -> Lease:
        """Take an account and raise its epoch, which fences every earlier owner.

        Raises:
            AccountOwnedElsewhere: another owner that still lives holds it.
        """
        ...

    def release(self, lease: Lease) -> None:
        """Give an account up, if the lease is still the newest."""
        ...

    def load(self, account_id: str) -> dict[Table, dict[str, bytes]]:
        """All records of an account but the public projections, by table and field.

        Raises:
            StoreUnavailable: no answer, or one of the account's keys holds what we never wrote there.
        """
        ...

    def commit(self, sections: list[Section]) -> list[Verdict]:
        """Apply sections in order; the answer has a verdict for each.

        A section is applied exactly when its epoch is the account's and its `seq` is the next one. In one call the
        sections of an account stand in `seq` order. Repeating a call after `StoreUnavailable` is safe. Where a key of
        an account holds what we never wrote, that account's section and those after it are `BROKEN` and leave no
        trace; other accounts' are not concerned.
        """
        ...

    def open_orders(self, account_id: str, exchange_id: int) -> dict[str, bytes]:
        """The public projection, for repair and for tests."""
        ...

    def events(self, account_id: str, after: str = "", limit: int = 1000) -> list[tuple[str, bytes]]:
        """Stored events after an event id, oldest first, as (event id, encoded event)."""
        ...

    def oldest_event(self, account_id: str) -> str:
        """Id of the oldest event that is still kept, empty without any; who resumes from before it may have a gap."""
        ...

    def close(self) -> None:
        """Drop connections. Leases stay until released or lapsed."""
        ...
