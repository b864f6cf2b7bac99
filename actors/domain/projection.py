"""An order as other programs see it: the public schema, and the view that hosts get.

Must never: show more certainty than the order has, or a field the public schema does not have.
"""

from decimal import Decimal

from actors.domain.arithmetic import EXACT
from actors.domain.fills import average_price
from actors.domain.lifecycle import public_status
from messages.types import ONE, ZERO, Evidence, NormalizedOrder, Order, OrderView


def normalized(order: Order, multiplier: Decimal | None = ONE) -> NormalizedOrder:
    """Project an order onto the public schema. `multiplier` is that of its instrument; None while it is not known.

    `order_id` is the client order id until the venue has given its own. A quote-sized order has the size that is known
    of it, at least what it has executed. Value and average price are None until something executed, and the value while
    the multiplier is not known; flags are None where they do not apply. The remaining size of an overfilled order is 0.
    """
    size = order.size
    if order.quote_size is not None and order.filled_size > size:
        size = order.filled_size
    valued = None if order.filled_size <= ZERO else multiplier
    return NormalizedOrder(
        exchange=order.exchange,
        order_id=order.venue_order_id or order.client_order_id,
        client_order_id=order.client_order_id or None,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        status=public_status(order.state),
        size=size,
        filled_size=order.filled_size,
        remaining_size=EXACT.subtract(size, order.filled_size) if size > order.filled_size else ZERO,
        price=order.price,
        stop_price=order.stop_price,
        average_filled_price=average_price(order),
        quote_size=order.quote_size,
        filled_value=None if valued is None else EXACT.multiply(order.filled_value, valued),
        created_at=order.created_at_ms,
        updated_at=order.updated_at_ms,
        expires_at=order.expires_at_ms,
        time_in_force=order.time_in_force,
        post_only=order.post_only or None,
        reduce_only=order.reduce_only or None,
    )


def view(
    order: Order, evidence: Evidence | None, as_of_ms: int, multiplier: Decimal | None = ONE
) -> OrderView:
    """Show an order to its host: the public schema, and beside it what we know and do not know.

    `evidence` is what proves the present state, where a proof is required; `multiplier` as in `normalized`.
    """
    return OrderView(
        order=normalized(order, multiplier),
        local_id=order.order_id,
        account_id=order.account_id,
        state=order.state,
        cancel_pending=order.cancel_pending,
        replace_pending=order.replace_pending,
        needs_review=order.needs_review,
        version=order.version,
        evidence=evidence,
        reason=order.reason,
        reason_text=order.reason_text,
        completion=order.completion,
        external=order.external,
        replaces=order.replaces,
        replaced_by=order.replaced_by,
        as_of_ms=as_of_ms,
    )
