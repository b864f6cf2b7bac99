"""The account's side of verification: asks, judges the answers, commits what they prove.

Serves two questions with one procedure: 'was this order placed?' (its `verification` is set, and absence can be
proven) and 'what has become of this order?' (it is `watched`; the venue has had it, so it is only ever found).
"""

from dataclasses import replace

from actors import in_hand, uniting
from actors.absorbing import absorb_claim, holds_back
from actors.adoption import take_in
from actors.desk import CANCEL_AGAIN_MS, VERIFICATION, Desk, known_again, request_round
from actors.domain.claims import Absorbed
from actors.domain.idempotency import bare_client_id, is_ours
from actors.domain.lifecycle import TERMINAL, evolve
from actors.domain.matching import (
    FoundByFills,
    FoundMatch,
    Inconclusive,
    NoMatch,
    SeveralMatches,
    Undecidable,
    agrees,
    judge_search,
)
from actors.domain.reviews import is_lasting
from actors.domain.succession import goes_on_as
from actors.domain.verification import next_round, proves_absence
from actors.notes import Unwatched, Watched
from actors.reminders import cancel_again_timer
from actors.settlement import send_again_or_end
from actors.turn import Turn
from messages.commands import LookUpOrder, SearchOrder
from messages.control import VerificationDue, VerificationEnded
from messages.events import ManualReviewRequired, Severity
from messages.reports import LookUpFailed, OrderFound, OrderNotFound, OrdersSearched
from messages.types import ZERO, AttemptOutcome, Order, OrderState, Trigger, VenueOrder, VerificationPhase

_NOT_TELLING = "the venue does not tell what became of the order"
_NOT_ANSWERING = "the venue leaves the questions about the order unanswered"


def on_due(turn: Turn, desk: Desk, message: VerificationDue) -> None:
    """Ask the venue, unless the question has answered itself."""
    order = turn.order(message.order_id)
    if order is None or not _open_question(turn, order):
        turn.note(Unwatched(message.order_id))
        turn.send(
            VERIFICATION,
            VerificationEnded(account_id=message.account_id, order_id=message.order_id, outcome="superseded"),
        )
        return
    asked = _asked(turn, order)
    if asked.phase is not VerificationPhase.INITIATED:
        # Of the round before nothing more was heard.
        asked = _concluded(turn, desk, order, replace(asked, unheard=True))[0]
    if message.phase is VerificationPhase.WINDOW_SEARCH:
        _search(turn, desk, order, asked)
        return
    _look_up(turn, desk, order, asked)


def on_found(turn: Turn, desk: Desk, report: OrderFound) -> str:
    """The direct look-up found the order."""
    order = turn.order(report.order_id)
    if order is None:
        return "found"
    order = uniting.meant(turn, desk, order, report.order)
    differing = agrees(order, report.order, desk.policy.tolerance)
    prefix = desk.exchange(order).capabilities.untriggered_prefix
    if not (_is_about(order, report.order) or goes_on_as(order, report.order, prefix)):
        # An answer about another order says nothing about this one.
        _search(turn, desk, order, _asked(turn, order))
        return "mismatch"
    if differing and order.state is OrderState.SUBMITTED:
        turn.alert(
            "VerificationMismatch", Severity.WARNING, "the order found under our client id is not the one we sent",
            order_id=order.order_id, fields=",".join(differing),
        )  # fmt: skip
        _search(turn, desk, order, _asked(turn, order))
        return "mismatch"
    merged = absorb_claim(turn, desk, order, report.order, report.fills, report.evidence, Trigger.VERIFICATION_FOUND)
    _after_finding(turn, desk, merged.order, complete=not _open_ended(turn, desk, merged))
    return "found"


def _open_ended(turn: Turn, desk: Desk, merged: Absorbed) -> bool:
    # An answer may be older than an end that the stream has told meanwhile, and lack nothing by itself. So may one that
    # shows an order of which there was another record: what that one knew is not in the answer.
    if merged.order.order_id in turn.united.values():
        return True
    return merged.missing > ZERO or merged.unknown_status or holds_back(turn, desk, merged.order)


def _is_about(order: Order, found: VenueOrder) -> bool:
    if order.venue_order_id is not None:
        return found.venue_order_id == order.venue_order_id
    client_id = found.client_order_id
    return client_id is None or bare_client_id(client_id) == bare_client_id(order.client_order_id)


def on_not_found(turn: Turn, desk: Desk, report: OrderNotFound) -> str:
    """The venue does not know the order by its id: see what it lists."""
    order = turn.order(report.order_id)
    if order is not None and _open_question(turn, order):
        _search(turn, desk, order, replace(_asked(turn, order), direct_asked_venue_ms=report.asked_venue_ms))
    return "not_found"


def on_failed(turn: Turn, desk: Desk, report: LookUpFailed) -> str:
    """A question was not answered: ask the other one, or the next time."""
    order = turn.order(report.order_id)
    if order is None or not _open_question(turn, order):
        return "failed"
    asked = replace(_asked(turn, order), unheard=True)
    if asked.phase is VerificationPhase.DIRECT_LOOKUP and report.retry_after_ms == 0:
        _search(turn, desk, order, replace(asked, direct_asked_venue_ms=None))
    else:
        _round_over(turn, desk, order, asked, at_least_ms=report.retry_after_ms)
    return "failed"


