"""The auditor's part for orders that were modified, and for those that others placed.

What an intent may have come to at the venue is judged by the venue's own record: one order more for each modification
at most, never two that work at once, never more executed than was asked for, and terms that are those of the last
modification that was called done. Must never: take an order manager's word for what works.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal

from actors.app.verdict import Asked, Change, Doings, Row, Verdict
from actors.domain.arithmetic import plain
from messages.commands import OrderTerms
from messages.queries import ModifyDone, OrderPlaced
from messages.types import ZERO, Order

Intent = tuple[str, str]
"""Account and request id."""


def check_intents(
    verdict: Verdict,
    asked: Asked,
    ours: Iterable[Order],
    at_venue: Mapping[tuple[str, ...], list[Row]],
    changes: Sequence[Change],
) -> None:
    """Check what every intent has come to: a record, and no more venue orders than it may have."""
    by_request: dict[Intent, list[Order]] = defaultdict(list)
    for order in ours:
        by_request[order.account_id, order.request_id or ""].append(order)
    by_intent: dict[Intent, list[Change]] = defaultdict(list)
    for change in changes:
        by_intent[change.intent].append(change)
    for (account, request_id), reply in asked.items():
        name = f"intent {request_id} of account {account}"
        orders = by_request.get((account, request_id), [])
        rows = [at_venue.get((account, order.client_order_id), []) for order in orders]
        if reply is None:
            verdict.note(f"{name} never got its reply")
        if not orders:
            verdict.lost += 1
            verdict.note(f"{name} has no record")
        elif not any(rows):
            verdict.count_unplaced(orders[0])
            if isinstance(reply, OrderPlaced):
                verdict.note(f"{name} was called placed, and there is no venue order")
        else:
            _check_venue_orders(verdict, name, rows, by_intent.get((account, request_id), []))


def _check_venue_orders(verdict: Verdict, name: str, by_order: list[list[Row]], changes: list[Change]) -> None:
    rows = sorted((row for rows in by_order for row in rows), key=lambda row: int(row["orderId"]))
    too_many = max(len(rows) - 1 - len(changes), *(len(each) - 1 for each in by_order))
    verdict.replacements += len(rows) - 1 - max(0, too_many)
    if too_many > 0:
        verdict.duplicates += too_many
        verdict.note(f"{name} has {len(rows)} venue orders, and was modified {len(changes)} times")
    if not changes:
        return
    working = [row["venueOrderId"] for row in rows if row["status"] == "OPEN"]
    if len(working) > 1:
        verdict.live_twice += 1
        verdict.note(f"{name} works twice at the venue, as orders {', '.join(working)}")
    placed = changes[0].placed
    sizes = [size for size in (placed.size, *(change.size for change in changes)) if size is not None]
    executed = sum((Decimal(row["filledSize"]) for row in rows), ZERO)
    if executed > max(sizes):
        verdict.overexecuted += 1
        verdict.note(f"{name} executed {plain(executed)}, asked for was {plain(max(sizes))} at most")
    if all(change.replies for change in changes):
        # Of what nobody was told the end of, either outcome is right.
        _check_told(verdict, name, rows, changes)


def _check_told(verdict: Verdict, name: str, rows: list[Row], changes: list[Change]) -> None:
    size, price = changes[0].placed.size, changes[0].placed.price
    at_venue = {row["venueOrderId"] for row in rows}
    for change in changes:
        told = {reply.view.order.order_id for reply in change.replies if isinstance(reply, ModifyDone)}
        if len(told) > 1:
            named = ", ".join(sorted(told))
            verdict.note(f"{name}: modification {change.message_id} was called done as orders {named}")
        if told - at_venue:
            verdict.note(f"{name}: modification {change.message_id} was called done, and there is no such venue order")
        if told:
            size, price = change.size or size, change.price or price
    last = rows[-1]
    # What former orders executed is part of the total size that was asked for.
    total = sum((Decimal(row["filledSize"]) for row in rows[:-1]), Decimal(last["size"]))
    if (total, Decimal(last["price"])) != (size, price):
        wanted = f"{size} at {price}"
        verdict.note(f"{name} is {plain(total)} at {last['price']} at the venue, by what its owner was told {wanted}")


def check_foreign(
    verdict: Verdict,
    foreign: Collection[tuple[str, str]],
    ours: Iterable[Order],
    at_venue: Mapping[tuple[str, ...], list[Row]],
) -> None:
    """Check that nobody of ours has cancelled the orders of somebody else, and that we know them for what they are.

    What the market or the venue itself does to them is their owner's matter.
    """
    known = {(order.account_id, order.client_order_id): order for order in ours}
    for key in foreign:
        name = f"order {key[1]} of account {key[0]}, which somebody else placed,"
        if [row["endReason"] == "user" for row in at_venue.get(key, [])] != [False]:
            verdict.foreign_touched += 1
            verdict.note(f"{name} was cancelled")
        order = known.get(key)
        if order is None or not order.external:
            verdict.note(f"{name} is not known for what it is")


def was_swept(order: Order, row: Row, doings: Doings) -> bool:
    """Whether an order may have been cancelled together with others, by the time it lived."""
    return any(
        sweep.account_id == order.account_id and sweep.meets(order.created_at_ms, row["updatedMs"])
        for sweep in doings.sweeps
    )


def terms_differ(order: Order, row: Row) -> str:
    """Say how size or price of an order are not the venue's; empty when they are, or when it has no price."""
    if order.price is None or (order.size, order.price) == (Decimal(row["size"]), Decimal(row["price"])):
        return ""
    return f"is {plain(order.size)} at {plain(order.price)}, at the venue {row['size']} at {row['price']}"


def as_placed(terms: OrderTerms, number: int, *, size: Decimal | None, price: Decimal | None) -> Change:
    """A modification that is about to be asked for; the number tells those of one order apart."""
    return Change(placed=terms, message_id=f"{terms.request_id}/change-{number}", size=size, price=price)
