"""Schema versions of what is stored, and how to get from one to the next. Never guesses at a version it does not know.

The first version is 1. A migration must be repeatable: when the process dies in its middle, it runs again.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from actors.errors import StoreUnfit
from actors.store.keys import STAMP, Keys

Run: TypeAlias = Callable[..., Any]
"""Runs one command, given as its words, and returns the reply."""

Migration: TypeAlias = Callable[[Run, Keys], None]

MIGRATIONS: tuple[Migration, ...] = ()
"""The first entry leads from version 1 to 2, and so on; the newest version is one more than there are entries."""


def newest(migrations: tuple[Migration, ...] = MIGRATIONS) -> int:
    """Tell the version that this code reads and writes."""
    return len(migrations) + 1


def migrate(run: Run, keys: Keys, stored: int, migrations: tuple[Migration, ...] = MIGRATIONS) -> int:
    """Bring what is stored to the newest version, one step at a time; returns that version.

    Raises:
        StoreUnfit: the stored version is not one that this code knows.
    """
    check_known(stored, migrations)
    for version in range(stored, newest(migrations)):
        migrations[version - 1](run, keys)
        run("HSET", STAMP, "schema", version + 1)
    return newest(migrations)


def check_known(stored: int, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Raise `StoreUnfit` when the stored version is newer than this code, or none at all."""
    if not 1 <= stored <= newest(migrations):
        raise StoreUnfit(
            f"the store holds schema version {stored}, and this version of livermore-orders knows 1 to "
            f"{newest(migrations)}: run the version that wrote it, or a newer one"
        )
