"""One turn of an account under construction: everything its handlers decide is gathered here and becomes an `Outcome`.

An order may take several steps in one turn; it is written once, as it stands at the end. Must never touch the
account's memory: what a turn decides is remembered by the base actor when the turn is over. (That an order was encoded,
and how, is no decision.)
"""

from collections.abc import Iterable
from decimal import Decimal

from actors.domain.chains import answering
from actors.domain.lifecycle import TERMINAL
from actors.domain.positions import flat, position_key
from actors.domain.projection import view
from actors.errors import check
from actors.memory import AccountMemory
from actors.needs import Awaited
from actors.notes import (
    Agreed,
    BackInUse,
    EntryForgotten,
    Held,
    InHand,
    OrderForgotten,
    OrderUnited,
    ParkedGone,
    ShownAs,
    Unwatched,
    WaitersGone,
    Watched,
)
from actors.policy import PrivacyPolicy
from actors.rows import key_of, remove_order, rewrite_step, write_step
from actors.runtime.outcome import Effect, Outcome, Respond, Send
from actors.settled import is_open, settled_reply
from actors.store.port import EVERY_FIELD, Table, Write
from messages.base import Message, copied
from messages.codec import encode_public, encode_record
from messages.events import (
    Alert,
    Event,
    FillRecorded,
    OrderStateChanged,
    OrderUpdated,
    PositionClosed,
    PositionOpened,
    Severity,
)
from messages.fills import Fill, ParkedFill, Position, PositionClose, VenueFill
from messages.queries import CancelDone, OrderUnresolved, RefusalCode, Refused, Reply
from messages.risk import KillSwitch, LoggedOut
from messages.types import (
    Evidence,
    IdempotencyEntry,
    Instrument,
    Order,
    OrderState,
    OrderView,
    StateTransition,
    Trigger,
)

_PUBLIC = frozenset(
    {OrderState.PENDING, OrderState.SUBMITTED, OrderState.ACKNOWLEDGED, OrderState.PARTIALLY_FILLED}
)
_OPEN = PrivacyPolicy()


