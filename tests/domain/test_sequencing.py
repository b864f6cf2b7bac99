"""Sorting a venue's descriptions by what they add."""

from decimal import Decimal

import pytest
from factories import VENUE_ORDER_ID, make
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.lifecycle import TERMINAL
from actors.domain.sequencing import Freshness, classify
from messages import Order, OrderState, PublicStatus, VenueOrder

D = Decimal
S = OrderState
P = PublicStatus
WORKING = [P.PENDING, P.OPEN]
ENDED = [P.FILLED, P.CANCELLED, P.EXPIRED, P.FAILED]


def ours(state: OrderState, filled: str = "0", **changes: object) -> Order:
    return make(
        Order, state=state, size=D(1), filled_size=D(filled), **{"venue_order_id": VENUE_ORDER_ID, **changes}
    )  # fmt: skip


def theirs(status: PublicStatus | None, filled: str = "0", **changes: object) -> VenueOrder:
    return make(VenueOrder, status=status, filled_size=D(filled), **{"size": D(1), **changes})


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("status", [None, *P])
def test_less_executed_than_we_have_is_stale_whatever_the_status(state: OrderState, status: PublicStatus) -> None:
    assert classify(ours(state, "0.5"), theirs(status, "0.4")) is Freshness.STALE


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("status", [None, *P])
def test_more_executed_than_we_have_is_a_gap_whatever_the_status(state: OrderState, status: PublicStatus) -> None:
    assert classify(ours(state, "0.4"), theirs(status, "0.5")) is Freshness.GAP


@pytest.mark.parametrize("state", [S.FILLED, S.CANCELLED, S.EXPIRED, S.PARTIAL_FILL_TIMEOUT])
@pytest.mark.parametrize("status", WORKING)
def test_working_after_an_end_is_stale(state: OrderState, status: PublicStatus) -> None:
    assert classify(ours(state, "0.5"), theirs(status, "0.5")) is Freshness.STALE


@pytest.mark.parametrize("state", [S.FAILED, S.REJECTED])
@pytest.mark.parametrize("status", [*WORKING, P.CANCELLED, P.EXPIRED])
def test_order_held_for_never_placed_and_shown_at_the_venue_is_new(state: OrderState, status: PublicStatus) -> None:
    assert classify(ours(state), theirs(status)) is Freshness.NEW


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (S.FILLED, P.FILLED),
        (S.CANCELLED, P.CANCELLED),
        (S.PARTIAL_FILL_TIMEOUT, P.CANCELLED),
        (S.EXPIRED, P.EXPIRED),
        (S.REJECTED, P.FAILED),
        (S.FAILED, P.FAILED),
        (S.CANCELLED, P.EXPIRED),
        (S.EXPIRED, P.CANCELLED),
        (S.CANCELLED, None),
    ],
)
def test_end_told_again_is_a_duplicate(state: OrderState, status: PublicStatus | None) -> None:
    assert classify(ours(state, "0.5"), theirs(status, "0.5")) is Freshness.DUPLICATE


@pytest.mark.parametrize("state", sorted(TERMINAL - {S.FILLED}))
def test_filled_told_of_an_order_that_ended_otherwise_is_new(state: OrderState) -> None:
    assert classify(ours(state, "1"), theirs(P.FILLED, "1")) is Freshness.NEW


@pytest.mark.parametrize("state", [S.ACKNOWLEDGED, S.PARTIALLY_FILLED])
@pytest.mark.parametrize("status", [None, *WORKING])
def test_working_told_again_is_a_duplicate(state: OrderState, status: PublicStatus | None) -> None:
    assert classify(ours(state, "0.5"), theirs(status, "0.5")) is Freshness.DUPLICATE


@pytest.mark.parametrize("status", [*WORKING, P.CANCELLED, P.EXPIRED, P.FAILED])
def test_answer_about_a_submitted_order_is_new(status: PublicStatus) -> None:
    assert classify(ours(S.SUBMITTED), theirs(status)) is Freshness.NEW


@pytest.mark.parametrize("status", [P.CANCELLED, P.EXPIRED, P.FAILED])
def test_end_of_a_working_order_with_all_fills_booked_is_new(status: PublicStatus) -> None:
    assert classify(ours(S.PARTIALLY_FILLED, "0.5"), theirs(status, "0.5")) is Freshness.NEW


def test_filled_with_everything_booked_is_new() -> None:
    assert classify(ours(S.PARTIALLY_FILLED, "1"), theirs(P.FILLED, "1")) is Freshness.NEW


def test_filled_with_a_quantity_behind_its_own_size_is_a_gap() -> None:
    assert classify(ours(S.PARTIALLY_FILLED, "0.5"), theirs(P.FILLED, "0.5")) is Freshness.GAP


def test_filled_with_nothing_executed_anywhere_is_a_gap() -> None:
    assert classify(ours(S.SUBMITTED), theirs(P.FILLED, size=D(0))) is Freshness.GAP


@pytest.mark.parametrize(
    "news", [{"size": D(2)}, {"price": D(7)}], ids=["another size", "another price"]
)  # fmt: skip
def test_working_with_other_terms_is_new(news: dict[str, object]) -> None:
    assert classify(ours(S.ACKNOWLEDGED), theirs(P.OPEN, **news)) is Freshness.NEW


def test_working_that_tells_the_venue_id_is_new() -> None:
    assert classify(ours(S.ACKNOWLEDGED, venue_order_id=None), theirs(P.OPEN)) is Freshness.NEW


def test_size_of_a_quote_sized_order_is_no_news() -> None:
    order = ours(S.ACKNOWLEDGED, quote_size=D(100))
    assert classify(order, theirs(P.OPEN, size=D(3))) is Freshness.DUPLICATE


def test_unknown_status_of_a_submitted_order_with_known_id_is_no_news() -> None:
    assert classify(ours(S.SUBMITTED), theirs(None)) is Freshness.DUPLICATE


@given(
    st.sampled_from(list(S)),
    st.sampled_from([None, *P]),
    st.decimals(0, 1, places=8),
    st.decimals(0, 1, places=8),
)
def test_quantities_beyond_the_tolerance_alone_decide(
    state: OrderState, status: PublicStatus | None, booked: Decimal, cumulative: Decimal
) -> None:
    found = classify(ours(state, str(booked)), theirs(status, str(cumulative)))
    if cumulative - booked > D("0.00000001"):
        assert found is Freshness.GAP
    elif booked - cumulative > D("0.00000001"):
        assert found is Freshness.STALE
    else:
        assert found is not Freshness.STALE or (state in TERMINAL and status in WORKING)
