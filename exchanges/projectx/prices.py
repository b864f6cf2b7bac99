"""The latest price of a contract, as ProjectX's history of bars tells it."""

from exchanges.asking import CLOCK_MARGIN_MS, Asking
from exchanges.fields import UnreadableError
from exchanges.projectx.executions import read_bar
from exchanges.projectx.forms import iso
from exchanges.projectx.limits import HISTORY_CALL
from exchanges.projectx.questions import rows_of
from exchanges.projectx.rest import posted
from messages.commands import FetchPrice
from messages.reports import CallReport, PriceFetched

PRICE_MS = 4 * 86_400_000
"""How far back the latest price may lie: over a weekend with a holiday."""

_BARS_PATH = "/api/History/retrieveBars"


def price_report(asking: Asking, request: FetchPrice, contract: str) -> CallReport:
    """Read the price that the latest bar has closed at so far."""
    now_ms = asking.venue_now_ms()
    body = {
        "contractId": contract,
        "live": False,
        "startTime": iso(now_ms - PRICE_MS),
        "endTime": iso(now_ms + CLOCK_MARGIN_MS),
        "unit": 1,
        "unitNumber": 1,
        "limit": 1,
        "includePartialBar": True,
    }
    told = asking.must(HISTORY_CALL, posted(_BARS_PATH, body))
    bars = [read_bar(bar) for bar in rows_of(told, "bars")]
    if not bars:
        raise UnreadableError("there is no bar")
    return PriceFetched(
        account_id=request.account_id,
        exchange=request.exchange,
        order_id=request.order_id,
        symbol=request.symbol,
        price=max(bars)[1],
        received_ms=told.answer.received_ms,
    )
