"""Our Binance client against the paper venue, over real sockets: amends, replaces and prices, and what goes wrong."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from exchanges.binance.client import BinanceClient
from exchanges.binance.sign import HmacSigner
from exchanges.http import SystemClock
from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages.commands import (
    AmendVenueOrder,
    FetchOpenOrders,
    FetchPrice,
    LookUpOrder,
    PlaceOrder,
    ReplaceVenueOrder,
)
from messages.reports import (
    AmendAmbiguous,
    AmendConfirmed,
    AmendNotProcessed,
    AmendRefused,
    CancelAmbiguous,
    CancelConfirmed,
    CancelNotProcessed,
    CancelRefused,
    FetchFailed,
    OpenOrdersFetched,
    OrderFound,
    OrderNotFound,
    PlaceAccepted,
    PlaceAmbiguous,
    PlaceNotProcessed,
    PlaceRejected,
    PriceFetched,
    ReplaceAnswered,
)
from messages.types import OrderType, PublicStatus, Side, TimeInForce

AMEND, REPLACE = RequestKind.AMEND, RequestKind.REPLACE
HEAD: dict[str, Any] = {"account_id": "1", "exchange": "binance"}
OLD, NEW = "a" * 32, "b" * 32
BOTH_OPEN = (CancelAmbiguous, PlaceAmbiguous)
NOTHING_DONE = (CancelNotProcessed, PlaceNotProcessed)


def once(fault: Fault, kind: RequestKind, **more: Any) -> FaultRule:
    return FaultRule(fault=fault, kind=kind, count_max=1, **more)


class Trader:
    """One account's client, and the requests of an order `old` that is to be changed."""

    def __init__(self, user: Any, call_timeout_ms: int = 3000) -> None:
        credentials = user.credentials
        self.account = credentials["account"]
        self.client = BinanceClient(
            api_key=credentials["apiKey"],
            signer=HmacSigner(credentials["apiSecret"]),
            clock=SystemClock(),
            rest_url=user.rest_url,
            call_timeout_ms=call_timeout_ms,
        )
        self.venue_order_id = ""

    def valid_until(self) -> int:
        return SystemClock().now_ms() + self.client.venue_offset_ms() + 5000

    def placement(self, client_order_id: str, **changes: Any) -> PlaceOrder:
        terms: dict[str, Any] = {
            "order_id": client_order_id,
            "attempt": 1,
            "client_order_id": client_order_id,
            "symbol": "BTC-USDT",
            "side": Side.BUY,
            "type": OrderType.LIMIT,
            "time_in_force": TimeInForce.GTC,
            "size": Decimal("0.01"),
            "price": Decimal(50000),
            "valid_until_venue_ms": self.valid_until(),
        }
        return PlaceOrder(**HEAD, **(terms | changes))

    def place_old(self, **changes: Any) -> None:
        report = self.client.execute(self.placement(OLD, **changes))
        assert isinstance(report, PlaceAccepted), report
        self.venue_order_id = report.venue_order_id

    def amend(self, size: str = "0.008", **changes: Any) -> Any:
        terms: dict[str, Any] = {
            "order_id": OLD,
            "symbol": "BTC-USDT",
            "client_order_id": OLD,
            "venue_order_id": self.venue_order_id,
            "size": Decimal(size),
            "price": Decimal(50000),
            "valid_until_venue_ms": self.valid_until(),
        }
        return self.client.execute(AmendVenueOrder(**HEAD, **(terms | changes)))

    def replace(self, **changes: Any) -> ReplaceAnswered:
        request = ReplaceVenueOrder(
            **HEAD,
            order_id=OLD,
            symbol="BTC-USDT",
            client_order_id=OLD,
            venue_order_id=self.venue_order_id,
            place=self.placement(NEW, **({"price": Decimal(50001)} | changes)),
        )
        report = self.client.execute(request)
        assert isinstance(report, ReplaceAnswered)
        assert (report.order_id, report.cancel.order_id, report.place.order_id) == (OLD, OLD, NEW)
        return report

    def look_up(self, client_order_id: str) -> Any:
        request = LookUpOrder(
            **HEAD, order_id=client_order_id, symbol="BTC-USDT", client_order_id=client_order_id, budget_ms=5000
        )
        return self.client.execute(request)

    def status(self, client_order_id: str) -> PublicStatus | None:
        found = self.look_up(client_order_id)
        return found.order.status if isinstance(found, OrderFound) else None


def kinds(report: ReplaceAnswered) -> tuple[type, type]:
    return type(report.cancel), type(report.place)


