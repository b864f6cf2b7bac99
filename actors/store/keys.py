"""Every key name in Redis, and which partition an account lives in. Nothing else may spell a key.

Other programs read the two public keys, which are spelled exactly as agreed and carry no prefix. Ours carry the
deployment's name and a hash tag per partition, so that all keys of an account share one slot of a Cluster.
"""

import re
import zlib

from actors.errors import StoreUnfit
from actors.store.port import Table

_ROOT = "livermore"
_DEPLOYMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

STAMP = f"{_ROOT}:stamp"
"""Hash with deployment, partitions and schema version: one deployment per database, as the public keys bear no name."""

SEALS = f"{_ROOT}:seals"
"""Hash from the id of every key that ever encrypted here to a check value, by which a wrong key is noticed."""


def check_deployment(name: str) -> str:
    """Return the name when it can be part of a key and of a folder.

    Raises:
        StoreUnfit: it has other characters than letters, digits, dot, dash and underscore, or is too long.
    """
    if not _DEPLOYMENT.fullmatch(name):
        raise StoreUnfit(
            f"deployment.name {name!r} must be 1 to 64 letters, digits, dots, dashes or underscores, and begin with a "
            "letter or a digit"
        )
    return name


def open_orders(user_id: str, exchange_id: int | str) -> str:
    """Name the public hash of open orders: field order id, value the order as JSON."""
    return f"orders:{user_id}:{exchange_id}:open"


def last_sync(user_id: str, exchange_id: int | str) -> str:
    """Name the public time of the last synchronisation in ms."""
    return f"orders:{user_id}:{exchange_id}:last_sync"


class Keys:
    """Key names of one deployment."""

    def __init__(self, deployment: str, partitions: int) -> None:
        if partitions < 1:
            raise StoreUnfit(f"redis.partitions is {partitions}; it must be at least 1")
        self._root = f"{_ROOT}:{check_deployment(deployment)}"
        self.partitions = partitions

    def partition(self, account_id: str) -> int:
        """Choose the partition of an account; the same for ever, in every process."""
        return zlib.crc32(account_id.encode()) % self.partitions

    def meta(self, account_id: str) -> str:
        """Name the hash with owner, epoch and seq of an account."""
        return self._of_account(account_id, "meta")

    def every_meta(self) -> str:
        """Pattern that matches what `meta` names for every account."""
        return f"{self._root}:{{p*}}:account:*:meta"

    def account_of(self, meta: str) -> str:
        """Tell whose hash `meta` names."""
        return meta.partition(":account:")[2].removesuffix(":meta")

    def events(self, account_id: str) -> str:
        """Name the stream of an account's events."""
        return self._of_account(account_id, "events")

    def records(self, account_id: str, table: Table, scope: str = "") -> str:
        """Name the key that holds a table's records; `scope` is the exchange id of the public tables."""
        if table is Table.OPEN:
            return open_orders(account_id, scope)
        if table is Table.LAST_SYNC:
            return last_sync(account_id, scope)
        return self._of_account(account_id, table.value)

    def owner(self, partition: int, owner: str) -> str:
        """Name the key that exists while the owner lives; with an empty owner, the prefix of all of them."""
        return f"{self._of_partition(partition)}:owner:{owner}"

    def nonce(self, key: str) -> str:
        """Name the ceiling of the numbers that a venue's key is used with; `key` is a hash."""
        return f"{self._root}:nonce:{key}"

    def _of_account(self, account_id: str, kind: str) -> str:
        return f"{self._of_partition(self.partition(account_id))}:account:{account_id}:{kind}"

    def _of_partition(self, partition: int) -> str:
        return f"{self._root}:{{p{partition:02d}}}"
