"""Executions that come without their order: from a stream that tells them alone, and from lists of trades.

One of an order we know is booked like any other (`absorbing`). One of an order we do not know is parked durably and
looked up: it is booked with its order as soon as an answer, a look-up or a list explains it. Must never: drop one.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

from actors import uniting
from actors.absorbing import absorb_claim
from actors.adoption import is_forgotten, take_in
from actors.contradictions import leave_to_person
from actors.desk import Desk
from actors.domain.arithmetic import plain
from actors.domain.fills import fill_key
from actors.domain.reviews import VOIDED
from actors.housekeeping import taken_in_alone
from actors.notes import Told
from actors.reminders import ParkedDue
from actors.runtime.outcome import CancelTimer, SetTimer
from actors.turn import Turn
from messages.commands import LookUpOrder
from messages.events import Severity
from messages.fills import FillSource, VenueFill
from messages.reports import (
    FillReceived,
    FillsFetched,
    FillVoided,
    LookUpReport,
    OrderFound,
    OrdersSearched,
    VenueReport,
)
from messages.types import Evidence, EvidenceSource, Order, Trigger, VenueOrder

PARKED: Final = "parked:"
"""Begins the order id of a look-up that is about no order of ours."""
_UNEXPLAINED_TRIES: Final = 3
_AGAIN_MS: Final = 2000
_AGAIN_MAX_MS: Final = 60_000

_Place = tuple[str, str, str]
"""Exchange, symbol, venue order id."""


def on_fill_received(turn: Turn, desk: Desk, report: FillReceived) -> None:
    """The stream told an execution by itself."""
    _receive(turn, desk, report, (report.fill,), report.evidence, None)


def on_fill_voided(turn: Turn, report: FillVoided) -> None:
    """The stream told that the venue has taken back an execution."""
    take_note_of_voided(turn, report.exchange, report.symbol, report.venue_order_id, report.fill_id)


def take_note_of_voided(turn: Turn, exchange: str, symbol: str, venue_order_id: str, fill_id: str) -> None:
    """The venue has taken back an execution. What is booked is never unbooked: a person has to see order and position,
    and until then nothing is closed of what the venue is found not to hold. Told once; one that is not booked may be
    yet, by a word that is late, and is not done with.
    """
    key = fill_key(exchange, symbol, venue_order_id, fill_id)
    parked = turn.memory.parked.get((exchange, symbol, venue_order_id), {}).get(key)
    if parked is not None:
        # It never counted, so nothing is to be booked for it when its order becomes known.
        turn.unpark(parked.fill)
    booked = turn.booked(key)
    if booked is None or key in turn.memory.told:
        return
    turn.note(Told(key))
    turn.alert(
        "ExecutionVoided", Severity.CRITICAL, VOIDED,
        order_id=booked.order_id, symbol=symbol, fill_id=fill_id, size=plain(booked.size), price=plain(booked.price),
    )  # fmt: skip
    order = turn.order(booked.order_id)
    # Of an order that was forgotten there is nothing to review; the position has the execution all the same.
    if order is not None:
        leave_to_person(turn, order, VOIDED)


def on_fills_fetched(turn: Turn, desk: Desk, report: FillsFetched) -> bool:
    """A list of executions: what is not booked yet was missed, and is. False: not everything could be."""
    if report.unreadable:
        text = f"{report.unreadable} executions could not be read; the list is fetched again"
        turn.alert("SyncIncomplete", Severity.WARNING, text, exchange=report.exchange, symbol=report.symbol)
    evidence = Evidence(source=EvidenceSource.LOOKUP, endpoint="fills", received_ms=turn.now_ms)
    booked = _receive(turn, desk, report, report.fills, evidence, FillSource.RECONCILE)
    return booked and not report.unreadable


def on_unlisted(
    turn: Turn, desk: Desk, report: OrdersSearched, fills: Sequence[VenueFill], since_venue_ms: int
) -> None:
    """Executions of a search whose orders it does not show. Those of orders that we do not know either count from the
    moment up to which executions are known: what lies before is booked, or from before our time.
    """
    missed = [fill for fill in fills if fill.venue_time_ms >= since_venue_ms or _order_of(turn, desk, fill) is not None]
    _receive(turn, desk, report, missed, report.evidence, FillSource.RECONCILE)


def _receive(
    turn: Turn,
    desk: Desk,
    report: VenueReport,
    fills: Sequence[VenueFill],
    evidence: Evidence,
    source: FillSource | None,
) -> bool:
    by_order: dict[_Place, list[VenueFill]] = {}
    for fill in fills:
        by_order.setdefault((fill.exchange, fill.symbol, fill.venue_order_id), []).append(fill)
    booked = True
    for place, own in by_order.items():
        order = _order_of(turn, desk, own[0])
        if order is not None:
            merge = partial(absorb_claim, turn, desk, order, None, own, evidence, Trigger.RECONCILIATION, source)
            booked = taken_in_alone(turn, report, own[0], merge) and booked
        else:
            _park(turn, desk, place, own)
    return booked


def _order_of(turn: Turn, desk: Desk, fill: VenueFill) -> Order | None:
    order = uniting.about(turn, desk, fill)
    return order if order is not None and order.venue_order_id in (None, fill.venue_order_id) else None


def is_new(turn: Turn, fill: VenueFill | None) -> bool:
    """Whether there is an execution, and it is not booked; a new connection may tell what was told long ago."""
    if fill is None:
        return False
    return turn.booked(fill_key(fill.exchange, fill.symbol, fill.venue_order_id, fill.fill_id)) is None


# ----- of orders we do not know


def _park(turn: Turn, desk: Desk, place: _Place, fills: list[VenueFill]) -> None:
    # Of an order that was forgotten, what is booked stays booked.
    fills = [fill for fill in fills if turn.booked(fill_key(*place, fill.fill_id)) is None]
    if not fills:
        return
    known = turn.memory.parked.get(place, {})
    there = {each.fill.fill_id for each in known.values()}
    for fill in fills:
        if fill.fill_id not in there:
            turn.park(fill)
    if not there:
        # Most often the answer to the placement, or the order's own event, is a moment behind.
        turn.effect(parked_timer(place, desk.policy.buffer_window_ms, 0))


def parked_timer(place: _Place, delay_ms: int, tries: int) -> SetTimer:
    """The timer that asks the venue what order a parked execution belongs to."""
    exchange, symbol, venue_order_id = place
    due = ParkedDue(exchange=exchange, symbol=symbol, venue_order_id=venue_order_id, tries=tries)
    return SetTimer(f"{PARKED}{exchange}:{symbol}:{venue_order_id}", delay_ms, due)


def on_parked_due(turn: Turn, desk: Desk, message: ParkedDue) -> None:
    """Ask for the order of a parked execution, until something explains it."""
    place = (message.exchange, message.symbol, message.venue_order_id)
    if place not in turn.memory.parked:
        return
    _look_up(turn, desk, place)
    if message.tries == _UNEXPLAINED_TRIES:
        turn.alert(
            "FillUnexplained", Severity.CRITICAL, "the venue executed an order that it does not show when asked for it",
            exchange=message.exchange, symbol=message.symbol, venue_order_id=message.venue_order_id,
        )  # fmt: skip
    delay_ms = min(_AGAIN_MS << min(message.tries, 10), _AGAIN_MAX_MS)
    turn.effect(parked_timer(place, delay_ms, message.tries + 1))


def look_up_forgotten(turn: Turn, desk: Desk, claim: VenueOrder) -> None:
    """A list shows an order as working of which only executions are kept, since it has ended: have it read by itself.

    Lists lag behind; what the venue says of that one order decides. While it is listed, every list asks again.
    """
    place = (claim.exchange, claim.symbol, claim.venue_order_id)
    if place not in turn.memory.parked:
        _look_up(turn, desk, place)


def _look_up(turn: Turn, desk: Desk, place: _Place) -> None:
    exchange, symbol, venue_order_id = place
    policy = desk.policy.verification
    turn.send(
        desk.exchange_address[exchange],
        LookUpOrder(
            account_id=turn.account_id,
            exchange=exchange,
            order_id=f"{PARKED}{venue_order_id}",
            symbol=symbol,
            client_order_id="",
            venue_order_id=venue_order_id,
            budget_ms=policy.direct_budget_ms,
            retries=policy.direct_retries,
        ),
    )


def on_parked_answer(turn: Turn, desk: Desk, report: LookUpReport) -> None:
    """The venue showed an order that nobody knew: take it in, and its parked executions with it.

    Any other answer says nothing; the question is asked again.
    """
    if not isinstance(report, OrderFound):
        return
    place = (report.exchange, report.order.symbol, report.order.venue_order_id)
    if place not in turn.memory.parked and is_forgotten(turn, report.order):
        return
    take_in(turn, desk, report.account_id, report.order, report.fills, report.evidence, Trigger.RECONCILIATION)
    if not turn.memory.parked.get(place, {}).keys() - turn.unparked:
        turn.effect(CancelTimer(f"{PARKED}{':'.join(place)}"))
