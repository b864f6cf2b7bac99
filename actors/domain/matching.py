"""Which of a venue's orders is ours: judging a search for an order whose outcome is unknown.

A client order id decides alone. Where a venue does not show client ids, an order is taken for ours only when it is the
one order that equals it in everything the venue shows, belongs to nobody else, and lies near our sending in time; what
cannot be told apart is not guessed between. Executions count as well as orders: an execution under our id proves an
order even where no list shows one, and an execution of an order nobody lists keeps absence from being concluded. One
that the venue has taken back moves nothing, and proves its order no less.

A client id proves an order to be ours, and that of an order which works proves it to be somebody else's; that of an
order which has ended proves nothing: a venue may show a cancelled order under the id of its cancel.

Must never: conclude absence from a search that was not complete or that shows an order which could be ours, or choose
between equals.
"""

from collections.abc import Collection, Container
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from actors.domain.arithmetic import QUANTITY_TOLERANCE, apart_by
from actors.domain.idempotency import bare_client_id, is_ours
from messages.fills import VenueFill
from messages.reports import OrdersSearched
from messages.types import ZERO, MatchQuality, Order, PublicStatus, Side, VenueOrder

_WORKING = frozenset({PublicStatus.PENDING, PublicStatus.OPEN})

_CLOCK_ERROR_MS: Final = 1000
"""By how much an order of ours may seem to be older than its sending: our estimate of the venue's clock may be off."""

Thresholds: TypeAlias = tuple[int, int, int, int]
"""Distance in time between sending and creation below which a match is excellent, good, acceptable, suspicious;
milliseconds. What lies farther is no candidate at all."""

_Key: TypeAlias = tuple[str, str]
"""Symbol and venue order id: some venues number orders per symbol."""


@dataclass(frozen=True, slots=True)
class FoundMatch:
    """The venue order is ours."""

    venue_order: VenueOrder
    quality: MatchQuality
    time_difference_ms: int | None
    """Between our sending and the venue's creation time; None when the venue does not show one."""
    differing: tuple[str, ...] = ()
    """Fields in which an order with our own id is not what we asked for: a warning, never a reason to disown it."""


@dataclass(frozen=True, slots=True)
class FoundByFills:
    """No list shows the order, but it executed under our id: look it up by this venue order id."""

    venue_order_id: str
    fills: tuple[VenueFill, ...]
    """What proves it; some of them may have been taken back."""


@dataclass(frozen=True, slots=True)
class SeveralMatches:
    """More than one venue order has our client id: the intent was placed more than once."""

    venue_orders: tuple[VenueOrder, ...]
    """Those of them that a list shows."""
    venue_order_ids: tuple[str, ...]
    """All of them."""


