"""An order manager that dies by SIGKILL at a named step of one placement: its ports are wrapped from outside.

Used by `crash_child.py`, which dies, and `test_kill_at_each_step.py`, which starts it and looks at what is left. The
steps of booking a fill are in `fill_crash_steps.py`, with the same ports.
"""

import os
import signal
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from actors import Oms
from actors.settings import Settings
from actors.store.port import Section, Table
from exchanges.paper.client import ControlClient
from messages import Committed, OrderType, PlaceOrder, Side, SubmitOrder
from messages.codec import decode_record
from messages.types import AttemptOutcome, Order, OrderState

ACCOUNT = "crash"


def crash_settings(announced: dict[str, Any], keys: dict[str, str]) -> Settings:
    """Settings of parent and child alike: short validity and lease, so that nobody waits long."""
    return Settings.load(
        {
            "deployment": {"name": "crash"},
            "exchanges": {
                "binance": {"restUrl": announced["restUrl"], "streamUrl": announced["streamUrl"], "validForMs": 1000}
            },
            "accounts": [{"id": ACCOUNT, "exchanges": {"binance": {"apiKeyEnv": "KEY", "apiSecretEnv": "SECRET"}}}],
            "orderManagement": {
                "concurrencyControl": {"ownership": {"leaseTtl": 1000, "leaseRenewInterval": 300}},
                "verification": {"verificationRetryIntervals": [500, 2000, 10_000], "slowRetryInterval": 10_000},
            },
        },
        environ={"KEY": keys["apiKey"], "SECRET": keys["apiSecret"]},
    )


def the_order() -> SubmitOrder:
    """The one placement that everything is about."""
    return SubmitOrder(
        account_id=ACCOUNT, exchange="binance", symbol="BTC-USDT", side=Side.BUY, type=OrderType.LIMIT,
        size=Decimal("0.01"), price=Decimal("42500.00"), request_id="the-one",
    )  # fmt: skip


def die() -> None:
    """As the machine would end a process: no handler, no flush, no goodbye."""
    os.kill(os.getpid(), signal.SIGKILL)


class DyingStore:
    """A `StateStore` that dies before or after it commits the section that `matters` recognises."""

    def __init__(self, inner: Any, matters: Callable[[Section], bool], *, after: bool) -> None:
        self._inner = inner
        self._matters = matters
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def commit(self, sections: list[Section]) -> Any:
        now = any(self._matters(section) for section in sections)
        if now and not self._after:
            die()
        verdicts = self._inner.commit(sections)
        if now:
            die()
        return verdicts


def with_order(matters: Callable[[Order], bool]) -> Callable[[Section], bool]:
    """Recognise sections that hold an order which `matters` recognises."""

    def holds(section: Section) -> bool:
        orders = (write for write in section.writes if write.table is Table.ORDERS and write.value is not None)
        return any(matters(decode_record(Order, write.value or b"")) for write in orders)

    return holds


class DyingClient:
    """A `VenueClient` that dies before a request is sent, while its answer is awaited, or after it was read."""

    def __init__(
        self, inner: Any, when: str, concerns: Callable[[Any], bool], venue_has_it: Callable[[str], bool]
    ) -> None:
        self._inner = inner
        self._when = when
        self._concerns = concerns
        self._venue_has_it = venue_has_it

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def execute(self, request: Any) -> Any:
        now = self._concerns(request)
        if now and self._when == "before":
            die()
        if now and self._when == "during":
            threading.Thread(target=self._die_when_processed, args=(request.client_order_id,), daemon=True).start()
        report = self._inner.execute(request)
        if now and self._when == "after":
            die()
        return report

    def _die_when_processed(self, client_order_id: str) -> None:
        while not self._venue_has_it(client_order_id):
            continue
        die()


def on_store(matters: Callable[[Section], bool], *, after: bool) -> Callable[[Oms, ControlClient], None]:
    """Die before or after a section is written."""

    def arm(oms: Oms, _: ControlClient) -> None:
        opened = oms.runtime._open_store
        oms.runtime._open_store = lambda: DyingStore(opened(), matters, after=after)  # type: ignore[method-assign]

    return arm


def on_call(when: str, concerns: Callable[[Any], bool]) -> Callable[[Oms, ControlClient], None]:
    """Die before a request is sent, while its answer is awaited, or after it was read and before it is delivered."""

    def arm(oms: Oms, control: ControlClient) -> None:
        found = oms.runtime.venues.gateway_of

        def wrapped(account_id: str, exchange: str) -> Any:
            gateway: Any = found(account_id, exchange)
            has = lambda client_id: bool(control.orders(clientOrderId=client_id))  # noqa: E731
            gateway._client = DyingClient(gateway._client, when, concerns, has)
            return gateway

        oms.runtime.venues.gateway_of = wrapped  # type: ignore[method-assign]

    return arm


