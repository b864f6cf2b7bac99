"""The programs as a newcomer starts them: the main job, the paper venues, the help."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from tidy_rules import ROOT

from actors.app.markets import VENUES
from actors.store.embedded import EmbeddedServer
from exchanges.paper.client import ControlClient


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "run.py", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_main_job_piped_prints_lines_and_ends_without_duplicates_or_losses() -> None:
    with start("--seconds", "8") as job:
        out, errors = job.communicate(timeout=120)

    assert job.returncode == 0, out + errors
    assert "Traceback" not in errors
    lines = out.splitlines()
    assert any("intents" in line and "duplicates 0  lost 0" in line for line in lines)
    assert "0 duplicates, 0 lost, 0 phantom fills, 0 false matches, 0 missing fills, " in out
    assert re.search(r" [1-9] positions? compared, 0 false; 0 violations in all", out)
    table = {line.split()[0]: line.split()[1:] for line in lines if line.split()[:1] and line.split()[0] in VENUES}
    assert table.keys() == set(VENUES)
    for asked, placed, _, *wrong in table.values():
        assert int(asked) > 0
        assert int(placed) > 0
        assert wrong == ["0", "0", "0", "0"]
    assert "some demo orders carry a fill timeout of 1 to 3 s" in errors
    parts = re.search(
        r"(\d+) intents with an outcome, (\d+) closes of positions and (\d+) orders in the place of others: "
        r"(\d+) venue orders .* (\d+) refused before "
        r".* (\d+) refused by .* (\d+) sent",
        out,
    )
    assert parts is not None
    intents, closes, replacements, *outcomes = map(int, parts.groups())
    assert sum(outcomes) == intents + closes + replacements, "everything with an outcome is counted once"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_main_job_told_to_stop_ends_in_good_order(number: signal.Signals) -> None:
    with start() as job:
        assert job.stdout is not None
        first = job.stdout.readline()
        job.send_signal(number)
        rest, errors = job.communicate(timeout=120)

    assert "intents" in first
    assert job.returncode == 0, errors
    assert "0 duplicates, 0 lost" in rest
    assert "Traceback" not in errors


def test_main_job_interrupted_while_it_loads_ends_without_a_word(tmp_path: Path) -> None:
    # Stands for a package that takes its time.
    (tmp_path / "loguru.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(30)\n", encoding="utf-8")
    environ = os.environ | {"PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "run.py"], cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as job:
        assert job.stdout is not None
        job.stdout.readline()
        job.send_signal(signal.SIGINT)
        _, errors = job.communicate(timeout=60)

    assert job.returncode == 130
    assert errors == ""


def test_main_job_with_metrics_serves_them(tmp_path: Path) -> None:
    config = tmp_path / "oms.yaml"
    config.write_text("metrics: {enabled: true, port: 0}\n", encoding="utf-8")

    with start("--config", str(config), "--no-faults") as job:
        assert job.stdout is not None
        assert job.stderr is not None
        announced = next(line for line in job.stderr if line.startswith("metrics on "))
        job.stdout.readline()
        body = urllib.request.urlopen(announced.split()[-1], timeout=10).read().decode()
        job.send_signal(signal.SIGINT)
        job.communicate(timeout=120)

    assert job.returncode == 0
    assert "idempotency_cache_misses" in body


def test_main_job_says_at_its_start_what_is_wrong_with_an_alias(tmp_path: Path) -> None:
    config = tmp_path / "oms.yaml"
    config.write_text(
        "paper: {venues: [binance]}\n"
        'accounts: [{id: "1", exchanges: {binance: {}}}, {id: "2", exchanges: {binance: {}}}]\n'
        "symbols: {aliases: {BTC-USD: {binance: BTCUSDT}}}\n",
        encoding="utf-8",
    )

    with start("--config", str(config), "--no-faults", "--seconds", "0.5") as job:
        _, errors = job.communicate(timeout=120)

    said = [line for line in errors.splitlines() if "aliases" in line]
    hidden = "BTC-USD is BTCUSDT here, so that the venue's own BTC-USD (BTCUSD) cannot be traded"
    assert said == [f"warning: binance: symbols.aliases: {hidden}"]


def test_main_job_with_an_occupied_metrics_port_names_it_and_exits_with_two(tmp_path: Path) -> None:
    config = tmp_path / "oms.yaml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config.write_text(f"metrics: {{enabled: true, port: {port}}}\n", encoding="utf-8")

        with start("--config", str(config)) as job:
            out, errors = job.communicate(timeout=60)

    assert job.returncode == 2
    assert f"error: metrics.port {port}" in errors
    assert len(errors.splitlines()) == 1, "nothing else was started"
    assert out == ""


def test_main_job_whose_store_is_away_names_the_setting_and_the_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    config = tmp_path / "oms.yaml"
    config.write_text(f'redis: {{url: "redis://127.0.0.1:{port}/0"}}\n', encoding="utf-8")

    with start("--config", str(config)) as job:
        _, errors = job.communicate(timeout=60)

    assert job.returncode == 2
    assert "error: the server of redis.url does not answer" in errors
    assert "start it or correct redis.url" in errors


def test_main_job_on_a_store_that_stays_compares_its_own_orders_and_waits_for_the_account(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "store", durability="everysec") as server:
        config = tmp_path / "oms.yaml"
        # One venue, where nothing is hidden: what is tested is the store, and others would be waited for.
        venue = "paper: {venues: [binance]}\nexchanges: {binance: {settleMs: 3000}}\n"
        config.write_text(f'redis: {{url: "{server.url}"}}\n{venue}', encoding="utf-8")
        arguments = ("--config", str(config), "--seconds", "4", "--no-faults")
        with start(*arguments) as first:
            first_out, errors = first.communicate(timeout=90)
            assert first.returncode == 0, first_out + errors
        with start("--config", str(config), "--no-faults") as owner:
            assert owner.stdout is not None
            owner.stdout.readline()
            with start(*arguments) as second:
                _, errors = second.communicate(timeout=90)
            owner.send_signal(signal.SIGINT)
            out, _ = owner.communicate(timeout=90)

    assert "is owned by another process; waiting" in errors
    assert owner.returncode == 0, out
    assert "0 phantom fills" in out


def test_main_job_with_wrong_settings_says_what_and_exits_with_two(tmp_path: Path) -> None:
    config = tmp_path / "oms.yaml"
    config.write_text("metrics: {prot: 1}\n", encoding="utf-8")

    with start("--config", str(config)) as job:
        out, errors = job.communicate(timeout=60)

    assert job.returncode == 2
    assert "prot" in errors
    assert "Traceback" not in errors
    assert out == ""


def test_paper_venues_announce_what_a_client_needs_and_end_when_told() -> None:
    with start("paper", "--json") as job:
        assert job.stdout is not None
        announced = json.loads(job.stdout.readline())["binance"]
        with_keys = announced["credentials"]
        control = ControlClient(announced["controlUrl"])
        venue_ms = control.now_ms()
        control.close()
        os.kill(job.pid, signal.SIGTERM)
        _, errors = job.communicate(timeout=60)

    assert job.returncode == 0, errors
    assert venue_ms > 0
    assert announced["restUrl"].startswith("http://127.0.0.1:")
    assert announced["streamUrl"].startswith("ws://127.0.0.1:")
    assert with_keys["apiKey"]
    assert with_keys["apiSecret"]
    assert "BTC-USDT" in announced["symbols"]


def test_help_of_the_command_line_names_every_program() -> None:
    with start("--help") as job:
        out, _ = job.communicate(timeout=60)

    assert job.returncode == 0
    for program in ("drill", "replay", "check", "paper", "--config", "--seconds"):
        assert program in out
