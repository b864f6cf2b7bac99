"""The main job's picture: a `Scene` as something `rich` can draw, and as one plain line for logs and pipes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from actors.app.figures import money, price
from actors.app.fitting import fitting_table, shortened
from actors.app.watch import Happening, Scene, VenueLine
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
_TOPS: Final = ((25, 10), (20, 7), (0, 1))
"""How many lines the figures at the top get, by those that they and everything below them have."""
_ROOM_FOR_POSITIONS: Final = 12
"""Lines below the top from which on positions are shown, beside orders and happenings."""
_FRAME: Final = 4
"""Columns that a panel's frame takes."""


def plain_line(scene: Scene) -> str:
    """The scene in one line."""
    return (
        f"{scene.elapsed_s:6.1f} s  intents {scene.intents}  placed {scene.placed}  fills {scene.fills}  "
        f"open positions {sum(bool(position.size) for position in scene.positions)}  "
        f"modified {scene.modified}  verifying {len(scene.verifying)}  found {scene.found}  "
        f"proven absent {scene.absent}  faults {sum(scene.faults.values())}  "
        f"venues open {sum(line.gates_open == line.accounts for line in scene.venues)} of {len(scene.venues)}  "
        f"duplicates {scene.duplicates}  lost {scene.lost}"
    )


def picture(scene: Scene, header: Sequence[str], footer: str, *, width: int, height: int) -> RenderableType:
    """The scene as a screen of at most so many columns and lines. The header's first line is its title."""
    venues = [_venues(scene, width - _FRAME)] if scene.venues else []
    # Header and footer, and of the venues the frame and the headings.
    room = height - len(header) - 1 - (len(scene.venues) + 3 if venues else 0)
    top_lines = next(lines for least, lines in _TOPS if room >= least)
    return Group(
        *(
            Text(line, style="dim" if place else "bold", no_wrap=True, overflow="ellipsis")
            for place, line in enumerate(header)
        ),
        _top(scene, top_lines),
        *venues,
        *_below(scene, room - top_lines, width=width, low=height < _LOW),
        Text(footer, style="dim", no_wrap=True, overflow="ellipsis"),
    )


