"""The README tells the truth: its example runs, its tables are those of the code, its commands are there."""

import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import fill_crash_steps
import pytest
from crash_steps import STEPS
from fill_world import EXCHANGE, PRICE, SIZE, SYMBOL, until
from tidy_rules import ROOT

from actors import Oms
from actors.app.reference import filled_in, parts
from actors.app.schedule import NAMES
from messages import OrderType, Side, SubmitOrder
from messages.queries import RefusalCode

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_readme_example_when_run_places_and_cancels_an_order(tmp_path: Path) -> None:
    example, _ = EXAMPLES

    ended = subprocess.run(
        [sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path)},
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr
    assert "SUBMITTED -> ACKNOWLEDGED" in ended.stdout
    assert ended.stdout.rstrip().endswith("CANCELLED")
    assert list(tmp_path.iterdir()) == [], "what happened on paper leaves nothing behind"


def test_readme_example_about_positions_when_run_closes_the_position(capsys: pytest.CaptureFixture[str]) -> None:
    _, example = EXAMPLES
    order = SubmitOrder(
        account_id="1", exchange=EXCHANGE, symbol=SYMBOL, side=Side.BUY, type=OrderType.LIMIT, size=SIZE, price=PRICE
    )
    with Oms.from_config() as oms:
        assert oms.runtime.venues.paper is not None
        control = oms.runtime.venues.paper.control()
        control.place("paper", "ask", symbol=SYMBOL, side=Side.SELL, size=SIZE, price=PRICE)
        control.place("paper", "bid", symbol=SYMBOL, side=Side.BUY, size=SIZE, price=PRICE - 1)
        placed = oms.ask(order)
        until(lambda: oms.views("1").positions, "the position")

        exec(example, {"oms": oms, "placed": placed})

    held, fills, closed = (line.split() for line in capsys.readouterr().out.splitlines())
    assert [Decimal(figure) for figure in held] == [SIZE, PRICE, 0, 0]
    assert [Decimal(figure) for figure in fills[:2]] == [100, PRICE]
    # The venue took its fee out of what was bought.
    assert (closed[0], Decimal(closed[1])) == ("done", Decimal("0.00999"))


def test_readme_tables_are_those_of_the_code() -> None:
    assert filled_in(README) == README
    for name, text in parts().items():
        assert text in README, f"python -m actors.app.reference writes {name} again"


def test_refusal_table_has_every_code_with_a_meaning() -> None:
    rows = parts()["refusals"].splitlines()[2:]

    assert [row.split("`")[1] for row in rows] == [code.value for code in RefusalCode]
    assert all(len(row.split("|")[2].strip()) > 10 for row in rows)


def test_readme_counts_are_those_of_the_drill_and_of_the_kill_test() -> None:
    assert f"{len(NAMES)} kinds of faults" in README
    assert f"killed with sigkill at {len(STEPS)} steps" in README.lower()
    assert f"Killed at {len(fill_crash_steps.STEPS)} steps of booking a fill" in README
