"""The auditor finds everything that can be wrong: each test breaks one thing in books that agree with the venue."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from factories import make

from actors.app.audit import audit, only
from actors.app.reckoning import position_errors, reckon
from actors.app.verdict import Asked, VenueRecord, Verdict
from actors.domain.lifecycle import evolve
from actors.domain.projection import view
from actors.views import PublishedViews
from messages import OrderPlaced
from messages.fills import CloseState, Fill, Position, PositionClose
from messages.types import (
    Attempt,
    Evidence,
    EvidenceSource,
    InitiatedBy,
    Order,
    OrderState,
    OrderType,
    OrderView,
    Side,
    StateTransition,
    Trigger,
)

ACCOUNT = "a1"
FEES = (("BTC", Decimal("0.002")),)
EVIDENCE = Evidence(source=EvidenceSource.STREAM, endpoint="x", received_ms=1)


class Case:
    """One filled order, in our books and at the venue, that agree."""

    def __init__(self) -> None:
        self.fill = make(
            Fill, fill_id="f7", order_id="o1", venue_order_id="v41", account_id=ACCOUNT,
            side=Side.BUY, price=Decimal(10), size=Decimal(2), fee=Decimal("0.002"), fee_currency="BTC",
        )  # fmt: skip
        self.order = evolve(
            make(
                Order, order_id="o1", client_order_id="o1", venue_order_id="v41", account_id=ACCOUNT, request_id="r1",
                state=OrderState.FILLED, size=Decimal(2), price=Decimal(10), filled_size=Decimal(2),
                filled_value=Decimal(20), created_at_ms=1_000,
                fees=FEES, fill_count=1,
            ),
            version=1,
        )  # fmt: skip
        self.fills = (self.fill,)
        self.steps = (
            StateTransition(
                order_id="o1", from_state=OrderState.DRAFT, to_state=OrderState.FILLED,
                trigger=Trigger.ORDER_COMPLETE, at_ms=1, version=1, evidence=EVIDENCE,
            ),
        )  # fmt: skip
        self.rows = [self.row()]
        self.executions = [
            {
                "account": ACCOUNT, "symbol": "BTC-USDT", "orderId": 41, "venueOrderId": "v41", "tradeId": 7,
                "fillId": "f7", "price": "10", "size": "2",
                "fee": "0.002", "feeCurrency": "BTC", "side": "BUY", "atMs": 5,
            }
        ]  # fmt: skip
        self.replied = True
        self.position: Position | None = Position(
            account_id=ACCOUNT, exchange="binance", symbol="BTC-USDT", size=Decimal("1.998"), entry_value=Decimal(20),
            cash=Decimal(-20), fees=FEES, fill_count=1, opened_ms=6, updated_ms=6,
        )  # fmt: skip
        self.closes = (
            PositionClose(
                close_id="c1", account_id=ACCOUNT, exchange="binance", symbol="BTC-USDT", asked=None, size=Decimal(2),
                order_id="o1", initiated_by=InitiatedBy.USER, state=CloseState.DONE, closed_size=Decimal(2),
                started_ms=10, ended_ms=20,
            ),
        )  # fmt: skip

    def row(self, number: int = 41, **changes: Any) -> dict[str, Any]:
        return {
            "account": ACCOUNT, "orderId": number, "venueOrderId": f"v{number}",
            "clientOrderId": "o1", "firstClientOrderId": "o1", "status": "FILLED", "endReason": "filled",
            "filledSize": "2", "filledValue": "20", "size": "2", "price": "10", "createdMs": 1_000, "updatedMs": 2_000,
        } | changes  # fmt: skip

    def judge(self) -> Verdict:
        book = PublishedViews(
            orders={self.order.order_id: self.order},
            fills={self.order.order_id: self.fills},
            transitions={self.order.order_id: self.steps},
            evidence={self.order.order_id: EVIDENCE},
            positions={} if self.position is None else {("binance", "BTC-USDT"): self.position},
        )
        shown: OrderView = view(self.order, EVIDENCE, 1)
        asked: Asked = {(ACCOUNT, "r1"): OrderPlaced(view=shown) if self.replied else None}
        return audit(asked, {ACCOUNT: book}, VenueRecord(tuple(self.rows), tuple(self.executions)), self.closes)


def set_order(**changes: object) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        case.order = evolve(case.order, **changes)

    return change


def set_fill(**changes: Any) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        case.fills = (replace(case.fill, **changes),)

    return change


def set_position(**changes: Any) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        assert case.position is not None
        case.position = replace(case.position, **changes)

    return change


def position_missing(case: Case) -> None:
    case.position = None


def position_of_nothing(case: Case) -> None:
    case.fills, case.executions = (), []


def set_close(**changes: Any) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        case.closes = (replace(case.closes[0], **changes),)

    return change


def second_close_beside_the_first(case: Case) -> None:
    case.closes += (replace(case.closes[0], close_id="c2", started_ms=19, ended_ms=30),)


def cancelled_by_its_owner(case: Case) -> None:
    # Half of it is executed; whose cancel it was only the timeout can say.
    case.rows = [case.row(status="CANCELLED", endReason="user")]
    set_order(state=OrderState.CANCELLED, fill_timeout_ms=1_000)(case)


def works_on_after_its_last_fill(case: Case) -> None:
    case.rows = [case.row(status="OPEN", endReason="none")]
    set_order(state=OrderState.PARTIALLY_FILLED, fill_timeout_ms=1_000)(case)


def told(words: str) -> Callable[[Verdict], int]:
    return lambda verdict: sum(words in text for text in verdict.violations)


def second_venue_order(case: Case) -> None:
    case.rows.append(case.row(42))


def foreign_venue_order(case: Case) -> None:
    case.rows.append(case.row(42, clientOrderId="z", firstClientOrderId="z"))


def no_venue_order(case: Case) -> None:
    case.rows, case.executions = [], []


def no_reply(case: Case) -> None:
    case.replied = False


def fill_twice(case: Case) -> None:
    case.fills = (case.fill, case.fill)


def fill_missing(case: Case) -> None:
    case.fills = ()


def step_skipped(case: Case) -> None:
    case.steps = (replace(case.steps[0], version=2),)


def count(name: str) -> Callable[[Verdict], int]:
    return lambda verdict: int(getattr(verdict, name))


BROKEN: list[tuple[str, Callable[[Case], None], Callable[[Verdict], int]]] = [
    ("second venue order", second_venue_order, count("duplicates")),
    ("unknown venue order", foreign_venue_order, count("lost")),
    ("intent without record", set_order(request_id="other"), count("lost")),
    ("told placed without venue order", no_venue_order, count("not_placed")),
    ("no reply", no_reply, lambda verdict: len(verdict.violations)),
    ("other state", set_order(state=OrderState.ACKNOWLEDGED), lambda verdict: len(verdict.violations)),
    ("other size", set_order(size=Decimal(3)), told("is 3 at 10, at the venue 2 at 10")),
    ("other price", set_order(price=Decimal(11)), told("is 2 at 11, at the venue 2 at 10")),
    ("other executed size", set_order(filled_size=Decimal(1)), lambda verdict: len(verdict.violations)),
    ("other executed value", set_order(filled_value=Decimal(21)), lambda verdict: len(verdict.violations)),
    ("someone else's venue order", set_order(venue_order_id="99"), count("false_matches")),
    ("left to a person", set_order(needs_review=True), count("manual_reviews")),
    ("unknown fill", set_fill(fill_id="f8"), count("phantom_fills")),
    ("fill booked twice", fill_twice, count("phantom_fills")),
    ("fill not booked", fill_missing, count("missing_fills")),
    ("fill of another price", set_fill(price=Decimal(11)), lambda verdict: len(verdict.violations)),
    ("fill of another fee", set_fill(fee=Decimal(3)), lambda verdict: len(verdict.violations)),
    ("fill of another fee currency", set_fill(fee_currency="USDT"), told("differs from the venue's")),
    ("order of other fees", set_order(fees=()), told("has fees none, by the venue 0.002 BTC")),
    ("order that counts a fill twice", set_order(fill_count=2), told("counts 2 fills")),
    ("position of another size", set_position(size=Decimal(1)), count("false_positions")),
    ("position of other cash", set_position(cash=Decimal(-19)), count("false_positions")),
    ("position of other fees", set_position(fees=()), count("false_positions")),
    ("position of another entry", set_position(entry_value=Decimal("20." + "0" * 28 + "1")), count("false_positions")),
    ("position that counts a fill twice", set_position(fill_count=2), count("false_positions")),
    ("position missing", position_missing, count("false_positions")),
    ("position of nothing", position_of_nothing, count("false_positions")),
    ("close that has not ended", set_close(state=CloseState.ACTIVE, ended_ms=None), told("has not ended")),
    ("close without an order", set_close(order_id="o9"), count("lost")),
    ("close of another size", set_close(closed_size=Decimal(1)), told("said to have closed 1")),
    ("two closes at once", second_close_beside_the_first, told("ran beside close c1")),
    ("timeout taken for a cancel", cancelled_by_its_owner, told("(PARTIAL_FILL_TIMEOUT)")),
    ("timeout that never came", works_on_after_its_last_fill, told("still works")),
    ("step skipped", step_skipped, lambda verdict: len(verdict.violations)),
]


def test_auditor_of_books_that_agree_finds_nothing() -> None:
    verdict = Case().judge()

    assert verdict.violations == []
    assert (verdict.intents, verdict.venue_orders, verdict.fills) == (1, 1, 1)
    assert (verdict.positions, verdict.closes) == (1, 1)


@pytest.mark.parametrize(("break_it", "found"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_auditor_of_one_broken_thing_finds_it(
    break_it: Callable[[Case], None], found: Callable[[Verdict], int]
) -> None:
    case = Case()
    break_it(case)

    verdict = case.judge()

    assert found(verdict) > 0
    assert verdict.violations


def test_audit_of_one_run_leaves_out_what_an_earlier_run_left_in_the_store() -> None:
    case = Case()
    mine = evolve(case.order, order_id="o2", client_order_id="o2", request_id="r2")
    book = PublishedViews(orders={"o1": case.order, "o2": mine}, fills={"o1": case.fills}, evidence={})
    foreign = case.row(43, clientOrderId="z", firstClientOrderId="z")
    record = VenueRecord((case.row(), case.row(42, firstClientOrderId="o2"), foreign), tuple(case.executions))

    books, narrowed = only({(ACCOUNT, "r2")}, {ACCOUNT: book}, record)

    assert list(books[ACCOUNT].orders) == ["o2"]
    assert [row["orderId"] for row in narrowed.orders] == [42, 43], "what no record is about must still be found"
    assert narrowed.executions == ()
    assert narrowed.partial == {(ACCOUNT, "BTC-USDT")}, "what others moved cannot be compared"
    venue_gone = only({(ACCOUNT, "r2")}, {ACCOUNT: book}, VenueRecord(record.orders, ()))[1]
    assert venue_gone.partial == narrowed.partial, "nor what was moved at a venue that is gone"
    assert only({(ACCOUNT, "r1"), (ACCOUNT, "r2")}, {ACCOUNT: book}, record)[1].partial == frozenset()


def test_auditor_of_intents_that_made_no_venue_order_tells_the_reasons_apart() -> None:
    case = Case()
    sent = (make(Attempt),)
    ends = {
        "r1": evolve(case.order, state=OrderState.REJECTED, attempts=()),
        "r2": evolve(case.order, order_id="o2", request_id="r2", state=OrderState.REJECTED, attempts=sent),
        "r3": evolve(case.order, order_id="o3", request_id="r3", state=OrderState.FAILED, attempts=sent),
    }
    book = PublishedViews(orders={order.order_id: order for order in ends.values()})

    verdict = audit({(ACCOUNT, name): None for name in ends}, {ACCOUNT: book}, VenueRecord((), ()))

    assert (verdict.refused_here, verdict.refused_by_venue, verdict.proven_absent) == (1, 1, 1)


def test_auditor_of_an_end_without_proof_finds_it() -> None:
    case = Case()
    case.order = evolve(case.order, state=OrderState.CANCELLED)
    case.steps = (replace(case.steps[0], to_state=OrderState.CANCELLED),)
    book = PublishedViews(
        orders={"o1": case.order}, fills={"o1": case.fills}, transitions={"o1": case.steps}, evidence={}
    )

    record = VenueRecord((case.row(status="CANCELLED"),), tuple(case.executions))
    verdict = audit({}, {ACCOUNT: book}, record)

    assert any("without evidence" in text for text in verdict.violations)


@pytest.mark.parametrize("ended", ["EXPIRED", "REJECTED"])
@pytest.mark.parametrize(
    ("exchange", "state", "right"),
    [
        ("binance", OrderState.CANCELLED, False),
        ("mexc", OrderState.CANCELLED, True),
        ("mexc", OrderState.FAILED, False),
        ("mexc", OrderState.FILLED, False),
        ("kucoin", OrderState.CANCELLED, True),
        ("coinbase", OrderState.REJECTED, True),
    ],
)
def test_auditor_of_an_end_that_the_venue_has_no_word_for_takes_the_word_it_has(
    exchange: str, state: OrderState, ended: str, *, right: bool
) -> None:
    case = Case()
    case.order = evolve(case.order, state=state, exchange=exchange)
    case.rows = [case.row(status=ended, endReason="venue")]
    assert any("the venue's order is" in text for text in case.judge().violations) is not right


# ----- the yardstick itself


def execution(number: int, side: str, size: str, price: str, *, at_ms: int = 0, fee: str = "0") -> dict[str, Any]:
    return {
        "tradeId": number, "fillId": str(number), "orderId": 1, "venueOrderId": "2", "symbol": "BTC-USDT",
        "side": side, "size": size, "price": price,
        "atMs": at_ms, "fee": fee, "feeCurrency": "BTC",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("executions", "size", "entry", "cash"),
    [
        ([execution(1, "BUY", "3", "10")], 3, 30, -30),
        ([execution(1, "BUY", "3", "10", fee="0.75")], Fraction("2.25"), 30, -30),
        ([execution(1, "BUY", "3", "10"), execution(2, "SELL", "1", "13")], 2, 20, -17),
        ([execution(1, "BUY", "3", "10"), execution(2, "SELL", "3", "13")], 0, 0, 9),
        ([execution(1, "BUY", "3", "10"), execution(2, "SELL", "5", "13")], -2, -26, 35),
        ([execution(1, "SELL", "2", "13"), execution(2, "SELL", "2", "15")], -4, -56, 56),
        ([execution(1, "SELL", "2", "13"), execution(2, "BUY", "3", "15")], 1, 15, -19),
        ([execution(10, "SELL", "1", "9"), execution(9, "BUY", "1", "8")], 0, 0, 1),
        (
            [
                execution(1, "BUY", "1", "10", at_ms=1),
                execution(2, "BUY", "1", "20", at_ms=3),
                execution(3, "SELL", "1", "15", at_ms=2),
            ],
            *(1, 20, -15),
        ),
    ],
    ids=[
        "opened", "opened for a fee", "reduced", "closed", "turned", "added to",
        "turned back", "numbers count up", "time before number",
    ],
)
def test_reckoning_of_executions_gives_the_figures_worked_out_by_hand(
    executions: list[dict[str, Any]], size: Fraction | int, entry: int, cash: int
) -> None:
    reckoned = reckon(executions)

    assert (reckoned.size, reckoned.entry, reckoned.cash) == (size, entry, cash)


def test_reckoning_of_thirds_is_exact() -> None:
    executions = [execution(1, "BUY", "1", "4"), execution(2, "BUY", "2", "3"), execution(3, "SELL", "1", "5")]

    assert reckon(executions).entry == Fraction(20, 3)


def test_reckoning_of_a_contract_values_it_by_its_multiplier() -> None:
    executions = [execution(1, "BUY", "3", "10"), execution(2, "SELL", "1", "13")]

    reckoned = reckon(executions, Decimal(50))

    assert (reckoned.size, reckoned.entry, reckoned.cash, reckoned.turnover) == (2, 1_000, -850, 4)


@pytest.mark.parametrize(
    ("multiplier", "says"),
    [(Decimal(50), None), (Decimal(20), "multiplier 20, by the venue 50"), (None, "multiplier None, by the venue 50")],
)
def test_auditor_of_a_position_in_contracts_wants_it_valued_by_the_multiplier(
    multiplier: Decimal | None, says: str | None
) -> None:
    rows = [execution(1, "BUY", "3", "10")]
    counted = make(
        Position, size=Decimal(3), entry_value=Decimal(1_500), cash=Decimal(-1_500), fill_count=1, fees=(),
        multiplier=multiplier,
    )  # fmt: skip

    assert position_errors(counted, rows, Decimal(50)) == ([] if says is None else [says])


@pytest.mark.parametrize(
    ("kind", "followed", "false"),
    [
        (OrderType.LIMIT, "v40", True),
        (OrderType.STOP_LIMIT, "v40", False),
        (OrderType.STOP_LIMIT, "v77", True),
    ],
    ids=["another id", "a stop by its former id", "a stop that follows another order"],
)
def test_auditor_takes_only_a_stop_for_itself_under_another_id(kind: OrderType, followed: str, *, false: bool) -> None:
    case = Case()
    case.order = evolve(case.order, type=kind, venue_order_id=followed)
    case.rows += [case.row(77, clientOrderId="o7", firstClientOrderId="o7")]

    assert case.judge().false_matches == int(false)
