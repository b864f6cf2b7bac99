"""Secrets are nowhere: not in logs, events, metrics, stored values, errors, nor in the repr of anything that lives.

A whole session with values that can be recognised, and with faults that make every part complain.
"""

import base64
import gc
import io
import logging
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from awareness_world import World, answered, limit_order, placed, settings_of, settles_at_once
from fill_world import EXCHANGE, FUNDS, SYMBOL, Desk, FillVenue, until, venue_id
from loguru import logger
from prometheus_client import generate_latest
from test_privacy_at_rest import stored_values

from actors import Oms
from actors.errors import OmsError, SettingsError, StoreError
from actors.settings import Settings
from exchanges.paper.faults import Fault, FaultRule, RequestKind
from messages.commands import CancelAll, CheckParity, ModifyOrder, SyncOpenOrders
from messages.queries import GetExposure, GetOrders

GOOD, BAD = "secretive", "forger"
API_KEY = "Zq8vTr3KxW1mNb7LpYc5HdGf2JsRaEu9iOoQwXzVnMkBtCyPlUgShDjFaKeIrTvQ"
API_SECRET = "Kw4pLz9XnBv2MtRq7YcHd5GsJf8EaUiOoWxQkZmNyTbCrPvLgShDjFuKeIaTwVzX"
FORGED_SECRET = "Nv6bXc1ZlMk3QwErTyUiOp9AsDfGhJkLz5PoIuYtReWqMnBvCxZaSdFgHjKlQpWo"
PASSWORD = "Ux7gHw2vJd9sKq4zLm1n"
ENCRYPTION_KEY = bytes.fromhex("8f1d5c7ba9e34260b7d2c1f0985e6a3413fa7c0de2964b58a1f3d7c2e5b0496d")
ENCODED_KEY = base64.b64encode(ENCRYPTION_KEY).decode()
SHOWN_MAX = 7
"""So many characters of a secret in a row may stand somewhere by chance."""
PACKAGES = ("actors", "exchanges", "messages")


def parts(secret: str, length: int = SHOWN_MAX + 1) -> set[str]:
    return {secret[at : at + length] for at in range(len(secret) - length + 1)}


# Hex digits are everywhere; eight of them in a row may be a part of some order id.
PARTS = set().union(*map(parts, (API_KEY, API_SECRET, FORGED_SECRET, PASSWORD, ENCODED_KEY)))
PARTS |= parts(ENCRYPTION_KEY.hex(), 14)


def leaks(where: str, text: str) -> list[str]:
    """The places where a part of a secret stands."""
    return [f"{where}: ...{text[max(0, at - 40) : at]}<{len(part)} characters>" for part in PARTS
            if (at := text.find(part)) >= 0][:3]  # fmt: skip


@dataclass
class Ears:
    """Everything that is said while they are open."""

    lines: io.StringIO = field(default_factory=io.StringIO)
    errors: list[BaseException] = field(default_factory=list)

    def open(self) -> None:
        """Listen to our own log at its most talkative, as JSON, and to everybody else's."""
        self._sinks = [
            logger.add(self.lines.write, level="TRACE", serialize=True, diagnose=False, backtrace=True),
            logger.add(self.lines.write, level="TRACE", diagnose=False),
        ]
        self._handler = logging.StreamHandler(self.lines)
        self._level = logging.getLogger().level
        logging.getLogger().addHandler(self._handler)
        logging.getLogger().setLevel(logging.DEBUG)

    def close(self) -> None:
        """Listen no more."""
        for sink in self._sinks:
            logger.remove(sink)
        logging.getLogger().removeHandler(self._handler)
        logging.getLogger().setLevel(self._level)


@pytest.fixture
def ears() -> Iterator[Ears]:
    listening = Ears()
    listening.open()
    yield listening
    listening.close()


@pytest.fixture(scope="module")
def venue(fill_venue: FillVenue) -> FillVenue:
    keys = {"apiKey": API_KEY, "apiSecret": API_SECRET}
    fill_venue.control.add_account(GOOD, FUNDS, scripted=True, keys=keys)
    return fill_venue


