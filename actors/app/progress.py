"""Progress of long programs on standard error: a moving line on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from actors.app.drill_result import Progress as DrillProgress
from actors.app.host import Host

_LINE_S: Final = 5.0


@contextmanager
def drill_progress(host: Host, venue: str) -> Iterator[Callable[[DrillProgress], None]]:
    """Show where a drill at a venue stands."""
    with _shown(host) as show:
        yield lambda at: show(f"{venue}: {at.phase}, {at.faults} faults", at.done, at.total)


@contextmanager
def replay_progress(host: Host) -> Iterator[Callable[[int, int], None]]:
    """Show where a replay stands."""
    with _shown(host) as show:
        yield lambda done, total: show("events", done, total)


@contextmanager
def waiting(host: Host) -> Iterator[Callable[[str], None]]:
    """Show what is being waited for: as it changes on a terminal, a line now and then elsewhere."""
    if host.progress.is_terminal:
        with host.progress.status("") as status:
            yield lambda text: status.update(Text(text))
        return
    last_s = -_LINE_S

    def show(text: str) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= _LINE_S:
            last_s = time.monotonic()
            host.progress.print(text, highlight=False, markup=False, soft_wrap=True)

    yield show


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
    began_s, last_s = time.monotonic(), 0.0

    def show(text: str, done: int, total: int) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if now_s - last_s >= _LINE_S:
            last_s = now_s
            host.progress.print(f"{now_s - began_s:4.0f} s  {text}: {done}/{total}", highlight=False, soft_wrap=True)

    return show
