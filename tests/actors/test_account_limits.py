"""The limits of an account, the prices that they are judged by, and limits that are broken by what is there."""

from typing import Any

import pytest

from messages.commands import CancelOrder, CreateDraft, FetchPrice, PlaceOrder, SubmitDraft
from messages.events import Alert, RiskRuleTriggered
from messages.queries import DraftDone, RefusalCode
from messages.reports import PlaceAmbiguous, PlaceRejected
from messages.types import (
    Order,
    OrderState,
    OrderType,
    PublicStatus,
    Side,
    Trigger,
)
from tests.actors.account_kit import HEAD, executed, submit
from tests.actors.awareness_kit import BOTH, Aware, D, aware, gone
from tests.factories import make


def wish(name: str = "new", **terms: Any) -> Any:
    return submit(**{"correlation_id": name, "request_id": name} | terms)


def leaves(account: Aware, name: str = "new", **terms: Any) -> bool:
    """Whether an order that is asked for leaves for its venue at once."""
    before = len(account.told(PlaceOrder))
    account.do(wish(name, **terms))
    return len(account.told(PlaceOrder)) > before


def rejected(account: Aware, name: str = "new") -> Order:
    """The record of the refused order."""
    (order,) = (each for each in account.views.orders.values() if each.request_id == name)
    return order


def at_stake(account: Aware, **terms: Any) -> PlaceOrder:
    """An order whose outcome nobody knows."""
    place = account.placed(**{"request_id": "unknown", "size": D("0.01"), "price": D(40000)} | terms)
    account.do(make(PlaceAmbiguous, **HEAD | {"order_id": place.order_id}))
    return place


def test_refusal_by_a_limit_names_a_size_that_the_venue_takes() -> None:
    account = aware(limits={"max_order_notional": D(300)})
    assert not leaves(account, size=D("0.01"), price=D(42500))
    assert "a size of up to 0.00705 at 42500 would pass" in account.refusal("new").text
    assert leaves(account, "fits", size=D("0.00705"), price=D(42500))


@pytest.mark.parametrize(
    ("limits", "allowed", "refused", "rule"),
    [
        ({"max_order_notional": D(425)}, {}, {"size": D("0.01001")}, "maxOrderNotional"),
        ({"max_open_notional_per_symbol": D(825)}, {}, {"size": D("0.01001")}, "maxOpenNotional.perSymbol"),
        ({"max_open_notional_per_exchange": D(825)}, {}, {"size": D("0.01001")}, "maxOpenNotional.perExchange"),
        ({"max_open_notional_per_account": D(825)}, {}, {"size": D("0.01001")}, "maxOpenNotional.perAccount"),
        ({"max_position": {"BTC-USDT": D("0.02")}}, {}, {"size": D("0.01001")}, "maxPosition"),
        ({"price_collar_percent": D(5)}, {"reference_price": D(42500)}, {"reference_price": D(40000)},
         "priceCollarPercent"),
        ({"allowed_symbols": frozenset({"BTC-USDT"})}, {}, {"symbol": "ETH-USDT"}, "allowedSymbols"),
    ],
)  # fmt: skip
def test_order_at_a_limit_passes_and_one_beyond_it_is_refused_with_unknown_orders_at_full_size(
    limits: dict[str, Any], allowed: dict[str, Any], refused: dict[str, Any], rule: str
) -> None:
    account = aware(limits=limits)
    account.know("ETH-USDT")
    at_stake(account, reference_price=D(40000))
    account.do(wish("over", **allowed | refused))
    refusal = account.refusal("over")
    assert (refusal.code, refusal.rule) == (RefusalCode.RISK_LIMIT, rule)
    assert refusal.limit
    assert refusal.actual
    assert refusal.view is not None
    assert refusal.view.state is OrderState.REJECTED
    assert account.views.transitions[rejected(account, "over").order_id][-1].trigger is Trigger.RISK_RULE_REJECT
    (event,) = account.happened(RiskRuleTriggered)
    assert (event.rule, event.limit, event.actual, event.action) == (
        rule, refusal.limit, refusal.actual, "reject",
    )  # fmt: skip
    assert leaves(account, "at", **allowed)


@pytest.mark.parametrize(
    ("limits", "rule"),
    [
        ({"max_open_orders_per_symbol": 2}, "maxOpenOrders.perSymbol"),
        ({"max_open_orders_per_account": 2}, "maxOpenOrders.perAccount"),
        ({"max_orders_per_minute": 2}, "maxOrdersPerMinute"),
    ],
)
def test_order_beyond_a_count_is_refused(limits: dict[str, Any], rule: str) -> None:
    account = aware(limits=limits)
    at_stake(account)
    assert leaves(account, "second")
    account.do(wish("third"))
    refusal = account.refusal("third")
    assert (refusal.code, refusal.rule, refusal.limit, refusal.actual) == (RefusalCode.RISK_LIMIT, rule, "2", "3")


