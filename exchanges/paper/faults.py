"""The fault plan of a paper venue: which requests, answers and stream frames go wrong, and how.

Pure: it draws, others act. A plan is seeded; each kind of request has its own sequence of draws, so what happens to
placements does not depend on how many queries came between. Plans are replaced, and rules added, while the venue runs.
"""

from collections.abc import Iterable, Mapping, MutableSequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any


class RequestKind(StrEnum):
    """What a fault can hit."""

    CONNECTION = "connection"
    """A connection that is about to send a request; what it will ask is not known yet."""
    PLACE = "place"
    CANCEL = "cancel"
    CANCEL_ALL = "cancel_all"
    AMEND = "amend"
    REPLACE = "replace"
    ORDER = "order"
    """Look-up of one order."""
    OPEN_ORDERS = "open_orders"
    ORDERS = "orders"
    """Order history."""
    TRADES = "trades"
    BALANCES = "balances"
    INSTRUMENTS = "instruments"
    PRICE = "price"
    TIME = "time"
    OTHER = "other"
    FRAME = "frame"
    """One event on its way to one stream."""


class Fault(StrEnum):
    """Everything that can be made to go wrong. `amount_ms` of the rule is the time that a fault speaks of."""

    REFUSE = "refuse"
    """Close the connection before the request is read. A refusal of the connection itself is `OUTAGE`."""
    OUTAGE = "outage"
    """Before the request is processed, close the listener and all connections for `amount_ms`."""
    RESTART = "restart"
    """After the request is processed but before it is answered, restart: connections and subscriptions are lost, the
    listener is away for `amount_ms`, the books stay."""
    HANG = "hang"
    """Read the request, do nothing, say nothing; close after `amount_ms`."""
    BREAK_BEFORE = "break_before"
    """Read the request, then break the connection without processing it."""
    BREAK_AFTER = "break_after"
    """Process the request, then break the connection without an answer."""
    BREAK_MID_BODY = "break_mid_body"
    """Process the request, then break the connection in the middle of the answer's body."""
    ERROR_BEFORE = "error_before"
    """Answer 503 without having processed the request."""
    ERROR_AFTER = "error_after"
    """Process the request, then answer 503."""
    UNKNOWN_OUTCOME = "unknown_outcome"
    """Process the request, then answer with the venue's own 'status unknown' error."""
    MALFORMED_BODY = "malformed_body"
    """Process the request, then answer 200 with a body that cannot be read."""
    ANSWER_LATE = "answer_late"
    """Process the request at once, answer after `amount_ms`."""
    PROCESS_LATE = "process_late"
    """Hold the request for `amount_ms`, then process it if it is still valid, whether or not the client waits."""
    RATE_LIMIT = "rate_limit"
    """Do not process; answer 429 with `Retry-After` of `amount_ms`, rounded up to seconds."""
    BAN = "ban"
    """Do not process; answer 418, and so every request for the next `amount_ms`."""
    WRONG_CLOCK = "wrong_clock"
    """Judge and answer this request with a clock that is `amount_ms` ahead."""
    DELIVER_TWICE = "deliver_twice"
    """Process a placement, amendment or replacement twice and answer what the second delivery got. Applied only to
    orders that rest after the first delivery: delivered twice, an order that filled at once would be a true second
    order at a real venue that takes the id again, and no client could prevent it. For the same reason it is not applied
    to placements where the venue's `ClientIdPolicy` is ANY: every second delivery makes a second order there, and
    nobody could tell it from a fault of the client's."""
    DELAYED_VISIBILITY = "delayed_visibility"
    """The order placed is not shown by any query until `amount_ms` after it was accepted."""
    STALE_OPEN_ORDERS = "stale_open_orders"
    """The list of open orders is as it was `amount_ms` ago."""
    STALE_TRADES = "stale_trades"
    """The list of trades is as it was `amount_ms` ago, while the order itself already shows what has executed."""
    UNKNOWN_STATUS = "unknown_status"
    """The answer names an order status that no documentation knows."""
    FILL_DURING_CANCEL = "fill_during_cancel"
    """The order fills completely just before its cancel, amendment or replacement is processed."""
    PARTIAL_FILL_DURING_CANCEL = "partial_fill_during_cancel"
    """Half of what remains fills just before that is processed."""
    NEW_HALF_FAILS = "new_half_fails"
    """The cancel of a cancel-replace is carried out, and its new order refused because the market has closed."""
    FILL_BEFORE_ACK = "fill_before_ack"
    """A resting order fills, and the stream says so, `amount_ms` before the placement is answered; the answer tells of
    the time before the fill."""
    VENUE_CANCEL = "venue_cancel"
    """The venue cancels the order `amount_ms` after it was placed."""
    VENUE_EXPIRE = "venue_expire"
    """The venue expires the order `amount_ms` after it was placed."""
    VENUE_REJECT = "venue_reject"
    """The venue rejects the order `amount_ms` after it was placed."""
    FRAME_DROP = "frame_drop"
    """The frame is never sent; the stream goes on."""
    FRAME_DUPLICATE = "frame_duplicate"
    """The frame is sent twice."""
    FRAME_DELAY = "frame_delay"
    """The frame, and with it everything behind it, is sent `amount_ms` later."""
    FRAME_REORDER = "frame_reorder"
    """The frame is sent after the one behind it, or after `amount_ms` when none comes."""
    FRAME_SHUFFLE = "frame_shuffle"
    """The frame is held. All that one stream holds is sent in a random order, `amount_ms` after the first of it; a
    duplicate is a frame of its own. Frames that are not held overtake."""
    STREAM_CLOSE = "stream_close"
    """The stream's connection breaks before the frame is sent."""
    STREAM_SILENT = "stream_silent"
    """The stream stays connected, answers pings, and loses this frame and all others for `amount_ms`."""
    TOKEN_EXPIRED = "token_expired"
    """Hitting a frame: the venue ends the subscription before it is sent; the connection stays. Hitting a request: all
    tokens that the venue has issued are expired when it is judged; a venue without tokens does not notice."""


