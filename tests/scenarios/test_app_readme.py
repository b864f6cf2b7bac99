"""The README tells the truth: its example runs, its tables are those of the code, its commands are there."""

import os
import re
import subprocess
import sys
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import fill_crash_steps
import pytest
from crash_steps import STEPS
from settings_sources import nested
from tidy_rules import ROOT

from actors import Oms
from actors.app.markets import VENUES, market_of
from actors.app.reference import filled_in, parts
from actors.app.schedule import NAMES
from actors.errors import SettingsError
from actors.settings import Settings
from exchanges.paper.catalogue import spot_instruments
from messages import OrderPlaced, OrderState, OrderStateChanged, OrderType, Side, SubmitOrder
from messages.events import Event
from messages.queries import RefusalCode

README = (ROOT / "README.md").read_text(encoding="utf-8")
DEADLINE_S = 30.0
FIRST, POSITIONS, FUTURES, AWARENESS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def run(example: str, state: Path) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"XDG_STATE_HOME": str(state)},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert list(state.iterdir()) == [], "what happened on paper leaves nothing behind"
    return ended.stdout


def test_readme_example_when_run_places_and_cancels_an_order(tmp_path: Path) -> None:
    out = run(FIRST, tmp_path)

    for step in ("DRAFT -> PENDING", "PENDING -> SUBMITTED", "SUBMITTED -> ACKNOWLEDGED", "ACKNOWLEDGED -> CANCELLED"):
        assert step in out
        assert f"`{step}`" in README
    assert out.rstrip().endswith("CANCELLED")


def test_readme_example_about_positions_when_run_gets_fills_and_closes_the_position(tmp_path: Path) -> None:
    lines = [line.split() for line in run(POSITIONS, tmp_path).splitlines()]
    position, order, *fills, close, realised = lines

    assert [line[0] for line in lines] == ["position", "order", *["fill"] * len(fills), "close", "realised"]
    bought = [(Decimal(line[1]), Decimal(line[3])) for line in fills]
    assert sum(size for size, _ in bought) == Decimal("0.01")
    # The venue took its fee of a thousandth out of what was bought.
    assert (Decimal(position[1]), position[-1]) == (Decimal("0.00999"), "0")
    value = sum(size * price for size, price in bought)
    average, entry = (
        (value / Decimal(size)).quantize(Decimal("1e-8"), ROUND_HALF_UP) for size in ("0.01", "0.00999")
    )
    assert (order[3], Decimal(order[-1]), Decimal(position[3])) == ("100.00", average, entry)
    assert close[:2] == ["close", "done"]
    assert Decimal(close[2]) == Decimal(close[4]) == Decimal("0.00999")
    assert len(close) == 5, "all was closed, so there is no reason"
    # It bought at the ask and sold at the bid, in a market that moves meanwhile.
    assert abs(Decimal(realised[1])) < 10


def test_readme_example_about_futures_when_run_holds_a_short_position_and_closes_it(tmp_path: Path) -> None:
    contracts, worth, close, realised = (line.split() for line in run(FUTURES, tmp_path).splitlines())

    assert contracts[:3] == ["contracts", "-2", "at"]
    assert Decimal(contracts[3]) > 0
    assert worth[:6] == ["worth", "50", "USD", "a", "point", "each,"]
    assert close == ["close", "done", "2", "of", "2"]
    cost = Decimal(realised[1])
    # It sold at the bid and bought at the ask, a few points apart at most, in a market that moves meanwhile.
    assert cost % Decimal("12.5") == 0
    assert abs(cost) < 2 * 50 * 5


def test_readme_example_about_awareness_when_run_refuses_modifies_synchronises_and_cancels(tmp_path: Path) -> None:
    refused, *rest = run(AWARENESS, tmp_path).splitlines()

    assert re.fullmatch("duplicate_order because of [0-9a-f]+", refused)
    assert rest == [
        "in place: True True 0.008",
        "anew: False 42600 True",
        "1 open, from the venue gap: False",
        "at stake: 340.8 USDT",
        "1 ended, 0 unresolved",
        "differences from the venue: 0",
    ]


def test_market_without_configuration_trades_by_itself_and_takes_what_rests() -> None:
    filled = SimpleQueue[str]()
    where = {"account_id": "1", "exchange": "binance", "symbol": "BTC-USDT"}
    terms: dict[str, Any] = where | {"side": Side.BUY, "size": Decimal("0.001")}

    def note(event: Event) -> None:
        if isinstance(event, OrderStateChanged) and event.to_state is OrderState.FILLED:
            filled.put(event.view.local_id)

    with Oms.from_config() as oms:
        oms.subscribe(note, OrderStateChanged)
        oms.ask(SubmitOrder(**terms, type=OrderType.MARKET))
        bought = filled.get(timeout=DEADLINE_S)
        (execution, *_) = oms.views("1").fills[bought]
        best_bid = execution.price - Decimal("0.01")
        resting = oms.ask(SubmitOrder(**terms, type=OrderType.LIMIT, price=best_bid))

        assert isinstance(resting, OrderPlaced)
        assert filled.get(timeout=DEADLINE_S) == resting.view.local_id


def test_readme_names_the_symbols_that_the_paper_venues_trade() -> None:
    symbols = {each.symbol for each in spot_instruments(lambda base, quote: f"{base}{quote}")}
    symbols |= {market_of(venue).symbol for venue in VENUES}
    _, embedding, *_ = README.split("\n## Embed it\n")
    embedding, *_ = embedding.split("\n## ")

    assert len(symbols) >= 4
    assert all(f"`{symbol}`" in embedding for symbol in symbols)


def test_readme_paths_of_settings_are_those_of_the_settings() -> None:
    named = re.findall(r"`((?:orderManagement|metrics|paper|redis)\.[A-Za-z.]+)", README)

    assert len(named) >= 7
    for path in named:
        with pytest.raises(SettingsError) as caught:
            Settings.load(nested(path, ["nothing", "of", "the", "kind"]), environ={})
        assert "is no known key" not in str(caught.value)


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
