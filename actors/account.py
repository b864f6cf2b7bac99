"""The account actor: the one writer of everything an account owns.

Takes its messages strictly one after the other; each becomes one turn, decided by pure functions against a memory that
includes every earlier turn, committed as one section, and visible to the outside only after the commit. Starting,
restarting and taking over are the same thing: take the lease, load, reconcile, open the gates.

Must never: call a venue, wait, or show anything that is not durable.
"""

from collections.abc import Callable
from functools import partial
from typing import ClassVar, Protocol, TypeAlias, get_args

from actors import askers, closing, controls, fill_timeouts, modifying, recovery
from actors.admission import Circumstances
from actors.commanding import report_command
from actors.connections import Connections
from actors.desk import CALENDARS, Desk
from actors.domain.idempotency import keys_for
from actors.errors import InvalidTransition, InvariantViolated
from actors.hearing import Hearing
from actors.host_commands import HostCommands
from actors.housekeeping import quarantine, sweep
from actors.memory import AccountMemory
from actors.metering import Meter
from actors.outage import needs_no_commit
from actors.parting import given_up, last_answers
from actors.policy import AccountPolicy
from actors.positions import Positions
from actors.reminders import (
    AuditDue,
    CancelAgainDue,
    ExpiryDue,
    HeldDue,
    HistoryDue,
    ModifyDue,
    ParityDue,
    ParkedDue,
    PriceDue,
    ReconcileDue,
    ReloadDue,
    Reminder,
    ResendDue,
    RespawnDue,
    SweepDue,
    SyncDue,
)
from actors.runtime.base import OmsActor
from actors.runtime.committing import CommittingActor
from actors.runtime.outcome import Act, Effect, Outcome, Publish, Respond, Send, SetTimer, Spawn, StopChild, parted
from actors.runtime.seam import System
from actors.runtime.store_rim import AccountLoaded, AccountNotLoaded
from actors.showing import Standing
from actors.store.port import Lease
from actors.turn import Turn
from actors.verifying import on_due
from actors.views import PublishedViews
from actors.waiting import Held
from messages.base import Message
from messages.commands import (
    CancelAll,
    CancelOrder,
    CancelOrders,
    CheckParity,
    ClaimOrder,
    ClosePosition,
    CreateDraft,
    DiscardDraft,
    Logout,
    ModifyOrder,
    ResolveReview,
    SetKillSwitch,
    SubmitDraft,
    SubmitOrder,
    SyncOpenOrders,
)
from messages.control import (
    AccountLeft,
    CancelClose,
    ChildFailed,
    CloseMet,
    Committed,
    FillTimeoutDue,
    HoldingCompared,
    Ping,
    PlaceClose,
    Pong,
    ReportCommand,
    ReportFillTimers,
    ReportUnresolved,
    StoreAvailability,
    Verdict,
    VerificationDue,
    WatchStore,
)
from messages.events import Alert, Severity
from messages.inboxes import AccountInbox, HostCommand
from messages.queries import RefusalCode, Refused
from messages.reports import VenueReport

_Inbox: TypeAlias = AccountInbox | Reminder | AccountLoaded | AccountNotLoaded
_COMMANDS = get_args(HostCommand)
_FENCED = {
    Verdict.STALE: "another process has taken the account",
    Verdict.GAP: "the store's sequence is not ours; reloading",
    Verdict.BROKEN: "a stored key of the account holds something else than its records; reloading until it is repaired",
}


class AccountLoader(Protocol):
    """The rim that takes and loads accounts; answered by `AccountLoaded` or `AccountNotLoaded`."""

    def load(self, account_id: str, reply_to: str) -> None:
        """Take the lease and load the records."""
        ...

    def release(self, lease: Lease) -> None:
        """Give the account up."""
        ...


