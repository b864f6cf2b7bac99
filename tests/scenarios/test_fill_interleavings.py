"""A cancel and a fill cross at the venue, and their reports reach us in either order, over either transport.

In six interleavings a cancel meets a fill of none, a part or all of the quantity, and either report is the first to
arrive. By stream: the cancel's own answer is lost and every question is answered with an error. By REST: no frame
comes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from fill_world import DEADLINE_S, FEE, SIZE, Desk, FillVenue, differences, until, venue_id

from exchanges.paper.client import ControlError
from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages.commands import CancelOrder
from messages.events import FillRecorded, OrderStateChanged
from messages.fills import Fill, FillSource
from messages.queries import CancelDone
from messages.types import EvidenceSource, Order, OrderState

QUESTIONS = (RequestKind.ORDER, RequestKind.ORDERS, RequestKind.OPEN_ORDERS, RequestKind.TRADES)
LATE_MS = 2500
"""How late a cancel is answered so that an audit comes before; below the time after which it counts as lost."""
STALE_MS = 800
HELD_FOR_THE_NEXT = FaultRule(fault=Fault.FRAME_REORDER, count_max=1, amount_ms=5000)
HALF = SIZE / 2


@dataclass(frozen=True)
class Crossing:
    """One interleaving."""

    executed: str
    first: str
    """Whose report arrives first."""

    @property
    def account(self) -> str:
        return f"{self.executed}-{self.first}"

    @property
    def quantity(self) -> Decimal:
        return {"none": Decimal(0), "part": HALF, "all": SIZE}[self.executed]

    @property
    def at_cancel(self) -> list[Fault]:
        """What the venue does just before it carries the cancel out."""
        faults = {"part": [Fault.PARTIAL_FILL_DURING_CANCEL], "all": [Fault.FILL_DURING_CANCEL]}
        return faults.get(self.executed, [])

    @property
    def end(self) -> OrderState:
        return OrderState.FILLED if self.executed == "all" else OrderState.CANCELLED


CROSSINGS = [Crossing(executed, first) for executed in ("none", "part", "all") for first in ("fill", "cancel")]
each_crossing = pytest.mark.parametrize("crossing", CROSSINGS, ids=lambda each: each.account)


@pytest.fixture(scope="module")
def desk(fill_venue: FillVenue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An order manager with an account for each interleaving and transport."""
    accounts = [f"{transport}-{each.account}" for transport in ("stream", "rest") for each in CROSSINGS]
    for account in accounts:
        fill_venue.open_account(account)
    with fill_venue.trading(Path(tmp_path_factory.mktemp("cross")), *accounts) as running:
        yield running


@each_crossing
def test_cancel_crossing_a_fill_told_by_the_stream_alone_ends_as_at_the_venue(desk: Desk, crossing: Crossing) -> None:
    account = f"stream-{crossing.account}"
    if crossing == Crossing("none", "cancel"):
        # What tells that the order works comes after what tells that it was cancelled.
        # The frame with the balances between the two must not let the held one go.
        dropped = FaultRule(fault=Fault.FRAME_DROP, skip=1, count_max=1)
        desk.control.set_faults(HELD_FOR_THE_NEXT, dropped)
    order = desk.place(account)
    for fault in by_stream(crossing):
        desk.control.add_fault(fault)

    ended = cancelled(desk, order, crossing)

    assert {fill.source for fill in fills_of(desk, ended)} <= {FillSource.STREAM}
    assert last_evidence(desk, ended) in (EvidenceSource.STREAM, None)
    assert {rule.fault.value for rule in by_stream(crossing)} - {"error_before"} <= set(hits(desk))
    desk.control.set_faults()
    check(desk, ended, crossing)


def by_stream(crossing: Crossing) -> list[FaultRule]:
    """The questions fail and the cancel's answer does not come; the frames come in the order of the crossing."""
    deaf = [FaultRule(fault=Fault.ERROR_BEFORE, kind=kind) for kind in QUESTIONS]
    during = [FaultRule(fault=fault, kind=RequestKind.CANCEL) for fault in crossing.at_cancel]
    lost = FaultRule(fault=Fault.BREAK_AFTER, kind=RequestKind.CANCEL)
    match crossing.executed, crossing.first:
        case "part", "cancel":
            return [*deaf, *during, lost, HELD_FOR_THE_NEXT]
        case "all", "cancel":
            # The cancel of a filled order makes no frame: it is its lost answer that comes first.
            return [*deaf, *during, lost, FaultRule(fault=Fault.FRAME_DELAY, count_max=1, amount_ms=600)]
        case "all", "fill":
            return [*deaf, *during, FaultRule(fault=Fault.ANSWER_LATE, kind=RequestKind.CANCEL, amount_ms=600)]
        case _:
            return [*deaf, *during, lost]


