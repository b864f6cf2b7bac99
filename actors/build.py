"""The composition root: settings in, a running system out. The only place that knows every concrete class.

Start order: store, rims, venues, actors; stop order: the reverse. Must never: decide anything about orders.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from prometheus_client import CollectorRegistry

from actors.errors import StoreUnavailable
from actors.exchange import ExchangeRhythm
from actors.policies import account_policy
from actors.runtime.metrics import Metrics
from actors.runtime.pooled import PooledSystem
from actors.runtime.store_rim import StoreRim
from actors.settings import Settings
from actors.store.cipher import Keyring
from actors.store.embedded import EmbeddedServer, state_folder
from actors.store.nonces import StoredCeilings
from actors.store.port import StateStore, StoreFacts
from actors.store.redis import RedisStore
from actors.store.sealed import SealedStore
from actors.tree import plant
from actors.venues import Venues
from actors.views import PublishedViews
from exchanges.gateway import VenueGateway
from messages.base import Message
from messages.events import Event
from messages.queries import Reply

DEFAULT_DEPLOYMENT: Final = "paper"


class Runtime:
    """One composed system. Built by the facade; its parts are public for the programs and tests of this project."""

    def __init__(
        self,
        settings: Settings,
        *,
        registry: CollectorRegistry,
        switch_interval_s: float | None,
        data_folder: Path | None,
        on_fatal: Callable[[str], None],
        gateway_of: Callable[[str, str], VenueGateway] | None = None,
    ) -> None:
        self.settings = settings
        self.deployment = settings.deployment.name or DEFAULT_DEPLOYMENT
        self.metrics = Metrics(registry)
        self.system = PooledSystem(self.metrics, switch_interval_s=switch_interval_s)
        self.policies = {
            account.id: account_policy(settings, account, deployment=self.deployment) for account in settings.accounts
        }
        """What each account decides by, and what its records are shown by."""
        self.views: dict[str, PublishedViews] = {}
        self.facts: StoreFacts | None = None
        self.server: EmbeddedServer | None = None
        self._data_folder = data_folder
        self._temporary = ExitStack()
        self._on_fatal = on_fatal
        self._gateway_of = gateway_of
        self.venues = Venues(settings, clock=self.system.clock, random=self.system.random)
        ownership = settings.order_management.concurrency_control.ownership
        self._owner = f"{self.deployment}:{self.system.random.getrandbits(64):016x}"
        self._owner_ttl_ms = ownership.lease_ttl_ms
        self._store: StateStore | None = None
        self._rim: StoreRim | None = None
        self._stopped = False
        self._gates_wanted = [(account.id, len(account.exchanges.by_name())) for account in settings.accounts]
        self._seen_open = 0

    # ----- life

    def start(
        self,
        *,
        on_event: Callable[[Event], None],
        on_reply: Callable[[Reply], None],
        on_account_lost: Callable[[str], None],
    ) -> None:
        """Start everything. Raises `StoreError` when the store is away or unfit; what was started is stopped again."""
        self.system.on_event = on_event
        self.system.on_reply = on_reply
        try:
            store = self._store = self._open_store()
            if self._gateway_of is None:
                self.venues.start(self._ceilings)
        except BaseException:
            self.stop(5.0)
            raise
        rim = self._rim = StoreRim(
            self.system,
            store,
            owner=self._owner,
            owner_ttl_ms=self._owner_ttl_ms,
            revive=None if self.server is None else self.server.start,
        )
        rim.start()
        plant(
            self.system,
            accounts=self.policies,
            gateway_of=self._gateway_of or self.venues.gateway_of,
            writer=rim,
            loader=rim,
            views=self.views,
            renew_interval_ms=self.settings.order_management.concurrency_control.ownership.lease_renew_interval_ms,
            rhythm=ExchangeRhythm(),
            escalate=self._on_fatal,
            account_lost=on_account_lost,
        )

    def all_open(self) -> bool:
        """Whether every account takes new orders on every one of its exchanges."""
        # Asked often while accounts open, nearly in this order: those seen open are looked at again at the end only.
        while self._seen_open < len(self._gates_wanted):
            if not self._is_open(*self._gates_wanted[self._seen_open]):
                return False
            self._seen_open += 1
        self._seen_open = 0
        return all(self._is_open(account_id, exchanges) for account_id, exchanges in self._gates_wanted)

    def _is_open(self, account_id: str, exchanges: int) -> bool:
        gates = self.views[account_id].gates
        return len(gates) >= exchanges and not any(gates.values())

    def stop(self, timeout_s: float) -> tuple[str, ...]:
        """Stop everything in reverse, bounded; the answer names actors that did not come back."""
        if self._stopped:
            return ()
        self._stopped = True
        self.venues.close_streams()
        stuck = self.system.shutdown(timeout_s / 2)
        self.metrics.sync_forgotten()
        if self._rim is not None:
            self._rim.stop(timeout_s / 2)
        self.venues.close()
        if self._store is not None:
            self._store.close()
        if self.server is not None:
            self.server.stop()
        self._temporary.close()
        return stuck

    # ----- what the facade needs

    @property
    def store(self) -> StateStore:
        """The store, once started."""
        if self._store is None:
            raise StoreUnavailable("not started")
        return self._store

    def tell(self, address: str, message: Message) -> bool:
        """Put a message into an actor's inbox."""
        return self.system.tell(address, message)

    def depth(self, address: str) -> int:
        """Commands waiting for an account."""
        return self.system.depth(address)

    def next_id(self) -> str:
        """A fresh message id."""
        return self.system.ids.next()

    def now_ms(self) -> int:
        """Our clock."""
        return self.system.clock.now_ms()

    # ----- parts

    def _open_store(self) -> StateStore:
        redis = self.settings.redis
        if redis.url is None:
            self.server = EmbeddedServer(self._choose_folder(), durability=self.settings.durability)
            self.server.start()
            url = self.server.url
        else:
            url = redis.url.reveal()
        server = RedisStore(
            url,
            deployment=self.deployment,
            partitions=redis.partitions or 1,
            durability=self.settings.durability,
            connect_timeout_ms=redis.connect_timeout_ms,
            events_max=self.settings.order_management.lifecycle.events.stream_max_length,
        )
        store = with_keys(server, self.settings)
        with naming_redis_url(self.settings):
            self.facts = store.open()
            store.keep_alive(self._owner, self._owner_ttl_ms)
        self._ceilings = StoredCeilings(url, deployment=self.deployment, timeout_ms=redis.connect_timeout_ms)
        self._temporary.callback(self._ceilings.close)
        return store

    def _choose_folder(self) -> Path:
        if self._data_folder is not None:
            return self._data_folder
        if self.settings.is_live or not self.settings.paper.venues:
            return state_folder(self.deployment)
        # Paper venues of ours end with us, so records that outlived them would claim orders that are nowhere.
        return Path(self._temporary.enter_context(TemporaryDirectory(prefix="livermore-")))


@contextmanager
def naming_redis_url(settings: Settings) -> Iterator[None]:
    """Say of a server that does not answer which setting led there; an embedded one is in no setting."""
    try:
        yield
    except StoreUnavailable as error:
        if settings.redis.url is None:
            raise
        raise StoreUnavailable(
            f"the server of redis.url does not answer ({error}): start it or correct redis.url; without redis.url an "
            "embedded server is used"
        ) from error


def with_keys(store: RedisStore, settings: Settings) -> RedisStore | SealedStore:
    """Put the configured encryption keys around a store; without any it stays as it is."""
    privacy = settings.order_management.privacy
    if not privacy.encryption_keys:
        return store
    keys = [bytes.fromhex(key.reveal()) for key in privacy.encryption_keys]
    keyring = Keyring(keys, seals=privacy.encrypt_at_rest)
    public_ids = [each.id for each in settings.exchanges.by_name().values()]
    return SealedStore(store, keyring, deployment=store.deployment, public_ids=public_ids)
