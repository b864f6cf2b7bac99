"""Records of an exchange that was removed from the configuration: loaded and shown, told of, and left alone."""

from decimal import Decimal

import pytest

from actors.domain.timeouts import FillTimeoutPolicy
from messages.commands import CancelOrder, ClosePosition, CreateDraft, DiscardDraft, SubmitDraft
from messages.control import FillTimerWanted, VerificationRequested
from messages.events import Severity
from messages.fills import VenueFill
from messages.queries import RefusalCode, Refused
from messages.types import OrderState, OrderType, Side
from tests.actors.account_kit import PLACE, Account, executed, shown
from tests.factories import make

D = Decimal
BOTH, LEFT = ("binance", "kraken"), ("kraken",)


def without_binance(account: Account, **policy: object) -> Account:
    return Account(stored=account.stored, start_ms=account.now_ms, exchanges=LEFT, open_gate=False, **policy)


def partly_filled(**policy: object) -> tuple[Account, str]:
    account = Account(exchanges=BOTH, **policy)
    place = account.working(size=D(1))
    account.hear(shown(place, filled_size=D("0.5")), executed(place, "0.5"))
    return account, place.order_id


def test_live_order_of_a_removed_exchange_is_shown_and_told_of() -> None:
    account, order_id = partly_filled()
    later = without_binance(account)
    assert later.views.in_service
    order = later.views.orders[order_id]
    assert (order.state, order.filled_size) == (OrderState.PARTIALLY_FILLED, D("0.5"))
    assert later.views.positions[PLACE].size == D("0.5")
    alert = later.alert("ExchangeNotConfigured")
    assert alert.severity is Severity.CRITICAL
    named = dict(alert.details)
    assert (named["exchange"], named["orders"], named["positions"]) == ("binance", order_id, "BTC-USDT")


@pytest.mark.parametrize("cancelled", [False, True])
@pytest.mark.parametrize("answered", [False, True])
def test_order_of_a_removed_exchange_is_left_alone(cancelled: bool, answered: bool) -> None:  # noqa: FBT001
    account = Account(exchanges=BOTH, fill_timeouts=FillTimeoutPolicy(from_submit=True))
    place = account.working(size=D(1)) if answered else account.placed(size=D(1))
    if cancelled:
        account.cancel(place)
    later = without_binance(account, stuck_default_ms=60_000)
    before = later.views.orders[place.order_id]
    later.pass_ms(7_200_000)
    assert [message for _, message in later.sent if isinstance(message, VerificationRequested | FillTimerWanted)] == []
    assert not any("exchange/binance" in address for address, _ in later.sent)
    assert later.views.orders[place.order_id] is before
    assert later.alerts() == ["ExchangeNotConfigured"]


def test_close_that_runs_on_a_removed_exchange_is_left_alone() -> None:
    account, _ = partly_filled()
    account.do(ClosePosition(account_id="1", exchange="binance", symbol="BTC-USDT", correlation_id="c", message_id="m"))
    later = without_binance(account)
    later.pass_ms(120_000)
    assert later.positions == {}
    assert later.alerts() == ["ExchangeNotConfigured"]


def test_parked_fill_of_a_removed_exchange_is_kept_and_told_of() -> None:
    account = Account(exchanges=BOTH)
    account.hear_fill(make(VenueFill, symbol="BTC-USDT", venue_order_id="99", client_order_id=None))
    later = without_binance(account)
    later.pass_ms(120_000)
    assert dict(later.alert("ExchangeNotConfigured").details)["unexplained"] == "1"
    back = Account(stored=later.stored, start_ms=later.now_ms, exchanges=BOTH, open_gate=False)
    back.pass_ms(1)
    (asked,) = [message for address, message in back.sent if address.endswith("exchange/binance")]
    assert asked.venue_order_id == "99"


def test_command_about_an_order_of_a_removed_exchange_is_refused() -> None:
    account, order_id = partly_filled()
    account.do(
        make(CreateDraft, account_id="1", correlation_id="d", side=Side.BUY, type=OrderType.LIMIT, price=D(7))
    )
    (draft_id,) = [order.order_id for order in account.views.orders.values() if order.state is OrderState.DRAFT]
    later = without_binance(account)
    later.do(CancelOrder(account_id="1", correlation_id="x", order_id=order_id))
    later.do(DiscardDraft(account_id="1", correlation_id="y", order_id=draft_id))
    later.do(SubmitDraft(account_id="1", correlation_id="z", order_id=draft_id))
    refusals = [(reply.correlation_id, reply.code) for reply in later.replies if isinstance(reply, Refused)]
    assert refusals == [(name, RefusalCode.UNKNOWN_EXCHANGE) for name in "xyz"]
    assert later.views.orders[order_id].cancel_pending is False


def test_exchange_removed_with_nothing_open_is_no_matter() -> None:
    account = Account(exchanges=BOTH)
    place = account.working(size=D(1))
    account.cancel(place)
    account.confirm_cancel(place, shown(place, status="CANCELLED"))
    assert without_binance(account).alerts() == []
