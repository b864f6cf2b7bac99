"""The parity report as a table and a sentence, for people."""

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from actors.app.figures import counted
from actors.app.parity import ParityResult
from actors.domain.parity import PARTS


def parity_table(result: ParityResult) -> tuple[RenderableType, ...]:
    """What was compared, every difference, and a sentence."""
    table = Table(title=f"Records in {result.where} against the venues", title_justify="left")
    table.add_column("account", overflow="fold")
    table.add_column("exchange", no_wrap=True)
    for part in PARTS:
        table.add_column(part, justify="right", no_wrap=True)
    table.add_column("differences", justify="right", no_wrap=True)
    table.add_column("")
    for side in result.sides:
        found = side.conclusion
        compared = dict(found.compared)
        numbers = (str(compared.get(part, 0)) for part in PARTS)
        table.add_row(side.account_id, found.exchange, *numbers, str(len(found.differences)), _mark(found.outcome))
    shown: list[RenderableType] = [table]
    if result.differences:
        shown.append(_differences(result))
    shown += [f"not compared yet: {text}" for text in result.left_out]
    return (*shown, _sentence(result))


def _differences(result: ParityResult) -> Table:
    table = Table(title="Differences", title_justify="left")
    for name in ("account", "exchange", "difference", "of", "which", "our records", "the venue"):
        table.add_column(name, overflow="fold")
    for side in result.sides:
        for each in side.conclusion.differences:
            kind = each.kind.value.replace("_", " ")
            table.add_row(side.account_id, each.exchange, kind, each.subject, each.name, each.ours, each.venues)
    return table


def _mark(outcome: str) -> Text:
    style = {"agreed": "green", "differs": "bold red"}.get(outcome, "yellow")
    return Text(outcome, style=style)


def _sentence(result: ParityResult) -> str:
    totals = {part: sum(dict(side.conclusion.compared).get(part, 0) for side in result.sides) for part in PARTS}
    compared = ", ".join(counted(count, part.removesuffix("s")) for part, count in totals.items())
    if result.differences:
        return f"{compared} compared: {counted(result.differences, 'difference')}"
    if result.failures:
        return f"{compared} compared: no difference among them, but not everything could be compared"
    as_far = ", as far as they can be compared yet" if result.left_out else ""
    return f"{compared} compared: our records and the venues' agree{as_far}"
