"""The contract of every venue: what adapter, stream and paper venue must do together, one function for each promise.

A case takes the desk of one venue and decides by its capabilities, not by its name.
"""

from collections.abc import Callable
from types import ModuleType

import venue_contract_changes as changes
import venue_contract_faults as faults
import venue_contract_orders as orders
import venue_contract_reads as reads
import venue_contract_stream as stream
from venue_kit import CASES, Desk

Case = Callable[[Desk], None]
PARTS: tuple[ModuleType, ...] = (orders, changes, reads, stream, faults)
CONTRACT: tuple[Case, ...] = tuple(
    case for part in PARTS for case in CASES if case.__module__ == part.__name__
)