def _on_queueing(oms: Oms, _: ControlClient) -> None:
    found = oms.runtime.venues.gateway_of

    def wrapped(account_id: str, exchange: str) -> Any:
        gateway: Any = found(account_id, exchange)
        submit = gateway.submit
        gateway.submit = lambda request, deliver: die() if isinstance(request, PlaceOrder) else submit(request, deliver)
        return gateway

    oms.runtime.venues.gateway_of = wrapped  # type: ignore[method-assign]


def _before_offering(oms: Oms, _: ControlClient) -> None:
    oms.runtime.tell = lambda address, message: die()  # type: ignore[method-assign, assignment, return-value]


class WatchedStore:
    """A `StateStore` that remembers having written the section that `matters` recognises."""

    def __init__(self, inner: Any, matters: Callable[[Section], bool], written: threading.Event) -> None:
        self._inner = inner
        self._matters = matters
        self._written = written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def commit(self, sections: list[Section]) -> Any:
        verdicts = self._inner.commit(sections)
        if any(self._matters(section) for section in sections):
            self._written.set()
        return verdicts


def before_release(matters: Callable[[Section], bool]) -> Callable[[Oms, ControlClient], None]:
    """Die when the answer to a section that was written is on its way to its account."""

    def arm(oms: Oms, _: ControlClient) -> None:
        tell, written = oms.runtime.system.tell, threading.Event()

        def dying_tell(address: str, message: Any) -> bool:
            # An account commits other things too; this is the answer to the section that matters.
            if isinstance(message, Committed) and address.startswith("account/") and written.is_set():
                die()
            return tell(address, message)

        watch(oms, matters, written)
        oms.runtime.system.tell = dying_tell  # type: ignore[method-assign]

    return arm


def watch(oms: Oms, matters: Callable[[Section], bool], written: threading.Event) -> None:
    """Have it noted when a section that `matters` recognises was written."""
    opened = oms.runtime._open_store
    watched = lambda: WatchedStore(opened(), matters, written)  # noqa: E731
    oms.runtime._open_store = watched  # type: ignore[assignment, method-assign]


def _before_reply(oms: Oms, _: ControlClient) -> None:
    oms._on_reply = lambda reply: die()  # type: ignore[method-assign]


def _first_sending(order: Order) -> bool:
    return order.state is OrderState.SUBMITTED and len(order.attempts) == 1 and _last(order) is AttemptOutcome.IN_FLIGHT


def _second_sending(order: Order) -> bool:
    return order.state is OrderState.SUBMITTED and len(order.attempts) == 2


def _known_unknown(order: Order) -> bool:
    return order.state is OrderState.SUBMITTED and _last(order) is AttemptOutcome.AMBIGUOUS


def _acknowledged(order: Order) -> bool:
    return order.state is OrderState.ACKNOWLEDGED


def _placement(attempt: int) -> Callable[[Any], bool]:
    return lambda request: isinstance(request, PlaceOrder) and request.attempt == attempt


def _last(order: Order) -> AttemptOutcome:
    return order.attempts[-1].outcome


STEPS: dict[str, Callable[[Oms, ControlClient], None]] = {
    "command_not_taken": _before_offering,
    "intent_staged_not_written": on_store(with_order(_first_sending), after=False),
    "intent_written_answer_not_seen": on_store(with_order(_first_sending), after=True),
    "intent_committed_effects_not_released": before_release(with_order(_first_sending)),
    "call_not_queued": _on_queueing,
    "request_not_sent": on_call("before", _placement(1)),
    "venue_processed_answer_not_read": on_call("during", _placement(1)),
    "answer_read_not_delivered": on_call("after", _placement(1)),
    "acknowledgement_not_committed": on_store(with_order(_acknowledged), after=False),
    "acknowledgement_written_answer_not_seen": on_store(with_order(_acknowledged), after=True),
    "reply_not_given": _before_reply,
    "resend_not_recorded": on_store(with_order(_second_sending), after=False),
    "resend_recorded_not_sent": on_store(with_order(_second_sending), after=True),
    "resend_processed_answer_not_delivered": on_call("after", _placement(2)),
    "unknown_outcome_not_recorded": on_store(with_order(_known_unknown), after=False),
    "unknown_outcome_recorded_not_looked_up": on_store(with_order(_known_unknown), after=True),
    "found_again_not_committed": on_store(with_order(_acknowledged), after=False),
}
"""By name: how to prepare an order manager, not started yet, so that it dies there."""

FAULT_OF = {
    "venue_processed_answer_not_read": "answer_late",
    "resend_not_recorded": "rate_limit",
    "resend_recorded_not_sent": "rate_limit",
    "resend_processed_answer_not_delivered": "rate_limit",
    "unknown_outcome_not_recorded": "break_after",
    "unknown_outcome_recorded_not_looked_up": "break_after",
    "found_again_not_committed": "break_after",
}
"""Steps that a placement only comes to after the venue did this to it."""


def open_oms(settings: Settings, folder: Path) -> Oms:
    """An order manager on a data folder, not started."""
    return Oms(settings, data_folder=folder)
