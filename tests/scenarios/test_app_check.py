"""`run.py check` on a real server's data: sound records agree, and each damaged one is reported, whatever it is."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from factories import make
from redis import Redis
from rich.console import Console
from tidy_rules import ROOT

from actors import Oms
from actors.app.checking import CheckResult, run_check
from actors.app.host import Host
from actors.app.ledger import Ledger
from actors.app.opened import NothingStored
from actors.app.records import AccountFinding, PositionFinding
from actors.app.tables import check_table
from actors.app.trader import Trader
from actors.app.workload import Fate, Intent
from actors.app.world import PaperWorld
from actors.errors import DataFolderInUse, StoreUnavailable, StoreUnfit
from actors.settings import Settings
from actors.store.embedded import EmbeddedServer
from actors.store.keys import Keys
from actors.store.port import Table
from messages import OrderType, Side, SubmitOrder
from messages.codec import decode_record, encode_record
from messages.fills import Fill, ParkedFill, Position
from messages.types import Order

ACCOUNTS = ("ann", "bob")
DEPLOYMENT = "checked"
DEADLINE_S = 30.0
PIECES = ((Decimal("42499.99"), Decimal("0.003")), (Decimal("42499.50"), Decimal("0.007")))


def settings(deployment: str = DEPLOYMENT) -> Settings:
    return Settings.load({"deployment": {"name": deployment}, "redis": {"durability": "everysec"}})


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which each account has bought in two pieces and sold a part again."""
    folder = tmp_path_factory.mktemp("sound") / "data"
    with (
        PaperWorld("binance", ACCOUNTS, seed=5) as world,
        Oms(world.settings(DEPLOYMENT, {}, durability="everysec"), data_folder=folder) as oms,
    ):
        for account in ACCOUNTS:
            trade(oms, world, account)
    return folder


def trade(oms: Oms, world: PaperWorld, account: str) -> None:
    buy = order(account, Side.BUY, "0.01", "42500.00")
    sell = order(account, Side.SELL, "0.004", "77000.00")
    for intent in (
        Intent(number=1, command=buy, fate=Fate.FILL_IN_MANY, pieces=PIECES),
        Intent(number=2, command=sell, fate=Fate.FILL),
    ):
        trader = Trader(oms, world.another_control(), [intent], Ledger(), stop=threading.Event())
        trader.start()
        assert trader.join(DEADLINE_S)
    deadline = time.monotonic() + DEADLINE_S
    while sum(map(len, oms.views(account).fills.values())) < len(PIECES) + 1:
        assert time.monotonic() < deadline, "the executions were not booked in time"
        time.sleep(0.01)


def order(account: str, side: Side, size: str, price: str) -> SubmitOrder:
    return SubmitOrder(
        account_id=account, exchange="binance", symbol="BTC-USDT", side=side, type=OrderType.LIMIT,
        size=Decimal(size), price=Decimal(price), request_id=f"{side}",
    )  # fmt: skip


