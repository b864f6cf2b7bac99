"""What tests of closes share: an account that holds a position, the host's wish, and what came of it."""

from dataclasses import replace
from decimal import Decimal

from actors.store.port import Table
from messages.codec import decode_record
from messages.commands import ClosePosition, PlaceOrder
from messages.fills import PositionClose
from messages.queries import CloseDone, Refused, Reply
from messages.types import Side
from tests.actors.account_kit import Account, executed

D = Decimal
TIMEOUT_MS = 30_000


def close(name: str = "k1", quantity: str | None = None, **changes: object) -> ClosePosition:
    """A host's wish; its id is the close's id, and the host waits under `host-<id>` unless told otherwise."""
    wish = ClosePosition(
        message_id=name,
        correlation_id=f"host-{name}",
        account_id="1",
        exchange="binance",
        symbol="BTC-USDT",
        quantity=None if quantity is None else D(quantity),
    )
    return replace(wish, **changes)


def holding(side: Side = Side.BUY, size: str = "0.01", timeout_ms: int = TIMEOUT_MS, **fee: object) -> Account:
    """An account that holds a position by one order that has ended."""
    account = Account(close_timeout_ms=timeout_ms)
    place = account.working(request_id="opening", side=side, size=D(size))
    account.hear_fill(executed(place, size, **fee))
    account.sent.clear()
    account.events.clear()
    account.replies.clear()
    return account


def placed(account: Account) -> PlaceOrder:
    """The one order of a close that left for the venue."""
    (place,) = account.to_venue(PlaceOrder)
    return place


def fill(account: Account, place: PlaceOrder, size: str, fill_id: str = "90") -> None:
    account.hear_fill(executed(place, size, fill_id, venue_order_id="29"))


def answers(account: Account) -> dict[str, Reply]:
    return {reply.correlation_id: reply for reply in account.replies}


def refusal(account: Account, name: str) -> Refused:
    reply = answers(account)[name]
    assert isinstance(reply, Refused)
    return reply


def done(account: Account, name: str) -> PositionClose:
    reply = answers(account)[name]
    assert isinstance(reply, CloseDone)
    return reply.close


def stored(account: Account) -> dict[str, PositionClose]:
    return {name: decode_record(PositionClose, raw) for name, raw in account.stored.get(Table.CLOSES, {}).items()}
