"""The parity check of an account: asked by message, compared before it is merged, confirmed by a second look."""

from dataclasses import replace
from decimal import Decimal

import pytest
from account_kit import HEAD, Account, executed, shown, submit
from factories import make
from parity_kit import LOCKED, SETTLE_MS, Checked, listed, symbols, working

from actors.parity import ANSWER_WITHIN_MS
from actors.parity_look import SYMBOLS_PER_LOOK, symbols_of
from actors.reminders import ParityDue
from messages import (
    DifferenceKind,
    FetchBalances,
    FetchFailed,
    FetchFills,
    FetchOpenOrders,
    OpenOrdersFetched,
    ParityReport,
    PublicStatus,
    RefusalCode,
    Refused,
    Side,
    StreamConnected,
    VenueOrder,
    Verdict,
)

FIRST = ["FetchFills", "FetchOpenOrders", "FetchBalances"]


@pytest.fixture
def checked() -> Checked:
    return Checked()


def test_check_asks_for_orders_executions_and_balances_once(checked: Checked) -> None:
    working(checked)

    checked.ask()

    assert [type(each).__name__ for each in checked.asked] == FIRST
    assert [each.symbol for each in checked.asked if isinstance(each, FetchFills)] == ["BTC-USDT"]
    assert [each.symbol for each in checked.asked if isinstance(each, FetchOpenOrders)] == [None]
    assert not checked.reported


def test_check_of_equal_records_reports_what_was_compared_and_no_difference(checked: Checked) -> None:
    place = working(checked)
    fill = executed(place, "0.004")
    checked.account.hear(shown(place, filled_size=Decimal("0.004")), fill)
    checked.audited(fill)
    checked.account.sent.clear()
    checked.settle()
    checked.ask()
    asked_ms = checked.account.now_ms

    checked.answer_all(
        orders=[listed(checked, place, filled_size=Decimal("0.0040"))],
        fills=[replace(fill, size=Decimal("0.00400"))],
        balances=[("USDT", Decimal(1000), Decimal(745))],
    )

    assert checked.report.differences == ()
    assert ("binance", "orders", 1) in checked.report.compared
    assert ("binance", "fills", 1) in checked.report.compared
    assert ("binance", "balances", 2) in checked.report.compared
    assert checked.report.as_of_ms == asked_ms
    assert checked.report.not_compared == ()
    assert checked.checks("agreed") == 1
    assert checked.account.alerts() == []


def test_check_of_a_position_whose_holding_was_never_compared_is_incomplete(checked: Checked) -> None:
    place = working(checked)
    fill = executed(place, "0.01")
    checked.account.hear(shown(place, filled_size=Decimal("0.01"), status="FILLED"), fill)
    checked.settle()
    checked.ask()

    checked.answer_all(fills=[fill])

    assert checked.report.not_compared == (
        ("binance", "balances", "1 with a holding that was not compared with our executions: BTC-USDT"),
    )
    assert checked.checks("incomplete") == 1


def test_check_compares_before_merging_so_a_fill_that_was_missed_is_reported_and_then_booked(checked: Checked) -> None:
    place = working(checked)
    missed = executed(place, "0.004", venue_time_ms=checked.account.now_ms)
    checked.settle()
    checked.ask()

    checked.answer_all(orders=[listed(checked, place, filled_size=Decimal("0.004"))], fills=[missed],
                       balances=[("USDT", Decimal(1000), Decimal(745))])  # fmt: skip

    assert [each.fill_id for each in checked.account.fills(place)] == [missed.fill_id]
    assert checked.kinds() == ["fill_missing_here"]
    alert = checked.account.alert("ParityDrift")
    assert dict(alert.details) == {"exchange": "binance", "differences": "fill_missing_here=1"}
    assert (checked.checks("differs"), checked.counted("fill_missing_here")) == (1, 1)


def test_check_that_finds_a_moments_matter_looks_again_and_reports_nothing_when_it_is_gone(checked: Checked) -> None:
    place = working(checked)
    checked.ask()

    checked.answer_all(balances=[LOCKED])
    assert not checked.reported, "one look is not enough"
    checked.account.find(place.order_id, listed(checked, place))
    checked.account.pass_ms(SETTLE_MS)
    assert [type(each).__name__ for each in checked.asked] == FIRST
    checked.answer_all(orders=[listed(checked, place)], balances=[LOCKED])

    assert checked.report.differences == ()
    assert checked.account.alerts() == []


