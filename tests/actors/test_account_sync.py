"""Open orders on demand: from the cache while it is young, else by one shared list, and never silence for a failure."""


from actors.reminders import SyncDue
from messages.codec import decode_public
from messages.commands import CancelOrder, FetchOpenOrders, PlaceOrder
from messages.control import ReportCommand, Verdict, VerificationRequested
from messages.queries import AnswerSource, OpenOrdersSynced, RefusalCode
from messages.reports import StreamLost
from messages.types import OrderState, PublicStatus
from tests.actors.account_kit import HEAD, executed, shown, submit
from tests.actors.awareness_kit import BOTH, Aware, D, aware, gone, sync
from tests.factories import make


def in_time(account: Aware, ms: int) -> Aware:
    """Some time later, with nothing of what left meanwhile."""
    account.pass_ms(ms)
    account.sent.clear()
    return account


# ----- from the cache, or from the venue


def test_sync_with_a_young_list_is_answered_at_once_and_asks_nobody() -> None:
    account = aware()
    place = account.working()
    in_time(account, 29_000)
    account.do(sync())
    found = account.synced("s1")
    assert [view.local_id for view in found.orders] == [place.order_id]
    assert (found.source, found.as_of_ms, found.age_ms) == (AnswerSource.STREAM, account.now_ms, 0)
    assert (found.stale, found.gap, found.complete, found.error) == (False, False, True, "")
    assert account.asked_of(FetchOpenOrders) == []


def test_sync_with_a_young_list_and_no_stream_says_how_old_it_is() -> None:
    account = aware()
    agreed_ms = account.now_ms
    in_time(account, 4000)
    account.do(make(StreamLost, **HEAD))
    account.do(sync())
    found = account.synced("s1")
    assert (found.source, found.as_of_ms, found.age_ms, found.gap) == (AnswerSource.CACHE, agreed_ms, 4000, True)


def test_sync_with_an_old_list_reads_a_new_one_and_names_the_moment_it_was_asked_for() -> None:
    account = aware()
    place = account.working()
    in_time(account, 30_000)
    account.do(sync())
    assert account.replies_to("s1") == []
    (_,) = account.asked_of(FetchOpenOrders)
    asked_ms = account.now_ms
    account.pass_ms(700)
    account.list_orders(shown(place), asked_ms=asked_ms)
    found = account.synced("s1")
    assert [view.local_id for view in found.orders] == [place.order_id]
    assert (found.source, found.as_of_ms, found.age_ms) == (AnswerSource.VENUE, asked_ms, 700)
    assert not found.stale


def test_sync_by_force_reads_a_young_list_anew() -> None:
    account = aware()
    account.do(sync(force=True))
    assert len(account.asked_of(FetchOpenOrders)) == 1
    assert account.replies_to("s1") == []


def test_many_hosts_who_sync_share_one_list() -> None:
    account = aware()
    in_time(account, 30_000)
    names = [f"s{number}" for number in range(20)]
    for name in names:
        account.do(sync(name, force=name == "s7"))
    assert len(account.asked_of(FetchOpenOrders)) == 1
    account.list_orders()
    assert [account.synced(name).source for name in names] == [AnswerSource.VENUE] * 20


def test_sync_of_all_exchanges_asks_them_side_by_side_and_answers_once() -> None:
    account = aware(exchanges=BOTH)
    account.connect("kraken")
    account.do(sync(force=True))
    assert len(account.asked_of(FetchOpenOrders)) == len(account.asked_of(FetchOpenOrders, "kraken")) == 1
    account.list_orders(exchange="kraken")
    assert account.replies_to("s1") == []
    account.list_orders()
    reply = account.reply_to("s1", OpenOrdersSynced)
    assert [(each.exchange, each.source) for each in reply.exchanges] == [
        ("binance", AnswerSource.VENUE), ("kraken", AnswerSource.VENUE),
    ]  # fmt: skip


def test_sync_of_one_exchange_that_is_down_leaves_the_other_ones_answer_alone() -> None:
    account = aware(exchanges=BOTH)
    account.connect("kraken")
    account.do(sync(force=True))
    account.fail_list("kraken", reason="connection refused")
    account.list_orders()
    assert (account.synced("s1", "kraken").stale, account.synced("s1").stale) == (True, False)


def test_sync_of_one_exchange_asks_only_that_one() -> None:
    account = aware(exchanges=BOTH)
    account.connect("kraken")
    account.sent.clear()
    account.do(sync(exchange="kraken", force=True))
    assert account.asked_of(FetchOpenOrders) == []
    account.list_orders(exchange="kraken")
    assert [each.exchange for each in account.reply_to("s1", OpenOrdersSynced).exchanges] == ["kraken"]


def test_sync_of_an_exchange_that_is_not_configured_is_refused_by_name() -> None:
    account = aware()
    account.do(sync(exchange="nowhere"))
    assert account.refusal("s1").code is RefusalCode.UNKNOWN_EXCHANGE


# ----- failures