@pytest.fixture
def new_trader(new_user: Callable[[], Any]) -> Iterator[Callable[..., Trader]]:
    made: list[Trader] = []

    def make(**options: Any) -> Trader:
        made.append(Trader(new_user(), **options))
        return made[-1]

    yield make
    for one in made:
        one.client.close()


@pytest.fixture
def trader(new_trader: Callable[..., Trader]) -> Trader:
    made = new_trader()
    made.place_old()
    return made


# ----- amending


def test_amend_keeps_order_id_and_client_id(trader):
    report = trader.amend()
    assert isinstance(report, AmendConfirmed)
    assert (report.order.venue_order_id, report.order.client_order_id) == (trader.venue_order_id, OLD)
    assert (report.order.size, report.order.price) == (Decimal("0.008"), Decimal(50000))
    found = trader.look_up(OLD)
    assert isinstance(found, OrderFound)
    assert (found.order.size, found.order.venue_order_id) == (Decimal("0.008"), trader.venue_order_id)
    assert found.order.updated_venue_ms == report.order.updated_venue_ms


def test_amend_is_shown_by_the_list_of_open_orders_with_its_time(trader):
    report = trader.amend()
    listed = trader.client.execute(FetchOpenOrders(**HEAD, symbol="BTC-USDT"))
    assert isinstance(listed, OpenOrdersFetched)
    (order,) = listed.orders
    assert (order.size, order.client_order_id) == (Decimal("0.008"), OLD)
    assert order.created_venue_ms <= report.order.updated_venue_ms == order.updated_venue_ms


def test_amend_keeps_the_place_in_the_queue(new_trader, control, maker):
    first, second = new_trader(), new_trader()
    first.place_old(price=Decimal(52345))
    second.place_old(price=Decimal(52345))
    assert isinstance(first.amend(price=Decimal(52345)), AmendConfirmed)
    control.place(maker, "hit", symbol="BTC-USDT", side=Side.SELL, size=Decimal("0.008"), price=Decimal(52345))
    assert first.status(OLD) is PublicStatus.FILLED
    assert control.executions(account=second.account) == []


def test_amend_whose_answer_is_lost_is_open_and_refused_the_second_time(trader, control):
    control.set_faults(once(Fault.BREAK_AFTER, AMEND))
    lost, again = trader.amend(), trader.amend()
    assert isinstance(lost, AmendAmbiguous)
    assert lost.reason == "connection_lost"
    assert isinstance(again, AmendRefused)
    assert (again.code, again.text) == ("-2038", "The requested action would change no state; rejecting")
    assert trader.look_up(OLD).order.size == Decimal("0.008")


def test_amend_delivered_twice_is_refused_although_it_was_made(trader, control):
    control.set_faults(once(Fault.DELIVER_TWICE, AMEND))
    assert isinstance(trader.amend(), AmendRefused)
    assert trader.look_up(OLD).order.size == Decimal("0.008")


@pytest.mark.parametrize("fault", [Fault.BREAK_BEFORE, Fault.ERROR_BEFORE])
def test_amend_that_was_not_processed_looks_like_one_that_was_and_is_open(trader, control, fault):
    control.set_faults(once(fault, AMEND))
    assert isinstance(trader.amend(), AmendAmbiguous)
    assert trader.look_up(OLD).order.size == Decimal("0.01")


@pytest.mark.parametrize(
    "fault", [Fault.ERROR_AFTER, Fault.UNKNOWN_OUTCOME, Fault.BREAK_MID_BODY, Fault.MALFORMED_BODY]
)
def test_amend_that_was_made_and_answered_badly_is_open(trader, control, fault):
    control.set_faults(once(fault, AMEND))
    assert isinstance(trader.amend(), AmendAmbiguous)
    assert trader.look_up(OLD).order.size == Decimal("0.008")


def test_amend_answered_too_late_is_open(new_trader, control):
    trader = new_trader(call_timeout_ms=300)
    trader.place_old()
    control.set_faults(once(Fault.ANSWER_LATE, AMEND, amount_ms=3000))
    report = trader.amend()
    assert isinstance(report, AmendAmbiguous)
    assert report.reason == "timeout"


def test_amend_of_what_the_venue_holds_back_is_not_processed(trader, control):
    control.set_faults(once(Fault.RATE_LIMIT, AMEND, amount_ms=2000))
    report = trader.amend()
    assert isinstance(report, AmendNotProcessed)
    assert (report.reason, report.retry_after_ms) == ("rate_limited", 2000)


@pytest.mark.parametrize("size", ["0.02", "0.01"])
def test_amend_upwards_or_to_the_same_size_is_refused_by_the_venue(trader, size):
    report = trader.amend(size)
    assert isinstance(report, AmendRefused)
    assert report.code == "-2038"


