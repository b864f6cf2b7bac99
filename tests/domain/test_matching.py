"""Judging searches: every verdict, and never absence or a guess where neither is justified."""

from decimal import Decimal
from random import Random
from uuid import UUID

import pytest
from factories import CLIENT_ORDER_ID, NOW_MS, make
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.matching import (
    FoundByFills,
    FoundMatch,
    Inconclusive,
    NoMatch,
    SearchVerdict,
    SeveralMatches,
    Undecidable,
    agrees,
    judge_search,
)
from messages import (
    MatchQuality,
    Order,
    OrdersSearched,
    OrderType,
    PublicStatus,
    Side,
    VenueFill,
    VenueOrder,
)

D = Decimal
SOURCES = ("openOrders", "allOrders", "myTrades")
OURS = make(Order, size=D("0.01"), venue_order_id=None)
FENCE_MS = 8000


def shown(venue_order_id: str = "28", *, after_ms: int | None = 1000, **changes: object) -> VenueOrder:
    """A venue order like ours, without a client id, created some time after our sending."""
    created = None if after_ms is None else NOW_MS + after_ms
    values = {"venue_order_id": venue_order_id, "client_order_id": None, "created_venue_ms": created}
    return make(VenueOrder, **{**values, **changes})


def executed(venue_order_id: str = "28", **changes: object) -> VenueFill:
    return make(VenueFill, **{"venue_order_id": venue_order_id, "size": D("0.004"), "price": D(42000), **changes})


def judged(
    *orders: VenueOrder,
    fills: tuple[VenueFill, ...] = (),
    order: Order = OURS,
    echoed: bool = False,
    owned: frozenset[str] = frozenset(),
    own: frozenset[str] | None = None,
    fence_ms: int | None = FENCE_MS,
    **report: object,
) -> SearchVerdict:
    return judge_search(
        order,
        make(OrdersSearched, **{"orders": orders, "fills": fills, "sources": SOURCES, **report}),
        client_id_echoed=echoed,
        required_sources=SOURCES,
        owned_venue_ids=owned,
        own_venue_ids=owned if own is None else own,
        tag=CLIENT_ORDER_ID[:8],
        sent_venue_ms=NOW_MS,
        fence_venue_ms=None if fence_ms is None else NOW_MS + fence_ms,
        thresholds=(5_000, 30_000, 60_000, 120_000),
    )


# ----- agreement


@pytest.mark.parametrize(
    ("changes", "differing"),
    [
        ({}, ()),
        ({"symbol": "ETH-USDT"}, ("symbol",)),
        ({"side": Side.SELL}, ("side",)),
        ({"size": D("0.010000009")}, ()),
        ({"size": D("0.01000001")}, ("size",)),
        ({"symbol": "ETH-USDT", "side": Side.SELL, "size": D(1)}, ("symbol", "side", "size")),
        ({"price": D(1), "type": OrderType.MARKET}, ()),
    ],
)
def test_agreement_names_the_fields_that_differ(changes: dict[str, object], differing: tuple[str, ...]) -> None:
    assert agrees(OURS, shown(**changes)) == differing


def test_agreement_of_a_quote_sized_order_is_about_its_quote_size() -> None:
    order = make(Order, size=D(0), quote_size=D(100))
    assert agrees(order, shown(size=D(7), quote_size=D(100))) == ()
    assert agrees(order, shown(size=D(7), quote_size=D(99))) == ("quote_size",)
    assert agrees(order, shown(size=D(7), quote_size=None)) == ()


def test_agreement_with_a_wider_tolerance_forgives_more() -> None:
    assert agrees(OURS, shown(size=D("0.011")), D("0.01")) == ()


# ----- a client order id decides alone


@pytest.mark.parametrize("echoed", [True, False])
@pytest.mark.parametrize("form", [CLIENT_ORDER_ID, CLIENT_ORDER_ID.upper(), str(UUID(hex=CLIENT_ORDER_ID))])
def test_order_with_our_client_id_is_found_in_any_form(echoed: bool, form: str) -> None:  # noqa: FBT001
    match = shown("28", client_order_id=form, after_ms=-70_000)
    assert judged(shown("27"), match, echoed=echoed) == FoundMatch(match, MatchQuality.EXACT, 70_000)


