"""Changes of an order's size and prices: what is asked, how it can be done, whose change counts, what a venue shows.

Pure. A change may be asked of an order that is not any more what its owner saw; `judge` says whether it still means
what it meant. Must never: take a venue's silence about a number for a number, or believe an older word over a newer
one.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from actors.domain.arithmetic import EXACT, apart_by, plain
from actors.domain.idempotency import client_order_id, client_order_ids
from messages.commands import ModifyOrder, OrderTerms
from messages.types import (
    ZERO,
    Evidence,
    EvidenceSource,
    InitiatedBy,
    Modification,
    ModificationKind,
    Order,
    OrderState,
    OrderType,
    StateTransition,
    TimeInForce,
    VenueOrder,
)

FIELDS: Final = ("size", "price", "stop_price")
"""What of an order can be changed."""
LEGS_MAX: Final = 1000
"""How often one intent may be replaced by another order."""
_EXECUTED_BEFORE: Final = "executed_before"
"""In the record of a change: what the former orders of the intent had executed."""
KINDS: Final = {kind.value: kind for kind in ModificationKind}

_RANK = {InitiatedBy.USER: 0, InitiatedBy.RISK_RULE: 1, InitiatedBy.SYSTEM: 2, InitiatedBy.VENUE: 2}
"""Whose change of a field stands against whose."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What of an order can be changed, complete."""

    size: Decimal
    """Total size, executed parts included; base units."""
    price: Decimal | None
    stop_price: Decimal | None


def terms_of(order: Order) -> Terms:
    """An order's terms as they are."""
    return Terms(order.size, order.price, order.stop_price)


def terms_asked(order: Order, command: ModifyOrder, executed_before: Decimal = ZERO) -> Terms:
    """An order's terms as they are to be: what the command does not name stays.

    A command's size is the total of the intent; `executed_before` is what the orders have executed whose place this one
    has taken, and is no part of its own size.
    """
    return Terms(
        order.size if command.size is None else EXACT.subtract(command.size, executed_before),
        order.price if command.price is None else command.price,
        order.stop_price if command.stop_price is None else command.stop_price,
    )


def terms_wanted(change: Modification) -> Terms:
    """The terms that a modification under way is to lead to."""
    return Terms(change.size, change.price, change.stop_price)


def differing(one: Terms, other: Terms) -> tuple[str, ...]:
    """Name the fields in which two terms differ."""
    return tuple(name for name in FIELDS if getattr(one, name) != getattr(other, name))


def as_request(order: Order) -> OrderTerms:
    """An order as the terms of a placement, which the checks of placements understand."""
    quote = order.quote_size is not None
    return OrderTerms(
        account_id=order.account_id,
        exchange=order.exchange,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        size=None if quote else order.size,
        quote_size=order.quote_size,
        price=order.price,
        stop_price=order.stop_price,
        time_in_force=order.time_in_force,
        expires_at_ms=order.expires_at_ms,
        post_only=order.post_only,
        reduce_only=order.reduce_only,
    )


# ----- whose change counts