class Data:
    """A copy of the sound folder that can be damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = Keys(DEPLOYMENT, 1)

    def change(self, table: Table, how: Callable[[dict[str, bytes]], dict[str, bytes | None]]) -> None:
        """Change records of the first account; None removes one."""
        key = self.keys.records(ACCOUNTS[0], table)
        with EmbeddedServer(self.folder) as server, Redis(unix_socket_path=str(server.socket_path)) as redis:
            stored = {field.decode(): value for field, value in redis.hgetall(key).items()}
            for field, value in how(stored).items():
                if value is None:
                    redis.hdel(key, field)
                else:
                    redis.hset(key, field, value)

    def check(self) -> CheckResult:
        return run_check(settings(), self.folder)


@pytest.fixture
def data(sound: Path, tmp_path: Path) -> Data:
    return Data(Path(shutil.copytree(sound, tmp_path / "data", ignore=shutil.ignore_patterns("*.sock"))))


def first(kind: type[Any], **changes: Any) -> Callable[[dict[str, bytes]], dict[str, bytes | None]]:
    """Change the first record of a table."""

    def how(stored: dict[str, bytes]) -> dict[str, bytes | None]:
        field, raw = next(iter(stored.items()))
        return {field: encode_record(replace(decode_record(kind, raw), **changes))}

    return how


def removed(stored: dict[str, bytes]) -> dict[str, bytes | None]:
    return {next(iter(stored)): None}


def garbled(stored: dict[str, bytes]) -> dict[str, bytes | None]:
    return {next(iter(stored)): b'{"size": "many"'}


def under_another_key(stored: dict[str, bytes]) -> dict[str, bytes | None]:
    field, raw = next(iter(stored.items()))
    return {field: None, field + "0": raw}


def of_nothing(stored: dict[str, bytes]) -> dict[str, bytes | None]:
    ghost = Position(account_id=ACCOUNTS[0], exchange="binance", symbol="ETH-USDT", size=Decimal(1), fill_count=1)
    return {"binance|ETH-USDT": encode_record(ghost)}


DAMAGE = [
    ("position of another size", Table.POSITIONS, first(Position, size=Decimal(7)), ["size is recorded as 7"]),
    ("position of another entry", Table.POSITIONS, first(Position, entry_value=Decimal(7)), ["entry_value is"]),
    ("position of other cash", Table.POSITIONS, first(Position, cash=Decimal(7)), ["position", "cash"]),
    ("position of other fees", Table.POSITIONS, first(Position, fees=()), ["position", "fees is recorded as none"]),
    ("position removed", Table.POSITIONS, removed, ["position", "there is no record of it"]),
    ("position garbled", Table.POSITIONS, garbled, ["cannot be read", "there is no record of it"]),
    ("position of no fills", Table.POSITIONS, of_nothing, ["ETH-USDT", "size is recorded as 1, the fills say 0"]),
    ("order of another total", Table.ORDERS, first(Order, filled_size=Decimal(7)), ["filled_size is"]),
    ("order of another value", Table.ORDERS, first(Order, filled_value=Decimal(7)), ["order", "filled_value"]),
    ("order of another count", Table.ORDERS, first(Order, fill_count=7), ["order", "fill_count is recorded as 7"]),
    ("order removed", Table.ORDERS, removed, ["which is not recorded"]),
    ("fill of another price", Table.FILLS, first(Fill, price=Decimal(7)), ["filled_value", "cash", "position"]),
    ("fill of another size", Table.FILLS, first(Fill, size=Decimal(7)), ["filled_size is", ": size is"]),
    ("fill of another fee", Table.FILLS, first(Fill, fee=Decimal(7)), ["order", "position", "fees"]),
    ("fill removed", Table.FILLS, removed, ["fill_count", "position"]),
    ("fill garbled", Table.FILLS, garbled, ["cannot be read", "fill_count"]),
    ("fill under another key", Table.FILLS, under_another_key, ["under another key than its own"]),
]  # fmt: skip


def test_check_of_sound_records_agrees_and_shows_every_position(data: Data) -> None:
    result = data.check()

    assert result.differences == []
    assert [account.account_id for account in result.accounts] == list(ACCOUNTS)
    (position,) = result.accounts[0].positions
    assert (position.fills, position.size) == (3, Decimal("0.00599"))
    # The venue took its fee of a thousandth out of what was bought for 424.99647.
    entry = Fraction("424.99647") / Fraction("0.00999")
    assert position.average_entry is not None
    assert abs(Fraction(position.average_entry) - entry) < Fraction(1, 10**40)
    assert abs(Fraction(position.realised) - Fraction("0.004") * (77_000 - entry)) < Fraction(1, 10**40)


@pytest.mark.parametrize(
    ("table", "how", "says"), [case[1:] for case in DAMAGE], ids=[case[0].replace(" ", "-") for case in DAMAGE]
)
def test_check_of_one_damaged_record_reports_it_and_its_account(
    data: Data, table: Table, how: Callable[[dict[str, bytes]], dict[str, bytes | None]], says: list[str]
) -> None:
    data.change(table, how)

    found = data.check().differences

    assert all(text.startswith(f"account {ACCOUNTS[0]}: ") for text in found)
    for words in says:
        assert any(words in text for text in found), found


def test_check_of_an_execution_that_waits_for_its_order_counts_it_and_calls_nothing_wrong(data: Data) -> None:
    parked = encode_record(make(ParkedFill))
    data.change(Table.PARKED, lambda _: {"binance|BTC-USDT|28|56": parked})

    result = data.check()

    assert [account.parked for account in result.accounts] == [1, 0]
    assert result.differences == []
    assert f"account {ACCOUNTS[0]}: 0 closes under way, 1 execution without an order" in check_table(result)


@pytest.mark.parametrize("setting", ["retainHistory", "cacheOrders"])
def test_check_where_ended_orders_are_not_kept_counts_them_and_calls_nothing_wrong(data: Data, setting: str) -> None:
    data.change(Table.ORDERS, removed)
    source = {
        "deployment": {"name": DEPLOYMENT}, "redis": {"durability": "everysec"},
        "orderManagement": {"privacy": {setting: False}},
    }  # fmt: skip

    result = run_check(Settings.load(source), data.folder)

    assert result.differences == []
    assert [account.forgotten for account in result.accounts] == [1, 0]
    assert f"account {ACCOUNTS[0]}: 1 order not kept any more, only what was executed" in check_table(result)


def test_check_where_ended_orders_are_not_kept_still_finds_a_position_that_its_fills_deny(data: Data) -> None:
    data.change(Table.ORDERS, removed)
    data.change(Table.FILLS, removed)
    source = {
        "deployment": {"name": DEPLOYMENT}, "redis": {"durability": "everysec"},
        "orderManagement": {"privacy": {"retainHistory": False}},
    }  # fmt: skip

    found = run_check(Settings.load(source), data.folder).differences
    assert any("position binance BTC-USDT" in text for text in found)


def test_check_writes_nothing(data: Data) -> None:
    def everything() -> dict[bytes, object]:
        with EmbeddedServer(data.folder) as server, Redis(unix_socket_path=str(server.socket_path)) as redis:
            read = {b"hash": redis.hgetall, b"stream": redis.xrange, b"string": redis.get}
            # The sign of life of the process that traded lapses by itself.
            keys = [key for key in redis.scan_iter() if b":owner:" not in key]
            return {key: read[redis.type(key)](key) for key in keys}

    before = everything()
    data.check()

    assert everything() == before
    assert len(before) > len(ACCOUNTS)


def run_program(*arguments: str, deployment: str = DEPLOYMENT) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "run.py", "check", *arguments]
    environ = os.environ | {"OMS__DEPLOYMENT__NAME": deployment}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_check_program_prints_the_positions_and_exits_with_one_when_they_differ(data: Data) -> None:
    arguments = ("--folder", str(data.folder))

    sound = run_program(*arguments, "--json")
    data.change(Table.POSITIONS, first(Position, size=Decimal(7)))
    damaged = run_program(*arguments)

    assert sound.returncode == 0, sound.stderr
    shown = json.loads(sound.stdout)
    assert shown["differences"] == []
    assert shown["accounts"][0]["positions"][0]["averageEntry"].startswith("42542.1891891891891")
    assert damaged.returncode == 1, damaged.stderr
    shown = next(line for line in damaged.stdout.splitlines() if "BROKEN" in line)
    assert shown.replace("│", " ").split()[:7] == [
        ACCOUNTS[0], "binance", "BTC-USDT", "3", "0.00599", "42,542.18918919", "137.83",
    ]  # fmt: skip
    assert "size is recorded as 7, the fills say 0.00599" in damaged.stdout, "what is piped is not folded"
    assert "2 accounts, 4 orders, 6 fills: 1 difference\n" in damaged.stdout


def test_check_of_a_server_that_is_in_use_reads_beside_its_owner(data: Data) -> None:
    with EmbeddedServer(data.folder) as server:
        source = {"deployment": {"name": DEPLOYMENT}, "redis": {"url": server.url, "durability": "everysec"}}

        result = run_check(Settings.load(source), None)

    assert result.differences == []
    assert len(result.accounts) == len(ACCOUNTS)


def test_check_of_a_folder_in_use_refuses(data: Data) -> None:
    with EmbeddedServer(data.folder), pytest.raises(DataFolderInUse, match="is in use by process"):
        data.check()


def test_check_of_another_deployments_records_refuses(data: Data) -> None:
    with pytest.raises(StoreUnfit, match=f"made with deployment.name {DEPLOYMENT}"):
        run_check(settings("other"), data.folder)


def test_check_without_a_store_that_stays_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(NothingStored, match="name a configuration"):
        run_check(settings(), None)
    with pytest.raises(NothingStored, match="is no data folder"):
        run_check(settings(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_check_program_without_a_store_exits_with_two() -> None:
    ended = run_program()

    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ")
    assert "Traceback" not in ended.stderr


def test_check_program_with_a_folder_and_a_configuration_refuses(tmp_path: Path) -> None:
    ended = run_program("--folder", str(tmp_path), "--config", str(tmp_path / "oms.yaml"))

    assert ended.returncode == 2
    assert "--config and --folder each lead to records: give one of them" in " ".join(ended.stderr.split())


def test_check_of_a_server_that_is_away_names_the_setting(tmp_path: Path) -> None:
    source = {"redis": {"url": f"unix://{tmp_path / 'nobody.sock'}"}}

    with pytest.raises(StoreUnavailable, match=r"start it or correct redis\.url"):
        run_check(Settings.load(source), None)


LONG = "98765432109.12345678"


def finding(**changes: Any) -> PositionFinding:
    terms: dict[str, Any] = {
        "account_id": "ann", "exchange": "binance", "symbol": "BTC-USDT", "fills": 3, "size": Decimal(LONG),
        "average_entry": Decimal("42499.6470000000001"), "realised": Decimal("-0.0000"),
        "fees": (("BTC", Decimal(LONG)), ("USDT", Decimal("0.50"))), "problems": (),
    }  # fmt: skip
    return PositionFinding(**(terms | changes))


def shown(width: int, *, terminal: bool, name: str = "ann with a long name", **changes: Any) -> list[str]:
    out = Console(width=width, force_terminal=terminal, color_system=None, file=StringIO())
    host = Host(stop=threading.Event(), log_to=lambda _: None, out=out)
    account = AccountFinding(name, positions=[finding(**changes)])
    host.show(*check_table(CheckResult("here", (account,), {"binance": 2})))
    assert isinstance(out.file, StringIO)
    return out.file.getvalue().splitlines()


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("width", [20, 80, 200])
@pytest.mark.parametrize("name", ["a", "ann with a long name"])
def test_check_table_of_any_width_never_cuts_a_number(name: str, width: int, *, terminal: bool) -> None:
    lines = shown(width, terminal=terminal, name=name)

    text = "\n".join(line for line in lines if "│" in line or "┃" in line)
    assert text.count(LONG) == 2
    assert "42,499.65" in text
    assert all(word in text for word in ("account", "BTC-USDT", "average entry")), "nor a word"
    assert "0.5 USDT" in text
    assert sum("BTC" in line.split("│")[-3] for line in lines if "│" in line) == 1, "each fee has a line of its own"
    assert terminal or any(name in line and "ok" in line for line in lines), "piped is not folded"


def test_check_table_shows_nothing_gained_as_zero_and_flat_without_an_average() -> None:
    line = next(line for line in shown(200, terminal=False, average_entry=None) if "BTC-USDT" in line)

    assert [cell.strip() for cell in line.split("│")[6:8]] == ["-", "0"]
