"""The main job's screen: what it shows of positions, and that a narrow one leaves columns out, not words."""

from collections import Counter
from decimal import Decimal
from itertools import islice
from random import Random
from typing import Any

import pytest
from factories import make
from rich.console import Console

from actors import Oms
from actors.app.ledger import Ledger
from actors.app.live import picture
from actors.app.watch import Happening, Parity, Scene, Told, VenueLine, Watch
from actors.app.workload import intents
from actors.settings import Settings
from exchanges.paper.client import ControlClient
from messages.events import Alert, Event, Severity
from messages.fills import Position
from messages.types import Order, OrderState

HEADER = ("Livermore Orders", "demo orders time out")
FOOTER = "Ctrl-C ends it"


def scene(**changes: Any) -> Scene:
    orders = tuple(
        make(
            Order,
            order_id=f"o{number:09}",
            account_id="caroline",
            state=OrderState.PARTIALLY_FILLED,
            price=Decimal("60123.45"),
            size=Decimal("0.12345"),
            filled_size=Decimal("0.01234"),
        )
        for number in range(30)
    )
    empty: dict[str, Any] = {
        "elapsed_s": 1.0, "states": Counter(dict.fromkeys(OrderState, 3)), "verifying": (), "recent": orders,
        "happenings": tuple(Happening(1_000, "something long was found out, " * 5) for _ in range(20)), "intents": 7,
        "placed": 6, "waiting": 2, "fills": 5, "positions": (position("alice"), position("bob", size=Decimal(0))),
        "places": {"binance": 4}, "found": 0, "absent": 0, "reviews": 0, "modified": 4,
        "at_stake": {"USDT": Decimal("1234567.891")}, "duplicates": 0, "lost": 0,
        "faults": Counter({f"fault_number_{number}": 1 for number in range(20)}), "venues": (),
    }  # fmt: skip
    return Scene(**(empty | changes))


def position(account: str, **changes: Any) -> Position:
    terms = {"size": Decimal("-0.25"), "entry_value": Decimal(-15_000), "cash": Decimal("14_321.09")}
    fees = (("BTC", Decimal("0.00012345")), ("USDT", Decimal("11.11953261")))
    if changes.get("size") == 0:
        terms["entry_value"] = Decimal(0)
    return make(Position, account_id=account, **(terms | {"fees": fees, "fill_count": 9} | changes))


def line(venue: str, **changes: Any) -> VenueLine:
    terms: dict[str, Any] = {
        "accounts": 1, "gates_open": 1, "streams_up": 1, "why_closed": "", "working": 12, "unknown": 3, "fills": 1234,
        "synced_s": 21.4, "faults": 345, "wrong": 0,
    }  # fmt: skip
    return VenueLine(venue=venue, **(terms | changes))


def told(event: Event) -> str:
    """What the view says of one event."""
    watch = Watch(Oms(Settings.load(environ={})), ())
    watch.listen(event)
    (happening,) = watch.scene().happenings
    return happening.text


def drawn(shown: Scene, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, color_system=None)
    with console.capture() as capture:
        console.print(picture(shown, HEADER, FOOTER, width=width, height=height))
    return capture.get().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 40), (100, 30), (140, 50), (220, 60)])
def test_screen_of_any_size_is_filled_and_never_overflows(width: int, height: int) -> None:
    lines = drawn(scene(), width, height)

    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert [line.strip() for line in lines[:2]] == list(HEADER)
    assert lines[-1].startswith(FOOTER)
    assert sum("…0000" in line for line in lines) >= 2, "orders are shown"


def test_screen_shows_each_position_with_its_average_and_profit() -> None:
    lines = drawn(scene(), 140, 40)

    (alice,) = (line for line in lines if "alice" in line)
    (bob,) = (line for line in lines if "│ bob" in line)
    assert alice.split()[1:8] == ["alice", "binance", "BTC-USDT", "-0.25", "60,000.0000", "-678.91", "9"]
    assert "0.00012345 BTC, 11.11953261 USDT" in alice
    assert any("waiting to be taken" in line and " 2 " in line for line in lines)
    assert bob.split()[4:7] == ["0", "flat", "14,321.09"]


def test_screen_of_eighty_columns_leaves_columns_out_whole() -> None:
    wide, narrow = (drawn(scene(), width, 24) for width in (140, 80))

    def headings(lines: list[str], first: str) -> list[str]:
        return next(line for line in lines if line.startswith(f"│ {first}")).strip("│ ").split()

    wanted = ["order", "venue", "account", "side", "type", "size", "price", "filled", "state"]
    assert headings(wide, "order") == wanted
    assert headings(narrow, "order") == ["order", "venue", "side", "size", "price", "filled", "state"]
    assert headings(wide, "account")[-1] == "fees"
    assert headings(narrow, "account")[-1] == "fills"
    assert not any("fees" in line for line in narrow)
    order = next(line for line in narrow if "…000000" in line)
    assert order.split()[1:8] == [
        "…000000", "binance", "BUY", "0.12345", "60123.45", "0.01234", "PARTIALLY_FILLED",
    ]  # fmt: skip


