"""What is looked at before an order is placed, beside its own terms and the venue's rules: is what we know fresh enough
to decide, does an equal order work already, would it execute against one of ours, and is it within the limits.

The checks and the record of the order are one turn, so two placements can never both pass where only one may. Must
never: pass what it could not check.
"""

from dataclasses import dataclass
from decimal import Decimal

from actors.commanding import cancel
from actors.desk import Desk, kill_switch_on
from actors.domain.arithmetic import EXACT, plain
from actors.domain.lifecycle import TERMINAL, evolve
from actors.domain.risk import check_limits, exceeded, needs_reference
from actors.domain.rules import RefusalReason
from actors.history import Histories
from actors.needs import Awaited, Need
from actors.prices import Prices
from actors.syncing import Syncing
from actors.turn import Turn
from actors.waiting import Held
from messages.commands import CancelOrder
from messages.events import RiskRuleTriggered, Severity
from messages.queries import RefusalCode
from messages.types import ZERO, InitiatedBy, Order, OrderType, Side, TimeInForce, Trigger

_MINUTE_MS = 60_000
_KILL_SWITCH = "killSwitch"


@dataclass(frozen=True, slots=True)
class Objection:
    """Why an order is not placed."""

    reason: RefusalReason
    trigger: Trigger = Trigger.VALIDATION_FAIL
    order_id: str = ""
    """Another order that it is about."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An order as it may be placed, or what is in its way."""

    order: Order
    objection: Objection | None = None
    awaits: Awaited | None = None
    """It cannot be decided yet."""