@dataclass(frozen=True, slots=True)
class Apply:
    """The change may be made."""

    merged: bool
    """The order had changed since its owner saw it, in other respects than those asked for."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """The change would undo what somebody else has done meanwhile."""

    text: str
    fields: tuple[str, ...]
    strategy: str
    """Whose change stands: `first_wins`, `risk_rule_wins`, `system_wins`."""


def judge(
    steps: Iterable[StateTransition], fields: Iterable[str], by: InitiatedBy
) -> Apply | Conflict:
    """Judge a change of some fields by what has happened to the order since its owner saw it.

    A change of the same field by an equal stands, because it came first; one by a risk rule stands against a user in
    whatever field, and one by the system or the venue in the same field. A risk rule's change overrides a user's. What
    else happened (executions, say) stands for itself: the change is made to the order as it is now.
    """
    asked = tuple(fields)
    merged = False
    for step in steps:
        merged = True
        whose = changed_by(step)
        if whose is None:
            continue
        same = tuple(name for name in asked if name in dict(step.metadata))
        if whose is InitiatedBy.RISK_RULE and by is InitiatedBy.USER:
            return _conflict(step, whose, same, "risk_rule_wins")
        if same and _RANK[whose] > _RANK[by]:
            return _conflict(step, whose, same, "system_wins")
        if same and _RANK[whose] == _RANK[by]:
            return _conflict(step, whose, same, "first_wins")
    return Apply(merged)


def _conflict(step: StateTransition, whose: InitiatedBy, same: tuple[str, ...], strategy: str) -> Conflict:
    what = "; ".join(f"{name} {change}" for name, change in step.metadata if name in FIELDS)
    return Conflict(f"version {step.version} changed it meanwhile, by {whose}: {what}", same, strategy)


def changed_by(step: StateTransition) -> InitiatedBy | None:
    """Who changed size or prices by a step; None: the step changed neither."""
    said = dict(step.metadata)
    return InitiatedBy(said["by"]) if "by" in said and not said.keys().isdisjoint(FIELDS) else None


def modify_id_of(step: StateTransition) -> str | None:
    """The identity of the command that a step carried out."""
    return next((value for name, value in step.metadata if name == "modify_id"), None)


def described(before: Terms, after: Terms, by: InitiatedBy) -> tuple[tuple[str, str], ...]:
    """What a step records of a change of terms, as metadata."""
    changes = [
        (name, f"{_text(getattr(before, name))} -> {_text(getattr(after, name))}") for name in differing(before, after)
    ]
    return (*changes, ("by", by.value))


def described_change(
    before: Terms,
    after: Terms,
    *,
    modify_id: str,
    kind: str,
    by: InitiatedBy,
    merged: bool,
    executed_before: Decimal = ZERO,
) -> tuple[tuple[str, str], ...]:
    """The same of a change that a command asked for."""
    also = (("merged", "yes"),) if merged else ()
    done = ((_EXECUTED_BEFORE, plain(executed_before)),) if executed_before else ()
    return (*described(before, after, by), ("modify_id", modify_id), ("kind", kind), *also, *done)


def recorded_otherwise(step: StateTransition, command: ModifyOrder) -> tuple[str, ...]:
    """Name the fields in which a command is not the one that a step carried out under the same identity."""
    became = {name: change.rsplit(" -> ", 1)[-1] for name, change in step.metadata if name in FIELDS}
    asked = {name: getattr(command, name) for name in FIELDS}
    done = dict(step.metadata).get(_EXECUTED_BEFORE)
    if command.size is not None and done is not None:
        asked["size"] = EXACT.subtract(command.size, Decimal(done))
    return tuple(
        name
        for name, value in asked.items()
        if (name in became and value is None) or (value is not None and became.get(name, _text(value)) != _text(value))
    )


def shrinks_only(step: StateTransition) -> bool:
    """Whether a step changed nothing but the size, to a smaller one."""
    changes = {name: change for name, change in step.metadata if name in FIELDS}
    if set(changes) != {"size"}:
        return False
    before, _, after = changes["size"].partition(" -> ")
    return Decimal(after) < Decimal(before)


def _text(value: Decimal | None) -> str:
    return "none" if value is None else plain(value)


# ----- how


def amendable(
    order: Order, *, types: Container[OrderType], times_in_force: Container[TimeInForce], venue_ends_gtt: bool
) -> bool:
    """Whether an order is one that its venue changes in place, which it does for some types and times in force.

    `venue_ends_gtt`: the venue itself ends good-till-time orders; elsewhere they are without an end to it, because our
    own timer ends them.
    """
    lasting = order.time_in_force
    if lasting is TimeInForce.GTT and not venue_ends_gtt:
        lasting = TimeInForce.GTC
    return order.type in types and lasting in times_in_force


def way(order: Order, terms: Terms, *, native: bool, size_down: bool, cancel_replace: bool) -> ModificationKind | None:
    """Choose how an order that was sent is changed; None: there is no way that would keep what it has executed apart.

    `native`: the venue changes anything of such an order in place; `size_down`: it makes its size smaller in place;
    `cancel_replace`: it has a call of its own that cancels and places.
    """
    if order.state is OrderState.SUBMITTED:
        return ModificationKind.CANCEL_THEN_PLACE
    if order.venue_order_id is not None and (native or (size_down and shrinks(order, terms))):
        return ModificationKind.AMEND
    if order.state is not OrderState.ACKNOWLEDGED or order.filled_size > ZERO:
        return None
    if cancel_replace and order.venue_order_id is not None:
        return ModificationKind.VENUE_REPLACE
    return ModificationKind.CANCEL_THEN_PLACE


def shrinks(order: Order, terms: Terms) -> bool:
    """Whether a change does nothing but make the size smaller."""
    return differing(terms_of(order), terms) == ("size",) and terms.size < order.size


def next_leg_id(tag: str, order: Order, is_taken: Callable[[str], bool]) -> str | None:
    """Derive the client order id of the order that takes another one's place: no order of the intent has had it.

    The same in every process. None: the intent has had `LEGS_MAX` orders.
    """
    key = order.idempotency_key or order.order_id
    # One without a key of its own begins its intent. Another one may be a later leg even where no former one is known.
    passed = order.idempotency_key is None
    free = None
    for leg in range(LEGS_MAX):
        each = client_order_id(tag, key, order.generation, leg)
        if each == order.order_id or leg == 0:
            passed = passed or each == order.order_id
            free = None if each == order.order_id else free
        elif not is_taken(each):
            free = free or each
            if passed:
                return free
    return free


def later_leg_ids(tag: str, order: Order, count: int) -> list[str]:
    """Derive the ids of the next orders, `count` of them, that may have taken an order's place."""
    key = order.idempotency_key or order.order_id
    legs = range(LEGS_MAX) if order.idempotency_key is not None else ()
    ids = enumerate(client_order_ids(tag, key, order.generation, legs))
    own = next((leg for leg, each in ids if each == order.order_id), 0)
    return list(client_order_ids(tag, key, order.generation, range(own + 1, own + 1 + count)))


