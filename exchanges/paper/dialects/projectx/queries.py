"""The ProjectX Gateway's queries: orders, trades, positions, accounts, contracts, prices, as a lens shows them."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from exchanges.paper.dialects.projectx import errors
from exchanges.paper.dialects.projectx.codec import BindingError, iso, plain
from exchanges.paper.dialects.projectx.contracts import Contract
from exchanges.paper.dialects.projectx.errors import Refusal
from exchanges.paper.dialects.projectx.positions import PositionBook
from exchanges.paper.dialects.projectx.register import Register
from exchanges.paper.dialects.projectx.render import OPEN, WORKING, Renderer, status
from exchanges.paper.dialects.projectx.trading import Call, Result
from exchanges.paper.dialects.projectx.users import TradingAccount
from exchanges.paper.engine import Engine
from exchanges.paper.model import PaperOrder

CURRENCY = "USD"
PAGE_MAX = 100
_FOUND_MAX = 20
_EVER_MS = 2**62
_BY_CREATION, _BY_ID = 0, 1
_ASCENDING, _DESCENDING = 0, 1
_UNITS = range(1, 7)
_BARS_MAX = 20_000


class Queries:
    """The endpoints that change nothing."""

    def __init__(
        self,
        engine: Engine,
        contracts: Mapping[str, Contract],
        register: Register,
        positions: PositionBook,
        renderer: Renderer,
        voided: Collection[int],
    ) -> None:
        self._engine = engine
        self._contracts = contracts
        self._register = register
        self._positions = positions
        self._renderer = renderer
        self._voided = voided

    # ----- orders

    def order(self, call: Call) -> Result:
        """Handle `POST /api/Order/searchById`."""
        order_id = call.fields.long("orderId")
        account = call.account(errors.LOOKUP_NOT_FOUND)
        order = self._register.order(order_id)
        if order is None or order.account != account.name or not self._register.shows(order, call.lens):
            raise Refusal(errors.LOOKUP_NOT_FOUND)
        return Result(fields={"order": self._renderer.order(order, account)})

    def open_orders(self, call: Call) -> Result:
        """Handle `POST /api/Order/searchOpen`: what works; suspended children are not in it."""
        account = call.account()
        orders = (one for one in self._register.open_orders(account.name, call.lens) if status(one) == OPEN)
        return self._orders(account, orders)

    def orders(self, call: Call) -> Result:
        """Handle `POST /api/Order/search`: all orders that were created in a period."""
        start_ms = call.fields.mandatory_time_ms("startTimestamp")
        end_ms = call.fields.time_ms("endTimestamp")
        account = call.account()
        found = [
            order
            for order in self._register.orders(account.name, call.lens, start_ms)
            if end_ms is None or self._register.created_ms(order) <= end_ms
        ]
        return self._orders(account, sorted(found, key=self._by_creation))

    def query(self, call: Call) -> Result:
        """Handle `POST /api/Order/v2/query`: a page of the orders in some statuses, offset by rows."""
        criteria = call.fields.object("filter")
        if criteria is None:
            raise BindingError("filter", "The filter field is required.")
        asked = call.user.account(criteria.integer("accountId"))
        statuses = criteria.integers("statuses")
        # The contract is read and, as at the venue, filters nothing.
        criteria.optional_text("contractId")
        after_ms, before_ms = criteria.time_ms("createdAfter") or 0, criteria.time_ms("createdBefore")
        start, size = self._page(call)
        key, downwards = self._order_of_rows(call)
        if asked is None:
            raise Refusal(errors.ACCOUNT_NOT_FOUND)
        working_only = statuses is not None and WORKING.issuperset(statuses)
        found = (
            self._register.open_orders(asked.name, call.lens)
            if working_only
            else self._register.orders(asked.name, call.lens, after_ms)
        )
        before_ms = _EVER_MS if before_ms is None else before_ms
        rows = [
            order
            for order in found
            if after_ms <= self._register.created_ms(order) <= before_ms
            and (statuses is None or status(order) in statuses)
        ]
        rows.sort(key=key, reverse=downwards)
        page = [self._renderer.order(order, asked) for order in rows[start : start + size]]
        total = len(rows) if call.fields.boolean("includeTotalCount") else None
        return Result(fields={"orders": page, "totalCount": total})

    def _page(self, call: Call) -> tuple[int, int]:
        start = call.fields.optional_integer("pageOffset") or 0
        size = call.fields.optional_integer("pageSize")
        if start < 0 or (size is not None and size < 1):
            raise BindingError("pageSize", "The field pageSize must be positive and pageOffset must not be negative.")
        return start, min(PAGE_MAX if size is None else size, PAGE_MAX)

    def _order_of_rows(self, call: Call) -> tuple[Callable[[PaperOrder], Any], bool]:
        sort_by = call.fields.optional_integer("sortBy") or _BY_CREATION
        direction = call.fields.optional_integer("sortDirection") or _ASCENDING
        if sort_by not in (_BY_CREATION, _BY_ID) or direction not in (_ASCENDING, _DESCENDING):
            raise BindingError("sortBy", "The value is not valid for sortBy or sortDirection.")
        return self._by_creation if sort_by == _BY_CREATION else self._by_id, direction == _DESCENDING

    def _by_creation(self, order: PaperOrder) -> tuple[int, int]:
        return self._register.created_ms(order), self._by_id(order)

    def _by_id(self, order: PaperOrder) -> int:
        return self._register.wire_id(order.order_id)

    def _orders(self, account: TradingAccount, orders: Any) -> Result:
        return Result(fields={"orders": [self._renderer.order(order, account) for order in orders]})

    # ----- trades and positions

    def trades(self, call: Call) -> Result:
        """Handle `POST /api/Trade/search`: all executions of a period."""
        start_ms, end_ms = call.fields.time_ms("startTimestamp") or 0, call.fields.time_ms("endTimestamp")
        account = call.account()
        end_ms = _EVER_MS if end_ms is None else end_ms
        found = [
            execution
            for symbol in self._contracts
            for execution in self._engine.executions_of(account.name, symbol)
            if start_ms <= execution.at_ms <= end_ms and call.lens.shows_trade(execution)
        ]
        found.sort(key=lambda execution: (execution.at_ms, self._positions.fill_id(execution)))
        return Result(fields={"trades": [self._renderer.trade(one, account, self._voided) for one in found]})

    def positions(self, call: Call) -> Result:
        """Handle `POST /api/Position/searchOpen`: what is not flat."""
        account = call.account()
        held = ((symbol, self._positions.position(account.name, symbol)) for symbol in self._contracts)
        shown = [self._renderer.position(one, symbol, account) for symbol, one in held if one.net]
        return Result(fields={"positions": shown})

    def accounts(self, call: Call) -> Result:
        """Handle `POST /api/Account/search`. One that may not trade is not active."""
        active_only = call.fields.boolean("onlyActiveAccounts")
        shown = [one for one in call.user.accounts if one.can_trade or not active_only]
        return Result(fields={"accounts": [self._renderer.account(one, CURRENCY) for one in shown]})

    # ----- contracts and prices

    def search_contracts(self, call: Call) -> Result:
        """Handle `POST /api/Contract/search`."""
        text = call.fields.optional_text("searchText") or ""
        found = [contract for contract in self._listed(call) if contract.matches(text)]
        return Result(fields={"contracts": [contract.as_json() for contract in found[:_FOUND_MAX]]})

    def available_contracts(self, call: Call) -> Result:
        """Handle `POST /api/Contract/available`."""
        return Result(fields={"contracts": [contract.as_json() for contract in self._listed(call)]})

    def contract(self, call: Call) -> Result:
        """Handle `POST /api/Contract/searchById`."""
        found = self._contracts.get(call.fields.text("contractId"))
        if found is None:
            raise Refusal(errors.LOOKUP_NOT_FOUND)
        return Result(fields={"contract": found.as_json()})

    def bars(self, call: Call) -> Result:
        """Handle `POST /api/History/retrieveBars`: one bar, whose close is the last price."""
        fields = call.fields
        contract = self._contracts.get(fields.text("contractId"))
        start_ms, end_ms = fields.mandatory_time_ms("startTime"), fields.mandatory_time_ms("endTime")
        unit, unit_number, limit = fields.integer("unit"), fields.integer("unitNumber"), fields.integer("limit")
        fields.boolean("includePartialBar")
        if contract is None or fields.boolean("live"):
            raise Refusal(errors.LOOKUP_NOT_FOUND)
        if unit not in _UNITS:
            raise Refusal(errors.BARS_UNIT_INVALID)
        if unit_number < 1:
            raise Refusal(errors.BARS_UNIT_NUMBER_INVALID)
        if not 0 < limit <= _BARS_MAX:
            raise Refusal(errors.BARS_LIMIT_INVALID)
        if start_ms > min(end_ms, call.now_ms):
            return Result(fields={"bars": []})
        last = plain(self._engine.last_price(contract.instrument.symbol))
        bar = {"t": iso(max(start_ms, min(end_ms, call.now_ms) // 60_000 * 60_000))}
        return Result(fields={"bars": [bar | dict.fromkeys(("o", "h", "l", "c"), last) | {"v": 0}]})

    def _listed(self, call: Call) -> list[Contract]:
        # The live catalogue belongs to live data, which no simulated account has.
        return [] if call.fields.boolean("live") else list(self._contracts.values())