def _below(scene: Scene, lines: int, *, width: int, low: bool) -> list[RenderableType]:
    """What comes below the figures: positions if there is room for all, orders, happenings."""
    shown: list[RenderableType] = []
    # Of each panel its frame, with the headings of two.
    rows = lines - 5
    if lines >= _ROOM_FOR_POSITIONS:
        held = max(1, min(len(scene.positions), _POSITIONS_SHOWN_LOW if low else _POSITIONS_SHOWN))
        rows -= held + 3
        shown.append(_positions(scene, held, width - _FRAME))
    happenings = max(1, min(_HAPPENINGS_SHOWN, rows // 3))
    inner = width - _FRAME
    return [*shown, _orders(scene, max(1, rows - happenings), inner), _happenings(scene, happenings, inner)]


def _top(scene: Scene, lines: int) -> RenderableType:
    if lines == 1:
        return _summary(scene)
    top = Table.grid(expand=True)
    for _ in range(3):
        top.add_column(ratio=1)
    top.add_row(_promises(scene, lines), _states(scene, lines), _faults(scene, lines))
    return top


def _summary(scene: Scene) -> Text:
    text = Text(f"{scene.duplicates} duplicates, {scene.lost} lost", style=_promise_style(scene), no_wrap=True)
    text.append(
        f" · {scene.intents} intents, {scene.placed} placed, {scene.fills} fills, {scene.modified} modified",
        style="not bold default",
    )
    return text


def _promise_style(scene: Scene) -> str:
    return "bold red" if scene.duplicates + scene.lost else "bold green"


def _venues(scene: Scene, width: int) -> Panel:
    names = ("venue", "orders", "stream", "working", "fills", "unknown", "synced", "faults", "wrong", "")
    numbers = frozenset(names[3:9])
    table = fitting_table(names, [_venue(line) for line in scene.venues], width, drop=("",), numbers=numbers)
    return Panel(table, title="venues", height=len(scene.venues) + 3)


def _venue(line: VenueLine) -> tuple[Text, ...]:
    return (
        Text(line.venue),
        _share(line.gates_open, line.accounts, "taken", "refused"),
        _share(line.streams_up, line.accounts, "up", "down"),
        Text(str(line.working)),
        Text(str(line.fills)),
        Text(str(line.unknown), style="yellow" if line.unknown else ""),
        Text("never" if line.synced_s is None else f"{max(0.0, line.synced_s):.0f} s"),
        Text(str(line.faults)),
        Text(str(line.wrong), style="bold red" if line.wrong else "green"),
        Text(line.why_closed, style="yellow"),
    )


def _share(count: int, of: int, all_: str, none: str) -> Text:
    if count == of:
        return Text(all_, style="green")
    return Text(none if not count else f"{count} of {of}", style="yellow")


def _promises(scene: Scene, lines: int) -> Panel:
    good = _promise_style(scene)
    rows: list[tuple[str | Text, str | Text]] = [
        (Text("duplicates", style=good), Text(str(scene.duplicates), style=good)),
        (Text("lost", style=good), Text(str(scene.lost), style=good)),
        ("intents", str(scene.intents)),
        ("placed", str(scene.placed)),
        ("fills", str(scene.fills)),
        ("modified", str(scene.modified)),
        ("proven not placed", str(scene.absent)),
        ("waiting to be taken", str(scene.waiting)),
    ]
    return _grid(rows, "by the venues' record", lines, border_style=good)


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
    table = fitting_table(names, cells, width, drop=("fees", "fills"), numbers=frozenset(names[2:]))
    title = f"positions · {_at_stake(scene)}"
    return Panel(table if cells else Text("no fills yet", style="dim"), title=title, height=rows + 3)


def _at_stake(scene: Scene) -> str:
    worth = ", ".join(f"{money(amount)} {quote}" for quote, amount in scene.at_stake.items() if amount)
    return f"open orders {worth}" if worth else "no open orders"


def _position(position: Position, places: Mapping[str, int]) -> tuple[Text, ...]:
    average = average_entry(position)
    return (
        Text(position.account_id),
        _place(position),
        Text(plain(position.size)),
        Text("flat" if average is None else price(average, position.exchange, places)),
        _realised(position),
        Text(str(position.fill_count)),
        Text(", ".join(f"{plain(rounded(fee, 8))} {currency}" for currency, fee in position.fees)),
    )


def _realised(position: Position) -> Text:
    if position.multiplier is None:
        # What a contract is worth is not known yet, so the sums are no money.
        return Text("?")
    realised = realised_pnl(position)
    return Text(money(realised), style=("red" if realised < 0 else "green") if realised else "")


def _place(position: Position) -> Text:
    text = Text(f"{position.exchange} {position.symbol}")
    if position.drift:
        sign = "+" if position.drift > 0 else ""
        text.append(f" drift {sign}{plain(position.drift)}", style="bold red")
    return text


def _orders(scene: Scene, rows: int, width: int) -> Panel:
    settled = [order for order in scene.recent if order.verification is None]
    cells = [_order(order) for order in [*scene.verifying, *settled][:rows]]
    names = ("order", "venue", "account", "side", "type", "size", "price", "filled", "state", "")
    drop = ("type", "account", "", "filled")
    table = fitting_table(names, cells, width, drop=drop, numbers=frozenset({"size", "price", "filled"}))
    return Panel(table, title="latest orders", height=rows + 3)


def _order(order: Order) -> tuple[Text, ...]:
    size = f"{plain(order.quote_size)} quote" if order.quote_size is not None else plain(order.size)
    return (
        Text(f"…{order.order_id[-6:]}"),
        Text(order.exchange),
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
        return Text(f"looked up: {last}" if last else "looked up", style="yellow")
    if order.replace_pending:
        return Text("change under way", style="yellow")
    if order.cancel_pending:
        return Text("cancel under way", style="yellow")
    if order.replaced_by is not None:
        return Text(f"replaced by …{order.replaced_by[-6:]}", style="dim")
    if len(order.attempts) > 1:
        return Text(f"sent {len(order.attempts)} times, each after proof that it was not there", style="dim")
    return Text(order.reason_text or order.reason.replace("_", " "), style="dim")


def _happenings(scene: Scene, rows: int, width: int) -> Panel:
    shown = scene.happenings[:rows]
    text = Text("\n", no_wrap=True).join(shortened(_line(each), width) for each in shown)
    return Panel(text if shown else Text("all calm", style="dim"), title="what was found out", height=rows + 2)


def _line(happening: Happening) -> Text:
    at = datetime.fromtimestamp(happening.at_ms / 1000, tz=UTC).strftime("%H:%M:%S")
    return Text(f"{at}  {happening.text}", style="yellow" if happening.grave else "")