class Turn:
    """Collects what one message changes. `now_ms` is the turn's only time."""

    def __init__(
        self,
        memory: AccountMemory,
        *,
        account_id: str,
        now_ms: int,
        exchange_ids: dict[str, str],
        privacy: PrivacyPolicy = _OPEN,
    ) -> None:
        self.memory = memory
        self.account_id = account_id
        self.now_ms = now_ms
        self.outcome = Outcome(private=not privacy.cache_orders)
        self.awaits: Awaited | None = None
        """What must be known before the command can be decided."""
        self._cached = privacy.cache_orders
        self._exchange_ids = exchange_ids
        self._agreed_ms: dict[str, int] = {}
        self._logged_out = memory.logged_out is not None
        self._orders: dict[str, Order] = {}
        self.united: dict[str, str] = {}
        """Orders that this turn found to be others: our id of each, and of the order that it is."""
        self._watched: dict[str, Watched | None] = {}
        """Orders that this turn has looked up, and those that it has looked up no longer."""
        self._by_venue_id: dict[tuple[str, str, str], str] = {}
        """Orders that this turn records, by exchange, symbol and venue order id: the first of each."""
        self._rewritten: dict[str, None] = {}
        self.unparked: set[str] = set()
        """Executions that wait no longer for their orders, by key."""
        self._taken: dict[tuple[str, str], str] = {}
        """Fields of public hashes that this turn gives to orders, by exchange and field."""
        self._steps: list[StateTransition | Fill] = []
        self._booked: dict[str, Fill] = {}
        """The executions that this turn books, by key."""
        self._positions: dict[tuple[str, str], Position] = {}
        self._closes: dict[str, PositionClose] = {}
        self._learned: dict[tuple[str, str], Instrument] = {}
        """Trading rules that this turn has read, by exchange and symbol."""
        self.to_positions: list[tuple[str, str, Message]] = []
        self.refusal: Refused | None = None
        """What this turn refused last, and why."""
        self._entries: dict[str, IdempotencyEntry | None] = {}
        self._proof: dict[str, Evidence] = {}
        self._alerts: list[Event] = []
        self._shown: dict[str, tuple[Order, OrderView]] = {}

    # ----- reading

    def order(self, order_id: str) -> Order | None:
        """An order as this turn has it so far; of one that turned out to be another one, that one."""
        order_id = self.united.get(order_id, order_id)
        return self._orders.get(order_id) or self.memory.orders.get(order_id)

    def owner(self, exchange: str, symbol: str, venue_order_id: str) -> str | None:
        """Our id of the order that has a venue order id; the first one, where this turn gives it to two."""
        place = exchange, symbol, venue_order_id
        return self.memory.by_venue_id.get(place) or self._by_venue_id.get(place)

    def watched(self, order_id: str) -> Watched | None:
        """How far an order is looked up, as this turn has it so far; None: it is not."""
        return self._watched[order_id] if order_id in self._watched else self.memory.watched.get(order_id)

    def changed_orders(self) -> Iterable[tuple[Order | None, Order]]:
        """Every order that this turn changes: as it was before, None for a new one, and as it is now."""
        for order_id, order in self._orders.items():
            yield self.memory.orders.get(order_id), order

    def open_orders(self, exchange: str) -> list[Order]:
        """The orders of an exchange that have been submitted and not ended, as this turn has them so far."""
        return [order for order in self._known(exchange) if order.state in _PUBLIC]

    def _known(self, exchange: str) -> list[Order]:
        orders = {order.order_id: order for order in self.memory.live_orders(exchange)} | self._orders
        return [each for each in orders.values() if each.exchange == exchange and each.order_id not in self.united]

    def agreed_ms(self, exchange: str) -> int:
        """When the last complete list of an exchange's open orders was asked for, our clock; 0: there was none that our
        clock, which may have been set back since, can date.
        """
        agreed_ms = self._agreed_ms.get(exchange, self.memory.agreed_ms.get(exchange, 0))
        return agreed_ms if agreed_ms <= self.now_ms else 0

    def booked(self, key: str) -> Fill | None:
        """An execution that is booked, by this turn or before, of whatever order."""
        return self._booked.get(key) or self.memory.booked.get(key)

    def entry(self, key: str | None) -> IdempotencyEntry | None:
        """An idempotency entry as this turn has it so far."""
        return None if key is None else self._entries.get(key) or self.memory.entries.get(key)

    def position(self, exchange: str, symbol: str) -> Position | None:
        """A position as it was before this turn, but for what a comparison with the venue has said of it."""
        return self._positions.get((exchange, symbol)) or self.memory.positions.get((exchange, symbol))

    def multiplier_of(self, exchange: str, symbol: str) -> Decimal | None:
        """Quote units that a base unit of a symbol is worth at a price of one; None while that is not known."""
        learned = self._learned.get((exchange, symbol))
        return self.memory.multiplier_of(exchange, symbol) if learned is None else learned.multiplier

    def close(self, close_id: str) -> PositionClose:
        """The closing of a position as this turn has it so far."""
        return self._closes.get(close_id) or self.memory.closes[close_id]

    # ----- records

    def save(self, order: Order, transitions: Iterable[StateTransition] = (), fills: Iterable[Fill] = ()) -> None:
        """Record an order's new form, its steps and its executions."""
        known = self.order(order.order_id)
        if known is not None:
            same = known.created_at_ms == order.created_at_ms and known.version <= order.version
            check(same, f"another order must not take the place of {order.order_id}")
        self._orders[order.order_id] = order
        if order.venue_order_id is not None:
            self._by_venue_id.setdefault((order.exchange, order.symbol, order.venue_order_id), order.order_id)
        for fill in fills:
            self._steps.append(fill)
            self._booked[key_of(fill)] = fill
        for step in transitions:
            self._steps.append(step)
            if step.evidence is not None:
                self._proof[order.order_id] = step.evidence

    def save_entry(self, entry: IdempotencyEntry) -> None:
        """Record an idempotency entry."""
        self._entries[entry.key] = entry

    def forget_entry(self, key: str) -> None:
        """Remove an idempotency entry whose time is over."""
        self._entries[key] = None

    def park(self, fill: VenueFill) -> None:
        """Keep an execution of an order that is not known here."""
        parked = ParkedFill(fill=fill, parked_ms=self.now_ms)
        self.outcome.writes.append(Write(Table.PARKED, key_of(fill), encode_record(parked)))
        self.note(parked)

    def unpark(self, fill: VenueFill) -> None:
        """A parked execution has found its order, or was taken back."""
        key = key_of(fill)
        self.unparked.add(key)
        self.outcome.writes.append(Write(Table.PARKED, key, None))
        self.note(ParkedGone(key, fill))

    def learn(self, instrument: Instrument) -> None:
        """The trading rules of a symbol were read."""
        self._learned[instrument.exchange, instrument.symbol] = instrument
        self.note(instrument)

    def save_position(self, position: Position) -> None:
        """Record what a comparison with the venue has said of a position, or the position counted anew."""
        self._positions[position.exchange, position.symbol] = position

    def save_close(self, close: PositionClose) -> None:
        """Record how far the closing of a position got."""
        self._closes[close.close_id] = close
        self.outcome.writes.append(Write(Table.CLOSES, close.close_id, encode_record(close)))
        self.note(close)

    def agree(self, exchange: str, asked_ms: int) -> None:
        """A complete list of an exchange's open orders is merged by this turn that was asked for then."""
        # Lists may come in another order than they were asked for.
        self._agreed_ms[exchange] = max(asked_ms, self.agreed_ms(exchange))
        self.note(Agreed(exchange, self._agreed_ms[exchange]))

    def rewrite_public(self, exchange: str) -> None:
        """Write what other programs see of an exchange anew, whatever one of them has made of it."""
        self._rewritten[exchange] = None

    def save_control(self, record: KillSwitch | LoggedOut) -> None:
        """Record what holds for the whole account."""
        self.outcome.writes.append(Write(Table.CONTROLS, type(record).__name__, encode_record(record)))
        self.note(record)
        if isinstance(record, LoggedOut):
            self._logged_out = True

    def end_logout(self) -> None:
        """Somebody uses the account again: other programs may see its orders."""
        self._logged_out = False
        self.outcome.writes.append(Write(Table.CONTROLS, LoggedOut.__name__, None))
        self.note(BackInUse())
        for exchange in self._exchange_ids:
            self.rewrite_public(exchange)
            if self.agreed_ms(exchange):
                self._agreed_ms[exchange] = self.agreed_ms(exchange)

    def forget_order(self, order: Order) -> None:
        """Keep nothing of an order that has ended but its executions."""
        self._remove(order)
        self.note(OrderForgotten(order.order_id))

    def unite(self, other: Order, into: Order, fills: tuple[Fill, ...]) -> None:
        """An order that this turn has not changed is the same as another one: it goes, and its executions, which are
        booked and are given as that one's, are recorded as that one's.
        """
        check(other.order_id not in self._orders, f"{other.order_id} was changed by this turn")
        self.united[other.order_id] = into.order_id
        self._remove(other)
        writes, field = self.outcome.writes, self.memory.shown_as.get(other.order_id)
        for fill in fills:
            writes.extend(rewrite_step(fill, self.outcome.encoding))
        if field is not None:
            writes.append(Write(Table.OPEN, field, None, self._exchange_ids[other.exchange]))
            self.note(ShownAs(other.order_id, other.exchange, None))
            self._taken[other.exchange, field] = into.order_id
        self.note(OrderUnited(other.order_id, into.order_id, fills))

    def _remove(self, order: Order) -> None:
        steps = self.memory.transitions.get(order.order_id, ())
        close_id = self.memory.close_of.get(order.order_id)
        self.outcome.writes.extend(remove_order(order.order_id, steps, close_id))

    def note(self, record: object) -> None:
        """Remember something that need not survive a restart; nothing of an order that turned out to be another."""
        if isinstance(record, Watched | Held | InHand) and record.order_id in self.united:
            return
        if isinstance(record, Watched | Unwatched):
            self._watched[record.order_id] = record if isinstance(record, Watched) else None
        self.outcome.apply.append(record)

    # ----- effects

    def send(self, address: str, message: Message) -> None:
        """Tell an actor, after the commit."""
        self.outcome.effects.append(Send(address, message))

    def effect(self, effect: Effect) -> None:
        """Any other effect, after the commit."""
        self.outcome.effects.append(effect)

    def tell_position(self, exchange: str, symbol: str, message: Message) -> None:
        """Tell the actor of a position, after the commit; the account sees to it that there is one."""
        self.to_positions.append((exchange, symbol, message))

    def reply(self, reply: Reply) -> None:
        """Answer a host, after the commit."""
        if reply.correlation_id:
            self.outcome.effects.append(Respond(reply))

    def refuse(
        self,
        correlation_id: str,
        code: RefusalCode,
        text: str,
        *,
        rule: str = "",
        limit: str = "",
        actual: str = "",
        fields: tuple[str, ...] = (),
        view: OrderView | None = None,
    ) -> None:
        """Answer a host that nothing was done, and why.

        Without a view the answer shows nothing that must be durable first, so it waits for no store that is away.
        """
        refusal = Refused(
            correlation_id=correlation_id, code=code, text=text, rule=rule, limit=limit, actual=actual, fields=fields,
            view=view,
        )  # fmt: skip
        self.refusal = refusal
        if view is not None:
            self.reply(refusal)
        elif correlation_id:
            self.outcome.at_once.append(Respond(refusal))

    def awaited(self) -> Awaited | None:
        """What the command of this turn has to wait for, as far as the turn has come."""
        return self.awaits

    def alert(self, name: str, severity: Severity, text: str, **details: str) -> None:
        """Say something an operator should know, in the account's stream."""
        self._alerts.append(
            Alert(
                account_id=self.account_id, name=name, severity=severity, text=text,
                details=tuple(sorted(details.items())), at_ms=self.now_ms,
            )
        )  # fmt: skip

    def event(self, event: Event) -> None:
        """Any other event, committed and published with the turn."""
        self._alerts.append(event)

    # ----- views

    def view_of(self, order: Order) -> OrderView:
        """The order as hosts see it."""
        proof = self._proof.get(order.order_id) or self.memory.evidence.get(order.order_id)
        # Events, replies and the public record of one turn all show the same order.
        shown = self._shown.get(order.order_id)
        if shown is None or shown[0] is not order or shown[1].evidence is not proof:
            multiplier = self.multiplier_of(order.exchange, order.symbol)
            shown = self._shown[order.order_id] = order, view(order, proof, self.now_ms, multiplier)
        return shown[1]

    # ----- finishing

    def finish(self) -> Outcome:
        """Close the turn: write every changed record once, build events, answer the hosts that waited."""
        outcome = self.outcome
        records: list[object] = []
        writes = outcome.writes
        for order in self._orders.values():
            records.append(order)
            writes.append(Write(Table.ORDERS, order.order_id, encode_record(order)))
            if order.exchange not in self._rewritten:
                self._show(writes, order)
        for exchange in self._rewritten:
            self._show_all(writes, exchange)
        for step in self._steps:
            records.append(step)
            if self._cached or isinstance(step, Fill):
                writes.append(write_step(step, outcome.encoding))
        for position in self._book_positions():
            records.append(position)
            key = position_key(position.exchange, position.symbol)
            writes.append(Write(Table.POSITIONS, key, outcome.encoding.record(position)))
        for key, entry in self._entries.items():
            records.append(EntryForgotten(key) if entry is None else entry)
            writes.append(Write(Table.IDEMPOTENCY, key, None if entry is None else encode_record(entry)))
        outcome.apply[:0] = records
        self._build_events(outcome)
        for order in self._orders.values():
            self._answer_waiters(order)
        return outcome

    def _book_positions(self) -> Iterable[Position]:
        """Add the turn's executions to their positions; what they opened or closed becomes an event."""
        new: dict[tuple[str, str], list[Fill]] = {}
        for step in self._steps:
            if isinstance(step, Fill):
                new.setdefault((step.exchange, step.symbol), []).append(step)
        for place, fills in new.items():
            before = self.position(*place) or flat(self.account_id, *place, self.multiplier_of(*place))
            after = self.memory.fills_of(self.account_id, *place).after(before, fills)
            self._positions[place] = after
            turned = before.size * after.size < 0
            if (before.size and not after.size) or turned:
                self._alerts.append(PositionClosed(account_id=self.account_id, position=after))
            if (after.size and not before.size) or turned:
                self._alerts.append(PositionOpened(account_id=self.account_id, position=after))
        return self._positions.values()

    def _show_all(self, writes: list[Write], exchange: str) -> None:
        scope = self._exchange_ids[exchange]
        writes.append(Write(Table.OPEN, EVERY_FIELD, None, scope))
        if self._logged_out or not self._cached:
            writes.append(Write(Table.LAST_SYNC, "", None, scope))
        elif exchange in self._agreed_ms:
            writes.append(Write(Table.LAST_SYNC, "", str(self.agreed_ms(exchange)).encode(), scope))
        for order in self._known(exchange):
            self._show(writes, order)

    def _show(self, writes: list[Write], order: Order) -> None:
        scope = self._exchange_ids[order.exchange]
        old_field = self.memory.shown_as.get(order.order_id)
        shown = order.state in _PUBLIC and self._cached and not self._logged_out
        new_field = self._public_field(order) if shown else None
        if old_field is not None and old_field != new_field and order.exchange not in self._rewritten:
            writes.append(Write(Table.OPEN, old_field, None, scope))
        if new_field is not None:
            writes.append(Write(Table.OPEN, new_field, self._public(order), scope))
        if old_field != new_field:
            self.note(ShownAs(order.order_id, order.exchange, new_field))

    def _public(self, order: Order) -> bytes:
        # A list rewrites every open order, of which hardly one has changed since it was written last.
        known = self.memory.public.get(order.order_id)
        multiplier = self.multiplier_of(order.exchange, order.symbol)
        if known is None or known[0] is not order or known[1] != multiplier:
            public = encode_public(self.view_of(order).order)
            known = self.memory.public[order.order_id] = order, multiplier, public
        return known[2]

    def _public_field(self, order: Order) -> str:
        for field in (order.venue_order_id, order.client_order_id):
            place = (order.exchange, field or "")
            if field and self._taken.get(place, self.memory.shown.get(place, order.order_id)) == order.order_id:
                self._taken[place] = order.order_id
                return field
        return order.order_id

    def _build_events(self, outcome: Outcome) -> None:
        views = {order_id: self.view_of(order) for order_id, order in self._orders.items()}
        changed = set()
        for step in self._steps:
            shown = views[step.order_id]
            changed.add(step.order_id)
            if isinstance(step, Fill):
                position = self._positions[step.exchange, step.symbol]
                told = FillRecorded(account_id=step.account_id, fill=step, view=shown, position=position)
                outcome.events.append(told)
            elif step.trigger is not Trigger.SUBSEQUENT_FILL:
                # One more fill of an order is told by the fill's own event.
                outcome.events.append(
                    OrderStateChanged(
                        account_id=shown.account_id, view=shown, from_state=step.from_state, to_state=step.to_state,
                        trigger=step.trigger, at_ms=step.at_ms,
                    )
                )  # fmt: skip
        for order_id, shown in views.items():
            if order_id not in changed:
                outcome.events.append(OrderUpdated(account_id=shown.account_id, view=shown))
        outcome.events.extend(self._alerts)

    def _answer_waiters(self, order: Order) -> None:
        waiters = self.memory.waiters.get(order.order_id, ())
        for other, into in self.united.items():
            waiters += self.memory.waiters.get(other, ()) if into == order.order_id else ()
        if not waiters or is_open(order):
            return
        ended = order.state in TERMINAL
        shown = self.view_of(order)
        self.note(WaitersGone(order.order_id, cancels_too=ended or order.needs_review))
        # Whoever placed an order that was replaced is told what became of the one in its place.
        fate = answering(order, self.order) if ended else order
        for waiter in waiters:
            if waiter.cancel and (ended or order.needs_review):
                done = CancelDone if ended else OrderUnresolved
                self.reply(done(correlation_id=waiter.correlation_id, view=shown))
            elif not waiter.cancel and is_open(fate):
                self.note(copied(waiter, order_id=fate.order_id))
            elif not waiter.cancel:
                view = self.view_of(fate)
                self.reply(settled_reply(fate, view, waiter.correlation_id, duplicate=waiter.duplicate))
