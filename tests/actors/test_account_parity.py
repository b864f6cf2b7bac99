"""The parity check of an account: asked by message, compared before it is merged, confirmed by a second look."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from account_kit import EXCHANGE_ADDRESS, HEAD, Account, executed, shown
from factories import make

from actors.parity import ANSWER_WITHIN_MS, SYMBOLS_PER_LOOK, ParityChecks
from actors.reminders import ParityDue
from actors.parity_look import Conclusion
from actors.runtime.outcome import Effect, SetTimer
from messages import (
    BalancesFetched,
    CheckParity,
    DifferenceKind,
    FetchBalances,
    FetchFailed,
    FetchFills,
    FetchOpenOrders,
    FillsFetched,
    Instrument,
    Message,
    OpenOrdersFetched,
    ParityReport,
    PlaceOrder,
    RefusalCode,
    Refused,
    StreamConnected,
    VenueFill,
    VenueOrder,
    VenueReport,
)

SETTLE_MS = 3000
FIRST = ["FetchFills", "FetchOpenOrders", "FetchBalances"]


class Checked:
    """An account and its parity checks: what hosts ask and venues answer, turn by turn."""

    def __init__(self, account: Account | None = None) -> None:
        self.account = account or Account(lookback_ms=3_600_000, audit_interval_ms=10**9, reconcile_ms=10**9)
        self.checks = ParityChecks(self.account.actor._desk)
        self.timers: list[SetTimer] = []
        self.asked: list[Any] = []
        self.ended: list[Conclusion] = []

    def ask(self, correlation_id: str = "p1", exchange: str | None = None) -> None:
        """A host wants a report."""
        turn = self.account.actor._turn()
        command = CheckParity(account_id="1", exchange=exchange, correlation_id=correlation_id)
        self.checks.ask(turn, command)
        self._finish(turn)

    def answer(self, report: VenueReport, *, merged: bool = True) -> None:
        """The venue answers: the checks hear of it first, and then it is merged."""
        turn = self.account.actor._turn()
        self.checks.on_report(turn, report)
        self._finish(turn)
        if merged:
            self.account.do(report)

    def due(self, delay_ms: int | None = None) -> None:
        """The last reminder falls due; it was wanted after `delay_ms`, if that is given."""
        timer = self.timers[-1]
        assert delay_ms in (None, timer.delay_ms)
        self.account.pass_ms(timer.delay_ms)
        self.remind(timer.message)

    def remind(self, message: Message) -> None:
        """A reminder falls due."""
        assert isinstance(message, ParityDue)
        turn = self.account.actor._turn()
        ended = self.checks.on_due(turn, message)
        self.ended += [] if ended is None else [ended]
        self._finish(turn)

    def answer_all(
        self,
        *,
        orders: Iterable[VenueOrder] = (),
        fills: Iterable[VenueFill] = (),
        balances: Iterable[tuple[str, Decimal, Decimal]] = (),
    ) -> None:
        """Everything that was asked last is answered, and the look ends."""
        for question in list(self.asked):
            self.answer(self.told(question, orders=orders, fills=fills, balances=balances))
        self.due(0)

    def told(
        self,
        question: Any,
        *,
        orders: Iterable[VenueOrder] = (),
        fills: Iterable[VenueFill] = (),
        balances: Iterable[tuple[str, Decimal, Decimal]] = (),
        **changes: Any,
    ) -> Any:
        """The answer to a question."""
        head = {"account_id": "1", "exchange": question.exchange, "order_id": question.order_id}
        now_ms = self.account.now_ms
        match question:
            case FetchOpenOrders():
                listed = {"orders": tuple(orders), "asked_venue_ms": now_ms, "evidence": self.account.evidence()}
                return make(OpenOrdersFetched, **head | listed | changes)
            case FetchFills():
                executions = {"symbol": question.symbol, "fills": tuple(fills), "asked_venue_ms": now_ms}
                return make(FillsFetched, **head | executions | changes)
            case _:
                return make(BalancesFetched, **head | {"balances": tuple(balances), "received_ms": now_ms} | changes)

    def settle(self) -> None:
        """So much time passes that everything up to now must be at the venue and here."""
        self.account.pass_ms(SETTLE_MS + 1)

    @property
    def report(self) -> ParityReport:
        """The one report that was given."""
        (report,) = (each for each in self.account.replies if isinstance(each, ParityReport))
        return report

    def kinds(self) -> list[str]:
        """What the report's differences are."""
        return [each.kind.value for each in self.report.differences]

    def _finish(self, turn: Any) -> None:
        outcome = self.account.actor._finish(turn)
        wanted: list[Effect] = []
        for effect in outcome.effects:
            if isinstance(effect, SetTimer) and isinstance(effect.message, ParityDue):
                self.timers.append(effect)
            else:
                wanted.append(effect)
        outcome.effects = wanted
        before = len(self.account.sent)
        self.account.actor.carry_out(outcome)
        self.account.commit()
        sent = [message for address, message in self.account.sent[before:] if address.startswith(EXCHANGE_ADDRESS)]
        if sent:
            self.asked = sent


@pytest.fixture
def checked() -> Checked:
    return Checked()


