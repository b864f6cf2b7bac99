"""What is kept of orders where others can see it: after a logout, without a cache, and without history."""

from typing import Any

import pytest

from actors.policy import PrivacyPolicy
from actors.store.port import Table
from messages.codec import decode_record
from messages.commands import (
    CancelOrder,
    CancelVenueOrder,
    CheckParity,
    ClosePosition,
    FetchOpenOrders,
    Logout,
    PlaceOrder,
)
from messages.queries import (
    CloseDone,
    GetFillsBetween,
    GetHistory,
    GetOrder,
    GetOrders,
    GetPosition,
    LogoutDone,
    OrderPlaced,
    RefusalCode,
)
from messages.reports import OrderFound, PlaceRejected
from messages.types import IdempotencyEntry, OrderState, OrderType, VenueOrder
from tests.actors.account_kit import HEAD, executed, shown, submit
from tests.actors.awareness_kit import BOTH, Aware, D, aware, gone, kill_switch, sync
from tests.actors.modify_kit import ModifyAccount, Venue, working_order
from tests.factories import make

CLEARED = PrivacyPolicy(clear_on_logout=True)
NOT_CACHED = PrivacyPolicy(cache_orders=False)
NO_HISTORY = PrivacyPolicy(retain_history=False)
MINUTE_MS = 60_000
SWEEP_MS = 15_000


def logout(name: str = "l1") -> Logout:
    return Logout(account_id="1", correlation_id=name)


def request(account: Aware, name: str = "pay-once", **terms: Any) -> PlaceOrder:
    place: PlaceOrder = account.working(request_id=name, **terms)
    return place


# ----- logout


def test_logout_clears_hash_and_time_and_the_orders_live_on() -> None:
    account = aware(privacy=CLEARED, exchanges=BOTH)
    account.connect("kraken")
    place = account.working()
    account.do(logout())
    reply = account.reply_to("l1", LogoutDone)
    assert (reply.cleared, reply.live_orders) == (True, 1)
    assert (account.shown_to_others("1"), account.shown_to_others("2"), account.last_sync) == ([], [], {})
    assert account.order(place).state is OrderState.ACKNOWLEDGED
    assert place.order_id in account.stored[Table.ORDERS]
    assert account.cancels() == []


def test_logout_without_the_setting_clears_nothing() -> None:
    account = aware()
    account.working()
    synced = dict(account.last_sync)
    account.do(logout())
    assert account.reply_to("l1", LogoutDone).cleared is False
    assert (account.shown_to_others(), account.last_sync) == (["28"], synced)


def test_nothing_that_happens_after_a_logout_shows_orders_again() -> None:
    account = aware(privacy=CLEARED)
    place = account.working()
    account.do(logout())
    account.hear_fill(executed(place, "0.004"))
    account.pass_ms(1000)
    account.list_orders(shown(place, filled_size=D("0.004")))
    account.see_foreign()
    account.pass_ms(SWEEP_MS)
    assert (account.shown_to_others(), account.last_sync) == ([], {})
    assert account.position().size == D("0.004")


def test_next_command_after_a_logout_shows_the_orders_as_they_are_by_then() -> None:
    account = aware(privacy=CLEARED)
    first, second = request(account, "a"), account.working("29", request_id="b", price=D(41000))
    account.do(logout())
    account.hear(gone(first))
    account.pass_ms(1000)
    agreed_ms = account.now_ms
    account.list_orders(shown(second, venue_order_id="29"))
    account.do(sync())
    assert (account.shown_to_others(), account.last_sync) == (["29"], {"1": agreed_ms})


@pytest.mark.parametrize("command", [logout("l2"), CheckParity(account_id="1", correlation_id="p")])
def test_command_that_uses_no_orders_leaves_the_account_logged_out(command: Any) -> None:
    account = aware(privacy=CLEARED)
    account.working()
    account.do(logout())
    account.do(command)
    assert (account.shown_to_others(), account.last_sync) == ([], {})


