"""An account on a venue whose accounts hold positions of either sign, in contracts with a multiplier."""

from dataclasses import replace
from decimal import Decimal

import pytest

from actors.domain.positions import position_key, realised_pnl
from actors.domain.risk import RiskLimits
from actors.reading import answer
from actors.store.port import Table
from messages.codec import decode_public, decode_record, encode_record
from messages.commands import CancelOrder, FetchBalances, PlaceOrder
from messages.control import HoldingCompared, HoldingReported, VerificationRequested
from messages.events import Alert, Severity
from messages.fills import Position
from messages.queries import CloseDone, GetExposure, GetOrder, GetPositions, RefusalCode, Refused
from messages.reports import FillVoided, OpenOrdersFetched, PlaceAmbiguous, PlaceNotProcessed
from messages.types import OrderState, OrderType, PublicStatus, Side, TimeInForce
from tests.actors.account_kit import HEAD, executed, shown, submit
from tests.actors.close_kit import answers, close
from tests.actors.margin_kit import CONTRACT, ES, FEES, MARKET, MarginAccount
from tests.factories import make

D = Decimal
PLACE = ("binance", CONTRACT)


def ask(account: MarginAccount, query: type) -> object:
    return answer(query(account_id="1"), account.views, account.now_ms, account.actor._policy)


# ----- placing


def test_market_order_leaves_although_the_venue_knows_no_time_in_force_for_it() -> None:
    account = MarginAccount()
    place = account.placed(side=Side.SELL, size=D(2), **MARKET)
    assert (place.type, place.side, place.size, place.symbol) == (OrderType.MARKET, Side.SELL, 2, CONTRACT)


def test_order_that_the_venue_cannot_keep_by_time_in_force_is_refused() -> None:
    account = MarginAccount()
    account.do(submit(symbol=CONTRACT, size=D(1), time_in_force=TimeInForce.IOC))
    (refused,) = account.replies
    assert isinstance(refused, Refused)
    assert refused.rule == "time_in_force"
    assert account.to_venue(PlaceOrder) == []


@pytest.mark.parametrize(("limit", "passes"), [("600000", True), ("599999", False)])
def test_notional_limit_counts_the_multiplier(limit: str, *, passes: bool) -> None:
    account = MarginAccount(risk=RiskLimits(max_order_notional=D(limit)))
    account.do(submit(symbol=CONTRACT, size=D(2), price=D(6000)))
    assert bool(account.to_venue(PlaceOrder)) is passes


def test_sell_order_needs_no_holdings_and_nothing_is_held_back_for_it() -> None:
    account = MarginAccount()
    account.working(symbol=CONTRACT, side=Side.SELL, size=D(3), price=D(6000))
    snapshot = ask(account, GetExposure)
    (found,) = snapshot.symbols  # type: ignore[attr-defined]
    assert (found.quote, found.sell_size, found.sell_notional) == ("USD", 3, 900_000)
    assert (found.lowest_position, found.highest_position) == (-3, 0)
    assert snapshot.reserved == ()  # type: ignore[attr-defined]


# ----- positions


def test_fills_of_a_contract_add_up_to_money_with_its_multiplier() -> None:
    account = MarginAccount()
    account.trade(Side.SELL, "2", "6000", 1)
    account.trade(Side.BUY, "1", "5990.25", 2)
    position = account.position()
    assert (position.size, position.entry_value, position.multiplier) == (-1, -300_000, 50)
    assert position.fees == (("USD", D("2.8")),)
    (view,) = ask(account, GetPositions).positions  # type: ignore[attr-defined]
    assert (view.average_entry_price, view.realised_pnl) == (6000, D("487.50"))
    raw = account.stored[Table.POSITIONS][position_key(*PLACE)]
    assert decode_record(Position, raw) == position


def test_restart_finds_the_position_as_it_was_before_the_contract_is_listed() -> None:
    account = MarginAccount()
    account.trade(Side.SELL, "2", "6000", 1)
    before = account.position()
    again = account.restarted(open_gate=False)
    assert again.position() == before
    again.connect(keep=True)
    assert again.position() == before
    assert not {"PositionRebuilt", "MultiplierChanged"} & {*again.alerts()}


def test_position_that_was_recorded_without_a_multiplier_reads_as_one_to_the_last_digit() -> None:
    position = make(Position, size=D("0.01"), entry_value=D("425.00"), cash=D("-425.00"))
    raw = encode_record(position)
    former = raw.replace(b',"multiplier":"1"', b"")
    assert former != raw
    assert repr(decode_record(Position, former)) == repr(position)


def lost(account: MarginAccount) -> MarginAccount:
    """The next process, whose store has lost the position and kept the executions."""
    del account.stored[Table.POSITIONS]
    return account.restarted(open_gate=False)


