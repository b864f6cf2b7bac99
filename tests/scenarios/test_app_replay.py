"""Recorded order flow through accounts on a paper venue ends as the recording ends."""

import gzip
import threading
from decimal import Decimal
from pathlib import Path

import pytest
from factories import make

from actors.app.recording import Ending, RecordingError, foresee, read_rows
from actors.app.replay import ReplayOptions, run_replay
from actors.app.replayed import Played, compare
from actors.app.verdict import Verdict
from actors.views import PublishedViews
from messages.fills import Position
from messages.types import Order, OrderState

HEADER = "seq,ts_us,action,order_id,side,price,size,remaining,trade_id,flag"
ROWS = """\
1,1000000,A,101,B,235.10,2.00000000,2.00000000,,S
2,1000100,A,102,S,235.50,1.50000000,1.50000000,,
3,1000200,A,103,B,235.60,1.00000000,1.00000000,,
4,1000200,T,102,S,235.50,1.00000000,0.50000000,1,M
5,1000200,T,103,B,235.50,1.00000000,0.00000000,1,T
6,1000300,M,101,B,235.20,1.25000000,1.25000000,,
7,1000400,C,102,S,235.50,0.50000000,0.00000000,,
8,1000500,A,104,S,240.00,0.75000000,0.75000000,,
9,1000600,C,104,S,240.00,0.75000000,0.00000000,,
10,1000700,A,105,B,200.00,3.00000000,3.00000000,,
11,1000800,T,105,B,199.00,1.00000000,2.00000000,2,U""".splitlines()


def recording(folder: Path, rows: list[str]) -> Path:
    path = folder / "flow.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join([HEADER, *rows]) + "\n")
    return path


def options(path: Path, venue: str = "binance") -> ReplayOptions:
    return ReplayOptions(file=path, venue=venue, limit=None, speed=None)


@pytest.mark.parametrize("venue", ["coinbase", "kraken", "kucoin", "mexc"])
def test_replay_at_another_venue_ends_as_recorded(tmp_path: Path, venue: str) -> None:
    result = run_replay(options(recording(tmp_path, ROWS), venue), lambda *_: None, threading.Event())

    found = result.as_json()
    assert found["violations"] == []
    assert (found["filled"], found["openAtEnd"], found["fills"]) == (1, 2, 3)
    assert sum(found["modifications"].values()) == 1


def test_replay_where_whole_contracts_are_traded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="projectx trades whole contracts"):
        run_replay(options(recording(tmp_path, ROWS), "projectx"), lambda *_: None, threading.Event())


def test_replay_of_every_kind_of_event_ends_as_recorded(tmp_path: Path) -> None:
    reported: list[tuple[int, int]] = []

    result = run_replay(
        options(recording(tmp_path, ROWS)), lambda done, total: reported.append((done, total)), threading.Event()
    )

    found = result.as_json()
    assert found["violations"] == []
    assert (found["events"], found["orders"], found["venueOrders"]) == (11, 5, 6)
    assert (found["filled"], found["cancelledUnfilled"], found["cancelledAfterFill"]) == (1, 1, 1)
    assert (found["openAtEnd"], found["fills"], found["executedSize"]) == (2, 3, "3.00000000")
    assert Decimal(found["executedValue"]) == 2 * Decimal("235.50") + Decimal(199)
    assert (found["positions"], found["falsePositions"]) == (3, 0)
    assert reported[-1] == (11, 11)


MODIFIED = """\
1,1000000,A,101,B,235.10,2.00000000,2.00000000,,
2,1000100,M,101,B,235.10,1.50000000,1.50000000,,
3,1000200,T,101,B,235.10,0.50000000,1.00000000,1,M
4,1000300,M,101,B,235.10,0.75000000,0.75000000,,
5,1000400,M,101,B,235.20,0.60000000,0.60000000,,
6,1000500,T,101,B,235.20,0.60000000,0.00000000,2,M
7,1000000,A,102,S,235.10,1.00000000,1.00000000,,
8,1000100,M,102,S,235.00,2.00000000,2.00000000,,
9,1000200,A,103,S,235.10,1.00000000,1.00000000,,""".splitlines()


