"""The auditor's part for what an operator does to whole accounts: kill switch, cancels of everything, synchronisations,
checks before trades.

Pure: what was told and the venue's own record in, violations out. Must never: count what was on its way before a switch
was on as placed after it, or demand of an answer what it did not claim.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

from actors.app.markets import CAPABILITIES
from actors.app.verdict import Doings, Row, VenueRecord, grouped
from actors.domain.arithmetic import plain
from actors.domain.lifecycle import AT_VENUE
from actors.views import PublishedViews
from messages.queries import CancelsDone, ExchangeOrders, OpenOrdersSynced, ParityReport
from messages.types import Order, OrderType

_LONG_ENDED_MS: Final = 30_000
"""An order that an answer shows as open may have ended, but not so long before: every stream and list is caught up with
by then, whatever its fault.
"""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A time in which the kill switch of an account was on: from the answer to it until its release was asked for."""

    account_id: str
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What was configured to be refused before it is placed."""

    order_notional_max: Decimal
    """Quote units."""
    duplicate_within: Decimal
    """Orders of one side whose prices are no farther apart are one too many."""


def stopped_errors(stops: Iterable[Stopped], books: Mapping[str, PublishedViews], venue: VenueRecord) -> list[str]:
    """Name every order that was sent although the kill switch was on."""
    ours = {(account, order.client_order_id): order for account, book in books.items() for order in _orders(book)}
    wrong = []
    for stop in stops:
        for row in venue.orders:
            inside = row["account"] == stop.account_id and stop.from_ms < row["createdMs"] < stop.to_ms
            order = ours.get((row["account"], row["firstClientOrderId"])) if inside else None
            if order is not None and _sent_within(order, stop):
                wrong.append(f"order {order.order_id} of account {stop.account_id} was placed under the kill switch")
    return wrong


def _sent_within(order: Order, stop: Stopped) -> bool:
    # What had left before the switch was on may arrive after it; it is cancelled when it turns up.
    return any(stop.from_ms < attempt.recorded_ms < stop.to_ms for attempt in order.attempts)


def swept_errors(doings: Doings, venue: VenueRecord) -> list[str]:
    """Name every order that works although its owner was told, with many others, that it does not."""
    working = {(row["account"], row["firstClientOrderId"]) for row in venue.orders if row["status"] == "OPEN"}
    return [
        f"order {view.local_id} of account {sweep.account_id} was called ended by a cancel of everything, and works"
        for sweep in doings.sweeps
        if isinstance(sweep.reply, CancelsDone)
        for view in sweep.reply.ended
        if (sweep.account_id, view.order.client_order_id) in working
    ]


def synced_errors(answers: Sequence[tuple[str, OpenOrdersSynced]], venue: VenueRecord) -> list[str]:
    """Name every open order in an answer that claimed to be whole and fresh, which the venue did not have then."""
    rows = grouped(venue.orders, "account", "venueOrderId")
    return [
        f"open orders of account {account} as of {shown.as_of_ms}: {error}"
        for account, answer in answers
        for shown in answer.exchanges
        if not shown.gap and not shown.stale and shown.complete
        for error in _untrue(account, shown, rows)
    ]


def _untrue(account: str, shown: ExchangeOrders, rows: Mapping[tuple[str, ...], list[Row]]) -> Iterable[str]:
    for view in shown.orders:
        if view.state not in AT_VENUE:
            continue
        found = rows.get((account, view.order.order_id))
        if not found and view.order.stop_price is None:
            # A stop may have another id since its trigger.
            yield f"order {view.order.order_id} is not at the venue"
        elif found and found[0]["status"] != "OPEN" and found[0]["updatedMs"] < shown.as_of_ms - _LONG_ENDED_MS:
            yield f"order {view.order.order_id} had ended long before"


def pre_trade_errors(limits: Limits, venue: VenueRecord, foreign: Iterable[tuple[str, str]]) -> list[str]:
    """Name every order at the venue that should have been refused before it was placed."""
    others = set(foreign)
    wrong = []
    ours = [
        row
        for row in venue.orders
        if row["type"] == OrderType.LIMIT and (row["account"], row["firstClientOrderId"]) not in others
    ]
    for row in ours:
        notional = Decimal(row["size"]) * Decimal(row["price"]) * venue.multiplier(row["symbol"])
        if notional > limits.order_notional_max:
            wrong.append(f"order {row['orderId']} is worth {plain(notional)}: over the limit")
    for rows in grouped((row for row in ours if row["status"] == "OPEN"), "account", "symbol", "side").values():
        by_price = sorted(rows, key=lambda row: Decimal(row["price"]))
        for one, other in pairwise(by_price):
            if Decimal(other["price"]) - Decimal(one["price"]) <= limits.duplicate_within:
                text = f"orders {one['orderId']} and {other['orderId']} work at one price level, {one['price']}"
                wrong.append(f"{text}, of account {one['account']}")
    return wrong


def parity_errors(reports: Mapping[str, ParityReport]) -> list[str]:
    """Name every difference that a comparison by message found, and everything that it could not compare."""
    wrong = []
    for account, report in reports.items():
        wrong += [
            f"parity of account {account}: {each.kind} {each.subject} {each.name}: {each.ours}, venue {each.venues}"
            for each in report.differences
        ]
        wrong += [f"parity of account {account}: {what} not compared: {why}" for what, why in still_open(report)]
    return wrong


def still_open(report: ParityReport) -> list[tuple[str, str]]:
    """What a comparison should have compared and did not: what, and why.

    Cash in a margin account is what the venue makes of prices, and no sum of executions: nobody compares it.
    """
    return [
        (what, why)
        for exchange, what, why in report.not_compared
        if not (CAPABILITIES[exchange].margin and why.startswith("cash:"))
    ]


def _orders(book: PublishedViews) -> list[Order]:
    return list(book.orders.values())
