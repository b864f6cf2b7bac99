"""The contract of every venue: what adapter, stream and paper venue must do together, one function for each promise.

A case takes the desk of one venue and decides by its capabilities, never by its name.
"""

import inspect
from collections.abc import Callable
from types import ModuleType

import venue_contract_orders as orders
from venue_kit import Desk

Case = Callable[[Desk], None]


def cases(*modules: ModuleType) -> tuple[Case, ...]:
    """Public functions of modules that take a desk and nothing else, in the order in which they stand there."""
    return tuple(
        function
        for module in modules
        for function in vars(module).values()
        if inspect.isfunction(function)
        if function.__module__ == module.__name__
        if list(inspect.signature(function).parameters) == ["desk"]
    )


CASES = cases(orders)
