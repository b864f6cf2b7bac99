"""Answers to queries, from the views an account published at its last commit. No lock, no actor, no store.

Executions are shown in the order in which their venue made them, whenever they arrived; averages are computed from the
executions themselves and never from an order's running totals, so that one can be checked by the other.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import TypeAlias, TypedDict, assert_never

from actors.domain.arithmetic import EXACT, RATIO
from actors.domain.fills import price_deviation_percent, rounded, weighted_average
from actors.domain.lifecycle import TERMINAL, is_stuck, time_in_state
from actors.domain.positions import average_entry, booking_order, realised_pnl
from actors.domain.projection import view
from actors.policy import AccountPolicy
from actors.reading_exposure import at_stake
from actors.views import PublishedViews
from messages.fills import Fill, Position
from messages.queries import (
    AccountQuery,
    AnswerSource,
    ExposureSnapshot,
    FillsSnapshot,
    FillView,
    GetExposure,
    GetFills,
    GetFillsBetween,
    GetHistory,
    GetOrder,
    GetOrders,
    GetPosition,
    GetPositions,
    GetStuckOrders,
    HistorySnapshot,
    OrderSnapshot,
    OrdersSnapshot,
    PositionsSnapshot,
    PositionView,
    QueryReply,
)
from messages.risk import KillSwitch
from messages.types import ZERO, Order, OrderView

Average: TypeAlias = Callable[[Iterable[Fill]], Decimal | None]
"""Computes the average price of executions: `domain.fills.weighted_average`, or the same with a clock beside it."""

_PERCENT = Decimal(100)


class Known(TypedDict):
    """How far an answer can be believed, as every snapshot says it."""

    as_of_ms: int
    source: AnswerSource
    gap: bool


def answer(
    query: AccountQuery,
    views: PublishedViews,
    now_ms: int,
    policy: AccountPolicy,
    average: Average = weighted_average,
) -> QueryReply:
    """Answer one query about one account."""
    match query:
        case GetOrder(order_id=order_id):
            order = _find(views, order_id)
            asked = None if order is None else (order.exchange,)
            how = known(views, policy, now_ms, asked)
            return OrderSnapshot(view=None if order is None else shown(views, order, how), **how)
        case GetOrders():
            chosen = [order for order in list(views.orders.values()) if _asked_for(query, order)]
            return _list(views, chosen, known(views, policy, now_ms, _only(query.exchange)))
        case GetHistory(order_id=order_id):
            order = _find(views, order_id)
            steps = () if order is None else views.transitions.get(order.order_id, ())
            created = None if order is None else order.created_at_ms
            spent = time_in_state(steps, now_ms, created_at_ms=created)
            where = None if order is None else (order.exchange,)
            return HistorySnapshot(
                transitions=steps, time_in_state_ms=tuple(spent.items()), **known(views, policy, now_ms, where)
            )
        case GetFills(order_id=order_id):
            return _fills_of(views, order_id, now_ms, policy, average)
        case GetFillsBetween():
            return _fills_between(query, views, now_ms, policy, average)
        case GetPosition(exchange=exchange, symbol=symbol):
            position = views.positions.get((exchange, symbol))
            held = [] if position is None else [position]
            return _positions(held, policy, known(views, policy, now_ms, (exchange,)))
        case GetPositions(exchange=wanted):
            every = sorted(views.positions.copy().items())
            chosen_positions = [each for key, each in every if wanted is None or key[0] == wanted]
            return _positions(chosen_positions, policy, known(views, policy, now_ms, _only(wanted)))
        case GetStuckOrders():
            chosen = [
                order
                for order in list(views.orders.values())
                if order.state not in TERMINAL
                and is_stuck(order, now_ms, policy.stuck_default_ms, policy.stuck_by_state_ms)
            ]
            return _list(views, chosen, known(views, policy, now_ms, None))
        case GetExposure(exchange=wanted):
            symbols, funds = at_stake(views, wanted)
            how = known(views, policy, now_ms, _only(wanted))
            return ExposureSnapshot(symbols=symbols, reserved=funds, kill_switch=_kill_switch(views, policy), **how)
        case _:
            assert_never(query)


def shown(views: PublishedViews, order: Order, how: Known) -> OrderView:
    """One order as hosts see it."""
    multiplier = views.multiplier_of(order.exchange, order.symbol)
    return view(order, views.evidence.get(order.order_id), how["as_of_ms"], multiplier)


def known(
    views: PublishedViews, policy: AccountPolicy, now_ms: int, exchanges: tuple[str, ...] | None
) -> Known:
    """How far an answer about some exchanges (all of the account: None) can be believed.

    While a stream lives that has no gap, and nothing is known to be missing, records are as new as now. Otherwise they
    are what they were when a complete list of open orders was last asked for; whatever has happened since may be
    missing. So it is while the store is away: what is not durable is not shown.
    """
    asked = (*policy.exchanges, *views.unserved) if exchanges is None else exchanges
    watched = all(not views.gates.get(exchange, "not configured") for exchange in asked)
    if views.in_service and views.store_available and watched and views.doubts.isdisjoint(asked):
        return {"as_of_ms": now_ms, "source": AnswerSource.STREAM, "gap": False}
    agreed_ms = min((views.agreed_ms.get(exchange, 0) for exchange in asked), default=0)
    # A moment that lies ahead was dated by a clock that has been set back since: nobody can say how long ago it was.
    return {"as_of_ms": agreed_ms if agreed_ms <= now_ms else 0, "source": AnswerSource.CACHE, "gap": True}


def _kill_switch(views: PublishedViews, policy: AccountPolicy) -> KillSwitch | None:
    if policy.risk.kill_switch:
        return KillSwitch(on=True, since_ms=0, reason="held on by the configuration")
    return views.kill_switch


def _only(exchange: str | None) -> tuple[str, ...] | None:
    return None if exchange is None else (exchange,)


def _list(views: PublishedViews, orders: list[Order], how: Known) -> OrdersSnapshot:
    orders.sort(key=lambda order: (order.created_at_ms, order.order_id))
    return OrdersSnapshot(views=tuple(shown(views, order, how) for order in orders), **how)


def _asked_for(query: GetOrders, order: Order) -> bool:
    return (
        (not query.states or order.state in query.states)
        and (query.exchange is None or order.exchange == query.exchange)
        and not (query.open_only and order.state in TERMINAL)
    )


def _find(views: PublishedViews, order_id: str) -> Order | None:
    order = views.orders.get(order_id)
    if order is not None:
        return order
    hits = [o for o in list(views.orders.values()) if order_id in (o.client_order_id, o.venue_order_id)]
    return hits[0] if len(hits) == 1 else None


# ----- executions


def _fills_of(
    views: PublishedViews, order_id: str, now_ms: int, policy: AccountPolicy, average: Average
) -> FillsSnapshot:
    order = _find(views, order_id)
    fills = _fills_of_forgotten(views, order_id) if order is None else views.fills.get(order.order_id, ())
    exchange = order.exchange if order is not None else next((fill.exchange for fill in fills), None)
    lines = tuple(_lines(order, fills))
    price = average(line.fill for line in lines)
    return FillsSnapshot(
        fills=lines,
        weighted_average_price=price,
        shown_average_price=None if exchange is None else _as_shown(price, exchange, policy),
        completion_percent=None if order is None else _completion(order, lines),
        **known(views, policy, now_ms, _only(exchange)),
    )


def _fills_of_forgotten(views: PublishedViews, order_id: str) -> tuple[Fill, ...]:
    # By the privacy settings an order may be forgotten whose executions are kept, under the name that it had.
    fills = views.fills.get(order_id)
    if fills is not None:
        return fills
    hits = [fills for fills in list(views.fills.values()) if fills[0].venue_order_id == order_id]
    return hits[0] if len(hits) == 1 else ()


def _fills_between(
    query: GetFillsBetween, views: PublishedViews, now_ms: int, policy: AccountPolicy, average: Average
) -> FillsSnapshot:
    end_ms = query.to_venue_ms
    # What a fill added up to depends on its order's earlier ones, which may lie outside of the range.
    lines = [
        line
        for order_id, fills in list(views.fills.items())
        if (fills[0].exchange, fills[0].symbol) == (query.exchange, query.symbol)
        for line in _lines(views.orders.get(order_id), fills)
        if query.from_venue_ms <= line.fill.venue_time_ms and (end_ms is None or line.fill.venue_time_ms < end_ms)
    ]
    lines.sort(key=lambda line: booking_order(line.fill))
    price = average(line.fill for line in lines)
    return FillsSnapshot(
        fills=tuple(lines),
        weighted_average_price=price,
        shown_average_price=_as_shown(price, query.exchange, policy),
        **known(views, policy, now_ms, (query.exchange,)),
    )


def _lines(order: Order | None, fills: Iterable[Fill]) -> Iterator[FillView]:
    size = None if order is None else _known_size(order)
    cumulative = ZERO
    for fill in sorted(fills, key=booking_order):
        cumulative = EXACT.add(cumulative, fill.size)
        reference = fill.reference_price
        yield FillView(
            fill=fill,
            cumulative=cumulative,
            remaining=None if size is None else max(ZERO, EXACT.subtract(size, cumulative)),
            deviation_percent=None if reference is None else price_deviation_percent(fill.side, fill.price, reference),
        )


def _known_size(order: Order) -> Decimal | None:
    # The size of a quote-sized order grows with its executions until it has ended.
    growing = order.quote_size is not None and order.state not in TERMINAL
    return None if growing or order.size <= ZERO else order.size


def _completion(order: Order, lines: tuple[FillView, ...]) -> Decimal | None:
    size = _known_size(order)
    executed = lines[-1].cumulative if lines else ZERO
    if size is None or not executed:
        return None if size is None else ZERO
    return RATIO.divide(EXACT.multiply(executed, _PERCENT), size)


def _as_shown(price: Decimal | None, exchange: str, policy: AccountPolicy) -> Decimal | None:
    # An exchange that is no longer configured has no asset type.
    traded = policy.exchanges.get(exchange)
    if price is None or traded is None:
        return None
    return rounded(price, policy.price_places[traded.asset_type])


# ----- positions


def _positions(positions: Iterable[Position], policy: AccountPolicy, how: Known) -> PositionsSnapshot:
    return PositionsSnapshot(positions=tuple(_position(each, policy) for each in positions), **how)


def _position(position: Position, policy: AccountPolicy) -> PositionView:
    average = average_entry(position)
    return PositionView(
        position=position,
        average_entry_price=average,
        shown_average_entry_price=_as_shown(average, position.exchange, policy),
        # A sum that comes to nothing keeps the places of what was added up: 0E-16 is no figure to show anybody.
        realised_pnl=None if position.multiplier is None else realised_pnl(position) or ZERO,
    )
