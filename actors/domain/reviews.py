"""Reasons for which an order is left to a person, and which of them outlast that the order is known again.

Must never: end a review whose reason nothing that a venue says of the order can answer.
"""

from typing import Final

from messages.types import Order

VOIDED: Final = "the venue has taken back an execution that is booked"
NAMED_TWICE: Final = "an execution may be named twice"
WORKS_ON: Final = "the venue shows it working after its end"
_LASTING: Final = frozenset({VOIDED, NAMED_TWICE, WORKS_ON})


def is_lasting(order: Order) -> bool:
    """Whether an order is in a review that only a person ends: neither finding the order nor its end does."""
    return order.needs_review and order.review_reason in _LASTING


def known_changes(order: Order) -> dict[str, object]:
    """The fields to set on an order of which it is known again what became of it: its review is over, if it may be."""
    return {} if is_lasting(order) else {"needs_review": False, "review_reason": ""}
