"""What traders asked for and what they were told: the hosts' side of a drill or a demo.

Must never: look at the order manager's records; whether what was told is true is for the auditor to say.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from actors.app.verdict import Change, Doings, Sweep
from actors.app.workload import Intent
from messages.fills import PositionClose
from messages.queries import CloseDone, ModifyDone, OrderPlaced, RefusalCode, Refused, Reply

_BY_RULE: Final = frozenset({RefusalCode.DUPLICATE_ORDER, RefusalCode.SELF_TRADE, RefusalCode.RISK_LIMIT})


@dataclass(slots=True)
class Ledger:
    """What the traders were told; every field is written by many threads under `lock`."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    replies: dict[tuple[str, str], Reply | None] = field(default_factory=dict)
    """By account and request id: the reply to an intent, None while it is awaited."""
    refusals: Counter[str] = field(default_factory=Counter)
    """Refusals for a passing reason, by code."""
    put_off: set[tuple[str, str]] = field(default_factory=set)
    """Of the awaited: those whose last answer was a refusal for now; nothing of theirs is under way."""
    awaited: set[str] = field(default_factory=set)
    """Cancels and closes without a reply, by our order id or by the number of the close."""
    closes: list[PositionClose] = field(default_factory=list)
    """Closes of positions that were told to have ended."""
    close_refusals: Counter[str] = field(default_factory=Counter)
    """Closes that were not begun, by the code of the refusal."""
    changes: list[Change] = field(default_factory=list)
    """Modifications, as they were asked for."""
    sweeps: list[Sweep] = field(default_factory=list)
    """Times in which an account cancelled many orders at once."""

    def asked(self, intent: Intent) -> None:
        """An intent was offered for the first time, or again."""
        key = (intent.command.account_id, intent.command.request_id or "")
        with self.lock:
            self.replies.setdefault(key, None)
            self.put_off.discard(key)

    def answered(self, intent: Intent, reply: Reply) -> None:
        """An intent got its reply."""
        with self.lock:
            self.replies[intent.command.account_id, intent.command.request_id or ""] = reply

    def refused(self, code: str, intent: Intent | None = None) -> None:
        """A request was refused for a passing reason; `intent` is what it was to place."""
        with self.lock:
            self.refusals[code] += 1
            if intent is not None:
                self.put_off.add((intent.command.account_id, intent.command.request_id or ""))

    def close_answered(self, key: str, reply: Reply) -> None:
        """A close got its reply."""
        with self.lock:
            self.awaited.discard(key)
            if isinstance(reply, CloseDone):
                self.closes.append(reply.close)
            else:
                code = reply.code.value if isinstance(reply, Refused) else "unresolved"
                self.close_refusals[code] += 1

    def change_asked(self, change: Change) -> None:
        """A modification was asked for, for the first time or again."""
        with self.lock:
            if change not in self.changes:
                self.changes.append(change)
                self.awaited.add(change.message_id)

    def change_answered(self, change: Change, reply: Reply, *, last: bool) -> None:
        """A modification got a reply; `last`: nobody else asked for it."""
        with self.lock:
            change.replies.append(reply)
            if last:
                self.awaited.discard(change.message_id)

    def sweep_asked(self, sweep: Sweep) -> None:
        """Orders of an account are being cancelled many at once."""
        with self.lock:
            if not any(each is sweep for each in self.sweeps):
                self.sweeps.append(sweep)

    def doings(self, foreign: frozenset[tuple[str, str]] = frozenset()) -> Doings:
        """What traders did to orders beside placing and cancelling them one by one."""
        with self.lock:
            return Doings(changes=tuple(self.changes), sweeps=tuple(self.sweeps), foreign=foreign)

    def changes_by_outcome(self) -> Counter[str]:
        """How modifications ended: in place, by another order, or by the code of their refusal."""
        with self.lock:
            return Counter(outcome_of(change) for change in self.changes)

    def refused_by_rule(self) -> Counter[str]:
        """Intents and modifications that a rule of the configuration refused, by the rule's name."""
        with self.lock:
            final = [*self.replies.values(), *(reply for change in self.changes for reply in change.replies[-1:])]
            return Counter(reply.rule for reply in final if isinstance(reply, Refused) and reply.code in _BY_RULE)

    def closes_told(self) -> tuple[PositionClose, ...]:
        """Closes of positions that were told to have ended."""
        with self.lock:
            return tuple(self.closes)

    def asked_count(self) -> int:
        """How many intents were asked."""
        with self.lock:
            return len(self.replies)

    def placed_count(self) -> int:
        """How many intents were told to be placed."""
        with self.lock:
            return sum(isinstance(reply, OrderPlaced) for reply in self.replies.values())

    def modified_count(self) -> int:
        """How many modifications were told to have taken effect."""
        with self.lock:
            return sum(any(isinstance(reply, ModifyDone) for reply in change.replies) for change in self.changes)

    def put_off_count(self) -> int:
        """How many intents wait, because an exchange took no new orders when they were last asked."""
        with self.lock:
            return len(self.put_off)

    def done(self) -> int:
        """How many intents have their reply."""
        with self.lock:
            return sum(reply is not None for reply in self.replies.values())

    def snapshot(self) -> dict[tuple[str, str], Reply | None]:
        """All intents asked so far with their replies."""
        with self.lock:
            return dict(self.replies)


def outcome_of(change: Change) -> str:
    """How a modification ended, in a word."""
    for reply in change.replies:
        if isinstance(reply, ModifyDone):
            return "changed_in_place" if reply.native else "replaced"
    last = change.replies[-1] if change.replies else None
    return last.code.value if isinstance(last, Refused) else "unresolved"
