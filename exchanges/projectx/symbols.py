"""ProjectX's contracts: names in both directions, and trading rules.

Pure. A contract is named by its full id, for good, or by the alias that the configuration gives it; ids are never built
or taken apart. Lists of contracts leave out those that have rolled, while orders and positions in them are still there:
such records are readable under the contract's own name, listed or not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from typing import Any

from exchanges.fields import UnreadableError, as_list, as_record, flag, positive_number, text
from exchanges.projectx.capabilities import CAPABILITIES
from exchanges.symbols import Listing, SymbolBook
from messages.types import ONE, Instrument

EXCHANGE = CAPABILITIES.venue
CURRENCY = "USD"
"""Of every contract's value and of all fees."""

_CONTRACT = "CON."
"""How full contract ids begin."""
_EXACT = Context(prec=50, traps=[Inexact])
_NOTHING_KNOWN = SymbolBook()


@dataclass(frozen=True, slots=True)
class ContractBook(SymbolBook):
    """Names of contracts, of which one that is not listed goes by its full id."""

    on_met: Callable[[str], None] = field(default=lambda _: None, compare=False, repr=False)
    """Called with the id of a contract that was named and is not listed."""

    def canonical(self, venue_symbol: str) -> str:
        """Name a contract canonically. Raises `UnreadableError` for what is not listed and no full id either."""
        name = self.to_canonical.get(venue_symbol)
        if name is not None:
            return name
        if not self._names_itself(venue_symbol):
            return SymbolBook.canonical(self, venue_symbol)
        self._meet(venue_symbol)
        return venue_symbol

    def venue(self, symbol: str) -> str | None:
        """Name a canonical symbol as the venue does; None: not listed. Stored records may name what is listed no
        more.
        """
        if symbol not in self.to_venue and self._names_itself(symbol):
            self._meet(symbol)
        return SymbolBook.venue(self, symbol)

    def _names_itself(self, name: str) -> bool:
        # Not where the configuration has given this very name to another contract.
        return name.startswith(_CONTRACT) and "-" not in name and name not in self.to_venue

    def _meet(self, contract: str) -> None:
        self.on_met(contract)
        self.on_unlisted()


def read_contracts(
    payload: Any,
    aliases: Mapping[str, str],
    as_of_ms: int,
    known: SymbolBook = _NOTHING_KNOWN,
    *,
    met: Iterable[tuple[str, Any]] = (),
) -> Listing:
    """Translate a list of contracts; `aliases` maps canonical names to contract ids.

    `met` are contracts beside those listed, each with its record, or None where the venue has none. The names that are
    `known` stay as they are, and new ones are added to them; what has an alias has that name, listed or not. Raises
    `UnreadableError` when it is no list at all; single bad contracts are skipped and counted, but keep their names.
    """
    beside = dict(met)
    listed = [*as_list(as_record(payload).get("contracts")), *(one for one in beside.values() if one is not None)]
    named = [*_names(listed), *((contract, contract) for contract in (*beside, *aliases.values()))]
    symbols = known.with_names(named, aliases)
    instruments: list[Instrument] = []
    unreadable = 0
    for item in listed:
        try:
            instruments.append(_instrument(item, symbols, as_of_ms))
        except UnreadableError:
            unreadable += 1
    return Listing(instruments=tuple(instruments), unreadable=unreadable, symbols=symbols)


def contract_ids(payload: Any) -> frozenset[str]:
    """Tell which contracts a list names. Raises `UnreadableError` when it is no list at all."""
    return frozenset(contract for contract, _ in _names(as_list(as_record(payload).get("contracts"))))


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