def test_placement_that_waited_when_its_user_left_is_placed_and_shows_nothing() -> None:
    account = aware(privacy=CLEARED, limits={"max_order_notional": D(1000)})
    account.working()
    account.do(submit(correlation_id="w", request_id="w", type=OrderType.MARKET, price=None))
    account.do(logout())
    account.tell_price("42000.00")
    assert len(account.told(PlaceOrder)) == 2
    assert (account.shown_to_others(), account.last_sync) == ([], {})


def test_restart_while_logged_out_shows_nothing_until_somebody_is_back() -> None:
    account = aware(privacy=CLEARED)
    account.working()
    account.do(logout())
    again = account.restarted()
    again.list_orders()
    assert (again.shown_to_others(), again.last_sync) == ([], {})
    again.do(sync())
    assert again.shown_to_others() == ["28"]
    third = again.restarted()
    assert third.shown_to_others() == ["28"]


def test_orders_are_cancelled_by_a_kill_switch_after_a_logout() -> None:
    account = aware(privacy=CLEARED)
    place = account.working()
    account.do(logout())
    account.do(kill_switch())
    assert account.cancels() == [place.order_id]


# ----- no cache


def test_without_a_cache_nothing_is_public_and_no_event_or_transition_is_stored() -> None:
    account = aware(privacy=NOT_CACHED)
    place = account.working()
    account.hear_fill(executed(place, "0.004"))
    account.pass_ms(1000)
    account.list_orders(shown(place, filled_size=D("0.004")))
    account.see_foreign()
    assert (account.open_hash.get("1", {}), account.last_sync) == ({}, {})
    assert [section.events for section in account.sections if section.events] == []
    assert account.stored.get(Table.TRANSITIONS, {}) == {}
    assert account.events != []
    assert set(account.stored[Table.ORDERS]) == {place.order_id, "binance:BTC-USDT:900"}


def test_without_a_cache_hosts_may_ask_all_the_same() -> None:
    account = aware(privacy=NOT_CACHED)
    place = account.working()
    assert account.ask(GetOrder(account_id="1", order_id=place.order_id)).view is not None
    assert account.ask(GetHistory(account_id="1", order_id=place.order_id)).transitions


def test_without_a_cache_every_sync_reads_the_venue() -> None:
    account = aware(privacy=NOT_CACHED)
    place = account.working()
    for name in ("s1", "s2"):
        account.sent.clear()
        account.do(sync(name))
        assert len(account.asked_of(FetchOpenOrders)) == 1
        account.list_orders(shown(place))
        assert len(account.synced(name).orders) == 1


def test_without_a_cache_an_order_is_unforgotten_while_it_lives_and_survives_a_restart() -> None:
    account = aware(privacy=NOT_CACHED)
    place = request(account)
    account.pass_ms(10 * MINUTE_MS)
    again = account.restarted()
    assert again.order(place).state is OrderState.ACKNOWLEDGED
    again.do(submit(correlation_id="again", request_id="pay-once"))
    assert again.reply_to("again", OrderPlaced).duplicate


def test_without_a_cache_what_was_public_before_goes_at_the_start() -> None:
    account = aware()
    account.working()
    again = account.restarted(privacy=NOT_CACHED)
    again.list_orders()
    assert (again.shown_to_others(), again.last_sync) == ([], {})


# ----- no history


def forgotten(privacy: PrivacyPolicy = NO_HISTORY, filled: str | None = "0.01", **settings: Any) -> Any:
    """An account and a placement of which nothing is kept any more but what it executed."""
    account = aware(privacy=privacy, **settings)
    place = request(account)
    if filled is not None:
        account.hear_fill(executed(place, filled))
    if filled != "0.01":
        account.hear(gone(place, filled_size=D(filled or 0)))
    account.pass_ms(MINUTE_MS + SWEEP_MS)
    assert account.views.orders == {}
    account.sent.clear()
    account.events.clear()
    return account, place


@pytest.mark.parametrize("privacy", [NO_HISTORY, NOT_CACHED])
def test_ended_order_is_forgotten_a_minute_later_with_its_steps_and_not_before(privacy: PrivacyPolicy) -> None:
    account = aware(privacy=privacy)
    place = request(account)
    account.hear_fill(executed(place, "0.01"))
    account.pass_ms(MINUTE_MS - SWEEP_MS)
    assert place.order_id in account.stored[Table.ORDERS]
    account.pass_ms(2 * SWEEP_MS)
    assert (account.stored[Table.ORDERS], account.stored.get(Table.TRANSITIONS, {})) == ({}, {})
    assert account.views.orders == account.views.transitions == account.views.evidence == {}
    assert account.ask(GetOrders(account_id="1")).views == ()
    assert account.ask(GetHistory(account_id="1", order_id=place.order_id)).transitions == ()


