"""`run.py parity` on a real server and a paper venue's sockets: equal records agree, every kind of difference is found,
what a second look does not show is none, and what nobody answered is never called equal.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from factories import make
from redis import Redis
from rich.console import Console
from tidy_rules import ROOT

from actors import Oms
from actors.app.host import Host
from actors.app.parity import NothingToCompare, ParityResult, run_parity
from actors.app.parity_table import parity_table
from actors.app.world import FUNDS
from actors.runtime.clock import SystemClock
from actors.settings import Settings
from actors.store.embedded import EmbeddedServer
from actors.store.keys import Keys
from actors.store.port import Table
from exchanges.paper.client import PaperProcess
from messages import OrderPlaced, OrderType, Side, SubmitOrder
from messages.codec import decode_record, encode_record
from messages.fills import Fill, Position
from messages.types import ZERO, Evidence, EvidenceSource, Order, OrderState, StateTransition

DEPLOYMENT = "compared"
AHEAD_MS = 60_000
"""The tests look so much later, by both clocks: everything has settled by then."""
DEADLINE_S = 30.0
NUMBERS = count(1)
KEYS = {"PARITY_KEY": "apiKey", "PARITY_SECRET": "apiSecret"}


class LaterClock(SystemClock):
    """The machine's clock a minute from now."""

    def now_ms(self) -> int:
        return super().now_ms() + AHEAD_MS


class Desk:
    """An account on a paper venue with stored records: an order that rests, and one that was filled in two pieces."""

    def __init__(self, venue: PaperProcess, server: EmbeddedServer, account: str) -> None:
        self.control = venue.control("binance")
        self.server = server
        self.account = account
        keys = self.control.add_account(account, FUNDS, scripted=True)
        self.environ = {name: keys[which] for name, which in KEYS.items()}
        self.source: dict[str, Any] = {
            "deployment": {"name": DEPLOYMENT},
            "redis": {"url": server.url, "durability": "everysec"},
            "exchanges": {"binance": {"restUrl": venue.venues["binance"]["restUrl"],
                                      "streamUrl": venue.venues["binance"]["streamUrl"]}},
            "accounts": [{"id": account, "exchanges": {"binance": {
                "apiKeyEnv": "PARITY_KEY", "apiSecretEnv": "PARITY_SECRET"}}}],
        }  # fmt: skip

    def settings(self) -> Settings:
        return Settings.load(self.source, environ=self.environ)

    def trade(self, oms: Oms) -> None:
        """Let an order rest, and have another one filled."""
        self.place(oms, Side.SELL, "0.5", "77000")
        filled = self.place(oms, Side.BUY, "0.01", "42500")
        number = int(filled.view.order.order_id)
        self.control.execute(number, Decimal(42500), Decimal("0.003"))
        self.control.execute(number, Decimal(42400), Decimal("0.007"))
        wait(lambda: sum(map(len, oms.views(self.account).fills.values())) == 2)

    def place(self, oms: Oms, side: Side, size: str, price: str) -> OrderPlaced:
        placed = oms.ask(
            SubmitOrder(
                account_id=self.account, exchange="binance", symbol="BTC-USDT", side=side, type=OrderType.LIMIT,
                size=Decimal(size), price=Decimal(price),
            )
        )  # fmt: skip
        assert isinstance(placed, OrderPlaced)
        return placed

    def by_hand(self) -> int:
        """An order that somebody placed past the order manager."""
        placed = self.control.place(
            self.account, "by-hand", symbol="BTC-USDT", side=Side.BUY, size=Decimal("0.01"), price=Decimal(30000)
        )
        return int(placed["orderId"])

    def resting(self) -> int:
        """The venue's number of the order that rests."""
        (row,) = self.control.orders(account=self.account, open=True)
        return int(row["orderId"])

    def change(self, table: Table, how: Callable[[bytes], bytes | None]) -> None:
        """Change the records of a table, one by one; None removes one."""
        with Redis(unix_socket_path=str(self.server.socket_path)) as redis:
            stored = redis.hgetall(Keys(DEPLOYMENT, 1).records(self.account, table))
        for field, value in stored.items():
            self.write(table, field.decode(), how(value))

    def write(self, table: Table, field: str, value: bytes | None) -> None:
        """Write a record, or remove it."""
        key = Keys(DEPLOYMENT, 1).records(self.account, table)
        with Redis(unix_socket_path=str(self.server.socket_path)) as redis:
            if value is None:
                redis.hdel(key, field)
            else:
                redis.hset(key, field, value)

    def hold(self) -> None:
        """What the venue holds was compared with the executions, as audits do."""
        self.change(Table.POSITIONS, lambda raw: encode_record(replace(decode_record(Position, raw), unexplained=ZERO)))

    def age(self) -> None:
        """Our orders are a minute older and have not changed since, and our position is as old."""

        def order(raw: bytes) -> bytes:
            kept = decode_record(Order, raw)
            then_ms = kept.created_at_ms - AHEAD_MS
            return encode_record(replace(kept, created_at_ms=then_ms, updated_at_ms=then_ms))

        def position(raw: bytes) -> bytes:
            kept = decode_record(Position, raw)
            assert kept.opened_ms is not None
            return encode_record(replace(kept, opened_ms=kept.opened_ms - AHEAD_MS))

        self.change(Table.ORDERS, order)
        self.change(Table.POSITIONS, position)

    def compare(self, pause: Callable[[float], object] = lambda _: None) -> ParityResult:
        """Look a minute from now."""
        with self.later():
            result = run_parity(self.settings(), clock=LaterClock(), pause=pause)
        assert result is not None
        return result

    @contextmanager
    def later(self) -> Iterator[None]:
        """The venue's clock says that a minute has passed."""
        self.control.set_clock_skew(AHEAD_MS)
        try:
            yield
        finally:
            self.control.set_clock_skew(0)


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def venue() -> Iterator[PaperProcess]:
    with PaperProcess(("binance",), seed=7) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path_factory.mktemp("store") / "data") as running:
        yield running


