"""Payloads as Coinbase documents them, requests of ours, and a venue of canned answers for the client's tests."""

import json
from decimal import Decimal
from typing import Any

from loopback import Behaviour, Loopback, Received, answer

from exchanges.coinbase.client import CoinbaseClient
from exchanges.coinbase.sign import TokenSigner, signer_for
from exchanges.coinbase.symbols import Product
from exchanges.http import SystemClock
from exchanges.symbols import SymbolBook
from messages import AmendVenueOrder, CancelVenueOrder, LookUpOrder, PlaceOrder, SearchOrder
from messages.types import OrderType, Side, TimeInForce

CLIENT_ID = "6f2c1f0e7d0b4c649a570d6c6a0b1d11"
SENT_ID = "6f2c1f0e-7d0b-4c64-9a57-0d6c6a0b1d11"
VENUE_ID = "0f5d5b0e-1f52-4a57-9a4f-6c1a3a1f0001"
KEY_NAME = "test-key"
SEED = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
BOOK = SymbolBook(to_canonical={"BTC-USD": "BTC-USD"}, to_venue={"BTC-USD": "BTC-USD"})
PRODUCTS = {"BTC-USD": Product(quote="USD", step=Decimal("0.00000001"))}

GTC: dict[str, Any] = {
    "limit_limit_gtc": {"base_size": "0.01000000", "limit_price": "60000.00", "post_only": True}
}
PLACED: dict[str, Any] = {
    "success": True,
    "success_response": {
        "order_id": VENUE_ID,
        "product_id": "BTC-USD",
        "side": "BUY",
        "client_order_id": SENT_ID,
        "attached_order_id": "",
    },
    "order_configuration": GTC,
}
REFUSED: dict[str, Any] = {
    "success": False,
    "error_response": {
        "error": "INSUFFICIENT_FUND",
        "message": "Insufficient balance in source account",
        "error_details": "",
        "preview_failure_reason": "PREVIEW_INSUFFICIENT_FUND",
        "new_order_failure_reason": "INSUFFICIENT_FUND",
    },
    "order_configuration": GTC,
}
ORDER: dict[str, Any] = {
    "order_id": VENUE_ID,
    "product_id": "BTC-USD",
    "user_id": "2222-000000-000000",
    "side": "BUY",
    "client_order_id": SENT_ID,
    "order_configuration": GTC,
    "status": "OPEN",
    "time_in_force": "GOOD_UNTIL_CANCELLED",
    "order_type": "LIMIT",
    "trigger_status": "INVALID_ORDER_TYPE",
    "created_time": "2026-11-21T10:00:00.123456Z",
    "last_update_time": "2026-11-21T10:00:07Z",
    "last_fill_time": "2026-11-21T10:00:07.5Z",
    "completion_percentage": "40",
    "filled_size": "0.004",
    "average_filled_price": "60000",
    "filled_value": "240",
    "number_of_fills": "2",
    "fee": "",
    "total_fees": "0.96",
    "total_value_after_fees": "600.96",
    "size_in_quote": False,
    "size_inclusive_of_fees": False,
    "pending_cancel": False,
    "settled": False,
    "reject_reason": "REJECT_REASON_UNSPECIFIED",
    "reject_message": "",
    "cancel_message": "",
    "order_placement_source": "RETAIL_ADVANCED",
    "outstanding_hold_amount": "361.4",
    "product_type": "SPOT",
    "edit_history": [],
    "current_pending_replace": None,
    "retail_portfolio_id": "11111111-1111-1111-1111-111111111111",
    "is_liquidation": False,
    "leverage": "",
    "margin_type": "",
}
FRESH = {
    **ORDER,
    "filled_size": "0",
    "filled_value": "0",
    "average_filled_price": "0",
    "number_of_fills": "0",
    "completion_percentage": "0",
}
FILL: dict[str, Any] = {
    "entry_id": "22222-2222222-22222222",
    "trade_id": "1111-11111-111111",
    "order_id": VENUE_ID,
    "trade_time": "2026-11-21T10:00:07.5Z",
    "trade_type": "FILL",
    "price": "60000.00",
    "size": "0.004",
    "commission": "0.96",
    "product_id": "BTC-USD",
    "side": "BUY",
    "sequence_timestamp": "2026-11-21T10:00:07.501Z",
    "liquidity_indicator": "MAKER",
    "size_in_quote": False,
    "commission_detail_total": {"total_commission": "0.96"},
}
ACCOUNT: dict[str, Any] = {
    "uuid": "8bfc20d7-f7c6-4422-bf07-8243ca4169fe",
    "currency": "BTC",
    "available_balance": {"value": "1.2", "currency": "BTC"},
    "hold": {"value": "0.1", "currency": "BTC"},
    "type": "ACCOUNT_TYPE_CRYPTO",
    "active": True,
    "ready": True,
}
PRODUCT: dict[str, Any] = {
    "product_id": "BTC-USD",
    "base_currency_id": "BTC",
    "quote_currency_id": "USD",
    "base_increment": "0.00000001",
    "quote_increment": "0.01",
    "price_increment": "0.01",
    "base_min_size": "0.00000001",
    "base_max_size": "3400",
    "quote_min_size": "1",
    "quote_max_size": "150000000",
    "status": "online",
    "is_disabled": False,
    "trading_disabled": False,
    "cancel_only": False,
    "limit_only": False,
    "post_only": False,
    "auction_mode": False,
    "view_only": False,
    "product_type": "SPOT",
    "alias": "",
    "alias_to": ["BTC-USDC"],
    "price": "60010.5",
}
UPDATE: dict[str, Any] = {
    "order_id": VENUE_ID,
    "client_order_id": SENT_ID,
    "product_id": "BTC-USD",
    "product_type": "SPOT",
    "order_side": "BUY",
    "order_type": "Limit",
    "status": "OPEN",
    "cumulative_quantity": "0.004",
    "leaves_quantity": "0.006",
    "avg_price": "60000",
    "filled_value": "240",
    "number_of_fills": "2",
    "completion_percentage": "40.00",
    "total_fees": "0.96",
    "total_value_after_fees": "600.96",
    "limit_price": "60000",
    "stop_price": "",
    "post_only": "true",
    "time_in_force": "GOOD_UNTIL_CANCELLED",
    "trigger_status": "INVALID_ORDER_TYPE",
    "cancel_reason": "",
    "reject_reason": "",
    "outstanding_hold_amount": "361.4",
    "creation_time": "2026-11-21T10:00:00.123456Z",
    "start_time": "0001-01-01T00:00:00Z",
    "end_time": "0001-01-01T00:00:00Z",
    "retail_portfolio_id": "11111111-1111-1111-1111-111111111111",
    "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE",
    "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE",
}
NOT_FOUND = {
    "error": "unknown",
    "error_details": "order with this orderID was not found",
    "message": "order with this orderID was not found",
}


