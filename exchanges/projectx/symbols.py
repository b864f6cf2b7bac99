"""ProjectX's contracts: names in both directions, and trading rules.

Pure. A contract is named by its full id, for good; ids are never built or taken apart.
"""

from collections.abc import Iterator, Mapping
from decimal import Context, Decimal, Inexact
from typing import Any

from exchanges.fields import UnreadableError, as_list, as_record, flag, positive_number, text
from exchanges.projectx.capabilities import CAPABILITIES
from exchanges.symbols import Listing, SymbolBook
from messages.types import ONE, Instrument

EXCHANGE = CAPABILITIES.venue
CURRENCY = "USD"
"""Of every contract's value and of all fees."""

_EXACT = Context(prec=50, traps=[Inexact])
_NOTHING_KNOWN = SymbolBook()


def read_contracts(
    payload: Any, aliases: Mapping[str, str], as_of_ms: int, known: SymbolBook = _NOTHING_KNOWN
) -> Listing:
    """Translate a list of contracts; `aliases` maps canonical names to contract ids.

    The names that are `known` stay as they are, and new ones are added to them. Raises `UnreadableError` when it is no
    list at all; single bad contracts are skipped and counted, but keep their names.
    """
    listed = as_list(as_record(payload).get("contracts"))
    symbols = known.with_names(_names(listed), aliases)
    instruments: list[Instrument] = []
    unreadable = 0
    for item in listed:
        try:
            instruments.append(_instrument(item, symbols, as_of_ms))
        except UnreadableError:
            unreadable += 1
    return Listing(instruments=tuple(instruments), unreadable=unreadable, symbols=symbols)


def _names(listed: list[Any]) -> Iterator[tuple[str, str]]:
    for item in listed:
        try:
            contract = text(as_record(item), "id")
        except UnreadableError:
            continue
        yield contract, contract


def _instrument(item: Any, symbols: SymbolBook, as_of_ms: int) -> Instrument:
    record = as_record(item)
    contract = text(record, "id")
    tick_size, tick_value = positive_number(record, "tickSize"), positive_number(record, "tickValue")
    return Instrument(
        exchange=EXCHANGE,
        symbol=symbols.canonical(contract),
        venue_symbol=contract,
        base=contract,
        quote=CURRENCY,
        trading=flag(record, "activeContract"),
        tick_size=tick_size,
        step_size=ONE,
        min_size=ONE,
        order_types=CAPABILITIES.order_types,
        post_only_allowed=False,
        quote_size_allowed=False,
        multiplier=_multiplier(tick_size, tick_value),
        as_of_ms=as_of_ms,
    )


def _multiplier(tick_size: Decimal, tick_value: Decimal) -> Decimal:
    try:
        # As a plain number: a quotient comes with an exponent where it can.
        return Decimal(format(_EXACT.divide(tick_value, tick_size), "f"))
    except Inexact:
        # Money that is counted with a rounded factor is wrong.
        raise UnreadableError("tickValue is no multiple of tickSize") from None
