"""Start, restart and every stream gap: from records to an open gate.

The store says what we intended, the venue says what is; an order in between is looked up, never guessed. A venue's list
is merged claim by claim, so an older list can neither wipe nor regress anything newer, and 'not in the list' only ever
leads to a look-up.
"""

from collections.abc import Collection
from functools import partial

from actors import replacing, uniting
from actors.adoption import forgotten_id, is_forgotten, take_in
from actors.booking import look_up_forgotten, on_unlisted, parked_timer
from actors.desk import Desk, request_round, reread
from actors.domain import positions
from actors.domain.idempotency import TAG_DIGITS, client_order_id, is_ours
from actors.domain.lifecycle import AT_VENUE, TERMINAL
from actors.domain.positions import booking_order
from actors.history import Histories
from actors.housekeeping import taken_in_alone
from actors.memory import AccountMemory
from actors.notes import Vanished
from actors.reminders import cancel_again_timer, expiry_timer, resend_timer
from actors.settlement import begin_verification
from actors.store.port import Table
from actors.turn import Turn
from messages.base import copied
from messages.codec import decode_record
from messages.commands import FetchOpenOrders
from messages.events import Severity
from messages.fills import Fill, FillSource, ParkedFill, Position, PositionClose
from messages.reports import OpenOrdersFetched, OrdersSearched
from messages.risk import KillSwitch, LoggedOut
from messages.types import (
    AttemptOutcome,
    IdempotencyEntry,
    Order,
    OrderState,
    PublicStatus,
    StateTransition,
)

_CONTROLS: dict[str, type] = {kind.__name__: kind for kind in (KillSwitch, LoggedOut)}
_UNKNOWN = frozenset({AttemptOutcome.IN_FLIGHT, AttemptOutcome.AMBIGUOUS})
_WORKING = frozenset({PublicStatus.OPEN, PublicStatus.PENDING, None})


def rebuild(
    records: dict[Table, dict[str, bytes]], exchanges: Collection[str], margin: Collection[str] = ()
) -> AccountMemory:
    """An account's memory from its stored records. `exchanges` are the configured ones, `margin` those of them whose
    accounts hold positions instead of assets.
    """
    memory = AccountMemory(margin=frozenset(margin))
    orders = [decode_record(Order, raw) for raw in records.get(Table.ORDERS, {}).values()]
    for order in sorted(orders, key=lambda o: (o.created_at_ms, o.order_id)):
        memory.remember(order)
    steps = [decode_record(StateTransition, raw) for raw in records.get(Table.TRANSITIONS, {}).values()]
    for step in sorted(steps, key=lambda s: (s.order_id, s.version)):
        memory.remember(step)
    fills = [decode_record(Fill, raw) for raw in records.get(Table.FILLS, {}).values()]
    for fill in sorted(fills, key=booking_order):
        memory.remember(fill)
        if fill.order_id not in memory.orders:
            memory.forgotten[fill.exchange, fill.symbol, fill.venue_order_id] = fill.order_id
    for raw in records.get(Table.POSITIONS, {}).values():
        recorded = decode_record(Position, raw)
        # Not remembered like any other: whether it is what the fills add up to is for `recount` to say.
        memory.positions[recorded.exchange, recorded.symbol] = recorded
    for raw in records.get(Table.PARKED, {}).values():
        memory.remember(decode_record(ParkedFill, raw))
    for raw in records.get(Table.CLOSES, {}).values():
        memory.remember(decode_record(PositionClose, raw))
    for name, raw in records.get(Table.CONTROLS, {}).items():
        memory.remember(decode_record(_CONTROLS[name], raw))
    for raw in records.get(Table.IDEMPOTENCY, {}).values():
        entry = decode_record(IdempotencyEntry, raw)
        memory.remember(entry)
        # Earlier generations of a request ended before the latest was placed; what is kept of none is forgotten.
        tag = entry.order_id[:TAG_DIGITS]
        for generation in range(entry.generation + 1):
            legs = (client_order_id(tag, entry.key, generation, leg) for leg in range(entry.legs))
            memory.forgotten_ids.update(order_id for order_id in legs if order_id not in memory.orders)
    spoken_of = {order.exchange for order in orders} | {place[0] for place in (*memory.positions, *memory.parked)}
    memory.unserved = frozenset(spoken_of.difference(exchanges))
    return memory


