"""What the programs need from the process that runs them: a way to be stopped, a place for logs, two outputs."""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from rich.console import Console, RenderableType
from rich.measure import Measurement

from actors.settings import LoggingSettings

_UNFOLDED: Final = 10_000
"""Columns that nothing needs."""


@dataclass(frozen=True, slots=True)
class Host:
    """The process, as the programs see it."""

    stop: threading.Event
    """Set when the program should end in good order."""
    log_to: Callable[[LoggingSettings], None]
    """Configure where log lines go."""
    out: Console = field(default_factory=lambda: Console(file=sys.stdout))
    """Results."""
    progress: Console = field(default_factory=lambda: Console(file=sys.stderr))
    """Progress, which is no result."""

    def show(self, *parts: RenderableType) -> None:
        """Print results. Numbers are never cut: a table is wider than the screen rather than without a digit.

        On a terminal words are folded to its width; what goes elsewhere is not folded at all.
        """
        for part in parts:
            wanted = Measurement.get(self.out, self.out.options.update(max_width=_UNFOLDED), part)
            is_terminal = self.out.is_terminal
            self.out.width = max(self.out.width, wanted.minimum if is_terminal else wanted.maximum)
            self.out.print(part, highlight=False, markup=False)

    def print_json(self, result: dict[str, Any]) -> None:
        """Print one JSON object and nothing else on standard output."""
        sys.stdout.write(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode() + "\n")
        sys.stdout.flush()
