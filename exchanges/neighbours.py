"""Sessions that a venue sees as one caller, because they call from one address: a ban of one is a ban of all.

Owns nothing but the list. Must never: hold a secret, or call a venue.
"""

import threading
from collections.abc import Iterable
from typing import Protocol

from exchanges.throttle import CallKind


class Silenceable(Protocol):
    """A session that can be told to send nothing for a time."""

    def be_silent(self, wait_ms: int, *, kinds: Iterable[CallKind], banned: bool) -> None:
        """Send nothing of these kinds for `wait_ms`."""
        ...


class Neighbours:
    """The sessions of one process at one venue. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: tuple[Silenceable, ...] = ()

    def join(self, session: Silenceable) -> None:
        """Be told from now on."""
        with self._lock:
            self._sessions = (*self._sessions, session)

    def leave(self, session: Silenceable) -> None:
        """Not be told any more."""
        with self._lock:
            self._sessions = tuple(each for each in self._sessions if each is not session)

    def be_silent(self, wait_ms: int, *, kinds: Iterable[CallKind], banned: bool) -> None:
        """Tell every session."""
        asked = tuple(kinds)
        for session in self._sessions:
            session.be_silent(wait_ms, kinds=asked, banned=banned)