def recount(turn: Turn) -> None:
    """Add every position up anew from its fills, which are the truth; one that was recorded otherwise is corrected."""
    memory = turn.memory
    for exchange, symbol in dict.fromkeys((*memory.symbol_fills, *memory.positions)):
        fills = memory.fills_of(turn.account_id, exchange, symbol)
        multiplier = turn.multiplier_of(exchange, symbol)
        unrecorded = positions.flat(turn.account_id, exchange, symbol, multiplier)
        recorded = memory.positions.get((exchange, symbol)) or unrecorded
        counted = positions.rebuild(turn.account_id, exchange, symbol, fills.between(0, None), multiplier)
        counted = copied(counted, unexplained=recorded.unexplained, drift=recorded.drift)
        if counted == recorded:
            continue
        turn.save_position(counted)
        turn.alert(
            "PositionRebuilt", Severity.CRITICAL, "a position was not what its fills add up to; corrected by them",
            exchange=exchange, symbol=symbol, recorded=str(recorded.size), counted=str(counted.size),
        )  # fmt: skip


def tell_unserved(turn: Turn) -> None:
    """Say that orders work, or positions are open, where nobody watches them: their exchange is not configured."""
    memory = turn.memory
    for exchange in sorted(memory.unserved):
        orders = [order.order_id for order in memory.orders.values() if memory.is_live(order.order_id)
                  and order.exchange == exchange]  # fmt: skip
        symbols = [name for (where, name), held in memory.positions.items() if where == exchange and held.size]
        parked = sum(place[0] == exchange for place in memory.parked)
        if orders or symbols or parked:
            turn.alert(
                "ExchangeNotConfigured", Severity.CRITICAL,
                f"{exchange} is not configured, but records of it are open; they are shown as last known, and nobody "
                "watches them or can act on them until it is configured again",
                exchange=exchange, live_orders=str(len(orders)), orders=",".join(orders[:10]),
                positions=",".join(symbols[:10]), unexplained=str(parked),
            )  # fmt: skip


def resume(turn: Turn, desk: Desk, exchange: str | None = None) -> None:
    """Take every unfinished matter up again: unknown and planned sendings, cancels, expiries.

    Of one exchange, or of all. Serves the start of an account and the return of an exchange actor that took its calls
    under way with it.
    """
    for place in turn.memory.parked:
        if exchange in (None, place[0]) and place[0] not in turn.memory.unserved:
            turn.effect(parked_timer(place, 0, 0))
    for order in turn.memory.live_orders(exchange):
        if order.expires_at_ms is not None and order.state is not OrderState.DRAFT:
            turn.effect(expiry_timer(order, turn.now_ms))
        if order.state is OrderState.SUBMITTED and order.attempts:
            _resume_submitted(turn, desk, order)
        elif order.cancel_pending:
            turn.effect(cancel_again_timer(order.order_id, 0))
        elif order.order_id in turn.memory.watched:
            request_round(turn, desk, order, due_in_ms=0)
        elif order.needs_review:
            reread(turn, desk, order, delay_ms=0)
    for order in _watched_after_their_end(turn):
        if exchange in (None, order.exchange):
            request_round(turn, desk, order, due_in_ms=0)
    replacing.resume(turn, desk, exchange)


def _resume_submitted(turn: Turn, desk: Desk, order: Order) -> None:
    if order.attempts[-1].outcome not in _UNKNOWN:
        turn.effect(resend_timer(order.order_id, 0))
    elif order.verification is None:
        begin_verification(turn, desk, order, "the answer was awaited by somebody who is gone")
    else:
        request_round(turn, desk, order, due_in_ms=0)


