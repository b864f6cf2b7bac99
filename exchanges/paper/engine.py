"""The pure matching engine of the paper venue: requests in, events out. No I/O, no clock, no threads, no randomness.

Whoever drives it hands in the venue's time as `now_ms` with every call and gets back the events of that call, in order.
The same calls give the same events. The engine rejects and expires as a venue does; it never raises for what a client
may ask, only for misuse by its driver (`ValueError`).

    engine = Engine(instruments)
    engine.add_account("a1", {"USDT": Decimal(1000)})
    events = engine.place(NewOrder(account="a1", ...), now_ms)      # OrderAccepted first, or one RequestRefused
    events = engine.cancel("a1", order_id, now_ms, cancel_id="c1")  # OrderCancelled, or RequestRefused
    events = engine.amend("a1", order_id, new_size, now_ms)         # size down only, keeps its place in the queue
    events = engine.modify("a1", order_id, now_ms, price=price)     # size, price and trigger price, up and down
    events = engine.execute(order_id, price, size, now_ms)          # a scripted fill against the outside world
    events, impossible = engine.execute_many(fills, now_ms)         # many of them in one instant
    events = engine.deposit("a1", "USDT", amount, now_ms)           # money from nowhere, or out of the venue
    events = engine.end(order_id, PaperStatus.EXPIRED, now_ms)      # the venue itself cancels, expires or rejects
    events = engine.step(now_ms)                                    # good-till-time orders whose time has come

Queries: `order`, `find`, `open_orders`, `orders_of`, `executions_of`, `balances`, `net`, `entry_price`, `last_price`,
`best`. Auditors read `truth`: every accepted order with its account and client order id, every execution,
`truth.duplicates()`.

Orders of a **scripted** account rest beside the book: they match nothing by themselves and execute only by `execute`.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext

from exchanges.paper.accounts import PLENTY, Ledger, PaperAccount
from exchanges.paper.desk import Desk
from exchanges.paper.floor import Floor
from exchanges.paper.matching import crosses
from exchanges.paper.model import (
    EXACT,
    ClientIdPolicy,
    EndReason,
    Events,
    Execution,
    FeeRules,
    FundsTransferred,
    NewOrder,
    PaperInstrument,
    PaperOrder,
    PaperStatus,
    RefusalReason,
    ScriptedFill,
)
from exchanges.paper.modifying import Change, Modifier
from exchanges.paper.positions import Positions
from exchanges.paper.truth import Truth
from messages.fills import Liquidity
from messages.types import ZERO, Side

_FEES = FeeRules()


class Engine:
    """A venue without wires. See the module's docstring."""

    def __init__(
        self,
        instruments: tuple[PaperInstrument, ...],
        *,
        client_ids: ClientIdPolicy = ClientIdPolicy.OPEN_ONLY,
        fees: FeeRules = _FEES,
        margin: bool = False,
        first_id: int = 1,
    ) -> None:
        """Fees are rounded down to eight decimals. On margin, orders to sell need no base asset: what an account sells
        beyond what it has is a position below zero. Orders and trades are numbered from `first_id` on; no venue gives a
        number twice, not even after it was restarted.
        """
        self._floor = Floor(instruments, fees=fees, margin=margin, first_id=first_id)
        self._desk = Desk(self._floor, client_ids)
        self._modifier = Modifier(self._floor, self._desk)
        self._positions = Positions(self._floor.truth)
        self.fees = fees

    # ----- set-up

    def add_account(
        self,
        name: str,
        balances: Mapping[str, Decimal] | None = None,
        *,
        unlimited: bool = False,
        scripted: bool = False,
        audited: bool = True,
    ) -> None:
        """Open an account; see `PaperAccount` for the switches. Raises ValueError when the name is taken.

        An unlimited account holds plenty of every asset of the instruments, on top of what is given.
        """
        self.ledger.open(PaperAccount(name=name, unlimited=unlimited, scripted=scripted, audited=audited))
        if unlimited:
            for asset in self._floor.assets:
                self.ledger.deposit(name, asset, PLENTY)
        for asset, amount in (balances or {}).items():
            self.ledger.deposit(name, asset, amount)
        self.ledger.take_changes()

    # ----- requests of clients

    def place(self, request: NewOrder, now_ms: int) -> Events:
        """Place an order: `OrderAccepted` and what follows from it, or a single `RequestRefused`."""
        with localcontext(EXACT):
            self._floor.now_ms = now_ms
            self._desk.place(request)
            return self._floor.take_events()

    def cancel(self, account: str, order_id: int, now_ms: int, *, cancel_id: str = "") -> Events:
        """Cancel an account's open order: `OrderCancelled`, or `RequestRefused` with UNKNOWN_ORDER."""
        with localcontext(EXACT):
            self._floor.now_ms = now_ms
            order = self._own_open(account, order_id)
            if order is not None:
                self._floor.cancel(order, EndReason.USER, cancel_id)
            return self._floor.take_events()

    def amend(
        self, account: str, order_id: int, new_size: Decimal, now_ms: int, *, client_order_id: str | None = None
    ) -> Events:
        """Reduce an open order's total size; it keeps its id and place and may take a new client order id.

        A size at or below what has executed ends the order as EXPIRED.
        """
        with localcontext(EXACT):
            self._floor.now_ms = now_ms
            order = self._own_open(account, order_id)
            if order is not None:
                self._desk.amend(order, new_size, client_order_id or order.client_order_id)
            return self._floor.take_events()

    def modify(
        self,
        account: str,
        order_id: int,
        now_ms: int,
        *,
        size: Decimal | None = None,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
        client_order_id: str | None = None,
        post_only: bool | None = None,
    ) -> Events:
        """Change an open order in place: total size, limit price, trigger price, each up or down; it keeps its id.

        `OrderAmended` and what follows from it, or a single `RequestRefused`. It keeps its place in the queue unless
        its price changes or its size grows. At a new price it may match at once; post-only, it is then refused
        WOULD_TAKE. A size at or below what has executed ends it as CANCELLED. How often is not limited here.
        """
        with localcontext(EXACT):
            self._floor.now_ms = now_ms
            order = self._own_open(account, order_id)
            if order is not None:
                change = Change(
                    size=size,
                    price=price,
                    stop_price=stop_price,
                    client_order_id=client_order_id,
                    post_only=post_only,
                )
                self._modifier.modify(order, change)
            return self._floor.take_events()

    def broken_rule(self, request: NewOrder) -> RefusalReason | None:
        """Return why a placement would break the rules of its instrument, or None; nothing is placed."""
        with localcontext(EXACT):
            return self._desk.broken_rule(request)

    # ----- acts of the venue and of scripts

    def close_market(self, *, closed: bool) -> None:
        """Refuse every placement that keeps the rules as NOT_TRADING, or accept them again. Cancels are carried out."""
        self._desk.market_closed = closed

    def execute(
        self,
        order_id: int,
        price: Decimal,
        size: Decimal,
        now_ms: int,
        *,
        liquidity: Liquidity = Liquidity.MAKER,
    ) -> Events:
        """Fill an open order by exactly this against the outside world.

        Raises ValueError when the order is not open and working, when less than `size` remains, or when the price is
        worse than its limit.
        """
        fill = ScriptedFill(order_id, price, size)
        with localcontext(EXACT):
            self._floor.now_ms = now_ms
            if not self._execute(fill, liquidity):
                msg = f"order {order_id} cannot execute {size} at {price}: not working, or beyond its rest or limit"
                raise ValueError(msg)
            return self._floor.take_events()

    def execute_many(
        self, fills: Iterable[ScriptedFill], now_ms: int, *, liquidity: Liquidity = Liquidity.MAKER
    ) -> tuple[Events, tuple[ScriptedFill, ...]]:
        """Fill open orders against the outside world, one fill after another, all in the same millisecond.

        Returns what happened, the balances once at the end, and the fills that were impossible: of those, nothing has
        happened.
        """
        with localcontext(EXACT):
            self._floor.now_ms = now_ms
            impossible = tuple(fill for fill in fills if not self._execute(fill, liquidity))
            return self._floor.take_events(), impossible

    def deposit(self, account: str, asset: str, amount: Decimal, now_ms: int) -> Events:
        """Move money into an account from nowhere, or with a negative amount out of it.

        Raises ValueError when there is no such account or when it has less than that free.
        """
        with localcontext(EXACT):
            if self.ledger.get(account) is None or not amount.is_finite() or amount == ZERO:
                msg = f"no deposit of {amount} {asset} is possible into {account}"
                raise ValueError(msg)
            free, _ = self.ledger.balance(account, asset)
            if free + amount < ZERO:
                msg = f"account {account} has {free} {asset} free"
                raise ValueError(msg)
            self._floor.now_ms = now_ms
            self.ledger.deposit(account, asset, amount)
            self._floor.emit(FundsTransferred, account, asset=asset, amount=amount)
            return self._floor.take_events()

    def end(self, order_id: int, status: PaperStatus, now_ms: int) -> Events:
        """Let the venue itself cancel, expire or reject an order; no events when it is not open any more."""
        with localcontext(EXACT):
            self._floor.now_ms = now_ms
            order = self.order(order_id)
            if order is not None and order.is_open:
                self._desk.end_by_venue(order, status)
            return self._floor.take_events()

    def step(self, now_ms: int) -> Events:
        """Let time pass: expire the good-till-time orders whose time has come."""
        with localcontext(EXACT):
            self._floor.now_ms = now_ms
            for order in self._floor.due():
                self._floor.expire(order, EndReason.TIME)
            return self._floor.take_events()

    # ----- queries

    @property
    def truth(self) -> Truth:
        """The complete record; read only."""
        return self._floor.truth

    @property
    def ledger(self) -> Ledger:
        """All balances; read only."""
        return self._floor.ledger

    @property
    def instruments(self) -> Mapping[str, PaperInstrument]:
        """All instruments by canonical symbol."""
        return self._floor.instruments

    def order(self, order_id: int) -> PaperOrder | None:
        """Return an order by id, open or not."""
        return self.truth.orders.get(order_id)

    def find(self, account: str, symbol: str, client_order_id: str) -> PaperOrder | None:
        """Return the latest order with this client order id, open or not."""
        return self.truth.find(account, symbol, client_order_id)

    def open_orders(self, account: str, symbol: str | None = None) -> tuple[PaperOrder, ...]:
        """Return an account's open orders in the order of acceptance."""
        return self.truth.open_orders(account, symbol)

    def orders_of(self, account: str, symbol: str) -> tuple[PaperOrder, ...]:
        """Return all of an account's orders of a symbol in the order of acceptance."""
        return self.truth.orders_of(account, symbol)

    def executions_of(self, account: str, symbol: str) -> Sequence[Execution]:
        """Return all of an account's executions of a symbol, oldest first."""
        return self.truth.executions_of(account, symbol)

    def balances(self, account: str) -> Mapping[str, tuple[Decimal, Decimal]]:
        """Return free and locked by asset."""
        return self.ledger.balances(account)

    def net(self, account: str, symbol: str) -> Decimal:
        """Return what an audited account has bought of a symbol less what it has sold, base units."""
        return self._positions.net(account, symbol)

    def entry_price(self, account: str, symbol: str) -> Decimal | None:
        """Return the average price at which an audited account entered what `net` says, to twelve decimals; None when
        that is nothing.
        """
        return self._positions.entry_price(account, symbol)

    def last_price(self, symbol: str) -> Decimal:
        """Return the price of the last trade, the instrument's reference price before the first."""
        return self._floor.last_prices[symbol]

    def best(self, symbol: str, side: Side) -> Decimal | None:
        """Return the best resting price of a side, or None."""
        return self._floor.book(symbol).side(side).best()

    def _execute(self, fill: ScriptedFill, liquidity: Liquidity) -> bool:
        order = self.order(fill.order_id)
        if order is None or not order.is_open or not order.working:
            return False
        if not ZERO < fill.size <= order.remaining or not crosses(order.side, order.price, fill.price):
            return False
        self._floor.trade_outside(order, fill.price, fill.size, liquidity)
        self._desk.run_stops(order.symbol)
        return True

    def _own_open(self, account: str, order_id: int) -> PaperOrder | None:
        order = self.order(order_id)
        if order is None or order.account != account or not order.is_open:
            self._floor.refuse(account, RefusalReason.UNKNOWN_ORDER)
            return None
        return order