@pytest.fixture
def world(venue: FillVenue) -> Iterator[World]:
    with World(venue, deployment="secretive", environ={"ORDER_KEYS": ENCODED_KEY}) as running:
        running.plain.config_set("requirepass", PASSWORD)
        running.plain.execute_command("AUTH", PASSWORD)
        yield running
        running.plain.config_set("requirepass", "")


def secret_settings(world: World, account: str, secret: str, password: str, **privacy: Any) -> Settings:
    return settings_of(
        world.venue.announced, {account: {"apiKey": API_KEY, "apiSecret": secret}},
        redis_url=f"{world.server.url}?password={password}", deployment=world.deployment, environ=world.environ,
        management={"privacy": privacy},
    )  # fmt: skip


def disturbed_session(world: World, desk: Desk, ears: Ears) -> None:
    """Place, fill, change and cancel while the venue does everything that somebody would have to report."""
    control = world.control
    order = placed(desk, limit_order(GOOD, price=Decimal("42123.45")))
    control.execute(venue_id(order), size=Decimal("0.002"))
    desk.filled(order, Decimal("0.002"))
    for fault, kind in (
        (Fault.MALFORMED_BODY, RequestKind.OPEN_ORDERS), (Fault.MALFORMED_BODY, RequestKind.BALANCES),
        (Fault.UNKNOWN_STATUS, RequestKind.OPEN_ORDERS), (Fault.ERROR_BEFORE, RequestKind.TRADES),
        (Fault.WRONG_CLOCK, RequestKind.PLACE), (Fault.MALFORMED_BODY, RequestKind.PLACE),
        (Fault.BREAK_MID_BODY, RequestKind.CANCEL), (Fault.UNKNOWN_OUTCOME, RequestKind.REPLACE),
        (Fault.RATE_LIMIT, RequestKind.AMEND),
    ):  # fmt: skip
        control.add_fault(FaultRule(fault=fault, kind=kind, count_max=1))
    for number in range(3):
        desk.oms.submit(limit_order(GOOD, price=Decimal(40000 + number))).result(60)
    for command in (
        SyncOpenOrders(account_id=GOOD, force=True), SyncOpenOrders(account_id=GOOD, force=True),
        CheckParity(account_id=GOOD), ModifyOrder(account_id=GOOD, order_id=order.order_id, size=Decimal("0.005")),
        limit_order(GOOD, price=Decimal("1.001")), limit_order(GOOD, symbol="NO-SUCH"), CancelAll(account_id=GOOD),
        SyncOpenOrders(account_id="nobody"),
    ):  # fmt: skip
        try:
            desk.oms.ask(command, timeout=60)
        except OmsError as error:
            ears.errors.append(error)
    control.abort_streams(GOOD)
    until(desk.oms.runtime.all_open, "the stream to be back")


def everything_alive() -> Iterator[tuple[str, str]]:
    """The repr and the text of every object of ours that lives."""
    for each in gc.get_objects():
        package = str(type(each).__module__).partition(".")[0]
        if package in PACKAGES and not isinstance(each, type):
            yield type(each).__qualname__, f"{each!r} {each}"


def told(error: BaseException) -> str:
    """An error as a host would log it, with everything that led to it."""
    return f"{error!r} {error} {''.join(traceback.format_exception(error))} {error.args!r}"