def test_orders_per_minute_count_again_a_minute_later() -> None:
    account = aware(limits={"max_orders_per_minute": 1})
    assert leaves(account, "first")
    account.pass_ms(59_999)
    assert not leaves(account, "second")
    account.pass_ms(1)
    assert leaves(account, "third")


def test_orders_per_minute_count_over_a_restart() -> None:
    account = aware(limits={"max_orders_per_minute": 1})
    account.do(wish("first"))
    again = account.restarted()
    again.do(wish("second"))
    assert again.refusal("second").rule == "maxOrdersPerMinute"


def test_refused_orders_do_not_count_in_their_minute() -> None:
    account = aware(limits={"max_orders_per_minute": 1, "max_order_notional": D(100)})
    assert not leaves(account, "large")
    assert leaves(account, "small", size=D("0.001"))


def test_order_that_the_venue_has_refused_is_at_stake_no_longer() -> None:
    account = aware(limits={"max_open_orders_per_symbol": 1})
    place = account.placed(request_id="first")
    account.do(make(PlaceRejected, **HEAD | {"order_id": place.order_id}))
    assert leaves(account)


def test_orders_of_all_exchanges_count_in_the_accounts_limit() -> None:
    account = aware(exchanges=BOTH, limits={"max_open_notional_per_account": D(850)})
    account.connect("kraken")
    assert leaves(account, "first", exchange="kraken")
    assert leaves(account, "second")
    account.do(wish("third", size=D("0.001")))
    assert account.refusal("third").rule == "maxOpenNotional.perAccount"


def test_order_placed_by_hand_counts_in_the_limits() -> None:
    account = aware(limits={"max_open_notional_per_symbol": D(825)})
    account.see_foreign(size=D("0.01"), price=D(40001))
    account.do(wish())
    assert account.refusal("new").rule == "maxOpenNotional.perSymbol"


def test_position_counts_in_what_may_be_reached() -> None:
    account = aware(limits={"max_position": {"BTC-USDT": D("0.015")}})
    place = account.working(request_id="first")
    account.hear_fill(executed(place, "0.01"))
    assert not leaves(account, "more")
    assert leaves(account, "less", side=Side.SELL, size=D("0.025"))


def test_request_refused_by_a_limit_may_be_made_again_when_there_is_room() -> None:
    account = aware(limits={"max_open_orders_per_symbol": 1})
    place = account.working(request_id="first")
    assert not leaves(account)
    account.hear(gone(place))
    assert leaves(account)


def test_draft_is_checked_when_it_is_submitted() -> None:
    account = aware(limits={"max_order_notional": D(100)})
    account.do(CreateDraft(account_id="1", correlation_id="d", exchange="binance", symbol="BTC-USDT", side=Side.BUY,
                           type=OrderType.LIMIT, size=D("0.01"), price=D(42500)))  # fmt: skip
    order_id = account.reply_to("d", DraftDone).view.local_id
    account.do(SubmitDraft(account_id="1", correlation_id="s", order_id=order_id))
    assert account.refusal("s").rule == "maxOrderNotional"
    assert account.views.orders[order_id].state is OrderState.REJECTED
    assert account.told(PlaceOrder) == []


# ----- prices


def market(name: str = "new", **terms: Any) -> Any:
    return wish(name, **{"type": OrderType.MARKET, "price": None} | terms)


def test_price_is_read_once_for_all_who_need_it_and_their_orders_are_valued_by_it() -> None:
    account = aware(limits={"max_order_notional": D(425)})
    account.do(market("a"))
    account.do(market("b", size=D("0.02")))
    assert len(account.asked_of(FetchPrice)) == 1
    account.tell_price("42000.00")
    assert rejected(account, "a").reference_price == D("42000.00")
    assert account.refusal("b").rule == "maxOrderNotional"
    assert len(account.told(PlaceOrder)) == 1


@pytest.mark.parametrize(("age_ms", "asked"), [(2000, 0), (2001, 1)])
def test_price_is_read_again_when_it_is_too_old(age_ms: int, asked: int) -> None:
    account = aware(limits={"max_order_notional": D(1000)})
    account.do(market("a"))
    account.tell_price("42000.00")
    account.pass_ms(age_ms)
    account.sent.clear()
    account.do(market("b"))
    assert len(account.asked_of(FetchPrice)) == asked
    assert len(account.told(PlaceOrder)) == 1 - asked


