"""Positions: in the commit of their fills, in the venue's order of time, and equal to their fills after every start."""

from decimal import Decimal
from itertools import permutations
from random import Random

import pytest

from actors.domain.positions import average_entry, position_key, realised_pnl, rebuild
from actors.store.port import Table
from messages.base import copied
from messages.codec import decode_record, encode_record
from messages.events import FillRecorded, PositionClosed, PositionOpened, Severity
from messages.fills import Fill, Position, VenueFill
from messages.reports import FillsFetched
from messages.types import PublicStatus, Side, VenueOrder
from tests.actors.account_kit import HEAD, PLACE, Account, executed, written
from tests.factories import make

D = Decimal
KEY = position_key(*PLACE)


def trade(account: Account, text: str, at: int, venue_order_id: str = "") -> None:
    """One execution of an order of its own, written as `+2@100`: bought 2 at 100, at this venue time."""
    side = Side.BUY if text[0] == "+" else Side.SELL
    size, price = (D(part) for part in text[1:].split("@"))
    name = venue_order_id or f"v{at}"
    terms = {"side": side, "size": size, "price": price, "venue_order_id": name, "client_order_id": f"manual-{name}"}
    claim = make(VenueOrder, **terms, status=PublicStatus.FILLED, filled_size=size)
    account.hear(claim, make(VenueFill, **terms, fill_id=str(at), venue_time_ms=at))


def traded(*texts: str) -> Account:
    account = Account()
    for at, text in enumerate(texts, start=1):
        trade(account, text, at)
    return account


def stored(account: Account) -> Position:
    return decode_record(Position, account.stored[Table.POSITIONS][KEY])


def counted(account: Account) -> Position:
    fills = [decode_record(Fill, raw) for raw in account.stored[Table.FILLS].values()]
    return rebuild("1", *PLACE, fills)


# ----- what a position is


@pytest.mark.parametrize(
    ("texts", "size", "average", "pnl"),
    [
        (("+2@100", "+1@106"), "3", "102", "0"),
        (("+2@100", "-1@110"), "1", "100", "10"),
        (("+2@100", "-2@90"), "0", None, "-20"),
        (("+2@100", "-3@110"), "-1", "110", "20"),
        (("-2@100", "+3@90"), "1", "90", "20"),
        (("-2@100", "-2@110", "+1@95"), "-3", "105", "10"),
    ],
    ids=["more", "less", "closed", "turned short", "turned long", "short"],
)
def test_position_is_what_its_fills_add_up_to(texts: tuple[str, ...], size: str, average: str | None, pnl: str) -> None:
    account = traded(*texts)
    position = account.position()
    assert (position.size, realised_pnl(position)) == (D(size), D(pnl))
    assert average_entry(position) == (None if average is None else D(average))
    assert position == stored(account) == counted(account)


def test_position_sums_fees_per_currency_of_all_orders() -> None:
    account = Account()
    for number, (fee, currency) in enumerate((("0.1", "BNB"), ("0.2", None), ("0.3", "BNB"))):
        place = account.working(f"3{number}", request_id=f"r{number}")
        fill = executed(place, "0.01", str(number), venue_order_id=f"3{number}", fee=D(fee), fee_currency=currency)
        account.hear_fill(fill)
    assert account.position().fees == (("", D("0.2")), ("BNB", D("0.4")))


def test_positions_of_two_symbols_are_apart() -> None:
    account = traded("+2@100")
    claim = make(VenueOrder, symbol="ETH-USDT", venue_order_id="v1", status=PublicStatus.FILLED, filled_size=D("0.01"))
    account.hear(claim, make(VenueFill, symbol="ETH-USDT", venue_order_id="v1", fill_id="1"))
    sizes = {place: position.size for place, position in account.views.positions.items()}
    assert sizes == {PLACE: D(2), ("binance", "ETH-USDT"): D("0.01000000")}


# ----- events


def test_position_that_opens_closes_and_turns_says_so_once_each() -> None:
    account = Account()
    opened_closed = []
    for at, text in enumerate(("+2@100", "+1@100", "-3@110", "-1@120", "+2@110"), start=1):
        account.events.clear()
        trade(account, text, at)
        opened_closed.append((len(account.happened(PositionOpened)), len(account.happened(PositionClosed))))
    assert opened_closed == [(1, 0), (0, 0), (0, 1), (1, 0), (1, 1)]


def test_events_of_one_turn_all_show_the_position_after_it() -> None:
    account = Account()
    place = account.working()
    account.events.clear()
    account.list_fills(executed(place, "0.004"), executed(place, "0.006", "57"))
    recorded = account.happened(FillRecorded)
    assert [event.position.size for event in recorded] == [D("0.010"), D("0.010")]
    (opened,) = account.happened(PositionOpened)
    assert opened.position == recorded[0].position == account.position()


def test_position_written_once_however_many_fills_a_turn_books() -> None:
    account = Account()
    place = account.working()
    listed = (executed(place, "0.004"), executed(place, "0.006", "57"))
    account.take(make(FillsFetched, **HEAD | {"fills": listed}))
    (section,) = account.staged
    assert [len(written(section, table)) for table in (Table.FILLS, Table.ORDERS, Table.POSITIONS)] == [2, 1, 1]


