"""KuCoin's ids and number forms, made of the engine's integers and decimals.

Ids can be turned back into what they were made of. An untriggered stop is known by a `vs` id; from its trigger on it is
an ordinary order with an ordinary id. Nothing here knows an order's state.
"""

import re
from decimal import Decimal

from exchanges.paper.model import EXACT, Execution

NANOSECONDS = 1_000_000
"""In a millisecond."""
_ORDER_PREFIX = "67112258"
_STOP_PREFIX = "vs93gptv"
_ORDER_ID = re.compile(rf"{_ORDER_PREFIX}([0-9a-f]{{16}})")
_STOP_ID = re.compile(rf"{_STOP_PREFIX}([0-9a-f]{{16}})")
_FIRST_TRADE = 11_000_000_000_000_000
"""Trade ids are too large for a double."""
_FIRST_CURSOR = 19_000_000_000_000


def order_id(number: int) -> str:
    """Return the id of an ordinary order."""
    return f"{_ORDER_PREFIX}{number:016x}"


def stop_id(number: int) -> str:
    """Return the id of an untriggered stop."""
    return f"{_STOP_PREFIX}{number:016x}"


def order_number(text: str) -> int | None:
    """Return what an ordinary order's id was made of, or None."""
    found = _ORDER_ID.fullmatch(text)
    return None if found is None else int(found[1], 16)


def stop_number(text: str) -> int | None:
    """Return what an untriggered stop's id was made of, or None."""
    found = _STOP_ID.fullmatch(text)
    return None if found is None else int(found[1], 16)


def trade_id(execution: Execution) -> int:
    """Return the trade's id, unique per symbol."""
    return _FIRST_TRADE + execution.trade_id


def fill_cursor(execution: Execution) -> int:
    """Return the `id` by which lists of fills are paged; it rises with the trades of a symbol."""
    return _FIRST_CURSOR + execution.trade_id


def number(value: Decimal | None) -> str:
    """Return an amount without trailing zeros; zero where there is none."""
    return format(EXACT.normalize(value), "f") if value else "0"


def long_number(value: Decimal | None) -> str | None:
    """Return an amount with twenty decimals, as the endpoints of stop orders write it."""
    return None if value is None else f"{value:.20f}"


def nanoseconds(at_ms: int, sequence: int = 0) -> int:
    """Return a venue time in nanoseconds; what happens in the same millisecond is told apart by its sequence."""
    return at_ms * NANOSECONDS + sequence % NANOSECONDS
