"""What endpoints of the MEXC dialect are given and give back, and how they find symbols and orders."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exchanges.paper.dialects.mexc.errors import INVALID_SYMBOL, MexcError, missing
from exchanges.paper.dialects.mexc.ids import read_order_id
from exchanges.paper.dialects.mexc.params import Parameters
from exchanges.paper.engine import Engine
from exchanges.paper.model import Events, PaperInstrument, PaperOrder
from exchanges.paper.visibility import Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that may be carried out."""

    account: str
    """Empty where nobody has to say who he is."""
    parameters: Parameters
    now_ms: int
    lens: Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a request came to."""

    body: Any
    events: Events = ()


class Directory:
    """Symbols and orders by the names that requests give them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._by_name = {rules.venue_symbol: rules for rules in engine.instruments.values()}

    def instruments(self) -> tuple[PaperInstrument, ...]:
        """Return all instruments."""
        return tuple(self._by_name.values())

    def instrument(self, call: Call) -> PaperInstrument:
        """Return the instrument of the mandatory `symbol`. Raises MexcError 700004 or -1121."""
        return self.named(call.parameters.text("symbol"))

    def named(self, symbol: str) -> PaperInstrument:
        """Return an instrument by the venue's name. Raises MexcError -1121."""
        found = self._by_name.get(symbol)
        if found is None:
            raise MexcError(INVALID_SYMBOL)
        return found

    def venue_symbol(self, symbol: str) -> str:
        """Return the venue's name of a canonical symbol."""
        return self._engine.instruments[symbol].venue_symbol

    def order(self, call: Call) -> PaperOrder | None:
        """Return the account's order that `orderId` or else `origClientOrderId` names, or None.

        Of several orders under one client order id it is the latest. Raises MexcError 700004, 700008 or -1121.
        """
        instrument = self.instrument(call)
        order_id = call.parameters.optional("orderId")
        client_id = call.parameters.client_id("origClientOrderId")
        if order_id is None and client_id is None:
            raise missing("origClientOrderId", "orderId")
        if order_id is None:
            return self._engine.find(call.account, instrument.symbol, client_id or "")
        order = self._engine.order(read_order_id(order_id) or 0)
        own = order is not None and (order.account, order.symbol) == (call.account, instrument.symbol)
        return order if own else None

    def target(self, account: str, values: Mapping[str, str]) -> PaperOrder | None:
        """Return the account's order that unchecked parameters name, or None when they name none."""
        instrument = self._by_name.get(values.get("symbol", ""))
        if instrument is None:
            return None
        order_id = values.get("orderId")
        if not order_id:
            return self._engine.find(account, instrument.symbol, values.get("origClientOrderId", ""))
        order = self._engine.order(read_order_id(order_id) or 0)
        return order if order is not None and order.account == account else None
