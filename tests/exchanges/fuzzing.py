"""Records as no venue documents them: strategies that damage a sample."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "0", "-1", "1.5", "NaN", "Infinity", "1e3", " 1", "1_0", "none", "\uff12"])
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)
"""Whatever a parser of JSON may hand out."""


@st.composite
def damaged(draw: st.DrawFn, sample: dict[str, Any]) -> dict[str, Any]:
    """A documented record with some fields missing, renamed, null or replaced."""
    record = dict(sample)
    for name in draw(st.lists(st.sampled_from(sorted(sample)), min_size=1, max_size=3, unique=True)):
        value = record.pop(name)
        match draw(st.sampled_from(["missing", "renamed", "null", "replaced"])):
            case "renamed":
                record[name + "_"] = value
            case "null":
                record[name] = None
            case "replaced":
                record[name] = draw(JSON)
            case _:
                continue
    return record


def written(value: Any) -> Decimal | None:
    """The number that a record states, whichever way; None for anything else."""
    if type(value) in (int, Decimal) or (type(value) is str and value.isascii() and value.lstrip("-").isdigit()):
        return Decimal(value)
    return None