@pytest.fixture
def desk(venue: PaperProcess, server: EmbeddedServer) -> Desk:
    """Records of an order manager that has ended."""
    found = Desk(venue, server, f"a{next(NUMBERS)}")
    with Oms(found.settings()) as oms:
        found.trade(oms)
    return found


def kinds(result: ParityResult) -> list[str]:
    return sorted(each.kind.value for side in result.sides for each in side.conclusion.differences)


def outcomes(result: ParityResult) -> list[str]:
    return [side.conclusion.outcome for side in result.sides]


def compared(result: ParityResult) -> dict[str, int]:
    (side,) = result.sides
    return dict(side.conclusion.compared)


def test_parity_of_equal_records_compares_everything_and_finds_nothing(desk: Desk) -> None:
    desk.hold()

    result = desk.compare(pause=lambda _: pytest.fail("one look is enough where it shows nothing"))

    assert (result.differences, result.failures) == (0, [])
    assert compared(result) == {"orders": 1, "fills": 2, "balances": 2}
    assert (result.left_out, outcomes(result)) == ([], ["agreed"])


def test_parity_of_a_position_whose_holding_no_audit_has_compared_is_no_parity(desk: Desk) -> None:
    result = desk.compare()

    (failure,) = result.failures
    assert failure.endswith("balances: 1 with a holding that was not compared with our executions: BTC-USDT")
    assert outcomes(result) == ["incomplete"]


def test_parity_of_an_order_of_unknown_outcome_is_no_parity_and_names_it(desk: Desk) -> None:
    desk.hold()
    orders: list[str] = []

    def unanswered(raw: bytes) -> bytes:
        order = decode_record(Order, raw)
        if order.side is Side.BUY:
            return raw
        orders.append(order.order_id)
        return encode_record(replace(order, state=OrderState.SUBMITTED))

    desk.change(Table.ORDERS, unanswered)

    result = desk.compare()

    assert (result.differences, outcomes(result)) == (0, ["incomplete"])
    assert any(text.endswith(f"orders: 1 of unknown outcome: {orders[0]}") for text in result.failures)
    side = result.as_json()["sides"][0]
    assert sorted(each["what"] for each in side["notJudged"]) == ["balances", "orders"]


def test_parity_beside_a_running_order_manager_takes_nothing_from_it(
    venue: PaperProcess, server: EmbeddedServer
) -> None:
    desk = Desk(venue, server, "beside")
    with Oms(desk.settings()) as oms:
        desk.trade(oms)

        result = run_parity(desk.settings(), pause=lambda _: None)

        assert result is not None
        assert result.differences == 0
        assert desk.place(oms, Side.SELL, "0.1", "76000").view.order.order_id


def test_parity_with_an_order_placed_by_hand_finds_it_and_what_it_locks(desk: Desk) -> None:
    number = desk.by_hand()

    result = desk.compare()

    assert kinds(result) == ["locked_differs", "missing_here"]
    (missing,) = (each for each in result.sides[0].conclusion.differences if each.kind == "missing_here")
    assert (missing.name, missing.ours) == (str(number), "unknown")
    assert missing.venues.endswith("BUY 0.01 at 30000, filled 0")


