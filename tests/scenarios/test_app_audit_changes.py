"""The auditor of modified, swept, stopped and foreign orders finds each thing that can be wrong, and nothing else."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from factories import make

from actors.app.audit import audit
from actors.app.audit_changes import as_placed
from actors.app.audit_controls import (
    Limits,
    Stopped,
    parity_errors,
    pre_trade_errors,
    stopped_errors,
    swept_errors,
    synced_errors,
)
from actors.app.ledger import Ledger
from actors.app.verdict import Change, Doings, Sweep, VenueRecord, Verdict
from actors.domain.lifecycle import evolve
from actors.domain.projection import view
from actors.views import PublishedViews
from messages import OrderPlaced, SubmitOrder
from messages.queries import (
    AnswerSource,
    CancelsDone,
    ExchangeOrders,
    ModifyDone,
    OpenOrdersSynced,
    ParityReport,
    RefusalCode,
    Refused,
)
from messages.risk import Difference, DifferenceKind
from messages.types import (
    Attempt,
    Evidence,
    EvidenceSource,
    Order,
    OrderState,
    OrderType,
    OrderView,
    Side,
    StateTransition,
    Trigger,
)

ACCOUNT = "a1"
EVIDENCE = Evidence(source=EvidenceSource.STREAM, endpoint="x", received_ms=1)
PLACED = make(
    SubmitOrder, account_id=ACCOUNT, request_id="r1", type=OrderType.LIMIT, side=Side.BUY, size=Decimal(2),
    price=Decimal(10),
)  # fmt: skip


def row(number: int, **changes: Any) -> dict[str, Any]:
    """What the venue says of one order."""
    return {
        "account": ACCOUNT, "symbol": "BTC-USDT", "side": "BUY", "type": "LIMIT", "orderId": 40 + number,
        "venueOrderId": f"v{40 + number}", "clientOrderId": f"o{number}", "firstClientOrderId": f"o{number}",
        "status": "OPEN", "endReason": "none", "size": "2", "price": "10", "filledSize": "0", "filledValue": "0",
        "createdMs": 1_000, "updatedMs": 2_000,
    } | changes  # fmt: skip


def order(number: int, **changes: Any) -> Order:
    terms: dict[str, Any] = {
        "order_id": f"o{number}", "client_order_id": f"o{number}", "venue_order_id": f"v{40 + number}",
        "account_id": ACCOUNT, "request_id": "r1", "state": OrderState.ACKNOWLEDGED, "type": OrderType.LIMIT,
        "size": Decimal(2), "price": Decimal(10), "created_at_ms": 1_000,
    }  # fmt: skip
    return evolve(make(Order, **(terms | changes)), version=1)


class Case:
    """An order that was replaced at another price, in our books and at the venue, that agree."""

    def __init__(self) -> None:
        self.old = order(1, state=OrderState.CANCELLED, replaced_by="o2")
        self.new = order(2, price=Decimal(9), replaces="o1")
        self.rows = [row(1, status="CANCELLED", endReason="user"), row(2, price="9")]
        self.change = as_placed(PLACED, 0, size=None, price=Decimal(9))
        self.change.replies += [self.done(self.new), self.done(self.new)]
        self.changes: tuple[Change, ...] = (self.change,)
        self.sweeps: tuple[Sweep, ...] = ()

    @staticmethod
    def done(shown: Order) -> ModifyDone:
        return ModifyDone(view=seen(shown), native=False, kept_order_id=False, kept_priority=False)

    def judge(self) -> Verdict:
        orders = (self.old, self.new)
        book = PublishedViews(
            orders={each.order_id: each for each in orders},
            transitions={each.order_id: (step(each),) for each in orders},
            evidence={each.order_id: EVIDENCE for each in orders},
        )
        doings = Doings(changes=self.changes, sweeps=self.sweeps)
        asked = {(ACCOUNT, "r1"): OrderPlaced(view=seen(self.old))}
        return audit(asked, {ACCOUNT: book}, VenueRecord(tuple(self.rows), ()), (), doings)


def seen(shown: Order) -> OrderView:
    return view(shown, EVIDENCE, 1)


def step(shown: Order) -> StateTransition:
    return StateTransition(
        order_id=shown.order_id, from_state=OrderState.DRAFT, to_state=shown.state,
        trigger=Trigger.API_ACKNOWLEDGED, at_ms=1, version=1, evidence=EVIDENCE,
    )  # fmt: skip


def both_work(case: Case) -> None:
    case.rows[0] |= {"status": "OPEN", "endReason": "none"}
    case.old = evolve(case.old, state=OrderState.ACKNOWLEDGED)


def third_order(case: Case) -> None:
    case.rows.append(row(2, orderId=43, venueOrderId="v43", price="9", status="CANCELLED", endReason="user"))


def more_orders_than_modifications(case: Case) -> None:
    case.changes = ()


def more_executed_than_asked(case: Case) -> None:
    case.rows[0] |= {"filledSize": "1.5", "filledValue": "15"}
    case.rows[1] |= {"filledSize": "1", "filledValue": "9"}


def old_price(case: Case) -> None:
    case.rows[1]["price"] = "10"
    case.new = evolve(case.new, price=Decimal(10))


def size_of_the_whole_after_a_part(case: Case) -> None:
    case.rows[0] |= {"filledSize": "0.5", "filledValue": "5"}


def told_of_two_orders(case: Case) -> None:
    case.change.replies[1] = Case.done(case.old)


def told_of_no_order(case: Case) -> None:
    case.change.replies[:] = [Case.done(evolve(case.new, venue_order_id="99"))]


def called_not_done(case: Case) -> None:
    case.change.replies[:] = [Refused(code=RefusalCode.NOT_MODIFIED, text="no")]


BROKEN: list[tuple[Callable[[Case], None], str]] = [
    (both_work, "works twice at the venue, as orders v41, v42"),
    (third_order, "has 3 venue orders, and was modified 1 times"),
    (more_orders_than_modifications, "has 2 venue orders, and was modified 0 times"),
    (more_executed_than_asked, "executed 2.5, asked for was 2 at most"),
    (old_price, "is 2 at 10 at the venue, by what its owner was told 2 at 9"),
    (size_of_the_whole_after_a_part, "is 2.5 at 9 at the venue, by what its owner was told 2 at 9"),
    (told_of_two_orders, "was called done as orders v41, v42"),
    (told_of_no_order, "was called done, and there is no such venue order"),
    (called_not_done, "is 2 at 9 at the venue, by what its owner was told 2 at 10"),
]


def test_auditor_of_a_replaced_order_that_agrees_finds_nothing() -> None:
    verdict = Case().judge()

    assert verdict.violations == []
    assert (verdict.intents, verdict.venue_orders, verdict.duplicates) == (1, 2, 0)


@pytest.mark.parametrize(("break_it", "says"), BROKEN, ids=[case[0].__name__ for case in BROKEN])
def test_auditor_of_a_modification_that_went_wrong_says_how(break_it: Callable[[Case], None], says: str) -> None:
    case = Case()
    break_it(case)

    assert any(says in text for text in case.judge().violations)


def test_auditor_of_a_modification_that_nobody_was_told_of_lets_both_outcomes_pass() -> None:
    case = Case()
    case.change.replies.clear()

    assert case.judge().violations == []


@pytest.mark.parametrize(("sweep", "allowed"), [((1_500, 1_600), True), ((2_001, None), False), ((100, 900), False)])
def test_order_with_a_timeout_may_be_cancelled_only_by_a_sweep_that_met_it(
    sweep: tuple[int, int | None], *, allowed: bool
) -> None:
    case = Case()
    case.rows[0] |= {"filledSize": "0.5", "filledValue": "5", "updatedMs": 2_000}
    case.old = evolve(case.old, fill_timeout_ms=1_000)
    case.sweeps = (Sweep(account_id=ACCOUNT, began_ms=sweep[0], ended_ms=sweep[1]),)

    found = [text for text in case.judge().violations if "PARTIAL_FILL_TIMEOUT" in text]

    assert (found == []) is allowed


def book(*orders: Order) -> dict[str, PublishedViews]:
    return {ACCOUNT: PublishedViews(orders={each.order_id: each for each in orders})}


@pytest.mark.parametrize(
    ("changes", "external", "says"),
    [
        ({}, True, None),
        ({"status": "FILLED", "endReason": "filled"}, True, None),
        ({"status": "CANCELLED", "endReason": "user"}, True, "was cancelled"),
        ({}, False, "is not known for what it is"),
    ],
)
def test_orders_of_somebody_else_may_execute_and_not_be_cancelled(
    changes: dict[str, Any], external: bool, says: str | None  # noqa: FBT001
) -> None:
    foreign = order(1, external=external, request_id=None, state=OrderState(changes.get("status", "ACKNOWLEDGED")))
    books = book(foreign)
    books[ACCOUNT].evidence[foreign.order_id] = EVIDENCE

    doings = Doings(foreign=frozenset({(ACCOUNT, "o1")}))
    verdict = audit({}, books, VenueRecord((row(1, **changes),), ()), (), doings)

    assert verdict.violations == [] if says is None else any(says in text for text in verdict.violations)


@pytest.mark.parametrize(("sent_ms", "arrived_ms", "errors"), [(500, 1_500, 0), (1_400, 1_500, 1), (2_100, 2_200, 0)])
def test_order_sent_under_the_kill_switch_is_found_and_one_on_its_way_is_not(
    sent_ms: int, arrived_ms: int, errors: int
) -> None:
    sent = order(1, attempts=(make(Attempt, recorded_ms=sent_ms),))

    found = stopped_errors(
        [Stopped(ACCOUNT, 1_000, 2_000)], book(sent), VenueRecord((row(1, createdMs=arrived_ms),), ())
    )

    assert len(found) == errors


def test_order_that_works_although_a_cancel_of_everything_called_it_ended_is_found() -> None:
    told = CancelsDone(ended=(seen(order(1)), seen(order(2))))
    doings = Doings(sweeps=(Sweep(account_id=ACCOUNT, began_ms=1, ended_ms=2, reply=told),))

    found = swept_errors(doings, VenueRecord((row(1), row(2, status="CANCELLED")), ()))

    assert len(found) == 1
    assert "order o1 " in found[0]


@pytest.mark.parametrize(
    ("changes", "rows", "errors"),
    [
        ({}, [row(1)], 0),
        ({}, [], 1),
        ({"gap": True}, [], 0),
        ({"stale": True}, [], 0),
        ({"complete": False}, [], 0),
        ({}, [row(1, status="CANCELLED", updatedMs=99_000)], 0),
        ({}, [row(1, status="CANCELLED", updatedMs=60_000)], 1),
    ],
)
def test_answer_that_claims_to_be_whole_is_held_against_the_venue(
    changes: dict[str, Any], rows: list[dict[str, Any]], errors: int
) -> None:
    terms: dict[str, Any] = {
        "exchange": "binance", "orders": (seen(order(1)),), "as_of_ms": 100_000, "age_ms": 0,
        "source": AnswerSource.STREAM, "stale": False, "gap": False,
    }  # fmt: skip
    answer = OpenOrdersSynced(exchanges=(ExchangeOrders(**(terms | changes)),))

    assert len(synced_errors([(ACCOUNT, answer)], VenueRecord(tuple(rows), ()))) == errors


LIMITS = Limits(order_notional_max=Decimal(25), duplicate_within=Decimal("0.01"))


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"price": "10.02"}, None),
        ({"price": "10.01"}, "orders 41 and 42 work at one price level, 10"),
        ({"price": "10.01", "status": "CANCELLED"}, None),
        ({"price": "10.01", "side": "SELL"}, None),
        ({"price": "13"}, "order 42 is worth 26: over the limit"),
    ],
)
def test_orders_that_should_have_been_refused_before_they_were_placed_are_found(
    other: dict[str, Any], says: str | None
) -> None:
    found = pre_trade_errors(LIMITS, VenueRecord((row(1), row(2, **other)), ()), ())

    assert (found == []) if says is None else any(says in text for text in found)


def test_differences_and_what_was_not_compared_are_both_no_parity() -> None:
    difference = Difference(
        exchange="binance", kind=DifferenceKind.MISSING_HERE, subject="BTC-USDT", name="41", ours="-", venues="open"
    )
    report = ParityReport(
        differences=(difference,), compared=(), not_compared=(("binance", "fills", "no answer"),), as_of_ms=1
    )

    assert [text.split(": ")[1] for text in parity_errors({ACCOUNT: report})] == [
        "missing_here BTC-USDT 41", "fills not compared",
    ]  # fmt: skip


def test_ledger_counts_each_modification_once_by_how_it_ended() -> None:
    ledger = Ledger()
    case = Case()
    unanswered = as_placed(PLACED, 1, size=Decimal(1), price=None)
    refused = as_placed(PLACED, 2, size=Decimal(1), price=None)
    ledger.change_asked(case.change)
    for change in (unanswered, refused, refused):
        ledger.change_asked(change)
    ledger.change_answered(refused, Refused(code=RefusalCode.RISK_LIMIT, text="no", rule="maxOrderNotional"), last=True)

    assert ledger.changes_by_outcome() == {"replaced": 1, "unresolved": 1, "risk_limit": 1}
    assert ledger.refused_by_rule() == {"maxOrderNotional": 1}
    assert ledger.modified_count() == 1
    assert ledger.awaited == {case.change.message_id, unanswered.message_id}
