"""What an account knows: its records and the indexes over them. It is the account's own and may run ahead of the store;
what readers see is `actors.views`.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from actors.domain import assets
from actors.domain.assets import Assets
from actors.domain.exposure import ExposureBook
from actors.domain.fills import fill_key
from actors.domain.lifecycle import TERMINAL
from actors.domain.positions import SymbolFills
from actors.domain.resting import RestingBook
from actors.notes import (
    Agreed,
    BackInUse,
    CloseAsker,
    CloseAskerGone,
    EntryForgotten,
    FillRepeated,
    Held,
    HeldGone,
    InHand,
    ModificationConflict,
    OrderForgotten,
    OrderUnited,
    OtherTerms,
    OtherTermsGone,
    ParkedGone,
    Repeated,
    SeenWorking,
    ShownAs,
    Told,
    Uncompared,
    Unwatched,
    Vanished,
    Waiter,
    WaitersGone,
    Watched,
)
from messages.base import copied
from messages.fills import CloseState, Fill, ParkedFill, Position, PositionClose, VenueFill
from messages.risk import KillSwitch, LoggedOut
from messages.types import (
    Evidence,
    IdempotencyEntry,
    Instrument,
    Order,
    OrderState,
    StateTransition,
    VenueOrder,
)

_TOLD_MAX = 10_000
"""So many are remembered; then all are forgotten, and told again while lists show them."""

Record = Order | StateTransition | Fill | Position | KillSwitch


def runs(close: PositionClose) -> bool:
    """Whether the order of a close may still work."""
    return close.state is CloseState.ACTIVE or close.reopened


@dataclass(slots=True)
class AccountMemory:
    """Everything an account holds in memory."""

    orders: dict[str, Order] = field(default_factory=dict)
    fills: dict[str, dict[str, Fill]] = field(default_factory=dict)
    """By our order id, then by fill key."""
    booked: dict[str, Fill] = field(default_factory=dict)
    """The same by fill key alone: an execution is booked once, whatever order it is told of later."""
    symbol_fills: dict[tuple[str, str], SymbolFills] = field(default_factory=dict)
    """The same by exchange and symbol, in the order in which they make up the position."""
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    parked: dict[tuple[str, str, str], dict[str, ParkedFill]] = field(default_factory=dict)
    """By exchange, symbol and venue order id, then by fill key: executions of orders that are not known yet."""
    told: set[str] = field(default_factory=set)
    """Fill keys of executions of no order, and of booked ones that were taken back, that operators were told of."""
    closes: dict[str, PositionClose] = field(default_factory=dict)
    close_of: dict[str, str] = field(default_factory=dict)
    """By our order id: the close that this order was placed for."""
    closing: dict[str, str] = field(default_factory=dict)
    """The same of closes that run."""
    askers: dict[str, CloseAsker] = field(default_factory=dict)
    """By correlation id: who waits for the end of a close."""
    held: dict[str, Held] = field(default_factory=dict)
    transitions: dict[str, tuple[StateTransition, ...]] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    """The latest proof per order."""
    entries: dict[str, IdempotencyEntry] = field(default_factory=dict)
    by_client_id: dict[tuple[str, str], str] = field(default_factory=dict)
    by_venue_id: dict[tuple[str, str, str], str] = field(default_factory=dict)
    displaced: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """By the same: the order that had that venue id before the one that has it now."""
    became: dict[str, str] = field(default_factory=dict)
    """Our ids of orders that turned out to be others, and of the order that each of them is."""
    live: dict[str, None] = field(default_factory=dict)
    """Orders in a non-terminal state, in order of arrival."""
    unresolved: dict[str, tuple[IdempotencyEntry, ...]] = field(default_factory=dict)
    """By bucketless key: entries whose order has no known outcome, the oldest first."""
    instruments: dict[tuple[str, str], Instrument] = field(default_factory=dict)
    waiters: dict[str, tuple[Waiter, ...]] = field(default_factory=dict)
    watched: dict[str, Watched] = field(default_factory=dict)
    in_hand: dict[str, int] = field(default_factory=dict)
    """Orders whose cancel or change their venue has accepted, and how often they were read since."""
    seen_working_ms: dict[str, int] = field(default_factory=dict)
    """Live orders that a venue has shown working since we started, and when it last did, our clock."""
    other_terms: dict[str, OtherTerms] = field(default_factory=dict)
    """By order: what a record without a time has shown of it, and no second one yet."""
    agreed_ms: dict[str, int] = field(default_factory=dict)
    """Per exchange: when the last complete list of open orders that was merged had been asked for, our clock."""
    kill_switch: KillSwitch | None = None
    logged_out: LoggedOut | None = None
    uncompared: dict[str, frozenset[str]] = field(default_factory=dict)
    """By exchange: symbols of positions that could not be compared with what the venue holds the last time."""
    shown_as: dict[str, str] = field(default_factory=dict)
    """By our order id: its field in the public hash of open orders."""
    shown: dict[tuple[str, str], str] = field(default_factory=dict)
    """The same by exchange and field. Venue order ids are unique per symbol only, so two orders may want one field."""
    public: dict[str, tuple[Order, Decimal | None, bytes]] = field(default_factory=dict)
    """Live orders as other programs see them, by our order id: remembered for the very object that they were made of,
    and the multiplier that they were valued with.
    """
    forgotten: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """By exchange, symbol and venue order id: orders that nothing but executions is kept of."""
    forgotten_ids: set[str] = field(default_factory=set)
    """Our ids of such orders, as far as they are known: since the start, and those whose requests are remembered."""
    unserved: frozenset[str] = frozenset()
    """Exchanges that stored records speak of and that are not configured: shown as last known, and left alone."""
    margin: frozenset[str] = frozenset()
    """Exchanges whose accounts hold positions of either sign instead of assets."""
    unclaimed: dict[str, None] = field(default_factory=dict)
    """Orders of ours that the store had lost, until the request that placed them is made again."""
    exposure: ExposureBook = field(default_factory=ExposureBook)
    """What the live orders have at stake."""
    resting: RestingBook = field(default_factory=RestingBook)
    """Their prices."""
    _placed_ms: deque[int] = field(default_factory=deque)
    """When orders of ours were submitted, our clock."""
    _twin_keys: dict[str, str] = field(default_factory=dict)
    """By our order id: the bucketless key under which it is unresolved."""

    def remember(self, record: object) -> None:
        """Take in one record."""
        match record:
            case Order():
                self._remember_order(record)
            case StateTransition():
                self.transitions[record.order_id] = (*self.transitions.get(record.order_id, ()), record)
                if record.evidence is not None:
                    self.evidence[record.order_id] = record.evidence
            case Fill():
                key = fill_key(record.exchange, record.symbol, record.venue_order_id, record.fill_id)
                self.fills.setdefault(record.order_id, {})[key] = record
                self.booked[key] = record
                self.fills_of(record.account_id, record.exchange, record.symbol).add(record)
            case Position():
                self.positions[record.exchange, record.symbol] = record
                self.fills_of(record.account_id, record.exchange, record.symbol).checkpoint(record)
            case ParkedFill():
                self._park(record)
            case ParkedGone():
                self._unpark(record)
            case PositionClose():
                self._remember_close(record)
            case IdempotencyEntry():
                self._remember_entry(record)
            case EntryForgotten():
                self.entries.pop(record.key, None)
            case OrderUnited():
                self._unite(record)
            case OtherTerms():
                self.other_terms[record.order_id] = record
            case OtherTermsGone():
                self.other_terms.pop(record.order_id, None)
            case Told():
                self._remember_told(record)
            case _:
                self._note(record)

    def _note(self, record: object) -> None:
        """Take in what is kept in memory only."""
        match record:
            case CloseAsker():
                self.askers[record.command.correlation_id] = record
            case CloseAskerGone():
                self.askers.pop(record.correlation_id, None)
            case Held():
                self.held[record.order_id] = record
            case HeldGone():
                self.held.pop(record.order_id, None)
            case Waiter():
                self.waiters[record.order_id] = (*self.waiters.get(record.order_id, ()), record)
            case Watched():
                self.watched[record.order_id] = record
            case Unwatched():
                self.watched.pop(record.order_id, None)
            case InHand():
                self._remember_in_hand(record)
            case SeenWorking():
                self.seen_working_ms[record.order_id] = record.at_ms
            case Agreed():
                self.agreed_ms[record.exchange] = record.asked_ms
            case KillSwitch():
                self.kill_switch = record
            case LoggedOut():
                self.logged_out = record
            case BackInUse():
                self.logged_out = None
            case OrderForgotten():
                self.forget(record.order_id)
            case Uncompared():
                self.uncompared[record.exchange] = record.symbols
            case WaitersGone():
                self._answered(record)
            case ShownAs():
                self._remember_shown(record)
            case Repeated():
                entry = self.entries[record.key]
                count = entry.access_count + 1
                self.entries[record.key] = replace(entry, last_accessed_ms=record.at_ms, access_count=count)
            case FillRepeated() | Vanished() | ModificationConflict():
                return
            case Instrument():
                place = record.exchange, record.symbol
                known = self.assets_of(*place)
                self.instruments[place] = record
                if known != self.assets_of(*place):
                    self.exposure.retell(*place, self.assets_of(*place))
            case _:
                raise TypeError(f"not a record of an account: {type(record).__name__}")

    def fills_of(self, account_id: str, exchange: str, symbol: str) -> SymbolFills:
        """All booked executions of a symbol."""
        found = self.symbol_fills.get((exchange, symbol))
        if found is None:
            found = self.symbol_fills[exchange, symbol] = SymbolFills(account_id, exchange, symbol)
        return found

    def find(self, order_id: str) -> Order | None:
        """An order by our id, its client order id or its venue order id; None when no or several orders match."""
        return self.find_all((order_id,))[order_id]

    def find_all(self, names: Iterable[str]) -> dict[str, Order | None]:
        """The same for many names, with one walk through the orders."""
        found = {name: self.orders.get(name) or self.orders.get(self.became.get(name, "")) for name in names}
        hits: dict[str, set[str]] = {name: set() for name, order in found.items() if order is None}
        if hits:
            for (_, client_id), order_id in self.by_client_id.items():
                if client_id in hits:
                    hits[client_id].add(order_id)
            for (_, _, venue_id), order_id in self.by_venue_id.items():
                if venue_id in hits:
                    hits[venue_id].add(order_id)
        return found | {name: self.orders[each.pop()] for name, each in hits.items() if len(each) == 1}

    def match(self, record: VenueOrder | VenueFill) -> Order | None:
        """The order that a venue's record is about: by venue id first, then by client id."""
        key = self.by_venue_id.get((record.exchange, record.symbol, record.venue_order_id))
        if key is None and record.client_order_id:
            key = self.by_client_id.get((record.exchange, record.client_order_id))
        return self.orders[key] if key is not None else None

    def assets_of(self, exchange: str, symbol: str) -> Assets | None:
        """What a symbol trades; None while its instrument is not known."""
        return assets.assets_of(self.instruments.get((exchange, symbol)), margin=exchange in self.margin)

    def held_as(self, exchange: str, symbol: str) -> str | None:
        """The name under which the venue says what is held by way of a symbol; None while that is not known.

        An account of positions holds the contract itself, also one that is not listed any more.
        """
        if exchange in self.margin:
            return symbol
        known = self.instruments.get((exchange, symbol))
        return None if known is None else known.base

    def multiplier_of(self, exchange: str, symbol: str) -> Decimal | None:
        """Quote units that a base unit of a symbol is worth at a price of one; None while that is not known."""
        place = exchange, symbol
        spot = exchange not in self.margin and exchange not in self.unserved
        return assets.multiplier_of(self.instruments.get(place), self.positions.get(place), spot=spot)

    def parked_for(self, order: Order, told: VenueOrder | VenueFill | None) -> tuple[VenueFill, ...]:
        """Parked executions that belong to an order, whose venue id is known or which the record that was told names.

        Parked under that record's symbol too, where it is not the order's: they were told before it.
        """
        venue_order_id = order.venue_order_id or (told.venue_order_id if told is not None else "")
        symbols = dict.fromkeys((order.symbol, order.symbol if told is None else told.symbol))
        places = (self.parked.get((order.exchange, symbol, venue_order_id), {}) for symbol in symbols)
        return tuple(each.fill for parked in places for each in parked.values())

    def live_orders(self, exchange: str | None = None) -> Iterable[Order]:
        """Orders in a non-terminal state that can be acted on, of one exchange or of all configured, oldest first."""
        for order_id in list(self.live):
            order = self.orders[order_id]
            if order.exchange == exchange or (exchange is None and order.exchange not in self.unserved):
                yield order

    def everything(self) -> Iterable[Record]:
        """Every stored record, in an order in which each may be taken in."""
        yield from self.orders.values()
        for steps in self.transitions.values():
            yield from steps
        for fills in self.fills.values():
            yield from fills.values()
        yield from self.positions.values()
        if self.kill_switch is not None:
            yield self.kill_switch

    def is_live(self, order_id: str) -> bool:
        """Whether an order, or what it was replaced by, has not ended or has an outcome that nobody knows."""
        order = self.orders.get(order_id)
        # An order may have been replaced thousands of times.
        while order is not None and order.replaced_by is not None and order_id not in self.live:
            order_id = order.replaced_by
            order = self.orders.get(order_id)
        return order_id in self.live

    def had_order(self, order_id: str) -> bool:
        """Whether an id is, or was, an order's, also where nothing but executions or its request is kept of it."""
        return order_id in self.orders or order_id in self.forgotten_ids or order_id in self.fills

    def placed_within(self, window_ms: int, now_ms: int) -> int:
        """How many orders of ours were submitted in the time before now; what lies before it is not asked for again."""
        times = self._placed_ms
        if times and times[-1] > now_ms:
            # Our clock was set back: what it dates ahead was placed before now.
            times = self._placed_ms = deque(min(each, now_ms) for each in times)
        while times and times[0] <= now_ms - window_ms:
            times.popleft()
        return len(times)

    def forget(self, order_id: str) -> None:
        """Keep nothing of an order that has ended but its executions."""
        order = self._remove_order(order_id)
        self.forgotten_ids.add(order_id)
        if order.venue_order_id is not None:
            self.forgotten[order.exchange, order.symbol, order.venue_order_id] = order_id

    def _remove_order(self, order_id: str) -> Order:
        order = self.orders.pop(order_id)
        client_key = order.exchange, order.client_order_id
        if self.by_client_id.get(client_key) == order_id:
            del self.by_client_id[client_key]
        place = order.exchange, order.symbol, order.venue_order_id or ""
        if self.displaced.get(place) == order_id:
            del self.displaced[place]
        if self.by_venue_id.get(place) == order_id:
            del self.by_venue_id[place]
            if place in self.displaced:
                self.by_venue_id[place] = self.displaced.pop(place)
        for gone in [name for name, into in self.became.items() if into == order_id]:
            del self.became[gone]
        close_id = self.close_of.pop(order_id, None)
        if close_id is not None:
            self.closes.pop(close_id, None)
        for by_order in (self.transitions, self.evidence, self.unclaimed, self.waiters, self.watched, self.held):
            by_order.pop(order_id, None)
        return order

    def _unite(self, record: OrderUnited) -> None:
        # Its executions are counted already; they only have another name.
        for fill in record.fills:
            key = fill_key(fill.exchange, fill.symbol, fill.venue_order_id, fill.fill_id)
            self.fills.setdefault(record.into, {})[key] = fill
            self.booked[key] = fill
            self.fills_of(fill.account_id, fill.exchange, fill.symbol).rename(fill)
        self.fills.pop(record.order_id, None)
        moved = tuple(copied(waiter, order_id=record.into) for waiter in self.waiters.get(record.order_id, ()))
        if moved:
            self.waiters[record.into] = (*self.waiters.get(record.into, ()), *moved)
        self._remove_order(record.order_id)
        self.became[record.order_id] = record.into
        self.exposure.remove(record.order_id)
        self.resting.remove(record.order_id)
        for by_order in (self.live, self.public, self.seen_working_ms, self.in_hand, self.other_terms):
            by_order.pop(record.order_id, None)

    def _remember_order(self, order: Order) -> None:
        before = self.orders.get(order.order_id)
        self._count_placed(before, order)
        if before is not None and before.venue_order_id not in (None, order.venue_order_id):
            # It has triggered, and goes on under another id.
            self.by_venue_id.pop((order.exchange, order.symbol, before.venue_order_id), None)
        self.orders[order.order_id] = order
        self.exposure.put(order, self.assets_of(order.exchange, order.symbol))
        self.resting.put(order)
        self.by_client_id.setdefault((order.exchange, order.client_order_id), order.order_id)
        if order.venue_order_id is not None:
            place = order.exchange, order.symbol, order.venue_order_id
            owner = self.by_venue_id.get(place, order.order_id)
            if owner != order.order_id:
                self.displaced[place] = owner
            self.by_venue_id[place] = order.order_id
        if order.state in TERMINAL:
            self.live.pop(order.order_id, None)
            self.public.pop(order.order_id, None)
            self.seen_working_ms.pop(order.order_id, None)
            self.in_hand.pop(order.order_id, None)
            self.other_terms.pop(order.order_id, None)
        else:
            self.live[order.order_id] = None
        if order.idempotency_key is None and not order.external:
            self.unclaimed[order.order_id] = None
        elif self.unclaimed:
            self.unclaimed.pop(order.order_id, None)
        if order.state is not OrderState.SUBMITTED and order.order_id in self._twin_keys:
            self._keep_unresolved(self._twin_keys.pop(order.order_id), without=order.order_id)

    def _count_placed(self, before: Order | None, order: Order) -> None:
        submitted = order.submitted_at_ms is not None and (before is None or before.submitted_at_ms is None)
        waited = before is not None and before.state is OrderState.PENDING
        if submitted and waited and before is not None and before.created_at_ms in self._placed_ms:
            self._placed_ms.remove(before.created_at_ms)
        if submitted or (order.state is OrderState.PENDING and not waited):
            # An order that waits to take another one's place has its place among the orders of a minute already.
            self._placed_ms.append(order.submitted_at_ms or order.created_at_ms)

    def _park(self, record: ParkedFill) -> None:
        fill = record.fill
        key = fill_key(fill.exchange, fill.symbol, fill.venue_order_id, fill.fill_id)
        self.parked.setdefault((fill.exchange, fill.symbol, fill.venue_order_id), {})[key] = record

    def _unpark(self, record: ParkedGone) -> None:
        place = (record.fill.exchange, record.fill.symbol, record.fill.venue_order_id)
        parked = self.parked.get(place, {})
        parked.pop(record.key, None)
        if not parked:
            self.parked.pop(place, None)

    def _remember_close(self, record: PositionClose) -> None:
        self.closes[record.close_id] = record
        self.close_of[record.order_id] = record.close_id
        if runs(record):
            self.closing[record.order_id] = record.close_id
        else:
            self.closing.pop(record.order_id, None)

    def _remember_entry(self, entry: IdempotencyEntry) -> None:
        self.entries[entry.key] = entry
        order = self.orders.get(entry.order_id)
        if order is not None and order.state is OrderState.SUBMITTED and entry.request_id is None:
            # An allowed duplicate takes the key's entry over; the order before it is as unresolved as it was.
            self._keep_unresolved(entry.bucketless_key, entry, without=entry.order_id)
            self._twin_keys[entry.order_id] = entry.bucketless_key

    def _keep_unresolved(self, bucketless_key: str, *added: IdempotencyEntry, without: str) -> None:
        kept = tuple(entry for entry in self.unresolved.get(bucketless_key, ()) if entry.order_id != without)
        if kept or added:
            self.unresolved[bucketless_key] = (*kept, *added)
        else:
            self.unresolved.pop(bucketless_key, None)

    def _remember_shown(self, record: ShownAs) -> None:
        before = self.shown_as.pop(record.order_id, None)
        if before is not None:
            self.shown.pop((record.exchange, before), None)
        if record.field is not None:
            self.shown_as[record.order_id] = record.field
            self.shown[record.exchange, record.field] = record.order_id

    def _remember_in_hand(self, record: InHand) -> None:
        if record.looks:
            self.in_hand[record.order_id] = record.looks
        else:
            self.in_hand.pop(record.order_id, None)

    def _remember_told(self, record: Told) -> None:
        if len(self.told) >= _TOLD_MAX:
            self.told.clear()
        self.told.add(record.key)

    def _answered(self, gone: WaitersGone) -> None:
        kept = () if gone.cancels_too else tuple(w for w in self.waiters.get(gone.order_id, ()) if w.cancel)
        if kept:
            self.waiters[gone.order_id] = kept
        else:
            self.waiters.pop(gone.order_id, None)
