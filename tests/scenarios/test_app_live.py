"""The main job's screen: what it shows of positions, and that a narrow one leaves columns out, not words."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from factories import make
from rich.console import Console

from actors.app.live import picture
from actors.app.watch import Happening, Scene
from messages.fills import Position
from messages.types import Order, OrderState

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
        "placed": 6, "refused": 0, "fills": 5, "positions": (position("alice"), position("bob", size=Decimal(0))),
        "found": 0, "absent": 0, "reviews": 0, "duplicates": 0, "lost": 0,
        "faults": Counter({f"fault_number_{number}": 1 for number in range(20)}), "gates_closed": (),
    }  # fmt: skip
    return Scene(**(empty | changes))


def position(account: str, **changes: Any) -> Position:
    terms = {"size": Decimal("-0.25"), "entry_value": Decimal(-15_000), "cash": Decimal("14_321.09")}
    fees = (("BTC", Decimal("0.00012345")), ("USDT", Decimal("11.11953261")))
    if changes.get("size") == 0:
        terms["entry_value"] = Decimal(0)
    return make(Position, account_id=account, **(terms | {"fees": fees, "fill_count": 9} | changes))


def drawn(shown: Scene, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, color_system=None)
    with console.capture() as capture:
        console.print(picture(shown, "Livermore Orders", FOOTER, width=width, height=height))
    return capture.get().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 40), (100, 30), (140, 50), (220, 60)])
def test_screen_of_any_size_is_filled_and_never_overflows(width: int, height: int) -> None:
    lines = drawn(scene(), width, height)

    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert lines[-1].startswith(FOOTER)
    assert sum("…0000" in line for line in lines) >= 2, "orders are shown"


def test_screen_shows_each_position_with_its_average_and_profit() -> None:
    lines = drawn(scene(), 140, 40)

    (alice,) = (line for line in lines if "alice" in line)
    (bob,) = (line for line in lines if "│ bob" in line)
    assert alice.split()[1:8] == ["alice", "binance", "BTC-USDT", "-0.25", "60,000.00", "-678.91", "9"]
    assert "0.00012345 BTC, 11.11953261 USDT" in alice
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


def test_screen_without_positions_says_so() -> None:
    assert any("no fills yet" in line for line in drawn(scene(positions=()), 80, 24))
