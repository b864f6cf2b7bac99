"""How far a venue's clock is from ours, as judged by the last few samples.

Owns the estimate and the moment at which it becomes worth an alert. Must never: read a clock.
"""

from collections import deque

SAMPLES = 9
"""How many samples the median is taken over: a few delayed answers must not move it."""


class SkewEstimate:
    """The median difference of a venue's clock to ours, over the last samples."""

    __slots__ = ("_beyond", "_offsets")

    def __init__(self, samples: int = SAMPLES) -> None:
        self._offsets: deque[int] = deque(maxlen=samples)
        self._beyond = False
        """Whether the median was beyond the threshold when that was last asked."""

    def add(self, offset_ms: int) -> None:
        """Take in one sample: the venue's clock minus ours, milliseconds."""
        self._offsets.append(offset_ms)

    @property
    def median_ms(self) -> int:
        """The venue's clock minus ours, milliseconds; 0 without samples."""
        ordered = sorted(self._offsets)
        middle = len(ordered) // 2
        if not ordered:
            return 0
        return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2

    def crossed(self, threshold_ms: int) -> bool | None:
        """Tell what has changed since this was last asked: True, the median has gone beyond the threshold, in either
        direction; False, it has come back; None, neither.
        """
        beyond = abs(self.median_ms) > threshold_ms
        if beyond is self._beyond:
            return None
        self._beyond = beyond
        return beyond
