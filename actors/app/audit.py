"""The auditor: compares what the order manager believes with what the paper venue did, order by order, fill by fill.

Pure: records in, verdict out. It keeps no state, repairs nothing, and takes nothing from the order manager but its
published records; what happened is the venue's own record, and what that adds up to is worked out by `reckoning`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from actors.app.audit_changes import check_foreign, check_intents, terms_differ, was_swept
from actors.app.audit_positions import check_closes, check_positions
from actors.app.reckoning import average_errors
from actors.app.verdict import NOTHING_ELSE, Asked, Doings, Row, VenueRecord, Verdict, grouped
from actors.domain.arithmetic import plain
from actors.domain.fills import average_price
from actors.domain.lifecycle import TERMINAL
from actors.views import PublishedViews
from messages.fills import Fill, PositionClose
from messages.types import ZERO, CompletionReason, Order, OrderState, OrderType, StateTransition

_MOVING = frozenset({OrderState.PENDING, OrderState.SUBMITTED})
_WITHOUT_VENUE_ORDER = frozenset({OrderState.REJECTED, OrderState.FAILED, OrderState.CANCELLED})
_ENDED_BY_VENUE = frozenset({"EXPIRED", "REJECTED"})
_CANCELLED, _EXPIRED, _REJECTED = OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED
_WORDS_FOR_ENDS = {
    "coinbase": (_CANCELLED, _EXPIRED, _REJECTED),
    "kraken": (_CANCELLED, _EXPIRED),
    "kucoin": (_CANCELLED,),
    "mexc": (_CANCELLED,),
    "projectx": (_CANCELLED, _EXPIRED, _REJECTED),
}
"""What the wires of venues can say of an order that ended without its owner's doing, where several such ends look alike
there. A venue that is not named has a word for each."""
_STOPS = frozenset({OrderType.STOP_MARKET, OrderType.STOP_LIMIT})


def audit(
    asked: Asked,
    books: Mapping[str, PublishedViews],
    venue: VenueRecord,
    closes: Sequence[PositionClose] = (),
    doings: Doings = NOTHING_ELSE,
) -> Verdict:
    """Compare everything. Call it when the system is quiet: what is on its way shows as a violation.

    `closes` are those that placed an order; each is wanted once, like an intent. `doings` says what else hosts did.
    """
    venue_orders = len(venue.orders) - len(doings.foreign)
    verdict = Verdict(intents=len(asked), venue_orders=venue_orders, fills=len(venue.executions))
    ours = {(account, order.order_id): order for account, book in books.items() for order in list(book.orders.values())}
    at_venue = grouped(venue.orders, "account", "firstClientOrderId")
    executed = grouped(venue.executions, "account", "orderId")
    ids = {account: {row["venueOrderId"] for row in venue.orders if row["account"] == account} for account in books}
    check_intents(verdict, asked, ours.values(), at_venue, doings.changes)
    check_closes(verdict, closes, ours.values(), at_venue)
    for (account, _), order in ours.items():
        rows = at_venue.get((account, order.client_order_id), [])
        _check_order(verdict, order, rows, doings)
        if rows and not _is_followed(order, rows, others=ids[account] - {row["venueOrderId"] for row in rows}):
            verdict.false_matches += 1
            true = rows[0]["venueOrderId"]
            verdict.note(f"{_name(order)} follows venue order {order.venue_order_id}, its own is {true}")
        _check_proof(verdict, order, books[account])
        _check_fills(verdict, order, books[account].fills.get(order.order_id, ()), rows, executed)
        _check_steps(verdict, order, books[account].transitions.get(order.order_id, ()))
    known = {(order.account_id, order.client_order_id) for order in ours.values()}
    for key in at_venue:
        if key not in known:
            verdict.lost += 1
            verdict.note(f"venue order with client id {key[1]} of account {key[0]} is unknown to us")
    check_foreign(verdict, doings.foreign, ours.values(), at_venue)
    check_positions(verdict, books, venue)
    return verdict


def is_quiet(books: Iterable[PublishedViews]) -> bool:
    """Whether nothing is under way: no outcome unknown, no cancel pending, every gate open."""
    return all(
        not any(book.gates.values()) and all(is_settled(order) for order in list(book.orders.values()))
        for book in books
    )


def is_settled(order: Order) -> bool:
    """Whether nothing about the order is unknown or under way."""
    changing = order.cancel_pending or order.modification is not None
    return order.state not in _MOVING and not changing and order.verification is None


def only(
    keys: Collection[tuple[str, str]], books: Mapping[str, PublishedViews], venue: VenueRecord
) -> tuple[dict[str, PublishedViews], VenueRecord]:
    """Narrow books and record to the intents with these accounts and request ids.

    Venue orders that no record of ours is about stay, since those are what an audit has to find. A position that orders
    which are left out have moved is left out too: nothing here says what it has to be.
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
    left = (each for each in venue.executions if (each["account"], each["orderId"]) not in numbers)
    partial = {(row["account"], row["symbol"]) for row in left}
    for account, book in books.items():
        left_out_fills = (fills for key, fills in list(book.fills.items()) if key not in ours[account].orders)
        partial |= {(account, fill.symbol) for fills in left_out_fills for fill in fills}
    return ours, VenueRecord(rows, executions, frozenset(partial), venue.multipliers)


