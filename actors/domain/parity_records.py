"""Our open orders and executions against a venue's lists of them, one by one. Pure.

Must never: change a record, or judge an order of which nobody knows just now what the venue has made of it.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final, TypeAlias

from actors.domain.arithmetic import apart_by, plain
from actors.domain.lifecycle import AT_VENUE
from actors.domain.parity import Compared, Question, Tally
from messages.fills import Fill, VenueFill
from messages.risk import DifferenceKind
from messages.types import Order, OrderState, OrderType, TimeInForce, VenueOrder

FillName: TypeAlias = tuple[str, str]
"""Venue order id and fill id: unique in one symbol."""

_UNREAD: Final = "that may be among the records that could not be read"
_TIMED: Final = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
"""Types whose time in force means something while they rest."""

# ----- orders


def compare_orders(
    ours: Iterable[Order], listed: Sequence[VenueOrder], question: Question, *, unresolved: Collection[str] = ()
) -> Compared:
    """Compare our orders of an exchange, ended ones included, with its list of open orders.

    `unresolved`: our ids of orders that are being read again just now.
    """
    by_venue_id: dict[tuple[str, str], Order] = {}
    by_client_id: dict[str, Order] = {}
    held = {}
    for order in ours:
        if order.venue_order_id is not None:
            by_venue_id[order.symbol, order.venue_order_id] = order
        by_client_id.setdefault(order.client_order_id, order)
        if order.state in AT_VENUE or order.state is OrderState.SUBMITTED:
            held[order.order_id] = order
    tally = Tally(question)
    for claim in listed:
        known = by_venue_id.get((claim.symbol, claim.venue_order_id)) or by_client_id.get(claim.client_order_id or "")
        if known is None or known.venue_order_id not in (None, claim.venue_order_id):
            _unknown_order(tally, claim)
        else:
            held.pop(known.order_id, None)
            _known_order(tally, known, claim, unresolved)
    for order in held.values():
        _unlisted_order(tally, order, unresolved)
    return tally.result()


def _unknown_order(tally: Tally, claim: VenueOrder) -> None:
    created_ms = claim.created_venue_ms
    if tally.leave_out(claim.venue_order_id, "", created_ms):
        return
    tally.add(
        DifferenceKind.MISSING_HERE, claim.symbol, claim.venue_order_id, "unknown", _claimed(claim),
        sure=created_ms is not None,
    )  # fmt: skip


def _known_order(tally: Tally, order: Order, claim: VenueOrder, unresolved: Collection[str]) -> None:
    updated_ms = claim.updated_venue_ms
    if _is_left_out(tally, order, unresolved, updated_ms):
        return
    # Lists may lag far behind: only what the venue did after the last that we know of it is sure to be news.
    sure = updated_ms is not None and updated_ms > order.updated_at_ms + tally.question.offset_ms
    if order.state not in AT_VENUE:
        tally.add(
            DifferenceKind.MISSING_HERE, order.symbol, order.order_id, order.state.value, _claimed(claim), sure=sure
        )
        return
    differing = _differing(order, claim)
    if not differing:
        tally.count += 1
        return
    mine = ", ".join(f"{name} {here}" for name, (here, _) in differing.items())
    theirs = ", ".join(f"{name} {there}" for name, (_, there) in differing.items())
    tally.add(DifferenceKind.ORDER_DIFFERS, order.symbol, order.order_id, mine, theirs, sure=sure)


def _unlisted_order(tally: Tally, order: Order, unresolved: Collection[str]) -> None:
    if _is_left_out(tally, order, unresolved):
        return
    if not tally.question.complete:
        tally.leave_out(order.order_id, _UNREAD)
        return
    mine = f"{order.state.value}, {_terms(order)}"
    tally.add(DifferenceKind.MISSING_AT_VENUE, order.symbol, order.order_id, mine, "not listed", sure=False)


def _is_left_out(tally: Tally, order: Order, unresolved: Collection[str], claimed_venue_ms: int | None = None) -> bool:
    offset_ms, why = tally.question.offset_ms, unsettled(order, unresolved)
    if why:
        return tally.leave_out(order.order_id, why, since_ms(order) + offset_ms)
    return tally.leave_out(order.order_id, "", order.updated_at_ms + offset_ms, claimed_venue_ms)


def unsettled(order: Order, unresolved: Collection[str] = ()) -> str:
    """Why nobody knows just now what the venue has made of an order; empty when its record may be believed.

    `unresolved`: as in `compare_orders`.
    """
    if order.needs_review:
        return "waiting for a person's decision"
    if order.state is OrderState.SUBMITTED or order.verification is not None:
        return "of unknown outcome"
    if order.cancel_pending or order.replace_pending:
        return "whose cancel or change is not answered"
    return "being read again" if order.order_id in unresolved else ""


def since_ms(order: Order) -> int:
    """Since when an unsettled order is so at the latest, our clock. Sending it again makes it no younger, nor does it
    that a person has to decide.
    """
    since = [order.updated_at_ms]
    if order.needs_review:
        since.append(order.created_at_ms)
    if order.state is OrderState.SUBMITTED:
        since.append(order.state_since_ms)
    if order.verification is not None:
        since.append(order.verification.started_ms)
    return min(since)


_TRIGGERED: Final = {OrderType.STOP_MARKET: OrderType.MARKET, OrderType.STOP_LIMIT: OrderType.LIMIT}
"""What a stop may be shown as once it has triggered."""


def _differing(order: Order, claim: VenueOrder) -> dict[str, tuple[str, str]]:
    differing = {}
    if order.side is not claim.side:
        differing["side"] = (order.side.value, claim.side.value)
    if claim.type not in (order.type, _TRIGGERED.get(order.type)):
        differing["type"] = (order.type.value, claim.type.value)
    if order.type in _TIMED and _at_venue(order.time_in_force) is not _at_venue(claim.time_in_force):
        differing["time in force"] = (order.time_in_force.value, claim.time_in_force.value)
    if order.quote_size is None and apart_by(order.size, claim.size):
        differing["size"] = (plain(order.size), plain(claim.size))
    # A price that one of the two does not show cannot disagree.
    if order.price is not None and claim.price is not None and order.price != claim.price:
        differing["price"] = (plain(order.price), plain(claim.price))
    if order.stop_price is not None and claim.stop_price is not None and order.stop_price != claim.stop_price:
        differing["stop price"] = (plain(order.stop_price), plain(claim.stop_price))
    if apart_by(order.filled_size, claim.filled_size):
        differing["filled"] = (plain(order.filled_size), plain(claim.filled_size))
    return differing


def _at_venue(time_in_force: TimeInForce) -> TimeInForce:
    # Where a venue has no GTT it rests as GTC, and our own timer ends it.
    return TimeInForce.GTC if time_in_force is TimeInForce.GTT else time_in_force


def _claimed(claim: VenueOrder) -> str:
    return f"{claim.venue_status}, {_terms(claim)}"


def _terms(order: Order | VenueOrder) -> str:
    priced = "" if order.price is None else f" at {plain(order.price)}"
    return f"{order.side.value} {plain(order.size)}{priced}, filled {plain(order.filled_size)}"


# ----- executions


def compare_fills(
    ours: Iterable[Fill],
    listed: Sequence[VenueFill],
    question: Question,
    *,
    symbol: str,
    since_venue_ms: int,
    parked: Collection[FillName] = (),
) -> Compared:
    """Compare our executions of a symbol with the venue's list of those since a moment.

    `ours` may reach further back than the list; `parked` are those that wait here for their order to be known.
    """
    tally = Tally(question)
    missing = {(fill.venue_order_id, fill.fill_id): fill for fill in ours}
    for told in listed:
        name = (told.venue_order_id, told.fill_id)
        booked = missing.pop(name, None)
        if booked is not None:
            _known_fill(tally, symbol, booked, told)
            continue
        why = "waiting for their order to be known" if name in parked else ""
        if not tally.leave_out(_named(told), why, told.venue_time_ms) and told.venue_time_ms >= since_venue_ms:
            what = _execution(told)
            tally.add(DifferenceKind.FILL_MISSING_HERE, symbol, _named(told), "not booked", what, sure=True)
    for fill in missing.values():
        if fill.venue_time_ms >= since_venue_ms:
            _unlisted_fill(tally, symbol, fill)
    return tally.result()


def _known_fill(tally: Tally, symbol: str, booked: Fill, told: VenueFill) -> None:
    same_fee = booked.fee == told.fee and (not told.fee or booked.fee_currency == told.fee_currency)
    if (booked.side, booked.price, booked.size) == (told.side, told.price, told.size) and same_fee:
        tally.count += 1
        return
    mine, theirs = _execution(booked), _execution(told)
    tally.add(DifferenceKind.FILL_DIFFERS, symbol, _named(told), mine, theirs, sure=True)


def _unlisted_fill(tally: Tally, symbol: str, fill: Fill) -> None:
    if not tally.leave_out(_named(fill), "" if tally.question.complete else _UNREAD, fill.venue_time_ms):
        what = _execution(fill)
        tally.add(DifferenceKind.FILL_MISSING_AT_VENUE, symbol, _named(fill), what, "not listed", sure=False)


def _named(fill: Fill | VenueFill) -> str:
    return f"{fill.venue_order_id}/{fill.fill_id}"


def _execution(fill: Fill | VenueFill) -> str:
    fee = f", fee {plain(fill.fee)} {fill.fee_currency or '?'}" if fill.fee else ""
    return f"{fill.side.value} {plain(fill.size)} at {plain(fill.price)}{fee}"
