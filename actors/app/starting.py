"""How a program waits for its order manager to take orders: not for long, and never without saying for what."""

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from actors.app.figures import counted
from actors.app.host import Host
from actors.oms import Oms
from actors.views import PublishedViews

OPEN_WITHIN_S: Final = 10.0
"""What is not open by then opens later, by itself."""
_SAY_AFTER_S: Final = 1.5
_POLL_S: Final = 0.05


def wait_until_open(oms: Oms, host: Host) -> None:
    """Wait until every account takes orders on every exchange, and say on the way which do not, and why."""
    began = time.monotonic()
    books = {account.id: oms.views(account.id) for account in oms.settings.accounts}
    said: set[str] = set()
    while not oms.runtime.all_open():
        waited_s = time.monotonic() - began
        late = waited_s > OPEN_WITHIN_S
        if waited_s > _SAY_AFTER_S:
            lines = [line for line in closed(books) if line not in said]
            said.update(lines)
            for line in lines:
                host.progress.print(f"waiting: {line}", highlight=False, markup=False, soft_wrap=True)
        if late or host.stop.wait(_POLL_S):
            break
    else:
        return
    if not host.stop.is_set():
        host.progress.print("going on; what is not open yet opens by itself later", style="dim", soft_wrap=True)


def closed(books: Mapping[str, PublishedViews]) -> list[str]:
    """Which exchanges take no new orders of which accounts, and why: a line for each exchange and reason."""
    accounts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for account, book in books.items():
        for exchange, why in list(book.gates.items()):
            if why:
                accounts[exchange, why].append(account)
    return [
        f"{exchange} takes no new orders of account {_named(names)} yet: {why}"
        for (exchange, why), names in accounts.items()
    ]


def _named(accounts: list[str]) -> str:
    more = len(accounts) - 1
    return accounts[0] if not more else f"{accounts[0]} and {counted(more, 'other')}"
