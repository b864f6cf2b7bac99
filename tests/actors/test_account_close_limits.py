"""What a close is refused for: other orders hold the position, it is too late, nothing may be placed, another id."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from messages.commands import PlaceOrder
from messages.control import PlaceClose, StoreAvailability
from messages.queries import RefusalCode
from messages.reports import InstrumentsFetched, PlaceAmbiguous, StreamLost
from messages.types import InitiatedBy, OrderType, PublicStatus, Side, VenueOrder
from tests.actors.account_kit import HEAD, INSTRUMENT, Account, executed, shown
from tests.actors.close_kit import answers, close, done, fill, holding, placed, refusal, stored
from tests.factories import make

D = Decimal


# ----- other orders on its side


def resting(account: Account, size: str, side: Side = Side.SELL, **terms: Any) -> PlaceOrder:
    place = account.working("30", request_id="resting", side=side, size=D(size), **terms)
    account.sent.clear()
    return place


def test_close_leaves_what_a_working_order_of_its_side_may_still_execute() -> None:
    account = holding()
    resting(account, "0.004")
    account.do(close())
    assert placed(account).size == D("0.006")


def test_close_of_more_than_working_orders_leave_is_refused_and_names_them() -> None:
    account = holding()
    place = resting(account, "0.004")
    account.do(close(quantity="0.007"))
    refused = refusal(account, "host-k1")
    assert (refused.code, refused.rule) == (RefusalCode.NO_POSITION, "position")
    assert (refused.limit, refused.actual) == ("0.006", "0.007")
    assert place.order_id in refused.text
    assert (account.to_venue(PlaceOrder), stored(account)) == ([], {})


def test_close_of_a_position_that_working_orders_hold_is_refused_and_names_them() -> None:
    account = holding()
    place = resting(account, "0.02")
    account.do(close())
    refused = refusal(account, "host-k1")
    assert (refused.code, refused.limit, refused.actual) == (RefusalCode.NO_POSITION, "0", "0.01")
    assert place.order_id in refused.text


def test_order_of_the_other_side_holds_nothing_of_a_position() -> None:
    account = holding()
    resting(account, "0.02", side=Side.BUY)
    account.do(close())
    assert placed(account).size == D("0.01")


def test_order_holds_of_a_short_position_what_it_may_still_buy() -> None:
    account = holding(Side.SELL)
    resting(account, "0.004", side=Side.BUY)
    account.do(close())
    assert placed(account).size == D("0.006")


def test_order_that_has_ended_holds_nothing() -> None:
    account = holding()
    place = resting(account, "0.004")
    account.hear(shown(place, venue_order_id="30", status=PublicStatus.CANCELLED))
    account.do(close())
    assert placed(account).size == D("0.01")


def test_executed_part_of_an_order_is_counted_once() -> None:
    account = holding()
    place = resting(account, "0.004")
    account.hear_fill(executed(place, "0.001", "70", venue_order_id="30"))
    account.do(close())
    assert placed(account).size == D("0.006")


def test_order_of_unknown_outcome_holds_its_whole_size() -> None:
    account = holding()
    place = account.placed(request_id="unknown", side=Side.SELL, size=D("0.004"))
    head = HEAD | {"order_id": place.order_id}
    account.do(make(PlaceAmbiguous, **head, attempt=1, reason="timeout", evidence=account.evidence()))
    account.sent.clear()
    account.do(close())
    assert placed(account).size == D("0.006")


def test_order_that_was_not_placed_by_us_holds_its_size_too() -> None:
    account = holding()
    terms = {"venue_order_id": "99", "side": Side.SELL, "size": D("0.004"), "filled_size": D(0)}
    account.hear(make(VenueOrder, symbol="BTC-USDT", client_order_id="manual", **terms))
    account.do(close())
    assert placed(account).size == D("0.006")


def test_order_for_a_quote_quantity_makes_every_close_refused() -> None:
    """Nobody knows how much of the position it will sell."""
    account = holding()
    place = account.placed(
        request_id="quote", side=Side.SELL, type=OrderType.MARKET, price=None, size=None, quote_size=D(100)
    )
    account.sent.clear()
    account.do(close(quantity="0.001"))
    refused = refusal(account, "host-k1")
    assert (refused.code, place.order_id in refused.text) == (RefusalCode.NO_POSITION, True)


# ----- nothing may be placed, or it is too late


def test_close_while_the_store_is_away_is_refused_at_once() -> None:
    account = holding()
    account.take(make(StoreAvailability, available=False))
    account.take(close())
    assert refusal(account, "host-k1").code is RefusalCode.STORE_UNAVAILABLE
    account.take(make(StoreAvailability, available=True))
    account.deliver()
    assert account.to_venue(PlaceOrder) == []


def test_close_while_the_gate_is_closed_is_refused_at_once() -> None:
    account = holding()
    account.do(make(StreamLost, **HEAD, received_ms=account.now_ms))
    account.take(close())
    assert refusal(account, "host-k1").code is RefusalCode.GATE_CLOSED
    assert account.positions == {}


@pytest.mark.parametrize(("waited_ms", "in_time"), [(5000, True), (5001, False)])
def test_close_that_waited_too_long_for_its_order_is_refused(waited_ms: int, in_time: bool) -> None:  # noqa: FBT001
    """The store went away right after the wish, and came back."""
    account = holding()
    account.take(close(offered_ms=account.now_ms))
    request = account.deliver(until=PlaceClose)
    assert request is not None
    account.system._virtual.advance(waited_ms)
    account.do(request)
    assert len(account.to_venue(PlaceOrder)) == in_time
    if not in_time:
        refused = refusal(account, "host-k1")
        assert (refused.code, refused.actual) == (RefusalCode.QUEUE_TIMEOUT, "5001")
        account.do(close("k2", offered_ms=account.now_ms))
        assert placed(account).size == D("0.01")


# ----- what it can never mean


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("initiated_by", "user"),
        ("initiated_by", None),
        ("quantity", 1.5),
        ("quantity", 1),
        ("quantity", "1"),
        ("quantity", D("1E-999999")),
        ("quantity", D("1E+100000")),
        ("message_id", 7),
        ("symbol", "BTC\nUSDT"),
    ],
)
def test_close_whose_terms_have_no_meaning_is_refused_naming_them(field: str, value: object) -> None:
    account = holding()
    account.do(replace(close(), **{field: value}))  # type: ignore[arg-type]
    refused = refusal(account, "host-k1")
    assert (refused.code, refused.fields) == (RefusalCode.INVALID_ORDER, (field,))
    assert len(refused.text) < 200
    account.do(close("k2"))
    assert placed(account).size == D("0.01")


# ----- one id, one close


def two_positions() -> Account:
    account = Account()
    ether = replace(INSTRUMENT, symbol="ETH-USDT", base="ETH")
    account.do(make(InstrumentsFetched, **HEAD, instruments=(INSTRUMENT, ether)))
    account.merge_history(symbol="ETH-USDT")
    for number, symbol in enumerate(("BTC-USDT", "ETH-USDT")):
        venue_order_id = str(50 + number)
        place = account.working(venue_order_id, request_id=symbol, symbol=symbol, size=D("0.01"))
        account.hear_fill(executed(place, "0.01", f"5{number}", venue_order_id=venue_order_id))
    account.sent.clear()
    account.replies.clear()
    return account


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize(("field", "value"), [("symbol", "ETH-USDT"), ("quantity", D("0.002"))])
def test_id_of_a_close_used_for_another_one_is_a_conflict(field: str, value: object, ended: bool) -> None:  # noqa: FBT001
    account = two_positions()
    account.do(close(quantity="0.004"))
    if ended:
        fill(account, placed(account), "0.004")
    changes = {"quantity": D("0.004"), field: value, "correlation_id": "host-other"}
    account.do(close(**changes))
    refused = refusal(account, "host-other")
    assert (refused.code, refused.fields) == (RefusalCode.IDEMPOTENCY_CONFLICT, (field,))
    assert len(account.to_venue(PlaceOrder)) == 1


def test_id_of_a_close_that_is_not_begun_used_for_another_one_is_a_conflict() -> None:
    account = two_positions()
    account.take(close())
    account.take(close(symbol="ETH-USDT", correlation_id="host-other"))
    assert refusal(account, "host-other").code is RefusalCode.IDEMPOTENCY_CONFLICT
    account.deliver()
    assert [place.symbol for place in account.to_venue(PlaceOrder)] == ["BTC-USDT"]


def test_id_of_a_close_in_a_late_request_of_another_position_is_a_conflict() -> None:
    """The first host was answered before its close was begun; nobody here remembers its command any more."""
    account = two_positions()
    account.do(close())
    fill(account, placed(account), "0.01")
    other = close(symbol="ETH-USDT", correlation_id="host-other")
    account.actor._memory.askers.clear()
    account.do(PlaceClose(close_id="k1", command=other))
    assert len(account.to_venue(PlaceOrder)) == 1
    account.do(close("k3", symbol="ETH-USDT"))
    assert account.to_venue(PlaceOrder)[-1].symbol == "ETH-USDT"


def test_same_quantity_written_otherwise_is_the_same_close() -> None:
    account = holding()
    account.do(close(quantity="0.004"))
    fill(account, placed(account), "0.004")
    account.do(close(quantity="0.0040", correlation_id="host-again", initiated_by=InitiatedBy.SYSTEM))
    assert done(account, "host-again") == done(account, "host-k1")
    assert len(answers(account)) == 2
