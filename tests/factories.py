"""Builds any message or record with valid defaults: `make(SubmitOrder, price=Decimal(1))`.

A required field gets the value that stands for its name below, so that two messages built side by side are about the
same account, order and symbol. Fields with a default keep it, unless `ALSO` makes the whole valid.
"""

from dataclasses import MISSING, fields
from decimal import Decimal
from typing import Any, TypeVar

from messages import (
    AnswerSource,
    Attempt,
    CancelConfirmed,
    ClosePosition,
    Difference,
    DifferenceKind,
    Evidence,
    EvidenceSource,
    ExchangeOrders,
    Fill,
    FillReceived,
    FillSource,
    FillsSnapshot,
    FillView,
    HoldingCompared,
    IdempotencyEntry,
    IdempotencyStatus,
    InitiatedBy,
    Instrument,
    KillSwitch,
    ModificationKind,
    NormalizedOrder,
    Order,
    OrderState,
    OrderTerms,
    OrderType,
    OrderView,
    ParkedFill,
    PlaceAccepted,
    PlaceOrder,
    Position,
    PositionClose,
    PositionView,
    PublicStatus,
    RefusalCode,
    Refused,
    ReplaceAnswered,
    ReservedFunds,
    ResolveReview,
    Severity,
    Side,
    Snapshot,
    SymbolExposure,
    TimeInForce,
    Trigger,
    VenueFill,
    VenueOrder,
    VenueReportBase,
    Verdict,
    VerificationPhase,
)

T = TypeVar("T")

NOW_MS = 1_795_255_200_000
ACCOUNT = "1"
EXCHANGE = "binance"
SYMBOL = "BTC-USDT"
CLIENT_ORDER_ID = "0badc0de" + "0123456789abcdef01234567"
VENUE_ORDER_ID = "28"

# What a required field gets when the caller says nothing, by its name. Callables build a fresh nested value.
BY_NAME: dict[str, object] = {
    "account_id": ACCOUNT,
    "address": f"account/{ACCOUNT}",
    "asked": None,
    "asked_venue_ms": NOW_MS,
    "as_of_ms": NOW_MS,
    "asset": "BTC",
    "at_ms": NOW_MS,
    "attempt": 1,
    "available": True,
    "average_entry_price": Decimal("42500.00"),
    "balances": (("USDT", Decimal("1000.00"), Decimal("575.00")),),
    "base": "BTC",
    "body_sha256": "ab" * 32,
    "bucketless_key": "cd" * 32,
    "budget_ms": 500,
    "client_order_id": CLIENT_ORDER_ID,
    "close": lambda: make(PositionClose),
    "close_id": "close-1",
    "code": "-2010",
    "command": lambda: make(ClosePosition),
    "command_id": "host-1",
    "connected": True,
    "connection": 1,
    "created_at": NOW_MS,
    "created_at_ms": NOW_MS,
    "created_ms": NOW_MS,
    "cumulative": Decimal("0.01000000"),
    "details": (("side", "BUY"), ("symbol", SYMBOL)),
    "deviation_percent": Decimal("-0.125"),
    "drift": Decimal("-0.00500000"),
    "due_in_ms": 0,
    "due_ms": NOW_MS,
    "endpoint": "POST /api/v3/order",
    "epoch": 1,
    "error": "RuntimeError: broken",
    "error_ms": 20,
    "evidence": lambda: make(Evidence),
    "exchange": EXCHANGE,
    "expected": 7,
    "expires_ms": NOW_MS + 3_600_000,
    "fence_venue_ms": NOW_MS + 15_000,
    "fill": lambda: make(Fill),
    "fill_id": "56",
    "fills": lambda: (make(VenueFill),),
    "fills_booked": 3,
    "filled_size": Decimal(0),
    "from_state": OrderState.SUBMITTED,
    "from_venue_ms": NOW_MS - 60_000,
    "handling": "SubmitOrder",
    "initiated_by": InitiatedBy.USER,
    "instruments": lambda: (make(Instrument),),
    "into": CLIENT_ORDER_ID,
    "key": "ef" * 32,
    "last_accessed_ms": NOW_MS,
    "local_id": CLIENT_ORDER_ID,
    "moved": Decimal("0.00999000"),
    "name": "TerminalCorrection",
    "number": 1,
    "offset_ms": -12,
    "open": True,
    "operator": "ann",
    "order": lambda: make(VenueOrder),
    "order_id": CLIENT_ORDER_ID,
    "order_types": frozenset({OrderType.LIMIT, OrderType.MARKET}),
    "orders": lambda: (make(VenueOrder),),
    "outcome": "found",
    "parked_ms": NOW_MS,
    "phase": VerificationPhase.DIRECT_LOOKUP,
    "position": lambda: make(Position),
    "positions": lambda: (make(PositionView),),
    "price": Decimal("42500.00"),
    "quote": "USDT",
    "realised_pnl": Decimal(0),
    "reason": "timeout",
    "received": 9,
    "received_ms": NOW_MS + 40,
    "recorded_ms": NOW_MS,
    "remaining": Decimal(0),
    "remaining_size": Decimal("0.01000000"),
    "reply_to": "supervisor/root",
    "request": "FetchOpenOrders",
    "seq": 1,
    "sequence": 1,
    "severity": Severity.WARNING,
    "side": Side.BUY,
    "size": Decimal("0.01000000"),
    "source": FillSource.STREAM,
    "sources": ("openOrders", "allOrders", "myTrades"),
    "started_ms": NOW_MS,
    "state": OrderState.SUBMITTED,
    "state_since_ms": NOW_MS,
    "status": PublicStatus.OPEN,
    "symbol": SYMBOL,
    "text": "Account has insufficient balance for requested action.",
    "time_in_force": TimeInForce.GTC,
    "time_in_state_ms": ((OrderState.SUBMITTED, 40),),
    "to_state": OrderState.ACKNOWLEDGED,
    "to_venue_ms": NOW_MS + 60_000,
    "total": Decimal("0.51000000"),
    "trading": True,
    "transitions": (),
    "trigger": Trigger.API_ACKNOWLEDGED,
    "type": OrderType.LIMIT,
    "unexplained": Decimal("0.50001000"),
    "updated_at_ms": NOW_MS,
    "valid_until_venue_ms": NOW_MS + 5_000,
    "venue_order_id": VENUE_ORDER_ID,
    "venue_status": "NEW",
    "venue_symbol": "BTCUSDT",
    "venue_time_ms": NOW_MS + 20,
    "verdict": Verdict.OK,
    "verdicts": (Verdict.OK,),
    "version": 1,
    "view": lambda: make(OrderView),
    "views": lambda: (make(OrderView),),
    "weighted_average_price": Decimal("42500.00"),
    "waits": True,
    "action": "reject",
    "actual": "12",
    "age_ms": 40,
    "amount": Decimal("425.00"),
    "asked_ms": NOW_MS,
    "cleared": True,
    "compared": ((EXCHANGE, "orders", 3),),
    "currency": "USDT",
    "differences": lambda: (make(Difference),),
    "ended": lambda: (make(OrderView),),
    "exchanges": lambda: (make(ExchangeOrders),),
    "gap": False,
    "kept_order_id": True,
    "kept_priority": True,
    "kill_switch": lambda: make(KillSwitch),
    "kind": ModificationKind.AMEND,
    "limit": "10",
    "live_orders": 2,
    "modify_id": "host-2",
    "native": True,
    "on": True,
    "order_ids": (CLIENT_ORDER_ID,),
    "ours": "0.01",
    "place": lambda: make(PlaceOrder),
    "cancel": lambda: make(CancelConfirmed),
    "reserved": lambda: (make(ReservedFunds),),
    "rule": "maxOrderNotional",
    "since_ms": NOW_MS,
    "stale": False,
    "subject": SYMBOL,
    "symbols": lambda: (make(SymbolExposure),),
    "venues": "0.02",
    "within_ms": 120_000,
}

