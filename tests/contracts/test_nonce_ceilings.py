"""The ceilings of rising numbers on a real server: never lowered, kept, and an error where the server is away."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from actors.store.embedded import EmbeddedServer
from actors.store.nonces import StoredCeilings
from exchanges.http import SystemClock
from exchanges.nonces import NonceSource

NOW = 1_795_255_200_123_000_000


def test_ceiling_is_kept_raised_and_never_lowered_by_whoever_asks():
    with TemporaryDirectory(prefix="nonce-") as folder, EmbeddedServer(Path(folder)) as server:
        first = StoredCeilings(server.url, deployment="desk", timeout_ms=1000)
        second = StoredCeilings(server.url, deployment="desk", timeout_ms=1000)
        other = StoredCeilings(server.url, deployment="other", timeout_ms=1000)
        assert first.raise_to("k", NOW) == 0
        assert second.raise_to("k", NOW - 1) == NOW
        assert first.raise_to("k", NOW + 1) == NOW
        # Beyond what a float keeps apart.
        assert second.raise_to("k", 9) == NOW + 1
        assert second.raise_to("another", 9) == 0
        assert other.raise_to("k", 9) == 0
        for each in (first, second, other):
            each.close()


def test_ceiling_without_a_server_is_an_error_and_comes_back_with_it():
    with TemporaryDirectory(prefix="nonce-") as folder:
        server = EmbeddedServer(Path(folder), durability="fsync")
        with server:
            ceilings = StoredCeilings(server.url, deployment="desk", timeout_ms=1000)
            numbers = NonceSource("k", clock=SystemClock(), ceiling=ceilings)
            last = numbers.next()
        with pytest.raises(OSError, match="ceiling cannot be recorded"):
            ceilings.raise_to("k", NOW)
        assert numbers.next() > last
        with EmbeddedServer(Path(folder), durability="fsync") as again:
            restarted = StoredCeilings(again.url, deployment="desk", timeout_ms=1000)
            assert restarted.raise_to("k", 0) >= last
            restarted.close()
        ceilings.close()
