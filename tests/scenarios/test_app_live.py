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
from actors.app.watch import Happening, Scene, Watch
from actors.app.workload import intents
from actors.settings import Settings
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
        "at_stake": {"USDT": Decimal("1234567.891")}, "compared_s": 3.4, "duplicates": 0, "lost": 0,
        "faults": Counter({f"fault_number_{number}": 1 for number in range(20)}), "gates_closed": (),
    }  # fmt: skip
    return Scene(**(empty | changes))


def position(account: str, **changes: Any) -> Position:
    terms = {"size": Decimal("-0.25"), "entry_value": Decimal(-15_000), "cash": Decimal("14_321.09")}
    fees = (("BTC", Decimal("0.00012345")), ("USDT", Decimal("11.11953261")))
    if changes.get("size") == 0:
        terms["entry_value"] = Decimal(0)
    return make(Position, account_id=account, **(terms | {"fees": fees, "fill_count": 9} | changes))


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

    assert headings(wide, "order") == ["order", "account", "side", "type", "size", "price", "filled", "state"]
    assert headings(narrow, "order") == ["order", "side", "size", "price", "filled", "state"]
    assert headings(wide, "account")[-1] == "fees"
    assert headings(narrow, "account")[-1] == "fills"
    assert not any("fees" in line for line in narrow)
    order = next(line for line in narrow if "…000000" in line)
    assert order.split()[1:7] == ["…000000", "BUY", "0.12345", "60123.45", "0.01234", "PARTIALLY_FILLED"]


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

    assert Watch(Oms(Settings.load(environ={})), ()).scene(ledger).waiting == 2

    ledger.asked(first)
    assert Watch(Oms(Settings.load(environ={})), ()).scene(ledger).waiting == 1


def test_screen_without_positions_says_so() -> None:
    assert any("no fills yet" in line for line in drawn(scene(positions=()), 80, 24))