def test_history_is_kept_where_it_is_to_be_kept() -> None:
    account = aware()
    place = request(account)
    account.hear_fill(executed(place, "0.01"))
    account.pass_ms(10 * MINUTE_MS)
    assert account.order(place).state is OrderState.FILLED


def test_executions_and_position_stay_when_their_order_is_forgotten() -> None:
    account, place = forgotten()
    assert account.position().size == D("0.01")
    asked = GetFillsBetween(account_id="1", exchange="binance", symbol="BTC-USDT")
    assert [(line.fill.order_id, line.cumulative) for line in account.ask(asked).fills] == [
        (place.order_id, D("0.01"))
    ]
    assert account.ask(GetPosition(account_id="1", exchange="binance", symbol="BTC-USDT")).positions


def test_tombstone_of_a_forgotten_order_says_nothing_of_it() -> None:
    account, place = forgotten()
    (raw,) = account.stored[Table.IDEMPOTENCY].values()
    entry = decode_record(IdempotencyEntry, raw)
    assert (entry.order_id, entry.details, entry.error) == (place.order_id, (), "")


def test_order_that_lives_is_not_forgotten() -> None:
    account = aware(privacy=NO_HISTORY)
    place = account.working()
    account.pass_ms(10 * MINUTE_MS)
    assert account.order(place).state is OrderState.ACKNOWLEDGED


def test_order_that_is_being_looked_up_after_its_end_is_not_forgotten() -> None:
    account = aware(privacy=NO_HISTORY)
    place = account.placed()
    account.do(make(PlaceRejected, **HEAD | {"order_id": place.order_id}))
    account.hear(shown(place, status=None, venue_status="ODD"))
    account.pass_ms(2 * MINUTE_MS)
    assert place.order_id in account.views.orders


@pytest.mark.parametrize("restart", [False, True])
def test_same_request_after_its_order_was_forgotten_is_refused_and_never_placed_again(
    restart: bool,  # noqa: FBT001 - the two cases
) -> None:
    account, _ = forgotten()
    if restart:
        account = account.restarted()
    account.do(submit(correlation_id="again", request_id="pay-once"))
    assert account.refusal("again").code is RefusalCode.DUPLICATE_REQUEST
    assert account.told(PlaceOrder) == []


def test_same_request_after_a_forgotten_rejection_may_be_made_again_under_another_id() -> None:
    account = aware(privacy=NO_HISTORY)
    place = account.placed(request_id="pay-once")
    account.do(make(PlaceRejected, **HEAD | {"order_id": place.order_id}))
    account.pass_ms(MINUTE_MS + SWEEP_MS)
    assert account.views.orders == {}
    account.do(submit(correlation_id="again", request_id="pay-once"))
    _, second = account.told(PlaceOrder)
    assert second.client_order_id != place.client_order_id


@pytest.mark.parametrize("enabled", [True, False])
def test_same_request_long_after_never_gets_the_id_of_the_forgotten_order(
    enabled: bool,  # noqa: FBT001 - the two cases
) -> None:
    account = aware(privacy=NO_HISTORY, idempotency_enabled=enabled)
    place = request(account)
    account.pass_ms(61 * MINUTE_MS)
    account.hear_fill(executed(place, "0.01"))
    account.pass_ms(2 * MINUTE_MS)
    assert account.views.orders == {}
    account.sent.clear()
    account.do(submit(correlation_id="again", request_id="pay-once"))
    (second,) = account.told(PlaceOrder)
    assert second.client_order_id != place.client_order_id
    assert account.order(second).filled_size == 0


