"""Who a request is: its key, its client order id, and whether it was made before.

One intent has one key, in every process and after every crash, so the same request sent twice is recognised. The key is
made of the order's characteristics and a time bucket, or of the caller's own `request_id`, which then decides alone.

Recipe, joined by `|` and hashed with SHA-256 to lower-case hex:

    account|exchange|SYMBOL|SIDE|quantity|bucket|TYPE|TIF[|limit][|stop]
    account|request|request_id

Quantity, limit and stop are written with 8 decimals, and with all of them where there are more; a quote-sized order
has `q` and the quote size for its quantity. A `|` inside an account, symbol or request id is escaped, so that no two
requests are spelled alike.

A request that repeats just across the edge of a bucket is found under the previous bucket's key, while its entry is
younger than a bucket. An order whose outcome is unknown is found by the hash without any bucket, whatever the minute.

Every decision is about `Keys.current`: a `generation` counts the orders placed under that key, and goes up only after
the former one is proven not to exist, or on the caller's word (`allow_duplicate`).

Must never: take a request for new when an equal one may be alive, or hold two different requests for one.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import NamedTuple, TypeAlias

from actors.errors import check
from messages.base import fast_init
from messages.commands import OrderTerms
from messages.types import IdempotencyEntry, IdempotencyStatus

TAG_DIGITS = 8
"""Hex digits of a client order id that say whose it is."""
_OWN_DIGITS = 24
_CLIENT_ORDER_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_FLAGS = frozenset({"post_only", "reduce_only", "expires_at_ms"})
"""Details that are no part of the key: two requests under one key may differ in them without any collision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyComponents:
    """What goes into a key made of characteristics."""

    resolution_ms: int = 60_000
    """Length of a time bucket."""
    include_order_type: bool = True
    include_prices: bool = True
    include_time_in_force: bool = True


_EVERYTHING = KeyComponents()


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyPolicy:
    """What a repetition may do."""

    allow_retry_after_failure: bool = True
    """After the first order is proven not to exist, the same request places a new one."""
    allow_retry_after_expiry: bool = True
    """After the entry's time is over, the same request places a new one."""


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The identity of one request at one time."""

    current: str
    """The key under which a new order is placed and remembered."""
    previous: str | None
    """The key of the bucket before; None where the caller's `request_id` is the identity."""
    bucketless: str
    """Hash of the characteristics without a bucket."""
    details: tuple[tuple[str, str], ...]
    """The characteristics by name, to compare when a key matches."""
    request_id: str | None
    resolution_ms: int


@fast_init
@dataclass(frozen=True, slots=True)
class Fresh:
    """Never seen, or allowed again: place it under `Keys.current` with this generation."""

    generation: int = 0
    after_expiry: bool = False
    """The same request was made before, and its time is over."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same request: answer with the first one's result and place nothing."""

    entry: IdempotencyEntry


@dataclass(frozen=True, slots=True)
class Conflict:
    """The same identity for a different order: refuse, naming the fields that differ."""

    entry: IdempotencyEntry
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Collision:
    """Two different requests hash to one key: refuse and raise an alert, for neither answer would be right."""

    entry: IdempotencyEntry


@dataclass(frozen=True, slots=True)
class Retry:
    """The first order is proven not to exist: place it under `Keys.current` with this generation."""

    entry: IdempotencyEntry
    generation: int


@dataclass(frozen=True, slots=True)
class RetryRefused:
    """The first order is proven not to exist or its time is over, and the policy does not allow to try again."""

    entry: IdempotencyEntry


Decision: TypeAlias = Fresh | Duplicate | Conflict | Collision | Retry | RetryRefused


