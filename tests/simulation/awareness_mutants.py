"""Builds that are broken where open orders are read, limits held, and privacy kept. See `mutants`."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from actors import pretrade, recovery
from actors.absorbing import absorb_claim
from actors.account import AccountActor
from actors.cancelling import CancelGroups
from actors.connections import Connections
from actors.desk import Desk
from actors.domain.exposure import ExposureBook, Positions
from actors.domain.resting import RestingBook
from actors.domain.risk import RiskLimits, check_limits
from actors.domain.rules import RefusalReason
from actors.memory import AccountMemory
from actors.runtime.outcome import Outcome
from actors.store.port import EVERY_FIELD, Table, Write
from actors.turn import Turn
from messages.commands import CancelAll, FetchOpenOrders
from messages.reports import FetchFailed, OpenOrdersFetched
from messages.types import (
    Evidence,
    EvidenceSource,
    Order,
    OrderState,
    PublicStatus,
    Trigger,
    VenueOrder,
)

Replacements = list[tuple[object, str, Callable[..., Any]]]


def _vanished_is_cancelled() -> Replacements:
    def end(turn: Turn, desk: Desk, order: Order, **_: object) -> None:
        claim = VenueOrder(
            exchange=order.exchange,
            symbol=order.symbol,
            venue_order_id=order.venue_order_id or "",
            client_order_id=order.client_order_id,
            side=order.side,
            type=order.type,
            status=PublicStatus.CANCELLED,
            venue_status="not listed",
            size=order.size,
            filled_size=order.filled_size,
        )
        proof = Evidence(source=EvidenceSource.LOOKUP, endpoint="openOrders", received_ms=turn.now_ms)
        absorb_claim(turn, desk, order, claim, (), proof, Trigger.RECONCILIATION)

    return [(recovery, "reread", end)]


def _list_wipes_newer() -> Replacements:
    merge, finish = Connections.on_open_orders, Turn.finish
    listed: dict[int, set[str]] = {}

    def remembering(self: Connections, turn: Turn, report: OpenOrdersFetched) -> None:
        if report.symbol is None:
            listed[id(turn)] = {order.venue_order_id for order in report.orders}
        merge(self, turn, report)

    def only_listed(self: Turn) -> Outcome:
        outcome, shown = finish(self), listed.pop(id(self), None)
        if shown is not None:
            outcome.writes[:] = [write for write in outcome.writes if _is_kept(write, shown)]
        return outcome

    return [(Connections, "on_open_orders", remembering), (Turn, "finish", only_listed)]


def _is_kept(write: Write, shown: set[str]) -> bool:
    return write.table is not Table.OPEN or write.field == EVERY_FIELD or write.field in shown


def _failure_is_empty_list() -> Replacements:
    def as_empty(self: Connections, turn: Turn, report: FetchFailed) -> None:
        if report.request != FetchOpenOrders.__name__ or report.symbol:
            return
        proof = Evidence(
            source=EvidenceSource.LOOKUP, endpoint="openOrders", sent_ms=report.sent_ms, received_ms=turn.now_ms
        )
        nothing = OpenOrdersFetched(
            account_id=report.account_id, exchange=report.exchange, orders=(), asked_venue_ms=0, evidence=proof
        )
        self.on_open_orders(turn, nothing)

    return [(Connections, "on_fetch_failed", as_empty)]


def _limits_without_unknown() -> Replacements:
    put = ExposureBook.put

    def only_known(self: ExposureBook, order: Order, assets: Any) -> None:
        # An order that is taken for a draft has nothing at stake.
        unknown = order.state is OrderState.SUBMITTED
        put(self, replace(order, state=OrderState.DRAFT) if unknown else order, assets)

    return [(ExposureBook, "put", only_known)]


def _limits_without_old_leg() -> Replacements:
    def without_it(
        order: Order,
        book: ExposureBook,
        positions: Positions,
        limits: RiskLimits,
        *,
        without: Order | None = None,
        assets: Any,
        **more: Any,
    ) -> RefusalReason | None:
        if without is None or without.order_id == order.order_id:
            return check_limits(order, book, positions, limits, without=without, assets=assets, **more)
        book.put(replace(without, state=OrderState.DRAFT), assets)
        refused = check_limits(order, book, positions, limits, without=without, assets=assets, **more)
        book.put(without, assets)
        return refused

    return [(pretrade, "check_limits", without_it)]


def _check_before_reserve() -> Replacements:
    remember, released, rebuild = AccountMemory._remember_order, AccountActor.on_released, recovery.rebuild

    def without_books(self: AccountMemory, order: Order) -> None:
        exposure, resting = self.exposure, self.resting
        self.exposure, self.resting = ExposureBook(), RestingBook()
        remember(self, order)
        self.exposure, self.resting = exposure, resting

    def reserve(memory: AccountMemory, order: Order) -> None:
        memory.exposure.put(order, memory.assets_of(order.exchange, order.symbol))
        memory.resting.put(order)

    def reserve_late(self: AccountActor, outcome: Outcome) -> None:
        released(self, outcome)
        for record in outcome.apply:
            if isinstance(record, Order) and record.order_id in self._memory.orders:
                reserve(self._memory, record)

    def with_books(*what: Any) -> AccountMemory:
        memory = rebuild(*what)
        for order in memory.orders.values():
            reserve(memory, order)
        return memory

    return [
        (AccountMemory, "_remember_order", without_books),
        (AccountActor, "on_released", reserve_late),
        (recovery, "rebuild", with_books),
    ]


def _kill_switch_forgotten_on_restart() -> Replacements:
    rebuild = recovery.rebuild

    def switched_off(*what: Any) -> AccountMemory:
        memory = rebuild(*what)
        memory.kill_switch = None
        return memory

    return [(recovery, "rebuild", switched_off)]


def _cancel_all_takes_foreign() -> Replacements:
    concerned: Callable[..., list[Order]] = CancelGroups._concerned

    def everybody(self: CancelGroups, turn: Turn, command: CancelAll) -> list[Order]:
        return concerned(self, turn, replace(command, everything=True))

    return [(CancelGroups, "_concerned", everybody)]


def _forgotten_order_places_again() -> Replacements:
    forget = Turn.forget_order

    def whole(self: Turn, order: Order) -> None:
        forget(self, order)
        if order.idempotency_key in self.memory.entries:
            self.forget_entry(order.idempotency_key)

    return [(Turn, "forget_order", whole)]


AWARENESS_MUTANTS: dict[str, Callable[[], Replacements]] = {
    "vanished_is_cancelled": _vanished_is_cancelled,
    "list_wipes_newer": _list_wipes_newer,
    "failure_is_empty_list": _failure_is_empty_list,
    "limits_without_unknown": _limits_without_unknown,
    "limits_without_old_leg": _limits_without_old_leg,
    "check_before_reserve": _check_before_reserve,
    "kill_switch_forgotten_on_restart": _kill_switch_forgotten_on_restart,
    "cancel_all_takes_foreign": _cancel_all_takes_foreign,
    "forgotten_order_places_again": _forgotten_order_places_again,
}