def working(checked: Checked, **terms: Any) -> PlaceOrder:
    """A buy order of 0.01 at 42500 that has worked for long."""
    place = checked.account.working(**terms)
    checked.settle()
    checked.account.sent.clear()
    return place


def listed(checked: Checked, place: PlaceOrder, **changes: Any) -> VenueOrder:
    """How the venue lists it."""
    long_ago = checked.account.now_ms - 60_000
    return shown(place, created_venue_ms=long_ago, updated_venue_ms=long_ago, **changes)


LOCKED = ("USDT", Decimal(1000), Decimal(575))
"""What the order of `working` locks."""


def test_check_asks_for_orders_executions_and_balances_once(checked: Checked) -> None:
    working(checked)

    checked.ask()

    assert [type(each).__name__ for each in checked.asked] == FIRST
    assert [each.symbol for each in checked.asked if isinstance(each, FetchFills)] == ["BTC-USDT"]
    assert [each.symbol for each in checked.asked if isinstance(each, FetchOpenOrders)] == [None]
    assert checked.timers[-1].delay_ms == ANSWER_WITHIN_MS
    assert checked.account.replies == [] or not isinstance(checked.account.replies[-1], ParityReport)


def test_check_of_equal_records_reports_what_was_compared_and_no_difference(checked: Checked) -> None:
    place = working(checked)
    fill = executed(place, "0.004")
    checked.account.hear(shown(place, filled_size=Decimal("0.004")), fill)
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
    assert ("binance", "balances", 1) in checked.report.compared
    assert checked.report.as_of_ms == asked_ms
    assert [each.outcome for each in checked.ended] == ["agreed"]
    assert checked.account.alerts() == []


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
    assert [(each.outcome, each.kinds) for each in checked.ended] == [("differs", {"fill_missing_here": 1})]


def test_check_that_finds_a_moments_matter_looks_again_and_reports_nothing_when_it_is_gone(checked: Checked) -> None:
    place = working(checked)
    checked.ask()

    checked.answer_all(balances=[LOCKED])
    assert not any(isinstance(each, ParityReport) for each in checked.account.replies), "one look is not enough"
    checked.account.find(place.order_id, listed(checked, place))
    checked.due(SETTLE_MS)
    assert [type(each).__name__ for each in checked.asked] == FIRST
    checked.answer_all(orders=[listed(checked, place)], balances=[LOCKED])

    assert checked.report.differences == ()
    assert checked.account.alerts() == []


def test_check_that_finds_the_same_in_both_looks_reports_it(checked: Checked) -> None:
    place = working(checked)
    checked.ask()

    checked.answer_all(orders=[listed(checked, place)], balances=[("USDT", Decimal(1000), Decimal(500))])
    checked.due(SETTLE_MS)
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


def test_check_with_orders_in_flight_calls_them_left_out_and_nothing_else(checked: Checked) -> None:
    checked.account.placed()
    checked.settle()
    checked.ask()

    checked.answer_all()

    assert checked.report.differences == ()
    assert [(exchange, what) for exchange, what, _ in checked.report.not_compared] == [
        ("binance", "orders"),
        ("binance", "balances"),
    ]
    assert "under way" in checked.report.not_compared[0][2]


def test_check_asked_for_by_several_hosts_is_made_once_and_answers_each(checked: Checked) -> None:
    place = working(checked)
    checked.ask("p1")
    checked.ask("p2", "binance")

    assert len(checked.account.to_venue(FetchOpenOrders)) == 1
    checked.answer_all(orders=[listed(checked, place)], balances=[LOCKED])

    reports = [each for each in checked.account.replies if isinstance(each, ParityReport)]
    assert [each.correlation_id for each in reports] == ["p1", "p2"]
    assert reports[0].compared == reports[1].compared
    checked.ask("p3")
    assert len(checked.account.to_venue(FetchOpenOrders)) == 2, "a later question is asked anew"


def test_check_whose_questions_failed_or_stayed_unanswered_says_so_and_claims_nothing(checked: Checked) -> None:
    place = working(checked)
    checked.ask()
    fills, orders, _ = checked.asked
    failed = make(FetchFailed, **HEAD | {"order_id": fills.order_id, "request": "FetchFills", "reason": "banned"})

    checked.answer(failed)
    checked.answer(checked.told(orders, orders=[listed(checked, place)]))
    checked.due(ANSWER_WITHIN_MS)

    assert checked.report.differences == ()
    assert checked.report.not_compared == (
        ("binance", "fills of BTC-USDT", "banned"),
        ("binance", "balances", f"not answered within {ANSWER_WITHIN_MS} ms"),
    )
    assert {what: count for _, what, count in checked.report.compared}.get("fills", 0) == 0
    assert [each.outcome for each in checked.ended] == ["incomplete"]


def test_check_hears_only_answers_to_its_own_questions(checked: Checked) -> None:
    place = working(checked)
    checked.ask()
    orders = checked.asked[1]
    mine = checked.told(orders, orders=[listed(checked, place)])

    checked.answer(replace(mine, order_id="", orders=()), merged=False)
    checked.answer(mine)
    checked.answer(replace(mine, orders=()), merged=False)
    checked.due(ANSWER_WITHIN_MS)

    assert checked.report.differences == ()
    assert ("binance", "orders", 1) in checked.report.compared