def test_order_with_our_client_id_wins_over_incomplete_sources_and_differences() -> None:
    match = shown("28", client_order_id=CLIENT_ORDER_ID, size=D(7), after_ms=None)
    found = judged(match, echoed=True, unreadable=3, sources=())
    assert found == FoundMatch(match, MatchQuality.EXACT, None, ("size",))


def test_order_with_a_venue_id_we_know_is_found_without_a_client_id() -> None:
    known = make(Order, size=D("0.01"), venue_order_id="28")
    assert judged(shown("28", after_ms=5), shown("29"), order=known) == FoundMatch(
        shown("28", after_ms=5), MatchQuality.EXACT, 5
    )
    assert judged(shown("28", symbol="ETH-USDT"), order=known) == NoMatch()


def test_order_listed_by_two_sources_is_one_and_the_further_one_counts() -> None:
    behind = shown("28", client_order_id=CLIENT_ORDER_ID, status=PublicStatus.OPEN, filled_size=D("0.004"))
    ended = shown("28", client_order_id=CLIENT_ORDER_ID, status=PublicStatus.CANCELLED, filled_size=D("0.004"))
    fuller = shown("28", client_order_id=CLIENT_ORDER_ID, status=PublicStatus.OPEN, filled_size=D("0.005"))
    for orders, wanted in (
        ((behind, ended), ended), ((ended, behind), ended), ((ended, fuller), fuller), ((fuller, behind), fuller),
    ):  # fmt: skip
        found = judged(*orders, echoed=True)
        assert isinstance(found, FoundMatch)
        assert found.venue_order is wanted


def test_two_venue_orders_with_our_client_id_are_both_reported() -> None:
    one, other = (shown(each, client_order_id=CLIENT_ORDER_ID) for each in ("28", "29"))
    assert judged(one, other, echoed=True) == SeveralMatches((one, other), ("28", "29"))


def test_execution_with_our_client_id_proves_an_order_that_no_list_shows() -> None:
    fill = executed("28", client_order_id=CLIENT_ORDER_ID)
    assert judged(fills=(fill, fill), echoed=True) == FoundByFills("28", (fill, fill))


def test_execution_of_a_venue_id_we_know_proves_the_order() -> None:
    known = make(Order, venue_order_id="28")
    assert judged(fills=(executed("28"),), order=known) == FoundByFills("28", (executed("28"),))


def test_execution_with_our_client_id_names_a_listed_order() -> None:
    match = shown("28")
    found = judged(match, fills=(executed("28", client_order_id=CLIENT_ORDER_ID),), echoed=True)
    assert found == FoundMatch(match, MatchQuality.EXACT, 1000)


def test_execution_of_another_order_under_our_client_id_is_a_second_match() -> None:
    listed = shown("28", client_order_id=CLIENT_ORDER_ID)
    found = judged(listed, fills=(executed("29", client_order_id=CLIENT_ORDER_ID),), echoed=True)
    assert found == SeveralMatches((listed,), ("28", "29"))


# ----- nothing under our id


@pytest.mark.parametrize("echoed", [True, False])
def test_complete_search_that_shows_nothing_is_no_match(echoed: bool) -> None:  # noqa: FBT001
    assert judged(echoed=echoed) == NoMatch()


@pytest.mark.parametrize("echoed", [True, False])
@pytest.mark.parametrize("orders", [(), (shown("28"),)], ids=["nothing shown", "an equal order shown"])
def test_search_with_unreadable_records_is_inconclusive(echoed: bool, orders: tuple[VenueOrder, ...]) -> None:  # noqa: FBT001
    assert judged(*orders, echoed=echoed, unreadable=1) == Inconclusive("1 records could not be read")


@pytest.mark.parametrize("echoed", [True, False])
@pytest.mark.parametrize("orders", [(), (shown("28"),)], ids=["nothing shown", "an equal order shown"])
def test_search_without_a_required_source_is_inconclusive(echoed: bool, orders: tuple[VenueOrder, ...]) -> None:  # noqa: FBT001
    found = judged(*orders, echoed=echoed, sources=("allOrders", "extra"))
    assert found == Inconclusive("not read: openOrders, myTrades")