def test_check_that_finds_the_same_in_both_looks_reports_it(checked: Checked) -> None:
    place = working(checked)
    checked.ask()

    checked.answer_all(orders=[listed(checked, place)], balances=[("USDT", Decimal(1000), Decimal(500))])
    checked.account.pass_ms(SETTLE_MS)
    checked.answer_all(orders=[listed(checked, place)], balances=[("USDT", Decimal(1000), Decimal(400))])

    (found,) = checked.report.differences
    assert (found.kind, found.subject, found.ours, found.venues) == (
        DifferenceKind.LOCKED_DIFFERS, "USDT", "425", "600",
    )  # fmt: skip


def test_check_of_an_order_we_do_not_know_needs_one_look_and_has_it_taken_in(checked: Checked) -> None:
    place = working(checked)
    long_ago = checked.account.now_ms - 60_000
    other = make(VenueOrder, venue_order_id="99", client_order_id="by hand", created_venue_ms=long_ago)
    checked.ask()

    checked.answer_all(orders=[listed(checked, place), other], balances=[LOCKED])

    assert checked.kinds() == ["missing_here"]
    assert [each.external for each in checked.account.views.orders.values()] == [False, True]


def test_check_that_is_not_answered_leaves_the_differences_shown_that_were_found_before(checked: Checked) -> None:
    long_ago = checked.account.now_ms - 60_000
    checked.ask()
    checked.answer_all(orders=[make(VenueOrder, client_order_id="by hand", created_venue_ms=long_ago)])
    assert checked.counted("missing_here") == 1

    checked.ask()
    checked.account.pass_ms(ANSWER_WITHIN_MS)

    assert checked.checks("incomplete") == 1
    assert checked.counted("missing_here") == 1


def test_check_with_an_order_just_sent_calls_it_left_out_and_nothing_else(checked: Checked) -> None:
    place = working(checked)
    checked.account.placed(request_id="another", side=Side.SELL, price=Decimal(77000))
    checked.ask()

    checked.answer_all(orders=[listed(checked, place)], balances=[LOCKED])

    assert checked.report.differences == ()
    (orders, balances) = checked.report.not_compared
    assert orders == ("binance", "orders", "1 under way, or changed less than 3000 ms before the question")
    assert balances == ("binance", "balances", "locked BTC: orders are under way or have just changed")
    assert checked.checks("agreed") == 1


def test_check_while_nothing_is_old_enough_agrees_on_nothing(checked: Checked) -> None:
    checked.account.working()
    checked.ask()

    checked.answer_all()

    assert ("binance", "everything", "nothing is old enough to be compared") in checked.report.not_compared
    assert checked.checks("incomplete") == 1


def test_check_asked_for_by_several_hosts_is_made_once_and_answers_each(checked: Checked) -> None:
    place = working(checked)
    checked.ask("p1")
    checked.ask("p2", "binance")

    assert checked.looks == 1
    checked.answer_all(orders=[listed(checked, place)], balances=[LOCKED])

    reports = [each for each in checked.account.replies if isinstance(each, ParityReport)]
    assert [each.correlation_id for each in reports] == ["p1", "p2"]
    assert reports[0].compared == reports[1].compared
    checked.ask("p3")
    assert checked.looks == 2, "a later question is asked anew"


def test_check_whose_questions_failed_or_stayed_unanswered_says_so_and_claims_nothing(checked: Checked) -> None:
    place = working(checked)
    checked.ask()
    fills, orders, _ = checked.asked
    failed = make(FetchFailed, **HEAD | {"order_id": fills.order_id, "request": "FetchFills", "reason": "banned"})

    checked.answer(failed)
    checked.answer(checked.told(orders, orders=[listed(checked, place)]))
    checked.account.pass_ms(ANSWER_WITHIN_MS)

    assert checked.report.differences == ()
    assert checked.report.not_compared == (
        ("binance", "fills of BTC-USDT", "banned"),
        ("binance", "balances", f"not answered within {ANSWER_WITHIN_MS} ms"),
    )
    assert {what: count for _, what, count in checked.report.compared}.get("fills", 0) == 0
    assert checked.checks("incomplete") == 1


