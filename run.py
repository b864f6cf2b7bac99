"""Run Livermore Orders: `python run.py` for the main job, `python run.py --help` for everything else.

Owns what belongs to the process and to nothing else: where log lines go, what signals do, the exit status.
"""

import gc
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from loguru import logger

from actors.errors import OmsError
from actors.runtime.log import redacting
from actors.settings import LoggingSettings

_CANNOT_RUN = 2
_YOUNG_OBJECTS_MAX = 20_000


def main() -> int:
    """Run the command line; returns the exit status."""
    try:
        from actors.app.cli import program  # noqa: PLC0415 - what it needs comes with the extra [run]
        from actors.app.host import Host  # noqa: PLC0415
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


def log_to(settings: LoggingSettings) -> None:
    """Send log lines where the settings say, without secrets."""
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


def _stop_on_signals(stop: threading.Event) -> None:
    def handle(number: int, _: FrameType | None) -> None:
        # The second time means at once.
        signal.signal(number, signal.SIG_DFL)
        # The main thread may be inside the event's own lock just now, so another thread sets it.
        threading.Thread(target=stop.set, name="stop", daemon=True).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


def _complain(text: str) -> int:
    sys.stderr.write(f"error: {text}\n")
    return _CANNOT_RUN


if __name__ == "__main__":
    sys.exit(main())