def test_equal_order_under_another_client_id_is_somebody_elses() -> None:
    assert judged(shown("28", client_order_id="theirs"), echoed=True) == NoMatch()


def test_equal_order_shown_without_a_client_id_is_not_ours_by_guess_and_not_taken_for_absence() -> None:
    # Some venues leave the id out now and then: what is like ours may be ours, and a person has to say.
    assert judged(shown("28"), echoed=True) == NoMatch((shown("28"),))


@pytest.mark.parametrize("echoed", [True, False])
def test_execution_of_an_order_that_no_list_shows_keeps_absence_open(echoed: bool) -> None:  # noqa: FBT001
    found = judged(fills=(executed("28"), executed("28"), executed("29")), echoed=echoed)
    assert isinstance(found, Inconclusive)
    assert found.unexplained_venue_ids == ("28", "29")


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "ETH-USDT"},
        {"side": Side.SELL},
        {"size": D("0.0101")},
        {"price": D("42500.01")},
        {"client_order_id": "somebody-elses"},
        {"venue_time_ms": NOW_MS - 120_001},
        {"venue_order_id": "owned"},
        {"venue_order_id": "listed"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_execution_that_cannot_be_ours_does_not_keep_absence_open(changes: dict[str, object]) -> None:
    listed = shown("listed", client_order_id="somebody-elses")
    assert judged(listed, fills=(executed(**changes),), owned=frozenset({"owned"})) == NoMatch()


def test_execution_that_the_venue_names_no_order_of_keeps_absence_open() -> None:
    assert judged(unattributed=(executed(""),)) == Inconclusive("an execution that the venue names no order of")


@pytest.mark.parametrize(
    "changes",
    [{"symbol": "ETH-USDT"}, {"side": Side.SELL}, {"size": D("0.0101")}, {"venue_time_ms": NOW_MS - 120_001}],
    ids=lambda changes: next(iter(changes)),
)
def test_execution_of_no_order_that_cannot_be_ours_does_not_keep_absence_open(changes: dict[str, object]) -> None:
    assert judged(unattributed=(executed("", **changes),)) == NoMatch()


def test_execution_of_a_sell_below_its_limit_cannot_be_ours() -> None:
    sell = make(Order, side=Side.SELL, size=D("0.01"))
    below, at = (executed(side=Side.SELL, price=D(price)) for price in ("42499.99", "42500"))
    assert judged(fills=(below,), order=sell) == NoMatch()
    assert isinstance(judged(fills=(at,), order=sell), Inconclusive)


def test_execution_may_be_of_an_order_without_price_or_size() -> None:
    market = make(Order, type=OrderType.MARKET, price=None, size=D(0), quote_size=D(100))
    assert isinstance(judged(fills=(executed(size=D(7), price=D(10**6)),), order=market), Inconclusive)


# ----- executions that were taken back


def test_execution_taken_back_of_an_order_that_no_list_shows_keeps_absence_open() -> None:
    found = judged(fills=(executed("29"),), voided=(executed("28"),))
    assert isinstance(found, Inconclusive)
    assert found.unexplained_venue_ids == ("29", "28")


def test_execution_taken_back_of_no_order_keeps_absence_open() -> None:
    assert judged(voided=(executed(""),)) == Inconclusive("an execution that the venue names no order of")


def test_execution_taken_back_under_our_client_id_proves_the_order() -> None:
    fill = executed("28", client_order_id=CLIENT_ORDER_ID)
    assert judged(voided=(fill,), echoed=True) == FoundByFills("28", (fill,))


def test_execution_taken_back_of_no_order_under_our_client_id_keeps_absence_open() -> None:
    assert isinstance(judged(voided=(executed("", client_order_id=CLIENT_ORDER_ID),), echoed=True), Inconclusive)


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "ETH-USDT"},
        {"side": Side.SELL},
        {"venue_time_ms": NOW_MS - 120_001},
        {"venue_order_id": "owned"},
        {"venue_order_id": "", "size": D("0.0101")},
    ],
    ids=lambda changes: next(reversed(changes)),
)
def test_execution_taken_back_that_cannot_be_ours_does_not_keep_absence_open(changes: dict[str, object]) -> None:
    assert judged(voided=(executed(**changes),), owned=frozenset({"owned"})) == NoMatch()


