"""One account without its surroundings: messages in, and what it would send, answer and publish out.

The store's answers are given by hand, so a test decides what is durable and when.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from actors.account import AccountActor
from actors.policy import AccountPolicy, ExchangePolicy
from actors.position import PositionActor
from actors.runtime.committing import Stage
from actors.runtime.outcome import Outcome
from actors.runtime.simulated import START_MS, SimulatedSystem
from actors.runtime.store_rim import AccountLoaded
from actors.store.port import Lease, Section, Table, Write
from actors.views import PublishedViews
from messages.base import Message
from messages.commands import CancelOrder, PlaceOrder, SubmitOrder
from messages.control import Committed, FillTimerDropped, FillTimerWanted, Verdict, VerificationDue
from messages.events import Alert, Event
from messages.fills import Fill, Position, VenueFill
from messages.queries import Reply
from messages.reports import (
    CancelConfirmed,
    FillReceived,
    FillsFetched,
    InstrumentsFetched,
    OpenOrdersFetched,
    OrderFound,
    OrderReported,
    OrdersSearched,
    PlaceAccepted,
    ServerTimeFetched,
    StreamConnected,
)
from messages.types import Evidence, Instrument, Order, OrderType, Side, VenueOrder, VerificationPhase
from tests.factories import make
from tests.simulation.regime import CAPABILITIES

TAG = "0badc0de"
ADDRESS = "account/1"
EXCHANGE_ADDRESS = "account/1/exchange/binance"
POSITION_ADDRESS = "account/1/position/binance/BTC-USDT"
PLACE = ("binance", "BTC-USDT")
HEAD = {"account_id": "1", "exchange": "binance", "order_id": ""}


def _exchange(name: str) -> ExchangePolicy:
    reduce_only = name != "binance"
    return ExchangePolicy(
        name=name,
        public_id=1,
        capabilities=replace(CAPABILITIES, venue=name, reduce_only=reduce_only),
        valid_for_ms=5000,
        settle_ms=3000,
    )


class _Loader:
    def load(self, account_id: str, reply_to: str) -> None:
        """Loading is answered by hand."""

    def release(self, lease: Lease) -> None:
        """Nobody else wants the account."""


class Account:
    """An account actor under test; `sent`, `replies` and `events` are what the outside has seen so far."""

    def __init__(
        self,
        *,
        open_gate: bool = True,
        stored: dict[Table, dict[str, bytes]] | None = None,
        start_ms: int = START_MS,
        exchanges: tuple[str, ...] = ("binance",),
        **policy: Any,
    ) -> None:
        self.system = SimulatedSystem(1, start_ms=start_ms)
        self.policy = {"exchanges": exchanges, **policy}
        self.stored: dict[Table, dict[str, bytes]] = {table: dict(kept) for table, kept in (stored or {}).items()}
        """What the store holds: every section that was committed, written out by hand."""
        self.sent: list[tuple[str, Message]] = []
        self.replies: list[Reply] = []
        self.events: list[Event] = []
        self.started: list[str] = []
        self.positions: dict[str, PositionActor] = {}
        """Its position actors, the real ones. They are told what is for them by `do`."""
        self._letters: deque[tuple[str, Message]] = deque()
        self.views = PublishedViews()
        self.system.tell = self._on_tell  # type: ignore[method-assign]
        self.system.start = self._on_start  # type: ignore[method-assign]
        self.system.on_reply = self.replies.append
        self.system.on_event = self.events.append
        self.staged: list[Section] = []
        self.actor = AccountActor(
            self.system,
            ADDRESS,
            account_id="1",
            policy=AccountPolicy(tag=TAG, exchanges={name: _exchange(name) for name in exchanges}, **policy),
            loader=_Loader(),
            views=self.views,
            build_exchange=lambda _: lambda *_: None,  # type: ignore[arg-type, return-value]
        )
        self.load(self.stored)
        if open_gate:
            self.connect()

    # ----- driving

    def take(self, message: Message) -> Outcome:
        """Handle a message; what must wait for the store waits."""
        outcome = self.actor.receive(message)  # type: ignore[arg-type]
        self.actor.carry_out(outcome)
        return outcome

    def commit(self, verdict: Verdict = Verdict.OK) -> None:
        """The store answers for everything staged so far."""
        if self.staged:
            last = self.staged[-1]
            for section in self.staged if verdict is Verdict.OK else ():
                self._keep(section)
            self.staged.clear()
            self.take(Committed(account_id="1", epoch=last.epoch, seq=last.seq, verdict=verdict))

    def do(self, message: Message) -> None:
        """Handle a message and make it durable, and all that it leads to between the account and its positions."""
        self.take(message)
        self.commit()
        self.deliver()

    def deliver(self, until: type[Message] | None = None) -> Message | None:
        """Hand over what the account and its positions have told each other; the first message of a kind is given
        to the caller instead.
        """
        while self._letters:
            address, message = self._letters.popleft()
            if type(message) is until:
                return message
            if address == ADDRESS:
                self.take(message)
                self.commit()
            else:
                position = self.positions[address]
                position.carry_out(position.receive(message))  # type: ignore[arg-type]
        return None

    def load(self, records: dict[Table, dict[str, bytes]], epoch: int = 1) -> None:
        """The account is ours, with these records."""
        lease = Lease(account_id="1", owner="process", epoch=epoch, seq=self.actor.seq)
        self.do(AccountLoaded(lease=lease, records=records))

    def pass_ms(self, ms: int) -> None:
        """Let time pass: every reminder that falls due meanwhile is handled at its time."""
        end_ms = self.system.clock.monotonic_ms() + ms
        heap = self.system._timer_heap
        while (due_ms := heap.next_due_ms()) is not None and due_ms <= end_ms:
            self.system._virtual.advance(due_ms - self.system.clock.monotonic_ms())
            for timer in heap.due(due_ms):
                timed = heap.claim(timer)
                if timed is not None:
                    actor = self.actor if timed.address == ADDRESS else self.positions[timed.address]
                    actor.timer_fired(timer)
                    self._letters.append((timed.address, timed.message))
                    self.deliver()
        self.system._virtual.advance(end_ms - self.system.clock.monotonic_ms())

    def restarted(self, *, open_gate: bool = True) -> "Account":
        """The account in the next process: from nothing but what the store holds, at the same moment."""
        return Account(open_gate=open_gate, stored=self.stored, start_ms=self.now_ms, **self.policy)

    @property
    def now_ms(self) -> int:
        """Our wall clock."""
        return self.system.clock.now_ms()

    # ----- what hosts and reminders want

    def cancel(self, place: PlaceOrder) -> None:
        """A host cancels an order."""
        self.do(CancelOrder(account_id="1", correlation_id="x1", order_id=place.order_id))

    def try_to_place(self, **terms: Any) -> list[PlaceOrder]:
        """A host asks for an order; what leaves for the venue."""
        self.do(submit(correlation_id="again", **terms))
        return self.to_venue(PlaceOrder)

    def look_up(self, order_id: str) -> None:
        """The verification supervisor says that it is time for the direct look-up of an order."""
        due = VerificationDue(account_id="1", order_id=order_id, phase=VerificationPhase.DIRECT_LOOKUP)
        self.do(due)

    # ----- what the venue says

    def evidence(self) -> Evidence:
        """Of something that was asked and answered at this moment."""
        return make(Evidence, sent_ms=self.now_ms, received_ms=self.now_ms)

    def placed(self, **terms: Any) -> PlaceOrder:
        """An order that has left and is not answered yet."""
        self.do(submit(**terms))
        place: PlaceOrder = self.to_venue(PlaceOrder)[-1]
        return place

    def working(self, venue_order_id: str = "28", **terms: Any) -> PlaceOrder:
        """An order that the venue has accepted."""
        place = self.placed(**terms)
        self.accept(place, shown(place, venue_order_id=venue_order_id))
        return place

    def accept(
        self, place: PlaceOrder, claim: VenueOrder | None, *fills: VenueFill, venue_order_id: str = "28"
    ) -> None:
        """The answer to a placement; without a claim a bare acknowledgement."""
        self.do(self.accepted(place, claim, *fills, venue_order_id=venue_order_id))

    def accepted(
        self, place: PlaceOrder, claim: VenueOrder | None, *fills: VenueFill, venue_order_id: str = "28"
    ) -> PlaceAccepted:
        """The message that answers a placement."""
        named = HEAD | {"order_id": place.order_id, "venue_order_id": venue_order_id, "fills": fills}
        return make(PlaceAccepted, **named, order=claim, evidence=self.evidence())

    def hear(self, claim: VenueOrder, fill: VenueFill | None = None) -> None:
        """The stream describes an order, perhaps with an execution."""
        self.do(make(OrderReported, **HEAD, order=claim, fill=fill, evidence=self.evidence()))

    def hear_fill(self, fill: VenueFill) -> None:
        """The stream tells an execution by itself."""
        self.do(self.of_fill(fill))

    def of_fill(self, fill: VenueFill) -> FillReceived:
        """The stream's message about an execution alone."""
        return make(FillReceived, **HEAD, fill=fill, evidence=self.evidence())

    def list_fills(self, *fills: VenueFill, **changes: Any) -> None:
        """The venue lists executions of a symbol."""
        fetched = {"symbol": "BTC-USDT", "asked_venue_ms": self.now_ms, **changes}
        self.do(make(FillsFetched, **HEAD | {"fills": fills} | fetched))

    def find(self, order_id: str, claim: VenueOrder, *fills: VenueFill) -> None:
        """The answer to a direct look-up."""
        named = HEAD | {"order_id": order_id}
        self.do(make(OrderFound, **named, order=claim, fills=fills, evidence=self.evidence()))

    def confirm_cancel(self, place: PlaceOrder, claim: VenueOrder) -> None:
        """The answer to a cancel: the order works no longer."""
        named = HEAD | {"order_id": place.order_id}
        self.do(make(CancelConfirmed, **named, order=claim, evidence=self.evidence()))

    # ----- looking

    def to_venue(self, kind: type[Message]) -> list[Any]:
        """Requests of a kind that left for the venue."""
        return [message for address, message in self.sent if address == EXCHANGE_ADDRESS and type(message) is kind]

    def only_order(self) -> Order:
        """The one order that readers see."""
        (order,) = self.views.orders.values()
        return order

    def order(self, place: PlaceOrder) -> Order:
        """The order of a placement, as readers see it."""
        return self.views.orders[place.order_id]

    def fills(self, place: PlaceOrder) -> list[Fill]:
        """The executions of a placement that readers see."""
        return list(self.views.fills.get(place.order_id, ()))

    def position(self) -> Position:
        """The one position that readers see."""
        (position,) = self.views.positions.values()
        return position

    def told(self, kind: type[Message]) -> list[Any]:
        """Messages of a kind that left for anybody."""
        return [message for _, message in self.sent if type(message) is kind]

    def happened(self, kind: type[Event]) -> list[Any]:
        """Events of a kind that hosts have seen."""
        return [event for event in self.events if type(event) is kind]

    def alerts(self) -> list[str]:
        """Names of the alerts so far."""
        return [event.name for event in self.events if isinstance(event, Alert)]

    def alert(self, name: str) -> Alert:
        """The one alert of a name."""
        (found,) = (event for event in self.events if isinstance(event, Alert) and event.name == name)
        return found

    def fill_timers(self) -> list[FillTimerWanted | FillTimerDropped]:
        """What the fill-timeout supervisor was told."""
        return [*self.told(FillTimerWanted), *self.told(FillTimerDropped)]

    def connect(self, exchange: str = "binance", *, keep: bool = False, history: bool = True) -> None:
        """The stream is up, the rules are known and a list was fetched: the gate is open.

        `keep`: what left and what happened meanwhile is left to look at.
        """
        now_ms = self.system.clock.now_ms()
        head = HEAD | {"exchange": exchange}
        self.do(make(ServerTimeFetched, **head, offset_ms=0))
        self.do(make(InstrumentsFetched, **head, instruments=(replace(INSTRUMENT, exchange=exchange),)))
        self.do(make(StreamConnected, **head, received_ms=now_ms))
        self.do(make(OpenOrdersFetched, **head, orders=(), evidence=make(Evidence, sent_ms=now_ms)))
        if history:
            self.merge_history(exchange=exchange)
        if not keep:
            self.sent.clear()
            self.events.clear()

    def merge_history(
        self,
        *orders: VenueOrder,
        exchange: str = "binance",
        symbol: str = "BTC-USDT",
        fills: tuple[VenueFill, ...] = (),
    ) -> None:
        """The venue lists a symbol's recent history."""
        evidence = make(Evidence, sent_ms=self.system.clock.now_ms())
        head = HEAD | {"exchange": exchange}
        self.do(make(OrdersSearched, **head, symbol=symbol, orders=orders, fills=fills, evidence=evidence))

    def _keep(self, section: Section) -> None:
        for write in section.writes:
            if write.table in (Table.OPEN, Table.LAST_SYNC):
                continue
            kept = self.stored.setdefault(write.table, {})
            if write.value is None:
                kept.pop(write.field, None)
            elif write.table is Table.FILLS:
                kept.setdefault(write.field, write.value)
            else:
                kept[write.field] = write.value

    def _on_tell(self, address: str, message: Message) -> bool:
        if isinstance(message, Stage):
            self.staged.append(message.section)
        else:
            self.sent.append((address, message))
            if address == ADDRESS or address in self.positions:
                self._letters.append((address, message))
        return True

    def _on_start(self, address: str, build: Callable[..., Any], **_: Any) -> None:
        self.started.append(address)
        if address.startswith(f"{ADDRESS}/position/"):
            self.positions[address] = build(self.system, address)


