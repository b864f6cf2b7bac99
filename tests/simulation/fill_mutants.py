"""Builds that are broken where executions, positions, fill timeouts and closes are handled. See `mutants`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from actors import absorbing, closing, fill_timeouts
from actors.auditing import Audits
from actors.desk import Desk
from actors.domain import claims
from actors.domain.lifecycle import TERMINAL, transition
from actors.domain.positions import SymbolFills, fold
from actors.position import PositionActor
from actors.runtime.outcome import Outcome, Send
from actors.store.port import Table, Write
from actors.supervisors.fill_timeouts import FillTimeoutSupervisor
from actors.turn import Turn
from messages.commands import ClosePosition, FetchFills, FetchOpenOrders
from messages.control import FillTimerWanted
from messages.fills import Fill, Position, PositionClose, VenueFill
from messages.types import ZERO, CompletionReason, Evidence, EvidenceSource, Order, OrderState, Trigger

Replacements = list[tuple[object, str, Callable[..., Any]]]


def _position_outside_commit() -> Replacements:
    finish = Turn.finish
    late: dict[str, list[Write]] = {}

    def one_turn_late(self: Turn) -> Outcome:
        outcome = finish(self)
        written = [write for write in outcome.writes if write.table is Table.POSITIONS]
        if outcome.writes:
            kept = [write for write in outcome.writes if write.table is not Table.POSITIONS]
            outcome.writes[:] = [*kept, *late.pop(self.account_id, [])]
            late[self.account_id] = written
        return outcome

    return [(Turn, "finish", one_turn_late)]


def _position_in_arrival_order() -> Replacements:
    def appended(_: SymbolFills, current: Position, new: Sequence[Fill]) -> Position:
        for fill in new:
            current = fold(current, fill)
        return current

    return [(SymbolFills, "after", appended)]


def _parked_forgotten() -> Replacements:
    new_fills = absorbing.new_fills

    def without_parked(turn: Turn, desk: Desk, order: Order, fills: Sequence[VenueFill], *rest: Any) -> list[Fill]:
        waiting = {each.fill.fill_id for parked in turn.memory.parked.values() for each in parked.values()}
        return new_fills(turn, desk, order, [fill for fill in fills if fill.fill_id not in waiting], *rest)

    return [(absorbing, "new_fills", without_parked)]


def _terminal_not_held() -> Replacements:
    def nothing_missing(*_: object) -> Decimal:
        return ZERO

    return [(claims, "missing_quantity", nothing_missing)]


def _timeout_before_confirmation() -> Replacements:
    def end_at_once(turn: Turn, _: Desk, order: Order) -> None:
        filled = order.state is OrderState.PARTIALLY_FILLED
        evidence = Evidence(source=EvidenceSource.LOCAL, endpoint="timeout", received_ms=turn.now_ms)
        ended, step = transition(
            order,
            OrderState.PARTIAL_FILL_TIMEOUT if filled else OrderState.CANCELLED,
            Trigger.PARTIAL_FILL_TIMEOUT,
            turn.now_ms,
            evidence=evidence,
            completion=CompletionReason.TIMEOUT if filled else CompletionReason.UNFILLED_TIMEOUT,
        )
        turn.save(ended, (step,))

    return [(fill_timeouts, "_cancel", end_at_once)]


def _timeout_never() -> Replacements:
    def forget(*_: object) -> None:
        """Want no timer."""

    return [(fill_timeouts, "follow", forget)]


def _timeout_counts_from_commit() -> Replacements:
    want: Callable[..., None] = fill_timeouts._want

    def relative(turn: Turn, *what: Any) -> None:
        *order, due_ms = what
        want(turn, *order, max(0, due_ms - turn.now_ms))

    on_wanted = FillTimeoutSupervisor._on_wanted

    def from_now(self: FillTimeoutSupervisor, message: FillTimerWanted) -> Outcome:
        return on_wanted(self, replace(message, due_ms=self.system.clock.now_ms() + message.due_ms))

    return [
        (fill_timeouts, "_want", relative),
        (fill_timeouts, "_want_again", relative),
        (FillTimeoutSupervisor, "_on_wanted", from_now),
    ]


def _audit_off() -> Replacements:
    on_due = Audits.on_due

    def without_lists(self: Audits, turn: Turn, exchange: str) -> None:
        on_due(self, turn, exchange)
        asked = (FetchFills, FetchOpenOrders)
        turn.outcome.effects[:] = [
            each for each in turn.outcome.effects if not (isinstance(each, Send) and isinstance(each.message, asked))
        ]

    return [(Audits, "on_due", without_lists)]


def _late_fill_dropped() -> Replacements:
    new_fills = absorbing.new_fills

    def only_of_live(turn: Turn, desk: Desk, order: Order, *rest: Any) -> list[Fill]:
        return [] if order.state in TERMINAL else new_fills(turn, desk, order, *rest)

    return [(absorbing, "new_fills", only_of_live)]


def _close_twice() -> Replacements:
    def always(self: PositionActor, command: ClosePosition) -> Outcome:
        return self._begin(command)

    def none_runs(*_: object) -> Iterator[PositionClose]:
        return iter(())

    return [(PositionActor, "_on_asked", always), (closing, "running", none_runs)]


def _close_without_limit() -> Replacements:
    def plenty(position: Position, _: object) -> Decimal:
        return abs(position.size) * 3

    return [(closing, "unreserved", plenty)]


FILL_MUTANTS: dict[str, Callable[[], Replacements]] = {
    "position_outside_commit": _position_outside_commit,
    "position_in_arrival_order": _position_in_arrival_order,
    "parked_forgotten": _parked_forgotten,
    "terminal_not_held": _terminal_not_held,
    "timeout_before_confirmation": _timeout_before_confirmation,
    "timeout_never": _timeout_never,
    "timeout_counts_from_commit": _timeout_counts_from_commit,
    "audit_off": _audit_off,
    "late_fill_dropped": _late_fill_dropped,
    "close_twice": _close_twice,
    "close_without_limit": _close_without_limit,
}
