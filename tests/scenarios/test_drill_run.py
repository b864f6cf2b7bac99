"""The drill over real sockets, through its command: what it prints, what it exits with, what it is not to miss."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from decimal import Decimal
from random import Random

import pytest
from rich.console import Console, RenderableType
from tidy_rules import ROOT

from actors.app.drill import run_drill
from actors.app.drill_result import DrillOptions, DrillResult
from actors.app.markets import CALM_SETTLE_MS, CAPABILITIES, PAPER_SETTLE_MS, VENUES, market_of, settle_ms
from actors.app.schedule import NAMES, STORE_KILLED, UnknownFault, chosen_faults, draw_stages
from actors.app.tables import drill_table, drills_table
from actors.app.verdict import Verdict
from actors.app.workload import IN_PART, Fate, intents
from messages.types import OrderType, Side

KEYS = {
    "seed", "venue", "intents", "venueOrders", "fills", "duplicates", "lost", "phantomFills", "falseMatches",
    "manualReviews", "violations", "wallSeconds", "positions", "falsePositions", "closes", "closeRefusals", "timedOut",
    "bookingMs", "liveTwice", "overexecuted", "foreignTouched", "modifications", "refusalsByRule", "cancelsOfAll",
}  # fmt: skip
LOSING = ("break_after", "error_after", "frame_drop", "streams_broken")
LOSING_ANSWERS = "break_after,error_after,malformed_body,break_mid_body,fill_before_ack,frame_drop,store_killed"


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "run.py", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )


def test_drill_with_lost_answers_and_a_killed_store_breaks_nothing() -> None:
    ended = run("drill", "--intents", "60", "--seed", "11", "--faults", LOSING_ANSWERS, "--json")

    result = json.loads(ended.stdout)
    assert result["violations"] == []
    assert ended.returncode == 0
    assert result.keys() >= KEYS
    assert result["intents"] == 60
    assert result["venueOrders"] + result["notPlaced"] == 60 + result["closes"] + result["replacements"]
    assert result["killSwitches"] == 2
    assert result["synchronised"] > 0
    assert result["parity"]["compared"].keys() == {"balances", "fills", "orders"}
    assert (result["positions"], result["falsePositions"]) == (4, 0)
    assert sum(result["faults"].values()) > 0, "a drill without a fault proves nothing"
    assert result["faults"][STORE_KILLED] > 0
    assert "--seed 11" in ended.stderr


def test_drill_of_many_fills_closes_positions_once_and_times_orders_out() -> None:
    # A seed that closes what was bought: on spot, nothing else can be closed.
    result = run_drill(options(intents=80, fills_max=40), lambda _: None, threading.Event())

    found = result.as_json()
    assert found["violations"] == []
    assert found["fills"] > 5 * 80
    assert found["closes"] > 0
    assert found["closeRefusals"]["close_in_progress"] > 0, "the second of two closes at once is refused"
    assert found["timedOut"] > 0
    assert found["modifications"]["changed_in_place"] > 0
    assert found["modifications"]["replaced"] > 0
    assert found["refusalsByRule"]["maxOrderNotional"] > 0
    assert found["foreignTouched"] == 0
    measured = found["bookingMs"].values()
    assert sum(spread["count"] for spread in measured) == found["fills"]
    assert all(0 <= spread["p50"] <= spread["p95"] <= spread["max"] for spread in measured)


@pytest.mark.parametrize("venue", [venue for venue in VENUES if venue != "binance"])
def test_drill_at_each_venue_places_changes_and_fills_and_breaks_nothing(venue: str) -> None:
    # Catching up after a fault costs calls, of which some venues allow few: minutes would pass.
    faults = LOSING if market_of(venue).pace == 1 else ()
    wanted = DrillOptions(venue=venue, intents=24, seed=6, faults=faults)

    found = run_drill(wanted, lambda _: None, threading.Event()).as_json()

    assert found["violations"] == []
    assert found["fills"] > 0
    assert found["positions"] > 0
    assert found["parity"]["compared"]["balances"] > 0
    assert found["settleMs"] <= 12_000
    assert sum(found["modifications"].values()) > 0
    assert (sum(found["faults"].values()) > 0) == bool(faults)


def test_drill_counts_what_orders_were_wanted_for_and_what_became_of_them_to_the_same_sum() -> None:
    verdict = Verdict(
        intents=20, closes=3, replacements=2, venue_orders=19, refused_here=1, refused_by_venue=2, proven_absent=3
    )
    result = DrillResult(options=DrillOptions(venue="mexc", intents=20, seed=1, faults=()), verdict=verdict)
    lines = shown(drill_table(result))

    found = {line[0]: line[1] for line in cells_of(lines) if len(line) > 1}
    begun = list(found).index("intents")
    rows = [(name, int(found[name])) for name in list(found)[begun : begun + 7]]
    wanted = [count for name, count in rows[:3]]
    became = [count for name, count in rows[3:]]
    assert [name[0] for name, _ in rows] == ["i", "+", "+", "=", "+", "+", "+"]
    assert sum(wanted) == sum(became) == 25
    assert any("No faults were asked for." in line for line in lines)
    assert not any("none asked for" in line for line in lines)


def test_drill_settles_as_long_as_its_faults_can_hide_an_order() -> None:
    assert settle_ms("coinbase", ()) == settle_ms("coinbase", LOSING) == CALM_SETTLE_MS
    assert settle_ms("coinbase", (*LOSING, "process_late")) == PAPER_SETTLE_MS
    assert all(settle_ms(venue, NAMES) <= CAPABILITIES[venue].settle_ms for venue in VENUES)


def test_drills_of_several_venues_end_in_one_table_with_a_column_for_each() -> None:
    results = [
        DrillResult(options=DrillOptions(venue=venue, intents=5, seed=1, faults=()), verdict=Verdict(intents=number))
        for number, venue in enumerate(("binance", "coinbase"), 5)
    ]
    results[1].verdict.lost = 1
    results[1].verdict.note("something is lost")
    lines = shown(drills_table(results))

    cells = {name: rest for name, *rest in cells_of(lines)}
    assert cells["lost"] == ["0", "1"]
    assert cells["intents"] == ["5", "6"]
    assert cells["violations"] == ["0", "1"]
    assert "coinbase 3 s instead of 60 s" in " ".join(" ".join(lines).split())
    assert any("coinbase: something is lost" in line for line in lines)


def shown(parts: tuple[RenderableType, ...]) -> list[str]:
    console = Console(width=120, color_system=None)
    with console.capture() as capture:
        console.print(*parts)
    return capture.get().splitlines()


def cells_of(lines: list[str]) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("│ ").split("│")] for line in lines if "│" in line]


@pytest.mark.parametrize("as_json", [True, False])
def test_drills_of_all_venues_that_are_interrupted_keep_those_that_have_ended(as_json: bool) -> None:  # noqa: FBT001
    arguments = ["drill", "--venue", "all", "--intents", "4", "--faults", "none", *(["--json"] if as_json else [])]
    first, second = VENUES[:2]
    with subprocess.Popen(
        [sys.executable, "run.py", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as drill:
        assert drill.stderr is not None
        assert re.search(r"^ *\d+ s  \w+: ", next(line for line in drill.stderr if f"{second}: " in line))
        # As `timeout` does it: the program hears of it more than once, and each time for itself.
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            drill.send_signal(signal.SIGTERM)
        out, errors = drill.communicate(timeout=60)

    assert drill.returncode == 130, errors
    if as_json:
        done, begun = json.loads(out)["drills"]
        assert (done["venue"], done["interrupted"], done["violations"], done["intents"]) == (first, False, [], 4)
        assert (begun["venue"], begun["interrupted"]) == (second, True)
    else:
        lines = out.splitlines()
        assert re.fullmatch(rf"{first}: 4 intents, .* 0 duplicates, 0 lost, 0 violations; \d+ s", lines[0])
        assert ["venue orders" in line for line in lines].count(True) == 2, "and once more in the table"
        assert re.fullmatch(rf"interrupted after \d of 4 intents at {second}; not judged there", lines[-1])


@pytest.mark.parametrize("as_json", [True, False])
def test_drill_that_is_interrupted_says_how_far_it_came_and_judges_nothing(as_json: bool) -> None:  # noqa: FBT001
    arguments = ["drill", "--intents", "500", *(["--json"] if as_json else [])]
    with subprocess.Popen(
        [sys.executable, "run.py", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as drill:
        assert drill.stderr is not None
        next(line for line in drill.stderr if "binance: faults on" in line)
        drill.send_signal(signal.SIGINT)
        out, errors = drill.communicate(timeout=60)

    assert drill.returncode == 130
    assert "Traceback" not in errors
    if as_json:
        result = json.loads(out)
        assert (result["interrupted"], result["violations"]) == (True, [])
        assert "duplicates" not in result, "what was not compared is not reported"
    else:
        assert out.startswith("interrupted after ")
        assert out.endswith(" of 500 intents; not judged\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("drill", "--faults", "sunshine"), "there is no fault 'sunshine'"),
        (("drill", "--venue", "nowhere"), "there is no paper venue 'nowhere'"),
        (("drill", "--intents", "0"), "'--intents'"),
        (("replay", "missing.csv.gz"), "there is no file missing.csv.gz"),
        (("--config", "missing.yaml"), "missing.yaml"),
    ],
)
def test_command_with_a_wrong_argument_says_so_and_exits_with_two(arguments: tuple[str, ...], says: str) -> None:
    ended = run(*arguments)

    assert ended.returncode == 2
    assert says in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def options(*, intents: int, fills_max: int) -> DrillOptions:
    return DrillOptions(venue="binance", intents=intents, seed=17, faults=(), fills_max=fills_max)


def test_schedule_of_a_seed_is_the_same_each_time_and_has_every_fault() -> None:
    one, other = (draw_stages(NAMES, Random(5)) for _ in range(2))

    assert one == other
    assert one != draw_stages(NAMES, Random(6))
    named = {rule.fault.value for stage in one for rule in stage.rules}
    assert named | {"streams_broken", STORE_KILLED} == set(NAMES)
    assert any(stage.store_killed for stage in one)
    assert any(stage.streams_broken for stage in one)


def test_intents_of_a_seed_are_the_same_each_time() -> None:
    def drawn(seed: int) -> list[object]:
        found = intents("binance", ("a", "b"), Random(seed))
        return [next(found) for _ in range(50)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


@pytest.mark.parametrize("venue", VENUES)
def test_intents_at_a_venue_are_of_what_it_can_do(venue: str) -> None:
    able, market = CAPABILITIES[venue], market_of(venue)
    drawn = [intent for intent, _ in zip(intents(venue, ("a", "b"), Random(4)), range(1_000), strict=False)]

    commands = [intent.command for intent in drawn]
    assert {command.type for command in commands} == able.order_types
    assert {command.time_in_force for command in commands} - {None} <= able.times_in_force
    assert any(command.post_only for command in commands) == able.post_only
    assert any(command.quote_size is not None for command in commands) == able.quote_size_market
    changed = [change for intent in drawn for change in intent.changes]
    sizes = [command.size for command in commands] + [size for size, _ in changed]
    prices = [price for command in commands for price in (command.price, command.stop_price)]
    assert all(size > 0 and size % market.lot == 0 for size in sizes if size is not None)
    assert all(price % market.tick == 0 for price in prices + [price for _, price in changed] if price is not None)
    assert all(intent.fate in (Fate.REST, Fate.CANCEL, Fate.SWEEP) for intent in drawn if intent.command.stop_price)
    waiting = [command for command in commands if command.type is OrderType.LIMIT and command.size is not None]
    worth = [market.worth(command.price or Decimal(), command.size or Decimal()) for command in waiting]
    assert min(worth) < market.notional_max < max(worth), "some are to be refused by the limit, and not all"


def test_intents_of_a_seed_are_cut_into_as_many_pieces_as_asked_and_no_more_than_the_order_has() -> None:
    found = intents("binance", ("a",), Random(3), fills_max=100)
    cut = [intent for intent in (next(found) for _ in range(500)) if intent.pieces]

    assert max(len(intent.pieces) for intent in cut) == 100
    assert min(len(intent.pieces) for intent in cut) == 1
    for intent in cut:
        size, limit = intent.command.size, intent.command.price
        assert size is not None
        assert limit is not None
        taken = sum(piece for _, piece in intent.pieces)
        assert taken < size if intent.fate in IN_PART else taken == size
        buys = intent.command.side is Side.BUY
        assert all(piece > 0 and (price <= limit if buys else price >= limit) for price, piece in intent.pieces)
        assert (intent.command.fill_timeout_ms is not None) == (intent.fate is Fate.TIME_OUT)


def test_fault_names_of_a_list_are_read_as_given() -> None:
    assert chosen_faults("all", "binance") == NAMES
    assert chosen_faults("none") == ()
    assert chosen_faults("ban,hang") == ("ban", "hang")
    with pytest.raises(UnknownFault, match="sunshine"):
        chosen_faults("ban,sunshine")


def test_faults_of_a_venue_are_those_that_can_happen_there() -> None:
    def missing(venue: str) -> set[str]:
        return set(NAMES) - set(chosen_faults("all", venue))

    assert missing("binance") == set()
    assert missing("mexc") == {"deliver_twice", "new_half_fails"}
    assert missing("projectx") == {"wrong_clock", "new_half_fails"}
    assert missing("kraken") == {"new_half_fails"}