TRANSPORT = (
    Fault.OUTAGE,
    Fault.BAN,
    Fault.RATE_LIMIT,
    Fault.HANG,
    Fault.BREAK_BEFORE,
    Fault.ERROR_BEFORE,
    Fault.PROCESS_LATE,
    Fault.RESTART,
    Fault.BREAK_AFTER,
    Fault.BREAK_MID_BODY,
    Fault.ERROR_AFTER,
    Fault.UNKNOWN_OUTCOME,
    Fault.MALFORMED_BODY,
    Fault.ANSWER_LATE,
)
"""What can become of a request as a whole. When several are drawn, only the first in this order happens."""

_PLACEMENTS = frozenset({RequestKind.PLACE, RequestKind.REPLACE})
_ENDING = frozenset({RequestKind.CANCEL, RequestKind.AMEND, RequestKind.REPLACE})
_REQUESTS = frozenset(RequestKind) - {RequestKind.CONNECTION, RequestKind.FRAME}
_FRAMES = frozenset({RequestKind.FRAME})
_HITS: dict[Fault, frozenset[RequestKind]] = {
    Fault.REFUSE: frozenset({RequestKind.CONNECTION}),
    Fault.WRONG_CLOCK: _REQUESTS,
    Fault.DELIVER_TWICE: _PLACEMENTS | {RequestKind.AMEND},
    Fault.DELAYED_VISIBILITY: _PLACEMENTS,
    Fault.STALE_OPEN_ORDERS: frozenset({RequestKind.OPEN_ORDERS}),
    Fault.STALE_TRADES: frozenset({RequestKind.TRADES}),
    Fault.UNKNOWN_STATUS: _REQUESTS,
    Fault.FILL_DURING_CANCEL: _ENDING,
    Fault.PARTIAL_FILL_DURING_CANCEL: _ENDING,
    Fault.NEW_HALF_FAILS: frozenset({RequestKind.REPLACE}),
    Fault.FILL_BEFORE_ACK: _PLACEMENTS,
    Fault.VENUE_CANCEL: _PLACEMENTS,
    Fault.VENUE_EXPIRE: _PLACEMENTS,
    Fault.VENUE_REJECT: _PLACEMENTS,
    Fault.FRAME_DROP: _FRAMES,
    Fault.FRAME_DUPLICATE: _FRAMES,
    Fault.FRAME_DELAY: _FRAMES,
    Fault.FRAME_REORDER: _FRAMES,
    Fault.FRAME_SHUFFLE: _FRAMES,
    Fault.STREAM_CLOSE: _FRAMES,
    Fault.STREAM_SILENT: _FRAMES,
    Fault.TOKEN_EXPIRED: _REQUESTS | _FRAMES,
    **dict.fromkeys(TRANSPORT, _REQUESTS),
}
_DEFAULT_MS: dict[Fault, int] = {
    Fault.OUTAGE: 1_000,
    Fault.RESTART: 300,
    Fault.HANG: 60_000,
    Fault.ANSWER_LATE: 3_000,
    Fault.PROCESS_LATE: 3_000,
    Fault.RATE_LIMIT: 1_000,
    Fault.BAN: 5_000,
    Fault.WRONG_CLOCK: 60_000,
    Fault.DELAYED_VISIBILITY: 2_000,
    Fault.STALE_OPEN_ORDERS: 2_000,
    Fault.STALE_TRADES: 2_000,
    Fault.FILL_BEFORE_ACK: 80,
    Fault.VENUE_CANCEL: 50,
    Fault.VENUE_EXPIRE: 50,
    Fault.VENUE_REJECT: 50,
    Fault.FRAME_DELAY: 300,
    Fault.FRAME_REORDER: 200,
    Fault.FRAME_SHUFFLE: 200,
    Fault.STREAM_SILENT: 3_000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """When one fault happens."""

    fault: Fault
    kind: RequestKind | None = None
    """Only requests of this kind; None: every kind that the fault can hit."""
    probability: float = 1.0
    """0 to 1, drawn for each request on its own."""
    count_max: int | None = None
    """The rule is spent after so many hits; None: never."""
    skip: int = 0
    """Requests that pass untouched before the rule begins to draw."""
    client_order_id: str | None = None
    """Only requests about the order with this client order id."""
    amount_ms: int | None = None
    """See `Fault`; None: the fault's default."""

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in _HITS[self.fault]:
            msg = f"{self.fault} cannot hit {self.kind}"
            raise ValueError(msg)
        if not 0 <= self.probability <= 1:
            msg = f"probability {self.probability} is not between 0 and 1"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Draw:
    """What goes wrong with one request or frame: fault by fault, with its time."""

    hits: Mapping[Fault, int] = field(default_factory=dict)

    def __contains__(self, fault: Fault) -> bool:
        return fault in self.hits

    def amount_ms(self, fault: Fault) -> int:
        """Return the time that goes with a fault that was drawn."""
        return self.hits[fault]

    @property
    def transport(self) -> Fault | None:
        """The one fault that decides what becomes of the request as a whole, or None."""
        return next((fault for fault in TRANSPORT if fault in self.hits), None)


NO_FAULT = Draw()


class FaultPlan:
    """A seeded set of rules, and the count of the faults that really happened."""

    def __init__(
        self, seed: int, probabilities: Mapping[Fault, float] | None = None, rules: Iterable[FaultRule] = ()
    ) -> None:
        """Take a probability per fault, for all kinds that it can hit, and rules that say more."""
        self.seed = seed
        self.hits = dict.fromkeys(Fault, 0)
        """How often each fault has happened."""
        self._rules: list[FaultRule] = []
        self._seen: list[int] = []
        self._spent: list[int] = []
        self._randoms: dict[RequestKind, Random] = {}
        for fault, probability in (probabilities or {}).items():
            self.add(FaultRule(fault=fault, probability=probability))
        for rule in rules:
            self.add(rule)

    def add(self, rule: FaultRule) -> None:
        """Add a rule to those in force."""
        self._rules.append(rule)
        self._seen.append(0)
        self._spent.append(0)

    def rules(self) -> tuple[FaultRule, ...]:
        """Return the rules in force, spent ones included."""
        return tuple(self._rules)

    def draw(self, kind: RequestKind, client_order_ids: tuple[str, ...] = ()) -> Draw:
        """Draw what happens to the next request of a kind, which is about these client order ids."""
        hits: dict[Fault, int] = {}
        for index, rule in enumerate(self._rules):
            if _concerns(rule, kind, client_order_ids) and self._strikes(index, rule, kind):
                hits[rule.fault] = _DEFAULT_MS.get(rule.fault, 0) if rule.amount_ms is None else rule.amount_ms
        return Draw(hits) if hits else NO_FAULT

    def count(self, fault: Fault) -> None:
        """Count a fault as having happened; one that was drawn but found nothing to act on is not counted."""
        self.hits[fault] += 1

    def shuffle(self, occasion: str, frames: MutableSequence[Any]) -> None:
        """Put held frames into a random order, which depends on the seed and the occasion alone."""
        Random(f"{self.seed}/shuffle/{occasion}").shuffle(frames)

    def _strikes(self, index: int, rule: FaultRule, kind: RequestKind) -> bool:
        self._seen[index] += 1
        if self._seen[index] <= rule.skip or (rule.count_max is not None and self._spent[index] >= rule.count_max):
            return False
        struck = rule.probability >= 1 or self._random(kind).random() < rule.probability
        self._spent[index] += struck
        return struck

    def _random(self, kind: RequestKind) -> Random:
        if kind not in self._randoms:
            self._randoms[kind] = Random(f"{self.seed}/{kind}")
        return self._randoms[kind]


def _concerns(rule: FaultRule, kind: RequestKind, client_order_ids: tuple[str, ...]) -> bool:
    if rule.kind is not kind and not (rule.kind is None and kind in _HITS[rule.fault]):
        return False
    return rule.client_order_id is None or rule.client_order_id in client_order_ids
