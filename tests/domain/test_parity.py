"""Our records against a venue's: what is a difference, what is none yet, and what one look is enough for."""

from decimal import Decimal
from typing import Any

import pytest
from compared_kit import (
    JUST_NOW,
    LONG_AGO,
    OFFSET_MS,
    SETTLE_MS,
    claim,
    kinds,
    only,
    order,
    question,
)
from factories import NOW_MS, make

from actors.domain.parity import Compared
from actors.domain.parity_records import compare_fills, compare_orders
from messages import DifferenceKind, Fill, OrderState, OrderType, Side, TimeInForce, VenueFill
from messages.types import Verification, VerificationPhase

HOUR_AHEAD = NOW_MS + 3_600_000


def fill(number: str = "56", **changes: Any) -> Fill:
    return make(Fill, **{"fill_id": number, "venue_time_ms": LONG_AGO, "received_ms": LONG_AGO} | changes)


def told(number: str = "56", **changes: Any) -> VenueFill:
    return make(VenueFill, **{"fill_id": number, "venue_time_ms": LONG_AGO} | changes)


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
        ({"type": OrderType.STOP_LIMIT, "stop_price": Decimal(9)}, "type LIMIT", "type STOP_LIMIT"),
        ({"time_in_force": TimeInForce.IOC}, "time in force GTC", "time in force IOC"),
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


def test_order_whose_end_our_own_timer_brings_rests_without_a_time_limit_at_the_venue() -> None:
    assert compare_orders([order(time_in_force=TimeInForce.GTT)], [claim()], question()) == Compared(count=1)


def test_stop_market_order_has_no_time_in_force_that_could_differ() -> None:
    stop = {"type": OrderType.STOP_MARKET, "price": None}

    ours = [order(time_in_force=TimeInForce.IOC, **stop)]
    assert compare_orders(ours, [claim(**stop)], question()) == Compared(count=1)


SUBMITTED = {"state": OrderState.SUBMITTED, "venue_order_id": None, "state_since_ms": LONG_AGO}
CHANGED_JUST_NOW = {"updated_at_ms": JUST_NOW}
NOT_YET = [
    ("changed by us", {"updated_at_ms": JUST_NOW}, {}),
    ("changed by the venue", {}, {"updated_venue_ms": JUST_NOW}),
    ("sent", {**SUBMITTED, **CHANGED_JUST_NOW, "state_since_ms": JUST_NOW}, {}),
    ("asked to be cancelled", {"cancel_pending": True, **CHANGED_JUST_NOW}, {}),
    ("asked to be modified", {"replace_pending": True, **CHANGED_JUST_NOW}, {}),
]


@pytest.mark.parametrize(("ours", "theirs"), [case[1:] for case in NOT_YET], ids=[case[0] for case in NOT_YET])
def test_order_that_changed_just_now_is_no_difference_and_counted_as_left_out(ours: Any, theirs: Any) -> None:
    differing = {"filled_size": Decimal("0.5"), **theirs}

    listed = compare_orders([order(**ours)], [claim(**differing)], question())
    assert listed == Compared(left_out=("1 under way, or changed less than 10000 ms before the question",))
    if ours:
        assert compare_orders([order(**ours)], [], question()) == listed


def verifying(**changes: Any) -> Verification:
    return make(Verification, phase=VerificationPhase.DECISION, started_ms=LONG_AGO, **changes)


UNSETTLED = [
    ("waiting for a person's decision", {"needs_review": True}),
    ("waiting for a person's decision", {"needs_review": True, "created_at_ms": LONG_AGO, **CHANGED_JUST_NOW}),
    ("of unknown outcome", SUBMITTED),
    ("of unknown outcome", {**SUBMITTED, **CHANGED_JUST_NOW}),
    ("of unknown outcome", {"verification": verifying()}),
    ("of unknown outcome", {"verification": verifying(), **CHANGED_JUST_NOW}),
    ("whose cancel or change is not answered", {"cancel_pending": True}),
    ("whose cancel or change is not answered", {"replace_pending": True}),
    ("dated later than now: a clock was set back", {"updated_at_ms": HOUR_AHEAD}),
    ("whose cancel or change is not answered", {"cancel_pending": True, "updated_at_ms": HOUR_AHEAD}),
]


@pytest.mark.parametrize(("why", "ours"), UNSETTLED)
def test_order_that_nobody_can_judge_although_it_is_old_is_named_with_the_reason(why: str, ours: Any) -> None:
    """Sent again, or looked at again, it is no younger."""
    listed = compare_orders([order(**ours)], [claim(filled_size=Decimal("0.5"))], question())
    unlisted = compare_orders([order(**ours)], [], question())

    assert listed == unlisted == Compared(unjudged=(f"1 {why}: ours-28",))


def test_orders_that_nobody_can_judge_are_named_ten_of_each_reason() -> None:
    compared = compare_orders([order(str(number), needs_review=True) for number in range(12)], [], question())

    (text,) = compared.unjudged
    assert text.startswith("12 waiting for a person's decision: ours-0, ours-1, ")
    assert text.endswith(", ours-9 and 2 more")


def test_order_that_is_being_read_again_is_no_difference_and_named() -> None:
    unlisted = compare_orders([order()], [], question(), unresolved={"ours-28"})
    listed = compare_orders([order()], [claim(size=Decimal(9))], question(), unresolved={"ours-28"})

    assert listed == unlisted == Compared(unjudged=("1 being read again: ours-28",))


@pytest.mark.parametrize("dated", ["created_venue_ms", "updated_venue_ms"])
def test_order_that_the_venue_dates_later_than_its_answer_is_not_compared_and_named(dated: str) -> None:
    ours = [] if dated == "created_venue_ms" else [order()]

    (text,) = compare_orders(ours, [claim(**{dated: HOUR_AHEAD})], question()).unjudged

    assert text.startswith("1 dated later than now: a clock was set back: ")


def test_order_that_changed_while_the_answer_was_on_its_way_is_young_and_not_ahead() -> None:
    slow = question(heard_venue_ms=NOW_MS + 15_000)
    within = claim(updated_venue_ms=NOW_MS + 15_000 + SETTLE_MS)
    beyond = claim(updated_venue_ms=NOW_MS + 15_000 + SETTLE_MS + 1)

    assert compare_orders([order()], [within], slow).unjudged == ()
    assert compare_orders([order()], [beyond], slow).left_out == ()


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
    assert compared.unjudged == ("1 that may be among the records that could not be read: ours-28",)


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


def test_execution_that_waits_for_its_order_is_named_once_it_is_old() -> None:
    parked = {("28", "56")}

    old = fills([], [told()], parked=parked)
    young = fills([], [told(venue_time_ms=JUST_NOW)], JUST_NOW, parked=parked)

    assert old == Compared(unjudged=("1 waiting for their order to be known: 28/56",))
    assert (young.unjudged, len(young.left_out)) == ((), 1)


def test_executions_dated_later_than_now_are_not_compared_and_named() -> None:
    compared = fills([fill("1", venue_time_ms=HOUR_AHEAD)], [told("2", venue_time_ms=HOUR_AHEAD)])

    assert compared == Compared(unjudged=("2 dated later than now: a clock was set back: 28/2, 28/1",))


def test_executions_with_unreadable_records_prove_nothing_missing_at_the_venue() -> None:
    compared = fills([fill()], [told("57")], complete=False)

    assert kinds(compared) == ["fill_missing_here"]
    assert compared.unjudged == ("1 that may be among the records that could not be read: 28/56",)
