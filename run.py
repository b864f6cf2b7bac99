"""Run Livermore Orders: `python run.py` for the main job, `python run.py --help` for everything else.

Owns what belongs to the process and to nothing else: where log lines go, what signals do, the exit status.
"""

import gc
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.settings import LoggingSettings

_CANNOT_RUN = 2
_YOUNG_OBJECTS_MAX = 20_000
_ONE_WISH_S = 0.5
"""Signals nearer together are one wish: `timeout` tells the program and its group, so that it hears of it twice."""


def main() -> int:
    """Run the command line; returns the exit status."""
    _leave_on_signals()
    try:
        # Loading takes a second, in which somebody may press Ctrl-C, and some of it comes with the extra [run].
        from loguru import logger  # noqa: PLC0415

        from actors.app.cli import program  # noqa: PLC0415
        from actors.app.host import Host  # noqa: PLC0415
        from actors.errors import OmsError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        return _complain(f"{error.name} is missing; install what the programs need: pip install '.[run]'")
    stop = threading.Event()
    _stop_on_signals(stop)
    # Records live long and hardly ever form cycles: looking for garbage after every 700 new objects, as the interpreter
    # does by itself, takes about a sixth of the processor.
    gc.set_threshold(_YOUNG_OBJECTS_MAX)
    logger.remove()
    try:
        program(Host(stop=stop, log_to=log_to))()
    except OmsError as error:
        return _complain(str(error))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0


def log_to(settings: "LoggingSettings") -> None:
    """Send log lines where the settings say, without secrets."""
    from loguru import logger  # noqa: PLC0415 - see `main`

    from actors.runtime.log import redacting  # noqa: PLC0415

    logger.remove()
    if settings.file is None:
        write = redacting(_to_standard_error)
    else:
        file = Path(settings.file).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - open as long as the process
        write = redacting(file.write)
    logger.add(write, level=settings.level, serialize=settings.format == "json", diagnose=False)


def _to_standard_error(line: str) -> None:
    # Looked up each time: a screen that is being drawn puts itself in the place of the stream.
    sys.stderr.write(line)


def _leave_on_signals() -> None:
    def leave(number: int, _: FrameType | None) -> None:
        # Nothing has begun that would have to end in good order, and an exception inside an import would be printed.
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)


def _stop_on_signals(stop: threading.Event) -> None:
    first_s: float | None = None

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal first_s
        now_s = time.monotonic()
        if first_s is None:
            first_s = now_s
            # The main thread may be inside the event's own lock just now, so another thread sets it.
            threading.Thread(target=stop.set, name="stop", daemon=True).start()
        elif now_s - first_s > _ONE_WISH_S:
            # The second time means at once.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


def _complain(text: str) -> int:
    sys.stderr.write(f"error: {text}\n")
    return _CANNOT_RUN


if __name__ == "__main__":
    sys.exit(main())
