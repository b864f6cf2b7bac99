"""An order manager that dies by SIGKILL at a named step of changing an order, and what leads it there.

Three ways of changing: in place, by the venue's own cancel-replace, and by a cancel with a placement after it. Used by
`modify_crash_child.py`, which dies, and `test_modify_kill_at_each_step.py`, which starts it and looks at what is left.
Each step has an account of its own, named like the step, on one paper venue and one server.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from awareness_world import limit_order, placed
from crash_steps import before_release, die, on_call, on_store, with_order
from fill_world import PRICE, Desk, venue_id

from actors import Oms
from exchanges.paper.client import ControlClient
from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages import PlaceOrder
from messages.commands import AmendVenueOrder, CancelVenueOrder, ModifyOrder, ReplaceVenueOrder
from messages.queries import ModifyDone
from messages.types import AttemptOutcome, Order, OrderState

CHANGE = "the-one-change"
"""The message id of every change: by it the host's command is the same command when it comes again."""
LESS = Decimal("0.008")
PART = Decimal("0.002")
LOWER = PRICE - 100
_LATE_MS = 3_000

Arm = Callable[[Oms, ControlClient], None]


@dataclass(frozen=True)
class Step:
    """How an order manager that is not started yet is prepared to die, and what it does then."""

    arm: Arm
    way: str
    """Which of `WAYS`."""
    fault: Fault | None = None
    """What the venue does to the request that asks for the change."""
    silent: bool = False
    """Whether the stream tells nothing of it."""


# ----- the ways


def amend(account: str, order_id: str) -> ModifyOrder:
    return ModifyOrder(account_id=account, order_id=order_id, size=LESS, message_id=CHANGE)


def reprice(account: str, order_id: str) -> ModifyOrder:
    return ModifyOrder(account_id=account, order_id=order_id, price=LOWER, message_id=CHANGE)


WAYS: dict[str, tuple[Callable[[str, str], ModifyOrder], RequestKind]] = {
    "amend": (amend, RequestKind.AMEND),
    "replace": (reprice, RequestKind.REPLACE),
    "cancel_first": (reprice, RequestKind.CANCEL),
}
"""By name: the command, and the request that it begins with."""


def act(desk: Desk, account: str, step: Step) -> None:
    """Place an order, have a part of it executed where the way allows that, and change it."""
    command, kind = WAYS[step.way]
    order = placed(desk, limit_order(account))
    if step.way == "amend":
        desk.control.execute(venue_id(order), size=PART)
        desk.filled(order, PART)
    if step.fault is not None:
        late = _LATE_MS if step.fault is Fault.ANSWER_LATE else None
        name = order.client_order_id
        desk.control.add_fault(FaultRule(fault=step.fault, kind=kind, client_order_id=name, amount_ms=late))
    if step.silent:
        desk.control.silence_streams(60_000, account)
    desk.oms.submit(command(account, order.order_id))


# ----- where it dies


class _DiesWhenProcessed:
    """A `VenueClient` that dies while an answer is awaited, as soon as the venue has done what was asked."""

    def __init__(self, inner: Any, concerns: Callable[[Any], bool], processed: Callable[[Any], bool]) -> None:
        self._inner = inner
        self._concerns = concerns
        self._processed = processed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def execute(self, request: Any) -> Any:
        if self._concerns(request):
            threading.Thread(target=self._die, args=(request,), daemon=True).start()
        return self._inner.execute(request)

    def _die(self, request: Any) -> None:
        while not self._processed(request):
            continue
        die()


def _when_processed(
    concerns: Callable[[Any], bool], processed: Callable[[ControlClient, Any], bool]
) -> Arm:
    def arm(oms: Oms, control: ControlClient) -> None:
        found = oms.runtime.venues.gateway_of

        def wrapped(account_id: str, exchange: str) -> Any:
            gateway: Any = found(account_id, exchange)
            gateway._client = _DiesWhenProcessed(
                gateway._client, concerns, lambda request: processed(control, request)
            )
            return gateway

        oms.runtime.venues.gateway_of = wrapped  # type: ignore[method-assign]

    return arm


def _before_the_answer(oms: Oms, _: ControlClient) -> None:
    answer = oms._on_reply
    oms._on_reply = lambda reply: die() if isinstance(reply, ModifyDone) else answer(reply)  # type: ignore[method-assign]


def _size_is_less(control: ControlClient, request: AmendVenueOrder) -> bool:
    rows = control.orders(account=request.account_id)
    return [Decimal(row["size"]) for row in rows] == [LESS]