# Where a name means something else in one class, or an optional field is needed to make the whole valid.
ALSO: dict[type, dict[str, object]] = {
    OrderTerms: {"size": Decimal("0.01000000"), "price": Decimal("42500.00")},
    ResolveReview: {"attach_venue_order_id": VENUE_ORDER_ID},
    Order: {
        "price": Decimal("42500.00"),
        "submitted_at_ms": NOW_MS,
        "version": 2,
        "attempts": lambda: (make(Attempt),),
    },
    NormalizedOrder: {"order_id": VENUE_ORDER_ID, "client_order_id": CLIENT_ORDER_ID, "price": Decimal("42500.00")},
    OrderView: {"order": lambda: make(NormalizedOrder)},
    VenueOrder: {"client_order_id": CLIENT_ORDER_ID, "price": Decimal("42500.00")},
    Evidence: {"source": EvidenceSource.PLACE_ANSWER, "sent_ms": NOW_MS},
    IdempotencyEntry: {"status": IdempotencyStatus.PENDING},
    Refused: {"code": RefusalCode.GATE_CLOSED, "text": "not reconciled yet"},
    FillReceived: {"fill": lambda: make(VenueFill)},
    FillsSnapshot: {"fills": lambda: (make(FillView),)},
    HoldingCompared: {"expected": Decimal("0.51500000")},
    ParkedFill: {"fill": lambda: make(VenueFill)},
    VenueReportBase: {"order_id": CLIENT_ORDER_ID},
    Snapshot: {"source": AnswerSource.STREAM},
    ExchangeOrders: {"source": AnswerSource.VENUE, "orders": lambda: (make(OrderView),)},
    Difference: {"kind": DifferenceKind.ORDER_DIFFERS},
    ReplaceAnswered: {"place": lambda: make(PlaceAccepted)},
}


def make(cls: type[T], **overrides: object) -> T:
    """Build one with valid defaults. A required field that is not in the tables above is a `LookupError`."""
    values: dict[str, Any] = {}
    for field in fields(cls):  # type: ignore[arg-type]
        if field.name in overrides:
            continue
        extra = _also(cls, field.name)
        if extra is not MISSING:
            values[field.name] = _built(extra)
        elif field.default is MISSING and field.default_factory is MISSING:
            values[field.name] = _built(_required(cls, field.name))
    return cls(**values, **overrides)


def _also(cls: type, name: str) -> object:
    for base in cls.__mro__:
        if name in ALSO.get(base, {}):
            return ALSO[base][name]
    return MISSING


def _required(cls: type, name: str) -> object:
    if name not in BY_NAME:
        raise LookupError(f"no default for {cls.__name__}.{name}: add it to tests/factories.py")
    return BY_NAME[name]


def _built(value: object) -> object:
    return value() if callable(value) else value
