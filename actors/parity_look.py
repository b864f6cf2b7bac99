"""One look at an exchange for a parity check: all is asked at once, and each answer is compared with our records.

Serves the account, which compares an answer before it merges it, and programs that compare stored records. Must never:
merge or repair anything, or count what was not answered as equal.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from actors.domain.assets import Assets
from actors.domain.lifecycle import UNSENT
from actors.domain.parity import BALANCES, FILLS, ORDERS, PART_OF, Compared, Finding, Question
from actors.domain.parity_balances import compare_holdings, compare_locked
from actors.domain.parity_looks import believed, come_round
from actors.domain.parity_records import compare_fills, compare_orders
from actors.memory import AccountMemory
from messages.commands import FetchBalances, FetchFills, FetchOpenOrders
from messages.fills import Fill
from messages.reports import BalancesFetched, FetchFailed, FillsFetched, OpenOrdersFetched, VenueReport
from messages.risk import Difference
from messages.types import Order, OrderState

TAG: Final = "parity"
"""Begins the order id of every question of a check, by which its answer is known: it is about no order."""
SYMBOLS_PER_LOOK: Final = 12
"""Symbols whose executions are read in one look of an account; the lists would use up the budget that placements need.
"""
_CASH: Final = "cash: in a margin account it is not what executions come to"

Questions: TypeAlias = FetchOpenOrders | FetchFills | FetchBalances
Answers: TypeAlias = OpenOrdersFetched | FillsFetched | BalancesFetched | FetchFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewpoint:
    """From where an exchange is looked at."""

    account_id: str
    exchange: str
    offset_ms: int
    """The venue's clock less ours."""
    settle_ms: int
    lookback_ms: int
    """How far back executions are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What was found out about one exchange."""

    exchange: str
    differences: tuple[Difference, ...]
    compared: tuple[tuple[str, int], ...]
    """What, and how many."""
    left_out: tuple[tuple[str, str], ...]
    """What is too young to be compared, nothing that our records speak of lately, or no matter of theirs, and why."""
    unjudged: tuple[tuple[str, str], ...]
    """What is old enough and could not be compared all the same, and why."""
    failed: tuple[tuple[str, str], ...]
    """What the venue did not answer, and why: nothing is known of it."""
    as_of_ms: int
    """When the venue was asked, our clock; of two looks the last."""

    @property
    def outcome(self) -> str:
        """`differs`, else `incomplete` while anything that is old enough was not compared, else `agreed`."""
        return "differs" if self.differences else "incomplete" if self.not_compared else "agreed"

    @property
    def not_compared(self) -> tuple[tuple[str, str], ...]:
        """What is old enough and was not compared, and why; while there is any, nobody may say that all agrees."""
        return *self.failed, *self.unjudged

    @property
    def kinds(self) -> dict[str, int] | None:
        """Differences by kind; None where there is none among what was answered, and something was not."""
        unknown = self.failed and not self.differences
        return None if unknown else dict(Counter(each.kind.value for each in self.differences))


