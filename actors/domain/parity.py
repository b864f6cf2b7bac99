"""Whether our records and a venue's agree: open orders and executions, and what two looks at them come to. Pure.

A venue's answer is compared with our records as they are when it is heard. What happened near the question may be in
one of the two and not yet in the other, so nothing is called a difference that is younger than the settle time before
the question, in flight or being looked up; how many records were left out for it is said. What a venue shows with a
date old enough is sure. What it does not show, or shows without a date, may be a moment's matter and counts only when
a second look shows it, too.

Must never: change a record, or take what could not be compared for equal.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from actors.domain.arithmetic import apart_by, plain
from actors.domain.lifecycle import AT_VENUE
from messages.fills import Fill, VenueFill
from messages.risk import Difference, DifferenceKind
from messages.types import Order, OrderState, VenueOrder

ORDERS: Final = "orders"
FILLS: Final = "fills"
BALANCES: Final = "balances"
PARTS: Final = (ORDERS, FILLS, BALANCES)
"""What is compared."""
PART_OF: Final[Mapping[DifferenceKind, str]] = {
    DifferenceKind.MISSING_AT_VENUE: ORDERS,
    DifferenceKind.MISSING_HERE: ORDERS,
    DifferenceKind.ORDER_DIFFERS: ORDERS,
    DifferenceKind.FILL_MISSING_HERE: FILLS,
    DifferenceKind.FILL_MISSING_AT_VENUE: FILLS,
    DifferenceKind.FILL_DIFFERS: FILLS,
    DifferenceKind.LOCKED_DIFFERS: BALANCES,
    DifferenceKind.HOLDING_DRIFT: BALANCES,
}

FillName: TypeAlias = tuple[str, str]
"""Venue order id and fill id: unique in one symbol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """When a venue was asked, and how near to that our records and its answer cannot be compared."""

    exchange: str
    asked_venue_ms: int
    """Venue clock, a lower bound."""
    offset_ms: int
    """The venue's clock less ours."""
    settle_ms: int
    complete: bool = True
    """False: records of the answer could not be read, so that what it lacks proves nothing."""

    @property
    def until_venue_ms(self) -> int:
        """Venue time up to which the answer and our records must agree."""
        return self.asked_venue_ms - self.settle_ms

    def covers(self, venue_ms: int) -> bool:
        """Whether something of this venue time must be in both."""
        return venue_ms <= self.until_venue_ms

    def covers_ours(self, our_ms: int) -> bool:
        """The same by our clock."""
        return self.covers(our_ms + self.offset_ms)


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference, and whether one look is enough to believe it."""

    difference: Difference
    sure: bool
    """The venue shows it with a date before which our records should have had it."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is about; the same in every look, whatever the figures."""
        found = self.difference
        return found.exchange, found.kind, found.subject, found.name


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found."""

    findings: tuple[Finding, ...] = ()
    count: int = 0
    """Records that were compared, those that differ included."""
    left_out: tuple[str, ...] = ()
    """Why others were not, with their number."""


# ----- counting


class Tally:
    """A comparison under way."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.count = 0
        self.recent = 0
        """In flight, being looked up, or too near to the question."""
        self.unread = 0
        """Perhaps among the records that could not be read."""
        self._findings: list[Finding] = []

    def add(
        self, kind: DifferenceKind, subject: str, name: str, ours: str, venues: str, *, sure: bool
    ) -> None:
        """Note a difference."""
        self.count += 1
        difference = Difference(
            exchange=self.question.exchange, kind=kind, subject=subject, name=name, ours=ours, venues=venues
        )
        self._findings.append(Finding(difference, sure))

    def result(self, *left_out: str) -> Compared:
        """What came of it."""
        whys = list(left_out)
        if self.recent:
            near = f"less than {self.question.settle_ms} ms before the question"
            whys.append(f"{self.recent} under way, or changed {near}")
        if self.unread:
            whys.append(f"{self.unread} may be among the records that could not be read")
        return Compared(tuple(self._findings), self.count, tuple(whys))


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
            _known_order(tally, known, claim, busy=known.order_id in unresolved)
    for order in held.values():
        _unlisted_order(tally, order, busy=order.order_id in unresolved)
    return tally.result()


def _unknown_order(tally: Tally, claim: VenueOrder) -> None:
    created_ms = claim.created_venue_ms
    if created_ms is not None and not tally.question.covers(created_ms):
        tally.recent += 1
        return
    tally.add(
        DifferenceKind.MISSING_HERE, claim.symbol, claim.venue_order_id, "unknown", _claimed(claim),
        sure=created_ms is not None,
    )  # fmt: skip


