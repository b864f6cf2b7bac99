"""Kraken's trading endpoints: AddOrder, AmendOrder and the cancels. Who may call was settled before."""

from collections.abc import Collection
from re import fullmatch

from exchanges.paper.dialects.kraken import render
from exchanges.paper.dialects.kraken.archive import Amendment, Archive
from exchanges.paper.dialects.kraken.calls import Call, Result
from exchanges.paper.dialects.kraken.errors import (
    DEADLINE_ELAPSED,
    INVALID_ARGUMENTS,
    INVALID_ORDER,
    INVALID_PRICE,
    NOT_UNIQUE,
    UNKNOWN_ORDER,
    KrakenError,
    invalid,
    refused,
)
from exchanges.paper.dialects.kraken.ids import venue_id
from exchanges.paper.dialects.kraken.limits import Limits
from exchanges.paper.dialects.kraken.names import Pair, Pairs
from exchanges.paper.dialects.kraken.params import Parameters, client_id_key
from exchanges.paper.dialects.kraken.placements import read_names, read_placement
from exchanges.paper.dialects.kraken.words import hidden_client_id
from exchanges.paper.engine import Engine
from exchanges.paper.model import Events, NewOrder, OrderAccepted, PaperOrder, RefusalReason, RequestRefused
from messages.types import ZERO

_BATCH_MAX = 50


class Trading:
    """The endpoints that change something."""

    def __init__(self, engine: Engine, pairs: Pairs, archive: Archive, limits: Limits) -> None:
        self._engine = engine
        self._pairs = pairs
        self._archive = archive
        self._limits = limits
        self._unnamed = 0
        self._amended_ms: dict[int, int] = {}
        self._next_amendment = 0

    # ----- placing

    def add(self, call: Call) -> Result:
        """Handle AddOrder."""
        pair = self._pairs.named(call.parameters.text("pair"))
        self._limits.count_add(call.account, pair.instrument.symbol, call.now_ms)
        client_id, user_reference = read_names(call.parameters)
        request = read_placement(call, pair, client_id or self._next_hidden_id())
        _check_deadline(call)
        description = {"order": render.sentence(request, pair, request.venue_type)}
        if call.parameters.flag("validate"):
            self._check_rules(request, pair)
            return Result(body={"descr": description})
        self._check_room(request, client_id)
        events = self._engine.place(request, call.now_ms)
        order = _accepted(events, request, pair)
        if user_reference is not None:
            self._archive.user_references[order.order_id] = user_reference
        return Result(body={"descr": description, "txid": [venue_id("O", order.order_id)]}, events=events)

    def _check_rules(self, request: NewOrder, pair: Pair) -> None:
        reason = self._engine.broken_rule(request)
        if reason is not None:
            raise _refusal(reason, request, pair)

    def _check_room(self, request: NewOrder, client_id: str | None) -> None:
        if self._limits.enabled:
            self._limits.check_open(len(self._engine.open_orders(request.account, request.symbol)))
        if client_id is not None and self._archive.is_taken(request.account, client_id):
            raise KrakenError(NOT_UNIQUE)

    def _next_hidden_id(self) -> str:
        self._unnamed += 1
        return hidden_client_id(self._unnamed)

    # ----- amending

    def amend(self, call: Call) -> Result:
        """Handle AmendOrder. What is not named stays, except that an order not named post-only may take from now on."""
        parameters = call.parameters
        order = self._one(call.account, parameters)
        age_ms = call.now_ms - self._amended_ms.get(order.order_id, order.created_ms)
        self._limits.count_amend(call.account, order.symbol, age_ms, call.now_ms)
        if "display_qty" in parameters:
            raise invalid("display_qty")
        size = parameters.optional_amount("order_qty")
        price = parameters.optional_amount("limit_price")
        stop_price = parameters.optional_amount("trigger_price")
        if size is None and price is None and stop_price is None:
            raise KrakenError(INVALID_ARGUMENTS)
        post_only = parameters.flag("post_only")
        _check_deadline(call)
        events = self._engine.modify(
            call.account,
            order.order_id,
            call.now_ms,
            size=size,
            price=price,
            stop_price=stop_price,
            post_only=post_only,
        )
        if isinstance(events[0], RequestRefused):
            wanted = order.evolve(
                size=size or order.size, price=price or order.price, stop_price=stop_price or order.stop_price
            )
            raise _refusal(events[0].reason, wanted, self._pairs.of(order.symbol))
        return Result(body={"amend_id": self._note_amendment(order, call.now_ms)}, events=events)

    def _note_amendment(self, before: PaperOrder, now_ms: int) -> str:
        history = self._archive.amendments[before.order_id]
        if not history:
            original = self._amend_id(before)
            history.append(Amendment(amend_id=original, kind="original", order=before, at_ms=before.created_ms))
        after = self._engine.order(before.order_id) or before
        amend_id = self._amend_id(before)
        history.append(Amendment(amend_id=amend_id, kind="user", order=after, at_ms=now_ms))
        self._amended_ms[before.order_id] = now_ms
        return amend_id

    def _amend_id(self, order: PaperOrder) -> str:
        # Above every number that executions and positions use.
        self._next_amendment += 1
        return venue_id("T", 1 << 79 | order.order_id << 24 | self._next_amendment)

    # ----- cancelling

    def cancel(self, call: Call) -> Result:
        """Handle CancelOrder, by id, client order id or user reference."""
        return self._cancel_each(call, self.named(call.account, call.parameters))

    def cancel_batch(self, call: Call) -> Result:
        """Handle CancelOrderBatch. Orders that are not open any more are not counted, and nothing tells which."""
        ids = call.parameters.texts("orders", _BATCH_MAX)
        client_ids = call.parameters.texts("cl_ord_ids", _BATCH_MAX)
        if not 0 < len(ids) + len(client_ids) <= _BATCH_MAX:
            raise invalid("orders")
        named = [self._archive.order(call.account, one) for one in ids]
        named += [self._archive.latest(call.account, client_id_key(one)) for one in client_ids]
        found = {order.order_id: order for order in named if order is not None and order.is_open}
        return self._cancel_each(call, found.values())

    def cancel_all(self, call: Call) -> Result:
        """Handle CancelAll."""
        return self._cancelled(call, self._engine.open_orders(call.account))

    def _cancel_each(self, call: Call, orders: Collection[PaperOrder]) -> Result:
        # All are counted before the first is cancelled: a refusal must not hide what has happened.
        for order in orders:
            age_ms = call.now_ms - self._amended_ms.get(order.order_id, order.created_ms)
            self._limits.count_cancel(call.account, order.symbol, age_ms, call.now_ms)
        return self._cancelled(call, orders)

    def _cancelled(self, call: Call, orders: Collection[PaperOrder]) -> Result:
        cancelled = (self._engine.cancel(call.account, order.order_id, call.now_ms) for order in orders)
        return Result(body={"count": len(orders)}, events=tuple(event for events in cancelled for event in events))

    # ----- naming

    def named(self, account: str, parameters: Parameters) -> tuple[PaperOrder, ...]:
        """Return the open orders that a cancel or an amendment names. Raises KrakenError when there are none."""
        text = parameters.optional_text("txid")
        if text is not None and fullmatch(r"-?[0-9]{1,10}", text) is not None:
            return self._by_user_reference(account, int(text))
        client_id = parameters.optional_text("cl_ord_id")
        if (text is None) is (client_id is None):
            raise KrakenError(INVALID_ARGUMENTS)
        if text is not None:
            found = self._archive.order(account, text)
        else:
            found = self._archive.latest(account, client_id_key(client_id or ""))
        if found is None:
            raise KrakenError(INVALID_ORDER)
        if not found.is_open:
            raise KrakenError(UNKNOWN_ORDER)
        return (found,)

    def _by_user_reference(self, account: str, user_reference: int) -> tuple[PaperOrder, ...]:
        known = self._archive.user_references
        orders = self._engine.open_orders(account)
        found = tuple(order for order in orders if known.get(order.order_id) == user_reference)
        if not found:
            raise KrakenError(UNKNOWN_ORDER)
        return found

    def _one(self, account: str, parameters: Parameters) -> PaperOrder:
        return self.named(account, parameters)[0]