def order_with(kind: str, terms: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An order of another configuration."""
    return {**ORDER, "order_configuration": {kind: terms}, **changes}


def signer() -> TokenSigner:
    return signer_for(KEY_NAME, SEED)


def told(payload: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Behaviour:
    return answer(json.dumps(payload), status=status, headers=headers)


def cancelled(*, success: bool = True, reason: str = "UNKNOWN_CANCEL_FAILURE_REASON") -> Behaviour:
    return told({"results": [{"success": success, "failure_reason": reason, "order_id": VENUE_ID}]})


def edited(reason: str | None = None, preview: str = "UNKNOWN_PREVIEW_FAILURE_REASON") -> Behaviour:
    if reason is None:
        return told({"success": True, "errors": []})
    refusal = {"edit_failure_reason": reason, "preview_failure_reason": preview}
    return told({"success": False, "errors": [refusal]})


def shown(**changes: Any) -> Behaviour:
    return told({"order": {**ORDER, **changes}})


def orders_page(orders: list[Any], cursor: str = "") -> Behaviour:
    page = {"orders": orders, "has_next": bool(cursor), "cursor": cursor, "sequence": "0"}
    return told({**page, "proof_token_required": False})


def fills_page(fills: list[Any], cursor: str = "") -> Behaviour:
    return told({"fills": fills, "cursor": cursor})


class Venue(Loopback):
    """Answers clock and products by itself; everything else by the script of its path."""

    def __init__(self, **scripts: list[Behaviour]) -> None:
        self.scripts = scripts
        self.skew_ms = 0
        self.products: object = {"products": [PRODUCT], "num_products": 1}
        super().__init__(otherwise=self._meet)

    def _meet(self, server: Loopback, connection: Any, request: Received) -> bool:
        return self._behaviour(request)(server, connection, request)

    def _behaviour(self, request: Received) -> Behaviour:
        name = request.path.rsplit("/", 1)[1]
        if name == VENUE_ID:
            name = "order"
        if script := self.scripts.get(f"{request.method.lower()}_{name}"):
            return script.pop(0) if len(script) > 1 else script[0]
        if name == "time":
            return told({"epochMillis": str(SystemClock().now_ms() + self.skew_ms)})
        if name == "products":
            return told(self.products)
        return told({"error": "nothing scripted"}, status=500)

    def called(self, name: str, method: str = "GET") -> list[Received]:
        return [item for item in self.requests if item.method == method and item.path.endswith(f"/{name}")]


def client(venue: Loopback, **options: Any) -> CoinbaseClient:
    return CoinbaseClient(signer=signer(), clock=SystemClock(), rest_url=venue.url, **options)


def place(**changes: Any) -> PlaceOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "coinbase",
        "order_id": "our-id",
        "attempt": 1,
        "client_order_id": CLIENT_ID,
        "symbol": "BTC-USD",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "size": Decimal("0.0100"),
        "price": Decimal("6E+4"),
        "post_only": True,
        "valid_until_venue_ms": SystemClock().now_ms() + 5000,
    }
    return PlaceOrder(**{**terms, **changes})


def cancel(**changes: Any) -> CancelVenueOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "coinbase",
        "order_id": "our-id",
        "symbol": "BTC-USD",
        "client_order_id": CLIENT_ID,
        "venue_order_id": VENUE_ID,
    }
    return CancelVenueOrder(**{**terms, **changes})


def amend(**changes: Any) -> AmendVenueOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "coinbase",
        "order_id": "our-id",
        "symbol": "BTC-USD",
        "client_order_id": CLIENT_ID,
        "venue_order_id": VENUE_ID,
        "size": Decimal("0.008"),
        "price": Decimal(60100),
        "valid_until_venue_ms": SystemClock().now_ms() + 5000,
    }
    return AmendVenueOrder(**{**terms, **changes})


def look_up(**changes: Any) -> LookUpOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "coinbase",
        "order_id": "our-id",
        "symbol": "BTC-USD",
        "client_order_id": CLIENT_ID,
        "venue_order_id": VENUE_ID,
        "budget_ms": 5000,
    }
    return LookUpOrder(**{**terms, **changes})


def search(**changes: Any) -> SearchOrder:
    terms: dict[str, Any] = {
        "account_id": "1",
        "exchange": "coinbase",
        "order_id": "our-id",
        "symbol": "BTC-USD",
        "client_order_id": CLIENT_ID,
        "from_venue_ms": 1795255140000,
        "to_venue_ms": 1795255260000,
        "budget_ms": 5000,
    }
    return SearchOrder(**{**terms, **changes})