def test_position_whose_multiplier_is_not_known_shows_no_money_until_it_is() -> None:
    account = MarginAccount()
    account.trade(Side.SELL, "2", "6000", 1)
    account.trade(Side.BUY, "1", "5990", 2)
    before = account.position()
    again = lost(account)
    (view,) = ask(again, GetPositions).positions  # type: ignore[attr-defined]
    assert (view.position.size, view.position.multiplier, view.realised_pnl) == (-1, None, None)
    assert view.average_entry_price == 6000

    again.connect(keep=True)

    assert again.position() == before
    assert realised_pnl(again.position()) == 500
    raw = again.stored[Table.POSITIONS][position_key(*PLACE)]
    assert decode_record(Position, raw) == before
    assert "MultiplierChanged" not in again.alerts()


def test_fill_of_a_contract_that_is_not_known_yet_is_corrected_when_it_is() -> None:
    account = MarginAccount()
    place = account.working("1", symbol=CONTRACT, side=Side.BUY, size=D(2), price=D(6000))
    again = account.restarted(open_gate=False)
    again.hear_fill(executed(place, "1", "1", venue_order_id="1", **FEES))
    assert (again.position().multiplier, again.position().entry_value) == (None, 6000)

    again.know(ES)
    again.hear_fill(executed(place, "1", "2", venue_order_id="1", price=D(6010), **FEES))

    assert (again.position().multiplier, again.position().entry_value) == (50, 600_500)


def test_late_fill_after_the_multiplier_became_known_is_counted_with_it() -> None:
    account = MarginAccount()
    place = account.working("1", symbol=CONTRACT, side=Side.BUY, size=D(3), price=D(6000))
    again = account.restarted(open_gate=False)
    for name, at_ms in (("10", 10), ("30", 30)):
        again.hear_fill(executed(place, "1", name, venue_order_id="1", venue_time_ms=at_ms, **FEES))
    again.know(ES)
    again.hear_fill(executed(place, "1", "20", venue_order_id="1", venue_time_ms=20, price=D(5990), **FEES))
    assert (again.position().size, again.position().entry_value) == (3, 899_500)


def test_multiplier_that_the_venue_changes_counts_the_position_anew_and_is_told() -> None:
    account = MarginAccount()
    account.trade(Side.BUY, "2", "6000", 1)
    account.know(replace(ES, multiplier=D(5)))
    assert account.position().entry_value == 60_000
    alert = account.alert("MultiplierChanged")
    assert (alert.severity, dict(alert.details)["before"], dict(alert.details)["now"]) == (Severity.WARNING, "50", "5")


# ----- as others see an order


def partly_executed() -> tuple[MarginAccount, PlaceOrder]:
    account = MarginAccount()
    place = account.working("1", symbol=CONTRACT, side=Side.BUY, size=D(3), price=D(6000))
    account.hear_fill(executed(place, "2", "1", venue_order_id="1", price=D("5999.75"), **FEES))
    return account, place


def value_of(account: MarginAccount, place: PlaceOrder) -> Decimal | None:
    query = GetOrder(account_id="1", order_id=place.order_id)
    found = answer(query, account.views, account.now_ms, account.actor._policy)
    value: Decimal | None = found.view.order.filled_value  # type: ignore[union-attr]
    return value


def test_value_of_an_executed_order_is_shown_in_money() -> None:
    account, place = partly_executed()
    assert value_of(account, place) == D("599975.00")


def test_public_value_of_an_order_is_written_when_its_multiplier_becomes_known() -> None:
    account, place = partly_executed()
    del account.stored[Table.POSITIONS]
    again = account.restarted(open_gate=False)
    public = again.actor._memory.public
    assert decode_public(public[place.order_id][2]).filled_value is None
    assert value_of(again, place) is None

    again.know(ES)

    assert decode_public(again.actor._memory.public[place.order_id][2]).filled_value == D("599975.00")
    assert value_of(again, place) == D("599975.00")


# ----- what the venue holds


def readings(account: MarginAccount) -> list[HoldingReported]:
    return account.told(HoldingReported)


def test_net_position_is_compared_with_what_the_venue_holds_of_the_contract() -> None:
    account = MarginAccount()
    account.trade(Side.SELL, "2", "6000", 1)
    for _ in range(2):
        account.hold(net="-2")
    (first, _) = readings(account)
    assert (first.asset, first.total, first.moved) == (CONTRACT, -2, -2)
    position = account.position()
    assert (position.unexplained, position.drift) == (0, 0)
    assert account.alerts() == []


