"""The auditor's view of cancels: each was asked for by somebody, for this order, and what was told cancelled does not
work.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from actors.policy import AccountPolicy
from exchanges.paper.model import PaperOrder
from messages.commands import AccountCommand, CancelAll, OrderTerms, SetKillSwitch
from messages.queries import CancelsDone, KillSwitchSet, Refused, Reply
from messages.types import Order, OrderState, OrderType, Side

from .wire import UNTRIGGERED, number_of, shown_ids


class Orders(Protocol):
    """What the auditor knows of orders."""

    orders: dict[str, dict[str, Order]]

    def venue_orders(self, account: str, order: Order) -> list[PaperOrder]:
        """Every order at the venue that belongs to an order of ours."""
        ...

    def chain_of(self, account: str, order: Order) -> Iterable[Order]:
        """An order, all that it replaces and all that replace it or were to."""
        ...

    def open_at_venue(self, account: str) -> Iterable[PaperOrder]:
        """What works for an account at the venue, whoever placed it."""
        ...


@dataclass(slots=True)
class _Sweep:
    """A cancel of everything there is."""

    account: str
    symbol: str | None
    everything: bool
    asked_venue_ms: int
    told_venue_ms: int | None = None
    """When it was answered: what is created later it does not mean."""


class CancelAudit:
    """Of all accounts."""

    def __init__(self, orders: Orders, venue_ms: Callable[[], int], violate: Callable[[str, str], None]) -> None:
        self._orders = orders
        self._venue_ms = venue_ms
        self._violate = violate
        self.policy: AccountPolicy | None = None
        self._named: dict[str, set[str]] = defaultdict(set)
        """By account: any id of every order that somebody named in a cancel or a change."""
        self._claimed: dict[str, set[str]] = defaultdict(set)
        self._sweeps: dict[str, _Sweep] = {}
        """By correlation id."""
        self._stopped: dict[str, _Sweep] = {}
        """By account: the kill switch, on."""
        self._offered: dict[tuple[str, str], list[tuple[Side, OrderType, Decimal | None]]] = defaultdict(list)
        """By account and symbol: what was to be placed, at which price."""

    # ----- what is asked

    def on_named(self, account: str, names: Iterable[str]) -> None:
        """Orders are named in a cancel, or in a change that may cancel them."""
        self._named[account].update(names)

    def on_claim(self, account: str, order_id: str) -> None:
        """An order is being claimed."""
        self._claimed[account].add(order_id)

    def on_all(self, command: CancelAll) -> None:
        """Everything is to be cancelled."""
        self._sweeps[command.correlation_id] = _Sweep(
            command.account_id, command.symbol, command.everything, self._venue_ms()
        )

    def on_kill_switch(self, command: SetKillSwitch) -> None:
        """The kill switch is thrown."""
        sweep = _Sweep(command.account_id, None, command.everything and command.cancel_orders, self._venue_ms())
        self._stopped[command.account_id] = sweep
        self._sweeps[command.correlation_id] = sweep

    def on_offered(self, terms: OrderTerms) -> None:
        """A placement is offered; orders in its way may be cancelled for it."""
        self._offered[terms.account_id, terms.symbol].append((terms.side, terms.type, terms.price))

    def on_moved(self, order: Order, price: Decimal | None) -> None:
        """An order is to be at another price; orders in its way there may be cancelled for it."""
        self._offered[order.account_id, order.symbol].append((order.side, order.type, price))

    # ----- what happens

    def may_cancel(self, account: str, order: Order, created_venue_ms: int | None) -> bool:
        """Whether somebody asked for an order to be cancelled."""
        family = list(self._orders.chain_of(account, order))
        names = {name for each in family for name in (each.order_id, each.client_order_id, *_ids_of(each))}
        if not names.isdisjoint(self._named[account]):
            return True
        ours = not order.external or not names.isdisjoint(self._claimed[account])
        swept = any(self._means(sweep, account, order, created_venue_ms, ours=ours) for sweep in self._sweeps.values())
        return swept or (ours and self._in_the_way(account, order))

    def _means(self, sweep: _Sweep, account: str, order: Order, created_ms: int | None, *, ours: bool) -> bool:
        if sweep.account != account or sweep.symbol not in (None, order.symbol):
            return False
        in_time = sweep.told_venue_ms is None or created_ms is None or created_ms <= sweep.told_venue_ms
        return in_time and (ours or sweep.everything)

    def _in_the_way(self, account: str, order: Order) -> bool:
        if self.policy is None or not self.policy.pre_trade.cancel_resting:
            return False
        return any(_meets(*offered, order) for offered in self._offered[account, order.symbol])

    def on_reply(self, reply: Reply, command: AccountCommand | None) -> None:
        """A host was answered."""
        sweep = self._sweeps.get(reply.correlation_id)
        if isinstance(reply, KillSwitchSet) and command is not None and not reply.kill_switch.on:
            stopped = self._stopped.pop(command.account_id, None)
            if stopped is not None:
                stopped.told_venue_ms = self._venue_ms()
        elif sweep is not None and isinstance(reply, CancelsDone):
            sweep.told_venue_ms = self._venue_ms()
        if isinstance(reply, CancelsDone):
            # Who was told that an order may still work has not taken back that it is to be cancelled.
            for view in reply.unresolved:
                self._named[view.account_id].add(view.order.order_id)
            self._check_done(reply, sweep)
        elif isinstance(reply, Refused) and sweep is not None and command is not None:
            self._sweeps.pop(reply.correlation_id)

    def _check_done(self, reply: CancelsDone, sweep: _Sweep | None) -> None:
        for view in reply.ended:
            order = self._orders.orders[view.account_id].get(view.local_id)
            if order is not None and any(each.is_open for each in self._orders.venue_orders(view.account_id, order)):
                self._violate("2 told cancelled", f"CancelsDone says that {view.local_id} ended, it works at the venue")
        if sweep is None or not reply.complete:
            return
        left = {name for view in reply.unresolved for name in (view.order.order_id, view.order.client_order_id)}
        for works in self._orders.open_at_venue(sweep.account):
            if self._should_have_ended(sweep, works) and left.isdisjoint({*shown_ids(works), works.client_order_id}):
                self._violate("cancel all", f"everything that was meant has ended, and {works.order_id} works")

    def _should_have_ended(self, sweep: _Sweep, works: PaperOrder) -> bool:
        # A list may be so old that it does not show what came within the settle time.
        assert self.policy is not None
        settle_ms = max(each.settle_ms for each in self.policy.exchanges.values())
        if works.created_ms > sweep.asked_venue_ms - settle_ms or sweep.symbol not in (None, works.symbol):
            return False
        # What was placed by hand may have been claimed since.
        known = (each for each in self._orders.orders[sweep.account].values() if ":" not in each.order_id)
        ours = any(not each.external and each.venue_order_id in shown_ids(works) for each in known)
        return sweep.everything or ours


def _ids_of(order: Order) -> set[str]:
    # Whoever named a stop by the id that it had until it triggered means the order that it has become.
    known = order.venue_order_id
    return set() if known is None else {f"{UNTRIGGERED}{number_of(known)}", str(number_of(known))}


def _meets(side: Side, kind: OrderType, price: Decimal | None, order: Order) -> bool:
    if side is order.side or kind not in (OrderType.LIMIT, OrderType.MARKET):
        return False
    if order.state is OrderState.DRAFT or price is None or order.price is None:
        return True
    return price >= order.price if side is Side.BUY else price <= order.price
