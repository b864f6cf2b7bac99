"""Orders, trades, positions and accounts as JSON objects of the ProjectX Gateway.

Answers to requests show prices as they come out of the venue's tables, with trailing zeros; the hub shows them plain.
"""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from exchanges.paper.dialects.projectx.codec import iso, padded, plain
from exchanges.paper.dialects.projectx.contracts import Contract
from exchanges.paper.dialects.projectx.positions import Position, PositionBook
from exchanges.paper.dialects.projectx.register import Register
from exchanges.paper.dialects.projectx.users import TradingAccount
from exchanges.paper.model import EXACT, EndReason, Execution, PaperOrder, PaperStatus
from messages.types import Side

OPEN, FILLED, CANCELLED, EXPIRED, REJECTED, PENDING, PENDING_CANCELLATION, SUSPENDED = range(1, 9)
"""The venue's order statuses."""
WORKING = frozenset({OPEN, PENDING, PENDING_CANCELLATION, SUSPENDED})
BID, ASK = 0, 1
LIMIT, MARKET, STOP_LIMIT, STOP, TRAILING_STOP, JOIN_BID, JOIN_ASK = range(1, 8)
"""The venue's order types."""
LONG, SHORT = 1, 2
_TYPES = {"MARKET": MARKET, "LIMIT": LIMIT, "STOP_LIMIT": STOP_LIMIT, "STOP_MARKET": STOP}
_ENDS = {
    PaperStatus.FILLED: FILLED,
    PaperStatus.CANCELLED: CANCELLED,
    PaperStatus.EXPIRED: EXPIRED,
    PaperStatus.REJECTED: REJECTED,
}
# The venue speaks of expiry only where time ran out; the rest it cancels.
_CANCELLED_BY_VENUE = frozenset({EndReason.NO_LIQUIDITY, EndReason.SELF_TRADE, EndReason.AMENDED_BELOW_FILLED})


def status(order: PaperOrder) -> int:
    """Return the venue's status of an order."""
    if order.is_open:
        return OPEN if order.order_id > 0 else SUSPENDED
    if order.end_reason is EndReason.TRIGGER_REFUSED:
        return REJECTED
    return CANCELLED if order.end_reason in _CANCELLED_BY_VENUE else _ENDS[order.status]


class Renderer:
    """Renders what belongs to the accounts of one venue."""

    def __init__(self, register: Register, positions: PositionBook, contracts: Mapping[str, Contract]) -> None:
        self._register = register
        self._positions = positions
        self._contracts = contracts

    def order(self, order: PaperOrder, account: TradingAccount) -> dict[str, Any]:
        """Return an order as look-ups and lists show it."""
        return self._order(order, account, status(order), padded)

    def order_event(self, order: PaperOrder, account: TradingAccount, shown_status: int) -> dict[str, Any]:
        """Return an order as the hub shows it, in a status that it has or had on the way."""
        return self._order(order, account, shown_status, plain)

    def trade(self, execution: Execution, account: TradingAccount, voided: Collection[int]) -> dict[str, Any]:
        """Return a trade as the list of trades shows it."""
        return self._trade(execution, account, voided) | {
            "price": padded(execution.price),
            "profitAndLoss": padded(self._positions.booked(execution).earned),
            "fees": padded(execution.fee, 4),
        }

    def trade_event(self, execution: Execution, account: TradingAccount, voided: Collection[int]) -> dict[str, Any]:
        """Return a trade as the hub shows it."""
        return self._trade(execution, account, voided)

    def position(self, position: Position, symbol: str, account: TradingAccount) -> dict[str, Any]:
        """Return a position; a flat one has the size 0 and its last direction is unknown."""
        sides = (position.net > 0) * LONG + (position.net < 0) * SHORT
        return {
            "id": position.position_id,
            "accountId": account.number,
            "contractId": self._contracts[symbol].contract_id,
            "contractDisplayName": self._contracts[symbol].name,
            "creationTimestamp": iso(position.opened_ms),
            "type": sides,
            "size": int(abs(position.net)),
            "averagePrice": plain(position.average_price),
        }

    def account(self, account: TradingAccount, currency: str) -> dict[str, Any]:
        """Return an account."""
        return {
            "id": account.number,
            "name": account.name,
            "balance": plain(self._positions.balance(account.name, currency)),
            "canTrade": account.can_trade,
            "isVisible": True,
            "simulated": True,
        }

    def _order(self, order: PaperOrder, account: TradingAccount, shown_status: int, number: Any) -> dict[str, Any]:
        details = self._register.details(order)
        contract = self._contracts[order.symbol]
        trailing = details.trail_ticks is not None
        tick_size = contract.instrument.tick_size
        return {
            "id": self._register.wire_id(order.order_id),
            "accountId": account.number,
            "contractId": contract.contract_id,
            "symbolId": contract.symbol_id,
            "creationTimestamp": iso(self._register.created_ms(order)),
            "updateTimestamp": iso(order.updated_ms),
            "status": shown_status,
            "type": int(order.venue_type) if order.venue_type.isdigit() else _TYPES[order.type],
            "side": BID if order.side is Side.BUY else ASK,
            "size": int(order.size),
            "limitPrice": number(order.price),
            "stopPrice": None if trailing else number(order.stop_price),
            "fillVolume": int(order.filled_size),
            "filledPrice": number(_average_price(order)),
            "customTag": details.tag,
            "trailDistance": details.trail_ticks,
            "trailPrice": number(tick_size * details.trail_ticks) if details.trail_ticks is not None else None,
            "parentOrderId": self._wire_id(details.parent_id),
            "linkedOrderId": self._wire_id(details.linked_id),
        }

    def _wire_id(self, order_id: int | None) -> int | None:
        return None if order_id is None else self._register.wire_id(order_id)

    def _trade(self, execution: Execution, account: TradingAccount, voided: Collection[int]) -> dict[str, Any]:
        fill_id = self._positions.fill_id(execution)
        return {
            "id": fill_id,
            "accountId": account.number,
            "contractId": self._contracts[execution.symbol].contract_id,
            "creationTimestamp": iso(execution.at_ms),
            "price": plain(execution.price),
            "profitAndLoss": plain(self._positions.booked(execution).earned),
            "fees": plain(execution.fee),
            "side": BID if execution.side is Side.BUY else ASK,
            "size": int(execution.size),
            "voided": fill_id in voided,
            "orderId": self._register.wire_id(execution.order_id),
        }


def _average_price(order: PaperOrder) -> Decimal | None:
    return EXACT.divide(order.filled_value, order.filled_size) if order.filled_size else None