def test_check_answered_late_hears_no_answer_of_an_earlier_look(checked: Checked) -> None:
    place = working(checked)
    checked.ask()
    early = [checked.told(question, orders=[listed(checked, place)]) for question in checked.asked]
    checked.due(ANSWER_WITHIN_MS)
    assert len(checked.report.not_compared) == 3
    checked.account.replies.clear()
    checked.ask()

    for report in early:
        checked.answer(report)
    checked.due(ANSWER_WITHIN_MS)

    assert len(checked.report.not_compared) == 3


def test_check_reminded_late_of_its_first_look_does_not_shorten_the_pause(checked: Checked) -> None:
    working(checked)
    checked.ask()
    deadline = checked.timers[-1].message
    checked.answer_all(balances=[LOCKED])
    asked = len(checked.account.to_venue(FetchOpenOrders))

    checked.remind(deadline)
    checked.remind(checked.timers[-2].message)

    assert checked.timers[-1].delay_ms == SETTLE_MS
    assert len(checked.account.to_venue(FetchOpenOrders)) == asked
    checked.due(SETTLE_MS)
    assert len(checked.account.to_venue(FetchOpenOrders)) == asked + 1


def test_check_with_unreadable_records_says_so_and_calls_nothing_missing_at_the_venue(checked: Checked) -> None:
    working(checked)
    checked.ask()
    fills, orders, balances = checked.asked

    checked.answer(checked.told(fills))
    checked.answer(checked.told(orders, unreadable=2))
    checked.answer(checked.told(balances, balances=[LOCKED]))
    checked.due(0)

    assert checked.report.differences == ()
    assert ("binance", "orders", "2 records could not be read") in checked.report.not_compared
    assert [each.outcome for each in checked.ended] == ["incomplete"]


def test_check_reads_the_executions_of_so_many_symbols_and_names_the_others() -> None:
    checked = Checked()
    for number in range(SYMBOLS_PER_LOOK + 2):
        symbol = f"A{number}-USDT"
        checked.account.actor._memory.remember(make(Instrument, symbol=symbol, base=f"A{number}"))
        claim = make(VenueOrder, symbol=symbol, venue_order_id=str(number), client_order_id=f"by hand {number}")
        checked.account.hear(claim)
    checked.settle()

    checked.ask()

    assert len([each for each in checked.asked if isinstance(each, FetchFills)]) == SYMBOLS_PER_LOOK
    checked.due(ANSWER_WITHIN_MS)
    (why,) = (why for _, what, why in checked.report.not_compared if what == "fills")
    assert why == f"of A{SYMBOLS_PER_LOOK}-USDT, A{SYMBOLS_PER_LOOK + 1}-USDT: too many symbols at once"


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


def test_check_reads_the_executions_of_positions_and_of_symbols_that_executed_lately(checked: Checked) -> None:
    place = working(checked)
    fill = executed(place, "0.01")
    checked.account.hear(shown(place, filled_size=Decimal("0.01"), status="FILLED"), fill)
    assert list(checked.account.actor._memory.live_orders("binance")) == []

    checked.ask()
    assert [each.symbol for each in checked.asked if isinstance(each, FetchFills)] == ["BTC-USDT"]


def test_check_of_an_exchange_that_is_not_configured_is_refused(checked: Checked) -> None:
    checked.ask(exchange="kraken")

    (refused,) = (each for each in checked.account.replies if isinstance(each, Refused))
    assert (refused.code, refused.correlation_id) == (RefusalCode.UNKNOWN_EXCHANGE, "p1")
    assert checked.asked == []


def test_check_of_several_exchanges_is_answered_when_the_last_has_ended() -> None:
    checked = Checked(Account(exchanges=("binance", "other"), audit_interval_ms=10**9, reconcile_ms=10**9))
    checked.ask()
    first, second = checked.timers

    checked.remind(first.message)
    assert not any(isinstance(each, ParityReport) for each in checked.account.replies)
    checked.remind(second.message)

    assert {exchange for exchange, _, _ in checked.report.not_compared} == {"binance", "other"}


def test_check_forgotten_with_the_account_gives_the_commands_that_wait_and_hears_nothing_more(checked: Checked) -> None:
    working(checked)
    checked.ask()
    question = checked.asked[1]

    (command,) = checked.checks.forget()
    checked.answer(checked.told(question))
    checked.remind(checked.timers[-1].message)

    assert command.correlation_id == "p1"
    assert checked.ended == []
    assert checked.checks.forget() == []


def test_check_during_a_gap_of_the_stream_still_answers(checked: Checked) -> None:
    place = working(checked)
    checked.account.do(make(StreamConnected, **HEAD, received_ms=checked.account.now_ms))
    checked.account.sent.clear()
    checked.ask()

    checked.answer_all(orders=[listed(checked, place)], balances=[LOCKED])

    assert checked.report.differences == ()
    assert checked.account.to_venue(FetchBalances)