class Look:
    """One round of questions to one exchange, and what their answers show. Works on records that somebody else owns."""

    def __init__(
        self,
        memory: AccountMemory,
        view: Viewpoint,
        *,
        number: int,
        now_ms: int,
        symbols_max: int | None,
        first: "Look | None" = None,
    ) -> None:
        """`first`: the look before this one, which it is to confirm."""
        self.number = number
        self.asked_ms = now_ms
        self.findings: dict[object, Finding] = {}
        self.orders_question: Question | None = None
        """That the list of open orders answered; None: it was not answered."""
        self._view = view
        self._margin = view.exchange in memory.margin
        self._first = first
        self._confirmed: tuple[Finding, ...] = ()
        """Findings of the first look that were repaired since."""
        self._compared: Counter[str] = Counter()
        self._left_out: list[tuple[str, str]] = []
        self._quiet: tuple[str, ...] = ()
        """Symbols whose executions are not read, since our records speak of none lately."""
        self._unjudged: list[tuple[str, str]] = []
        self._failed: list[tuple[str, str]] = []
        self._since = self._known_since(memory, self._chosen(memory, symbols_max))
        self.questions = self._ask()
        self._waiting = {question.order_id: question for question in self.questions}

    @property
    def answered(self) -> bool:
        """Whether every question has its answer, or was given up."""
        return not self._waiting

    def takes(self, report: VenueReport) -> bool:
        """Whether a report answers a question of this look that has none yet."""
        return report.order_id in self._waiting

    def hear(self, memory: AccountMemory, report: Answers, now_ms: int) -> None:
        """Compare one answer with our records. Call it before the answer is merged."""
        asked = self._waiting.pop(report.order_id)
        match report:
            case OpenOrdersFetched():
                question = self._question(report.asked_venue_ms, now_ms, unreadable=report.unreadable)
                self._hear_orders(memory, report, question)
                self._tell_unreadable(ORDERS, report.unreadable)
            case FillsFetched():
                question = self._question(report.asked_venue_ms, now_ms, unreadable=report.unreadable)
                self._note(FILLS, self._fills(memory, report, question))
                self._tell_unreadable(FILLS, report.unreadable)
                self._tell_unattributed(len(report.unattributed))
            case BalancesFetched():
                # Balances carry no time of their own: they are not older than the question.
                question = self._question(self.asked_ms + self._view.offset_ms, now_ms)
                for compared in self._balances(memory, report, question):
                    self._note(BALANCES, compared)
            case FetchFailed():
                self._failed.append((_part_of(asked), report.reason))

    def give_up(self, why: str) -> None:
        """Wait for no answer any more."""
        self._failed += [(_part_of(question), why) for question in self._waiting.values()]
        self._waiting.clear()

    def conclude(self, *, merged: bool) -> Conclusion:
        """Tell what this look, after a first one if there was one, comes to. `merged` as in `believed`."""
        looks = (self.findings, None) if self._first is None else (self._first.findings, self.findings)
        result = believed(*looks, merged=merged)
        differences = (*result.differences, *(finding.difference for finding in self._confirmed))
        once = Counter(PART_OF[each.kind] for each in result.seen_once)
        unjudged = [*self._unjudged, *((part, f"{count} seen in the second look only") for part, count in once.items())]
        if self._left_out and not self._failed and not any(self._compared.values()):
            unjudged.append(("everything", "nothing is old enough to be compared"))
        beside = [(FILLS, f"of {', '.join(self._quiet)}: no order and no execution lately")] if self._quiet else []
        beside += [(BALANCES, _CASH)] if self._margin else []
        return Conclusion(
            exchange=self._view.exchange,
            differences=tuple(dict.fromkeys(differences)),
            compared=tuple(sorted(self._compared.items())),
            left_out=(*dict.fromkeys(self._left_out), *beside),
            unjudged=tuple(dict.fromkeys(unjudged)),
            failed=tuple(dict.fromkeys(self._failed)),
            as_of_ms=self.asked_ms,
        )

    def _chosen(self, memory: AccountMemory, symbols_max: int | None) -> tuple[str, ...]:
        # Quiet ones as far as there is room, since what executed in them is nothing that our records speak of.
        busy, quiet = symbols_of(memory, self._view.exchange, self.asked_ms - self._view.lookback_ms)
        asked = busy[:symbols_max]
        room = max(0, SYMBOLS_PER_LOOK - len(asked))
        if busy[len(asked) :]:
            self._unjudged.append((FILLS, f"of {', '.join(busy[len(asked) :])}: too many symbols at once"))
        self._quiet = quiet[room:]
        return (*asked, *quiet[:room])

    def _ask(self) -> tuple[Questions, ...]:
        where = {"account_id": self._view.account_id, "exchange": self._view.exchange}
        tag = f"{TAG}:{self.number}"
        fills = (
            FetchFills(**where, order_id=f"{tag}:{FILLS}:{symbol}", symbol=symbol, since_venue_ms=since)
            for symbol, since in self._since.items()
        )
        orders = FetchOpenOrders(**where, order_id=f"{tag}:{ORDERS}")
        return (*fills, orders, FetchBalances(**where, order_id=f"{tag}:{BALANCES}"))

    def _known_since(self, memory: AccountMemory, symbols: Iterable[str]) -> dict[str, int]:
        # Before we first heard of a symbol, what executed in it was never ours to know.
        view = self._view
        earliest_ms = self.asked_ms - view.lookback_ms
        heard = dict.fromkeys(symbols, self.asked_ms)
        for order in _orders_of(memory, view.exchange):
            if order.symbol in heard:
                heard[order.symbol] = min(heard[order.symbol], order.created_at_ms)
        for symbol in heard:
            for fill in _fills_of(memory, view.exchange, symbol, earliest_ms + view.offset_ms)[:1]:
                heard[symbol] = min(heard[symbol], fill.received_ms)
        return {symbol: max(earliest_ms, heard_ms) + view.offset_ms for symbol, heard_ms in heard.items()}

    def _question(self, asked_venue_ms: int, now_ms: int, *, unreadable: int = 0) -> Question:
        view = self._view
        return Question(
            exchange=view.exchange,
            asked_venue_ms=asked_venue_ms,
            heard_venue_ms=now_ms + view.offset_ms,
            offset_ms=view.offset_ms,
            settle_ms=view.settle_ms,
            complete=not unreadable,
        )

    def _hear_orders(self, memory: AccountMemory, report: OpenOrdersFetched, question: Question) -> None:
        self.orders_question = question
        ours = _orders_of(memory, report.exchange)
        self._note(ORDERS, compare_orders(ours, report.orders, question, unresolved=_unresolved(memory)))
        if self._first is not None and self._first.orders_question is not None:
            ended = partial(_ended_venue_ms, memory)
            round_ = come_round(self._first.findings, self._first.orders_question, memory.orders, ended)
            self._confirmed = round_.findings
            self._unjudged += [(ORDERS, why) for why in round_.unjudged]

    def _fills(self, memory: AccountMemory, report: FillsFetched, question: Question) -> Compared:
        exchange, symbol, since = report.exchange, report.symbol, self._since[report.symbol]
        # The venue's lists and its stream may date the same execution a little differently.
        ours = _fills_of(memory, exchange, symbol, since - self._view.settle_ms)
        parked = {
            (each.fill.venue_order_id, each.fill.fill_id)
            for place, kept in memory.parked.items()
            if place[:2] == (exchange, symbol)
            for each in kept.values()
        }
        return compare_fills(ours, report.fills, question, symbol=symbol, since_venue_ms=since, parked=parked)

    def _balances(
        self, memory: AccountMemory, report: BalancesFetched, question: Question
    ) -> tuple[Compared, ...]:
        exchange = report.exchange

        def assets_of(symbol: str) -> Assets | None:
            return memory.assets_of(exchange, symbol)

        positions = [position for place, position in memory.positions.items() if place[0] == exchange]
        uncompared = memory.uncompared.get(exchange, frozenset())
        held = compare_holdings(positions, question, assets_of=assets_of, uncompared=uncompared)
        if self._margin:
            # Nothing is held back for the orders of such an account.
            return (held,)
        ours, unresolved = _orders_of(memory, exchange), _unresolved(memory)
        locked = compare_locked(ours, report.balances, question, assets_of=assets_of, unresolved=unresolved)
        return locked, held

    def _note(self, part: str, compared: Compared) -> None:
        self._compared[part] += compared.count
        self._left_out += [(part, why) for why in compared.left_out]
        self._unjudged += [(part, why) for why in compared.unjudged]
        self.findings |= {finding.key: finding for finding in compared.findings}

    def _tell_unreadable(self, part: str, unreadable: int) -> None:
        if unreadable:
            self._failed.append((part, f"{unreadable} records could not be read"))

    def _tell_unattributed(self, count: int) -> None:
        if count:
            self._failed.append((FILLS, f"{count} executions are of no order that the venue names"))


