"""The auditor: compares what the order manager believes with what the paper venue did, order by order, fill by fill.

Pure: records in, verdict out. It keeps no state, repairs nothing, and takes nothing from the order manager but its
published records; what happened is the venue's own record.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from actors.domain.arithmetic import EXACT, RATIO
from actors.domain.fills import average_price
from actors.domain.lifecycle import TERMINAL
from actors.memory import PublishedViews
from messages.fills import Fill
from messages.queries import OrderPlaced, Reply
from messages.types import ZERO, Order, OrderState, StateTransition

VIOLATIONS_SHOWN: Final = 200
"""So many are told in full; the rest is counted."""
_MOVING = frozenset({OrderState.PENDING, OrderState.SUBMITTED})
_WITHOUT_VENUE_ORDER = frozenset({OrderState.REJECTED, OrderState.FAILED, OrderState.CANCELLED})

Row = dict[str, Any]
Asked = Mapping[tuple[str, str], Reply | None]
"""By account and request id: the last reply to an intent, None when none came."""


@dataclass(frozen=True, slots=True)
class VenueRecord:
    """What a venue's control port says happened."""

    orders: tuple[Row, ...]
    executions: tuple[Row, ...]


@dataclass(slots=True, kw_only=True)
class Verdict:
    """The outcome of an audit."""

    intents: int = 0
    venue_orders: int = 0
    fills: int = 0
    duplicates: int = 0
    """Venue orders beyond the first of an intent."""
    lost: int = 0
    """Intents without a record, and venue orders that no record of ours is about."""
    phantom_fills: int = 0
    """Fills we booked that the venue never made."""
    missing_fills: int = 0
    """Fills the venue made that we did not book."""
    false_matches: int = 0
    """Orders of ours that follow a venue order which is not theirs."""
    manual_reviews: int = 0
    """Orders that wait for a decision by a person."""
    refused_here: int = 0
    """Intents that ended before anything was sent."""
    refused_by_venue: int = 0
    """Intents that the venue refused."""
    proven_absent: int = 0
    """Intents that were sent and are proven not to be at the venue."""
    violations: list[str] = field(default_factory=list)

    @property
    def not_placed(self) -> int:
        """Intents that made no venue order, whatever the reason."""
        return self.refused_here + self.refused_by_venue + self.proven_absent

    def note(self, text: str) -> None:
        """Record a violation."""
        self.violations.append(text)


def audit(asked: Asked, books: Mapping[str, PublishedViews], venue: VenueRecord) -> Verdict:
    """Compare everything. Call it when the system is quiet: what is on its way shows as a violation."""
    verdict = Verdict(intents=len(asked), venue_orders=len(venue.orders), fills=len(venue.executions))
    ours = {(account, order.order_id): order for account, book in books.items() for order in list(book.orders.values())}
    at_venue = _grouped(venue.orders, "account", "firstClientOrderId")
    executed = _grouped(venue.executions, "account", "orderId")
    _check_intents(verdict, asked, ours.values(), at_venue)
    for (account, _), order in ours.items():
        rows = at_venue.get((account, order.client_order_id), [])
        _check_order(verdict, order, rows)
        _check_proof(verdict, order, books[account])
        _check_fills(verdict, order, books[account].fills.get(order.order_id, ()), rows, executed)
        _check_steps(verdict, order, books[account].transitions.get(order.order_id, ()))
    known = {(order.account_id, order.client_order_id) for order in ours.values()}
    for key in at_venue:
        if key not in known:
            verdict.lost += 1
            verdict.note(f"venue order with client id {key[1]} of account {key[0]} is unknown to us")
    return verdict


def is_quiet(books: Iterable[PublishedViews]) -> bool:
    """Whether nothing is under way: no outcome unknown, no cancel pending, every gate open."""
    return all(
        not any(book.gates.values()) and all(is_settled(order) for order in list(book.orders.values()))
        for book in books
    )


def is_settled(order: Order) -> bool:
    """Whether nothing about the order is unknown or under way."""
    return order.state not in _MOVING and not order.cancel_pending and order.verification is None


def only(
    keys: Collection[tuple[str, str]], books: Mapping[str, PublishedViews], venue: VenueRecord
) -> tuple[dict[str, PublishedViews], VenueRecord]:
    """Narrow books and record to the intents with these accounts and request ids.

    Venue orders that no record of ours is about stay, since those are what an audit has to find.
    """
    ours: dict[str, PublishedViews] = {}
    left_out = set()
    for account, book in books.items():
        orders = list(book.orders.values())
        mine = {order.order_id: order for order in orders if (account, order.request_id or "") in keys}
        left_out |= {(account, order.client_order_id) for order in orders if order.order_id not in mine}
        ours[account] = replace(book, orders=mine)
    rows = tuple(row for row in venue.orders if (row["account"], row["firstClientOrderId"]) not in left_out)
    numbers = {(row["account"], row["orderId"]) for row in rows}
    executions = tuple(each for each in venue.executions if (each["account"], each["orderId"]) in numbers)
    return ours, VenueRecord(rows, executions)


def _grouped(rows: Iterable[Row], *names: str) -> dict[tuple[str, ...], list[Row]]:
    found: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(str(row[name]) for name in names)].append(row)
    return found


