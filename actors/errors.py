"""Every error this project raises, in one hierarchy. Between actors a refusal is a reply; only the facade raises it."""

from messages.queries import RefusalCode, Refused


class OmsError(Exception):
    """Base of all errors of this project."""


class InvariantViolated(OmsError):
    """Our bug: something that cannot be so is so. The actor crashes and reloads."""


class InvalidTransition(OmsError):
    """A state, trigger and target that the lifecycle table does not allow; nothing was changed."""


class SettingsError(OmsError):
    """The configuration is wrong; the text names file, path, value and what would be right."""


class StoreError(OmsError):
    """Base of what can be wrong with the store."""


class StoreUnavailable(StoreError):
    """The store did not answer; whether the call took effect is not known."""


class StoreUnfit(StoreError):
    """The store would lose or evict records, or holds a schema this version does not know."""


class EncryptionKeyMissing(StoreUnfit):
    """What is stored is encrypted under a key that was not given; the text names the key's id."""


class SealBroken(StoreError):
    """An encrypted value is not what was stored at its place: it was changed, cut, moved or replaced."""


class DataFolderInUse(StoreError):
    """Another process holds the embedded server's data folder."""


class AccountOwnedElsewhere(StoreError):
    """Another living process owns the account."""


class AskTimeout(OmsError):
    """No reply in time. Says nothing about what happened; query the account."""


class BlockingAskRefused(OmsError):
    """An actor tried to wait for another; only hosts and tests may ask."""


class OrderRefused(OmsError):
    """A command was refused; `refusal` says why, by which rule, with which figures."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__(f"{refusal.code}: {refusal.text}")
        self.refusal = refusal

    @property
    def code(self) -> RefusalCode:
        """The stable reason."""
        return self.refusal.code


class QueueFull(OrderRefused):
    """Too many commands wait for the account."""


class QueueTimeout(OrderRefused):
    """The command waited too long and was not executed."""


class StoreUnavailableRefusal(OrderRefused):
    """No new order while the store is away."""


class IdempotencyConflict(OrderRefused):
    """The same request id for a different order."""


class NotSupported(OrderRefused):
    """The venue cannot do that."""


class DuplicateOrder(OrderRefused):
    """An order of the same kind works at the same price level; `refusal.view` is that order."""


class SelfTradeRefused(OrderRefused):
    """It would execute against an order of the same account; `refusal.view` is that order."""


class RiskLimitExceeded(OrderRefused):
    """A limit, or the kill switch; `refusal` names rule, limit and actual figure."""


class ConcurrentModificationError(OrderRefused):
    """The order was changed since the caller saw it; `refusal.view` is the order as it is now."""


def check(condition: bool, message: str) -> None:  # noqa: FBT001 - reads like assert, which -O would strip
    """Raise `InvariantViolated` unless `condition` holds."""
    if not condition:
        raise InvariantViolated(message)


_REFUSALS: dict[RefusalCode, type[OrderRefused]] = {
    RefusalCode.QUEUE_FULL: QueueFull,
    RefusalCode.QUEUE_TIMEOUT: QueueTimeout,
    RefusalCode.STORE_UNAVAILABLE: StoreUnavailableRefusal,
    RefusalCode.IDEMPOTENCY_CONFLICT: IdempotencyConflict,
    RefusalCode.NOT_SUPPORTED: NotSupported,
    RefusalCode.DUPLICATE_ORDER: DuplicateOrder,
    RefusalCode.SELF_TRADE: SelfTradeRefused,
    RefusalCode.RISK_LIMIT: RiskLimitExceeded,
    RefusalCode.CONCURRENT_MODIFICATION: ConcurrentModificationError,
}


def refusal_error(refusal: Refused) -> OrderRefused:
    """The exception class that stands for a refusal."""
    return _REFUSALS.get(refusal.code, OrderRefused)(refusal)
