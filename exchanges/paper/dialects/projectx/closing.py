"""The endpoints of the ProjectX Gateway that close a position, whole or in part.

Each places a market order without a tag, which nobody can ask for by name. Orders that protected the position stay.
"""

from collections.abc import Mapping
from decimal import Decimal

from exchanges.paper.dialects.projectx import errors
from exchanges.paper.dialects.projectx.contracts import Contract
from exchanges.paper.dialects.projectx.errors import Refusal
from exchanges.paper.dialects.projectx.positions import PositionBook
from exchanges.paper.dialects.projectx.register import Details, Register
from exchanges.paper.dialects.projectx.render import MARKET
from exchanges.paper.dialects.projectx.trading import Call, Result
from exchanges.paper.dialects.projectx.users import TradingAccount
from exchanges.paper.engine import Engine
from exchanges.paper.model import NewOrder, OrderAccepted
from messages.types import OrderType, Side


class Closing:
    """The endpoints that close positions."""

    def __init__(
        self, engine: Engine, contracts: Mapping[str, Contract], register: Register, positions: PositionBook
    ) -> None:
        self._engine = engine
        self._contracts = contracts
        self._register = register
        self._positions = positions

    def close(self, call: Call) -> Result:
        """Handle `POST /api/Position/closeContract`. Orders that protected the position stay."""
        contract_id, account = call.fields.text("contractId"), call.account()
        contract, net = self._position(account, contract_id)
        return self._close(call, account, contract, net, abs(net), errors.CLOSE_REJECTED)

    def close_partly(self, call: Call) -> Result:
        """Handle `POST /api/Position/partialCloseContract`."""
        contract_id, account, size = call.fields.text("contractId"), call.account(), call.fields.integer("size")
        contract, net = self._position(account, contract_id)
        if not 0 < size <= abs(net):
            raise Refusal(errors.PARTIAL_INVALID_SIZE)
        return self._close(call, account, contract, net, Decimal(size), errors.PARTIAL_REJECTED)

    def _position(self, account: TradingAccount, contract_id: str) -> tuple[Contract, Decimal]:
        contract = self._contracts.get(contract_id)
        if contract is None:
            raise Refusal(errors.CLOSE_CONTRACT_NOT_FOUND)
        net = self._positions.position(account.name, contract.instrument.symbol).net
        if not net:
            raise Refusal(errors.CLOSE_POSITION_NOT_FOUND)
        if not contract.instrument.trading:
            raise Refusal(errors.CLOSE_CONTRACT_NOT_ACTIVE)
        return contract, net

    def _close(
        self, call: Call, account: TradingAccount, contract: Contract, net: Decimal, size: Decimal, rejected: int
    ) -> Result:
        request = NewOrder(
            account=account.name,
            client_order_id=f"untagged {-self._register.new_id(call.now_ms)}",
            symbol=contract.instrument.symbol,
            side=Side.SELL if net > 0 else Side.BUY,
            type=OrderType.MARKET,
            size=size,
            venue_type=str(MARKET),
        )
        events = self._engine.place(request, call.now_ms)
        accepted = events[0]
        if not isinstance(accepted, OrderAccepted):
            raise Refusal(rejected)
        self._register.keep(accepted.order.order_id, Details(tag=None))
        return Result(fields={}, events=events)
