"""The auditor's view of changes: one order in the place of another, never beside it and never for more than was asked.

An order and those that replace it are the legs of one chain. What really works and executes, the venue says.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Protocol

from exchanges.paper.model import PaperOrder
from messages.commands import ModifyOrder
from messages.queries import ModifyDone, RefusalCode, Refused, Reply
from messages.types import Modification, Order, OrderState

from .wire import number_of

S = OrderState
_ENDED = frozenset({S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED, S.PARTIAL_FILL_TIMEOUT, S.FAILED})


class Orders(Protocol):
    """What the auditor knows of orders."""

    orders: dict[str, dict[str, Order]]

    def all_orders(self, account: str) -> dict[str, Order]:
        """Every order that was ever recorded, as it is or was last."""
        ...

    def chain_of(self, account: str, order: Order) -> Iterator[Order]:
        """An order, all that it replaces and all that replace it or were to."""
        ...

    def venue_orders(self, account: str, order: Order) -> list[PaperOrder]:
        """Every order at the venue that belongs to an order of ours."""
        ...

    def may_arrive(self, account: str, order: Order) -> bool:
        """Whether a placement is on its way that would be accepted."""
        ...

    def venue_terms(self, order_id: int) -> list[tuple[Decimal, Decimal | None]]:
        """Size and price that an order has had at the venue, the latest last."""
        ...

    def hidden_size(self, order: PaperOrder) -> Decimal:
        """What the venue did not show of an order's executions when it was cancelled."""
        ...


