"""What the main job's view shows: gathered from events, published records and the venue's own record.

Bounded: the last orders and the last happenings are kept, everything else is counted.
"""

import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from requests import RequestException

from actors.app.figures import price_places
from actors.app.ledger import Ledger
from actors.app.world import read_orders
from actors.domain.lifecycle import AT_VENUE
from actors.oms import Oms
from actors.views import PublishedViews
from exchanges.paper.client import ControlClient, ControlError
from messages.events import (
    Alert,
    Event,
    GateChanged,
    ManualReviewRequired,
    OrderStateChanged,
    StreamHealthChanged,
)
from messages.fills import Position
from messages.queries import ExposureSnapshot, GetExposure
from messages.types import ZERO, EvidenceSource, Order, OrderState, Trigger

HAPPENINGS_MAX: Final = 200
ORDERS_SHOWN: Final = 40
_WORKING: Final = AT_VENUE | {OrderState.SUBMITTED}
_VERIFIED_BY: Final = frozenset({EvidenceSource.LOOKUP})


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of what happened."""

    at_ms: int
    text: str
    grave: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueLine:
    """What there is to say of one venue."""

    venue: str
    accounts: int
    """Accounts that trade there."""
    gates_open: int
    """Those of them that take new orders."""
    streams_up: int
    why_closed: str
    """Of the first account that takes none; empty while all do."""
    working: int
    """Orders that work, or may."""
    unknown: int
    """Orders whose outcome is being looked up."""
    fills: int
    synced_s: float | None
    """How long ago open orders were last compared with the venue's list, where that is longest ago; None: never."""
    faults: int
    wrong: int
    """Duplicates and losses by the venue's own record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What those know of one venue who trade there."""

    ledger: Ledger
    parity: "Parity"
    faults: Counter[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything the view shows, at one moment."""

    elapsed_s: float
    states: Counter[OrderState]
    verifying: tuple[Order, ...]
    """Orders whose outcome is being looked up."""
    recent: tuple[Order, ...]
    """The orders that changed last, latest first."""
    happenings: tuple[Happening, ...]
    """Latest first."""
    intents: int
    placed: int
    waiting: int
    """Orders that an exchange takes none of at the moment; each is asked again later."""
    fills: int
    positions: tuple[Position, ...]
    """All of them, flat ones included, latest change first."""
    places: Mapping[str, int]
    """By exchange: decimal places that average prices are shown with."""
    found: int
    """Outcomes that were unknown and were found at the venue."""
    absent: int
    """Intents proven not to be at the venue."""
    reviews: int
    modified: int
    """Modifications that took effect."""
    at_stake: Mapping[str, Decimal]
    """By quote currency: what all open orders would come to."""
    duplicates: int
    lost: int
    faults: Counter[str]
    venues: tuple[VenueLine, ...]
    """One for each that an account trades on."""


class Watch:
    """Listens to an order manager and keeps count. `listen` and `scene` may be called from different threads."""

    def __init__(self, oms: Oms, accounts: tuple[str, ...]) -> None:
        self._oms = oms
        self._books: Mapping[str, PublishedViews] = {account: oms.views(account) for account in accounts}
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._happenings: deque[Happening] = deque(maxlen=HAPPENINGS_MAX)
        self._changed: dict[tuple[str, str], None] = {}
        self._counts: Counter[str] = Counter()
        self._streams: dict[tuple[str, str], bool] = {}

    def listen(self, event: Event) -> None:
        """Take in one event."""
        with self._lock:
            match event:
                case OrderStateChanged():
                    self._on_change(event)
                case GateChanged(open=is_open, reason=reason, at_ms=at_ms):
                    text = "takes new orders" if is_open else f"takes no new orders: {reason}"
                    self._say(at_ms, f"{event.account_id}: {event.exchange} {text}", grave=not is_open)
                case StreamHealthChanged(account_id=account, exchange=exchange, connected=connected):
                    self._streams[account, exchange] = connected
                case ManualReviewRequired():
                    self._counts["reviews"] += 1
                    text = f"{_about(event, event.view.local_id)} needs a look: {event.reason}"
                    self._say(event.view.as_of_ms, text, grave=True)
                case Alert():
                    about = _about(event, dict(event.details).get("order_id", ""))
                    self._say(event.at_ms, f"{about}{': ' if about else ''}{event.name}: {event.text}", grave=True)
                case _:
                    return

    def say(self, text: str) -> None:
        """Add a line of our own."""
        with self._lock:
            self._say(self._oms.runtime.now_ms(), text)

    def scene(self, told: Mapping[str, Told] | None = None) -> Scene:
        """What to show now; `told` by venue: what those know who trade there."""
        told = told or {}
        ledgers = [each.ledger for each in told.values()]
        orders = [order for book in self._books.values() for order in list(book.orders.values())]
        with self._lock:
            happenings = tuple(reversed(self._happenings))
            keys = list(self._changed)[-ORDERS_SHOWN:]
            counts = Counter(self._counts)
            streams = dict(self._streams)
        recent = [self._books[account].orders.get(order_id) for account, order_id in reversed(keys)]
        return Scene(
            elapsed_s=time.monotonic() - self._began,
            states=Counter(order.state for order in orders),
            verifying=tuple(order for order in orders if order.verification is not None),
            recent=tuple(order for order in recent if order is not None),
            happenings=happenings,
            intents=sum(ledger.asked_count() for ledger in ledgers),
            placed=sum(ledger.placed_count() for ledger in ledgers),
            waiting=sum(ledger.put_off_count() for ledger in ledgers),
            fills=sum(order.fill_count for order in orders),
            positions=self._positions(),
            places=price_places(self._oms.settings),
            found=counts["found"],
            absent=counts["absent"],
            reviews=sum(order.needs_review for order in orders),
            modified=sum(ledger.modified_count() for ledger in ledgers),
            at_stake=self._at_stake(),
            duplicates=sum(each.parity.duplicates for each in told.values()),
            lost=sum(each.parity.lost for each in told.values()),
            faults=sum((each.faults for each in told.values()), Counter()),
            venues=self._venues(orders, told, streams),
        )

    def _venues(
        self, orders: Sequence[Order], told: Mapping[str, Told], streams: Mapping[tuple[str, str], bool]
    ) -> tuple[VenueLine, ...]:
        gates: dict[str, dict[str, str]] = defaultdict(dict)
        for account, book in self._books.items():
            for venue, why in list(book.gates.items()):
                gates[venue][account] = why
        by_venue: dict[str, list[Order]] = defaultdict(list)
        for order in orders:
            by_venue[order.exchange].append(order)
        return tuple(
            self._venue(venue, gates[venue], by_venue[venue], told.get(venue), streams) for venue in sorted(gates)
        )

    def _venue(
        self,
        venue: str,
        gates: Mapping[str, str],
        orders: Sequence[Order],
        told: Told | None,
        streams: Mapping[tuple[str, str], bool],
    ) -> VenueLine:
        return VenueLine(
            venue=venue,
            accounts=len(gates),
            gates_open=sum(not why for why in gates.values()),
            # No gate is open without a stream, and an account that has told nothing yet has only just begun.
            streams_up=sum(not why or streams.get((account, venue), False) for account, why in gates.items()),
            why_closed=next((why for why in gates.values() if why), ""),
            working=sum(order.state in _WORKING for order in orders),
            unknown=sum(order.verification is not None for order in orders),
            fills=sum(order.fill_count for order in orders),
            synced_s=self._synced_s(venue, gates),
            faults=0 if told is None else told.faults.total(),
            wrong=0 if told is None else told.parity.duplicates + told.parity.lost,
        )

    def _at_stake(self) -> Mapping[str, Decimal]:
        amounts: dict[str, Decimal] = {}
        for account in self._books:
            snapshot = self._oms.ask(GetExposure(account_id=account))
            for each in snapshot.symbols if isinstance(snapshot, ExposureSnapshot) else ():
                amounts[each.quote] = amounts.get(each.quote, ZERO) + each.buy_notional + each.sell_notional
        return amounts

    def _synced_s(self, venue: str, accounts: Iterable[str]) -> float | None:
        moments = [self._books[account].agreed_ms.get(venue) for account in accounts]
        if not moments or None in moments:
            return None
        return (self._oms.runtime.now_ms() - min(moment for moment in moments if moment is not None)) / 1_000

    def _positions(self) -> tuple[Position, ...]:
        positions = [position for book in self._books.values() for position in list(book.positions.values())]
        return tuple(sorted(positions, key=lambda position: -position.updated_ms))

    def _on_change(self, event: OrderStateChanged) -> None:
        key = (event.account_id, event.view.local_id)
        self._changed.pop(key, None)
        self._changed[key] = None
        if len(self._changed) > 2 * ORDERS_SHOWN:
            del self._changed[next(iter(self._changed))]
        proof = event.view.evidence
        if event.from_state is OrderState.SUBMITTED and event.trigger is Trigger.VERIFICATION_ABSENT:
            self._counts["absent"] += 1
            self._say(event.at_ms, f"{_about(event, key[1])} is proven not to be at the venue")
        elif event.from_state is OrderState.SUBMITTED and proof is not None and proof.source in _VERIFIED_BY:
            self._counts["found"] += 1
            self._say(event.at_ms, f"{_about(event, key[1])} was unknown and is found: {event.to_state}")

    def _say(self, at_ms: int, text: str, *, grave: bool = False) -> None:
        self._happenings.append(Happening(at_ms, text, grave))


class Parity:
    """Duplicates and losses, counted from the venue's own record of orders as it grows."""

    def __init__(self, control: ControlClient, books: Mapping[str, PublishedViews], venue: str) -> None:
        self._control = control
        self._books = books
        self._venue = venue
        self._read = dict.fromkeys(books, 0)
        self._at_venue: Counter[tuple[str, str]] = Counter()
        self.duplicates = 0
        """Venue orders beyond the first under one client order id."""
        self.lost = 0
        """Venue orders that no record of ours is about."""

    def refresh(self) -> None:
        """Read what is new at the venue."""
        try:
            for account in self._books:
                rows = read_orders(self._control, account, self._read[account])
                self._read[account] += len(rows)
                self._at_venue.update((account, row["firstClientOrderId"]) for row in rows)
        except (ControlError, RequestException):
            # The control port is busy; the next reading includes what this one missed.
            return
        self.duplicates = sum(count - 1 for count in self._at_venue.values())
        # Our records are written before anything is sent, so there is no moment at which one may be missing.
        known = {
            (account, order.client_order_id)
            for account, book in self._books.items()
            for order in list(book.orders.values())
            if order.exchange == self._venue
        }
        self.lost = len(self._at_venue.keys() - known)


def _about(event: Event, order_id: str) -> str:
    """Name what an event is about: its account and its order, as far as there are any."""
    order = f"order …{order_id[-6:]}" if order_id else ""
    return ", ".join(name for name in (event.account_id, order) if name)
