"""The interpreter's thread switch interval, shortened while a system runs and restored afterwards.

The interval belongs to the whole process, so several claims are counted: the shortest one rules, and the value found
before the first claim comes back with the last release. Must never be claimed without the host having asked for it.
"""

import sys
import threading
from types import TracebackType
from typing import Self

_lock = threading.Lock()
_claims: list[float] = []
_found: list[float] = []


class short_switch_interval:  # noqa: N801 - used like a function, as context managers are
    """Ask for a switch interval of at most `seconds`, from construction until `restore` or the end of a `with`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._held = True
        with _lock:
            if not _claims:
                _found.append(sys.getswitchinterval())
            _claims.append(seconds)
            _apply()

    def restore(self) -> None:
        """Give the claim back; a second call does nothing."""
        with _lock:
            if self._held:
                self._held = False
                _claims.remove(self._seconds)
                _apply()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.restore()


def _apply() -> None:
    if _claims:
        sys.setswitchinterval(min([*_claims, *_found]))
    else:
        sys.setswitchinterval(_found.pop())
