"""Our records against a venue's: what is a difference, what is none yet, and what one look is enough for."""

from decimal import Decimal
from typing import Any

import pytest
from factories import NOW_MS, make

from actors.domain.parity import Compared, Finding, Question, believed, compare_fills, compare_orders
from actors.domain.parity_balances import compare_holdings, compare_locked
from messages import (
    Difference,
    DifferenceKind,
    Fill,
    Order,
    OrderState,
    OrderType,
    Position,
    Side,
    VenueFill,
    VenueOrder,
)
from messages.types import Verification, VerificationPhase

SETTLE_MS = 10_000
OFFSET_MS = 500
"""The venue's clock is ahead of ours."""
LONG_AGO = NOW_MS - 60_000
JUST_NOW = NOW_MS - 5_000


def question(**changes: Any) -> Question:
    asked = {"exchange": "binance", "asked_venue_ms": NOW_MS + OFFSET_MS, "offset_ms": OFFSET_MS,
             "settle_ms": SETTLE_MS}  # fmt: skip
    return Question(**asked | changes)


def order(number: str = "28", **changes: Any) -> Order:
    terms = {
        "order_id": f"ours-{number}", "client_order_id": f"c-{number}", "venue_order_id": number,
        "state": OrderState.ACKNOWLEDGED, "updated_at_ms": LONG_AGO, "size": Decimal(1), "price": Decimal(100),
    }  # fmt: skip
    return make(Order, **terms | changes)


def claim(number: str = "28", **changes: Any) -> VenueOrder:
    terms = {
        "venue_order_id": number, "client_order_id": f"c-{number}", "size": Decimal(1), "price": Decimal(100),
        "created_venue_ms": LONG_AGO, "updated_venue_ms": LONG_AGO,
    }  # fmt: skip
    return make(VenueOrder, **terms | changes)


def fill(number: str = "56", **changes: Any) -> Fill:
    return make(Fill, **{"fill_id": number, "venue_time_ms": LONG_AGO, "received_ms": LONG_AGO} | changes)


def told(number: str = "56", **changes: Any) -> VenueFill:
    return make(VenueFill, **{"fill_id": number, "venue_time_ms": LONG_AGO} | changes)


def kinds(compared: Compared) -> list[str]:
    return [finding.difference.kind.value for finding in compared.findings]


def only(compared: Compared) -> Finding:
    (finding,) = compared.findings
    return finding


# ----- orders


def test_orders_that_are_listed_as_we_have_them_agree_whatever_their_numbers_look_like() -> None:
    ours = [order(size=Decimal("1.00"), price=Decimal("100.0")), order("29", filled_size=Decimal("0.50"))]
    listed = [claim(size=Decimal("1.000"), price=Decimal(100)), claim("29", filled_size=Decimal("0.5"))]

    compared = compare_orders(ours, listed, question())

    assert compared == Compared(count=2)


@pytest.mark.parametrize(
    ("changes", "mine", "theirs"),
    [
        ({"size": Decimal(2)}, "size 1", "size 2"),
        ({"price": Decimal(101)}, "price 100", "price 101"),
        ({"filled_size": Decimal("0.00000001")}, "filled 0", "filled 0.00000001"),
        ({"side": Side.SELL}, "side BUY", "side SELL"),
        ({"size": Decimal(2), "price": Decimal(99)}, "size 1, price 100", "size 2, price 99"),
    ],
)
def test_order_that_is_listed_with_other_terms_differs_in_them(changes: Any, mine: str, theirs: str) -> None:
    found = only(compare_orders([order()], [claim(**changes)], question())).difference

    assert (found.kind, found.name, found.subject) == (DifferenceKind.ORDER_DIFFERS, "ours-28", "BTC-USDT")
    assert (found.ours, found.venues) == (mine, theirs)