# ----- orders like ours whose client id proves nothing


def ended(venue_order_id: str = "28", **changes: object) -> VenueOrder:
    """A cancelled order like ours, shown under the id of its cancel."""
    return shown(venue_order_id, **{"client_order_id": "a-cancel", "status": PublicStatus.CANCELLED, **changes})


@pytest.mark.parametrize("echoed", [True, False])
@pytest.mark.parametrize("client_id", ["a-cancel", None, ""])
@pytest.mark.parametrize("status", [PublicStatus.CANCELLED, PublicStatus.EXPIRED, PublicStatus.FILLED, None])
def test_ended_order_that_is_like_ours_is_a_suspect_whatever_its_client_id(
    echoed: bool,  # noqa: FBT001
    client_id: str | None,
    status: PublicStatus | None,
) -> None:
    # Far off where nothing but the terms could tell: only the fence says that it may be ours.
    like = ended(client_order_id=client_id, status=status, after_ms=130_000)
    assert judged(like, echoed=echoed, fence_ms=200_000) == NoMatch((like,))


@pytest.mark.parametrize("echoed", [True, False])
def test_ended_order_taken_for_an_external_one_is_a_suspect(echoed: bool) -> None:  # noqa: FBT001
    found = judged(ended(), echoed=echoed, owned=frozenset({"28"}), own=frozenset())
    assert found == NoMatch((ended(),))


@pytest.mark.parametrize("echoed", [True, False])
def test_working_order_without_a_client_id_is_a_suspect_wherever_it_is_shown(echoed: bool) -> None:  # noqa: FBT001
    taken = shown(status=PublicStatus.OPEN)
    assert judged(taken, echoed=echoed, owned=frozenset({"28"}), own=frozenset()) == NoMatch((taken,))


@pytest.mark.parametrize(("after_ms", "suspected"), [(-1001, False), (-1000, True), (FENCE_MS, True),
                                                     (FENCE_MS + 1, False), (None, True)])  # fmt: skip
