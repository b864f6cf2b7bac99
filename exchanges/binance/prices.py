"""The latest price of a symbol, as Binance tells it to everybody. Pure."""

from exchanges.answers import Told
from exchanges.failures import unanswered
from exchanges.fields import as_record, positive_amount, text
from messages.commands import FetchPrice
from messages.reports import CallReport, PriceFetched

PRICE_PATH = "/api/v3/ticker/price"
PRICE_WEIGHT = 2
"""Of one symbol."""


def price_report(request: FetchPrice, told: Told, venue_symbol: str) -> CallReport:
    """Read the price; an answer about another symbol is none.

    Raises `UnreadableError` when there is no price above zero.
    """
    record = as_record(told.payload)
    named, price = text(record, "symbol"), positive_amount(record, "price")
    if named != venue_symbol:
        return unanswered(request, "unreadable: the answer is about another symbol")
    return PriceFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        price=price,
        received_ms=told.answer.received_ms,
    )
