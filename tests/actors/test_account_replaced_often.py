"""An order that was replaced thousands of times: what is asked of the first one still means the last."""

from actors.policy import PrivacyPolicy
from actors.store.port import Table
from messages.codec import encode_record
from messages.commands import CancelOrder
from messages.types import Order, OrderState, PublicStatus
from tests.actors.awareness_kit import Aware, aware, foreign
from tests.factories import make

OFTEN = 3000


def replaced_often(**settings: object) -> Aware:
    """An account whose first order led by many replacements to the one that works."""
    orders = [
        make(
            Order,
            order_id=f"o{number}",
            client_order_id=f"o{number}",
            venue_order_id=f"{number}",
            state=OrderState.CANCELLED if number < OFTEN else OrderState.ACKNOWLEDGED,
            replaces=f"o{number - 1}" if number else None,
            replaced_by=f"o{number + 1}" if number < OFTEN else None,
            created_at_ms=number,
            updated_at_ms=number,
        )
        for number in range(OFTEN + 1)
    ]
    return aware(stored={Table.ORDERS: {order.order_id: encode_record(order) for order in orders}}, **settings)


def test_first_order_of_a_long_chain_is_alive_and_cancelled_as_the_last() -> None:
    account = replaced_often()
    assert account.actor._memory.is_live("o0")
    account.do(CancelOrder(account_id="1", correlation_id="x", order_id="o0"))
    assert account.cancels() == [f"o{OFTEN}"]


def test_long_chain_is_kept_whole_while_its_last_order_works_and_forgotten_whole_afterwards() -> None:
    account = replaced_often(privacy=PrivacyPolicy(retain_history=False))
    account.pass_ms(75_000)
    assert len(account.views.orders) == OFTEN + 1
    last = foreign(client_order_id=f"o{OFTEN}", venue_order_id=f"{OFTEN}", status=PublicStatus.CANCELLED)
    account.hear(last)
    account.pass_ms(75_000)
    assert account.views.orders == account.stored[Table.ORDERS] == {}