def test_sync_that_fails_gives_the_cached_orders_with_error_and_age_and_is_never_empty() -> None:
    account = aware()
    place = account.working()
    agreed_ms = account.now_ms
    in_time(account, 40_000)
    account.do(sync())
    account.fail_list(reason="HTTP 503")
    found = account.synced("s1")
    assert [view.local_id for view in found.orders] == [place.order_id]
    assert (found.stale, found.source, found.as_of_ms, found.age_ms) == (True, AnswerSource.CACHE, agreed_ms, 40_000)
    assert "HTTP 503" in found.error
    assert account.shown_to_others() == ["28"]
    assert account.last_sync == {"1": agreed_ms}


def test_sync_whose_answer_is_lost_is_answered_as_failed_and_the_next_one_asks_again() -> None:
    account = aware()
    account.working()
    account.do(sync(force=True))
    assert len(account.asked_of(FetchOpenOrders)) == 1
    account.sent.clear()
    account.pass_ms(15_000)
    found = account.synced("s1")
    assert found.stale
    assert found.orders
    assert found.error
    asked = len(account.asked_of(FetchOpenOrders))
    account.do(sync("s2", force=True))
    assert len(account.asked_of(FetchOpenOrders)) == asked + 1


def test_sync_answered_in_time_leaves_no_reminder_that_calls_it_failed() -> None:
    account = aware()
    account.do(sync(force=True))
    account.list_orders()
    account.pass_ms(14_000)
    account.do(sync("s2", force=True))
    account.pass_ms(2000)
    assert account.replies_to("s2") == []


def test_list_that_is_incomplete_answers_with_what_is_known_and_is_no_synchronisation() -> None:
    account = aware()
    first, second = account.working(), account.working("29", price=D(41000))
    agreed_ms = account.now_ms
    in_time(account, 31_000)
    account.do(sync())
    account.list_orders(shown(first), unreadable=1)
    found = account.synced("s1")
    assert {view.local_id for view in found.orders} == {first.order_id, second.order_id}
    assert (found.complete, found.stale, found.as_of_ms) == (False, True, agreed_ms)
    assert found.error
    assert account.last_sync == {"1": agreed_ms}
    account.do(sync("s2"))
    assert account.replies_to("s2") == []


def test_sync_when_the_hosts_patience_is_over_gives_what_is_known() -> None:
    account = aware(exchanges=BOTH)
    account.connect("kraken")
    account.working()
    account.do(sync(force=True))
    account.list_orders(exchange="kraken")
    account.do(ReportCommand(account_id="1", command_id="s1"))
    late, read = account.synced("s1"), account.synced("s1", "kraken")
    assert (late.stale, len(late.orders), bool(late.error)) == (True, 1, True)
    assert (read.stale, read.source) == (False, AnswerSource.VENUE)
    account.list_orders()
    assert len(account.replies_to("s1")) == 1


def test_account_that_is_fenced_out_answers_everybody_who_syncs() -> None:
    account = aware()
    for name in ("s1", "s2"):
        account.do(sync(name, force=True))
    account.take(submit(request_id="last", reply_when="committed"))
    account.commit(Verdict.STALE)
    assert {account.refusal(name).code for name in ("s1", "s2")} == {RefusalCode.ACCOUNT_STOPPED}


def test_account_that_comes_back_after_it_was_fenced_asks_for_a_list_of_its_own() -> None:
    account = aware()
    account.do(sync(force=True))
    account.take(submit(request_id="last", reply_when="committed"))
    account.commit(Verdict.GAP)
    account.sent.clear()
    account.load(account.stored, epoch=2)
    account.do(sync("s2", force=True))
    assert len(account.asked_of(FetchOpenOrders)) == 1


# ----- lists that are late


def test_list_that_was_asked_for_before_an_overdue_one_does_not_answer_whoever_asked_since() -> None:
    account = aware()
    long_ago_ms = account.now_ms
    account.do(sync(force=True))
    in_time(account, 60_000)
    account.do(sync("s2"))
    assert len(account.asked_of(FetchOpenOrders)) == 1
    account.list_orders(asked_ms=long_ago_ms)
    assert account.replies_to("s2") == []
    account.list_orders()
    assert account.synced("s2").age_ms == 0


def test_older_list_after_a_newer_one_regresses_nothing() -> None:
    account = aware()
    old_ms = account.now_ms
    account.pass_ms(1000)
    place = account.working()
    account.pass_ms(1000)
    new_ms = account.now_ms
    account.list_orders(shown(place))
    account.pass_ms(1000)
    account.list_orders(asked_ms=old_ms)
    assert account.last_sync == {"1": new_ms}
    assert account.order(place).state is OrderState.ACKNOWLEDGED
    assert account.shown_to_others() == ["28"]
    assert account.told(VerificationRequested) == []
    account.do(make(StreamLost, **HEAD))
    account.do(sync())
    assert account.synced("s1").as_of_ms == new_ms


