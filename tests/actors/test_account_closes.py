"""Closing positions: one at a time, never for more than there is, and every asker is told how it ended."""

from dataclasses import replace
from decimal import Decimal

import pytest

from actors.store.port import Table
from messages.commands import ClosePosition, PlaceOrder, SearchOrder
from messages.control import PlaceClose
from messages.events import PositionClosed, PositionCloseEnded, PositionOpened
from messages.fills import CloseState
from messages.queries import RefusalCode
from messages.reports import (
    InstrumentsFetched,
    OpenOrdersFetched,
    PlaceRejected,
    StreamConnected,
    StreamLost,
)
from messages.types import InitiatedBy, OrderType, PublicStatus, Side
from tests.actors.account_kit import (
    HEAD,
    INSTRUMENT,
    Account,
    executed,
    shown,
    submit,
    written,
)
from tests.actors.close_kit import close, done, fill, holding, placed, refusal, stored
from tests.factories import make

D = Decimal


# ----- how much


@pytest.mark.parametrize(("side", "closing"), [(Side.BUY, Side.SELL), (Side.SELL, Side.BUY)])
def test_close_of_a_position_is_one_market_order_of_the_other_side(side: Side, closing: Side) -> None:
    account = holding(side)
    account.do(close())
    place = placed(account)
    assert (place.side, place.type, place.size, place.reduce_only) == (closing, OrderType.MARKET, D("0.01"), False)


def test_close_uses_reduce_only_where_the_venue_has_it() -> None:
    account = Account(exchanges=("binance", "other"))
    account.connect("other")
    account.do(submit(request_id="opening", exchange="other"))
    (place,) = account.told(PlaceOrder)
    account.hear_fill(executed(place, "0.01", exchange="other"))
    account.do(close(exchange="other"))
    assert account.told(PlaceOrder)[-1].reduce_only


def test_close_of_a_long_position_leaves_out_the_fees_paid_in_what_was_bought() -> None:
    account = holding(fee=D("0.00001"), fee_currency="BTC")
    account.do(close())
    assert placed(account).size == D("0.00999")


def test_close_of_a_long_position_is_whole_when_fees_were_paid_in_something_else() -> None:
    account = holding(fee=D("0.00001"), fee_currency="BNB")
    account.do(close())
    assert placed(account).size == D("0.01")


def test_close_is_rounded_down_to_what_the_venue_takes() -> None:
    account = holding(fee=D("0.000013"), fee_currency="BTC")
    account.do(close())
    assert placed(account).size == D("0.00998")


def test_close_of_a_part_is_for_that_part() -> None:
    account = holding()
    account.do(close(quantity="0.004"))
    assert placed(account).size == D("0.004")
    assert stored(account)["k1"].asked == D("0.004")


@pytest.mark.parametrize(
    ("wish", "code", "named"),
    [
        (close(quantity="0.011"), RefusalCode.NO_POSITION, ("position", "0.01", "0.011")),
        (close(quantity="0.000001"), RefusalCode.NO_POSITION, ("position", "0.01", "0.000001")),
        (close(symbol="ETH-USDT"), RefusalCode.NO_POSITION, ("", "", "")),
        (close(exchange="kraken"), RefusalCode.UNKNOWN_EXCHANGE, ("", "", "")),
        (close(quantity="0"), RefusalCode.INVALID_ORDER, ("", "", "")),
        (close(quantity="-1"), RefusalCode.INVALID_ORDER, ("", "", "")),
        (close(quantity="NaN"), RefusalCode.INVALID_ORDER, ("", "", "")),
        (close(quantity="Infinity"), RefusalCode.INVALID_ORDER, ("", "", "")),
    ],
    ids=["more", "dust", "symbol", "exchange", "zero", "below zero", "nan", "infinite"],
)
def test_close_that_cannot_be_is_refused_and_blocks_no_other(
    wish: ClosePosition, code: RefusalCode, named: tuple[str, str, str]
) -> None:
    account = holding()
    account.do(wish)
    refused = refusal(account, "host-k1")
    assert (refused.code, (refused.rule, refused.limit, refused.actual)) == (code, named)
    assert refused.fields == (("quantity",) if code is RefusalCode.INVALID_ORDER else ())
    assert (account.to_venue(PlaceOrder), stored(account)) == ([], {})
    account.do(close("k2"))
    assert placed(account).size == D("0.01")


