"""Progress of long programs on standard error: a moving line on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from actors.app.drill_result import Progress as DrillProgress
from actors.app.host import Host

_LINE_S: Final = 5.0


@contextmanager
def drill_progress(host: Host) -> Iterator[Callable[[DrillProgress], None]]:
    """Show where a drill stands."""
    with _shown(host) as show:
        yield lambda at: show(f"{at.phase}, {at.faults} faults", at.done, at.total)


@contextmanager
def replay_progress(host: Host) -> Iterator[Callable[[int, int], None]]:
    """Show where a replay stands."""
    with _shown(host) as show:
        yield lambda done, total: show("events", done, total)


@contextmanager
def _shown(host: Host) -> Iterator[Callable[[str, int, int], None]]:
    if not host.progress.is_terminal:
        yield _lines(host)
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=host.progress, transient=True) as progress:
        task = progress.add_task("starting", total=None)
        yield lambda text, done, total: progress.update(task, description=text, completed=done, total=total)


def _lines(host: Host) -> Callable[[str, int, int], None]:
    last_s = 0.0

    def show(text: str, done: int, total: int) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= _LINE_S:
            last_s = time.monotonic()
            host.progress.print(f"{text}: {done}/{total}", highlight=False)

    return show
