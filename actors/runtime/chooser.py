"""Who goes next in a simulation: drawn from a seed, or every possibility in turn.

Must never: see what it chooses between; a chooser knows only how many there are.
"""

from random import Random
from typing import Protocol


class Chooser(Protocol):
    """Picks one of several."""

    def choose(self, choices: int) -> int:
        """A number from 0 to `choices` - 1; asked only when there are at least two."""
        ...


class SeededChooser:
    """Draws from a seed."""

    def __init__(self, seed: int) -> None:
        self._draw = Random(f"{seed}:chooser").random

    def choose(self, choices: int) -> int:
        """Each with the same probability."""
        return int(self._draw() * choices)


class ExhaustiveChooser:
    """Enumerates every sequence of choices of a run that is repeated from the start each time.

    Run, then `advance`; when that says False, every interleaving has been seen. The runs must be deterministic but for
    the choices.
    """

    def __init__(self) -> None:
        self._path: list[list[int]] = []
        self._depth = 0

    def choose(self, choices: int) -> int:
        """The next choice of the present sequence; the first one where it has not been here before."""
        if self._depth == len(self._path):
            self._path.append([0, choices])
        taken = self._path[self._depth][0]
        self._depth += 1
        return taken

    def advance(self) -> bool:
        """Go to the next sequence; False when there is none."""
        self._depth = 0
        while self._path:
            last = self._path[-1]
            last[0] += 1
            if last[0] < last[1]:
                return True
            self._path.pop()
        return False
