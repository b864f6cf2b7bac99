"""For those who use paper venues: start the process and talk to a venue's control port.

Blocking; for tests and drills. It knows nothing of any venue's wire protocol.
"""

import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeAlias

import orjson
import requests

from exchanges.paper.faults import Fault, FaultRule
from exchanges.paper.model import PaperStatus
from messages.types import OrderType, Side

_TIMEOUT_S = 10.0
_STOP_S = 5.0
_SLOWEST_PER_S = 1_000
"""Scripted fills that the slowest machine carries out in a second; for how long to wait."""
Fills: TypeAlias = Sequence[tuple[Decimal, Decimal]]
"""Prices and sizes that an order is to be filled with, in order."""


class ControlError(Exception):
    """The control port refused a command; the text says why."""


class ControlClient:
    """One venue's control port. Amounts are `Decimal`s going in and strings in what comes back."""

    def __init__(self, control_url: str) -> None:
        self._url = control_url
        self._session = requests.Session()
        # The control port is on this machine; proxy settings of the environment must not lead elsewhere.
        self._session.trust_env = False

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    # ----- faults

    def set_faults(
        self, *rules: FaultRule, probabilities: Mapping[Fault, float] | None = None, seed: int | None = None
    ) -> None:
        """Replace the fault plan; without arguments: end all faults. Seed None: the venue's own."""
        chances = {fault.value: chance for fault, chance in (probabilities or {}).items()}
        body: dict[str, Any] = {"rules": [_rule(rule) for rule in rules], "probabilities": chances}
        self._call("faults", body if seed is None else body | {"seed": seed})

    def add_fault(self, rule: FaultRule) -> None:
        """Add one rule to the plan in force."""
        self._call("add-fault", _rule(rule))

    def begin_outage(self, duration_ms: int | None = None) -> None:
        """Close the venue's port and break all connections; None: until `end_outage`."""
        self._call("outage", {} if duration_ms is None else {"durationMs": duration_ms})

    def end_outage(self) -> None:
        """Open the venue's port again."""
        self._call("outage", {"end": True})

    def restart(self, down_ms: int = 0, *, announced: bool = False) -> None:
        """Restart the venue; its books stay."""
        self._call("restart", {"downMs": down_ms, "announced": announced})

    def lift_ban(self) -> None:
        """End a ban that a fault began."""
        self._call("lift-ban", {})

    def set_clock_skew(self, skew_ms: int) -> None:
        """Set how far the venue's clock is ahead."""
        self._call("clock", {"skewMs": skew_ms})

    def enforce_limits(self, *, enabled: bool) -> None:
        """Enforce the venue's rate limits or not."""
        self._call("limits", {"enabled": enabled})

    def expire_tokens(self) -> None:
        """Let every token that the venue has issued be expired; connected streams stay."""
        self._call("expire-tokens", {})

    def abort_streams(self, account: str | None = None) -> int:
        """Break the streams of an account, None: all; returns how many."""
        return int(self._call("streams", {"act": "abort", "account": account})["streams"])

    def terminate_streams(self, account: str | None = None) -> int:
        """End subscriptions with the venue's notice; returns how many connections were concerned."""
        return int(self._call("streams", {"act": "terminate", "account": account})["streams"])

    def silence_streams(self, duration_ms: int, account: str | None = None) -> int:
        """Lose all frames for a while; returns how many connections are concerned."""
        body = {"act": "silence", "durationMs": duration_ms, "account": account}
        return int(self._call("streams", body)["streams"])

    # ----- making things happen

    def add_account(
        self,
        account: str,
        balances: Mapping[str, Decimal] | None = None,
        *,
        unlimited: bool = False,
        scripted: bool = False,
        keys: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Open an account and return its keys: those given, as `Dialect.add_keys` takes them, or keys from the seed."""
        body: dict[str, Any] = {"account": account, "unlimited": unlimited, "scripted": scripted}
        body |= {} if keys is None else {"keys": dict(keys)}
        amounts = {asset: str(amount) for asset, amount in (balances or {}).items()}
        return dict(self._call("add-account", body | {"balances": amounts})["credentials"])

    def place(
        self,
        account: str,
        client_order_id: str,
        *,
        symbol: str,
        side: Side,
        size: Decimal,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
    ) -> dict[str, Any]:
        """Place a limit order, or without a price a market order, past the wire; returns it. With a stop price: a stop
        that becomes one.
        """
        body = _terms(account, symbol=symbol, side=side, size=size, price=price, stop_price=stop_price)
        return dict(self._call("place", body | {"clientOrderId": client_order_id})["order"])

    def place_many(
        self,
        account: str,
        client_order_ids: Sequence[str],
        *,
        symbol: str,
        side: Side,
        size: Decimal,
        price: Decimal | None = None,
    ) -> list[dict[str, Any]]:
        """Place the same order under many client order ids in one call, past the wire; returns the orders."""
        body = _terms(account, symbol=symbol, side=side, size=size, price=price, stop_price=None)
        timeout_s = _TIMEOUT_S + len(client_order_ids) / _SLOWEST_PER_S
        named = body | {"clientOrderIds": list(client_order_ids)}
        return list(self._call("place-many", named, timeout_s=timeout_s)["orders"])

    def cancel(self, order_id: int) -> dict[str, Any]:
        """Cancel an order in its owner's name, past the wire; returns it."""
        return dict(self._call("cancel", {"orderId": order_id})["order"])

    def cancel_all(self, account: str) -> int:
        """Cancel every open order of an account in its name, past the wire; returns how many."""
        return int(self._call("cancel-all", {"account": account})["cancelled"])

    def execute(self, order_id: int, price: Decimal | None = None, size: Decimal | None = None) -> dict[str, Any]:
        """Fill an order against the outside; by default all that remains, at its limit price. Returns it."""
        amounts = {name: str(value) for name, value in (("price", price), ("size", size)) if value is not None}
        return dict(self._call("execute", {"orderId": order_id, **amounts})["order"])

    def execute_many(
        self,
        fills: Mapping[int, Fills] | Sequence[tuple[int, Fills]],
        *,
        at_once: bool = False,
        preload: bool = False,
        rate_per_s: float | None = None,
        skip_impossible: bool = False,
    ) -> list[dict[str, Any]]:
        """Fill orders, named by id, by pairs of price and size, one after another in one call; returns the orders.

        A sequence may name an order several times, so that the fills of several orders alternate. At once: all in one
        instant, with equal times. Otherwise the venue serves others in between, as fast as the streams take the
        frames or at a rate. Preloaded: all executes at once, and only then the frames leave, at that rate or as fast
        as they can. Raises `ControlError` when a fill was impossible, after all others were done; skipping those: not.
        """
        listed = list(fills.items() if isinstance(fills, Mapping) else fills)
        orders = [
            {"orderId": order_id, "fills": [[str(price), str(size)] for price, size in amounts]}
            for order_id, amounts in listed
        ]
        pace = {"atOnce": at_once, "preload": preload, "ratePerS": rate_per_s}
        count = sum(len(amounts) for _, amounts in listed)
        timeout_s = _TIMEOUT_S + count / min(rate_per_s or _SLOWEST_PER_S, _SLOWEST_PER_S)
        answer = self._call("execute-many", {"orders": orders, **pace}, timeout_s=timeout_s)
        if answer["impossible"] and not skip_impossible:
            failed = answer["impossible"]
            msg = f"{len(failed)} of {count} fills were impossible, the first: {failed[0]}"
            raise ControlError(msg)
        return list(answer["orders"])

    def deposit(self, account: str, asset: str, amount: Decimal) -> dict[str, str]:
        """Move money into an account, with a negative amount out of it; returns free and locked of the asset."""
        return dict(self._call("deposit", {"account": account, "asset": asset, "amount": str(amount)}))

    def end_order(self, order_id: int, status: PaperStatus) -> dict[str, Any]:
        """Let the venue cancel, expire or reject an order; returns it."""
        return dict(self._call("end-order", {"orderId": order_id, "status": status})["order"])

    def step_market(self, steps: int = 1) -> None:
        """Advance the random market."""
        self._call("market", {"steps": steps})

    def run_market(self, *, running: bool) -> None:
        """Let the random market run by itself or stop it."""
        self._call("market", {"running": running})

    # ----- the truth

    def orders(self, **filters: Any) -> list[dict[str, Any]]:
        """Return accepted orders. Filters: `account`, `symbol`, `clientOrderId`, `open`, `offset`."""
        return list(self._call("orders", filters)["orders"])

    def executions(self, **filters: Any) -> list[dict[str, Any]]:
        """Return executions. Filters: `account`, `symbol`, `orderId`, `offset`."""
        return list(self._call("executions", filters)["executions"])

    def balances(self, account: str) -> dict[str, dict[str, str]]:
        """Return free and locked by asset."""
        return dict(self._call("balances", {"account": account}))

    def instruments(self) -> list[dict[str, Any]]:
        """Return what the venue trades, with its rules, under the venue's own names."""
        return list(self._call("instruments", {})["instruments"])

    def summary(self) -> dict[str, Any]:
        """Return counts: accepted, open, executions, duplicates, requests by kind, faults that happened."""
        return dict(self._call("summary", {}))

    def placement_requests(self, client_order_id: str) -> list[dict[str, Any]]:
        """Return every placement request with this client order id that was read from the wire."""
        return list(self._call("requests", {"clientOrderId": client_order_id})["requests"])

    def last_requests(self, count: int = 100) -> list[dict[str, Any]]:
        """Return the last requests that were read from the wire."""
        return list(self._call("requests", {"count": count})["requests"])

    def now_ms(self) -> int:
        """Return the venue's time."""
        return int(self._call("health", {})["nowMs"])

    def _call(self, command: str, body: Mapping[str, Any], timeout_s: float = _TIMEOUT_S) -> Any:
        response = self._session.post(f"{self._url}/{command}", data=orjson.dumps(dict(body)), timeout=timeout_s)
        answer = orjson.loads(response.content)
        if not response.ok:
            raise ControlError(answer.get("error", response.status_code))
        return answer


class PaperProcess:
    """Paper venues in a child process, for the time of a `with` block. The child ends when this process does."""

    def __init__(
        self, venues: Iterable[str] = ("binance",), *, seed: int = 1, market: bool = False, rate_limits: bool = False
    ) -> None:
        self._arguments = ["--venues", ",".join(venues), "--seed", str(seed), "--json", "--exit-with-stdin"]
        self._arguments += ["--market"] if market else []
        self._arguments += ["--rate-limits"] if rate_limits else []
        self._child: subprocess.Popen[bytes] | None = None
        self._controls: dict[str, ControlClient] = {}
        self.venues: dict[str, dict[str, Any]] = {}
        """What the child announced, by venue: `restUrl`, `streamUrl`, `controlUrl`, `account`, `credentials`,
        `symbols`."""

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._running().pid

    def __enter__(self) -> Self:
        root = Path(__file__).resolve().parents[2]
        self._child = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "exchanges.paper.process", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=root,
            # Ctrl-C on the terminal is for the starter, which still has orders to settle here before it ends us.
            start_new_session=True,
        )
        line = _stream(self._child.stdout).readline()
        if not line:
            status = self._child.wait(_STOP_S)
            self._close_pipes()
            msg = f"the paper venues did not start: exit status {status}"
            raise ControlError(msg)
        self.venues = orjson.loads(line)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for control in self._controls.values():
            control.close()
        child = self._running()
        _stream(child.stdin).close()
        try:
            child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self._close_pipes()

    def control(self, venue: str = "binance") -> ControlClient:
        """Return the client of a venue's control port; the same one each time."""
        if venue not in self._controls:
            self._controls[venue] = ControlClient(self.venues[venue]["controlUrl"])
        return self._controls[venue]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            msg = "the paper venues are not running"
            raise ControlError(msg)
        return self._child

    def _close_pipes(self) -> None:
        child = self._running()
        _stream(child.stdin).close()
        _stream(child.stdout).close()


def _terms(
    account: str, *, symbol: str, side: Side, size: Decimal, price: Decimal | None, stop_price: Decimal | None
) -> dict[str, Any]:
    amounts = {"size": size, "price": price, "stopPrice": stop_price}
    written = {name: str(value) for name, value in amounts.items() if value is not None}
    return {"account": account, "symbol": symbol, "side": side, "type": _order_type(price, stop_price), **written}


def _order_type(price: Decimal | None, stop_price: Decimal | None) -> OrderType:
    if stop_price is None:
        return OrderType.MARKET if price is None else OrderType.LIMIT
    return OrderType.STOP_MARKET if price is None else OrderType.STOP_LIMIT


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        msg = "the child has no pipe"
        raise ControlError(msg)
    return stream


def _rule(rule: FaultRule) -> dict[str, Any]:
    body = {
        "fault": rule.fault,
        "kind": rule.kind,
        "probability": rule.probability,
        "countMax": rule.count_max,
        "skip": rule.skip,
        "clientOrderId": rule.client_order_id,
        "amountMs": rule.amount_ms,
    }
    return {name: value for name, value in body.items() if value is not None}
