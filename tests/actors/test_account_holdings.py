"""What the venue holds against what our fills say: told to each position, judged there, recorded here."""

from dataclasses import replace
from decimal import Decimal

import pytest

from actors.domain.positions import position_key
from actors.store.port import Table
from messages.codec import decode_record
from messages.control import HoldingCompared, HoldingReported
from messages.events import Severity
from messages.fills import Position, VenueFill
from messages.reports import BalancesFetched, CancelRefused, InstrumentsFetched, ServerTimeFetched
from messages.types import PublicStatus, Side, VenueOrder
from tests.actors.account_kit import HEAD, INSTRUMENT, PLACE, POSITION_ADDRESS, Account, executed, shown
from tests.factories import make

D = Decimal
SETTLE_MS = 3000


def balances(account: Account, *, after_ms: int = 2 * SETTLE_MS, offset_ms: int = 0, **totals: str) -> None:
    """A while later the venue lists what was executed, all of it known, and tells what it holds."""
    account.system._virtual.advance(after_ms)
    for _, symbol in account.views.positions:
        account.list_fills(symbol=symbol, asked_venue_ms=account.now_ms + offset_ms)
    hold(account, **totals)


def hold(account: Account, **totals: str) -> None:
    """The venue tells what it holds now."""
    told = tuple((asset, D(total), D(total)) for asset, total in totals.items())
    account.do(make(BalancesFetched, **HEAD, balances=told, received_ms=account.now_ms))


def holding(fee: str = "0", fee_currency: str | None = "BTC") -> Account:
    """An account that bought 0.01 BTC."""
    account = Account()
    place = account.working(request_id="opening")
    account.hear_fill(executed(place, "0.01", fee=D(fee), fee_currency=fee_currency))
    account.events.clear()
    return account


def readings(account: Account) -> list[HoldingReported]:
    return account.told(HoldingReported)


def compared(account: Account, times: int = 2, **totals: str) -> Position:
    for _ in range(times):
        balances(account, **totals)
    return account.position()


# ----- what a position is told


def test_balances_are_told_to_the_position_with_what_its_fills_moved() -> None:
    account = holding(fee="0.00001")
    balances(account, BTC="0.50999", USDT="575")
    (reading,) = readings(account)
    assert (reading.asset, reading.total, reading.moved) == ("BTC", D("0.50999"), D("0.00999"))
    assert (reading.position, reading.fills_booked) == (account.position(), 1)


def test_balance_that_is_not_listed_is_nothing() -> None:
    account = holding()
    balances(account, USDT="575")
    assert readings(account)[0].total == 0


def test_balances_move_by_the_fills_of_every_symbol_of_the_exchange() -> None:
    """What was paid in BTC for something else has left the BTC as well."""
    account = holding()
    other = make(type(INSTRUMENT), symbol="ETH-BTC", base="ETH", quote="BTC")
    account.do(make(InstrumentsFetched, **HEAD, instruments=(other,)))
    terms = {"symbol": "ETH-BTC", "venue_order_id": "99", "size": D(2), "price": D("0.001"), "side": Side.BUY}
    claim = make(VenueOrder, **terms, client_order_id="manual", status=PublicStatus.FILLED, filled_size=D(2))
    account.hear(claim, make(VenueFill, **terms, fee=D("0.0001"), fee_currency="BTC"))
    balances(account, BTC="1", ETH="2")
    moved = {reading.asset: reading.moved for reading in readings(account)}
    assert moved == {"BTC": D("0.0079"), "ETH": D(2)}
    assert {reading.fills_booked for reading in readings(account)} == {2}


@pytest.mark.parametrize("unknown", ["fee currency", "instrument"])
def test_balances_that_cannot_be_attributed_are_told_to_nobody(unknown: str) -> None:
    account = holding(fee="0.00001", fee_currency=None if unknown == "fee currency" else "BTC")
    if unknown == "instrument":
        account = account.restarted(open_gate=False)
    balances(account, BTC="0.5")
    assert readings(account) == []


def test_balances_of_an_account_without_positions_start_nobody() -> None:
    account = Account()
    balances(account, BTC="0.5")
    assert (account.sent, account.positions) == ([], {})


# ----- what follows


def test_first_comparison_records_what_was_there_before_and_alerts_nobody() -> None:
    account = holding()
    position = compared(account, BTC="0.51")
    assert (position.unexplained, position.drift, account.alerts()) == (D("0.50"), D(0), [])
    raw = account.stored[Table.POSITIONS][position_key(*PLACE)]
    assert decode_record(Position, raw) == position


