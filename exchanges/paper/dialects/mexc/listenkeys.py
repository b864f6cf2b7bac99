"""Listen keys: who may open a user stream, and for how long. No clock: whoever asks says what time it is."""

from dataclasses import dataclass
from random import Random
from string import ascii_lowercase, digits

from exchanges.paper.dialects.mexc.errors import TOO_MANY_KEYS, UNKNOWN_LISTEN_KEY, MexcError

LIFE_MS = 3_600_000
KEYS_PER_ACCOUNT = 60
_LENGTH = 64


@dataclass(slots=True)
class ListenKey:
    """One key. Streams that were opened with it hold it, and end when its time is over."""

    text: str
    account: str
    expires_ms: int

    def is_valid(self, now_ms: int) -> bool:
        """Whether its time is not over."""
        return now_ms < self.expires_ms


class ListenKeys:
    """All listen keys that were issued and are not closed."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._keys: dict[str, ListenKey] = {}

    def issue(self, account: str, now_ms: int) -> ListenKey:
        """Make a new key for an account. Raises MexcError when it has 60 valid ones."""
        self._keys = {text: key for text, key in self._keys.items() if key.is_valid(now_ms)}
        if len(self.of(account, now_ms)) >= KEYS_PER_ACCOUNT:
            raise MexcError(TOO_MANY_KEYS)
        text = "".join(self._random.choices(ascii_lowercase + digits, k=_LENGTH))
        key = self._keys[text] = ListenKey(text, account, now_ms + LIFE_MS)
        return key

    def find(self, text: str, now_ms: int) -> ListenKey | None:
        """Return a valid key, or None."""
        key = self._keys.get(text)
        return key if key is not None and key.is_valid(now_ms) else None

    def of(self, account: str, now_ms: int) -> tuple[ListenKey, ...]:
        """Return the valid keys of an account, oldest first."""
        return tuple(key for key in self._keys.values() if key.account == account and key.is_valid(now_ms))

    def extend(self, account: str, text: str, now_ms: int) -> ListenKey:
        """Let an account's key live for 60 minutes from now. Raises MexcError for one that is not valid."""
        key = self._own(account, text, now_ms)
        key.expires_ms = now_ms + LIFE_MS
        return key

    def close(self, account: str, text: str, now_ms: int) -> ListenKey:
        """End an account's key, and with it its streams. Raises MexcError for one that is not valid."""
        key = self._own(account, text, now_ms)
        key.expires_ms = now_ms
        del self._keys[text]
        return key

    def forget_all(self) -> None:
        """Know no key any more. Streams that hold one stay until its time would have been over."""
        self._keys.clear()

    def _own(self, account: str, text: str, now_ms: int) -> ListenKey:
        key = self.find(text, now_ms)
        if key is None or key.account != account:
            raise MexcError(UNKNOWN_LISTEN_KEY)
        return key