def test_check_hears_only_answers_to_its_own_questions(checked: Checked) -> None:
    place = working(checked)
    checked.ask()
    orders = checked.asked[1]
    mine = checked.told(orders, orders=[listed(checked, place)])

    checked.answer(mine)
    checked.answer(replace(mine, orders=()))
    checked.answer(replace(mine, order_id="", orders=()))
    checked.account.pass_ms(ANSWER_WITHIN_MS)

    assert checked.report.differences == ()
    assert ("binance", "orders", 1) in checked.report.compared


def test_check_answered_late_hears_no_answer_of_an_earlier_look(checked: Checked) -> None:
    place = working(checked)
    checked.ask()
    early = [checked.told(question, orders=[listed(checked, place)]) for question in checked.asked]
    checked.account.pass_ms(ANSWER_WITHIN_MS)
    assert len(checked.report.not_compared) == 3
    checked.account.replies.clear()
    checked.ask()

    for report in early:
        checked.answer(report)
    checked.account.pass_ms(ANSWER_WITHIN_MS)

    assert len(checked.report.not_compared) == 3


def test_check_reminded_late_of_its_first_look_does_not_shorten_the_pause(checked: Checked) -> None:
    working(checked)
    checked.ask()
    checked.answer_all(balances=[LOCKED])

    checked.account.do(ParityDue(exchange="binance", step=1))
    assert checked.looks == 1
    checked.account.pass_ms(SETTLE_MS - 1)
    assert checked.looks == 1
    checked.account.pass_ms(1)
    assert checked.looks == 2


def test_check_with_unreadable_records_says_so_and_calls_nothing_missing_at_the_venue(checked: Checked) -> None:
    working(checked)
    checked.ask()
    fills, orders, balances = checked.asked

    checked.answer(checked.told(fills))
    checked.answer(checked.told(orders, unreadable=2))
    checked.answer(checked.told(balances, balances=[LOCKED]))
    checked.account.pass_ms(0)

    assert checked.report.differences == ()
    assert ("binance", "orders", "2 records could not be read") in checked.report.not_compared
    assert checked.checks("incomplete") == 1


def test_check_reads_the_executions_of_so_many_symbols_names_the_others_and_is_incomplete() -> None:
    checked = Checked()
    for number in range(SYMBOLS_PER_LOOK + 2):
        ended = make(
            VenueOrder, symbol=f"A{number}-USDT", venue_order_id=str(number), client_order_id=f"by hand {number}",
            status=PublicStatus.CANCELLED,
        )  # fmt: skip
        checked.account.hear(ended)
    checked.settle()

    checked.ask()

    assert len(symbols(checked)) == SYMBOLS_PER_LOOK
    checked.answer_all()
    why = f"of A{SYMBOLS_PER_LOOK}-USDT, A{SYMBOLS_PER_LOOK + 1}-USDT: too many symbols at once"
    assert checked.report.not_compared == (("binance", "fills", why),)
    assert (checked.checks("agreed"), checked.checks("incomplete")) == (0, 1)


def test_check_asks_for_executions_since_a_symbol_is_known_and_not_further_back_than_the_lookback() -> None:
    young = Checked()
    begun_ms = young.account.now_ms
    working(young)
    young.ask()
    old = Checked(Account(lookback_ms=10_000, audit_interval_ms=10**9, reconcile_ms=10**9))
    place = old.account.working()
    old.account.hear(shown(place, filled_size=Decimal("0.001")), executed(place, "0.001"))
    old.account.pass_ms(60_000)
    old.ask()

    (fills,) = (each for each in young.asked if isinstance(each, FetchFills))
    assert fills.since_venue_ms == begun_ms
    (fills,) = (each for each in old.asked if isinstance(each, FetchFills))
    assert fills.since_venue_ms == old.account.now_ms - 10_000


def test_check_of_an_exchange_that_is_not_configured_is_refused(checked: Checked) -> None:
    checked.ask(exchange="kraken")

    (refused,) = (each for each in checked.account.replies if isinstance(each, Refused))
    assert (refused.code, refused.correlation_id) == (RefusalCode.UNKNOWN_EXCHANGE, "p1")
    assert checked.asked == []


