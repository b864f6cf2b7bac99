"""Closing a position by one command: for no more than there is, once at a time, with one end whatever happens."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from fill_world import DEADLINE_S, EXCHANGE, FEE, SIZE, SYMBOL, Desk, FillVenue, differences, until, venue_id

from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages import Side
from messages.commands import ClosePosition
from messages.events import PositionCloseEnded
from messages.fills import CloseState, PositionClose
from messages.queries import CloseDone, OrderUnresolved, RefusalCode, Refused, Reply
from messages.types import ZERO, OrderState

ACCOUNTS = ("full", "partial", "double", "too-much", "nothing", "short", "no-buyer")
LIQUIDITY = Decimal(5)


@pytest.fixture(scope="module", autouse=True)
def _somebody_to_trade_with(fill_venue: FillVenue) -> None:
    fill_venue.open_account("closes-maker", scripted=False)
    for side, price in ((Side.BUY, Decimal(42000)), (Side.SELL, Decimal(43000))):
        fill_venue.control.place(
            "closes-maker", f"maker-{side}", symbol=SYMBOL, side=side, size=LIQUIDITY, price=price
        )


@pytest.fixture(scope="module")
def desk(fill_venue: FillVenue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An order manager whose accounts trade with the book; the last one's orders meet nobody."""
    for account in ACCOUNTS:
        fill_venue.open_account(account, scripted=account == "no-buyer")
    with fill_venue.trading(Path(tmp_path_factory.mktemp("closes")), *ACCOUNTS) as running:
        yield running


def opened(desk: Desk, account: str, side: Side = Side.BUY) -> None:
    """Give an account a position of `SIZE`."""
    order = desk.place(account, side=side)
    desk.control.execute(venue_id(order))
    desk.settled(order, OrderState.FILLED)


def close(desk: Desk, account: str, quantity: Decimal | None = None) -> Reply:
    command = ClosePosition(account_id=account, exchange=EXCHANGE, symbol=SYMBOL, quantity=quantity)
    return desk.oms.submit(command).result(DEADLINE_S)


def done(reply: Reply) -> PositionClose:
    assert isinstance(reply, CloseDone), reply
    return reply.close


def ends(desk: Desk, account: str) -> list[PositionClose]:
    """The ends of closes in the account's stored events."""
    return [each.close for each in desk.oms.events(account) if isinstance(each, PositionCloseEnded)]


def test_close_of_a_long_position_sells_what_the_fees_have_left(desk: Desk) -> None:
    opened(desk, "full")

    ended = done(close(desk, "full"))

    # The venue took its fee of what was bought, so that much less can be sold.
    sold = SIZE - SIZE * FEE
    assert (ended.state, ended.size, ended.closed_size) == (CloseState.DONE, sold, sold)
    position = desk.position("full")
    assert position is not None
    assert position.size == ZERO
    assert differences(desk, "full") == []
    assert ends(desk, "full") == [ended]


def test_close_of_a_part_leaves_the_rest_open(desk: Desk) -> None:
    opened(desk, "partial")
    half = SIZE / 2

    ended = done(close(desk, "partial", half))

    assert (ended.asked, ended.closed_size) == (half, half)
    position = desk.position("partial")
    assert position is not None
    assert position.size == SIZE - SIZE * FEE - half
    assert differences(desk, "partial") == []


def test_close_of_a_short_position_buys_it_back(desk: Desk) -> None:
    opened(desk, "short", Side.SELL)

    ended = done(close(desk, "short"))

    assert (ended.size, ended.closed_size) == (SIZE, SIZE)
    position = desk.position("short")
    assert position is not None
    # And took its fee of what was bought back: that much is still owed.
    assert position.size == -SIZE * FEE
    assert differences(desk, "short") == []


def test_close_while_another_runs_is_refused_and_names_the_first(desk: Desk) -> None:
    opened(desk, "double")
    slow = FaultRule(fault=Fault.ANSWER_LATE, kind=RequestKind.PLACE, amount_ms=1000)
    desk.control.set_faults(slow, FaultRule(fault=Fault.FRAME_DELAY, amount_ms=1000))
    command = ClosePosition(account_id="double", exchange=EXCHANGE, symbol=SYMBOL)
    first, second = desk.oms.submit(command), desk.oms.submit(command)

    refused = second.result(DEADLINE_S)

    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.CLOSE_IN_PROGRESS
    ended = done(first.result(DEADLINE_S))
    assert ended.close_id in refused.text
    assert ends(desk, "double") == [ended]
    sells = [row for row in desk.control.orders(account="double") if row["side"] == Side.SELL]
    assert len(sells) == 1
    assert differences(desk, "double") == []


def test_close_of_more_than_there_is_is_refused_with_both_numbers(desk: Desk) -> None:
    opened(desk, "too-much")

    refused = close(desk, "too-much", 2 * SIZE)

    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.NO_POSITION
    assert (Decimal(refused.limit), Decimal(refused.actual)) == (SIZE - SIZE * FEE, 2 * SIZE)
    assert len(desk.control.orders(account="too-much")) == 1


