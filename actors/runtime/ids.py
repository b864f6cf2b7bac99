"""Message ids: short, ordered within a system, and different from those of every other run.

Must never be used for anything the venue sees: client order ids are derived from intents, not counted.
"""

from itertools import count
from random import Random

_PREFIX_BITS = 48


class CountedIds:
    """Ids as `<prefix>-<number>`; the prefix is drawn once, so that two runs on one store never share an id.

    Thread-safe without a lock: drawing the next number is one step of the interpreter.
    """

    def __init__(self, random: Random) -> None:
        self._prefix = f"{random.getrandbits(_PREFIX_BITS):012x}-"
        self._numbers = count(1)

    def next(self) -> str:
        """The next id."""
        return f"{self._prefix}{next(self._numbers):x}"