def test_order_placed_while_the_list_was_under_way_is_not_wiped_by_it() -> None:
    account = aware()
    account.do(sync(force=True))
    asked_ms = account.now_ms
    account.pass_ms(100)
    place = account.working()
    account.list_orders(asked_ms=asked_ms)
    assert [view.local_id for view in account.synced("s1").orders] == [place.order_id]
    assert account.shown_to_others() == ["28"]
    assert account.told(VerificationRequested) == []


def test_order_in_flight_while_the_list_was_under_way_is_not_wiped_by_it() -> None:
    account = aware()
    place = account.placed()
    account.pass_ms(100)
    account.list_orders()
    assert account.shown_to_others() == [place.client_order_id]
    assert account.order(place).state is OrderState.SUBMITTED


def test_list_after_the_clock_was_set_back_counts_and_what_was_agreed_before_it_does_not() -> None:
    account = aware()
    in_time(account, 5000)
    set_back(account, 3_600_000)
    account.do(sync())
    assert account.replies_to("s1") == []
    account.list_orders()
    found = account.synced("s1")
    assert (found.as_of_ms, found.age_ms) == (account.now_ms, 0)
    assert account.last_sync == {"1": account.now_ms}
    account.do(sync("s2"))
    assert account.synced("s2").source is AnswerSource.STREAM


def test_list_that_was_asked_for_before_the_clock_was_set_back_proves_nothing_about_now() -> None:
    account = aware()
    in_time(account, 5000)
    ahead_ms = account.now_ms
    before = dict(account.last_sync)
    set_back(account, 3_600_000)
    account.do(sync())
    account.list_orders(asked_ms=ahead_ms)
    assert account.last_sync == before
    assert account.replies_to("s1") == []
    account.fail_list()
    found = account.synced("s1")
    assert (found.as_of_ms, found.age_ms, found.source) == (0, None, AnswerSource.CACHE)


def set_back(account: Aware, ms: int) -> None:
    """Our wall clock is set back."""
    account.system._virtual.step_wall(-ms)


# ----- what other programs read


def test_list_writes_hash_and_time_in_one_section() -> None:
    account = aware()
    place = account.working()
    account.pass_ms(1000)
    account.sections.clear()
    account.list_orders(shown(place))
    (section,) = account.sections
    tables = {write.table.value for write in section.writes}
    assert {"open", "last_sync"} <= tables
    assert account.last_sync == {"1": account.now_ms}
    assert decode_public(account.open_hash["1"]["28"]).status is PublicStatus.OPEN


def test_exchanges_have_hashes_of_their_own() -> None:
    account = aware(exchanges=BOTH)
    account.connect("kraken")
    account.do(submit(exchange="kraken"))
    (place,) = account.asked_of(PlaceOrder, "kraken")
    account.list_orders()
    assert (account.shown_to_others("1"), account.shown_to_others("2")) == ([], [place.client_order_id])


# ----- orders that are not in the list


def vanished(account: Aware) -> PlaceOrder:
    place = account.working()
    account.pass_ms(5000)
    account.sent.clear()
    account.list_orders()
    return place


def test_order_that_vanished_is_looked_up_before_anything_changes() -> None:
    account = aware()
    place = vanished(account)
    assert [asked.order_id for asked in account.told(VerificationRequested)] == [place.order_id]
    assert account.order(place).state is OrderState.ACKNOWLEDGED
    assert account.shown_to_others() == ["28"]


def test_order_that_vanished_and_was_filled_has_its_execution() -> None:
    account = aware()
    place = vanished(account)
    account.look_up(place.order_id)
    fill = executed(place, "0.01")
    account.found(place, shown(place, status=PublicStatus.FILLED, filled_size=D("0.01")), fill)
    assert account.order(place).state is OrderState.FILLED
    assert account.position().size == D("0.01")
    assert account.shown_to_others() == []


def test_order_that_vanished_and_was_cancelled_has_ended() -> None:
    account = aware()
    place = vanished(account)
    account.look_up(place.order_id)
    account.found(place, gone(place))
    assert account.order(place).state is OrderState.CANCELLED
    assert account.shown_to_others() == []


def test_order_that_vanished_and_works_on_is_kept() -> None:
    account = aware()
    place = vanished(account)
    account.look_up(place.order_id)
    account.found(place, shown(place))
    assert account.order(place).state is OrderState.ACKNOWLEDGED
    assert account.shown_to_others() == ["28"]


def test_order_missing_in_several_lists_is_looked_up_once_at_a_time() -> None:
    account = aware()
    place = vanished(account)
    account.pass_ms(100)
    account.list_orders()
    assert [asked.order_id for asked in account.told(VerificationRequested)] == [place.order_id]


def test_reminder_of_a_list_that_came_asks_nobody() -> None:
    account = aware()
    account.do(sync(force=True))
    account.list_orders()
    account.sent.clear()
    account.do(SyncDue(exchange="binance"))
    account.do(CancelOrder(account_id="1", correlation_id="x", order_id="none"))
    assert account.asked_of(FetchOpenOrders) == []
    assert len(account.replies_to("s1")) == 1
