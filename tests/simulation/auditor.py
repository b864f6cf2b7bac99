"""The auditor: keeps its own naive ledger of what was committed, compares it with what really happened at the venue.

It is told of every section written, every request that leaves, every event and every reply, and never looks into an
actor. What it finds is kept as violations; nothing is raised where an actor's failure path would swallow it. It shares
no decision with the product: its table of transitions is the specification's, its sums are its own.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from actors.policy import AccountPolicy
from actors.store.port import EVERY_FIELD, Section, Table, Write
from exchanges.paper.engine import Engine
from exchanges.paper.model import Execution, PaperOrder, PaperStatus
from messages.codec import decode_public, decode_record
from messages.commands import (
    AccountCommand,
    AmendVenueOrder,
    CancelVenueOrder,
    PlaceOrder,
    ReplaceVenueOrder,
    VenueRequest,
)
from messages.control import Verdict
from messages.events import Event
from messages.fills import Fill, Position, PositionClose
from messages.queries import CancelDone, CloseDone, OpenOrdersSynced, OrderPlaced, RefusalCode, Refused, Reply
from messages.reports import OpenOrdersFetched
from messages.risk import KillSwitch, LoggedOut
from messages.types import (
    AttemptOutcome,
    NormalizedOrder,
    Order,
    OrderView,
    StateTransition,
    TimeInForce,
)

from .abilities import can_amend, can_place
from .cancels import CancelAudit
from .chains import ChainAudit
from .closes import CloseAudit
from .deadlines import TimeoutAudit
from .limits import LimitAudit
from .positions import PositionAudit, SectionFills, alike
from .queues import QueueAudit
from .steps import ENDED, SHOWN, S, StepAudit
from .syncs import SyncAudit
from .venue import Venue
from .wire import number_of

ENDS = {
    PaperStatus.FILLED: frozenset({S.FILLED}),
    PaperStatus.CANCELLED: frozenset({S.CANCELLED, S.EXPIRED, S.PARTIAL_FILL_TIMEOUT}),
    PaperStatus.EXPIRED: frozenset({S.EXPIRED}),
    PaperStatus.REJECTED: frozenset({S.REJECTED}),
}
_MANY = 50
VOID = frozenset({AttemptOutcome.NOT_PROCESSED, AttemptOutcome.ABSENT})


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant."""

    invariant: str
    detail: str