def test_price_that_was_too_old_when_it_came_is_asked_for_again() -> None:
    account = aware(limits={"max_order_notional": D(1000)})
    account.do(market())
    account.tell_price("42000.00", received_ms=account.now_ms - 2001)
    assert account.told(PlaceOrder) == []
    assert len(account.asked_of(FetchPrice)) == 2


def test_price_that_cannot_be_read_refuses_the_order() -> None:
    account = aware(limits={"max_order_notional": D(1000)})
    account.do(market())
    account.fail_price()
    assert account.refusal("new").code is RefusalCode.SYNC_FAILED
    assert (account.told(PlaceOrder), account.views.orders) == ([], {})


def test_price_that_failed_refuses_whoever_came_before_it_was_asked_for_and_is_read_again_for_the_others() -> None:
    account = aware(limits={"max_order_notional": D(1000)})
    account.do(market("a"))
    account.do(market("b"))
    sent_ms = account.now_ms
    account.pass_ms(10)
    account.do(market("c"))
    account.fail_price(sent_ms=sent_ms)
    assert [account.refusal(name).code for name in "ab"] == [RefusalCode.SYNC_FAILED] * 2
    assert len(account.asked_of(FetchPrice)) == 2
    account.tell_price("42000.00")
    assert len(account.told(PlaceOrder)) == 1


def test_price_whose_answer_is_lost_refuses_the_order_in_time_and_is_asked_for_again() -> None:
    account = aware(limits={"max_order_notional": D(1000)})
    account.do(market("a"))
    account.pass_ms(5000)
    assert account.refusal("a").code is RefusalCode.SYNC_FAILED
    account.do(market("b"))
    assert len(account.asked_of(FetchPrice)) == 2
    account.tell_price("42000.00")
    assert len(account.told(PlaceOrder)) == 1


def test_command_that_brings_its_own_price_for_the_collar_asks_nobody() -> None:
    account = aware(limits={"price_collar_percent": D(5)})
    assert leaves(account, "a", reference_price=D(42000))
    account.do(wish("b", reference_price=D(40000)))
    assert account.refusal("b").rule == "priceCollarPercent"
    assert account.asked_of(FetchPrice) == []


def test_command_that_brings_its_own_price_is_valued_at_the_markets_all_the_same() -> None:
    account = aware(limits={"max_order_notional": D(420)})
    account.do(market(reference_price=D(1)))
    assert account.told(PlaceOrder) == []
    account.tell_price("43000.00")
    assert account.refusal("new").rule == "maxOrderNotional"


def test_limit_order_asks_for_a_price_only_where_a_collar_needs_one() -> None:
    without = aware(limits={"max_order_notional": D(1000)})
    assert leaves(without)
    account = aware(limits={"price_collar_percent": D(5)})
    assert not leaves(account)
    account.tell_price("40000.00")
    assert account.refusal("new").rule == "priceCollarPercent"


# ----- limits that are broken by what is there


def told(account: Aware) -> list[dict[str, str]]:
    return [
        dict(event.details) for event in account.happened(Alert) if event.name == "RiskLimitExceeded"
    ]


def test_limit_broken_by_hand_is_told_once_and_again_when_it_is_broken_again() -> None:
    account = aware(limits={"max_open_orders_per_symbol": 1})
    account.working()
    account.pass_ms(60_000)
    assert told(account) == []
    by_hand = account.see_foreign()
    account.pass_ms(60_000)
    assert [(each["rule"], each["limit"], each["actual"]) for each in told(account)] == [
        ("maxOpenOrders.perSymbol", "1", "2")
    ]
    assert account.cancels() == []
    claim = {"venue_order_id": by_hand.venue_order_id, "status": PublicStatus.CANCELLED}
    account.see_foreign(**claim)
    account.pass_ms(60_000)
    account.see_foreign("901", client_order_id="by-hand-2")
    account.pass_ms(60_000)
    assert len(told(account)) == 2


def test_cancel_leaves_whatever_the_limits_say() -> None:
    account = aware(limits={"max_open_orders_per_symbol": 1, "allowed_symbols": frozenset({"BTC-USDT"})})
    place = account.working()
    account.see_foreign(symbol="ETH-USDT")
    account.do(CancelOrder(account_id="1", correlation_id="x", order_id=place.order_id))
    account.do(CancelOrder(account_id="1", correlation_id="y", order_id="binance:ETH-USDT:900"))
    assert account.cancels() == [place.order_id, "binance:ETH-USDT:900"]