def _check_intents(
    verdict: Verdict, asked: Asked, ours: Iterable[Order], at_venue: Mapping[tuple[str, ...], list[Row]]
) -> None:
    by_request: dict[tuple[str, str], list[Order]] = defaultdict(list)
    for order in ours:
        by_request[order.account_id, order.request_id or ""].append(order)
    for (account, request_id), reply in asked.items():
        orders = by_request.get((account, request_id), [])
        count = sum(len(at_venue.get((account, order.client_order_id), ())) for order in orders)
        if reply is None:
            verdict.note(f"intent {request_id} of account {account} never got its reply")
        if not orders:
            verdict.lost += 1
            verdict.note(f"intent {request_id} of account {account} has no record")
        elif count > 1:
            verdict.duplicates += count - 1
            verdict.note(f"intent {request_id} of account {account} has {count} venue orders")
        elif count == 0:
            _count_unplaced(verdict, orders[0])
            if isinstance(reply, OrderPlaced):
                verdict.note(f"intent {request_id} of account {account} was called placed, and there is no venue order")


def _count_unplaced(verdict: Verdict, order: Order) -> None:
    if not order.attempts:
        verdict.refused_here += 1
    elif order.state is OrderState.REJECTED:
        verdict.refused_by_venue += 1
    else:
        verdict.proven_absent += 1


def _check_order(verdict: Verdict, order: Order, rows: list[Row]) -> None:
    if order.needs_review:
        verdict.manual_reviews += 1
        verdict.note(f"{_name(order)} waits for a person: {order.review_reason}")
    if not rows:
        if order.state not in _WITHOUT_VENUE_ORDER or order.filled_size:
            verdict.note(f"{_name(order)} is {order.state}, and there is no venue order")
        return
    row = rows[0]
    if order.venue_order_id is not None and order.venue_order_id not in {str(each["orderId"]) for each in rows}:
        verdict.false_matches += 1
        verdict.note(f"{_name(order)} follows venue order {order.venue_order_id}, its own is {row['orderId']}")
    expected = expected_state(row)
    if order.state is not expected:
        verdict.note(f"{_name(order)} is {order.state}, the venue's order is {row['status']} ({expected})")
    if order.filled_size != Decimal(row["filledSize"]) or order.filled_value != Decimal(row["filledValue"]):
        verdict.note(
            f"{_name(order)} executed {order.filled_size} for {order.filled_value}, at the venue "
            f"{row['filledSize']} for {row['filledValue']}"
        )


def expected_state(row: Row) -> OrderState:
    """The state that an order has to be in when its venue order looks like this."""
    if row["status"] == "OPEN":
        return OrderState.PARTIALLY_FILLED if Decimal(row["filledSize"]) > ZERO else OrderState.ACKNOWLEDGED
    return OrderState(row["status"])


def _check_proof(verdict: Verdict, order: Order, book: PublishedViews) -> None:
    proven = order.state in TERMINAL and order.state is not OrderState.FILLED
    if proven and book.evidence.get(order.order_id) is None:
        verdict.note(f"{_name(order)} is {order.state} without evidence")


def _check_fills(
    verdict: Verdict,
    order: Order,
    booked: tuple[Fill, ...],
    rows: list[Row],
    executed: Mapping[tuple[str, ...], list[Row]],
) -> None:
    true = {
        str(each["tradeId"]): each
        for row in rows
        for each in executed.get((order.account_id, str(row["orderId"])), ())
    }
    seen = set()
    for fill in booked:
        row = true.get(fill.fill_id)
        if row is None or fill.fill_id in seen:
            verdict.phantom_fills += 1
            verdict.note(f"{_name(order)} has a fill {fill.fill_id} that is not the venue's, or has it twice")
        elif not _same(fill, row):
            verdict.note(f"{_name(order)}: fill {fill.fill_id} differs from the venue's")
        seen.add(fill.fill_id)
    for trade_id in true.keys() - seen:
        verdict.missing_fills += 1
        verdict.note(f"{_name(order)} lacks fill {trade_id}")
    size = sum((fill.size for fill in booked), ZERO)
    value = sum((EXACT.multiply(fill.price, fill.size) for fill in booked), ZERO)
    if size and average_price(order) != RATIO.divide(value, size):
        verdict.note(f"{_name(order)}: the average price {average_price(order)} is not that of its fills")


def _same(fill: Fill, row: Row) -> bool:
    return (
        fill.price == Decimal(row["price"])
        and fill.size == Decimal(row["size"])
        and fill.fee == Decimal(row["fee"])
        and fill.side == row["side"]
    )


def _check_steps(verdict: Verdict, order: Order, steps: tuple[StateTransition, ...]) -> None:
    state = OrderState.DRAFT
    for number, step in enumerate(steps, 1):
        if step.version != number or step.from_state is not state:
            verdict.note(f"{_name(order)}: step {step.version} does not follow on the one before")
            return
        state = step.to_state
    if steps and (state is not order.state or order.version != len(steps)):
        verdict.note(f"{_name(order)}: its steps lead to {state}, it is {order.state}")


def _name(order: Order) -> str:
    return f"order {order.order_id} (account {order.account_id}, request {order.request_id})"