class ChainAudit:
    """Of all accounts."""

    def __init__(self, orders: Orders, seen: Counter[str], violate: Callable[[str, str], None]) -> None:
        self._orders = orders
        self._seen = seen
        self._violate = violate
        self._asked: dict[str, ModifyOrder] = {}
        """By correlation id."""
        self._changes: dict[tuple[str, str], tuple[str, Modification]] = {}
        """By account and modify id: the order that was to be changed, and how."""
        self._wanted: set[tuple[str, str, Decimal, Decimal | None, Decimal | None]] = set()
        """Account, order, size, price and stop price of every change; asked for again, one may find another size."""
        self._legs: dict[tuple[str, str], list[tuple[str, Decimal]]] = defaultdict(list)
        """By account and replaced order: its replacements, and the larger of the two totals asked for."""
        self._terms: Counter[tuple[str, str]] = Counter()
        """By account and order: how many of its changes at the venue we have believed."""

    # ----- what is asked and recorded

    def on_asked(self, command: ModifyOrder) -> None:
        """A host wants an order changed."""
        self._asked[command.correlation_id] = command

    def replacements(self, account: str) -> set[str]:
        """Our ids of all orders that were recorded to take another one's place."""
        return {order_id for (owner, _), legs in self._legs.items() if owner == account for order_id, _ in legs}

    def on_section(self, account: str, changed: list[tuple[Order | None, Order]]) -> None:
        """Orders were committed together."""
        for before, order in changed:
            change = order.modification
            if (change is None) is order.replace_pending:
                self._violate("chains", f"{order.order_id}: replace_pending is {order.replace_pending} beside {change}")
            if change is not None and (before is None or before.modification != change):
                self._begin(account, order, change)
            self._check_terms(account, order)
        for before, order in changed:
            if order.replaces is None or before is not None:
                continue
            self._seen[f"replacement:{order.state}"] += 1
            old = self._orders.all_orders(account).get(order.replaces)
            if old is not None and old.replaced_by == order.order_id and old.modification is None:
                # It was proven never to have been placed, so it ended here and now.
                self._legs[account, order.replaces].append((order.order_id, max(old.size, order.size)))
            if order.order_id not in {leg for leg, _ in self._legs[account, order.replaces]}:
                self._violate("chains", f"{order.order_id} replaces {order.replaces}, which is not being changed")

    def _check_terms(self, account: str, order: Order) -> None:
        if order.state not in (S.ACKNOWLEDGED, S.PARTIALLY_FILLED) or order.price is None or not order.venue_order_id:
            return
        had = self._orders.venue_terms(number_of(order.venue_order_id))
        held = [index for index, terms in enumerate(had) if terms == (order.size, order.price)]
        if had and not held:
            self._violate("chains", f"{order.order_id} is for {order.size} at {order.price}, which it was never")
        elif had and held[-1] < self._terms[account, order.order_id]:
            self._violate("chains", f"{order.order_id} is for {order.size} at {order.price} again: an old word")
        if held:
            self._terms[account, order.order_id] = held[-1]

    def _begin(self, account: str, order: Order, change: Modification) -> None:
        self._seen[f"modify:{change.kind}"] += 1
        self._wanted.add((account, order.order_id, change.size, change.price, change.stop_price))
        known = self._changes.setdefault((account, change.modify_id), (order.order_id, change))
        if known[1].replacement_id != change.replacement_id or known[0] != order.order_id:
            self._violate("chains", f"{change.modify_id} is carried out twice, on {known[0]} and on {order.order_id}")
        if change.replacement_id is not None:
            larger = max(order.size, change.size)
            self._legs[account, order.order_id].append((change.replacement_id, larger))

    # ----- what happens

    def on_place(self, account: str, order: Order, *, together: bool) -> None:
        """A placement leaves; `together`: with the cancel of the order whose place it takes, in one call."""
        old = self._orders.all_orders(account).get(order.replaces or "")
        if old is None or together:
            return
        if old.state not in _ENDED:
            self._violate("chains", f"{order.order_id} is sent while {old.order_id} is {old.state}")
        self.on_arrival(account, order)

    def on_arrival(self, account: str, order: Order) -> None:
        """A leg works at the venue: no other one may."""
        legs = list(self._orders.chain_of(account, order))
        for leg in legs:
            if leg.order_id == order.order_id:
                continue
            works = [each.order_id for each in self._orders.venue_orders(account, leg) if each.is_open]
            if works:
                self._violate("chains", f"{order.order_id} is at the venue while {leg.order_id} works as {works}")

    def was_recorded(self, account: str, order: Order, terms: tuple[Decimal, Decimal | None, Decimal | None]) -> bool:
        """Whether an amend to these terms was ever recorded."""
        return (account, order.order_id, *terms) in self._wanted

    def check_sums(self, account: str) -> None:
        """Add up what the legs of every change have executed."""
        orders = self._orders.all_orders(account)
        for (owner, old_id), legs in self._legs.items():
            old = orders.get(old_id)
            if owner != account or old is None:
                continue
            executed, hidden = self._executed(account, old)
            for new_id, larger in legs:
                new = orders.get(new_id)
                more, _ = self._executed(account, new) if new is not None else (Decimal(0), Decimal(0))
                if more and executed - hidden + more > larger:
                    self._violate(
                        "chains", f"{old_id} and {new_id} executed {executed} and {more}, asked for was {larger}"
                    )

    def _executed(self, account: str, order: Order) -> tuple[Decimal, Decimal]:
        found = self._orders.venue_orders(account, order)
        executed = sum((each.filled_size for each in found), Decimal(0))
        return executed, sum((self._orders.hidden_size(each) for each in found), Decimal(0))

    # ----- what hosts are told

    def on_reply(self, reply: Reply) -> None:
        """A host was answered."""
        command = self._asked.pop(reply.correlation_id, None)
        if command is None:
            return
        account = command.account_id
        if isinstance(reply, ModifyDone):
            self._check_done(account, command, reply)
        elif isinstance(reply, Refused) and reply.code is RefusalCode.NOT_MODIFIED:
            self._check_not_done(account, command)

    def _check_done(self, account: str, command: ModifyOrder, reply: ModifyDone) -> None:
        shown = reply.view.order
        order = self._orders.all_orders(account).get(reply.view.local_id)
        if order is None:
            self._violate("chains", f"ModifyDone shows {reply.view.local_id}, which is not recorded")
            return
        later = reply.duplicate or order.version > reply.view.version
        if command.price not in (None, shown.price) and not later:
            self._violate("chains", f"ModifyDone for {command.price} shows {shown.order_id} at {shown.price}")
        totals = [shown.size]
        former = self._orders.all_orders(account).get(order.replaces or "")
        while former is not None:
            # What the orders before it have executed is part of the total that was asked for.
            totals.append(totals[-1] + former.filled_size)
            former = self._orders.all_orders(account).get(former.replaces or "")
        if command.size is not None and command.size not in totals and not later:
            self._violate("chains", f"ModifyDone for a size of {command.size} shows {shown.order_id} of {shown.size}")
        of_draft = reply.duplicate and (account, command.message_id) not in self._changes
        allowed = of_draft or self._is_later_leg(account, command, reply)
        if reply.view.state is not S.DRAFT and not allowed and not self._orders.venue_orders(account, order):
            self._violate("1 told placed", f"ModifyDone shows {order.order_id}, the venue has no such order")

    def _is_later_leg(self, account: str, command: ModifyOrder, reply: ModifyDone) -> bool:
        # Asked for again, a change that was done shows what stands in the order's place now, which may be on its way.
        changed, change = self._changes.get((account, command.message_id), ("", None))
        made = changed if change is None else change.replacement_id or changed
        return reply.duplicate and reply.view.local_id != made and reply.view.state is S.SUBMITTED

    def _check_not_done(self, account: str, command: ModifyOrder) -> None:
        _, change = self._changes.get((account, command.message_id), ("", None))
        new = self._orders.all_orders(account).get(change.replacement_id or "") if change is not None else None
        if new is None:
            return
        live = [each for each in self._orders.venue_orders(account, new) if each.is_open or each.filled_size]
        if live or self._orders.may_arrive(account, new):
            self._violate("1 told not placed", f"a change was refused, and its order {new.order_id} lives: {live}")

    # ----- at rest

    def left_over(self, account: str) -> Iterator[str]:
        """What must not be there once all is quiet."""
        orders = self._orders.all_orders(account)
        for order in self._orders.orders[account].values():
            if order.modification is not None or order.replace_pending:
                yield f"{order.order_id} is being changed for ever"
            new = orders.get(order.replaced_by or "")
            if new is not None and new.replaces != order.order_id:
                yield f"{order.order_id} says that {new.order_id} took its place, which knows of {new.replaces}"
            alive = [leg.order_id for leg in self._orders.chain_of(account, order) if leg.state not in _ENDED]
            if len(alive) > 1:
                yield f"{alive} live side by side"
            former = order.replaces
            while order.state not in _ENDED and former in orders:
                if self._latest(orders, orders[former]) is not order:
                    yield f"{order.order_id} works, and is not reached from {former}, which it replaces"
                former = orders[former].replaces

    @staticmethod
    def _latest(orders: dict[str, Order], order: Order) -> Order:
        while order.replaced_by is not None and order.replaced_by in orders:
            order = orders[order.replaced_by]
        return order