def test_parity_with_an_order_cancelled_by_hand_finds_it_missing_at_the_venue(desk: Desk) -> None:
    desk.control.cancel(desk.resting())

    assert kinds(desk.compare()) == ["locked_differs", "missing_at_venue"]


def test_parity_with_an_execution_nobody_booked_finds_it_in_order_fill_and_balance(desk: Desk) -> None:
    desk.control.execute(desk.resting(), Decimal(77000), Decimal("0.1"))

    assert kinds(desk.compare()) == ["fill_missing_here", "locked_differs", "order_differs"]


def test_parity_with_an_order_recorded_at_another_price_finds_it(desk: Desk) -> None:
    def dearer(raw: bytes) -> bytes:
        order = decode_record(Order, raw)
        return encode_record(replace(order, price=Decimal(78000)) if order.side is Side.SELL else order)

    desk.change(Table.ORDERS, dearer)

    assert kinds(desk.compare()) == ["order_differs"]


def test_parity_with_fills_recorded_otherwise_finds_each(desk: Desk) -> None:
    def other(raw: bytes) -> bytes:
        fill = decode_record(Fill, raw)
        return encode_record(
            replace(fill, price=Decimal(1)) if fill.sequence == 1 else replace(fill, fill_id=f"{fill.fill_id}0")
        )

    desk.change(Table.FILLS, other)

    assert kinds(desk.compare()) == ["fill_differs", "fill_missing_at_venue", "fill_missing_here"]


def test_parity_counts_only_what_both_looks_show(desk: Desk) -> None:
    numbers = [desk.by_hand()]

    def repaired(_: float) -> None:
        desk.control.cancel(numbers.pop())

    desk.hold()

    result = desk.compare(pause=repaired)

    assert numbers == [], "the first look showed something"
    assert (result.differences, result.failures) == (0, [])


def test_parity_of_an_order_whose_end_was_recorded_between_the_looks_reports_it(desk: Desk) -> None:
    """It had ended a minute before, and our records had it for open."""
    desk.hold()
    desk.control.cancel(desk.resting())
    ended_ms = desk.control.now_ms()
    proof = make(Evidence, source=EvidenceSource.LOOKUP, venue_time_ms=ended_ms)

    def end(raw: bytes) -> bytes:
        order = decode_record(Order, raw)
        if order.side is Side.BUY:
            return raw
        ended = replace(order, state=OrderState.CANCELLED, version=order.version + 1)
        ids = {"order_id": order.order_id, "version": ended.version, "evidence": proof}
        step = make(StateTransition, from_state=order.state, to_state=ended.state, **ids)
        desk.write(Table.TRANSITIONS, f"{order.order_id}:{ended.version}", encode_record(step))
        return encode_record(ended)

    result = desk.compare(pause=lambda _: desk.change(Table.ORDERS, end))

    (found,) = result.sides[0].conclusion.differences
    assert (found.kind.value, found.venues) == ("missing_at_venue", f"not listed; ended at {ended_ms}")


def test_parity_told_to_end_between_the_looks_judges_nothing(desk: Desk) -> None:
    desk.by_hand()

    with desk.later():
        assert run_parity(desk.settings(), clock=LaterClock(), pause=lambda _: True) is None


def test_parity_of_what_has_just_happened_leaves_it_out_and_says_so(desk: Desk) -> None:
    desk.by_hand()

    result = run_parity(desk.settings(), pause=lambda _: pytest.fail("nothing to look at again"))

    assert result is not None
    assert (result.differences, result.failures) == (0, [])
    assert any("orders: 2 under way, or changed less than" in text for text in result.left_out)


def test_parity_writes_nothing(desk: Desk) -> None:
    def everything() -> dict[bytes, object]:
        with Redis(unix_socket_path=str(desk.server.socket_path)) as redis:
            read = {b"hash": redis.hgetall, b"stream": redis.xrange, b"string": redis.get}
            keys = [key for key in redis.scan_iter() if b":owner:" not in key]
            return {key: read[redis.type(key)](key) for key in keys}

    desk.by_hand()
    before, rows = everything(), desk.control.orders(account=desk.account)

    assert desk.compare().differences

    assert everything() == before
    assert desk.control.orders(account=desk.account) == rows


def test_parity_with_a_venue_that_does_not_answer_is_no_parity(desk: Desk) -> None:
    desk.control.begin_outage()
    try:
        result = run_parity(desk.settings(), pause=lambda _: None)
    finally:
        desk.control.end_outage()

    assert result is not None
    assert result.differences == 0
    assert sorted(text.split(": ")[1] for text in result.failures) == ["balances", "fills of BTC-USDT", "orders"]
    assert [side.conclusion.outcome for side in result.sides] == ["incomplete"]