def test_secrets_of_a_whole_session_with_faults_are_nowhere(
    world: World, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    settles_at_once(monkeypatch)
    settings = secret_settings(
        world, GOOD, API_SECRET, PASSWORD, encryptAtRest=True, encryptionKeyEnv="ORDER_KEYS"
    )
    with world.running(settings) as desk:
        assert desk.oms.runtime.all_open()
        # A host's own mistake is logged with its traceback, too.
        desk.oms.subscribe(_fails)
        disturbed_session(world, desk, ears)
        found = [leak for name, text in everything_alive() for leak in leaks(f"repr of {name}", text)]
        found += leaks("settings", f"{settings!r} {settings} {settings.model_dump()!r}")
        found += leaks("metrics", generate_latest(desk.oms.registry).decode())
        answers = [desk.oms.ask(query) for query in (GetOrders(account_id=GOOD), GetExposure(account_id=GOOD))]
        found += leaks("answers", repr(answers))
        events = [*desk.oms.events(GOOD), *desk.heard]
        assert len(events) > 10
        found += leaks("events", repr(events))
    values = [*stored_values(world), *((key.decode(), key) for key in world.plain.scan_iter())]
    assert len(values) > 10
    found += [leak for key, value in values for leak in leaks(f"value of {key}", value.decode("latin-1"))]
    assert ears.errors
    found += [leak for error in ears.errors for leak in leaks(type(error).__name__, told(error))]
    assert "event handler failed" in ears.lines.getvalue()
    found += leaks("log", ears.lines.getvalue())
    assert found == []


def _fails(_: object) -> None:
    msg = "a host's own mistake"
    raise RuntimeError(msg)


def test_secrets_of_an_account_with_a_forged_signature_are_nowhere(world: World, ears: Ears) -> None:
    settings = secret_settings(world, BAD, FORGED_SECRET, PASSWORD)
    oms = Oms(settings)
    try:
        assert not oms.start(ready_timeout_s=1.0)
        desk = Desk(oms, world.control)
        reply = answered(desk, SyncOpenOrders(account_id=BAD, force=True))
        refusal = answered(desk, limit_order(BAD))
        metrics = generate_latest(oms.registry).decode()
        alive = [leak for name, text in everything_alive() for leak in leaks(f"repr of {name}", text)]
    finally:
        oms.stop()
    assert "-1022" in repr(reply)
    assert alive == []
    assert leaks("answers", f"{reply!r} {refusal!r} {metrics} {desk.heard!r}") == []
    assert leaks("log", ears.lines.getvalue()) == []
    assert [leak for key, value in stored_values(world) for leak in leaks(key, value.decode("latin-1"))] == []


@pytest.mark.parametrize("password", ["", "Wr0ngPassw0rdOfNobody", PASSWORD[:-1]])
def test_secrets_of_a_server_that_refuses_the_password_are_nowhere(world: World, ears: Ears, password: str) -> None:
    oms = Oms(secret_settings(world, GOOD, API_SECRET, password))
    try:
        with pytest.raises(StoreError) as caught:
            oms.start()
    finally:
        oms.stop()
    text = told(caught.value)
    assert leaks("error", text) == []
    assert not password or password not in text
    assert leaks("log", ears.lines.getvalue()) == []


@pytest.mark.parametrize("misplaced", ["apiKeyEnv", "apiSecretEnv", "encryptionKeyEnv", "url"])
def test_secrets_written_where_their_names_belong_are_not_repeated(misplaced: str) -> None:
    credentials = {"apiKeyEnv": "KEY", "apiSecretEnv": "SECRET"}
    privacy = {"encryptAtRest": True, "encryptionKeyEnv": "ORDER_KEYS"}
    redis_url = "unix:///nowhere"
    match misplaced:
        case "apiKeyEnv":
            credentials[misplaced] = API_KEY
        case "apiSecretEnv":
            credentials[misplaced] = API_SECRET
        case "encryptionKeyEnv":
            privacy[misplaced] = ENCODED_KEY
        case _:
            redis_url = f"http://user:{PASSWORD}@somewhere"
    raw = {
        "deployment": {"name": "secretive"}, "redis": {"url": redis_url},
        "accounts": [{"id": GOOD, "exchanges": {EXCHANGE: credentials}}], "orderManagement": {"privacy": privacy},
    }  # fmt: skip
    with pytest.raises(SettingsError) as caught:
        Settings.load(raw, environ={"KEY": API_KEY, "SECRET": API_SECRET, "ORDER_KEYS": ENCODED_KEY})
    assert leaks("error", told(caught.value)) == []


def test_leaks_of_any_part_are_noticed() -> None:
    assert leaks("log", f"x{API_SECRET[5:13]}y") != []
    assert leaks("log", f"x{ENCRYPTION_KEY.hex()[3:20]}y") != []
    assert leaks("log", f"x{API_SECRET[5:12]}y {SYMBOL}") == []
