"""What the host that placed an order is told of its outcome, and when there is one.

Must never: call an order placed, or not placed, whose outcome is not known.
"""

from actors.domain.chains import never_came
from messages.queries import OrderPlaced, OrderUnresolved, RefusalCode, Refused, Reply
from messages.types import Order, OrderState, OrderView

_UNSETTLED = frozenset({OrderState.DRAFT, OrderState.PENDING, OrderState.SUBMITTED})


def settled_reply(order: Order, shown: OrderView, correlation_id: str, *, duplicate: bool) -> Reply:
    """What the host that placed an order is told when its outcome is known, or cannot be known without a human."""
    if never_came(order):
        # What was refused here, and never sent, its venue has not refused.
        by_venue = order.state is OrderState.REJECTED and bool(order.attempts)
        return Refused(
            correlation_id=correlation_id,
            code=RefusalCode.VENUE_REJECTED if by_venue else RefusalCode.NOT_PLACED,
            text=order.reason_text or order.reason,
            view=shown,
        )
    if order.state in _UNSETTLED:
        return OrderUnresolved(correlation_id=correlation_id, view=shown, text=order.review_reason)
    return OrderPlaced(
        correlation_id=correlation_id, view=shown, duplicate=duplicate, original_request_id=order.request_id
    )


def is_open(order: Order) -> bool:
    """Whether nobody knows yet what becomes of an order, and there is no need of a person."""
    return order.state in _UNSETTLED and not order.needs_review
