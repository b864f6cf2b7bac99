"""What the endpoints of the KuCoin dialect get and give, and the look-ups that they share."""

from dataclasses import dataclass
from typing import Any

from exchanges.paper.dialects.kucoin import ids, render
from exchanges.paper.dialects.kucoin.errors import UNKNOWN_SYMBOL, KucoinError, Refusal
from exchanges.paper.dialects.kucoin.fields import Fields
from exchanges.paper.dialects.kucoin.notes import Notes
from exchanges.paper.engine import Engine
from exchanges.paper.model import Events, PaperInstrument, PaperOrder
from exchanges.paper.visibility import Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that may be carried out."""

    account: str
    """Empty for public endpoints."""
    fields: Fields
    stamp_ms: int
    """What its timestamp header says; 0 for public endpoints."""
    host: str
    """Where the client has reached the venue."""
    now_ms: int
    lens: Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a request came to."""

    data: Any
    events: Events = ()
    refusal: Refusal | None = None
    """Set where something happened and the request failed all the same."""


class Desk:
    """Engine, notes and the look-ups of orders and symbols."""

    def __init__(self, engine: Engine, notes: Notes) -> None:
        self.engine = engine
        self.notes = notes
        self.symbols = {rules.venue_symbol: rules for rules in engine.instruments.values()}

    def instrument(self, fields: Fields) -> PaperInstrument:
        """Return the instrument of the mandatory `symbol`. Raises KucoinError 400100 or 900001."""
        found = self.symbols.get(fields.text("symbol"))
        if found is None:
            raise KucoinError(UNKNOWN_SYMBOL)
        return found

    def optional_instrument(self, fields: Fields) -> PaperInstrument | None:
        """Return the instrument of `symbol`, None where it is missing. Raises KucoinError 900001."""
        return None if fields.optional_text("symbol") is None else self.instrument(fields)

    def by_id(self, account: str, symbol: str, text: str) -> PaperOrder | None:
        """Return the account's ordinary order of a symbol with this id, open or not, or None."""
        number = ids.order_number(text)
        order = None if number is None else self.engine.order(number)
        return order if order is not None and self._is_ordinary_of(order, account, symbol) else None

    def by_client_oid(self, account: str, symbol: str, client_oid: str) -> PaperOrder | None:
        """Return the account's latest ordinary order of a symbol with this client id, open or not, or None."""
        order = self.engine.find(account, symbol, client_oid)
        return order if order is not None and self._is_ordinary_of(order, account, symbol) else None

    def named(self, call: Call, symbol: str) -> PaperOrder | None:
        """Return the ordinary order that `orderId`, or else `clientOid`, names, or None.

        Raises KucoinError 400100 when both are missing.
        """
        order_id = call.fields.optional_text("orderId")
        if order_id is not None:
            return self.by_id(call.account, symbol, order_id)
        return self.by_client_oid(call.account, symbol, call.fields.text("clientOid"))

    def stop_by_id(self, account: str, text: str) -> PaperOrder | None:
        """Return the account's stop with this id, triggered or not, or None."""
        number = ids.stop_number(text)
        order = None if number is None else self.engine.order(number)
        return order if order is not None and is_stop(order) and order.account == account else None

    def rests(self, account: str, symbol: str | None) -> tuple[PaperOrder, ...]:
        """Return the account's open ordinary orders."""
        return tuple(order for order in self.engine.open_orders(account, symbol) if order.working)

    def stops(self, account: str, symbol: str | None) -> tuple[PaperOrder, ...]:
        """Return the account's stops that wait for their trigger."""
        return tuple(order for order in self.engine.open_orders(account, symbol) if not order.working)

    def now(self, order: PaperOrder) -> PaperOrder:
        """Return the present state of an order."""
        return self.engine.order(order.order_id) or order

    def described(self, order: PaperOrder) -> dict[str, Any]:
        """Return an ordinary order as queries describe it."""
        executions = self.engine.truth.executions_of_order(order.order_id)
        return render.described(order, self.engine.instruments[order.symbol], self.notes, executions)

    def _is_ordinary_of(self, order: PaperOrder, account: str, symbol: str) -> bool:
        return (order.account, order.symbol) == (account, symbol) and render.is_ordinary(order)


def is_stop(order: PaperOrder) -> bool:
    """Whether the stop endpoints know an order: it waits for its trigger, or has been triggered."""
    return order.stop_price is not None and (order.working or order.is_open)


def page_of(items: list[Any], number: int, size: int) -> dict[str, Any]:
    """Return one page of a list that is paged by number."""
    begin = (number - 1) * size
    return {
        "currentPage": number,
        "pageSize": size,
        "totalNum": len(items),
        "totalPage": -(-len(items) // size),
        "items": items[begin : begin + size],
    }
