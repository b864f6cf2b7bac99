"""Latest prices of symbols, read from their venue where a limit needs one. Nothing here is stored.

Must never: give a price that is older than the settings allow.
"""

from decimal import Decimal

from actors.desk import Desk
from actors.reminders import PriceDue
from actors.runtime.outcome import CancelTimer, SetTimer
from actors.turn import Turn
from messages.commands import FetchPrice
from messages.reports import PriceFetched


class Prices:
    """Of one account, by exchange and symbol."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known: dict[tuple[str, str], tuple[Decimal, int]] = {}
        """Price, and when it was received, our clock."""
        self._asked: set[tuple[str, str]] = set()

    def latest(self, exchange: str, symbol: str, now_ms: int) -> Decimal | None:
        """The latest price; None when none is known that is young enough."""
        price, received_ms = self._known.get((exchange, symbol), (None, 0))
        # A clock that was set back makes a price look younger than it is.
        young = 0 <= now_ms - received_ms <= self._desk.policy.pre_trade.max_age_ms
        return price if young else None

    def under_way(self, exchange: str, symbol: str) -> bool:
        """Whether a price was asked for and is not answered yet."""
        return (exchange, symbol) in self._asked

    def want(self, turn: Turn, exchange: str, symbol: str) -> None:
        """Ask for a price, unless it is asked for already."""
        if (exchange, symbol) in self._asked:
            return
        self._asked.add((exchange, symbol))
        request = FetchPrice(account_id=turn.account_id, exchange=exchange, symbol=symbol)
        turn.send(self._desk.exchange_address[exchange], request)
        # An answer that is lost on its way must not keep anybody from asking again.
        due = PriceDue(exchange=exchange, symbol=symbol)
        turn.effect(SetTimer(f"price:{exchange}:{symbol}", self._desk.policy.queue_timeout_ms, due))

    def on_price(self, turn: Turn, report: PriceFetched) -> None:
        """A price was read."""
        self._known[report.exchange, report.symbol] = report.price, report.received_ms
        self.answered(turn, report.exchange, report.symbol)

    def answered(self, turn: Turn, exchange: str, symbol: str) -> None:
        """A price was read, or could not be."""
        self._asked.discard((exchange, symbol))
        turn.effect(CancelTimer(f"price:{exchange}:{symbol}"))

    def forget(self) -> None:
        """The account is no longer ours."""
        self._known.clear()
        self._asked.clear()
