"""The auditor's part for what executions add up to: positions, and the closes that bring them to zero.

Pure: records in, remarks in the verdict out. Must never: take a position's numbers from anything but the venue's own
executions.
"""

from collections.abc import Iterable, Mapping, Sequence

from actors.app.reckoning import position_errors
from actors.app.verdict import Row, VenueRecord, Verdict, grouped
from actors.memory import runs
from actors.views import PublishedViews
from messages.fills import PositionClose
from messages.types import Order


def check_closes(
    verdict: Verdict,
    closes: Sequence[PositionClose],
    ours: Iterable[Order],
    at_venue: Mapping[tuple[str, ...], list[Row]],
) -> None:
    """Check that every close has ended, ran alone, and has one order that executed what it is said to have closed."""
    orders = {(order.account_id, order.order_id): order for order in ours}
    running: dict[tuple[str, str, str], PositionClose] = {}
    verdict.closes = len(closes)
    for close in sorted(closes, key=lambda close: (close.started_ms, close.ended_ms or 0)):
        name = f"close {close.close_id} of account {close.account_id}"
        order = orders.get((close.account_id, close.order_id))
        if runs(close):
            verdict.note(f"{name} has not ended")
        place = (close.account_id, close.exchange, close.symbol)
        before = running.get(place)
        if before is not None and (before.ended_ms is None or before.ended_ms > close.started_ms):
            verdict.note(f"{name} ran beside close {before.close_id} of the same position")
        running[place] = close
        if order is None:
            verdict.lost += 1
            verdict.note(f"{name} has no order")
            continue
        if close.closed_size != order.filled_size:
            verdict.note(f"{name} is said to have closed {close.closed_size}, its order executed {order.filled_size}")
        count = len(at_venue.get((order.account_id, order.client_order_id), ()))
        if count > 1:
            verdict.duplicates += count - 1
            verdict.note(f"{name} has {count} venue orders")
        elif count == 0:
            verdict.count_unplaced(order)


def check_positions(verdict: Verdict, books: Mapping[str, PublishedViews], venue: VenueRecord) -> None:
    """Check that every position is what the venue's executions add up to, and that none is missing."""
    executed = grouped(venue.executions, "account", "symbol")
    held = {
        (account, symbol): position
        for account, book in books.items()
        for (_, symbol), position in list(book.positions.items())
    }
    for account, symbol in sorted((held.keys() | executed.keys()) - venue.partial):
        verdict.positions += 1
        rows = executed.get((account, symbol), [])
        errors = position_errors(held.get((account, symbol)), rows, venue.multiplier(symbol))
        verdict.false_positions += bool(errors)
        verdict.violations += [f"position of account {account} in {symbol}: {error}" for error in errors]
