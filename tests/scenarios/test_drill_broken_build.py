"""The drill is worth something only if it finds what is broken: blind re-sending, positions added up wrongly, a kill
switch that stops nothing, cancels that take what others placed, limits that limit nothing.
"""

import threading
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from actors import settlement
from actors.app.drill import run_drill
from actors.app.drill_result import DrillOptions
from actors.app.schedule import STAGES, Stage
from actors.cancelling import CancelGroups
from actors.desk import Desk
from actors.domain import positions
from actors.domain.lifecycle import evolve
from actors.pretrade import PreTrade
from actors.settlement import send_again_or_end
from actors.turn import Turn
from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages import PlaceAmbiguous
from messages.commands import CancelAll
from messages.fills import Fill, Position
from messages.types import AttemptOutcome, OrderState


def resend_blindly(turn: Turn, desk: Desk, report: PlaceAmbiguous) -> None:
    """What other systems do: no answer is taken for no order."""
    order: Any = turn.order(report.order_id)
    if order.state is OrderState.SUBMITTED and order.attempts[-1].number == report.attempt:
        attempts = settlement._settle_attempt(order, report.attempt, AttemptOutcome.NOT_PROCESSED)
        send_again_or_end(turn, desk, evolve(order, attempts=attempts), report.evidence, delay_ms=0)


def test_drill_of_an_order_manager_that_resends_blindly_finds_duplicates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settlement, "on_place_ambiguous", resend_blindly)
    monkeypatch.setattr("actors.app.drill.SETTLE_S", 8.0)
    # Every placement is carried out and loses its answer, and no frame of a stream tells of the order: each order that
    # filled at once is placed a second time, whatever the timing. Look-ups and lists are left alone.
    rules = (FaultRule(fault=Fault.BREAK_AFTER, kind=RequestKind.PLACE), FaultRule(fault=Fault.FRAME_DROP))
    stage = Stage(rules, store_killed=False, streams_broken=False)
    monkeypatch.setattr("actors.app.drill.draw_stages", lambda *_: (stage,) * STAGES)
    options = DrillOptions(venue="binance", intents=40, seed=3, faults=("break_after", "frame_drop"))

    result = run_drill(options, lambda _: None, threading.Event())

    assert result.verdict.duplicates > 0
    assert any("venue orders" in text for text in result.verdict.violations)


def test_drill_of_an_order_manager_that_averages_over_all_buys_finds_false_positions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never_reduced(position: Position, fill: Fill, *, size: Decimal, value: Decimal) -> tuple[Decimal, int | None]:
        """The entry value only ever grows, as if nothing had been sold again."""
        return position.entry_value + value, fill.received_ms

    monkeypatch.setattr(positions, "_entry", never_reduced)
    monkeypatch.setattr("actors.app.drill.SETTLE_S", 4.0)
    options = DrillOptions(venue="binance", intents=30, seed=3, faults=())

    result = run_drill(options, lambda _: None, threading.Event())

    assert result.verdict.false_positions > 0
    assert any("entry value" in text for text in result.verdict.violations)
    assert result.verdict.missing_fills == 0


def test_drill_of_an_order_manager_whose_kill_switch_stops_nothing_finds_orders_placed_under_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PreTrade, "stopped", lambda self, turn: None)
    monkeypatch.setattr("actors.app.drill.SETTLE_S", 4.0)

    result = run_drill(DrillOptions(venue="binance", intents=60, seed=3, faults=()), lambda _: None, threading.Event())

    assert any("was placed under the kill switch" in text for text in result.verdict.violations)


def test_drill_of_an_order_manager_that_cancels_what_others_placed_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def take_everything(self: CancelGroups, turn: Turn, command: CancelAll) -> tuple[str, ...]:
        return honest(self, turn, replace(command, everything=True))

    honest = CancelGroups.cancel_all
    monkeypatch.setattr(CancelGroups, "cancel_all", take_everything)
    monkeypatch.setattr("actors.app.drill.SETTLE_S", 4.0)

    result = run_drill(DrillOptions(venue="binance", intents=60, seed=3, faults=()), lambda _: None, threading.Event())

    assert result.verdict.foreign_touched > 0


def test_drill_of_an_order_manager_without_limits_finds_orders_over_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PreTrade, "_limits", lambda *_: None)
    monkeypatch.setattr("actors.app.drill.SETTLE_S", 4.0)

    result = run_drill(DrillOptions(venue="binance", intents=60, seed=3, faults=()), lambda _: None, threading.Event())

    assert any("over the limit" in text for text in result.verdict.violations)
