"""Coinbase's ids, made of the engine's integers so that they can be read back.

They look like random version 4 UUIDs: nothing about age or order can be read from them. No state, no randomness.
"""

import hashlib
from re import compile as pattern

from exchanges.paper.model import Execution, PaperOrder

_FREE_BITS = 122
_MODULUS = 1 << _FREE_BITS
# Any odd factor permutes the numbers below a power of two; a large one scatters neighbours.
_FACTOR = 0x2C5_9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835 % _MODULUS
_INVERSE = pow(_FACTOR, -1, _MODULUS)
_NUMBER_BITS = 56
_NUMBER_MASK = (1 << _NUMBER_BITS) - 1
_ORDER, _TRADE, _ENTRY = 1, 2, 3
_UUID = pattern(r"([0-9a-f]{8})-([0-9a-f]{4})-4([0-9a-f]{3})-([89ab][0-9a-f]{3})-([0-9a-f]{12})")


def order_uuid(order_id: int) -> str:
    """Return the venue's id of an order."""
    return _pack(_ORDER, order_id, 0)


def order_number(text: object) -> int | None:
    """Return the engine's id of the order that a venue id names, or None when no order can have this id."""
    found = _unpack(text) if isinstance(text, str) else None
    return found[1] if found is not None and found[0] == _ORDER and found[2] == 0 else None


def trade_uuid(trade_id: int, symbol_index: int) -> str:
    """Return the `trade_id` of both sides of a trade; trades are numbered by symbol."""
    return _pack(_TRADE, trade_id, symbol_index)


def entry_uuid(execution: Execution) -> str:
    """Return the `entry_id` of one row of the fills, unique at the venue."""
    return _pack(_ENTRY, execution.trade_id, execution.order_id)


def derived_uuid(purpose: str, name: str) -> str:
    """Return an id that depends on a name alone: users, portfolios, wallets, keys."""
    digest = int.from_bytes(hashlib.sha256(f"paper/coinbase/{purpose}/{name}".encode()).digest()[:16])
    return _uuid(digest % _MODULUS)


def portfolio_uuid(account: str) -> str:
    """Return the portfolio of an account."""
    return derived_uuid("portfolio", account)


def user_uuid(order: PaperOrder) -> str:
    """Return the user who owns an order."""
    return derived_uuid("user", order.account)


def _pack(kind: int, first: int, second: int) -> str:
    number = (kind << 2 * _NUMBER_BITS) | (second << _NUMBER_BITS) | first
    return _uuid(number * _FACTOR % _MODULUS)


def _unpack(text: str) -> tuple[int, int, int] | None:
    match = _UUID.fullmatch(text)
    if match is None:
        return None
    head, middle, low, variant, tail = match.groups()
    bits = int(head + middle, 16) << 74 | int(low, 16) << 62 | (int(variant, 16) & 0x3FFF) << 48 | int(tail, 16)
    number = bits * _INVERSE % _MODULUS
    return number >> 2 * _NUMBER_BITS, number & _NUMBER_MASK, number >> _NUMBER_BITS & _NUMBER_MASK


def _uuid(bits: int) -> str:
    head, low, variant, tail = bits >> 74, bits >> 62 & 0xFFF, bits >> 48 & 0x3FFF | 0x8000, bits & 0xFFFF_FFFF_FFFF
    return f"{head >> 16:08x}-{head & 0xFFFF:04x}-4{low:03x}-{variant:04x}-{tail:012x}"
