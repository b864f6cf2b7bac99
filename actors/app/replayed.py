"""What a replay came to, and how that compares with the recording: orders, executions, values, positions."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, TypeAlias

from actors.app.recording import Ending, Expected, Outlook
from actors.app.verdict import Verdict
from actors.domain.arithmetic import plain
from actors.views import PublishedViews
from messages.fills import Position
from messages.types import ZERO, Order, OrderState, Side

_ENDED_AS: Final = {
    Ending.FILLED: frozenset({OrderState.FILLED}),
    Ending.CANCELLED: frozenset({OrderState.CANCELLED}),
    Ending.CANCELLED_AFTER_FILL: frozenset({OrderState.CANCELLED}),
    Ending.OPEN: frozenset({OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED}),
}


@dataclass(slots=True, kw_only=True)
class Played:
    """What an order of the recording became here."""

    account: str = ""
    requests: list[str] = field(default_factory=list)
    """Request ids, one after the other: those after the first are modifications played as a cancel and a new order."""
    amended: int = 0
    """Modifications that the venue carried out in place."""
    replaced: int = 0
    """Modifications that were carried out by another order."""

    @property
    def modifications(self) -> int:
        """How often it was modified, in whatever way."""
        return self.amended + self.replaced + max(0, len(self.requests) - 1)


History: TypeAlias = Callable[[str], Played | None]
"""What an order of the recording became, by its number there; None: it was never played."""


@dataclass(slots=True, kw_only=True)
class ReplayResult:
    """What a replay found."""

    outlook: Outlook
    verdict: Verdict
    endings: Counter[Ending]
    executed: Decimal
    value: Decimal
    """Quote units executed, both sides."""
    modifications: Counter[str] = field(default_factory=Counter)
    """By the way they were carried out."""
    wall_seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The result as other programs read it."""
        verdict, expected = self.verdict, self.outlook.endings()
        return {
            "events": self.outlook.events,
            "orders": len(self.outlook.orders),
            "venueOrders": verdict.venue_orders,
            "openAtEnd": self.endings[Ending.OPEN],
            "filled": self.endings[Ending.FILLED],
            "cancelledUnfilled": self.endings[Ending.CANCELLED],
            "cancelledAfterFill": self.endings[Ending.CANCELLED_AFTER_FILL],
            "fills": verdict.fills,
            "executedSize": str(self.executed),
            "executedValue": plain(self.value),
            "positions": verdict.positions,
            "falsePositions": verdict.false_positions,
            "recorded": {
                "openAtEnd": expected[Ending.OPEN],
                "filled": expected[Ending.FILLED],
                "cancelledUnfilled": expected[Ending.CANCELLED],
                "cancelledAfterFill": expected[Ending.CANCELLED_AFTER_FILL],
                "fills": self.outlook.executions,
                "executedSize": str(sum(self.outlook.executed.values(), ZERO)),
                "executedValue": plain(self.outlook.value()),
            },
            "modifications": dict(self.modifications),
            "duplicates": verdict.duplicates,
            "lost": verdict.lost,
            "violations": list(verdict.violations),
            "wallSeconds": round(self.wall_seconds, 2),
        }


def compare(
    verdict: Verdict, outlook: Outlook, history: History, books: Mapping[str, PublishedViews]
) -> ReplayResult:
    """Compare every order and every position with the recording; what differs is a violation of the verdict."""
    orders = defaultdict[tuple[str, str], list[Order]](list)
    for book in books.values():
        for order in list(book.orders.values()):
            orders[order.account_id, order.request_id or ""].append(order)
    result = ReplayResult(outlook=outlook, verdict=verdict, endings=Counter(), executed=ZERO, value=ZERO)
    for order_id, expected in outlook.orders.items():
        played = history(order_id) or Played()
        legs = [leg for request in played.requests for leg in _in_sequence(orders[played.account, request])]
        result.modifications.update(
            {"in place": played.amended, "replaced": played.replaced, "cancelled and placed": len(played.requests[1:])}
        )
        executed = sum((leg.filled_size for leg in legs), ZERO)
        value = sum((leg.filled_value for leg in legs), ZERO)
        result.executed += executed
        result.value += value
        if (executed, value) != (expected.executed, expected.value):
            recorded = f"{expected.executed} for {expected.value}"
            verdict.note(f"order {order_id} executed {executed} for {value}, recorded are {recorded}")
        if not legs:
            verdict.note(f"order {order_id} was never placed")
            continue
        ending = _ending(legs[-1], executed)
        result.endings[ending] += 1
        _compare_modifications(verdict, order_id, expected, played, len(legs))
        _compare_ending(verdict, order_id, expected, legs[-1], ending)
    _compare_positions(verdict, outlook, history, books)
    return result


def _in_sequence(orders: list[Order]) -> list[Order]:
    """Orders of one request id, each before the one that took its place."""
    by_former = {order.replaces: order for order in orders}
    found = []
    former = None
    while former in by_former:
        found.append(by_former[former])
        former = found[-1].order_id
    return found


def _compare_modifications(verdict: Verdict, order_id: str, expected: Expected, played: Played, legs: int) -> None:
    if played.modifications != expected.modifications:
        wanted = f"{expected.modifications} times"
        verdict.note(f"order {order_id} was modified {played.modifications} times, by the recording {wanted}")
    if legs != len(played.requests) + played.replaced:
        wanted = f"{len(played.requests) + played.replaced}"
        verdict.note(f"order {order_id} became {legs} orders, by what was answered {wanted}")


def _compare_positions(
    verdict: Verdict, outlook: Outlook, history: History, books: Mapping[str, PublishedViews]
) -> None:
    size, cash = defaultdict[str, Decimal](Decimal), defaultdict[str, Decimal](Decimal)
    for order_id, expected in outlook.orders.items():
        account = (history(order_id) or Played()).account
        bought = expected.side is Side.BUY
        size[account] += expected.executed if bought else -expected.executed
        cash[account] -= expected.value if bought else -expected.value
    for account, book in books.items():
        positions = list(book.positions.values())
        held = (sum(map(_before_fees, positions), ZERO), sum((each.cash for each in positions), ZERO))
        if held != (size[account], cash[account]):
            verdict.false_positions += 1
            recorded = f"{size[account]} and {cash[account]}"
            verdict.note(f"account {account} holds {held[0]} and {held[1]} quote units, recorded are {recorded}")


def _before_fees(position: Position) -> Decimal:
    # A recording knows no fees, and those that were charged in the base asset are gone from what is held.
    return position.size + dict(position.fees).get(position.symbol.partition("-")[0], ZERO)


def _ending(last: Order, executed: Decimal) -> Ending:
    if last.state is OrderState.FILLED:
        return Ending.FILLED
    if last.state in _ENDED_AS[Ending.OPEN]:
        return Ending.OPEN
    return Ending.CANCELLED_AFTER_FILL if executed > ZERO else Ending.CANCELLED


def _compare_ending(verdict: Verdict, order_id: str, expected: Expected, last: Order, ending: Ending) -> None:
    if ending is not expected.ending or last.state not in _ENDED_AS[expected.ending]:
        verdict.note(f"order {order_id} ended {last.state}, recorded is {expected.ending}")
    elif ending is Ending.OPEN and last.size - last.filled_size != expected.remaining:
        verdict.note(f"order {order_id} has {last.size - last.filled_size} left, recorded are {expected.remaining}")
