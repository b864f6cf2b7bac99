"""What hosts do in a simulated run beside placing: cancel many, change, read, stop everything, log out, claim, race."""

from collections.abc import Callable
from dataclasses import fields, replace
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

from actors.runtime.simulated import SimulatedSystem
from messages.commands import (
    CancelAll,
    CancelOrders,
    CheckParity,
    ClaimOrder,
    Logout,
    ModifyOrder,
    OrderTerms,
    SetKillSwitch,
    SyncOpenOrders,
)
from messages.queries import ParityReport, Reply
from messages.types import InitiatedBy, Order, OrderState

from .auditor import Auditor
from .workload import Asked, Intent, Workload

_OPEN = frozenset({OrderState.SUBMITTED, OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED})


class Operations:
    """The same hosts as `Workload`, with other commands."""

    def __init__(
        self, system: SimulatedSystem, auditor: Auditor, workload: Workload, random: Random, accounts: tuple[str, ...]
    ) -> None:
        self._system = system
        self._auditor = auditor
        self._traits = auditor.traits
        self._hosts = workload
        self._random = random
        self._accounts = accounts
        self.parity: dict[str, ParityReport] = {}
        """The latest comparison with the venue, by account."""

    def times(self) -> list[tuple[int, Callable[[], None]]]:
        """What is done in a run, and how often."""
        draw = self._random.randint
        return [
            (draw(4, 16), self.modify),
            (draw(0, 3), self.cancel_several),
            (draw(0, 2), self.cancel_all),
            (draw(2, 8), self.read_open_orders),
            (draw(0, 1), self.stop_everything),
            (draw(0, 3), self.claim),
            (draw(0, 2), self.log_out),
            (draw(1, 6), self.race),
            (draw(0, 2), lambda: self.check_parity(self._account())),
        ]

    # ----- cancels

    def cancel_several(self) -> None:
        """Cancel some orders by any of their ids; one may be named twice, one may not exist."""
        account = self._account()
        known = self._hosts.known[account][-10:] + [order.order_id for order in self._external(account)]
        names = self._random.sample(known, min(len(known), self._random.randint(1, 5)))
        if self._random.random() < 0.2:
            names += [*names[:1], "no-such-order"]
        if names:
            self._auditor.cancels.on_named(account, names)
            self._tell(CancelOrders(**self._head(account), order_ids=tuple(names)))

    def cancel_all(self) -> None:
        """Cancel everything of ours or of everybody's, of a symbol or of all, while placements are on their way."""
        account, symbol = self._account(), self._random.choice((None, None, *self._traits.symbols))
        for _ in range(self._random.randint(0, 2)):
            self._later(15, self._hosts.place)
        command = CancelAll(
            **self._head(account),
            exchange=self._random.choice((None, self._traits.exchange)),
            symbol=symbol,
            everything=self._random.random() < 0.4,
        )
        self._auditor.cancels.on_all(command)
        self._tell(command)
        for _ in range(self._random.randint(0, 2)):
            self._later(15, self._hosts.place)

    # ----- changes

    def modify(self) -> None:
        """Change an order: smaller, larger, elsewhere; known well or badly; perhaps twice, or while it is cancelled."""
        account = self._account()
        orders = [o for o in self._auditor.orders[account].values() if o.state in _OPEN or o.state is OrderState.DRAFT]
        if not orders:
            return
        order = self._random.choice(orders[-6:])
        command = ModifyOrder(**self._head(account), order_id=self._any_id(order), **self._wish(order))
        self.change(command)
        draw = self._random.random()
        if draw < 0.3:
            self._later(self._random.choice((5, 6000, 20_000)), partial(self._again, command))
        elif draw < 0.45:
            self._later(60, partial(self._hosts.cancel_one, account, order.order_id))
        elif draw < 0.6:
            other = ModifyOrder(**self._head(account), order_id=order.order_id, **self._wish(order))
            self._later(60, partial(self.change, other))

    def change(self, command: ModifyOrder) -> None:
        """Offer a change."""
        self._auditor.cancels.on_named(command.account_id, (command.order_id,))
        self._auditor.chains.on_asked(command)
        self._tell(command)

    def _again(self, command: ModifyOrder) -> None:
        head = self._head(command.account_id) | {"message_id": command.message_id}
        self.change(replace(command, **head))

    def _any_id(self, order: Order) -> str:
        return self._random.choice([order.order_id, order.client_order_id, order.venue_order_id or order.order_id])

    def _wish(self, order: Order) -> dict[str, Any]:
        draw = self._random.random()
        wish: dict[str, Any] = {}
        if order.quote_size is None and draw < 0.65:
            # No size that is anybody's intent: half of the usual and more, or more than twice as much.
            market = self._traits.market(order.symbol)
            base = market.unit / 2 if draw < 0.45 else market.unit * 2
            wish["size"] = base + self._hosts.next_number() * market.step
        if (draw < 0.15 or draw > 0.6) and order.price is not None:
            moved = order.price * self._random.randint(-30, 30) / 2000
            wish["price"] = self._traits.market(order.symbol).on_grid(order.price + moved)
            self._auditor.cancels.on_moved(order, wish["price"])
        if order.stop_price is not None and self._random.random() < 0.5:
            moved = order.stop_price * self._random.randint(-10, 10) / 2000
            wish["stop_price"] = self._traits.market(order.symbol).on_grid(order.stop_price + moved)
        if self._random.random() < 0.5:
            wish["expected_version"] = max(0, order.version + self._random.choice((0, 0, 0, -1, -2, 1)))
        if self._random.random() < 0.2:
            wish["initiated_by"] = InitiatedBy.RISK_RULE
        return wish

    # ----- reading

    def read_open_orders(self) -> None:
        """Ask for the open orders, perhaps several hosts at once."""
        account = self._account()
        for _ in range(self._random.choice((1, 1, 2, 3))):
            self._later(self._random.choice((0, 40)), partial(self._read, account))

    def check_parity(self, account: str) -> None:
        """Compare with the venue, whatever is going on."""
        self._tell(CheckParity(**self._head(account)))

    def on_reply(self, reply: Reply, asked: Asked | None) -> None:
        """A host was answered."""
        if isinstance(reply, ParityReport) and asked is not None:
            self.parity[asked.command.account_id] = reply

    def _read(self, account: str) -> None:
        exchange = self._random.choice((None, self._traits.exchange))
        command = SyncOpenOrders(**self._head(account), exchange=exchange, force=self._random.random() < 0.5)
        self._auditor.syncs.on_asked(command)
        self._tell(command)

    # ----- the whole account

    def stop_everything(self) -> None:
        """Throw the kill switch, most often for some seconds only."""
        account = self._account()
        command = SetKillSwitch(
            **self._head(account),
            on=True,
            reason="a test",
            cancel_orders=self._random.random() < 0.7,
            everything=self._random.random() < 0.3,
        )
        self._auditor.cancels.on_kill_switch(command)
        self._tell(command)
        for _ in range(self._random.randint(0, 3)):
            self._later(4000, self._hosts.place)
        if self._random.random() < 0.9:
            self._later(10_000, partial(self.let_go, account))

    def let_go(self, account: str) -> None:
        """Switch the kill switch off."""
        self._tell(SetKillSwitch(**self._head(account), on=False))

    def log_out(self) -> None:
        """The last user of an account leaves, and may come back."""
        self._tell(Logout(**self._head(self._account())))

    def claim(self) -> None:
        """Claim an order that was placed by hand, or one that needs no claiming."""
        account = self._account()
        external = self._external(account)
        if external and self._random.random() < 0.8:
            order_id = self._random.choice(external).order_id
        elif self._hosts.known[account]:
            order_id = self._random.choice(self._hosts.known[account])
        else:
            return
        self._auditor.cancels.on_claim(account, order_id)
        self._tell(ClaimOrder(**self._head(account), order_id=order_id))

    # ----- races

    def race(self) -> None:
        """Two hosts place an order each, at the same moment and price: where rules are tight, one is too many."""
        first = self._hosts.new_terms()
        second = replace(self._hosts.new_terms(), **self._alike(first))
        for terms in (first, second):
            intent = Intent(terms, self._system.clock.monotonic_ms())
            self._hosts.intents.append(intent)
            self._system.schedule(0, partial(self._hosts.submit, intent, terms))

    def _alike(self, terms: OrderTerms) -> dict[str, Any]:
        own = {"size", "quote_size", "request_id", "correlation_id", "message_id"}
        alike = {each.name: getattr(terms, each.name) for each in fields(OrderTerms) if each.name not in own}
        number = self._hosts.next_number()
        if terms.quote_size is not None:
            return alike | {"size": None, "quote_size": Decimal(500 + number)}
        return alike | {"size": self._hosts.size_of(terms.symbol, number), "quote_size": None}

    # ----- parts

    def _external(self, account: str) -> list[Order]:
        orders = self._auditor.orders[account].values()
        return [order for order in orders if order.external and order.state in _OPEN]

    def _account(self) -> str:
        return self._random.choice(self._accounts)

    def _head(self, account: str) -> dict[str, Any]:
        return self._hosts.head(account)

    def _tell(self, command: Any) -> None:
        self._hosts.tell(command, None)

    def _later(self, within_ms: int, act: Callable[[], None]) -> None:
        self._system.schedule(self._random.randint(0, within_ms), act)