def test_close_of_nothing_is_refused(desk: Desk) -> None:
    def refused() -> RefusalCode | None:
        reply = close(desk, "nothing")
        assert isinstance(reply, Refused)
        # Before the symbol's history is read, nobody knows that there is nothing.
        return None if reply.code is RefusalCode.GATE_CLOSED else reply.code

    assert until(refused, "the history to be read") is RefusalCode.NO_POSITION
    assert desk.control.orders(account="nothing") == []


def test_close_that_nobody_takes_ends_with_nothing_closed(desk: Desk) -> None:
    opened(desk, "no-buyer")

    ended = done(close(desk, "no-buyer"))

    assert (ended.state, ended.closed_size) == (CloseState.DONE, ZERO)
    assert ends(desk, "no-buyer") == [ended]
    position = desk.position("no-buyer")
    assert position is not None
    assert position.size == SIZE - SIZE * FEE
    assert differences(desk, "no-buyer") == []


# ----- time and restarts


def not_taken(retry_after_ms: int) -> FaultRule:
    """The venue takes no placement for now and asks for patience."""
    return FaultRule(fault=Fault.RATE_LIMIT, kind=RequestKind.PLACE, amount_ms=retry_after_ms)


def test_close_whose_time_is_over_is_cancelled_and_says_so(fill_venue: FillVenue, tmp_path: Path) -> None:
    fill_venue.open_account("overdue")
    in_time = {"concurrencyControl": {"positionClose": {"closeTimeout": 400}}}
    with fill_venue.trading(tmp_path, "overdue", **in_time) as desk:
        opened(desk, "overdue")
        # It reaches the book, where nobody takes it, long after its cancel was refused for being about nothing.
        late = FaultRule(fault=Fault.PROCESS_LATE, kind=RequestKind.PLACE, amount_ms=1000)
        desk.control.set_faults(late)

        ended = done(close(desk, "overdue"))

        assert (ended.state, ended.cancelling, ended.closed_size) == (CloseState.TIMED_OUT, True, ZERO)
        assert ended.ended_ms is not None
        assert ended.ended_ms - ended.started_ms >= 400
        assert ends(desk, "overdue") == [ended]
        desk.control.set_faults()
        # It stands in nobody's way.
        assert done(close(desk, "overdue")).state is CloseState.DONE
        assert differences(desk, "overdue") == []


def test_close_under_way_at_a_restart_ends_once(fill_venue: FillVenue, tmp_path: Path) -> None:
    fill_venue.open_account("restarted", scripted=False)
    with fill_venue.trading(tmp_path, "restarted") as desk:
        opened(desk, "restarted")
        desk.control.set_faults(not_taken(10_000))
        waiting = desk.oms.submit(ClosePosition(account_id="restarted", exchange=EXCHANGE, symbol=SYMBOL))
        until(lambda: desk.control.summary()["faults"].get("rate_limit"), "the close to be sent")
    assert isinstance(waiting.result(0), OrderUnresolved)
    fill_venue.control.set_faults()

    with fill_venue.trading(tmp_path, "restarted") as desk:
        (ended,) = until(lambda: ends(desk, "restarted"), "the close to end")

        assert (ended.state, ended.closed_size) == (CloseState.DONE, SIZE - SIZE * FEE)
        sells = [row for row in desk.control.orders(account="restarted") if row["side"] == Side.SELL]
        assert len(sells) == 1
        # What is left after the fee is less than the venue sells.
        refused = close(desk, "restarted")
        assert isinstance(refused, Refused)
        assert refused.code is RefusalCode.NO_POSITION
        assert ends(desk, "restarted") == [ended]
        assert differences(desk, "restarted") == []


def test_time_of_a_close_runs_on_over_a_restart(fill_venue: FillVenue, tmp_path: Path) -> None:
    fill_venue.open_account("overdue-restarted", scripted=False)
    # Shorter than what it waits before it is sent for the third and last time.
    in_time = {"concurrencyControl": {"positionClose": {"closeTimeout": 1500}}}
    with fill_venue.trading(tmp_path, "overdue-restarted", **in_time) as desk:
        opened(desk, "overdue-restarted")
        desk.control.set_faults(not_taken(1000))
        desk.oms.tell(ClosePosition(account_id="overdue-restarted", exchange=EXCHANGE, symbol=SYMBOL))
        until(lambda: desk.control.summary()["faults"].get("rate_limit"), "the close to be sent")

    with fill_venue.trading(tmp_path, "overdue-restarted", **in_time) as desk:
        (ended,) = until(lambda: ends(desk, "overdue-restarted"), "the close to end")

        assert (ended.state, ended.closed_size) == (CloseState.TIMED_OUT, ZERO)
        assert ended.ended_ms is not None
        assert ended.ended_ms - ended.started_ms >= 1500
        assert len(desk.control.orders(account="overdue-restarted")) == 1
        assert differences(desk, "overdue-restarted") == []
