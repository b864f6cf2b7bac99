"""Closes while nobody can say what is held: never told that there is no position, and never more than is known closed.
"""

from collections.abc import Callable

import pytest

from messages.commands import PlaceOrder, SearchOrder
from messages.queries import RefusalCode
from messages.reports import FrameUnreadable, InstrumentsFetched, PlaceAmbiguous, StreamConnected, StreamLost
from messages.types import PublicStatus, Side
from tests.actors.account_kit import HEAD, INSTRUMENT, Account, executed, shown
from tests.actors.awareness_kit import Aware, aware
from tests.actors.close_kit import D, close, placed, refusal
from tests.factories import make

NOT_KNOWN = "nobody knows yet what is held"


def refused(account: Account, name: str = "k1", **changes: object) -> tuple[RefusalCode, bool]:
    """What a close is refused by, and whether that says that nobody knows."""
    account.do(close(name, **changes))  # type: ignore[arg-type]
    found = refusal(account, f"host-{name}")
    assert account.to_venue(PlaceOrder) == []
    return found.code, NOT_KNOWN in found.text


def reconnected(account: Aware) -> None:
    """The stream was away for a minute; a list was read since that shows no order."""
    account.do(make(StreamLost, **HEAD))
    account.pass_ms(60_000)
    account.do(make(StreamConnected, **HEAD, received_ms=account.now_ms))
    account.list_orders()
    account.sent.clear()


def test_close_after_a_reconnection_waits_for_no_history_and_does_not_say_that_nothing_is_held() -> None:
    """A position that was opened while the stream was down is not booked before the history is read."""
    account = aware()
    place = account.working()
    reconnected(account)
    assert refused(account) == (RefusalCode.GATE_CLOSED, True)
    ended = shown(place, status=PublicStatus.FILLED, venue_status="FILLED", filled_size=place.size)
    account.merge_history(ended, fills=(executed(place, str(place.size)),))
    account.do(close("k2"))
    assert placed(account).size == place.size


def test_close_on_a_symbol_that_was_never_read_has_its_history_read_once() -> None:
    account = aware()
    rules = (INSTRUMENT, make(type(INSTRUMENT), symbol="ETH-USDT"))
    account.do(make(InstrumentsFetched, **HEAD, instruments=rules))
    for name in ("k1", "k2"):
        assert refused(account, name, symbol="ETH-USDT") == (RefusalCode.GATE_CLOSED, True)
    assert [search.symbol for search in account.to_venue(SearchOrder)] == ["ETH-USDT"]
    account.merge_history(symbol="ETH-USDT")
    assert refused(account, "k3", symbol="ETH-USDT") == (RefusalCode.NO_POSITION, False)


def test_close_on_a_symbol_that_is_not_listed_has_nothing_read() -> None:
    account = aware()
    assert refused(account, symbol="ABC-XYZ") == (RefusalCode.NO_POSITION, False)
    assert account.to_venue(SearchOrder) == []


def look_up_vanished(account: Aware) -> None:
    account.working()
    account.pass_ms(700)
    account.list_orders()


def leave_unanswered(account: Aware) -> None:
    place = account.placed()
    account.do(make(PlaceAmbiguous, **HEAD | {"order_id": place.order_id}, reason="timeout"))


def hold_back_an_end(account: Aware) -> None:
    place = account.working()
    account.hear(shown(place, status=PublicStatus.FILLED, venue_status="FILLED", filled_size=place.size))


def park_an_execution(account: Aware) -> None:
    place = account.working()
    account.hear_fill(executed(place, "0.001", venue_order_id="77", client_order_id=None))


def stumble_over_a_frame(account: Aware) -> None:
    account.do(make(FrameUnreadable, **HEAD))


@pytest.mark.parametrize(
    "unsettle",
    [look_up_vanished, leave_unanswered, hold_back_an_end, park_an_execution, stumble_over_a_frame],
)
def test_close_while_executions_may_be_missing_does_not_say_that_nothing_is_held(
    unsettle: Callable[[Aware], None],
) -> None:
    account = aware()
    unsettle(account)
    account.sent.clear()
    assert refused(account) == (RefusalCode.GATE_CLOSED, True)


def test_close_of_what_orders_of_ours_hold_names_them_although_more_may_be_held() -> None:
    account = aware()
    place = account.working()
    account.hear_fill(executed(place, "0.004"))
    holder = account.working("29", request_id="holder", side=Side.SELL, size=D("0.004"), price=D(50000))
    account.pass_ms(700)
    account.list_orders(shown(holder, venue_order_id="29"))
    account.sent.clear()
    account.do(close())
    found = refusal(account, "host-k1")
    assert (found.code, holder.order_id in found.text) == (RefusalCode.NO_POSITION, True)


def test_close_of_what_is_known_is_placed_while_more_may_be_held() -> None:
    account = aware()
    place = account.working()
    account.hear_fill(executed(place, "0.004"))
    account.pass_ms(700)
    account.list_orders()
    account.sent.clear()
    assert refused(account, quantity="0.005") == (RefusalCode.GATE_CLOSED, True)
    account.do(close("k2", quantity="0.004"))
    assert placed(account).size == D("0.004")
