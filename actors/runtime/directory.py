"""Who lives where: address to running actor, with the parent that is told of failures.

Reading is one dictionary look-up and safe from any thread; whoever changes the directory must be alone in doing so
(`hosting.py` holds its lock). Must never: start, stop or wait for anybody.
"""

from typing import Generic, TypeVar

ResidentT = TypeVar("ResidentT")


class Directory(Generic[ResidentT]):
    """Residents by address, in order of registration."""

    def __init__(self) -> None:
        self._residents: dict[str, ResidentT] = {}
        self._parents: dict[str, str] = {}
        self._children: dict[str, dict[str, None]] = {}
        self.get = self._residents.get
        """The resident of an address, or None. Bound once, since every message passes here."""

    def __len__(self) -> int:
        return len(self._residents)

    def put(self, address: str, resident: ResidentT, parent: str) -> None:
        """Register a resident; `parent` is empty for a root. The address must be free."""
        self._residents[address] = resident
        if parent:
            self._parents[address] = parent
            self._children.setdefault(parent, {})[address] = None

    def remove(self, address: str) -> None:
        """Forget whoever lives there; an empty address is fine."""
        self._residents.pop(address, None)
        parent = self._parents.pop(address, None)
        if parent is None:
            return
        siblings = self._children[parent]
        del siblings[address]
        if not siblings:
            del self._children[parent]

    def children(self, address: str) -> list[str]:
        """Addresses whose parent is `address`, newest first."""
        return list(reversed(self._children.get(address, {})))

    def newest_first(self) -> list[ResidentT]:
        """Everybody, in reverse order of registration."""
        return list(reversed(self._residents.values()))

    def clear(self) -> None:
        """Forget everybody."""
        self._residents.clear()
        self._parents.clear()
        self._children.clear()
