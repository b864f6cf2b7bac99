"""The paper process: starts, announces itself, serves, and leaves nothing behind however it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import websocket
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from exchanges.paper.client import ControlError, PaperProcess
from messages.types import Side

ROOT = Path(__file__).parents[3]
DEADLINE_S = 10


def is_listening(url):
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname, address.port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def started(*arguments):
    """Start the module by hand; return the child and what it announced."""
    child = subprocess.Popen(
        [sys.executable, "-m", "exchanges.paper.process", "--json", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    return child, json.loads(child.stdout.readline())["binance"]


def ended(child, venue):
    """Wait for the end; assert that nothing was said on the way and that the ports are free."""
    _, errors = child.communicate(timeout=DEADLINE_S)
    assert errors == b""
    assert not any(is_listening(venue[name]) for name in ("restUrl", "controlUrl"))
    return child.returncode


def test_process_announces_addresses_keys_and_symbols(paper_process):
    venue = paper_process.venues["binance"]
    assert set(venue) == {"restUrl", "streamUrl", "controlUrl", "account", "credentials", "symbols"}
    assert set(venue["credentials"]) == {"apiKey", "apiSecret", "ed25519ApiKey", "ed25519PrivateKey"}
    assert venue["symbols"] == ["BTC-USDT", "ETH-USDT", "BTC-USD"]
    assert requests.get(f"{venue['restUrl']}/api/v3/ping", timeout=DEADLINE_S).json() == {}


def test_process_with_the_same_seed_has_the_same_keys_and_with_another_has_not():
    keys = []
    for seed in (11, 11, 12):
        with PaperProcess(seed=seed) as process:
            keys.append(process.venues["binance"]["credentials"])
    assert keys[0] == keys[1]
    assert not set(keys[0].values()) & set(keys[2].values())


def test_process_left_by_its_starter_ends_and_frees_its_ports():
    with PaperProcess(seed=3) as process:
        venue, pid = process.venues["binance"], process.pid
        assert is_listening(venue["restUrl"])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not is_listening(venue["restUrl"])
    assert not is_listening(venue["controlUrl"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_told_to_end_by_a_signal_ends_cleanly(number):
    child, venue = started()
    child.send_signal(number)
    assert ended(child, venue) == 0


def test_process_whose_input_closes_ends_when_asked_to():
    child, venue = started("--exit-with-stdin")
    assert ended(child, venue) == 0


def test_process_with_requests_and_streams_under_way_ends_cleanly(new_user):
    child, venue = started("--exit-with-stdin")
    control = venue["controlUrl"]
    rules = {"rules": [{"fault": "hang", "kind": "time"}]}
    requests.post(f"{control}/faults", json=rules, timeout=DEADLINE_S).raise_for_status()
    stream = websocket.create_connection(venue["streamUrl"], timeout=DEADLINE_S)
    with pytest.raises(requests.Timeout):
        requests.get(f"{venue['restUrl']}/api/v3/time", timeout=0.2)
    assert ended(child, venue) == 0
    stream.close()


def test_process_asked_for_an_unknown_venue_says_so_and_fails():
    with pytest.raises(ControlError, match="exit status 2"), PaperProcess(["atlantis"]):
        pytest.fail("it started")


def test_process_of_one_venue_loads_no_other_dialect():
    code = (
        "import sys; import exchanges.paper.process as process; process._dialect_class('binance');"
        "print(sorted({name.split('.')[3] for name in sys.modules if name.startswith('exchanges.paper.dialects.')}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "['binance']\n"


def test_process_with_a_market_trades_by_itself(eventually):
    with PaperProcess(seed=3, market=True) as process:
        control = process.control()
        control.add_account("us", unlimited=True)
        terms = {"symbol": "BTC-USDT", "side": Side.BUY, "size": Decimal("0.001"), "price": Decimal(60005)}
        order = control.place("us", "bid", **terms)
        eventually(lambda: control.orders(account="us")[0]["status"] == "FILLED")
        assert control.executions(orderId=order["orderId"])


def test_process_with_rate_limits_enforces_and_announces_them():
    with PaperProcess(seed=3, rate_limits=True) as process:
        url = f"{process.venues['binance']['restUrl']}/api/v3/exchangeInfo"
        announced = requests.get(url, timeout=DEADLINE_S).json()["rateLimits"]
        assert announced[0]["limit"] == 6000
        statuses = [requests.get(url, timeout=DEADLINE_S).status_code for _ in range(300)]
        assert statuses[-1] == 429


def test_process_in_words_says_where_it_listens_and_with_which_keys():
    child = subprocess.Popen(
        [sys.executable, "-m", "exchanges.paper.process", "--exit-with-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    said, _ = child.communicate(timeout=DEADLINE_S)
    first, *lines = said.decode().splitlines()
    told = dict(line.strip().split(": ", 1) for line in lines)
    assert first == "binance"
    assert told["restUrl"].startswith("http://127.0.0.1:")
    assert told["streamUrl"].startswith("ws://127.0.0.1:")
    keys = {"apiKey", "apiSecret", "ed25519ApiKey", "ed25519PrivateKey"}
    assert set(told) == {"restUrl", "streamUrl", "controlUrl", "symbols"} | keys
    assert all(told.values())
    assert load_pem_private_key(told["ed25519PrivateKey"].replace("\\n", "\n").encode(), None)


def test_control_refuses_what_makes_no_sense_with_its_reason(control):
    with pytest.raises(ControlError, match="no such order"):
        control.execute(10**9)
    with pytest.raises(ControlError, match="exists"):
        control.add_account("paper")


def test_control_opens_an_account_with_keys_that_were_given(control, new_user, paper_process):
    user = new_user()
    name = f"given-{user.credentials['account']}"
    keys = {"apiKey": f"{name:x<20}".replace("-", ""), "apiSecret": "of my own choice"}
    credentials = control.add_account(name, keys=keys)
    assert (credentials["apiKey"], credentials["apiSecret"]) == (keys["apiKey"], keys["apiSecret"])
    user.credentials = credentials | {"account": name}
    assert user.call("GET", "account").status_code == 200


def test_control_places_a_stop_by_hand_that_waits_for_its_trigger(user, control):
    account = user.credentials["account"]
    terms = {"symbol": "BTC-USDT", "side": Side.BUY, "size": Decimal("0.01")}
    placed = [
        control.place(account, "at-market", stop_price=Decimal(900_000), **terms),
        control.place(account, "at-limit", price=Decimal(90_000), stop_price=Decimal(900_000), **terms),
    ]
    assert [(row["type"], row["stopPrice"], row["price"]) for row in placed] == [
        ("STOP_MARKET", "900000", None),
        ("STOP_LIMIT", "900000", "90000"),
    ]
    assert [row["venueOrderId"] for row in placed] == [str(row["orderId"]) for row in placed]
    with pytest.raises(ControlError, match="not working"):
        control.execute(placed[1]["orderId"])


def test_control_expires_tokens_at_a_venue_that_has_none(control):
    control.expire_tokens()
    assert control.now_ms() > 0


def test_control_places_and_cancels_by_hand_and_the_owner_sees_it(user, control):
    name = user.credentials["account"]
    order = control.place(name, "by-hand", symbol="BTC-USDT", side=Side.BUY, size=Decimal("0.01"), price=Decimal(50000))
    assert user.query("by-hand").json()["orderId"] == order["orderId"]
    assert control.cancel(order["orderId"])["status"] == "CANCELLED"
    assert control.placement_requests("by-hand") == []
    assert Decimal(control.balances(name)["USDT"]["locked"]) == 0
