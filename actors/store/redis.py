"""The store on a Redis or Valkey server. Never repeats a commit by itself and never hides that an answer is missing.

All that happens to an account in one commit happens in one Lua call (`commit.lua`), so that a reader sees all of it or
nothing, and a refused section leaves no trace.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from actors.errors import AccountOwnedElsewhere, StoreUnavailable, StoreUnfit
from actors.store.cipher import PLAIN, refuse_sealed_events, require_keys
from actors.store.keys import SEALS, STAMP, Keys, check_deployment
from actors.store.migrate import Run, check_known, migrate, newest
from actors.store.packing import Packing, verdicts
from actors.store.port import Lease, Section, StoreFacts, Table
from actors.store.sealed import StoredAccount
from messages.control import Verdict

_RECORD_TABLES = tuple(table for table in Table if table not in (Table.OPEN, Table.LAST_SYNC))
_DURABILITIES = ("none", "everysec", "fsync")
_OLDEST_SERVER = (6, 2)
_KEY_IDS = "keys"
_PLAIN_EVENTS = "plain_events_to"
"""Fields of an account's meta hash, as `reseal.lua` writes them: under which keys its values may be, and which event
was the newest when none of them was plain any more.
"""


class RedisStore:
    """A `StateStore` on one Redis ≥ 6.2 or Valkey server, by TCP, TLS or unix socket.

    Every failure to get an answer becomes `StoreUnavailable`; the next call connects anew.
    """

    def __init__(
        self,
        url: str,
        *,
        deployment: str,
        partitions: int = 1,
        durability: str = "everysec",
        connect_timeout_ms: int = 1000,
        call_timeout_ms: int = 5000,
        events_max: int = 100_000,
        client: redis.Redis | None = None,
    ) -> None:
        """Prepare; nothing is sent before `open`.

        Args:
            url: `redis://`, `rediss://` or `unix://`.
            deployment: Name that our keys bear.
            partitions: Number of hash tags that accounts spread over; fixed when the store is first used.
            durability: The least that the server must offer: `fsync`, `everysec` or `none`.
            connect_timeout_ms: Longest wait for a connection.
            call_timeout_ms: Longest wait for an answer; afterwards the call counts as unanswered.
            events_max: About how many events an account's stream keeps.
            client: A client to use instead of connecting to `url`; it must not retry by itself.

        Raises:
            StoreUnfit: one of these cannot be used.
        """
        if durability not in _DURABILITIES:
            raise StoreUnfit(f"redis.durability is {durability!r}; it must be one of {', '.join(_DURABILITIES)}")
        self.deployment = check_deployment(deployment)
        """Whose records these are; `open` makes sure of it."""
        self._keys = Keys(deployment, partitions)
        self._durability = durability
        self._events_max = events_max
        self._client = client or _connectable(url, connect_timeout_ms, call_timeout_ms)
        self._secrets = _secrets(self._client, url)
        self._run: Run = self._client.execute_command
        self._packing = Packing(self._keys)
        self._commit_script = _Script("commit.lua")
        self._acquire_script = _Script("acquire.lua")
        self._release_script = _Script("release.lua")
        self._reseal_script = _Script("reseal.lua")

    def open(self) -> StoreFacts:
        """See `StateStore`. Runs migrations when the store holds an older schema; refuses encrypted records."""
        facts = self.prepare()
        if self.key_checks():
            require_keys(self.key_ids())
        return facts

    def prepare(self) -> StoreFacts:
        """See `SealableStore`."""
        with self._answering():
            facts = self._checked_facts()
            migrate(self._run, self._keys, self._stamped_schema())
        return facts

    def facts(self) -> StoreFacts:
        """See `StateStore`."""
        with self._answering():
            facts = self._checked_facts()
            check_known(self._stamped_schema())
        return facts

    def accounts(self) -> tuple[str, ...]:
        """Every account that was ever taken here. Changes nothing and needs no `open`.

        Raises:
            StoreUnavailable: nobody answers.
            StoreUnfit: the database has nothing of ours, is another deployment's, or has a schema this code does not
                know.
        """
        with self._answering():
            stamp = self._run("HGETALL", STAMP)
            if not stamp:
                raise StoreUnfit("the database has no records of livermore-orders")
            check_known(self._schema_of(stamp))
            return tuple(sorted(map(self._keys.account_of, self._every_meta())))

    def keep_alive(self, owner: str, ttl_ms: int) -> None:
        """See `StateStore`."""
        names = [self._keys.owner(partition, owner) for partition in range(self._keys.partitions)]
        with self._answering():
            _raise_first(self._run_all([("SET", name, "1", "PX", ttl_ms) for name in names]))

    def acquire(self, account_id: str, owner: str) -> Lease:
        """See `StateStore`."""
        owners = self._keys.owner(self._keys.partition(account_id), "")
        with self._answering():
            keys = (self._keys.meta(account_id), self._keys.events(account_id))
            reply = self._run_script(self._acquire_script, len(keys), *keys, owner, owners)
        if holder := reply[0].decode():
            raise AccountOwnedElsewhere(f"account {account_id} is held by {holder}, which is alive")
        return Lease(account_id=account_id, owner=owner, epoch=int(reply[1]), seq=int(reply[2]))

    def release(self, lease: Lease) -> None:
        """See `StateStore`."""
        meta = self._keys.meta(lease.account_id)
        with self._answering():
            self._run_script(self._release_script, 1, meta, lease.owner, lease.epoch)

    def load(self, account_id: str) -> dict[Table, dict[str, bytes]]:
        """See `StateStore`. Refuses encrypted records."""
        found = self.stored(account_id)
        require_keys({account_id: found.key_ids})
        return found.records()

    def commit(self, sections: list[Section]) -> list[Verdict]:
        """See `StateStore`."""
        groups = self._places_by_partition(sections)
        batches = [self._packing.pack([sections[place] for place in places]) for places in groups]
        with self._answering():
            replies = self._commit_calls([(0, *batch, self._events_max) for batch in batches])
        answer: dict[int, Verdict] = {}
        for places, reply in zip(groups, replies, strict=True):
            answer.update(zip(places, verdicts(reply), strict=True))
        return [answer[place] for place in range(len(sections))]

    def open_orders(self, account_id: str, exchange_id: int) -> dict[str, bytes]:
        """See `StateStore`."""
        with self._answering():
            return _by_name(self._run("HGETALL", self._keys.records(account_id, Table.OPEN, str(exchange_id))))

    def events(self, account_id: str, after: str = "", limit: int = 1000) -> list[tuple[str, bytes]]:
        """See `StateStore`. Refuses encrypted events."""
        return refuse_sealed_events(account_id, self.stored_events(account_id, after, limit))

    def oldest_event(self, account_id: str) -> str:
        """See `StateStore`."""
        with self._answering():
            entries = self._run("XRANGE", self._keys.events(account_id), "-", "+", "COUNT", 1)
        return str(entries[0][0].decode()) if entries else ""

    def close(self) -> None:
        """See `StateStore`."""
        self._client.close()

    # ----- for values that are encrypted

    def key_checks(self) -> dict[str, bytes]:
        """See `SealableStore`."""
        with self._answering():
            return _by_name(self._run("HGETALL", SEALS))

    def add_key_check(self, key_id: str, value: bytes) -> None:
        """See `SealableStore`."""
        with self._answering():
            self._run("HSETNX", SEALS, key_id, value)

    def key_ids(self) -> dict[str, frozenset[str]]:
        """See `SealableStore`."""
        with self._answering():
            metas = self._every_meta()
            noted = _raise_first(self._run_all([("HGET", meta, _KEY_IDS) for meta in metas]))
        return {self._keys.account_of(meta): _key_ids(ids) for meta, ids in zip(metas, noted, strict=True)}

    def stored(self, account_id: str, public_ids: Collection[int] = (), *, records: bool = True) -> StoredAccount:
        """See `SealableStore`. One transaction, so that no commit can fall between two tables."""
        tables = _RECORD_TABLES if records else ()
        places: list[tuple[Table, str]] = [(table, "") for table in tables]
        places += [(Table.OPEN, str(public_id)) for public_id in public_ids]
        commands: list[tuple[str, ...]] = [("HGETALL", self._keys.records(account_id, *place)) for place in places]
        # Events are not needed, but without a sound stream nothing could be committed afterwards.
        commands.append(("XLEN", self._keys.events(account_id)))
        commands.append(("HMGET", self._keys.meta(account_id), _KEY_IDS, _PLAIN_EVENTS))
        with self._answering():
            replies = self._run_all(commands, transaction=True)
            for index in range(len(tables), len(places)):
                # A public hash to which another program gave another type is made anew by the next commit.
                if isinstance(replies[index], redis.exceptions.ResponseError):
                    replies[index] = {}
            *values, _, (noted, plain_to) = _raise_first_naming_its_key(commands, replies)
        read = {place: _by_name(found) for place, found in zip(places, values, strict=True)}
        return StoredAccount(_key_ids(noted), read, (plain_to or b"").decode())

    def stored_events(self, account_id: str, after: str = "", limit: int = 1000) -> list[tuple[str, bytes]]:
        """See `SealableStore`."""
        start = f"({after}" if after else "-"
        with self._answering():
            entries = self._run("XRANGE", self._keys.events(account_id), start, "+", "COUNT", limit)
        return [(event_id.decode(), fields[b"event"]) for event_id, fields in entries]

    def reseal(
        self, lease: Lease, key_id: str, values: Mapping[tuple[Table, str, str], bytes], *, only: bool = False
    ) -> bool:
        """See `SealableStore`."""
        keys = (self._keys.meta(lease.account_id), self._keys.events(lease.account_id))
        arguments: list[Any] = [*keys, lease.epoch, key_id, int(only)]
        for (table, scope, field), value in values.items():
            arguments += (self._keys.records(lease.account_id, table, scope), field, value)
        with self._answering():
            return bool(self._run_script(self._reseal_script, len(keys), *arguments))

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Whatever the client library raises means that nobody knows whether the call took effect."""
        try:
            yield
        except (redis.exceptions.RedisError, OSError) as error:
            # Not chained, since the library's own words may hold what is taken out of ours.
            raise StoreUnavailable(f"{type(error).__name__}: {self._without_secrets(str(error))}") from None

    def _without_secrets(self, text: str) -> str:
        # A server that does not know AUTH answers with the words it was given, shortened to any length.
        text = text.partition(", with args beginning with")[0]
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    def _every_meta(self) -> list[str]:
        found = self._client.scan_iter(match=self._keys.every_meta(), count=1_000)
        return sorted({meta.decode() for meta in found})

    def _places_by_partition(self, sections: Sequence[Section]) -> list[list[int]]:
        groups: dict[int, list[int]] = {}
        for place, section in enumerate(sections):
            groups.setdefault(self._keys.partition(section.account_id), []).append(place)
        return list(groups.values())

    def _commit_calls(self, calls: Sequence[tuple[Any, ...]]) -> list[bytes]:
        script = self._commit_script
        if len(calls) == 1:
            return [self._run_script(script, *calls[0])]
        replies = self._run_all([("EVALSHA", script.sha, *call) for call in calls])
        # A server that was restarted has forgotten the script and ran none of these calls.
        for place, reply in enumerate(replies):
            if isinstance(reply, redis.exceptions.NoScriptError):
                replies[place] = self._run("EVAL", script.source, *calls[place])
        return _raise_first(replies)

    def _run_script(self, script: "_Script", *arguments: Any) -> Any:
        try:
            return self._run("EVALSHA", script.sha, *arguments)
        except redis.exceptions.NoScriptError:
            return self._run("EVAL", script.source, *arguments)

    def _run_all(self, commands: Sequence[tuple[Any, ...]], *, transaction: bool = False) -> list[Any]:
        # Refusals of single commands come back as values, so that the others' answers are not lost.
        with self._client.pipeline(transaction=transaction) as pipeline:
            add: Run = pipeline.execute_command
            for words in commands:
                add(*words)
            return pipeline.execute(raise_on_error=False)

    def _checked_facts(self) -> StoreFacts:
        info = self._run("INFO")
        product, version = _product(info)
        if _version_numbers(info["redis_version"]) < _OLDEST_SERVER:
            raise StoreUnfit(f"{product} {version} is too old: Redis 6.2, Valkey 7.2 or newer is needed")
        eviction = self._setting("maxmemory-policy") or info.get("maxmemory_policy")
        if info.get("redis_mode") == "cluster":
            raise StoreUnfit(f"{product} {version} runs as a Cluster: redis.url must name a single server")
        if eviction != "noeviction":
            raise StoreUnfit(
                f"the server's maxmemory-policy is {eviction or 'not readable'}, so it may throw orders away when "
                "memory is short: set 'maxmemory-policy noeviction'"
            )
        return StoreFacts(product=f"{product} {version}", durability=self._checked_durability(), eviction=eviction)

    def _checked_durability(self) -> str:
        found = _durability(self._setting("appendonly"), self._setting("appendfsync"))
        if found is None and self._durability != "none":
            raise StoreUnfit(
                "the server refuses CONFIG GET appendonly and appendfsync, so nobody knows what survives a crash: "
                "allow CONFIG GET to this user, or set redis.durability to none if losing orders is acceptable"
            )
        # What is not known is not promised.
        found = found or "none"
        if _DURABILITIES.index(found) < _DURABILITIES.index(self._durability):
            fsync = "always" if self._durability == "fsync" else "everysec"
            raise StoreUnfit(
                f"the server's durability is {found}, redis.durability asks for {self._durability}: set "
                f"'appendonly yes' and 'appendfsync {fsync}' on the server, or ask for less"
            )
        return found

    def _setting(self, name: str) -> str | None:
        """Read a setting of the server; None where CONFIG is refused, as on managed servers."""
        try:
            found: dict[Any, Any] = self._run("CONFIG GET", name)
        except redis.exceptions.ResponseError:
            return None
        return {_text(key): _text(value) for key, value in found.items()}.get(name)

    def _stamped_schema(self) -> int:
        """Read the schema version of what is stored, after making sure that the database is this deployment's."""
        ours = {"deployment": self.deployment, "partitions": str(self._keys.partitions), "schema": str(newest())}
        commands: list[tuple[Any, ...]] = [("HSETNX", STAMP, name, value) for name, value in ours.items()]
        *_, stored = _raise_first(self._run_all([*commands, ("HGETALL", STAMP)], transaction=True))
        return self._schema_of(stored)

    def _schema_of(self, stamp: dict[bytes, bytes]) -> int:
        """Read the schema version in a stamp that must be this deployment's."""
        ours = {"deployment": self.deployment, "partitions": str(self._keys.partitions)}
        found = {name: value.decode() for name, value in _by_name(stamp).items()}
        for name, setting in (("deployment", "deployment.name"), ("partitions", "redis.partitions")):
            if found[name] != ours[name]:
                raise StoreUnfit(
                    f"the database was made with {setting} {found[name]}, and the configuration says {ours[name]}: "
                    f"correct {setting}, or use another database"
                )
        return int(found["schema"])