def _new_is_there(control: ControlClient, request: Any) -> bool:
    place = request.place if isinstance(request, ReplaceVenueOrder) else request
    return bool(control.orders(clientOrderId=place.client_order_id))


def _old_is_gone(control: ControlClient, request: CancelVenueOrder) -> bool:
    rows = control.orders(account=request.account_id, clientOrderId=request.client_order_id)
    return all(row["status"] != "OPEN" for row in rows)


def _asked(order: Order) -> bool:
    return order.replace_pending


def _amended(order: Order) -> bool:
    return order.size == LESS and not order.replace_pending


def _new_acknowledged(order: Order) -> bool:
    return order.replaces is not None and order.state is OrderState.ACKNOWLEDGED


def _new_unknown(order: Order) -> bool:
    return order.replaces is not None and any(one.outcome is AttemptOutcome.AMBIGUOUS for one in order.attempts)


def _new_submitted(order: Order) -> bool:
    return order.replaces is not None and order.state is OrderState.SUBMITTED


def _amending(request: Any) -> bool:
    return isinstance(request, AmendVenueOrder)


def _replacing(request: Any) -> bool:
    return isinstance(request, ReplaceVenueOrder)


def _cancelling(request: Any) -> bool:
    return isinstance(request, CancelVenueOrder)


def _placing_the_new(request: Any) -> bool:
    return isinstance(request, PlaceOrder) and request.price == LOWER


def _every_way(way: str, concerns: Callable[[Any], bool]) -> dict[str, Step]:
    settled = with_order(_amended if way == "amend" else _new_acknowledged)
    return {
        f"{way}_not_written": Step(on_store(with_order(_asked), after=False), way),
        f"{way}_written_answer_not_seen": Step(on_store(with_order(_asked), after=True), way),
        f"{way}_committed_not_released": Step(before_release(with_order(_asked)), way),
        f"{way}_not_sent": Step(on_call("before", concerns), way),
        f"{way}_answer_not_delivered": Step(on_call("after", concerns), way),
        f"{way}_effect_not_written": Step(on_store(settled, after=False), way),
        f"{way}_effect_written_answer_not_seen": Step(on_store(settled, after=True), way),
        f"{way}_reply_not_given": Step(_before_the_answer, way),
    }


_LATE = Fault.ANSWER_LATE
STEPS: dict[str, Step] = {
    **_every_way("amend", _amending),
    "amend_processed_answer_not_read": Step(_when_processed(_amending, _size_is_less), "amend", _LATE),
    "amend_lost_effect_not_written": Step(
        on_store(with_order(_amended), after=False), "amend", Fault.BREAK_AFTER, silent=True
    ),
    "amend_met_by_a_fill": Step(on_call("after", _amending), "amend", Fault.PARTIAL_FILL_DURING_CANCEL),
    **_every_way("replace", _replacing),
    "replace_processed_answer_not_read": Step(_when_processed(_replacing, _new_is_there), "replace", _LATE),
    "replace_half_done": Step(on_call("after", _replacing), "replace", Fault.NEW_HALF_FAILS),
    "replace_lost_unknown_not_written": Step(
        on_store(with_order(_new_unknown), after=False), "replace", Fault.BREAK_AFTER, silent=True
    ),
    "replace_lost_unknown_written": Step(
        on_store(with_order(_new_unknown), after=True), "replace", Fault.BREAK_AFTER, silent=True
    ),
    "replace_never_arrived": Step(on_call("after", _replacing), "replace", Fault.BREAK_BEFORE),
    **_every_way("cancel_first", _cancelling),
    "cancel_first_processed_answer_not_read": Step(
        _when_processed(_cancelling, _old_is_gone), "cancel_first", _LATE
    ),
    "cancel_first_place_not_written": Step(on_store(with_order(_new_submitted), after=False), "cancel_first"),
    "cancel_first_place_written": Step(on_store(with_order(_new_submitted), after=True), "cancel_first"),
    "cancel_first_place_not_sent": Step(on_call("before", _placing_the_new), "cancel_first"),
    "cancel_first_place_processed": Step(_when_processed(_placing_the_new, _new_is_there), "cancel_first"),
    "cancel_first_place_answer_not_delivered": Step(on_call("after", _placing_the_new), "cancel_first"),
    "cancel_first_met_by_a_fill": Step(
        on_call("after", _cancelling), "cancel_first", Fault.PARTIAL_FILL_DURING_CANCEL
    ),
    "cancel_first_met_by_a_fill_place_answer_not_delivered": Step(
        on_call("after", _placing_the_new), "cancel_first", Fault.PARTIAL_FILL_DURING_CANCEL
    ),
}
"""By name."""
