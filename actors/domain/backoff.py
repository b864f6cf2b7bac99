"""How long to wait before trying again: exponential, with full jitter.

Must never: wait itself, or draw from any randomness but the one it is given.
"""

from random import Random

from actors.errors import check

_DOUBLINGS_MAX = 40
"""Beyond this the bound has long been reached; keeps an order of any age from computing a huge number."""


def backoff_ms(failures: int, *, base_ms: int, max_ms: int, random: Random, min_ms: int = 0) -> int:
    """Draw a delay between 0 and `base_ms` doubled with every failure after the first, at most `max_ms`.

    The whole range is drawn from ("full jitter"), so that many who failed together do not come back together.
    `min_ms` is what a venue asked us to wait: it comes before the drawn delay, however long it is. `failures` counts
    from 1; all times in milliseconds.

    Raises:
        InvariantViolated: the bounds contradict each other, or nothing has failed yet.
    """
    check(failures >= 1, f"a backoff after {failures} failures")
    check(0 <= base_ms <= max_ms, f"backoff bounds 0 <= {base_ms} <= {max_ms} do not hold")
    ceiling = min(max_ms, base_ms << min(failures - 1, _DOUBLINGS_MAX))
    return max(0, min_ms) + random.randint(0, ceiling)