def test_amend_of_an_order_that_executed_meanwhile_is_refused(trader, control):
    control.set_faults(once(Fault.FILL_DURING_CANCEL, AMEND))
    report = trader.amend()
    assert isinstance(report, AmendRefused)
    assert report.text == "Unknown order sent."
    assert trader.status(OLD) is PublicStatus.FILLED


def test_amend_below_what_executed_meanwhile_ends_the_order_and_says_so(trader, control):
    control.set_faults(once(Fault.PARTIAL_FILL_DURING_CANCEL, AMEND))
    report = trader.amend("0.005")
    assert isinstance(report, AmendConfirmed)
    assert (report.order.status, report.order.filled_size) == (PublicStatus.EXPIRED, Decimal("0.005"))


# ----- replacing


def test_replace_cancels_the_old_order_and_places_the_new_one(trader):
    report = trader.replace(size=Decimal("0.02"))
    assert kinds(report) == (CancelConfirmed, PlaceAccepted)
    assert (report.cancel.order.venue_order_id, report.cancel.order.client_order_id) == (trader.venue_order_id, OLD)
    assert (report.place.order.size, report.place.order.price) == (Decimal("0.02"), Decimal(50001))
    assert (trader.status(OLD), trader.status(NEW)) == (PublicStatus.CANCELLED, PublicStatus.OPEN)


def test_replace_that_executes_at_once_tells_its_fills(trader, control, maker):
    control.place(maker, "ask", symbol="BTC-USDT", side=Side.SELL, size=Decimal("0.01"), price=Decimal(50001))
    report = trader.replace()
    assert kinds(report) == (CancelConfirmed, PlaceAccepted)
    assert report.place.order.status is PublicStatus.FILLED
    assert sum(fill.size for fill in report.place.fills) == Decimal("0.01")


@pytest.mark.parametrize("fault", [Fault.PARTIAL_FILL_DURING_CANCEL, Fault.FILL_DURING_CANCEL])
def test_replace_of_an_order_that_executed_meanwhile_places_nothing(trader, control, fault):
    control.set_faults(once(fault, REPLACE))
    report = trader.replace()
    assert kinds(report) == (CancelRefused, PlaceNotProcessed)
    assert (report.cancel.code, report.place.reason) == ("-2011", "not_attempted")
    partly = fault is Fault.PARTIAL_FILL_DURING_CANCEL
    assert trader.status(OLD) is (PublicStatus.OPEN if partly else PublicStatus.FILLED)
    assert isinstance(trader.look_up(NEW), OrderNotFound)


def test_replace_of_which_the_new_half_fails_tells_the_halves_apart(trader, control):
    control.set_faults(once(Fault.NEW_HALF_FAILS, REPLACE))
    report = trader.replace()
    assert kinds(report) == (CancelConfirmed, PlaceRejected)
    assert (report.place.code, report.place.text) == ("-2010", "Market is closed.")
    assert trader.status(OLD) is PublicStatus.CANCELLED
    assert isinstance(trader.look_up(NEW), OrderNotFound)


def test_replace_without_the_money_for_the_new_order_tells_the_halves_apart(trader):
    report = trader.replace(size=Decimal(150))
    assert kinds(report) == (CancelConfirmed, PlaceRejected)
    assert report.place.text == "Account has insufficient balance for requested action."


def test_replace_that_breaks_the_symbols_rules_changes_nothing(trader):
    report = trader.replace(price=Decimal("50000.001"))
    assert kinds(report) == (CancelRefused, PlaceRejected)
    assert report.place.code == "-1013"
    assert trader.status(OLD) is PublicStatus.OPEN


@pytest.mark.parametrize(
    "fault", [Fault.BREAK_AFTER, Fault.BREAK_MID_BODY, Fault.ERROR_AFTER, Fault.UNKNOWN_OUTCOME, Fault.MALFORMED_BODY]
)
def test_replace_that_was_made_and_answered_badly_is_open_in_both_halves(trader, control, fault):
    control.set_faults(once(fault, REPLACE))
    assert kinds(trader.replace()) == BOTH_OPEN
    assert (trader.status(OLD), trader.status(NEW)) == (PublicStatus.CANCELLED, PublicStatus.OPEN)


@pytest.mark.parametrize("fault", [Fault.BREAK_BEFORE, Fault.ERROR_BEFORE])
def test_replace_that_was_not_processed_looks_like_one_that_was_and_is_open(trader, control, fault):
    control.set_faults(once(fault, REPLACE))
    assert kinds(trader.replace()) == BOTH_OPEN
    assert trader.status(OLD) is PublicStatus.OPEN
    assert isinstance(trader.look_up(NEW), OrderNotFound)


