"""Fills over real sockets: a paper venue with accounts, order managers on it, and the venue's truth in exact fractions.

The reference shares no arithmetic with the product: it adds the venue's own record up in `fractions.Fraction`.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Self, TypeVar

from actors import Oms
from actors.domain.positions import average_entry, realised_pnl
from actors.settings import Settings
from actors.store.port import Table
from exchanges.paper.client import ControlClient, PaperProcess
from messages import OrderPlaced, OrderType, Side, SubmitOrder
from messages.codec import decode_record
from messages.events import Alert, Event, FillRecorded
from messages.fills import Fill, Position
from messages.queries import FillsSnapshot, GetFills
from messages.types import Order, OrderState

EXCHANGE = "binance"
SYMBOL = "BTC-USDT"
PRICE = Decimal("42500.00")
SIZE = Decimal("0.01000")
FEE = Decimal("0.001")
"""Share of what an execution delivers that the venue keeps."""
FUNDS = {"USDT": Decimal(10**9), "BTC": Decimal(10**6), "ETH": Decimal(10**6)}
DEADLINE_S = 30.0
_CLOSE_ENOUGH = Fraction(1, 10**30)
_STATES = {
    "OPEN": {OrderState.ACKNOWLEDGED},
    "FILLED": {OrderState.FILLED},
    "CANCELLED": {OrderState.CANCELLED, OrderState.PARTIAL_FILL_TIMEOUT},
    "EXPIRED": {OrderState.EXPIRED},
}

Row = dict[str, Any]
T = TypeVar("T")


class FillVenue:
    """A paper venue in a process of its own. Accounts are opened as tests need them."""

    def __init__(self, *, seed: int = 5) -> None:
        self._process = PaperProcess(seed=seed)
        self._keys: dict[str, dict[str, str]] = {}

    def __enter__(self) -> Self:
        self._process.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.__exit__(None, None, None)

    @property
    def control(self) -> ControlClient:
        return self._process.control()

    @property
    def announced(self) -> dict[str, Any]:
        return self._process.venues[EXCHANGE]

    def open_account(self, name: str, *, scripted: bool = True) -> dict[str, str]:
        self._keys[name] = self.control.add_account(name, FUNDS, scripted=scripted)
        return self._keys[name]

    def keys(self, *accounts: str) -> dict[str, dict[str, str]]:
        """The keys of these accounts, opened here before."""
        return {name: self._keys[name] for name in accounts}

    @contextmanager
    def trading(self, folder: Path, *accounts: str, **management: Any) -> "Iterator[Desk]":
        """A running order manager for these accounts."""
        settings = settings_for(self.announced, self.keys(*accounts), **management)
        with Oms(settings, data_folder=folder) as oms:
            assert oms.runtime.all_open(), "not every gate opened in time"
            yield Desk(oms, self.control)


_WATCHFUL = {
    # Audits as often as they can be; look-ups that do not tire while a fault lasts.
    "partialFillTracking": {"audit": {"intervalMs": 1000}},
    "verification": {
        "maxVerificationAttempts": 5,
        "verificationRetryIntervals": [200, 300, 500, 700, 1000],
        "slowRetryInterval": 1000,
    },
}


def settings_for(
    announced: dict[str, Any], keys: dict[str, dict[str, str]], *, redis_url: str | None = None, **management: Any
) -> Settings:
    """Settings for the accounts with these keys; `management` adds to the section `orderManagement`."""
    environ: dict[str, str] = {}
    listed = []
    for number, (name, pair) in enumerate(keys.items()):
        environ |= {f"KEY_{number}": pair["apiKey"], f"SECRET_{number}": pair["apiSecret"]}
        credentials = {"apiKeyEnv": f"KEY_{number}", "apiSecretEnv": f"SECRET_{number}"}
        listed.append({"id": name, "exchanges": {EXCHANGE: credentials}})
    # Proof of absence has to wait until nothing that was sent is valid any more.
    venue = {"restUrl": announced["restUrl"], "streamUrl": announced["streamUrl"], "validForMs": 2000}
    return Settings.load(
        {
            "deployment": {"name": "fills"},
            "redis": {"url": redis_url, "durability": "everysec"},
            "exchanges": {EXCHANGE: venue},
            "accounts": listed,
            "orderManagement": _WATCHFUL | management,
        },
        environ=environ,
    )


def tracking(**timeout: Any) -> dict[str, Any]:
    """The section `partialFillTracking` with these settings of timeouts."""
    return {"partialFillTracking": {"audit": {"intervalMs": 1000}, "timeout": timeout}}


@dataclass
class Desk:
    """An order manager, its venue's control port, and everything that was heard of its accounts."""

    oms: Oms
    control: ControlClient
    heard: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.oms.subscribe(self.heard.append)

    def place(self, account: str, *, side: Side = Side.BUY, size: Decimal = SIZE, **terms: Any) -> Order:
        """Place a limit order and wait until the venue has it."""
        command = SubmitOrder(
            account_id=account, exchange=EXCHANGE, symbol=SYMBOL, side=side, type=OrderType.LIMIT, size=size,
            allow_duplicate=True, **{"price": PRICE, **terms},
        )  # fmt: skip
        reply = self.oms.submit(command).result(DEADLINE_S)
        assert isinstance(reply, OrderPlaced), reply
        return self.order(account, reply.view.local_id)

    def order(self, account: str, order_id: str) -> Order:
        """An order as it is published now."""
        return self.oms.views(account).orders[order_id]

    def settled(self, order: Order, *states: OrderState) -> Order:
        """Wait until an order is in one of these states with nothing under way; returns it."""

        def found() -> Order | None:
            now = self.order(order.account_id, order.order_id)
            quiet = not now.cancel_pending and now.verification is None
            return now if now.state in states and quiet else None

        return until(found, f"{order.order_id} to be one of {states}")

    def filled(self, order: Order, size: Decimal) -> Order:
        """Wait until so much of an order is booked; returns it."""

        def found() -> Order | None:
            now = self.order(order.account_id, order.order_id)
            return now if now.filled_size >= size else None

        return until(found, f"{size} of {order.order_id} to be booked")

    def alerts(self, account: str, name: str) -> list[Alert]:
        return [
            each for each in list(self.heard)
            if isinstance(each, Alert) and (each.account_id, each.name) == (account, name)
        ]  # fmt: skip

    def repeated(self) -> int:
        """How often an execution was told that was booked already."""
        found = self.oms.registry.collect()
        samples = (sample for metric in found for sample in metric.samples)
        return int(sum(each.value for each in samples if each.name == "order_fill_deduplication_hits_total"))

    def position(self, account: str, symbol: str = SYMBOL) -> Position | None:
        return self.oms.views(account).positions.get((EXCHANGE, symbol))


