"""Times as KuCoin writes them: milliseconds here, nanoseconds there. Pure."""

NS_PER_MS = 1_000_000
_NS_ABOVE = 10**16
"""A time above this is in nanoseconds: as milliseconds it would lie three hundred thousand years ahead."""


def time_ms(venue_time: int | None) -> int | None:
    """Give a time in milliseconds that may be written in nanoseconds."""
    return venue_time // NS_PER_MS if venue_time is not None and venue_time > _NS_ABOVE else venue_time
