"""What an account's owner does at the venue by hand: orders that no host of ours knows of, and that execute too."""

from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

from actors.runtime.simulated import SimulatedSystem
from exchanges.paper.model import NewOrder
from messages.types import OrderType, Side

from .venue import Venue

_SIZE = Decimal("0.5")
_WITHIN_MS = 4000
_OTHER = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}


class Owner:
    """Of all accounts of a run."""

    def __init__(self, system: SimulatedSystem, venue: Venue, random: Random, accounts: tuple[str, ...]) -> None:
        self._system = system
        self._venue = venue
        self._random = random
        self._accounts = accounts

    def meddle(self) -> None:
        """Cancel an order of ours through another program, make it smaller, or place one that meets it."""
        draw = self._random
        account = draw.choice(self._accounts)
        orders = [order for order in self._venue.engine.open_orders(account) if order.working and order.price]
        if not orders:
            return
        order, what = draw.choice(orders), draw.random()
        step = self._venue.engine.instruments[order.symbol].step_size
        if what < 0.4:
            self._venue.withdraw(account, order.order_id)
        elif what < 0.7:
            smaller = order.filled_size + max(step, order.remaining * 2 / 3 // step * step)
            self._venue.resized.add((account, order.first_client_order_id))
            self._venue.amend(account, order.order_id, smaller, order.price)
        else:
            self._place(account, order.symbol, _OTHER[order.side], {"type": OrderType.LIMIT, "price": order.price})

    def trade(self) -> None:
        """Place an order by hand: at the market, near it or far away from it; perhaps withdraw it again."""
        draw = self._random
        account, symbol = draw.choice(self._accounts), draw.choice(self._venue.traits.symbols)
        side = draw.choice(list(Side))
        percent = draw.choice((None, 1, 1, 10, 10))
        last = self._venue.engine.last_price(symbol)
        terms: dict[str, Any] = {"type": OrderType.MARKET, "size": _SIZE / 50}
        if percent is not None:
            market = self._venue.traits.market(symbol)
            away = market.on_grid(last / 100 * percent * (-1 if side is Side.BUY else 1))
            terms = {"type": OrderType.LIMIT, "size": _SIZE, "price": last + away}
        self._place(account, symbol, side, terms)

    def _place(self, account: str, symbol: str, side: Side, terms: dict[str, Any]) -> None:
        draw = self._random
        terms = {"size": _SIZE / 50} | terms
        terms["size"] *= self._venue.traits.market(symbol).depth
        client_id = f"manual-{draw.getrandbits(32)}"
        self._venue.place(NewOrder(account=account, client_order_id=client_id, symbol=symbol, side=side, **terms))
        placed = self._venue.engine.find(account, symbol, client_id)
        if placed is not None and placed.is_open and draw.random() < 0.5:
            withdraw = partial(self._venue.withdraw, account, placed.order_id)
            self._system.schedule(draw.randint(0, _WITHIN_MS), withdraw)
