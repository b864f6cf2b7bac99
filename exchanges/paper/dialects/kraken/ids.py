"""Kraken's ids of orders, executions and other things: `O`, `T` or `L`, and eighty bits in groups of letters.

They are the engine's numbers, scattered so that neighbours look nothing alike, and can be turned back. No state here.
"""

from functools import lru_cache
from re import fullmatch

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BITS = 80
_MASK = (1 << _BITS) - 1
_FACTOR = 0x9E3779B97F4A7C15F39D
"""Odd, so that multiplying by it can be undone in eighty bits."""
_INVERSE = pow(_FACTOR, -1, 1 << _BITS)
_SALT = {"O": 0x3C6EF372FE94F82BE739, "T": 0x5BE0CD19137E2179A54F, "L": 0x1F83D9ABFB41BD6B510E}
_FORM = r"([OTL])([A-Z2-7]{5})-([A-Z2-7]{5})-([A-Z2-7]{6})"


# An order's id is written again with each of its events.
@lru_cache(maxsize=65_536)
def venue_id(kind: str, number: int) -> str:
    """Return the id of a number below 2**80; `kind` is O (order), T (execution, amendment) or L (ledger entry)."""
    rest = (number * _FACTOR & _MASK) ^ _SALT[kind]
    letters = ""
    for _ in range(_BITS // 5):
        rest, index = divmod(rest, len(_ALPHABET))
        letters = _ALPHABET[index] + letters
    return f"{kind}{letters[:5]}-{letters[5:10]}-{letters[10:]}"


def number_of(kind: str, text: str) -> int | None:
    """Return the number behind an id, or None when this is no id of that kind."""
    found = fullmatch(_FORM, text)
    if found is None or found[1] != kind:
        return None
    scattered = 0
    for letter in found[2] + found[3] + found[4]:
        scattered = scattered * len(_ALPHABET) + _ALPHABET.index(letter)
    return (scattered ^ _SALT[kind]) * _INVERSE & _MASK
