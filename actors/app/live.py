"""The main job's picture: a `Scene` as something `rich` can draw, and as one plain line for logs and pipes."""

from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from actors.app.watch import Happening, Scene
from actors.domain.arithmetic import plain
from messages.types import Order, OrderState

_COLOURS: Final = {
    OrderState.PENDING: "yellow",
    OrderState.SUBMITTED: "yellow",
    OrderState.ACKNOWLEDGED: "cyan",
    OrderState.PARTIALLY_FILLED: "blue",
    OrderState.FILLED: "green",
    OrderState.CANCELLED: "white",
    OrderState.EXPIRED: "white",
    OrderState.REJECTED: "magenta",
    OrderState.FAILED: "magenta",
}
_ALWAYS_SHOWN: Final = (OrderState.SUBMITTED, OrderState.ACKNOWLEDGED, OrderState.FILLED)
_HAPPENINGS_SHOWN: Final = 8
_TOP_LINES: Final = 9
_FAULTS_SHOWN: Final = _TOP_LINES - 2


def plain_line(scene: Scene) -> str:
    """The scene in one line."""
    return (
        f"{scene.elapsed_s:6.1f} s  intents {scene.intents}  placed {scene.placed}  fills {scene.fills}  "
        f"verifying {len(scene.verifying)}  found {scene.found}  proven absent {scene.absent}  "
        f"faults {sum(scene.faults.values())}  duplicates {scene.duplicates}  lost {scene.lost}"
    )


def picture(scene: Scene, title: str, footer: str, height: int) -> RenderableType:
    """The scene as a screen of at most `height` lines."""
    top = Table.grid(expand=True)
    for _ in range(3):
        top.add_column(ratio=1)
    top.add_row(_promises(scene), _states(scene), _faults(scene))
    room = max(4, height - _TOP_LINES - 4)
    happenings = max(2, min(_HAPPENINGS_SHOWN, room // 3))
    orders = max(2, room - happenings - 3)
    return Group(
        Text(title, style="bold"),
        top,
        _orders(scene, orders),
        _happenings(scene, happenings),
        Text(footer, style="dim"),
    )


def _promises(scene: Scene) -> Panel:
    table = Table.grid(padding=(0, 2))
    broken = scene.duplicates + scene.lost
    good = "bold green" if not broken else "bold red"
    table.add_row(Text("venue: duplicates", style=good), Text(str(scene.duplicates), style=good))
    table.add_row(Text("venue: lost", style=good), Text(str(scene.lost), style=good))
    table.add_row("intents", str(scene.intents))
    table.add_row("placed", str(scene.placed))
    table.add_row("proven not placed", str(scene.absent))
    table.add_row("fills", str(scene.fills))
    table.add_row("retried refusals", str(scene.refused))
    return Panel(table, title="venue and ledger", border_style=good, height=_TOP_LINES)


def _states(scene: Scene) -> Panel:
    table = Table.grid(padding=(0, 2))
    shown = [state for state in _COLOURS if scene.states[state] or state in _ALWAYS_SHOWN]
    for state in shown[: _TOP_LINES - 2]:
        table.add_row(Text(state.value, style=_COLOURS[state]), str(scene.states[state]))
    return Panel(table, title=f"orders, {len(scene.verifying)} being verified", height=_TOP_LINES)


def _faults(scene: Scene) -> Panel:
    table = Table.grid(padding=(0, 2))
    for name, count in scene.faults.most_common(_FAULTS_SHOWN):
        table.add_row(name.replace("_", " "), str(count))
    if not scene.faults:
        table.add_row("none yet", "")
    return Panel(table, title=f"faults that happened: {sum(scene.faults.values())}", height=_TOP_LINES)


def _orders(scene: Scene, rows: int) -> Panel:
    table = Table(box=None, pad_edge=False, expand=True, header_style="dim")
    for name in ("order", "account", "side", "type", "size", "price", "filled", "state"):
        table.add_column(name, no_wrap=True)
    table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
    settled = [order for order in scene.recent if order.verification is None]
    for order in [*scene.verifying, *settled][:rows]:
        table.add_row(*_order(order))
    return Panel(table, title="latest orders")


def _order(order: Order) -> tuple[RenderableType, ...]:
    size = f"{plain(order.quote_size)} quote" if order.quote_size is not None else plain(order.size)
    return (
        f"…{order.order_id[-6:]}",
        order.account_id,
        order.side.value,
        order.type.value,
        size,
        "-" if order.price is None else plain(order.price),
        plain(order.filled_size),
        Text(order.state.value, style=_COLOURS.get(order.state, "")),
        _remark(order),
    )


def _remark(order: Order) -> Text:
    if order.needs_review:
        return Text(f"needs a look: {order.review_reason}", style="red")
    if order.verification is not None:
        last = order.attempts[-1].detail if order.attempts else ""
        return Text(f"outcome unknown ({last}), being looked up", style="yellow")
    if order.cancel_pending:
        return Text("cancel under way", style="yellow")
    if len(order.attempts) > 1:
        return Text(f"sent {len(order.attempts)} times, each after proof that it was not there", style="dim")
    return Text(order.reason_text or order.reason.replace("_", " "), style="dim")


def _happenings(scene: Scene, rows: int) -> Panel:
    shown = scene.happenings[:rows]
    text = Text("\n", no_wrap=True, overflow="ellipsis").join(_line(each) for each in shown)
    return Panel(text if shown else Text("all calm", style="dim"), title="what was found out")


def _line(happening: Happening) -> Text:
    at = datetime.fromtimestamp(happening.at_ms / 1000, tz=UTC).strftime("%H:%M:%S")
    return Text(f"{at}  {happening.text}", style="yellow" if happening.grave else "")
