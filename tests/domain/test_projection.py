"""The order as other programs see it."""

from decimal import Decimal, localcontext

from factories import CLIENT_ORDER_ID, NOW_MS, VENUE_ORDER_ID, make

from actors.domain.lifecycle import evolve
from actors.domain.projection import normalized, view
from messages import CompletionReason, Evidence, NormalizedOrder, Order, OrderState, OrderType, PublicStatus, Side

D = Decimal


def test_order_without_executions_shows_no_average_and_no_value() -> None:
    order = make(Order, size=D("0.01"), price=D("42500.00"))
    assert normalized(order) == NormalizedOrder(
        exchange="binance",
        order_id=CLIENT_ORDER_ID,
        client_order_id=CLIENT_ORDER_ID,
        symbol="BTC-USDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        status=PublicStatus.PENDING,
        size=D("0.01"),
        filled_size=D(0),
        remaining_size=D("0.01"),
        price=D("42500.00"),
        created_at=NOW_MS,
        updated_at=NOW_MS,
        time_in_force=order.time_in_force,
    )


def test_order_id_once_the_venue_gave_one_is_the_venues() -> None:
    shown = normalized(make(Order, venue_order_id=VENUE_ORDER_ID))
    assert (shown.order_id, shown.client_order_id) == (VENUE_ORDER_ID, CLIENT_ORDER_ID)


def test_external_order_without_a_client_id_shows_none() -> None:
    shown = normalized(make(Order, client_order_id="", venue_order_id=VENUE_ORDER_ID, external=True))
    assert (shown.order_id, shown.client_order_id) == (VENUE_ORDER_ID, None)


def test_average_in_a_coarse_host_context_is_exact() -> None:
    order = make(Order, size=D(200), filled_size=D(100), filled_value=D("17844.50"))
    with localcontext(prec=3):
        shown = normalized(order)
    assert (shown.average_filled_price, shown.filled_value) == (D("178.445"), D("17844.50"))
    assert shown.remaining_size == D(100)


def test_remaining_size_of_an_overfilled_order_is_zero() -> None:
    shown = normalized(make(Order, size=D(1), filled_size=D("1.5"), filled_value=D(3)))
    assert (shown.size, shown.remaining_size) == (D(1), D(0))


def test_quote_sized_order_has_the_size_that_is_known_of_it() -> None:
    order = make(Order, type=OrderType.MARKET, price=None, size=D(0), quote_size=D(100))
    assert (normalized(order).size, normalized(order).remaining_size) == (D(0), D(0))
    partly = normalized(evolve(order, filled_size=D("0.5"), filled_value=D(40)))
    assert (partly.size, partly.remaining_size, partly.quote_size) == (D("0.5"), D(0), D(100))
    reported = normalized(evolve(order, size=D(2), filled_size=D("0.5"), filled_value=D(40)))
    assert (reported.size, reported.remaining_size) == (D(2), D("1.5"))


def test_flags_not_set_are_absent() -> None:
    plain, flagged = normalized(make(Order)), normalized(make(Order, post_only=True, reduce_only=True))
    assert (plain.post_only, plain.reduce_only) == (None, None)
    assert (flagged.post_only, flagged.reduce_only) == (True, True)


def test_view_shows_what_is_known_and_what_is_not() -> None:
    proof = make(Evidence)
    order = make(
        Order, order_id="leg-0", state=OrderState.CANCELLED, version=7, cancel_pending=True, replace_pending=True,
        needs_review=True, reason="cancelled_by_user", reason_text="Order cancelled.",
        completion=CompletionReason.CANCELLED,
    )  # fmt: skip
    shown = view(order, proof, NOW_MS + 5)
    assert shown.order == normalized(order)
    assert (shown.local_id, shown.account_id, shown.state, shown.version) == ("leg-0", "1", OrderState.CANCELLED, 7)
    assert (shown.cancel_pending, shown.replace_pending, shown.needs_review) == (True, True, True)
    assert (shown.reason, shown.reason_text) == ("cancelled_by_user", "Order cancelled.")
    assert (shown.completion, shown.evidence, shown.as_of_ms) == (CompletionReason.CANCELLED, proof, NOW_MS + 5)
