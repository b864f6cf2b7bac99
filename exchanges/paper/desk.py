"""The desk: decides what becomes of a placement, a triggered stop, an amendment, and carries it out on the floor.

The floor keeps the state consistent; the desk knows the rules of order types and times in force. No clock, no I/O.
"""

from decimal import Decimal

from exchanges.paper.floor import Floor
from exchanges.paper.matching import NOTHING, Plan, crosses, plan_match
from exchanges.paper.model import (
    ClientIdPolicy,
    EndReason,
    NewOrder,
    OrderAmended,
    OrderTriggered,
    PaperOrder,
    PaperStatus,
    RefusalReason,
)
from exchanges.paper.rules import refusal
from messages.types import ZERO, Side, TimeInForce

_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


class Desk:
    """Order handling over one floor."""

    def __init__(self, floor: Floor, client_ids: ClientIdPolicy) -> None:
        self._floor = floor
        self._client_ids = client_ids
        self.market_closed = False
        """Whether every placement that keeps the rules is refused as NOT_TRADING."""

    # ----- placing

    def place(self, request: NewOrder) -> None:
        """Accept and work a new order, or refuse it."""
        reason = self._refusal(request)
        if reason is not None:
            self._floor.refuse(request.account, reason)
            return
        plan = NOTHING if request.stop_price is not None else self._plan(request)
        order = self._new_order(request, plan)
        if not (order.reserve_on_trigger or self._floor.can_pay(order, order.reserved)):
            self._floor.refuse(request.account, RefusalReason.INSUFFICIENT_FUNDS)
            return
        self._floor.accept(order)
        if order.stop_price is not None:
            self.arm(order)
        elif request.post_only and plan.matches:
            self._end_taking(order, request.taking_ends_as)
        else:
            self._work(order, plan)
            self.run_stops(order.symbol)

    def arm(self, stop: PaperOrder) -> None:
        """Let a stop wait for its trigger price."""
        if stop.stop_price is not None:
            self._floor.book(stop.symbol).add_stop(stop.order_id, stop.stop_price, above=stop.trigger_above)

    def rework(self, order: PaperOrder) -> None:
        """Match an open order that is not in the book, and rest what remains behind all others of its price."""
        self._work(order, self._plan(order))
        self.run_stops(order.symbol)

    def run_stops(self, symbol: str) -> None:
        """Work every stop that the last price triggers; their trades move the price and may trigger more."""
        while (order := self._floor.triggered(symbol)) is not None:
            self._trigger(order)

    def broken_rule(self, request: NewOrder) -> RefusalReason | None:
        """Return why a placement breaks the rules of its instrument, whatever the state of market and account."""
        instrument = self._floor.instruments.get(request.symbol)
        if self._floor.ledger.get(request.account) is None:
            return RefusalReason.UNKNOWN_ACCOUNT
        if instrument is None:
            return RefusalReason.UNKNOWN_SYMBOL
        return refusal(request, instrument, self._floor.last_prices[request.symbol])

    def _refusal(self, request: NewOrder) -> RefusalReason | None:
        broken = self.broken_rule(request)
        if broken is not None:
            return broken
        if self.market_closed:
            return RefusalReason.NOT_TRADING
        if self.is_duplicate(request):
            return RefusalReason.DUPLICATE_CLIENT_ID
        if self.would_trigger(request):
            return RefusalReason.WOULD_TRIGGER
        refuses_taking = request.post_only and request.taking_ends_as is None
        return RefusalReason.WOULD_TAKE if refuses_taking and self.would_take(request) else None

    def is_duplicate(self, request: NewOrder) -> bool:
        """Whether the venue refuses the client order id because it was used before."""
        key = (request.account, request.symbol, request.client_order_id)
        if self._client_ids is ClientIdPolicy.ANY:
            return False
        if self._client_ids is ClientIdPolicy.OPEN_ONLY:
            return self._floor.truth.has_open(*key)
        return self._floor.truth.find(*key) is not None

    def would_trigger(self, request: NewOrder) -> bool:
        """Whether it is a stop whose trigger is reached already."""
        if request.stop_price is None:
            return False
        last = self._floor.last_prices[request.symbol]
        return request.stop_price <= last if self._triggers_above(request) else request.stop_price >= last

    def _triggers_above(self, request: NewOrder) -> bool:
        if request.trigger_above is not None or request.stop_price is None:
            return bool(request.trigger_above)
        return request.stop_price > self._floor.last_prices[request.symbol]

    def would_take(self, request: NewOrder) -> bool:
        """Whether it would match at once."""
        best = self._floor.book(request.symbol).opposite(request.side).best()
        return best is not None and not self._is_scripted(request) and crosses(request.side, request.price, best)

    def _plan(self, order: NewOrder | PaperOrder) -> Plan:
        if self._is_scripted(order):
            return NOTHING
        step_size = self._floor.instruments[order.symbol].step_size
        return plan_match(order, self._floor.makers(order.symbol, order.side), step_size)

    def _is_scripted(self, order: NewOrder | PaperOrder) -> bool:
        account = self._floor.ledger.get(order.account)
        return account is not None and account.scripted

    def _new_order(self, request: NewOrder, plan: Plan) -> PaperOrder:
        now_ms = self._floor.now_ms
        working = request.stop_price is None
        order = PaperOrder(
            order_id=self._floor.next_order_id(),
            client_order_id=request.client_order_id,
            account=request.account,
            symbol=request.symbol,
            side=request.side,
            type=request.type,
            time_in_force=request.time_in_force,
            size=self._size_by_quote(request, plan) if request.size is None else request.size,
            quote_size=request.quote_size,
            price=request.price,
            stop_price=request.stop_price,
            trigger_above=self._triggers_above(request),
            post_only=request.post_only,
            expires_at_ms=request.expires_at_ms,
            venue_type=request.venue_type,
            working=working,
            created_ms=now_ms,
            updated_ms=now_ms,
            working_ms=now_ms if working else None,
            first_client_order_id=request.client_order_id,
            reserve_on_trigger=request.reserve_on_trigger and not working,
        )
        if order.reserve_on_trigger:
            return order
        return order.evolve(reserved=self._cost(order, plan))

    def _size_by_quote(self, request: NewOrder, plan: Plan) -> Decimal:
        # Where the book runs out, the rest counts at the last price met, so that the order does not pass for filled.
        if plan.complete:
            return plan.size
        last = self._floor.last_prices[request.symbol]
        price = (plan.matches[-1].maker.price if plan.matches else None) or last
        step_size = self._floor.instruments[request.symbol].step_size
        return plan.size + ((request.quote_size or ZERO) - plan.value) / price // step_size * step_size

    # ----- working

    def _end_taking(self, order: PaperOrder, status: PaperStatus | None) -> None:
        if status is PaperStatus.CANCELLED:
            self._floor.cancel(order, EndReason.WOULD_TAKE, "")
        else:
            self._floor.expire(order, EndReason.WOULD_TAKE)

    def _work(self, order: PaperOrder, plan: Plan) -> None:
        if order.time_in_force is TimeInForce.FOK and not plan.complete:
            self._floor.expire(order, EndReason.FOK_UNFILLABLE)
            return
        for match in plan.matches:
            if match.self_trade:
                self._floor.prevent(match.maker, order.order_id)
            else:
                order = self._floor.trade(order, match)
        if not order.is_open:
            return
        if order.price is None:
            self._floor.expire(order, EndReason.NO_LIQUIDITY)
        elif order.time_in_force in _AT_ONCE:
            self._floor.expire(order, EndReason.IOC_REMAINDER)
        else:
            self._floor.rest(order)

    def _trigger(self, order: PaperOrder) -> None:
        order = self._floor.update(order, working=True, working_ms=self._floor.now_ms)
        self._floor.emit(OrderTriggered, order.account, order=order)
        plan = self._plan(order)
        if order.price is None or order.reserve_on_trigger:
            # What a market order costs is known only now; the stop price was a guess.
            order = self._floor.reserve(order, ZERO)
            cost = self._cost(order, plan)
            if not self._floor.can_pay(order, cost):
                self._floor.expire(order, EndReason.TRIGGER_REFUSED)
                return
            order = self._floor.reserve(order, cost)
        self._work(order, plan)

    # ----- changing

    def amend(self, order: PaperOrder, new_size: Decimal, client_order_id: str) -> None:
        """Reduce an open order's size, or refuse."""
        reason = self._amend_refusal(order, new_size)
        if reason is not None:
            self._floor.refuse(order.account, reason)
            return
        if new_size <= order.filled_size:
            self._floor.expire(order, EndReason.AMENDED_BELOW_FILLED)
            return
        before = order.client_order_id
        order = self._floor.reserve(order, order.reserved - self._floor.unit_cost(order) * (order.size - new_size))
        order = self._floor.update(
            order, size=new_size, client_order_id=client_order_id, amendments=order.amendments + 1
        )
        self._floor.emit(OrderAmended, order.account, order=order, previous_client_order_id=before)

    def end_by_venue(self, order: PaperOrder, status: PaperStatus) -> None:
        """End an open order in the venue's own name. Raises ValueError for a status that is no such end."""
        match status:
            case PaperStatus.CANCELLED:
                self._floor.cancel(order, EndReason.VENUE, "")
            case PaperStatus.EXPIRED:
                self._floor.expire(order, EndReason.VENUE)
            case PaperStatus.REJECTED:
                self._floor.void(order)
            case _:
                msg = f"a venue does not end an order as {status}"
                raise ValueError(msg)

    def _amend_refusal(self, order: PaperOrder, new_size: Decimal) -> RefusalReason | None:
        if new_size == order.size:
            return RefusalReason.AMEND_NO_CHANGE
        if new_size > order.size:
            return RefusalReason.AMEND_INCREASE
        instrument = self._floor.instruments[order.symbol]
        if new_size <= ZERO or new_size % instrument.step_size != 0:
            return RefusalReason.LOT_SIZE
        return RefusalReason.AMENDED_TOO_OFTEN if order.amendments >= instrument.max_amendments else None

    def _cost(self, order: PaperOrder, plan: Plan) -> Decimal:
        """Return what must be locked, see `Floor.unit_cost`."""
        at_market = order.quote_size is not None or (order.price is None and order.working)
        if order.side is Side.BUY and at_market:
            return plan.value
        size = plan.size if order.quote_size is not None else order.size
        return size * self._floor.unit_cost(order)
