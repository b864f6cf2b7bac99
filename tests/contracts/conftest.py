"""Stores under one contract: in memory, on fakeredis, on a real server, and encrypted in each of them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import fakeredis
import pytest
import redis

from actors.errors import StoreError
from actors.store.cipher import Keyring
from actors.store.embedded import EmbeddedServer, find_binary
from actors.store.keys import Keys
from actors.store.memory import MemoryStore
from actors.store.port import Section, StateStore, Table, Write
from actors.store.redis import RedisStore
from actors.store.sealed import SealableStore, SealedStore


class FakeServer(fakeredis.FakeRedis):
    """fakeredis with the two commands that it lacks; refuses CONFIG when `settings` is None."""

    settings: dict[str, str] | None = None
    info: dict[str, Any] = {"redis_version": "7.2.4", "maxmemory_policy": "noeviction"}  # noqa: RUF012 - replaced, not changed

    def execute_command(self, *words: Any, **options: Any) -> Any:
        if words[0] == "INFO":
            return self.info
        if words[0] == "CONFIG GET":
            if self.settings is None:
                raise redis.exceptions.ResponseError("unknown command 'CONFIG'")
            return {words[1]: self.settings[words[1]]}
        return super().execute_command(*words, **options)


@pytest.fixture
def client() -> FakeServer:
    """A fake server of its own, fit for everysec."""
    made = FakeServer(server=fakeredis.FakeServer())
    made.settings = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
    return made


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A real server, shared; every test starts on an empty database."""
    try:
        find_binary()
    except StoreError as error:
        pytest.skip(str(error))
    with EmbeddedServer(Path(tmp_path_factory.mktemp("server"))) as running:
        yield running


@pytest.fixture
def plain(server: EmbeddedServer) -> Iterator[redis.Redis]:
    """Another program's client of the real server."""
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def real_store(server: EmbeddedServer, plain: redis.Redis) -> Iterator[RedisStore]:
    """A store on the real server."""
    store = RedisStore(server.url, deployment="test")
    store.open()
    yield store
    store.close()


@pytest.fixture(params=["memory", "valkey"])
def inner(request: pytest.FixtureRequest) -> SealableStore:
    """What the encrypted values are kept in, first opened without any key."""
    return MemoryStore() if request.param == "memory" else request.getfixturevalue("real_store")


STORES = ["memory", "fakeredis", "fakeredis-partitions", "valkey", "valkey-partitions"]
SEALED_STORES = ["sealed memory", "sealed fakeredis", "sealed valkey-partitions"]


@pytest.fixture(params=[*STORES, *SEALED_STORES])
def store(request: pytest.FixtureRequest) -> Iterator[StateStore]:
    """Each store in turn, empty."""
    backend, _, spread = request.param.removeprefix("sealed ").partition("-")
    made: MemoryStore | RedisStore | SealedStore
    if backend == "memory":
        made = MemoryStore()
    elif backend == "fakeredis":
        client = request.getfixturevalue("client")
        made = RedisStore("redis://unused", deployment="test", partitions=8 if spread else 1, client=client)
    else:
        request.getfixturevalue("plain")
        url = request.getfixturevalue("server").url
        made = RedisStore(url, deployment="test", partitions=8 if spread else 1)
    if request.param in SEALED_STORES:
        made = SealedStore(made, Keyring([b"k" * 32]), deployment="test", public_ids=(3, 4))
    made.open()
    yield made
    made.close()


@pytest.fixture
def damaging(store: StateStore, request: pytest.FixtureRequest) -> Callable[..., AbstractContextManager[None]]:
    """Overwrites a key of an account as another program might, until the end of the block."""

    @contextmanager
    def overwrite(account_id: str, table: Table) -> Iterator[None]:
        inner = store._inner if isinstance(store, SealedStore) else store
        if isinstance(inner, MemoryStore):
            inner.damage(account_id, table)
            yield
            inner.repair(account_id, table)
            return
        kind = request.node.callspec.params["store"].removeprefix("sealed ")
        backend, _, spread = kind.partition("-")
        other = request.getfixturevalue("client" if backend == "fakeredis" else "plain")
        key = Keys("test", 8 if spread else 1).records(account_id, table)
        other.set(key, "somebody else's")
        yield
        other.delete(key)

    return overwrite


@pytest.fixture
def section() -> Callable[..., Section]:
    """Builds a section with as little as a test needs to say."""

    def build(account_id: str, epoch: int, seq: int, *writes: Write, events: tuple[bytes, ...] = ()) -> Section:
        return Section(account_id=account_id, epoch=epoch, seq=seq, writes=writes, events=events)

    return build
