"""The venue in a simulated run: the paper engine on the venue's own clock, its past, its streams and its whims.

It outlives every crash of ours. Gateways bring requests, streams carry its events away, and the auditor reads
`engine.truth`, which is what really happened.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, localcontext
from functools import partial
from itertools import count
from random import Random

from actors.runtime.simulated import START_MS, SimulatedSystem
from exchanges.gateway import AmendScope
from exchanges.paper.engine import Engine
from exchanges.paper.model import (
    EXACT,
    ClientIdPolicy,
    Events,
    Execution,
    NewOrder,
    OrderAccepted,
    OrderAmended,
    OrderEvent,
    OrderTraded,
    OrderTriggered,
    PaperOrder,
    PaperStatus,
)
from messages.types import OrderType, Side

from .faults import Fault, Faults
from .venue_traits import DRAWN, Repetition, Validity, VenueTraits

CROWD = "crowd"
DEEP_FROM = Decimal("0.05")
"""An order this far from the last price, as a share of it, is out of the crowd's reach and executes by a script."""
_STEPS = (1, 2, 3, 5, 8, 13, 20, 40, 100)
"""Into how many executions a scripted order may fall."""
_WHIMS = {
    Fault.VENUE_CANCEL: PaperStatus.CANCELLED,
    Fault.VENUE_EXPIRE: PaperStatus.EXPIRED,
    Fault.VENUE_REJECT: PaperStatus.REJECTED,
}
_CLIENT_IDS = {
    Repetition.REFUSED_WHILE_OPEN: ClientIdPolicy.OPEN_ONLY,
    Repetition.REFUSED: ClientIdPolicy.EVER,
    Repetition.RETURNED: ClientIdPolicy.EVER,
    Repetition.ACCEPTED: ClientIdPolicy.ANY,
}
_MONEY = Decimal(10) ** 15
"""What everybody has of the currency that positions are paid with: values of contracts are large."""
_HIDDEN_MS = 2500
"""For how long an execution may stay hidden that came before a cancel."""


