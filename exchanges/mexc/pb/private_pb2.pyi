"""The generated messages, as far as the adapter reads them: absent fields are zero or empty, as proto3 has it."""

from typing import Literal

class PrivateOrdersV3Api:
    id: str
    clientId: str
    price: str
    quantity: str
    amount: str
    orderType: int
    tradeType: int
    remainQuantity: str
    lastDealQuantity: str
    cumulativeQuantity: str
    cumulativeAmount: str
    status: int
    createTime: int
    triggerPrice: str

class PrivateAccountV3Api:
    vcoinName: str
    balanceAmount: str
    frozenAmount: str

class PushDataV3ApiWrapper:
    channel: str
    symbol: str
    sendTime: int
    privateOrders: PrivateOrdersV3Api
    privateAccount: PrivateAccountV3Api
    @classmethod
    def FromString(cls, s: bytes) -> PushDataV3ApiWrapper: ...
    def WhichOneof(
        self, oneof_group: Literal["body"]
    ) -> Literal["privateOrders", "privateDeals", "privateAccount"] | None: ...
