"""An order against limits, as the tests of limits ask."""

from exposure_kit import USDT, D, order
from factories import make

from actors.domain.assets import Assets
from actors.domain.exposure import ExposureBook, Positions
from actors.domain.risk import RiskLimits, check_limits
from actors.domain.rules import RefusalReason
from messages import Instrument, Order, OrderState, RefusalCode

NO_LIMITS = RiskLimits()
EVERY_NOTIONAL = (
    "max_order_notional",
    "max_open_notional_per_symbol",
    "max_open_notional_per_exchange",
    "max_open_notional_per_account",
)
OPEN_NOTIONAL = {
    "max_open_notional_per_symbol": "maxOpenNotional.perSymbol",
    "max_open_notional_per_exchange": "maxOpenNotional.perExchange",
    "max_open_notional_per_account": "maxOpenNotional.perAccount",
}
NEW = "new"


def limits(**values: object) -> RiskLimits:
    return RiskLimits(**values)  # type: ignore[arg-type]


def book_of(*orders: Order) -> ExposureBook:
    book = ExposureBook()
    for each in orders:
        book.put(each, None if each.symbol == "NEW" else Assets(*each.symbol.split("-")))
    return book


def draft(**changes: object) -> Order:
    """A drafted LIMIT order to buy 2 BTC at 100 USDT, but for the changes."""
    return order(NEW, **({"state": OrderState.DRAFT, "reference_price": D(100)} | changes))


def refusal_of(
    new: Order,
    by: RiskLimits,
    *others: Order,
    positions: Positions | None = None,
    placed: int = 0,
    assets: Assets | None = USDT,
    without: Order | None = None,
    instrument: Instrument | None = None,
) -> RefusalReason | None:
    return check_limits(
        new, book_of(*others), positions or {}, by,
        placed_last_minute=placed, assets=assets, without=without, instrument=instrument,
    )  # fmt: skip


def coarse(**rules: object) -> Instrument:
    """A symbol with prices in tenths and sizes in steps of 0.25, but for the changes."""
    values: dict[str, object] = {"tick_size": D("0.1"), "step_size": D("0.25"), "min_size": D("0.25")}
    return make(Instrument, symbol="BTC-USDT", **(values | rules))


def figures(refusal: RefusalReason | None) -> tuple[str, str, str] | None:
    if refusal is None:
        return None
    assert refusal.code is RefusalCode.RISK_LIMIT
    assert refusal.text
    return refusal.rule, refusal.limit, refusal.actual
