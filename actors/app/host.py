"""What the programs need from the process that runs them: a way to be stopped, a place for logs, two outputs."""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from rich.console import Console

from actors.settings import LoggingSettings


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

    def print_json(self, result: dict[str, Any]) -> None:
        """Print one JSON object and nothing else on standard output."""
        sys.stdout.write(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode() + "\n")
        sys.stdout.flush()