def test_one_reading_alone_concludes_nothing() -> None:
    account = holding()
    assert compared(account, times=1, BTC="0.51").unexplained is None


def test_readings_of_nearly_the_same_time_are_one_reading() -> None:
    account = holding()
    balances(account, BTC="0.51")
    balances(account, after_ms=SETTLE_MS - 1, BTC="0.51")
    assert (len(readings(account)), account.position().unexplained) == (1, None)
    balances(account, after_ms=SETTLE_MS, BTC="0.51")
    assert account.position().unexplained == D("0.50")


def test_readings_between_which_executions_were_not_listed_set_no_baseline() -> None:
    """An execution that the venue knows and we do not would be missing in both of them."""
    account = holding()
    for _ in range(2):
        account.system._virtual.advance(2 * SETTLE_MS)
        hold(account, BTC="0.51")
    assert account.position().unexplained is None


def test_reading_that_comes_late_counts_by_its_own_time() -> None:
    account = holding()
    balances(account, BTC="0.51")
    early_ms = account.now_ms + SETTLE_MS - 1
    account.system._virtual.advance(2 * SETTLE_MS)
    account.list_fills()
    account.do(make(BalancesFetched, **HEAD, balances=(("BTC", D("0.51"), D("0.51")),), received_ms=early_ms))
    assert len(readings(account)) == 1


def test_list_that_was_asked_for_before_the_first_reading_settled_is_not_enough() -> None:
    account = holding()
    balances(account, BTC="0.51")
    account.system._virtual.advance(SETTLE_MS - 1)
    account.list_fills()
    account.system._virtual.advance(SETTLE_MS)
    hold(account, BTC="0.51")
    assert account.position().unexplained is None


@pytest.mark.parametrize("unsure", ["held back", "watched", "parked"])
def test_nothing_is_concluded_while_an_execution_of_the_asset_may_be_missing(unsure: str) -> None:
    account = holding()
    place = account.working("30", request_id="next")
    if unsure == "held back":
        account.hear(shown(place, venue_order_id="30", filled_size=D("0.001"), status=PublicStatus.CANCELLED))
    elif unsure == "watched":
        named = HEAD | {"order_id": place.order_id}
        account.do(make(CancelRefused, **named, evidence=account.evidence()))
    else:
        account.hear_fill(make(VenueFill, symbol="BTC-USDT", venue_order_id="99", client_order_id=None))
    assert compared(account, BTC="0.51").unexplained is None
    assert readings(account) == []


def test_order_of_another_asset_that_is_looked_up_hinders_nothing() -> None:
    account = holding()
    other = make(type(INSTRUMENT), symbol="ETH-EUR", base="ETH", quote="EUR")
    account.do(make(InstrumentsFetched, **HEAD, instruments=(other,)))
    account.hear(
        make(VenueOrder, symbol="ETH-EUR", venue_order_id="99", client_order_id="manual", filled_size=D(1), size=D(2))
    )
    assert account.position().symbol == "BTC-USDT"
    assert compared(account, BTC="0.51").unexplained == D("0.50")


def test_clock_that_steps_back_does_not_stop_comparisons() -> None:
    account = holding()
    compared(account, BTC="0.51")
    account.system._virtual.step_wall(-3_600_000)
    account.do(make(ServerTimeFetched, **HEAD, offset_ms=3_600_000))
    for _ in range(2):
        balances(account, offset_ms=3_600_000, BTC="0.507")
    assert account.position().drift == D("-0.003")


def test_difference_that_stays_is_a_drift_told_with_both_numbers() -> None:
    account = holding()
    compared(account, BTC="0.51")
    position = compared(account, BTC="0.507")
    assert (position.unexplained, position.drift) == (D("0.50"), D("-0.003"))
    alert = account.alert("PositionDrift")
    details = dict(alert.details)
    assert (alert.severity, details["at_venue"], details["expected"]) == (Severity.WARNING, "0.507", "0.51")
    assert (details["exchange"], details["symbol"], details["asset"]) == ("binance", "BTC-USDT", "BTC")


def test_drift_that_stays_is_told_once_and_one_that_changes_again() -> None:
    account = holding()
    compared(account, BTC="0.51")
    compared(account, times=6, BTC="0.507")
    assert account.alerts() == ["PositionDrift"]
    compared(account, BTC="0.505")
    assert account.alerts() == ["PositionDrift", "PositionDrift"]


