"""The instruments that paper venues offer unless told otherwise."""

from collections.abc import Callable
from decimal import Decimal

from exchanges.paper.model import PaperInstrument


def spot_instruments(venue_symbol: Callable[[str, str], str]) -> tuple[PaperInstrument, ...]:
    """Return BTC-USDT and ETH-USDT with the filters of a large venue, and BTC-USD fine enough for recorded flow.

    `venue_symbol` makes a venue's own name of base and quote.
    """

    def instrument(
        base: str, quote: str, *, step_size: str, min_notional: str, reference_price: str
    ) -> PaperInstrument:
        return PaperInstrument(
            symbol=f"{base}-{quote}",
            venue_symbol=venue_symbol(base, quote),
            base=base,
            quote=quote,
            tick_size=Decimal("0.01"),
            min_price=Decimal("0.01"),
            max_price=Decimal("1000000.00"),
            step_size=Decimal(step_size),
            min_size=Decimal(step_size),
            max_size=Decimal(9000),
            market_max_size=Decimal(500),
            min_notional=Decimal(min_notional),
            max_notional=Decimal(9_000_000),
            reference_price=Decimal(reference_price),
        )

    return (
        instrument("BTC", "USDT", step_size="0.00001", min_notional="5", reference_price="60000.00"),
        instrument("ETH", "USDT", step_size="0.0001", min_notional="5", reference_price="3000.00"),
        instrument("BTC", "USD", step_size="0.00000001", min_notional="1", reference_price="235.00"),
    )
