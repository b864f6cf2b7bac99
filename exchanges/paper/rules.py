"""The checks of a placement that need no book: shape, price grid, lot size and notional."""

from decimal import Decimal

from exchanges.paper.model import NewOrder, PaperInstrument, RefusalReason
from messages.types import ZERO, OrderType, TimeInForce

_PRICED = (OrderType.LIMIT, OrderType.STOP_LIMIT)
_STOPS = (OrderType.STOP_LIMIT, OrderType.STOP_MARKET)


def refusal(request: NewOrder, instrument: PaperInstrument, last_price: Decimal) -> RefusalReason | None:
    """Return why a request breaks the rules of its instrument, or None."""
    if not instrument.trading:
        return RefusalReason.NOT_TRADING
    if not _is_well_formed(request):
        return RefusalReason.MALFORMED
    if not all(_price_fits(price, instrument) for price in (request.price, request.stop_price)):
        return RefusalReason.PRICE_FILTER
    if request.size is not None:
        wrong_size = _size_refusal(request.size, request.type, instrument)
        if wrong_size is not None:
            return wrong_size
    notional = _notional(request, last_price)
    too_large = notional > instrument.max_notional and request.type in _PRICED
    return RefusalReason.NOTIONAL if too_large or notional < instrument.min_notional else None


def _is_well_formed(request: NewOrder) -> bool:
    by_quote = request.quote_size is not None
    return (
        (request.size is None) is by_quote
        and not (by_quote and request.type is not OrderType.MARKET)
        and (request.size or request.quote_size or ZERO) > ZERO
        and (request.price is not None) is (request.type in _PRICED)
        and (request.stop_price is not None) is (request.type in _STOPS)
        and (request.expires_at_ms is not None) is (request.time_in_force is TimeInForce.GTT)
        and not (request.post_only and request.type is not OrderType.LIMIT)
        and not (request.post_only and request.time_in_force in (TimeInForce.IOC, TimeInForce.FOK))
    )


def _price_fits(price: Decimal | None, instrument: PaperInstrument) -> bool:
    if price is None:
        return True
    return instrument.min_price <= price <= instrument.max_price and price % instrument.tick_size == 0


def _size_refusal(size: Decimal, order_type: OrderType, instrument: PaperInstrument) -> RefusalReason | None:
    if not (instrument.min_size <= size <= instrument.max_size and size % instrument.step_size == 0):
        return RefusalReason.LOT_SIZE
    at_market = order_type not in _PRICED
    return RefusalReason.MARKET_LOT_SIZE if at_market and size > instrument.market_max_size else None


def _notional(request: NewOrder, last_price: Decimal) -> Decimal:
    if request.quote_size is not None:
        return request.quote_size
    return (request.size or ZERO) * (request.price or request.stop_price or last_price)
