"""What hosts do in a simulated run: place, repeat, draft, cancel, and come back with what was never answered.

Every intent has a size of its own, so that its orders at the venue are recognised by it, whatever their ids.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, Literal

from actors.runtime.simulated import SimulatedSystem
from actors.tree import account_address
from exchanges.paper.engine import Engine
from messages.commands import (
    AccountCommand,
    CancelOrder,
    ClosePosition,
    CreateDraft,
    DiscardDraft,
    OrderTerms,
    SubmitDraft,
    SubmitOrder,
)
from messages.events import Event
from messages.queries import DraftDone, Reply
from messages.types import InitiatedBy, OrderState, OrderType, Side, TimeInForce

from .auditor import Auditor
from .venue_traits import DRAWN, VenueTraits

_KINDS = (
    "resting", "resting", "resting", "deep", "deep", "deep", "crossing", "market", "quote", "ioc", "fok", "gtt", "post",
)  # fmt: skip
_REPEAT_WITHIN_MS = 25_000
"""Repetitions without a request id come within this time: well inside the identity's time bucket."""
_STOPS = {OrderType.STOP_MARKET: "stop", OrderType.STOP_LIMIT: "stop limit"}


@dataclass(slots=True)
class Intent:
    """Something a host wants exactly once."""

    terms: OrderTerms
    first_ms: int
    """When it was first offered, virtual monotonic time."""
    others: list[OrderTerms] = field(default_factory=list)
    """Different orders that were offered under the same request id."""
    draft_id: str = ""


@dataclass(slots=True)
class Asked:
    """A command that waits for its answer."""

    command: AccountCommand
    intent: Intent | None