def test_fee_without_a_currency_does_not_keep_a_contract_from_being_compared() -> None:
    account = MarginAccount()
    place = account.working("1", symbol=CONTRACT, side=Side.BUY, size=D(2), price=D(6000))
    account.hear_fill(executed(place, "2", "1", venue_order_id="1", fee=D("1.4"), fee_currency=None))
    account.hold(net="2")
    assert [(each.total, each.moved) for each in readings(account)] == [(2, 2)]


def test_contract_that_is_flat_at_the_venue_is_in_no_row_and_that_is_compared() -> None:
    account = MarginAccount()
    account.trade(Side.BUY, "2", "6000", 1)
    for _ in range(2):
        account.hold(net="2")
    for _ in range(2):
        account.hold()
    assert account.position().drift == -2
    assert account.alert("PositionDrift").text == f"binance holds 0 {CONTRACT}, our fills say 2"


def test_position_turned_round_behind_our_back_drifts_by_the_whole_way() -> None:
    account = MarginAccount()
    account.trade(Side.BUY, "2", "6000", 1)
    for net in ("2", "2", "-1", "-1"):
        account.hold(net=net)
    assert account.position().drift == -3


def test_contract_that_is_not_listed_any_more_is_compared_all_the_same() -> None:
    account = MarginAccount()
    account.trade(Side.BUY, "2", "6000", 1)
    again = account.restarted(open_gate=False)
    again.know(replace(ES, symbol="CON.F.US.EP.H27", venue_symbol="CON.F.US.EP.H27", base="CON.F.US.EP.H27"))
    again.hold(net="2")
    assert [(each.asset, each.total, each.moved) for each in readings(again)] == [(CONTRACT, 2, 2)]
    assert "HoldingsNotCompared" not in again.alerts()


def test_cash_is_no_position_and_told_to_nobody() -> None:
    account = MarginAccount()
    account.trade(Side.BUY, "2", "6000", 1)
    account.pass_ms(20_000)
    assert account.to_venue(FetchBalances)
    account.hold(net="2")
    assert {each.asset for each in readings(account)} == {CONTRACT}


# ----- closing


@pytest.mark.parametrize(("side", "closing"), [(Side.SELL, Side.BUY), (Side.BUY, Side.SELL)])
def test_close_of_a_contract_position_trades_the_other_way_for_all_of_it(side: Side, closing: Side) -> None:
    account = MarginAccount()
    account.trade(side, "2", "6000", 1)
    account.sent.clear()
    account.do(close(symbol=CONTRACT))
    (place,) = account.to_venue(PlaceOrder)
    assert (place.side, place.type, place.size) == (closing, OrderType.MARKET, 2)

    account.accept(place, shown(place, venue_order_id="9"), venue_order_id="9")
    account.hear_fill(executed(place, "2", "90", venue_order_id="9", price=D(6010), **FEES))

    assert account.position().size == 0
    assert realised_pnl(account.position()) == (1000 if side is Side.BUY else -1000)
    done = answers(account)["host-k1"]
    assert isinstance(done, CloseDone)
    assert done.close.closed_size == 2


def test_close_of_more_than_the_net_position_is_refused() -> None:
    account = MarginAccount()
    account.trade(Side.SELL, "2", "6000", 1)
    account.sent.clear()
    account.do(close(symbol=CONTRACT, quantity="3"))
    assert account.to_venue(PlaceOrder) == []
    refused = answers(account)["host-k1"]
    assert isinstance(refused, Refused)
    assert f"3 {CONTRACT} are to be closed, 2 can be" in refused.text


def test_close_is_refused_while_executions_of_an_order_that_nobody_knows_are_in_hand() -> None:
    # Somebody else's order has closed the position meanwhile: one more would open one on the other side.
    account = MarginAccount()
    place = account.trade(Side.BUY, "2", "6000", 1)
    account.hear_fill(executed(replace(place, side=Side.SELL), "2", "77", venue_order_id="99", price=D(6000), **FEES))
    account.sent.clear()

    account.do(close(symbol=CONTRACT))

    assert account.to_venue(PlaceOrder) == []
    refused = answers(account)["host-k1"]
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.GATE_CLOSED
    assert "an order of it is being looked up" in refused.text


def test_close_after_a_stream_that_overtook_the_answer_to_the_opening_order_is_placed_at_once() -> None:
    account = MarginAccount()
    place = account.placed(side=Side.BUY, size=D(2), **MARKET)
    ended = shown(place, venue_order_id="28", status=PublicStatus.FILLED, filled_size=D(2))
    account.hear(ended, executed(place, "2", venue_order_id="28", price=D(6000), **FEES))
    account.accept(place, None)
    account.sent.clear()

    account.do(close(symbol=CONTRACT))

    (closing,) = account.to_venue(PlaceOrder)
    assert (closing.side, closing.size) == (Side.SELL, 2)


