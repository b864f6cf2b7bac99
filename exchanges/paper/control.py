"""The control port of a paper venue: JSON over HTTP on loopback, for tests, drills and demos.

It sets faults, makes things happen and tells the truth about what did. It is no part of any venue's protocol, needs no
key, and is never reachable from outside the machine.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any, TypeAlias

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exchanges.paper.faults import Fault, FaultPlan
from exchanges.paper.model import NewOrder, PaperOrder, PaperStatus, RequestRefused
from exchanges.paper.records import read_fills, read_rule, write_execution, write_fill, write_order
from exchanges.paper.server import PaperVenue
from messages.types import OrderType, Side

_Body: TypeAlias = dict[str, Any]
_Handler: TypeAlias = Callable[[_Body], Awaitable[Any]]


class Control:
    """The control port's commands over one venue. Each takes a JSON object and returns one."""

    def __init__(self, server: PaperVenue) -> None:
        self._server = server
        self._venue = server.venue
        self._engine = server.venue.engine

    def application(self) -> Starlette:
        """Return the ASGI application: `POST /<command>` with a JSON object; 400 with `error` for what is wrong."""
        commands: dict[str, _Handler] = {
            "health": self.health,
            "faults": self.faults,
            "add-fault": self.add_fault,
            "execute": self.execute,
            "execute-many": self.execute_many,
            "deposit": self.deposit,
            "end-order": self.end_order,
            "place": self.place,
            "place-many": self.place_many,
            "cancel": self.cancel,
            "cancel-all": self.cancel_all,
            "market": self.market,
            "outage": self.outage,
            "restart": self.restart,
            "lift-ban": self.lift_ban,
            "clock": self.clock,
            "limits": self.limits,
            "expire-tokens": self.expire_tokens,
            "streams": self.streams,
            "add-account": self.add_account,
            "orders": self.orders,
            "executions": self.executions,
            "balances": self.balances,
            "requests": self.requests,
            "instruments": self.instruments,
            "summary": self.summary,
        }
        routes = [Route(f"/{name}", _endpoint(handler), methods=["POST"]) for name, handler in commands.items()]
        return Starlette(routes=routes)

    # ----- making things happen

    async def health(self, body: _Body) -> Any:
        """Return the venue's name and clock."""
        del body
        return {"venue": self._venue.dialect.venue, "nowMs": self._server.now_ms()}

    async def faults(self, body: _Body) -> Any:
        """Replace the fault plan: `seed`, `probabilities` by fault, `rules`. An empty object ends all faults."""
        probabilities = {Fault(name): float(value) for name, value in body.get("probabilities", {}).items()}
        rules = tuple(read_rule(rule) for rule in body.get("rules", ()))
        self._venue.plan = FaultPlan(body.get("seed", self._server.seed), probabilities, rules)
        return {}

    async def add_fault(self, body: _Body) -> Any:
        """Add one rule to the plan in force."""
        self._venue.plan.add(read_rule(body))
        return {}

    async def execute(self, body: _Body) -> Any:
        """Fill an order against the outside: `orderId` or `account`, `symbol`, `clientOrderId`; `price`, `size`."""
        order = self._named(body)
        size = Decimal(body["size"]) if "size" in body else order.remaining
        self._server.execute(order.order_id, Decimal(body["price"]) if "price" in body else _limit(order), size)
        return {"order": self._shown(order)}

    async def execute_many(self, body: _Body) -> Any:
        """Fill an order, or `orders`, by `fills` of price and size, one after another; return the orders.

        `atOnce`: all in one instant; otherwise others are heard in between, and `ratePerS` is kept when given.
        `preload`: all executes at once, and only then the frames leave, at that rate. What is impossible is left out
        and listed as `impossible`.
        """
        listed = body.get("orders", [body] if "fills" in body else [])
        orders = [(self._named(one), one["fills"]) for one in listed]
        fills = [fill for order, amounts in orders for fill in read_fills(order.order_id, amounts)]
        rate_per_s = None if body.get("ratePerS") is None else float(body["ratePerS"])
        if rate_per_s is not None and rate_per_s <= 0:
            msg = "ratePerS is not above zero"
            raise ValueError(msg)
        impossible = await self._server.execute_many(
            fills, at_once=body.get("atOnce", False), preload=body.get("preload", False), rate_per_s=rate_per_s
        )
        order_ids = dict.fromkeys(order.order_id for order, _ in orders)
        found = [self._engine.order(order_id) for order_id in order_ids]
        return {
            "orders": [self._shown(order) for order in found if order is not None],
            "executed": len(fills) - len(impossible),
            "impossible": [write_fill(fill) for fill in impossible],
        }

    async def deposit(self, body: _Body) -> Any:
        """Move `amount` of `asset` into `account`; negative: out of it. Return the balance."""
        account, asset = body["account"], body["asset"]
        self._server.deposit(account, asset, Decimal(body["amount"]))
        free, locked = self._engine.ledger.balance(account, asset)
        return {"free": str(free), "locked": str(locked)}

    async def end_order(self, body: _Body) -> Any:
        """Let the venue end an order as `status` CANCELLED, EXPIRED or REJECTED."""
        order = self._named(body)
        self._server.end(order.order_id, PaperStatus(body["status"]))
        return {"order": self._shown(order)}

    async def place(self, body: _Body) -> Any:
        """Place an order by hand, past the wire: for counterparties and for orders that nobody announced.

        `account`, `clientOrderId`, `symbol`, `side`, `type`, `size`, and where the type has them, `price`, `stopPrice`.
        """
        return {"order": self._place(_new_order(body, body["clientOrderId"]))}

    async def place_many(self, body: _Body) -> Any:
        """Place the same order by hand under each of `clientOrderIds`, otherwise as `place`; return the orders."""
        return {"orders": [self._place(_new_order(body, client_id)) for client_id in body["clientOrderIds"]]}

    async def cancel(self, body: _Body) -> Any:
        """Cancel an order in its owner's name, past the wire."""
        order = self._named(body)
        events = self._engine.cancel(order.account, order.order_id, self._server.now_ms(), cancel_id="by-hand")
        self._server.publish(events)
        return {"order": self._shown(order)}

    async def cancel_all(self, body: _Body) -> Any:
        """Cancel every open order of `account` in its name, past the wire; return how many."""
        orders = [order for order in self._engine.truth.orders.values() if order.is_open]
        own = [order for order in orders if order.account == body["account"]]
        for order in own:
            events = self._engine.cancel(order.account, order.order_id, self._server.now_ms(), cancel_id="by-hand")
            self._server.publish(events)
        return {"cancelled": len(own)}

    async def market(self, body: _Body) -> Any:
        """Advance the random market by `steps`, or let it run by itself: `running`."""
        if body.get("steps", 0):
            self._server.step_market(body["steps"])
        self._server.market_running = body.get("running", self._server.market_running)
        return {}

    async def outage(self, body: _Body) -> Any:
        """Close the port for `durationMs`, or until `end` is sent."""
        if body.get("end", False):
            await self._server.end_outage()
        else:
            self._server.begin_outage(body.get("durationMs"))
        return {}

    async def restart(self, body: _Body) -> Any:
        """Restart the venue: away for `downMs`, told to the streams before when `announced`."""
        await self._server.restart(body.get("downMs", 0), announced=body.get("announced", False))
        return {}

    async def lift_ban(self, body: _Body) -> Any:
        """End a ban that a fault began."""
        del body
        self._venue.lift_ban()
        return {}

    async def clock(self, body: _Body) -> Any:
        """Set how far the venue's clock is ahead of the machine's: `skewMs`."""
        self._server.skew_ms = int(body["skewMs"])
        return {}

    async def limits(self, body: _Body) -> Any:
        """Enforce the venue's rate limits or not: `enabled`."""
        self._venue.dialect.enforce_limits(enabled=bool(body["enabled"]))
        return {}

    async def expire_tokens(self, body: _Body) -> Any:
        """Let every token that the venue has issued be expired; connected streams stay."""
        del body
        self._venue.dialect.expire_tokens()
        return {}

    async def streams(self, body: _Body) -> Any:
        """Do something to the streams of `account`, or to all: `act` is `abort`, `terminate` or `silence`."""
        account = body.get("account")
        if body["act"] == "terminate":
            return {"streams": self._server.streams.terminate(account)}
        streams = self._server.streams.of(account)
        for stream in streams:
            match body["act"]:
                case "abort":
                    stream.abort()
                case "silence":
                    stream.silence(int(body["durationMs"]))
                case act:
                    msg = f"unknown act {act}"
                    raise ValueError(msg)
        return {"streams": len(streams)}

    async def add_account(self, body: _Body) -> Any:
        """Open an account with `balances`, `unlimited`, `scripted` and `keys`, given or derived; return the keys."""
        name = body["account"]
        balances = {asset: Decimal(amount) for asset, amount in body.get("balances", {}).items()}
        self._engine.add_account(
            name, balances, unlimited=body.get("unlimited", False), scripted=body.get("scripted", False)
        )
        return {"credentials": self._venue.dialect.add_keys(name, self._server.seed, body.get("keys"))}

    # ----- telling the truth

    async def orders(self, body: _Body) -> Any:
        """Return accepted orders: of `account`, `symbol`, `clientOrderId`, only `open` ones, from `offset` on."""
        wanted = (
            order
            for order in self._engine.truth.orders.values()
            if body.get("account") in (None, order.account)
            and body.get("symbol") in (None, order.symbol)
            and body.get("clientOrderId") in (None, order.client_order_id, order.first_client_order_id)
            and (order.is_open or not body.get("open", False))
        )
        return {"orders": [self._shown(order) for order in islice(wanted, body.get("offset", 0), None)]}

    async def executions(self, body: _Body) -> Any:
        """Return executions: of `account`, `symbol`, `orderId`, from `offset` on."""
        truth = self._engine.truth
        recorded = truth.executions_of_order(int(body["orderId"])) if "orderId" in body else truth.executions
        wanted = (
            execution
            for execution in recorded
            if body.get("account") in (None, execution.account) and body.get("symbol") in (None, execution.symbol)
        )
        found = islice(wanted, body.get("offset", 0), None)
        return {"executions": [write_execution(one, self._venue.dialect) for one in found]}

    async def balances(self, body: _Body) -> Any:
        """Return an account's balances by asset."""
        found = self._engine.balances(body["account"])
        return {asset: {"free": str(free), "locked": str(locked)} for asset, (free, locked) in found.items()}

    async def requests(self, body: _Body) -> Any:
        """Return the placement requests of `clientOrderId`, or the last `count` requests."""
        log = self._venue.log
        by_order = "clientOrderId" in body
        entries = log.placements(body["clientOrderId"]) if by_order else log.last(body.get("count", 100))
        return {"requests": [asdict(entry) for entry in entries]}

    async def instruments(self, body: _Body) -> Any:
        """Return what the venue trades, with its rules, under the venue's own names."""
        del body
        return {"instruments": [asdict(instrument) for instrument in self._engine.instruments.values()]}

    async def summary(self, body: _Body) -> Any:
        """Return the counts that auditors compare with."""
        del body
        truth, log = self._engine.truth, self._venue.log
        duplicates = [
            {"account": account, "clientOrderId": client_id, "orderIds": list(ids)}
            for (account, client_id), ids in truth.duplicates().items()
        ]
        return {
            "accepted": truth.accepted_count,
            "open": sum(order.is_open for order in truth.orders.values()),
            "executions": len(truth.executions),
            "duplicates": duplicates,
            "requests": dict(log.received),
            "statuses": dict(log.statuses),
            "requestsDuringBan": log.during_ban,
            "repeatedPlacements": log.repeated_placements(),
            "faults": {fault: count for fault, count in self._venue.plan.hits.items() if count},
            "streams": len(self._server.streams.of(None)),
            "openForConnections": self._server.listener.is_open,
        }

    def _place(self, request: NewOrder) -> _Body | None:
        events = self._engine.place(request, self._server.now_ms())
        self._server.publish(events)
        refused = next((event.reason for event in events if isinstance(event, RequestRefused)), None)
        if refused is not None:
            raise ValueError(refused.value)
        found = self._engine.find(request.account, request.symbol, request.client_order_id)
        return None if found is None else self._shown(found)

    def _shown(self, order: PaperOrder) -> _Body:
        return write_order(self._engine.order(order.order_id) or order, self._venue.dialect)

    def _named(self, body: _Body) -> PaperOrder:
        if "orderId" in body:
            order = self._engine.order(int(body["orderId"]))
        else:
            order = self._engine.find(body["account"], body["symbol"], body["clientOrderId"])
        if order is None:
            msg = "no such order"
            raise ValueError(msg)
        return order


def _new_order(body: _Body, client_order_id: str) -> NewOrder:
    return NewOrder(
        account=body["account"],
        client_order_id=client_order_id,
        symbol=body["symbol"],
        side=Side(body["side"]),
        type=OrderType(body["type"]),
        size=Decimal(body["size"]),
        price=Decimal(body["price"]) if "price" in body else None,
        stop_price=Decimal(body["stopPrice"]) if "stopPrice" in body else None,
        venue_type=body["type"],
    )


def _endpoint(handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            raw = await request.body()
            return _json(await handler(orjson.loads(raw) if raw else {}))
        except (ValueError, TypeError, InvalidOperation) as error:
            return _json({"error": str(error)}, 400)
        except KeyError as error:
            return _json({"error": f"missing or unknown: {error}"}, 400)

    return endpoint


def _json(body: Any, status: int = 200) -> Response:
    content = orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS)
    return Response(content, status, media_type="application/json")


def _limit(order: PaperOrder) -> Decimal:
    if order.price is None:
        msg = "a price is needed: the order has no limit"
        raise ValueError(msg)
    return order.price