def test_drift_that_is_gone_is_recorded_and_told_to_nobody() -> None:
    account = holding()
    compared(account, BTC="0.51")
    compared(account, BTC="0.507")
    assert compared(account, BTC="0.51").drift == 0
    assert account.alerts() == ["PositionDrift"]


def test_fill_between_two_readings_is_no_drift() -> None:
    """The venue's balance knows the second fill a moment before we do."""
    account = Account()
    place = account.working()
    account.hear_fill(executed(place, "0.004"))
    compared(account, BTC="0.504")
    balances(account, BTC="0.510")
    account.hear_fill(executed(place, "0.006", "57"))
    position = compared(account, BTC="0.510")
    assert (position.drift, account.alerts()) == (D(0), [])


def test_fill_keeps_what_comparisons_have_found() -> None:
    account = Account()
    place = account.working()
    account.hear_fill(executed(place, "0.004"))
    compared(account, BTC="0.504")
    account.hear_fill(executed(place, "0.002", "57"))
    assert (account.position().unexplained, account.position().size) == (D("0.500"), D("0.006"))


def test_finding_survives_a_restart_and_the_next_drift_is_seen_against_it() -> None:
    before = holding()
    compared(before, BTC="0.51")
    account = before.restarted()
    position = compared(account, BTC="0.507")
    assert (position.unexplained, position.drift) == (D("0.50"), D("-0.003"))
    assert account.alerts() == ["PositionDrift"]


def test_finding_is_seen_by_nobody_before_its_commit() -> None:
    account = holding()
    compared(account, BTC="0.51")
    finding = make(HoldingCompared, drift=D("-0.003"), unexplained=D("0.50"))
    account.take(finding)
    assert (account.position().drift, account.alerts()) == (D(0), [])
    account.commit()
    assert (account.position().drift, account.alerts()) == (D("-0.003"), ["PositionDrift"])


def test_finding_told_again_is_one_alert() -> None:
    account = holding()
    finding = make(HoldingCompared, drift=D("-0.003"), unexplained=D("0.50"))
    account.do(finding)
    account.do(finding)
    assert account.alerts() == ["PositionDrift"]


def test_finding_about_a_position_that_does_not_exist_is_dropped() -> None:
    account = Account()
    account.do(make(HoldingCompared))
    assert (account.views.positions, account.alerts(), account.stored.get(Table.POSITIONS, {})) == ({}, [], {})


def test_readings_go_to_the_actor_of_the_position() -> None:
    account = holding()
    balances(account, BTC="0.51")
    assert [address for address, message in account.sent if isinstance(message, HoldingReported)] == [POSITION_ADDRESS]


# ----- two symbols of one asset


def second_symbol(account: Account, fill_id: str = "77") -> None:
    """The account buys BTC for euros as well."""
    euro = replace(INSTRUMENT, symbol="BTC-EUR", quote="EUR")
    account.do(make(InstrumentsFetched, **HEAD, instruments=(INSTRUMENT, euro)))
    terms = {"symbol": "BTC-EUR", "venue_order_id": fill_id, "size": D("0.02"), "side": Side.BUY}
    claim = make(VenueOrder, **terms, client_order_id="manual", status=PublicStatus.FILLED, filled_size=D("0.02"))
    account.hear(claim, make(VenueFill, **terms, fill_id=fill_id, fee=D(0), venue_time_ms=account.now_ms))


def drifts(account: Account) -> dict[str, Decimal]:
    return {symbol: position.drift for (_, symbol), position in account.views.positions.items()}


def settle(account: Account, total: str) -> None:
    for _ in range(3):
        balances(account, BTC=total)


def test_deposit_is_told_once_for_all_symbols_of_its_asset() -> None:
    account = holding()
    second_symbol(account)
    settle(account, "0.53")
    settle(account, "0.63")
    assert drifts(account) == {"BTC-USDT": D("0.10"), "BTC-EUR": D("0.10")}
    assert account.alerts().count("PositionDrift") == 1


def test_position_that_joins_a_compared_asset_finds_the_drift_that_is_known() -> None:
    account = holding()
    settle(account, "0.51")
    settle(account, "0.61")
    second_symbol(account)
    settle(account, "0.63")
    assert drifts(account) == {"BTC-USDT": D("0.10"), "BTC-EUR": D("0.10")}
    settle(account, "0.73")
    assert drifts(account) == {"BTC-USDT": D("0.20"), "BTC-EUR": D("0.20")}
    assert account.alerts().count("PositionDrift") == 2
