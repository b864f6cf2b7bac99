"""The main job's picture: a `Scene` as something `rich` can draw, and as one plain line for logs and pipes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from actors.app.figures import money, price
from actors.app.watch import Happening, Scene
from actors.domain.arithmetic import plain
from actors.domain.fills import rounded
from actors.domain.positions import average_entry, realised_pnl
from messages.fills import Position
from messages.types import Order, OrderState

_COLOURS: Final = {
    OrderState.PENDING: "yellow",
    OrderState.SUBMITTED: "yellow",
    OrderState.ACKNOWLEDGED: "cyan",
    OrderState.PARTIALLY_FILLED: "blue",
    OrderState.FILLED: "green",
    OrderState.CANCELLED: "white",
    OrderState.EXPIRED: "white",
    OrderState.PARTIAL_FILL_TIMEOUT: "white",
    OrderState.REJECTED: "magenta",
    OrderState.FAILED: "magenta",
}
_ALWAYS_SHOWN: Final = (OrderState.SUBMITTED, OrderState.ACKNOWLEDGED, OrderState.FILLED)
_HAPPENINGS_SHOWN: Final = 8
_POSITIONS_SHOWN: Final = 6
_POSITIONS_SHOWN_LOW: Final = 3
_LOW: Final = 30
"""A screen of fewer lines shows less of everything."""
_TOP_LINES: Final = 10
_TOP_LINES_LOW: Final = 7
_FRAME: Final = 4
"""Columns that a panel's frame takes."""
_REMARK_WIDTH: Final = 14
"""Columns that a remark needs to say something."""


def plain_line(scene: Scene) -> str:
    """The scene in one line."""
    return (
        f"{scene.elapsed_s:6.1f} s  intents {scene.intents}  placed {scene.placed}  fills {scene.fills}  "
        f"open positions {sum(bool(position.size) for position in scene.positions)}  "
        f"modified {scene.modified}  verifying {len(scene.verifying)}  found {scene.found}  "
        f"proven absent {scene.absent}  faults {sum(scene.faults.values())}  "
        f"duplicates {scene.duplicates}  lost {scene.lost}"
    )