# ----- late fills


def test_late_fills_change_the_position_as_if_they_had_come_in_order() -> None:
    trades = (("+2@100", 1), ("-1@120", 2), ("-2@90", 3), ("+1@80", 4))
    in_order = Account()
    for text, at in trades:
        trade(in_order, text, at)
    expected = copied(in_order.position(), opened_ms=None)
    for arrival in permutations(trades):
        account = Account()
        for text, at in arrival:
            trade(account, text, at)
        assert copied(account.position(), opened_ms=None) == expected
        assert account.position() == stored(account) == counted(account)


def test_fills_of_equal_time_count_in_the_order_of_the_venue_s_numbers() -> None:
    """Bought and sold in one millisecond: which came first decides what was realised on which side."""
    results = set()
    for arrival in permutations((("+1@100", "9"), ("-2@110", "10"), ("+1@120", "11"))):
        account = Account()
        for text, number in arrival:
            side = Side.BUY if text[0] == "+" else Side.SELL
            size, price = (D(part) for part in text[1:].split("@"))
            terms = {"side": side, "size": size, "price": price, "venue_order_id": number, "client_order_id": None}
            claim = make(VenueOrder, **terms, status=PublicStatus.FILLED, filled_size=size)
            account.hear(claim, make(VenueFill, **terms, fill_id=number, venue_time_ms=1000))
        assert account.position() == counted(account)
        results.add((account.position().cash, account.position().entry_value, account.position().size))
    assert results == {(D(0), D(0), D(0))}


def test_many_fills_late_doubled_and_in_groups_leave_the_position_that_their_sum_is() -> None:
    random = Random(7)
    account = Account()
    fills = []
    for number in range(300):
        side = random.choice(list(Side))
        terms = {
            "side": side, "size": D(random.randint(1, 50)) / 100, "price": D(random.randint(9000, 11000)) / 100,
            "venue_order_id": side.value, "client_order_id": None,
        }  # fmt: skip
        fills.append(make(VenueFill, **terms, fill_id=str(number), venue_time_ms=1000 + number // 3))
    for side in Side:
        claim = make(VenueOrder, side=side, size=D(1000), filled_size=D(0), venue_order_id=side.value)
        account.hear(copied(claim, client_order_id=f"manual-{side}"))
    random.shuffle(fills)
    while fills:
        group = [fills.pop() for _ in range(min(len(fills), random.randint(1, 5)))]
        account.list_fills(*group, *random.sample(group, 1))
        assert stored(account) == account.position() == counted(account)
    assert account.position().fill_count == 300


# ----- after a start


def test_position_after_a_restart_goes_on_where_it_was() -> None:
    before = traded("+2@100", "-1@110")
    account = before.restarted()
    assert account.position() == before.position()
    assert account.alerts() == []
    trade(account, "-2@120", 3)
    assert (account.position().size, realised_pnl(account.position())) == (D(-1), D(30))
    assert account.position() == counted(account)


def test_late_fill_after_a_restart_still_counts_in_its_place() -> None:
    before = Account()
    trade(before, "+2@100", 1)
    trade(before, "-2@90", 3)
    account = before.restarted()
    trade(account, "-1@120", 2)
    assert account.position() == counted(account)
    assert realised_pnl(account.position()) == D(10)


def tampered(account: Account, **changes: object) -> Account:
    """The account in the next process, after somebody has changed the stored position."""
    account.stored[Table.POSITIONS] = {KEY: encode_record(copied(stored(account), **changes))}
    return account.restarted(open_gate=False)


@pytest.mark.parametrize(
    "changes", [{"size": D(5)}, {"cash": D(1)}, {"fill_count": 7}, {"fees": (("BNB", D(1)),)}], ids=str
)
def test_position_that_is_not_what_its_fills_are_is_corrected_by_them_at_the_start(changes: dict[str, object]) -> None:
    before = traded("+2@100", "-1@110")
    account = tampered(before, **changes)
    assert account.alert("PositionRebuilt").severity is Severity.CRITICAL
    assert account.position() == stored(account) == counted(account)
    trade(account, "-1@120", 3)
    assert (account.position().size, account.position().fill_count) == (D(0), 3)


def test_position_that_was_corrected_keeps_what_comparisons_have_found() -> None:
    account = tampered(traded("+2@100"), size=D(5), unexplained=D("0.5"), drift=D("-0.1"))
    position = account.position()
    assert (position.size, position.unexplained, position.drift) == (D(2), D("0.5"), D("-0.1"))


def test_position_that_was_lost_is_made_from_its_fills() -> None:
    before = traded("+2@100", "-1@110")
    before.stored[Table.POSITIONS].clear()
    account = before.restarted(open_gate=False)
    assert account.alert("PositionRebuilt").severity is Severity.CRITICAL
    assert account.position().size == D(1)


def test_position_without_any_fill_is_corrected_to_nothing() -> None:
    """Else the next fill would find a position of other fills than it knows."""
    before = traded("+2@100")
    before.stored[Table.FILLS].clear()
    account = before.restarted(open_gate=False)
    assert account.alert("PositionRebuilt").severity is Severity.CRITICAL
    assert account.position().size == D(0)
    trade(account, "+1@100", 9)
    assert account.position() == counted(account)
