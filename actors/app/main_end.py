"""What the main job says at its end: a line for each venue, and the sums in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from actors.app.figures import counted
from actors.app.verdict import Verdict

_VIOLATIONS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueEnd:
    """What trading at one venue came to."""

    venue: str
    verdict: Verdict
    put_off: int
    """Intents that were refused for now and never placed."""
    unknown: int
    """Intents that were sent, and what became of them was not known when the program ended."""
    left_out: int
    """Positions that were not compared, since orders that are not have moved them."""

    @property
    def is_final(self) -> bool:
        """Whether there is nothing to wait for."""
        return not self.unknown and not self.verdict.violations


def main_end(ends: Sequence[VenueEnd]) -> tuple[RenderableType, ...]:
    """A table with a line for each venue, the sums in words, and what is wrong."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("venue")
    for name in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for end in ends:
        figures = [(name, figure(end.verdict)) for name, figure in _COLUMNS.items()]
        table.add_row(end.venue, *(_cell(figure, bad=name in _ZEROS and figure > 0) for name, figure in figures))
    violations = [f"{end.venue}: {text}" for end in ends for text in end.verdict.violations]
    wrong = tuple(Text(text, style="red") for text in violations[:_VIOLATIONS_SHOWN])
    return (table, "", *_sums(ends), *wrong)


_COLUMNS: Final[dict[str, Callable[[Verdict], int]]] = {
    "intents": lambda verdict: verdict.intents,
    "orders": lambda verdict: verdict.venue_orders,
    "fills": lambda verdict: verdict.fills,
    "duplicates": lambda verdict: verdict.duplicates,
    "lost": lambda verdict: verdict.lost,
    "false fills": lambda verdict: verdict.phantom_fills + verdict.missing_fills,
    "violations": lambda verdict: len(verdict.violations),
}
_ZEROS: Final = ("duplicates", "lost", "false fills", "violations")


def awaited(ends: Sequence[VenueEnd]) -> str:
    """What has to come right yet before the comparison is final, in words."""
    return "; ".join(f"{end.venue}: {', '.join(_open_points(end))}" for end in ends if not end.is_final)


def _open_points(end: VenueEnd) -> list[str]:
    points = [f"{counted(end.unknown, 'outcome')} not known yet"] if end.unknown else []
    wrong = len(end.verdict.violations)
    return points + ([f"{counted(wrong, 'record')} not as the venue's yet"] if wrong else [])


def _cell(figure: int, *, bad: bool) -> Text:
    return Text(str(figure), style="bold red" if bad else "")


def _sums(ends: Sequence[VenueEnd]) -> tuple[str, ...]:
    def of(name: str) -> int:
        return sum(getattr(end.verdict, name) for end in ends)

    violations = sum(len(end.verdict.violations) for end in ends)
    lines = [
        (
            f"{of('intents')} intents with an outcome, {of('closes')} closes of positions and "
            f"{of('replacements')} orders in the place of others: "
            f"{of('venue_orders')} venue orders with {of('fills')} fills, {of('refused_here')} refused before "
            f"sending, {of('refused_by_venue')} refused by the venue, {of('proven_absent')} sent and proven absent."
        ),
        (
            f"By the venues' own records: {of('duplicates')} duplicates, {of('lost')} lost, "
            f"{of('phantom_fills')} phantom fills, {of('false_matches')} false matches, {of('missing_fills')} "
            f"missing fills, {counted(of('positions'), 'position')} compared, {of('false_positions')} false; "
            f"{violations} violations in all."
        ),
    ]
    lines += _without_positions(ends)
    put_off, unknown = sum(end.put_off for end in ends), sum(end.unknown for end in ends)
    if put_off or unknown:
        lines.append(
            f"Not in this comparison: {put_off} refused for now and never placed; {unknown} sent, outcome unknown when "
            "the program ended."
        )
    return tuple(lines)


def _without_positions(ends: Sequence[VenueEnd]) -> list[str]:
    """Say of venues without a position in the comparison why there is none."""
    left_out = [end.venue for end in ends if end.left_out]
    nothing = [end.venue for end in ends if not end.left_out and not end.verdict.positions]
    lines = []
    if nothing:
        lines.append(f"No position at {', '.join(nothing)}: nothing was executed there.")
    if left_out:
        text = "moved by orders whose outcome was not known, or of an earlier run"
        lines.append(f"Not every position was compared at {', '.join(left_out)}: {text}.")
    return lines