class Venue:
    """One venue with the accounts given and a crowd that trades against them."""

    def __init__(
        self,
        system: SimulatedSystem,
        faults: Faults,
        random: Random,
        accounts: tuple[str, ...],
        traits: VenueTraits = DRAWN,
        *,
        share_late: float = 0.5,
    ) -> None:
        """`share_late`: of the settle time, what a request may be under way for at most where nothing else bounds it;
        the rest of it is how far reads may be behind.
        """
        self.traits = traits
        unbounded = traits.validity is Validity.UNBOUNDED or traits.stops_unbounded
        self.late_max_ms = int(traits.capabilities.settle_ms * share_late) if unbounded else 0
        """How long after it was sent the venue may still act on a request that nothing bounds."""
        self.lag_max_ms = traits.capabilities.settle_ms - self.late_max_ms - 1
        """How far reads may be behind."""
        self._system = system
        self._faults = faults
        self._random = random
        self._offset_ms = random.randint(-20_000, 20_000)
        self._history: dict[int, list[tuple[int, PaperOrder]]] = defaultdict(list)
        self.engine = Engine(
            tuple(market.rules for market in traits.markets),
            client_ids=_CLIENT_IDS[traits.repetition],
            fees=traits.fees,
            margin=traits.capabilities.margin,
        )
        self.listeners: dict[str, Callable[[OrderEvent], None]] = {}
        """Per account: where its stream is fed."""
        self.seen: Counter[str] = Counter()
        self.resized: set[tuple[str, str]] = set()
        """Account and first client order id of the orders that were made smaller by hand."""
        """What of its own ways it has shown."""
        self.under_way: Counter[tuple[str, str]] = Counter()
        """Placements on their way here that would still be accepted, by account and client order id."""
        self.late: dict[int, Decimal] = {}
        """By order: how much of it executed before a cancel and was shown after it."""
        self._shown_from_ms: dict[tuple[str, int], int] = {}
        """By symbol and number: when an execution that is shown late is shown."""
        self.down_until_ms = 0
        self.quiet = False
        """Nothing more happens by itself."""
        self._told: dict[str, list[OrderEvent]] = defaultdict(list)
        """By account: everything that its stream was told of its orders."""
        self.on_accepted: Callable[[PaperOrder], None] = lambda _: None
        """Told of every order that an account places."""
        self._crowd_orders = count(1)
        money = {market.rules.quote: _MONEY for market in traits.markets} if traits.capabilities.margin else {}
        for account in accounts:
            self.engine.add_account(account, money, unlimited=True)
        self.engine.add_account(CROWD, money, unlimited=True, audited=False)

    def now_ms(self) -> int:
        """The venue's clock: never set, and apart from ours by a constant while ours is not set either."""
        return START_MS + self._offset_ms + self._system.clock.monotonic_ms()

    def later(self, delay_ms: int, act: Callable[[], object]) -> None:
        """Let the venue do something after a while."""
        self._system.schedule(delay_ms, lambda: (act(), None)[1])

    def is_down(self) -> bool:
        """Whether the venue refuses connections at present."""
        return self._system.clock.monotonic_ms() < self.down_until_ms

    # ----- requests

    def place(self, order: NewOrder) -> Events:
        """Place an order for an account; the venue may later end it by itself."""
        events = self._published(self.engine.place(order, self.now_ms()))
        if order.expires_at_ms is not None:
            self._system.schedule(max(0, order.expires_at_ms - self.now_ms()), self._let_time_pass)
        accepted = self.engine.find(order.account, order.symbol, order.client_order_id)
        if accepted is not None and accepted.is_open:
            self._be_moody(accepted)
            if self._is_deep(accepted):
                self.trickle(accepted)
        return events

    def cancel(self, account: str, order_id: int) -> Events:
        """Cancel an order of an account."""
        order = self.engine.order(order_id)
        if order is not None and self._can_fall_behind(order) and self._faults.strikes(Fault.FILL_AFTER_CANCEL):
            return self._cancel_hiding_a_fill(order)
        return self._published(self.engine.cancel(account, order_id, self.now_ms()))

    def cancel_untouched(self, account: str, order_id: int) -> Events:
        """Cancel an order of an account that has not executed: nothing of it can be shown late."""
        return self._published(self.engine.cancel(account, order_id, self.now_ms()))

    def _let_time_pass(self) -> None:
        self._publish(self.engine.step(self.now_ms()))

    def change(
        self, account: str, order_id: int, size: Decimal, price: Decimal | None, stop_price: Decimal | None
    ) -> Events:
        """Change an open order in place as a client asks for it."""
        if self.traits is DRAWN or self.traits.capabilities.amend is not AmendScope.NATIVE:
            return self.amend(account, order_id, size, price)
        now_ms = self.now_ms()
        return self._published(
            self.engine.modify(account, order_id, now_ms, size=size, price=price, stop_price=stop_price)
        )

    def amend(self, account: str, order_id: int, size: Decimal, price: Decimal | None) -> Events:
        """Change an open order in place: a smaller size as every venue does it, anything else as some do."""
        order = self.engine.order(order_id)
        known = order is not None and order.account == account and order.is_open
        shrinks = order is not None and ((price == order.price and size <= order.size) or size <= order.filled_size)
        if order is None or not known or shrinks:
            return self._published(self.engine.amend(account, order_id, size, self.now_ms()))
        with localcontext(EXACT):
            self.engine._floor.now_ms = self.now_ms()
            self._amend_freely(order, size, price)
            return self._published(self.engine._floor.take_events())

    def _amend_freely(self, order: PaperOrder, size: Decimal, price: Decimal | None) -> None:
        # The order leaves its place in the book, and goes to work anew with what is left of it.
        floor, desk = self.engine._floor, self.engine._desk
        if order.order_id in floor._in_book and order.price is not None:
            floor.book(order.symbol).side(order.side).remove(order.order_id, order.price)
            floor._in_book.discard(order.order_id)
        rest = size - order.filled_size
        order = floor.reserve(order, rest * (price or Decimal(0)) if order.side is Side.BUY else rest)
        changed = floor.update(order, size=size, price=price, amendments=order.amendments + 1)
        floor.emit(OrderAmended, order.account, order=changed, previous_client_order_id=changed.client_order_id)
        desk._work(changed, desk._plan(changed.evolve(size=rest)))
        desk.run_stops(order.symbol)

    def withdraw(self, account: str, order_id: int) -> None:
        """Cancel an order by somebody else's hand."""
        self.cancel(account, order_id)

    def execute(self, order_id: int, share: Decimal) -> None:
        """Let a resting order execute against the outside world, if it still can: this share of what remains."""
        order = self.engine.order(order_id)
        if order is None:
            return
        step = self.engine.instruments[order.symbol].step_size
        self.execute_at(order_id, order.price, max(step, order.remaining * share // step * step))

    def execute_at(self, order_id: int, price: Decimal | None, size: Decimal) -> None:
        """Let a resting order execute so much against the outside world, or what remains, if it still can.

        Whatever the price is, the market stays where it is.
        """
        order = self.engine.order(order_id)
        if order is None or not order.is_open or not order.working or price is None or self.quiet:
            return
        if order.price is not None:
            # Its price may have been changed since the script was written.
            price = min(price, order.price) if order.side is Side.BUY else max(price, order.price)
        last = self.engine.last_price(order.symbol)
        events = self.engine.execute(order_id, price, min(size, order.remaining), self.now_ms())
        self.engine._floor.last_prices[order.symbol] = last
        self._published(events)

    def end(self, order_id: int, status: PaperStatus, *, told: bool = True) -> None:
        """Let the venue end an order by itself, and tell of it or not."""
        self._publish(self.engine.end(order_id, status, self.now_ms()), told=told)

    def tell_again(self, account: str) -> None:
        """Tell an account's stream of some ends of orders that it was told of before, in any order."""
        told = [event for event in self._told[account] if not event.order.is_open]
        listener = self.listeners[account]
        for event in self._random.sample(told, min(len(told), 6)):
            listener(event)

    # ----- the market

    def make_market(self) -> None:
        """Quote both sides of every symbol once."""
        for market in self.traits.markets:
            last = self.engine.last_price(market.symbol)
            for level in range(1, 4):
                for side, sign in ((Side.BUY, -1), (Side.SELL, 1)):
                    price = last + sign * market.on_grid(last * level / 1000)
                    self._crowd_order(market.symbol, side, price, Decimal("0.05") * level)

    def move_market(self) -> None:
        """The crowd takes from one side, sometimes enough to meet resting orders of ours, and quotes again."""
        symbol = self._random.choice(self.traits.symbols)
        side = self._random.choice(list(Side))
        best = self.engine.best(symbol, Side.SELL if side is Side.BUY else Side.BUY)
        if best is not None:
            reach = self._random.choice((0, 0, 1, 3))
            away = self.traits.market(symbol).on_grid(best * reach / 1000)
            price = best + (1 if side is Side.BUY else -1) * away
            self._crowd_order(symbol, side, price, Decimal(self._random.randint(1, 40)) / 100)
        if self._random.random() < 0.5:
            self.make_market()

    def fill_something(self) -> None:
        """One of the accounts' resting orders executes, in part or whole."""
        resting = [order for name in self.listeners for order in self.engine.open_orders(name) if order.working]
        if resting:
            self.execute(self._random.choice(resting).order_id, self._random.choice((Decimal(1), Decimal("0.3"))))

    def open_now(self, account: str) -> list[PaperOrder]:
        """What works for an account now."""
        return list(self.engine.open_orders(account))

    def latest_executions(self, account: str, number: int) -> list[tuple[PaperOrder, Execution]]:
        """The latest executions of an account that may be shown, each with its order."""
        shown = [each for symbol in self.traits.symbols for each in self.trades_as_of(account, symbol, self.now_ms())]
        latest = sorted(shown, key=lambda each: each.at_ms)[-number:]
        return [(self.engine.truth.orders[each.order_id], each) for each in latest]

    # ----- the past

    def as_of(self, order_id: int, at_ms: int) -> PaperOrder | None:
        """An order as it was at a time of this venue; None when it was not there yet."""
        past = self._history.get(order_id, [])
        index = bisect_right(past, at_ms, key=lambda entry: entry[0])
        return past[index - 1][1] if index else None

    def terms_of(self, order_id: int) -> list[tuple[Decimal, Decimal | None]]:
        """Size and price that an order has had, the latest last."""
        terms = [(order.size, order.price) for _, order in self._history.get(order_id, [])]
        return [each for index, each in enumerate(terms) if index == 0 or each != terms[index - 1]]

    def orders_as_of(self, account: str, symbol: str | None, at_ms: int) -> list[PaperOrder]:
        """All orders of an account as they were at a time."""
        symbols = self.traits.symbols if symbol is None else (symbol,)
        found = [self.as_of(o.order_id, at_ms) for each in symbols for o in self.engine.orders_of(account, each)]
        return [order for order in found if order is not None]

    def trades_as_of(self, account: str, symbol: str, at_ms: int) -> list[Execution]:
        """All executions of an account in a symbol up to a time."""
        executions = self.engine.executions_of(account, symbol)
        return [each for each in executions if self._shown_from_ms.get((symbol, each.trade_id), each.at_ms) <= at_ms]

    def totals_as_of(self, account: str, at_ms: int) -> dict[str, Decimal]:
        """What an account had of every asset at a time."""
        totals = {asset: free + locked for asset, (free, locked) in self.engine.balances(account).items()}
        for symbol, rules in self.engine.instruments.items():
            for each in self.engine.executions_of(account, symbol):
                if each.at_ms > at_ms:
                    sign = -1 if each.side is Side.BUY else 1
                    totals[rules.base] += sign * each.size
                    totals[rules.quote] -= sign * each.value
                    totals[each.fee_currency] += each.fee
        return totals

    def nets_as_of(self, account: str, at_ms: int) -> dict[str, Decimal]:
        """What an account held of every contract at a time."""
        nets: dict[str, Decimal] = defaultdict(Decimal)
        for symbol in self.traits.symbols:
            for each in self.engine.executions_of(account, symbol):
                if each.at_ms <= at_ms:
                    nets[symbol] += each.size if each.side is Side.BUY else -each.size
        return nets

    def locked_as_of(self, account: str, at_ms: int) -> dict[str, Decimal]:
        """What an account's open orders held of every asset at a time."""
        locked: dict[str, Decimal] = defaultdict(Decimal)
        for order in self.orders_as_of(account, None, at_ms):
            if order.is_open:
                locked[self.engine._floor.asset_paid(order)] += order.reserved
        return locked

    def lag_ms(self, fault: Fault) -> int:
        """How far a read looks into the past: 0, or less than the settle time."""
        return self._random.randint(1, self.lag_max_ms) if self._faults.strikes(fault) else 0

    # ----- orders away from the crowd

    def trickle(self, order: PaperOrder) -> None:
        """Let an order that rests execute in many small steps, several of them in the same millisecond."""
        draw = self._random
        rules = self.engine.instruments[order.symbol]
        steps = int(order.size / rules.step_size)
        if draw.random() < 0.4:
            steps = draw.randint(1, steps)
        number = min(steps, draw.choice(_STEPS))
        cuts = sorted(draw.sample(range(1, steps), number - 1))
        span_ms, at_ms = draw.choice((30, 1500, 12_000)), draw.randint(0, 200)
        for begin, end in zip([0, *cuts], [*cuts, steps], strict=True):
            if draw.random() < 0.6:
                at_ms += draw.randint(0, max(1, 2 * span_ms // number))
            better = draw.randint(0, 50) * rules.tick_size * (-1 if order.side is Side.BUY else 1)
            price, size = (order.price or Decimal(0)) + better, (end - begin) * rules.step_size
            self._system.schedule(at_ms, partial(self.execute_at, order.order_id, price, size))

    def _is_deep(self, order: PaperOrder) -> bool:
        last = self.engine.last_price(order.symbol)
        return order.price is not None and abs(order.price - last) > last * DEEP_FROM

    # ----- executions that are shown late

    def _can_fall_behind(self, order: PaperOrder) -> bool:
        step = self.engine.instruments[order.symbol].step_size
        return order.is_open and order.working and order.price is not None and order.remaining > step and not self.quiet

    def _cancel_hiding_a_fill(self, order: PaperOrder) -> Events:
        step = self.engine.instruments[order.symbol].step_size
        last = self.engine.last_price(order.symbol)
        size = max(step, order.remaining / 3 // step * step)
        traded = self.engine.execute(order.order_id, order.price or Decimal(0), size, self.now_ms())
        self.engine._floor.last_prices[order.symbol] = last
        cancelled = self.engine.cancel(order.account, order.order_id, self.now_ms())
        shown = {"filled_size": order.filled_size, "filled_value": order.filled_value}
        understated = [
            replace(event, order=event.order.evolve(**shown)) if isinstance(event, OrderEvent) else event
            for event in cancelled
        ]
        delay_ms = self._random.randint(1, min(_HIDDEN_MS, self.lag_max_ms))
        ended = self.engine.truth.orders[order.order_id]
        self.late[order.order_id] = size
        # What else came of it, stops that triggered, is no secret.
        self._publish(tuple(each for each in traded if not _is_about(each, order.order_id)))
        for event in traded:
            if isinstance(event, OrderTraded) and event.order.order_id == order.order_id:
                self._shown_from_ms[order.symbol, event.execution.trade_id] = self.now_ms() + delay_ms
                self._system.schedule(delay_ms, partial(self._publish, (replace(event, order=ended),)))
        return self._published(tuple(understated))

    # ----- parts

    def _published(self, events: Events) -> Events:
        self._publish(events)
        return events

    def _publish(self, events: Events, *, told: bool = True) -> None:
        now_ms = self.now_ms()
        for event in events:
            if isinstance(event, OrderEvent) and event.account != CROWD:
                self._history[event.order.order_id].append((now_ms, event.order))
                if isinstance(event, OrderAccepted):
                    self.on_accepted(event.order)
                elif isinstance(event, OrderTriggered):
                    self.seen["venue:stop triggered"] += 1
                listener = self.listeners.get(event.account)
                if listener is not None and told:
                    self._told[event.account].append(event)
                    listener(event)

    def _be_moody(self, order: PaperOrder) -> None:
        for fault, status in _WHIMS.items():
            if self._faults.strikes(fault):
                self._later(partial(self.end, order.order_id, status), 3000)
        if self._faults.strikes(Fault.VANISH):
            status = self._random.choice((PaperStatus.CANCELLED, PaperStatus.EXPIRED))
            self._later(partial(self.end, order.order_id, status, told=False), 8000)
        if self._faults.strikes(Fault.FILL_BEFORE_ACK):
            share = self._random.choice((Decimal(1), Decimal("0.5")))
            self._later(lambda: self.execute(order.order_id, share), 10)

    def _later(self, act: Callable[[], None], within_ms: int) -> None:
        self._system.schedule(self._random.randint(0, within_ms), act)

    def _crowd_order(self, symbol: str, side: Side, price: Decimal, size: Decimal) -> None:
        order = NewOrder(
            account=CROWD,
            client_order_id=f"crowd-{next(self._crowd_orders)}",
            symbol=symbol,
            side=side,
            type=OrderType.LIMIT,
            size=size * self.traits.market(symbol).depth,
            price=price,
        )
        self._published(self.engine.place(order, self.now_ms()))


def _is_about(event: object, order_id: int) -> bool:
    return isinstance(event, OrderEvent) and event.order.order_id == order_id
