"""The trading endpoints of the ProjectX Gateway: place, cancel, modify.

They read the request, call the engine and word what it came to. Who may call was settled before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from exchanges.paper.dialects.projectx import errors
from exchanges.paper.dialects.projectx.codec import BindingError, Fields
from exchanges.paper.dialects.projectx.contingent import Bracket, Contingent
from exchanges.paper.dialects.projectx.contracts import Contract
from exchanges.paper.dialects.projectx.errors import Refusal
from exchanges.paper.dialects.projectx.register import Details, Register, unseen_order
from exchanges.paper.dialects.projectx.render import (
    ASK,
    BID,
    JOIN_ASK,
    JOIN_BID,
    LIMIT,
    MARKET,
    STOP,
    STOP_LIMIT,
    TRAILING_STOP,
)
from exchanges.paper.dialects.projectx.users import TradingAccount, User
from exchanges.paper.engine import Engine
from exchanges.paper.model import (
    Events,
    NewOrder,
    OrderAccepted,
    OrderVoided,
    PaperOrder,
    PaperStatus,
    RefusalReason,
    RequestRefused,
)
from exchanges.paper.visibility import Lens
from messages.types import OrderType, Side

_TRAIL_TICKS_MAX = 1000
_BRACKET_TICKS_MIN = 4
_PRICES = {LIMIT: "limitPrice", STOP: "stopPrice", TRAILING_STOP: "trailPrice"}
_JOINED = {JOIN_BID: Side.BUY, JOIN_ASK: Side.SELL}
_PLACEABLE = frozenset({LIMIT, MARKET, STOP, TRAILING_STOP, JOIN_BID, JOIN_ASK})
_BRACKET_TYPES = {"stopLossBracket": (STOP, TRAILING_STOP), "takeProfitBracket": (LIMIT,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request of a user."""

    user: User
    fields: Fields
    now_ms: int
    lens: Lens

    def account(self, code: int = errors.ACCOUNT_NOT_FOUND) -> TradingAccount:
        """Return the account that the request names. Raises Refusal when the user has none such."""
        found = self.user.account(self.fields.integer("accountId"))
        if found is None:
            raise Refusal(code)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a request came to."""

    fields: Mapping[str, Any]
    """Besides the envelope."""
    events: Events = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ticket:
    """A placement as it was asked for."""

    account: TradingAccount
    contract: Contract
    type: int
    side: Side
    size: int
    price: Decimal | None
    """The one that its type needs."""
    tag: str | None
    brackets: tuple[Bracket, ...]


class Trading:
    """The endpoints that change something."""

    def __init__(
        self,
        engine: Engine,
        contracts: Mapping[str, Contract],
        register: Register,
        contingent: Contingent,
    ) -> None:
        self._engine = engine
        self._contracts = contracts
        self._register = register
        self._contingent = contingent

    # ----- placing

    def place(self, call: Call) -> Result:
        """Handle `POST /api/Order/place`."""
        ticket, fits = self._read(call)
        if not ticket.account.can_trade:
            raise Refusal(errors.PLACE_VIOLATION)
        if not ticket.contract.instrument.trading:
            raise Refusal(errors.PLACE_CONTRACT_NOT_ACTIVE)
        if ticket.tag is not None and self._register.is_tag_used(ticket.account.name, ticket.tag):
            raise Refusal(errors.PLACE_REJECTED, errors.TAG_IN_USE)
        trail_ticks = self._trail_ticks(ticket) if ticket.type == TRAILING_STOP else None
        if not fits or trail_ticks == 0:
            raise self._rejected(call, ticket, errors.PLACE_REJECTED)
        request = self._request(call, ticket, trail_ticks)
        events = self._engine.place(request, call.now_ms)
        accepted = events[0]
        if isinstance(accepted, RequestRefused):
            raise self._rejected(call, ticket, errors.place_code(accepted.reason), events)
        if not isinstance(accepted, OrderAccepted):
            msg = f"a placement began with {type(accepted).__name__}"
            raise TypeError(msg)
        order = accepted.order
        self._register.keep(order.order_id, Details(tag=ticket.tag, trail_ticks=trail_ticks))
        if trail_ticks is not None:
            self._contingent.trail(order)
        self._contingent.suspend(order, ticket.brackets, call.now_ms)
        return Result(fields={"orderId": self._register.wire_id(order.order_id)}, events=events)

    def _read(self, call: Call) -> tuple[_Ticket, bool]:
        """Return the ticket, and whether its parts fit together."""
        fields = call.fields
        if "linkedOrderId" in fields:
            raise BindingError("$.linkedOrderId", "The field linkedOrderId is not part of the request model.")
        side, size, kind = fields.integer("side"), fields.integer("size"), fields.integer("type")
        prices = {name: fields.amount(name) for name in _PRICES.values()}
        brackets, brackets_fit = _brackets(fields, side)
        account = call.account()
        contract = self._contracts.get(fields.text("contractId"))
        if contract is None:
            raise Refusal(errors.PLACE_CONTRACT_NOT_FOUND)
        needed = _PRICES.get(kind)
        fits = (
            side in (BID, ASK)
            and kind in _PLACEABLE
            and all((price is not None) is (name == needed) for name, price in prices.items())
            and brackets_fit
            and (account.auto_oco or not brackets)
        )
        ticket = _Ticket(
            account=account,
            contract=contract,
            type=kind,
            side=Side.SELL if side == ASK else Side.BUY,
            size=size,
            price=prices[needed] if needed is not None else None,
            tag=fields.optional_text("customTag") or None,
            brackets=brackets,
        )
        return ticket, fits

    def _request(self, call: Call, ticket: _Ticket, trail_ticks: int | None) -> NewOrder:
        # The engine wants an id of every order; one without a tag gets one that the venue never shows.
        client_order_id = ticket.tag or f"untagged {-self._register.new_id(call.now_ms)}"
        price, stop_price = ticket.price, None
        order_type = OrderType.MARKET if ticket.type == MARKET else OrderType.LIMIT
        symbol = ticket.contract.instrument.symbol
        if ticket.type in _JOINED:
            price = self._engine.best(symbol, _JOINED[ticket.type]) or self._engine.last_price(symbol)
        elif ticket.type in (STOP, TRAILING_STOP):
            order_type, price, stop_price = OrderType.STOP_MARKET, None, ticket.price
        if trail_ticks is not None:
            distance = trail_ticks * ticket.contract.instrument.tick_size
            last = self._engine.last_price(symbol)
            stop_price = last - distance if ticket.side is Side.SELL else last + distance
        return NewOrder(
            account=ticket.account.name,
            client_order_id=client_order_id,
            symbol=symbol,
            side=ticket.side,
            type=order_type,
            size=Decimal(ticket.size),
            price=price,
            stop_price=stop_price,
            trigger_above=None if stop_price is None else ticket.side is Side.BUY,
            venue_type=str(ticket.type),
        )

    def _trail_ticks(self, ticket: _Ticket) -> int:
        """Return the distance of a trailing stop from the last price; 0 when it is on the wrong side or too far."""
        if ticket.price is None:
            return 0
        ticks = self._distance(ticket.contract, ticket.side, ticket.price)
        return ticks if 0 < ticks <= _TRAIL_TICKS_MAX else 0

    def _distance(self, contract: Contract, side: Side, level: Decimal) -> int:
        last = self._engine.last_price(contract.instrument.symbol)
        distance = last - level if side is Side.SELL else level - last
        return int(distance / contract.instrument.tick_size)

    def _rejected(self, call: Call, ticket: _Ticket, code: int, events: Events = ()) -> Refusal:
        """Return the refusal of an order that exists all the same, as rejected, and keeps its tag."""
        at_stop = ticket.type in (STOP, STOP_LIMIT)
        order = unseen_order(
            self._register.new_id(call.now_ms),
            ticket.account.name,
            ticket.contract.instrument.symbol,
            ticket.side,
            Decimal(ticket.size),
            venue_type=ticket.type,
            now_ms=call.now_ms,
            price=ticket.price if ticket.type == LIMIT else None,
            stop_price=ticket.price if at_stop else None,
            status=PaperStatus.REJECTED,
        )
        self._register.put(order, Details(tag=ticket.tag))
        told = OrderVoided(sequence=0, at_ms=call.now_ms, account=order.account, order=order)
        return Refusal(code, fields={"orderId": self._register.wire_id(order.order_id)}, events=(*events, told))

    # ----- changing

    def cancel(self, call: Call) -> Result:
        """Handle `POST /api/Order/cancel`."""
        order = self._named(call)
        if order.order_id < 0:
            return Result(fields={}, events=self._contingent.cancel_suspended(order, call.now_ms))
        return Result(fields={}, events=self._engine.cancel(order.account, order.order_id, call.now_ms))

    def modify(self, call: Call) -> Result:
        """Handle `POST /api/Order/modify`."""
        fields = call.fields
        size = fields.optional_integer("size")
        prices = {name: fields.amount(name) for name in _PRICES.values()}
        order = self._named(call)
        details = self._register.details(order)
        trailing = details.trail_ticks is not None
        takes = "trailPrice" if trailing else "limitPrice" if order.stop_price is None else "stopPrice"
        foreign = any(price is not None and name != takes for name, price in prices.items())
        nothing = size is None and prices[takes] is None
        if order.order_id < 0 or foreign or nothing or (size is not None and size <= order.filled_size):
            raise Refusal(errors.CHANGE_REJECTED)
        level = prices["stopPrice"] if prices["trailPrice"] is None else self._trailed(order, prices["trailPrice"])
        events = self._engine.modify(
            order.account,
            order.order_id,
            call.now_ms,
            size=None if size is None else Decimal(size),
            price=prices["limitPrice"],
            stop_price=level,
        )
        first = events[0]
        if isinstance(first, RequestRefused) and first.reason is not RefusalReason.AMEND_NO_CHANGE:
            raise Refusal(errors.CHANGE_REJECTED)
        if trailing and level is not None:
            ticks = self._distance(self._contracts[order.symbol], order.side, level)
            self._register.keep(order.order_id, replace(details, trail_ticks=ticks))
        return Result(fields={}, events=events)

    def _trailed(self, order: PaperOrder, level: Decimal) -> Decimal:
        # Fractions of a tick are cut off, as at placement; there is no cap here.
        contract = self._contracts[order.symbol]
        ticks = self._distance(contract, order.side, level)
        if ticks <= 0:
            raise Refusal(errors.CHANGE_REJECTED)
        distance = ticks * contract.instrument.tick_size
        last = self._engine.last_price(order.symbol)
        return last - distance if order.side is Side.SELL else last + distance

    def _named(self, call: Call) -> PaperOrder:
        order_id = call.fields.long("orderId")
        account = call.account()
        order = self._register.order(order_id)
        if order is None or order.account != account.name or not order.is_open:
            raise Refusal(errors.CHANGE_ORDER_NOT_FOUND)
        return order


def _brackets(fields: Fields, side: int) -> tuple[tuple[Bracket, ...], bool]:
    """Return the children wanted, and whether the venue would take them: signs follow the side of the entry."""
    found: list[Bracket] = []
    fit = True
    for name, types in _BRACKET_TYPES.items():
        bracket = fields.object(name)
        if bracket is None:
            continue
        ticks, kind = bracket.integer("ticks"), bracket.integer("type")
        above = (name == "takeProfitBracket") is (side == BID)
        fit = fit and kind in types and abs(ticks) >= _BRACKET_TICKS_MIN and (ticks > 0) is above
        found.append(Bracket(ticks, kind))
    return tuple(found), fit