def _known_order(tally: Tally, order: Order, claim: VenueOrder, *, busy: bool) -> None:
    question, updated_ms = tally.question, claim.updated_venue_ms
    settled = question.covers_ours(order.updated_at_ms) and (updated_ms is None or question.covers(updated_ms))
    if busy or is_busy(order) or not settled:
        tally.recent += 1
        return
    # Lists may lag far behind: only what the venue did after the last that we know of it is sure to be news.
    sure = updated_ms is not None and updated_ms > order.updated_at_ms + question.offset_ms
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


def _unlisted_order(tally: Tally, order: Order, *, busy: bool) -> None:
    if busy or is_busy(order) or not tally.question.covers_ours(order.updated_at_ms):
        tally.recent += 1
    elif not tally.question.complete:
        tally.unread += 1
    else:
        mine = f"{order.state.value}, {_terms(order)}"
        tally.add(DifferenceKind.MISSING_AT_VENUE, order.symbol, order.order_id, mine, "not listed", sure=False)


def is_busy(order: Order) -> bool:
    """Whether something was asked of the venue about it, and nobody knows yet what came of it."""
    return (
        order.state is OrderState.SUBMITTED
        or order.cancel_pending
        or order.replace_pending
        or order.verification is not None
        or order.needs_review
    )


def _differing(order: Order, claim: VenueOrder) -> dict[str, tuple[str, str]]:
    differing = {}
    if order.side is not claim.side:
        differing["side"] = (order.side.value, claim.side.value)
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
    waiting = 0
    for told in listed:
        name = (told.venue_order_id, told.fill_id)
        booked = missing.pop(name, None)
        if booked is not None:
            _known_fill(tally, symbol, booked, told)
        elif name in parked:
            waiting += 1
        elif not question.covers(told.venue_time_ms):
            tally.recent += 1
        elif told.venue_time_ms >= since_venue_ms:
            what = _execution(told)
            tally.add(DifferenceKind.FILL_MISSING_HERE, symbol, _named(told), "not booked", what, sure=True)
    for fill in missing.values():
        if fill.venue_time_ms >= since_venue_ms:
            _unlisted_fill(tally, symbol, fill)
    return tally.result(*([f"{waiting} wait for their order to be known"] if waiting else []))


def _known_fill(tally: Tally, symbol: str, booked: Fill, told: VenueFill) -> None:
    same_fee = booked.fee == told.fee and (not told.fee or booked.fee_currency == told.fee_currency)
    if (booked.side, booked.price, booked.size) == (told.side, told.price, told.size) and same_fee:
        tally.count += 1
        return
    mine, theirs = _execution(booked), _execution(told)
    tally.add(DifferenceKind.FILL_DIFFERS, symbol, _named(told), mine, theirs, sure=True)


def _unlisted_fill(tally: Tally, symbol: str, fill: Fill) -> None:
    if not tally.question.covers(fill.venue_time_ms):
        tally.recent += 1
    elif not tally.question.complete:
        tally.unread += 1
    else:
        what = _execution(fill)
        tally.add(DifferenceKind.FILL_MISSING_AT_VENUE, symbol, _named(fill), what, "not listed", sure=False)


def _named(fill: Fill | VenueFill) -> str:
    return f"{fill.venue_order_id}/{fill.fill_id}"


def _execution(fill: Fill | VenueFill) -> str:
    fee = f", fee {plain(fill.fee)} {fill.fee_currency or '?'}" if fill.fee else ""
    return f"{fill.side.value} {plain(fill.size)} at {plain(fill.price)}{fee}"


# ----- looks


@dataclass(frozen=True, slots=True)
class Believed:
    """What two looks, or one that was enough, come to."""

    differences: tuple[Difference, ...]
    seen_once: tuple[Difference, ...]
    """What only the second look shows, and nothing confirms."""


def believed(first: Mapping[object, Finding], second: Mapping[object, Finding] | None, *, merged: bool) -> Believed:
    """Tell which findings, by their key, of one look or two are differences.

    `merged`: the first look's answers were merged into our records. What was sure is not shown by the second look then,
    because it was repaired, and is a difference all the same. Not merged: only what both looks show is one.
    """
    found: dict[object, Finding] = {key: each for key, each in first.items() if merged and each.sure}
    later = {} if second is None else second
    found |= {key: each for key, each in later.items() if key in first or (merged and each.sure)}
    once = (each.difference for key, each in later.items() if key not in found)
    return Believed(tuple(each.difference for each in found.values()), tuple(once))