def _check_deadline(call: Call) -> None:
    deadline_ms = call.parameters.deadline_ms(call.now_ms)
    if deadline_ms is not None and deadline_ms <= call.now_ms:
        raise KrakenError(DEADLINE_ELAPSED)


def _accepted(events: Events, request: NewOrder, pair: Pair) -> PaperOrder:
    first = events[0]
    if isinstance(first, RequestRefused):
        raise _refusal(first.reason, request, pair)
    if not isinstance(first, OrderAccepted):
        msg = f"a placement began with {type(first).__name__}"
        raise TypeError(msg)
    return first.order


def _refusal(reason: RefusalReason, terms: NewOrder | PaperOrder, pair: Pair) -> KrakenError:
    # The engine has one reason where Kraken tells more than one case apart.
    rules = pair.instrument
    prices = [price for price in (terms.price, terms.stop_price) if price is not None]
    value = (terms.size or ZERO) * max(prices, default=ZERO)
    match reason:
        case RefusalReason.LOT_SIZE if terms.size is not None and terms.size >= rules.min_size:
            return invalid("volume")
        case RefusalReason.PRICE_FILTER if not all(rules.min_price <= one <= rules.max_price for one in prices):
            return KrakenError(INVALID_PRICE)
        case RefusalReason.NOTIONAL if value > rules.max_notional:
            return invalid("volume")
        case _:
            return refused(reason)