def test_same_request_after_a_restart_long_after_never_gets_the_id_of_the_forgotten_order() -> None:
    account = aware(privacy=NO_HISTORY)
    place = request(account)
    account.pass_ms(61 * MINUTE_MS)
    account.hear(gone(place))
    account.pass_ms(2 * MINUTE_MS)
    again = account.restarted()
    assert again.views.orders == {}
    again.do(submit(correlation_id="again", request_id="pay-once"))
    (second,) = again.told(PlaceOrder)
    assert second.client_order_id != place.client_order_id


# ----- what is told of a forgotten order


def look_up_parked(account: Aware, claim: VenueOrder, *fills: Any) -> None:
    """The venue shows the order of an execution that belongs to none."""
    account.pass_ms(1000)
    head = HEAD | {"order_id": f"parked:{claim.venue_order_id}"}
    account.do(make(OrderFound, **head, order=claim, fills=fills, fills_complete=True, evidence=account.evidence()))


def part_of(place: PlaceOrder, filled: str) -> VenueOrder:
    return gone(place, filled_size=D(filled))


def test_late_execution_of_a_forgotten_order_is_booked_once_with_the_right_totals() -> None:
    account, place = forgotten(filled="0.004")
    late = executed(place, "0.003", "57")
    account.hear_fill(late)
    account.hear_fill(late)
    look_up_parked(account, part_of(place, "0.007"), executed(place, "0.004"), late)
    order = account.views.orders[place.order_id]
    assert (order.filled_size, order.fill_count, order.external) == (D("0.007"), 2, False)
    assert [fill.fill_id for fill in account.fills(place)] == ["56", "57"]
    assert account.position().size == D("0.007")
    assert account.stored.get(Table.PARKED, {}) == {}
    account.hear_fill(late)
    assert account.position().size == D("0.007")


def test_execution_told_once_more_of_a_forgotten_order_changes_nothing() -> None:
    account, place = forgotten(filled="0.004")
    known = executed(place, "0.004")
    account.hear_fill(known)
    look_up_parked(account, part_of(place, "0.004"), known)
    assert account.position().size == D("0.004")
    assert len(account.fills(place)) == 1
    assert account.stored.get(Table.PARKED, {}) == {}


@pytest.mark.parametrize("restart", [False, True])
def test_late_report_of_a_forgotten_order_that_says_nothing_new_brings_nothing_back(
    restart: bool,  # noqa: FBT001 - the two cases
) -> None:
    account, place = forgotten(filled="0.004")
    if restart:
        account = account.restarted()
    account.hear(part_of(place, "0.004"))
    account.hear_fill(executed(place, "0.004"))
    assert (account.views.orders, account.alerts(), account.stored.get(Table.PARKED, {})) == ({}, [], {})
    assert account.position().size == D("0.004")


def test_forgotten_order_that_works_after_all_is_back_with_its_totals_and_is_forgotten_again() -> None:
    account, place = forgotten(filled="0.004")
    account.hear(shown(place, filled_size=D("0.004")))
    order = account.views.orders[place.order_id]
    assert (order.state, order.filled_size, order.external) == (OrderState.PARTIALLY_FILLED, D("0.004"), False)
    assert account.position().size == D("0.004")
    assert account.shown_to_others() == ["28"]
    account.hear(part_of(place, "0.004"))
    account.pass_ms(MINUTE_MS + SWEEP_MS)
    assert account.views.orders == {}
    account.do(submit(correlation_id="again", request_id="pay-once"))
    assert account.refusal("again").code is RefusalCode.DUPLICATE_REQUEST


def test_late_report_with_an_execution_of_a_forgotten_order_books_it_once() -> None:
    account, place = forgotten(filled="0.004")
    late = executed(place, "0.003", "57")
    for _ in range(2):
        account.hear(part_of(place, "0.007"), late)
    assert account.views.orders[place.order_id].filled_size == D("0.007")
    assert account.position().size == D("0.007")


def test_request_made_again_while_its_order_is_back_for_a_while_is_a_repetition() -> None:
    account, place = forgotten(filled="0.004")
    account.hear(part_of(place, "0.007"), executed(place, "0.003", "57"))
    account.do(submit(correlation_id="again", request_id="pay-once"))
    assert account.told(PlaceOrder) == []
    reply = account.reply_to("again", OrderPlaced)
    assert (reply.duplicate, reply.view.local_id) == (True, place.order_id)


