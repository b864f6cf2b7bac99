"""One account without its surroundings: messages in, and what it would send, answer and publish out.

The store's answers are given by hand, so a test decides what is durable and when.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from actors.account import AccountActor
from actors.memory import PublishedViews
from actors.policy import AccountPolicy, ExchangePolicy
from actors.runtime.committing import Stage
from actors.runtime.outcome import Outcome
from actors.runtime.simulated import SimulatedSystem
from actors.runtime.store_rim import AccountLoaded
from actors.store.port import Lease, Section, Table, Write
from messages.base import Message
from messages.commands import PlaceOrder, SubmitOrder
from messages.control import Committed, Verdict
from messages.events import Event
from messages.fills import VenueFill
from messages.queries import Reply
from messages.reports import InstrumentsFetched, OpenOrdersFetched, OrdersSearched, ServerTimeFetched, StreamConnected
from messages.types import Evidence, Instrument, Order, OrderType, Side, VenueOrder
from tests.factories import make
from tests.simulation.gateway import CAPABILITIES

TAG = "0badc0de"
EXCHANGE_ADDRESS = "account/1/exchange/binance"


class _Loader:
    def load(self, account_id: str, reply_to: str) -> None:
        """Loading is answered by hand."""

    def release(self, lease: Lease) -> None:
        """Nobody else wants the account."""


class Account:
    """An account actor under test; `sent`, `replies` and `events` are what the outside has seen so far."""

    def __init__(self, *, open_gate: bool = True, **policy: Any) -> None:
        self.system = SimulatedSystem(1)
        self.sent: list[tuple[str, Message]] = []
        self.replies: list[Reply] = []
        self.events: list[Event] = []
        self.started: list[str] = []
        self.views = PublishedViews()
        self.system.tell = self._on_tell  # type: ignore[method-assign]
        self.system.start = lambda address, *_, **__: self.started.append(address)  # type: ignore[method-assign]
        self.system.on_reply = self.replies.append
        self.system.on_event = self.events.append
        self.staged: list[Section] = []
        exchange = ExchangePolicy(
            name="binance", public_id=1, capabilities=CAPABILITIES, valid_for_ms=5000, settle_ms=3000
        )
        self.actor = AccountActor(
            self.system,
            "account/1",
            account_id="1",
            policy=AccountPolicy(tag=TAG, exchanges={"binance": exchange}, **policy),
            loader=_Loader(),
            views=self.views,
            build_exchange=lambda _: lambda *_: None,  # type: ignore[arg-type, return-value]
        )
        self.load({})
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
            self.staged.clear()
            self.take(Committed(account_id="1", epoch=last.epoch, seq=last.seq, verdict=verdict))

    def do(self, message: Message) -> None:
        """Handle a message and make it durable."""
        self.take(message)
        self.commit()

    def load(self, records: dict[Table, dict[str, bytes]], epoch: int = 1) -> None:
        """The account is ours, with these records."""
        lease = Lease(account_id="1", owner="process", epoch=epoch, seq=self.actor.seq)
        self.do(AccountLoaded(lease=lease, records=records))

    # ----- looking

    def to_venue(self, kind: type[Message]) -> list[Any]:
        """Requests of a kind that left for the venue."""
        return [message for address, message in self.sent if address == EXCHANGE_ADDRESS and type(message) is kind]

    def only_order(self) -> Order:
        """The one order that readers see."""
        (order,) = self.views.orders.values()
        return order

    def connect(self) -> None:
        """The stream is up, the rules are known and a list was fetched: the gate is open."""
        now_ms = self.system.clock.now_ms()
        head = {"account_id": "1", "exchange": "binance", "order_id": ""}
        self.do(make(ServerTimeFetched, **head, offset_ms=0))
        self.do(make(InstrumentsFetched, **head, instruments=(INSTRUMENT,)))
        self.do(make(StreamConnected, **head, received_ms=now_ms))
        self.do(make(OpenOrdersFetched, **head, orders=(), evidence=make(Evidence, sent_ms=now_ms)))
        self.merge_history()
        self.sent.clear()
        self.events.clear()

    def merge_history(self, *orders: VenueOrder, symbol: str = "BTC-USDT") -> None:
        """The venue lists a symbol's recent history."""
        evidence = make(Evidence, sent_ms=self.system.clock.now_ms())
        head = {"account_id": "1", "exchange": "binance", "order_id": ""}
        self.do(make(OrdersSearched, **head, symbol=symbol, orders=orders, fills=(), evidence=evidence))

    def _on_tell(self, address: str, message: Message) -> bool:
        if isinstance(message, Stage):
            self.staged.append(message.section)
        else:
            self.sent.append((address, message))
        return True


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


def executed(place: PlaceOrder, size: str, fill_id: str = "56") -> VenueFill:
    """An execution of a placement."""
    return make(
        VenueFill,
        symbol=place.symbol,
        fill_id=fill_id,
        client_order_id=place.client_order_id,
        side=place.side,
        size=Decimal(size),
        price=place.price,
    )


def written(section: Section, table: Table) -> list[Write]:
    """What a section writes into one table."""
    return [write for write in section.writes if write.table is table]