def test_order_whose_stop_price_or_price_the_venue_does_not_show_does_not_differ() -> None:
    ours = [order(stop_price=Decimal(90)), order("29", quote_size=Decimal(100), size=Decimal(0))]

    assert compare_orders(ours, [claim(price=None), claim("29")], question()) == Compared(count=2)
    shown = claim(stop_price=Decimal(91))
    assert only(compare_orders(ours[:1], [shown], question())).difference.venues == "stop price 91"


def test_order_of_ours_that_is_not_listed_is_missing_at_the_venue_and_needs_a_second_look() -> None:
    finding = only(compare_orders([order(state=OrderState.PARTIALLY_FILLED)], [], question()))

    assert finding.difference.kind is DifferenceKind.MISSING_AT_VENUE
    assert finding.difference.ours.startswith("PARTIALLY_FILLED, BUY 1 at 100")
    assert not finding.sure


def test_order_that_is_listed_and_that_we_do_not_know_is_missing_here_and_sure_by_its_date() -> None:
    finding = only(compare_orders([order("29")], [claim(), claim("29")], question()))
    undated = only(compare_orders([], [claim(created_venue_ms=None)], question()))

    assert (finding.difference.kind, finding.difference.name) == (DifferenceKind.MISSING_HERE, "28")
    assert (finding.sure, undated.sure) == (True, False)


@pytest.mark.parametrize("state", [OrderState.FILLED, OrderState.CANCELLED, OrderState.FAILED, OrderState.DRAFT])
def test_order_that_is_listed_and_that_does_not_work_by_our_records_is_missing_here(state: OrderState) -> None:
    finding = only(compare_orders([order(state=state)], [claim()], question()))

    assert finding.difference.kind is DifferenceKind.MISSING_HERE
    assert (finding.difference.name, finding.difference.ours) == ("ours-28", state.value)
    assert not finding.sure, "lists lag behind: the venue shows nothing that is newer than what we know"


def test_order_that_the_venue_changed_after_the_last_that_we_know_is_sure_to_differ() -> None:
    newer = claim(filled_size=Decimal("0.5"), updated_venue_ms=LONG_AGO + OFFSET_MS + 1)
    older = claim(filled_size=Decimal("0.5"), updated_venue_ms=LONG_AGO + OFFSET_MS)

    assert only(compare_orders([order()], [newer], question())).sure
    assert not only(compare_orders([order()], [older], question())).sure


def test_second_venue_order_under_a_client_id_of_ours_is_missing_here() -> None:
    twin = claim("29", client_order_id="c-28")

    assert only(compare_orders([order()], [claim(), twin], question())).difference.name == "29"


def test_order_without_a_venue_id_yet_is_known_by_its_client_id() -> None:
    assert compare_orders([order(venue_order_id=None)], [claim()], question()) == Compared(count=1)


NOT_YET = [
    ("changed by us just now", {"updated_at_ms": JUST_NOW}, {}),
    ("changed by the venue just now", {}, {"updated_venue_ms": JUST_NOW}),
    ("in flight", {"state": OrderState.SUBMITTED}, {}),
    ("being cancelled", {"cancel_pending": True}, {}),
    ("being modified", {"replace_pending": True}, {}),
    ("waiting for a person", {"needs_review": True}, {}),
    (
        "being looked up",
        {"verification": make(Verification, phase=VerificationPhase.DECISION)},
        {},
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), [case[1:] for case in NOT_YET], ids=[case[0] for case in NOT_YET])
def test_order_that_is_not_settled_is_no_difference_and_counted_as_left_out(ours: Any, theirs: Any) -> None:
    differing = {"filled_size": Decimal("0.5"), **theirs}

    listed = compare_orders([order(**ours)], [claim(**differing)], question())
    assert (listed.findings, listed.count) == ((), 0)
    assert listed.left_out == ("1 under way, or changed less than 10000 ms before the question",)
    if ours:
        unlisted = compare_orders([order(**ours)], [], question())
        assert (unlisted.findings, unlisted.left_out) == ((), listed.left_out)


def test_order_that_is_being_read_again_is_left_out() -> None:
    assert compare_orders([order()], [], question(), unresolved={"ours-28"}).findings == ()
    assert compare_orders([order()], [claim(size=Decimal(9))], question(), unresolved={"ours-28"}).findings == ()


