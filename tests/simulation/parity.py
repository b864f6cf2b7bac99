"""Once all is quiet: is everything we hold what the venue holds, and is nothing left over?"""

from collections.abc import Iterator, Mapping

from actors.memory import PublishedViews
from exchanges.paper.model import PaperOrder
from messages.types import Order, OrderState, TimeInForce

from .auditor import ENDS, SHOWN, Auditor

_WORKING = frozenset({OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED})


def differences(auditor: Auditor, accounts: tuple[str, ...], views: Mapping[str, PublishedViews]) -> Iterator[str]:
    """Everything that is not as it should be at rest, in words. Nothing: the system is quiet and correct."""
    for account in accounts:
        orders = auditor.orders[account]
        for exchange, why in views[account].gates.items():
            if why:
                yield f"account {account}: the gate of {exchange} is closed: {why}"
        for order in orders.values():
            yield from _unsettled(order)
            yield from _unlike_venue(auditor, account, order)
        yield from _unknown(auditor, account)
        yield from _ledger(auditor, account)
        yield from _projection(auditor, account, views[account])


def _unsettled(order: Order) -> Iterator[str]:
    if order.state in (OrderState.PENDING, OrderState.SUBMITTED):
        yield f"{order.order_id} is still {order.state}"
    if order.time_in_force is TimeInForce.GTT and order.state in _WORKING:
        yield f"{order.order_id} has not come to its end of time"
    if order.cancel_pending or order.verification is not None or order.needs_review:
        yield f"{order.order_id} ({order.state}) is not settled: {order.review_reason or 'overlay or verification'}"


def _unlike_venue(auditor: Auditor, account: str, order: Order) -> Iterator[str]:
    found = auditor.venue_orders(account, order)
    if len(found) > 1:
        yield f"{order.order_id} has {len(found)} orders at the venue"
    for venue_order in found:
        right = _WORKING if venue_order.is_open else ENDS[venue_order.status]
        if order.state not in right:
            yield f"{order.order_id} is {order.state}, at the venue {venue_order.status}"
        if order.filled_size != venue_order.filled_size or order.filled_value != venue_order.filled_value:
            yield f"{order.order_id} executed {order.filled_size}, at the venue {venue_order.filled_size}"
    if not found and order.state in _WORKING:
        yield f"{order.order_id} is {order.state}, the venue does not have it"


def _unknown(auditor: Auditor, account: str) -> Iterator[str]:
    known = {order.venue_order_id for order in auditor.orders[account].values()}
    sent = {each for ids in auditor.client_ids.values() for each in ids}
    for venue_order in _orders_at_venue(auditor, account):
        ours = (venue_order.symbol, venue_order.first_client_order_id) in sent
        if str(venue_order.order_id) not in known and (ours or venue_order.is_open):
            yield f"the venue's order {venue_order.order_id} is not in our records"


def _orders_at_venue(auditor: Auditor, account: str) -> Iterator[PaperOrder]:
    return (each for each in auditor.truth.truth.orders.values() if each.account == account)


def _ledger(auditor: Auditor, account: str) -> Iterator[str]:
    known = {order.venue_order_id for order in auditor.orders[account].values()}
    booked = {(fill.venue_order_id, fill.fill_id) for fill in auditor.fills[account].values()}
    real = {
        (str(each.order_id), str(each.trade_id))
        for each in auditor.truth.truth.executions
        if each.account == account and str(each.order_id) in known
    }
    for venue_order_id, fill_id in sorted(real ^ booked):
        where = "at the venue only" if (venue_order_id, fill_id) in real else "in our books only"
        yield f"execution {fill_id} of {venue_order_id} is {where}"


def _projection(auditor: Auditor, account: str, views: PublishedViews) -> Iterator[str]:
    open_orders = [order for order in auditor.orders[account].values() if order.state in SHOWN]
    if {order.venue_order_id or order.client_order_id for order in open_orders} != set(auditor.shown[account]):
        yield f"account {account}: the public hash is not the open orders"
    for order in auditor.orders[account].values():
        if views.orders.get(order.order_id) != order:
            yield f"{order.order_id}: readers see something else than what is committed"
        steps = [step.version for step in views.transitions.get(order.order_id, ())]
        if steps != list(range(1, order.version + 1)):
            yield f"{order.order_id}: readers see the steps {steps} of {order.version}"
        if len(views.fills.get(order.order_id, ())) != order.fill_count:
            yield f"{order.order_id}: readers see other executions than were booked"


def duplicates(auditor: Auditor, accounts: tuple[str, ...]) -> Iterator[str]:
    """Client order ids under which more than one order was accepted."""
    for (account, client_id), ids in auditor.truth.truth.duplicates().items():
        if account in accounts:
            yield f"the venue accepted {len(ids)} orders under {client_id}"


