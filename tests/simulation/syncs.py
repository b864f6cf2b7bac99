"""The auditor's view of what is said about open orders: by whom it was learned, when, and whether it can be true.

It keeps every list that the venue has given away, and holds answers and the public time of the last synchronisation
against them.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from actors.policy import AccountPolicy
from exchanges.paper.model import PaperOrder
from messages.commands import SyncOpenOrders
from messages.queries import AnswerSource, ExchangeOrders, OpenOrdersSynced
from messages.reports import OpenOrdersFetched
from messages.types import Order, OrderState

from .wire import shown_ids

_OPEN = frozenset({OrderState.PENDING, OrderState.SUBMITTED, OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED})
_SLACK_MS = 100
"""Between a host's command and its turn."""


class Orders(Protocol):
    """What the auditor knows of orders."""

    orders: dict[str, dict[str, Order]]

    def open_at_venue(self, account: str) -> list[PaperOrder]:
        """What works for an account at the venue, whoever placed it."""
        ...


@dataclass(slots=True)
class _Asked:
    command: SyncOpenOrders
    at_ms: int
    """Our clock."""


class SyncAudit:
    """Of all accounts."""

    def __init__(self, orders: Orders, now_ms: Callable[[], int], violate: Callable[[str, str], None]) -> None:
        self._orders = orders
        self._now_ms = now_ms
        self._violate = violate
        self.policy: AccountPolicy | None = None
        self.clock_was_set = False
        """Our clock was set in this run: times of ours say little about each other."""
        self._lists: dict[str, dict[int, frozenset[str]]] = defaultdict(dict)
        """By account and the moment of asking, our clock: the orders of a list of all symbols."""
        self._last_sync: dict[str, int] = {}
        self._asked: dict[str, _Asked] = {}

    def on_list(self, report: OpenOrdersFetched) -> None:
        """The venue has given a list away."""
        if report.symbol is None and report.evidence.sent_ms is not None:
            shown = frozenset(order.venue_order_id for order in report.orders)
            self._lists[report.account_id][report.evidence.sent_ms] = shown

    def on_asked(self, command: SyncOpenOrders) -> None:
        """A host asks for the open orders."""
        self._asked[command.correlation_id] = _Asked(command, self._now_ms())

    def on_last_sync(self, account: str, value: bytes | None) -> None:
        """The public time of the last synchronisation was written, or removed."""
        if value is None:
            self._last_sync.pop(account, None)
            return
        agreed_ms = int(value)
        if agreed_ms not in self._lists[account]:
            self._violate("last sync", f"account {account}: {agreed_ms} is no moment at which a list was asked for")
        if agreed_ms < self._last_sync.get(account, 0) and not self.clock_was_set:
            self._violate("last sync", f"account {account}: it went back to {agreed_ms}")
        self._last_sync[account] = agreed_ms

    def last_sync(self, account: str) -> int | None:
        """The public time of the last synchronisation."""
        return self._last_sync.get(account)

    def on_answer(self, reply: OpenOrdersSynced) -> None:
        """Open orders were told to a host."""
        asked = self._asked.pop(reply.correlation_id, None)
        if asked is None:
            self._violate("5 replies", f"{reply.correlation_id} was never asked")
            return
        for told in reply.exchanges:
            self._check(asked, told)

    def _check(self, asked: _Asked, told: ExchangeOrders) -> None:
        account = asked.command.account_id
        if told.stale is not bool(told.error):
            self._violate("sync", f"account {account} was told orders that are stale={told.stale}: {told.error!r}")
        if told.age_ms is None and (told.as_of_ms or told.source is not AnswerSource.CACHE):
            self._violate("sync", f"account {account} was told orders of no age from the {told.source}")
        match told.source:
            case AnswerSource.VENUE:
                self._check_venue(account, told)
            case AnswerSource.STREAM:
                self._check_stream(account, told)
            case AnswerSource.CACHE:
                if told.as_of_ms and told.as_of_ms not in self._lists[account]:
                    self._violate("sync", f"account {account} was told orders of {told.as_of_ms}, no list's moment")
        self._check_age(asked, told)

    def _check_venue(self, account: str, told: ExchangeOrders) -> None:
        shown = self._lists[account].get(told.as_of_ms)
        if shown is None:
            self._violate("sync", f"account {account} was told a list of {told.as_of_ms} that the venue never gave")
            return
        named = {view.order.order_id for view in told.orders}
        for order in self._orders.open_at_venue(account):
            ids = shown_ids(order)
            if not shown.isdisjoint(ids) and named.isdisjoint({*ids, order.client_order_id}):
                self._violate("sync", f"account {account} was not told of {order.order_id}, which works and was listed")

    def _check_stream(self, account: str, told: ExchangeOrders) -> None:
        if told.gap:
            self._violate("sync", f"account {account} was told that a stream with a gap had kept its orders up")
        if self.clock_was_set:
            return
        named = {view.local_id for view in told.orders}
        for order in self._orders.orders[account].values():
            known = order.created_at_ms < told.as_of_ms and (order.submitted_at_ms or 0) < told.as_of_ms
            opened = order.state in _OPEN and known and order.state_since_ms < told.as_of_ms
            if opened and order.order_id not in named:
                self._violate("sync", f"account {account} was not told of {order.order_id}, which is {order.state}")

    def _check_age(self, asked: _Asked, told: ExchangeOrders) -> None:
        assert self.policy is not None
        if told.stale or self.clock_was_set:
            return
        cached = self.policy.privacy.cache_orders
        if (asked.command.force or not cached) and told.source is not AnswerSource.VENUE:
            self._violate("sync", f"a list was wanted, and an answer from the {told.source} was given")
        list_ms = max((ms for ms in self._lists[asked.command.account_id] if ms <= self._now_ms()), default=0)
        oldest_ms = asked.at_ms - self.policy.stale_after_ms
        if told.source is AnswerSource.VENUE:
            # One that was under way already serves everybody.
            oldest_ms = asked.at_ms - self.policy.call_overdue_ms
            list_ms = told.as_of_ms
        if list_ms < oldest_ms - _SLACK_MS:
            self._violate("sync", f"an answer rests on a list of {list_ms}, {asked.at_ms - list_ms} ms before")
