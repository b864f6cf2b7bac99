"""Results as tables: of a drill, of a replay, of a check."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from actors.app.checking import CheckResult
from actors.app.drill_result import DrillResult
from actors.app.figures import counted, money, price
from actors.app.markets import CAPABILITIES, settle_ms
from actors.app.recording import Ending
from actors.app.records import PositionFinding
from actors.app.replayed import ReplayResult
from actors.app.verdict import Verdict
from actors.domain.arithmetic import plain
from messages.types import ZERO

_VIOLATIONS_SHOWN: Final = 20
_FAULT_COLUMNS: Final = 3
_LAST_OF_ZEROS: Final = "violations"
_FIGURES: Final[tuple[tuple[str, bool, Callable[[DrillResult], object]], ...]] = (
    ("duplicates", True, lambda result: result.verdict.duplicates),
    ("lost", True, lambda result: result.verdict.lost),
    ("phantom fills", True, lambda result: result.verdict.phantom_fills),
    ("missing fills", True, lambda result: result.verdict.missing_fills),
    ("false matches", True, lambda result: result.verdict.false_matches),
    ("false positions", True, lambda result: result.verdict.false_positions),
    ("live twice", True, lambda result: result.verdict.live_twice),
    ("overexecuted", True, lambda result: result.verdict.overexecuted),
    ("differences", True, lambda result: result.operated.differences),
    ("manual reviews", True, lambda result: result.verdict.manual_reviews),
    (_LAST_OF_ZEROS, True, lambda result: len(result.verdict.violations)),
    ("intents", False, lambda result: result.verdict.intents),
    ("+ closes of positions", False, lambda result: result.verdict.closes),
    ("+ in the place of others", False, lambda result: result.verdict.replacements),
    ("= venue orders", False, lambda result: result.verdict.venue_orders),
    ("+ refused before sending", False, lambda result: result.verdict.refused_here),
    ("+ refused by the venue", False, lambda result: result.verdict.refused_by_venue),
    ("+ proven absent", False, lambda result: result.verdict.proven_absent),
    ("fills", False, lambda result: result.verdict.fills),
    ("changed in place", False, lambda result: result.modifications["changed_in_place"]),
    ("changed by another order", False, lambda result: result.modifications["replaced"]),
    ("timed out", False, lambda result: result.verdict.timed_out),
    ("faults", False, lambda result: result.faults.total()),
    ("kinds of faults", False, lambda result: sum(1 for count in result.faults.values() if count)),
    ("settled in s", False, lambda result: f"{result.settle_seconds:.1f}"),
    ("seconds", False, lambda result: f"{result.wall_seconds:.0f}"),
)
"""Of drills beside each other: what each is called, whether it must be 0, and where it stands."""


def drill_table(result: DrillResult) -> tuple[RenderableType, ...]:
    """The faults that happened, the invariants and what was found of each."""
    verdict = result.verdict
    table = Table(title=f"Drill on {result.options.venue}, seed {result.options.seed}", title_justify="left")
    table.add_column("what must hold")
    table.add_column("found", justify="right", no_wrap=True)
    table.add_column("")
    _must_be_zero(table, "duplicates: more than one venue order for an intent", verdict.duplicates)
    _must_be_zero(table, "lost: intents or venue orders without a record", verdict.lost)
    _must_be_zero(table, "phantom fills: booked, but never made by the venue", verdict.phantom_fills)
    _must_be_zero(table, "missing fills: made by the venue, but not booked", verdict.missing_fills)
    _must_be_zero(table, "false matches: an order that follows another's venue order", verdict.false_matches)
    _must_be_zero(table, "false positions: not what the venue's executions add up to", verdict.false_positions)
    _must_be_zero(table, "modifications that left two orders working", verdict.live_twice)
    _must_be_zero(table, "orders that executed more than was ever asked for", verdict.overexecuted)
    _must_be_zero(table, "orders placed by hand at the venue that were cancelled here", verdict.foreign_touched)
    _must_be_zero(table, "differences that accounts found comparing themselves", result.operated.differences)
    _must_be_zero(table, "manual reviews left when everything was quiet", verdict.manual_reviews)
    in_all = "violations in all: states, averages, closes, evidence, replies, records, public hash"
    _must_be_zero(table, in_all, len(verdict.violations))
    table.add_section()
    for what, count in _orders_wanted(verdict):
        table.add_row(what, str(count))
    table.add_row("fills", str(verdict.fills))
    for source, spread in result.booking.items():
        told = f"learned by {source.value}: {spread.count}; ms from execution to booking, p50 / p95 / max"
        table.add_row(told, f"{spread.p50} / {spread.p95} / {spread.max}")
    table.add_row("positions compared", str(verdict.positions))
    table.add_row("closes of positions refused", str(result.close_refusals.total()))
    for what, found in (
        ("modifications", result.modifications),
        ("refused by rule", result.rules),
        ("refused for now, and asked again until it was not", result.refusals),
    ):
        table.add_row(what, str(found.total()))
        for name, count in found.most_common():
            table.add_row(f"- {name.replace('_', ' ')}", str(count))
    operated = result.operated
    told = f"{operated.cancels_of_all}; {operated.kill_switches}; {operated.synchronised}"
    table.add_row("cancels of everything; kill switches; synchronisations", told)
    parts = ("orders", "fills", "balances")
    compared = " / ".join(str(operated.compared[part]) for part in parts)
    table.add_row(f"compared by the accounts themselves: {' / '.join(parts)}", compared)
    table.add_row("orders timed out after their last fill", str(verdict.timed_out))
    table.add_row("manual reviews on the way", str(result.reviews_raised))
    table.add_row("seconds from the last fault until all was right", f"{result.settle_seconds:.1f}")
    table.add_row("seconds in all", f"{result.wall_seconds:.1f}")
    return (_fault_table(result), table, *_settle_remark([result]), *_violations(verdict.violations))


def drill_lines(result: DrillResult) -> tuple[RenderableType, ...]:
    """What came of one drill of several, in a line, and what is wrong."""
    verdict = result.verdict
    found = (
        f"{verdict.intents} intents, {counted(verdict.venue_orders, 'venue order')}, {counted(verdict.fills, 'fill')}, "
        f"{counted(result.faults.total(), 'fault')}: {verdict.duplicates} duplicates, {verdict.lost} lost, "
        f"{counted(len(verdict.violations), 'violation')}; {result.wall_seconds:.0f} s"
    )
    style = "red" if verdict.violations else ""
    return (Text(f"{result.options.venue}: {found}", style=style), *_violations(verdict.violations))


def drills_table(results: Sequence[DrillResult]) -> tuple[RenderableType, ...]:
    """Drills of several venues beside each other, and what is wrong in any of them."""
    table = Table(title=f"Drills, seed {results[0].options.seed}", title_justify="left")
    table.add_column("")
    for result in results:
        table.add_column(result.options.venue, justify="right", no_wrap=True)
    for name, zero, figure in _FIGURES:
        cells = [Text(str(figure(result)), style="bold red" if zero and figure(result) else "") for result in results]
        table.add_row(name, *cells)
        if name == _LAST_OF_ZEROS:
            table.add_section()
    wrong = [f"{result.options.venue}: {text}" for result in results for text in result.verdict.violations]
    return (table, *_settle_remark(results), *_violations(wrong))


def _settle_remark(results: Sequence[DrillResult]) -> tuple[str, ...]:
    shorter = [
        f"{result.options.venue} {ours / 1000:g} s instead of {theirs / 1000:g} s"
        for result in results
        for ours in [settle_ms(result.options.venue, result.options.faults)]
        for theirs in [CAPABILITIES[result.options.venue].settle_ms]
        if ours < theirs
    ]
    if not shorter:
        return ()
    told = "Settle time before 'not found' proves anything, as long as faults can hide an order on paper"
    return (f"{told}: {', '.join(shorter)}.",)


def check_table(result: CheckResult) -> tuple[RenderableType, ...]:
    """Every position as its fills say, and whether what is recorded says the same."""
    table = Table(title=f"Records in {result.where}", title_justify="left")
    table.add_column("account", overflow="fold")
    rows = [
        (account.account_id, *_position_row(position, result.places))
        for account in result.accounts
        for position in account.positions
    ]
    for name in ("exchange", "symbol"):
        table.add_column(name, no_wrap=True)
    for place, name in enumerate(("fills", "size", "average entry", "realised", "fees"), start=3):
        # A column of numbers keeps the width of its longest line, whatever else has to be folded.
        lines = [name, *(line for row in rows for line in str(row[place]).splitlines())]
        table.add_column(name, justify="right", no_wrap=True, min_width=max(map(len, lines)))
    table.add_column("")
    for row in rows:
        table.add_row(*row)
    orders = sum(account.orders for account in result.accounts)
    fills = sum(account.fills for account in result.accounts)
    found = (
        counted(len(result.accounts), "account"), counted(orders, "order"), counted(fills, "fill"),
    )  # fmt: skip
    counts = f"{', '.join(found)}: {counted(len(result.differences), 'difference')}"
    unfinished = [
        f"account {each.account_id}: {counted(each.active_closes, 'close')} under way, "
        f"{counted(each.parked, 'execution')} without an order"
        for each in result.accounts
        if each.active_closes or each.parked
    ]
    unfinished += [
        f"account {each.account_id}: {counted(each.forgotten, 'order')} not kept any more, only what was executed"
        for each in result.accounts
        if each.forgotten
    ]
    return (table, counts, *unfinished, *_violations(result.differences))


def _position_row(position: PositionFinding, places: Mapping[str, int]) -> tuple[str | Text, ...]:
    average = position.average_entry
    return (
        position.exchange,
        position.symbol,
        str(position.fills),
        plain(position.size),
        "-" if average is None else price(average, position.exchange, places),
        "-" if position.realised is None else money(position.realised),
        "\n".join(f"{plain(fee)} {currency or '?'}" for currency, fee in position.fees) or "-",
        _mark(bad=bool(position.problems)),
    )


def replay_table(result: ReplayResult) -> tuple[RenderableType, ...]:
    """What was played against what was recorded."""
    expected = result.outlook.endings()
    table = Table(title=f"Replay of {result.outlook.events} events", title_justify="left")
    table.add_column("")
    table.add_column("recorded", justify="right", no_wrap=True)
    table.add_column("here", justify="right", no_wrap=True)
    table.add_column("")
    for ending in Ending:
        _compared(table, f"orders {ending.value}", expected[ending], result.endings[ending])
    _compared(table, "executions", result.outlook.executions, result.verdict.fills)
    recorded = sum(result.outlook.executed.values(), ZERO)
    _compared(table, "executed size, both sides", plain(recorded), plain(result.executed))
    _compared(table, "executed value, both sides", plain(result.outlook.value()), plain(result.value))
    verdict = result.verdict
    _must_be_zero(table, f"positions that differ, of {verdict.positions}", verdict.false_positions, blank=True)
    table.add_section()
    table.add_row("orders of the recording", str(len(result.outlook.orders)))
    ways = ", ".join(f"{way} {count}" for way, count in result.modifications.items() if count)
    table.add_row(f"modifications: {ways or 'none'}", "", str(result.modifications.total()))
    table.add_row("venue orders", "", str(result.verdict.venue_orders))
    table.add_row("seconds", "", f"{result.wall_seconds:.1f}")
    table.add_section()
    _must_be_zero(table, "violations", len(result.verdict.violations), blank=True)
    return (table, *_violations(result.verdict.violations))


def _orders_wanted(verdict: Verdict) -> tuple[tuple[str, int], ...]:
    """What orders were wanted for, and what became of them: both parts have the same sum."""
    return (
        ("intents", verdict.intents),
        ("+ closes of positions that placed an order", verdict.closes),
        ("+ orders in the place of others", verdict.replacements),
        ("= venue orders", verdict.venue_orders),
        ("+ refused before sending", verdict.refused_here),
        ("+ refused by the venue", verdict.refused_by_venue),
        ("+ sent, and proven not to be there", verdict.proven_absent),
    )


def _fault_table(result: DrillResult) -> RenderableType:
    if not result.options.faults:
        return "No faults were asked for."
    table = Table(title="Faults that really happened", title_justify="left", show_header=False)
    for _ in range(_FAULT_COLUMNS):
        table.add_column()
        table.add_column(justify="right")
    cells = [
        (name.replace("_", " "), Text(str(result.faults[name]), style="" if result.faults[name] else "dim"))
        for name in result.options.faults
    ]
    for start in range(0, len(cells), _FAULT_COLUMNS):
        table.add_row(*(cell for pair in cells[start : start + _FAULT_COLUMNS] for cell in pair))
    return table


def _must_be_zero(table: Table, what: str, found: int, *, blank: bool = False) -> None:
    table.add_row(what, *([""] if blank else []), str(found), _mark(bad=found > 0))


def _compared(table: Table, what: str, recorded: object, here: object) -> None:
    table.add_row(what, str(recorded), str(here), _mark(bad=recorded != here))


def _mark(*, bad: bool) -> Text:
    return Text("BROKEN", style="bold red") if bad else Text("ok", style="green")


def _violations(violations: list[str]) -> tuple[RenderableType, ...]:
    shown = tuple(Text(text, style="red") for text in violations[:_VIOLATIONS_SHOWN])
    rest = len(violations) - len(shown)
    return (*shown, Text(f"and {rest} more", style="red")) if rest else shown