def on_searched(turn: Turn, desk: Desk, report: OrdersSearched) -> str:
    """Judge everything the venue lists around the time of sending."""
    order = turn.order(report.order_id)
    if order is None or not _open_question(turn, order):
        return "superseded"
    can = desk.exchange(order).capabilities
    sent = order.attempts[-1].recorded_ms + desk.offsets_ms.get(order.exchange, 0) if order.attempts else 0
    owners, tag = _owners(turn, order), desk.policy.tag
    judged = judge_search(
        order,
        report,
        client_id_echoed=can.client_id_in_lists,
        required_sources=can.search_sources,
        owned_venue_ids=owners,
        own_venue_ids={venue_id for venue_id, owner in owners.items() if not _is_external(turn, owner, tag)},
        tag=tag,
        sent_venue_ms=sent,
        fence_venue_ms=None if order.verification is None else order.verification.fence_venue_ms,
        thresholds=desk.policy.thresholds_ms,
    )
    asked = _asked(turn, order)
    match judged:
        case FoundMatch(venue_order):
            _take_in_found(turn, desk, order, asked, (venue_order,), report)
            return "found"
        case FoundByFills(venue_order_id):
            # It executed under our id although no list shows it: read it by the id the venue gave it.
            _look_up(turn, desk, evolve(order, venue_order_id=venue_order_id), asked)
            return "found_by_fills"
        case SeveralMatches(venue_orders, venue_order_ids):
            if len(venue_order_ids) > len(venue_orders):
                why = "the venue executed orders under our id that no list shows"
                _review(turn, desk, order, asked, why, venue_order_ids)
            _take_in_found(turn, desk, order, asked, venue_orders, report)
            return "found"
        case Undecidable(candidates):
            ids = tuple(each.venue_order_id for each in candidates)
            _review(turn, desk, order, asked, "more than one order at the venue could be this one", ids)
            return "undecidable"
        case NoMatch(suspects):
            return _nothing_found(turn, desk, order, asked, report, suspects=suspects)
        case Inconclusive():
            _round_over(turn, desk, order, asked)
            return "inconclusive"


def _take_in_found(
    turn: Turn,
    desk: Desk,
    order: Order,
    asked: Watched,
    venue_orders: tuple[VenueOrder, ...],
    report: OrdersSearched,
) -> None:
    found = None
    for venue_order in uniting.named_first(venue_orders):
        merged = take_in(
            turn, desk, order.account_id, venue_order, report.fills, report.evidence, Trigger.VERIFICATION_FOUND
        )
        if merged.order.order_id == turn.united.get(order.order_id, order.order_id):
            found = merged
    if found is not None:
        _after_finding(turn, desk, found.order, complete=not _open_ended(turn, desk, found))
    elif venue_orders:
        # Nothing but second orders of the same request: what became of this one is as unknown as before.
        _round_over(turn, desk, order, asked)


def _owners(turn: Turn, order: Order) -> dict[str, str]:
    # Our id of the order that owns it, by venue order id of the symbol: also of those nothing is kept of.
    memory = turn.memory
    return {
        venue_id: owner
        for known in (memory.forgotten, memory.by_venue_id)
        for (exchange, symbol, venue_id), owner in known.items()
        if exchange == order.exchange and symbol == order.symbol and owner != order.order_id
    }


def _is_external(turn: Turn, order_id: str, tag: str) -> bool:
    owner = turn.order(order_id)
    return not is_ours(order_id, tag) if owner is None else owner.external


def _nothing_found(
    turn: Turn,
    desk: Desk,
    order: Order,
    asked: Watched,
    report: OrdersSearched,
    *,
    suspects: tuple[VenueOrder, ...],
) -> str:
    question, by_client_id = order.verification, desk.exchange(order).capabilities.lookup_by_client_id
    if (
        question is None
        or question.known_to_exist
        or order.venue_order_id is not None
        or not proves_absence(
            fence_venue_ms=question.fence_venue_ms,
            # Where nothing can be looked up by our id, the lists are all that the venue offers.
            direct_asked_venue_ms=asked.direct_asked_venue_ms if by_client_id else report.asked_venue_ms,
            search_asked_venue_ms=report.asked_venue_ms,
        )
    ):
        _round_over(turn, desk, order, asked)
        return "not_found"
    ids = dict.fromkeys((*(each.venue_order_id for each in suspects), *uniting.look_alikes(turn, order)))
    if ids:
        why = "an order under another client id equals this one in all else"
        _review(turn, desk, order, asked, why, tuple(ids))
        return "undecidable"
    last = order.attempts[-1]
    looked_up = " and from the look-up" if by_client_id else ""
    evidence = replace(
        report.evidence,
        fence_ms=question.fence_venue_ms,
        detail=f"absent from {', '.join(report.sources)}{looked_up}, asked after the fence",
    )
    absent = evolve(
        order,
        attempts=(*order.attempts[:-1], replace(last, outcome=AttemptOutcome.ABSENT)),
        verification=None,
        needs_review=False,
        review_reason="",
        updated_at_ms=turn.now_ms,
    )
    known_again(turn, order, "absent")
    send_again_or_end(turn, desk, absent, evidence, delay_ms=0)
    return "absent"


