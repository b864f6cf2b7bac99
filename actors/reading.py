"""Answers to queries, from the views an account published at its last commit. No lock, no actor, no store."""

from collections.abc import Mapping
from typing import assert_never

from actors.domain.fills import sort_key, weighted_average
from actors.domain.lifecycle import TERMINAL, is_stuck, time_in_state
from actors.domain.projection import view
from actors.memory import PublishedViews
from messages.queries import (
    AccountQuery,
    FillsSnapshot,
    GetFills,
    GetHistory,
    GetOrder,
    GetOrders,
    GetStuckOrders,
    HistorySnapshot,
    OrderSnapshot,
    OrdersSnapshot,
    QueryReply,
)
from messages.types import Order, OrderState, OrderView


def answer(
    query: AccountQuery,
    views: PublishedViews,
    now_ms: int,
    *,
    stuck_default_ms: int,
    stuck_by_state_ms: Mapping[OrderState, int],
) -> QueryReply:
    """Answer one query about one account."""
    match query:
        case GetOrder(order_id=order_id):
            order = _find(views, order_id)
            return OrderSnapshot(view=None if order is None else shown(views, order, now_ms), as_of_ms=now_ms)
        case GetOrders():
            chosen = [order for order in list(views.orders.values()) if _asked_for(query, order)]
            return _list(views, chosen, now_ms)
        case GetHistory(order_id=order_id):
            order = _find(views, order_id)
            steps = () if order is None else views.transitions.get(order.order_id, ())
            created = None if order is None else order.created_at_ms
            spent = time_in_state(steps, now_ms, created_at_ms=created)
            return HistorySnapshot(transitions=steps, time_in_state_ms=tuple(spent.items()), as_of_ms=now_ms)
        case GetFills(order_id=order_id):
            order = _find(views, order_id)
            fills = () if order is None else tuple(sorted(views.fills.get(order.order_id, ()), key=sort_key))
            return FillsSnapshot(fills=fills, weighted_average_price=weighted_average(fills), as_of_ms=now_ms)
        case GetStuckOrders():
            chosen = [
                order
                for order in list(views.orders.values())
                if order.state not in TERMINAL and is_stuck(order, now_ms, stuck_default_ms, stuck_by_state_ms)
            ]
            return _list(views, chosen, now_ms)
        case _:
            assert_never(query)


def shown(views: PublishedViews, order: Order, now_ms: int) -> OrderView:
    """One order as hosts see it."""
    return view(order, views.evidence.get(order.order_id), now_ms)


def _list(views: PublishedViews, orders: list[Order], now_ms: int) -> OrdersSnapshot:
    orders.sort(key=lambda order: (order.created_at_ms, order.order_id))
    return OrdersSnapshot(views=tuple(shown(views, order, now_ms) for order in orders), as_of_ms=now_ms)


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