def test_close_is_for_the_position_as_it_is_when_its_order_is_placed() -> None:
    """Another order sold a part between the wish and the order."""
    account = holding()
    other = account.working("30", request_id="other", side=Side.SELL, size=D("0.004"))
    account.sent.clear()
    account.take(close())
    account.take(account.of_fill(executed(other, "0.004", "70", venue_order_id="30")))
    account.commit()
    account.deliver()
    assert placed(account).size == D("0.006")


def test_close_of_a_part_that_is_not_there_any_more_is_refused() -> None:
    account = holding()
    other = account.working("30", request_id="other", side=Side.SELL)
    account.sent.clear()
    account.take(close(quantity="0.01"))
    account.take(account.of_fill(executed(other, "0.004", "70", venue_order_id="30")))
    account.commit()
    account.deliver()
    assert (refusal(account, "host-k1").code, account.to_venue(PlaceOrder)) == (RefusalCode.NO_POSITION, [])


def test_close_of_a_flat_position_is_refused() -> None:
    account = holding()
    account.do(close())
    fill(account, placed(account), "0.01")
    account.do(close("k2"))
    assert refusal(account, "host-k2").code is RefusalCode.NO_POSITION


# ----- from the wish to the end


def test_close_is_recorded_with_its_order_and_answered_when_that_has_ended() -> None:
    account = holding()
    account.take(close())
    request = account.deliver(until=PlaceClose)
    assert request is not None
    account.take(request)
    (section,) = account.staged
    assert len(written(section, Table.ORDERS)) == len(written(section, Table.CLOSES)) == 1
    assert account.to_venue(PlaceOrder) == []
    account.commit()
    account.deliver()
    account.accept(placed(account), shown(placed(account), venue_order_id="29"))
    assert account.replies == []
    fill(account, placed(account), "0.01")
    ended = done(account, "host-k1")
    assert (ended.state, ended.closed_size, ended.size, ended.asked) == (CloseState.DONE, D("0.01"), D("0.01"), None)
    assert (ended.reason, ended) == ("", stored(account)["k1"])
    assert len(account.replies) == 1


def test_close_that_ends_is_one_event_in_the_commit_of_its_fill() -> None:
    account = holding()
    account.do(close())
    account.take(account.of_fill(executed(placed(account), "0.01", "90", venue_order_id="29")))
    (section,) = account.staged
    kinds = [event.split(b'"')[3] for event in section.events]
    assert sorted(kinds) == [b"FillRecorded", b"OrderStateChanged", b"PositionCloseEnded", b"PositionClosed"]
    assert account.happened(PositionCloseEnded) == []
    account.commit()
    (event,) = account.happened(PositionCloseEnded)
    assert (event.close.close_id, event.close.closed_size) == ("k1", D("0.01"))
    assert account.happened(PositionClosed)[0].position.size == 0
    assert account.happened(PositionOpened) == []


def test_close_that_the_venue_refuses_ends_with_nothing_closed() -> None:
    account = holding()
    account.do(close())
    place = placed(account)
    head = HEAD | {"order_id": place.order_id, "text": "too bad"}
    account.do(make(PlaceRejected, **head, evidence=account.evidence()))
    ended = done(account, "host-k1")
    assert (ended.state, ended.closed_size, ended.reason) == (CloseState.DONE, D(0), "too bad")
    account.do(close("k2"))
    assert len(account.to_venue(PlaceOrder)) == 2


def test_close_that_the_venue_ends_early_says_how_much_it_closed() -> None:
    account = holding()
    account.do(close())
    place = placed(account)
    fill(account, place, "0.004")
    account.hear(shown(place, venue_order_id="29", status=PublicStatus.EXPIRED, filled_size=D("0.004")))
    assert (done(account, "host-k1").state, done(account, "host-k1").closed_size) == (CloseState.DONE, D("0.004"))
    account.do(close("k2"))
    assert account.to_venue(PlaceOrder)[-1].size == D("0.006")


def test_two_closes_of_the_same_size_one_after_the_other_are_two_orders() -> None:
    account = holding()
    for name in ("k1", "k2"):
        account.do(close(name, "0.005"))
        place = account.to_venue(PlaceOrder)[-1]
        account.hear_fill(executed(place, "0.005", f"9{name}", venue_order_id=f"3{name}"))
    assert [order.size for order in account.to_venue(PlaceOrder)] == [D("0.005"), D("0.005")]
    assert account.position().size == 0


# ----- one at a time