def test_check_of_several_exchanges_is_answered_when_the_last_has_ended() -> None:
    checked = Checked(Account(exchanges=("binance", "other"), audit_interval_ms=10**9, reconcile_ms=10**9))
    checked.ask()
    for kind in (FetchOpenOrders, FetchBalances):
        checked.answer(checked.told(checked.account.to_venue(kind)[0]))
    checked.account.pass_ms(0)

    assert checked.checks("agreed") == 1
    assert not checked.reported
    checked.account.pass_ms(ANSWER_WITHIN_MS)

    assert {exchange for exchange, _, _ in checked.report.compared} >= {"binance"}
    assert {exchange for exchange, _, _ in checked.report.not_compared} == {"other"}


def test_check_of_an_account_that_lost_its_place_is_answered_and_hears_nothing_more(checked: Checked) -> None:
    working(checked)
    checked.ask()
    question = checked.asked[1]

    checked.account.take(checked.told(question))
    checked.account.take(submit(request_id="another"))
    checked.account.commit(Verdict.STALE)

    (refused,) = (each for each in checked.account.replies if each.correlation_id == "p1")
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.ACCOUNT_STOPPED
    checked.account.pass_ms(ANSWER_WITHIN_MS)
    assert not checked.reported
    checked.account.load(checked.account.stored, epoch=2)
    checked.account.connect(keep=True)
    checked.ask("p2")
    assert checked.looks == 2, "the check of before is none of the records that were loaded"


def test_check_during_a_gap_of_the_stream_still_answers(checked: Checked) -> None:
    place = working(checked)
    checked.account.do(make(StreamConnected, **HEAD, received_ms=checked.account.now_ms))
    checked.account.sent.clear()
    checked.ask()

    checked.answer_all(orders=[listed(checked, place)], balances=[LOCKED])

    assert checked.report.differences == ()
    assert checked.account.to_venue(FetchBalances)


# ----- what is read, and what is not judged


def test_check_reads_the_executions_of_a_position_however_old_it_is() -> None:
    checked = Checked(Account(lookback_ms=10_000, audit_interval_ms=10**9, reconcile_ms=10**9))
    place = checked.account.working()
    checked.account.hear(shown(place, filled_size=Decimal("0.01"), status="FILLED"), executed(place, "0.01"))
    checked.account.pass_ms(60_000)

    checked.ask()

    assert symbols(checked) == ["BTC-USDT"]


def test_check_reads_the_executions_of_flat_symbols_those_that_executed_lately_before_others(checked: Checked) -> None:
    for number, side in (("28", Side.BUY), ("29", Side.SELL)):
        place = checked.account.working(number, side=side, request_id=number)
        fill = executed(place, "0.01", number, venue_order_id=number)
        end = shown(place, filled_size=Decimal("0.01"), status="FILLED", venue_order_id=number)
        checked.account.hear(end, fill)
    assert checked.account.position().size == 0

    busy_and_quiet = symbols_of(checked.account.actor._memory, "binance", checked.account.now_ms)
    assert busy_and_quiet == (("BTC-USDT",), ())
    checked.account.pass_ms(1)
    assert symbols_of(checked.account.actor._memory, "binance", checked.account.now_ms) == ((), ("BTC-USDT",))
    checked.ask()
    assert symbols(checked) == ["BTC-USDT"], "there is room for it"


def test_check_of_an_order_that_is_being_read_again_judges_neither_it_nor_what_it_locks(checked: Checked) -> None:
    working(checked)
    gone = {"orders": (), "asked_venue_ms": checked.account.now_ms, "evidence": checked.account.evidence()}
    checked.account.do(make(OpenOrdersFetched, **HEAD | gone))
    checked.settle()
    checked.ask()

    checked.answer_all(balances=[("USDT", Decimal(1000), Decimal(900))])

    assert checked.report.differences == ()
    assert [what for _, what, _ in checked.report.not_compared] == ["orders", "balances"]


def test_check_asks_for_no_executions_from_before_we_first_heard_of_a_symbol(checked: Checked) -> None:
    begun_ms = checked.account.now_ms
    place = working(checked)
    early = executed(place, "0.004", venue_time_ms=begun_ms - 60_000)
    checked.account.hear(shown(place, filled_size=Decimal("0.004")), early)

    checked.ask()

    (fills,) = (each for each in checked.asked if isinstance(each, FetchFills))
    assert fills.since_venue_ms == begun_ms