def _after_finding(turn: Turn, desk: Desk, order: Order, *, complete: bool) -> None:
    if not complete:
        _round_over(turn, desk, order, _asked(turn, order))
        return
    if order.needs_review and not is_lasting(order):
        turn.save(evolve(order, needs_review=False, review_reason=""))
    if in_hand.look_again(turn, desk, order):
        return
    known_again(turn, order, "found")
    if order.cancel_pending and order.state not in TERMINAL:
        turn.effect(cancel_again_timer(order.order_id, CANCEL_AGAIN_MS))


def _round_over(turn: Turn, desk: Desk, order: Order, asked: Watched, *, at_least_ms: int = 0) -> None:
    again, due_in_ms = _concluded(turn, desk, order, asked, at_least_ms=at_least_ms)
    turn.note(again)
    request_round(turn, desk, order, due_in_ms=due_in_ms, rounds=again.rounds)


def _concluded(
    turn: Turn, desk: Desk, order: Order, asked: Watched, *, at_least_ms: int = 0
) -> tuple[Watched, int]:
    # What is remembered when a round is over, and when the next one is due; raises the review when it is time for it.
    again = _next_of(asked)
    following = next_round(
        rounds=again.rounds,
        answered=again.answered,
        asking_for_ms=turn.now_ms - again.since_ms,
        fence_venue_ms=order.verification.fence_venue_ms if order.verification is not None else 0,
        venue_now_ms=turn.now_ms + desk.offsets_ms.get(order.exchange, 0),
        policy=desk.policy.verification,
        at_least_ms=at_least_ms,
    )
    if following.review and not order.needs_review:
        silent = again.answered <= desk.policy.verification.max_rounds
        _raise_review(turn, order, _NOT_ANSWERING if silent else _NOT_TELLING, ())
    return again, following.due_in_ms


def _next_of(asked: Watched) -> Watched:
    return Watched(
        asked.order_id,
        rounds=asked.rounds + 1,
        since_ms=asked.since_ms,
        answered=asked.answered + (not asked.unheard),
    )


def _review(
    turn: Turn, desk: Desk, order: Order, asked: Watched, reason: str, candidates: tuple[str, ...]
) -> None:
    if not order.needs_review:
        _raise_review(turn, order, reason, candidates)
    again = _next_of(asked)
    turn.note(again)
    request_round(
        turn, desk, order, due_in_ms=desk.policy.verification.slow_interval_ms, rounds=again.rounds
    )


def _raise_review(turn: Turn, order: Order, reason: str, candidates: tuple[str, ...]) -> None:
    order = evolve(order, needs_review=True, review_reason=reason, updated_at_ms=turn.now_ms)
    turn.save(order)
    turn.event(
        ManualReviewRequired(
            account_id=order.account_id, view=turn.view_of(order), reason=reason, candidates=candidates
        )
    )


def _look_up(turn: Turn, desk: Desk, order: Order, asked: Watched) -> None:
    policy = desk.policy.verification
    turn.note(
        replace(asked, phase=VerificationPhase.DIRECT_LOOKUP, asked_ms=turn.now_ms, direct_asked_venue_ms=None)
    )
    turn.send(
        desk.exchange_address[order.exchange],
        LookUpOrder(
            account_id=order.account_id,
            exchange=order.exchange,
            order_id=order.order_id,
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            budget_ms=policy.direct_budget_ms,
            retries=policy.direct_retries,
        ),
    )


def _search(turn: Turn, desk: Desk, order: Order, asked: Watched) -> None:
    policy = desk.policy.verification
    offset = desk.offsets_ms.get(order.exchange, 0)
    sent = order.attempts[0].recorded_ms if order.attempts else order.created_at_ms
    turn.note(replace(asked, phase=VerificationPhase.WINDOW_SEARCH, asked_ms=turn.now_ms))
    turn.send(
        desk.exchange_address[order.exchange],
        SearchOrder(
            account_id=order.account_id,
            exchange=order.exchange,
            order_id=order.order_id,
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            from_venue_ms=sent + offset - policy.window_ms,
            to_venue_ms=turn.now_ms + offset + policy.window_ms,
            budget_ms=policy.search_budget_ms,
            retries=policy.search_retries,
        ),
    )


def _open_question(turn: Turn, order: Order) -> bool:
    if order.state in TERMINAL and order.venue_order_id is None:
        # It ended with the proof that the venue never had it: there is nothing to read again.
        return False
    return order.verification is not None or order.order_id in turn.memory.watched


def _asked(turn: Turn, order: Order) -> Watched:
    watched = turn.memory.watched.get(order.order_id) or Watched(order.order_id)
    return watched if watched.since_ms else replace(watched, since_ms=turn.now_ms)