class PreTrade:
    """Of one account."""

    def __init__(self, desk: Desk, syncing: Syncing, histories: Histories, prices: Prices) -> None:
        self._desk = desk
        self._syncing = syncing
        self._histories = histories
        self._prices = prices
        self._exceeded: frozenset[tuple[str, str]] = frozenset()
        """Limits that are broken, by rule and place, and have been told."""

    # ----- judging

    def judge(
        self,
        turn: Turn,
        order: Order,
        arrived_ms: int,
        *,
        allow_duplicate: bool = False,
        instead_of: Order | None = None,
    ) -> Judged:
        """Judge an order that is about to be placed, in the place of another one or in nobody's."""
        stopped = self.stopped(turn)
        if stopped is not None:
            return Judged(order, stopped)
        awaits = self._awaited(turn, order, arrived_ms)
        if awaits is not None:
            return Judged(order, awaits=awaits)
        order = self._valued(turn, order)
        objection = None if allow_duplicate else self._duplicate(turn, order, instead_of)
        if objection is not None:
            return Judged(order, objection)
        # Before anything is cancelled for it: an order that a limit refuses must not cost another one.
        objection = self._limits(turn, order, instead_of)
        if objection is not None:
            return Judged(order, objection)
        objection, awaits = self._self_trade(turn, order, instead_of)
        return Judged(order, objection, awaits)

    def judge_close(self, turn: Turn, order: Order, _arrived_ms: int, *, allow_duplicate: bool = False) -> Judged:
        """Judge the order of a close: it only reduces what is at stake, so nothing concerns it but the kill switch, and
        a risk rule's close not even that. Where it meets an order of ours, the venue's own prevention decides.
        """
        del allow_duplicate
        if not self._histories.merged(order.exchange, order.symbol):
            self._histories.want(turn, order.exchange, order.symbol)
            return Judged(order, awaits=Awaited(Need.HISTORY, order.exchange, order.symbol))
        if order.initiated_by is InitiatedBy.RISK_RULE:
            return Judged(order)
        return Judged(order, self.stopped(turn))

    def stopped(self, turn: Turn) -> Objection | None:
        """The kill switch, where it is on."""
        if not kill_switch_on(turn, self._desk):
            return None
        switch, by_settings = turn.memory.kill_switch, self._desk.policy.risk.kill_switch
        why = "the configuration holds it on" if by_settings or switch is None else switch.reason or "no reason given"
        return Objection(
            RefusalReason(
                code=RefusalCode.RISK_LIMIT,
                text=f"the kill switch is on: no new orders ({why})",
                rule=_KILL_SWITCH,
                limit="off",
                actual="on",
            ),
            Trigger.RISK_RULE_REJECT,
        )

    def satisfied(self, turn: Turn, held: Held) -> bool:
        """Whether a placement that waits has what it waits for, or nobody is getting that any more: then it is looked
        at again, and asks for it anew.
        """
        awaits = held.awaits
        match awaits.need:
            case Need.HISTORY:
                return self._histories.merged(awaits.exchange, awaits.symbol)
            case Need.OPEN_ORDERS:
                fresh = self._syncing.fresh(turn, awaits.exchange, held.arrived_ms)
                return fresh or not self._syncing.under_way(awaits.exchange)
            case Need.PRICE:
                place = awaits.exchange, awaits.symbol
                known = self._prices.latest(*place, turn.now_ms) is not None
                return known or not self._prices.under_way(*place)
            case Need.ENDS:
                orders = (turn.order(order_id) for order_id in awaits.order_ids)
                return all(order is None or order.state in TERMINAL for order in orders)

    def watch(self, turn: Turn) -> None:
        """Tell of limits that are broken by what is there: by orders placed elsewhere, or since a limit was lowered."""
        memory = turn.memory
        found = exceeded(memory.exposure, memory.positions, self._desk.policy.risk)
        for rule, limit, actual, where in found:
            if (rule, where) not in self._exceeded:
                text = f"{rule} is broken by what is there: {where} has {actual}, allowed are {limit}"
                turn.alert("RiskLimitExceeded", Severity.WARNING, text, rule=rule, limit=limit, actual=actual)
        self._exceeded = frozenset((rule, where) for rule, _, _, where in found)

    # ----- what is known

    def _awaited(self, turn: Turn, order: Order, arrived_ms: int) -> Awaited | None:
        exchange, symbol = order.exchange, order.symbol
        if not self._histories.merged(exchange, symbol):
            # The venue may show that this very order was placed before, by a turn that the store has lost.
            self._histories.want(turn, exchange, symbol)
            return Awaited(Need.HISTORY, exchange, symbol)
        if not self._syncing.fresh(turn, exchange, arrived_ms):
            self._syncing.want(turn, exchange)
            return Awaited(Need.OPEN_ORDERS, exchange, symbol)
        if self._needs_price(turn, order) and self._prices.latest(exchange, symbol, turn.now_ms) is None:
            self._prices.want(turn, exchange, symbol)
            return Awaited(Need.PRICE, exchange, symbol)
        return None

    def _needs_price(self, turn: Turn, order: Order) -> bool:
        if needs_reference(order, self._desk.policy.risk):
            return True
        # What a market order would execute against depends on where the market is.
        unpriced = order.type is OrderType.MARKET and order.reference_price is None
        return unpriced and bool(turn.memory.resting.crossing(order))

    def _valued(self, turn: Turn, order: Order) -> Order:
        if not self._needs_price(turn, order):
            return order
        latest = self._prices.latest(order.exchange, order.symbol, turn.now_ms)
        prices = [price for price in (latest, order.reference_price) if price is not None]
        return evolve(order, reference_price=max(prices, default=None))

    # ----- other orders of ours

    def _duplicate(self, turn: Turn, order: Order, instead_of: Order | None) -> Objection | None:
        ticks = self._desk.policy.pre_trade.duplicate_ticks
        if ticks is None:
            return None
        instrument = turn.memory.instruments.get((order.exchange, order.symbol))
        tick = ZERO if instrument is None or instrument.tick_size is None else instrument.tick_size
        tolerance = EXACT.multiply(Decimal(ticks), tick)
        for order_id in turn.memory.resting.duplicates(order, tolerance):
            if instead_of is None or order_id != instead_of.order_id:
                return _same_level(order, turn.memory.orders[order_id], ticks)
        return None

    def _self_trade(
        self, turn: Turn, order: Order, instead_of: Order | None
    ) -> tuple[Objection | None, Awaited | None]:
        crossing = self._crossing(turn, order, instead_of)
        if not crossing:
            return None, None
        resting = [turn.memory.orders[order_id] for order_id in crossing]
        foreign = [other for other in resting if other.external]
        if foreign or not self._desk.policy.pre_trade.cancel_resting:
            # What others placed is not ours to cancel.
            return _against(order, (foreign or resting)[0]), None
        for other in resting:
            if not other.cancel_pending:
                self._cancel(turn, order, other)
        return None, Awaited(Need.ENDS, order.exchange, order.symbol, tuple(crossing))

    def _crossing(self, turn: Turn, order: Order, instead_of: Order | None) -> list[str]:
        crossing = turn.memory.resting.crossing(order)
        if order.type is OrderType.MARKET and order.reference_price is not None:
            # Orders of ours that rest beyond the market's price are out of its reach, but for a market that it empties.
            crossing = tuple(each for each in crossing if _within_reach(order, turn.memory.orders[each]))
        return [each for each in crossing if instead_of is None or each != instead_of.order_id]

    def _cancel(self, turn: Turn, order: Order, other: Order) -> None:
        by = InitiatedBy.RISK_RULE
        cancel(turn, self._desk, CancelOrder(account_id=other.account_id, order_id=other.order_id, initiated_by=by))
        turn.event(
            RiskRuleTriggered(
                account_id=turn.account_id,
                rule="selfTrade",
                limit="cancel_resting",
                actual=_level(order),
                action="cancel",
                order_id=other.order_id,
                at_ms=turn.now_ms,
            )
        )

    # ----- limits

    def _limits(self, turn: Turn, order: Order, instead_of: Order | None) -> Objection | None:
        memory = turn.memory
        refused = check_limits(
            order,
            memory.exposure,
            memory.positions,
            self._desk.policy.risk,
            placed_last_minute=memory.placed_within(_MINUTE_MS, turn.now_ms),
            assets=memory.assets_of(order.exchange, order.symbol),
            without=instead_of,
            instrument=memory.instruments.get((order.exchange, order.symbol)),
        )
        return None if refused is None else Objection(refused, Trigger.RISK_RULE_REJECT)


