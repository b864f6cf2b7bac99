"""The ceilings of numbers that venues want to see rise, kept in the store's server: a `NonceCeiling` of the exchanges.

It has a connection of its own, because the workers that call venues ask for it, not the store's thread. A ceiling is
written before a number below it is used, and never lowered. Must never: hold a credential; a key is named by its hash.
"""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from actors.store.keys import Keys

_DIGITS = 20
"""Numbers are compared as texts of this length: they are larger than what the server's arithmetic keeps exactly."""
_RAISE = """
local before = redis.call('GET', KEYS[1]) or ''
if before < ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1])
end
return before
"""


class StoredCeilings:
    """The ceilings of one deployment. Thread-safe."""

    def __init__(self, url: str, *, deployment: str, timeout_ms: int) -> None:
        """`url` is the server's, checked before by whoever opened the store."""
        self._keys = Keys(deployment, 1)
        self._server = redis.Redis.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=timeout_ms / 1000,
            socket_timeout=timeout_ms / 1000,
        )
        self._raise = self._server.register_script(_RAISE)

    def raise_to(self, key: str, ceiling: int) -> int:
        """Record a ceiling; return the one before, 0 for none. Raises `OSError` when that is not possible now."""
        try:
            before = self._raise(keys=[self._keys.nonce(key)], args=[f"{ceiling:0{_DIGITS}d}"])
            return int(before or 0)
        except (redis.exceptions.RedisError, ValueError) as error:
            # Not chained: the library's text may name the address with its password.
            raise OSError(f"the ceiling cannot be recorded: {type(error).__name__}") from None

    def close(self) -> None:
        """Close the connections."""
        self._server.close()