INSTRUMENT = make(
    Instrument,
    symbol="BTC-USDT",
    tick_size=Decimal("0.01"),
    step_size=Decimal("0.00001"),
    min_size=Decimal("0.00001"),
    order_types=frozenset(OrderType),
)


def submit(**changes: Any) -> SubmitOrder:
    """A limit order of account 1."""
    terms = make(SubmitOrder, correlation_id="c1", account_id="1", side=Side.BUY, type=OrderType.LIMIT)
    return replace(terms, **changes)


def shown(place: PlaceOrder, **changes: Any) -> VenueOrder:
    """The venue's record of a placement."""
    claim = make(
        VenueOrder,
        symbol=place.symbol,
        client_order_id=place.client_order_id,
        side=place.side,
        type=place.type,
        size=place.size,
        price=place.price,
        filled_size=Decimal(0),
    )
    return replace(claim, **changes)


def executed(place: PlaceOrder, size: str, fill_id: str = "56", **changes: Any) -> VenueFill:
    """An execution of a placement."""
    fill = make(
        VenueFill,
        symbol=place.symbol,
        fill_id=fill_id,
        client_order_id=place.client_order_id,
        side=place.side,
        size=Decimal(size),
        price=place.price or Decimal(42500),
    )
    return replace(fill, **changes)


def written(section: Section, table: Table) -> list[Write]:
    """What a section writes into one table."""
    return [write for write in section.writes if write.table is table]
