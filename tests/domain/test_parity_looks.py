"""What two looks at our records and a venue's come to, and what was repaired between them."""

from compared_kit import LONG_AGO, OFFSET_MS, SETTLE_MS, order, question
from factories import NOW_MS

from actors.domain.parity import Compared, Finding
from actors.domain.parity_looks import believed, come_round
from messages import Difference, DifferenceKind, Order, OrderState

EDGE_MS = NOW_MS + OFFSET_MS - SETTLE_MS
"""Venue time up to which our records should know what the first look's answer knew."""


def finding(name: str, *, sure: bool, ours: str = "1", kind: DifferenceKind = DifferenceKind.ORDER_DIFFERS) -> Finding:
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


# ----- what was repaired between them


UNLISTED = finding("ours-28", sure=False, kind=DifferenceKind.MISSING_AT_VENUE)


def repaired(first: Finding, *orders: Order, ended_ms: int | None = None) -> Compared:
    known = {each.order_id: each for each in orders}
    return come_round(look(first), question(), known, lambda _: ended_ms)


def test_order_that_was_not_listed_and_had_ended_long_before_the_question_was_a_difference() -> None:
    ended = order(state=OrderState.CANCELLED)

    compared = repaired(UNLISTED, ended, ended_ms=EDGE_MS)

    (found,) = compared.findings
    assert (found.key, found.sure, compared.unjudged) == (UNLISTED.key, True, ())
    assert found.difference.venues == f"2; ended at {EDGE_MS}"


def test_order_that_was_not_listed_and_ended_around_the_question_was_none() -> None:
    assert repaired(UNLISTED, order(state=OrderState.FILLED), ended_ms=EDGE_MS + 1) == Compared()


def test_order_that_was_not_listed_and_works_was_none() -> None:
    assert repaired(UNLISTED, order(), ended_ms=LONG_AGO) == Compared()


def test_order_that_was_not_listed_and_ended_nobody_knows_when_cannot_be_judged() -> None:
    why = "1 not listed, and ended since at a time that nobody knows: ours-28"

    assert repaired(UNLISTED, order(state=OrderState.EXPIRED)) == Compared(unjudged=(why,))
    assert repaired(UNLISTED) == Compared(unjudged=(why,)), "its record is gone"


def test_order_that_was_listed_although_we_held_it_for_ended_and_that_we_hold_for_open_now_was_a_difference() -> None:
    listed = finding("ours-28", sure=False, kind=DifferenceKind.MISSING_HERE)

    assert repaired(listed, order()).findings == (listed,)
    assert repaired(listed, order(state=OrderState.FAILED)) == Compared(), "the list lagged behind"
    assert repaired(listed) == Compared()


def test_other_findings_need_both_looks() -> None:
    assert repaired(finding("ours-28", sure=False), order(), ended_ms=LONG_AGO) == Compared()