def test_unknown_order_that_the_venue_made_just_now_is_left_out() -> None:
    compared = compare_orders([], [claim(created_venue_ms=JUST_NOW)], question())

    assert (compared.findings, len(compared.left_out)) == ((), 1)


def test_settle_time_counts_back_from_the_question_by_the_venues_clock() -> None:
    edge_ms = NOW_MS - SETTLE_MS

    assert kinds(compare_orders([order(updated_at_ms=edge_ms)], [], question())) == ["missing_at_venue"]
    assert kinds(compare_orders([order(updated_at_ms=edge_ms + 1)], [], question())) == []
    edge_venue_ms = edge_ms + OFFSET_MS
    assert kinds(compare_orders([], [claim(created_venue_ms=edge_venue_ms)], question())) == ["missing_here"]
    assert kinds(compare_orders([], [claim(created_venue_ms=edge_venue_ms + 1)], question())) == []


def test_list_with_unreadable_records_proves_no_order_missing_at_the_venue() -> None:
    compared = compare_orders([order()], [claim("29")], question(complete=False))

    assert kinds(compared) == ["missing_here"]
    assert compared.left_out == ("1 may be among the records that could not be read",)


def test_orders_that_ended_or_never_left_and_are_not_listed_are_no_matter() -> None:
    ours = [order("1", state=OrderState.FILLED), order("2", state=OrderState.DRAFT, venue_order_id=None)]

    assert compare_orders(ours, [], question()) == Compared()


# ----- executions


def fills(ours: list[Fill], listed: list[VenueFill], since_ms: int = LONG_AGO, **changes: Any) -> Compared:
    parked = changes.pop("parked", ())
    asked = question(**changes)
    return compare_fills(ours, listed, asked, symbol="BTC-USDT", since_venue_ms=since_ms, parked=parked)


def test_executions_that_are_listed_as_booked_agree_whatever_their_numbers_look_like() -> None:
    listed = [told(size=Decimal("0.0100"), fee=Decimal(0), fee_currency="BTC")]

    assert fills([fill(size=Decimal("0.01"), fee=Decimal("0.00"))], listed) == Compared(count=1)


def test_execution_that_is_not_booked_is_missing_here_and_sure() -> None:
    finding = only(fills([fill()], [told(), told("57", size=Decimal("0.5"), price=Decimal(7))]))

    assert finding.difference.kind is DifferenceKind.FILL_MISSING_HERE
    assert (finding.difference.name, finding.difference.venues) == ("28/57", "BUY 0.5 at 7")
    assert finding.sure


def test_execution_that_is_booked_and_not_listed_is_missing_at_the_venue_and_needs_a_second_look() -> None:
    finding = only(fills([fill(), fill("57")], [told()]))

    assert (finding.difference.kind, finding.difference.name) == (DifferenceKind.FILL_MISSING_AT_VENUE, "28/57")
    assert not finding.sure


@pytest.mark.parametrize(
    "changes",
    [
        {"price": Decimal(1)},
        {"size": Decimal(1)},
        {"side": Side.SELL},
        {"fee": Decimal(1), "fee_currency": "BTC"},
        {"fee": Decimal("0.1"), "fee_currency": "BNB"},
    ],
)
def test_execution_that_is_listed_otherwise_than_booked_differs(changes: Any) -> None:
    booked = fill(fee=Decimal("0.1"), fee_currency="BTC")
    same = {"fee": Decimal("0.1"), "fee_currency": "BTC"}

    assert fills([booked], [told(**same)]).findings == ()
    finding = only(fills([booked], [told(**same | changes)]))
    assert (finding.difference.kind, finding.sure) == (DifferenceKind.FILL_DIFFERS, True)


def test_same_fill_id_of_another_order_is_another_execution() -> None:
    assert kinds(fills([fill()], [told(venue_order_id="29")])) == ["fill_missing_here", "fill_missing_at_venue"]


