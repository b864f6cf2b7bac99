"""The pure parts: deriving and looking up a request's identity, one step of an order's life."""

from decimal import Decimal

from actors.domain.idempotency import IdempotencyPolicy, KeyComponents, decide, keys_for
from actors.domain.lifecycle import transition
from messages import (
    CreateDraft,
    DiscardDraft,
    DraftDone,
    IdempotencyEntry,
    IdempotencyStatus,
    Order,
    OrderState,
    OrderType,
    Side,
    SubmitOrder,
    TimeInForce,
    Trigger,
)
from tests.benchmarks.figures import Figure, Figures, each_time
from tests.benchmarks.rig import instant_oms, latencies_s
from tests.factories import make

REPETITIONS = 5
CALLS = 20_000
KNOWN = 100_000
"""Entries in memory."""
NOW_MS = 1_795_255_200_000


def idempotency() -> list[Figure]:
    figures = Figures()
    components, policy = KeyComponents(), IdempotencyPolicy()
    terms = make(SubmitOrder, time_in_force=TimeInForce.GTC)
    keys = keys_for(terms, NOW_MS, components)
    entries = {f"{number:064x}": _entry(f"{number:064x}") for number in range(KNOWN)}
    entries[keys.current] = _entry(keys.current, keys.details, keys.bucketless)

    def look_up() -> object:
        return decide(keys, entries, {}, NOW_MS, allow_duplicate=False, policy=policy, live=lambda _: True)

    for _ in range(REPETITIONS):
        figures.add_latencies("deriving a key", each_time(lambda: keys_for(terms, NOW_MS, components), CALLS))
        figures.add_latencies(f"recognising a duplicate among {KNOWN:,}", each_time(look_up, CALLS))
    return figures.all()


def transitions(drafts: int = 500) -> list[Figure]:
    figures = Figures()
    order = make(Order, state=OrderState.SUBMITTED)

    def step() -> object:
        return transition(order, OrderState.ACKNOWLEDGED, Trigger.API_ACKNOWLEDGED, NOW_MS)

    for _ in range(REPETITIONS):
        figures.add_latencies("one step, the pure function", each_time(step, CALLS))
    with instant_oms(1) as oms:
        for repetition in range(REPETITIONS):
            kept = [oms.ask(_draft(f"{repetition}-{number}")) for number in range(drafts)]
            names = [done.view.local_id for done in kept if isinstance(done, DraftDone)]
            commands = [DiscardDraft(account_id="0", order_id=name) for name in names]
            taken = latencies_s(oms, commands, in_flight=1)
            figures.add_latencies("one step, command to durable and answered, one at a time", taken)
    return figures.all()


def _draft(name: str) -> CreateDraft:
    return CreateDraft(
        account_id="0", exchange="binance", symbol="BTC-USDT", side=Side.BUY, type=OrderType.LIMIT,
        size=Decimal("0.01"), price=Decimal(42500), request_id=name,
    )  # fmt: skip


def _entry(key: str, details: tuple[tuple[str, str], ...] = (), bucketless: str = "") -> IdempotencyEntry:
    return IdempotencyEntry(
        key=key, order_id=key, details=details, bucketless_key=bucketless, created_ms=NOW_MS,
        expires_ms=NOW_MS + 86_400_000, last_accessed_ms=NOW_MS, status=IdempotencyStatus.COMPLETED,
    )  # fmt: skip
