"""The stored records that settings lead to, opened to be read by a program beside the order manager.

It takes no account and raises no epoch, so it may read a server that others are working on; a data folder belongs to
one process at a time. Must never: make a data folder that is not there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from actors.build import DEFAULT_DEPLOYMENT, naming_redis_url, with_keys
from actors.errors import StoreError
from actors.settings import Settings
from actors.store.embedded import EmbeddedServer, state_folder
from actors.store.redis import RedisStore
from actors.store.sealed import SealedStore


class NothingStored(StoreError):
    """There is no store to read; the text says where it was looked for."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A store that can be read, and where it is, for people."""

    store: RedisStore | SealedStore
    where: str


@contextmanager
def opened(settings: Settings, folder: Path | None = None) -> Iterator[Opened]:
    """Open the store that settings lead to, or the embedded server's data in a folder, until the context ends.

    Raises:
        NothingStored: these settings keep no records, or the folder has none.
        StoreError: the store is away, in use, another deployment's, of another schema, or under keys we do not have.
    """
    deployment = settings.deployment.name or DEFAULT_DEPLOYMENT
    with _server(settings, folder, deployment) as (url, where), naming_redis_url(settings):
        server = RedisStore(
            url,
            deployment=deployment,
            partitions=settings.redis.partitions or 1,
            connect_timeout_ms=settings.redis.connect_timeout_ms,
        )
        try:
            yield Opened(with_keys(server, settings), where)
        finally:
            server.close()


@contextmanager
def _server(settings: Settings, folder: Path | None, deployment: str) -> Iterator[tuple[str, str]]:
    if folder is None and settings.redis.url is not None:
        yield settings.redis.url.reveal(), "the server of redis.url"
        return
    if folder is None and settings.paper.venues and not settings.is_live:
        raise NothingStored(
            "records on paper venues live in a temporary folder and end with it: name a configuration with redis.url "
            "or with live accounts (--config), or a data folder (--folder)"
        )
    data = state_folder(deployment) if folder is None else folder
    if not (data / "appendonlydir").is_dir():
        # A server that finds none makes one, and reading changes nothing.
        raise NothingStored(f"{data} is no data folder of an embedded server")
    with EmbeddedServer(data, durability=settings.durability) as server:
        yield server.url, str(data)
