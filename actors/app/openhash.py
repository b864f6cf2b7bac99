"""Compares the public hashes of open orders with the orders that are open, as any other program would read them."""

from collections.abc import Mapping

import orjson
from redis import Redis

from actors.domain.projection import normalized
from actors.oms import Oms
from actors.store import keys
from actors.views import PublishedViews
from messages.codec import encode_public
from messages.types import OrderState

_OPEN = frozenset({OrderState.PENDING, OrderState.SUBMITTED, OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED})


def check_open_hashes(oms: Oms, books: Mapping[str, PublishedViews]) -> list[str]:
    """Return what is wrong with the public hashes of these accounts; nothing when the store is not our own server."""
    server = oms.runtime.server
    if server is None:
        return []
    ids = {name: exchange.id for name, exchange in oms.settings.exchanges.by_name().items()}
    wrong = []
    with Redis(unix_socket_path=str(server.socket_path)) as redis:
        for account, book in books.items():
            for name, exchange_id in ids.items():
                stored = redis.hgetall(keys.open_orders(account, exchange_id))
                wrong += _differences(account, name, book, stored)
    return wrong


def _differences(account: str, exchange: str, book: PublishedViews, stored: Mapping[bytes, bytes]) -> list[str]:
    expected = {}
    for order in list(book.orders.values()):
        if order.exchange == exchange and order.state in _OPEN:
            public = normalized(order)
            expected[public.order_id] = orjson.loads(encode_public(public))
    found = {field.decode(): orjson.loads(value) for field, value in stored.items()}
    wrong = [f"the public hash of account {account} lacks order {field}" for field in expected.keys() - found.keys()]
    wrong += [f"the public hash of account {account} has order {field}" for field in found.keys() - expected.keys()]
    wrong += [
        f"the public hash of account {account} has another order {field} than we have"
        for field in expected.keys() & found.keys()
        if found[field] != expected[field]
    ]
    return wrong
