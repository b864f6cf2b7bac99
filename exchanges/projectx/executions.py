"""ProjectX payloads to our messages: executions, positions and bars, in lists and in events of the hub.

Pure. It never guesses: a record with an unknown side, or with a field missing or of the wrong kind, is unreadable as a
whole (`UnreadableError`). An execution that was taken back is none, and is told apart.
"""

from dataclasses import dataclass, replace
from decimal import Context, Decimal
from functools import partial
from typing import Any

from exchanges.fields import (
    Reader,
    Record,
    UnreadableError,
    as_record,
    fault,
    flag,
    identifier,
    integer,
    positive_number,
    several,
    signed_number,
    text,
)
from exchanges.projectx.forms import code, coded, optional_price, price_of, size, time, volume
from exchanges.projectx.symbols import CURRENCY, EXCHANGE
from exchanges.projectx.translate import SIDE_CODES, SIDES
from exchanges.records import venue_fill
from exchanges.symbols import SymbolBook
from exchanges.times import zoned_or_none
from messages.fills import FillSource, Liquidity, VenueFill
from messages.types import ZERO, PublicStatus

_POSITION_SIGNS = {1: ("Long", 1), 2: ("Short", -1)}
_SIGN_CODES = coded(_POSITION_SIGNS)
_REST, _UNKNOWN = FillSource.REST, Liquidity.UNKNOWN
_EXACT = Context(prec=100)


_TRADE_FIELDS: dict[str, Reader] = {
    **dict.fromkeys(("id", "orderId"), identifier),
    "accountId": integer,
    "contractId": text,
    "creationTimestamp": time,
    **dict.fromkeys(("price", "fees"), signed_number),
    "commissions": optional_price,
    "side": partial(code, known=SIDE_CODES),
    "size": size,
    "voided": flag,
}
_trade_values = several(tuple(_TRADE_FIELDS))


def read_trade(value: Any, symbols: SymbolBook, account: int) -> tuple[VenueFill, bool]:
    """Translate an execution of a list, and say whether it was taken back."""
    return read_execution(value, symbols, account, _REST)


def names_no_order(value: Any) -> bool:
    """Tell whether a record does not say of which order it is: the field is absent or null."""
    return isinstance(value, dict) and value.get("orderId") is None


def read_nobodys(value: Any, symbols: SymbolBook, account: int) -> tuple[VenueFill, bool]:
    """Translate an execution of a list that does not say of which order it is: it has no venue order id."""
    fill, voided = read_execution({**as_record(value), "orderId": 0}, symbols, account, _REST)
    return replace(fill, venue_order_id=""), voided


def read_execution(value: Any, symbols: SymbolBook, account: int, source: FillSource) -> tuple[VenueFill, bool]:
    """Translate an execution, and say whether it was taken back. Trades carry no client id."""
    record = as_record(value)
    number, order_number, owner, contract, at, price, fees, commissions, side, held, voided = _trade_values(record)
    at_ms = zoned_or_none(at)
    # In one go, because this runs for every execution; a decimal or a flag equals the number that it is, and is none.
    if (
        not type(number) is type(order_number) is type(owner) is type(held) is int
        or number < 0
        or order_number < 0
        or owner != account
        or held <= 0
        or type(contract) is not str
        or not contract
        or at_ms is None
        or not (type(side) is int or type(side) is str)
        or side not in SIDE_CODES
        or type(voided) is not bool
    ):
        raise fault(record, _TRADE_FIELDS, "accountId")
    fill = venue_fill(
        EXCHANGE,
        symbols.canonical(contract),
        str(number),
        str(order_number),
        None,
        SIDES[SIDE_CODES[side]][1],
        price_of(price) or signed_number(record, "price"),
        Decimal(held),
        _fee(record, fees, commissions),
        CURRENCY,
        _UNKNOWN,
        at_ms,
        source,
    )
    return fill, voided


def _fee(record: Record, fees: Any, commissions: Any) -> Decimal:
    # Some firms show what the broker takes beside what the exchange takes.
    charged = price_of(fees) or signed_number(record, "fees")
    return charged if commissions is None else _EXACT.add(charged, signed_number(record, "commissions"))


# ----- executions as events of another form tell them

_SPEC_STATUSES = {"PARTIALLY_FILLED": PublicStatus.OPEN, "FILLED": PublicStatus.FILLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecFill:
    """What an `order_fill` event says of its order."""

    venue_order_id: str
    executed: Decimal
    """All that the order has executed."""
    status: PublicStatus | None
    venue_status: str
    venue_time_ms: int


def read_spec_fill(record: Record) -> SpecFill:
    """Translate an `order_fill` event: its times are integer milliseconds, its words are the statuses."""
    venue_status = text(record, "orderStatus")
    return SpecFill(
        venue_order_id=_number_as_text(record, "orderId"),
        executed=positive_number(record, "totalFillVolume"),
        status=_SPEC_STATUSES.get(venue_status),
        venue_status=venue_status,
        venue_time_ms=integer(record, "timestamp"),
    )


def _number_as_text(record: Record, name: str) -> str:
    return text(record, name) if isinstance(record.get(name), str) else identifier(record, name)


# ----- positions


def read_position(value: Any, account: int) -> tuple[str, Decimal]:
    """Translate a position: its contract, and what is held of it, below zero when short."""
    record = as_record(value)
    if integer(record, "accountId") != account:
        raise UnreadableError("accountId is another account's")
    contract, held = text(record, "contractId"), Decimal(volume(record, "size"))
    if not held:
        return contract, ZERO
    sign = _POSITION_SIGNS[code(record, "type", _SIGN_CODES)][1]
    return contract, held.copy_negate() if sign < 0 else held


def read_bar(value: Any) -> tuple[int, Decimal]:
    """Translate a bar of prices: its time, and the price that it closed at."""
    record = as_record(value)
    return time(record, "t"), positive_number(record, "c")