def keys_for(terms: OrderTerms, now_ms: int, components: KeyComponents) -> Keys:
    """Derive a request's keys. The terms must have their time in force resolved and their numbers checked.

    Raises:
        InvariantViolated: the time in force is open, or there is no quantity.
    """
    check(terms.time_in_force is not None, "a key needs a resolved time in force")
    check(terms.size is not None or terms.quote_size is not None, "a key needs a quantity")
    spelled = _Spelled(
        symbol=terms.symbol.upper(),
        size=_number(terms.size),
        quote_size=_number(terms.quote_size),
        price=_number(terms.price),
        stop_price=_number(terms.stop_price),
    )
    head, tail = _spelling(terms, spelled, components)
    bucketless = _hash("|".join((*head, *tail)))
    if terms.request_id is not None:
        return Keys(
            current=_hash(f"{_escaped(terms.account_id)}|request|{_escaped(terms.request_id)}"),
            previous=None,
            bucketless=bucketless,
            details=_details(terms, spelled, _EVERYTHING),
            request_id=terms.request_id,
            resolution_ms=components.resolution_ms,
        )
    bucket = now_ms // components.resolution_ms
    return Keys(
        current=_hash("|".join((*head, str(bucket), *tail))),
        previous=_hash("|".join((*head, str(bucket - 1), *tail))),
        bucketless=bucketless,
        details=_details(terms, spelled, components),
        request_id=None,
        resolution_ms=components.resolution_ms,
    )


class _Spelled(NamedTuple):
    """The parts of a request that are spelled in more than one place; an absent number is empty."""

    symbol: str
    size: str
    quote_size: str
    price: str
    stop_price: str


def fixed(value: Decimal) -> str:
    """Write a number with 8 decimals, or with all it has where it has more: never rounded, equal numbers alike."""
    whole, _, fraction = format(value, "f").partition(".")
    return f"{whole}.{fraction.rstrip('0'):0<8}"


def _spelling(terms: OrderTerms, spelled: _Spelled, components: KeyComponents) -> tuple[list[str], list[str]]:
    quantity = spelled.size or f"q{spelled.quote_size}"
    head = [_escaped(terms.account_id), _escaped(terms.exchange), _escaped(spelled.symbol), terms.side, quantity]
    tail: list[str] = []
    if components.include_order_type:
        tail.append(terms.type)
    if components.include_time_in_force and terms.time_in_force is not None:
        tail.append(terms.time_in_force)
    if components.include_prices and spelled.price:
        tail.append(spelled.price)
    if components.include_prices and spelled.stop_price:
        # Where no type tells them apart, a stop must not read like a limit at the same level.
        tail.append(spelled.stop_price if components.include_order_type else f"s{spelled.stop_price}")
    return head, tail


def _details(terms: OrderTerms, spelled: _Spelled, components: KeyComponents) -> tuple[tuple[str, str], ...]:
    details = [
        ("account_id", terms.account_id),
        ("exchange", terms.exchange),
        ("symbol", spelled.symbol),
        ("side", str(terms.side)),
        ("size", spelled.size),
        ("quote_size", spelled.quote_size),
    ]
    if components.include_order_type:
        details.append(("type", str(terms.type)))
    if components.include_time_in_force:
        details.append(("time_in_force", str(terms.time_in_force)))
    if components.include_prices:
        details += [("price", spelled.price), ("stop_price", spelled.stop_price)]
    details += [
        ("post_only", "true" if terms.post_only else "false"),
        ("reduce_only", "true" if terms.reduce_only else "false"),
        ("expires_at_ms", "" if terms.expires_at_ms is None else str(terms.expires_at_ms)),
    ]
    return tuple(details)


