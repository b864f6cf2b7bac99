"""An account whose orders are changed, and a small honest venue that answers it: what a request does there, and what is
told of it, are two things a test decides apart.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from actors.desk import VERIFICATION
from exchanges.gateway import AmendScope
from messages.base import Message
from messages.commands import (
    AmendVenueOrder,
    CancelOrder,
    CancelVenueOrder,
    FetchFills,
    FetchOpenOrders,
    LookUpOrder,
    ModifyOrder,
    PlaceOrder,
    ReplaceVenueOrder,
    SearchOrder,
)
from messages.control import VerificationDue, VerificationEnded, VerificationRequested
from messages.fills import FillSource, VenueFill
from messages.queries import ModifyDone, OrderPlaced, Refused, Reply
from messages.reports import (
    AmendAmbiguous,
    AmendConfirmed,
    AmendNotProcessed,
    AmendRefused,
    CancelAmbiguous,
    CancelConfirmed,
    CancelNotProcessed,
    CancelRefused,
    FillsFetched,
    OpenOrdersFetched,
    OrderFound,
    OrderNotFound,
    OrdersSearched,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceRejected,
    ReplaceAnswered,
)
from messages.types import Evidence, EvidenceSource, Order, OrderType, PublicStatus, Side, VenueOrder
from tests.actors.account_kit import EXCHANGE_ADDRESS, HEAD, Account, submit
from tests.factories import make

SIZE = Decimal("0.01")
LESS = Decimal("0.008")
MORE = Decimal("0.02")
PRICE = Decimal("42500.00")
OTHER = Decimal("42400.00")
THIRD = Decimal("42450.00")
PART = Decimal("0.004")
SOURCES = ("openOrders", "allOrders", "myTrades")
Ordered = PlaceOrder | CancelVenueOrder | AmendVenueOrder | ReplaceVenueOrder


class ModifyAccount(Account):
    """An account on a venue that can change orders as the test says."""

    def __init__(
        self, *, amend: AmendScope = AmendScope.SIZE_DOWN, cancel_replace: bool = True, **settings: Any
    ) -> None:
        self.can = {"amend": amend, "cancel_replace": cancel_replace}
        super().__init__(**settings)
        exchanges = self.actor._policy.exchanges
        exchanges["binance"] = replace(
            exchanges["binance"], capabilities=replace(exchanges["binance"].capabilities, **self.can)
        )

    def restarted(self, *, open_gate: bool = True) -> "ModifyAccount":
        """The account in the next process; what it sends meanwhile is kept to look at."""
        again = ModifyAccount(open_gate=False, stored=self.stored, start_ms=self.now_ms, **self.can, **self.policy)
        if open_gate:
            again.connect(keep=True)
        return again

    def modify(self, order_id: str, **changes: Any) -> None:
        """A host changes an order."""
        given = {"correlation_id": "m1", "message_id": "mod-1"} | changes
        self.do(ModifyOrder(account_id="1", order_id=order_id, **given))

    def cancel_by_id(self, order_id: str) -> None:
        """A host cancels an order."""
        self.do(CancelOrder(account_id="1", correlation_id="x1", order_id=order_id))

    def answers(self, correlation_id: str = "m1") -> list[Reply]:
        """What a command was answered."""
        return [reply for reply in self.replies if reply.correlation_id == correlation_id]

    def answer(self, correlation_id: str = "m1") -> Any:
        """The one answer to a command."""
        (reply,) = self.answers(correlation_id)
        return reply

    def follower(self, order_id: str) -> Order:
        """The order that was to take the place of another one."""
        (new,) = (order for order in self.views.orders.values() if order.replaces == order_id)
        return new

    def now_evidence(self, source: EvidenceSource = EvidenceSource.PLACE_ANSWER) -> Evidence:
        """Of something asked and answered now."""
        return make(Evidence, source=source, sent_ms=self.now_ms, received_ms=self.now_ms)


def done(reply: Any) -> ModifyDone:
    """The reply, which must say that the order was changed."""
    assert isinstance(reply, ModifyDone), reply
    return reply


def refused(reply: Any) -> Refused:
    """The reply, which must be a refusal."""
    assert isinstance(reply, Refused), reply
    return reply


def placed(reply: Any) -> OrderPlaced:
    """The reply, which must say that the order was placed."""
    assert isinstance(reply, OrderPlaced), reply
    return reply


@dataclass(slots=True)
class Resting:
    """One order as the venue has it."""

    claim: VenueOrder
    fills: list[VenueFill] = field(default_factory=list)

    @property
    def works(self) -> bool:
        """Whether it may still execute."""
        return self.claim.status is PublicStatus.OPEN

    def change(self, **changes: Any) -> None:
        """Change what the venue shows of it."""
        self.claim = replace(self.claim, **changes)


class Venue:
    """What the venue has. It answers reads by itself; of the rest, `carry_out` does it and `tell` says so."""

    def __init__(self, account: ModifyAccount) -> None:
        self.account = account
        self.orders: dict[str, Resting] = {}
        """By client order id; a second order under one id would be a second entry, and never comes."""
        self.placements: list[str] = []
        self._seen = 0
        self._rounds: dict[str, tuple[int, VerificationRequested]] = {}
        self._trades = 100

    def attach(self, account: ModifyAccount) -> None:
        """Serve the account in its next process; requests on their way are gone with the former one."""
        self.account = account
        self._seen = 0
        self._rounds.clear()

    # ----- what happens there

    def place(self, request: PlaceOrder) -> PlaceAccepted:
        """Accept an order."""
        self.placements.append(request.client_order_id)
        assert request.client_order_id not in self.orders, "one client order id was placed twice"
        claim = VenueOrder(
            exchange="binance", symbol=request.symbol, venue_order_id=str(len(self.orders) + 28),
            client_order_id=request.client_order_id, side=request.side, type=request.type,
            status=PublicStatus.OPEN, venue_status="NEW", size=request.size or Decimal(0), filled_size=Decimal(0),
            price=request.price, stop_price=request.stop_price, created_venue_ms=self.now_ms,
            updated_venue_ms=self.now_ms,
        )  # fmt: skip
        self.orders[request.client_order_id] = Resting(claim)
        return make(
            PlaceAccepted, **self._head(request), attempt=request.attempt, venue_order_id=claim.venue_order_id,
            order=claim, evidence=self.account.now_evidence(),
        )  # fmt: skip

    def cancel(self, request: CancelVenueOrder | ReplaceVenueOrder) -> CancelConfirmed | CancelRefused:
        """Cancel an order, if it works."""
        found = self.orders.get(request.client_order_id)
        head = self._head(request)
        if found is None or not found.works:
            return make(CancelRefused, **head, code="-2011", text="Unknown order sent.", evidence=self._evidence())
        found.change(status=PublicStatus.CANCELLED, venue_status="CANCELED", updated_venue_ms=self.now_ms)
        return make(CancelConfirmed, **head, order=found.claim, evidence=self._evidence())

    def amend(self, request: AmendVenueOrder) -> AmendConfirmed | AmendRefused:
        """Change an order in place, if it works and has executed less."""
        found = self.orders[request.client_order_id]
        head = self._head(request)
        if not found.works or request.size <= found.claim.filled_size:
            return make(AmendRefused, **head, code="-2038", text="Unknown order sent.", evidence=self._evidence())
        found.change(
            size=request.size, price=request.price, stop_price=request.stop_price, updated_venue_ms=self.now_ms
        )
        return make(AmendConfirmed, **head, order=found.claim, evidence=self._evidence())

    def replace(self, request: ReplaceVenueOrder, *, place: bool = True) -> ReplaceAnswered:
        """Cancel an order of which nothing has executed, and then place another one, if the venue likes it."""
        found = self.orders.get(request.client_order_id)
        head = self._head(request)
        cancelled: CancelConfirmed | CancelRefused
        if found is None or not found.works or found.claim.filled_size:
            cancelled = make(CancelRefused, **head, code="-2011", text="Unknown order.", evidence=self._evidence())
            placed: Any = self.not_processed(request.place, "not_attempted")
        else:
            cancelled = self.cancel(request)
            placed = self.place(request.place) if place else self.rejected(request.place)
        return make(ReplaceAnswered, **head, cancel=cancelled, place=placed)

    def carry_out(self, request: Ordered) -> Message:
        """Do what is asked; the answer is what an honest venue would say."""
        match request:
            case PlaceOrder():
                return self.place(request)
            case CancelVenueOrder():
                return self.cancel(request)
            case AmendVenueOrder():
                return self.amend(request)
            case ReplaceVenueOrder():
                return self.replace(request)

    def fill(self, client_order_id: str, size: Decimal, *, tell: bool = True) -> None:
        """An order executes, as far as it works."""
        found = self.orders[client_order_id]
        claim = found.claim
        size = min(size, claim.size - claim.filled_size)
        if not found.works or size <= 0:
            return
        self._trades += 1
        done_now = claim.filled_size + size
        complete = done_now >= claim.size
        found.change(
            filled_size=done_now, updated_venue_ms=self.now_ms,
            status=PublicStatus.FILLED if complete else PublicStatus.OPEN,
            venue_status="FILLED" if complete else "PARTIALLY_FILLED",
        )  # fmt: skip
        fill = make(
            VenueFill, symbol=claim.symbol, fill_id=str(self._trades), venue_order_id=claim.venue_order_id,
            client_order_id=client_order_id, side=claim.side, size=size, price=claim.price or PRICE,
            venue_time_ms=self.now_ms, source=FillSource.STREAM,
        )  # fmt: skip
        found.fills.append(fill)
        if tell:
            self.account.hear(found.claim, fill)

    def end(self, client_order_id: str, status: PublicStatus, *, tell: bool = True) -> None:
        """An order ends by itself, or by somebody else's hand."""
        found = self.orders[client_order_id]
        if not found.works:
            return
        found.change(status=status, venue_status=status.value, updated_venue_ms=self.now_ms)
        if tell:
            self.account.hear(found.claim)

    def show(self, client_order_id: str) -> None:
        """The stream tells an order as it is."""
        self.account.hear(self.orders[client_order_id].claim)

    # ----- what is said without doing anything

    def not_processed(self, request: Ordered, reason: str = "rate_limited", retry_after_ms: int = 0) -> Any:
        """Proof that a request was not acted on."""
        more = {"reason": reason, "retry_after_ms": retry_after_ms, "evidence": self._evidence()}
        match request:
            case PlaceOrder():
                return make(PlaceNotProcessed, **self._head(request), attempt=request.attempt, **more)
            case CancelVenueOrder():
                return make(CancelNotProcessed, **self._head(request), **more)
            case AmendVenueOrder():
                return make(AmendNotProcessed, **self._head(request), **more)
            case ReplaceVenueOrder():
                head = self._head(request)
                cancelled = make(CancelNotProcessed, **head, **more)
                return make(ReplaceAnswered, **head, cancel=cancelled, place=self.not_processed(request.place, reason))

    def ambiguous(self, request: Ordered) -> Any:
        """Nobody knows what came of a request."""
        more = {"reason": "timeout", "evidence": self._evidence()}
        match request:
            case PlaceOrder():
                return make(PlaceAmbiguous, **self._head(request), attempt=request.attempt, **more)
            case CancelVenueOrder():
                return make(CancelAmbiguous, **self._head(request), **more)
            case AmendVenueOrder():
                return make(AmendAmbiguous, **self._head(request), **more)
            case ReplaceVenueOrder():
                head = self._head(request)
                cancelled = make(CancelAmbiguous, **head, **more)
                return make(ReplaceAnswered, **head, cancel=cancelled, place=self.ambiguous(request.place))

    def rejected(self, request: PlaceOrder) -> PlaceRejected:
        """The venue refuses an order."""
        return make(
            PlaceRejected, **self._head(request), attempt=request.attempt, code="-2010", text="Would match.",
            evidence=self._evidence(),
        )  # fmt: skip

    # ----- serving

    def take(self, kind: type[Any]) -> Any:
        """The next request of a kind that left and was not dealt with; everything before it is answered honestly."""
        while self._seen < len(self.account.sent):
            address, message = self.account.sent[self._seen]
            self._seen += 1
            if address == EXCHANGE_ADDRESS and type(message) is kind:
                return message
            self._serve(address, message)
        return None

    def settle(self, seconds: int = 150) -> None:
        """Answer everything honestly while time passes: closely at first, then in longer steps."""
        passed_ms = 0
        while passed_ms < seconds * 1000:
            self.serve()
            step_ms = 250 if passed_ms < 2000 else 5000
            self.account.pass_ms(step_ms)
            passed_ms += step_ms
        self.serve()

    def serve(self) -> None:
        """Answer everything that has left so far, and what that leads to."""
        while self._seen < len(self.account.sent):
            address, message = self.account.sent[self._seen]
            self._seen += 1
            self._serve(address, message)
        due = [order_id for order_id, (due_ms, _) in self._rounds.items() if due_ms <= self.now_ms]
        for order_id in due:
            _, asked = self._rounds.pop(order_id)
            self.account.do(VerificationDue(account_id="1", order_id=order_id, phase=asked.phase))
        if due:
            self.serve()

    def _serve(self, address: str, message: Message) -> None:
        if address == VERIFICATION and isinstance(message, VerificationRequested):
            self._rounds[message.order_id] = self.now_ms + message.due_in_ms, message
        elif address == VERIFICATION and isinstance(message, VerificationEnded):
            self._rounds.pop(message.order_id, None)
        elif address == EXCHANGE_ADDRESS:
            answer = self._answer(message)
            if answer is not None:
                self.account.do(answer)

    def _answer(self, request: Message) -> Message | None:
        match request:
            case PlaceOrder() | CancelVenueOrder() | AmendVenueOrder() | ReplaceVenueOrder():
                return self.carry_out(request)
            case LookUpOrder():
                return self._looked_up(request)
            case SearchOrder() | FetchOpenOrders() | FetchFills():
                return self._listed(request)
            case _:
                return None

    def _looked_up(self, request: LookUpOrder) -> Message:
        found = self.orders.get(request.client_order_id)
        head = self._head(request)
        if found is None:
            return make(OrderNotFound, **head, asked_venue_ms=self.now_ms, evidence=self._read())
        return make(
            OrderFound, **head, order=found.claim, fills=tuple(found.fills), fills_complete=True,
            asked_venue_ms=self.now_ms, evidence=self._read(),
        )  # fmt: skip

    def _listed(self, request: SearchOrder | FetchOpenOrders | FetchFills) -> Message:
        head, asked = self._head(request), self.now_ms
        orders = tuple(each.claim for each in self.orders.values())
        fills = tuple(fill for each in self.orders.values() for fill in each.fills)
        if isinstance(request, FetchOpenOrders):
            working = tuple(claim for claim in orders if claim.status is PublicStatus.OPEN)
            return make(OpenOrdersFetched, **head, orders=working, asked_venue_ms=asked, evidence=self._read())
        if isinstance(request, FetchFills):
            return make(FillsFetched, **head, symbol=request.symbol, fills=fills, asked_venue_ms=asked)
        return make(
            OrdersSearched, **head, symbol=request.symbol, orders=orders, fills=fills, sources=SOURCES,
            asked_venue_ms=asked, evidence=self._read(),
        )  # fmt: skip

    @property
    def now_ms(self) -> int:
        """The venue's clock, which is ours."""
        return self.account.now_ms

    def _head(self, request: Any) -> dict[str, Any]:
        return HEAD | {"order_id": request.order_id}

    def _evidence(self) -> Evidence:
        return self.account.now_evidence()

    def _read(self) -> Evidence:
        return self.account.now_evidence(EvidenceSource.LOOKUP)

    # ----- what it has come to

    def working(self) -> list[Resting]:
        """The orders that may still execute."""
        return [each for each in self.orders.values() if each.works]

    def executed(self) -> Decimal:
        """What has executed of all of them."""
        return sum((each.claim.filled_size for each in self.orders.values()), Decimal(0))