def test_executions_near_the_question_are_left_out_on_either_side() -> None:
    compared = fills([fill("1", venue_time_ms=JUST_NOW)], [told("2", venue_time_ms=JUST_NOW)])

    assert compared.findings == ()
    assert compared.left_out == ("2 under way, or changed less than 10000 ms before the question",)


def test_executions_before_the_first_moment_asked_for_are_no_matter() -> None:
    early_ms = LONG_AGO - 1

    assert fills([fill("1", venue_time_ms=early_ms)], [told("2", venue_time_ms=early_ms)]) == Compared()


def test_execution_that_waits_for_its_order_is_left_out() -> None:
    compared = fills([], [told()], parked={("28", "56")})

    assert compared == Compared(left_out=("1 wait for their order to be known",))


def test_executions_with_unreadable_records_prove_nothing_missing_at_the_venue() -> None:
    compared = fills([fill()], [told("57")], complete=False)

    assert kinds(compared) == ["fill_missing_here"]
    assert compared.left_out == ("1 may be among the records that could not be read",)


# ----- balances


def assets_of(symbol: str) -> tuple[str, str] | None:
    return {"BTC-USDT": ("BTC", "USDT"), "ETH-USDT": ("ETH", "USDT")}.get(symbol)


def locked(ours: list[Order], *amounts: tuple[str, str], **changes: Any) -> Compared:
    """`amounts`: currency and what of it is locked."""
    balances = [(currency, Decimal(1_000) + Decimal(amount), Decimal(1_000)) for currency, amount in amounts]
    return compare_locked(ours, balances, question(), assets_of=assets_of, **changes)


def test_locked_equals_the_remaining_value_of_buys_and_the_remaining_size_of_sells() -> None:
    ours = [
        order("1", size=Decimal(2), filled_size=Decimal("0.5"), price=Decimal(100)),
        order("2", symbol="ETH-USDT", size=Decimal(3), price=Decimal(10), type=OrderType.STOP_LIMIT),
        order("3", side=Side.SELL, size=Decimal(4), filled_size=Decimal(1)),
        order("4", side=Side.SELL, size=Decimal("0.5"), type=OrderType.STOP_MARKET, price=None),
    ]

    agreed = locked(ours, ("USDT", "180.00"), ("BTC", "3.5"), ("ETH", "0"))
    off = locked(ours, ("USDT", "181"), ("BTC", "3.5"), ("ETH", "0.1"))

    assert agreed == Compared(count=2)
    assert [(each.difference.subject, each.difference.ours, each.difference.venues) for each in off.findings] == [
        ("ETH", "0", "0.1"),
        ("USDT", "180", "181"),
    ]
    assert not any(each.sure for each in off.findings)
    assert off.count == 3


def test_locked_without_a_balance_of_the_currency_differs() -> None:
    assert only(locked([order()])).difference.venues == "0"


def test_locked_may_lack_the_last_place_of_each_orders_reserve_and_not_more() -> None:
    ours = [order(size=Decimal("0.33333333"), price=Decimal("0.11111111"))]
    exact = "0.0370370362962963"

    assert locked(ours, ("USDT", "0.03703703")).findings == ()
    assert kinds(locked(ours, ("USDT", str(Decimal(exact) - Decimal("0.00000002"))))) == ["locked_differs"]


@pytest.mark.parametrize(
    "busy",
    [
        {"updated_at_ms": JUST_NOW},
        {"state": OrderState.SUBMITTED},
        {"cancel_pending": True},
        {"state": OrderState.FILLED, "updated_at_ms": JUST_NOW},
    ],
)
def test_locked_of_a_currency_that_an_order_is_changing_is_left_out_and_others_are_not(busy: Any) -> None:
    ours = [order(**busy), order("2", side=Side.SELL, size=Decimal(1))]

    compared = locked(ours, ("USDT", "77"), ("BTC", "2"))

    assert [each.difference.subject for each in compared.findings] == ["BTC"]
    assert compared.left_out == ("locked USDT: orders are under way or have just changed",)