class Workload:
    """The hosts of a run."""

    def __init__(
        self, system: SimulatedSystem, auditor: Auditor, engine: Engine, random: Random, accounts: tuple[str, ...]
    ) -> None:
        self._system = system
        self._auditor = auditor
        self._engine = engine
        self._traits = auditor.traits
        self._kinds = _kinds(self._traits)
        self._random = random
        self._accounts = accounts
        self._numbers = 0
        self.stopped = False
        """The hosts offer nothing more."""
        self.intents: list[Intent] = []
        self.waiting: dict[str, Asked] = {}
        """Commands without an answer, by correlation id."""
        self.known: dict[str, list[str]] = defaultdict(list)
        """Ids that hosts have seen, by account."""

    # ----- what happens to hosts

    def on_reply(self, reply: Reply) -> None:
        """A command was answered."""
        asked = self.waiting.pop(reply.correlation_id, None)
        if asked is not None and asked.intent is not None and isinstance(reply, DraftDone):
            asked.intent.draft_id = reply.view.local_id

    def on_event(self, event: Event) -> None:
        """Hosts learn of orders by events too."""
        view = getattr(event, "view", None)
        if view is not None and view.state is OrderState.SUBMITTED:
            self.known[event.account_id].append(view.local_id)

    def forget(self, account: str | None = None) -> None:
        """The answers will not come: the process died, or an account in it (its inbox and its memory)."""
        for correlation_id, asked in list(self.waiting.items()):
            if account is None or asked.command.account_id == account:
                del self.waiting[correlation_id]
                if asked.intent is not None and self._random.random() < 0.6:
                    self._later(10_000, partial(self.repeat, asked.intent))

    def forget_closes(self, account: str, symbol: str) -> None:
        """The actor that would have answered them has failed."""
        for correlation_id, asked in list(self.waiting.items()):
            command = asked.command
            if isinstance(command, ClosePosition) and (command.account_id, command.symbol) == (account, symbol):
                del self.waiting[correlation_id]

    # ----- what hosts do

    def place(self) -> None:
        """Offer something new, perhaps more than once."""
        intent = Intent(self.new_terms(), self._monotonic_ms())
        self.intents.append(intent)
        draw = self._random.random()
        if draw < 0.12:
            self._draft(intent)
            return
        self.submit(intent, intent.terms)
        if draw < 0.30:
            self._later(20, lambda: self.repeat(intent))
        if draw < 0.45:
            self._later(_REPEAT_WITHIN_MS, lambda: self.repeat(intent))
        if draw < 0.20 and intent.terms.request_id is not None:
            self._later(3000, lambda: self._conflict(intent))

    def repeat(self, intent: Intent) -> None:
        """Offer the same again, where the rules say that it is the same."""
        if intent.draft_id:
            self.tell(SubmitDraft(**self.head(intent.terms.account_id), order_id=intent.draft_id), intent)
        elif intent.terms.request_id is not None or self._monotonic_ms() - intent.first_ms < _REPEAT_WITHIN_MS:
            self.submit(intent, intent.terms)

    def come_back(self) -> None:
        """Make some requests again that were made long ago, by their request ids."""
        named = [intent for intent in self.intents if intent.terms.request_id is not None and not intent.draft_id]
        for intent in self._random.sample(named, min(len(named), 5)):
            self.submit(intent, intent.terms)

    def cancel(self) -> None:
        """Cancel something: known by one of its ids, or not there at all."""
        account = self._random.choice(self._accounts)
        known = self.known[account]
        if not known or self._random.random() < 0.05:
            self.tell(CancelOrder(**self.head(account), order_id="no-such-order"), None)
            return
        recent = known[-8:]
        self.cancel_one(account, self._random.choice(recent))

    def close(self) -> None:
        """Close a position or a part of it, perhaps with a second click, perhaps where nothing is open."""
        account, symbol = self._random.choice(self._accounts), self._random.choice(self._traits.symbols)
        size = abs(self._auditor.positions.recorded[account, symbol].size) if self._is_open(account, symbol) else None
        if size is None and self._random.random() < 0.8:
            return
        quantity = None
        if self._random.random() < 0.5:
            market = self._traits.market(symbol)
            there = size or market.unit
            quantity = self._random.choice((there / 3, there / 2, there, there * 3, Decimal(0))).quantize(market.step)
        self._close(account, symbol, quantity)
        if self._random.random() < 0.4:
            self._later(self._random.choice((5, 3000)), lambda: self._close(account, symbol, quantity))

    def _is_open(self, account: str, symbol: str) -> bool:
        position = self._auditor.positions.recorded.get((account, symbol))
        return position is not None and position.size != 0

    def _close(self, account: str, symbol: str, quantity: Decimal | None) -> None:
        by = InitiatedBy.RISK_RULE if self._random.random() < 0.3 else InitiatedBy.USER
        wanted: dict[str, Any] = {"symbol": symbol, "quantity": quantity, "initiated_by": by}
        self.tell(ClosePosition(**self.head(account), exchange=self._traits.exchange, **wanted), None)

    def cancel_one(self, account: str, order_id: str) -> None:
        """Cancel an order."""
        self._auditor.cancels.on_named(account, (order_id,))
        when = self._reply_when()
        self.tell(CancelOrder(**self.head(account), order_id=order_id, reply_when=when), None)

    def _draft(self, intent: Intent) -> None:
        self._auditor.cancels.on_offered(intent.terms)
        self.tell(CreateDraft(**_fields(intent.terms) | self.head(intent.terms.account_id)), intent)
        self._later(8000, lambda: self._decide_draft(intent))

    def _decide_draft(self, intent: Intent) -> None:
        if not intent.draft_id:
            return
        if self._random.random() < 0.3:
            self.tell(DiscardDraft(**self.head(intent.terms.account_id), order_id=intent.draft_id), None)
            return
        self.repeat(intent)
        if self._random.random() < 0.5:
            self._later(5000, lambda: self.repeat(intent))

    def _conflict(self, intent: Intent) -> None:
        other = self.new_terms()
        other = replace(other, account_id=intent.terms.account_id, request_id=intent.terms.request_id)
        intent.others.append(other)
        self.submit(intent, other)

    def submit(self, intent: Intent, terms: OrderTerms) -> None:
        """Offer a placement."""
        self._auditor.cancels.on_offered(terms)
        when = self._reply_when()
        command = SubmitOrder(**_fields(terms) | self.head(terms.account_id), reply_when=when)
        self.tell(command, intent)

    def tell(self, command: AccountCommand, intent: Intent | None) -> None:
        """Offer a command, unless the hosts have stopped."""
        if self.stopped:
            return
        if intent is not None and isinstance(command, SubmitOrder | SubmitDraft):
            self._auditor.queues.on_offered(command if isinstance(command, SubmitOrder) else intent.terms)
        self.waiting[command.correlation_id] = Asked(command, intent)
        if not self._system.tell(account_address(command.account_id), command):
            # What the facade does: nobody lives there, so the command was not executed.
            del self.waiting[command.correlation_id]
            if intent is not None and self._random.random() < 0.5:
                self._later(10_000, lambda: self.repeat(intent))

    # ----- what orders look like

    def new_terms(self) -> OrderTerms:
        """An order like no other."""
        self.next_number()
        symbol = self._random.choice(self._traits.symbols)
        kind = self._random.choice(self._kinds)
        side = self._random.choice(list(Side))
        chosen: dict[str, Any] = {"account_id": self._random.choice(self._accounts), "symbol": symbol, "side": side}
        chosen["size"] = self.size_of(symbol, self._numbers)
        chosen["type"] = OrderType.LIMIT
        chosen["price"] = self._price(symbol, side, kind)
        if kind in ("market", "quote"):
            chosen |= {"type": OrderType.MARKET, "price": None}
        if kind == "quote":
            chosen |= {"size": None, "quote_size": Decimal(500 + self._numbers)}
        if kind in _STOPS.values():
            chosen |= self._stop(symbol, side, kind)
        if kind in ("ioc", "fok"):
            chosen["time_in_force"] = TimeInForce(kind.upper())
        if kind == "gtt":
            expires_ms = self._system.clock.now_ms() + self._random.randint(2000, 30_000)
            chosen |= {"time_in_force": TimeInForce.GTT, "expires_at_ms": expires_ms}
        if kind == "post":
            chosen["post_only"] = True
        if kind != "market" and self._random.random() < 0.4:
            chosen["fill_timeout_ms"] = self._random.choice((0, 300, 1000, 3000, 8000))
        if self._random.random() < 0.6:
            chosen["request_id"] = f"request-{self._numbers}"
        return OrderTerms(exchange=self._traits.exchange, **chosen)

    def size_of(self, symbol: str, number: int) -> Decimal:
        """The usual size, and so much more that no two numbers share it."""
        market = self._traits.market(symbol)
        return market.unit + number * market.step

    def _stop(self, symbol: str, side: Side, kind: str) -> dict[str, Any]:
        # Most trigger when the market moves against a position, which it does by small steps.
        market, last = self._traits.market(symbol), self._engine.last_price(symbol)
        away = (1 if side is Side.BUY else -1) * self._random.choice((1, 2, 4, 20))
        trigger = market.on_grid(last + last * away / 2000)
        if kind == "stop":
            return {"type": OrderType.STOP_MARKET, "price": None, "stop_price": trigger}
        beyond = self._random.choice((-2, 2, 10)) * (1 if side is Side.BUY else -1)
        limit = market.on_grid(trigger + last * beyond / 2000)
        return {"type": OrderType.STOP_LIMIT, "price": limit, "stop_price": trigger}

    def _price(self, symbol: str, side: Side, kind: str) -> Decimal:
        last = self._engine.last_price(symbol)
        sign = (1 if kind in ("crossing", "ioc", "fok") else -1) * (1 if side is Side.BUY else -1)
        away = sign * (self._random.randint(120, 300) if kind == "deep" else self._random.randint(2, 30))
        return self._traits.market(symbol).on_grid(last + last * away / 2000)

    def next_number(self) -> int:
        """A number that was not used before."""
        self._numbers += 1
        return self._numbers

    def head(self, account: str) -> dict[str, Any]:
        """What every command carries."""
        self.next_number()
        return {
            "account_id": account,
            "correlation_id": f"host-{self._numbers}",
            "message_id": f"host-{self._numbers}",
            "offered_ms": self._system.clock.now_ms(),
        }

    def _reply_when(self) -> Literal["resolved", "committed"]:
        return "committed" if self._random.random() < 0.3 else "resolved"

    def _monotonic_ms(self) -> int:
        return self._system.clock.monotonic_ms()

    def _later(self, within_ms: int, act: Callable[[], None]) -> None:
        self._system.schedule(self._random.randint(0, within_ms), act)