def test_replay_of_modifications_plays_each_as_its_venue_can_and_equal_and_crossing_orders_stand(
    tmp_path: Path,
) -> None:
    result = run_replay(options(recording(tmp_path, MODIFIED)), lambda done, total: None, threading.Event())

    found = result.as_json()
    assert found["violations"] == []
    assert found["modifications"] == {"in place": 2, "replaced": 1, "cancelled and placed": 1}
    assert (found["venueOrders"], found["filled"], found["openAtEnd"]) == (5, 1, 2)
    assert (found["fills"], found["executedSize"]) == (2, "1.10000000")


def books_of_the_recording(**changes: Decimal) -> dict[str, PublishedViews]:
    """What the account of the recording's last order holds at the end; its order and position can be changed."""
    order = make(
        Order, account_id="a", request_id="105", state=OrderState.PARTIALLY_FILLED, size=Decimal(3),
        filled_size=Decimal(1), filled_value=changes.get("value", Decimal(199)),
    )  # fmt: skip
    position = make(
        Position, account_id="a", symbol="BTC-USD", size=changes.get("size", Decimal("0.999")),
        cash=changes.get("cash", Decimal(-199)), fees=(("BTC", changes.get("fee", Decimal("0.001"))),),
    )  # fmt: skip
    return {"a": PublishedViews(orders={order.order_id: order}, positions={("binance", "BTC-USD"): position})}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, None),
        ({"value": Decimal(198)}, "order 105 executed 1 for 198, recorded are 1.00000000 for 199.0000000000"),
        ({"fee": Decimal(0)}, "account a holds 0.999 and -199 quote units"),
        ({"size": Decimal(2)}, "account a holds 2.001 and -199 quote units, recorded are 1.00000000 and -199.0"),
        ({"cash": Decimal(-198)}, "account a holds 1.000 and -198 quote units"),
    ],
)
def test_comparison_with_a_recording_finds_another_value_or_position(
    tmp_path: Path, changes: dict[str, Decimal], says: str | None
) -> None:
    outlook = foresee(read_rows(recording(tmp_path, ROWS[-2:])))
    verdict = Verdict()

    played = lambda order_id: Played(account="a", requests=[order_id])  # noqa: E731
    compare(verdict, outlook, played, books_of_the_recording(**changes))

    assert verdict.violations == [] if says is None else says in verdict.violations[0]


def test_replay_that_is_stopped_early_says_what_is_not_accounted_for(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()

    result = run_replay(options(recording(tmp_path, ROWS)), lambda done, total: None, stop)

    assert any("of 11 events were played" in text for text in result.verdict.violations)
    assert any("was never placed" in text for text in result.verdict.violations)


def test_recording_without_a_column_is_refused_by_the_name_of_the_column(tmp_path: Path) -> None:
    path = tmp_path / "flow.csv"
    path.write_text("seq,action,order_id,side,price,size,remaining\n1,A,1,B,1,1,1\n", encoding="utf-8")

    with pytest.raises(RecordingError, match="the header lacks ts_us"):
        foresee(read_rows(path))


def test_figures_of_a_recording_are_worked_out_from_its_rows(tmp_path: Path) -> None:
    outlook = foresee(read_rows(recording(tmp_path, ROWS)))

    assert outlook.endings() == {
        Ending.FILLED: 1, Ending.CANCELLED: 1, Ending.CANCELLED_AFTER_FILL: 1, Ending.OPEN: 2,
    }  # fmt: skip
    assert outlook.executions == 3
    assert outlook.orders["101"].modifications == 1


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("12,1,C,103,B,1,1,0,,", "order 103, which is not open"),
        ("12,1,C,999,B,1,1,0,,", "order 999, which is not open"),
        ("12,1,Z,999,B,1,1,0,,", "line 13 is not a row of a recording: action is 'Z', and must be one of A, M, C, T$"),
        ("12,1,A,999,X,1,1,0,,", "line 13 .*: side is 'X', and must be one of B, S$"),
        ("12,1,A,999,B,many,1,0,,", "line 13 .*: price is 'many', and must be a decimal number$"),
        ("12,1,A,999,B,1,NaN,0,,", "line 13 .*: size is 'NaN', and must be a decimal number$"),
        ("12,soon,A,999,B,1,1,0,,", "line 13 .*: ts_us is 'soon', and must be a whole number$"),
        ("12,1,A,999,B,1", "line 13 .*: size is missing, and must be a decimal number$"),
    ],
)
def test_recording_with_a_wrong_row_is_refused_with_its_place(tmp_path: Path, row: str, says: str) -> None:
    with pytest.raises(RecordingError, match=says):
        foresee(read_rows(recording(tmp_path, [*ROWS, row])))