def test_parity_with_a_credential_the_venue_refuses_is_no_parity(desk: Desk) -> None:
    desk.environ["PARITY_KEY"] = "nobody"

    result = run_parity(desk.settings(), pause=lambda _: None)

    assert result is not None
    assert len(result.failures) == 3


def test_parity_of_an_account_without_records_is_no_parity(venue: PaperProcess, desk: Desk) -> None:
    other = Desk(venue, desk.server, f"{desk.account}-new")

    (side,) = other.compare().sides

    assert {why for _, why in side.conclusion.failed} == {"the store has no records of this account"}


def test_parity_of_records_that_cannot_be_read_is_no_parity(desk: Desk) -> None:
    desk.change(Table.ORDERS, lambda _: b'{"size": "many"')

    (side,) = desk.compare().sides

    assert {why.split(":")[0] for _, why in side.conclusion.failed} == {"its records cannot be read"}


def test_parity_of_paper_venues_or_of_an_unknown_account_says_what_it_needs(desk: Desk) -> None:
    with pytest.raises(NothingToCompare, match="name a configuration with accounts that have credentials"):
        run_parity(Settings.load(None))
    with pytest.raises(NothingToCompare, match="no account 'nobody' in the configuration; there are: a"):
        run_parity(desk.settings(), "nobody")


# ----- the program


def run_program(desk: Desk | None, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "run.py", "parity", *arguments]
    if desk is not None:
        config = folder / "oms.yaml"
        config.write_text(yaml.safe_dump(desk.source), encoding="utf-8")
        command += ["--config", str(config)]
    environ = os.environ | ({} if desk is None else desk.environ)
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_parity_program_of_equal_records_says_so_and_exits_with_zero(desk: Desk, tmp_path: Path) -> None:
    desk.hold()
    desk.age()

    with desk.later():
        ended = run_program(desk, tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.rstrip().endswith("our records and the venues' agree")
    assert "agreed" in ended.stdout


def test_parity_program_of_records_that_nobody_can_judge_says_so_and_exits_with_two(desk: Desk, tmp_path: Path) -> None:
    desk.age()

    with desk.later():
        ended = run_program(desk, tmp_path)

    assert ended.returncode == 2
    assert "1 with a holding that was not compared with our executions" in ended.stderr
    assert "agree" not in ended.stdout


def test_parity_program_with_differences_lists_them_and_exits_with_one(desk: Desk, tmp_path: Path) -> None:
    number = desk.by_hand()

    with desk.later():
        shown = run_program(desk, tmp_path)
        told = run_program(desk, tmp_path, "--json", "--account", desk.account)

    assert (shown.returncode, told.returncode) == (1, 1), shown.stderr + told.stderr
    row = next(line for line in shown.stdout.splitlines() if "missing here" in line)
    assert [cell.strip() for cell in row.split("│")[1:7]] == [
        desk.account, "binance", "missing here", "BTC-USDT", str(number), "unknown",
    ]  # fmt: skip
    report = json.loads(told.stdout)
    assert report["differences"] >= 1
    assert report["sides"][0]["differences"][0]["kind"] == "missing_here"
    assert not any(secret in text for secret in desk.environ.values() for text in (told.stdout, shown.stderr))


def test_parity_program_that_cannot_ask_the_venue_exits_with_two(desk: Desk, tmp_path: Path) -> None:
    desk.source["exchanges"]["binance"]["restUrl"] = "http://127.0.0.1:9"

    ended = run_program(desk, tmp_path)

    assert ended.returncode == 2
    assert f"error: not compared: account {desk.account}, binance: orders: " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "not everything could be compared" in ended.stdout


def test_parity_program_without_a_configuration_exits_with_two(tmp_path: Path) -> None:
    ended = run_program(None, tmp_path)

    assert ended.returncode == 2
    assert ended.stderr.startswith("error: paper venues ")


def test_parity_table_shows_account_counts_and_differences(desk: Desk) -> None:
    desk.by_hand()
    result = desk.compare()
    out = Console(width=200, color_system=None, file=StringIO())
    assert isinstance(out.file, StringIO)

    Host(stop=threading.Event(), log_to=lambda _: None, out=out).show(*parity_table(result))

    text = out.file.getvalue()
    (row,) = (line for line in text.splitlines() if "differs" in line and "locked" not in line)
    assert [cell.strip() for cell in row.split("│")[1:8]] == [desk.account, "binance", "2", "2", "2", "2", "differs"]
    assert text.rstrip().endswith("2 orders, 2 fills, 2 balances compared: 2 differences")
