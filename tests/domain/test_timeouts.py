"""How long an order may wait for its next execution."""

from itertools import product

import pytest
from factories import NOW_MS, make

from actors.domain.lifecycle import TERMINAL
from actors.domain.timeouts import FillTimeoutPolicy, deadline_ms, timeout_ms
from messages import Order, OrderState, OrderType

PLAIN = FillTimeoutPolicy(by_order_type={}, default_ms=7, by_asset_type={"crypto": 9})
FILLED_AT = NOW_MS + 1_000


def filled(**changes: object) -> Order:
    return make(
        Order,
        **{
            "state": OrderState.PARTIALLY_FILLED,
            "fill_count": 2,
            "first_fill_ms": FILLED_AT - 600,
            "last_fill_ms": FILLED_AT,
            "fill_timeout_ms": 60_000,
            **changes,
        },
    )


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (OrderType.MARKET, 30_000),
        (OrderType.LIMIT, 120_000),
        (OrderType.STOP_MARKET, 60_000),
        (OrderType.STOP_LIMIT, 120_000),
    ],
)
@pytest.mark.parametrize("asset_type", ["stocks", "forex", "crypto"])
def test_timeout_by_default_is_that_of_the_order_type(kind: OrderType, asset_type: str, wanted: int) -> None:
    assert timeout_ms(make(Order, type=kind), asset_type, FillTimeoutPolicy()) == wanted


@pytest.mark.parametrize(("asset_type", "wanted"), [("stocks", 60_000), ("forex", 30_000), ("crypto", 120_000)])
def test_timeout_without_one_for_the_order_type_is_that_of_the_asset_type(asset_type: str, wanted: int) -> None:
    assert timeout_ms(make(Order), asset_type, FillTimeoutPolicy(by_order_type={})) == wanted


@pytest.mark.parametrize(("own", "of_type", "of_asset"), list(product([None, 1, 0], [None, 2, 0], [None, 3, 0])))
def test_timeout_that_is_most_specific_wins_and_zero_is_none(
    own: int | None, of_type: int | None, of_asset: int | None
) -> None:
    policy = FillTimeoutPolicy(
        default_ms=4,
        by_order_type={} if of_type is None else {OrderType.LIMIT: of_type},
        by_asset_type={} if of_asset is None else {"crypto": of_asset},
    )
    chosen = next(ms for ms in (own, of_type, of_asset, 4) if ms is not None)
    assert timeout_ms(make(Order, fill_timeout_ms=own), "crypto", policy) == (chosen or None)


@pytest.mark.parametrize(
    "changes",
    [{"external": True}, {"overfilled": True}, {"state": OrderState.DRAFT}],
    ids=lambda changes: next(iter(changes)),
)
def test_order_that_no_rule_may_touch_has_no_timeout(changes: dict[str, object]) -> None:
    order = filled(**changes)
    assert timeout_ms(order, "crypto", PLAIN) is None
    assert deadline_ms(order, "crypto", PLAIN) is None


def test_policy_that_is_off_gives_no_timeout_to_anybody() -> None:
    assert timeout_ms(filled(), "crypto", FillTimeoutPolicy(enabled=False)) is None
    assert deadline_ms(filled(), "crypto", FillTimeoutPolicy(enabled=False)) is None


def test_deadline_counts_from_the_last_fill() -> None:
    assert deadline_ms(filled(), "crypto", FillTimeoutPolicy()) == FILLED_AT + 60_000


def test_deadline_that_fills_do_not_put_off_counts_from_the_first_fill() -> None:
    assert deadline_ms(filled(), "crypto", FillTimeoutPolicy(reset_on_fill=False)) == FILLED_AT - 600 + 60_000


@pytest.mark.parametrize(("from_submit", "wanted"), [(False, None), (True, NOW_MS + 60_000)])
def test_deadline_without_any_fill_counts_from_the_submit_when_told_so(
    from_submit: bool,  # noqa: FBT001
    wanted: int | None,
) -> None:
    order = make(Order, submitted_at_ms=NOW_MS, fill_timeout_ms=60_000)
    assert deadline_ms(order, "crypto", FillTimeoutPolicy(from_submit=from_submit)) == wanted


def test_deadline_from_the_submit_moves_to_the_first_fill_when_it_comes() -> None:
    assert deadline_ms(filled(), "crypto", FillTimeoutPolicy(from_submit=True)) == FILLED_AT + 60_000


def test_order_that_was_never_submitted_has_no_deadline() -> None:
    order = make(Order, state=OrderState.PENDING, submitted_at_ms=None)
    assert deadline_ms(order, "crypto", FillTimeoutPolicy(from_submit=True)) is None


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_order_that_has_ended_has_no_deadline(state: OrderState) -> None:
    assert deadline_ms(filled(state=state), "crypto", FillTimeoutPolicy()) is None


@pytest.mark.parametrize("reset_on_fill", [True, False])
def test_deadline_that_has_struck_is_none_until_a_fill_comes(reset_on_fill: bool) -> None:  # noqa: FBT001
    policy = FillTimeoutPolicy(reset_on_fill=reset_on_fill)
    struck = FILLED_AT + 60_000
    assert deadline_ms(filled(timed_out_ms=struck), "crypto", policy) is None
    after = filled(timed_out_ms=struck, last_fill_ms=struck + 5)
    assert deadline_ms(after, "crypto", policy) == struck + 5 + 60_000


def test_fill_of_the_millisecond_in_which_the_timeout_struck_begins_the_wait_anew() -> None:
    struck = filled(timed_out_ms=FILLED_AT)
    assert deadline_ms(struck, "crypto", FillTimeoutPolicy()) == FILLED_AT + 60_000


def test_unfilled_order_whose_timeout_has_struck_has_no_deadline() -> None:
    order = make(Order, submitted_at_ms=NOW_MS, timed_out_ms=NOW_MS + 60_000)
    assert deadline_ms(order, "crypto", FillTimeoutPolicy(from_submit=True)) is None
