"""Orders whose executions arrive shuffled, repeated and with gaps, while audits and comparisons go on."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random

from fill_world import PRICE, Desk, FillVenue, differences, until, venue_id

from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages import Side
from messages.types import Order, OrderState

ORDERS = 40
FILLS_MAX = 30
RATE_PER_S = 300
"""So that audits fall between the executions."""
COMPARISONS = 2
"""A difference counts when two of them find it."""
STEP = Decimal("0.00001")
TICK = Decimal("0.01")
ACCOUNTS = ("storm-1", "storm-2")


def test_executions_shuffled_repeated_and_dropped_add_up_to_the_venues(fill_venue: FillVenue, tmp_path: Path) -> None:
    random = Random(40)
    for account in ACCOUNTS:
        fill_venue.open_account(account)
    with fill_venue.trading(tmp_path, *ACCOUNTS) as desk:
        fills = dict(scripted(desk, number, random) for number in range(ORDERS))
        desk.control.set_faults(
            FaultRule(fault=Fault.FRAME_SHUFFLE, probability=0.4),
            FaultRule(fault=Fault.FRAME_DUPLICATE, probability=0.3),
            FaultRule(fault=Fault.FRAME_DROP, probability=0.15),
        )
        desk.control.execute_many(alternating(fills, random), rate_per_s=RATE_PER_S)

        until(lambda: all(as_at_the_venue(desk, account) for account in ACCOUNTS), "every execution to be booked")

        hits = desk.control.summary()["faults"]
        assert {"frame_shuffle", "frame_duplicate", "frame_drop"} <= set(hits)
        assert [differences(desk, account) for account in ACCOUNTS] == [[], []]
        read = balances_read(desk)
        until(lambda: balances_read(desk) >= read + COMPARISONS * len(ACCOUNTS), "comparisons with the balances")
        until(lambda: all(compared(desk, account) for account in ACCOUNTS), "the first comparison to be recorded")
        assert [desk.alerts(account, "PositionDrift") for account in ACCOUNTS] == [[], []]
        assert [desk.alerts(account, "Overfill") for account in ACCOUNTS] == [[], []]


def scripted(desk: Desk, number: int, random: Random) -> tuple[int, list[tuple[Decimal, Decimal]]]:
    """Place an order; returns its number at the venue and the prices and sizes that it will execute at."""
    side = Side.BUY if number % 2 else Side.SELL
    size = STEP * random.randint(100, 5000)
    order = desk.place(ACCOUNTS[number % len(ACCOUNTS)], side=side, size=size, request_id=f"storm-{number}")
    better = -1 if side is Side.BUY else 1
    sizes = parts(size, random.randint(1, FILLS_MAX), random)
    if number % 4 == 0:
        # Some stay open with a part executed.
        sizes = sizes[: max(1, len(sizes) // 2)]
    return venue_id(order), [(PRICE + better * TICK * random.randint(0, 5000), part) for part in sizes]


def parts(size: Decimal, count: int, random: Random) -> list[Decimal]:
    """Cut a size into so many parts of whole steps."""
    steps = int(size / STEP)
    cuts = [0, *sorted(random.sample(range(1, steps), count - 1)), steps]
    return [STEP * (end - begin) for begin, end in pairwise(cuts)]


def alternating(
    fills: dict[int, list[tuple[Decimal, Decimal]]], random: Random
) -> list[tuple[int, list[tuple[Decimal, Decimal]]]]:
    """The fills one by one, of all orders in turn."""
    single = [(number, [fill]) for number, own in fills.items() for fill in own]
    random.shuffle(single)
    return single


def as_at_the_venue(desk: Desk, account: str) -> bool:
    """Whether as much is booked as the venue has executed, and no order is under way."""
    rows = {str(row["orderId"]): row for row in desk.control.orders(account=account)}
    return all(_same(order, rows) for order in list(desk.oms.views(account).orders.values()))


def _same(order: Order, rows: dict[str, dict[str, str]]) -> bool:
    row = rows[order.venue_order_id or ""]
    ended = (row["status"] == "FILLED") is (order.state is OrderState.FILLED)
    return order.filled_size == Decimal(row["filledSize"]) and ended


def balances_read(desk: Desk) -> int:
    """How often the venue was asked for balances."""
    return int(desk.control.summary()["requests"].get(RequestKind.BALANCES, 0))


def compared(desk: Desk, account: str) -> bool:
    """Whether the position was compared with the venue's balances."""
    position = desk.position(account)
    return position is not None and position.unexplained is not None