@dataclass(frozen=True, slots=True)
class Undecidable:
    """One of these may be ours, and nothing tells which; a person must decide."""

    candidates: tuple[VenueOrder, ...]
    """Nearest in time first, those without a time last."""


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Every source was read completely and shows no such order. Proof of absence only after the fence, and only where
    there are no suspects.
    """

    suspects: tuple[VenueOrder, ...] = ()
    """Orders that are like ours in all but their client id, which proves nothing."""


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """The search settles nothing: ask again."""

    reason: str
    unexplained_venue_ids: tuple[str, ...] = ()
    """Orders known only by executions that could be ours; looking them up explains them."""


SearchVerdict: TypeAlias = FoundMatch | FoundByFills | SeveralMatches | Undecidable | NoMatch | Inconclusive


def agrees(order: Order, venue_order: VenueOrder | Order, tolerance: Decimal = QUANTITY_TOLERANCE) -> tuple[str, ...]:
    """Name the fields in which a venue order is not what was asked for; empty when it agrees.

    Compares symbol, side, and size or quote size. A quote size that the venue does not show cannot disagree.
    """
    differing = []
    if venue_order.symbol != order.symbol:
        differing.append("symbol")
    if venue_order.side is not order.side:
        differing.append("side")
    if order.quote_size is None:
        if _apart(venue_order.size, order.size, tolerance):
            differing.append("size")
    elif venue_order.quote_size is not None and _apart(venue_order.quote_size, order.quote_size, tolerance):
        differing.append("quote_size")
    return tuple(differing)


def judge_search(
    order: Order,
    report: OrdersSearched,
    *,
    client_id_echoed: bool,
    required_sources: Collection[str],
    owned_venue_ids: Container[str],
    own_venue_ids: Container[str],
    tag: str,
    sent_venue_ms: int,
    fence_venue_ms: int | None,
    thresholds: Thresholds,
) -> SearchVerdict:
    """Judge what a search found.

    `client_id_echoed`: this venue's lists show client ids, so that nothing else is needed. `required_sources`: those
    that must have been read before absence may be concluded. `owned_venue_ids`: venue orders that other orders of this
    account, live, past or external, already own. `own_venue_ids`: those of them that belong to orders which are not
    external. `tag`: begins every client id of ours. `sent_venue_ms`: when the request left, venue clock.
    `fence_venue_ms`: after it the request can have made no order any more; None: the order is known to exist, and
    nobody suspects others to be it.
    """
    listed = _listed(report.orders)
    ours = {key: each for key, each in listed.items() if _has_our_id(order, each)}
    executions = tuple(fill for fill in (*report.fills, *report.voided) if fill.venue_order_id)
    fills = tuple(fill for fill in executions if _has_our_id(order, fill))
    for fill in fills:
        key = (fill.symbol, fill.venue_order_id)
        if key in listed:
            ours[key] = listed[key]
    ids = dict.fromkeys([*ours, *((fill.symbol, fill.venue_order_id) for fill in fills)])
    if len(ids) > 1:
        return SeveralMatches(tuple(ours.values()), tuple(venue_id for _, venue_id in ids))
    for match in ours.values():
        distance = _distance(match, sent_venue_ms)
        return FoundMatch(match, MatchQuality.EXACT, distance, agrees(order, match))
    if fills:
        return FoundByFills(fills[0].venue_order_id, fills)
    incomplete = _incomplete(report, required_sources)
    if incomplete:
        return Inconclusive(incomplete)
    since_venue_ms = sent_venue_ms - thresholds[-1]
    unexplained = _unexplained(order, executions, listed, owned_venue_ids, since_venue_ms)
    if unexplained:
        return Inconclusive("executions of orders that no list shows", unexplained)
    if any(fill.venue_time_ms >= since_venue_ms and _could_be_of(order, fill) for fill in _of_no_order(report)):
        return Inconclusive("an execution that the venue names no order of")
    candidates = [] if client_id_echoed else _candidates(
        order, listed, owned_venue_ids, sent_venue_ms=sent_venue_ms, far_ms=thresholds[-1]
    )
    if candidates:
        return _nearest(order, candidates, sent_venue_ms, thresholds)
    created = None if fence_venue_ms is None else (sent_venue_ms - _CLOCK_ERROR_MS, fence_venue_ms)
    return NoMatch(_suspects(order, listed, own_venue_ids, tag=tag, created=created))


def _listed(orders: tuple[VenueOrder, ...]) -> dict[_Key, VenueOrder]:
    # The same order may stand in several sources, one of them behind the other: the most advanced one is kept.
    listed: dict[_Key, VenueOrder] = {}
    for each in orders:
        key = (each.symbol, each.venue_order_id)
        known = listed.get(key)
        if known is None or _progress(each) > _progress(known):
            listed[key] = each
    return listed


def _progress(venue_order: VenueOrder) -> tuple[Decimal, bool, int]:
    ended = venue_order.status is not None and venue_order.status not in _WORKING
    return venue_order.filled_size, ended, venue_order.updated_venue_ms or 0


def _has_our_id(order: Order, found: VenueOrder | VenueFill) -> bool:
    shown = found.client_order_id
    if shown and bare_client_id(shown) == bare_client_id(order.client_order_id):
        return True
    return found.venue_order_id == order.venue_order_id and found.symbol == order.symbol


def _incomplete(report: OrdersSearched, required_sources: Collection[str]) -> str:
    if report.unreadable > 0:
        return f"{report.unreadable} records could not be read"
    if not report.sources:
        return "no source was read"
    unread = [source for source in required_sources if source not in report.sources]
    return f"not read: {', '.join(unread)}" if unread else ""


def _of_no_order(report: OrdersSearched) -> tuple[VenueFill, ...]:
    return (*report.unattributed, *(fill for fill in report.voided if not fill.venue_order_id))


def _unexplained(
    order: Order,
    executions: tuple[VenueFill, ...],
    listed: dict[_Key, VenueOrder],
    owned_venue_ids: Container[str],
    since_venue_ms: int,
) -> tuple[str, ...]:
    stray = [fill for fill in executions if (fill.symbol, fill.venue_order_id) not in listed]
    possible = [fill for fill in stray if fill.venue_time_ms >= since_venue_ms and _could_be_of(order, fill)]
    ids = dict.fromkeys(fill.venue_order_id for fill in possible)
    return tuple(venue_id for venue_id in ids if venue_id not in owned_venue_ids)


def _could_be_of(order: Order, fill: VenueFill) -> bool:
    if fill.client_order_id and not _has_our_id(order, fill):
        return False
    if fill.symbol != order.symbol or fill.side is not order.side:
        return False
    if order.quote_size is None and apart_by(fill.size, order.size) > ZERO:
        return False
    if order.price is None:
        return True
    return fill.price <= order.price if order.side is Side.BUY else fill.price >= order.price


def _candidates(
    order: Order,
    listed: dict[_Key, VenueOrder],
    owned_venue_ids: Container[str],
    *,
    sent_venue_ms: int,
    far_ms: int,
) -> list[VenueOrder]:
    return [
        each
        for each in listed.values()
        if not each.client_order_id
        and each.venue_order_id not in owned_venue_ids
        and equals(order, each)
        and (_distance(each, sent_venue_ms) or 0) < far_ms
    ]


def _suspects(
    order: Order,
    listed: dict[_Key, VenueOrder],
    own_venue_ids: Container[str],
    *,
    tag: str,
    created: tuple[int, int] | None,
) -> tuple[VenueOrder, ...]:
    # That an order was taken for an external one says no more than the client id that it is shown under. One that works
    # under another client id is another's; one that is shown without any may be ours, also where they are shown mostly.
    if created is None:
        return ()
    return tuple(
        each
        for each in listed.values()
        if each.venue_order_id not in own_venue_ids
        and not is_ours(each.client_order_id, tag)
        and (each.status not in _WORKING or not each.client_order_id)
        and equals(order, each)
        and (each.created_venue_ms is None or created[0] <= each.created_venue_ms <= created[1])
    )


def equals(order: Order, other: VenueOrder | Order) -> bool:
    """Whether an order that a venue shows, or the record of one, is like ours in everything but its ids."""
    return (
        other.type is order.type
        and not agrees(order, other)
        and _shown_equal(other.price, order.price)
        and _shown_equal(other.stop_price, order.stop_price)
    )


def _shown_equal(shown: Decimal | None, asked: Decimal | None) -> bool:
    return shown is None or asked is None or shown == asked


def _nearest(
    order: Order, candidates: list[VenueOrder], sent_venue_ms: int, thresholds: Thresholds
) -> FoundMatch | Undecidable:
    graded = [(_quality(order, each, sent_venue_ms, thresholds), each) for each in candidates]
    graded.sort(key=lambda pair: _far_last(_distance(pair[1], sent_venue_ms)))
    quality, best = graded[0]
    equals = sum(1 for other, _ in graded if other is quality)
    if quality is MatchQuality.SUSPICIOUS or equals > 1:
        return Undecidable(tuple(each for _, each in graded))
    return FoundMatch(best, quality, _distance(best, sent_venue_ms))


def _quality(order: Order, venue_order: VenueOrder, sent_venue_ms: int, thresholds: Thresholds) -> MatchQuality:
    distance = _distance(venue_order, sent_venue_ms)
    unsized = order.quote_size is not None and venue_order.quote_size is None
    if distance is None or unsized:
        return MatchQuality.SUSPICIOUS
    grades = (MatchQuality.EXCELLENT, MatchQuality.GOOD, MatchQuality.ACCEPTABLE)
    for grade, bound in zip(grades, thresholds, strict=False):
        if distance < bound:
            return grade
    return MatchQuality.SUSPICIOUS


def _distance(venue_order: VenueOrder, sent_venue_ms: int) -> int | None:
    created = venue_order.created_venue_ms
    return None if created is None else abs(created - sent_venue_ms)


def _far_last(distance: int | None) -> tuple[bool, int]:
    return distance is None, distance or 0


def _apart(one: Decimal, other: Decimal, tolerance: Decimal) -> bool:
    return bool(apart_by(one, other, tolerance))