def venue_id(order: Order) -> int:
    """The venue's number of an order."""
    assert order.venue_order_id is not None
    return int(order.venue_order_id)


def until(condition: Callable[[], T | None], what: str, deadline_s: float = DEADLINE_S) -> T:
    """Wait until a condition has a value that is true; returns it."""
    deadline = time.monotonic() + deadline_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
    return value


# ----- the reference


@dataclass
class Reference:
    """What a venue's executions add up to, exactly."""

    size: Fraction = Fraction(0)
    entry_value: Fraction = Fraction(0)
    cash: Fraction = Fraction(0)
    fees: dict[str, Fraction] = field(default_factory=dict)
    count: int = 0

    def add(self, row: Row) -> None:
        """Add one execution, by average cost."""
        signed = Fraction(row["size"]) * (1 if row["side"] == Side.BUY else -1)
        price = Fraction(row["price"])
        in_base = row["feeCurrency"] == row["symbol"].split("-")[0]
        after = self.size + signed - (Fraction(row["fee"]) if in_base else 0)
        if self.size * signed >= 0 and after * signed > 0:
            self.entry_value += signed * price
        elif after * self.size > 0:
            self.entry_value = self.entry_value * after / self.size
        else:
            self.entry_value = after * price
        self.size = after
        self.cash -= signed * price
        self.count += 1
        if Fraction(row["fee"]):
            self.fees[row["feeCurrency"]] = self.fees.get(row["feeCurrency"], Fraction(0)) + Fraction(row["fee"])


def reference(rows: list[Row]) -> Reference:
    """Add executions up in the order in which the venue made them."""
    total = Reference()
    for row in sorted(rows, key=lambda each: (each["atMs"], each["tradeId"])):
        total.add(row)
    return total


