"""The facade: how a host program embeds the order manager.

    with Oms.from_config("config/order_management.yaml") as oms:
        oms.subscribe(print, OrderStateChanged)
        placed = oms.ask(SubmitOrder(...), timeout=10)

Every method may be called from any thread but those of the actors. Must never: answer for an account, or turn a
caller's timeout into a statement about an order.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeoutError
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from prometheus_client import CollectorRegistry

from actors.build import Runtime
from actors.domain.fills import weighted_average
from actors.errors import AskTimeout, BlockingAskRefused, refusal_error
from actors.parting import given_up, unresolved
from actors.reading import answer
from actors.runtime.cell import in_actor
from actors.runtime.subscriptions import Subscription
from actors.settings import Settings
from actors.tree import account_address
from actors.views import PublishedViews
from messages.base import copied
from messages.codec import decode
from messages.commands import AccountCommand
from messages.control import ReportCommand
from messages.events import Alert, Event, Severity
from messages.queries import AccountQuery, CommandReply, OrderUnresolved, Query, QueryReply, RefusalCode, Refused, Reply

_POLL_S = 0.005
_GRACE_S = 1.0
"""After a caller's timeout, how long the account may take to say how far the command got."""

CommandT = TypeVar("CommandT", bound=AccountCommand)


class Oms:
    """One order manager: a runtime, its store, its venues. Several may live in one process."""

    def __init__(
        self,
        settings: Settings,
        *,
        registry: CollectorRegistry | None = None,
        switch_interval_s: float | None = None,
        data_folder: Path | None = None,
        on_fatal: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare; `start` or `with` brings it to life.

        Args:
            settings: From `Settings.load`.
            registry: Where metrics are registered; a private one unless given.
            switch_interval_s: Shortens the interpreter's thread switch interval while running, which is the process's
                and not ours: only when the host says so. 0.0005 suits a program that does little else.
            data_folder: Of the embedded server; by default under the user's state directory.
            on_fatal: Called with a reason when the tree of actors cannot go on; the host should stop.
        """
        self.settings = settings
        self.registry = registry if registry is not None else CollectorRegistry()
        self._runtime = Runtime(
            settings,
            registry=self.registry,
            switch_interval_s=switch_interval_s,
            data_folder=data_folder,
            on_fatal=on_fatal or (lambda _: None),
        )
        self._average = self._runtime.metrics.timed_averages(weighted_average)
        self._futures: dict[str, tuple[AccountCommand, Future[Reply]]] = {}
        self._offers = count(1)
        self._subscriptions: tuple[Subscription, ...] = ()
        self._subscribing = threading.Lock()
        self._stopping = False

    @classmethod
    def from_config(cls, source: str | Path | Mapping[str, Any] | None = None, **options: Any) -> Self:
        """Build from a YAML file, a mapping, or nothing: one account on a paper venue where a random market trades, and
        an embedded server.

        Raises:
            SettingsError: everything that is wrong, a line each.
        """
        return cls(Settings.load(source), **options)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    # ----- life

    def start(self, ready_timeout_s: float = 10.0) -> bool:
        """Start store, venues and actors, and wait until every account takes orders on every exchange.

        Returns whether that was so within the timeout; a venue that is down keeps its gate closed and opens it by
        itself later.

        Raises:
            StoreError: the store is away or unfit, or its data folder is in use.
        """
        self._runtime.start(
            on_event=self._on_event, on_reply=self._on_reply, on_account_lost=self._on_account_lost
        )
        deadline = time.monotonic() + ready_timeout_s
        while not self._runtime.all_open():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def stop(self, timeout_s: float = 10.0) -> tuple[str, ...]:
        """Stop in order: no new commands, streams, actors, store. Bounded by the timeout.

        Returns the addresses of actors whose handler did not come back, normally none. What was acknowledged is
        durable, what was under way is verified at the next start.
        """
        self._stopping = True
        # Commands under way get a moment to be answered; what takes longer is found out at the next start.
        deadline = time.monotonic() + min(_GRACE_S, timeout_s / 4)
        while self._futures and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        stuck = self._runtime.stop(timeout_s)
        for views in self._runtime.views.values():
            # They stay readable, as what was known last.
            views.in_service = False
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions = ()
        for command, _ in list(self._futures.values()):
            self._leave_unanswered(command)
        return stuck

    # ----- commands and queries

    def ask(self, message: AccountCommand | AccountQuery, timeout: float = 10.0) -> CommandReply | QueryReply:
        """Carry out a command or answer a query.

        A placement whose outcome is not known within `timeout` seconds is answered with `OrderUnresolved`, which names
        the order if its intent is durable; it goes on being worked on.

        Raises:
            OrderRefused: nothing was done, or it is proven that there is no order; `.refusal` says why.
            BlockingAskRefused: called from inside an actor.
            AskTimeout: a command that places nothing was not answered in time.
        """
        if isinstance(message, Query):
            return self._answer(message)
        if in_actor():
            raise BlockingAskRefused("actors never wait for one another; send a message instead")
        future, command = self._offer(message)
        try:
            reply = future.result(timeout)
        except FutureTimeoutError:
            reply = self._how_far(command, future)
        finally:
            self._futures.pop(command.correlation_id, None)
        if isinstance(reply, Refused):
            raise refusal_error(reply)
        return reply  # type: ignore[return-value]

    def submit(self, message: AccountCommand) -> "Future[Reply]":
        """Send a command and return the future of its reply; a refusal is a reply (`Refused`), not an exception.

        Callbacks of the future run on an actor's thread and must return at once.
        """
        return self._offer(message)[0]

    def tell(self, message: AccountCommand) -> None:
        """Send a command and wait for nothing."""
        self._send(_addressed(message, self._runtime.next_id(), self._runtime.now_ms(), next(self._offers)))

    # ----- events

    def subscribe(
        self, handler: Callable[[Event], object], *types: type[Event], account_id: str | None = None
    ) -> Subscription:
        """Call `handler` with every event of the given types (all without any), in each account's commit order.

        The handler runs on a thread of its own and may be slow: see `actors.runtime.subscriptions`.
        """
        subscription = Subscription(handler, types, account_id)
        with self._subscribing:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription."""
        with self._subscribing:
            self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)
        subscription.close()

    def events(self, account_id: str, after: str = "") -> Iterator[Event]:
        """Iterate over the stored events of an account after an event id, up to now.

        Where that id is older than the oldest event still kept, an `Alert` named `EventsMissed` comes first: events
        in between may be gone, and the orders' present state has to be queried.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        store = self._runtime.store
        while page := store.events(account_id, after):
            # Asked after the page was read: what was thrown away before that cannot be overlooked.
            oldest = store.oldest_event(account_id)
            if after and _place(after) < _place(oldest):
                yield _events_missed(account_id, after, oldest, self._runtime.now_ms())
            for event_id, raw in page:
                after = event_id
                event = decode(raw)
                if isinstance(event, Event):
                    yield event

    # ----- reading

    def views(self, account_id: str) -> PublishedViews:
        """The published records of an account, replaced value by value as they change.

        Raises:
            OrderRefused: no such account.
        """
        views = self._runtime.views.get(account_id)
        if views is None:
            raise refusal_error(self._no_such_account(account_id, ""))
        return views

    @property
    def runtime(self) -> Runtime:
        """The composition underneath, for the programs of this project."""
        return self._runtime

    # ----- inside

    def _answer(self, query: Query) -> QueryReply:
        views = self.views(query.account_id)
        return answer(
            query,  # type: ignore[arg-type]
            views,
            self._runtime.now_ms() if views.in_service else views.as_of_ms,
            self._runtime.policies[query.account_id],
            self._average,
        )

    def _offer(self, message: CommandT) -> tuple["Future[Reply]", CommandT]:
        future: Future[Reply] = Future()
        command = _addressed(message, self._runtime.next_id(), self._runtime.now_ms(), next(self._offers))
        self._futures[command.correlation_id] = command, future
        self._send(command)
        return future, command

    def _send(self, command: AccountCommand) -> None:
        refusal = self._refused_here(command)
        if refusal is None:
            taken = not self._stopping and self._runtime.tell(account_address(command.account_id), command)
            refusal = None if taken else self._not_running(command)
        if refusal is not None:
            self._on_reply(refusal)

    def _refused_here(self, command: AccountCommand) -> Refused | None:
        if command.account_id not in self._runtime.views:
            return self._no_such_account(command.account_id, command.correlation_id)
        limit = self.settings.order_management.concurrency_control.order_placement.max_queue_size
        if command.urgent:
            return None
        waiting = self._runtime.depth(account_address(command.account_id))
        if waiting < limit:
            return None
        return Refused(
            correlation_id=command.correlation_id,
            code=RefusalCode.QUEUE_FULL,
            text=f"{waiting} commands wait for account {command.account_id!r}, at most {limit} may",
            rule="maxQueueSize",
            limit=str(limit),
            actual=str(waiting),
        )

    def _not_running(self, command: AccountCommand) -> Refused:
        return Refused(
            correlation_id=command.correlation_id,
            code=RefusalCode.ACCOUNT_STOPPED,
            text=f"account {command.account_id!r} is not running",
        )

    def _no_such_account(self, account_id: str, correlation_id: str) -> Refused:
        have = ", ".join(sorted(self._runtime.views)) or "none"
        return Refused(
            correlation_id=correlation_id,
            code=RefusalCode.UNKNOWN_ACCOUNT,
            text=f"no account {account_id!r} here; there are: {have}",
        )

    def _how_far(self, command: AccountCommand, future: "Future[Reply]") -> Reply:
        self._runtime.tell(
            account_address(command.account_id),
            ReportCommand(account_id=command.account_id, command_id=command.correlation_id),
        )
        try:
            return future.result(_GRACE_S)
        except FutureTimeoutError:
            if command.places_an_order:
                return OrderUnresolved(
                    correlation_id=command.correlation_id,
                    view=None,
                    text="the account has not answered; ask again with the same request_id, or query its orders",
                )
            raise AskTimeout(f"{type(command).__name__} was not answered in time") from None

    def _on_event(self, event: Event) -> None:
        for subscription in self._subscriptions:
            subscription.offer(event)

    def _on_account_lost(self, account_id: str) -> None:
        # What waited in the actor or its inbox went with it: nobody would ever answer these.
        self.views(account_id).in_service = False
        why = f"account {account_id!r} failed before it answered"
        for command, _ in list(self._futures.values()):
            if command.account_id == account_id:
                answer_now = unresolved if command.places_an_order else given_up
                self._on_reply(answer_now(command.correlation_id, why))

    def _leave_unanswered(self, command: AccountCommand) -> None:
        why = "the order manager was stopped before the account answered"
        if command.places_an_order:
            self._on_reply(unresolved(command.correlation_id, why))
            return
        _, future = self._futures.pop(command.correlation_id, (None, None))
        if future is not None and future.set_running_or_notify_cancel():
            future.set_exception(AskTimeout(f"{type(command).__name__}: {why}"))

    def _on_reply(self, reply: Reply) -> None:
        _, future = self._futures.pop(reply.correlation_id, (None, None))
        if future is not None:
            try:
                future.set_result(reply)
            except InvalidStateError:
                # The host cancelled the future; what it asked for happens all the same and is seen by query.
                return


def _place(event_id: str) -> tuple[int, int]:
    seq, _, index = event_id.partition("-")
    return int(seq or 0), int(index or 0)


def _events_missed(account_id: str, after: str, oldest: str, now_ms: int) -> Alert:
    return Alert(
        account_id=account_id,
        name="EventsMissed",
        severity=Severity.WARNING,
        text=f"events between {after} and {oldest} are no longer kept; query the orders instead",
        details=(("first_kept", oldest),),
        at_ms=now_ms,
    )


def _addressed(message: CommandT, command_id: str, now_ms: int, number: int) -> CommandT:
    # The host keeps its object and may send it again, so the header goes into a copy.
    return copied(
        message,
        message_id=message.message_id or command_id,
        correlation_id=command_id,
        offered_ms=now_ms,
        offered_no=number,
    )
