"""What lists of executions show beside executions that count: some that were taken back, some of no order.

Which of them were told is remembered with what the account knows, and lost with it: a new process tells them again.
Must never: book one of them, or guess whose it is.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from actors.booking import take_note_of_voided
from actors.domain.arithmetic import plain
from actors.domain.fills import fill_key
from actors.notes import Told
from actors.turn import Turn
from messages.base import copied
from messages.events import Severity
from messages.fills import Fill, VenueFill
from messages.reports import FillsFetched, OrdersSearched

_Listed = TypeVar("_Listed", bound=FillsFetched | OrdersSearched)


def hear(turn: Turn, report: _Listed) -> _Listed:
    """Tell what a list shows and was not told before; returns it with the executions that we know by their ids under
    their orders.
    """
    if any(not fill.venue_order_id for fill in (*report.voided, *report.unattributed)):
        report = _with_known_orders(turn, report)
    for fill in _by_key(report.voided).values():
        take_note_of_voided(turn, fill.exchange, fill.symbol, fill.venue_order_id, fill.fill_id)
    for key, fill in _by_key(report.unattributed).items():
        if key not in turn.memory.told:
            turn.note(Told(key))
            _tell_unattributed(turn, fill)
    return report


def _by_key(fills: Iterable[VenueFill]) -> dict[str, VenueFill]:
    return {fill_key(fill.exchange, fill.symbol, fill.venue_order_id, fill.fill_id): fill for fill in fills}


def _with_known_orders(turn: Turn, report: _Listed) -> _Listed:
    known = {_traits(fill): fill.venue_order_id for fill in _in_hand(turn, report)}

    def named(fill: VenueFill) -> VenueFill:
        return fill if fill.venue_order_id else copied(fill, venue_order_id=known.get(_traits(fill), ""))

    unattributed = [named(fill) for fill in report.unattributed]
    return copied(
        report,
        fills=(*report.fills, *(fill for fill in unattributed if fill.venue_order_id)),
        voided=tuple(named(fill) for fill in report.voided),
        unattributed=tuple(fill for fill in unattributed if not fill.venue_order_id),
    )


def _in_hand(turn: Turn, report: FillsFetched | OrdersSearched) -> Iterator[Fill | VenueFill]:
    # Booked, or waiting for their order.
    place = report.exchange, report.symbol
    booked = turn.memory.symbol_fills.get(place)
    if booked is not None:
        yield from booked.between(0, None)
    for parked, fills in turn.memory.parked.items():
        if parked[:2] == place:
            yield from (each.fill for each in fills.values())


def _traits(fill: Fill | VenueFill) -> tuple[object, ...]:
    # Its id is not the only thing that has to agree: nothing else says that they are one.
    return fill.fill_id, fill.side, fill.price, fill.size


def _tell_unattributed(turn: Turn, fill: VenueFill) -> None:
    turn.alert(
        "FillUnattributed", Severity.CRITICAL,
        "the venue lists an execution and does not say of which order; it is not booked, and if it is of an order of "
        "ours, that order and the position lack it",
        exchange=fill.exchange, symbol=fill.symbol, fill_id=fill.fill_id, side=fill.side, size=plain(fill.size),
        price=plain(fill.price),
    )  # fmt: skip