def _check_order(verdict: Verdict, order: Order, rows: list[Row], doings: Doings) -> None:
    if order.needs_review:
        verdict.manual_reviews += 1
        verdict.note(f"{_name(order)} waits for a person: {order.review_reason}")
    if not rows:
        if order.state not in _WITHOUT_VENUE_ORDER or order.filled_size:
            verdict.note(f"{_name(order)} is {order.state}, and there is no venue order")
        return
    row = rows[0]
    expected = _expected_states(row, order, swept=was_swept(order, row, doings))
    if order.state not in expected:
        wanted = " or ".join(expected)
        verdict.note(f"{_name(order)} is {order.state}, the venue's order is {row['status']} ({wanted})")
    if order.fill_timeout_ms and expected == (OrderState.PARTIALLY_FILLED,):
        verdict.note(f"{_name(order)} still works, although its executions stopped and it has a timeout")
    verdict.timed_out += order.completion in (CompletionReason.TIMEOUT, CompletionReason.UNFILLED_TIMEOUT)
    differ = terms_differ(order, row)
    if differ:
        verdict.note(f"{_name(order)} {differ}")
    if order.filled_size != Decimal(row["filledSize"]) or order.filled_value != Decimal(row["filledValue"]):
        verdict.note(
            f"{_name(order)} executed {plain(order.filled_size)} for {plain(order.filled_value)}, at the venue "
            f"{row['filledSize']} for {row['filledValue']}"
        )


def _is_followed(order: Order, rows: list[Row], *, others: Collection[str]) -> bool:
    """Whether an order follows a venue order of its own. `others`: ids of the account's other venue orders."""
    followed = order.venue_order_id
    if followed is None or followed in {row["venueOrderId"] for row in rows}:
        return True
    # Some venues know a stop by one id until its trigger and by another one from then on.
    return order.type in _STOPS and followed not in others


def _expected_states(row: Row, order: Order, *, swept: bool) -> tuple[OrderState, ...]:
    """The states that an order may be in when its venue order looks like this."""
    filled = Decimal(row["filledSize"]) > ZERO
    if row["status"] == "OPEN":
        return (OrderState.PARTIALLY_FILLED if filled else OrderState.ACKNOWLEDGED,)
    if row["status"] in _ENDED_BY_VENUE and order.exchange in _WORDS_FOR_ENDS:
        # What the wire does not say may follow from the order: what cannot rest has expired.
        return tuple(dict.fromkeys((OrderState(row["status"]), *_WORDS_FOR_ENDS[order.exchange])))
    if row["status"] != "CANCELLED" or not filled:
        return (OrderState(row["status"]),)
    if order.fill_timeout_ms and row["endReason"] == "user" and not swept:
        # Nobody of ours but the timeout cancels an order that has one of its own, unless it goes with all others.
        return (OrderState.PARTIAL_FILL_TIMEOUT,)
    may_time_out = order.timed_out_ms is not None or (swept and order.fill_timeout_ms)
    timed_out = (OrderState.PARTIAL_FILL_TIMEOUT,) if may_time_out else ()
    return (OrderState.CANCELLED, *timed_out)


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
        each["fillId"]: each
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
    for fill_id in true.keys() - seen:
        verdict.missing_fills += 1
        verdict.note(f"{_name(order)} lacks fill {fill_id}")
    for error in average_errors(order, average_price(order), list(true.values())):
        verdict.note(f"{_name(order)} {error}")


def _same(fill: Fill, row: Row) -> bool:
    return (
        fill.price == Decimal(row["price"])
        and fill.size == Decimal(row["size"])
        and fill.fee == Decimal(row["fee"])
        and (not fill.fee or fill.fee_currency == row["feeCurrency"])
        and fill.side == row["side"]
    )


def _check_steps(verdict: Verdict, order: Order, steps: tuple[StateTransition, ...]) -> None:
    # What others placed is met in the middle of its life.
    state = steps[0].from_state if steps and order.external else OrderState.DRAFT
    for number, step in enumerate(steps, 1):
        if step.version != number or step.from_state is not state:
            verdict.note(f"{_name(order)}: step {step.version} does not follow on the one before")
            return
        state = step.to_state
    if steps and (state is not order.state or order.version != len(steps)):
        verdict.note(f"{_name(order)}: its steps lead to {state}, it is {order.state}")


def _name(order: Order) -> str:
    return f"order {order.order_id} (account {order.account_id}, request {order.request_id})"