def test_locked_of_a_currency_whose_order_is_being_read_again_is_left_out() -> None:
    assert locked([order()], ("USDT", "77"), unresolved={"ours-28"}).findings == ()


def test_locked_by_orders_that_ended_long_ago_or_never_left_is_nothing() -> None:
    ours = [order(state=OrderState.FILLED), order("2", state=OrderState.DRAFT, updated_at_ms=JUST_NOW)]

    assert locked(ours, ("USDT", "0")) == Compared()


@pytest.mark.parametrize("changes", [{"price": None, "type": OrderType.STOP_MARKET}, {"quote_size": Decimal(5)}])
def test_locked_by_a_buy_whose_cost_nobody_knows_is_left_out(changes: Any) -> None:
    compared = locked([order(**changes)], ("USDT", "77"))

    assert compared == Compared(left_out=("locked USDT: what an order reserves of it is not known",))


def test_locked_by_several_orders_of_others_in_one_symbol_is_left_out_since_a_list_shares_one_reserve() -> None:
    legs = [order(str(number), side=Side.SELL, external=True) for number in (1, 2)]

    assert locked(legs, ("BTC", "1")).findings == ()
    assert kinds(locked(legs[:1], ("BTC", "3"))) == ["locked_differs"], "one order by itself is no list"


def test_locked_with_an_unlisted_symbol_is_not_compared_at_all() -> None:
    compared = locked([order(symbol="XRP-USDT")], ("USDT", "77"))

    assert compared == Compared(left_out=("what is locked: the currencies of XRP-USDT are not known",))


def test_holding_that_drifted_is_a_sure_difference_and_one_never_compared_is_left_out() -> None:
    positions = [
        make(Position, unexplained=Decimal(0), drift=Decimal("-0.50"), size=Decimal(1)),
        make(Position, symbol="ETH-USDT", unexplained=Decimal(7), size=Decimal(1)),
        make(Position, symbol="SOL-USDT", size=Decimal(1)),
        make(Position, symbol="XRP-USDT"),
    ]

    compared = compare_holdings(positions, assets_of=assets_of)

    found = only(compared)
    assert found.sure
    assert (found.difference.subject, found.difference.name) == ("BTC-USDT", "holding of BTC")
    assert found.difference.venues == "changed by -0.5 beyond them"
    assert compared.count == 2
    assert compared.left_out == ("holdings of SOL-USDT: not compared with our executions yet",)


# ----- looks


def finding(name: str, *, sure: bool, ours: str = "1") -> Finding:
    kind = DifferenceKind.ORDER_DIFFERS
    found = Difference(exchange="binance", kind=kind, subject="BTC-USDT", name=name, ours=ours, venues="2")
    return Finding(found, sure)


def look(*findings: Finding) -> dict[object, Finding]:
    return {each.key: each for each in findings}


def names(differences: tuple[Difference, ...]) -> list[str]:
    return [each.name for each in differences]


def test_looks_with_merging_between_believe_what_is_sure_in_either_and_what_both_show() -> None:
    first = look(finding("sure", sure=True), finding("gone", sure=False), finding("both", sure=False))
    second = look(finding("both", sure=False, ours="3"), finding("new", sure=True), finding("once", sure=False))

    result = believed(first, second, merged=True)

    assert names(result.differences) == ["sure", "both", "new"]
    assert result.differences[1].ours == "3", "the latest figures are shown"
    assert names(result.seen_once) == ["once"]


def test_looks_without_merging_believe_only_what_both_show() -> None:
    first = look(finding("sure", sure=True), finding("both", sure=False))
    second = look(finding("both", sure=False), finding("new", sure=True))

    result = believed(first, second, merged=False)

    assert names(result.differences) == ["both"]
    assert names(result.seen_once) == ["new"]


def test_one_look_is_enough_for_what_is_sure_when_it_is_merged_and_for_nothing_else() -> None:
    first = look(finding("sure", sure=True))

    assert names(believed(first, None, merged=True).differences) == ["sure"]
    assert believed(first, None, merged=False).differences == ()