def differences(desk: Desk, account: str) -> list[str]:
    """Everything in which our records of an account differ from what its venue did. Call it when all is quiet."""
    orders = {row["venueOrderId"]: row for row in desk.control.orders(account=account)}
    executions = desk.control.executions(account=account)
    known = list(desk.oms.views(account).orders.values())
    ours = {order.venue_order_id: order for order in known if order.venue_order_id}
    found = [f"venue order {number} is unknown" for number in orders.keys() - ours.keys()]
    for number, order in ours.items():
        rows = [row for row in executions if row["venueOrderId"] == number]
        found += _order_differences(desk, order, orders[number or ""], rows)
    return found + _ledger_differences(desk, account, executions) + _position_differences(desk, account, executions)


def _order_differences(desk: Desk, order: Order, row: Row, rows: list[Row]) -> list[str]:
    views = desk.oms.views(order.account_id)
    fills = views.fills.get(order.order_id, ())
    quantity = sum((Fraction(each["size"]) for each in rows), Fraction(0))
    value = sum((Fraction(each["size"]) * Fraction(each["price"]) for each in rows), Fraction(0))
    states = {OrderState.PARTIALLY_FILLED} if rows and row["status"] == "OPEN" else _STATES[row["status"]]
    snapshot = desk.oms.ask(GetFills(account_id=order.account_id, order_id=order.order_id))
    assert isinstance(snapshot, FillsSnapshot)
    average = snapshot.weighted_average_price
    booked = Counter((each.fill_id, Fraction(each.price), Fraction(each.size), Fraction(each.fee)) for each in fills)
    holds = {
        "state": order.state in states,
        "executions": booked == Counter(_key(each) for each in rows),
        "filled size": Fraction(order.filled_size) == quantity,
        "filled value": Fraction(order.filled_value) == value,
        "count": order.fill_count == len(rows),
        "average": average is None if not rows else _alike(average, value / quantity),
        "fees": {name: Fraction(fee) for name, fee in order.fees if fee} == reference(rows).fees,
    }
    return [f"{what} of {order} is not that of {row}, {rows}" for what, same in holds.items() if not same]


def _key(row: Row) -> tuple[str, Fraction, Fraction, Fraction]:
    return row["fillId"], Fraction(row["price"]), Fraction(row["size"]), Fraction(row["fee"])


def _ledger_differences(desk: Desk, account: str, executions: list[Row]) -> list[str]:
    tables = desk.oms.runtime.store.load(account)
    stored = [decode_record(Fill, raw) for raw in tables.get(Table.FILLS, {}).values()]
    ours = Counter((each.symbol, each.fill_id, each.venue_order_id) for each in stored)
    theirs = Counter((row["symbol"], row["fillId"], row["venueOrderId"]) for row in executions)
    found = [] if ours == theirs else [f"the stored ledger is {ours}, the venue's {theirs}"]
    events = (event.fill for event in desk.oms.events(account) if isinstance(event, FillRecorded))
    told = Counter((each.symbol, each.fill_id, each.venue_order_id) for each in events)
    if told != theirs:
        found.append(f"the stored events tell of {told}, the venue of {theirs}")
    positions = [decode_record(Position, raw) for raw in tables.get(Table.POSITIONS, {}).values()]
    if {(each.exchange, each.symbol): each for each in positions} != desk.oms.views(account).positions:
        found.append(f"the stored positions are {positions}")
    return found


def _position_differences(desk: Desk, account: str, executions: list[Row]) -> list[str]:
    found = []
    symbols = {row["symbol"] for row in executions}
    for symbol in symbols | {name for _, name in desk.oms.views(account).positions}:
        truth = reference([row for row in executions if row["symbol"] == symbol])
        ours = desk.position(account, symbol)
        if ours is None:
            found.append(f"no position in {symbol}; the venue's is {truth}")
            continue
        average = average_entry(ours)
        holds = {
            "size": Fraction(ours.size) == truth.size,
            "cash": Fraction(ours.cash) == truth.cash,
            "entry": _alike(ours.entry_value, truth.entry_value),
            "average": average is None if not truth.size else _alike(average, truth.entry_value / truth.size),
            "profit": _alike(realised_pnl(ours), truth.cash + truth.entry_value),
            "fees": {name: Fraction(fee) for name, fee in ours.fees if fee} == truth.fees,
            "count": ours.fill_count == truth.count,
        }
        found += [f"{what} of {ours} is not that of {truth}" for what, same in holds.items() if not same]
    return found


def _alike(one: Decimal | None, other: Fraction) -> bool:
    return one is not None and abs(Fraction(one) - other) <= _CLOSE_ENOUGH * max(Fraction(1), abs(other))