class _Script:
    """A Lua file beside this module, and the name by which a server remembers it."""

    def __init__(self, file_name: str) -> None:
        self.source = files("actors.store").joinpath(file_name).read_text(encoding="utf-8")
        self.sha = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


def _connectable(url: str, connect_timeout_ms: int, call_timeout_ms: int) -> redis.Redis:
    try:
        return redis.Redis.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=connect_timeout_ms / 1000,
            socket_timeout=call_timeout_ms / 1000,
        )
    except ValueError:
        # The library quotes the part it stumbles over, which may be a piece of the password.
        raise StoreUnfit(
            "redis.url is not a redis://, rediss:// or unix:// URL; special characters in a password must be "
            "percent-encoded"
        ) from None


def _raise_first_naming_its_key(commands: Sequence[tuple[str, ...]], replies: list[Any]) -> list[Any]:
    for (_, key, *_), reply in zip(commands, replies, strict=True):
        if isinstance(reply, redis.exceptions.ResponseError):
            raise redis.exceptions.ResponseError(f"{key}: {reply}")
    return _raise_first(replies)


def _secrets(client: redis.Redis, url: str) -> tuple[str, ...]:
    """List how the password may be spelled, as it is sent and as the address writes it."""
    password = client.get_connection_kwargs().get("password")
    written = urlsplit(url).password
    return tuple(str(spelling) for spelling in (password, written) if spelling)


def _raise_first(replies: list[Any]) -> list[Any]:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


def _durability(appendonly: str | None, appendfsync: str | None) -> str | None:
    if appendonly == "no":
        return "none"
    if appendonly is None or appendfsync is None:
        return None
    return {"always": "fsync", "everysec": "everysec"}.get(appendfsync, "none")


def _product(info: dict[str, Any]) -> tuple[str, str]:
    if "valkey_version" in info:
        return "valkey", str(info["valkey_version"])
    return "redis", str(info["redis_version"])


def _version_numbers(version: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in str(version).split(".")[:2])


def _by_name(fields: dict[bytes, bytes]) -> dict[str, bytes]:
    return {name.decode(): value for name, value in fields.items()}


def _key_ids(noted: bytes | None) -> frozenset[str]:
    return frozenset((noted or PLAIN.encode()).decode().split(","))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
