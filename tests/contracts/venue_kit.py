"""The desk of the venue contract: one account at one paper venue, our gateway to it, and the venue's own record."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from queue import Empty, Queue
from random import Random
from typing import Any, TypeVar
from uuid import UUID

import pytest
from venue_claims import UUIDS, is_settled, not_ahead

from exchanges.gateway_pool import PooledGateway
from exchanges.http import SystemClock
from exchanges.paper.client import PaperProcess
from exchanges.paper.faults import Fault, FaultRule, RequestKind
from exchanges.registry import Credential, VenueSettings, capabilities, open_gateway
from messages.commands import (
    AmendVenueOrder,
    CancelVenueOrder,
    FetchFills,
    FetchOpenOrders,
    LookUpOrder,
    PlaceOrder,
    ReplaceVenueOrder,
    SearchOrder,
    VenueRequest,
)
from messages.fills import VenueFill
from messages.reports import (
    CallReport,
    FillReceived,
    FillsFetched,
    LookUpFailed,
    OpenOrdersFetched,
    OrderFound,
    OrderReported,
    OrdersSearched,
    PlaceAccepted,
    StreamConnected,
    StreamReport,
)
from messages.types import OrderType, PublicStatus, Side, TimeInForce, VenueOrder

DEADLINE_S = 15.0
ACCOUNT_ID = "1"
TEN = Decimal(10)
_Found = TypeVar("_Found")
_Changes = (PlaceOrder, CancelVenueOrder, AmendVenueOrder, ReplaceVenueOrder)

@dataclass(frozen=True)
class Market:
    """One symbol of a venue, and prices and sizes that suit it."""

    rules: dict[str, Any]

    @property
    def symbol(self) -> str:
        return str(self.rules["symbol"])

    @property
    def tick(self) -> Decimal:
        return Decimal(self.rules["tick_size"])

    @property
    def step(self) -> Decimal:
        return Decimal(self.rules["step_size"])

    @property
    def lot(self) -> Decimal:
        """A size that can be halved twice and still be placed."""
        least = Decimal(self.rules["min_notional"]) * 40 / self.price
        return max(self.step * 4, (least // (self.step * 4) + 1) * self.step * 4)

    @property
    def price(self) -> Decimal:
        return Decimal(self.rules["reference_price"])

    def away(self, side: Side, steps: int = 0) -> Decimal:
        """A price far from the market, where nothing meets an order of this side."""
        factor = Decimal("0.9") if side is Side.BUY else Decimal("1.1")
        return self.price * factor // self.tick * self.tick + steps * self.tick


class Desk:
    """One account at one venue. Everything a case does goes through here, over real sockets."""

    def __init__(self, process: PaperProcess, venue: str, case: str) -> None:
        self.venue = venue
        self.can = next(can for can in capabilities() if can.venue == venue)
        """What our adapter says that the venue can do."""
        self.control = process.control(venue)
        self.clock = SystemClock()
        self.account = f"{venue}-{case}"
        self.maker, self.taker = f"{self.account}-maker", f"{self.account}-taker"
        """Others, who can always pay."""
        self._count = 0
        self._process = process
        self._gateways: list[PooledGateway] = []
        self._rules = self.control.instruments()
        self.market, self.other = (Market(rules) for rules in self._rules[:2])
        self.keys = self.control.add_account(self.account, self._funds())
        for other in (self.maker, self.taker):
            self.control.add_account(other, unlimited=True)
        self._heard = threading.Condition()
        self._reports: list[StreamReport] = []

    def _funds(self) -> dict[str, Decimal]:
        assets = {rules["quote"] for rules in self._rules}
        bases = set() if self.can.margin else {rules["base"] for rules in self._rules}
        return dict.fromkeys(sorted(assets), Decimal(1_000_000_000)) | dict.fromkeys(sorted(bases), Decimal(1_000))

    def close(self) -> None:
        """End what was begun, and leave an empty book."""
        self.control.set_faults()
        for gateway in self._gateways:
            gateway.close()
        self.control.end_outage()
        self.control.lift_ban()
        self.control.set_clock_skew(0)
        self.control.enforce_limits(enabled=False)
        for account in (self.account, self.maker, self.taker):
            self.clear(account)

    def clear(self, account: str) -> None:
        """Cancel all that works of an account, past the wire."""
        self.control.cancel_all(account)

    # ----- our side

    def open(self, *, call_timeout_ms: int = 3000) -> PooledGateway:
        """A gateway of the account."""
        described = self._process.venues[self.venue]
        keys = self.keys
        number = keys.get("accountNumber")
        gateway = open_gateway(
            self.venue,
            account_id=ACCOUNT_ID,
            credential=Credential(
                api_key=keys["apiKey"],
                api_secret=keys.get("apiSecret", ""),
                passphrase=keys.get("passphrase", ""),
                user_name=keys.get("userName", ""),
                account_number=None if number is None else int(number),
            ),
            settings=VenueSettings(
                rest_url=described["restUrl"], stream_url=described["streamUrl"], call_timeout_ms=call_timeout_ms
            ),
            clock=self.clock,
            random=Random(self.account),
        )
        self._gateways.append(gateway)
        return gateway

    @cached_property
    def gateway(self) -> PooledGateway:
        return self.open()

    def ask(self, request: VenueRequest, gateway: PooledGateway | None = None) -> Any:
        """Carry out one request and return its one report.

        A question gets a session of its own where none is given, so that its budgets of calls are untouched: no case
        waits until a venue's counters have worn off.
        """
        if gateway is not None or isinstance(request, _Changes):
            return self._ask(request, gateway or self.gateway)
        reader = self.open()
        report = self._ask(request, reader)
        reader.close()
        return report

    def renew(self) -> None:
        """Replace the session by one whose budgets are untouched."""
        self.gateway.close()
        del self.gateway

    def _ask(self, request: VenueRequest, gateway: PooledGateway) -> Any:
        answers: Queue[CallReport] = Queue()
        gateway.submit(request, answers.put)
        try:
            return answers.get(timeout=DEADLINE_S * 2)
        except Empty:
            pytest.fail(f"{type(request).__name__} was never answered")

    def new_id(self) -> str:
        """A client order id that nobody has used."""
        self._count += 1
        return sha256(f"{self.account}/{self._count}".encode()).hexdigest()[:32]

    def head(self, order_id: str = "") -> dict[str, Any]:
        return {"account_id": ACCOUNT_ID, "exchange": self.venue, "order_id": order_id}

    def valid_until(self) -> int:
        return self.clock.now_ms() + self.gateway.venue_offset_ms() + 10_000

    def placement(self, client_id: str, **terms: Any) -> PlaceOrder:
        """A placement: a resting limit order to buy, but for what is said."""
        side = terms.get("side", Side.BUY)
        kind = terms.get("type", OrderType.LIMIT)
        immediate = kind is OrderType.MARKET
        usual: dict[str, Any] = {
            "attempt": 1,
            "client_order_id": client_id,
            "symbol": self.market.symbol,
            "side": side,
            "type": kind,
            "time_in_force": TimeInForce.IOC if immediate else TimeInForce.GTC,
            "size": self.market.lot,
            "price": self.market.away(side) if kind is OrderType.LIMIT else None,
            "valid_until_venue_ms": self.valid_until(),
        }
        return PlaceOrder(**self.head(client_id), **(usual | terms))

    def place(self, client_id: str, *, gateway: PooledGateway | None = None, **terms: Any) -> Any:
        """Place an order and return the report."""
        return self.ask(self.placement(client_id, **terms), gateway)

    def rest(self, **terms: Any) -> dict[str, Any]:
        """Place an order that the venue accepts; return the venue's record of it."""
        client_id = self.new_id()
        report = self.place(client_id, **terms)
        assert isinstance(report, PlaceAccepted), report
        row = self.row(client_id)
        assert report.venue_order_id == row["venueOrderId"]
        return row

    def cancel(
        self, row: dict[str, Any], *, gateway: PooledGateway | None = None, by_client_id: bool = False
    ) -> Any:
        request = CancelVenueOrder(
            **self.head(row["clientOrderId"]),
            symbol=row["symbol"],
            client_order_id=row["clientOrderId"],
            venue_order_id=None if by_client_id else row["venueOrderId"],
        )
        return self.ask(request, gateway)

    def amendment(self, row: dict[str, Any], **changes: Any) -> AmendVenueOrder:
        terms = {
            "size": Decimal(row["size"]),
            "price": None if row["price"] is None else Decimal(row["price"]),
            "stop_price": None if row["stopPrice"] is None else Decimal(row["stopPrice"]),
        }
        return AmendVenueOrder(
            **self.head(row["clientOrderId"]),
            symbol=row["symbol"],
            client_order_id=row["clientOrderId"],
            venue_order_id=row["venueOrderId"],
            valid_until_venue_ms=self.valid_until(),
            **(terms | changes),
        )

    def amend(self, row: dict[str, Any], **changes: Any) -> Any:
        return self.ask(self.amendment(row, **changes))

    def replace(self, row: dict[str, Any], client_id: str, **terms: Any) -> Any:
        request = ReplaceVenueOrder(
            **self.head(row["clientOrderId"]),
            symbol=row["symbol"],
            client_order_id=row["clientOrderId"],
            venue_order_id=row["venueOrderId"],
            place=self.placement(client_id, **terms),
        )
        return self.ask(request)

    def look_up(
        self,
        client_id: str,
        venue_order_id: str | None = None,
        symbol: str | None = None,
        gateway: PooledGateway | None = None,
    ) -> Any:
        request = LookUpOrder(
            **self.head(client_id),
            symbol=symbol or self.market.symbol,
            client_order_id=client_id,
            venue_order_id=venue_order_id,
            budget_ms=10_000,
        )
        return self.ask(request, gateway)

    def search(self, client_id: str, *, back_ms: int = 60_000, symbol: str | None = None) -> Any:
        """Search around now."""
        now_ms = self.clock.now_ms() + self.gateway.venue_offset_ms()
        request = SearchOrder(
            **self.head(client_id),
            symbol=symbol or self.market.symbol,
            client_order_id=client_id,
            from_venue_ms=now_ms - back_ms,
            to_venue_ms=now_ms + 5_000,
            budget_ms=20_000,
        )
        return self.ask(request)

    def open_orders(self, symbol: str | None = None) -> tuple[VenueOrder, ...]:
        """List open orders, again while one of them is shown as on its way."""

        def settled() -> tuple[tuple[VenueOrder, ...]] | None:
            report = self.ask(FetchOpenOrders(**self.head(), symbol=symbol))
            assert isinstance(report, OpenOrdersFetched), report
            assert report.unreadable == 0
            return (report.orders,) if all(order.status is PublicStatus.OPEN for order in report.orders) else None

        return self.eventually(settled, "all open orders are shown as open")[0]

    def fills(self, **filters: Any) -> tuple[VenueFill, ...]:
        report = self.ask(FetchFills(**self.head(), **({"symbol": self.market.symbol} | filters)))
        assert isinstance(report, FillsFetched), report
        assert report.unreadable == 0
        return report.fills

    def found(self, row: dict[str, Any], *, by_client_id: bool = False, in_trouble: bool = False) -> OrderFound:
        """Look an order up until what is shown has come as far as the record; it must never be ahead.

        In trouble: the venue may be unable to answer for a while.
        """
        venue_order_id = None if by_client_id else row["venueOrderId"]

        def settled() -> OrderFound | None:
            report = self.look_up(row["clientOrderId"], venue_order_id, row["symbol"])
            if in_trouble and isinstance(report, LookUpFailed):
                return None
            assert isinstance(report, OrderFound), report
            now = self.now(row)
            not_ahead(report.order, now)
            complete = report.fills_complete or not report.order.filled_size
            return report if complete and is_settled(report.order, now) else None

        return self.eventually(settled, "the venue shows the order as it is")

    def search_until(self, row: dict[str, Any], *, in_trouble: bool = False) -> tuple[VenueOrder, OrdersSearched]:
        """Search in the same way: the order, and the report that shows it."""

        def settled() -> tuple[VenueOrder, OrdersSearched] | None:
            report = self.search(row["clientOrderId"], symbol=row["symbol"])
            if in_trouble and isinstance(report, LookUpFailed):
                return None
            assert isinstance(report, OrdersSearched), report
            assert (report.unreadable, set(report.sources)) == (0, set(self.can.search_sources))
            now = self.now(row)
            (order,) = (one for one in report.orders if one.venue_order_id == now["venueOrderId"])
            not_ahead(order, now)
            return (order, report) if is_settled(order, now) else None

        return self.eventually(settled, "the venue lists the order as it is")

    def find(self, client_id: str) -> VenueOrder | None:
        """What the venue's interface knows of a client order id, by whatever way there is to it."""
        if self.can.lookup_by_client_id:
            report = self.look_up(client_id)
            return report.order if isinstance(report, OrderFound) else None
        return next((order for order in self.search(client_id).orders if order.client_order_id == client_id), None)

    # ----- the stream

    def open_stream(self, gateway: PooledGateway | None = None) -> None:
        """Open the account's stream and wait until it is connected."""
        (gateway or self.gateway).open_stream(self._hear)
        self.hear(lambda report: isinstance(report, StreamConnected))

    def _hear(self, report: StreamReport) -> None:
        with self._heard:
            self._reports.append(report)
            self._heard.notify_all()

    @property
    def told(self) -> tuple[StreamReport, ...]:
        """What the stream told so far."""
        with self._heard:
            return tuple(self._reports)

    def hear(self, wanted: Callable[[Any], object], *, skip: int = 0) -> Any:
        """Wait until the stream tells what is wanted, after the first `skip` reports; return that."""

        def found() -> StreamReport | None:
            return next((report for report in self._reports[skip:] if wanted(report)), None)

        with self._heard:
            if not self._heard.wait_for(lambda: found() is not None, DEADLINE_S):
                pytest.fail(f"the stream never told it, but {self._reports[skip:]}")
            return found()

    def fills_told(self) -> tuple[VenueFill, ...]:
        """Executions that the stream told, whichever way."""
        fills = (report.fill for report in self.told if isinstance(report, OrderReported | FillReceived))
        return tuple(fill for fill in fills if fill is not None)

    # ----- the venue's record

    def rows(self, client_id: str) -> list[dict[str, Any]]:
        """The venue's orders of a client order id."""
        found = self.control.orders(account=self.account, clientOrderId=self.at_venue(client_id))
        return [row | {"clientOrderId": client_id} for row in found]

    def at_venue(self, client_id: str) -> str:
        """A client order id as the venue's record has it."""
        return str(UUID(client_id)) if self.venue in UUIDS else client_id

    def place_by_hand(self, count: int, market: Market, **terms: Any) -> list[dict[str, Any]]:
        """Open orders of the account that were placed past the wire."""
        ids = {self.at_venue(client_id): client_id for client_id in (self.new_id() for _ in range(count))}
        usual = {"side": Side.BUY, "size": market.lot, "price": market.away(Side.BUY)}
        placed = self.control.place_many(self.account, list(ids), symbol=market.symbol, **(usual | terms))
        return [row | {"clientOrderId": ids[row["clientOrderId"]]} for row in placed]

    def row(self, client_id: str) -> dict[str, Any]:
        """The venue's one order of a client order id."""
        (only,) = self.rows(client_id)
        return only

    def now(self, row: dict[str, Any]) -> dict[str, Any]:
        """The record of an order as it is now."""
        (same,) = (one for one in self.rows(row["clientOrderId"]) if one["orderId"] == row["orderId"])
        return same

    def executions(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        return self.control.executions(account=self.account, orderId=row["orderId"])

    def withdraw(self, asset: str, *, keep: Decimal) -> None:
        """Leave the account no more than this of an asset."""
        free = Decimal(self.control.balances(self.account)[asset]["free"])
        self.control.deposit(self.account, asset, keep - free)

    def meet(self, side: Side, size: Decimal, price: Decimal, *, account: str | None = None) -> dict[str, Any]:
        """Let somebody else place a limit order."""
        return self.control.place(
            account or self.maker, self.new_id(), symbol=self.market.symbol, side=side, size=size, price=price
        )

    def placements(self) -> int:
        """How many requests that change something have reached the venue."""
        kinds = self.control.summary()["requests"]
        changing = (RequestKind.PLACE, RequestKind.CANCEL, RequestKind.AMEND, RequestKind.REPLACE)
        return sum(kinds.get(kind, 0) for kind in changing)

    # ----- what goes wrong

    def once(self, fault: Fault, kind: RequestKind, **more: Any) -> None:
        """Let a fault hit the next request of a kind."""
        self.control.add_fault(FaultRule(fault=fault, kind=kind, count_max=1, **more))

    def happened(self, fault: Fault) -> int:
        return int(self.control.summary()["faults"].get(fault, 0))

    def eventually(self, condition: Callable[[], _Found | None], what: str) -> _Found:
        """Ask until the answer is true, at most until the deadline; return the answer."""
        deadline = time.monotonic() + DEADLINE_S
        while not (answer := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"did not come true: {what}")
            time.sleep(0.01)
        return answer


def case(function: Callable[[Desk], None]) -> Callable[[Desk], None]:
    """Mark a promise of the contract: it is checked at every venue."""
    CASES.append(function)
    return function


CASES: list[Callable[[Desk], None]] = []
