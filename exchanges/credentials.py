"""What a refusal of the credentials looks like at each venue, so that people read of it in words and not as a code.

Pure, and for reading only: what an answer proves is for the tables of outcomes. Must never: be asked by what decides,
or show a credential.
"""

import re
from collections.abc import Mapping
from typing import Final

# An address that may not use the key and a key without the permission count as well: somebody has to change something.
_SAID: Final[Mapping[str, tuple[str, ...]]] = {
    "binance": ("-1002", "-1022", "-2014", "-2015"),
    "coinbase": ("auth", "authentication failure"),
    "kraken": ("EAPI:Invalid key", "EAPI:Invalid signature", "EGeneral:Permission denied"),
    "kucoin": ("400003", "400004", "400005", "400006", "400007", "411100"),
    "mexc": ("401", "602", "10072", "700002", "700006", "700007"),
    "projectx": ("auth",),
}
_PATTERNS: Final = {
    venue: re.compile("|".join(rf"(?<![\w-]){re.escape(said)}(?!\w)" for said in words), re.IGNORECASE)
    for venue, words in _SAID.items()
}


def told_in_words(venue: str, reason: str) -> str:
    """Put before a reason that the venue refuses the credentials, where that is what the reason means."""
    pattern = _PATTERNS.get(venue)
    if pattern is None or pattern.search(reason) is None:
        return reason
    return f"{venue} refuses the credentials: {reason}"
