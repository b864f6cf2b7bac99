"""Tables and texts that fit a screen: what is too much is left out whole, no number and no word is cut."""

import textwrap
from collections.abc import Sequence
from typing import Final, Literal

from rich.table import Table
from rich.text import Text

_REMARK_WIDTH: Final = 14
"""Columns that a remark needs to say something."""
_BETWEEN: Final = 2
"""Columns between two columns of a table."""


def fitting_table(
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
        if sum(natural[kept] + _BETWEEN for kept in names if kept not in left_out) - _BETWEEN <= width:
            break
        left_out.add(name)
    left_over = width - sum(natural[kept] + _BETWEEN for kept in names if kept and kept not in left_out)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        if name not in left_out:
            justify: Literal["left", "right"] = "right" if name in numbers else "left"
            table.add_column(name, justify=justify, no_wrap=True)
    for row in rows:
        cells = [(name, cell) for name, cell in zip(names, row, strict=True) if name not in left_out]
        table.add_row(*(cell if name else shortened(cell, left_over) for name, cell in cells))
    return table


def shortened(text: Text, width: int) -> Text:
    """As many whole words of a text as so many columns hold, with a mark where some are left out."""
    if len(text) <= width:
        return text
    return Text(textwrap.shorten(text.plain, width, placeholder=" …"), style=text.style)
