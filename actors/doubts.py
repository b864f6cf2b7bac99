"""On which exchanges something is known to be missing in an account's records, although their streams live.

An order that is being read again, executions that are held back, parked or not read yet since the stream came up, a
frame that could not be understood: until that is settled, nobody may be told that our records are as new as now. An
order whose outcome is unknown, or that waits for a person, says so itself.
"""

from collections.abc import Iterator

from actors.memory import AccountMemory
from actors.notes import Unwatched, Watched
from actors.turn import Turn


def doubted(memory: AccountMemory) -> Iterator[str]:
    """The exchanges with an order about which something is known to be missing; some more than once."""
    for order_id in memory.watched:
        order = memory.orders.get(order_id)
        if order is not None and order.verification is None and not order.needs_review:
            yield order.exchange
    for order_id in memory.held:
        order = memory.orders.get(order_id)
        if order is not None:
            yield order.exchange
    for place in memory.parked:
        yield place[0]


def in_doubt(memory: AccountMemory, exchange: str, symbol: str) -> bool:
    """Whether a symbol may have executions that are not booked: those of an order that is being looked up or held back,
    or of one that is not known here.
    """
    looked_up = {*memory.watched, *memory.held}
    orders = [order for order_id in looked_up if (order := memory.orders.get(order_id)) is not None]
    orders += [order for order in memory.live_orders(exchange) if order.verification is not None]
    place = exchange, symbol
    return any((order.exchange, order.symbol) == place for order in orders) or any(
        parked[:2] == place for parked in memory.parked
    )


def raised(turn: Turn, exchange: str) -> bool:
    """Whether this turn, or one before it, leaves an order of an exchange to be read again."""
    if exchange in doubted(turn.memory):
        return True
    watched: set[str] = set()
    for record in turn.outcome.apply:
        if isinstance(record, Watched):
            watched.add(record.order_id)
        elif isinstance(record, Unwatched):
            watched.discard(record.order_id)
    orders = (turn.order(order_id) for order_id in watched)
    return any(order is not None and order.exchange == exchange and order.verification is None for order in orders)
