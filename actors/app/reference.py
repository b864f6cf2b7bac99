"""The reference parts of the README, written from the code they describe, so that they cannot drift apart.

`python -m actors.app.reference` writes them into the README again; a test compares.
"""

import ast
import inspect
import sys
from pathlib import Path

from actors.domain.lifecycle import diagram
from exchanges.gateway import AmendScope, Capabilities
from exchanges.registry import capabilities
from messages.queries import RefusalCode
from messages.types import OrderType, TimeInForce


def refusal_table() -> str:
    """Why we refuse: every code with its meaning, as it stands beside the code."""
    lines = ["| code | meaning |", "|---|---|"]
    for code, meaning in _meanings().items():
        lines.append(f"| `{code}` | {' '.join(meaning.split())} |")
    return "\n".join(lines)


def capability_table() -> str:
    """What each venue can do."""
    venues = capabilities()
    lines = ["| | " + " | ".join(venue.venue for venue in venues) + " |", "|---" * (len(venues) + 1) + "|"]
    rows = [_capabilities(venue) for venue in venues]
    lines += [f"| {name} | " + " | ".join(row[name] for row in rows) + " |" for name in rows[0]]
    return "\n".join(lines)


def state_diagram() -> str:
    """The states of an order and what moves it."""
    return f"```mermaid\n{diagram()}```"


def parts() -> dict[str, str]:
    """All generated parts by name."""
    return {"refusals": refusal_table(), "capabilities": capability_table(), "states": state_diagram()}


def filled_in(readme: str) -> str:
    """The README with its generated parts as they are now. Each stands between `<!-- name -->` and `<!-- /name -->`."""
    for name, text in parts().items():
        opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = readme.partition(opening)
        readme = f"{before}{opening}{text}\n{closing}{rest.partition(closing)[2]}"
    return readme


def _meanings() -> dict[str, str]:
    # The meaning of a member is the string after it, which only the source has.
    body = ast.parse(inspect.getsource(RefusalCode)).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - a class's source is a class
    meanings = {}
    for member, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(member, ast.Assign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            name = member.targets[0]
            meanings[RefusalCode[ast.unparse(name)].value] = str(text.value.value)
    return meanings


def _capabilities(venue: Capabilities) -> dict[str, str]:
    return {
        "order types": ", ".join(sorted(venue.order_types)),
        "times in force (GTT elsewhere by our own timer and a cancel)": ", ".join(sorted(venue.times_in_force)),
        "post-only": _yes(venue.post_only),
        "market orders by quote size": _yes(venue.quote_size_market),
        "reduce-only": _yes(venue.reduce_only),
        "accounts hold": "positions of either sign" if venue.margin else "assets",
        "changed in place": _in_place(venue),
        "changed otherwise": _anew(venue),
        "look-up by client order id": _yes(venue.lookup_by_client_id),
        "client order id in lists": _yes(venue.client_id_in_lists),
        "a client order id used again": venue.duplicate_client_id,
        "bound on acceptance": venue.validity_parameter or "none",
        "settle time before 'not found' proves anything": f"{venue.settle_ms / 1000:g} s",
        "sources a proof of absence reads": ", ".join(venue.search_sources),
        "calls at once per credential": str(venue.max_in_flight),
    }


def _in_place(venue: Capabilities) -> str:
    if venue.amend is AmendScope.NONE:
        return "nothing"
    what = "size and price" if venue.amend is AmendScope.NATIVE else venue.amend.value
    only = [
        ", ".join(sorted(some))
        for some, every in ((venue.amend_types, OrderType), (venue.amend_times_in_force, TimeInForce))
        if len(some) < len(every)
    ]
    kept = "a smaller size keeps the place in the queue" if venue.shrink_keeps_priority else ""
    return "; ".join(part for part in (what, " ".join(["only", *only]) if only else "", kept) if part)


def _anew(venue: Capabilities) -> str:
    everything = len(venue.amend_types) == len(OrderType) and len(venue.amend_times_in_force) == len(TimeInForce)
    if venue.amend is AmendScope.NATIVE and everything:
        return "-"
    if venue.cancel_replace:
        return "by the venue's cancel-replace; not once a part has executed"
    return "by a cancel and, once that is proven, a new order"


def _yes(value: bool) -> str:  # noqa: FBT001
    return "yes" if value else "no"


def main() -> int:
    """Write the generated parts into the README of the working folder."""
    readme = Path("README.md")
    readme.write_text(filled_in(readme.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
