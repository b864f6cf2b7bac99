"""What hosts are told when an account forgets everything because it is not, or no longer, its one owner.

A placement may be at the venue or get there through the new owner, so it is never called refused. Must never: show
what was not made durable.
"""

from collections.abc import Iterable

from actors.memory import AccountMemory
from actors.runtime.outcome import Outcome, Respond
from messages.base import copied
from messages.queries import CloseDone, OrderAdmitted, OrderPlaced, OrderUnresolved, RefusalCode, Refused, Reply


def last_answers(memory: AccountMemory, withheld: Iterable[Outcome], why: str) -> list[Respond]:
    """An answer for every command that waits: for its order's outcome, or for the commit of its own."""
    answers: dict[str, Reply] = {}
    for waiters in memory.waiters.values():
        for waiter in waiters:
            name = waiter.correlation_id
            answers[name] = given_up(name, why) if waiter.cancel else unresolved(name, why)
    for name in memory.askers:
        answers[name] = unresolved(name, why)
    for outcome in withheld:
        for effect in outcome.effects:
            if isinstance(effect, Respond):
                answers[effect.reply.correlation_id] = _instead_of(effect.reply, why)
    return [Respond(answer) for answer in answers.values()]


def unresolved(correlation_id: str, why: str) -> OrderUnresolved:
    """The answer to a placement of which nobody here will hear any more."""
    text = f"{why}; ask again with the same request_id (a close: message_id), or query the orders of the account"
    return OrderUnresolved(correlation_id=correlation_id, view=None, text=text)


def given_up(correlation_id: str, why: str) -> Refused:
    """The answer to a command that places nothing."""
    text = f"{why}; whether the command took effect is seen by query"
    return Refused(correlation_id=correlation_id, code=RefusalCode.ACCOUNT_STOPPED, text=text)


def _instead_of(reply: Reply, why: str) -> Reply:
    match reply:
        case OrderAdmitted() | OrderPlaced() | OrderUnresolved() | CloseDone():
            return unresolved(reply.correlation_id, why)
        case Refused():
            # That nothing was done needs no record to stay true; what it shows of an order does.
            return copied(reply, view=None)
        case _:
            return given_up(reply.correlation_id, why)
