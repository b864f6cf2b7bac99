"""The futures contracts of the paper ProjectX Gateway: what the engine trades, under the venue's names. Constant."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from exchanges.paper.dialects.projectx.codec import plain
from exchanges.paper.model import PaperInstrument

_QUOTE = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One contract as the venue describes it."""

    instrument: PaperInstrument
    name: str
    description: str
    symbol_id: str
    tick_value: Decimal
    """Quote units that one contract gains with one tick."""

    @property
    def contract_id(self) -> str:
        """The venue's id."""
        return self.instrument.venue_symbol

    @property
    def multiplier(self) -> Decimal:
        """Quote units that one contract gains with one point."""
        return self.tick_value / self.instrument.tick_size

    def as_json(self) -> dict[str, Any]:
        """Return it as the contract endpoints show it."""
        return {
            "id": self.contract_id,
            "name": self.name,
            "description": self.description,
            "tickSize": plain(self.instrument.tick_size),
            "tickValue": plain(self.tick_value),
            "activeContract": self.instrument.trading,
            "symbolId": self.symbol_id,
        }

    def matches(self, text: str) -> bool:
        """Whether a search for this text finds it."""
        shown = (self.contract_id, self.name, self.description, self.symbol_id)
        return any(text.casefold() in one.casefold() for one in shown)


def contracts() -> tuple[Contract, ...]:
    """Return all contracts."""
    return (
        Contract(
            instrument=_instrument("CON.F.US.EP.Z26", "6000.00"),
            name="ESZ6",
            description="E-mini S&P 500: December 2026",
            symbol_id="F.US.EP",
            tick_value=Decimal("12.5"),
        ),
        Contract(
            instrument=_instrument("CON.F.US.ENQ.Z26", "21000.00"),
            name="NQZ6",
            description="E-mini NASDAQ-100: December 2026",
            symbol_id="F.US.ENQ",
            tick_value=Decimal(5),
        ),
    )


def _instrument(contract_id: str, reference_price: str) -> PaperInstrument:
    return PaperInstrument(
        symbol=contract_id,
        venue_symbol=contract_id,
        base=contract_id,
        quote=_QUOTE,
        tick_size=Decimal("0.25"),
        min_price=Decimal("0.25"),
        max_price=Decimal(1_000_000),
        step_size=Decimal(1),
        min_size=Decimal(1),
        max_size=Decimal(1000),
        market_max_size=Decimal(1000),
        min_notional=Decimal(0),
        max_notional=Decimal(10) ** 12,
        reference_price=Decimal(reference_price),
    )