def _within_reach(order: Order, other: Order) -> bool:
    market, price = order.reference_price, other.price
    if market is None or price is None:
        return True
    return price <= market if order.side is Side.BUY else price >= market


def _same_level(order: Order, other: Order, ticks: int) -> Objection:
    whose = "an order that was not placed here" if other.external else "an order"
    # It is sent so that it does not rest; that surprises who is refused because of it.
    passing = other.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    kind = f"{other.type} {other.time_in_force}" if passing else other.type
    ending = " and its end is not told yet" if passing else ""
    return Objection(
        RefusalReason(
            code=RefusalCode.DUPLICATE_ORDER,
            text=(
                f"{whose}, {other.order_id}, is a {kind} {other.side} of {other.symbol} at {_level(other)}{ending}, "
                f"within {ticks} {'tick' if ticks == 1 else 'ticks'} of {_level(order)}; allow_duplicate=True places "
                "it all the same"
            ),
            rule="duplicateToleranceTicks",
            limit=str(ticks),
            actual=_level(order),
        ),
        order_id=other.order_id,
    )


def _against(order: Order, other: Order) -> Objection:
    whose = "an order that was not placed here" if other.external else "an order of this account"
    return Objection(
        RefusalReason(
            code=RefusalCode.SELF_TRADE,
            text=f"it would execute against {whose}, {other.order_id}, which {other.side}s at {_level(other)}",
            rule="selfTrade",
            limit=_level(other),
            actual=_level(order),
        ),
        order_id=other.order_id,
    )


def _level(order: Order) -> str:
    price = order.price if order.price is not None else order.stop_price
    return "the market's price" if price is None else plain(price)
