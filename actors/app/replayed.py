"""What a replay came to, and how that compares with the recording: orders, executions, values, positions."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeAlias

from actors.app.recording import Ending, Expected, Outlook
from actors.app.verdict import Verdict
from actors.domain.arithmetic import plain
from actors.views import PublishedViews
from messages.fills import Position
from messages.types import ZERO, Order, OrderState, Side

Legs: TypeAlias = Callable[[str], tuple[str, list[str]]]
"""The account and the request ids that an order of the recording became."""
_ENDED_AS: Final = {
    Ending.FILLED: frozenset({OrderState.FILLED}),
    Ending.CANCELLED: frozenset({OrderState.CANCELLED}),
    Ending.CANCELLED_AFTER_FILL: frozenset({OrderState.CANCELLED}),
    Ending.OPEN: frozenset({OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED}),
}


@dataclass(slots=True, kw_only=True)
class ReplayResult:
    """What a replay found."""

    outlook: Outlook
    verdict: Verdict
    endings: Counter[Ending]
    executed: Decimal
    value: Decimal
    """Quote units executed, both sides."""
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
            "modificationsPlayedAs": "cancel and new order",
            "duplicates": verdict.duplicates,
            "lost": verdict.lost,
            "violations": list(verdict.violations),
            "wallSeconds": round(self.wall_seconds, 2),
        }


def compare(
    verdict: Verdict, outlook: Outlook, legs_of: Legs, books: Mapping[str, PublishedViews]
) -> ReplayResult:
    """Compare every order and every position with the recording; what differs is a violation of the verdict."""
    orders = {
        (order.account_id, order.request_id or ""): order
        for book in books.values()
        for order in list(book.orders.values())
    }
    result = ReplayResult(outlook=outlook, verdict=verdict, endings=Counter(), executed=ZERO, value=ZERO)
    for order_id, expected in outlook.orders.items():
        account, requests = legs_of(order_id)
        legs = [orders[account, request] for request in requests if (account, request) in orders]
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
        _compare_ending(verdict, order_id, expected, legs, ending)
    _compare_positions(verdict, outlook, legs_of, books)
    return result


def _compare_positions(
    verdict: Verdict, outlook: Outlook, legs_of: Legs, books: Mapping[str, PublishedViews]
) -> None:
    size, cash = defaultdict[str, Decimal](Decimal), defaultdict[str, Decimal](Decimal)
    for order_id, expected in outlook.orders.items():
        account, _ = legs_of(order_id)
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


def _compare_ending(verdict: Verdict, order_id: str, expected: Expected, legs: list[Order], ending: Ending) -> None:
    last = legs[-1]
    if len(legs) != expected.modifications + 1:
        verdict.note(f"order {order_id} became {len(legs)} orders, recorded are {expected.modifications} modifications")
    if ending is not expected.ending or last.state not in _ENDED_AS[expected.ending]:
        verdict.note(f"order {order_id} ended {last.state}, recorded is {expected.ending}")
    elif ending is Ending.OPEN and last.size - last.filled_size != expected.remaining:
        verdict.note(f"order {order_id} has {last.size - last.filled_size} left, recorded are {expected.remaining}")
