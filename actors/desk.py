"""What the parts of an account share: its policy and addresses, and the requests that more than one of them makes.

Must never: decide what became of an order; it only asks.
"""

from dataclasses import dataclass, replace
from typing import Final

from actors.domain.verification import first_phase
from actors.notes import Unwatched, Watched
from actors.policy import AccountPolicy, ExchangePolicy
from actors.turn import Turn
from messages.commands import CancelVenueOrder
from messages.control import VerificationEnded, VerificationRequested
from messages.types import InitiatedBy, Order, VerificationPhase

VERIFICATION: Final = "supervisor/verification"
FILL_TIMEOUTS: Final = "supervisor/fill-timeouts"
CALENDARS: Final = (VERIFICATION, FILL_TIMEOUTS)
"""Supervisors that keep something for every account, and forget it when nobody serves the account."""
CANCEL_AGAIN_MS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What settling needs besides the turn."""

    policy: AccountPolicy
    exchange_address: dict[str, str]
    offsets_ms: dict[str, int]

    def exchange(self, order: Order) -> ExchangePolicy:
        """The policy of an order's exchange."""
        return self.policy.exchanges[order.exchange]


def kill_switch_on(turn: Turn, desk: Desk) -> bool:
    """Whether the kill switch is on, by command or by configuration."""
    switch = turn.memory.kill_switch
    return desk.policy.risk.kill_switch or (switch is not None and switch.on)


def is_stopped(turn: Turn, desk: Desk, order: Order) -> bool:
    """Whether the kill switch forbids to send an order; what a risk rule places then reduces what is at stake."""
    return order.initiated_by is not InitiatedBy.RISK_RULE and kill_switch_on(turn, desk)


def cancel_request(order: Order) -> CancelVenueOrder:
    """The request that cancels an order at its venue."""
    return CancelVenueOrder(
        account_id=order.account_id,
        exchange=order.exchange,
        order_id=order.order_id,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
    )


def request_round(turn: Turn, desk: Desk, order: Order, *, due_in_ms: int, rounds: int = 0) -> None:
    """Ask the verification supervisor for a round of look-ups."""
    phase = first_phase(
        lookup_by_client_id=desk.exchange(order).capabilities.lookup_by_client_id, venue_order_id=order.venue_order_id
    )
    turn.send(
        VERIFICATION,
        VerificationRequested(
            account_id=order.account_id, order_id=order.order_id, phase=phase, due_in_ms=due_in_ms, rounds=rounds
        ),
    )


def reread(turn: Turn, desk: Desk, order: Order, *, delay_ms: int, for_fills: bool = False) -> None:
    """Have an order read from its venue, because what we know of it is known to be incomplete.

    `for_fills`: only executions are missing, so that the question is dropped when they come by themselves.
    """
    if order.verification is not None:
        return
    watched = turn.watched(order.order_id)
    if watched is None:
        turn.note(Watched(order.order_id, for_fills=for_fills))
        request_round(turn, desk, order, due_in_ms=delay_ms)
    elif watched.for_fills and not for_fills:
        turn.note(replace(watched, for_fills=False))
        if watched.phase is VerificationPhase.INITIATED:
            request_round(turn, desk, order, due_in_ms=delay_ms)


def known_again(turn: Turn, order: Order, outcome: str) -> None:
    """There is nothing more to find out about an order."""
    turn.note(Unwatched(order.order_id))
    turn.send(
        VERIFICATION, VerificationEnded(account_id=order.account_id, order_id=order.order_id, outcome=outcome)
    )
