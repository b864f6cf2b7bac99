"""MEXC's private push messages to our messages: orders and balances.

Pure. In them an absent field is zero or an empty text, so that a field that is gone cannot be told from one that is
zero: a text where an amount belongs is never taken for zero, but for what nothing has executed of; where amounts
contradict each other, the status is unknown, and a status that its own order contradicts makes it unreadable
(`UnreadableError`).
"""

import re
from decimal import Decimal

from exchanges.fields import UnreadableError, plain_amounts, unsigned_or_none
from exchanges.mexc.pb.private_pb2 import PrivateAccountV3Api, PrivateOrdersV3Api
from exchanges.mexc.translate import (
    ALL_OR_NOTHING,
    EXCHANGE,
    IMMEDIATE,
    MARKET,
    POST_ONLY,
    RESTING,
    STOP_LIMIT,
    total,
)
from exchanges.records import venue_order
from exchanges.symbols import SymbolBook
from messages.types import ZERO, OrderType, PublicStatus, Side, TimeInForce, VenueOrder

_STATUSES = {
    0: PublicStatus.PENDING,
    1: PublicStatus.OPEN,
    2: PublicStatus.FILLED,
    3: PublicStatus.OPEN,
    4: PublicStatus.CANCELLED,
    5: PublicStatus.CANCELLED,
}
# Filled, partly filled, cancelled after a part was filled.
_EXECUTED = frozenset({2, 3, 5})
_SIDES = {1: Side.BUY, 2: Side.SELL}
# The last three are made on the venue's pages only: a stop-limit order, and the two halves of an OCO order.
_KINDS = {
    1: RESTING, 2: POST_ONLY, 3: IMMEDIATE, 4: ALL_OR_NOTHING, 5: MARKET,
    100: STOP_LIMIT, 101: STOP_LIMIT, 102: RESTING,
}  # fmt: skip
_TERMS = {(side, kind): (_SIDES[side], *_KINDS[kind]) for side in _SIDES for kind in _KINDS}
_MARKET = OrderType.MARKET
_names_order_of_venue = re.compile(r"C[0-9]{2}__[0-9]+").fullmatch


def read_order_push(
    order: PrivateOrdersV3Api, venue_symbol: str, sent_ms: int, symbols: SymbolBook
) -> VenueOrder:
    """Translate an order; `sent_ms` is when the venue pushed it, 0: not told.

    Of executions only the sum is taken: pushes about single ones have an id that is not known to be that of the lists.
    """
    side, kind, lasting, post_only = _terms(order)
    status, size, filled, worth, price = (
        order.status, order.quantity, order.cumulativeQuantity, order.cumulativeAmount, order.price
    )  # fmt: skip
    if not plain_amounts((size, filled, worth, price)):
        # What is not told of a market order, or of an order of which nothing has executed, is empty.
        size, price = (size or "0", price or "0") if kind is _MARKET else (size, price)
        filled, worth = filled or "0", worth or "0"
        if not plain_amounts((size, filled, worth, price)):
            raise UnreadableError("an amount of the order is none")
    sized, executed, value = Decimal(size), Decimal(filled), Decimal(worth)
    limit, quote = (None, _amount(order.amount, "amount")) if kind is _MARKET else (Decimal(price), None)
    if (kind is not _MARKET and not (sized and limit)) or (status in _EXECUTED and not executed):
        raise UnreadableError("the order contradicts itself")
    venue_id, client_id = _ids(order)
    return venue_order(
        EXCHANGE,
        symbols.canonical(venue_symbol),
        venue_id,
        client_id,
        side,
        kind,
        lasting,
        None if _contradicted(order, sized, executed, value) else _STATUSES.get(status),
        str(status),
        sized,
        executed,
        # What has executed has a value: none is told.
        None if executed and not value else value,
        limit,
        _amount(order.triggerPrice, "triggerPrice") if kind is OrderType.STOP_LIMIT else None,
        quote,
        post_only,
        order.createTime or None,
        sent_ms or None,
        "",
    )


def _contradicted(order: PrivateOrdersV3Api, sized: Decimal, executed: Decimal, value: Decimal) -> bool:
    # What has executed has a value, and is what does not remain; what remains is not told where the text is empty.
    if (not executed) is not (not value):
        return True
    last, remains = _amount(order.lastDealQuantity, "lastDealQuantity"), order.remainQuantity
    if last is not None and not executed:
        return True
    left = _amount(remains, "remainQuantity") or ZERO
    return bool(sized and remains) and total(left, executed) != sized


def _terms(order: PrivateOrdersV3Api) -> tuple[Side, OrderType, TimeInForce, bool]:
    found = _TERMS.get((order.tradeType, order.orderType))
    if found is None:
        raise UnreadableError("tradeType or orderType is unknown")
    return found


def _ids(order: PrivateOrdersV3Api) -> tuple[str, str | None]:
    if order.id:
        return order.id, order.clientId or None
    # One page of the documentation has the venue's own id under the other name.
    if _names_order_of_venue(order.clientId):
        return order.clientId, None
    raise UnreadableError("id is empty")


def _amount(written: str, name: str) -> Decimal | None:
    # Empty and zero mean that there is none.
    found = unsigned_or_none(written or "0")
    if found is None:
        raise UnreadableError(f"{name} is not an amount of zero or more")
    return found or None


def read_account_push(account: PrivateAccountV3Api) -> tuple[str, Decimal, Decimal]:
    """Translate a balance: asset, total, of which available."""
    available, frozen = unsigned_or_none(account.balanceAmount), unsigned_or_none(account.frozenAmount)
    if not account.vcoinName or available is None or frozen is None:
        raise UnreadableError("asset or amount of the balance is none")
    return account.vcoinName, total(available, frozen), available
