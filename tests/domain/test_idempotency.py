"""Identity of requests: golden keys, keys never shared, and every branch of the decision."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, localcontext
from uuid import UUID

import pytest
from factories import NOW_MS, make
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.idempotency import (
    Collision,
    Conflict,
    Decision,
    Duplicate,
    Fresh,
    IdempotencyPolicy,
    KeyComponents,
    Keys,
    Retry,
    RetryRefused,
    client_order_id,
    decide,
    deployment_tag,
    expired,
    first_free_generation,
    is_ours,
    keys_for,
)
from actors.errors import InvariantViolated
from messages import IdempotencyEntry, IdempotencyStatus, OrderTerms, OrderType, Side, SubmitOrder, TimeInForce

D = Decimal
PLAIN = KeyComponents()
MINUTE = 60_000
TAG = "0badc0de"


def terms(**changes: object) -> OrderTerms:
    return make(SubmitOrder, **{"time_in_force": TimeInForce.GTC, **changes})


MARKET = {
    "type": OrderType.MARKET, "side": Side.SELL, "time_in_force": TimeInForce.IOC,
    "size": None, "quote_size": D(100), "price": None,
}  # fmt: skip
STOP_LIMIT = {
    "type": OrderType.STOP_LIMIT, "side": Side.SELL, "size": D("0.123456789"),
    "price": D("0.00000001"), "stop_price": D("42.5"),
}  # fmt: skip

# ----- keys


@pytest.mark.parametrize(
    ("order", "key"),
    [
        # 1|binance|BTC-USDT|BUY|0.01000000|29920920|LIMIT|GTC|42500.00000000
        ({}, "87c68a020e293a058f9c9b12e826efbec8b596be68c93cd0ff90e89b8c8c6af9"),
        # 1|binance|BTC-USDT|SELL|q100.00000000|29920920|MARKET|IOC
        (MARKET, "0448add2ff0256d3ba141a54d710a3138153e778920175dd36e2f975788b55f6"),
        # 1|binance|BTC-USDT|SELL|0.123456789|29920920|STOP_LIMIT|GTC|0.00000001|42.50000000
        (STOP_LIMIT, "13a2e553ad1cecf68121a67edaefcfcbca28892f0891a646c43740c19f2e2901"),
        # 1|request|abc-1
        ({"request_id": "abc-1"}, "4968da1be6b13caa965bec3546282e13d130a1c1b5ce916fa1d1bbf0dc5341fe"),
        # a\|b|request|x\\\|y
        (
            {"account_id": "a|b", "request_id": "x\\|y"},
            "52c0ec6de632c3b0f5b7d9fe86eba304dd7e6ffa608a7e11085f4e3bf680fcab",
        ),
    ],
    ids=["limit", "market by quote", "stop limit", "request id", "escaped"],
)
def test_key_of_known_terms_is_the_golden_one(order: dict[str, object], key: str) -> None:
    assert keys_for(terms(**order), NOW_MS, PLAIN).current == key


def test_keys_of_neighbouring_and_no_bucket_are_the_golden_ones() -> None:
    keys = keys_for(terms(), NOW_MS, PLAIN)
    assert keys.previous == "1406941799e2922f9437d25a3ffb48d6debae3bfd8635bb25e37903ff21e2d44"
    assert keys.bucketless == "22bcf4f381b9fdae57ebd336148bb04e892247d694e60e6f72e2617ccbc696c4"
    assert keys_for(terms(), NOW_MS - 1, PLAIN).current == keys.previous
    assert keys_for(terms(), NOW_MS + MINUTE - 1, PLAIN).current == keys.current


def test_key_with_a_request_id_depends_on_nothing_else() -> None:
    one = keys_for(terms(request_id="abc-1"), NOW_MS, PLAIN)
    other = keys_for(terms(request_id="abc-1", exchange="kraken", **STOP_LIMIT), NOW_MS + 10**9, PLAIN)
    assert (one.current, one.previous) == (other.current, None)
    assert one.bucketless != other.bucketless


@pytest.mark.parametrize(
    ("one", "other"),
    [("1.5", "1.500"), ("1000", "1E+3"), ("0.0000000010", "1E-9"), ("0.123456789", "0.12345678900")],
)
def test_equal_numbers_written_differently_have_one_key(one: str, other: str) -> None:
    with localcontext(prec=2):
        keys = [keys_for(terms(size=D(number)), NOW_MS, PLAIN) for number in (one, other)]
    assert keys[0] == keys[1]


def test_numbers_that_differ_beyond_eight_decimals_have_two_keys() -> None:
    keys = [keys_for(terms(size=D(number)), NOW_MS, PLAIN).current for number in ("0.123456781", "0.123456782")]
    assert keys[0] != keys[1]


def test_symbol_in_lower_case_has_the_same_key() -> None:
    assert keys_for(terms(symbol="btc-usdt"), NOW_MS, PLAIN) == keys_for(terms(), NOW_MS, PLAIN)


numbers = st.sampled_from([D(1), D("1.0"), D("0.1"), D("1.00000000"), D("1.000000001"), D(11), D("0.11")])
words = st.sampled_from(["a", "a|b", "b", "a\\", "\\|b", "request", "a|request", "1"])


@st.composite
def any_terms(draw: st.DrawFn) -> OrderTerms:
    kind = draw(st.sampled_from(list(OrderType)))
    by_quote = kind is OrderType.MARKET and draw(st.booleans())
    return terms(
        account_id=draw(words),
        exchange=draw(words),
        symbol=draw(words).upper(),
        side=draw(st.sampled_from(list(Side))),
        type=kind,
        size=None if by_quote else draw(numbers),
        quote_size=draw(numbers) if by_quote else None,
        price=draw(numbers) if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) else None,
        stop_price=draw(numbers) if kind in (OrderType.STOP_LIMIT, OrderType.STOP_MARKET) else None,
        time_in_force=draw(st.sampled_from(list(TimeInForce))),
        request_id=draw(st.none() | words),
    )


def identity(order: OrderTerms, bucket: int) -> tuple[object, ...]:
    if order.request_id is not None:
        return order.account_id, order.request_id
    return (
        order.account_id, order.exchange, order.symbol, order.side, order.type, order.size, order.quote_size,
        order.price, order.stop_price, order.time_in_force, bucket,
    )  # fmt: skip


@given(st.lists(st.tuples(any_terms(), st.integers(0, 2)), min_size=2, max_size=40))
def test_keys_are_shared_exactly_by_equal_identities(requests: list[tuple[OrderTerms, int]]) -> None:
    by_key: dict[str, tuple[object, ...]] = {}
    by_identity: dict[tuple[object, ...], str] = {}
    for order, bucket in requests:
        key = keys_for(order, bucket * MINUTE, PLAIN).current
        assert by_key.setdefault(key, identity(order, bucket)) == identity(order, bucket)
        assert by_identity.setdefault(identity(order, bucket), key) == key


@pytest.mark.parametrize(
    ("components", "change"),
    [
        (KeyComponents(include_order_type=False), {"type": OrderType.STOP_LIMIT}),
        (KeyComponents(include_prices=False), {"price": D(7)}),
        (KeyComponents(include_time_in_force=False), {"time_in_force": TimeInForce.FOK}),
    ],
    ids=["type", "prices", "time in force"],
)
def test_component_switched_off_tells_nothing_apart(components: KeyComponents, change: dict[str, object]) -> None:
    without = [keys_for(order, NOW_MS, components) for order in (terms(), terms(**change))]
    within = [keys_for(order, NOW_MS, PLAIN).current for order in (terms(), terms(**change))]
    assert without[0] == without[1]
    assert within[0] != within[1]


def test_prices_without_the_type_tell_a_limit_from_a_stop() -> None:
    components = KeyComponents(include_order_type=False)
    stop = terms(type=OrderType.STOP_MARKET, price=None, stop_price=D("42500.00"))
    assert keys_for(terms(), NOW_MS, components).current != keys_for(stop, NOW_MS, components).current


def test_bucket_has_the_configured_length() -> None:
    components = KeyComponents(resolution_ms=1000)
    keys = keys_for(terms(), NOW_MS, components)
    assert keys_for(terms(), NOW_MS + 999, components).current == keys.current
    assert keys_for(terms(), NOW_MS + 1000, components).previous == keys.current


@pytest.mark.parametrize("open_part", [{"time_in_force": None}, {"size": None}])
def test_key_of_terms_not_checked_is_a_bug(open_part: dict[str, object]) -> None:
    with pytest.raises(InvariantViolated):
        keys_for(terms(**open_part), NOW_MS, PLAIN)


# ----- client order ids


def test_client_order_id_is_the_golden_one() -> None:
    key = keys_for(terms(), NOW_MS, PLAIN).current
    assert deployment_tag("my-desk") == "7bdc1d74"
    assert client_order_id("7bdc1d74", key, 0, 0) == "7bdc1d74" + "c2f1a4a8b4cbe9ab7db9e18e"
    assert client_order_id("7bdc1d74", key, 1, 2) == "7bdc1d74" + "0dd34a3adb082886ea6796ae"


def test_client_order_ids_of_generations_and_legs_differ() -> None:
    ids = {client_order_id(TAG, "k", generation, leg) for generation in range(12) for leg in range(12)}
    assert len(ids) == 144
    assert all(len(each) == 32 for each in ids)


@pytest.mark.parametrize(
    ("shown", "ours"),
    [
        (client_order_id(TAG, "k", 0, 0), True),
        (client_order_id(TAG, "k", 0, 0).upper(), True),
        (str(UUID(hex=client_order_id(TAG, "k", 0, 0))), True),
        (client_order_id("0badc0df", "k", 0, 0), False),
        (client_order_id(TAG, "k", 0, 0)[:-1], False),
        (client_order_id(TAG, "k", 0, 0) + "0", False),
        (client_order_id(TAG, "k", 0, 0)[:-1] + "g", False),
        ("0badc0de-0123456789abcdef01234567", False),
        (TAG, False),
        ("", False),
        (None, False),
    ],
)
def test_client_order_id_is_ours_only_with_tag_and_form(shown: str | None, ours: bool) -> None:  # noqa: FBT001
    assert is_ours(shown, TAG) is ours


def test_first_free_generation_skips_ids_that_orders_have() -> None:
    taken = {client_order_id(TAG, "k", generation, 0) for generation in (0, 1, 3)}
    assert first_free_generation(TAG, "k", 0, taken.__contains__) == 2
    assert first_free_generation(TAG, "k", 3, taken.__contains__) == 4
    assert first_free_generation(TAG, "other", 0, taken.__contains__) == 0


# ----- decisions

KEYS = keys_for(terms(), NOW_MS, PLAIN)
BY_REQUEST = keys_for(terms(request_id="abc-1"), NOW_MS, PLAIN)
LIVING = [IdempotencyStatus.PENDING, IdempotencyStatus.SUBMITTED, IdempotencyStatus.COMPLETED]
FAILED = IdempotencyStatus.FAILED


def entry(keys: Keys = KEYS, **changes: object) -> IdempotencyEntry:
    wanted = {
        "key": keys.current, "bucketless_key": keys.bucketless, "details": keys.details, "order_id": "first",
        "request_id": keys.request_id, "created_ms": NOW_MS, "status": IdempotencyStatus.SUBMITTED,
    }  # fmt: skip
    return make(IdempotencyEntry, **{**wanted, **changes})


def verdict(
    *entries: IdempotencyEntry,
    keys: Keys = KEYS,
    unresolved: IdempotencyEntry | None = None,
    now_ms: int = NOW_MS,
    allow_duplicate: bool = False,
    live: Callable[[str], bool] = lambda _: False,
    **policy: bool,
) -> Decision:
    return decide(
        keys,
        {each.key: each for each in entries},
        {} if unresolved is None else {unresolved.bucketless_key: (unresolved,)},
        now_ms,
        allow_duplicate=allow_duplicate,
        policy=IdempotencyPolicy(**policy),
        live=live,
    )


def test_request_never_seen_is_fresh() -> None:
    assert verdict() == Fresh(0)


@pytest.mark.parametrize("status", LIVING)
@pytest.mark.parametrize("keys", [KEYS, BY_REQUEST], ids=["characteristics", "request id"])
def test_request_seen_is_a_duplicate(status: IdempotencyStatus, keys: Keys) -> None:
    first = entry(keys, status=status)
    assert verdict(first, keys=keys) == Duplicate(first)


def test_request_repeated_across_a_bucket_edge_is_a_duplicate_while_young() -> None:
    sent = NOW_MS - 100
    first = entry(keys_for(terms(), sent, PLAIN), created_ms=sent)
    assert first.key == KEYS.previous
    assert verdict(first, now_ms=NOW_MS + 100) == Duplicate(first)
    assert verdict(first, now_ms=sent + MINUTE - 1) == Duplicate(first)
    assert verdict(first, now_ms=sent + MINUTE) == Fresh(0)


def test_request_repeated_two_buckets_later_is_fresh() -> None:
    first = entry(created_ms=NOW_MS)
    later = NOW_MS + 2 * MINUTE
    assert verdict(first, keys=keys_for(terms(), later, PLAIN), now_ms=later) == Fresh(0)


def test_request_whose_twin_is_unresolved_is_a_duplicate_whatever_the_minute() -> None:
    later = NOW_MS + 30 * MINUTE
    first = entry(expires_ms=NOW_MS + 1)
    keys = keys_for(terms(), later, PLAIN)
    unknown = verdict(keys=keys, unresolved=first, now_ms=later, live=lambda order_id: order_id == "first")
    assert unknown == Duplicate(first)


def test_request_id_of_its_own_is_not_held_up_by_an_unresolved_twin() -> None:
    assert verdict(keys=BY_REQUEST, unresolved=entry()) == Fresh(0)


def test_unresolved_twin_outranks_a_proven_failure() -> None:
    failed, twin = entry(status=FAILED, generation=1), entry(order_id="unknown")
    assert verdict(failed, unresolved=twin) == Duplicate(twin)


def test_retry_after_a_proven_failure_is_the_next_generation() -> None:
    failed = entry(status=FAILED, generation=4)
    assert verdict(failed) == Retry(failed, 5)
    assert verdict(failed, allow_retry_after_failure=False) == RetryRefused(failed)


def test_retry_of_a_failure_in_the_previous_bucket_starts_the_current_key() -> None:
    failed = entry(keys_for(terms(), NOW_MS - 1, PLAIN), status=FAILED, generation=4, created_ms=NOW_MS - 1)
    assert verdict(failed) == Retry(failed, 0)


def test_young_order_in_the_previous_bucket_outranks_a_failure_in_this_one() -> None:
    placed = entry(keys_for(terms(), NOW_MS - 1, PLAIN), created_ms=NOW_MS - 1, order_id="placed")
    assert verdict(entry(status=FAILED), placed) == Duplicate(placed)


def test_failed_order_found_working_is_a_duplicate() -> None:
    reopened = entry(status=FAILED)
    assert verdict(reopened, live=lambda order_id: order_id == "first") == Duplicate(reopened)


def test_duplicate_allowed_by_the_caller_is_the_next_generation() -> None:
    assert verdict(entry(generation=2), allow_duplicate=True) == Fresh(3)
    first = entry(BY_REQUEST)
    assert verdict(first, keys=BY_REQUEST, allow_duplicate=True) == Duplicate(first)
    assert verdict(unresolved=entry(), allow_duplicate=True) == Fresh(0)


def test_request_id_with_other_contents_is_a_conflict_naming_the_fields() -> None:
    first = entry(BY_REQUEST)
    changed = terms(request_id="abc-1", side=Side.SELL, price=D(7), post_only=True)
    keys = keys_for(changed, NOW_MS, PLAIN)
    conflict = Conflict(first, ("side", "price", "post_only"))
    assert verdict(first, keys=keys) == conflict
    assert verdict(replace(first, status=FAILED), keys=keys) == Conflict(replace(first, status=FAILED), conflict.fields)
    assert verdict(first, keys=keys, allow_duplicate=True) == conflict


@pytest.mark.parametrize(
    "components",
    [KeyComponents(include_prices=False), KeyComponents(include_order_type=False, include_time_in_force=False)],
)
def test_request_id_with_other_contents_is_a_conflict_whatever_components_are_off(components: KeyComponents) -> None:
    first = entry(keys_for(terms(request_id="abc-1"), NOW_MS, components))
    changed = terms(request_id="abc-1", price=D(7), type=OrderType.STOP_LIMIT, stop_price=D(8))
    found = verdict(first, keys=keys_for(changed, NOW_MS, components))
    assert found == Conflict(first, ("type", "price", "stop_price"))


def test_two_different_requests_with_one_key_are_a_collision() -> None:
    other = entry(details=keys_for(terms(size=D(9)), NOW_MS, PLAIN).details)
    assert verdict(other) == Collision(other)
    assert verdict(other, allow_duplicate=True) == Collision(other)


def test_equal_orders_that_differ_in_a_flag_are_a_conflict_unless_allowed() -> None:
    first = entry()
    keys = keys_for(terms(post_only=True), NOW_MS, PLAIN)
    assert keys.current == KEYS.current
    assert verdict(first, keys=keys) == Conflict(first, ("post_only",))
    assert verdict(first, keys=keys, allow_duplicate=True) == Fresh(1)


def test_order_refused_for_a_flag_and_sent_again_without_it_is_fresh() -> None:
    refused = entry(keys_for(terms(post_only=True), NOW_MS, PLAIN), status=FAILED)
    assert verdict(refused) == Fresh(1)
    assert verdict(refused, allow_retry_after_failure=False) == Fresh(1)
    assert verdict(refused, live=lambda _: True) == Conflict(refused, ("post_only",))


def test_entry_past_its_time_is_fresh_again_or_refused() -> None:
    old = entry(BY_REQUEST, expires_ms=NOW_MS, generation=2)
    assert verdict(old, keys=BY_REQUEST, now_ms=NOW_MS - 1) == Duplicate(old)
    assert verdict(old, keys=BY_REQUEST) == Fresh(3, after_expiry=True)
    assert verdict(old, keys=BY_REQUEST, allow_retry_after_expiry=False) == RetryRefused(old)


def test_entry_past_its_time_conflicts_with_nothing() -> None:
    old = entry(BY_REQUEST, expires_ms=NOW_MS)
    keys = keys_for(terms(request_id="abc-1", price=D(7)), NOW_MS, PLAIN)
    assert verdict(old, keys=keys) == Fresh(1, after_expiry=True)


@pytest.mark.parametrize("status", LIVING)
def test_entry_past_its_time_holds_while_its_order_lives(status: IdempotencyStatus) -> None:
    old = entry(BY_REQUEST, expires_ms=NOW_MS - 1, status=status)
    assert verdict(old, keys=BY_REQUEST, live=lambda order_id: order_id == "first") == Duplicate(old)


def test_sweep_takes_only_what_is_over_and_ended() -> None:
    entries = {
        "over": entry(order_id="a", expires_ms=NOW_MS),
        "young": entry(order_id="b", expires_ms=NOW_MS + 1),
        "living": entry(order_id="c", expires_ms=0),
        "long over": entry(order_id="d", expires_ms=0),
    }
    assert expired(entries, NOW_MS, lambda order_id: order_id == "c") == ["over", "long over"]