class AccountActor(CommittingActor[_Inbox]):
    """One per account. See the module."""

    accepts: ClassVar = frozenset(get_args(AccountInbox) + get_args(Reminder) + (AccountLoaded, AccountNotLoaded))

    def __init__(
        self,
        system: System,
        address: str,
        *,
        account_id: str,
        policy: AccountPolicy,
        loader: AccountLoader,
        views: PublishedViews,
        build_exchange: Callable[[str], Callable[[System, str], OmsActor[Message]]],
    ) -> None:
        super().__init__(system, address, account_id)
        self._policy = policy
        self._loader = loader
        self._views = views
        self._derive_keys = system.metrics.timed_keys(keys_for)
        self._meter = Meter(system.metrics, views, account_id, held=policy.risk.kill_switch)
        self._build_exchange = build_exchange
        self._memory = AccountMemory()
        self._lease: Lease | None = None
        self._store_available = True
        self._behind_seq = 0
        """The last section made before the store was back; until it is durable, readers lack what happened."""
        self._exchange_ids = {name: str(exchange.public_id) for name, exchange in policy.exchanges.items()}
        self._addresses = {name: f"{address}/exchange/{name}" for name in policy.exchanges}
        self._desk = Desk(policy=policy, exchange_address=self._addresses, offsets_ms={})
        self._connections = Connections(policy, views, self._desk)
        self._pre_trade = self._connections.pre_trade
        self._commands = HostCommands(policy, self._desk, self._connections)
        self._hearing = Hearing(account_id, self._desk, self._connections, system.metrics)
        self._positions = Positions(address, close_timeout_ms=policy.close_timeout_ms)

    # ----- what the committing base asks for

    def remember(self, record: object) -> None:
        """Take a record into memory."""
        if type(record) is Standing:
            self._connections.showing.note(record, self._connections.doubts(self._memory))
        else:
            self._memory.remember(record)

    def carry_out(self, outcome: Outcome) -> None:
        """Carry out as committing actors do. While the store is away, what promises nothing waits for no commit; in the
        availability mode nothing does.
        """
        if not self._store_available:
            # Kept in memory, written back when the store returns: that is all the promise the availability mode gives.
            chosen = needs_no_commit if self._policy.refuse_without_store else lambda _: True
            early, outcome.effects = parted(outcome.effects, chosen)
            outcome.at_once.extend(early)
        if outcome.apply or outcome.writes:
            outcome.apply.append(Standing())
        super().carry_out(outcome)

    def on_released(self, outcome: Outcome) -> None:
        """Show durable records to readers and count what happened."""
        self._meter.released(outcome, self._memory, self.system.clock.now_ms())
        if self._lease is not None:
            self._views.as_of_ms = self.system.clock.now_ms()
        for record in outcome.apply:
            self._views.publish(record)
        self._tell_store()
        doubts = self._connections.doubts(self._memory)
        self._connections.showing.release(self._standing_after(outcome, doubts), doubts)

    def on_fenced(self, verdict: Verdict) -> Outcome:
        """Somebody else owns the account, or what is stored is not as we left it: forget everything, and only in the
        second case come back.
        """
        stale = verdict is Verdict.STALE
        text = _FENCED[verdict]
        answers = last_answers(self._memory, (outcome for _, _, outcome in self._unreleased), text)
        answers += [Respond(given_up(name, text)) for name in self._connections.forget("fenced out")]
        self._memory = AccountMemory()
        self._meter.take_stock(self._memory)
        self._lease = None
        self._views.in_service = False
        # Whatever it wanted to be reminded of concerns records that are gone.
        self.cancel_all_timers()
        effects: list[Effect] = [*answers, Publish(self._alert("AccountFenced", Severity.CRITICAL, text))]
        left = AccountLeft(account_id=self.account_id)
        effects += [Send(calendar, left) for calendar in CALENDARS]
        effects.extend(StopChild(address) for address in self._addresses.values())
        effects.extend(self._positions.stop())
        if not stale:
            effects.append(SetTimer("reload", self._policy.reload_delay_ms, ReloadDue()))
        return Outcome(at_once=effects)

    # ----- life

    def first_turn(self) -> Outcome:
        """Take the account and load it."""
        return Outcome(
            effects=[
                Send(self.committer, WatchStore(address=self.address)),
                Act(partial(self._loader.load, self.account_id, self.address)),
            ]
        )

    def on_stop(self) -> None:
        """Give the account up, so that another process need not wait until our sign of life lapses."""
        if self._lease is not None:
            self._loader.release(self._lease)

    def receive(self, message: _Inbox) -> Outcome:
        """Handle one message, and decide what could not be decided before it."""
        outcome = self._receive(message)
        room = self._connections.room
        if not room:
            return outcome
        self.carry_out(outcome)
        while self._lease is not None and (held := room.ready(partial(self._pre_trade.satisfied, self._turn()))):
            self._handling = held.command
            self.carry_out(self._on_command(held.command, held))
        return Outcome()

    def _receive(self, message: _Inbox) -> Outcome:
        match message:
            case Committed():
                return self.on_committed(message)
            case AccountLoaded():
                return self._on_loaded(message)
            case AccountNotLoaded():
                return self._on_not_loaded(message)
            case ReloadDue():
                return Outcome(effects=[Act(partial(self._loader.load, self.account_id, self.address))])
            case StoreAvailability():
                return self._on_store(message)
            case Ping():
                return Outcome(at_once=[Send(message.reply_to, Pong(address=self.address))])
            case _ if self._lease is None:
                return self._not_in_service(message)
            case (
                SubmitOrder() | CreateDraft() | SubmitDraft() | DiscardDraft() | ModifyOrder() | CancelOrder()
                | CancelOrders() | CancelAll() | ClosePosition() | ClaimOrder() | ResolveReview() | SyncOpenOrders()
                | CheckParity() | SetKillSwitch() | Logout()
            ):  # fmt: skip
                return self._on_command(message, None)
            case VerificationDue() | ReportUnresolved() | ReportCommand() | FillTimeoutDue() | ReportFillTimers():
                return self._on_asked(message)
            case PlaceClose() | CloseMet() | CancelClose() | HoldingCompared():
                return self._on_position(message)
            case (
                ResendDue() | CancelAgainDue() | ExpiryDue() | HistoryDue() | HeldDue() | ReconcileDue() | AuditDue()
                | ParkedDue() | SyncDue() | PriceDue() | ParityDue() | ModifyDue()
            ):  # fmt: skip
                turn = self._turn()
                self._hearing.remind(turn, message)
                return self._finish(turn)
            case SweepDue():
                return self._on_sweep()
            case RespawnDue():
                turn = self._turn()
                turn.effect(Spawn(self._addresses[message.exchange], self._build_exchange(message.exchange)))
                recovery.resume(turn, self._desk, message.exchange)
                return self._finish(turn)
            case ChildFailed():
                return self._on_child_failed(message)
            case _:
                return self._on_report(message)

    def _on_report(self, message: VenueReport) -> Outcome:
        turn = self._turn()
        try:
            self._hearing.hear(turn, message)
        except InvalidTransition as error:
            turn = self._turn()
            quarantine(turn, message, str(error))
        return self._finish(turn)

    # ----- handlers

    def _on_loaded(self, message: AccountLoaded) -> Outcome:
        margin = [name for name, exchange in self._policy.exchanges.items() if exchange.capabilities.margin]
        self._memory = recovery.rebuild(message.records, self._policy.exchanges, margin)
        self._lease = message.lease
        self.epoch, self.seq = message.lease.epoch, message.lease.seq
        self._unreleased.clear()
        self._meter.take_stock(self._memory, self._addresses)
        self._views.replace(self._memory.everything())
        self._views.unserved, self._views.margin = self._memory.unserved, self._memory.margin
        self._views.in_service = True
        turn = self._turn()
        for name, address in self._addresses.items():
            turn.effect(Spawn(address, self._build_exchange(name)))
            turn.rewrite_public(name)
        recovery.recount(turn)
        recovery.tell_unserved(turn)
        self._connections.audits.load(turn)
        recovery.resume(turn, self._desk)
        controls.resume(turn, self._desk)
        fill_timeouts.announce(turn, self._desk, loaded=True)
        closing.announce(turn)
        turn.effect(SetTimer("sweep", self._sweep_ms(), SweepDue()))
        return self._finish(turn)

    def _on_not_loaded(self, message: AccountNotLoaded) -> Outcome:
        name = "AccountOwnedElsewhere" if message.owned_elsewhere else "AccountNotLoaded"
        why = "owned by another process" if message.owned_elsewhere else "its records could not be read"
        self._connections.close_all(why)
        return Outcome(
            effects=[
                Publish(self._alert(name, Severity.CRITICAL, message.reason)),
                SetTimer("reload", self._policy.reload_delay_ms, ReloadDue()),
            ]
        )

    def _not_in_service(self, message: Message) -> Outcome:
        if not isinstance(message, _COMMANDS):
            return Outcome()
        reason = next(iter(self._connections.gates.values()), "loading")
        refusal = Refused(
            correlation_id=message.correlation_id,
            code=RefusalCode.ACCOUNT_STOPPED,
            text=f"account {self.account_id!r} is not in service: {reason}",
        )
        return Outcome(at_once=[Respond(refusal)])

    def _on_command(self, command: HostCommand, held: Held | None) -> Outcome:
        """Decide a command: one that has just come, or one that was held back until something was known."""
        try:
            return self._decide_command(command, held)
        except InvariantViolated:
            raise
        except Exception as error:  # noqa: BLE001 - a turn that was not finished has changed nothing: the host erred, not we
            turn = self._turn()
            if held is not None:
                self._connections.room.leave(turn, held)
            what = f"{type(command).__name__} cannot be carried out: {type(error).__name__}"
            turn.refuse(command.correlation_id, RefusalCode.INVALID_ORDER, f"{what}; check the types of its fields")
            return self._finish(turn)

    def _decide_command(self, command: HostCommand, held: Held | None) -> Outcome:
        turn = self._turn()
        circumstances = self._circumstances(turn.now_ms if held is None else held.arrived_ms)
        self._commands.take(turn, command, circumstances, held)
        return self._finish(turn)

    def _on_store(self, message: StoreAvailability) -> Outcome:
        self._store_available = message.available
        self._behind_seq = self.seq
        self._tell_store()
        if not message.available:
            self.release_early(needs_no_commit)
        if message.available or self._policy.refuse_without_store:
            return Outcome()
        text = "the store is away: orders are protected by memory alone until it is back"
        return Outcome(at_once=[Publish(self._alert("DegradedMode", Severity.CRITICAL, text))])

    def _on_asked(
        self, message: VerificationDue | ReportUnresolved | ReportCommand | FillTimeoutDue | ReportFillTimers
    ) -> Outcome:
        turn = self._turn()
        match message:
            case VerificationDue():
                on_due(turn, self._desk, message)
            case ReportUnresolved():
                recovery.announce(turn, self._desk)
            case ReportCommand():
                report_command(turn, message)
                self._connections.report(turn, message.command_id)
            case FillTimeoutDue():
                fill_timeouts.on_due(turn, self._desk, message)
            case ReportFillTimers():
                fill_timeouts.announce(turn, self._desk)
        return self._finish(turn)

    def _on_sweep(self) -> Outcome:
        turn = self._turn()
        for order in sweep(turn, self._desk):
            self.system.metrics.stuck(order.state)
        self._watch_duplicates(turn)
        self._pre_trade.watch(turn)
        turn.effect(SetTimer("sweep", self._sweep_ms(), SweepDue()))
        return self._finish(turn)

    def _on_position(self, message: PlaceClose | CloseMet | CancelClose | HoldingCompared) -> Outcome:
        turn = self._turn()
        match message:
            case PlaceClose():
                closing.place_close(turn, self._desk, message, self._circumstances(turn.now_ms, closing=True))
            case CloseMet():
                askers.on_met(turn, message)
            case CancelClose():
                closing.cancel_close(turn, self._desk, message)
            case HoldingCompared():
                closing.on_compared(turn, message)
        return self._finish(turn)

    def _on_child_failed(self, message: ChildFailed) -> Outcome:
        turn = self._turn()
        now_ms = self.system.clock.monotonic_ms()
        if not self._positions.on_child_failed(turn, message, now_ms, self.system.random):
            self._connections.on_child_failed(turn, message, monotonic_ms=now_ms, random=self.system.random)
        return self._finish(turn)

    # ----- helpers

    def _tell_store(self) -> None:
        # What happened while the store was away is shown by and by when it is back.
        caught_up = not self._unreleased or self._unreleased[0][0] > self._behind_seq
        self._views.store_available = self._store_available and caught_up

    def _standing_after(self, outcome: Outcome, doubts: frozenset[str]) -> Standing | None:
        if not self._unreleased:
            # All that is remembered is shown.
            standing = Standing()
            self._connections.showing.note(standing, doubts)
            return standing
        # A turn that leads to nothing but notes waits for none before it.
        in_order = outcome.writes or outcome.effects or outcome.events
        last = outcome.apply[-1] if outcome.apply and in_order else None
        return last if isinstance(last, Standing) else None

    def _finish(self, turn: Turn) -> Outcome:
        """Close a turn: what follows from its changes for timers, closes and positions belongs to it."""
        controls.follow(turn, self._desk)
        now = partial(self._circumstances, turn.now_ms)
        modifying.follow(turn, self._desk, now, self._pre_trade.judge)
        fill_timeouts.follow(turn, self._desk)
        closing.follow(turn)
        self._connections.groups.follow(turn)
        self._positions.deliver(turn)
        return turn.finish()

    def _watch_duplicates(self, turn: Turn) -> None:
        share, limit = self._meter.duplicate_share(), self._policy.duplicate_share_alert
        if share > limit:
            text = f"{share:.0%} of the latest requests were repetitions, above {limit:.0%}"
            turn.effect(Publish(self._alert("HighDuplicateRate", Severity.WARNING, text)))

    def _turn(self) -> Turn:
        return Turn(
            self._memory,
            account_id=self.account_id,
            now_ms=self.system.clock.now_ms(),
            exchange_ids=self._exchange_ids,
            privacy=self._policy.privacy,
        )

    def _circumstances(self, arrived_ms: int, *, closing: bool = False) -> Circumstances:
        return Circumstances(
            store_available=self._store_available,
            gates=self._connections.gates,
            offsets_ms=self._desk.offsets_ms,
            exchange_address=self._addresses,
            derive_keys=self._derive_keys,
            judge=self._pre_trade.judge_close if closing else self._pre_trade.judge,
            arrived_ms=arrived_ms,
            unknown=self._connections.unknown,
        )

    def _sweep_ms(self) -> int:
        return min(self._policy.sweep_interval_ms, self._policy.call_overdue_ms)

    def _alert(self, name: str, severity: Severity, text: str) -> Alert:
        return Alert(
            account_id=self.account_id, name=name, severity=severity, text=text, at_ms=self.system.clock.now_ms()
        )
