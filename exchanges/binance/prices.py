"""The latest price of a symbol, as Binance tells it to everybody. Pure."""

from exchanges.answers import Told
from exchanges.failures import unanswered
from exchanges.fields import as_record, positive_amount, text
from exchanges.findings import price_fetched
from messages.commands import FetchPrice
from messages.reports import CallReport

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
    return price_fetched(request, price, told.answer)