def working_order(account: ModifyAccount, venue: Venue, **terms: Any) -> PlaceOrder:
    """An order that works at the venue."""
    place = account.placed(**{"side": Side.BUY, "type": OrderType.LIMIT, "size": SIZE, "price": PRICE} | terms)
    request = venue.take(PlaceOrder)
    account.do(venue.carry_out(request))
    return place


def ask(account: ModifyAccount, correlation_id: str) -> None:
    """A host makes the request `r1`, for the first time or again."""
    terms = {"side": Side.BUY, "size": SIZE, "price": PRICE}
    account.do(submit(request_id="r1", correlation_id=correlation_id, **terms))


def in_flight() -> tuple[ModifyAccount, Venue, PlaceOrder]:
    """The order of `r1`, which has left, and whose answer is awaited by `s1`."""
    account = ModifyAccount()
    venue = Venue(account)
    ask(account, "s1")
    return account, venue, venue.take(PlaceOrder)


def at_work(**can: Any) -> tuple[ModifyAccount, Venue, PlaceOrder]:
    """The order of `r1`, which works at the venue."""
    account = ModifyAccount(**can)
    venue = Venue(account)
    ask(account, "s1")
    place = venue.take(PlaceOrder)
    account.do(venue.carry_out(place))
    account.pass_ms(10)
    return account, venue, place
