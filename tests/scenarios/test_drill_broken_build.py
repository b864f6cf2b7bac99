"""The drill is worth something only if it finds what is broken: an order manager that re-sends blindly."""

import threading
from typing import Any

import pytest

from actors import settlement
from actors.app.drill import DrillOptions, run_drill
from actors.domain.lifecycle import evolve
from actors.settlement import Desk, send_again_or_end
from actors.turn import Turn
from messages import PlaceAmbiguous
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
    # Without the stream nothing tells of the first order before it is sent a second time.
    options = DrillOptions(venue="binance", intents=80, seed=3, faults=("break_after", "frame_drop", "error_after"))
    monkeypatch.setattr("actors.app.schedule._PROBABILITY", (0.75, 0.85))
    monkeypatch.setattr("actors.app.schedule._SHARE_ON", 1.0)

    result = run_drill(options, lambda _: None, threading.Event())

    assert result.verdict.duplicates > 0
    assert any("venue orders" in text for text in result.verdict.violations)
