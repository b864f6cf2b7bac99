"""What is said while an order manager cannot take orders yet: which exchange is not open, and why, in words."""

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from actors import Oms
from actors.app.host import Host
from actors.app.markets import VENUES
from actors.app.starting import closed, wait_until_open
from actors.settings import Settings
from actors.views import PublishedViews
from exchanges.paper.client import PaperProcess

DEADLINE_S = 30.0
SECRETS = {"kucoin": ("apiKey", "apiSecret", "passphrase"), "projectx": ("apiKey", "userName")}


@pytest.fixture(scope="module")
def wrong_keys() -> Iterator[Settings]:
    """One account at every venue, whose keys are well-formed and known to none of them."""
    exchanges: dict[str, dict[str, Any]] = {"projectx": {"accountNumber": 1}}
    environ: dict[str, str] = {}
    with PaperProcess(VENUES, seed=3) as paper:
        for venue in VENUES:
            keys = paper.control(venue).add_account("1", {})
            keys["apiKey"] = keys["apiKey"][:-1] + ("b" if keys["apiKey"].endswith("a") else "a")
            for part in SECRETS.get(venue, ("apiKey", "apiSecret")):
                variable = f"{venue}_{part}".upper()
                exchanges.setdefault(venue, {})[f"{part}Env"] = variable
                environ[variable] = keys[part]
        addresses = {
            venue: {name: announced[name] for name in ("restUrl", "streamUrl")}
            for venue, announced in paper.venues.items()
        }
        source = {
            "deployment": {"name": "wrong-keys"},
            "redis": {"durability": "everysec"},
            "exchanges": addresses,
            "accounts": [{"id": "1", "exchanges": exchanges}],
        }
        yield Settings.load(source, environ=environ)


def test_gate_of_a_venue_that_refuses_the_credentials_says_so_in_words_at_every_venue(
    wrong_keys: Settings, tmp_path: Path
) -> None:
    with_words = {venue: f"{venue} refuses the credentials: " for venue in VENUES}
    oms = Oms(wrong_keys, data_folder=tmp_path)
    oms.start(ready_timeout_s=0.0)
    try:
        gates = oms.views("1").gates
        deadline = time.monotonic() + DEADLINE_S
        while not all(with_words[venue] in gates.get(venue, "") for venue in VENUES):
            assert time.monotonic() < deadline, gates
            time.sleep(0.05)
    finally:
        oms.stop()


def test_program_that_waits_for_an_exchange_says_which_and_why_and_goes_on_when_stopped(
    wrong_keys: Settings, tmp_path: Path
) -> None:
    told, stop = io.StringIO(), threading.Event()
    host = Host(stop=stop, log_to=lambda _: None, progress=Console(file=told, width=80))
    oms = Oms(wrong_keys, data_folder=tmp_path)
    oms.start(ready_timeout_s=0.0)
    waiting = threading.Thread(target=wait_until_open, args=(oms, host))
    waiting.start()
    try:
        deadline = time.monotonic() + DEADLINE_S
        while "binance refuses the credentials: " not in told.getvalue():
            assert time.monotonic() < deadline, told.getvalue()
            time.sleep(0.05)
        stop.set()
        waiting.join(DEADLINE_S)
        assert not waiting.is_alive()
    finally:
        stop.set()
        oms.stop()
    (line,) = (line for line in told.getvalue().splitlines() if "binance refuses" in line)
    assert line.startswith("waiting: binance takes no new orders of account 1 yet: the user stream is down (")


def test_closed_exchanges_are_told_in_a_line_for_each_reason() -> None:
    books = {name: PublishedViews() for name in ("a", "b", "c")}
    for name, book in books.items():
        book.gates |= {"mexc": "down", "kraken": "" if name == "b" else "no token"}

    assert closed(books) == [
        "mexc takes no new orders of account a and 2 others yet: down",
        "kraken takes no new orders of account a and 1 other yet: no token",
    ]