def test_replace_processed_too_late_does_nothing(new_trader, control, eventually):
    trader = new_trader(call_timeout_ms=300)
    trader.place_old()
    control.set_faults(once(Fault.PROCESS_LATE, REPLACE, amount_ms=2000))
    valid_until_ms = trader.valid_until() - 3500
    assert kinds(trader.replace(valid_until_venue_ms=valid_until_ms)) == BOTH_OPEN
    eventually(lambda: control.placement_requests(NEW)[-1]["processed"])
    assert trader.status(OLD) is PublicStatus.OPEN
    assert isinstance(trader.look_up(NEW), OrderNotFound)


def test_replace_delivered_twice_places_once_and_says_less_than_it_did(trader, control):
    control.set_faults(once(Fault.DELIVER_TWICE, REPLACE))
    report = trader.replace()
    # The venue's last word, about the second delivery: what the first one did is found by looking the order up.
    assert kinds(report) == (CancelRefused, PlaceNotProcessed)
    placed = control.orders(account=trader.account, clientOrderId=NEW)
    assert [order["status"] for order in placed] == ["OPEN"]


def test_replace_asked_again_after_a_lost_answer_places_nothing_more(trader, control):
    control.set_faults(once(Fault.BREAK_AFTER, REPLACE))
    assert kinds(trader.replace()) == BOTH_OPEN
    assert kinds(trader.replace()) == (CancelRefused, PlaceNotProcessed)
    assert len(control.orders(account=trader.account, clientOrderId=NEW)) == 1


@pytest.mark.parametrize("fault", [Fault.RATE_LIMIT, Fault.BAN])
def test_replace_that_the_venue_holds_back_is_not_processed(trader, control, fault):
    control.set_faults(once(fault, REPLACE, amount_ms=2000))
    report = trader.replace()
    assert kinds(report) == NOTHING_DONE
    assert report.place.retry_after_ms == 2000
    control.lift_ban()
    assert kinds(trader.replace()) == NOTHING_DONE, "nothing leaves before the time is over"


def test_replace_over_the_order_limit_is_not_processed_and_keeps_the_old_order(trader, control):
    control.set_clock_skew(10_000 - control.now_ms() % 10_000)
    trader.client.session.read_clock()
    for number in range(100):
        report = trader.client.execute(trader.placement(f"many-{number}", price=Decimal(20000)))
        assert isinstance(report, PlaceAccepted)
    control.enforce_limits(enabled=True)
    report = trader.replace()
    assert kinds(report) == NOTHING_DONE
    assert (report.cancel.reason, report.place.reason) == ("rate_limited", "rate_limited")
    assert isinstance(trader.amend(), AmendConfirmed), "an amend is no order"
    assert trader.status(OLD) is PublicStatus.OPEN


def test_replace_with_a_clock_that_the_venue_refuses_is_not_processed_and_works_again(trader, control):
    control.set_faults(once(Fault.WRONG_CLOCK, REPLACE))
    report = trader.replace()
    assert kinds(report) == NOTHING_DONE
    assert report.place.reason == "clock"
    assert kinds(trader.replace()) == (CancelConfirmed, PlaceAccepted)


# ----- the price


def test_price_is_read_from_the_venue(trader, control, maker):
    before_ms = SystemClock().now_ms()
    control.place(maker, "ask", symbol="ETH-USDT", side=Side.SELL, size=Decimal(1), price=Decimal("2950.5"))
    taken = trader.placement(NEW, symbol="ETH-USDT", price=Decimal("2950.5"), size=Decimal(1))
    trader.client.execute(taken)
    report = trader.client.execute(FetchPrice(**HEAD, symbol="ETH-USDT"))
    assert isinstance(report, PriceFetched)
    assert (report.symbol, report.price) == ("ETH-USDT", Decimal("2950.5"))
    assert before_ms <= report.received_ms <= SystemClock().now_ms()


@pytest.mark.parametrize("fault", [Fault.BREAK_AFTER, Fault.ERROR_AFTER, Fault.MALFORMED_BODY, Fault.RATE_LIMIT])
def test_price_that_is_not_answered_is_none(trader, control, fault):
    control.set_faults(once(fault, RequestKind.PRICE))
    before_ms = SystemClock().now_ms()
    report = trader.client.execute(FetchPrice(**HEAD, symbol="BTC-USDT"))
    assert isinstance(report, FetchFailed)
    assert (report.request, report.symbol) == ("FetchPrice", "BTC-USDT")
    assert before_ms <= report.sent_ms <= SystemClock().now_ms()