def leg_ids(tag: str, order: Order, is_taken: Callable[[str], bool]) -> list[str]:
    """The orders that were to take the place of the first one of an order's intent, as far as they are known."""
    key = order.idempotency_key or order.order_id
    found: list[str] = []
    for leg in range(1, LEGS_MAX):
        each = client_order_id(tag, key, order.generation, leg)
        if not is_taken(each):
            break
        found.append(each)
    return found


# ----- what a venue shows


def shown_terms(order: Order, claim: VenueOrder) -> dict[str, Decimal]:
    """The terms of an order that a claim shows. What the order does not have, or the venue leaves out, is no claim."""
    shown: dict[str, Decimal] = {}
    if order.type is OrderType.MARKET:
        # Nothing of it rests that could be changed; venues show its size as what became of it.
        return shown
    if order.quote_size is None and order.size > ZERO and claim.size > ZERO:
        shown["size"] = claim.size
    if order.price is not None and claim.price is not None and claim.price > ZERO:
        shown["price"] = claim.price
    if order.stop_price is not None and claim.stop_price is not None and claim.stop_price > ZERO:
        shown["stop_price"] = claim.stop_price
    return shown


def agree(terms: Terms, shown: Mapping[str, Decimal], tolerance: Decimal) -> bool:
    """Whether everything shown is what the terms say. Sizes nearer than the tolerance are equal."""
    return all(_same(name, getattr(terms, name), value, tolerance) for name, value in shown.items())


def _same(name: str, ours: Decimal | None, shown: Decimal, tolerance: Decimal) -> bool:
    if ours is None:
        return False
    return ours == shown or (name == "size" and not apart_by(shown, ours, tolerance))


def overlaid(terms: Terms, shown: Mapping[str, Decimal], tolerance: Decimal) -> Terms:
    """Terms with what is shown in the place of what differs from it."""
    values = {
        name: shown[name] if name in shown and not _same(name, getattr(terms, name), shown[name], tolerance)
        else getattr(terms, name)
        for name in FIELDS
    }  # fmt: skip
    return Terms(**values)


def says_other_terms(order: Order, claim: VenueOrder, tolerance: Decimal) -> bool:
    """Whether a claim shows other terms than ours, and newer ones than the latest that were believed.

    A claim without a time of its own is never newer by itself: it may be a list that was written long ago.
    """
    if claim.updated_venue_ms is None or claim.updated_venue_ms <= order.terms_venue_ms:
        return False
    return not agree(terms_of(order), shown_terms(order, claim), tolerance)


def shows_amended(
    order: Order, change: Modification, claim: VenueOrder, evidence: Evidence, tolerance: Decimal
) -> bool:
    """Whether a claim proves that the venue has changed an order as it was asked to.

    What it shows must be the wanted terms, one of them at least not the present one, and it must be no older than the
    latest word that was believed; one without a time must have been asked for after the change was.
    """
    shown = shown_terms(order, claim)
    wanted = terms_wanted(change)
    told = [name for name in differing(terms_of(order), wanted) if name in shown]
    if not told or not agree(wanted, shown, tolerance):
        return False
    read = asked_ms(evidence)
    read_since = read is not None and read >= change.asked_ms
    dated = claim.updated_venue_ms
    if dated is None:
        return read_since
    return dated >= order.terms_venue_ms if read_since else dated > order.terms_venue_ms


def asked_ms(evidence: Evidence) -> int | None:
    """When a question was asked that is answered now, our clock; None for what nobody asked for."""
    return evidence.sent_ms if evidence.source is EvidenceSource.LOOKUP else None