def _number(value: Decimal | None) -> str:
    return "" if value is None else fixed(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def deployment_tag(name: str) -> str:
    """Derive the 8 hex digits that mark every client order id of a deployment."""
    return _hash(name)[:TAG_DIGITS]


def client_order_id(tag: str, key: str, generation: int, leg: int) -> str:
    """Derive the id under which an intent is known at its venue: the tag and 96 bits, 32 hex digits in all.

    The same for every sending. `leg` numbers the orders of a cancel-replace.
    """
    return tag + _hash(f"{key}|{generation}|{leg}")[:_OWN_DIGITS]


def client_order_ids(tag: str, key: str, generation: int, legs: Iterable[int]) -> Iterator[str]:
    """Derive the same of several legs, at half the price of each."""
    begun = sha256(f"{key}|{generation}|".encode())
    for leg in legs:
        one = begun.copy()
        one.update(str(leg).encode())
        yield tag + one.hexdigest()[:_OWN_DIGITS]


def bare_client_id(venue_form: str) -> str:
    """Strip a client order id of the form its venue gives it: no dashes, lower case."""
    return venue_form.replace("-", "").lower()


def is_ours(client_order_id: str | None, tag: str) -> bool:
    """Tell whether a client order id is one that this deployment made, plain or written as a UUID."""
    if client_order_id is None or _CLIENT_ORDER_ID.fullmatch(client_order_id) is None:
        return False
    return bare_client_id(client_order_id).startswith(tag)


def first_free_generation(tag: str, key: str, generation: int, is_taken: Callable[[str], bool]) -> int:
    """Find the first generation, from the given one on, whose client order id no known order has.

    Records of orders outlive idempotency entries, so a request id that is used again after its entry was swept would
    otherwise get the id of the order it once placed.
    """
    while is_taken(client_order_id(tag, key, generation, 0)):
        generation += 1
    return generation


def decide(
    keys: Keys,
    entries: Mapping[str, IdempotencyEntry],
    unresolved: Mapping[str, Iterable[IdempotencyEntry]],
    now_ms: int,
    *,
    allow_duplicate: bool,
    policy: IdempotencyPolicy,
    live: Callable[[str], bool],
) -> Decision:
    """Decide whether a request was made before.

    `entries` are by key, `unresolved` by bucketless key: all whose order has no known outcome. `live` says of an
    order id that the order has not ended or that its outcome is unknown; such an order's entry never expires.
    """
    current = entries.get(keys.current)
    generation = 0 if current is None else current.generation + 1
    matches = _matches(keys, current, entries, unresolved, now_ms)
    in_force = [entry for entry in matches if now_ms < entry.expires_ms or live(entry.order_id)]
    same: list[IdempotencyEntry] = []
    for entry in in_force:
        different = _different(entry, keys)
        clash = _clash(entry, different, keys, allow_duplicate=allow_duplicate, live=live) if different else None
        if clash is not None:
            return clash
        if not different:
            same.append(entry)
    if (allow_duplicate and keys.request_id is None) or not matches or (in_force and not same):
        return Fresh(generation)
    if not in_force:
        return Fresh(generation, after_expiry=True) if policy.allow_retry_after_expiry else RetryRefused(matches[0])
    return _repeated(same, generation, policy, live)


def _matches(
    keys: Keys,
    current: IdempotencyEntry | None,
    entries: Mapping[str, IdempotencyEntry],
    unresolved: Mapping[str, Iterable[IdempotencyEntry]],
    now_ms: int,
) -> list[IdempotencyEntry]:
    found = [] if current is None else [current]
    if keys.previous is not None:
        previous = entries.get(keys.previous)
        if previous is not None and now_ms - previous.created_ms < keys.resolution_ms:
            found.append(previous)
        found.extend(unresolved.get(keys.bucketless, ()))
    return found


def _different(entry: IdempotencyEntry, keys: Keys) -> tuple[str, ...]:
    stored = dict(entry.details)
    return tuple(name for name, value in keys.details if stored.get(name, value) != value)


def _clash(
    entry: IdempotencyEntry,
    different: tuple[str, ...],
    keys: Keys,
    *,
    allow_duplicate: bool,
    live: Callable[[str], bool],
) -> Conflict | Collision | None:
    if keys.request_id is not None:
        return Conflict(entry, different)
    if not _FLAGS.issuperset(different):
        return Collision(entry)
    # Equal but for a flag: two orders, if the caller says so, or if the first is proven not to exist (a post-only order
    # that was refused, and now the same without it).
    apart = allow_duplicate or not _may_have_order(entry, live)
    return None if apart else Conflict(entry, different)


def _repeated(
    same: list[IdempotencyEntry], generation: int, policy: IdempotencyPolicy, live: Callable[[str], bool]
) -> Duplicate | Retry | RetryRefused:
    # Any equal request that may have an order outranks those that are proven to have none.
    for entry in same:
        if _may_have_order(entry, live):
            return Duplicate(entry)
    return Retry(same[0], generation) if policy.allow_retry_after_failure else RetryRefused(same[0])


def _may_have_order(entry: IdempotencyEntry, live: Callable[[str], bool]) -> bool:
    # A failed order that was found working after all is alive, whatever its entry still says.
    return entry.status is not IdempotencyStatus.FAILED or live(entry.order_id)


def expired(entries: Mapping[str, IdempotencyEntry], now_ms: int, live: Callable[[str], bool]) -> list[str]:
    """List the keys whose time is over and whose order has ended, in the order of the entries."""
    return [key for key, entry in entries.items() if now_ms >= entry.expires_ms and not live(entry.order_id)]