def announce(turn: Turn, desk: Desk) -> None:
    """Tell a newly started verification supervisor of everything that is being looked up."""
    for order in turn.memory.live_orders():
        if order.verification is not None or order.order_id in turn.memory.watched:
            request_round(turn, desk, order, due_in_ms=0)
    for order in _watched_after_their_end(turn):
        request_round(turn, desk, order, due_in_ms=0)


def _watched_after_their_end(turn: Turn) -> list[Order]:
    # The venue has said more of them than we know: executions that are missing, or that they work.
    orders = [turn.memory.orders[order_id] for order_id in turn.memory.watched]
    return [order for order in orders if order.state in TERMINAL]


def ask_for_everything(turn: Turn, desk: Desk, histories: Histories, exchange: str) -> None:
    """After a start or a gap: fetch the open orders, and search every symbol we have had orders in lately."""
    turn.send(desk.exchange_address[exchange], FetchOpenOrders(account_id=turn.account_id, exchange=exchange))
    for symbol in dict.fromkeys((*recent_symbols(turn, desk, exchange), *histories.asked(exchange))):
        histories.ask(turn, exchange, symbol)


def recent_symbols(turn: Turn, desk: Desk, exchange: str) -> tuple[str, ...]:
    """The symbols of an exchange in which orders live, or have ended lately."""
    since = turn.now_ms - desk.policy.lookback_ms
    return tuple(
        dict.fromkeys(
            order.symbol
            for order in turn.memory.orders.values()
            # What never left for the venue has nothing there to be read, not even a symbol that the venue lists.
            if order.exchange == exchange and order.attempts and _is_recent(order, since)
        )
    )


def _is_recent(order: Order, since_ms: int) -> bool:
    return order.state not in TERMINAL or order.updated_at_ms >= since_ms


def merge_open_orders(turn: Turn, desk: Desk, report: OpenOrdersFetched) -> None:
    """Merge a list of open orders, and look up every order of ours that should be in it and is not."""
    listed = set()
    for claim in uniting.named_first(report.orders):
        listed.add((claim.symbol, claim.venue_order_id))
        if forgotten_id(turn, claim) is not None:
            look_up_forgotten(turn, desk, claim)
            continue
        merge = partial(take_in, turn, desk, report.account_id, claim, (), report.evidence)
        taken_in_alone(turn, report, claim, merge)
    offset = desk.offsets_ms.get(report.exchange, 0)
    for order in turn.memory.live_orders(report.exchange):
        in_scope = report.symbol is None or report.symbol == order.symbol
        known_before = order.state_since_ms + offset < report.asked_venue_ms
        if order.state in AT_VENUE and in_scope and known_before and (order.symbol, order.venue_order_id) not in listed:
            if order.order_id not in turn.memory.watched:
                turn.note(Vanished(order.order_id, order.exchange))
            reread(turn, desk, order, delay_ms=0)


def merge_search(turn: Turn, desk: Desk, report: OrdersSearched, since_venue_ms: int) -> None:
    """Merge what a symbol's recent history shows: known orders, forgotten ones that carry our tag, and what others have
    executed since the moment up to which the symbol's executions are known.
    """
    late = {fill.venue_order_id for fill in report.fills if fill.venue_time_ms >= since_venue_ms}
    shown = set()
    for claim in uniting.named_first(report.orders):
        known = turn.memory.match(claim)
        ours = is_ours(claim.client_order_id, desk.policy.tag)
        if is_forgotten(turn, claim):
            shown.add(claim.venue_order_id)
            continue
        if claim.status in _WORKING and forgotten_id(turn, claim) is not None:
            # Its executions that are not booked are parked below, and taken in with it.
            look_up_forgotten(turn, desk, claim)
            continue
        if known is not None or ours or claim.venue_order_id in late:
            shown.add(claim.venue_order_id)
            merge = partial(
                take_in, turn, desk, report.account_id, claim, report.fills, report.evidence,
                source=FillSource.RECONCILE,
            )  # fmt: skip
            taken_in_alone(turn, report, claim, merge)
    on_unlisted(turn, desk, report, [fill for fill in report.fills if fill.venue_order_id not in shown], since_venue_ms)