class Auditor:
    """Checks at every commit, request, event and reply."""

    def __init__(self, venue: Venue, now_ms: Callable[[], int]) -> None:
        """`now_ms`: our wall clock."""
        self._venue = venue
        self.traits = venue.traits
        self.violations: list[Violation] = []
        self.orders: dict[str, dict[str, Order]] = defaultdict(dict)
        """Committed orders by account and our order id."""
        self.fills: dict[str, dict[str, Fill]] = defaultdict(dict)
        self.by_order: dict[tuple[str, str], list[Fill]] = defaultdict(list)
        self.shown: dict[str, dict[str, bytes]] = defaultdict(dict)
        """The public hash by account, rebuilt from the commits."""
        self.client_ids: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        """By account and order id: the (symbol, client order id) that left for the venue."""
        self.forgotten: dict[str, dict[str, Order]] = defaultdict(dict)
        """Orders whose record was dropped, as they were last."""
        self.hidden: dict[str, bool] = defaultdict(bool)
        """By account: its last user has left, so that nothing is shown to other programs."""
        self.seen: Counter[str] = Counter()
        """Transitions, evidence and replies that occurred, for the 'sometimes' assertions."""
        self.policy = AccountPolicy(tag="", exchanges={})
        self.epochs: dict[str, int] = {}
        self._seqs: Counter[str] = Counter()
        self._sections: dict[tuple[str, int], Section] = {}
        self._events: set[tuple[str, str]] = set()
        self._sent: Counter[tuple[str, str, int]] = Counter()
        self._replied: set[str] = set()
        self._together = ""
        """The order whose placement leaves in one call with the cancel of another."""
        self.booked_within_ms: int | None = None
        """How long after its execution a fill of ours may be booked at the latest; None: any time."""
        self.steps = StepAudit(self.seen, self.violate)
        self.positions = PositionAudit(self.seen, self.violate)
        self.timeouts = TimeoutAudit(self.by_order, now_ms, self.violate)
        self.closes = CloseAudit(self, self.positions, self.timeouts, self.violate)
        self.cancels = CancelAudit(self, venue.now_ms, self.violate)
        self.chains = ChainAudit(self, self.seen, self.violate)
        self.syncs = SyncAudit(self, now_ms, self.violate)
        self.limits = LimitAudit(self.violate, venue.traits)
        self.queues = QueueAudit(now_ms, self.violate)

    def judge_by(self, policy: AccountPolicy) -> None:
        """Judge by the settings of this run."""
        self.policy = self.cancels.policy = self.syncs.policy = self.limits.policy = policy
        self.timeouts.policy = policy.fill_timeouts
        self.closes.timeout_ms = policy.close_timeout_ms
        self.queues.timeout_ms = policy.queue_timeout_ms

    def on_clock_set(self) -> None:
        """Our clock was set."""
        self.timeouts.on_clock_set()
        self.syncs.clock_was_set = self.limits.clock_was_set = self.queues.clock_was_set = True

    @property
    def truth(self) -> Engine:
        """What really happened."""
        return self._venue.engine

    @property
    def is_private(self) -> bool:
        """Whether nothing is kept where other programs can see it."""
        return not self.policy.privacy.cache_orders

    def all_orders(self, account: str) -> dict[str, Order]:
        """Every order that was ever recorded, as it is or was last."""
        return self.forgotten[account] | self.orders[account]

    def chain_of(self, account: str, order: Order) -> Iterator[Order]:
        """An order, all that it replaces and all that replace it or were to."""
        orders = self.all_orders(account)
        first = order
        while first.replaces is not None and first.replaces in orders:
            first = orders[first.replaces]
        legs = [first]
        for leg in legs:
            legs.extend(each for each in orders.values() if each.replaces == leg.order_id)
        yield from legs

    def open_at_venue(self, account: str) -> list[PaperOrder]:
        """What works for an account at the venue, whoever placed it."""
        return list(self.truth.open_orders(account))

    def violate(self, invariant: str, detail: str) -> None:
        """Record a broken invariant."""
        self.violations.append(Violation(invariant, detail))

    # ----- commits

    def on_lease(self, account: str, epoch: int) -> None:
        """Somebody took the account."""
        self.epochs[account] = epoch
        self.timeouts.on_lease(account)

    def on_section(self, section: Section, verdict: Verdict) -> None:
        """A section arrived at the store."""
        account, name = section.account_id, f"section {section.account_id}/{section.epoch}/{section.seq}"
        if verdict is Verdict.GAP:
            self.violate("6 commit order", f"{name} left a gap")
        elif verdict is Verdict.ALREADY and self._sections.get((account, section.seq)) != section:
            self.violate("6 commit order", f"{name} was repeated with other contents")
        if verdict is not Verdict.OK:
            return
        if section.epoch != self.epochs.get(account):
            self.violate("6 stale epoch", f"{name} was written, the epoch is {self.epochs.get(account)}")
        if section.seq != self._seqs[account] + 1:
            self.violate("6 commit order", f"{name} was written after {self._seqs[account]}")
        self._seqs[account] = section.seq
        self._sections[account, section.seq] = section
        self._events.update((account, f"{section.seq}-{index}") for index in range(len(section.events)))
        self._apply(account, section)

    def _apply(self, account: str, section: Section) -> None:
        steps: dict[str, list[StateTransition]] = defaultdict(list)
        orders: list[Order] = []
        closes: list[PositionClose] = []
        sums = SectionFills({}, [], {})
        for write in section.writes:
            if write.table is Table.OPEN:
                self._show(account, write)
            elif write.table is Table.LAST_SYNC:
                self.syncs.on_last_sync(account, write.value)
            elif write.table is Table.PARKED:
                sums.parked[write.field] = write.value is not None
            elif write.table is Table.CONTROLS:
                self._on_control(account, write)
            elif write.value is None:
                self._on_dropped(account, write)
            elif write.table is Table.FILLS:
                fill = sums.booked[write.field] = decode_record(Fill, write.value)
                self._on_fill(account, write.field, fill)
            elif write.table is Table.TRANSITIONS:
                step = decode_record(StateTransition, write.value)
                steps[step.order_id].append(step)
            elif write.table is Table.ORDERS:
                orders.append(decode_record(Order, write.value))
            elif write.table is Table.POSITIONS:
                sums.positions.append(decode_record(Position, write.value))
            elif write.table is Table.CLOSES:
                closes.append(decode_record(PositionClose, write.value))
        if self.violations:
            return
        before = {order.order_id: self.orders[account].get(order.order_id) for order in orders}
        for order in orders:
            self._on_order(account, order, steps.pop(order.order_id, []))
        self.chains.on_section(account, [(before[order.order_id], order) for order in orders])
        for order_id in steps:
            self.violate("4 transitions", f"{order_id} made a step and was not written")
        self.seen["parked"] += sum(sums.parked.values())
        self.seen.update(f"close:{close.state}" for close in closes)
        self.positions.on_section(account, sums)
        self.closes.on_section(account, closes, sums.booked, section.events)
        for order in orders:
            # A close is of any size, perhaps of one that was offered long ago.
            if (account, order.order_id) not in self.closes.by_order:
                self.queues.on_order(account, before[order.order_id], order)
        self.limits.on_section(
            account,
            [(before[order.order_id], order) for order in orders],
            self.orders[account],
            lambda order: (account, order.order_id) in self.closes.by_order,
            lambda symbol: self.positions.recorded.get((account, symbol)),
        )
        self._check_private(account, section)

    def _on_control(self, account: str, write: Write) -> None:
        if write.field == LoggedOut.__name__:
            self.hidden[account] = write.value is not None
            self.seen["logged out"] += write.value is not None
        elif write.value is not None:
            self.limits.on_switch(account, decode_record(KillSwitch, write.value))

    def _on_dropped(self, account: str, write: Write) -> None:
        if write.table is Table.ORDERS and write.field in self.orders[account]:
            gone = self.forgotten[account][write.field] = self.orders[account].pop(write.field)
            self.seen["forgotten"] += 1
            if gone.state not in ENDED:
                self.violate("privacy", f"{gone.order_id} was forgotten while it was {gone.state}")
        elif write.table is Table.TRANSITIONS:
            order_id, _, version = write.field.rpartition(":")
            self.steps.on_dropped(account, order_id, int(version))

    def _check_private(self, account: str, section: Section) -> None:
        shown = {} if self.hidden[account] or self.is_private else self.orders[account]
        right = {name for name, order in shown.items() if order.state in SHOWN}
        if len(self.shown[account]) != len(right):
            self.violate("8 projection", f"account {account} shows {len(self.shown[account])} of {len(right)} orders")
        kept = {Table.TRANSITIONS, Table.LAST_SYNC, Table.OPEN}
        if self.is_private and (section.events or any(each.table in kept and each.value for each in section.writes)):
            self.violate("privacy", f"section {section.seq} of {account} keeps what nobody wants kept")
        if self.hidden[account] and self.syncs.last_sync(account) is not None:
            self.violate("privacy", f"account {account} shows when it was synchronised after its last user had left")

    def _show(self, account: str, write: Write) -> None:
        if write.field == EVERY_FIELD:
            self.shown[account].clear()
        elif write.value is None:
            self.shown[account].pop(write.field, None)
        else:
            self.shown[account][write.field] = write.value

    def _on_fill(self, account: str, key: str, fill: Fill) -> None:
        if key in self.fills[account]:
            self.violate("3 fills", f"{key} was booked twice")
            return
        self.fills[account][key] = fill
        self.by_order[account, fill.order_id].append(fill)
        real = self.execution(fill)
        if real is None or (real.price, real.size, real.side) != (fill.price, fill.size, fill.side):
            self.violate("3 fills", f"{key} is not what the venue executed: {real}")
        elif (real.fee, real.fee_currency) != (fill.fee, fill.fee_currency):
            self.violate("3 fills", f"the fee of {key} is not the venue's")
        late_ms = self._venue.now_ms() - fill.venue_time_ms
        ours = (account, fill.order_id) in self.client_ids
        if self.booked_within_ms is not None and ours and late_ms > self.booked_within_ms:
            self.violate("3 found in time", f"{key} was booked {late_ms} ms after its execution")

    def execution(self, fill: Fill) -> Execution | None:
        """The execution at the venue that a fill stands for."""
        found = self.truth.truth.executions_of_order(int(fill.venue_order_id))
        return next((each for each in found if str(each.trade_id) == fill.fill_id), None)

    def _on_order(self, account: str, order: Order, steps: list[StateTransition]) -> None:
        before = self.orders[account].get(order.order_id)
        self.orders[account][order.order_id] = order
        self.forgotten[account].pop(order.order_id, None)
        self.seen["order of many fills"] += order.fill_count >= _MANY
        if not self.is_private:
            self.steps.on_order(account, before, order, steps)
        self.steps.check_reason(order)
        self.timeouts.on_order(account, before, order)
        self._check_sums(account, before, order)
        self._check_hash(account, order)
        self._check_claim(account, order)

    def _check_sums(self, account: str, before: Order | None, order: Order) -> None:
        fills = self.by_order[account, order.order_id]
        size = sum((fill.size for fill in fills), Decimal(0))
        value = sum((fill.size * fill.price for fill in fills), Decimal(0))
        fees: dict[str, Decimal] = defaultdict(Decimal)
        for fill in fills:
            if fill.fee:
                fees[fill.fee_currency or ""] += fill.fee
        if (order.filled_size, order.filled_value, order.fees) != (size, value, tuple(sorted(fees.items()))):
            self.violate("S5 sums", f"{order.order_id}: totals {order.filled_size} are not its fills' {size}")
        if before is not None and order.filled_size < before.filled_size:
            self.violate("S3 cumulative", f"{order.order_id}: executed quantity decreased")

    def _check_hash(self, account: str, order: Order) -> None:
        field = order.venue_order_id or order.client_order_id
        value = self.shown[account].get(field)
        if self.hidden[account] or self.is_private:
            return
        if (value is not None) is not (order.state in SHOWN):
            self.violate("8 projection", f"{order.order_id} is {order.state}; in the public hash: {value is not None}")
        elif value is not None:
            self._check_shown(account, order, decode_public(value))

    def _check_shown(self, account: str, order: Order, shown: NormalizedOrder) -> None:
        if shown.filled_size != order.filled_size:
            self.violate("8 projection", f"{order.order_id}: the public hash shows another executed size")
        fills = self.by_order[account, order.order_id]
        average = shown.average_filled_price
        if not fills or average is None:
            right = not fills and average is None
        else:
            value = sum((Fraction(fill.size) * Fraction(fill.price) for fill in fills), Fraction(0))
            right = alike(Fraction(average), value / sum((Fraction(fill.size) for fill in fills), Fraction(0)))
        if not right:
            self.violate("3 averages", f"{order.order_id}: the public hash shows the average {average}")

    # ----- what an order claims

    def venue_orders(self, account: str, order: Order) -> list[PaperOrder]:
        """Every order at the venue that belongs to an order of ours."""
        ids = {(order.symbol, order.client_order_id), *self.client_ids[account, order.order_id]}
        found = [self.truth.find(account, symbol, client_id) for symbol, client_id in sorted(ids)]
        if order.venue_order_id is not None and (account, order.order_id) not in self.client_ids:
            found.append(self.truth.order(number_of(order.venue_order_id)))
        return list({each.order_id: each for each in found if each is not None}.values())

    def may_arrive(self, account: str, order: Order) -> bool:
        """Whether a placement of this order is on its way to the venue and would be accepted."""
        ids = {client_id for _, client_id in self.client_ids[account, order.order_id]}
        return any(self._venue.under_way[account, client_id] > 0 for client_id in ids)

    def on_accepted(self, placed: PaperOrder) -> None:
        """The venue has accepted an order."""
        for order in self.orders[placed.account].values():
            chained = order.replaces is not None or order.replaced_by is not None
            if chained and order.client_order_id == placed.first_client_order_id:
                self.chains.on_arrival(placed.account, order)

    def venue_terms(self, order_id: int) -> list[tuple[Decimal, Decimal | None]]:
        """Size and price that an order has had at the venue, the latest last."""
        return self._venue.terms_of(order_id)

    def hidden_size(self, order: PaperOrder) -> Decimal:
        """What the venue did not show of an order's executions when it was cancelled."""
        return self._venue.late.get(order.order_id, Decimal(0))

    def _check_claim(self, account: str, order: Order) -> None:
        found = self.venue_orders(account, order)
        what = f"{order.order_id} is {order.state} ({order.reason})"
        if order.state in ENDED:
            if any(each.is_open for each in found):
                self.violate("2 believed ended", f"{what}, and works at the venue")
            elif self.may_arrive(account, order):
                self.violate("2 believed ended", f"{what}, and is still on its way to the venue")
            elif found and not self._knows_enough(order, found):
                self.violate("2 hidden fill", f"{what} with {order.filled_size}, the venue executed {found}")
            elif order.state is S.FILLED and not found:
                self.violate("2 believed filled", f"{what}, the venue has no such order")
        elif order.state in (S.ACKNOWLEDGED, S.PARTIALLY_FILLED) and not found:
            self.violate("1 believed placed", f"{what}, the venue has no such order")

    def _knows_enough(self, order: Order, found: list[PaperOrder]) -> bool:
        """Whether so much is booked of an ended order that nothing the venue showed of its end is missing."""
        executed = sum((each.filled_size for each in found), Decimal(0))
        hidden = sum((self.hidden_size(each) for each in found), Decimal(0))
        return executed - hidden <= order.filled_size <= executed

    # ----- requests

    def on_wire(self, request: VenueRequest) -> None:
        """A request leaves for the venue."""
        order = self.orders[request.account_id].get(request.order_id)
        if order is None and isinstance(request, CancelVenueOrder):
            # Cancels leave while the store is away, also of orders whose placement waits for it: they find nothing.
            self.seen["cancel before placement"] += 1
        elif order is None:
            what = f"{type(request).__name__} for {request.order_id}"
            self.violate("7 durable before visible", f"{what}, which is not in the store")
        elif isinstance(request, PlaceOrder):
            self._on_place(request, order)
            self.chains.on_place(request.account_id, order, together=request.order_id == self._together)
        elif isinstance(request, CancelVenueOrder):
            self._on_cancel(request, order)
        elif isinstance(request, AmendVenueOrder):
            self._on_amend(request, order)
        elif isinstance(request, ReplaceVenueOrder):
            self._on_cancel(request, order)
            self._together = request.place.order_id
            self.on_wire(request.place)
            self._together = ""

    def _on_amend(self, request: AmendVenueOrder, order: Order) -> None:
        if not self.chains.was_recorded(request.account_id, order, (request.size, request.price, request.stop_price)):
            self.violate("7 durable before visible", f"an amend of {order.order_id} is sent that is not recorded")
        if not can_amend(self.traits.capabilities, order):
            self.violate("capabilities", f"an amend of {order.order_id}, a {order.type} {order.time_in_force}, is sent")

    def _on_place(self, request: PlaceOrder, order: Order) -> None:
        account, name = request.account_id, f"attempt {request.attempt} of {request.order_id}"
        if not can_place(self.traits.capabilities, request):
            self.violate("capabilities", f"{name}, a {request.type} {request.time_in_force}, is sent")
        recorded = [each for each in order.attempts if each.number == request.attempt]
        if not recorded or recorded[0].client_order_id != request.client_order_id:
            self.violate("7 durable before visible", f"{name} is sent before it is recorded")
        if any(each.outcome not in VOID for each in order.attempts if each.number < request.attempt):
            self.violate("1 resend unproven", f"{name} while an earlier one is not proven void")
        self._sent[account, request.order_id, request.attempt] += 1
        if self._sent[account, request.order_id, request.attempt] > 1:
            self.violate("1 sent twice", f"{name} was sent twice")
        for venue_order in self.venue_orders(account, order):
            self.violate("1 one venue order", f"{name} is sent, the venue has {venue_order.order_id}")
        if self.may_arrive(account, order):
            self.violate("1 one venue order", f"{name} is sent while an earlier one may still be accepted")
        self.client_ids[account, request.order_id].add((request.symbol, request.client_order_id))

    def _on_cancel(self, request: CancelVenueOrder | ReplaceVenueOrder, order: Order) -> None:
        account = request.account_id
        created_ms = min((each.created_ms for each in self.venue_orders(account, order)), default=None)
        asked = self.cancels.may_cancel(account, order, created_ms)
        close = self.closes.by_order.get((account, order.order_id))
        overdue = close is not None and self.closes.is_overdue(close)
        overdue = overdue or self.timeouts.may_cancel(account, order)
        if not asked and not overdue and order.time_in_force is not TimeInForce.GTT:
            self.violate("S14 unasked cancel", f"nobody asked to cancel {order.order_id} (external: {order.external})")

    # ----- what venues and hosts see

    def on_list(self, report: OpenOrdersFetched) -> None:
        """The venue has given a list of open orders away."""
        self.syncs.on_list(report)

    def on_event(self, event: Event) -> None:
        """An event was published."""
        self.seen[type(event).__name__] += 1
        self.timeouts.on_event(event)
        if event.event_id and (event.account_id, event.event_id) not in self._events:
            self.violate("7 durable before visible", f"{type(event).__name__} {event.event_id} is not in the store")

    def on_reply(self, reply: Reply, command: AccountCommand | None) -> None:
        """A host was answered; `command` is what it had asked."""
        self.seen[f"reply:{type(reply).__name__}:{getattr(reply, 'code', '')}"] += 1
        if reply.correlation_id in self._replied:
            self.violate("5 replies", f"{reply.correlation_id} was answered twice")
        self._replied.add(reply.correlation_id)
        self.cancels.on_reply(reply, command)
        self.chains.on_reply(reply)
        if isinstance(reply, OpenOrdersSynced):
            self.syncs.on_answer(reply)
        if isinstance(reply, CloseDone) and reply.close != self.closes.closes[reply.close.account_id].get(
            reply.close.close_id
        ):
            self.violate("7 durable before visible", f"CloseDone shows {reply.close.close_id} as it is not recorded")
        view: OrderView | None = getattr(reply, "view", None)
        if view is None:
            return
        order = self.orders[view.account_id].get(view.local_id)
        if order is None or order.version < view.version:
            self.violate("7 durable before visible", f"{type(reply).__name__} shows {view.local_id} v{view.version}")
            return
        self._check_reply(reply, view, order)

    def _check_reply(self, reply: Reply, view: OrderView, order: Order) -> None:
        found = self.venue_orders(view.account_id, order)
        live = [each for each in found if each.is_open or each.filled_size]
        what = f"{type(reply).__name__} for {order.order_id}"
        if isinstance(reply, OrderPlaced) and not found:
            self.violate("1 told placed", f"{what}, the venue has no such order")
        if isinstance(reply, CancelDone) and any(each.is_open for each in found):
            self.violate("2 told cancelled", f"{what}, it works at the venue")
        told_not = isinstance(reply, Refused) and reply.code in (RefusalCode.VENUE_REJECTED, RefusalCode.NOT_PLACED)
        if told_not and (live or self.may_arrive(view.account_id, order)):
            self.violate("1 told not placed", f"{what}, the venue has {live}")
