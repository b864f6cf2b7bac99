"""An account whose placements wait for a list of open orders, and what left of them."""

from typing import Any

from actors.policy import Freshness
from messages.commands import CreateDraft, PlaceOrder
from messages.queries import DraftDone
from tests.actors.account_kit import submit
from tests.actors.awareness_kit import Aware, aware


def fetching(**settings: Any) -> Aware:
    """An account that reads the open orders before every placement, some time after its start."""
    account = aware(Freshness.ALWAYS_FETCH, **settings)
    account.pass_ms(1000)
    account.sent.clear()
    return account


def wish(name: str, **terms: Any) -> Any:
    """A host's placement under a request id of that name."""
    return submit(**{"correlation_id": name, "request_id": name} | terms)


def placed(account: Aware) -> list[str]:
    """Request ids of the placements that left, in order."""
    return [str(account.views.orders[place.order_id].request_id) for place in account.told(PlaceOrder)]


def terms(name: str) -> dict[str, Any]:
    """The same as the terms of a draft."""
    order = wish(name)
    names = ("account_id", "exchange", "symbol", "side", "type", "size", "price", "request_id", "correlation_id")
    return {each: getattr(order, each) for each in names}


def draft(account: Aware, name: str = "d") -> str:
    """A draft; the answer is its id."""
    account.do(CreateDraft(**terms(name)))
    return account.reply_to(name, DraftDone).view.local_id