def test_bare_answer_after_a_stream_that_showed_a_part_executed_has_the_market_order_read() -> None:
    account = MarginAccount()
    place = account.placed(side=Side.BUY, size=D(2), **MARKET)
    working = shown(place, venue_order_id="28", status=PublicStatus.OPEN, filled_size=D(1))
    account.hear(working, executed(place, "1", venue_order_id="28", price=D(6000), **FEES))
    account.sent.clear()
    account.accept(place, None)
    (asked,) = account.told(VerificationRequested)
    assert (asked.order_id, asked.due_in_ms) == (place.order_id, 1500)


def test_bare_acceptance_of_an_order_that_the_stream_told_refused_has_it_read() -> None:
    account = MarginAccount()
    place = account.placed(symbol=CONTRACT, side=Side.BUY, size=D(2), price=D(6000))
    account.hear(shown(place, venue_order_id="28", status=PublicStatus.FAILED))
    account.sent.clear()
    account.accept(place, None)
    assert [each.order_id for each in account.told(VerificationRequested)] == [place.order_id]


def test_bare_acceptance_of_an_order_held_for_never_placed_has_it_read() -> None:
    account = MarginAccount()
    place = account.placed(symbol=CONTRACT, side=Side.BUY, size=D(2), price=D(6000))
    head = HEAD | {"order_id": place.order_id, "evidence": account.evidence()}
    account.do(make(PlaceAmbiguous, **head, reason="unknown", venue_order_id="28"))
    account.do(CancelOrder(account_id="1", order_id=place.order_id))
    account.do(make(PlaceNotProcessed, **head))
    assert (account.order(place).state, account.order(place).venue_order_id) == (OrderState.CANCELLED, "28")
    account.sent.clear()
    account.accept(place, None)
    assert [each.order_id for each in account.told(VerificationRequested)] == [place.order_id]


def test_bare_answer_that_names_another_venue_order_than_the_stream_has_the_order_read() -> None:
    account = MarginAccount()
    place = account.placed(symbol=CONTRACT, side=Side.BUY, size=D(2), price=D(6000))
    account.hear(shown(place, venue_order_id="28"))
    account.sent.clear()
    account.accept(place, None, venue_order_id="29")
    assert [each.order_id for each in account.told(VerificationRequested)] == [place.order_id]


@pytest.mark.parametrize("drift", ["-2", "-1", "1"])
def test_close_is_refused_while_the_venue_was_found_to_hold_something_else(drift: str) -> None:
    account = MarginAccount()
    account.trade(Side.BUY, "2", "6000", 1)
    found = {"exchange": "binance", "symbol": CONTRACT, "asset": CONTRACT, "drift": D(drift), "total": D(2) + D(drift)}
    account.do(make(HoldingCompared, **found, expected=D(2), unexplained=D(0)))
    account.sent.clear()

    account.do(close(symbol=CONTRACT))

    assert account.to_venue(PlaceOrder) == []
    refused = answers(account)["host-k1"]
    assert isinstance(refused, Refused)
    assert refused.text == f"the venue holds {2 + int(drift)} {CONTRACT}, our fills say 2: nothing is closed"


# ----- lists


def test_listed_order_of_a_contract_is_taken_in_and_counted() -> None:
    account = MarginAccount()
    place = account.placed(symbol=CONTRACT, side=Side.SELL, size=D(1), price=D(6000))
    claim = replace(shown(place, venue_order_id="77"), client_order_id=None)
    account.do(make(OpenOrdersFetched, **HEAD, orders=(claim,), evidence=account.evidence()))
    (found,) = ask(account, GetExposure).symbols  # type: ignore[attr-defined]
    assert (found.open_orders, found.sell_notional) == (2, 600_000)


# ----- executions that are taken back


def voided(account: MarginAccount, fill_id: str = "1") -> None:
    told = {"symbol": CONTRACT, "venue_order_id": "1", "fill_id": fill_id, "received_ms": account.now_ms}
    account.do(make(FillVoided, **HEAD, **told))


def test_execution_that_is_taken_back_is_told_at_once_and_once_and_leaves_the_order_to_a_person() -> None:
    account = MarginAccount()
    place = account.trade(Side.BUY, "2", "6000", 1)
    account.events.clear()

    voided(account)
    voided(account)

    (alert,) = [event for event in account.events if isinstance(event, Alert)]
    assert (alert.name, alert.severity) == ("ExecutionVoided", Severity.CRITICAL)
    assert dict(alert.details)["order_id"] == place.order_id
    assert account.only_order().needs_review
    assert account.position().size == 2


def test_execution_that_was_never_booked_can_be_taken_back_without_a_word() -> None:
    account = MarginAccount()
    account.trade(Side.BUY, "2", "6000", 1)
    account.events.clear()
    voided(account, fill_id="other")
    assert account.events == []
    assert not account.only_order().needs_review
