"""What happened in the engine, as events of the ProjectX user hub: orders, trades, positions, accounts."""

from collections.abc import Collection, Iterable, Iterator
from random import Random
from typing import Any

from exchanges.paper.dialects.projectx.codec import write
from exchanges.paper.dialects.projectx.positions import PositionBook
from exchanges.paper.dialects.projectx.queries import CURRENCY
from exchanges.paper.dialects.projectx.register import Register
from exchanges.paper.dialects.projectx.render import (
    OPEN,
    PENDING,
    PENDING_CANCELLATION,
    SUSPENDED,
    Renderer,
    status,
)
from exchanges.paper.dialects.projectx.users import TradingAccount, Users
from exchanges.paper.model import (
    BalanceChanged,
    EndReason,
    Events,
    OrderAccepted,
    OrderCancelled,
    OrderEvent,
    OrderTraded,
    PaperOrder,
)
from exchanges.paper.wire import Frame

SEPARATOR = b"\x1e"
"""Ends every record of the hub protocol."""
ORDERS, TRADES, POSITIONS, ACCOUNTS = "Orders", "Trades", "Positions", "Accounts"
"""What can be subscribed to."""
_CREATE, _UPDATE, _REMOVE = 0, 1, 2


def record(value: dict[str, Any]) -> bytes:
    """Return one record of the hub protocol."""
    return write(value) + SEPARATOR


def invocation(target: str, *arguments: Any) -> bytes:
    """Return a record that calls a method of the client."""
    return record({"type": 1, "target": target, "arguments": list(arguments)})


class EventWriter:
    """Renders events for the hub."""

    def __init__(
        self,
        users: Users,
        register: Register,
        positions: PositionBook,
        renderer: Renderer,
        voided: Collection[int],
        random: Random,
    ) -> None:
        self.wrapped: bool | None = None
        """Whether order events come as `{"action", "data"}`; None: sometimes, by chance."""
        self._users = users
        self._register = register
        self._positions = positions
        self._renderer = renderer
        self._voided = voided
        self._random = random

    def frames(self, events: Events) -> tuple[Frame, ...]:
        """Return the frames of all events: order, then trade and position, and what the account is worth at the end."""
        frames: list[Frame] = []
        paid: dict[str, TradingAccount] = {}
        for event in events:
            account = self._users.account(event.account)
            if account is None:
                continue
            if isinstance(event, OrderEvent):
                frames += self._order_frames(event, account)
            elif isinstance(event, BalanceChanged) and event.asset == CURRENCY:
                paid[event.account] = account
        return (*frames, *(self._account_frame(account) for account in paid.values()))

    def _order_frames(self, event: OrderEvent, account: TradingAccount) -> Iterator[Frame]:
        records = (self._order_record(event.order, account, action, shown) for action, shown in self._steps(event))
        yield Frame(account=account.name, payload=b"".join(records), channel=ORDERS)
        if not isinstance(event, OrderTraded):
            return
        trade = self._renderer.trade_event(event.execution, account, self._voided)
        yield Frame(account=account.name, payload=invocation("GatewayUserTrade", trade), channel=TRADES)
        after = self._positions.booked(event.execution).after
        position = self._renderer.position(after, event.order.symbol, account)
        yield Frame(account=account.name, payload=invocation("GatewayUserPosition", position), channel=POSITIONS)

    def _steps(self, event: OrderEvent) -> Iterable[tuple[int, int]]:
        """Return the actions and statuses that an event is shown as, one record each, together in one message."""
        order = event.order
        match event:
            case OrderAccepted() if order.order_id < 0:
                return ((_CREATE, SUSPENDED),)
            case OrderAccepted() if not self._register.is_active_child(order.order_id):
                return ((_CREATE, PENDING), (_UPDATE, OPEN))
            case OrderCancelled() if order.order_id < 0:
                return ((_REMOVE, status(order)),)
            case OrderCancelled() if order.end_reason is EndReason.USER:
                return ((_UPDATE, PENDING_CANCELLATION), (_UPDATE, status(order)))
            case _ if order.order_id < 0 and self._register.details(order).parent_id is None:
                return ((_CREATE, status(order)),)
            case _:
                return ((_UPDATE, status(order)),)

    def _order_record(self, order: PaperOrder, account: TradingAccount, action: int, shown: int) -> bytes:
        data = self._renderer.order_event(order, account, shown)
        wrapped = self._random.random() < 1 / 2 if self.wrapped is None else self.wrapped
        return invocation("GatewayUserOrder", {"action": action, "data": data} if wrapped else data)

    def _account_frame(self, account: TradingAccount) -> Frame:
        shown = self._renderer.account(account, CURRENCY)
        return Frame(account=account.name, payload=invocation("GatewayUserAccount", shown), channel=ACCOUNTS)
