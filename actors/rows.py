"""The rows in which the steps of orders and their executions are stored. Pure."""

from collections.abc import Iterable

from actors.domain.fills import fill_key
from actors.store.port import Table, Write
from messages.codec import Encoding, encode_record
from messages.fills import Fill, VenueFill
from messages.types import StateTransition


def write_step(step: StateTransition | Fill, encoding: Encoding) -> Write:
    """The row of a step or an execution."""
    if isinstance(step, Fill):
        return Write(Table.FILLS, key_of(step), encoding.record(step))
    return Write(Table.TRANSITIONS, _step_field(step), encode_record(step))


def key_of(fill: Fill | VenueFill) -> str:
    """The key under which an execution is booked and stored."""
    return fill_key(fill.exchange, fill.symbol, fill.venue_order_id, fill.fill_id)


def _step_field(step: StateTransition) -> str:
    return f"{step.order_id}:{step.version}"


def rewrite_step(fill: Fill, encoding: Encoding) -> tuple[Write, Write]:
    """Give an execution's record to another order. It is written once and never over; so it is removed first."""
    return Write(Table.FILLS, key_of(fill), None), write_step(fill, encoding)


def remove_order(order_id: str, steps: Iterable[StateTransition], close_id: str | None) -> list[Write]:
    """Remove an order's record, and those of its steps and of its close."""
    writes = [Write(Table.ORDERS, order_id, None)]
    writes += [Write(Table.TRANSITIONS, _step_field(step), None) for step in steps]
    return writes if close_id is None else [*writes, Write(Table.CLOSES, close_id, None)]