def test_second_close_while_one_runs_is_refused_and_names_it() -> None:
    account = holding()
    account.do(close())
    account.do(close("k2", "0.001"))
    refused = refusal(account, "host-k2")
    assert refused.code is RefusalCode.CLOSE_IN_PROGRESS
    assert "k1" in refused.text
    assert len(account.to_venue(PlaceOrder)) == 1


def test_risk_rule_that_meets_the_close_of_a_user_waits_for_it() -> None:
    account = holding()
    account.do(close())
    account.do(close("k2", initiated_by=InitiatedBy.RISK_RULE))
    fill(account, placed(account), "0.01")
    assert done(account, "host-k1") == done(account, "host-k2")
    assert len(account.happened(PositionCloseEnded)) == 1


def test_close_keeps_who_wanted_it() -> None:
    account = holding()
    account.do(close(initiated_by=InitiatedBy.RISK_RULE))
    assert stored(account)["k1"].initiated_by is InitiatedBy.RISK_RULE
    assert account.order(placed(account)).initiated_by is InitiatedBy.RISK_RULE


@pytest.mark.parametrize("restart", [False, True])
def test_same_command_while_its_close_runs_places_nothing_and_gets_its_result(restart: bool) -> None:  # noqa: FBT001
    account = holding()
    account.do(close())
    place = placed(account)
    if restart:
        account = account.restarted()
    account.do(close(correlation_id="host-again"))
    assert account.to_venue(PlaceOrder) == ([] if restart else [place])
    fill(account, place, "0.01")
    assert done(account, "host-again").close_id == "k1"


@pytest.mark.parametrize("quantity", ["0.004", "0.01"])
@pytest.mark.parametrize("restart", [False, True])
def test_same_command_after_its_close_ended_gets_its_result_again(restart: bool, quantity: str) -> None:  # noqa: FBT001
    account = holding()
    account.do(close(quantity=quantity))
    fill(account, placed(account), quantity)
    if restart:
        account = account.restarted()
    account.do(close(quantity=quantity, correlation_id="host-again"))
    assert done(account, "host-again").closed_size == D(quantity)
    assert len(account.to_venue(PlaceOrder)) == (0 if restart else 1)


def test_close_that_is_to_be_placed_twice_is_placed_once() -> None:
    """A position actor that lost its memory may send the same request again."""
    account = holding()
    account.do(close())
    message = PlaceClose(close_id="k1", command=close())
    account.do(message)
    fill(account, placed(account), "0.01")
    account.do(message)
    assert len(account.to_venue(PlaceOrder)) == 1
    assert len(account.happened(PositionCloseEnded)) == 1


# ----- new orders are not accepted


def test_close_while_the_gate_is_closed_is_refused_and_may_be_asked_again() -> None:
    account = holding()
    account.do(make(StreamLost, **HEAD, received_ms=account.now_ms))
    account.do(close())
    assert refusal(account, "host-k1").code is RefusalCode.GATE_CLOSED
    account.connect()
    account.do(close("k2"))
    assert placed(account).size == D("0.01")


def test_close_on_a_symbol_whose_history_is_not_merged_is_refused_and_has_it_read() -> None:
    """A position may be older than the orders whose symbols are read at a start."""
    account = holding()
    account.pass_ms(8_000_000)
    account = account.restarted(open_gate=False)
    account.connect(history=False)
    account.do(close())
    assert refusal(account, "host-k1").code is RefusalCode.GATE_CLOSED
    assert [search.symbol for search in account.to_venue(SearchOrder)] == ["BTC-USDT"]
    account.do(close("k2"))
    assert len(account.to_venue(SearchOrder)) == 1
    account.merge_history()
    account.do(close("k3"))
    assert placed(account).size == D("0.01")


def test_close_that_breaks_a_rule_of_the_venue_is_refused_with_that_rule() -> None:
    account = holding()
    account.do(make(InstrumentsFetched, **HEAD, instruments=(replace(INSTRUMENT, trading=False),)))
    account.do(close())
    assert refusal(account, "host-k1").code is RefusalCode.INSTRUMENT_RULE
    account.do(make(InstrumentsFetched, **HEAD, instruments=(INSTRUMENT,)))
    account.do(close("k2"))
    assert placed(account).size == D("0.01")


def test_close_before_the_rules_of_the_symbol_are_known_is_refused() -> None:
    account = holding().restarted(open_gate=False)
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    account.do(make(OpenOrdersFetched, **HEAD, orders=(), evidence=account.evidence()))
    account.do(close())
    assert refusal(account, "host-k1").code is RefusalCode.INSTRUMENT_UNKNOWN