def _kinds(traits: VenueTraits) -> tuple[str, ...]:
    can = traits.capabilities
    lacking = {tif.value.lower() for tif in (TimeInForce.IOC, TimeInForce.FOK) if tif not in can.times_in_force}
    lacking |= set() if can.post_only else {"post"}
    lacking |= set() if can.quote_size_market else {"quote"}
    stops = [] if traits is DRAWN else [name for kind, name in _STOPS.items() if kind in can.order_types]
    return (*(kind for kind in _KINDS if kind not in lacking), *stops)


def _fields(terms: OrderTerms) -> dict[str, Any]:
    return {each.name: getattr(terms, each.name) for each in fields(OrderTerms)}


def venue_orders_per_intent(
    workload: Workload, engine: Engine, apart: Collection[tuple[str, str]]
) -> list[tuple[Intent, int]]:
    """How many orders that worked to the end or executed each intent has at the venue.

    `apart`: account and client order id of orders that close positions, replace others or were changed by hand, and
    may be of any size.
    """
    by_size: dict[tuple[str, Decimal], int] = defaultdict(int)
    for order in engine.truth.orders.values():
        other = (order.account, order.first_client_order_id) in apart
        if (order.is_open or order.filled_size) and not other:
            amount = order.quote_size if order.quote_size is not None else order.size
            by_size[order.account, amount] += 1
    counted = []
    for intent in workload.intents:
        offered = {(t.account_id, t.quote_size or t.size or Decimal(0)) for t in (intent.terms, *intent.others)}
        counted.append((intent, sum(by_size[each] for each in offered)))
    return counted
