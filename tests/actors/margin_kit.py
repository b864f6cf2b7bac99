"""An account of positions: the kit's venue as one with margin accounts, and a contract that is traded there."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from actors.store.port import Table
from messages.commands import PlaceOrder
from messages.reports import (
    BalancesFetched,
    InstrumentsFetched,
    OpenOrdersFetched,
    OrdersSearched,
    ServerTimeFetched,
    StreamConnected,
)
from messages.types import OrderType, Side, TimeInForce
from tests.actors.account_kit import HEAD, INSTRUMENT, Account, executed
from tests.factories import make

D = Decimal
CONTRACT = "CON.F.US.EP.Z26"
ES = replace(
    INSTRUMENT,
    symbol=CONTRACT,
    venue_symbol=CONTRACT,
    base=CONTRACT,
    quote="USD",
    tick_size=D("0.25"),
    step_size=D(1),
    min_size=D(1),
    multiplier=D(50),
)
"""An index future: a point is worth 50 USD."""
FEES = {"fee": D("1.4"), "fee_currency": "USD"}


class MarginAccount(Account):
    """An account on a venue that holds positions, has no time in force but the ordinary one, and changes nothing."""

    def load(self, records: dict[Table, dict[str, bytes]], epoch: int = 1) -> None:
        """The account is ours, with these records."""
        policy = self.actor._policy.exchanges["binance"]
        able = replace(policy.capabilities, margin=True, times_in_force=frozenset({TimeInForce.GTC}), post_only=False)
        self.actor._policy.exchanges["binance"] = replace(policy, capabilities=able)
        super().load(records, epoch)

    def restarted(self, *, open_gate: bool = True) -> "MarginAccount":
        """The account in the next process."""
        return MarginAccount(open_gate=open_gate, stored=self.stored, start_ms=self.now_ms, **self.policy)

    def connect(self, exchange: str = "binance", *, keep: bool = False, history: bool = True) -> None:
        """The stream is up, the contract is known and a list was fetched: the gate is open."""
        now_ms = self.now_ms
        self.do(make(ServerTimeFetched, **HEAD, offset_ms=0))
        self.know(ES)
        self.do(make(StreamConnected, **HEAD, received_ms=now_ms))
        self.do(make(OpenOrdersFetched, **HEAD, orders=(), evidence=self.evidence()))
        self.do(make(OrdersSearched, **HEAD, symbol=CONTRACT, orders=(), fills=(), evidence=self.evidence()))
        if not keep:
            self.sent.clear()
            self.events.clear()

    def know(self, *instruments: Any) -> None:
        """The venue lists contracts."""
        self.do(make(InstrumentsFetched, **HEAD, instruments=instruments))

    def trade(self, side: Side, size: str, price: str, number: int) -> PlaceOrder:
        """An order that executes whole."""
        venue_id = str(number)
        terms = {"request_id": f"r{number}", "correlation_id": f"c{number}", "symbol": CONTRACT}
        place = self.working(venue_id, side=side, size=D(size), price=D(price), **terms)
        self.hear_fill(executed(place, size, venue_id, venue_order_id=venue_id, price=D(price), **FEES))
        return place

    def hold(self, net: str | None = None) -> None:
        """A while later the venue lists what was executed, all of it known, and its net position; None: it is flat."""
        self.pass_ms(6000)
        self.list_fills(symbol=CONTRACT, asked_venue_ms=self.now_ms)
        rows = () if net is None else ((CONTRACT, D(net), D(net)),)
        self.do(make(BalancesFetched, **HEAD, balances=rows, received_ms=self.now_ms))


MARKET = {"type": OrderType.MARKET, "price": None, "symbol": CONTRACT}