@pytest.fixture(scope="module")
def by_rest(desk: Desk) -> dict[Crossing, Order]:
    """All six interleavings side by side, without a single frame."""
    orders = {each: desk.place(f"rest-{each.account}") for each in CROSSINGS}
    rules = [FaultRule(fault=Fault.FRAME_DROP), FaultRule(fault=Fault.STALE_TRADES, amount_ms=STALE_MS)]
    for crossing, order in orders.items():
        own = {"kind": RequestKind.CANCEL, "client_order_id": order.client_order_id}
        rules += [FaultRule(fault=fault, **own) for fault in crossing.at_cancel]
        if crossing.first == "fill":
            rules.append(FaultRule(fault=Fault.ANSWER_LATE, amount_ms=LATE_MS, **own))
    desk.control.set_faults(*rules)
    for order in orders.values():
        desk.oms.submit(CancelOrder(account_id=order.account_id, order_id=order.order_id))
    ended = {crossing: desk.settled(order, crossing.end) for crossing, order in orders.items()}
    assert {rule.fault.value for rule in rules} <= set(hits(desk))
    desk.control.set_faults()
    return ended


@each_crossing
def test_cancel_crossing_a_fill_told_by_rest_alone_ends_as_at_the_venue(
    desk: Desk, by_rest: dict[Crossing, Order], crossing: Crossing
) -> None:
    ended = by_rest[crossing]

    assert FillSource.STREAM not in {fill.source for fill in fills_of(desk, ended)}
    assert last_evidence(desk, ended) is not EvidenceSource.STREAM
    check(desk, ended, crossing)


# ----- acting and looking


def cancelled(desk: Desk, order: Order, crossing: Crossing) -> Order:
    """Cancel an order; returns it as it is when that is settled."""
    reply = desk.oms.submit(CancelOrder(account_id=order.account_id, order_id=order.order_id)).result(DEADLINE_S)
    assert isinstance(reply, CancelDone), reply
    return desk.settled(order, crossing.end)


def check(desk: Desk, ended: Order, crossing: Crossing) -> None:
    """Our records are the venue's, and nothing was told of the end before the executions were."""
    if crossing.executed == "none":
        with pytest.raises(ControlError):
            desk.control.execute(venue_id(ended))
    assert ended.state is crossing.end
    assert ended.filled_size == crossing.quantity
    assert ended.filled_value == crossing.quantity * (ended.price or 0)
    position = desk.position(ended.account_id)
    assert (position.size if position is not None else Decimal(0)) == crossing.quantity * (1 - FEE)
    assert differences(desk, ended.account_id) == []
    heard = until(lambda: told(desk, ended, crossing.end), "the end to be told")
    assert [kind for kind in heard if kind == "end"] == ["end"]
    assert heard.count("fill") == (crossing.quantity > 0)
    assert heard[-1] == "end"


def told(desk: Desk, order: Order, end: OrderState) -> list[str]:
    """The executions and the end of an order as its listeners heard of them; empty while the end was not told."""
    heard = []
    for event in list(desk.heard):
        if isinstance(event, FillRecorded) and event.fill.order_id == order.order_id:
            heard.append("fill")
        elif isinstance(event, OrderStateChanged) and (event.view.local_id, event.to_state) == (order.order_id, end):
            heard.append("end")
    return heard if "end" in heard else []


def fills_of(desk: Desk, order: Order) -> tuple[Fill, ...]:
    return desk.oms.views(order.account_id).fills.get(order.order_id, ())


def hits(desk: Desk) -> dict[str, int]:
    """The faults that have happened, so that a crossing cannot pass without having taken place."""
    return desk.control.summary()["faults"]


def last_evidence(desk: Desk, order: Order) -> EvidenceSource | None:
    step = desk.oms.views(order.account_id).transitions[order.order_id][-1]
    return None if step.evidence is None else step.evidence.source
