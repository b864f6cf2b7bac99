"""What Kraken's stream says of orders, executions and balances: engine events in, JSON objects out.

It knows no connections, no subscriptions and no sequence numbers.
"""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from exchanges.paper.dialects.kraken import words
from exchanges.paper.dialects.kraken.archive import Archive
from exchanges.paper.dialects.kraken.ids import venue_id
from exchanges.paper.dialects.kraken.names import Pairs
from exchanges.paper.dialects.kraken.numbers import dumps, ratio, rfc3339
from exchanges.paper.engine import Engine
from exchanges.paper.model import (
    BalanceChanged,
    Events,
    Execution,
    FundsTransferred,
    OrderAccepted,
    OrderAmended,
    OrderEvent,
    OrderTraded,
    OrderTriggered,
    PaperOrder,
    PaperStatus,
)
from exchanges.paper.wire import Frame
from messages.fills import Liquidity
from messages.types import ZERO, Side

EXECUTIONS = "executions"
BALANCES = "balances"
_SNAPSHOT_FILLS = 50
_USER_REQUESTED = "User requested"


class Reports:
    """Renders events and snapshots for both channels."""

    def __init__(self, engine: Engine, pairs: Pairs, archive: Archive) -> None:
        self._engine = engine
        self._pairs = pairs
        self._archive = archive
        self._entries = 0

    # ----- events

    def frames(self, events: Events) -> tuple[Frame, ...]:
        """Return the events as frames: one for each message, executions before the balances that they moved."""
        executions = [
            Frame(account=event.account, channel=EXECUTIONS, payload=dumps([item]))
            for event in events
            if isinstance(event, OrderEvent)
            for item in self._execution_items(event)
        ]
        balances = (
            Frame(account=account, channel=BALANCES, payload=dumps([entry])) for account, entry in self._ledger(events)
        )
        return (*executions, *balances)

    def _execution_items(self, event: OrderEvent) -> Iterator[dict[str, Any]]:
        order, at = event.order, {"timestamp": rfc3339(event.at_ms)}
        match event:
            case OrderAccepted():
                yield self._terms(order) | {"exec_type": "pending_new", "order_status": "pending_new"} | at
                yield self._named(order) | {"exec_type": "new", "order_status": "new"} | at
            case OrderTraded():
                yield self._trade(order, event.execution) | at
                if order.status is PaperStatus.FILLED:
                    yield self._changed(order, "filled") | at
            case OrderTriggered():
                yield self._changed(order, "status") | self._triggers(order) | at
            case OrderAmended():
                yield self._terms(order) | self._changed(order, "amended") | {"reason": _USER_REQUESTED} | at
            case _:
                yield self._ended(order) | at

    def _ended(self, order: PaperOrder) -> dict[str, Any]:
        why = words.reason(order)
        return self._changed(order, words.stream_status(order)) | {"cancel_reason": why, "reason": why}

    def _named(self, order: PaperOrder) -> dict[str, Any]:
        names: dict[str, Any] = {"order_id": venue_id("O", order.order_id)}
        client_id = words.client_id(order)
        if client_id is not None:
            names["cl_ord_id"] = client_id
        if order.order_id in self._archive.user_references:
            names["order_userref"] = self._archive.user_references[order.order_id]
        return names

    def _terms(self, order: PaperOrder) -> dict[str, Any]:
        fields = self._named(order) | {
            "symbol": self._pairs.of(order.symbol).stream_symbol,
            "side": order.side.value.lower(),
            "order_type": words.order_type(order),
            "stop_price": ZERO,
            "cum_qty": order.filled_size,
            "cum_cost": order.filled_value,
            "time_in_force": words.time_in_force(order),
            "fee_usd_equiv": self._fees(order),
            "fee_ccy_pref": words.FEE_FLAG,
        }
        if order.quote_size is None:
            fields["order_qty"] = order.size
        else:
            fields["cash_order_qty"] = order.quote_size
        if order.price is not None:
            fields |= {"limit_price": order.price, "limit_price_type": "static", "post_only": order.post_only}
        if order.expires_at_ms is not None:
            fields["expire_time"] = rfc3339(order.expires_at_ms)
        return fields | self._triggers(order)

    def _triggers(self, order: PaperOrder) -> dict[str, Any]:
        if order.stop_price is None:
            return {}
        triggers = {
            "reference": "last",
            "price": order.stop_price,
            "price_type": "static",
            "status": "triggered" if order.working else "untriggered",
        }
        return {"triggers": triggers, "stop_price": order.stop_price}

    def _changed(self, order: PaperOrder, kind: str) -> dict[str, Any]:
        return self._named(order) | {
            "exec_type": kind,
            "order_status": words.stream_status(order),
            "cum_qty": order.filled_size,
            "cum_cost": order.filled_value,
            "avg_price": ratio(order.filled_value, order.filled_size),
            "fee_usd_equiv": self._fees(order),
        }

    def _trade(self, order: PaperOrder, execution: Execution) -> dict[str, Any]:
        # Also the last execution says that the order is filled in part; that it is filled follows.
        return self._execution(order, execution) | {
            "order_status": "partially_filled",
            "cum_qty": order.filled_size,
            "cum_cost": order.filled_value,
            "avg_price": ratio(order.filled_value, order.filled_size),
        }

    def _execution(self, order: PaperOrder, execution: Execution) -> dict[str, Any]:
        return self._named(order) | {
            "exec_id": self._archive.fill_id(execution),
            "exec_type": "trade",
            "trade_id": execution.trade_id,
            "symbol": self._pairs.of(order.symbol).stream_symbol,
            "side": order.side.value.lower(),
            "last_qty": execution.size,
            "last_price": execution.price,
            "liquidity_ind": "m" if execution.liquidity is Liquidity.MAKER else "t",
            "cost": execution.value,
            "order_type": words.order_type(order),
            "fee_usd_equiv": execution.fee,
            "fees": [{"asset": execution.fee_currency, "qty": execution.fee}],
        }

    def _fees(self, order: PaperOrder) -> Decimal:
        return sum((one.fee for one in self._archive.executions_of(order)), ZERO)

    # ----- balances

    def _ledger(self, events: Events) -> list[tuple[str, dict[str, Any]]]:
        # An absolute balance comes once for everything that moved before it, so it is told backwards from there.
        waiting: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        told: list[tuple[str, dict[str, Any]]] = []
        for event in events:
            match event:
                case OrderTraded(execution=execution):
                    entries = self._trade_entries(execution)
                case FundsTransferred():
                    entries = [self._transfer_entry(event)]
                case BalanceChanged():
                    entries = []
                    _settle(waiting.pop((event.account, event.asset), []), event.free + event.locked)
                case _:
                    entries = []
            for entry in entries:
                waiting[event.account, entry["asset"]].append(entry)
                told.append((event.account, entry))
        for (account, asset), entries in waiting.items():
            _settle(entries, sum(self._engine.ledger.balance(account, asset), ZERO))
        return told

    def _trade_entries(self, execution: Execution) -> list[dict[str, Any]]:
        rules = self._engine.instruments[execution.symbol]
        sign = 1 if execution.side is Side.BUY else -1
        moved = ((rules.base, sign * execution.size), (rules.quote, -sign * execution.value))
        return [
            self._entry(
                asset,
                amount,
                fee=execution.fee if asset == execution.fee_currency else ZERO,
                kind="trade",
                ref_id=self._archive.fill_id(execution),
                at_ms=execution.at_ms,
            )
            for asset, amount in moved
        ]

    def _transfer_entry(self, event: FundsTransferred) -> dict[str, Any]:
        kind = "deposit" if event.amount > ZERO else "withdrawal"
        reference = venue_id("L", event.sequence << 1 | 1)
        return self._entry(event.asset, event.amount, fee=ZERO, kind=kind, ref_id=reference, at_ms=event.at_ms)

    def _entry(
        self, asset: str, amount: Decimal, *, fee: Decimal, kind: str, ref_id: str, at_ms: int
    ) -> dict[str, Any]:
        self._entries += 1
        return {
            "ledger_id": venue_id("L", self._entries << 1),
            "ref_id": ref_id,
            "timestamp": rfc3339(at_ms),
            "type": kind,
            "asset": asset,
            "asset_class": "currency",
            "category": kind,
            "wallet_type": "spot",
            "wallet_id": "main",
            "amount": amount,
            "fee": fee,
        }

    # ----- snapshots

    def executions(self, account: str, *, orders: bool, fills: bool) -> list[dict[str, Any]]:
        """Return the snapshot of an account's executions: its open orders, and its last fifty fills, newest first."""
        found: list[dict[str, Any]] = []
        if orders:
            found += [self._open(order) for order in self._engine.open_orders(account)]
        if fills:
            found += [self._past(one) for one in reversed(self._archive.executions(account)[-_SNAPSHOT_FILLS:])]
        return found

    def balances(self, account: str) -> list[dict[str, Any]]:
        """Return the snapshot of an account's balances."""
        return [
            {
                "asset": asset,
                "asset_class": "currency",
                "balance": free + locked,
                "wallets": [{"type": "spot", "id": "main", "balance": free + locked}],
            }
            for asset, (free, locked) in self._engine.balances(account).items()
        ]

    def _open(self, order: PaperOrder) -> dict[str, Any]:
        at = {"timestamp": rfc3339(order.updated_ms)}
        return self._terms(order) | self._changed(order, "new") | self._triggers(order) | at

    def _past(self, execution: Execution) -> dict[str, Any]:
        order = self._engine.truth.orders[execution.order_id]
        at = {"order_status": "filled", "timestamp": rfc3339(execution.at_ms)}
        return self._execution(order, execution) | at


def _settle(entries: list[dict[str, Any]], balance: Decimal) -> None:
    for entry in reversed(entries):
        entry["balance"] = balance
        balance -= entry["amount"] - entry["fee"]