def test_screen_marks_a_position_that_the_venue_holds_otherwise() -> None:
    drifting = position("alice", drift=Decimal("0.50"))

    lines = drawn(scene(positions=(drifting, position("bob"))), 140, 40)

    assert any("alice" in line and "BTC-USDT drift +0.5 " in line for line in lines)
    assert not any("bob" in line and "drift" in line for line in lines)


def test_screen_of_nothing_gained_says_zero() -> None:
    lines = drawn(scene(positions=(position("alice", cash=Decimal("14999.9999")),)), 140, 40)

    assert next(line for line in lines if "alice" in line).split()[6] == "0"


def alert(account: str, **details: str) -> Alert:
    return Alert(
        account_id=account, name="Odd", severity=Severity.WARNING, text="look", details=tuple(details.items()), at_ms=1
    )


def test_alert_is_shown_with_the_account_and_the_order_that_it_is_about() -> None:
    assert told(alert("alice", order_id="o000123456")) == "alice, order …123456: Odd: look"
    assert told(alert("alice", size="7")) == "alice: Odd: look"
    assert told(alert("")) == "Odd: look"


def test_orders_that_wait_to_be_taken_are_each_counted_once() -> None:
    ledger = Ledger()
    first, second = islice(intents("binance", ("alice",), Random(1)), 2)
    for intent in (first, second):
        ledger.asked(intent)
        for _ in range(3):
            ledger.refused("gate_closed", intent)
    ledger.refused("gate_closed")

    told_of = {"binance": Told(ledger=ledger, parity=Parity(ControlClient(""), {}, "binance"), faults=Counter())}
    watch = Watch(Oms(Settings.load(environ={})), ())
    assert watch.scene(told_of).waiting == 2

    ledger.asked(first)
    assert watch.scene(told_of).waiting == 1


def test_screen_without_positions_says_so() -> None:
    assert any("no fills yet" in line for line in drawn(scene(positions=()), 80, 24))


SIX = ("binance", "coinbase", "kraken", "kucoin", "mexc", "projectx")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_screen_shows_a_line_for_each_of_six_venues_and_cuts_no_word(width: int, height: int) -> None:
    happenings = tuple(Happening(1_000, "unforgettable " * 12) for _ in range(20))
    shown = scene(venues=tuple(line(venue) for venue in SIX), happenings=happenings)

    lines = drawn(shown, width, height)

    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    for venue in SIX:
        (found,) = (text for text in lines if text.startswith(f"│ {venue} "))
        assert found.split()[2:11] == ["taken", "up", "12", "1234", "3", "21", "s", "345", "0"]
    found_out = [text for text in lines if "unforgettable" in text]
    assert found_out
    assert all(set(text.strip("│ ").split()[1:]) == {"unforgettable", "…"} for text in found_out)
    assert sum("…0000" in text for text in lines) >= 2, "orders are shown"
    assert any("0 lost" in text or "lost " in text for text in lines)


def test_screen_with_room_for_them_shows_positions_below_six_venues() -> None:
    shown = scene(venues=tuple(line(venue) for venue in SIX))

    assert any("average entry" in text for text in drawn(shown, 120, 40))
    assert not any("average entry" in text for text in drawn(shown, 80, 24))


def test_screen_says_which_venue_takes_no_orders_and_why() -> None:
    closed = line("kraken", gates_open=0, streams_up=0, why_closed="no connection", synced_s=None)
    some = line("mexc", accounts=3, gates_open=2, streams_up=2, why_closed="no list yet", wrong=2)

    lines = drawn(scene(venues=(closed, some)), 120, 40)

    (kraken,) = (text for text in lines if text.startswith("│ kraken"))
    assert kraken.split()[2:8] == ["refused", "down", "12", "1234", "3", "never"]
    assert "no connection" in kraken
    (mexc,) = (text for text in lines if text.startswith("│ mexc"))
    assert "2 of 3   2 of 3" in mexc
    assert mexc.split()[-5:] == ["2", "no", "list", "yet", "│"]


def test_screen_of_a_contract_whose_worth_is_not_known_shows_no_profit() -> None:
    unknown = position("alice", exchange="projectx", symbol="CON.F.US.EP.Z26", multiplier=None)

    lines = drawn(scene(positions=(unknown,)), 140, 40)

    assert next(text for text in lines if "alice" in text).split()[6] == "?"
