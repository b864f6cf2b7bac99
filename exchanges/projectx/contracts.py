"""Which contracts there are: those that the venue lists, and those that it does not list any more but that an account
holds, works orders in, or has records of.

Owns the memory of the latter. It never drops a contract that was met, and never takes a contract that was not asked for
in the place of one that was.
"""

from collections.abc import Callable, Mapping
from typing import Any

from exchanges.answers import Told, Untold
from exchanges.fields import UnreadableError, as_list, as_record, text
from exchanges.projectx.symbols import ContractBook, contract_ids, read_contracts
from exchanges.symbols import Listing, SymbolBook

CONTRACTS_PATH = "/api/Contract/available"
CONTRACT_PATH = "/api/Contract/searchById"
POSITIONS_PATH = "/api/Position/searchOpen"
MET_MAX = 20
"""How many contracts are asked for one by one: each costs a call, at every reading of the list."""

Ask = Callable[[str, Mapping[str, Any]], Told | Untold]


class Contracts:
    """The contracts of one session."""

    def __init__(self, aliases: Mapping[str, str]) -> None:
        self._aliases = aliases
        self._met: dict[str, None] = {}

    def read(self, ask: Ask, account: int | Untold, known: SymbolBook) -> Listing | Untold:
        """Read the list, and beside it what is met and not listed; `ask` asks one question, once."""
        told = ask(CONTRACTS_PATH, {"live": False})
        if isinstance(told, Untold):
            return told
        try:
            listed = contract_ids(told.payload)
            if not isinstance(account, Untold):
                # A position in a contract without trading rules could not be closed.
                self._meet_held(ask(POSITIONS_PATH, {"accountId": account}), listed)
            beside = self._beside(ask, listed)
            return read_contracts(
                told.payload, self._aliases, told.answer.received_ms, self._book(known), met=beside.items()
            )
        except UnreadableError as error:
            return Untold(reason=f"unreadable: {error}")

    def _book(self, known: SymbolBook) -> SymbolBook:
        if isinstance(known, ContractBook):
            return known
        return ContractBook(
            to_canonical=known.to_canonical,
            to_venue=known.to_venue,
            hidden=known.hidden,
            on_unlisted=known.on_unlisted,
            on_met=self._meet,
        )

    def _meet(self, contract: str) -> None:
        if len(self._met) < MET_MAX:
            self._met[contract] = None

    def _meet_held(self, told: Told | Untold, listed: frozenset[str]) -> None:
        # Where they are not told, records name what they are about all the same.
        if isinstance(told, Untold):
            return
        try:
            for row in as_list(told.payload.get("positions")):
                contract = text(as_record(row), "contractId")
                if contract not in listed:
                    self._meet(contract)
        except UnreadableError:
            return

    def _beside(self, ask: Ask, listed: frozenset[str]) -> dict[str, Any]:
        # Contracts that are not listed with their records, None: the venue has none. One that was not answered is left
        # out, and met again.
        found: dict[str, Any] = {}
        for contract in tuple(self._met):
            if contract in listed:
                continue
            told = ask(CONTRACT_PATH, {"contractId": contract})
            if isinstance(told, Untold):
                if told.code is not None:
                    found[contract] = None
                continue
            record = told.payload.get("contract")
            found[contract] = record if isinstance(record, dict) and record.get("id") == contract else None
        return found