def test_history_that_shows_a_forgotten_order_brings_nothing_back() -> None:
    account, place = forgotten(filled="0.004")
    account.merge_history(part_of(place, "0.004"), fills=(executed(place, "0.004"),))
    assert (account.views.orders, account.alerts()) == ({}, [])
    assert account.position().size == D("0.004")


def test_history_long_after_still_brings_nothing_of_a_forgotten_order_back() -> None:
    account = aware(privacy=NO_HISTORY)
    place = account.working()
    account.hear_fill(executed(place, "0.004"))
    account.hear(part_of(place, "0.004"))
    account.pass_ms(90 * MINUTE_MS)
    account.events.clear()
    account.merge_history(part_of(place, "0.004"), fills=(executed(place, "0.004"),))
    assert (account.views.orders, account.alerts()) == ({}, [])


def test_history_that_shows_more_executed_of_a_forgotten_order_books_it() -> None:
    account, place = forgotten(filled="0.004")
    late = executed(place, "0.003", "57")
    account.merge_history(part_of(place, "0.007"), fills=(executed(place, "0.004"), late))
    assert account.position().size == D("0.007")
    assert account.views.orders[place.order_id].filled_size == D("0.007")


def test_restart_after_forgetting_counts_the_position_from_its_executions_without_alarm() -> None:
    account, _ = forgotten()
    again = account.restarted()
    assert again.position().size == D("0.01")
    assert again.alerts() == []
    assert again.views.orders == {}


def test_late_execution_after_a_restart_is_booked_once_with_the_right_totals() -> None:
    account, place = forgotten(filled="0.004")
    again = account.restarted()
    late = executed(place, "0.003", "57")
    again.hear_fill(late)
    look_up_parked(again, part_of(place, "0.007"), executed(place, "0.004"), late)
    assert (again.views.orders[place.order_id].filled_size, again.position().size) == (D("0.007"), D("0.007"))


def test_close_is_forgotten_with_its_order_and_the_same_close_is_not_done_again() -> None:
    account, _ = forgotten()
    wish = ClosePosition(
        account_id="1", message_id="close", correlation_id="k", exchange="binance", symbol="BTC-USDT"
    )
    account.do(wish)
    (place,) = account.to_venue(PlaceOrder)
    account.accept(place, shown(place, venue_order_id="29"))
    account.hear_fill(executed(place, "0.01", "90", venue_order_id="29"))
    assert account.reply_to("k", CloseDone).close.closed_size == D("0.01")
    assert account.stored[Table.CLOSES]
    account.pass_ms(MINUTE_MS + SWEEP_MS)
    assert (account.stored[Table.CLOSES], account.stored[Table.ORDERS]) == ({}, {})
    bought = request(account, "more")
    account.hear_fill(executed(bought, "0.01", "91", venue_order_id="28"))
    account.sent.clear()
    account.replies.clear()
    account.do(wish)
    assert account.to_venue(PlaceOrder) == []
    assert account.refusal("k").code is RefusalCode.DUPLICATE_REQUEST


# ----- replaced orders


def replaced(account: ModifyAccount, venue: Venue, order_id: str, price: str, name: str) -> str:
    account.modify(order_id, price=D(price), message_id=name, correlation_id=name)
    venue.settle(10)
    new = account.follower(order_id)
    assert new.state is OrderState.ACKNOWLEDGED
    return new.order_id


def test_replaced_order_is_kept_while_its_latest_replacement_lives() -> None:
    account = ModifyAccount(cancel_replace=False, privacy=NO_HISTORY)
    venue = Venue(account)
    first = working_order(account, venue).order_id
    second = replaced(account, venue, first, "42400.00", "m1")
    third = replaced(account, venue, second, "42300.00", "m2")
    venue.settle(180)
    assert set(account.views.orders) == {first, second, third}
    account.do(CancelOrder(account_id="1", correlation_id="x", order_id=first))
    assert account.told(CancelVenueOrder)[-1].order_id == third
    venue.settle(10)
    assert account.views.orders[third].state is OrderState.CANCELLED
    venue.settle(120)
    assert account.views.orders == {}