def symbols_of(memory: AccountMemory, exchange: str, since_ms: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The symbols of an exchange that our records speak of, and, apart from them, those of which they do so no more.

    First those with working orders, then with a position, then with an execution booked or waiting for its order, or an
    order that has changed, since `since_ms`, our clock. Quiet are those with nothing but older records.
    """
    sent = [order for order in _orders_of(memory, exchange) if order.state not in UNSENT]
    working = (order.symbol for order in memory.live_orders(exchange) if order.state not in UNSENT)
    held = (symbol for (name, symbol), position in memory.positions.items() if name == exchange and position.size)
    parked = (symbol for name, symbol, _ in memory.parked if name == exchange)
    booked = {symbol: fills.last for (name, symbol), fills in memory.symbol_fills.items() if name == exchange}
    executed = (symbol for symbol, last in booked.items() if last is not None and last.received_ms >= since_ms)
    ended = (order.symbol for order in sent if order.updated_at_ms >= since_ms)
    busy = dict.fromkeys((*working, *held, *parked, *executed, *ended))
    quiet = dict.fromkeys((*booked, *(order.symbol for order in sent)))
    return tuple(busy), tuple(symbol for symbol in quiet if symbol not in busy)


def _ended_venue_ms(memory: AccountMemory, order: Order) -> int | None:
    steps = memory.transitions.get(order.order_id, ())
    proofs = [step.evidence for step in steps if step.to_state is order.state and step.evidence is not None]
    if proofs and proofs[-1].venue_time_ms is not None:
        return proofs[-1].venue_time_ms
    executed = [fill.venue_time_ms for fill in memory.fills.get(order.order_id, {}).values()]
    return max(executed) if order.state is OrderState.FILLED and executed else None


def _orders_of(memory: AccountMemory, exchange: str) -> Iterable[Order]:
    return (order for order in memory.orders.values() if order.exchange == exchange)


def _fills_of(memory: AccountMemory, exchange: str, symbol: str, since_venue_ms: int) -> list[Fill]:
    fills = memory.symbol_fills.get((exchange, symbol))
    return [] if fills is None else fills.between(since_venue_ms, None)


def _unresolved(memory: AccountMemory) -> frozenset[str]:
    # What a claim has said of them is held back, or the venue is being asked about them.
    return frozenset((*memory.held, *memory.watched))


def _part_of(question: Questions) -> str:
    match question:
        case FetchOpenOrders():
            return ORDERS
        case FetchFills():
            return f"{FILLS} of {question.symbol}"
        case FetchBalances():
            return BALANCES