def test_suspect_was_made_between_our_sending_and_the_fence(after_ms: int | None, suspected: bool) -> None:  # noqa: FBT001
    like = ended(after_ms=after_ms)
    assert judged(like, echoed=True) == NoMatch((like,) if suspected else ())


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "ETH-USDT"},
        {"side": Side.SELL},
        {"type": OrderType.STOP_LIMIT},
        {"size": D("0.02")},
        {"price": D("42500.01")},
        {"status": PublicStatus.OPEN},
        {"client_order_id": CLIENT_ORDER_ID[:8] + "f" * 24},
        {"venue_order_id": "owned"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_order_that_differs_works_or_is_another_of_ours_is_no_suspect(changes: dict[str, object]) -> None:
    assert judged(ended(**changes), echoed=True, owned=frozenset({"owned"})) == NoMatch()


def test_order_that_is_known_to_exist_has_no_suspects() -> None:
    assert judged(ended(), echoed=True, fence_ms=None) == NoMatch()


# ----- matching by characteristics


@pytest.mark.parametrize(
    ("after_ms", "quality"),
    [
        (0, MatchQuality.EXCELLENT),
        (-4_999, MatchQuality.EXCELLENT),
        (5_000, MatchQuality.GOOD),
        (29_999, MatchQuality.GOOD),
        (30_000, MatchQuality.ACCEPTABLE),
        (-59_999, MatchQuality.ACCEPTABLE),
    ],
)
def test_only_equal_order_is_found_with_the_quality_of_its_distance(after_ms: int, quality: MatchQuality) -> None:
    match = shown(after_ms=after_ms)
    assert judged(match) == FoundMatch(match, quality, abs(after_ms))


@pytest.mark.parametrize("after_ms", [60_000, -60_000, 119_999, None])
def test_equal_order_far_away_or_without_a_time_is_undecidable(after_ms: int | None) -> None:
    candidate = shown(after_ms=after_ms)
    assert judged(candidate) == Undecidable((candidate,))


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "ETH-USDT"},
        {"side": Side.SELL},
        {"type": OrderType.STOP_LIMIT},
        {"size": D("0.02")},
        {"price": D("42500.01")},
        {"client_order_id": "somebody-elses"},
        {"venue_order_id": "owned"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_order_that_differs_or_belongs_to_another_is_no_candidate(changes: dict[str, object]) -> None:
    assert judged(shown(**changes), owned=frozenset({"owned"})) == NoMatch()


def test_order_whose_stop_differs_is_no_candidate() -> None:
    ours = make(Order, type=OrderType.STOP_LIMIT, size=D("0.01"), stop_price=D(42000))
    same, other = (shown(type=OrderType.STOP_LIMIT, stop_price=D(stop)) for stop in (42000, 42001))
    assert judged(other, order=ours) == NoMatch()
    assert judged(same, order=ours) == FoundMatch(same, MatchQuality.EXCELLENT, 1000)


def test_price_that_the_venue_does_not_show_rules_nothing_out() -> None:
    match = shown(price=None)
    assert judged(match) == FoundMatch(match, MatchQuality.EXCELLENT, 1000)


def test_two_equally_near_orders_are_undecidable_nearest_first() -> None:
    far, near = shown("28", after_ms=4_000), shown("29", after_ms=-1)
    timeless = shown("30", after_ms=None)
    assert judged(timeless, far, near) == Undecidable((near, far, timeless))


def test_nearest_order_wins_over_one_of_a_worse_grade() -> None:
    near, far = shown("28", after_ms=100), shown("29", after_ms=20_000)
    assert judged(far, near) == FoundMatch(near, MatchQuality.EXCELLENT, 100)


def test_quote_sized_order_whose_quote_size_is_not_shown_is_undecidable() -> None:
    ours = make(Order, type=OrderType.MARKET, price=None, size=D(0), quote_size=D(100))
    hidden = shown(type=OrderType.MARKET, quote_size=None)
    match = shown(type=OrderType.MARKET, quote_size=D(100))
    assert judged(hidden, order=ours) == Undecidable((hidden,))
    assert judged(match, order=ours) == FoundMatch(match, MatchQuality.EXCELLENT, 1000)


# ----- over random searches

listings = st.lists(
    st.builds(
        shown,
        venue_order_id=st.sampled_from(["1", "2", "3", "4"]),
        after_ms=st.none() | st.integers(-70_000, 70_000),
        client_order_id=st.sampled_from([None, None, "other", CLIENT_ORDER_ID]),
        size=st.sampled_from([D("0.01"), D("0.02")]),
    ),
    max_size=6,
)


@given(listings, st.booleans(), st.integers(0, 1), st.integers())
def test_verdict_on_any_search_is_safe_and_independent_of_its_order(
    orders: list[VenueOrder],
    echoed: bool,  # noqa: FBT001
    unreadable: int,
    seed: int,
) -> None:
    distinct = list({each.venue_order_id: each for each in orders}.values())
    shuffled = list(distinct)
    Random(seed).shuffle(shuffled)
    found = judged(*distinct, echoed=echoed, unreadable=unreadable)
    named = [each for each in distinct if each.client_order_id == CLIENT_ORDER_ID]
    equal = [each for each in distinct if each.client_order_id is None and each.size == D("0.01")]
    match found:
        case NoMatch():
            assert not named
            assert not unreadable
            assert echoed or not equal
        case FoundMatch(venue_order, quality):
            assert [venue_order] == named or (not named and venue_order in equal and not echoed)
            assert (quality is MatchQuality.EXACT) == bool(named)
        case SeveralMatches(venue_orders, _):
            assert set(venue_orders) == set(named)
        case Undecidable(candidates):
            assert set(candidates) == set(equal)
            assert not named
        case Inconclusive():
            assert unreadable
    assert type(judged(*shuffled, echoed=echoed, unreadable=unreadable)) is type(found)


@pytest.mark.parametrize("after_ms", [120_000, -120_000, 10**9])
def test_equal_order_too_far_away_is_no_candidate(after_ms: int) -> None:
    assert judged(shown(after_ms=after_ms)) == NoMatch()
