"""Compares the public hashes of open orders with the orders that are open, as any other program would read them.

It reads through the store, so that values which are encrypted there are opened first.
"""

from collections.abc import Mapping

import orjson

from actors.domain.projection import normalized
from actors.errors import StoreError
from actors.oms import Oms
from actors.views import PublishedViews
from messages.codec import encode_public
from messages.types import OrderState

_OPEN = frozenset({OrderState.PENDING, OrderState.SUBMITTED, OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED})


def check_open_hashes(oms: Oms, books: Mapping[str, PublishedViews]) -> list[str]:
    """Return what is wrong with the public hashes of these accounts."""
    ids = {name: exchange.id for name, exchange in oms.settings.exchanges.by_name().items()}
    wrong = []
    for account, book in books.items():
        for name, exchange_id in ids.items():
            try:
                stored = oms.runtime.store.open_orders(account, exchange_id)
            except StoreError as error:
                wrong.append(f"the public hash of account {account} could not be read: {error}")
                continue
            wrong += _differences(account, name, book, stored)
    return wrong


def _differences(account: str, exchange: str, book: PublishedViews, stored: Mapping[str, bytes]) -> list[str]:
    expected = {}
    for order in list(book.orders.values()):
        if order.exchange == exchange and order.state in _OPEN:
            public = normalized(order, book.multiplier_of(exchange, order.symbol))
            expected[public.order_id] = orjson.loads(encode_public(public))
    found = {field: orjson.loads(value) for field, value in stored.items()}
    wrong = [f"the public hash of account {account} lacks order {field}" for field in expected.keys() - found.keys()]
    wrong += [f"the public hash of account {account} has order {field}" for field in found.keys() - expected.keys()]
    wrong += [
        f"the public hash of account {account} has another order {field} than we have"
        for field in expected.keys() & found.keys()
        if found[field] != expected[field]
    ]
    return wrong