def picture(scene: Scene, header: Sequence[str], footer: str, *, width: int, height: int) -> RenderableType:
    """The scene as a screen of at most so many columns and lines. The header's first line is its title."""
    low = height < _LOW
    top_lines = _TOP_LINES_LOW if low else _TOP_LINES
    top = Table.grid(expand=True)
    for _ in range(3):
        top.add_column(ratio=1)
    top.add_row(_promises(scene, top_lines), _states(scene, top_lines), _faults(scene, top_lines))
    held = max(1, min(len(scene.positions), _POSITIONS_SHOWN_LOW if low else _POSITIONS_SHOWN))
    # Header and footer, and of each panel its frame, with the headings of two.
    room = max(2, height - top_lines - held - len(header) - 9)
    happenings = max(1, min(_HAPPENINGS_SHOWN, room // 3))
    return Group(
        *(
            Text(line, style="dim" if place else "bold", no_wrap=True, overflow="ellipsis")
            for place, line in enumerate(header)
        ),
        top,
        _positions(scene, held, width - _FRAME),
        _orders(scene, max(1, room - happenings), width - _FRAME),
        _happenings(scene, happenings),
        Text(footer, style="dim", no_wrap=True, overflow="ellipsis"),
    )


def _promises(scene: Scene, lines: int) -> Panel:
    broken = scene.duplicates + scene.lost
    good = "bold green" if not broken else "bold red"
    rows: list[tuple[str | Text, str | Text]] = [
        (Text("venue: duplicates", style=good), Text(str(scene.duplicates), style=good)),
        (Text("venue: lost", style=good), Text(str(scene.lost), style=good)),
        ("intents", str(scene.intents)),
        ("placed", str(scene.placed)),
        ("fills", str(scene.fills)),
        ("modified", str(scene.modified)),
        ("proven not placed", str(scene.absent)),
        ("waiting to be taken", str(scene.waiting)),
    ]
    return _grid(rows, "venue and ledger", lines, border_style=good)


def _states(scene: Scene, lines: int) -> Panel:
    shown = [state for state in _COLOURS if scene.states[state] or state in _ALWAYS_SHOWN]
    rows = [(Text(state.value, style=_COLOURS[state]), str(scene.states[state])) for state in shown]
    return _grid(rows, f"orders, {len(scene.verifying)} looked up", lines)


def _faults(scene: Scene, lines: int) -> Panel:
    counted = scene.faults.most_common()
    rows = [(name.replace("_", " "), str(count)) for name, count in counted] or [("none yet", "")]
    return _grid(rows, f"faults: {sum(scene.faults.values())}", lines)


def _grid(rows: Sequence[tuple[str | Text, str | Text]], title: str, lines: int, border_style: str = "none") -> Panel:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(no_wrap=True, justify="right")
    for row in rows[: lines - 2]:
        table.add_row(*row)
    return Panel(table, title=title, border_style=border_style, height=lines)


def _positions(scene: Scene, rows: int, width: int) -> Panel:
    # Those that changed last, each in its place, so that the eye finds it again.
    shown = sorted(scene.positions[:rows], key=lambda each: (each.account_id, each.exchange, each.symbol))
    cells = [_position(position, scene.places) for position in shown]
    names = ("account", "position", "size", "average entry", "realised P&L", "fills", "fees")
    table = _table(names, cells, width, drop=("fees", "fills"), numbers=frozenset(names[2:]))
    title = f"positions · {_at_stake(scene)} · {_compared(scene)}"
    return Panel(table if cells else Text("no fills yet", style="dim"), title=title, height=rows + 3)


def _at_stake(scene: Scene) -> str:
    worth = ", ".join(f"{money(amount)} {quote}" for quote, amount in scene.at_stake.items() if amount)
    return f"open orders {worth}" if worth else "no open orders"


def _compared(scene: Scene) -> str:
    return "never compared" if scene.compared_s is None else f"compared {max(0.0, scene.compared_s):.0f} s ago"


def _position(position: Position, places: Mapping[str, int]) -> tuple[Text, ...]:
    average, realised = average_entry(position), realised_pnl(position)
    colour = "red" if realised < 0 else "green"
    return (
        Text(position.account_id),
        _place(position),
        Text(plain(position.size)),
        Text("flat" if average is None else price(average, position.exchange, places)),
        Text(money(realised), style=colour if realised else ""),
        Text(str(position.fill_count)),
        Text(", ".join(f"{plain(rounded(fee, 8))} {currency}" for currency, fee in position.fees)),
    )


def _place(position: Position) -> Text:
    text = Text(f"{position.exchange} {position.symbol}")
    if position.drift:
        sign = "+" if position.drift > 0 else ""
        text.append(f" drift {sign}{plain(position.drift)}", style="bold red")
    return text


def _orders(scene: Scene, rows: int, width: int) -> Panel:
    settled = [order for order in scene.recent if order.verification is None]
    cells = [_order(order) for order in [*scene.verifying, *settled][:rows]]
    names = ("order", "account", "side", "type", "size", "price", "filled", "state", "")
    drop = ("type", "account", "filled", "")
    table = _table(names, cells, width, drop=drop, numbers=frozenset({"size", "price", "filled"}))
    return Panel(table, title="latest orders", height=rows + 3)


def _table(
    names: Sequence[str], rows: Sequence[Sequence[Text]], width: int, *, drop: Sequence[str], numbers: frozenset[str]
) -> Table:
    """A table that leaves columns out, in the order of `drop`, until what stays fits without being folded.

    A column without a name takes what is left over, if that is enough to say something.
    """
    natural = {
        name: max([len(name), *(len(row[place]) for row in rows)]) if name else _REMARK_WIDTH
        for place, name in enumerate(names)
    }
    left_out: set[str] = set()
    for name in drop:
        if sum(natural[kept] + 2 for kept in names if kept not in left_out) - 2 <= width:
            break
        left_out.add(name)
    table = Table(box=None, pad_edge=False, expand="" in names and "" not in left_out, header_style="dim")
    for name in names:
        if name not in left_out:
            ratio = None if name else 1
            justify: Literal["left", "right"] = "right" if name in numbers else "left"
            table.add_column(name, ratio=ratio, justify=justify, no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*(cell for name, cell in zip(names, row, strict=True) if name not in left_out))
    return table


def _order(order: Order) -> tuple[Text, ...]:
    size = f"{plain(order.quote_size)} quote" if order.quote_size is not None else plain(order.size)
    return (
        Text(f"…{order.order_id[-6:]}"),
        Text(order.account_id),
        Text(order.side.value),
        Text(order.type.value),
        Text(size),
        Text("-" if order.price is None else plain(order.price)),
        Text(plain(order.filled_size)),
        Text(order.state.value, style=_COLOURS.get(order.state, "")),
        _remark(order),
    )


def _remark(order: Order) -> Text:
    if order.needs_review:
        return Text(f"needs a look: {order.review_reason}", style="red")
    if order.verification is not None:
        last = order.attempts[-1].detail if order.attempts else ""
        return Text(f"outcome unknown ({last}), being looked up", style="yellow")
    if order.replace_pending:
        return Text("change under way", style="yellow")
    if order.cancel_pending:
        return Text("cancel under way", style="yellow")
    if order.replaced_by is not None:
        return Text(f"replaced by …{order.replaced_by[-6:]}", style="dim")
    if len(order.attempts) > 1:
        return Text(f"sent {len(order.attempts)} times, each after proof that it was not there", style="dim")
    return Text(order.reason_text or order.reason.replace("_", " "), style="dim")


def _happenings(scene: Scene, rows: int) -> Panel:
    shown = scene.happenings[:rows]
    text = Text("\n", no_wrap=True, overflow="ellipsis").join(_line(each) for each in shown)
    return Panel(text if shown else Text("all calm", style="dim"), title="what was found out", height=rows + 2)


def _line(happening: Happening) -> Text:
    at = datetime.fromtimestamp(happening.at_ms / 1000, tz=UTC).strftime("%H:%M:%S")
    return Text(f"{at}  {happening.text}", style="yellow" if happening.grave else "")
