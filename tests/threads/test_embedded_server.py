"""The embedded server as a process: one holder per folder, no orphan, an orderly end, clear words when it cannot be."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.errors import DataFolderInUse, StoreError, StoreUnfit
from actors.store import embedded
from actors.store.embedded import EmbeddedServer, find_binary, state_folder

ROOT = Path(__file__).parents[2]

HOLDER = """
import sys, threading
from pathlib import Path
from actors.store.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
starter = threading.Thread(target=server.start)
starter.start()
starter.join()
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _binary() -> None:
    try:
        find_binary()
    except StoreError as error:
        pytest.skip(str(error))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        threading.Event().wait(0.005)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not collected yet has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ask(server: EmbeddedServer, *words: str) -> bytes:
    return ask_at(server.socket_path, *words)


def ask_at(path: Path, *words: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(" ".join(words).encode() + b"\r\n")
        return connection.recv(4096)


def hold(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """Another process that holds a folder, and the process id of its server."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_server_started_and_stopped_keeps_data_and_frees_the_folder(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as first:
        pid = first.pid
        assert pid is not None
        assert ask(first, "SET", "k", "v") == b"+OK\r\n"
    assert not is_alive(pid)
    assert first.pid is None
    with EmbeddedServer(tmp_path) as second:
        assert ask(second, "GET", "k") == b"$1\r\nv\r\n"


@pytest.mark.parametrize(("durability", "fsync"), [("everysec", b"everysec"), ("fsync", b"always")])
def test_server_settings_are_safe(tmp_path: Path, durability: str, fsync: bytes) -> None:
    with EmbeddedServer(tmp_path / "data", durability=durability) as server:
        assert fsync in ask(server, "CONFIG", "GET", "appendfsync")
        assert b"noeviction" in ask(server, "CONFIG", "GET", "maxmemory-policy")
        assert ask(server, "CONFIG", "GET", "port").endswith(b"$1\r\n0\r\n")
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
        assert server.socket_path.stat().st_mode & 0o077 == 0


def test_start_while_running_does_nothing(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        pid = server.pid
        server.start()
        assert server.pid == pid


def test_kill_and_restart_keep_folder_socket_and_data(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path, durability="fsync") as server:
        path, pid = server.socket_path, server.pid
        ask(server, "SET", "k", "v")
        server.kill()
        assert server.pid is None
        with pytest.raises(DataFolderInUse):
            EmbeddedServer(tmp_path).start()
        server.restart()
        assert server.socket_path == path
        assert server.pid not in (None, pid)
        assert ask(server, "GET", "k") == b"$1\r\nv\r\n"


def test_second_holder_in_the_same_process_is_refused(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        with pytest.raises(DataFolderInUse, match=str(os.getpid())):
            EmbeddedServer(tmp_path).start()
        assert ask(server, "PING") == b"+PONG\r\n"


def test_second_holder_in_another_process_is_refused(tmp_path: Path) -> None:
    process, pid = hold(tmp_path)
    with process:
        with pytest.raises(DataFolderInUse, match=str(process.pid)):
            EmbeddedServer(tmp_path).start()
        assert is_alive(pid)
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a parent-death signal")
def test_starter_killed_takes_its_server_along(tmp_path: Path) -> None:
    """The thread that asked for the start has ended before: only the process's end ends the server, in good order."""
    process, pid = hold(tmp_path)
    with process:
        for number in range(100):
            assert ask_at(tmp_path / "valkey.sock", "RPUSH", "numbers", str(number)).startswith(b":")
        process.kill()
        process.wait()
        until(lambda: not is_alive(pid))
    with EmbeddedServer(tmp_path) as successor:
        assert ask(successor, "LLEN", "numbers") == b":100\r\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a parent-death signal")
def test_start_right_after_the_holder_was_killed_waits_for_its_server_to_go(tmp_path: Path) -> None:
    """A server that is slow to end still owns the folder; nobody else may open the files meanwhile."""
    process, pid = hold(tmp_path)
    with process:
        os.kill(pid, signal.SIGSTOP)
        try:
            process.kill()
            process.wait()
            with pytest.raises(DataFolderInUse):
                EmbeddedServer(tmp_path, stop_timeout_ms=50).start()
        finally:
            os.kill(pid, signal.SIGCONT)
        with EmbeddedServer(tmp_path) as successor:
            assert not is_alive(pid)
            assert ask(successor, "PING") == b"+PONG\r\n"


def test_stop_server_that_does_not_react_is_forced(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path, stop_timeout_ms=50)
    server.start()
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    server.stop()
    assert not is_alive(pid)


def test_stop_ends_the_launching_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with EmbeddedServer(tmp_path):
        (launching,) = set(threading.enumerate()) - before
        assert launching.name == "embedded-server"
    launching.join(20)
    assert not launching.is_alive()


def test_server_folder_with_a_long_path_puts_the_socket_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    server = EmbeddedServer(folder)
    with server:
        path = server.socket_path
        assert folder not in path.parents
        assert len(os.fsencode(path)) < 104
        assert ask(server, "PING") == b"+PONG\r\n"
    assert not path.parent.exists()


def test_start_broken_data_tells_the_servers_last_words_and_frees_the_folder(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        ask(server, "SET", "k", "v")
    next(tmp_path.glob("appendonlydir/*.manifest")).write_text("nonsense\n")
    with pytest.raises(StoreError, match=r"manifest"):
        EmbeddedServer(tmp_path).start()
    with (tmp_path / "lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_start_without_the_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(StoreError, match=r"\[run\].*redis\.url"):
        EmbeddedServer(tmp_path).start()


def test_server_unknown_durability_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="everysec or fsync"):
        EmbeddedServer(tmp_path, durability="none")


def test_state_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert state_folder("desk-1") == Path("/var/state/livermore-orders/desk-1")
    monkeypatch.setenv("XDG_STATE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", "/home/trader")
    assert state_folder("desk-1") == Path("/home/trader/.local/state/livermore-orders/desk-1")
    with pytest.raises(StoreUnfit):
        state_folder("../other")
